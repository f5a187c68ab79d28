#include <string.h>

#include <check.h>
#include <cjson/cJSON.h>

#include "api/order_reply.h"
#include "api/reply.h"

static int dones;

static void on_done(struct api_call *call)
{
    (void)call;
    dones++;
}

static struct loop_reply reply_of(enum outcome outcome, enum order_state state, bool has_order)
{
    struct loop_reply reply = { .outcome = outcome, .has_order = has_order };
    struct order *order = &reply.order;

    order->request.qty = order->request.price = DECIMAL_NONE;
    order->request.trigger_price = order->filled_qty = order->avg_price = DECIMAL_NONE;
    order->state = state;
    memcpy(order->request.link, "b-1", 4);
    memcpy(order->request.client_id, "my-1", 5);
    return reply;
}

static const struct {
    enum order_call kind;
    enum outcome outcome;
    enum order_state state;
    bool has_order;
    int status;
    const char *code; /* NULL: the order */
    const char *outcome_word;
    bool located;
    bool replayed;
    bool retry_after;
} table[] = {
    /* create */
    { ORDER_CALL_CREATE, OUTCOME_ACCEPTED, ORDER_ACKED, true, 201, NULL, NULL, true, false, false },
    { ORDER_CALL_CREATE, OUTCOME_ACCEPTED, ORDER_CLOSED, true, 201, NULL, NULL, true, false,
      false },
    { ORDER_CALL_CREATE, OUTCOME_REPLAYED, ORDER_LIVE, true, 200, NULL, NULL, true, true, false },
    { ORDER_CALL_CREATE, OUTCOME_REPLAYED, ORDER_REJECTED, true, 200, NULL, NULL, true, true,
      false },
    { ORDER_CALL_CREATE, OUTCOME_REPLAYED, ORDER_UNKNOWN, true, 202, NULL, NULL, true, true,
      false },
    { ORDER_CALL_CREATE, OUTCOME_UNKNOWN, ORDER_UNKNOWN, true, 202, NULL, NULL, true, false,
      false },
    { ORDER_CALL_CREATE, OUTCOME_UNKNOWN, ORDER_SENT, true, 202, NULL, NULL, true, false, false },
    { ORDER_CALL_CREATE, OUTCOME_REJECTED, ORDER_REJECTED, true, 422, "exchange_rejected",
      "rejected", false, false, false },
    { ORDER_CALL_CREATE, OUTCOME_AUTH, ORDER_REJECTED, true, 502, "exchange_auth", "rejected",
      false, false, false },
    { ORDER_CALL_CREATE, OUTCOME_NOT_SENT, ORDER_NOT_SENT, true, 503, "not_sent", "not_sent", false,
      false, false },
    { ORDER_CALL_CREATE, OUTCOME_THROTTLED, ORDER_NOT_SENT, true, 429, "rate_limited", "not_sent",
      false, false, true },
    { ORDER_CALL_CREATE, OUTCOME_NOT_READY, 0, false, 503, "not_ready", "not_sent", false, false,
      true },
    { ORDER_CALL_CREATE, OUTCOME_BUSY, 0, false, 503, "busy", "not_sent", false, false, true },
    { ORDER_CALL_CREATE, OUTCOME_KEY_REUSED, ORDER_LIVE, true, 422, "idempotency_key_reused",
      "not_sent", false, false, false },
    { ORDER_CALL_CREATE, OUTCOME_IN_PROGRESS, ORDER_SENT, true, 409, "key_in_progress", NULL, false,
      false, true },
    { ORDER_CALL_CREATE, OUTCOME_ACCEPTED, 0, false, 500, "internal", "unknown", false, false,
      false },
    { ORDER_CALL_CREATE, OUTCOME_NOT_FOUND, 0, false, 404, "order_not_found", NULL, false, false,
      false },
    { ORDER_CALL_CREATE, OUTCOME_GUARD, 0, false, 422, "guard_symbols", "not_sent", false, false,
      false },
    { ORDER_CALL_CREATE, OUTCOME_KILLED, 0, false, 422, "guard_killed", "not_sent", false, false,
      false },
    { ORDER_CALL_CREATE, OUTCOME_NEEDS_FACTS, 0, false, 500, "internal", "not_sent", false, false,
      false },
    { ORDER_CALL_CREATE, OUTCOME_GUARD_DONE, 0, false, 500, "internal", "unknown", false, false,
      false },
    { ORDER_CALL_CREATE, OUTCOME_CEILING, ORDER_LIVE, true, 500, "internal", "unknown", false,
      false, false },
    /* cancel */
    { ORDER_CALL_CANCEL, OUTCOME_OK, ORDER_LIVE, true, 200, NULL, NULL, false, false, false },
    { ORDER_CALL_CANCEL, OUTCOME_OK, ORDER_CLOSED, true, 200, NULL, NULL, false, false, false },
    { ORDER_CALL_CANCEL, OUTCOME_OK, ORDER_UNKNOWN, true, 200, NULL, NULL, false, false, false },
    { ORDER_CALL_CANCEL, OUTCOME_UNKNOWN, ORDER_LIVE, true, 202, NULL, NULL, true, false, false },
    { ORDER_CALL_CANCEL, OUTCOME_REJECTED, ORDER_LIVE, true, 422, "exchange_rejected", "rejected",
      false, false, false },
    { ORDER_CALL_CANCEL, OUTCOME_AUTH, ORDER_LIVE, true, 502, "exchange_auth", "rejected", false,
      false, false },
    { ORDER_CALL_CANCEL, OUTCOME_NOT_SENT, ORDER_LIVE, true, 503, "not_sent", "not_sent", false,
      false, false },
    { ORDER_CALL_CANCEL, OUTCOME_THROTTLED, ORDER_LIVE, true, 429, "rate_limited", "not_sent",
      false, false, true },
    { ORDER_CALL_CANCEL, OUTCOME_NOT_READY, 0, false, 503, "not_ready", "not_sent", false, false,
      true },
    { ORDER_CALL_CANCEL, OUTCOME_NOT_FOUND, 0, false, 404, "order_not_found", NULL, false, false,
      false },
    /* read: whatever it is, it is shown */
    { ORDER_CALL_READ, OUTCOME_OK, ORDER_UNKNOWN, true, 200, NULL, NULL, false, false, false },
    { ORDER_CALL_READ, OUTCOME_UNKNOWN, ORDER_UNKNOWN, true, 200, NULL, NULL, false, false, false },
    { ORDER_CALL_READ, OUTCOME_REJECTED, ORDER_REJECTED, true, 200, NULL, NULL, false, false,
      false },
    { ORDER_CALL_READ, OUTCOME_NOT_READY, 0, false, 503, "not_ready", NULL, false, false, true },
    { ORDER_CALL_READ, OUTCOME_BUSY, 0, false, 503, "busy", NULL, false, false, true },
    { ORDER_CALL_READ, OUTCOME_OK, 0, false, 500, "internal", NULL, false, false, false },
};

static const char *header(const struct api_call *call, const char *name)
{
    for (size_t i = 0; i < call->headers_count; i++) {
        if (strcmp(call->headers[i].name, name) == 0)
            return call->headers[i].value;
    }
    return NULL;
}

static const char *member(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

START_TEST(an_outcome_is_answered_as_the_contract_says)
{
    struct loop_reply reply = reply_of(table[_i].outcome, table[_i].state, table[_i].has_order);
    const struct guard_verdict verdict = { .limit = GUARD_SYMBOLS, .text = "not listed" };
    struct api_call call = { .done = on_done, .request_id = "r1" };
    cJSON *body;

    reply.verdict = &verdict;
    dones = 0;
    order_answer(&call, table[_i].kind, &reply, "my-1");
    ck_assert_int_eq(dones, 1);
    ck_assert_int_eq(call.status, table[_i].status);
    body = cJSON_Parse(call.reply.data);
    ck_assert_ptr_nonnull(body);
    ck_assert_str_eq(member(body, "client_id"), "my-1");
    ck_assert_int_eq(header(&call, "Location") != NULL, table[_i].located);
    ck_assert_int_eq(header(&call, "Idempotent-Replayed") != NULL, table[_i].replayed);
    ck_assert_int_eq(header(&call, "Retry-After") != NULL, table[_i].retry_after);
    if (table[_i].located)
        ck_assert_str_eq(header(&call, "Location"), "/orders/my-1");
    if (table[_i].code) {
        ck_assert_str_eq(call.content_type, "application/problem+json");
        ck_assert_str_eq(member(body, "code"), table[_i].code);
        ck_assert_str_eq(member(body, "request_id"), "r1");
        ck_assert(member(body, "detail")[0] != '\0');
        ck_assert_pstr_eq(member(body, "outcome"), table[_i].outcome_word);
    } else {
        ck_assert_str_eq(call.content_type, "application/json");
        ck_assert_str_eq(member(body, "link"), "b-1");
        ck_assert_int_eq(header(&call, "Bridge-Source") != NULL, table[_i].kind == ORDER_CALL_READ);
    }
    cJSON_Delete(body);
    buffer_deinit(&call.reply);
}
END_TEST

/* Whatever the engine says of an order that may have left, no answer may invite a blind repeat. */
START_TEST(a_lost_create_is_never_a_5xx)
{
    for (int state = ORDER_INTENT; state <= ORDER_GONE; state++) {
        struct loop_reply reply = reply_of(OUTCOME_UNKNOWN, (enum order_state)state, true);
        struct order_verdict verdict;

        order_judge(&verdict, ORDER_CALL_CREATE, &reply, "");
        ck_assert_int_eq(verdict.status, 202);
        ck_assert(verdict.located);
    }
}
END_TEST

START_TEST(the_exchanges_words_are_passed_on)
{
    struct loop_reply reply = reply_of(OUTCOME_REJECTED, ORDER_REJECTED, true);
    struct api_call call = { .done = on_done };
    struct order_verdict verdict;

    reply.order.ret_code = 110007;
    memcpy(reply.order.ret_msg, "ab not enough", 14);
    reply.error.upstream = 1;
    order_answer(&call, ORDER_CALL_CREATE, &reply, "");
    ck_assert_ptr_nonnull(strstr(
        call.reply.data, "\"upstream\":{\"ret_code\":110007,\"ret_msg\":\"ab not enough\"}"));
    ck_assert_ptr_nonnull(strstr(call.reply.data, "the exchange answered 110007: ab not enough"));
    ck_assert_ptr_null(strstr(call.reply.data, "\"retry\""));
    buffer_deinit(&call.reply);

    /* A cancel's refusal is the reply's own, not the create's. */
    reply.error.upstream = 110001;
    memcpy(reply.error.text, "too late", 9);
    order_judge(&verdict, ORDER_CALL_CANCEL, &reply, "");
    ck_assert_int_eq(verdict.more.ret_code, 110001);
    ck_assert_str_eq(verdict.more.ret_msg, "too late");

    /* No code: our own text says why. */
    reply = reply_of(OUTCOME_NOT_SENT, ORDER_NOT_SENT, true);
    memcpy(reply.error.text, "connect: refused", 17);
    memcpy(reply.order.ret_msg, "connect: refused", 17);
    call = (struct api_call){ .done = on_done };
    order_answer(&call, ORDER_CALL_CREATE, &reply, "");
    ck_assert_ptr_nonnull(strstr(call.reply.data, "\"detail\":\"connect: refused\""));
    ck_assert_ptr_null(strstr(call.reply.data, "upstream"));
    ck_assert_ptr_nonnull(strstr(call.reply.data, "\"retry\":{\"safe\":true,\"after_ms\":null}"));
    buffer_deinit(&call.reply);
}
END_TEST

static const struct {
    const char *client_id;
    const char *location;
} places[] = {
    { "my-1", "/orders/my-1" }, { "a.b:c_d-e", "/orders/a.b:c_d-e" },
    { "a b", "/orders/b-1" },   { "a/b", "/orders/b-1" },
    { "a..b", "/orders/b-1" },  { ".", "/orders/b-1" },
    { "100%", "/orders/b-1" },  { "", "/orders/b-1" },
};

START_TEST(the_location_is_one_that_the_gate_lets_through)
{
    struct loop_reply reply = reply_of(OUTCOME_ACCEPTED, ORDER_ACKED, true);
    char location[200];

    memcpy(reply.order.request.client_id, places[_i].client_id, strlen(places[_i].client_id) + 1);
    order_location(&reply.order, location);
    ck_assert_str_eq(location, places[_i].location);
}
END_TEST

START_TEST(retry_after_is_whole_seconds_up)
{
    struct loop_reply reply = reply_of(OUTCOME_THROTTLED, ORDER_NOT_SENT, true);
    struct api_call call = { .done = on_done };

    reply.retry_after_ms = 1001;
    order_answer(&call, ORDER_CALL_CREATE, &reply, "");
    ck_assert_str_eq(header(&call, "Retry-After"), "2");
    ck_assert_ptr_nonnull(strstr(call.reply.data, "\"retry\":{\"safe\":true,\"after_ms\":1001}"));
    buffer_deinit(&call.reply);
}
END_TEST

START_TEST(a_cancel_under_way_shows)
{
    struct loop_reply reply = reply_of(OUTCOME_UNKNOWN, ORDER_LIVE, true);
    struct api_call call = { .done = on_done };

    reply.cancel_in_flight = "unknown";
    order_answer(&call, ORDER_CALL_CANCEL, &reply, "");
    ck_assert_ptr_nonnull(
        strstr(call.reply.data, "\"in_flight\":{\"amend\":null,\"cancel\":\"unknown\"}"));
    ck_assert_ptr_nonnull(strstr(call.reply.data, "\"state\":\"open\""));
    buffer_deinit(&call.reply);
}
END_TEST

/* An order's status and place are told even when there is no memory for its body. */
START_TEST(an_order_that_does_not_fit_in_memory_keeps_its_status)
{
    struct loop_reply reply = reply_of(OUTCOME_ACCEPTED, ORDER_ACKED, true);
    struct api_call call = { .done = on_done, .reply = { .max = 8 } };

    order_answer(&call, ORDER_CALL_CREATE, &reply, "");
    ck_assert_int_eq(call.status, 201);
    ck_assert_str_eq(header(&call, "Location"), "/orders/my-1");
    ck_assert_uint_eq(call.reply.bytes, 0);
    buffer_deinit(&call.reply);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("orders_reply");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_loop_test(tcase, an_outcome_is_answered_as_the_contract_says, 0,
                        (int)ARRAY_LEN(table));
    tcase_add_test(tcase, a_lost_create_is_never_a_5xx);
    tcase_add_test(tcase, the_exchanges_words_are_passed_on);
    tcase_add_loop_test(tcase, the_location_is_one_that_the_gate_lets_through, 0,
                        (int)ARRAY_LEN(places));
    tcase_add_test(tcase, retry_after_is_whole_seconds_up);
    tcase_add_test(tcase, a_cancel_under_way_shows);
    tcase_add_test(tcase, an_order_that_does_not_fit_in_memory_keeps_its_status);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
