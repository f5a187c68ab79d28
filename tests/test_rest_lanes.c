/* tests/test_rest_lanes.c - lanes, and turns that are waited for. */
#include "bybit/rest_parts.h"
#include "tests/test_rest_kit.h"

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

/* Nor do they take the places of the others. */
START_TEST(what_yields_goes_behind_what_does_not)
{
    static const bool yields[] = { true, true, false, true, false };
    static const char *const bodies[] = { "{\"n\":3}", "{\"n\":4}", "{\"n\":1}", "{\"n\":5}",
                                          "{\"n\":2}" };
    static struct result results[ARRAY_LEN(yields)];

    memset(results, 0, sizeof(results));
    server_start(serve_ok, NULL);
    rest_open(1);
    for (size_t i = 0; i < ARRAY_LEN(yields); i++) {
        struct rest_request request = request_of(&results[i], BUDGET_CANCEL, ROUTE_ORDER_CANCEL);

        request.yields = yields[i];
        request.body = bodies[i];
        ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
    }
    wait_idle();
    for (size_t i = 0; i < ARRAY_LEN(yields); i++) {
        char wanted[16];

        (void)snprintf(wanted, sizeof(wanted), "{\"n\":%zu}", i + 1);
        ck_assert_str_eq(server.seen[i].body, wanted);
    }
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(what_yields_leaves_places_to_what_does_not)
{
    static struct result result;
    struct rest_request request = request_of(&result, BUDGET_CANCEL, ROUTE_ORDER_CANCEL);

    memset(&result, 0, sizeof(result));
    server_start(serve_ok, NULL);
    rest_open(1);
    request.yields = true;
    for (int i = 0; i < 256; i++)
        ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
    ck_assert_int_eq(rest_submit(rest, &request), ERR_BUSY);
    request.yields = false;
    ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
    ck_assert_uint_eq(rest_pending(rest), 257);
    rest_shut(); /* ends them all */
    ck_assert_int_eq(result.done, 257);
    server_stop();
}
END_TEST

/* An exchange that hangs is not where a kill is to find every connection taken by them. */
START_TEST(what_yields_leaves_connections_to_what_does_not)
{
    static struct result results[2];
    struct rest_request request = request_of(&results[0], BUDGET_CANCEL, ROUTE_ORDER_CANCEL);

    memset(results, 0, sizeof(results));
    server_start(serve_nothing, NULL);
    rest_open(8);
    request.yields = true;
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
    for (int i = 0; i < 30; i++)
        step(10);
    ck_assert_int_eq(server.requests, 6);
    ck_assert_int_eq(connections_for(&results[1], BUDGET_CANCEL, ROUTE_CANCEL_ALL, 3), 2);
    rest_shut();
    ck_assert_int_eq(results[0].done, 8);
    ck_assert_int_eq(results[1].done, 3);
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

static void add(TCase *tcase)
{
    tcase_add_test(tcase, without_a_turn_before_the_deadline_it_is_throttled);
    tcase_add_test(tcase, a_turn_before_the_deadline_is_waited_for);
    tcase_add_test(tcase, busy_connections_are_waited_for_until_the_deadline);
    tcase_add_test(tcase, a_deadline_that_has_passed_is_not_begun);
    tcase_add_test(tcase, each_lane_has_its_part_of_the_connections);
    tcase_add_test(tcase, higher_lanes_go_first);
    tcase_add_test(tcase, a_thousand_that_wait_cost_little);
    tcase_add_test(tcase, what_can_never_go_keeps_nobody_waiting);
    tcase_add_test(tcase, a_flood_of_one_route_leaves_places_to_others);
    tcase_add_test(tcase, who_asks_again_at_once_holds_nobody_up);
    tcase_add_test(tcase, what_yields_goes_behind_what_does_not);
    tcase_add_test(tcase, what_yields_leaves_places_to_what_does_not);
    tcase_add_test(tcase, what_yields_leaves_connections_to_what_does_not);
    tcase_add_test(tcase, lanes_have_bounds);
}

int main(void)
{
    return rest_run_tests("rest_lanes", add);
}
