/* api/market_objects.c - trades, candles, funding rates and open interest as users see them.
 * Members are always there, null when empty. */
#include "api/events.h"
#include "api/members.h"
#include "base/clock.h"

/* A time that is always there: the epoch is one too. */
static void add_at(struct buffer *out, const char *key, int64_t ms)
{
    char text[CLOCK_TEXT_MAX];

    member_text(out, key, clock_format(ms, text));
}

/* ts and recv_at, as all events have them. */
static void add_stamps(struct buffer *out, int64_t ts_ms, int64_t recv_ms)
{
    member_int_or_null(out, "ts", ts_ms);
    member_int(out, "recv_at", recv_ms);
}

static void add_place(struct buffer *out, enum category category, const char *symbol)
{
    member_text(out, "category", category_word(category));
    member_text(out, "symbol", symbol);
}

static void add_trade_members(struct buffer *out, const struct public_trade *trade)
{
    member_text(out, "id", trade->id);
    add_place(out, trade->category, trade->symbol);
    member_text(out, "side", side_word(trade->side));
    member_decimal(out, "price", &trade->price);
    member_decimal(out, "qty", &trade->qty);
    member_bool(out, "block", trade->block);
}

void api_add_trade(struct buffer *out, const struct public_trade *trade)
{
    json_add_open(out, '{');
    add_trade_members(out, trade);
    add_at(out, "at", trade->ts_ms);
    json_add_close(out, '}');
}

void api_event_trade(struct buffer *out, const struct public_trade *trade, int64_t recv_ms)
{
    json_add_open(out, '{');
    add_trade_members(out, trade);
    add_stamps(out, trade->ts_ms, recv_ms);
    json_add_close(out, '}');
}

static void add_candle_members(struct buffer *out, const struct candle *candle)
{
    add_place(out, candle->category, candle->symbol);
    member_text(out, "interval", candle_interval_word(candle->interval));
    add_at(out, "at", candle->start_ms);
    member_decimal(out, "open", &candle->open);
    member_decimal(out, "high", &candle->high);
    member_decimal(out, "low", &candle->low);
    member_decimal(out, "close", &candle->close);
    member_decimal(out, "volume", &candle->volume);
    member_decimal(out, "turnover", &candle->turnover);
    member_bool(out, "closed", candle->closed);
}

void api_add_candle(struct buffer *out, const struct candle *candle)
{
    json_add_open(out, '{');
    add_candle_members(out, candle);
    json_add_close(out, '}');
}

/* `at` stays: it says which candle this is; ts is its last trade's. */
void api_event_candle(struct buffer *out, const struct candle *candle, int64_t recv_ms)
{
    json_add_open(out, '{');
    add_candle_members(out, candle);
    add_stamps(out, candle->ts_ms, recv_ms);
    json_add_close(out, '}');
}

void api_add_funding(struct buffer *out, const struct funding_rate *funding)
{
    json_add_open(out, '{');
    add_place(out, funding->category, funding->symbol);
    member_decimal(out, "rate", &funding->rate);
    add_at(out, "at", funding->at_ms);
    json_add_close(out, '}');
}

void api_add_open_interest(struct buffer *out, const struct open_interest *interest)
{
    json_add_open(out, '{');
    add_place(out, interest->category, interest->symbol);
    member_text(out, "interval", oi_interval_word(interest->interval));
    member_decimal(out, "open_interest", &interest->value);
    add_at(out, "at", interest->at_ms);
    json_add_close(out, '}');
}
