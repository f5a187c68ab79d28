/* tests/test_rest.c - the transport against a small real server: signing, connections, odd requests
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "tests/test_rest_kit.h"

/* --- signing --- */

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

/* Our ends of the connections to the server, each with how long unacknowledged bytes are waited
 * for. */
static int ends_to_server(unsigned most_ms[8])
{
    int count = 0;

    for (int fd = 0; fd < 256 && count < 8; fd++) {
        struct sockaddr_in peer = { 0 };
        socklen_t bytes = sizeof(peer);
        socklen_t value_bytes = sizeof(most_ms[0]);

        if (getpeername(fd, (struct sockaddr *)&peer, &bytes) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == server.port &&
            getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &most_ms[count], &value_bytes) == 0)
            count++;
    }
    return count;
}

/* Loopback acknowledges all: what is left to see is what was asked of the kernel. */
START_TEST(a_path_that_is_gone_is_not_waited_for_as_long_as_a_slow_answer)
{
    struct result result;
    unsigned most_ms[8];

    server_start(serve_ok, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    ck_assert_int_eq(ends_to_server(most_ms), 1);
    ck_assert(most_ms[0] >= 2000 && most_ms[0] <= 5000);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(warming_opens_connections_and_sets_the_clock)
{
    static struct result results[4];

    server_start(serve_ok, NULL);
    rest_open(16);
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

static void add(TCase *tcase)
{
    tcase_add_test(tcase, a_write_is_signed_over_the_bytes_that_arrive);
    tcase_add_test(tcase, a_read_is_signed_over_the_query_that_arrives);
    tcase_add_test(tcase, a_public_read_is_not_signed);
    tcase_add_test(tcase, an_rsa_key_signs_too);
    tcase_add_test(tcase, a_write_without_body_sends_empty_braces);
    tcase_add_test(tcase, connections_are_kept_and_used_again);
    tcase_add_test(tcase, a_path_that_is_gone_is_not_waited_for_as_long_as_a_slow_answer);
    tcase_add_test(tcase, warming_opens_connections_and_sets_the_clock);
    tcase_add_test(tcase, the_time_route_feeds_the_clock);
    tcase_add_test(tcase, no_more_connections_than_allowed);
    tcase_add_test(tcase, odd_requests_are_refused);
    tcase_add_test(tcase, without_keys_signed_routes_are_unavailable);
    tcase_add_test(tcase, plain_http_goes_only_to_loopback_literals);
    tcase_add_test(tcase, proxies_of_the_environment_are_ignored);
    tcase_add_test(tcase, a_callback_may_submit);
}

int main(void)
{
    return rest_run_tests("rest", add);
}
