/* The endpoints, driven without sockets. */
#include <glob.h>

#include "test_api_run.h"

#define ORDER "symbol=BTCUSDT&side=buy&qty=0.01"

/* --- orders --- */

START_TEST(an_order_goes_to_the_engine_and_its_answer_back)
{
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER "&client_id=my-1&tag=t"), 201);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_uint_eq(kit.creates, 1);
    ck_assert_str_eq(kit.created.link, "my-1");
    ck_assert_str_eq(kit.created.tag, "t");
    ck_assert_int_eq(kit.wait, WAIT_ACCEPTED);
    ck_assert_int_eq(kit.until_ms, 0);
    ck_assert_str_eq(kit_header("Location"), "/orders/my-1");
    ck_assert(kit_says("\"state\":\"accepted\""));
}
END_TEST

START_TEST(a_wait_is_handed_over_with_its_end)
{
    int64_t now_ms = clock_wall_ms();

    ck_assert_int_eq(kit_run("POST", "/orders?wait=filled&timeout=2s", ORDER), 201);
    ck_assert_int_eq(kit.wait, WAIT_FILLED);
    ck_assert_int_ge(kit.until_ms, now_ms + 2000);
    ck_assert_int_le(kit.until_ms, now_ms + 4000);
    ck_assert_str_eq(kit_header("Location"), "/orders/b-7");
    ck_assert_int_eq(kit_run("POST", "/orders?wait=FINAL", ORDER), 201);
    ck_assert_int_eq(kit.wait, WAIT_FINAL);
    ck_assert_int_ge(kit.until_ms, now_ms + 20000);
}
END_TEST

static const struct {
    const char *target;
    const char *body;
    const char *code;
} refused[] = {
    { "/orders", NULL, "missing_body" },
    { "/orders", "{", "malformed_json" },
    { "/orders", "qty=%", "malformed_form" },
    { "/orders", "[]", "batch_size" },
    { "/orders", "{} {}", "malformed_json" },
    { "/orders", ORDER "&foo=1", "unknown_field" },
    { "/orders", ORDER "&qty=1", "duplicate_field" },
    { "/orders", "symbol=BTCUSDT&side=buy&qty=1e2", "invalid_number" },
    { "/orders", "symbol=BTCUSDT&side=up&qty=1", "invalid_value" },
    { "/orders", "side=buy&qty=1", "missing_field" },
    { "/orders", ORDER "&price=1&type=market", "field_not_allowed" },
    { "/orders", ORDER "&is_leverage=2", "invalid_value" },
    { "/orders", ORDER "&tag=%20", "invalid_tag" },
    { "/orders", "symbol=a%20b&side=buy&qty=1", "invalid_symbol" },
    { "/orders", "symbol=BTCUSDD&side=buy&qty=1", "unknown_symbol" },
    { "/orders", ORDER "&price=100.05", "price_tick" },
    { "/orders", ORDER "&price=1000000", "price_out_of_range" },
    { "/orders", "symbol=BTCUSDT&side=buy&qty=0.0123", "qty_step" },
    { "/orders", "symbol=BTCUSDT&side=buy&qty=0.0001", "qty_too_small" },
    { "/orders", "symbol=BTCUSDT&side=buy&qty=101", "qty_too_large" },
    { "/orders", ORDER "&price=1", "notional_too_small" },
    { "/orders?wait=soon", ORDER, "invalid_value" },
    { "/orders?timeout=121s", ORDER, "invalid_value" },
    { "/orders?timeout=soon", ORDER, "invalid_duration" },
};

START_TEST(a_refused_order_is_named_and_nothing_is_sent)
{
    static const struct loop_reply new_key = { .outcome = OUTCOME_NOT_FOUND };

    kit.watched = &new_key;
    kit_set_header("Idempotency-Key", "my-9");
    ck_assert_int_ge(kit_run("POST", refused[_i].target, refused[_i].body), 400);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_msg(kit_says(refused[_i].code), "%s: %s", refused[_i].code, kit.call.reply.data);
    ck_assert(kit_says("\"outcome\":\"not_sent\""));
    ck_assert(kit_says("\"client_id\":\"my-9\""));
    ck_assert_uint_eq(kit.creates, 0);
}
END_TEST

START_TEST(a_scalar_body_and_bad_keys_are_refused)
{
    kit.labelled_json = true;
    ck_assert_int_eq(kit_run("POST", "/orders", "\"x\""), 400);
    ck_assert(kit_says("not_an_object"));
    kit.labelled_json = false;
    kit_set_header("Idempotency-Key", "a\x7f");
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER), 400);
    ck_assert(kit_says("invalid_client_id"));
    kit_set_header("Idempotency-Key", "a");
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER "&client_id=b"), 400);
    ck_assert(kit_says("client_id_conflict"));
    ck_assert_uint_eq(kit.creates, 0);
}
END_TEST

START_TEST(the_bounds_of_the_engine_are_answered)
{
    kit.loop_err = ERR_BUSY;
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER "&client_id=c"), 503);
    ck_assert(kit_says("\"code\":\"busy\"") && kit_says("\"client_id\":\"c\""));
    ck_assert_str_eq(kit_header("Retry-After"), "1");
    ck_assert_int_eq(kit_get("/orders/c"), 503);
    ck_assert_int_eq(kit_run("DELETE", "/orders/c", NULL), 503);
}
END_TEST

static const struct {
    enum outcome outcome;
    int status;
} outcomes[] = {
    { OUTCOME_REPLAYED, 200 },    { OUTCOME_UNKNOWN, 202 },  { OUTCOME_REJECTED, 422 },
    { OUTCOME_AUTH, 502 },        { OUTCOME_NOT_SENT, 503 }, { OUTCOME_THROTTLED, 429 },
    { OUTCOME_NOT_READY, 503 },   { OUTCOME_BUSY, 503 },     { OUTCOME_KEY_REUSED, 422 },
    { OUTCOME_IN_PROGRESS, 409 },
};

START_TEST(an_outcome_becomes_a_status)
{
    kit.reply.outcome = outcomes[_i].outcome;
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER), outcomes[_i].status);
    ck_assert_int_eq(kit.dones, 1);
}
END_TEST

START_TEST(a_broken_engine_answer_claims_nothing)
{
    kit.reply.has_order = false;
    ck_assert_int_eq(kit_run("POST", "/orders", ORDER), 500);
    ck_assert(kit_says("\"outcome\":\"unknown\"") && kit_says("\"safe\":false"));
}
END_TEST

START_TEST(an_order_is_read_as_it_is_or_waited_for)
{
    int64_t now_ms = clock_wall_ms();

    kit.reply.outcome = OUTCOME_OK;
    ck_assert_int_eq(kit_get("/orders/b-7"), 200);
    ck_assert_str_eq(kit.id, "b-7");
    ck_assert_int_le(kit.until_ms, clock_wall_ms());
    ck_assert_int_eq(kit_get("/orders/b-7?wait=final"), 200);
    ck_assert_int_eq(kit.wait, WAIT_FINAL);
    ck_assert_int_ge(kit.until_ms, now_ms + 20000);
    ck_assert_int_eq(kit_run("DELETE", "/orders/b-7?wait=final", NULL), 200);
    ck_assert_uint_eq(kit.cancels, 1);
}
END_TEST

START_TEST(what_the_engine_forgot_is_read_from_the_journal)
{
    kit.reply.outcome = OUTCOME_NOT_FOUND;
    kit.reply.has_order = false;
    kit.orders[0] = kit_order("old", ORDER_CLOSED);
    kit.orders[1] = kit_order("fresh", ORDER_LIVE);
    kit.orders_count = 2;
    ck_assert_int_eq(kit_get("/orders/old"), 200);
    ck_assert_uint_eq(kit.position, 42);
    ck_assert(kit_says("\"state\":\"cancelled\""));
    ck_assert_int_eq(kit_run("DELETE", "/orders/old", NULL), 200);
    ck_assert_int_eq(kit_get("/orders/never"), 404);
    ck_assert(kit_says("order_not_found"));
    ck_assert_int_eq(kit_run("DELETE", "/orders/never", NULL), 404);
    /* Between journal and engine: to say "done" would be a lie. */
    ck_assert_int_eq(kit_get("/orders/fresh"), 200);
    ck_assert_int_eq(kit_run("DELETE", "/orders/fresh", NULL), 503);
    kit.job_err = ERR_UNAVAILABLE;
    ck_assert_int_eq(kit_get("/orders/old"), 503);
    ck_assert(kit_says("journal_unavailable"));
    kit.submit_err = ERR_BUSY;
    ck_assert_int_eq(kit_get("/orders/old"), 503);
    ck_assert(kit_says("\"busy\""));
}
END_TEST

static const struct {
    const char *method;
    const char *target;
} private_calls[] = {
    { "POST", "/orders" },     { "GET", "/orders" }, { "DELETE", "/orders?all=true" },
    { "GET", "/orders/my-1" }, { "GET", "/fills" },  { "DELETE", "/orders/my-1" },
};

START_TEST(private_calls_need_a_key)
{
    kit.api.has_keys = false;
    kit.api.loop = NULL;
    ck_assert_int_eq(kit_run(private_calls[_i].method, private_calls[_i].target, ORDER), 401);
    ck_assert(kit_says("no_api_key") && kit_says("BYBIT_API_KEY"));
}
END_TEST

/* --- lists --- */

static void add_orders(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char link[24];

        (void)snprintf(link, sizeof(link), "o-%zu", i);
        kit.orders[i] = kit_order(link, i % 2 ? ORDER_LIVE : ORDER_CLOSED);
        kit.orders[i].request.side = i % 4 == 1 ? SIDE_SELL : SIDE_BUY;
    }
    kit.orders_count = count;
}

static size_t items_of(const cJSON *json)
{
    return (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "items"));
}

START_TEST(a_list_is_paged_to_its_end)
{
    const char *next = "/orders?limit=3&state=open&symbol=BTCUSDT";
    char target[200];
    size_t sizes[] = { 3, 3, 0 };
    cJSON *json;

    add_orders(12); /* 6 are open */
    for (size_t page = 0; page < 2; page++) {
        ck_assert(!text_copy(target, sizeof(target), next));
        ck_assert_int_eq(kit_get(target), 200);
        json = kit_json();
        ck_assert_uint_eq(items_of(json), sizes[page]);
        next = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "next"));
        ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "source")),
                         "journal");
        ck_assert_int_eq(next != NULL, page == 0);
        ck_assert_int_eq(kit_header("Link") != NULL, page == 0);
        if (page == 0) {
            ck_assert_str_eq(next, "/orders?after=8&limit=3&state=open&symbol=BTCUSDT");
            ck_assert_str_eq(kit_header("Link"),
                             "</orders?after=8&limit=3&state=open&symbol=BTCUSDT>; rel=\"next\"");
            ck_assert(!text_copy(target, sizeof(target), next));
            next = target;
        }
        cJSON_Delete(json);
    }
    ck_assert_str_eq(kit_header("Bridge-Source"), "journal");
    ck_assert_uint_eq(kit.position, 42);
}
END_TEST

START_TEST(list_filters_are_handed_over)
{
    ck_assert_int_eq(kit_get("/orders?state=unknown&symbol=spot:btcusdt&tag=t&from=2026-01-01"
                             "T00:00:00Z&to=1767225700&limit=7&after=99"),
                     200);
    ck_assert_int_eq(kit.filter.state, FILTER_UNKNOWN);
    ck_assert(kit.filter.has_category);
    ck_assert_int_eq(kit.filter.category, CATEGORY_SPOT);
    ck_assert_int_eq(kit.filter.from_ms, 1767225600000);
    ck_assert_int_eq(kit.filter.to_ms, 1767225700000);
    ck_assert_int_eq(kit.filter.limit, 7);
    ck_assert_int_eq(kit.filter.after, 99);
    ck_assert_int_eq(kit_get("/orders"), 200);
    ck_assert_int_eq(kit.filter.state, FILTER_ALL);
    ck_assert_int_eq(kit.filter.limit, 100);
    ck_assert(!kit.filter.has_category);
    add_orders(2);
    ck_assert_int_eq(kit_get("/fills?order_id=my-1&limit=1"), 200);
    ck_assert(kit_says("\"next\":\"/fills?after=2&order_id=my-1&limit=1\""));
}
END_TEST

static const struct {
    const char *target;
    const char *code;
} bad_lists[] = {
    { "/orders?state=gone", "invalid_value" },
    { "/orders?limit=0", "invalid_value" },
    { "/orders?limit=1001", "invalid_value" },
    { "/orders?limit=x", "invalid_value" },
    { "/orders?limit=", "invalid_value" },
    { "/orders?after=-1", "invalid_value" },
    { "/orders?from=soon", "invalid_time" },
    { "/fills?to=1e9", "invalid_time" },
    { "/orders?symbol=a b", "invalid_symbol" },
    { "/orders?tag=a b", "invalid_tag" },
    { "/fills?order_id=11111111111111111111111111111111111111111111111111111111111111111111111"
      "1111111111111111111111111111111111111111111111111111111111",
      "invalid_client_id" },
};

START_TEST(a_bad_list_query_is_refused)
{
    ck_assert_int_eq(kit_get(bad_lists[_i].target), 400);
    ck_assert_msg(kit_says(bad_lists[_i].code), "%s", kit.call.reply.data);
}
END_TEST

START_TEST(a_journal_that_can_not_be_read_is_said)
{
    kit.reader_err = ERR_IO;
    ck_assert_int_eq(kit_get("/orders"), 503);
    ck_assert(kit_says("journal_unavailable"));
    kit.reader_err = ERR_INVALID;
    ck_assert_int_eq(kit_get("/orders?after=7"), 400);
    kit.submit_err = ERR_BUSY;
    ck_assert_int_eq(kit_get("/fills"), 503);
}
END_TEST

/* --- cancel many --- */

START_TEST(cancel_all_needs_to_be_meant)
{
    ck_assert_int_eq(kit_run("DELETE", "/orders", NULL), 400);
    ck_assert(kit_says("filter_required"));
    ck_assert_int_eq(kit_run("DELETE", "/orders?all=false", NULL), 400);
    ck_assert_int_eq(kit_run("DELETE", "/orders?side=up", NULL), 400);
    ck_assert_uint_eq(kit.jobs, 0);
}
END_TEST

static const struct {
    const char *target;
    size_t cancels;
} many[] = {
    { "/orders?all=true", 6 },
    { "/orders?symbol=BTCUSDT", 6 },
    { "/orders?symbol=ETHUSDT", 0 },
    { "/orders?side=sell", 3 },
    { "/orders?side=buy&category=linear", 3 },
    { "/orders?tag=none", 0 },
};

START_TEST(what_matches_is_cancelled_and_each_is_answered)
{
    cJSON *json;

    add_orders(12);
    kit.reply.outcome = OUTCOME_OK;
    ck_assert_int_eq(kit_run("DELETE", many[_i].target, NULL), 207);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_uint_eq(kit.cancels, many[_i].cancels);
    json = kit_json();
    ck_assert_uint_eq(items_of(json), many[_i].cancels);
    ck_assert(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "complete")));
    cJSON_Delete(json);
}
END_TEST

/* As many as can leave in a second, by what the exchange has said of the limit; more would stand in
 * the way of others. */
static const struct {
    enum category category;
    int limit;
    size_t begun; /* in groups of 20 */
    size_t most;
} paces[] = {
    { CATEGORY_LINEAR, 10, 20, 20 },     { CATEGORY_LINEAR, 3, 20, 20 },
    { CATEGORY_LINEAR, 20, 40, 40 },     { CATEGORY_LINEAR, 45, 80, 90 },
    { CATEGORY_LINEAR, 1000, 100, 100 }, { CATEGORY_OPTION, 10, 100, 100 }, /* counts requests */
};

START_TEST(about_as_many_cancels_are_under_way_as_can_leave_in_a_second)
{
    static const enum bybit_route routes[] = { ROUTE_ORDER_CANCEL, ROUTE_ORDER_CANCEL_BATCH };
    const struct budget_said said = { .limit = paces[_i].limit, .left = -1 };

    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        struct budget_claim claim = { .route = routes[i], .category = paces[_i].category };

        budget_answered(kit.api.budget, &claim, &said, clock_mono_ms());
    }
    add_orders(300);
    for (size_t i = 0; i < 300; i++)
        kit.orders[i].request.category = paces[_i].category;
    kit.reply.outcome = OUTCOME_OK;
    kit.deferred = true;
    (void)kit_run("DELETE", "/orders?all=1", NULL);
    ck_assert_uint_eq(kit.waiting, paces[_i].begun);
    while (kit.waiting) {
        ck_assert_int_eq(kit.dones, 0);
        kit.waiting--;
        kit.waiting_fn[kit.waiting](&kit.reply, kit.waiting_data[kit.waiting]);
    }
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_uint_eq(kit.cancels, 150);
    ck_assert_uint_ge(kit.groups, 8);
    ck_assert_uint_le(kit.groups, 15);
    ck_assert_uint_le(kit.waiting_most, paces[_i].most);
}
END_TEST

/* Each category has limits of its own, and does not wait for the others. */
START_TEST(a_group_of_cancels_is_of_one_category)
{
    add_orders(200);
    for (size_t i = 0; i < 200; i++)
        kit.orders[i].request.category = i < 20 ? CATEGORY_SPOT : CATEGORY_LINEAR;
    kit.reply.outcome = OUTCOME_OK;
    kit.deferred = true;
    (void)kit_run("DELETE", "/orders?all=1", NULL);
    ck_assert_uint_eq(kit.groups, 2);
    ck_assert_uint_eq(kit.waiting, 10 + 20);
    while (kit.waiting) {
        kit.waiting--;
        kit.waiting_fn[kit.waiting](&kit.reply, kit.waiting_data[kit.waiting]);
    }
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_uint_eq(kit.cancels, 100);
    ck_assert_uint_eq(kit.groups, 1 + 8); /* 20, then by tens */
}
END_TEST

START_TEST(cancels_that_are_not_taken_are_named)
{
    add_orders(80);
    kit.reply.outcome = OUTCOME_OK;
    kit.groups_busy_from = 2;
    ck_assert_int_eq(kit_run("DELETE", "/orders?all=yes", NULL), 207);
    ck_assert_uint_eq(kit.cancels, 20);
    ck_assert(kit_says("\"status\":503") && kit_says("\"client_id\":\"o-1\""));
    ck_assert(kit_says("\"status\":200"));
}
END_TEST

START_TEST(a_journal_that_hangs_does_not_stop_cancels)
{
    add_orders(12);
    kit.reply.outcome = OUTCOME_OK;
    kit.job_err = ERR_UNAVAILABLE;
    ck_assert_int_eq(kit_run("DELETE", "/orders?all=true", NULL), 207);
    ck_assert_uint_eq(kit.cancels, 6);
    ck_assert(kit_says("\"complete\":false"));
    kit.reader_err = ERR_IO;
    ck_assert_int_eq(kit_run("DELETE", "/orders?all=true", NULL), 503);
    kit.submit_err = ERR_BUSY;
    ck_assert_int_eq(kit_run("DELETE", "/orders?all=true", NULL), 503);
}
END_TEST

START_TEST(a_thousand_is_the_most_and_it_is_said)
{
    for (size_t i = 0; i < KIT_ORDERS_MAX; i++)
        kit.orders[i] = kit_order("x", ORDER_LIVE);
    kit.orders_count = KIT_ORDERS_MAX;
    kit.reply.outcome = OUTCOME_OK;
    ck_assert_int_eq(kit_run("DELETE", "/orders?all=true", NULL), 207);
    ck_assert_uint_eq(kit.cancels, 1000);
    ck_assert(kit_says("\"complete\":false"));
}
END_TEST

/* --- codes --- */

static char *read_source(const char *path)
{
    FILE *file = fopen(path, "rbe");
    char *text = calloc(1, 1024 * 1024);

    ck_assert(file && text);
    ck_assert_uint_gt(fread(text, 1, 1024 * 1024 - 1, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    return text;
}

/* Whether a test other than this one names the code, as a literal of C or Python. */
static bool is_met_elsewhere(const char *code)
{
    static const char *const patterns[] = { SOURCE_ROOT "/tests/test_*.c",
                                            SOURCE_ROOT "/tests/e2e/test_*.py" };
    char literal[64];
    bool met = false;

    ck_assert_int_lt(snprintf(literal, sizeof(literal), "\"%s\"", code), (int)sizeof(literal));
    for (size_t i = 0; i < ARRAY_LEN(patterns) && !met; i++) {
        glob_t found;

        ck_assert_int_eq(glob(patterns[i], 0, NULL, &found), 0);
        for (size_t j = 0; j < found.gl_pathc && !met; j++) {
            char *source = read_source(found.gl_pathv[j]);

            met = !strstr(found.gl_pathv[j], "/test_api.c") && strstr(source, literal);
            free(source);
        }
        globfree(&found);
    }
    return met;
}

/* Runs last: what the tests above have not met is met here, and then there is none left that no
 * other test names. */
START_TEST(every_code_is_reached)
{
    static const char body[] =
        "{\"retCode\":0,\"result\":{\"list\":[{\"symbol\":\"BTCUSDT\",\"lastPrice\":\"1\"}]}}";

    ck_assert_int_eq(kit_get("/errors/nonsense"), 404);
    ck_assert_int_eq(kit_get("/events?after=9-1"), 410);
    ck_assert_int_eq(kit_get("/price/spot:BTCUSDT?of=mark"), 422);
    kit.answer = (struct rest_answer){ .body = "" };
    ck_assert_int_eq(kit_get("/tickers"), 502);
    kit.answer = (struct rest_answer){
        .answered = true, .http_status = 200, .body = body, .body_bytes = sizeof(body) - 1
    };
    ck_assert_int_eq(kit_get("/price/BTCUSDT?of=bid"), 503);
    kit.answer_age_ms = 1000;
    ck_assert_int_eq(kit_get("/ticker/BTCUSDT?max_age=999ms"), 503);
    for (size_t i = 0; i < api_problems_count(); i++)
        ck_assert_msg(kit.code_seen[i] || is_met_elsewhere(api_problem_at(i)->code), "%s",
                      api_problem_at(i)->code);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, kit_open, kit_close);
    tcase_add_test(tcase, an_order_goes_to_the_engine_and_its_answer_back);
    tcase_add_test(tcase, a_wait_is_handed_over_with_its_end);
    tcase_add_loop_test(tcase, a_refused_order_is_named_and_nothing_is_sent, 0,
                        (int)ARRAY_LEN(refused));
    tcase_add_test(tcase, a_scalar_body_and_bad_keys_are_refused);
    tcase_add_test(tcase, the_bounds_of_the_engine_are_answered);
    tcase_add_loop_test(tcase, an_outcome_becomes_a_status, 0, (int)ARRAY_LEN(outcomes));
    tcase_add_test(tcase, a_broken_engine_answer_claims_nothing);
    tcase_add_test(tcase, an_order_is_read_as_it_is_or_waited_for);
    tcase_add_test(tcase, what_the_engine_forgot_is_read_from_the_journal);
    tcase_add_loop_test(tcase, private_calls_need_a_key, 0, (int)ARRAY_LEN(private_calls));
    tcase_add_test(tcase, a_list_is_paged_to_its_end);
    tcase_add_test(tcase, list_filters_are_handed_over);
    tcase_add_loop_test(tcase, a_bad_list_query_is_refused, 0, (int)ARRAY_LEN(bad_lists));
    tcase_add_test(tcase, a_journal_that_can_not_be_read_is_said);
    tcase_add_test(tcase, cancel_all_needs_to_be_meant);
    tcase_add_loop_test(tcase, what_matches_is_cancelled_and_each_is_answered, 0,
                        (int)ARRAY_LEN(many));
    tcase_add_loop_test(tcase, about_as_many_cancels_are_under_way_as_can_leave_in_a_second, 0,
                        (int)ARRAY_LEN(paces));
    tcase_add_test(tcase, a_group_of_cancels_is_of_one_category);
    tcase_add_test(tcase, cancels_that_are_not_taken_are_named);
    tcase_add_test(tcase, a_journal_that_hangs_does_not_stop_cancels);
    tcase_add_test(tcase, a_thousand_is_the_most_and_it_is_said);
    tcase_add_test(tcase, every_code_is_reached);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
