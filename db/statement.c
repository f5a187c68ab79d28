#include "db/statement.h"

#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

static const struct {
    int code;
    enum err err;
    const char *advice;
} advices[] = {
    { SQLITE_NOTADB, ERR_INVALID,
      "not a journal: move the file away, or name another with --journal" },
    { SQLITE_CORRUPT, ERR_IO,
      "the file is damaged: stop, keep a copy, restore a backup or start a new one" },
    { SQLITE_FULL, ERR_IO, "the disk is full: make room" },
    { SQLITE_READONLY, ERR_IO,
      "the file or its folder is read-only: give this user the right to write" },
    { SQLITE_CANTOPEN, ERR_IO, "the folder must exist and be writable for this user" },
    { SQLITE_PERM, ERR_IO, "give this user the right to read and write the file" },
    { SQLITE_BUSY, ERR_IO, "another program keeps the file locked: end it" },
    { SQLITE_LOCKED, ERR_IO, "another connection keeps a table locked" },
    { SQLITE_IOERR, ERR_IO, "the disk or file system failed: see the system's log" },
    { SQLITE_NOMEM, ERR_NO_MEMORY, "out of memory" },
};

enum err db_error(sqlite3 *db, const char *what, struct error *error)
{
    int code = sqlite3_extended_errcode(db);

    for (size_t i = 0; i < ARRAY_LEN(advices); i++) {
        if (advices[i].code == (code & 0xff))
            return error_set(error, advices[i].err, "journal: %s: %s (%d): %s", what,
                             sqlite3_errmsg(db), code, advices[i].advice);
    }
    return error_set(error, ERR_IO, "journal: %s: %s (%d)", what, sqlite3_errmsg(db), code);
}

enum err db_exec(sqlite3 *db, const char *sql, struct error *error)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return ERR_NONE;
    /* The text may be a whole schema: its begin says enough. */
    char what[41];
    (void)snprintf(what, sizeof(what), "%s", sql);
    return db_error(db, what, error);
}

enum err db_prepare(sqlite3_stmt **out, sqlite3 *db, const char *sql, struct error *error)
{
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) == SQLITE_OK)
        return ERR_NONE;
    return db_error(db, "prepare", error);
}

enum err db_next(sqlite3_stmt *statement, bool *row, const char *what, struct error *error)
{
    int code = sqlite3_step(statement);
    enum err err = ERR_NONE;

    *row = code == SQLITE_ROW;
    if (code == SQLITE_ROW)
        return ERR_NONE;
    if (code != SQLITE_DONE)
        err = db_error(sqlite3_db_handle(statement), what, error);
    sqlite3_reset(statement);
    return err;
}

enum err db_run(sqlite3_stmt *statement, const char *what, struct error *error)
{
    bool row;
    enum err err = db_next(statement, &row, what, error);

    if (!err && row)
        sqlite3_reset(statement);
    return err;
}

enum err db_integer(sqlite3 *db, const char *sql, int64_t *out, struct error *error)
{
    sqlite3_stmt *statement;
    bool row;
    enum err err = db_prepare(&statement, db, sql, error);

    if (err)
        return err;
    err = db_next(statement, &row, sql, error);
    if (!err)
        *out = row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return err;
}

void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

void bind_decimal(sqlite3_stmt *statement, int at, const struct decimal *value)
{
    char text[DECIMAL_TEXT_MAX];

    if (decimal_is_none(value))
        sqlite3_bind_null(statement, at);
    else
        sqlite3_bind_text(statement, at, decimal_format(value, text), -1, SQLITE_TRANSIENT);
}

void bind_integer(sqlite3_stmt *statement, int at, int64_t value)
{
    sqlite3_bind_int64(statement, at, value);
}

void bind_blob(sqlite3_stmt *statement, int at, const void *data, size_t bytes)
{
    sqlite3_bind_blob64(statement, at, data, bytes, SQLITE_STATIC);
}

const char *column_word(sqlite3_stmt *statement, int at)
{
    const unsigned char *text = sqlite3_column_text(statement, at);

    return text ? (const char *)text : "";
}

void column_text(sqlite3_stmt *statement, int at, char *out, size_t out_bytes)
{
    (void)snprintf(out, out_bytes, "%s", column_word(statement, at));
}

/* Sums and products may have more digits than decimal_parse takes from others. What was written
 * must be readable. */
static bool parse_wide(struct decimal *out, const char *text)
{
    bool negative = text[0] == '-';
    bool point = false;
    decimal_int mantissa = 0;
    int32_t scale = 0;

    for (const char *at = text + negative; *at; at++) {
        if (*at == '.' && !point) {
            point = true;
            continue;
        }
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(mantissa, 10, &mantissa) ||
            __builtin_add_overflow(mantissa, *at - '0', &mantissa))
            return false;
        scale += point;
    }
    *out = (struct decimal){ negative ? -mantissa : mantissa, scale };
    return strlen(text) > DECIMAL_DIGITS_MAX && strlen(text) < DECIMAL_TEXT_MAX;
}

bool column_decimal(sqlite3_stmt *statement, int at, struct decimal *out)
{
    *out = DECIMAL_NONE;
    if (sqlite3_column_type(statement, at) == SQLITE_NULL)
        return true;
    if (decimal_parse(out, column_word(statement, at)) == ERR_NONE ||
        parse_wide(out, column_word(statement, at)))
        return true;
    *out = DECIMAL_NONE;
    return false;
}

bool column_bool(sqlite3_stmt *statement, int at)
{
    return sqlite3_column_int(statement, at) != 0;
}

bool column_blob(sqlite3_stmt *statement, int at, void *out, size_t bytes)
{
    const void *data = sqlite3_column_blob(statement, at);

    if (!data || (size_t)sqlite3_column_bytes(statement, at) != bytes)
        return false;
    memcpy(out, data, bytes);
    return true;
}
