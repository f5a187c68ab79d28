/* The guard's endpoints. */
#include "test_api_run.h"

/* A killed guard with limits, a ceiling, a client and a sweep. */
static void fill_report(void)
{
    struct guard_report *report = kit.report;
    struct guard_limits *all = &report->state.rules.all;

    report->state.killed = true;
    report->state.since_ms = 1700000000000;
    memcpy(report->state.reason, "too hot", 8);
    memcpy(report->state.by, "http:bot", 9);
    all->set = GUARD_BIT(GUARD_MAX_ORDER_NOTIONAL) | GUARD_BIT(GUARD_CATEGORIES);
    all->max_order_notional = kit_decimal("1000.50");
    all->categories = 1U << CATEGORY_LINEAR;
    report->state.rules.clients_count = 1;
    memcpy(report->state.rules.clients[0].name, "bot", 4);
    report->state.rules.clients[0].limits.set = GUARD_BIT(GUARD_MAX_ORDERS_PER_MINUTE);
    report->state.rules.clients[0].limits.max_orders_per_minute = 60;
    report->all = (struct guard_counts){ kit_decimal("250.5"), true, 7 };
    report->clients[0] = (struct guard_counts){ DECIMAL_ZERO, false, 3 };
    report->cancelled_count = 2;
    report->listed_count = 1;
    memcpy(report->listed[0].order_id, "o-1", 4);
    memcpy(report->listed[0].symbol, "BTCUSDT", 8);
    report->listed[0].category = CATEGORY_LINEAR;
    report->not_sent_count = 1;
    report->open_count = 4;
    report->scopes_count = 1;
    report->scopes[0].category = CATEGORY_SPOT;
    report->scopes[0].order_filter = "Order";
    report->scopes[0].state = SWEEP_WAITING;
    report->scopes[0].rounds = 3;
    memcpy(report->scopes[0].error, "a ban", 6);
    kit.reply.outcome = OUTCOME_GUARD_DONE;
}

START_TEST(the_guard_is_shown_with_all_of_it)
{
    fill_report();
    ck_assert_int_eq(kit_get("/guard"), 200);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert(kit_says("{\"killed\":true,\"clear\":false,\"since\":\"2023-11-14T22:13:20.000Z\","
                       "\"reason\":\"too hot\",\"by\":\"http:bot\",\"durable\":false,\"limits\":{"
                       "\"max_order_notional\":\"1000.50\",\"max_open_notional\":null,"));
    ck_assert(kit_says("\"categories\":[\"linear\"]"));
    ck_assert(kit_says("\"clients\":{\"bot\":{\"max_order_notional\":null,"));
    ck_assert(kit_says("\"ceiling\":null,\"counts\":{\"open_notional\":\"250.5\","
                       "\"orders_last_minute\":7,\"clients\":{\"bot\":{\"open_notional\":null,"
                       "\"orders_last_minute\":3}}}"));
    ck_assert(kit_says(
        "\"kill\":{\"cancelled_count\":2,\"cancelled\":[{\"id\":\"o-1\",\"client_id\":null,"
        "\"category\":\"linear\",\"symbol\":\"BTCUSDT\"}],\"filled_count\":0,\"not_sent_count\":1,"
        "\"open_count\":4,\"unknown_count\":0,\"scopes\":[{\"category\":\"spot\","
        "\"settle_coin\":null,\"order_filter\":\"Order\",\"state\":\"waiting\",\"rounds\":3,"
        "\"error\":\"a ban\"}]}}"));
    cJSON_Delete(kit_json());
}
END_TEST

START_TEST(without_a_kill_and_a_ceiling_there_is_null)
{
    kit.reply.outcome = OUTCOME_GUARD_DONE;
    ck_assert_int_eq(kit_get("/guard"), 200);
    ck_assert(kit_says("{\"killed\":false,\"clear\":false,\"since\":null,\"reason\":null,"
                       "\"by\":null,"));
    ck_assert(kit_says("\"clients\":{},\"ceiling\":null"));
    ck_assert(kit_says("\"kill\":null}"));
    kit.report->has_ceiling = true;
    ck_assert_int_eq(kit_get("/guard"), 200);
    ck_assert(kit_says("\"ceiling\":{\"max_order_notional\":null,"));
}
END_TEST

/* Armed again: what the last kill did is still told. */
START_TEST(the_last_kill_is_told_behind_the_arm)
{
    kit.reply.outcome = OUTCOME_GUARD_DONE;
    kit.report->not_sent_count = 1;
    ck_assert_int_eq(kit_get("/guard"), 200);
    ck_assert(kit_says("\"killed\":false") && kit_says("\"kill\":{\"cancelled_count\":0,"));
}
END_TEST

/* --- kill --- */

static const struct {
    const char *body;
    const char *client;
    const char *reason;
    const char *by;
} kills[] = {
    { NULL, NULL, "", "http" },
    { "reason=too+hot", "bot-1", "too hot", "http:bot-1" },
    { "{\"reason\":\"too hot\"}", NULL, "too hot", "http" },
    { "{\"reason\":null}", NULL, "", "http" },
    { "panic", NULL, "(the request's body could not be read)", "http" },
    { "{", NULL, "(the request's body could not be read)", "http" },
    { "[]", NULL, "(the request's body could not be read)", "http" },
    { "reason=a&note=b", NULL, "(the request's body could not be read)", "http" },
};

START_TEST(a_kill_acts_whatever_its_body_is)
{
    fill_report();
    if (kills[_i].client)
        kit_set_header("X-Client", kills[_i].client);
    ck_assert_int_eq(kit_run("POST", "/guard/kill", kills[_i].body), 200);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_uint_eq(kit.kills, 1);
    ck_assert_str_eq(kit.reason, kills[_i].reason);
    ck_assert_str_eq(kit.by, kills[_i].by);
    ck_assert(kit_says("\"killed\":true"));
    ck_assert(kit_header("RateLimit"));
}
END_TEST

static const struct {
    const char *target;
    int wait_ms;
} waits[] = {
    { "/guard/kill", 10000 },           { "/guard/kill?timeout=2s", 2000 },
    { "/guard/kill?timeout=0", 0 },     { "/guard/kill?timeout=1h", 12000 },
    { "/guard/kill?timeout=x", 10000 }, { "/guard/kill?reason=hot&timeout=1s", 1000 },
};

START_TEST(a_kill_waits_within_its_bound)
{
    int64_t before_ms = clock_wall_ms();

    fill_report();
    ck_assert_int_eq(kit_run("POST", waits[_i].target, NULL), 200);
    ck_assert_int_ge(kit.until_ms, before_ms + waits[_i].wait_ms);
    ck_assert_int_le(kit.until_ms, clock_wall_ms() + waits[_i].wait_ms);
}
END_TEST

#define TEN         "0123456789"
#define TEXT_OF_170 TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct {
    const char *target;
    const char *body;
    const char *reason;
} queries[] = {
    { "/guard/kill?reason=hot", NULL, "hot" },
    { "/guard/kill?reason=hot", "reason=colder", "colder" },
    { "/guard/kill?reason=hot", "{}", "hot" },
    { "/guard/kill?reason=", NULL, "" },
};

/* What is typed first when there is no time to look it up. */
START_TEST(a_kills_reason_may_be_in_the_query)
{
    fill_report();
    ck_assert_int_eq(kit_run("POST", queries[_i].target, queries[_i].body), 200);
    ck_assert_str_eq(kit.reason, queries[_i].reason);
    ck_assert_int_eq(kit_run("POST", "/guard/kill?reason=" TEXT_OF_170, NULL), 200);
    ck_assert_uint_eq(strlen(kit.reason), 159); /* what fits */
}
END_TEST

START_TEST(a_kill_that_does_not_get_through_says_how_far_it_got)
{
    kit.loop_err = ERR_BUSY;
    ck_assert_int_eq(kit_run("POST", "/guard/kill", NULL), 503);
    ck_assert(kit_says("\"code\":\"busy\"") && kit_says("did not get through"));
    kit.killed = true;
    ck_assert_int_eq(kit_run("POST", "/guard/kill", NULL), 503);
    ck_assert(kit_says("no more orders are sent"));
    ck_assert_str_eq(kit_header("Retry-After"), "1");
}
END_TEST

/* --- arm --- */

START_TEST(an_arm_is_as_strict_as_any_call)
{
    fill_report();
    ck_assert_int_eq(kit_run("POST", "/guard/arm", NULL), 200);
    ck_assert_int_eq(kit_run("POST", "/guard/arm", "reason=mended"), 200);
    ck_assert_str_eq(kit.reason, "mended");
    ck_assert_uint_eq(kit.arms, 2);
    ck_assert_int_eq(kit_run("POST", "/guard/arm", "raeson=mended"), 400);
    ck_assert(kit_says("unknown_field") && kit_says("reason"));
    ck_assert_int_eq(kit_run("POST", "/guard/arm", "{"), 400);
    ck_assert_uint_eq(kit.arms, 2);
    kit.loop_err = ERR_BUSY;
    ck_assert_int_eq(kit_run("POST", "/guard/arm", NULL), 503);
    ck_assert_int_eq(kit_get("/guard"), 503);
}
END_TEST

START_TEST(what_is_not_stored_says_what_is_in_effect)
{
    kit.reply.outcome = OUTCOME_NOT_READY;
    ck_assert_int_eq(kit_run("POST", "/guard/arm", NULL), 503);
    ck_assert(kit_says("not_durable") && kit_says("the arm could not be stored"));
    ck_assert_int_eq(kit_run("PATCH", "/guard", "max_leverage=5"), 503);
    ck_assert(kit_says("not_durable") && kit_says("in effect, and not stored"));
    ck_assert_str_eq(kit_header("Retry-After"), "1");
    memcpy(kit.reply.error.text, "the disk hangs", 15);
    ck_assert_int_eq(kit_run("PATCH", "/guard", "max_leverage=5"), 503);
    ck_assert(kit_says("\"detail\":\"the disk hangs\""));
    ck_assert_int_eq(kit_get("/guard"), 503);
    ck_assert(kit_says("\"code\":\"not_ready\""));
    kit.reply.outcome = OUTCOME_BUSY;
    ck_assert_int_eq(kit_run("PATCH", "/guard", "max_leverage=5"), 503);
    ck_assert(kit_says("\"code\":\"busy\""));
    kit.reply.outcome = OUTCOME_ACCEPTED;
    ck_assert_int_eq(kit_get("/guard"), 500);
    kit.reply.outcome = OUTCOME_GUARD_DONE;
    kit.report = (free(kit.report), NULL);
    ck_assert_int_eq(kit_get("/guard"), 500);
}
END_TEST

/* --- PATCH --- */

static const struct {
    bool json;
    const char *body;
} same_patches[] = {
    { true, "{\"max_order_notional\":\"1000\",\"max_orders_per_minute\":60,\"symbols\":"
            "[\"BTCUSDT\",\"spot:ETHUSDT\"],\"max_leverage\":null,\"reduce_only_mode\":true}" },
    { false, "{\"max_order_notional\":1000,\"max_orders_per_minute\":\"60\",\"symbols\":"
             "[\"BTCUSDT\",\"spot:ETHUSDT\"],\"max_leverage\":null,\"reduce_only_mode\":true}" },
    { false, "max_order_notional=1000&max_orders_per_minute=60&symbols=BTCUSDT%2Cspot:ETHUSDT"
             "&max_leverage=null&reduce_only_mode=true" },
};

START_TEST(a_patch_is_json_or_a_form)
{
    const struct guard_change *change = &kit.patch->all;

    fill_report();
    kit.labelled_json = same_patches[_i].json;
    ck_assert_int_eq(kit_run("PATCH", "/guard", same_patches[_i].body), 200);
    ck_assert_uint_eq(kit.patches, 1);
    ck_assert_uint_eq(change->named, GUARD_BIT(GUARD_MAX_ORDER_NOTIONAL) |
                                         GUARD_BIT(GUARD_MAX_ORDERS_PER_MINUTE) |
                                         GUARD_BIT(GUARD_SYMBOLS) | GUARD_BIT(GUARD_MAX_LEVERAGE) |
                                         GUARD_BIT(GUARD_REDUCE_ONLY_MODE));
    ck_assert_uint_eq(change->limits.set, change->named & ~GUARD_BIT(GUARD_MAX_LEVERAGE));
    ck_assert_int_eq(change->limits.max_orders_per_minute, 60);
    ck_assert_uint_eq(change->limits.symbols_count, 2);
    ck_assert_uint_eq(kit.patch->clients_count, 0);
}
END_TEST

START_TEST(a_patch_names_clients)
{
    fill_report();
    ck_assert_int_eq(kit_run("PATCH", "/guard",
                             "{\"clients\":{\"bot\":{\"max_open_notional\":\"5\"},\"old\":null}}"),
                     200);
    ck_assert_uint_eq(kit.patch->clients_count, 2);
}
END_TEST

static const struct {
    const char *body;
    const char *code;
    const char *says;
} bad_patches[] = {
    { NULL, "missing_body", "max_order_notional" },
    { "{", "malformed_json", "" },
    { "[]", "not_an_object", "" },
    { "{\"max_leverage\":1,\"max_leverage\":2}", "duplicate_field", "duplicate" },
    { "{\"max_levrage\":1}", "unknown_field", "max_leverage" },
    { "{\"max_leverage\":-1}", "invalid_value", "max_leverage" },
    { "{\"max_leverage\":true}", "invalid_value", "max_leverage" },
    { "{\"clients\":{\"bot\":{\"simbols\":[]}}}", "unknown_field", "symbols" },
    { "{\"clients\":[]}", "invalid_value", "clients" },
    { "max_levrage=1", "unknown_field", "max_leverage" },
    { "max_leverage=1&max_leverage=2", "duplicate_field", "max_leverage" },
    { "max_leverage=many", "invalid_value", "max_leverage" },
    { "max_leverage=%", "malformed_form", "max_leverage" },
    { "max_orders_per_minute=1e2", "invalid_value", "max_orders_per_minute" },
    { "reduce_only_mode=maybe", "invalid_value", "reduce_only_mode" },
    { "symbols=BTC/USDT", "invalid_value", "symbols" },
    { "categories=moon", "invalid_value", "categories" },
};

START_TEST(a_bad_patch_is_refused_with_its_reason)
{
    ck_assert_int_eq(kit_run("PATCH", "/guard", bad_patches[_i].body), 400);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_msg(kit_says(bad_patches[_i].code), "%s", kit.call.reply.data);
    ck_assert_msg(kit_says(bad_patches[_i].says), "%s", kit.call.reply.data);
    ck_assert_uint_eq(kit.patches, 0);
}
END_TEST

START_TEST(a_patch_above_the_ceiling_is_told)
{
    kit.reply.outcome = OUTCOME_CEILING;
    memcpy(kit.reply.error.text, "max_leverage 50 is above 10", 28);
    ck_assert_int_eq(kit_run("PATCH", "/guard", "max_leverage=50"), 422);
    ck_assert(kit_says("\"code\":\"guard_ceiling\"") && kit_says("50 is above 10"));
}
END_TEST

/* --- without keys --- */

static const struct {
    const char *method;
    const char *path;
} calls[] = {
    { "GET", "/guard" }, { "PATCH", "/guard" }, { "POST", "/guard/kill" }, { "POST", "/guard/arm" }
};

START_TEST(without_keys_there_is_no_guard)
{
    kit.api.has_keys = false;
    kit.api.loop = NULL;
    ck_assert_int_eq(kit_run(calls[_i].method, calls[_i].path, NULL), 401);
    ck_assert(kit_says("no_api_key"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_guard");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, kit_open, kit_close);
    tcase_add_test(tcase, the_guard_is_shown_with_all_of_it);
    tcase_add_test(tcase, without_a_kill_and_a_ceiling_there_is_null);
    tcase_add_test(tcase, the_last_kill_is_told_behind_the_arm);
    tcase_add_loop_test(tcase, a_kill_acts_whatever_its_body_is, 0, (int)ARRAY_LEN(kills));
    tcase_add_loop_test(tcase, a_kill_waits_within_its_bound, 0, (int)ARRAY_LEN(waits));
    tcase_add_loop_test(tcase, a_kills_reason_may_be_in_the_query, 0, (int)ARRAY_LEN(queries));
    tcase_add_test(tcase, a_kill_that_does_not_get_through_says_how_far_it_got);
    tcase_add_test(tcase, an_arm_is_as_strict_as_any_call);
    tcase_add_test(tcase, what_is_not_stored_says_what_is_in_effect);
    tcase_add_loop_test(tcase, a_patch_is_json_or_a_form, 0, (int)ARRAY_LEN(same_patches));
    tcase_add_test(tcase, a_patch_names_clients);
    tcase_add_loop_test(tcase, a_bad_patch_is_refused_with_its_reason, 0,
                        (int)ARRAY_LEN(bad_patches));
    tcase_add_test(tcase, a_patch_above_the_ceiling_is_told);
    tcase_add_loop_test(tcase, without_keys_there_is_no_guard, 0, (int)ARRAY_LEN(calls));
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
