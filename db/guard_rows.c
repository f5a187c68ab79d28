#include "db/guard_rows.h"

#include <string.h>

#include "base/clock.h"
#include "db/statement.h"

enum err guard_rows_read(sqlite3 *db, char **text, struct error *error)
{
    sqlite3_stmt *state = NULL;
    bool row = false;
    enum err err = db_prepare(&state, db, "SELECT state FROM guard WHERE id=1", error);

    if (err)
        return err;
    err = db_next(state, &row, "guard", error);
    if (!err) {
        *text = row ? strdup(column_word(state, 0)) : NULL;
        if (row && !*text)
            err = error_set(error, ERR_NO_MEMORY, "journal: out of memory");
    }
    sqlite3_finalize(state);
    return err;
}

enum err guard_rows_write(sqlite3 *db, const char *text, struct error *error)
{
    sqlite3_stmt *insert = NULL;
    enum err err = db_prepare(&insert, db, "INSERT INTO guard VALUES (1,?1,?2)", error);

    if (err)
        return err;
    bind_integer(insert, 1, clock_wall_ms());
    bind_text(insert, 2, text);
    err = db_run(insert, "guard", error);
    sqlite3_finalize(insert);
    return err;
}

/* First attempts are the orders' own time; later ones have rows of their own. Both are read by an
 * index, from `since_ms` on. */
static const char recent_creates[] =
    "SELECT created_ms, client FROM orders WHERE created_ms>=?1 AND external=0"
    " UNION ALL SELECT at_ms, client FROM retries WHERE at_ms>=?1 ORDER BY 1";

enum err guard_rows_creates(sqlite3 *db, int64_t since_ms,
                            void (*on_create)(int64_t at_ms, const char *client, void *userdata),
                            void *userdata, struct error *error)
{
    sqlite3_stmt *creates = NULL;
    bool row = false;
    enum err err = db_prepare(&creates, db, recent_creates, error);

    if (err)
        return err;
    bind_integer(creates, 1, since_ms);
    for (;;) {
        err = db_next(creates, &row, "recent creates", error);
        if (err || !row)
            break;
        on_create(sqlite3_column_int64(creates, 0), column_word(creates, 1), userdata);
    }
    sqlite3_finalize(creates);
    return err;
}
