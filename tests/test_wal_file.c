/* The frames of a transaction leave in one write, and nothing else changes: a VFS below counts the
 * writes to the WAL and fails on demand, a reader with SQLite's own VFS sees what is there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>
#include <sqlite3.h>

#include "base/error.h"
#include "db/wal_file.h"

/* --- the VFS below --- */

static sqlite3_vfs *system_vfs;
static sqlite3_io_methods counting;
static const sqlite3_io_methods *system_methods;
static int writes;
static int fail_after = -1; /* so many more writes succeed; -1: all */

static int count_write(sqlite3_file *file, const void *data, int bytes, sqlite3_int64 at)
{
    writes++;
    if (fail_after == 0)
        return SQLITE_FULL;
    fail_after -= fail_after > 0;
    return system_methods->xWrite(file, data, bytes, at);
}

/* The system's file as it is, but for the method that counts. */
static int count_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    int code = system_vfs->xOpen(system_vfs, name, file, flags, out);

    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL) || !file->pMethods)
        return code;
    system_methods = file->pMethods;
    counting = *file->pMethods;
    counting.xWrite = count_write;
    file->pMethods = &counting;
    return code;
}

static void install_vfs(void)
{
    static sqlite3_vfs vfs;

    system_vfs = sqlite3_vfs_find(NULL);
    vfs = *system_vfs;
    vfs.zName = "counted";
    vfs.xOpen = count_open;
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
        abort();
}

/* --- fixture --- */

static char folder[64];
static char path[96];
static sqlite3 *writer;
static sqlite3 *reader;

static void run(const char *sql)
{
    char *why = NULL;

    ck_assert_msg(sqlite3_exec(writer, sql, NULL, NULL, &why) == SQLITE_OK, "%s: %s", sql, why);
}

static void setup(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/test-wal-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/j.db", folder);
    fail_after = -1;
    ck_assert_int_eq(
        sqlite3_open_v2(path, &writer, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, wal_file_vfs()),
        SQLITE_OK);
    run("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=NORMAL;"
        "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)");
    ck_assert_int_eq(sqlite3_open_v2(path, &reader, SQLITE_OPEN_READONLY, system_vfs->zName),
                     SQLITE_OK);
}

static void teardown(void)
{
    char command[128];

    sqlite3_close(reader);
    sqlite3_close(writer);
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static int64_t ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    int64_t value;

    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static int64_t rows_seen(void)
{
    return ask(reader, "SELECT count(*) FROM t");
}

static void all_is_whole(void)
{
    ck_assert_int_eq(ask(reader, "SELECT integrity_check='ok' FROM pragma_integrity_check"), 1);
}

/* A row fills a page or so. */
static void insert(int rows)
{
    char sql[256];

    (void)snprintf(sql, sizeof(sql),
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) "
                   "INSERT INTO t (text) SELECT hex(zeroblob(1900)) FROM n",
                   rows);
    run(sql);
}

static struct stat wal_stat(void)
{
    char name[112];
    struct stat info;

    (void)snprintf(name, sizeof(name), "%s-wal", path);
    ck_assert_int_eq(stat(name, &info), 0);
    return info;
}

/* --- tests --- */

START_TEST(a_commit_is_one_write)
{
    insert(1);
    for (int rows = 1; rows <= 16; rows *= 2) {
        writes = 0;
        insert(rows);
        ck_assert_int_eq(writes, 1);
    }
    ck_assert_int_eq(rows_seen(), 32);
    all_is_whole();
}
END_TEST

/* Whatever its size: a write below has a largest one. */
START_TEST(a_commit_of_any_size_is_there_for_readers_at_once)
{
    int64_t rows = 0;

    for (int more = 1; more <= 130; more++) {
        insert(more);
        rows += more;
        ck_assert_int_eq(rows_seen(), rows);
    }
    all_is_whole();
}
END_TEST

START_TEST(a_synced_commit_is_one_write_too)
{
    run("PRAGMA synchronous=FULL");
    insert(1);
    writes = 0;
    insert(5);
    ck_assert_int_eq(writes, 1);
    ck_assert_int_eq(rows_seen(), 6);
}
END_TEST

/* Pages leave before the commit, and are read and written again. */
START_TEST(a_transaction_larger_than_the_cache_is_whole)
{
    run("PRAGMA cache_size=10; BEGIN");
    insert(300);
    run("UPDATE t SET text=text||'x'");
    ck_assert_int_eq(ask(writer, "SELECT sum(length(text)) FROM t"), 300 * 3801);
    ck_assert_int_eq(rows_seen(), 0);
    run("COMMIT");
    ck_assert_int_eq(ask(reader, "SELECT sum(length(text)) FROM t"), 300 * 3801);
    all_is_whole();
}
END_TEST

START_TEST(what_is_rolled_back_leaves_nothing)
{
    insert(3);
    run("PRAGMA cache_size=10; BEGIN");
    insert(100);
    run("ROLLBACK");
    ck_assert_int_eq(rows_seen(), 3);
    insert(2);
    ck_assert_int_eq(rows_seen(), 5);
    all_is_whole();
}
END_TEST

/* The write that fails is the commit's own, or one before it. */
START_TEST(a_write_that_fails_fails_the_commit)
{
    insert(3);
    fail_after = _i;
    ck_assert_int_eq(sqlite3_exec(writer, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    insert(_i * 40 + 10);
    ck_assert_int_eq(sqlite3_exec(writer, "COMMIT", NULL, NULL, NULL), SQLITE_FULL);
    fail_after = -1;
    if (!sqlite3_get_autocommit(writer))
        run("ROLLBACK");
    ck_assert_int_eq(rows_seen(), 3);
    insert(4);
    ck_assert_int_eq(rows_seen(), 7);
    all_is_whole();
}
END_TEST

START_TEST(a_wal_that_begins_again_is_whole)
{
    int64_t bytes;

    insert(40);
    bytes = wal_stat().st_size;
    for (int i = 0; i < 5; i++) {
        run("PRAGMA wal_checkpoint(RESTART)");
        insert(10);
        ck_assert_int_eq(rows_seen(), 40 + 10 * (i + 1));
    }
    ck_assert_int_eq(wal_stat().st_size, bytes);
    run("PRAGMA wal_checkpoint(TRUNCATE)");
    ck_assert_int_eq(wal_stat().st_size, 0);
    insert(1);
    ck_assert_int_eq(rows_seen(), 91);
    all_is_whole();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wal_file");
    TCase *tcase = tcase_create("wal_file");
    SRunner *runner;
    int failed;

    install_vfs();
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_commit_is_one_write);
    tcase_add_test(tcase, a_commit_of_any_size_is_there_for_readers_at_once);
    tcase_add_test(tcase, a_synced_commit_is_one_write_too);
    tcase_add_test(tcase, a_transaction_larger_than_the_cache_is_whole);
    tcase_add_test(tcase, what_is_rolled_back_leaves_nothing);
    tcase_add_loop_test(tcase, a_write_that_fails_fails_the_commit, 0, 3);
    tcase_add_test(tcase, a_wal_that_begins_again_is_whole);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
