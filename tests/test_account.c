/* What the account keeps: loads and messages in every order, the private link coming and going. */
#include <stdatomic.h>
#include <time.h>

#include "tests/test_account_kit.h"

#define ITEM(symbol, side, size, updated, seq)                                                     \
    "{\"symbol\":\"" symbol "\",\"side\":\"" side "\",\"size\":\"" size                            \
    "\",\"avgPrice\":\"100\",\"positionIdx\":0,\"updatedTime\":\"" updated "\",\"seq\":" seq "}"
#define SETTLED_MS 1

static void start_settled(void)
{
    kit_start(SETTLED_MS, 60000);
}

static void start_lagging(void)
{
    kit_start(60000, 60000);
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

/* --- loads --- */

START_TEST(the_private_streams_coming_up_loads_all)
{
    ck_assert_uint_eq(kit.asked, 0);
    account_tick(kit.account);
    ck_assert_uint_eq(kit.asked, 0);
    account_on_private(kit.account, true);
    ck_assert_uint_eq(kit.asked, 2);
    ck_assert_int_eq(kit.asks[0].route, ROUTE_POSITIONS);
    ck_assert_str_eq(kit.asks[0].query, "category=linear&settleCoin=USDT&limit=200");
    ck_assert_int_eq(kit.asks[1].route, ROUTE_WALLET);
    ck_assert(!kit_is_live(ACCOUNT_POSITIONS));
    kit_load_positions(ITEM("BTCUSDT", "Buy", "0.5", "1000", "5"));
    ck_assert(kit_is_live(ACCOUNT_POSITIONS));
    ck_assert(!kit_is_live(ACCOUNT_BALANCE));
    kit_load_balance(KIT_ACCOUNT("10", KIT_COIN("USDT", "10")));
    ck_assert(kit_is_live(ACCOUNT_BALANCE));
    ck_assert_str_eq(kit_qty("BTCUSDT"), "0.5");
    ck_assert_uint_eq(kit.told_count, 1);
    ck_assert_uint_eq(kit.balances_told, 1);
    ck_assert_str_eq(kit.wallet_told, "10");
}
END_TEST

START_TEST(all_pages_are_read_and_cursors_go_back_as_they_came)
{
    account_on_private(kit.account, true);
    kit_page(KIT_USDT, ITEM("AUSDT", "Buy", "1", "1", "1"), "page%3D2%26x");
    ck_assert_ptr_nonnull(strstr(kit.asks[kit.asks_count - 1].query, "&cursor=page%3D2%26x"));
    kit_page(KIT_USDT, ITEM("BUSDT", "Buy", "2", "1", "1"), "a b");
    ck_assert_ptr_nonnull(strstr(kit.asks[kit.asks_count - 1].query, "&cursor=a%20b"));
    kit_load_positions(ITEM("CUSDT", "Sell", "3", "1", "1"));
    ck_assert(kit_is_live(ACCOUNT_POSITIONS));
    ck_assert_str_eq(kit_qty("AUSDT"), "1");
    ck_assert_str_eq(kit_qty("BUSDT"), "2");
    ck_assert_str_eq(kit_qty("CUSDT"), "3");
}
END_TEST

START_TEST(a_cursor_that_repeats_ends_the_load_as_a_failure)
{
    account_on_private(kit.account, true);
    kit_page(KIT_USDT, ITEM("AUSDT", "Buy", "1", "1", "1"), "x");
    kit_page(KIT_USDT, "", "x");
    ck_assert(!kit_is_live(ACCOUNT_POSITIONS));
    ck_assert_uint_eq(kit.asks_count, 1); /* the balance's */
}
END_TEST

START_TEST(pages_without_an_end_are_a_failure)
{
    char cursor[16];
    size_t asked;

    account_on_private(kit.account, true);
    asked = kit.asked;
    for (int i = 0; i < 1000 && kit.asks_count == 2; i++) {
        (void)snprintf(cursor, sizeof(cursor), "c%d", i);
        kit_page(KIT_USDT, "", cursor);
    }
    ck_assert_uint_eq(kit.asks_count, 1);
    ck_assert_uint_lt(kit.asked - asked, 50);
}
END_TEST

static const char *const hostile_pages[] = {
    "[]",
    "{}",
    "{\"list\":{}}",
    "{\"list\":null}",
    "\"x\"",
    "{\"list\":[],\"nextPageCursor\":{}}",
    "{\"list\":[],\"nextPageCursor\":true}",
};

START_TEST(what_is_no_list_is_a_failure_that_changes_nothing)
{
    come_up(ITEM("BTCUSDT", "Buy", "0.5", "1000", "5"));
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_answer(KIT_USDT, hostile_pages[_i]);
    ck_assert_uint_eq(kit.failed, 1);
    ck_assert_str_eq(kit_qty("BTCUSDT"), "0.5");
    ck_assert_uint_eq(kit.told_count, 1);
}
END_TEST

START_TEST(an_unreadable_position_is_left_as_it_was)
{
    come_up(ITEM("BTCUSDT", "Buy", "0.5", "1000", "5") "," ITEM("ETHUSDT", "Buy", "2", "1", "1"));
    pass_ms(SETTLED_MS);
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_load_positions("{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"size\":\"x\"}");
    ck_assert_uint_eq(kit.loaded, 1);
    ck_assert_str_eq(kit_qty("BTCUSDT"), "0.5");
    ck_assert_str_eq(kit_qty("ETHUSDT"), "2"); /* the list is not known to be whole */
}
END_TEST

START_TEST(a_position_that_is_gone_is_told_of_once_as_flat)
{
    come_up(ITEM("BTCUSDT", "Buy", "0.5", "1000", "5"));
    for (int i = 0; i < 3; i++) {
        ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
        kit_load_positions("");
    }
    ck_assert_uint_eq(kit.loaded, 3);
    ck_assert_uint_eq(kit.told_count, 2);
    ck_assert_int_eq(kit.told[1].side, SIDE_NONE);
    ck_assert_int_eq(decimal_sign(&kit.told[1].qty), 0);
    ck_assert_str_eq(kit_qty("BTCUSDT"), "0");
    ck_assert_uint_eq(account_positions(kit.account, kit.told, 10), 0);
}
END_TEST

START_TEST(a_load_is_told_of_after_what_it_changed)
{
    come_up(ITEM("BTCUSDT", "Buy", "0.5", "1000", "5"));
    ck_assert_uint_eq(kit.loads_told[ACCOUNT_POSITIONS], 1);
    ck_assert_uint_eq(kit.loads_told[ACCOUNT_BALANCE], 1);
    for (int i = 0; i < 2; i++) { /* also when it has changed nothing */
        ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
        kit_load_positions("");
        ck_assert_uint_eq(kit.loads_told[ACCOUNT_POSITIONS], 2 + (size_t)i);
        ck_assert_uint_eq(kit.told_before_load, 2);
    }
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_no_answer("");
    ck_assert_uint_eq(kit.loads_told[ACCOUNT_POSITIONS], 3);
}
END_TEST

START_TEST(an_audit_that_finds_the_same_tells_nothing)
{
    come_up(ITEM("BTCUSDT", "Buy", "0.5", "1000", "5"));
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_load_positions("{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"size\":\"0.50\",\"avgPrice\":"
                       "\"100.0\",\"markPrice\":\"7\",\"unrealisedPnl\":\"8\"}");
    ck_assert_uint_eq(kit.told_count, 1);
}
END_TEST

START_TEST(a_category_that_is_refused_stays_empty_and_the_others_are_loaded)
{
    struct error error;

    account_on_private(kit.account, true);
    kit_page(KIT_USDT, ITEM("BTCUSDT", "Buy", "0.5", "1000", "5"), "");
    kit_page(KIT_USDC, "", "");
    kit_refuse(KIT_INVERSE, 10001);
    kit_answer_http(KIT_OPTION, 404, "not here");
    ck_assert(kit_is_live(ACCOUNT_POSITIONS));
    ck_assert(account_refusal(kit.account, CATEGORY_INVERSE, &error));
    ck_assert_int_eq(error.upstream, 10001);
    ck_assert(account_refusal(kit.account, CATEGORY_OPTION, &error));
    ck_assert(!account_refusal(kit.account, CATEGORY_LINEAR, &error));
    /* They are not asked for again so soon, and the rest is whole without them. */
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_page(KIT_USDT, "", "");
    kit_page(KIT_USDC, "", "");
    ck_assert_uint_eq(kit.loaded, 1);
    ck_assert_str_eq(kit_qty("BTCUSDT"), "0");
}
END_TEST

START_TEST(a_scope_refused_from_the_start_does_not_keep_the_other_from_being_whole)
{
    account_on_private(kit.account, true);
    kit_refuse(KIT_USDT, 10001);
    kit_page(KIT_USDC, ITEM("BTCPERP", "Buy", "0.5", "1000", "5"), "");
    kit_page(KIT_INVERSE, "", "");
    kit_page(KIT_OPTION, "", "");
    ck_assert_str_eq(kit_qty("BTCPERP"), "0.5");
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_page(KIT_USDC, "", "");
    kit_page(KIT_INVERSE, "", "");
    kit_page(KIT_OPTION, "", "");
    ck_assert_str_eq(kit_qty("BTCPERP"), "0");
}
END_TEST

START_TEST(of_a_category_that_is_never_shown_the_messages_stand)
{
    struct position option = kit_position("BTC-27MAR26-70000-C", SIDE_BUY, "1", 1000, 1);
    struct position places[ACCOUNT_PLACES_MAX];

    option.category = CATEGORY_OPTION;
    account_on_position(kit.account, &option);
    pass_ms(SETTLED_MS);
    account_on_private(kit.account, true);
    kit_page(KIT_USDT, "", "");
    kit_page(KIT_USDC, "", "");
    kit_page(KIT_INVERSE, "", "");
    kit_refuse(KIT_OPTION, 10005);
    ck_assert(kit_is_live(ACCOUNT_POSITIONS));
    ck_assert_uint_eq(account_position(kit.account, CATEGORY_OPTION, option.symbol, places), 1);
    ck_assert_int_eq(places[0].side, SIDE_BUY);
}
END_TEST

START_TEST(a_refusal_of_what_was_there_calls_nothing_flat)
{
    come_up(ITEM("BTCUSDT", "Buy", "0.5", "1000", "5"));
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_refuse(KIT_USDT, 10001);
    kit_page(KIT_USDC, "", "");
    kit_page(KIT_INVERSE, "", "");
    kit_page(KIT_OPTION, "", "");
    ck_assert_str_eq(kit_qty("BTCUSDT"), "0.5");
}
END_TEST

START_TEST(a_failed_load_is_tried_again_later)
{
    struct account_state state;

    account_on_private(kit.account, true);
    kit_no_answer(KIT_USDT);
    kit_refuse(KIT_WALLET, 10016);
    ck_assert_uint_eq(kit.asks_count, 0);
    account_tick(kit.account);
    ck_assert_uint_eq(kit.asks_count, 0);
    account_get_state(kit.account, ACCOUNT_POSITIONS, &state);
    ck_assert(!state.loaded);
    pass_ms(1001);
    account_tick(kit.account);
    ck_assert_uint_eq(kit.asks_count, 2);
}
END_TEST

START_TEST(more_positions_than_there_is_room_for_are_said_to_lack)
{
    struct buffer items = buffer_of((size_t)16 << 20);
    struct position *positions = malloc(ACCOUNT_POSITIONS_MAX * sizeof(*positions));
    struct account_state state;

    for (int i = 0; i < 10000; i++)
        buffer_addf(&items, "%s{\"symbol\":\"S%05dUSDT\",\"side\":\"Buy\",\"size\":\"1\"}",
                    i ? "," : "", 99999 - i);
    account_on_private(kit.account, true);
    kit_load_positions(items.data);
    buffer_deinit(&items);
    account_get_state(kit.account, ACCOUNT_POSITIONS, &state);
    ck_assert(state.truncated);
    ck_assert_uint_eq(account_positions(kit.account, positions, ACCOUNT_POSITIONS_MAX),
                      ACCOUNT_POSITIONS_MAX);
    for (size_t i = 1; i < ACCOUNT_POSITIONS_MAX; i++)
        ck_assert_int_lt(strcmp(positions[i - 1].symbol, positions[i].symbol), 0);
    /* It heals. */
    pass_ms(SETTLED_MS);
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_load_positions("");
    account_get_state(kit.account, ACCOUNT_POSITIONS, &state);
    ck_assert(!state.truncated);
    ck_assert_uint_eq(account_positions(kit.account, positions, ACCOUNT_POSITIONS_MAX), 0);
    kit_message("NEWUSDT", SIDE_BUY, "1", 5, 5); /* flat ones make room */
    ck_assert_uint_eq(account_positions(kit.account, positions, ACCOUNT_POSITIONS_MAX), 1);
    free(positions);
}
END_TEST

/* --- messages against loads and each other --- */

START_TEST(of_two_messages_the_later_one_stays)
{
    kit_message("BTCUSDT", SIDE_BUY, "2", 2000, 10);
    kit_message("BTCUSDT", SIDE_BUY, "1", 1000, 20); /* late */
    ck_assert_str_eq(kit_qty("BTCUSDT"), "2");
    kit_message("BTCUSDT", SIDE_BUY, "3", 2000, 9); /* the same ms: seq decides */
    ck_assert_str_eq(kit_qty("BTCUSDT"), "2");
    kit_message("BTCUSDT", SIDE_BUY, "4", 2000, 11);
    ck_assert_str_eq(kit_qty("BTCUSDT"), "4");
    kit_message("BTCUSDT", SIDE_BUY, "5", 0, 0); /* says nothing of its age */
    ck_assert_str_eq(kit_qty("BTCUSDT"), "5");
    ck_assert_uint_eq(kit.told_count, 3);
}
END_TEST

/* As the exchange says "none": the mark is that of the last fill, so the message is no newer by it.
 */
static const char *const no_stops[] = {
    ",\"takeProfit\":\"\",\"stopLoss\":\"\",\"trailingStop\":\"0\"",
    ",\"takeProfit\":\"0\",\"stopLoss\":\"0.00\",\"trailingStop\":\"0\"",
    ",\"takeProfit\":null,\"stopLoss\":null",
    "",
};

static void stops_message(const char *stops)
{
    char text[400];
    struct position position;
    struct json item;
    struct error error;

    (void)snprintf(text, sizeof(text),
                   "{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"size\":\"1\",\"entryPrice\":\"100\","
                   "\"positionIdx\":0,\"updatedTime\":\"1000\",\"seq\":10%s}",
                   stops);
    ck_assert(!json_open(&item, text, strlen(text), &error));
    ck_assert_msg(!position_read(&position, &item, CATEGORY_LINEAR, &error), "%s", error.text);
    account_on_position(kit.account, &position);
}

START_TEST(stops_that_somebody_else_removes_are_gone_and_told)
{
    struct position places[ACCOUNT_PLACES_MAX];

    come_up(ITEM("BTCUSDT", "Buy", "1", "1000", "10"));
    stops_message(",\"takeProfit\":\"120\",\"stopLoss\":\"90\",\"trailingStop\":\"5\"");
    ck_assert_uint_eq(kit.told_count, 2);
    stops_message(no_stops[_i]);
    ck_assert_uint_eq(kit.told_count, 3);
    ck_assert_uint_eq(account_position(kit.account, CATEGORY_LINEAR, "BTCUSDT", places), 1);
    ck_assert(decimal_is_none(&places[0].take_profit) && decimal_is_none(&places[0].stop_loss) &&
              decimal_is_none(&places[0].trailing_stop));
    stops_message(no_stops[_i]);
    ck_assert_uint_eq(kit.told_count, 3); /* nothing new */
}
END_TEST

START_TEST(a_message_that_comes_during_a_load_is_not_overwritten)
{
    account_on_private(kit.account, true);
    kit_message("BTCUSDT", SIDE_BUY, "2", 1000, 10);
    kit_message("ETHUSDT", SIDE_SELL, "7", 1000, 10);
    /* The list was made before: it has the old size, and lacks the other. */
    kit_load_positions(ITEM("BTCUSDT", "Buy", "1", "1000", "10"));
    ck_assert_str_eq(kit_qty("BTCUSDT"), "2");
    ck_assert_str_eq(kit_qty("ETHUSDT"), "7");
    /* One that is later than the message wins. */
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_load_positions(ITEM("BTCUSDT", "Buy", "3", "1001", "10"));
    ck_assert_str_eq(kit_qty("BTCUSDT"), "3");
}
END_TEST

START_TEST(a_flat_message_is_not_undone_by_a_load_that_began_before)
{
    come_up(ITEM("BTCUSDT", "Buy", "1", "1000", "10"));
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_message("BTCUSDT", SIDE_NONE, "0", 2000, 11);
    kit_load_positions(ITEM("BTCUSDT", "Buy", "1", "1000", "10"));
    ck_assert_str_eq(kit_qty("BTCUSDT"), "0");
    ck_assert_uint_eq(kit.told_count, 2);
}
END_TEST

START_TEST(a_load_long_after_the_message_is_believed)
{
    come_up("");
    kit_message("BTCUSDT", SIDE_BUY, "2", 2000, 10);
    kit_message("ETHUSDT", SIDE_BUY, "7", 2000, 10);
    pass_ms(SETTLED_MS);
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_load_positions(ITEM("BTCUSDT", "Buy", "1", "1000", "5"));
    ck_assert_str_eq(kit_qty("BTCUSDT"), "1");
    ck_assert_str_eq(kit_qty("ETHUSDT"), "0");
}
END_TEST

START_TEST(a_time_far_ahead_does_not_stop_the_account)
{
    kit_message("BTCUSDT", SIDE_BUY, "2", INT64_MAX, INT64_MAX);
    kit_message("BTCUSDT", SIDE_BUY, "3", 1000, 1);
    ck_assert_str_eq(kit_qty("BTCUSDT"), "2"); /* its seq is still above */
    pass_ms(SETTLED_MS);
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_load_positions(ITEM("BTCUSDT", "Buy", "3", "1000", "5"));
    ck_assert_str_eq(kit_qty("BTCUSDT"), "3");
    kit_message("BTCUSDT", SIDE_BUY, "4", 1001, 6);
    ck_assert_str_eq(kit_qty("BTCUSDT"), "4");
    /* Nor does one that the list itself has. */
    pass_ms(SETTLED_MS);
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_load_positions(ITEM("BTCUSDT", "Buy", "5", "9999999999999", "0"));
    kit_message("BTCUSDT", SIDE_BUY, "6", 1002, 7);
    ck_assert_str_eq(kit_qty("BTCUSDT"), "6");
}
END_TEST

START_TEST(what_was_never_open_and_comes_flat_is_no_news)
{
    kit_message("BTCUSDT", SIDE_NONE, "0", 1000, 1);
    kit_message("BTCUSDT", SIDE_NONE, "0", 1001, 2);
    ck_assert_uint_eq(kit.told_count, 0);
    ck_assert_str_eq(kit_qty("BTCUSDT"), "0");
}
END_TEST

/* It was open in between, and the guard has the fills. */
START_TEST(what_comes_flat_again_is_reported_with_its_marks)
{
    kit_message("BTCUSDT", SIDE_NONE, "0", 1000, 1);
    kit_message("BTCUSDT", SIDE_NONE, "0", 1001, 2);
    kit_message("BTCUSDT", SIDE_NONE, "0", 1000, 1); /* older */
    ck_assert_uint_eq(kit.reported_count, 2);
    ck_assert_int_eq(kit.reported[1].seq, 2);
    ck_assert_int_eq(kit.reported[1].updated_ms, 1001);
}
END_TEST

START_TEST(each_tick_reports_what_is_open)
{
    kit_message("BTCUSDT", SIDE_BUY, "2", 1000, 1);
    kit_message("ETHUSDT", SIDE_NONE, "0", 1000, 1);
    kit_message("SOLUSDT", SIDE_SELL, "3", 1000, 1);
    kit.told_count = kit.reported_count = 0;
    account_tick(kit.account);
    ck_assert_uint_eq(kit.told_count, 0);
    ck_assert_uint_eq(kit.reported_count, 2);
    ck_assert_str_eq(kit.reported[0].symbol, "BTCUSDT");
    ck_assert_str_eq(kit.reported[1].symbol, "SOLUSDT");
}
END_TEST

START_TEST(a_load_that_lacked_something_is_not_whole)
{
    struct account_state state;
    int64_t whole_ms;

    account_get_state(kit.account, ACCOUNT_POSITIONS, &state);
    ck_assert_int_eq(state.whole_ms, 0);
    come_up("");
    account_get_state(kit.account, ACCOUNT_POSITIONS, &state);
    whole_ms = state.whole_ms;
    ck_assert_int_gt(whole_ms, 0);
    pass_ms(2);
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_refuse(KIT_USDT, 10001);
    kit_page(KIT_USDC, "", "");
    kit_page(KIT_INVERSE, "", "");
    kit_page(KIT_OPTION, "", "");
    account_get_state(kit.account, ACCOUNT_POSITIONS, &state);
    ck_assert_int_eq(state.whole_ms, whole_ms);
}
END_TEST

START_TEST(the_two_sides_of_hedge_mode_are_two_positions)
{
    struct position places[ACCOUNT_PLACES_MAX];
    struct position long_one = kit_position("BTCUSDT", SIDE_BUY, "1", 1, 1);
    struct position short_one = kit_position("BTCUSDT", SIDE_SELL, "2", 1, 1);

    long_one.position_idx = 1;
    short_one.position_idx = 2;
    account_on_position(kit.account, &short_one);
    account_on_position(kit.account, &long_one);
    ck_assert_uint_eq(account_position(kit.account, CATEGORY_LINEAR, "BTCUSDT", places), 2);
    ck_assert_int_eq(places[0].side, SIDE_BUY);
    ck_assert_int_eq(places[1].side, SIDE_SELL);
    ck_assert_uint_eq(account_position(kit.account, CATEGORY_INVERSE, "BTCUSDT", places), 0);
}
END_TEST

START_TEST(a_wallet_message_during_a_load_keeps_its_coins_and_totals)
{
    struct balance *balance = malloc(sizeof(*balance));

    account_on_private(kit.account, true);
    kit_wallet_message(KIT_ACCOUNT("99", KIT_COIN("USDT", "7")));
    ck_assert_uint_eq(kit.balances_told, 0); /* the other coins are not known yet */
    ck_assert(!account_balance(kit.account, balance));
    kit_load_balance(KIT_ACCOUNT("50", KIT_COIN("USDT", "10") "," KIT_COIN("BTC", "1")));
    ck_assert(account_balance(kit.account, balance));
    ck_assert_uint_eq(balance->coins_count, 2);
    ck_assert_str_eq(kit.wallet_told, "7");
    ck_assert_int_eq((int)balance->equity.mantissa, 99);
    /* Of what was not touched, a list that lacks it says that it is gone. */
    ck_assert(!account_load(kit.account, ACCOUNT_BALANCE, kit_on_load, NULL));
    kit_load_balance(KIT_ACCOUNT("50", ""));
    ck_assert(account_balance(kit.account, balance));
    ck_assert_uint_eq(balance->coins_count, 1);
    ck_assert_str_eq(balance->coins[0].coin, "USDT");
    free(balance);
}
END_TEST

START_TEST(a_later_balance_replaces_what_messages_brought)
{
    struct balance *balance = malloc(sizeof(*balance));

    come_up("");
    kit_wallet_message(KIT_ACCOUNT("99", KIT_COIN("USDT", "7") "," KIT_COIN("BTC", "1")));
    ck_assert_str_eq(kit.wallet_told, "7");
    kit_wallet_message("{\"coin\":[{\"coin\":\"USDT\"}]}"); /* unreadable */
    ck_assert_uint_eq(kit.balances_told, 2);
    pass_ms(SETTLED_MS);
    ck_assert(!account_load(kit.account, ACCOUNT_BALANCE, kit_on_load, NULL));
    kit_load_balance(KIT_ACCOUNT("50", KIT_COIN("USDT", "8")));
    ck_assert(account_balance(kit.account, balance));
    ck_assert_uint_eq(balance->coins_count, 1);
    ck_assert_str_eq(kit.wallet_told, "8");
    free(balance);
}
END_TEST

START_TEST(what_changed_in_a_short_gap_is_believed_at_once)
{
    struct balance *balance = malloc(sizeof(*balance));

    come_up("");
    kit_message("BTCUSDT", SIDE_BUY, "2", 1000, 10);
    kit_message("ETHUSDT", SIDE_BUY, "7", 1000, 10);
    kit_message("SOLUSDT", SIDE_BUY, "9", 2000, 10);
    kit_wallet_message(KIT_ACCOUNT("99", KIT_COIN("USDT", "7") "," KIT_COIN("BTC", "1")));
    pass_ms(1);
    account_on_private(kit.account, false);
    pass_ms(1);
    account_on_private(kit.account, true);
    /* One was closed, one changed; of one the REST side has not heard yet. */
    kit_load_positions(
        ITEM("BTCUSDT", "Buy", "1", "1500", "11") "," ITEM("SOLUSDT", "Buy", "8", "1999", "9"));
    kit_load_balance(KIT_ACCOUNT("50", KIT_COIN("USDT", "8")));
    ck_assert_str_eq(kit_qty("BTCUSDT"), "1");
    ck_assert_str_eq(kit_qty("ETHUSDT"), "0");
    ck_assert_str_eq(kit_qty("SOLUSDT"), "9");
    ck_assert(account_balance(kit.account, balance));
    ck_assert_uint_eq(balance->coins_count, 1);
    ck_assert_str_eq(kit.wallet_told, "8");
    ck_assert(kit_is_live(ACCOUNT_POSITIONS) && kit_is_live(ACCOUNT_BALANCE));
    free(balance);
}
END_TEST

/* --- the private link --- */

START_TEST(a_link_that_goes_and_comes_during_a_load_makes_another)
{
    account_on_private(kit.account, true);
    kit_page(KIT_USDT, "", "");
    account_on_private(kit.account, false);
    ck_assert(!kit_is_live(ACCOUNT_POSITIONS));
    account_on_private(kit.account, true);
    kit_page(KIT_USDC, "", "");
    kit_page(KIT_INVERSE, "", "");
    kit_page(KIT_OPTION, "", "");
    /* What happened while the link was down may lack in it. */
    ck_assert(!kit_is_live(ACCOUNT_POSITIONS));
    kit_load_positions("");
    ck_assert(kit_is_live(ACCOUNT_POSITIONS));
    account_on_private(kit.account, false);
    ck_assert(!kit_is_live(ACCOUNT_POSITIONS));
}
END_TEST

START_TEST(while_the_link_is_down_nothing_is_loaded_unasked)
{
    account_on_private(kit.account, true);
    account_on_private(kit.account, false);
    kit_load_positions("");
    kit_load_balance(KIT_ACCOUNT("50", ""));
    account_tick(kit.account);
    ck_assert_uint_eq(kit.asks_count, 0);
    ck_assert(!account_load(kit.account, ACCOUNT_POSITIONS, kit_on_load, NULL));
    kit_load_positions(ITEM("BTCUSDT", "Buy", "1", "1000", "10"));
    ck_assert_uint_eq(kit.loaded, 1);
    ck_assert_str_eq(kit_qty("BTCUSDT"), "1");
    ck_assert(!kit_is_live(ACCOUNT_POSITIONS));
}
END_TEST

START_TEST(who_asks_during_a_load_is_served_by_the_next)
{
    account_on_private(kit.account, true);
    ck_assert(!account_load(kit.account, ACCOUNT_BALANCE, kit_on_load, NULL));
    ck_assert(!account_load(kit.account, ACCOUNT_BALANCE, kit_on_load, NULL));
    kit_load_balance(KIT_ACCOUNT("50", ""));
    ck_assert_uint_eq(kit.loaded, 0);
    kit_load_balance(KIT_ACCOUNT("51", ""));
    ck_assert_uint_eq(kit.loaded, 2);
    ck_assert_uint_eq(kit.asks_count, 1); /* the positions' */
}
END_TEST

START_TEST(no_more_wait_than_there_is_room_for)
{
    for (int i = 0; i < 256; i++)
        ck_assert(!account_load(kit.account, ACCOUNT_BALANCE, kit_on_load, NULL));
    ck_assert_int_eq(account_load(kit.account, ACCOUNT_BALANCE, kit_on_load, NULL), ERR_BUSY);
    kit_no_answer(KIT_WALLET);
    ck_assert_uint_eq(kit.failed, 256);
    ck_assert_str_eq(kit.error.text, "the connection broke");
    kit.err = ERR_BUSY;
    ck_assert(!account_load(kit.account, ACCOUNT_BALANCE, kit_on_load, NULL));
    ck_assert_uint_eq(kit.failed, 257);
    ck_assert_int_eq(kit.error.code, ERR_BUSY);
}
END_TEST

/* --- tickers --- */

static void put_ticker(const char *symbol, const char *mark)
{
    char text[200];
    struct json data;
    struct ticker merged;

    (void)snprintf(text, sizeof(text), "{\"symbol\":\"%s\",\"markPrice\":\"%s\"}", symbol, mark);
    ck_assert(!json_open_trusted(&data, text, strlen(text), NULL));
    ck_assert(!market_merge_ticker(kit.market, CATEGORY_LINEAR, symbol, &data, true, 5,
                                   clock_wall_ms(), &merged));
}

START_TEST(an_open_positions_ticker_is_wanted_until_it_is_flat)
{
    struct position places[ACCOUNT_PLACES_MAX];
    struct decimal expected = { 1050, 1 };

    kit_message("BTCUSDT", SIDE_BUY, "2", 1000, 10);
    account_tick(kit.account);
    ck_assert_int_eq(kit.wants, 0); /* no stream yet */
    account_use_stream(kit.account, (struct stream *)&kit);
    kit.want_err = ERR_BUSY;
    account_tick(kit.account);
    kit.want_err = ERR_NONE;
    account_tick(kit.account);
    account_tick(kit.account);
    ck_assert_int_eq(kit.wants, 1);
    ck_assert_str_eq(kit.wanted, "BTCUSDT");
    put_ticker("BTCUSDT", "105.0");
    ck_assert_uint_eq(account_position(kit.account, CATEGORY_LINEAR, "BTCUSDT", places), 1);
    ck_assert_int_eq(decimal_cmp(&places[0].mark_price, &expected), 0);
    ck_assert_int_eq((int)places[0].unrealised_pnl.mantissa, 10);
    market_stale_ticker(kit.market, CATEGORY_LINEAR, "BTCUSDT");
    ck_assert_uint_eq(account_positions(kit.account, places, 1), 1);
    ck_assert(decimal_is_none(&places[0].mark_price));
    kit_message("BTCUSDT", SIDE_NONE, "0", 1001, 11);
    account_tick(kit.account);
    account_tick(kit.account);
    ck_assert_int_eq(kit.drops, 1);
    ck_assert_str_eq(kit.dropped, "BTCUSDT");
    account_use_stream(kit.account, NULL);
    kit_message("BTCUSDT", SIDE_BUY, "2", 1002, 12);
    account_tick(kit.account);
    ck_assert_int_eq(kit.wants, 1);
}
END_TEST

/* --- threads --- */

static atomic_bool threads_end;

static void *read_run(void *userdata)
{
    struct position *positions = malloc(ACCOUNT_POSITIONS_MAX * sizeof(*positions));
    struct balance *balance = malloc(sizeof(*balance));
    struct account_state state;

    (void)userdata;
    while (!atomic_load(&threads_end)) {
        size_t count = account_positions(kit.account, positions, ACCOUNT_POSITIONS_MAX);

        for (size_t i = 0; i < count; i++)
            ck_assert_int_ne(positions[i].side, SIDE_NONE);
        (void)account_balance(kit.account, balance);
        account_get_state(kit.account, ACCOUNT_BALANCE, &state);
    }
    free(positions);
    free(balance);
    return NULL;
}

static void *stream_run(void *userdata)
{
    int64_t number = 0;

    (void)userdata;
    while (!atomic_load(&threads_end)) {
        number++;
        kit_message("BTCUSDT", number % 3 ? SIDE_BUY : SIDE_NONE, number % 3 ? "1" : "0", number,
                    number);
        kit_wallet_message(KIT_ACCOUNT("99", KIT_COIN("USDT", "7")));
        account_on_private(kit.account, number % 50 != 0);
    }
    return NULL;
}

START_TEST(readers_messages_and_loads_do_not_meet)
{
    pthread_t threads[3];
    struct kit_ask ask;

    atomic_store(&threads_end, false);
    ck_assert_int_eq(pthread_create(&threads[0], NULL, read_run, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, read_run, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[2], NULL, stream_run, NULL), 0);
    for (int i = 0; i < 2000;) {
        static const char positions[] =
            "{\"retCode\":0,\"result\":{\"list\":[" ITEM("BTCUSDT", "Buy", "1", "0", "0") "]}}";
        static const char wallet[] = "{\"retCode\":0,\"result\":{\"list\":["
                                     "{\"coin\":[" KIT_COIN("USDT", "8") "]}]}}";
        struct rest_answer answer = { .answered = true, .http_status = 200 };

        account_tick(kit.account);
        if (!kit_take("", &ask))
            continue;
        answer.body = ask.route == ROUTE_WALLET ? wallet : positions;
        answer.body_bytes = strlen(answer.body);
        ask.on_done(&answer, clock_wall_ms(), ask.userdata);
        i++;
    }
    atomic_store(&threads_end, true);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
}
END_TEST

static void add_loads(TCase *tcase)
{
    tcase_add_test(tcase, the_private_streams_coming_up_loads_all);
    tcase_add_test(tcase, all_pages_are_read_and_cursors_go_back_as_they_came);
    tcase_add_test(tcase, a_cursor_that_repeats_ends_the_load_as_a_failure);
    tcase_add_test(tcase, pages_without_an_end_are_a_failure);
    tcase_add_loop_test(tcase, what_is_no_list_is_a_failure_that_changes_nothing, 0,
                        ARRAY_LEN(hostile_pages));
    tcase_add_test(tcase, an_unreadable_position_is_left_as_it_was);
    tcase_add_test(tcase, a_position_that_is_gone_is_told_of_once_as_flat);
    tcase_add_test(tcase, a_load_is_told_of_after_what_it_changed);
    tcase_add_test(tcase, an_audit_that_finds_the_same_tells_nothing);
    tcase_add_test(tcase, a_category_that_is_refused_stays_empty_and_the_others_are_loaded);
    tcase_add_test(tcase, a_scope_refused_from_the_start_does_not_keep_the_other_from_being_whole);
    tcase_add_test(tcase, of_a_category_that_is_never_shown_the_messages_stand);
    tcase_add_test(tcase, a_refusal_of_what_was_there_calls_nothing_flat);
    tcase_add_test(tcase, a_failed_load_is_tried_again_later);
    tcase_add_test(tcase, more_positions_than_there_is_room_for_are_said_to_lack);
}

int main(void)
{
    Suite *suite = suite_create("account");
    TCase *settled = tcase_create("settled");
    TCase *lagging = tcase_create("lagging");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_checked_fixture(settled, start_settled, kit_stop);
    add_loads(settled);
    tcase_add_test(settled, of_two_messages_the_later_one_stays);
    tcase_add_loop_test(settled, stops_that_somebody_else_removes_are_gone_and_told, 0,
                        (int)ARRAY_LEN(no_stops));
    tcase_add_test(settled, a_load_long_after_the_message_is_believed);
    tcase_add_test(settled, a_time_far_ahead_does_not_stop_the_account);
    tcase_add_test(settled, what_was_never_open_and_comes_flat_is_no_news);
    tcase_add_test(settled, what_comes_flat_again_is_reported_with_its_marks);
    tcase_add_test(settled, each_tick_reports_what_is_open);
    tcase_add_test(settled, a_load_that_lacked_something_is_not_whole);
    tcase_add_test(settled, the_two_sides_of_hedge_mode_are_two_positions);
    tcase_add_test(settled, a_later_balance_replaces_what_messages_brought);
    tcase_add_test(settled, a_link_that_goes_and_comes_during_a_load_makes_another);
    tcase_add_test(settled, while_the_link_is_down_nothing_is_loaded_unasked);
    tcase_add_test(settled, who_asks_during_a_load_is_served_by_the_next);
    tcase_add_test(settled, no_more_wait_than_there_is_room_for);
    tcase_add_test(settled, an_open_positions_ticker_is_wanted_until_it_is_flat);
    tcase_add_test(settled, readers_messages_and_loads_do_not_meet);
    suite_add_tcase(suite, settled);
    tcase_add_checked_fixture(lagging, start_lagging, kit_stop);
    tcase_add_test(lagging, a_message_that_comes_during_a_load_is_not_overwritten);
    tcase_add_test(lagging, a_flat_message_is_not_undone_by_a_load_that_began_before);
    tcase_add_test(lagging, what_changed_in_a_short_gap_is_believed_at_once);
    tcase_add_test(lagging, a_wallet_message_during_a_load_keeps_its_coins_and_totals);
    suite_add_tcase(suite, lagging);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
