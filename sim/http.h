/* sim/http.h - libmicrohttpd: requests to rest.c and control.c, handshakes to socket.c.
 *
 * It runs in the caller's epoll loop: watch http_descriptor, call http_run when it is readable,
 * when http_timeout_ms has passed and after sessions ended.
 *
 * Threads: owned by one.
 */
#pragma once

#include "sim/control.h"

#define HTTP_BODY_MAX        ((size_t)256 * 1024)
#define HTTP_CONNECTIONS_MAX 1024

struct http;

struct http_parts {
    struct rest *rest;
    struct control *control; /* NULL: no door for tests */
    struct sockets *sockets;
    struct exchange *exchange;
};

/* ERR_INVALID: bad address; ERR_UNAVAILABLE: the port is taken. `parts` is copied. */
MUST_CHECK enum err sim_http_start(struct http **out, const struct http_parts *parts,
                                   const char *host, int port, struct error *error);
/* Call sockets_close before. NULL is fine. */
void sim_http_stop(struct http *http);
int sim_http_port(const struct http *http);
int http_descriptor(const struct http *http);
/* -1: nothing is due. */
int http_timeout_ms(struct http *http);
void http_run(struct http *http);
/* Answers that were held back and are due now. */
void http_tick(struct http *http);
