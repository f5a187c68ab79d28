/* Counters, histograms and the text format. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "base/error.h"
#include "base/metrics.h"

static struct metrics_histogram histogram;
static struct buffer out;

static void setup(void)
{
    memset(&histogram, 0, sizeof(histogram));
    out = buffer_of((size_t)1 << 20);
}

static void teardown(void)
{
    buffer_deinit(&out);
}

static uint64_t bucket(size_t at)
{
    return atomic_load(&histogram.counts[at]);
}

static const struct {
    int64_t us;
    size_t at;
} places[] = {
    { 0, 0 },          { 10, 0 },   { 11, 1 },        { 25, 1 },        { 26, 2 },
    { 999, 6 },        { 1000, 6 }, { 1001, 7 },      { 10000000, 15 }, { 10000001, 16 },
    { INT64_MAX, 16 }, { -1, 0 },   { INT64_MIN, 0 },
};

START_TEST(a_duration_is_counted_in_the_first_bucket_that_holds_it)
{
    metrics_observe(&histogram, places[_i].us);
    for (size_t i = 0; i <= METRICS_BOUNDS; i++)
        ck_assert_uint_eq(bucket(i), i == places[_i].at);
    ck_assert_uint_eq(metrics_observations(&histogram), 1);
    ck_assert_uint_eq(atomic_load(&histogram.sum_us),
                      places[_i].us > 0 ? (uint64_t)places[_i].us : 0);
}
END_TEST

START_TEST(percentiles_are_upper_bounds_of_buckets)
{
    ck_assert_int_eq(metrics_percentile_us(&histogram, 50), -1);
    for (int i = 0; i < 98; i++)
        metrics_observe(&histogram, 30);
    metrics_observe(&histogram, 3000);
    metrics_observe(&histogram, 20000000);
    ck_assert_int_eq(metrics_percentile_us(&histogram, 50), 50);
    ck_assert_int_eq(metrics_percentile_us(&histogram, 98), 50);
    ck_assert_int_eq(metrics_percentile_us(&histogram, 99), 5000);
    ck_assert_int_eq(metrics_percentile_us(&histogram, 100), -1);
}
END_TEST

START_TEST(a_histogram_is_written_cumulatively_in_seconds)
{
    metrics_observe(&histogram, 7);
    metrics_observe(&histogram, 400);
    metrics_observe(&histogram, 1500000);
    metrics_observe(&histogram, 99000000);
    metrics_write_head(&out, "x_seconds", METRICS_HISTOGRAM, "Help.");
    metrics_write_histogram(&out, "x_seconds", "a=\"b\"", &histogram);
    ck_assert_ptr_nonnull(strstr(out.data, "# HELP x_seconds Help.\n# TYPE x_seconds histogram\n"
                                           "x_seconds_bucket{a=\"b\",le=\"0.00001\"} 1\n"
                                           "x_seconds_bucket{a=\"b\",le=\"0.000025\"} 1\n"));
    ck_assert_ptr_nonnull(strstr(out.data, "{a=\"b\",le=\"0.0005\"} 2\n"));
    ck_assert_ptr_nonnull(strstr(out.data, "{a=\"b\",le=\"1\"} 2\n"));
    ck_assert_ptr_nonnull(strstr(out.data, "{a=\"b\",le=\"2.5\"} 3\n"));
    ck_assert_ptr_nonnull(strstr(out.data, "{a=\"b\",le=\"10\"} 3\n"
                                           "x_seconds_bucket{a=\"b\",le=\"+Inf\"} 4\n"
                                           "x_seconds_sum{a=\"b\"} 100.500407\n"
                                           "x_seconds_count{a=\"b\"} 4\n"));
    buffer_clear(&out);
    metrics_write_histogram(&out, "y", "", &histogram);
    ck_assert_ptr_nonnull(strstr(out.data, "y_bucket{le=\"0.00001\"} 1\n"));
    ck_assert_ptr_nonnull(strstr(out.data, "\ny_sum 100.500407\ny_count 4\n"));
}
END_TEST

START_TEST(numbers_are_exact)
{
    metrics_write_int(&out, "a", "", INT64_MIN);
    metrics_write_micro(&out, "b", "", 1);
    metrics_write_micro(&out, "c", "l=\"1\"", -1500000);
    metrics_write_micro(&out, "d", "", INT64_MIN);
    ck_assert_str_eq(out.data, "a -9223372036854775808\nb 0.000001\nc{l=\"1\"} -1.500000\n"
                               "d -9223372036854.775808\n");
}
END_TEST

#define THREADS 4
#define ROUNDS  50000

static struct metrics_counter counter;

static void *count_all(void *userdata)
{
    for (int i = 0; i < ROUNDS; i++) {
        metrics_observe(userdata, i % 100);
        metrics_count(&counter);
        metrics_count_n(&counter, 2);
    }
    return NULL;
}

START_TEST(nothing_is_lost_between_threads)
{
    pthread_t threads[THREADS];
    uint64_t before = metrics_value(&counter);

    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count_all, &histogram), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(metrics_observations(&histogram), THREADS * ROUNDS);
    ck_assert_uint_eq(atomic_load(&histogram.sum_us), (uint64_t)THREADS * ROUNDS / 100 * 4950);
    ck_assert_uint_eq(metrics_value(&counter) - before, (uint64_t)THREADS * ROUNDS * 3);
}
END_TEST

START_TEST(every_outcome_has_a_word_of_its_own)
{
    for (int i = 0; i < METRICS_OUTCOMES; i++) {
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(metrics_outcome_word((enum metrics_outcome)i),
                             metrics_outcome_word((enum metrics_outcome)j));
    }
}
END_TEST

START_TEST(all_begins_at_zero)
{
    struct metrics *metrics = metrics_create();

    ck_assert_ptr_nonnull(metrics);
    ck_assert_uint_eq(metrics_observations(&metrics->http.own), 0);
    ck_assert_uint_eq(metrics_value(&metrics->http.requests[0][2]), 0);
    metrics_destroy(metrics);
    metrics_destroy(NULL);
}
END_TEST

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* For a person: METRICS_BENCH=1 tests/test_metrics. */
static void bench(void)
{
    int64_t began_ns = now_ns();

    memset(&histogram, 0, sizeof(histogram));
    for (int i = 0; i < 10000000; i++)
        metrics_observe(&histogram, i & 1023);
    printf("one observation: %.1f ns\n", (double)(now_ns() - began_ns) / 1e7);
}

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    if (getenv("METRICS_BENCH"))
        bench();
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_duration_is_counted_in_the_first_bucket_that_holds_it, 0,
                        ARRAY_LEN(places));
    tcase_add_test(tcase, percentiles_are_upper_bounds_of_buckets);
    tcase_add_test(tcase, a_histogram_is_written_cumulatively_in_seconds);
    tcase_add_test(tcase, numbers_are_exact);
    tcase_add_test(tcase, nothing_is_lost_between_threads);
    tcase_add_test(tcase, every_outcome_has_a_word_of_its_own);
    tcase_add_test(tcase, all_begins_at_zero);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
