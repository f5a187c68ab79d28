/* The guard in the real loop: the kill switch while the disk hangs, while creates wait for their
 * turn, while the inbox is full and over a restart; limits; positions; and that cancels wait
 * behind nothing. */
#include "tests/test_loop_kit.h"

#define MANY 200

static struct told told[2000];

static void start(void)
{
    rig_start(true);
    loop_up_and_ready();
}

static void start_with_limits(void)
{
    rig_start(false);
    loop_up_and_ready();
}

static void stop(void)
{
    release_loop();
    rig_stop();
    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        told_clear(&told[i]);
}

/* --- cancels wait behind nothing --- */

START_TEST(a_cancel_leaves_while_the_disk_hangs)
{
    int64_t begin_ms;

    create_open(&told[0]);
    atomic_store(&sync_ms, 3000);
    ask_create(&told[1]);
    sleep_ms(50); /* its intent is being synced */
    begin_ms = clock_mono_ms();
    ask_cancel(&told[2], told[0].order.order_id);
    await(atomic_load(&told[2].done), 2000);
    ck_assert_int_eq(told[2].outcome, OUTCOME_OK);
    ck_assert_int_lt(told[2].at_ms - begin_ms, 1000);
    ck_assert_int_eq(open_orders(), 0);
    ck_assert(!atomic_load(&told[1].done));
    await(atomic_load(&told[1].done), 5000); /* synced at last, and sent */
    ck_assert_int_eq(told[1].outcome, OUTCOME_ACCEPTED);
    ck_assert_int_eq(open_orders(), 1);
}
END_TEST

START_TEST(a_cancel_is_taken_before_the_creates_that_came_first)
{
    atomic_int sequence = 0;

    create_open(&told[0]);
    block_loop();
    for (int i = 1; i <= MANY; i++) {
        told[i].sequence = &sequence;
        ck_assert_int_eq(loop_watch(rig.loop, "nobody", WAIT_ACCEPTED, 0, on_told, &told[i]),
                         ERR_NONE);
    }
    told[MANY + 1].sequence = &sequence;
    ck_assert_int_eq(
        loop_cancel(rig.loop, "nobody either", WAIT_ACCEPTED, 0, on_told, &told[MANY + 1]),
        ERR_NONE);
    release_loop();
    for (int i = 1; i <= MANY + 1; i++)
        await(atomic_load(&told[i].done), 5000);
    ck_assert_int_eq(told[MANY + 1].number, 0);
}
END_TEST

/* --- kill --- */

static struct guard_report *killed(struct told *kill)
{
    await(atomic_load(&kill->done), 15000);
    ck_assert_int_eq(kill->outcome, OUTCOME_GUARD_DONE);
    ck_assert_ptr_nonnull(kill->report);
    ck_assert(kill->report->state.killed);
    return kill->report;
}

START_TEST(a_kill_cancels_all_and_refuses_creates_until_armed)
{
    const struct guard_report *report;

    for (int i = 0; i < 5; i++)
        create_open(&told[i]);
    ck_assert_int_eq(open_orders(), 5);
    ck_assert(!loop_is_killed(rig.loop));
    ask_kill(&told[10], 10000);
    ck_assert(loop_is_killed(rig.loop));
    report = killed(&told[10]);
    ck_assert(report->state.clear);
    ck_assert(report->durable);
    ck_assert_uint_eq(report->cancelled_count, 5);
    ck_assert_uint_eq(report->open_count, 0);
    ck_assert_str_eq(report->state.reason, "a test");
    ck_assert_int_eq(open_orders(), 0);
    create(&told[11]);
    ck_assert_int_eq(told[11].outcome, OUTCOME_KILLED);
    await(atomic_load(&rig.guard_events) > 0, 2000);

    arm();
    ck_assert(!loop_is_killed(rig.loop));
    create_open(&told[12]);
    pthread_mutex_lock(&rig.lock);
    ck_assert_ptr_nonnull(strstr(rig.guard_json, "armed"));
    pthread_mutex_unlock(&rig.lock);
}
END_TEST

START_TEST(a_kill_works_while_the_disk_hangs)
{
    const struct guard_report *report;
    int64_t begin_ms;

    for (int i = 0; i < 3; i++)
        create_open(&told[i]);
    atomic_store(&sync_ms, 3000);
    ask_create(&told[3]);
    sleep_ms(50);
    begin_ms = clock_mono_ms();
    ask_kill(&told[4], 10000);
    ck_assert(loop_is_killed(rig.loop));
    while (open_orders() > 0 && clock_mono_ms() - begin_ms < 2000)
        sleep_ms(5);
    ck_assert_int_eq(open_orders(), 0);
    ck_assert_int_lt(clock_mono_ms() - begin_ms, 1500);
    report = killed(&told[4]);
    ck_assert(!report->durable); /* and says so, rather than wait for the disk */
    ck_assert_uint_eq(report->cancelled_count, 3);
    await(atomic_load(&told[3].done), 8000);
    ck_assert_int_ne(told[3].outcome, OUTCOME_ACCEPTED);
    ck_assert_int_eq(open_orders(), 0);
    atomic_store(&sync_ms, 0);
    sleep_ms(100);
    read_guard(&told[5]);
    await((read_guard(&told[5]), told[5].report->durable), 8000);

    loop_down();
    loop_up();
    ck_assert(loop_is_killed(rig.loop));
}
END_TEST

START_TEST(a_kill_reaches_creates_that_wait_for_their_turn)
{
    int64_t begin_ms;
    int accepted = 0;

    for (int i = 0; i < 30; i++) /* 10 a second */
        ask_create(&told[i]);
    sleep_ms(300);
    ask_kill(&told[40], 15000);
    begin_ms = clock_mono_ms();
    (void)killed(&told[40]);
    ck_assert_int_lt(clock_mono_ms() - begin_ms, 1500); /* not the 2 s until the last one's turn */
    for (int i = 0; i < 30; i++) {
        await(atomic_load(&told[i].done), 15000);
        accepted += told[i].outcome == OUTCOME_ACCEPTED || told[i].outcome == OUTCOME_UNKNOWN;
    }
    ck_assert_int_gt(accepted, 0);
    ck_assert_int_lt(accepted, 25);
    for (int i = 0; i < 30; i++) {
        if (told[i].outcome == OUTCOME_NOT_SENT)
            ck_assert_ptr_nonnull(strstr(told[i].error.text, "killed"));
    }
    ck_assert_int_eq(open_orders(), 0);
    ck_assert_int_eq(list_length("/v5/order/history", "category=linear&limit=50"), accepted);
}
END_TEST

START_TEST(a_kill_finds_its_way_past_a_full_inbox)
{
    static struct told kills[200];
    size_t cancels = 0;
    size_t taken = 0;
    enum err err;

    block_loop();
    while (cancels < ARRAY_LEN(told) &&
           loop_cancel(rig.loop, "nobody", WAIT_ACCEPTED, 0, on_told, &told[cancels]) == ERR_NONE)
        cancels++;
    ck_assert_uint_eq(cancels, 1024 + 64);
    do {
        err = loop_kill(rig.loop, "full", "http", clock_wall_ms() + 5000, on_told, &kills[taken]);
        taken += err == ERR_NONE;
    } while (err == ERR_NONE);
    ck_assert_uint_eq(taken, 64);
    ck_assert_int_eq(loop_kill(rig.loop, "nobody waits", "SIGUSR1", 0, NULL, NULL), ERR_BUSY);
    ck_assert(loop_is_killed(rig.loop));
    release_loop();
    for (size_t i = 0; i < cancels; i++)
        await(atomic_load(&told[i].done), 5000);
    for (size_t i = 0; i < taken; i++) {
        (void)killed(&kills[i]);
        told_clear(&kills[i]);
    }
    ck_assert(loop_is_killed(rig.loop));
    arm();
    ck_assert(!loop_is_killed(rig.loop));
}
END_TEST

START_TEST(a_kill_that_found_no_place_at_all_is_carried_out)
{
    size_t cancels = 0;
    size_t kills = 0;

    create_open(&told[1500]);
    block_loop();
    while (loop_cancel(rig.loop, "nobody", WAIT_ACCEPTED, 0, on_told, &told[cancels]) == ERR_NONE)
        cancels++;
    /* The places above the bound go to arms, which do nothing yet. */
    while (loop_arm(rig.loop, "", "http", on_told, &told[1100 + kills]) == ERR_NONE)
        kills++;
    for (int i = 0; i < 300; i++)
        (void)!loop_kill(rig.loop, "one of many", "SIGUSR1", 0, NULL, NULL);
    release_loop();
    for (size_t i = 0; i < cancels; i++)
        await(atomic_load(&told[i].done), 5000);
    await((read_guard(&told[1501]), told[1501].report->state.killed), 5000);
    ck_assert_str_eq(told[1501].report->state.reason, "one of many");
    await(open_orders() == 0, 5000);
}
END_TEST

START_TEST(a_restart_is_killed_as_before_and_armed_it_stays_armed)
{
    create_open(&told[0]);
    ask_kill(&told[1], 10000);
    (void)killed(&told[1]);
    loop_down();

    loop_up();
    ck_assert(loop_is_killed(rig.loop));
    create(&told[2]);
    ck_assert_int_eq(told[2].outcome, OUTCOME_KILLED);
    loop_on_private(rig.loop, true);
    await(is_ready() || loop_is_killed(rig.loop), 5000);
    arm();
    await(is_ready(), 10000);
    create_open(&told[3]);
    loop_down();

    loop_up_and_ready();
    ck_assert(!loop_is_killed(rig.loop));
    create_open(&told[4]);
}
END_TEST

/* --- limits --- */

START_TEST(a_refusal_brings_its_numbers)
{
    patch("{\"max_order_notional\":\"499\"}");
    ck_assert_uint_eq(loop_guard_needs(rig.loop), GUARD_NEEDS_PRICE);
    create(&told[0]);
    ck_assert_int_eq(told[0].outcome, OUTCOME_GUARD);
    ck_assert(told[0].has_verdict);
    ck_assert_int_eq(told[0].verdict.limit, GUARD_MAX_ORDER_NOTIONAL);
    ck_assert_int_eq(told[0].verdict.source, GUARD_PRICE_LIMIT);
    ck_assert_int_eq(open_orders(), 0);
    patch("{\"max_order_notional\":null}");
    ck_assert_uint_eq(loop_guard_needs(rig.loop), 0);
    create_open(&told[1]);
}
END_TEST

START_TEST(orders_of_the_last_minute_are_counted_over_a_restart)
{
    patch("{\"max_orders_per_minute\":3,\"clients\":{\"bot\":{\"max_orders_per_minute\":9}}}");
    client = "bot";
    create_open(&told[0]);
    client = "";
    create_open(&told[1]);
    loop_down();
    loop_up_and_ready();
    read_guard(&told[2]);
    ck_assert_int_eq(told[2].report->all.orders_last_minute, 2);
    ck_assert_int_eq(told[2].report->clients[0].orders_last_minute, 1);
    create_open(&told[2]);
    create(&told[3]);
    ck_assert_int_eq(told[3].outcome, OUTCOME_GUARD);
    ck_assert_int_eq(told[3].verdict.limit, GUARD_MAX_ORDERS_PER_MINUTE);
    ck_assert_int_eq(open_orders(), 3);
}
END_TEST

START_TEST(the_value_of_open_orders_is_known_again_after_a_restart)
{
    create_open(&told[0]);
    create_open(&told[1]);
    loop_down();
    loop_up_and_ready();
    loop_on_positions_known(rig.loop, true, 0);
    await((read_guard(&told[2]), told[2].report->all.open_known), 2000);
    ck_assert_int_eq(decimal_cmp(&told[2].report->all.open_notional, &(struct decimal){ 1000, 0 }),
                     0);
}
END_TEST

/* --- positions --- */

static struct loop_position position_of(int number, const char *value)
{
    struct loop_position position = {
        .category = CATEGORY_LINEAR, .value = amount(value), .updated_ms = 1, .exchange_seq = 1
    };

    (void)snprintf(position.symbol, sizeof(position.symbol), "C%dUSDT", number);
    return position;
}

static void tell_position(int number, const char *value)
{
    const struct loop_position position = position_of(number, value);

    loop_on_position(rig.loop, &position);
}

static void expect_open(const char *value)
{
    struct decimal expected = amount(value);

    read_guard(&told[0]);
    ck_assert(told[0].report->all.open_known);
    ck_assert_int_eq(decimal_cmp(&told[0].report->all.open_notional, &expected), 0);
}

START_TEST(the_newest_of_each_position_counts)
{
    read_guard(&told[0]);
    ck_assert(!told[0].report->all.open_known);
    block_loop();
    tell_position(1, "100");
    tell_position(2, "7");
    tell_position(1, "40.5");
    loop_on_positions_known(rig.loop, true, 0);
    release_loop();
    await((read_guard(&told[0]), told[0].report->all.open_known), 2000);
    expect_open("47.5");
    tell_position(2, "0");
    sleep_ms(50);
    expect_open("40.5");
    loop_on_positions_known(rig.loop, false, 0);
    await((read_guard(&told[0]), !told[0].report->all.open_known), 2000);
}
END_TEST

START_TEST(too_many_positions_are_not_known_until_told_again)
{
    block_loop();
    for (int i = 0; i < 1100; i++)
        tell_position(i, "1");
    loop_on_positions_known(rig.loop, true, 0);
    release_loop();
    sleep_ms(100);
    read_guard(&told[0]);
    ck_assert(!told[0].report->all.open_known);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1100; i++) {
            tell_position(i, "1");
            if (i % 500 == 0)
                sleep_ms(50);
        }
        loop_on_positions_known(rig.loop, true, 0);
        sleep_ms(100);
    }
    read_guard(&told[0]);
    ck_assert(told[0].report->all.open_known);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop_guard");
    TCase *tcase = tcase_create("loop_guard");
    TCase *limited = tcase_create("with limits");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, a_cancel_leaves_while_the_disk_hangs);
    tcase_add_test(tcase, a_cancel_is_taken_before_the_creates_that_came_first);
    tcase_add_test(tcase, a_kill_cancels_all_and_refuses_creates_until_armed);
    tcase_add_test(tcase, a_kill_works_while_the_disk_hangs);
    tcase_add_test(tcase, a_kill_finds_its_way_past_a_full_inbox);
    tcase_add_test(tcase, a_kill_that_found_no_place_at_all_is_carried_out);
    tcase_add_test(tcase, a_restart_is_killed_as_before_and_armed_it_stays_armed);
    tcase_add_test(tcase, a_refusal_brings_its_numbers);
    tcase_add_test(tcase, orders_of_the_last_minute_are_counted_over_a_restart);
    tcase_add_test(tcase, the_value_of_open_orders_is_known_again_after_a_restart);
    tcase_add_test(tcase, the_newest_of_each_position_counts);
    tcase_add_test(tcase, too_many_positions_are_not_known_until_told_again);
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(limited, start_with_limits, stop);
    tcase_add_test(limited, a_kill_reaches_creates_that_wait_for_their_turn);
    suite_add_tcase(suite, limited);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
