/* api/order_check.c - PROTOCOL section 13: what the exchange would refuse is refused here, with the
 * nearest valid value.
 *
 * Only what is surely wrong: a rule that the instrument does not state is the exchange's to judge.
 */
#include <string.h>

#include "api/order_body.h"
#include "base/text.h"

/* "; nearest 0.012", or "" where there is none to name. */
static const char *nearest_text(char out[80], const struct decimal *value,
                                const struct decimal *step, const struct decimal *min,
                                const struct decimal *max)
{
    struct decimal nearest;
    char digits[DECIMAL_TEXT_MAX];
    struct text text = text_in(out, 80);

    if (!step || decimal_is_none(step) || decimal_sign(step) <= 0 ||
        decimal_nearest_to(&nearest, value, step))
        return out;
    if (min && decimal_sign(min) > 0 && decimal_cmp(&nearest, min) < 0)
        nearest = *min;
    if (max && decimal_sign(max) > 0 && decimal_cmp(&nearest, max) > 0)
        nearest = *max;
    if (decimal_sign(&nearest) <= 0)
        nearest = *step;
    text_addf(&text, "; nearest %s", decimal_format(&nearest, digits));
    return out;
}

struct rule {
    const char *name; /* of the value */
    const struct decimal *value;
    const struct decimal *step;
    const struct decimal *min;
    const struct decimal *max;
};

static enum err refuse_limit(const struct rule *rule, bool above, const char *code,
                             struct api_refusal *refusal)
{
    const struct decimal *limit = above ? rule->max : rule->min;
    char value[DECIMAL_TEXT_MAX];
    char shown[DECIMAL_TEXT_MAX];
    char nearest[80];

    return api_refuse(refusal, code, "%s %s is %s the %s %s%s", rule->name,
                      decimal_format(rule->value, value), above ? "above" : "below",
                      above ? "maximum" : "minimum", decimal_format(limit, shown),
                      nearest_text(nearest, rule->value, rule->step, rule->min, rule->max));
}

static enum err refuse_zero(const struct rule *rule, const char *code, struct api_refusal *refusal)
{
    char nearest[80];

    return api_refuse(refusal, code, "%s must be above 0%s", rule->name,
                      nearest_text(nearest, rule->value, rule->step, rule->min, rule->max));
}

static enum err refuse_step(const struct rule *rule, const char *step_name, const char *code,
                            struct api_refusal *refusal)
{
    char value[DECIMAL_TEXT_MAX];
    char step[DECIMAL_TEXT_MAX];
    char nearest[80];

    return api_refuse(refusal, code, "%s %s is not a multiple of %s %s%s", rule->name,
                      decimal_format(rule->value, value), step_name,
                      decimal_format(rule->step, step),
                      nearest_text(nearest, rule->value, rule->step, rule->min, rule->max));
}

static bool off_step(const struct rule *rule)
{
    return decimal_sign(rule->step) > 0 && !decimal_is_multiple(rule->value, rule->step);
}

static bool below_min(const struct rule *rule)
{
    return decimal_sign(rule->min) > 0 && decimal_cmp(rule->value, rule->min) < 0;
}

static bool above_max(const struct rule *rule)
{
    return decimal_sign(rule->max) > 0 && decimal_cmp(rule->value, rule->max) > 0;
}

static enum err check_one_price(const char *name, const struct decimal *price,
                                const struct instrument *instrument, struct api_refusal *refusal)
{
    const struct rule rule = { name, price, &instrument->tick_size, &instrument->min_price,
                               &instrument->max_price };

    if (decimal_sign(price) <= 0)
        return refuse_zero(&rule, "price_out_of_range", refusal);
    if (below_min(&rule) || above_max(&rule))
        return refuse_limit(&rule, above_max(&rule), "price_out_of_range", refusal);
    if (off_step(&rule))
        return refuse_step(&rule, "tick size", "price_tick", refusal);
    return ERR_NONE;
}

static enum err check_price(const struct order_request *request,
                            const struct instrument *instrument, struct api_refusal *refusal)
{
    if (request->type != ORDER_TYPE_LIMIT)
        return ERR_NONE;
    return check_one_price("price", &request->price, instrument, refusal);
}

/* Of conditional orders, and of take profit and stop loss. */
static enum err check_more_prices(const struct order_request *request,
                                  const struct instrument *instrument, struct api_refusal *refusal)
{
    const struct {
        const char *name;
        const struct decimal *value;
    } prices[] = { { "trigger_price", &request->trigger_price },
                   { "take_profit", &request->take_profit },
                   { "stop_loss", &request->stop_loss },
                   { "take_profit_limit_price", &request->take_profit_limit },
                   { "stop_loss_limit_price", &request->stop_loss_limit } };

    for (size_t i = 0; i < ARRAY_LEN(prices); i++) {
        if (!decimal_is_none(prices[i].value) &&
            check_one_price(prices[i].name, prices[i].value, instrument, refusal))
            return ERR_INVALID;
    }
    return ERR_NONE;
}

const struct decimal *order_max_qty(const struct order_request *request,
                                    const struct instrument *instrument)
{
    static const struct decimal none = { 0, -1 };

    if (request->qty_in_quote)
        return &none; /* the maximum counts base coin */
    if (request->type == ORDER_TYPE_MARKET)
        return &instrument->max_market_qty;
    if ((request->tif == TIF_POST_ONLY ||
         (request->tif == TIF_RPI && instrument->category == CATEGORY_SPOT)) &&
        !decimal_is_none(&instrument->max_post_only_qty))
        return &instrument->max_post_only_qty;
    return &instrument->max_limit_qty;
}

bool order_closes_all(const struct order_request *request)
{
    return decimal_sign(&request->qty) == 0 && !decimal_is_none(&request->qty) &&
           request->reduce_only && request->close_on_trigger &&
           (request->category == CATEGORY_LINEAR || request->category == CATEGORY_INVERSE);
}

static enum err check_qty(const struct order_request *request, const struct instrument *instrument,
                          struct api_refusal *refusal)
{
    static const struct decimal none = { 0, -1 };
    const struct rule rule = {
        request->qty_in_quote ? "quote_qty" : "qty",
        &request->qty,
        request->qty_in_quote ? &instrument->quote_step : &instrument->qty_step,
        /* Spot's minOrderQty is retired: the value counts. */
        instrument->category == CATEGORY_SPOT ? &none : &instrument->min_qty,
        order_max_qty(request, instrument),
    };

    if (decimal_sign(&request->qty) <= 0)
        return refuse_zero(&rule, "qty_too_small", refusal);
    if (below_min(&rule))
        return refuse_limit(&rule, false, "qty_too_small", refusal);
    if (above_max(&rule))
        return refuse_limit(&rule, true, "qty_too_large", refusal);
    if (off_step(&rule))
        return refuse_step(&rule, request->qty_in_quote ? "quote step" : "qty step", "qty_step",
                           refusal);
    return ERR_NONE;
}

/* The least qty whose value reaches the minimum at this price; false where it can't be computed. */
static bool least_qty(struct decimal *out, const struct order_request *request,
                      const struct instrument *instrument)
{
    struct decimal value;

    if (decimal_sign(&instrument->qty_step) <= 0 ||
        decimal_div(&value, &instrument->min_notional, &request->price, 12) ||
        decimal_floor_to(out, &value, &instrument->qty_step))
        return false;
    if (decimal_mul(&value, out, &request->price))
        return false;
    if (decimal_cmp(&value, &instrument->min_notional) < 0 &&
        decimal_add(out, out, &instrument->qty_step))
        return false;
    return true;
}

static enum err refuse_notional(const struct order_request *request,
                                const struct instrument *instrument, const struct decimal *value,
                                struct api_refusal *refusal)
{
    char shown[DECIMAL_TEXT_MAX];
    char least[DECIMAL_TEXT_MAX];
    char digits[DECIMAL_TEXT_MAX];
    char more[96] = "";
    struct text text = text_in(more, sizeof(more));
    struct decimal qty;

    if (request->type == ORDER_TYPE_LIMIT && least_qty(&qty, request, instrument))
        text_addf(&text, "; at this price the least qty is %s", decimal_format(&qty, digits));
    return api_refuse(refusal, "notional_too_small", "value %s %s is below the minimum %s%s",
                      decimal_format(value, shown), instrument->quote,
                      decimal_format(&instrument->min_notional, least), more);
}

/* Closing is allowed at any value. A market order in base coin has no value before it is filled.
 * Inverse sizes are USD. */
static enum err check_notional(const struct order_request *request,
                               const struct instrument *instrument, struct api_refusal *refusal)
{
    struct decimal value = request->qty;

    if (decimal_sign(&instrument->min_notional) <= 0 || request->reduce_only ||
        request->close_on_trigger || instrument->category == CATEGORY_INVERSE)
        return ERR_NONE;
    if (request->type == ORDER_TYPE_LIMIT) {
        if (decimal_mul(&value, &request->qty, &request->price))
            return ERR_NONE; /* more digits than fit are no small value, or were off a step before
                              */
    } else if (!request->qty_in_quote) {
        return ERR_NONE;
    }
    if (decimal_cmp(&value, &instrument->min_notional) < 0)
        return refuse_notional(request, instrument, &value, refusal);
    return ERR_NONE;
}

enum err order_check(const struct order_request *request, const struct instrument *instrument,
                     struct api_refusal *refusal)
{
    enum err err = check_price(request, instrument, refusal);

    if (!err)
        err = check_more_prices(request, instrument, refusal);
    if (!err && !order_closes_all(request))
        err = check_qty(request, instrument, refusal);
    if (!err)
        err = check_notional(request, instrument, refusal);
    return err;
}

/* A price that stays was checked when it was set: the rules may have changed since. */
enum err order_check_changed(const struct order_request *request, unsigned changed,
                             const struct instrument *instrument, struct api_refusal *refusal)
{
    struct order_request left = *request;

    left.take_profit_limit = left.stop_loss_limit = DECIMAL_NONE;
    if (!(changed & ORDER_CHANGES_TRIGGER))
        left.trigger_price = DECIMAL_NONE;
    if (!(changed & ORDER_CHANGES_TAKE_PROFIT))
        left.take_profit = DECIMAL_NONE;
    if (!(changed & ORDER_CHANGES_STOP_LOSS))
        left.stop_loss = DECIMAL_NONE;
    if (changed & ORDER_CHANGES_PRICE && check_price(&left, instrument, refusal))
        return ERR_INVALID;
    if (check_more_prices(&left, instrument, refusal))
        return ERR_INVALID;
    if (changed & ORDER_CHANGES_QTY && check_qty(&left, instrument, refusal))
        return ERR_INVALID;
    if (changed & (ORDER_CHANGES_QTY | ORDER_CHANGES_PRICE))
        return check_notional(&left, instrument, refusal);
    return ERR_NONE;
}
