#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "sim/funding.h"
#include "sim/options.h"
#include "tests/test_sim_exchange_kit.h"

#define DAY_MS INT64_C(86400000)

static const char *show(struct decimal value)
{
    static char text[DECIMAL_TEXT_MAX];

    value = decimal_trim(value);
    return decimal_format(&value, text);
}

/* BTC stands at 93000. */
static void setup(void)
{
    begin("BTCUSD", "93000");
}

static const struct instrument *inverse(void)
{
    return instrument_find(CATEGORY_INVERSE, "BTCUSD");
}

static const struct position *position_of(const struct instrument *instrument)
{
    return &exchange.account.positions[instrument->index][0];
}

static const char *btc(void)
{
    return show(account_wallet(&exchange.account, "BTC")->balance);
}

#define INVERSE .category = "inverse", .symbol = "BTCUSD"

/* qty * (1/entry - 1/exit) coins for the long side, with eight decimals. */
static const struct {
    enum side side;
    int64_t entry_ticks, exit_ticks;
    const char *balance;
} results[] = {
    { SIDE_BUY, 500000, 1000000, "1.1" },  /* 10000 USD from 50000 to 100000 */
    { SIDE_SELL, 500000, 1000000, "0.9" }, /* and the other way round */
    { SIDE_BUY, 1000000, 500000, "0.9" },  /* a long loses coins as it falls */
    { SIDE_SELL, 1000000, 500000, "1.1" },      { SIDE_BUY, 930000, 930000, "1" },
    { SIDE_BUY, 300000, 700000, "1.19047619" },
};

START_TEST(an_inverse_position_earns_coins)
{
    struct account account;
    struct contract_result result;
    const struct instrument *instrument = inverse();

    account_init(&account, 1);
    (void)account_contract_fill(&account, &account.positions[instrument->index][0],
                                results[_i].side, results[_i].entry_ticks, 10000, DECIMAL_ZERO, 2);
    result = account_contract_fill(&account, &account.positions[instrument->index][0],
                                   side_opposite(results[_i].side), results[_i].exit_ticks, 10000,
                                   DECIMAL_ZERO, 3);
    ck_assert_int_eq(result.closed_lots, 10000);
    ck_assert_str_eq(show(account_wallet(&account, "BTC")->balance), results[_i].balance);
    ck_assert_str_eq(show(account_wallet(&account, "USDT")->balance), "100000");
    ck_assert_int_eq(decimal_sign(&account.positions[instrument->index][0].cost), 0);
}
END_TEST

START_TEST(parts_of_an_inverse_position_add_up)
{
    struct account account;
    const struct instrument *instrument = inverse();

    account_init(&account, 1);
    (void)account_contract_fill(&account, &account.positions[instrument->index][0], SIDE_BUY,
                                930007, 3333, DECIMAL_ZERO, 2);
    for (int i = 0; i < 3333; i++)
        (void)account_contract_fill(&account, &account.positions[instrument->index][0], SIDE_SELL,
                                    930007, 1, DECIMAL_ZERO, 3);
    ck_assert_int_eq(account.positions[instrument->index][0].lots, 0);
    ck_assert_int_eq(decimal_sign(&account.positions[instrument->index][0].cost), 0);
}
END_TEST

START_TEST(an_inverse_order_trades_in_dollars_and_pays_in_coins)
{
    static const struct create_fields buy = { INVERSE, .side = "Buy", .order_type = "Market",
                                              .qty = "930" };
    struct sim_order *order = placed(&buy);

    ck_assert_int_eq(order->status, STATUS_FILLED);
    ck_assert_str_eq(order->fee_coin, "BTC");
    ck_assert_str_eq(show(order->value), "0.00999994"); /* 930 / 93000.5, cut */
    ck_assert_str_eq(show(order->fee), "0.00000549");   /* value * 0.00055, cut */
    ck_assert_str_eq(btc(), "0.99999451");
    ck_assert_int_eq(position_of(inverse())->lots, 930);
    ck_assert_str_eq(show(position_average(position_of(inverse()))), "93000.55800334");
    ck_assert(heard.executions > 0 && heard.positions > 0 && heard.wallets > 0);
}
END_TEST

START_TEST(an_inverse_order_holds_coins_until_it_is_cancelled)
{
    static const struct create_fields rest = { INVERSE, .side = "Buy", .order_type = "Limit",
                                               .qty = "50000", .price = "50000" };
    static const struct create_fields large = { INVERSE, .side = "Buy", .order_type = "Limit",
                                                .qty = "600000", .price = "50000" };
    const struct wallet *wallet = account_wallet(&exchange.account, "BTC");
    struct sim_order *order = placed(&rest);

    ck_assert_str_eq(show(wallet->order_margin), "0.1"); /* one coin, ten times */
    ck_assert_int_eq(place(&large, &order).code, 110007);
    match_cancel(&exchange, order);
    ck_assert_int_eq(decimal_sign(&wallet->order_margin), 0);
}
END_TEST

static const struct {
    const char *name;
    struct create_fields fields;
    int code;
} refused[] = {
    { "half a dollar", { INVERSE, .side = "Buy", .order_type = "Market", .qty = "1.5" }, 10001 },
    { "nothing", { INVERSE, .side = "Buy", .order_type = "Market", .qty = "0" }, 110017 },
    { "too much", { INVERSE, .side = "Buy", .order_type = "Market", .qty = "10000001" }, 10001 },
    { "off the tick",
      { INVERSE, .side = "Buy", .order_type = "Limit", .qty = "1", .price = "93000.05" },
      10001 },
    { "price of nothing",
      { INVERSE, .side = "Buy", .order_type = "Limit", .qty = "1", .price = "0" },
      10001 },
    { "below zero",
      { INVERSE, .side = "Buy", .order_type = "Limit", .qty = "-1", .price = "93000" },
      10001 },
    { "a symbol of another category",
      { .category = "inverse",
        .symbol = "BTCUSDT",
        .side = "Buy",
        .order_type = "Market",
        .qty = "1" },
      10001 },
    { "no such category",
      { .category = "futures",
        .symbol = "BTCUSD",
        .side = "Buy",
        .order_type = "Market",
        .qty = "1" },
      10001 },
};

START_TEST(a_bad_inverse_order_is_refused)
{
    struct sim_order *order = NULL;
    struct refusal refusal = place(&refused[_i].fields, &order);

    ck_assert_msg(refusal.code == refused[_i].code, "%s: %d %s", refused[_i].name, refusal.code,
                  refusal.text);
    ck_assert_ptr_null(order);
}
END_TEST

/* Where the coin's balance less the maintenance margin is used up. */
static const struct {
    enum category category;
    const char *symbol;
    enum side side;
    int64_t ticks, lots;
    const char *price; /* NULL: nowhere */
} ends[] = {
    { CATEGORY_LINEAR, "BTCUSDT", SIDE_BUY, 900000, 10000, "80450.00" },
    { CATEGORY_LINEAR, "BTCUSDT", SIDE_BUY, 900000, 10, NULL },
    { CATEGORY_LINEAR, "BTCUSDT", SIDE_SELL, 900000, 10000, "99550.00" },
    { CATEGORY_LINEAR, "BTCUSDT", SIDE_SELL, 900000, 10, NULL },
    { CATEGORY_INVERSE, "BTCUSD", SIDE_BUY, 1000000, 100000, "50125.30" },
    { CATEGORY_INVERSE, "BTCUSD", SIDE_SELL, 1000000, 100000, NULL },
    { CATEGORY_INVERSE, "BTCUSD", SIDE_SELL, 1000000, 500000, "124223.60" },
};

START_TEST(the_price_of_liquidation_is_computed)
{
    const struct instrument *instrument = instrument_find(ends[_i].category, ends[_i].symbol);
    char text[DECIMAL_TEXT_MAX];
    struct account account;
    struct decimal price;

    account_init(&account, 1);
    price = account_liquidation(&account, &account.positions[instrument->index][0]);
    ck_assert(decimal_is_none(&price));
    (void)account_contract_fill(&account, &account.positions[instrument->index][0], ends[_i].side,
                                ends[_i].ticks, ends[_i].lots, DECIMAL_ZERO, 2);
    price = account_liquidation(&account, &account.positions[instrument->index][0]);
    ck_assert_str_eq(decimal_format(&price, text), ends[_i].price ? ends[_i].price : "");
}
END_TEST

START_TEST(the_long_side_pays_a_positive_rate)
{
    static const struct create_fields buy = { .category = "linear",
                                              .symbol = "BTCUSDT",
                                              .side = "Buy",
                                              .order_type = "Market",
                                              .qty = "0.1" };
    static const struct create_fields sell = { INVERSE, .side = "Sell", .order_type = "Market",
                                               .qty = "9300" };
    const struct instrument *linear = instrument_find(CATEGORY_LINEAR, "BTCUSDT");
    const struct sim_execution *execution;
    struct decimal paid;

    ck_assert(!funding_settle(&exchange, linear));
    (void)placed(&buy);
    (void)placed(&sell);
    memset(&heard, 0, sizeof(heard));
    ck_assert(funding_settle(&exchange, linear));
    ck_assert_int_eq(heard.executions, 1);
    ck_assert_int_eq(heard.positions, 1);
    ck_assert_int_eq(heard.wallets, 1);
    execution = history_execution(exchange.history, history_last_execution(exchange.history));
    ck_assert_int_eq(execution->what, EXECUTION_FUNDING);
    ck_assert_str_eq(execution->order_id, "");
    ck_assert_str_eq(show(execution->value), "9300");
    paid = money_mul(execution->value, execution->fee_rate);
    ck_assert_int_eq(decimal_cmp(&execution->fee, &paid), 0);
    ck_assert(funding_settle(&exchange, inverse()));
    execution = history_execution(exchange.history, history_last_execution(exchange.history));
    ck_assert_str_eq(execution->fee_coin, "BTC");
    ck_assert_int_eq(decimal_sign(&execution->fee), -decimal_sign(&execution->fee_rate));
}
END_TEST

/* --- options --- */

START_TEST(options_are_named_after_their_day)
{
    static const char *const months[] = { "JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                          "JUL", "AUG", "SEP", "OCT", "NOV", "DEC" };
    int64_t now_ms = clock_wall_ms();

    for (int i = INSTRUMENT_FIRST_OPTION; i < INSTRUMENT_COUNT; i++) {
        const struct instrument *option = instrument_at(i);
        time_t seconds = (time_t)(option->delivery_ms / 1000);
        struct tm day;
        char date[64];

        ck_assert_ptr_nonnull(gmtime_r(&seconds, &day));
        ck_assert_int_eq(day.tm_wday, 5);
        ck_assert_int_eq(day.tm_hour, 8);
        ck_assert_int_gt(option->delivery_ms, now_ms + 59 * DAY_MS);
        ck_assert_int_lt(option->delivery_ms, now_ms + 100 * DAY_MS);
        (void)snprintf(date, sizeof(date), "%s-%d%s%02d-%d-%c-USDT", option->base, day.tm_mday,
                       months[day.tm_mon], day.tm_year % 100, (int)option->strike,
                       option->is_call ? 'C' : 'P');
        ck_assert_str_eq(option->symbol, date);
        ck_assert(symbol_is_valid(option->symbol));
        ck_assert_ptr_eq(instrument_find(CATEGORY_OPTION, option->symbol), option);
    }
}
END_TEST

/* A call less its put is price less strike, wherever the price is. */
static const char *const prices[] = { "1000", "60000", "90000", "95000", "99999.9", "180000" };

START_TEST(calls_and_puts_agree)
{
    jump("BTCUSDT", prices[_i]);
    for (int i = INSTRUMENT_FIRST_OPTION; i < INSTRUMENT_COUNT; i += 2) {
        const struct instrument *call = instrument_at(i);
        const struct instrument *put = instrument_at(i + 1);
        struct option_figures calls = option_figures(&exchange, call);
        struct option_figures puts = option_figures(&exchange, put);
        struct decimal parity = money_sub(calls.underlying, decimal_from_int(call->strike));
        struct decimal difference = money_sub(calls.mark, puts.mark);

        ck_assert(call->is_call && !put->is_call && call->strike == put->strike);
        ck_assert_int_eq(decimal_cmp(&difference, &parity), 0);
        ck_assert_int_gt(decimal_sign(&puts.mark), 0);
        ck_assert_int_ge(decimal_sign(&calls.delta), 0);
        ck_assert_int_le(decimal_sign(&puts.delta), 0);
        difference = money_sub(calls.delta, puts.delta);
        ck_assert_str_eq(show(difference), "1");
        ck_assert_uint_gt(exchange.books[i].bids.count, 0);
        ck_assert_int_lt(book_best_ticks(&exchange.books[i], SIDE_BUY),
                         book_best_ticks(&exchange.books[i], SIDE_SELL));
    }
}
END_TEST

START_TEST(an_option_is_listed_and_traded)
{
    const struct instrument *option = instrument_at(INSTRUMENT_FIRST_OPTION);
    const struct create_fields fields = { .category = "option",
                                          .symbol = option->symbol,
                                          .side = "Buy",
                                          .order_type = "Market",
                                          .qty = "0.1",
                                          .order_link_id = "o-1" };
    struct create_fields unknown = fields;
    struct sim_order *order = NULL;

    unknown.symbol = "BTC-1JAN20-1-C";
    ck_assert_int_eq(place(&fields, &order).code, 0);
    ck_assert_int_eq(order->status, STATUS_FILLED);
    ck_assert_int_eq(position_of(option)->lots, 10);
    ck_assert_int_eq(place(&unknown, &order).code, 10001);
    ck_assert_ptr_nonnull(tape_trade(&exchange.tapes[option->index], 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim/contracts");
    TCase *tcase = tcase_create("contracts");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, an_inverse_position_earns_coins, 0, ARRAY_LEN(results));
    tcase_add_test(tcase, parts_of_an_inverse_position_add_up);
    tcase_add_test(tcase, an_inverse_order_trades_in_dollars_and_pays_in_coins);
    tcase_add_test(tcase, an_inverse_order_holds_coins_until_it_is_cancelled);
    tcase_add_loop_test(tcase, a_bad_inverse_order_is_refused, 0, ARRAY_LEN(refused));
    tcase_add_loop_test(tcase, the_price_of_liquidation_is_computed, 0, ARRAY_LEN(ends));
    tcase_add_test(tcase, the_long_side_pays_a_positive_rate);
    tcase_add_test(tcase, options_are_named_after_their_day);
    tcase_add_loop_test(tcase, calls_and_puts_agree, 0, ARRAY_LEN(prices));
    tcase_add_test(tcase, an_option_is_listed_and_traded);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
