#include "api/position_place.h"

#include <string.h>

/* --- which one --- */

/* The mode that the known places tell: the open ones, else all. Bits: 1 one-way, 2 hedge. */
static unsigned modes_of(const struct position *known, size_t count)
{
    unsigned open = 0;
    unsigned all = 0;

    for (size_t i = 0; i < count; i++) {
        unsigned mode = known[i].position_idx == 0 ? 1U : 2U;

        all |= mode;
        if (known[i].side != SIDE_NONE)
            open |= mode;
    }
    return open ? open : all;
}

static struct position flat(enum category category, const char *symbol, int idx)
{
    struct position position = { .category = category,
                                 .position_idx = idx,
                                 .qty = DECIMAL_ZERO,
                                 .entry_price = DECIMAL_NONE,
                                 .mark_price = DECIMAL_NONE,
                                 .liq_price = DECIMAL_NONE,
                                 .value = DECIMAL_NONE,
                                 .leverage = DECIMAL_NONE,
                                 .margin = DECIMAL_NONE,
                                 .unrealised_pnl = DECIMAL_NONE,
                                 .realised_pnl = DECIMAL_NONE,
                                 .take_profit = DECIMAL_NONE,
                                 .stop_loss = DECIMAL_NONE,
                                 .trailing_stop = DECIMAL_NONE };

    memcpy(position.symbol, symbol, sizeof(position.symbol));
    return position;
}

enum err position_pick(enum category category, const char *symbol, int64_t idx,
                       const struct position *known, size_t count, struct position *out,
                       struct api_refusal *refusal)
{
    unsigned modes = modes_of(known, count);

    if (modes == 2 && idx <= 0)
        return api_refuse(refusal, "position_idx_needed",
                          "%s:%s has a long and a short position (hedge mode): give "
                          "position_idx=1 (long) or position_idx=2 (short)",
                          category_word(category), symbol);
    if (modes == 1 && idx > 0)
        return api_refuse(refusal, "position_idx_wrong",
                          "%s:%s is in one-way mode: leave position_idx out",
                          category_word(category), symbol);
    *out = flat(category, symbol, idx > 0 ? (int)idx : 0);
    for (size_t i = 0; i < count; i++) {
        if (known[i].position_idx == out->position_idx) {
            *out = known[i];
            break;
        }
    }
    return ERR_NONE;
}

static struct decimal negated(struct decimal value)
{
    value.mantissa = -value.mantissa;
    return value;
}

struct decimal position_signed(const struct position *position)
{
    if (position->side == SIDE_NONE)
        return DECIMAL_ZERO;
    return position->side == SIDE_SELL ? negated(position->qty) : position->qty;
}

/* --- orders --- */

static struct decimal size_of(struct decimal value)
{
    return decimal_sign(&value) < 0 ? negated(value) : value;
}

static enum err check_step(const struct decimal *qty, const struct instrument *instrument,
                           struct api_refusal *refusal)
{
    struct decimal size = size_of(*qty);
    char shown[DECIMAL_TEXT_MAX];
    char step[DECIMAL_TEXT_MAX];

    if (decimal_sign(&instrument->qty_step) <= 0 ||
        decimal_is_multiple(&size, &instrument->qty_step))
        return ERR_NONE;
    return api_refuse(refusal, "qty_step", "qty %s is not a multiple of qty step %s",
                      decimal_format(qty, shown), decimal_format(&instrument->qty_step, step));
}

static bool has_other_side(const struct position *position, const struct decimal *target)
{
    return (position->position_idx == 1 && decimal_sign(target) < 0) ||
           (position->position_idx == 2 && decimal_sign(target) > 0);
}

static void market_order(struct order_request *out, const struct position *position)
{
    out->type = ORDER_TYPE_MARKET;
    out->tif = TIF_IOC;
    out->position_idx = position->position_idx;
}

/* Towards 0, and not beyond. */
static bool only_shrinks(const struct decimal *now, const struct decimal *target)
{
    struct decimal before = size_of(*now);
    struct decimal after = size_of(*target);

    return decimal_cmp(&after, &before) < 0 &&
           (decimal_sign(target) == 0 || decimal_sign(target) == decimal_sign(now));
}

enum err position_to_target(struct order_request *out, const struct position *position,
                            const struct decimal *target, const struct instrument *instrument,
                            bool *same, struct api_refusal *refusal)
{
    struct decimal now = position_signed(position);
    struct decimal difference;

    if (has_other_side(position, target))
        return api_refuse(refusal, "position_idx_wrong",
                          "position_idx=%d is the %s position: its qty is not %s 0",
                          position->position_idx, position->position_idx == 1 ? "long" : "short",
                          position->position_idx == 1 ? "below" : "above");
    if (check_step(target, instrument, refusal))
        return ERR_INVALID;
    if (decimal_sub(&difference, target, &now))
        return api_refuse(refusal, "qty_too_large", "qty has more digits than a size can have");
    *same = decimal_sign(&difference) == 0;
    market_order(out, position);
    out->side = decimal_sign(&difference) > 0 ? SIDE_BUY : SIDE_SELL;
    out->qty = size_of(difference);
    out->reduce_only = only_shrinks(&now, target);
    return ERR_NONE;
}

static enum err part_of(struct decimal *out, const struct position *position,
                        const struct decimal *percent, const struct instrument *instrument,
                        struct api_refusal *refusal)
{
    const struct decimal hundred = decimal_from_int(100);
    const struct decimal *step = &instrument->qty_step;
    struct decimal part;
    char shown[DECIMAL_TEXT_MAX];
    char qty[DECIMAL_TEXT_MAX];

    if (decimal_cmp(percent, &hundred) == 0) {
        *out = position->qty;
        return ERR_NONE;
    }
    if (decimal_mul(&part, &position->qty, percent) || decimal_div(&part, &part, &hundred, 18) ||
        (decimal_sign(step) > 0 && decimal_floor_to(&part, &part, step)))
        return api_refuse(refusal, "invalid_value", "percent has too many digits");
    if (decimal_sign(&part) <= 0)
        return api_refuse(refusal, "qty_too_small", "%s percent of %s is less than one qty step",
                          decimal_format(percent, shown), decimal_format(&position->qty, qty));
    *out = part;
    return ERR_NONE;
}

enum err position_to_close(struct order_request *out, const struct position *position,
                           const struct position_share *share, const struct instrument *instrument,
                           struct api_refusal *refusal)
{
    market_order(out, position);
    out->side = position->side == SIDE_BUY ? SIDE_SELL : SIDE_BUY;
    out->reduce_only = true;
    if (!decimal_is_none(&share->percent))
        return part_of(&out->qty, position, &share->percent, instrument, refusal);
    out->qty = position->qty;
    if (decimal_is_none(&share->qty) || decimal_cmp(&share->qty, &position->qty) >= 0)
        return ERR_NONE;
    out->qty = share->qty;
    return check_step(&share->qty, instrument, refusal);
}

size_t position_cut(const struct decimal *whole, const struct decimal *part, struct decimal *out,
                    size_t max)
{
    struct decimal left = *whole;
    size_t count = 0;

    while (count < max) {
        if (decimal_sign(part) <= 0 || decimal_cmp(&left, part) <= 0) {
            out[count] = left;
            return count + 1;
        }
        out[count++] = *part;
        if (decimal_sub(&left, &left, part))
            return 0;
    }
    return 0;
}

/* Of `count` parts each but the last a little smaller, so that the last one is no less than the
 * least order. */
static struct decimal with_larger_last(const struct decimal *whole, size_t count,
                                       const struct instrument *instrument)
{
    struct decimal others = decimal_from_int((int64_t)count - 1);
    struct decimal part;

    if (decimal_sub(&part, whole, &instrument->min_qty) || decimal_div(&part, &part, &others, 18) ||
        decimal_floor_to(&part, &part, &instrument->qty_step))
        return DECIMAL_NONE;
    return part;
}

struct decimal position_part(const struct decimal *whole, const struct instrument *instrument,
                             size_t max)
{
    struct decimal sizes[POSITION_PARTS_MAX];
    struct decimal most = instrument->max_market_qty;
    struct decimal smaller;
    size_t count;

    if (decimal_sign(&most) <= 0 || decimal_cmp(whole, &most) <= 0)
        return *whole;
    if (max > POSITION_PARTS_MAX)
        max = POSITION_PARTS_MAX;
    if (decimal_sign(&instrument->qty_step) > 0 &&
        (decimal_floor_to(&most, &most, &instrument->qty_step) || decimal_sign(&most) <= 0))
        return DECIMAL_NONE;
    count = position_cut(whole, &most, sizes, max);
    if (count == 0)
        return DECIMAL_NONE;
    if (decimal_sign(&instrument->qty_step) <= 0 ||
        decimal_cmp(&sizes[count - 1], &instrument->min_qty) >= 0)
        return most;
    smaller = with_larger_last(whole, count, instrument);
    return decimal_sign(&smaller) > 0 && position_cut(whole, &smaller, sizes, max) == count
               ? smaller
               : most;
}
