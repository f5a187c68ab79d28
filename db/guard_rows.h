/* db/guard_rows.h - what is stored for the guard: its state, and when creates were made.
 *
 * Threads: whoever owns the connection.
 */
#pragma once

#include <stdint.h>

#include <sqlite3.h>

#include "base/error.h"

/* Malloc'ed, the caller frees; NULL: none is stored. */
MUST_CHECK enum err guard_rows_read(sqlite3 *db, char **text, struct error *error);
/* Into a file that has none. */
MUST_CHECK enum err guard_rows_write(sqlite3 *db, const char *text, struct error *error);
/* As journal_recent_creates. */
MUST_CHECK enum err guard_rows_creates(sqlite3 *db, int64_t since_ms,
                                       void (*on_create)(int64_t at_ms, const char *client,
                                                         void *userdata),
                                       void *userdata, struct error *error);
