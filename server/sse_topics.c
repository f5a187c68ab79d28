#include "server/sse_topics.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/events.h"
#include "base/text.h"
#include "server/hub_publish.h"

#define TOPIC_LIST                                                                                 \
    "orders, fills, guard, positions, balance, status, ticker:SYMBOL, book:SYMBOL[:DEPTH], "       \
    "trades:SYMBOL, candles:SYMBOL[:INTERVAL], liquidations:SYMBOL, "                              \
    "price_limit:SYMBOL, adl:POOL, insurance:POOL, greeks (as in topics="                          \
    "orders,fills,ticker:BTCUSDT,book:spot:BTCUSDT:50,candles:BTCUSDT:5m)"
#define DEPTHS               "1, 50, 200, 1000; of options 25, 100"
#define INTERVALS            "1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 12h, 1d, 1w, 1M (a month)"
#define PIECE_MAX            128
#define DEPTH_DEFAULT        50
#define DEPTH_DEFAULT_OPTION 25

bool sse_is_market(enum sse_kind kind)
{
    return kind <= SSE_INSURANCE;
}

bool sse_is_upstream(enum sse_kind kind)
{
    return kind <= SSE_GREEKS;
}

bool sse_has_symbol(enum sse_kind kind)
{
    return sse_is_market(kind) && kind != SSE_ADL && kind != SSE_INSURANCE;
}

bool sse_is_state(enum sse_kind kind)
{
    return kind == SSE_BALANCE ||
           (sse_is_upstream(kind) && stream_kind_is_state((enum stream_kind)kind));
}

static bool refuse(struct sse_refusal *refusal, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool refuse(struct sse_refusal *refusal, const char *code, const char *format, ...)
{
    va_list args;

    refusal->code = code;
    va_start(args, format);
    (void)vsnprintf(refusal->detail, sizeof(refusal->detail), format, args);
    va_end(args);
    return false;
}

/* Cuts ":50" off the end of "BTCUSDT:50". False: a number that is no depth. */
static bool cut_depth(char *symbol, int *depth)
{
    char *colon = strrchr(symbol, ':');

    *depth = 0;
    if (!colon || !colon[1] || colon[1 + strspn(colon + 1, "0123456789")])
        return true;
    if (strlen(colon + 1) > 4 || colon[1] == '0')
        return false;
    *depth = (int)strtol(colon + 1, NULL, 10);
    *colon = '\0';
    return true;
}

static bool is_depth(enum category category, int depth)
{
    if (category == CATEGORY_OPTION)
        return depth == 25 || depth == 100;
    return depth == 1 || depth == 50 || depth == 200 || depth == 1000;
}

static bool parse_symbol(struct sse_topic *topic, const char *text, enum category default_category,
                         struct sse_refusal *refusal)
{
    struct error error = { .code = ERR_NONE };

    if (api_parse_symbol(text, NULL, default_category, &topic->category, topic->symbol, &error) ==
        ERR_NONE)
        return true;
    return refuse(refusal, "invalid_symbol", "%s", error.text);
}

static bool parse_book(struct sse_topic *topic, char *text, enum category default_category,
                       struct sse_refusal *refusal)
{
    if (!cut_depth(text, &topic->depth))
        return refuse(refusal, "invalid_topic", "a book's depth is one of " DEPTHS);
    if (!parse_symbol(topic, text, default_category, refusal))
        return false;
    if (topic->depth == 0)
        topic->depth = topic->category == CATEGORY_OPTION ? DEPTH_DEFAULT_OPTION : DEPTH_DEFAULT;
    if (!is_depth(topic->category, topic->depth))
        return refuse(refusal, "invalid_topic", "a book's depth is one of " DEPTHS);
    return true;
}

/* "spot:BTCUSDT" has no interval, "BTCUSDT:5m" and "spot:BTCUSDT:5m" have. */
static bool has_interval(const char *text)
{
    const char *colon = strchr(text, ':');
    char word[16];
    enum category category;

    if (!colon)
        return false;
    if (strchr(colon + 1, ':') || text_copy_n(word, sizeof(word), text, (size_t)(colon - text)))
        return true;
    for (char *at = word; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return !category_parse(word, &category);
}

static bool parse_candles(struct sse_topic *topic, char *text, enum category default_category,
                          struct sse_refusal *refusal)
{
    enum candle_interval interval = CANDLE_1M;

    if (has_interval(text)) {
        char *colon = strrchr(text, ':');

        *colon = '\0';
        if (candle_interval_parse(colon + 1, &interval))
            return refuse(refusal, "invalid_topic", "a candle's interval is one of " INTERVALS);
    }
    topic->depth = (int)interval;
    if (!parse_symbol(topic, text, default_category, refusal))
        return false;
    if (topic->category == CATEGORY_OPTION)
        return refuse(refusal, "invalid_topic", "the exchange has no candles of options");
    return true;
}

static bool parse_liquidations(struct sse_topic *topic, char *text, enum category default_category,
                               struct sse_refusal *refusal)
{
    if (!parse_symbol(topic, text, default_category, refusal))
        return false;
    if (topic->category == CATEGORY_LINEAR || topic->category == CATEGORY_INVERSE)
        return true;
    return refuse(refusal, "invalid_topic",
                  "liquidations are of linear and inverse symbols only, %s has none",
                  category_word(topic->category));
}

static bool parse_price_limit(struct sse_topic *topic, char *text, enum category default_category,
                              struct sse_refusal *refusal)
{
    if (!parse_symbol(topic, text, default_category, refusal))
        return false;
    if (topic->category != CATEGORY_OPTION)
        return true;
    return refuse(refusal, "invalid_topic", "the exchange has no price limits of options");
}

static bool parse_pool(struct sse_topic *topic, char *text, enum category default_category,
                       struct sse_refusal *refusal)
{
    static const struct {
        const char *word;
        enum category category;
    } pools[] = { { "USDT", CATEGORY_LINEAR },
                  { "USDC", CATEGORY_LINEAR },
                  { "inverse", CATEGORY_INVERSE } };

    (void)default_category;
    for (size_t i = 0; i < ARRAY_LEN(pools); i++) {
        if (strcasecmp(text, pools[i].word) != 0)
            continue;
        topic->category = pools[i].category;
        return text_copy(topic->symbol, sizeof(topic->symbol), pools[i].word) == ERR_NONE;
    }
    return refuse(refusal, "invalid_topic", "a pool is one of USDT, USDC, inverse");
}

static bool parse_plain(struct sse_topic *topic, char *text, enum category default_category,
                        struct sse_refusal *refusal)
{
    return parse_symbol(topic, text, default_category, refusal);
}

static bool add_topic(struct sse_wish *out, const struct sse_topic *topic,
                      struct sse_refusal *refusal)
{
    for (size_t i = 0; i < out->topics_count; i++) {
        if (strcmp(out->topics[i].name, topic->name) == 0)
            return true;
    }
    if (out->topics_count == HUB_TOPICS_MAX)
        return refuse(refusal, "invalid_topic", "more than %d topics", HUB_TOPICS_MAX);
    out->topics[out->topics_count++] = *topic;
    return true;
}

static const struct {
    const char *word;
    enum sse_kind kind;
    /* What stands behind the colon; NULL: nothing may. */
    bool (*parse)(struct sse_topic *topic, char *text, enum category default_category,
                  struct sse_refusal *refusal);
} topics[] = {
    { "ticker", SSE_TICKER, parse_plain },
    { "book", SSE_BOOK, parse_book },
    { "trades", SSE_TRADES, parse_plain },
    { "candles", SSE_CANDLES, parse_candles },
    { "liquidations", SSE_LIQUIDATIONS, parse_liquidations },
    { "price_limit", SSE_PRICE_LIMIT, parse_price_limit },
    { "adl", SSE_ADL, parse_pool },
    { "insurance", SSE_INSURANCE, parse_pool },
    { "greeks", SSE_GREEKS, NULL },
    { "positions", SSE_POSITIONS, NULL },
    { "balance", SSE_BALANCE, NULL },
};

/* `word`: up to the first colon; `rest`: behind it, NULL where there is none. */
static bool refuse_unknown(const char *word, const char *rest, struct sse_refusal *refusal)
{
    static const char *const plain[] = { "orders", "fills", "guard", "status" };
    const char *known[ARRAY_LEN(plain) + ARRAY_LEN(topics)];
    const char *nearest;

    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        known[i] = plain[i];
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        known[ARRAY_LEN(plain) + i] = topics[i].word;
    nearest = text_nearest(word, known, ARRAY_LEN(known));
    if (nearest && rest && strcmp(nearest, word) == 0)
        return refuse(refusal, "invalid_topic",
                      "topic '%s' takes nothing behind a colon; there are " TOPIC_LIST, word);
    return refuse(refusal, "invalid_topic", "unknown topic '%.60s'%s%s%s; there are " TOPIC_LIST,
                  word, nearest ? ", did you mean '" : "", nearest ? nearest : "",
                  nearest ? "'" : "");
}

static bool parse_topic(struct sse_wish *out, const char *word, char *rest,
                        enum category default_category, struct sse_refusal *refusal)
{
    struct sse_topic topic = { .depth = 0 };
    size_t i = 0;

    while (i < ARRAY_LEN(topics) && strcmp(topics[i].word, word) != 0)
        i++;
    if (i == ARRAY_LEN(topics) || (rest && !topics[i].parse))
        return refuse_unknown(word, rest, refusal);
    topic.kind = topics[i].kind;
    topic.category = CATEGORY_OPTION; /* of the greeks */
    if (!topics[i].parse)
        return !text_copy(topic.name, sizeof(topic.name), word) && add_topic(out, &topic, refusal);
    if (!topics[i].parse(&topic, rest ? rest : (char[]){ "" }, default_category, refusal))
        return false;
    hub_topic_name(topic.name, (enum stream_kind)topic.kind, topic.category, topic.symbol,
                   topic.depth);
    return add_topic(out, &topic, refusal);
}

static bool parse_one(struct sse_wish *out, char *word, enum category default_category,
                      struct sse_refusal *refusal)
{
    char *rest;

    /* What orders and fills mean depends on the links and on the guard: both come unasked. */
    if (strcmp(word, "orders") == 0) {
        out->events |= HUB_ORDERS | HUB_GUARD;
        out->status = true;
    } else if (strcmp(word, "fills") == 0) {
        out->events |= HUB_FILLS | HUB_GUARD;
        out->status = true;
    } else if (strcmp(word, "guard") == 0) {
        out->events |= HUB_GUARD;
    } else if (strcmp(word, "status") == 0) {
        out->status = true;
    } else {
        rest = strchr(word, ':');
        if (rest)
            *rest++ = '\0';
        return parse_topic(out, word, rest, default_category, refusal);
    }
    return true;
}

bool sse_parse_topics(struct sse_wish *out, const char *text, enum category default_category,
                      struct sse_refusal *refusal)
{
    out->events = 0;
    out->status = false;
    out->topics_count = 0;
    while (text && *text) {
        size_t bytes = strcspn(text, ",");
        char word[PIECE_MAX];

        if (text_copy_n(word, sizeof(word), text, bytes))
            return refuse(refusal, "invalid_topic", "a topic is longer than any can be");
        if (word[0] && !parse_one(out, word, default_category, refusal))
            return false;
        text += bytes;
        text += *text == ',';
    }
    if (out->events || out->status || out->topics_count)
        return true;
    return refuse(refusal, "invalid_topic", "say what to stream: " TOPIC_LIST);
}

static const char *read_number(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 18)
        return NULL;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (uint64_t)(text[i] - '0');
    *out = value;
    return text + digits;
}

enum sse_place sse_parse_id(const char *text, uint64_t *epoch, uint64_t *seq)
{
    if (!text || !*text)
        return SSE_LIVE;
    if (strcmp(text, "earliest") == 0)
        return SSE_EARLIEST;
    text = read_number(text, epoch);
    if (!text || *text != '-')
        return SSE_UNREADABLE;
    text = read_number(text + 1, seq);
    return text && !*text ? SSE_AFTER : SSE_UNREADABLE;
}
