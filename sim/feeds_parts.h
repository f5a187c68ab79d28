/* sim/feeds_parts.h - what the files of feeds.h share.
 *
 * A frame is written into feeds->frame, from feeds_open_frame to feeds_send_frame.
 *
 * Threads: owned by one.
 */
#pragma once

#include <cjson/cJSON.h>

#include "base/buffer.h"
#include "sim/feeds.h"
#include "sim/feeds_flood.h"

#define FEED_U_START 1000000 /* so that u = 1 marks a restart and nothing else */

struct book_feed {
    struct feed_side bids;
    struct feed_side asks;
    uint64_t u;
    uint64_t version; /* of the book when last published */
    uint64_t seq;
    int64_t changed_ms;
    int64_t sent_ms;
    enum book_fault fault;
    char *held; /* the frame that is sent after the next one */
};

/* A running candle: the minutes that are over, merged. */
struct candle_feed {
    int64_t start_ms;
    int64_t merged_to_ms;
    struct candle merged;
};

struct feeds {
    struct sockets *sockets;
    struct exchange *exchange;
    struct book_feed books[FEED_BOOKS][INSTRUMENT_COUNT];
    struct candle_feed candles[CANDLE_INTERVALS][INSTRUMENT_COUNT];
    cJSON *tickers[INSTRUMENT_COUNT];      /* last published */
    cJSON *trades[INSTRUMENT_COUNT];       /* of this turn */
    cJSON *liquidations[INSTRUMENT_COUNT]; /* since the last push */
    int64_t pools_told_ms[POOL_COUNT];     /* as they were updated when last sent */
    uint64_t ticks;
    uint64_t random;
    struct feed_side scratch;
    struct level_changes changes[2]; /* bids, asks */
    struct feed_flood *flood;        /* NULL: none */
    struct buffer frame;
};

bool feeds_heard(const struct feeds *feeds, enum feed feed, int instrument);
/* `type` NULL: without one. */
void feeds_open_frame(struct feeds *feeds, enum feed feed, int instrument, const char *type);
/* To one session, or (NULL) to all that listen; empties the frame. */
void feeds_send_frame(struct feeds *feeds, enum feed feed, int instrument,
                      struct socket_session *session);
/* To all that listen; the frame stays. */
void feeds_broadcast(struct feeds *feeds, enum feed feed, int instrument, const char *text,
                     size_t bytes);
/* Sends the list as a snapshot, frees it and sets it to NULL. */
void feeds_send_list(struct feeds *feeds, enum feed feed, int instrument, cJSON **list);

/* feeds_book.c: `heard`: others listen already. */
void feed_book_join(struct feeds *feeds, enum feed feed, int index, struct socket_session *session,
                    bool heard);
void feed_book_publish(struct feeds *feeds, enum feed feed, int index);
void feed_books_free(struct feeds *feeds);
/* Replaces what was last published, all but `u`, `seq` and times; the difference is in
 * feeds->changes afterwards. */
void feed_book_replace(struct feeds *feeds, struct book_feed *book, enum side side,
                       const struct feed_side *new);
/* Sends feeds->changes as the next delta, or does with it what the book's fault says. */
void feed_book_send(struct feeds *feeds, enum feed feed, int index);
/* To one session, or (NULL) to all. */
void feed_book_snapshot(struct feeds *feeds, enum feed feed, int index,
                        struct socket_session *session);
/* One more `u`, published now. */
void feed_book_advance(struct feeds *feeds, enum feed feed, int index);
void feed_book_forget_fault(struct book_feed *book);

/* feeds_flood.c */
bool feed_is_flooded(const struct feeds *feeds, enum feed feed, int index);
/* Somebody joined the flooded book. */
void feed_flood_joined(struct feeds *feeds);

/* feeds_candle.c: the first push comes with the next second. */
void feed_candle_start(struct feeds *feeds, enum feed feed, int index);
/* Ends the candle when it is over; `push`: sends the running one. */
void feed_candle_publish(struct feeds *feeds, enum feed feed, int index, bool push);

/* feeds_pool.c; `session` NULL: to all that listen. */
void feed_price_limit_publish(struct feeds *feeds, int index, struct socket_session *session);
void feed_adl_publish(struct feeds *feeds, int index);
void feed_insurance_join(struct feeds *feeds, int index, struct socket_session *session,
                         bool heard);
void feed_insurance_publish(struct feeds *feeds, int index);

/* feeds_liquidation.c */
void feed_liquidations_publish(struct feeds *feeds, int index);
