/* Orders, executions, positions, wallet. Market data is in messages_market.c. */
#include "sim/messages.h"

#include <string.h>

#include "sim/money.h"

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
    build_decimal(out, "leavesValue",
                  instrument_value(instrument, (decimal_int)order->ticks * leaves));
    build_qty(out, "cumExecQty", instrument, order->filled_lots);
    build_decimal(out, "cumExecValue", order->value);
    build_text(out, "cumExecFee", "0");
    if (order->filled_lots > 0)
        build_decimal(out, "avgPrice",
                      money_div(order->value, instrument_qty(instrument, order->filled_lots), 10));
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
    { "execType", "Trade" },        { "tradeIv", "" },         { "markIv", "" },
    { "blockTradeId", "" },         { "underlyingPrice", "" }, { "indexPrice", "" },
    { "stopOrderType", "UNKNOWN" }, { "extraFees", "" },
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
    build_text(out, "orderType", order_type_theirs(execution->type));
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
    if (!spot)
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

static const struct build_constant position_constants[] = {
    { "riskLimitValue", "2000000" },
    { "positionStatus", "Normal" },
    { "liqPrice", "" },
    { "bustPrice", "" },
    { "positionBalance", "0" },
    { "takeProfit", "" },
    { "stopLoss", "" },
    { "trailingStop", "0" },
    { "sessionAvgPrice", "" },
    { "tpslMode", "Full" },
    { "mmrSysUpdatedTime", "" },
    { "leverageSysUpdatedTime", "" },
};

static void add_position_amounts(cJSON *out, const struct exchange *exchange,
                                 const struct instrument *instrument)
{
    const struct position *position = &exchange->account.positions[instrument->index];
    struct decimal margin = account_position_margin(&exchange->account, instrument->index);
    struct decimal maintenance = money_mul(position->cost, (struct decimal){ 5, 3 });

    build_qty(out, "size", instrument, position->lots < 0 ? -position->lots : position->lots);
    build_decimal(out, "positionValue", position->cost);
    build_decimal(out, "leverage", position->leverage);
    build_price(out, "markPrice", instrument, exchange->mids[instrument->index]);
    build_decimal(out, "positionIM", margin);
    build_decimal(out, "positionIMByMp", margin);
    build_decimal(out, "positionMM", maintenance);
    build_decimal(out, "positionMMByMp", maintenance);
    build_decimal(out, "unrealisedPnl",
                  position_unrealised(instrument, position, exchange->mids[instrument->index]));
    build_decimal(out, "curRealisedPnl", position->realised);
    build_decimal(out, "cumRealisedPnl", position->realised_all);
}

void message_position(cJSON *out, const struct exchange *exchange,
                      const struct instrument *instrument, bool stream)
{
    const struct position *position = &exchange->account.positions[instrument->index];
    struct decimal average = position_average(instrument, position);
    const char *side = position->lots > 0 ? "Buy" : "Sell";

    if (stream)
        build_text(out, "category", category_word(instrument->category));
    build_text(out, "symbol", instrument->symbol);
    build_text(out, "side", position->lots == 0 ? "" : side);
    build_decimal(out, stream ? "entryPrice" : "avgPrice", average);
    build_decimal(out, "breakEvenPrice", average);
    add_position_amounts(out, exchange, instrument);
    build_int(out, "positionIdx", 0);
    build_int(out, "tradeMode", 0);
    build_int(out, "riskId", 1);
    build_int(out, "autoAddMargin", 0);
    build_int(out, "adlRankIndicator", position->lots == 0 ? 0 : 2);
    build_bool(out, "isReduceOnly", false);
    build_constants(out, position_constants, ARRAY_LEN(position_constants));
    build_int(out, "openTime", position->open_ms);
    build_int_text(out, "createdTime", position->created_ms);
    build_int_text(out, "updatedTime", position->updated_ms);
    build_int(out, "seq", (int64_t)position->seq);
}

/* --- wallet --- */

struct totals {
    struct decimal position_margin;
    struct decimal maintenance;
    struct decimal unrealised;
    struct decimal equity;
    struct decimal balance;
};

static struct decimal usd_price(const struct exchange *exchange, const char *coin)
{
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        const struct instrument *instrument = instrument_at(i);

        if (instrument->category == CATEGORY_SPOT && strcmp(instrument->base, coin) == 0)
            return instrument_price(instrument, exchange->mids[i]);
    }
    return decimal_from_int(1);
}

static struct totals add_up(struct exchange *exchange)
{
    struct account *account = &exchange->account;
    struct totals totals = { DECIMAL_ZERO, DECIMAL_ZERO, DECIMAL_ZERO, DECIMAL_ZERO, DECIMAL_ZERO };

    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        const struct position *position = &account->positions[i];

        if (position->lots == 0)
            continue;
        totals.position_margin =
            money_add(totals.position_margin, account_position_margin(account, i));
        totals.maintenance =
            money_add(totals.maintenance, money_mul(position->cost, (struct decimal){ 5, 3 }));
        totals.unrealised = money_add(
            totals.unrealised, position_unrealised(instrument_at(i), position, exchange->mids[i]));
    }
    for (int i = 0; i < COIN_COUNT; i++)
        totals.balance =
            money_add(totals.balance, money_mul(account->wallets[i].balance,
                                                usd_price(exchange, account->wallets[i].coin)));
    totals.equity = money_add(totals.balance, totals.unrealised);
    return totals;
}

static const struct build_constant coin_constants[] = {
    { "availableToBorrow", "" },
    { "availableToWithdraw", "" },
    { "bonus", "0" },
    { "accruedInterest", "0" },
    { "spotHedgingQty", "0" },
    { "borrowAmount", "0" },
    { "spotBorrow", "0" },
    { "colRes", "0" },
};

static void add_coin(cJSON *list, struct exchange *exchange, const struct wallet *wallet,
                     const struct totals *totals)
{
    bool usdt = wallet == &exchange->account.wallets[COIN_USDT];
    struct decimal unrealised = usdt ? totals->unrealised : DECIMAL_ZERO;
    struct decimal equity = money_add(wallet->balance, unrealised);
    cJSON *out = build_item(list);

    build_text(out, "coin", wallet->coin);
    build_decimal(out, "equity", equity);
    build_decimal(out, "usdValue",
                  money_cut(money_mul(equity, usd_price(exchange, wallet->coin)), 8));
    build_decimal(out, "walletBalance", wallet->balance);
    build_decimal(out, "locked", wallet->locked);
    build_decimal(out, "totalOrderIM", usdt ? exchange->account.order_margin : DECIMAL_ZERO);
    build_decimal(out, "totalPositionIM", usdt ? totals->position_margin : DECIMAL_ZERO);
    build_decimal(out, "totalPositionMM", usdt ? totals->maintenance : DECIMAL_ZERO);
    build_decimal(out, "unrealisedPnl", unrealised);
    build_decimal(out, "cumRealisedPnl", wallet->realised);
    build_bool(out, "marginCollateral", true);
    build_bool(out, "collateralSwitch", true);
    build_constants(out, coin_constants, ARRAY_LEN(coin_constants));
}

static bool listed(const char *coins, const char *coin)
{
    size_t bytes = strlen(coin);
    const char *at = coins;

    while (at && *at) {
        const char *end = strchr(at, ',');
        size_t length = end ? (size_t)(end - at) : strlen(at);

        if (length == bytes && memcmp(at, coin, bytes) == 0)
            return true;
        at = end ? end + 1 : NULL;
    }
    return false;
}

void message_wallet(cJSON *out, struct exchange *exchange, const char *coins)
{
    struct account *account = &exchange->account;
    struct totals totals = add_up(exchange);
    struct decimal initial = money_add(totals.position_margin, account->order_margin);
    struct decimal rate = money_max(totals.equity, decimal_from_int(1));
    struct decimal initial_rate = money_div(initial, money_cut(rate, 8), 8);
    struct decimal maintenance_rate = money_div(totals.maintenance, money_cut(rate, 8), 8);
    cJSON *list;

    build_text(out, "accountType", "UNIFIED");
    build_decimal(out, "accountIMRate", initial_rate);
    build_decimal(out, "accountIMRateByMp", initial_rate);
    build_decimal(out, "accountMMRate", maintenance_rate);
    build_decimal(out, "accountMMRateByMp", maintenance_rate);
    build_decimal(out, "totalEquity", money_cut(totals.equity, 8));
    build_decimal(out, "totalWalletBalance", money_cut(totals.balance, 8));
    build_decimal(out, "totalMarginBalance", money_cut(totals.equity, 8));
    build_decimal(out, "totalAvailableBalance", money_cut(money_sub(totals.equity, initial), 8));
    build_decimal(out, "totalPerpUPL", totals.unrealised);
    build_decimal(out, "totalInitialMargin", initial);
    build_decimal(out, "totalInitialMarginByMp", initial);
    build_decimal(out, "totalMaintenanceMargin", totals.maintenance);
    build_decimal(out, "totalMaintenanceMarginByMp", totals.maintenance);
    build_text(out, "accountLTV", "0");
    list = build_list(out, "coin");
    for (int i = 0; i < COIN_COUNT; i++) {
        const struct wallet *wallet = &account->wallets[i];

        if (coins && *coins ? listed(coins, wallet->coin) : decimal_sign(&wallet->balance) != 0)
            add_coin(list, exchange, wallet, &totals);
    }
}
