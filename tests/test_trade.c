#include <string.h>

#include <check.h>

#include "base/trade.h"

START_TEST(categories_go_both_ways)
{
    static const char *const words[] = { "spot", "linear", "inverse", "option" };

    for (int i = 0; i < CATEGORY_COUNT; i++) {
        enum category category = CATEGORY_SPOT;

        ck_assert_str_eq(category_word((enum category)i), words[i]);
        ck_assert(category_parse(words[i], &category));
        ck_assert_int_eq(category, i);
    }
}
END_TEST

START_TEST(sides_types_and_times_in_force_go_both_ways)
{
    enum side side;
    enum order_type type;
    enum tif tif;

    for (int i = SIDE_BUY; i <= SIDE_SELL; i++) {
        ck_assert(side_parse(side_word((enum side)i), &side) && (int)side == i);
        ck_assert(side_parse(side_theirs((enum side)i), &side) && (int)side == i);
    }
    for (int i = ORDER_TYPE_LIMIT; i <= ORDER_TYPE_MARKET; i++) {
        ck_assert(order_type_parse(order_type_word((enum order_type)i), &type) && (int)type == i);
        ck_assert(order_type_parse(order_type_theirs((enum order_type)i), &type) && (int)type == i);
    }
    for (int i = TIF_GTC; i <= TIF_RPI; i++) {
        ck_assert(tif_parse(tif_word((enum tif)i), &tif) && (int)tif == i);
        ck_assert(tif_parse(tif_theirs((enum tif)i), &tif) && (int)tif == i);
    }
    ck_assert_str_eq(side_theirs(SIDE_BUY), "Buy");
    ck_assert_str_eq(order_type_theirs(ORDER_TYPE_MARKET), "Market");
    ck_assert_str_eq(tif_theirs(TIF_POST_ONLY), "PostOnly");
    ck_assert_str_eq(tif_word(TIF_POST_ONLY), "post_only");
    ck_assert_str_eq(side_word(SIDE_NONE), "");
    ck_assert_str_eq(side_theirs(SIDE_NONE), "");
    ck_assert_str_eq(order_type_word(ORDER_TYPE_UNKNOWN), "");
    ck_assert_str_eq(tif_theirs(TIF_NONE), "");
    ck_assert(side_parse("BUY", &side) && side == SIDE_BUY);
    ck_assert(tif_parse("POSTONLY", &tif) && tif == TIF_POST_ONLY);
}
END_TEST

START_TEST(other_words_are_refused_and_change_nothing)
{
    static const char *const bad[] = { "", " ", "buyy", "bu", "spot ", "limit\n", "None", "x" };
    enum category category = CATEGORY_OPTION;
    enum side side = SIDE_SELL;
    enum order_type type = ORDER_TYPE_MARKET;
    enum tif tif = TIF_FOK;
    enum order_state state = ORDER_GONE;
    enum fill_kind kind = FILL_ADL;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert(!category_parse(bad[i], &category) && !side_parse(bad[i], &side) &&
                  !order_type_parse(bad[i], &type) && !tif_parse(bad[i], &tif) &&
                  !order_state_parse(bad[i], &state) && !fill_kind_parse(bad[i], &kind));
    ck_assert(category == CATEGORY_OPTION && side == SIDE_SELL && type == ORDER_TYPE_MARKET &&
              tif == TIF_FOK && state == ORDER_GONE && kind == FILL_ADL);
}
END_TEST

START_TEST(statuses_go_both_ways)
{
    for (int i = STATUS_NONE; i < STATUS_OTHER; i++)
        ck_assert_int_eq((int)status_parse(status_theirs((enum exchange_status)i)), i);
    ck_assert_int_eq(status_parse("new"), STATUS_OTHER); /* exact spelling */
    ck_assert_int_eq(status_parse("Active"), STATUS_OTHER);
    ck_assert_int_eq(status_parse("PartiallyFilledCanceled"), STATUS_PARTIALLY_FILLED_CANCELED);
    for (int i = STATUS_NONE; i <= STATUS_OTHER; i++)
        ck_assert_int_eq(status_is_closed((enum exchange_status)i),
                         i >= STATUS_FILLED && i <= STATUS_DEACTIVATED);
}
END_TEST

START_TEST(states_go_both_ways)
{
    enum order_state state;

    for (int i = ORDER_INTENT; i <= ORDER_GONE; i++) {
        ck_assert(order_state_parse(order_state_name((enum order_state)i), &state));
        ck_assert_int_eq((int)state, i);
        ck_assert_int_eq(order_state_is_final((enum order_state)i), i >= ORDER_CLOSED);
    }
}
END_TEST

START_TEST(a_state_has_a_word_for_people)
{
    static const struct {
        enum order_state state;
        enum exchange_status status;
        int filled;
        const char *word;
    } cases[] = { { ORDER_INTENT, STATUS_NONE, 0, "pending" },
                  { ORDER_SENT, STATUS_NONE, 0, "pending" },
                  { ORDER_ACKED, STATUS_NONE, 0, "accepted" },
                  { ORDER_UNKNOWN, STATUS_NONE, 0, "unknown" },
                  { ORDER_LIVE, STATUS_NEW, 0, "open" },
                  { ORDER_LIVE, STATUS_PARTIALLY_FILLED, 1, "partial" },
                  { ORDER_LIVE, STATUS_UNTRIGGERED, 0, "untriggered" },
                  { ORDER_CLOSED, STATUS_FILLED, 1, "filled" },
                  { ORDER_CLOSED, STATUS_CANCELLED, 1, "cancelled" },
                  { ORDER_CLOSED, STATUS_DEACTIVATED, 0, "cancelled" },
                  { ORDER_REJECTED, STATUS_REJECTED, 0, "rejected" },
                  { ORDER_NOT_SENT, STATUS_NONE, 0, "not_sent" },
                  { ORDER_NEVER_ACCEPTED, STATUS_NONE, 0, "never_accepted" },
                  { ORDER_GONE, STATUS_NONE, 0, "cancelled" } };
    struct order order;

    memset(&order, 0, sizeof(order));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        order.state = cases[i].state;
        order.status = cases[i].status;
        order.filled_qty = decimal_from_int(cases[i].filled);
        ck_assert_str_eq(order_state_word(&order), cases[i].word);
    }
}
END_TEST

/* A size in quote coin is spent when what is left of it buys nothing: who asked for it to be bought
 * has it, and must not buy again. */
START_TEST(a_size_in_quote_coin_that_is_spent_is_filled)
{
    struct order order = { .state = ORDER_CLOSED, .status = STATUS_PARTIALLY_FILLED_CANCELED };

    order.request.category = CATEGORY_SPOT;
    order.request.qty_in_quote = true;
    order.filled_qty = decimal_from_int(3);
    ck_assert_str_eq(order_state_word(&order), "cancelled");
    memcpy(order.reject_reason, "EC_CancelByOrderValueZero", 26);
    ck_assert_str_eq(order_state_word(&order), "filled");
    order.status = STATUS_CANCELLED;
    ck_assert_str_eq(order_state_word(&order), "filled");
    order.filled_qty = DECIMAL_ZERO;
    ck_assert_str_eq(order_state_word(&order), "cancelled");
    order.filled_qty = decimal_from_int(3);
    order.request.qty_in_quote = false;
    ck_assert_str_eq(order_state_word(&order), "cancelled");
}
END_TEST

START_TEST(fill_kinds_go_both_ways)
{
    enum fill_kind kind;

    for (int i = FILL_TRADE; i <= FILL_OTHER; i++)
        ck_assert(fill_kind_parse(fill_kind_word((enum fill_kind)i), &kind) && (int)kind == i);
    ck_assert_int_eq(fill_kind_parse_theirs("Trade"), FILL_TRADE);
    ck_assert_int_eq(fill_kind_parse_theirs("BlockTrade"), FILL_TRADE);
    ck_assert_int_eq(fill_kind_parse_theirs("Funding"), FILL_FUNDING);
    ck_assert_int_eq(fill_kind_parse_theirs("BustTrade"), FILL_LIQUIDATION);
    ck_assert_int_eq(fill_kind_parse_theirs("AdlTrade"), FILL_ADL);
    ck_assert_int_eq(fill_kind_parse_theirs("Delivery"), FILL_SETTLE);
    ck_assert_int_eq(fill_kind_parse_theirs("CorporateAction"), FILL_OTHER);
    ck_assert_int_eq(fill_kind_parse_theirs(""), FILL_OTHER);
}
END_TEST

static const struct {
    const char *link;
    bool valid;
} links[] = { { "a", true },
              { "0aZ-_", true },
              { "012345678901234567890123456789012345", true },
              { "0123456789012345678901234567890123456", false },
              { "", false },
              { "a b", false },
              { "a.b", false },
              { "a/b", false },
              { "\xc3\xa9", false },
              { "a\n", false } };

START_TEST(links_are_checked)
{
    ck_assert_int_eq(link_is_valid(links[_i].link), links[_i].valid);
}
END_TEST

static const struct {
    const char *symbol;
    bool valid;
} symbols[] = { { "BTCUSDT", true },
                { "1000PEPEUSDT", true },
                { "BTC-27MAR26-70000-P-USDT", true },
                { "BTC-1.5", true },
                { "", false },
                { "btcusdt", false },
                { "BTC USDT", false },
                { "BTC/USDT", false },
                { "BTC\"", false },
                { "012345678901234567890123456789012345678", true },
                { "0123456789012345678901234567890123456789", false } };

START_TEST(symbols_are_checked)
{
    ck_assert_int_eq(symbol_is_valid(symbols[_i].symbol), symbols[_i].valid);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trade");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_test(tcase, categories_go_both_ways);
    tcase_add_test(tcase, sides_types_and_times_in_force_go_both_ways);
    tcase_add_test(tcase, other_words_are_refused_and_change_nothing);
    tcase_add_test(tcase, statuses_go_both_ways);
    tcase_add_test(tcase, states_go_both_ways);
    tcase_add_test(tcase, a_state_has_a_word_for_people);
    tcase_add_test(tcase, a_size_in_quote_coin_that_is_spent_is_filled);
    tcase_add_test(tcase, fill_kinds_go_both_ways);
    tcase_add_loop_test(tcase, links_are_checked, 0, ARRAY_LEN(links));
    tcase_add_loop_test(tcase, symbols_are_checked, 0, ARRAY_LEN(symbols));
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
