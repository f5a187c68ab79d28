/* engine/engine.c - one event in, its actions out. See internal.h for which file does what. */
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/internal.h"

const struct engine_times engine_times_default = {
    .order_deadline_ms = 5000,
    .answer_timeout_ms = 10000,
    .recv_window_ms = 5000,
    .horizon_slack_ms = 30000,
    .lookup_after_ms = { 2000, 5000, 10000, 20000, 40000, 60000 },
    .lookup_gap_more_ms = { 80000, 100000, 120000, 140000 },
    .lookup_late_ms = 600000,
    .lookup_apart_ms = 10000,
    .lookups_needed = 3,
    .lookups_needed_gap = 6,
    .read_retry_ms = 1000,
    .scan_margin_ms = 2000,
    .scan_back_ms = 120000,
    .first_back_ms = 86400000,
    .rescan_after_ms = { 5000, 15000, 60000, 300000 },
    .rescan_back_ms = 300000,
    .watermark_every_ms = 60000,
    .audit_every_ms = 300000,
    .audit_back_ms = 900000,
    .gap_patience_ms = 30000,
    .gone_after_ms = 86400000,
    .keep_final_ms = 600000,
    .cancel_again_ms = 2000,
    .clock_uncertainty_max_ms = 500,
    .sweep_after_ms = { 250, 500, 1000, 2000, 5000 },
    .sweep_failed_ms = 30000,
    .kill_durable_ms = 2000,
    .guard_commit_ms = 5000,
};

static int scaled(int ms, int factor)
{
    return ms / factor > 1 ? ms / factor : 1;
}

struct engine_times engine_times_scaled(const struct engine_times *times, int factor)
{
    struct engine_times out = *times;
    int *all[] = { &out.order_deadline_ms,
                   &out.answer_timeout_ms,
                   &out.recv_window_ms,
                   &out.horizon_slack_ms,
                   &out.lookup_late_ms,
                   &out.lookup_apart_ms,
                   &out.read_retry_ms,
                   &out.scan_margin_ms,
                   &out.scan_back_ms,
                   &out.first_back_ms,
                   &out.rescan_back_ms,
                   &out.watermark_every_ms,
                   &out.audit_every_ms,
                   &out.audit_back_ms,
                   &out.gap_patience_ms,
                   &out.gone_after_ms,
                   &out.keep_final_ms,
                   &out.cancel_again_ms,
                   &out.clock_uncertainty_max_ms,
                   &out.sweep_failed_ms,
                   &out.kill_durable_ms,
                   &out.guard_commit_ms };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        *all[i] = scaled(*all[i], factor);
    for (size_t i = 0; i < ARRAY_LEN(out.lookup_after_ms); i++)
        out.lookup_after_ms[i] = scaled(out.lookup_after_ms[i], factor);
    for (size_t i = 0; i < ARRAY_LEN(out.lookup_gap_more_ms); i++)
        out.lookup_gap_more_ms[i] = scaled(out.lookup_gap_more_ms[i], factor);
    for (size_t i = 0; i < ARRAY_LEN(out.rescan_after_ms); i++)
        out.rescan_after_ms[i] = scaled(out.rescan_after_ms[i], factor);
    for (size_t i = 0; i < ARRAY_LEN(out.sweep_after_ms); i++)
        out.sweep_after_ms[i] = scaled(out.sweep_after_ms[i], factor);
    return out;
}

enum err engine_create(struct engine **out, const struct engine_config *config)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    struct text prefix;

    if (!engine)
        return ERR_NO_MEMORY;
    engine->config = *config;
    engine->times = &engine->config.times;
    if (engine->config.orders_max == 0)
        engine->config.orders_max = 20000;
    /* Evidence is not refused when memory is full of creates. */
    engine->records_max = 2 * engine->config.orders_max + 64;
    engine->last_seq = config->last_seq;
    prefix = text_in(engine->link_prefix, sizeof(engine->link_prefix));
    text_add(&prefix, config->link_prefix ? config->link_prefix : "");
    engine->recovery.jobs = calloc(SCAN_JOBS_MAX, sizeof(*engine->recovery.jobs));
    if (!engine->recovery.jobs || store_init(engine)) {
        engine_destroy(engine);
        return ERR_NO_MEMORY;
    }
    guard_start(engine);
    recovery_started(engine);
    *out = engine;
    return ERR_NONE;
}

void engine_destroy(struct engine *engine)
{
    if (!engine)
        return;
    store_deinit(engine);
    free(engine->recovery.jobs);
    free(engine);
}

int64_t server_now_ms(const struct engine *engine)
{
    return engine->now_ms + engine->offset_ms;
}

/* --- readiness --- */

/* After a gap creates go on for a while: what they need to know of other orders is little, and
 * recovery is quick. */
static const char *recovery_not_ready(const struct engine *engine)
{
    const struct recovery *recovery = &engine->recovery;

    if (recovery->startup_owed)
        return engine->private_up ? "recovering: reading orders and executions since the last run"
                                  : "starting: the private stream is not connected yet";
    if (recovery->gap_since_ms > 0 &&
        engine->now_ms - recovery->gap_since_ms > engine->times->gap_patience_ms)
        return engine->private_up ? "recovering from a gap in the private stream"
                                  : "the private stream is down";
    return NULL;
}

const char *engine_not_ready(const struct engine *engine)
{
    if (engine->stopping)
        return "stopping";
    if (!engine->started)
        return "starting";
    if (!engine->config.has_keys)
        return "there are no API keys";
    if (engine->auth_why[0])
        return engine->auth_why;
    if (engine->journal_down)
        return "the journal cannot be written";
    if (!engine->clock_known)
        return "the exchange's clock is not known yet";
    if (engine->uncertainty_ms > engine->times->clock_uncertainty_max_ms)
        return "the exchange's clock is not known well enough";
    return recovery_not_ready(engine);
}

/* 10005 is about a permission, and other orders may be allowed. */
void engine_note_auth(struct engine *engine, int ret_code, const char *ret_msg)
{
    if (ret_code == 10005)
        return;
    if (ret_code)
        (void)snprintf(engine->auth_why, sizeof(engine->auth_why),
                       "the exchange refuses the key: %d %.40s", ret_code, ret_msg ? ret_msg : "");
    else
        (void)snprintf(engine->auth_why, sizeof(engine->auth_why),
                       "the exchange refuses the key: %.45s", ret_msg ? ret_msg : "");
}

/* --- records --- */

bool record_settle(struct record *record)
{
    struct order *order = &record->order;

    if (order->settled || !order_state_is_final(order->state) || record->fills_unsized > 0 ||
        decimal_cmp(&record->fills_qty, &order->filled_qty) != 0)
        return false;
    order->settled = true;
    return true;
}

void record_note_final(struct engine *engine, struct record *record)
{
    if (!order_state_is_final(record->order.state)) {
        record->order.settled = false;
        return;
    }
    record->final_ms = engine->now_ms;
    amend_end_with_order(engine, record);
    (void)record_settle(record);
}

void record_change(struct engine *engine, struct record *record, enum order_state state,
                   bool anomaly)
{
    record->order.state = state;
    record_note_final(engine, record);
    row_order(engine, record, ROW_ORDER, true, anomaly);
}

/* A final order leaves memory: soon when all of it is known, later in any case. */
static int64_t evict_due_ms(const struct engine *engine, const struct record *record)
{
    const struct engine_times *times = engine->times;

    if (!order_state_is_final(record->order.state) || record->waiters ||
        record->look.stage != LOOK_IDLE || record->watched || record->intent_position ||
        record->amend_position)
        return NEVER_MS;
    return record->final_ms + (record->order.settled ? times->keep_final_ms : times->gone_after_ms);
}

static int64_t min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t record_next_ms(const struct engine *engine, const struct record *record)
{
    int64_t due_ms = min_ms(create_due_ms(record), cancel_due_ms(record));

    due_ms = min_ms(due_ms, amend_due_ms(engine, record));
    if (record->look.stage == LOOK_IDLE)
        due_ms = min_ms(due_ms, record->look.due_ms);
    due_ms = min_ms(due_ms, waiters_due_ms(record));
    return min_ms(due_ms, evict_due_ms(engine, record));
}

void record_done(struct engine *engine, struct record *record)
{
    if (record_settle(record))
        row_order(engine, record, ROW_ORDER, true, false);
    if (record->order.state != record->counted) {
        engine->states[record->counted]--;
        engine->states[record->order.state]++;
        record->counted = record->order.state;
    }
    if ((record->order.amend == AMEND_UNKNOWN) != record->amend_counted) {
        record->amend_counted = !record->amend_counted;
        engine->amends_unknown += record->amend_counted ? 1 : (size_t)-1;
    }
    exposure_count(engine, record);
    if (engine->guard.sweeping || record->swept || engine->guard.told_count)
        kill_note(engine, record);
    waiters_serve(engine, record);
    record_set_due(engine, record, record_next_ms(engine, record));
    record_note_going(engine, record);
}

/* --- time --- */

static void serve_record(struct engine *engine, struct record *record)
{
    create_timer(engine, record);
    cancel_timer(engine, record);
    amend_timer(engine, record);
    lookup_timer(engine, record);
    record_done(engine, record);
    if (engine->now_ms >= evict_due_ms(engine, record))
        record_evict(engine, record);
}

/* An owner that never answers a read has a fault; a read that is lost counts as failed. */
static void expire_reads(struct engine *engine);

static void take_tick(struct engine *engine)
{
    for (int i = 0; i < TICK_RECORDS_MAX; i++) {
        struct record *record = store_first_due(engine);

        if (!record || record->due_ms > engine->now_ms)
            break;
        serve_record(engine, record);
    }
    if (engine->fill_keys_count >= FILL_KEYS_MAX)
        (void)store_make_room(engine);
    find_timer(engine);
    expire_reads(engine);
}

static int64_t reads_due_ms(const struct engine *engine)
{
    int64_t due_ms = NEVER_MS;

    for (size_t i = 0; i < READS_MAX; i++) {
        if (engine->reads[i].owner != READ_FREE)
            due_ms = min_ms(due_ms,
                            engine->reads[i].started_ms + 3LL * engine->times->answer_timeout_ms);
    }
    return due_ms;
}

int64_t engine_next_tick_ms(const struct engine *engine)
{
    const struct record *record = store_first_due(engine);
    int64_t due_ms = record ? record->due_ms : NEVER_MS;

    due_ms = min_ms(due_ms, reads_due_ms(engine));
    due_ms = min_ms(due_ms, guard_due_ms(engine));
    due_ms = min_ms(due_ms, sweep_due_ms(engine));
    due_ms = min_ms(due_ms, find_due_ms(engine));
    return min_ms(due_ms, recovery_due_ms(engine));
}

/* --- events --- */

static void take_restore(struct engine *engine, const struct engine_event *event)
{
    struct record *record;

    if (record_by_link(engine, event->u.restore.order->request.link) ||
        engine->records_count >= engine->records_max)
        return;
    record = record_new(engine, event->u.restore.order);
    coins_see(engine, record->order.request.category, record->order.request.symbol);
    record->final_ms = engine->now_ms;
    record->asked_ms = record->order.deadline_ms - engine->times->order_deadline_ms;
    for (size_t i = 0; i < event->u.restore.fills_count; i++) {
        if (!fill_find(engine, record, event->u.restore.fills[i].exec_id))
            (void)fill_add(engine, record, event->u.restore.fills[i].exec_id, 0);
    }
    exposure_count(engine, record);
}

static void take_answer(struct engine *engine, const struct engine_event *event)
{
    uint64_t send_id = event->u.answer.send_id;
    struct record *record = record_by_send(&engine->creates, send_id);

    if (record) {
        create_answer(engine, record, event);
        return;
    }
    record = record_by_send(&engine->cancels, send_id);
    if (record) {
        cancel_answer(engine, record, event);
        return;
    }
    record = record_by_send(&engine->amends, send_id);
    if (record)
        amend_answer(engine, record, event);
}

static void take_page(struct engine *engine, const struct engine_event *event)
{
    struct read_slot *slot = read_by_id(engine, event->u.page.read_id);

    if (!slot)
        return;
    if (event->u.page.ok)
        engine->auth_why[0] = '\0'; /* a signed read was answered: the key is good (again) */
    switch (slot->owner) {
    case READ_FREE:
        return;
    case READ_FOR_SCAN:
        recovery_page(engine, slot, event);
        return;
    case READ_FOR_RECORD:
        lookup_page(engine, slot, event);
        return;
    case READ_FOR_FIND:
        find_page(engine, slot, event);
        return;
    case READ_FOR_SWEEP:
        sweep_page(engine, slot, event);
        return;
    }
}

static void expire_reads(struct engine *engine)
{
    for (size_t i = 0; i < READS_MAX; i++) {
        struct engine_event failed = { .kind = EVENT_PAGE,
                                       .u.page.read_id = engine->reads[i].read_id };

        if (engine->reads[i].owner != READ_FREE &&
            engine->now_ms >= engine->reads[i].started_ms + 3LL * engine->times->answer_timeout_ms)
            take_page(engine, &failed);
    }
}

static void take_watch(struct engine *engine, const struct engine_event *event)
{
    struct record *record = record_by_any(engine, event->u.cancel.id);

    if (!record) {
        reply_add(engine, event->u.cancel.waiter, OUTCOME_NOT_FOUND, NULL, 0,
                  "no such order in memory", 0);
        return;
    }
    if (!waiter_add(engine, record, WAITER_WATCH, event, event->u.cancel.wait_until_ms))
        reply_add(engine, event->u.cancel.waiter, OUTCOME_OK, record, 0, NULL, 0);
    record_done(engine, record);
}

static void take_private(struct engine *engine, bool up)
{
    if (up) {
        engine->private_session++;
        if (engine->private_up)
            recovery_gap(engine); /* again up without a word of its end: there was a gap */
        engine->private_last_ms = engine->now_ms;
    } else if (engine->private_up) {
        recovery_gap(engine);
    }
    engine->private_up = up;
}

static void take_clock(struct engine *engine, const struct engine_event *event)
{
    engine->clock_known = true;
    engine->offset_ms = event->u.clock.server_ms - event->now_ms;
    engine->uncertainty_ms = event->u.clock.uncertainty_ms;
    exposure_review(engine);
}

static void take_start(struct engine *engine)
{
    engine->started = true;
    engine->start_ms = engine->now_ms;
    if (!engine->guard.exposure.known)
        exposure_known(engine, false, 0);
    create_start(engine);
    kill_start(engine);
}

static void take_position(struct engine *engine, const struct engine_event *event)
{
    coins_see(engine, event->u.position.category, event->u.position.symbol);
    exposure_position(engine, event);
}

/* What is about the guard, for which positions count too. */
static void take_guard(struct engine *engine, const struct engine_event *event)
{
    if (event->kind == EVENT_GUARD_RESTORE)
        guard_restore(engine, event);
    else if (event->kind == EVENT_GUARD_PATCH)
        guard_patch(engine, event);
    else if (event->kind == EVENT_GUARD_READ)
        guard_read(engine, event->u.guard_read);
    else if (event->kind == EVENT_KILL)
        kill_begin(engine, event);
    else if (event->kind == EVENT_ARM)
        kill_arm(engine, event);
    else if (event->kind == EVENT_SWEPT)
        sweep_answer(engine, event);
    else if (event->kind == EVENT_POSITION)
        take_position(engine, event);
    else
        exposure_known(engine, event->u.positions.known, event->u.positions.begun_ms);
}

static void take(struct engine *engine, const struct engine_event *event)
{
    switch (event->kind) {
    case EVENT_RESTORE:
        take_restore(engine, event);
        return;
    case EVENT_START:
        take_start(engine);
        return;
    case EVENT_CREATE:
        create_begin(engine, event);
        return;
    case EVENT_AMEND:
        amend_begin(engine, event);
        return;
    case EVENT_CANCEL:
        cancel_begin(engine, event);
        return;
    case EVENT_WATCH:
        take_watch(engine, event);
        return;
    case EVENT_GONE:
        waiters_gone(engine, event);
        return;
    case EVENT_COMMITTED:
        if (event->u.committed.position > engine->committed)
            engine->committed = event->u.committed.position;
        create_committed(engine, event);
        amend_committed(engine, event);
        return;
    case EVENT_JOURNAL_DOWN:
    case EVENT_JOURNAL_UP:
        engine->journal_down = event->kind == EVENT_JOURNAL_DOWN;
        return;
    case EVENT_ANSWER:
        take_answer(engine, event);
        return;
    case EVENT_PAGE:
        take_page(engine, event);
        return;
    case EVENT_FOUND:
        find_answer(engine, event);
        return;
    case EVENT_ORDER:
        engine->private_last_ms = engine->now_ms;
        evidence_order(engine, event->u.order, false);
        return;
    case EVENT_FILL:
        engine->private_last_ms = engine->now_ms;
        evidence_fill(engine, event->u.fill, false);
        return;
    case EVENT_PRIVATE_UP:
    case EVENT_PRIVATE_DOWN:
        take_private(engine, event->kind == EVENT_PRIVATE_UP);
        return;
    case EVENT_CLOCK:
        take_clock(engine, event);
        return;
    case EVENT_TICK:
        take_tick(engine);
        return;
    case EVENT_GUARD_RESTORE:
    case EVENT_GUARD_PATCH:
    case EVENT_GUARD_READ:
    case EVENT_KILL:
    case EVENT_ARM:
    case EVENT_SWEPT:
    case EVENT_POSITION:
    case EVENT_POSITIONS_KNOWN:
        take_guard(engine, event);
        return;
    case EVENT_STOP:
        engine->stopping = true;
        create_stop(engine);
        guard_stop(engine);
        return;
    }
}

enum err engine_step(struct engine *engine, const struct engine_event *event,
                     struct engine_actions *actions)
{
    enum err err = engine_reserve(engine, event, actions);

    if (err)
        return err;
    if (event->now_ms > engine->now_ms)
        engine->now_ms = event->now_ms;
    engine->actions = actions;
    engine->source = event->kind == EVENT_ANSWER ? SOURCE_ANSWER : SOURCE_BRIDGE;
    take(engine, event);
    engine->source = SOURCE_BRIDGE;
    lookup_pump(engine);
    recovery_pump(engine);
    find_pump(engine);
    kill_arm_pump(engine); /* before what its sweep might still tell */
    sweep_pump(engine);
    guard_pump(engine);
    engine->actions = NULL;
    return ERR_NONE;
}

/* --- what others may see --- */

static int count_limits(const struct guard_rules *rules)
{
    int count = __builtin_popcount(rules->all.set);

    for (size_t i = 0; i < rules->clients_count; i++)
        count += __builtin_popcount(rules->clients[i].limits.set);
    return count;
}

void engine_get_status(const struct engine *engine, struct engine_status *out)
{
    const char *why = engine_not_ready(engine);
    struct text text = text_in(out->why, sizeof(out->why));

    text_add(&text, why ? why : "");
    out->ready = !why;
    out->recovering = engine->config.has_keys &&
                      (engine->recovery.startup_owed || engine->recovery.owed_from_ms != NEVER_MS);
    out->watermark_ms = engine->recovery.watermark_ms;
    out->options_owed_ms =
        coins_owed_ms(&engine->recovery) == NEVER_MS ? 0 : coins_owed_ms(&engine->recovery);
    out->last_seq = engine->last_seq;
    out->last_position = engine->last_position;
    out->orders_in_memory = engine->records_count;
    out->unknown = engine->states[ORDER_UNKNOWN];
    out->open = engine->states[ORDER_INTENT] + engine->states[ORDER_SENT] +
                engine->states[ORDER_ACKED] + engine->states[ORDER_LIVE];
    out->waiters = engine->waiters_count;
    out->crowded = engine->waiters_count > WAITERS_MAX - WAITERS_MAX / 8;
    out->anomalies = engine->anomalies;
    out->killed = kill_is_on(engine);
    out->kill_clear = out->killed && engine->guard.state.clear;
    out->guard_since_ms = engine->guard.state.since_ms;
    out->limits_on = count_limits(&engine->guard.rules);
}

const struct order *engine_find(const struct engine *engine, const char *id)
{
    const struct record *record = record_by_any(engine, id);

    return record ? &record->order : NULL;
}

const char *engine_cancel_in_flight(const struct engine *engine, const struct order *order)
{
    (void)engine;
    return cancel_in_flight((const struct record *)(const void *)order); /* its first member */
}

size_t engine_intents(const struct engine *engine, enum category category, bool batch, bool exits)
{
    const size_t *of = engine->intents_of[category][batch];

    return of[1] + (exits ? 0 : of[0]);
}

size_t engine_amends(const struct engine *engine, enum category category)
{
    return engine->amends_of[category];
}

const char *engine_option_coin(const struct engine *engine, size_t at)
{
    return at < engine->recovery.coins_count ? engine->recovery.coins[at].name : NULL;
}

unsigned engine_guard_needs(const struct engine *engine)
{
    return guard_needs(&engine->guard.rules);
}

bool engine_is_killed(const struct engine *engine)
{
    return kill_is_on(engine);
}

bool engine_needs_reads(const struct engine *engine)
{
    const struct guarded *guard = &engine->guard;

    return engine->states[ORDER_UNKNOWN] > 0 || engine->amends_unknown > 0 ||
           engine->recovery.plan == PLAN_RECOVERY || engine->recovery.startup_owed ||
           engine->recovery.owed_from_ms != NEVER_MS || (guard->sweeping && !guard->state.clear);
}

const char *order_amend_in_flight(const struct order *order)
{
    if (order->amend == AMEND_UNKNOWN)
        return "unknown";
    return order->amend == AMEND_NONE ? NULL : "sent";
}
