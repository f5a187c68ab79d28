#include "server/sse_topics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "base/text.h"

#define TOPIC_LIST                                                                                 \
    "orders, fills, status, ticker:SYMBOL, book:SYMBOL[:DEPTH] (as in "                            \
    "topics=orders,fills,ticker:BTCUSDT,book:spot:BTCUSDT:50)"
#define DEPTHS               "1, 50, 200, 1000; of options 25, 100"
#define PIECE_MAX            128
#define DEPTH_DEFAULT        50
#define DEPTH_DEFAULT_OPTION 25

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

static bool is_among(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0)
            return true;
    }
    return false;
}

static bool refuse_unknown(const char *word, struct sse_refusal *refusal)
{
    static const char *const later[] = { "positions", "balance",      "trades",
                                         "candles",   "liquidations", "guard" };
    static const char *const known[] = { "orders", "fills", "status", "ticker", "book" };
    const char *nearest;

    if (is_among(word, later, ARRAY_LEN(later)))
        return refuse(refusal, "not_yet", "topic '%s' is not served yet; there are " TOPIC_LIST,
                      word);
    nearest = text_nearest(word, known, ARRAY_LEN(known));
    return refuse(refusal, "invalid_value", "unknown topic '%.60s'%s%s%s; there are " TOPIC_LIST,
                  word, nearest ? ", did you mean '" : "", nearest ? nearest : "",
                  nearest ? "'" : "");
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

static bool parse_ticker(struct sse_topic *topic, const char *text, enum category default_category,
                         struct sse_refusal *refusal)
{
    topic->kind = SSE_TICKER;
    if (!parse_symbol(topic, text, default_category, refusal))
        return false;
    (void)snprintf(topic->name, sizeof(topic->name), "ticker:%s:%s", category_word(topic->category),
                   topic->symbol);
    return true;
}

static bool parse_book(struct sse_topic *topic, char *text, enum category default_category,
                       struct sse_refusal *refusal)
{
    topic->kind = SSE_BOOK;
    if (!cut_depth(text, &topic->depth))
        return refuse(refusal, "invalid_value", "a book's depth is one of " DEPTHS);
    if (!parse_symbol(topic, text, default_category, refusal))
        return false;
    if (topic->depth == 0)
        topic->depth = topic->category == CATEGORY_OPTION ? DEPTH_DEFAULT_OPTION : DEPTH_DEFAULT;
    if (!is_depth(topic->category, topic->depth))
        return refuse(refusal, "invalid_value", "a book's depth is one of " DEPTHS);
    (void)snprintf(topic->name, sizeof(topic->name), "book:%s:%s:%d",
                   category_word(topic->category), topic->symbol, topic->depth);
    return true;
}

static bool add_topic(struct sse_wish *out, const struct sse_topic *topic,
                      struct sse_refusal *refusal)
{
    for (size_t i = 0; i < out->topics_count; i++) {
        if (strcmp(out->topics[i].name, topic->name) == 0)
            return true;
    }
    if (out->topics_count == HUB_TOPICS_MAX)
        return refuse(refusal, "invalid_value", "more than %d topics", HUB_TOPICS_MAX);
    out->topics[out->topics_count++] = *topic;
    return true;
}

static bool parse_one(struct sse_wish *out, char *word, enum category default_category,
                      struct sse_refusal *refusal)
{
    struct sse_topic topic = { .depth = 0 };
    char *rest = strchr(word, ':');

    if (strcmp(word, "orders") == 0)
        out->events |= HUB_ORDERS;
    else if (strcmp(word, "fills") == 0)
        out->events |= HUB_FILLS;
    else if (strcmp(word, "status") != 0) {
        if (rest)
            *rest++ = '\0';
        if (strcmp(word, "ticker") == 0)
            return parse_ticker(&topic, rest ? rest : "", default_category, refusal) &&
                   add_topic(out, &topic, refusal);
        if (strcmp(word, "book") == 0)
            return parse_book(&topic, rest ? rest : (char[]){ "" }, default_category, refusal) &&
                   add_topic(out, &topic, refusal);
        return refuse_unknown(word, refusal);
    }
    out->status = true; /* comes unasked with orders and fills */
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
            return refuse(refusal, "invalid_value", "a topic is longer than any can be");
        if (word[0] && !parse_one(out, word, default_category, refusal))
            return false;
        text += bytes;
        text += *text == ',';
    }
    if (out->events || out->status || out->topics_count)
        return true;
    return refuse(refusal, "invalid_value", "say what to stream: " TOPIC_LIST);
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
