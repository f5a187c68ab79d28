/* engine/loop_items.c - what was in the inboxes, as events for the engine. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "bybit/requests.h"
#include "engine/loop_parts.h"

void loop_item_destroy(struct item *item)
{
    if (item->kind == ITEM_COMMITTED) {
        for (size_t i = 0; i < item->u.committed.known_count; i++)
            free(item->u.committed.known[i].fills);
        free(item->u.committed.known);
    }
    if (item->kind == ITEM_ORDER)
        native_drop(item->u.report.native);
    if (item->kind == ITEM_FOUND)
        free(item->u.found.fills);
    if (item->kind == ITEM_GUARD_PATCH)
        free(item->u.patch);
    if (item->kind == ITEM_BATCH)
        free(item->u.batch.list);
    if (item->kind == ITEM_CANCELS)
        free(item->u.cancels.list);
    free(item);
}

const struct fill_key *loop_keys(const struct journal_fill_key *keys)
{
    _Static_assert(sizeof(struct fill_key) == sizeof(struct journal_fill_key), "one shape");
    return (const struct fill_key *)keys;
}

static void feed_committed(struct loop *loop, const struct item *item)
{
    struct engine_event event = { .kind = EVENT_COMMITTED };
    size_t count = item->u.committed.known_count;
    struct order *orders = NULL;
    const struct fill_key **fills = NULL;
    size_t *fills_count = NULL;

    CRASH_POINT(COMMIT_TAKEN);
    loop->committed = item->u.committed.position;
    event.u.committed.position = item->u.committed.position;
    if (count) {
        orders = calloc(count, sizeof(*orders));
        fills = calloc(count, sizeof(const struct fill_key *));
        fills_count = calloc(count, sizeof(*fills_count));
        if (!orders || !fills || !fills_count) {
            log_error("loop: out of memory for known links, stopping");
            abort();
        }
        for (size_t i = 0; i < count; i++) {
            orders[i] = item->u.committed.known[i].stored;
            fills[i] = loop_keys(item->u.committed.known[i].fills);
            fills_count[i] = item->u.committed.known[i].fills_count;
        }
        event.u.committed.known = orders;
        event.u.committed.known_fills = fills;
        event.u.committed.known_fills_count = fills_count;
        event.u.committed.known_count = count;
    }
    loop_feed(loop, &event);
    free(orders);
    free((void *)fills);
    free(fills_count);
}

static void feed_found(struct loop *loop, const struct item *item)
{
    struct engine_event event = { .kind = EVENT_FOUND };

    CRASH_POINT(FIND_TAKEN);
    event.u.found.find_id = item->u.found.find_id;
    event.u.found.failed = item->u.found.failed;
    event.u.found.order = item->u.found.has_order ? &item->u.found.order : NULL;
    event.u.found.fills = loop_keys(item->u.found.fills);
    event.u.found.fills_count = item->u.found.fills_count;
    event.u.found.fill_known = item->u.found.fill_known;
    loop_feed(loop, &event);
}

static void refuse_one(loop_reply_fn *on_reply, void *userdata, const char *why)
{
    struct loop_reply out = { .outcome = OUTCOME_NOT_READY };

    if (!on_reply)
        return;
    error_set(&out.error, ERR_UNAVAILABLE, "%s", why);
    on_reply(&out, userdata);
}

static void refuse(const struct item *item, const char *why)
{
    refuse_one(item->on_reply, item->userdata, why);
    for (size_t i = 0; item->kind == ITEM_BATCH && i < item->u.batch.count; i++)
        refuse_one(item->u.batch.list[i].on_reply, item->u.batch.list[i].userdata, why);
    for (size_t i = 0; item->kind == ITEM_CANCELS && i < item->u.cancels.count; i++)
        refuse_one(item->u.cancels.list[i].on_reply, item->u.cancels.list[i].userdata, why);
}

void loop_refuse_item(struct item *item, const char *why)
{
    refuse(item, why);
    loop_item_destroy(item);
}

/* --- commands --- */

static int64_t turn_ms(const struct loop *loop, const struct create_item *create)
{
    const struct order_request *request = &create->request;
    struct budget_claim claim = { .route =
                                      create->batch ? ROUTE_ORDER_CREATE_BATCH : ROUTE_ORDER_CREATE,
                                  .category = request->category,
                                  .lane = loop_create_lane(request) };
    size_t ahead = engine_intents(loop->engine, request->category, create->batch != 0,
                                  claim.lane == BUDGET_CANCEL);

    if (create->batch && request->category == CATEGORY_OPTION)
        ahead /= request_batch_max(request->category); /* there requests are counted */
    return budget_turn(loop->config.rest.budget, &claim, (int)ahead, clock_mono_ms());
}

static void fill_create(const struct loop *loop, const struct item *item, uint64_t waiter,
                        struct engine_event *event)
{
    event->kind = EVENT_CREATE;
    event->u.create.request = &item->u.create.request;
    event->u.create.facts = item->u.create.has_facts ? &item->u.create.facts : NULL;
    event->u.create.batch = item->u.create.batch;
    event->u.create.dry_run = item->u.create.dry_run;
    event->u.create.turn_ms = turn_ms(loop, &item->u.create);
    event->u.create.killed = item->kills != atomic_load(&loop->kills);
    event->u.create.waiter = waiter;
    event->u.create.wait = item->wait;
    event->u.create.wait_until_ms = item->wait_until_ms;
}

static int64_t amend_turn_ms(const struct loop *loop, const struct order *order)
{
    struct budget_claim claim = { .route = ROUTE_ORDER_AMEND, .lane = BUDGET_CREATE };

    if (!order)
        return 0;
    claim.category = order->request.category;
    return budget_turn(loop->config.rest.budget, &claim,
                       (int)engine_amends(loop->engine, claim.category), clock_mono_ms());
}

static void fill_amend(const struct loop *loop, const struct item *item, uint64_t waiter,
                       struct engine_event *event)
{
    event->kind = EVENT_AMEND;
    event->u.amend.id = item->u.amend.id;
    event->u.amend.change = &item->u.amend.change;
    event->u.amend.facts = item->u.amend.has_facts ? &item->u.amend.facts : NULL;
    event->u.amend.client = item->u.amend.client;
    event->u.amend.turn_ms = amend_turn_ms(loop, engine_find(loop->engine, item->u.amend.id));
    event->u.amend.killed = item->kills != atomic_load(&loop->kills);
    event->u.amend.waiter = waiter;
    event->u.amend.wait = item->wait;
    event->u.amend.wait_until_ms = item->wait_until_ms;
}

static void fill_by_id(const struct item *item, uint64_t waiter, struct engine_event *event)
{
    event->kind = item->kind == ITEM_CANCEL ? EVENT_CANCEL : EVENT_WATCH;
    event->u.cancel.id = item->u.id;
    event->u.cancel.waiter = waiter;
    event->u.cancel.wait = item->wait;
    event->u.cancel.wait_until_ms = item->wait_until_ms;
}

static void fill_kill(const struct item *item, uint64_t waiter, struct engine_event *event)
{
    event->kind = item->kind == ITEM_KILL ? EVENT_KILL : EVENT_ARM;
    event->u.kill.reason = item->u.kill.reason;
    event->u.kill.by = item->u.kill.by;
    event->u.kill.waiter = waiter;
    event->u.kill.wait_until_ms = item->wait_until_ms;
}

static void fill_command(const struct loop *loop, const struct item *item, uint64_t waiter,
                         struct engine_event *event)
{
    if (item->kind == ITEM_CREATE) {
        fill_create(loop, item, waiter, event);
    } else if (item->kind == ITEM_AMEND) {
        fill_amend(loop, item, waiter, event);
    } else if (item->kind == ITEM_CANCEL || item->kind == ITEM_WATCH) {
        fill_by_id(item, waiter, event);
    } else if (item->kind == ITEM_KILL || item->kind == ITEM_ARM) {
        fill_kill(item, waiter, event);
    } else if (item->kind == ITEM_GUARD_PATCH) {
        event->kind = EVENT_GUARD_PATCH;
        event->u.guard_patch.patch = item->u.patch;
        event->u.guard_patch.waiter = waiter;
    } else {
        event->kind = EVENT_GUARD_READ;
        event->u.guard_read = waiter;
    }
}

/* A kill must not get lost, whatever lacks. */
static void fail_command(struct loop *loop, const struct item *item)
{
    if (item->kind == ITEM_KILL)
        loop_guard_owe(loop, &item->u.kill);
    refuse(item, "out of memory");
}

static void feed_command(struct loop *loop, const struct item *item)
{
    struct engine_event event = { .kind = EVENT_WATCH };
    uint64_t waiter = 0;

    /* A kill can be carried out before an arm that was asked for earlier. */
    if (item->kind == ITEM_ARM && item->kills != atomic_load(&loop->kills)) {
        refuse(item, "killed again meanwhile");
        return;
    }
    if (item->on_reply) {
        waiter = loop_waiter_add(loop, item);
        if (!waiter) {
            fail_command(loop, item);
            return;
        }
    }
    CRASH_POINT_IF(item->kind == ITEM_CREATE, CREATE_TAKEN);
    CRASH_POINT_IF(item->kind == ITEM_AMEND, AMEND_TAKEN);
    CRASH_POINT_IF(item->kind == ITEM_CANCEL, CANCEL_TAKEN);
    CRASH_POINT_IF(item->kind == ITEM_GUARD_PATCH, PATCH_TAKEN);
    CRASH_POINT_IF(item->kind == ITEM_KILL, KILL_TAKEN);
    CRASH_POINT_IF(item->kind == ITEM_ARM, ARM_TAKEN);
    fill_command(loop, item, waiter, &event);
    loop->commanding = waiter;
    if (!loop_feed(loop, &event)) {
        loop_waiter_forget(loop, waiter);
        fail_command(loop, item);
    }
    loop->commanding = 0;
    CRASH_POINT_IF(item->kind == ITEM_KILL, KILL_DONE);
    CRASH_POINT_IF(item->kind == ITEM_ARM, ARM_DONE);
    if (item->kind == ITEM_KILL)
        atomic_fetch_sub(&loop->kills_waiting, 1);
}

/* How many may leave with `request`, itself too: alone it is no batch, and wants another turn. */
static size_t count_like(const struct item *item, const struct order_request *request)
{
    size_t count = 0;

    for (size_t i = 0; i < item->u.batch.count; i++) {
        const struct order_request *other = &item->u.batch.list[i].create.request;

        count += other->category == request->category &&
                 loop_create_lane(other) == loop_create_lane(request);
    }
    return count;
}

/* Their rows go to the journal together, so that one commit releases them all. */
static void feed_batch(struct loop *loop, const struct item *item)
{
    uint64_t number = ++loop->batches;

    loop->rows_held = true;
    for (size_t i = 0; i < item->u.batch.count; i++) {
        const struct batch_item *one = &item->u.batch.list[i];
        struct item create = { .kind = ITEM_CREATE,
                               .wait = item->wait,
                               .wait_until_ms = item->wait_until_ms,
                               .kills = item->kills,
                               .on_reply = one->on_reply,
                               .userdata = one->userdata,
                               .gone = one->gone,
                               .pushed_us = item->pushed_us };

        create.u.create = one->create;
        if (loop_takes_batches(loop, one->create.request.category) &&
            count_like(item, &one->create.request) > 1)
            create.u.create.batch = number;
        feed_command(loop, &create);
    }
    loop->rows_held = false;
    loop_rows_submit(loop);
}

/* As a batch; but nothing of it waits for the commit. */
static void feed_cancels(struct loop *loop, const struct item *item)
{
    CRASH_POINT(CANCELS_TAKEN);
    loop->rows_held = true;
    loop_cancels_hold(loop);
    for (size_t i = 0; i < item->u.cancels.count; i++) {
        const struct cancels_item *one = &item->u.cancels.list[i];
        struct item cancel = { .kind = ITEM_CANCEL,
                               .wait = item->wait,
                               .wait_until_ms = item->wait_until_ms,
                               .kills = item->kills,
                               .on_reply = one->on_reply,
                               .userdata = one->userdata,
                               .pushed_us = item->pushed_us };

        memcpy(cancel.u.id, one->id, sizeof(cancel.u.id));
        feed_command(loop, &cancel);
    }
    loop->rows_held = false;
    loop_rows_submit(loop);
    loop_cancels_release(loop);
}

/* --- any item --- */

void loop_tell_journal_state(struct loop *loop, bool was_down)
{
    bool down = loop->journal_down || loop->journal_full;

    if (down != was_down)
        loop_feed_simple(loop, down ? EVENT_JOURNAL_DOWN : EVENT_JOURNAL_UP);
}

void loop_take_item(struct loop *loop, struct item *item)
{
    struct engine_event event = { .kind = EVENT_ORDER };
    bool was_down = loop->journal_down || loop->journal_full;

    switch (item->kind) {
    case ITEM_BATCH:
        feed_batch(loop, item);
        break;
    case ITEM_CANCELS:
        feed_cancels(loop, item);
        break;
    case ITEM_SET:
        loop_set_take(loop, item);
        break;
    case ITEM_CREATE:
    case ITEM_AMEND:
    case ITEM_CANCEL:
    case ITEM_WATCH:
    case ITEM_GUARD_READ:
    case ITEM_GUARD_PATCH:
    case ITEM_KILL:
    case ITEM_ARM:
        feed_command(loop, item);
        break;
    case ITEM_ORDER:
        event.u.order = &item->u.report;
        CRASH_POINT(ORDER_HEARD);
        loop_feed(loop, &event);
        break;
    case ITEM_FILL:
        event.kind = EVENT_FILL;
        event.u.fill = &item->u.fill;
        CRASH_POINT(FILL_HEARD);
        loop_feed(loop, &event);
        break;
    case ITEM_PRIVATE_UP:
    case ITEM_PRIVATE_DOWN:
        loop->private_up = item->kind == ITEM_PRIVATE_UP;
        CRASH_POINT_IF(!loop->private_up, PRIVATE_DOWN);
        CRASH_POINT_IF(loop->private_up, PRIVATE_UP);
        loop_feed_simple(loop, loop->private_up ? EVENT_PRIVATE_UP : EVENT_PRIVATE_DOWN);
        break;
    case ITEM_COMMITTED:
        feed_committed(loop, item);
        break;
    case ITEM_JOURNAL_DOWN:
    case ITEM_JOURNAL_UP:
        loop->journal_down = item->kind == ITEM_JOURNAL_DOWN;
        loop_tell_journal_state(loop, was_down);
        break;
    case ITEM_FOUND:
        feed_found(loop, item);
        break;
    case ITEM_STOP:
        loop->stopping = true;
        loop->stop_at_ms = clock_mono_ms() + loop->grace_ms;
        CRASH_POINT(STOP_TAKEN);
        loop_feed_simple(loop, EVENT_STOP);
        break;
    }
    loop_item_destroy(item);
}
