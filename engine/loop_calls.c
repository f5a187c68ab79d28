/* engine/loop_calls.c - calls from other threads: each becomes an item in an inbox. */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/text.h"
#include "engine/loop_parts.h"

#define CANCELS_MORE 64  /* above the bound of the urgent inbox */
#define KILLS_MORE   128 /* likewise */
#define LINK_MORE    256 /* above the bound of evidence */

static enum err push(struct queue *queue, struct item *item, size_t extra)
{
    enum err err = queue_push_extra(queue, item, extra);

    if (err)
        loop_item_destroy(item);
    return err;
}

/* Callers say how long they wait by the wall clock, which may step; the run's clock does not. */
static int64_t by_run_clock(const struct loop *loop, int64_t wall_ms)
{
    return wall_ms ? wall_ms - clock_wall_ms() + loop_now_ms(loop) : 0;
}

static struct item *command(const struct loop *loop, enum item_kind kind, enum engine_wait wait,
                            int64_t wait_until_ms, loop_reply_fn *on_reply, void *userdata)
{
    struct item *item = calloc(1, sizeof(*item));

    if (!item)
        return NULL;
    item->kind = kind;
    item->wait = wait;
    item->wait_until_ms = by_run_clock(loop, wait_until_ms);
    item->kills = atomic_load(&loop->kills);
    item->on_reply = on_reply;
    item->userdata = userdata;
    item->pushed_us = clock_mono_us();
    return item;
}

enum err loop_create_heard(struct loop *loop, const struct order_request *request,
                           const struct guard_facts *facts, enum engine_wait wait,
                           int64_t wait_until_ms, const struct loop_hearer *hearer)
{
    struct item *item =
        command(loop, ITEM_CREATE, wait, wait_until_ms, hearer->on_reply, hearer->userdata);

    if (!item)
        return ERR_BUSY;
    item->gone = hearer->gone;
    item->u.create.request = *request;
    item->u.create.has_facts = facts != NULL;
    if (facts)
        item->u.create.facts = *facts;
    return push(loop->commands, item, 0);
}

enum err loop_create(struct loop *loop, const struct order_request *request,
                     const struct guard_facts *facts, enum engine_wait wait, int64_t wait_until_ms,
                     loop_reply_fn *on_reply, void *userdata)
{
    const struct loop_hearer hearer = { on_reply, userdata, NULL };

    return loop_create_heard(loop, request, facts, wait, wait_until_ms, &hearer);
}

enum err loop_cancel_heard(struct loop *loop, const char *id, enum engine_wait wait,
                           int64_t wait_until_ms, const struct loop_hearer *hearer)
{
    struct item *item =
        command(loop, ITEM_CANCEL, wait, wait_until_ms, hearer->on_reply, hearer->userdata);

    if (!item)
        return ERR_BUSY;
    item->gone = hearer->gone;
    if (text_copy(item->u.id, sizeof(item->u.id), id)) {
        free(item);
        return ERR_INVALID;
    }
    return push(loop->urgent, item, CANCELS_MORE);
}

enum err loop_cancel(struct loop *loop, const char *id, enum engine_wait wait,
                     int64_t wait_until_ms, loop_reply_fn *on_reply, void *userdata)
{
    const struct loop_hearer hearer = { on_reply, userdata, NULL };

    return loop_cancel_heard(loop, id, wait, wait_until_ms, &hearer);
}

enum err loop_cancel_together(struct loop *loop, const struct loop_cancels_item *items,
                              size_t count, enum engine_wait wait, int64_t wait_until_ms)
{
    struct item *item;

    if (count == 0 || count > LOOP_CANCELS_MAX)
        return ERR_INVALID;
    item = command(loop, ITEM_CANCELS, wait, wait_until_ms, NULL, NULL);
    if (!item)
        return ERR_BUSY;
    item->u.cancels.list = calloc(count, sizeof(*item->u.cancels.list));
    if (!item->u.cancels.list) {
        free(item);
        return ERR_BUSY;
    }
    item->u.cancels.count = count;
    for (size_t i = 0; i < count; i++) {
        struct cancels_item *one = &item->u.cancels.list[i];

        if (text_copy(one->id, sizeof(one->id), items[i].id)) {
            loop_item_destroy(item);
            return ERR_INVALID;
        }
        one->on_reply = items[i].on_reply;
        one->userdata = items[i].userdata;
    }
    return push(loop->urgent, item, CANCELS_MORE);
}

enum err loop_watch_heard(struct loop *loop, const char *id, enum engine_wait wait,
                          int64_t wait_until_ms, const struct loop_hearer *hearer)
{
    struct item *item =
        command(loop, ITEM_WATCH, wait, wait_until_ms, hearer->on_reply, hearer->userdata);

    if (!item)
        return ERR_BUSY;
    item->gone = hearer->gone;
    if (text_copy(item->u.id, sizeof(item->u.id), id)) {
        free(item);
        return ERR_INVALID;
    }
    return push(loop->commands, item, 0);
}

enum err loop_watch(struct loop *loop, const char *id, enum engine_wait wait, int64_t wait_until_ms,
                    loop_reply_fn *on_reply, void *userdata)
{
    const struct loop_hearer hearer = { on_reply, userdata, NULL };

    return loop_watch_heard(loop, id, wait, wait_until_ms, &hearer);
}

static enum err push_evidence(struct loop *loop, struct item *item)
{
    if (item && queue_push(loop->evidence, item) == ERR_NONE)
        return ERR_NONE;
    if (item)
        loop_item_destroy(item);
    atomic_store(&loop->evidence_lost, true);
    return ERR_BUSY;
}

enum err loop_on_order(struct loop *loop, const struct order_report *report)
{
    struct item *item = command(loop, ITEM_ORDER, WAIT_ACCEPTED, 0, NULL, NULL);

    if (item) {
        item->u.report = *report;
        native_hold(report->native);
    }
    return push_evidence(loop, item);
}

enum err loop_on_fill(struct loop *loop, const struct fill *fill)
{
    struct item *item = command(loop, ITEM_FILL, WAIT_ACCEPTED, 0, NULL, NULL);

    if (item)
        item->u.fill = *fill;
    return push_evidence(loop, item);
}

void loop_on_private(struct loop *loop, bool up)
{
    struct item *item =
        command(loop, up ? ITEM_PRIVATE_UP : ITEM_PRIVATE_DOWN, WAIT_ACCEPTED, 0, NULL, NULL);

    if (!item)
        abort();
    /* Above the bound: the state of the link must never get lost. */
    while (queue_push_extra(loop->evidence, item, LINK_MORE) != ERR_NONE)
        usleep(1000);
}

void loop_look_for_gone(struct loop *loop)
{
    if (!atomic_exchange(&loop->gone_asked, true))
        loop_ring(loop);
}

uint64_t loop_position(struct loop *loop)
{
    return atomic_load(&loop->position);
}

void loop_get_status(struct loop *loop, struct engine_status *out)
{
    pthread_mutex_lock(&loop->status_lock);
    *out = loop->status;
    pthread_mutex_unlock(&loop->status_lock);
}

/* --- the guard --- */

enum err loop_guard_read(struct loop *loop, loop_reply_fn *on_reply, void *userdata)
{
    struct item *item = command(loop, ITEM_GUARD_READ, WAIT_ACCEPTED, 0, on_reply, userdata);

    return item ? push(loop->urgent, item, 0) : ERR_BUSY;
}

enum err loop_guard_patch(struct loop *loop, const struct guard_patch *patch,
                          loop_reply_fn *on_reply, void *userdata)
{
    struct item *item = command(loop, ITEM_GUARD_PATCH, WAIT_ACCEPTED, 0, on_reply, userdata);

    if (!item)
        return ERR_BUSY;
    item->u.patch = malloc(sizeof(*patch));
    if (!item->u.patch) {
        free(item);
        return ERR_BUSY;
    }
    *item->u.patch = *patch;
    return push(loop->urgent, item, CANCELS_MORE);
}

static struct kill_words words_of(const char *reason, const char *by)
{
    struct kill_words words;

    text_cut(words.reason, sizeof(words.reason), reason);
    text_cut(words.by, sizeof(words.by), by);
    return words;
}

enum err loop_kill(struct loop *loop, const char *reason, const char *by, int64_t wait_until_ms,
                   loop_reply_fn *on_reply, void *userdata)
{
    const struct kill_words words = words_of(reason, by);
    struct item *item;

    /* First of all: from here on no create leaves. */
    atomic_fetch_add(&loop->kills_waiting, 1);
    atomic_fetch_add(&loop->kills, 1);
    CRASH_POINT(KILL_ASKED);
    item = command(loop, ITEM_KILL, WAIT_ACCEPTED, wait_until_ms, on_reply, userdata);
    if (item) {
        item->u.kill = words;
        if (push(loop->urgent, item, KILLS_MORE) == ERR_NONE)
            return ERR_NONE;
    }
    loop_guard_owe(loop, &words);
    atomic_fetch_add(&loop->kills, 1); /* what was asked for meanwhile stands before it, too */
    atomic_fetch_sub(&loop->kills_waiting, 1);
    return ERR_BUSY;
}

enum err loop_arm(struct loop *loop, const char *reason, const char *by, loop_reply_fn *on_reply,
                  void *userdata)
{
    struct item *item = command(loop, ITEM_ARM, WAIT_ACCEPTED, 0, on_reply, userdata);

    if (!item)
        return ERR_BUSY;
    item->u.kill = words_of(reason, by);
    return push(loop->urgent, item, CANCELS_MORE);
}

/* --- trading --- */

static void fill_create(struct create_item *out, const struct order_request *request,
                        const struct guard_facts *facts)
{
    out->request = *request;
    out->has_facts = facts != NULL;
    if (facts)
        out->facts = *facts;
}

enum err loop_check(struct loop *loop, const struct order_request *request,
                    const struct guard_facts *facts, loop_reply_fn *on_reply, void *userdata)
{
    struct item *item = command(loop, ITEM_CREATE, WAIT_ACCEPTED, 0, on_reply, userdata);

    if (!item)
        return ERR_BUSY;
    fill_create(&item->u.create, request, facts);
    item->u.create.dry_run = true;
    return push(loop->commands, item, 0);
}

enum err loop_create_batch(struct loop *loop, const struct loop_batch_item *items, size_t count,
                           enum engine_wait wait, int64_t wait_until_ms)
{
    struct item *item;

    if (count == 0 || count > LOOP_BATCH_MAX)
        return ERR_INVALID;
    item = command(loop, ITEM_BATCH, wait, wait_until_ms, NULL, NULL);
    if (!item)
        return ERR_BUSY;
    item->u.batch.list = calloc(count, sizeof(*item->u.batch.list));
    if (!item->u.batch.list) {
        free(item);
        return ERR_BUSY;
    }
    item->u.batch.count = count;
    for (size_t i = 0; i < count; i++) {
        struct batch_item *one = &item->u.batch.list[i];

        fill_create(&one->create, items[i].request, items[i].facts);
        one->on_reply = items[i].on_reply;
        one->userdata = items[i].userdata;
        one->gone = items[i].gone;
    }
    return push(loop->commands, item, 0);
}

enum err loop_amend_heard(struct loop *loop, const char *id, const struct order_change *change,
                          const struct guard_facts *facts, const char *client,
                          enum engine_wait wait, int64_t wait_until_ms,
                          const struct loop_hearer *hearer)
{
    struct item *item =
        command(loop, ITEM_AMEND, wait, wait_until_ms, hearer->on_reply, hearer->userdata);

    if (!item)
        return ERR_BUSY;
    item->gone = hearer->gone;
    if (text_copy(item->u.amend.id, sizeof(item->u.amend.id), id) ||
        text_copy(item->u.amend.client, sizeof(item->u.amend.client), client ? client : "")) {
        free(item);
        return ERR_INVALID;
    }
    item->u.amend.change = *change;
    item->u.amend.has_facts = facts != NULL;
    if (facts)
        item->u.amend.facts = *facts;
    return push(loop->commands, item, 0);
}

enum err loop_amend(struct loop *loop, const char *id, const struct order_change *change,
                    const struct guard_facts *facts, const char *client, enum engine_wait wait,
                    int64_t wait_until_ms, loop_reply_fn *on_reply, void *userdata)
{
    const struct loop_hearer hearer = { on_reply, userdata, NULL };

    return loop_amend_heard(loop, id, change, facts, client, wait, wait_until_ms, &hearer);
}

enum err loop_set(struct loop *loop, const struct loop_setting *setting, loop_reply_fn *on_reply,
                  void *userdata)
{
    struct item *item = command(loop, ITEM_SET, WAIT_ACCEPTED, 0, on_reply, userdata);

    if (!item)
        return ERR_BUSY;
    item->u.setting = *setting;
    return push(loop->commands, item, 0);
}
