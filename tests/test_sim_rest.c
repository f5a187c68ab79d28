/* What the started exchange answers over REST: shapes, bounds, pages, and questions meant to hurt.
 */
#include "sim/instruments.h"
#include "test_sim_client.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)

/* Rows of the list of a good answer; code of a bad one. */
static const struct {
    const char *path, *query;
    int code, rows;
} questions[] = {
    { "/v5/market/kline", "category=linear&symbol=BTCUSDT&interval=1", 0, 200 },
    { "/v5/market/kline", "symbol=BTCUSDT&interval=1&limit=1", 0, 1 },
    { "/v5/market/kline", "category=inverse&symbol=BTCUSD&interval=5&limit=1000", 0, 1000 },
    { "/v5/market/kline", "category=spot&symbol=SOLUSDT&interval=D&limit=1000", 0, 401 },
    { "/v5/market/kline", "category=linear&symbol=BTCUSDT&interval=1&limit=0", 10001, 0 },
    { "/v5/market/kline", "category=linear&symbol=BTCUSDT&interval=1&limit=1001", 10001, 0 },
    { "/v5/market/kline", "category=linear&symbol=BTCUSDT&interval=1&limit=-5", 10001, 0 },
    { "/v5/market/kline", "category=linear&symbol=BTCUSDT&interval=1&limit=1e3", 10001, 0 },
    { "/v5/market/kline", "category=linear&symbol=BTCUSDT&interval=2", 10001, 0 },
    { "/v5/market/kline", "category=linear&symbol=BTCUSDT", 10001, 0 },
    { "/v5/market/kline", "category=linear&symbol=BTCUSDT&interval=%00", 10001, 0 },
    { "/v5/market/kline", "category=linear&interval=1", 10001, 0 },
    { "/v5/market/kline", "category=linear&symbol=btcusdt&interval=1", 10001, 0 },
    { "/v5/market/kline", "category=spot&symbol=BTCUSD&interval=1", 170121, 0 },
    { "/v5/market/kline", "category=%F0%9F%92%A3&symbol=BTCUSDT&interval=1", 10001, 0 },
    { "/v5/market/kline", "symbol=BTCUSDT&interval=1&start=99999999999999999999", 10001, 0 },
    { "/v5/market/kline", "symbol=BTCUSDT&interval=1&end=abc", 10001, 0 },
    { "/v5/market/kline", "symbol=BTCUSDT&interval=M&end=0", 0, 0 },
    { "/v5/market/kline", "symbol=BTCUSDT&interval=1&start=0&end=1", 0, 0 },
    { "/v5/market/kline", "symbol=BTCUSDT&interval=1&start=999999999999999", 0, 0 },
    { "/v5/market/kline", "symbol=BTCUSDT&interval=1&end=999999999999999&limit=7", 0, 7 },
    { "/v5/market/kline", "symbol=BTCUSDT&interval=1&start=2&end=1", 0, 0 },
    { "/v5/market/mark-price-kline", "symbol=BTCUSDT&interval=60&limit=3", 0, 3 },
    { "/v5/market/mark-price-kline", "category=spot&symbol=BTCUSDT&interval=60", 10001, 0 },
    { "/v5/market/index-price-kline", "category=inverse&symbol=BTCUSD&interval=D&limit=9", 0, 9 },
    { "/v5/market/funding/history", "category=linear&symbol=BTCUSDT", 0, 200 },
    { "/v5/market/funding/history", "category=inverse&symbol=BTCUSD&limit=3", 0, 3 },
    { "/v5/market/funding/history", "category=linear&symbol=BTCUSDT&limit=201", 10001, 0 },
    { "/v5/market/funding/history", "category=linear&symbol=BTCUSDT&startTime=1", 10001, 0 },
    { "/v5/market/funding/history", "category=linear&symbol=BTCUSDT&startTime=2&endTime=1", 10001,
      0 },
    { "/v5/market/funding/history", "category=linear&symbol=BTCUSDT&startTime=1&endTime=2", 0, 0 },
    { "/v5/market/funding/history", "category=spot&symbol=BTCUSDT", 10001, 0 },
    { "/v5/market/funding/history", "category=linear", 10001, 0 },
    { "/v5/market/open-interest", "category=linear&symbol=BTCUSDT&intervalTime=5min", 0, 50 },
    { "/v5/market/open-interest", "category=inverse&symbol=BTCUSD&intervalTime=1d&limit=200", 0,
      200 },
    { "/v5/market/open-interest", "category=linear&symbol=BTCUSDT&intervalTime=1", 10001, 0 },
    { "/v5/market/open-interest", "category=linear&symbol=BTCUSDT", 10001, 0 },
    { "/v5/market/open-interest", "category=linear&symbol=BTCUSDT&intervalTime=1h&cursor=lasttime",
      10001, 0 },
    { "/v5/market/open-interest",
      "category=linear&symbol=BTCUSDT&intervalTime=1h&cursor=lasttime%3D99999999999999999999", 0,
      50 },
    { "/v5/market/open-interest",
      "category=linear&symbol=BTCUSDT&intervalTime=1h&cursor=lasttime%3D0", 0, 0 },
    { "/v5/market/instruments-info", "category=inverse", 0, 1 },
    { "/v5/market/instruments-info", "category=option", 0, 6 },
    { "/v5/market/instruments-info", "category=option&baseCoin=ETH", 0, 6 },
    { "/v5/market/instruments-info", "category=option&baseCoin=SOL", 0, 0 },
    { "/v5/market/instruments-info", "category=option&limit=0", 10001, 0 },
    { "/v5/market/instruments-info", "category=linear&cursor=x", 10001, 0 },
    { "/v5/market/instruments-info", "category=linear&cursor=instrument%3D18446744073709551615", 0,
      3 },
    { "/v5/market/instruments-info", "category=linear&cursor=instrument%3D1000", 0, 0 },
    { "/v5/market/instruments-info", "category=linear&status=PreLaunch", 0, 0 },
    { "/v5/market/instruments-info", "category=linear&symbol=NOSUCH", 10001, 0 },
    { "/v5/market/tickers", "category=inverse", 0, 1 },
    { "/v5/market/tickers", "category=option&baseCoin=BTC", 0, 6 },
    { "/v5/market/tickers", "category=option&baseCoin=BTC&expDate=1JAN20", 0, 0 },
    { "/v5/market/tickers", "category=option", 10001, 0 },
    { "/v5/market/recent-trade", "category=option&limit=5", 0, 5 },
    { "/v5/market/recent-trade", "category=option&optionType=Call&limit=5", 0, 5 },
    { "/v5/market/recent-trade", "category=option&optionType=call", 10001, 0 },
    { "/v5/market/recent-trade", "category=option&baseCoin=SOL", 0, 0 },
    { "/v5/market/recent-trade", "category=spot&symbol=BTCUSDT&limit=61", 10001, 0 },
    { "/v5/market/recent-trade", "category=linear", 10001, 0 },
    { "/v5/account/fee-rate", "category=inverse", 0, 1 },
    { "/v5/account/fee-rate", "category=linear&symbol=ETHUSDT", 0, 1 },
    { "/v5/account/fee-rate", "category=linear&symbol=NOSUCH", 10001, 0 },
    { "/v5/account/fee-rate", "category=option&baseCoin=BTC", 0, 1 },
    { "/v5/account/fee-rate", "category=option&baseCoin=ETH", 0, 1 },
    { "/v5/account/fee-rate", "category=option&baseCoin=SOL", 0, 0 },
    { "/v5/account/fee-rate", "category=option", 0, 2 },
    { "/v5/account/fee-rate", "", 10001, 0 },
    { "/v5/position/list", "category=inverse&symbol=BTCUSD", 0, 1 },
    { "/v5/position/list", "category=inverse", 0, 0 },
    { "/v5/position/list", "category=option", 0, 0 },
    { "/v5/position/list", "category=linear", 10001, 0 },
    { "/v5/position/list", "category=linear&symbol=NOSUCH", 10001, 0 },
    { "/v5/position/list", "category=linear&settleCoin=USDT&limit=201", 10001, 0 },
    { "/v5/position/list", "category=linear&settleCoin=USDT&cursor=%26%26", 10001, 0 },
};

START_TEST(a_question_has_its_answer)
{
    cJSON *json = ask_json("GET", questions[_i].path, questions[_i].query, "");
    const cJSON *list = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "result"), "list");

    ck_assert_msg(cJSON_GetObjectItem(json, "retCode")->valueint == questions[_i].code, "%s?%s: %s",
                  questions[_i].path, questions[_i].query, answer);
    ck_assert_msg(cJSON_GetArraySize(list) == questions[_i].rows, "%s?%s: %d rows",
                  questions[_i].path, questions[_i].query, cJSON_GetArraySize(list));
    cJSON_Delete(json);
}
END_TEST

static const struct {
    const char *query;
    int code, coins;
} wallets[] = {
    { "accountType=FUND", 0, 3 },
    { "accountType=FUND&coin=USDT,BTC", 0, 2 },
    { "accountType=FUND&coin=USDT&withBonus=1", 0, 1 },
    { "accountType=FUND&withBonus=2", 131002, 0 },
    { "accountType=UNIFIED&coin=USDT%2CSOL", 0, 2 },
    { "accountType=UNIFIED", 131002, 0 },
    { "accountType=UNIFIED&coin=A,B,C,D,E,F,G,H,I,J,K", 131002, 0 },
    { "accountType=SPOT&coin=USDT", 131002, 0 },
    { "", 131002, 0 },
};

START_TEST(a_wallet_shows_its_coins)
{
    cJSON *json =
        ask_json("GET", "/v5/asset/transfer/query-account-coins-balance", wallets[_i].query, "");
    const cJSON *balance = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "result"), "balance");

    ck_assert_int_eq(cJSON_GetObjectItem(json, "retCode")->valueint, wallets[_i].code);
    ck_assert_int_eq(cJSON_GetArraySize(balance), wallets[_i].coins);
    cJSON_Delete(json);
}
END_TEST

/* Time of a row of candles, -1: it is not there. */
static int64_t row_ms(const cJSON *list, int row)
{
    const char *text = cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetArrayItem(list, row), 0));

    return text ? strtoll(text, NULL, 10) : -1;
}

/* Bounds around a minute two hours ago: how many rows, and the first of them. */
static const struct {
    int64_t start, end; /* from that minute; INT64_MIN: absent */
    int limit, rows;
    int64_t first;
} bounds[] = {
    { 0, 0, 200, 1, 0 },
    { 1, MINUTE_MS - 1, 200, 0, 0 },
    { 0, MINUTE_MS, 200, 2, MINUTE_MS },
    { 0, MINUTE_MS - 1, 200, 1, 0 },
    { -3 * MINUTE_MS, 0, 2, 2, 0 },        /* the newest of them */
    { INT64_MIN, 0, 3, 3, 0 },             /* up to the end */
    { 0, INT64_MIN, 3, 3, 2 * MINUTE_MS }, /* onwards from the start */
    { -1, INT64_MIN, 2, 2, MINUTE_MS },
    { 0, 119 * MINUTE_MS, 1000, 120, 119 * MINUTE_MS },
};

START_TEST(candles_keep_to_their_bounds)
{
    int64_t now_ms = clock_wall_ms();
    int64_t at_ms = now_ms - now_ms % MINUTE_MS - 2 * HOUR_MS;
    char start[64] = "";
    char end[64] = "";
    char query[256];
    const cJSON *list;
    cJSON *json;

    if (bounds[_i].start != INT64_MIN)
        (void)snprintf(start, sizeof(start), "&start=%" PRId64, at_ms + bounds[_i].start);
    if (bounds[_i].end != INT64_MIN)
        (void)snprintf(end, sizeof(end), "&end=%" PRId64, at_ms + bounds[_i].end);
    (void)snprintf(query, sizeof(query), "category=linear&symbol=BTCUSDT&interval=1&limit=%d%s%s",
                   bounds[_i].limit, start, end);
    json = ask_json("GET", "/v5/market/kline", query, "");
    list = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "result"), "list");
    ck_assert_int_eq(cJSON_GetArraySize(list), bounds[_i].rows);
    if (bounds[_i].rows > 0)
        ck_assert_int_eq(row_ms(list, 0), at_ms + bounds[_i].first);
    for (int row = 1; row < bounds[_i].rows; row++)
        ck_assert_int_eq(row_ms(list, row), row_ms(list, row - 1) - MINUTE_MS);
    cJSON_Delete(json);
}
END_TEST

START_TEST(thousands_of_minutes_are_paged)
{
    int64_t last_ms = clock_wall_ms();
    int rows = 0;

    while (rows < 3500) {
        char query[160];
        const cJSON *list;
        cJSON *json;

        (void)snprintf(query, sizeof(query),
                       "category=spot&symbol=ETHUSDT&interval=1&limit=1000&end=%" PRId64, last_ms);
        json = ask_json("GET", "/v5/market/kline", query, "");
        list = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "result"), "list");
        ck_assert_int_eq(cJSON_GetArraySize(list), 1000);
        ck_assert_int_eq(row_ms(list, 0), last_ms - last_ms % MINUTE_MS);
        last_ms = row_ms(list, 999) - 1;
        rows += 1000;
        cJSON_Delete(json);
    }
}
END_TEST

/* Pages and their rows until there is no cursor any more, at most 20 pages. */
static int page_through(const char *path, const char *query, int *rows)
{
    char next[256];
    int pages = 0;

    (void)snprintf(next, sizeof(next), "%s", query);
    for (*rows = 0; pages < 20;) {
        cJSON *json = ask_json("GET", path, next, "");
        const cJSON *result = cJSON_GetObjectItem(json, "result");
        const char *cursor = cJSON_GetStringValue(cJSON_GetObjectItem(result, "nextPageCursor"));
        bool more = cursor && *cursor;

        *rows += cJSON_GetArraySize(cJSON_GetObjectItem(result, "list"));
        pages++;
        if (more)
            (void)snprintf(next, sizeof(next), "%s&cursor=%s", query, cursor);
        cJSON_Delete(json);
        if (!more)
            break;
    }
    return pages;
}

#define MARKET(symbol, qty)                                                                        \
    "{\"category\":\"linear\",\"symbol\":\"" symbol "\",\"side\":\"Buy\","                         \
    "\"orderType\":\"Market\",\"qty\":\"" qty "\"}"

START_TEST(lists_are_paged_by_cursor)
{
    int rows;

    ck_assert_int_eq(page_through("/v5/market/instruments-info", "category=option&limit=4", &rows),
                     2);
    ck_assert_int_eq(rows, 6);
    ck_assert_int_eq(page_through("/v5/market/instruments-info", "category=option&limit=6", &rows),
                     1);
    ck_assert_int_eq(page_through("/v5/market/open-interest",
                                  "category=linear&symbol=BTCUSDT&intervalTime=1d&limit=100",
                                  &rows),
                     rows / 100 + (rows % 100 > 0));
    ck_assert_int_ge(rows, 400);
    ck_assert_int_eq(ret_code("POST", "/v5/order/create", "", MARKET("BTCUSDT", "0.01")), 0);
    ck_assert_int_eq(ret_code("POST", "/v5/order/create", "", MARKET("ETHUSDT", "0.1")), 0);
    ck_assert_int_eq(ret_code("POST", "/v5/order/create", "", MARKET("SOLUSDT", "1")), 0);
    ck_assert_int_ge(
        page_through("/v5/position/list", "category=linear&settleCoin=USDT&limit=1", &rows), 3);
    ck_assert_int_eq(rows, 3);
}
END_TEST

static const char *key_member(const char *name)
{
    static char text[512];
    cJSON *json = ask_json("GET", "/v5/user/query-api", "", "");
    char *printed =
        cJSON_PrintUnformatted(cJSON_GetObjectItem(cJSON_GetObjectItem(json, "result"), name));

    ck_assert_ptr_nonnull(printed);
    (void)snprintf(text, sizeof(text), "%s", printed);
    free(printed);
    cJSON_Delete(json);
    return text;
}

START_TEST(the_keys_rights_can_be_changed)
{
    ck_assert_str_eq(key_member("ips"), "[\"*\"]");
    ck_assert_ptr_null(strstr(key_member("permissions"), "Withdraw"));
    control("/sim/key", "{\"withdraw\":true,\"ips\":[\"10.0.0.1\",\"::1\"],\"read_only\":1}");
    ck_assert_str_eq(key_member("ips"), "[\"10.0.0.1\",\"::1\"]");
    ck_assert_str_eq(key_member("readOnly"), "1");
    ck_assert_ptr_nonnull(strstr(key_member("permissions"), "\"Withdraw\""));
    ck_assert_int_eq(ret_code("POST", "/v5/order/create", "", MARKET("BTCUSDT", "0.01")), 10005);
    control("/sim/key", "{}");
    ck_assert_int_eq(ret_code("POST", "/v5/order/create", "", MARKET("BTCUSDT", "0.01")), 0);
}
END_TEST

/* Equity is the balances and the results that are not realised yet, at the mark price. */
START_TEST(the_wallet_agrees_with_the_positions)
{
    const cJSON *row;
    const cJSON *coin;
    cJSON *json;

    ck_assert_int_eq(ret_code("POST", "/v5/order/create", "", MARKET("BTCUSDT", "0.1")), 0);
    control("/sim/price", "{\"symbol\":\"BTCUSDT\",\"price\":\"94000\"}");
    json = ask_json("GET", "/v5/position/list", "category=linear&symbol=BTCUSDT", "");
    row = cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetObjectItem(json, "result"), "list"), 0);
    ck_assert_str_eq(cJSON_GetObjectItem(row, "markPrice")->valuestring, "94000.00");
    (void)snprintf(answer, 64, "%s", cJSON_GetObjectItem(row, "unrealisedPnl")->valuestring);
    ck_assert_int_eq(strncmp(answer, "99.", 3), 0); /* bought half a dollar above 93000 */
    cJSON_Delete(json);
    json = ask_json("GET", "/v5/account/wallet-balance", "accountType=UNIFIED&coin=USDT", "");
    row = cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetObjectItem(json, "result"), "list"), 0);
    coin = cJSON_GetArrayItem(cJSON_GetObjectItem(row, "coin"), 0);
    ck_assert_str_eq(cJSON_GetObjectItem(row, "totalPerpUPL")->valuestring,
                     cJSON_GetObjectItem(coin, "unrealisedPnl")->valuestring);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(row, "coin")), 1);
    cJSON_Delete(json);
}
END_TEST

static const struct {
    const char *path, *body;
    int status;
} doors[] = {
    { "/sim/key", "{\"ips\":[1]}", 400 },
    { "/sim/key", "{\"ips\":[\"1234567890123456789012345678901234567890123456789\"]}", 400 },
    { "/sim/key", "{\"ips\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]}", 400 },
    { "/sim/key", "not json", 200 },
    { "/sim/stream", "{\"mode\":\"mute\",\"kind\":\"public\",\"category\":\"futures\"}", 400 },
    { "/sim/stream", "{\"mode\":\"pause\",\"kind\":\"public\"}", 400 },
    { "/sim/stream", "[]", 400 },
    { "/sim/book", "{\"symbol\":\"BTCUSDT\",\"mode\":\"gap\"}", 400 }, /* nobody listens */
    { "/sim/book", "{\"symbol\":\"BTCUSDT\",\"mode\":\"\"}", 400 },
    { "/sim/funding", "{\"symbol\":\"BTCUSDT\"}", 200 },
    { "/sim/funding", "{\"symbol\":17}", 400 },
    { "/sim/liquidate",
      "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"qty\":\"1\","
      "\"price\":\"90000\"}",
      200 },
    { "/sim/liquidate",
      "{\"category\":\"spot\",\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"qty\":\"1\","
      "\"price\":\"90000\"}",
      400 },
    { "/sim/liquidate",
      "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"qty\":\"0\","
      "\"price\":\"90000\"}",
      400 },
    { "/sim/liquidate",
      "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"side\":\"Up\",\"qty\":\"1\","
      "\"price\":\"90000\"}",
      400 },
    { "/sim/nothing", "{}", 404 },
};

START_TEST(the_door_says_what_is_wrong)
{
    ck_assert_msg(ask("POST", doors[_i].path, "", doors[_i].body) == doors[_i].status, "%s %s: %s",
                  doors[_i].path, doors[_i].body, answer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim/rest");
    TCase *tcase = tcase_create("rest");
    SRunner *runner;
    int failures;

    tcase_add_unchecked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_question_has_its_answer, 0, ARRAY_LEN(questions));
    tcase_add_loop_test(tcase, a_wallet_shows_its_coins, 0, ARRAY_LEN(wallets));
    tcase_add_loop_test(tcase, candles_keep_to_their_bounds, 0, ARRAY_LEN(bounds));
    tcase_add_test(tcase, thousands_of_minutes_are_paged);
    tcase_add_loop_test(tcase, the_door_says_what_is_wrong, 0, ARRAY_LEN(doors));
    tcase_add_test(tcase, the_keys_rights_can_be_changed);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("positions");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, lists_are_paged_by_cursor);
    tcase_add_test(tcase, the_wallet_agrees_with_the_positions);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
