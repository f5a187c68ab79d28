#include "api/estimate.h"

#include "base/error.h"

#define QUOTIENT_SCALE 12

static bool by_book(const struct order_request *request)
{
    return request->type == ORDER_TYPE_MARKET && decimal_is_none(&request->trigger_price);
}

unsigned estimate_needs(const struct order_request *request)
{
    return ORDER_MARKET_BIT(ORDER_FEES) | (by_book(request) ? ORDER_MARKET_BIT(ORDER_BOOK) : 0);
}

/* What is taken from levels on the way: base and quote coin. */
struct walk {
    struct decimal base;
    struct decimal quote;
};

/* Takes the whole level, or what is missing of it. True: nothing is missing any more. */
static enum err take_level(struct walk *walk, const struct book_level *level,
                           const struct decimal *wanted, bool in_quote, bool *done)
{
    const struct decimal *have = in_quote ? &walk->quote : &walk->base;
    struct decimal base = level->qty;
    struct decimal quote;
    struct decimal left;

    if (decimal_mul(&quote, &level->price, &level->qty) || decimal_sub(&left, wanted, have))
        return ERR_INVALID;
    *done = decimal_cmp(in_quote ? &quote : &base, &left) >= 0;
    if (*done && in_quote) {
        quote = left;
        if (decimal_div(&base, &left, &level->price, QUOTIENT_SCALE))
            return ERR_INVALID;
    } else if (*done) {
        base = left;
        if (decimal_mul(&quote, &level->price, &left))
            return ERR_INVALID;
    }
    if (decimal_add(&walk->base, &walk->base, &base) ||
        decimal_add(&walk->quote, &walk->quote, &quote))
        return ERR_INVALID;
    return ERR_NONE;
}

/* The average price of `qty` in the book; none: it does not reach. */
static struct decimal average(const struct order_request *request,
                              const struct order_market *market)
{
    bool buys = request->side == SIDE_BUY;
    const struct book_level *levels = buys ? market->asks : market->bids;
    size_t count = buys ? market->asks_count : market->bids_count;
    /* Sizes of inverse contracts are USD, as is the quote coin. */
    bool in_quote = request->qty_in_quote;
    struct walk walk = { DECIMAL_ZERO, DECIMAL_ZERO };
    struct decimal price;
    bool done = false;

    for (size_t i = 0; i < count && !done; i++) {
        struct book_level level = levels[i];

        if (decimal_sign(&level.price) <= 0 ||
            take_level(&walk, &level, &request->qty, in_quote, &done))
            return DECIMAL_NONE;
    }
    if (!done || decimal_sign(&walk.base) <= 0 ||
        decimal_div(&price, &walk.quote, &walk.base, QUOTIENT_SCALE))
        return DECIMAL_NONE;
    return decimal_trim(price);
}

static void find_price(struct estimate *out, const struct order_request *request,
                       const struct order_market *market)
{
    if (request->type == ORDER_TYPE_LIMIT) {
        out->price = request->price;
        out->source = "limit_price";
    } else if (!decimal_is_none(&request->trigger_price)) {
        out->price = request->trigger_price;
        out->source = "trigger_price";
    } else if (market->known[ORDER_BOOK]) {
        out->price = average(request, market);
        out->source = decimal_is_none(&out->price)  ? NULL
                      : market->is_rest[ORDER_BOOK] ? "rest_book"
                                                    : "local_book";
    }
}

static bool only_rests(const struct order_request *request)
{
    return request->tif == TIF_POST_ONLY || request->tif == TIF_RPI;
}

/* What the fee is charged on, in its coin (PROTOCOL section 12): of a spot buy what is bought, of
 * inverse the value in the base coin, else the value. */
static struct decimal fee_base(struct estimate *out, const struct order_request *request,
                               const struct instrument *instrument)
{
    bool spot_buy = request->category == CATEGORY_SPOT && request->side == SIDE_BUY;
    struct decimal base = out->value;

    out->fee_coin = instrument->quote;
    if (!spot_buy && request->category != CATEGORY_INVERSE)
        return base;
    out->fee_coin = instrument->base;
    if (spot_buy && !request->qty_in_quote)
        return request->qty;
    if (decimal_sign(&out->price) <= 0 ||
        decimal_div(&base, &out->value, &out->price, QUOTIENT_SCALE))
        return DECIMAL_NONE;
    return decimal_trim(base);
}

static void find_fee(struct estimate *out, const struct order_request *request,
                     const struct instrument *instrument, const struct order_market *market)
{
    struct decimal base = fee_base(out, request, instrument);

    if (!market->known[ORDER_FEES])
        return;
    out->fee_rate = only_rests(request) ? market->maker_rate : market->taker_rate;
    if (request->category == CATEGORY_OPTION || decimal_is_none(&base) ||
        decimal_mul(&out->fee, &base, &out->fee_rate))
        out->fee = DECIMAL_NONE;
}

void estimate_make(struct estimate *out, const struct order_request *request,
                   const struct instrument *instrument, const struct order_market *market)
{
    bool face = request->category == CATEGORY_INVERSE || request->qty_in_quote;

    *out =
        (struct estimate){ .price = DECIMAL_NONE,
                           .value = face ? request->qty : DECIMAL_NONE,
                           .fee = DECIMAL_NONE,
                           .fee_rate = DECIMAL_NONE,
                           .value_coin =
                               request->category == CATEGORY_INVERSE ? "USD" : instrument->quote };
    find_price(out, request, market);
    if (!face && !decimal_is_none(&out->price) &&
        decimal_mul(&out->value, &request->qty, &out->price))
        out->value = DECIMAL_NONE;
    find_fee(out, request, instrument, market);
}
