/* api/order_more.c - what an order can say beyond side, size and price, one small function a group.
 * Each leaves the request as PROTOCOL section 9 allows it, or refuses. */
#include <strings.h>

#include "api/order_body_parts.h"
#include "base/error.h"

#define POSITION_IDX_MAX       2
#define SLIPPAGE_TICKS_MAX     10000
#define SLIPPAGE_PERCENT_MAX   10
#define SLIPPAGE_PERCENT_SCALE 2

enum tpsl_mode { TPSL_NONE, TPSL_FULL, TPSL_PARTIAL };

bool order_parse_trigger_by(const char *word, int64_t *out)
{
    enum trigger_by by;

    if (!trigger_by_parse(word, &by))
        return false;
    *out = by;
    return true;
}

/* "Order" is the exchange's word for an order without a trigger. */
bool order_parse_spot_trigger(const char *word, int64_t *out)
{
    enum spot_trigger kind = SPOT_TRIGGER_NONE;

    if (strcasecmp(word, "Order") != 0 && !spot_trigger_parse(word, &kind))
        return false;
    *out = kind;
    return true;
}

bool order_parse_tpsl_mode(const char *word, int64_t *out)
{
    if (strcasecmp(word, "full") == 0)
        *out = TPSL_FULL;
    else if (strcasecmp(word, "partial") == 0)
        *out = TPSL_PARTIAL;
    else
        return false;
    return true;
}

bool order_parse_slippage(const char *word, int64_t *out)
{
    enum slippage kind;

    if (!slippage_parse(word, &kind))
        return false;
    *out = kind;
    return true;
}

bool order_parse_smp(const char *word, int64_t *out)
{
    enum smp smp;

    if (!smp_parse(word, &smp))
        return false;
    *out = smp;
    return true;
}

static bool is_contract(const struct order_request *request)
{
    return request->category == CATEGORY_LINEAR || request->category == CATEGORY_INVERSE;
}

/* --- the position's side, what can't be taken --- */

static enum err read_position_idx(struct order_request *out, const struct field_value *values,
                                  struct api_refusal *refusal)
{
    const struct field_value *idx = &values[F_POSITION_IDX];

    if (idx->number > POSITION_IDX_MAX)
        return api_refuse(refusal, "invalid_value", "position_idx %s is none of 0, 1, 2",
                          idx->text);
    if (idx->number && !is_contract(out))
        return api_refuse(refusal, "field_not_allowed",
                          "position_idx %s is for hedge mode, which %s does not have", idx->text,
                          category_word(out->category));
    out->position_idx = (int)idx->number;
    return ERR_NONE;
}

static enum err read_is_leverage(struct order_request *out, const struct field_value *values,
                                 struct api_refusal *refusal)
{
    const struct field_value *borrows = &values[F_IS_LEVERAGE];

    if (borrows->number > 1)
        return api_refuse(refusal, "invalid_value",
                          "is_leverage %s is none of 0 (own funds), 1 (may borrow)", borrows->text);
    if (borrows->number && out->category != CATEGORY_SPOT)
        return api_refuse(refusal, "field_not_allowed",
                          "is_leverage is for spot: %s has its leverage from the position",
                          category_word(out->category));
    out->is_leverage = borrows->number == 1;
    return ERR_NONE;
}

/* --- trigger --- */

/* Named without a trigger price. */
static enum err refuse_no_trigger(const struct field_value *values, struct api_refusal *refusal)
{
    const char *name = values[F_TRIGGER_DIRECTION].given ? "trigger_direction"
                       : values[F_TRIGGER_BY].given      ? "trigger_by"
                       : values[F_SPOT_TRIGGER].number   ? "spot_trigger"
                                                         : NULL;

    if (!name)
        return ERR_NONE;
    return api_refuse(refusal, "field_not_allowed",
                      "%s is for conditional orders: add trigger_price", name);
}

static enum err read_spot_trigger(struct order_request *out, const struct field_value *values,
                                  struct api_refusal *refusal)
{
    if (values[F_TRIGGER_DIRECTION].given || values[F_TRIGGER_BY].given)
        return api_refuse(refusal, "field_not_allowed",
                          "%s is for linear and inverse: spot triggers by the last price",
                          values[F_TRIGGER_BY].given ? "trigger_by" : "trigger_direction");
    out->spot_trigger = SPOT_TRIGGER_TPSL;
    if (!values[F_SPOT_TRIGGER].given)
        return ERR_NONE;
    if (values[F_SPOT_TRIGGER].number == SPOT_TRIGGER_NONE)
        return api_refuse(refusal, "field_not_allowed",
                          "an order with a trigger_price is tpsl or stop, not %s",
                          values[F_SPOT_TRIGGER].text);
    out->spot_trigger = (enum spot_trigger)values[F_SPOT_TRIGGER].number;
    return ERR_NONE;
}

static enum err read_trigger(struct order_request *out, const struct field_value *values,
                             struct api_refusal *refusal)
{
    const struct field_value *direction = &values[F_TRIGGER_DIRECTION];

    if (!values[F_TRIGGER_PRICE].given)
        return refuse_no_trigger(values, refusal);
    if (out->category == CATEGORY_OPTION)
        return api_refuse(refusal, "field_not_allowed",
                          "trigger_price is not for options: they have no conditional orders");
    out->trigger_price = values[F_TRIGGER_PRICE].decimal;
    if (out->category == CATEGORY_SPOT)
        return read_spot_trigger(out, values, refusal);
    if (values[F_SPOT_TRIGGER].number)
        return api_refuse(refusal, "field_not_allowed", "spot_trigger is for spot only");
    if (direction->given && (direction->number < 1 || direction->number > 2))
        return api_refuse(refusal, "invalid_value",
                          "trigger_direction %s is neither 1 (rises to it) nor 2 (falls to it)",
                          direction->text);
    out->trigger_direction = (int)direction->number;
    out->trigger_by = (enum trigger_by)values[F_TRIGGER_BY].number;
    return ERR_NONE;
}

/* --- take profit, stop loss --- */

struct leg {
    const char *name;
    enum order_field price;
    enum order_field by;
    enum order_field limit;
    enum order_field type;
};
static const struct leg legs[] = {
    { "take_profit", F_TAKE_PROFIT, F_TP_TRIGGER_BY, F_TP_LIMIT_PRICE, F_TP_ORDER_TYPE },
    { "stop_loss", F_STOP_LOSS, F_SL_TRIGGER_BY, F_SL_LIMIT_PRICE, F_SL_ORDER_TYPE },
};

static enum err check_leg_words(const struct leg *leg, const struct order_request *request,
                                const struct field_value *values, struct api_refusal *refusal)
{
    bool limited = values[leg->limit].given;

    if (!values[leg->price].given && (values[leg->by].given || limited || values[leg->type].given))
        return api_refuse(refusal, "field_not_allowed",
                          "%s is missing, and what is said of it needs it", leg->name);
    if (values[leg->by].given && !is_contract(request))
        return api_refuse(refusal, "field_not_allowed", "%s of %s is for linear and inverse",
                          leg->by == F_TP_TRIGGER_BY ? "tp_trigger_by" : "sl_trigger_by",
                          leg->name);
    if (limited && request->category == CATEGORY_OPTION)
        return api_refuse(refusal, "field_not_allowed",
                          "%s_limit_price is not for options: theirs are market orders", leg->name);
    if (values[leg->type].given && limited != (values[leg->type].number == ORDER_TYPE_LIMIT))
        return api_refuse(refusal, "field_not_allowed", "%s is %s, and %s_limit_price is %s",
                          leg->type == F_TP_ORDER_TYPE ? "tp_order_type" : "sl_order_type",
                          values[leg->type].text, leg->name, limited ? "given" : "missing");
    return ERR_NONE;
}

/* The mode follows from the limit prices: it may be said, and must then agree. */
static enum err check_mode(const struct order_request *request, const struct field_value *values,
                           struct api_refusal *refusal)
{
    bool limited = values[F_TP_LIMIT_PRICE].given || values[F_SL_LIMIT_PRICE].given;
    bool any = values[F_TAKE_PROFIT].given || values[F_STOP_LOSS].given;

    if (!values[F_TPSL_MODE].given)
        return ERR_NONE;
    if (!any || !is_contract(request))
        return api_refuse(refusal, "field_not_allowed",
                          "tpsl_mode is for take_profit and stop_loss of linear and inverse");
    if (values[F_TPSL_MODE].number == TPSL_FULL && limited)
        return api_refuse(refusal, "field_not_allowed",
                          "tpsl_mode full has market orders only: leave the limit prices out");
    if (values[F_TPSL_MODE].number == TPSL_PARTIAL && !limited)
        return api_refuse(refusal, "field_not_allowed",
                          "tpsl_mode partial is taken with take_profit_limit_price or "
                          "stop_loss_limit_price only");
    return ERR_NONE;
}

static enum err check_tpsl(const struct order_request *request, const struct field_value *values,
                           struct api_refusal *refusal)
{
    const char *name = values[F_TAKE_PROFIT].given ? "take_profit" : "stop_loss";

    for (size_t i = 0; i < ARRAY_LEN(legs); i++) {
        if (check_leg_words(&legs[i], request, values, refusal))
            return ERR_INVALID;
    }
    if (check_mode(request, values, refusal))
        return ERR_INVALID;
    if (!values[F_TAKE_PROFIT].given && !values[F_STOP_LOSS].given)
        return ERR_NONE;
    if (request->reduce_only)
        return api_refuse(refusal, "field_not_allowed",
                          "%s does not go with reduce_only: it opens nothing to protect", name);
    if (request->category == CATEGORY_SPOT && request->type != ORDER_TYPE_LIMIT)
        return api_refuse(refusal, "field_not_allowed", "%s is for limit orders only on spot",
                          name);
    return ERR_NONE;
}

static enum err read_tpsl(struct order_request *out, const struct field_value *values,
                          struct api_refusal *refusal)
{
    if (check_tpsl(out, values, refusal))
        return ERR_INVALID;
    out->take_profit = values[F_TAKE_PROFIT].decimal;
    out->stop_loss = values[F_STOP_LOSS].decimal;
    out->take_profit_by = (enum trigger_by)values[F_TP_TRIGGER_BY].number;
    out->stop_loss_by = (enum trigger_by)values[F_SL_TRIGGER_BY].number;
    out->take_profit_limit = values[F_TP_LIMIT_PRICE].decimal;
    out->stop_loss_limit = values[F_SL_LIMIT_PRICE].decimal;
    return ERR_NONE;
}

/* --- slippage --- */

/* As slippage_ticks or slippage_percent, or as the exchange's pair of type and value. */
static enum err read_slippage_forms(struct order_request *out, const struct field_value *values,
                                    struct api_refusal *refusal)
{
    int forms = values[F_SLIPPAGE_TICKS].given + values[F_SLIPPAGE_PERCENT].given +
                (values[F_SLIPPAGE_TYPE].given || values[F_SLIPPAGE].given);

    if (forms > 1)
        return api_refuse(refusal, "field_not_allowed",
                          "give one of slippage_ticks, slippage_percent and slippage");
    if (values[F_SLIPPAGE_TYPE].given != values[F_SLIPPAGE].given)
        return api_refuse(refusal, "missing_field", "%s is missing: the two go together",
                          values[F_SLIPPAGE].given ? "slippage_type" : "slippage");
    if (values[F_SLIPPAGE_TICKS].given) {
        out->slippage_kind = SLIPPAGE_TICKS;
        out->slippage = values[F_SLIPPAGE_TICKS].decimal;
    } else if (values[F_SLIPPAGE_PERCENT].given) {
        out->slippage_kind = SLIPPAGE_PERCENT;
        out->slippage = values[F_SLIPPAGE_PERCENT].decimal;
    } else {
        out->slippage_kind = (enum slippage)values[F_SLIPPAGE_TYPE].number;
        out->slippage = values[F_SLIPPAGE].decimal;
    }
    return ERR_NONE;
}

/* 1 to 10000 ticks, or 0.01 to 10 percent with two decimals at most. */
static bool slippage_in_range(const struct order_request *request)
{
    struct decimal most = decimal_from_int(
        request->slippage_kind == SLIPPAGE_TICKS ? SLIPPAGE_TICKS_MAX : SLIPPAGE_PERCENT_MAX);
    struct decimal trimmed = decimal_trim(request->slippage);

    return decimal_sign(&trimmed) > 0 && decimal_cmp(&trimmed, &most) <= 0 &&
           trimmed.scale <= (request->slippage_kind == SLIPPAGE_TICKS ? 0 : SLIPPAGE_PERCENT_SCALE);
}

static enum err read_slippage(struct order_request *out, const struct field_value *values,
                              struct api_refusal *refusal)
{
    char digits[DECIMAL_TEXT_MAX];

    if (read_slippage_forms(out, values, refusal))
        return ERR_INVALID;
    if (out->slippage_kind == SLIPPAGE_NONE)
        return ERR_NONE;
    if (out->type != ORDER_TYPE_MARKET)
        return api_refuse(refusal, "field_not_allowed",
                          "slippage is for market orders: a limit order has its price");
    if (!decimal_is_none(&out->trigger_price) || !decimal_is_none(&out->take_profit) ||
        !decimal_is_none(&out->stop_loss))
        return api_refuse(refusal, "field_not_allowed",
                          "slippage does not go with trigger_price, take_profit or stop_loss");
    if (!slippage_in_range(out))
        return api_refuse(refusal, "invalid_value", "slippage %s is not %s",
                          decimal_format(&out->slippage, digits),
                          out->slippage_kind == SLIPPAGE_TICKS
                              ? "a whole number of ticks from 1 to 10000"
                              : "0.01 to 10 percent with two decimals at most");
    return ERR_NONE;
}

enum err order_more_read(struct order_request *out, const struct field_value *values,
                         struct api_refusal *refusal)
{
    out->smp = (enum smp)values[F_SMP].number;
    if (read_position_idx(out, values, refusal) || read_is_leverage(out, values, refusal) ||
        read_trigger(out, values, refusal) || read_tpsl(out, values, refusal) ||
        read_slippage(out, values, refusal))
        return ERR_INVALID;
    /* RPI is a way of resting in the book. */
    if (out->tif == TIF_RPI && out->category == CATEGORY_OPTION)
        return api_refuse(refusal, "field_not_allowed", "tif rpi is not for options");
    return ERR_NONE;
}
