/* tests/ws_server.h - a small exchange's WebSocket end on 127.0.0.1, by hand over plain sockets or
 * TLS, with vices.
 *
 * It answers auth, subscribe, unsubscribe and ping as the exchange does, unless told otherwise, and
 * keeps all texts it got. Threads: one to accept and one a connection; all calls from the test's
 * thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_server {
    /* Vices, changed at any time. */
    atomic_bool mute_upgrade; /* takes the connection and never answers */
    atomic_bool refuse_auth;
    atomic_bool no_answer; /* to subscribe */
    atomic_bool no_pong;
    char bad_topic[64]; /* refuses each request that has it; set before connections come */
    /* What happened. */
    atomic_int connections; /* accepted */
    atomic_int upgrades;
    struct ws_server_state *state;
    int port;
};

/* `certificate_file` gets a self-signed certificate for `name` (TLS); NULL: plain. */
void ws_server_start(struct ws_server *server, const char *certificate_file, const char *name);
void ws_server_stop(struct ws_server *server);

/* The n-th text that came in on `path` (a substring of it), "" when there are fewer. */
const char *ws_server_text(struct ws_server *server, const char *path, int n, char *out,
                           size_t out_bytes);
/* How many texts with `part` came in on `path`. */
int ws_server_count(struct ws_server *server, const char *path, const char *part);
/* Monotonic ms of the n-th accept, 0: none. */
int64_t ws_server_accepted_ms(struct ws_server *server, int n);
/* To all open connections of `path`; false: there is none. */
bool ws_server_send(struct ws_server *server, const char *path, const char *text);
/* In pieces of `piece` bytes, with a control ping between them. */
bool ws_server_send_pieces(struct ws_server *server, const char *path, const char *text,
                           size_t bytes, size_t piece);
void ws_server_cut(struct ws_server *server, const char *path);

/* Connections are numbered from 0 as they are accepted. */
/* The one on which the first text with `part` came; -1: none did. */
int ws_server_connection_of(struct ws_server *server, const char *part);
/* How often `word` is in the texts with `part` that came on that connection. */
int ws_server_words(struct ws_server *server, int connection, const char *part, const char *word);
bool ws_server_is_open(struct ws_server *server, int connection);
void ws_server_cut_one(struct ws_server *server, int connection);
