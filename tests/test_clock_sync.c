#include <stdlib.h>

#include <check.h>

#include "base/clock.h"
#include "bybit/clock_sync.h"

#define FAR_MS INT64_C(3600000) /* the server is an hour ahead of the wall clock */

static struct clock_sync *sync_clock;

static void make(void)
{
    sync_clock = clock_sync_create();
    ck_assert_ptr_nonnull(sync_clock);
}

static void drop(void)
{
    clock_sync_destroy(sync_clock);
}

/* A sample that came `age_us` ago with this round trip, of a server ahead by `ahead_ms`; the way
 * back took all. */
static void sample(int64_t age_us, int64_t round_trip_us, int64_t ahead_ms)
{
    int64_t received_us = clock_mono_us() - age_us;
    int64_t wall_ms = clock_wall_ms() - age_us / 1000;

    clock_sync_sample(sync_clock, received_us - round_trip_us, received_us,
                      wall_ms + ahead_ms - round_trip_us / 2000);
}

static void assert_near(int64_t value, int64_t expected, int64_t tolerance)
{
    ck_assert_msg(llabs(value - expected) <= tolerance, "%lld is not near %lld", (long long)value,
                  (long long)expected);
}

START_TEST(before_the_first_sample_it_is_the_wall_clock)
{
    ck_assert(!clock_sync_ready(sync_clock));
    assert_near(clock_sync_server_ms(sync_clock), clock_wall_ms(), 50);
    assert_near(clock_sync_signing_ms(sync_clock), clock_wall_ms() - 50, 50);
    ck_assert(clock_sync_uncertainty_ms(sync_clock) == INT64_MAX);
}
END_TEST

START_TEST(a_sample_gives_the_servers_time)
{
    sample(0, 20000, FAR_MS);
    ck_assert(clock_sync_ready(sync_clock));
    assert_near(clock_sync_server_ms(sync_clock), clock_wall_ms() + FAR_MS, 20);
    assert_near(clock_sync_signing_ms(sync_clock), clock_wall_ms() + FAR_MS - 50, 20);
    assert_near(clock_sync_offset_ms(sync_clock), FAR_MS, 20);
    assert_near(clock_sync_uncertainty_ms(sync_clock), 11, 1);
}
END_TEST

START_TEST(the_least_round_trip_counts)
{
    sample(0, 400000, FAR_MS + 150);
    assert_near(clock_sync_uncertainty_ms(sync_clock), 201, 2);
    sample(0, 10000, FAR_MS);
    sample(0, 300000, FAR_MS - 100);
    assert_near(clock_sync_offset_ms(sync_clock), FAR_MS, 20);
    assert_near(clock_sync_uncertainty_ms(sync_clock), 6, 2);
}
END_TEST

START_TEST(uncertainty_grows_with_age)
{
    sample(INT64_C(1000) * 1000000, 2000, FAR_MS); /* 1000 s at 100 ppm: 100 ms */
    assert_near(clock_sync_uncertainty_ms(sync_clock), 102, 2);
    sample(0, 80000, FAR_MS); /* slower, but fresh: better by now */
    assert_near(clock_sync_uncertainty_ms(sync_clock), 41, 2);
}
END_TEST

START_TEST(a_contradiction_drops_what_was_before)
{
    sample(1000, 1000, 0);
    sample(0, 100000, FAR_MS); /* worse, but the old one cannot be true any more */
    assert_near(clock_sync_offset_ms(sync_clock), FAR_MS, 60);
}
END_TEST

START_TEST(only_recent_samples_are_kept)
{
    sample(0, 100, FAR_MS);
    for (int i = 0; i < 8; i++)
        sample(0, 50000, FAR_MS);
    assert_near(clock_sync_uncertainty_ms(sync_clock), 26, 2);
}
END_TEST

START_TEST(reset_forgets)
{
    sample(0, 1000, FAR_MS);
    clock_sync_reset(sync_clock);
    ck_assert(!clock_sync_ready(sync_clock));
    ck_assert(clock_sync_uncertainty_ms(sync_clock) == INT64_MAX);
}
END_TEST

START_TEST(nonsense_is_no_sample)
{
    int64_t now_us = clock_mono_us();

    clock_sync_sample(sync_clock, now_us, now_us - 1, INT64_C(1700000000000));
    clock_sync_sample(sync_clock, now_us - 61000000, now_us, INT64_C(1700000000000));
    clock_sync_sample(sync_clock, now_us, now_us, 0);
    clock_sync_sample(sync_clock, now_us, now_us, -5);
    clock_sync_sample(sync_clock, now_us, now_us, INT64_MAX);
    ck_assert(!clock_sync_ready(sync_clock));
    clock_sync_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock_sync");
    TCase *tcase = tcase_create("clock_sync");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, make, drop);
    tcase_add_test(tcase, before_the_first_sample_it_is_the_wall_clock);
    tcase_add_test(tcase, a_sample_gives_the_servers_time);
    tcase_add_test(tcase, the_least_round_trip_counts);
    tcase_add_test(tcase, uncertainty_grows_with_age);
    tcase_add_test(tcase, a_contradiction_drops_what_was_before);
    tcase_add_test(tcase, only_recent_samples_are_kept);
    tcase_add_test(tcase, reset_forgets);
    tcase_add_test(tcase, nonsense_is_no_sample);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
