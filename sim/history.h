/* sim/history.h - all orders and executions, found by id and by time.
 *
 * Orders: about HISTORY_ORDERS_MAX; the oldest closed one goes first, but none that changed in the
 * same millisecond. Executions: a ring of HISTORY_EXECUTIONS_MAX. orderLinkIds are remembered for
 * ever, as 128-bit digests, up to HISTORY_LINKS_MAX.
 *
 * Threads: pure, owned by one. Pointers to orders stay valid until the next history_add_order.
 */
#pragma once

#include <stdbool.h>

#include "sim/book.h"
#include "sim/instruments.h"
#include "sim/terms.h"

#define HISTORY_ORDERS_MAX     100000
#define HISTORY_EXECUTIONS_MAX 200000
#define HISTORY_LINKS_MAX      4000000

struct sim_order {
    uint64_t number; /* 1, 2, ... in the order of creation */
    char order_id[ORDER_ID_MAX];
    char link[ORDER_LINK_MAX];
    const struct instrument *instrument;
    enum side side;
    enum order_type type;
    enum tif tif;
    int64_t ticks; /* limit; market: the protective price */
    int64_t lots;  /* 0 when the size counts quote coin */
    int64_t filled_lots;
    struct decimal qty; /* as shown */
    bool in_quote;      /* qty counts quote coin */
    bool reduce_only;
    bool close_on_trigger;
    bool is_leverage;
    int position_idx;
    enum stop_kind kind;
    struct trigger trigger;
    struct exits exits;               /* attached */
    int64_t exits_lots;               /* fills for which they were made */
    char parent_link[ORDER_LINK_MAX]; /* of the order that it was attached to */
    uint64_t parent;                  /* its number, 0: none */
    uint64_t pair;   /* number of the order that goes when this one fires, 0: none */
    bool pair_holds; /* what it needs is held by that one */
    enum smp_rule smp;
    char smp_order_id[ORDER_ID_MAX];
    const char *slippage_type; /* static; NULL: none */
    struct decimal slippage;
    struct decimal budget; /* in_quote: what is left */
    struct decimal value;  /* of the fills */
    struct decimal fee;    /* of the fills, in fee_coin */
    const char *fee_coin;
    enum exchange_status status;
    const char *cancel_type;
    const char *reject_reason;
    const char *market_unit;
    struct decimal held; /* locked coin (spot) or order margin (contracts) */
    int64_t opening_lots;
    int64_t created_ms;
    int64_t updated_ms;
    int64_t last_ticks_on_create;
    uint64_t closed_number;   /* 1, 2, ... of its category in the order of closing; 0: open */
    int64_t cancel_at_ms;     /* when a cancel-all that was answered takes effect; 0: none */
    uint64_t last_execution;  /* number of its newest, 0: none */
    struct book_entry *entry; /* while it rests */
    struct sim_order *older;
    struct sim_order *newer;
    struct sim_order *open_prev; /* open orders of the instrument */
    struct sim_order *open_next;
    struct sim_order *id_next; /* hash chains */
    struct sim_order *link_next;
};

/* Funding and delivery are no trades: ids of the order, its size and limit are empty. */
enum execution_type { EXECUTION_TRADE, EXECUTION_FUNDING, EXECUTION_DELIVERY };

struct sim_execution {
    uint64_t number;   /* 1, 2, ... */
    uint64_t previous; /* of the same order, 0: none */
    uint64_t order_number;
    char exec_id[ORDER_ID_MAX];
    char order_id[ORDER_ID_MAX];
    char link[ORDER_LINK_MAX];
    const struct instrument *instrument;
    enum side side;
    enum order_type type;
    enum stop_kind kind;
    int64_t ticks;
    int64_t lots;
    int64_t leaves_lots;
    int64_t order_ticks;
    int64_t mark_ticks;
    int64_t closed_lots;
    struct decimal order_qty;
    struct decimal value;
    struct decimal fee;
    struct decimal fee_rate;
    const char *fee_coin;
    const char *market_unit;
    struct decimal pnl;
    struct decimal balance;      /* of the settle coin, spot: of the quote coin, after it */
    struct decimal base_balance; /* spot */
    int64_t size_lots;           /* of the position after it */
    bool maker;
    enum execution_type what;
    int64_t at_ms;
    uint64_t seq;
};

struct history;

struct history *history_create(void); /* NULL: out of memory */
void history_destroy(struct history *history);

/* Takes a copy into the list, the indices and the set of links; its number is given here. NULL: out
 * of memory. */
struct sim_order *history_add_order(struct history *history, const struct sim_order *order);
struct sim_order *history_order(const struct history *history, enum category category,
                                const char *order_id);
struct sim_order *history_order_by_link(const struct history *history, enum category category,
                                        const char *link);
bool history_link_used(const struct history *history, enum category category, const char *link);
/* The newest order; go on with `older`. */
struct sim_order *history_newest(const struct history *history);

/* Takes the order off the list of open orders of its instrument. */
void history_close_order(struct history *history, struct sim_order *order);
/* Whether it is one of the newest closed ones of its category, and not forgotten. */
bool history_is_recent(const struct history *history, const struct sim_order *order, uint64_t most);
/* As at a restart: none of those that are closed now is recent any more. */
void history_forget_recent(struct history *history);
/* Makes all orders and executions older. */
void history_age(struct history *history, int64_t ms);
struct sim_order *history_open(const struct history *history, int instrument);
int history_open_count(const struct history *history, int instrument);

/* Takes a copy; its number and `previous` are given here. `order` NULL: it has none. */
const struct sim_execution *history_add_execution(struct history *history, struct sim_order *order,
                                                  const struct sim_execution *execution);
/* NULL: not there (any more). */
const struct sim_execution *history_execution(const struct history *history, uint64_t number);
/* Number of the newest, 0: none. */
uint64_t history_last_execution(const struct history *history);
/* Number of the newest at or before a time, 0: none. */
uint64_t history_execution_before(const struct history *history, int64_t at_ms);
