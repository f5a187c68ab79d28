/* engine/evidence.c - order messages and fills, from the stream, from scans and from look-ups, into
 * the records they are about. All may come late, twice, and in any order: order_merge and the fill
 * keys make that harmless, so it does not matter either that stream messages are taken at once
 * while a recovery reads.
 */
#include <string.h>

#include "engine/internal.h"

#define LINK_MARGIN_MS 1000   /* how much earlier than its intent an order of ours may seem */
#define AHEAD_MAX_MS   600000 /* of the exchange's clock: no message is of then */

/* Funding and settlement pay for a position: no order grows by them. */
bool fill_has_order(const struct fill *fill)
{
    return fill->order_id[0] && fill->kind != FILL_FUNDING && fill->kind != FILL_SETTLE;
}

static bool same_market(const struct record *record, enum category category, const char *symbol)
{
    return record->order.request.category == category &&
           strcmp(record->order.request.symbol, symbol) == 0;
}

/* A link can belong to an older order that was made elsewhere; ours was then refused as a
 * duplicate, or will be. The clock of an earlier run may have been wrong, so for its orders the age
 * alone proves nothing. */
bool evidence_is_foreign(const struct engine *engine, const struct record *record,
                         const struct order_report *report)
{
    const struct order *order = &record->order;
    int64_t made_ms =
        record->made_server_ms > 0 ? record->made_server_ms : order->created_ms + engine->offset_ms;
    bool older = engine->clock_known && report->created_ms > 0 &&
                 report->created_ms < made_ms - engine->uncertainty_ms - LINK_MARGIN_MS;

    if (order->order_id[0])
        return strcmp(order->order_id, report->order_id) != 0;
    if (!same_market(record, report->category, report->symbol))
        return true;
    if (record->duplicate && !order_matches(order, report))
        return true;
    return older && (record->made_server_ms > 0 || !order_matches(order, report));
}

/* An order of an earlier run that is known by its link only: the journal may know the order id as
 * another order's. */
bool evidence_must_ask(const struct record *record)
{
    return record->restored && !record->order.order_id[0];
}

/* Of an order of an earlier run that looks like another one, its age will tell once the exchange's
 * clock is known: an amend may have made it so. */
static bool is_unsure(const struct engine *engine, const struct record *record,
                      const struct order_report *report)
{
    return !engine->clock_known && evidence_must_ask(record) &&
           !order_matches(&record->order, report);
}

/* Fills are matched by order id alone: whose link it is shows only in an order message. */
struct record *evidence_record(struct engine *engine, const struct evidence *evidence,
                               bool *blocked)
{
    const struct order_report *report = &evidence->u.report;
    const struct fill *fill = &evidence->u.fill;
    struct record *record = evidence->is_fill
                                ? record_by_order_id(engine, fill->category, fill->order_id)
                                : record_by_order_id(engine, report->category, report->order_id);

    *blocked = false;
    if (record || evidence->is_fill)
        return record;
    record = record_by_link(engine, report->link);
    if (!record)
        return NULL;
    /* A new intent may be about a link of the past, and so may this evidence. */
    *blocked = record->intent_new || is_unsure(engine, record, report);
    if (*blocked || evidence_must_ask(record) || evidence_is_foreign(engine, record, report))
        return NULL;
    return record;
}

/* --- order messages --- */

static void note_conflict(struct engine *engine, struct record *record)
{
    bool fresh = !record->conflict_ms ||
                 engine->now_ms - record->conflict_ms >= engine->times->lookup_apart_ms;

    engine->anomalies++;
    if (!fresh)
        return;
    record->conflict = true;
    record->conflict_ms = engine->now_ms;
    lookup_now(engine, record);
}

/* The order's row, when it has changed; an anomaly when it had ended. */
static void note_taken(struct engine *engine, struct record *record, const struct order *before,
                       struct native *native)
{
    struct order *order = &record->order;
    bool grew = decimal_cmp(&order->filled_qty, &before->filled_qty) != 0;
    bool anomaly = order_state_is_final(before->state) && (order->state != before->state || grew);

    if (grew)
        order->settled = false;
    record->soft = false;
    record->duplicate = false;
    record->watched = false;
    record->missing = false;
    record_index_order_id(engine, record);
    record_note_final(engine, record);
    row_reported(engine, record, native, true, anomaly);
    if (anomaly)
        lookup_now(engine, record);
}

/* Its size or price is another now. Two messages of one and the same time do not tell which of them
 * is the later one. */
static void note_terms(struct engine *engine, struct record *record, const struct order *before,
                       const struct order_report *report)
{
    const struct order_request *now = &record->order.request;
    bool priced = decimal_cmp(&now->price, &before->request.price) != 0;
    bool sized = decimal_cmp(&now->qty, &before->request.qty) != 0;
    bool moved = decimal_cmp(&now->trigger_price, &before->request.trigger_price) != 0;

    if (priced || moved)
        exposure_reprice(record, &before->request);
    if ((priced || sized) && report->updated_ms == before->exchange_ms)
        lookup_soon(engine, record);
}

/* The report's object, unless it is older than the one that is there, as a report that only filled
 * in what an end had lacked may be, or tells another end than the one that stays. */
static struct native *newer_native(const struct order *now, const struct order *before,
                                   const struct order_report *report)
{
    bool further =
        now->status != before->status || decimal_cmp(&now->filled_qty, &before->filled_qty) != 0;

    if (report->status != now->status)
        return NULL;
    return further || report->updated_ms >= before->exchange_ms ? report->native : NULL;
}

/* Nothing that is kept of the order has changed; its object may have, until the order has ended:
 * then each scan may bring a row of the history that is later and says the same. */
static void note_same(struct engine *engine, struct record *record, const struct order *before,
                      const struct order_report *report)
{
    struct native *native = newer_native(&record->order, before, report);

    if (amend_is_shown(engine, record, report))
        row_reported(engine, record, native, true, false);
    else if (native && report->updated_ms > before->exchange_ms &&
             !order_state_is_final(before->state))
        row_reported(engine, record, native, false, false);
}

void report_apply(struct engine *engine, struct record *record, const struct order_report *report,
                  bool scanned)
{
    enum evidence_source outer = engine->source;
    struct order before = record->order;

    engine->source = scanned ? SOURCE_SCAN : SOURCE_STREAM;
    switch (order_merge(&record->order, report)) {
    case MERGE_TAKEN:
        note_terms(engine, record, &before, report);
        (void)amend_is_shown(engine, record, report);
        note_taken(engine, record, &before, newer_native(&record->order, &before, report));
        engine->recovery.news |= scanned;
        break;
    case MERGE_SAME:
        note_same(engine, record, &before, report);
        break;
    case MERGE_STALE:
        break;
    case MERGE_CONFLICT:
        note_conflict(engine, record);
        break;
    }
    record->seen_ms = engine->now_ms;
    record->look.found = true;
    record->look.untold = 0;
    record->missing = false;
    if (record->order.state == ORDER_LIVE)
        cancel_pursue(engine, record);
    lookup_review(engine, record);
    find_wake(engine, record);
    record_done(engine, record);
    engine->source = outer;
}

struct order_report report_in_time(const struct engine *engine, const struct order_report *report)
{
    struct order_report out = *report;

    if (engine->clock_known && out.updated_ms > server_now_ms(engine) + AHEAD_MAX_MS)
        out.updated_ms = server_now_ms(engine);
    return out;
}

void evidence_order(struct engine *engine, const struct order_report *told, bool scanned)
{
    struct evidence like = { .scanned = scanned, .u.report = report_in_time(engine, told) };
    const struct order_report *report = &like.u.report;
    struct record *record;
    bool blocked;

    if (!report->order_id[0]) {
        engine->anomalies++;
        return;
    }
    coins_see(engine, report->category, report->symbol);
    record = evidence_record(engine, &like, &blocked);
    if (record) {
        report_apply(engine, record, report, scanned);
        return;
    }
    record = blocked ? NULL : record_by_link(engine, report->link);
    if (record && evidence_is_foreign(engine, record, report)) {
        /* Kept as an external order without the link, for links are unique in the journal. */
        like.u.report.link[0] = '\0';
        if (record->duplicate && record->order.state == ORDER_UNKNOWN)
            create_foreign(engine, record);
    }
    if (engine->guard.sweeping && !status_is_closed(told->status))
        kill_sees_open(engine, told);
    find_queue(engine, &like);
}

/* --- fills --- */

static bool counts(const struct fill *fill)
{
    return fill->kind != FILL_FUNDING && fill->kind != FILL_SETTLE;
}

static void add_size(struct engine *engine, struct record *record, const struct fill *fill)
{
    struct decimal sum;

    if (!counts(fill))
        return;
    if (decimal_add(&sum, &record->fills_qty, &fill->qty)) {
        engine->anomalies++; /* absurd numbers: the sum never fits cumExecQty, and the order stays
                                unsettled */
        return;
    }
    record->fills_qty = sum;
}

/* The key is known. The journal does not tell the numbers of its keys: they are learnt now. */
static void repeat(struct engine *engine, struct record *record, struct fill_node *known,
                   const struct fill *fill)
{
    uint64_t numbers = fill_numbers(fill);

    if (known->numbers == numbers)
        return;
    if (known->numbers) {
        engine->anomalies++;
        return;
    }
    known->numbers = numbers;
    record->fills_unsized--;
    add_size(engine, record, fill);
}

/* A fill proves that the order exists. */
static void prove(struct engine *engine, struct record *record, bool was_over)
{
    struct order *order = &record->order;

    record->duplicate = false;
    record->soft = false;
    record->watched = false;
    if (order->state == ORDER_INTENT || order->state == ORDER_SENT ||
        order->state == ORDER_UNKNOWN) {
        record_change(engine, record, ORDER_ACKED, false);
        lookup_schedule(engine, record);
    } else if (was_over) {
        record_change(engine, record, ORDER_ACKED, true);
        lookup_schedule(engine, record);
        lookup_now(engine, record);
    }
}

/* An end that says that nothing was filled. */
static bool ended_without_fill(const struct order *order)
{
    return order->state == ORDER_REJECTED || order->state == ORDER_NOT_SENT ||
           order->state == ORDER_NEVER_ACCEPTED || order->state == ORDER_GONE;
}

static void fill_new(struct engine *engine, struct record *record, const struct fill *told)
{
    struct fill fill = *told;
    const struct order *order = &record->order;
    bool was_over = ended_without_fill(order);
    bool was_settled = order_state_is_final(order->state) && order->settled;

    memcpy(fill.tag, order->request.tag, sizeof(fill.tag));
    memcpy(fill.client, order->request.client, sizeof(fill.client));
    memcpy(fill.client_id, order->request.client_id, sizeof(fill.client_id));
    if (!fill.link[0])
        memcpy(fill.link, order->request.link, sizeof(fill.link));
    prove(engine, record, was_over);
    (void)fill_add(engine, record, fill.exec_id, fill_numbers(&fill));
    add_size(engine, record, &fill);
    if (counts(&fill))
        exposure_fill(engine, record, &fill);
    row_fill(engine, &fill, was_settled);
    if (was_settled) {
        record->order.settled = false;
        lookup_now(engine, record);
    }
}

void fill_apply(struct engine *engine, struct record *record, const struct fill *fill, bool scanned)
{
    struct fill_node *known = fill_find(engine, record, fill->exec_id);
    enum evidence_source outer = engine->source;

    if (!known && engine->fill_keys_count >= FILL_KEYS_MAX) {
        engine->anomalies++; /* not counted without its key: a later scan brings it again */
        return;
    }
    engine->source = scanned ? SOURCE_SCAN : SOURCE_STREAM;
    if (known) {
        repeat(engine, record, known, fill);
    } else {
        fill_new(engine, record, fill);
        engine->recovery.news |= scanned;
    }
    record->seen_ms = engine->now_ms;
    record->look.found = true;
    lookup_review(engine, record);
    record_done(engine, record);
    engine->source = outer;
}

static bool fill_is_sane(const struct fill *fill)
{
    if (!fill->exec_id[0])
        return false;
    return !fill_has_order(fill) || decimal_sign(&fill->qty) > 0;
}

void evidence_fill(struct engine *engine, const struct fill *fill, bool scanned)
{
    struct evidence like = { .is_fill = true, .scanned = scanned, .u.fill = *fill };
    struct record *record = NULL;
    bool blocked = false;

    if (!fill_is_sane(fill)) {
        engine->anomalies++;
        return;
    }
    coins_see(engine, fill->category, fill->symbol);
    if (fill_has_order(fill))
        record = evidence_record(engine, &like, &blocked);
    if (record)
        fill_apply(engine, record, fill, scanned);
    else
        find_queue(engine, &like);
}
