/* The streams' thread: it runs lws_service and, after each turn, `turn`: what is wanted
 * (stream_wants.c) goes to the sockets (stream_places.c), the tick of each link says what to do
 * (stream_link.c), and what changed is told. Only links to which something happened, or whose time
 * has come, have a turn: data frames are many, and the topics too. Each has one at least once a
 * second by a timer of ours.
 */
#include "bybit/stream.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/thread.h"
#include "bybit/stream_parts.h"

#define DIALS_RETRY_MS 1000

const struct stream_times stream_times_default = { .connect_timeout_ms = 10000,
                                                   .login_timeout_ms = 10000,
                                                   .ping_every_ms = 20000,
                                                   .pong_timeout_ms = 10000,
                                                   .stale_after_ms = 10000,
                                                   .backoff_min_ms = 500,
                                                   .backoff_max_ms = 30000,
                                                   .linger_ms = 60000,
                                                   .login_retry_ms = 300000 };

static const char *const link_words[] = { "public.spot", "public.linear", "public.inverse",
                                          "public.option", "private" };
static const char *const state_words[] = { "idle", "connecting", "connected", "stale", "down" };

const char *stream_link_word(enum stream_link link)
{
    return link_words[link];
}

const char *link_state_word(enum link_state state)
{
    return state_words[state];
}

bool stream_kind_is_state(enum stream_kind kind)
{
    switch (kind) {
    case STREAM_TICKER:
    case STREAM_PRICE_LIMIT:
    case STREAM_ADL:
    case STREAM_INSURANCE:
    case STREAM_GREEKS:
        return true;
    case STREAM_BOOK:
    case STREAM_TRADES:
    case STREAM_CANDLES:
    case STREAM_LIQUIDATIONS:
        break;
    }
    return false;
}

enum category upstream_category(const struct upstream *upstream)
{
    switch (upstream->link.which) {
    case LINK_PUBLIC_SPOT:
        return CATEGORY_SPOT;
    case LINK_PUBLIC_LINEAR:
    case LINK_PRIVATE:
        return CATEGORY_LINEAR;
    case LINK_PUBLIC_INVERSE:
        return CATEGORY_INVERSE;
    case LINK_PUBLIC_OPTION:
        return CATEGORY_OPTION;
    }
    return CATEGORY_LINEAR;
}

/* --- the thread --- */

static void obey_pause(struct upstream *upstream, int64_t now_ms)
{
    bool paused = upstream->link.is_private && atomic_load(&upstream->stream->pause_private);

    if (paused == upstream->paused || !upstream->wsi || upstream->link.phase < PHASE_LOGIN)
        return;
    upstream->paused = paused;
    link_pause(&upstream->link, paused, now_ms);
    (void)lws_rx_flow_control(upstream->wsi, paused ? 0 : 1);
}

/* False: the exchange takes no more new connections for now, and it has to have one. */
static bool tick(struct upstream *upstream, int64_t now_ms)
{
    struct dials *dials = &upstream->stream->dials;

    if (upstream->link.phase <= PHASE_DOWN && !dials_may(dials, upstream->link.is_private, now_ms))
        return false;
    if (link_tick(&upstream->link, now_ms) == LINK_DO_CONNECT) {
        dials_add(dials, now_ms);
        settle(upstream);
        socket_connect(upstream);
    }
    return true;
}

/* When the next one is due. */
static int64_t turn_link(struct upstream *upstream, int64_t now_ms)
{
    bool ticked;

    forget_topics(upstream);
    socket_watch_resolve(upstream);
    ticked = tick(upstream, now_ms);
    settle(upstream);
    watch_repeats(upstream, now_ms);
    obey_pause(upstream, now_ms);
    if (upstream->wsi && link_wants_to_say(&upstream->link, now_ms))
        lws_callback_on_writable(upstream->wsi);
    status_publish(upstream);
    return ticked ? link_next_ms(&upstream->link, now_ms) : now_ms + DIALS_RETRY_MS;
}

static void on_timer(lws_sorted_usec_list_t *timer)
{
    (void)timer; /* it only ends the wait in lws_service */
}

static void turn(struct stream *stream)
{
    struct upstream *own = upstream_first(stream, LINK_PRIVATE);
    int64_t now_ms = clock_mono_ms();
    int64_t next_ms = now_ms + 1000;

    take_wants(stream, now_ms);
    take_distrusted(stream);
    if (stream->wants_next_ms < next_ms)
        next_ms = stream->wants_next_ms;
    if (atomic_load(&stream->pause_private) != own->paused)
        own->due_ms = 0;
    for (size_t i = 0; i < UPSTREAMS; i++) {
        struct upstream *upstream = &stream->upstreams[i];

        if (upstream->due_ms <= now_ms || upstream->resolve)
            upstream->due_ms = turn_link(upstream, now_ms);
        if (upstream->due_ms < next_ms)
            next_ms = upstream->due_ms;
    }
    if (next_ms <= now_ms)
        next_ms = now_ms + 1;
    lws_sul_schedule(stream->context, 0, &stream->timer, on_timer,
                     (next_ms - now_ms) * LWS_US_PER_MS);
}

static void *run(void *userdata)
{
    struct stream *stream = userdata;

    thread_begin("stream", THREAD_PLAIN);
    while (!atomic_load(&stream->stopping)) {
        turn(stream);
        if (lws_service(stream->context, 0) < 0)
            break;
    }
    return NULL;
}

/* --- start and stop --- */

/* What the account's link always has. */
static enum err want_own_topics(struct link *link, struct error *error)
{
    static const char *const topics[] = { "order", "execution", "position", "wallet" };

    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        struct link_topic *topic = link_want(link, topics[i]);

        if (!topic)
            return error_set(error, ERR_NO_MEMORY, "stream: out of memory");
        topic->own = true;
        topic->essential = i < 2;
    }
    return ERR_NONE;
}

static enum err init_upstream(struct stream *stream, size_t i, struct error *error)
{
    struct upstream *upstream = &stream->upstreams[i];
    enum stream_link which = (enum stream_link)(i / STREAM_SOCKETS_MAX);
    bool is_private = which == LINK_PRIVATE;
    uint64_t random = 0;
    enum err err;

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        random = (uint64_t)clock_mono_us() + i;
    upstream->stream = stream;
    upstream->number = (int)(i % STREAM_SOCKETS_MAX) + 1;
    upstream->in = buffer_of(MESSAGE_BYTES_MAX);
    upstream->shown = LINK_IDLE;
    link_init(&upstream->link, which, &stream->times, random);
    if (is_private && !stream->config.signer)
        return ERR_NONE;
    err = origin_parse(&upstream->origin,
                       is_private ? stream->config.private_url : stream->config.public_url, "ws",
                       "wss", error);
    if (err)
        return err;
    (void)snprintf(upstream->host, sizeof(upstream->host),
                   upstream->origin.port == (upstream->origin.tls ? 443 : 80) ? "%s" : "%s:%d",
                   upstream->origin.host, upstream->origin.port);
    return is_private ? want_own_topics(&upstream->link, error) : ERR_NONE;
}

static enum err init_upstreams(struct stream *stream, struct error *error)
{
    enum err err = ERR_NONE;

    for (size_t i = 0; i < STREAM_LINK_COUNT; i++) {
        stream->told[i] = LINK_IDLE;
        stream->told_since_ms[i] = clock_wall_ms();
        stream->statuses[i] =
            (struct link_status){ .state = LINK_IDLE, .since_ms = stream->told_since_ms[i] };
    }
    for (size_t i = 0; i < UPSTREAMS && !err; i++)
        err = init_upstream(stream, i, error);
    return err;
}

enum err stream_start(struct stream **out, const struct stream_config *config, struct error *error)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    sigset_t all;
    sigset_t old;
    enum err err;

    if (!stream)
        return error_set(error, ERR_NO_MEMORY, "stream: out of memory");
    stream->config = *config;
    stream->times = config->times ? *config->times : stream_times_default;
    stream->wants_next_ms = INT64_MAX;
    pthread_mutex_init(&stream->status_lock, NULL);
    stream->wants = wants_create(stream->times.linger_ms);
    if (config->signer)
        stream->signing = signer_context_create(config->signer);
    if (!stream->wants || (config->signer && !stream->signing)) {
        err = error_set(error, ERR_NO_MEMORY, "stream: out of memory");
        goto fail;
    }
    err = init_upstreams(stream, error);
    if (!err)
        err = socket_context(stream, error);
    if (err)
        goto fail;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    stream->started = pthread_create(&stream->thread, NULL, run, stream) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!stream->started) {
        err = error_set(error, ERR_INTERNAL, "stream: cannot start its thread");
        goto fail;
    }
    *out = stream;
    return ERR_NONE;

fail:
    stream_stop(stream);
    return err;
}

static void deinit_upstream(struct upstream *upstream)
{
    for (size_t i = 0; i < upstream->link.topics_count; i++)
        status_hide(upstream->stream, &upstream->link.topics[i]);
    link_deinit(&upstream->link);
    buffer_deinit(&upstream->in);
}

void stream_halt(struct stream *stream)
{
    if (!stream || !stream->started)
        return;
    atomic_store(&stream->stopping, true);
    lws_cancel_service(stream->context);
    pthread_join(stream->thread, NULL);
    stream->started = false;
}

void stream_stop(struct stream *stream)
{
    if (!stream)
        return;
    stream_halt(stream);
    for (size_t i = 0; i < UPSTREAMS; i++) {
        stream->upstreams[i].wsi = NULL; /* nothing that comes from closing counts */
        resolve_drop(stream->upstreams[i].resolve);
    }
    if (stream->context)
        lws_context_destroy(stream->context);
    for (size_t i = 0; i < UPSTREAMS; i++)
        deinit_upstream(&stream->upstreams[i]);
    free(stream->listed.items);
    wants_destroy(stream->wants);
    signer_context_destroy(stream->signing);
    pthread_mutex_destroy(&stream->status_lock);
    free(stream);
}

/* --- calls from any thread --- */

static void wants_are_new(struct stream *stream)
{
    atomic_store(&stream->wants_changed, true);
    if (!atomic_load(&stream->stopping))
        lws_cancel_service(stream->context);
}

/* A spot ticker needs the depth-1 book too. */
static bool needs_best(enum stream_kind kind, enum category category)
{
    return kind == STREAM_TICKER && category == CATEGORY_SPOT;
}

static enum err add(struct stream *stream, enum want_how how, enum stream_kind kind,
                    enum category category, const char *symbol, int depth)
{
    int64_t now_ms = clock_mono_ms();
    bool is_new = false;
    bool best_is_new = false;
    enum err err = wants_add(stream->wants, how, kind, category, symbol, depth, now_ms, &is_new);

    if (!err && needs_best(kind, category)) {
        err = wants_add(stream->wants, how, STREAM_BOOK, category, symbol, 1, now_ms, &best_is_new);
        if (err && how == WANT_READER)
            (void)wants_drop(stream->wants, kind, category, symbol, depth, now_ms);
    }
    if (is_new || best_is_new)
        wants_are_new(stream);
    return err;
}

enum err stream_want(struct stream *stream, enum stream_kind kind, enum category category,
                     const char *symbol, int depth)
{
    return add(stream, WANT_READER, kind, category, symbol, depth);
}

enum err stream_touch(struct stream *stream, enum stream_kind kind, enum category category,
                      const char *symbol, int depth)
{
    return add(stream, WANT_TOUCH, kind, category, symbol, depth);
}

void stream_drop(struct stream *stream, enum stream_kind kind, enum category category,
                 const char *symbol, int depth)
{
    int64_t now_ms = clock_mono_ms();
    bool last = wants_drop(stream->wants, kind, category, symbol, depth, now_ms);

    if (needs_best(kind, category))
        last = wants_drop(stream->wants, STREAM_BOOK, category, symbol, 1, now_ms) || last;
    if (last) /* many leave at once: only what begins to linger is news */
        wants_are_new(stream);
}

void stream_pause_private(struct stream *stream, bool paused)
{
    atomic_store(&stream->pause_private, paused);
    lws_cancel_service(stream->context);
}
