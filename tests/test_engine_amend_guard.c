/* tests/test_engine_amend_guard.c - what the guard makes of amends; conditional orders; and creates
 * that are only tried, or leave in a batch. */
#include "tests/test_engine_amend_kit.h"

/* --- the guard --- */

static struct bench *bench_guarded(const char *rules)
{
    struct bench *bench = bench_open(100, true);

    positions_known(bench, true);
    acked(bench, "a", "id-a");
    order_seen(bench, "a", "id-a", STATUS_NEW, 0);
    bench->now_ms += 100;
    patch(bench, rules);
    commit(bench);
    return bench;
}

static void amend_valued(struct bench *bench, int qty, int price)
{
    struct order_change change = change_of(qty, price);

    change.value_price = decimal_from_int(price);
    amend_change(bench, "a", &change, WAIT_ACCEPTED, 0);
}

/* The order is 10 at 100. */
static const struct {
    const char *rules;
    int qty;
    int price;
    bool passes;
} judged[] = {
    { "{\"max_order_notional\":\"1500\"}", 20, 100, false },
    { "{\"max_order_notional\":\"1500\"}", 15, 100, true },
    { "{\"max_order_notional\":\"1500\"}", 10, 151, false },
    { "{\"max_order_notional\":\"500\"}", 9, 100, true }, /* smaller, though still too large */
    { "{\"max_order_notional\":\"500\"}", 9, 101, false },
    { "{\"max_open_notional\":\"1500\"}", 20, 100, false },
    { "{\"max_open_notional\":\"1500\"}", 15, 100, true },
    { "{\"max_open_notional\":\"500\"}", 9, 100, true },
    { "{\"max_open_notional\":\"1500\"}", 20, 51, false }, /* 10 at 100 may be filled first */
    { "{\"max_open_notional\":\"1500\"}", 20, 50, true },
    { "{\"max_open_notional\":\"1500\"}", 14, 110, false },
    { "{\"max_orders_per_minute\":0}", 20, 100, true },
    { "{\"categories\":[\"spot\"]}", 9, 100, false },
    { "{\"symbols\":[\"linear:ETHUSDT\"]}", 9, 100, false },
    { "{\"reduce_only_mode\":true}", 20, 100, false },
};

START_TEST(the_guard_judges_what_the_amend_makes_of_the_order)
{
    struct bench *bench = bench_guarded(judged[_i].rules);

    amend_valued(bench, judged[_i].qty, judged[_i].price);
    if (judged[_i].passes) {
        (void)amend_sent(bench);
    } else {
        ck_assert_ptr_nonnull(replied(bench, OUTCOME_GUARD)->u.reply.verdict);
        ck_assert_ptr_null(first(bench, ACTION_ROW));
    }
    bench_close(bench);
}
END_TEST

START_TEST(in_flight_an_order_counts_with_the_larger_of_both)
{
    struct bench *bench = bench_guarded("{\"max_open_notional\":\"5000\"}");

    ck_assert_str_eq(open_shown(bench), "1000");
    amend_valued(bench, 20, 110);
    ck_assert_str_eq(open_shown(bench), "2200");
    commit(bench);
    answer(bench, must(bench, ACTION_SEND_AMEND, 0)->u.send.send_id, REPLY_REJECT, 110064, "");
    ck_assert_str_eq(open_shown(bench), "1000");
    amend_valued(bench, 5, 90);
    commit(bench);
    ck_assert_str_eq(open_shown(bench), "1000");
    seen_with(bench, STATUS_NEW, 0, 5, 90);
    ck_assert_str_eq(open_shown(bench), "450");
    bench_close(bench);
}
END_TEST

/* What is filled of it counts as its position, not twice. */
START_TEST(an_amend_adds_only_what_is_left_to_be_executed)
{
    struct bench *bench = bench_guarded("{\"max_open_notional\":\"2000\"}");

    seen_with(bench, STATUS_PARTIALLY_FILLED, 6, 10, 100);
    fill_seen(bench, "e1", "id-a", 6);
    ck_assert_str_eq(open_shown(bench), "1000");
    amend_valued(bench, 21, 100);
    (void)replied(bench, OUTCOME_GUARD);
    amend_valued(bench, 20, 100);
    (void)amend_sent(bench);
    ck_assert_str_eq(open_shown(bench), "2000");
    bench_close(bench);
}
END_TEST

START_TEST(what_is_filled_before_the_price_is_lower_counts_at_the_old_one)
{
    struct bench *bench = bench_guarded("{\"max_open_notional\":\"1500\"}");

    amend_valued(bench, 20, 50);
    (void)amend_sent(bench);
    ck_assert_str_eq(open_shown(bench), "1500");
    fill_seen(bench, "e1", "id-a", 6);
    ck_assert_str_eq(open_shown(bench), "1500");
    seen_with(bench, STATUS_PARTIALLY_FILLED, 6, 20, 50);
    ck_assert_str_eq(open_shown(bench), "1300");
    bench_close(bench);
}
END_TEST

/* All of what it was is filled, and what it may have become is still open. */
START_TEST(an_order_that_grows_counts_while_its_old_size_is_filled)
{
    struct bench *bench = bench_guarded("{\"max_open_notional\":\"9000\"}");

    amend_valued(bench, 30, 100);
    commit(bench);
    fill_seen(bench, "e1", "id-a", 10);
    ck_assert_str_eq(open_shown(bench), "3000");
    bench_close(bench);
}
END_TEST

START_TEST(a_fill_at_the_new_price_is_never_counted_at_the_old_one)
{
    struct bench *bench = bench_guarded("{\"max_open_notional\":\"9000\"}");

    amend_valued(bench, 10, 200);
    commit(bench);
    fill_seen(bench, "e1", "id-a", 4);
    ck_assert_str_eq(open_shown(bench), "2000");
    bench_close(bench);
}
END_TEST

START_TEST(an_amend_of_the_price_needs_its_value)
{
    struct bench *bench = bench_guarded("{\"max_order_notional\":\"5000\"}");

    amend(bench, "a", 0, 120);
    (void)replied(bench, OUTCOME_NEEDS_FACTS);
    amend(bench, "a", 20, 0); /* at the value that is known */
    (void)amend_sent(bench);
    bench_close(bench);
}
END_TEST

/* The caller saw it at 100; by the time that the engine judges it is at 140. */
START_TEST(a_change_that_was_valued_before_another_counts_at_the_price_that_there_is)
{
    struct order_change change = change_of(13, 0);
    struct bench *bench = bench_guarded(_i ? "{\"max_open_notional\":\"1700\"}"
                                           : "{\"max_order_notional\":\"1700\"}");

    change.value_price = decimal_from_int(100);
    seen_with(bench, STATUS_NEW, 0, 10, 140);
    amend_change(bench, "a", &change, WAIT_ACCEPTED, 0);
    ck_assert_ptr_nonnull(replied(bench, OUTCOME_GUARD)->u.reply.verdict);
    bench_close(bench);
}
END_TEST

START_TEST(a_price_that_was_raised_elsewhere_outlives_the_amend_of_the_size)
{
    struct order_change change = change_of(12, 0);
    struct bench *bench = bench_guarded("{\"max_open_notional\":\"9000\"}");

    change.value_price = decimal_from_int(100);
    amend_change(bench, "a", &change, WAIT_ACCEPTED, 0);
    (void)amend_sent(bench);
    seen_with(bench, STATUS_NEW, 0, 12, 150);
    must_be(bench, 12, 150, AMEND_NONE);
    ck_assert_str_eq(open_shown(bench), "1800");
    bench_close(bench);
}
END_TEST

/* "a" was made by nobody with a name. */
static const struct {
    const char *limits;
    const char *client;
    int qty;
    bool passes;
} callers[] = {
    { "{\"symbols\":[\"linear:ETHUSDT\"]}", "bot", 9, false },
    { "{\"symbols\":[\"linear:ETHUSDT\"]}", "other", 9, true },
    { "{\"symbols\":[\"linear:ETHUSDT\"]}", NULL, 9, true },
    { "{\"max_order_notional\":\"1500\"}", "bot", 16, false },
    { "{\"max_order_notional\":\"1500\"}", "bot", 15, true },
    { "{\"max_order_notional\":\"500\"}", "bot", 9, true },
    { "{\"max_open_notional\":\"1500\"}", "bot", 16, false },
    { "{\"max_open_notional\":\"1500\"}", "bot", 15, true },
    { "{\"reduce_only_mode\":true}", "bot", 9, false },
};

START_TEST(an_amend_of_anothers_order_passes_the_callers_own_limits_too)
{
    struct engine_event event = { .kind = EVENT_AMEND };
    struct order_change change = change_of(callers[_i].qty, 0);
    char rules[160];
    struct bench *bench;

    (void)snprintf(rules, sizeof(rules), "{\"clients\":{\"bot\":%s}}", callers[_i].limits);
    bench = bench_guarded(rules);
    change.value_price = decimal_from_int(100);
    event.u.amend.id = "a";
    event.u.amend.change = &change;
    event.u.amend.client = callers[_i].client;
    event.u.amend.waiter = ++bench->waiter;
    feed(bench, &event);
    if (callers[_i].passes)
        (void)amend_sent(bench);
    else
        ck_assert_str_eq(replied(bench, OUTCOME_GUARD)->u.reply.verdict->client, "bot");
    bench_close(bench);
}
END_TEST

START_TEST(an_order_that_was_amended_elsewhere_counts_as_it_is)
{
    struct bench *bench = bench_guarded("{\"max_open_notional\":\"9000\"}");

    seen_with(bench, STATUS_NEW, 0, 12, 150);
    must_be(bench, 12, 150, AMEND_NONE);
    ck_assert_str_eq(open_shown(bench), "1800");
    ck_assert_uint_eq(status_of(bench).anomalies, 0);
    bench_close(bench);
}
END_TEST

/* A sell meets the market where its trigger is, which is far above its limit now. */
START_TEST(a_trigger_that_was_raised_elsewhere_raises_the_value)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = valued("c");
    struct order_report report = report_of("c", "id-c", STATUS_UNTRIGGERED, 0, bench->now_ms);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };

    request.side = report.side = SIDE_SELL;
    request.trigger_price = report.trigger_price = decimal_from_int(90);
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    commit(bench);
    feed(bench, &event);
    ck_assert_str_eq(open_shown(bench), "1000");
    report.trigger_price = decimal_from_int(150);
    report.updated_ms++;
    feed(bench, &event);
    ck_assert_str_eq(open_shown(bench), "1500");
    bench_close(bench);
}
END_TEST

START_TEST(an_amend_that_was_asked_before_a_kill_is_not_sent_after_an_arm)
{
    struct bench *bench = bench_live();
    struct order_change change = change_of(20, 0);
    struct engine_event event = { .kind = EVENT_AMEND };

    event.u.amend.id = "a";
    event.u.amend.change = &change;
    event.u.amend.waiter = ++bench->waiter;
    event.u.amend.killed = true;
    feed(bench, &event);
    (void)replied(bench, OUTCOME_KILLED);
    ck_assert_int_eq(count(bench, ACTION_ROW), 0);
    bench_close(bench);
}
END_TEST

/* Which of two messages of one millisecond is the later one, a look-up tells. */
START_TEST(two_values_of_one_time_are_looked_up)
{
    struct bench *bench = bench_live();

    seen_with(bench, STATUS_NEW, 0, 12, 100);
    ck_assert_int_gt(engine_next_tick_ms(bench->engine), bench->now_ms + 2000);
    seen_with(bench, STATUS_NEW, 0, 11, 100);
    tick_at(bench, bench->now_ms + 2000);
    ck_assert_int_eq(must(bench, ACTION_READ, 0)->u.read.kind, READ_ORDER);
    bench_close(bench);
}
END_TEST

/* --- conditional orders --- */

static const enum exchange_status conditional_ends[] = { STATUS_DEACTIVATED, STATUS_CANCELLED,
                                                         STATUS_FILLED };

START_TEST(a_conditional_order_waits_fires_and_ends)
{
    struct bench *bench = bench_live();
    struct order_change change = change_of(0, 0);
    struct order_report report;
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };
    struct order_request request = request_of("c");
    bool filled = conditional_ends[_i] == STATUS_FILLED;

    request.trigger_price = decimal_from_int(90);
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    commit(bench);
    answer(bench, must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id, REPLY_OK, 0, "id-c");
    report = report_of("c", "id-c", STATUS_UNTRIGGERED, 0, bench->now_ms);
    report.trigger_price = request.trigger_price;
    feed(bench, &event);
    ck_assert_str_eq(order_state_word(order_of(bench, "c")), "untriggered");
    change.trigger_price = decimal_from_int(80);
    amend_change(bench, "c", &change, WAIT_FINAL, 90000);
    (void)amend_sent(bench);
    report.trigger_price = change.trigger_price;
    report.updated_ms++;
    feed(bench, &event);
    (void)replied(bench, OUTCOME_OK);
    if (conditional_ends[_i] != STATUS_DEACTIVATED) {
        report.status = STATUS_TRIGGERED;
        feed(bench, &event);
        report.status = STATUS_NEW;
        feed(bench, &event);
        ck_assert_str_eq(order_state_word(order_of(bench, "c")), "open");
    }
    report.status = conditional_ends[_i];
    report.filled_qty = decimal_from_int(filled ? 10 : 0);
    feed(bench, &event);
    ck_assert_str_eq(order_state_word(order_of(bench, "c")), filled ? "filled" : "cancelled");
    ck_assert_int_eq(order_of(bench, "c")->status, conditional_ends[_i]);
    ck_assert_uint_eq(status_of(bench).anomalies, 0);
    bench_close(bench);
}
END_TEST

/* Answers each cancel-all that has just left, and the reads behind them: nothing is open. */
static void sweep_finds_nothing(struct bench *bench)
{
    uint64_t ids[16] = { 0 };
    int asked = 0;

    for (; asked < 16 && nth(bench, ACTION_CANCEL_ALL, asked); asked++)
        ids[asked] = must(bench, ACTION_CANCEL_ALL, asked)->u.cancel_all.send_id;
    for (int i = 0; i < asked; i++) {
        struct engine_event event = { .kind = EVENT_SWEPT };

        event.u.swept.send_id = ids[i];
        event.u.swept.kind = REPLY_OK;
        feed(bench, &event);
        empty_page(bench, must(bench, ACTION_READ, 0)->u.read.read_id);
    }
}

static bool sweeps(const struct bench *bench, const char *order_filter)
{
    for (int i = 0; nth(bench, ACTION_CANCEL_ALL, i); i++) {
        if (strcmp(must(bench, ACTION_CANCEL_ALL, i)->u.cancel_all.order_filter, order_filter) == 0)
            return true;
    }
    return false;
}

/* Once it has fired, a conditional spot order is a plain one to the exchange's cancel-all. */
START_TEST(a_kill_finds_a_spot_order_that_fires_meanwhile)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = request_of("c");
    struct order_report report = report_of("c", "id-c", STATUS_UNTRIGGERED, 0, bench->now_ms);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };

    request.category = report.category = CATEGORY_SPOT;
    request.trigger_price = report.trigger_price = decimal_from_int(90);
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    commit(bench);
    feed(bench, &event);
    kill_all(bench, 0);
    ck_assert(sweeps(bench, "Order"));
    sweep_finds_nothing(bench);
    report.updated_ms = ++bench->now_ms;
    report.status = STATUS_NEW;
    feed(bench, &event);
    ck_assert(sweeps(bench, "Order"));
    bench_close(bench);
}
END_TEST

/* --- creates: tried only, and in batches --- */

static void try_create(struct bench *bench, const struct order_request *request)
{
    struct engine_event event = { .kind = EVENT_CREATE };
    size_t waiters = status_of(bench).waiters;

    event.u.create.request = request;
    event.u.create.waiter = ++bench->waiter;
    event.u.create.wait = WAIT_FINAL;
    event.u.create.wait_until_ms = bench->now_ms + 10000;
    event.u.create.dry_run = true;
    feed(bench, &event);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    ck_assert_uint_eq(status_of(bench).waiters, waiters);
}

START_TEST(a_dry_run_does_nothing)
{
    struct bench *bench = bench_open(2, true);
    struct order_request request = request_of("a");
    struct order_request other = request_of("a");

    try_create(bench, &request);
    (void)replied(bench, OUTCOME_WOULD);
    ck_assert_ptr_null(engine_find(bench->engine, "a"));
    answer(bench, sent(bench, "a"), REPLY_OK, 0, "id-a");
    try_create(bench, &request);
    (void)replied(bench, OUTCOME_REPLAYED);
    other.body_hash[0] = 2;
    try_create(bench, &other);
    (void)replied(bench, OUTCOME_KEY_REUSED);
    answer(bench, sent(bench, "b"), REPLY_NOT_SENT, 0, "");
    request = request_of("b");
    try_create(bench, &request); /* would be tried again */
    (void)replied(bench, OUTCOME_WOULD);
    ck_assert_int_eq(state_of(bench, "b"), ORDER_NOT_SENT);
    request = request_of("");
    try_create(bench, &request); /* "b" would go */
    (void)replied(bench, OUTCOME_WOULD);
    ck_assert_uint_eq(status_of(bench).orders_in_memory, 2);
    answer(bench, sent(bench, "c"), REPLY_OK, 0, "id-c");
    try_create(bench, &request);
    (void)replied(bench, OUTCOME_BUSY);
    bench_close(bench);
}
END_TEST

START_TEST(a_dry_run_is_judged_and_not_counted)
{
    struct bench *bench = bench_guarded("{\"max_orders_per_minute\":2}");
    struct order_request request = valued("b");

    for (int i = 0; i < 3; i++) {
        try_create(bench, &request);
        (void)replied(bench, OUTCOME_WOULD);
    }
    create_valued(bench, "b");
    request = valued("c");
    try_create(bench, &request);
    (void)replied(bench, OUTCOME_GUARD);
    kill_all(bench, 0);
    try_create(bench, &request);
    (void)replied(bench, OUTCOME_KILLED);
    bench_close(bench);
}
END_TEST

START_TEST(a_batch_is_told_to_who_sends_it)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = request_of("a");
    struct engine_event event = { .kind = EVENT_CREATE };
    uint64_t send_id;

    event.u.create.request = &request;
    event.u.create.waiter = ++bench->waiter;
    event.u.create.batch = 7;
    feed(bench, &event);
    /* It waits for a turn of its own: who comes alone is not behind it. */
    ck_assert_uint_eq(engine_intents(bench->engine, CATEGORY_LINEAR, true, false), 1);
    ck_assert_uint_eq(engine_intents(bench->engine, CATEGORY_LINEAR, false, false), 0);
    commit(bench);
    ck_assert_uint_eq(engine_intents(bench->engine, CATEGORY_LINEAR, true, false), 0);
    ck_assert_uint_eq(must(bench, ACTION_SEND_CREATE, 0)->u.send.batch, 7);
    send_id = must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id;
    answer(bench, send_id, REPLY_NOT_SENT, 0, "");
    create(bench, "a"); /* again, and now alone */
    commit(bench);
    ck_assert_uint_eq(must(bench, ACTION_SEND_CREATE, 0)->u.send.batch, 0);
    bench_close(bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine amend guard");
    TCase *tcase = tcase_create("engine amend guard");
    SRunner *runner;
    int failures;

    tcase_add_loop_test(tcase, the_guard_judges_what_the_amend_makes_of_the_order, 0,
                        ARRAY_LEN(judged));
    tcase_add_test(tcase, in_flight_an_order_counts_with_the_larger_of_both);
    tcase_add_test(tcase, an_amend_adds_only_what_is_left_to_be_executed);
    tcase_add_test(tcase, what_is_filled_before_the_price_is_lower_counts_at_the_old_one);
    tcase_add_test(tcase, an_order_that_grows_counts_while_its_old_size_is_filled);
    tcase_add_test(tcase, a_fill_at_the_new_price_is_never_counted_at_the_old_one);
    tcase_add_test(tcase, an_amend_of_the_price_needs_its_value);
    tcase_add_loop_test(
        tcase, a_change_that_was_valued_before_another_counts_at_the_price_that_there_is, 0, 2);
    tcase_add_test(tcase, a_price_that_was_raised_elsewhere_outlives_the_amend_of_the_size);
    tcase_add_loop_test(tcase, an_amend_of_anothers_order_passes_the_callers_own_limits_too, 0,
                        ARRAY_LEN(callers));
    tcase_add_test(tcase, an_order_that_was_amended_elsewhere_counts_as_it_is);
    tcase_add_test(tcase, a_trigger_that_was_raised_elsewhere_raises_the_value);
    tcase_add_test(tcase, an_amend_that_was_asked_before_a_kill_is_not_sent_after_an_arm);
    tcase_add_test(tcase, two_values_of_one_time_are_looked_up);
    tcase_add_loop_test(tcase, a_conditional_order_waits_fires_and_ends, 0,
                        ARRAY_LEN(conditional_ends));
    tcase_add_test(tcase, a_kill_finds_a_spot_order_that_fires_meanwhile);
    tcase_add_test(tcase, a_dry_run_does_nothing);
    tcase_add_test(tcase, a_dry_run_is_judged_and_not_counted);
    tcase_add_test(tcase, a_batch_is_told_to_who_sends_it);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
