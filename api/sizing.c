#include "api/sizing.h"

#include "base/text.h"

#define QUOTIENT_SCALE 12 /* decimals of value / price, before it is cut to the step */

bool sizing_needs_book(const struct order_request *request)
{
    return request->category != CATEGORY_INVERSE && request->type == ORDER_TYPE_MARKET &&
           decimal_is_none(&request->trigger_price);
}

/* The price of the last ask that `notional` buys from; false: the book ends before. */
static bool worst_ask(const struct decimal *notional, const struct book_level *asks, size_t count,
                      struct decimal *out)
{
    struct decimal reached = DECIMAL_ZERO;
    struct decimal value;

    for (size_t i = 0; i < count; i++) {
        if (decimal_sign(&asks[i].price) <= 0 || decimal_sign(&asks[i].qty) < 0 ||
            decimal_mul(&value, &asks[i].price, &asks[i].qty) ||
            decimal_add(&reached, &reached, &value))
            return false;
        *out = asks[i].price;
        if (decimal_cmp(&reached, notional) >= 0)
            return true;
    }
    return false;
}

static enum err find_price(const struct order_request *request, const struct decimal *notional,
                           const struct book_level *bids, size_t bids_count,
                           const struct book_level *asks, size_t asks_count, struct decimal *out,
                           struct api_refusal *refusal)
{
    bool known = true;

    if (request->category == CATEGORY_INVERSE)
        *out = decimal_from_int(1);
    else if (request->type == ORDER_TYPE_LIMIT)
        *out = request->price;
    else if (!decimal_is_none(&request->trigger_price))
        *out = request->trigger_price;
    else if (request->side == SIDE_BUY)
        known = worst_ask(notional, asks, asks_count, out);
    else if ((known = bids_count > 0))
        *out = bids[0].price;
    if (known && decimal_sign(out) > 0)
        return ERR_NONE;
    if (request->type == ORDER_TYPE_LIMIT || !decimal_is_none(&request->trigger_price))
        return api_refuse(refusal, "price_out_of_range", "notional needs a price above 0");
    return api_refuse(refusal, "no_price_now",
                      "the book does not hold enough on that side to size the order by its value");
}

/* The least size that the rules take at this price. */
static enum err least_qty(struct decimal *out, const struct instrument *instrument,
                          const struct decimal *price)
{
    struct decimal by_value = DECIMAL_NONE;
    struct decimal value;

    *out = instrument->qty_step;
    if (instrument->category != CATEGORY_SPOT && decimal_cmp(&instrument->min_qty, out) > 0)
        *out = instrument->min_qty;
    if (decimal_sign(&instrument->min_notional) <= 0 || instrument->category == CATEGORY_INVERSE)
        return ERR_NONE;
    if (decimal_div(&value, &instrument->min_notional, price, QUOTIENT_SCALE) ||
        decimal_floor_to(&by_value, &value, &instrument->qty_step) ||
        decimal_mul(&value, &by_value, price))
        return ERR_INVALID;
    if (decimal_cmp(&value, &instrument->min_notional) < 0 &&
        decimal_add(&by_value, &by_value, &instrument->qty_step))
        return ERR_INVALID;
    if (decimal_cmp(&by_value, out) > 0)
        *out = by_value;
    return ERR_NONE;
}

static enum err refuse_small(const struct decimal *notional, const struct instrument *instrument,
                             const struct decimal *price, const struct decimal *least,
                             struct api_refusal *refusal)
{
    bool inverse = instrument->category == CATEGORY_INVERSE;
    struct decimal value;
    char given[DECIMAL_TEXT_MAX];
    char qty[DECIMAL_TEXT_MAX];
    char at[DECIMAL_TEXT_MAX];
    char needed[DECIMAL_TEXT_MAX];

    if (decimal_mul(&value, least, price))
        return api_refuse(refusal, "notional_too_small", "notional %s is too small",
                          decimal_format(notional, given));
    return api_refuse(refusal, "notional_too_small",
                      "notional %s is below the least order: %s at %s; the least notional is %s %s",
                      decimal_format(notional, given), decimal_format(least, qty),
                      inverse ? "face value" : decimal_format(price, at),
                      decimal_format(&value, needed), inverse ? "USD" : instrument->quote);
}

enum err sizing_by_value(struct order_request *request, const struct decimal *notional,
                         const struct instrument *instrument, const struct book_level *bids,
                         size_t bids_count, const struct book_level *asks, size_t asks_count,
                         struct api_refusal *refusal)
{
    struct decimal price = DECIMAL_NONE;
    struct decimal least;
    struct decimal qty;

    if (decimal_sign(&instrument->qty_step) <= 0)
        return api_refuse(refusal, "field_not_allowed",
                          "notional can't be taken: the symbol states no qty step; give qty");
    if (find_price(request, notional, bids, bids_count, asks, asks_count, &price, refusal))
        return ERR_INVALID;
    if (decimal_div(&qty, notional, &price, QUOTIENT_SCALE) ||
        decimal_floor_to(&qty, &qty, &instrument->qty_step) ||
        least_qty(&least, instrument, &price))
        return api_refuse(refusal, "invalid_number", "notional has too many digits");
    /* Closing is allowed at any value; of what rounds to nothing there is no order. */
    if (decimal_sign(&qty) <= 0 ||
        (decimal_cmp(&qty, &least) < 0 && !request->reduce_only && !request->close_on_trigger))
        return refuse_small(notional, instrument, &price, &least, refusal);
    request->qty = qty;
    return ERR_NONE;
}
