/* tests/test_rest_counts.c - what is counted, where the time went, and answers about the time */
#include "tests/test_rest_kit.h"

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

static void add(TCase *tcase)
{
    tcase_add_loop_test(tcase, each_try_is_counted_by_how_it_ended, 0, ARRAY_LEN(outcomes));
    tcase_add_test(tcase, connecting_is_part_of_the_turn);
    tcase_add_test(tcase, earlier_tries_are_part_of_the_turn);
    tcase_add_test(tcase, a_try_that_did_not_leave_has_no_time_at_the_exchange);
    tcase_add_test(tcase, a_read_refused_for_its_time_waits_for_the_clock);
    tcase_add_test(tcase, a_write_refused_for_its_time_is_answered_and_the_clock_set);
}

int main(void)
{
    return rest_run_tests("rest_counts", add);
}
