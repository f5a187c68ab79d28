#include "db/writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "base/log.h"
#include "db/meta.h"
#include "db/rows.h"
#include "db/statement.h"
#include "db/wal_file.h"

#define RETRIES_KEPT_MS 600000

static const char *select_by_link(char out[ROWS_SQL_MAX])
{
    return rows_select_orders(out, "WHERE link=?1 AND link<>''");
}

/* Either a text or what makes it. */
static const struct {
    const char *sql;
    const char *(*make)(char out[ROWS_SQL_MAX]);
} texts[W_COUNT] = {
    [W_BEGIN] = { "BEGIN IMMEDIATE", NULL },
    [W_COMMIT] = { "COMMIT", NULL },
    /* An equal row would be left alone, and a sync without a changed page syncs nothing: hence the
       counter. */
    [W_PROGRESS] = { "UPDATE progress SET position=?1, commits=commits+1", NULL },
    [W_INSERT_ORDER] = { NULL, rows_insert_order },
    [W_UPDATE_BY_LINK] = { NULL, rows_update_by_link },
    [W_UPDATE_BY_ID] = { NULL, rows_update_by_id },
    [W_DELETE_ORDER] = { "DELETE FROM orders WHERE id=?1", NULL },
    [W_FIND_BY_LINK] = { "SELECT id FROM orders WHERE link=?1 AND link<>''", NULL },
    [W_FIND_BY_ORDER_ID] = { "SELECT id, link FROM orders WHERE order_id=?1 AND category=?2 AND "
                             "order_id<>''",
                             NULL },
    [W_ORDER_BY_LINK] = { NULL, select_by_link },
    [W_FILL_KEYS] = { rows_fill_keys_sql, NULL },
    [W_INSERT_FILL] = { NULL, rows_insert_fill },
    [W_INSERT_EVENT] = { "INSERT INTO events (seq, at_ms, event, json, hash) VALUES "
                         "(?1,?2,?3,?4,?5)",
                         NULL },
    [W_SET_GUARD] = { "INSERT INTO guard VALUES (1,?1,?2) ON CONFLICT DO UPDATE SET at_ms=?1, "
                      "state=?2",
                      NULL },
    [W_INSERT_RETRY] = { "INSERT INTO retries VALUES (?1,?2,?3,?4,(SELECT run FROM progress)) ON "
                         "CONFLICT DO NOTHING",
                         NULL },
    [W_DELETE_RETRIES] = { "DELETE FROM retries WHERE at_ms<?1 AND run=(SELECT run FROM progress)",
                           NULL },
    /* Without an index beside the row id this overwrites in place. */
    [W_SET_NATIVE] = { "REPLACE INTO natives VALUES (?1,?2)", NULL },
    [W_DELETE_NATIVE] = { "DELETE FROM natives WHERE id=?1", NULL },
};

void writer_known_clear(struct writer_known *known)
{
    for (size_t i = 0; i < known->count; i++)
        free(known->list[i].fills);
    free(known->list);
    *known = (struct writer_known){ 0 };
}

/* --- open --- */

static int on_wal(void *userdata, sqlite3 *db, const char *name, int pages)
{
    struct writer *writer = userdata;

    (void)db;
    (void)name;
    writer->wal_pages = pages;
    return SQLITE_OK;
}

/* An order changes one or two rows in each of some ten pages, and the WAL takes whole pages: small
 * ones are fewer bytes. Of a new file only, an old one keeps its own. */
#define PAGE_SIZE "2048"

static enum err use_wal(sqlite3 *db, struct error *error)
{
    sqlite3_stmt *statement;
    bool row = false;
    enum err err = db_prepare(&statement, db, "PRAGMA journal_mode=WAL", error);

    if (err)
        return err;
    err = db_next(statement, &row, "open", error);
    if (!err && (!row || strcmp(column_word(statement, 0), "wal") != 0))
        err = error_set(error, ERR_IO,
                        "journal: this file system has no shared memory for WAL: use a local one");
    sqlite3_finalize(statement);
    return err;
}

static enum err configure(struct writer *writer, struct error *error)
{
    enum err err;

    sqlite3_extended_result_codes(writer->db, 1);
    sqlite3_db_config(writer->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    writer_set_patience(writer, 1000);
    err = db_exec(writer->db, "PRAGMA page_size=" PAGE_SIZE, error);
    if (!err)
        err = use_wal(writer->db, error);
    if (!err)
        err = db_exec(writer->db,
                      "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA mmap_size=0;"
                      "PRAGMA cache_size=-8000; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=0;"
                      "PRAGMA journal_size_limit=67108864",
                      error);
    if (!err)
        err = db_integer(writer->db, "PRAGMA page_size", &writer->page_bytes, error);
    writer->full = true;
    /* Only now: the pragma wal_autocheckpoint replaces the hook. */
    sqlite3_wal_hook(writer->db, on_wal, writer);
    return err;
}

enum err writer_open(struct writer *writer, const char *path, struct error *error)
{
    enum err err = ERR_NONE;
    int code = sqlite3_open_v2(path, &writer->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                               wal_file_vfs());

    if (!writer->db)
        return error_set(error, ERR_NO_MEMORY, "journal: out of memory");
    err = code == SQLITE_OK ? configure(writer, error) : db_error(writer->db, "open", error);
    if (err)
        writer_close(writer);
    return err;
}

static enum err find_chain_end(struct writer *writer, struct error *error)
{
    sqlite3_stmt *statement;
    bool row = false;
    enum err err = db_prepare(&statement, writer->db,
                              "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1", error);

    if (err)
        return err;
    err = db_next(statement, &row, "events", error);
    if (!err && row) {
        writer->chain.seq = (uint64_t)sqlite3_column_int64(statement, 0);
        if (!column_blob(statement, 1, writer->chain.hash, CHAIN_HASH_BYTES))
            err = error_set(error, ERR_IO, "journal: the last event is damaged: restore a backup");
    }
    sqlite3_finalize(statement);
    writer->committed_seq = writer->chain.seq;
    memcpy(writer->committed_hash, writer->chain.hash, CHAIN_HASH_BYTES);
    return err;
}

enum err writer_prepare(struct writer *writer, struct error *error)
{
    char made[ROWS_SQL_MAX];
    enum err err = chain_init(&writer->chain, error);

    for (size_t i = 0; !err && i < W_COUNT; i++)
        err = db_prepare(&writer->statements[i], writer->db,
                         texts[i].sql ? texts[i].sql : texts[i].make(made), error);
    return err ? err : find_chain_end(writer, error);
}

void writer_close(struct writer *writer)
{
    if (!writer->db)
        return;
    for (size_t i = 0; i < W_COUNT; i++)
        sqlite3_finalize(writer->statements[i]);
    chain_deinit(&writer->chain);
    sqlite3_close(writer->db);
    memset(writer, 0, sizeof(*writer));
}

void writer_set_patience(struct writer *writer, int ms)
{
    sqlite3_busy_timeout(writer->db, ms);
}

/* --- a transaction --- */

enum err writer_begin(struct writer *writer, bool synced, struct error *error)
{
    enum err err = ERR_NONE;

    /* By sqlite3_exec: the pragma acts while it is prepared, so a kept statement would do nothing.
     */
    if (synced != writer->full) {
        err = db_exec(writer->db, synced ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL",
                      error);
        writer->full = err ? writer->full : synced;
    }
    return err ? err : db_run(writer->statements[W_BEGIN], "begin", error);
}

enum err writer_commit(struct writer *writer, uint64_t position, struct error *error)
{
    enum err err;

    bind_integer(writer->statements[W_PROGRESS], 1, (int64_t)position);
    err = db_run(writer->statements[W_PROGRESS], "progress", error);
    if (!err)
        err = db_run(writer->statements[W_COMMIT], "commit", error);
    if (err)
        return err;
    writer->committed_seq = writer->chain.seq;
    memcpy(writer->committed_hash, writer->chain.hash, CHAIN_HASH_BYTES);
    return ERR_NONE;
}

void writer_rollback(struct writer *writer)
{
    if (!writer->db)
        return;
    writer->failure = sqlite3_extended_errcode(writer->db);
    if (!sqlite3_get_autocommit(writer->db))
        (void)sqlite3_exec(writer->db, "ROLLBACK", NULL, NULL, NULL);
    writer->chain.seq = writer->committed_seq;
    memcpy(writer->chain.hash, writer->committed_hash, CHAIN_HASH_BYTES);
}

/* --- orders --- */

static enum err known_grow(struct writer_known *known, struct error *error)
{
    size_t wanted = known->capacity ? known->capacity * 2 : 4;
    struct journal_known *grown;

    if (known->count < known->capacity)
        return ERR_NONE;
    grown = realloc(known->list, wanted * sizeof(*grown));
    if (!grown)
        return error_set(error, ERR_NO_MEMORY, "journal: out of memory");
    known->list = grown;
    known->capacity = wanted;
    return ERR_NONE;
}

static enum err add_known(struct writer *writer, const struct journal_row *row,
                          struct writer_known *known, struct error *error)
{
    sqlite3_stmt *select = writer->statements[W_ORDER_BY_LINK];
    struct journal_known *item;
    bool found = false;
    enum err err = known_grow(known, error);

    if (err)
        return err;
    item = &known->list[known->count];
    *item = (struct journal_known){ .position = row->position };
    bind_text(select, 1, row->u.order.request.link);
    err = db_next(select, &found, "known link", error);
    if (!err && !found)
        err = error_set(error, ERR_INTERNAL, "journal: an intent conflicts with no order");
    if (!err)
        err = rows_read_order(select, &item->stored, NULL, error);
    sqlite3_reset(select);
    if (!err)
        err = rows_fill_keys(writer->statements[W_FILL_KEYS], item->stored.request.category,
                             item->stored.order_id, &item->fills, &item->fills_count, error);
    if (!err)
        known->count++;
    return err;
}

static enum err add_intent(struct writer *writer, const struct journal_row *row,
                           struct writer_known *known, struct error *error)
{
    sqlite3_stmt *insert = writer->statements[W_INSERT_ORDER];
    char fees[ROWS_FEES_MAX];
    enum err err;

    rows_bind_order(insert, &row->u.order, fees);
    err = db_run(insert, "intent", error);
    CRASH_POINT_IF(!err, INTENT_WRITTEN);
    if (!err && sqlite3_changes(writer->db) == 0)
        err = add_known(writer, row, known, error);
    return err;
}

/* An order of ours, by its link, the frequent case. `*done` false: look closer. */
static enum err update_by_link(struct writer *writer, const struct order *order, bool *done,
                               struct error *error)
{
    sqlite3_stmt *update = writer->statements[W_UPDATE_BY_LINK];
    char fees[ROWS_FEES_MAX];
    int code;
    enum err err = ERR_NONE;

    rows_bind_order(update, order, fees);
    code = sqlite3_step(update);
    *done = code == SQLITE_DONE && sqlite3_changes(writer->db) == 1;
    if (code != SQLITE_DONE && code != SQLITE_CONSTRAINT_UNIQUE)
        err = db_error(writer->db, "order", error);
    sqlite3_reset(update);
    return err;
}

/* The rows that an order's two keys point at; 0: none. */
struct places {
    int64_t by_link;
    int64_t by_order_id;
    char link[ORDER_LINK_MAX]; /* of the row by_order_id */
};

static enum err find_places(struct writer *writer, const struct order *order, struct places *places,
                            struct error *error)
{
    sqlite3_stmt *by_link = writer->statements[W_FIND_BY_LINK];
    sqlite3_stmt *by_order_id = writer->statements[W_FIND_BY_ORDER_ID];
    bool row = false;
    enum err err;

    *places = (struct places){ 0 };
    bind_text(by_link, 1, order->request.link);
    err = db_next(by_link, &row, "order", error);
    if (!err && row)
        places->by_link = sqlite3_column_int64(by_link, 0);
    sqlite3_reset(by_link);
    if (err)
        return err;
    bind_text(by_order_id, 1, order->order_id);
    bind_text(by_order_id, 2, category_word(order->request.category));
    err = db_next(by_order_id, &row, "order", error);
    if (!err && row) {
        places->by_order_id = sqlite3_column_int64(by_order_id, 0);
        column_text(by_order_id, 1, places->link, sizeof(places->link));
    }
    sqlite3_reset(by_order_id);
    return err;
}

/* By the row's id. */
static enum err run_by_id(struct writer *writer, enum writer_statement which, int64_t id,
                          struct error *error)
{
    bind_integer(writer->statements[which], 1, id);
    return db_run(writer->statements[which], "order", error);
}

/* With its object: row ids come again. */
static enum err delete_row(struct writer *writer, int64_t id, struct error *error)
{
    enum err err = run_by_id(writer, W_DELETE_NATIVE, id, error);

    return err ? err : run_by_id(writer, W_DELETE_ORDER, id, error);
}

/* Which row the order goes to (0: a new one), so that no link is ever lost: a link that is not in
 * the file could be sent again. `order` is adapted where its keys point at two rows. */
static enum err choose_place(struct writer *writer, struct order *order, int64_t *id,
                             struct error *error)
{
    struct places places;
    enum err err = find_places(writer, order, &places, error);

    if (err)
        return err;
    *id = places.by_link ? places.by_link : places.by_order_id;
    if (!places.by_order_id || places.by_order_id == places.by_link)
        return ERR_NONE;
    if (!order->request.link[0]) {
        memcpy(order->request.link, places.link, sizeof(order->request.link));
        return ERR_NONE;
    }
    if (places.link[0]) {
        log_error(
            "journal: order %s has two links, %s and %s: the second is kept without its order id",
            order->order_id, places.link, order->request.link);
        order->order_id[0] = '\0';
        *id = places.by_link;
        return ERR_NONE;
    }
    if (!places.by_link)
        return ERR_NONE;
    log_warn("journal: order %s was stored twice: the row of link %s is kept", order->order_id,
             order->request.link);
    return delete_row(writer, places.by_order_id, error);
}

static enum err place_order(struct writer *writer, const struct order *order, struct error *error)
{
    struct order adapted = *order;
    char fees[ROWS_FEES_MAX];
    sqlite3_stmt *statement;
    int64_t id = 0;
    enum err err = choose_place(writer, &adapted, &id, error);

    if (err)
        return err;
    if (!adapted.request.link[0] && !adapted.order_id[0]) {
        log_error("journal: an order of %s has neither link nor order id: not stored",
                  adapted.request.symbol);
        return ERR_NONE;
    }
    statement = writer->statements[id ? W_UPDATE_BY_ID : W_INSERT_ORDER];
    rows_bind_order(statement, &adapted, fees);
    if (id)
        bind_integer(statement, ROWS_ORDER_ID_AT, id);
    return db_run(statement, "order", error);
}

static enum err add_order(struct writer *writer, const struct journal_row *row, struct error *error)
{
    const struct order *order = &row->u.order;
    bool done = false;
    enum err err = ERR_NONE;

    if (row->kind != JOURNAL_RETRY && !order->external && order->request.link[0])
        err = update_by_link(writer, order, &done, error);
    return err || done ? err : place_order(writer, order, error);
}

/* The row that add_order has chosen, as it is found by the order's own names. */
static enum err find_row(struct writer *writer, const struct order *order, int64_t *id,
                         struct error *error)
{
    bool linked = order->request.link[0];
    sqlite3_stmt *find = writer->statements[linked ? W_FIND_BY_LINK : W_FIND_BY_ORDER_ID];
    bool row = false;
    enum err err;

    bind_text(find, 1, linked ? order->request.link : order->order_id);
    if (!linked)
        bind_text(find, 2, category_word(order->request.category));
    err = db_next(find, &row, "order", error);
    *id = !err && row ? sqlite3_column_int64(find, 0) : 0;
    sqlite3_reset(find);
    return err;
}

static enum err set_native(struct writer *writer, const struct journal_row *row,
                           struct error *error)
{
    sqlite3_stmt *set = writer->statements[W_SET_NATIVE];
    size_t bytes = native_bytes(row->native);
    int64_t id = 0;
    enum err err = find_row(writer, &row->u.order, &id, error);

    if (err || !id)
        return err;
    if (!bytes)
        return run_by_id(writer, W_DELETE_NATIVE, id, error);
    bind_integer(set, 1, id);
    sqlite3_bind_text64(set, 2, native_json(row->native), bytes, SQLITE_STATIC, SQLITE_UTF8);
    return db_run(set, "native", error);
}

/* When it was tried again. Only the last minutes are ever asked for. */
static enum err add_retry(struct writer *writer, const struct journal_row *row, struct error *error)
{
    sqlite3_stmt *insert = writer->statements[W_INSERT_RETRY];
    enum err err = add_order(writer, row, error);

    if (err)
        return err;
    bind_integer(writer->statements[W_DELETE_RETRIES], 1, row->at_ms - RETRIES_KEPT_MS);
    err = db_run(writer->statements[W_DELETE_RETRIES], "retries", error);
    if (err)
        return err;
    bind_integer(insert, 1, row->at_ms);
    bind_text(insert, 2, row->u.order.request.link);
    bind_integer(insert, 3, row->u.order.attempt);
    bind_text(insert, 4, row->u.order.request.client);
    return db_run(insert, "retry", error);
}

/* --- the rest --- */

static enum err set_guard(struct writer *writer, const struct journal_row *row, struct error *error)
{
    sqlite3_stmt *set = writer->statements[W_SET_GUARD];

    bind_integer(set, 1, row->at_ms);
    sqlite3_bind_text64(set, 2, row->u.guard.text, row->u.guard.bytes, SQLITE_STATIC, SQLITE_UTF8);
    return db_run(set, "guard", error);
}

static enum err add_fill(struct writer *writer, const struct fill *fill, struct error *error)
{
    sqlite3_stmt *insert = writer->statements[W_INSERT_FILL];
    char order_id[LOG_SAFE_MAX];
    char exec_id[LOG_SAFE_MAX];
    enum err err;

    rows_bind_fill(insert, fill);
    err = db_run(insert, "fill", error);
    CRASH_POINT_IF(!err, FILL_WRITTEN);
    if (!err && sqlite3_changes(writer->db) == 0)
        log_warn("journal: a fill came twice: category=%s order=%s exec=%s",
                 category_word(fill->category), log_safe(fill->order_id, order_id),
                 log_safe(fill->exec_id, exec_id));
    return err;
}

static enum err add_event(struct writer *writer, const struct journal_row *row, struct error *error)
{
    sqlite3_stmt *insert = writer->statements[W_INSERT_EVENT];
    enum err err = chain_add(&writer->chain, row->seq, row->at_ms, row->event, row->json,
                             row->json_bytes, error);

    if (err)
        return err;
    bind_integer(insert, 1, (int64_t)row->seq);
    bind_integer(insert, 2, row->at_ms);
    bind_text(insert, 3, row->event);
    sqlite3_bind_text64(insert, 4, row->json, row->json_bytes, SQLITE_STATIC, SQLITE_UTF8);
    bind_blob(insert, 5, writer->chain.hash, CHAIN_HASH_BYTES);
    return db_run(insert, "event", error);
}

static enum err add_content(struct writer *writer, const struct journal_row *row,
                            struct writer_known *known, struct error *error)
{
    switch (row->kind) {
    case JOURNAL_INTENT:
        return add_intent(writer, row, known, error);
    case JOURNAL_RETRY:
        return add_retry(writer, row, error);
    case JOURNAL_AMEND:
    case JOURNAL_ORDER:
        return add_order(writer, row, error);
    case JOURNAL_FILL:
        return add_fill(writer, &row->u.fill, error);
    case JOURNAL_GUARD:
        return set_guard(writer, row, error);
    case JOURNAL_WATERMARK:
        return meta_set_watermark(writer->db, &row->u.watermark, error);
    }
    return error_set(error, ERR_INTERNAL, "journal: a row of no kind");
}

enum err writer_add(struct writer *writer, const struct journal_row *row,
                    struct writer_known *known, struct error *error)
{
    enum err err = add_content(writer, row, known, error);

    if (!err && row->native)
        err = set_native(writer, row, error);
    if (!err && row->seq)
        err = add_event(writer, row, error);
    CRASH_POINT_IF(!err && row->seq, EVENT_WRITTEN);
    CRASH_POINT_IF(!err && row->kind == JOURNAL_RETRY, RETRY_WRITTEN);
    CRASH_POINT_IF(!err && row->kind == JOURNAL_GUARD, GUARD_WRITTEN);
    CRASH_POINT_IF(!err && row->kind == JOURNAL_AMEND, AMEND_WRITTEN);
    CRASH_POINT_IF(!err && row->kind == JOURNAL_ORDER && row->u.order.amend_ms > 0 &&
                       row->u.order.amend == AMEND_NONE,
                   AMEND_END_WRITTEN);
    return err;
}

enum err writer_checkpoint(struct writer *writer, int mode, bool *complete, struct error *error)
{
    int pages = 0;
    int taken = 0;
    int code = sqlite3_wal_checkpoint_v2(writer->db, NULL, mode, &pages, &taken);

    *complete = false;
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY)
        return db_error(writer->db, "checkpoint", error);
    /* Both counts are -1 where the checkpoint could not even begin. */
    *complete = code == SQLITE_OK && pages == taken;
    if (*complete)
        writer->wal_pages = 0;
    return ERR_NONE;
}
