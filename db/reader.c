#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "db/reader_internal.h"
#include "db/rows.h"
#include "db/statement.h"

#define PATIENCE_MS 1000

/* `order` texts are continued by rows_select_orders. */
static const struct {
    const char *sql;
    const char *order;
} texts[R_COUNT] = {
    [R_BY_ORDER_ID] = { NULL, "WHERE order_id=?1 AND order_id<>'' ORDER BY id DESC LIMIT 1" },
    [R_BY_LINK] = { NULL, "WHERE link=?1 AND link<>''" },
    [R_BY_CLIENT_ID] = { NULL, "WHERE client_id=?1 AND client_id<>'' AND client_id<>link"
                               " ORDER BY id DESC LIMIT 1" },
    [R_BY_CATEGORY_ORDER_ID] = { NULL, "WHERE order_id=?1 AND category=?2 AND order_id<>''" },
    [R_FILL_KEYS] = { rows_fill_keys_sql, NULL },
    [R_FILL_KNOWN] = { "SELECT 1 FROM fills WHERE order_id=?1 AND category=?2 AND exec_id=?3",
                       NULL },
    [R_EVENTS] = { "SELECT seq, at_ms, event, json FROM events WHERE seq>?1 ORDER BY seq LIMIT ?2",
                   NULL },
    [R_EVENTS_BACK] = { "SELECT seq, at_ms, event, json FROM events WHERE seq<=?1"
                        " ORDER BY seq DESC LIMIT ?2",
                        NULL },
    [R_FIRST_SEQ] = { "SELECT min(seq) FROM events", NULL },
    /* A journal that has a watermark alone has watched since its first event at the latest. */
    [R_WATCHED] = { "WITH since(ms) AS (SELECT"
                    " coalesce((SELECT at_ms FROM events ORDER BY seq LIMIT 1), value)"
                    " FROM meta WHERE key='watermark')"
                    " SELECT coalesce((SELECT value FROM meta WHERE key='watched_from'),"
                    " (SELECT ms FROM since), 0),"
                    " coalesce((SELECT value FROM meta WHERE key='options_from'),"
                    " (SELECT ms FROM since), 0)",
                    NULL },
    [R_ORDER_TIME] = { "SELECT created_ms FROM orders WHERE id=?1", NULL },
    [R_FILL_TIME] = { "SELECT at_ms FROM fills WHERE id=?1", NULL },
    [R_NATIVE] = { "SELECT json FROM natives WHERE id=?1", NULL },
};

/* --- the connection --- */

struct history_reader *reader_create(const char *path)
{
    struct history_reader *reader = calloc(1, sizeof(*reader));

    if (reader)
        reader->path = path;
    return reader;
}

static void close_db(struct history_reader *reader)
{
    for (size_t i = 0; i < R_COUNT; i++) {
        sqlite3_finalize(reader->statements[i]);
        reader->statements[i] = NULL;
    }
    sqlite3_close(reader->db);
    reader->db = NULL;
}

void reader_destroy(struct history_reader *reader)
{
    if (!reader)
        return;
    close_db(reader);
    free(reader);
}

static enum err prepare_all(struct history_reader *reader, struct error *error)
{
    char made[ROWS_SQL_MAX];
    enum err err = ERR_NONE;

    for (size_t i = 0; !err && i < R_COUNT; i++)
        err = db_prepare(&reader->statements[i], reader->db,
                         texts[i].sql ? texts[i].sql : rows_select_orders(made, texts[i].order),
                         error);
    return err;
}

enum err reader_open(struct history_reader *reader, struct error *error)
{
    enum err err;

    if (reader->db)
        return ERR_NONE;
    if (sqlite3_open_v2(reader->path, &reader->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        err = reader->db ? db_error(reader->db, "open to read", error) : ERR_NO_MEMORY;
        close_db(reader);
        return err;
    }
    sqlite3_busy_timeout(reader->db, PATIENCE_MS);
    err = db_exec(reader->db,
                  "PRAGMA query_only=1; PRAGMA wal_autocheckpoint=0; PRAGMA mmap_size=0;"
                  "PRAGMA trusted_schema=0; PRAGMA temp_store=MEMORY",
                  error);
    if (!err)
        err = prepare_all(reader, error);
    if (err)
        close_db(reader);
    return err;
}

enum err reader_ready(struct history_reader *reader)
{
    struct error error = { 0 };
    enum err err = reader_open(reader, &error);

    if (err)
        log_warn("history: %s", error.text);
    return err;
}

enum err reader_finish(struct history_reader *reader, sqlite3_stmt *statement, enum err err,
                       const struct error *error)
{
    if (statement)
        sqlite3_reset(statement);
    if (!err || err == ERR_NOT_FOUND || err == ERR_INVALID)
        return err;
    log_warn("history: %s", error->text);
    close_db(reader);
    return err;
}

enum err reader_use(struct history_reader *reader, sqlite3 **db)
{
    enum err err = reader_ready(reader);

    if (!err)
        *db = reader->db;
    return err;
}

enum err reader_done(struct history_reader *reader, enum err err, const struct error *error)
{
    return reader_finish(reader, NULL, err, error);
}

/* --- single rows --- */

/* One order by a kept statement whose parameters are bound. ERR_NOT_FOUND. */
static enum err one_order(struct history_reader *reader, enum reader_statement which,
                          struct order *out, int64_t *row_id)
{
    sqlite3_stmt *statement = reader->statements[which];
    struct error error = { 0 };
    bool row = false;
    enum err err = db_next(statement, &row, "order", &error);

    if (!err && !row)
        err = ERR_NOT_FOUND;
    if (!err)
        err = rows_read_order(statement, out, row_id, &error);
    return reader_finish(reader, statement, err, &error);
}

enum err reader_order(struct history_reader *reader, const char *id, struct order *out)
{
    static const enum reader_statement ways[] = { R_BY_ORDER_ID, R_BY_LINK, R_BY_CLIENT_ID };
    enum err err = reader_ready(reader);

    if (err)
        return err;
    err = ERR_NOT_FOUND;
    for (size_t i = 0; err == ERR_NOT_FOUND && i < ARRAY_LEN(ways); i++) {
        bind_text(reader->statements[ways[i]], 1, id);
        err = one_order(reader, ways[i], out, NULL);
    }
    return err;
}

/* The row of an order: no other one has its link, nor its order id in its category. */
static enum err row_of(struct history_reader *reader, const struct order *order, struct order *out,
                       int64_t *row_id)
{
    sqlite3_stmt *by_order_id = reader->statements[R_BY_CATEGORY_ORDER_ID];
    enum err err = ERR_NOT_FOUND;

    if (order->request.link[0]) {
        bind_text(reader->statements[R_BY_LINK], 1, order->request.link);
        err = one_order(reader, R_BY_LINK, out, row_id);
    }
    if (err != ERR_NOT_FOUND || !order->order_id[0])
        return err;
    bind_text(by_order_id, 1, order->order_id);
    bind_text(by_order_id, 2, category_word(order->request.category));
    return one_order(reader, R_BY_CATEGORY_ORDER_ID, out, row_id);
}

enum err reader_native(struct history_reader *reader, int64_t row_id, struct stored_native *out,
                       struct error *error)
{
    sqlite3_stmt *statement = reader->statements[R_NATIVE];
    bool row = false;
    enum err err;

    *out = (struct stored_native){ .json = "" };
    bind_integer(statement, 1, row_id);
    err = db_next(statement, &row, "native", error);
    if (err || !row)
        return err;
    out->json = column_word(statement, 0);
    out->bytes = (size_t)sqlite3_column_bytes(statement, 0);
    return ERR_NONE;
}

/* Within one transaction, so that both are of one commit. */
enum err reader_order_native(struct history_reader *reader, const struct order *order,
                             struct order *out, struct buffer *native)
{
    struct stored_native stored;
    struct error error = { 0 };
    int64_t row_id = 0;
    enum err err = reader_ready(reader);

    if (!err)
        err = reader_finish(reader, NULL, db_exec(reader->db, "BEGIN", &error), &error);
    if (err)
        return err;
    err = row_of(reader, order, out, &row_id);
    if (!err) {
        err = reader_native(reader, row_id, &stored, &error);
        if (!err)
            buffer_add(native, stored.json, stored.bytes);
        err = reader_finish(reader, reader->statements[R_NATIVE], err, &error);
    }
    if (reader->db) /* nothing was written, so it cannot fail in a way that matters */
        (void)sqlite3_exec(reader->db, "COMMIT", NULL, NULL, NULL);
    return err;
}

enum err reader_find_order(struct history_reader *reader, enum category category,
                           const char *order_id, const char *link, struct order *out)
{
    enum err err = reader_ready(reader);

    if (err)
        return err;
    bind_text(reader->statements[R_BY_CATEGORY_ORDER_ID], 1, order_id);
    bind_text(reader->statements[R_BY_CATEGORY_ORDER_ID], 2, category_word(category));
    err = one_order(reader, R_BY_CATEGORY_ORDER_ID, out, NULL);
    if (err != ERR_NOT_FOUND)
        return err;
    bind_text(reader->statements[R_BY_LINK], 1, link);
    return one_order(reader, R_BY_LINK, out, NULL);
}

enum err reader_fill_keys(struct history_reader *reader, enum category category,
                          const char *order_id, struct journal_fill_key **fills, size_t *count)
{
    struct error error = { 0 };
    enum err err = reader_ready(reader);

    if (err)
        return err;
    err = rows_fill_keys(reader->statements[R_FILL_KEYS], category, order_id, fills, count, &error);
    return reader_finish(reader, NULL, err, &error);
}

enum err reader_fill_known(struct history_reader *reader, enum category category,
                           const char *order_id, const char *exec_id, bool *known)
{
    struct error error = { 0 };
    bool row = false;
    sqlite3_stmt *statement;
    enum err err = reader_ready(reader);

    if (err)
        return err;
    statement = reader->statements[R_FILL_KNOWN];
    bind_text(statement, 1, order_id);
    bind_text(statement, 2, category_word(category));
    bind_text(statement, 3, exec_id);
    err = db_next(statement, &row, "fill", &error);
    if (!err)
        *known = row;
    return reader_finish(reader, statement, err, &error);
}

/* --- events --- */

static enum err read_events(struct history_reader *reader, enum reader_statement which,
                            uint64_t seq, int limit,
                            bool (*on_row)(const struct stored_event *event, void *userdata),
                            void *userdata)
{
    sqlite3_stmt *statement;
    struct error error = { 0 };
    bool row = true;
    enum err err = seq > INT64_MAX ? ERR_INVALID : reader_ready(reader);

    if (err)
        return err;
    statement = reader->statements[which];
    bind_integer(statement, 1, (int64_t)seq);
    bind_integer(statement, 2, limit < 0 ? 0 : limit);
    while (!err && row) {
        err = db_next(statement, &row, "events", &error);
        if (err || !row)
            break;
        const char *json = column_word(statement, 3);
        struct stored_event event = { .seq = (uint64_t)sqlite3_column_int64(statement, 0),
                                      .at_ms = sqlite3_column_int64(statement, 1),
                                      .event = column_word(statement, 2),
                                      .json = json,
                                      .json_bytes = (size_t)sqlite3_column_bytes(statement, 3) };
        if (!on_row(&event, userdata))
            break;
    }
    return reader_finish(reader, statement, err, &error);
}

enum err reader_events(struct history_reader *reader, uint64_t after, int limit,
                       bool (*on_row)(const struct stored_event *event, void *userdata),
                       void *userdata)
{
    return read_events(reader, R_EVENTS, after, limit, on_row, userdata);
}

enum err reader_events_back(struct history_reader *reader, uint64_t until, int limit,
                            bool (*on_row)(const struct stored_event *event, void *userdata),
                            void *userdata)
{
    return read_events(reader, R_EVENTS_BACK, until, limit, on_row, userdata);
}

enum err reader_first_seq(struct history_reader *reader, uint64_t *seq)
{
    sqlite3_stmt *statement;
    struct error error = { 0 };
    bool row = false;
    enum err err = reader_ready(reader);

    if (err)
        return err;
    statement = reader->statements[R_FIRST_SEQ];
    err = db_next(statement, &row, "events", &error);
    if (!err)
        *seq = row ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    return reader_finish(reader, statement, err, &error);
}

enum err reader_watched_from(struct history_reader *reader, int64_t *from_ms,
                             int64_t *options_from_ms)
{
    sqlite3_stmt *statement;
    struct error error = { 0 };
    bool row = false;
    enum err err = reader_ready(reader);

    if (err)
        return err;
    statement = reader->statements[R_WATCHED];
    err = db_next(statement, &row, "meta", &error);
    if (!err)
        *from_ms = row ? sqlite3_column_int64(statement, 0) : 0;
    if (!err)
        *options_from_ms = row ? sqlite3_column_int64(statement, 1) : 0;
    return reader_finish(reader, statement, err, &error);
}
