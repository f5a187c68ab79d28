/* tests/test_engine_amend_kit.h - amends of one order, beside what test_engine_guard_kit.h has. */
#pragma once

#include "tests/test_engine_guard_kit.h"

#define HORIZON_MS                                                                                 \
    41020 /* after it was signed, by our clock: window, slack, uncertainty of 20 ms */

UNUSED_OK static struct order_change change_of(int qty, int price)
{
    struct order_change change;

    order_change_clear(&change);
    if (qty)
        change.qty = decimal_from_int(qty);
    if (price)
        change.price = decimal_from_int(price);
    return change;
}

UNUSED_OK static void amend_change(struct bench *bench, const char *id,
                                   const struct order_change *change, enum engine_wait wait,
                                   int64_t wait_ms)
{
    struct engine_event event = { .kind = EVENT_AMEND };

    event.u.amend.id = id;
    event.u.amend.change = change;
    event.u.amend.waiter = ++bench->waiter;
    event.u.amend.wait = wait;
    event.u.amend.wait_until_ms = wait_ms ? bench->now_ms + wait_ms : 0;
    feed(bench, &event);
}

UNUSED_OK static void amend(struct bench *bench, const char *id, int qty, int price)
{
    struct order_change change = change_of(qty, price);

    amend_change(bench, id, &change, WAIT_ACCEPTED, 0);
}

/* With a wait until the order shows it. */
UNUSED_OK static void amend_final(struct bench *bench, const char *id, int qty, int price)
{
    struct order_change change = change_of(qty, price);

    amend_change(bench, id, &change, WAIT_FINAL, 90000);
}

/* An order of 10 at 100 that is open. */
UNUSED_OK static struct bench *bench_live(void)
{
    struct bench *bench = bench_open(100, true);

    answer(bench, sent(bench, "a"), REPLY_OK, 0, "id-a");
    order_seen(bench, "a", "id-a", STATUS_NEW, 0);
    bench->now_ms += 1000;
    return bench;
}

/* Commits what was asked for, and gives the id of the send. */
UNUSED_OK static uint64_t amend_sent(struct bench *bench)
{
    commit(bench);
    ck_assert_int_eq(count(bench, ACTION_SEND_AMEND), 1);
    return must(bench, ACTION_SEND_AMEND, 0)->u.send.send_id;
}

UNUSED_OK static struct order_report report_with(struct bench *bench, enum exchange_status status,
                                                 int filled, int qty, int price)
{
    struct order_report report =
        report_of("a", "id-a", status, filled, bench->now_ms + bench->skew_ms);

    report.qty = decimal_from_int(qty);
    report.price = decimal_from_int(price);
    report.take_profit = DECIMAL_NONE;
    report.stop_loss = DECIMAL_NONE;
    return report;
}

UNUSED_OK static void seen_with(struct bench *bench, enum exchange_status status, int filled,
                                int qty, int price)
{
    struct order_report report = report_with(bench, status, filled, qty, price);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };

    feed(bench, &event);
}

UNUSED_OK static const struct order *order_of(const struct bench *bench, const char *id)
{
    const struct order *order = engine_find(bench->engine, id);

    ck_assert_ptr_nonnull(order);
    if (!order)
        abort();
    return order;
}

UNUSED_OK static void must_be(const struct bench *bench, int qty, int price, enum amend_state state)
{
    const struct order *order = order_of(bench, "a");
    struct decimal wanted_qty = decimal_from_int(qty);
    struct decimal wanted_price = decimal_from_int(price);

    ck_assert_int_eq(decimal_cmp(&order->request.qty, &wanted_qty), 0);
    ck_assert_int_eq(decimal_cmp(&order->request.price, &wanted_price), 0);
    ck_assert_int_eq(order->amend, state);
}

/* Lets time pass and answers each look-up with the order as it is, until one has settled the amend;
 * gives when that was. */
UNUSED_OK static int64_t look_until_settled(struct bench *bench, int qty, int price)
{
    int64_t end_ms = bench->now_ms + 200000;

    while (order_of(bench, "a")->amend != AMEND_NONE) {
        int64_t tick_ms = engine_next_tick_ms(bench->engine);

        ck_assert_int_lt(tick_ms, end_ms);
        tick_at(bench, tick_ms > bench->now_ms ? tick_ms : bench->now_ms);
        while (first(bench, ACTION_READ)) {
            const struct engine_action *read = must(bench, ACTION_READ, 0);
            struct order_report report = report_with(bench, STATUS_NEW, 0, qty, price);

            if (read->u.read.kind == READ_ORDER)
                page(bench, read->u.read.read_id, true, &report, 1, NULL, 0, "");
            else
                empty_page(bench, read->u.read.read_id);
        }
    }
    return bench->now_ms;
}
