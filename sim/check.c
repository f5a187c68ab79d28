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
};

static const struct refusal accepted = { 0, "OK" };

static struct refusal fault(const struct instrument *instrument, enum fault which)
{
    return instrument->category == CATEGORY_SPOT ? faults[which].spot : faults[which].linear;
}

static bool is_empty(const char *text)
{
    return !text || !*text;
}

static bool is_zero(const char *text)
{
    struct decimal value;

    return is_empty(text) || (!decimal_parse(&value, text) && decimal_sign(&value) == 0);
}

struct refusal check_symbol(const char *category, const char *symbol, const struct instrument **out)
{
    enum category which = CATEGORY_SPOT;

    if (is_empty(category))
        return (struct refusal){ 10001, "params error: category is required" };
    while (strcmp(category_word(which), category) != 0) {
        if (++which == CATEGORY_COUNT)
            return (struct refusal){ 10001, "params error: category is invalid" };
    }
    if (is_empty(symbol))
        return (struct refusal){ 10001, "params error: symbol is required" };
    *out = instrument_find(which, symbol);
    if (!*out && which == CATEGORY_SPOT)
        return (struct refusal){ 170121, "Invalid symbol." };
    if (!*out)
        return (struct refusal){ 10001, "params error: symbol invalid" };
    return accepted;
}

/* What the exchange can do and this one cannot. */
static struct refusal check_supported(const struct create_fields *fields)
{
    if (!is_zero(fields->trigger_price))
        return (struct refusal){ 10001, "conditional orders are not supported by the simulation" };
    if (!is_zero(fields->take_profit) || !is_zero(fields->stop_loss))
        return (struct refusal){ 10001,
                                 "take profit and stop loss are not supported by the simulation" };
    if (!is_empty(fields->order_filter) && strcmp(fields->order_filter, "Order") != 0)
        return (struct refusal){ 10001, "orderFilter is not supported by the simulation" };
    if (fields->position_idx != 0)
        return (struct refusal){ 10001, "position idx not match position mode" };
    return accepted;
}

static bool known_side(const char *text, enum side *out)
{
    if (is_empty(text))
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
    if (is_empty(text))
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

    if (is_empty(text)) {
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

static struct refusal check_price(const struct instrument *instrument, const char *text,
                                  int64_t *ticks)
{
    struct decimal price;

    if (is_empty(text))
        return fault(instrument, FAULT_PRICE_MISSING);
    if (decimal_parse(&price, text) || decimal_sign(&price) <= 0 ||
        instrument_ticks(instrument, price, ticks))
        return fault(instrument, FAULT_PRICE_STEP);
    if (decimal_cmp(&price, &instrument->max_price) > 0)
        return fault(instrument, FAULT_PRICE_HIGH);
    return accepted;
}

static struct refusal check_lots(const struct instrument *instrument, const char *text, bool market,
                                 int64_t *lots)
{
    const struct decimal *most = market ? &instrument->max_market_qty : &instrument->max_limit_qty;
    struct decimal qty;

    if (is_empty(text))
        return fault(instrument, FAULT_QTY_MISSING);
    if (decimal_parse(&qty, text) || decimal_sign(&qty) < 0)
        return fault(instrument, FAULT_QTY_TEXT);
    if (money_less(qty, instrument->step))
        return fault(instrument, FAULT_QTY_MIN);
    if (decimal_cmp(&qty, most) > 0)
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

    if (is_empty(text))
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
    if (!is_empty(unit) && strcmp(unit, "baseCoin") == 0)
        out->market_unit = "baseCoin";
    else if (!is_empty(unit) && strcmp(unit, "quoteCoin") == 0)
        out->market_unit = "quoteCoin";
    else if (!is_empty(unit))
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
    if (!known_tif(fields->time_in_force, &out->tif))
        return fault(instrument, FAULT_TIF);
    if (!known_unit(fields, out))
        return fault(instrument, FAULT_UNIT);
    if (fields->order_link_id && !valid_link(fields->order_link_id))
        return fault(instrument, FAULT_LINK);
    if (text_copy(out->link, sizeof(out->link), fields->order_link_id ? fields->order_link_id : ""))
        return fault(instrument, FAULT_LINK);
    out->reduce_only = fields->reduce_only && instrument_is_contract(instrument);
    out->close_on_trigger = fields->close_on_trigger && instrument_is_contract(instrument);
    return accepted;
}

/* qty "0" with reduceOnly and closeOnTrigger closes all of the position. */
static bool closes_all(const struct create_fields *fields, const struct sim_request *request)
{
    return request->reduce_only && request->close_on_trigger && !is_empty(fields->qty) &&
           is_zero(fields->qty);
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
    refusal = check_lots(instrument, fields->qty, market, &out->lots);
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
    if (!refusal.code && out->instrument->category == CATEGORY_OPTION)
        return (struct refusal){ 10005, "Permission denied: this key has no right to options" };
    if (!refusal.code)
        refusal = check_supported(fields);
    if (!refusal.code)
        refusal = check_words(fields, out);
    if (!refusal.code && out->type == ORDER_TYPE_LIMIT)
        refusal = check_price(out->instrument, fields->price, &out->ticks);
    if (!refusal.code)
        refusal = check_size(exchange, fields, out);
    return refusal;
}

struct refusal check_amend(const struct sim_order *order, const char *qty, const char *price,
                           int64_t *ticks, int64_t *lots)
{
    const struct instrument *instrument = order->instrument;
    struct refusal refusal = accepted;

    *ticks = order->ticks;
    *lots = order->lots;
    if (is_empty(qty) && is_empty(price))
        return (struct refusal){ 10001, "params error: nothing to amend" };
    if (!is_empty(price))
        refusal = check_price(instrument, price, ticks);
    if (!refusal.code && !is_empty(qty))
        refusal = check_lots(instrument, qty, false, lots);
    if (!refusal.code && !order->reduce_only && too_little_value(instrument, *ticks, *lots))
        return fault(instrument, FAULT_VALUE_MIN);
    return refusal;
}
