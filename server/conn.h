/* server/conn.h - a local connection and the request on it: shared by http.c, request.c, reply.c,
 * reaper.c, admit.c, delay.c, linger.c, login.c, places.c and sse*.c.
 *
 * A connection lives from MHD's "started" to its "closed" notice; its one request object is used
 * again and again. While a handler works, the connection is suspended. A request whose connection
 * must go before its handler is done (at a stop, or when its client has left and all places are
 * taken) becomes an orphan and frees itself when the handler is done.
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
#include "server/auth.h"
#include "server/bell.h"
#include "server/gate.h"
#include "server/http.h"
#include "server/peer.h"
#include "server/unix_socket.h"

struct feed_waits;
struct sse;
struct sse_reader;

#define HTTP_LISTENERS_MAX 3 /* IPv4, IPv6, unix socket */

struct listener {
    struct http *http;
    struct MHD_Daemon *daemon;
    int fd; /* the listen socket until it is handed over */
    bool is_unix;
    bool pending;       /* MHD_run is due */
    size_t connections; /* now */
    size_t cancelling;  /* in reserved places: see places.c */
};

enum conn_state {
    CONN_IDLE,     /* between requests */
    CONN_HEAD,     /* a part of a head has come */
    CONN_BODY,     /* the head is good, the body is coming */
    CONN_WORKING,  /* the handler works */
    CONN_DELAYED,  /* a refusal that is held back */
    CONN_REPLYING, /* the answer is being sent */
    CONN_STREAM,   /* a reader of /stream */
};

enum request_phase {
    PHASE_HEAD,
    PHASE_DELAYED, /* the refusal waits */
    PHASE_BODY,
    PHASE_WORKING,
    PHASE_ANSWERED
};

/* Who is at the other end. */
enum conn_peer {
    PEER_ALLOWED,
    PEER_OTHER,   /* another user */
    PEER_NOBODY,  /* nobody holds that end (any more) */
    PEER_UNKNOWN, /* it can't be found out */
};

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
    enum conn_peer peer;
    uint32_t peer_uid; /* with PEER_OTHER */
    enum conn_state state;
    bool suspended;
    bool counted;     /* in http->waiting */
    bool spare;       /* holds a reserved place */
    bool cancels;     /* there: for a cancel */
    int64_t since_ms; /* of the state, or of the last progress */
    /* The last reply, without what differs each time: see reply.c. */
    struct MHD_Response *kept;
    bool kept_filled; /* what differs is in it */
    const char *kept_data;
    size_t kept_bytes;
    const char *kept_type;
    int64_t delayed_until_ms; /* CONN_DELAYED */
    /* What the reaper saw last. */
    bool marked;
    uint64_t mark_bytes; /* received when idle, acknowledged when replying; of a unix socket: what
                            the other end has not read yet */
    bool stirred;        /* unix socket: something happened since the last look */
    bool has_room;       /* and there was room to write */
};

#define LINGER_MAX 64

struct lingering {
    int fd;
    int64_t until_ms;
};

struct http {
    struct http_config config;
    struct gate_config gate;
    struct listener listeners[HTTP_LISTENERS_MAX];
    size_t listeners_count;
    int port;
    int epoll_fd;
    int activity_fd; /* an epoll over the unix socket's connections, see reaper.c; -1: none */
    struct unix_socket unix_socket;
    struct peer peer;
    bool checks_tcp_peers;
    size_t strangers; /* connections that are refused, and still there */
    int64_t stranger_logged_ms;
    struct auth *auth;
    size_t delayed; /* connections in CONN_DELAYED */
    int64_t delay_due_ms;
    struct lingering lingering[LINGER_MAX];
    size_t lingering_count;
    int64_t linger_due_ms;
    struct bell *bell;
    struct sse *sse;
    struct feed_waits *feed_waits;
    bool is_heard; /* as the hub was told last */
    struct conn *conns;
    int64_t now_ms;
    int64_t reap_due_ms;
    int64_t room_due_ms; /* of reaper_make_room */
    bool crowded;        /* few places are left for requests that wait */
    bool some_left;      /* and nobody has been told yet */
    atomic_bool quiesce_asked;
    atomic_int stop_grace_ms; /* -1: go on */
    bool stopping;            /* refuses new requests */
    int64_t quiet_by_ms;      /* then streams that are left are aborted */
    bool quiet;               /* no streams any more */
    sem_t became_quiet;
    int64_t stop_by_ms;   /* 0: not asked for */
    size_t waiting;       /* handlers at work: all */
    size_t waiting_reads; /* and those that change nothing */
    size_t orphans;       /* handlers at work whose connection has been let go */
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
/* Answers with the verdict's refusal; late, when there were many wrong tokens. */
enum MHD_Result request_refuse(struct conn *conn);
/* The handler of this connection will not be waited for. */
void request_orphan(struct conn *conn);
void conn_suspend(struct conn *conn);
/* No-op unless suspended. */
void conn_resume(struct conn *conn);
void conn_set_state(struct conn *conn, enum conn_state state);

/* --- admit.c: whose processes may connect --- */

/* Whether the other ends of TCP connections are checked, and whether that works on this machine. */
MUST_CHECK enum err admit_open(struct http *http, struct error *error);
void admit_close(struct http *http);
/* A new connection: fills conn->peer. Who is not allowed and can't be told so is cut off at once.
 */
void admit_start(struct conn *conn);
void admit_end(struct conn *conn);
/* Refuses the request of one that is not allowed. */
enum MHD_Result admit_refuse(struct conn *conn);

/* --- places.c: who gets a place when all are taken --- */

/* A connection begins or ends; before it is in, or out of, http->conns. */
void places_start(struct conn *conn);
void places_end(struct conn *conn);
/* Whether the request on this connection may go on; false: all places but the reserved ones are
 * taken. Its head is read, its body is not. */
bool places_connection(struct conn *conn);
/* Whether there is a place for one more handler at work. */
bool places_handler(struct http *http, const struct gate_verdict *verdict);

/* --- delay.c: refusals that are held back --- */

/* Suspends the connection for a second; its handler is called again then. */
void delay_start(struct conn *conn);
/* Lets go of those that are due; returns when the next one is. */
int64_t delay_tick(struct http *http);
/* Lets go of all. */
void delay_end_all(struct http *http);
/* The connection is let go, or gone. */
void delay_forget(struct conn *conn);

/* --- linger.c: connections of the unix socket that end while the client still writes --- */

/* To be called before the last answer of a connection; what comes behind it is read and dropped for
 * a second. No-op for TCP, and when too many linger. */
void linger_start(struct conn *conn);
/* Returns when it is due again. */
int64_t linger_tick(struct http *http);
void linger_end_all(struct http *http);

/* --- login.c: POST /login and /logout --- */

enum MHD_Result login_serve(struct conn *conn);

/* --- native_reply.c --- */

/* Refuses a call of the exchange's own paths the way the exchange does: status 200 and a retCode.
 */
enum MHD_Result reply_envelope(struct conn *conn, const char *code, const char *detail);

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
/* All places are taken: lets go of those whose clients have left, at most once in a tenth of a
 * second. True: some are free now. */
bool reaper_make_room(struct http *http);
/* Connections of the unix socket, between these: their bytes are noticed. */
void reaper_watch(struct conn *conn);
void reaper_unwatch(struct conn *conn);

/* --- listen.c --- */

/* Opens the listen sockets into http->listeners. */
MUST_CHECK enum err listen_open(struct http *http, struct error *error);
/* The first one's address is reachable from this machine only. */
bool listen_is_loopback(const struct http *http);
