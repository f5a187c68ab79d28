/* Orders and executions. */
#include "sim/messages.h"

#include "sim/exits.h"

static int64_t leaves_of(const struct sim_order *order)
{
    return status_is_closed(order->status) || order->in_quote ? 0
                                                              : order->lots - order->filled_lots;
}

static void add_order_amounts(cJSON *out, const struct sim_order *order)
{
    const struct instrument *instrument = order->instrument;
    int64_t leaves = leaves_of(order);
    cJSON *fees;

    build_price(out, "price", instrument, order->ticks);
    build_decimal(out, "qty", order->qty);
    build_qty(out, "leavesQty", instrument, leaves);
    build_decimal(out, "leavesValue", instrument_worth(instrument, order->ticks, leaves));
    build_qty(out, "cumExecQty", instrument, order->filled_lots);
    build_decimal(out, "cumExecValue", order->value);
    build_text(out, "cumExecFee", "0");
    if (order->filled_lots > 0)
        build_decimal(out, "avgPrice",
                      instrument_average(instrument, order->value, order->filled_lots));
    else
        build_text(out, "avgPrice", "");
    fees = build_object(out, "cumFeeDetail");
    if (order->filled_lots > 0)
        build_decimal(fees, order->fee_coin, order->fee);
}

static const struct build_constant order_constants[] = {
    { "blockTradeId", "" }, { "orderIv", "" },   { "ocoTriggerBy", "" },
    { "placeType", "" },    { "extraFees", "" }, { "rpiMatchedQty", "0" },
};

static void add_ticks(cJSON *out, const char *name, const struct instrument *instrument,
                      int64_t ticks)
{
    if (ticks)
        build_price(out, name, instrument, ticks);
    else
        build_text(out, name, "");
}

static void add_leg(cJSON *out, const struct sim_order *order, const struct exit_leg *leg,
                    const char *const names[3])
{
    add_ticks(out, names[0], order->instrument, leg->ticks);
    add_ticks(out, names[1], order->instrument, leg->limit_ticks);
    build_text(out, names[2], leg->ticks ? price_kind_theirs(leg->by) : "");
}

static const char *tpsl_mode_of(const struct sim_order *order)
{
    bool partial = order->exits.partial || order->kind == STOP_PARTIAL_TAKE_PROFIT ||
                   order->kind == STOP_PARTIAL_LOSS;

    if (partial)
        return "Partial";
    return exits_any(&order->exits) || stop_kind_closes(order->kind) ? "Full" : "";
}

/* Trigger, take profit and stop loss. */
static void add_stops(cJSON *out, const struct sim_order *order)
{
    static const char *const profit[] = { "takeProfit", "tpLimitPrice", "tpTriggerBy" };
    static const char *const loss[] = { "stopLoss", "slLimitPrice", "slTriggerBy" };
    bool waits = order->kind != STOP_NONE;

    build_text(out, "stopOrderType", stop_kind_theirs(order->kind));
    add_ticks(out, "triggerPrice", order->instrument, order->trigger.ticks);
    build_text(out, "triggerBy", waits ? price_kind_theirs(order->trigger.by) : "");
    build_int(out, "triggerDirection", order->trigger.direction);
    add_leg(out, order, &order->exits.take_profit, profit);
    add_leg(out, order, &order->exits.stop_loss, loss);
    build_text(out, "tpslMode", tpsl_mode_of(order));
    build_text(out, "parentOrderLinkId", order->parent_link);
}

static void add_rules(cJSON *out, const struct sim_order *order)
{
    build_text(out, "smpType", smp_rule_theirs(order->smp));
    build_int(out, "smpGroup", 0);
    build_text(out, "smpOrderId", order->smp_order_id);
    build_text(out, "slippageToleranceType",
               order->slippage_type ? order->slippage_type : "UNKNOWN");
    if (order->slippage_type)
        build_decimal(out, "slippageTolerance", order->slippage);
    else
        build_text(out, "slippageTolerance", "");
    build_bool(out, "reduceOnly", order->reduce_only);
    build_bool(out, "closeOnTrigger", order->close_on_trigger);
}

static void add_names(cJSON *out, const struct sim_order *order)
{
    build_text(out, "symbol", order->instrument->symbol);
    build_text(out, "orderId", order->order_id);
    build_text(out, "orderLinkId", order->link);
    build_text(out, "side", side_theirs(order->side));
    build_text(out, "orderType", order_type_theirs(order->type));
    build_text(out, "timeInForce", tif_theirs(order->tif));
    build_text(out, "orderStatus", status_theirs(order->status));
    build_text(out, "cancelType", order->cancel_type);
    build_text(out, "rejectReason", order->reject_reason);
}

void sim_message_order(cJSON *out, const struct sim_order *order, bool stream)
{
    bool spot = order->instrument->category == CATEGORY_SPOT;

    if (stream) {
        build_text(out, "category", category_word(order->instrument->category));
        build_text(out, "closedPnl", "0");
        build_text(out, "feeCurrency", "");
    }
    add_names(out, order);
    add_order_amounts(out, order);
    build_text(out, "marketUnit", order->market_unit);
    build_text(out, "isLeverage", !spot ? "" : order->is_leverage ? "1" : "0");
    if (instrument_is_contract(order->instrument))
        build_text(out, "createType", stop_kind_creator(order->kind));
    build_price(out, "lastPriceOnCreated", order->instrument, order->last_ticks_on_create);
    build_int(out, "positionIdx", order->position_idx);
    build_bool(out, "rpiTakerAccess", false);
    add_stops(out, order);
    add_rules(out, order);
    build_constants(out, order_constants, ARRAY_LEN(order_constants));
    build_int_text(out, "createdTime", order->created_ms);
    build_int_text(out, "updatedTime", order->updated_ms);
}

static const struct build_constant execution_constants[] = {
    { "tradeIv", "" },         { "markIv", "" },     { "blockTradeId", "" },
    { "underlyingPrice", "" }, { "indexPrice", "" }, { "extraFees", "" },
};

const char *execution_type_theirs(enum execution_type type)
{
    static const char *const words[] = { [EXECUTION_TRADE] = "Trade",
                                         [EXECUTION_FUNDING] = "Funding",
                                         [EXECUTION_DELIVERY] = "Delivery" };

    return words[type];
}

void message_execution(cJSON *out, const struct sim_execution *execution, bool stream)
{
    const struct instrument *instrument = execution->instrument;

    if (stream) {
        build_text(out, "category", category_word(instrument->category));
        build_text(out, "isLeverage", "0");
        build_decimal(out, "execPnl", execution->pnl);
        build_text(out, "marketUnit", execution->market_unit);
    }
    build_text(out, "symbol", instrument->symbol);
    build_text(out, "orderId", execution->order_id);
    build_text(out, "orderLinkId", execution->link);
    build_text(out, "side", side_theirs(execution->side));
    build_text(out, "orderType",
               execution->what == EXECUTION_TRADE ? order_type_theirs(execution->type) : "UNKNOWN");
    build_text(out, "execType", execution_type_theirs(execution->what));
    build_text(out, "execId", execution->exec_id);
    build_price(out, "execPrice", instrument, execution->ticks);
    build_qty(out, "execQty", instrument, execution->lots);
    build_decimal(out, "execValue", execution->value);
    build_decimal(out, "execFee", execution->fee);
    build_decimal(out, "feeRate", execution->fee_rate);
    build_text(out, "feeCurrency", execution->fee_coin);
    build_qty(out, "leavesQty", instrument, execution->leaves_lots);
    build_qty(out, "closedSize", instrument, execution->closed_lots);
    build_price(out, "orderPrice", instrument, execution->order_ticks);
    build_decimal(out, "orderQty", execution->order_qty);
    build_price(out, "markPrice", instrument, execution->mark_ticks);
    build_bool(out, "isMaker", execution->maker);
    if (instrument_is_contract(instrument) && execution->what == EXECUTION_TRADE)
        build_text(out, "createType", stop_kind_creator(execution->kind));
    build_text(out, "stopOrderType",
               execution->kind == STOP_NONE ? "UNKNOWN" : stop_kind_theirs(execution->kind));
    build_constants(out, execution_constants, ARRAY_LEN(execution_constants));
    build_int_text(out, "execTime", execution->at_ms);
    build_int(out, "seq", (int64_t)execution->seq);
}

void message_execution_fast(cJSON *out, const struct sim_execution *execution)
{
    const struct instrument *instrument = execution->instrument;

    build_text(out, "category", category_word(instrument->category));
    build_text(out, "symbol", instrument->symbol);
    build_text(out, "execId", execution->exec_id);
    build_price(out, "execPrice", instrument, execution->ticks);
    build_qty(out, "execQty", instrument, execution->lots);
    build_text(out, "orderId", execution->order_id);
    build_bool(out, "isMaker", execution->maker);
    build_text(out, "orderLinkId", execution->maker ? "" : execution->link);
    build_text(out, "side", side_theirs(execution->side));
    build_int_text(out, "execTime", execution->at_ms);
    build_int(out, "seq", (int64_t)execution->seq);
}
