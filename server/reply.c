/* Answers: the call's reply or a problem, with the headers that all answers carry (G18, G19). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/errors.h"
#include "base/log.h"
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

bool reply_add_common(struct conn *conn, struct MHD_Response *response, const char *content_type,
                      bool cache)
{
    return (!content_type || add(response, "Content-Type", content_type)) &&
           add(response, "Bridge-Env", conn->listener->http->gate.env) &&
           add(response, "X-Request-Id", conn->request->call.request_id) &&
           (!cache || add(response, "Cache-Control", "no-store")) &&
           add(response, "X-Content-Type-Options", "nosniff") &&
           add(response, "Cross-Origin-Resource-Policy", "same-origin") &&
           add(response, "X-Frame-Options", "DENY") && add_cors(conn, response) &&
           (!conn->listener->http->stopping || add(response, "Connection", "close"));
}

/* Queues and lets go. A connection that cannot be answered is closed. */
static enum MHD_Result send_response(struct conn *conn, struct MHD_Response *response,
                                     bool complete, int status)
{
    enum MHD_Result result = MHD_NO;

    conn->request->phase = PHASE_ANSWERED;
    if (complete) {
        conn_set_state(conn, CONN_REPLYING);
        result = MHD_queue_response(conn->mhd, (unsigned)status, response);
    }
    MHD_destroy_response(response);
    return result;
}

static bool names_header(const struct api_call *call, const char *name)
{
    for (size_t i = 0; i < call->headers_count; i++) {
        if (strcasecmp(call->headers[i].name, name) == 0)
            return true;
    }
    return false;
}

enum MHD_Result reply_call(struct conn *conn)
{
    struct api_call *call = &conn->request->call;
    struct MHD_Response *response;
    bool complete;

    if (buffer_check(&call->reply) || call->status < 200 || call->status > 599) {
        log_error("http: no usable reply id=%s path=%s status=%d", call->request_id,
                  call->endpoint->path, call->status);
        return reply_problem(conn, 500, "internal", "the reply could not be made");
    }
    response = MHD_create_response_from_buffer(call->reply.bytes, call->reply.data,
                                               MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    complete = reply_add_common(conn, response, call->reply.bytes ? call->content_type : NULL,
                                !names_header(call, "Cache-Control"));
    for (size_t i = 0; complete && i < call->headers_count; i++)
        complete = call->headers[i].value[0] == '\0' ||
                   add(response, call->headers[i].name, call->headers[i].value);
    return send_response(conn, response, complete, call->status);
}

enum MHD_Result reply_problem(struct conn *conn, int status, const char *code, const char *detail)
{
    struct request *request = conn->request;
    struct buffer body = buffer_of(PROBLEM_MAX);
    struct MHD_Response *response;
    size_t bytes = 0;
    char *data;
    bool complete;

    api_problem_body(&body, code, detail, request->call.request_id, NULL);
    data = buffer_take(&body, &bytes);
    response = data ? MHD_create_response_from_buffer(bytes, data, MHD_RESPMEM_MUST_FREE) : NULL;
    if (!response) {
        free(data);
        return MHD_NO;
    }
    complete = reply_add_common(conn, response, PROBLEM_TYPE, true) &&
               (status != 405 || !request->verdict.allow[0] ||
                add(response, "Allow", request->verdict.allow)) &&
               (status != 503 || add(response, "Retry-After", "1"));
    return send_response(conn, response, complete, status);
}

enum MHD_Result reply_preflight(struct conn *conn)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    bool complete;

    if (!response)
        return MHD_NO;
    complete =
        reply_add_common(conn, response, NULL, true) &&
        add(response, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE") &&
        add(response, "Access-Control-Allow-Headers",
            "Content-Type, Idempotency-Key, X-Client, Bridge-Expect-Env, Last-Event-ID") &&
        add(response, "Access-Control-Max-Age", "600");
    return send_response(conn, response, complete, 204);
}
