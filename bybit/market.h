/* bybit/market.h - the tickers and books kept in memory: written by the stream thread, read by any.
 *
 * Threads: one short lock; readers copy.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/trade.h"
#include "bybit/book.h"
#include "bybit/candles.h"
#include "bybit/pools.h"
#include "bybit/tickers.h"

struct market;

/* More than the sockets of all categories have topics for. */
#define MARKET_SYMBOLS_MAX 16384

struct market *market_create(void);
void market_destroy(struct market *market);

/* --- stream thread --- */

/* Finds or makes the ticker's place, merges, stamps it (`recv_ms`: wall clock, `recv_mono_ms`). On
 * ERR_NONE `*out` is the merged state. ERR_BUSY: MARKET_SYMBOLS_MAX reached. */
MUST_CHECK enum err market_merge_ticker(struct market *market, enum category category,
                                        const char *symbol, const struct json *data,
                                        bool is_snapshot, int64_t ts_ms, int64_t recv_ms,
                                        struct ticker *out);
/* Applies a book frame to (category, symbol, depth). A spot book of depth 1 also fills bid and ask
 * of the symbol's ticker. BOOK_BROKEN too when MARKET_SYMBOLS_MAX or the memory is reached. */
enum book_result market_apply_book(struct market *market, enum category category,
                                   const char *symbol, int depth, const struct json *data,
                                   bool is_snapshot, int64_t ts_ms, int64_t cts_ms,
                                   int64_t recv_ms);
/* See book_let_jumps_pass. */
void market_let_jumps_pass(struct market *market, enum category category, const char *symbol,
                           int depth);
/* Keeps the newest candle of (category, symbol, interval). ERR_BUSY: MARKET_SYMBOLS_MAX reached. */
MUST_CHECK enum err market_put_candle(struct market *market, const struct candle *candle,
                                      int64_t recv_ms);
/* Its socket went down or is mute: it is stale until its next frame. */
void market_stale_ticker(struct market *market, enum category category, const char *symbol);
void market_stale_book(struct market *market, enum category category, const char *symbol,
                       int depth);
void market_stale_candle(struct market *market, enum category category, const char *symbol,
                         enum candle_interval interval);
void market_stale_limit(struct market *market, enum category category, const char *symbol);
void market_stale_pool(struct market *market, enum pool_kind kind, const char *name);
/* ERR_BUSY: MARKET_SYMBOLS_MAX reached. */
MUST_CHECK enum err market_put_limit(struct market *market, const struct price_limit *limit,
                                     int64_t recv_ms);
/* See pool_merge; returns what was lost. What was known before a break goes with the first frame
 * behind it. */
size_t market_merge_pool(struct market *market, enum pool_kind kind, const char *name,
                         const struct json *data, bool is_snapshot, int64_t ts_ms, int64_t recv_ms);
/* Nobody wants it any more. */
void market_forget_ticker(struct market *market, enum category category, const char *symbol);
void market_forget_candle(struct market *market, enum category category, const char *symbol,
                          enum candle_interval interval);
void market_forget_book(struct market *market, enum category category, const char *symbol,
                        int depth);
void market_forget_limit(struct market *market, enum category category, const char *symbol);
void market_forget_pool(struct market *market, enum pool_kind kind, const char *name);

/* --- any thread --- */

struct market_ticker {
    struct ticker ticker;
    int64_t recv_ms;      /* wall clock of the last frame */
    int64_t recv_mono_ms; /* monotonic, for its age */
    bool stale;           /* the link is down or mute */
};
/* False: not streamed (yet). */
bool market_ticker(struct market *market, enum category category, const char *symbol,
                   struct market_ticker *out);

/* The newest candle that the stream brought. False: none (yet), or its link is down. */
bool market_candle(struct market *market, enum category category, const char *symbol,
                   enum candle_interval interval, struct candle *out, int64_t *recv_ms);

/* The newest one. False: none (yet), or its socket is down. */
bool market_limit(struct market *market, enum category category, const char *symbol,
                  struct price_limit *out, int64_t *recv_ms);
/* A copy of all rows, to be freed by pool_deinit. False likewise. */
bool market_pool(struct market *market, enum pool_kind kind, const char *name, struct pool *out);

struct market_book {
    enum book_state state;
    int depth; /* of the stream it comes from */
    int64_t u;
    int64_t seq;
    int64_t ts_ms;
    int64_t cts_ms;
    int64_t recv_ms;
    int64_t recv_mono_ms;
    size_t bids_count;
    size_t asks_count;
};
/* Copies up to `levels_max` levels of the shallowest kept book that has at least `levels_max`
 * levels, or the deepest. */
bool market_book(struct market *market, enum category category, const char *symbol,
                 size_t levels_max, struct market_book *out, struct book_level *bids,
                 struct book_level *asks);
