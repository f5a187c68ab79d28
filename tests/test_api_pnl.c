/* GET /pnl when many ask at once: two are counted, some wait in order, the rest is turned away. */
#include "test_api_run.h"

#define RUNNING 2
#define WAITING 16
#define ALL     (RUNNING + WAITING)

static struct {
    void (*run)(struct history_reader *, enum err, void *);
    void *userdata;
} held[ALL];
static size_t held_count;
static struct api_call calls[ALL + 1];

static void hold(void (*run)(struct history_reader *, enum err, void *), void *userdata)
{
    ck_assert_uint_lt(held_count, ALL);
    held[held_count].run = run;
    held[held_count++].userdata = userdata;
}

static void ask(size_t n)
{
    struct api_call *call = &calls[n];

    call->api = &kit.api;
    call->method = "GET";
    call->path = "/pnl";
    call->endpoint = kit.call.endpoint;
    call->done = kit_done;
    call->endpoint->handle(&kit.api, call);
}

static void open_held(void)
{
    kit_open();
    kit.take_job = NULL;
    kit.job_err = ERR_UNAVAILABLE;
    ck_assert_int_eq(kit_get("/pnl"), 503); /* finds the endpoint */
    held_count = 0;
    memset(calls, 0, sizeof(calls));
    kit.take_job = hold;
}

static void close_held(void)
{
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        buffer_deinit(&calls[i].reply);
    kit_close();
}

static void end(size_t n)
{
    held[n].run(NULL, ERR_UNAVAILABLE, held[n].userdata);
}

START_TEST(two_are_counted_some_wait_and_the_rest_is_told_to_come_again)
{
    for (size_t i = 0; i < ALL; i++) {
        ask(i);
        ck_assert_int_eq(calls[i].status, 0);
    }
    ck_assert_uint_eq(held_count, RUNNING);
    ask(ALL);
    ck_assert_int_eq(calls[ALL].status, 503);
    ck_assert_ptr_nonnull(strstr(calls[ALL].reply.data, "\"busy\""));
    ck_assert_str_eq(calls[ALL].headers[0].name, "Retry-After");
    for (size_t i = 0; i < ALL; i++) { /* in the order in which they came */
        end(i);
        ck_assert_int_eq(calls[i].status, 503);
        ck_assert_uint_eq(held_count, i + RUNNING + 1 < ALL ? i + RUNNING + 1 : ALL);
    }
    held_count = 0;
    ask(ALL); /* there is room again */
    ck_assert_uint_eq(held_count, 1);
    end(0);
}
END_TEST

START_TEST(who_has_left_does_not_hold_up_those_behind)
{
    for (size_t i = 0; i < RUNNING + 3; i++)
        ask(i);
    atomic_store(&calls[RUNNING].gone, true);
    atomic_store(&calls[RUNNING + 1].gone, true);
    end(0);
    ck_assert_uint_eq(held_count, RUNNING + 1);
    ck_assert(calls[RUNNING].status && calls[RUNNING + 1].status && !calls[RUNNING + 2].status);
    end(1);
    end(2);
    ck_assert_int_eq(calls[RUNNING + 2].status, 503);
}
END_TEST

/* The bridge stops, or the queue of the journal's reads is full. */
START_TEST(all_that_wait_are_answered_when_the_journal_takes_none)
{
    for (size_t i = 0; i < ALL; i++)
        ask(i);
    kit.submit_err = ERR_BUSY;
    end(0);
    for (size_t i = RUNNING; i < ALL; i++)
        ck_assert_int_eq(calls[i].status, 503);
    end(1);
    kit.submit_err = ERR_NONE;
    ck_assert_uint_eq(held_count, RUNNING);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_pnl");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, open_held, close_held);
    tcase_add_test(tcase, two_are_counted_some_wait_and_the_rest_is_told_to_come_again);
    tcase_add_test(tcase, who_has_left_does_not_hold_up_those_behind);
    tcase_add_test(tcase, all_that_wait_are_answered_when_the_journal_takes_none);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
