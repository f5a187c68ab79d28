/* The guard and the kill against what comes late, twice, or from somebody else: orders that fills
 * make, changes made at the exchange, other clients' keys, clocks that differ. */
#include "tests/test_engine_guard_kit.h"

static void swept(struct bench *bench, uint64_t send_id)
{
    struct engine_event event = { .kind = EVENT_SWEPT };

    event.u.swept.send_id = send_id;
    event.u.swept.kind = REPLY_OK;
    event.u.swept.ret_msg = "";
    feed(bench, &event);
}

static void scan_rejected(struct bench *bench, uint64_t read_id)
{
    struct engine_event event = { .kind = EVENT_PAGE };

    event.u.page.read_id = read_id;
    event.u.page.rejected = true;
    event.u.page.next_cursor = "";
    feed(bench, &event);
}

/* Answers all that the sweep asks for, with nothing open, but for the scans of `refused`. */
static void answer_sweep(struct bench *bench, int refused)
{
    struct engine_action queue[128];
    int queued = 0;

    for (int at = 0;; at++) {
        for (size_t i = 0; i < bench->actions.count; i++) {
            const struct engine_action *action = &bench->actions.list[i];

            if (action->kind == ACTION_CANCEL_ALL ||
                (action->kind == ACTION_READ && action->u.read.urgent))
                queue[queued++] = *action;
            ck_assert_int_lt(queued, 128);
        }
        if (at == queued)
            return;
        if (queue[at].kind == ACTION_CANCEL_ALL)
            swept(bench, queue[at].u.cancel_all.send_id);
        else if ((int)queue[at].u.read.category == refused)
            scan_rejected(bench, queue[at].u.read.read_id);
        else
            empty_page(bench, queue[at].u.read.read_id);
    }
}

static struct bench *guarded_by(const char *rules)
{
    struct bench *bench = bench_open(100, true);

    positions_known(bench, true);
    patch(bench, rules);
    commit(bench);
    (void)replied(bench, OUTCOME_GUARD_DONE);
    return bench;
}

static bool is_clear(struct bench *bench)
{
    return guard_report_of(bench)->state.clear;
}

/* --- kill --- */

/* It was on its way, and the scan came before it: its stop loss may be open by now. */
START_TEST(an_order_that_fills_after_the_scan_makes_it_look_once_more)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    kill_all(bench, 0);
    answer_sweep(bench, -1);
    answer(bench, send_id, REPLY_OK, 0, "id-a");
    ck_assert(!is_clear(bench));
    order_seen(bench, "a", "id-a", STATUS_FILLED, 10);
    ck_assert(!is_clear(bench));
    tick_at(bench, bench->now_ms + 250);
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), 1);
    answer_sweep(bench, -1);
    ck_assert(is_clear(bench));
    bench_close(bench);
}
END_TEST

START_TEST(an_order_that_ends_without_a_fill_needs_no_second_look)
{
    struct bench *bench = bench_open(100, true);

    acked(bench, "a", "id-a");
    kill_all(bench, 0);
    answer_sweep(bench, -1);
    order_seen(bench, "a", "id-a", STATUS_CANCELLED, 0);
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), 0);
    ck_assert(is_clear(bench));
    bench_close(bench);
}
END_TEST

/* What a spot order's fill makes is of another filter than the order. */
START_TEST(a_spot_fill_makes_all_of_spot_look_once_more)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = valued("a");
    struct order_report report = report_of("a", "id-a", STATUS_FILLED, 10, T0 + 500);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };

    request.category = CATEGORY_SPOT;
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    commit(bench);
    kill_all(bench, 0);
    answer_sweep(bench, -1);
    report.category = CATEGORY_SPOT;
    feed(bench, &event);
    tick_at(bench, bench->now_ms + 250);
    ck_assert_int_eq(count(bench, ACTION_CANCEL_ALL), 5);
    answer_sweep(bench, -1);
    ck_assert(is_clear(bench));
    bench_close(bench);
}
END_TEST

/* An account without inverse contracts: there is no symbol to cancel, and no list to read. */
START_TEST(a_market_that_cannot_even_be_read_does_not_keep_the_rest)
{
    struct bench *bench = bench_open(100, true);

    kill_all(bench, 0);
    answer_sweep(bench, CATEGORY_INVERSE);
    ck_assert_int_eq(guard_report_of(bench)->scopes[2].state, SWEEP_FAILED);
    ck_assert_str_ne(guard_report_of(bench)->scopes[2].error, "");
    ck_assert(is_clear(bench));
    tick_at(bench, bench->now_ms + 30000);
    answer_sweep(bench, -1);
    ck_assert_int_eq(guard_report_of(bench)->scopes[2].state, SWEEP_CLEAR);
    bench_close(bench);
}
END_TEST

START_TEST(what_was_asked_before_a_kill_is_not_sent_after_an_arm)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = valued("a");
    struct engine_event event = { .kind = EVENT_CREATE };

    event.u.create.request = &request;
    event.u.create.waiter = ++bench->waiter;
    event.u.create.killed = true;
    feed(bench, &event);
    (void)replied(bench, OUTCOME_KILLED);
    ck_assert_int_eq(count(bench, ACTION_ROW), 0);
    bench_close(bench);
}
END_TEST

/* Cancelled long before the kill, and out of memory: the kill has not done it. */
START_TEST(what_the_journal_knows_to_be_over_is_no_work_of_the_kill)
{
    struct bench *bench = bench_open(100, true);
    struct order known;

    memset(&known, 0, sizeof(known));
    known.request = valued("a");
    known.state = ORDER_CLOSED;
    known.status = STATUS_CANCELLED;
    memcpy(known.order_id, "id-a", 5);
    known.attempt = 1;
    create_valued(bench, "a");
    kill_all(bench, 0);
    commit_known(bench, &known);
    ck_assert_uint_eq(guard_report_of(bench)->cancelled_count, 0);
    bench_close(bench);
}
END_TEST

/* --- what is open --- */

START_TEST(an_order_made_larger_at_the_exchange_counts_with_its_size_there)
{
    struct bench *bench = guarded_by("{\"max_open_notional\":\"5000\"}");
    struct order_report report = report_of("a", "id-a", STATUS_NEW, 0, T0 + 500);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };

    acked(bench, "a", "id-a");
    feed(bench, &event);
    ck_assert_str_eq(open_shown(bench), "1000");
    report.qty = decimal_from_int(30);
    report.updated_ms++;
    feed(bench, &event);
    ck_assert_str_eq(open_shown(bench), "3000");
    report.price = decimal_from_int(150);
    report.updated_ms++;
    feed(bench, &event);
    ck_assert_str_eq(open_shown(bench), "4500");
    create_valued(bench, "b");
    (void)replied(bench, OUTCOME_GUARD);
    report.status = STATUS_CANCELLED;
    report.updated_ms++;
    feed(bench, &event);
    ck_assert_str_eq(open_shown(bench), "0");
    bench_close(bench);
}
END_TEST

/* The order's message, which has the fill in it, is stamped a moment before the fill. */
START_TEST(a_fill_stamped_behind_its_order_is_not_taken_off_twice)
{
    struct bench *bench = bench_open(100, false);
    struct engine_event event = { .kind = EVENT_RESTORE };
    struct order order;

    memset(&order, 0, sizeof(order));
    order.request = valued("a");
    order.state = ORDER_LIVE;
    order.status = STATUS_PARTIALLY_FILLED;
    memcpy(order.order_id, "id-a", 5);
    order.filled_qty = decimal_from_int(4);
    order.exchange_ms = T0 - 1000;
    order.attempt = 1;
    event.u.restore.order = &order;
    feed(bench, &event);
    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    fill_seen_seq(bench, "e1", "id-a", 4, 10);   /* the one that filled_qty has */
    ck_assert_str_eq(open_shown(bench), "1000"); /* 6 left, and 4 until their position is told */
    bench_close(bench);
}
END_TEST

/* --- other clients' keys --- */

static struct order not_sent_of(const char *client)
{
    struct order known;

    memset(&known, 0, sizeof(known));
    known.request = valued("a");
    (void)snprintf(known.request.client, sizeof(known.request.client), "%s", client);
    known.state = ORDER_NOT_SENT;
    known.attempt = 1;
    return known;
}

static void create_as(struct bench *bench, const char *link, const char *client)
{
    struct order_request request = valued(link);

    (void)snprintf(request.client, sizeof(request.client), "%s", client);
    create_request(bench, &request, WAIT_ACCEPTED, 0);
}

START_TEST(another_clients_key_takes_nothing_off_its_minute)
{
    struct bench *bench = guarded_by("{\"clients\":{\"a\":{\"max_orders_per_minute\":1}}}");
    struct order known = not_sent_of("a");

    create_as(bench, "first", "a");
    commit(bench);
    known.state = ORDER_CLOSED;
    known.status = STATUS_CANCELLED;
    memcpy(known.order_id, "id-a", 5);
    create_as(bench, "a", "b"); /* long out of memory */
    commit_known(bench, &known);
    (void)replied(bench, OUTCOME_REPLAYED);
    ck_assert_int_eq(guard_report_of(bench)->clients[0].orders_last_minute, 1);
    create_as(bench, "second", "a");
    (void)replied(bench, OUTCOME_GUARD);
    bench_close(bench);
}
END_TEST

START_TEST(another_client_cannot_try_an_order_past_its_owners_limits)
{
    struct bench *bench = guarded_by("{\"clients\":{\"a\":{\"max_orders_per_minute\":1}}}");

    create_as(bench, "a", "a");
    commit(bench);
    answer(bench, must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id, REPLY_NOT_SENT, 0, "");
    create_as(bench, "a", "b");
    (void)replied(bench, OUTCOME_GUARD);
    ck_assert_int_eq(count(bench, ACTION_ROW), 0);
    tick_at(bench, bench->now_ms + 61000);
    create_as(bench, "a", "b");
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_RETRY);
    ck_assert_int_eq(guard_report_of(bench)->clients[0].orders_last_minute, 1);
    bench_close(bench);
}
END_TEST

/* Whose it is shows only at the commit, when it has been judged by the limits of another. */
START_TEST(a_stored_order_of_another_client_is_judged_anew)
{
    struct bench *bench = guarded_by("{\"clients\":{\"a\":{\"max_open_notional\":\"500\"}}}");
    struct order known = not_sent_of("a");

    create_as(bench, "a", "b");
    commit_known(bench, &known);
    ck_assert_int_eq(count(bench, ACTION_SEND_CREATE), 0);
    (void)replied(bench, OUTCOME_NOT_SENT);
    ck_assert_str_ne(must(bench, ACTION_REPLY, 0)->u.reply.error.text, "");
    commit(bench);
    ck_assert_int_eq(count(bench, ACTION_SEND_CREATE), 0);
    create_as(bench, "a", "b");
    (void)replied(bench, OUTCOME_GUARD);
    bench_close(bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine guard, late");
    TCase *tcase = tcase_create("engine guard, late");
    SRunner *runner;
    int failures;

    tcase_add_test(tcase, an_order_that_fills_after_the_scan_makes_it_look_once_more);
    tcase_add_test(tcase, an_order_that_ends_without_a_fill_needs_no_second_look);
    tcase_add_test(tcase, a_spot_fill_makes_all_of_spot_look_once_more);
    tcase_add_test(tcase, a_market_that_cannot_even_be_read_does_not_keep_the_rest);
    tcase_add_test(tcase, what_was_asked_before_a_kill_is_not_sent_after_an_arm);
    tcase_add_test(tcase, what_the_journal_knows_to_be_over_is_no_work_of_the_kill);
    tcase_add_test(tcase, an_order_made_larger_at_the_exchange_counts_with_its_size_there);
    tcase_add_test(tcase, a_fill_stamped_behind_its_order_is_not_taken_off_twice);
    tcase_add_test(tcase, another_clients_key_takes_nothing_off_its_minute);
    tcase_add_test(tcase, another_client_cannot_try_an_order_past_its_owners_limits);
    tcase_add_test(tcase, a_stored_order_of_another_client_is_judged_anew);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
