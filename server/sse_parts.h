/* server/sse_parts.h - the insides of /stream: shared by sse.c (open, close, clocks), sse_check.c
 * (what is asked for), sse_read.c (what a reader is owed) and sse_snapshot.c (where topics begin,
 * what was lost, conflation). */
#pragma once

#include "server/hub.h"
#include "server/sse.h"
#include "server/sse_format.h"
#include "server/sse_guard.h"
#include "server/sse_replay.h"
#include "server/sse_topics.h"

#define SSE_CLIENT_MAX 65

enum sse_state {
    SSE_READING, /* from the hub */
    SSE_LOADING, /* a journal job is under way; the hub waits */
    SSE_RETRY,   /* the journal could not be read: again at retry_ms */
};

/* A topic of a reader, with its number in the hub's reader. */
struct sse_watched {
    struct sse_topic topic;
    bool upstream;       /* counted in bybit/stream */
    int64_t skip_below;  /* what came before the snapshot that was sent: u (books) or ts; 0: nothing
                          */
    uint64_t skip_until; /* the last frame's number that may have come before it */
    int64_t held_until_ms; /* conflated; 0: not held */
};

struct sse_reader {
    struct sse *sse;
    struct conn *conn;
    struct sse_reader *next;
    struct sse_reader *previous;
    struct hub_reader *hub;
    struct sse_format format;
    char client[SSE_CLIENT_MAX];
    unsigned events;
    struct event_filter filter; /* of orders and fills */
    enum sse_state state;
    struct replay *replay;
    struct replay_order replay_order;
    const char *reset_reason;
    int64_t retry_ms;
    struct guard_ask *guard_ask; /* under way */
    int64_t guard_again_ms;      /* the engine is to be asked again then; 0: it is not */
    bool guard_told;             /* since it was asked, an event of the guard was sent */
    int64_t beat_ms;             /* the next heartbeat */
    int64_t conflate_ms;         /* 0: all that comes is sent */
    int64_t release_ms;          /* when the first held topic may go on */
    bool beat_due;
    uint64_t shown_seq; /* the last id sent */
    bool ending;        /* say bye once nothing is owed, then end */
    bool ended;
    bool aborted;
    struct buffer own; /* what is sent before anything else; from own_sent on */
    size_t own_sent;
    size_t held_bytes; /* as counted in sse->held_bytes */
    size_t snapshots;  /* topics whose snapshot was said */
    size_t watched_count;
    struct sse_watched watched[];
};

struct sse {
    struct http *http;
    const struct api *api;
    struct hub *hub;
    struct sse_reader *readers;
    size_t count;
    int64_t due_ms;
    struct sse_heads heads;
    atomic_size_t count_now;
    atomic_size_t closed_slow;
    atomic_size_t dropped;
    atomic_size_t held_bytes;     /* by all readers */
    atomic_size_t held_bytes_max; /* the most that one has held */
    /* Where snapshots are copied to. */
    struct book_level bids[1000];
    struct book_level asks[1000];
    struct position positions[ACCOUNT_POSITIONS_MAX];
    struct balance balance;
};

/* --- sse_check.c --- */

/* Reads the query of a request. False: `refusal` is filled. */
bool sse_check_wish(const struct sse *sse, const struct api_call *call, struct sse_wish *wish,
                    struct sse_refusal *refusal);

/* --- sse_read.c --- */

/* MHD's content reader. */
ssize_t sse_read(void *cls, uint64_t position, char *out, size_t max);
/* Puts an event of our own into reader->own. `seq` SSE_NO_ID: no id. */
void sse_say(struct sse_reader *reader, const char *event, uint64_t seq, const struct buffer *json);
/* Starts (or, later, starts again) the journal job in reader->replay_order. */
void sse_load(struct sse_reader *reader);
/* Counts what the reader holds now. */
void sse_note_bytes(struct sse_reader *reader);
/* The id cannot be resumed: open orders, then live. */
void sse_reset(struct sse_reader *reader, const char *reason);

/* Asks for the guard as it is, to be told when it is known. Nothing unless the reader wants it. */
void sse_ask_guard(struct sse_reader *reader);

/* --- sse_snapshot.c --- */

/* Sends the state as it is in memory, or makes the topic wait for its first frame. */
void sse_say_snapshot(struct sse_reader *reader, size_t index);
/* False: there is none, and nothing has changed. */
bool sse_say_from_memory(struct sse_reader *reader, size_t index);
/* Whether the frame tells only what the snapshot told already. */
bool sse_is_in_snapshot(struct sse_watched *watched, const struct hub_frame *frame);
/* The topic was overtaken: says so, and gives it a new base. */
void sse_say_lost(struct sse_reader *reader, size_t index);
/* Of these topics the reader wants at most one event in conflate_ms: tickers, balance, and books,
 * as whole snapshots. Sequences (trades, candles, positions) are never thinned out. */
bool sse_is_conflated(const struct sse_reader *reader, size_t index);
/* An event of the topic is on its way: the next one waits. Nothing, unless it is conflated. */
void sse_hold(struct sse_reader *reader, size_t index);
void sse_release(struct sse_reader *reader, int64_t now_ms);
/* The members positions and balance of a reset: null where they are not wanted. */
void sse_add_account(struct sse_reader *reader, struct buffer *json);
