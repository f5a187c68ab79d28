/* tests/test_reads.c - instruments that are kept fresh, deadlines of who asks, and the stop. */
#include "tests/test_reads_kit.h"

START_TEST(all_pages_of_all_categories_are_loaded)
{
    const struct instruments *newest;

    start_reads(0);
    newest = wait_instruments(5);
    ck_assert_ptr_nonnull(instruments_find(newest, CATEGORY_SPOT, "BTCUSDT"));
    ck_assert_ptr_nonnull(instruments_find(newest, CATEGORY_LINEAR, "BTCUSDT"));
    ck_assert_ptr_nonnull(instruments_find(newest, CATEGORY_LINEAR, "ETHUSDT"));
    ck_assert_ptr_nonnull(instruments_find(newest, CATEGORY_LINEAR, "XRPUSDT"));
    ck_assert_ptr_nonnull(instruments_find(newest, CATEGORY_INVERSE, "BTCUSD"));
    ck_assert_ptr_null(instruments_find(newest, CATEGORY_LINEAR, "BROKEN"));
    ck_assert_int_le(llabs(instruments_as_of_ms(newest) - clock_wall_ms()), 5000);
    instruments_unref(newest);
    reads_stop(reads);
    ck_assert_int_eq(spot_asked, 1);
    ck_assert_int_eq(linear_asked, 3);
    ck_assert_int_eq(inverse_asked, 1);
}
END_TEST

START_TEST(a_failed_category_is_tried_again_and_the_others_are_there)
{
    linear_broken = _i == 0;
    wrong_cursor = _i == 1; /* the last page points to itself */
    start_reads(0);
    instruments_unref(wait_instruments(2));
    wait_until(&linear_asked, _i == 0 ? 1 : 3);
    linear_broken = false;
    wrong_cursor = false;
    instruments_unref(wait_instruments(5)); /* a second later */
    reads_stop(reads);
    ck_assert_int_eq(spot_asked, 1);
}
END_TEST

START_TEST(a_refresh_that_fails_keeps_the_old_data)
{
    const struct instruments *newest;
    int spot_before;

    start_reads(50);
    instruments_unref(wait_instruments(5));
    linear_broken = true;
    spot_before = spot_asked;
    wait_until(&spot_asked, spot_before + 3);
    newest = instruments_newest(slot);
    ck_assert_uint_eq(instruments_count(newest), 5);
    instruments_unref(newest);
    reads_stop(reads);
}
END_TEST

/* From the reads thread, as the rule is: the only one that publishes. */
static void publish_option(const struct rest_answer *answered, int64_t as_of_ms, void *userdata)
{
    struct option_coin coin = { .base = "BTC", .as_of_ms = 5, .good_until_ms = 6 };
    struct instrument option = { .category = CATEGORY_OPTION, .symbol = "BTC-1-C", .base = "BTC" };
    const struct instruments *newest = instruments_newest(slot);

    instruments_publish(slot, instruments_with_options(newest, &coin, &option, 1));
    instruments_unref(newest);
    on_done(answered, as_of_ms, userdata);
}

START_TEST(a_refresh_keeps_the_options_that_others_have_loaded)
{
    static struct result result;
    const struct instruments *newest;
    int spot_before;

    memset(&result, 0, sizeof(result));
    start_reads(100);
    instruments_unref(wait_instruments(5));
    ck_assert(!reads_get(reads, ROUTE_TICKERS, CATEGORY_LINEAR, "category=linear", 2000, 0,
                         publish_option, &result));
    wait_until(&result.done, 1);
    spot_before = spot_asked;
    wait_until(&spot_asked, spot_before + 2);
    newest = wait_instruments(6);
    ck_assert_ptr_nonnull(instruments_find(newest, CATEGORY_OPTION, "BTC-1-C"));
    ck_assert_int_eq(instruments_option_coin(newest, "BTC")->as_of_ms, 5);
    instruments_unref(newest);
    reads_stop(reads);
}
END_TEST

static void ask_again(const struct rest_answer *answered, int64_t as_of_ms, void *userdata)
{
    struct result *result = userdata;

    result->answered = answered->answered;
    if (reads_get(reads, ROUTE_TICKERS, CATEGORY_LINEAR, "category=linear", 2000, 0, ask_again,
                  result))
        on_done(answered, as_of_ms, result);
}

START_TEST(who_asks_again_from_its_callback_can_be_stopped)
{
    static struct result result;

    memset(&result, 0, sizeof(result));
    start_reads(0);
    ck_assert(!reads_get(reads, ROUTE_TICKERS, CATEGORY_LINEAR, "category=linear", 2000, 0,
                         ask_again, &result));
    wait_until(&tickers_asked, 20);
    reads_halt(reads);
    ck_assert_int_eq(result.done, 1);
    ck_assert_int_eq(
        reads_get(reads, ROUTE_TICKERS, CATEGORY_LINEAR, NULL, 10, 0, on_done, &result), ERR_BUSY);
    reads_halt(NULL);
    reads_stop(reads);
    ck_assert_int_eq(result.done, 1);
}
END_TEST

START_TEST(long_chains_are_counted)
{
    start_reads(0);
    for (int i = 0; i < READS_CHAINS_MAX; i++)
        ck_assert(reads_chain_begin(reads));
    ck_assert(!reads_chain_begin(reads));
    reads_chain_end(reads);
    ck_assert(reads_chain_begin(reads));
    ck_assert(!reads_chain_begin(reads));
    reads_stop(reads);
}
END_TEST

START_TEST(orders_in_want_of_facts_leave_room_for_other_reads)
{
    start_reads(0);
    for (int i = 0; i < READS_FACTS_MAX; i++)
        ck_assert(reads_facts_begin(reads));
    ck_assert(!reads_facts_begin(reads));
    reads_facts_end(reads);
    ck_assert(reads_facts_begin(reads));
    ck_assert(!reads_facts_begin(reads));
    reads_stop(reads);
}
END_TEST

START_TEST(each_asker_has_its_own_deadline)
{
    static struct result results[3];

    start_reads(0);
    delay_ms = 1000; /* long against a busy machine */
    ask(&results[0], ROUTE_TICKERS, "category=linear", 5000, 0);
    ask(&results[1], ROUTE_TICKERS, "category=linear", 60, 0); /* joins, and leaves early */
    wait_until(&results[1].done, 1);
    ck_assert(!results[1].answered);
    ck_assert_int_eq(results[1].code, ERR_UNAVAILABLE);
    ck_assert_int_eq(results[0].done, 0);
    wait_until(&results[0].done, 1);
    ck_assert(results[0].answered);
    /* The flight of one with little time does not take down one with more. */
    ask(&results[0], ROUTE_TICKERS, "category=inverse", 100, 0);
    ask(&results[2], ROUTE_TICKERS, "category=inverse", 5000, 0);
    wait_until(&results[2].done, 1);
    ck_assert(results[2].answered);
    wait_until(&results[0].done, 1);
    ck_assert(!results[0].answered);
    reads_stop(reads);
}
END_TEST

START_TEST(stopping_answers_everyone)
{
    static struct result results[256];
    struct result last = { 0 };

    start_reads(0);
    delay_ms = 300;
    for (int i = 0; i < 256; i++)
        ask(&results[i], ROUTE_TICKERS, i % 2 ? "a=b" : "c=d", 5000, 0);
    ck_assert_int_eq(reads_get(reads, ROUTE_TICKERS, CATEGORY_SPOT, NULL, 1, 0, on_done, &last),
                     ERR_BUSY);
    reads_stop(reads);
    for (int i = 0; i < 256; i++) {
        ck_assert_int_eq(results[i].done, 1);
        ck_assert(!results[i].answered);
    }
    ck_assert_int_eq(last.done, 0);
    reads_stop(NULL);
}
END_TEST

START_TEST(odd_reads_are_refused)
{
    static char longest[9000];
    static struct result result;

    start_reads(0);
    memset(longest, 'a', sizeof(longest) - 1);
    ck_assert_int_eq(
        reads_get(reads, ROUTE_ORDER_CREATE, CATEGORY_SPOT, NULL, 100, 0, on_done, &result),
        ERR_INVALID);
    ck_assert_int_eq(
        reads_get(reads, ROUTE_TICKERS, CATEGORY_SPOT, longest, 100, 0, on_done, &result),
        ERR_INVALID);
    ask(&result, ROUTE_TICKERS, "a b", 1000, 0); /* found out by the transport */
    wait_until(&result.done, 1);
    ck_assert_int_eq(result.code, ERR_INVALID);
    reads_stop(reads);
}
END_TEST

START_TEST(a_bad_origin_does_not_start)
{
    struct reads_config config = { .rest = { .url = "http://example.org" }, .instruments = slot };
    struct reads *none = NULL;

    ck_assert_int_eq(reads_start(&none, &config, NULL), ERR_INVALID);
    ck_assert_ptr_null(none);
}
END_TEST

static void add(TCase *tcase)
{
    tcase_add_test(tcase, all_pages_of_all_categories_are_loaded);
    tcase_add_loop_test(tcase, a_failed_category_is_tried_again_and_the_others_are_there, 0, 2);
    tcase_add_test(tcase, a_refresh_that_fails_keeps_the_old_data);
    tcase_add_test(tcase, a_refresh_keeps_the_options_that_others_have_loaded);
    tcase_add_test(tcase, who_asks_again_from_its_callback_can_be_stopped);
    tcase_add_test(tcase, long_chains_are_counted);
    tcase_add_test(tcase, orders_in_want_of_facts_leave_room_for_other_reads);
    tcase_add_test(tcase, each_asker_has_its_own_deadline);
    tcase_add_test(tcase, stopping_answers_everyone);
    tcase_add_test(tcase, odd_reads_are_refused);
    tcase_add_test(tcase, a_bad_origin_does_not_start);
}

int main(void)
{
    return reads_run_tests("reads", add);
}
