/* sim/match.h - orders of the user: placed, matched, amended, cancelled.
 *
 * Filters and grammar are checked before (sim/check.h); here it is about ids, funds, positions and
 * the book.
 *
 * Threads: pure, on an exchange owned by one.
 */
#pragma once

#include "sim/exchange.h"

#define MATCH_OPEN_MAX 500 /* open orders of a contract; of spot in all */

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
};

/* Places and matches. `*out` is the accepted order, whatever became of it. */
MUST_CHECK struct refusal match_place(struct exchange *exchange, const struct sim_request *request,
                                      struct sim_order **out);
/* `ticks` and `lots` are the new totals (the old ones to keep). */
MUST_CHECK struct refusal match_amend(struct exchange *exchange, struct sim_order *order,
                                      int64_t ticks, int64_t lots);
/* The order must be open. */
void match_cancel(struct exchange *exchange, struct sim_order *order);
bool order_is_open(const struct sim_order *order);
/* Tells of the positions and the wallet that have changed, once. */
void match_tell_account(struct exchange *exchange);

/* Somebody else takes up to `lots` from the book. Returns the lots taken. */
int64_t match_market_taker(struct exchange *exchange, const struct instrument *instrument,
                           enum side side, int64_t limit_ticks, int64_t lots);
