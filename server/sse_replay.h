/* server/sse_replay.h - reads of the journal for a stream: older events in chunks, and the open
 * orders for a reset.
 *
 * A job runs on a history worker and comes back by the bell. Threads: the http thread; on_ready
 * too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "api/event_filter.h"
#include "base/buffer.h"
#include "server/bell.h"
#include "server/sse_format.h"

enum replay_kind {
    REPLAY_AFTER,    /* events above `position` */
    REPLAY_EARLIEST, /* events from the first one */
    REPLAY_ORDERS,   /* the open orders */
};

enum replay_end {
    REPLAY_CHUNK,  /* `text` holds events up to `position`; there may be more */
    REPLAY_PRUNED, /* the next event is not there (any more) */
    REPLAY_FAILED, /* try again later */
};

struct replay;

struct replay_result {
    enum replay_end end;
    struct buffer
        text; /* events, ready to send; ORDERS: a JSON array. The callback takes it or leaves it. */
    uint64_t position;
};

struct replay_order {
    enum replay_kind kind;
    uint64_t position;
    uint64_t until; /* the newest event that was shown: a later one's id is not known yet */
    unsigned events;
    struct event_filter filter;
    struct sse_format format;
};

/* Starts a job. NULL: out of memory, or too many jobs wait (try again later). */
struct replay *replay_start(const struct api *api, struct bell *bell,
                            const struct replay_order *order,
                            void (*on_ready)(struct replay_result *result, void *userdata),
                            void *userdata);
/* on_ready is not called any more. NULL is fine. */
void replay_forget(struct replay *replay);
