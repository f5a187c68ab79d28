/* sim/topics.h - the stream topics, as bits of one 64-bit set per kind of socket.
 *
 * Public: a bit for each (feed, instrument). Private: a bit for each name of the table in topics.c.
 *
 * Threads: pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sim/instruments.h"

enum socket_kind { SOCKET_SPOT, SOCKET_LINEAR, SOCKET_PRIVATE };

enum feed { FEED_TICKER, FEED_BOOK_1, FEED_BOOK_50, FEED_BOOK_200, FEED_BOOK_1000, FEED_TRADES };
#define FEED_COUNT 6

enum private_topic {
    TOPIC_ORDER,
    TOPIC_EXECUTION,
    TOPIC_EXECUTION_FAST,
    TOPIC_POSITION,
    TOPIC_WALLET
};
#define TOPIC_COUNT 5

#define TOPIC_NAME_MAX 64

/* Bit number of a topic's name on this kind of socket, -1: unknown. */
int topic_find(enum socket_kind kind, const char *name);
int topic_public(enum feed feed, int instrument);
/* Writes e.g. "orderbook.50.BTCUSDT". */
void topic_public_name(enum feed feed, int instrument, char out[TOPIC_NAME_MAX]);
enum feed topic_feed(int bit);
int topic_instrument(int bit);
/* Depth of a book feed, 0 for others. */
int feed_depth(enum feed feed);

/* Of the plain name, e.g. "order". */
int topic_private(enum private_topic topic);
/* Of the name with a category, e.g. "order.linear"; -1: there is none. */
int topic_private_of(enum private_topic topic, enum category category);
const char *topic_private_name(int bit);
/* Whether the set has a plain name together with one of its categories. */
bool topics_mix(uint64_t set);
