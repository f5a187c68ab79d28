/* sim/cancel_all.h - cancelling many orders with one request.
 *
 * Contracts: at most `most` of the orders that match, picked at random, so that one asks until
 * nothing is left (PROTOCOL section 8). With a delay the answer comes first and the cancels follow,
 * as the documentation says of the exchange; what fills meanwhile is filled.
 *
 * Threads: pure, on an exchange owned by one.
 */
#pragma once

#include "sim/exchange.h"
#include "sim/match.h"

#define CANCEL_PICKS_MAX ((size_t)(MATCH_OPEN_MAX + 64) * INSTRUMENT_COUNT)

/* What an order is while it is open. One that has fired is a normal one. */
enum order_kind {
    ORDER_KIND_NORMAL = 1,
    ORDER_KIND_CONDITIONAL = 2,
    ORDER_KIND_SPOT_TPSL = 4,
    ORDER_KIND_CLOSING = 8, /* take profit, stop loss, trailing stop of a position */
    ORDER_KIND_ALL = 15,
};

/* Which orders: by symbol, else by base coin, else by settle coin, else all of the category. Texts
 * are borrowed; NULL or "": not given. */
struct order_scope {
    enum category category;
    const char *symbol;
    const char *base;
    const char *settle; /* spot has none: ignored */
    unsigned kinds;     /* bits of enum order_kind; for cancel_all_pick */
};

enum order_kind order_kind_of(const struct sim_order *order);

bool order_scope_has(const struct order_scope *scope, const struct instrument *instrument);

/* Chooses the open orders to cancel into `picks`; how many. */
size_t cancel_all_pick(struct exchange *exchange, const struct order_scope *scope,
                       struct sim_order *picks[CANCEL_PICKS_MAX]);
/* Cancels them now, or when the delay has passed. */
void cancel_all_start(struct exchange *exchange, struct sim_order *const *picks, size_t count);
/* Cancels those whose time has come. */
void cancel_all_due(struct exchange *exchange);
