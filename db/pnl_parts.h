/* db/pnl_parts.h - what the files of db/pnl.h share: the sums of the rows (pnl.c), how they are
 * shown (pnl_rows.c), what the transaction log adds to them (pnl_log.c), and what happened at one
 * moment (pnl_moment.c). */
#pragma once

#include "db/pnl.h"
#include "db/pnl_book.h"

#define PNL_PLACE_SLOTS 32768 /* powers of two, well above the numbers of what is in them */
#define PNL_ROW_SLOTS   65536
#define PNL_SEVERAL     UINT32_MAX

/* What the comparison says of the executions of a row. */
enum pnl_entry_flag {
    PNL_ENTRY_OUTSIDE = 1, /* some were not compared */
    PNL_ENTRY_COMPARED = 2,
    PNL_ENTRY_DIFFERS = 4,
    PNL_ENTRY_OPEN = 8,     /* some are pending */
    PNL_ENTRY_NO_FLOW = 16, /* the log does not tell what was realised */
    /* Of some what was realised is another sum in the log, and the journal can't know better. */
    PNL_ENTRY_UNKNOWN = 32,
};

/* A row's sums, and what they belong to. */
struct pnl_entry {
    int64_t day_ms;
    uint32_t place; /* PNL_BY_SYMBOL */
    char tag[TAG_MAX];
    char coin[COIN_MAX];
    uint32_t only_place; /* of all its executions; PNL_SEVERAL */
    pnl_int realised;
    pnl_int fees;
    pnl_int funding;
    pnl_int volume;
    pnl_int unmatched_qty;
    int64_t trades;
    int64_t unmatched;
    int64_t skipped;
    pnl_int log_realised;
    pnl_int log_fees;
    pnl_int log_funding;
    pnl_int gap;   /* what was realised, less what the log says, where that can be compared */
    pnl_int slack; /* how much of it comes of rounding */
    unsigned flags;
};

#define PNL_MOMENT_MAX 512 /* executions that are put in order */
struct pnl_held;
struct pnl_moment {
    struct pnl_held *held; /* NULL: none yet */
    size_t count;
    int64_t at_ms;
    int64_t exchange_seq;
};

struct pnl {
    struct pnl_filter filter;
    pnl_coins_fn *coins;
    void *userdata;
    struct pnl_check *check; /* NULL: none */
    struct pnl_cursor cursor;
    struct pnl_moment moment;
    struct pnl_place *places;
    size_t places_count;
    size_t places_capacity;
    struct pnl_entry *entries;
    size_t entries_count;
    size_t entries_capacity;
    struct pnl_row *shown;
    uint32_t place_slots[PNL_PLACE_SLOTS]; /* index + 1; 0: free */
    uint32_t row_slots[PNL_ROW_SLOTS];
};

struct pnl_finding;

/* What groups the execution; sums are zero. */
void pnl_start_entry(const struct pnl *pnl, struct pnl_entry *key, const struct pnl_fill *fill,
                     uint32_t place, const char *coin);
/* Adds the sums to their row. */
MUST_CHECK enum err pnl_count(struct pnl *pnl, const struct pnl_entry *more);
/* NULL: there is none yet. */
struct pnl_entry *pnl_peek_entry(struct pnl *pnl, const struct pnl_entry *key);
/* Finds or makes it. ERR_BUSY, ERR_NO_MEMORY. */
MUST_CHECK enum err pnl_find_place(struct pnl *pnl, enum category category, const char *symbol,
                                   uint32_t *out);

/* Asks the check for the execution; `sums` has its effect already. */
void pnl_judge(struct pnl *pnl, const struct pnl_place *place, const struct pnl_fill *fill,
               const struct pnl_effect *effect, bool counts, struct pnl_entry *sums,
               struct pnl_finding *out);
