/* engine/lookup.c - look-ups of one order: order/realtime, then order/history, then execution/list,
 * by link or order id.
 *
 * A look-up is complete when all reads that it needed were answered; complete and empty ones count
 * for the horizon rule, which alone may say NEVER_ACCEPTED, and for GONE.
 */
#include <string.h>

#include "engine/internal.h"

/* --- reads in flight --- */

/* The first SCANS_MAX slots are for scans, then come those for look-ups; the last ones are the
 * sweep's. */
struct read_slot *read_free_slot(struct engine *engine)
{
    for (size_t i = SCANS_MAX; i < READS_SINGLE_MAX; i++) {
        if (engine->reads[i].owner == READ_FREE)
            return &engine->reads[i];
    }
    return NULL;
}

struct read_slot *read_by_id(struct engine *engine, uint64_t read_id)
{
    for (size_t i = 0; i < READS_MAX; i++) {
        if (engine->reads[i].owner != READ_FREE && engine->reads[i].read_id == read_id)
            return &engine->reads[i];
    }
    return NULL;
}

void read_start(struct engine *engine, struct read_slot *slot)
{
    struct engine_action *action = action_add(engine, ACTION_READ);

    slot->read_id = next_id(engine);
    slot->started_ms = engine->now_ms;
    slot->read.u.read.read_id = slot->read_id;
    action->u.read = slot->read.u.read;
}

bool read_next_page(struct engine *engine, struct read_slot *slot, const char *cursor)
{
    size_t bytes = strlen(cursor);

    if (bytes >= sizeof(slot->read.u.read.cursor) || !cursor_guard_pass(&slot->guard, cursor))
        return false;
    memcpy(slot->read.u.read.cursor, cursor, bytes + 1);
    read_start(engine, slot);
    return true;
}

void read_release(struct engine *engine, struct read_slot *slot)
{
    (void)engine;
    memset(slot, 0, sizeof(*slot));
}

/* --- the horizon --- */

static bool private_without_gap(const struct engine *engine, const struct record *record)
{
    return engine->private_up && !record->restored &&
           record->sent_session == engine->private_session;
}

/* From this time on (by now_ms) the exchange can't accept the create any more. Two clocks must
 * agree: the exchange's, which could jump, and ours. A create of an earlier run was signed before
 * this run began, whatever the clock said then. */
static int64_t horizon_ms(const struct engine *engine, const struct record *record)
{
    const struct engine_times *times = engine->times;
    int64_t window_ms = (int64_t)times->recv_window_ms + 1000 + times->horizon_slack_ms;
    int64_t own_ms = record->sent_ms + window_ms;
    int64_t signed_ms = record->order.signed_ms > 0 ? record->order.signed_ms - engine->offset_ms
                                                    : record->order.deadline_ms;

    if (!engine->clock_known)
        return NEVER_MS;
    if (record->restored && record->order.signed_ms == 0 && signed_ms < record->sent_ms)
        signed_ms = record->sent_ms;
    signed_ms += window_ms + engine->uncertainty_ms;
    return signed_ms > own_ms ? signed_ms : own_ms;
}

static int needed_count(const struct engine *engine, const struct record *record)
{
    return private_without_gap(engine, record) ? engine->times->lookups_needed
                                               : engine->times->lookups_needed_gap;
}

/* "six over 120 s" */
static int64_t gap_span_ms(const struct engine *engine, const struct record *record)
{
    if (private_without_gap(engine, record))
        return record->look.base_ms;
    return record->look.base_ms + engine->times->lookup_gap_more_ms[2];
}

static bool horizon_passed(const struct engine *engine, const struct record *record)
{
    const struct lookup *look = &record->look;

    return look->counted >= needed_count(engine, record) &&
           look->counted_ms >= horizon_ms(engine, record) &&
           look->counted_ms >= gap_span_ms(engine, record);
}

/* --- when --- */

static bool fills_are_wrong(const struct record *record)
{
    return record->fills_unsized == 0 &&
           decimal_cmp(&record->fills_qty, &record->order.filled_qty) > 0;
}

static bool needed(const struct record *record)
{
    const struct order *order = &record->order;

    if (record->look.wanted || record->conflict || amend_needs_look(record))
        return true;
    switch (order->state) {
    case ORDER_ACKED:
    case ORDER_UNKNOWN:
        return true;
    case ORDER_LIVE:
        return record->missing || order->cancel_wanted || fills_are_wrong(record);
    case ORDER_INTENT:
    case ORDER_SENT:
        return false;
    case ORDER_CLOSED:
    case ORDER_REJECTED:
    case ORDER_NEVER_ACCEPTED:
    case ORDER_GONE:
        return !order->settled;
    case ORDER_NOT_SENT:
        return record->watched || !order->settled;
    }
    return false;
}

static int64_t max_ms(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The earliest look-up that could complete the horizon rule, or bring it nearer once the schedule
 * is over. */
static int64_t horizon_due_ms(const struct engine *engine, const struct record *record)
{
    const struct lookup *look = &record->look;
    int64_t due_ms = horizon_ms(engine, record);

    if (due_ms == NEVER_MS)
        return NEVER_MS;
    if (look->counted > 0)
        due_ms = max_ms(due_ms, look->counted_ms + engine->times->lookup_apart_ms);
    if (look->counted + 1 >= needed_count(engine, record))
        due_ms = max_ms(due_ms, gap_span_ms(engine, record));
    return max_ms(due_ms, engine->now_ms + 1);
}

static int64_t schedule_ms(const struct engine *engine, struct lookup *look, bool gap)
{
    const struct engine_times *times = engine->times;
    int early = (int)ARRAY_LEN(times->lookup_after_ms);
    int all = early + (gap ? (int)ARRAY_LEN(times->lookup_gap_more_ms) : 0);

    for (; look->step < all; look->step++) {
        int after_ms = look->step < early ? times->lookup_after_ms[look->step]
                                          : times->lookup_gap_more_ms[look->step - early];

        if (look->base_ms + after_ms > engine->now_ms)
            return look->base_ms + after_ms;
    }
    return engine->now_ms + times->lookup_late_ms;
}

static int64_t next_due_ms(const struct engine *engine, struct record *record)
{
    bool open_fate = record->order.state == ORDER_UNKNOWN || record->watched;
    int64_t due_ms =
        schedule_ms(engine, &record->look, !private_without_gap(engine, record) && open_fate);
    int64_t horizon_due = open_fate ? horizon_due_ms(engine, record) : NEVER_MS;

    if (amend_needs_look(record) && amend_look_ms(engine, record) < due_ms)
        due_ms = amend_look_ms(engine, record);
    return horizon_due < due_ms ? horizon_due : due_ms;
}

void lookup_schedule(struct engine *engine, struct record *record)
{
    struct lookup *look = &record->look;

    look->base_ms = engine->now_ms;
    look->step = 0;
    look->counted = 0;
    look->counted_ms = 0;
    look->failures = 0;
    if (look->stage == LOOK_IDLE)
        look->due_ms = next_due_ms(engine, record);
}

/* One in flight ends by itself. */
void lookup_stop(struct record *record)
{
    record->look.due_ms = NEVER_MS;
    record->look.wanted = false;
    record->look.again = false;
}

static void lookup_at(struct engine *engine, struct record *record, int64_t due_ms)
{
    struct lookup *look = &record->look;

    look->wanted = true;
    if (look->base_ms == 0)
        look->base_ms = engine->now_ms;
    if (look->stage == LOOK_READING)
        look->again = true;
    else if (look->stage == LOOK_IDLE && look->due_ms > due_ms)
        look->due_ms = due_ms;
}

void lookup_now(struct engine *engine, struct record *record)
{
    lookup_at(engine, record, engine->now_ms);
}

void lookup_soon(struct engine *engine, struct record *record)
{
    lookup_at(engine, record, engine->now_ms + engine->times->lookup_after_ms[0]);
}

void lookup_review(struct engine *engine, struct record *record)
{
    if (record->look.stage != LOOK_IDLE)
        return;
    if (!needed(record))
        record->look.due_ms = NEVER_MS;
    else if (record->look.due_ms == NEVER_MS)
        lookup_schedule(engine, record);
}

/* --- one look-up --- */

void lookup_timer(struct engine *engine, struct record *record)
{
    struct lookup *look = &record->look;

    if (look->stage != LOOK_IDLE || engine->now_ms < look->due_ms)
        return;
    look->due_ms = NEVER_MS;
    if (!needed(record))
        return;
    look->stage = LOOK_QUEUED;
    look->queue_next = NULL;
    if (engine->look_last)
        engine->look_last->look.queue_next = record;
    else
        engine->look_first = record;
    engine->look_last = record;
}

static void start_read(struct engine *engine, struct read_slot *slot, struct record *record)
{
    const struct order *order = &record->order;
    struct engine_action *read = &slot->read;

    slot->owner = READ_FOR_RECORD;
    slot->record = record;
    read->u.read.kind = record->look.kind;
    read->u.read.category = order->request.category;
    read->u.read.limit = record->look.kind == READ_ORDER_EXECUTIONS ? 100 : 50;
    memcpy(read->u.read.symbol, order->request.symbol, sizeof(read->u.read.symbol));
    memcpy(read->u.read.link, order->request.link, sizeof(read->u.read.link));
    memcpy(read->u.read.order_id, order->order_id, sizeof(read->u.read.order_id));
    read_start(engine, slot);
}

/* Of an order whose end is known only fills can be missing. */
static enum read_kind first_read(const struct record *record)
{
    bool ended = record->order.state == ORDER_CLOSED && record->order.order_id[0];

    return ended && !record->conflict && !record->look.wanted ? READ_ORDER_EXECUTIONS : READ_ORDER;
}

void lookup_pump(struct engine *engine)
{
    struct read_slot *slot;

    while (engine->look_first && (slot = read_free_slot(engine))) {
        struct record *record = engine->look_first;

        engine->look_first = record->look.queue_next;
        if (!engine->look_first)
            engine->look_last = NULL;
        record->look.stage = LOOK_READING;
        record->look.started_ms = engine->now_ms;
        record->look.found = false;
        record->look.told = false;
        record->look.again = false;
        record->look.kind = first_read(record);
        record->look.past = record->look.kind == READ_ORDER_EXECUTIONS;
        start_read(engine, slot, record);
    }
}

static bool is_gone(const struct engine *engine, const struct record *record)
{
    const struct order *order = &record->order;
    int64_t old_ms = order->created_ms + engine->times->gone_after_ms;

    if (record->look.started_ms < old_ms || record->fills_count > 0 ||
        decimal_sign(&order->filled_qty) > 0)
        return false;
    if (order->state == ORDER_UNKNOWN)
        return record->look.started_ms >= horizon_ms(engine, record);
    return order->state == ORDER_ACKED || order->state == ORDER_LIVE;
}

static void count_empty(struct engine *engine, struct record *record, int64_t started_ms)
{
    struct lookup *look = &record->look;

    if (started_ms < look->base_ms)
        return; /* begun before the loss */
    if (look->counted == 0 || started_ms - look->counted_ms >= engine->times->lookup_apart_ms) {
        look->counted++;
        look->counted_ms = started_ms;
    }
    if (record->order.state == ORDER_UNKNOWN && !record->soft && horizon_passed(engine, record))
        record_change(engine, record, ORDER_NEVER_ACCEPTED, false);
    if (record->watched && started_ms >= horizon_ms(engine, record))
        record->watched = false;
}

static void note_empty(struct engine *engine, struct record *record)
{
    if (record->soft && record->order.state == ORDER_UNKNOWN &&
        record->look.started_ms >= record->look.base_ms)
        create_soft_confirmed(engine, record);
    count_empty(engine, record, record->look.started_ms);
    if (is_gone(engine, record))
        record_change(engine, record, ORDER_GONE, false);
}

void lookup_scanned_empty(struct engine *engine, struct record *record, int64_t started_ms)
{
    count_empty(engine, record, started_ms);
    lookup_review(engine, record);
    record_done(engine, record);
}

static int64_t backoff_ms(const struct engine *engine, int failures)
{
    int doublings = failures < 5 ? failures - 1 : 4;

    return (int64_t)engine->times->read_retry_ms << doublings;
}

static void finish(struct engine *engine, struct record *record, bool complete)
{
    struct lookup *look = &record->look;

    look->stage = LOOK_IDLE;
    if (!complete) {
        look->failures++;
        look->due_ms = engine->now_ms + backoff_ms(engine, look->failures);
        record_done(engine, record);
        return;
    }
    look->failures = 0;
    look->wanted = false;
    if (look->told && !record->conflict)
        amend_looked(engine, record);
    record->conflict = false;
    if (!look->told && look->past)
        untold_note(engine, record);
    if (look->found)
        look->counted = 0;
    else
        note_empty(engine, record);
    if (look->again)
        lookup_now(engine, record);
    else
        look->due_ms = needed(record) ? next_due_ms(engine, record) : NEVER_MS;
    record_done(engine, record);
}

static bool names(const struct record *record, const char *order_id, const char *link)
{
    const struct order *order = &record->order;

    if (order->order_id[0])
        return strcmp(order->order_id, order_id) == 0;
    return !link[0] || strcmp(order->request.link, link) == 0; /* fills may come without */
}

/* False: the page tells of orders that were not asked for. */
static bool take_page(struct engine *engine, struct record *record,
                      const struct engine_event *event)
{
    bool good = true;

    for (size_t i = 0; i < event->u.page.reports_count; i++) {
        const struct order_report *report = &event->u.page.reports[i];

        good = good && names(record, report->order_id, report->link);
        record->look.told |= names(record, report->order_id, report->link);
        evidence_order(engine, report, true); /* marks what it finds: a foreign order is none */
    }
    for (size_t i = 0; i < event->u.page.fills_count; i++) {
        const struct fill *fill = &event->u.page.fills[i];

        good = good && names(record, fill->order_id, fill->link);
        evidence_fill(engine, fill, true);
        if (!record_by_order_id(engine, fill->category, fill->order_id))
            record->look.found = true; /* whose it is will show */
    }
    return good;
}

static bool lacks_fills(const struct record *record)
{
    return record->fills_unsized > 0 ||
           decimal_cmp(&record->fills_qty, &record->order.filled_qty) != 0;
}

/* The next list to read; false: that was all. */
static bool advance(struct record *record)
{
    struct lookup *look = &record->look;

    if (look->kind == READ_ORDER && !look->found) {
        look->kind = READ_ORDER_HISTORY;
        look->past = true;
        return true;
    }
    if (look->kind == READ_ORDER_EXECUTIONS || (look->found && !lacks_fills(record)))
        return false;
    look->kind = READ_ORDER_EXECUTIONS;
    return true;
}

void lookup_page(struct engine *engine, struct read_slot *slot, const struct engine_event *event)
{
    struct record *record = slot->record;

    if (!event->u.page.ok || !take_page(engine, record, event)) {
        read_release(engine, slot);
        finish(engine, record, false);
        return;
    }
    if (event->u.page.next_cursor && event->u.page.next_cursor[0]) {
        if (read_next_page(engine, slot, event->u.page.next_cursor))
            return;
        read_release(engine, slot);
        finish(engine, record, false);
        return;
    }
    read_release(engine, slot);
    if (!advance(record)) {
        finish(engine, record, true);
        return;
    }
    start_read(engine, slot, record);
}
