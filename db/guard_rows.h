/* db/guard_rows.h - the state of the guard, as it is stored.
 *
 * Threads: whoever owns the connection.
 */
#pragma once

#include <sqlite3.h>

#include "base/error.h"

/* Malloc'ed, the caller frees; NULL: none is stored. */
MUST_CHECK enum err guard_rows_read(sqlite3 *db, char **text, struct error *error);
/* Into a file that has none. */
MUST_CHECK enum err guard_rows_write(sqlite3 *db, const char *text, struct error *error);
