/* Who waits for the next event is called once, in time, and no sooner. */
#include <stdlib.h>

#include <check.h>

#include "server/feed_wait.h"

static struct feed_waits *waits;
static int called[FEED_WAITS_MAX + 1];
static atomic_bool gone[FEED_WAITS_MAX + 1];

static void open_all(void)
{
    waits = feed_waits_create();
    ck_assert_ptr_nonnull(waits);
    for (int i = 0; i <= FEED_WAITS_MAX; i++)
        called[i] = 0;
    for (int i = 0; i <= FEED_WAITS_MAX; i++)
        atomic_store(&gone[i], false);
}

static void close_all(void)
{
    feed_waits_end(waits);
    feed_waits_destroy(waits);
}

static void on_ready(void *waiter)
{
    ++*(int *)waiter;
}

static enum err add(int index, uint64_t after, int64_t until_ms)
{
    return feed_waits_add(waits, after, until_ms, &gone[index], on_ready, &called[index]);
}

START_TEST(each_is_called_once_by_its_event_or_its_time)
{
    ck_assert_int_eq(feed_waits_run(waits, 10, 1000), INT64_MAX);
    ck_assert_int_eq(add(0, 10, 5000), ERR_NONE);
    ck_assert_int_eq(add(1, 10, 3000), ERR_NONE);
    ck_assert_int_eq(add(2, 12, 4000), ERR_NONE);
    ck_assert_int_eq(feed_waits_run(waits, 10, 2999), 3000);
    ck_assert_int_eq(called[0] + called[1] + called[2], 0);
    ck_assert_int_eq(feed_waits_run(waits, 10, 3000), 4000);
    ck_assert_int_eq(called[1], 1);
    ck_assert_int_eq(feed_waits_run(waits, 11, 3001), 4000);
    ck_assert_int_eq(called[0], 1);
    ck_assert_int_eq(called[2], 0);
    ck_assert_int_eq(feed_waits_run(waits, 12, 3002), 4000);
    ck_assert_int_eq(feed_waits_run(waits, 13, 3003), INT64_MAX);
    ck_assert_int_eq(called[2], 1);
    ck_assert_int_eq(called[0] + called[1], 2);
}
END_TEST

START_TEST(one_that_comes_late_is_not_forgotten)
{
    ck_assert_int_eq(feed_waits_run(waits, 10, 1000), INT64_MAX);
    ck_assert_int_eq(add(0, 9, 9000), ERR_NONE);
    ck_assert_int_eq(feed_waits_run(waits, 10, 1001), INT64_MAX);
    ck_assert_int_eq(called[0], 1);
    ck_assert_int_eq(add(1, 10, 9000), ERR_NONE);
    ck_assert_int_eq(add(2, 10, 8000), ERR_NONE);
    ck_assert_int_eq(feed_waits_run(waits, 10, 1002), 8000);
    ck_assert_int_eq(add(3, 10, 1500), ERR_NONE);
    ck_assert_int_eq(feed_waits_run(waits, 10, 1500), 8000);
    ck_assert_int_eq(called[3], 1);
}
END_TEST

static void add_again(void *waiter)
{
    on_ready(waiter);
    ck_assert_int_eq(feed_waits_add(waits, 20, 9000, &gone[0], on_ready, waiter), ERR_NONE);
}

START_TEST(one_may_wait_again_from_inside)
{
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(feed_waits_add(waits, 10, 5000, &gone[0], add_again, &called[i]),
                         ERR_NONE);
    ck_assert_int_eq(feed_waits_run(waits, 20, 1000), 9000);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(called[i], 1);
    ck_assert_int_eq(feed_waits_run(waits, 21, 1000), INT64_MAX);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(called[i], 2);
}
END_TEST

START_TEST(one_that_has_gone_makes_room)
{
    for (int i = 0; i < FEED_WAITS_MAX; i++)
        ck_assert_int_eq(add(i, 10, 5000), ERR_NONE);
    ck_assert_int_eq(feed_waits_run(waits, 10, 1000), 5000);
    atomic_store(&gone[7], true);
    feed_waits_look(waits);
    ck_assert_int_eq(feed_waits_run(waits, 10, 1001), 5000);
    ck_assert_int_eq(called[7], 1);
    ck_assert_int_eq(called[6] + called[8], 0);
    ck_assert_int_eq(add(FEED_WAITS_MAX, 10, 5000), ERR_NONE);
}
END_TEST

START_TEST(a_full_list_and_an_ended_one_take_nobody)
{
    for (int i = 0; i < FEED_WAITS_MAX; i++)
        ck_assert_int_eq(add(i, 1, 5000), ERR_NONE);
    ck_assert_int_eq(add(FEED_WAITS_MAX, 1, 5000), ERR_BUSY);
    feed_waits_end(waits);
    for (int i = 0; i < FEED_WAITS_MAX; i++)
        ck_assert_int_eq(called[i], 1);
    ck_assert_int_eq(called[FEED_WAITS_MAX], 0);
    ck_assert_int_eq(add(0, 1, 5000), ERR_BUSY);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed_wait");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_checked_fixture(tcase, open_all, close_all);
    tcase_add_test(tcase, each_is_called_once_by_its_event_or_its_time);
    tcase_add_test(tcase, one_that_comes_late_is_not_forgotten);
    tcase_add_test(tcase, one_may_wait_again_from_inside);
    tcase_add_test(tcase, one_that_has_gone_makes_room);
    tcase_add_test(tcase, a_full_list_and_an_ended_one_take_nobody);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
