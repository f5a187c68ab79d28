/* tests/test_engine_amend.c - amends, one event at a time. */
#include "tests/test_engine_amend_kit.h"

/* --- the way of one that succeeds --- */

START_TEST(an_amend_is_sent_once_and_only_after_its_intent_is_committed)
{
    struct bench *bench = bench_live();
    const struct engine_action *row;
    const struct engine_action *send;
    uint64_t send_id;

    amend(bench, "id-a", 20, 90);
    row = must(bench, ACTION_ROW, 0);
    ck_assert_int_eq(row->u.row.kind, ROW_AMEND);
    ck_assert_uint_eq(row->u.row.seq, 0);
    ck_assert_int_eq(row->u.row.order.amend, AMEND_INTENT);
    ck_assert_int_eq(row->u.row.order.amend_ms, bench->now_ms);
    tick_at(bench, bench->now_ms + 100);
    ck_assert_ptr_null(first(bench, ACTION_SEND_AMEND));
    ck_assert_str_eq(order_amend_in_flight(order_of(bench, "a")), "sent");
    commit(bench);
    send = must(bench, ACTION_SEND_AMEND, 0);
    ck_assert_str_eq(send->u.send.order_id, "id-a");
    ck_assert_int_eq(decimal_sign(&send->u.send.change.qty), 1);
    ck_assert_int_eq(send->u.send.deadline_ms, bench->now_ms - 100 + 5000);
    send_id = send->u.send.send_id;
    must_be(bench, 10, 100, AMEND_SENT);
    commit(bench);
    ck_assert_ptr_null(first(bench, ACTION_SEND_AMEND));
    answer(bench, send_id, REPLY_OK, 0, "id-a");
    ck_assert_str_eq(replied(bench, OUTCOME_OK)->u.reply.amend_in_flight, "sent");
    must_be(bench, 10, 100, AMEND_SENT);
    seen_with(bench, STATUS_NEW, 0, 20, 90);
    ck_assert_uint_ne(must(bench, ACTION_ROW, 0)->u.row.seq, 0);
    ck_assert_int_eq(count(bench, ACTION_ROW), 1);
    must_be(bench, 20, 90, AMEND_NONE);
    ck_assert_ptr_null(order_amend_in_flight(order_of(bench, "a")));
    bench_close(bench);
}
END_TEST

START_TEST(a_wait_until_final_ends_when_the_stream_shows_it)
{
    struct bench *bench = bench_live();
    uint64_t send_id;

    amend_final(bench, "a", 20, 0);
    send_id = amend_sent(bench);
    answer(bench, send_id, REPLY_OK, 0, "id-a");
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    seen_with(bench, STATUS_NEW, 0, 10, 100);
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    seen_with(bench, STATUS_NEW, 0, 20, 100);
    ck_assert_ptr_null(replied(bench, OUTCOME_OK)->u.reply.amend_in_flight);
    bench_close(bench);
}
END_TEST

START_TEST(the_stream_may_show_it_before_the_answer)
{
    struct bench *bench = bench_live();
    uint64_t send_id;

    amend(bench, "a", 0, 90);
    send_id = amend_sent(bench);
    seen_with(bench, STATUS_NEW, 0, 10, 90);
    (void)replied(bench, OUTCOME_OK);
    answer(bench, send_id, REPLY_LOST, 0, "");
    must_be(bench, 10, 90, AMEND_NONE);
    ck_assert_uint_eq(status_of(bench).anomalies, 0);
    bench_close(bench);
}
END_TEST

START_TEST(a_message_from_before_an_amend_does_not_undo_it)
{
    struct bench *bench = bench_live();
    struct order_report old = report_with(bench, STATUS_NEW, 0, 10, 100);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &old };

    bench->now_ms += 500;
    amend(bench, "a", 0, 90);
    (void)amend_sent(bench);
    seen_with(bench, STATUS_NEW, 0, 10, 90);
    feed(bench, &event);
    must_be(bench, 10, 90, AMEND_NONE);
    bench_close(bench);
}
END_TEST

static void seen_at(struct bench *bench, int price, int64_t updated_ms)
{
    struct order_report report = report_with(bench, STATUS_NEW, 0, 10, price);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };

    report.updated_ms = updated_ms;
    feed(bench, &event);
}

/* Else all that comes later looked old, and an amend that was made as one that was not. */
START_TEST(a_message_with_a_time_far_ahead_hides_no_later_one)
{
    struct bench *bench = bench_live();
    int64_t server_ms = bench->now_ms + bench->skew_ms;

    seen_at(bench, 101, server_ms + 86400000);
    must_be(bench, 10, 101, AMEND_NONE);
    bench->now_ms += 1000;
    amend_final(bench, "a", 0, 90);
    answer(bench, amend_sent(bench), REPLY_OK, 0, "id-a");
    seen_at(bench, 90, server_ms + 1001);
    (void)replied(bench, OUTCOME_OK);
    must_be(bench, 10, 90, AMEND_NONE);
    bench_close(bench);
}
END_TEST

START_TEST(nor_does_the_first_message_of_an_order_that_was_made_elsewhere)
{
    struct bench *bench = bench_open(100, true);
    int64_t server_ms = bench->now_ms + bench->skew_ms;

    seen_at(bench, 101, server_ms + 86400000);
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, NULL, false);
    must_be(bench, 10, 101, AMEND_NONE);
    seen_at(bench, 90, server_ms + 1);
    must_be(bench, 10, 90, AMEND_NONE);
    bench_close(bench);
}
END_TEST

START_TEST(what_is_so_already_is_not_sent)
{
    struct bench *bench = bench_live();

    amend(bench, "a", 10, 100);
    (void)replied(bench, OUTCOME_OK);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    happens(bench, EVENT_PRIVATE_DOWN);
    amend(bench, "a", 10, 100); /* what is known may be stale */
    (void)amend_sent(bench);
    bench_close(bench);
}
END_TEST

START_TEST(take_profit_is_set_and_removed)
{
    struct bench *bench = bench_live();
    struct order_change change = change_of(0, 0);
    struct order_report report = report_with(bench, STATUS_NEW, 0, 10, 100);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };

    change.take_profit = decimal_from_int(120);
    change.stop_loss = decimal_from_int(80);
    amend_change(bench, "a", &change, WAIT_FINAL, 90000);
    (void)amend_sent(bench);
    report.take_profit = change.take_profit;
    report.stop_loss = change.stop_loss;
    feed(bench, &event);
    (void)replied(bench, OUTCOME_OK);
    change = change_of(0, 0);
    change.take_profit = DECIMAL_ZERO;
    amend_change(bench, "a", &change, WAIT_FINAL, 90000);
    (void)amend_sent(bench);
    feed(bench, &event);
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    report.take_profit = DECIMAL_NONE;
    feed(bench, &event);
    (void)replied(bench, OUTCOME_OK);
    ck_assert(decimal_is_none(&order_of(bench, "a")->request.take_profit));
    ck_assert_int_eq(decimal_sign(&order_of(bench, "a")->request.stop_loss), 1);
    bench_close(bench);
}
END_TEST

START_TEST(an_order_that_was_made_elsewhere_is_amended_too)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id;

    order_seen(bench, "", "id-x", STATUS_NEW, 0);
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, NULL, false);
    ck_assert(order_of(bench, "id-x")->external);
    amend(bench, "id-x", 3, 0);
    ck_assert_str_eq(must(bench, ACTION_ROW, 0)->u.row.order.order_id, "id-x");
    send_id = amend_sent(bench);
    answer(bench, send_id, REPLY_OK, 0, "id-x");
    (void)replied(bench, OUTCOME_OK);
    bench_close(bench);
}
END_TEST

/* --- answers --- */

static const struct {
    enum answer_kind kind;
    int ret_code;
    enum amend_state state;
    enum outcome outcome;
    bool looks; /* up at once */
} answers[] = {
    { REPLY_OK, 0, AMEND_SENT, OUTCOME_OK, false },
    { REPLY_REJECT, 110064, AMEND_NONE, OUTCOME_REJECTED, false },
    { REPLY_NO_SUCH_ORDER, 110001, AMEND_NONE, OUTCOME_REJECTED, true },
    { REPLY_AUTH, 10003, AMEND_NONE, OUTCOME_AUTH, false },
    { REPLY_REFUSED, 10006, AMEND_NONE, OUTCOME_NOT_SENT, true },
    { REPLY_DUPLICATE, 110072, AMEND_UNKNOWN, OUTCOME_UNKNOWN, false },
    { REPLY_AMBIGUOUS, 10016, AMEND_UNKNOWN, OUTCOME_UNKNOWN, false },
    { REPLY_LOST, 0, AMEND_UNKNOWN, OUTCOME_UNKNOWN, false },
    { REPLY_NOT_SENT, 0, AMEND_NONE, OUTCOME_NOT_SENT, false },
    { REPLY_THROTTLED, 0, AMEND_NONE, OUTCOME_THROTTLED, false },
};

START_TEST(each_answer_to_an_amend_proves_what_it_proves)
{
    struct bench *bench = bench_live();
    const struct engine_action *reply;

    amend(bench, "a", 20, 90);
    answer(bench, amend_sent(bench), answers[_i].kind, answers[_i].ret_code, "");
    must_be(bench, 10, 100, answers[_i].state);
    reply = replied(bench, answers[_i].outcome);
    ck_assert_int_eq(reply->u.reply.error.upstream,
                     answers[_i].state == AMEND_NONE ? answers[_i].ret_code : 0);
    ck_assert_uint_eq(status_of(bench).waiters, 0);
    ck_assert_int_eq(status_of(bench).ready, answers[_i].kind != REPLY_AUTH);
    ck_assert_int_eq(engine_needs_reads(bench->engine), answers[_i].state == AMEND_UNKNOWN);
    if (answers[_i].state == AMEND_UNKNOWN)
        ck_assert_str_eq(reply->u.reply.amend_in_flight, "unknown");
    tick_at(bench, bench->now_ms);
    ck_assert_int_eq(count(bench, ACTION_READ), answers[_i].looks);
    bench_close(bench);
}
END_TEST

START_TEST(no_answer_in_time_is_unknown_and_a_late_one_settles_it)
{
    struct bench *bench = bench_live();
    int64_t made_ms = bench->now_ms;
    uint64_t send_id;

    amend(bench, "a", 20, 0);
    send_id = amend_sent(bench);
    tick_at(bench, made_ms + 14999);
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    tick_at(bench, made_ms + 15000);
    (void)replied(bench, OUTCOME_UNKNOWN);
    must_be(bench, 10, 100, AMEND_UNKNOWN);
    answer(bench, send_id, REPLY_REJECT, 110064, "");
    must_be(bench, 10, 100, AMEND_NONE);
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    bench_close(bench);
}
END_TEST

START_TEST(a_lost_amend_that_was_made_is_found_by_a_look_up)
{
    struct bench *bench = bench_live();
    int64_t sent_ms = bench->now_ms;

    amend_final(bench, "a", 20, 90);
    answer(bench, amend_sent(bench), REPLY_LOST, 0, "");
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    ck_assert_int_eq(look_until_settled(bench, 20, 90), sent_ms + 2000);
    (void)replied(bench, OUTCOME_OK);
    must_be(bench, 20, 90, AMEND_NONE);
    bench_close(bench);
}
END_TEST

START_TEST(a_lost_amend_that_was_not_made_ends_at_its_horizon)
{
    struct bench *bench = bench_live();
    int64_t sent_ms = bench->now_ms;
    int64_t settled_ms;

    amend_final(bench, "a", 20, 90);
    answer(bench, amend_sent(bench), REPLY_LOST, 0, "");
    settled_ms = look_until_settled(bench, 10, 100);
    ck_assert_int_ge(settled_ms, sent_ms - 50 + 36000 + 20);
    ck_assert_int_le(settled_ms, sent_ms + HORIZON_MS + 10000);
    (void)replied(bench, OUTCOME_NOT_SENT);
    must_be(bench, 10, 100, AMEND_NONE);
    amend(bench, "a", 20, 90);
    (void)amend_sent(bench);
    bench_close(bench);
}
END_TEST

START_TEST(an_acknowledged_amend_that_never_shows_was_not_made)
{
    struct bench *bench = bench_live();

    amend_final(bench, "a", 20, 90);
    answer(bench, amend_sent(bench), REPLY_OK, 0, "id-a");
    (void)look_until_settled(bench, 10, 100);
    (void)replied(bench, OUTCOME_REJECTED);
    bench_close(bench);
}
END_TEST

/* A look-up that shows only fills, or nothing, tells nothing of the order's size. */
START_TEST(an_empty_look_up_settles_no_amend)
{
    struct bench *bench = bench_live();
    int64_t sent_ms = bench->now_ms;

    amend(bench, "a", 20, 90);
    answer(bench, amend_sent(bench), REPLY_LOST, 0, "");
    while (bench->now_ms < sent_ms + 100000) {
        tick_at(bench, engine_next_tick_ms(bench->engine));
        (void)answer_reads_empty(bench);
    }
    ck_assert_int_eq(order_of(bench, "a")->amend, AMEND_UNKNOWN);
    ck_assert_int_le(look_until_settled(bench, 10, 100), bench->now_ms + 10000);
    bench_close(bench);
}
END_TEST

/* --- races --- */

START_TEST(an_amend_during_fills)
{
    struct bench *bench = bench_live();

    amend_final(bench, "a", 20, 0);
    (void)amend_sent(bench);
    seen_with(bench, STATUS_PARTIALLY_FILLED, 4, 10, 100);
    fill_seen(bench, "e1", "id-a", 4);
    must_be(bench, 10, 100, AMEND_SENT);
    seen_with(bench, STATUS_PARTIALLY_FILLED, 12, 20, 100);
    (void)replied(bench, OUTCOME_OK);
    fill_seen(bench, "e2", "id-a", 8);
    seen_with(bench, STATUS_FILLED, 20, 20, 100);
    fill_seen(bench, "e3", "id-a", 8);
    ck_assert(order_of(bench, "a")->settled);
    ck_assert_uint_eq(status_of(bench).anomalies, 0);
    bench_close(bench);
}
END_TEST

static const struct {
    enum exchange_status status;
    int filled;
    int qty;
    enum outcome outcome;
} ends[] = {
    { STATUS_FILLED, 10, 10, OUTCOME_ENDED },
    { STATUS_FILLED, 20, 20, OUTCOME_OK },
    { STATUS_CANCELLED, 0, 10, OUTCOME_ENDED },
    { STATUS_CANCELLED, 0, 20, OUTCOME_OK },
};

START_TEST(the_end_of_the_order_ends_its_amend)
{
    struct bench *bench = bench_live();
    uint64_t send_id;

    amend_final(bench, "a", 20, 0);
    send_id = amend_sent(bench);
    seen_with(bench, ends[_i].status, ends[_i].filled, ends[_i].qty, 100);
    (void)replied(bench, ends[_i].outcome);
    must_be(bench, ends[_i].qty, 100, AMEND_NONE);
    answer(bench, send_id, REPLY_NO_SUCH_ORDER, 110001, "");
    ck_assert_int_eq(state_of(bench, "a"), ORDER_CLOSED);
    amend(bench, "a", 30, 0);
    (void)replied(bench, OUTCOME_ENDED);
    bench_close(bench);
}
END_TEST

START_TEST(an_order_that_ends_before_the_commit_is_not_amended)
{
    struct bench *bench = bench_live();

    amend(bench, "a", 20, 0);
    seen_with(bench, STATUS_CANCELLED, 0, 10, 100);
    (void)replied(bench, OUTCOME_ENDED);
    commit(bench);
    ck_assert_ptr_null(first(bench, ACTION_SEND_AMEND));
    bench_close(bench);
}
END_TEST

START_TEST(a_cancel_waits_for_no_amend)
{
    struct bench *bench = bench_live();

    amend(bench, "a", 20, 0);
    (void)amend_sent(bench);
    ask(bench, EVENT_CANCEL, "a", WAIT_ACCEPTED, 0);
    ck_assert_int_eq(count(bench, ACTION_SEND_CANCEL), 1);
    must_be(bench, 10, 100, AMEND_SENT);
    amend(bench, "a", 30, 0);
    (void)replied(bench, OUTCOME_CONFLICT);
    bench_close(bench);
}
END_TEST

START_TEST(an_amend_that_a_cancel_overtakes_is_not_sent)
{
    struct bench *bench = bench_live();

    amend(bench, "a", 20, 0);
    ask(bench, EVENT_CANCEL, "a", WAIT_ACCEPTED, 0);
    ck_assert_int_eq(count(bench, ACTION_SEND_CANCEL), 1);
    commit(bench);
    ck_assert_ptr_null(first(bench, ACTION_SEND_AMEND));
    (void)replied(bench, OUTCOME_NOT_SENT);
    must_be(bench, 10, 100, AMEND_NONE);
    bench_close(bench);
}
END_TEST

START_TEST(one_amend_of_an_order_is_in_flight_at_a_time)
{
    struct bench *bench = bench_live();
    uint64_t send_id;

    amend(bench, "a", 20, 0);
    amend(bench, "a", 30, 0);
    (void)replied(bench, OUTCOME_CONFLICT);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    send_id = amend_sent(bench);
    answer(bench, send_id, REPLY_OK, 0, "id-a");
    amend(bench, "a", 30, 0);
    (void)replied(bench, OUTCOME_CONFLICT);
    seen_with(bench, STATUS_NEW, 0, 20, 100);
    amend(bench, "a", 30, 0);
    ck_assert_uint_ne(amend_sent(bench), send_id);
    answer(bench, send_id, REPLY_REJECT, 1, ""); /* of the first, once more: nobody's */
    must_be(bench, 20, 100, AMEND_SENT);
    seen_with(bench, STATUS_NEW, 0, 30, 100);
    must_be(bench, 30, 100, AMEND_NONE);
    bench_close(bench);
}
END_TEST

/* --- what is not taken --- */

START_TEST(an_order_that_may_not_be_there_is_not_amended)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id;

    amend(bench, "a", 20, 0);
    (void)replied(bench, OUTCOME_NOT_FOUND);
    create(bench, "a");
    amend(bench, "a", 20, 0);
    (void)replied(bench, OUTCOME_CONFLICT);
    commit(bench);
    send_id = must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id;
    amend(bench, "a", 20, 0);
    (void)replied(bench, OUTCOME_CONFLICT);
    answer(bench, send_id, REPLY_LOST, 0, "");
    amend(bench, "a", 20, 0);
    (void)replied(bench, OUTCOME_CONFLICT);
    answer(bench, send_id, REPLY_OK, 0, "id-a");
    bench_close(bench);
}
END_TEST

START_TEST(an_amend_needs_a_journal_and_a_turn)
{
    struct bench *bench = bench_live();
    struct order_change change = change_of(20, 0);
    struct engine_event event = { .kind = EVENT_AMEND };

    happens(bench, EVENT_JOURNAL_DOWN);
    amend(bench, "a", 20, 0);
    (void)replied(bench, OUTCOME_NOT_READY);
    happens(bench, EVENT_JOURNAL_UP);
    event.u.amend.id = "a";
    event.u.amend.change = &change;
    event.u.amend.waiter = ++bench->waiter;
    event.u.amend.turn_ms = 5500;
    feed(bench, &event);
    ck_assert_int_eq(replied(bench, OUTCOME_THROTTLED)->u.reply.retry_after_ms, 500);
    event.u.amend.turn_ms = 5000;
    feed(bench, &event);
    (void)amend_sent(bench);
    bench_close(bench);
}
END_TEST

START_TEST(a_disk_that_hangs_sends_no_amend)
{
    struct bench *bench = bench_live();
    int64_t made_ms = bench->now_ms;

    amend(bench, "a", 20, 0);
    tick_at(bench, made_ms + 5000);
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    ask(bench, EVENT_WATCH, "a", WAIT_ACCEPTED, 0);
    tick_at(bench, made_ms + 5001);
    (void)replied(bench, OUTCOME_NOT_SENT);
    must_be(bench, 10, 100, AMEND_NONE);
    amend(bench, "a", 30, 0); /* its row may still come */
    (void)replied(bench, OUTCOME_CONFLICT);
    ask(bench, EVENT_CANCEL, "a", WAIT_ACCEPTED, 0);
    ck_assert_int_eq(count(bench, ACTION_SEND_CANCEL), 1);
    commit(bench);
    ck_assert_ptr_null(first(bench, ACTION_SEND_AMEND));
    bench_close(bench);
}
END_TEST

START_TEST(a_commit_after_the_deadline_sends_no_amend)
{
    struct bench *bench = bench_live();

    amend(bench, "a", 20, 0);
    bench->now_ms += 5001;
    commit(bench);
    ck_assert_ptr_null(first(bench, ACTION_SEND_AMEND));
    (void)replied(bench, OUTCOME_NOT_SENT);
    bench_close(bench);
}
END_TEST

/* --- restart, kill, stop --- */

static const enum amend_state stages[] = { AMEND_INTENT, AMEND_SENT, AMEND_UNKNOWN };

/* Whatever was stored, it may have left: it is looked up, and never sent again. */
START_TEST(a_restart_finds_an_amend_in_doubt)
{
    struct bench *before = bench_live();
    struct bench *bench = bench_open(100, false);
    struct order order = *order_of(before, "a");
    struct engine_event event = { .kind = EVENT_RESTORE };
    bool made = _i % 2;

    order.amend = stages[_i / 2];
    order.change = change_of(20, 90);
    order.amend_ms = T0 - 2000;
    event.u.restore.order = &order;
    feed(bench, &event);
    happens(bench, EVENT_START);
    ck_assert_int_eq(count(bench, ACTION_ROW), stages[_i / 2] != AMEND_UNKNOWN);
    must_be(bench, 10, 100, AMEND_UNKNOWN);
    ck_assert(engine_needs_reads(bench->engine));
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    (void)answer_reads_empty(bench);
    if (made) {
        (void)look_until_settled(bench, 20, 90);
        must_be(bench, 20, 90, AMEND_NONE);
    } else {
        ck_assert_int_ge(look_until_settled(bench, 10, 100), T0 + 36000);
        must_be(bench, 10, 100, AMEND_NONE);
    }
    ck_assert_ptr_null(first(bench, ACTION_SEND_AMEND));
    bench_close(bench);
    bench_close(before);
}
END_TEST

START_TEST(a_kill_drops_what_is_not_sent_and_leaves_the_rest)
{
    struct bench *bench = bench_live();
    uint64_t send_id = 0;

    amend_final(bench, "a", 20, 0);
    if (_i > 0)
        send_id = amend_sent(bench);
    if (_i > 1)
        answer(bench, send_id, REPLY_LOST, 0, "");
    kill_all(bench, 0);
    if (_i == 0)
        (void)replied(bench, OUTCOME_NOT_SENT);
    else
        ck_assert_ptr_null(first(bench, ACTION_REPLY));
    must_be(bench, 10, 100, _i == 0 ? AMEND_NONE : stages[_i]);
    commit(bench);
    ck_assert_ptr_null(first(bench, ACTION_SEND_AMEND));
    amend(bench, "a", 30, 0);
    ck_assert_int_eq(must(bench, ACTION_REPLY, 0)->u.reply.outcome,
                     _i == 0 ? OUTCOME_KILLED : OUTCOME_CONFLICT);
    seen_with(bench, STATUS_CANCELLED, 0, 10, 100);
    must_be(bench, 10, 100, AMEND_NONE);
    bench_close(bench);
}
END_TEST

START_TEST(a_stop_sends_no_amend_and_answers_who_waits)
{
    struct bench *bench = bench_live();
    uint64_t send_id = 0;

    amend_final(bench, "a", 20, 0);
    if (_i > 0)
        send_id = amend_sent(bench);
    if (_i > 1)
        answer(bench, send_id, REPLY_LOST, 0, "");
    happens(bench, EVENT_STOP);
    (void)replied(bench, _i == 0 ? OUTCOME_NOT_SENT : OUTCOME_UNKNOWN);
    commit(bench);
    ck_assert_ptr_null(first(bench, ACTION_SEND_AMEND));
    bench_close(bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine amend");
    TCase *tcase = tcase_create("engine amend");
    SRunner *runner;
    int failures;

    tcase_add_test(tcase, an_amend_is_sent_once_and_only_after_its_intent_is_committed);
    tcase_add_test(tcase, a_wait_until_final_ends_when_the_stream_shows_it);
    tcase_add_test(tcase, the_stream_may_show_it_before_the_answer);
    tcase_add_test(tcase, a_message_from_before_an_amend_does_not_undo_it);
    tcase_add_test(tcase, a_message_with_a_time_far_ahead_hides_no_later_one);
    tcase_add_test(tcase, nor_does_the_first_message_of_an_order_that_was_made_elsewhere);
    tcase_add_test(tcase, what_is_so_already_is_not_sent);
    tcase_add_test(tcase, take_profit_is_set_and_removed);
    tcase_add_test(tcase, an_order_that_was_made_elsewhere_is_amended_too);
    tcase_add_loop_test(tcase, each_answer_to_an_amend_proves_what_it_proves, 0,
                        ARRAY_LEN(answers));
    tcase_add_test(tcase, no_answer_in_time_is_unknown_and_a_late_one_settles_it);
    tcase_add_test(tcase, a_lost_amend_that_was_made_is_found_by_a_look_up);
    tcase_add_test(tcase, a_lost_amend_that_was_not_made_ends_at_its_horizon);
    tcase_add_test(tcase, an_acknowledged_amend_that_never_shows_was_not_made);
    tcase_add_test(tcase, an_empty_look_up_settles_no_amend);
    tcase_add_test(tcase, an_amend_during_fills);
    tcase_add_loop_test(tcase, the_end_of_the_order_ends_its_amend, 0, ARRAY_LEN(ends));
    tcase_add_test(tcase, an_order_that_ends_before_the_commit_is_not_amended);
    tcase_add_test(tcase, a_cancel_waits_for_no_amend);
    tcase_add_test(tcase, an_amend_that_a_cancel_overtakes_is_not_sent);
    tcase_add_test(tcase, one_amend_of_an_order_is_in_flight_at_a_time);
    tcase_add_test(tcase, an_order_that_may_not_be_there_is_not_amended);
    tcase_add_test(tcase, an_amend_needs_a_journal_and_a_turn);
    tcase_add_test(tcase, a_disk_that_hangs_sends_no_amend);
    tcase_add_test(tcase, a_commit_after_the_deadline_sends_no_amend);
    tcase_add_loop_test(tcase, a_restart_finds_an_amend_in_doubt, 0, 2 * ARRAY_LEN(stages));
    tcase_add_loop_test(tcase, a_kill_drops_what_is_not_sent_and_leaves_the_rest, 0,
                        ARRAY_LEN(stages));
    tcase_add_loop_test(tcase, a_stop_sends_no_amend_and_answers_who_waits, 0, ARRAY_LEN(stages));
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
