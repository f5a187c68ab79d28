/* tests/test_engine_guard_kit.h - the guard's events, beside those of test_engine_kit.h. */
#pragma once

#include "base/json.h"
#include "tests/test_engine_kit.h"

UNUSED_OK static void patch(struct bench *bench, const char *text)
{
    struct guard_patch patch;
    struct engine_event event = { .kind = EVENT_GUARD_PATCH };
    struct json object;
    struct error error = { .text = "" };

    ck_assert_int_eq(json_open(&object, text, strlen(text), &error), ERR_NONE);
    ck_assert_msg(!guard_read_patch(&patch, &object, CATEGORY_LINEAR, &error), "%s", error.text);
    event.u.guard_patch.patch = &patch;
    event.u.guard_patch.waiter = ++bench->waiter;
    feed(bench, &event);
}

UNUSED_OK static const struct guard_report *guard_report_of(struct bench *bench)
{
    struct engine_event event = { .kind = EVENT_GUARD_READ };

    event.u.guard_read = ++bench->waiter;
    feed(bench, &event);
    return replied(bench, OUTCOME_GUARD_DONE)->u.reply.report;
}

UNUSED_OK static const char *open_shown(struct bench *bench)
{
    static char shown[DECIMAL_TEXT_MAX];

    return decimal_format(&guard_report_of(bench)->all.open_notional, shown);
}

UNUSED_OK static void position_is(struct bench *bench, const char *symbol, int idx, int value,
                                  int64_t seq, int64_t updated_ms)
{
    struct engine_event event = { .kind = EVENT_POSITION };

    event.u.position.category = CATEGORY_LINEAR;
    event.u.position.symbol = symbol;
    event.u.position.position_idx = idx;
    event.u.position.value = decimal_from_int(value);
    event.u.position.exchange_seq = seq;
    event.u.position.updated_ms = updated_ms;
    feed(bench, &event);
}

/* By a read that has begun just now. */
UNUSED_OK static void positions_known(struct bench *bench, bool known)
{
    struct engine_event event = { .kind = EVENT_POSITIONS_KNOWN };

    event.u.positions.known = known;
    event.u.positions.begun_ms = known ? bench->now_ms : 0;
    feed(bench, &event);
}

/* Of 10 at 100, valued at that. */
UNUSED_OK static struct order_request valued(const char *link)
{
    struct order_request request = request_of(link);

    request.value_price = decimal_from_int(100);
    return request;
}

UNUSED_OK static void create_valued(struct bench *bench, const char *link)
{
    struct order_request request = valued(link);

    create_request(bench, &request, WAIT_ACCEPTED, 0);
}

/* Created, committed and acknowledged. */
UNUSED_OK static void acked(struct bench *bench, const char *link, const char *order_id)
{
    create_valued(bench, link);
    commit(bench);
    answer(bench, must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id, REPLY_OK, 0, order_id);
}

UNUSED_OK static void create_facts(struct bench *bench, const struct order_request *request,
                                   const struct guard_facts *facts, int64_t turn_ms)
{
    struct engine_event event = { .kind = EVENT_CREATE };

    event.u.create.request = request;
    event.u.create.waiter = ++bench->waiter;
    event.u.create.facts = facts;
    event.u.create.turn_ms = turn_ms;
    feed(bench, &event);
}

UNUSED_OK static void fill_seen_seq(struct bench *bench, const char *exec_id, const char *order_id,
                                    int qty, int64_t seq)
{
    struct fill fill = fill_of(exec_id, order_id, qty);
    struct engine_event event = { .kind = EVENT_FILL, .u.fill = &fill };

    fill.exchange_seq = seq;
    fill.at_ms = bench->now_ms + bench->skew_ms;
    feed(bench, &event);
}

UNUSED_OK static void kill_all(struct bench *bench, int64_t wait_ms)
{
    struct engine_event event = { .kind = EVENT_KILL };

    event.u.kill.reason = "a test";
    event.u.kill.by = "http";
    event.u.kill.waiter = wait_ms ? ++bench->waiter : 0;
    event.u.kill.wait_until_ms = bench->now_ms + wait_ms;
    feed(bench, &event);
}

UNUSED_OK static void arm(struct bench *bench)
{
    struct engine_event event = { .kind = EVENT_ARM };

    event.u.kill.reason = "";
    event.u.kill.by = "http";
    event.u.kill.waiter = ++bench->waiter;
    feed(bench, &event);
}

/* The n-th ROW_GUARD's change, "" when there is none. */
UNUSED_OK static const char *guard_row(const struct bench *bench, int n)
{
    for (int i = 0; nth(bench, ACTION_ROW, i); i++) {
        const struct engine_action *row = must(bench, ACTION_ROW, i);

        if (row->u.row.kind == ROW_GUARD && n-- == 0)
            return row->u.row.guard_change;
    }
    return "";
}
