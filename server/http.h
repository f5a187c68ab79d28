/* server/http.h - the local HTTP server: libmicrohttpd in external epoll mode -> gate -> api and
 * back; streams by sse.c.
 *
 * Threads: http_start binds (on the caller's thread) and starts the one http thread, which owns all
 * local sockets.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "base/error.h"
#include "server/hub.h"

struct http;

/* The gate's and the reaper's times, so that tests run them faster. */
struct http_times {
    int header_ms;    /* 5000 */
    int body_ms;      /* 5000 */
    int idle_ms;      /* 60000 */
    int stalled_ms;   /* 30000: a write without progress */
    int heartbeat_ms; /* 15000 */
};
extern const struct http_times http_times_default;

struct http_config {
    const char *host; /* numeric IPv4 or IPv6 to bind; default "127.0.0.1" (then ::1 too, where
                         there is IPv6) */
    int port;         /* 0: a free one, see http_port */
    bool also_ipv6_loopback;
    const char *const *allow_hosts; /* further Host names, without port */
    size_t allow_hosts_count;
    const char *const *allow_origins; /* e.g. "http://localhost:3000" */
    size_t allow_origins_count;
    const char *const *trade_origins; /* like allow_origins, and may trade too; may be NULL */
    size_t trade_origins_count;
    bool dashboard_trading;  /* our own origin may trade too */
    const char *unix_socket; /* path of a further socket to listen on; NULL or "": none */
    /* Users whose processes may connect by loopback TCP, beside our own and root, and by the unix
     * socket, beside our own. */
    const uint32_t *allow_uids;
    size_t allow_uids_count;
    bool allow_any_uid;
    /* What callers must show one of; NULL: there is none. Read by http_start alone. */
    const char *read_token;
    const char *trade_token;
    const char *admin_token;
    bool read_only;                 /* nothing that changes something is let in */
    const char *const *allow_paths; /* paths of the exchange that are off otherwise */
    size_t allow_paths_count;
    size_t max_streams;     /* 2000 */
    size_t max_connections; /* 4096, of each listener */
    size_t max_in_flight;   /* 1024 requests that wait for a reply */
    struct http_times times;
    const struct api *api;
    struct hub *hub;
};

/* ERR_UNAVAILABLE: the port or the unix socket is taken, or whose processes connect can't be found
 * out here; ERR_INVALID: not an address, one that needs a token, or an unsafe folder. The texts say
 * what to do. */
MUST_CHECK enum err http_start(struct http **out, const struct http_config *config,
                               struct error *error);
int http_port(const struct http *http);
/* Writes `"streams":{...},"http":{...}` for /status; any thread. */
void http_add_status(struct buffer *out, void *http);
/* Writes `"listen":[...]`: the addresses in use, as "http://127.0.0.1:8787" or "unix:PATH". On the
 * http thread. */
void http_add_listen(struct buffer *out, const struct http *http);
/* Number of the newest event shown, whether one is there, and a wait for a newer one, as api.h
 * says. On the http thread.
 */
uint64_t http_feed_last(const struct http *http);
bool http_feed_has(const struct http *http, uint64_t after, const struct event_filter *filter);
MUST_CHECK enum err http_feed_wait(struct http *http, uint64_t after, int64_t until_ms,
                                   const atomic_bool *gone, void (*on_ready)(void *waiter),
                                   void *waiter);
/* Refuses new requests from now on and ends the streams with `bye`. When it returns (within a
 * second), nothing here touches api->stream and api->history any more; answers under way still go
 * out. Before http_stop, any thread. NULL is fine. */
void http_quiesce(struct http *http);
/* Refuses new requests, sends `bye` to the streams, finishes what is under way within `grace_ms`,
 * closes, joins. NULL is fine. */
void http_stop(struct http *http, int grace_ms);
