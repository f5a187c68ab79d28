/* GET /stream: from the request to a reader, and the readers' clocks. */
#include "server/sse.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api/errors.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "server/sse_parts.h"

#define BLOCK_BYTES 1024         /* HTTP/1.0 readers only: chunks use MHD's pool */
#define UNSENT_MAX  (128 * 1024) /* what the kernel may hold unsent: the rest stays latest-wins */
#define OWN_MAX     ((size_t)48 * 1024 * 1024)
#define RETRY_LINE  "retry: 1000\n\n"

struct sse *sse_create(struct http *http)
{
    struct sse *sse = calloc(1, sizeof(*sse));

    if (!sse)
        return NULL;
    sse->http = http;
    sse->api = http->config.api;
    sse->hub = http->config.hub;
    return sse;
}

void sse_destroy(struct sse *sse)
{
    free(sse);
}

/* --- the request --- */

static enum MHD_Result refuse(struct conn *conn, const char *code, const char *detail)
{
    const struct api_problem *problem = api_problem_find(code);

    return reply_problem(conn, problem ? problem->status : 500, code, detail);
}

/* --- the reader --- */

/* From here on neither bybit/stream nor the history is touched. */
static void let_go(struct sse_reader *reader)
{
    for (size_t i = 0; i < reader->watched_count; i++) {
        const struct sse_topic *topic = &reader->watched[i].topic;

        if (reader->watched[i].upstream)
            stream_drop(reader->sse->api->stream, (enum stream_kind)topic->kind, topic->category,
                        topic->symbol, topic->depth);
        reader->watched[i].upstream = false;
    }
    replay_forget(reader->replay);
    reader->replay = NULL;
    guard_ask_forget(reader->guard_ask);
    reader->guard_ask = NULL;
    reader->guard_again_ms = 0;
}

static void reader_free(struct sse_reader *reader)
{
    let_go(reader);
    hub_reader_close(reader->hub);
    buffer_deinit(&reader->own);
    free(reader);
}

static void on_hub_ready(void *userdata)
{
    struct sse_reader *reader = userdata;

    conn_resume(reader->conn);
}

static enum err watch_topic(struct sse_reader *reader, const struct sse_topic *topic)
{
    struct sse_watched *watched = &reader->watched[reader->watched_count];
    struct stream *stream = reader->sse->api->stream;
    size_t index;
    enum err err = hub_reader_want(reader->hub, topic->name,
                                   sse_is_state(topic->kind) ? HUB_LATEST : HUB_SEQUENCE, &index);

    if (err)
        return err;
    watched->topic = *topic;
    reader->watched_count++;
    if (!stream || !sse_is_upstream(topic->kind))
        return ERR_NONE;
    err = stream_want(stream, (enum stream_kind)topic->kind, topic->category, topic->symbol,
                      topic->depth);
    watched->upstream = !err;
    return err;
}

static struct sse_reader *reader_create(struct sse *sse, struct conn *conn,
                                        const struct sse_wish *wish, enum err *err)
{
    const struct api_call *call = &conn->request->call;
    struct sse_reader *reader =
        calloc(1, sizeof(*reader) + wish->topics_count * sizeof(reader->watched[0]));

    *err = ERR_NO_MEMORY;
    if (!reader)
        return NULL;
    reader->sse = sse;
    reader->conn = conn;
    reader->own = buffer_of(OWN_MAX);
    reader->shown_seq = SSE_NO_ID;
    reader->events = wish->events;
    reader->filter = wish->filter;
    reader->conflate_ms = wish->conflate_ms;
    reader->release_ms = INT64_MAX;
    reader->format.epoch = hub_epoch(sse->hub);
    reader->format.ndjson = call->accept && strstr(call->accept, "application/x-ndjson");
    (void)snprintf(reader->client, sizeof(reader->client), "%s", call->client ? call->client : "");
    reader->hub = hub_reader_open(sse->hub, on_hub_ready, reader);
    *err = reader->hub ? ERR_NONE : ERR_NO_MEMORY;
    for (size_t i = 0; !*err && i < wish->topics_count; i++)
        *err = watch_topic(reader, &wish->topics[i]);
    if (!*err)
        return reader;
    reader_free(reader);
    return NULL;
}

/* --- the beginning: hello, snapshots, the place in the journal --- */

static void add_topic_names(struct buffer *json, const struct sse_reader *reader, bool status)
{
    json_add_key(json, "topics");
    json_add_open(json, '[');
    if (reader->events & HUB_ORDERS)
        json_add_text(json, "orders");
    if (reader->events & HUB_FILLS)
        json_add_text(json, "fills");
    if (reader->events & HUB_GUARD)
        json_add_text(json, "guard");
    if (status)
        json_add_text(json, "status");
    for (size_t i = 0; i < reader->watched_count; i++)
        json_add_text(json, reader->watched[i].topic.name);
    json_add_close(json, ']');
}

/* `seq`: the reader's place, when it is known already. */
static void say_hello(struct sse_reader *reader, uint64_t seq, bool status)
{
    struct buffer json = buffer_of((size_t)64 * 1024);

    json_add_open(&json, '{');
    json_add_key(&json, "env");
    json_add_text(&json, reader->sse->api->env);
    json_add_key(&json, "epoch");
    json_add_int(&json, (int64_t)reader->format.epoch);
    json_add_key(&json, "seq");
    json_add_int(&json, (int64_t)hub_last_seq(reader->sse->hub));
    add_topic_names(&json, reader, status);
    json_add_key(&json, "recv_at");
    json_add_int(&json, clock_wall_ms());
    json_add_close(&json, '}');
    if (!reader->format.ndjson)
        buffer_add_text(&reader->own, RETRY_LINE);
    sse_say(reader, "hello", seq, &json);
    buffer_deinit(&json);
}

static enum sse_place find_place(const struct sse *sse, const struct conn *conn, uint64_t *seq)
{
    const char *id = conn->request->verdict.last_event_id;
    uint64_t epoch = 0;
    enum sse_place place;

    if (!id || !*id)
        id = api_query(&conn->request->call, "after");
    place = sse_parse_id(id, &epoch, seq);
    if (place == SSE_AFTER && (epoch != hub_epoch(sse->hub) || *seq > hub_last_seq(sse->hub)))
        return SSE_UNREADABLE;
    if (place == SSE_LIVE)
        *seq = hub_last_seq(sse->hub);
    return place;
}

static void begin(struct sse_reader *reader, bool status)
{
    struct sse *sse = reader->sse;
    uint64_t seq = 0;
    enum sse_place place = SSE_LIVE;

    if (reader->events)
        place = find_place(sse, reader->conn, &seq);
    if (place == SSE_EARLIEST && !sse->api->history)
        seq = hub_first_seq(sse->hub) ? hub_first_seq(sse->hub) - 1 : hub_last_seq(sse->hub);
    say_hello(reader, reader->events && (place == SSE_LIVE || place == SSE_AFTER) ? seq : SSE_NO_ID,
              status);
    if (reader->events)
        hub_reader_want_events(reader->hub, reader->events, seq);
    hub_reader_filter(reader->hub, &reader->filter);
    if (status)
        hub_reader_want_status(reader->hub);
    if (place == SSE_UNREADABLE) {
        sse_reset(reader, "the id is unknown here"); /* asks for the guard itself */
        return;
    }
    sse_ask_guard(reader);
    if (place == SSE_EARLIEST && sse->api->history) {
        reader->replay_order = (struct replay_order){ .kind = REPLAY_EARLIEST,
                                                      .position = hub_last_seq(sse->hub),
                                                      .events = reader->events,
                                                      .filter = reader->filter,
                                                      .format = reader->format };
        sse_load(reader);
    }
}

static void link_reader(struct sse *sse, struct sse_reader *reader)
{
    int unsent = UNSENT_MAX;

    reader->beat_ms = sse->http->now_ms + sse->http->config.times.heartbeat_ms;
    if (reader->beat_ms < sse->due_ms || !sse->readers)
        sse->due_ms = reader->beat_ms;
    reader->next = sse->readers;
    if (sse->readers)
        sse->readers->previous = reader;
    sse->readers = reader;
    atomic_store_explicit(&sse->count_now, ++sse->count, memory_order_relaxed);
    reader->conn->reader = reader;
    sse_note_bytes(reader);
    (void)setsockopt(reader->conn->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

/* Takes `response` over; NULL: out of memory. */
static enum MHD_Result answer(struct conn *conn, struct MHD_Response *response, const char *type)
{
    enum MHD_Result result = MHD_NO;

    conn->request->phase = PHASE_ANSWERED;
    conn_set_state(conn, conn->reader ? CONN_STREAM : CONN_REPLYING);
    if (response && reply_add_common(conn, response, type))
        result = MHD_queue_response(conn->mhd, MHD_HTTP_OK, response);
    if (response)
        MHD_destroy_response(response);
    return result;
}

/* A browser's EventSource gives up for good at any answer that is no stream: while the bridge gets
 * ready it is told to come again, by a stream that ends at once. */
static enum MHD_Result put_off(struct conn *conn)
{
    static const char event[] = RETRY_LINE "event: bye\ndata: ";
    char text[256];
    struct buffer json = buffer_of(sizeof(text));

    json_add_open(&json, '{');
    json_add_key(&json, "reason");
    json_add_text(&json, "not_ready");
    json_add_key(&json, "recv_at");
    json_add_int(&json, clock_wall_ms());
    json_add_close(&json, '}');
    (void)snprintf(text, sizeof(text), "%s%s\n\n", event, json.data ? json.data : "{}");
    buffer_deinit(&json);
    return answer(conn, MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY),
                  "text/event-stream");
}

static enum MHD_Result open_reader(struct sse *sse, struct conn *conn, const struct sse_wish *wish)
{
    enum err err;
    struct sse_reader *reader = reader_create(sse, conn, wish, &err);

    if (!reader)
        return refuse(conn, "busy",
                      err == ERR_BUSY ? "too many topics are streamed already" : "out of memory");
    link_reader(sse, reader);
    begin(reader, wish->status);
    return answer(
        conn,
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, sse_read, reader, NULL),
        reader->format.ndjson ? "application/x-ndjson" : "text/event-stream");
}

enum MHD_Result sse_open(struct sse *sse, struct conn *conn)
{
    const struct api_call *call = &conn->request->call;
    struct sse_wish wish;
    struct sse_refusal refusal;

    if (!sse->hub)
        return refuse(conn, "not_ready", "there is no feed");
    if (!sse_check_wish(sse, call, &wish, &refusal)) {
        if (strcmp(refusal.code, "not_ready") == 0 && !conn->request->verdict.is_head &&
            call->accept && strstr(call->accept, "text/event-stream"))
            return put_off(conn);
        return refuse(conn, refusal.code, refusal.detail);
    }
    if (conn->request->verdict.is_head)
        return answer(conn, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT),
                      "text/event-stream");
    return open_reader(sse, conn, &wish);
}

void sse_close(struct conn *conn)
{
    struct sse_reader *reader = conn->reader;
    struct sse *sse = reader->sse;

    conn->reader = NULL;
    if (reader->next)
        reader->next->previous = reader->previous;
    if (reader->previous)
        reader->previous->next = reader->next;
    else
        sse->readers = reader->next;
    atomic_store_explicit(&sse->count_now, --sse->count, memory_order_relaxed);
    atomic_fetch_sub_explicit(&sse->held_bytes, reader->held_bytes, memory_order_relaxed);
    reader_free(reader);
}

/* --- all readers --- */

void sse_pump(struct sse *sse)
{
    if (sse->hub)
        hub_pump(sse->hub);
}

static void tick_reader(struct sse_reader *reader, int64_t now_ms, int heartbeat_ms)
{
    if (reader->state == SSE_RETRY && !reader->aborted && now_ms >= reader->retry_ms)
        sse_load(reader);
    if (reader->guard_again_ms && now_ms >= reader->guard_again_ms)
        sse_ask_guard(reader);
    if (now_ms >= reader->release_ms) {
        sse_release(reader, now_ms);
        conn_resume(reader->conn);
    }
    if (now_ms < reader->beat_ms)
        return;
    reader->beat_ms = now_ms + heartbeat_ms;
    reader->beat_due = true;
    conn_resume(reader->conn);
}

int64_t sse_tick(struct sse *sse)
{
    int64_t now_ms = sse->http->now_ms;

    if (!sse->readers)
        return now_ms + sse->http->config.times.heartbeat_ms;
    if (now_ms < sse->due_ms)
        return sse->due_ms;
    sse->due_ms = now_ms + sse->http->config.times.heartbeat_ms;
    for (struct sse_reader *reader = sse->readers; reader; reader = reader->next) {
        tick_reader(reader, now_ms, sse->http->config.times.heartbeat_ms);
        if (reader->beat_ms < sse->due_ms)
            sse->due_ms = reader->beat_ms;
        if (reader->release_ms < sse->due_ms)
            sse->due_ms = reader->release_ms;
        if (reader->state == SSE_RETRY && reader->retry_ms < sse->due_ms)
            sse->due_ms = reader->retry_ms;
        if (reader->guard_again_ms && reader->guard_again_ms < sse->due_ms)
            sse->due_ms = reader->guard_again_ms;
    }
    return sse->due_ms;
}

void sse_stop(struct sse *sse)
{
    for (struct sse_reader *reader = sse->readers; reader; reader = reader->next) {
        reader->ending = true;
        conn_resume(reader->conn);
    }
}

void sse_abort(struct sse *sse)
{
    for (struct sse_reader *reader = sse->readers; reader; reader = reader->next) {
        let_go(reader);
        reader->aborted = true;
        (void)shutdown(reader->conn->fd, SHUT_RDWR); /* it may wait for its socket */
        conn_resume(reader->conn);
    }
}

size_t sse_count(const struct sse *sse)
{
    return sse->count;
}

void sse_count_slow(struct sse *sse)
{
    atomic_fetch_add_explicit(&sse->closed_slow, 1, memory_order_relaxed);
}

static void add_count(struct buffer *out, const char *name, size_t count)
{
    json_add_key(out, name);
    json_add_int(out, (int64_t)count);
}

void sse_add_status(struct buffer *out, struct sse *sse)
{
    add_count(out, "readers", atomic_load_explicit(&sse->count_now, memory_order_relaxed));
    add_count(out, "max", sse->http->config.max_streams);
    add_count(out, "closed_slow", atomic_load_explicit(&sse->closed_slow, memory_order_relaxed));
    add_count(out, "dropped", atomic_load_explicit(&sse->dropped, memory_order_relaxed));
    add_count(out, "bytes", atomic_load_explicit(&sse->held_bytes, memory_order_relaxed));
    add_count(out, "bytes_max", atomic_load_explicit(&sse->held_bytes_max, memory_order_relaxed));
}
