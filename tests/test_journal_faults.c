/* The journal on failing disks. A VFS between SQLite and the system counts syncs and fails on
 * demand; a small tmpfs is a disk that is really full. */
#include <sys/mount.h>
#include <sys/stat.h>

#include "db/verify.h"
#include "tests/test_journal_kit.h"

/* --- the VFS --- */

static atomic_uint wal_syncs;
static atomic_int fail_wal_syncs;   /* that many fail, the data is written all the same */
static atomic_int fail_writes_with; /* SQLite's code for each write; 0: none fails */
static sqlite3_vfs *real_vfs;

struct shim {
    sqlite3_file base;
    bool is_wal;
    _Alignas(8) char real[]; /* the system's sqlite3_file */
};

static sqlite3_file *real_of(sqlite3_file *file)
{
    return (sqlite3_file *)(void *)((struct shim *)(void *)file)->real;
}

static int shim_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int shim_read(sqlite3_file *file, void *data, int bytes, sqlite3_int64 at)
{
    return real_of(file)->pMethods->xRead(real_of(file), data, bytes, at);
}

static int shim_write(sqlite3_file *file, const void *data, int bytes, sqlite3_int64 at)
{
    int code = atomic_load(&fail_writes_with);

    return code ? code : real_of(file)->pMethods->xWrite(real_of(file), data, bytes, at);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 bytes)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), bytes);
}

static int shim_sync(sqlite3_file *file, int flags)
{
    int code = real_of(file)->pMethods->xSync(real_of(file), flags);

    if (!((struct shim *)(void *)file)->is_wal)
        return code;
    atomic_fetch_add(&wal_syncs, 1);
    if (atomic_load(&fail_wal_syncs) > 0) {
        atomic_fetch_sub(&fail_wal_syncs, 1);
        return SQLITE_IOERR_FSYNC;
    }
    return code;
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *bytes)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), bytes);
}

static int shim_lock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int shim_unlock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int shim_reserved(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int shim_control(sqlite3_file *file, int operation, void *data)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, data);
}

static int shim_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int shim_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int shim_shm_map(sqlite3_file *file, int page, int bytes, int extend, void volatile **out)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, bytes, extend, out);
}

static int shim_shm_lock(sqlite3_file *file, int at, int count, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), at, count, flags);
}

static void shim_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int shim_shm_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods shim_methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_traits,
    .xShmMap = shim_shm_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier,
    .xShmUnmap = shim_shm_unmap,
};

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct shim *shim = (struct shim *)(void *)file;
    int code;

    (void)vfs;
    shim->base.pMethods = NULL;
    shim->is_wal = (flags & SQLITE_OPEN_WAL) != 0;
    code = real_vfs->xOpen(real_vfs, name, real_of(file), flags, out);
    if (code == SQLITE_OK)
        shim->base.pMethods = &shim_methods;
    return code;
}

static void install_vfs(void)
{
    static sqlite3_vfs vfs;

    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs; /* what is not replaced works on the VFS it is given: names and clocks only */
    vfs.zName = "shim";
    vfs.szOsFile = (int)sizeof(struct shim) + real_vfs->szOsFile;
    vfs.xOpen = shim_open;
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
        abort();
}

/* --- fixture --- */

static struct bridge bridge;

static void setup(void)
{
    kit_folder(&bridge);
    atomic_store(&wal_syncs, 0);
    atomic_store(&fail_wal_syncs, 0);
    atomic_store(&fail_writes_with, 0);
}

static void teardown(void)
{
    atomic_store(&fail_writes_with, 0);
    atomic_store(&fail_wal_syncs, 0);
    journal_close(bridge.journal);
    bridge.journal = NULL;
    kit_remove_folder(&bridge);
}

static void submit_event(void)
{
    struct order order;

    kit_order(&order, "events");
    kit_submit(&bridge, kit_order_row(&bridge, &order));
}

static void all_is_well(uint64_t events)
{
    struct journal_verified verified;
    struct error error = { 0 };

    ck_assert_msg(journal_verify(bridge.path, &verified, &error) == ERR_NONE, "%s", error.text);
    ck_assert_uint_eq(verified.events, events);
    ck_assert_uint_eq(atomic_load(&bridge.listener.gaps), 0);
}

/* --- sync --- */

START_TEST(an_intent_is_synced_and_evidence_soon_after)
{
    unsigned before;

    kit_start(&bridge);
    before = atomic_load(&wal_syncs);
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    kit_settle(&bridge);
    ck_assert_uint_gt(atomic_load(&wal_syncs), before);

    before = atomic_load(&wal_syncs);
    submit_event();
    kit_settle(&bridge);
    ck_assert_uint_eq(atomic_load(&wal_syncs), before);
    kit_await(atomic_load(&wal_syncs) == before + 1);
    /* Once, and no commit that nobody asked for is told. */
    kit_sleep_ms(300);
    ck_assert_uint_eq(atomic_load(&wal_syncs), before + 1);
    ck_assert_uint_eq(atomic_load(&bridge.listener.commits), 2);
}
END_TEST

START_TEST(a_known_link_and_a_retry_are_synced_too)
{
    struct journal_row *row;
    unsigned before;

    kit_start(&bridge);
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    kit_settle(&bridge);
    before = atomic_load(&wal_syncs);
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    kit_settle(&bridge);
    ck_assert_uint_eq(atomic_load(&wal_syncs), before + 1);
    row = kit_row(&bridge, JOURNAL_RETRY);
    kit_order(&row->u.order, "a");
    kit_submit(&bridge, row);
    kit_settle(&bridge);
    ck_assert_uint_eq(atomic_load(&wal_syncs), before + 2);
}
END_TEST

START_TEST(the_guard_is_synced_before_it_is_told)
{
    struct journal_row *row;
    unsigned before;

    kit_start(&bridge);
    before = atomic_load(&wal_syncs);
    row = kit_row(&bridge, JOURNAL_GUARD);
    row->u.guard.text = strdup("{\"killed\":true}");
    row->u.guard.bytes = strlen(row->u.guard.text);
    kit_add_event(&bridge, row, "guard");
    kit_submit(&bridge, row);
    kit_settle(&bridge);
    ck_assert_uint_eq(atomic_load(&wal_syncs), before + 1);
}
END_TEST

/* Without a pause, and not with each row: some five times a second, fewer where the machine is
 * slow. */
START_TEST(steady_evidence_is_synced_within_its_time)
{
    int64_t began_ms = clock_mono_ms();
    int64_t took_ms = 0;
    unsigned before;

    kit_start(&bridge);
    before = atomic_load(&wal_syncs);
    while (atomic_load(&wal_syncs) - before < 4 && took_ms < 5000) {
        submit_event();
        kit_sleep_ms(2);
        took_ms = clock_mono_ms() - began_ms;
    }
    ck_assert_uint_ge(atomic_load(&wal_syncs) - before, 4);
    ck_assert_int_ge(took_ms, 400);
}
END_TEST

/* --- down and up --- */

START_TEST(a_failed_sync_does_not_make_an_intent_known_to_itself)
{
    kit_start(&bridge);
    submit_event();
    kit_settle(&bridge);
    atomic_store(&fail_wal_syncs, 1);
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    submit_event();
    kit_await(atomic_load(&bridge.listener.downs) == 1);
    ck_assert_ptr_nonnull(strstr(bridge.listener.down_text, "disk"));
    submit_event();
    kit_settle(&bridge);
    ck_assert_uint_eq(atomic_load(&bridge.listener.ups), 1);
    ck_assert_uint_eq(atomic_load(&bridge.listener.downs), 1);
    ck_assert_uint_eq(atomic_load(&bridge.listener.known_count), 0);
    ck_assert_uint_eq(atomic_load(&bridge.listener.events), 3);
    kit_stop(&bridge);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM orders WHERE link='a'"), 1);
    all_is_well(3);
}
END_TEST

/* With a reader in the way the failed frames are not found again at once, and are then written
 * over. */
START_TEST(a_failed_sync_under_a_reader_loses_and_doubles_nothing)
{
    sqlite3 *reader;

    kit_start(&bridge);
    ck_assert_int_eq(sqlite3_open_v2(bridge.path, &reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(reader, "SELECT count(*) FROM orders", NULL, NULL, NULL),
                     SQLITE_OK);
    kit_submit(&bridge, kit_intent(&bridge, "old"));
    kit_settle(&bridge);
    atomic_store(&fail_wal_syncs, 1);
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    kit_submit(&bridge, kit_intent(&bridge, "old"));
    submit_event();
    kit_settle(&bridge);
    ck_assert_uint_eq(atomic_load(&bridge.listener.downs), 1);
    ck_assert_uint_eq(atomic_load(&bridge.listener.known_count), 1);
    ck_assert_str_eq(bridge.listener.known.stored.request.link, "old");
    sqlite3_close(reader);
    kit_stop(&bridge);
    all_is_well(1);
}
END_TEST

START_TEST(a_known_link_is_told_even_when_its_commit_looked_failed)
{
    kit_start(&bridge);
    kit_submit(&bridge, kit_intent(&bridge, "old"));
    kit_settle(&bridge);
    atomic_store(&fail_wal_syncs, 1);
    kit_submit(&bridge, kit_intent(&bridge, "old"));
    kit_settle(&bridge);
    ck_assert_uint_eq(atomic_load(&bridge.listener.downs), 1);
    ck_assert_uint_eq(atomic_load(&bridge.listener.known_count), 1);
}
END_TEST

START_TEST(what_is_submitted_while_down_is_written_when_up)
{
    static const int codes[] = { SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_READONLY };
    struct journal_status status;

    kit_start(&bridge);
    submit_event();
    kit_settle(&bridge);
    atomic_store(&fail_writes_with, codes[_i]);
    for (int i = 0; i < 50; i++)
        submit_event();
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    kit_await(atomic_load(&bridge.listener.downs) == 1);
    journal_get_status(bridge.journal, &status);
    ck_assert(status.down);
    ck_assert_uint_gt(status.waiting_rows, 0);
    ck_assert_int_eq(journal_wait(bridge.journal, bridge.position, 200), ERR_UNAVAILABLE);
    ck_assert_uint_eq(atomic_load(&bridge.listener.downs), 1);
    for (int i = 0; i < 50; i++)
        submit_event();
    atomic_store(&fail_writes_with, 0);
    kit_settle(&bridge);
    ck_assert_uint_eq(atomic_load(&bridge.listener.ups), 1);
    journal_get_status(bridge.journal, &status);
    ck_assert(!status.down);
    ck_assert_uint_eq(status.epoch, bridge.start.epoch);
    kit_stop(&bridge);
    all_is_well(101);
}
END_TEST

START_TEST(a_sync_that_fails_in_a_pause_is_made_up_for)
{
    kit_start(&bridge);
    atomic_store(&fail_wal_syncs, 1);
    submit_event();
    kit_await(atomic_load(&bridge.listener.downs) == 1);
    kit_await(atomic_load(&bridge.listener.ups) == 1);
    kit_stop(&bridge);
    all_is_well(1);
}
END_TEST

START_TEST(a_file_locked_by_another_program_is_waited_for)
{
    sqlite3 *other;

    kit_start(&bridge);
    ck_assert_int_eq(sqlite3_open(bridge.path, &other), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    submit_event();
    kit_await(atomic_load(&bridge.listener.downs) == 1);
    ck_assert_ptr_nonnull(strstr(bridge.listener.down_text, "another program"));
    ck_assert_int_eq(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    kit_settle(&bridge);
    ck_assert_uint_eq(atomic_load(&bridge.listener.ups), 1);
    sqlite3_close(other);
}
END_TEST

/* --- rows that the file lost --- */

/* Brings all that is committed into the file and starts the WAL anew: cutting it off later loses
 * only what came after. */
static void empty_the_wal(void)
{
    kit_change(&bridge, "PRAGMA wal_checkpoint(TRUNCATE)");
}

static void cut_the_wal(void)
{
    char name[128];

    (void)snprintf(name, sizeof(name), "%s-wal", bridge.path);
    ck_assert_int_eq(truncate(name, 0), 0);
    (void)snprintf(name, sizeof(name), "%s-shm", bridge.path);
    (void)unlink(name);
}

START_TEST(unsynced_rows_that_the_file_lost_are_written_again)
{
    struct journal_status status;
    struct fill fill;

    kit_start(&bridge);
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    submit_event();
    kit_settle(&bridge);
    empty_the_wal();
    submit_event();
    kit_fill(&fill, "id-1", "e-1");
    kit_submit(&bridge, kit_fill_row(&bridge, &fill));
    kit_settle(&bridge); /* committed and shown, not synced */
    atomic_store(&fail_writes_with, SQLITE_IOERR_WRITE);
    submit_event();
    kit_await(atomic_load(&bridge.listener.downs) == 1);
    cut_the_wal();
    atomic_store(&fail_writes_with, 0);
    kit_settle(&bridge);
    journal_get_status(bridge.journal, &status);
    ck_assert_uint_eq(status.epoch, bridge.start.epoch);
    kit_stop(&bridge);
    all_is_well(4);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM fills"), 1);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM orders"), 2);
}
END_TEST

START_TEST(synced_rows_that_the_file_lost_raise_the_epoch)
{
    struct journal_status status;
    uint64_t epoch;

    kit_start(&bridge);
    submit_event();
    kit_settle(&bridge);
    empty_the_wal();
    submit_event();
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    kit_settle(&bridge);
    kit_sleep_ms(250);
    atomic_store(&fail_writes_with, SQLITE_IOERR_WRITE);
    submit_event();
    kit_await(atomic_load(&bridge.listener.downs) == 1);
    cut_the_wal();
    atomic_store(&fail_writes_with, 0);
    kit_settle(&bridge);
    journal_get_status(bridge.journal, &status);
    ck_assert_uint_gt(status.epoch, bridge.start.epoch);
    epoch = status.epoch;
    kit_stop(&bridge);
    kit_start(&bridge);
    ck_assert_uint_eq(bridge.start.epoch, epoch);
    ck_assert_uint_eq(bridge.start.last_seq, 3);
}
END_TEST

START_TEST(a_file_that_another_bridge_took_is_not_written)
{
    int64_t began;

    kit_start(&bridge);
    kit_settle(&bridge);
    atomic_store(&fail_writes_with, SQLITE_FULL);
    submit_event();
    kit_await(atomic_load(&bridge.listener.downs) == 1);
    atomic_store(&fail_writes_with, 0);
    kit_change(&bridge, "UPDATE progress SET run=run+1");
    ck_assert_int_eq(journal_wait(bridge.journal, bridge.position, 300), ERR_UNAVAILABLE);
    began = clock_mono_ms();
    kit_stop(&bridge);
    ck_assert_int_le(clock_mono_ms() - began, 3000);
    ck_assert_int_eq(kit_query(&bridge, "SELECT count(*) FROM events"), 0);
    ck_assert_int_eq(kit_query(&bridge, "SELECT value='0' FROM meta WHERE key='clean_stop'"), 1);
}
END_TEST

START_TEST(a_stop_while_down_tries_once_more)
{
    kit_start(&bridge);
    atomic_store(&fail_writes_with, SQLITE_FULL);
    submit_event();
    kit_await(atomic_load(&bridge.listener.downs) == 1);
    atomic_store(&fail_writes_with, 0);
    kit_stop(&bridge);
    all_is_well(1);
    ck_assert_int_eq(kit_query(&bridge, "SELECT value='1' FROM meta WHERE key='clean_stop'"), 1);
}
END_TEST

/* --- checkpoints --- */

static void submit_large_events(unsigned count, size_t bytes)
{
    for (unsigned i = 0; i < count; i++) {
        struct order order;
        struct journal_row *row;

        kit_order(&order, "large");
        row = kit_order_row(&bridge, &order);
        free(row->json);
        row->json = calloc(1, bytes);
        ck_assert_ptr_nonnull(row->json);
        memset(row->json, 'x', bytes);
        row->json_bytes = bytes;
        kit_submit(&bridge, row);
        if (i % 100 == 99)
            kit_settle(&bridge);
    }
    kit_settle(&bridge);
}

static int64_t wal_bytes(void)
{
    struct journal_status with;
    struct stat info;

    journal_get_status(bridge.journal, &with);
    ck_assert_int_eq(stat(bridge.path, &info), 0);
    return with.file_bytes - (int64_t)info.st_size;
}

START_TEST(the_wal_stays_bounded_under_load_and_is_emptied_in_a_pause)
{
    const int64_t all = INT64_C(2600) * 60000;
    struct stat info;

    kit_start(&bridge);
    submit_large_events(2600, 60000); /* two checkpoints at the bound, and some 25 MB more */
    ck_assert_int_lt(wal_bytes(), 90 << 20);
    kit_await(stat(bridge.path, &info) == 0 && info.st_size > all);
    ck_assert_uint_eq(atomic_load(&bridge.listener.downs), 0);
    /* What comes next starts the WAL again from its beginning. */
    submit_large_events(100, 60000);
    ck_assert_int_lt(wal_bytes(), 90 << 20);
    kit_stop(&bridge);
    all_is_well(2700);
}
END_TEST

START_TEST(a_checkpoint_that_fails_costs_no_order)
{
    kit_start(&bridge);
    submit_large_events(100, 60000);
    atomic_store(&fail_writes_with, SQLITE_FULL);
    kit_sleep_ms(350); /* the pause's checkpoint, and the sync */
    atomic_store(&fail_writes_with, 0);
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    kit_settle(&bridge);
    kit_stop(&bridge);
    all_is_well(100);
}
END_TEST

START_TEST(a_stop_that_cannot_be_noted_is_not_clean)
{
    kit_start(&bridge);
    submit_event();
    kit_settle(&bridge);
    kit_sleep_ms(300);
    atomic_store(&fail_writes_with, SQLITE_IOERR_WRITE);
    kit_stop(&bridge);
    atomic_store(&fail_writes_with, 0);
    ck_assert_int_eq(kit_query(&bridge, "SELECT value='0' FROM meta WHERE key='clean_stop'"), 1);
    all_is_well(1);
}
END_TEST

/* --- a disk that is really full --- */

START_TEST(a_full_disk_is_survived_without_a_lost_row)
{
    char filler[128];
    char command[256];

    if (mount("tmpfs", bridge.folder, "tmpfs", 0, "size=4m") != 0) {
        (void)printf("skipped: no right to mount a tmpfs\n");
        return;
    }
    kit_start(&bridge);
    submit_event();
    kit_settle(&bridge);
    (void)snprintf(filler, sizeof(filler), "%s/filler", bridge.folder);
    (void)snprintf(command, sizeof(command), "cat /dev/zero > %s 2>/dev/null", filler);
    (void)!system(command);
    for (int i = 0; i < 2000; i++)
        submit_event();
    kit_submit(&bridge, kit_intent(&bridge, "a"));
    kit_await(atomic_load(&bridge.listener.downs) == 1);
    ck_assert_ptr_nonnull(strstr(bridge.listener.down_text, "make room"));
    ck_assert_int_eq(unlink(filler), 0);
    kit_settle(&bridge);
    kit_stop(&bridge);
    all_is_well(2001);
    ck_assert_int_eq(umount(bridge.folder), 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("journal faults");
    TCase *tcase = tcase_create("faults");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, an_intent_is_synced_and_evidence_soon_after);
    tcase_add_test(tcase, a_known_link_and_a_retry_are_synced_too);
    tcase_add_test(tcase, the_guard_is_synced_before_it_is_told);
    tcase_add_test(tcase, steady_evidence_is_synced_within_its_time);
    tcase_add_test(tcase, a_failed_sync_does_not_make_an_intent_known_to_itself);
    tcase_add_test(tcase, a_failed_sync_under_a_reader_loses_and_doubles_nothing);
    tcase_add_test(tcase, a_known_link_is_told_even_when_its_commit_looked_failed);
    tcase_add_loop_test(tcase, what_is_submitted_while_down_is_written_when_up, 0, 3);
    tcase_add_test(tcase, a_sync_that_fails_in_a_pause_is_made_up_for);
    tcase_add_test(tcase, a_file_locked_by_another_program_is_waited_for);
    tcase_add_test(tcase, unsynced_rows_that_the_file_lost_are_written_again);
    tcase_add_test(tcase, synced_rows_that_the_file_lost_raise_the_epoch);
    tcase_add_test(tcase, a_file_that_another_bridge_took_is_not_written);
    tcase_add_test(tcase, a_stop_while_down_tries_once_more);
    tcase_add_test(tcase, the_wal_stays_bounded_under_load_and_is_emptied_in_a_pause);
    tcase_add_test(tcase, a_checkpoint_that_fails_costs_no_order);
    tcase_add_test(tcase, a_stop_that_cannot_be_noted_is_not_clean);
    tcase_add_test(tcase, a_full_disk_is_survived_without_a_lost_row);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    install_vfs();
    return kit_main(make_suite());
}
