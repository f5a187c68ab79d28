/* db/pnl.h - profit and loss from executions, by average cost.
 *
 * Fed with every execution since the journal began, oldest first, it keeps one average a position
 * and counts what lies in the span that was asked for. A position is (category, symbol), in hedge
 * mode also its side.
 *
 *  - An opening adds to the position's size and cost. A closing takes its share of the cost out
 *    (cut at PNL_SCALE decimals, toward zero; the last closing takes all that is left, so nothing
 *    is lost) and realises the difference to its own value.
 *  - Values are qty * price in the quote coin; inverse contracts qty / price in the base coin, cut
 *    at PNL_SCALE decimals.
 *  - Spot: what was bought since the journal began has a cost. A fee paid in the base coin never
 *    arrives, so it has no cost either: it is among the fees.
 *  - What was there before has no known cost. A closing of it realises nothing and counts as
 *    unmatched. How much of a position an execution closed is told by the exchange (closed_qty);
 *    where that and the average's size do not agree, the exchange is believed, and what is left
 *    over is unmatched too.
 *
 * Sums are per coin, never across coins. Exact: an execution whose numbers do not fit is skipped
 * and counted. Pure but for pnl_read.
 *
 * Threads: one owner at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/trade.h"
#include "db/history.h"

#define PNL_SCALE      18
#define PNL_ROWS_MAX   20000
#define PNL_PLACES_MAX 10000   /* symbols */
#define PNL_FILLS_MAX  5000000 /* read for one answer */

enum pnl_group { PNL_BY_DAY, PNL_BY_SYMBOL, PNL_BY_TAG };

struct pnl_filter {
    enum pnl_group group;
    bool has_category;
    enum category category;
    const char *symbol; /* NULL: any */
    const char *tag;    /* of the executions that count; all others still move the average */
    int64_t from_ms;    /* inclusive, by the exchange's time; 0: none */
    int64_t to_ms;      /* exclusive; 0: none */
    int64_t beyond_ms;  /* with to_ms: executions so far behind it are read, and do not count */
};

struct pnl_fill {
    const char *exec_id; /* this and order_id: for a check; NULL: not known */
    const char *order_id;
    enum category category;
    const char *symbol;
    enum side side;
    struct decimal qty;
    struct decimal price;
    struct decimal fee; /* funding: positive is paid */
    const char *fee_coin;
    bool maker;
    enum fill_kind kind;
    struct decimal closed_qty; /* NONE: not told */
    int64_t at_ms;
    const char *tag;
    int position_idx; /* -1: not known */
};

/* Whether the exchange's transaction log says the same. */
enum pnl_checked {
    PNL_UNCHECKED, /* not compared, or not all of it */
    PNL_CHECKED_EQUAL,
    PNL_CHECKED_DIFFERS,
};

/* One group's sums in one coin. */
struct pnl_row {
    int64_t day_ms; /* PNL_BY_DAY: its first moment in UTC */
    enum category category;
    char symbol[SYMBOL_MAX]; /* PNL_BY_SYMBOL */
    char tag[TAG_MAX];       /* PNL_BY_TAG; "": executions without one */
    char coin[COIN_MAX];     /* "": not known */
    struct decimal realised; /* without fees and funding */
    struct decimal fees;     /* paid; negative: rebates */
    struct decimal funding;  /* received; negative: paid */
    struct decimal net;      /* realised - fees + funding */
    struct decimal volume;
    struct decimal unmatched_qty; /* NONE: of several symbols */
    int64_t trades;
    int64_t unmatched;           /* executions that closed what has no known cost */
    int64_t skipped;             /* executions whose effect is not in here */
    struct decimal log_realised; /* these three: of the transaction log; NONE: not known */
    struct decimal log_fees;
    struct decimal log_funding;
    enum pnl_checked checked;
};

/* The coin that results are in (settle, spot: quote) and the base coin; "" where not known. */
typedef void pnl_coins_fn(enum category category, const char *symbol, char coin[COIN_MAX],
                          char base[COIN_MAX], void *userdata);
/* By the symbol's own grammar, for symbols that are not listed any more. */
void pnl_guess_coins(enum category category, const char *symbol, char coin[COIN_MAX],
                     char base[COIN_MAX]);

struct pnl;
struct pnl_check; /* db/pnl_check.h */
struct pnl_lack;

/* The texts of `filter` are borrowed for life. NULL: out of memory. */
struct pnl *pnl_create(const struct pnl_filter *filter, pnl_coins_fn *coins, void *userdata);
void pnl_destroy(struct pnl *pnl);

/* Before the first execution: each is compared with the log. `check` is borrowed for life.
 *
 * What is realised is compared where both know the whole position: the execution closed nothing
 * that has no known cost, and left as much open as the log says. It is equal within 10^-6 of the
 * value of the closings, and 10^-8 for each and a unit of its size, because the exchange rounds its
 * average price. A row where it is another sum, and can't be compared, is neither equal nor
 * different. Of contracts in USDC the log tells it by sessions: it is not shown. */
void pnl_set_check(struct pnl *pnl, struct pnl_check *check);

/* ERR_BUSY: more than PNL_ROWS_MAX rows or PNL_PLACES_MAX symbols. ERR_NO_MEMORY. */
MUST_CHECK enum err pnl_add(struct pnl *pnl, const struct pnl_fill *fill);

/* The same for executions that come by time and sequence: those of one order at one moment are
 * added in the order in which they can have happened, when the next moment begins or by
 * pnl_end_moment, which is owed after the last one. */
MUST_CHECK enum err pnl_add_of_moment(struct pnl *pnl, const struct pnl_fill *fill,
                                      int64_t exchange_seq);
MUST_CHECK enum err pnl_end_moment(struct pnl *pnl);

/* With a check, after the last execution: one that the journal lacks, and the tag of its order. */
MUST_CHECK enum err pnl_add_lack(struct pnl *pnl, const struct pnl_lack *lack, const char *tag);

/* The rows, by day, by category and symbol, or by tag; then by coin. Valid until pnl_destroy or
 * pnl_add. */
const struct pnl_row *pnl_rows(struct pnl *pnl, size_t *count);

/* --- pnl_read.c: on a history worker --- */

/* Adds at most `max` executions more, oldest first (by time, the exchange's sequence; those of one
 * order at one moment: what closed before what opened; row); those that were committed when the
 * first piece was read. `*ended`: there are no more. ERR_BUSY as pnl_add, or more than
 * PNL_FILLS_MAX; ERR_IO. */
MUST_CHECK enum err pnl_read(struct pnl *pnl, struct history_reader *reader, int max, bool *ended);
/* With a check, when pnl_read has ended: adds at most `max` of what the journal lacks. `*ended`:
 * there are no more. ERR_BUSY as pnl_add; ERR_IO. */
MUST_CHECK enum err pnl_read_lacks(struct pnl *pnl, struct history_reader *reader, int max,
                                   bool *ended);
/* The statement behind pnl_read, for the tests of its plan. */
#define PNL_SQL_MAX 1024
const char *pnl_read_sql(const struct pnl_filter *filter, char out[PNL_SQL_MAX]);

/* Where the reading is. */
struct pnl_cursor {
    int64_t at_ms;
    int64_t exchange_seq;
    int64_t row_id;
    int64_t newest_row_id; /* 0: nothing was read yet */
    int64_t count;
};
struct pnl_cursor *pnl_cursor(struct pnl *pnl);
const struct pnl_filter *pnl_filter(const struct pnl *pnl);
struct pnl_check *pnl_check_of(const struct pnl *pnl); /* NULL: none */
