/* Cancelling many orders with one request: which ones, how many at once, and when. Leverage, which
 * changes what open orders hold. */
#include "test_sim_client.h"

#define CANCEL_ALL "/v5/order/cancel-all"
#define LEVERAGE   "/v5/position/set-leverage"

static void create(const char *category, const char *symbol, const char *qty, const char *price)
{
    char body[256];

    (void)snprintf(body, sizeof(body),
                   "{\"category\":\"%s\",\"symbol\":\"%s\",\"side\":\"Buy\",\"orderType\":\"Limit\""
                   ",\"qty\":\"%s\",\"price\":\"%s\"}",
                   category, symbol, qty, price);
    ck_assert_msg(ret_code("POST", "/v5/order/create", "", body) == 0, "%s: %s", body, answer);
}

static int open_orders(const char *query)
{
    return list_length("/v5/order/realtime", query);
}

static int all_open(void)
{
    return open_orders("category=linear&settleCoin=USDT&limit=50") +
           open_orders("category=spot&limit=50") + open_orders("category=inverse&limit=50");
}

/* Orders in the answer's list; `ids` gets them when it is not NULL. */
static int cancel_all(const char *body, char ids[][64])
{
    cJSON *json = ask_json("POST", CANCEL_ALL, "", body);
    const cJSON *result = cJSON_GetObjectItem(json, "result");
    const cJSON *list = cJSON_GetObjectItem(result, "list");
    const cJSON *item;
    int count = 0;

    ck_assert_msg(cJSON_GetObjectItem(json, "retCode")->valueint == 0, "%s: %s", body, answer);
    ck_assert_str_eq(cJSON_GetObjectItem(result, "success")->valuestring, "1");
    cJSON_ArrayForEach(item, list)
    {
        ck_assert_ptr_nonnull(cJSON_GetObjectItem(item, "orderLinkId"));
        if (ids)
            (void)snprintf(ids[count], 64, "%s", cJSON_GetObjectItem(item, "orderId")->valuestring);
        count++;
    }
    cJSON_Delete(json);
    return count;
}

static void place_one_of_each(void)
{
    create("linear", "BTCUSDT", "0.001", "50000");
    create("linear", "BTCUSDT", "0.001", "50001");
    create("linear", "ETHUSDT", "0.01", "1000");
    create("linear", "SOLUSDT", "1", "50");
    create("spot", "BTCUSDT", "0.001", "50000");
    create("spot", "ETHUSDT", "0.01", "1000");
    create("inverse", "BTCUSD", "100", "50000");
}

static void clear(void)
{
    (void)cancel_all("{\"category\":\"linear\",\"settleCoin\":\"USDT\"}", NULL);
    (void)cancel_all("{\"category\":\"spot\"}", NULL);
    (void)cancel_all("{\"category\":\"inverse\",\"symbol\":\"BTCUSD\"}", NULL);
    ck_assert_int_eq(all_open(), 0);
}

static const struct {
    const char *body;
    int code, cancelled;
} scopes[] = {
    { "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\"}", 0, 2 },
    { "{\"category\":\"linear\",\"baseCoin\":\"ETH\"}", 0, 1 },
    { "{\"category\":\"linear\",\"settleCoin\":\"USDT\"}", 0, 4 },
    { "{\"category\":\"linear\",\"settleCoin\":\"USDC\"}", 0, 0 },
    /* symbol before base coin before settle coin */
    { "{\"category\":\"linear\",\"symbol\":\"SOLUSDT\",\"baseCoin\":\"BTC\"}", 0, 1 },
    { "{\"category\":\"linear\",\"baseCoin\":\"BTC\",\"settleCoin\":\"USDC\"}", 0, 2 },
    { "{\"category\":\"linear\",\"symbol\":\"\",\"baseCoin\":\"\",\"settleCoin\":\"USDT\"}", 0, 4 },
    { "{\"category\":\"linear\"}", 10001, 0 },
    { "{\"category\":\"linear\",\"symbol\":\"\"}", 10001, 0 },
    { "{\"category\":\"linear\",\"symbol\":\"NOSUCH\"}", 10001, 0 },
    { "{\"category\":\"linear\",\"symbol\":17}", 10001, 0 },
    { "{\"category\":\"inverse\"}", 10001, 0 },
    { "{\"category\":\"inverse\",\"symbol\":\"BTCUSD\"}", 0, 1 },
    { "{\"category\":\"inverse\",\"baseCoin\":\"BTC\"}", 0, 1 },
    { "{\"category\":\"inverse\",\"settleCoin\":\"BTC\"}", 0, 1 },
    { "{\"category\":\"spot\"}", 0, 2 },
    { "{\"category\":\"spot\",\"symbol\":\"BTCUSDT\"}", 0, 1 },
    { "{\"category\":\"spot\",\"baseCoin\":\"ETH\"}", 0, 1 },
    { "{\"category\":\"spot\",\"settleCoin\":\"BTC\"}", 0, 2 }, /* spot has none */
    { "{\"category\":\"option\"}", 0, 0 },
    { "{\"category\":\"option\",\"settleCoin\":\"USDT\"}", 0, 0 },
    { "{\"category\":\"option\",\"orderFilter\":\"tpslOrder\"}", 10001, 0 },
    { "{\"category\":\"option\",\"orderFilter\":\"StopOrder\"}", 0, 0 },
    { "{\"category\":\"futures\"}", 10001, 0 },
    { "{}", 10001, 0 },
    { "[]", 10001, 0 },
    { "{\"category\":\"spot\",\"orderFilter\":\"Order\"}", 0, 2 },
    { "{\"category\":\"spot\",\"orderFilter\":\"\"}", 0, 2 },
    { "{\"category\":\"spot\",\"orderFilter\":\"tpslOrder\"}", 0, 0 },
    { "{\"category\":\"spot\",\"orderFilter\":\"StopOrder\"}", 0, 0 },
    { "{\"category\":\"spot\",\"orderFilter\":\"OcoOrder\"}", 0, 0 },
    { "{\"category\":\"spot\",\"orderFilter\":\"BidirectionalTpslOrder\"}", 0, 0 },
    { "{\"category\":\"spot\",\"orderFilter\":\"OpenOrder\"}", 10001, 0 },
    { "{\"category\":\"spot\",\"orderFilter\":\"order\"}", 10001, 0 },
    { "{\"category\":\"spot\",\"orderFilter\":1}", 10001, 0 },
    { "{\"category\":\"linear\",\"settleCoin\":\"USDT\",\"orderFilter\":\"Order\"}", 0, 4 },
    { "{\"category\":\"linear\",\"settleCoin\":\"USDT\",\"orderFilter\":\"OpenOrder\"}", 0, 4 },
    { "{\"category\":\"linear\",\"settleCoin\":\"USDT\",\"orderFilter\":\"StopOrder\"}", 0, 0 },
    { "{\"category\":\"linear\",\"settleCoin\":\"USDT\",\"orderFilter\":\"OcoOrder\"}", 10001, 0 },
};

START_TEST(a_request_cancels_what_it_names_and_nothing_else)
{
    place_one_of_each();
    if (scopes[_i].code)
        ck_assert_msg(ret_code("POST", CANCEL_ALL, "", scopes[_i].body) == scopes[_i].code,
                      "%s: %s", scopes[_i].body, answer);
    else
        ck_assert_msg(cancel_all(scopes[_i].body, NULL) == scopes[_i].cancelled, "%s: %s",
                      scopes[_i].body, answer);
    ck_assert_int_eq(all_open(), 7 - scopes[_i].cancelled);
    clear();
}
END_TEST

static const struct {
    const char *query;
    int rows; /* -1: 10001 */
} lists[] = {
    { "category=linear&settleCoin=USDT&orderFilter=Order", 4 },
    { "category=linear&settleCoin=USDT&orderFilter=StopOrder", 0 },
    { "category=spot&orderFilter=Order", 2 },
    { "category=spot&orderFilter=tpslOrder", 0 },
    { "category=spot&orderFilter=OcoOrder", 0 },
    { "category=spot&orderFilter=BidirectionalTpslOrder", 0 },
    { "category=spot&orderFilter=StopOrder&openOnly=1", 0 },
    { "category=spot&orderFilter=", 2 },
    { "category=spot&orderFilter=All", -1 },
    { "category=inverse", 1 },
    { "category=linear", -1 },
};

START_TEST(the_list_of_open_orders_has_the_filter_too)
{
    place_one_of_each();
    if (lists[_i].rows < 0)
        ck_assert_int_eq(ret_code("GET", "/v5/order/realtime", lists[_i].query, ""), 10001);
    else
        ck_assert_int_eq(open_orders(lists[_i].query), lists[_i].rows);
    clear();
}
END_TEST

static void create_ladder(const char *category, const char *symbol, const char *qty, int count)
{
    for (int i = 0; i < count; i++) {
        char price[16];

        (void)snprintf(price, sizeof(price), "%d", 50000 + i);
        create(category, symbol, qty, price);
    }
}

/* The price of an order that the user cancelled. */
static long cancelled_price(const char *order_id)
{
    char query[320];
    cJSON *json;
    const cJSON *row;
    long price;

    (void)snprintf(query, sizeof(query), "category=linear&symbol=BTCUSDT&orderId=%s", order_id);
    json = ask_json("GET", "/v5/order/history", query, "");
    row = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "result"), "list");
    row = cJSON_GetArrayItem(row, 0);
    ck_assert_ptr_nonnull(row);
    ck_assert_str_eq(cJSON_GetObjectItem(row, "cancelType")->valuestring, "CancelByUser");
    price = strtol(cJSON_GetObjectItem(row, "price")->valuestring, NULL, 10);
    cJSON_Delete(json);
    return price;
}

START_TEST(of_contracts_so_many_are_drawn_until_none_is_left)
{
    char ids[3][64];
    int drawn = 0;
    int of_the_newest = 0;

    control("/sim/limits", "{\"cancel_all_most\":3}");
    create_ladder("linear", "BTCUSDT", "0.001", 20);
    for (int rounds = 0; rounds < 7; rounds++) {
        int count = cancel_all("{\"category\":\"linear\",\"symbol\":\"BTCUSDT\"}", ids);

        ck_assert_int_eq(count, rounds < 6 ? 3 : 2);
        for (int i = 0; i < count; i++) {
            bool newest = cancelled_price(ids[i]) >= 50010;

            of_the_newest += rounds < 3 && newest;
        }
        drawn += count;
        ck_assert_int_eq(open_orders("category=linear&symbol=BTCUSDT&limit=50"), 20 - drawn);
    }
    ck_assert_int_eq(cancel_all("{\"category\":\"linear\",\"symbol\":\"BTCUSDT\"}", NULL), 0);
    /* Nine drawn of twenty: neither the newest nor the oldest ten only. */
    ck_assert_int_gt(of_the_newest, 0);
    ck_assert_int_lt(of_the_newest, 9);
}
END_TEST

START_TEST(of_spot_all_are_cancelled_at_once)
{
    control("/sim/limits", "{\"cancel_all_most\":3}");
    create_ladder("spot", "BTCUSDT", "0.001", 10);
    ck_assert_int_eq(cancel_all("{\"category\":\"spot\"}", NULL), 10);
    ck_assert_int_eq(open_orders("category=spot"), 0);
}
END_TEST

START_TEST(the_answer_can_come_before_the_cancels)
{
    static const char *const query = "category=linear&symbol=BTCUSDT";
    static const char *const body = "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\"}";
    int64_t until_ms;

    create_ladder("linear", "BTCUSDT", "0.001", 4);
    control("/sim/limits", "{\"cancel_all_delay_ms\":300}");
    until_ms = clock_mono_ms() + 300;
    ck_assert_int_eq(cancel_all(body, NULL), 4);
    create("linear", "BTCUSDT", "0.001", "40000"); /* came later: stays */
    if (clock_mono_ms() < until_ms - 50)
        ck_assert_int_eq(open_orders(query), 5);
    control("/sim/price", "{\"symbol\":\"BTCUSDT\",\"price\":\"50002.5\"}"); /* fills one */
    while (clock_mono_ms() < until_ms + 100)
        (void)usleep(5000);
    ck_assert_int_eq(open_orders(query), 1);
    ck_assert_int_eq(
        list_length("/v5/order/history", "category=linear&symbol=BTCUSDT&orderStatus=Cancelled"),
        3);
    ck_assert_int_eq(
        list_length("/v5/order/history", "category=linear&symbol=BTCUSDT&orderStatus=Filled"), 1);
}
END_TEST

START_TEST(a_cancel_that_is_owed_happens_once)
{
    static const char *const body = "{\"category\":\"spot\"}";
    int private = dial_private();
    int cancelled = 0;

    send_frame(private, "{\"op\":\"subscribe\",\"args\":[\"order\"]}");
    ck_assert(read_frame(private));
    create_ladder("spot", "BTCUSDT", "0.001", 2);
    control("/sim/limits", "{\"cancel_all_delay_ms\":100}");
    ck_assert_int_eq(cancel_all(body, NULL), 2);
    ck_assert_int_eq(cancel_all(body, NULL), 2); /* both are open still */
    (void)usleep(250000);
    control("/sim/limits", "{\"cancel_all_delay_ms\":0}");
    create("spot", "BTCUSDT", "0.001", "40000");
    for (;;) { /* up to the order that came last */
        ck_assert(read_frame(private));
        for (const char *at = answer; (at = strstr(at, "\"Cancelled\"")); at++)
            cancelled++;
        if (strstr(answer, "\"40000"))
            break;
    }
    ck_assert_int_eq(cancelled, 2);
    (void)close(private);
}
END_TEST

/* --- leverage --- */

static int set_leverage(const char *category, const char *symbol, const char *buy, const char *sell)
{
    char body[256];

    (void)snprintf(body, sizeof(body),
                   "{\"category\":\"%s\",\"symbol\":\"%s\",\"buyLeverage\":\"%s\",\"sellLeverage\":"
                   "\"%s\"}",
                   category, symbol, buy, sell);
    return ret_code("POST", LEVERAGE, "", body);
}

static const struct {
    const char *category, *symbol, *buy, *sell;
    int code;
} leverages[] = {
    { "linear", "BTCUSDT", "10", "10", 110043 },
    { "linear", "BTCUSDT", "10.0", "10", 110043 },
    { "linear", "BTCUSDT", "5", "6", 10001 },
    { "linear", "BTCUSDT", "5", "", 10001 },
    { "linear", "BTCUSDT", "5x", "5x", 10001 },
    { "linear", "BTCUSDT", "5.001", "5.001", 10001 },
    { "linear", "BTCUSDT", "0", "0", 110013 },
    { "linear", "BTCUSDT", "0.99", "0.99", 110013 },
    { "linear", "BTCUSDT", "-5", "-5", 110013 },
    { "linear", "BTCUSDT", "100.01", "100.01", 110013 },
    { "linear", "BTCUSDT", "999999999999999999999999999999999999",
      "999999999999999999999999999999999999", 110013 },
    { "linear", "NOSUCH", "5", "5", 10001 },
    { "spot", "BTCUSDT", "5", "5", 10001 },
    { "option", "BTCUSDT", "5", "5", 10001 },
    { "linear", "BTCUSDT", "100", "100.00", 0 },
    { "linear", "BTCUSDT", "1", "1", 0 },
    { "linear", "BTCUSDT", "12.50", "12.5", 0 },
    { "inverse", "BTCUSD", "25", "25", 0 },
};

/* What the position's row shows. */
static void assert_position(const char *category, const char *symbol, const char *leverage)
{
    char query[64];
    cJSON *json;
    const cJSON *row;

    (void)snprintf(query, sizeof(query), "category=%s&symbol=%s", category, symbol);
    json = ask_json("GET", "/v5/position/list", query, "");
    row = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "result"), "list");
    row = cJSON_GetArrayItem(row, 0);
    ck_assert_ptr_nonnull(row);
    ck_assert_str_eq(cJSON_GetObjectItem(row, "leverage")->valuestring, leverage);
    cJSON_Delete(json);
}

START_TEST(a_leverage_is_checked_and_shown_without_a_position)
{
    bool inverse = strcmp(leverages[_i].category, "inverse") == 0;
    const char *shown = "10";

    ck_assert_int_eq(set_leverage(leverages[_i].category, leverages[_i].symbol, leverages[_i].buy,
                                  leverages[_i].sell),
                     leverages[_i].code);
    if (leverages[_i].code == 0)
        shown = strcmp(leverages[_i].buy, "12.50") == 0 ? "12.5" : leverages[_i].buy;
    assert_position("linear", "BTCUSDT", inverse ? "10" : shown);
    assert_position("inverse", "BTCUSD", inverse ? shown : "10");
    assert_position("linear", "ETHUSDT", "10");
}
END_TEST

START_TEST(a_new_leverage_is_told)
{
    int private = dial_private();

    send_frame(private, "{\"op\":\"subscribe\",\"args\":[\"position\"]}");
    ck_assert(read_frame(private));
    ck_assert_int_eq(set_leverage("linear", "BTCUSDT", "10", "10"), 110043);
    ck_assert_int_eq(set_leverage("linear", "BTCUSDT", "20", "20"), 0);
    ck_assert(read_frame(private));
    ck_assert_ptr_nonnull(strstr(answer, "\"topic\":\"position\""));
    ck_assert_ptr_nonnull(strstr(answer, "\"symbol\":\"BTCUSDT\""));
    ck_assert_ptr_nonnull(strstr(answer, "\"leverage\":\"20\""));
    ck_assert_ptr_nonnull(strstr(answer, "\"size\":\"0"));
    (void)close(private);
}
END_TEST

static double order_margin(void)
{
    cJSON *json =
        ask_json("GET", "/v5/account/wallet-balance", "accountType=UNIFIED&coin=USDT", "");
    const cJSON *row = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "result"), "list");
    const cJSON *coin = cJSON_GetObjectItem(cJSON_GetArrayItem(row, 0), "coin");
    const cJSON *margin = cJSON_GetObjectItem(cJSON_GetArrayItem(coin, 0), "totalOrderIM");
    double out;

    ck_assert_ptr_nonnull(margin);
    out = strtod(margin->valuestring, NULL);
    cJSON_Delete(json);
    return out;
}

START_TEST(open_orders_hold_what_the_new_leverage_wants)
{
    create("linear", "BTCUSDT", "10", "50000"); /* half a million: 50000 of margin */
    ck_assert_double_eq_tol(order_margin(), 50000, 0.01);
    ck_assert_int_eq(set_leverage("linear", "BTCUSDT", "50", "50"), 0);
    ck_assert_double_eq_tol(order_margin(), 10000, 0.01);
    ck_assert_int_eq(set_leverage("linear", "BTCUSDT", "4", "4"), 110012); /* 125000 */
    ck_assert_double_eq_tol(order_margin(), 10000, 0.01);
    assert_position("linear", "BTCUSDT", "50");
    (void)cancel_all("{\"category\":\"linear\",\"symbol\":\"BTCUSDT\"}", NULL);
    ck_assert_double_eq_tol(order_margin(), 0, 0.0001);
    ck_assert_int_eq(set_leverage("linear", "BTCUSDT", "4", "4"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim/cancel_all");
    TCase *tcase = tcase_create("scopes");
    SRunner *runner;
    int failures;

    tcase_add_unchecked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_request_cancels_what_it_names_and_nothing_else, 0,
                        ARRAY_LEN(scopes));
    tcase_add_loop_test(tcase, the_list_of_open_orders_has_the_filter_too, 0, ARRAY_LEN(lists));
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("course");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, of_contracts_so_many_are_drawn_until_none_is_left);
    tcase_add_test(tcase, of_spot_all_are_cancelled_at_once);
    tcase_add_test(tcase, the_answer_can_come_before_the_cancels);
    tcase_add_test(tcase, a_cancel_that_is_owed_happens_once);
    tcase_add_loop_test(tcase, a_leverage_is_checked_and_shown_without_a_position, 0,
                        ARRAY_LEN(leverages));
    tcase_add_test(tcase, a_new_leverage_is_told);
    tcase_add_test(tcase, open_orders_hold_what_the_new_leverage_wants);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
