/* tests/test_rest.c - the transport against a small real server on the loopback, plain and with
 * TLS. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/json.h"
#include "bybit/rest.h"

#define KEY        "TESTKEY0001"
#define SECRET     "TESTSECRET0001abcdefghijklmnopqrstuvwx"
#define ORDER      "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"orderLinkId\":\"bridge-0001\"}"
#define OK_BODY    "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":{}}"
#define SEEN_MAX   128
#define CONNS_MAX  128
#define RESULT_MAX 2048

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
    atomic_bool deaf; /* accepts and reads nothing */
};

static struct server server;

static ssize_t conn_read(struct connection *connection, char *to, size_t bytes)
{
    if (connection->tls)
        return SSL_read(connection->tls, to, (int)bytes);
    return recv(connection->fd, to, bytes, 0);
}

static void conn_write(struct connection *connection, const char *from, size_t bytes)
{
    if (connection->tls)
        (void)SSL_write(connection->tls, from, (int)bytes);
    else
        (void)!send(connection->fd, from, bytes, MSG_NOSIGNAL);
}

static void reply(struct connection *connection, int status, const char *headers, const char *body)
{
    char text[4096];
    int bytes = snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s",
                         status, strlen(body), headers, body);

    conn_write(connection, text, (size_t)bytes);
}

static const char *header_of(const struct seen *seen, const char *name, char out[1024])
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

static bool read_request(struct connection *connection, struct seen *seen)
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

static void *connection_run(void *userdata)
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

static void *server_run(void *userdata)
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

static void server_start(bool (*serve)(struct connection *, const struct seen *, int), SSL_CTX *tls)
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

static void server_stop(void)
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

/* --- the client --- */

struct result {
    int done;
    int sent_calls;
    int64_t sent_signed_ms;
    int64_t done_at_us;
    struct rest_answer answer; /* body points to `body` */
    char body[RESULT_MAX];
    int seen_when_sent; /* requests the server had read when on_sent came */
    bool may_send;
    int may_send_calls;
};

static struct signer *signer;
static struct budget *budget;
static struct clock_sync *sync_clock;
static struct metrics *metrics;
static struct rest *rest;
static int write_grace_ms; /* 0: as ever */

static void on_sent(int64_t signed_ms, void *userdata)
{
    struct result *result = userdata;

    result->sent_calls++;
    result->sent_signed_ms = signed_ms;
    pthread_mutex_lock(&server.lock);
    result->seen_when_sent = server.requests;
    pthread_mutex_unlock(&server.lock);
}

static bool may_send(void *userdata)
{
    struct result *result = userdata;

    result->may_send_calls++;
    return result->may_send;
}

static void on_done(const struct rest_answer *answer, void *userdata)
{
    struct result *result = userdata;

    result->done++;
    result->done_at_us = clock_mono_us();
    result->answer = *answer;
    (void)snprintf(result->body, sizeof(result->body), "%s", answer->body);
    ck_assert_uint_eq(strlen(answer->body), answer->body_bytes);
    result->answer.body = result->body;
}

static void clock_in_step(void)
{
    int64_t now_us = clock_mono_us();

    clock_sync_sample(sync_clock, now_us - 100, now_us, clock_wall_ms());
}

static void rest_open_at(const char *url, const char *ca_file, int connections,
                         const struct signer *with)
{
    struct rest_config config = { .url = url,
                                  .ca_file = ca_file,
                                  .signer = with,
                                  .recv_window_ms = 5000,
                                  .connections_max = connections,
                                  .connect_timeout_ms = 2000,
                                  .write_grace_ms = write_grace_ms };
    struct error error = { 0 };

    budget = budget_create(0);
    sync_clock = clock_sync_create();
    clock_in_step();
    metrics = metrics_create();
    config.budget = budget;
    config.clock = sync_clock;
    config.metrics = metrics;
    ck_assert_msg(rest_create(&rest, &config, &error) == ERR_NONE, "%s", error.text);
}

static void rest_open(int connections)
{
    char url[64];

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d", server.port);
    rest_open_at(url, NULL, connections, signer);
}

static void rest_shut(void)
{
    rest_destroy(rest);
    rest = NULL;
    budget_destroy(budget);
    clock_sync_destroy(sync_clock);
    metrics_destroy(metrics);
}

static void step(int most_ms)
{
    struct pollfd poller = { .fd = rest_fd(rest), .events = POLLIN };
    int timeout_ms = rest_timeout_ms(rest);

    if (timeout_ms < 0 || timeout_ms > most_ms)
        timeout_ms = most_ms;
    (void)poll(&poller, 1, timeout_ms);
    rest_run(rest);
}

static void wait_for(const int *counter, int value)
{
    int64_t end_ms = clock_mono_ms() + 8000;

    while (*counter < value && clock_mono_ms() < end_ms)
        step(50);
    (void)atomic_load(&server.requests); /* what the server saw is visible from here */
    ck_assert_int_ge(*counter, value);
}

static void wait_idle(void)
{
    int64_t end_ms = clock_mono_ms() + 8000;

    while (rest_pending(rest) > 0 && clock_mono_ms() < end_ms)
        step(50);
    (void)atomic_load(&server.requests);
    ck_assert_uint_eq(rest_pending(rest), 0);
}

static enum err submit(struct result *result, enum bybit_route route, const char *content,
                       int deadline_in_ms)
{
    bool post = bybit_route_info(route)->is_write;
    struct rest_request request = { .route = route,
                                    .category = CATEGORY_LINEAR,
                                    .query = post ? NULL : content,
                                    .body = post ? content : NULL,
                                    .deadline_ms = clock_mono_ms() + deadline_in_ms,
                                    .on_sent = on_sent,
                                    .on_done = on_done,
                                    .userdata = result };

    return rest_submit(rest, &request);
}

static void call(struct result *result, enum bybit_route route, const char *content,
                 int deadline_in_ms)
{
    memset(result, 0, sizeof(*result));
    ck_assert_int_eq(submit(result, route, content, deadline_in_ms), ERR_NONE);
    wait_for(&result->done, 1);
    ck_assert_int_eq(result->done, 1);
}

static void assert_not_sent(const struct result *result)
{
    ck_assert(!result->answer.answered);
    ck_assert_int_eq(result->answer.sent, REST_NOT_SENT);
    ck_assert_int_eq(result->sent_calls, 0);
    ck_assert_int_ne(result->answer.error.code, ERR_NONE);
    ck_assert_int_ne(result->answer.error.code, ERR_IN_DOUBT);
    ck_assert_int_gt((int)strlen(result->answer.error.text), 0);
}

static void assert_in_doubt(const struct result *result)
{
    ck_assert(!result->answer.answered);
    ck_assert_int_eq(result->answer.sent, REST_MAYBE_SENT);
    ck_assert_int_eq(result->sent_calls, 1);
    ck_assert_int_eq(result->answer.error.code, ERR_IN_DOUBT);
}

/* --- behaviours of the server --- */

static bool serve_ok(struct connection *connection, const struct seen *seen, int index)
{
    (void)seen;
    (void)index;
    reply(connection, 200, "X-Bapi-Limit: 1000\r\nX-Bapi-Limit-Status: 999\r\n", OK_BODY);
    return true;
}

static bool serve_once_then_close(struct connection *connection, const struct seen *seen, int index)
{
    if (connection->requests > 1)
        return false; /* read completely, no answer */
    return serve_ok(connection, seen, index);
}

static bool serve_nothing(struct connection *connection, const struct seen *seen, int index)
{
    char byte;

    (void)seen;
    (void)index;
    while (recv(connection->fd, &byte, 1, 0) > 0)
        ;
    return false;
}

static bool serve_redirect(struct connection *connection, const struct seen *seen, int index)
{
    char location[128];

    (void)seen;
    (void)index;
    (void)snprintf(location, sizeof(location), "Location: http://127.0.0.1:%d/other\r\n",
                   server.port);
    reply(connection, 302, location, "moved");
    return true;
}

static bool serve_503(struct connection *connection, const struct seen *seen, int index)
{
    (void)seen;
    (void)index;
    reply(connection, 503, "", "down");
    return true;
}

static bool serve_503_first(struct connection *connection, const struct seen *seen, int index)
{
    return index == 0 ? serve_503(connection, seen, index) : serve_ok(connection, seen, index);
}

/* `bytes` of body, in chunks without a length when `chunked`. */
static void reply_large(struct connection *connection, size_t bytes, bool chunked)
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

static bool serve_large(struct connection *connection, const struct seen *seen, int index)
{
    (void)seen;
    reply_large(connection, (size_t)512 << 10, index % 2 == 1);
    return true;
}

static bool serve_half_answer(struct connection *connection, const struct seen *seen, int index)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"retCode\":0";

    (void)seen;
    (void)index;
    conn_write(connection, text, sizeof(text) - 1);
    return false;
}

static bool serve_garbage(struct connection *connection, const struct seen *seen, int index)
{
    (void)seen;
    (void)index;
    conn_write(connection, "\x01\x02garbage\r\n\r\n", 13);
    return false;
}

/* --- signing --- */

static void hmac_hex(const char *plain, char out[65])
{
    unsigned char digest[32];
    unsigned bytes = 0;

    HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET), (const unsigned char *)plain, strlen(plain),
         digest, &bytes);
    for (unsigned i = 0; i < bytes; i++)
        (void)snprintf(out + 2 * (size_t)i, 3, "%02x", digest[i]);
}

static void assert_signed(const struct seen *seen, const char *content, int64_t signed_ms)
{
    char key[1024], timestamp[1024], window[1024], sign[1024], type[1024], expected[65];
    char plain[16384];

    header_of(seen, "X-BAPI-API-KEY", key);
    header_of(seen, "X-BAPI-TIMESTAMP", timestamp);
    header_of(seen, "X-BAPI-RECV-WINDOW", window);
    header_of(seen, "X-BAPI-SIGN", sign);
    ck_assert_str_eq(key, KEY);
    ck_assert_str_eq(window, "5000");
    ck_assert_str_eq(header_of(seen, "X-BAPI-SIGN-TYPE", type), "2");
    (void)snprintf(plain, sizeof(plain), "%s%s%s%s", timestamp, key, window, content);
    hmac_hex(plain, expected);
    ck_assert_str_eq(sign, expected);
    ck_assert_int_eq(strtoll(timestamp, NULL, 10), signed_ms);
    ck_assert_int_le(llabs(signed_ms + 50 - clock_wall_ms()), 2000);
}

START_TEST(a_write_is_signed_over_the_bytes_that_arrive)
{
    struct result result;
    char value[1024];

    server_start(serve_ok, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    ck_assert(result.answer.answered);
    ck_assert_int_eq(result.answer.http_status, 200);
    ck_assert_str_eq(result.body, OK_BODY);
    ck_assert_int_eq(result.sent_calls, 1);
    ck_assert_int_eq(result.seen_when_sent, 0); /* never late */
    ck_assert(result.sent_signed_ms == result.answer.signed_ms);
    ck_assert_int_eq(strncmp(server.seen[0].head, "POST /v5/order/create HTTP/1.1\r\n", 32), 0);
    ck_assert_str_eq(server.seen[0].body, ORDER);
    ck_assert_str_eq(header_of(&server.seen[0], "Content-Type", value), "application/json");
    ck_assert_str_eq(header_of(&server.seen[0], "Expect", value), "");
    ck_assert_str_eq(header_of(&server.seen[0], "Transfer-Encoding", value), "");
    assert_signed(&server.seen[0], server.seen[0].body, result.answer.signed_ms);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_read_is_signed_over_the_query_that_arrives)
{
    static const char query[] = "category=linear&cursor=13%3A16%2C13&odd=a\"<>|{}[]^`\\'/?:@!$*,;~";
    struct result result;
    char line[256], value[1024];
    char arrived[256] = "";

    server_start(serve_ok, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_REALTIME, query, 2000);
    ck_assert(result.answer.answered);
    (void)snprintf(line, sizeof(line), "GET /v5/order/realtime?%s HTTP/1.1\r\n", query);
    ck_assert_int_eq(strncmp(server.seen[0].head, line, strlen(line)), 0);
    ck_assert_int_eq(sscanf(server.seen[0].head, "GET /v5/order/realtime?%255s", arrived), 1);
    assert_signed(&server.seen[0], arrived, result.answer.signed_ms);
    ck_assert_uint_eq(server.seen[0].body_bytes, 0);
    ck_assert_str_eq(header_of(&server.seen[0], "Content-Length", value), "");
    ck_assert_int_eq(result.sent_calls, 0); /* writes only */
    /* Without a query nothing is signed behind the window, and there is no '?'. */
    call(&result, ROUTE_KEY_INFO, NULL, 2000);
    ck_assert_int_eq(strncmp(server.seen[1].head, "GET /v5/user/query-api HTTP/1.1\r\n", 33), 0);
    assert_signed(&server.seen[1], "", result.answer.signed_ms);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_public_read_is_not_signed)
{
    struct result result;

    server_start(serve_ok, NULL);
    rest_open(4);
    call(&result, ROUTE_TICKERS, "category=spot", 2000);
    ck_assert(result.answer.answered);
    ck_assert_ptr_null(strcasestr(server.seen[0].head, "x-bapi"));
    ck_assert_int_eq(result.answer.signed_ms, 0);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(an_rsa_key_signs_too)
{
    static char text[32768];
    static char pem[4096];
    FILE *file = fopen(FIXTURES "/vectors.json", "r");
    struct json root, meta;
    struct signer *rsa = NULL;
    struct signer_context *context;
    struct result result;
    char url[64], sign[1024], expected[SIGNATURE_MAX];
    size_t bytes = fread(text, 1, sizeof(text), file);

    fclose(file);
    ck_assert_int_eq(json_open(&root, text, bytes, NULL), ERR_NONE);
    ck_assert(json_member(&root, "meta", &meta));
    ck_assert_int_eq(json_member_text(&meta, "rsa_private_key_pem", pem, sizeof(pem)), ERR_NONE);
    ck_assert_int_eq(signer_create_rsa(&rsa, KEY, pem, NULL), ERR_NONE);
    server_start(serve_ok, NULL);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d", server.port);
    rest_open_at(url, NULL, 2, rsa);
    for (int i = 0; i < 2; i++) { /* the second rewrites the header texts of the first */
        call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
        ck_assert(result.answer.answered);
        context = signer_context_create(rsa);
        ck_assert_int_eq(
            sign_rest(context, result.answer.signed_ms, 5000, ORDER, strlen(ORDER), expected),
            ERR_NONE);
        signer_context_destroy(context);
        ck_assert_str_eq(header_of(&server.seen[i], "X-BAPI-SIGN", sign), expected);
        ck_assert_uint_eq(strlen(sign), 344);
    }
    rest_shut();
    server_stop();
    signer_destroy(rsa);
}
END_TEST

START_TEST(a_write_without_body_sends_empty_braces)
{
    struct result result;

    server_start(serve_ok, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, NULL, 2000);
    ck_assert_str_eq(server.seen[0].body, "{}");
    assert_signed(&server.seen[0], "{}", result.answer.signed_ms);
    rest_shut();
    server_stop();
}
END_TEST

/* --- connections --- */

START_TEST(connections_are_kept_and_used_again)
{
    struct result result;
    int64_t start_us = 0;

    server_start(serve_ok, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000); /* its answer raises the limit */
    start_us = clock_mono_us();
    for (int i = 0; i < 100; i++)
        call(&result, i % 2 ? ROUTE_ORDER_CREATE : ROUTE_ORDER_REALTIME, i % 2 ? ORDER : "a=b",
             2000);
    printf("rest: %.1f us a request on a kept connection, plain\n",
           (double)(clock_mono_us() - start_us) / 100);
    ck_assert_int_eq(server.connections, 1);
    ck_assert_int_eq(server.requests, 101);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(warming_opens_connections_and_sets_the_clock)
{
    static struct result results[4];

    server_start(serve_ok, NULL);
    rest_open(8);
    rest_warm(rest, 4);
    ck_assert_int_eq(rest_timeout_ms(rest), 0);
    wait_idle();
    ck_assert_int_eq(server.connections, 4);
    for (int i = 0; i < 4; i++) {
        memset(&results[i], 0, sizeof(results[i]));
        ck_assert_int_eq(submit(&results[i], ROUTE_ORDER_CREATE, ORDER, 2000), ERR_NONE);
    }
    wait_idle();
    ck_assert_int_eq(server.connections, 4);
    ck_assert_int_eq(server.requests, 8);
    rest_shut();
    server_stop();
}
END_TEST

static bool serve_time_ahead(struct connection *connection, const struct seen *seen, int index)
{
    char body[256];

    (void)seen;
    (void)index;
    (void)snprintf(body, sizeof(body),
                   "{\"retCode\":0,\"result\":{\"timeNano\":\"%" PRId64 "000000\"}%s",
                   clock_wall_ms() + 3600000, index ? "}" : "");
    if (index)
        (void)snprintf(body, sizeof(body), "{\"retCode\":0,\"result\":{},\"time\":%" PRId64 "}",
                       clock_wall_ms() + 3600000);
    else
        strcat(body, "}");
    reply(connection, 200, "", body);
    return true;
}

START_TEST(the_time_route_feeds_the_clock)
{
    struct result result;

    server_start(serve_time_ahead, NULL);
    rest_open(4);
    for (int i = 0; i < 2; i++) { /* by timeNano, then by time */
        clock_sync_reset(sync_clock);
        call(&result, ROUTE_TIME, NULL, 2000);
        ck_assert(clock_sync_ready(sync_clock));
        ck_assert_int_le(llabs(clock_sync_offset_ms(sync_clock) - 3600000), 200);
        ck_assert_int_le(clock_sync_uncertainty_ms(sync_clock), 300);
    }
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(no_more_connections_than_allowed)
{
    static struct result results[12];

    server_start(serve_ok, NULL);
    rest_open(3);
    for (int i = 0; i < 12; i++) {
        memset(&results[i], 0, sizeof(results[i]));
        ck_assert_int_eq(submit(&results[i], ROUTE_ORDER_REALTIME, "a=b", 3000), ERR_NONE);
    }
    ck_assert_uint_eq(rest_pending(rest), 12);
    wait_idle();
    for (int i = 0; i < 12; i++)
        ck_assert(results[i].done == 1 && results[i].answer.answered);
    ck_assert_int_le(server.connections, 3);
    rest_shut();
    server_stop();
}
END_TEST

/* --- what proves what --- */

START_TEST(a_post_is_never_sent_twice)
{
    struct result result;
    int posts = 0;

    server_start(serve_once_then_close, NULL);
    rest_open(4);
    call(&result, ROUTE_KEY_INFO, NULL, 2000);
    ck_assert(result.answer.answered);
    call(&result, ROUTE_ORDER_CREATE, _i ? ORDER : NULL, 2000);
    assert_in_doubt(&result);
    for (int i = 0; i < server.requests; i++)
        posts += strncmp(server.seen[i].head, "POST", 4) == 0;
    ck_assert_int_eq(posts, 1);
    ck_assert_int_eq(server.requests, 2);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_get_on_a_dead_connection_goes_on_a_new_one)
{
    struct result result;

    server_start(serve_once_then_close, NULL);
    rest_open(4);
    call(&result, ROUTE_KEY_INFO, NULL, 2000);
    call(&result, ROUTE_ORDER_REALTIME, "a=b", 2000);
    ck_assert(result.answer.answered);
    ck_assert_int_eq(server.requests, 3);
    assert_signed(&server.seen[2], "a=b", result.answer.signed_ms);
    rest_shut();
    server_stop();
}
END_TEST

/* The first connection speaks once more, when nobody has asked. */
static bool serve_unasked(struct connection *connection, const struct seen *seen, int index)
{
    serve_ok(connection, seen, index);
    if (index == 0) {
        usleep(20000);
        reply(connection, 408, "", "late");
    }
    return true;
}

START_TEST(what_comes_unasked_answers_nothing)
{
    struct result result;

    server_start(serve_unasked, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    usleep(60000);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    ck_assert(result.answer.answered);
    ck_assert_int_eq(result.answer.http_status, 200);
    ck_assert_int_eq(server.requests, 2);
    ck_assert_int_eq(server.connections, 2);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(connection_refused_is_not_sent)
{
    struct result result;

    server_start(serve_ok, NULL);
    rest_open(4);
    server_stop();
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    assert_not_sent(&result);
    call(&result, ROUTE_TICKERS, NULL, 1000); /* tried again, then given up */
    assert_not_sent(&result);
    ck_assert_int_ge(result.answer.finished_us - result.answer.started_us, 250000);
    rest_shut();
}
END_TEST

START_TEST(silence_ends_in_doubt)
{
    struct result result;
    struct result read;

    server_start(serve_nothing, NULL);
    rest_open(4);
    memset(&result, 0, sizeof(result));
    ck_assert_int_eq(submit(&result, ROUTE_ORDER_CREATE, ORDER, 100), ERR_NONE);
    call(&read, ROUTE_ORDER_REALTIME, NULL, 150);
    ck_assert(!read.answer.answered);
    ck_assert_int_eq(read.answer.sent, REST_MAYBE_SENT);
    ck_assert_int_eq(result.done, 0); /* a write gets its time to be answered ... */
    rest_shut();                      /* ... 10 s, which we do not wait for */
    ck_assert_int_eq(result.done, 1);
    assert_in_doubt(&result);
    ck_assert_int_eq(server.requests, 2);
    server_stop();
}
END_TEST

START_TEST(a_write_ends_after_its_grace)
{
    struct result result;

    server_start(serve_nothing, NULL);
    write_grace_ms = 100;
    rest_open(4);
    write_grace_ms = 0;
    call(&result, ROUTE_ORDER_CREATE, ORDER, 50);
    assert_in_doubt(&result);
    ck_assert_int_ge(result.answer.finished_us - result.answer.started_us, 140000);
    ck_assert_int_le(result.answer.finished_us - result.answer.started_us, 1000000);
    ck_assert_int_eq(server.requests, 1);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_server_that_never_reads_is_in_doubt)
{
    struct result result;

    server_start(serve_ok, NULL);
    server.deaf = true;
    rest_open(4);
    call(&result, ROUTE_ORDER_REALTIME, NULL, 100);
    ck_assert(!result.answer.answered);
    memset(&result, 0, sizeof(result));
    ck_assert_int_eq(submit(&result, ROUTE_ORDER_CREATE, ORDER, 100), ERR_NONE);
    for (int i = 0; i < 8; i++)
        step(20);
    ck_assert_int_eq(result.sent_calls, 1);
    rest_shut();
    assert_in_doubt(&result);
    server_stop();
}
END_TEST

START_TEST(a_broken_answer_is_none)
{
    static bool (*const serve[])(struct connection *, const struct seen *,
                                 int) = { serve_half_answer, serve_garbage };
    struct result result;

    server_start(serve[_i], NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    assert_in_doubt(&result);
    ck_assert_int_eq(server.requests, 1);
    ck_assert_int_eq(result.answer.http_status, 0);
    ck_assert_str_eq(result.body, "");
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_redirect_is_an_answer_and_not_followed)
{
    struct result result;

    server_start(serve_redirect, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    ck_assert(result.answer.answered);
    ck_assert_int_eq(result.answer.http_status, 302);
    call(&result, ROUTE_TICKERS, NULL, 2000);
    ck_assert_int_eq(result.answer.http_status, 302);
    ck_assert_int_eq(server.requests, 2);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(too_large_an_answer_is_none)
{
    struct result result;

    server_start(serve_large, NULL);
    rest_open(4);
    for (int i = 0; i < 2; i++) { /* with a length, and in chunks */
        call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
        assert_in_doubt(&result);
        ck_assert_int_eq(server.requests, i + 1);
    }
    call(&result, ROUTE_TICKERS, NULL, 2000); /* reads may be larger */
    ck_assert(result.answer.answered);
    ck_assert_uint_eq(result.answer.body_bytes, (size_t)512 << 10);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(what_is_taken_back_is_not_sent)
{
    struct result result = { 0 };
    struct rest_request request = { .route = ROUTE_ORDER_CREATE,
                                    .category = CATEGORY_LINEAR,
                                    .body = ORDER,
                                    .deadline_ms = clock_mono_ms() + 2000,
                                    .on_sent = on_sent,
                                    .on_done = on_done,
                                    .may_send = may_send,
                                    .userdata = &result };

    server_start(serve_ok, NULL);
    rest_open(4);
    ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
    wait_for(&result.done, 1);
    assert_not_sent(&result);
    ck_assert_int_eq(result.may_send_calls, 1);
    ck_assert_int_eq(server.requests, 0);
    result = (struct result){ .may_send = true };
    ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
    wait_for(&result.done, 1);
    ck_assert(result.answer.answered);
    ck_assert_int_eq(result.may_send_calls, 1);
    rest_shut();
    server_stop();
}
END_TEST

/* --- retries --- */

START_TEST(a_read_is_tried_again_after_503)
{
    struct result result;

    server_start(serve_503_first, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_REALTIME, "a=b", 2000);
    ck_assert(result.answer.answered);
    ck_assert_int_eq(result.answer.http_status, 200);
    ck_assert_int_eq(server.requests, 2);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_read_is_tried_three_times_at_most)
{
    struct result result;

    server_start(serve_503, NULL);
    rest_open(4);
    call(&result, ROUTE_TICKERS, NULL, 3000);
    ck_assert(result.answer.answered);
    ck_assert_int_eq(result.answer.http_status, 503);
    ck_assert_int_eq(server.requests, 3);
    call(&result, ROUTE_TICKERS, NULL, 50); /* no time for a second */
    ck_assert_int_eq(result.answer.http_status, 503);
    ck_assert_int_eq(server.requests, 4);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_write_is_never_tried_again_after_503)
{
    struct result result;

    server_start(serve_503_first, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    ck_assert(result.answer.answered);
    ck_assert_int_eq(result.answer.http_status, 503);
    ck_assert_int_eq(server.requests, 1);
    rest_shut();
    server_stop();
}
END_TEST

/* --- what is counted, and where the time went --- */

static bool serve_429(struct connection *connection, const struct seen *seen, int index)
{
    (void)seen;
    (void)index;
    reply(connection, 429, "", "slower");
    return true;
}

static bool serve_10006(struct connection *connection, const struct seen *seen, int index)
{
    (void)seen;
    (void)index;
    reply(connection, 200, "", "{\"retCode\":10006,\"retMsg\":\"too many\"}");
    return true;
}

static bool serve_10001(struct connection *connection, const struct seen *seen, int index)
{
    (void)seen;
    (void)index;
    reply(connection, 200, "", "{\"retCode\":10001,\"retMsg\":\"wrong\"}");
    return true;
}

static bool serve_page(struct connection *connection, const struct seen *seen, int index)
{
    (void)seen;
    (void)index;
    reply(connection, 200, "", "<html>be right back</html>");
    return true;
}

static uint64_t tries(enum bybit_route route, enum metrics_outcome outcome)
{
    return metrics_observations(&metrics->upstream.tries[route][outcome]);
}

static const struct {
    bool (*serve)(struct connection *, const struct seen *, int); /* NULL: nobody listens */
    enum bybit_route route;
    enum metrics_outcome outcome;
    uint64_t tries;
} outcomes[] = {
    { serve_ok, ROUTE_ORDER_CREATE, METRICS_OK, 1 },
    { serve_10001, ROUTE_ORDER_CREATE, METRICS_REFUSED, 1 },
    { serve_10006, ROUTE_ORDER_CREATE, METRICS_LIMITED, 1 },
    { serve_429, ROUTE_ORDER_CREATE, METRICS_LIMITED, 1 },
    { serve_redirect, ROUTE_ORDER_CREATE, METRICS_ERROR, 1 },
    { serve_page, ROUTE_ORDER_CREATE, METRICS_ERROR, 1 },
    { serve_page, ROUTE_TICKERS, METRICS_ERROR, 1 },
    { serve_503, ROUTE_TICKERS, METRICS_ERROR, 3 },
    { serve_half_answer, ROUTE_ORDER_CREATE, METRICS_LOST, 1 },
    { serve_half_answer, ROUTE_TICKERS, METRICS_LOST, 1 },
    { NULL, ROUTE_ORDER_CREATE, METRICS_NOT_SENT, 1 },
    { NULL, ROUTE_TICKERS, METRICS_NOT_SENT, 3 },
};

START_TEST(each_try_is_counted_by_how_it_ended)
{
    bool post = outcomes[_i].route == ROUTE_ORDER_CREATE;
    struct result result;

    server_start(outcomes[_i].serve ? outcomes[_i].serve : serve_ok, NULL);
    rest_open(4);
    if (!outcomes[_i].serve)
        server_stop();
    call(&result, outcomes[_i].route, post ? ORDER : NULL, 3000);
    for (int outcome = 0; outcome < METRICS_OUTCOMES; outcome++)
        ck_assert_uint_eq(tries(outcomes[_i].route, (enum metrics_outcome)outcome),
                          outcome == (int)outcomes[_i].outcome ? outcomes[_i].tries : 0);
    ck_assert_uint_eq(metrics_value(&metrics->upstream.retries[outcomes[_i].route]),
                      outcomes[_i].tries - 1);
    rest_shut();
    if (outcomes[_i].serve)
        server_stop();
}
END_TEST

/* The parts of a call's time do not overlap, so what is left of it is the bridge's own. */
static void assert_parts(const struct result *result, int64_t began_us)
{
    const struct rest_answer *answer = &result->answer;
    int64_t upstream_us = answer->left_us ? answer->finished_us - answer->left_us : 0;

    ck_assert_int_ge(answer->turn_us, 0);
    ck_assert_int_ge(answer->sign_us, 0);
    ck_assert_int_le(answer->turn_us + answer->sign_us + upstream_us,
                     answer->finished_us - began_us);
}

START_TEST(connecting_is_part_of_the_turn)
{
    struct result result;
    int64_t began_us = clock_mono_us();

    server_start(serve_ok, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    ck_assert_int_gt(result.answer.turn_us, 0);
    assert_parts(&result, began_us);
    began_us = clock_mono_us();
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    ck_assert_int_eq(result.answer.turn_us, 0);
    ck_assert_int_gt(result.answer.sign_us, 0);
    assert_parts(&result, began_us);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(earlier_tries_are_part_of_the_turn)
{
    struct result result;
    int64_t began_us = clock_mono_us();

    server_start(serve_503_first, NULL);
    rest_open(4);
    call(&result, ROUTE_TICKERS, NULL, 2000);
    ck_assert_int_eq(result.answer.http_status, 200);
    ck_assert_int_ge(result.answer.turn_us, 99000); /* until the second try */
    assert_parts(&result, began_us);
    rest_shut();
    server_stop();
}
END_TEST

static bool serve_503_and_go(struct connection *connection, const struct seen *seen, int index)
{
    shutdown(server.listener, SHUT_RDWR);
    (void)serve_503(connection, seen, index);
    return false;
}

START_TEST(a_try_that_did_not_leave_has_no_time_at_the_exchange)
{
    struct result result;
    int64_t began_us = clock_mono_us();

    server_start(serve_503_and_go, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_REALTIME, NULL, 2000);
    ck_assert(!result.answer.answered);
    ck_assert_int_eq(server.requests, 1);
    ck_assert_int_eq(result.answer.left_us, 0);
    ck_assert_int_eq(result.answer.sign_us, 0);
    ck_assert_int_ge(result.answer.turn_us, 99000);
    assert_parts(&result, began_us);
    rest_shut();
    server_stop();
}
END_TEST

/* 10002 to all that was signed before the time was asked for. */
static bool serve_10002_first(struct connection *connection, const struct seen *seen, int index)
{
    char body[128];

    if (strstr(seen->head, "/v5/market/time")) {
        (void)snprintf(body, sizeof(body), "{\"retCode\":0,\"result\":{},\"time\":%" PRId64 "}",
                       clock_wall_ms());
        reply(connection, 200, "", body);
    } else {
        reply(connection, 200, "",
              index == 0 ? "{\"retCode\":10002,\"retMsg\":\"time\"}" : OK_BODY);
    }
    return true;
}

START_TEST(a_read_refused_for_its_time_waits_for_the_clock)
{
    struct result result;

    server_start(serve_10002_first, NULL);
    rest_open(4);
    clock_sync_reset(sync_clock);
    clock_sync_sample(sync_clock, clock_mono_us(), clock_mono_us() + 1, clock_wall_ms() + 90000);
    call(&result, ROUTE_ORDER_REALTIME, "a=b", 2000);
    ck_assert(result.answer.answered);
    ck_assert_str_eq(result.body, OK_BODY);
    ck_assert_int_eq(server.requests, 3);
    ck_assert_int_eq(strncmp(server.seen[1].head, "GET /v5/market/time", 19), 0);
    assert_signed(&server.seen[2], "a=b", result.answer.signed_ms);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_write_refused_for_its_time_is_answered_and_the_clock_set)
{
    struct result result;

    server_start(serve_10002_first, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    ck_assert(result.answer.answered);
    ck_assert_ptr_nonnull(strstr(result.body, "10002"));
    wait_idle();
    ck_assert_int_eq(server.requests, 2);
    ck_assert_int_eq(strncmp(server.seen[1].head, "GET /v5/market/time", 19), 0);
    ck_assert(clock_sync_ready(sync_clock));
    rest_shut();
    server_stop();
}
END_TEST

static bool serve_10006_first(struct connection *connection, const struct seen *seen, int index)
{
    char headers[256];

    (void)seen;
    (void)snprintf(headers, sizeof(headers),
                   "x-bapi-limit: 50\r\nX-BAPI-LIMIT-STATUS: 0\r\n"
                   "X-Bapi-Limit-Reset-Timestamp: %" PRId64 "\r\n",
                   clock_wall_ms() + 200);
    if (index == 0)
        reply(connection, 200, headers, "{\"retCode\":10006,\"retMsg\":\"Too many visits!\"}");
    else
        reply(connection, 200, "", OK_BODY);
    return true;
}

START_TEST(a_read_over_the_limit_waits_for_the_reset)
{
    struct result result;

    server_start(serve_10006_first, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_REALTIME, "a=b", 4000);
    ck_assert(result.answer.answered);
    ck_assert_str_eq(result.body, OK_BODY);
    ck_assert_int_eq(server.requests, 2);
    ck_assert_int_ge(result.answer.finished_us - result.answer.started_us, 200000);
    ck_assert_int_le(result.answer.finished_us - result.answer.started_us, 900000);
    rest_shut();
    server_stop();
}
END_TEST

static bool serve_ban(struct connection *connection, const struct seen *seen, int index)
{
    (void)seen;
    (void)index;
    reply(connection, 403, "", "403, access too frequent");
    return true;
}

START_TEST(the_ban_stops_all_calls)
{
    struct result result;

    server_start(serve_ban, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    ck_assert_int_eq(result.answer.http_status, 403);
    ck_assert_int_ge(budget_banned_until(budget), clock_mono_ms() + 590000);
    call(&result, ROUTE_ORDER_CANCEL, ORDER, 2000);
    assert_not_sent(&result);
    ck_assert(result.answer.throttled);
    ck_assert_int_ge(result.answer.retry_after_ms, 590000);
    ck_assert_int_eq(server.requests, 1);
    rest_shut();
    server_stop();
}
END_TEST

/* --- waiting --- */

static bool serve_no_headers(struct connection *connection, const struct seen *seen, int index)
{
    (void)seen;
    (void)index;
    reply(connection, 200, "", OK_BODY);
    return true;
}

START_TEST(without_a_turn_before_the_deadline_it_is_throttled)
{
    static struct result results[12];
    int throttled = 0;

    server_start(serve_no_headers, NULL);
    rest_open(16);
    for (int i = 0; i < 12; i++) { /* 10 a second */
        memset(&results[i], 0, sizeof(results[i]));
        ck_assert_int_eq(submit(&results[i], ROUTE_ORDER_CREATE, ORDER, 300), ERR_NONE);
    }
    wait_idle();
    for (int i = 0; i < 12; i++) {
        if (!results[i].answer.throttled)
            continue;
        throttled++;
        assert_not_sent(&results[i]);
        ck_assert_int_gt(results[i].answer.retry_after_ms, 300);
        ck_assert_int_eq(results[i].answer.error.code, ERR_BUSY);
    }
    ck_assert_int_eq(throttled, 2);
    ck_assert_int_eq(server.requests, 10);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_turn_before_the_deadline_is_waited_for)
{
    static struct result results[11];

    server_start(serve_no_headers, NULL);
    rest_open(16);
    for (int i = 0; i < 11; i++) {
        memset(&results[i], 0, sizeof(results[i]));
        ck_assert_int_eq(submit(&results[i], ROUTE_ORDER_CREATE, ORDER, 3000), ERR_NONE);
    }
    wait_idle();
    ck_assert_int_eq(server.requests, 11);
    ck_assert(results[10].answer.answered);
    ck_assert_int_ge(results[10].done_at_us - results[0].done_at_us, 900000);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(busy_connections_are_waited_for_until_the_deadline)
{
    static struct result results[2];

    server_start(serve_nothing, NULL);
    rest_open(1);
    memset(results, 0, sizeof(results));
    ck_assert_int_eq(submit(&results[0], ROUTE_ORDER_CREATE, ORDER, 3000), ERR_NONE);
    ck_assert_int_eq(submit(&results[1], ROUTE_ORDER_CREATE, ORDER, 80), ERR_NONE);
    wait_for(&results[1].done, 1);
    assert_not_sent(&results[1]);
    ck_assert(results[1].answer.throttled);
    ck_assert_int_ge(results[1].answer.turn_us, 79000);
    ck_assert_uint_eq(metrics_value(&metrics->upstream.throttled[ROUTE_ORDER_CREATE]), 1);
    ck_assert_int_eq(results[0].done, 0);
    rest_shut();
    assert_in_doubt(&results[0]);
    ck_assert_int_eq(server.requests, 1);
    server_stop();
}
END_TEST

START_TEST(a_deadline_that_has_passed_is_not_begun)
{
    struct result result;

    server_start(serve_ok, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, -1);
    assert_not_sent(&result);
    ck_assert(!result.answer.throttled);
    ck_assert_int_eq(server.connections, 0);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(urgent_calls_go_first_and_have_connections_of_their_own)
{
    static struct result results[5];
    struct rest_request cancel = { .route = ROUTE_ORDER_CANCEL,
                                   .category = CATEGORY_LINEAR,
                                   .body = ORDER,
                                   .deadline_ms = clock_mono_ms() + 3000,
                                   .urgent = true,
                                   .on_sent = on_sent,
                                   .on_done = on_done,
                                   .userdata = &results[4] };

    server_start(serve_nothing, NULL);
    rest_open(4);
    memset(results, 0, sizeof(results));
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(submit(&results[i], ROUTE_ORDER_CREATE, ORDER, 3000), ERR_NONE);
    for (int i = 0; i < 4; i++)
        step(20);
    ck_assert_int_eq(results[2].sent_calls, 1);
    ck_assert_int_eq(results[3].sent_calls, 0);
    ck_assert_int_eq(rest_submit(rest, &cancel), ERR_NONE);
    wait_for(&results[4].sent_calls, 1);
    ck_assert_int_eq(results[3].sent_calls, 0);
    rest_shut();
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(results[i].done, 1);
    assert_not_sent(&results[3]);
    server_stop();
}
END_TEST

START_TEST(lanes_have_bounds)
{
    static struct result result;
    struct rest_request request = { .route = ROUTE_ORDER_CANCEL,
                                    .category = CATEGORY_LINEAR,
                                    .deadline_ms = clock_mono_ms() + 3000,
                                    .urgent = true,
                                    .on_done = on_done,
                                    .userdata = &result };

    server_start(serve_ok, NULL);
    rest_open(4);
    memset(&result, 0, sizeof(result));
    for (int i = 0; i < 256; i++)
        ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
    ck_assert_int_eq(rest_submit(rest, &request), ERR_BUSY);
    request.urgent = false;
    for (int i = 0; i < 1024; i++)
        ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
    ck_assert_int_eq(rest_submit(rest, &request), ERR_BUSY);
    ck_assert_uint_eq(rest_pending(rest), 1280);
    rest_shut();
    ck_assert_int_eq(result.done, 1280);
    ck_assert_int_eq(server.requests, 0);
    server_stop();
}
END_TEST

START_TEST(odd_requests_are_refused)
{
    static const char *const queries[] = { "a b", "a=b#c", "a\r\nX: 1", "\xc3\xa4", "a\x7f" };
    static char longest[9000];
    struct result result = { 0 };
    struct rest_request request = { .route = ROUTE_TICKERS,
                                    .on_done = on_done,
                                    .userdata = &result,
                                    .deadline_ms = clock_mono_ms() + 1000 };

    server_start(serve_ok, NULL);
    rest_open(4);
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        request.query = queries[i];
        ck_assert_int_eq(rest_submit(rest, &request), ERR_INVALID);
    }
    memset(longest, 'a', sizeof(longest) - 1);
    request.query = longest;
    ck_assert_int_eq(rest_submit(rest, &request), ERR_INVALID);
    request.query = NULL;
    request.body = "{}"; /* GET has no body */
    ck_assert_int_eq(rest_submit(rest, &request), ERR_INVALID);
    request.route = ROUTE_ORDER_CREATE;
    request.query = "a=b";
    ck_assert_int_eq(rest_submit(rest, &request), ERR_INVALID);
    request.query = NULL;
    request.body = "";
    ck_assert_int_eq(rest_submit(rest, &request), ERR_INVALID);
    rest_shut();
    ck_assert_int_eq(result.done, 0);
    server_stop();
}
END_TEST

START_TEST(without_keys_signed_routes_are_unavailable)
{
    struct result result = { 0 };
    char url[64];

    server_start(serve_ok, NULL);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d", server.port);
    rest_open_at(url, NULL, 2, NULL);
    ck_assert_int_eq(submit(&result, ROUTE_ORDER_CREATE, ORDER, 1000), ERR_UNAVAILABLE);
    call(&result, ROUTE_TICKERS, NULL, 1000);
    ck_assert(result.answer.answered);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(plain_http_goes_only_to_loopback_literals)
{
    static const char *const urls[] = { "http://localhost:1", "http://192.0.2.1", "https://a/b",
                                        "x" };

    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct rest_config config = { .url = urls[i] };
        struct rest *none = NULL;

        ck_assert_int_eq(rest_create(&none, &config, NULL), ERR_INVALID);
        ck_assert_ptr_null(none);
    }
    rest_destroy(NULL);
}
END_TEST

START_TEST(proxies_of_the_environment_are_ignored)
{
    static const char *const names[] = { "http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy",
                                         "ALL_PROXY" };
    struct result result;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        setenv(names[i], "http://127.0.0.1:1", 1);
    server_start(serve_ok, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    ck_assert(result.answer.answered);
    rest_shut();
    server_stop();
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unsetenv(names[i]);
}
END_TEST

static struct result chained;

static void submit_more(const struct rest_answer *answer, void *userdata)
{
    (void)answer;
    (void)userdata;
    memset(&chained, 0, sizeof(chained));
    ck_assert_int_eq(submit(&chained, ROUTE_ORDER_CREATE, ORDER, 2000), ERR_NONE);
}

START_TEST(a_callback_may_submit)
{
    struct rest_request request = { .route = ROUTE_ORDER_CREATE,
                                    .category = CATEGORY_LINEAR,
                                    .on_done = submit_more };

    server_start(serve_ok, NULL);
    rest_open(4);
    for (int i = 0; i < 2; i++) {
        memset(&chained, 0, sizeof(chained));
        request.deadline_ms = clock_mono_ms() + (i ? 1000 : -5); /* from the queue, from the wire */
        ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
        wait_for(&chained.done, 1);
        ck_assert(chained.answer.answered);
    }
    rest_shut();
    server_stop();
}
END_TEST

/* --- TLS --- */

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
    char file[64];
};

/* A self-signed certificate for `name`, and a file with it. */
static struct identity identity_make(const char *name)
{
    struct identity identity = { .key = EVP_RSA_gen(2048), .certificate = X509_new() };
    X509 *certificate = identity.certificate;
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, name);
    FILE *file;
    int fd;

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, identity.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    ck_assert_int_gt(X509_sign(certificate, identity.key, EVP_sha256()), 0);
    strcpy(identity.file, "/tmp/test_rest.XXXXXX");
    fd = mkstemp(identity.file);
    ck_assert_int_ge(fd, 0);
    file = fdopen(fd, "w");
    PEM_write_X509(file, certificate);
    fclose(file);
    return identity;
}

static void identity_free(struct identity *identity)
{
    unlink(identity->file);
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
}

static SSL_CTX *tls_of(const struct identity *identity, int max_version)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    SSL_CTX_use_certificate(tls, identity->certificate);
    SSL_CTX_use_PrivateKey(tls, identity->key);
    SSL_CTX_set_session_id_context(tls, (const unsigned char *)"t", 1);
    if (max_version == TLS1_1_VERSION)
        SSL_CTX_set_security_level(tls, 0);
    SSL_CTX_set_min_proto_version(tls, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(tls, max_version);
    return tls;
}

static void tls_open(const struct identity *identity, const char *ca_file, int max_version)
{
    char url[64];

    server_start(serve_ok, tls_of(identity, max_version));
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d", server.port);
    rest_open_at(url, ca_file, 4, signer);
}

START_TEST(tls_works_and_is_kept)
{
    struct identity identity = identity_make("IP:127.0.0.1");
    struct result result;
    int64_t start_us;

    tls_open(&identity, identity.file, TLS1_3_VERSION);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    ck_assert_msg(result.answer.answered, "%s", result.answer.error.text);
    assert_signed(&server.seen[0], ORDER, result.answer.signed_ms);
    start_us = clock_mono_us();
    for (int i = 0; i < 100; i++) {
        call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
        ck_assert(result.answer.answered);
    }
    printf("rest: %.1f us a request on a kept connection, TLS\n",
           (double)(clock_mono_us() - start_us) / 100);
    ck_assert_int_eq(server.connections, 1);
    rest_shut();
    server_stop();
    identity_free(&identity);
}
END_TEST

START_TEST(nothing_leaves_to_a_server_that_is_not_the_one)
{
    struct identity right = identity_make("IP:127.0.0.1");
    struct identity wrong = identity_make("DNS:other.example");
    struct result result;
    const struct identity *identity = _i == 0 ? &wrong : &right;
    const char *ca_file = _i == 0 ? wrong.file : _i == 1 ? wrong.file : _i == 2 ? NULL : right.file;

    /* Wrong name; unknown authority; not the system's; too old a TLS. */
    tls_open(identity, ca_file, _i == 3 ? TLS1_1_VERSION : TLS1_3_VERSION);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    assert_not_sent(&result);
    call(&result, ROUTE_ORDER_REALTIME, "a=b", 1000);
    ck_assert(!result.answer.answered);
    ck_assert_int_eq(result.answer.sent, REST_NOT_SENT);
    rest_shut();
    server_stop();
    ck_assert_int_eq(server.requests, 0);
    identity_free(&right);
    identity_free(&wrong);
}
END_TEST

START_TEST(tls_to_a_plain_server_is_not_sent)
{
    struct result result;
    char url[64];

    server_start(serve_ok, NULL);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d", server.port);
    server.deaf = true; /* takes the connection, never shakes hands */
    rest_open_at(url, NULL, 4, signer);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 200);
    assert_not_sent(&result);
    rest_shut();
    server_stop();
}
END_TEST

static void make_signer(void)
{
    ck_assert_int_eq(signer_create_hmac(&signer, KEY, SECRET, NULL), ERR_NONE);
}

static void drop_signer(void)
{
    signer_destroy(signer);
}

int main(void)
{
    Suite *suite = suite_create("rest");
    TCase *tcase = tcase_create("rest");
    SRunner *runner;
    int failures;

    signal(SIGPIPE, SIG_IGN);
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, make_signer, drop_signer);
    tcase_add_test(tcase, a_write_is_signed_over_the_bytes_that_arrive);
    tcase_add_test(tcase, a_read_is_signed_over_the_query_that_arrives);
    tcase_add_test(tcase, a_public_read_is_not_signed);
    tcase_add_test(tcase, an_rsa_key_signs_too);
    tcase_add_test(tcase, a_write_without_body_sends_empty_braces);
    tcase_add_test(tcase, connections_are_kept_and_used_again);
    tcase_add_test(tcase, what_comes_unasked_answers_nothing);
    tcase_add_test(tcase, warming_opens_connections_and_sets_the_clock);
    tcase_add_test(tcase, the_time_route_feeds_the_clock);
    tcase_add_test(tcase, no_more_connections_than_allowed);
    tcase_add_loop_test(tcase, a_post_is_never_sent_twice, 0, 2);
    tcase_add_test(tcase, a_get_on_a_dead_connection_goes_on_a_new_one);
    tcase_add_test(tcase, connection_refused_is_not_sent);
    tcase_add_test(tcase, silence_ends_in_doubt);
    tcase_add_test(tcase, a_write_ends_after_its_grace);
    tcase_add_test(tcase, a_server_that_never_reads_is_in_doubt);
    tcase_add_loop_test(tcase, a_broken_answer_is_none, 0, 2);
    tcase_add_test(tcase, a_redirect_is_an_answer_and_not_followed);
    tcase_add_test(tcase, too_large_an_answer_is_none);
    tcase_add_test(tcase, what_is_taken_back_is_not_sent);
    tcase_add_test(tcase, a_read_is_tried_again_after_503);
    tcase_add_test(tcase, a_read_is_tried_three_times_at_most);
    tcase_add_test(tcase, a_write_is_never_tried_again_after_503);
    tcase_add_loop_test(tcase, each_try_is_counted_by_how_it_ended, 0, ARRAY_LEN(outcomes));
    tcase_add_test(tcase, connecting_is_part_of_the_turn);
    tcase_add_test(tcase, earlier_tries_are_part_of_the_turn);
    tcase_add_test(tcase, a_try_that_did_not_leave_has_no_time_at_the_exchange);
    tcase_add_test(tcase, a_read_refused_for_its_time_waits_for_the_clock);
    tcase_add_test(tcase, a_write_refused_for_its_time_is_answered_and_the_clock_set);
    tcase_add_test(tcase, a_read_over_the_limit_waits_for_the_reset);
    tcase_add_test(tcase, the_ban_stops_all_calls);
    tcase_add_test(tcase, without_a_turn_before_the_deadline_it_is_throttled);
    tcase_add_test(tcase, a_turn_before_the_deadline_is_waited_for);
    tcase_add_test(tcase, busy_connections_are_waited_for_until_the_deadline);
    tcase_add_test(tcase, a_deadline_that_has_passed_is_not_begun);
    tcase_add_test(tcase, urgent_calls_go_first_and_have_connections_of_their_own);
    tcase_add_test(tcase, lanes_have_bounds);
    tcase_add_test(tcase, odd_requests_are_refused);
    tcase_add_test(tcase, without_keys_signed_routes_are_unavailable);
    tcase_add_test(tcase, plain_http_goes_only_to_loopback_literals);
    tcase_add_test(tcase, proxies_of_the_environment_are_ignored);
    tcase_add_test(tcase, a_callback_may_submit);
    tcase_add_test(tcase, tls_works_and_is_kept);
    tcase_add_loop_test(tcase, nothing_leaves_to_a_server_that_is_not_the_one, 0, 4);
    tcase_add_test(tcase, tls_to_a_plain_server_is_not_sent);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
