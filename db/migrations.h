/* db/migrations.h - the schema, as a const table of steps; PRAGMA user_version says which were
 * taken.
 *
 * Each step runs in a transaction of its own: after a crash or a full disk the file is at one step
 * or the next. Steps are never changed once released, only added.
 */
#pragma once

#include <stddef.h>

#include <sqlite3.h>

#include "base/error.h"

/* PRAGMA application_id of a journal: "BYBR". */
#define MIGRATIONS_APPLICATION_ID 0x42594252

/* Step i leads from user_version i to i + 1. */
struct migration {
    const char *name;
    const char *sql;
};

/* Brings the file to the newest schema. ERR_INVALID: a newer version or another program made it;
 * nothing was changed. */
MUST_CHECK enum err migrations_run(sqlite3 *db, struct error *error);

/* The same with other steps, for tests. */
MUST_CHECK enum err migrations_apply(sqlite3 *db, const struct migration *steps, size_t count,
                                     struct error *error);
