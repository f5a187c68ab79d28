#include <string.h>

#include <check.h>

#include "bybit/message.h"
#include "bybit/tickers.h"
#include "tests/fixture.h"

static void assert_decimal(const struct decimal *value, const char *shown)
{
    char text[DECIMAL_TEXT_MAX];

    ck_assert_str_eq(decimal_format(value, text), shown);
}

static void merge_fixture(struct ticker *ticker, const char *name)
{
    size_t bytes;
    char *text = fixture(name, &bytes);
    struct frame frame;
    struct error error = { .text = "" };

    ck_assert_int_eq(message_frame(&frame, text, bytes, NULL), ERR_NONE);
    ck_assert_msg(ticker_merge(ticker, &frame.data, frame.is_snapshot, frame.ts_ms, &error) ==
                      ERR_NONE,
                  "%s", error.text);
    free(text);
}

static enum err merge_text(struct ticker *ticker, const char *text, bool is_snapshot,
                           struct error *error)
{
    struct json data;

    ck_assert_int_eq(json_open_trusted(&data, text, strlen(text), NULL), ERR_NONE);
    return ticker_merge(ticker, &data, is_snapshot, 5, error);
}

START_TEST(a_delta_leaves_absent_members_as_they_are)
{
    struct ticker ticker = { .category = CATEGORY_LINEAR };

    merge_fixture(&ticker, "ws_ticker_linear");
    ck_assert_str_eq(ticker.symbol, "BTCUSDT");
    assert_decimal(&ticker.last, "66666.60");
    assert_decimal(&ticker.mark, "66666.60");
    assert_decimal(&ticker.index, "115418.19");
    assert_decimal(&ticker.change_24h, "-0.158315");
    assert_decimal(&ticker.open_24h, "79206.20");
    assert_decimal(&ticker.high_24h, "79266.30");
    assert_decimal(&ticker.low_24h, "65076.90");
    assert_decimal(&ticker.volume_24h, "73191.3870");
    assert_decimal(&ticker.turnover_24h, "4936790807.6521");
    assert_decimal(&ticker.funding_rate, "-0.005");
    assert_decimal(&ticker.open_interest, "492373.72");
    assert_decimal(&ticker.ask, "66666.70");
    ck_assert_int_eq(ticker.next_funding_ms, 1760342400000);
    merge_fixture(&ticker, "ws_ticker_delta");
    assert_decimal(&ticker.bid, "66666.50");
    assert_decimal(&ticker.bid_qty, "12.001");
    assert_decimal(&ticker.ask, "66666.70");
    assert_decimal(&ticker.ask_qty, "3.5");
    assert_decimal(&ticker.last, "66666.60");
    ck_assert_int_eq(ticker.next_funding_ms, 1760342400000);
    ck_assert_int_eq(ticker.ts_ms, 1760325052730);
}
END_TEST

START_TEST(a_snapshot_empties_first)
{
    struct ticker ticker = { .category = CATEGORY_LINEAR };

    merge_fixture(&ticker, "ws_ticker_linear");
    ck_assert(!merge_text(&ticker, "{\"symbol\":\"BTCUSDT\",\"lastPrice\":\"1\"}", true, NULL));
    assert_decimal(&ticker.last, "1");
    assert_decimal(&ticker.bid, "");
    assert_decimal(&ticker.funding_rate, "");
    ck_assert_int_eq(ticker.next_funding_ms, 0);
}
END_TEST

START_TEST(a_future_has_no_funding)
{
    struct ticker ticker = { .category = CATEGORY_LINEAR };

    merge_fixture(&ticker, "ws_ticker_future");
    assert_decimal(&ticker.funding_rate, "");
    ck_assert_int_eq(ticker.next_funding_ms, 0);
}
END_TEST

START_TEST(an_option_has_its_own_spellings)
{
    struct ticker ticker = { .category = CATEGORY_OPTION };

    merge_fixture(&ticker, "ws_ticker_option");
    assert_decimal(&ticker.bid, ""); /* 0: nobody bids */
    assert_decimal(&ticker.bid_qty, "");
    assert_decimal(&ticker.ask, "10");
    assert_decimal(&ticker.ask_qty, "5.1");
    assert_decimal(&ticker.change_24h, "-0.33333334");
    ck_assert_str_eq(ticker.symbol, "BTC-6JAN23-17500-C");
}
END_TEST

START_TEST(a_spot_ticker_keeps_bid_and_ask_of_the_book)
{
    struct ticker ticker = { .category = CATEGORY_SPOT };

    merge_fixture(&ticker, "ws_ticker_spot");
    assert_decimal(&ticker.bid, "");
    assert_decimal(&ticker.last, "21109.77");
    ticker.bid = decimal_from_int(7);
    merge_fixture(&ticker, "ws_ticker_spot");
    assert_decimal(&ticker.bid, "7");
}
END_TEST

START_TEST(tickers_of_rest_lists_are_read)
{
    static const struct {
        const char *name;
        enum category category;
        const char *symbol, *bid;
    } cases[] = { { "rest_tickers_spot", CATEGORY_SPOT, "BTCUSDT", "20517.96" },
                  { "rest_tickers_inverse", CATEGORY_INVERSE, "BTCUSD", "103401.00" },
                  { "rest_tickers_option", CATEGORY_OPTION, "BTC-30DEC22-18000-C", "" } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t bytes;
        char *text = fixture(cases[i].name, &bytes);
        struct ticker ticker = { .category = cases[i].category };
        struct envelope envelope;
        struct json list;

        ck_assert_int_eq(message_envelope(&envelope, text, bytes, NULL), ERR_NONE);
        ck_assert(json_member(&envelope.result, "list", &list));
        ck_assert_int_eq(ticker_merge(&ticker, &list, true, envelope.time_ms, NULL), ERR_NONE);
        ck_assert_str_eq(ticker.symbol, cases[i].symbol);
        assert_decimal(&ticker.bid, cases[i].bid);
        free(text);
    }
}
END_TEST

static const struct {
    const char *text, *why;
} bad[] = {
    { "[]", "empty" },
    { "[1]", "object" },
    { "\"x\"", "object" },
    { "{}", "symbol" },
    { "{\"symbol\":[]}", "symbol" },
    { "{\"symbol\":\"A\",\"lastPrice\":\"1e5\"}", "lastPrice" },
    { "{\"symbol\":\"A\",\"lastPrice\":true}", "lastPrice" },
    { "{\"symbol\":\"A\",\"bid1Size\":\"-\"}", "bid1Size" },
    { "{\"symbol\":\"A\",\"nextFundingTime\":\"2025-12-26T08:00:00Z\"}", "nextFundingTime" },
};

START_TEST(an_unreadable_ticker_changes_nothing)
{
    struct ticker ticker = { .category = CATEGORY_LINEAR };
    struct ticker before;
    struct error error = { .text = "" };

    memset(&ticker, 0, sizeof(ticker));
    before = ticker;
    ck_assert_int_eq(merge_text(&ticker, bad[_i].text, true, &error), ERR_INVALID);
    ck_assert_msg(strstr(error.text, bad[_i].why), "%s: %s", bad[_i].text, error.text);
    ck_assert_mem_eq(&ticker, &before, sizeof(ticker));
}
END_TEST

START_TEST(another_symbol_is_not_merged)
{
    struct ticker ticker = { .category = CATEGORY_LINEAR };

    merge_fixture(&ticker, "ws_ticker_linear");
    ck_assert_int_eq(
        merge_text(&ticker, "{\"symbol\":\"ETHUSDT\",\"lastPrice\":\"1\"}", false, NULL),
        ERR_INVALID);
    assert_decimal(&ticker.last, "66666.60");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tickers");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_test(tcase, a_delta_leaves_absent_members_as_they_are);
    tcase_add_test(tcase, a_snapshot_empties_first);
    tcase_add_test(tcase, a_future_has_no_funding);
    tcase_add_test(tcase, an_option_has_its_own_spellings);
    tcase_add_test(tcase, a_spot_ticker_keeps_bid_and_ask_of_the_book);
    tcase_add_test(tcase, tickers_of_rest_lists_are_read);
    tcase_add_loop_test(tcase, an_unreadable_ticker_changes_nothing, 0, ARRAY_LEN(bad));
    tcase_add_test(tcase, another_symbol_is_not_merged);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
