/* Steps of the schema, on databases in memory. */
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <sqlite3.h>

#include "db/migrations.h"
#include "db/statement.h"

static sqlite3 *db;

static void setup(void)
{
    ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
}

static void teardown(void)
{
    sqlite3_close(db);
}

static int64_t number(const char *sql)
{
    int64_t value = -1;
    struct error error = { 0 };

    ck_assert_msg(db_integer(db, sql, &value, &error) == ERR_NONE, "%s", error.text);
    return value;
}

static void run(const char *sql)
{
    struct error error = { 0 };

    ck_assert_msg(db_exec(db, sql, &error) == ERR_NONE, "%s", error.text);
}

static const struct migration steps[] = {
    { "one", "CREATE TABLE one (a INTEGER) STRICT; INSERT INTO one VALUES (1)" },
    { "two", "ALTER TABLE one ADD COLUMN b INTEGER; UPDATE one SET b=2" },
    { "bad", "CREATE TABLE three (a INTEGER) STRICT; INSERT INTO nowhere VALUES (1)" },
};

START_TEST(a_new_file_gets_the_schema_once)
{
    struct error error = { 0 };

    ck_assert_int_eq(migrations_run(db, &error), ERR_NONE);
    ck_assert_int_eq(number("PRAGMA application_id"), MIGRATIONS_APPLICATION_ID);
    ck_assert_int_gt(number("PRAGMA user_version"), 0);
    ck_assert_int_eq(migrations_run(db, &error), ERR_NONE);
    ck_assert_int_eq(number("SELECT count(*) FROM orders"), 0);
    ck_assert_int_eq(number("SELECT count(*) FROM fills"), 0);
    ck_assert_int_eq(number("SELECT count(*) FROM v_orders"), 0);
    ck_assert_int_eq(number("SELECT count(*) FROM v_fills"), 0);
    ck_assert_int_eq(number("SELECT position FROM progress"), 0);
}
END_TEST

/* What is in a file of format 5 stays; its orders have no objects yet. */
START_TEST(a_file_of_format_5_gets_a_place_for_the_objects_of_orders)
{
    struct error error = { 0 };

    ck_assert_int_eq(migrations_run(db, &error), ERR_NONE);
    run("DROP TABLE natives; PRAGMA user_version=5; INSERT INTO meta VALUES ('k', 'v')");
    ck_assert_int_eq(migrations_run(db, &error), ERR_NONE);
    ck_assert_int_eq(number("PRAGMA user_version"), 6);
    ck_assert_int_eq(number("SELECT count(*) FROM meta WHERE key='k'"), 1);
    ck_assert_int_eq(number("SELECT count(*) FROM natives"), 0);
    run("INSERT INTO natives VALUES (1, '{}')");
}
END_TEST

START_TEST(each_step_is_taken_once_and_in_order)
{
    struct error error = { 0 };

    ck_assert_int_eq(migrations_apply(db, steps, 1, &error), ERR_NONE);
    ck_assert_int_eq(number("PRAGMA user_version"), 1);
    ck_assert_int_eq(migrations_apply(db, steps, 2, &error), ERR_NONE);
    ck_assert_int_eq(number("PRAGMA user_version"), 2);
    ck_assert_int_eq(number("SELECT a*10+b FROM one"), 12);
}
END_TEST

START_TEST(a_failed_step_leaves_the_file_at_the_one_before)
{
    struct error error = { 0 };

    ck_assert_int_ne(migrations_apply(db, steps, 3, &error), ERR_NONE);
    ck_assert_ptr_nonnull(strstr(error.text, "nowhere"));
    ck_assert_int_eq(number("PRAGMA user_version"), 2);
    ck_assert_int_eq(number("SELECT count(*) FROM sqlite_schema WHERE name='three'"), 0);
    ck_assert_int_eq(sqlite3_get_autocommit(db), 1);
}
END_TEST

START_TEST(a_newer_file_is_refused_unchanged)
{
    struct error error = { 0 };

    ck_assert_int_eq(migrations_apply(db, steps, 2, &error), ERR_NONE);
    ck_assert_int_eq(migrations_apply(db, steps, 1, &error), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(error.text, "newer"));
    ck_assert_ptr_nonnull(strstr(error.text, "format 2"));
    ck_assert_int_eq(number("PRAGMA user_version"), 2);
}
END_TEST

START_TEST(a_file_of_another_program_is_refused_unchanged)
{
    static const char *const others[] = { "PRAGMA user_version=1", "PRAGMA application_id=77",
                                          "CREATE TABLE t (a)", "PRAGMA user_version=-1" };
    struct error error = { 0 };

    run(others[_i]);
    ck_assert_int_eq(migrations_run(db, &error), ERR_INVALID);
    ck_assert_int_eq(number("SELECT count(*) FROM sqlite_schema WHERE name='orders'"), 0);
}
END_TEST

START_TEST(the_tables_take_no_wrong_type_and_no_second_key)
{
    static const char *const refused[] = {
        "INSERT INTO meta VALUES ('k', x'00')",
        "INSERT INTO progress VALUES (2, 0, 0, 0)",
        "INSERT INTO events VALUES (1, 'now', 'order', '{}', x'00')",
        "INSERT INTO events VALUES (1, 1, 'order', NULL, x'00')",
        "INSERT INTO orders (link) VALUES ('a')",
        "INSERT INTO guard VALUES (2, 1, '{}')",
        "INSERT INTO guard VALUES (1, 1, NULL)",
        "INSERT INTO retries VALUES (1, 'a', 1, NULL)",
        "INSERT INTO natives VALUES (1, NULL)",
        "INSERT INTO natives VALUES ('a', '{}')",
    };
    struct error error = { 0 };

    ck_assert_int_eq(migrations_run(db, &error), ERR_NONE);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        ck_assert_int_eq(db_exec(db, refused[i], &error), ERR_IO);
}
END_TEST

/* Lists must not read whole tables: each of these is served by an index. */
START_TEST(lists_and_look_ups_use_an_index)
{
    static const char *const queries[] = {
        "SELECT * FROM orders WHERE link='a' AND link<>''",
        "SELECT * FROM orders WHERE order_id='a' AND category='spot' AND order_id<>''",
        "SELECT * FROM orders WHERE client_id='a' AND client_id<>'' AND client_id<>link",
        "SELECT * FROM orders WHERE final=0 AND (created_ms,id)<(1,1) ORDER BY created_ms DESC, id "
        "DESC",
        "SELECT * FROM orders WHERE symbol='A' AND (created_ms,id)<(1,1) ORDER BY created_ms DESC, "
        "id DESC",
        "SELECT * FROM orders WHERE tag<>'' AND tag='A' ORDER BY created_ms DESC, id DESC",
        "SELECT * FROM orders WHERE created_ms>=5 AND created_ms<9 ORDER BY created_ms DESC, id "
        "DESC",
        "SELECT * FROM orders ORDER BY created_ms DESC, id DESC",
        "SELECT * FROM fills WHERE order_id='a' AND category='spot'",
        "SELECT * FROM fills WHERE symbol='A' AND at_ms>=5 ORDER BY at_ms DESC, id DESC",
        "SELECT * FROM fills WHERE tag<>'' AND tag='A' ORDER BY at_ms DESC, id DESC",
        "SELECT * FROM fills ORDER BY at_ms DESC, id DESC",
        "SELECT * FROM events WHERE seq>5 ORDER BY seq LIMIT 5",
        "SELECT json FROM natives WHERE id=1",
    };
    struct error error = { 0 };

    ck_assert_int_eq(migrations_run(db, &error), ERR_NONE);
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        sqlite3_stmt *plan;
        char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", queries[i]);

        ck_assert_int_eq(db_prepare(&plan, db, sql, &error), ERR_NONE);
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *detail = column_word(plan, 3);

            ck_assert_msg(strstr(detail, "INDEX") || strstr(detail, "PRIMARY KEY"), "%s: %s",
                          queries[i], detail);
            ck_assert_msg(!strstr(detail, "TEMP B-TREE"), "%s: %s", queries[i], detail);
        }
        sqlite3_finalize(plan);
        sqlite3_free(sql);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("migrations");
    TCase *tcase = tcase_create("migrations");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_new_file_gets_the_schema_once);
    tcase_add_test(tcase, a_file_of_format_5_gets_a_place_for_the_objects_of_orders);
    tcase_add_test(tcase, each_step_is_taken_once_and_in_order);
    tcase_add_test(tcase, a_failed_step_leaves_the_file_at_the_one_before);
    tcase_add_test(tcase, a_newer_file_is_refused_unchanged);
    tcase_add_loop_test(tcase, a_file_of_another_program_is_refused_unchanged, 0, 4);
    tcase_add_test(tcase, the_tables_take_no_wrong_type_and_no_second_key);
    tcase_add_test(tcase, lists_and_look_ups_use_an_index);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
