#include "bybit/tickers.h"

#include <string.h>

#include "bybit/message.h"

enum ticker_member {
    T_LAST,
    T_MARK,
    T_INDEX,
    T_BID,
    T_BID_QTY,
    T_ASK,
    T_ASK_QTY,
    T_OPEN,
    T_HIGH,
    T_LOW,
    T_VOLUME,
    T_TURNOVER,
    T_CHANGE,
    T_FUNDING_RATE,
    T_OPEN_INTEREST,
    T_UNDERLYING,
    T_BID_IV,
    T_ASK_IV,
    T_MARK_IV,
    T_DELTA,
    T_GAMMA,
    T_VEGA,
    T_THETA,
    T_BID_OPTION, /* the option stream's own spellings */
    T_BID_QTY_OPTION,
    T_ASK_OPTION,
    T_ASK_QTY_OPTION,
    T_CHANGE_OPTION,
    T_BID_IV_STREAM,
    T_ASK_IV_STREAM,
    T_MARK_IV_STREAM,
    T_DECIMALS,
    T_SYMBOL = T_DECIMALS,
    T_NEXT_FUNDING,
    T_COUNT
};

static const struct member_name names[T_COUNT] = {
    [T_LAST] = MEMBER_NAME("lastPrice"),
    [T_MARK] = MEMBER_NAME("markPrice"),
    [T_INDEX] = MEMBER_NAME("indexPrice"),
    [T_BID] = MEMBER_NAME("bid1Price"),
    [T_BID_QTY] = MEMBER_NAME("bid1Size"),
    [T_ASK] = MEMBER_NAME("ask1Price"),
    [T_ASK_QTY] = MEMBER_NAME("ask1Size"),
    [T_OPEN] = MEMBER_NAME("prevPrice24h"),
    [T_HIGH] = MEMBER_NAME("highPrice24h"),
    [T_LOW] = MEMBER_NAME("lowPrice24h"),
    [T_VOLUME] = MEMBER_NAME("volume24h"),
    [T_TURNOVER] = MEMBER_NAME("turnover24h"),
    [T_CHANGE] = MEMBER_NAME("price24hPcnt"),
    [T_FUNDING_RATE] = MEMBER_NAME("fundingRate"),
    [T_OPEN_INTEREST] = MEMBER_NAME("openInterest"),
    [T_UNDERLYING] = MEMBER_NAME("underlyingPrice"),
    [T_BID_IV] = MEMBER_NAME("bid1Iv"),
    [T_ASK_IV] = MEMBER_NAME("ask1Iv"),
    [T_MARK_IV] = MEMBER_NAME("markIv"),
    [T_DELTA] = MEMBER_NAME("delta"),
    [T_GAMMA] = MEMBER_NAME("gamma"),
    [T_VEGA] = MEMBER_NAME("vega"),
    [T_THETA] = MEMBER_NAME("theta"),
    [T_BID_OPTION] = MEMBER_NAME("bidPrice"),
    [T_BID_QTY_OPTION] = MEMBER_NAME("bidSize"),
    [T_ASK_OPTION] = MEMBER_NAME("askPrice"),
    [T_ASK_QTY_OPTION] = MEMBER_NAME("askSize"),
    [T_CHANGE_OPTION] = MEMBER_NAME("change24h"),
    [T_BID_IV_STREAM] = MEMBER_NAME("bidIv"),
    [T_ASK_IV_STREAM] = MEMBER_NAME("askIv"),
    [T_MARK_IV_STREAM] = MEMBER_NAME("markPriceIv"),
    [T_SYMBOL] = MEMBER_NAME("symbol"),
    [T_NEXT_FUNDING] = MEMBER_NAME("nextFundingTime"),
};

static const size_t places[T_DECIMALS] = {
    [T_LAST] = offsetof(struct ticker, last),
    [T_MARK] = offsetof(struct ticker, mark),
    [T_INDEX] = offsetof(struct ticker, index),
    [T_BID] = offsetof(struct ticker, bid),
    [T_BID_QTY] = offsetof(struct ticker, bid_qty),
    [T_ASK] = offsetof(struct ticker, ask),
    [T_ASK_QTY] = offsetof(struct ticker, ask_qty),
    [T_OPEN] = offsetof(struct ticker, open_24h),
    [T_HIGH] = offsetof(struct ticker, high_24h),
    [T_LOW] = offsetof(struct ticker, low_24h),
    [T_VOLUME] = offsetof(struct ticker, volume_24h),
    [T_TURNOVER] = offsetof(struct ticker, turnover_24h),
    [T_CHANGE] = offsetof(struct ticker, change_24h),
    [T_FUNDING_RATE] = offsetof(struct ticker, funding_rate),
    [T_OPEN_INTEREST] = offsetof(struct ticker, open_interest),
    [T_UNDERLYING] = offsetof(struct ticker, underlying),
    [T_BID_IV] = offsetof(struct ticker, bid_iv),
    [T_ASK_IV] = offsetof(struct ticker, ask_iv),
    [T_MARK_IV] = offsetof(struct ticker, mark_iv),
    [T_DELTA] = offsetof(struct ticker, delta),
    [T_GAMMA] = offsetof(struct ticker, gamma),
    [T_VEGA] = offsetof(struct ticker, vega),
    [T_THETA] = offsetof(struct ticker, theta),
    [T_BID_OPTION] = offsetof(struct ticker, bid),
    [T_BID_QTY_OPTION] = offsetof(struct ticker, bid_qty),
    [T_ASK_OPTION] = offsetof(struct ticker, ask),
    [T_ASK_QTY_OPTION] = offsetof(struct ticker, ask_qty),
    [T_CHANGE_OPTION] = offsetof(struct ticker, change_24h),
    [T_BID_IV_STREAM] = offsetof(struct ticker, bid_iv),
    [T_ASK_IV_STREAM] = offsetof(struct ticker, ask_iv),
    [T_MARK_IV_STREAM] = offsetof(struct ticker, mark_iv),
};

static struct decimal *place(struct ticker *ticker, size_t member)
{
    return (struct decimal *)(void *)((char *)ticker + places[member]);
}

/* All values absent; a spot ticker keeps bid and ask, which its stream never carries (they come
 * from the book). */
static void empty(struct ticker *ticker)
{
    struct ticker old = *ticker;

    for (size_t i = 0; i < T_DECIMALS; i++)
        *place(ticker, i) = DECIMAL_NONE;
    ticker->next_funding_ms = 0;
    if (ticker->category != CATEGORY_SPOT || !old.symbol[0])
        return;
    ticker->bid = old.bid;
    ticker->bid_qty = old.bid_qty;
    ticker->ask = old.ask;
    ticker->ask_qty = old.ask_qty;
}

static enum err read_symbol(struct ticker *ticker, const struct json *value, struct error *error)
{
    char symbol[SYMBOL_MAX];

    if (json_text(value, symbol, sizeof(symbol)))
        return error_set(error, ERR_INVALID, "ticker: symbol is no text or too long");
    if (symbol[0] && ticker->symbol[0] && strcmp(symbol, ticker->symbol) != 0)
        return error_set(error, ERR_INVALID, "ticker: symbol is not the topic's");
    if (!symbol[0] && !ticker->symbol[0])
        return error_set(error, ERR_INVALID, "ticker: symbol is missing");
    if (symbol[0])
        memcpy(ticker->symbol, symbol, sizeof(symbol));
    return ERR_NONE;
}

/* A side without orders is shown as price 0. */
static void drop_empty_sides(struct ticker *ticker)
{
    if (decimal_sign(&ticker->bid) == 0) {
        ticker->bid = DECIMAL_NONE;
        ticker->bid_qty = DECIMAL_NONE;
        ticker->bid_iv = DECIMAL_NONE;
    }
    if (decimal_sign(&ticker->ask) == 0) {
        ticker->ask = DECIMAL_NONE;
        ticker->ask_qty = DECIMAL_NONE;
        ticker->ask_iv = DECIMAL_NONE;
    }
}

enum err ticker_merge(struct ticker *ticker, const struct json *data, bool is_snapshot,
                      int64_t ts_ms, struct error *error)
{
    struct json found[T_COUNT];
    struct ticker merged = *ticker;
    struct json first = *data;
    struct json_walk walk;

    if (data->type == JSON_ARRAY) { /* the tables say array, the examples show an object */
        walk = json_walk(data);
        if (!json_next(&walk, NULL, &first))
            return error_set(error, ERR_INVALID, "ticker: data is empty");
    }
    if (first.type != JSON_OBJECT)
        return error_set(error, ERR_INVALID, "ticker: data is no object");
    message_members(&first, names, T_COUNT, found);
    if (is_snapshot || !merged.symbol[0])
        empty(&merged);
    if (read_symbol(&merged, &found[T_SYMBOL], error))
        return ERR_INVALID;
    for (size_t i = 0; i < T_DECIMALS; i++) {
        if (found[i].type != JSON_NONE && json_decimal(&found[i], place(&merged, i)))
            return error_set(error, ERR_INVALID, "ticker: %s is no decimal", names[i].name);
    }
    if (found[T_NEXT_FUNDING].type != JSON_NONE) {
        merged.next_funding_ms = 0;
        if (json_int(&found[T_NEXT_FUNDING], &merged.next_funding_ms) == ERR_INVALID)
            return error_set(error, ERR_INVALID, "ticker: nextFundingTime is no whole number");
    }
    drop_empty_sides(&merged);
    merged.ts_ms = ts_ms;
    *ticker = merged;
    return ERR_NONE;
}
