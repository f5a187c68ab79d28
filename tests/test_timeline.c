/* An order's events found in a journal, and what each of them is as a step. */
#include <stdlib.h>

#include "api/timeline_step.h"
#include "db/history.h"
#include "db/reader.h"
#include "db/timeline.h"
#include "tests/test_journal_kit.h"

/* --- steps --- */

static struct order order_of(const char *id, const char *link)
{
    struct order order;

    kit_order(&order, link);
    (void)snprintf(order.order_id, sizeof(order.order_id), "%s", id);
    return order;
}

/* "step/state/detail", or "-" for an event of another order. */
static const char *step_of(struct timeline_state *state, const struct order *order,
                           const char *event, const char *json)
{
    static char line[600];
    struct timeline_step step;
    const struct stored_event stored = {
        .seq = 7, .event = event, .json = json, .json_bytes = strlen(json), .at_ms = 1000
    };

    if (!timeline_step(state, order, &stored, &step))
        return "-";
    ck_assert_uint_eq(step.seq, 7);
    ck_assert_int_eq(step.at_ms, 1000);
    (void)snprintf(line, sizeof(line), "%s/%s/%s", step.step, step.state ? step.state : "",
                   step.detail);
    return line;
}

#define ORDER(state, more)                                                                         \
    "{\"id\":\"X\",\"link\":\"L\",\"category\":\"linear\",\"state\":\"" state "\"," more           \
    ",\"ts\":5}"
#define AT_FIRST "\"qty\":\"2\",\"price\":\"10\",\"filled_qty\":\"0\",\"avg_price\":null"

static const struct {
    const char *before; /* NULL: none */
    const char *json;
    const char *shown;
} steps[] = {
    { NULL, ORDER("accepted", AT_FIRST), "acknowledged/accepted/" },
    { NULL, ORDER("open", AT_FIRST), "open/open/" },
    { ORDER("accepted", AT_FIRST), ORDER("open", AT_FIRST), "open/open/" },
    { ORDER("open", AT_FIRST), ORDER("open", AT_FIRST), "updated/open/" },
    { ORDER("open", AT_FIRST),
      ORDER("open", "\"qty\":\"2.0\",\"price\":\"11\",\"filled_qty\":\"0\""),
      "amended/open/price 10 -> 11" },
    { ORDER("open", AT_FIRST), ORDER("open", AT_FIRST ",\"take_profit\":\"12\""),
      "amended/open/take_profit none -> 12" },
    { ORDER("open", AT_FIRST),
      ORDER("partial", "\"qty\":\"3\",\"price\":\"10\",\"filled_qty\":\"1\",\"avg_price\":\"10\""),
      "partial/partial/qty 2 -> 3, filled_qty 1 at 10" },
    { ORDER("partial", "\"filled_qty\":\"1\""),
      ORDER("partial", "\"filled_qty\":\"1.5\",\"avg_price\":\"10\""),
      "partial/partial/filled_qty 1.5 at 10" },
    { ORDER("open", AT_FIRST), ORDER("cancelled", AT_FIRST ",\"cancel_reason\":\"CancelByUser\""),
      "cancelled/cancelled/cancel_reason: CancelByUser" },
    { NULL, ORDER("rejected", "\"reject_reason\":\"not enough\""),
      "rejected/rejected/reject_reason: not enough" },
    { ORDER("not_sent", AT_FIRST), ORDER("accepted", AT_FIRST), "acknowledged/accepted/" },
    { ORDER("cancelled", AT_FIRST),
      ORDER("filled", "\"qty\":\"2\",\"price\":\"10\",\"filled_qty\":\"2\",\"avg_price\":\"9\""),
      "anomaly/filled/filled after it had ended as cancelled, filled_qty 2 at 9" },
    { ORDER("filled", AT_FIRST), ORDER("filled", AT_FIRST), "updated/filled/" },
    /* Of another order that only mentions this one. */
    { NULL, "{\"id\":\"Y\",\"link\":\"L\",\"category\":\"linear\",\"state\":\"open\"}", "-" },
    { NULL, "{\"id\":\"X\",\"link\":\"L\",\"category\":\"spot\",\"state\":\"open\"}", "-" },
    { NULL, "{\"id\":null,\"link\":\"M\",\"category\":\"linear\",\"tag\":\"L\"}", "-" },
    { NULL, "{\"id\":null,\"link\":\"L\",\"category\":\"linear\",\"state\":\"pending\"}",
      "pending/pending/" },
    { NULL, "{\"n\":1}", "-" },
    { NULL, "[", "-" },
};

START_TEST(an_event_is_a_step_by_what_changed)
{
    struct order order = order_of("X", "L");
    struct timeline_state state = { .known = false };

    if (steps[_i].before)
        (void)step_of(&state, &order, "order", steps[_i].before);
    ck_assert_str_eq(step_of(&state, &order, "order", steps[_i].json), steps[_i].shown);
}
END_TEST

START_TEST(a_fill_is_a_step_without_a_state)
{
    struct order order = order_of("X", "L");
    struct timeline_state state = { .known = false };

    ck_assert_str_eq(
        step_of(
            &state, &order, "fill",
            "{\"id\":\"E\",\"order_id\":\"X\",\"category\":\"linear\",\"side\":\"buy\",\"qty\":"
            "\"1\",\"price\":\"10\",\"fee\":\"0.1\",\"fee_coin\":\"USDT\",\"liquidity\":\"taker\","
            "\"kind\":\"trade\",\"ts\":5}"),
        "fill//buy 1 at 10, fee 0.1 USDT, taker, execution E");
    ck_assert_str_eq(step_of(&state, &order, "fill",
                             "{\"id\":\"E\",\"order_id\":\"X\",\"category\":\"linear\",\"kind\":"
                             "\"liquidation\",\"ts\":null}"),
                     "liquidation//, execution E");
    ck_assert_str_eq(step_of(&state, &order, "fill",
                             "{\"id\":\"X\",\"order_id\":\"Y\",\"category\":\"linear\"}"),
                     "-");
    ck_assert(!state.known);
}
END_TEST

START_TEST(an_order_begins_here_or_elsewhere)
{
    struct order order = order_of("X", "L");
    struct timeline_step step;

    timeline_begin(&order, &step);
    ck_assert_str_eq(step.step, "intent");
    ck_assert_int_eq(step.at_ms, order.created_ms);
    ck_assert_int_eq(step.exchange_ms, 0);
    ck_assert_str_eq(step.detail, "buy limit BTCUSDT");
    order.external = true;
    timeline_begin(&order, &step);
    ck_assert_str_eq(step.step, "external");
    ck_assert_int_eq(step.at_ms, 0);
    ck_assert_int_eq(step.exchange_ms, order.created_ms);
    ck_assert_ptr_null(step.state);
    order.amend = AMEND_UNKNOWN;
    order.amend_ms = 9;
    timeline_amend(&order, "qty=3", &step);
    ck_assert_str_eq(step.detail, "unknown: qty=3");
    ck_assert_int_eq(step.at_ms, 9);
}
END_TEST

/* --- in a journal --- */

#define BEGIN_MS INT64_C(1700000000000)

static struct bridge bridge;
static struct history_reader *reader;

static int events_wanted(void)
{
    const char *text = getenv("TIMELINE_EVENTS");

    return text ? (int)strtol(text, NULL, 10) : 50000;
}

/* Events one a ms; every 1000th is of order X: "order" events by link at first, then by id, and
 * each 5000th a fill. */
static void setup(void)
{
    char sql[2000];

    kit_folder(&bridge);
    kit_start(&bridge);
    kit_stop(&bridge);
    (void)snprintf(
        sql, sizeof(sql),
        "PRAGMA synchronous=OFF; BEGIN;"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) "
        "INSERT INTO events SELECT i, %lld+i, iif(i%%5000=0,'fill','order'),"
        "'{\"id\":\"'||iif(i%%1000=0,'X','y'||i)||'\",\"order_id\":\"'||iif(i%%5000=0,'X','')||"
        "'\",\"link\":\"'||iif(i%%1000=0,'L','m'||i)||'\",\"pad\":\"'||hex(zeroblob(300))||'\"}', "
        "x'' FROM "
        "n; "
        "INSERT INTO fills SELECT "
        "NULL,'e'||seq,'X','L','linear','S','buy','1','1','1','0','USDT',0,"
        "'trade',NULL,at_ms,0,'','','',seq FROM events WHERE event='fill'; COMMIT;",
        events_wanted(), (long long)BEGIN_MS);
    kit_change(&bridge, sql);
    reader = reader_create(bridge.path);
    ck_assert_ptr_nonnull(reader);
}

static void teardown(void)
{
    reader_destroy(reader);
    kit_remove_folder(&bridge);
}

static bool count_row(const struct stored_event *event, void *userdata)
{
    ck_assert_uint_eq(event->seq % 1000, 0);
    ++*(int *)userdata;
    return true;
}

START_TEST(all_events_of_an_order_are_found)
{
    struct order order = order_of("X", "L");
    uint64_t last = (uint64_t)events_wanted();
    uint64_t after = 99;
    uint64_t end = 0;
    clock_t begin = clock();
    int count = 0;

    order.created_ms = BEGIN_MS;
    order.seq = last - 10000;
    ck_assert_int_eq(timeline_range(reader, &order, &after, &end), ERR_NONE);
    ck_assert_uint_eq(after, 0);
    ck_assert_uint_eq(end, last); /* its last fill came after its last change */
    while (after < end)
        ck_assert_int_eq(timeline_events(reader, &order, &after, end, 20000, count_row, &count),
                         ERR_NONE);
    ck_assert_int_eq(count, (int)last / 1000);
    printf("timeline: %d events searched in %d ms of the processor\n", (int)last,
           (int)((int64_t)(clock() - begin) * 1000 / CLOCKS_PER_SEC));
}
END_TEST

/* Ten minutes before the order was made are looked through too. */
START_TEST(the_search_begins_with_the_time_of_the_order)
{
    struct order order = order_of("X", "L");
    uint64_t after = 0;
    uint64_t end = 0;

    order.created_ms = BEGIN_MS + 600000 + 1234;
    ck_assert_int_eq(timeline_range(reader, &order, &after, &end), ERR_NONE);
    ck_assert_uint_eq(after, 1233);
    order.created_ms = BEGIN_MS + INT64_C(86400000) * 1000; /* a clock that was wrong */
    order.seq = 40;
    ck_assert_int_eq(timeline_range(reader, &order, &after, &end), ERR_NONE);
    ck_assert_uint_eq(after, 39);
    order = order_of("", "never-sent");
    order.created_ms = 1;
    order.seq = 0;
    ck_assert_int_eq(timeline_range(reader, &order, &after, &end), ERR_NONE);
    ck_assert_uint_eq(end, 0);
}
END_TEST

static bool stop_at_second(const struct stored_event *event, void *userdata)
{
    (void)event;
    return ++*(int *)userdata < 2;
}

START_TEST(a_reader_that_stops_goes_on_behind_the_event)
{
    struct order order = order_of("X", "");
    uint64_t after = 0;
    int count = 0;

    ck_assert_int_eq(timeline_events(reader, &order, &after, 50000, 20000, stop_at_second, &count),
                     ERR_NONE);
    ck_assert_uint_eq(after, 2000);
    count = 0;
    ck_assert_int_eq(timeline_events(reader, &order, &after, 50000, 1000, count_row, &count),
                     ERR_NONE);
    ck_assert_uint_eq(after, 3000);
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(timeline_event(reader, 3000, count_row, &count), ERR_NONE);
    ck_assert_int_eq(count, 2);
    ck_assert_int_eq(timeline_event(reader, 99999999, count_row, &count), ERR_NOT_FOUND);
}
END_TEST

START_TEST(each_look_goes_by_an_index)
{
    sqlite3 *db;

    ck_assert_int_eq(reader_use(reader, &db), ERR_NONE);
    for (size_t i = 0; timeline_sqls[i]; i++) {
        char sql[600];
        sqlite3_stmt *statement;
        int rows = 0;

        (void)snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", timeline_sqls[i]);
        ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
        for (; sqlite3_step(statement) == SQLITE_ROW; rows++) {
            const char *step = (const char *)sqlite3_column_text(statement, 3);

            ck_assert_msg(!strstr(step, "TEMP B-TREE"), "%s", step);
            ck_assert_msg(strncmp(step, "SCAN events", 11) != 0 &&
                              strncmp(step, "SCAN fills", 10) != 0,
                          "%s: %s", timeline_sqls[i], step);
        }
        ck_assert_int_gt(rows, 0);
        sqlite3_finalize(statement);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timeline");
    TCase *pure = tcase_create("pure");
    TCase *journal = tcase_create("journal");

    tcase_add_loop_test(pure, an_event_is_a_step_by_what_changed, 0, ARRAY_LEN(steps));
    tcase_add_test(pure, a_fill_is_a_step_without_a_state);
    tcase_add_test(pure, an_order_begins_here_or_elsewhere);
    suite_add_tcase(suite, pure);
    tcase_add_checked_fixture(journal, setup, teardown);
    tcase_add_test(journal, all_events_of_an_order_are_found);
    tcase_add_test(journal, the_search_begins_with_the_time_of_the_order);
    tcase_add_test(journal, a_reader_that_stops_goes_on_behind_the_event);
    tcase_add_test(journal, each_look_goes_by_an_index);
    suite_add_tcase(suite, journal);
    return kit_main(suite);
}
