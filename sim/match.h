/* sim/match.h - orders of the user: placed, matched, amended, cancelled.
 *
 * Filters and grammar are checked before (sim/check.h); here it is about ids, funds, positions and
 * the book.
 *
 * Threads: pure, on an exchange owned by one.
 */
#pragma once

#include "sim/fill.h"

#define MATCH_OPEN_MAX   500 /* open orders of a contract; of spot in all */
#define MATCH_OPTION_MAX 50  /* of a coin's options in all */
#define MATCH_STOP_MAX   10  /* conditional ones of a contract */
#define MATCH_SPOT_MAX   30  /* waiting ones of a spot symbol, of each kind */

/* A create that passed the checks. */
struct sim_request {
    const struct instrument *instrument;
    char link[ORDER_LINK_MAX]; /* "" : none */
    enum side side;
    enum order_type type;
    enum tif tif;
    int64_t ticks; /* 0 for market */
    int64_t lots;  /* 0: in quote coin, or all of the position */
    struct decimal qty;
    bool in_quote;
    const char *market_unit; /* static: "", "baseCoin", "quoteCoin" */
    bool reduce_only;
    bool close_on_trigger;
    bool is_leverage; /* only told: nobody lends here */
    int position_idx;
    enum stop_kind kind; /* STOP_NONE: there is no trigger */
    struct trigger trigger;
    struct exits exits;
    enum smp_rule smp;
    const char *slippage_type; /* static; NULL: none */
    struct decimal slippage;
    int64_t worst_ticks; /* that the slippage leaves, 0: none was given */
};

/* What an amend wants: new totals and prices, the old ones to keep. */
struct sim_amend {
    int64_t ticks;
    int64_t lots;
    struct trigger trigger;
    struct exits exits;
    bool changes_exits; /* they were named */
};

/* Places and matches. `*out` is the accepted order, whatever became of it; of one that was split,
 * the first. */
MUST_CHECK struct refusal match_place(struct exchange *exchange, const struct sim_request *request,
                                      struct sim_order **out);
MUST_CHECK struct refusal match_amend(struct exchange *exchange, struct sim_order *order,
                                      const struct sim_amend *amend);
/* The order must be open. */
void match_cancel(struct exchange *exchange, struct sim_order *order);
/* Takes what its limit reaches, then rests or ends; tells of it. The order has what it needs. */
void match_execute(struct exchange *exchange, struct sim_order *order);
/* The price that a market order becomes a limit order at. */
int64_t match_protective_ticks(const struct exchange *exchange, const struct instrument *instrument,
                               enum side side);
/* Cuts a reduce-only order to the position; refused when there is nothing to reduce. */
MUST_CHECK struct refusal match_fit(struct exchange *exchange, struct sim_order *order);
