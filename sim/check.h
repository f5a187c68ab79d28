/* sim/check.h - is a create or amend well formed, and does it pass the symbol's filters?
 *
 * Texts in, a sim_request out; no state is looked at but the best price (for the value of market
 * orders). Codes as documented per product: 10001 and 1100xx for contracts, 1701xx for spot;
 * options are listed but not traded: 10005.
 *
 * Threads: pure.
 */
#pragma once

#include "sim/match.h"

/* The members of a create, as sent; NULL: absent. */
struct create_fields {
    const char *category;
    const char *symbol;
    const char *side;
    const char *order_type;
    const char *qty;
    const char *price;
    const char *time_in_force;
    const char *order_link_id;
    const char *market_unit;
    const char *trigger_price;
    const char *take_profit;
    const char *stop_loss;
    const char *order_filter;
    int64_t position_idx;
    bool reduce_only;
    bool close_on_trigger;
};

/* Category and symbol, with the product's code for an unknown one. */
MUST_CHECK struct refusal check_symbol(const char *category, const char *symbol,
                                       const struct instrument **out);
MUST_CHECK struct refusal check_create(const struct exchange *exchange,
                                       const struct create_fields *fields, struct sim_request *out);
/* New totals; NULL texts keep what the order has. */
MUST_CHECK struct refusal check_amend(const struct sim_order *order, const char *qty,
                                      const char *price, int64_t *ticks, int64_t *lots);
