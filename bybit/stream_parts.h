/* bybit/stream_parts.h - the insides of the stream, shared by its files:
 * stream.c (start, stop, the thread and its turns), stream_socket.c (libwebsockets), stream_take.c
 * (what each frame is, telling what changed), stream_public.c and stream_private.c (what is in it).
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
#include "bybit/stream_link.h"
#include "bybit/stream_resolve.h"
#include "bybit/stream_wants.h"

#define MESSAGE_BYTES_MAX ((size_t)4 * 1024 * 1024)

/* A link with its socket. */
struct upstream {
    struct stream *stream;
    struct link link;
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
    struct want listed[MARKET_SYMBOLS_MAX]; /* what is wanted */
    size_t listed_count;
    struct upstream links[STREAM_LINK_COUNT];
    pthread_mutex_t status_lock;
    struct link_status statuses[STREAM_LINK_COUNT];
};

/* The category of a public link. */
enum category upstream_category(const struct upstream *upstream);

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
/* The link is of no use any more; `why` is a constant text. */
void drop_link(struct upstream *upstream, const char *why);
/* Counts; logs the first ones and then ever fewer. */
void count_unreadable(struct upstream *upstream, const char *why);

/* --- stream_public.c --- */

void take_public(struct upstream *upstream, const struct frame *frame, int64_t recv_ms);
/* The link ended: topics that were whole are not. */
void tell_lost(struct upstream *upstream);
/* Books that a check has found wrong: subscribe again. */
void take_distrusted(struct stream *stream);
/* Something was subscribed: topics that have no snapshot are whole from now on. */
void tell_joined(struct upstream *upstream);

/* --- stream_private.c --- */

void take_private(struct upstream *upstream, const struct frame *frame);
