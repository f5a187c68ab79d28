/* The topic guard of GET /stream: the state in memory on connecting, then the journaled events. The
 * engine is a fake: here a question is answered when the test says so. */
#include <stdlib.h>
#include <string.h>

#include "engine/loop.h"
#include "tests/test_sse_kit.h"

/* --- the engine --- */

static loop_reply_fn *asked_by[8];
static void *asked_for[8];
static atomic_int asked;
static atomic_bool engine_is_busy;

enum err loop_guard_read(struct loop *loop, loop_reply_fn *on_reply, void *userdata)
{
    (void)loop;
    if (atomic_load(&engine_is_busy))
        return ERR_BUSY;
    ck_assert_int_lt(atomic_load(&asked), (int)ARRAY_LEN(asked_by));
    asked_by[atomic_load(&asked)] = on_reply;
    asked_for[atomic_load(&asked)] = userdata;
    atomic_fetch_add(&asked, 1);
    return ERR_NONE;
}

/* Nobody waits here for an order. */
void loop_look_for_gone(struct loop *loop)
{
    (void)loop;
}

void loop_get_status(struct loop *loop, struct engine_status *out)
{
    (void)loop;
    memset(out, 0, sizeof(*out));
}

static void await_asked(int count)
{
    int64_t end_ms = clock_mono_ms() + 5000;

    while (atomic_load(&asked) < count && clock_mono_ms() < end_ms)
        kit_sleep_ms(1);
    ck_assert_int_eq(atomic_load(&asked), count);
}

static void answer_guard(int number, bool killed, const char *reason)
{
    struct guard_report *report = calloc(1, sizeof(*report));
    struct loop_reply reply = { .outcome = OUTCOME_GUARD_DONE, .report = report };

    ck_assert_ptr_nonnull(report);
    report->state.killed = killed;
    report->state.since_ms = 1700000000000;
    (void)snprintf(report->state.reason, sizeof(report->state.reason), "%s", reason);
    asked_by[number](&reply, asked_for[number]);
    free(report);
}

/* It stops: all who wait are told so. */
static void answer_nothing(int number)
{
    const struct loop_reply reply = { .outcome = OUTCOME_NOT_READY };

    asked_by[number](&reply, asked_for[number]);
}

static void begin(void)
{
    static int engine;

    engine_loop = (struct loop *)(void *)&engine;
    atomic_store(&asked, 0);
    atomic_store(&engine_is_busy, false);
    start_with(&calm, 100000, false, 8);
}

static void publish_guard(uint64_t seq, const char *json)
{
    hub_publish_event(hub, seq, "guard", json, strlen(json));
}

static size_t guard_events(void)
{
    size_t count = 0;

    for (const char *at = client.text; (at = strstr(at, "event: guard\n")); at++)
        count++;
    return count;
}

/* --- tests --- */

static const char *const topics[] = { "/stream?topics=guard", "/stream?topics=orders",
                                      "/stream?topics=fills" };

START_TEST(the_guard_is_told_on_connecting_without_an_id_and_then_each_event_with_one)
{
    begin();
    stream_open(topics[_i], "");
    stream_until("event: hello");
    stream_until("\"guard\"");
    await_asked(1);
    answer_guard(0, true, "tested");
    stream_until("\n\nevent: guard\ndata: {\"change\":null,\"killed\":true,\"clear\":false,"
                 "\"since\":1700000000000,\"reason\":\"tested\"");
    publish_guard(1, "{\"n\":1}");
    publish_guard(2, "{\"n\":2}");
    publish_guard(3, "{\"n\":3}");
    stream_until("id: 3-1\nevent: guard\ndata: {\"n\":1}\n\nid: 3-2\nevent: guard\ndata: {\"n\":2}"
                 "\n\nid: 3-3\nevent: guard\ndata: {\"n\":3}\n\n");
    ck_assert_uint_eq(guard_events(), 4);
    stream_close();
    stop();
}
END_TEST

START_TEST(an_answer_that_an_event_has_overtaken_is_not_told)
{
    begin();
    stream_open("/stream?topics=guard", "");
    await_asked(1);
    publish_guard(1, "{\"n\":1}");
    stream_until("id: 3-1\nevent: guard");
    answer_guard(0, true, "old");
    publish_guard(2, "{\"n\":2}");
    stream_until("id: 3-2\nevent: guard");
    ck_assert_ptr_null(strstr(client.text, "old"));
    stream_close();
    stop();
}
END_TEST

START_TEST(who_resumes_gets_what_it_missed_and_the_guard_as_it_is)
{
    begin();
    publish_guard(1, "{\"n\":1}");
    publish_guard(2, "{\"n\":2}");
    publish_guard(3, "{\"n\":3}");
    kit_sleep_ms(30);
    stream_open("/stream?topics=guard", "Last-Event-ID: 3-1\r\n");
    stream_until("id: 3-2\nevent: guard");
    stream_until("id: 3-3\nevent: guard");
    ck_assert_ptr_null(strstr(client.text, "{\"n\":1}"));
    stream_close();
    await_asked(1);
    answer_guard(0, false, ""); /* nobody wants to know any more */
    stream_open("/stream?topics=guard", "Last-Event-ID: 3-3\r\n");
    await_asked(2);
    answer_guard(1, false, "");
    stream_until("event: guard\ndata: {\"change\":null,\"killed\":false");
    stream_close();
    stop();
}
END_TEST

START_TEST(a_reset_comes_with_the_guard)
{
    begin();
    stream_open("/stream?topics=orders&after=9-9", "");
    stream_until("event: reset");
    await_asked(1);
    answer_guard(0, true, "still");
    stream_until("\"reason\":\"still\"");
    stream_close();
    stop();
}
END_TEST

START_TEST(an_engine_that_is_busy_is_asked_again)
{
    begin();
    atomic_store(&engine_is_busy, true);
    stream_open("/stream?topics=guard", "");
    stream_until("event: hello");
    kit_sleep_ms(50);
    ck_assert_int_eq(atomic_load(&asked), 0);
    atomic_store(&engine_is_busy, false);
    await_asked(1);
    answer_guard(0, true, "late");
    stream_until("\"reason\":\"late\"");
    stream_close();
    stop();
}
END_TEST

START_TEST(other_topics_do_not_ask_and_a_stop_does_not_wait_for_the_answer)
{
    begin();
    stream_open("/stream?topics=ticker:BTCUSDT,status", "");
    stream_until("event: hello");
    stream_close();
    stream_open("/stream?topics=guard", "");
    await_asked(1);
    http_quiesce(http);
    stream_until("event: bye");
    answer_nothing(0);
    kit_sleep_ms(20);
    stream_close();
    stop();
}
END_TEST

START_TEST(an_answer_behind_the_stop_is_freed)
{
    begin();
    stream_open("/stream?topics=guard", "");
    await_asked(1);
    stop();
    answer_guard(0, true, "too late");
    stream_close();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sse guard");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase,
                        the_guard_is_told_on_connecting_without_an_id_and_then_each_event_with_one,
                        0, ARRAY_LEN(topics));
    tcase_add_test(tcase, an_answer_that_an_event_has_overtaken_is_not_told);
    tcase_add_test(tcase, who_resumes_gets_what_it_missed_and_the_guard_as_it_is);
    tcase_add_test(tcase, a_reset_comes_with_the_guard);
    tcase_add_test(tcase, an_engine_that_is_busy_is_asked_again);
    tcase_add_test(tcase, other_topics_do_not_ask_and_a_stop_does_not_wait_for_the_answer);
    tcase_add_test(tcase, an_answer_behind_the_stop_is_freed);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
