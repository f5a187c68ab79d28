/* Names of topics, and events of the smaller states of the market and the account. */
#include <stdio.h>

#include "api/events.h"
#include "api/members.h"
#include "base/json.h"

void api_topic_name(char *out, size_t out_bytes, const struct stream_topic *topic,
                    const char *symbol)
{
    static const char *const words[STREAM_KIND_COUNT] = { [STREAM_TICKER] = "ticker",
                                                          [STREAM_BOOK] = "book",
                                                          [STREAM_TRADES] = "trades",
                                                          [STREAM_CANDLES] = "candles",
                                                          [STREAM_LIQUIDATIONS] = "liquidations",
                                                          [STREAM_PRICE_LIMIT] = "price_limit",
                                                          [STREAM_ADL] = "adl",
                                                          [STREAM_INSURANCE] = "insurance",
                                                          [STREAM_GREEKS] = "greeks" };
    const char *word = words[topic->kind];
    const char *place = category_word(topic->category);

    switch (topic->kind) {
    case STREAM_TICKER:
    case STREAM_TRADES:
    case STREAM_LIQUIDATIONS:
    case STREAM_PRICE_LIMIT:
        (void)snprintf(out, out_bytes, "%s:%s:%s", word, place, symbol);
        break;
    case STREAM_BOOK:
        (void)snprintf(out, out_bytes, "%s:%s:%s:%d", word, place, symbol, topic->depth);
        break;
    case STREAM_CANDLES:
        (void)snprintf(out, out_bytes, "%s:%s:%s:%s", word, place, symbol,
                       candle_interval_word((enum candle_interval)topic->depth));
        break;
    case STREAM_ADL:
    case STREAM_INSURANCE:
        (void)snprintf(out, out_bytes, "%s:%s", word, symbol);
        break;
    case STREAM_GREEKS:
        (void)snprintf(out, out_bytes, "%s", word);
        break;
    }
}

void api_event_price_limit(struct buffer *out, const struct price_limit *limit, int64_t recv_ms)
{
    json_add_open(out, '{');
    member_text(out, "category", category_word(limit->category));
    member_text(out, "symbol", limit->symbol);
    member_price(out, "buy_max", &limit->buy_max);
    member_price(out, "sell_min", &limit->sell_min);
    member_int_or_null(out, "ts", limit->ts_ms);
    member_int(out, "recv_at", recv_ms);
    json_add_close(out, '}');
}

static void add_adl_row(struct buffer *out, const struct pool_row *row)
{
    member_text(out, "symbol", row->key);
    member_text(out, "coin", row->coin);
    member_decimal(out, "balance", &row->values[ADL_BALANCE]);
    member_decimal(out, "drawdown_8h", &row->values[ADL_DRAWDOWN]);
    member_decimal(out, "start_ratio", &row->values[ADL_START_RATIO]);
    member_decimal(out, "stop_ratio", &row->values[ADL_STOP_RATIO]);
    member_decimal(out, "trigger_balance", &row->values[ADL_TRIGGER_BALANCE]);
}

static void add_insurance_row(struct buffer *out, const struct pool_row *row)
{
    member_text(out, "symbols", row->key);
    member_text(out, "coin", row->coin);
    member_decimal(out, "balance", &row->values[INSURANCE_BALANCE]);
    member_time(out, "updated_at", row->updated_ms);
}

static void add_greeks_row(struct buffer *out, const struct pool_row *row)
{
    member_text(out, "coin", row->coin);
    member_decimal(out, "delta", &row->values[GREEKS_DELTA]);
    member_decimal(out, "gamma", &row->values[GREEKS_GAMMA]);
    member_decimal(out, "vega", &row->values[GREEKS_VEGA]);
    member_decimal(out, "theta", &row->values[GREEKS_THETA]);
}

static void add_row(struct buffer *out, enum pool_kind kind, const struct pool_row *row)
{
    json_add_open(out, '{');
    switch (kind) {
    case POOL_ADL:
        add_adl_row(out, row);
        break;
    case POOL_INSURANCE:
        add_insurance_row(out, row);
        break;
    case POOL_GREEKS:
        add_greeks_row(out, row);
        break;
    }
    json_add_close(out, '}');
}

void api_event_pool(struct buffer *out, const struct pool *pool)
{
    json_add_open(out, '{');
    if (pool->kind != POOL_GREEKS)
        member_text(out, "pool", pool->name);
    json_add_key(out, "items");
    json_add_open(out, '[');
    for (size_t i = 0; i < pool->count; i++)
        add_row(out, pool->kind, &pool->rows[i]);
    json_add_close(out, ']');
    member_int_or_null(out, "ts", pool->ts_ms);
    member_int(out, "recv_at", pool->recv_ms);
    json_add_close(out, '}');
}
