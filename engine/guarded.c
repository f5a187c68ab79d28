/* engine/guarded.c - the guard inside the engine: the rules in force, the verdict on a create with
 * what is counted at that moment, changes of the rules, and who waits for their commit.
 *
 * A create counts in the same step in which it is allowed: so two that race are judged one after
 * the other, each with the first one counted.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/internal.h"

#define RESTORED_MAX 16384

/* --- rules --- */

static bool any_limit(const struct guard_rules *rules)
{
    unsigned set = rules->all.set;

    for (size_t i = 0; i < rules->clients_count; i++)
        set |= rules->clients[i].limits.set;
    return set != 0;
}

int guard_client_number(const struct engine *engine, const char *name)
{
    const struct guard_rules *rules = &engine->guard.rules;

    for (size_t i = 0; name[0] && i < rules->clients_count; i++) {
        if (strcmp(rules->clients[i].name, name) == 0)
            return (int)i + 1;
    }
    return 0;
}

/* When a client gets its first limits, its creates of the last minute are those in memory, and
 * those that a start has found. */
static void count_minute_anew(struct engine *engine, struct record *record)
{
    int64_t at_ms = record->asked_ms;

    if (record->client && at_ms > 0 && !record->restored)
        minute_add(&engine->guard.minutes[record->client - 1], engine->now_ms, at_ms);
}

/* Which of the clients are new gets a bit: those that had a minute keep it. */
static unsigned keep_minutes(struct guarded *guard, const struct guard_client *before,
                             size_t before_count)
{
    unsigned fresh = 0;

    memcpy(guard->minutes_before, guard->minutes, sizeof(guard->minutes));
    for (size_t i = 0; i < guard->rules.clients_count; i++) {
        size_t at = 0;

        while (at < before_count && strcmp(before[at].name, guard->rules.clients[i].name) != 0)
            at++;
        if (at < before_count) {
            guard->minutes[i] = guard->minutes_before[at];
        } else {
            memset(&guard->minutes[i], 0, sizeof(guard->minutes[i]));
            fresh |= 1U << i;
        }
    }
    return fresh;
}

static void count_restored(struct engine *engine, unsigned fresh)
{
    struct guarded *guard = &engine->guard;

    for (size_t i = 0; fresh && i < guard->restored_count; i++) {
        int client = guard_client_number(engine, guard->restored[i].client);

        if (client && (fresh & (1U << (client - 1))))
            minute_add(&guard->minutes[client - 1], engine->now_ms, guard->restored[i].at_ms);
    }
}

static void recount(struct engine *engine, unsigned fresh)
{
    count_restored(engine, fresh);
    for (struct record *record = engine->records; record; record = record->next) {
        exposure_forget(engine, record);
        record->client = guard_client_number(engine, record->order.request.client);
        exposure_count(engine, record);
        if (record->client && (fresh & (1U << (record->client - 1))))
            count_minute_anew(engine, record);
    }
}

/* From the stored rules and the ceiling. `report.state.rules` holds what was in force before. */
static void rules_changed(struct engine *engine)
{
    struct guarded *guard = &engine->guard;
    struct guard_rules *before = &guard->report.state.rules;

    *before = guard->rules;
    if (guard->has_ceiling)
        guard_meet(&guard->rules, &guard->state.rules, &guard->ceiling);
    else
        guard->rules = guard->state.rules;
    guard->limited = any_limit(&guard->rules);
    recount(engine, keep_minutes(guard, before->clients, before->clients_count));
}

void guard_start(struct engine *engine)
{
    struct guarded *guard = &engine->guard;

    if (engine->config.guard_ceiling) {
        guard->ceiling = *engine->config.guard_ceiling;
        guard->has_ceiling = true;
        engine->config.guard_ceiling = NULL; /* borrowed */
    }
    rules_changed(engine);
}

/* The newest, for clients that get their first limits within the minute. Without memory for them
 * such a client's minute begins anew. */
static void keep_restored(struct guarded *guard, const struct engine_event *event)
{
    size_t count = event->u.guard_restore.creates_count;
    size_t kept = count < RESTORED_MAX ? count : RESTORED_MAX;

    free(guard->restored);
    guard->restored = kept ? calloc(kept, sizeof(*guard->restored)) : NULL;
    guard->restored_count = guard->restored ? kept : 0;
    if (guard->restored)
        memcpy(guard->restored, event->u.guard_restore.creates + (count - kept),
               kept * sizeof(*guard->restored));
}

void guard_deinit(struct engine *engine)
{
    free(engine->guard.restored);
}

void guard_restore(struct engine *engine, const struct engine_event *event)
{
    struct guarded *guard = &engine->guard;

    if (event->u.guard_restore.state)
        guard->state = *event->u.guard_restore.state;
    rules_changed(engine);
    for (size_t i = 0; i < event->u.guard_restore.creates_count; i++) {
        const struct guard_create *create = &event->u.guard_restore.creates[i];
        int client = guard_client_number(engine, create->client);

        minute_add(&guard->minute, engine->now_ms, create->at_ms);
        if (client)
            minute_add(&guard->minutes[client - 1], engine->now_ms, create->at_ms);
    }
    keep_restored(guard, event);
}

/* --- the verdict --- */

static const struct guard_facts no_facts = { .leverage = { 0, -1 } };

/* `client` 0: all of them. */
static enum guard_answer judge(struct engine *engine, int client,
                               const struct order_request *request, const struct guard_facts *facts)
{
    struct guarded *guard = &engine->guard;
    const struct guard_limits *limits =
        client ? &guard->rules.clients[client - 1].limits : &guard->rules.all;
    struct minute *minute = client ? &guard->minutes[client - 1] : &guard->minute;
    struct guard_counts counts = { .open_known = true };
    int64_t next_ms = 0;

    if (!limits->set)
        return GUARD_ALLOWED;
    if (limits->set & GUARD_BIT(GUARD_MAX_OPEN_NOTIONAL)) {
        counts.open_notional =
            client ? exposure_open_of(engine, (size_t)client - 1) : exposure_open(engine);
        counts.open_known = client || guard->exposure.known;
    }
    if (limits->set & GUARD_BIT(GUARD_MAX_ORDERS_PER_MINUTE)) {
        counts.orders_last_minute = minute_count(minute, engine->now_ms);
        next_ms = minute_next_ms(minute, engine->now_ms, limits->max_orders_per_minute);
    }
    return guard_check(limits, client ? request->client : "", request, facts ? facts : &no_facts,
                       &counts, next_ms, &guard->verdict);
}

enum guard_answer guard_judge(struct engine *engine, const struct order_request *request,
                              const struct guard_facts *facts)
{
    enum guard_answer answer;
    int client;

    if (!engine->guard.limited)
        return GUARD_ALLOWED;
    client = guard_client_number(engine, request->client);
    answer = judge(engine, 0, request, facts);
    return answer || !client ? answer : judge(engine, client, request, facts);
}

/* As an order of its own against all limits but those in `without`; what is open, by what the amend
 * leaves to be executed beside all others. */
static enum guard_answer judge_amend(struct engine *engine, int client, const struct record *record,
                                     const struct order_request *amended, unsigned without,
                                     const struct guard_facts *facts)
{
    struct guarded *guard = &engine->guard;
    const struct guard_limits *all =
        client ? &guard->rules.clients[client - 1].limits : &guard->rules.all;
    const char *name = client ? guard->rules.clients[client - 1].name : "";
    struct guard_limits limits = *all;
    struct guard_counts counts = { .open_known = client || guard->exposure.known };
    struct order_request left = *amended;
    enum guard_answer answer;

    limits.set &= ~(without | GUARD_BIT(GUARD_MAX_OPEN_NOTIONAL));
    answer = guard_check(&limits, name, amended, facts, &counts, 0, &guard->verdict);
    limits.set = all->set & ~without & GUARD_BIT(GUARD_MAX_OPEN_NOTIONAL);
    if (answer || !limits.set)
        return answer;
    left.qty = exposure_left(record, amended->qty);
    counts.open_notional = exposure_beside(engine, client, record, &left);
    return guard_check(&limits, name, &left, facts, &counts, 0, &guard->verdict);
}

/* Not larger, and at no higher price. */
static bool shrinks(const struct order_request *request, const struct order_request *amended)
{
    return decimal_cmp(&amended->qty, &request->qty) <= 0 &&
           decimal_cmp(&amended->price, &request->price) <= 0 &&
           decimal_cmp(&amended->trigger_price, &request->trigger_price) <= 0;
}

/* Whose limits count beside those of all: the owner's, and those of another client who asks. */
enum guard_answer guard_judge_amend(struct engine *engine, const struct record *record,
                                    const struct order_change *change, const char *client,
                                    const struct guard_facts *facts)
{
    const struct order_request *request = &record->order.request;
    const int owner = guard_client_number(engine, request->client);
    const int caller = client ? guard_client_number(engine, client) : 0;
    unsigned without = GUARD_BIT(GUARD_MAX_ORDERS_PER_MINUTE);
    struct order_request amended;
    enum guard_answer answer;

    if (!engine->guard.limited)
        return GUARD_ALLOWED;
    if (!facts)
        facts = &no_facts;
    exposure_amended(request, change, &amended);
    if (shrinks(request, &amended))
        without |= GUARD_BIT(GUARD_MAX_ORDER_NOTIONAL) | GUARD_BIT(GUARD_MAX_OPEN_NOTIONAL);
    answer = judge_amend(engine, 0, record, &amended, without, facts);
    if (!answer && owner)
        answer = judge_amend(engine, owner, record, &amended, without, facts);
    if (!answer && caller && caller != owner)
        answer = judge_amend(engine, caller, record, &amended, without, facts);
    return answer;
}

void guard_note_create(struct engine *engine, struct record *record)
{
    struct guarded *guard = &engine->guard;

    record->asked_ms = engine->now_ms;
    minute_add(&guard->minute, engine->now_ms, record->asked_ms);
    if (record->client)
        minute_add(&guard->minutes[record->client - 1], engine->now_ms, record->asked_ms);
}

void guard_take_back_create(struct engine *engine, struct record *record)
{
    struct guarded *guard = &engine->guard;

    minute_take_back(&guard->minute, engine->now_ms, record->asked_ms);
    if (record->client)
        minute_take_back(&guard->minutes[record->client - 1], engine->now_ms, record->asked_ms);
    record->asked_ms = 0;
}

/* --- the report --- */

static void fill_counts(struct engine *engine, int client, struct guard_counts *out)
{
    struct guarded *guard = &engine->guard;
    struct minute *minute = client ? &guard->minutes[client - 1] : &guard->minute;

    out->open_notional =
        client ? exposure_open_of(engine, (size_t)client - 1) : exposure_open(engine);
    out->open_known = client || guard->exposure.known;
    out->orders_last_minute = minute_count(minute, engine->now_ms);
}

static void fill_report(struct engine *engine)
{
    struct guarded *guard = &engine->guard;
    struct guard_report *report = &guard->report;

    report->state = guard->state;
    report->state.rules = guard->rules;
    report->ceiling = guard->ceiling;
    report->has_ceiling = guard->has_ceiling;
    report->durable = engine->committed >= guard->position;
    fill_counts(engine, 0, &report->all);
    for (size_t i = 0; i < guard->rules.clients_count; i++)
        fill_counts(engine, (int)i + 1, &report->clients[i]);
    kill_report(engine, report);
    sweep_report(engine, report);
}

void guard_reply(struct engine *engine, uint64_t waiter, enum outcome outcome, const char *why)
{
    struct engine_action *action;

    if (!waiter)
        return;
    action = reply_add(engine, waiter, outcome, NULL, 0, why, 0);
    if (outcome != OUTCOME_GUARD_DONE)
        return;
    fill_report(engine);
    action->u.reply.report = &engine->guard.report;
}

void guard_read(struct engine *engine, uint64_t waiter)
{
    guard_reply(engine, waiter, OUTCOME_GUARD_DONE, NULL);
}

/* --- changes, and who waits for them --- */

void guard_changed(struct engine *engine, const char *change, bool synced)
{
    row_guard(engine, change);
    if (synced)
        engine->guard.position = engine->last_position;
}

bool guard_can_wait(const struct engine *engine)
{
    return engine->guard.waiters_count < GUARD_WAITERS_MAX;
}

void guard_wait_add(struct engine *engine, const struct guard_waiter *waiter)
{
    struct guarded *guard = &engine->guard;

    if (waiter->id)
        guard->waiters[guard->waiters_count++] = *waiter;
}

void guard_patch(struct engine *engine, const struct engine_event *event)
{
    struct guarded *guard = &engine->guard;
    struct guard_waiter waiter = { .id = event->u.guard_patch.waiter, .kind = GUARD_WAIT_PATCH };
    struct error error;

    if (!guard_can_wait(engine)) {
        guard_reply(engine, waiter.id, OUTCOME_BUSY, "too many changes of the guard wait");
        return;
    }
    if (guard_apply(&guard->state.rules, event->u.guard_patch.patch,
                    guard->has_ceiling ? &guard->ceiling : NULL, &error)) {
        guard_reply(engine, waiter.id, OUTCOME_CEILING, error.text);
        return;
    }
    rules_changed(engine);
    guard_changed(engine, "limits", true);
    waiter.position = guard->position;
    waiter.until_ms = engine->now_ms + engine->times->guard_commit_ms;
    guard_wait_add(engine, &waiter);
}

static void waiter_end(struct engine *engine, size_t at, enum outcome outcome, const char *why)
{
    struct guarded *guard = &engine->guard;
    uint64_t id = guard->waiters[at].id;

    guard->waiters[at] = guard->waiters[--guard->waiters_count];
    guard_reply(engine, id, outcome, why);
}

void guard_waiters_end(struct engine *engine, enum guard_wait kind, enum outcome outcome,
                       const char *why)
{
    struct guarded *guard = &engine->guard;

    for (size_t i = guard->waiters_count; i-- > 0;) {
        if (guard->waiters[i].kind == kind)
            waiter_end(engine, i, outcome, why);
    }
}

/* A kill's answer comes when nothing is open any more and that it holds is durable, or cannot be
 * made so in time; after its own time in any case, with what is so then. */
static bool kill_is_told(const struct engine *engine, const struct guard_waiter *waiter)
{
    bool durable = engine->committed >= waiter->position || engine->now_ms >= waiter->durable_ms;

    return (engine->guard.state.clear && durable) || engine->now_ms >= waiter->until_ms;
}

static void serve(struct engine *engine, size_t at)
{
    struct guard_waiter waiter = engine->guard.waiters[at];
    bool durable = engine->committed >= waiter.position;

    switch (waiter.kind) {
    case GUARD_WAIT_KILL:
        if (kill_is_told(engine, &waiter))
            waiter_end(engine, at, OUTCOME_GUARD_DONE, NULL);
        return;
    case GUARD_WAIT_PATCH:
        if (durable)
            waiter_end(engine, at, OUTCOME_GUARD_DONE, NULL);
        else if (engine->now_ms >= waiter.until_ms)
            waiter_end(engine, at, OUTCOME_NOT_READY,
                       "in effect, but not durable: the journal did not commit it in time");
        return;
    case GUARD_WAIT_ARM:
        if (engine->guard.arming) /* kill_arm_pump has the word */
            return;
        if (durable)
            waiter_end(engine, at, OUTCOME_GUARD_DONE, NULL);
        else if (engine->now_ms >= waiter.until_ms)
            waiter_end(engine, at, OUTCOME_NOT_READY,
                       "armed, but not durable: the journal did not commit it in time");
        return;
    }
}

void guard_pump(struct engine *engine)
{
    for (size_t i = engine->guard.waiters_count; i-- > 0;)
        serve(engine, i);
}

void guard_stop(struct engine *engine)
{
    guard_waiters_end(engine, GUARD_WAIT_KILL, OUTCOME_GUARD_DONE, NULL);
    guard_waiters_end(engine, GUARD_WAIT_PATCH, OUTCOME_NOT_READY,
                      "in effect, but not durable: the bridge is stopping");
    guard_waiters_end(engine, GUARD_WAIT_ARM, OUTCOME_NOT_READY, kill_why_not_armed(engine));
    engine->guard.arming = false;
}

static int64_t waiter_due_ms(const struct engine *engine, const struct guard_waiter *waiter)
{
    bool waits_for_disk = waiter->kind == GUARD_WAIT_KILL && engine->guard.state.clear;

    if (waiter->kind == GUARD_WAIT_ARM && engine->guard.arming)
        return NEVER_MS;
    return waits_for_disk && waiter->durable_ms < waiter->until_ms ? waiter->durable_ms
                                                                   : waiter->until_ms;
}

int64_t guard_due_ms(const struct engine *engine)
{
    const struct guarded *guard = &engine->guard;
    int64_t due_ms = guard->arming ? guard->arm.due_ms : NEVER_MS;

    for (size_t i = 0; i < guard->waiters_count; i++) {
        if (waiter_due_ms(engine, &guard->waiters[i]) < due_ms)
            due_ms = waiter_due_ms(engine, &guard->waiters[i]);
    }
    return due_ms;
}
