/* Create, amend, cancel: one order. */
#include <string.h>

#include "sim/check.h"
#include "sim/later.h"
#include "sim/rest_scope.h"

static const struct refusal fine = { 0, "OK" };
static const struct refusal not_a_text = { 10001, "params error: a text was expected" };

static bool is_empty(const char *text)
{
    return !text || !*text;
}

static bool all_texts(const struct rest_call *call, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (call_is_not_text(call, names[i]))
            return false;
    }
    return true;
}

static const char *const leg_texts[] = {
    "takeProfit",  "tpTriggerBy", "tpOrderType",  "tpLimitPrice", "stopLoss",
    "slTriggerBy", "slOrderType", "slLimitPrice", "tpslMode",
};

static void read_legs(const struct rest_call *call, struct leg_fields *profit,
                      struct leg_fields *loss)
{
    *profit =
        (struct leg_fields){ call_text(call, "takeProfit"), call_text(call, "tpTriggerBy"),
                             call_text(call, "tpOrderType"), call_text(call, "tpLimitPrice") };
    *loss = (struct leg_fields){ call_text(call, "stopLoss"), call_text(call, "slTriggerBy"),
                                 call_text(call, "slOrderType"), call_text(call, "slLimitPrice") };
}

static void name_order(cJSON *out, const struct sim_order *order)
{
    build_text(out, "orderId", order->order_id);
    build_text(out, "orderLinkId", order->link);
}

/* --- create --- */

static const char *const create_texts[] = {
    "category",          "symbol",      "side",
    "orderType",         "qty",         "price",
    "timeInForce",       "orderLinkId", "marketUnit",
    "triggerPrice",      "triggerBy",   "orderFilter",
    "smpType",           "orderIv",     "slippageToleranceType",
    "slippageTolerance",
};

static void read_create(const struct rest_call *call, struct create_fields *fields)
{
    *fields = (struct create_fields){
        .category = call_text(call, "category"),
        .symbol = call_text(call, "symbol"),
        .side = call_text(call, "side"),
        .order_type = call_text(call, "orderType"),
        .qty = call_text(call, "qty"),
        .price = call_text(call, "price"),
        .time_in_force = call_text(call, "timeInForce"),
        .order_link_id = call_text(call, "orderLinkId"),
        .market_unit = call_text(call, "marketUnit"),
        .trigger_price = call_text(call, "triggerPrice"),
        .trigger_by = call_text(call, "triggerBy"),
        .order_filter = call_text(call, "orderFilter"),
        .tpsl_mode = call_text(call, "tpslMode"),
        .smp_type = call_text(call, "smpType"),
        .slippage_type = call_text(call, "slippageToleranceType"),
        .slippage = call_text(call, "slippageTolerance"),
        .order_iv = call_text(call, "orderIv"),
        .reduce_only = call_bool(call, "reduceOnly"),
        .close_on_trigger = call_bool(call, "closeOnTrigger"),
    };
    read_legs(call, &fields->take_profit, &fields->stop_loss);
}

struct refusal sim_rest_create(struct rest_call *call)
{
    struct sim_order *order = NULL;
    struct create_fields fields;
    struct sim_request request;
    struct refusal refusal;

    if (!all_texts(call, create_texts, ARRAY_LEN(create_texts)) ||
        !all_texts(call, leg_texts, ARRAY_LEN(leg_texts)))
        return not_a_text;
    read_create(call, &fields);
    if (!call_int(call, "positionIdx", 0, 2, 0, &fields.position_idx))
        return (struct refusal){ 10001, "params error: positionIdx is invalid" };
    if (!call_int(call, "isLeverage", 0, 1, 0, &fields.is_leverage))
        return (struct refusal){ 10001, "params error: isLeverage is invalid" };
    if (!call_int(call, "triggerDirection", 0, 2, 0, &fields.trigger_direction))
        return (struct refusal){ 10001, "TriggerDirection invalid" };
    refusal = check_create(call->exchange, &fields, &request);
    if (!refusal.code)
        refusal = match_place(call->exchange, &request, &order);
    if (refusal.code)
        return refusal;
    name_order(call->result, order);
    return fine;
}

/* --- the order that is meant --- */

static struct refusal not_found(const struct instrument *instrument)
{
    if (instrument->category == CATEGORY_SPOT)
        return (struct refusal){ 170213, "Order does not exist." };
    return (struct refusal){ 110001, "order not exists or too late to cancel" };
}

static const char *const id_texts[] = { "category", "symbol", "orderId", "orderLinkId" };

/* The open order that amend or cancel names; orderId wins. */
static struct refusal find_open(const struct rest_call *call, struct sim_order **out)
{
    const struct history *history = call->exchange->history;
    const char *order_id = call_text(call, "orderId");
    const char *link = call_text(call, "orderLinkId");
    const struct instrument *instrument = NULL;
    struct refusal refusal;

    if (!all_texts(call, id_texts, ARRAY_LEN(id_texts)))
        return not_a_text;
    refusal = check_symbol(call_text(call, "category"), call_text(call, "symbol"), &instrument);
    if (refusal.code)
        return refusal;
    if (is_empty(order_id) && is_empty(link))
        return (struct refusal){ 10001, "params error: orderId or orderLinkId is required" };
    if (!is_empty(order_id))
        *out = history_order(history, instrument->category, order_id);
    else
        *out = history_order_by_link(history, instrument->category, link);
    if (!*out || (*out)->instrument != instrument || !order_is_open(*out))
        return not_found(instrument);
    return fine;
}

/* --- cancel --- */

/* Spot: waiting orders are only found with the filter of their kind. */
static struct refusal check_kind(const struct rest_call *call, const struct sim_order *order)
{
    unsigned kinds = 0;
    struct refusal refusal;

    if (order->instrument->category != CATEGORY_SPOT)
        return fine;
    refusal = call_order_filter(call, FILTER_CANCEL, CATEGORY_SPOT, &kinds);
    if (!refusal.code && !(kinds & order_kind_of(order)))
        return not_found(order->instrument);
    return refusal;
}

struct refusal rest_cancel(struct rest_call *call)
{
    struct sim_order *order = NULL;
    struct refusal refusal = find_open(call, &order);

    if (!refusal.code)
        refusal = check_kind(call, order);
    if (refusal.code)
        return refusal;
    name_order(call->result, order);
    later_cancel(call->exchange, order);
    return fine;
}

/* --- amend --- */

static const char *const amend_texts[] = { "qty", "price", "triggerPrice", "triggerBy", "orderIv" };

struct refusal rest_amend(struct rest_call *call)
{
    const struct amend_fields absent = { .qty = NULL };
    struct sim_order *order = NULL;
    struct amend_fields fields = absent;
    struct sim_amend amend;
    struct refusal refusal = find_open(call, &order);

    if (refusal.code)
        return refusal;
    if (!all_texts(call, amend_texts, ARRAY_LEN(amend_texts)) ||
        !all_texts(call, leg_texts, ARRAY_LEN(leg_texts)))
        return not_a_text;
    fields.qty = call_text(call, "qty");
    fields.price = call_text(call, "price");
    fields.trigger_price = call_text(call, "triggerPrice");
    fields.trigger_by = call_text(call, "triggerBy");
    fields.tpsl_mode = call_text(call, "tpslMode");
    fields.order_iv = call_text(call, "orderIv");
    read_legs(call, &fields.take_profit, &fields.stop_loss);
    if (call->in_batch && order->status == STATUS_UNTRIGGERED)
        return (struct refusal){ 10001, "conditional orders can not be amended in a batch" };
    refusal = check_amend(call->exchange, order, &fields, &amend);
    if (!refusal.code)
        refusal = later_amend(call->exchange, order, &amend);
    if (refusal.code)
        return refusal;
    name_order(call->result, order);
    return fine;
}
