#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "tests/ws_server.h"

#define CONNECTIONS_MAX 64
#define TEXTS_MAX       4096

struct connection {
    struct ws_server *server;
    pthread_t thread;
    int fd;
    SSL *ssl;
    pthread_mutex_t lock; /* for writes, and all of ssl */
    char path[128];
    atomic_bool open;
    atomic_bool cut;
};

struct got {
    int connection;
    char path[64];
    char text[1024];
};

struct ws_server_state {
    int listener;
    SSL_CTX *tls;
    pthread_t thread;
    atomic_bool stopping;
    pthread_mutex_t lock;
    struct connection connections[CONNECTIONS_MAX];
    int connections_count;
    int64_t accepted_ms[CONNECTIONS_MAX];
    struct got *texts;
    int texts_count;
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    abort();
}

/* --- bytes --- */

/* >0 bytes, 0 nothing for now, <0 over. */
static int take(struct connection *connection, void *data, size_t bytes)
{
    int got;

    if (!connection->ssl) {
        got = (int)recv(connection->fd, data, bytes, MSG_DONTWAIT);
        return got > 0 ? got : (got < 0 && errno == EAGAIN ? 0 : -1);
    }
    pthread_mutex_lock(&connection->lock);
    got = SSL_read(connection->ssl, data, (int)bytes);
    if (got <= 0) {
        int why = SSL_get_error(connection->ssl, got);

        got = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
    pthread_mutex_unlock(&connection->lock);
    return got;
}

static bool read_all(struct connection *connection, void *data, size_t bytes)
{
    char *at = data;

    while (bytes > 0) {
        struct pollfd poller = { .fd = connection->fd, .events = POLLIN };
        int got = take(connection, at, bytes);

        if (got < 0 || atomic_load(&connection->cut) ||
            atomic_load(&connection->server->state->stopping))
            return false;
        at += got;
        bytes -= (size_t)got;
        if (got == 0)
            (void)poll(&poller, 1, 10);
    }
    return true;
}

static bool write_all(struct connection *connection, const void *data, size_t bytes)
{
    const char *at = data;

    while (bytes > 0) {
        struct pollfd poller = { .fd = connection->fd, .events = POLLOUT };
        int put;

        if (connection->ssl) {
            put = SSL_write(connection->ssl, at, (int)bytes);
            if (put <= 0) {
                int why = SSL_get_error(connection->ssl, put);

                put = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
            }
        } else {
            put = (int)send(connection->fd, at, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (put < 0 && errno == EAGAIN)
                put = 0;
        }
        if (put < 0 || atomic_load(&connection->cut) ||
            atomic_load(&connection->server->state->stopping))
            return false;
        at += put;
        bytes -= (size_t)put;
        if (put == 0)
            (void)poll(&poller, 1, 10);
    }
    return true;
}

static void send_frame(struct connection *connection, unsigned char first, const char *text,
                       size_t bytes)
{
    unsigned char head[10] = { first };
    size_t head_bytes = 2;

    if (bytes < 126) {
        head[1] = (unsigned char)bytes;
    } else if (bytes < 65536) {
        head[1] = 126;
        head[2] = (unsigned char)(bytes >> 8);
        head[3] = (unsigned char)bytes;
        head_bytes = 4;
    } else {
        head[1] = 127;
        for (int i = 0; i < 8; i++)
            head[2 + i] = (unsigned char)((uint64_t)bytes >> (56 - 8 * i));
        head_bytes = 10;
    }
    pthread_mutex_lock(&connection->lock);
    if (write_all(connection, head, head_bytes))
        (void)write_all(connection, text, bytes);
    pthread_mutex_unlock(&connection->lock);
}

static void send_text(struct connection *connection, const char *text)
{
    send_frame(connection, 0x81, text, strlen(text));
}

/* --- the exchange's manners --- */

static void keep_text(struct connection *connection, const char *text)
{
    struct ws_server_state *state = connection->server->state;

    pthread_mutex_lock(&state->lock);
    if (state->texts_count < TEXTS_MAX) {
        struct got *got = &state->texts[state->texts_count++];
        struct text path_out = text_in(got->path, sizeof(got->path));
        struct text text_out = text_in(got->text, sizeof(got->text));

        got->connection = (int)(connection - state->connections);
        text_add(&path_out, connection->path);
        text_add(&text_out, text); /* cut: for tests enough */
    }
    pthread_mutex_unlock(&state->lock);
}

static void answer_subscribe(struct connection *connection, const char *text, const char *op,
                             const struct json *json)
{
    const struct ws_server *server = connection->server;
    bool ok = !server->bad_topic[0] || !strstr(text, server->bad_topic);
    char answer[1024];
    char id[40];
    struct json args;

    (void)!json_member_text(json, "req_id", id, sizeof(id));
    if (strstr(connection->path, "option")) {
        (void)json_member(json, "args", &args);
        (void)snprintf(answer, sizeof(answer),
                       "{\"success\":%s,\"conn_id\":\"c\",\"data\":{\"failTopics\":%.*s,"
                       "\"successTopics\":%.*s},"
                       "\"type\":\"COMMAND_RESP\"}",
                       ok ? "true" : "false", ok ? 2 : (int)args.bytes, ok ? "[]" : args.at,
                       ok ? (int)args.bytes : 2, ok ? args.at : "[]");
    } else if (strstr(connection->path, "private")) {
        (void)snprintf(answer, sizeof(answer),
                       "{\"success\":%s,\"ret_msg\":\"\",\"op\":\"%s\",\"conn_id\":\"c\"}",
                       ok ? "true" : "false", op);
    } else {
        (void)snprintf(
            answer, sizeof(answer),
            "{\"success\":%s,\"ret_msg\":\"%s\",\"conn_id\":\"c\",\"req_id\":\"%s\",\"op\":\"%s\"}",
            ok ? "true" : "false", ok ? "" : "error:handler not found", id, op);
    }
    send_text(connection, answer);
}

static void on_text(struct connection *connection, const char *text)
{
    struct ws_server *server = connection->server;
    struct json json;
    char op[16];

    keep_text(connection, text);
    if (json_open(&json, text, strlen(text), NULL) || json_member_text(&json, "op", op, sizeof(op)))
        return;
    if (strcmp(op, "auth") == 0)
        send_text(connection,
                  atomic_load(&server->refuse_auth)
                      ? "{\"success\":false,\"ret_msg\":\"Params Error\",\"op\":\"auth\"}"
                      : "{\"success\":true,\"ret_msg\":\"\",\"op\":\"auth\",\"conn_id\":\"c\"}");
    else if (strcmp(op, "ping") == 0 && !atomic_load(&server->no_pong))
        send_text(connection,
                  "{\"success\":true,\"ret_msg\":\"pong\",\"conn_id\":\"c\",\"op\":\"ping\"}");
    else if (strstr(op, "subscribe") && !atomic_load(&server->no_answer))
        answer_subscribe(connection, text, op, &json);
}

static bool read_frame(struct connection *connection)
{
    static _Thread_local char text[65536];
    unsigned char head[2];
    unsigned char more[8];
    unsigned char mask[4];
    size_t bytes;

    if (!read_all(connection, head, 2))
        return false;
    bytes = head[1] & 0x7fU;
    if (bytes == 126) {
        if (!read_all(connection, more, 2))
            return false;
        bytes = (size_t)more[0] << 8 | more[1];
    }
    if (bytes >= sizeof(text) || !(head[1] & 0x80) || !read_all(connection, mask, 4) ||
        !read_all(connection, text, bytes))
        return false;
    for (size_t i = 0; i < bytes; i++)
        text[i] = (char)((unsigned char)text[i] ^ mask[i % 4]);
    text[bytes] = '\0';
    if ((head[0] & 0x0f) == 1)
        on_text(connection, text);
    else if ((head[0] & 0x0f) == 9)
        send_frame(connection, 0x8a, text, bytes);
    return (head[0] & 0x0f) != 8;
}

static bool upgrade(struct connection *connection)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char head[4096];
    size_t bytes = 0;
    char key[128];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_bytes;
    unsigned char accepted[64];
    char answer[512];
    const char *at;

    while (bytes < sizeof(head) - 1) {
        if (!read_all(connection, head + bytes, 1))
            return false;
        head[++bytes] = '\0';
        if (bytes > 4 && memcmp(head + bytes - 4, "\r\n\r\n", 4) == 0)
            break;
    }
    at = strcasestr(head, "sec-websocket-key: ");
    if (!at || sscanf(head, "GET %100s", connection->path) != 1 ||
        sscanf(at + 19, "%60s", key) != 1)
        return false;
    strcat(key, guid);
    EVP_Digest(key, strlen(key), digest, &digest_bytes, EVP_sha1(), NULL);
    EVP_EncodeBlock(accepted, digest, (int)digest_bytes);
    (void)snprintf(
        answer, sizeof(answer),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: %s\r\n\r\n",
        (const char *)accepted);
    return write_all(connection, answer, strlen(answer));
}

static void *serve(void *userdata)
{
    struct connection *connection = userdata;
    struct ws_server *server = connection->server;
    char rest;

    if (connection->ssl) {
        int done;

        while ((done = SSL_accept(connection->ssl)) <= 0 &&
               !atomic_load(&server->state->stopping)) {
            struct pollfd poller = { .fd = connection->fd, .events = POLLIN };
            int why = SSL_get_error(connection->ssl, done);

            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
                return NULL;
            (void)poll(&poller, 1, 10);
        }
    }
    if (atomic_load(&server->mute_upgrade)) {
        while (read_all(connection, &rest, 1))
            ;
    } else if (upgrade(connection)) {
        atomic_store(&connection->open, true);
        atomic_fetch_add(&server->upgrades, 1);
        while (read_frame(connection))
            ;
    }
    atomic_store(&connection->open, false);
    (void)shutdown(connection->fd, SHUT_RDWR);
    return NULL;
}

static void *accept_all(void *userdata)
{
    struct ws_server *server = userdata;
    struct ws_server_state *state = server->state;

    while (!atomic_load(&state->stopping)) {
        struct pollfd poller = { .fd = state->listener, .events = POLLIN };
        struct connection *connection;
        int on = 1;
        int fd;

        if (poll(&poller, 1, 10) <= 0)
            continue;
        fd = accept4(state->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            continue;
        if (state->connections_count == CONNECTIONS_MAX) {
            close(fd);
            continue;
        }
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        connection = &state->connections[state->connections_count];
        connection->server = server;
        connection->fd = fd;
        pthread_mutex_init(&connection->lock, NULL);
        if (state->tls) {
            connection->ssl = SSL_new(state->tls);
            SSL_set_fd(connection->ssl, fd);
        }
        pthread_mutex_lock(&state->lock);
        state->accepted_ms[state->connections_count++] = clock_mono_ms();
        pthread_mutex_unlock(&state->lock);
        must(pthread_create(&connection->thread, NULL, serve, connection) == 0, "pthread_create");
        atomic_fetch_add(&server->connections, 1);
    }
    return NULL;
}

/* --- TLS --- */

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    must(extension != NULL, "extension");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static SSL_CTX *make_tls(const char *certificate_file, const char *name)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    FILE *file = fopen(certificate_file, "w");
    char alternative[128];

    must(tls && key && certificate && file, "make_tls");
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    (void)snprintf(alternative, sizeof(alternative), "DNS:%s", name);
    add_extension(certificate, NID_subject_alt_name, alternative);
    must(X509_sign(certificate, key, EVP_sha256()) > 0, "X509_sign");
    must(SSL_CTX_use_certificate(tls, certificate) == 1 && SSL_CTX_use_PrivateKey(tls, key) == 1,
         "use");
    must(PEM_write_X509(file, certificate) == 1, "PEM_write_X509");
    (void)fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return tls;
}

/* --- for the test --- */

void ws_server_start(struct ws_server *server, const char *certificate_file, const char *name)
{
    struct ws_server_state *state = calloc(1, sizeof(*state));
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t bytes = sizeof(address);

    must(state != NULL, "calloc");
    server->state = state;
    state->texts = calloc(TEXTS_MAX, sizeof(*state->texts));
    must(state->texts != NULL, "calloc");
    pthread_mutex_init(&state->lock, NULL);
    if (certificate_file)
        state->tls = make_tls(certificate_file, name);
    state->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(state->listener, (const struct sockaddr *)&address, sizeof(address)) == 0, "bind");
    must(listen(state->listener, 32) == 0, "listen");
    must(getsockname(state->listener, (struct sockaddr *)&address, &bytes) == 0, "getsockname");
    server->port = ntohs(address.sin_port);
    must(pthread_create(&state->thread, NULL, accept_all, server) == 0, "pthread_create");
}

void ws_server_stop(struct ws_server *server)
{
    struct ws_server_state *state = server->state;

    atomic_store(&state->stopping, true);
    pthread_join(state->thread, NULL);
    for (int i = 0; i < state->connections_count; i++) {
        struct connection *connection = &state->connections[i];

        pthread_join(connection->thread, NULL);
        SSL_free(connection->ssl);
        close(connection->fd);
        pthread_mutex_destroy(&connection->lock);
    }
    close(state->listener);
    SSL_CTX_free(state->tls);
    pthread_mutex_destroy(&state->lock);
    free(state->texts);
    free(state);
    server->state = NULL;
}

const char *ws_server_text(struct ws_server *server, const char *path, int n, char *out,
                           size_t out_bytes)
{
    struct ws_server_state *state = server->state;

    out[0] = '\0';
    pthread_mutex_lock(&state->lock);
    for (int i = 0; i < state->texts_count; i++) {
        if (strstr(state->texts[i].path, path) && n-- == 0) {
            struct text copy = text_in(out, out_bytes);

            text_add(&copy, state->texts[i].text);
            break;
        }
    }
    pthread_mutex_unlock(&state->lock);
    return out;
}

int ws_server_count(struct ws_server *server, const char *path, const char *part)
{
    struct ws_server_state *state = server->state;
    int count = 0;

    pthread_mutex_lock(&state->lock);
    for (int i = 0; i < state->texts_count; i++)
        count += strstr(state->texts[i].path, path) && strstr(state->texts[i].text, part);
    pthread_mutex_unlock(&state->lock);
    return count;
}

int64_t ws_server_accepted_ms(struct ws_server *server, int n)
{
    int64_t at_ms;

    pthread_mutex_lock(&server->state->lock);
    at_ms = n < server->state->connections_count ? server->state->accepted_ms[n] : 0;
    pthread_mutex_unlock(&server->state->lock);
    return at_ms;
}

static int count_connections(struct ws_server *server)
{
    int count;

    pthread_mutex_lock(&server->state->lock);
    count = server->state->connections_count;
    pthread_mutex_unlock(&server->state->lock);
    return count;
}

static struct connection *next_open(struct ws_server *server, const char *path, int *from)
{
    int count = count_connections(server);

    while (*from < count) {
        struct connection *connection = &server->state->connections[(*from)++];

        if (atomic_load(&connection->open) && strstr(connection->path, path))
            return connection;
    }
    return NULL;
}

bool ws_server_send(struct ws_server *server, const char *path, const char *text)
{
    struct connection *connection;
    int from = 0;
    bool sent = false;

    while ((connection = next_open(server, path, &from))) {
        send_text(connection, text);
        sent = true;
    }
    return sent;
}

bool ws_server_send_pieces(struct ws_server *server, const char *path, const char *text,
                           size_t bytes, size_t piece)
{
    int from = 0;
    struct connection *connection = next_open(server, path, &from);

    if (!connection)
        return false;
    for (size_t at = 0; at < bytes; at += piece) {
        size_t part = bytes - at < piece ? bytes - at : piece;
        bool last = at + part == bytes;

        send_frame(connection, (unsigned char)((last ? 0x80 : 0) | (at == 0 ? 1 : 0)), text + at,
                   part);
        if (!last)
            send_frame(connection, 0x89, "hi", 2);
    }
    return true;
}

void ws_server_cut(struct ws_server *server, const char *path)
{
    struct connection *connection;
    int from = 0;

    while ((connection = next_open(server, path, &from))) {
        atomic_store(&connection->cut, true);
        (void)shutdown(connection->fd, SHUT_RDWR);
    }
}

int ws_server_connection_of(struct ws_server *server, const char *part)
{
    struct ws_server_state *state = server->state;
    int found = -1;

    pthread_mutex_lock(&state->lock);
    for (int i = 0; i < state->texts_count && found < 0; i++) {
        if (strstr(state->texts[i].text, part))
            found = state->texts[i].connection;
    }
    pthread_mutex_unlock(&state->lock);
    return found;
}

int ws_server_words(struct ws_server *server, int connection, const char *part, const char *word)
{
    struct ws_server_state *state = server->state;
    int count = 0;

    pthread_mutex_lock(&state->lock);
    for (int i = 0; i < state->texts_count; i++) {
        const char *at = state->texts[i].text;

        if (state->texts[i].connection != connection || !strstr(at, part))
            continue;
        for (; (at = strstr(at, word)); at++)
            count++;
    }
    pthread_mutex_unlock(&state->lock);
    return count;
}

bool ws_server_is_open(struct ws_server *server, int connection)
{
    return atomic_load(&server->state->connections[connection].open);
}

void ws_server_cut_one(struct ws_server *server, int connection)
{
    struct connection *it = &server->state->connections[connection];

    atomic_store(&it->cut, true);
    (void)shutdown(it->fd, SHUT_RDWR);
}
