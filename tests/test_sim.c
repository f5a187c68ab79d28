/* A started exchange over real sockets; requests are signed by the client of these tests, not by
 * the code under test. */
#include "sim/auth.h"
#include "test_sim_client.h"

/* --- known answers of the protocol's signing --- */

static const struct {
    const char *content, *sign;
} vectors[] = {
    { "category=linear&symbol=BTCUSDT&limit=5",
      "88b8fa6997df98d71dac72cfcda88e2c1b866b544bbe13a8defc0e851c896496" },
    { "", "cf3fde530ff9802eaf63d8578566be2cd7a7efad7c6276e0c16316defef21fcc" },
    { "category=linear&limit=2&cursor="
      "1321052653536515584%3A1672217748287%2C1321052653536515584%3A1672217748287",
      "4719f38e54257fa31f1545410d885634b40d5c81f6c3d950162862bc0cdc04ce" },
    { "accountType=UNIFIED&coin=USDT%2CBTC",
      "23d716e667e0c83b5fe91cddf687560d7cc74440d282f2bdbca4b587a175b5e1" },
    { "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"orderType\":\"Limit\","
      "\"qty\":\"0.001\",\"price\":\"30000\",\"timeInForce\":\"PostOnly\","
      "\"orderLinkId\":\"bridge-0001\"}",
      "e72755516d3ca492d5012a32b3f40808feb69cd27daac5309c6b220438344039" },
    { "{\"category\": \"linear\", \"symbol\": \"BTCUSDT\", \"orderLinkId\": \"bridge-0001\"}",
      "3631a0fb222434b391f00f118f1a26f553139e37fc036220c204819b0d77c352" },
    { "{}", "06a4536c689cd4ea3b7e80448bfaaa784468199983d8fd9c81b01bdbbf3bf7e4" },
};

static const struct auth_login login = { KEY, SECRET };

START_TEST(the_protocols_vectors_are_accepted_and_no_other_byte)
{
    struct auth_headers headers = { KEY, "1700000000000", "5000", vectors[_i].sign };
    const char *content = vectors[_i].content;

    ck_assert_int_eq(auth_check(&login, &headers, content, strlen(content), 1700000000000).code, 0);
    ck_assert_int_eq(auth_check(&login, &headers, "x", 1, 1700000000000).code, 10004);
    headers.window = "5001";
    ck_assert_int_eq(auth_check(&login, &headers, content, strlen(content), 1700000000000).code,
                     10004);
}
END_TEST

static const struct {
    const char *key, *timestamp;
    int64_t now_ms;
    int code;
} times[] = {
    { KEY, "1700000000000", 1700000005000, 0 },
    { KEY, "1700000000000", 1700000005001, 10002 },
    { KEY, "1700000000000", 1699999999001, 0 },
    { KEY, "1700000000000", 1699999999000, 10002 },
    { "OTHER", "1700000000000", 1700000000000, 10003 },
    { NULL, "1700000000000", 1700000000000, 10001 },
    { KEY, "soon", 1700000000000, 10001 },
};

START_TEST(time_and_key_are_checked)
{
    const struct auth_headers headers = { times[_i].key, times[_i].timestamp, "5000",
                                          vectors[1].sign };

    ck_assert_int_eq(auth_check(&login, &headers, "", 0, times[_i].now_ms).code, times[_i].code);
}
END_TEST

START_TEST(a_sockets_log_in_is_checked)
{
    const char *sign = "7fa65ae8f32eac9a3a86c68bef95ca967e91da5ffeb609d1edcf0e1a8611bd7f";

    ck_assert(auth_check_stream(&login, KEY, 1700000010000, sign, 1700000000000));
    ck_assert(!auth_check_stream(&login, KEY, 1700000010000, sign, 1700000010000));
    ck_assert(!auth_check_stream(&login, KEY, 1700000010001, sign, 1700000000000));
    ck_assert(!auth_check_stream(&login, "OTHER", 1700000010000, sign, 1700000000000));
}
END_TEST

#define RESTING(link)                                                                              \
    "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"orderType\":\"Limit\","    \
    "\"qty\":\"0.001\",\"price\":\"90000\",\"orderLinkId\":\"" link "\"}"
#define TAKING(link)                                                                               \
    "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"orderType\":\"Market\","   \
    "\"qty\":\"0.001\",\"orderLinkId\":\"" link "\"}"

START_TEST(a_taken_port_is_unavailable_and_a_bad_host_invalid)
{
    struct sim_options options = { .host = "127.0.0.1", .api_key = KEY, .api_secret = SECRET };
    struct sim *other = NULL;
    struct error error;

    options.port = sim_port(sim);
    ck_assert_int_eq(sim_start(&other, &options, &error), ERR_UNAVAILABLE);
    options.host = "nowhere";
    ck_assert_int_eq(sim_start(&other, &options, &error), ERR_INVALID);
    ck_assert_ptr_null(other);
}
END_TEST

START_TEST(an_order_is_placed_found_and_cancelled)
{
    const char *found = "category=linear&symbol=BTCUSDT&orderLinkId=t-1";

    ck_assert_int_eq(ret_code("POST", "/v5/order/create", "", RESTING("t-1")), 0);
    ck_assert_int_eq(ret_code("POST", "/v5/order/create", "", RESTING("t-1")), 110072);
    ck_assert_int_eq(list_length("/v5/order/realtime", found), 1);
    ck_assert_int_eq(ret_code("POST", "/v5/order/cancel", "",
                              "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\","
                              "\"orderLinkId\":\"t-1\"}"),
                     0);
    ck_assert_int_eq(ret_code("POST", "/v5/order/cancel", "",
                              "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\","
                              "\"orderLinkId\":\"t-1\"}"),
                     110001);
    ck_assert_int_eq(list_length("/v5/order/realtime", "category=linear&settleCoin=USDT"), 0);
    ck_assert_int_eq(list_length("/v5/order/realtime", found), 1);
    ck_assert_int_eq(list_length("/v5/order/history", found), 1);
}
END_TEST

START_TEST(executions_are_paged_by_cursor)
{
    char query[160] = "category=linear&limit=2";
    int pages = 0;
    int rows = 0;

    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(
            ret_code("POST", "/v5/order/create", "",
                     "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"side\":\"Buy\","
                     "\"orderType\":\"Market\",\"qty\":\"0.001\"}"),
            0);
    for (;;) {
        cJSON *json = ask_json("GET", "/v5/execution/list", query, "");
        const cJSON *result = cJSON_GetObjectItem(json, "result");
        const char *cursor = cJSON_GetObjectItem(result, "nextPageCursor")->valuestring;

        rows += cJSON_GetArraySize(cJSON_GetObjectItem(result, "list"));
        pages++;
        if (*cursor)
            (void)snprintf(query, sizeof(query), "category=linear&limit=2&cursor=%s", cursor);
        if (!*cursor || pages > 5) {
            cJSON_Delete(json);
            break;
        }
        cJSON_Delete(json);
    }
    ck_assert_int_eq(pages, 3);
    ck_assert_int_eq(rows, 5);
    ck_assert_int_eq(ret_code("GET", "/v5/execution/list",
                              "category=linear&startTime=1700000000000&endTime=1700700000000", ""),
                     10001);
}
END_TEST

/* What a fault does to the request, and whether the order is there afterwards. */
static const struct {
    const char *fault, *link, *body;
    int status;
    int orders;
} faults[] = {
    { "{\"path\":\"/v5/order/create\",\"mode\":\"drop_before\"}", "f-1", RESTING("f-1"), 0, 0 },
    { "{\"path\":\"/v5/order/create\",\"mode\":\"drop_after\"}", "f-2", RESTING("f-2"), 0, 1 },
    { "{\"path\":\"/v5/order/create\",\"mode\":\"delay\",\"ms\":50}", "f-3", RESTING("f-3"), 200,
      1 },
    { "{\"path\":\"/v5/order/create\",\"mode\":\"answer\",\"status\":503,\"body\":\"x\"}", "f-4",
      RESTING("f-4"), 503, 0 },
    { "{\"path\":\"/v5/order/create\",\"mode\":\"act_then_answer\",\"status\":500,\"body\":\"x\"}",
      "f-5", RESTING("f-5"), 500, 1 },
};

START_TEST(a_fault_strikes_once)
{
    char query[128];

    control("/sim/fault", faults[_i].fault);
    ck_assert_int_eq(ask("POST", "/v5/order/create", "", faults[_i].body), faults[_i].status);
    hang_up();
    (void)snprintf(query, sizeof(query), "category=linear&symbol=BTCUSDT&orderLinkId=%s",
                   faults[_i].link);
    ck_assert_int_eq(list_length("/v5/order/realtime", query), faults[_i].orders);
    ck_assert_int_eq(ret_code("POST", "/v5/order/create", "", RESTING("f-after")), 0);
}
END_TEST

START_TEST(a_hanging_request_ends_with_the_exchange)
{
    const struct timeval impatience = { 0, 100000 };

    control("/sim/fault", "{\"path\":\"/v5/order/create\",\"mode\":\"hang\"}");
    (void)setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &impatience, sizeof(impatience));
    ck_assert_int_eq(ask("POST", "/v5/order/create", "", RESTING("h-1")), 0);
    connection = dial(); /* the other one is left hanging */
    ck_assert_int_eq(
        list_length("/v5/order/realtime", "category=linear&symbol=BTCUSDT&orderLinkId=h-1"), 1);
}
END_TEST

START_TEST(a_get_with_a_body_is_forbidden)
{
    ck_assert_int_eq(ask("GET", "/v5/account/info", "", "{}"), 403);
    ck_assert_int_eq(ask("GET", "/v5/account/nothing", "", ""), 404);
}
END_TEST

/* --- WebSocket --- */

START_TEST(the_private_socket_tells_of_a_fill)
{
    static const char *const topics[] = { "execution", "order", "position", "wallet" };
    int descriptor = dial_private();

    send_frame(descriptor, "{\"op\":\"subscribe\",\"args\":[\"order\",\"execution\",\"position\","
                           "\"wallet\"]}");
    ck_assert(read_frame(descriptor));
    ck_assert_int_eq(ret_code("POST", "/v5/order/create", "", TAKING("w-1")), 0);
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        char topic[64];

        ck_assert(read_frame(descriptor));
        (void)snprintf(topic, sizeof(topic), "\"topic\":\"%s\"", topics[i]);
        ck_assert_msg(strstr(answer, topic) != NULL, "%s: %s", topic, answer);
    }
    (void)close(descriptor);
}
END_TEST

START_TEST(a_cut_socket_is_closed)
{
    int descriptor = dial_private();

    control("/sim/stream", "{\"mode\":\"cut\",\"kind\":\"private\"}");
    ck_assert(!read_frame(descriptor));
    (void)close(descriptor);
}
END_TEST

START_TEST(a_muted_socket_hears_nothing_until_unmuted)
{
    int descriptor = dial_private();

    send_frame(descriptor, "{\"op\":\"subscribe\",\"args\":[\"order\"]}");
    ck_assert(read_frame(descriptor));
    control("/sim/stream", "{\"mode\":\"mute\",\"kind\":\"private\"}");
    ck_assert_int_eq(ret_code("POST", "/v5/order/create", "", RESTING("m-1")), 0);
    control("/sim/stream", "{\"mode\":\"unmute\",\"kind\":\"private\"}");
    ck_assert_int_eq(ret_code("POST", "/v5/order/create", "", RESTING("m-2")), 0);
    ck_assert(read_frame(descriptor));
    ck_assert_ptr_nonnull(strstr(answer, "m-2"));
    (void)close(descriptor);
}
END_TEST

static const struct {
    const char *path, *frame, *answer;
} refusals[] = {
    { "/v5/public/linear", "{\"op\":\"subscribe\",\"args\":[\"orderbook.500.BTCUSDT\"]}",
      "error:handler not found,topic:orderbook.500.BTCUSDT" },
    { "/v5/public/linear",
      "{\"op\":\"subscribe\",\"args\":[\"publicTrade.BTCUSDT\",\"publicTrade.BTCUSDT\"]}",
      "error:already subscribed,topic:publicTrade.BTCUSDT" },
    { "/v5/public/spot",
      "{\"op\":\"subscribe\",\"args\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\","
      "\"k\"]}",
      "args size >10" },
    { "/v5/private", "{\"op\":\"subscribe\",\"args\":[\"order\"]}", "\"success\":false" },
    { "/v5/private", "{\"op\":\"auth\",\"args\":[\"" KEY "\",1,\"x\"]}", "Params Error" },
    { "/v5/public/spot", "not json", "\"success\":false" },
};

START_TEST(a_bad_request_on_a_socket_is_refused)
{
    int descriptor = dial_socket(refusals[_i].path);

    send_frame(descriptor, refusals[_i].frame);
    ck_assert(read_frame(descriptor));
    ck_assert_msg(strstr(answer, refusals[_i].answer) != NULL, "%s", answer);
    (void)close(descriptor);
}
END_TEST

/* `u` of the next book frame, which must be of that type; -1: it is not. */
static int64_t next_u(int descriptor, const char *type)
{
    cJSON *json = read_frame(descriptor) ? cJSON_Parse(answer) : NULL;
    const char *got = cJSON_GetStringValue(cJSON_GetObjectItem(json, "type"));
    int64_t u = -1;

    if (got && strcmp(got, type) == 0)
        u = (int64_t)cJSON_GetNumberValue(
            cJSON_GetObjectItem(cJSON_GetObjectItem(json, "data"), "u"));
    cJSON_Delete(json);
    return u;
}

START_TEST(a_book_stream_starts_with_a_snapshot_and_goes_on_by_one)
{
    int descriptor = dial_socket("/v5/public/linear");
    int64_t first;

    control("/sim/pause", "{\"paused\":false}");
    send_frame(descriptor, "{\"op\":\"subscribe\",\"args\":[\"orderbook.50.BTCUSDT\"]}");
    ck_assert(read_frame(descriptor));
    first = next_u(descriptor, "snapshot");
    ck_assert_int_gt(first, 0);
    for (int i = 1; i < 10; i++)
        ck_assert_int_eq(next_u(descriptor, "delta"), first + i);
    (void)close(descriptor);
}
END_TEST

/* Seen by the leak checker. */
START_TEST(a_handshake_as_it_stops_leaves_nothing_behind)
{
    static const char request[] = "GET /v5/private HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                                  "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                  "Sec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    for (int i = 0; i < 40; i++) {
        int descriptor;

        setup();
        descriptor = dial();
        ck_assert_int_eq(write(descriptor, request, strlen(request)), (ssize_t)strlen(request));
        teardown();
        (void)close(descriptor);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim");
    TCase *pure = tcase_create("auth");
    TCase *live = tcase_create("live");
    SRunner *runner;
    int failures;

    tcase_add_loop_test(pure, the_protocols_vectors_are_accepted_and_no_other_byte, 0,
                        ARRAY_LEN(vectors));
    tcase_add_loop_test(pure, time_and_key_are_checked, 0, ARRAY_LEN(times));
    tcase_add_test(pure, a_sockets_log_in_is_checked);
    tcase_add_test(pure, a_handshake_as_it_stops_leaves_nothing_behind);
    tcase_add_checked_fixture(live, setup, teardown);
    tcase_add_test(live, a_taken_port_is_unavailable_and_a_bad_host_invalid);
    tcase_add_test(live, an_order_is_placed_found_and_cancelled);
    tcase_add_test(live, executions_are_paged_by_cursor);
    tcase_add_loop_test(live, a_fault_strikes_once, 0, ARRAY_LEN(faults));
    tcase_add_test(live, a_hanging_request_ends_with_the_exchange);
    tcase_add_test(live, a_get_with_a_body_is_forbidden);
    tcase_add_test(live, the_private_socket_tells_of_a_fill);
    tcase_add_test(live, a_cut_socket_is_closed);
    tcase_add_test(live, a_muted_socket_hears_nothing_until_unmuted);
    tcase_add_loop_test(live, a_bad_request_on_a_socket_is_refused, 0, ARRAY_LEN(refusals));
    tcase_add_test(live, a_book_stream_starts_with_a_snapshot_and_goes_on_by_one);
    suite_add_tcase(suite, pure);
    suite_add_tcase(suite, live);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
