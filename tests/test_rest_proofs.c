/* tests/test_rest_proofs.c - what proves that a request was sent, or was not; reads are tried
 * again, writes never */
#include "tests/test_rest_kit.h"

/* --- what proves what --- */

START_TEST(a_post_is_never_sent_twice)
{
    struct result result;
    int posts = 0;

    server_start(serve_once_then_close, NULL);
    rest_open(4);
    call(&result, ROUTE_KEY_INFO, NULL, 2000);
    ck_assert(result.answer.answered);
    call(&result, ROUTE_ORDER_CREATE, _i ? ORDER : NULL, 2000);
    assert_in_doubt(&result);
    for (int i = 0; i < server.requests; i++)
        posts += strncmp(server.seen[i].head, "POST", 4) == 0;
    ck_assert_int_eq(posts, 1);
    ck_assert_int_eq(server.requests, 2);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_get_on_a_dead_connection_goes_on_a_new_one)
{
    struct result result;

    server_start(serve_once_then_close, NULL);
    rest_open(4);
    call(&result, ROUTE_KEY_INFO, NULL, 2000);
    call(&result, ROUTE_ORDER_REALTIME, "a=b", 2000);
    ck_assert(result.answer.answered);
    ck_assert_int_eq(server.requests, 3);
    assert_signed(&server.seen[2], "a=b", result.answer.signed_ms);
    rest_shut();
    server_stop();
}
END_TEST

/* The first connection speaks once more, when nobody has asked. */
static bool serve_unasked(struct connection *connection, const struct seen *seen, int index)
{
    serve_ok(connection, seen, index);
    if (index == 0) {
        usleep(20000);
        reply(connection, 408, "", "late");
    }
    return true;
}

START_TEST(what_comes_unasked_answers_nothing)
{
    struct result result;

    server_start(serve_unasked, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    usleep(60000);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    ck_assert(result.answer.answered);
    ck_assert_int_eq(result.answer.http_status, 200);
    ck_assert_int_eq(server.requests, 2);
    ck_assert_int_eq(server.connections, 2);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(connection_refused_is_not_sent)
{
    struct result result;

    server_start(serve_ok, NULL);
    rest_open(4);
    server_stop();
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    assert_not_sent(&result);
    call(&result, ROUTE_TICKERS, NULL, 1000); /* tried again, then given up */
    assert_not_sent(&result);
    ck_assert_int_ge(result.answer.finished_us - result.answer.started_us, 250000);
    rest_shut();
}
END_TEST

START_TEST(silence_ends_in_doubt)
{
    struct result result;
    struct result read;

    server_start(serve_nothing, NULL);
    rest_open(4);
    memset(&result, 0, sizeof(result));
    ck_assert_int_eq(submit(&result, ROUTE_ORDER_CREATE, ORDER, 100), ERR_NONE);
    call(&read, ROUTE_ORDER_REALTIME, NULL, 150);
    ck_assert(!read.answer.answered);
    ck_assert_int_eq(read.answer.sent, REST_MAYBE_SENT);
    ck_assert_int_eq(result.done, 0); /* a write gets its time to be answered ... */
    rest_shut();                      /* ... 10 s, which we do not wait for */
    ck_assert_int_eq(result.done, 1);
    assert_in_doubt(&result);
    ck_assert_int_eq(server.requests, 2);
    server_stop();
}
END_TEST

START_TEST(a_write_ends_after_its_grace)
{
    struct result result;

    server_start(serve_nothing, NULL);
    write_grace_ms = 100;
    rest_open(4);
    write_grace_ms = 0;
    call(&result, ROUTE_ORDER_CREATE, ORDER, 50);
    assert_in_doubt(&result);
    ck_assert_int_ge(result.answer.finished_us - result.answer.started_us, 140000);
    ck_assert_int_le(result.answer.finished_us - result.answer.started_us, 1000000);
    ck_assert_int_eq(server.requests, 1);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_server_that_never_reads_is_in_doubt)
{
    struct result result;

    server_start(serve_ok, NULL);
    server.deaf = true;
    rest_open(4);
    call(&result, ROUTE_ORDER_REALTIME, NULL, 100);
    ck_assert(!result.answer.answered);
    memset(&result, 0, sizeof(result));
    ck_assert_int_eq(submit(&result, ROUTE_ORDER_CREATE, ORDER, 100), ERR_NONE);
    for (int i = 0; i < 8; i++)
        step(20);
    ck_assert_int_eq(result.sent_calls, 1);
    rest_shut();
    assert_in_doubt(&result);
    server_stop();
}
END_TEST

START_TEST(a_broken_answer_is_none)
{
    static bool (*const serve[])(struct connection *, const struct seen *,
                                 int) = { serve_half_answer, serve_garbage };
    struct result result;

    server_start(serve[_i], NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    assert_in_doubt(&result);
    ck_assert_int_eq(server.requests, 1);
    ck_assert_int_eq(result.answer.http_status, 0);
    ck_assert_str_eq(result.body, "");
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_redirect_is_an_answer_and_not_followed)
{
    struct result result;

    server_start(serve_redirect, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    ck_assert(result.answer.answered);
    ck_assert_int_eq(result.answer.http_status, 302);
    call(&result, ROUTE_TICKERS, NULL, 2000);
    ck_assert_int_eq(result.answer.http_status, 302);
    ck_assert_int_eq(server.requests, 2);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(too_large_an_answer_is_none)
{
    struct result result;

    server_start(serve_large, NULL);
    rest_open(4);
    for (int i = 0; i < 2; i++) { /* with a length, and in chunks */
        call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
        assert_in_doubt(&result);
        ck_assert_int_eq(server.requests, i + 1);
    }
    call(&result, ROUTE_TICKERS, NULL, 2000); /* reads may be larger */
    ck_assert(result.answer.answered);
    ck_assert_uint_eq(result.answer.body_bytes, (size_t)512 << 10);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(what_is_taken_back_is_not_sent)
{
    struct result result = { 0 };
    struct rest_request request = { .route = ROUTE_ORDER_CREATE,
                                    .category = CATEGORY_LINEAR,
                                    .body = ORDER,
                                    .deadline_ms = clock_mono_ms() + 2000,
                                    .on_sent = on_sent,
                                    .on_done = on_done,
                                    .may_send = may_send,
                                    .userdata = &result };

    server_start(serve_ok, NULL);
    rest_open(4);
    ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
    wait_for(&result.done, 1);
    assert_not_sent(&result);
    ck_assert_int_eq(result.may_send_calls, 1);
    ck_assert_int_eq(server.requests, 0);
    result = (struct result){ .may_send = true };
    ck_assert_int_eq(rest_submit(rest, &request), ERR_NONE);
    wait_for(&result.done, 1);
    ck_assert(result.answer.answered);
    ck_assert_int_eq(result.may_send_calls, 1);
    rest_shut();
    server_stop();
}
END_TEST

/* --- retries --- */

START_TEST(a_read_is_tried_again_after_503)
{
    struct result result;

    server_start(serve_503_first, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_REALTIME, "a=b", 2000);
    ck_assert(result.answer.answered);
    ck_assert_int_eq(result.answer.http_status, 200);
    ck_assert_int_eq(server.requests, 2);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_read_is_tried_three_times_at_most)
{
    struct result result;

    server_start(serve_503, NULL);
    rest_open(4);
    call(&result, ROUTE_TICKERS, NULL, 3000);
    ck_assert(result.answer.answered);
    ck_assert_int_eq(result.answer.http_status, 503);
    ck_assert_int_eq(server.requests, 3);
    call(&result, ROUTE_TICKERS, NULL, 50); /* no time for a second */
    ck_assert_int_eq(result.answer.http_status, 503);
    ck_assert_int_eq(server.requests, 4);
    rest_shut();
    server_stop();
}
END_TEST

START_TEST(a_write_is_never_tried_again_after_503)
{
    struct result result;

    server_start(serve_503_first, NULL);
    rest_open(4);
    call(&result, ROUTE_ORDER_CREATE, ORDER, 2000);
    ck_assert(result.answer.answered);
    ck_assert_int_eq(result.answer.http_status, 503);
    ck_assert_int_eq(server.requests, 1);
    rest_shut();
    server_stop();
}
END_TEST

static void add(TCase *tcase)
{
    tcase_add_test(tcase, what_comes_unasked_answers_nothing);
    tcase_add_loop_test(tcase, a_post_is_never_sent_twice, 0, 2);
    tcase_add_test(tcase, a_get_on_a_dead_connection_goes_on_a_new_one);
    tcase_add_test(tcase, connection_refused_is_not_sent);
    tcase_add_test(tcase, silence_ends_in_doubt);
    tcase_add_test(tcase, a_write_ends_after_its_grace);
    tcase_add_test(tcase, a_server_that_never_reads_is_in_doubt);
    tcase_add_loop_test(tcase, a_broken_answer_is_none, 0, 2);
    tcase_add_test(tcase, a_redirect_is_an_answer_and_not_followed);
    tcase_add_test(tcase, too_large_an_answer_is_none);
    tcase_add_test(tcase, what_is_taken_back_is_not_sent);
    tcase_add_test(tcase, a_read_is_tried_again_after_503);
    tcase_add_test(tcase, a_read_is_tried_three_times_at_most);
    tcase_add_test(tcase, a_write_is_never_tried_again_after_503);
}

int main(void)
{
    return rest_run_tests("rest_proofs", add);
}
