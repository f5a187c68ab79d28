/* tests/test_api_kit_loop.h - the kit's stand-in for the engine's loop; a part of test_api_kit.h.
 */
#pragma once

/* --- orders --- */

enum err loop_create(struct loop *loop, const struct order_request *request,
                     const struct guard_facts *facts, enum engine_wait wait, int64_t wait_until_ms,
                     loop_reply_fn *on_reply, void *userdata)
{
    struct loop_reply refused = { .outcome = OUTCOME_GUARD };

    (void)loop;
    if (kit.take_create) {
        kit.take_create(facts, on_reply, userdata);
        return ERR_NONE;
    }
    if (kit.loop_err)
        return kit.loop_err;
    kit.facts = *facts;
    kit.created = *request;
    if (kit.on_create && kit.on_create(request, facts, &refused)) {
        on_reply(&refused, userdata);
        return ERR_NONE;
    }
    kit.creates++;
    kit.wait = wait;
    kit.until_ms = wait_until_ms;
    if (kit.reply.has_order)
        kit.reply.order.request = *request;
    if (kit.reply.has_order && !request->link[0])
        memcpy(kit.reply.order.request.link, "b-7", 4);
    on_reply(&kit.reply, userdata);
    return ERR_NONE;
}

/* Judged as loop_create's: kit.reply says how it ends. */
enum err loop_check(struct loop *loop, const struct order_request *request,
                    const struct guard_facts *facts, loop_reply_fn *on_reply, void *userdata)
{
    struct loop_reply refused = { .outcome = OUTCOME_GUARD };

    (void)loop;
    if (kit.loop_err)
        return kit.loop_err;
    kit.facts = *facts;
    kit.created = *request;
    if (kit.on_create && kit.on_create(request, facts, &refused)) {
        on_reply(&refused, userdata);
        return ERR_NONE;
    }
    kit.checks++;
    on_reply(&kit.reply, userdata);
    return ERR_NONE;
}

bool loop_takes_batches(const struct loop *loop, enum category category)
{
    (void)loop;
    (void)category;
    return true;
}

/* Each is answered as a create alone is, the last one first. */
enum err loop_create_batch(struct loop *loop, const struct loop_batch_item *items, size_t count,
                           enum engine_wait wait, int64_t wait_until_ms)
{
    if (kit.loop_err)
        return kit.loop_err;
    kit.batches++;
    kit.batch_count = count;
    for (size_t i = count; i > 0; i--)
        kit.gone = items[i - 1].gone;
    for (size_t i = count; i > 0; i--)
        ck_assert(!loop_create(loop, items[i - 1].request, items[i - 1].facts, wait, wait_until_ms,
                               items[i - 1].on_reply, items[i - 1].userdata));
    return ERR_NONE;
}

static void note_id(const char *id, enum engine_wait wait, int64_t wait_until_ms)
{
    struct text text = text_in(kit.id, sizeof(kit.id));

    text_add(&text, id);
    kit.wait = wait;
    kit.until_ms = wait_until_ms;
}

enum err loop_cancel(struct loop *loop, const char *id, enum engine_wait wait,
                     int64_t wait_until_ms, loop_reply_fn *on_reply, void *userdata)
{
    (void)loop;
    if (kit.on_cancel) {
        kit.on_cancel(on_reply, userdata);
        return ERR_NONE;
    }
    if (kit.loop_err)
        return kit.loop_err;
    kit.cancels++;
    note_id(id, wait, wait_until_ms);
    if (!kit.deferred) {
        on_reply(&kit.reply, userdata);
        return ERR_NONE;
    }
    ck_assert_uint_lt(kit.waiting, ARRAY_LEN(kit.waiting_fn));
    kit.waiting_fn[kit.waiting] = on_reply;
    kit.waiting_data[kit.waiting++] = userdata;
    if (kit.waiting > kit.waiting_most)
        kit.waiting_most = kit.waiting;
    return ERR_NONE;
}

/* Each is answered as a cancel alone is. */
enum err loop_cancel_together(struct loop *loop, const struct loop_cancels_item *items,
                              size_t count, enum engine_wait wait, int64_t wait_until_ms)
{
    ck_assert_uint_le(count, LOOP_CANCELS_MAX);
    if (kit.loop_err)
        return kit.loop_err;
    if (kit.groups_busy_from && kit.groups + 1 >= kit.groups_busy_from)
        return ERR_BUSY;
    kit.groups++;
    for (size_t i = 0; i < count; i++)
        ck_assert(!loop_cancel(loop, items[i].id, wait, wait_until_ms, items[i].on_reply,
                               items[i].userdata));
    return ERR_NONE;
}

enum err loop_amend(struct loop *loop, const char *id, const struct order_change *change,
                    const struct guard_facts *facts, const char *client, enum engine_wait wait,
                    int64_t wait_until_ms, loop_reply_fn *on_reply, void *userdata)
{
    (void)loop;
    if (kit.loop_err)
        return kit.loop_err;
    kit.facts = *facts;
    kit.change = *change;
    (void)snprintf(kit.amend_client, sizeof(kit.amend_client), "%s", client ? client : "");
    kit.amends++;
    note_id(id, wait, wait_until_ms);
    if (kit.on_amend)
        kit.on_amend(on_reply, userdata);
    else
        on_reply(&kit.reply, userdata);
    return ERR_NONE;
}

enum err loop_set(struct loop *loop, const struct loop_setting *setting, loop_reply_fn *on_reply,
                  void *userdata)
{
    (void)loop;
    if (kit.loop_err)
        return kit.loop_err;
    kit.setting = *setting;
    kit.settings++;
    on_reply(&kit.reply, userdata);
    return ERR_NONE;
}

enum err loop_watch(struct loop *loop, const char *id, enum engine_wait wait, int64_t wait_until_ms,
                    loop_reply_fn *on_reply, void *userdata)
{
    (void)loop;
    if (kit.loop_err)
        return kit.loop_err;
    kit.watches++;
    note_id(id, wait, wait_until_ms);
    if (kit.head_goes) /* the answer comes later, and the head need not be there any more */
        memset(kit.request_headers.value, 'x', strlen(kit.request_headers.value));
    on_reply(kit.watched ? kit.watched : &kit.reply, userdata);
    return ERR_NONE;
}

/* --- for those who may leave: as without that --- */

enum err loop_create_heard(struct loop *loop, const struct order_request *request,
                           const struct guard_facts *facts, enum engine_wait wait,
                           int64_t wait_until_ms, const struct loop_hearer *hearer)
{
    kit.gone = hearer->gone;
    return loop_create(loop, request, facts, wait, wait_until_ms, hearer->on_reply,
                       hearer->userdata);
}

enum err loop_amend_heard(struct loop *loop, const char *id, const struct order_change *change,
                          const struct guard_facts *facts, const char *client,
                          enum engine_wait wait, int64_t wait_until_ms,
                          const struct loop_hearer *hearer)
{
    kit.gone = hearer->gone;
    return loop_amend(loop, id, change, facts, client, wait, wait_until_ms, hearer->on_reply,
                      hearer->userdata);
}

enum err loop_cancel_heard(struct loop *loop, const char *id, enum engine_wait wait,
                           int64_t wait_until_ms, const struct loop_hearer *hearer)
{
    kit.gone = hearer->gone;
    return loop_cancel(loop, id, wait, wait_until_ms, hearer->on_reply, hearer->userdata);
}

enum err loop_watch_heard(struct loop *loop, const char *id, enum engine_wait wait,
                          int64_t wait_until_ms, const struct loop_hearer *hearer)
{
    kit.gone = hearer->gone;
    return loop_watch(loop, id, wait, wait_until_ms, hearer->on_reply, hearer->userdata);
}

/* --- the guard's --- */

unsigned loop_guard_needs(const struct loop *loop)
{
    (void)loop;
    return kit.needs;
}

static unsigned kit_kills;

unsigned loop_kills(const struct loop *loop)
{
    (void)loop;
    return kit_kills;
}

bool loop_is_killed(const struct loop *loop)
{
    (void)loop;
    return kit.killed;
}

static enum err kit_guard(size_t *count, const char *reason, const char *by,
                          loop_reply_fn *on_reply, void *userdata)
{
    if (kit.loop_err)
        return kit.loop_err;
    (*count)++;
    ck_assert(!text_copy(kit.reason, sizeof(kit.reason), reason));
    ck_assert(!text_copy(kit.by, sizeof(kit.by), by));
    kit.reply.report = kit.report;
    on_reply(&kit.reply, userdata);
    return ERR_NONE;
}

enum err loop_guard_read(struct loop *loop, loop_reply_fn *on_reply, void *userdata)
{
    (void)loop;
    return kit_guard(&kit.guard_reads, "", "", on_reply, userdata);
}

enum err loop_guard_patch(struct loop *loop, const struct guard_patch *patch,
                          loop_reply_fn *on_reply, void *userdata)
{
    (void)loop;
    *kit.patch = *patch;
    return kit_guard(&kit.patches, "", "", on_reply, userdata);
}

enum err loop_kill(struct loop *loop, const char *reason, const char *by, int64_t wait_until_ms,
                   loop_reply_fn *on_reply, void *userdata)
{
    (void)loop;
    kit.until_ms = wait_until_ms;
    return kit_guard(&kit.kills, reason, by, on_reply, userdata);
}

enum err loop_arm(struct loop *loop, const char *reason, const char *by, loop_reply_fn *on_reply,
                  void *userdata)
{
    (void)loop;
    return kit_guard(&kit.arms, reason, by, on_reply, userdata);
}

uint64_t loop_position(struct loop *loop)
{
    (void)loop;
    return 42;
}

void loop_get_status(struct loop *loop, struct engine_status *out)
{
    (void)loop;
    *out = kit.engine;
}
