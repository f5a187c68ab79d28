/* Floods and silence of single topics, over the sockets of the started exchange. */
#include "test_sim_frames.h"

#define FLOOD "\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"depth\":50"

static int listen_to_book(void)
{
    int descriptor = dial_socket("/v5/public/linear");

    subscribe(descriptor, "orderbook.50.BTCUSDT");
    ck_assert_int_gt(next_u(descriptor), 1);
    return descriptor;
}

static cJSON *show(const char *path, const char *query)
{
    cJSON *shown = ask_json("GET", path, query, "");

    ck_assert(cJSON_IsTrue(cJSON_GetObjectItem(shown, "ok")));
    return shown;
}

static int64_t flood_number(const char *name)
{
    cJSON *shown = show("/sim/flood", "");
    int64_t number = (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(shown, name));

    cJSON_Delete(shown);
    return number;
}

/* --- floods --- */

START_TEST(a_flood_is_heard_in_order_and_kept)
{
    int descriptor = listen_to_book();
    int64_t u;
    int64_t seq = 0;
    cJSON *books;

    control("/sim/flood", "{" FLOOD ",\"deltas\":500,\"keep_every\":100}");
    u = next_u(descriptor);
    for (int i = 1; i < 500; i++) {
        ck_assert_int_eq(next_u(descriptor), u + i);
        ck_assert_ptr_nonnull(strstr(answer, "\"type\":\"delta\""));
        ck_assert(seq == 0 || number_of("\"seq\":") > seq);
        seq = number_of("\"seq\":");
    }
    ck_assert_int_eq(
        ret_code("GET", "/v5/market/orderbook", "category=linear&symbol=BTCUSDT&limit=50", ""), 0);
    ck_assert_int_eq(number_of("\"u\":"), u + 499);
    ck_assert_int_eq(number_of("\"seq\":"), seq);
    ck_assert_int_eq(flood_number("published"), 500);
    books = show("/sim/books", "");
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(books, "list")), 5);
    cJSON_Delete(books);
    books = show("/sim/books", "after=450");
    ck_assert_int_le(cJSON_GetArraySize(cJSON_GetObjectItem(books, "list")), 1);
    cJSON_Delete(books);
    (void)close(descriptor);
}
END_TEST

START_TEST(a_book_that_is_kept_is_the_one_that_rest_shows)
{
    int descriptor = listen_to_book();
    char level[96] = "";
    cJSON *books;
    const cJSON *point;
    const char *book;
    const cJSON *bid;
    cJSON *shown;

    control("/sim/flood", "{" FLOOD ",\"deltas\":10,\"keep_every\":1}");
    for (int i = 0; i < 10; i++)
        (void)next_u(descriptor);
    books = show("/sim/books", "after=9");
    point = cJSON_GetArrayItem(cJSON_GetObjectItem(books, "list"), 0);
    book = cJSON_GetStringValue(cJSON_GetObjectItem(point, "book"));
    ck_assert_ptr_nonnull(book);
    shown = ask_json("GET", "/v5/market/orderbook", "category=linear&symbol=BTCUSDT&limit=50", "");
    bid = cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetObjectItem(shown, "result"), "b"), 0);
    (void)snprintf(level, sizeof(level), "%s:%s,", cJSON_GetStringValue(cJSON_GetArrayItem(bid, 0)),
                   cJSON_GetStringValue(cJSON_GetArrayItem(bid, 1)));
    ck_assert_int_eq(strncmp(book, level, strlen(level)), 0);
    cJSON_Delete(shown);
    cJSON_Delete(books);
    (void)close(descriptor);
}
END_TEST

/* How often each step of `u` was seen in so many frames. */
struct steps {
    int gaps, repeats, back, restarts;
};

static struct steps count_steps(int descriptor, int frames)
{
    struct steps steps = { 0 };
    int64_t last = next_u(descriptor);

    for (int i = 1; i < frames; i++) {
        int64_t u = next_u(descriptor);

        if (u == 1)
            steps.restarts++;
        else if (u == last)
            steps.repeats++;
        else if (u < last)
            steps.back++;
        else if (u > last + 1)
            steps.gaps++;
        last = u;
    }
    return steps;
}

/* A reorder looks like a jump, a step back, and a jump. */
START_TEST(a_flood_has_the_faults_that_were_ordered)
{
    int descriptor = listen_to_book();
    struct steps steps;

    control("/sim/flood", "{" FLOOD ",\"deltas\":2000,\"faults\":{\"gap\":0.01,\"duplicate\":0.02,"
                          "\"restart\":0.005,\"reorder\":0.01,\"leave\":0.5}}");
    steps = count_steps(descriptor, 1900);
    ck_assert_int_ge(steps.gaps, 10);
    ck_assert_int_ge(steps.repeats, 20);
    ck_assert_int_ge(steps.restarts, 3);
    ck_assert_int_ge(steps.back, 5);
    ck_assert_int_ge(flood_number("gap"), 5);
    (void)close(descriptor);
}
END_TEST

START_TEST(an_alteration_ends_with_the_next_who_joins)
{
    int descriptor = listen_to_book();
    cJSON *shown = NULL;
    int other;

    control("/sim/flood", "{" FLOOD ",\"deltas\":100000,\"every_us\":1000,\"alter_at\":10}");
    for (int i = 0; i < 3000 && !cJSON_GetObjectItem(shown, "altered"); i++) {
        (void)next_u(descriptor);
        cJSON_Delete(shown);
        shown = i % 50 ? NULL : show("/sim/flood", "");
    }
    ck_assert_ptr_nonnull(cJSON_GetObjectItem(shown, "altered"));
    ck_assert_ptr_null(cJSON_GetObjectItem(cJSON_GetObjectItem(shown, "altered"), "joined_ms"));
    cJSON_Delete(shown);
    other = listen_to_book();
    shown = show("/sim/flood", "");
    ck_assert_ptr_nonnull(cJSON_GetObjectItem(cJSON_GetObjectItem(shown, "altered"), "joined_ms"));
    cJSON_Delete(shown);
    (void)close(other);
    (void)close(descriptor);
}
END_TEST

static const char *const no_floods[] = {
    "{}",
    "{" FLOOD "}",
    "{" FLOOD ",\"deltas\":0}",
    "{" FLOOD ",\"deltas\":2000000000}",
    "{" FLOOD ",\"deltas\":10,\"every_us\":-1}",
    "{" FLOOD ",\"deltas\":10,\"alter_at\":11}",
    "{" FLOOD ",\"deltas\":10,\"keep_every\":0}",
    "{" FLOOD ",\"deltas\":10,\"jumps_most\":-1}",
    "{" FLOOD ",\"deltas\":10,\"faults\":{\"gap\":1.5}}",
    "{" FLOOD ",\"deltas\":10,\"faults\":{\"gap\":0.6,\"restart\":0.6}}",
    "{" FLOOD ",\"deltas\":10,\"faults\":{\"gaps\":0.1}}",
    "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"depth\":1,\"deltas\":10}",
    "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"depth\":25,\"deltas\":10}",
    "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"depth\":51,\"deltas\":10}",
    "{\"category\":\"linear\",\"symbol\":\"NONE\",\"depth\":50,\"deltas\":10}",
};

START_TEST(a_wrong_flood_is_refused)
{
    ck_assert_int_eq(ask("POST", "/sim/flood", "", no_floods[_i]), 400);
    ck_assert_ptr_nonnull(strstr(answer, "\"error\":\""));
    ck_assert_int_eq(ask("GET", "/sim/flood", "", ""), 400);
    ck_assert_int_eq(ask("GET", "/sim/books", "", ""), 400);
}
END_TEST

START_TEST(the_market_follows_a_flood_that_is_stopped)
{
    int descriptor = listen_to_book();
    int64_t u = 0;

    control("/sim/flood", "{" FLOOD ",\"deltas\":20}");
    for (int i = 0; i < 20; i++)
        u = next_u(descriptor);
    ck_assert_int_eq(ask("POST", "/sim/book", "", "{\"symbol\":\"BTCUSDT\",\"mode\":\"gap\"}"),
                     400);
    control("/sim/flood", "{\"stop\":true}");
    ck_assert_int_eq(next_u(descriptor), u + 1);
    ck_assert_ptr_nonnull(strstr(answer, "\"type\":\"delta\""));
    (void)close(descriptor);
}
END_TEST

/* --- silence of one topic --- */

START_TEST(a_frozen_topic_is_silent_and_the_others_flow)
{
    int first = listen_to_book();
    int later;

    control("/sim/pause", "{\"paused\":false}");
    control("/sim/stream", "{\"mode\":\"freeze\",\"topic\":\"orderbook.50.BTCUSDT\"}");
    subscribe(first, "orderbook.200.BTCUSDT");
    ck_assert(wait_for(first, "orderbook.200.BTCUSDT"));
    for (int i = 0; i < 20; i++) {
        ck_assert(wait_for(first, "\"topic\":\"orderbook."));
        ck_assert_ptr_null(strstr(answer, "orderbook.50."));
    }
    later = dial_socket("/v5/public/linear");
    subscribe(later, "orderbook.50.BTCUSDT");
    ck_assert(read_frame(later));
    ck_assert_ptr_nonnull(strstr(answer, "\"success\":true"));
    send_frame(later, "{\"op\":\"ping\"}");
    ck_assert(read_frame(later));
    ck_assert_ptr_nonnull(strstr(answer, "\"ret_msg\":\"pong\""));
    control("/sim/stream",
            "{\"mode\":\"thaw\",\"topic\":\"orderbook.50.BTCUSDT\",\"category\":\"linear\"}");
    ck_assert(wait_for(later, "orderbook.50.BTCUSDT"));
    ck_assert(wait_for(first, "orderbook.50.BTCUSDT"));
    (void)close(first);
    (void)close(later);
}
END_TEST

START_TEST(a_frozen_topic_is_of_one_category)
{
    int linear = dial_socket("/v5/public/linear");
    int spot = dial_socket("/v5/public/spot");

    control("/sim/pause", "{\"paused\":false}");
    control("/sim/stream",
            "{\"mode\":\"freeze\",\"topic\":\"tickers.BTCUSDT\",\"category\":\"spot\"}");
    subscribe(linear, "tickers.BTCUSDT");
    ck_assert(wait_for(linear, "\"topic\""));
    subscribe(spot, "tickers.BTCUSDT");
    ck_assert(read_frame(spot));
    send_frame(spot, "{\"op\":\"ping\"}");
    ck_assert(read_frame(spot));
    ck_assert_ptr_nonnull(strstr(answer, "\"ret_msg\":\"pong\""));
    control("/sim/stream", "{\"mode\":\"thaw\"}");
    ck_assert(wait_for(spot, "\"topic\""));
    (void)close(linear);
    (void)close(spot);
}
END_TEST

static const char *const no_freezes[] = {
    "{\"mode\":\"freeze\"}",
    "{\"mode\":\"freeze\",\"topic\":\"orderbook.7.BTCUSDT\"}",
    "{\"mode\":\"freeze\",\"topic\":\"order\",\"kind\":\"public\"}",
    "{\"mode\":\"thaw\",\"topic\":\"none\"}",
    "{\"mode\":\"cut\"}",
    "{\"mode\":\"melt\",\"kind\":\"public\"}",
};

START_TEST(a_wrong_freeze_is_refused)
{
    ck_assert_int_eq(ask("POST", "/sim/stream", "", no_freezes[_i]), 400);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim/topics");
    TCase *tcase = tcase_create("topics");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_flood_is_heard_in_order_and_kept);
    tcase_add_test(tcase, a_book_that_is_kept_is_the_one_that_rest_shows);
    tcase_add_test(tcase, a_flood_has_the_faults_that_were_ordered);
    tcase_add_test(tcase, an_alteration_ends_with_the_next_who_joins);
    tcase_add_loop_test(tcase, a_wrong_flood_is_refused, 0, ARRAY_LEN(no_floods));
    tcase_add_test(tcase, the_market_follows_a_flood_that_is_stopped);
    tcase_add_test(tcase, a_frozen_topic_is_silent_and_the_others_flow);
    tcase_add_test(tcase, a_frozen_topic_is_of_one_category);
    tcase_add_loop_test(tcase, a_wrong_freeze_is_refused, 0, ARRAY_LEN(no_freezes));
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
