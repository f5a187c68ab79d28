#include "db/pnl_book.h"

#include <string.h>

#include "base/text.h"

__extension__ typedef unsigned __int128 wide;

static const wide WIDE_MAX = ~(wide)0 >> 1;
/* Of sizes and costs (some 4 * 10^19 coins): two of them can be added and negated. */
static const pnl_int LIMIT = (pnl_int)((wide)1 << 125);

static wide power_of_ten(int exponent)
{
    wide power = 1;

    while (exponent-- > 0)
        power *= 10;
    return power;
}

/* --- a * b / d, cut, with a product of 256 bits --- */

struct product {
    wide high;
    wide low;
};

static struct product multiply(wide a, wide b)
{
    const wide half = ~(wide)0 >> 64;
    wide low = (a & half) * (b & half);
    wide left = (a >> 64) * (b & half);
    wide right = (a & half) * (b >> 64);
    wide middle = (low >> 64) + (left & half) + (right & half);

    return (struct product){ (a >> 64) * (b >> 64) + (left >> 64) + (right >> 64) + (middle >> 64),
                             (middle << 64) | (low & half) };
}

/* Long division bit by bit: `high` < `d` < 2^127, so that the remainder never overflows. */
static wide divide(struct product product, wide d)
{
    wide rest = product.high;
    wide quotient = 0;

    for (int bit = 127; bit >= 0; bit--) {
        rest = (rest << 1) | ((product.low >> bit) & 1);
        quotient <<= 1;
        if (rest >= d) {
            rest -= d;
            quotient |= 1;
        }
    }
    return quotient;
}

/* All >= 0. */
static bool muldiv(pnl_int *out, pnl_int a, pnl_int b, pnl_int d)
{
    wide small;
    wide quotient;

    if (d <= 0)
        return false;
    if (!__builtin_mul_overflow((wide)a, (wide)b, &small)) {
        quotient = small / (wide)d;
    } else {
        struct product product = multiply((wide)a, (wide)b);

        if (product.high >= (wide)d)
            return false;
        quotient = divide(product, (wide)d);
    }
    if (quotient > WIDE_MAX)
        return false;
    *out = (pnl_int)quotient;
    return true;
}

static bool fits(pnl_int value)
{
    return value <= LIMIT && value >= -LIMIT;
}

bool pnl_int_of(pnl_int *out, const struct decimal *value)
{
    pnl_int scaled;

    if (decimal_is_none(value))
        return false;
    if (value->scale > PNL_SCALE)
        scaled = value->mantissa / (pnl_int)power_of_ten(value->scale - PNL_SCALE);
    else if (__builtin_mul_overflow(value->mantissa,
                                    (pnl_int)power_of_ten(PNL_SCALE - value->scale), &scaled))
        return false;
    if (!fits(scaled))
        return false;
    *out = scaled;
    return true;
}

struct decimal pnl_int_shown(pnl_int value)
{
    return decimal_trim((struct decimal){ value, PNL_SCALE });
}

/* --- one average --- */

/* A trade under way, on a copy of the book. */
struct trade {
    struct pnl_book book;
    enum category category;
    struct decimal price;
    pnl_int sign; /* of the execution: 1 buys, -1 sells */
    struct pnl_effect effect;
};

static pnl_int size_of(pnl_int qty)
{
    return qty < 0 ? -qty : qty;
}

static pnl_int smaller(pnl_int a, pnl_int b)
{
    return a < b ? a : b;
}

/* What `qty` is worth at the trade's price. */
static bool value_of(const struct trade *trade, pnl_int qty, pnl_int *out)
{
    pnl_int unit = (pnl_int)power_of_ten(trade->price.scale);

    if (trade->category == CATEGORY_INVERSE)
        return muldiv(out, qty, unit, trade->price.mantissa);
    return muldiv(out, qty, trade->price.mantissa, unit);
}

static bool open_part(struct trade *trade, pnl_int qty)
{
    pnl_int value;

    if (!value_of(trade, qty, &value) || !fits(value))
        return false;
    trade->book.cost += value;
    trade->book.qty += trade->sign * qty;
    return fits(trade->book.cost) && fits(trade->book.qty);
}

/* Takes `qty` (at most the book's size) out, with its share of the cost. */
static bool take_part(struct trade *trade, pnl_int qty, pnl_int *cost)
{
    pnl_int size = size_of(trade->book.qty);

    *cost = trade->book.cost;
    if (qty < size && !muldiv(cost, trade->book.cost, qty, size))
        return false;
    trade->book.cost -= *cost;
    trade->book.qty += trade->book.qty > 0 ? -qty : qty;
    return true;
}

static bool close_part(struct trade *trade, pnl_int qty)
{
    bool is_long = trade->book.qty > 0;
    pnl_int cost;
    pnl_int value;
    pnl_int gain;

    if (qty == 0)
        return true;
    if (!take_part(trade, qty, &cost) || !value_of(trade, qty, &value))
        return false;
    /* In the base coin of inverse contracts, what costs more of it was cheaper. */
    gain = is_long == (trade->category != CATEGORY_INVERSE) ? value - cost : cost - value;
    return !__builtin_add_overflow(trade->effect.realised, gain, &trade->effect.realised);
}

static bool unmatched(struct trade *trade, pnl_int qty)
{
    return !__builtin_add_overflow(trade->effect.unmatched_qty, qty, &trade->effect.unmatched_qty);
}

/* --- spot --- */

/* What the fee takes from what is bought, or adds to it (a rebate); 0 in another coin. */
static pnl_int base_fee(const struct pnl_place *place, const struct pnl_fill *fill)
{
    pnl_int fee;

    if (!place->base[0] || strcmp(fill->fee_coin, place->base) != 0 ||
        !pnl_int_of(&fee, &fill->fee))
        return 0;
    return fee;
}

static bool spot_sell(struct trade *trade, pnl_int qty, pnl_int fee)
{
    pnl_int closed = smaller(qty, trade->book.qty);
    pnl_int cost;

    if (!close_part(trade, closed) || !unmatched(trade, qty - closed))
        return false;
    trade->sign = 1;
    if (fee > 0)
        return take_part(trade, smaller(fee, trade->book.qty), &cost);
    return open_part(trade, -fee);
}

static bool spot_trade(struct trade *trade, const struct pnl_place *place,
                       const struct pnl_fill *fill, pnl_int qty)
{
    pnl_int fee = base_fee(place, fill);

    if (trade->sign < 0)
        return spot_sell(trade, qty, fee);
    return fee >= qty || open_part(trade, qty - fee);
}

/* --- contracts --- */

/* In hedge mode a position has one side: it is opened by one and closed by the other, and never
 * turns. */
static bool hedge_trade(struct trade *trade, bool is_long, pnl_int qty)
{
    pnl_int closed;

    if (is_long == (trade->sign > 0))
        return open_part(trade, qty);
    closed = smaller(qty, size_of(trade->book.qty));
    return close_part(trade, closed) && unmatched(trade, qty - closed);
}

/* What is left in the book though the exchange says that it can't be there. */
static bool drop_book(struct trade *trade)
{
    pnl_int lost = size_of(trade->book.qty);

    trade->book = (struct pnl_book){ 0, 0 };
    return unmatched(trade, lost);
}

/* `closed`: how much of `qty` closes a position. */
static bool one_way_trade(struct trade *trade, pnl_int qty, pnl_int closed)
{
    bool is_opposite = trade->book.qty * trade->sign < 0;
    pnl_int opened = qty - closed;
    pnl_int matched = is_opposite ? smaller(closed, size_of(trade->book.qty)) : 0;

    if (!close_part(trade, matched) || !unmatched(trade, closed - matched))
        return false;
    /* It opened, so nothing of the other side was left; or it closed, so there was none of this
     * side. */
    if ((is_opposite && opened > 0) || (!is_opposite && closed > 0)) {
        if (!drop_book(trade))
            return false;
    }
    return opened == 0 || open_part(trade, opened);
}

bool pnl_only_closes(enum fill_kind kind)
{
    return kind == FILL_LIQUIDATION || kind == FILL_ADL || kind == FILL_SETTLE;
}

/* Told by the exchange, else by the book. */
static pnl_int closed_by(const struct trade *trade, const struct pnl_fill *fill, pnl_int qty)
{
    bool only_closes = pnl_only_closes(fill->kind);
    pnl_int told;

    /* 0 also stands for "does not apply". */
    if (pnl_int_of(&told, &fill->closed_qty) && told >= (only_closes ? 1 : 0))
        return smaller(told, qty);
    if (only_closes)
        return qty;
    return trade->book.qty * trade->sign < 0 ? smaller(qty, size_of(trade->book.qty)) : 0;
}

/* Which of the books: by the order's position_idx; where that is not known and the execution only
 * closes, the hedge mode's book that it would close, if there is nothing else to close. */
static int book_of(const struct pnl_place *place, const struct pnl_fill *fill)
{
    int closing = fill->side == SIDE_SELL ? 1 : 2;

    if (place->category == CATEGORY_SPOT)
        return 0;
    if (fill->position_idx > 0 && fill->position_idx < PNL_BOOKS)
        return fill->position_idx;
    if (fill->position_idx < 0 && place->books[0].qty == 0 && place->books[closing].qty != 0 &&
        (decimal_sign(&fill->closed_qty) > 0 || pnl_only_closes(fill->kind)))
        return closing;
    return 0;
}

static bool is_usable(const struct pnl_fill *fill, pnl_int *qty)
{
    bool needs_price = fill->category == CATEGORY_INVERSE || fill->category == CATEGORY_SPOT;

    /* An option that ends out of the money is settled at 0. */
    return fill->side != SIDE_NONE && pnl_int_of(qty, &fill->qty) && *qty > 0 &&
           !decimal_is_none(&fill->price) && decimal_sign(&fill->price) >= (needs_price ? 1 : 0);
}

bool pnl_place_trade(struct pnl_place *place, const struct pnl_fill *fill,
                     struct pnl_effect *effect)
{
    struct trade trade = { .category = place->category, .price = fill->price };
    int at = book_of(place, fill);
    pnl_int qty;
    bool done;

    if (!is_usable(fill, &qty))
        return false;
    trade.book = place->books[at];
    trade.sign = fill->side == SIDE_BUY ? 1 : -1;
    if (!value_of(&trade, qty, &trade.effect.volume) || !fits(trade.effect.volume))
        return false;
    if (place->category == CATEGORY_SPOT)
        done = spot_trade(&trade, place, fill, qty);
    else if (at > 0)
        done = hedge_trade(&trade, at == 1, qty);
    else
        done = one_way_trade(&trade, qty, closed_by(&trade, fill, qty));
    if (!done)
        return false;
    place->books[at] = trade.book;
    *effect = trade.effect;
    effect->left = size_of(trade.book.qty);
    return true;
}
