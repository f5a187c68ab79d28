#include "engine/recovery.h"

#include <string.h>

#include "engine/internal.h"

#define HISTORY_BACK_MS (24LL * 3600 * 1000)
#define ORDER_MARGIN_MS 10000
#define HALVED_MIN_MS   2000
#define OPTIONS_TRIES   3
#define OWED_STEP       2 /* of rescan_after_ms: what is owed is not left until the next audit */

/* --- what is owed --- */

static int64_t min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void recovery_started(struct engine *engine)
{
    struct recovery *recovery = &engine->recovery;

    recovery->startup_owed = true;
    recovery->owed_from_ms = NEVER_MS;
    recovery->options_owed_ms = NEVER_MS;
    recovery->scanned_from_ms = NEVER_MS;
    coins_init(engine);
    recovery->watermark_ms = engine->config.watermark_ms;
    recovery->rescan_step = (int)ARRAY_LEN(engine->times->rescan_after_ms);
}

static void abort_plan(struct engine *engine)
{
    for (size_t i = 0; i < SCANS_MAX; i++) {
        if (engine->reads[i].owner == READ_FOR_SCAN)
            read_release(engine, &engine->reads[i]);
    }
    engine->recovery.plan = PLAN_NONE;
}

/* The private stream broke, or evidence had to be dropped: all since its last message is owed. */
void recovery_gap(struct engine *engine)
{
    struct recovery *recovery = &engine->recovery;
    int64_t from_ms = engine->private_last_ms + engine->offset_ms - engine->times->scan_back_ms;

    if (!engine->started || !engine->config.has_keys)
        return;
    if (!recovery->startup_owed && from_ms < recovery->owed_from_ms)
        recovery->owed_from_ms = from_ms;
    if (recovery->gap_since_ms == 0)
        recovery->gap_since_ms = engine->now_ms;
    abort_plan(engine);
}

static bool recovery_owed(const struct recovery *recovery)
{
    return recovery->startup_owed || recovery->owed_from_ms != NEVER_MS;
}

/* An order whose fate is open may have been filled before the watermark. */
static int64_t oldest_open_ms(const struct engine *engine)
{
    int64_t oldest_ms = NEVER_MS;

    for (const struct record *record = engine->records; record; record = record->next) {
        enum order_state state = record->order.state;

        if ((state == ORDER_UNKNOWN || state == ORDER_ACKED) &&
            record->order.created_ms < oldest_ms)
            oldest_ms = record->order.created_ms;
    }
    return oldest_ms;
}

static int64_t startup_from_ms(const struct engine *engine)
{
    const struct recovery *recovery = &engine->recovery;
    int64_t from_ms = server_now_ms(engine) - engine->times->first_back_ms;
    int64_t oldest_ms = oldest_open_ms(engine);

    if (recovery->watermark_ms > 0)
        from_ms = recovery->watermark_ms - engine->times->scan_back_ms;
    if (oldest_ms != NEVER_MS && oldest_ms + engine->offset_ms - ORDER_MARGIN_MS < from_ms)
        from_ms = oldest_ms + engine->offset_ms - ORDER_MARGIN_MS;
    return from_ms;
}

static void begin(struct engine *engine, enum plan_kind plan, int64_t from_ms, bool with_history)
{
    struct recovery *recovery = &engine->recovery;
    int64_t until_ms = server_now_ms(engine) + engine->times->scan_margin_ms;
    int64_t history_ms = server_now_ms(engine) - HISTORY_BACK_MS;
    bool owed = recovery->options_owed_ms != NEVER_MS;

    recovery->plan = plan;
    recovery->no_options = recovery->no_options && plan != PLAN_RECOVERY;
    recovery->options_seen = recovery->coins_seen = recovery->options_failed = false;
    if (plan == PLAN_RECOVERY)
        recovery->scanned_from_ms = min_ms(recovery->scanned_from_ms, from_ms);
    coins_plan(recovery, !recovery->no_options);
    recovery->jobs_done = 0;
    recovery->plan_started_ms = engine->now_ms;
    recovery->plan_from_ms = from_ms;
    recovery->plan_until_ms = until_ms;
    recovery->settling = false;
    recovery->news = false;
    recovery->jobs_count = recovery_plan(
        recovery->jobs,
        &(struct scan_span){ .from_ms = from_ms,
                             .until_ms = until_ms,
                             .history_from_ms = from_ms > history_ms ? from_ms : history_ms,
                             .with_open = true,
                             .with_history = with_history,
                             .with_options = !recovery->no_options,
                             .coins = recovery->coins,
                             .coins_count = recovery->coins_count,
                             .options_from_ms = min_ms(from_ms, recovery->options_owed_ms),
                             .with_options_history = with_history || owed });
}

static void begin_recovery(struct engine *engine)
{
    struct recovery *recovery = &engine->recovery;
    int64_t from_ms = recovery->owed_from_ms;

    if (recovery->startup_owed && startup_from_ms(engine) < from_ms)
        from_ms = startup_from_ms(engine);
    begin(engine, PLAN_RECOVERY, from_ms, true);
}

static int64_t rescan_due_ms(const struct engine *engine)
{
    const struct recovery *recovery = &engine->recovery;

    if (recovery->rescan_step >= (int)ARRAY_LEN(engine->times->rescan_after_ms))
        return NEVER_MS;
    return recovery->rescan_base_ms + engine->times->rescan_after_ms[recovery->rescan_step];
}

static void begin_what_is_due(struct engine *engine)
{
    struct recovery *recovery = &engine->recovery;
    int64_t server_ms = server_now_ms(engine);

    if (!engine->clock_known || !engine->private_up || engine->stopping || !engine->started)
        return;
    if (recovery_owed(recovery)) {
        begin_recovery(engine);
    } else if (engine->now_ms >= rescan_due_ms(engine)) {
        recovery->rescan_step++;
        /* Open orders too: one that ends between two pages may shift another out of sight. */
        begin(engine, PLAN_RESCAN, server_ms - engine->times->rescan_back_ms, true);
    } else if (engine->now_ms >= recovery->audit_due_ms) {
        recovery->audit_due_ms = engine->now_ms + engine->times->audit_every_ms;
        begin(engine, PLAN_AUDIT, server_ms - engine->times->audit_back_ms, false);
    }
}

/* --- the end of a plan --- */

/* The first one comes with the first recovery: all that was executed since its beginning is known,
 * or owed. */
static void set_watermark(struct engine *engine, int64_t watermark_ms)
{
    struct recovery *recovery = &engine->recovery;
    bool is_first = recovery->watermark_ms <= 0;

    recovery->watermark_due_ms = engine->now_ms + engine->times->watermark_every_ms;
    watermark_ms = min_ms(watermark_ms, coins_owed_ms(recovery));
    if (watermark_ms <= recovery->watermark_ms)
        return;
    recovery->watermark_ms = watermark_ms;
    row_watermark(engine, watermark_ms, is_first ? recovery->plan_from_ms : 0,
                  is_first ? recovery->plan_from_ms : 0);
}

/* What is open here and was not in the complete lists: look it up; what may never have arrived: one
 * empty look-up. */
static void compare(struct engine *engine)
{
    struct recovery *recovery = &engine->recovery;
    bool full = recovery->plan == PLAN_RECOVERY;
    int64_t since_ms = recovery->plan_started_ms;

    for (struct record *record = engine->records; record; record = record->next) {
        const struct order *order = &record->order;
        bool old = order->updated_ms < since_ms && record->seen_ms < since_ms;

        if (!old || (order->state == ORDER_UNKNOWN && !full))
            continue;
        if (order->state == ORDER_LIVE || order->state == ORDER_ACKED) {
            record->missing = true;
            lookup_now(engine, record);
            record_done(engine, record);
        } else if (order->state == ORDER_UNKNOWN && order->request.category != CATEGORY_OPTION &&
                   order->created_ms + engine->offset_ms - ORDER_MARGIN_MS >=
                       recovery->plan_from_ms &&
                   record->look.base_ms <= since_ms && !record->soft) {
            lookup_scanned_empty(engine, record, since_ms);
        }
    }
}

static void finish(struct engine *engine)
{
    struct recovery *recovery = &engine->recovery;
    enum plan_kind plan = recovery->plan;

    if (plan == PLAN_RECOVERY || plan == PLAN_AUDIT)
        compare(engine);
    recovery->plan = PLAN_NONE;
    if (!recovery->options_failed)
        coins_settle(recovery);
    if (plan == PLAN_RECOVERY) {
        recovery->startup_owed = false;
        recovery->owed_from_ms = NEVER_MS;
        recovery->gap_since_ms = 0;
        recovery->done_once = true;
        recovery->rescan_step = 0;
        recovery->rescan_base_ms = engine->now_ms;
        recovery->audit_due_ms = engine->now_ms + engine->times->audit_every_ms;
        set_watermark(engine, recovery->plan_until_ms - engine->times->scan_margin_ms -
                                  engine->times->rescan_back_ms);
    } else if (recovery->news) {
        recovery->rescan_step = 0;
        recovery->rescan_base_ms = engine->now_ms;
    }
    if (coins_owed_ms(recovery) != NEVER_MS)
        recovery->audit_due_ms = min_ms(recovery->audit_due_ms,
                                        engine->now_ms + engine->times->rescan_after_ms[OWED_STEP]);
}

/* --- reads --- */

static void job_failed(struct engine *engine, struct scan_job *job)
{
    int doublings = job->failures < 4 ? job->failures : 4;

    job->failures++;
    job->state = SCAN_TODO;
    job->retry_ms = engine->now_ms + ((int64_t)engine->times->read_retry_ms << doublings);
}

/* A window of many pages is void as soon as one of them fails, and where reads fail now and then it
 * is never read to its end: its halves are windows of their own. */
static void halve(struct recovery *recovery, struct scan_job *job)
{
    int64_t middle_ms = job->start_ms + (job->end_ms - job->start_ms) / 2;
    struct scan_job later = *job;

    if (job->end_ms - job->start_ms < HALVED_MIN_MS || recovery->jobs_count == SCAN_JOBS_MAX)
        return;
    later.state = SCAN_TODO;
    later.start_ms = middle_ms;
    later.failures = 0;
    later.retry_ms = 0;
    recovery_add_job(recovery->jobs, &recovery->jobs_count, &later);
    job->end_ms = middle_ms;
    job->failures = 0;
}

static void job_done(struct recovery *recovery, struct scan_job *job)
{
    job->state = SCAN_DONE;
    recovery->jobs_done++;
}

/* The account or its key may have no options, which keeps nobody from trading the rest: a list of
 * all coins says so. But a key that can read nothing at all says nothing about them, nor does one
 * read that is refused after another one was answered (a cursor that is not good any more). */
static bool has_no_options(const struct recovery *recovery, const struct scan_job *job,
                           const struct engine_event *event)
{
    return job->category == CATEGORY_OPTION && !job->coin && event->u.page.absent &&
           !recovery->options_seen && recovery->jobs_done > 0;
}

/* There may be none of a coin that the configuration names. */
static bool has_no_such_coin(const struct recovery *recovery, const struct read_slot *slot,
                             const struct engine_event *event)
{
    const struct scan_job *job = slot->job;

    return job->coin && event->u.page.absent && slot->guard.pages == 0 && recovery->coins_seen &&
           !job->coin->used;
}

/* Reads of options, or of one coin's, that have not begun are not done any more. */
static void drop_reads(struct recovery *recovery, const struct scan_coin *coin)
{
    for (size_t i = 0; i < recovery->jobs_count; i++) {
        struct scan_job *job = &recovery->jobs[i];

        if (job->category == CATEGORY_OPTION && job->state == SCAN_TODO &&
            (!coin || job->coin == coin))
            job_done(recovery, job);
    }
}

/* True: what the read was for is not there, so it is over. */
static bool note_absent(struct recovery *recovery, const struct read_slot *slot,
                        const struct engine_event *event)
{
    const struct scan_job *job = slot->job;

    if (has_no_options(recovery, job, event)) {
        recovery->no_options = true;
        drop_reads(recovery, NULL);
        return true;
    }
    if (has_no_such_coin(recovery, slot, event)) {
        job->coin->refused = true;
        drop_reads(recovery, job->coin);
        return true;
    }
    return job->category == CATEGORY_OPTION &&
           (recovery->no_options || (job->coin && job->coin->refused));
}

/* Nor do options that cannot be read for now keep anybody: what is missing is owed to a later plan,
 * and the watermark stays before it. */
static bool give_up_options(const struct engine *engine, const struct scan_job *job)
{
    return job->category == CATEGORY_OPTION && job->failures >= OPTIONS_TRIES &&
           engine->now_ms - engine->recovery.plan_started_ms >= engine->times->gap_patience_ms;
}

static void read_failed(struct engine *engine, struct scan_job *job, bool is_rest_of_a_list)
{
    struct recovery *recovery = &engine->recovery;

    if (is_rest_of_a_list)
        halve(recovery, job);
    job_failed(engine, job);
    if (!give_up_options(engine, job))
        return;
    recovery->options_failed = true;
    recovery->options_owed_ms = min_ms(recovery->options_owed_ms, recovery->plan_from_ms);
    job_done(recovery, job);
}

void recovery_page(struct engine *engine, struct read_slot *slot, const struct engine_event *event)
{
    struct scan_job *job = slot->job;
    const char *cursor = event->u.page.next_cursor ? event->u.page.next_cursor : "";

    if (!event->u.page.ok && note_absent(&engine->recovery, slot, event)) {
        read_release(engine, slot);
        job_done(&engine->recovery, job);
        return;
    }
    if (!event->u.page.ok ||
        !find_has_room(engine, event->u.page.reports_count + event->u.page.fills_count)) {
        bool is_rest = !event->u.page.ok && slot->guard.pages > 0;

        read_release(engine, slot);
        read_failed(engine, job, is_rest);
        return;
    }
    engine->recovery.options_seen |= job->category == CATEGORY_OPTION;
    engine->recovery.coins_seen |= job->coin != NULL;
    for (size_t i = 0; i < event->u.page.reports_count; i++)
        evidence_order(engine, &event->u.page.reports[i], true);
    for (size_t i = 0; i < event->u.page.fills_count; i++)
        evidence_fill(engine, &event->u.page.fills[i], true);
    if (slot->owner != READ_FOR_SCAN)
        return; /* a queue overflowed, and the plan begins anew */
    if (cursor[0] && read_next_page(engine, slot, cursor))
        return;
    read_release(engine, slot);
    if (cursor[0]) {
        read_failed(engine, job, false);
        return;
    }
    job_done(&engine->recovery, job);
}

static void start_job(struct engine *engine, struct read_slot *slot, struct scan_job *job)
{
    struct engine_action *read = &slot->read;

    job->state = SCAN_READING;
    slot->owner = READ_FOR_SCAN;
    slot->job = job;
    read->u.read.kind = job->kind;
    read->u.read.category = job->category;
    memcpy(read->u.read.settle_coin, job->settle_coin,
           strnlen(job->settle_coin, sizeof(read->u.read.settle_coin) - 1));
    if (job->coin)
        memcpy(read->u.read.base_coin, job->coin->name, sizeof(read->u.read.base_coin));
    read->u.read.start_ms = job->start_ms;
    read->u.read.end_ms = job->end_ms;
    read->u.read.limit = job->kind == READ_EXECUTIONS ? 100 : 50;
    read_start(engine, slot);
}

static struct scan_job *next_job(const struct engine *engine)
{
    const struct recovery *recovery = &engine->recovery;

    for (size_t i = 0; i < recovery->jobs_count; i++) {
        struct scan_job *job = &recovery->jobs[i];

        if (job->state == SCAN_TODO && job->retry_ms <= engine->now_ms)
            return job;
    }
    return NULL;
}

static void start_jobs(struct engine *engine)
{
    for (size_t i = 0; i < SCANS_MAX; i++) {
        struct scan_job *job;

        if (engine->reads[i].owner != READ_FREE)
            continue;
        job = next_job(engine);
        if (!job)
            return;
        start_job(engine, &engine->reads[i], job);
    }
}

/* While live nothing is older than this that has not been seen: the audit reads further back than
 * this stays behind. */
static void move_watermark(struct engine *engine)
{
    struct recovery *recovery = &engine->recovery;

    if (engine->now_ms < recovery->watermark_due_ms || !recovery->done_once ||
        recovery_owed(recovery) || !engine->private_up || !engine->clock_known)
        return;
    if (engine->finds_count > 0)
        recovery->watermark_due_ms = engine->now_ms + engine->times->read_retry_ms;
    else
        set_watermark(engine, server_now_ms(engine) - engine->times->rescan_back_ms);
}

bool recovery_may_tell(const struct engine *engine)
{
    const struct recovery *recovery = &engine->recovery;

    return (recovery->plan == PLAN_RECOVERY || recovery->plan == PLAN_RESCAN) &&
           recovery->jobs_done < recovery->jobs_count &&
           engine->now_ms - recovery->plan_started_ms < engine->times->gap_patience_ms;
}

void recovery_pump(struct engine *engine)
{
    struct recovery *recovery = &engine->recovery;

    if (!engine->config.has_keys)
        return;
    move_watermark(engine);
    if (recovery->plan == PLAN_NONE)
        begin_what_is_due(engine);
    if (recovery->plan == PLAN_NONE)
        return;
    if (recovery->jobs_done < recovery->jobs_count) {
        start_jobs(engine);
        return;
    }
    if (!recovery->settling) {
        recovery->settling = true;
        recovery->settle_number = engine->last_id;
    }
    if (!find_any_before(engine, recovery->settle_number))
        finish(engine);
}

int64_t recovery_due_ms(const struct engine *engine)
{
    const struct recovery *recovery = &engine->recovery;
    int64_t due_ms = NEVER_MS;

    if (!engine->config.has_keys || !engine->started || engine->stopping)
        return NEVER_MS;
    if (recovery->plan != PLAN_NONE) {
        for (size_t i = 0; i < recovery->jobs_count; i++) {
            const struct scan_job *job = &recovery->jobs[i];

            /* One that is due already waits for a free slot, not for time. */
            if (job->state == SCAN_TODO && job->retry_ms > engine->now_ms && job->retry_ms < due_ms)
                due_ms = job->retry_ms;
        }
        return due_ms;
    }
    if (!recovery->done_once || recovery_owed(recovery) || !engine->private_up ||
        !engine->clock_known)
        return NEVER_MS;
    due_ms = recovery->watermark_due_ms;
    if (recovery->audit_due_ms < due_ms)
        due_ms = recovery->audit_due_ms;
    if (rescan_due_ms(engine) < due_ms)
        due_ms = rescan_due_ms(engine);
    return due_ms;
}
