/* tests/test_loop_kit.h - the real loop, with its journal, between the test and the simulated
 * exchange. A disk that hangs is a sync that takes its time. Included once by each program that
 * uses it.
 *
 * There is no private stream: what becomes of an order shows in reads, as after a gap.
 */
#pragma once

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "engine/loop.h"
#include "tests/test_sim_client.h"

/* --- the disk --- */

static atomic_int sync_ms; /* each sync takes this much longer */
static atomic_int syncs;

static void sleep_ms(int ms)
{
    struct timespec wait = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

    nanosleep(&wait, NULL);
}

static void hang(void)
{
    const int64_t begin_ms = clock_mono_ms();

    atomic_fetch_add(&syncs, 1);
    while (clock_mono_ms() - begin_ms < atomic_load(&sync_ms))
        sleep_ms(5);
}

/* In front of the C library's, also for SQLite. */
int fdatasync(int fd)
{
    hang();
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    hang();
    return (int)syscall(SYS_fsync, fd);
}

/* --- the rig --- */

static struct {
    char folder[64];
    char path[96];
    char url[64];
    char prefix[32];
    struct clock_sync *clock;
    struct budget *budget;
    struct signer *signer;
    struct journal *journal;
    struct history *history;
    struct loop *loop;
    int ip_limit;
    const struct guard_rules *ceiling;
    unsigned without_batches;
    struct engine_times times;
    /* from the journal's thread */
    atomic_int guard_events;
    pthread_mutex_t lock;
    char guard_json[8192]; /* of the last one */
} rig = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void on_event(uint64_t seq, const char *event, const char *json, size_t json_bytes,
                     int64_t at_ms, void *userdata)
{
    (void)seq;
    (void)at_ms;
    (void)userdata;
    if (strcmp(event, "guard") != 0)
        return;
    pthread_mutex_lock(&rig.lock);
    (void)snprintf(rig.guard_json, sizeof(rig.guard_json), "%.*s", (int)json_bytes, json);
    pthread_mutex_unlock(&rig.lock);
    atomic_fetch_add(&rig.guard_events, 1);
}

static void format_order(struct buffer *out, const struct order *order)
{
    (void)order;
    buffer_add_text(out, "{}");
}

static void format_fill(struct buffer *out, const struct fill *fill)
{
    (void)fill;
    buffer_add_text(out, "{}");
}

static void format_guard(struct buffer *out, const struct guard_state *state, const char *change)
{
    (void)state;
    buffer_add_text(out, "{\"change\":\"");
    buffer_add_text(out, change);
    buffer_add_text(out, "\"}");
}

/* The bridge's part of it, without waiting until it is ready. */
static void loop_up(void)
{
    const struct journal_identity identity = { .env = "sim", .account = "1" };
    struct journal_start start;
    struct error error = { 0 };

    rig.clock = clock_sync_create();
    rig.budget = budget_create(rig.ip_limit);
    ck_assert_int_eq(signer_create_hmac(&rig.signer, KEY, SECRET, &error), ERR_NONE);
    ck_assert_msg(journal_open(&rig.journal, rig.path, &identity, &start, &error) == ERR_NONE, "%s",
                  error.text);
    ck_assert_int_eq(history_start(&rig.history, rig.journal, 1, &error), ERR_NONE);
    (void)snprintf(rig.prefix, sizeof(rig.prefix), "t%s-%d-", start.id, (int)start.run);
    const struct loop_config config = {
        .rest = { .url = rig.url,
                  .signer = rig.signer,
                  .budget = rig.budget,
                  .clock = rig.clock,
                  .recv_window_ms = 5000,
                  .connections_max = 48,
                  .connect_timeout_ms = 5000 },
        .engine = { .times = rig.times,
                    .has_keys = true,
                    .last_seq = start.last_seq,
                    .watermark_ms = start.watermark_ms,
                    .link_prefix = rig.prefix,
                    .guard_ceiling = rig.ceiling },
        .journal = rig.journal,
        .history = rig.history,
        .clock_every_ms = 60000,
        .without_batches = rig.without_batches,
        .format_order = format_order,
        .format_fill = format_fill,
        .format_guard = format_guard,
        .on_event = on_event,
    };
    ck_assert_msg(loop_start(&rig.loop, &config, &error) == ERR_NONE, "%s", error.text);
}

static void loop_down(void)
{
    loop_stop(rig.loop, 300);
    history_stop(rig.history);
    journal_close(rig.journal);
    loop_destroy(rig.loop);
    signer_destroy(rig.signer);
    budget_destroy(rig.budget);
    clock_sync_destroy(rig.clock);
    rig.loop = NULL;
}

#define await(condition, within_ms)                                                                \
    do {                                                                                           \
        int64_t until_ms_ = clock_mono_ms() + (within_ms);                                         \
        while (!(condition) && clock_mono_ms() < until_ms_)                                        \
            sleep_ms(1);                                                                           \
        ck_assert_msg(condition, "did not happen: %s", #condition);                                \
    } while (0)

static bool is_ready(void)
{
    struct engine_status status;

    loop_get_status(rig.loop, &status);
    return status.ready;
}

static void loop_up_and_ready(void)
{
    loop_up();
    loop_on_private(rig.loop, true);
    await(is_ready(), 10000);
}

static void rig_start(bool no_limits)
{
    start_exchange(no_limits);
    (void)snprintf(rig.url, sizeof(rig.url), "http://127.0.0.1:%d", sim_port(sim));
    (void)snprintf(rig.folder, sizeof(rig.folder), "/tmp/bridge-loop-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(rig.folder));
    (void)snprintf(rig.path, sizeof(rig.path), "%s/j/journal.db", rig.folder);
    rig.ip_limit = 100000;
    rig.ceiling = NULL;
    rig.without_batches = 0;
    rig.times = engine_times_default;
    atomic_store(&rig.guard_events, 0);
    atomic_store(&sync_ms, 0);
}

static void rig_stop(void)
{
    char command[128];

    atomic_store(&sync_ms, 0);
    if (rig.loop)
        loop_down();
    teardown();
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", rig.folder);
    ck_assert_int_eq(system(command), 0);
}

/* --- commands and their replies --- */

struct told {
    atomic_bool done;
    int64_t at_ms; /* monotonic */
    int64_t queue_us;
    enum outcome outcome;
    struct order order;
    struct error error;
    bool has_verdict;
    struct guard_verdict verdict;
    struct guard_report *report; /* freed by told_clear */
    atomic_int *sequence;        /* counts answers, where given */
    int number;
};

static void on_told(const struct loop_reply *reply, void *userdata)
{
    struct told *told = userdata;

    told->at_ms = clock_mono_ms();
    told->queue_us = reply->timing.queue_us;
    told->outcome = reply->outcome;
    told->error = reply->error;
    if (reply->has_order)
        told->order = reply->order;
    told->has_verdict = reply->verdict != NULL;
    if (reply->verdict)
        told->verdict = *reply->verdict;
    if (reply->report) {
        told->report = malloc(sizeof(*told->report));
        *told->report = *reply->report;
    }
    if (told->sequence)
        told->number = atomic_fetch_add(told->sequence, 1);
    atomic_store(&told->done, true);
}

static void told_clear(struct told *told)
{
    free(told->report);
    memset(told, 0, sizeof(*told));
}

static struct decimal amount(const char *text)
{
    struct decimal value;

    ck_assert_int_eq(decimal_parse(&value, text), ERR_NONE);
    return value;
}

/* A buy that stays open, worth 500 USD. */
static struct order_request a_buy(void)
{
    struct order_request request = { .category = CATEGORY_LINEAR,
                                     .symbol = "BTCUSDT",
                                     .side = SIDE_BUY,
                                     .type = ORDER_TYPE_LIMIT,
                                     .tif = TIF_GTC,
                                     .qty = amount("0.010"),
                                     .price = amount("50000"),
                                     .trigger_price = DECIMAL_NONE,
                                     .take_profit = DECIMAL_NONE,
                                     .stop_loss = DECIMAL_NONE,
                                     .value_price = amount("50000") };

    return request;
}

static const char *client = ""; /* of the creates to come */

static void ask_create(struct told *told)
{
    const struct guard_facts facts = { .source = GUARD_PRICE_LIMIT, .leverage = DECIMAL_NONE };
    struct order_request request = a_buy();

    (void)snprintf(request.client, sizeof(request.client), "%s", client);
    told_clear(told);
    ck_assert_int_eq(loop_create(rig.loop, &request, &facts, WAIT_ACCEPTED, 0, on_told, told),
                     ERR_NONE);
}

static void create(struct told *told)
{
    ask_create(told);
    await(atomic_load(&told->done), 8000);
}

static UNUSED void create_open(struct told *told)
{
    create(told);
    ck_assert_msg(told->outcome == OUTCOME_ACCEPTED, "outcome %d: %s", (int)told->outcome,
                  told->error.text);
}

static UNUSED void ask_cancel(struct told *told, const char *id)
{
    told_clear(told);
    ck_assert_int_eq(loop_cancel(rig.loop, id, WAIT_ACCEPTED, 0, on_told, told), ERR_NONE);
}

static UNUSED void ask_kill(struct told *told, int within_ms)
{
    told_clear(told);
    ck_assert_int_eq(
        loop_kill(rig.loop, "a test", "http", clock_wall_ms() + within_ms, on_told, told),
        ERR_NONE);
}

static UNUSED void read_guard(struct told *told)
{
    told_clear(told);
    ck_assert_int_eq(loop_guard_read(rig.loop, on_told, told), ERR_NONE);
    await(atomic_load(&told->done), 5000);
    ck_assert_int_eq(told->outcome, OUTCOME_GUARD_DONE);
    ck_assert_ptr_nonnull(told->report);
}

static UNUSED void arm(void)
{
    struct told told = { 0 };

    ck_assert_int_eq(loop_arm(rig.loop, "", "http", on_told, &told), ERR_NONE);
    await(atomic_load(&told.done), 8000);
    ck_assert_int_eq(told.outcome, OUTCOME_GUARD_DONE);
    told_clear(&told);
}

/* {"max_orders_per_minute": 2} */
static UNUSED void patch(const char *text)
{
    static struct guard_patch wanted;
    struct told told = { 0 };
    struct error error = { 0 };
    struct json json;

    ck_assert_int_eq(json_open(&json, text, strlen(text), &error), ERR_NONE);
    ck_assert_msg(guard_read_patch(&wanted, &json, CATEGORY_LINEAR, &error) == ERR_NONE, "%s",
                  error.text);
    ck_assert_int_eq(loop_guard_patch(rig.loop, &wanted, on_told, &told), ERR_NONE);
    await(atomic_load(&told.done), 8000);
    ck_assert_msg(told.outcome == OUTCOME_GUARD_DONE, "outcome %d: %s", (int)told.outcome,
                  told.error.text);
    told_clear(&told);
}

/* How many the exchange has open. */
static UNUSED int open_orders(void)
{
    return list_length("/v5/order/realtime", "category=linear&symbol=BTCUSDT&limit=50");
}

/* The loop's thread stands still from one call to the other. */
static atomic_bool blocked;
static atomic_bool released;

static void on_block(const struct loop_reply *reply, void *userdata)
{
    (void)reply;
    (void)userdata;
    atomic_store(&blocked, true);
    while (!atomic_load(&released))
        sleep_ms(1);
}

static UNUSED void block_loop(void)
{
    atomic_store(&blocked, false);
    atomic_store(&released, false);
    ck_assert_int_eq(loop_watch(rig.loop, "nobody", WAIT_ACCEPTED, 0, on_block, NULL), ERR_NONE);
    await(atomic_load(&blocked), 5000);
}

static void release_loop(void)
{
    atomic_store(&released, true);
}
