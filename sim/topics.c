#include "sim/topics.h"

#include <stdio.h>
#include <string.h>

#define SPOT      (1U << CATEGORY_SPOT)
#define CONTRACTS (1U << CATEGORY_LINEAR | 1U << CATEGORY_INVERSE)
#define OPTION    (1U << CATEGORY_OPTION)
#define NO_OPTION (SPOT | CONTRACTS)

static const struct {
    const char *prefix;
    unsigned categories;
    int depth;
} feeds[FEED_COUNT] = {
    [FEED_BOOK_1] = { "orderbook.1.", NO_OPTION, 1 },
    [FEED_BOOK_25] = { "orderbook.25.", OPTION, 25 },
    [FEED_BOOK_50] = { "orderbook.50.", NO_OPTION, 50 },
    [FEED_BOOK_100] = { "orderbook.100.", OPTION, 100 },
    [FEED_BOOK_200] = { "orderbook.200.", NO_OPTION, 200 },
    [FEED_BOOK_1000] = { "orderbook.1000.", NO_OPTION, 1000 },
    [FEED_TICKER] = { "tickers.", NO_OPTION | OPTION, 0 },
    [FEED_TRADES] = { "publicTrade.", NO_OPTION | OPTION, 0 },
    [FEED_LIQUIDATIONS] = { "allLiquidation.", CONTRACTS, 0 },
    [FEED_PRICE_LIMIT] = { "priceLimit.", NO_OPTION, 0 },
    [FEED_ADL] = { "adlAlert.", CONTRACTS, 0 },
    [FEED_INSURANCE] = { "insurance.", CONTRACTS, 0 },
    [FEED_CANDLES + 0] = { "kline.1.", NO_OPTION, 0 },
    [FEED_CANDLES + 1] = { "kline.3.", NO_OPTION, 0 },
    [FEED_CANDLES + 2] = { "kline.5.", NO_OPTION, 0 },
    [FEED_CANDLES + 3] = { "kline.15.", NO_OPTION, 0 },
    [FEED_CANDLES + 4] = { "kline.30.", NO_OPTION, 0 },
    [FEED_CANDLES + 5] = { "kline.60.", NO_OPTION, 0 },
    [FEED_CANDLES + 6] = { "kline.120.", NO_OPTION, 0 },
    [FEED_CANDLES + 7] = { "kline.240.", NO_OPTION, 0 },
    [FEED_CANDLES + 8] = { "kline.360.", NO_OPTION, 0 },
    [FEED_CANDLES + 9] = { "kline.720.", NO_OPTION, 0 },
    [FEED_CANDLES + 10] = { "kline.D.", NO_OPTION, 0 },
    [FEED_CANDLES + 11] = { "kline.W.", NO_OPTION, 0 },
    [FEED_CANDLES + 12] = { "kline.M.", NO_OPTION, 0 },
};

/* What topics of coins are called; the bit is that of the category's n-th instrument. */
static const struct {
    enum category category;
    const char *name;
    int place;
    bool has_contracts;
} coins[] = {
    { CATEGORY_LINEAR, "USDT", 0, true },
    { CATEGORY_LINEAR, "USDC", 1, false },
    { CATEGORY_INVERSE, "inverse", 0, true },
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
    { "greeks", TOPIC_GREEKS, ANY },
};

_Static_assert(ARRAY_LEN(names) <= (size_t)TOPIC_BITS, "a set has a bit for each");

static int find_private(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

static bool is_of_coin(enum feed feed)
{
    return feed == FEED_ADL || feed == FEED_INSURANCE;
}

static int first_of(enum category category)
{
    int i = 0;

    while (instrument_at(i)->category != category)
        i++;
    return i;
}

static const struct instrument *find_coin(enum category category, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(coins); i++) {
        if (coins[i].category == category && strcmp(coins[i].name, name) == 0)
            return instrument_at(first_of(category) + coins[i].place);
    }
    return NULL;
}

static size_t coin_at(int instrument)
{
    enum category category = instrument_at(instrument)->category;
    size_t i = 0;

    while (coins[i].category != category || first_of(category) + coins[i].place != instrument)
        i++;
    return i;
}

bool topic_coin_has_contracts(int instrument)
{
    return coins[coin_at(instrument)].has_contracts;
}

/* What a public topic ends with: a symbol, a coin, or the coin of all options' trades. */
static const struct instrument *find_subject(enum category category, enum feed feed,
                                             const char *name)
{
    if (is_of_coin(feed))
        return find_coin(category, name);
    if (category != CATEGORY_OPTION || feed != FEED_TRADES)
        return instrument_find(category, name);
    return instrument_first_option(name) < 0 ? NULL : instrument_at(instrument_first_option(name));
}

int topic_find(enum socket_kind kind, const char *name)
{
    if (kind == SOCKET_PRIVATE)
        return find_private(name);
    for (int i = 0; i < FEED_COUNT; i++) {
        size_t bytes = strlen(feeds[i].prefix);
        const struct instrument *instrument;

        if (strncmp(feeds[i].prefix, name, bytes) != 0 || !(feeds[i].categories >> kind & 1))
            continue;
        instrument = find_subject((enum category)kind, (enum feed)i, name + bytes);
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
    const struct instrument *subject = instrument_at(instrument);
    const char *name = subject->symbol;

    if (is_of_coin(feed))
        name = coins[coin_at(instrument)].name;
    else if (subject->category == CATEGORY_OPTION && feed == FEED_TRADES)
        name = subject->base;
    (void)snprintf(out, TOPIC_NAME_MAX, "%s%s", feeds[feed].prefix, name);
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

bool topics_mix(const struct topic_set *set)
{
    bool plain[TOPIC_COUNT] = { false };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (topics_have(set, (int)i) && names[i].category == ANY)
            plain[names[i].topic] = true;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (topics_have(set, (int)i) && names[i].category != ANY && plain[names[i].topic])
            return true;
    }
    return false;
}
