/* tests/test_engine.c - creates, cancels, keys and waits, one event at a time. */
#include <time.h>

#include "tests/test_engine_kit.h"

START_TEST(a_create_is_sent_only_after_its_intent_is_committed)
{
    struct bench *bench = bench_open(100, true);

    create(bench, "a");
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_INTENT);
    ck_assert_uint_eq(must(bench, ACTION_ROW, 0)->u.row.seq, 0);
    ck_assert_ptr_null(first(bench, ACTION_SEND_CREATE));
    tick_at(bench, T0 + 100);
    ck_assert_ptr_null(first(bench, ACTION_SEND_CREATE));
    commit(bench);
    ck_assert_str_eq(must(bench, ACTION_SEND_CREATE, 0)->u.send.request.link, "a");
    ck_assert_int_eq(must(bench, ACTION_SEND_CREATE, 0)->u.send.deadline_ms, T0 + 5000);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_SENT);
    commit(bench);
    ck_assert_ptr_null(first(bench, ACTION_SEND_CREATE));
    bench_close(bench);
}
END_TEST

static const struct {
    enum answer_kind kind;
    int ret_code;
    enum order_state state;
    int outcome; /* -1: no reply yet */
    bool stops;  /* creates */
} answers[] = {
    { REPLY_OK, 0, ORDER_ACKED, OUTCOME_ACCEPTED, false },
    { REPLY_REJECT, 110007, ORDER_REJECTED, OUTCOME_REJECTED, false },
    { REPLY_AUTH, 10003, ORDER_REJECTED, OUTCOME_AUTH, true },
    { REPLY_AUTH, 10005, ORDER_REJECTED, OUTCOME_AUTH, false },
    { REPLY_REFUSED, 10006, ORDER_NOT_SENT, OUTCOME_NOT_SENT, false },
    { REPLY_REFUSED, 10429, ORDER_UNKNOWN, -1, false },
    { REPLY_DUPLICATE, 110072, ORDER_UNKNOWN, OUTCOME_UNKNOWN, false },
    { REPLY_AMBIGUOUS, 10016, ORDER_UNKNOWN, OUTCOME_UNKNOWN, false },
    { REPLY_NO_SUCH_ORDER, 110001, ORDER_UNKNOWN, OUTCOME_UNKNOWN, false },
    { REPLY_LOST, 0, ORDER_UNKNOWN, OUTCOME_UNKNOWN, false },
    { REPLY_NOT_SENT, 0, ORDER_NOT_SENT, OUTCOME_NOT_SENT, false },
    { REPLY_THROTTLED, 0, ORDER_NOT_SENT, OUTCOME_THROTTLED, false },
};

START_TEST(each_answer_proves_what_it_proves)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, answers[_i].kind, answers[_i].ret_code, "id-a");
    ck_assert_int_eq(state_of(bench, "a"), answers[_i].state);
    if (answers[_i].outcome < 0)
        ck_assert_ptr_null(first(bench, ACTION_REPLY));
    else
        (void)replied(bench, (enum outcome)answers[_i].outcome);
    ck_assert_int_eq(status_of(bench).ready, !answers[_i].stops);
    ck_assert_uint_eq(status_of(bench).waiters, answers[_i].outcome < 0 ? 1U : 0U);
    create(bench, "b");
    if (answers[_i].stops)
        (void)replied(bench, OUTCOME_NOT_READY);
    bench_close(bench);
}
END_TEST

/* "lost" makes a look-up that the key is good for: creates go on. */
START_TEST(creates_go_on_when_the_key_is_seen_to_be_good)
{
    struct bench *bench = bench_open(100, true);
    uint64_t lost_id = sent(bench, "lost");
    uint64_t send_id = sent(bench, "refused");
    struct engine_status status;

    answer(bench, send_id, REPLY_AUTH, 10003, "");
    engine_get_status(bench->engine, &status);
    ck_assert(!status.ready);
    answer(bench, lost_id, REPLY_LOST, 0, "");
    tick_at(bench, bench->now_ms + 2000);
    empty_page(bench, must(bench, ACTION_READ, 0)->u.read.read_id);
    engine_get_status(bench->engine, &status);
    ck_assert(status.ready);
    bench_close(bench);
}
END_TEST

START_TEST(an_answer_with_another_orders_id_proves_nothing)
{
    struct bench *bench = bench_open(100, true);

    answer(bench, sent(bench, "a"), REPLY_OK, 0, "id-a");
    ck_assert_int_eq(state_of(bench, "a"), ORDER_ACKED);
    answer(bench, sent(bench, "b"), REPLY_OK, 0, "id-a");
    ck_assert_int_eq(state_of(bench, "b"), ORDER_UNKNOWN);
    bench_close(bench);
}
END_TEST

START_TEST(a_soft_refusal_needs_one_empty_look_up)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_REFUSED, 10429, "");
    tick_at(bench, bench->now_ms);
    empty_page(bench, must(bench, ACTION_READ, 0)->u.read.read_id);
    empty_page(bench, must(bench, ACTION_READ, 0)->u.read.read_id);
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    empty_page(bench, must(bench, ACTION_READ, 0)->u.read.read_id);
    (void)replied(bench, OUTCOME_NOT_SENT);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_NOT_SENT);
    bench_close(bench);
}
END_TEST

START_TEST(no_answer_in_time_is_unknown_and_a_late_one_still_counts)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    tick_at(bench, T0 + 14999);
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    tick_at(bench, T0 + 15000);
    (void)replied(bench, OUTCOME_UNKNOWN);
    answer(bench, send_id, REPLY_OK, 0, "id-a");
    ck_assert_int_eq(state_of(bench, "a"), ORDER_ACKED);
    answer(bench, send_id, REPLY_REJECT, 1, "");
    ck_assert_int_eq(state_of(bench, "a"), ORDER_ACKED);
    bench_close(bench);
}
END_TEST

START_TEST(evidence_before_the_answer_answers_the_waiter)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    order_seen(bench, "a", "id-a", STATUS_NEW, 0);
    (void)replied(bench, OUTCOME_ACCEPTED);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.order.source, SOURCE_STREAM);
    answer(bench, send_id, REPLY_LOST, 0, "");
    ck_assert_int_eq(state_of(bench, "a"), ORDER_LIVE);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    bench_close(bench);
}
END_TEST

START_TEST(a_duplicate_is_adopted_only_if_it_matches)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");
    struct order_report report = report_of("a", "id-a", STATUS_NEW, 0, T0 + 300);

    answer(bench, send_id, REPLY_DUPLICATE, 110072, "");
    tick_at(bench, bench->now_ms);
    page(bench, must(bench, ACTION_READ, 0)->u.read.read_id, true, &report, 1, NULL, 0, "");
    ck_assert_int_eq(state_of(bench, "a"), ORDER_LIVE);

    send_id = sent(bench, "b");
    report = report_of("b", "id-b", STATUS_NEW, 0, T0 + 300);
    report.qty = decimal_from_int(7);
    answer(bench, send_id, REPLY_DUPLICATE, 110072, "");
    tick_at(bench, bench->now_ms);
    page(bench, must(bench, ACTION_READ, 0)->u.read.read_id, true, &report, 1, NULL, 0, "");
    ck_assert_int_eq(state_of(bench, "b"), ORDER_REJECTED);
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, NULL, false);
    ck_assert(engine_find(bench->engine, "id-b")->external);
    ck_assert_str_eq(engine_find(bench->engine, "id-b")->request.link, "");
    bench_close(bench);
}
END_TEST

START_TEST(the_same_key_and_body_is_one_order)
{
    struct bench *bench = bench_open(100, true);
    struct order_request other = request_of("a");
    uint64_t send_id;

    create(bench, "a");
    create(bench, "a");
    (void)replied(bench, OUTCOME_IN_PROGRESS);
    commit(bench);
    send_id = must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id;
    create(bench, "a");
    (void)replied(bench, OUTCOME_IN_PROGRESS);
    answer(bench, send_id, REPLY_OK, 0, "id-a");
    create(bench, "a");
    (void)replied(bench, OUTCOME_REPLAYED);
    other.body_hash[0] = 2;
    create_request(bench, &other, WAIT_ACCEPTED, 0);
    (void)replied(bench, OUTCOME_KEY_REUSED);
    commit(bench);
    ck_assert_ptr_null(first(bench, ACTION_SEND_CREATE));
    bench_close(bench);
}
END_TEST

START_TEST(a_repeated_create_may_join_the_wait)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = request_of("a");
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_OK, 0, "id-a");
    create_request(bench, &request, WAIT_FILLED, 1000);
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    order_seen(bench, "a", "id-a", STATUS_FILLED, 10);
    (void)replied(bench, OUTCOME_REPLAYED);
    bench_close(bench);
}
END_TEST

START_TEST(what_was_not_sent_is_tried_again_as_another_attempt)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_NOT_SENT, 0, "");
    create(bench, "a");
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_RETRY);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.order.attempt, 2);
    ck_assert_ptr_null(first(bench, ACTION_SEND_CREATE));
    commit(bench);
    ck_assert_ptr_nonnull(first(bench, ACTION_SEND_CREATE));
    bench_close(bench);
}
END_TEST

/* A market order by value, that goes as the prices of its moment say. */
static struct order_request by_market(const char *link, int qty, int direction)
{
    struct order_request request = request_of(link);

    request.type = ORDER_TYPE_MARKET;
    request.price = DECIMAL_NONE;
    request.trigger_price = decimal_from_int(90);
    request.qty = decimal_from_int(qty);
    request.trigger_direction = direction;
    return request;
}

START_TEST(a_cancel_says_whether_the_order_waits_for_its_trigger)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = by_market("a", 10, 2);

    create_request(bench, &request, WAIT_ACCEPTED, 0);
    commit(bench);
    ask(bench, EVENT_CANCEL, "a", WAIT_ACCEPTED, 0); /* nothing is known of it yet */
    ck_assert(must(bench, ACTION_SEND_CANCEL, 0)->u.send.is_waiting);
    answer(bench, must(bench, ACTION_SEND_CANCEL, 0)->u.send.send_id, REPLY_NO_SUCH_ORDER, 110001,
           "");
    order_seen(bench, "a", "id-a", STATUS_NEW, 0); /* it has fired */
    tick_at(bench, bench->now_ms + 2000);
    ck_assert(!must(bench, ACTION_SEND_CANCEL, 0)->u.send.is_waiting);
    (void)sent(bench, "b");
    ask(bench, EVENT_CANCEL, "b", WAIT_ACCEPTED, 0);
    ck_assert(!must(bench, ACTION_SEND_CANCEL, 0)->u.send.is_waiting);
    bench_close(bench);
}
END_TEST

START_TEST(another_attempt_goes_by_the_prices_of_now)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = by_market("a", 10, 2);
    struct decimal now = decimal_from_int(4);
    struct order_report report = report_of("a", "id-a", STATUS_NEW, 0, T0 + 300);
    const struct engine_action *send;

    create_request(bench, &request, WAIT_ACCEPTED, 0);
    commit(bench);
    answer(bench, must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id, REPLY_NOT_SENT, 0, "");
    request = by_market("a", 4, 1);
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    ck_assert_int_eq(decimal_cmp(&must(bench, ACTION_ROW, 0)->u.row.order.request.qty, &now), 0);
    commit(bench);
    send = must(bench, ACTION_SEND_CREATE, 0);
    ck_assert_int_eq(decimal_cmp(&send->u.send.request.qty, &now), 0);
    ck_assert_int_eq(send->u.send.request.trigger_direction, 1);

    /* The first one was there after all. */
    answer(bench, send->u.send.send_id, REPLY_DUPLICATE, 110072, "");
    tick_at(bench, bench->now_ms);
    page(bench, must(bench, ACTION_READ, 0)->u.read.read_id, true, &report, 1, NULL, 0, "");
    ck_assert_int_eq(state_of(bench, "a"), ORDER_LIVE);
    bench_close(bench);
}
END_TEST

/* The journal's answer to an intent whose link was there. */
static struct order stored(enum order_state state)
{
    struct order order;

    memset(&order, 0, sizeof(order));
    order.request = request_of("a");
    order.state = state;
    order.status = state == ORDER_CLOSED ? STATUS_CANCELLED : STATUS_NONE;
    order.filled_qty = DECIMAL_ZERO;
    order.filled_value = DECIMAL_NONE;
    order.avg_price = DECIMAL_NONE;
    order.attempt = 1;
    order.settled = true;
    order.created_ms = T0 - 100000;
    return order;
}

START_TEST(another_attempt_that_the_journal_knows_goes_by_the_prices_of_now)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = by_market("a", 4, 1);
    struct order order = stored(ORDER_NOT_SENT);
    const struct engine_action *send;

    order.request = by_market("a", 10, 2);
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    commit_known(bench, &order);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_RETRY);
    commit(bench);
    send = must(bench, ACTION_SEND_CREATE, 0);
    ck_assert_int_eq(decimal_cmp(&send->u.send.request.qty, &request.qty), 0);
    ck_assert_int_eq(send->u.send.request.trigger_direction, 1);
    bench_close(bench);
}
END_TEST

START_TEST(a_link_that_the_journal_knows_is_judged_by_the_stored_order)
{
    struct bench *bench = bench_open(100, true);
    struct order order = stored(ORDER_CLOSED);

    create(bench, "a");
    commit_known(bench, &order);
    (void)replied(bench, OUTCOME_REPLAYED);
    ck_assert_ptr_null(first(bench, ACTION_SEND_CREATE));
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    bench_close(bench);

    bench = bench_open(100, true);
    order.request.body_hash[0] = 9;
    create(bench, "a");
    commit_known(bench, &order);
    (void)replied(bench, OUTCOME_KEY_REUSED);
    bench_close(bench);

    bench = bench_open(100, true);
    order = stored(ORDER_NOT_SENT);
    create(bench, "a");
    commit_known(bench, &order);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_RETRY);
    ck_assert_ptr_null(first(bench, ACTION_SEND_CREATE));
    commit(bench);
    ck_assert_ptr_nonnull(first(bench, ACTION_SEND_CREATE));
    bench_close(bench);
}
END_TEST

START_TEST(a_cancelled_intent_writes_nothing_before_its_link_is_known_to_be_new)
{
    struct bench *bench = bench_open(100, true);
    struct order order = stored(ORDER_CLOSED);

    create(bench, "a");
    ask(bench, EVENT_CANCEL, "a", WAIT_ACCEPTED, 0);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    commit_known(bench, &order);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    ck_assert_int_eq(count(bench, ACTION_REPLY), 2);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_CLOSED);

    create(bench, "b");
    ask(bench, EVENT_CANCEL, "b", WAIT_ACCEPTED, 0);
    commit(bench);
    ck_assert_ptr_null(first(bench, ACTION_SEND_CREATE));
    ck_assert_int_eq(state_of(bench, "b"), ORDER_NOT_SENT);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 2);
    bench_close(bench);
}
END_TEST

START_TEST(an_intent_past_its_deadline_is_not_sent)
{
    struct bench *bench = bench_open(100, true);

    create(bench, "a");
    tick_at(bench, T0 + 5001);
    (void)replied(bench, OUTCOME_NOT_SENT);
    commit(bench);
    ck_assert_ptr_null(first(bench, ACTION_SEND_CREATE));
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.order.state, ORDER_NOT_SENT);
    bench_close(bench);
}
END_TEST

START_TEST(a_commit_after_the_deadline_sends_nothing)
{
    struct bench *bench = bench_open(100, true);

    create(bench, "a");
    bench->now_ms = T0 + 5001; /* no tick came: the machine slept */
    commit(bench);
    ck_assert_ptr_null(first(bench, ACTION_SEND_CREATE));
    (void)replied(bench, OUTCOME_NOT_SENT);
    bench_close(bench);
}
END_TEST

START_TEST(an_older_order_with_our_link_is_not_ours)
{
    struct bench *bench = bench_open(100, true);
    struct order_report report = report_of("a", "id-x", STATUS_NEW, 0, T0 - 60000);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };
    uint64_t send_id = sent(bench, "a");

    feed(bench, &event);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_SENT);
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, NULL, false);
    ck_assert(engine_find(bench->engine, "id-x")->external);
    ck_assert_str_eq(engine_find(bench->engine, "id-x")->request.link, "");
    answer(bench, send_id, REPLY_OK, 0, "id-a");
    ck_assert_int_eq(state_of(bench, "a"), ORDER_ACKED);
    bench_close(bench);
}
END_TEST

START_TEST(a_closed_order_without_its_fills_is_looked_up)
{
    struct bench *bench = bench_open(100, true);
    struct fill fill = fill_of("e1", "id-a", 10);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_OK, 0, "id-a");
    order_seen(bench, "a", "id-a", STATUS_FILLED, 10);
    tick_at(bench, T0 + 2000);
    ck_assert_int_eq(must(bench, ACTION_READ, 0)->u.read.kind, READ_ORDER_EXECUTIONS);
    page(bench, must(bench, ACTION_READ, 0)->u.read.read_id, true, NULL, 0, &fill, 1, "");
    ck_assert(engine_find(bench->engine, "a")->settled);
    tick_at(bench, T0 + 4000);
    ck_assert_ptr_null(first(bench, ACTION_READ));
    bench_close(bench);
}
END_TEST

START_TEST(a_lost_create_with_a_wait_is_answered_when_it_is_found)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = request_of("a");

    create_request(bench, &request, WAIT_FILLED, 20000);
    commit(bench);
    answer(bench, must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id, REPLY_LOST, 0, "");
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    order_seen(bench, "a", "id-a", STATUS_FILLED, 10);
    (void)replied(bench, OUTCOME_ACCEPTED);

    request = request_of("b");
    create_request(bench, &request, WAIT_FINAL, 8000);
    commit(bench);
    answer(bench, must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id, REPLY_LOST, 0, "");
    tick_at(bench, T0 + 7999);
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    tick_at(bench, T0 + 8000);
    (void)replied(bench, OUTCOME_UNKNOWN);
    bench_close(bench);
}
END_TEST

START_TEST(the_watch_is_answered_by_the_change_or_by_time)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_OK, 0, "id-a");
    ask(bench, EVENT_WATCH, "id-a", WAIT_FINAL, 1000);
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    tick_at(bench, T0 + 1000);
    (void)replied(bench, OUTCOME_OK);
    ask(bench, EVENT_WATCH, "a", WAIT_FINAL, 5000);
    order_seen(bench, "a", "id-a", STATUS_CANCELLED, 0);
    (void)replied(bench, OUTCOME_OK);
    ask(bench, EVENT_WATCH, "nobody", WAIT_FINAL, 5000);
    (void)replied(bench, OUTCOME_NOT_FOUND);
    bench_close(bench);
}
END_TEST

/* Nobody hears the answer: the place is free, and what was asked for goes on. */
START_TEST(a_wait_ends_when_who_waits_has_gone)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");
    uint64_t gone[2];
    struct engine_event event = { .kind = EVENT_GONE, .u.gone = { gone, 2 } };

    answer(bench, send_id, REPLY_OK, 0, "id-a");
    order_seen(bench, "a", "id-a", STATUS_NEW, 0);
    ask(bench, EVENT_WATCH, "id-a", WAIT_FINAL, 100000);
    gone[0] = bench->waiter;
    ask(bench, EVENT_WATCH, "a", WAIT_FILLED, 100000);
    ask(bench, EVENT_CANCEL, "a", WAIT_FINAL, 100000);
    gone[1] = bench->waiter;
    ck_assert_uint_eq(status_of(bench).waiters, 3);
    feed(bench, &event);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 2);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    for (int i = 0; i < 2; i++) {
        const struct engine_action *reply = must(bench, ACTION_REPLY, i);

        ck_assert(reply->u.reply.waiter == gone[0] || reply->u.reply.waiter == gone[1]);
        ck_assert_int_eq(reply->u.reply.order.state, ORDER_LIVE);
    }
    ck_assert_uint_eq(status_of(bench).waiters, 1);
    ck_assert(engine_find(bench->engine, "a")->cancel_wanted);
    feed(bench, &event); /* again: there is nobody */
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    order_seen(bench, "a", "id-a", STATUS_CANCELLED, 0);
    (void)replied(bench, OUTCOME_OK); /* who still waits */
    bench_close(bench);
}
END_TEST

/* A create is not taken back: it is sent, and its fate is looked after. */
START_TEST(a_create_goes_on_when_who_waits_has_gone)
{
    struct bench *bench = bench_open(100, true);
    uint64_t gone;
    struct engine_event event = { .kind = EVENT_GONE, .u.gone = { &gone, 1 } };
    uint64_t send_id;

    create(bench, "a");
    gone = bench->waiter;
    feed(bench, &event);
    commit(bench);
    send_id = must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id;
    feed(bench, &event);
    answer(bench, send_id, REPLY_OK, 0, "id-a");
    ck_assert_int_eq(state_of(bench, "a"), ORDER_ACKED);
    ck_assert_uint_eq(status_of(bench).waiters, 0);
    bench_close(bench);
}
END_TEST

START_TEST(a_cancel_leaves_at_once_and_again_while_the_order_is_seen_open)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");
    uint64_t cancel_id;

    ask(bench, EVENT_CANCEL, "a", WAIT_ACCEPTED, 0);
    cancel_id = must(bench, ACTION_SEND_CANCEL, 0)->u.send.send_id;
    ck_assert(must(bench, ACTION_ROW, 0)->u.row.order.cancel_wanted);
    ck_assert_str_eq(must(bench, ACTION_SEND_CANCEL, 0)->u.send.order_id, "");
    ck_assert_str_eq(engine_cancel_in_flight(bench->engine, engine_find(bench->engine, "a")),
                     "sent");
    answer(bench, send_id, REPLY_OK, 0, "id-a");
    answer(bench, cancel_id, REPLY_NO_SUCH_ORDER, 110001, ""); /* it came too early there */
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    order_seen(bench, "a", "id-a", STATUS_NEW, 0);
    tick_at(bench, T0 + 2000);
    cancel_id = must(bench, ACTION_SEND_CANCEL, 0)->u.send.send_id;
    ck_assert_str_eq(must(bench, ACTION_SEND_CANCEL, 0)->u.send.order_id, "id-a");
    answer(bench, cancel_id, REPLY_OK, 0, "");
    (void)replied(bench, OUTCOME_OK);
    order_seen(bench, "a", "id-a", STATUS_CANCELLED, 0);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_CLOSED);
    ask(bench, EVENT_CANCEL, "a", WAIT_ACCEPTED, 0);
    (void)replied(bench, OUTCOME_OK);
    ck_assert_ptr_null(first(bench, ACTION_SEND_CANCEL));
    bench_close(bench);
}
END_TEST

static const struct {
    enum answer_kind kind;
    int outcome;
    bool wanted; /* the wish is kept */
} cancels[] = {
    { REPLY_OK, OUTCOME_OK, true },
    { REPLY_REJECT, OUTCOME_REJECTED, false },
    { REPLY_AUTH, OUTCOME_AUTH, false },
    { REPLY_REFUSED, OUTCOME_NOT_SENT, false },
    { REPLY_THROTTLED, OUTCOME_NOT_SENT, false },
    { REPLY_NOT_SENT, OUTCOME_NOT_SENT, false },
    { REPLY_AMBIGUOUS, OUTCOME_UNKNOWN, true },
    { REPLY_LOST, OUTCOME_UNKNOWN, true },
    { REPLY_DUPLICATE, OUTCOME_UNKNOWN, true },
    { REPLY_NO_SUCH_ORDER, -1, true },
};

START_TEST(a_cancel_of_an_open_order_is_answered_by_its_answer)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_OK, 0, "id-a");
    order_seen(bench, "a", "id-a", STATUS_NEW, 0);
    ask(bench, EVENT_CANCEL, "id-a", WAIT_ACCEPTED, 0);
    answer(bench, must(bench, ACTION_SEND_CANCEL, 0)->u.send.send_id, cancels[_i].kind, 1, "");
    if (cancels[_i].outcome >= 0)
        (void)replied(bench, (enum outcome)cancels[_i].outcome);
    else
        ck_assert_ptr_null(first(bench, ACTION_REPLY));
    ck_assert_int_eq(engine_find(bench->engine, "a")->cancel_wanted, cancels[_i].wanted);
    tick_at(bench, T0 + 15000);
    ck_assert_uint_eq(status_of(bench).waiters, 0);
    bench_close(bench);
}
END_TEST

START_TEST(fills_are_counted_once_and_settle_the_order)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_OK, 0, "id-a");
    fill_seen(bench, "e1", "id-a", 4);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_FILL);
    ck_assert_str_eq(must(bench, ACTION_ROW, 0)->u.row.fill.tag, "grid");
    ck_assert_str_eq(must(bench, ACTION_ROW, 0)->u.row.fill.client_id, "a");
    fill_seen(bench, "e1", "id-a", 4);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    order_seen(bench, "a", "id-a", STATUS_FILLED, 10);
    ck_assert(!engine_find(bench->engine, "a")->settled);
    fill_seen(bench, "e2", "id-a", 6);
    ck_assert(engine_find(bench->engine, "a")->settled);
    ck_assert_int_eq(count(bench, ACTION_ROW), 2); /* the fill, and the order that is settled now */
    ck_assert_uint_eq(status_of(bench).anomalies, 0);
    fill_seen(bench, "e2", "id-a", 5); /* the same key with other numbers */
    ck_assert_uint_eq(status_of(bench).anomalies, 1);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    fill_seen(bench, "e3", "id-a", 1); /* more than its end said */
    ck_assert(must(bench, ACTION_ROW, 0)->u.row.anomaly);
    ck_assert(!engine_find(bench->engine, "a")->settled);
    bench_close(bench);
}
END_TEST

/* Both sides of a trade with oneself have the same execution id. */
START_TEST(one_execution_of_two_orders_is_two_fills)
{
    struct bench *bench = bench_open(100, true);

    answer(bench, sent(bench, "a"), REPLY_OK, 0, "id-a");
    answer(bench, sent(bench, "b"), REPLY_OK, 0, "id-b");
    fill_seen(bench, "e1", "id-a", 4);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_FILL);
    fill_seen(bench, "e1", "id-b", 4);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_FILL);
    ck_assert_str_eq(must(bench, ACTION_ROW, 0)->u.row.fill.order_id, "id-b");
    ck_assert_str_eq(must(bench, ACTION_ROW, 0)->u.row.fill.client_id, "b");
    fill_seen(bench, "e1", "id-b", 4);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    ck_assert_uint_eq(status_of(bench).anomalies, 0);
    bench_close(bench);
}
END_TEST

START_TEST(evidence_against_an_end_is_an_anomaly)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_NOT_SENT, 0, "");
    order_seen(bench, "a", "id-a", STATUS_NEW, 0);
    ck_assert(must(bench, ACTION_ROW, 0)->u.row.anomaly);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_LIVE);
    ck_assert_uint_eq(status_of(bench).anomalies, 1);
    bench_close(bench);
}
END_TEST

START_TEST(hostile_numbers_change_nothing)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_OK, 0, "id-a");
    order_seen(bench, "a", "id-a", STATUS_PARTIALLY_FILLED, 11);
    order_seen(bench, "a", "id-a", STATUS_PARTIALLY_FILLED, -1);
    fill_seen(bench, "e1", "id-a", -3);
    fill_seen(bench, "e2", "id-a", 0);
    order_seen(bench, "a", "", STATUS_NEW, 0);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_ACKED);
    ck_assert_uint_eq(status_of(bench).anomalies, 5);
    bench_close(bench);
}
END_TEST

START_TEST(event_numbers_have_no_gap)
{
    struct bench *bench = bench_open(100, true);
    uint64_t seq = status_of(bench).last_seq;
    uint64_t send_id = sent(bench, "a");

    ck_assert_uint_eq(status_of(bench).last_seq, seq);
    answer(bench, send_id, REPLY_OK, 0, "id-a");
    ck_assert_uint_eq(must(bench, ACTION_ROW, 0)->u.row.seq, seq + 1);
    order_seen(bench, "a", "id-a", STATUS_NEW, 0);
    ck_assert_uint_eq(must(bench, ACTION_ROW, 0)->u.row.seq, seq + 2);
    ck_assert_uint_eq(engine_find(bench->engine, "a")->seq, seq + 2);
    bench_close(bench);
}
END_TEST

START_TEST(a_stop_sends_nothing_more_and_answers_everybody)
{
    struct bench *bench = bench_open(100, true);

    (void)sent(bench, "a");
    create(bench, "b");
    happens(bench, EVENT_STOP);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 2);
    for (int i = 0; i < 2; i++) {
        const struct engine_action *reply = must(bench, ACTION_REPLY, i);

        ck_assert_int_eq(reply->u.reply.outcome, strcmp(reply->u.reply.order.request.link, "a") == 0
                                                     ? OUTCOME_UNKNOWN
                                                     : OUTCOME_NOT_SENT);
    }
    commit(bench);
    ck_assert_ptr_null(first(bench, ACTION_SEND_CREATE));
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.order.state, ORDER_NOT_SENT);
    create(bench, "c");
    (void)replied(bench, OUTCOME_NOT_READY);
    bench_close(bench);
}
END_TEST

START_TEST(memory_is_bounded_and_final_orders_leave_it)
{
    struct bench *bench = bench_open(2, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_NOT_SENT, 0, "");
    (void)sent(bench, "b");
    (void)sent(bench, "c"); /* a makes room */
    ck_assert_ptr_null(engine_find(bench->engine, "a"));
    create(bench, "d");
    (void)replied(bench, OUTCOME_BUSY);
    bench_close(bench);

    bench = bench_open(100, true);
    send_id = sent(bench, "a");
    answer(bench, send_id, REPLY_REJECT, 1, "");
    tick_at(bench, T0 + 599999);
    ck_assert_ptr_nonnull(engine_find(bench->engine, "a"));
    tick_at(bench, T0 + 600000);
    ck_assert_ptr_null(engine_find(bench->engine, "a"));
    ck_assert_uint_eq(status_of(bench).orders_in_memory, 0);
    bench_close(bench);
}
END_TEST

START_TEST(who_is_done_with_for_longest_leaves_first)
{
    struct bench *bench = bench_open(4, true);
    uint64_t a = sent(bench, "a");
    uint64_t b = sent(bench, "b");
    uint64_t c = sent(bench, "c");
    uint64_t d = sent(bench, "d");

    answer(bench, b, REPLY_NOT_SENT, 0, "");
    bench->now_ms += 1000;
    answer(bench, d, REPLY_REJECT, 1, "");
    answer(bench, c, REPLY_NOT_SENT, 0, "");
    create(bench, "b"); /* tried again: it stays */
    create(bench, "e");
    ck_assert_ptr_null(engine_find(bench->engine, "d"));
    create(bench, "f");
    ck_assert_ptr_null(engine_find(bench->engine, "c"));
    create(bench, "g");
    (void)replied(bench, OUTCOME_BUSY);
    answer(bench, a, REPLY_REJECT, 1, "");
    create(bench, "g");
    ck_assert_ptr_null(engine_find(bench->engine, "a"));
    ck_assert_ptr_nonnull(engine_find(bench->engine, "b"));
    ck_assert_uint_eq(status_of(bench).orders_in_memory, 4);
    bench_close(bench);
}
END_TEST

/* Of this thread's own time. */
static int64_t rejected_ns(struct bench *bench, int from, int count)
{
    struct timespec began;
    struct timespec ended;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
    for (int i = from; i < from + count; i++) {
        char link[ORDER_LINK_MAX];

        (void)snprintf(link, sizeof(link), "link-%d", i);
        answer(bench, sent(bench, link), REPLY_REJECT, 1, "");
    }
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
    return (int64_t)(ended.tv_sec - began.tv_sec) * 1000000000 + ended.tv_nsec - began.tv_nsec;
}

/* A walk over all of them would take some hundred times as long. */
START_TEST(an_order_costs_no_more_when_memory_is_full)
{
    struct bench *bench = bench_open(20000, true);
    int64_t before_ns;
    int64_t full_ns;

    (void)rejected_ns(bench, 0, 18000);
    before_ns = rejected_ns(bench, 18000, 2000);
    full_ns = rejected_ns(bench, 20000, 2000);
    ck_assert_uint_eq(status_of(bench).orders_in_memory, 20000);
    ck_assert_int_lt(full_ns, 20 * before_ns);
    bench_close(bench);
}
END_TEST

START_TEST(links_made_here_grow)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = request_of("");
    char before[ORDER_LINK_MAX];

    create_request(bench, &request, WAIT_ACCEPTED, 0);
    memcpy(before, must(bench, ACTION_ROW, 0)->u.row.order.request.link, ORDER_LINK_MAX);
    ck_assert(link_is_valid(before));
    ck_assert_str_eq(must(bench, ACTION_ROW, 0)->u.row.order.request.client_id, before);
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    ck_assert_int_gt(strcmp(must(bench, ACTION_ROW, 0)->u.row.order.request.link, before), 0);
    bench_close(bench);
}
END_TEST

START_TEST(creates_are_refused_while_something_is_missing)
{
    struct bench *bench = bench_open(100, true);
    struct engine_event clock = { .kind = EVENT_CLOCK };

    happens(bench, EVENT_JOURNAL_DOWN);
    create(bench, "a");
    (void)replied(bench, OUTCOME_NOT_READY);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    happens(bench, EVENT_JOURNAL_UP);
    clock.u.clock.server_ms = T0;
    clock.u.clock.uncertainty_ms = 501;
    feed(bench, &clock);
    create(bench, "a");
    (void)replied(bench, OUTCOME_NOT_READY);
    happens(bench, EVENT_CLOCK);
    create(bench, "a");
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    bench_close(bench);
}
END_TEST

START_TEST(tests_may_run_the_times_faster)
{
    struct engine_times fast = engine_times_scaled(&engine_times_default, 20);

    ck_assert_int_eq(fast.order_deadline_ms, 250);
    ck_assert_int_eq(fast.lookup_after_ms[0], 100);
    ck_assert_int_eq(fast.lookups_needed, 3);
    fast = engine_times_scaled(&engine_times_default, 100000);
    ck_assert_int_eq(fast.read_retry_ms, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine");
    TCase *tcase = tcase_create("engine");
    SRunner *runner;
    int failures;

    tcase_add_test(tcase, a_create_is_sent_only_after_its_intent_is_committed);
    tcase_add_loop_test(tcase, each_answer_proves_what_it_proves, 0, ARRAY_LEN(answers));
    tcase_add_test(tcase, creates_go_on_when_the_key_is_seen_to_be_good);
    tcase_add_test(tcase, an_answer_with_another_orders_id_proves_nothing);
    tcase_add_test(tcase, a_soft_refusal_needs_one_empty_look_up);
    tcase_add_test(tcase, no_answer_in_time_is_unknown_and_a_late_one_still_counts);
    tcase_add_test(tcase, evidence_before_the_answer_answers_the_waiter);
    tcase_add_test(tcase, a_duplicate_is_adopted_only_if_it_matches);
    tcase_add_test(tcase, the_same_key_and_body_is_one_order);
    tcase_add_test(tcase, a_repeated_create_may_join_the_wait);
    tcase_add_test(tcase, what_was_not_sent_is_tried_again_as_another_attempt);
    tcase_add_test(tcase, a_cancel_says_whether_the_order_waits_for_its_trigger);
    tcase_add_test(tcase, another_attempt_goes_by_the_prices_of_now);
    tcase_add_test(tcase, another_attempt_that_the_journal_knows_goes_by_the_prices_of_now);
    tcase_add_test(tcase, a_link_that_the_journal_knows_is_judged_by_the_stored_order);
    tcase_add_test(tcase, a_cancelled_intent_writes_nothing_before_its_link_is_known_to_be_new);
    tcase_add_test(tcase, an_intent_past_its_deadline_is_not_sent);
    tcase_add_test(tcase, a_commit_after_the_deadline_sends_nothing);
    tcase_add_test(tcase, an_older_order_with_our_link_is_not_ours);
    tcase_add_test(tcase, a_closed_order_without_its_fills_is_looked_up);
    tcase_add_test(tcase, a_lost_create_with_a_wait_is_answered_when_it_is_found);
    tcase_add_test(tcase, the_watch_is_answered_by_the_change_or_by_time);
    tcase_add_test(tcase, a_wait_ends_when_who_waits_has_gone);
    tcase_add_test(tcase, a_create_goes_on_when_who_waits_has_gone);
    tcase_add_test(tcase, a_cancel_leaves_at_once_and_again_while_the_order_is_seen_open);
    tcase_add_loop_test(tcase, a_cancel_of_an_open_order_is_answered_by_its_answer, 0,
                        ARRAY_LEN(cancels));
    tcase_add_test(tcase, fills_are_counted_once_and_settle_the_order);
    tcase_add_test(tcase, one_execution_of_two_orders_is_two_fills);
    tcase_add_test(tcase, evidence_against_an_end_is_an_anomaly);
    tcase_add_test(tcase, hostile_numbers_change_nothing);
    tcase_add_test(tcase, event_numbers_have_no_gap);
    tcase_add_test(tcase, a_stop_sends_nothing_more_and_answers_everybody);
    tcase_add_test(tcase, memory_is_bounded_and_final_orders_leave_it);
    tcase_add_test(tcase, who_is_done_with_for_longest_leaves_first);
    tcase_add_test(tcase, an_order_costs_no_more_when_memory_is_full);
    tcase_add_test(tcase, links_made_here_grow);
    tcase_add_test(tcase, creates_are_refused_while_something_is_missing);
    tcase_add_test(tcase, tests_may_run_the_times_faster);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
