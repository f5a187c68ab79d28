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

bool want_topic(const struct want *want, char *out, size_t out_bytes)
{
    struct text text = text_in(out, out_bytes);

    if (want->kind == STREAM_TICKER)
        text_addf(&text, "tickers.%s", want->symbol);
    else
        text_addf(&text, "orderbook.%d.%s", want->depth, want->symbol);
    return text_fits(&text);
}

/* PROTOCOL section 15: depths by category. */
static bool depth_is_valid(enum category category, int depth)
{
    if (category == CATEGORY_OPTION)
        return depth == 25 || depth == 100;
    return depth == 1 || depth == 50 || depth == 200 || depth == 1000;
}

/* In: what the caller names. ERR_INVALID: there is no such topic. */
static enum err make(struct want *out, enum stream_kind kind, enum category category,
                     const char *symbol, int depth)
{
    uint32_t hash =
        2166136261U ^ (uint32_t)depth ^ ((uint32_t)category << 16) ^ ((uint32_t)kind << 24);

    if (!symbol_is_valid(symbol) || (kind == STREAM_BOOK && !depth_is_valid(category, depth)))
        return ERR_INVALID;
    memset(out, 0, sizeof(*out));
    out->kind = kind;
    out->category = category;
    out->depth = kind == STREAM_BOOK ? depth : 0;
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
    if (!want && (wants->count == MARKET_SYMBOLS_MAX || !fits_connection(wants, &key))) {
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

void wants_drop(struct wants *wants, enum stream_kind kind, enum category category,
                const char *symbol, int depth, int64_t now_ms)
{
    struct want key;
    struct want *want;

    if (make(&key, kind, category, symbol, depth))
        return;
    pthread_mutex_lock(&wants->lock);
    want = find(wants, &key);
    if (want && want->readers > 0 && --want->readers == 0 &&
        want->linger_until_ms < now_ms + wants->linger_ms)
        want->linger_until_ms = now_ms + wants->linger_ms;
    pthread_mutex_unlock(&wants->lock);
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
