/* A growing list, found by an index with open addressing (places + 1; 0: free). What is removed has
 * the index built anew: removals come in bunches. */
#include "bybit/stream_wants.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bybit/stream_link.h"

/* A socket that has no place for some topic has at least so many characters in it. */
#define SOCKET_COST   (LINK_ARG_BYTES_MAX - LINK_TOPIC_BYTES - 3)
#define CATEGORY_COST (STREAM_SOCKETS_MAX * SOCKET_COST)
#define COST_MIN      (SOCKET_COST / LINK_TOPICS_MAX + 1)

struct wants {
    pthread_mutex_t lock;
    int linger_ms;
    size_t count;
    size_t capacity;
    struct want *list;
    uint32_t *index; /* 2 * capacity places, a power of two */
    int costs[CATEGORY_COUNT];
    int levels;
};

struct wants *wants_create(int linger_ms)
{
    struct wants *wants = calloc(1, sizeof(*wants));

    if (!wants)
        return NULL;
    wants->linger_ms = linger_ms;
    pthread_mutex_init(&wants->lock, NULL);
    return wants;
}

void wants_destroy(struct wants *wants)
{
    if (!wants)
        return;
    pthread_mutex_destroy(&wants->lock);
    free(wants->list);
    free(wants->index);
    free(wants);
}

/* --- names --- */

/* Options have one topic of trades for all symbols of a base coin: "BTC" of "BTC-6JAN23-17500-C".
 */
static int trades_bytes(const struct want *want)
{
    return (int)(want->category == CATEGORY_OPTION ? strcspn(want->symbol, "-")
                                                   : strlen(want->symbol));
}

bool want_topic(const struct want *want, char *out, size_t out_bytes)
{
    struct text text = text_in(out, out_bytes);

    switch (want->kind) {
    case STREAM_TICKER:
        text_addf(&text, "tickers.%s", want->symbol);
        break;
    case STREAM_BOOK:
        text_addf(&text, "orderbook.%d.%s", want->depth, want->symbol);
        break;
    case STREAM_TRADES:
        text_addf(&text, "publicTrade.%.*s", trades_bytes(want), want->symbol);
        break;
    case STREAM_CANDLES:
        text_addf(&text, "kline.%s.%s", candle_interval_code((enum candle_interval)want->depth),
                  want->symbol);
        break;
    case STREAM_LIQUIDATIONS:
        text_addf(&text, "allLiquidation.%s", want->symbol);
        break;
    case STREAM_PRICE_LIMIT:
        text_addf(&text, "priceLimit.%s", want->symbol);
        break;
    case STREAM_ADL:
        text_addf(&text, "adlAlert.%s", want->symbol);
        break;
    case STREAM_INSURANCE:
        text_addf(&text, "insurance.%s", want->symbol);
        break;
    case STREAM_GREEKS:
        text_add(&text, "greeks");
        break;
    }
    return text_fits(&text);
}

bool want_is_private(enum stream_kind kind)
{
    return kind == STREAM_GREEKS;
}

/* The exchange's own words for the pools of a category. */
static bool is_pool(enum category category, const char *pool)
{
    if (category == CATEGORY_INVERSE)
        return strcmp(pool, "inverse") == 0;
    return category == CATEGORY_LINEAR && (strcmp(pool, "USDT") == 0 || strcmp(pool, "USDC") == 0);
}

/* PROTOCOL section 15: which topics a category has. */
static bool is_valid(enum stream_kind kind, enum category category, const char *symbol, int depth)
{
    switch (kind) {
    case STREAM_TICKER:
    case STREAM_TRADES:
        return symbol_is_valid(symbol);
    case STREAM_BOOK:
        if (category == CATEGORY_OPTION)
            return symbol_is_valid(symbol) && (depth == 25 || depth == 100);
        return symbol_is_valid(symbol) &&
               (depth == 1 || depth == 50 || depth == 200 || depth == 1000);
    case STREAM_CANDLES:
        return symbol_is_valid(symbol) && category != CATEGORY_OPTION && depth >= 0 &&
               depth < CANDLE_INTERVAL_COUNT;
    case STREAM_LIQUIDATIONS:
        return symbol_is_valid(symbol) &&
               (category == CATEGORY_LINEAR || category == CATEGORY_INVERSE);
    case STREAM_PRICE_LIMIT:
        return symbol_is_valid(symbol) && category != CATEGORY_OPTION;
    case STREAM_ADL:
    case STREAM_INSURANCE:
        return is_pool(category, symbol);
    case STREAM_GREEKS:
        return category == CATEGORY_OPTION && !symbol[0];
    }
    return false;
}

/* In: what the caller names. ERR_INVALID: there is no such topic. */
static enum err make(struct want *out, enum stream_kind kind, enum category category,
                     const char *symbol, int depth)
{
    char topic[LINK_TOPIC_BYTES];
    uint32_t hash;

    if (!is_valid(kind, category, symbol, depth))
        return ERR_INVALID;
    memset(out, 0, sizeof(*out));
    out->kind = kind;
    out->category = category;
    out->depth = kind == STREAM_BOOK || kind == STREAM_CANDLES ? depth : 0;
    hash = 2166136261U ^ (uint32_t)out->depth ^ ((uint32_t)category << 16) ^ ((uint32_t)kind << 24);
    for (size_t i = 0; symbol[i]; i++) {
        out->symbol[i] = symbol[i];
        hash = (hash ^ (unsigned char)symbol[i]) * 16777619U;
    }
    out->hash = hash;
    if (!want_topic(out, topic, sizeof(topic)))
        return ERR_INVALID;
    out->cost = (int)link_arg_bytes(topic);
    if (out->cost < COST_MIN)
        out->cost = COST_MIN;
    return ERR_NONE;
}

/* --- the index --- */

static void count_in(struct wants *wants, const struct want *want)
{
    wants->costs[want->category] += want->cost;
    wants->levels += want->kind == STREAM_BOOK ? want->depth : 0;
}

static void put_in_index(struct wants *wants, size_t place)
{
    size_t mask = 2 * wants->capacity - 1;
    size_t at = wants->list[place].hash & mask;

    while (wants->index[at])
        at = (at + 1) & mask;
    wants->index[at] = (uint32_t)place + 1;
}

static void build_index(struct wants *wants)
{
    memset(wants->costs, 0, sizeof(wants->costs));
    wants->levels = 0;
    memset(wants->index, 0, 2 * wants->capacity * sizeof(*wants->index));
    for (size_t i = 0; i < wants->count; i++) {
        put_in_index(wants, i);
        count_in(wants, &wants->list[i]);
    }
}

static bool grow(struct wants *wants)
{
    size_t capacity = wants->capacity ? 2 * wants->capacity : 64;
    struct want *list = realloc(wants->list, capacity * sizeof(*list));
    uint32_t *index;

    if (!list)
        return false;
    wants->list = list;
    index = realloc(wants->index, 2 * capacity * sizeof(*index));
    if (!index)
        return false;
    wants->index = index;
    wants->capacity = capacity;
    build_index(wants);
    return true;
}

static struct want *find(const struct wants *wants, const struct want *key)
{
    size_t mask = 2 * wants->capacity - 1;

    if (wants->capacity == 0)
        return NULL;
    for (size_t at = key->hash & mask; wants->index[at]; at = (at + 1) & mask) {
        struct want *want = &wants->list[wants->index[at] - 1];

        if (want->hash == key->hash && want->kind == key->kind && want->category == key->category &&
            want->depth == key->depth && strcmp(want->symbol, key->symbol) == 0)
            return want;
    }
    return NULL;
}

/* --- room --- */

static bool is_in_the_way(const struct want *want, const struct want *key, bool of_levels)
{
    return of_levels ? want->kind == STREAM_BOOK : want->category == key->category;
}

/* Ends the want without readers that would end first, of those that are in the way of `key`: it was
 * only kept in case somebody comes back. */
static bool make_room(struct wants *wants, const struct want *key, bool of_levels)
{
    struct want *first = NULL;

    for (size_t i = 0; i < wants->count; i++) {
        struct want *want = &wants->list[i];

        if (want->readers == 0 && is_in_the_way(want, key, of_levels) &&
            (!first || want->linger_until_ms < first->linger_until_ms))
            first = want;
    }
    if (!first)
        return false;
    *first = wants->list[--wants->count];
    build_index(wants);
    return true;
}

static bool lacks_levels(const struct wants *wants, const struct want *key)
{
    return key->kind == STREAM_BOOK && wants->levels + key->depth > STREAM_LEVELS_MAX;
}

static enum err give_place(struct wants *wants, enum want_how how, const struct want *key)
{
    while (lacks_levels(wants, key)) {
        if (how != WANT_READER || !make_room(wants, key, true))
            return ERR_BUSY;
    }
    while (wants->costs[key->category] + key->cost > CATEGORY_COST) {
        if (how != WANT_READER || !make_room(wants, key, false))
            return ERR_BUSY;
    }
    if (wants->count == wants->capacity && !grow(wants))
        return ERR_NO_MEMORY;
    return ERR_NONE;
}

/* --- calls --- */

enum err wants_add(struct wants *wants, enum want_how how, enum stream_kind kind,
                   enum category category, const char *symbol, int depth, int64_t now_ms,
                   bool *is_new)
{
    struct want key;
    struct want *want;
    enum err err = make(&key, kind, category, symbol, depth);

    if (err)
        return err;
    pthread_mutex_lock(&wants->lock);
    want = find(wants, &key);
    *is_new = !want;
    if (!want)
        err = give_place(wants, how, &key);
    if (!want && !err) {
        want = &wants->list[wants->count++];
        *want = key;
        put_in_index(wants, wants->count - 1);
        count_in(wants, want);
    }
    if (want) {
        want->readers += how == WANT_READER;
        if (how == WANT_TOUCH && want->linger_until_ms < now_ms + wants->linger_ms)
            want->linger_until_ms = now_ms + wants->linger_ms;
    }
    pthread_mutex_unlock(&wants->lock);
    return err;
}

bool wants_drop(struct wants *wants, enum stream_kind kind, enum category category,
                const char *symbol, int depth, int64_t now_ms)
{
    struct want key;
    struct want *want;
    bool last;

    if (make(&key, kind, category, symbol, depth))
        return false;
    pthread_mutex_lock(&wants->lock);
    want = find(wants, &key);
    last = want && want->readers > 0 && --want->readers == 0;
    if (last && want->linger_until_ms < now_ms + wants->linger_ms)
        want->linger_until_ms = now_ms + wants->linger_ms;
    pthread_mutex_unlock(&wants->lock);
    return last;
}

bool wants_have(struct wants *wants, enum stream_kind kind, enum category category,
                const char *symbol, int depth)
{
    struct want key;
    bool have;

    if (make(&key, kind, category, symbol, depth))
        return false;
    pthread_mutex_lock(&wants->lock);
    have = find(wants, &key) != NULL;
    pthread_mutex_unlock(&wants->lock);
    return have;
}

static void remove_ended(struct wants *wants, int64_t now_ms, int64_t *next_ms)
{
    size_t count = 0;

    *next_ms = INT64_MAX;
    for (size_t i = 0; i < wants->count; i++) {
        const struct want *want = &wants->list[i];

        if (want->readers == 0 && want->linger_until_ms <= now_ms)
            continue;
        if (want->readers == 0 && want->linger_until_ms < *next_ms)
            *next_ms = want->linger_until_ms;
        wants->list[count++] = *want;
    }
    if (count == wants->count)
        return;
    wants->count = count;
    build_index(wants);
}

bool wants_list(struct wants *wants, struct want_list *list, int64_t now_ms, int64_t *next_ms)
{
    bool fits = true;

    pthread_mutex_lock(&wants->lock);
    remove_ended(wants, now_ms, next_ms);
    if (wants->count > list->capacity) {
        struct want *items = realloc(list->items, wants->capacity * sizeof(*items));

        fits = items != NULL;
        if (fits) {
            list->items = items;
            list->capacity = wants->capacity;
        }
    }
    if (fits && wants->count > 0)
        memcpy(list->items, wants->list, wants->count * sizeof(*list->items));
    if (fits)
        list->count = wants->count;
    pthread_mutex_unlock(&wants->lock);
    return fits;
}
