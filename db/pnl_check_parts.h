/* db/pnl_check_parts.h - what the files of db/pnl_check.h share: rows, and which are an execution's
 * (pnl_check_rows.c). */
#pragma once

#include "db/pnl_check.h"

#define PNL_CHECK_HEADS 32768 /* a power of two */

struct pnl_check_row {
    enum ledger_kind kind;
    bool used; /* an execution of the journal has it */
    bool has_qty;
    bool has_price;
    bool has_flow;
    bool has_size;
    enum category category;
    char symbol[SYMBOL_MAX];
    char coin[COIN_MAX];
    char exec_id[EXEC_ID_MAX];
    char order_id[ORDER_ID_MAX];
    int64_t at_ms;
    pnl_int qty;
    pnl_int price;
    pnl_int fee;
    pnl_int funding;
    pnl_int flow;
    pnl_int size;
    uint32_t next_by_id; /* index + 1; 0: the last */
    uint32_t next_by_time;
};

struct pnl_check {
    struct pnl_check_span span;
    struct pnl_check_counts counts;
    struct pnl_check_row *rows;
    size_t rows_count;
    size_t rows_capacity;
    size_t lack_at;
    struct pnl_difference differences[PNL_CHECK_SHOWN_MAX];
    size_t differences_count;
    uint32_t by_id[PNL_CHECK_HEADS];
    uint32_t by_time[PNL_CHECK_HEADS];
};

/* Rows of one execution. */
struct pnl_legs {
    struct pnl_check_row *at[PNL_CHECK_LEGS_MAX];
    size_t count;
};

bool pnl_check_in_span(const struct pnl_check *check, int64_t at_ms);

/* Whether what the log cuts is all that they differ by. */
bool pnl_check_is_near(pnl_int a, pnl_int b);
pnl_int pnl_check_size_of(pnl_int value);

/* Whether it is the coin of the execution's fee or funding; any, where that is not known. */
bool pnl_check_is_coin(const struct pnl_check_row *row, const struct pnl_fill *fill);

/* Rows that no execution has yet; those of the execution's order, but for funding. */
void pnl_check_by_id(struct pnl_check *check, enum category category, const char *symbol,
                     const char *exec_id, const char *order_id, bool is_funding,
                     struct pnl_legs *out);
/* A row of funding at the execution's time with that amount; NULL: none. */
struct pnl_check_row *pnl_check_by_time(struct pnl_check *check, const struct pnl_fill *fill,
                                        pnl_int received);
