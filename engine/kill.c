/* engine/kill.c - kill and arm, and what comes of the orders.
 *
 * A kill acts in memory first: from this step on no create is taken, and none that waits for its
 * commit is sent. What may be open is cancelled: orders whose fate is open one by one, at once; all
 * others by the sweep (sweep.c).
 *
 * What a commit that hangs leaves in the file is not known: after a crash its rows may be there. So
 * an arm is handed to the journal only once the journal has just committed something, the kill
 * itself once more; until then nothing that a restart might find armed has left memory, and an arm
 * that is told as none is none. From its own row on it is in effect.
 */
#include <string.h>

#include "base/text.h"
#include "engine/internal.h"

static const char WHY_KILLED[] = "killed";

bool kill_is_on(const struct engine *engine)
{
    return engine->guard.state.killed;
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

/* One that comes while killed joins, and ends an arm that has not taken effect; where nothing was
 * open it looks once more. */
static void kill_again(struct engine *engine)
{
    engine->guard.arming = false;
    guard_waiters_end(engine, GUARD_WAIT_ARM, OUTCOME_NOT_READY, "killed again meanwhile");
    if (!engine->guard.state.clear)
        return;
    engine->guard.state.clear = false;
    sweep_begin(engine);
}

/* Who waits for an arm that is in effect, and not durable yet, need not wait any longer. */
static void kill_first(struct engine *engine, const struct engine_event *event)
{
    guard_waiters_end(engine, GUARD_WAIT_ARM, OUTCOME_NOT_READY, "killed again meanwhile");
    set_state(engine, true, engine->now_ms, event->u.kill.reason, event->u.kill.by);
    cancelled_forget(engine);
    guard_changed(engine, "killed", true);
    take_effect(engine);
}

void kill_begin(struct engine *engine, const struct engine_event *event)
{
    struct guarded *guard = &engine->guard;
    struct guard_waiter waiter = { .id = event->u.kill.waiter,
                                   .kind = GUARD_WAIT_KILL,
                                   .durable_ms = engine->now_ms + engine->times->kill_durable_ms,
                                   .until_ms = event->u.kill.wait_until_ms };

    if (guard->state.killed)
        kill_again(engine);
    else
        kill_first(engine, event);
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

static void arm_prepare(struct engine *engine, const struct engine_event *event)
{
    struct guarded *guard = &engine->guard;

    guard->arming = true;
    text_cut(guard->arm.reason, sizeof(guard->arm.reason), event->u.kill.reason);
    text_cut(guard->arm.by, sizeof(guard->arm.by), event->u.kill.by);
    row_guard(engine, NULL);
    guard->arm.position = engine->last_position;
    guard->arm.due_ms = engine->now_ms + engine->times->guard_commit_ms;
}

const char *kill_why_not_armed(const struct engine *engine)
{
    return kill_is_on(engine) ? "not armed: the bridge is stopping"
                              : "armed, but not durable: the bridge is stopping";
}

void kill_arm(struct engine *engine, const struct engine_event *event)
{
    struct guarded *guard = &engine->guard;
    struct guard_waiter waiter = { .id = event->u.kill.waiter,
                                   .kind = GUARD_WAIT_ARM,
                                   .position = guard->position,
                                   .until_ms = engine->now_ms + engine->times->guard_commit_ms };

    if (!kill_is_on(engine) && engine->committed >= guard->position) {
        guard_reply(engine, waiter.id, OUTCOME_GUARD_DONE, NULL);
        return;
    }
    if (engine->stopping) {
        guard_reply(engine, waiter.id, OUTCOME_NOT_READY, kill_why_not_armed(engine));
        return;
    }
    if (!guard_can_wait(engine)) {
        guard_reply(engine, waiter.id, OUTCOME_BUSY, "too many changes of the guard wait");
        return;
    }
    guard_wait_add(engine, &waiter);
    if (kill_is_on(engine) && !guard->arming)
        arm_prepare(engine, event);
}

/* The journal works. What follows has its own time to be durable. */
static void arm_take_effect(struct engine *engine)
{
    struct guarded *guard = &engine->guard;

    guard->arming = false;
    guard_waiters_end(engine, GUARD_WAIT_KILL, OUTCOME_GUARD_DONE, NULL);
    sweep_end(engine);
    set_state(engine, false, engine->now_ms, guard->arm.reason, guard->arm.by);
    guard_changed(engine, "armed", true);
    for (size_t i = 0; i < guard->waiters_count; i++) {
        if (guard->waiters[i].kind != GUARD_WAIT_ARM)
            continue;
        guard->waiters[i].position = guard->position;
        guard->waiters[i].until_ms = engine->now_ms + engine->times->guard_commit_ms;
    }
}

void kill_arm_pump(struct engine *engine)
{
    struct guarded *guard = &engine->guard;

    if (!guard->arming || engine->stopping)
        return;
    if (engine->committed >= guard->arm.position) {
        arm_take_effect(engine);
    } else if (engine->now_ms >= guard->arm.due_ms) {
        guard->arming = false;
        guard_waiters_end(engine, GUARD_WAIT_ARM, OUTCOME_NOT_READY,
                          "not armed: the journal did not commit it in time");
    }
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
}
