#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "bybit/budget.h"

#define START_MS  INT64_C(1000000)
#define TAKES_MAX 20000

static unsigned random_state;

static unsigned random_below(unsigned bound)
{
    random_state = random_state * 1664525U + 1013904223U;
    return (random_state >> 8) % bound;
}

/* The most takes in any `span_ms` long window. */
static size_t densest(const int64_t *times, size_t count, int64_t span_ms)
{
    size_t most = 0;

    for (size_t first = 0, last = 0; last < count; last++) {
        while (times[last] - times[first] >= span_ms)
            first++;
        if (last - first + 1 > most)
            most = last - first + 1;
    }
    return most;
}

START_TEST(no_second_anywhere_holds_more_than_the_limit)
{
    static const enum bybit_route routes[] = { ROUTE_ORDER_CREATE, ROUTE_ORDER_REALTIME,
                                               ROUTE_KEY_INFO };
    enum bybit_route route = routes[_i % 3];
    static int64_t times[TAKES_MAX];
    struct budget *budget = budget_create(1000000);
    int64_t now_ms = START_MS;
    size_t count = 0;
    size_t limit = (size_t)bybit_route_info(route)->per_second[CATEGORY_LINEAR];

    random_state = (unsigned)_i + 1;
    while (count < 500) {
        int64_t wait_ms = budget_take(budget, route, CATEGORY_LINEAR, now_ms);

        ck_assert_int_ge(wait_ms, 0);
        if (wait_ms == 0)
            times[count++] = now_ms;
        else if (random_below(2))
            now_ms += wait_ms;
        if (random_below(3) == 0)
            now_ms += random_below(random_below(20) == 0 ? 3000 : 120);
    }
    ck_assert_uint_le(densest(times, count, 1000), limit);
    /* And it lets the limit go: not less than what fits in the padded second. */
    ck_assert_uint_eq(densest(times, count, 1050), limit);
    budget_destroy(budget);
}
END_TEST

START_TEST(the_wait_is_exact)
{
    struct budget *budget = budget_create(0);
    int64_t wait_ms;

    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(
            budget_take(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, START_MS + 10 * i), 0);
    wait_ms = budget_take(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, START_MS + 90);
    ck_assert_int_eq(wait_ms, 1050 - 90);
    ck_assert_int_eq(
        budget_take(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, START_MS + 90 + wait_ms - 1), 1);
    ck_assert_int_eq(
        budget_take(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, START_MS + 90 + wait_ms), 0);
    ck_assert_int_eq(
        budget_take(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, START_MS + 90 + wait_ms), 10);
    budget_destroy(budget);
}
END_TEST

START_TEST(categories_and_routes_have_their_own_windows)
{
    struct budget *budget = budget_create(0);

    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(budget_take(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, START_MS), 0);
        ck_assert_int_eq(budget_take(budget, ROUTE_KEY_INFO, CATEGORY_LINEAR, START_MS), 0);
    }
    ck_assert_int_gt(budget_take(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, START_MS), 0);
    ck_assert_int_eq(budget_take(budget, ROUTE_ORDER_CANCEL, CATEGORY_LINEAR, START_MS), 0);
    ck_assert_int_eq(budget_take(budget, ROUTE_ORDER_CREATE, CATEGORY_SPOT, START_MS), 0);
    /* ... but routes that know no categories have one. */
    ck_assert_int_gt(budget_take(budget, ROUTE_KEY_INFO, CATEGORY_SPOT, START_MS), 0);
    budget_destroy(budget);
}
END_TEST

START_TEST(no_five_seconds_hold_more_than_the_ip_limit)
{
    static int64_t times[TAKES_MAX];
    struct budget *budget = budget_create(100);
    int64_t now_ms = START_MS;
    size_t count = 0;
    size_t reads = 0;

    random_state = (unsigned)_i + 77;
    while (count < 1000) {
        bool write = random_below(2) == 0;
        enum bybit_route route = write ? ROUTE_ORDER_CREATE : ROUTE_TIME;
        int64_t wait_ms =
            budget_take(budget, route, (enum category)random_below(CATEGORY_COUNT), now_ms);

        if (wait_ms == 0) {
            times[count++] = now_ms;
            reads += !write;
        }
        now_ms += random_below(wait_ms ? 200 : 40);
    }
    ck_assert_uint_le(densest(times, count, 5000), 100);
    ck_assert_uint_gt(reads, 0);
    budget_destroy(budget);
}
END_TEST

START_TEST(reads_leave_a_tenth_to_writes)
{
    struct budget *budget = budget_create(100);
    int took = 0;

    ck_assert_int_eq(budget_ip_left(budget, START_MS), 100);
    while (budget_take(budget, ROUTE_TICKERS, CATEGORY_SPOT, START_MS) == 0)
        took++;
    ck_assert_int_eq(took, 90);
    ck_assert_int_eq(budget_ip_left(budget, START_MS), 10);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(budget_take(budget, ROUTE_ORDER_CANCEL, CATEGORY_SPOT, START_MS), 0);
    ck_assert_int_eq(budget_take(budget, ROUTE_ORDER_CANCEL, CATEGORY_SPOT, START_MS), 5050);
    ck_assert_int_eq(budget_ip_left(budget, START_MS), 0);
    ck_assert_int_eq(budget_ip_left(budget, START_MS + 5050), 100);
    budget_destroy(budget);
}
END_TEST

START_TEST(headers_correct_the_limit)
{
    struct budget *budget = budget_create(0);
    int took = 0;

    budget_correct(budget, ROUTE_ORDER_CREATE, CATEGORY_SPOT, 200, -1, 0, START_MS);
    while (budget_take(budget, ROUTE_ORDER_CREATE, CATEGORY_SPOT, START_MS) == 0)
        took++;
    ck_assert_int_eq(took, 200);
    /* Of a route without a documented limit, too. */
    budget_correct(budget, ROUTE_TICKERS, CATEGORY_SPOT, 3, -1, 0, START_MS);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(budget_take(budget, ROUTE_TICKERS, CATEGORY_SPOT, START_MS), 0);
    ck_assert_int_gt(budget_take(budget, ROUTE_TICKERS, CATEGORY_SPOT, START_MS), 0);
    /* Absent and odd values change nothing. */
    budget_correct(budget, ROUTE_ORDER_CANCEL, CATEGORY_SPOT, -1, -1, 0, START_MS);
    budget_correct(budget, ROUTE_ORDER_CANCEL, CATEGORY_SPOT, 0, 5, 0, START_MS);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(budget_take(budget, ROUTE_ORDER_CANCEL, CATEGORY_SPOT, START_MS), 0);
    ck_assert_int_gt(budget_take(budget, ROUTE_ORDER_CANCEL, CATEGORY_SPOT, START_MS), 0);
    budget_destroy(budget);
}
END_TEST

START_TEST(what_others_used_counts)
{
    struct budget *budget = budget_create(0);
    int took = 0;

    ck_assert_int_eq(budget_take(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, START_MS), 0);
    budget_correct(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, 10, 3, 0, START_MS + 5);
    while (budget_take(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, START_MS + 6) == 0)
        took++;
    ck_assert_int_eq(took, 3);
    /* More left than we think is no reason to send more. */
    budget_correct(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, 10, 9, 0, START_MS + 7);
    ck_assert_int_gt(budget_take(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, START_MS + 8), 0);
    budget_destroy(budget);
}
END_TEST

START_TEST(a_hold_holds_one_route)
{
    struct budget *budget = budget_create(0);

    budget_correct(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, -1, -1, 700, START_MS);
    budget_correct(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, -1, -1, 300, START_MS);
    ck_assert_int_eq(budget_take(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, START_MS + 1), 699);
    ck_assert_int_eq(budget_take(budget, ROUTE_ORDER_CANCEL, CATEGORY_LINEAR, START_MS + 1), 0);
    ck_assert_int_eq(budget_take(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, START_MS + 700), 0);
    budget_destroy(budget);
}
END_TEST

START_TEST(a_ban_stops_everything)
{
    struct budget *budget = budget_create(0);

    ck_assert_int_eq(budget_banned_until(budget), 0);
    budget_ban(budget, START_MS, 600000);
    budget_ban(budget, START_MS, 5); /* does not shorten it */
    ck_assert_int_eq(budget_banned_until(budget), START_MS + 600000);
    for (int route = 0; route < ROUTE_COUNT; route++)
        ck_assert_int_eq(
            budget_take(budget, (enum bybit_route)route, CATEGORY_SPOT, START_MS + 599999), 1);
    ck_assert_int_eq(budget_take(budget, ROUTE_ORDER_CANCEL, CATEGORY_SPOT, START_MS + 600000), 0);
    budget_destroy(budget);
}
END_TEST

START_TEST(an_older_time_takes_nothing_back)
{
    struct budget *budget = budget_create(0);

    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(budget_take(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, START_MS - i), 0);
    ck_assert_int_eq(budget_take(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, START_MS - 900),
                     1050);
    budget_destroy(budget);
    budget_destroy(NULL);
}
END_TEST

struct taker {
    pthread_t thread;
    struct budget *budget;
    int took;
};

static void *take_many(void *userdata)
{
    struct taker *taker = userdata;

    for (int i = 0; i < 20000; i++)
        taker->took += budget_take(taker->budget, ROUTE_ORDER_CREATE, CATEGORY_SPOT, START_MS) == 0;
    return NULL;
}

START_TEST(threads_share_it)
{
    struct budget *budget = budget_create(0);
    struct taker takers[2] = { { .budget = budget }, { .budget = budget } };

    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&takers[i].thread, NULL, take_many, &takers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(takers[i].thread, NULL);
    ck_assert_int_eq(takers[0].took + takers[1].took, 20);
    budget_destroy(budget);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("budget");
    TCase *tcase = tcase_create("budget");
    SRunner *runner;
    int failures;

    tcase_add_loop_test(tcase, no_second_anywhere_holds_more_than_the_limit, 0, 60);
    tcase_add_test(tcase, the_wait_is_exact);
    tcase_add_test(tcase, categories_and_routes_have_their_own_windows);
    tcase_add_loop_test(tcase, no_five_seconds_hold_more_than_the_ip_limit, 0, 20);
    tcase_add_test(tcase, reads_leave_a_tenth_to_writes);
    tcase_add_test(tcase, headers_correct_the_limit);
    tcase_add_test(tcase, what_others_used_counts);
    tcase_add_test(tcase, a_hold_holds_one_route);
    tcase_add_test(tcase, a_ban_stops_everything);
    tcase_add_test(tcase, an_older_time_takes_nothing_back);
    tcase_add_test(tcase, threads_share_it);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
