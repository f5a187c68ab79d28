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
