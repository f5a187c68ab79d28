/* Answers: the call's reply or a problem, with the headers that all answers carry (G18, G19).
 *
 * MHD copies each header of each response. A client that polls a price gets replies of one size and
 * type, so the response object of the last reply is kept on the connection, and only what differs
 * (request id, the call's own headers) is taken out and put in again. The body is not copied at
 * all: MHD sends it from the call's buffer. */
#include "api/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/errors.h"
#include "api/form.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"
#include "server/conn.h"

#define PROBLEM_TYPE "application/problem+json"
#define PROBLEM_MAX  ((size_t)16 * 1024)

static bool add(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

static bool add_cors(struct conn *conn, struct MHD_Response *response)
{
    const char *origin = conn->request->verdict.cors_origin;

    return !origin || (add(response, "Access-Control-Allow-Origin", origin) &&
                       add(response, "Vary", "Origin"));
}

static bool add_constant(struct conn *conn, struct MHD_Response *response, const char *content_type,
                         bool no_store)
{
    return (!content_type || add(response, "Content-Type", content_type)) &&
           add(response, "Bridge-Env", conn->listener->http->gate.env) &&
           (!no_store || add(response, "Cache-Control", "no-store")) &&
           add(response, "X-Content-Type-Options", "nosniff") &&
           add(response, "Cross-Origin-Resource-Policy", "same-origin") &&
           add(response, "X-Frame-Options", "DENY");
}

static bool add_changing(struct conn *conn, struct MHD_Response *response)
{
    return add(response, "X-Request-Id", conn->request->call.request_id) &&
           add_cors(conn, response) &&
           (!(conn->listener->http->stopping || conn->request->verdict.status) ||
            add(response, "Connection", "close"));
}

static bool add_common(struct conn *conn, struct MHD_Response *response, const char *content_type)
{
    return add_constant(conn, response, content_type, true) && add_changing(conn, response);
}

/* --- what is counted and logged --- */

static struct metrics *metrics_of(const struct conn *conn)
{
    return conn->listener->http->config.api->metrics;
}

/* The endpoint's place; the last one when the request met none. */
static size_t endpoint_place(const struct api_endpoint *endpoint)
{
    size_t place = endpoint ? (size_t)(endpoint - api_endpoint_at(0)) : METRICS_ENDPOINTS_MAX;

    return place < METRICS_ENDPOINTS_MAX - 1 ? place : METRICS_ENDPOINTS_MAX - 1;
}

/* One line a request, at the level debug; `took_us` below 0: no handler saw it. The path is the
 * endpoint's own, for what a client wrote there may be a secret of its. */
static void log_request(const struct conn *conn, int status, int64_t took_us)
{
    const struct gate_verdict *verdict = &conn->request->verdict;
    const struct api_endpoint *endpoint = verdict->endpoint;
    char client[LOG_SAFE_MAX];
    char took[32] = "";
    char *blank;

    (void)log_safe(verdict->client ? verdict->client : "-", client);
    while ((blank = strchr(client, ' ')))
        *blank = '_';
    if (took_us >= 0)
        (void)snprintf(took, sizeof(took), " us=%" PRId64, took_us);
    log_debug("http: request method=%s path=%s status=%d%s request=%s client=%s",
              endpoint ? endpoint->method : "-", endpoint ? endpoint->path : "-", status, took,
              conn->request->call.request_id, client);
}

static void note_answer(const struct conn *conn, int status, int64_t took_us)
{
    struct metrics *metrics = metrics_of(conn);
    const struct gate_verdict *verdict = &conn->request->verdict;
    const struct api_endpoint *endpoint = verdict->native ? NULL : verdict->endpoint;

    if (metrics)
        metrics_count(&metrics->http.requests[endpoint_place(endpoint)][status / 100]);
    if (log_shows(LOG_DEBUG))
        log_request(conn, status, took_us);
}

static void count_refusal(const struct conn *conn, const char *code)
{
    struct metrics *metrics = metrics_of(conn);
    const struct api_problem *problem = api_problem_find(code);
    size_t place = problem ? (size_t)(problem - api_problem_at(0)) : METRICS_CODES_MAX;

    if (metrics && place < METRICS_CODES_MAX)
        metrics_count(&metrics->http.refused[place]);
}

static void add_part(struct text *text, const char *name, int64_t us)
{
    if (us > 0)
        text_addf(text, "%s%s;dur=%" PRId64 ".%03" PRId64, text->bytes ? ", " : "", name, us / 1000,
                  us % 1000);
}

/* Where the time went, in milliseconds. */
static void add_server_timing(struct api_call *call, int64_t took_us)
{
    const struct api_timing *timing = &call->timing;
    char value[200];
    struct text text = text_in(value, sizeof(value));

    add_part(&text, "total", took_us);
    add_part(&text, "queue", timing->queue_us);
    add_part(&text, "journal", timing->journal_us);
    add_part(&text, "turn", timing->turn_us);
    add_part(&text, "sign", timing->sign_us);
    add_part(&text, "upstream", timing->upstream_us);
    api_reply_header(call, "Server-Timing", value);
}

/* A wait can be over before the handler has returned. */
static bool has_waited(const struct api_call *call)
{
    return call->late || call->timing.queue_us > 0 || call->timing.upstream_us > 0;
}

/* What is not ours is left out; where it is not known what was waited for, all is. */
static void observe_own(const struct conn *conn, int64_t took_us)
{
    const struct api_call *call = &conn->request->call;
    const struct api_timing *timing = &call->timing;
    struct metrics *metrics = metrics_of(conn);

    if (metrics && (timing->complete || !has_waited(call)))
        metrics_observe(&metrics->http.own,
                        took_us - timing->journal_us - timing->turn_us - timing->upstream_us);
}

/* An answer in pieces begins: a stream. */
bool reply_add_common(struct conn *conn, struct MHD_Response *response, const char *content_type)
{
    note_answer(conn, 200, -1);
    return add_common(conn, response, content_type);
}

/* A connection that cannot be answered is closed. */
static enum MHD_Result queue(struct conn *conn, struct MHD_Response *response, bool complete,
                             int status)
{
    conn->request->phase = PHASE_ANSWERED;
    if (!complete)
        return MHD_NO;
    conn_set_state(conn, CONN_REPLYING);
    return MHD_queue_response(conn->mhd, (unsigned)status, response);
}

/* --- the call's reply --- */

void reply_forget(struct conn *conn)
{
    if (conn->kept)
        MHD_destroy_response(conn->kept);
    conn->kept = NULL;
    conn->kept_filled = false;
}

void reply_end(struct conn *conn)
{
    struct api_call *call = &conn->request->call;
    bool clean = true;

    call->late = false;
    call->timing = (struct api_timing){ 0 };
    if (!conn->kept_filled)
        return;
    conn->kept_filled = false;
    clean = MHD_del_response_header(conn->kept, "X-Request-Id", call->request_id) == MHD_YES;
    for (size_t i = 0; clean && i < call->headers_count; i++)
        clean = call->headers[i].value[0] == '\0' ||
                MHD_del_response_header(conn->kept, call->headers[i].name,
                                        call->headers[i].value) == MHD_YES;
    if (!clean)
        reply_forget(conn);
}

static bool names_header(const struct api_call *call, const char *name)
{
    for (size_t i = 0; i < call->headers_count; i++) {
        if (strcasecmp(call->headers[i].name, name) == 0)
            return true;
    }
    return false;
}

/* Whether the kept response serves for this reply too. */
static bool fits_kept(const struct conn *conn, const struct api_call *call)
{
    return conn->kept && conn->kept_data == call->reply.data &&
           conn->kept_bytes == call->reply.bytes && conn->kept_type == call->content_type;
}

/* An empty body has a type only where it is one of that type: no line of NDJSON is a list too. */
static bool has_type(const struct api_call *call)
{
    return call->reply.bytes ||
           (call->content_type && strcmp(call->content_type, FORM_NDJSON_TYPE) == 0);
}

/* A response with the constant headers; `keep`: for the next reply too. NULL: out of memory. */
static struct MHD_Response *make_response(struct conn *conn, const struct api_call *call, bool keep)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        call->reply.bytes, call->reply.data, MHD_RESPMEM_PERSISTENT);

    reply_forget(conn);
    if (response && !add_constant(conn, response, has_type(call) ? call->content_type : NULL,
                                  !names_header(call, "Cache-Control"))) {
        MHD_destroy_response(response);
        return NULL;
    }
    if (!keep)
        return response;
    conn->kept = response;
    conn->kept_data = call->reply.data;
    conn->kept_bytes = call->reply.bytes;
    conn->kept_type = call->content_type;
    return response;
}

enum MHD_Result reply_call(struct conn *conn)
{
    struct api_call *call = &conn->request->call;
    int64_t took_us = clock_mono_us() - call->received_us;
    bool keep = !conn->request->verdict.cors_origin && !conn->listener->http->stopping &&
                !names_header(call, "Cache-Control");
    struct MHD_Response *response;
    enum MHD_Result result;
    bool complete;

    if (buffer_check(&call->reply) || call->status < 200 || call->status > 599) {
        log_error("http: no usable reply request=%s path=%s status=%d", call->request_id,
                  call->endpoint->path, call->status);
        return reply_problem(conn, 500, "internal", "the reply could not be made");
    }
    if (has_waited(call))
        add_server_timing(call, took_us);
    note_answer(conn, call->status, took_us);
    observe_own(conn, took_us);
    response = keep && fits_kept(conn, call) ? conn->kept : make_response(conn, call, keep);
    if (!response)
        return MHD_NO;
    complete = add_changing(conn, response);
    for (size_t i = 0; complete && i < call->headers_count; i++)
        complete = call->headers[i].value[0] == '\0' ||
                   add(response, call->headers[i].name, call->headers[i].value);
    conn->kept_filled = keep;
    result = queue(conn, response, complete, call->status);
    if (!keep)
        MHD_destroy_response(response);
    return result;
}

/* --- problems and preflights --- */

enum MHD_Result reply_problem(struct conn *conn, int status, const char *code, const char *detail)
{
    struct request *request = conn->request;
    const struct api_endpoint *endpoint = request->verdict.endpoint;
    const struct api_problem_more later = {
        .outcome = endpoint && endpoint->access != ACCESS_READ ? "not_sent" : NULL,
        .retry_after_ms = 1000,
    };
    struct buffer body = buffer_of(PROBLEM_MAX);
    struct MHD_Response *response;
    enum MHD_Result result;
    size_t bytes = 0;
    char *data;
    bool complete;

    note_answer(conn, status, -1);
    count_refusal(conn, code);
    api_problem_body(&body, code, detail, request->call.request_id, status == 503 ? &later : NULL);
    data = buffer_take(&body, &bytes);
    response = data ? MHD_create_response_from_buffer(bytes, data, MHD_RESPMEM_MUST_FREE) : NULL;
    if (!response) {
        free(data);
        return MHD_NO;
    }
    complete =
        add_common(conn, response, PROBLEM_TYPE) &&
        (status != 405 || !request->verdict.allow[0] ||
         add(response, "Allow", request->verdict.allow)) &&
        (strcmp(code, "token_required") != 0 || add(response, "WWW-Authenticate", "Bearer")) &&
        (status != 503 || add(response, "Retry-After", "1"));
    result = queue(conn, response, complete, status);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result reply_preflight(struct conn *conn)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result;
    bool complete;

    if (!response)
        return MHD_NO;
    note_answer(conn, 204, -1);
    complete =
        add_common(conn, response, NULL) &&
        add(response, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE") &&
        add(response, "Access-Control-Allow-Headers",
            "Authorization, X-Api-Key, Content-Type, Idempotency-Key, X-Client, "
            "Bridge-Expect-Env, Last-Event-ID") &&
        add(response, "Access-Control-Max-Age", "600");
    result = queue(conn, response, complete, 204);
    MHD_destroy_response(response);
    return result;
}
