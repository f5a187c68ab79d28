/* /stream by tag and symbol: what is live and what is read from the journal are filtered alike, and
 * the position moves. And what a reader is told when numbers mean something else now, and what it
 * may hold. */
#include <sqlite3.h>

#include "api/event_filter.h"
#include "base/text.h"
#include "tests/test_sse_kit.h"

/* --- the judgement --- */

#define ORDER(category, symbol, tag)                                                               \
    "{\"id\":\"1\",\"category\":\"" category "\",\"symbol\":\"" symbol                             \
    "\",\"fees\":[{\"tag\":\"grid\"}],\"tag\":" tag "}"

static const struct {
    const char *tag, *symbol, *event, *json;
    bool taken;
} judged[] = {
    { "", "", "order", ORDER("linear", "BTCUSDT", "null"), true },
    { "grid", "", "order", ORDER("linear", "BTCUSDT", "\"grid\""), true },
    { "grid", "", "fill", ORDER("linear", "BTCUSDT", "\"grid\""), true },
    { "grid", "", "order", ORDER("linear", "BTCUSDT", "\"grid-1\""), false },
    { "grid-1", "", "order", ORDER("linear", "BTCUSDT", "\"grid\""), false },
    { "grid", "", "order", ORDER("linear", "BTCUSDT", "null"), false },
    { "grid", "", "order", "{}", false },
    { "grid", "", "order", "{\"tag\":7}", false },
    { "grid", "", "order", "not JSON", false },
    { "", "BTCUSDT", "order", ORDER("linear", "BTCUSDT", "null"), true },
    { "", "BTCUSDT", "order", ORDER("spot", "BTCUSDT", "null"), false },
    { "", "BTCUSDT", "fill", ORDER("linear", "BTCUSD", "null"), false },
    { "grid", "BTCUSDT", "order", ORDER("linear", "BTCUSDT", "\"grid\""), true },
    { "grid", "BTCUSDT", "order", ORDER("linear", "BTCUSDT", "\"other\""), false },
    { "grid", "BTCUSDT", "order", ORDER("linear", "ETHUSDT", "\"grid\""), false },
    { "grid", "BTCUSDT", "guard", "{\"killed\":true}", true },
};

START_TEST(orders_and_fills_are_judged_all_else_passes)
{
    struct event_filter filter = { .category = CATEGORY_LINEAR };

    ck_assert_int_eq(text_copy(filter.tag, sizeof(filter.tag), judged[_i].tag), ERR_NONE);
    ck_assert_int_eq(text_copy(filter.symbol, sizeof(filter.symbol), judged[_i].symbol), ERR_NONE);
    ck_assert_int_eq(event_filter_takes_event(&filter, judged[_i].event, judged[_i].json,
                                              strlen(judged[_i].json)),
                     judged[_i].taken);
}
END_TEST

START_TEST(filters_that_make_no_sense_are_refused)
{
    static char reply[16 * 1024];

    start_with(&calm, 10000, false, 4);
    ck_assert_int_eq(refusal("/stream?topics=orders&tag=a,b", reply, sizeof(reply)), 400);
    ck_assert_ptr_nonnull(strstr(reply, "invalid_tag"));
    ck_assert_int_eq(refusal("/stream?topics=orders&tag=", reply, sizeof(reply)), 400);
    ck_assert_int_eq(refusal("/stream?topics=fills&symbol=a,b", reply, sizeof(reply)), 400);
    ck_assert_ptr_nonnull(strstr(reply, "invalid_symbol"));
    ck_assert_int_eq(refusal("/stream?topics=guard&tag=grid", reply, sizeof(reply)), 400);
    ck_assert_ptr_nonnull(strstr(reply, "topics has neither"));
    stop();
}
END_TEST

/* --- live and from the journal --- */

static const char *const tags[] = { "\"grid\"", "\"other\"", "null" };
static const char *const symbols[] = { "BTCUSDT", "ETHUSDT" };

/* Of each three one is tagged grid, of each two one is of BTCUSDT; each fourth is a fill. */
static void journal_tagged(int count)
{
    for (int i = 0; i < count; i++) {
        struct journal_row *row;
        struct order order;
        struct fill fill;
        char name[24];

        (void)snprintf(name, sizeof(name), "t%d", ++links);
        if ((bridge.seq + 1) % 4 == 0) {
            kit_fill(&fill, "order", name);
            row = kit_fill_row(&bridge, &fill);
        } else {
            kit_order(&order, name);
            order.state = ORDER_ACKED;
            if ((bridge.seq + 1) % 3 == 0)
                (void)strcpy(order.request.tag, "grid");
            row = kit_order_row(&bridge, &order);
        }
        free(row->json);
        ck_assert_int_gt(asprintf(&row->json,
                                  "{\"n\":%u,\"category\":\"linear\",\"symbol\":\"%s\",\"tag\":%s}",
                                  (unsigned)row->seq, symbols[row->seq % 2], tags[row->seq % 3]),
                         0);
        row->json_bytes = strlen(row->json);
        while (journal_submit(bridge.journal, row) == ERR_BUSY)
            kit_sleep_ms(1);
    }
    kit_await(atomic_load(&shown_seq) == bridge.seq);
}

static const struct {
    const char *path;
    unsigned every; /* the numbers that come: those that it divides */
    bool fills_only;
} filtered[] = {
    { "/stream?topics=orders,fills&tag=grid", 3, false },
    { "/stream?topics=orders,fills&symbol=BTCUSDT", 2, false },
    { "/stream?topics=orders,fills&symbol=linear:BTCUSDT&tag=grid", 6, false },
    { "/stream?topics=fills&symbol=BTCUSDT&tag=grid", 6, true },
};

static bool is_wanted(size_t which, unsigned n)
{
    return n % filtered[which].every == 0 && (!filtered[which].fills_only || n % 4 == 0);
}

/* Each that the filter takes, once and in order, with its id; no other one. */
static void expect_filtered(size_t which, unsigned first, unsigned last)
{
    const char *at = client.text;
    unsigned n = first;

    while ((at = strstr(at, "{\"n\":"))) {
        char text[64];
        int bytes;

        while (!is_wanted(which, n))
            n++;
        bytes = snprintf(text, sizeof(text), "id: %d-%u\nevent: %s\ndata: {\"n\":%u,", EPOCH, n,
                         n % 4 ? "order" : "fill", n);
        at -= strstr(text, "{") - text;
        ck_assert_msg(at > client.text && strncmp(at, text, (size_t)bytes) == 0,
                      "expected %s at: %.200s", text, at);
        at += bytes;
        n++;
    }
    while (n <= last)
        ck_assert(!is_wanted(which, n++));
}

static void expect_until(size_t which, unsigned first, unsigned last)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "{\"n\":%u,", last); /* each filter takes it */
    stream_until(text);
    expect_filtered(which, first, last);
}

START_TEST(live_and_replay_are_filtered_alike)
{
    size_t which = (size_t)_i / 2;
    char path[160];

    start(_i % 2 ? 3000
                 : 1000000); /* some fifteen events in memory: the rest in the journal only */
    stream_open(filtered[which].path, "");
    stream_until("event: hello");
    journal_tagged(240);
    expect_until(which, 1, 240);
    stream_close();
    (void)snprintf(path, sizeof(path), "%s&after=earliest", filtered[which].path);
    stream_open(path, "");
    expect_until(which, 1, 240);
    stream_close();
    (void)snprintf(path, sizeof(path), "%s&after=3-100", filtered[which].path);
    stream_open(path, "");
    stream_until("event: hello");
    journal_tagged(120);
    expect_until(which, 101, 360);
    stream_close();
    stop();
}
END_TEST

START_TEST(what_is_left_out_moves_the_position)
{
    start_with(&fast, _i ? 300 : 1000000, true, 4);
    stream_open("/stream?topics=orders,fills&tag=nobody", "");
    stream_until("event: hello");
    journal_tagged(25);
    stream_until(":\nid: 3-25\n\n");
    ck_assert_ptr_null(strstr(client.text, "event: order"));
    stream_close();
    stream_open("/stream?topics=orders,fills&tag=nobody&after=3-1", "");
    stream_until(":\nid: 3-25\n\n");
    stream_close();
    stream_open("/stream?topics=orders,fills&tag=nobody&after=earliest",
                "Accept: application/x-ndjson\r\n");
    stream_until("{\"event\":\"heartbeat\",\"id\":\"3-25\"");
    stream_close();
    stop();
}
END_TEST

START_TEST(a_reset_tells_the_orders_of_the_filter)
{
    int orders = 0;

    start(100000);
    journal_tagged(12); /* orders of grid: 3, 6, 9; 12 is a fill */
    stream_open("/stream?topics=orders&tag=grid&after=3-99", "");
    stream_until("event: reset");
    stream_until("\"positions\":");
    for (const char *at = client.text; (at = strstr(at, "\"client_id\":\"t")); at++)
        orders++;
    ck_assert_int_eq(orders, 3);
    stream_close();
    stop();
}
END_TEST

/* --- numbers that mean something else --- */

START_TEST(a_new_epoch_resets_who_was_shown_the_old_one)
{
    start(100000);
    stream_open("/stream?topics=orders,fills", "");
    stream_until("event: hello");
    journal_events(5);
    until_seq(5);
    hub_set_epoch(hub, 9);
    stream_until("id: 9-5\nevent: reset\ndata: {\"reason\":\"the journal lost events\"");
    journal_events(1);
    stream_until("id: 9-6\nevent: fill\ndata: {\"n\":6}");
    ck_assert_ptr_null(strstr(client.text, "3-6"));
    stream_close();
    stream_open("/stream?topics=orders,fills&after=3-2", "");
    stream_until("event: reset");
    stream_close();
    stop();
}
END_TEST

static void delete_event(int seq)
{
    char sql[64];
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(bridge.path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    (void)snprintf(sql, sizeof(sql), "DELETE FROM events WHERE seq=%d", seq);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_changes(db), 1);
    sqlite3_close(db);
}

START_TEST(a_hole_in_the_journal_is_no_silent_loss)
{
    start(300);
    journal_events(30);
    delete_event(12);
    stream_open("/stream?topics=orders,fills&after=3-5", "");
    stream_until("event: reset");
    stream_until("\"recv_at\":");
    expect_events(6, 11);
    ck_assert_ptr_nonnull(strstr(client.text, "id: 3-30\nevent: reset"));
    stream_close();
    stop();
}
END_TEST

/* --- what a reader holds --- */

#define HELD_MAX (64 * 1024)

/* Events as large as real ones, or larger. */
static void journal_large(int count)
{
    for (int i = 0; i < count; i++) {
        struct journal_row *row;
        struct order order;
        char name[24];

        (void)snprintf(name, sizeof(name), "l%d", ++links);
        kit_order(&order, name);
        order.state = ORDER_ACKED;
        row = kit_order_row(&bridge, &order);
        free(row->json);
        ck_assert_int_gt(
            asprintf(&row->json, "{\"n\":%u,\"text\":\"%2000s\"}", (unsigned)row->seq, "large"), 0);
        row->json_bytes = strlen(row->json);
        while (journal_submit(bridge.journal, row) == ERR_BUSY)
            kit_sleep_ms(1);
    }
    kit_await(atomic_load(&shown_seq) == bridge.seq);
}

static const char *const stalled[] = {
    "/stream?topics=orders,fills&after=earliest",
    "/stream?topics=orders,fills,trades:BTCUSDT,book:BTCUSDT,ticker:BTCUSDT",
};

START_TEST(a_reader_that_stalls_holds_little)
{
    static char json[4096];

    start_with(&calm, 30000, true, 4);
    journal_large(1000);
    stream_open_on(client_connect_small(port), stalled[_i], "");
    await_wanted("status:private");
    memset(json, ' ', sizeof(json));
    json[0] = '{';
    json[sizeof(json) - 1] = '}';
    for (int i = 0; i < 12; i++) {
        journal_large(50);
        for (int k = 0; k < 50; k++) {
            hub_publish_frame(hub, "trades:linear:BTCUSDT", "trade", json, sizeof(json), false);
            hub_publish_frame(hub, "book:linear:BTCUSDT:50", "book", json, sizeof(json), true);
            hub_publish_state(hub, "ticker:linear:BTCUSDT", "ticker", json, sizeof(json));
        }
    }
    kit_await(status_member("\"bytes\"") > 500);
    ck_assert_int_le(status_member("\"bytes_max\""),
                     HELD_MAX); /* of some MB that it has not read */
    stream_close();
    for (int i = 0; i < 500 && status_member("\"readers\"") > 0; i++)
        kit_sleep_ms(10);
    ck_assert_int_eq(status_member("\"bytes\""), 0);
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sse_filter");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_loop_test(tcase, orders_and_fills_are_judged_all_else_passes, 0, ARRAY_LEN(judged));
    tcase_add_test(tcase, filters_that_make_no_sense_are_refused);
    tcase_add_loop_test(tcase, live_and_replay_are_filtered_alike, 0, 2 * ARRAY_LEN(filtered));
    tcase_add_loop_test(tcase, what_is_left_out_moves_the_position, 0, 2);
    tcase_add_test(tcase, a_reset_tells_the_orders_of_the_filter);
    tcase_add_test(tcase, a_new_epoch_resets_who_was_shown_the_old_one);
    tcase_add_test(tcase, a_hole_in_the_journal_is_no_silent_loss);
    tcase_add_loop_test(tcase, a_reader_that_stalls_holds_little, 0, ARRAY_LEN(stalled));
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
