#include <string.h>

#include <check.h>

#include "sim/account.h"
#include "sim/money.h"

static struct account account;

static void setup(void)
{
    account_init(&account, 1);
}

static const char *show(struct decimal value)
{
    static char text[DECIMAL_TEXT_MAX];

    value = decimal_trim(value);
    return decimal_format(&value, text);
}

static struct decimal amount(const char *text)
{
    struct decimal value = DECIMAL_ZERO;

    ck_assert_int_eq(decimal_parse(&value, text), ERR_NONE);
    return value;
}

START_TEST(it_starts_with_four_coins)
{
    ck_assert_str_eq(show(account_wallet(&account, "USDT")->balance), "100000");
    ck_assert_str_eq(show(account_wallet(&account, "BTC")->balance), "1");
    ck_assert_str_eq(show(account_wallet(&account, "ETH")->balance), "10");
    ck_assert_str_eq(show(account_wallet(&account, "SOL")->balance), "100");
    ck_assert_ptr_null(account_wallet(&account, "DOGE"));
}
END_TEST

START_TEST(a_spot_buy_pays_its_fee_in_base)
{
    const struct instrument *btc = instrument_find(CATEGORY_SPOT, "BTCUSDT");

    account_spot_fill(&account, btc, SIDE_BUY, amount("0.5"), amount("45000"), amount("0.0005"));
    ck_assert_str_eq(show(account_wallet(&account, "BTC")->balance), "1.4995");
    ck_assert_str_eq(show(account_wallet(&account, "USDT")->balance), "55000");
}
END_TEST

START_TEST(a_spot_sell_pays_its_fee_in_quote)
{
    const struct instrument *btc = instrument_find(CATEGORY_SPOT, "BTCUSDT");

    account_spot_fill(&account, btc, SIDE_SELL, amount("0.5"), amount("45000"), amount("45"));
    ck_assert_str_eq(show(account_wallet(&account, "BTC")->balance), "0.5");
    ck_assert_str_eq(show(account_wallet(&account, "USDT")->balance), "144955");
}
END_TEST

/* BTCUSDT linear: ticks of 0.10, lots of 0.001. */
static const struct {
    const char *name;
    struct {
        enum side side;
        int64_t ticks, lots;
    } fills[4];
    int64_t lots;
    const char *cost, *realised;
} moves[] = {
    { "opens", { { SIDE_BUY, 900000, 10 } }, 10, "900", "0" },
    { "adds", { { SIDE_BUY, 900000, 10 }, { SIDE_BUY, 910000, 10 } }, 20, "1810", "0" },
    { "closes a part", { { SIDE_BUY, 900000, 10 }, { SIDE_SELL, 950000, 4 } }, 6, "540", "20" },
    { "closes all", { { SIDE_BUY, 900000, 10 }, { SIDE_SELL, 890000, 10 } }, 0, "0", "-10" },
    { "turns", { { SIDE_BUY, 900000, 10 }, { SIDE_SELL, 910000, 15 } }, -5, "455", "10" },
    { "shorts", { { SIDE_SELL, 900000, 10 }, { SIDE_BUY, 880000, 10 } }, 0, "0", "20" },
    { "loses nothing in thirds",
      { { SIDE_BUY, 900001, 1 },
        { SIDE_BUY, 900002, 2 },
        { SIDE_SELL, 900000, 2 },
        { SIDE_SELL, 900000, 1 } },
      0,
      "0",
      "-0.0005" },
};

START_TEST(a_position_follows_its_fills)
{
    const struct instrument *btc = instrument_find(CATEGORY_LINEAR, "BTCUSDT");
    const struct position *position = &account.positions[btc->index][0];

    for (size_t i = 0; i < 4 && moves[_i].fills[i].lots > 0; i++)
        (void)account_contract_fill(&account, &account.positions[btc->index][0],
                                    moves[_i].fills[i].side, moves[_i].fills[i].ticks,
                                    moves[_i].fills[i].lots, DECIMAL_ZERO, 2);
    ck_assert_msg(position->lots == moves[_i].lots, "%s", moves[_i].name);
    ck_assert_msg(strcmp(show(position->cost), moves[_i].cost) == 0, "%s: %s", moves[_i].name,
                  show(position->cost));
    ck_assert_msg(strcmp(show(position->realised_all), moves[_i].realised) == 0, "%s: %s",
                  moves[_i].name, show(position->realised_all));
    ck_assert_str_eq(show(money_sub(account_wallet(&account, "USDT")->balance, amount("100000"))),
                     moves[_i].realised);
}
END_TEST

START_TEST(a_fill_says_what_it_closed)
{
    const struct instrument *btc = instrument_find(CATEGORY_LINEAR, "BTCUSDT");
    struct contract_result result;

    result = account_contract_fill(&account, &account.positions[btc->index][0], SIDE_BUY, 900000,
                                   10, amount("0.5"), 2);
    ck_assert_int_eq(result.closed_lots, 0);
    result = account_contract_fill(&account, &account.positions[btc->index][0], SIDE_SELL, 910000,
                                   15, amount("0.5"), 3);
    ck_assert_int_eq(result.closed_lots, 10);
    ck_assert_str_eq(show(result.pnl), "10");
    ck_assert_str_eq(show(account_wallet(&account, "USDT")->balance), "100009");
    ck_assert_int_eq(account.positions[btc->index][0].open_ms, 3);
}
END_TEST

START_TEST(margin_and_locks_are_not_free)
{
    const struct instrument *btc = instrument_find(CATEGORY_LINEAR, "BTCUSDT");
    struct wallet *usdt = account_wallet(&account, "USDT");

    (void)account_contract_fill(&account, &account.positions[btc->index][0], SIDE_BUY, 900000, 100,
                                DECIMAL_ZERO, 2);
    ck_assert_str_eq(show(position_margin(&account.positions[btc->index][0])), "900");
    usdt->locked = amount("1000");
    usdt->order_margin = amount("100.5");
    ck_assert_str_eq(show(account_free(&account, usdt)), "97999.5");
    ck_assert_str_eq(show(account_free(&account, account_wallet(&account, "BTC"))), "1");
}
END_TEST

START_TEST(unrealised_results_follow_the_side)
{
    const struct instrument *btc = instrument_find(CATEGORY_LINEAR, "BTCUSDT");
    const struct position *position = &account.positions[btc->index][0];

    (void)account_contract_fill(&account, &account.positions[btc->index][0], SIDE_SELL, 900000, 10,
                                DECIMAL_ZERO, 2);
    ck_assert_str_eq(show(position_unrealised(position, 890000)), "10");
    ck_assert_str_eq(show(position_unrealised(position, 910000)), "-10");
    ck_assert_str_eq(show(position_average(position)), "90000");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim/account");
    TCase *tcase = tcase_create("account");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, it_starts_with_four_coins);
    tcase_add_test(tcase, a_spot_buy_pays_its_fee_in_base);
    tcase_add_test(tcase, a_spot_sell_pays_its_fee_in_quote);
    tcase_add_loop_test(tcase, a_position_follows_its_fills, 0, ARRAY_LEN(moves));
    tcase_add_test(tcase, a_fill_says_what_it_closed);
    tcase_add_test(tcase, margin_and_locks_are_not_free);
    tcase_add_test(tcase, unrealised_results_follow_the_side);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
