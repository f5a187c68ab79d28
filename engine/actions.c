#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/internal.h"

enum err actions_reserve(struct engine_actions *actions, size_t more)
{
    size_t capacity = actions->count + more;
    struct engine_action *list;

    if (capacity <= actions->capacity)
        return ERR_NONE;
    capacity += capacity / 2;
    list = realloc(actions->list, capacity * sizeof(*list));
    if (!list)
        return ERR_NO_MEMORY;
    actions->list = list;
    actions->capacity = capacity;
    return ERR_NONE;
}

struct engine_action *action_add(struct engine *engine, enum action_kind kind)
{
    struct engine_actions *actions = engine->actions;
    struct engine_action *action;

    assert(actions->count < actions->capacity); /* engine_step has reserved */
    action = &actions->list[actions->count++];
    memset(action, 0, sizeof(*action));
    action->kind = kind;
    return action;
}

uint64_t next_id(struct engine *engine)
{
    return ++engine->last_id;
}

static struct engine_action *row_add(struct engine *engine, enum row_kind kind, bool event)
{
    struct engine_action *action = action_add(engine, ACTION_ROW);

    action->u.row.kind = kind;
    action->u.row.position = ++engine->last_position;
    if (event)
        action->u.row.seq = ++engine->last_seq;
    return action;
}

static struct engine_action *row_order_add(struct engine *engine, struct record *record,
                                           enum row_kind kind, bool event, bool anomaly)
{
    struct engine_action *action = row_add(engine, kind, event);
    struct order *order = &record->order;

    order->source = engine->source;
    if (event)
        order->seq = engine->last_seq;
    action->u.row.anomaly = anomaly;
    action->u.row.order = *order;
    if (anomaly)
        engine->anomalies++;
    return action;
}

void row_order(struct engine *engine, struct record *record, enum row_kind kind, bool event,
               bool anomaly)
{
    record->order.updated_ms = engine->now_ms;
    (void)row_order_add(engine, record, kind, event, anomaly);
}

void row_reported(struct engine *engine, struct record *record, struct native *native, bool event,
                  bool anomaly)
{
    struct engine_action *action;

    if (event)
        record->order.updated_ms = engine->now_ms;
    action = row_order_add(engine, record, ROW_ORDER, event, anomaly);
    action->u.row.native = native_hold(native);
}

void row_fill(struct engine *engine, struct fill *fill, bool anomaly)
{
    struct engine_action *action = row_add(engine, ROW_FILL, true);

    fill->seq = engine->last_seq;
    fill->source = engine->source;
    action->u.row.anomaly = anomaly;
    action->u.row.fill = *fill;
    if (anomaly)
        engine->anomalies++;
}

void row_watermark(struct engine *engine, int64_t watermark_ms, int64_t watched_from_ms,
                   int64_t options_from_ms)
{
    struct engine_action *action = row_add(engine, ROW_WATERMARK, false);

    action->u.row.watermark_ms = watermark_ms;
    action->u.row.watched_from_ms = watched_from_ms;
    action->u.row.options_from_ms = options_from_ms;
}

/* In one step the state is one and the same, whatever has changed of it. */
void row_guard(struct engine *engine, const char *change)
{
    struct engine_action *action = row_add(engine, ROW_GUARD, change != NULL);

    action->u.row.guard = &engine->guard.state;
    action->u.row.guard_change = change;
}

static enum err outcome_error(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_ACCEPTED:
    case OUTCOME_REPLAYED:
    case OUTCOME_OK:
    case OUTCOME_WOULD:
    case OUTCOME_GUARD_DONE:
        return ERR_NONE;
    case OUTCOME_UNKNOWN:
        return ERR_IN_DOUBT;
    case OUTCOME_REJECTED:
    case OUTCOME_AUTH:
        return ERR_UPSTREAM;
    case OUTCOME_NOT_SENT:
    case OUTCOME_NOT_READY:
    case OUTCOME_NEEDS_FACTS:
        return ERR_UNAVAILABLE;
    case OUTCOME_THROTTLED:
    case OUTCOME_BUSY:
    case OUTCOME_IN_PROGRESS:
        return ERR_BUSY;
    case OUTCOME_KEY_REUSED:
    case OUTCOME_CONFLICT:
    case OUTCOME_ENDED:
    case OUTCOME_GUARD:
    case OUTCOME_KILLED:
    case OUTCOME_CEILING:
        return ERR_INVALID;
    case OUTCOME_NOT_FOUND:
        return ERR_NOT_FOUND;
    }
    return ERR_INTERNAL;
}

struct engine_action *reply_add(struct engine *engine, uint64_t waiter, enum outcome outcome,
                                const struct record *record, int64_t retry_after_ms,
                                const char *why, int ret_code)
{
    struct engine_action *action = action_add(engine, ACTION_REPLY);
    struct text text = text_in(action->u.reply.error.text, sizeof(action->u.reply.error.text));

    action->u.reply.waiter = waiter;
    action->u.reply.outcome = outcome;
    action->u.reply.retry_after_ms = retry_after_ms;
    action->u.reply.error.code = outcome_error(outcome);
    action->u.reply.error.upstream = ret_code;
    text_add(&text, why ? why : "");
    if (!record)
        return action;
    action->u.reply.has_order = true;
    action->u.reply.order = record->order;
    action->u.reply.cancel_in_flight = cancel_in_flight(record);
    action->u.reply.amend_in_flight = order_amend_in_flight(&record->order);
    return action;
}
