/* db/statement.h - small helpers around SQLite statements: bind, column, errors with advice.
 *
 * Prices and sizes are kept as decimal text, so that the digits written are the digits read; enums
 * as words. Binding errors are left to the step that follows: a statement with an unbound value
 * breaks a constraint of the schema.
 *
 * Threads: whoever owns the connection.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/decimal.h"
#include "base/error.h"

/* Fills `error` from the connection's last failure: what happened, and what to do about it.
 * ERR_INVALID for a file that is no database, ERR_NO_MEMORY, else ERR_IO. `what` names what was
 * tried. */
enum err db_error(sqlite3 *db, const char *what, struct error *error);

/* Runs `sql` (one or more statements) to its end; rows are ignored. */
MUST_CHECK enum err db_exec(sqlite3 *db, const char *sql, struct error *error);
MUST_CHECK enum err db_prepare(sqlite3_stmt **out, sqlite3 *db, const char *sql,
                               struct error *error);
/* Steps a statement that gives no row, and resets it. */
MUST_CHECK enum err db_run(sqlite3_stmt *statement, const char *what, struct error *error);
/* Steps once: `*row` says whether there is one. The statement is reset when there is none, or on an
 * error. */
MUST_CHECK enum err db_next(sqlite3_stmt *statement, bool *row, const char *what,
                            struct error *error);
/* The integer in the first column of the first row of `sql`; 0 where there is no row. */
MUST_CHECK enum err db_integer(sqlite3 *db, const char *sql, int64_t *out, struct error *error);

/* Text is borrowed until the statement has been reset; a decimal is copied, and NULL for none. */
void bind_text(sqlite3_stmt *statement, int at, const char *text);
void bind_decimal(sqlite3_stmt *statement, int at, const struct decimal *value);
void bind_integer(sqlite3_stmt *statement, int at, int64_t value);
void bind_blob(sqlite3_stmt *statement, int at, const void *data, size_t bytes);

/* "" for NULL; cut to what fits. */
void column_text(sqlite3_stmt *statement, int at, char *out, size_t out_bytes);
/* The text itself, never NULL; valid until the next step. */
const char *column_word(sqlite3_stmt *statement, int at);
/* False (and none in `out`): not a decimal. */
bool column_decimal(sqlite3_stmt *statement, int at, struct decimal *out);
bool column_bool(sqlite3_stmt *statement, int at);
/* False: another size. */
bool column_blob(sqlite3_stmt *statement, int at, void *out, size_t bytes);
