#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "bybit/instruments.h"
#include "bybit/message.h"
#include "tests/fixture.h"

static void assert_decimal(const struct decimal *value, const char *shown)
{
    char text[DECIMAL_TEXT_MAX];

    ck_assert_str_eq(decimal_format(value, text), shown);
}

static void read_fixture(struct instrument *out, const char *name, enum category category)
{
    size_t bytes;
    char *text = fixture(name, &bytes);
    struct error error = { .text = "" };
    struct envelope envelope;
    struct json list;
    struct json item;
    struct json_walk walk;

    ck_assert_int_eq(message_envelope(&envelope, text, bytes, NULL), ERR_NONE);
    ck_assert(json_member(&envelope.result, "list", &list));
    walk = json_walk(&list);
    ck_assert(json_next(&walk, NULL, &item));
    ck_assert_msg(instrument_read(out, &item, category, &error) == ERR_NONE, "%s", error.text);
    free(text);
}

START_TEST(a_linear_instrument_is_read)
{
    struct instrument instrument;

    read_fixture(&instrument, "rest_instruments_linear", CATEGORY_LINEAR);
    ck_assert_str_eq(instrument.symbol, "BTCUSDT");
    ck_assert_str_eq(instrument.base, "BTC");
    ck_assert_str_eq(instrument.quote, "USDT");
    ck_assert_str_eq(instrument.settle, "USDT");
    ck_assert_str_eq(instrument.status, "Trading");
    assert_decimal(&instrument.tick_size, "0.10");
    assert_decimal(&instrument.qty_step, "0.001");
    assert_decimal(&instrument.quote_step, "");
    assert_decimal(&instrument.min_qty, "0.001");
    assert_decimal(&instrument.max_limit_qty, "1190.000");
    assert_decimal(&instrument.max_market_qty, "500.000");
    assert_decimal(&instrument.max_post_only_qty, "1190.000");
    assert_decimal(&instrument.min_notional, "5");
    assert_decimal(&instrument.min_price, "0.10");
    assert_decimal(&instrument.max_price, "1999999.80");
    assert_decimal(&instrument.max_leverage, "100.00");
    assert_decimal(&instrument.leverage_step, "0.01");
    ck_assert_int_eq(instrument.funding_interval_min, 480);
}
END_TEST

START_TEST(a_spot_instrument_has_names_of_its_own)
{
    struct instrument instrument;

    read_fixture(&instrument, "rest_instruments_spot", CATEGORY_SPOT);
    assert_decimal(&instrument.tick_size, "0.1");
    assert_decimal(&instrument.qty_step, "0.000001");
    assert_decimal(&instrument.quote_step, "0.0000001");
    assert_decimal(&instrument.max_limit_qty, "83");
    assert_decimal(&instrument.max_market_qty, "41.5");
    assert_decimal(&instrument.max_post_only_qty, "60000");
    assert_decimal(&instrument.min_notional, "5");
    assert_decimal(&instrument.max_price, "");
    assert_decimal(&instrument.max_leverage, "");
    ck_assert_str_eq(instrument.settle, "");
    ck_assert_int_eq(instrument.funding_interval_min, 0);
}
END_TEST

START_TEST(the_other_recorded_instruments_are_read)
{
    struct instrument instrument;

    read_fixture(&instrument, "rest_instruments_prelaunch", CATEGORY_LINEAR);
    ck_assert_str_eq(instrument.status, "PreLaunch");
    read_fixture(&instrument, "rest_instruments_option", CATEGORY_OPTION);
    ck_assert_str_eq(instrument.symbol, "BTC-27MAR26-70000-P-USDT");
    assert_decimal(&instrument.max_market_qty, "");
    read_fixture(&instrument, "rest_instruments_account_linear", CATEGORY_LINEAR);
    read_fixture(&instrument, "rest_instruments_account_spot", CATEGORY_SPOT);
}
END_TEST

static const struct {
    const char *text, *why;
} bad[] = {
    { "[]", "symbol" },
    { "{}", "symbol" },
    { "{\"symbol\":\"A\"}", "status" },
    { "{\"symbol\":\"A\",\"status\":\"Trading\"}", "tickSize" },
    { "{\"symbol\":\"A\",\"status\":\"Trading\",\"priceFilter\":{\"tickSize\":\"0\"}}",
      "tickSize" },
    { "{\"symbol\":\"A\",\"status\":\"Trading\",\"priceFilter\":{\"tickSize\":\"-1\"}}",
      "tickSize" },
    { "{\"symbol\":\"A\",\"status\":\"Trading\",\"priceFilter\":{\"tickSize\":\"1e1\"}}",
      "tickSize" },
    { "{\"symbol\":\"A\",\"status\":\"Trading\",\"priceFilter\":{\"tickSize\":\"1\"}}", "qtyStep" },
    { "{\"symbol\":\"A\",\"status\":\"Trading\",\"priceFilter\":{\"tickSize\":\"1\"},"
      "\"lotSizeFilter\":{\"qtyStep\":\"1\"},\"fundingInterval\":\"x\"}",
      "fundingInterval" },
    { "{\"symbol\":\"A\",\"status\":\"Trading\",\"baseCoin\":\"0123456789012345678\"}",
      "baseCoin" },
};

START_TEST(an_unreadable_instrument_is_refused_by_name)
{
    struct instrument instrument;
    struct error error = { .text = "" };
    struct json item;

    ck_assert_int_eq(json_open_trusted(&item, bad[_i].text, strlen(bad[_i].text), NULL), ERR_NONE);
    ck_assert_int_eq(instrument_read(&instrument, &item, CATEGORY_LINEAR, &error), ERR_INVALID);
    ck_assert_msg(strstr(error.text, bad[_i].why), "%s: %s", bad[_i].text, error.text);
}
END_TEST

START_TEST(a_snapshot_finds_by_category_and_symbol)
{
    static const char *const symbols[] = { "SOLUSDT", "BTCUSDT", "ETHUSDT" };
    struct instrument list[6];
    struct instruments *instruments;

    memset(list, 0, sizeof(list));
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        list[i].category = i < 3 ? CATEGORY_LINEAR : CATEGORY_SPOT;
        (void)strcpy(list[i].symbol, symbols[i % 3]);
    }
    instruments = instruments_create(list, ARRAY_LEN(list), 77);
    ck_assert_uint_eq(instruments_count(instruments), 6);
    ck_assert_int_eq(instruments_as_of_ms(instruments), 77);
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        const struct instrument *found =
            instruments_find(instruments, list[i].category, list[i].symbol);

        ck_assert_ptr_nonnull(found);
        ck_assert_int_eq(found->category, list[i].category);
        ck_assert_str_eq(found->symbol, list[i].symbol);
    }
    ck_assert_ptr_null(instruments_find(instruments, CATEGORY_INVERSE, "BTCUSDT"));
    ck_assert_ptr_null(instruments_find(instruments, CATEGORY_SPOT, "BTCUSD"));
    ck_assert_int_eq(instruments_at(instruments, 0)->category, CATEGORY_SPOT);
    ck_assert_str_eq(instruments_at(instruments, 0)->symbol, "BTCUSDT");
    ck_assert_ptr_null(instruments_at(instruments, 6));
    instruments_unref(instruments);
    instruments_unref(NULL);
}
END_TEST

static void *read_newest(void *slot)
{
    for (int i = 0; i < 20000; i++) {
        const struct instruments *newest = instruments_newest(slot);

        if (newest)
            ck_assert_int_ge(instruments_as_of_ms(newest), 1);
        instruments_unref(newest);
    }
    return NULL;
}

START_TEST(readers_keep_their_snapshot_while_new_ones_are_published)
{
    struct instruments_slot *slot = instruments_slot_create();
    pthread_t threads[2];
    const struct instruments *first;

    ck_assert_ptr_null(instruments_newest(slot));
    instruments_publish(slot, instruments_create(NULL, 0, 1));
    first = instruments_newest(slot);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_newest, slot), 0);
    for (int i = 2; i < 2000; i++)
        instruments_publish(slot, instruments_create(NULL, 0, i));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(instruments_as_of_ms(first), 1);
    instruments_unref(first);
    instruments_slot_destroy(slot);
    instruments_slot_destroy(NULL);
}
END_TEST

static struct instrument option_of(const char *base, int number)
{
    struct instrument option = { .category = CATEGORY_OPTION };

    (void)snprintf(option.symbol, sizeof(option.symbol), "%s-%d-C", base, number);
    (void)snprintf(option.base, sizeof(option.base), "%s", base);
    return option;
}

static struct instruments *with_coin(const struct instruments *old, const char *base, int count,
                                     int64_t as_of_ms)
{
    struct option_coin coin = { .as_of_ms = as_of_ms, .good_until_ms = as_of_ms + 1 };
    struct instrument list[3];
    struct instruments *made;

    (void)snprintf(coin.base, sizeof(coin.base), "%s", base);
    for (int i = 0; i < count; i++)
        list[i] = option_of(base, i);
    made = instruments_with_options(old, &coin, list, (size_t)count);
    ck_assert_ptr_nonnull(made);
    instruments_unref(old);
    return made;
}

START_TEST(options_are_replaced_coin_by_coin)
{
    struct instrument spot = { .category = CATEGORY_SPOT, .symbol = "BTCUSDT", .base = "BTC" };
    struct instruments *all = instruments_create(&spot, 1, 7);
    struct instruments *copy;

    ck_assert_ptr_null(instruments_option_coin(all, "BTC"));
    all = with_coin(all, "BTC", 3, 100);
    all = with_coin(all, "ETH", 2, 101);
    ck_assert_uint_eq(instruments_count(all), 6);
    ck_assert_int_eq(instruments_as_of_ms(all), 7);
    all = with_coin(all, "BTC", 1, 102);
    ck_assert_uint_eq(instruments_count(all), 4);
    ck_assert_int_eq(instruments_option_coin(all, "BTC")->as_of_ms, 102);
    ck_assert_int_eq(instruments_option_coin(all, "ETH")->good_until_ms, 102);
    ck_assert_ptr_nonnull(instruments_find(all, CATEGORY_OPTION, "ETH-1-C"));
    ck_assert_ptr_null(instruments_find(all, CATEGORY_OPTION, "BTC-1-C"));
    ck_assert_ptr_nonnull(instruments_find(all, CATEGORY_SPOT, "BTCUSDT"));
    copy = instruments_create(&spot, 1, 8);
    instruments_inherit(copy, all);
    ck_assert_int_eq(instruments_option_coin(copy, "BTC")->as_of_ms, 102);
    ck_assert(instruments_has_category(copy, CATEGORY_SPOT));
    ck_assert(instruments_has_category(copy, CATEGORY_OPTION));
    ck_assert(!instruments_has_category(copy, CATEGORY_LINEAR));
    instruments_mark_loaded(copy, CATEGORY_LINEAR);
    ck_assert(instruments_has_category(copy, CATEGORY_LINEAR));
    instruments_unref(copy);
    instruments_unref(all);
    all = with_coin(NULL, "SOL", 1, 5);
    ck_assert_uint_eq(instruments_count(all), 1);
    instruments_unref(all);
}
END_TEST

START_TEST(a_symbol_of_two_pages_is_there_once)
{
    static const char *const symbols[] = { "B", "A", "B", "C", "A", "B" };
    struct instrument list[ARRAY_LEN(symbols)];
    struct instruments *all;

    for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
        list[i] = (struct instrument){ .category = CATEGORY_LINEAR };
        (void)snprintf(list[i].symbol, sizeof(list[i].symbol), "%s", symbols[i]);
    }
    list[5].category = CATEGORY_SPOT; /* another one */
    all = instruments_create(list, ARRAY_LEN(symbols), 1);
    ck_assert_uint_eq(instruments_count(all), 4);
    ck_assert_ptr_nonnull(instruments_find(all, CATEGORY_SPOT, "B"));
    for (size_t i = 0; i < 4; i++)
        ck_assert_ptr_nonnull(instruments_find(all, CATEGORY_LINEAR, symbols[i]));
    instruments_unref(all);
}
END_TEST

START_TEST(the_coin_loaded_longest_ago_makes_room)
{
    struct instruments *all = instruments_create(NULL, 0, 1);
    char base[COIN_MAX];

    for (int i = 0; i < OPTION_COINS_MAX; i++) {
        (void)snprintf(base, sizeof(base), "C%d", i);
        all = with_coin(all, base, 2, 100 + i);
    }
    all = with_coin(all, "C0", 1, 200); /* known: nobody goes */
    ck_assert_ptr_nonnull(instruments_option_coin(all, "C1"));
    all = with_coin(all, "NEW", 0, 201);
    ck_assert_ptr_null(instruments_option_coin(all, "C1"));
    ck_assert_ptr_null(instruments_find(all, CATEGORY_OPTION, "C1-0-C"));
    ck_assert_ptr_nonnull(instruments_find(all, CATEGORY_OPTION, "C0-0-C"));
    ck_assert_ptr_nonnull(instruments_option_coin(all, "NEW"));
    ck_assert_uint_eq(instruments_count(all), 1 + 14 * 2);
    instruments_unref(all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("instruments");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_test(tcase, a_linear_instrument_is_read);
    tcase_add_test(tcase, a_spot_instrument_has_names_of_its_own);
    tcase_add_test(tcase, the_other_recorded_instruments_are_read);
    tcase_add_loop_test(tcase, an_unreadable_instrument_is_refused_by_name, 0, ARRAY_LEN(bad));
    tcase_add_test(tcase, a_snapshot_finds_by_category_and_symbol);
    tcase_add_test(tcase, options_are_replaced_coin_by_coin);
    tcase_add_test(tcase, a_symbol_of_two_pages_is_there_once);
    tcase_add_test(tcase, the_coin_loaded_longest_ago_makes_room);
    tcase_add_test(tcase, readers_keep_their_snapshot_while_new_ones_are_published);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
