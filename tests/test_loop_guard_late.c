/* The guard in the real loop against what comes late: what waited through a kill and an arm, and a
 * wall clock that steps. */
#include "tests/test_loop_kit.h"

#define DAY_MS     INT64_C(86400000)
#define TURN_ITEMS 256 /* of the inbox of creates, in one turn of the loop */

static struct told told[TURN_ITEMS + 16];

/* --- the wall clock --- */

static atomic_llong step_ms;

/* In front of the C library's. */
int clock_gettime(clockid_t id, struct timespec *out)
{
    int done = (int)syscall(SYS_clock_gettime, id, out);

    if (id == CLOCK_REALTIME)
        out->tv_sec += (time_t)(atomic_load(&step_ms) / 1000);
    return done;
}

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
    atomic_store(&step_ms, 0);
    release_loop();
    rig_stop();
    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        told_clear(&told[i]);
}

static void kill_across_a_step(int64_t step)
{
    create_open(&told[0]);
    atomic_store(&step_ms, step);
    ask_kill(&told[1], 4000);
    atomic_store(&step_ms, 0); /* the exchange here has the same clock */
    await(atomic_load(&told[1].done), 6000);
    ck_assert_int_eq(told[1].outcome, OUTCOME_GUARD_DONE);
    ck_assert(told[1].report->state.clear);
    ck_assert_uint_eq(told[1].report->cancelled_count, 1);
}

START_TEST(a_kill_is_waited_for_though_the_clock_was_set_back)
{
    kill_across_a_step(-DAY_MS);
}
END_TEST

START_TEST(a_kill_is_not_waited_for_longer_than_said)
{
    create_open(&told[0]);
    atomic_store(&sync_ms, 3000);
    atomic_store(&step_ms, DAY_MS);
    ask_kill(&told[1], 500);
    atomic_store(&step_ms, 0);
    await(atomic_load(&told[1].done), 1800); /* the commit is waited for no longer than 2 s */
    ck_assert(!told[1].report->durable);
}
END_TEST

/* --- what waited --- */

static atomic_bool blocked_again;
static atomic_bool released_again;

static void on_block_again(const struct loop_reply *reply, void *userdata)
{
    (void)reply;
    (void)userdata;
    atomic_store(&blocked_again, true);
    while (!atomic_load(&released_again))
        sleep_ms(1);
}

START_TEST(a_create_that_waited_through_a_kill_and_an_arm_is_not_sent)
{
    struct told *create = &told[TURN_ITEMS];
    struct told *armed = &told[TURN_ITEMS + 1];

    atomic_store(&blocked_again, false);
    atomic_store(&released_again, false);
    block_loop(); /* the first item of a turn */
    for (int i = 0; i < TURN_ITEMS - 2; i++)
        ck_assert_int_eq(loop_watch(rig.loop, "nobody", WAIT_ACCEPTED, 0, on_told, &told[i]),
                         ERR_NONE);
    ck_assert_int_eq(loop_watch(rig.loop, "nobody", WAIT_ACCEPTED, 0, on_block_again, NULL),
                     ERR_NONE); /* the last one */
    ask_create(create);
    ck_assert_int_eq(loop_kill(rig.loop, "a test", "SIGUSR1", 0, NULL, NULL), ERR_NONE);
    ck_assert_int_eq(loop_arm(rig.loop, "", "http", on_told, armed), ERR_NONE);
    release_loop();
    await(atomic_load(&blocked_again), 5000);
    sleep_ms(300); /* the arm is committed, and told in the next turn before the create */
    atomic_store(&released_again, true);
    await(atomic_load(&armed->done) && atomic_load(&create->done), 5000);
    ck_assert_int_eq(armed->outcome, OUTCOME_GUARD_DONE);
    ck_assert_int_eq(create->outcome, OUTCOME_KILLED);
    ck_assert(!loop_is_killed(rig.loop));
    ck_assert_int_eq(open_orders(), 0);
    create_open(create);
}
END_TEST

/* Spot has five of them in a round, so that it is the first whose cancel-alls wait. */
static void create_spot(struct told *out)
{
    const struct guard_facts facts = { .source = GUARD_PRICE_LIMIT, .leverage = DECIMAL_NONE };
    struct order_request request = a_buy();

    request.category = CATEGORY_SPOT;
    told_clear(out);
    ck_assert_int_eq(loop_create(rig.loop, &request, &facts, WAIT_ACCEPTED, 0, on_told, out),
                     ERR_NONE);
    await(atomic_load(&out->done), 8000);
    ck_assert_msg(out->outcome == OUTCOME_ACCEPTED, "outcome %d: %s %s", (int)out->outcome,
                  out->error.text, out->order.ret_msg);
}

/* In one second more than the exchange takes: in the end some wait for their turn. */
START_TEST(a_cancel_all_that_waited_does_not_cancel_what_is_made_after_the_arm)
{
    for (int i = 0; i < 8; i++) {
        ask_kill(&told[0], 20);
        await(atomic_load(&told[0].done), 3000);
        arm();
    }
    ck_assert(!told[0].report->state.clear);
    create_spot(&told[1]);
    sleep_ms(1500);
    ck_assert_int_eq(list_length("/v5/order/realtime", "category=spot&symbol=BTCUSDT&limit=50"), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop_guard_late");
    TCase *tcase = tcase_create("loop_guard_late");
    TCase *limited = tcase_create("with limits");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, a_kill_is_waited_for_though_the_clock_was_set_back);
    tcase_add_test(tcase, a_kill_is_not_waited_for_longer_than_said);
    tcase_add_test(tcase, a_create_that_waited_through_a_kill_and_an_arm_is_not_sent);
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(limited, start_with_limits, stop);
    tcase_add_test(limited, a_cancel_all_that_waited_does_not_cancel_what_is_made_after_the_arm);
    suite_add_tcase(suite, limited);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
