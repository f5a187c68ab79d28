/* The streams' thread: it runs lws_service and, after each turn, `turn`: what is wanted
 * (stream_wants.c) goes to the links, each link's tick says what to do (stream_link.c), and what
 * changed is told. A turn comes at least once a second by a timer of ours.
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

#define NO_PLACE_RETRY_MS 200

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

/* False: again later, when what is not wanted any more has been unsubscribed. */
static bool want_on_link(struct stream *stream, const struct want *want)
{
    char name[LINK_TOPIC_BYTES];
    struct link_topic *topic;

    if (!want_topic(want, name, sizeof(name)))
        return true;
    topic = link_want(&stream->links[want->category].link, name);
    if (!topic)
        return false;
    topic->kind = want->kind;
    topic->depth = want->depth;
    memcpy(topic->symbol, want->symbol, sizeof(topic->symbol));
    return true;
}

static void take_wants(struct stream *stream, int64_t now_ms)
{
    size_t count;

    if (!atomic_exchange(&stream->wants_changed, false) && now_ms < stream->wants_next_ms)
        return;
    count = wants_list(stream->wants, stream->listed, now_ms, &stream->wants_next_ms);
    for (size_t i = 0; i < LINK_PRIVATE; i++) {
        for (size_t j = 0; j < stream->links[i].link.topics_count; j++)
            stream->links[i].link.topics[j].wanted = false;
    }
    stream->listed_count = count;
    for (size_t i = 0; i < count; i++) {
        if (!want_on_link(stream, &stream->listed[i]) &&
            stream->wants_next_ms > now_ms + NO_PLACE_RETRY_MS)
            stream->wants_next_ms = now_ms + NO_PLACE_RETRY_MS;
    }
}

static void forget_topic(struct market *market, enum category category,
                         const struct link_topic *topic)
{
    switch (topic->kind) {
    case STREAM_TICKER:
        market_forget_ticker(market, category, topic->symbol);
        break;
    case STREAM_BOOK:
        market_forget_book(market, category, topic->symbol, topic->depth);
        break;
    case STREAM_CANDLES:
        market_forget_candle(market, category, topic->symbol, (enum candle_interval)topic->depth);
        break;
    case STREAM_TRADES:
    case STREAM_LIQUIDATIONS:
        break;
    }
}

/* What nobody wants and the exchange does not send any more leaves the market. */
static void forget_topics(struct upstream *upstream)
{
    struct market *market = upstream->stream->config.market;
    struct link_topic topic;

    while (link_reap(&upstream->link, &topic))
        forget_topic(market, upstream_category(upstream), &topic);
}

static void obey_pause(struct upstream *upstream, int64_t now_ms)
{
    bool paused = upstream->link.is_private && atomic_load(&upstream->stream->pause_private);

    if (paused == upstream->paused || !upstream->wsi || upstream->link.phase < PHASE_LOGIN)
        return;
    upstream->paused = paused;
    link_pause(&upstream->link, paused, now_ms);
    (void)lws_rx_flow_control(upstream->wsi, paused ? 0 : 1);
}

static void publish_status(struct upstream *upstream)
{
    struct stream *stream = upstream->stream;
    struct link_status *status = &upstream->status;

    status->topics = 0;
    status->lossy_books = 0;
    for (size_t i = 0; i < upstream->link.topics_count; i++) {
        status->topics += upstream->link.topics[i].wanted;
        status->lossy_books += upstream->link.topics[i].jumps_pass;
    }
    pthread_mutex_lock(&stream->status_lock);
    stream->statuses[upstream->link.which] = *status;
    pthread_mutex_unlock(&stream->status_lock);
}

static int64_t turn_link(struct upstream *upstream, int64_t now_ms)
{
    if (!upstream->link.is_private)
        forget_topics(upstream);
    socket_watch_resolve(upstream);
    if (link_tick(&upstream->link, now_ms) == LINK_DO_CONNECT) {
        settle(upstream);
        socket_connect(upstream);
    }
    settle(upstream);
    obey_pause(upstream, now_ms);
    if (upstream->wsi && link_wants_to_say(&upstream->link, now_ms))
        lws_callback_on_writable(upstream->wsi);
    publish_status(upstream);
    return link_next_ms(&upstream->link, now_ms);
}

static void on_timer(lws_sorted_usec_list_t *timer)
{
    (void)timer; /* it only ends the wait in lws_service */
}

static void turn(struct stream *stream)
{
    int64_t now_ms = clock_mono_ms();
    int64_t next_ms = now_ms + 1000;

    take_wants(stream, now_ms);
    take_distrusted(stream);
    if (stream->wants_next_ms < next_ms)
        next_ms = stream->wants_next_ms;
    for (size_t i = 0; i < STREAM_LINK_COUNT; i++) {
        int64_t link_ms = turn_link(&stream->links[i], now_ms);

        if (link_ms < next_ms)
            next_ms = link_ms;
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

static enum err init_links(struct stream *stream, struct error *error)
{
    static const char *const topics[] = { "order", "execution", "position", "wallet" };
    int64_t now_ms = clock_wall_ms();

    for (size_t i = 0; i < STREAM_LINK_COUNT; i++) {
        struct upstream *upstream = &stream->links[i];
        bool is_private = i == LINK_PRIVATE;
        uint64_t random = 0;
        enum err err = ERR_NONE;

        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
            random = (uint64_t)clock_mono_us() + i;
        upstream->stream = stream;
        upstream->in = buffer_of(MESSAGE_BYTES_MAX);
        upstream->status = (struct link_status){ .state = LINK_IDLE, .since_ms = now_ms };
        upstream->shown = LINK_IDLE;
        stream->statuses[i] = upstream->status;
        link_init(&upstream->link, (enum stream_link)i, &stream->times, random);
        if (is_private && !stream->config.signer)
            continue;
        err = origin_parse(&upstream->origin,
                           is_private ? stream->config.private_url : stream->config.public_url,
                           "ws", "wss", error);
        if (err)
            return err;
        (void)snprintf(upstream->host, sizeof(upstream->host),
                       upstream->origin.port == (upstream->origin.tls ? 443 : 80) ? "%s" : "%s:%d",
                       upstream->origin.host, upstream->origin.port);
        for (size_t j = 0; is_private && j < ARRAY_LEN(topics); j++) {
            struct link_topic *topic = link_want(&upstream->link, topics[j]);

            if (!topic)
                return error_set(error, ERR_NO_MEMORY, "stream: out of memory");
            topic->essential = j < 2;
        }
    }
    return ERR_NONE;
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
    err = init_links(stream, error);
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

void stream_stop(struct stream *stream)
{
    if (!stream)
        return;
    atomic_store(&stream->stopping, true);
    if (stream->started) {
        lws_cancel_service(stream->context);
        pthread_join(stream->thread, NULL);
    }
    for (size_t i = 0; i < STREAM_LINK_COUNT; i++) {
        stream->links[i].wsi = NULL; /* nothing that comes from closing counts */
        resolve_drop(stream->links[i].resolve);
    }
    if (stream->context)
        lws_context_destroy(stream->context);
    for (size_t i = 0; i < STREAM_LINK_COUNT; i++) {
        link_deinit(&stream->links[i].link);
        buffer_deinit(&stream->links[i].in);
    }
    wants_destroy(stream->wants);
    signer_context_destroy(stream->signing);
    pthread_mutex_destroy(&stream->status_lock);
    free(stream);
}

/* --- calls from any thread --- */

static void wants_are_new(struct stream *stream)
{
    atomic_store(&stream->wants_changed, true);
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

void stream_link_status(struct stream *stream, enum stream_link link, struct link_status *out)
{
    pthread_mutex_lock(&stream->status_lock);
    *out = stream->statuses[link];
    pthread_mutex_unlock(&stream->status_lock);
}

void stream_pause_private(struct stream *stream, bool paused)
{
    atomic_store(&stream->pause_private, paused);
    lws_cancel_service(stream->context);
}
