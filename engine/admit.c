/* engine/admit.c - whether a create or an amend is taken at all, before anything is written: kill,
 * readiness, the guard's limits, its turn in the rate budget, in this order. */
#include <string.h>

#include "base/text.h"
#include "engine/internal.h"

#define TURN_RETRY_MS 100 /* the shortest wait that one without a turn is told */

static bool refuse(struct engine *engine, uint64_t waiter, const struct record *record,
                   enum outcome outcome, const char *why)
{
    (void)reply_add(engine, waiter, outcome, record, 0, why, 0);
    return true;
}

/* --- kill and readiness --- */

static bool refused_by_kill(struct engine *engine, uint64_t waiter, const struct record *record)
{
    const char *reason = engine->guard.state.reason;
    char why[sizeof(engine->guard.state.reason) + 96];
    struct text text = text_in(why, sizeof(why));

    text_add(&text, "killed");
    if (kill_is_on(engine) && reason[0])
        text_addf(&text, " (%s)", reason);
    text_add(&text, ": nothing is sent until the bridge is armed again");
    return refuse(engine, waiter, record, OUTCOME_KILLED, why);
}

bool admit_is_closed(struct engine *engine, uint64_t waiter, const struct record *record,
                     bool killed)
{
    const char *not_ready = engine_not_ready(engine);

    if (engine->started && !engine->stopping && engine->config.has_keys &&
        (kill_is_on(engine) || killed))
        return refused_by_kill(engine, waiter, record);
    return not_ready && refuse(engine, waiter, record, OUTCOME_NOT_READY, not_ready);
}

/* --- the guard, the rate budget, a place to wait --- */

static bool refused_by_guard(struct engine *engine, uint64_t waiter, const struct record *record,
                             enum guard_answer answer)
{
    const struct guard_verdict *verdict = &engine->guard.verdict;
    struct engine_action *action;

    switch (answer) {
    case GUARD_ALLOWED:
        return false;
    case GUARD_NEEDS_FACTS:
        return refuse(engine, waiter, record, OUTCOME_NEEDS_FACTS, verdict->text);
    case GUARD_NOT_READY:
        return refuse(engine, waiter, record, OUTCOME_NOT_READY, verdict->text);
    case GUARD_NO_TURN:
        (void)reply_add(engine, waiter, OUTCOME_THROTTLED, record, verdict->retry_after_ms,
                        verdict->text, 0);
        return true;
    case GUARD_REFUSED:
        break;
    }
    action =
        reply_add(engine, waiter, OUTCOME_GUARD, record, verdict->retry_after_ms, verdict->text, 0);
    action->u.reply.verdict = verdict;
    return true;
}

/* Its turn would come only after its deadline. */
static bool refused_by_budget(struct engine *engine, uint64_t waiter, const struct record *record,
                              int64_t turn_ms)
{
    int64_t late_ms = turn_ms - engine->times->order_deadline_ms;

    if (late_ms <= 0)
        return false;
    (void)reply_add(engine, waiter, OUTCOME_THROTTLED, record,
                    late_ms > TURN_RETRY_MS ? late_ms : TURN_RETRY_MS,
                    "its turn in the rate limit would come after its deadline", 0);
    return true;
}

bool admit_is_refused(struct engine *engine, uint64_t waiter, const struct record *record,
                      enum guard_answer answer, int64_t turn_ms)
{
    if (refused_by_guard(engine, waiter, record, answer) ||
        refused_by_budget(engine, waiter, record, turn_ms))
        return true;
    return !engine->waiters_free &&
           refuse(engine, waiter, record, OUTCOME_BUSY, "too many requests wait");
}

/* --- a create --- */

/* An order counts for the client that made it first: another one that tries it again has to pass
 * the limits of both. */
static enum guard_answer judge(struct engine *engine, const struct engine_event *event,
                               const struct record *record)
{
    struct order_request request = *event->u.create.request;
    enum guard_answer answer = guard_judge(engine, &request, event->u.create.facts);

    if (answer || !record || strcmp(record->order.request.client, request.client) == 0)
        return answer;
    memcpy(request.client, record->order.request.client, sizeof(request.client));
    return guard_judge(engine, &request, event->u.create.facts);
}

bool create_refused(struct engine *engine, const struct engine_event *event,
                    const struct record *record)
{
    uint64_t waiter = event->u.create.waiter;

    return admit_is_closed(engine, waiter, record, event->u.create.killed) ||
           admit_is_refused(engine, waiter, record, judge(engine, event, record),
                            event->u.create.turn_ms);
}
