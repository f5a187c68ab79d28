/* Positions and wallet of messages.h. */
#include <string.h>

#include "sim/exits.h"
#include "sim/messages.h"
#include "sim/money.h"

#define SHOWN_SCALE 8

static const struct build_constant position_constants[] = {
    { "riskLimitValue", "2000000" },  { "positionStatus", "Normal" }, { "bustPrice", "" },
    { "positionBalance", "0" },       { "tpslMode", "Full" },         { "mmrSysUpdatedTime", "" },
    { "leverageSysUpdatedTime", "" },
};

static void add_position_amounts(cJSON *out, const struct exchange *exchange,
                                 const struct position *position)
{
    const struct instrument *instrument = position->instrument;
    int64_t mark = exchange->mids[instrument->index];
    struct decimal margin = position_margin(position);
    struct decimal maintenance = position_maintenance(position);

    build_qty(out, "size", instrument, position->lots < 0 ? -position->lots : position->lots);
    build_decimal(out, "positionValue", position->cost);
    build_decimal(out, "leverage", position->leverage);
    build_price(out, "markPrice", instrument, mark);
    build_decimal(out, "positionIM", margin);
    build_decimal(out, "positionIMByMp", margin);
    build_decimal(out, "positionMM", maintenance);
    build_decimal(out, "positionMMByMp", maintenance);
    build_decimal(out, "unrealisedPnl", position_unrealised(position, mark));
    build_decimal(out, "curRealisedPnl", position->realised);
    build_decimal(out, "cumRealisedPnl", position->realised_all);
}

static void add_exit(cJSON *out, const char *name, const struct sim_order *order, const char *unset)
{
    if (order)
        build_price(out, name, order->instrument, order->trigger.ticks);
    else
        build_text(out, name, unset);
}

/* What is not set is "" in REST and "0" in the stream. */
static void add_position_prices(cJSON *out, const struct exchange *exchange,
                                const struct position *position, bool stream)
{
    struct decimal average = position_average(position);
    struct decimal liquidation = account_liquidation(&exchange->account, position);
    const struct sim_order *trailing = exits_find(exchange, position, STOP_TRAILING);
    const char *unset = stream ? "0" : "";

    build_decimal(out, stream ? "entryPrice" : "avgPrice", average);
    build_decimal(out, "breakEvenPrice", average);
    if (position->lots == 0 && stream)
        build_text(out, "liqPrice", "0");
    else
        build_decimal(out, "liqPrice", liquidation);
    add_exit(out, "takeProfit", exits_find(exchange, position, STOP_TAKE_PROFIT), unset);
    add_exit(out, "stopLoss", exits_find(exchange, position, STOP_LOSS), unset);
    if (trailing)
        build_price(out, "trailingStop", position->instrument, trailing->trigger.distance);
    else
        build_text(out, "trailingStop", "0");
    build_text(out, "sessionAvgPrice", unset);
}

void message_position(cJSON *out, const struct exchange *exchange, const struct position *position,
                      bool stream)
{
    const struct instrument *instrument = position->instrument;
    const char *side = position->lots > 0 ? "Buy" : "Sell";

    if (stream)
        build_text(out, "category", category_word(instrument->category));
    build_text(out, "symbol", instrument->symbol);
    build_text(out, "side", position->lots == 0 ? "" : side);
    add_position_prices(out, exchange, position, stream);
    add_position_amounts(out, exchange, position);
    build_int(out, "positionIdx", position->idx);
    build_int(out, "tradeMode", 0);
    build_int(out, "riskId", 1);
    build_int(out, "autoAddMargin", 0);
    build_int(out, "adlRankIndicator", position->lots == 0 ? 0 : 2);
    build_bool(out, "isReduceOnly", false);
    build_constants(out, position_constants, ARRAY_LEN(position_constants));
    build_int(out, "openTime", position->open_ms);
    build_int_text(out, "createdTime", position->created_ms);
    build_int_text(out, "updatedTime", position->updated_ms);
    build_int(out, "seq", position->seq ? (int64_t)position->seq : -1);
}

/* --- wallet --- */

/* Of one coin, or of all in USD. */
struct totals {
    struct decimal order_margin;
    struct decimal position_margin;
    struct decimal maintenance;
    struct decimal unrealised;
    struct decimal balance;
};

static const struct totals no_totals = { { 0, 0 }, { 0, 0 }, { 0, 0 }, { 0, 0 }, { 0, 0 } };

static struct decimal usd_price(const struct exchange *exchange, const char *coin)
{
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        const struct instrument *instrument = instrument_at(i);

        if (instrument->category == CATEGORY_SPOT && strcmp(instrument->base, coin) == 0)
            return instrument_price(instrument, exchange->mids[i]);
    }
    return decimal_from_int(1);
}

static void add_position(struct totals *totals, const struct position *position, int64_t mark)
{
    if (position->lots == 0)
        return;
    totals->position_margin = money_add(totals->position_margin, position_margin(position));
    totals->maintenance = money_add(totals->maintenance, position_maintenance(position));
    totals->unrealised = money_add(totals->unrealised, position_unrealised(position, mark));
}

static struct totals totals_of(const struct exchange *exchange, const struct wallet *wallet)
{
    const struct account *account = &exchange->account;
    struct totals totals = no_totals;

    totals.order_margin = wallet->order_margin;
    totals.balance = wallet->balance;
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        if (strcmp(instrument_at(i)->settle, wallet->coin) != 0)
            continue;
        for (int idx = 0; idx < POSITION_PLACES; idx++)
            add_position(&totals, &account->positions[i][idx], exchange->mids[i]);
    }
    return totals;
}

static void add_in_usd(struct decimal *sum, struct decimal amount, struct decimal price)
{
    *sum = money_add(*sum, money_cut(money_mul(amount, price), SHOWN_SCALE));
}

static struct totals add_up(const struct exchange *exchange)
{
    struct totals sum = no_totals;

    for (int i = 0; i < COIN_COUNT; i++) {
        const struct wallet *wallet = &exchange->account.wallets[i];
        struct totals totals = totals_of(exchange, wallet);
        struct decimal price = usd_price(exchange, wallet->coin);

        add_in_usd(&sum.order_margin, totals.order_margin, price);
        add_in_usd(&sum.position_margin, totals.position_margin, price);
        add_in_usd(&sum.maintenance, totals.maintenance, price);
        add_in_usd(&sum.unrealised, totals.unrealised, price);
        add_in_usd(&sum.balance, totals.balance, price);
    }
    return sum;
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

static void add_coin(cJSON *list, const struct exchange *exchange, const struct wallet *wallet)
{
    struct totals totals = totals_of(exchange, wallet);
    struct decimal equity = money_add(wallet->balance, totals.unrealised);
    struct decimal usd = money_mul(equity, usd_price(exchange, wallet->coin));
    cJSON *out = build_item(list);

    build_text(out, "coin", wallet->coin);
    build_decimal(out, "equity", equity);
    build_decimal(out, "usdValue", money_cut(usd, SHOWN_SCALE));
    build_decimal(out, "walletBalance", wallet->balance);
    build_decimal(out, "locked", wallet->locked);
    build_decimal(out, "totalOrderIM", totals.order_margin);
    build_decimal(out, "totalPositionIM", totals.position_margin);
    build_decimal(out, "totalPositionMM", totals.maintenance);
    build_decimal(out, "unrealisedPnl", totals.unrealised);
    build_decimal(out, "cumRealisedPnl", wallet->realised);
    build_bool(out, "marginCollateral", true);
    build_bool(out, "collateralSwitch", true);
    build_constants(out, coin_constants, ARRAY_LEN(coin_constants));
}

bool message_coin_listed(const char *coins, const char *coin)
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

static void add_totals(cJSON *out, const struct totals *totals)
{
    struct decimal equity = money_add(totals->balance, totals->unrealised);
    struct decimal initial = money_add(totals->position_margin, totals->order_margin);
    struct decimal rate = money_cut(money_max(equity, decimal_from_int(1)), SHOWN_SCALE);
    struct decimal initial_rate = money_div(initial, rate, SHOWN_SCALE);
    struct decimal maintenance_rate = money_div(totals->maintenance, rate, SHOWN_SCALE);

    build_decimal(out, "accountIMRate", initial_rate);
    build_decimal(out, "accountIMRateByMp", initial_rate);
    build_decimal(out, "accountMMRate", maintenance_rate);
    build_decimal(out, "accountMMRateByMp", maintenance_rate);
    build_decimal(out, "totalEquity", equity);
    build_decimal(out, "totalWalletBalance", totals->balance);
    build_decimal(out, "totalMarginBalance", equity);
    build_decimal(out, "totalAvailableBalance", money_sub(equity, initial));
    build_decimal(out, "totalPerpUPL", totals->unrealised);
    build_decimal(out, "totalInitialMargin", initial);
    build_decimal(out, "totalInitialMarginByMp", initial);
    build_decimal(out, "totalMaintenanceMargin", totals->maintenance);
    build_decimal(out, "totalMaintenanceMarginByMp", totals->maintenance);
}

void message_wallet(cJSON *out, const struct exchange *exchange, const char *coins)
{
    struct totals totals = add_up(exchange);
    cJSON *list;

    build_text(out, "accountType", "UNIFIED");
    build_text(out, "accountLTV", "0");
    add_totals(out, &totals);
    list = build_list(out, "coin");
    for (int i = 0; i < COIN_COUNT; i++) {
        const struct wallet *wallet = &exchange->account.wallets[i];

        if (coins && *coins ? message_coin_listed(coins, wallet->coin)
                            : decimal_sign(&wallet->balance) != 0)
            add_coin(list, exchange, wallet);
    }
}
