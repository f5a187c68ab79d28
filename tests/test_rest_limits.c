/* tests/test_rest_limits.c - limits and bans that answers tell of, and what a call's end does to
 * the budget. Lanes are in test_rest_lanes.c. */
#include "tests/test_rest_kit.h"

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

/* --- what a call's end does to the budget --- */

static bool serve_ban_stated(struct connection *connection, const struct seen *seen, int index)
{
    static const char *const stated[] = { "Retry-After: 7\r\n", "Retry-After: 3601\r\n",
                                          "Retry-After: 0\r\n",
                                          "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n" };
    char headers[160];

    (void)seen;
    (void)index;
    if (connection->server->variant < (int)ARRAY_LEN(stated)) {
        reply(connection, 403, stated[connection->server->variant], "access too frequent");
        return true;
    }
    (void)snprintf(
        headers, sizeof(headers), "X-Bapi-Limit-Reset-Timestamp: %" PRId64 "\r\nRetry-After: 2\r\n",
        clock_wall_ms() + (connection->server->variant == (int)ARRAY_LEN(stated) ? 9000 : -5));
    reply(connection, 403, headers, "access too frequent");
    return true;
}

START_TEST(the_ban_lasts_as_long_as_is_stated)
{
    static const int seconds[] = { 7, 600, 600, 600, 9, 2 };
    struct result result;
    int64_t left_ms;

    server_start(serve_ban_stated, NULL);
    server.variant = _i;
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    left_ms = budget_banned_until(budget) - clock_mono_ms();
    ck_assert_int_le(left_ms, seconds[_i] * 1000 + 100);
    ck_assert_int_ge(left_ms, seconds[_i] * 1000 - 500);
    ck_assert_int_le(result.answer.retry_after_ms - left_ms, 500);
    rest_shut();
    server_stop();
}
END_TEST

static bool serve_short_ban(struct connection *connection, const struct seen *seen, int index)
{
    (void)seen;
    (void)index;
    reply(connection, 403, "Retry-After: 1\r\n", "access too frequent");
    return true;
}

/* It goes on after the time that was stated: then that was not meant, and asking each second would
 * make it last. */
START_TEST(a_stated_time_that_was_too_short_is_not_believed_again)
{
    struct result result;

    server_start(serve_short_ban, NULL);
    rest_open(4);
    for (int i = 0; i < 2; i++) {
        call(&result, ROUTE_ORDER_CANCEL, ORDER, 3000); /* the second waits for the first's end */
        ck_assert_int_eq(result.answer.http_status, 403);
    }
    ck_assert_int_ge(budget_banned_until(budget) - clock_mono_ms(), 590000);
    ck_assert_int_eq(server.requests, 2);
    rest_shut();
    server_stop();
}
END_TEST

static bool serve_429(struct connection *connection, const struct seen *seen, int index)
{
    static const char *const stated[] = { "Retry-After: 2\r\n", "Retry-After: 99999999\r\n",
                                          "Retry-After: -3\r\n", "" };

    (void)seen;
    (void)index;
    reply(connection, 429, stated[connection->server->variant], "slow down");
    return true;
}

START_TEST(a_429_holds_its_route_as_long_as_is_stated)
{
    static const int held_ms[] = { 2000, 5000, 1000, 1000 };
    struct budget_window window;
    struct result result;

    server_start(serve_429, NULL);
    server.variant = _i;
    rest_open(4);
    call(&result, ROUTE_ORDER_CANCEL, ORDER, 500);
    ck_assert_int_eq(result.answer.http_status, 429);
    ck_assert_int_ge(result.answer.retry_after_ms, held_ms[_i]);
    ck_assert_int_le(result.answer.retry_after_ms, held_ms[_i] + 50);
    ck_assert(budget_read(budget, ROUTE_ORDER_CANCEL, CATEGORY_LINEAR, clock_mono_ms(), &window));
    ck_assert_int_ge(window.held_for_ms, held_ms[_i] - 500);
    rest_shut();
    server_stop();
}
END_TEST

static const char *const odd_headers[] = {
    "X-Bapi-Limit: 0\r\nX-Bapi-Limit-Status: 0\r\n",
    "X-Bapi-Limit: -1\r\nX-Bapi-Limit-Status: -1\r\n",
    "X-Bapi-Limit: 99999999999999999999\r\nX-Bapi-Limit-Status: 99999999999999999999\r\n",
    "X-Bapi-Limit: 2147483647\r\nX-Bapi-Limit-Status: 2147483647\r\n",
    "X-Bapi-Limit: \r\nX-Bapi-Limit-Status: \r\n",
    "X-Bapi-Limit: ten\r\nX-Bapi-Limit-Status: 0x3\r\nRetry-After: -1\r\n",
    "X-Bapi-Limit: 10\r\nX-Bapi-Limit-Status: 2000000000\r\n",
    "X-Bapi-Limit-Reset-Timestamp: 999999999999999\r\nRetry-After: 99999999\r\n",
};

static bool serve_odd(struct connection *connection, const struct seen *seen, int index)
{
    (void)seen;
    (void)index;
    reply(connection, 200, odd_headers[connection->server->variant], OK_BODY);
    return true;
}

START_TEST(limits_that_cannot_be_meant_change_nothing)
{
    struct budget_window window;
    struct result result;

    server_start(serve_odd, NULL);
    server.variant = _i;
    rest_open(4);
    for (int i = 0; i < 3; i++) {
        call(&result, ROUTE_ORDER_CANCEL, ORDER, 500);
        ck_assert(result.answer.answered);
    }
    ck_assert(budget_read(budget, ROUTE_ORDER_CANCEL, CATEGORY_LINEAR, clock_mono_ms(), &window));
    ck_assert_int_eq(window.limit, 10);
    ck_assert_int_eq(window.left, 7);
    ck_assert_int_eq(window.held_for_ms, 0);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(what_could_not_connect_is_given_back)
{
    struct result result;

    server_start(serve_ok, NULL);
    rest_open(4);
    server_stop();
    call(&result, ROUTE_ORDER_CREATE, ORDER, 1000);
    assert_not_sent(&result);
    call(&result, ROUTE_ORDER_REALTIME, "a=b", 1000); /* and each of its tries */
    assert_not_sent(&result);
    ck_assert_int_eq(budget_ip_left(budget, clock_mono_ms()), 550);
    rest_shut();
}
END_TEST

START_TEST(what_got_no_answer_ages_out)
{
    struct result result;

    server_start(serve_nothing, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_REALTIME, "a=b", 100);
    ck_assert_int_eq(result.answer.sent, REST_MAYBE_SENT);
    ck_assert_int_eq(budget_ip_left(budget, clock_mono_ms()), 549);
    ck_assert_int_eq(budget_ip_left(budget, clock_mono_ms() + 6000), 550);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_second_attempt_needs_a_turn_of_its_own)
{
    struct budget_claim claim = { .route = ROUTE_KEY_INFO };
    struct result result;

    server_start(serve_once_then_close, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_REALTIME, "a=b", 2000);
    for (int i = 0; i < 9; i++) {
        ck_assert_int_eq(budget_take(budget, &claim, clock_mono_ms()), 0);
        claim.held = false;
    }
    /* It takes the tenth place, meets a dead connection, and waits for the next. */
    call(&result, ROUTE_KEY_INFO, NULL, 4000);
    ck_assert(result.answer.answered);
    ck_assert_int_eq(server.requests, 3);
    ck_assert_int_ge(result.answer.turn_us, 900000);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_second_attempt_without_a_turn_is_throttled)
{
    struct budget_claim claim = { .route = ROUTE_KEY_INFO };
    struct result result;

    server_start(serve_once_then_close, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_REALTIME, "a=b", 2000);
    for (int i = 0; i < 9; i++) {
        ck_assert_int_eq(budget_take(budget, &claim, clock_mono_ms()), 0);
        claim.held = false;
    }
    call(&result, ROUTE_KEY_INFO, NULL, 300);
    ck_assert(!result.answer.answered);
    ck_assert(result.answer.throttled);
    ck_assert_int_eq(result.answer.error.code, ERR_BUSY);
    ck_assert_int_gt(result.answer.retry_after_ms, 0);
    ck_assert_int_eq(server.requests, 2);
    rest_shut();
    server_stop();
}
END_TEST

static void add(TCase *tcase)
{
    tcase_add_test(tcase, a_read_over_the_limit_waits_for_the_reset);
    tcase_add_test(tcase, the_ban_stops_all_calls);
    tcase_add_loop_test(tcase, the_ban_lasts_as_long_as_is_stated, 0, 6);
    tcase_add_test(tcase, a_stated_time_that_was_too_short_is_not_believed_again);
    tcase_add_loop_test(tcase, a_429_holds_its_route_as_long_as_is_stated, 0, 4);
    tcase_add_loop_test(tcase, limits_that_cannot_be_meant_change_nothing, 0,
                        (int)ARRAY_LEN(odd_headers));
    tcase_add_test(tcase, what_could_not_connect_is_given_back);
    tcase_add_test(tcase, what_got_no_answer_ages_out);
    tcase_add_test(tcase, a_second_attempt_needs_a_turn_of_its_own);
    tcase_add_test(tcase, a_second_attempt_without_a_turn_is_throttled);
}

int main(void)
{
    return rest_run_tests("rest_limits", add);
}
