/* bybit/market_parts.h - the market's insides: shared by market.c and market_candles.c.
 *
 * Threads: any, under the market's lock.
 */
#pragma once

#include <pthread.h>

#include "bybit/market.h"

#define BUCKETS 1024 /* a power of two */

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

struct place {
    struct place *next;
    enum category category;
    char symbol[SYMBOL_MAX];
    bool has_ticker;
    struct market_ticker ticker;
    struct kept_book *books; /* shallow first */
    struct kept_candle *candles;
};

struct market {
    pthread_mutex_t lock;
    size_t count;
    struct place *buckets[BUCKETS];
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
void market_stale_candles(struct place *place);
