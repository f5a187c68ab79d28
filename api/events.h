/* api/events.h - objects and events as users see them (API "Objects", "Stream"). Pure: values in,
 * JSON out.
 *
 * Each function appends one JSON object.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/trade.h"
#include "bybit/account.h"
#include "bybit/candles.h"
#include "bybit/funding.h"
#include "bybit/instruments.h"
#include "bybit/market.h"
#include "bybit/pools.h"
#include "bybit/stream.h"
#include "bybit/trades.h"
#include "db/history.h"
#include "engine/guard_json.h"

/* `cancel_in_flight` NULL: none. The member `in_flight` is there only while a cancel or amend is.
 */
void api_add_order(struct buffer *out, const struct order *order, const char *cancel_in_flight);
/* The same with the member `native`: the exchange's own object of it; null where it has no bytes,
 * or is none that may be shown (base/native.h), which a journal changed by hand can have. */
void api_add_order_native(struct buffer *out, const struct order *order,
                          const char *cancel_in_flight, const struct stored_native *native);
void api_add_fill(struct buffer *out, const struct fill *fill);
void api_add_symbol(struct buffer *out, const struct instrument *instrument);
/* `as_of_ms`, `source` ("stream", "rest", "cache"): members as_of and source. All tickers have one
 * shape: funding is null but for perpetuals, volatilities and greeks (underlying, bid_iv, ask_iv,
 * mark_iv, delta, gamma, vega, theta) but for options. */
void api_add_ticker(struct buffer *out, const struct ticker *ticker, int64_t as_of_ms,
                    const char *source);
void api_add_book(struct buffer *out, enum category category, const char *symbol,
                  const struct market_book *book, const struct book_level *bids,
                  const struct book_level *asks, const char *source);

/* Columns and members: id, category, symbol, side, price, qty, block, at. */
void api_add_trade(struct buffer *out, const struct public_trade *trade);
/* category, symbol, interval, at, open, high, low, close, volume, turnover, closed. */
void api_add_candle(struct buffer *out, const struct candle *candle);
/* category, symbol, rate, at. */
void api_add_funding(struct buffer *out, const struct funding_rate *funding);
/* category, symbol, interval, open_interest, at. */
void api_add_open_interest(struct buffer *out, const struct open_interest *interest);
/* category, symbol, side, qty, entry_price, mark_price, liq_price, value, leverage, margin,
 * unrealised_pnl, realised_pnl, take_profit, stop_loss, trailing_stop, position_idx, updated_at. */
void api_add_position(struct buffer *out, const struct position *position);
/* With members as_of and source behind them. */
void api_add_position_age(struct buffer *out, const struct position *position, int64_t as_of_ms,
                          const char *source);
/* One coin; as_of and source behind it unless `source` is NULL. */
void api_add_coin(struct buffer *out, const struct coin_balance *coin, int64_t as_of_ms,
                  const char *source);
/* equity, available, margin_used, coins: [{coin, wallet, available, locked, equity,
 * unrealised_pnl, usd_value}]; as_of and source behind them unless `source` is NULL. */
void api_add_balance(struct buffer *out, const struct balance *balance, int64_t as_of_ms,
                     const char *source);

/* The member permissions of an open object: a list of the words in `rights`. */
void api_add_permissions(struct buffer *out, const char *rights);

/* --- the stream's data --- */

/* The same with ts and recv_at: in place of `at`, which a candle keeps (its start). */
void api_event_trade(struct buffer *out, const struct public_trade *trade, int64_t recv_ms);
void api_event_candle(struct buffer *out, const struct candle *candle, int64_t recv_ms);
void api_event_position(struct buffer *out, const struct position *position, int64_t recv_ms);
void api_event_balance(struct buffer *out, const struct balance *balance, int64_t ts_ms,
                       int64_t recv_ms);

/* order and fill events: the object with ts and recv_at; the signature is loop_config's. */
void api_event_order(struct buffer *out, const struct order *order);
void api_event_fill(struct buffer *out, const struct fill *fill);
void api_event_ticker(struct buffer *out, const struct ticker *ticker, int64_t recv_ms);
/* A book frame: {category, symbol, depth, type: snapshot|delta, bids, asks, u, seq, ts, recv_at}.
 */
void api_event_book_frame(struct buffer *out, enum category category, const char *symbol, int depth,
                          bool is_snapshot, const struct json *data, int64_t ts_ms,
                          int64_t recv_ms);
/* The same shape as a snapshot, from the book in memory. */
void api_event_book_snapshot(struct buffer *out, enum category category, const char *symbol,
                             const struct market_book *book, const struct book_level *bids,
                             const struct book_level *asks);
/* {category, symbol, buy_max, sell_min, ts, recv_at} */
void api_event_price_limit(struct buffer *out, const struct price_limit *limit, int64_t recv_ms);
/* {pool, items, ts, recv_at}, of the greeks without `pool`; items of adl: {symbol, coin, balance,
 * drawdown_8h, start_ratio, stop_ratio, trigger_balance}, of insurance: {symbols, coin, balance,
 * updated_at}, of greeks: {coin, delta, gamma, vega, theta}. */
void api_event_pool(struct buffer *out, const struct pool *pool);
/* {change: killed|clear|armed|limits, killed, clear, since, reason, by, limits, clients, ts,
 * recv_at}: what is so after the change; the signature is loop_config's. It happens here, so both
 * times are one. */
void api_event_guard(struct buffer *out, const struct guard_state *state, const char *change);
#define API_TOPIC_MAX 96
/* {topic, link, socket, state, age_ms, as_of} */
void api_add_topic(struct buffer *out, const struct stream_topic *topic, int64_t now_ms);
/* What a topic is called in `topics`, whole: "book:linear:BTCUSDT:50"; `symbol` beside it. */
void api_topic_name(char *out, size_t out_bytes, const struct stream_topic *topic,
                    const char *symbol);
/* {link, state: connecting|connected|stale|down, since} */
void api_event_status(struct buffer *out, enum stream_link link, enum link_state state,
                      int64_t since_ms);

/* "BTCUSDT" (default category) or "spot:BTCUSDT", any case; a category given beside must agree.
 * ERR_INVALID with text. */
MUST_CHECK enum err api_parse_symbol(const char *text, const char *category,
                                     enum category default_category, enum category *out_category,
                                     char symbol[SYMBOL_MAX], struct error *error);
/* RFC 3339, Unix seconds or ms, "-1h", "-2d", "-30m", "today" (UTC) -> Unix ms. */
MUST_CHECK enum err api_parse_time(const char *text, int64_t now_ms, int64_t *out,
                                   struct error *error);
/* "250ms", "20s", "2m", "1h", "0" -> ms. */
MUST_CHECK enum err api_parse_duration(const char *text, int64_t *out_ms, struct error *error);
