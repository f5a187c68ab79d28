/* Executions for db/pnl.h, piece by piece: each is a statement of its own, so that no snapshot of
 * the file is held long. What is committed between two pieces is left to the next answer, by its
 * row id. */
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "db/pnl.h"
#include "db/pnl_check.h"
#include "db/reader.h"
#include "db/statement.h"

enum column {
    C_ID,
    C_CATEGORY,
    C_SYMBOL,
    C_SIDE,
    C_QTY,
    C_PRICE,
    C_FEE,
    C_FEE_COIN,
    C_MAKER,
    C_KIND,
    C_CLOSED_QTY,
    C_AT_MS,
    C_EXCHANGE_SEQ,
    C_TAG,
    C_EXEC_ID,
    C_ORDER_ID,
    C_POSITION_IDX,
};

enum parameter {
    P_AT_MS = 1,
    P_EXCHANGE_SEQ,
    P_ROW_ID,
    P_NEWEST,
    P_LIMIT,
    P_TO,
    P_SYMBOL,
    P_CATEGORY,
};

/* In the order of an index: fills_symbol with a symbol, else fills_at; only what came in one
 * millisecond is sorted. */
const char *pnl_read_sql(const struct pnl_filter *filter, char out[PNL_SQL_MAX])
{
    struct text sql = text_in(out, PNL_SQL_MAX);

    text_add(&sql, "SELECT f.id, f.category, f.symbol, f.side, f.qty, f.price, f.fee, f.fee_coin,"
                   " f.maker, f.kind, f.closed_qty, f.at_ms, f.exchange_seq, f.tag, f.exec_id,"
                   " f.order_id, o.position_idx"
                   " FROM fills f LEFT JOIN orders o ON o.order_id=f.order_id"
                   " AND o.category=f.category AND o.order_id<>'' WHERE ");
    if (filter->symbol)
        text_addf(&sql, "f.symbol=?%d AND ", P_SYMBOL);
    text_addf(&sql, "f.at_ms>=?%d AND (f.at_ms,f.exchange_seq,f.id)>(?%d,?%d,?%d) AND f.id<=?%d",
              P_AT_MS, P_AT_MS, P_EXCHANGE_SEQ, P_ROW_ID, P_NEWEST);
    if (filter->to_ms)
        text_addf(&sql, " AND f.at_ms<?%d", P_TO);
    if (filter->has_category)
        text_addf(&sql, " AND f.category=?%d", P_CATEGORY);
    text_addf(&sql, " ORDER BY f.at_ms, f.exchange_seq, f.id LIMIT ?%d", P_LIMIT);
    return out;
}

static void bind(sqlite3_stmt *statement, const struct pnl_filter *filter,
                 const struct pnl_cursor *cursor, int max)
{
    bind_integer(statement, P_AT_MS, cursor->at_ms);
    bind_integer(statement, P_EXCHANGE_SEQ, cursor->exchange_seq);
    bind_integer(statement, P_ROW_ID, cursor->row_id);
    bind_integer(statement, P_NEWEST, cursor->newest_row_id);
    bind_integer(statement, P_LIMIT, max);
    if (filter->to_ms)
        bind_integer(statement, P_TO, filter->to_ms + filter->beyond_ms);
    if (filter->symbol)
        bind_text(statement, P_SYMBOL, filter->symbol);
    if (filter->has_category)
        bind_text(statement, P_CATEGORY, category_word(filter->category));
}

/* Texts are borrowed from the statement's row. */
static enum err read_row(sqlite3_stmt *statement, struct pnl_fill *fill, struct error *error)
{
    const char *side = column_word(statement, C_SIDE);

    memset(fill, 0, sizeof(*fill));
    fill->symbol = column_word(statement, C_SYMBOL);
    fill->fee_coin = column_word(statement, C_FEE_COIN);
    fill->maker = column_bool(statement, C_MAKER);
    fill->at_ms = sqlite3_column_int64(statement, C_AT_MS);
    fill->tag = column_word(statement, C_TAG);
    fill->exec_id = column_word(statement, C_EXEC_ID);
    fill->order_id = column_word(statement, C_ORDER_ID);
    fill->position_idx = sqlite3_column_type(statement, C_POSITION_IDX) == SQLITE_NULL
                             ? -1
                             : sqlite3_column_int(statement, C_POSITION_IDX);
    if (category_parse(column_word(statement, C_CATEGORY), &fill->category) &&
        (!side[0] || side_parse(side, &fill->side)) &&
        fill_kind_parse(column_word(statement, C_KIND), &fill->kind) &&
        column_decimal(statement, C_QTY, &fill->qty) &&
        column_decimal(statement, C_PRICE, &fill->price) &&
        column_decimal(statement, C_FEE, &fill->fee) &&
        column_decimal(statement, C_CLOSED_QTY, &fill->closed_qty))
        return ERR_NONE;
    return error_set(error, ERR_IO, "journal: a row of fills is damaged: restore a backup");
}

static enum err add_rows(struct pnl *pnl, sqlite3_stmt *statement, int *count, struct error *error)
{
    struct pnl_cursor *cursor = pnl_cursor(pnl);
    struct pnl_fill fill;
    bool row = true;
    enum err err = ERR_NONE;

    while (!err) {
        err = db_next(statement, &row, "fills", error);
        if (!err && !row)
            break;
        if (!err)
            err = read_row(statement, &fill, error);
        if (!err)
            err = pnl_add_of_moment(pnl, &fill, sqlite3_column_int64(statement, C_EXCHANGE_SEQ));
        if (err)
            break;
        cursor->at_ms = fill.at_ms;
        cursor->exchange_seq = sqlite3_column_int64(statement, C_EXCHANGE_SEQ);
        cursor->row_id = sqlite3_column_int64(statement, C_ID);
        ++*count;
    }
    return err;
}

static enum err start(struct pnl_cursor *cursor, sqlite3 *db, struct error *error)
{
    if (cursor->newest_row_id)
        return ERR_NONE;
    cursor->at_ms = INT64_MIN;
    cursor->exchange_seq = INT64_MIN;
    return db_integer(db, "SELECT max(id) FROM fills", &cursor->newest_row_id, error);
}

static enum err read_piece(struct pnl *pnl, sqlite3 *db, int max, int *count, struct error *error)
{
    char sql[PNL_SQL_MAX];
    sqlite3_stmt *statement = NULL;
    enum err err = start(pnl_cursor(pnl), db, error);

    if (!err)
        err = db_prepare(&statement, db, pnl_read_sql(pnl_filter(pnl), sql), error);
    if (err)
        return err;
    bind(statement, pnl_filter(pnl), pnl_cursor(pnl), max);
    err = add_rows(pnl, statement, count, error);
    sqlite3_finalize(statement);
    return err;
}

enum err pnl_read(struct pnl *pnl, struct history_reader *reader, int max, bool *ended)
{
    struct pnl_cursor *cursor = pnl_cursor(pnl);
    struct error error = { 0 };
    sqlite3 *db;
    int count = 0;
    enum err err = reader_use(reader, &db);

    if (err)
        return err;
    err = read_piece(pnl, db, max, &count, &error);
    if (err == ERR_BUSY || err == ERR_NO_MEMORY)
        return err; /* the file is well */
    err = reader_done(reader, err, &error);
    if (err)
        return err;
    *ended = count < max;
    cursor->count += count;
    if (cursor->count > PNL_FILLS_MAX)
        return ERR_BUSY;
    return *ended ? pnl_end_moment(pnl) : ERR_NONE;
}

/* --- what the journal lacks --- */

/* Of an order that the journal has not: "". */
static enum err find_tag(sqlite3_stmt *statement, const struct pnl_difference *difference,
                         char tag[TAG_MAX], struct error *error)
{
    bool row = false;
    enum err err;

    tag[0] = '\0';
    if (!difference->order_id[0])
        return ERR_NONE;
    bind_text(statement, 1, difference->order_id);
    bind_text(statement, 2, category_word(difference->category));
    err = db_next(statement, &row, "orders", error);
    if (!err && row)
        column_text(statement, 0, tag, TAG_MAX);
    sqlite3_reset(statement);
    return err;
}

static enum err add_lacks(struct pnl *pnl, sqlite3_stmt *statement, int max, bool *ended,
                          struct error *error)
{
    struct pnl_check *check = pnl_check_of(pnl);
    char tag[TAG_MAX] = "";
    struct pnl_lack lack;
    enum err err = ERR_NONE;

    *ended = false;
    for (int i = 0; !err && i < max; i++) {
        if (!pnl_check_lack(check, &lack)) {
            *ended = true;
            break;
        }
        if (statement)
            err = find_tag(statement, &lack.difference, tag, error);
        if (!err)
            err = pnl_add_lack(pnl, &lack, tag);
    }
    return err;
}

enum err pnl_read_lacks(struct pnl *pnl, struct history_reader *reader, int max, bool *ended)
{
    const struct pnl_filter *filter = pnl_filter(pnl);
    struct error error = { 0 };
    sqlite3_stmt *statement = NULL;
    sqlite3 *db;
    enum err err;

    if (filter->group != PNL_BY_TAG && !filter->tag)
        return add_lacks(pnl, NULL, max, ended, &error);
    err = reader_use(reader, &db);
    if (err)
        return err;
    err = db_prepare(&statement, db,
                     "SELECT tag FROM orders WHERE order_id=?1 AND category=?2 AND order_id<>''",
                     &error);
    if (!err)
        err = add_lacks(pnl, statement, max, ended, &error);
    sqlite3_finalize(statement);
    if (err == ERR_BUSY || err == ERR_NO_MEMORY)
        return err; /* the file is well */
    return reader_done(reader, err, &error);
}
