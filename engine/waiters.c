/* engine/waiters.c - who waits for what. Each waiter gets one reply: by the record's transition, or
 * at its deadline. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

struct waiter *waiter_add(struct engine *engine, struct record *record, enum waiter_kind kind,
                          const struct engine_event *event, int64_t until_ms)
{
    struct waiter *waiter = engine->waiters_free;
    bool create = event->kind == EVENT_CREATE;

    if (!waiter)
        return NULL;
    engine->waiters_free = waiter->next;
    engine->waiters_count++;
    memset(waiter, 0, sizeof(*waiter));
    waiter->id = create ? event->u.create.waiter : event->u.cancel.waiter;
    waiter->wait = create ? event->u.create.wait : event->u.cancel.wait;
    if (event->kind == EVENT_AMEND) {
        waiter->id = event->u.amend.waiter;
        waiter->wait = event->u.amend.wait;
    }
    waiter->kind = kind;
    waiter->until_ms = until_ms;
    waiter->next = record->waiters;
    record->waiters = waiter;
    return waiter;
}

static void waiter_end(struct engine *engine, struct record *record, struct waiter **at,
                       enum outcome outcome, int64_t retry_after_ms, const char *why, int ret_code)
{
    struct waiter *waiter = *at;

    *at = waiter->next;
    reply_add(engine, waiter->id, outcome, record, retry_after_ms, why, ret_code);
    waiter->next = engine->waiters_free;
    engine->waiters_free = waiter;
    engine->waiters_count--;
}

/* How a create is answered once nothing is left to wait for. */
static enum outcome create_outcome(const struct record *record, const struct waiter *waiter)
{
    if (waiter->replay)
        return OUTCOME_REPLAYED;
    switch (record->order.state) {
    case ORDER_INTENT:
        return record->doomed ? OUTCOME_NOT_SENT : OUTCOME_UNKNOWN;
    case ORDER_SENT:
    case ORDER_UNKNOWN:
        return OUTCOME_UNKNOWN;
    case ORDER_ACKED:
    case ORDER_LIVE:
    case ORDER_CLOSED:
    case ORDER_GONE:
        return OUTCOME_ACCEPTED;
    case ORDER_REJECTED:
        return record->failed == OUTCOME_AUTH ? OUTCOME_AUTH : OUTCOME_REJECTED;
    case ORDER_NOT_SENT:
        return record->failed == OUTCOME_THROTTLED ? OUTCOME_THROTTLED : OUTCOME_NOT_SENT;
    case ORDER_NEVER_ACCEPTED:
        return OUTCOME_NOT_SENT;
    }
    return OUTCOME_UNKNOWN;
}

static const char *create_why(const struct record *record)
{
    switch (record->order.state) {
    case ORDER_UNKNOWN:
        return "no usable answer: the order is being looked up";
    case ORDER_REJECTED:
        return record->order.reject_reason;
    case ORDER_INTENT:
    case ORDER_NOT_SENT:
        return record->why;
    case ORDER_NEVER_ACCEPTED:
        return "the order never arrived at the exchange";
    case ORDER_SENT:
    case ORDER_ACKED:
    case ORDER_LIVE:
    case ORDER_CLOSED:
    case ORDER_GONE:
        break;
    }
    return "";
}

static bool create_fulfilled(const struct record *record, const struct waiter *waiter)
{
    enum order_state state = record->order.state;

    if (order_state_is_final(state))
        return true;
    if (waiter->wait != WAIT_ACCEPTED)
        return false;
    if (state == ORDER_UNKNOWN)
        return !record->soft; /* one look-up may still prove that it was not sent */
    return state == ORDER_ACKED || state == ORDER_LIVE;
}

static bool amend_fulfilled(const struct record *record, const struct waiter *waiter)
{
    if (waiter->wait != WAIT_ACCEPTED)
        return record->order.amend == AMEND_NONE;
    return record->order.amend == AMEND_NONE || record->order.amend == AMEND_UNKNOWN ||
           record->amend.acked;
}

static bool fulfilled(const struct record *record, const struct waiter *waiter)
{
    enum order_state state = record->order.state;

    switch (waiter->kind) {
    case WAITER_CREATE:
        return create_fulfilled(record, waiter);
    case WAITER_CANCEL:
        return order_state_is_final(state);
    case WAITER_AMEND:
        return amend_fulfilled(record, waiter);
    case WAITER_WATCH:
        if (waiter->wait == WAIT_ACCEPTED)
            return state != ORDER_INTENT && state != ORDER_SENT;
        return order_state_is_final(state);
    }
    return true;
}

/* Likewise. */
static int64_t amend_until_ms(const struct record *record, const struct waiter *waiter)
{
    if (record->order.amend == AMEND_INTENT)
        return NEVER_MS; /* amend.c drops it at its deadline */
    if (record->order.amend == AMEND_SENT && !record->amend.acked &&
        record->amend.answer_due_ms >= waiter->until_ms)
        return record->amend.answer_due_ms + 1;
    return waiter->until_ms;
}

/* Before a create has an outcome, its own time-outs bound the wait. */
static int64_t until_ms(const struct record *record, const struct waiter *waiter)
{
    if (waiter->kind == WAITER_CREATE && record->create_send && record->order.state == ORDER_SENT &&
        record->answer_due_ms >= waiter->until_ms)
        return record->answer_due_ms + 1;
    if (waiter->kind == WAITER_CREATE && record->intent_position && !waiter->replay &&
        record->order.deadline_ms >= waiter->until_ms)
        return record->order.deadline_ms + 2;
    if (waiter->kind == WAITER_AMEND)
        return amend_until_ms(record, waiter);
    return waiter->until_ms;
}

static void finish_amend(struct engine *engine, struct record *record, struct waiter **at)
{
    const struct amend *amend = &record->amend;

    if (record->order.amend == AMEND_NONE)
        waiter_end(engine, record, at, amend->outcome, amend->retry_after_ms, amend->why,
                   amend->ret_code);
    else if (amend->acked)
        waiter_end(engine, record, at, OUTCOME_OK, 0, NULL, 0);
    else
        waiter_end(engine, record, at, OUTCOME_UNKNOWN, 0,
                   "no usable answer to the amend: the order is being looked up", 0);
}

static void finish(struct engine *engine, struct record *record, struct waiter **at)
{
    struct waiter *waiter = *at;
    bool final = order_state_is_final(record->order.state);

    switch (waiter->kind) {
    case WAITER_CREATE:
        waiter_end(engine, record, at, create_outcome(record, waiter), record->retry_after_ms,
                   create_why(record), record->order.ret_code);
        return;
    case WAITER_CANCEL:
        if (final || waiter->acked)
            waiter_end(engine, record, at, OUTCOME_OK, 0, NULL, 0);
        else
            waiter_end(engine, record, at, OUTCOME_UNKNOWN, 0,
                       "the cancel is not confirmed: it is repeated while the order is open", 0);
        return;
    case WAITER_AMEND:
        finish_amend(engine, record, at);
        return;
    case WAITER_WATCH:
        waiter_end(engine, record, at, OUTCOME_OK, 0, NULL, 0);
        return;
    }
}

void waiters_serve(struct engine *engine, struct record *record)
{
    struct waiter **at = &record->waiters;

    while (*at) {
        struct waiter *waiter = *at;

        /* Whose order a new intent's link is shows at its commit: until then only time ends a wait.
         */
        if (engine->now_ms >= until_ms(record, waiter) ||
            (!record->intent_new && fulfilled(record, waiter)))
            finish(engine, record, at);
        else
            at = &waiter->next;
    }
}

void waiters_cancelled(struct engine *engine, struct record *record, enum outcome outcome,
                       int64_t retry_after_ms, const char *why, int ret_code)
{
    struct waiter **at = &record->waiters;

    while (*at) {
        struct waiter *waiter = *at;
        bool waits_on =
            waiter->wait != WAIT_ACCEPTED && (outcome == OUTCOME_OK || outcome == OUTCOME_UNKNOWN);

        if (waiter->kind == WAITER_CANCEL && !waits_on) {
            waiter_end(engine, record, at, outcome, retry_after_ms, why, ret_code);
            continue;
        }
        if (waiter->kind == WAITER_CANCEL)
            waiter->acked = outcome == OUTCOME_OK;
        at = &waiter->next;
    }
}

void waiters_end_creates(struct engine *engine, struct record *record, enum outcome outcome,
                         const char *why)
{
    struct waiter **at = &record->waiters;

    while (*at) {
        if ((*at)->kind == WAITER_CREATE)
            waiter_end(engine, record, at, outcome, 0, why, 0);
        else
            at = &(*at)->next;
    }
}

void waiters_end_all(struct engine *engine, struct record *record)
{
    while (record->waiters) {
        if (record->intent_position && record->waiters->kind == WAITER_CREATE)
            waiter_end(engine, record, &record->waiters, OUTCOME_NOT_SENT, 0, "stopping", 0);
        else
            finish(engine, record, &record->waiters);
    }
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Their time is over, and nothing else changes: what was asked for is still wanted. */
void waiters_gone(struct engine *engine, const struct engine_event *event)
{
    for (struct record *record = engine->records; record; record = record->next) {
        bool any = false;

        for (struct waiter *waiter = record->waiters; waiter; waiter = waiter->next) {
            if (waiter->until_ms <= engine->now_ms ||
                !bsearch(&waiter->id, event->u.gone.waiters, event->u.gone.count,
                         sizeof(waiter->id), compare_ids))
                continue;
            waiter->until_ms = engine->now_ms;
            any = true;
        }
        if (any)
            record_done(engine, record);
    }
}

bool waiters_any(const struct record *record, enum waiter_kind kind)
{
    for (const struct waiter *waiter = record->waiters; waiter; waiter = waiter->next) {
        if (waiter->kind == kind)
            return true;
    }
    return false;
}

int64_t waiters_due_ms(const struct record *record)
{
    int64_t due_ms = NEVER_MS;

    for (const struct waiter *waiter = record->waiters; waiter; waiter = waiter->next) {
        if (until_ms(record, waiter) < due_ms)
            due_ms = until_ms(record, waiter);
    }
    return due_ms;
}
