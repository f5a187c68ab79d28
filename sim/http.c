/* A request: MHD gives its raw target (the log callback; what it returns is the first per-request
 * pointer), then calls `access` for the headers, for each piece of the body, and once more at the
 * end: only there it is answered, so that the connection is kept. A held answer is a suspended
 * connection: resumed, MHD calls at the end again. */
#include "sim/http.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/buffer.h"
#include "base/clock.h"

#define FOR_EVER INT64_MAX

struct http_request {
    char *target; /* raw path and query */
    char *query;  /* in target, behind '?' */
    struct buffer body;
    bool started;
    bool too_large;
    bool handled;
    bool dropped;
    struct rest_answer answer;
    int64_t due_ms; /* held back until then (monotonic) */
    struct MHD_Connection *connection;
    struct http_request *held_prev;
    struct http_request *held_next;
    bool held;
};

struct http {
    struct MHD_Daemon *daemon;
    struct http_parts parts;
    struct http_request *held;
    int port;
};

/* --- a request's life --- */

static void *request_begin(void *userdata, const char *target, struct MHD_Connection *connection)
{
    struct http_request *request = calloc(1, sizeof(*request));

    (void)userdata;
    if (!request)
        return NULL;
    request->connection = connection;
    request->body = buffer_of(HTTP_BODY_MAX);
    request->target = strdup(target);
    if (!request->target) {
        free(request);
        return NULL;
    }
    request->query = strchr(request->target, '?');
    if (request->query)
        *request->query++ = '\0';
    return request;
}

static void unhold(struct http *http, struct http_request *request)
{
    if (!request->held)
        return;
    if (request->held_prev)
        request->held_prev->held_next = request->held_next;
    else
        http->held = request->held_next;
    if (request->held_next)
        request->held_next->held_prev = request->held_prev;
    request->held = false;
}

static void request_end(void *userdata, struct MHD_Connection *connection, void **slot,
                        enum MHD_RequestTerminationCode code)
{
    struct http_request *request = *slot;

    (void)connection;
    (void)code;
    if (!request)
        return;
    unhold(userdata, request);
    buffer_deinit(&request->body);
    free(request->answer.body);
    free(request->target);
    free(request);
    *slot = NULL;
}

static void hold(struct http *http, struct http_request *request, int64_t due_ms)
{
    request->due_ms = due_ms;
    request->held = true;
    request->held_prev = NULL;
    request->held_next = http->held;
    if (request->held_next)
        request->held_next->held_prev = request;
    http->held = request;
    MHD_suspend_connection(request->connection);
}

/* --- answers --- */

static void add_limits(struct MHD_Response *response, const struct rest_answer *answer)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%d", answer->limit.limit);
    (void)MHD_add_response_header(response, "X-Bapi-Limit", text);
    (void)snprintf(text, sizeof(text), "%d", answer->limit.left);
    (void)MHD_add_response_header(response, "X-Bapi-Limit-Status", text);
    (void)snprintf(text, sizeof(text), "%" PRId64, answer->limit_reset_ms);
    (void)MHD_add_response_header(response, "X-Bapi-Limit-Reset-Timestamp", text);
}

static enum MHD_Result send_answer(struct http_request *request)
{
    struct rest_answer *answer = &request->answer;
    struct MHD_Response *response;
    enum MHD_Result result;

    if (!answer->body)
        return MHD_NO;
    response =
        MHD_create_response_from_buffer(answer->body_bytes, answer->body, MHD_RESPMEM_MUST_FREE);
    if (!response)
        return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type",
                                  answer->body[0] == '{' ? "application/json; charset=utf-8"
                                                         : "text/plain; charset=utf-8");
    if (answer->limit.limit > 0)
        add_limits(response, answer);
    answer->body = NULL;
    result = MHD_queue_response(request->connection, (unsigned int)answer->status, response);
    MHD_destroy_response(response);
    return result;
}

static void answer_plain(struct rest_answer *answer, int status, const char *text)
{
    free(answer->body);
    answer->status = status;
    answer->limit.limit = 0;
    answer->body = strdup(text);
    answer->body_bytes = strlen(text);
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static struct rest_request as_rest(const struct http_request *request, const char *method)
{
    struct MHD_Connection *connection = request->connection;
    const struct rest_request out = {
        .method = method,
        .path = request->target,
        .query = request->query ? request->query : "",
        .body = request->body.data ? request->body.data : "",
        .body_bytes = request->body.bytes,
        .headers = {
            .key = header(connection, "X-BAPI-API-KEY"),
            .timestamp = header(connection, "X-BAPI-TIMESTAMP"),
            .window = header(connection, "X-BAPI-RECV-WINDOW"),
            .sign = header(connection, "X-BAPI-SIGN"),
        },
        .arrived_us = clock_mono_us(),
    };

    return out;
}

/* Acts as the fault wants, leaves the answer in the request. */
static void act_with_fault(struct http *http, struct http_request *request,
                           const struct rest_request *as, const struct control_fault *fault)
{
    enum fault_mode mode = fault ? fault->mode : FAULT_NONE;

    if (mode != FAULT_DROP_BEFORE && mode != FAULT_ANSWER)
        rest_handle(http->parts.rest, as, &request->answer);
    switch (mode) {
    case FAULT_NONE:
        break;
    case FAULT_DROP_BEFORE:
    case FAULT_DROP_AFTER:
        request->dropped = true;
        break;
    case FAULT_DELAY:
        hold(http, request, clock_mono_ms() + fault->delay_ms);
        break;
    case FAULT_ANSWER:
    case FAULT_ACT_THEN_ANSWER:
        answer_plain(&request->answer, fault->status, fault->body ? fault->body : "");
        break;
    case FAULT_HANG:
        request->dropped = true; /* when it ends at last, without an answer */
        hold(http, request, FOR_EVER);
        break;
    }
}

/* What arrives is counted before anything else, faults too. */
static void serve(struct http *http, struct http_request *request, const char *method)
{
    struct control *control = http->parts.control;
    struct rest_request as = as_rest(request, method);
    bool for_tests = control && control_owns(as.path);
    uint64_t seen = 0;

    if (control && !for_tests)
        seen = seen_add(&control->seen, &as, http->parts.exchange->now_ms);
    if (!for_tests && !rest_admit(http->parts.rest, &as, &request->answer))
        return;
    if (request->too_large)
        answer_plain(&request->answer, 413, "413 Request Entity Too Large");
    else if (for_tests)
        control_handle(control, &as, &request->answer);
    else
        act_with_fault(http, request, &as, control ? control_fault(control, as.path) : NULL);
    if (seen)
        seen_decide(&control->seen, seen, &request->answer);
}

static enum MHD_Result upgrade(struct http *http, struct http_request *request,
                               enum socket_kind kind)
{
    struct MHD_Response *response = sockets_accept(http->parts.sockets, request->connection, kind);
    enum MHD_Result result;

    if (!response) {
        answer_plain(&request->answer, 400, "400 Bad Request");
        return send_answer(request);
    }
    result = MHD_queue_response(request->connection, MHD_HTTP_SWITCHING_PROTOCOLS, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result finish(struct http *http, struct http_request *request, const char *method)
{
    enum socket_kind kind;

    if (!request->handled) {
        request->handled = true;
        http->parts.exchange->now_ms = clock_wall_ms();
        if (socket_kind_of(request->target, &kind))
            return upgrade(http, request, kind);
        serve(http, request, method);
        if (request->held)
            return MHD_YES;
    }
    return request->dropped ? MHD_NO : send_answer(request);
}

static enum MHD_Result access_request(void *userdata, struct MHD_Connection *connection,
                                      const char *url, const char *method, const char *version,
                                      const char *data, size_t *data_bytes, void **slot)
{
    struct http_request *request = *slot;

    (void)connection;
    (void)url;
    (void)version;
    if (!request)
        return MHD_NO;
    if (!request->started) {
        request->started = true;
        return MHD_YES;
    }
    if (*data_bytes > 0) {
        buffer_add(&request->body, data, *data_bytes);
        request->too_large = buffer_check(&request->body) != ERR_NONE;
        *data_bytes = 0;
        return MHD_YES;
    }
    return finish(userdata, request, method);
}

static void connected(void *userdata, struct MHD_Connection *connection, void **slot,
                      enum MHD_ConnectionNotificationCode code)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    int on = 1;

    (void)userdata;
    (void)slot;
    if (code == MHD_CONNECTION_NOTIFY_STARTED && info)
        (void)setsockopt(info->connect_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* --- start and stop --- */

static enum err open_listener(const char *host, int port, int *out, int *bound_port,
                              struct error *error)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    socklen_t bytes = sizeof(address);
    int on = 1;
    int listener;

    if (port < 0 || port > 65535 || inet_pton(AF_INET, host, &address.sin_addr) != 1)
        return error_set(error, ERR_INVALID, "sim: %s:%d is no address to listen on", host, port);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0)
        return error_set(error, ERR_UNAVAILABLE, "sim: no socket");
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, 128) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &bytes) != 0) {
        (void)close(listener);
        return error_set(error, ERR_UNAVAILABLE, "sim: %s:%d cannot be listened on", host, port);
    }
    *out = listener;
    *bound_port = ntohs(address.sin_port);
    return ERR_NONE;
}

enum err sim_http_start(struct http **out, const struct http_parts *parts, const char *host,
                        int port, struct error *error)
{
    struct http *http = calloc(1, sizeof(*http));
    int listener = -1;
    enum err err;

    if (!http)
        return error_set(error, ERR_NO_MEMORY, "sim: out of memory");
    http->parts = *parts;
    err = open_listener(host, port, &listener, &http->port, error);
    if (err) {
        free(http);
        return err;
    }
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_UPGRADE | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, access_request,
        http, MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_URI_LOG_CALLBACK, request_begin, http, MHD_OPTION_NOTIFY_COMPLETED, request_end,
        http, MHD_OPTION_NOTIFY_CONNECTION, connected, http, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned int)HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, 600U, MHD_OPTION_END);
    if (!http->daemon) {
        (void)close(listener);
        free(http);
        return error_set(error, ERR_INTERNAL, "sim: the HTTP server does not start");
    }
    *out = http;
    return ERR_NONE;
}

static void resume(struct http *http, struct http_request *request)
{
    unhold(http, request);
    MHD_resume_connection(request->connection);
}

void sim_http_stop(struct http *http)
{
    if (!http)
        return;
    while (http->held) {
        http->held->dropped = true;
        resume(http, http->held);
    }
    http_run(http);
    http_run(http);
    MHD_stop_daemon(http->daemon); /* closes the listener too */
    free(http);
}

int sim_http_port(const struct http *http)
{
    return http->port;
}

int http_descriptor(const struct http *http)
{
    return MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int http_timeout_ms(struct http *http)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;

    if (MHD_get_timeout(http->daemon, &timeout_ms) != MHD_YES)
        return -1;
    return timeout_ms > 1000 ? 1000 : (int)timeout_ms;
}

void http_run(struct http *http)
{
    (void)MHD_run(http->daemon);
}

void http_tick(struct http *http)
{
    struct http_request *request = http->held;
    int64_t now_ms = request ? clock_mono_ms() : 0;
    bool resumed = false;

    while (request) {
        struct http_request *next = request->held_next;

        if (request->due_ms <= now_ms) {
            resume(http, request);
            resumed = true;
        }
        request = next;
    }
    if (resumed)
        http_run(http);
}
