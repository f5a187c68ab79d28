#include "db/store.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "db/meta.h"
#include "db/migrations.h"
#include "db/statement.h"

#define UNSYNCED_ROWS_MAX   8192 /* more: the next batch is synced */
#define UNSYNCED_BYTES_MAX  (16U << 20)
#define SYNC_WITHIN_MS      200
#define WAL_SMALL_BYTES     (4 << 20)  /* a checkpoint is worth a short pause */
#define WAL_LARGE_BYTES     (64 << 20) /* a checkpoint in any case */
#define SHORT_PAUSE_MS      20
#define LONG_PAUSE_MS       2000
#define CHECKPOINT_APART_MS 5000 /* after one that could not finish */
#define RESTART_PATIENCE_MS 500  /* longer than the longest read */
#define WRITE_PATIENCE_MS   1000

enum err store_open(struct store *store, char *path, const struct journal_identity *identity,
                    int64_t last_run, struct error *error)
{
    enum err err;

    memset(store, 0, sizeof(*store));
    store->path = path;
    store->last_write_ms = clock_mono_ms();
    err = writer_open(&store->writer, path, error);
    if (!err)
        err = migrations_run(store->writer.db, error);
    if (!err)
        err = meta_begin_run(store->writer.db, identity, last_run, &store->start, error);
    CRASH_POINT_IF(!err, RUN_BEGUN);
    if (!err)
        err = writer_prepare(&store->writer, error);
    if (err)
        return err;
    writer_set_patience(&store->writer, WRITE_PATIENCE_MS);
    store->epoch = store->start.epoch;
    return ERR_NONE;
}

void store_close(struct store *store)
{
    rowlist_clear(&store->batch);
    rowlist_clear(&store->unsynced);
    writer_known_clear(&store->known);
    writer_close(&store->writer);
    free(store->path);
    store->path = NULL;
}

/* --- commit --- */

/* What must be on the disk before it is acted upon. */
static bool batch_is_urgent(const struct rowlist *batch)
{
    for (const struct journal_row *row = batch->head; row; row = row->next) {
        if (row->kind == JOURNAL_INTENT || row->kind == JOURNAL_RETRY ||
            row->kind == JOURNAL_AMEND || row->kind == JOURNAL_GUARD)
            return true;
    }
    return false;
}

static bool needs_sync(const struct store *store)
{
    const struct rowlist *batch = &store->batch;
    const struct rowlist *unsynced = &store->unsynced;

    return store->recovering || !batch->head || batch_is_urgent(batch) ||
           unsynced->count + batch->count > UNSYNCED_ROWS_MAX ||
           unsynced->bytes + batch->bytes > UNSYNCED_BYTES_MAX ||
           (unsynced->head && clock_mono_ms() - store->unsynced_since_ms >= SYNC_WITHIN_MS);
}

/* When recovering, what the file holds is left out. */
static enum err add_rows(struct store *store, const struct rowlist *list,
                         struct writer_known *known, struct error *error)
{
    enum err err = ERR_NONE;

    for (const struct journal_row *row = list->head; row && !err; row = row->next) {
        if (!store->recovering || row->position > store->file_position)
            err = writer_add(&store->writer, row, known, error);
    }
    return err;
}

/* The file lacks rows that were synced and are no longer in memory: event numbers up to now may
 * mean something else. */
static enum err raise_epoch(struct store *store, uint64_t *epoch, struct error *error)
{
    if (!store->recovering || store->file_position >= store->synced_position)
        return ERR_NONE;
    *epoch = meta_next_epoch(*epoch);
    log_error("journal: the file lost rows that were synced: new epoch of event ids");
    return meta_set_integer(store->writer.db, "epoch", (int64_t)*epoch, error);
}

/* All rows of a transaction. What an earlier try found to be known is replaced only now that this
 * one got as far: should that try turn out to be in the file, its findings are the ones that count.
 */
static enum err write_rows(struct store *store, uint64_t last, struct error *error)
{
    struct writer_known known = { 0 };
    enum err err = ERR_NONE;

    if (store->recovering)
        err = add_rows(store, &store->unsynced, &known, error);
    if (!err)
        err = add_rows(store, &store->batch, &known, error);
    if (err || (store->recovering && store->file_position >= last)) {
        writer_known_clear(&known);
        return err;
    }
    writer_known_clear(&store->known);
    store->known = known;
    return ERR_NONE;
}

enum err store_commit(struct store *store, bool *synced, struct error *error)
{
    uint64_t last = store->batch.tail ? store->batch.tail->position : store->written_position;
    uint64_t epoch = store->epoch;
    bool sync = needs_sync(store);
    enum err err = writer_begin(&store->writer, sync, error);

    CRASH_POINT_IF(!err && sync, BEGUN_SYNCED);
    CRASH_POINT_IF(!err && !sync, BEGUN_UNSYNCED);
    if (!err)
        err = raise_epoch(store, &epoch, error);
    if (!err)
        err = write_rows(store, last, error);
    CRASH_POINT_IF(!err, ROWS_WRITTEN);
    if (!err)
        err = writer_commit(&store->writer, last, error);
    if (err) {
        writer_rollback(&store->writer);
        return err;
    }
    store->epoch = epoch;
    store->recovering = false;
    store->written_position = last;
    if (sync)
        store->synced_position = last;
    store->last_write_ms = clock_mono_ms();
    *synced = sync;
    return ERR_NONE;
}

enum err store_set_meta(struct store *store, const char *key, const char *value,
                        struct error *error)
{
    enum err err = writer_begin(&store->writer, true, error);

    if (!err)
        err = meta_set_text(store->writer.db, key, value, error);
    if (!err)
        err = db_run(store->writer.statements[W_COMMIT], "commit", error);
    if (err)
        writer_rollback(&store->writer);
    return err;
}

void store_let_go(struct store *store, bool synced)
{
    writer_known_clear(&store->known);
    if (synced) {
        rowlist_clear(&store->unsynced);
        rowlist_clear(&store->batch);
        return;
    }
    if (!store->unsynced.head)
        store->unsynced_since_ms = clock_mono_ms();
    rowlist_append(&store->unsynced, &store->batch);
}

/* --- a failing file --- */

/* Full and locked say nothing against the file; a failure of the disk does. */
static bool is_suspicious(int code)
{
    code &= 0xff;
    return code != SQLITE_OK && code != SQLITE_FULL && code != SQLITE_BUSY && code != SQLITE_LOCKED;
}

void store_give_up(struct store *store)
{
    if (store->writer.db && is_suspicious(store->writer.failure))
        store->check_owed = true;
    writer_close(&store->writer);
}

/* Reads the whole file, and writes all of the WAL into it: a page whose sync failed once may count
 * as clean in the system's cache, and only writing it again makes the next sync mean something. */
static enum err check_file(struct store *store, int (*is_stopping)(void *userdata), void *userdata,
                           struct error *error)
{
    sqlite3 *db = store->writer.db;
    sqlite3_stmt *statement;
    bool row = false;
    bool complete = false;
    enum err err = db_prepare(&statement, db, "PRAGMA quick_check(1)", error);

    if (err)
        return err;
    sqlite3_progress_handler(db, 100000, is_stopping, userdata);
    err = db_next(statement, &row, "quick_check", error);
    if (!err && (!row || strcmp(column_word(statement, 0), "ok") != 0))
        err = error_set(
            error, ERR_IO,
            "journal: the file is damaged: stop, keep a copy, restore a backup or start a new one");
    sqlite3_finalize(statement);
    sqlite3_progress_handler(db, 0, NULL, NULL);
    if (!err)
        err = writer_checkpoint(&store->writer, SQLITE_CHECKPOINT_FULL, &complete, error);
    if (!err && !complete)
        err = error_set(error, ERR_IO, "journal: a reader is in the way of a check");
    return err;
}

/* It must still be our file, in our run: the lock file could have been deleted, or the file
 * replaced. */
static enum err check_same_run(struct store *store, struct error *error)
{
    char id[sizeof(store->start.id)];
    int64_t run = 0;
    int64_t position = 0;
    sqlite3 *db = store->writer.db;
    enum err err = meta_text(db, "id", id, sizeof(id), error);

    if (!err)
        err = db_integer(db, "SELECT run FROM progress", &run, error);
    if (!err)
        err = db_integer(db, "SELECT position FROM progress", &position, error);
    if (err)
        return err;
    if (strcmp(id, store->start.id) != 0 || run != store->start.run)
        return error_set(
            error, ERR_IO,
            "journal: another file or another bridge took this one's place: put the file back, or "
            "restart");
    store->file_position = (uint64_t)position;
    return ERR_NONE;
}

enum err store_reopen(struct store *store, int (*is_stopping)(void *userdata), void *userdata,
                      struct error *error)
{
    enum err err;

    writer_close(&store->writer);
    err = writer_open(&store->writer, store->path, error);
    if (!err && store->check_owed)
        err = check_file(store, is_stopping, userdata, error);
    if (!err)
        err = check_same_run(store, error);
    if (!err)
        err = writer_prepare(&store->writer, error);
    if (err)
        return err;
    store->check_owed = false;
    store->recovering = true;
    return ERR_NONE;
}

/* --- syncs and checkpoints in pauses --- */

static int64_t wal_bytes(const struct store *store)
{
    return store->writer.wal_pages * store->writer.page_bytes;
}

int64_t store_sync_at(const struct store *store)
{
    return store->unsynced.head ? store->unsynced_since_ms + SYNC_WITHIN_MS : INT64_MAX;
}

int64_t store_checkpoint_at(const struct store *store)
{
    int64_t pause_ms = wal_bytes(store) >= WAL_SMALL_BYTES ? SHORT_PAUSE_MS : LONG_PAUSE_MS;
    int64_t at = store->last_write_ms + pause_ms;

    if (wal_bytes(store) == 0)
        return INT64_MAX;
    return at < store->no_checkpoint_before_ms ? store->no_checkpoint_before_ms : at;
}

static void checkpoint(struct store *store, int mode)
{
    struct error error = { 0 };
    bool complete = false;
    enum err err;

    writer_set_patience(&store->writer, RESTART_PATIENCE_MS);
    CRASH_POINT(CHECKPOINT_BEGUN);
    err = writer_checkpoint(&store->writer, mode, &complete, &error);
    writer_set_patience(&store->writer, WRITE_PATIENCE_MS);
    CRASH_POINT_IF(!err, CHECKPOINT_DONE);
    if (err)
        log_warn("%s", error.text);
    store->no_checkpoint_before_ms = complete ? 0 : clock_mono_ms() + CHECKPOINT_APART_MS;
}

void store_checkpoint(struct store *store)
{
    checkpoint(store, SQLITE_CHECKPOINT_PASSIVE);
}

void store_bound_wal(struct store *store)
{
    if (wal_bytes(store) >= WAL_LARGE_BYTES && clock_mono_ms() >= store->no_checkpoint_before_ms)
        checkpoint(store, SQLITE_CHECKPOINT_RESTART);
}

/* --- stop --- */

static enum err note_clean_stop(struct store *store, struct error *error)
{
    struct writer *writer = &store->writer;
    enum err err = writer_begin(writer, true, error);

    if (!err)
        err = meta_set_integer(writer->db, "last_shown_seq", (int64_t)writer->committed_seq, error);
    if (!err)
        err = meta_set_text(writer->db, "clean_stop", "1", error);
    if (!err)
        err = writer_commit(writer, store->written_position, error);
    if (err)
        writer_rollback(writer);
    return err;
}

void store_stop_cleanly(struct store *store)
{
    struct error error = { 0 };
    bool complete = false;
    enum err err;

    if (!store->writer.db)
        return;
    err = note_clean_stop(store, &error);
    if (err) {
        log_warn("%s; this stop does not count as clean", error.text);
        return;
    }
    CRASH_POINT(STOP_NOTED);
    err = writer_checkpoint(&store->writer, SQLITE_CHECKPOINT_TRUNCATE, &complete, &error);
    CRASH_POINT_IF(!err, STOP_DONE);
    if (err)
        log_warn("%s", error.text);
    else /* The last connection may take the then empty WAL away. */
        sqlite3_db_config(store->writer.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
}
