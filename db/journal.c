/* The journal's thread: takes all rows that wait as one batch, commits it, and tells. When the file
 * cannot be written, the batch stays as it is and is tried again each second, and what is submitted
 * meanwhile waits behind it. What is committed how, and what a failure leaves behind: db/store.h.
 */
#include "db/journal.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/thread.h"
#include "db/file.h"
#include "db/guard_rows.h"
#include "db/rowlist.h"
#include "db/rows.h"
#include "db/runs.h"
#include "db/statement.h"
#include "db/store.h"

#define WAITING_ROWS_MAX  65536
#define WAITING_BYTES_MAX (64U << 20)
#define RETRY_EVERY_MS    1000
#define STOP_WITHIN_MS    2000

struct journal {
    int lock_file;
    struct journal_callbacks callbacks;
    void *userdata;
    int retry_every_ms;
    pthread_t thread;
    bool started;

    /* the submitting thread's */
    uint64_t submitted_position;
    uint64_t submitted_seq;

    /* the journal's thread's; before it starts and after it ended, the caller's */
    struct store store;

    pthread_mutex_t lock;
    pthread_cond_t work; /* something for the journal's thread */
    pthread_cond_t done; /* `committed` grew */
    struct rowlist waiting;
    size_t held_rows; /* waiting, and in the batch */
    size_t held_bytes;
    uint64_t committed;
    uint64_t epoch;
    int64_t ban_until_ms; /* to be noted; 0: nothing is */
    int64_t ban_noted_ms; /* the latest end that is, or is about to be, in the file */
    bool stopping;
    bool down;
    int64_t retry_at_ms;
    int64_t stop_by_ms;
    int64_t last_commit_us;
    int64_t last_commit_ms;
    int64_t waiting_since_us; /* of the oldest row there; 0: none */
    int64_t batch_since_us;
    struct metrics *metrics;
};

/* --- open --- */

static enum err init_locks(struct journal *journal)
{
    pthread_condattr_t attributes;

    if (pthread_condattr_init(&attributes) != 0)
        return ERR_NO_MEMORY;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&journal->lock, NULL);
    pthread_cond_init(&journal->work, &attributes);
    pthread_cond_init(&journal->done, &attributes);
    pthread_condattr_destroy(&attributes);
    return ERR_NONE;
}

/* What the file held is for an exchange that is gone; what the guard was told was not told to the
 * exchange, and stays. The file's identity has been checked by the first opening. */
static enum err open_again_empty(struct journal *journal, const struct journal_identity *identity,
                                 int64_t last_run, struct error *error)
{
    char *path;
    char *guard = NULL;
    enum err err;

    assert(strcmp(identity->env, "sim") ==
           0); /* anywhere else it would forget links of real orders */
    err = guard_rows_read(journal->store.writer.db, &guard, error);
    if (err)
        return err;
    path = strdup(journal->store.path);
    store_close(&journal->store);
    err =
        path ? file_empty(path, error) : error_set(error, ERR_NO_MEMORY, "journal: out of memory");
    if (err)
        free(path);
    else
        err = store_open(&journal->store, path, identity, last_run, error);
    if (!err && guard)
        err = guard_rows_write(journal->store.writer.db, guard, error);
    free(guard);
    return err;
}

static enum err open_file(struct journal *journal, const char *path,
                          const struct journal_identity *identity, struct error *error)
{
    char *real_path = NULL;
    int64_t last_run = 0;
    enum err err = file_resolve(&real_path, path, error);

    if (!err)
        err = file_lock(&journal->lock_file, real_path, &last_run, error);
    if (!err)
        err = file_create(real_path, error);
    if (err) {
        free(real_path);
        return err;
    }
    err = store_open(&journal->store, real_path, identity, last_run, error);
    if (!err && identity->start_fresh && !journal->store.start.fresh)
        err = open_again_empty(journal, identity, last_run, error);
    if (!err)
        file_note_run(journal->lock_file, journal->store.start.run);
    return err;
}

static void destroy(struct journal *journal)
{
    rowlist_clear(&journal->waiting);
    store_close(&journal->store);
    if (journal->lock_file >= 0)
        close(journal->lock_file);
    pthread_cond_destroy(&journal->done);
    pthread_cond_destroy(&journal->work);
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}

enum err journal_open(struct journal **out, const char *path,
                      const struct journal_identity *identity, struct journal_start *start,
                      struct error *error)
{
    struct journal *journal = calloc(1, sizeof(*journal));
    enum err err;

    if (!journal || init_locks(journal)) {
        free(journal);
        return error_set(error, ERR_NO_MEMORY, "journal: out of memory");
    }
    journal->lock_file = -1;
    journal->retry_every_ms = RETRY_EVERY_MS;
    err = open_file(journal, path, identity, error);
    if (err) {
        destroy(journal);
        return err;
    }
    journal->epoch = journal->store.epoch;
    journal->submitted_seq = journal->store.start.last_seq;
    if (journal->store.start.banned_ms > 0)
        journal->ban_noted_ms = clock_mono_ms() + journal->store.start.banned_ms;
    *start = journal->store.start;
    *out = journal;
    return ERR_NONE;
}

const char *journal_path(const struct journal *journal)
{
    return journal->store.path;
}

/* --- restore --- */

/* Calls back for the order that `orders` stands on. */
static enum err restore_one(sqlite3_stmt *orders, sqlite3_stmt *keys,
                            void (*on_order)(const struct order *order,
                                             const struct journal_fill_key *fills,
                                             size_t fills_count, void *userdata),
                            void *userdata, struct error *error)
{
    struct order order;
    struct journal_fill_key *fills = NULL;
    size_t fills_count = 0;
    enum err err = rows_read_order(orders, &order, NULL, error);

    if (!err)
        err = rows_fill_keys(keys, order.request.category, order.order_id, &fills, &fills_count,
                             error);
    if (!err)
        on_order(&order, fills, fills_count, userdata);
    free(fills);
    return err;
}

enum err journal_restore(struct journal *journal,
                         void (*on_order)(const struct order *order,
                                          const struct journal_fill_key *fills, size_t fills_count,
                                          void *userdata),
                         void *userdata, struct error *error)
{
    struct writer *writer = &journal->store.writer;
    char sql[ROWS_SQL_MAX];
    sqlite3_stmt *orders = NULL;
    bool row = false;
    enum err err = db_prepare(&orders, writer->db,
                              rows_select_orders(sql, "WHERE final=0 ORDER BY id"), error);

    while (!err) {
        err = db_next(orders, &row, "orders", error);
        if (err || !row)
            break;
        err = restore_one(orders, writer->statements[W_FILL_KEYS], on_order, userdata, error);
    }
    sqlite3_finalize(orders);
    return err;
}

enum err journal_guard(struct journal *journal, char **text, struct error *error)
{
    return guard_rows_read(journal->store.writer.db, text, error);
}

enum err journal_recent_creates(struct journal *journal, int64_t now_ms, int64_t window_ms,
                                void (*on_create)(int64_t at_ms, const char *client,
                                                  void *userdata),
                                void *userdata, struct error *error)
{
    return runs_creates(journal->store.writer.db, now_ms, window_ms, on_create, userdata, error);
}

/* --- the journal's thread: one commit --- */

static int is_stopping(void *userdata)
{
    struct journal *journal = userdata;
    bool stopping;

    pthread_mutex_lock(&journal->lock);
    stopping = journal->stopping;
    pthread_mutex_unlock(&journal->lock);
    return stopping;
}

static void go_down(struct journal *journal, const struct error *error)
{
    bool was_down;

    store_give_up(&journal->store);
    pthread_mutex_lock(&journal->lock);
    was_down = journal->down;
    journal->down = true;
    journal->retry_at_ms = clock_mono_ms() + journal->retry_every_ms;
    pthread_mutex_unlock(&journal->lock);
    if (was_down)
        return;
    log_error("%s; no orders are taken until it can be written", error->text);
    journal->callbacks.on_down(true, error, journal->userdata);
}

/* Beside rows, a commit can be a sync of what was committed without one. */
static void count_commit(const struct journal *journal, int64_t took_us, bool synced)
{
    struct metrics *metrics = journal->metrics;

    if (!metrics)
        return;
    metrics_observe(&metrics->journal.commits[synced], took_us);
    metrics_count_n(&metrics->journal.rows, journal->store.batch.count);
}

static void note_commit(struct journal *journal, int64_t took_us)
{
    const struct rowlist *batch = &journal->store.batch;
    bool was_down;

    pthread_mutex_lock(&journal->lock);
    was_down = journal->down;
    journal->down = false;
    journal->epoch = journal->store.epoch;
    journal->held_rows -= batch->count;
    journal->held_bytes -= batch->bytes;
    journal->batch_since_us = 0;
    if (batch->head) {
        journal->last_commit_us = took_us;
        journal->last_commit_ms = clock_wall_ms();
        journal->committed = batch->tail->position;
        pthread_cond_broadcast(&journal->done);
    }
    pthread_mutex_unlock(&journal->lock);
    if (!was_down)
        return;
    log_info("journal: can be written again");
    journal->callbacks.on_down(false, &(struct error){ 0 }, journal->userdata);
}

static void show(struct journal *journal)
{
    const struct store *store = &journal->store;

    for (const struct journal_row *row = store->batch.head; row; row = row->next) {
        if (row->seq)
            journal->callbacks.on_event(row->seq, row->event, row->json, row->json_bytes,
                                        row->at_ms, journal->userdata);
        CRASH_POINT_IF(row->seq, EVENT_SHOWN);
    }
    CRASH_POINT_IF(store->batch.tail, COMMIT_TELL);
    if (store->batch.tail)
        journal->callbacks.on_committed(store->batch.tail->position, store->known.list,
                                        store->known.count, journal->userdata);
    CRASH_POINT_IF(store->batch.tail, COMMIT_TOLD);
}

/* Commits the batch (or, when there is none, syncs) and tells. The batch stays when that fails. */
static void write_turn(struct journal *journal, bool reopen)
{
    struct error error = { 0 };
    int64_t began_us;
    int64_t took_us;
    bool synced = false;
    enum err err = ERR_NONE;

    if (reopen)
        err = store_reopen(&journal->store, is_stopping, journal, &error);
    began_us = clock_mono_us(); /* a reopen, which checks the whole file, is no commit's time */
    if (!err)
        err = store_commit(&journal->store, &synced, &error);
    if (err) {
        if (journal->metrics)
            metrics_count(&journal->metrics->journal.failures);
        go_down(journal, &error);
        return;
    }
    CRASH_POINT_IF(synced, COMMITTED_SYNCED);
    CRASH_POINT_IF(!synced, COMMITTED_UNSYNCED);
    took_us = clock_mono_us() - began_us;
    count_commit(journal, took_us, synced);
    note_commit(journal, took_us);
    show(journal);
    store_let_go(&journal->store, synced);
    store_bound_wal(&journal->store);
}

static int64_t take_ban(struct journal *journal)
{
    int64_t until_ms;

    pthread_mutex_lock(&journal->lock);
    until_ms = journal->ban_until_ms;
    if (until_ms)
        journal->ban_noted_ms = until_ms;
    journal->ban_until_ms = 0;
    pthread_mutex_unlock(&journal->lock);
    return until_ms;
}

/* It is noted once the file can be written again. */
static void put_back_ban(struct journal *journal, int64_t until_ms)
{
    pthread_mutex_lock(&journal->lock);
    if (until_ms > journal->ban_until_ms)
        journal->ban_until_ms = until_ms;
    pthread_mutex_unlock(&journal->lock);
}

static enum err note_ban(struct journal *journal, struct error *error)
{
    char text[RUNS_BAN_TEXT_MAX];
    int64_t until_ms = take_ban(journal);
    enum err err;

    if (until_ms == 0)
        return ERR_NONE;
    runs_ban_write(text, until_ms);
    err = store_set_meta(&journal->store, "ban", text, error);
    if (err)
        put_back_ban(journal, until_ms);
    return err;
}

static void note_turn(struct journal *journal)
{
    struct error error = { 0 };

    if (note_ban(journal, &error))
        go_down(journal, &error);
}

/* --- the journal's thread: turns --- */

enum turn { TURN_WRITE, TURN_NOTE, TURN_REOPEN, TURN_SYNC, TURN_CHECKPOINT, TURN_STOP };

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Waits on `condition` until about `until_ms` of clock_mono_ms. That clock counts a suspend, the
 * condition's does not: after one we wait longer than meant. Callers look at the time again. */
static void wait_until(struct journal *journal, pthread_cond_t *condition, int64_t until_ms)
{
    struct timespec at;
    int64_t wait_ms = until_ms - clock_mono_ms();

    if (until_ms == INT64_MAX) {
        pthread_cond_wait(condition, &journal->lock);
        return;
    }
    if (wait_ms <= 0)
        return;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += wait_ms / 1000;
    at.tv_nsec += wait_ms % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(condition, &journal->lock, &at);
}

/* The two below give the turn, or when to look again (false). The lock is held. */
static bool choose_when_down(struct journal *journal, enum turn *turn, int64_t *again_ms)
{
    int64_t now = clock_mono_ms();

    if (now >= journal->retry_at_ms) {
        *turn = TURN_REOPEN;
        return true;
    }
    if (journal->stopping && now >= journal->stop_by_ms) {
        *turn = TURN_STOP;
        return true;
    }
    *again_ms = journal->retry_at_ms;
    if (journal->stopping)
        *again_ms = earlier(*again_ms, journal->stop_by_ms);
    return false;
}

static bool choose_when_up(struct journal *journal, enum turn *turn, int64_t *again_ms)
{
    int64_t now = clock_mono_ms();
    int64_t sync_at = store_sync_at(&journal->store);
    int64_t checkpoint_at = store_checkpoint_at(&journal->store);

    if (journal->waiting.head)
        *turn = TURN_WRITE;
    else if (journal->ban_until_ms)
        *turn = TURN_NOTE;
    else if (journal->stopping)
        *turn = TURN_STOP;
    else if (now >= sync_at)
        *turn = TURN_SYNC;
    else if (now >= checkpoint_at)
        *turn = TURN_CHECKPOINT;
    else {
        *again_ms = earlier(sync_at, checkpoint_at);
        return false;
    }
    return true;
}

static enum turn next_turn(struct journal *journal)
{
    enum turn turn = TURN_STOP;
    int64_t again_ms = 0;

    pthread_mutex_lock(&journal->lock);
    while (journal->down ? !choose_when_down(journal, &turn, &again_ms)
                         : !choose_when_up(journal, &turn, &again_ms))
        wait_until(journal, &journal->work, again_ms);
    if (turn == TURN_WRITE) {
        if (!journal->batch_since_us) /* else the batch of a commit that failed */
            journal->batch_since_us = journal->waiting_since_us;
        journal->waiting_since_us = 0;
        rowlist_append(&journal->store.batch, &journal->waiting);
        CRASH_POINT(ROWS_TAKEN);
    }
    pthread_mutex_unlock(&journal->lock);
    return turn;
}

static void *run(void *userdata)
{
    struct journal *journal = userdata;

    thread_begin("journal", THREAD_PLAIN);
    for (;;) {
        switch (next_turn(journal)) {
        case TURN_WRITE:
        case TURN_SYNC: /* the batch is empty */
            write_turn(journal, false);
            break;
        case TURN_NOTE:
            note_turn(journal);
            break;
        case TURN_REOPEN:
            write_turn(journal, true);
            break;
        case TURN_CHECKPOINT:
            store_checkpoint(&journal->store);
            break;
        case TURN_STOP:
            return NULL;
        }
    }
}

enum err journal_start_thread(struct journal *journal, const struct journal_callbacks *callbacks,
                              void *userdata, struct error *error)
{
    int code;

    journal->callbacks = *callbacks;
    journal->userdata = userdata;
    code = pthread_create(&journal->thread, NULL, run, journal);
    if (code != 0)
        return error_set(error, ERR_UNAVAILABLE, "journal: no thread: %s", strerrordesc_np(code));
    journal->started = true;
    return ERR_NONE;
}

void journal_set_retry(struct journal *journal, int every_ms)
{
    journal->retry_every_ms = every_ms;
}

void journal_set_metrics(struct journal *journal, struct metrics *metrics)
{
    journal->metrics = metrics;
}

/* --- other threads --- */

/* Numbers that skip or repeat would be our own mistake, and fatal for whoever resumes by them.
 * Gives the last ones. */
static void check_numbers(const struct rowlist *list, uint64_t *position, uint64_t *seq)
{
    for (const struct journal_row *row = list->head; row; row = row->next) {
        const struct order *order = &row->u.order;

        assert(row->position > *position);
        *position = row->position;
        assert(row->kind != JOURNAL_INTENT ||
               (row->seq == 0 && !order->order_id[0] && order->request.link[0]));
        if (row->seq == 0)
            continue;
        assert(row->seq == *seq + 1 && row->event && row->json);
        *seq = row->seq;
    }
}

enum err journal_submit(struct journal *journal, struct journal_row *rows)
{
    struct rowlist list = rowlist_of(rows);
    uint64_t position = journal->submitted_position;
    uint64_t seq = journal->submitted_seq;
    bool fits;

    check_numbers(&list, &position, &seq);
    pthread_mutex_lock(&journal->lock);
    fits = journal->held_rows + list.count <= WAITING_ROWS_MAX &&
           journal->held_bytes + list.bytes <= WAITING_BYTES_MAX;
    if (fits) {
        journal->held_rows += list.count;
        journal->held_bytes += list.bytes;
        if (!journal->waiting.head)
            journal->waiting_since_us = clock_mono_us();
        rowlist_append(&journal->waiting, &list);
        pthread_cond_signal(&journal->work);
    }
    pthread_mutex_unlock(&journal->lock);
    if (!fits)
        return ERR_BUSY;
    journal->submitted_position = position;
    journal->submitted_seq = seq;
    return ERR_NONE;
}

void journal_note_ban(struct journal *journal, int64_t until_ms)
{
    pthread_mutex_lock(&journal->lock);
    if (until_ms > journal->ban_until_ms && until_ms > journal->ban_noted_ms)
        journal->ban_until_ms = until_ms;
    pthread_cond_signal(&journal->work);
    pthread_mutex_unlock(&journal->lock);
}

enum err journal_wait(struct journal *journal, uint64_t position, int timeout_ms)
{
    int64_t until_ms = clock_mono_ms() + timeout_ms;
    bool there;

    pthread_mutex_lock(&journal->lock);
    while (journal->committed < position && clock_mono_ms() < until_ms)
        wait_until(journal, &journal->done, until_ms);
    there = journal->committed >= position;
    pthread_mutex_unlock(&journal->lock);
    return there ? ERR_NONE : ERR_UNAVAILABLE;
}

static int64_t bytes_of(const char *path, const char *ending)
{
    char name[4096];
    struct stat info;

    (void)snprintf(name, sizeof(name), "%s%s", path, ending);
    return stat(name, &info) == 0 ? (int64_t)info.st_size : 0;
}

void journal_get_status(struct journal *journal, struct journal_status *out)
{
    const char *path = journal->store.path;
    int64_t since_us;

    *out = (struct journal_status){ .path = path,
                                    .file_bytes = bytes_of(path, "") + bytes_of(path, "-wal") };
    pthread_mutex_lock(&journal->lock);
    out->committed = journal->committed;
    out->waiting_rows = journal->held_rows;
    out->down = journal->down;
    out->last_commit_us = journal->last_commit_us;
    out->last_commit_ms = journal->last_commit_ms;
    since_us = journal->batch_since_us ? journal->batch_since_us : journal->waiting_since_us;
    out->epoch = journal->epoch;
    pthread_mutex_unlock(&journal->lock);
    if (since_us)
        out->lag_ms = (clock_mono_us() - since_us) / 1000;
}

uint64_t journal_epoch(struct journal *journal)
{
    uint64_t epoch;

    pthread_mutex_lock(&journal->lock);
    epoch = journal->epoch;
    pthread_mutex_unlock(&journal->lock);
    return epoch;
}

/* --- close --- */

static void stop_thread(struct journal *journal)
{
    if (!journal->started)
        return;
    pthread_mutex_lock(&journal->lock);
    journal->stopping = true;
    journal->stop_by_ms = clock_mono_ms() + STOP_WITHIN_MS;
    journal->retry_at_ms = 0; /* when down: one try at once */
    pthread_cond_signal(&journal->work);
    pthread_mutex_unlock(&journal->lock);
    pthread_join(journal->thread, NULL);
}

/* A start that failed has had no thread to note it. */
static void note_at_end(struct journal *journal)
{
    struct error error = { 0 };

    if (journal->store.writer.db && note_ban(journal, &error))
        log_warn("%s; the ban is not noted", error.text);
}

void journal_close(struct journal *journal)
{
    if (!journal)
        return;
    stop_thread(journal);
    note_at_end(journal);
    if (journal->held_rows > 0)
        log_error("journal: %zu rows could not be written before the stop", journal->held_rows);
    else
        store_stop_cleanly(&journal->store);
    destroy(journal);
}
