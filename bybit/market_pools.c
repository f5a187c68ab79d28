/* Price limits by symbol, and the lists of ADL alerts, insurance pools and greeks. */
#include <stdlib.h>
#include <string.h>

#include "bybit/market_parts.h"

/* --- price limits --- */

enum err market_put_limit(struct market *market, const struct price_limit *limit, int64_t recv_ms)
{
    struct place *place;
    enum err err;

    pthread_mutex_lock(&market->lock);
    err = market_find_or_make(market, limit->category, limit->symbol, &place);
    if (!err && !place->limit) {
        place->limit = malloc(sizeof(*place->limit));
        err = place->limit ? ERR_NONE : ERR_NO_MEMORY;
    }
    if (!err)
        *place->limit = (struct kept_limit){ .limit = *limit, .recv_ms = recv_ms };
    market_tidy(market, limit->category, limit->symbol);
    pthread_mutex_unlock(&market->lock);
    return err;
}

void market_stale_limit(struct market *market, enum category category, const char *symbol)
{
    struct place *place;

    pthread_mutex_lock(&market->lock);
    place = *market_find(market, category, symbol);
    if (place && place->limit)
        place->limit->stale = true;
    pthread_mutex_unlock(&market->lock);
}

void market_forget_limit(struct market *market, enum category category, const char *symbol)
{
    struct place *place;

    pthread_mutex_lock(&market->lock);
    place = *market_find(market, category, symbol);
    if (place) {
        free(place->limit);
        place->limit = NULL;
        market_tidy(market, category, symbol);
    }
    pthread_mutex_unlock(&market->lock);
}

bool market_limit(struct market *market, enum category category, const char *symbol,
                  struct price_limit *out, int64_t *recv_ms)
{
    const struct place *place;
    bool found;

    pthread_mutex_lock(&market->lock);
    place = *market_find(market, category, symbol);
    found = place && place->limit && !place->limit->stale;
    if (found) {
        *out = place->limit->limit;
        *recv_ms = place->limit->recv_ms;
    }
    pthread_mutex_unlock(&market->lock);
    return found;
}

/* --- pools --- */

static struct pool *find_pool(struct market *market, enum pool_kind kind, const char *name)
{
    for (size_t i = 0; i < market->pools_count; i++) {
        struct pool *pool = &market->pools[i];

        if (pool->kind == kind && strcmp(pool->name, name) == 0)
            return pool;
    }
    return NULL;
}

static struct pool *find_or_make_pool(struct market *market, enum pool_kind kind, const char *name)
{
    struct pool *pool = find_pool(market, kind, name);

    if (pool || market->pools_count == MARKET_POOLS_MAX)
        return pool;
    pool = &market->pools[market->pools_count++];
    pool_init(pool, kind, name);
    pool->stale = true; /* nothing is known yet */
    return pool;
}

size_t market_merge_pool(struct market *market, enum pool_kind kind, const char *name,
                         const struct json *data, bool is_snapshot, int64_t ts_ms, int64_t recv_ms)
{
    struct pool *pool;
    size_t lost = 1;

    pthread_mutex_lock(&market->lock);
    pool = find_or_make_pool(market, kind, name);
    /* Stale: what was known before the break may have gone meanwhile. */
    if (pool && pool_merge(pool, data, is_snapshot || pool->stale, &lost)) {
        pool->ts_ms = ts_ms;
        pool->recv_ms = recv_ms;
        pool->stale = false;
    }
    pthread_mutex_unlock(&market->lock);
    return lost;
}

void market_stale_pool(struct market *market, enum pool_kind kind, const char *name)
{
    struct pool *pool;

    pthread_mutex_lock(&market->lock);
    pool = find_pool(market, kind, name);
    if (pool)
        pool->stale = true;
    pthread_mutex_unlock(&market->lock);
}

void market_forget_pool(struct market *market, enum pool_kind kind, const char *name)
{
    struct pool *pool;

    pthread_mutex_lock(&market->lock);
    pool = find_pool(market, kind, name);
    if (pool) {
        pool_deinit(pool);
        *pool = market->pools[--market->pools_count];
    }
    pthread_mutex_unlock(&market->lock);
}

bool market_pool(struct market *market, enum pool_kind kind, const char *name, struct pool *out)
{
    const struct pool *pool;
    bool found;

    pthread_mutex_lock(&market->lock);
    pool = find_pool(market, kind, name);
    found = pool && !pool->stale && pool_copy(out, pool) == ERR_NONE;
    pthread_mutex_unlock(&market->lock);
    return found;
}
