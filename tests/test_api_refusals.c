/* How orders that the guard or the rate budget refuses are answered, and what is told of it. */
#include "base/metrics.h"
#include "test_api_run.h"

#define ORDER "symbol=BTCUSDT&side=buy&qty=0.01"

/* --- refusals of orders --- */

static struct guard_verdict verdict;
static bool remembers; /* the engine has the order, and says what became of it */

static bool refuse(const struct order_request *request, const struct guard_facts *facts,
                   struct loop_reply *reply)
{
    (void)request;
    (void)facts;
    reply->outcome = kit.reply.outcome;
    reply->verdict = &verdict;
    reply->error = kit.reply.error;
    reply->retry_after_ms = kit.reply.retry_after_ms;
    reply->has_order = remembers;
    if (remembers)
        reply->order.request = *request;
    return true;
}

static void set_refusal(enum outcome outcome)
{
    kit.on_create = refuse;
    kit.reply.outcome = outcome;
    verdict = (struct guard_verdict){ .limit = GUARD_MAX_ORDER_NOTIONAL,
                                      .client = "bot",
                                      .value = kit_decimal("1200"),
                                      .allowed = kit_decimal("1000"),
                                      .price = kit_decimal("120000"),
                                      .source = GUARD_PRICE_LOCAL_BOOK,
                                      .price_age_ms = 12,
                                      .text = "1200 is above 1000" };
}

static const char *const guard_codes[] = {
    "guard_max_order_notional",
    "guard_max_open_notional",
    "guard_max_orders_per_minute",
    "guard_symbols",
    "guard_categories",
    "guard_max_leverage",
    "guard_reduce_only_mode",
};

START_TEST(each_limit_has_its_code)
{
    char code[64];
    struct text text = text_in(code, sizeof(code));

    set_refusal(OUTCOME_GUARD);
    verdict.limit = (enum guard_limit)_i;
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER), 422);
    ck_assert_int_eq(kit.dones, 1);
    text_addf(&text, "\"code\":\"%s\"", guard_codes[_i]);
    ck_assert_msg(kit_says(code), "%s", kit.call.reply.data);
    text = text_in(code, sizeof(code));
    text_addf(&text, "\"guard\":{\"limit\":\"%s\",\"client\":\"bot\"", guard_codes[_i] + 6);
    ck_assert_msg(kit_says(code), "%s", kit.call.reply.data);
    ck_assert(kit_says("\"detail\":\"1200 is above 1000\""));
    ck_assert(kit_says("\"value\":\"1200\",\"allowed\":\"1000\",\"price\":\"120000\","
                       "\"price_source\":\"local_book\",\"price_age_ms\":12}"));
    ck_assert(kit_says("\"outcome\":\"not_sent\""));
    ck_assert_ptr_null(kit_header("Retry-After"));
    ck_assert_uint_eq(kit.creates, 0);
}
END_TEST

START_TEST(a_refusal_without_numbers_has_nulls)
{
    set_refusal(OUTCOME_GUARD);
    verdict = (struct guard_verdict){ .limit = GUARD_MAX_ORDERS_PER_MINUTE,
                                      .value = DECIMAL_NONE,
                                      .allowed = DECIMAL_NONE,
                                      .price = DECIMAL_NONE,
                                      .retry_after_ms = 1500,
                                      .text = "60 in the last minute" };
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER), 422);
    ck_assert(kit_says("\"client\":null,\"value\":null,\"allowed\":null,\"price\":null,"
                       "\"price_source\":null,\"price_age_ms\":null}"));
    ck_assert_str_eq(kit_header("Retry-After"), "2");
    ck_assert(kit_says("\"retry\":{\"safe\":true,\"after_ms\":1500}"));
}
END_TEST

START_TEST(a_killed_bridge_says_how_to_arm_it)
{
    set_refusal(OUTCOME_KILLED);
    memcpy(kit.reply.error.text, "killed since noon: too hot", 27);
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER), 422);
    ck_assert(kit_says("\"code\":\"guard_killed\"") && kit_says("too hot"));
    ck_assert(kit_says("/guard/arm"));
}
END_TEST

START_TEST(a_verdict_that_is_none_claims_nothing)
{
    set_refusal(OUTCOME_GUARD);
    verdict.limit = GUARD_LIMIT_COUNT;
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER), 500);
    ck_assert(kit_says("\"outcome\":\"not_sent\""));
}
END_TEST

/* --- the journal knows the key --- */

static void journal_has(enum order_state state, const char *body)
{
    kit.on_create = NULL;
    kit.reply.outcome = OUTCOME_ACCEPTED;
    ck_assert_int_eq(kit_run("POST", "/orders", body), 201); /* for its hash */
    kit.orders[0] = kit_order("k-1", state);
    kit.orders[0].request = kit.created;
    kit.orders_count = 1;
    kit.creates = 0;
    kit.jobs = 0;
}

static const enum outcome refusals[] = { OUTCOME_GUARD, OUTCOME_KILLED, OUTCOME_THROTTLED };

START_TEST(a_refused_repeat_is_answered_from_the_journal)
{
    journal_has(ORDER_CLOSED, ORDER "&client_id=k-1");
    set_refusal(refusals[_i]);
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER "&client_id=k-1"), 200);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_str_eq(kit_header("Idempotent-Replayed"), "true");
    ck_assert_uint_eq(kit.position, 0);
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER "&client_id=k-1&tag=t"), 422);
    ck_assert(kit_says("idempotency_key_reused"));
    ck_assert_uint_eq(kit.jobs, 2);
    ck_assert_uint_eq(kit.creates, 0);
}
END_TEST

START_TEST(a_key_that_is_not_there_or_was_not_sent_is_refused)
{
    journal_has(ORDER_NOT_SENT, ORDER "&client_id=k-1");
    set_refusal(OUTCOME_GUARD);
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER "&client_id=k-1"), 422);
    ck_assert(kit_says("guard_max_order_notional") && kit_says("\"value\":\"1200\""));
    ck_assert(kit_says("\"outcome\":\"not_sent\",\"retry\"") ||
              kit_says("\"outcome\":\"not_sent\""));
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER "&client_id=k-2"), 422);
    ck_assert(kit_says("guard_max_order_notional") && kit_says("\"client_id\":\"k-2\""));
    ck_assert_uint_eq(kit.jobs, 2);
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER), 422); /* without a key: nothing to find */
    ck_assert_uint_eq(kit.jobs, 2);
}
END_TEST

START_TEST(what_the_engine_remembers_is_not_looked_for)
{
    set_refusal(OUTCOME_THROTTLED);
    remembers = true;
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER "&client_id=k-1"), 429);
    ck_assert_uint_eq(kit.jobs, 0);
    remembers = false;
}
END_TEST

/* It may have been sent once: nothing is denied. */
START_TEST(a_journal_that_can_not_be_read_leaves_the_outcome_open)
{
    set_refusal(OUTCOME_KILLED);
    kit.reader_err = ERR_IO;
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER "&client_id=k-1"), 422);
    ck_assert(kit_says("guard_killed") && kit_says("\"outcome\":\"unknown\""));
    kit.submit_err = ERR_BUSY;
    set_refusal(OUTCOME_THROTTLED);
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER "&client_id=k-1"), 429);
    ck_assert(kit_says("rate_limited") && kit_says("\"safe\":false"));
    ck_assert_int_eq(kit.dones, 1);
}
END_TEST

/* --- what is told elsewhere --- */

START_TEST(status_and_metrics_know_of_the_guard)
{
    struct metrics *metrics = metrics_create();

    ck_assert_ptr_nonnull(metrics);
    kit.api.metrics = metrics;
    set_refusal(OUTCOME_GUARD);
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER), 422);
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER), 422);
    set_refusal(OUTCOME_KILLED);
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER), 422);
    kit.engine.killed = true;
    kit.engine.limits_on = 3;
    kit.engine.guard_since_ms = 1700000000000;
    ck_assert_int_eq(kit_get("/metrics"), 200);
    ck_assert(kit_says("bridge_guard_killed 1\n") && kit_says("bridge_guard_limits 3\n"));
    ck_assert(kit_says("bridge_guard_refused_total{limit=\"max_order_notional\"} 2\n"));
    ck_assert(kit_says("bridge_guard_refused_total{limit=\"killed\"} 1\n"));
    ck_assert(kit_says("bridge_guard_refused_total{limit=\"symbols\"} 0\n"));
    ck_assert_int_eq(kit_get("/status"), 200);
    ck_assert(kit_says("\"guard\":{\"killed\":true,\"clear\":false,"
                       "\"since\":\"2023-11-14T22:13:20.000Z\",\"limits_on\":3}"));
    kit.engine.killed = false;
    ck_assert_int_eq(kit_get("/status"), 200);
    ck_assert(kit_says("\"guard\":{\"killed\":false"));
    kit.killed = true; /* the engine has not yet heard of it */
    ck_assert_int_eq(kit_get("/status"), 200);
    ck_assert(kit_says("\"guard\":{\"killed\":true"));
    kit.api.metrics = NULL;
    metrics_destroy(metrics);
}
END_TEST

START_TEST(the_cheat_sheet_has_the_kill)
{
    ck_assert_int_eq(kit_get("/"), 200);
    ck_assert(kit_says("curl -X POST $B/guard/kill"));
}
END_TEST

/* --- headers --- */

START_TEST(a_write_says_what_is_left_of_the_budget)
{
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER), 201);
    ck_assert_str_eq(kit_header("RateLimit-Policy"),
                     "\"ip\";q=550;w=5, \"order-create-linear\";q=10;w=1");
    ck_assert_mem_eq(kit_header("RateLimit"), "\"ip\";r=", 7);
    ck_assert_ptr_nonnull(strstr(kit_header("RateLimit"), ";t=0, \"")); /* nothing was sent */
    ck_assert_ptr_nonnull(strstr(kit_header("RateLimit"), ", \"order-create-linear\";r="));
    kit.reply.outcome = OUTCOME_OK;
    ck_assert_int_eq(kit_run("DELETE", "/orders/b-7", NULL), 200);
    ck_assert_ptr_nonnull(strstr(kit_header("RateLimit"), "\"order-cancel-linear\";r="));
    ck_assert_int_eq(kit_get("/orders/b-7"), 200);
    ck_assert_ptr_null(kit_header("RateLimit"));
}
END_TEST

/* Windows that are in use are free again within their length. */
START_TEST(a_window_is_back_within_its_length)
{
    struct budget_claim claim = { .route = ROUTE_ORDER_CREATE,
                                  .category = CATEGORY_LINEAR,
                                  .lane = BUDGET_CREATE };

    ck_assert_int_eq(budget_take(kit.api.budget, &claim, clock_mono_ms()), 0);
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER), 201);
    ck_assert_msg(strstr(kit_header("RateLimit"), ";t=5, \"order-create-linear\";r=8;t=1"), "%s",
                  kit_header("RateLimit"));
}
END_TEST

START_TEST(a_429_says_when_to_come_back)
{
    set_refusal(OUTCOME_THROTTLED);
    kit.reply.retry_after_ms = 2300;
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER), 429);
    ck_assert_str_eq(kit_header("Retry-After"), "3");
    ck_assert(kit_says("\"retry\":{\"safe\":true,\"after_ms\":2300}"));
    ck_assert_str_eq(kit_header("RateLimit-Policy"),
                     "\"ip\";q=550;w=5, \"order-create-linear\";q=10;w=1");
    kit.answer = (struct rest_answer){ .throttled = true, .body = "" };
    ck_assert_int_eq(kit_get("/book/BTCUSDT"), 429);
    ck_assert_str_eq(kit_header("RateLimit-Policy"), "\"ip\";q=550;w=5");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_refusals");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, kit_open, kit_close);
    tcase_add_loop_test(tcase, each_limit_has_its_code, 0, GUARD_LIMIT_COUNT);
    tcase_add_test(tcase, a_refusal_without_numbers_has_nulls);
    tcase_add_test(tcase, a_killed_bridge_says_how_to_arm_it);
    tcase_add_test(tcase, a_verdict_that_is_none_claims_nothing);
    tcase_add_loop_test(tcase, a_refused_repeat_is_answered_from_the_journal, 0,
                        (int)ARRAY_LEN(refusals));
    tcase_add_test(tcase, a_key_that_is_not_there_or_was_not_sent_is_refused);
    tcase_add_test(tcase, what_the_engine_remembers_is_not_looked_for);
    tcase_add_test(tcase, a_journal_that_can_not_be_read_leaves_the_outcome_open);
    tcase_add_test(tcase, status_and_metrics_know_of_the_guard);
    tcase_add_test(tcase, the_cheat_sheet_has_the_kill);
    tcase_add_test(tcase, a_write_says_what_is_left_of_the_budget);
    tcase_add_test(tcase, a_window_is_back_within_its_length);
    tcase_add_test(tcase, a_429_says_when_to_come_back);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
