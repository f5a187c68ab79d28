/* bybit/market_parts.h - the market's insides: shared by market.c, market_candles.c,
 * market_pools.c and market_watch.c.
 *
 * Threads: any, under the market's lock.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "bybit/market.h"

#define BUCKETS          4096 /* a power of two */
#define MARKET_POOLS_MAX 8    /* two kinds by three pools, and the greeks */

struct book_watch;

struct kept_book {
    struct kept_book *next; /* deeper */
    struct book *book;
    int depth;
    int64_t ts_ms;
    int64_t cts_ms;
    int64_t recv_ms;
    int64_t recv_mono_ms;
    /* market_watch.c's */
    struct book_watch *watch; /* NULL: nobody checks it now */
    int64_t check_due_ms;     /* 0: not seen yet */
    int failures;             /* checks, in a row */
    bool distrusted;          /* the stream is to subscribe again */
    int64_t whole_ms;         /* wall clock: its last snapshot or agreeing check */
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
    uint64_t watches;      /* begun so far */
    atomic_bool distrusts; /* a book is distrusted */
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

/* --- market_watch.c --- */

/* After each snapshot, and each frame of a book that is watched. */
void market_note_book(struct kept_book *kept, const struct json *data, bool is_snapshot,
                      enum book_result result, int64_t recv_ms);
void market_unwatch(struct kept_book *kept);
