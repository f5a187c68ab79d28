/* What the journal keeps for the guard: its state, the creates of the last minute, the price that
 * each order is valued by; and how a file of the format before comes to have them. */
#include "tests/test_journal_kit.h"

#define AT_MS INT64_C(1700000000000)

static struct bridge bridge;

static void setup(void)
{
    kit_folder(&bridge);
}

static void teardown(void)
{
    journal_close(bridge.journal);
    bridge.journal = NULL;
    kit_remove_folder(&bridge);
}

static void run_sql(const char *sql)
{
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(bridge.path, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void open_again(void)
{
    struct error error = { 0 };

    ck_assert_msg(kit_open(&bridge, &error) == ERR_NONE, "%s", error.text);
}

/* After the machine was started anew: the wall clock is all there is. */
static void reopen(void)
{
    kit_stop(&bridge);
    run_sql("UPDATE runs SET boot_id='another'");
    open_again();
}

/* --- the state --- */

static void submit_state(const char *state)
{
    struct journal_row *row = kit_row(&bridge, JOURNAL_GUARD);

    row->u.guard.text = strdup(state);
    row->u.guard.bytes = strlen(state);
    kit_add_event(&bridge, row, "guard");
    kit_submit(&bridge, row);
    kit_settle(&bridge);
}

static void expect_state(const char *state)
{
    struct error error = { 0 };
    char *text = NULL;

    ck_assert_int_eq(journal_guard(bridge.journal, &text, &error), ERR_NONE);
    ck_assert_pstr_eq(text, state);
    free(text);
}

START_TEST(the_state_of_the_guard_is_the_last_one_stored)
{
    struct error error = { 0 };

    ck_assert_int_eq(kit_open(&bridge, &error), ERR_NONE);
    expect_state(NULL);
    kit_stop(&bridge);
    kit_start(&bridge);
    submit_state("{\"killed\":true}");
    submit_state("{\"killed\":false,\"reason\":\"\xc3\xa4\"}");
    reopen();
    expect_state("{\"killed\":false,\"reason\":\"\xc3\xa4\"}");
    ck_assert_uint_eq(bridge.start.last_seq, 2);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM events WHERE event='guard'"), 2);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM guard"), 1);
}
END_TEST

/* The embedded exchange forgets; a kill is no matter of the exchange. */
START_TEST(a_fresh_start_forgets_the_orders_and_not_the_guard)
{
    struct journal_identity fresh = kit_identity;
    struct error error = { 0 };

    fresh.start_fresh = true;
    kit_start(&bridge);
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    submit_state("{\"killed\":true}");
    for (int i = 0; i < 2; i++) {
        kit_stop(&bridge);
        ck_assert_msg(journal_open(&bridge.journal, bridge.path, &fresh, &bridge.start, &error) ==
                          ERR_NONE,
                      "%s", error.text);
        expect_state("{\"killed\":true}");
        ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM orders"), 0);
    }
}
END_TEST

START_TEST(a_large_state_comes_back_whole)
{
    const size_t bytes = (size_t)400 * 1024;
    char *text = malloc(bytes + 1);

    memset(text, 'x', bytes);
    text[bytes] = '\0';
    kit_start(&bridge);
    submit_state(text);
    reopen();
    expect_state(text);
    free(text);
}
END_TEST

START_TEST(a_state_that_is_not_written_is_freed)
{
    struct journal_row *row = kit_row(&bridge, JOURNAL_GUARD);

    row->u.guard.text = strdup("{}");
    journal_row_destroy(row);
}
END_TEST

/* --- creates of the last minute --- */

struct seen {
    size_t count;
    char text[512]; /* "client+ms client+ms " */
};

static void on_create(int64_t at_ms, const char *client, void *userdata)
{
    struct seen *seen = userdata;
    size_t used = strlen(seen->text);

    seen->count++;
    (void)snprintf(seen->text + used, sizeof(seen->text) - used, "%s+%" PRId64 " ", client,
                   at_ms - AT_MS);
}

/* --- a wall clock that is set between two runs --- */

/* When each create was, by a clock that shows 0 now. */
struct ages {
    size_t count;
    int64_t newest_ms;
    int64_t oldest_ms;
};

static void on_age(int64_t at_ms, const char *client, void *userdata)
{
    struct ages *ages = userdata;

    (void)client;
    if (ages->count++ == 0)
        ages->oldest_ms = at_ms;
    ages->newest_ms = at_ms;
}

static struct ages ages_of(void)
{
    struct ages ages = { 0 };
    struct error error = { 0 };

    ck_assert_int_eq(journal_recent_creates(bridge.journal, 0, 60000, on_age, &ages, &error),
                     ERR_NONE);
    return ages;
}

/* As if the runs so far had been under a wall clock that showed so much more. */
static void clock_was(int64_t more_ms)
{
    char sql[320];

    kit_stop(&bridge);
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE runs SET base_ms=base_ms+(%" PRId64 ");"
                   "UPDATE orders SET created_ms=created_ms+(%" PRId64 ");"
                   "UPDATE retries SET at_ms=at_ms+(%" PRId64 ")",
                   more_ms, more_ms, more_ms);
    run_sql(sql);
}

static void create_now(const char *link, int attempt)
{
    struct journal_row *row = kit_row(&bridge, attempt > 1 ? JOURNAL_RETRY : JOURNAL_INTENT);

    kit_order(&row->u.order, link);
    row->at_ms = clock_wall_ms();
    row->u.order.created_ms = clock_wall_ms();
    row->u.order.attempt = attempt;
    kit_submit(&bridge, row);
    kit_settle(&bridge);
}

START_TEST(creates_are_placed_by_the_clock_that_nobody_sets)
{
    const int64_t steps_ms[] = { 3600000, -7200000, 86400000, -90000 };
    const int64_t began_ms = clock_mono_ms();
    char link[16];
    struct ages ages;

    for (int i = 0; i < (int)ARRAY_LEN(steps_ms); i++) {
        kit_start(&bridge);
        (void)snprintf(link, sizeof(link), "l%d", i);
        create_now(link, 1);
        create_now(link, 2);
        clock_was(steps_ms[i]);
        open_again();
        ages = ages_of();
        ck_assert_uint_eq(ages.count, 2 * ((size_t)i + 1));
        ck_assert_int_le(ages.newest_ms, 2);
        ck_assert_int_ge(ages.oldest_ms, began_ms - clock_mono_ms() - 2);
        kit_stop(&bridge);
    }
}
END_TEST

START_TEST(starts_of_the_last_seconds_are_counted)
{
    kit_start(&bridge);
    ck_assert_int_eq(bridge.start.recent_starts, 0);
    for (int i = 1; i <= 3; i++) {
        kit_stop(&bridge);
        open_again();
        ck_assert_int_eq(bridge.start.recent_starts, i);
    }
    kit_stop(&bridge);
    run_sql("UPDATE runs SET mono_ms=mono_ms-5000 WHERE run<3;"
            "UPDATE runs SET boot_id='another' WHERE run=3");
    open_again();
    ck_assert_int_eq(bridge.start.recent_starts, 1);
}
END_TEST

START_TEST(what_an_earlier_run_made_a_minute_ago_is_over_whatever_its_clock_said)
{
    kit_start(&bridge);
    create_now("a", 1);
    kit_stop(&bridge);
    run_sql("UPDATE runs SET base_ms=base_ms+61000, mono_ms=mono_ms-61000");
    open_again();
    ck_assert_uint_eq(ages_of().count, 0);
}
END_TEST

START_TEST(only_so_many_runs_and_their_retries_are_remembered)
{
    kit_start(&bridge);
    create_now("a", 1);
    create_now("a", 2);
    kit_stop(&bridge);
    run_sql("UPDATE runs SET mono_ms=mono_ms-1000000");
    kit_start(&bridge);
    kit_stop(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM retries"), 1);
    run_sql("UPDATE runs SET mono_ms=mono_ms-600001");
    kit_start(&bridge);
    kit_stop(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM retries"), 0);
    run_sql("WITH RECURSIVE n(run) AS (SELECT 9 UNION ALL SELECT run+1 FROM n WHERE run<1000)"
            " INSERT INTO runs SELECT run, 'old', 0, 0, 1 FROM n;"
            "UPDATE meta SET value='1000' WHERE key='run'; UPDATE progress SET run=1000");
    open_again();
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM runs"), 256);
    ck_assert_int_eq(kit_query(&bridge, "SELECT max(run) FROM runs"), bridge.start.run);
}
END_TEST

static void expect_creates(int64_t since_ms, const char *expected)
{
    struct seen seen = { 0 };
    struct error error = { 0 };

    ck_assert_int_eq(journal_recent_creates(bridge.journal, AT_MS + since_ms + 1000, 1000,
                                            on_create, &seen, &error),
                     ERR_NONE);
    ck_assert_str_eq(seen.text, expected);
}

static struct order *fill_create(struct journal_row *row, const char *link, const char *client,
                                 int64_t ms)
{
    struct order *order = &row->u.order;

    kit_order(order, link);
    (void)snprintf(order->request.client, sizeof(order->request.client), "%s", client);
    order->created_ms = AT_MS + ms;
    return order;
}

static void submit_intent(const char *link, const char *client, int64_t ms)
{
    struct journal_row *row = kit_row(&bridge, JOURNAL_INTENT);

    row->at_ms = AT_MS + ms;
    fill_create(row, link, client, ms);
    kit_submit(&bridge, row);
}

/* Its first attempt was at `first_ms`. */
static void submit_retry(const char *link, const char *client, int64_t first_ms, int attempt,
                         int64_t ms)
{
    struct journal_row *row = kit_row(&bridge, JOURNAL_RETRY);

    row->at_ms = AT_MS + ms;
    fill_create(row, link, client, first_ms)->attempt = attempt;
    kit_submit(&bridge, row);
}

static void submit_external(const char *order_id, int64_t ms)
{
    struct order order;

    kit_order(&order, "");
    (void)snprintf(order.order_id, sizeof(order.order_id), "%s", order_id);
    order.external = true;
    order.state = ORDER_LIVE;
    order.created_ms = AT_MS + ms;
    kit_submit(&bridge, kit_order_row(&bridge, &order));
}

static void submit_closed(const char *link, const char *client, int64_t ms)
{
    struct journal_row *row = kit_row(&bridge, JOURNAL_ORDER);
    struct order *order = fill_create(row, link, client, ms);

    order->state = ORDER_CLOSED;
    order->status = STATUS_CANCELLED;
    order->updated_ms = AT_MS + ms + 5000;
    kit_add_event(&bridge, row, "order");
    kit_submit(&bridge, row);
}

/* However an order ended, it was created; a known link was not created again; nor were orders of
 * others. */
START_TEST(each_create_of_the_last_minute_is_told_once_and_in_order)
{
    kit_start(&bridge);
    submit_intent("a", "x", 1);
    submit_intent("b", "", 2);
    submit_closed("b", "", 2);
    submit_intent("c", "y", 3);
    submit_intent("c", "z", 9000); /* a known link */
    submit_external("77", 4);
    submit_retry("c", "y", 3, 2, 8000);
    submit_retry("c", "y", 3, 3, 8500);
    submit_intent("d", "x", 8200);
    kit_settle(&bridge);
    reopen();
    expect_creates(0, "x+1 +2 y+3 y+8000 x+8200 y+8500 ");
    expect_creates(3, "y+3 y+8000 x+8200 y+8500 ");
    expect_creates(8001, "x+8200 y+8500 ");
    expect_creates(9000, "");
}
END_TEST

START_TEST(retries_are_kept_no_longer_than_they_can_matter)
{
    kit_start(&bridge);
    submit_intent("a", "x", 0);
    for (int i = 0; i < 50; i++)
        submit_retry("a", "x", 0, 2 + i, 1000 + i);
    submit_retry("a", "x", 0, 52, 700000);
    kit_settle(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM retries"), 1);
    reopen();
    expect_creates(640001, "x+700000 ");
}
END_TEST

START_TEST(two_retries_of_one_moment_are_two)
{
    kit_start(&bridge);
    submit_intent("a", "x", 0);
    submit_intent("b", "y", 0);
    submit_retry("a", "x", 0, 2, 10);
    submit_retry("b", "y", 0, 2, 10);
    kit_settle(&bridge);
    reopen();
    expect_creates(1, "x+10 y+10 ");
}
END_TEST

/* A million old orders must not be read for the newest few. */
START_TEST(the_last_minute_is_found_by_an_index)
{
    sqlite3 *db;
    sqlite3_stmt *plan;

    kit_start(&bridge);
    kit_stop(&bridge);
    ck_assert_int_eq(sqlite3_open(bridge.path, &db), SQLITE_OK);
    ck_assert_int_eq(
        sqlite3_prepare_v2(db,
                           "EXPLAIN QUERY PLAN SELECT created_ms, client FROM orders"
                           " INDEXED BY orders_created"
                           " WHERE created_ms>=?1 AND id>=?2 AND id<?3 AND external=0"
                           " UNION ALL SELECT at_ms, client FROM retries WHERE at_ms>=?1 AND"
                           " (run=?4 OR (?4=0 AND run NOT IN"
                           " (SELECT run FROM runs WHERE boot_id=?5))) ORDER BY 1",
                           -1, &plan, NULL),
        SQLITE_OK);
    while (sqlite3_step(plan) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(plan, 3);

        ck_assert_msg(!strstr(detail, "SCAN") || strstr(detail, "SCAN runs"), "%s", detail);
        ck_assert_msg(!strstr(detail, "TEMP B-TREE"), "%s", detail);
    }
    sqlite3_finalize(plan);
    sqlite3_close(db);
}
END_TEST

/* --- the price that an order is valued by --- */

static struct decimal restored_price;
static size_t restored_count;

static void on_restored(const struct order *order, const struct journal_fill_key *fills,
                        size_t fills_count, void *userdata)
{
    (void)fills;
    (void)fills_count;
    (void)userdata;
    restored_price = order->request.value_price;
    restored_count++;
}

static void restore(void)
{
    struct error error = { 0 };

    restored_count = 0;
    ck_assert_msg(journal_restore(bridge.journal, on_restored, NULL, &error) == ERR_NONE, "%s",
                  error.text);
}

static void expect_price(const char *expected)
{
    char shown[DECIMAL_TEXT_MAX];

    reopen();
    restore();
    ck_assert_uint_eq(restored_count, 1);
    ck_assert_str_eq(decimal_format(&restored_price, shown), expected);
    kit_stop(&bridge);
    kit_start(&bridge);
}

START_TEST(the_price_that_an_order_is_valued_by_comes_back)
{
    struct journal_row *row;
    struct order order;

    kit_start(&bridge);
    row = kit_intent(&bridge, "a");
    row->u.order.request.value_price = kit_decimal("26000.10");
    kit_submit(&bridge, row);
    kit_settle(&bridge);
    expect_price("26000.10");

    kit_order(&order, "a");
    order.request.value_price = kit_decimal("26000.10");
    order.state = ORDER_ACKED;
    (void)snprintf(order.order_id, sizeof(order.order_id), "1");
    kit_submit(&bridge, kit_order_row(&bridge, &order));
    kit_settle(&bridge);
    expect_price("26000.10");

    /* Tried again at another price. */
    row = kit_row(&bridge, JOURNAL_RETRY);
    kit_order(&row->u.order, "a");
    row->u.order.request.value_price = DECIMAL_NONE;
    kit_submit(&bridge, row);
    kit_settle(&bridge);
    expect_price("");
}
END_TEST

/* --- a file of the format before --- */

static char old_file[32 * 1024];

static void write_old_file(void)
{
    char folder[96];
    FILE *file = fopen(FIXTURES "/journal_format_1.sql", "re");

    ck_assert_ptr_nonnull(file);
    old_file[fread(old_file, 1, sizeof(old_file) - 1, file)] = '\0';
    (void)fclose(file);

    (void)snprintf(folder, sizeof(folder), "mkdir -m 700 '%s/j'", bridge.folder);
    ck_assert_int_eq(system(folder), 0);
    kit_change(&bridge, old_file);
}

START_TEST(a_file_of_format_1_takes_what_the_guard_needs_and_keeps_the_rest)
{
    struct error error = { 0 };

    write_old_file();
    ck_assert_msg(kit_open(&bridge, &error) == ERR_NONE, "%s", error.text);
    ck_assert_int_eq(bridge.start.run, 8);
    ck_assert_str_eq(bridge.start.id, "k3x9q0ab");
    ck_assert_int_eq(kit_query(&bridge, "PRAGMA user_version"), 6);
    expect_state(NULL);
    restore();
    ck_assert_uint_eq(restored_count, 2);
    ck_assert(decimal_is_none(&restored_price));
    expect_creates(0, "bot+0 bot+1000 ");
    expect_creates(1000, "bot+1000 ");

    kit_stop(&bridge);
    kit_start(&bridge);
    submit_state("{\"killed\":true}");
    submit_intent("new", "bot", 5000);
    kit_settle(&bridge);
    reopen();
    expect_state("{\"killed\":true}");
    expect_creates(1000, "bot+1000 bot+5000 ");
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM v_orders"), 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal_guard");
    TCase *tcase = tcase_create("journal_guard");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_state_of_the_guard_is_the_last_one_stored);
    tcase_add_test(tcase, a_fresh_start_forgets_the_orders_and_not_the_guard);
    tcase_add_test(tcase, a_large_state_comes_back_whole);
    tcase_add_test(tcase, a_state_that_is_not_written_is_freed);
    tcase_add_test(tcase, each_create_of_the_last_minute_is_told_once_and_in_order);
    tcase_add_test(tcase, creates_are_placed_by_the_clock_that_nobody_sets);
    tcase_add_test(tcase, starts_of_the_last_seconds_are_counted);
    tcase_add_test(tcase, what_an_earlier_run_made_a_minute_ago_is_over_whatever_its_clock_said);
    tcase_add_test(tcase, only_so_many_runs_and_their_retries_are_remembered);
    tcase_add_test(tcase, retries_are_kept_no_longer_than_they_can_matter);
    tcase_add_test(tcase, two_retries_of_one_moment_are_two);
    tcase_add_test(tcase, the_last_minute_is_found_by_an_index);
    tcase_add_test(tcase, the_price_that_an_order_is_valued_by_comes_back);
    tcase_add_test(tcase, a_file_of_format_1_takes_what_the_guard_needs_and_keeps_the_rest);
    suite_add_tcase(suite, tcase);
    return kit_main(suite);
}
