/* How the account heals: from gaps, refusals that do not last, too many positions, reads that take
 * too long. */
#include <time.h>

#include "tests/test_account_kit.h"

#define ITEM(symbol, side, size, updated, seq)                                                     \
    "{\"symbol\":\"" symbol "\",\"side\":\"" side "\",\"size\":\"" size                            \
    "\",\"avgPrice\":\"100\",\"positionIdx\":0,\"updatedTime\":\"" updated "\",\"seq\":" seq "}"
#define SETTLED_MS 50
#define WAIT_MS    300
#define AGAIN_MS   1000
#define REFUSED_MS 2000

static void start(void)
{
    kit.wait_ms = WAIT_MS;
    kit_start(SETTLED_MS, 60000);
}

static void pass_ms(int64_t ms)
{
    const struct timespec some = { .tv_nsec = 1000000 };
    int64_t until_ms = clock_mono_ms() + ms;

    while (clock_mono_ms() <= until_ms)
        (void)nanosleep(&some, NULL);
}

static void come_up(const char *positions)
{
    account_on_private(kit.account, true);
    kit_load_positions(positions);
    kit_load_balance(KIT_ACCOUNT("10", KIT_COIN("USDT", "10")));
}

/* Of `count` symbols that begin with `letter`. */
static void open_many(char letter, int count)
{
    char symbol[SYMBOL_MAX];

    for (int i = 0; i < count; i++) {
        (void)snprintf(symbol, sizeof(symbol), "%c%05dUSDT", letter, i);
        kit_message(symbol, SIDE_BUY, "1", 1000, 10);
    }
}

START_TEST(a_load_right_after_the_link_came_up_is_checked_soon)
{
    /* What was filled just before the link was there may lack in the load that its coming begins.
     */
    account_on_private(kit.account, true);
    kit_load_positions(ITEM("BTCUSDT", "Buy", "1", "1000", "10"));
    kit_load_balance(KIT_ACCOUNT("10", KIT_COIN("USDT", "10")));
    ck_assert(kit_is_live(ACCOUNT_POSITIONS));
    account_tick(kit.account);
    ck_assert_uint_eq(kit.asks_count, 0);
    pass_ms(AGAIN_MS);
    account_tick(kit.account);
    ck_assert_uint_eq(kit.asks_count, 2);
    kit_wallet_message(KIT_ACCOUNT("12", KIT_COIN("BTC", "1")));
    kit_load_positions(ITEM("BTCUSDT", "Buy", "3", "2000", "11"));
    kit_load_balance(KIT_ACCOUNT("12", KIT_COIN("USDT", "12")));
    ck_assert_str_eq(kit_qty("BTCUSDT"), "3");
    ck_assert_str_eq(kit.wallet_told, "12");
    /* Once: then it is the audit's turn. */
    pass_ms(AGAIN_MS);
    account_tick(kit.account);
    ck_assert_uint_eq(kit.asks_count, 0);
}
END_TEST

START_TEST(a_flat_position_that_finds_no_room_lacks_nowhere)
{
    struct account_state state;

    open_many('A', ACCOUNT_POSITIONS_MAX);
    kit_message("FLATUSDT", SIDE_NONE, "0", 1000, 10);
    account_get_state(kit.account, ACCOUNT_POSITIONS, &state);
    ck_assert(!state.truncated);
    kit_message("OPENUSDT", SIDE_BUY, "1", 1000, 10);
    account_get_state(kit.account, ACCOUNT_POSITIONS, &state);
    ck_assert(state.truncated);
}
END_TEST

START_TEST(a_refusal_that_does_not_last_is_soon_forgotten)
{
    struct error error;

    account_on_private(kit.account, true);
    kit_answer_http(KIT_USDT, 404, "not here");
    kit_page(KIT_USDC, "", "");
    kit_page(KIT_INVERSE, "", "");
    kit_refuse(KIT_OPTION, 10005);
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_page(KIT_USDC, "", ""); /* at once it would be the same */
    kit_page(KIT_INVERSE, "", "");
    pass_ms(REFUSED_MS);
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_page(KIT_USDT, ITEM("BTCUSDT", "Buy", "0.5", "1000", "5"), "");
    kit_page(KIT_USDC, "", "");
    kit_page(KIT_INVERSE, "", "");
    kit_refuse(KIT_OPTION, 10005);
    ck_assert_str_eq(kit_qty("BTCUSDT"), "0.5");
    ck_assert(account_refusal(kit.account, CATEGORY_OPTION, &error));
    /* The one that goes on waits longer. */
    pass_ms(REFUSED_MS);
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_page(KIT_USDT, "", "");
    kit_page(KIT_USDC, "", "");
    kit_page(KIT_INVERSE, "", "");
    ck_assert_uint_eq(kit.loaded, 3);
}
END_TEST

START_TEST(tickers_that_can_not_be_wanted_do_not_keep_others_from_being_dropped)
{
    account_use_stream(kit.account, (struct stream *)&kit);
    kit_message("ZZZUSDT", SIDE_BUY, "2", 1000, 10);
    account_tick(kit.account);
    ck_assert_int_eq(kit.wants, 1);
    kit.want_err = ERR_BUSY;
    open_many('A', 100);
    kit_message("ZZZUSDT", SIDE_NONE, "0", 1001, 11);
    account_tick(kit.account);
    ck_assert_int_eq(kit.drops, 1);
    ck_assert_str_eq(kit.dropped, "ZZZUSDT");
}
END_TEST

START_TEST(the_places_that_a_symbols_answer_lacks_are_flat)
{
    static const char one_way[] = "[{\"symbol\":\"BTCUSDT\",\"side\":\"\",\"size\":\"0\","
                                  "\"positionIdx\":0,\"updatedTime\":\"2000\"}]";
    struct position places[ACCOUNT_PLACES_MAX];
    struct position other = kit_position("BTCUSD", SIDE_BUY, "1", 1000, 1);
    struct error error;
    struct json list;

    come_up("{\"symbol\":\"BTCUSDT\",\"side\":\"Sell\",\"size\":\"3\",\"positionIdx\":2,"
            "\"updatedTime\":\"1000\"}," ITEM("ETHUSDT", "Buy", "1", "1000", "1"));
    other.category = CATEGORY_INVERSE;
    account_on_position(kit.account, &other);
    account_on_private(kit.account, false);
    kit.told_count = 0;
    ck_assert(!json_open_trusted(&list, one_way, strlen(one_way), NULL));
    ck_assert(!account_merge_positions(kit.account, &list, CATEGORY_LINEAR, "BTCUSDT",
                                       clock_mono_ms() + SETTLED_MS, &error));
    ck_assert_uint_eq(account_position(kit.account, CATEGORY_LINEAR, "BTCUSDT", places), 2);
    ck_assert_int_eq(places[0].side, SIDE_NONE);
    ck_assert_int_eq(places[1].side, SIDE_NONE);
    ck_assert_uint_eq(kit.told_count, 1);
    ck_assert_int_eq(kit.told[0].position_idx, 2);
    ck_assert_str_eq(kit_qty("ETHUSDT"), "1");
    ck_assert_uint_eq(account_position(kit.account, CATEGORY_INVERSE, "BTCUSD", places), 1);
    ck_assert_int_eq(places[0].side, SIDE_BUY);
}
END_TEST

START_TEST(who_asks_in_vain_does_not_delay_what_is_due)
{
    account_on_private(kit.account, true);
    kit_no_answer(KIT_USDT);
    kit_no_answer(KIT_WALLET);
    for (int i = 0; i < 10; i++) {
        ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
        kit_no_answer(KIT_USDT);
    }
    ck_assert_uint_eq(kit.failed, 10);
    pass_ms(AGAIN_MS);
    account_tick(kit.account);
    ck_assert_uint_eq(kit.asks_count, 2);
}
END_TEST

START_TEST(nobody_waits_for_a_slow_load_without_end)
{
    account_on_private(kit.account, true);
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    pass_ms(WAIT_MS);
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    ck_assert_uint_eq(kit.failed, 0);
    account_tick(kit.account);
    ck_assert_uint_eq(kit.failed, 1);
    ck_assert_int_eq(kit.error.code, ERR_UNAVAILABLE);
    /* The load goes on, and who came later is served. */
    kit_load_positions(ITEM("BTCUSDT", "Buy", "1", "1000", "10"));
    ck_assert_str_eq(kit_qty("BTCUSDT"), "1");
    kit_load_positions(ITEM("BTCUSDT", "Buy", "1", "1000", "10"));
    ck_assert_uint_eq(kit.loaded, 1);
    ck_assert_uint_eq(kit.failed, 1);
    /* One whose own load is under way. */
    ck_assert(!account_load(kit.account, ACCOUNT_BALANCE, kit_on_load, NULL));
    kit_no_answer(KIT_WALLET);
    ck_assert_uint_eq(kit.failed, 2);
    ck_assert(!account_load(kit.account, ACCOUNT_BALANCE, kit_on_load, NULL));
    pass_ms(WAIT_MS);
    account_tick(kit.account);
    ck_assert_uint_eq(kit.failed, 3);
    kit_load_balance(KIT_ACCOUNT("10", KIT_COIN("USDT", "10")));
    ck_assert_uint_eq(kit.loaded, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("account heals");
    TCase *tcase = tcase_create("heals");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, start, kit_stop);
    tcase_add_test(tcase, a_load_right_after_the_link_came_up_is_checked_soon);
    tcase_add_test(tcase, a_flat_position_that_finds_no_room_lacks_nowhere);
    tcase_add_test(tcase, a_refusal_that_does_not_last_is_soon_forgotten);
    tcase_add_test(tcase, tickers_that_can_not_be_wanted_do_not_keep_others_from_being_dropped);
    tcase_add_test(tcase, the_places_that_a_symbols_answer_lacks_are_flat);
    tcase_add_test(tcase, who_asks_in_vain_does_not_delay_what_is_due);
    tcase_add_test(tcase, nobody_waits_for_a_slow_load_without_end);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
