#include "sim/check.h"

#include <string.h>

#include "base/text.h"
#include "sim/money.h"

enum fault {
    FAULT_SIDE,
    FAULT_TYPE,
    FAULT_TIF,
    FAULT_QTY_MISSING,
    FAULT_QTY_TEXT,
    FAULT_QTY_STEP,
    FAULT_QTY_MIN,
    FAULT_QTY_MAX,
    FAULT_PRICE_MISSING,
    FAULT_PRICE_STEP,
    FAULT_PRICE_HIGH,
    FAULT_VALUE_MIN,
    FAULT_LINK,
    FAULT_UNIT,
    FAULT_RPI,
};

static const struct {
    struct refusal linear, spot;
} faults[] = {
    [FAULT_SIDE] = { { 10001, "Side invalid" }, { 170117, "Invalid side." } },
    [FAULT_TYPE] = { { 10001, "OrderType invalid" }, { 170116, "Invalid orderType." } },
    [FAULT_TIF] = { { 10001, "TimeInForce invalid" }, { 170115, "Invalid timeInForce." } },
    [FAULT_QTY_MISSING] = { { 10001, "params error: qty is required" },
                            { 170105, "Parameter 'qty' was empty." } },
    [FAULT_QTY_TEXT] = { { 10001, "Qty invalid" },
                         { 170130, "Data sent for parameter 'qty' is not valid." } },
    [FAULT_QTY_STEP] = { { 10001, "Qty invalid" }, { 170137, "Order volume decimal too long." } },
    [FAULT_QTY_MIN] = { { 110017, "orderQty will be truncated to zero." },
                        { 170136, "Order quantity exceeded lower limit." } },
    [FAULT_QTY_MAX] = { { 10001, "The number of contracts exceeds maximum limit allowed" },
                        { 170124, "Order amount too large." } },
    [FAULT_PRICE_MISSING] = { { 10001, "params error: price is required" },
                              { 170105, "Parameter 'price' was empty." } },
    [FAULT_PRICE_STEP] = { { 10001, "Price invalid" },
                           { 170134, "Order price decimal too long." } },
    [FAULT_PRICE_HIGH] = { { 110003, "Order price exceeds the allowable range." },
                           { 170132, "Order price too high." } },
    [FAULT_VALUE_MIN] = { { 110094, "Order does not meet minimum order value 5USDT" },
                          { 170140, "Order value exceeded lower limit." } },
    [FAULT_LINK] = { { 10001, "OrderLinkId invalid" },
                     { 170130, "Data sent for parameter 'orderLinkId' is not valid." } },
    [FAULT_UNIT] = { { 10001, "MarketUnit invalid" },
                     { 170130, "Data sent for parameter 'marketUnit' is not valid." } },
    [FAULT_RPI] = { { 110119, "Only designated Market Makers can place RPI orders" },
                    { 170355, "Only designated Market Makers can place RPI orders." } },
};

static const struct refusal accepted = { 0, "OK" };

static struct refusal fault(const struct instrument *instrument, enum fault which)
{
    return instrument->category == CATEGORY_SPOT ? faults[which].spot : faults[which].linear;
}

bool check_is_empty(const char *text)
{
    return !text || !*text;
}

bool check_is_zero(const char *text)
{
    struct decimal value;

    return check_is_empty(text) || (!decimal_parse(&value, text) && decimal_sign(&value) == 0);
}

struct refusal check_symbol(const char *category, const char *symbol, const struct instrument **out)
{
    enum category which = CATEGORY_SPOT;

    if (check_is_empty(category))
        return (struct refusal){ 10001, "params error: category is required" };
    while (strcmp(category_word(which), category) != 0) {
        if (++which == CATEGORY_COUNT)
            return (struct refusal){ 10001, "params error: category is invalid" };
    }
    if (check_is_empty(symbol))
        return (struct refusal){ 10001, "params error: symbol is required" };
    *out = instrument_find(which, symbol);
    if (!*out && which == CATEGORY_SPOT)
        return (struct refusal){ 170121, "Invalid symbol." };
    if (!*out)
        return (struct refusal){ 10001, "params error: symbol invalid" };
    return accepted;
}

static bool known_side(const char *text, enum side *out)
{
    if (check_is_empty(text))
        return false;
    if (strcmp(text, "Buy") == 0)
        *out = SIDE_BUY;
    else if (strcmp(text, "Sell") == 0)
        *out = SIDE_SELL;
    else
        return false;
    return true;
}

static bool known_type(const char *text, enum order_type *out)
{
    if (check_is_empty(text))
        return false;
    if (strcmp(text, "Limit") == 0)
        *out = ORDER_TYPE_LIMIT;
    else if (strcmp(text, "Market") == 0)
        *out = ORDER_TYPE_MARKET;
    else
        return false;
    return true;
}

static bool known_tif(const char *text, enum tif *out)
{
    static const struct {
        const char *text;
        enum tif tif;
    } words[] = {
        { "GTC", TIF_GTC }, { "IOC", TIF_IOC }, { "FOK", TIF_FOK }, { "PostOnly", TIF_POST_ONLY }
    };

    if (check_is_empty(text)) {
        *out = TIF_GTC;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i].text, text) == 0) {
            *out = words[i].tif;
            return true;
        }
    }
    return false;
}

static bool valid_link(const char *link)
{
    size_t bytes = strlen(link);

    return bytes <= 36 && strspn(link, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789-_") == bytes;
}

struct refusal check_price(const struct instrument *instrument, const char *text, int64_t *ticks)
{
    struct decimal price;

    if (check_is_empty(text))
        return fault(instrument, FAULT_PRICE_MISSING);
    if (decimal_parse(&price, text) || decimal_sign(&price) <= 0 ||
        instrument_ticks(instrument, price, ticks))
        return fault(instrument, FAULT_PRICE_STEP);
    if (decimal_cmp(&price, &instrument->max_price) > 0)
        return fault(instrument, FAULT_PRICE_HIGH);
    return accepted;
}

struct refusal check_lots(const struct instrument *instrument, const char *text,
                          const struct decimal *most, int64_t *lots)
{
    struct decimal qty;

    if (check_is_empty(text))
        return fault(instrument, FAULT_QTY_MISSING);
    if (decimal_parse(&qty, text) || decimal_sign(&qty) < 0)
        return fault(instrument, FAULT_QTY_TEXT);
    if (money_less(qty, instrument->step))
        return fault(instrument, FAULT_QTY_MIN);
    if (most && decimal_cmp(&qty, most) > 0)
        return fault(instrument, FAULT_QTY_MAX);
    if (instrument_lots(instrument, qty, lots))
        return fault(instrument, FAULT_QTY_STEP);
    return accepted;
}

/* A size in quote coin: at most seven decimals (quotePrecision). */
static struct refusal check_quote(const struct instrument *instrument, const char *text,
                                  struct decimal *qty)
{
    const struct decimal most = { 8000000, 0 };

    if (check_is_empty(text))
        return fault(instrument, FAULT_QTY_MISSING);
    if (decimal_parse(qty, text) || decimal_sign(qty) <= 0)
        return fault(instrument, FAULT_QTY_TEXT);
    if (decimal_trim(*qty).scale > 7)
        return (struct refusal){ 170148, "Market order amount decimal too long." };
    if (decimal_cmp(qty, &most) > 0)
        return fault(instrument, FAULT_QTY_MAX);
    if (money_less(*qty, instrument->min_notional))
        return fault(instrument, FAULT_VALUE_MIN);
    return accepted;
}

static bool too_little_value(const struct instrument *instrument, int64_t ticks, int64_t lots)
{
    return !decimal_is_none(&instrument->min_notional) &&
           money_less(instrument_worth(instrument, ticks, lots), instrument->min_notional);
}

static bool known_unit(const struct create_fields *fields, struct sim_request *out)
{
    const char *unit = fields->market_unit;

    out->market_unit = "";
    if (out->instrument->category != CATEGORY_SPOT || out->type != ORDER_TYPE_MARKET)
        return true;
    out->market_unit = out->side == SIDE_BUY ? "quoteCoin" : "baseCoin";
    if (!check_is_empty(unit) && strcmp(unit, "baseCoin") == 0)
        out->market_unit = "baseCoin";
    else if (!check_is_empty(unit) && strcmp(unit, "quoteCoin") == 0)
        out->market_unit = "quoteCoin";
    else if (!check_is_empty(unit))
        return false;
    out->in_quote = strcmp(out->market_unit, "quoteCoin") == 0;
    return true;
}

static struct refusal check_words(const struct create_fields *fields, struct sim_request *out)
{
    const struct instrument *instrument = out->instrument;

    if (!known_side(fields->side, &out->side))
        return fault(instrument, FAULT_SIDE);
    if (!known_type(fields->order_type, &out->type))
        return fault(instrument, FAULT_TYPE);
    if (fields->time_in_force && strcmp(fields->time_in_force, "RPI") == 0)
        return fault(instrument, FAULT_RPI);
    if (!known_tif(fields->time_in_force, &out->tif))
        return fault(instrument, FAULT_TIF);
    if (!known_unit(fields, out))
        return fault(instrument, FAULT_UNIT);
    if (fields->order_link_id && !valid_link(fields->order_link_id))
        return fault(instrument, FAULT_LINK);
    if (text_copy(out->link, sizeof(out->link), fields->order_link_id ? fields->order_link_id : ""))
        return fault(instrument, FAULT_LINK);
    if (instrument->category == CATEGORY_OPTION && check_is_empty(fields->order_link_id))
        return (struct refusal){ 10001, "params error: orderLinkId is required" };
    out->reduce_only = fields->reduce_only && instrument_has_position(instrument);
    out->close_on_trigger = fields->close_on_trigger && instrument_is_contract(instrument);
    out->is_leverage = fields->is_leverage == 1 && instrument->category == CATEGORY_SPOT;
    return accepted;
}

/* qty "0" with reduceOnly and closeOnTrigger closes all of the position. */
static bool closes_all(const struct create_fields *fields, const struct sim_request *request)
{
    return request->reduce_only && request->close_on_trigger && !check_is_empty(fields->qty) &&
           check_is_zero(fields->qty);
}

/* A reduce-only order above it is split. */
static const struct decimal *most_of(const struct sim_request *request)
{
    const struct instrument *instrument = request->instrument;

    if (request->reduce_only && request->kind == STOP_NONE)
        return NULL;
    if (request->type == ORDER_TYPE_MARKET)
        return &instrument->max_market_qty;
    return request->tif == TIF_POST_ONLY ? &instrument->max_post_only_qty
                                         : &instrument->max_limit_qty;
}

static struct refusal check_size(const struct exchange *exchange,
                                 const struct create_fields *fields, struct sim_request *out)
{
    const struct instrument *instrument = out->instrument;
    bool market = out->type == ORDER_TYPE_MARKET;
    struct refusal refusal;

    if (closes_all(fields, out))
        return accepted;
    if (out->in_quote && out->side == SIDE_SELL)
        return (struct refusal){ 10001,
                                 "market sells in quote coin are not supported by the simulation" };
    if (out->in_quote)
        return check_quote(instrument, fields->qty, &out->qty);
    refusal = check_lots(instrument, fields->qty, most_of(out), &out->lots);
    if (refusal.code)
        return refusal;
    out->qty = instrument_qty(instrument, out->lots);
    if (!out->reduce_only &&
        too_little_value(instrument, market ? exchange->mids[instrument->index] : out->ticks,
                         out->lots))
        return fault(instrument, FAULT_VALUE_MIN);
    return accepted;
}

struct refusal check_create(const struct exchange *exchange, const struct create_fields *fields,
                            struct sim_request *out)
{
    struct refusal refusal;

    memset(out, 0, sizeof(*out));
    refusal = check_symbol(fields->category, fields->symbol, &out->instrument);
    if (!refusal.code)
        refusal = check_words(fields, out);
    if (!refusal.code && out->type == ORDER_TYPE_LIMIT)
        refusal = check_price(out->instrument, fields->price, &out->ticks);
    if (!refusal.code)
        refusal = check_terms(exchange, fields, out);
    if (!refusal.code)
        refusal = check_size(exchange, fields, out);
    if (!refusal.code)
        refusal = check_exits(exchange, fields, out);
    return refusal;
}

/* --- amend --- */

static bool names_leg(const struct leg_fields *fields)
{
    return fields->price || fields->trigger_by || fields->limit_price;
}

static struct refusal amend_exits(const struct instrument *instrument,
                                  const struct amend_fields *fields, struct exits *exits)
{
    struct refusal refusal = accepted;

    if (fields->tpsl_mode)
        refusal = check_tpsl_mode(fields->tpsl_mode, &exits->partial);
    if (!refusal.code)
        refusal = check_leg(instrument, &fields->take_profit, exits->partial, &exits->take_profit);
    if (!refusal.code)
        refusal = check_leg(instrument, &fields->stop_loss, exits->partial, &exits->stop_loss);
    return refusal;
}

static struct refusal amend_trigger(const struct exchange *exchange, const struct sim_order *order,
                                    const struct amend_fields *fields, struct trigger *trigger)
{
    if (order->status != STATUS_UNTRIGGERED || order->kind == STOP_TRAILING)
        return (struct refusal){ 10001, "params error: the order has no trigger to amend" };
    if (order->instrument->category == CATEGORY_SPOT)
        trigger->direction = 0;
    return check_trigger(exchange, order->instrument, fields->trigger_price, fields->trigger_by,
                         trigger);
}

static struct refusal amend_size(const struct sim_order *order, const struct amend_fields *fields,
                                 struct sim_amend *out)
{
    const struct instrument *instrument = order->instrument;
    struct refusal refusal = accepted;

    if (order->kind == STOP_TAKE_PROFIT || order->kind == STOP_LOSS || order->kind == STOP_TRAILING)
        return (struct refusal){ 110060, "the size of TP/SL in full mode can not be amended" };
    if (order->in_quote)
        return (struct refusal){ 170312, "This order cannot be amended." };
    refusal = check_lots(instrument, fields->qty, &instrument->max_limit_qty, &out->lots);
    return refusal;
}

static bool names_exits(const struct amend_fields *fields)
{
    return names_leg(&fields->take_profit) || names_leg(&fields->stop_loss);
}

/* Size, price and trigger. */
static struct refusal amend_itself(const struct exchange *exchange, const struct sim_order *order,
                                   const struct amend_fields *fields, struct sim_amend *out)
{
    struct refusal refusal = accepted;

    if (!check_is_empty(fields->price) && order->type == ORDER_TYPE_MARKET)
        return (struct refusal){ 10001, "params error: a market order has no price to amend" };
    if (!check_is_empty(fields->price))
        refusal = check_price(order->instrument, fields->price, &out->ticks);
    if (!refusal.code && !check_is_empty(fields->qty))
        refusal = amend_size(order, fields, out);
    if (!refusal.code && (!check_is_empty(fields->trigger_price) || fields->trigger_by))
        refusal = amend_trigger(exchange, order, fields, &out->trigger);
    if (!refusal.code && !order->reduce_only && out->ticks > 0 && !order->in_quote &&
        too_little_value(order->instrument, out->ticks, out->lots))
        return fault(order->instrument, FAULT_VALUE_MIN);
    return refusal;
}

struct refusal check_amend(const struct exchange *exchange, const struct sim_order *order,
                           const struct amend_fields *fields, struct sim_amend *out)
{
    struct refusal refusal;

    *out = (struct sim_amend){ .ticks = order->ticks,
                               .lots = order->lots,
                               .trigger = order->trigger,
                               .exits = order->exits,
                               .changes_exits = names_exits(fields) };
    if (fields->order_iv)
        return (struct refusal){ 10001, "orderIv is not supported by the simulation" };
    if (check_is_empty(fields->qty) && check_is_empty(fields->price) &&
        check_is_empty(fields->trigger_price) && !fields->trigger_by && !out->changes_exits)
        return (struct refusal){ 10001, "params error: nothing to amend" };
    refusal = amend_itself(exchange, order, fields, out);
    if (refusal.code || !out->changes_exits)
        return refusal;
    if (stop_kind_closes(order->kind) || order->reduce_only)
        return (struct refusal){ 110057, "TP/SL can not be set for this order" };
    refusal = amend_exits(order->instrument, fields, &out->exits);
    if (refusal.code)
        return refusal;
    return check_exit_sides(order->side, out->ticks ? out->ticks : out->trigger.ticks, &out->exits);
}
