#include "db/timeline.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "db/reader.h"
#include "db/statement.h"

/* How far this host's clock may have been set back while the order lived. */
#define CLOCK_MARGIN_MS INT64_C(600000)
#define NEEDLE_MAX      (ORDER_ID_MAX + 3)

enum { S_EVENTS, S_EVENT, S_LAST_FILL, S_FROM, S_ENDS };

const char *const timeline_sqls[] = {
    [S_EVENTS] = ("SELECT seq, at_ms, event, json FROM events WHERE seq>?1 AND seq<=?2"
                  " AND event IN ('order','fill') AND (instr(json,?3)>0 OR instr(json,?4)>0)"
                  " ORDER BY seq"),
    [S_EVENT] = "SELECT seq, at_ms, event, json FROM events WHERE seq=?1",
    [S_LAST_FILL] = "SELECT max(seq) FROM fills WHERE order_id=?1 AND category=?2",
    [S_FROM] = "SELECT seq, at_ms FROM events WHERE seq>=?1 ORDER BY seq LIMIT 1",
    [S_ENDS] = "SELECT (SELECT min(seq) FROM events), (SELECT max(seq) FROM events)",
    NULL,
};

static struct stored_event event_of(sqlite3_stmt *statement)
{
    const char *json = column_word(statement, 3);

    return (struct stored_event){ .seq = (uint64_t)sqlite3_column_int64(statement, 0),
                                  .at_ms = sqlite3_column_int64(statement, 1),
                                  .event = column_word(statement, 2),
                                  .json = json,
                                  .json_bytes = (size_t)sqlite3_column_bytes(statement, 3) };
}

/* --- where to look --- */

/* The number before the first event that is not older than `at_ms`: numbers and times rise
 * together. */
static enum err find_time(sqlite3 *db, int64_t low, int64_t high, int64_t at_ms, int64_t *out,
                          struct error *error)
{
    sqlite3_stmt *statement = NULL;
    bool row;
    enum err err = db_prepare(&statement, db, timeline_sqls[S_FROM], error);

    while (!err && low < high) {
        int64_t middle = low + (high - low) / 2;

        bind_integer(statement, 1, middle);
        err = db_next(statement, &row, "events", error);
        if (err)
            break;
        if (row && sqlite3_column_int64(statement, 1) < at_ms)
            low = sqlite3_column_int64(statement, 0) + 1;
        else
            high = middle;
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    *out = low - 1;
    return err;
}

static enum err find_ends(sqlite3 *db, int64_t *first, int64_t *last, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    bool row;
    enum err err = db_prepare(&statement, db, timeline_sqls[S_ENDS], error);

    if (!err)
        err = db_next(statement, &row, "events", error);
    if (!err) {
        *first = sqlite3_column_int64(statement, 0);
        *last = sqlite3_column_int64(statement, 1);
    }
    sqlite3_finalize(statement);
    return err;
}

static enum err last_fill(sqlite3 *db, const struct order *order, int64_t *out, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    bool row;
    enum err err;

    *out = 0;
    if (!order->order_id[0])
        return ERR_NONE;
    err = db_prepare(&statement, db, timeline_sqls[S_LAST_FILL], error);
    if (!err) {
        bind_text(statement, 1, order->order_id);
        bind_text(statement, 2, category_word(order->request.category));
        err = db_next(statement, &row, "fills", error);
    }
    if (!err)
        *out = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return err;
}

static enum err find_range(sqlite3 *db, const struct order *order, int64_t *after, int64_t *last,
                           struct error *error)
{
    int64_t first = 0;
    int64_t newest = 0;
    int64_t known = (int64_t)order->seq;
    enum err err = find_ends(db, &first, &newest, error);

    if (!err)
        err = last_fill(db, order, last, error);
    if (!err)
        err = find_time(db, first, newest, order->created_ms - CLOCK_MARGIN_MS, after, error);
    if (err)
        return err;
    if (*last < known)
        *last = known;
    if (known && *after >= known)
        *after = known - 1;
    return ERR_NONE;
}

enum err timeline_range(struct history_reader *reader, const struct order *order, uint64_t *after,
                        uint64_t *last)
{
    struct error error = { 0 };
    int64_t from = 0;
    int64_t to = 0;
    sqlite3 *db;
    enum err err = reader_use(reader, &db);

    if (err)
        return err;
    err = reader_done(reader, find_range(db, order, &from, &to, &error), &error);
    if (!err) {
        *after = from > 0 ? (uint64_t)from : 0;
        *last = to > 0 ? (uint64_t)to : 0;
    }
    return err;
}

/* --- the events --- */

/* What names the order in an event's JSON: its id or link, quoted. One that is not there is looked
 * for as the other. */
static void name(const struct order *order, char id[NEEDLE_MAX], char link[NEEDLE_MAX])
{
    const char *by_id = order->order_id[0] ? order->order_id : order->request.link;
    const char *by_link = order->request.link[0] ? order->request.link : order->order_id;

    (void)snprintf(id, NEEDLE_MAX, "\"%s\"", by_id);
    (void)snprintf(link, NEEDLE_MAX, "\"%s\"", by_link);
}

static enum err give_rows(sqlite3_stmt *statement, uint64_t *stopped,
                          bool (*on_row)(const struct stored_event *event, void *userdata),
                          void *userdata, struct error *error)
{
    bool row = true;
    enum err err = ERR_NONE;

    while (!err) {
        err = db_next(statement, &row, "events", error);
        if (err || !row)
            break;
        struct stored_event event = event_of(statement);
        if (!on_row(&event, userdata)) {
            *stopped = event.seq;
            break;
        }
    }
    return err;
}

enum err timeline_events(struct history_reader *reader, const struct order *order, uint64_t *after,
                         uint64_t last, int max,
                         bool (*on_row)(const struct stored_event *event, void *userdata),
                         void *userdata)
{
    uint64_t end = last - *after > (uint64_t)max ? *after + (uint64_t)max : last;
    char id[NEEDLE_MAX];
    char link[NEEDLE_MAX];
    struct error error = { 0 };
    sqlite3_stmt *statement = NULL;
    sqlite3 *db;
    enum err err = reader_use(reader, &db);

    if (err)
        return err;
    err = db_prepare(&statement, db, timeline_sqls[S_EVENTS], &error);
    if (!err) {
        name(order, id, link);
        bind_integer(statement, 1, (int64_t)*after);
        bind_integer(statement, 2, (int64_t)end);
        bind_text(statement, 3, id);
        bind_text(statement, 4, link);
        err = give_rows(statement, &end, on_row, userdata, &error);
    }
    sqlite3_finalize(statement);
    if (!err)
        *after = end;
    return reader_done(reader, err, &error);
}

enum err timeline_event(struct history_reader *reader, uint64_t seq,
                        bool (*on_row)(const struct stored_event *event, void *userdata),
                        void *userdata)
{
    struct error error = { 0 };
    sqlite3_stmt *statement = NULL;
    bool row = false;
    sqlite3 *db;
    enum err err = reader_use(reader, &db);

    if (err)
        return err;
    err = db_prepare(&statement, db, timeline_sqls[S_EVENT], &error);
    if (!err) {
        bind_integer(statement, 1, (int64_t)seq);
        err = db_next(statement, &row, "event", &error);
    }
    if (!err && row) {
        struct stored_event event = event_of(statement);
        (void)on_row(&event, userdata);
    }
    sqlite3_finalize(statement);
    return reader_done(reader, err ? err : row ? ERR_NONE : ERR_NOT_FOUND, &error);
}
