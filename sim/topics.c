#include "sim/topics.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *prefix;
    int depth;
} feeds[FEED_COUNT] = {
    [FEED_TICKER] = { "tickers.", 0 },
    [FEED_BOOK_1] = { "orderbook.1.", 1 },
    [FEED_BOOK_50] = { "orderbook.50.", 50 },
    [FEED_BOOK_200] = { "orderbook.200.", 200 },
    [FEED_BOOK_1000] = { "orderbook.1000.", 1000 },
    [FEED_TRADES] = { "publicTrade.", 0 },
};

#define ANY CATEGORY_COUNT

static const struct {
    const char *name;
    enum private_topic topic;
    int category; /* ANY: the plain name */
} names[] = {
    { "order", TOPIC_ORDER, ANY },
    { "order.spot", TOPIC_ORDER, CATEGORY_SPOT },
    { "order.linear", TOPIC_ORDER, CATEGORY_LINEAR },
    { "order.inverse", TOPIC_ORDER, CATEGORY_INVERSE },
    { "order.option", TOPIC_ORDER, CATEGORY_OPTION },
    { "execution", TOPIC_EXECUTION, ANY },
    { "execution.spot", TOPIC_EXECUTION, CATEGORY_SPOT },
    { "execution.linear", TOPIC_EXECUTION, CATEGORY_LINEAR },
    { "execution.inverse", TOPIC_EXECUTION, CATEGORY_INVERSE },
    { "execution.option", TOPIC_EXECUTION, CATEGORY_OPTION },
    { "execution.fast", TOPIC_EXECUTION_FAST, ANY },
    { "execution.fast.spot", TOPIC_EXECUTION_FAST, CATEGORY_SPOT },
    { "execution.fast.linear", TOPIC_EXECUTION_FAST, CATEGORY_LINEAR },
    { "execution.fast.inverse", TOPIC_EXECUTION_FAST, CATEGORY_INVERSE },
    { "execution.fast.option", TOPIC_EXECUTION_FAST, CATEGORY_OPTION },
    { "position", TOPIC_POSITION, ANY },
    { "position.linear", TOPIC_POSITION, CATEGORY_LINEAR },
    { "position.inverse", TOPIC_POSITION, CATEGORY_INVERSE },
    { "position.option", TOPIC_POSITION, CATEGORY_OPTION },
    { "wallet", TOPIC_WALLET, ANY },
};

_Static_assert(ARRAY_LEN(names) <= 64, "a set is 64 bits");
_Static_assert(FEED_COUNT *INSTRUMENT_COUNT <= 64, "a set is 64 bits");

static int find_private(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

int topic_find(enum socket_kind kind, const char *name)
{
    enum category category = kind == SOCKET_SPOT ? CATEGORY_SPOT : CATEGORY_LINEAR;

    if (kind == SOCKET_PRIVATE)
        return find_private(name);
    for (int i = 0; i < FEED_COUNT; i++) {
        size_t bytes = strlen(feeds[i].prefix);
        const struct instrument *instrument;

        if (strncmp(feeds[i].prefix, name, bytes) != 0)
            continue;
        instrument = instrument_find(category, name + bytes);
        if (instrument)
            return topic_public((enum feed)i, instrument->index);
    }
    return -1;
}

int topic_public(enum feed feed, int instrument)
{
    return (int)feed * INSTRUMENT_COUNT + instrument;
}

void topic_public_name(enum feed feed, int instrument, char out[TOPIC_NAME_MAX])
{
    (void)snprintf(out, TOPIC_NAME_MAX, "%s%s", feeds[feed].prefix,
                   instrument_at(instrument)->symbol);
}

enum feed topic_feed(int bit)
{
    return (enum feed)(bit / INSTRUMENT_COUNT);
}

int topic_instrument(int bit)
{
    return bit % INSTRUMENT_COUNT;
}

int feed_depth(enum feed feed)
{
    return feeds[feed].depth;
}

int topic_private_of(enum private_topic topic, enum category category)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].topic == topic && names[i].category == (int)category)
            return (int)i;
    }
    return -1;
}

int topic_private(enum private_topic topic)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].topic == topic && names[i].category == ANY)
            return (int)i;
    }
    return -1;
}

const char *topic_private_name(int bit)
{
    return names[bit].name;
}

bool topics_mix(uint64_t set)
{
    bool plain[TOPIC_COUNT] = { false };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if ((set >> i & 1) && names[i].category == ANY)
            plain[names[i].topic] = true;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if ((set >> i & 1) && names[i].category != ANY && plain[names[i].topic])
            return true;
    }
    return false;
}
