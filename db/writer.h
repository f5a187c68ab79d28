/* db/writer.h - the one writing connection: its statements, and a transaction of rows. No thread,
 * no queue: see journal.c.
 *
 * A failed call leaves the transaction open for writer_rollback, after which the connection is as
 * before, or unusable: journal.c then closes and opens it again.
 *
 * Threads: one owner at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"
#include "db/chain.h"
#include "db/journal.h"

enum writer_statement {
    W_BEGIN,
    W_COMMIT,
    W_PROGRESS,
    W_INSERT_ORDER,
    W_UPDATE_BY_LINK,
    W_UPDATE_BY_ID,
    W_DELETE_ORDER,
    W_FIND_BY_LINK,
    W_FIND_BY_ORDER_ID,
    W_ORDER_BY_LINK,
    W_FILL_KEYS,
    W_INSERT_FILL,
    W_INSERT_EVENT,
    W_SET_GUARD,
    W_INSERT_RETRY,
    W_DELETE_RETRIES,
    W_SET_NATIVE,
    W_DELETE_NATIVE,
    W_COUNT
};

struct writer {
    sqlite3 *db; /* NULL: closed */
    sqlite3_stmt *statements[W_COUNT];
    struct chain chain; /* as of the rows written, committed or not */
    uint64_t committed_seq;
    unsigned char committed_hash[CHAIN_HASH_BYTES];
    bool full;     /* what PRAGMA synchronous is now: FULL or NORMAL */
    int wal_pages; /* in the WAL that no checkpoint has taken */
    int64_t page_bytes;
    int failure; /* SQLite's code at the last writer_rollback */
};

/* The intents of a batch whose links were there already. */
struct writer_known {
    struct journal_known *list;
    size_t count;
    size_t capacity;
};
void writer_known_clear(struct writer_known *known);

/* Opens an existing file with all settings; the schema is not looked at yet. `writer` is zeroed. */
MUST_CHECK enum err writer_open(struct writer *writer, const char *path, struct error *error);
/* Prepares the statements and finds the chain's end. */
MUST_CHECK enum err writer_prepare(struct writer *writer, struct error *error);
/* Closes without a checkpoint: what a failing file needs least is more writes. Fine when closed. */
void writer_close(struct writer *writer);

/* `synced`: the commit returns when the disk has it. */
MUST_CHECK enum err writer_begin(struct writer *writer, bool synced, struct error *error);
/* Within a transaction. An intent whose link is there goes to `known` instead. */
MUST_CHECK enum err writer_add(struct writer *writer, const struct journal_row *row,
                               struct writer_known *known, struct error *error);
/* Notes `position` (which also makes sure that there is something to sync) and commits. */
MUST_CHECK enum err writer_commit(struct writer *writer, uint64_t position, struct error *error);
void writer_rollback(struct writer *writer);

/* `mode`: SQLITE_CHECKPOINT_*. `*complete`: all of the WAL is in the file. Readers in the way are
 * no error. */
MUST_CHECK enum err writer_checkpoint(struct writer *writer, int mode, bool *complete,
                                      struct error *error);
/* Longest wait for a lock. */
void writer_set_patience(struct writer *writer, int ms);
