/* Positions and balances in the exchange's JSON: recorded bodies, and hostile ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "bybit/account.h"
#include "tests/fixture.h"

static void assert_decimal(const struct decimal *value, const char *shown)
{
    char text[DECIMAL_TEXT_MAX];

    ck_assert_str_eq(decimal_format(value, text), shown);
}

static struct json opened(const char *text)
{
    struct json json;
    struct error error = { .text = "" };

    ck_assert_msg(json_open_trusted(&json, text, strlen(text), &error) == ERR_NONE, "%s: %s",
                  error.text, text);
    return json;
}

static struct position read_position(const char *text, enum category category)
{
    struct json item = opened(text);
    struct position position;
    struct error error = { .text = "" };

    ck_assert_msg(position_read(&position, &item, category, &error) == ERR_NONE, "%s", error.text);
    return position;
}

START_TEST(a_position_of_rest_is_read)
{
    struct position position = read_position(
        "{\"positionIdx\":0,\"symbol\":\"BTCUSD\",\"side\":\"Sell\",\"size\":\"300\","
        "\"avgPrice\":\"27464.50441675\",\"positionValue\":\"0.01092319\",\"leverage\":\"10\","
        "\"markPrice\":\"28224.50\",\"liqPrice\":\"\",\"positionIM\":\"0.00010923\","
        "\"takeProfit\":\"0.00\",\"stopLoss\":\"31000.5\",\"trailingStop\":\"0.00\","
        "\"unrealisedPnl\":\"-0.00029413\",\"curRealisedPnl\":\"0.00013123\","
        "\"seq\":5723621632,\"updatedTime\":\"1697673600012\"}",
        CATEGORY_INVERSE);

    ck_assert_int_eq(position.category, CATEGORY_INVERSE);
    ck_assert_str_eq(position.symbol, "BTCUSD");
    ck_assert_int_eq(position.side, SIDE_SELL);
    assert_decimal(&position.qty, "300");
    assert_decimal(&position.entry_price, "27464.50441675");
    assert_decimal(&position.mark_price, "28224.50");
    assert_decimal(&position.liq_price, "");
    assert_decimal(&position.margin, "0.00010923");
    assert_decimal(&position.take_profit, "");
    assert_decimal(&position.stop_loss, "31000.5");
    assert_decimal(&position.trailing_stop, "");
    assert_decimal(&position.unrealised_pnl, "-0.00029413");
    assert_decimal(&position.realised_pnl, "0.00013123");
    ck_assert_int_eq(position.seq, 5723621632);
    ck_assert_int_eq(position.updated_ms, 1697673600012);
}
END_TEST

START_TEST(a_flat_message_has_no_side_and_names_its_own_category)
{
    struct position position =
        read_position("{\"positionIdx\":2,\"symbol\":\"BTCUSDT\",\"side\":\"\",\"size\":\"0\","
                      "\"entryPrice\":\"0\",\"category\":\"linear\"}",
                      CATEGORY_OPTION);

    ck_assert_int_eq(position.category, CATEGORY_LINEAR);
    ck_assert_int_eq(position.position_idx, 2);
    ck_assert_int_eq(position.side, SIDE_NONE);
    assert_decimal(&position.qty, "0");
    assert_decimal(&position.entry_price, "");
    position =
        read_position("{\"symbol\":\"BTCUSDT\",\"side\":\"None\",\"size\":\"0\"}", CATEGORY_LINEAR);
    ck_assert_int_eq(position.side, SIDE_NONE);
    ck_assert_int_eq(position.updated_ms, 0);
}
END_TEST

START_TEST(the_recorded_lists_are_read)
{
    size_t bytes;
    char *text = fixture("rest_positions", &bytes);
    struct json result;
    struct json list;
    struct json item;
    struct json whole = opened(text);
    struct json_walk walk;
    size_t count = 0;

    (void)json_member(&whole, "result", &result);
    (void)json_member(&result, "list", &list);
    walk = json_walk(&list);
    while (json_next(&walk, NULL, &item)) {
        struct position position;

        ck_assert_int_eq(position_read(&position, &item, CATEGORY_INVERSE, NULL), ERR_NONE);
        count++;
    }
    ck_assert_uint_gt(count, 0);
    free(text);
}
END_TEST

START_TEST(what_does_not_matter_may_be_unreadable)
{
    struct position position = read_position(
        "{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"size\":\"1\",\"entryPrice\":\"100\","
        "\"liqPrice\":\"1e999\",\"positionIM\":{},\"leverage\":[],\"seq\":-5,"
        "\"updatedTime\":\"soon\",\"unrealisedPnl\":true,"
        "\"positionValue\":\"99999999999999999999999999999999999999999999999\"}",
        CATEGORY_LINEAR);

    assert_decimal(&position.entry_price, "100");
    assert_decimal(&position.liq_price, "");
    assert_decimal(&position.margin, "");
    assert_decimal(&position.value, "");
    ck_assert_int_eq(position.seq, 0);
    ck_assert_int_eq(position.updated_ms, 0);
}
END_TEST

static const char *const bad_positions[] = {
    "[]",
    "{}",
    "{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\"}",
    "{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"size\":\"\"}",
    "{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"size\":\"-1\"}",
    "{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"size\":{}}",
    "{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"size\":\"1e\"}",
    "{\"symbol\":\"BTCUSDT\",\"side\":\"\",\"size\":\"1\"}",
    "{\"symbol\":\"BTCUSDT\",\"side\":\"Long\",\"size\":\"1\"}",
    "{\"symbol\":\"BTCUSDT\",\"side\":7,\"size\":\"1\"}",
    "{\"symbol\":\"\",\"side\":\"Buy\",\"size\":\"1\"}",
    "{\"symbol\":\"BTC/USDT\",\"side\":\"Buy\",\"size\":\"1\"}",
    "{\"symbol\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"side\":\"\",\"size\":\"0\"}",
    "{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"size\":\"1\",\"positionIdx\":3}",
    "{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"size\":\"1\",\"positionIdx\":-1}",
    "{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"size\":\"1\",\"positionIdx\":\"x\"}",
    "{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"size\":\"1\",\"category\":\"spot\"}",
    "{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"size\":\"1\",\"category\":\"futures\"}",
    "{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"size\":\"1\",\"category\":[]}",
};

START_TEST(what_is_no_position_is_refused)
{
    struct json item = opened(bad_positions[_i]);
    struct position position = { .seq = 77 };
    struct error error = { .text = "" };

    ck_assert_msg(position_read(&position, &item, CATEGORY_LINEAR, &error) == ERR_INVALID, "%s",
                  bad_positions[_i]);
    ck_assert_int_eq(position.seq, 77);
    ck_assert_uint_gt(strlen(error.text), 0);
}
END_TEST

/* --- live numbers --- */

static const struct {
    enum category category;
    enum side side;
    const char *qty, *entry, *mark, *value, *pnl;
} marks[] = {
    { CATEGORY_LINEAR, SIDE_BUY, "0.5", "60000", "60100.10", "30050.05", "50.05" },
    { CATEGORY_LINEAR, SIDE_SELL, "0.5", "60000", "60100.10", "30050.05", "-50.05" },
    { CATEGORY_LINEAR, SIDE_SELL, "3", "10.123456789", "10", "30", "0.37037036" },
    /* The recorded short of 300 USD. */
    { CATEGORY_INVERSE, SIDE_SELL, "300", "27464.50441675", "28224.50", "0.01062906",
      "-0.00029412" },
    { CATEGORY_INVERSE, SIDE_BUY, "300", "27464.50441675", "28224.50", "0.01062906", "0.00029412" },
    /* Of options the exchange's own numbers stand; so they do where ours would not fit. */
    { CATEGORY_OPTION, SIDE_BUY, "1", "10", "11", "7", "8" },
    { CATEGORY_LINEAR, SIDE_NONE, "0", "10", "11", "7", "8" },
    { CATEGORY_LINEAR, SIDE_BUY, "1", "10", "0", "7", "8" },
    { CATEGORY_LINEAR, SIDE_BUY, "999999999999999999999999999999", "10", "99999999999999999999",
      "7", "8" },
};

START_TEST(the_result_follows_the_mark_price)
{
    struct position position = { .category = marks[_i].category, .side = marks[_i].side };
    struct decimal mark;

    ck_assert(!decimal_parse(&position.qty, marks[_i].qty));
    ck_assert(!decimal_parse(&position.entry_price, marks[_i].entry));
    ck_assert(!decimal_parse(&position.value, "7"));
    ck_assert(!decimal_parse(&position.unrealised_pnl, "8"));
    ck_assert(!decimal_parse(&mark, marks[_i].mark));
    position_mark(&position, &mark);
    assert_decimal(&position.value, marks[_i].value);
    assert_decimal(&position.unrealised_pnl, marks[_i].pnl);
}
END_TEST

/* --- balances --- */

#define COIN(coin, wallet)                                                                         \
    "{\"coin\":\"" coin "\",\"walletBalance\":\"" wallet                                           \
    "\",\"locked\":\"1\",\"totalOrderIM\":\"2.5\",\"totalPositionIM\":\"3\",\"bonus\":\"0.5\","    \
    "\"equity\":\"100\",\"usdValue\":\"100.01\",\"unrealisedPnl\":\"-1\"}"
#define ACCOUNT(coins)                                                                             \
    "{\"totalEquity\":\"1000.5\",\"totalAvailableBalance\":\"900\",\"totalInitialMargin\":\"\","   \
    "\"coin\":[" coins "]}"

static struct balance balance;

static enum err merge(const char *text, bool replace)
{
    struct json item = opened(text);
    struct error error;

    return balance_merge(&balance, &item, replace, &error);
}

static void empty(void)
{
    balance.coins_count = 0;
}

START_TEST(a_message_merges_its_coins_and_a_list_replaces_them)
{
    ck_assert_int_eq(merge(ACCOUNT(COIN("USDT", "100") "," COIN("BTC", "2")), true), ERR_NONE);
    ck_assert_uint_eq(balance.coins_count, 2);
    ck_assert_str_eq(balance.coins[0].coin, "BTC");
    assert_decimal(&balance.coins[1].wallet, "100");
    assert_decimal(&balance.coins[1].available, "93");
    assert_decimal(&balance.coins[1].locked, "1");
    assert_decimal(&balance.coins[1].usd_value, "100.01");
    assert_decimal(&balance.equity, "1000.5");
    assert_decimal(&balance.available, "900");
    assert_decimal(&balance.margin_used, "");
    ck_assert_int_eq(merge(ACCOUNT(COIN("ETH", "7") "," COIN("USDT", "50")), false), ERR_NONE);
    ck_assert_uint_eq(balance.coins_count, 3);
    assert_decimal(&balance_find(&balance, "usdt")->available, "43");
    ck_assert_ptr_nonnull(balance_find(&balance, "BTC"));
    ck_assert_int_eq(merge(ACCOUNT(COIN("ETH", "7")), true), ERR_NONE);
    ck_assert_uint_eq(balance.coins_count, 1);
    ck_assert_ptr_null(balance_find(&balance, "BTC"));
}
END_TEST

START_TEST(what_is_available_is_never_below_zero)
{
    ck_assert_int_eq(merge(ACCOUNT(COIN("USDT", "-5")), true), ERR_NONE);
    assert_decimal(&balance.coins[0].wallet, "-5");
    assert_decimal(&balance.coins[0].available, "0");
}
END_TEST

START_TEST(blank_margins_count_nothing)
{
    ck_assert_int_eq(merge("{\"coin\":[{\"coin\":\"BTC\",\"walletBalance\":\"0.5\",\"locked\":\"\","
                           "\"totalOrderIM\":\"\",\"totalPositionIM\":null}]}",
                           true),
                     ERR_NONE);
    assert_decimal(&balance.coins[0].available, "0.5");
    assert_decimal(&balance.coins[0].locked, "");
    assert_decimal(&balance.equity, "");
}
END_TEST

START_TEST(a_coin_given_twice_is_one_coin)
{
    ck_assert_int_eq(merge(ACCOUNT(COIN("USDT", "1") "," COIN("USDT", "2")), true), ERR_NONE);
    ck_assert_uint_eq(balance.coins_count, 1);
    assert_decimal(&balance.coins[0].wallet, "2");
}
END_TEST

static const char *const bad_balances[] = {
    "[]",
    "{}",
    "{\"coin\":{}}",
    "{\"coin\":\"BTC\"}",
    ACCOUNT("7"),
    ACCOUNT("{}"),
    ACCOUNT("{\"coin\":\"BTC\"}"),
    ACCOUNT("{\"walletBalance\":\"1\"}"),
    ACCOUNT("{\"coin\":\"BTC\",\"walletBalance\":\"1e\"}"),
    ACCOUNT("{\"coin\":\"BTC\",\"walletBalance\":[]}"),
    ACCOUNT("{\"coin\":\"\",\"walletBalance\":\"1\"}"),
    ACCOUNT("{\"coin\":\"B T C\",\"walletBalance\":\"1\"}"),
    ACCOUNT("{\"coin\":\"AAAAAAAAAAAAAAAAAAAAAAAA\",\"walletBalance\":\"1\"}"),
    ACCOUNT("{\"coin\":\"BTC\",\"walletBalance\":"
            "\"99999999999999999999999999999999999999999999999999\"}"),
    ACCOUNT(COIN("ETH", "7") ",{\"coin\":\"BTC\"}"),
};

START_TEST(an_unreadable_balance_changes_nothing)
{
    ck_assert_int_eq(merge(ACCOUNT(COIN("USDT", "100")), true), ERR_NONE);
    ck_assert_msg(merge(bad_balances[_i], true) == ERR_INVALID, "%s", bad_balances[_i]);
    ck_assert_uint_eq(balance.coins_count, 1);
    ck_assert_str_eq(balance.coins[0].coin, "USDT");
    assert_decimal(&balance.equity, "1000.5");
}
END_TEST

START_TEST(more_coins_than_there_is_room_for_are_left_out)
{
    struct buffer text = buffer_of((size_t)1 << 20);

    buffer_add_text(&text, "{\"coin\":[");
    for (int i = 0; i < ACCOUNT_COINS_MAX + 200; i++)
        buffer_addf(&text, "%s{\"coin\":\"C%05d\",\"walletBalance\":\"1\"}", i ? "," : "",
                    99999 - i);
    buffer_add_text(&text, "]}");
    ck_assert_int_eq(merge(text.data, true), ERR_NONE);
    ck_assert_uint_eq(balance.coins_count, ACCOUNT_COINS_MAX);
    for (size_t i = 1; i < balance.coins_count; i++)
        ck_assert_int_lt(strcmp(balance.coins[i - 1].coin, balance.coins[i].coin), 0);
    buffer_deinit(&text);
}
END_TEST

START_TEST(the_funding_wallet_has_what_can_be_moved)
{
    struct json result = opened("{\"accountType\":\"FUND\",\"balance\":[{\"coin\":\"USDC\","
                                "\"transferBalance\":\"3\",\"walletBalance\":\"5.5\",\"bonus\":"
                                "\"\"}]}");
    struct json bad = opened("{\"balance\":{}}");

    ck_assert_int_eq(balance_read_fund(&balance, &result, NULL), ERR_NONE);
    ck_assert_uint_eq(balance.coins_count, 1);
    assert_decimal(&balance.coins[0].wallet, "5.5");
    assert_decimal(&balance.coins[0].available, "3");
    assert_decimal(&balance.equity, "");
    ck_assert_int_eq(balance_read_fund(&balance, &bad, NULL), ERR_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message_account");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_checked_fixture(tcase, empty, NULL);
    tcase_add_test(tcase, a_position_of_rest_is_read);
    tcase_add_test(tcase, a_flat_message_has_no_side_and_names_its_own_category);
    tcase_add_test(tcase, the_recorded_lists_are_read);
    tcase_add_test(tcase, what_does_not_matter_may_be_unreadable);
    tcase_add_loop_test(tcase, what_is_no_position_is_refused, 0, ARRAY_LEN(bad_positions));
    tcase_add_loop_test(tcase, the_result_follows_the_mark_price, 0, ARRAY_LEN(marks));
    tcase_add_test(tcase, a_message_merges_its_coins_and_a_list_replaces_them);
    tcase_add_test(tcase, what_is_available_is_never_below_zero);
    tcase_add_test(tcase, blank_margins_count_nothing);
    tcase_add_test(tcase, a_coin_given_twice_is_one_coin);
    tcase_add_loop_test(tcase, an_unreadable_balance_changes_nothing, 0, ARRAY_LEN(bad_balances));
    tcase_add_test(tcase, more_coins_than_there_is_room_for_are_left_out);
    tcase_add_test(tcase, the_funding_wallet_has_what_can_be_moved);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
