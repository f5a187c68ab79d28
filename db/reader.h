/* db/reader.h - a read-only connection: what stands behind the reader_* calls of history.h.
 *
 * A connection that failed is closed, and opened again by the next call.
 *
 * Threads: one owner.
 */
#pragma once

#include <sqlite3.h>

#include "base/error.h"
#include "db/history.h"

/* Opens nothing yet. `path` is borrowed for life. NULL: out of memory. */
struct history_reader *reader_create(const char *path);
void reader_destroy(struct history_reader *reader);

/* Opens the connection, if it is not. Every call does this by itself. */
MUST_CHECK enum err reader_open(struct history_reader *reader, struct error *error);

/* The open connection, for statements of one's own; they are finalized before reader_done, which
 * logs what failed, and gives the connection up when it may be the reason. It returns `err`. */
MUST_CHECK enum err reader_use(struct history_reader *reader, sqlite3 **db);
MUST_CHECK enum err reader_done(struct history_reader *reader, enum err err,
                                const struct error *error);
