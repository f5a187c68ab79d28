/* Options in the exchange's JSON. */
#include <string.h>

#include "sim/market.h"
#include "sim/messages.h"
#include "sim/money.h"
#include "sim/options.h"

#define LAUNCH_MS        "1743669649256"
#define FAR_PRICE_DIGITS 8

static struct decimal index_of(const struct option_figures *figures)
{
    return (struct decimal){ market_index_of((int64_t)figures->underlying.mantissa),
                             figures->underlying.scale };
}

void message_option(cJSON *out, const struct instrument *option)
{
    cJSON *filter;

    build_text(out, "symbol", option->symbol);
    build_int(out, "symbolId", option->symbol_id);
    build_text(out, "status", "Trading");
    build_text(out, "baseCoin", option->base);
    build_text(out, "quoteCoin", option->quote);
    build_text(out, "settleCoin", option->settle);
    build_text(out, "optionsType", option->is_call ? "Call" : "Put");
    build_text(out, "launchTime", LAUNCH_MS);
    build_int_text(out, "deliveryTime", option->delivery_ms);
    build_decimal(out, "deliveryFeeRate", option_delivery_fee);
    filter = build_object(out, "priceFilter");
    build_decimal(filter, "minPrice", option->tick);
    build_decimal(filter, "maxPrice", option->max_price);
    build_decimal(filter, "tickSize", option->tick);
    filter = build_object(out, "lotSizeFilter");
    build_decimal(filter, "maxOrderQty", option->max_limit_qty);
    build_decimal(filter, "minOrderQty", option->min_qty);
    build_decimal(filter, "qtyStep", option->step);
    build_text(out, "displayName", option->display);
}

static void add_side(cJSON *out, const struct instrument *option, const struct book_side *side,
                     const char *const names[3], const char *volatility)
{
    bool empty = side->count == 0;
    int64_t ticks = empty ? 0 : side->levels[0].ticks;
    int64_t lots = empty ? 0 : side->levels[0].lots;

    build_price(out, names[0], option, ticks);
    build_qty(out, names[1], option, lots);
    build_text(out, names[2], empty ? "0" : volatility);
}

static void add_figures(cJSON *out, const struct exchange *exchange,
                        const struct instrument *option)
{
    struct option_figures figures = option_figures(exchange, option);

    build_decimal(out, "markPrice", figures.mark);
    build_decimal(out, "indexPrice", index_of(&figures));
    build_decimal(out, "underlyingPrice", figures.underlying);
    build_decimal(out, "delta", figures.delta);
    build_decimal(out, "gamma", figures.gamma);
    build_decimal(out, "vega", figures.vega);
    build_decimal(out, "theta", figures.theta);
    build_text(out, "predictedDeliveryPrice", "0");
}

void message_option_ticker(cJSON *out, const struct exchange *exchange,
                           const struct instrument *option, bool stream)
{
    static const char *const bid[2][3] = { { "bid1Price", "bid1Size", "bid1Iv" },
                                           { "bidPrice", "bidSize", "bidIv" } };
    static const char *const ask[2][3] = { { "ask1Price", "ask1Size", "ask1Iv" },
                                           { "askPrice", "askSize", "askIv" } };
    const struct tape *tape = &exchange->tapes[option->index];
    const struct book *book = &exchange->books[option->index];
    struct decimal change = { tape->last_ticks - tape->prev_24h_ticks, 0 };
    struct decimal turnover = instrument_value(option, tape->turnover_units);

    build_text(out, "symbol", option->symbol);
    add_side(out, option, &book->bids, bid[stream], OPTION_BID_IV);
    add_side(out, option, &book->asks, ask[stream], OPTION_ASK_IV);
    build_price(out, "lastPrice", option, tape->last_ticks);
    build_price(out, "highPrice24h", option, tape->high_ticks);
    build_price(out, "lowPrice24h", option, tape->low_ticks);
    build_text(out, stream ? "markPriceIv" : "markIv", OPTION_IV);
    add_figures(out, exchange, option);
    build_qty(out, "openInterest", option, market_open_interest_lots(exchange, option->index));
    build_decimal(out, "turnover24h", turnover);
    build_qty(out, "volume24h", option, tape->volume_lots);
    build_qty(out, "totalVolume", option, tape->volume_lots);
    build_decimal(out, "totalTurnover", turnover);
    build_decimal(out, "change24h",
                  money_div(change, decimal_from_int(tape->prev_24h_ticks), FAR_PRICE_DIGITS));
}

void message_option_trade(cJSON *out, const struct exchange *exchange,
                          const struct instrument *option)
{
    struct option_figures figures = option_figures(exchange, option);

    build_decimal(out, "mP", figures.mark);
    build_decimal(out, "iP", index_of(&figures));
    build_text(out, "mIv", OPTION_IV);
    build_text(out, "iv", OPTION_IV);
}

/* Of one coin's options, once one of them was traded. */
static void add_greeks(cJSON *list, const struct exchange *exchange, const char *coin)
{
    static const char *const names[] = { "totalDelta", "totalGamma", "totalVega", "totalTheta" };
    struct decimal totals[] = { DECIMAL_ZERO, DECIMAL_ZERO, DECIMAL_ZERO, DECIMAL_ZERO };
    bool any = false;
    cJSON *item;

    for (int i = INSTRUMENT_FIRST_OPTION; i < INSTRUMENT_COUNT; i++) {
        const struct instrument *option = instrument_at(i);
        const struct position *position = &exchange->account.positions[i][0];
        struct option_figures figures = option_figures(exchange, option);
        const struct decimal each[] = { figures.delta, figures.gamma, figures.vega, figures.theta };

        if (strcmp(option->base, coin) != 0)
            continue;
        any = any || position->updated_ms > position->created_ms;
        for (size_t n = 0; n < ARRAY_LEN(totals); n++)
            totals[n] =
                money_add(totals[n], money_mul(each[n], instrument_qty(option, position->lots)));
    }
    if (!any)
        return;
    item = build_item(list);
    build_text(item, "baseCoin", coin);
    for (size_t n = 0; n < ARRAY_LEN(totals); n++)
        build_decimal(item, names[n], decimal_trim(totals[n]));
}

void message_greeks(cJSON *list, const struct exchange *exchange, const char *base)
{
    for (int i = INSTRUMENT_FIRST_OPTION; i < INSTRUMENT_COUNT; i++) {
        const char *coin = instrument_at(i)->base;

        if (i == instrument_first_option(coin) && (!base || !*base || strcmp(base, coin) == 0))
            add_greeks(list, exchange, coin);
    }
}
