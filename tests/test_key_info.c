/* What the API key may do: the answer's reading, and when the bridge is stopped by it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "base/clock.h"
#include "bybit/key_info.h"
#include "bybit/reads.h"

#define NOW_MS 1776149990532
#define DAY_MS INT64_C(86400000)

/* --- reading --- */

static const struct {
    const char *result;
    bool can_withdraw, ip_bound, read_only;
    int64_t expires_ms;
    const char *user_id, *rights;
} answers[] = {
    { "{\"readOnly\":1,\"permissions\":{\"ContractTrade\":[\"Order\",\"Position\"],\"Wallet\":["
      "\"AccountTransfer\"],\"Earn\":[]},\"ips\":[\"18.181.170.164\"],\"deadlineDay\":-2,"
      "\"expiredAt\":\"1970-01-01T00:00:00Z\",\"userID\":1448939,\"userIDInt64\":\"0\"}",
      false, true, true, 0, "1448939",
      "ContractTrade.Order ContractTrade.Position Wallet.AccountTransfer" },
    { "{\"readOnly\":0,\"permissions\":{\"Wallet\":[\"Withdraw\"]},\"ips\":[\"*\"],"
      "\"expiredAt\":\"2026-05-01T00:00:00Z\"}",
      true, false, false, 1777593600000, "", "Wallet.Withdraw" },
    /* In another group, or in other letters, it is the same right. */
    { "{\"readOnly\":\"1\",\"permissions\":{\"Assets\":[\"withdraw\"]},\"deadlineDay\":3}", true,
      false, true, NOW_MS + 3 * DAY_MS, "", "Assets.withdraw" },
    { "{\"permissions\":{},\"ips\":[\"10.0.0.1\",\"*\"],\"userIDInt64\":\"9007199254740993\","
      "\"userID\":7}",
      false, false, false, 0, "9007199254740993", "" },
    { "{\"permissions\":{\"A\":7,\"B\":[{},[],null,\"C\"],\"D\":{\"E\":\"Withdraw\"}},\"ips\":{},"
      "\"expiredAt\":\"9999999999\",\"deadlineDay\":99999999999,\"userID\":\"x\",\"readOnly\":{}}",
      true, false, false, 0, "", "B.C D.Withdraw" },
};

static struct json opened(const char *text)
{
    struct json json;

    ck_assert_msg(json_open_trusted(&json, text, strlen(text), NULL) == ERR_NONE, "%s", text);
    return json;
}

START_TEST(the_answer_says_what_the_key_may_do)
{
    struct json result = opened(answers[_i].result);
    struct key_info info;

    ck_assert_int_eq(key_info_read(&info, &result, NOW_MS, NULL), ERR_NONE);
    ck_assert_int_eq(info.can_withdraw, answers[_i].can_withdraw);
    ck_assert_int_eq(info.ip_bound, answers[_i].ip_bound);
    ck_assert_int_eq(info.read_only, answers[_i].read_only);
    ck_assert_int_eq(info.expires_ms, answers[_i].expires_ms);
    ck_assert_str_eq(info.user_id, answers[_i].user_id);
    ck_assert_str_eq(info.rights, answers[_i].rights);
    ck_assert_int_eq(info.as_of_ms, NOW_MS);
}
END_TEST

static const char *const bad[] = { "{}", "[]", "{\"permissions\":[\"Withdraw\"]}",
                                   "{\"permissions\":null}", "{\"permissions\":\"Withdraw\"}" };

START_TEST(an_answer_without_permissions_says_nothing)
{
    struct json result = opened(bad[_i]);
    struct key_info info = { .as_of_ms = 5 };
    struct error error;

    ck_assert_int_eq(key_info_read(&info, &result, NOW_MS, &error), ERR_INVALID);
    ck_assert_int_eq(info.as_of_ms, 5);
}
END_TEST

START_TEST(rights_without_end_do_not_hide_the_last_one)
{
    struct buffer text = buffer_of((size_t)1 << 20);
    struct key_info info;
    struct json result;

    buffer_add_text(&text, "{\"permissions\":{\"A\":[");
    for (int i = 0; i < 5000; i++)
        buffer_add_text(&text, "\"SomethingLong\",");
    buffer_add_text(&text, "\"Withdraw\"]}}");
    result = opened(text.data);
    ck_assert_int_eq(key_info_read(&info, &result, NOW_MS, NULL), ERR_NONE);
    ck_assert(info.can_withdraw);
    buffer_deinit(&text);
}
END_TEST

/* --- the check --- */

static struct {
    enum err err;
    enum bybit_route route;
    int asked;
    int refused;
    void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms, void *userdata);
    void *userdata;
} reads;

enum err reads_get_own(struct reads *unused, enum bybit_route route, enum category category,
                       const char *query, int timeout_ms, int cache_ms,
                       void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                       void *userdata),
                       void *userdata)
{
    (void)unused;
    (void)category;
    (void)query;
    (void)timeout_ms;
    (void)cache_ms;
    if (reads.err)
        return reads.err;
    reads.asked++;
    reads.route = route;
    reads.on_done = on_done;
    reads.userdata = userdata;
    return ERR_NONE;
}

static void answer(long http_status, const char *body)
{
    struct rest_answer got = {
        .answered = true, .http_status = http_status, .body = body, .body_bytes = strlen(body)
    };

    reads.on_done(&got, clock_wall_ms(), reads.userdata);
}

static void answer_none(void)
{
    struct rest_answer got = { .body = "" };

    error_set(&got.error, ERR_UNAVAILABLE, "nobody is there");
    reads.on_done(&got, 0, reads.userdata);
}

#define FINE "{\"retCode\":0,\"result\":{\"permissions\":{\"Spot\":[\"SpotTrade\"]}}}"
#define BAD  "{\"retCode\":0,\"result\":{\"permissions\":{\"Wallet\":[\"Withdraw\"]}}}"

static void on_refused(const char *reason, void *userdata)
{
    (void)userdata;
    ck_assert_ptr_nonnull(strstr(reason, "--allow-withdraw-key"));
    reads.refused++;
}

static struct key_check *begin(bool allow)
{
    const struct key_check_config config = { .allow_withdraw = allow, .on_refused = on_refused };
    struct key_check *check = key_check_create(&config);

    memset(&reads, 0, sizeof(reads));
    ck_assert_ptr_nonnull(check);
    key_check_begin(check, (struct reads *)&reads);
    /* The clock first, so that the signed call has a good time stamp. */
    ck_assert_int_eq(reads.route, ROUTE_TIME);
    answer(200, "{\"retCode\":0}");
    ck_assert_int_eq(reads.route, ROUTE_KEY_INFO);
    return check;
}

START_TEST(a_key_that_may_withdraw_is_refused_at_the_start)
{
    struct key_check *check = begin(false);
    struct error error = { .text = "" };

    answer(200, BAD);
    ck_assert_int_eq(key_check_wait(check, 5000, &error), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(error.text, "--allow-withdraw-key"));
    ck_assert_int_eq(reads.refused, 0);
    key_check_destroy(check);
}
END_TEST

START_TEST(it_passes_when_it_is_allowed)
{
    struct key_check *check = begin(true);
    struct key_info info;

    answer(200, BAD);
    ck_assert_int_eq(key_check_wait(check, 5000, NULL), ERR_NONE);
    ck_assert(key_check_get(check, &info));
    ck_assert(info.can_withdraw);
    ck_assert_int_eq(reads.refused, 0);
    key_check_destroy(check);
}
END_TEST

START_TEST(a_good_key_is_asked_for_again_an_hour_later_only)
{
    struct key_check *check = begin(false);
    struct key_info info;

    ck_assert(!key_check_get(check, &info));
    answer(200, FINE);
    ck_assert_int_eq(key_check_wait(check, 5000, NULL), ERR_NONE);
    ck_assert(key_check_get(check, &info));
    key_check_tick(check);
    ck_assert_int_eq(reads.asked, 2);
    key_check_destroy(check);
}
END_TEST

/* What can be no answer at the start. */
static const struct {
    long http_status;
    const char *body;
} failures[] = { { 0, NULL },
                 { 404, "not found" },
                 { 200, "<html>" },
                 { 200, "{\"retCode\":10001,\"retMsg\":\"demo has none\",\"result\":{}}" },
                 { 200, "{\"retCode\":0,\"result\":{}}" } };

START_TEST(without_an_answer_the_bridge_starts_and_a_bad_key_stops_it_later)
{
    struct key_check *check = begin(false);
    struct error error;

    if (failures[_i].body)
        answer(failures[_i].http_status, failures[_i].body);
    else
        answer_none();
    ck_assert_int_eq(key_check_wait(check, 5000, &error), ERR_NONE);
    key_check_tick(check);
    ck_assert_int_eq(reads.asked, 2); /* not at once again */
    /* The answer that comes at last. */
    answer(200, BAD);
    ck_assert_int_eq(reads.refused, 1);
    answer(200, BAD);
    ck_assert_int_eq(reads.refused, 1);
    key_check_destroy(check);
}
END_TEST

START_TEST(a_bound_reached_is_no_answer)
{
    const struct key_check_config config = { .on_refused = on_refused };
    struct key_check *check = key_check_create(&config);

    memset(&reads, 0, sizeof(reads));
    reads.err = ERR_BUSY;
    key_check_begin(check, (struct reads *)&reads);
    ck_assert_int_eq(key_check_wait(check, 5000, NULL), ERR_NONE);
    key_check_destroy(check);
}
END_TEST

START_TEST(the_wait_ends_in_time)
{
    struct key_check *check = begin(false);
    int64_t begin_ms = clock_mono_ms();

    ck_assert_int_eq(key_check_wait(check, 30, NULL), ERR_NONE);
    ck_assert_int_ge(clock_mono_ms() - begin_ms, 29);
    ck_assert_int_lt(clock_mono_ms() - begin_ms, 4000);
    answer(200, BAD);
    ck_assert_int_eq(reads.refused, 1);
    key_check_destroy(check);
}
END_TEST

static void *answer_run(void *userdata)
{
    const struct timespec some = { .tv_nsec = 20000000 };

    (void)userdata;
    (void)nanosleep(&some, NULL);
    answer(200, BAD);
    return NULL;
}

START_TEST(the_wait_hears_of_the_answer)
{
    struct key_check *check = begin(false);
    struct error error;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, answer_run, NULL), 0);
    ck_assert_int_eq(key_check_wait(check, 20000, &error), ERR_INVALID);
    pthread_join(thread, NULL);
    ck_assert_int_eq(reads.refused, 0);
    key_check_destroy(check);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("key_info");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tcase, the_answer_says_what_the_key_may_do, 0, ARRAY_LEN(answers));
    tcase_add_loop_test(tcase, an_answer_without_permissions_says_nothing, 0, ARRAY_LEN(bad));
    tcase_add_test(tcase, rights_without_end_do_not_hide_the_last_one);
    tcase_add_test(tcase, a_key_that_may_withdraw_is_refused_at_the_start);
    tcase_add_test(tcase, it_passes_when_it_is_allowed);
    tcase_add_test(tcase, a_good_key_is_asked_for_again_an_hour_later_only);
    tcase_add_loop_test(tcase, without_an_answer_the_bridge_starts_and_a_bad_key_stops_it_later, 0,
                        ARRAY_LEN(failures));
    tcase_add_test(tcase, a_bound_reached_is_no_answer);
    tcase_add_test(tcase, the_wait_ends_in_time);
    tcase_add_test(tcase, the_wait_hears_of_the_answer);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
