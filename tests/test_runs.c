/* The runs of a journal where the system does not tell which boot it is: /proc is not there. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/runs.h"
#include "tests/test_journal_kit.h"

static bool has_proc;
static struct bridge bridge;

/* In front of the C library's. */
int open(const char *path, int flags, ...)
{
    va_list more;
    mode_t mode;

    if (!has_proc && strncmp(path, "/proc/", 6) == 0) {
        errno = ENOENT;
        return -1;
    }
    va_start(more, flags);
    mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static void setup(void)
{
    has_proc = false;
    kit_folder(&bridge);
}

static void teardown(void)
{
    journal_close(bridge.journal);
    bridge.journal = NULL;
    kit_remove_folder(&bridge);
}

static int64_t recent_starts(void)
{
    struct error error = { 0 };

    kit_stop(&bridge);
    ck_assert_msg(kit_open(&bridge, &error) == ERR_NONE, "%s", error.text);
    return bridge.start.recent_starts;
}

START_TEST(a_boot_that_is_not_told_is_no_boot)
{
    char boot_id[RUNS_BOOT_ID_MAX];

    runs_boot_id(boot_id);
    ck_assert_str_eq(boot_id, "");
    kit_start(&bridge);
    ck_assert_int_eq(recent_starts(), 0);
    ck_assert_int_eq(recent_starts(), 0); /* of this boot, or of any */
    has_proc = true;
    ck_assert_int_eq(recent_starts(), 0);
    ck_assert_int_eq(recent_starts(), 1);
}
END_TEST

START_TEST(a_ban_is_then_placed_by_the_wall_clock)
{
    char text[RUNS_BAN_TEXT_MAX];

    runs_ban_write(text, clock_mono_ms() + 1000);
    ck_assert_int_le(runs_ban_left_ms(text, 0), 1000);
    ck_assert_int_eq(runs_ban_left_ms(text, clock_wall_ms() + 60000), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runs");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_boot_that_is_not_told_is_no_boot);
    tcase_add_test(tcase, a_ban_is_then_placed_by_the_wall_clock);
    suite_add_tcase(suite, tcase);
    return kit_main(suite);
}
