/* bybit/market_parts.h - the market's insides: shared by market.c, market_candles.c and
 * market_pools.c.
 *
 * Threads: any, under the market's lock.
 */
#pragma once

#include <pthread.h>

#include "bybit/market.h"

#define BUCKETS          4096 /* a power of two */
#define MARKET_POOLS_MAX 8    /* two kinds by three pools, and the greeks */

struct kept_book {
    struct kept_book *next; /* deeper */
    struct book *book;
    int depth;
    int64_t ts_ms;
    int64_t cts_ms;
    int64_t recv_ms;
    int64_t recv_mono_ms;
};

struct kept_candle {
    struct kept_candle *next;
    struct candle candle;
    int64_t recv_ms;
    bool stale;
};

struct kept_limit {
    struct price_limit limit;
    int64_t recv_ms;
    bool stale;
};

struct place {
    struct place *next;
    enum category category;
    char symbol[SYMBOL_MAX];
    bool has_ticker;
    struct market_ticker ticker;
    struct kept_book *books; /* shallow first */
    struct kept_candle *candles;
    struct kept_limit *limit; /* NULL: none */
};

struct market {
    pthread_mutex_t lock;
    size_t count;
    struct place *buckets[BUCKETS];
    size_t pools_count;
    struct pool pools[MARKET_POOLS_MAX];
};

/* All under the lock. */

/* The link that points to the place, or to NULL at the end of its chain. */
struct place **market_find(struct market *market, enum category category, const char *symbol);
MUST_CHECK enum err market_find_or_make(struct market *market, enum category category,
                                        const char *symbol, struct place **out);
/* Frees the place when nothing is left in it. */
void market_tidy(struct market *market, enum category category, const char *symbol);

/* --- market_candles.c --- */

void market_free_candles(struct place *place);
