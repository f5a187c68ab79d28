/* The simulated exchange's limits: the windows by themselves, then over the wire. */
#include "sim/limits.h"
#include "sim/random.h"
#include "sim/rest.h"
#include "test_sim_client.h"

#define SECOND_US INT64_C(1000000)
#define CREATE    "/v5/order/create"

static struct limits *limits;

static void make_limits(void)
{
    limits = calloc(1, sizeof(*limits));
    ck_assert_ptr_nonnull(limits);
    limits_init(limits);
    limits->settings.account[0][CATEGORY_LINEAR] = 10;
    limits->settings.account[0][CATEGORY_SPOT] = 20;
    limits->settings.account[1][LIMIT_WHOLE] = 5;
}

static void free_limits(void)
{
    free(limits);
}

static bool passes(int64_t now_us)
{
    return !limits_take(limits, 0, CATEGORY_LINEAR, 1, now_us).refused;
}

/* --- the windows --- */

START_TEST(a_burst_at_the_end_of_a_second_is_counted_in_the_next)
{
    for (int i = 0; i < 10; i++)
        ck_assert(passes(SECOND_US - 10 + i));
    ck_assert(!passes(SECOND_US));
    ck_assert(!passes(2 * SECOND_US - 11));
    ck_assert(passes(2 * SECOND_US - 10));
    ck_assert(!passes(2 * SECOND_US - 10));
    ck_assert(passes(2 * SECOND_US - 9));
}
END_TEST

/* No second, wherever it begins, has more than ten; and none is refused without need. */
START_TEST(no_second_holds_more_than_the_limit)
{
    uint64_t random = 7;
    int64_t taken[20000];
    int64_t now_us = 0;
    int count = 0;

    for (int i = 0; i < 20000; i++) {
        bool full;

        now_us += random_between(&random, 0, 1) ? random_between(&random, 0, 300000)
                                                : random_between(&random, 0, 30);
        full = count >= 10 && now_us - taken[count - 10] < SECOND_US;
        ck_assert_int_eq(passes(now_us), !full);
        if (!full)
            taken[count++] = now_us;
    }
    ck_assert_int_gt(count, 1000);
    ck_assert_int_lt(count, 20000);
}
END_TEST

START_TEST(a_refusal_says_when_there_is_a_place)
{
    struct limit_state state;

    for (int i = 0; i < 10; i++) {
        state = limits_take(limits, 0, CATEGORY_LINEAR, 1, i * 1000);
        ck_assert_int_eq(state.limit, 10);
        ck_assert_int_eq(state.left, 9 - i);
        ck_assert(!state.refused);
    }
    state = limits_take(limits, 0, CATEGORY_LINEAR, 1, 20000);
    ck_assert(state.refused);
    ck_assert_int_eq(state.left, 0);
    ck_assert_int_eq(state.wait_us, SECOND_US - 20000);
    ck_assert(!passes(20000 + state.wait_us - 1));
    ck_assert(passes(20000 + state.wait_us));
}
END_TEST

START_TEST(routes_and_categories_do_not_share)
{
    for (int i = 0; i < 10; i++)
        ck_assert(passes(0));
    ck_assert(!passes(0));
    for (int i = 0; i < 20; i++)
        ck_assert(!limits_take(limits, 0, CATEGORY_SPOT, 1, 0).refused);
    ck_assert(limits_take(limits, 0, CATEGORY_SPOT, 1, 0).refused);
    for (int i = 0; i < 5; i++)
        ck_assert(!limits_take(limits, 1, LIMIT_WHOLE, 1, 0).refused);
    ck_assert(limits_take(limits, 1, LIMIT_WHOLE, 1, 0).refused);
    for (int i = 0; i < 5000; i++) /* not limited */
        ck_assert_int_eq(limits_take(limits, 2, LIMIT_WHOLE, 1, 0).limit, 0);
}
END_TEST

START_TEST(a_lowered_limit_waits_for_enough_to_leave)
{
    struct limit_state state;

    for (int i = 0; i < 10; i++)
        ck_assert(passes(i * 1000));
    limits->settings.account[0][CATEGORY_LINEAR] = 3;
    state = limits_take(limits, 0, CATEGORY_LINEAR, 1, 10000);
    ck_assert(state.refused);
    ck_assert(!passes(10000 + state.wait_us - 1));
    ck_assert(passes(10000 + state.wait_us));
    ck_assert_int_eq(10000 + state.wait_us, SECOND_US + 7000); /* two are left then */
}
END_TEST

START_TEST(the_largest_limit_is_kept_exactly)
{
    limits->settings.account[0][CATEGORY_LINEAR] = LIMIT_MOST;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < LIMIT_MOST; i++)
            ck_assert(passes(round * SECOND_US + i));
        ck_assert(!passes(round * SECOND_US + LIMIT_MOST));
    }
}
END_TEST

START_TEST(an_address_that_asks_too_often_is_banned)
{
    int64_t ban_us = LIMIT_IP_BAN_MS * 1000;

    for (int i = 0; i < 600; i++)
        ck_assert(limits_admit(limits, i));
    ck_assert_int_eq(limits_ip_used(limits, 600), 600);
    ck_assert(!limits_admit(limits, 5 * SECOND_US - 1));
    ck_assert_int_eq(limits_ban_left_ms(limits, 5 * SECOND_US - 1), LIMIT_IP_BAN_MS);
    for (int64_t at_us = 5 * SECOND_US; at_us < ban_us; at_us += SECOND_US)
        ck_assert(!limits_admit(limits, at_us));
    ck_assert(!limits_admit(limits, 5 * SECOND_US - 2 + ban_us));
    for (int i = 0; i < 600; i++) /* by itself, with an empty window */
        ck_assert(limits_admit(limits, 5 * SECOND_US - 1 + ban_us));
    ck_assert(!limits_admit(limits, 5 * SECOND_US - 1 + ban_us));
}
END_TEST

START_TEST(an_address_that_waits_is_not_banned)
{
    for (int second = 0; second < 600; second++) {
        for (int i = 0; i < 120; i++)
            ck_assert(limits_admit(limits, second * SECOND_US + i));
    }
}
END_TEST

START_TEST(switched_off_only_an_ordered_ban_holds)
{
    limits->settings.off = true;
    for (int i = 0; i < 10000; i++) {
        struct limit_state state = limits_take(limits, 0, CATEGORY_LINEAR, 1, 0);

        ck_assert(limits_admit(limits, 0));
        ck_assert(!state.refused);
        ck_assert_int_eq(state.limit, LIMIT_UNLIMITED);
        ck_assert_int_eq(state.left, LIMIT_UNLIMITED - 1);
    }
    limits_ban(limits, 0, 50);
    ck_assert(!limits_admit(limits, 49999));
    ck_assert(limits_admit(limits, 50000));
    limits_ban(limits, 50000, 1000);
    limits_ban(limits, 50000, 0);
    ck_assert(limits_admit(limits, 50000));
}
END_TEST

/* --- the documented figures --- */

static const struct {
    const char *path;
    int spot, linear, inverse, option, whole;
} figures[] = {
    { CREATE, 20, 10, 10, 10, 0 },
    { "/v5/order/amend", 10, 10, 10, 10, 0 },
    { "/v5/order/cancel", 20, 10, 10, 10, 0 },
    { "/v5/order/cancel-all", 20, 10, 10, 1, 0 },
    { "/v5/order/realtime", 50, 50, 50, 50, 0 },
    { "/v5/order/history", 50, 50, 50, 50, 0 },
    { "/v5/execution/list", 50, 50, 50, 50, 0 },
    { "/v5/position/list", 0, 50, 50, 50, 0 },
    { "/v5/position/set-leverage", 0, 10, 10, 0, 0 },
    { "/v5/account/wallet-balance", 0, 0, 0, 0, 50 },
    { "/v5/account/info", 0, 0, 0, 0, 50 },
    { "/v5/account/fee-rate", 0, 0, 0, 0, 5 },
    { "/v5/asset/transfer/query-account-coins-balance", 0, 0, 0, 0, 5 },
    { "/v5/user/query-api", 0, 0, 0, 0, 10 },
    { "/v5/market/time", 0, 0, 0, 0, 0 },
    { "/v5/market/tickers", 0, 0, 0, 0, 0 },
};

START_TEST(the_limits_are_the_documented_ones)
{
    int route = rest_route_find(figures[_i].path);

    ck_assert_int_ge(route, 0);
    ck_assert_int_eq(rest_route_limit(route, CATEGORY_SPOT), figures[_i].spot);
    ck_assert_int_eq(rest_route_limit(route, CATEGORY_LINEAR), figures[_i].linear);
    ck_assert_int_eq(rest_route_limit(route, CATEGORY_INVERSE), figures[_i].inverse);
    ck_assert_int_eq(rest_route_limit(route, CATEGORY_OPTION), figures[_i].option);
    ck_assert_int_eq(rest_route_limit(route, LIMIT_WHOLE), figures[_i].whole);
}
END_TEST

/* --- over the wire --- */

static void setup_limited(void)
{
    start_exchange(false);
}

/* The code of a create far from the market; its link is "l" and the number. */
static int create(const char *category, int number)
{
    char body[256];

    (void)snprintf(body, sizeof(body),
                   "{\"category\":\"%s\",\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"orderType\":"
                   "\"Limit\",\"qty\":\"0.001\",\"price\":\"50000\",\"orderLinkId\":\"l%d\"}",
                   category, number);
    return ret_code("POST", CREATE, "", body);
}

static cJSON *door(const char *path, const char *query)
{
    return ask_json("GET", path, query, "");
}

/* What is set now; the caller deletes it. */
static cJSON *limits_now(void)
{
    cJSON *json = door("/sim/stats", "");
    cJSON *out = cJSON_DetachItemFromObject(json, "limits");

    ck_assert_ptr_nonnull(out);
    cJSON_Delete(json);
    return out;
}

static int counted(const char *what, const char *path)
{
    cJSON *json = door("/sim/stats", "");
    const cJSON *counts = cJSON_GetObjectItem(json, what);
    int count = cJSON_GetObjectItem(counts, path)->valueint;

    cJSON_Delete(json);
    return count;
}

START_TEST(the_eleventh_create_of_a_second_is_not_executed)
{
    int64_t reset_ms;

    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(create("linear", i), 0);
        ck_assert_int_eq(header_number("X-Bapi-Limit"), 10);
        ck_assert_int_eq(header_number("X-Bapi-Limit-Status"), 9 - i);
        ck_assert_int_le(header_number("X-Bapi-Limit-Reset-Timestamp"), clock_wall_ms());
    }
    ck_assert_int_eq(create("linear", 10), 10006);
    reset_ms = header_number("X-Bapi-Limit-Reset-Timestamp");
    ck_assert_int_eq(header_number("X-Bapi-Limit"), 10);
    ck_assert_int_eq(header_number("X-Bapi-Limit-Status"), 0);
    ck_assert_int_gt(reset_ms, clock_wall_ms() - 100);
    ck_assert_int_le(reset_ms, clock_wall_ms() + 1000);
    ck_assert_int_eq(list_length("/v5/order/realtime", "category=linear&symbol=BTCUSDT"), 10);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(create("spot", i), 0);
    ck_assert_int_eq(create("spot", 20), 10006);
    while (clock_wall_ms() <= reset_ms)
        (void)usleep(1000);
    ck_assert_int_eq(create("linear", 10), 0);
    ck_assert_int_eq(counted("limited", CREATE), 2);
    ck_assert_int_eq(counted("requests", CREATE), 33);
}
END_TEST

START_TEST(who_is_not_known_is_not_counted)
{
    for (int i = 0; i < 30; i++) {
        static const char unsigned_request[] =
            "POST /v5/order/create HTTP/1.1\r\nHost: sim\r\nX-BAPI-API-KEY: " KEY
            "\r\nX-BAPI-TIMESTAMP: 1\r\nX-BAPI-SIGN: 00\r\nContent-Length: 2\r\n\r\n{}";

        send_all(connection, unsigned_request, strlen(unsigned_request));
        ck_assert_int_eq(read_answer(connection), 200);
        ck_assert_int_eq(header_number("X-Bapi-Limit"), -1);
    }
    ck_assert_int_eq(create("linear", 1), 0);
    ck_assert_int_eq(header_number("X-Bapi-Limit-Status"), 9);
    ck_assert_int_eq(create("futures", 2), 10001);
    ck_assert_int_eq(header_number("X-Bapi-Limit"), -1);
}
END_TEST

START_TEST(a_banned_address_gets_403_and_keeps_its_streams)
{
    int private = dial_private();
    int status = 0;

    control("/sim/limits", "{\"ip_limit\":5,\"ip_ban_ms\":400}");
    for (int i = 0; i < 20 && status != 403; i++)
        status = ask("GET", "/v5/market/time", "", "");
    ck_assert_int_eq(status, 403);
    ck_assert_ptr_nonnull(strstr(answer, "too frequent"));
    ck_assert_int_eq(header_number("Retry-After"), -1);
    ck_assert_int_eq(ask("POST", CREATE, "", "{}"), 403);
    ck_assert_int_eq(ask("GET", "/v5/nothing", "", ""), 403);
    send_frame(private, "{\"op\":\"ping\"}");
    ck_assert(read_frame(private));
    ck_assert_ptr_nonnull(strstr(answer, "pong"));
    (void)close(dial_private()); /* a new one too */
    ck_assert_int_eq(counted("forbidden", "/v5/market/time"), 1);
    ck_assert_int_eq(counted("forbidden", CREATE), 1);
    ck_assert_int_eq(counted("forbidden", "other"), 1);
    (void)usleep(450000);
    ck_assert_int_eq(ask("GET", "/v5/market/time", "", ""), 200);
    (void)close(private);
}
END_TEST

START_TEST(a_ban_can_be_ordered_and_lifted)
{
    control("/sim/limits", "{\"on\":false}");
    control("/sim/ban", "{}");
    ck_assert_int_eq(ask("GET", "/v5/market/time", "", ""), 403);
    control("/sim/ban", "{\"ms\":0}");
    ck_assert_int_eq(ask("GET", "/v5/market/time", "", ""), 200);
}
END_TEST

START_TEST(the_door_tightens_limits)
{
    cJSON *json;

    control("/sim/limits", "{\"account\":{\"factor\":0.1,\"/v5/order/amend\":{\"spot\":7},"
                           "\"/v5/account/info\":3},\"ip_limit\":500}");
    json = limits_now();
    {
        const cJSON *account = cJSON_GetObjectItem(json, "account");
        const cJSON *created = cJSON_GetObjectItem(account, CREATE);
        const cJSON *amended = cJSON_GetObjectItem(account, "/v5/order/amend");

        ck_assert_int_eq(cJSON_GetObjectItem(json, "ip_limit")->valueint, 500);
        ck_assert_int_eq(cJSON_GetObjectItem(created, "spot")->valueint, 2);
        ck_assert_int_eq(cJSON_GetObjectItem(created, "linear")->valueint, 1);
        ck_assert_int_eq(cJSON_GetObjectItem(amended, "spot")->valueint, 7);
        ck_assert_int_eq(cJSON_GetObjectItem(amended, "inverse")->valueint, 1);
        ck_assert_int_eq(cJSON_GetObjectItem(account, "/v5/account/info")->valueint, 3);
        ck_assert_int_eq(cJSON_GetObjectItem(account, "/v5/account/fee-rate")->valueint, 1);
        ck_assert_ptr_null(cJSON_GetObjectItem(account, "/v5/market/time"));
    }
    cJSON_Delete(json);
    ck_assert_int_eq(create("linear", 1), 0);
    ck_assert_int_eq(header_number("X-Bapi-Limit"), 1);
    ck_assert_int_eq(create("linear", 2), 10006);
    control("/sim/limits", "{\"account\":{\"factor\":1}}");
    ck_assert_int_eq(create("linear", 2), 0);
    ck_assert_int_eq(header_number("X-Bapi-Limit"), 10);
    control("/sim/limits", "{\"on\":false}");
    ck_assert_int_eq(create("linear", 3), 0);
    ck_assert_int_eq(header_number("X-Bapi-Limit"), LIMIT_UNLIMITED);
    ck_assert_int_eq(header_number("X-Bapi-Limit-Status"), LIMIT_UNLIMITED - 1);
}
END_TEST

static const struct {
    const char *path, *body;
} wrong_doors[] = {
    { "/sim/limits", "{\"ip_limit\":0}" },
    { "/sim/limits", "{\"ip_limit\":1201}" },
    { "/sim/limits", "{\"ip_limit\":\"5\"}" },
    { "/sim/limits", "{\"ip_ban_ms\":-1}" },
    { "/sim/limits", "{\"ip_ban_ms\":1e300}" },
    { "/sim/limits", "{\"on\":1}" },
    { "/sim/limits", "{\"account\":[1,2]}" },
    { "/sim/limits", "{\"account\":{\"factor\":0}}" },
    { "/sim/limits", "{\"account\":{\"factor\":\"1\"}}" },
    { "/sim/limits", "{\"account\":{\"/v5/nothing\":1}}" },
    { "/sim/limits", "{\"account\":{\"/v5/market/time\":1}}" },
    { "/sim/limits", "{\"account\":{\"/v5/order/create\":0}}" },
    { "/sim/limits", "{\"account\":{\"/v5/order/create\":[5]}}" },
    { "/sim/limits", "{\"account\":{\"/v5/order/create\":{\"futures\":5}}}" },
    { "/sim/limits", "{\"account\":{\"/v5/position/list\":{\"spot\":5}}}" },
    { "/sim/limits", "{\"cancel_all_most\":0}" },
    { "/sim/limits", "{\"cancel_all_most\":501}" },
    { "/sim/limits", "{\"cancel_all_delay_ms\":-5}" },
    { "/sim/ban", "{\"ms\":-5}" },
    { "/sim/ban", "{\"ms\":\"soon\"}" },
};

START_TEST(a_wrong_door_changes_nothing)
{
    cJSON *before = limits_now();
    cJSON *after;

    ck_assert_int_eq(ask("POST", wrong_doors[_i].path, "", wrong_doors[_i].body), 400);
    after = limits_now();
    ck_assert(cJSON_Compare(before, after, true));
    cJSON_Delete(before);
    cJSON_Delete(after);
}
END_TEST

/* --- what was seen --- */

/* The only request that was seen for the query, detached; the caller deletes it. */
static cJSON *seen_one(const char *query)
{
    cJSON *json = door("/sim/requests", query);
    cJSON *list = cJSON_GetObjectItem(json, "list");
    cJSON *item;

    ck_assert_int_eq(cJSON_GetArraySize(list), 1);
    item = cJSON_DetachItemFromArray(list, 0);
    cJSON_Delete(json);
    return item;
}

static void assert_seen(const char *query, const char *link, bool accepted, int code)
{
    cJSON *item = seen_one(query);

    ck_assert_str_eq(cJSON_GetObjectItem(item, "orderLinkId")->valuestring, link);
    ck_assert_int_eq(cJSON_IsTrue(cJSON_GetObjectItem(item, "accepted")), accepted);
    if (code >= 0)
        ck_assert_int_eq(cJSON_GetObjectItem(item, "code")->valueint, code);
    else
        ck_assert_ptr_null(cJSON_GetObjectItem(item, "code"));
    ck_assert_int_le((int64_t)cJSON_GetObjectItem(item, "at_ms")->valuedouble, clock_wall_ms());
    cJSON_Delete(item);
}

START_TEST(what_arrives_is_remembered_whatever_becomes_of_it)
{
    char cancel[160];
    cJSON *created;

    control("/sim/limits", "{\"account\":{\"/v5/order/create\":1}}");
    ck_assert_int_eq(create("linear", 1), 0);
    created = seen_one("path=%2Fv5%2Forder%2Fcreate");
    ck_assert_str_eq(cJSON_GetObjectItem(created, "category")->valuestring, "linear");
    ck_assert_str_eq(cJSON_GetObjectItem(created, "symbol")->valuestring, "BTCUSDT");
    ck_assert_uint_eq(strlen(cJSON_GetObjectItem(created, "orderId")->valuestring), 36);
    (void)snprintf(cancel, sizeof(cancel),
                   "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"orderId\":\"%s\"}",
                   cJSON_GetObjectItem(created, "orderId")->valuestring);
    cJSON_Delete(created);
    ck_assert_int_eq(create("linear", 2), 10006);
    assert_seen("path=/v5/order/create&after=1", "l2", false, 10006);
    ck_assert_int_eq(ret_code("POST", "/v5/order/cancel", "", cancel), 0);
    assert_seen("path=/v5/order/cancel", "", true, 0);
    control("/sim/fault", "{\"path\":\"/v5/order/create\",\"mode\":\"answer\",\"status\":500}");
    ck_assert_int_eq(ask("POST", CREATE, "", "{\"orderLinkId\":\"l3\"}"), 500);
    assert_seen("after=3", "l3", false, -1);
    control("/sim/fault", "{\"path\":\"/v5/order/create\",\"mode\":\"drop_before\"}");
    ck_assert_int_eq(ask("POST", CREATE, "", "{\"orderLinkId\":\"l4\"}"), 0);
    hang_up();
    assert_seen("after=4", "l4", false, -1);
    control("/sim/ban", "{\"ms\":60000}");
    ck_assert_int_eq(ask("POST", "/v5/order/create-batch", "", "not json"), 403);
    assert_seen("path=/v5/order/create-batch", "", false, -1);
    ck_assert_int_eq(ask("GET", "/sim/requests", "after=x", ""), 400);
}
END_TEST

START_TEST(reads_are_not_remembered)
{
    cJSON *json;

    ck_assert_int_eq(list_length("/v5/order/realtime", "category=linear&symbol=BTCUSDT"), 0);
    json = door("/sim/requests", "");
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(json, "list")), 0);
    ck_assert_int_eq(cJSON_GetObjectItem(json, "last")->valueint, 0);
    cJSON_Delete(json);
}
END_TEST

static void add_windows(Suite *suite)
{
    TCase *tcase = tcase_create("windows");

    tcase_add_checked_fixture(tcase, make_limits, free_limits);
    tcase_add_test(tcase, a_burst_at_the_end_of_a_second_is_counted_in_the_next);
    tcase_add_test(tcase, no_second_holds_more_than_the_limit);
    tcase_add_test(tcase, a_refusal_says_when_there_is_a_place);
    tcase_add_test(tcase, routes_and_categories_do_not_share);
    tcase_add_test(tcase, a_lowered_limit_waits_for_enough_to_leave);
    tcase_add_test(tcase, the_largest_limit_is_kept_exactly);
    tcase_add_test(tcase, an_address_that_asks_too_often_is_banned);
    tcase_add_test(tcase, an_address_that_waits_is_not_banned);
    tcase_add_test(tcase, switched_off_only_an_ordered_ban_holds);
    tcase_add_loop_test(tcase, the_limits_are_the_documented_ones, 0, ARRAY_LEN(figures));
    suite_add_tcase(suite, tcase);
}

int main(void)
{
    Suite *suite = suite_create("sim/limits");
    TCase *tcase = tcase_create("wire");
    SRunner *runner;
    int failures;

    add_windows(suite);
    tcase_add_checked_fixture(tcase, setup_limited, teardown);
    tcase_add_test(tcase, the_eleventh_create_of_a_second_is_not_executed);
    tcase_add_test(tcase, who_is_not_known_is_not_counted);
    tcase_add_test(tcase, a_banned_address_gets_403_and_keeps_its_streams);
    tcase_add_test(tcase, a_ban_can_be_ordered_and_lifted);
    tcase_add_test(tcase, the_door_tightens_limits);
    tcase_add_test(tcase, what_arrives_is_remembered_whatever_becomes_of_it);
    tcase_add_test(tcase, reads_are_not_remembered);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("doors");
    tcase_add_unchecked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_wrong_door_changes_nothing, 0, ARRAY_LEN(wrong_doors));
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
