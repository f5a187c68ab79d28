/* bybit/stream.c - libwebsockets around the link's state machine (stream_link.c).
 *
 * One thread runs lws_service and, after each turn, `turn`: what is wanted (stream_wants.c) goes to
 * the links, each link's tick says what to do, and what changed is told. libwebsockets 4.1.6
 * (RELIABILITY section 6): a connection may end without any of the documented callbacks, so a
 * socket counts only as long as `wsi` of its link points to it, each attempt has its own deadline,
 * and a turn comes at least once a second by a timer of ours. Names are resolved by a helper
 * thread.
 */
#include "bybit/stream.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <libwebsockets.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "bybit/hosts.h"
#include "bybit/stream_link.h"
#include "bybit/stream_resolve.h"
#include "bybit/stream_wants.h"

#define MESSAGE_BYTES_MAX ((size_t)4 * 1024 * 1024)
#define KEPT_BYTES_MAX    ((size_t)256 * 1024) /* of a receive buffer, between messages */
#define TEXT_BYTES_MAX    4096                 /* of what we send */
#define LOGIN_VALID_MS    10000
#define FD_LIMIT          64

const struct stream_times stream_times_default = { .connect_timeout_ms = 10000,
                                                   .login_timeout_ms = 10000,
                                                   .ping_every_ms = 20000,
                                                   .pong_timeout_ms = 10000,
                                                   .stale_after_ms = 10000,
                                                   .backoff_min_ms = 500,
                                                   .backoff_max_ms = 30000,
                                                   .linger_ms = 60000,
                                                   .login_retry_ms = 300000 };

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
    struct want listed[MARKET_SYMBOLS_MAX];
    struct upstream links[STREAM_LINK_COUNT];
    pthread_mutex_t status_lock;
    struct link_status statuses[STREAM_LINK_COUNT];
};

static const char *const paths[] = { "/v5/public/spot", "/v5/public/linear", "/v5/public/inverse",
                                     "/v5/public/option", "/v5/private" };
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

static enum category category_of(const struct upstream *upstream)
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

/* --- telling what changed --- */

/* Books that had a picture lose it. */
static void tell_gaps(struct upstream *upstream)
{
    const struct stream_config *config = &upstream->stream->config;

    for (size_t i = 0; i < upstream->link.topics_count; i++) {
        struct link_topic *topic = &upstream->link.topics[i];

        if (topic->kind != STREAM_BOOK || topic->needs_picture)
            continue;
        topic->needs_picture = true;
        config->callbacks->on_book_gap(category_of(upstream), topic->symbol, topic->depth,
                                       config->userdata);
    }
}

static void tell_state(struct upstream *upstream, enum link_state state)
{
    const struct stream_config *config = &upstream->stream->config;

    upstream->shown = state;
    upstream->status.state = state;
    upstream->status.since_ms = clock_wall_ms();
    if (state == LINK_DOWN || state == LINK_STALE)
        log_warn("stream: link=%s state=%s why=\"%s\" failures=%d",
                 stream_link_word(upstream->link.which), link_state_word(state),
                 state == LINK_STALE ? "mute" : upstream->link.why, upstream->link.failures);
    else
        log_info("stream: link=%s state=%s", stream_link_word(upstream->link.which),
                 link_state_word(state));
    if (!upstream->link.is_private &&
        (state == LINK_DOWN || state == LINK_STALE || state == LINK_IDLE))
        market_set_stale(config->market, category_of(upstream));
    config->callbacks->on_link(upstream->link.which, state, upstream->status.since_ms,
                               config->userdata);
}

static void tell_private(struct upstream *upstream)
{
    const struct stream_config *config = &upstream->stream->config;
    bool up = link_is_up(&upstream->link);

    if (up == upstream->up_told)
        return;
    upstream->up_told = up;
    if (up)
        config->callbacks->on_private_up(config->userdata);
    else
        config->callbacks->on_private_down(config->userdata);
}

/* After every event: closes a socket that the link has given up, and tells what changed. */
static void settle(struct upstream *upstream)
{
    struct link *link = &upstream->link;
    enum link_state state;

    if (link->phase == PHASE_IDLE || link->phase == PHASE_DOWN) {
        if (upstream->wsi) {
            struct lws *wsi = upstream->wsi;

            upstream->wsi = NULL; /* what still comes from it counts no more */
            lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
        }
        buffer_deinit(&upstream->in);
        upstream->paused = false;
        link_pause(link, false, clock_mono_ms());
        tell_gaps(upstream);
    }
    state = link_state(link);
    if (link->is_private)
        tell_private(upstream);
    if (state != upstream->shown)
        tell_state(upstream, state);
}

/* --- frames that came --- */

static void drop_link(struct upstream *upstream, const char *why)
{
    link_gone(&upstream->link, why, clock_mono_ms());
    settle(upstream);
}

/* Counts; logs the first ones and then ever fewer. */
static void count_unreadable(struct upstream *upstream, const char *why)
{
    char safe[LOG_SAFE_MAX];
    int count = ++upstream->status.unreadable;

    if ((count & (count - 1)) == 0)
        log_warn("stream: link=%s unreadable=%d: %s", stream_link_word(upstream->link.which), count,
                 log_safe(why, safe));
}

/* One item of a private frame. False: it cannot be read, though it is of a category that we trade.
 */
static bool take_item(const struct stream_config *config, const struct json *item, bool is_order,
                      struct error *error)
{
    char word[16];
    enum category category;
    struct order_report report;
    struct fill fill;

    if (json_member_text(item, "category", word, sizeof(word)) || !word[0]) {
        error_set(error, ERR_INVALID, "category is missing");
        return false;
    }
    if (!category_parse(word, &category))
        return true; /* spread and whatever comes */
    if (is_order) {
        if (message_order(&report, item, category, error))
            return false;
        config->callbacks->on_order(&report, config->userdata);
    } else {
        if (message_fill(&fill, item, category, error))
            return false;
        config->callbacks->on_fill(&fill, config->userdata);
    }
    return true;
}

/* An item that cannot be read may be a fill: an honest gap, which recovery closes, is better than
 * silence. All readable items of the frame are taken first. */
static void take_private(struct upstream *upstream, const struct frame *frame)
{
    bool is_order = strcmp(frame->topic, "order") == 0;
    struct json_walk walk;
    struct json item;
    struct error error = { .text = "" };
    bool readable = true;

    if (!is_order && strcmp(frame->topic, "execution") != 0)
        return;
    walk = json_walk(&frame->data);
    while (json_next(&walk, NULL, &item))
        readable = take_item(&upstream->stream->config, &item, is_order, &error) && readable;
    if (readable)
        return;
    count_unreadable(upstream, error.text);
    drop_link(upstream, "unreadable item");
}

static void take_ticker(struct upstream *upstream, const struct link_topic *topic,
                        const struct frame *frame, int64_t recv_ms)
{
    const struct stream_config *config = &upstream->stream->config;
    struct ticker ticker;

    if (market_merge_ticker(config->market, category_of(upstream), topic->symbol, &frame->data,
                            frame->is_snapshot, frame->ts_ms, recv_ms, &ticker))
        count_unreadable(upstream, topic->name);
    else
        config->callbacks->on_ticker(&ticker, recv_ms, config->userdata);
}

/* A spot ticker's bid and ask are those of the depth-1 book. */
static void take_best(struct upstream *upstream, const struct link_topic *topic, int64_t recv_ms)
{
    const struct stream_config *config = &upstream->stream->config;
    struct market_ticker ticker;

    if (market_ticker(config->market, CATEGORY_SPOT, topic->symbol, &ticker))
        config->callbacks->on_ticker(&ticker.ticker, recv_ms, config->userdata);
}

/* Its frames cannot be applied any more: subscribe again. */
static void lose_book(struct upstream *upstream, struct link_topic *topic, enum book_result result)
{
    const struct stream_config *config = &upstream->stream->config;
    bool passed = topic->jumps_pass;
    bool had_picture = !topic->needs_picture;

    if (!topic->rejoin)
        link_rejoin(topic, result == BOOK_JUMPED, clock_mono_ms());
    if (topic->jumps_pass && !passed) {
        log_warn("stream: topic=%s: u jumps all the time, applying over jumps from now on",
                 topic->name);
        market_let_jumps_pass(config->market, category_of(upstream), topic->symbol, topic->depth);
    }
    if (had_picture) {
        topic->needs_picture = true;
        config->callbacks->on_book_gap(category_of(upstream), topic->symbol, topic->depth,
                                       config->userdata);
    }
}

static bool is_restart(const struct json *data)
{
    int64_t u;

    return json_member_int(data, "u", &u) == ERR_NONE && u == 1;
}

static void take_book(struct upstream *upstream, struct link_topic *topic,
                      const struct frame *frame, int64_t recv_ms)
{
    const struct stream_config *config = &upstream->stream->config;
    enum category category = category_of(upstream);
    bool is_snapshot = frame->is_snapshot || is_restart(&frame->data);
    bool needed = topic->needs_picture;
    enum book_result result =
        market_apply_book(config->market, category, topic->symbol, topic->depth, &frame->data,
                          is_snapshot, frame->ts_ms, frame->cts_ms, recv_ms);

    switch (result) {
    case BOOK_APPLIED:
    case BOOK_REPEATED:
        if (is_snapshot)
            link_has_picture(topic);
        /* Whoever was told of a gap waits for a snapshot, even for one that repeats what was known.
         */
        if (topic->needs_picture || (result == BOOK_REPEATED && !needed))
            break;
        config->callbacks->on_book(category, topic->symbol, topic->depth, is_snapshot, &frame->data,
                                   frame->ts_ms, frame->cts_ms, recv_ms, config->userdata);
        if (topic->depth == 1 && category == CATEGORY_SPOT)
            take_best(upstream, topic, recv_ms);
        break;
    case BOOK_WAITING:
        if (topic->picture_due_ms == 0 && topic->state == TOPIC_ON && !topic->rejoin)
            topic->picture_due_ms = clock_mono_ms() + upstream->stream->times.stale_after_ms;
        break;
    case BOOK_JUMPED:
    case BOOK_BROKEN:
        lose_book(upstream, topic, result);
        break;
    }
}

static void take_public(struct upstream *upstream, const struct frame *frame, int64_t recv_ms)
{
    struct link_topic *topic = link_find(&upstream->link, frame->topic);

    if (!topic || !topic->wanted)
        return;
    if (topic->kind == STREAM_TICKER)
        take_ticker(upstream, topic, frame, recv_ms);
    else
        take_book(upstream, topic, frame, recv_ms);
}

static void take_message(struct upstream *upstream, const char *text, size_t bytes)
{
    struct error error = { .text = "" };
    struct frame frame;
    int64_t now_ms = clock_mono_ms();
    int64_t recv_ms = clock_wall_ms();
    char safe[LOG_SAFE_MAX];

    if (message_frame(&frame, text, bytes, &error)) {
        count_unreadable(upstream, error.text);
        drop_link(upstream, "unreadable frame");
        return;
    }
    if (frame.kind == FRAME_DATA) {
        upstream->status.last_data_ms = recv_ms;
        link_data(&upstream->link, now_ms);
        if (upstream->link.is_private)
            take_private(upstream, &frame);
        else
            take_public(upstream, &frame, recv_ms);
    } else {
        if ((frame.kind == FRAME_AUTH || frame.kind == FRAME_SUBSCRIBE) && !frame.ok)
            log_warn("stream: link=%s refused: %s", stream_link_word(upstream->link.which),
                     log_safe(frame.text, safe));
        link_answer(&upstream->link, &frame, now_ms);
    }
    settle(upstream);
}

/* Messages come in pieces: fragments of the sender and of libwebsockets. */
static void take_bytes(struct upstream *upstream, struct lws *wsi, const char *data, size_t bytes)
{
    bool whole = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;

    if (whole && upstream->in.bytes == 0) {
        take_message(upstream, data, bytes);
        return;
    }
    buffer_add(&upstream->in, data, bytes);
    if (buffer_check(&upstream->in)) {
        drop_link(upstream, "message too large");
        return;
    }
    if (!whole)
        return;
    take_message(upstream, upstream->in.data, upstream->in.bytes);
    if (upstream->in.capacity > KEPT_BYTES_MAX)
        buffer_deinit(&upstream->in);
    else
        buffer_clear(&upstream->in);
}

/* --- frames that go --- */

static enum err add_login(struct stream *stream, struct buffer *out)
{
    char signature[SIGNATURE_MAX];
    int64_t expires_ms = clock_sync_server_ms(stream->config.clock) + LOGIN_VALID_MS;
    enum err err = sign_socket(stream->signing, expires_ms, signature);

    if (err)
        return err;
    buffer_add_text(out, "{\"req_id\":\"a\",\"op\":\"auth\",\"args\":[");
    json_add_text(out, signer_key(stream->config.signer));
    json_add_int(out, expires_ms);
    json_add_text(out, signature);
    buffer_add_text(out, "]}");
    return buffer_check(out);
}

/* One frame a call: libwebsockets allows one write each time. Returns -1 to end the connection. */
static int say(struct upstream *upstream, struct lws *wsi)
{
    unsigned char framed[LWS_PRE + TEXT_BYTES_MAX];
    struct buffer text = buffer_of(TEXT_BYTES_MAX);
    int64_t now_ms = clock_mono_ms();
    enum link_say what = link_next_text(&upstream->link, &text, now_ms);
    size_t bytes;
    int sent = 0;

    if (what == LINK_SAY_LOGIN) {
        if (add_login(upstream->stream, &text)) {
            buffer_deinit(&text);
            drop_link(upstream, "cannot sign");
            return -1;
        }
        link_said_login(&upstream->link, now_ms);
    }
    bytes = text.bytes;
    if (what != LINK_SAY_NOTHING && !buffer_check(&text)) {
        memcpy(framed + LWS_PRE, text.data, bytes);
        sent = lws_write(wsi, framed + LWS_PRE, bytes, LWS_WRITE_TEXT);
    }
    buffer_deinit(&text);
    OPENSSL_cleanse(framed, sizeof(framed));
    if (what != LINK_SAY_NOTHING && sent < (int)bytes) {
        drop_link(upstream, "cannot write");
        return -1;
    }
    if (link_wants_to_say(&upstream->link, now_ms))
        lws_callback_on_writable(wsi);
    return 0;
}

/* --- libwebsockets --- */

static struct upstream *upstream_of(struct stream *stream, const struct lws *wsi)
{
    for (size_t i = 0; stream && wsi && i < STREAM_LINK_COUNT; i++) {
        if (stream->links[i].wsi == wsi)
            return &stream->links[i];
    }
    return NULL;
}

/* Any of the signals that a connection is over; the first one counts. */
static void gone(struct upstream *upstream, const char *why)
{
    if (!upstream)
        return;
    upstream->wsi = NULL;
    drop_link(upstream, why);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t in_bytes)
{
    struct lws_context *context = wsi ? lws_get_context(wsi) : NULL;
    struct upstream *upstream = upstream_of(context ? lws_context_user(context) : NULL, wsi);
    char safe[LOG_SAFE_MAX];

    (void)user;
    switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        if (!upstream)
            return -1;
        upstream->opened = true;
        link_opened(&upstream->link, clock_mono_ms());
        settle(upstream);
        lws_callback_on_writable(wsi);
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        if (!upstream)
            return -1;
        take_bytes(upstream, wsi, in, in_bytes);
        return upstream->wsi == wsi ? 0 : -1;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return upstream ? say(upstream, wsi) : -1;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        if (upstream)
            log_info("stream: link=%s connect: %s", stream_link_word(upstream->link.which),
                     in ? log_safe(in, safe) : "failed");
        gone(upstream, "cannot connect");
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
    case LWS_CALLBACK_WSI_DESTROY:
        gone(upstream, "connection ended");
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    { .name = "bybit", .callback = on_event, .rx_buffer_size = 32768 },
    { .name = NULL },
};

/* Control pings besides the JSON pings: they find a dead peer on a link that sends nothing. */
static const lws_retry_bo_t liveness = { .secs_since_valid_ping = 10,
                                         .secs_since_valid_hangup = 25 };

/* Why TLS failed is only in the library's log. */
static void on_library_log(int level, const char *line)
{
    char safe[LOG_SAFE_MAX];
    char text[LOG_SAFE_MAX];
    size_t bytes = strcspn(line, "\n");

    if (bytes >= sizeof(text))
        bytes = sizeof(text) - 1;
    memcpy(text, line, bytes);
    text[bytes] = '\0';
    log_line(level == LLL_ERR ? LOG_INFO : LOG_DEBUG, "stream: libwebsockets: %s",
             log_safe(text, safe));
}

static void wake(void *userdata)
{
    lws_cancel_service(userdata);
}

static void dial(struct upstream *upstream, const char *address)
{
    struct stream *stream = upstream->stream;
    const struct lws_client_connect_info info = {
        .context = stream->context,
        .address = address,
        .port = upstream->origin.port,
        .ssl_connection = upstream->origin.tls ? LCCSCF_USE_SSL : 0,
        .path = paths[upstream->link.which],
        .host = upstream->host,
        .ietf_version_or_minus_one = -1,
        .local_protocol_name = protocols[0].name,
        .alpn = "http/1.1",
        .retry_and_idle_policy = &liveness,
        .pwsi = &upstream->wsi,
    };

    upstream->tries++;
    upstream->status.reconnects += upstream->opened;
    if (lws_client_connect_via_info(&info))
        return;
    upstream->wsi = NULL;
    drop_link(upstream, "cannot connect");
}

static void connect_link(struct upstream *upstream)
{
    struct in6_addr number;

    if (inet_pton(AF_INET, upstream->origin.host, &number) == 1 ||
        inet_pton(AF_INET6, upstream->origin.host, &number) == 1) {
        dial(upstream, upstream->origin.host);
        return;
    }
    /* A look-up that outlived its attempt serves the next one: never more than one thread a link.
     */
    if (!upstream->resolve)
        upstream->resolve = resolve_start(upstream->origin.host, wake, upstream->stream->context);
    if (!upstream->resolve)
        drop_link(upstream, "cannot look up the host");
}

static void watch_resolve(struct upstream *upstream)
{
    if (!upstream->resolve ||
        !resolve_done(upstream->resolve, upstream->addresses, &upstream->addresses_count))
        return;
    resolve_drop(upstream->resolve);
    upstream->resolve = NULL;
    if (upstream->link.phase != PHASE_OPENING || upstream->wsi)
        return;
    if (upstream->addresses_count == 0)
        drop_link(upstream, "host not found");
    else
        dial(upstream, upstream->addresses[upstream->tries % upstream->addresses_count]);
}

/* --- the thread --- */

static void want_on_link(struct stream *stream, const struct want *want)
{
    char name[LINK_TOPIC_BYTES];
    struct link_topic *topic;

    if (!want_topic(want, name, sizeof(name)))
        return;
    topic = link_want(&stream->links[want->category].link, name);
    if (!topic) {
        log_warn("stream: topic=%s: no memory or too many", name);
        return;
    }
    topic->kind = want->kind;
    topic->depth = want->depth;
    memcpy(topic->symbol, want->symbol, sizeof(topic->symbol));
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
    for (size_t i = 0; i < count; i++)
        want_on_link(stream, &stream->listed[i]);
}

/* What nobody wants and the exchange does not send any more leaves the market. */
static void forget_topics(struct upstream *upstream)
{
    struct market *market = upstream->stream->config.market;
    struct link_topic topic;

    while (link_reap(&upstream->link, &topic)) {
        if (topic.kind == STREAM_TICKER)
            market_forget_ticker(market, category_of(upstream), topic.symbol);
        else
            market_forget_book(market, category_of(upstream), topic.symbol, topic.depth);
    }
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
    watch_resolve(upstream);
    if (link_tick(&upstream->link, now_ms) == LINK_DO_CONNECT) {
        settle(upstream);
        connect_link(upstream);
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

    while (!atomic_load(&stream->stopping)) {
        turn(stream);
        if (lws_service(stream->context, 0) < 0)
            break;
    }
    return NULL;
}

/* --- start and stop --- */

/* The library only logs when there is none in it, and then trusts nobody. */
static bool is_certificates(const char *path)
{
    X509_STORE *store = X509_STORE_new();
    bool loaded = store && X509_STORE_load_file(store, path) == 1;

    X509_STORE_free(store);
    ERR_clear_error();
    return loaded;
}

static enum err make_context(struct stream *stream, struct error *error)
{
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
        .fd_limit_per_thread = FD_LIMIT,
        .pt_serv_buf_size = 32768,
        .ssl_client_options_set = (long)(SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1),
        .http_proxy_address = "", /* else everything goes through $http_proxy */
#ifdef LWS_WITH_SOCKS5
        .socks_proxy_address = "", /* likewise */
#endif
        .user = stream,
        .gid = -1,
        .uid = -1,
    };

    if (stream->config.ca_file && !is_certificates(stream->config.ca_file))
        return error_set(error, ERR_INVALID, "%s: not a readable file of CA certificates",
                         stream->config.ca_file);
    if (stream->config.ca_file) {
        info.client_ssl_ca_filepath = stream->config.ca_file;
        info.options |= LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    }
    lws_set_log_level(0, on_library_log); /* it would complain of the empty proxy */
    stream->context = lws_create_context(&info);
    lws_set_log_level(LLL_ERR | LLL_WARN, on_library_log);
    if (!stream->context)
        return error_set(error, ERR_INTERNAL, "stream: cannot make the socket context");
    return ERR_NONE;
}

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
        err = make_context(stream, error);
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
            wants_drop(stream->wants, kind, category, symbol, depth, now_ms);
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

    wants_drop(stream->wants, kind, category, symbol, depth, now_ms);
    if (needs_best(kind, category))
        wants_drop(stream->wants, STREAM_BOOK, category, symbol, 1, now_ms);
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
