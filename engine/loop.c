/* engine/loop.c - the thread around the engine.
 *
 * Three inboxes, taken in this order each turn: what the journal and its readers say (commits
 * release what waits), evidence from the private stream, commands from the api. One item is one
 * event; its actions are carried out before the next: rows first (handed to the journal as one
 * chain), then sends and reads, then replies.
 */
#include "engine/loop.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/queue.h"
#include "base/text.h"
#include "engine/loop_parts.h"

#define COMMANDS_MAX      1024
#define CANCELS_MORE      64
#define EVIDENCE_MAX      32768
#define INTERNAL_MAX      65536
#define CLOCK_FIRST_MS    200 /* the first samples come this fast */
#define CLOCK_FIRST_COUNT 5
#define CLOCK_TIMEOUT_MS  5000
#define WARM_CONNECTIONS  2
#define STATUS_EVERY_MS   1000 /* the engine hears of the clock at least this often */

/* --- items --- */

static void item_destroy(struct item *item)
{
    if (item->kind == ITEM_COMMITTED) {
        for (size_t i = 0; i < item->u.committed.known_count; i++)
            free(item->u.committed.known[i].fills);
        free(item->u.committed.known);
    }
    if (item->kind == ITEM_FOUND)
        free(item->u.found.fills);
    free(item);
}

/* The two key types have one shape: db/ may not know engine/, nor the other way round. */
static const struct fill_key *keys_of(const struct journal_fill_key *keys)
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
            fills[i] = keys_of(item->u.committed.known[i].fills);
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

    event.u.found.find_id = item->u.found.find_id;
    event.u.found.failed = item->u.found.failed;
    event.u.found.order = item->u.found.has_order ? &item->u.found.order : NULL;
    event.u.found.fills = keys_of(item->u.found.fills);
    event.u.found.fills_count = item->u.found.fills_count;
    event.u.found.fill_known = item->u.found.fill_known;
    loop_feed(loop, &event);
}

static void reply_busy(const struct item *item, const char *why)
{
    struct loop_reply out = { .outcome = OUTCOME_NOT_READY };

    error_set(&out.error, ERR_UNAVAILABLE, "%s", why);
    item->on_reply(&out, item->userdata);
}

static void feed_command(struct loop *loop, const struct item *item)
{
    struct engine_event event = { .kind = EVENT_CREATE };
    uint64_t waiter = loop_waiter_add(loop, item);

    if (!waiter) {
        reply_busy(item, "out of memory");
        return;
    }
    if (item->kind == ITEM_CREATE) {
        event.u.create.request = &item->u.request;
        event.u.create.waiter = waiter;
        event.u.create.wait = item->wait;
        event.u.create.wait_until_ms = item->wait_until_ms;
    } else {
        event.kind = item->kind == ITEM_CANCEL ? EVENT_CANCEL : EVENT_WATCH;
        event.u.cancel.id = item->u.id;
        event.u.cancel.waiter = waiter;
        event.u.cancel.wait = item->wait;
        event.u.cancel.wait_until_ms = item->wait_until_ms;
    }
    loop->commanding = waiter;
    loop_feed(loop, &event);
    loop->commanding = 0;
}

static void tell_journal_state(struct loop *loop, bool was_down)
{
    bool down = loop->journal_down || loop->journal_full;

    if (down != was_down)
        loop_feed_simple(loop, down ? EVENT_JOURNAL_DOWN : EVENT_JOURNAL_UP);
}

static void take_item(struct loop *loop, struct item *item)
{
    struct engine_event event = { .kind = EVENT_ORDER };
    bool was_down = loop->journal_down || loop->journal_full;

    switch (item->kind) {
    case ITEM_CREATE:
    case ITEM_CANCEL:
    case ITEM_WATCH:
        feed_command(loop, item);
        break;
    case ITEM_ORDER:
        event.u.order = &item->u.report;
        loop_feed(loop, &event);
        break;
    case ITEM_FILL:
        event.kind = EVENT_FILL;
        event.u.fill = &item->u.fill;
        loop_feed(loop, &event);
        break;
    case ITEM_PRIVATE_UP:
    case ITEM_PRIVATE_DOWN:
        loop->private_up = item->kind == ITEM_PRIVATE_UP;
        loop_feed_simple(loop, loop->private_up ? EVENT_PRIVATE_UP : EVENT_PRIVATE_DOWN);
        break;
    case ITEM_COMMITTED:
        feed_committed(loop, item);
        break;
    case ITEM_JOURNAL_DOWN:
    case ITEM_JOURNAL_UP:
        loop->journal_down = item->kind == ITEM_JOURNAL_DOWN;
        tell_journal_state(loop, was_down);
        break;
    case ITEM_FOUND:
        feed_found(loop, item);
        break;
    case ITEM_STOP:
        loop->stopping = true;
        loop->stop_at_ms = clock_mono_ms() + loop->grace_ms;
        loop_feed_simple(loop, EVENT_STOP);
        break;
    }
    item_destroy(item);
}

/* --- the thread --- */

static void on_clock_done(const struct rest_answer *answer, void *userdata)
{
    struct loop *loop = userdata;

    loop->clock_pending = false;
    if (!answer->answered) {
        char safe[LOG_SAFE_MAX];

        if (!loop->stopping)
            log_warn("loop: the exchange's clock cannot be read: %s",
                     log_safe(answer->error.text, safe));
        return;
    }
    if (loop->clock_samples < CLOCK_FIRST_COUNT)
        loop->clock_samples++;
    loop_feed_clock(loop);
}

static void sample_clock(struct loop *loop, int64_t now_ms)
{
    struct rest_request request = {
        .route = ROUTE_TIME,
        .deadline_ms = now_ms + CLOCK_TIMEOUT_MS,
        .on_done = on_clock_done,
        .userdata = loop,
    };

    loop->next_clock_ms =
        now_ms +
        (loop->clock_samples < CLOCK_FIRST_COUNT ? CLOCK_FIRST_MS : loop->config.clock_every_ms);
    if (loop->clock_pending || loop->stopping)
        return;
    if (rest_submit(loop->rest, &request) == ERR_NONE)
        loop->clock_pending = true;
    if (loop->clock_samples == CLOCK_FIRST_COUNT)
        rest_warm(loop->rest, WARM_CONNECTIONS); /* so that idle connections are not closed on us */
}

static void publish_status(struct loop *loop)
{
    struct engine_status status;

    engine_get_status(loop->engine, &status);
    pthread_mutex_lock(&loop->status_lock);
    loop->status = status;
    pthread_mutex_unlock(&loop->status_lock);
}

static void take_time(struct loop *loop)
{
    int64_t now_ms = clock_mono_ms();
    bool was_down = loop->journal_down || loop->journal_full;

    if (now_ms >= loop->next_clock_ms)
        sample_clock(loop, now_ms);
    if (now_ms >= loop->next_status_ms) {
        loop->next_status_ms = now_ms + STATUS_EVERY_MS;
        loop_feed_clock(loop);
    }
    if (loop->journal_full) {
        loop->journal_full = false;
        loop_rows_submit(loop);
    }
    tell_journal_state(loop, was_down);
    if (atomic_exchange(&loop->evidence_lost, false)) {
        log_error("loop: evidence from the private stream was lost, recovering over REST");
        loop_feed_simple(loop, EVENT_PRIVATE_DOWN);
        if (loop->private_up) /* else its return will be told */
            loop_feed_simple(loop, EVENT_PRIVATE_UP);
    }
    if (engine_next_tick_ms(loop->engine) <= loop_now_ms(loop))
        loop_feed_simple(loop, EVENT_TICK);
}

static int sleep_ms(struct loop *loop)
{
    int64_t now_ms = clock_mono_ms();
    int64_t tick_ms = engine_next_tick_ms(loop->engine);
    int64_t wait_ms = loop->next_clock_ms - now_ms;
    int rest_ms = rest_timeout_ms(loop->rest);

    if (loop->next_status_ms - now_ms < wait_ms)
        wait_ms = loop->next_status_ms - now_ms;
    if (tick_ms != INT64_MAX && tick_ms - loop_now_ms(loop) < wait_ms)
        wait_ms = tick_ms - loop_now_ms(loop);
    if (rest_ms >= 0 && rest_ms < wait_ms)
        wait_ms = rest_ms;
    if (loop->journal_full && wait_ms > 20)
        wait_ms = 20;
    if (loop->stopping && loop->stop_at_ms - now_ms < wait_ms)
        wait_ms = loop->stop_at_ms - now_ms;
    return wait_ms < 0 ? 0 : (int)wait_ms;
}

/* At most `most` items of one inbox, so that none starves the others. */
static void drain(struct loop *loop, struct queue *queue, int most)
{
    struct item *item;

    while (most-- > 0 && (item = queue_pop(queue)))
        take_item(loop, item);
}

/* A stop waits for what is under way, and for the commits: an intent that was not sent is noted as
 * such only behind its own. */
static bool is_finished(const struct loop *loop)
{
    if (!loop->stopping)
        return false;
    return clock_mono_ms() >= loop->stop_at_ms ||
           (rest_pending(loop->rest) == 0 && !loop->rows_first &&
            loop->committed >= atomic_load(&loop->position));
}

static void *run(void *userdata)
{
    struct loop *loop = userdata;
    struct epoll_event ready[8];

    while (!is_finished(loop)) {
        (void)epoll_wait(loop->epoll, ready, ARRAY_LEN(ready), sleep_ms(loop));
        drain(loop, loop->internal, 1024);
        rest_run(loop->rest);
        drain(loop, loop->evidence, 256);
        drain(loop, loop->commands, 256);
        rest_run(loop->rest);
        take_time(loop);
        publish_status(loop);
    }
    rest_destroy(loop->rest); /* what is under way ends as lost: looked up at the next start */
    loop->rest = NULL;
    drain(loop, loop->internal, INT32_MAX);
    loop_rows_submit(loop);
    publish_status(loop);
    return NULL;
}

/* --- what the journal's thread calls --- */

static void on_committed(uint64_t position, const struct journal_known *known, size_t known_count,
                         void *userdata)
{
    struct loop *loop = userdata;
    struct item *item = calloc(1, sizeof(*item));

    if (item && known_count)
        item->u.committed.known = calloc(known_count, sizeof(*known));
    if (!item || (known_count && !item->u.committed.known)) {
        log_error("loop: out of memory for a commit, stopping");
        abort();
    }
    item->kind = ITEM_COMMITTED;
    item->u.committed.position = position;
    item->u.committed.known_count = known_count;
    for (size_t i = 0; i < known_count; i++) {
        struct journal_known *copy = &item->u.committed.known[i];

        *copy = known[i];
        copy->fills = NULL;
        if (!known[i].fills_count)
            continue;
        copy->fills = calloc(known[i].fills_count, sizeof(*copy->fills));
        if (!copy->fills) {
            log_error("loop: out of memory for a commit, stopping");
            abort();
        }
        memcpy(copy->fills, known[i].fills, known[i].fills_count * sizeof(*copy->fills));
    }
    while (queue_push(loop->internal, item) != ERR_NONE)
        usleep(1000); /* 65,536 commits that nobody took: the loop's thread is stuck, not us */
}

static void on_journal_event(uint64_t seq, const char *event, const char *json, size_t json_bytes,
                             int64_t at_ms, void *userdata)
{
    struct loop *loop = userdata;

    loop->config.on_event(seq, event, json, json_bytes, at_ms, loop->config.userdata);
}

static void on_journal_down(bool down, const struct error *error, void *userdata)
{
    struct loop *loop = userdata;
    struct item *item = calloc(1, sizeof(*item));

    if (down)
        log_error("journal: cannot be written, no creates until it can: %s", error->text);
    else
        log_warn("journal: can be written again");
    if (!item)
        abort();
    item->kind = down ? ITEM_JOURNAL_DOWN : ITEM_JOURNAL_UP;
    while (queue_push(loop->internal, item) != ERR_NONE)
        usleep(1000);
}

static const struct journal_callbacks journal_callbacks = {
    .on_committed = on_committed,
    .on_event = on_journal_event,
    .on_down = on_journal_down,
};

/* --- start and stop --- */

static void on_restored(const struct order *order, const struct journal_fill_key *fills,
                        size_t fills_count, void *userdata)
{
    struct engine_event event = { .kind = EVENT_RESTORE };

    event.u.restore.order = order;
    event.u.restore.fills = keys_of(fills);
    event.u.restore.fills_count = fills_count;
    loop_feed(userdata, &event);
}

static enum err watch(const struct loop *loop, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };

    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? ERR_NONE : ERR_IO;
}

static enum err make_parts(struct loop *loop, struct error *error)
{
    enum err err;

    loop->commands = queue_create(COMMANDS_MAX);
    loop->evidence = queue_create(EVIDENCE_MAX);
    loop->internal = queue_create(INTERNAL_MAX);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->traces = calloc(TRACES_MAX, sizeof(*loop->traces));
    if (!loop->traces || !loop->commands || !loop->evidence || !loop->internal || loop->epoll < 0)
        return error_set(error, ERR_NO_MEMORY, "engine: out of memory or descriptors");
    err = engine_create(&loop->engine, &loop->config.engine);
    if (err)
        return error_set(error, err, "engine: out of memory");
    err = rest_create(&loop->rest, &loop->config.rest, error);
    if (err)
        return err;
    if (watch(loop, queue_fd(loop->commands)) || watch(loop, queue_fd(loop->evidence)) ||
        watch(loop, queue_fd(loop->internal)) || watch(loop, rest_fd(loop->rest)))
        return error_set(error, ERR_IO, "engine: epoll failed");
    return ERR_NONE;
}

static void empty(struct queue *queue)
{
    struct item *item;

    while (queue && (item = queue_pop(queue))) {
        if (item->kind <= ITEM_WATCH)
            reply_busy(item, "the bridge is stopping");
        item_destroy(item);
    }
}

static void destroy(struct loop *loop)
{
    struct queue *const queues[] = { loop->commands, loop->evidence, loop->internal };

    rest_destroy(loop->rest);
    for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
        empty(queues[i]);
        queue_destroy(queues[i]);
    }
    while (loop->rows_first) {
        struct journal_row *row = loop->rows_first;

        loop->rows_first = row->next;
        journal_row_destroy(row);
    }
    engine_destroy(loop->engine);
    free(loop->actions.list);
    free(loop->waiters);
    free(loop->traces);
    if (loop->epoll >= 0)
        close(loop->epoll);
    pthread_mutex_destroy(&loop->status_lock);
    free(loop);
}

enum err loop_start(struct loop **out, const struct loop_config *config, struct error *error)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    enum err err;

    if (!loop)
        return error_set(error, ERR_NO_MEMORY, "engine: out of memory");
    loop->config = *config;
    loop->epoll = -1;
    loop->wall_base_ms = clock_wall_ms() - clock_mono_ms();
    pthread_mutex_init(&loop->status_lock, NULL);
    err = make_parts(loop, error);
    if (err)
        goto fail;
    err = journal_restore(config->journal, on_restored, loop, error);
    if (err)
        goto fail;
    loop_feed_simple(loop, EVENT_START);
    publish_status(loop);
    err = journal_start_thread(config->journal, &journal_callbacks, loop, error);
    if (err)
        goto fail;
    rest_warm(loop->rest, WARM_CONNECTIONS);
    if (pthread_create(&loop->thread, NULL, run, loop) != 0) {
        err = error_set(error, ERR_NO_MEMORY, "engine: no thread");
        goto fail;
    }
    loop->thread_started = true;
    *out = loop;
    return ERR_NONE;

fail:
    destroy(loop);
    return err;
}

void loop_stop(struct loop *loop, int grace_ms)
{
    struct item *item;

    if (!loop || !loop->thread_started)
        return;
    item = calloc(1, sizeof(*item));
    if (!item)
        abort();
    item->kind = ITEM_STOP;
    loop->grace_ms = grace_ms;
    while (queue_push(loop->internal, item) != ERR_NONE)
        usleep(1000);
    pthread_join(loop->thread, NULL);
    loop->thread_started = false;
    queue_close(loop->commands);
    empty(loop->commands);
}

void loop_destroy(struct loop *loop)
{
    if (loop)
        destroy(loop);
}

/* --- calls from other threads --- */

static enum err push_command(struct loop *loop, struct item *item, size_t extra)
{
    enum err err = queue_push_extra(loop->commands, item, extra);

    if (err)
        free(item);
    return err;
}

static struct item *command(enum item_kind kind, enum engine_wait wait, int64_t wait_until_ms,
                            loop_reply_fn *on_reply, void *userdata)
{
    struct item *item = calloc(1, sizeof(*item));

    if (!item)
        return NULL;
    item->kind = kind;
    item->wait = wait;
    item->wait_until_ms = wait_until_ms;
    item->on_reply = on_reply;
    item->userdata = userdata;
    item->pushed_us = clock_mono_us();
    return item;
}

enum err loop_create(struct loop *loop, const struct order_request *request, enum engine_wait wait,
                     int64_t wait_until_ms, loop_reply_fn *on_reply, void *userdata)
{
    struct item *item = command(ITEM_CREATE, wait, wait_until_ms, on_reply, userdata);

    if (!item)
        return ERR_BUSY;
    item->u.request = *request;
    return push_command(loop, item, 0);
}

enum err loop_cancel(struct loop *loop, const char *id, enum engine_wait wait,
                     int64_t wait_until_ms, loop_reply_fn *on_reply, void *userdata)
{
    struct item *item = command(ITEM_CANCEL, wait, wait_until_ms, on_reply, userdata);

    if (!item)
        return ERR_BUSY;
    if (text_copy(item->u.id, sizeof(item->u.id), id)) {
        free(item);
        return ERR_INVALID;
    }
    return push_command(loop, item, CANCELS_MORE);
}

enum err loop_watch(struct loop *loop, const char *id, enum engine_wait wait, int64_t wait_until_ms,
                    loop_reply_fn *on_reply, void *userdata)
{
    struct item *item = command(ITEM_WATCH, wait, wait_until_ms, on_reply, userdata);

    if (!item)
        return ERR_BUSY;
    if (text_copy(item->u.id, sizeof(item->u.id), id)) {
        free(item);
        return ERR_INVALID;
    }
    return push_command(loop, item, 0);
}

static enum err push_evidence(struct loop *loop, struct item *item)
{
    if (item && queue_push(loop->evidence, item) == ERR_NONE)
        return ERR_NONE;
    free(item);
    atomic_store(&loop->evidence_lost, true);
    return ERR_BUSY;
}

enum err loop_on_order(struct loop *loop, const struct order_report *report)
{
    struct item *item = command(ITEM_ORDER, WAIT_ACCEPTED, 0, NULL, NULL);

    if (item)
        item->u.report = *report;
    return push_evidence(loop, item);
}

enum err loop_on_fill(struct loop *loop, const struct fill *fill)
{
    struct item *item = command(ITEM_FILL, WAIT_ACCEPTED, 0, NULL, NULL);

    if (item)
        item->u.fill = *fill;
    return push_evidence(loop, item);
}

void loop_on_private(struct loop *loop, bool up)
{
    struct item *item =
        command(up ? ITEM_PRIVATE_UP : ITEM_PRIVATE_DOWN, WAIT_ACCEPTED, 0, NULL, NULL);

    if (!item)
        abort();
    /* Above the bound: the state of the link must never get lost. */
    while (queue_push_extra(loop->evidence, item, 256) != ERR_NONE)
        usleep(1000);
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
