/* db/store.h - the batch being written, what is written and not yet synced, and how both survive a
 * failing file.
 *
 *   batch --store_commit--> shown by the caller --store_let_go--> freed (synced), or
 *                                                              unsynced, until the next synced
 * commit a commit failed: store_give_up; later store_reopen, and store_commit writes what the file
 * lacks.
 *
 * A commit that failed may be in the file all the same (the frames were written, the sync failed,
 * and the next opening found them). So each transaction notes its position, and after a reopen only
 * rows above the noted one are written: an intent then never meets itself as a known link. Unsynced
 * rows are kept because a failing disk can lose them while we run.
 *
 * Threads: one owner at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "db/journal.h"
#include "db/rowlist.h"
#include "db/writer.h"

struct store {
    char *path; /* owned */
    struct journal_start start;
    uint64_t epoch; /* as in `start`, or above */
    struct writer writer;
    struct rowlist batch;      /* the owner fills it */
    struct writer_known known; /* of the batch, as of the last try */
    struct rowlist unsynced;
    int64_t unsynced_since_ms;
    int64_t last_write_ms;
    int64_t no_checkpoint_before_ms;
    uint64_t synced_position;
    uint64_t written_position; /* synced or not */
    uint64_t file_position;    /* while recovering: what the file holds */
    bool recovering;           /* the next commit brings the file up to date */
    bool check_owed;           /* an I/O error: look at the whole file before trusting it again */
};

/* `path` is malloc'ed and handed over, also on failure. The file exists and is locked; `last_run`
 * as of meta_begin_run. */
MUST_CHECK enum err store_open(struct store *store, char *path,
                               const struct journal_identity *identity, int64_t last_run,
                               struct error *error);
/* Frees all, also what was not written. */
void store_close(struct store *store);

/* Commits the batch, or, when it is empty, syncs what is unsynced. `*synced`: the disk has it. */
MUST_CHECK enum err store_commit(struct store *store, bool *synced, struct error *error);
/* Writes one word of meta, synced; between commits. After a failure the file is to be given up. */
MUST_CHECK enum err store_set_meta(struct store *store, const char *key, const char *value,
                                   struct error *error);
/* After store_commit and after the rows were shown. */
void store_let_go(struct store *store, bool synced);
/* After a failed commit: closes the file. */
void store_give_up(struct store *store);
/* Opens the file again, checks that it is whole and still ours. `is_stopping` ends a long check. */
MUST_CHECK enum err store_reopen(struct store *store, int (*is_stopping)(void *userdata),
                                 void *userdata, struct error *error);

/* When unsynced rows want a sync; INT64_MAX: there are none. Times are clock_mono_ms. */
int64_t store_sync_at(const struct store *store);
/* When a checkpoint is worth it, should nothing be written until then; INT64_MAX: never. */
int64_t store_checkpoint_at(const struct store *store);
/* The one for a pause. */
void store_checkpoint(struct store *store);
/* The one that cannot wait, if it is due. */
void store_bound_wal(struct store *store);

/* Notes the clean stop and empties the WAL; nothing may be left to write. A failure is logged: the
 * next start is then one after an unclean stop. */
void store_stop_cleanly(struct store *store);
