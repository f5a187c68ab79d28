/* engine/find.c - evidence about what is not in memory.
 *
 *   ask the journal --there--> load the order, apply
 *        |not there
 *        +-- an order message is among it: an external order, apply
 *        +-- only fills: ask the exchange for their order (a few times), then journal them with
 * what is known
 *        +-- a fill without an order (funding): journal it, once
 */
#include <assert.h>
#include <string.h>

#include "engine/internal.h"

static uint64_t find_hash(enum category category, const char *order_id, const char *exec_id)
{
    return hash_text(hash_text((uint64_t)category, order_id), exec_id);
}

static struct find *find_same(const struct engine *engine, enum category category,
                              const char *order_id, const char *exec_id)
{
    uint64_t hash = find_hash(category, order_id, exec_id);
    struct node *node = NULL;

    while ((node = index_next(&engine->find_keys, hash, node))) {
        struct find *find = node->item;

        if (find->category == category && strcmp(find->order_id, order_id) == 0 &&
            strcmp(find->exec_id, exec_id) == 0)
            return find;
    }
    return NULL;
}

static bool is_ready(enum find_stage stage)
{
    return stage == FIND_READY || stage == FIND_LOOK_READY;
}

static void set_stage(struct engine *engine, struct find *find, enum find_stage stage)
{
    engine->finds_ready += (size_t)is_ready(stage) - (size_t)is_ready(find->stage);
    engine->finds_flying += (size_t)(stage == FIND_ASKED) - (size_t)(find->stage == FIND_ASKED);
    find->stage = stage;
}

static struct find *find_new(struct engine *engine, enum category category, const char *order_id,
                             const char *exec_id)
{
    struct find *find = engine->spare_finds;

    assert(find);
    engine->spare_finds = find->next;
    engine->spare_finds_count--;
    memset(find, 0, sizeof(*find));
    find->number = next_id(engine);
    find->category = category;
    memcpy(find->order_id, order_id, strnlen(order_id, sizeof(find->order_id) - 1));
    memcpy(find->exec_id, exec_id, strnlen(exec_id, sizeof(find->exec_id) - 1));
    find->stage = FIND_READY;
    engine->finds_ready++;
    find->prev = engine->finds_last;
    if (find->prev)
        find->prev->next = find;
    else
        engine->finds_first = find;
    engine->finds_last = find;
    engine->finds_count++;
    index_add(&engine->find_keys, &find->by_key, find_hash(category, order_id, exec_id), find);
    return find;
}

static void find_end(struct engine *engine, struct find *find)
{
    while (find->first) {
        struct evidence *evidence = find->first;

        find->first = evidence->next;
        evidence_free(engine, evidence);
    }
    set_stage(engine, find, FIND_DELAYED);
    index_remove(&engine->find_keys, &find->by_key);
    if (find->prev)
        find->prev->next = find->next;
    else
        engine->finds_first = find->next;
    if (find->next)
        find->next->prev = find->prev;
    else
        engine->finds_last = find->prev;
    engine->finds_count--;
    find->next = engine->spare_finds;
    engine->spare_finds = find;
    engine->spare_finds_count++;
}

bool find_has_room(const struct engine *engine, size_t more)
{
    return engine->evidence_count + more <= EVIDENCE_MAX && engine->finds_count + more <= FINDS_MAX;
}

bool find_any_before(const struct engine *engine, uint64_t number)
{
    return engine->finds_first && engine->finds_first->number <= number;
}

static void find_copy_names(struct find *find, const struct evidence *evidence)
{
    const char *link = evidence->is_fill ? evidence->u.fill.link : evidence->u.report.link;
    const char *symbol = evidence->is_fill ? evidence->u.fill.symbol : evidence->u.report.symbol;

    if (!find->link[0])
        memcpy(find->link, link, sizeof(find->link));
    if (!find->symbol[0])
        memcpy(find->symbol, symbol, sizeof(find->symbol));
}

static void resolve_looked_up(struct engine *engine, struct find *find);

static void append(struct engine *engine, struct find *find, const struct evidence *like)
{
    struct evidence *evidence = evidence_new(engine);

    *evidence = *like;
    evidence->next = NULL;
    if (!evidence->is_fill)
        native_hold(evidence->u.report.native);
    if (find->last && find->first)
        find->last->next = evidence;
    else
        find->first = evidence;
    find->last = evidence;
    find->count++;
    find_copy_names(find, evidence);
}

void find_queue(struct engine *engine, const struct evidence *like)
{
    bool alone = like->is_fill && !fill_has_order(&like->u.fill);
    const char *exec_id = alone ? like->u.fill.exec_id : "";
    enum category category = like->is_fill ? like->u.fill.category : like->u.report.category;
    const char *order_id = like->is_fill ? like->u.fill.order_id : like->u.report.order_id;
    struct find *find = find_same(engine, category, order_id, exec_id);

    if (find && find->count > 0 && alone)
        return; /* the same fill once more */
    if (!find_has_room(engine, 1) || (find && find->count >= FIND_QUEUE_MAX)) {
        recovery_gap(engine); /* dropped, so it is owed */
        return;
    }
    if (!find)
        find = find_new(engine, category, order_id, exec_id);
    append(engine, find, like);
    /* The stream has brought what was being looked up. */
    if (!like->is_fill && (find->stage == FIND_LOOK_READY || find->stage == FIND_LOOK_DELAYED))
        resolve_looked_up(engine, find);
}

/* --- what comes of it --- */

static void delay(struct engine *engine, struct find *find, enum find_stage stage)
{
    find->retry_ms = engine->now_ms + engine->times->read_retry_ms;
    set_stage(engine, find, stage);
}

/* Takes the evidence and ends the find, so that nothing meets it half done. */
static struct evidence *detach(struct engine *engine, struct find *find)
{
    struct evidence *first = find->first;

    find->first = NULL;
    find_end(engine, find);
    return first;
}

static void free_all(struct engine *engine, struct evidence *at)
{
    while (at) {
        struct evidence *next = at->next;

        evidence_free(engine, at);
        at = next;
    }
}

/* Applies what waits to `record`: first the order messages, in the order of their coming, then the
 * fills. */
static void apply_all(struct engine *engine, struct find *find, struct record *record)
{
    struct evidence *first = detach(engine, find);

    for (struct evidence *at = first; at; at = at->next) {
        if (!at->is_fill)
            report_apply(engine, record, &at->u.report, at->scanned);
    }
    for (struct evidence *at = first; at; at = at->next) {
        if (at->is_fill)
            fill_apply(engine, record, &at->u.fill, at->scanned);
    }
    free_all(engine, first);
}

/* Memory has it by now: each takes the way of fresh evidence. */
static void redispatch(struct engine *engine, struct find *find)
{
    struct evidence *first = detach(engine, find);

    for (struct evidence *at = first; at; at = at->next) {
        if (at->is_fill)
            evidence_fill(engine, &at->u.fill, at->scanned);
        else
            evidence_order(engine, &at->u.report, at->scanned);
    }
    free_all(engine, first);
}

void find_wake(struct engine *engine, const struct record *record)
{
    struct find *find;

    if (engine->finds_count == 0 || !record->order.order_id[0])
        return;
    find = find_same(engine, record->order.request.category, record->order.order_id, "");
    if (find && find->stage != FIND_LOOKING)
        redispatch(engine, find);
}

/* Whether memory has it by now: then `*record`; `*blocked`: ask again when an intent is committed.
 */
static struct record *in_memory(struct engine *engine, const struct find *find, bool *blocked)
{
    *blocked = false;
    for (const struct evidence *at = find->first; at; at = at->next) {
        struct record *record = evidence_record(engine, at, blocked);

        if (record || *blocked)
            return record;
    }
    return NULL;
}

static bool make_room(struct engine *engine)
{
    return engine->records_count < engine->records_max || store_make_room(engine);
}

static const struct evidence *first_report(const struct find *find)
{
    for (const struct evidence *at = find->first; at; at = at->next) {
        if (!at->is_fill)
            return at;
    }
    return NULL;
}

/* An order that was not made here, or in a journal that is gone. */
static void make_external(struct engine *engine, struct find *find, const struct evidence *from)
{
    bool sane = order_report_is_sane(&from->u.report);
    struct order order;
    struct record *record;

    order_from_report(&order, &from->u.report, engine->now_ms);
    if (record_by_link(engine, order.request.link)) {
        engine->anomalies++;
        order.request.link[0] = '\0';
        order.request.client_id[0] = '\0';
    }
    if (!sane)
        engine->anomalies++;
    record = record_new(engine, &order);
    record->seen_ms = engine->now_ms;
    engine->recovery.news |= from->scanned;
    record_note_final(engine, record);
    kill_sees_first(engine, record);
    engine->source = from->scanned ? SOURCE_SCAN : SOURCE_STREAM;
    row_reported(engine, record, sane ? from->u.report.native : NULL, true, false);
    engine->source = SOURCE_BRIDGE;
    apply_all(engine, find, record);
}

static void load_stored(struct engine *engine, struct find *find, const struct engine_event *event)
{
    struct record *record = record_new(engine, event->u.found.order);

    record->final_ms = engine->now_ms;
    record->restored = true;
    record->sent_ms = engine->start_ms;
    amend_restore(engine, record);
    for (size_t i = 0; i < event->u.found.fills_count; i++) {
        if (!fill_find(engine, record, event->u.found.fills[i].exec_id))
            (void)fill_add(engine, record, event->u.found.fills[i].exec_id, 0);
    }
    apply_all(engine, find, record);
}

static void journal_fill(struct engine *engine, const struct evidence *evidence)
{
    struct fill fill = evidence->u.fill;

    engine->recovery.news |= evidence->scanned;
    engine->source = evidence->scanned ? SOURCE_SCAN : SOURCE_STREAM;
    row_fill(engine, &fill, false);
    engine->source = SOURCE_BRIDGE;
}

/* Whether an order made here, whose order id is not known yet, could be the one that these fills
 * are of. */
static bool may_be_ours(const struct engine *engine, const struct fill *fill)
{
    for (const struct record *record = engine->records; record; record = record->next) {
        const struct order *order = &record->order;

        if (!order->order_id[0] && !order_state_is_final(order->state) &&
            order->request.category == fill->category && order->request.side == fill->side &&
            strcmp(order->request.symbol, fill->symbol) == 0)
            return true;
    }
    return false;
}

/* The exchange has fills of an order that it does not show: an order is made of what the fills
 * tell, so that their keys have a place, and is looked up like any other. */
static void give_up_order(struct engine *engine, struct find *find)
{
    const struct fill *fill = &find->first->u.fill;
    struct order_report report = { .category = fill->category,
                                   .side = fill->side,
                                   .qty = DECIMAL_NONE,
                                   .price = DECIMAL_NONE,
                                   .trigger_price = DECIMAL_NONE,
                                   .filled_qty = DECIMAL_NONE,
                                   .filled_value = DECIMAL_NONE,
                                   .avg_price = DECIMAL_NONE,
                                   .created_ms = fill->at_ms };
    struct order order;
    struct record *record;

    memcpy(report.order_id, fill->order_id, sizeof(report.order_id));
    memcpy(report.symbol, fill->symbol, sizeof(report.symbol));
    order_from_report(&order, &report, engine->now_ms);
    order.state = ORDER_ACKED;
    record = record_new(engine, &order);
    row_order(engine, record, ROW_ORDER, true, true);
    lookup_schedule(engine, record);
    apply_all(engine, find, record);
}

/* The journal does not have it: is there enough to make an order of it? */
static void resolve_absent(struct engine *engine, struct find *find)
{
    const struct evidence *report = first_report(find);

    if (report) {
        make_external(engine, find, report);
        return;
    }
    find->look = READ_ORDER;
    set_stage(engine, find, FIND_LOOK_READY);
}

static void resolve_looked_up(struct engine *engine, struct find *find)
{
    bool blocked;
    struct record *record = in_memory(engine, find, &blocked);

    if (record) {
        redispatch(engine, find);
        return;
    }
    if (blocked || !make_room(engine)) {
        delay(engine, find, FIND_DELAYED);
        return;
    }
    /* A report may name a link, by which the journal has it. */
    if (find->link[0])
        set_stage(engine, find, FIND_READY);
    else
        resolve_absent(engine, find);
}

static struct find *find_by_id(const struct engine *engine, uint64_t find_id)
{
    for (struct find *find = engine->finds_first; find; find = find->next) {
        if (find->stage == FIND_ASKED && find->find_id == find_id)
            return find;
    }
    return NULL;
}

static void answer_alone(struct engine *engine, struct find *find, const struct engine_event *event)
{
    if (!event->u.found.fill_known)
        journal_fill(engine, find->first);
    find_end(engine, find);
}

/* Found by a link that names another order: one with its own order id, or one that the exchange
 * refused, because the link was taken. */
static bool is_other(const struct engine *engine, const struct order *order,
                     const struct order_report *report)
{
    bool refused = order->state == ORDER_REJECTED && order->status == STATUS_NONE;
    int64_t made_ms = order->created_ms + engine->offset_ms;

    if (order->order_id[0] || order->request.category != report->category ||
        strcmp(order->request.symbol, report->symbol) != 0)
        return true;
    if (order_matches(order, report))
        return false;
    return refused || (report->created_ms > 0 && report->created_ms < made_ms);
}

static void forget_link(struct engine *engine, struct find *find)
{
    engine->anomalies++;
    find->link[0] = '\0';
    for (struct evidence *at = find->first; at; at = at->next) {
        if (at->is_fill)
            at->u.fill.link[0] = '\0';
        else
            at->u.report.link[0] = '\0';
    }
}

/* An order of an earlier run that its link names, now that the journal has no other order of this
 * id. */
static struct record *by_link_only(const struct engine *engine, const struct find *find)
{
    const struct evidence *report = first_report(find);
    struct record *record = report ? record_by_link(engine, report->u.report.link) : NULL;

    if (!record || !evidence_must_ask(record) ||
        evidence_is_foreign(engine, record, &report->u.report))
        return NULL;
    return record;
}

static void resolve_answer(struct engine *engine, struct find *find,
                           const struct engine_event *event)
{
    const struct order *order = event->u.found.order;
    bool same_id = order && strcmp(order->order_id, find->order_id) == 0;
    struct record *record = same_id ? NULL : by_link_only(engine, find);

    if (!order && find->link[0] && !find->link_asked) {
        set_stage(engine, find,
                  FIND_READY); /* the link came meanwhile, and the journal may know it */
        return;
    }
    if (record) {
        apply_all(engine, find, record);
    } else if (!order || (!same_id && !first_report(find))) {
        resolve_absent(engine, find); /* a fill's link alone does not tell whose it is */
    } else if (record_by_link(engine, order->request.link) ||
               (!same_id && is_other(engine, order, &first_report(find)->u.report))) {
        forget_link(engine, find);
        resolve_absent(engine, find);
    } else {
        load_stored(engine, find, event);
    }
}

void find_answer(struct engine *engine, const struct engine_event *event)
{
    struct find *find = find_by_id(engine, event->u.found.find_id);
    struct record *record;
    bool blocked;

    if (!find)
        return;
    if (event->u.found.failed) {
        delay(engine, find, FIND_DELAYED);
        return;
    }
    if (find->exec_id[0]) {
        answer_alone(engine, find, event);
        return;
    }
    record = in_memory(engine, find, &blocked);
    if (record) {
        redispatch(engine, find);
        return;
    }
    if (blocked || !make_room(engine)) {
        delay(engine, find, FIND_DELAYED);
        return;
    }
    resolve_answer(engine, find, event);
}

/* --- the order of lone fills, asked of the exchange --- */

static void look_was_empty(struct engine *engine, struct find *find)
{
    find->look = READ_ORDER;
    if (++find->tries >= FIND_LOOK_TRIES && make_room(engine) &&
        !may_be_ours(engine, &find->first->u.fill))
        give_up_order(engine, find);
    else
        delay(engine, find, FIND_LOOK_DELAYED);
}

void find_page(struct engine *engine, struct read_slot *slot, const struct engine_event *event)
{
    struct find *find = slot->find;
    const struct order_report *report = NULL;

    read_release(engine, slot);
    if (!event->u.page.ok) {
        delay(engine, find, FIND_LOOK_DELAYED);
        return;
    }
    for (size_t i = 0; i < event->u.page.reports_count; i++) {
        if (strcmp(event->u.page.reports[i].order_id, find->order_id) == 0 &&
            event->u.page.reports[i].category == find->category)
            report = &event->u.page.reports[i];
    }
    if (report) {
        struct evidence like = { .scanned = true, .u.report = report_in_time(engine, report) };

        append(engine, find, &like);
        resolve_looked_up(engine, find);
    } else if (first_report(find)) {
        resolve_looked_up(engine, find);
    } else if (find->look == READ_ORDER) {
        find->look = READ_ORDER_HISTORY;
        set_stage(engine, find, FIND_LOOK_READY);
    } else {
        look_was_empty(engine, find);
    }
}

static void ask_journal(struct engine *engine, struct find *find)
{
    struct engine_action *action = action_add(engine, ACTION_FIND);

    find->find_id = next_id(engine);
    action->u.find.find_id = find->find_id;
    action->u.find.category = find->category;
    memcpy(action->u.find.order_id, find->order_id, sizeof(find->order_id));
    memcpy(action->u.find.link, find->link, sizeof(find->link));
    memcpy(action->u.find.exec_id, find->exec_id, sizeof(find->exec_id));
    find->link_asked = find->link[0] != '\0';
    set_stage(engine, find, FIND_ASKED);
}

static bool ask_exchange(struct engine *engine, struct find *find)
{
    struct read_slot *slot = read_free_slot(engine);

    if (!slot)
        return false;
    slot->owner = READ_FOR_FIND;
    slot->find = find;
    slot->read.u.read.kind = find->look;
    slot->read.u.read.category = find->category;
    slot->read.u.read.limit = 50;
    memcpy(slot->read.u.read.order_id, find->order_id, sizeof(find->order_id));
    memcpy(slot->read.u.read.symbol, find->symbol, sizeof(find->symbol));
    set_stage(engine, find, FIND_LOOKING);
    read_start(engine, slot);
    return true;
}

/* A scan under way is likely to bring the order of a lone fill: so many single reads less. But what
 * waits must leave room for what it brings. */
static bool scan_may_tell(const struct engine *engine)
{
    return recovery_may_tell(engine) && engine->finds_count < FINDS_MAX / 2 &&
           engine->evidence_count < EVIDENCE_MAX / 2;
}

void find_pump(struct engine *engine)
{
    bool room = !scan_may_tell(engine);

    for (struct find *find = engine->finds_first; find && engine->finds_ready > 0;
         find = find->next) {
        if (find->stage == FIND_READY && engine->finds_flying < FINDS_FLIGHT_MAX)
            ask_journal(engine, find);
        else if (find->stage == FIND_LOOK_READY && room)
            room = ask_exchange(engine, find);
        else if (engine->finds_flying >= FINDS_FLIGHT_MAX && !room)
            break;
    }
}

void find_timer(struct engine *engine)
{
    for (struct find *find = engine->finds_first; find; find = find->next) {
        bool due = engine->now_ms >= find->retry_ms;

        if (find->stage == FIND_DELAYED && due)
            set_stage(engine, find, FIND_READY);
        else if (find->stage == FIND_LOOK_DELAYED && due)
            set_stage(engine, find, FIND_LOOK_READY);
    }
}

int64_t find_due_ms(const struct engine *engine)
{
    int64_t due_ms = NEVER_MS;

    for (const struct find *find = engine->finds_first; find; find = find->next) {
        if ((find->stage == FIND_DELAYED || find->stage == FIND_LOOK_DELAYED) &&
            find->retry_ms < due_ms)
            due_ms = find->retry_ms;
    }
    return due_ms;
}
