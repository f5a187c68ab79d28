/* tests/test_engine_stories.c - what happens to an order on a bad day, a test each, named as
 * tests/README.md lists them. */
#include "tests/test_engine_kit.h"

static const struct order *order_of(const struct bench *bench, const char *id)
{
    const struct order *order = engine_find(bench->engine, id);

    ck_assert_msg(order, "%s is not known", id);
    return order;
}

static bool filled_is(const struct bench *bench, const char *id, int filled)
{
    struct decimal wanted = decimal_from_int(filled);

    return decimal_cmp(&order_of(bench, id)->filled_qty, &wanted) == 0;
}

static void accepted(struct bench *bench, const char *link, const char *order_id)
{
    answer(bench, sent(bench, link), REPLY_OK, 0, order_id);
}

static int fills_in(const struct bench *bench)
{
    int fills = 0;

    for (int n = 0; nth(bench, ACTION_ROW, n); n++)
        fills += nth(bench, ACTION_ROW, n)->u.row.kind == ROW_FILL;
    return fills;
}

/* Three fills, before and after the messages that tell their sum. */
START_TEST(partial_fills_add_up_to_the_order)
{
    struct bench *bench = bench_open(100, true);

    accepted(bench, "a", "id-a");
    order_seen(bench, "a", "id-a", STATUS_NEW, 0);
    fill_seen(bench, "e1", "id-a", 3);
    ck_assert_int_eq(fills_in(bench), 1);
    order_seen(bench, "a", "id-a", STATUS_PARTIALLY_FILLED, 3);
    ck_assert_str_eq(order_state_word(order_of(bench, "a")), "partial");
    order_seen(bench, "a", "id-a", STATUS_PARTIALLY_FILLED, 7);
    fill_seen(bench, "e2", "id-a", 4);
    ck_assert_int_eq(fills_in(bench), 1);
    ck_assert(filled_is(bench, "a", 7) && !order_of(bench, "a")->settled);
    order_seen(bench, "a", "id-a", STATUS_FILLED, 10);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_CLOSED);
    fill_seen(bench, "e3", "id-a", 3);
    ck_assert(order_of(bench, "a")->settled);
    ck_assert_uint_eq(status_of(bench).anomalies, 0);
    bench_close(bench);
}
END_TEST

/* It leaves at once, by the link; "no such order" proves nothing then; it is sent again once the
 * order is seen, and the create's late answer changes nothing of that. */
START_TEST(a_cancel_of_an_unacknowledged_order)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");
    const struct engine_action *cancel;

    ask(bench, EVENT_CANCEL, "a", WAIT_FINAL, 60000);
    cancel = must(bench, ACTION_SEND_CANCEL, 0);
    ck_assert_str_eq(cancel->u.send.order_id, "");
    answer(bench, cancel->u.send.send_id, REPLY_NO_SUCH_ORDER, 110001, "");
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    answer(bench, send_id, REPLY_LOST, 0, "");
    ck_assert_int_eq(state_of(bench, "a"), ORDER_UNKNOWN);
    ck_assert(order_of(bench, "a")->cancel_wanted);
    order_seen(bench, "a", "id-a", STATUS_NEW, 0);
    tick_at(bench, bench->now_ms + 2000);
    cancel = must(bench, ACTION_SEND_CANCEL, 0);
    ck_assert_str_eq(cancel->u.send.order_id, "id-a");
    answer(bench, cancel->u.send.send_id, REPLY_OK, 0, "");
    order_seen(bench, "a", "id-a", STATUS_CANCELLED, 0);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_CLOSED);
    ck_assert_str_eq(order_state_word(order_of(bench, "a")), "cancelled");
    bench_close(bench);
}
END_TEST

/* The exchange takes the cancel, and has filled the order by then: it tells it twice, the second
 * time with the cancel's words (PROTOCOL section 8). */
START_TEST(a_cancel_that_races_with_a_fill)
{
    struct bench *bench = bench_open(100, true);
    struct order_report again = report_of("a", "id-a", STATUS_FILLED, 10, T0 + 2000);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &again };

    accepted(bench, "a", "id-a");
    order_seen(bench, "a", "id-a", STATUS_NEW, 0);
    ask(bench, EVENT_CANCEL, "a", WAIT_FINAL, 60000);
    answer(bench, must(bench, ACTION_SEND_CANCEL, 0)->u.send.send_id, REPLY_OK, 0, "");
    ck_assert_ptr_null(first(bench, ACTION_REPLY)); /* its answer says only that it was taken */
    fill_seen(bench, "e1", "id-a", 10);
    order_seen(bench, "a", "id-a", STATUS_FILLED, 10);
    (void)replied(bench, OUTCOME_OK);
    ck_assert_str_eq(order_state_word(order_of(bench, "a")), "filled");
    memcpy(again.cancel_reason, "CancelByUser", 13);
    memcpy(again.reject_reason, "EC_OrigClOrdIDDoesNotExist", 27);
    feed(bench, &event);
    ck_assert_str_eq(order_state_word(order_of(bench, "a")), "filled");
    ck_assert_str_eq(order_of(bench, "a")->cancel_reason, "");
    ck_assert(filled_is(bench, "a", 10) && order_of(bench, "a")->settled);
    ck_assert_uint_eq(status_of(bench).anomalies, 0);
    tick_at(bench, T0 + 90000);
    ck_assert_ptr_null(first(bench, ACTION_SEND_CANCEL)); /* there is nothing to cancel any more */
    bench_close(bench);
}
END_TEST

START_TEST(a_late_new_after_filled)
{
    struct bench *bench = bench_open(100, true);
    struct order_report late = report_of("a", "id-a", STATUS_NEW, 0, T0);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &late };

    accepted(bench, "a", "id-a");
    bench->now_ms += 1000;
    fill_seen(bench, "e1", "id-a", 10);
    order_seen(bench, "a", "id-a", STATUS_FILLED, 10);
    feed(bench, &event);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    ck_assert_int_eq(state_of(bench, "a"), ORDER_CLOSED);
    /* Also with a time that says that it is newer: what is filled does not become less. */
    late.updated_ms = T0 + 60000;
    feed(bench, &event);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_CLOSED);
    ck_assert(filled_is(bench, "a", 10));
    ck_assert_str_eq(order_state_word(order_of(bench, "a")), "filled");
    bench_close(bench);
}
END_TEST

/* From the stream, again from the stream, and by the scan after a gap. */
START_TEST(the_same_execution_twice)
{
    struct bench *bench = bench_open(100, true);
    struct fill fill = fill_of("e1", "id-a", 4);

    accepted(bench, "a", "id-a");
    fill_seen(bench, "e1", "id-a", 4);
    ck_assert_int_eq(fills_in(bench), 1);
    fill_seen(bench, "e1", "id-a", 4);
    ck_assert_int_eq(fills_in(bench), 0);
    order_seen(bench, "a", "id-a", STATUS_CANCELLED, 4);
    ck_assert(order_of(bench, "a")->settled);
    fill.qty = decimal_from_int(4);
    feed(bench, &(struct engine_event){ .kind = EVENT_FILL, .u.fill = &fill });
    ck_assert_int_eq(fills_in(bench), 0);
    ck_assert(filled_is(bench, "a", 4) && order_of(bench, "a")->settled);
    ck_assert_uint_eq(status_of(bench).anomalies, 0);
    /* Another order's execution may have the same id. */
    accepted(bench, "b", "id-b");
    fill_seen(bench, "e1", "id-b", 4);
    ck_assert_int_eq(fills_in(bench), 1);
    bench_close(bench);
}
END_TEST

/* Fill and end come before the create's answer: whoever waits is answered by them, and the answer
 * changes nothing. */
START_TEST(the_stream_before_the_answer)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = request_of("a");
    uint64_t send_id;

    create_request(bench, &request, WAIT_FILLED, 60000);
    commit(bench);
    send_id = must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id;
    fill_seen(bench, "e1", "id-a", 10); /* not even the order is known by this id */
    order_seen(bench, "a", "id-a", STATUS_FILLED, 10);
    (void)replied(bench, OUTCOME_ACCEPTED);
    answer(bench, send_id, REPLY_OK, 0, "id-a");
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    ck_assert_int_eq(state_of(bench, "a"), ORDER_CLOSED);
    ck_assert(filled_is(bench, "a", 10));
    ck_assert_uint_eq(status_of(bench).anomalies, 0);
    bench_close(bench);
}
END_TEST

static void seen_sized(struct bench *bench, const char *link, const char *order_id,
                       enum exchange_status status, int filled, int qty)
{
    struct order_report report =
        report_of(link, order_id, status, filled, bench->now_ms + bench->skew_ms);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };

    report.qty = decimal_from_int(qty);
    report.reduce_only = true;
    feed(bench, &event);
}

static void find_nothing(struct bench *bench)
{
    const struct engine_action *find = first(bench, ACTION_FIND);

    if (find)
        found(bench, find->u.find.find_id, NULL, false);
}

/* PROTOCOL section 9: a reduce-only order above the largest size becomes several. One has our link
 * and less than was asked for; the others come as orders that were not made here, with no link. */
START_TEST(an_order_that_the_exchange_cuts_into_several)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = request_of("a");

    request.reduce_only = true;
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    commit(bench);
    answer(bench, must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id, REPLY_OK, 0, "id-a");
    seen_sized(bench, "a", "id-a", STATUS_NEW, 0, 6);
    seen_sized(bench, "", "id-b", STATUS_NEW, 0, 4);
    find_nothing(bench);
    ck_assert(engine_find(bench->engine, "id-b")->external);
    fill_seen(bench, "e1", "id-a", 6);
    fill_seen(bench, "e2", "id-b", 4);
    ck_assert_int_eq(fills_in(bench), 1);
    seen_sized(bench, "a", "id-a", STATUS_FILLED, 6, 6);
    seen_sized(bench, "", "id-b", STATUS_FILLED, 4, 4);
    ck_assert(filled_is(bench, "a", 6) && order_of(bench, "a")->settled);
    ck_assert(filled_is(bench, "id-b", 4) && order_of(bench, "id-b")->settled);
    ck_assert_uint_eq(status_of(bench).anomalies, 0);
    bench_close(bench);
}
END_TEST

/* The same, and the others carry our link too: it stays the order that was acknowledged, and the
 * fills of the others are kept as theirs. */
START_TEST(an_order_that_the_exchange_cuts_into_several_of_one_link)
{
    struct bench *bench = bench_open(100, true);

    accepted(bench, "a", "id-a");
    seen_sized(bench, "a", "id-a", STATUS_NEW, 0, 6);
    seen_sized(bench, "a", "id-b", STATUS_NEW, 0, 4);
    find_nothing(bench);
    fill_seen(bench, "e1", "id-a", 6);
    ck_assert_int_eq(fills_in(bench), 1);
    fill_seen(bench, "e2", "id-b", 4);
    find_nothing(bench);
    seen_sized(bench, "a", "id-b", STATUS_FILLED, 4, 4);
    find_nothing(bench);
    seen_sized(bench, "a", "id-a", STATUS_FILLED, 6, 6);
    ck_assert_str_eq(order_of(bench, "a")->order_id, "id-a");
    ck_assert(filled_is(bench, "a", 6) && order_of(bench, "a")->settled);
    bench_close(bench);
}
END_TEST

/* The clock here is off by ten seconds: what is proved by the exchange's clock is proved by it. */
static const int64_t skews_ms[] = { -10000, 10000 };

START_TEST(a_clock_10_s_off_proves_no_lost_order_dead)
{
    struct bench *bench = bench_open(100, false);

    bench->skew_ms = skews_ms[_i];
    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    (void)answer_reads_empty(bench);
    answer(bench, sent(bench, "a"), REPLY_LOST, 0, "");
    for (int i = 0; i < 30; i++) { /* the horizon is 41 s after it was signed */
        tick_at(bench, bench->now_ms + 1000);
        (void)answer_reads_empty(bench);
    }
    ck_assert_int_eq(state_of(bench, "a"), ORDER_UNKNOWN);
    order_seen(bench, "a", "id-a", STATUS_NEW, 0);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_LIVE);
    bench_close(bench);
}
END_TEST

/* --- executions whose order the exchange does not show --- */

static void answer_with_fills(struct bench *bench, const struct engine_action *read,
                              const struct fill *fills, size_t count)
{
    bool has_fills = read->u.read.kind == READ_ORDER_EXECUTIONS;

    page(bench, read->u.read.read_id, true, NULL, 0, has_fills ? fills : NULL,
         has_fills ? count : 0, "");
}

/* Answers all that is asked: the journal knows no such order, nor do the lists of orders. */
static void answer_all(struct bench *bench, const struct fill *fills, size_t count)
{
    struct engine_action asked[64];
    size_t asked_count = 0;
    size_t done = 0;

    do {
        const struct engine_action *action;

        for (int n = 0; (action = nth(bench, ACTION_READ, n)); n++)
            asked[asked_count++] = *action;
        for (int n = 0; (action = nth(bench, ACTION_FIND, n)); n++)
            asked[asked_count++] = *action;
        ck_assert_uint_lt(asked_count, 56);
        if (done == asked_count)
            return;
        if (asked[done].kind == ACTION_FIND)
            found(bench, asked[done].u.find.find_id, NULL, false);
        else
            answer_with_fills(bench, &asked[done], fills, count);
    } while (++done);
}

static void pass(struct bench *bench, int64_t for_ms, const struct fill *fills, size_t count)
{
    int64_t end_ms = bench->now_ms + for_ms;

    while (bench->now_ms < end_ms) {
        int64_t tick_ms = engine_next_tick_ms(bench->engine);

        if (tick_ms <= bench->now_ms)
            tick_ms = bench->now_ms + 1;
        tick_at(bench, tick_ms < end_ms ? tick_ms : end_ms);
        answer_all(bench, fills, count);
    }
}

/* A leg of a spread, a block trade: their orders are in no list. What is not open has ended, with
 * what was executed; else its symbol's size were never sure again, and no kill ever whole. */
START_TEST(fills_of_an_order_that_the_exchange_never_shows)
{
    struct bench *bench = bench_open(100, true);
    const struct fill fills[] = { fill_of("e1", "id-x", 4), fill_of("e2", "id-x", 3),
                                  fill_of("e3", "id-x", 2) };
    struct order_report report = report_of("", "id-x", STATUS_FILLED, 9, T0 + 5);

    fill_seen(bench, "e1", "id-x", 4);
    answer_all(bench, fills, 1);
    pass(bench, 8000, fills, 1);
    ck_assert_int_eq(state_of(bench, "id-x"), ORDER_ACKED); /* lists may lag behind */
    fill_seen(bench, "e2", "id-x", 3);
    pass(bench, 90000, fills, 2);
    ck_assert_int_eq(state_of(bench, "id-x"), ORDER_CLOSED);
    ck_assert_str_eq(order_state_word(order_of(bench, "id-x")), "filled");
    ck_assert(filled_is(bench, "id-x", 7) && order_of(bench, "id-x")->settled);
    fill_seen(bench, "e3", "id-x", 2); /* late */
    pass(bench, 90000, fills, 3);
    ck_assert(filled_is(bench, "id-x", 9) && order_of(bench, "id-x")->settled);
    report.type = ORDER_TYPE_MARKET; /* shown after all */
    report.position_idx = 2;
    ck_assert_int_eq(order_of(bench, "id-x")->request.position_idx, 0);
    feed(bench, &(struct engine_event){ .kind = EVENT_ORDER, .u.order = &report });
    ck_assert_int_eq(order_of(bench, "id-x")->request.position_idx, 2);
    ck_assert(filled_is(bench, "id-x", 9) && order_of(bench, "id-x")->settled);
    bench_close(bench);
}
END_TEST

/* Of an earlier run, it ends in this one: the keys of its fills are known, their sizes are read. */
START_TEST(fills_of_an_order_that_the_exchange_did_not_show_before)
{
    struct bench *bench = bench_open(100, false);
    const struct fill fills[] = { fill_of("e1", "id-x", 4), fill_of("e2", "id-x", 3) };
    const struct fill_key known = { .exec_id = "e1" };
    struct order order;
    struct engine_event event = { .kind = EVENT_RESTORE, .u.restore.order = &order };

    memset(&order, 0, sizeof(order));
    order_request_clear(&order.request);
    order_change_clear(&order.change);
    order.request.side = SIDE_BUY;
    order.request.category = CATEGORY_LINEAR;
    memcpy(order.request.symbol, "BTCUSDT", 8);
    memcpy(order.order_id, "id-x", 5);
    order.state = ORDER_ACKED;
    order.external = true;
    order.filled_qty = DECIMAL_ZERO;
    order.filled_value = order.avg_price = DECIMAL_NONE;
    order.created_ms = T0 - 5000;
    event.u.restore.fills = &known;
    event.u.restore.fills_count = 1;
    feed(bench, &event);
    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    answer_all(bench, fills, 2);
    pass(bench, 120000, fills, 2);
    ck_assert_int_eq(state_of(bench, "id-x"), ORDER_CLOSED);
    ck_assert(filled_is(bench, "id-x", 7) && order_of(bench, "id-x")->settled);
    bench_close(bench);
}
END_TEST

/* That its message is late does no harm: what is open comes to be so. */
START_TEST(an_order_that_was_taken_to_be_over_and_is_open)
{
    struct bench *bench = bench_open(100, true);
    const struct fill fill = fill_of("e1", "id-x", 4);

    fill_seen(bench, "e1", "id-x", 4);
    answer_all(bench, &fill, 1);
    pass(bench, 90000, &fill, 1);
    ck_assert_int_eq(state_of(bench, "id-x"), ORDER_CLOSED);
    order_seen(bench, "", "id-x", STATUS_PARTIALLY_FILLED, 6);
    ck_assert_int_eq(state_of(bench, "id-x"), ORDER_LIVE);
    ck_assert(filled_is(bench, "id-x", 6));
    bench_close(bench);
}
END_TEST

/* A demo account forgets its orders after a week, a test network now and then all of them: an order
 * that was filled in part is in no list any more, open or not. Its fills may be gone with it. */
START_TEST(a_part_filled_order_that_the_exchange_has_forgotten)
{
    static const struct {
        size_t fills_told; /* by the list of executions */
        int filled, qty;
        const char *word;
    } cases[] = { { 0, 4, 10, "cancelled" }, { 1, 4, 10, "cancelled" }, { 2, 10, 10, "filled" } };
    const struct fill fills[] = { fill_of("e1", "id-x", 4), fill_of("e2", "id-x", 6) };
    const struct fill_key known = { .exec_id = "e1" };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench *bench = bench_open(100, false);
        struct order order;
        struct engine_event event = { .kind = EVENT_RESTORE, .u.restore.order = &order };
        struct order_report report = report_of("x", "id-x", STATUS_PARTIALLY_FILLED, 4, T0 + 9);

        memset(&order, 0, sizeof(order));
        order_change_clear(&order.change);
        order.request = request_of("x");
        order.request.qty = decimal_from_int(cases[i].qty);
        memcpy(order.order_id, "id-x", 5);
        order.state = ORDER_LIVE;
        order.status = STATUS_PARTIALLY_FILLED;
        order.filled_qty = decimal_from_int(4);
        order.created_ms = T0 - INT64_C(20) * 3600 * 1000;
        event.u.restore.fills = &known;
        event.u.restore.fills_count = 1;
        feed(bench, &event);
        happens(bench, EVENT_START);
        happens(bench, EVENT_CLOCK);
        happens(bench, EVENT_PRIVATE_UP);
        answer_all(bench, fills, cases[i].fills_told);
        pass(bench, 3600000, fills, cases[i].fills_told);
        ck_assert_int_eq(state_of(bench, "id-x"), ORDER_LIVE); /* for a day lists may be wrong */
        for (int n = 0; n < 50 && state_of(bench, "id-x") == ORDER_LIVE; n++)
            pass(bench, 300000, fills, cases[i].fills_told);
        ck_assert_int_eq(state_of(bench, "id-x"), ORDER_CLOSED);
        ck_assert_str_eq(order_state_word(order_of(bench, "id-x")), cases[i].word);
        ck_assert(filled_is(bench, "id-x", cases[i].filled));
        if (cases[i].filled == 4) { /* open after all */
            report.qty = decimal_from_int(cases[i].qty);
            feed(bench, &(struct engine_event){ .kind = EVENT_ORDER, .u.order = &report });
            ck_assert_int_eq(state_of(bench, "id-x"), ORDER_LIVE);
        }
        bench_close(bench);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_stories");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_test(tcase, partial_fills_add_up_to_the_order);
    tcase_add_test(tcase, a_cancel_of_an_unacknowledged_order);
    tcase_add_test(tcase, a_cancel_that_races_with_a_fill);
    tcase_add_test(tcase, a_late_new_after_filled);
    tcase_add_test(tcase, the_same_execution_twice);
    tcase_add_test(tcase, the_stream_before_the_answer);
    tcase_add_test(tcase, an_order_that_the_exchange_cuts_into_several);
    tcase_add_test(tcase, an_order_that_the_exchange_cuts_into_several_of_one_link);
    tcase_add_test(tcase, fills_of_an_order_that_the_exchange_never_shows);
    tcase_add_test(tcase, fills_of_an_order_that_the_exchange_did_not_show_before);
    tcase_add_test(tcase, an_order_that_was_taken_to_be_over_and_is_open);
    tcase_add_test(tcase, a_part_filled_order_that_the_exchange_has_forgotten);
    tcase_add_loop_test(tcase, a_clock_10_s_off_proves_no_lost_order_dead, 0,
                        (int)ARRAY_LEN(skews_ms));
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
