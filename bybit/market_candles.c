/* The newest candle of each interval that the stream brings. */
#include <stdlib.h>

#include "bybit/market_parts.h"

/* The link that points to it, or to NULL at the end. */
static struct kept_candle **find_candle(struct place *place, enum candle_interval interval)
{
    struct kept_candle **link = &place->candles;

    while (*link && (*link)->candle.interval != interval)
        link = &(*link)->next;
    return link;
}

void market_free_candles(struct place *place)
{
    while (place->candles) {
        struct kept_candle *kept = place->candles;

        place->candles = kept->next;
        free(kept);
    }
}

void market_stale_candle(struct market *market, enum category category, const char *symbol,
                         enum candle_interval interval)
{
    struct place *place;
    struct kept_candle *kept;

    pthread_mutex_lock(&market->lock);
    place = *market_find(market, category, symbol);
    kept = place ? *find_candle(place, interval) : NULL;
    if (kept)
        kept->stale = true;
    pthread_mutex_unlock(&market->lock);
}

/* A closed candle stays closed, and no frame that is late takes the place of a newer one. */
static bool is_newer(const struct candle *candle, const struct candle *kept)
{
    if (candle->start_ms != kept->start_ms)
        return candle->start_ms > kept->start_ms;
    if (candle->closed != kept->closed)
        return candle->closed;
    return candle->ts_ms >= kept->ts_ms;
}

static enum err put(struct place *place, const struct candle *candle, int64_t recv_ms)
{
    struct kept_candle **link = find_candle(place, candle->interval);

    if (!*link) {
        *link = calloc(1, sizeof(**link));
        if (!*link)
            return ERR_NO_MEMORY;
        (*link)->candle = *candle;
    } else if (is_newer(candle, &(*link)->candle)) {
        (*link)->candle = *candle;
    }
    (*link)->recv_ms = recv_ms;
    (*link)->stale = false;
    return ERR_NONE;
}

enum err market_put_candle(struct market *market, const struct candle *candle, int64_t recv_ms)
{
    struct place *place;
    enum err err;

    pthread_mutex_lock(&market->lock);
    err = market_find_or_make(market, candle->category, candle->symbol, &place);
    if (!err) {
        err = put(place, candle, recv_ms);
        market_tidy(market, candle->category, candle->symbol);
    }
    pthread_mutex_unlock(&market->lock);
    return err;
}

void market_forget_candle(struct market *market, enum category category, const char *symbol,
                          enum candle_interval interval)
{
    struct place *place;
    struct kept_candle **link;

    pthread_mutex_lock(&market->lock);
    place = *market_find(market, category, symbol);
    link = place ? find_candle(place, interval) : NULL;
    if (link && *link) {
        struct kept_candle *kept = *link;

        *link = kept->next;
        free(kept);
        market_tidy(market, category, symbol);
    }
    pthread_mutex_unlock(&market->lock);
}

bool market_candle(struct market *market, enum category category, const char *symbol,
                   enum candle_interval interval, struct candle *out, int64_t *recv_ms)
{
    struct place *place;
    const struct kept_candle *kept;
    bool found;

    pthread_mutex_lock(&market->lock);
    place = *market_find(market, category, symbol);
    kept = place ? *find_candle(place, interval) : NULL;
    found = kept && !kept->stale;
    if (found) {
        *out = kept->candle;
        *recv_ms = kept->recv_ms;
    }
    pthread_mutex_unlock(&market->lock);
    return found;
}
