#include "db/verify.h"

#include <inttypes.h>
#include <string.h>

#include <sqlite3.h>

#include "db/statement.h"

static enum err check_event(sqlite3_stmt *statement, struct chain *chain, uint64_t *bad,
                            struct error *error)
{
    uint64_t seq = (uint64_t)sqlite3_column_int64(statement, 0);
    uint64_t expected = chain->seq + 1;
    const char *json = column_word(statement, 3);
    unsigned char hash[CHAIN_HASH_BYTES];
    enum err err;

    if (seq != expected) {
        *bad = expected;
        return error_set(error, ERR_INVALID,
                         "journal: event %" PRIu64 " is missing (the next one is %" PRIu64 ")",
                         expected, seq);
    }
    err = chain_add(chain, seq, sqlite3_column_int64(statement, 1), column_word(statement, 2), json,
                    (size_t)sqlite3_column_bytes(statement, 3), error);
    if (err)
        return err;
    if (column_blob(statement, 4, hash, sizeof(hash)) &&
        memcmp(hash, chain->hash, sizeof(hash)) == 0)
        return ERR_NONE;
    *bad = seq;
    return error_set(error, ERR_INVALID, "journal: event %" PRIu64 " is not as it was written",
                     seq);
}

/* One piece; `*more` false: the end was reached. */
static enum err check_piece(sqlite3_stmt *statement, struct chain *chain,
                            struct journal_verified *out, bool *more, struct error *error)
{
    bool row = true;
    enum err err = ERR_NONE;

    *more = false;
    bind_integer(statement, 1, (int64_t)chain->seq);
    while (!err) {
        err = db_next(statement, &row, "events", error);
        if (err || !row)
            break;
        err = check_event(statement, chain, &out->bad_seq, error);
        if (err)
            break;
        out->events++;
        out->last_seq = chain->seq;
        memcpy(out->last_hash, chain->hash, sizeof(out->last_hash));
        *more = true;
    }
    sqlite3_reset(statement);
    return err;
}

static enum err check_all(sqlite3 *db, struct chain *chain, struct journal_verified *out,
                          struct error *error)
{
    sqlite3_stmt *statement = NULL;
    int64_t before_first = 0;
    bool more = true;
    enum err err = db_exec(db, "PRAGMA query_only=1; PRAGMA mmap_size=0", error);

    if (!err)
        err = db_integer(db, "SELECT count(*) FROM events WHERE seq<1", &before_first, error);
    if (!err && before_first)
        err = error_set(error, ERR_INVALID, "journal: an event was added before the first one");
    if (!err)
        err =
            db_prepare(&statement, db,
                       "SELECT seq, at_ms, event, json, hash FROM events WHERE seq>?1 ORDER BY seq "
                       "LIMIT 1000",
                       error);
    while (!err && more)
        err = check_piece(statement, chain, out, &more, error);
    sqlite3_finalize(statement);
    return err;
}

enum err journal_verify(const char *path, struct journal_verified *out, struct error *error)
{
    sqlite3 *db = NULL;
    struct chain chain;
    enum err err = chain_init(&chain, error);

    memset(out, 0, sizeof(*out));
    if (err)
        return err;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        err = db ? db_error(db, "open to read", error)
                 : error_set(error, ERR_NO_MEMORY, "journal: out of memory");
    } else {
        sqlite3_busy_timeout(db, 1000);
        err = check_all(db, &chain, out, error);
    }
    chain_deinit(&chain);
    sqlite3_close(db);
    return err;
}
