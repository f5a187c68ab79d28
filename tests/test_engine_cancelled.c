/* tests/test_engine_cancelled.c - what a kill says it cancelled: each order once, also those of
 * other programs that are seen first when they are cancelled. */
#include "tests/test_engine_guard_kit.h"

/* The answer to the cancel-all of linear USDT. */
static void named(struct bench *bench, uint64_t send_id, const struct swept_order *orders,
                  size_t count)
{
    struct engine_event event = { .kind = EVENT_SWEPT };

    event.u.swept.send_id = send_id;
    event.u.swept.kind = REPLY_OK;
    event.u.swept.ret_msg = "";
    event.u.swept.orders = orders;
    event.u.swept.orders_count = count;
    feed(bench, &event);
}

static struct swept_order order_named(const char *order_id, const char *link)
{
    struct swept_order order = { .link = "" };

    (void)snprintf(order.order_id, sizeof(order.order_id), "%s", order_id);
    (void)snprintf(order.link, sizeof(order.link), "%s", link);
    return order;
}

/* Killed; the id of the cancel-all of linear USDT. */
static uint64_t killed(struct bench *bench)
{
    kill_all(bench, 0);
    ck_assert_str_eq(must(bench, ACTION_CANCEL_ALL, 0)->u.cancel_all.settle_coin, "USDT");
    return must(bench, ACTION_CANCEL_ALL, 0)->u.cancel_all.send_id;
}

/* The journal has none of what it is asked for. */
static void none_is_stored(struct bench *bench)
{
    for (uint64_t id = 0; id < 200; id++)
        found(bench, id, NULL, false);
}

static void seen(struct bench *bench, const char *link, const char *order_id,
                 enum exchange_status status, int filled)
{
    order_seen(bench, link, order_id, status, filled);
    none_is_stored(bench);
}

START_TEST(what_only_the_answer_names_is_told_at_once)
{
    struct bench *bench = bench_open(100, true);
    const struct swept_order orders[] = { order_named("x-1", "theirs"), order_named("id-a", "a"),
                                          order_named("", "none"), order_named("x-1", "theirs") };
    const struct guard_report *report;
    uint64_t send_id;

    acked(bench, "a", "id-a");
    order_seen(bench, "a", "id-a", STATUS_NEW, 0);
    send_id = killed(bench);
    named(bench, send_id, orders, ARRAY_LEN(orders));
    report = guard_report_of(bench);
    ck_assert_uint_eq(report->cancelled_count, 1); /* of ours the end is seen */
    ck_assert_uint_eq(report->listed_count, 1);
    ck_assert_str_eq(report->listed[0].order_id, "x-1");
    ck_assert_str_eq(report->listed[0].client_id, "theirs");
    ck_assert_str_eq(report->listed[0].symbol, "");
    ck_assert_int_eq(report->listed[0].category, CATEGORY_LINEAR);
    order_seen(bench, "a", "id-a", STATUS_CANCELLED, 0);
    seen(bench, "theirs", "x-1", STATUS_CANCELLED, 0);
    report = guard_report_of(bench);
    ck_assert_uint_eq(report->cancelled_count, 2);
    ck_assert_uint_eq(report->listed_count, 2);
    ck_assert_str_eq(report->listed[0].order_id, "x-1");
    ck_assert_str_eq(report->listed[0].symbol, "BTCUSDT");
    ck_assert_str_eq(report->listed[1].order_id, "id-a");
    bench_close(bench);
}
END_TEST

START_TEST(what_is_seen_first_when_it_is_cancelled_is_told_once)
{
    struct bench *bench = bench_open(100, true);
    const struct swept_order orders[] = { order_named("x-1", "") };
    uint64_t send_id = killed(bench);

    seen(bench, "", "x-1", STATUS_CANCELLED, 0);
    ck_assert_uint_eq(guard_report_of(bench)->cancelled_count, 1);
    ck_assert_str_eq(guard_report_of(bench)->listed[0].order_id, "x-1");
    named(bench, send_id, orders, 1);
    ck_assert_uint_eq(guard_report_of(bench)->cancelled_count, 1);
    seen(bench, "", "x-1", STATUS_CANCELLED, 0);
    ck_assert_uint_eq(guard_report_of(bench)->cancelled_count, 1);
    bench_close(bench);
}
END_TEST

START_TEST(what_was_over_before_the_kill_is_not_its_work)
{
    struct bench *bench = bench_open(100, true);
    struct order_report report =
        report_of("", "x-1", STATUS_CANCELLED, 0, T0 + bench->skew_ms - 1000);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };

    (void)killed(bench);
    feed(bench, &event);
    none_is_stored(bench);
    ck_assert_ptr_nonnull(engine_find(bench->engine, "x-1"));
    ck_assert_uint_eq(guard_report_of(bench)->cancelled_count, 0);
    bench_close(bench);
}
END_TEST

/* After a start: a cancel-all of before it was still under way. */
START_TEST(what_is_cancelled_before_the_clock_is_known_is_told)
{
    struct bench *bench = bench_open(100, false);

    happens(bench, EVENT_START);
    kill_all(bench, 0);
    seen(bench, "", "x-1", STATUS_CANCELLED, 0);
    ck_assert_uint_eq(guard_report_of(bench)->cancelled_count, 1);
    bench_close(bench);
}
END_TEST

START_TEST(one_that_was_filled_first_was_not_cancelled)
{
    struct bench *bench = bench_open(100, true);
    const struct swept_order orders[] = { order_named("x-1", ""), order_named("x-2", "") };
    const struct guard_report *report;

    named(bench, killed(bench), orders, 2);
    seen(bench, "", "x-1", STATUS_FILLED, 10);
    report = guard_report_of(bench);
    ck_assert_uint_eq(report->cancelled_count, 1);
    ck_assert_uint_eq(report->listed_count, 1);
    ck_assert_str_eq(report->listed[0].order_id, "x-2");
    ck_assert_uint_eq(report->filled_count, 1);
    bench_close(bench);
}
END_TEST

START_TEST(one_that_is_open_still_is_told_at_its_end)
{
    struct bench *bench = bench_open(100, true);
    const struct swept_order orders[] = { order_named("x-1", "") };

    named(bench, killed(bench), orders, 1);
    seen(bench, "", "x-1", STATUS_NEW, 0);
    ck_assert_uint_eq(guard_report_of(bench)->cancelled_count, 0);
    ck_assert_uint_eq(guard_report_of(bench)->open_count, 1);
    bench->now_ms += 10;
    seen(bench, "", "x-1", STATUS_CANCELLED, 0);
    ck_assert_uint_eq(guard_report_of(bench)->cancelled_count, 1);
    ck_assert_uint_eq(guard_report_of(bench)->listed_count, 1);
    ck_assert_uint_eq(guard_report_of(bench)->open_count, 0);
    bench_close(bench);
}
END_TEST

START_TEST(what_comes_after_the_arm_still_corrects_it)
{
    struct bench *bench = bench_open(100, true);
    const struct swept_order orders[] = { order_named("x-1", ""), order_named("x-2", "") };

    named(bench, killed(bench), orders, 2);
    commit(bench);
    arm(bench);
    commit(bench);
    commit(bench);
    ck_assert(!engine_is_killed(bench->engine));
    seen(bench, "", "x-1", STATUS_FILLED, 10);
    seen(bench, "", "x-2", STATUS_CANCELLED, 0);
    seen(bench, "", "x-3", STATUS_CANCELLED, 0); /* no work of the kill */
    ck_assert_uint_eq(guard_report_of(bench)->cancelled_count, 1);
    ck_assert_uint_eq(guard_report_of(bench)->filled_count, 1);
    ck_assert_str_eq(guard_report_of(bench)->listed[0].symbol, "BTCUSDT");
    bench_close(bench);
}
END_TEST

/* Names without end: so many are kept, the others count once they are seen. */
START_TEST(too_many_names_are_counted_when_they_are_seen)
{
    enum { NAMES = 1100, KEPT = 1024 };
    struct bench *bench = bench_open(2000, true);
    struct swept_order *orders = calloc(NAMES, sizeof(*orders));
    char order_id[16];

    if (!orders)
        abort();
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(order_id, sizeof(order_id), "x-%d", i);
        orders[i] = order_named(order_id, "");
    }
    named(bench, killed(bench), orders, NAMES);
    ck_assert_uint_eq(guard_report_of(bench)->cancelled_count, KEPT);
    ck_assert_uint_eq(guard_report_of(bench)->listed_count, KILL_LISTED_MAX);
    seen(bench, "", "x-1099", STATUS_CANCELLED, 0);
    ck_assert_uint_eq(guard_report_of(bench)->cancelled_count, KEPT + 1);
    seen(bench, "", "x-0", STATUS_CANCELLED, 0);
    ck_assert_uint_eq(guard_report_of(bench)->cancelled_count, KEPT + 1);
    kill_all(bench, 0);
    ck_assert_uint_eq(guard_report_of(bench)->cancelled_count, KEPT + 1); /* it joins */
    free(orders);
    bench_close(bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_cancelled");
    TCase *tcase = tcase_create("cancelled");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, what_only_the_answer_names_is_told_at_once);
    tcase_add_test(tcase, what_is_seen_first_when_it_is_cancelled_is_told_once);
    tcase_add_test(tcase, what_was_over_before_the_kill_is_not_its_work);
    tcase_add_test(tcase, what_is_cancelled_before_the_clock_is_known_is_told);
    tcase_add_test(tcase, one_that_was_filled_first_was_not_cancelled);
    tcase_add_test(tcase, one_that_is_open_still_is_told_at_its_end);
    tcase_add_test(tcase, what_comes_after_the_arm_still_corrects_it);
    tcase_add_test(tcase, too_many_names_are_counted_when_they_are_seen);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
