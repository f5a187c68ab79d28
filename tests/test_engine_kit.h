/* tests/test_engine_kit.h - drives one engine by hand: each helper feeds one event; its actions are
 * in bench.actions. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "engine/engine.h"

#define T0 1700000000000

struct bench {
    struct engine *engine;
    struct engine_actions actions;
    int64_t now_ms;
    int64_t skew_ms; /* server clock - ours */
    uint64_t waiter; /* last used */
    uint64_t position;
};

#define UNUSED_OK __attribute__((unused))

UNUSED_OK static void feed(struct bench *bench, struct engine_event *event)
{
    event->now_ms = bench->now_ms;
    bench->actions.count = 0;
    ck_assert_int_eq(engine_step(bench->engine, event, &bench->actions), ERR_NONE);
    for (size_t i = 0; i < bench->actions.count; i++) {
        const struct engine_action *action = &bench->actions.list[i];

        if (action->kind != ACTION_ROW)
            continue;
        ck_assert_uint_eq(action->u.row.position, bench->position + 1);
        bench->position = action->u.row.position;
    }
}

/* The n-th action of a kind, or NULL. */
UNUSED_OK static const struct engine_action *nth(const struct bench *bench, enum action_kind kind,
                                                 int n)
{
    for (size_t i = 0; i < bench->actions.count; i++) {
        if (bench->actions.list[i].kind == kind && n-- == 0)
            return &bench->actions.list[i];
    }
    return NULL;
}

UNUSED_OK static const struct engine_action *first(const struct bench *bench, enum action_kind kind)
{
    return nth(bench, kind, 0);
}

UNUSED_OK static const struct engine_action *must(const struct bench *bench, enum action_kind kind,
                                                  int n)
{
    const struct engine_action *action = nth(bench, kind, n);

    ck_assert_msg(action != NULL, "no such action");
    if (!action)
        abort(); /* for the compiler: the assertion does not return */
    return action;
}

UNUSED_OK static int count(const struct bench *bench, enum action_kind kind)
{
    int n = 0;

    while (nth(bench, kind, n))
        n++;
    return n;
}

/* The only reply, and its outcome. */
UNUSED_OK static const struct engine_action *replied(const struct bench *bench,
                                                     enum outcome outcome)
{
    const struct engine_action *reply = must(bench, ACTION_REPLY, 0);

    ck_assert_int_eq(reply->u.reply.outcome, outcome);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 1);
    return reply;
}

UNUSED_OK static void tick_at(struct bench *bench, int64_t at_ms)
{
    struct engine_event event = { .kind = EVENT_TICK };

    bench->now_ms = at_ms;
    feed(bench, &event);
}

UNUSED_OK static void happens(struct bench *bench, enum event_kind kind)
{
    struct engine_event event = { .kind = kind };

    if (kind == EVENT_CLOCK) {
        event.u.clock.server_ms = bench->now_ms + bench->skew_ms;
        event.u.clock.uncertainty_ms = 20;
    }
    feed(bench, &event);
}

UNUSED_OK static void commit(struct bench *bench)
{
    struct engine_event event = { .kind = EVENT_COMMITTED };

    event.u.committed.position = bench->position;
    feed(bench, &event);
}

UNUSED_OK static void commit_known(struct bench *bench, const struct order *known)
{
    struct engine_event event = { .kind = EVENT_COMMITTED };

    event.u.committed.position = bench->position;
    event.u.committed.known = known;
    event.u.committed.known_count = 1;
    feed(bench, &event);
}

UNUSED_OK static struct order_request request_of(const char *link)
{
    struct order_request request;

    memset(&request, 0, sizeof(request));
    (void)snprintf(request.link, sizeof(request.link), "%s", link);
    (void)snprintf(request.client_id, sizeof(request.client_id), "%s", link);
    memcpy(request.symbol, "BTCUSDT", 8);
    memcpy(request.tag, "grid", 5);
    request.category = CATEGORY_LINEAR;
    request.side = SIDE_BUY;
    request.type = ORDER_TYPE_LIMIT;
    request.tif = TIF_GTC;
    request.qty = decimal_from_int(10);
    request.price = decimal_from_int(100);
    request.trigger_price = DECIMAL_NONE;
    request.take_profit = DECIMAL_NONE;
    request.stop_loss = DECIMAL_NONE;
    request.body_hash[0] = 1;
    return request;
}

UNUSED_OK static void create_request(struct bench *bench, const struct order_request *request,
                                     enum engine_wait wait, int64_t wait_ms)
{
    struct engine_event event = { .kind = EVENT_CREATE };

    event.u.create.request = request;
    event.u.create.waiter = ++bench->waiter;
    event.u.create.wait = wait;
    event.u.create.wait_until_ms = wait_ms ? bench->now_ms + wait_ms : 0;
    feed(bench, &event);
}

UNUSED_OK static void create(struct bench *bench, const char *link)
{
    struct order_request request = request_of(link);

    create_request(bench, &request, WAIT_ACCEPTED, 0);
}

UNUSED_OK static void ask(struct bench *bench, enum event_kind kind, const char *id,
                          enum engine_wait wait, int64_t wait_ms)
{
    struct engine_event event = { .kind = kind };

    event.u.cancel.id = id;
    event.u.cancel.waiter = ++bench->waiter;
    event.u.cancel.wait = wait;
    event.u.cancel.wait_until_ms = wait_ms ? bench->now_ms + wait_ms : 0;
    feed(bench, &event);
}

UNUSED_OK static void answer(struct bench *bench, uint64_t send_id, enum answer_kind kind,
                             int ret_code, const char *order_id)
{
    struct engine_event event = { .kind = EVENT_ANSWER };

    event.u.answer.send_id = send_id;
    event.u.answer.kind = kind;
    event.u.answer.ret_code = ret_code;
    event.u.answer.ret_msg = "said so";
    event.u.answer.order_id = order_id;
    event.u.answer.signed_ms = bench->now_ms + bench->skew_ms - 50;
    feed(bench, &event);
}

/* Creates, commits, and gives the id of the send. */
UNUSED_OK static uint64_t sent(struct bench *bench, const char *link)
{
    create(bench, link);
    ck_assert_int_eq(count(bench, ACTION_SEND_CREATE), 0);
    commit(bench);
    ck_assert_int_eq(count(bench, ACTION_SEND_CREATE), 1);
    return must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id;
}

UNUSED_OK static struct order_report report_of(const char *link, const char *order_id,
                                               enum exchange_status status, int filled,
                                               int64_t at_ms)
{
    struct order_report report;

    memset(&report, 0, sizeof(report));
    (void)snprintf(report.link, sizeof(report.link), "%s", link);
    (void)snprintf(report.order_id, sizeof(report.order_id), "%s", order_id);
    memcpy(report.symbol, "BTCUSDT", 8);
    report.category = CATEGORY_LINEAR;
    report.side = SIDE_BUY;
    report.type = ORDER_TYPE_LIMIT;
    report.tif = TIF_GTC;
    report.status = status;
    report.qty = decimal_from_int(10);
    report.price = decimal_from_int(100);
    report.trigger_price = DECIMAL_NONE;
    report.filled_qty = decimal_from_int(filled);
    report.filled_value = DECIMAL_NONE;
    report.avg_price = DECIMAL_NONE;
    report.created_ms = at_ms;
    report.updated_ms = at_ms;
    return report;
}

UNUSED_OK static void order_seen(struct bench *bench, const char *link, const char *order_id,
                                 enum exchange_status status, int filled)
{
    struct order_report report =
        report_of(link, order_id, status, filled, bench->now_ms + bench->skew_ms);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };

    feed(bench, &event);
}

UNUSED_OK static struct fill fill_of(const char *exec_id, const char *order_id, int qty)
{
    struct fill fill;

    memset(&fill, 0, sizeof(fill));
    (void)snprintf(fill.exec_id, sizeof(fill.exec_id), "%s", exec_id);
    (void)snprintf(fill.order_id, sizeof(fill.order_id), "%s", order_id);
    memcpy(fill.symbol, "BTCUSDT", 8);
    fill.category = CATEGORY_LINEAR;
    fill.side = SIDE_BUY;
    fill.qty = decimal_from_int(qty);
    fill.price = decimal_from_int(100);
    fill.value = DECIMAL_NONE;
    fill.fee = DECIMAL_ZERO;
    fill.closed_qty = DECIMAL_NONE;
    return fill;
}

UNUSED_OK static void fill_seen(struct bench *bench, const char *exec_id, const char *order_id,
                                int qty)
{
    struct fill fill = fill_of(exec_id, order_id, qty);
    struct engine_event event = { .kind = EVENT_FILL, .u.fill = &fill };

    feed(bench, &event);
}

UNUSED_OK static void found(struct bench *bench, uint64_t find_id, const struct order *order,
                            bool fill_known)
{
    struct engine_event event = { .kind = EVENT_FOUND };

    event.u.found.find_id = find_id;
    event.u.found.order = order;
    event.u.found.fill_known = fill_known;
    feed(bench, &event);
}

UNUSED_OK static void page(struct bench *bench, uint64_t read_id, bool ok,
                           const struct order_report *reports, size_t reports_count,
                           const struct fill *fills, size_t fills_count, const char *cursor)
{
    struct engine_event event = { .kind = EVENT_PAGE };

    event.u.page.read_id = read_id;
    event.u.page.ok = ok;
    event.u.page.reports = reports;
    event.u.page.reports_count = reports_count;
    event.u.page.fills = fills;
    event.u.page.fills_count = fills_count;
    event.u.page.next_cursor = cursor;
    feed(bench, &event);
}

UNUSED_OK static void empty_page(struct bench *bench, uint64_t read_id)
{
    page(bench, read_id, true, NULL, 0, NULL, 0, "");
}

/* Answers every read that is asked, and those asked then, with an empty page. Returns how many. */
UNUSED_OK static int answer_reads_empty(struct bench *bench)
{
    uint64_t ids[64] = { 0 };
    int asked = 0;
    int answered = 0;

    while (first(bench, ACTION_READ) || answered < asked) {
        for (int n = 0; nth(bench, ACTION_READ, n); n++) {
            ck_assert_int_lt(asked, 64);
            ids[asked++] = must(bench, ACTION_READ, n)->u.read.read_id;
        }
        empty_page(bench, ids[answered++]);
    }
    return answered;
}

/* With the watermark of an earlier run (0: the very first start), and coins of options. */
UNUSED_OK static struct bench *bench_open_with(size_t orders_max, int64_t watermark_ms,
                                               const char (*option_coins)[COIN_MAX],
                                               size_t option_coins_count)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct engine_config config = { .times = engine_times_default,
                                    .has_keys = true,
                                    .watermark_ms = watermark_ms,
                                    .link_prefix = "t-1-",
                                    .orders_max = orders_max,
                                    .option_coins = option_coins,
                                    .option_coins_count = option_coins_count };

    if (!bench)
        abort();
    bench->now_ms = T0;
    bench->skew_ms = 300;
    ck_assert_int_eq(engine_create(&bench->engine, &config), ERR_NONE);
    return bench;
}

/* Options on one coin alone. */
UNUSED_OK static struct bench *bench_open_at(size_t orders_max, bool ready, int64_t watermark_ms)
{
    static const char option_coins[][COIN_MAX] = { "BTC" };
    struct bench *bench = bench_open_with(orders_max, watermark_ms, option_coins, 1);

    if (!ready)
        return bench;
    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    ck_assert_int_eq(answer_reads_empty(bench), 13);
    return bench;
}

UNUSED_OK static struct bench *bench_open(size_t orders_max, bool ready)
{
    return bench_open_at(orders_max, ready, T0 - 60000);
}

UNUSED_OK static void bench_close(struct bench *bench)
{
    engine_destroy(bench->engine);
    free(bench->actions.list);
    free(bench);
}

UNUSED_OK static enum order_state state_of(const struct bench *bench, const char *id)
{
    const struct order *order = engine_find(bench->engine, id);

    ck_assert_ptr_nonnull(order);
    return order ? order->state : ORDER_INTENT;
}

UNUSED_OK static struct engine_status status_of(const struct bench *bench)
{
    struct engine_status status;

    engine_get_status(bench->engine, &status);
    return status;
}
