/* sim/topics.h - the stream topics, as bits of a set for each kind of socket.
 *
 * Public: a bit for each (feed, instrument); the trades of all options of a coin share the bit of
 * the first of them, and topics of coins (ADL, insurance) have those of the first contracts.
 * Private: a bit for each name of the table in topics.c.
 *
 * Threads: pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sim/candles.h"
#include "sim/instruments.h"

/* Public kinds are numbered as the categories. */
enum socket_kind { SOCKET_SPOT, SOCKET_LINEAR, SOCKET_INVERSE, SOCKET_OPTION, SOCKET_PRIVATE };
#define SOCKET_KINDS 5

enum feed {
    FEED_BOOK_1,
    FEED_BOOK_25,
    FEED_BOOK_50,
    FEED_BOOK_100,
    FEED_BOOK_200,
    FEED_BOOK_1000,
    FEED_TICKER,
    FEED_TRADES,
    FEED_LIQUIDATIONS,
    FEED_PRICE_LIMIT,
    FEED_ADL,
    FEED_INSURANCE,
    FEED_CANDLES, /* and one more for each interval */
};
#define FEED_BOOKS 6
#define FEED_COUNT (FEED_CANDLES + CANDLE_INTERVALS)

enum private_topic {
    TOPIC_ORDER,
    TOPIC_EXECUTION,
    TOPIC_EXECUTION_FAST,
    TOPIC_POSITION,
    TOPIC_WALLET,
    TOPIC_GREEKS
};
#define TOPIC_COUNT 6

#define TOPIC_NAME_MAX 64
#define TOPIC_BITS     (FEED_COUNT * INSTRUMENT_COUNT)

struct topic_set {
    uint64_t words[(TOPIC_BITS + 63) / 64];
};

static inline bool topics_have(const struct topic_set *set, int bit)
{
    return set->words[bit / 64] >> (bit % 64) & 1;
}

static inline void topics_add(struct topic_set *set, int bit)
{
    set->words[bit / 64] |= (uint64_t)1 << (bit % 64);
}

static inline void topics_remove(struct topic_set *set, int bit)
{
    set->words[bit / 64] &= ~((uint64_t)1 << (bit % 64));
}

/* Bit number of a topic's name on this kind of socket, -1: unknown. */
int topic_find(enum socket_kind kind, const char *name);
int topic_public(enum feed feed, int instrument);
/* Writes e.g. "orderbook.50.BTCUSDT". */
void topic_public_name(enum feed feed, int instrument, char out[TOPIC_NAME_MAX]);
enum feed topic_feed(int bit);
int topic_instrument(int bit);
/* Of the bit of a topic of a coin: whether anything here is settled in that. */
bool topic_coin_has_contracts(int instrument);
/* Depth of a book feed. */
int feed_depth(enum feed feed);

/* Of the plain name, e.g. "order". */
int topic_private(enum private_topic topic);
/* Of the name with a category, e.g. "order.linear"; -1: there is none. */
int topic_private_of(enum private_topic topic, enum category category);
const char *topic_private_name(int bit);
/* Whether the set has a plain name together with one of its categories. */
bool topics_mix(const struct topic_set *set);
