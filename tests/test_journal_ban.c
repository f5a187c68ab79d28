/* The exchange's ban of this address, over the end of the process. */
#include "base/clock.h"
#include "tests/test_journal_kit.h"

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

/* What the next opening finds. */
static int64_t left_after_reopen(void)
{
    struct error error = { 0 };

    kit_stop(&bridge);
    ck_assert_msg(kit_open(&bridge, &error) == ERR_NONE, "%s", error.text);
    return bridge.start.banned_ms;
}

static void expect_about(int64_t left_ms, int64_t wanted_ms)
{
    ck_assert_int_ge(left_ms, 0);
    ck_assert_int_le(left_ms, wanted_ms);
    ck_assert_int_gt(left_ms, wanted_ms - 5000);
}

START_TEST(a_ban_is_noted_at_once_and_found_by_the_next_opening)
{
    int64_t begin_ms = clock_mono_ms();

    kit_start(&bridge);
    ck_assert_int_eq(bridge.start.banned_ms, 0);
    journal_note_ban(bridge.journal, begin_ms + 600000);
    journal_note_ban(bridge.journal, begin_ms + 300000); /* the longer one counts */
    while (!kit_query(&bridge, "SELECT count(*) FROM meta WHERE key='ban'"))
        ck_assert_int_lt(clock_mono_ms(), begin_ms + 5000);
    expect_about(left_after_reopen(), 600000);
    expect_about(left_after_reopen(), 600000); /* it is not forgotten by being found */
}
END_TEST

START_TEST(a_start_that_fails_leaves_word_of_it)
{
    struct error error = { 0 };

    ck_assert_int_eq(kit_open(&bridge, &error), ERR_NONE);
    journal_note_ban(bridge.journal, clock_mono_ms() + 600000); /* there is no thread yet */
    expect_about(left_after_reopen(), 600000);
}
END_TEST

START_TEST(the_longest_counts_whenever_it_was_noted)
{
    int64_t begin_ms = clock_mono_ms();

    kit_start(&bridge);
    journal_note_ban(bridge.journal, begin_ms + 600000);
    while (!kit_query(&bridge, "SELECT count(*) FROM meta WHERE key='ban'"))
        ck_assert_int_lt(clock_mono_ms(), begin_ms + 5000);
    journal_note_ban(bridge.journal, begin_ms + 300000);
    expect_about(left_after_reopen(), 600000);
    journal_note_ban(bridge.journal, begin_ms + 300000); /* behind one that was found */
    expect_about(left_after_reopen(), 600000);
}
END_TEST

/* Length, end since boot, end by the wall clock, boot. */
static void store_ban(int64_t length_ms, int64_t until_ms, int64_t until_wall_ms, const char *boot)
{
    char sql[256];

    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO meta SELECT 'ban', '%" PRId64 " %" PRId64 " %" PRId64
                   " ' || %s FROM meta WHERE key='boot_id' ON CONFLICT DO UPDATE SET"
                   " value=excluded.value",
                   length_ms, until_ms, until_wall_ms, boot);
    kit_stop(&bridge);
    run_sql(sql);
}

START_TEST(within_a_boot_no_wall_clock_counts)
{
    const int64_t mono_ms = clock_mono_ms();
    const int64_t wall_ms = clock_wall_ms();

    kit_start(&bridge);
    store_ban(600000, mono_ms + 100000, wall_ms - 86400000, "value");
    expect_about(left_after_reopen(), 100000);
    store_ban(600000, mono_ms - 1, wall_ms + 86400000, "value");
    ck_assert_int_eq(left_after_reopen(), 0);
}
END_TEST

/* Of a ban of `length_ms` that was noted before this boot, at most. */
static int64_t rest_of(int64_t length_ms)
{
    int64_t left_ms = length_ms - clock_mono_ms();

    return left_ms > 0 ? left_ms : 0;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

START_TEST(after_another_boot_it_is_the_wall_clock_and_never_longer_than_it_can_be)
{
    const int64_t mono_ms = clock_mono_ms();
    const int64_t wall_ms = clock_wall_ms();

    kit_start(&bridge);
    store_ban(600000, mono_ms - 1, wall_ms + 100000, "'other'");
    expect_about(left_after_reopen(), least(100000, rest_of(600000)));
    store_ban(600000, mono_ms + 100000, wall_ms - 1, "'other'");
    ck_assert_int_eq(left_after_reopen(), 0);
    store_ban(600000, mono_ms, wall_ms + 86400000, "'other'");
    expect_about(left_after_reopen(), rest_of(600000));
    store_ban(INT64_MAX, mono_ms, INT64_MAX, "'other'");
    expect_about(left_after_reopen(), rest_of(3600000));
}
END_TEST

/* As if the wall clock had been years ahead when it was noted: each boot would be banned anew. */
START_TEST(what_was_found_is_noted_anew_by_the_clocks_of_this_boot)
{
    kit_start(&bridge);
    store_ban(600000, 0, INT64_C(4102444800000), "'other'");
    (void)left_after_reopen();
    kit_stop(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM meta WHERE key='ban' AND"
                                        " value LIKE '%other'"),
                     0);
    store_ban(INT64_MAX, INT64_MAX, INT64_MAX, "value"); /* no ban is longer than an hour */
    expect_about(left_after_reopen(), 3600000);
    kit_stop(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM meta WHERE key='ban' AND"
                                        " value LIKE '9223%'"),
                     0);
}
END_TEST

/* A wall clock that begins anew with each boot would find it again and again. */
START_TEST(what_is_over_is_forgotten)
{
    kit_start(&bridge);
    store_ban(600000, clock_mono_ms() - 1, clock_wall_ms() + 86400000, "value");
    ck_assert_int_eq(left_after_reopen(), 0);
    kit_stop(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM meta WHERE key='ban'"), 0);
}
END_TEST

START_TEST(a_ban_before_what_the_exchange_has_told_since_is_over)
{
    const int64_t until_ms = clock_wall_ms() + 500000;
    char sql[128];

    kit_start(&bridge);
    store_ban(INT64_MAX, 0, until_ms, "'other'");
    (void)snprintf(sql, sizeof(sql), "REPLACE INTO meta VALUES ('watermark', '%" PRId64 "')",
                   until_ms);
    run_sql(sql);
    ck_assert_int_eq(left_after_reopen(), 0);
}
END_TEST

START_TEST(what_is_no_ban_is_none)
{
    static const char least[] = "9223372036854775807 -9223372036854775808 -9223372036854775808 x";
    static const char *const texts[] = { "", "x", "1 2", "600000 99999999999", "-1 9 9 x", least };
    char sql[160];

    kit_start(&bridge);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        kit_stop(&bridge);
        (void)snprintf(sql, sizeof(sql), "REPLACE INTO meta VALUES ('ban', '%s')", texts[i]);
        run_sql(sql);
        ck_assert_int_eq(left_after_reopen(), 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal_ban");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_ban_is_noted_at_once_and_found_by_the_next_opening);
    tcase_add_test(tcase, the_longest_counts_whenever_it_was_noted);
    tcase_add_test(tcase, a_start_that_fails_leaves_word_of_it);
    tcase_add_test(tcase, within_a_boot_no_wall_clock_counts);
    tcase_add_test(tcase, after_another_boot_it_is_the_wall_clock_and_never_longer_than_it_can_be);
    tcase_add_test(tcase, what_was_found_is_noted_anew_by_the_clocks_of_this_boot);
    tcase_add_test(tcase, what_is_over_is_forgotten);
    tcase_add_test(tcase, a_ban_before_what_the_exchange_has_told_since_is_over);
    tcase_add_test(tcase, what_is_no_ban_is_none);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
