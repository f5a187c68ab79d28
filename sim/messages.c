/* Orders and executions. */
#include "sim/messages.h"

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
    { "blockTradeId", "" },      { "stopOrderType", "" },
    { "orderIv", "" },           { "triggerPrice", "" },
    { "takeProfit", "" },        { "stopLoss", "" },
    { "tpTriggerBy", "" },       { "slTriggerBy", "" },
    { "tpLimitPrice", "" },      { "slLimitPrice", "" },
    { "triggerBy", "" },         { "tpslMode", "" },
    { "ocoTriggerBy", "" },      { "placeType", "" },
    { "smpType", "None" },       { "smpOrderId", "" },
    { "parentOrderLinkId", "" }, { "slippageToleranceType", "UNKNOWN" },
    { "slippageTolerance", "" }, { "extraFees", "" },
    { "rpiMatchedQty", "0" },
};

void sim_message_order(cJSON *out, const struct sim_order *order, bool stream)
{
    bool spot = order->instrument->category == CATEGORY_SPOT;

    if (stream) {
        build_text(out, "category", category_word(order->instrument->category));
        build_text(out, "closedPnl", "0");
        build_text(out, "feeCurrency", "");
    }
    build_text(out, "symbol", order->instrument->symbol);
    build_text(out, "orderId", order->order_id);
    build_text(out, "orderLinkId", order->link);
    build_text(out, "side", side_theirs(order->side));
    build_text(out, "orderType", order_type_theirs(order->type));
    build_text(out, "timeInForce", tif_theirs(order->tif));
    build_text(out, "orderStatus", status_theirs(order->status));
    build_text(out, "cancelType", order->cancel_type);
    build_text(out, "rejectReason", order->reject_reason);
    add_order_amounts(out, order);
    build_text(out, "marketUnit", order->market_unit);
    build_text(out, "isLeverage", spot ? "0" : "");
    if (!spot)
        build_text(out, "createType", "CreateByUser");
    build_price(out, "lastPriceOnCreated", order->instrument, order->last_ticks_on_create);
    build_int(out, "positionIdx", 0);
    build_int(out, "triggerDirection", 0);
    build_int(out, "smpGroup", 0);
    build_bool(out, "reduceOnly", order->reduce_only);
    build_bool(out, "closeOnTrigger", order->close_on_trigger);
    build_bool(out, "rpiTakerAccess", false);
    build_constants(out, order_constants, ARRAY_LEN(order_constants));
    build_int_text(out, "createdTime", order->created_ms);
    build_int_text(out, "updatedTime", order->updated_ms);
}

static const struct build_constant execution_constants[] = {
    { "tradeIv", "" },         { "markIv", "" },     { "blockTradeId", "" },
    { "underlyingPrice", "" }, { "indexPrice", "" }, { "stopOrderType", "UNKNOWN" },
    { "extraFees", "" },
};

void message_execution(cJSON *out, const struct sim_execution *execution, bool stream)
{
    const struct instrument *instrument = execution->instrument;
    bool spot = instrument->category == CATEGORY_SPOT;

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
               execution->funding ? "UNKNOWN" : order_type_theirs(execution->type));
    build_text(out, "execType", execution->funding ? "Funding" : "Trade");
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
    if (!spot && !execution->funding)
        build_text(out, "createType", "CreateByUser");
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
