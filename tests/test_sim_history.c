#include <stdio.h>
#include <string.h>

#include <check.h>

#include "sim/history.h"

static struct history *history;

static void setup(void)
{
    history = history_create();
    ck_assert_ptr_nonnull(history);
}

static void teardown(void)
{
    history_destroy(history);
}

static struct sim_order *add(int number)
{
    struct sim_order order = { .instrument = instrument_at(0),
                               .status = STATUS_NEW,
                               .created_ms = number,
                               .updated_ms = number };

    (void)snprintf(order.order_id, sizeof(order.order_id), "id-%d", number);
    (void)snprintf(order.link, sizeof(order.link), "link-%d", number);
    return history_add_order(history, &order);
}

static void end(struct sim_order *order)
{
    order->status = STATUS_CANCELLED;
    history_close_order(history, order);
}

START_TEST(orders_are_found_by_both_ids)
{
    struct sim_order *order = add(1);

    ck_assert_ptr_eq(history_order(history, CATEGORY_LINEAR, "id-1"), order);
    ck_assert_ptr_eq(history_order_by_link(history, CATEGORY_LINEAR, "link-1"), order);
    ck_assert_ptr_null(history_order(history, CATEGORY_SPOT, "id-1"));
    ck_assert(!history_link_used(history, CATEGORY_SPOT, "link-1"));
}
END_TEST

START_TEST(the_oldest_closed_order_goes_first_and_its_link_stays_used)
{
    struct sim_order *open = add(0);

    for (int i = 1; i <= HISTORY_ORDERS_MAX; i++)
        end(add(i));
    ck_assert_ptr_eq(history_order(history, CATEGORY_LINEAR, "id-0"), open);
    ck_assert_ptr_null(history_order(history, CATEGORY_LINEAR, "id-1"));
    ck_assert_ptr_null(history_order_by_link(history, CATEGORY_LINEAR, "link-1"));
    ck_assert(history_link_used(history, CATEGORY_LINEAR, "link-1"));
    ck_assert_ptr_nonnull(history_order(history, CATEGORY_LINEAR, "id-2"));
    ck_assert_int_eq(history_open_count(history, 0), 1);
}
END_TEST

START_TEST(the_newest_executions_are_kept_and_found_by_time)
{
    struct sim_order *order = add(1);

    for (int i = 1; i <= HISTORY_EXECUTIONS_MAX + 10; i++) {
        const struct sim_execution execution = { .at_ms = (int64_t)i * 10 };

        ck_assert_uint_eq(history_add_execution(history, order, &execution)->number, (uint64_t)i);
    }
    ck_assert_ptr_null(history_execution(history, 10));
    ck_assert_ptr_nonnull(history_execution(history, 11));
    ck_assert_uint_eq(history_execution_before(history, 1005), 100);
    ck_assert_uint_eq(history_execution_before(history, INT64_MAX), HISTORY_EXECUTIONS_MAX + 10);
    ck_assert_uint_eq(history_execution(history, order->last_execution)->previous,
                      HISTORY_EXECUTIONS_MAX + 9);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim/history");
    TCase *tcase = tcase_create("history");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, orders_are_found_by_both_ids);
    tcase_add_test(tcase, the_oldest_closed_order_goes_first_and_its_link_stays_used);
    tcase_add_test(tcase, the_newest_executions_are_kept_and_found_by_time);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
