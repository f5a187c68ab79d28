#include "bybit/stream_wants.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bybit/stream_link.h"

struct wants {
    pthread_mutex_t lock;
    int linger_ms;
    size_t count;
    struct want list[MARKET_SYMBOLS_MAX];
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
    free(wants);
}

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
    }
    return text_fits(&text);
}

/* PROTOCOL section 15: which topics a category has. */
static bool is_valid(enum stream_kind kind, enum category category, int depth)
{
    switch (kind) {
    case STREAM_TICKER:
    case STREAM_TRADES:
        return true;
    case STREAM_BOOK:
        if (category == CATEGORY_OPTION)
            return depth == 25 || depth == 100;
        return depth == 1 || depth == 50 || depth == 200 || depth == 1000;
    case STREAM_CANDLES:
        return category != CATEGORY_OPTION && depth >= 0 && depth < CANDLE_INTERVAL_COUNT;
    case STREAM_LIQUIDATIONS:
        return category == CATEGORY_LINEAR || category == CATEGORY_INVERSE;
    }
    return false;
}

/* In: what the caller names. ERR_INVALID: there is no such topic. */
static enum err make(struct want *out, enum stream_kind kind, enum category category,
                     const char *symbol, int depth)
{
    uint32_t hash;

    if (!symbol_is_valid(symbol) || !is_valid(kind, category, depth))
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
    return ERR_NONE;
}

static struct want *find(struct wants *wants, const struct want *key)
{
    for (size_t i = 0; i < wants->count; i++) {
        struct want *want = &wants->list[i];

        if (want->hash == key->hash && want->kind == key->kind && want->category == key->category &&
            want->depth == key->depth && strcmp(want->symbol, key->symbol) == 0)
            return want;
    }
    return NULL;
}

static bool fits_connection(const struct wants *wants, const struct want *key)
{
    char topic[LINK_TOPIC_BYTES];
    size_t bytes = 0;

    if (!want_topic(key, topic, sizeof(topic)))
        return false;
    bytes = strlen(topic) + 3;
    for (size_t i = 0; i < wants->count; i++) {
        if (wants->list[i].category == key->category &&
            want_topic(&wants->list[i], topic, sizeof(topic)))
            bytes += strlen(topic) + 3; /* quotes, comma */
    }
    return bytes <= LINK_ARG_BYTES_MAX;
}

/* Ends the want without readers that would end first (of `category`, unless NULL): it was only kept
 * in case somebody comes back. */
static bool make_room(struct wants *wants, const enum category *category)
{
    struct want *first = NULL;

    for (size_t i = 0; i < wants->count; i++) {
        struct want *want = &wants->list[i];

        if (want->readers == 0 && (!category || *category == want->category) &&
            (!first || want->linger_until_ms < first->linger_until_ms))
            first = want;
    }
    if (!first)
        return false;
    *first = wants->list[--wants->count];
    return true;
}

static bool has_place(struct wants *wants, enum want_how how, const struct want *key)
{
    while (wants->count == MARKET_SYMBOLS_MAX) {
        if (how != WANT_READER || !make_room(wants, NULL))
            return false;
    }
    while (!fits_connection(wants, key)) {
        if (how != WANT_READER || !make_room(wants, &key->category))
            return false;
    }
    return true;
}

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
    if (!want && !has_place(wants, how, &key)) {
        err = ERR_BUSY;
    } else {
        if (!want) {
            want = &wants->list[wants->count++];
            *want = key;
        }
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

size_t wants_list(struct wants *wants, struct want *out, int64_t now_ms, int64_t *next_ms)
{
    size_t count = 0;

    *next_ms = INT64_MAX;
    pthread_mutex_lock(&wants->lock);
    for (size_t i = 0; i < wants->count; i++) {
        const struct want *want = &wants->list[i];

        if (want->readers == 0 && want->linger_until_ms <= now_ms)
            continue;
        if (want->readers == 0 && want->linger_until_ms < *next_ms)
            *next_ms = want->linger_until_ms;
        out[count] = *want;
        wants->list[count++] = *want;
    }
    wants->count = count;
    pthread_mutex_unlock(&wants->lock);
    return count;
}
