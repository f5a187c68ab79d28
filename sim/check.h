/* sim/check.h - is a create or amend well formed, and does it pass the symbol's filters?
 *
 * Texts in, a sim_request out; no state is looked at but the best price (for the value of market
 * orders) and the price that a trigger is judged by. Codes as documented per product: 10001 and
 * 1100xx for contracts and options, 1701xx for spot.
 *
 * Threads: pure.
 */
#pragma once

#include "sim/match.h"

/* What is said of one leg of take profit and stop loss, as sent; NULL: absent. */
struct leg_fields {
    const char *price;
    const char *trigger_by;
    const char *order_type;
    const char *limit_price;
};

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
    const char *trigger_by;
    int64_t trigger_direction; /* 0: absent */
    const char *order_filter;
    struct leg_fields take_profit;
    struct leg_fields stop_loss;
    const char *tpsl_mode;
    const char *smp_type;
    const char *slippage_type;
    const char *slippage;
    const char *order_iv;
    int64_t position_idx;
    int64_t is_leverage;
    bool reduce_only;
    bool close_on_trigger;
};

/* Category and symbol, with the product's code for an unknown one. */
MUST_CHECK struct refusal check_symbol(const char *category, const char *symbol,
                                       const struct instrument **out);
MUST_CHECK struct refusal check_create(const struct exchange *exchange,
                                       const struct create_fields *fields, struct sim_request *out);
/* The members of an amend, as sent; NULL: absent, which keeps what the order has. */
struct amend_fields {
    const char *qty;
    const char *price;
    const char *trigger_price;
    const char *trigger_by;
    struct leg_fields take_profit;
    struct leg_fields stop_loss;
    const char *tpsl_mode;
    const char *order_iv;
};

MUST_CHECK struct refusal check_amend(const struct exchange *exchange,
                                      const struct sim_order *order,
                                      const struct amend_fields *fields, struct sim_amend *out);

/* --- shared by the parts of it --- */

bool check_is_empty(const char *text);
/* Absent, empty or a number that is zero. */
bool check_is_zero(const char *text);
MUST_CHECK struct refusal check_price(const struct instrument *instrument, const char *text,
                                      int64_t *ticks);
MUST_CHECK struct refusal check_lots(const struct instrument *instrument, const char *text,
                                     const struct decimal *most, int64_t *lots);

/* --- sim/check_terms.c --- */

/* What is not price and size: trigger, place of the position, self-match, slippage. */
MUST_CHECK struct refusal check_terms(const struct exchange *exchange,
                                      const struct create_fields *fields, struct sim_request *out);
/* A trigger's price and source; 110092, 110093 when its direction contradicts. */
MUST_CHECK struct refusal check_trigger(const struct exchange *exchange,
                                        const struct instrument *instrument, const char *price,
                                        const char *by, struct trigger *out);

/* --- sim/check_exits.c --- */

/* One leg: "0" takes it away, NULL keeps it. */
MUST_CHECK struct refusal check_leg(const struct instrument *instrument,
                                    const struct leg_fields *fields, bool partial,
                                    struct exit_leg *out);
MUST_CHECK struct refusal check_exits(const struct exchange *exchange,
                                      const struct create_fields *fields, struct sim_request *out);
/* On the right sides of a price that a position of this side has or gets. */
MUST_CHECK struct refusal check_exit_sides(enum side side, int64_t base_ticks,
                                           const struct exits *exits);
MUST_CHECK struct refusal check_tpsl_mode(const char *text, bool *partial);
