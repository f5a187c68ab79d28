/* MHD's callbacks: a head comes in (request_uri, then the handler's first call: the gate), its
 * body, the endpoint's handler, the answer.
 *
 * MHD calls the handler first with the head; an answer queued there closes the connection, so only
 * refusals are. Then with pieces of the body, and at the end once more with none: there good
 * requests are answered, at once when the endpoint's handler is done when it returns, else after a
 * suspend and a resume, by one more call. */
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/conn.h"
#include "server/sse.h"

#define TARGET_KEPT_BYTES 512
#define REPLY_KEPT_BYTES  ((size_t)64 * 1024)
#define HALF_CLOSED_S     3600U /* the reaper's times are shorter */

enum { REQUEST_RUNNING, REQUEST_WAITING, REQUEST_DONE };

/* --- connections --- */

void conn_set_state(struct conn *conn, enum conn_state state)
{
    conn->state = state;
    conn->since_ms = conn->listener->http->now_ms;
    conn->marked = false;
}

void conn_suspend(struct conn *conn)
{
    assert(!conn->suspended);
    conn->suspended = true;
    MHD_suspend_connection(conn->mhd);
}

void conn_resume(struct conn *conn)
{
    if (!conn->suspended)
        return;
    conn->suspended = false;
    conn->listener->pending = true;
    MHD_resume_connection(conn->mhd);
}

static void conn_start(struct listener *listener, struct MHD_Connection *mhd, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct conn *conn = info ? calloc(1, sizeof(*conn)) : NULL;
    struct http *http = listener->http;

    *context = conn;
    if (!conn)
        return; /* its requests are closed unanswered */
    conn->listener = listener;
    conn->mhd = mhd;
    conn->fd = info->connect_fd;
    conn_set_state(conn, CONN_IDLE);
    conn->marked = true; /* nothing received yet */
    admit_start(conn);
    places_start(conn);
    reaper_watch(conn);
    conn->next = http->conns;
    if (http->conns)
        http->conns->previous = conn;
    http->conns = conn;
    atomic_fetch_add_explicit(&http->connections_now, 1, memory_order_relaxed);
}

static void request_free(struct request *request)
{
    if (!request)
        return;
    buffer_deinit(&request->call.reply);
    free(request->target);
    free(request->body);
    free(request);
}

static void conn_end(struct conn *conn)
{
    struct http *http = conn->listener->http;

    delay_forget(conn);
    reaper_unwatch(conn);
    admit_end(conn);
    places_end(conn);
    if (conn->next)
        conn->next->previous = conn->previous;
    if (conn->previous)
        conn->previous->next = conn->next;
    else
        http->conns = conn->next;
    reply_forget(conn);
    request_free(conn->request);
    free(conn);
    atomic_fetch_sub_explicit(&http->connections_now, 1, memory_order_relaxed);
}

void request_notify_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                               enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        conn_start(cls, mhd, socket_context);
    else if (*socket_context)
        conn_end(*socket_context);
}

/* --- the head --- */

static struct request *request_create(struct conn *conn)
{
    struct request *request = calloc(1, sizeof(*request));

    if (!request)
        return NULL;
    request->http = conn->listener->http;
    request->conn = conn;
    request->call.reply = buffer_of(API_REPLY_MAX);
    return request;
}

static bool copy_target(struct request *request, const char *uri)
{
    size_t bytes = strlen(uri) + 1;

    if (bytes > request->target_max) {
        size_t max = bytes < TARGET_KEPT_BYTES ? TARGET_KEPT_BYTES : bytes;
        char *grown = realloc(request->target, max);

        if (!grown)
            return false;
        request->target = grown;
        request->target_max = max;
    }
    memcpy(request->target, uri, bytes);
    return true;
}

void *request_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct conn *conn = info ? info->socket_context : NULL;

    (void)cls;
    if (!conn)
        return NULL;
    if (!conn->request)
        conn->request = request_create(conn);
    if (!conn->request || !copy_target(conn->request, uri ? uri : ""))
        return NULL;
    conn->request->phase = PHASE_HEAD;
    if (conn->state != CONN_HEAD)
        conn_set_state(conn, CONN_HEAD);
    return conn;
}

struct collected {
    struct gate_header headers[GATE_HEADERS_MAX];
    size_t count;
};

static enum MHD_Result collect(void *cls, enum MHD_ValueKind kind, const char *name,
                               size_t name_bytes, const char *value, size_t value_bytes)
{
    struct collected *collected = cls;
    struct gate_header *header = &collected->headers[collected->count];

    (void)kind;
    if (collected->count++ >= GATE_HEADERS_MAX)
        return MHD_YES;
    *header = (struct gate_header){ name, name_bytes, "", 0, 0 };
    if (value) {
        header->value = value;
        header->value_bytes = value_bytes;
        /* Both stand where they were received, but for a folded value: that one is somewhere else,
         * and the gate refuses the absurd distance. */
        header->blank_bytes = (size_t)(value - name) - name_bytes - 1;
    }
    return MHD_YES;
}

static void run_gate(struct conn *conn, const char *method, const char *version)
{
    struct request *request = conn->request;
    struct http *http = request->http;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    struct collected collected;
    struct gate_head head = { .method = method,
                              .version = version,
                              .target = request->target,
                              .target_bytes = strlen(request->target),
                              .headers = collected.headers,
                              .head_bytes = info ? info->header_size : 0,
                              .now_ms = http->now_ms };

    collected.count = 0;
    (void)MHD_get_connection_values_n(conn->mhd, MHD_HEADER_KIND, collect, &collected);
    head.headers_count = collected.count;
    gate_check(&http->gate, &head, &request->verdict);
}

static void make_request_id(struct http *http, char id[24])
{
    static const char hex[] = "0123456789abcdef";
    uint64_t count = ++http->id_count;

    for (int i = 0; i < 8; i++)
        id[i] = hex[http->id_prefix >> (28 - 4 * i) & 15];
    for (int i = 0; i < 10; i++)
        id[8 + i] = hex[count >> (36 - 4 * i) & 15];
    id[18] = '\0';
}

static enum MHD_Result say_refusal(struct conn *conn)
{
    const struct gate_verdict *verdict = &conn->request->verdict;

    conn->request->phase = PHASE_ANSWERED;
    linger_start(conn);
    if (verdict->envelope)
        return reply_envelope(conn, verdict->code, verdict->detail);
    return reply_problem(conn, verdict->status, verdict->code, verdict->detail);
}

enum MHD_Result request_refuse(struct conn *conn)
{
    struct http *http = conn->listener->http;

    /* At a stop nothing may be suspended any more. */
    if (!conn->request->verdict.wrong_token || !auth_note_failure(http->auth, http->now_ms) ||
        http->stopping)
        return say_refusal(conn);
    delay_start(conn);
    return MHD_YES;
}

static enum MHD_Result first_call(struct conn *conn, const char *method, const char *version)
{
    struct request *request = conn->request;
    const struct gate_verdict *verdict = &request->verdict;

    make_request_id(request->http, request->call.request_id);
    request->body_used = 0;
    if (conn->peer != PEER_ALLOWED)
        return admit_refuse(conn);
    run_gate(conn, method, version);
    if (verdict->status)
        return request_refuse(conn);
    if (request->http->stopping) {
        request->phase = PHASE_ANSWERED;
        return reply_problem(conn, 503, "stopping", "the bridge is stopping");
    }
    if (!places_connection(conn)) {
        request->phase = PHASE_ANSWERED;
        linger_start(conn);
        return reply_problem(conn, 503, "busy",
                             "all connections are in use, but for some that are "
                             "kept for cancels and the kill switch");
    }
    if (verdict->body_bytes) {
        request->body = malloc(verdict->body_bytes + 1);
        if (!request->body)
            return MHD_NO;
        conn_set_state(conn, CONN_BODY);
    }
    request->call.method = verdict->endpoint ? verdict->endpoint->method : method;
    request->phase = PHASE_BODY;
    return MHD_YES;
}

static enum MHD_Result take_body(struct request *request, const char *data, size_t *bytes)
{
    if (*bytes > request->verdict.body_bytes - request->body_used)
        return MHD_NO; /* more than announced: the library does not let that happen */
    memcpy(request->body + request->body_used, data, *bytes);
    request->body_used += *bytes;
    *bytes = 0;
    return MHD_YES;
}

/* --- the endpoint's handler --- */

static void count_waiting(struct conn *conn, bool waits)
{
    struct http *http = conn->listener->http;

    if (conn->counted == waits)
        return;
    conn->counted = waits;
    http->waiting = waits ? http->waiting + 1 : http->waiting - 1;
    if (conn->request->verdict.endpoint->access == ACCESS_READ)
        http->waiting_reads = waits ? http->waiting_reads + 1 : http->waiting_reads - 1;
    atomic_store_explicit(&http->waiting_now, http->waiting, memory_order_relaxed);
}

/* A resumed connection is read from before we are asked for its answer, and one whose client has
 * closed its half would be ended there, unanswered. Those with a time-out of their own the library
 * asks first. */
static void answer_before_reading(struct conn *conn)
{
    struct pollfd at = { .fd = conn->fd, .events = POLLRDHUP };

    if (poll(&at, 1, 0) > 0)
        (void)MHD_set_connection_option(conn->mhd, MHD_CONNECTION_OPTION_TIMEOUT, HALF_CLOSED_S);
}

static void on_done_late(struct bell_item *item)
{
    struct request *request = (struct request *)(void *)item;

    bell_unref(request->bell);
    request->bell = NULL;
    if (!request->conn) {
        request->http->orphans--;
        request_free(request);
        return;
    }
    count_waiting(request->conn, false);
    answer_before_reading(request->conn);
    conn_resume(request->conn);
}

static void on_done_orphan(struct bell_item *item)
{
    struct request *request = (struct request *)(void *)item;

    bell_unref(request->bell);
    request_free(request);
}

/* Any thread. */
static void request_done(struct api_call *call)
{
    struct request *request = call->owner;
    struct bell *bell = request->bell;

    if (atomic_exchange(&request->progress, REQUEST_DONE) == REQUEST_WAITING)
        bell_push(bell, &request->item);
}

void request_orphan(struct conn *conn)
{
    if (conn->state != CONN_WORKING || !conn->suspended)
        return;
    count_waiting(conn, false);
    conn->listener->http->orphans++;
    conn->request->conn = NULL;
    conn->request = NULL;
    conn_resume(conn);
}

static void fill_call(struct request *request)
{
    const struct gate_verdict *verdict = &request->verdict;
    struct api_call *call = &request->call;

    call->api = request->http->config.api;
    call->endpoint = verdict->endpoint;
    call->path = verdict->path;
    memcpy(call->param, verdict->param, sizeof(call->param));
    memcpy(call->query, verdict->query, verdict->query_count * sizeof(call->query[0]));
    call->query_count = verdict->query_count;
    if (request->body)
        request->body[request->body_used] = '\0';
    call->body = request->body_used ? request->body : NULL;
    call->body_bytes = request->body_used;
    call->body_is_form = verdict->body_is_form;
    call->idempotency_key = verdict->idempotency_key;
    call->client = verdict->client;
    call->host = verdict->host;
    call->accept = verdict->accept;
    call->form = verdict->form;
    call->received_us = clock_mono_us();
    call->kills_noted = false; /* the connection's call before may be older than a kill */
    atomic_store(&call->gone, false);
    call->status = 0;
    call->content_type = NULL;
    call->headers_count = 0;
    buffer_clear(&call->reply);
    call->done = request_done;
    call->owner = request;
}

static enum MHD_Result work(struct conn *conn)
{
    struct request *request = conn->request;
    struct http *http = request->http;
    const struct api_endpoint *endpoint = request->verdict.endpoint;
    int running = REQUEST_RUNNING;

    if (request->verdict.preflight)
        return reply_preflight(conn);
    if (http->stopping)
        return reply_problem(conn, 503, "stopping", "the bridge is stopping");
    if (!places_handler(http, &request->verdict))
        return reply_problem(conn, 503, "busy", "too many requests are waiting for their answers");
    fill_call(request);
    if (endpoint->flags & IS_STREAM)
        return sse_open(http->sse, conn);
    atomic_store(&request->progress, REQUEST_RUNNING);
    if (endpoint->flags & IS_LOGIN)
        return login_serve(conn);
    conn_set_state(conn, CONN_WORKING);
    request->item = (struct bell_item){ .run = on_done_late, .drop = on_done_orphan };
    request->bell = http->bell;
    request->phase = PHASE_WORKING;
    bell_ref(http->bell);
    endpoint->handle(http->config.api, &request->call);
    if (atomic_compare_exchange_strong(&request->progress, &running, REQUEST_WAITING)) {
        request->call.late = true;
        count_waiting(conn, true);
        conn_suspend(conn);
        return MHD_YES;
    }
    bell_unref(request->bell);
    request->bell = NULL;
    return reply_call(conn);
}

enum MHD_Result request_handler(void *cls, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *upload_data,
                                size_t *upload_bytes, void **con_cls)
{
    struct conn *conn = *con_cls;

    (void)cls;
    (void)mhd;
    (void)url;
    if (!conn || !conn->request)
        return MHD_NO; /* out of memory, or an orphan's connection */
    switch (conn->request->phase) {
    case PHASE_HEAD:
        return first_call(conn, method, version);
    case PHASE_DELAYED:
        delay_forget(conn);
        return say_refusal(conn);
    case PHASE_BODY:
        if (*upload_bytes)
            return take_body(conn->request, upload_data, upload_bytes);
        return work(conn);
    case PHASE_WORKING:
        if (atomic_load(&conn->request->progress) == REQUEST_DONE)
            return reply_call(conn);
        return MHD_NO;
    case PHASE_ANSWERED:
        break;
    }
    return MHD_YES;
}

void request_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                       enum MHD_RequestTerminationCode why)
{
    struct conn *conn = *con_cls;
    struct request *request = conn ? conn->request : NULL;

    (void)cls;
    (void)mhd;
    (void)why;
    *con_cls = NULL;
    if (!conn)
        return;
    if (conn->reader)
        sse_close(conn);
    delay_forget(conn);
    conn_set_state(conn, CONN_IDLE);
    if (!request)
        return;
    reply_end(conn);
    free(request->body);
    request->body = NULL;
    if (request->call.reply.capacity > REPLY_KEPT_BYTES)
        buffer_deinit(&request->call.reply);
}
