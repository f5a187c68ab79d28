/* What the bridge sends: bodies and queries, byte for byte. */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "bybit/requests.h"

static struct decimal decimal_of(const char *text)
{
    struct decimal value = DECIMAL_NONE;

    if (text)
        ck_assert_int_eq(decimal_parse(&value, text), ERR_NONE);
    return value;
}

static struct order_request request_of(enum category category, enum order_type type,
                                       const char *qty, const char *price)
{
    struct order_request request = { .link = "bridge-0001",
                                     .category = category,
                                     .symbol = "BTCUSDT",
                                     .side = SIDE_BUY,
                                     .type = type,
                                     .qty = decimal_of(qty),
                                     .price = decimal_of(price),
                                     .trigger_price = DECIMAL_NONE,
                                     .take_profit = DECIMAL_NONE,
                                     .stop_loss = DECIMAL_NONE };

    return request;
}

static void expect_create(const struct order_request *request, const char *expected)
{
    struct buffer body = buffer_of(4096);

    request_create(&body, request);
    ck_assert_int_eq(buffer_check(&body), ERR_NONE);
    ck_assert_str_eq(body.data, expected);
    buffer_deinit(&body);
}

START_TEST(limit_order_keeps_its_digits)
{
    struct order_request request =
        request_of(CATEGORY_LINEAR, ORDER_TYPE_LIMIT, "0.010", "26000.10");

    request.tif = TIF_POST_ONLY;
    request.reduce_only = true;
    expect_create(
        &request,
        "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"orderType\":\"Limit\","
        "\"qty\":\"0.010\",\"price\":\"26000.10\",\"timeInForce\":\"PostOnly\",\"reduceOnly\":true,"
        "\"orderLinkId\":\"bridge-0001\"}");
}
END_TEST

START_TEST(spot_market_order_always_says_its_unit)
{
    struct order_request request = request_of(CATEGORY_SPOT, ORDER_TYPE_MARKET, "100", NULL);

    request.qty_in_quote = true;
    expect_create(
        &request,
        "{\"category\":\"spot\",\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"orderType\":\"Market\","
        "\"qty\":\"100\",\"marketUnit\":\"quoteCoin\",\"orderLinkId\":\"bridge-0001\"}");
    request.qty_in_quote = false;
    request.side = SIDE_SELL;
    expect_create(
        &request,
        "{\"category\":\"spot\",\"symbol\":\"BTCUSDT\",\"side\":\"Sell\",\"orderType\":\"Market\","
        "\"qty\":\"100\",\"marketUnit\":\"baseCoin\",\"orderLinkId\":\"bridge-0001\"}");
}
END_TEST

START_TEST(cancel_goes_by_order_id_where_known)
{
    struct order_request request = request_of(CATEGORY_LINEAR, ORDER_TYPE_LIMIT, "1", "2");
    struct buffer body = buffer_of(4096);

    request_cancel(&body, &request, "");
    ck_assert_str_eq(
        body.data,
        "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"orderLinkId\":\"bridge-0001\"}");
    buffer_clear(&body);
    request_cancel(&body, &request, "9aac161b");
    ck_assert_str_eq(body.data,
                     "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"orderId\":\"9aac161b\"}");
    buffer_deinit(&body);
}
END_TEST

static const struct {
    struct request_cancel_all what;
    const char *body;
} sweeps[] = {
    { { .category = CATEGORY_SPOT, .settle_coin = "", .symbol = "", .order_filter = "tpslOrder" },
      "{\"category\":\"spot\",\"orderFilter\":\"tpslOrder\"}" },
    { { .category = CATEGORY_LINEAR, .settle_coin = "USDC", .order_filter = "" },
      "{\"category\":\"linear\",\"settleCoin\":\"USDC\"}" },
    { { .category = CATEGORY_INVERSE, .symbol = "BTCUSD" },
      "{\"category\":\"inverse\",\"symbol\":\"BTCUSD\"}" },
    { { .category = CATEGORY_OPTION }, "{\"category\":\"option\"}" },
};

START_TEST(cancel_all_says_its_scope_and_nothing_else)
{
    struct buffer body = buffer_of(4096);

    request_cancel_all(&body, &sweeps[_i].what);
    ck_assert_int_eq(buffer_check(&body), ERR_NONE);
    ck_assert_str_eq(body.data, sweeps[_i].body);
    buffer_deinit(&body);
}
END_TEST

START_TEST(a_list_is_narrowed_by_the_kind_of_spot_order)
{
    char query[512];
    struct text text = text_in(query, sizeof(query));
    struct request_list list = { .category = CATEGORY_SPOT,
                                 .order_filter = "StopOrder",
                                 .limit = 50 };

    request_list_query(&text, &list);
    ck_assert_str_eq(query, "category=spot&orderFilter=StopOrder&limit=50");
}
END_TEST

/* PROTOCOL section 3: encoded cursors go back verbatim, others are encoded once. */
static const struct {
    const char *cursor, *sent;
} cursors[] = {
    { "", "category=linear&settleCoin=USDT&startTime=5&limit=50" },
    { "132766%3A2%2C132766%3A2",
      "category=linear&settleCoin=USDT&startTime=5&limit=50&cursor=132766%3A2%2C132766%3A2" },
    { "page_args%3Dfd43%26symbol%3D6%26", "category=linear&settleCoin=USDT&startTime=5&limit=50&"
                                          "cursor=page_args%3Dfd43%26symbol%3D6%26" },
    { "abc+/=", "category=linear&settleCoin=USDT&startTime=5&limit=50&cursor=abc%2B%2F%3D" },
    { "a&b", "category=linear&settleCoin=USDT&startTime=5&limit=50&cursor=a%26b" },
    { "50%zz", "category=linear&settleCoin=USDT&startTime=5&limit=50&cursor=50%25zz" },
    { "1%3A2&x=1", "category=linear&settleCoin=USDT&startTime=5&limit=50&cursor=1%253A2%26x%3D1" },
};

START_TEST(cursors_go_back_as_they_must)
{
    char query[512];
    struct text text = text_in(query, sizeof(query));
    struct request_list list = { .category = CATEGORY_LINEAR,
                                 .settle_coin = "USDT",
                                 .symbol = "",
                                 .start_ms = 5,
                                 .limit = 50,
                                 .cursor = cursors[_i].cursor };

    request_list_query(&text, &list);
    ck_assert(text_fits(&text));
    ck_assert_str_eq(query, cursors[_i].sent);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("requests");
    TCase *tcase = tcase_create("requests");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, limit_order_keeps_its_digits);
    tcase_add_test(tcase, spot_market_order_always_says_its_unit);
    tcase_add_test(tcase, cancel_goes_by_order_id_where_known);
    tcase_add_loop_test(tcase, cancel_all_says_its_scope_and_nothing_else, 0, ARRAY_LEN(sweeps));
    tcase_add_test(tcase, a_list_is_narrowed_by_the_kind_of_spot_order);
    tcase_add_loop_test(tcase, cursors_go_back_as_they_must, 0, ARRAY_LEN(cursors));
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
