/* sim/feeds.h - the public streams: books, trades, tickers, candles, liquidations, price limits,
 * pools (PROTOCOL section 15).
 *
 * A feed is shared by all that listen: who joins a book or a ticker gets the last published state
 * as a snapshot, then all get the same deltas with `u` rising by one. A feed that nobody hears is
 * not kept.
 *
 * Threads: owned by one.
 */
#pragma once

#include "sim/levels.h"
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

/* A book as it was last published. */
struct feed_picture {
    const struct feed_level *bids;
    const struct feed_level *asks;
    size_t bids_count;
    size_t asks_count;
    uint64_t u;
    uint64_t seq;
    int64_t at_ms;
};

/* What REST shows: the state of the deepest stream, made now when nobody hears that. Valid until
 * the next call of feeds. */
void feeds_picture(struct feeds *feeds, int instrument, struct feed_picture *out);

/* What becomes of the next delta of a book. */
enum book_fault {
    BOOK_FAULT_NONE,
    BOOK_FAULT_GAP,       /* it is not sent */
    BOOK_FAULT_DUPLICATE, /* it is sent twice */
    BOOK_FAULT_REORDER,   /* it is sent after the one that follows it */
    BOOK_FAULT_ALTER,     /* one size in it is wrong */
    BOOK_FAULT_RESTART,   /* a snapshot with u = 1 is sent instead */
};

/* For every depth of the instrument that somebody hears (depth 1 has no deltas: only the restart).
 * Returns how many those are. */
int feeds_break_book(struct feeds *feeds, int instrument, enum book_fault fault);
/* Publishes a liquidation; nobody may hear it. */
void feeds_liquidate(struct feeds *feeds, const struct instrument *instrument, enum side side,
                     int64_t ticks, int64_t lots);
