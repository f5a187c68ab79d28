/* engine/amend.c - an amend from its request to what settles it.
 *
 *   INTENT --committed--> SENT --answer--> SENT (acknowledged) | UNKNOWN | none: it did not happen
 *
 * One is in flight at a time, and it is never sent twice. An acknowledgement proves nothing: the
 * order's own values do. Equal to the change: made. Something else in a look-up that began when the
 * exchange could not accept it any more: not made. The end of the order ends it too.
 */
#include <string.h>

#include "base/text.h"
#include "engine/internal.h"

static const char WHY_DEADLINE[] = "its deadline passed before it could be sent";

static int64_t deadline_ms(const struct engine *engine, const struct record *record)
{
    return record->order.amend_ms + engine->times->order_deadline_ms;
}

/* --- whether it is taken --- */

static bool refuse(struct engine *engine, const struct engine_event *event,
                   const struct record *record, enum outcome outcome, const char *why)
{
    (void)reply_add(engine, event->u.amend.waiter, outcome, record, 0, why, 0);
    return true;
}

static bool refused_by_state(struct engine *engine, const struct engine_event *event,
                             const struct record *record)
{
    const struct order *order = &record->order;

    if (order_state_is_final(order->state))
        return refuse(engine, event, record, OUTCOME_ENDED, "the order has ended");
    if (order->amend != AMEND_NONE || record->amend_position)
        return refuse(engine, event, record, OUTCOME_CONFLICT,
                      "another amend of this order is in flight");
    if (order->cancel_wanted)
        return refuse(engine, event, record, OUTCOME_CONFLICT, "the order is being cancelled");
    if ((order->state != ORDER_ACKED && order->state != ORDER_LIVE) || record->intent_position)
        return refuse(engine, event, record, OUTCOME_CONFLICT,
                      "it is not known yet whether the order is at the exchange");
    return false;
}

static bool refused(struct engine *engine, const struct engine_event *event,
                    const struct record *record)
{
    uint64_t waiter = event->u.amend.waiter;

    if (!record)
        return refuse(engine, event, NULL, OUTCOME_NOT_FOUND, "no such order in memory");
    if (refused_by_state(engine, event, record))
        return true;
    return admit_is_closed(engine, waiter, record, event->u.amend.killed) ||
           admit_is_refused(engine, waiter, record,
                            guard_judge_amend(engine, record, event->u.amend.change,
                                              event->u.amend.client, event->u.amend.facts),
                            event->u.amend.turn_ms);
}

/* Nothing would change, and what is known of the order is not stale: so a repeated PATCH is no
 * error. */
static bool is_made_already(const struct engine *engine, const struct record *record,
                            const struct order_change *change)
{
    return engine->private_up && order_change_is_made(&record->order.request, change);
}

/* --- its intent --- */

static void submit(struct engine *engine, struct record *record)
{
    row_order(engine, record, ROW_AMEND, false, false);
    record->amend_position = engine->last_position;
    record->amend_next = NULL;
    if (engine->amends_last)
        engine->amends_last->amend_next = record;
    else
        engine->amends_first = record;
    engine->amends_last = record;
    engine->amends_count++;
    engine->amends_of[record->order.request.category]++;
}

static int64_t wait_until(const struct engine *engine, const struct record *record,
                          const struct engine_event *event)
{
    if (event->u.amend.wait == WAIT_ACCEPTED || event->u.amend.wait_until_ms == 0)
        return deadline_ms(engine, record) + engine->times->answer_timeout_ms;
    return event->u.amend.wait_until_ms;
}

void amend_begin(struct engine *engine, const struct engine_event *event)
{
    struct record *record = record_by_any(engine, event->u.amend.id);

    if (refused(engine, event, record))
        return;
    if (is_made_already(engine, record, event->u.amend.change)) {
        (void)reply_add(engine, event->u.amend.waiter, OUTCOME_OK, record, 0, NULL, 0);
        return;
    }
    record->order.amend = AMEND_INTENT;
    record->order.change = *event->u.amend.change;
    record->order.amend_ms = engine->now_ms;
    memset(&record->amend, 0, sizeof(record->amend));
    submit(engine, record);
    (void)waiter_add(engine, record, WAITER_AMEND, event, wait_until(engine, record, event));
    record_done(engine, record);
}

/* --- its end --- */

static void end(struct engine *engine, struct record *record, enum outcome outcome, const char *why,
                int ret_code)
{
    struct text text = text_in(record->amend.why, sizeof(record->amend.why));

    record_set_amend_send(engine, record, 0);
    record->order.amend = AMEND_NONE;
    record->amend.outcome = outcome;
    record->amend.ret_code = ret_code;
    text_add(&text, why ? why : "");
}

/* It is not at the exchange, or was refused there. */
static void fail(struct engine *engine, struct record *record, enum outcome outcome,
                 const char *why, int ret_code)
{
    end(engine, record, outcome, why, ret_code);
    row_order(engine, record, ROW_ORDER, true, false);
}

static void drop(struct engine *engine, struct record *record, const char *why)
{
    fail(engine, record, OUTCOME_NOT_SENT, why, 0);
}

static void made(struct engine *engine, struct record *record)
{
    struct order_request *request = &record->order.request;
    struct order_request after;

    exposure_amended(request, &record->order.change, &after);
    if (decimal_is_none(&after.value_price))
        after.value_price = request->value_price; /* the merge has seen to it */
    *request = after;
    end(engine, record, OUTCOME_OK, NULL, 0);
}

void amend_end_with_order(struct engine *engine, struct record *record)
{
    if (record->order.amend == AMEND_NONE)
        return;
    if (record->order.amend == AMEND_INTENT)
        end(engine, record, OUTCOME_ENDED, "the order ended before the amend was sent", 0);
    else
        end(engine, record, OUTCOME_ENDED, "the order ended before it was amended", 0);
}

bool amend_is_shown(struct engine *engine, struct record *record, const struct order_report *report)
{
    if (!amend_has_left(record) || !order_change_is_shown(&record->order.change, report))
        return false;
    made(engine, record);
    return true;
}

/* --- the commit --- */

static const char *why_not_send(const struct engine *engine, const struct record *record)
{
    if (record->order.cancel_wanted)
        return "the order is being cancelled";
    if (engine->now_ms > deadline_ms(engine, record))
        return WHY_DEADLINE;
    if (engine->stopping)
        return "the bridge is stopping";
    if (kill_is_on(engine))
        return "killed";
    return engine->auth_why[0] ? engine->auth_why : NULL;
}

static void send(struct engine *engine, struct record *record)
{
    struct engine_action *action = action_add(engine, ACTION_SEND_AMEND);

    action->u.send.send_id = next_id(engine);
    action->u.send.deadline_ms = deadline_ms(engine, record);
    action->u.send.request = record->order.request;
    action->u.send.change = record->order.change;
    memcpy(action->u.send.order_id, record->order.order_id, sizeof(action->u.send.order_id));
    record_set_amend_send(engine, record, action->u.send.send_id);
    record->order.amend = AMEND_SENT;
    record->amend.sent_ms = engine->now_ms;
    record->amend.answer_due_ms = action->u.send.deadline_ms + engine->times->answer_timeout_ms;
}

void amend_committed(struct engine *engine, const struct engine_event *event)
{
    while (engine->amends_first &&
           engine->amends_first->amend_position <= event->u.committed.position) {
        struct record *record = engine->amends_first;
        const char *why = why_not_send(engine, record);

        engine->amends_first = record->amend_next;
        if (!engine->amends_first)
            engine->amends_last = NULL;
        engine->amends_count--;
        engine->amends_of[record->order.request.category]--;
        record->amend_position = 0;
        if (record->order.amend == AMEND_INTENT && why)
            drop(engine, record, why);
        else if (record->order.amend == AMEND_INTENT)
            send(engine, record);
        record_done(engine, record);
    }
}

/* --- answers --- */

static void acknowledged(struct engine *engine, struct record *record)
{
    bool was_unknown = record->order.amend == AMEND_UNKNOWN;

    record->amend.acked = true;
    record->order.amend = AMEND_SENT;
    if (was_unknown)
        row_order(engine, record, ROW_ORDER, true, false);
    lookup_schedule(engine, record);
}

static void lost(struct engine *engine, struct record *record)
{
    record->order.amend = AMEND_UNKNOWN;
    row_order(engine, record, ROW_ORDER, true, false);
    lookup_schedule(engine, record);
}

static void did_not_happen(struct engine *engine, struct record *record,
                           const struct engine_event *event)
{
    bool throttled = event->u.answer.kind == REPLY_THROTTLED || event->u.answer.retry_after_ms > 0;

    record->amend.retry_after_ms = event->u.answer.retry_after_ms;
    fail(engine, record, throttled ? OUTCOME_THROTTLED : OUTCOME_NOT_SENT, event->u.answer.ret_msg,
         event->u.answer.ret_code);
    if (event->u.answer.kind == REPLY_REFUSED)
        lookup_now(engine, record);
}

void amend_answer(struct engine *engine, struct record *record, const struct engine_event *event)
{
    const char *ret_msg = event->u.answer.ret_msg;
    int ret_code = event->u.answer.ret_code;

    record_set_amend_send(engine, record, 0);
    record->amend.signed_ms = event->u.answer.signed_ms;
    switch (event->u.answer.kind) {
    case REPLY_OK:
        acknowledged(engine, record);
        break;
    case REPLY_AUTH:
        engine_note_auth(engine, ret_code, ret_msg);
        fail(engine, record, OUTCOME_AUTH, ret_msg, ret_code);
        break;
    case REPLY_REJECT:
        fail(engine, record, OUTCOME_REJECTED, ret_msg, ret_code);
        break;
    case REPLY_NO_SUCH_ORDER:
        fail(engine, record, OUTCOME_REJECTED, ret_msg, ret_code);
        lookup_now(engine, record);
        break;
    case REPLY_REFUSED:
    case REPLY_NOT_SENT:
    case REPLY_THROTTLED:
        did_not_happen(engine, record, event);
        break;
    case REPLY_DUPLICATE:
    case REPLY_AMBIGUOUS:
    case REPLY_LOST:
        if (record->order.amend == AMEND_SENT)
            lost(engine, record);
        break;
    }
    record_done(engine, record);
}

/* --- what an amend in doubt needs --- */

bool amend_has_left(const struct record *record)
{
    return record->order.amend == AMEND_SENT || record->order.amend == AMEND_UNKNOWN;
}

bool amend_needs_look(const struct record *record)
{
    return record->order.amend == AMEND_UNKNOWN ||
           (record->order.amend == AMEND_SENT && !record->amend_send);
}

/* From this time on the exchange can't accept it any more: as of a create (lookup.c). One of an
 * earlier run was signed before this run began. */
static int64_t horizon_ms(const struct engine *engine, const struct record *record)
{
    const struct engine_times *times = engine->times;
    int64_t window_ms = (int64_t)times->recv_window_ms + 1000 + times->horizon_slack_ms;
    int64_t own_ms = record->amend.sent_ms + window_ms;
    int64_t signed_ms = record->amend.signed_ms > 0 ? record->amend.signed_ms - engine->offset_ms
                                                    : deadline_ms(engine, record);

    if (!engine->clock_known)
        return NEVER_MS;
    if (record->amend.restored && signed_ms < record->amend.sent_ms)
        signed_ms = record->amend.sent_ms;
    signed_ms += window_ms + engine->uncertainty_ms;
    return signed_ms > own_ms ? signed_ms : own_ms;
}

int64_t amend_look_ms(const struct engine *engine, const struct record *record)
{
    int64_t due_ms = horizon_ms(engine, record);
    int64_t apart_ms = record->look.started_ms + engine->times->lookup_apart_ms;

    if (due_ms == NEVER_MS || due_ms > engine->now_ms)
        return due_ms;
    return apart_ms > engine->now_ms ? apart_ms : engine->now_ms + 1;
}

void amend_looked(struct engine *engine, struct record *record)
{
    if (!amend_needs_look(record) || record->look.started_ms < horizon_ms(engine, record))
        return;
    if (record->amend.acked)
        fail(engine, record, OUTCOME_REJECTED,
             "the exchange acknowledged the amend, and the order does not show it", 0);
    else
        fail(engine, record, OUTCOME_NOT_SENT, "the amend never arrived at the exchange", 0);
}

/* --- time, start and stop --- */

int64_t amend_due_ms(const struct engine *engine, const struct record *record)
{
    if (record->order.amend == AMEND_INTENT)
        return deadline_ms(engine, record) + 1;
    if (record->order.amend == AMEND_SENT && record->amend_send)
        return record->amend.answer_due_ms;
    return NEVER_MS;
}

void amend_timer(struct engine *engine, struct record *record)
{
    if (engine->now_ms < amend_due_ms(engine, record))
        return;
    if (record->order.amend == AMEND_INTENT)
        drop(engine, record, "the journal did not commit it in time");
    else
        lost(engine, record); /* a late answer still counts */
}

void amend_restore(struct engine *engine, struct record *record)
{
    if (record->order.amend == AMEND_NONE)
        return;
    record->amend.restored = true;
    record->amend.sent_ms = engine->now_ms;
    if (record->order.amend != AMEND_UNKNOWN) {
        record->order.amend = AMEND_UNKNOWN;
        row_order(engine, record, ROW_ORDER, true, false);
    }
    lookup_schedule(engine, record);
}

void amend_drop(struct engine *engine, struct record *record, const char *why)
{
    if (record->order.amend == AMEND_INTENT)
        drop(engine, record, why);
}
