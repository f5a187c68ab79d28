/* What the bridge sends: bodies and queries, byte for byte. */
#include <stdio.h>
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

/* Bodies, but for what each of them begins with. */
#define BEGIN(category)                                                                            \
    "{\"category\":\"" category                                                                    \
    "\",\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"orderType\":\"Limit\","                          \
    "\"qty\":\"1\",\"price\":\"30000\","
#define END "\"orderLinkId\":\"bridge-0001\"}"

static struct order_request plain_of(enum category category)
{
    return request_of(category, ORDER_TYPE_LIMIT, "1", "30000");
}

START_TEST(a_conditional_order_says_what_fires_it)
{
    struct order_request request = plain_of(CATEGORY_LINEAR);

    request.trigger_price = decimal_of("31000.50");
    request.trigger_direction = 1;
    expect_create(&request,
                  BEGIN("linear") "\"triggerPrice\":\"31000.50\",\"triggerDirection\":1," END);
    request.trigger_by = TRIGGER_BY_MARK;
    request.position_idx = 2;
    request.close_on_trigger = true;
    expect_create(&request, BEGIN("linear") "\"triggerPrice\":\"31000.50\",\"triggerDirection\":1,"
                                            "\"triggerBy\":\"MarkPrice\","
                                            "\"closeOnTrigger\":true,\"positionIdx\":2," END);
}
END_TEST

START_TEST(a_spot_trigger_always_says_its_kind)
{
    struct order_request request = plain_of(CATEGORY_SPOT);

    request.trigger_price = decimal_of("31000");
    expect_create(&request,
                  BEGIN("spot") "\"orderFilter\":\"tpslOrder\",\"triggerPrice\":\"31000\"," END);
    request.spot_trigger = SPOT_TRIGGER_STOP;
    expect_create(&request,
                  BEGIN("spot") "\"orderFilter\":\"StopOrder\",\"triggerPrice\":\"31000\"," END);
    request.trigger_price = DECIMAL_NONE;
    expect_create(&request, BEGIN("spot") END);
}
END_TEST

START_TEST(attached_stops_are_full_or_limited)
{
    struct order_request request = plain_of(CATEGORY_INVERSE);

    request.take_profit = decimal_of("33000");
    request.stop_loss = decimal_of("29000");
    request.stop_loss_by = TRIGGER_BY_INDEX;
    expect_create(
        &request,
        BEGIN("inverse") "\"tpslMode\":\"Full\",\"takeProfit\":\"33000\",\"stopLoss\":\"29000\","
                         "\"slTriggerBy\":\"IndexPrice\"," END);
    request.take_profit_limit = decimal_of("32999.5");
    expect_create(&request, BEGIN("inverse") "\"tpslMode\":\"Partial\",\"takeProfit\":\"33000\","
                                             "\"tpOrderType\":\"Limit\","
                                             "\"tpLimitPrice\":\"32999.5\",\"stopLoss\":\"29000\","
                                             "\"slTriggerBy\":\"IndexPrice\"," END);
    request = plain_of(CATEGORY_SPOT); /* it has no modes */
    request.stop_loss = decimal_of("29000");
    request.stop_loss_limit = decimal_of("28990");
    expect_create(&request, BEGIN("spot") "\"stopLoss\":\"29000\",\"slOrderType\":\"Limit\","
                                          "\"slLimitPrice\":\"28990\"," END);
    request = plain_of(CATEGORY_OPTION);
    request.take_profit = decimal_of("900");
    expect_create(&request, BEGIN("option") "\"takeProfit\":\"900\"," END);
}
END_TEST

START_TEST(slippage_and_self_match_are_said_when_asked_for)
{
    struct order_request request = plain_of(CATEGORY_LINEAR);

    request.slippage_kind = SLIPPAGE_PERCENT;
    request.slippage = decimal_of("0.50");
    request.smp = SMP_CANCEL_MAKER;
    expect_create(&request, BEGIN("linear") "\"slippageToleranceType\":\"Percent\","
                                            "\"slippageTolerance\":\"0.50\",\"smpType\":"
                                            "\"CancelMaker\"," END);
    request.slippage_kind = SLIPPAGE_TICKS;
    request.slippage = decimal_of("12");
    request.smp = SMP_DEFAULT;
    expect_create(&request, BEGIN("linear") "\"slippageToleranceType\":\"TickSize\","
                                            "\"slippageTolerance\":\"12\"," END);
}
END_TEST

START_TEST(a_batch_says_its_category_once)
{
    struct order_request one = plain_of(CATEGORY_LINEAR);
    struct order_request two = plain_of(CATEGORY_LINEAR);
    const struct order_request *both[] = { &one, &two };
    struct buffer body = buffer_of(4096);

    (void)snprintf(two.link, sizeof(two.link), "bridge-0002");
    two.side = SIDE_SELL;
    request_create_batch(&body, both, 2);
    ck_assert_int_eq(buffer_check(&body), ERR_NONE);
    ck_assert_str_eq(
        body.data,
        "{\"category\":\"linear\",\"request\":[{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\","
        "\"orderType\":"
        "\"Limit\",\"qty\":\"1\",\"price\":\"30000\",\"orderLinkId\":\"bridge-0001\"},{\"symbol\":"
        "\"BTCUSDT\",\"side\":\"Sell\",\"orderType\":\"Limit\",\"qty\":\"1\",\"price\":\"30000\","
        "\"orderLinkId\":\"bridge-0002\"}]}");
    buffer_deinit(&body);
    ck_assert_uint_eq(request_batch_max(CATEGORY_SPOT), 10);
    ck_assert_uint_eq(request_batch_max(CATEGORY_OPTION), 20);
}
END_TEST

static void expect_amend(const struct order_request *request, const char *order_id,
                         const struct order_change *change, const char *expected)
{
    struct buffer body = buffer_of(4096);

    request_amend(&body, request, order_id, change);
    ck_assert_int_eq(buffer_check(&body), ERR_NONE);
    ck_assert_str_eq(body.data, expected);
    buffer_deinit(&body);
}

START_TEST(an_amend_says_what_changes_and_nothing_else)
{
    struct order_request request = plain_of(CATEGORY_LINEAR);
    struct order_change change;

    order_change_clear(&change);
    change.qty = decimal_of("2.0");
    expect_amend(&request, "", &change,
                 "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"orderLinkId\":\"bridge-0001\","
                 "\"qty\":\"2.0\"}");
    order_change_clear(&change);
    change.price = decimal_of("29000.10");
    change.trigger_price = decimal_of("29500");
    change.value_price = decimal_of("29000.10"); /* ours alone */
    expect_amend(&request, "77", &change,
                 "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"orderId\":\"77\",\"price\":"
                 "\"29000.10\",\"triggerPrice\":\"29500\"}");
}
END_TEST

START_TEST(an_amend_takes_stops_away_and_says_what_fires_new_ones)
{
    struct order_request request = plain_of(CATEGORY_LINEAR);
    struct order_change change;

    order_change_clear(&change);
    change.take_profit = decimal_of("0.00");
    expect_amend(
        &request, "77", &change,
        "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"orderId\":\"77\",\"takeProfit\":\"0\"}");
    change.take_profit = decimal_of("33000");
    change.stop_loss = decimal_of("29000");
    request.stop_loss = decimal_of("28000");
    expect_amend(
        &request, "77", &change,
        "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"orderId\":\"77\",\"tpslMode\":\"Full\","
        "\"takeProfit\":\"33000\",\"stopLoss\":\"29000\",\"tpTriggerBy\":\"LastPrice\"}");
    request.stop_loss_limit = decimal_of("27990");
    request.stop_loss_by = TRIGGER_BY_MARK;
    change.take_profit = DECIMAL_NONE;
    expect_amend(&request, "77", &change,
                 "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"orderId\":\"77\",\"tpslMode\":"
                 "\"Partial\",\"stopLoss\":\"29000\",\"slTriggerBy\":\"MarkPrice\"}");
}
END_TEST

START_TEST(settings_of_a_position)
{
    const struct decimal leverage = decimal_of("12.5");
    struct request_trading_stop stop = { .category = CATEGORY_LINEAR,
                                         .symbol = "BTCUSDT",
                                         .take_profit = decimal_of("33000"),
                                         .stop_loss = DECIMAL_NONE,
                                         .trailing_stop = decimal_of("0") };
    struct buffer body = buffer_of(4096);

    request_set_leverage(&body, CATEGORY_LINEAR, "BTCUSDT", &leverage);
    ck_assert_str_eq(body.data, "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"buyLeverage\":"
                                "\"12.5\",\"sellLeverage\":\"12.5\"}");
    buffer_clear(&body);
    request_trading_stop(&body, &stop);
    ck_assert_str_eq(body.data,
                     "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"tpslMode\":\"Full\","
                     "\"positionIdx\":0,\"takeProfit\":\"33000\",\"trailingStop\":\"0\"}");
    buffer_deinit(&body);
}
END_TEST

START_TEST(cancel_goes_by_order_id_where_known)
{
    struct order_request request = request_of(CATEGORY_LINEAR, ORDER_TYPE_LIMIT, "1", "2");
    struct buffer body = buffer_of(4096);

    request_cancel(&body, &request, "", true);
    ck_assert_str_eq(
        body.data,
        "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"orderLinkId\":\"bridge-0001\"}");
    buffer_clear(&body);
    request_cancel(&body, &request, "9aac161b", false);
    ck_assert_str_eq(body.data,
                     "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"orderId\":\"9aac161b\"}");
    buffer_deinit(&body);
}
END_TEST

START_TEST(a_batch_of_cancels_names_its_category_once)
{
    struct order_request first = request_of(CATEGORY_LINEAR, ORDER_TYPE_LIMIT, "1", "2");
    struct order_request second = request_of(CATEGORY_LINEAR, ORDER_TYPE_LIMIT, "1", "2");
    const struct request_cancel cancels[] = { { &first, "" }, { &second, "9aac161b" } };
    struct buffer body = buffer_of(4096);

    request_cancel_batch(&body, cancels, ARRAY_LEN(cancels));
    ck_assert_str_eq(body.data, "{\"category\":\"linear\",\"request\":["
                                "{\"symbol\":\"BTCUSDT\",\"orderLinkId\":\"bridge-0001\"},"
                                "{\"symbol\":\"BTCUSDT\",\"orderId\":\"9aac161b\"}]}");
    buffer_deinit(&body);
}
END_TEST

START_TEST(a_cancel_on_spot_names_the_kind_of_what_waits)
{
    static const struct {
        enum spot_trigger kind;
        bool is_waiting;
        const char *end;
    } cases[] = { { SPOT_TRIGGER_TPSL, true, "\"orderId\":\"9\",\"orderFilter\":\"tpslOrder\"}" },
                  { SPOT_TRIGGER_STOP, true, "\"orderId\":\"9\",\"orderFilter\":\"StopOrder\"}" },
                  { SPOT_TRIGGER_NONE, true, "\"orderId\":\"9\",\"orderFilter\":\"tpslOrder\"}" },
                  { SPOT_TRIGGER_STOP, false, "\"orderId\":\"9\"}" } };
    struct order_request request = request_of(CATEGORY_SPOT, ORDER_TYPE_LIMIT, "1", "2");
    struct buffer body = buffer_of(4096);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        request.spot_trigger = cases[i].kind;
        buffer_clear(&body);
        request_cancel(&body, &request, "9", cases[i].is_waiting);
        ck_assert_msg(strstr(body.data, cases[i].end), "%s", body.data);
    }
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

/* Section 11: without it they are of BTC. */
START_TEST(executions_of_options_are_asked_by_coin)
{
    char query[512];
    struct text text = text_in(query, sizeof(query));
    struct request_list list = { .category = CATEGORY_OPTION,
                                 .settle_coin = "",
                                 .base_coin = "ETH",
                                 .start_ms = 5,
                                 .end_ms = 6,
                                 .limit = 100 };

    request_list_query(&text, &list);
    ck_assert_str_eq(query, "category=option&baseCoin=ETH&startTime=5&endTime=6&limit=100");
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
    tcase_add_test(tcase, a_conditional_order_says_what_fires_it);
    tcase_add_test(tcase, a_spot_trigger_always_says_its_kind);
    tcase_add_test(tcase, attached_stops_are_full_or_limited);
    tcase_add_test(tcase, slippage_and_self_match_are_said_when_asked_for);
    tcase_add_test(tcase, a_batch_says_its_category_once);
    tcase_add_test(tcase, an_amend_says_what_changes_and_nothing_else);
    tcase_add_test(tcase, an_amend_takes_stops_away_and_says_what_fires_new_ones);
    tcase_add_test(tcase, settings_of_a_position);
    tcase_add_test(tcase, cancel_goes_by_order_id_where_known);
    tcase_add_test(tcase, a_batch_of_cancels_names_its_category_once);
    tcase_add_test(tcase, a_cancel_on_spot_names_the_kind_of_what_waits);
    tcase_add_loop_test(tcase, cancel_all_says_its_scope_and_nothing_else, 0, ARRAY_LEN(sweeps));
    tcase_add_test(tcase, a_list_is_narrowed_by_the_kind_of_spot_order);
    tcase_add_test(tcase, executions_of_options_are_asked_by_coin);
    tcase_add_loop_test(tcase, cursors_go_back_as_they_must, 0, ARRAY_LEN(cursors));
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
