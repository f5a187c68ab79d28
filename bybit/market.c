/* A place for each (category, symbol), found by hash: its ticker and its books by depth. */
#include "bybit/market.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bybit/market_parts.h"

struct market *market_create(void)
{
    struct market *market = calloc(1, sizeof(*market));

    if (market)
        pthread_mutex_init(&market->lock, NULL);
    return market;
}

static void free_books(struct place *place)
{
    while (place->books) {
        struct kept_book *kept = place->books;

        place->books = kept->next;
        market_unwatch(kept);
        book_destroy(kept->book);
        free(kept);
    }
}

void market_destroy(struct market *market)
{
    if (!market)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (market->buckets[i]) {
            struct place *place = market->buckets[i];

            market->buckets[i] = place->next;
            free_books(place);
            market_free_candles(place);
            free(place->limit);
            free(place);
        }
    }
    for (size_t i = 0; i < market->pools_count; i++)
        pool_deinit(&market->pools[i]);
    pthread_mutex_destroy(&market->lock);
    free(market);
}

struct place **market_find(struct market *market, enum category category, const char *symbol)
{
    uint32_t hash = 2166136261U ^ (uint32_t)category;
    struct place **link;

    for (const char *at = symbol; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619U;
    link = &market->buckets[(hash ^ (hash >> 16)) & (BUCKETS - 1)];
    while (*link && ((*link)->category != category || strcmp((*link)->symbol, symbol) != 0))
        link = &(*link)->next;
    return link;
}

enum err market_find_or_make(struct market *market, enum category category, const char *symbol,
                             struct place **out)
{
    struct place **link = market_find(market, category, symbol);
    size_t bytes = strlen(symbol);

    if (!*link) {
        if (market->count >= MARKET_SYMBOLS_MAX)
            return ERR_BUSY;
        if (bytes >= SYMBOL_MAX)
            return ERR_INVALID;
        *link = calloc(1, sizeof(**link));
        if (!*link)
            return ERR_NO_MEMORY;
        (*link)->category = category;
        memcpy((*link)->symbol, symbol, bytes);
        market->count++;
    }
    *out = *link;
    return ERR_NONE;
}

void market_tidy(struct market *market, enum category category, const char *symbol)
{
    struct place **link = market_find(market, category, symbol);
    struct place *place = *link;

    if (!place || place->has_ticker || place->books || place->candles || place->limit)
        return;
    *link = place->next;
    free(place);
    market->count--;
}

static struct kept_book *find_book(const struct place *place, int depth)
{
    for (struct kept_book *kept = place->books; kept; kept = kept->next) {
        if (kept->depth == depth)
            return kept;
    }
    return NULL;
}

/* Spot streams have no bid and ask: they come from the depth-1 book, also when it came first, and
 * only while it can be trusted. */
static void fill_ticker(struct place *place)
{
    const struct kept_book *kept = find_book(place, 1);
    struct ticker *ticker = &place->ticker.ticker;
    bool synced = kept && book_state(kept->book) == BOOK_SYNCED;
    struct book_level level;

    if (place->category != CATEGORY_SPOT || !place->has_ticker)
        return;
    level = (struct book_level){ DECIMAL_NONE, DECIMAL_NONE };
    if (synced)
        (void)book_bids(kept->book, &level, 1);
    ticker->bid = level.price;
    ticker->bid_qty = level.qty;
    level = (struct book_level){ DECIMAL_NONE, DECIMAL_NONE };
    if (synced)
        (void)book_asks(kept->book, &level, 1);
    ticker->ask = level.price;
    ticker->ask_qty = level.qty;
    if (synced && kept->ts_ms > ticker->ts_ms)
        ticker->ts_ms = kept->ts_ms;
}

enum err market_merge_ticker(struct market *market, enum category category, const char *symbol,
                             const struct json *data, bool is_snapshot, int64_t ts_ms,
                             int64_t recv_ms, struct ticker *out)
{
    struct place *place;
    enum err err;

    pthread_mutex_lock(&market->lock);
    err = market_find_or_make(market, category, symbol, &place);
    if (!err) {
        struct ticker merged = place->ticker.ticker;

        if (!place->has_ticker) {
            memset(&merged, 0, sizeof(merged));
            merged.category = category;
            is_snapshot = true;
        }
        err = ticker_merge(&merged, data, is_snapshot, ts_ms, NULL);
        if (!err && strcmp(merged.symbol, symbol) != 0)
            err = ERR_INVALID;
        if (!err) {
            place->ticker = (struct market_ticker){ merged, recv_ms, clock_mono_ms(), false };
            place->has_ticker = true;
            fill_ticker(place);
            *out = place->ticker.ticker;
        }
        market_tidy(market, category, symbol);
    }
    pthread_mutex_unlock(&market->lock);
    return err;
}

static struct kept_book *find_or_make_book(struct place *place, int depth)
{
    struct kept_book **link = &place->books;
    struct kept_book *kept = find_book(place, depth);

    if (kept)
        return kept;
    kept = calloc(1, sizeof(*kept));
    if (!kept)
        return NULL;
    kept->depth = depth;
    kept->book = book_create(depth);
    if (!kept->book) {
        free(kept);
        return NULL;
    }
    while (*link && (*link)->depth < depth)
        link = &(*link)->next;
    kept->next = *link;
    *link = kept;
    return kept;
}

static enum book_result apply(struct place *place, int depth, const struct json *data,
                              bool is_snapshot, int64_t ts_ms, int64_t cts_ms, int64_t recv_ms)
{
    struct kept_book *kept = find_or_make_book(place, depth);
    enum book_result result;

    if (!kept)
        return BOOK_BROKEN;
    result = book_apply(kept->book, data, is_snapshot);
    if (result == BOOK_APPLIED) {
        kept->ts_ms = ts_ms;
        kept->cts_ms = cts_ms;
    }
    if (result == BOOK_APPLIED || result == BOOK_REPEATED) {
        kept->recv_ms = recv_ms;
        kept->recv_mono_ms = clock_mono_ms();
    }
    if (is_snapshot || kept->watch)
        market_note_book(kept, data, is_snapshot, result, recv_ms);
    if ((result == BOOK_APPLIED || result == BOOK_REPEATED) && depth == 1)
        fill_ticker(place);
    return result;
}

enum book_result market_apply_book(struct market *market, enum category category,
                                   const char *symbol, int depth, const struct json *data,
                                   bool is_snapshot, int64_t ts_ms, int64_t cts_ms, int64_t recv_ms)
{
    enum book_result result = BOOK_BROKEN;
    struct place *place;

    pthread_mutex_lock(&market->lock);
    if (!market_find_or_make(market, category, symbol, &place)) {
        result = apply(place, depth, data, is_snapshot, ts_ms, cts_ms, recv_ms);
        market_tidy(market, category, symbol);
    }
    pthread_mutex_unlock(&market->lock);
    return result;
}

void market_let_jumps_pass(struct market *market, enum category category, const char *symbol,
                           int depth)
{
    struct place *place;
    struct kept_book *kept;

    pthread_mutex_lock(&market->lock);
    place = *market_find(market, category, symbol);
    kept = place ? find_book(place, depth) : NULL;
    if (kept)
        book_let_jumps_pass(kept->book);
    pthread_mutex_unlock(&market->lock);
}

void market_stale_ticker(struct market *market, enum category category, const char *symbol)
{
    struct place *place;

    pthread_mutex_lock(&market->lock);
    place = *market_find(market, category, symbol);
    if (place)
        place->ticker.stale = true;
    pthread_mutex_unlock(&market->lock);
}

void market_stale_book(struct market *market, enum category category, const char *symbol, int depth)
{
    struct place *place;
    struct kept_book *kept;

    pthread_mutex_lock(&market->lock);
    place = *market_find(market, category, symbol);
    kept = place ? find_book(place, depth) : NULL;
    if (kept && book_state(kept->book) == BOOK_SYNCED)
        book_set_state(kept->book, BOOK_STALE);
    pthread_mutex_unlock(&market->lock);
}

void market_forget_ticker(struct market *market, enum category category, const char *symbol)
{
    struct place *place;

    pthread_mutex_lock(&market->lock);
    place = *market_find(market, category, symbol);
    if (place) {
        place->has_ticker = false;
        market_tidy(market, category, symbol);
    }
    pthread_mutex_unlock(&market->lock);
}

void market_forget_book(struct market *market, enum category category, const char *symbol,
                        int depth)
{
    struct place *place;

    pthread_mutex_lock(&market->lock);
    place = *market_find(market, category, symbol);
    for (struct kept_book **link = place ? &place->books : NULL; link && *link;
         link = &(*link)->next) {
        struct kept_book *kept = *link;

        if (kept->depth != depth)
            continue;
        *link = kept->next;
        market_unwatch(kept);
        book_destroy(kept->book);
        free(kept);
        break;
    }
    market_tidy(market, category, symbol);
    pthread_mutex_unlock(&market->lock);
}

bool market_ticker(struct market *market, enum category category, const char *symbol,
                   struct market_ticker *out)
{
    const struct place *place;
    bool found;

    pthread_mutex_lock(&market->lock);
    place = *market_find(market, category, symbol);
    found = place && place->has_ticker;
    if (found)
        *out = place->ticker;
    pthread_mutex_unlock(&market->lock);
    return found;
}

/* The shallowest of at least `levels` that is in the best state, else the deepest of that state. */
static const struct kept_book *choose(const struct place *place, size_t levels)
{
    static const enum book_state order[] = { BOOK_SYNCED, BOOK_STALE, BOOK_SYNCING };
    const struct kept_book *chosen = NULL;

    for (size_t i = 0; i < ARRAY_LEN(order) && !chosen; i++) {
        for (const struct kept_book *kept = place->books; kept; kept = kept->next) {
            if (book_state(kept->book) != order[i])
                continue;
            chosen = kept;
            if ((size_t)kept->depth >= levels)
                break;
        }
    }
    return chosen;
}

bool market_book(struct market *market, enum category category, const char *symbol,
                 size_t levels_max, struct market_book *out, struct book_level *bids,
                 struct book_level *asks)
{
    const struct place *place;
    const struct kept_book *kept;

    pthread_mutex_lock(&market->lock);
    place = *market_find(market, category, symbol);
    kept = place ? choose(place, levels_max) : NULL;
    if (kept) {
        *out = (struct market_book){ .state = book_state(kept->book),
                                     .depth = kept->depth,
                                     .u = book_u(kept->book),
                                     .seq = book_seq(kept->book),
                                     .ts_ms = kept->ts_ms,
                                     .cts_ms = kept->cts_ms,
                                     .recv_ms = kept->recv_ms,
                                     .recv_mono_ms = kept->recv_mono_ms };
        out->bids_count = book_bids(kept->book, bids, levels_max);
        out->asks_count = book_asks(kept->book, asks, levels_max);
    }
    pthread_mutex_unlock(&market->lock);
    return kept != NULL;
}
