/* server/conn.h - a local connection and the request on it: shared by http.c, request.c, reply.c,
 * reaper.c and sse*.c.
 *
 * A connection lives from MHD's "started" to its "closed" notice; its one request object is used
 * again and again. While a handler works, the connection is suspended. A request whose connection
 * must go before its handler is done (only at a stop) becomes an orphan and frees itself when the
 * handler is done.
 *
 * Threads: the http thread, but for request_done.
 */
#pragma once

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <microhttpd.h>

#include "api/call.h"
#include "server/bell.h"
#include "server/gate.h"
#include "server/http.h"

struct feed_waits;
struct sse;
struct sse_reader;

#define HTTP_LISTENERS_MAX 2

struct listener {
    struct http *http;
    struct MHD_Daemon *daemon;
    int fd;       /* the listen socket until it is handed over */
    bool pending; /* MHD_run is due */
};

enum conn_state {
    CONN_IDLE,     /* between requests */
    CONN_HEAD,     /* a part of a head has come */
    CONN_BODY,     /* the head is good, the body is coming */
    CONN_WORKING,  /* the handler works */
    CONN_REPLYING, /* the answer is being sent */
    CONN_STREAM,   /* a reader of /stream */
};

enum request_phase { PHASE_HEAD, PHASE_BODY, PHASE_WORKING, PHASE_ANSWERED };

struct request {
    struct bell_item item;
    struct http *http;
    struct bell *bell; /* a reference while the handler works */
    struct conn *conn; /* NULL: orphan */
    enum request_phase phase;
    atomic_int progress; /* between http thread and handler: REQUEST_* */
    char *target;
    size_t target_max;
    char *body;
    size_t body_used;
    struct gate_verdict verdict;
    struct api_call call;
};

struct conn {
    struct conn *next;
    struct conn *previous;
    struct listener *listener;
    struct MHD_Connection *mhd;
    struct request *request;
    struct sse_reader *reader; /* CONN_STREAM */
    int fd;
    enum conn_state state;
    bool suspended;
    bool counted;     /* in http->waiting */
    int64_t since_ms; /* of the state, or of the last progress */
    /* The last reply, without what differs each time: see reply.c. */
    struct MHD_Response *kept;
    bool kept_filled; /* what differs is in it */
    const char *kept_data;
    size_t kept_bytes;
    const char *kept_type;
    /* What the reaper saw last. */
    bool marked;
    uint64_t mark_bytes; /* received when idle, acknowledged when replying */
};

struct http {
    struct http_config config;
    struct gate_config gate;
    struct listener listeners[HTTP_LISTENERS_MAX];
    size_t listeners_count;
    int port;
    int epoll_fd;
    struct bell *bell;
    struct sse *sse;
    struct feed_waits *feed_waits;
    struct conn *conns;
    int64_t now_ms;
    int64_t reap_due_ms;
    atomic_bool quiesce_asked;
    atomic_int stop_grace_ms; /* -1: go on */
    bool stopping;            /* refuses new requests */
    int64_t quiet_by_ms;      /* then streams that are left are aborted */
    bool quiet;               /* no streams any more */
    sem_t became_quiet;
    int64_t stop_by_ms; /* 0: not asked for */
    size_t waiting;     /* handlers at work */
    uint32_t id_prefix;
    uint64_t id_count;
    atomic_size_t connections_now;
    atomic_size_t waiting_now;
    atomic_size_t reaped;
};

/* --- request.c: MHD's callbacks --- */

void request_notify_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                               enum MHD_ConnectionNotificationCode code);
void *request_uri(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result request_handler(void *cls, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *upload_data,
                                size_t *upload_bytes, void **con_cls);
void request_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                       enum MHD_RequestTerminationCode why);
/* At a stop: the handler of this connection will not be waited for. */
void request_orphan(struct conn *conn);
void conn_suspend(struct conn *conn);
/* No-op unless suspended. */
void conn_resume(struct conn *conn);
void conn_set_state(struct conn *conn, enum conn_state state);

/* --- reply.c --- */

/* Sends the call's reply. */
enum MHD_Result reply_call(struct conn *conn);
/* The reply is out, or lost. */
void reply_end(struct conn *conn);
void reply_forget(struct conn *conn);
/* Sends a problem of the gate or the server. */
enum MHD_Result reply_problem(struct conn *conn, int status, const char *code, const char *detail);
enum MHD_Result reply_preflight(struct conn *conn);
/* Headers of every answer. False: out of memory. */
bool reply_add_common(struct conn *conn, struct MHD_Response *response, const char *content_type);

/* --- reaper.c --- */

/* Closes connections that exceed their times; returns when it is due again (http->now_ms based). */
void reaper_run(struct http *http);

/* --- listen.c --- */

/* Opens the listen sockets into http->listeners. */
MUST_CHECK enum err listen_open(struct http *http, struct error *error);
