/* engine/cancel.c - a DELETE is a wish that is kept (`cancel_wanted`): the cancel leaves at once,
 * and again each time the order is seen open, until its end is seen. No answer to a cancel proves
 * an end; "no such order" proves nothing at all. */
#include <string.h>

#include "engine/internal.h"

/* A conditional order is another kind of order until it fires: before anything is known of it, it
 * has not. */
static bool is_waiting(const struct order *order)
{
    return decimal_sign(&order->request.trigger_price) > 0 &&
           (order->status == STATUS_UNTRIGGERED || order->status == STATUS_NONE);
}

static void send_cancel(struct engine *engine, struct record *record)
{
    struct engine_action *action = action_add(engine, ACTION_SEND_CANCEL);

    action->u.send.send_id = next_id(engine);
    action->u.send.deadline_ms = engine->now_ms + engine->times->order_deadline_ms;
    action->u.send.request = record->order.request;
    memcpy(action->u.send.order_id, record->order.order_id, sizeof(action->u.send.order_id));
    action->u.send.is_waiting = is_waiting(&record->order);
    record_set_cancel_send(engine, record, action->u.send.send_id);
    record->cancel_ms = engine->now_ms;
    record->cancel_due_ms = NEVER_MS;
    record->cancel_answer_due_ms = action->u.send.deadline_ms + engine->times->answer_timeout_ms;
}

/* It may exist, and it has left the process. */
static bool can_cancel(const struct record *record)
{
    switch (record->order.state) {
    case ORDER_SENT:
    case ORDER_ACKED:
    case ORDER_UNKNOWN:
    case ORDER_LIVE:
        return true;
    case ORDER_INTENT:
    case ORDER_CLOSED:
    case ORDER_REJECTED:
    case ORDER_NOT_SENT:
    case ORDER_NEVER_ACCEPTED:
    case ORDER_GONE:
        return false;
    }
    return false;
}

void cancel_pursue(struct engine *engine, struct record *record)
{
    int64_t again_ms = record->cancel_ms + engine->times->cancel_again_ms;

    if (!record->order.cancel_wanted || record->cancel_send || !can_cancel(record))
        return;
    if (record->cancel_ms == 0 || engine->now_ms >= again_ms)
        send_cancel(engine, record);
    else if (record->cancel_due_ms > again_ms)
        record->cancel_due_ms = again_ms;
}

void cancel_wish(struct engine *engine, struct record *record)
{
    if (!record->order.cancel_wanted) {
        record->order.cancel_wanted = true;
        /* Of a new intent nothing is written before its commit (create.c). */
        if (!record->intent_position)
            row_order(engine, record, ROW_ORDER, true, false);
    }
    cancel_pursue(engine, record);
}

static int64_t wait_until(const struct engine *engine, const struct engine_event *event)
{
    int64_t own =
        engine->now_ms + engine->times->order_deadline_ms + engine->times->answer_timeout_ms;

    if (event->u.cancel.wait == WAIT_ACCEPTED || event->u.cancel.wait_until_ms == 0)
        return own;
    return event->u.cancel.wait_until_ms;
}

void cancel_begin(struct engine *engine, const struct engine_event *event)
{
    struct record *record = record_by_any(engine, event->u.cancel.id);
    uint64_t waiter = event->u.cancel.waiter;

    if (!record) {
        reply_add(engine, waiter, OUTCOME_NOT_FOUND, NULL, 0, "no such order in memory", 0);
        return;
    }
    if (order_state_is_final(record->order.state)) {
        reply_add(engine, waiter, OUTCOME_OK, record, 0, NULL, 0);
        return;
    }
    if (!waiter_add(engine, record, WAITER_CANCEL, event, wait_until(engine, event)))
        reply_add(engine, waiter, OUTCOME_UNKNOWN, record, 0, "too many requests wait", 0);
    if (!record->order.cancel_wanted) {
        record->order.cancel_wanted = true;
        /* Of a new intent nothing is written before its commit (create.c). */
        if (!record->intent_position)
            row_order(engine, record, ROW_ORDER, true, false);
    }
    if (!record->cancel_send && can_cancel(record))
        send_cancel(engine, record);
    record_done(engine, record);
}

/* Nothing has happened, and the caller is told so: then nothing is to happen later. Where the
 * order's own fate is open the wish stays. */
static void drop_wish(struct engine *engine, struct record *record)
{
    if (record->order.state != ORDER_LIVE || !record->order.cancel_wanted)
        return;
    record->order.cancel_wanted = false;
    row_order(engine, record, ROW_ORDER, true, false);
}

static void did_not_happen(struct engine *engine, struct record *record, enum outcome outcome,
                           const struct engine_event *event)
{
    int64_t retry_ms = event->u.answer.retry_after_ms;

    if (record->order.state == ORDER_LIVE || order_state_is_final(record->order.state)) {
        drop_wish(engine, record);
        waiters_cancelled(engine, record, outcome, retry_ms, event->u.answer.ret_msg,
                          event->u.answer.ret_code);
        return;
    }
    record->cancel_due_ms =
        engine->now_ms +
        (retry_ms > engine->times->cancel_again_ms ? retry_ms : engine->times->cancel_again_ms);
}

static void lost(struct engine *engine, struct record *record)
{
    record->cancel_unknown = true;
    waiters_cancelled(engine, record, OUTCOME_UNKNOWN, 0,
                      "no usable answer to the cancel: the order is being looked up", 0);
    lookup_soon(engine, record);
}

void cancel_answer(struct engine *engine, struct record *record, const struct engine_event *event)
{
    const char *ret_msg = event->u.answer.ret_msg;
    int ret_code = event->u.answer.ret_code;

    record_set_cancel_send(engine, record, 0);
    record->cancel_unknown = false;
    switch (event->u.answer.kind) {
    case REPLY_OK:
        waiters_cancelled(engine, record, OUTCOME_OK, 0, NULL, 0);
        lookup_soon(engine, record);
        break;
    case REPLY_NO_SUCH_ORDER:
        lookup_now(engine, record); /* the waiter gets what it tells */
        break;
    case REPLY_REJECT:
        drop_wish(engine, record);
        waiters_cancelled(engine, record, OUTCOME_REJECTED, 0, ret_msg, ret_code);
        lookup_now(engine, record);
        break;
    case REPLY_AUTH:
        engine_note_auth(engine, ret_code, ret_msg);
        drop_wish(engine, record);
        waiters_cancelled(engine, record, OUTCOME_AUTH, 0, ret_msg, ret_code);
        break;
    case REPLY_REFUSED:
    case REPLY_THROTTLED:
        did_not_happen(engine, record,
                       event->u.answer.retry_after_ms > 0 ? OUTCOME_THROTTLED : OUTCOME_NOT_SENT,
                       event);
        break;
    case REPLY_NOT_SENT:
        did_not_happen(engine, record, OUTCOME_NOT_SENT, event);
        break;
    case REPLY_DUPLICATE:
    case REPLY_AMBIGUOUS:
    case REPLY_LOST:
        lost(engine, record);
        break;
    }
    record_done(engine, record);
}

int64_t cancel_due_ms(const struct record *record)
{
    if (order_state_is_final(record->order.state))
        return NEVER_MS;
    if (record->cancel_send)
        return record->cancel_answer_due_ms;
    return record->order.cancel_wanted ? record->cancel_due_ms : NEVER_MS;
}

void cancel_timer(struct engine *engine, struct record *record)
{
    if (engine->now_ms < cancel_due_ms(record))
        return;
    if (record->cancel_send) {
        record_set_cancel_send(engine, record, 0);
        lost(engine, record);
        return;
    }
    record->cancel_due_ms = NEVER_MS;
    cancel_pursue(engine, record);
}

const char *cancel_in_flight(const struct record *record)
{
    if (order_state_is_final(record->order.state))
        return NULL;
    if (record->cancel_send)
        return "sent";
    return record->cancel_unknown ? "unknown" : NULL;
}
