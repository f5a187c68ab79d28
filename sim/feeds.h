/* sim/feeds.h - the public streams: books, trades, tickers (PROTOCOL section 15).
 *
 * A feed is shared by all that listen: who joins gets the last published state as a snapshot, then
 * all get the same deltas with `u` rising by one. A feed that nobody hears is not kept.
 *
 * Threads: owned by one.
 */
#pragma once

#include "sim/socket.h"

#define FEED_TICK_MS 10

struct feeds;

struct feeds *feeds_create(struct sockets *sockets,
                           struct exchange *exchange); /* NULL: no memory */
void feeds_destroy(struct feeds *feeds);

/* For sockets.on_subscribed; userdata is the feeds. Sends the snapshot. */
void feeds_subscribed(struct socket_session *session, int topic, void *userdata);
/* For exchange_callbacks.on_trade. */
void feeds_trade(struct feeds *feeds, const struct instrument *instrument,
                 const struct public_trade *trade);
/* Sends the trades of this turn. */
void feeds_flush(struct feeds *feeds);
/* Every FEED_TICK_MS: sends what is due and has changed. */
void feeds_tick(struct feeds *feeds);
/* The update number of the 1000-level book. */
uint64_t feeds_book_u(int instrument, void *userdata);
