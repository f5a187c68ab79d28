/* The http server over real sockets: the gate's cases, keep-alive, limits, times, stop (RELIABILITY
 * section 1). */
#include <stdio.h>

#include "tests/test_http_parts.h"

static struct api api = { .env = "sim", .version = "0" };
static struct http *http;
static int port;
static char reply[64 * 1024];

static const struct http_times fast = {
    .header_ms = 200, .body_ms = 200, .idle_ms = 400, .stalled_ms = 300, .heartbeat_ms = 100
};

static void start_with(const struct http_times *times, size_t in_flight)
{
    static const char *const origins[] = { "http://localhost:3000" };
    struct http_config config = { .host = "127.0.0.1",
                                  .also_ipv6_loopback = true,
                                  .allow_origins = origins,
                                  .allow_origins_count = 1,
                                  .max_streams = 4,
                                  .max_connections = 1024,
                                  .max_in_flight = in_flight,
                                  .times = *times,
                                  .api = &api };
    struct error error = { .code = ERR_NONE };

    atomic_store(&orders_calls, 0);
    atomic_store(&held_count, 0);
    ck_assert_msg(http_start(&http, &config, &error) == ERR_NONE, "%s", error.text);
    port = http_port(http);
}

static void start(void)
{
    start_with(&http_times_default, 1024);
}

static void stop(void)
{
    http_stop(http, 1000);
    http = NULL;
}

/* Sends `text` on a new connection and reads the one reply. */
static int ask(const char *text)
{
    int fd = client_connect(port);
    int status;

    client_send(fd, text);
    status = client_reply(fd, reply, sizeof(reply));
    (void)close(fd);
    return status;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define POST_HEAD "POST /orders HTTP/1.1\r\nHost: localhost\r\n"
#define POST_JSON POST_HEAD "Content-Type: application/json\r\n"
#define POST_HELD "POST /held HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define AFTER     GET("/livez")

/* Each is one request, then a second in the same packet; a refusal closes, so that the second is
 * never handled. */
static const struct {
    const char *text;
    int status;
    bool by_library; /* libmicrohttpd itself answers an unreadable Content-Length before it asks us,
                      * and 0.9.75 then sends its head twice; still one status, and a close */
} refused[] = {
    { "GET /livez HTTP/1.1\r\n\r\n", 400, false },
    { "GET /livez HTTP/1.0\r\n\r\n", 400, false },
    { "GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400, false },
    { "GET /livez HTTP/1.1\r\nHost: local\r\n host\r\n\r\n", 400, false },
    { "GET /livez HTTP/1.1\r\nHost:\r\n localhost\r\n\r\n", 400, false },
    { "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: a\r\n  b\r\n\r\n", 400, false },
    { "GET /livez HTTP/1.1\nHost: localhost\n\n", 400, false },
    { "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: a\x01\r\n\r\n", 400, false },
    { "GET /livez HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", 400, false },
    { "GET /livez HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, false },
    { "GET /livez HTTP/1.1\r\nHost: u@127.0.0.1\r\n\r\n", 421, false },
    { "GET /livez HTTP/1.1\r\nHost: \r\n\r\n", 400, false },
    { GET("http://evil.example/livez"), 400, false },
    { GET("/x/%2e%2e/y"), 400, false },
    { GET("/x/../y"), 400, false },
    { GET("//livez"), 400, false },
    { GET("/a b"), 400, false },
    { GET("/a%00b"), 400, false },
    { GET("/nothing"), 404, false },
    { GET("/livez?x=1"), 400, false },
    { GET("/stream?topics=a&topics=b"), 400, false },
    { "PUT /orders HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, false },
    { "OPTIONS /orders HTTP/1.1\r\nHost: localhost\r\nAccess-Control-Request-Method: POST\r\n\r\n",
      405, false },
    { "TRACE /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, false },
    { POST_JSON "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, false },
    { POST_JSON "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 411, false },
    { POST_JSON "Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 411, false },
    { POST_JSON "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 411, false },
    { POST_JSON "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, false },
    { POST_JSON "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400, false },
    { POST_JSON "Content-Length : 2\r\n\r\n{}", 400, false },
    { POST_JSON "Content-Length: +2\r\n\r\n{}", 400, true },
    { POST_JSON "Content-Length: -1\r\n\r\n{}", 400, true },
    { POST_JSON "Content-Length: 2, 2\r\n\r\n{}", 400, true },
    { POST_JSON "Content-Length: 65537\r\n\r\n{}", 413, false },
    { POST_JSON "Content-Length: 99999999999999999999999999\r\n\r\n{}", 413, true },
    { POST_JSON "Content-Length:\r\n 2\r\n\r\n{}", 400, false },
    { POST_HEAD "Content-Length: 2\r\nContent-Type: text/plain\r\n\r\n{}", 415, false },
    { POST_JSON "Content-Length: 2\r\nOrigin: https://evil.example\r\n\r\n{}", 403, false },
    { POST_JSON "Content-Length: 2\r\nOrigin: null\r\n\r\n{}", 403, false },
    { POST_JSON "Content-Length: 2\r\nOrigin: http://localhost\r\n\r\n{}", 403, false },
    { POST_JSON "Content-Length: 2\r\nSec-Fetch-Site: none\r\n\r\n{}", 403, false },
    { POST_JSON "Content-Length: 2\r\nBridge-Expect-Env: mainnet\r\n\r\n{}", 409, false },
    { "GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nGET ", 400, false },
};

START_TEST(g_refusals_close_and_a_second_request_is_never_handled)
{
    char text[4096];
    int fd = client_connect(port);

    (void)snprintf(text, sizeof(text), "%s%s", refused[_i].text, AFTER);
    client_send(fd, text);
    text[0] = '\0';
    while (client_read(fd, text, sizeof(text), NULL, 2000))
        ;
    ck_assert_msg(atoi(text + 9) == refused[_i].status, "%s\n-> %s", refused[_i].text, text);
    ck_assert_ptr_null(strstr(text, " 200 OK"));
    ck_assert_ptr_null(strstr(text, " 201 Created"));
    ck_assert_msg(refused[_i].by_library || !strstr(text + 9, "HTTP/1.1 "),
                  "two answers: %s\n-> %s", refused[_i].text, text);
    ck_assert_ptr_nonnull(strstr(text, "Connection: close\r\n"));
    ck_assert_int_eq(atomic_load(&orders_calls), 0);
    (void)close(fd);
}
END_TEST

START_TEST(g04_nul_bytes_in_a_head_are_400)
{
    static const char text[] = "GET /livez HTTP/1.1\r\nHost: localhost\0.evil\r\n\r\n";
    int fd = client_connect(port);

    ck_assert_int_eq(send(fd, text, sizeof(text) - 1, 0), sizeof(text) - 1);
    ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 400);
    (void)close(fd);
}
END_TEST

START_TEST(g04_many_or_large_headers_are_431)
{
    static char text[40 * 1024];

    strcpy(text, "GET /livez HTTP/1.1\r\nHost: localhost\r\n");
    for (int i = 0; i < 64; i++)
        strcat(text, "X-A: b\r\n");
    strcat(text, "\r\n");
    ck_assert_int_eq(ask(text), 431);
    ck_assert_ptr_nonnull(strstr(reply, "headers_too_large"));
    strcpy(text, "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: ");
    memset(text + strlen(text), 'a', 17 * 1024);
    strcat(text, "\r\n\r\n");
    ck_assert_int_eq(ask(text), 431);
    ck_assert_ptr_nonnull(strstr(reply, "headers_too_large"));
    text[40 + 15 * 1024] = '\0';
    strcat(text, "\r\n\r\n");
    ck_assert_int_eq(ask(text), 200);
}
END_TEST

START_TEST(g05_other_spellings_of_our_host_are_taken)
{
    ck_assert_int_eq(ask("GET /livez HTTP/1.1\r\nHost: LOCALHOST:1\r\n\r\n"), 200);
    ck_assert_int_eq(ask("GET /livez HTTP/1.1\r\nHost:[::1]:8787\r\n\r\n"), 200);
}
END_TEST

START_TEST(g14_json_and_forms_arrive)
{
    int fd = client_connect(port);

    atomic_store(&orders_calls, 0);
    ck_assert_int_eq(ask(POST_JSON "Content-Length: 7\r\n\r\n{\"a\":1}"), 201);
    ck_assert_str_eq(orders_body, "{\"a\":1}");
    ck_assert_int_eq(ask(POST_HEAD "Content-Type: application/x-www-form-urlencoded\r\n"
                                   "Content-Length: 3\r\n\r\na=1"),
                     201);
    ck_assert_str_eq(orders_body, "a=1");
    ck_assert_int_eq(ask(POST_HEAD "\r\n"), 201);
    ck_assert_str_eq(orders_body, "");
    client_send(fd, POST_JSON "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 100);
    client_send(fd, "{}");
    ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 201);
    (void)close(fd);
    ck_assert_int_eq(atomic_load(&orders_calls), 4);
}
END_TEST

START_TEST(g08_a_body_of_64_kib_arrives_whole)
{
    static char text[70 * 1024];
    size_t head;

    strcpy(text, POST_JSON "Content-Length: 65536\r\n\r\n");
    head = strlen(text);
    for (size_t i = 0; i < 65536; i++)
        text[head + i] = (char)('a' + i % 26);
    ck_assert_int_eq(ask(text), 201);
    ck_assert_str_eq(orders_body, text + head);
}
END_TEST

START_TEST(g19_every_answer_has_its_headers)
{
    static const char *const asks[] = { GET("/livez"), GET("/nothing"), GET("/late"),
                                        GET("/broken"), GET("/stream") };

    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        (void)ask(asks[i]);
        ck_assert_ptr_nonnull(strstr(reply, "Bridge-Env: sim\r\n"));
        ck_assert_ptr_nonnull(strstr(reply, "X-Request-Id: "));
        ck_assert_ptr_nonnull(strstr(reply, "Cache-Control: no-store\r\n"));
        ck_assert_ptr_nonnull(strstr(reply, "X-Content-Type-Options: nosniff\r\n"));
        ck_assert_ptr_nonnull(strstr(reply, "Cross-Origin-Resource-Policy: same-origin\r\n"));
        ck_assert_ptr_nonnull(strstr(reply, "X-Frame-Options: DENY\r\n"));
        ck_assert_ptr_nonnull(strstr(reply, "Content-Type: "));
        ck_assert_ptr_null(strstr(reply, "Access-Control"));
    }
}
END_TEST

START_TEST(g18_a_configured_origin_gets_cors_and_a_preflight)
{
    ck_assert_int_eq(
        ask("GET /livez HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:3000\r\n\r\n"),
        200);
    ck_assert_ptr_nonnull(strstr(reply, "Access-Control-Allow-Origin: http://localhost:3000\r\n"));
    ck_assert_ptr_nonnull(strstr(reply, "Vary: Origin\r\n"));
    ck_assert_int_eq(ask("OPTIONS /livez HTTP/1.1\r\nHost: localhost\r\nOrigin: "
                         "http://localhost:3000\r\nAccess-Control-Request-Method: GET\r\n\r\n"),
                     204);
    ck_assert_ptr_nonnull(strstr(reply, "Access-Control-Allow-Methods: "));
    ck_assert_ptr_null(strstr(reply, "Allow-Credentials"));
}
END_TEST

START_TEST(problems_are_problem_json_and_a_405_has_allow)
{
    ck_assert_int_eq(ask("PUT /orders HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405);
    ck_assert_ptr_nonnull(strstr(reply, "Allow: POST, DELETE\r\n"));
    ck_assert_ptr_nonnull(strstr(reply, "Content-Type: application/problem+json\r\n"));
    ck_assert_ptr_nonnull(strstr(reply, "\"code\":\"method_not_allowed\""));
    ck_assert_int_eq(ask(GET("/broken")), 500);
    ck_assert_ptr_nonnull(strstr(reply, "\"code\":\"internal\""));
}
END_TEST

START_TEST(head_is_get_without_a_body)
{
    int fd = client_connect(port);
    char text[2048] = "";

    client_send(fd, "HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ck_assert(client_read(fd, text, sizeof(text), "\r\n\r\n", 2000));
    ck_assert_ptr_nonnull(strstr(text, "200 OK"));
    ck_assert_ptr_nonnull(strstr(text, "Content-Length: 3\r\n"));
    ck_assert_str_eq(strstr(text, "\r\n\r\n"), "\r\n\r\n");
    client_send(fd, GET("/livez")); /* nothing of a body stands before the next answer */
    ck_assert_int_eq(client_reply(fd, text, sizeof(text)), 200);
    (void)close(fd);
}
END_TEST

START_TEST(ten_thousand_requests_go_over_one_connection)
{
    int fd = client_connect(port);

    for (int i = 0; i < 10000; i++) {
        client_send(fd, i % 100 ? GET("/livez") : GET("/late"));
        ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 200);
    }
    (void)close(fd);
}
END_TEST

START_TEST(replies_on_one_connection_do_not_keep_each_others_headers)
{
    int fd = client_connect(port);
    char last[24] = "";

    for (int i = 0; i < 6; i++) {
        const char *id;
        const char *twin;

        client_send(fd, i == 3 ? GET("/late") : GET("/livez"));
        ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 200);
        id = strstr(reply, "X-Request-Id: ");
        twin = strstr(reply, "X-Twin: ");
        ck_assert_ptr_nonnull(id);
        ck_assert_ptr_null(strstr(id + 1, "X-Request-Id: "));
        ck_assert_ptr_null(strstr(strstr(reply, "nosniff") + 1, "nosniff"));
        ck_assert_int_ne(strncmp(id + 14, last, 18), 0);
        memcpy(last, id + 14, 18);
        ck_assert(!twin == (i == 3));
        if (twin)
            ck_assert_int_eq(strncmp(twin + 8, last, 18), 0);
    }
    (void)close(fd);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
    int fd = client_connect(port);

    client_send(fd,
                GET("/late") POST_JSON "Content-Length: 2\r\n\r\n{}" GET("/livez") GET("/late"));
    ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 200);
    ck_assert_ptr_nonnull(strstr(reply, "late\n"));
    ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 201);
    ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 200);
    ck_assert_ptr_nonnull(strstr(reply, "ok\n"));
    ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 200);
    (void)close(fd);
}
END_TEST

START_TEST(a_large_reply_arrives_whole)
{
    static char large[13 * 1024 * 1024];
    int fd = client_connect(port);

    client_send(fd, GET("/big"));
    ck_assert_int_eq(client_reply(fd, large, sizeof(large)), 200);
    ck_assert_uint_eq(strlen(strstr(large, "\r\n\r\n") + 4), BIG_BYTES);
    (void)close(fd);
}
END_TEST

#define MANY 200

START_TEST(two_hundred_connections_are_served_at_once)
{
    int fds[MANY];

    for (int i = 0; i < MANY; i++)
        fds[i] = client_connect(port);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++)
            client_send(fds[i], i % 2 ? GET("/late") : GET("/livez"));
        for (int i = 0; i < MANY; i++)
            ck_assert_int_eq(client_reply(fds[i], reply, sizeof(reply)), 200);
    }
    for (int i = 0; i < MANY; i++)
        (void)close(fds[i]);
}
END_TEST

START_TEST(a_client_that_leaves_while_its_handler_works_does_no_harm)
{
    for (int i = 0; i < 50; i++) {
        int fd = client_connect(port);

        client_send(fd, GET("/late"));
        (void)close(fd);
    }
    ck_assert_int_eq(ask(GET("/livez")), 200);
}
END_TEST

START_TEST(ipv6_loopback_has_the_same_port)
{
    struct sockaddr_in6 address = { .sin6_family = AF_INET6,
                                    .sin6_port = htons((uint16_t)port),
                                    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int fd = socket(AF_INET6, SOCK_STREAM, 0);

    if (fd < 0)
        return; /* no IPv6 here */
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
        client_send(fd, GET("/livez"));
        ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 200);
    }
    (void)close(fd);
}
END_TEST

START_TEST(g01_a_taken_port_and_bad_addresses_are_errors)
{
    struct http_config config = { .port = port, .api = &api, .max_connections = 8 };
    struct error error = { .code = ERR_NONE };
    struct http *other = NULL;

    ck_assert_int_eq(http_start(&other, &config, &error), ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.text, "taken"));
    config.port = 0;
    config.host = "localhost";
    ck_assert_int_eq(http_start(&other, &config, &error), ERR_INVALID);
    config.host = "0.0.0.0";
    ck_assert_int_eq(http_start(&other, &config, &error), ERR_INVALID);
    config.host = "127.0.0.1";
    config.port = 65536;
    ck_assert_int_eq(http_start(&other, &config, &error), ERR_INVALID);
}
END_TEST

START_TEST(status_counts_connections)
{
    struct buffer out = buffer_of(4096);

    buffer_add_text(&out, "{");
    http_add_status(&out, http);
    buffer_add_text(&out, "}");
    ck_assert_int_eq(buffer_check(&out), ERR_NONE);
    ck_assert_ptr_nonnull(strstr(out.data, "\"streams\":{\"readers\":0,\"max\":4"));
    ck_assert_ptr_nonnull(strstr(out.data, "\"connections\":"));
    buffer_deinit(&out);
}
END_TEST

/* --- bounds --- */

static void wait_held(int count)
{
    int64_t end_ms = clock_mono_ms() + 5000;

    while (atomic_load(&held_count) < count && clock_mono_ms() < end_ms)
        (void)usleep(1000);
    ck_assert_int_eq(atomic_load(&held_count), count);
    for (int i = 0; i < count; i++) {
        while (!atomic_load(&held[i]))
            (void)usleep(100);
    }
}

static void release_held(int from)
{
    for (int i = from; i < atomic_load(&held_count); i++)
        answer(atomic_exchange(&held[i], NULL), 200, "held\n");
}

START_TEST(g16_above_max_in_flight_creates_are_503_and_cancels_still_go)
{
    int first;
    int second;

    start_with(&http_times_default, 2);
    first = client_connect(port);
    second = client_connect(port);
    client_send(first, POST_HELD);
    client_send(second, POST_HELD);
    wait_held(2);
    ck_assert_int_eq(ask(GET("/livez")), 200);
    ck_assert_int_eq(ask(POST_JSON "Content-Length: 2\r\n\r\n{}"), 503);
    ck_assert_ptr_nonnull(strstr(reply, "\"code\":\"busy\""));
    ck_assert_ptr_nonnull(strstr(reply, "Retry-After: 1\r\n"));
    ck_assert_ptr_nonnull(strstr(reply, "\"outcome\":\"not_sent\""));
    ck_assert_ptr_nonnull(strstr(reply, "\"retry\":{\"safe\":true,\"after_ms\":1000}"));
    ck_assert_int_eq(atomic_load(&orders_calls), 0);
    ck_assert_int_eq(ask("DELETE /orders HTTP/1.1\r\nHost: localhost\r\n\r\n"), 201);
    release_held(0);
    ck_assert_int_eq(client_reply(first, reply, sizeof(reply)), 200);
    ck_assert_int_eq(client_reply(second, reply, sizeof(reply)), 200);
    ck_assert_int_eq(ask(POST_JSON "Content-Length: 2\r\n\r\n{}"), 201);
    (void)close(first);
    (void)close(second);
    stop();
}
END_TEST

START_TEST(g16_reads_that_wait_stop_neither_creates_nor_cancels)
{
    int fds[20];

    start_with(&http_times_default, ARRAY_LEN(fds));
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = client_connect(port);
        client_send(fds[i], i < ARRAY_LEN(fds) / 2 ? GET("/held?wait=final") : GET("/held"));
        wait_held((int)i + 1);
        if (i + 1 == ARRAY_LEN(fds) / 2)
            ck_assert_int_eq(ask(GET("/held?wait=final")), 503); /* these leave the half */
    }
    ck_assert_int_eq(ask(GET("/held")), 503);
    ck_assert_int_eq(ask(POST_JSON "Content-Length: 2\r\n\r\n{}"), 201);
    ck_assert_int_eq(ask("DELETE /orders HTTP/1.1\r\nHost: localhost\r\n\r\n"), 201);
    release_held(0);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        ck_assert_int_eq(client_reply(fds[i], reply, sizeof(reply)), 200);
        (void)close(fds[i]);
    }
    stop();
}
END_TEST

#define OTHER_ADDRESS 0x7f000002

static int connect_from(uint32_t source)
{
    const struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr = { htonl(source) } };
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)port),
                                    .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&from, sizeof(from)), 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

START_TEST(g16_one_address_of_the_network_does_not_take_all_connections)
{
    const struct http_config config = { .host = "0.0.0.0",
                                        .read_token = "read-token-0123456789",
                                        .max_connections = 8,
                                        .max_in_flight = 8,
                                        .times = http_times_default,
                                        .api = &api };
    struct error error = { .code = ERR_NONE };
    int fds[20];

    ck_assert_int_eq(http_start(&http, &config, &error), ERR_NONE);
    port = http_port(http);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = connect_from(OTHER_ADDRESS);
    ck_assert(client_sees_close(fds[ARRAY_LEN(fds) - 1], 5000));
    ck_assert_int_eq(ask(GET("/livez")), 401);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        (void)close(fds[i]);
    stop();
}
END_TEST

/* --- times (G17) --- */

START_TEST(g17_a_head_or_body_that_drips_is_cut_off)
{
    static const char *const begun[] = { "G", "GET /livez HTTP/1.1\r\n",
                                         POST_JSON "Content-Length: 20\r\n\r\n{" };
    static const char *const drip[] = { "x", "X-A: b\r\n", " " };
    int64_t began_ms;
    bool closed = false;
    int fd;

    start_with(&fast, 1024);
    began_ms = clock_mono_ms();
    fd = client_connect(port);
    client_send(fd, begun[_i]);
    for (int i = 0; i < 20 && !closed; i++) {
        client_send(fd, drip[_i]);
        closed = client_sees_close(fd, 50);
    }
    ck_assert(closed);
    ck_assert_int_ge(clock_mono_ms() - began_ms, 150);
    ck_assert_int_le(clock_mono_ms() - began_ms, 800);
    ck_assert_int_eq(atomic_load(&orders_calls), 0);
    (void)close(fd);
    stop();
}
END_TEST

START_TEST(g17_an_idle_connection_is_closed_later_than_a_slow_one)
{
    int64_t began_ms;
    int fresh;
    int used;

    start_with(&fast, 1024);
    began_ms = clock_mono_ms();
    fresh = client_connect(port);
    used = client_connect(port);
    client_send(used, GET("/livez"));
    ck_assert_int_eq(client_reply(used, reply, sizeof(reply)), 200);
    ck_assert(client_sees_close(fresh, 2000));
    ck_assert_int_ge(clock_mono_ms() - began_ms, 350);
    ck_assert(client_sees_close(used, 2000));
    (void)close(fresh);
    (void)close(used);
    stop();
}
END_TEST

START_TEST(g17_a_reader_that_takes_no_byte_is_closed_and_a_handler_has_time)
{
    struct buffer status = buffer_of(4096);
    int stalled;
    int working;

    start_with(&fast, 1024);
    stalled = client_connect_small(port);
    working = client_connect(port);
    client_send(working, GET("/held"));
    wait_held(1);
    client_send(stalled, GET("/big"));
    for (int i = 0; i < 100 && !(status.data && strstr(status.data, "\"closed_slow\":1}")); i++) {
        (void)usleep(20000);
        buffer_clear(&status);
        http_add_status(&status, http);
    }
    ck_assert_ptr_nonnull(strstr(status.data, "\"closed_slow\":1}"));
    release_held(0);
    ck_assert_int_eq(client_reply(working, reply, sizeof(reply)), 200);
    buffer_deinit(&status);
    (void)close(stalled);
    (void)close(working);
    stop();
}
END_TEST

/* A call whose client closed its connection is told so; one half closed may still be read. */
START_TEST(a_long_work_learns_that_its_client_has_gone)
{
    int leaves;
    int listens;

    start_with(&fast, 1024);
    leaves = client_connect(port);
    client_send(leaves, GET("/held"));
    wait_held(1);
    listens = client_connect(port);
    client_send(listens, GET("/held"));
    wait_held(2);
    ck_assert_int_eq(shutdown(listens, SHUT_WR), 0);
    (void)usleep(100000);
    ck_assert(!atomic_load(&atomic_load(&held[0])->gone));
    (void)close(leaves);
    for (int i = 0; i < 250 && !atomic_load(&atomic_load(&held[0])->gone); i++)
        (void)usleep(20000);
    ck_assert(atomic_load(&atomic_load(&held[0])->gone));
    ck_assert(!atomic_load(&atomic_load(&held[1])->gone));
    release_held(0);
    (void)close(listens);
    stop();
}
END_TEST

/* --- stop --- */

START_TEST(stop_waits_for_handlers_within_its_grace)
{
    int fd;
    pthread_t thread;

    start();
    fd = client_connect(port);
    client_send(fd, GET("/held"));
    wait_held(1);
    ck_assert_int_eq(pthread_create(&thread, NULL, answer_late, atomic_exchange(&held[0], NULL)),
                     0);
    http_stop(http, 5000);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(client_reply(fd, reply, sizeof(reply)), 200);
    (void)close(fd);
}
END_TEST

START_TEST(stop_with_suspended_requests_neither_aborts_nor_leaks)
{
    int fds[20];

    start();
    for (int i = 0; i < 20; i++) {
        fds[i] = client_connect(port);
        client_send(fds[i], GET("/held"));
    }
    wait_held(20);
    for (int i = 0; i < 5; i++)
        (void)close(fds[i]);
    http_stop(http, 20);
    for (int i = 5; i < 20; i++) {
        ck_assert(client_sees_close(fds[i], 2000));
        (void)close(fds[i]);
    }
    release_held(0); /* answers that come after the end free themselves */
}
END_TEST

START_TEST(after_quiesce_answers_go_out_and_requests_do_not_come_in)
{
    int waiting;
    int idle;

    start();
    waiting = client_connect(port);
    idle = client_connect(port);
    client_send(waiting, GET("/held"));
    client_send(idle, GET("/livez"));
    ck_assert_int_eq(client_reply(idle, reply, sizeof(reply)), 200);
    wait_held(1);
    http_quiesce(http);
    http_quiesce(http);
    client_send(idle, GET("/livez"));
    ck_assert_int_eq(client_reply(idle, reply, sizeof(reply)), 503);
    ck_assert_ptr_nonnull(strstr(reply, "\"code\":\"stopping\""));
    release_held(0);
    ck_assert_int_eq(client_reply(waiting, reply, sizeof(reply)), 200);
    (void)close(idle);
    (void)close(waiting);
    stop();
}
END_TEST

static TCase *running_case(void)
{
    TCase *tcase = tcase_create("running");

    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, start, stop);
    tcase_add_loop_test(tcase, g_refusals_close_and_a_second_request_is_never_handled, 0,
                        ARRAY_LEN(refused));
    tcase_add_test(tcase, g04_nul_bytes_in_a_head_are_400);
    tcase_add_test(tcase, g04_many_or_large_headers_are_431);
    tcase_add_test(tcase, g05_other_spellings_of_our_host_are_taken);
    tcase_add_test(tcase, g14_json_and_forms_arrive);
    tcase_add_test(tcase, g08_a_body_of_64_kib_arrives_whole);
    tcase_add_test(tcase, g19_every_answer_has_its_headers);
    tcase_add_test(tcase, g18_a_configured_origin_gets_cors_and_a_preflight);
    tcase_add_test(tcase, problems_are_problem_json_and_a_405_has_allow);
    tcase_add_test(tcase, head_is_get_without_a_body);
    tcase_add_test(tcase, ten_thousand_requests_go_over_one_connection);
    tcase_add_test(tcase, replies_on_one_connection_do_not_keep_each_others_headers);
    tcase_add_test(tcase, pipelined_requests_are_answered_in_order);
    tcase_add_test(tcase, a_large_reply_arrives_whole);
    tcase_add_test(tcase, two_hundred_connections_are_served_at_once);
    tcase_add_test(tcase, a_client_that_leaves_while_its_handler_works_does_no_harm);
    tcase_add_test(tcase, ipv6_loopback_has_the_same_port);
    tcase_add_test(tcase, g01_a_taken_port_and_bad_addresses_are_errors);
    tcase_add_test(tcase, status_counts_connections);
    return tcase;
}

static TCase *own_case(void)
{
    TCase *tcase = tcase_create("own");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, g16_above_max_in_flight_creates_are_503_and_cancels_still_go);
    tcase_add_test(tcase, g16_one_address_of_the_network_does_not_take_all_connections);
    tcase_add_test(tcase, g16_reads_that_wait_stop_neither_creates_nor_cancels);
    tcase_add_loop_test(tcase, g17_a_head_or_body_that_drips_is_cut_off, 0, 3);
    tcase_add_test(tcase, g17_an_idle_connection_is_closed_later_than_a_slow_one);
    tcase_add_test(tcase, g17_a_reader_that_takes_no_byte_is_closed_and_a_handler_has_time);
    tcase_add_test(tcase, a_long_work_learns_that_its_client_has_gone);
    tcase_add_test(tcase, stop_waits_for_handlers_within_its_grace);
    tcase_add_test(tcase, stop_with_suspended_requests_neither_aborts_nor_leaks);
    tcase_add_test(tcase, after_quiesce_answers_go_out_and_requests_do_not_come_in);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("http");
    SRunner *runner;
    int failures;

    suite_add_tcase(suite, running_case());
    suite_add_tcase(suite, own_case());
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
