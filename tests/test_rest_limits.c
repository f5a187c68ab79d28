/* tests/test_rest_limits.c - limits and the ban that answers tell of; lanes, and turns that are
 * waited for */
#include "bybit/rest_parts.h"
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

/* --- lanes --- */

static struct rest_request request_of(struct result *result, enum budget_lane lane,
                                      enum bybit_route route)
{
    return (struct rest_request){ .route = route,
                                  .category = CATEGORY_LINEAR,
                                  .lane = lane,
                                  .deadline_ms = clock_mono_ms() + 3000,
                                  .on_sent = on_sent,
                                  .on_done = on_done,
                                  .userdata = result };
}

/* Submits `count` of a kind that is never answered. Returns how many get a connection. */
static int connections_for(struct result *result, enum budget_lane lane, enum bybit_route route,
                           int count)
{
    struct rest_request request = request_of(result, lane, route);
    int before = server.requests;

    memset(result, 0, sizeof(*result));
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
    for (int i = 0; i < 30; i++)
        step(10);
    return server.requests - before;
}

START_TEST(each_lane_has_its_part_of_the_connections)
{
    static struct result results[BUDGET_LANES];

    server_start(serve_nothing, NULL);
    rest_open(8);
    ck_assert_int_eq(connections_for(&results[0], BUDGET_OWN, ROUTE_ORDER_REALTIME, 5), 2);
    ck_assert_int_eq(connections_for(&results[1], BUDGET_CREATE, ROUTE_ORDER_CREATE, 6), 4);
    ck_assert_int_eq(connections_for(&results[2], BUDGET_CANCEL, ROUTE_ORDER_CANCEL, 4), 2);
    ck_assert_int_eq(connections_for(&results[3], BUDGET_READ, ROUTE_POSITIONS, 4), 0);
    rest_shut();
    ck_assert_int_eq(results[0].done, 5);
    ck_assert_int_eq(results[1].done, 6);
    ck_assert_int_eq(results[2].done, 4);
    ck_assert_int_eq(results[3].done, 4);
    server_stop();
    server_start(serve_nothing, NULL);
    rest_open(8);
    ck_assert_int_eq(connections_for(&results[3], BUDGET_READ, ROUTE_POSITIONS, 9), 6);
    rest_shut();
    server_stop();
    /* One connection is for all. */
    server_start(serve_nothing, NULL);
    rest_open(1);
    ck_assert_int_eq(connections_for(&results[0], BUDGET_OWN, ROUTE_ORDER_REALTIME, 2), 1);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(higher_lanes_go_first)
{
    static const enum budget_lane submitted[] = { BUDGET_OWN, BUDGET_READ, BUDGET_CREATE,
                                                  BUDGET_CANCEL };
    static const enum bybit_route routes[BUDGET_LANES] = { ROUTE_ORDER_CANCEL, ROUTE_ORDER_CREATE,
                                                           ROUTE_POSITIONS, ROUTE_WALLET };
    static struct result results[BUDGET_LANES];

    memset(results, 0, sizeof(results));
    server_start(serve_ok, NULL);
    rest_open(1);
    for (size_t i = 0; i < ARRAY_LEN(submitted); i++) {
        enum budget_lane lane = submitted[i];
        struct rest_request request = request_of(&results[lane], lane, routes[lane]);

        ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
    }
    wait_idle();
    for (int lane = 0; lane < BUDGET_LANES; lane++)
        ck_assert_ptr_nonnull(strstr(server.seen[lane].head, bybit_route_info(routes[lane])->path));
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(lanes_have_bounds)
{
    static const int bounds[BUDGET_LANES] = { 256, 1024, 256, 256 };
    static struct result result;
    struct budget_lane_status lanes[BUDGET_LANES];

    server_start(serve_ok, NULL);
    rest_open(4);
    memset(&result, 0, sizeof(result));
    for (int lane = 0; lane < BUDGET_LANES; lane++) {
        struct rest_request request =
            request_of(&result, (enum budget_lane)lane, ROUTE_ORDER_CANCEL);

        for (int i = 0; i < bounds[lane]; i++)
            ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
        ck_assert_int_eq(rest_submit(rest, &request), ERR_BUSY);
    }
    ck_assert_uint_eq(rest_pending(rest), 1792);
    budget_lanes(budget, lanes);
    for (int lane = 0; lane < BUDGET_LANES; lane++)
        ck_assert_int_eq(lanes[lane].waiting, bounds[lane]);
    rest_destroy(rest);
    rest = NULL;
    ck_assert_int_eq(result.done, 1792);
    ck_assert_int_eq(server.requests, 0);
    budget_lanes(budget, lanes);
    for (int lane = 0; lane < BUDGET_LANES; lane++)
        ck_assert_int_eq(lanes[lane].waiting, 0);
    ck_assert_int_eq(budget_ip_left(budget, clock_mono_ms()), 550);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_thousand_that_wait_cost_little)
{
    static struct result result;
    struct rest_request request = request_of(&result, BUDGET_CREATE, ROUTE_ORDER_CREATE);
    int64_t began_us;
    double each_us;

    memset(&result, 0, sizeof(result));
    server_start(serve_no_headers, NULL);
    rest_open(8);
    request.deadline_ms += 600000;
    for (int i = 0; i < 1024; i++)
        ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
    for (int i = 0; i < 30; i++)
        step(5);
    began_us = clock_mono_us();
    for (int i = 0; i < 1000; i++) {
        rest->pump_due = true;
        rest_run(rest);
    }
    each_us = (double)(clock_mono_us() - began_us) / 1000;
    printf("rest_run beside 1,000 creates that wait: %.1f us\n", each_us);
    ck_assert(each_us < 5000); /* asking the budget for each would take longer */
    ck_assert_int_ge(result.done, 9);
    ck_assert_int_lt(result.done, 40);
    rest_shut();
    server_stop();
}
END_TEST

/* More units than its window will ever have are no reason to keep others waiting. */
START_TEST(what_can_never_go_keeps_nobody_waiting)
{
    static struct result results[2];
    struct rest_request large = request_of(&results[0], BUDGET_CREATE, ROUTE_ORDER_CREATE);
    struct rest_request small = request_of(&results[1], BUDGET_CREATE, ROUTE_ORDER_CREATE);

    memset(results, 0, sizeof(results));
    results[1].may_send = true;
    large.units = 20;
    server_start(serve_no_headers, NULL);
    rest_open(4);
    ck_assert_int_eq(rest_submit(rest, &large), ERR_NONE);
    ck_assert_int_eq(rest_submit(rest, &small), ERR_NONE);
    wait_idle();
    assert_not_sent(&results[0]);
    ck_assert(results[0].answer.throttled);
    ck_assert(results[1].answer.answered);
    rest_shut();
    server_stop();
}
END_TEST

/* Many cancels that wait shut out neither a cancel-all nor what reduces a position. */
START_TEST(a_flood_of_one_route_leaves_places_to_others)
{
    static struct result results[3];
    struct rest_request cancel = request_of(&results[0], BUDGET_CANCEL, ROUTE_ORDER_CANCEL);
    struct rest_request all = request_of(&results[1], BUDGET_CANCEL, ROUTE_CANCEL_ALL);
    struct rest_request exit = request_of(&results[2], BUDGET_CANCEL, ROUTE_ORDER_CREATE);

    memset(results, 0, sizeof(results));
    server_start(serve_no_headers, NULL);
    rest_open(8);
    for (int i = 0; i < 256; i++)
        ck_assert_int_eq(rest_submit(rest, &cancel), ERR_NONE);
    ck_assert_int_eq(rest_submit(rest, &cancel), ERR_BUSY);
    ck_assert_int_eq(rest_submit(rest, &all), ERR_NONE);
    ck_assert_int_eq(rest_submit(rest, &exit), ERR_NONE);
    wait_for(&results[1].done, 1);
    wait_for(&results[2].done, 1);
    ck_assert(results[1].answer.answered);
    ck_assert(results[2].answer.answered);
    ck_assert_int_lt(results[0].done, 256);
    rest_shut();
    server_stop();
}
END_TEST

static int asked_again;

static void on_done_again(const struct rest_answer *answer, void *userdata)
{
    struct result *result = userdata;
    struct rest_request request = request_of(result, BUDGET_CREATE, ROUTE_ORDER_CREATE);

    on_done(answer, result);
    request.on_done = on_done_again;
    if (asked_again++ < 100000)
        ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
}

START_TEST(who_asks_again_at_once_holds_nobody_up)
{
    static struct result result;
    struct rest_request request = request_of(&result, BUDGET_CREATE, ROUTE_ORDER_CREATE);

    memset(&result, 0, sizeof(result));
    asked_again = 0;
    request.on_done = on_done_again;
    server_start(serve_no_headers, NULL);
    rest_open(4);
    budget_ban(budget, clock_mono_ms(), 600000); /* each is refused at once */
    ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
    rest_run(rest);
    ck_assert_int_ge(result.done, 1);
    ck_assert_int_le(result.done, 100);
    asked_again = 100000;
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
    tcase_add_test(tcase, without_a_turn_before_the_deadline_it_is_throttled);
    tcase_add_test(tcase, a_turn_before_the_deadline_is_waited_for);
    tcase_add_test(tcase, busy_connections_are_waited_for_until_the_deadline);
    tcase_add_test(tcase, a_deadline_that_has_passed_is_not_begun);
    tcase_add_test(tcase, each_lane_has_its_part_of_the_connections);
    tcase_add_test(tcase, higher_lanes_go_first);
    tcase_add_test(tcase, a_thousand_that_wait_cost_little);
    tcase_add_loop_test(tcase, the_ban_lasts_as_long_as_is_stated, 0, 6);
    tcase_add_test(tcase, what_can_never_go_keeps_nobody_waiting);
    tcase_add_test(tcase, a_flood_of_one_route_leaves_places_to_others);
    tcase_add_test(tcase, who_asks_again_at_once_holds_nobody_up);
    tcase_add_test(tcase, a_stated_time_that_was_too_short_is_not_believed_again);
    tcase_add_loop_test(tcase, a_429_holds_its_route_as_long_as_is_stated, 0, 4);
    tcase_add_loop_test(tcase, limits_that_cannot_be_meant_change_nothing, 0,
                        (int)ARRAY_LEN(odd_headers));
    tcase_add_test(tcase, what_could_not_connect_is_given_back);
    tcase_add_test(tcase, what_got_no_answer_ages_out);
    tcase_add_test(tcase, a_second_attempt_needs_a_turn_of_its_own);
    tcase_add_test(tcase, a_second_attempt_without_a_turn_is_throttled);
    tcase_add_test(tcase, lanes_have_bounds);
}

int main(void)
{
    return rest_run_tests("rest_limits", add);
}
