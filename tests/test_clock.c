#include <time.h>
#include <unistd.h>

#include <check.h>

#include "base/clock.h"
#include "base/error.h"

START_TEST(times_are_shown_as_rfc_3339)
{
    static const struct {
        int64_t ms;
        const char *shown;
    } cases[] = { { 0, "1970-01-01T00:00:00.000Z" },
                  { 1, "1970-01-01T00:00:00.001Z" },
                  { 1700000000123, "2023-11-14T22:13:20.123Z" },
                  { 1709164800000, "2024-02-29T00:00:00.000Z" },
                  { INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
                  { INT64_C(253402300800000), "" },
                  { -1, "" },
                  { INT64_MIN, "" },
                  { INT64_MAX, "" } };
    char out[CLOCK_TEXT_MAX];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ck_assert_str_eq(clock_format(cases[i].ms, out), cases[i].shown);
}
END_TEST

START_TEST(clocks_go_on)
{
    int64_t wall_ms = clock_wall_ms();
    int64_t mono_ms = clock_mono_ms();
    int64_t mono_us = clock_mono_us();

    ck_assert_int_le(wall_ms / 1000 - (int64_t)time(NULL), 1);
    ck_assert_int_ge(wall_ms / 1000 - (int64_t)time(NULL), -1);
    ck_assert_int_le(mono_us / 1000 - mono_ms, 1000);
    usleep(5000);
    ck_assert_int_ge(clock_mono_ms() - mono_ms, 4);
    ck_assert_int_ge(clock_mono_us() - mono_us, 5000);
}
END_TEST

/* Each begins in the middle of some millisecond, and most of two. */
START_TEST(a_clock_that_never_steps_is_not_ahead_of_the_wall_clock)
{
    for (int i = 0; i < 300; i++) {
        int64_t base_ms = clock_wall_base_ms();

        for (int64_t end_us = clock_mono_us() + 1100; clock_mono_us() < end_us;) {
            int64_t now_ms = base_ms + clock_mono_ms();

            ck_assert_int_le(now_ms, clock_wall_ms());
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_test(tcase, times_are_shown_as_rfc_3339);
    tcase_add_test(tcase, clocks_go_on);
    tcase_add_test(tcase, a_clock_that_never_steps_is_not_ahead_of_the_wall_clock);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
