/* engine/kill.c - kill and arm, and what comes of the orders.
 *
 * A kill acts in memory first: from this step on no create is taken, and none that waits for its
 * commit is sent. What may be open is cancelled: orders whose fate is open one by one, at once; all
 * others by the sweep (sweep.c). An arm holds once it is committed, so that a crash cannot find the
 * bridge armed in memory and killed in the journal, or the other way round.
 */
#include <string.h>

#include "base/text.h"
#include "engine/internal.h"

static const char WHY_KILLED[] = "killed";

bool kill_is_on(const struct engine *engine)
{
    return engine->guard.state.killed || engine->guard.arming;
}

size_t kill_open_count(const struct engine *engine)
{
    return engine->states[ORDER_SENT] + engine->states[ORDER_ACKED] +
           engine->states[ORDER_UNKNOWN] + engine->states[ORDER_LIVE];
}

/* --- the orders --- */

static void stop_record(struct engine *engine, struct record *record)
{
    if (order_state_is_final(record->order.state))
        return;
    record->swept = true;
    if (record->intent_position)
        create_doom(record, WHY_KILLED);
    amend_drop(engine, record, WHY_KILLED);
    if (record->order.state == ORDER_SENT || record->order.state == ORDER_ACKED ||
        record->order.state == ORDER_UNKNOWN)
        cancel_wish(engine, record);
    record_done(engine, record);
}

static void stop_all(struct engine *engine)
{
    for (struct record *record = engine->records; record; record = record->next)
        stop_record(engine, record);
}

static void note_end(struct engine *engine, struct record *record)
{
    const struct order *order = &record->order;

    record->swept = false;
    if (decimal_sign(&order->filled_qty) > 0)
        sweep_filled(engine, order);
    cancelled_end(engine, order);
}

void kill_note(struct engine *engine, struct record *record)
{
    if (order_state_is_final(record->order.state)) {
        if (record->swept || cancelled_is_told(engine, &record->order))
            note_end(engine, record);
        return;
    }
    if (!engine->guard.sweeping || record->order.state == ORDER_INTENT)
        return;
    record->swept = true;
    cancelled_open(engine, &record->order);
    sweep_reopen(engine, &record->order);
}

void kill_sees_first(struct engine *engine, struct record *record)
{
    record->swept = cancelled_since(engine, &record->order);
}

/* Before the journal has said whose it is. */
void kill_sees_open(struct engine *engine, const struct order_report *report)
{
    struct order order;

    order_from_report(&order, report, engine->now_ms);
    sweep_reopen(engine, &order);
}

/* --- kill --- */

static void set_state(struct engine *engine, bool killed, int64_t since_ms, const char *reason,
                      const char *by)
{
    struct guard_state *state = &engine->guard.state;

    state->killed = killed;
    state->clear = false;
    state->since_ms = since_ms;
    text_cut(state->reason, sizeof(state->reason), reason ? reason : "");
    text_cut(state->by, sizeof(state->by), by ? by : "");
}

static void take_effect(struct engine *engine)
{
    stop_all(engine);
    sweep_begin(engine);
}

/* One that comes while killed joins; where nothing was open it looks once more. */
static void kill_again(struct engine *engine)
{
    if (!engine->guard.state.clear)
        return;
    engine->guard.state.clear = false;
    sweep_begin(engine);
}

void kill_begin(struct engine *engine, const struct engine_event *event)
{
    struct guarded *guard = &engine->guard;
    struct guard_waiter waiter = { .id = event->u.kill.waiter,
                                   .kind = GUARD_WAIT_KILL,
                                   .durable_ms = engine->now_ms + engine->times->kill_durable_ms,
                                   .until_ms = event->u.kill.wait_until_ms };

    if (guard->state.killed) {
        kill_again(engine);
    } else {
        guard->arming = false;
        guard_waiters_end(engine, GUARD_WAIT_ARM, OUTCOME_NOT_READY, "killed again meanwhile");
        set_state(engine, true, engine->now_ms, event->u.kill.reason, event->u.kill.by);
        cancelled_forget(engine);
        guard_changed(engine, "killed", true);
        take_effect(engine);
    }
    waiter.position = guard->position;
    if (guard_can_wait(engine))
        guard_wait_add(engine, &waiter);
    else
        guard_reply(engine, waiter.id, OUTCOME_GUARD_DONE, NULL); /* with what is so by now */
}

void kill_start(struct engine *engine)
{
    if (!engine->guard.state.killed)
        return;
    engine->guard.state.clear = false;
    cancelled_forget(engine);
    take_effect(engine);
}

/* --- arm --- */

static void keep_kill(struct guarded *guard)
{
    guard->kill.since_ms = guard->state.since_ms;
    text_cut(guard->kill.reason, sizeof(guard->kill.reason), guard->state.reason);
    text_cut(guard->kill.by, sizeof(guard->kill.by), guard->state.by);
}

void kill_arm(struct engine *engine, const struct engine_event *event)
{
    struct guarded *guard = &engine->guard;
    struct guard_waiter waiter = { .id = event->u.kill.waiter, .kind = GUARD_WAIT_ARM };

    if (!kill_is_on(engine)) {
        guard_reply(engine, waiter.id, OUTCOME_GUARD_DONE, NULL);
        return;
    }
    if (!guard_can_wait(engine)) {
        guard_reply(engine, waiter.id, OUTCOME_BUSY, "too many changes of the guard wait");
        return;
    }
    guard_wait_add(engine, &waiter);
    if (guard->arming)
        return;
    keep_kill(guard);
    sweep_end(engine);
    guard_waiters_end(engine, GUARD_WAIT_KILL, OUTCOME_GUARD_DONE, NULL);
    set_state(engine, false, engine->now_ms, event->u.kill.reason, event->u.kill.by);
    guard_changed(engine, "armed", true);
    guard->arming = true;
    guard->arm_position = guard->position;
    guard->arm_due_ms = engine->now_ms + engine->times->guard_commit_ms;
}

/* The row of the arm may still be committed: another one behind it says that the kill stays. */
void kill_arm_failed(struct engine *engine)
{
    struct guarded *guard = &engine->guard;

    guard->arming = false;
    set_state(engine, true, guard->kill.since_ms, guard->kill.reason, guard->kill.by);
    guard_changed(engine, "killed", true);
    sweep_begin(engine);
    guard_waiters_end(engine, GUARD_WAIT_ARM, OUTCOME_NOT_READY,
                      "not armed: the journal did not commit it in time");
}

/* --- the report --- */

void kill_report(const struct engine *engine, struct guard_report *report)
{
    const struct guarded *guard = &engine->guard;

    report->open_count = engine->states[ORDER_LIVE] + engine->states[ORDER_ACKED];
    report->unknown_count = engine->states[ORDER_UNKNOWN] + engine->states[ORDER_SENT];
    /* An intent is stopped at once; that it was one shows at its commit. */
    report->not_sent_count =
        guard->not_sent + (kill_is_on(engine) ? engine->states[ORDER_INTENT] : 0);
    if (!guard->arming)
        return;
    report->state.killed = true;
    report->state.since_ms = guard->kill.since_ms;
    text_cut(report->state.reason, sizeof(report->state.reason), guard->kill.reason);
    text_cut(report->state.by, sizeof(report->state.by), guard->kill.by);
}
