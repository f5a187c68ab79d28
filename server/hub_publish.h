/* server/hub_publish.h - what comes from the exchange, as topics of the hub: their names and texts.
 *
 * Each of these asks hub_wanted first: what nobody wants costs a look-up and no text.
 *
 * Threads: any; a writer is one thread's own.
 */
#pragma once

#include <stdint.h>

#include "base/buffer.h"
#include "bybit/account.h"
#include "bybit/stream.h"
#include "server/hub.h"

#define HUB_POSITIONS "positions"
#define HUB_BALANCE   "balance"

/* "ticker:linear:BTCUSDT", "book:linear:BTCUSDT:50", "trades:...", "candles:linear:BTCUSDT:1m",
 * "liquidations:...", "price_limit:...", "adl:USDT", "insurance:USDT", "greeks". */
void hub_topic_name(char out[HUB_TOPIC_MAX], enum stream_kind kind, enum category category,
                    const char *symbol, int depth);

/* Keeps the text's memory from one publication to the next. */
struct hub_writer {
    struct hub *hub;
    struct buffer text;
};
void hub_writer_init(struct hub_writer *writer, struct hub *hub);
void hub_writer_deinit(struct hub_writer *writer);

void hub_publish_link(struct hub_writer *writer, enum stream_link link, enum link_state state,
                      int64_t since_ms);
void hub_publish_ticker(struct hub_writer *writer, const struct ticker *ticker, int64_t recv_ms);
void hub_publish_book(struct hub_writer *writer, enum category category, const char *symbol,
                      int depth, bool is_snapshot, const struct json *data, int64_t ts_ms,
                      int64_t recv_ms);
void hub_publish_trade(struct hub_writer *writer, const struct public_trade *trade,
                       int64_t recv_ms);
void hub_publish_candle(struct hub_writer *writer, const struct candle *candle, int64_t recv_ms);
void hub_publish_liquidation(struct hub_writer *writer, const struct liquidation *liquidation,
                             int64_t recv_ms);
void hub_publish_price_limit(struct hub_writer *writer, const struct price_limit *limit,
                             int64_t recv_ms);
void hub_publish_pool(struct hub_writer *writer, const struct pool *pool);
void hub_publish_position(struct hub_writer *writer, const struct position *position,
                          int64_t recv_ms);
void hub_publish_balance(struct hub_writer *writer, const struct balance *balance, int64_t as_of_ms,
                         int64_t recv_ms);
void hub_publish_stream_gap(struct hub_writer *writer, const struct stream_gap *gap);
/* The private link ended: positions and balance are whole until `from_ms` (0: not known). What
 * changed meanwhile is published once it has been loaded. */
void hub_publish_account_gap(struct hub_writer *writer, int64_t from_ms);
