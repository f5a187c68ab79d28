/* GET /pnl?check=1: which pages of the transaction log are asked for, when that ends, and what ends
 * it early. What is compared is in test_pnl_check.c. */
#include <inttypes.h>

#include "test_api_run.h"

#define DAY_MS   INT64_C(86400000)
#define EDGE_MS  60000
#define ASKS_MAX 200

static struct {
    int64_t start_ms;
    int64_t end_ms;
    char category[16];
    char cursor[40];
} asks[ASKS_MAX];
static size_t asks_count;
/* The n-th answer's result; NULL: an empty page that is the last one. */
static const char *(*result_of)(size_t n);
static char body[4096];
static int64_t now_ms;

static const char *value_of(const char *query, const char *name)
{
    const char *at = strstr(query, name);

    return at ? at + strlen(name) : "";
}

static void copy_value(char *out, size_t out_bytes, const char *query, const char *name)
{
    const char *value = value_of(query, name);

    ck_assert(!text_copy_n(out, out_bytes, value, strcspn(value, "&")));
}

static void answer_with(const char *result)
{
    struct text text = text_in(body, sizeof(body));

    text_addf(&text, "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":%s,\"time\":1700000000000}",
              result ? result : "{\"list\":[],\"nextPageCursor\":\"\"}");
    ck_assert(text_fits(&text));
    kit.answer = (struct rest_answer){
        .answered = true, .http_status = 200, .body = body, .body_bytes = strlen(body)
    };
}

static void on_read(enum bybit_route route, const char *query)
{
    ck_assert_int_eq(route, ROUTE_TRANSACTION_LOG);
    ck_assert_ptr_nonnull(strstr(query, "accountType=UNIFIED"));
    ck_assert_ptr_nonnull(strstr(query, "&limit=50"));
    ck_assert_uint_lt(asks_count, ASKS_MAX);
    asks[asks_count].start_ms = strtoll(value_of(query, "&startTime="), NULL, 10);
    asks[asks_count].end_ms = strtoll(value_of(query, "&endTime="), NULL, 10);
    copy_value(asks[asks_count].category, sizeof(asks[0].category), query, "&category=");
    copy_value(asks[asks_count].cursor, sizeof(asks[0].cursor), query, "&cursor=");
    answer_with(result_of ? result_of(asks_count) : NULL);
    asks_count++;
}

static void setup(void)
{
    kit_open();
    kit.on_read = on_read;
    result_of = NULL;
    asks_count = 0;
    now_ms = clock_wall_ms();
    kit.watched_from_ms = now_ms - 1000 * DAY_MS;
}

/* The journal itself can't be read here: so a log that was read to its end is answered with. */
static bool was_read(void)
{
    return kit.call.status == 503 && kit_says("journal_unavailable");
}

static int get_between(int64_t from_ms, int64_t to_ms, const char *more)
{
    char target[160];

    (void)snprintf(target, sizeof(target), "/pnl?check=1&from=%" PRId64 "&to=%" PRId64 "%s",
                   from_ms, to_ms, more);
    return kit_get(target);
}

START_TEST(without_check_nothing_is_asked)
{
    ck_assert_int_eq(kit_get("/pnl"), 503);
    ck_assert_int_eq(kit_get("/pnl?check=0"), 503);
    ck_assert_uint_eq(kit.reads, 0);
    ck_assert_int_eq(kit_get("/pnl?check=maybe"), 400);
    ck_assert(kit_says("\"invalid_value\""));
}
END_TEST

START_TEST(a_long_span_is_read_in_windows_without_a_gap)
{
    int64_t from_ms = now_ms - 20 * DAY_MS;
    int64_t to_ms = now_ms - DAY_MS;

    (void)get_between(from_ms, to_ms, "&category=spot");
    ck_assert(was_read());
    ck_assert_uint_eq(asks_count, 3);
    ck_assert_int_eq(asks[0].start_ms, from_ms - EDGE_MS);
    for (size_t i = 0; i < asks_count; i++) {
        ck_assert_str_eq(asks[i].category, "spot");
        ck_assert_int_le(asks[i].end_ms - asks[i].start_ms, 7 * DAY_MS);
        if (i > 0)
            ck_assert_int_eq(asks[i].start_ms, asks[i - 1].end_ms + 1);
    }
    ck_assert_int_eq(asks[2].end_ms, to_ms + EDGE_MS);
}
END_TEST

START_TEST(nothing_before_the_journal_or_the_two_years_is_read)
{
    kit.watched_from_ms = now_ms - 3 * DAY_MS;
    (void)kit_get("/pnl?check=1");
    ck_assert(was_read());
    ck_assert_uint_eq(asks_count, 1);
    ck_assert_int_eq(asks[0].start_ms, kit.watched_from_ms - EDGE_MS);
    ck_assert_int_ge(asks[0].end_ms, now_ms - 1000);
    ck_assert_int_le(asks[0].end_ms, clock_wall_ms() + 1000); /* not beyond now */
    ck_assert_str_eq(asks[0].category, "");
    asks_count = 0;
    kit.watched_from_ms = now_ms - 2000 * DAY_MS;
    (void)kit_get("/pnl?check=1");
    ck_assert(was_read());
    ck_assert_int_ge(asks[0].start_ms, now_ms - 730 * DAY_MS);
    ck_assert_uint_eq(asks_count, 105);
}
END_TEST

START_TEST(a_span_that_has_nothing_to_compare_asks_nothing)
{
    kit.watched_from_ms = now_ms - 3 * DAY_MS;
    (void)get_between(now_ms - 20 * DAY_MS, now_ms - 10 * DAY_MS, "");
    ck_assert(was_read());
    ck_assert_uint_eq(asks_count, 0);
}
END_TEST

START_TEST(a_journal_that_has_not_recovered_yet_is_not_ready)
{
    kit.watched_from_ms = 0;
    ck_assert_int_eq(kit_get("/pnl?check=1"), 503);
    ck_assert(kit_says("\"not_ready\""));
    ck_assert_uint_eq(asks_count, 0);
    kit.reader_err = ERR_IO;
    ck_assert_int_eq(kit_get("/pnl?check=1"), 503);
    ck_assert(kit_says("\"journal_unavailable\""));
}
END_TEST

/* --- pages --- */

static const char *three_pages(size_t n)
{
    static const char *const results[] = { "{\"list\":[],\"nextPageCursor\":\"a%3D1\"}",
                                           "{\"list\":null,\"nextPageCursor\":\"b c\"}", NULL };

    return n < 3 ? results[n] : NULL;
}

START_TEST(a_window_is_read_to_the_end_of_its_cursors)
{
    result_of = three_pages;
    (void)get_between(now_ms - 10 * DAY_MS, now_ms - 2 * DAY_MS, "");
    ck_assert(was_read());
    ck_assert_uint_eq(asks_count, 4);
    ck_assert_str_eq(asks[0].cursor, "");
    ck_assert_str_eq(asks[1].cursor, "a%3D1"); /* as it came */
    ck_assert_str_eq(asks[2].cursor, "b%20c");
    ck_assert_int_eq(asks[2].start_ms, asks[0].start_ms);
    ck_assert_str_eq(asks[3].cursor, "");
    ck_assert_int_eq(asks[3].start_ms, asks[0].end_ms + 1);
}
END_TEST

static const char *same_cursor(size_t n)
{
    (void)n;
    return "{\"list\":[],\"nextPageCursor\":\"again\"}";
}

static const char *circle(size_t n)
{
    return n % 2 ? "{\"list\":[],\"nextPageCursor\":\"a\"}"
                 : "{\"list\":[],\"nextPageCursor\":\"b\"}";
}

static const char *list_of_nothing(size_t n)
{
    (void)n;
    return "{\"nextPageCursor\":\"\"}";
}

static const char *broken_row(size_t n)
{
    (void)n;
    return "{\"list\":[{\"transactionTime\":\"1700000000000\",\"type\":\"TRADE\",\"category\":"
           "\"linear\",\"symbol\":\"BTCUSDT\",\"fee\":\"NaN\"}],\"nextPageCursor\":\"\"}";
}

static const char *row_that_is_none(size_t n)
{
    (void)n;
    return "{\"list\":[[]],\"nextPageCursor\":\"\"}";
}

static const char *cursor_that_is_none(size_t n)
{
    (void)n;
    return "{\"list\":[],\"nextPageCursor\":{}}";
}

static const char *long_cursor(size_t n)
{
    static char result[1000];

    (void)n;
    memset(result, 'c', sizeof(result) - 1);
    memcpy(result, "{\"list\":[],\"nextPageCursor\":\"", 29);
    memcpy(result + sizeof(result) - 3, "\"}", 3);
    return result;
}

static const struct {
    const char *(*result)(size_t n);
    const char *says;
    size_t asks;
} unusable[] = {
    { same_cursor, "circles", 2 },  { circle, "circles", 4 },
    { list_of_nothing, "list", 1 }, { broken_row, "fee is no decimal", 1 },
    { row_that_is_none, "row", 1 }, { cursor_that_is_none, "cursor", 1 },
    { long_cursor, "cursor", 1 },
};

START_TEST(what_can_not_be_used_is_said)
{
    result_of = unusable[_i].result;
    ck_assert_int_eq(kit_get("/pnl?check=1&from=-1d"), 502);
    ck_assert(kit_says("\"upstream_failed\""));
    ck_assert_msg(kit_says(unusable[_i].says), "%s", kit.call.reply.data);
    ck_assert_uint_le(asks_count, unusable[_i].asks);
    ck_assert_int_eq(kit.dones, 1);
}
END_TEST

static void no_answer(enum bybit_route route, const char *query)
{
    (void)route;
    (void)query;
    kit.answer = (struct rest_answer){ .error = { .text = "connect: refused" }, .body = "" };
}

static void throttled(enum bybit_route route, const char *query)
{
    (void)route;
    (void)query;
    kit.answer = (struct rest_answer){ .throttled = true, .retry_after_ms = 2500, .body = "" };
}

static void refused(enum bybit_route route, const char *query)
{
    (void)route;
    (void)query;
    answer_with(NULL);
    kit.answer.body = "{\"retCode\":10005,\"retMsg\":\"Permission denied\",\"result\":{}}";
    kit.answer.body_bytes = strlen(kit.answer.body);
}

START_TEST(the_exchanges_failure_is_answered_as_of_any_read)
{
    kit.on_read = no_answer;
    ck_assert_int_eq(kit_get("/pnl?check=1"), 502);
    ck_assert(kit_says("connect: refused"));
    kit.on_read = throttled;
    ck_assert_int_eq(kit_get("/pnl?check=1"), 429);
    ck_assert_str_eq(kit_header("Retry-After"), "3");
    kit.on_read = refused;
    ck_assert_int_eq(kit_get("/pnl?check=1"), 502);
    ck_assert(kit_says("10005"));
    kit.on_read = NULL;
    kit.reads_err = ERR_BUSY;
    ck_assert_int_eq(kit_get("/pnl?check=1"), 503);
    ck_assert(kit_says("\"busy\""));
}
END_TEST

/* --- many pages, many checks: answered one by one --- */

static struct {
    void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms, void *userdata);
    void *userdata;
} held[8];
static size_t held_count;

static void hold(void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                 void *userdata),
                 void *userdata)
{
    ck_assert_uint_lt(held_count, ARRAY_LEN(held));
    held[held_count].on_done = on_done;
    held[held_count++].userdata = userdata;
}

/* Answers the read that came first. */
static void let_one(const char *result)
{
    void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms, void *userdata) =
        held[0].on_done;
    void *userdata = held[0].userdata;

    ck_assert_uint_gt(held_count, 0);
    memmove(held, held + 1, --held_count * sizeof(held[0]));
    answer_with(result);
    on_done(&kit.answer, clock_wall_ms(), userdata);
}

static void hold_reads(void)
{
    held_count = 0;
    kit.take_read = hold;
}

START_TEST(pages_without_end_are_given_up)
{
    char result[80];
    int pages = 0;

    hold_reads();
    ck_assert_int_eq(kit_get("/pnl?check=1&from=-1d"), 0);
    for (; held_count && pages < 3000; pages++) {
        (void)snprintf(result, sizeof(result), "{\"list\":[],\"nextPageCursor\":\"c%d\"}", pages);
        let_one(result);
    }
    ck_assert_int_eq(pages, 2000);
    ck_assert_int_eq(kit.call.status, 422);
    ck_assert(kit_says("too_many_entries"));
}
END_TEST

START_TEST(rows_without_end_are_given_up)
{
    char result[4000];
    int rows = 0;

    hold_reads();
    ck_assert_int_eq(kit_get("/pnl?check=1&from=-1d"), 0);
    while (held_count && rows < 60000) {
        struct text text = text_in(result, sizeof(result));

        text_add(&text, "{\"list\":[");
        for (int i = 0; i < 50; i++, rows++)
            text_addf(&text, "%s{\"transactionTime\":\"%" PRId64 "\",\"type\":\"BONUS\"}",
                      i ? "," : "", now_ms - DAY_MS / 2);
        text_addf(&text, "],\"nextPageCursor\":\"c%d\"}", rows);
        ck_assert(text_fits(&text));
        let_one(result);
    }
    ck_assert_int_eq(rows, 50050);
    ck_assert_int_eq(kit.call.status, 422);
    ck_assert(kit_says("too_many_entries") && kit_says("50,000"));
}
END_TEST

START_TEST(who_has_left_is_not_read_for)
{
    hold_reads();
    ck_assert_int_eq(kit_get("/pnl?check=1&from=-1d"), 0);
    atomic_store(&kit.call.gone, true);
    let_one("{\"list\":[],\"nextPageCursor\":\"c\"}");
    ck_assert_uint_eq(held_count, 0);
    ck_assert_int_eq(kit.dones, 1);
}
END_TEST

#define RUNNING 2
#define WAITING 4
static struct api_call calls[RUNNING + WAITING + 1];

static void ask(size_t n)
{
    struct api_call *call = &calls[n];

    call->api = &kit.api;
    call->method = "GET";
    call->path = "/pnl";
    call->query[0] = (struct api_pair){ "check", "1" };
    call->query_count = 1;
    call->endpoint = kit.call.endpoint;
    call->done = kit_done;
    kit.watched_from_ms = now_ms - DAY_MS;
    call->endpoint->handle(&kit.api, call);
}

START_TEST(two_are_read_some_wait_and_the_rest_is_told_to_come_again)
{
    ck_assert_int_eq(kit_get("/pnl?check=2"), 400); /* finds the endpoint */
    memset(calls, 0, sizeof(calls));
    hold_reads();
    for (size_t i = 0; i < RUNNING + WAITING; i++) {
        ask(i);
        ck_assert_int_eq(calls[i].status, 0);
    }
    ck_assert_uint_eq(held_count, RUNNING);
    ask(RUNNING + WAITING);
    ck_assert_int_eq(calls[RUNNING + WAITING].status, 503);
    ck_assert_ptr_nonnull(strstr(calls[RUNNING + WAITING].reply.data, "\"busy\""));
    atomic_store(&calls[RUNNING].gone, true); /* it waits, and leaves */
    for (size_t i = 0; held_count; i++) {
        let_one(NULL);
        ck_assert_uint_le(held_count, RUNNING);
    }
    for (size_t i = 0; i < RUNNING + WAITING; i++) {
        ck_assert_int_eq(calls[i].status, 503);
        ck_assert_msg(strstr(calls[i].reply.data, i == RUNNING ? "\"busy\"" : "journal"), "%s",
                      calls[i].reply.data);
        buffer_deinit(&calls[i].reply);
    }
    buffer_deinit(&calls[RUNNING + WAITING].reply);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_pnl_check");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, setup, kit_close);
    tcase_add_test(tcase, without_check_nothing_is_asked);
    tcase_add_test(tcase, a_long_span_is_read_in_windows_without_a_gap);
    tcase_add_test(tcase, nothing_before_the_journal_or_the_two_years_is_read);
    tcase_add_test(tcase, a_span_that_has_nothing_to_compare_asks_nothing);
    tcase_add_test(tcase, a_journal_that_has_not_recovered_yet_is_not_ready);
    tcase_add_test(tcase, a_window_is_read_to_the_end_of_its_cursors);
    tcase_add_loop_test(tcase, what_can_not_be_used_is_said, 0, (int)ARRAY_LEN(unusable));
    tcase_add_test(tcase, the_exchanges_failure_is_answered_as_of_any_read);
    tcase_add_test(tcase, pages_without_end_are_given_up);
    tcase_add_test(tcase, rows_without_end_are_given_up);
    tcase_add_test(tcase, who_has_left_is_not_read_for);
    tcase_add_test(tcase, two_are_read_some_wait_and_the_rest_is_told_to_come_again);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
