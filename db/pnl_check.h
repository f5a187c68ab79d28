/* db/pnl_check.h - executions against the exchange's transaction log, one by one (db/pnl.h).
 *
 * Filled with the rows of the log first, then shown each execution of the journal, and asked at the
 * end what the log has and the journal has not.
 *
 *  - An execution has the rows with its id, category and symbol; those of one trade with oneself
 *    differ by their order. Funding without such rows has the one of its symbol and coin at its
 * time (within a second) with its amount.
 *  - Amounts, sizes and prices are equal that differ by less than 10^-8: the log cuts them there.
 *  - The fee of a spot execution is in one of its two rows, that of the fee's coin. The size is in
 *    the one of the base coin, which may be without the fee.
 *  - Several rows of one execution in one coin are added up.
 *  - What only one side has, or has otherwise, and is newer than `settled_ms`, is pending: the
 * other may be late.
 *  - Times of both may differ a little: what the other side has beyond an end of the span, within
 *    PNL_CHECK_EDGE_MS, is found there. So log and journal are read that much farther.
 *
 * Pure. Threads: one owner at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/ledger.h"
#include "db/pnl_book.h"

#define PNL_CHECK_ROWS_MAX  50000
#define PNL_CHECK_SHOWN_MAX 100
#define PNL_CHECK_EDGE_MS   60000
#define PNL_CHECK_LAG_MS    60000
/* Rows of one execution; spot has two. */
#define PNL_CHECK_LEGS_MAX 8

struct pnl_check_span {
    int64_t from_ms;         /* inclusive */
    int64_t to_ms;           /* exclusive; not above from_ms: nothing is compared */
    int64_t settled_ms;      /* what is older than this both sides have */
    int64_t options_from_ms; /* of options nothing before this is missing */
    bool has_category;       /* rows of others are not looked at */
    enum category category;
    const char *symbol; /* NULL: any; borrowed for life */
};

struct pnl_check_counts {
    int64_t entries;   /* rows of the log, in the span */
    int64_t matched;   /* executions on both sides, and equal */
    int64_t missing;   /* in the log, not in the journal */
    int64_t extra;     /* in the journal, not in the log */
    int64_t different; /* on both sides, and not equal */
    int64_t pending;
    int64_t other; /* rows of the log that are of no execution */
};

enum pnl_difference_kind { PNL_MISSING, PNL_EXTRA, PNL_DIFFERENT };

/* What is not equal: bits. */
enum pnl_field {
    PNL_FIELD_FEE = 1,
    PNL_FIELD_FUNDING = 2,
    PNL_FIELD_PRICE = 4,
    PNL_FIELD_QTY = 8,
    PNL_FIELD_COIN = 16, /* that of fee or funding */
};

struct pnl_side {
    struct decimal qty; /* NONE: not told */
    struct decimal price;
    struct decimal fee;
    struct decimal funding; /* received; negative: paid. NONE: it is none */
    char coin[COIN_MAX];    /* of fee or funding */
};

struct pnl_difference {
    enum pnl_difference_kind kind;
    unsigned fields; /* DIFFERENT only */
    char exec_id[EXEC_ID_MAX];
    char order_id[ORDER_ID_MAX];
    enum category category;
    char symbol[SYMBOL_MAX];
    int64_t at_ms;
    struct pnl_side journal; /* not with MISSING */
    struct pnl_side log;     /* not with EXTRA */
};

struct pnl_check;

/* NULL: out of memory. */
struct pnl_check *pnl_check_create(const struct pnl_check_span *span);
void pnl_check_destroy(struct pnl_check *check);

/* The very row that came already is not added again. ERR_BUSY: more than PNL_CHECK_ROWS_MAX.
 * ERR_INVALID: its numbers do not fit, or one execution has more than PNL_CHECK_LEGS_MAX rows.
 * ERR_NO_MEMORY. */
MUST_CHECK enum err pnl_check_add(struct pnl_check *check, const struct ledger_entry *entry,
                                  struct error *error);

enum pnl_verdict {
    PNL_NOT_COMPARED, /* outside of the span */
    PNL_SAME,
    PNL_NOT_SAME, /* missing, extra, different */
    PNL_NOT_YET,  /* pending */
};

/* What the log says of one execution. */
struct pnl_finding {
    enum pnl_verdict verdict;
    bool found;
    bool has_flow;
    bool has_size;
    pnl_int fee; /* in the coin of the journal's fee */
    pnl_int funding;
    pnl_int flow;
    pnl_int size;
};

/* `base`: the base coin of the symbol. What does not `count` is found, so that it is not missing,
 * and not counted. */
void pnl_check_fill(struct pnl_check *check, const struct pnl_fill *fill, const char *base,
                    bool counts, struct pnl_finding *out);

/* An execution that the journal has not. */
struct pnl_lack {
    enum pnl_verdict verdict;         /* NOT_SAME: missing; NOT_YET */
    struct pnl_difference difference; /* spot: without the qty */
    enum ledger_kind kind;
    size_t legs_count;
    struct {
        const char *coin;
        pnl_int qty; /* its size */
        bool has_qty;
        pnl_int fee;
        pnl_int funding;
        pnl_int flow;
        bool has_flow;
    } legs[PNL_CHECK_LEGS_MAX];
};
/* After the last execution: the next one, in the order of the rows; false: there are no more. */
bool pnl_check_lack(struct pnl_check *check, struct pnl_lack *out);
/* It counts. `base`: the base coin of its symbol. */
void pnl_check_count(struct pnl_check *check, const struct pnl_lack *lack, const char *base);

struct pnl_check_counts pnl_check_counts(const struct pnl_check *check);
const struct pnl_check_span *pnl_check_span(const struct pnl_check *check);
/* The first PNL_CHECK_SHOWN_MAX that were found, by time. */
const struct pnl_difference *pnl_check_differences(struct pnl_check *check, size_t *count);
