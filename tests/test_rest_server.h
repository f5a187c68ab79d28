/* tests/test_rest_server.h - a small real server on the loopback, plain or with TLS, and what it
 * does with a request. */
#pragma once

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>
#include <openssl/ssl.h>

#include "base/clock.h"

#define OK_BODY   "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":{}}"
#define SEEN_MAX  128
#define CONNS_MAX 128

/* --- the server --- */

struct seen {
    char head[4096];
    char body[8192];
    size_t body_bytes;
    int connection;
};

struct server;
struct connection {
    struct server *server;
    pthread_t thread;
    int fd;
    int number;
    int requests; /* of this connection */
    SSL *tls;
};

struct server {
    int listener;
    int port;
    pthread_t thread;
    pthread_mutex_t lock;
    atomic_bool stopping;
    SSL_CTX *tls;
    atomic_int connections;
    struct connection all[CONNS_MAX];
    atomic_int requests; /* counted once `seen` has it */
    struct seen seen[SEEN_MAX];
    /* Answers request `index` (counted over all connections); false closes the connection. */
    bool (*serve)(struct connection *connection, const struct seen *seen, int index);
    int variant;      /* of what it serves */
    atomic_bool deaf; /* accepts and reads nothing */
};

static struct server server;

static inline ssize_t conn_read(struct connection *connection, char *to, size_t bytes)
{
    if (connection->tls)
        return SSL_read(connection->tls, to, (int)bytes);
    return recv(connection->fd, to, bytes, 0);
}

static inline void conn_write(struct connection *connection, const char *from, size_t bytes)
{
    if (connection->tls)
        (void)SSL_write(connection->tls, from, (int)bytes);
    else
        (void)!send(connection->fd, from, bytes, MSG_NOSIGNAL);
}

static inline void reply(struct connection *connection, int status, const char *headers,
                         const char *body)
{
    char text[4096];
    int bytes = snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s",
                         status, strlen(body), headers, body);

    conn_write(connection, text, (size_t)bytes);
}

static inline const char *header_of(const struct seen *seen, const char *name, char out[1024])
{
    const char *at = seen->head;

    out[0] = '\0';
    while ((at = strstr(at, "\r\n"))) {
        at += 2;
        if (strncasecmp(at, name, strlen(name)) == 0 && at[strlen(name)] == ':') {
            at += strlen(name) + 1;
            while (*at == ' ')
                at++;
            (void)snprintf(out, 1024, "%.*s", (int)strcspn(at, "\r"), at);
            return out;
        }
    }
    return out;
}

static inline bool read_request(struct connection *connection, struct seen *seen)
{
    char text[16384];
    size_t bytes = 0;
    char *end = NULL;
    char number[1024];
    size_t length;
    size_t head_bytes;

    memset(seen, 0, sizeof(*seen));
    while (!end) {
        ssize_t got = conn_read(connection, text + bytes, sizeof(text) - 1 - bytes);

        if (got <= 0)
            return false;
        bytes += (size_t)got;
        text[bytes] = '\0';
        end = strstr(text, "\r\n\r\n");
    }
    head_bytes = (size_t)(end - text) + 4;
    if (head_bytes >= sizeof(seen->head))
        return false;
    memcpy(seen->head, text, head_bytes);
    length = (size_t)strtoul(header_of(seen, "Content-Length", number), NULL, 10);
    while (bytes < head_bytes + length) {
        ssize_t got = conn_read(connection, text + bytes, sizeof(text) - 1 - bytes);

        if (got <= 0)
            return false;
        bytes += (size_t)got;
    }
    seen->body_bytes = bytes - head_bytes;
    memcpy(seen->body, text + head_bytes, seen->body_bytes);
    return true;
}

static inline void *connection_run(void *userdata)
{
    struct connection *connection = userdata;
    struct seen *seen = malloc(sizeof(*seen));

    if (server.tls) {
        connection->tls = SSL_new(server.tls);
        SSL_set_fd(connection->tls, connection->fd);
        if (SSL_accept(connection->tls) != 1)
            goto end;
    }
    if (server.deaf) {
        char byte;

        while (recv(connection->fd, &byte, 1, MSG_PEEK) > 0 && !server.stopping)
            usleep(1000);
        goto end;
    }
    while (read_request(connection, seen)) {
        int index;

        pthread_mutex_lock(&server.lock);
        index = server.requests;
        connection->requests++;
        seen->connection = connection->number;
        if (index < SEEN_MAX)
            server.seen[index] = *seen;
        server.requests++;
        pthread_mutex_unlock(&server.lock);
        if (!server.serve(connection, seen, index))
            break;
    }
end:
    free(seen);
    if (connection->tls)
        SSL_free(connection->tls);
    shutdown(connection->fd, SHUT_RDWR);
    return NULL;
}

static inline void *server_run(void *userdata)
{
    (void)userdata;
    for (;;) {
        int fd = accept(server.listener, NULL, NULL);
        struct connection *connection;

        pthread_mutex_lock(&server.lock);
        if (fd < 0 || server.stopping || server.connections == CONNS_MAX) {
            pthread_mutex_unlock(&server.lock);
            if (fd >= 0)
                close(fd);
            return NULL;
        }
        connection = &server.all[server.connections];
        *connection =
            (struct connection){ .server = &server, .fd = fd, .number = server.connections };
        server.connections++;
        pthread_create(&connection->thread, NULL, connection_run, connection);
        pthread_mutex_unlock(&server.lock);
    }
}

static inline void server_start(bool (*serve)(struct connection *, const struct seen *, int),
                                SSL_CTX *tls)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t bytes = sizeof(address);

    memset(&server, 0, sizeof(server));
    pthread_mutex_init(&server.lock, NULL);
    server.serve = serve;
    server.tls = tls;
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(server.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(server.listener, 64), 0);
    ck_assert_int_eq(getsockname(server.listener, (struct sockaddr *)&address, &bytes), 0);
    server.port = ntohs(address.sin_port);
    pthread_create(&server.thread, NULL, server_run, NULL);
}

static inline void server_stop(void)
{
    pthread_mutex_lock(&server.lock);
    server.stopping = true;
    pthread_mutex_unlock(&server.lock);
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    for (int i = 0; i < server.connections; i++) {
        shutdown(server.all[i].fd, SHUT_RDWR);
        pthread_join(server.all[i].thread, NULL);
        close(server.all[i].fd);
    }
    close(server.listener);
    SSL_CTX_free(server.tls);
    pthread_mutex_destroy(&server.lock);
}

/* --- behaviours of the server --- */

static inline bool serve_ok(struct connection *connection, const struct seen *seen, int index)
{
    (void)seen;
    (void)index;
    reply(connection, 200, "X-Bapi-Limit: 1000\r\nX-Bapi-Limit-Status: 999\r\n", OK_BODY);
    return true;
}

static inline bool serve_once_then_close(struct connection *connection, const struct seen *seen,
                                         int index)
{
    if (connection->requests > 1)
        return false; /* read completely, no answer */
    return serve_ok(connection, seen, index);
}

static inline bool serve_nothing(struct connection *connection, const struct seen *seen, int index)
{
    char byte;

    (void)seen;
    (void)index;
    while (recv(connection->fd, &byte, 1, 0) > 0)
        ;
    return false;
}

static inline bool serve_redirect(struct connection *connection, const struct seen *seen, int index)
{
    char location[128];

    (void)seen;
    (void)index;
    (void)snprintf(location, sizeof(location), "Location: http://127.0.0.1:%d/other\r\n",
                   server.port);
    reply(connection, 302, location, "moved");
    return true;
}

static inline bool serve_503(struct connection *connection, const struct seen *seen, int index)
{
    (void)seen;
    (void)index;
    reply(connection, 503, "", "down");
    return true;
}

static inline bool serve_503_first(struct connection *connection, const struct seen *seen,
                                   int index)
{
    return index == 0 ? serve_503(connection, seen, index) : serve_ok(connection, seen, index);
}

/* `bytes` of body, in chunks without a length when `chunked`. */
static inline void reply_large(struct connection *connection, size_t bytes, bool chunked)
{
    static char block[4096];
    char head[128];

    memset(block, 'x', sizeof(block));
    (void)snprintf(head, sizeof(head),
                   chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                           : "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                   bytes);
    conn_write(connection, head, strlen(head));
    for (size_t sent = 0; sent < bytes; sent += sizeof(block)) {
        if (chunked)
            conn_write(connection, "1000\r\n", 6);
        conn_write(connection, block, sizeof(block));
        if (chunked)
            conn_write(connection, "\r\n", 2);
    }
    if (chunked)
        conn_write(connection, "0\r\n\r\n", 5);
}

static inline bool serve_large(struct connection *connection, const struct seen *seen, int index)
{
    (void)seen;
    reply_large(connection, (size_t)512 << 10, index % 2 == 1);
    return true;
}

static inline bool serve_half_answer(struct connection *connection, const struct seen *seen,
                                     int index)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"retCode\":0";

    (void)seen;
    (void)index;
    conn_write(connection, text, sizeof(text) - 1);
    return false;
}

static inline bool serve_garbage(struct connection *connection, const struct seen *seen, int index)
{
    (void)seen;
    (void)index;
    conn_write(connection, "\x01\x02garbage\r\n\r\n", 13);
    return false;
}
