/* Price limits, pools, ADL and greeks: over REST, on the streams, ordered through the door. */
#include "sim/instruments.h"
#include "test_sim_frames.h"

static const cJSON *list_of(const cJSON *json)
{
    return cJSON_GetObjectItem(cJSON_GetObjectItem(json, "result"), "list");
}

static const char *text_in(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(object, name));

    ck_assert_msg(text != NULL, "%s", name);
    return text;
}

/* As decimals: below, at or above 0. */
static int compared(const char *a, const char *b)
{
    struct decimal x;
    struct decimal y;

    ck_assert_int_eq(decimal_parse(&x, a), ERR_NONE);
    ck_assert_int_eq(decimal_parse(&y, b), ERR_NONE);
    return decimal_cmp(&x, &y);
}

static const struct {
    const char *query, *buy, *sell;
} limits[] = {
    { "category=linear&symbol=BTCUSDT", "97650.00", "88350.00" },
    { "symbol=BTCUSDT", "97650.00", "88350.00" },
    { "category=spot&symbol=BTCUSDT", "97650.00", "88350.00" },
    { "category=inverse&symbol=BTCUSD", "97650.00", "88350.00" },
};

START_TEST(prices_may_be_five_percent_away)
{
    cJSON *json = ask_json("GET", "/v5/market/price-limit", limits[_i].query, "");
    const cJSON *result = cJSON_GetObjectItem(json, "result");

    ck_assert_int_eq(compared(text_in(result, "buyLmt"), limits[_i].buy), 0);
    ck_assert_int_eq(compared(text_in(result, "sellLmt"), limits[_i].sell), 0);
    ck_assert_int_gt(strtoll(text_in(result, "ts"), NULL, 10), 0);
    cJSON_Delete(json);
}
END_TEST

START_TEST(options_have_no_price_limit)
{
    char query[96];

    (void)snprintf(query, sizeof(query), "category=option&symbol=%s",
                   instrument_at(INSTRUMENT_FIRST_OPTION)->symbol);
    ck_assert_int_eq(ret_code("GET", "/v5/market/price-limit", query, ""), 10001);
    ck_assert_int_eq(ret_code("GET", "/v5/market/price-limit", "category=linear", ""), 10001);
}
END_TEST

/* It has no type, and follows the price. */
START_TEST(a_price_limit_follows_the_price)
{
    int descriptor = dial_socket("/v5/public/linear");

    subscribe(descriptor, "priceLimit.BTCUSDT");
    ck_assert(wait_for(descriptor, "\"buyLmt\":\"97650"));
    ck_assert_ptr_null(strstr(answer, "\"type\""));
    control("/sim/price", "{\"symbol\":\"BTCUSDT\",\"price\":\"100000\"}");
    ck_assert(wait_for(descriptor, "\"buyLmt\":\"105000"));
    ck_assert_ptr_nonnull(strstr(answer, "\"sellLmt\":\"95000"));
    (void)close(descriptor);
}
END_TEST

START_TEST(pools_are_listed_by_coin)
{
    cJSON *json = ask_json("GET", "/v5/market/insurance", "", "");

    ck_assert_int_eq(cJSON_GetArraySize(list_of(json)), 3);
    ck_assert_str_eq(text_in(cJSON_GetArrayItem(list_of(json), 0), "symbols"), "BTCUSDT,ETHUSDT");
    (void)text_in(cJSON_GetArrayItem(list_of(json), 0), "value");
    cJSON_Delete(json);
    ck_assert_int_eq(list_length("/v5/market/insurance", "coin=BTC"), 1);
    ck_assert_int_eq(list_length("/v5/market/insurance", "coin=USDC"), 0);
}
END_TEST

START_TEST(adl_is_listed_by_symbol)
{
    cJSON *json = ask_json("GET", "/v5/market/adlAlert", "symbol=SOLUSDT", "");

    ck_assert_int_eq(cJSON_GetArraySize(list_of(json)), 1);
    ck_assert_str_eq(text_in(cJSON_GetArrayItem(list_of(json), 0), "adlTriggerThreshold"), "10000");
    cJSON_Delete(json);
    ck_assert_int_eq(list_length("/v5/market/adlAlert", ""), 4);
}
END_TEST

START_TEST(an_ordered_pool_is_told_on_both_topics)
{
    int descriptor = dial_socket("/v5/public/linear");
    cJSON *json;

    subscribe(descriptor, "insurance.USDT");
    ck_assert(wait_for(descriptor, "\"type\":\"snapshot\""));
    ck_assert_ptr_null(strstr(answer, "BTCUSDT")); /* shared */
    subscribe(descriptor, "adlAlert.USDT");
    control("/sim/pool", "{\"category\":\"linear\",\"symbol\":\"SOLUSDT\",\"balance\":\"9999.5\","
                         "\"drawdown\":\"-0.31\"}");
    ck_assert(wait_for(descriptor, "\"balance\":\"9999.5"));
    ck_assert_ptr_nonnull(strstr(answer, "\"topic\":\"insurance.USDT\",\"type\":\"delta\""));
    ck_assert(wait_for(descriptor, "\"pr\":-0.31"));
    ck_assert_ptr_nonnull(strstr(answer, "\"topic\":\"adlAlert.USDT\",\"type\":\"snapshot\""));
    ck_assert_ptr_nonnull(strstr(answer, "\"s\":\"SOLUSDT\",\"b\":"));
    json = ask_json("GET", "/v5/market/adlAlert", "symbol=SOLUSDT", "");
    ck_assert_str_eq(text_in(cJSON_GetArrayItem(list_of(json), 0), "pnlRatio"), "-0.31");
    cJSON_Delete(json);
    (void)close(descriptor);
}
END_TEST

static const char *const no_pools[] = {
    "{}",
    "{\"category\":\"spot\",\"symbol\":\"BTCUSDT\",\"balance\":\"1\"}",
    "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\"}",
    "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"balance\":\"much\"}",
    "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"balance\":\"1\",\"drawdown\":\"x\"}",
};

START_TEST(a_wrong_pool_is_refused)
{
    ck_assert_int_eq(ask("POST", "/sim/pool", "", no_pools[_i]), 400);
}
END_TEST

static void trade_option(const char *side)
{
    char body[256];

    (void)snprintf(body, sizeof(body),
                   "{\"category\":\"option\",\"symbol\":\"%s\",\"side\":\"%s\",\"orderType\":"
                   "\"Market\",\"qty\":\"0.1\",\"orderLinkId\":\"greeks-%s\"}",
                   instrument_at(INSTRUMENT_FIRST_OPTION)->symbol, side, side);
    ck_assert_int_eq(ret_code("POST", "/v5/order/create", "", body), 0);
}

START_TEST(greeks_are_told_when_options_are_traded)
{
    int descriptor = dial_private();
    cJSON *json;
    const cJSON *item;

    subscribe(descriptor, "greeks");
    ck_assert(read_frame(descriptor));
    ck_assert_int_eq(list_length("/v5/asset/coin-greeks", ""), 0);
    trade_option("Buy");
    ck_assert(wait_for(descriptor, "\"topic\":\"greeks\""));
    ck_assert_ptr_nonnull(strstr(answer, "{\"id\":\""));
    ck_assert_ptr_nonnull(strstr(answer, "\"baseCoin\":\"BTC\",\"totalDelta\":\"0.0"));
    json = ask_json("GET", "/v5/asset/coin-greeks", "baseCoin=BTC", "");
    item = cJSON_GetArrayItem(list_of(json), 0);
    ck_assert_ptr_nonnull(item);
    ck_assert_int_gt(compared(text_in(item, "totalDelta"), "0"), 0);
    ck_assert_int_gt(compared(text_in(item, "totalVega"), "0"), 0);
    ck_assert_int_lt(compared(text_in(item, "totalTheta"), "0"), 0);
    cJSON_Delete(json);
    ck_assert_int_eq(list_length("/v5/asset/coin-greeks", "baseCoin=ETH"), 0);
    ck_assert(wait_for(descriptor, "\"topic\":\"greeks\"")); /* after a second */
    trade_option("Sell");
    ck_assert(wait_for(descriptor, "\"totalDelta\":\"0\""));
    control("/sim/greeks", "{}");
    ck_assert(wait_for(descriptor, "\"topic\":\"greeks\""));
    (void)close(descriptor);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim/pools");
    TCase *tcase = tcase_create("pools");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, prices_may_be_five_percent_away, 0, ARRAY_LEN(limits));
    tcase_add_test(tcase, options_have_no_price_limit);
    tcase_add_test(tcase, a_price_limit_follows_the_price);
    tcase_add_test(tcase, pools_are_listed_by_coin);
    tcase_add_test(tcase, adl_is_listed_by_symbol);
    tcase_add_test(tcase, an_ordered_pool_is_told_on_both_topics);
    tcase_add_loop_test(tcase, a_wrong_pool_is_refused, 0, ARRAY_LEN(no_pools));
    tcase_add_test(tcase, greeks_are_told_when_options_are_traded);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
