/* native=1: orders with the exchange's own object of them. */
#include "test_api_run.h"

#define OBJECT "{\"orderId\":\"1\",\"price\":\"100.50\",\"orderStatus\":\"New\"}"

static void stored(const char *native)
{
    kit.native = native;
    kit.orders[0] = kit_order("b-7", ORDER_LIVE);
    kit.orders[0].seq = 5;
    kit.orders_count = 1;
    kit.reply.order = kit.orders[0];
}

static void setup(void)
{
    kit_open();
    kit.reply.outcome = OUTCOME_OK;
    stored(OBJECT);
}

static const struct {
    const char *method;
    const char *target;
    const char *body;
    enum outcome outcome;
    int status;
} calls[] = {
    { "GET", "/orders/b-7", NULL, OUTCOME_OK, 200 },
    { "GET", "/orders/b-7?wait=final&timeout=1s", NULL, OUTCOME_OK, 200 },
    { "POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1&client_id=b-7", OUTCOME_ACCEPTED, 201 },
    { "POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1&client_id=b-7", OUTCOME_REPLAYED, 200 },
    { "PATCH", "/orders/b-7", "qty=2", OUTCOME_OK, 200 },
    { "DELETE", "/orders/b-7", NULL, OUTCOME_OK, 200 },
    { "POST", "/orders", "[{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":1}]", OUTCOME_ACCEPTED,
      207 },
};

static int run(int i, const char *native)
{
    char target[200];

    (void)snprintf(target, sizeof(target), "%s%c%s", calls[i].target,
                   strchr(calls[i].target, '?') ? '&' : '?', native);
    kit.reply.outcome = calls[i].outcome;
    kit_run(calls[i].method, target, calls[i].body);
    ck_assert_int_eq(kit.dones, 1);
    kit.dones = 0;
    return kit.call.status;
}

START_TEST(each_call_shows_the_object_when_it_is_asked_for)
{
    ck_assert_int_eq(run(_i, "native=1"), calls[_i].status);
    ck_assert(kit_says("\"seq\":5,\"native\":" OBJECT "}"));
    ck_assert_uint_eq(kit.position, 42); /* when all of the reply is committed */
    ck_assert_int_eq(run(_i, "native=true"), calls[_i].status);
    ck_assert(kit_says("\"native\":" OBJECT));
    ck_assert_int_eq(run(_i, "native=0"), calls[_i].status);
    ck_assert(!kit_says("\"native\""));
    ck_assert_int_eq(run(_i, "native=false"), calls[_i].status);
    ck_assert(!kit_says("\"native\""));
}
END_TEST

START_TEST(what_is_neither_yes_nor_no_is_refused_before_anything_is_done)
{
    ck_assert_int_eq(run(_i, "native=2"), 400);
    ck_assert(kit_says("\"invalid_value\""));
    ck_assert(kit_says("0, false, 1, true"));
    ck_assert_uint_eq(kit.creates + kit.cancels + kit.amends + kit.watches + kit.batches, 0);
}
END_TEST

START_TEST(none_is_null)
{
    stored(NULL);
    ck_assert_int_eq(run(_i, "native=1"), calls[_i].status);
    ck_assert(kit_says("\"seq\":5,\"native\":null}"));
}
END_TEST

/* A write has happened: it is never answered with an error for this. */
START_TEST(without_the_journal_a_read_is_refused_and_a_write_has_null)
{
    bool is_read = strcmp(calls[_i].method, "GET") == 0;

    kit.job_err = ERR_UNAVAILABLE;
    ck_assert_int_eq(run(_i, "native=1"), is_read ? 503 : calls[_i].status);
    ck_assert(kit_says(is_read ? "journal_unavailable" : "\"native\":null"));
    kit.job_err = ERR_NONE;
    kit.reader_err = ERR_IO;
    ck_assert_int_eq(run(_i, "native=1"), is_read ? 503 : calls[_i].status);
    ck_assert(kit_says(is_read ? "journal_unavailable" : "\"native\":null"));
    kit.reader_err = ERR_NONE;
    kit.submit_err = ERR_BUSY;
    ck_assert_int_eq(run(_i, "native=1"), is_read ? 503 : calls[_i].status);
    ck_assert(kit_says(is_read ? "\"busy\"" : "\"native\":null"));
}
END_TEST

/* The order has gone on between the reply and the read. */
START_TEST(order_and_object_are_of_one_moment)
{
    kit.reply.cancel_in_flight = "sent";
    kit.orders[0].seq = 6;
    kit.orders[0].state = ORDER_CLOSED;
    kit.orders[0].status = STATUS_FILLED;
    ck_assert_int_eq(run(0, "native=1"), 200);
    ck_assert(kit_says("\"state\":\"filled\""));
    ck_assert(kit_says("\"seq\":6,\"native\":" OBJECT "}"));
    /* 202 says unknown, and so does its order. */
    kit.reply.outcome = OUTCOME_UNKNOWN;
    kit.reply.order.state = ORDER_UNKNOWN;
    kit_run("POST", "/orders?native=1", "symbol=BTCUSDT&side=buy&qty=1&client_id=b-7");
    ck_assert_int_eq(kit.call.status, 202);
    ck_assert(kit_says("\"state\":\"unknown\""));
    ck_assert(kit_says("\"native\":null"));
}
END_TEST

/* A full journal has not been handed all rows, and "none yet" would not be true. */
START_TEST(a_journal_that_is_behind_is_one_that_can_not_be_read)
{
    bool is_read = strcmp(calls[_i].method, "GET") == 0;

    kit.reply.order.seq = 7;
    ck_assert_int_eq(run(_i, "native=1"), is_read ? 503 : calls[_i].status);
    ck_assert(kit_says(is_read ? "journal_unavailable" : "\"seq\":7,\"native\":null}"));
}
END_TEST

START_TEST(the_status_of_an_order_of_a_batch_is_of_that_moment_too)
{
    kit.reply.outcome = OUTCOME_REPLAYED;
    kit.reply.order.state = ORDER_UNKNOWN;
    kit_run("POST", "/orders?native=1", "[{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":1}]");
    ck_assert(kit_says("\"status\":202"));
    ck_assert(kit_says("\"state\":\"unknown\""));
    kit.orders[0].seq = 6;
    kit_run("POST", "/orders?native=1", "[{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":1}]");
    ck_assert(kit_says("\"status\":200"));
    ck_assert(kit_says("\"state\":\"open\""));
}
END_TEST

START_TEST(a_problem_needs_no_object)
{
    kit.reply.outcome = OUTCOME_REJECTED;
    kit_run("POST", "/orders?native=1", "symbol=BTCUSDT&side=buy&qty=1");
    ck_assert_int_eq(kit.call.status, 422);
    ck_assert_uint_eq(kit.jobs, 0);
}
END_TEST

/* Someone has been at the file. */
static const char *const damaged[] = {
    "",        "x",   "[]",         "1,\"state\":\"filled\"", "{\"a\":1}}", "{\"a\":1,\"a\":2}",
    "{\"a\":", "{}x", "{\n\"a\":1}"
};

START_TEST(what_would_break_the_answer_is_null)
{
    stored(damaged[_i]);
    ck_assert_int_eq(kit_get("/orders/b-7?native=1"), 200);
    ck_assert(kit_says("\"seq\":5,\"native\":null}"));
    ck_assert_int_eq(kit_get("/orders?native=1"), 200);
    ck_assert(kit_says("\"seq\":5,\"native\":null}"));
}
END_TEST

START_TEST(what_is_larger_than_any_that_is_kept_is_null)
{
    static char large[80 * 1024];

    memset(large, ' ', sizeof(large) - 1);
    large[0] = '{';
    for (int i = 0; i < 2; i++) {
        size_t end = i ? sizeof(large) - 2 : NATIVE_BYTES_MAX;

        large[end] = '}';
        large[end + 1] = '\0';
        stored(large);
        ck_assert_int_eq(kit_get("/orders/b-7?native=1"), 200);
        ck_assert(kit_says("\"seq\":5,\"native\":null}"));
        ck_assert_int_eq(kit_get("/orders?native=1"), 200);
        ck_assert(kit_says("\"seq\":5,\"native\":null}"));
        large[end] = ' ';
        large[end + 1] = ' ';
    }
}
END_TEST

START_TEST(lists_have_it_in_each_form)
{
    ck_assert_int_eq(kit_get("/orders?native=1"), 200);
    ck_assert(kit_says("\"seq\":5,\"native\":" OBJECT "}]"));
    ck_assert_int_eq(kit_get("/orders.ndjson?native=1"), 200);
    ck_assert(kit_says("\"seq\":5,\"native\":" OBJECT "}\n"));
    ck_assert_int_eq(kit_get("/orders.csv?native=1"), 200);
    ck_assert(kit_says(",seq,native\r\n"));
    ck_assert(kit_says(",5,\"{\"\"orderId\"\":\"\"1\"\",\"\"price\"\":\"\"100.50\"\","
                       "\"\"orderStatus\"\":\"\"New\"\"}\"\r\n"));
    stored(NULL);
    ck_assert_int_eq(kit_get("/orders.csv?native=1"), 200);
    ck_assert(kit_says(",5,\r\n"));
}
END_TEST

START_TEST(lists_do_not_have_it_else)
{
    ck_assert_int_eq(kit_get("/orders"), 200);
    ck_assert(!kit_says("native"));
    ck_assert_int_eq(kit_get("/orders.csv?native=0"), 200);
    ck_assert(kit_says(",seq\r\n"));
    ck_assert(!kit_says("native"));
    ck_assert_int_eq(kit_get("/orders?native=2"), 400);
    ck_assert(kit_says("0, false, 1, true"));
    ck_assert_int_eq(kit_get("/fills"), 200);
    ck_assert(!kit_says("native"));
}
END_TEST

/* The next page is of the same kind. */
START_TEST(the_next_page_has_it_too)
{
    kit.orders[1] = kit.orders[0];
    kit.orders_count = 2;
    ck_assert_int_eq(kit_get("/orders?native=1&limit=1"), 200);
    ck_assert(kit_says("\"next\":\"/orders?after=2&native=1&limit=1\""));
}
END_TEST

/* A file that looks whole must be: large objects may not break off an export in the middle. */
START_TEST(an_export_of_large_objects_ends_with_an_answer)
{
    static char large[8192]; /* in a CSV its quotes are doubled */
    size_t at = (size_t)snprintf(large, sizeof(large), "{\"a\":[1");

    while (at + 6 < sizeof(large))
        at += (size_t)snprintf(large + at, sizeof(large) - at, ",\"\"");
    memcpy(large + at, "]}", 3);
    stored(large);
    for (size_t i = 0; i < KIT_ORDERS_MAX; i++)
        kit.orders[i] = kit.orders[0];
    kit.orders_count = KIT_ORDERS_MAX;
    ck_assert_int_eq(kit_get("/orders.csv?native=1"), 422);
    ck_assert(kit_says("too_many_rows"));
    ck_assert_int_eq(kit_get("/orders.csv?native=1&limit=100000"), 200);
    ck_assert_ptr_nonnull(kit_header("Link"));
    ck_assert_int_eq(kit_get("/orders.csv"), 200);
    ck_assert_int_eq(kit_get("/orders.ndjson?native=1"), 200);
    ck_assert_int_eq(kit_get("/orders?native=1&limit=1000"), 200);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_native");
    TCase *tcase = tcase_create("native");
    SRunner *runner;
    int failures;
    int count = (int)ARRAY_LEN(calls);

    tcase_add_checked_fixture(tcase, setup, kit_close);
    tcase_add_loop_test(tcase, each_call_shows_the_object_when_it_is_asked_for, 0, count);
    tcase_add_loop_test(tcase, what_is_neither_yes_nor_no_is_refused_before_anything_is_done, 0,
                        count);
    tcase_add_loop_test(tcase, none_is_null, 0, count);
    tcase_add_loop_test(tcase, without_the_journal_a_read_is_refused_and_a_write_has_null, 0,
                        count);
    tcase_add_test(tcase, order_and_object_are_of_one_moment);
    tcase_add_loop_test(tcase, a_journal_that_is_behind_is_one_that_can_not_be_read, 0, count);
    tcase_add_test(tcase, the_status_of_an_order_of_a_batch_is_of_that_moment_too);
    tcase_add_test(tcase, a_problem_needs_no_object);
    tcase_add_loop_test(tcase, what_would_break_the_answer_is_null, 0, ARRAY_LEN(damaged));
    tcase_add_test(tcase, what_is_larger_than_any_that_is_kept_is_null);
    tcase_add_test(tcase, lists_have_it_in_each_form);
    tcase_add_test(tcase, lists_do_not_have_it_else);
    tcase_add_test(tcase, the_next_page_has_it_too);
    tcase_add_test(tcase, an_export_of_large_objects_ends_with_an_answer);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
