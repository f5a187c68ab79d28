/* engine/loop.c - the thread around the engine.
 *
 * Three inboxes, taken in this order each turn: what the journal and its readers say (commits
 * release what waits), evidence from the private stream, commands from the api. A fourth, of
 * cancels and what the guard is told, is looked at before each of their items, so that no flood
 * stands before it. One item is one event; its actions are carried out before the next: rows first
 * (handed to the journal as one chain), then sends and reads, then replies.
 */
#include "engine/loop.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/queue.h"
#include "base/text.h"
#include "base/thread.h"
#include "engine/loop_parts.h"

#define COMMANDS_MAX      1024
#define URGENT_MAX        1024
#define URGENT_ROUND      64 /* at most so many before something else has its turn */
#define EVIDENCE_MAX      32768
#define INTERNAL_MAX      65536
#define CLOCK_FIRST_MS    200 /* the first samples come this fast */
#define CLOCK_FIRST_COUNT 5
#define CLOCK_TIMEOUT_MS  5000
#define WARM_CONNECTIONS  2
#define STATUS_EVERY_MS   1000 /* the engine hears of the clock at least this often */

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
        .lane = BUDGET_OWN,
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
    loop_tell_journal_state(loop, was_down);
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

static void take_urgent(struct loop *loop)
{
    struct item *item;
    int taken = 0;

    loop_waiters_look(loop);
    while (taken < URGENT_ROUND && (item = queue_pop(loop->urgent))) {
        loop_take_item(loop, item);
        taken++;
    }
    if (taken > 0)
        rest_run(loop->rest); /* what they asked for leaves now */
}

/* At most `most` items of one inbox, so that none starves the others. */
static void drain(struct loop *loop, struct queue *queue, int most)
{
    struct item *item;

    while (most-- > 0) {
        take_urgent(loop);
        item = queue_pop(queue);
        if (!item)
            return;
        loop_take_item(loop, item);
    }
}

static void tell_budget(struct loop *loop)
{
    bool needs_own = engine_needs_reads(loop->engine);

    if (needs_own == loop->needs_own)
        return;
    loop->needs_own = needs_own;
    budget_need_own(loop->config.rest.budget, needs_own);
}

/* What the configuration lacks, scans of earlier runs have missed. */
static void tell_coins(struct loop *loop)
{
    const char *coin;

    while ((coin = engine_option_coin(loop->engine, loop->coins_told))) {
        log_warn("loop: options on %s are traded and --option-coins has it not: scanned in this "
                 "run",
                 coin);
        loop->coins_told++;
    }
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
    struct item *item;

    thread_begin("engine", THREAD_QUICK);
    while (!is_finished(loop)) {
        (void)epoll_wait(loop->epoll, ready, ARRAY_LEN(ready), sleep_ms(loop));
        loop_guard_take(loop);
        drain(loop, loop->internal, 1024);
        rest_run(loop->rest);
        drain(loop, loop->evidence, 256);
        drain(loop, loop->commands, 256);
        rest_run(loop->rest);
        take_time(loop);
        tell_budget(loop);
        tell_coins(loop);
        publish_status(loop);
    }
    rest_destroy(loop->rest); /* what is under way ends as lost: looked up at the next start */
    loop->rest = NULL;
    while ((item = queue_pop(loop->internal)))
        loop_take_item(loop, item);
    loop_feed_simple(loop, EVENT_STOP); /* whoever came to wait since the first one */
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
    event.u.restore.fills = loop_keys(fills);
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

    loop->urgent = queue_create(URGENT_MAX);
    loop->commands = queue_create(COMMANDS_MAX);
    loop->evidence = queue_create(EVIDENCE_MAX);
    loop->internal = queue_create(INTERNAL_MAX);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    loop->traces = calloc(TRACES_MAX, sizeof(*loop->traces));
    if (!loop->traces || !loop->urgent || !loop->commands || !loop->evidence || !loop->internal ||
        loop->epoll < 0 || loop->bell < 0 || !loop_guard_init(loop))
        return error_set(error, ERR_NO_MEMORY, "engine: out of memory or descriptors");
    err = engine_create(&loop->engine, &loop->config.engine);
    if (err)
        return error_set(error, err, "engine: out of memory");
    while (engine_option_coin(loop->engine, loop->coins_told))
        loop->coins_told++;
    err = rest_create(&loop->rest, &loop->config.rest, error);
    if (err)
        return err;
    if (watch(loop, queue_fd(loop->urgent)) || watch(loop, loop->bell) ||
        watch(loop, queue_fd(loop->commands)) || watch(loop, queue_fd(loop->evidence)) ||
        watch(loop, queue_fd(loop->internal)) || watch(loop, rest_fd(loop->rest)))
        return error_set(error, ERR_IO, "engine: epoll failed");
    return ERR_NONE;
}

static void empty(struct queue *queue)
{
    struct item *item;

    while (queue && (item = queue_pop(queue)))
        loop_refuse_item(item, "the bridge is stopping");
}

static void destroy(struct loop *loop)
{
    struct queue *const queues[] = { loop->urgent, loop->commands, loop->evidence, loop->internal };

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
    free(loop->cancels.list);
    free(loop->waiters);
    free(loop->traces);
    loop_guard_deinit(loop);
    if (loop->bell >= 0)
        close(loop->bell);
    if (loop->epoll >= 0)
        close(loop->epoll);
    pthread_mutex_destroy(&loop->status_lock);
    pthread_mutex_destroy(&loop->guard_lock);
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
    loop->bell = -1;
    loop->wall_base_ms = config->wall_base_ms ? config->wall_base_ms : clock_wall_base_ms();
    pthread_mutex_init(&loop->status_lock, NULL);
    pthread_mutex_init(&loop->guard_lock, NULL);
    err = make_parts(loop, error);
    if (err)
        goto fail;
    /* The guard first: whose limits count tells whose orders are counted. */
    err = loop_guard_restore(loop, error);
    if (!err)
        err = journal_restore(config->journal, on_restored, loop, error);
    if (err)
        goto fail;
    CRASH_POINT(RESTORED);
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
    queue_close(loop->urgent);
    queue_close(loop->commands);
    empty(loop->urgent);
    empty(loop->commands);
}

void loop_destroy(struct loop *loop)
{
    if (loop)
        destroy(loop);
}
