/* engine/reserve.c - what an event may need, at most: taken from malloc before the step changes
 * anything, so that it cannot fail half-way. */
#include "engine/internal.h"

static size_t event_items(const struct engine_event *event)
{
    switch (event->kind) {
    case EVENT_PAGE:
        return event->u.page.reports_count + event->u.page.fills_count;
    case EVENT_ORDER:
    case EVENT_FILL:
        return 1;
    case EVENT_RESTORE:
    case EVENT_START:
    case EVENT_CREATE:
    case EVENT_CANCEL:
    case EVENT_AMEND:
    case EVENT_WATCH:
    case EVENT_GONE:
    case EVENT_COMMITTED:
    case EVENT_JOURNAL_DOWN:
    case EVENT_JOURNAL_UP:
    case EVENT_ANSWER:
    case EVENT_FOUND:
    case EVENT_PRIVATE_UP:
    case EVENT_PRIVATE_DOWN:
    case EVENT_CLOCK:
    case EVENT_TICK:
    case EVENT_STOP:
    case EVENT_GUARD_RESTORE:
    case EVENT_GUARD_PATCH:
    case EVENT_GUARD_READ:
    case EVENT_KILL:
    case EVENT_ARM:
    case EVENT_SWEPT:
    case EVENT_POSITION:
    case EVENT_POSITIONS_KNOWN:
        return 0;
    }
    return 0;
}

static size_t event_keys(const struct engine_event *event)
{
    size_t keys = 0;

    if (event->kind == EVENT_RESTORE)
        return event->u.restore.fills_count;
    if (event->kind == EVENT_FOUND)
        return event->u.found.fills_count;
    if (event->kind == EVENT_COMMITTED && event->u.committed.known_fills_count) {
        for (size_t i = 0; i < event->u.committed.known_count; i++)
            keys += event->u.committed.known_fills_count[i];
    }
    return keys;
}

/* How much queued evidence this event may set free: that of one find, or of all that wait for a
 * report. */
static size_t queued_most(const struct engine *engine)
{
    size_t longest = 0;
    size_t looked_up = 0;

    for (const struct find *find = engine->finds_first; find; find = find->next) {
        longest = find->count > longest ? find->count : longest;
        if (find->stage >= FIND_LOOK_READY)
            looked_up += find->count;
    }
    return longest + looked_up;
}

/* Of a sweep: a round of each scope, and orders one by one after one scan. */
#define SWEEP_MOST (SWEEP_SCOPES * SWEEP_SYMBOLS_MAX + 4 * SWEEP_SINGLES_MAX)

static size_t actions_most(const struct engine *engine, const struct engine_event *event,
                           size_t items)
{
    size_t most = 64 + READS_MAX + FINDS_FLIGHT_MAX + engine->waiters_count + 8 * items;

    if (event->kind == EVENT_START || event->kind == EVENT_STOP)
        most += (kill_is_on(engine) ? 8U : 5U) * engine->records_count;
    if (event->kind == EVENT_KILL)
        most += 4 * (kill_open_count(engine) + engine->intents_count) + 2 * engine->amends_count;
    most += engine->guard.waiters_count;
    if (engine->guard.sweeping || event->kind == EVENT_KILL || event->kind == EVENT_START)
        most += SWEEP_MOST;
    if (event->kind == EVENT_COMMITTED)
        most += 6 * (engine->intents_count + engine->amends_count);
    if (event->kind == EVENT_GONE)
        most += 4 * event->u.gone.count;
    if (event->kind == EVENT_TICK)
        most += (size_t)8 * TICK_RECORDS_MAX;
    if (engine->recovery.plan != PLAN_NONE)
        most += engine->states[ORDER_UNKNOWN]; /* compare() at its end */
    return most;
}

enum err engine_reserve(struct engine *engine, const struct engine_event *event,
                        struct engine_actions *actions)
{
    size_t items = event_items(event) + queued_most(engine) + 1;
    size_t records = items < engine->finds_count ? items : engine->finds_count;
    enum err err =
        store_reserve(engine, records + 2, event_keys(event) + items, items + 1, items + 1);

    if (err)
        return err;
    return actions_reserve(actions, actions_most(engine, event, items));
}
