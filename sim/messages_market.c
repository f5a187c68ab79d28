/* The public half of messages.h. */
#include <string.h>

#include "sim/market.h"
#include "sim/messages.h"
#include "sim/money.h"

static const char *const directions[] = { "PlusTick", "ZeroPlusTick", "MinusTick",
                                          "ZeroMinusTick" };

static void add_best(cJSON *out, const struct exchange *exchange,
                     const struct instrument *instrument)
{
    static const struct {
        enum side side;
        const char *price, *size;
    } sides[] = { { SIDE_BUY, "bid1Price", "bid1Size" }, { SIDE_SELL, "ask1Price", "ask1Size" } };

    for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
        const struct book_side *levels =
            book_side(&exchange->books[instrument->index], sides[i].side);

        if (levels->count == 0) {
            build_text(out, sides[i].price, "");
            build_text(out, sides[i].size, "");
            continue;
        }
        build_price(out, sides[i].price, instrument, levels->levels[0].ticks);
        build_qty(out, sides[i].size, instrument, levels->levels[0].lots);
    }
}

static void add_day(cJSON *out, const struct exchange *exchange,
                    const struct instrument *instrument)
{
    const struct tape *tape = &exchange->tapes[instrument->index];
    struct decimal change = { tape->last_ticks - tape->prev_24h_ticks, 0 };

    build_text(out, "symbol", instrument->symbol);
    build_price(out, "lastPrice", instrument, tape->last_ticks);
    build_price(out, "prevPrice24h", instrument, tape->prev_24h_ticks);
    build_price(out, "highPrice24h", instrument, tape->high_ticks);
    build_price(out, "lowPrice24h", instrument, tape->low_ticks);
    build_decimal(out, "price24hPcnt",
                  money_div(change, decimal_from_int(tape->prev_24h_ticks), 6));
    build_qty(out, "volume24h", instrument, tape->volume_lots);
    build_decimal(out, "turnover24h", instrument_value(instrument, tape->turnover_units));
}

static void add_contract(cJSON *out, const struct exchange *exchange,
                         const struct instrument *instrument)
{
    int index = instrument->index;
    int64_t interest = market_open_interest_lots(exchange, index);
    int64_t mid = exchange->mids[index];
    int64_t funding_ms = market_next_funding_ms(exchange->now_ms);

    build_price(out, "markPrice", instrument, mid);
    build_price(out, "indexPrice", instrument, market_index_of(mid));
    build_price(out, "prevPrice1h", instrument, exchange->tapes[index].prev_1h_ticks);
    build_qty(out, "openInterest", instrument, interest);
    build_decimal(out, "openInterestValue",
                  money_cut(instrument_worth(instrument, mid, interest), 2));
    build_qty(out, "singleOpenInterest", instrument, interest / 2);
    build_decimal(out, "singleOpenInterestValue",
                  money_cut(instrument_worth(instrument, mid, interest / 2), 2));
    build_decimal(out, "fundingRate", market_funding_rate(exchange, index, funding_ms));
    build_int_text(out, "nextFundingTime", funding_ms);
    build_text(out, "fundingIntervalHour", "8");
    build_text(out, "fundingCap", "0.005");
    build_text(out, "preOpenPrice", "");
    build_text(out, "preQty", "");
    build_text(out, "curPreListingPhase", "");
}

static const struct build_constant contract_constants[] = {
    { "predictedDeliveryPrice", "" }, { "basisRate", "" }, { "deliveryFeeRate", "" },
    { "deliveryTime", "0" },          { "basis", "" },     { "basisRateYear", "" },
};

void message_ticker_rest(cJSON *out, const struct exchange *exchange,
                         const struct instrument *instrument)
{
    if (instrument->category == CATEGORY_OPTION) {
        message_option_ticker(out, exchange, instrument, false);
        return;
    }
    add_day(out, exchange, instrument);
    add_best(out, exchange, instrument);
    if (instrument->category == CATEGORY_SPOT) {
        build_price(out, "usdIndexPrice", instrument,
                    market_index_of(exchange->mids[instrument->index]));
        return;
    }
    add_contract(out, exchange, instrument);
    build_constants(out, contract_constants, ARRAY_LEN(contract_constants));
}

void message_ticker_stream(cJSON *out, const struct exchange *exchange,
                           const struct instrument *instrument)
{
    if (instrument->category == CATEGORY_OPTION) {
        message_option_ticker(out, exchange, instrument, true);
        return;
    }
    add_day(out, exchange, instrument);
    if (instrument->category == CATEGORY_SPOT) {
        build_price(out, "usdIndexPrice", instrument,
                    market_index_of(exchange->mids[instrument->index]));
        return;
    }
    build_text(out, "tickDirection", directions[exchange->tapes[instrument->index].last_direction]);
    add_contract(out, exchange, instrument);
    add_best(out, exchange, instrument);
}

static void add_spot_filters(cJSON *out, const struct instrument *instrument)
{
    cJSON *lots = build_object(out, "lotSizeFilter");

    build_decimal(lots, "basePrecision", instrument->step);
    build_text(lots, "quotePrecision", "0.0000001");
    build_decimal(lots, "minOrderQty", instrument->min_qty);
    build_decimal(lots, "maxOrderQty", instrument->max_limit_qty);
    build_decimal(lots, "minOrderAmt", instrument->min_notional);
    build_text(lots, "maxOrderAmt", "8000000");
    build_decimal(lots, "maxLimitOrderQty", instrument->max_limit_qty);
    build_decimal(lots, "maxMarketOrderQty", instrument->max_market_qty);
    build_decimal(lots, "postOnlyMaxLimitOrderSize", instrument->max_post_only_qty);
    build_decimal(build_object(out, "priceFilter"), "tickSize", instrument->tick);
    build_text(out, "innovation", "0");
    build_text(out, "marginTrading", "utaOnly");
    build_text(out, "stTag", "0");
}

static void add_contract_filters(cJSON *out, const struct instrument *instrument)
{
    cJSON *leverage = build_object(out, "leverageFilter");
    cJSON *price = build_object(out, "priceFilter");
    cJSON *lots = build_object(out, "lotSizeFilter");

    build_text(leverage, "minLeverage", "1");
    build_decimal(leverage, "maxLeverage", instrument->max_leverage);
    build_text(leverage, "leverageStep", "0.01");
    build_decimal(price, "minPrice", instrument->tick);
    build_decimal(price, "maxPrice", instrument->max_price);
    build_decimal(price, "tickSize", instrument->tick);
    build_decimal(lots, "maxOrderQty", instrument->max_limit_qty);
    build_decimal(lots, "minOrderQty", instrument->min_qty);
    build_decimal(lots, "qtyStep", instrument->step);
    build_decimal(lots, "postOnlyMaxOrderQty", instrument->max_limit_qty);
    build_decimal(lots, "maxMktOrderQty", instrument->max_market_qty);
    if (!decimal_is_none(&instrument->min_notional))
        build_decimal(lots, "minNotionalValue", instrument->min_notional);
    build_text(out, "contractType",
               instrument->category == CATEGORY_LINEAR ? "LinearPerpetual" : "InversePerpetual");
    build_text(out, "settleCoin", instrument->settle);
    build_text(out, "launchTime", "1585526400000");
    build_text(out, "deliveryTime", "0");
    build_text(out, "deliveryFeeRate", "");
    build_int_text(out, "priceScale", instrument->tick.scale);
    build_bool(out, "unifiedMarginTrade", true);
    build_int(out, "fundingInterval", 480);
    build_text(out, "copyTrading", "both");
    build_text(out, "upperFundingRate", "0.00375");
    build_text(out, "lowerFundingRate", "-0.00375");
    build_bool(out, "isPreListing", false);
    (void)cJSON_AddNullToObject(out, "preListingInfo");
}

void message_instrument(cJSON *out, const struct instrument *instrument)
{
    bool spot = instrument->category == CATEGORY_SPOT;
    cJSON *risk;

    if (instrument->category == CATEGORY_OPTION) {
        message_option(out, instrument);
        return;
    }
    build_text(out, "symbol", instrument->symbol);
    build_int(out, "symbolId", instrument->symbol_id);
    build_text(out, "status", "Trading");
    build_text(out, "baseCoin", instrument->base);
    build_text(out, "quoteCoin", instrument->quote);
    if (spot)
        add_spot_filters(out, instrument);
    else
        add_contract_filters(out, instrument);
    risk = build_object(out, "riskParameters");
    build_text(risk, "priceLimitRatioX", spot ? "0.005" : "0.01");
    build_text(risk, "priceLimitRatioY", spot ? "0.01" : "0.02");
    build_text(out, "symbolType", "");
}

void message_trade_rest(cJSON *out, const struct exchange *exchange,
                        const struct instrument *instrument, const struct public_trade *trade)
{
    build_text(out, "execId", trade->id);
    build_text(out, "symbol", instrument->symbol);
    build_price(out, "price", instrument, trade->ticks);
    build_qty(out, "size", instrument, trade->lots);
    build_text(out, "side", side_theirs(trade->side));
    build_int_text(out, "time", trade->at_ms);
    build_bool(out, "isBlockTrade", false);
    build_bool(out, "isRPITrade", false);
    build_int_text(out, "seq", (int64_t)trade->seq);
    if (instrument->category == CATEGORY_OPTION)
        message_option_trade(out, exchange, instrument);
}

void message_trade_stream(cJSON *out, const struct exchange *exchange,
                          const struct instrument *instrument, const struct public_trade *trade)
{
    build_int(out, "T", trade->at_ms);
    build_text(out, "s", instrument->symbol);
    build_text(out, "S", side_theirs(trade->side));
    build_qty(out, "v", instrument, trade->lots);
    build_price(out, "p", instrument, trade->ticks);
    if (instrument_is_contract(instrument))
        build_text(out, "L", directions[trade->direction]);
    build_text(out, "i", trade->id);
    build_bool(out, "BT", false);
    build_bool(out, "RPI", false);
    build_int(out, "seq", (int64_t)trade->seq);
    if (instrument->category == CATEGORY_OPTION)
        message_option_trade(out, exchange, instrument);
}

void message_candle(cJSON *out, const struct instrument *instrument, const struct candle *candle)
{
    build_price(out, "open", instrument, candle->open);
    build_price(out, "close", instrument, candle->close);
    build_price(out, "high", instrument, candle->high);
    build_price(out, "low", instrument, candle->low);
    build_qty(out, "volume", instrument, candle->lots);
    build_decimal(out, "turnover", instrument_value(instrument, candle->units));
}

void message_level(cJSON *list, const struct instrument *instrument, int64_t ticks, int64_t lots)
{
    const struct decimal price = instrument_price(instrument, ticks);
    struct decimal size = instrument_qty(instrument, lots);
    char text[DECIMAL_TEXT_MAX];
    cJSON *level = cJSON_CreateArray();

    if (lots == 0)
        size = DECIMAL_ZERO;
    (void)cJSON_AddItemToArray(level, cJSON_CreateString(decimal_format(&price, text)));
    (void)cJSON_AddItemToArray(level, cJSON_CreateString(decimal_format(&size, text)));
    (void)cJSON_AddItemToArray(list, level);
}
