/* Lists of orders and fills. */
#include "base/text.h"
#include "db/reader_internal.h"
#include "db/rows.h"
#include "db/statement.h"

#define LIMIT_MAX      1000
#define PARAMETERS_MAX 12

struct parameter {
    const char *text; /* NULL: the number */
    int64_t number;
};

/* WHERE ... ORDER BY ... LIMIT, growing. */
struct query {
    char rest[1024];
    struct text text;
    struct parameter parameters[PARAMETERS_MAX];
    int count;
};

static void query_init(struct query *query)
{
    query->text = text_in(query->rest, sizeof(query->rest));
    query->count = 0;
}

/* `condition` without a parameter. */
static void also(struct query *query, const char *condition)
{
    text_addf(&query->text, "%s %s", query->text.bytes ? " AND" : "WHERE", condition);
}

/* `condition` ends where its parameter goes. */
static void also_text(struct query *query, const char *condition, const char *value)
{
    also(query, condition);
    query->parameters[query->count] = (struct parameter){ .text = value };
    text_addf(&query->text, "?%d", ++query->count);
}

static void also_number(struct query *query, const char *condition, int64_t value)
{
    also(query, condition);
    query->parameters[query->count] = (struct parameter){ .number = value };
    text_addf(&query->text, "?%d", ++query->count);
}

/* Newest first by time, and by row id where times are equal; `after` goes on behind a row. */
static enum err add_order(struct history_reader *reader, struct query *query,
                          enum reader_statement time_of, const char *time_column,
                          const struct list_filter *filter, struct error *error)
{
    int limit = filter->limit < 1 ? 1 : filter->limit > LIMIT_MAX ? LIMIT_MAX : filter->limit;
    bool row = false;
    sqlite3_stmt *statement = reader->statements[time_of];
    enum err err = ERR_NONE;

    if (filter->after) {
        bind_integer(statement, 1, filter->after);
        err = db_next(statement, &row, "cursor", error);
        if (!err && !row)
            err = error_set(error, ERR_INVALID, "history: there is no such row to go on after");
        if (err)
            return err;
        query->parameters[query->count] =
            (struct parameter){ .number = sqlite3_column_int64(statement, 0) };
        query->parameters[query->count + 1] = (struct parameter){ .number = filter->after };
        sqlite3_reset(statement);
        text_addf(&query->text, "%s (%s,id)<(?%d,?%d)", query->text.bytes ? " AND" : "WHERE",
                  time_column, query->count + 1, query->count + 2);
        query->count += 2;
    }
    text_addf(&query->text, " ORDER BY %s DESC, id DESC LIMIT %d", time_column, limit);
    return ERR_NONE;
}

static void add_common(struct query *query, const struct list_filter *filter)
{
    if (filter->has_category)
        also_text(query, "category=", category_word(filter->category));
    if (filter->symbol)
        also_text(query, "symbol=", filter->symbol);
    if (filter->tag) {
        also(query, "tag<>''");
        also_text(query, "tag=", filter->tag);
    }
}

static void add_state(struct query *query, enum order_filter_state state)
{
    switch (state) {
    case FILTER_OPEN:
        also(query, "final=0");
        return;
    case FILTER_UNKNOWN:
        also(query, "final=0");
        also(query, "state='unknown'");
        return;
    case FILTER_FINAL:
        also(query, "final=1");
        return;
    case FILTER_ALL:
        return;
    }
}

static void bind_parameters(sqlite3_stmt *statement, const struct query *query)
{
    for (int i = 0; i < query->count; i++) {
        if (query->parameters[i].text)
            bind_text(statement, i + 1, query->parameters[i].text);
        else
            bind_integer(statement, i + 1, query->parameters[i].number);
    }
}

static enum err
run_orders(struct history_reader *reader, const struct query *query, struct stored_native *native,
           bool (*on_row)(const struct order *order, int64_t row_id, void *userdata),
           void *userdata, struct error *error)
{
    char sql[ROWS_SQL_MAX];
    sqlite3_stmt *statement = NULL;
    struct order order;
    int64_t id = 0;
    bool row = true;
    enum err err =
        db_prepare(&statement, reader->db, rows_select_orders(sql, query->text.data), error);

    if (err)
        return err;
    bind_parameters(statement, query);
    while (!err && row) {
        err = db_next(statement, &row, "orders", error);
        if (!err && row)
            err = rows_read_order(statement, &order, &id, error);
        if (!err && row && native) {
            sqlite3_reset(reader->statements[R_NATIVE]);
            err = reader_native(reader, id, native, error);
        }
        if (!err && row && !on_row(&order, id, userdata))
            break;
    }
    sqlite3_reset(reader->statements[R_NATIVE]);
    sqlite3_finalize(statement);
    return err;
}

enum err reader_orders(struct history_reader *reader, const struct list_filter *filter,
                       bool (*on_row)(const struct order *order, int64_t row_id, void *userdata),
                       void *userdata)
{
    struct query query;
    struct error error = { 0 };
    enum err err = reader_ready(reader);

    if (err)
        return err;
    query_init(&query);
    add_state(&query, filter->state);
    add_common(&query, filter);
    if (filter->order_id)
        also_text(&query, "order_id<>'' AND order_id=", filter->order_id);
    if (filter->from_ms)
        also_number(&query, "created_ms>=", filter->from_ms);
    if (filter->to_ms)
        also_number(&query, "created_ms<", filter->to_ms);
    err = add_order(reader, &query, R_ORDER_TIME, "created_ms", filter, &error);
    if (!err)
        err = run_orders(reader, &query, filter->native, on_row, userdata, &error);
    return reader_finish(reader, NULL, err, &error);
}

static enum err run_fills(struct history_reader *reader, const struct query *query,
                          bool (*on_row)(const struct fill *fill, int64_t row_id, void *userdata),
                          void *userdata, struct error *error)
{
    char sql[ROWS_SQL_MAX];
    sqlite3_stmt *statement = NULL;
    struct fill fill;
    int64_t id = 0;
    bool row = true;
    enum err err =
        db_prepare(&statement, reader->db, rows_select_fills(sql, query->text.data), error);

    if (err)
        return err;
    bind_parameters(statement, query);
    while (!err && row) {
        err = db_next(statement, &row, "fills", error);
        if (!err && row)
            err = rows_read_fill(statement, &fill, &id, error);
        if (!err && row && !on_row(&fill, id, userdata))
            break;
    }
    sqlite3_finalize(statement);
    return err;
}

/* Fills of one order: whatever names it. Fills of an order that is not here are found by their
 * order id. */
static enum err add_order_of_fills(struct history_reader *reader, struct query *query,
                                   const struct list_filter *filter, struct order *order)
{
    enum err err;

    if (!filter->order_id)
        return ERR_NONE;
    err = reader_order(reader, filter->order_id, order);
    if (err && err != ERR_NOT_FOUND)
        return err;
    if (err) {
        also_text(query, "order_id=", filter->order_id);
        return ERR_NONE;
    }
    also(query, "order_id<>''"); /* not sent: no fills, rather than those of no order */
    also_text(query, "order_id=", order->order_id);
    also_text(query, "category=", category_word(order->request.category));
    return ERR_NONE;
}

enum err reader_fills(struct history_reader *reader, const struct list_filter *filter,
                      bool (*on_row)(const struct fill *fill, int64_t row_id, void *userdata),
                      void *userdata)
{
    struct query query;
    struct order order;
    struct error error = { 0 };
    enum err err = reader_ready(reader);

    if (err)
        return err;
    query_init(&query);
    err = add_order_of_fills(reader, &query, filter, &order);
    if (err)
        return err;
    add_common(&query, filter);
    if (filter->from_ms)
        also_number(&query, "at_ms>=", filter->from_ms);
    if (filter->to_ms)
        also_number(&query, "at_ms<", filter->to_ms);
    err = add_order(reader, &query, R_FILL_TIME, "at_ms", filter, &error);
    if (!err)
        err = run_fills(reader, &query, on_row, userdata, &error);
    return reader_finish(reader, NULL, err, &error);
}
