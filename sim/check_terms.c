/* Triggers, the place of the position, self-match prevention, slippage. */
#include <string.h>

#include "base/text.h"
#include "sim/check.h"
#include "sim/stops.h"

#define TICKS_MAX        10000
#define PERCENT_MAX      1000 /* in hundredths */
#define PERCENT_DECIMALS 2

static const struct refusal accepted = { 0, "OK" };

/* --- triggers --- */

struct refusal check_trigger(const struct exchange *exchange, const struct instrument *instrument,
                             const char *price, const char *by, struct trigger *out)
{
    struct refusal refusal = accepted;
    int direction;

    if (!check_is_empty(by) && !price_kind_parse(by, &out->by))
        return (struct refusal){ 10001, "TriggerBy invalid" };
    if (!check_is_empty(price))
        refusal = check_price(instrument, price, &out->ticks);
    if (refusal.code)
        return refusal;
    direction = stop_direction(exchange, instrument, out->by, out->ticks);
    if (out->direction == 0)
        out->direction = direction ? direction : 1;
    else if (out->direction == 1 && direction != 1)
        return (struct refusal){ 110092, "expect Rising, but trigger_price <= current price" };
    else if (out->direction == 2 && direction != 2)
        return (struct refusal){ 110093, "expect Falling, but trigger_price >= current price" };
    return accepted;
}

/* orderFilter says what a trigger is for; the direction follows from the price. */
static struct refusal check_spot_filter(const struct exchange *exchange,
                                        const struct create_fields *fields, struct sim_request *out)
{
    const char *filter = check_is_empty(fields->order_filter) ? "Order" : fields->order_filter;

    if (strcmp(filter, "tpslOrder") == 0)
        out->kind = STOP_SPOT_TPSL;
    else if (strcmp(filter, "StopOrder") == 0)
        out->kind = STOP_CONDITIONAL;
    else if (strcmp(filter, "Order") != 0)
        return (struct refusal){ 170201, "Your order filter is invalid." };
    if (out->kind == STOP_NONE && !check_is_zero(fields->trigger_price))
        return (struct refusal){ 170130, "Data sent for parameter 'triggerPrice' is not valid." };
    if (out->kind == STOP_NONE)
        return accepted;
    if (check_is_zero(fields->trigger_price))
        return (struct refusal){ 170202, "The trigger price is required." };
    return check_trigger(exchange, out->instrument, fields->trigger_price, NULL, &out->trigger);
}

static struct refusal check_conditional(const struct exchange *exchange,
                                        const struct create_fields *fields, struct sim_request *out)
{
    if (out->instrument->category == CATEGORY_SPOT)
        return check_spot_filter(exchange, fields, out);
    if (check_is_zero(fields->trigger_price))
        return accepted;
    if (out->instrument->category == CATEGORY_OPTION)
        return (struct refusal){ 10001, "params error: options have no conditional orders" };
    if (fields->trigger_direction != 1 && fields->trigger_direction != 2)
        return (struct refusal){ 10001, "TriggerDirection invalid" };
    out->kind = STOP_CONDITIONAL;
    out->trigger.direction = (int)fields->trigger_direction;
    return check_trigger(exchange, out->instrument, fields->trigger_price, fields->trigger_by,
                         &out->trigger);
}

/* --- position --- */

/* In hedge mode the side against the position only closes. */
static struct refusal check_place(const struct exchange *exchange,
                                  const struct create_fields *fields, struct sim_request *out)
{
    bool hedged = exchange->account.hedged[out->instrument->index];

    if (hedged != (fields->position_idx != 0))
        return (struct refusal){ 10001, "position idx not match position mode" };
    out->position_idx = (int)fields->position_idx;
    if (hedged && (out->position_idx == 1) != (out->side == SIDE_BUY))
        out->reduce_only = true;
    return accepted;
}

/* --- slippage --- */

static bool is_market_now(const struct sim_request *request)
{
    return request->type == ORDER_TYPE_MARKET && request->kind == STOP_NONE;
}

static struct refusal check_slippage(const struct exchange *exchange,
                                     const struct create_fields *fields, struct sim_request *out)
{
    const struct book *book = &exchange->books[out->instrument->index];
    int64_t best = book_best_ticks(book, side_opposite(out->side));
    struct decimal value;
    int64_t away;

    if (check_is_empty(fields->slippage_type) && check_is_empty(fields->slippage))
        return accepted;
    if (!is_market_now(out) || check_is_empty(fields->slippage_type))
        return (struct refusal){ 10001, "params error: slippageTolerance is for market orders" };
    if (check_is_empty(fields->slippage) || decimal_parse(&value, fields->slippage))
        return (struct refusal){ 10001, "SlippageTolerance invalid" };
    out->slippage = value = decimal_trim(value);
    if (strcmp(fields->slippage_type, "TickSize") == 0) {
        if (value.scale > 0 || value.mantissa < 1 || value.mantissa > TICKS_MAX)
            return (struct refusal){ 110108, "slippageTolerance is 1 to 10000 ticks" };
        out->slippage_type = "TickSize";
        away = (int64_t)value.mantissa;
    } else if (strcmp(fields->slippage_type, "Percent") == 0) {
        while (value.scale < PERCENT_DECIMALS)
            value = (struct decimal){ value.mantissa * 10, value.scale + 1 };
        if (value.scale > PERCENT_DECIMALS || value.mantissa < 1 || value.mantissa > PERCENT_MAX)
            return (struct refusal){ 110109, "slippageTolerance is 0.01 to 10 percent" };
        out->slippage_type = "Percent";
        away = (int64_t)(best * value.mantissa / 10000);
    } else {
        return (struct refusal){ 10001, "SlippageToleranceType invalid" };
    }
    if (best > 0)
        out->worst_ticks = out->side == SIDE_BUY ? best + away : (best > away ? best - away : 1);
    return accepted;
}

struct refusal check_terms(const struct exchange *exchange, const struct create_fields *fields,
                           struct sim_request *out)
{
    struct refusal refusal = check_place(exchange, fields, out);

    if (!refusal.code && !check_is_empty(fields->order_iv))
        return (struct refusal){ 10001, "orderIv is not supported by the simulation" };
    if (!refusal.code && !check_is_empty(fields->smp_type) &&
        !smp_rule_parse(fields->smp_type, &out->smp))
        return (struct refusal){ 10001, "SmpType invalid" };
    if (!refusal.code)
        refusal = check_conditional(exchange, fields, out);
    if (!refusal.code)
        refusal = check_slippage(exchange, fields, out);
    return refusal;
}
