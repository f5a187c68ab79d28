/* bybit/stream_parts.h - the insides of the stream, shared by its files:
 * stream.c (start, stop, the thread and its turns), stream_places.c (which socket has which topic),
 * stream_socket.c (libwebsockets), stream_take.c (what each frame is, telling what changed),
 * stream_public.c, stream_pools.c and stream_private.c (what is in it), stream_status.c (what
 * others see of it).
 *
 * Threads: the stream's own, but for what stream.h allows to all.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libwebsockets.h>

#include "base/buffer.h"
#include "bybit/hosts.h"
#include "bybit/message.h"
#include "bybit/stream.h"
#include "bybit/stream_dials.h"
#include "bybit/stream_link.h"
#include "bybit/stream_resolve.h"
#include "bybit/stream_wants.h"

#define MESSAGE_BYTES_MAX ((size_t)4 * 1024 * 1024)
/* Those of a public category stand together; the private one is the last. */
#define UPSTREAMS (LINK_PRIVATE * STREAM_SOCKETS_MAX + 1)

/* A link with its socket. */
struct upstream {
    struct stream *stream;
    struct link link;
    int number;     /* 1, 2, ... of its category */
    int64_t due_ms; /* when its turn comes at the latest; 0: now */
    struct origin origin;
    char host[160];  /* for Host, SNI and the name check */
    struct lws *wsi; /* NULL: none that counts */
    struct resolve *resolve;
    char addresses[RESOLVE_ADDRESSES_MAX][RESOLVE_ADDRESS_BYTES];
    size_t addresses_count;
    size_t tries; /* connects so far: they take turns over the addresses */
    struct buffer in;
    enum link_state shown; /* last told */
    bool up_told;          /* private */
    int64_t up_since_ms;   /* likewise; wall clock */
    bool paused;           /* its socket is not read */
    bool opened;           /* at least once */
    struct link_status status;
};

/* A topic as others see it; atomics are written by the stream's thread. */
struct shown_topic {
    struct shown_topic *next;
    struct shown_topic *previous;
    struct stream_topic topic; /* but for state and last_data_ms */
    atomic_int state;
    _Atomic int64_t last_data_ms;
};

struct stream {
    struct stream_config config;
    struct stream_times times;
    struct signer_context *signing;
    struct wants *wants;
    struct lws_context *context;
    lws_sorted_usec_list_t timer;
    pthread_t thread;
    bool started;
    atomic_bool stopping;
    atomic_bool wants_changed;
    atomic_bool pause_private;
    int64_t wants_next_ms;
    struct want_list listed; /* what is wanted */
    struct dials dials;
    struct upstream upstreams[UPSTREAMS];
    enum link_state told[STREAM_LINK_COUNT]; /* the worst of its sockets */
    int64_t told_since_ms[STREAM_LINK_COUNT];
    _Atomic int64_t last_data_ms[STREAM_LINK_COUNT];
    pthread_mutex_t status_lock; /* of what follows */
    struct link_status statuses[STREAM_LINK_COUNT];
    struct shown_topic *shown;
    size_t shown_count;
};

/* The category of a public link. */
enum category upstream_category(const struct upstream *upstream);
/* The first socket of a link; they are STREAM_SOCKETS_MAX, the private one is alone. */
struct upstream *upstream_first(struct stream *stream, enum stream_link link);

/* --- stream_places.c --- */

/* The topic of that name on any socket of the link; NULL: none. */
struct link_topic *find_on_link(struct stream *stream, enum stream_link link, const char *name);
/* Brings what is wanted to the sockets, when that has changed. */
void take_wants(struct stream *stream, int64_t now_ms);
/* What nobody wants and the exchange does not send any more leaves the socket and the market. */
void forget_topics(struct upstream *upstream);

/* --- stream_status.c --- */

/* The socket has a new state: tells its link's, when that is another one now. */
void status_tell(struct upstream *upstream, enum link_state state);
/* Counts topics and sockets, and shows it. */
void status_publish(struct upstream *upstream);
/* A topic came to the socket, and left it. */
void status_show(struct upstream *upstream, struct link_topic *topic);
void status_hide(struct stream *stream, struct link_topic *topic);
/* A data frame came; `topic` may be NULL. */
void status_data(struct upstream *upstream, const struct link_topic *topic, int64_t recv_ms);

/* --- stream_socket.c --- */

/* The library's context, for stream->context; it reads stream->config.ca_file. */
MUST_CHECK enum err socket_context(struct stream *stream, struct error *error);
void socket_connect(struct upstream *upstream);
/* Connects once the look-up that connect began is done. */
void socket_watch_resolve(struct upstream *upstream);

/* --- stream_take.c --- */

/* One whole message that came. */
void take_message(struct upstream *upstream, const char *text, size_t bytes);
/* After every event: closes a socket that the link has given up, and tells what changed. */
void settle(struct upstream *upstream);
/* What is being unsubscribed is not up to date from now on. */
void stale_leaving(struct upstream *upstream);
/* The link is of no use any more; `why` is a constant text. */
void drop_link(struct upstream *upstream, const char *why);
/* Counts; logs the first ones and then ever fewer. */
void count_unreadable(struct upstream *upstream, const char *why);

/* --- stream_public.c --- */

/* `topic`: of that name on this socket; NULL: none. */
void take_public(struct upstream *upstream, struct link_topic *topic, const struct frame *frame,
                 int64_t recv_ms);
/* The link ended: topics that were whole are not. */
void tell_lost(struct upstream *upstream);
/* Joins books of depth 1 again whose repetitions have ended. */
void watch_repeats(struct upstream *upstream, int64_t now_ms);
/* Books that a check has found wrong: subscribe again. */
void take_distrusted(struct stream *stream);
/* Something was subscribed: topics that have no snapshot are whole from now on. */
void tell_joined(struct upstream *upstream);

/* --- stream_pools.c --- */

void take_price_limit(struct upstream *upstream, struct link_topic *topic,
                      const struct frame *frame, int64_t recv_ms);
void take_pool(struct upstream *upstream, struct link_topic *topic, const struct frame *frame,
               int64_t recv_ms);

/* --- stream_private.c --- */

void take_private(struct upstream *upstream, struct link_topic *topic, const struct frame *frame,
                  int64_t recv_ms);
