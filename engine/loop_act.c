/* engine/loop_act.c - one event into the engine, and its actions carried out: rows first (handed to
 * the journal as one chain), then sends and reads, then replies. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/loop_parts.h"

#define EVENT_JSON_MAX ((size_t)64 * 1024)
#define GUARD_JSON_MAX ((size_t)512 * 1024) /* the limits of 17 scopes with 64 symbols each */

int64_t loop_now_ms(const struct loop *loop)
{
    return loop->wall_base_ms + clock_mono_ms();
}

/* --- waiters --- */

static struct waiter *waiter_place(struct loop *loop, uint64_t id)
{
    size_t at = (size_t)(id % loop->waiters_places);

    while (loop->waiters[at].id != 0 && loop->waiters[at].id != id)
        at = (at + 1) % loop->waiters_places;
    return &loop->waiters[at];
}

static bool waiters_grow(struct loop *loop)
{
    struct waiter *old = loop->waiters;
    size_t old_places = loop->waiters_places;
    size_t places = old_places ? old_places * 2 : 256;
    struct waiter *fresh = calloc(places, sizeof(*fresh));

    if (!fresh)
        return false;
    loop->waiters = fresh;
    loop->waiters_places = places;
    for (size_t i = 0; i < old_places; i++) {
        if (old[i].id)
            *waiter_place(loop, old[i].id) = old[i];
    }
    free(old);
    return true;
}

/* Returns the new waiter's number, 0 when out of memory. */
uint64_t loop_waiter_add(struct loop *loop, const struct item *item)
{
    uint64_t id = ++loop->next_waiter;
    int64_t queue_us = clock_mono_us() - item->pushed_us;

    if (loop->waiters_count * 2 >= loop->waiters_places && !waiters_grow(loop))
        return 0;
    *waiter_place(loop, id) = (struct waiter){ id, item->on_reply, item->userdata, item->gone,
                                               queue_us > 0 ? queue_us : 1 };
    loop->waiters_count++;
    if (item->gone && atomic_load(item->gone)) /* before it came here */
        atomic_store(&loop->gone_asked, true);
    return id;
}

static struct waiter waiter_take(struct loop *loop, uint64_t id)
{
    struct waiter *place = waiter_place(loop, id);
    struct waiter taken = *place;
    size_t at;

    if (!taken.id)
        return taken;
    place->id = 0;
    loop->waiters_count--;
    /* Closes the hole, so that probing still finds what stood behind it. */
    at = (size_t)(place - loop->waiters);
    for (;;) {
        struct waiter moved;

        at = (at + 1) % loop->waiters_places;
        if (!loop->waiters[at].id)
            return taken;
        moved = loop->waiters[at];
        loop->waiters[at].id = 0;
        *waiter_place(loop, moved.id) = moved;
    }
}

void loop_waiter_forget(struct loop *loop, uint64_t id)
{
    if (id)
        (void)waiter_take(loop, id);
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Without memory for it they wait until their time is over. */
void loop_waiters_look(struct loop *loop)
{
    struct engine_event event = { .kind = EVENT_GONE };
    uint64_t *ids;
    size_t count = 0;

    if (!atomic_exchange(&loop->gone_asked, false))
        return;
    ids = calloc(loop->waiters_count + 1, sizeof(*ids));
    for (size_t i = 0; ids && i < loop->waiters_places; i++) {
        const struct waiter *waiter = &loop->waiters[i];

        if (waiter->id && waiter->gone && atomic_load(waiter->gone))
            ids[count++] = waiter->id;
    }
    if (count) {
        qsort(ids, count, sizeof(*ids), compare_ids);
        event.u.gone.waiters = ids;
        event.u.gone.count = count;
        (void)loop_feed(loop, &event);
    }
    free(ids);
}

/* --- engine events --- */

static void carry_out(struct loop *loop);

bool loop_feed(struct loop *loop, struct engine_event *event)
{
    event->now_ms = loop_now_ms(loop);
    loop->actions.count = 0;
    /* Nothing was taken: the same event is offered again by whoever holds it, or its waiter times
     * out. */
    if (engine_step(loop->engine, event, &loop->actions) != ERR_NONE) {
        log_error("loop: out of memory, event kind=%d dropped", (int)event->kind);
        if (event->kind == EVENT_ORDER || event->kind == EVENT_FILL ||
            event->kind == EVENT_PRIVATE_UP || event->kind == EVENT_PRIVATE_DOWN)
            atomic_store(&loop->evidence_lost, true);
        return false;
    }
    loop_guard_publish(loop);
    carry_out(loop);
    return true;
}

void loop_feed_simple(struct loop *loop, enum event_kind kind)
{
    struct engine_event event = { .kind = kind };

    loop_feed(loop, &event);
}

void loop_feed_clock(struct loop *loop)
{
    struct engine_event event = { .kind = EVENT_CLOCK };

    if (!clock_sync_ready(loop->config.rest.clock))
        return;
    event.u.clock.server_ms = clock_sync_server_ms(loop->config.rest.clock);
    event.u.clock.uncertainty_ms = clock_sync_uncertainty_ms(loop->config.rest.clock);
    loop_feed(loop, &event);
}

/* --- rows --- */

/* The parts of a row's content that are texts. False: out of memory. */
static bool add_state(struct journal_row *row, const struct engine_action *action)
{
    struct buffer state = buffer_of(GUARD_JSON_MAX);

    guard_add_state(&state, action->u.row.guard);
    row->u.guard.text = buffer_take(&state, &row->u.guard.bytes);
    return row->u.guard.text != NULL;
}

static bool add_event(const struct loop *loop, struct journal_row *row,
                      const struct engine_action *action)
{
    struct buffer json = buffer_of(row->kind == JOURNAL_GUARD ? GUARD_JSON_MAX : EVENT_JSON_MAX);

    if (row->kind == JOURNAL_FILL) {
        row->event = "fill";
        loop->config.format_fill(&json, &row->u.fill);
    } else if (row->kind == JOURNAL_GUARD) {
        row->event = "guard";
        loop->config.format_guard(&json, action->u.row.guard, action->u.row.guard_change);
    } else {
        row->event = "order";
        loop->config.format_order(&json, &row->u.order);
    }
    row->json = buffer_take(&json, &row->json_bytes);
    return row->json != NULL;
}

static struct journal_row *row_from_action(const struct loop *loop,
                                           const struct engine_action *action)
{
    static const enum journal_row_kind kinds[] = {
        [ROW_INTENT] = JOURNAL_INTENT, [ROW_RETRY] = JOURNAL_RETRY,
        [ROW_AMEND] = JOURNAL_AMEND,   [ROW_ORDER] = JOURNAL_ORDER,
        [ROW_FILL] = JOURNAL_FILL,     [ROW_WATERMARK] = JOURNAL_WATERMARK,
        [ROW_GUARD] = JOURNAL_GUARD,
    };
    struct journal_row *row = journal_row_create();
    bool made = true;

    if (!row)
        return NULL;
    row->kind = kinds[action->u.row.kind];
    row->position = action->u.row.position;
    row->seq = action->u.row.seq;
    row->at_ms = loop_now_ms(loop);
    row->native = action->u.row.native;
    if (row->kind == JOURNAL_FILL)
        row->u.fill = action->u.row.fill;
    else if (row->kind == JOURNAL_WATERMARK)
        row->u.watermark =
            (struct journal_watermark){ action->u.row.watermark_ms, action->u.row.watched_from_ms,
                                        action->u.row.options_from_ms };
    else if (row->kind == JOURNAL_GUARD)
        made = add_state(row, action);
    else
        row->u.order = action->u.row.order;
    if (made && row->seq)
        made = add_event(loop, row, action);
    if (made)
        return row;
    journal_row_destroy(row);
    return NULL;
}

static void rows_append(struct loop *loop, struct journal_row *row)
{
    if (loop->rows_last)
        loop->rows_last->next = row;
    else
        loop->rows_first = row;
    loop->rows_last = row;
}

/* Hands over what waits. What cannot be handed over stays, in order, and stops creates until it
 * can. */
void loop_rows_submit(struct loop *loop)
{
    uint64_t position;

    if (!loop->rows_first || loop->rows_held)
        return;
    position = loop->rows_last->position;
    if (journal_submit(loop->config.journal, loop->rows_first) != ERR_NONE) {
        if (!loop->journal_full)
            log_warn("loop: the journal is full, creates stop until it has caught up");
        loop->journal_full = true;
        return;
    }
    loop->rows_first = NULL;
    loop->rows_last = NULL;
    atomic_store(&loop->position, position);
    CRASH_POINT(ROWS_SUBMITTED);
}

/* --- actions --- */

static void reply(struct loop *loop, const struct engine_action *action)
{
    struct waiter waiter = waiter_take(loop, action->u.reply.waiter);
    struct loop_reply out = {
        .outcome = action->u.reply.outcome,
        .has_order = action->u.reply.has_order,
        .order = action->u.reply.order,
        .cancel_in_flight = action->u.reply.cancel_in_flight,
        .amend_in_flight = action->u.reply.amend_in_flight,
        .retry_after_ms = action->u.reply.retry_after_ms,
        .error = action->u.reply.error,
        .verdict = action->u.reply.verdict,
        .report = action->u.reply.report,
    };

    if (!waiter.id)
        return;
    /* The transport counts those that it had. */
    if (out.outcome == OUTCOME_THROTTLED && !out.has_order && loop->config.rest.budget)
        budget_count_throttled(loop->config.rest.budget, BUDGET_CREATE);
    out.timing = loop_trace_timing(loop, &waiter, out.has_order ? out.order.request.link : "");
    CRASH_POINT(REPLY_GIVE);
    waiter.on_reply(&out, waiter.userdata);
    CRASH_POINT(REPLY_GIVEN);
}

static void act(struct loop *loop, const struct engine_action *action)
{
    switch (action->kind) {
    case ACTION_ROW:
        break; /* done before */
    case ACTION_SEND_CREATE:
        loop_send_write(loop, action);
        break;
    case ACTION_SEND_CANCEL:
        break; /* carry_out has them leave together */
    case ACTION_SEND_AMEND:
        loop_send_write(loop, action);
        break;
    case ACTION_CANCEL_ALL:
        loop_send_cancel_all(loop, action);
        break;
    case ACTION_READ:
        loop_send_read(loop, action);
        break;
    case ACTION_FIND:
        loop_send_find(loop, action);
        break;
    case ACTION_REPLY:
        reply(loop, action);
        break;
    }
}

/* A reply that points into the engine is given before anything can feed it again. */
static bool is_borrowing(const struct engine_action *action)
{
    return action->kind == ACTION_REPLY && (action->u.reply.verdict || action->u.reply.report);
}

/* Carrying out an action can feed the engine again (a request that cannot even be queued): so the
 * list is taken over first. Rows must all get to the journal: without memory for one, the process
 * ends, and the start finds the truth at the exchange again. */
static void carry_out(struct loop *loop)
{
    struct engine_actions taken = loop->actions;

    if (taken.count == 0)
        return;
    loop->actions = (struct engine_actions){ 0 };
    for (size_t i = 0; i < taken.count; i++) {
        struct journal_row *row;

        if (taken.list[i].kind != ACTION_ROW)
            continue;
        row = row_from_action(loop, &taken.list[i]);
        if (!row) {
            log_error("loop: out of memory for a journal row, stopping");
            abort();
        }
        if (row->kind == JOURNAL_INTENT || row->kind == JOURNAL_RETRY || row->kind == JOURNAL_AMEND)
            loop_trace_row(loop, &row->u.order);
        CRASH_POINT_IF(row->kind == JOURNAL_INTENT, INTENT_MADE);
        CRASH_POINT_IF(row->kind == JOURNAL_RETRY, RETRY_MADE);
        CRASH_POINT_IF(row->kind == JOURNAL_ORDER, ORDER_MADE);
        CRASH_POINT_IF(row->kind == JOURNAL_FILL, FILL_MADE);
        CRASH_POINT_IF(row->kind == JOURNAL_GUARD, GUARD_MADE);
        CRASH_POINT_IF(row->kind == JOURNAL_AMEND, AMEND_MADE);
        CRASH_POINT_IF(row->kind == JOURNAL_ORDER && row->u.order.amend_ms > 0 &&
                           row->u.order.amend == AMEND_NONE,
                       AMEND_ENDED);
        rows_append(loop, row);
    }
    loop_rows_submit(loop);
    for (size_t i = 0; i < taken.count; i++) {
        if (is_borrowing(&taken.list[i]))
            act(loop, &taken.list[i]);
    }
    for (size_t i = 0; i < taken.count; i++) {
        if (taken.list[i].kind == ACTION_SEND_CREATE && taken.list[i].u.send.batch)
            loop_send_batch(loop, taken.list, taken.count, i);
        else if (taken.list[i].kind == ACTION_SEND_CANCEL &&
                 !loop_cancel_kept(loop, &taken.list[i]))
            loop_send_cancels(loop, taken.list, taken.count, i, false);
        else if (!is_borrowing(&taken.list[i]))
            act(loop, &taken.list[i]);
    }
    if (loop->actions.list) {
        free(taken.list);
    } else {
        loop->actions = taken;
        loop->actions.count = 0;
    }
}
