/* PATCH /orders/{id}. */
#include "api/order_change.h"
#include "test_api_value_kit.h"

/* An open limit order: buy 1 at 90, 0.4 filled. */
static struct order open_order(void)
{
    struct order order = kit_order("o-1", ORDER_LIVE);

    order_request_clear(&order.request);
    memcpy(order.request.link, "o-1", 4);
    memcpy(order.request.symbol, "BTCUSDT", 8);
    order.request.category = CATEGORY_LINEAR;
    order.request.side = SIDE_BUY;
    order.request.type = ORDER_TYPE_LIMIT;
    order.request.tif = TIF_GTC;
    order.request.qty = kit_decimal("1");
    order.request.price = kit_decimal("90");
    order.filled_qty = kit_decimal("0.4");
    return order;
}

static void open_amend(void)
{
    open_value();
    set_rest();
    kit.needs = 0;
    kit.on_create = NULL;
    kit.reply =
        (struct loop_reply){ .outcome = OUTCOME_OK, .has_order = true, .order = open_order() };
}

/* What was handed to the engine, in one line. */
static const char *changed(void)
{
    static char line[300];
    char digits[5][DECIMAL_TEXT_MAX];

    (void)snprintf(line, sizeof(line), "%s|%s|%s|%s|%s", decimal_format(&kit.change.qty, digits[0]),
                   decimal_format(&kit.change.price, digits[1]),
                   decimal_format(&kit.change.trigger_price, digits[2]),
                   decimal_format(&kit.change.take_profit, digits[3]),
                   decimal_format(&kit.change.stop_loss, digits[4]));
    return line;
}

static const struct {
    const char *body;
    const char *changed;
} changes[] = {
    { "qty=0.5", "0.5||||" },
    { "price=91.5", "|91.5|||" },
    { "{\"qty\":2,\"price\":\"80\"}", "2|80|||" },
    { "take_profit=120&stop_loss=80", "|||120|80" },
    { "takeProfit=0", "|||0|" },
    { "{\"take_profit\":null,\"stop_loss\":\"0.00\"}", "|||0|0" },
    { "{\"price\":91,\"stopLoss\":null}", "|91|||0" },
};

START_TEST(only_what_is_given_changes)
{
    ck_assert_msg(kit_run("PATCH", "/orders/o-1", changes[_i].body) == 200, "%s",
                  kit.call.reply.data);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_str_eq(kit.id, "o-1");
    ck_assert_str_eq(changed(), changes[_i].changed);
    ck_assert_int_eq(kit.wait, WAIT_ACCEPTED);
    ck_assert_int_eq(kit.until_ms, 0);
    ck_assert(kit_says("\"client_id\":\"o-1\"") && kit_says("\"price\":\"90\""));
    ck_assert_ptr_nonnull(kit_header("RateLimit"));
}
END_TEST

static const struct {
    const char *body;
    int status;
    const char *code;
    const char *says;
} refused[] = {
    { NULL, 400, "missing_body", "" },
    { "{}", 422, "missing_field", "nothing is to be changed" },
    { "{\"price\":null}", 400, "invalid_value", "price can't be removed" },
    { "{\"qty\":null,\"price\":1}", 400, "invalid_value", "qty can't be removed" },
    { "[{\"price\":1}]", 400, "not_an_object", "" },
    { "side=sell", 400, "unknown_field", "" },
    { "price=1&price=2", 400, "duplicate_field", "" },
    { "price=-1", 400, "invalid_number", "" },
    { "price=90.0005", 422, "price_tick", "nearest" },
    { "price=0", 422, "price_out_of_range", "above 0" },
    { "take_profit=120.0005", 422, "price_tick", "take_profit" },
    { "stop_loss=9999999", 422, "price_out_of_range", "stop_loss" },
    { "qty=0.0001", 422, "qty_too_small", "" },
    { "qty=1.0005", 422, "qty_step", "" },
    { "qty=99999999", 422, "qty_too_large", "" },
    { "qty=0.4", 422, "qty_too_small", "0.4 are filled" },
    { "qty=0.3", 422, "qty_too_small", "new total" },
    { "trigger_price=80", 422, "field_not_allowed", "not conditional" },
};

START_TEST(what_can_not_be_is_refused_before_the_engine)
{
    ck_assert_msg(kit_run("PATCH", "/orders/o-1", refused[_i].body) == refused[_i].status, "%s: %s",
                  refused[_i].body, kit.call.reply.data);
    ck_assert_msg(kit_says(refused[_i].code) && kit_says(refused[_i].says), "%s",
                  kit.call.reply.data);
    ck_assert(kit_says("\"outcome\":\"not_sent\""));
    ck_assert_uint_eq(kit.amends, 0);
    ck_assert_int_eq(kit.dones, 1);
}
END_TEST

START_TEST(an_order_is_changed_by_what_it_is)
{
    struct order_request *request = &kit.reply.order.request;

    request->type = ORDER_TYPE_MARKET;
    request->price = DECIMAL_NONE;
    request->trigger_price = kit_decimal("80");
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "price=70"), 422);
    ck_assert(kit_says("a market order has no price"));
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "trigger_price=70"), 200);
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "trigger_price=0"), 422);
    ck_assert(kit_says("price_out_of_range"));
    request->reduce_only = true;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "stop_loss=70"), 422);
    ck_assert(kit_says("reduce_only"));
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "stop_loss=0"), 200);
    request->reduce_only = false;
    request->category = CATEGORY_SPOT;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "stop_loss=70"), 422);
    ck_assert(kit_says("limit orders only"));
    request->qty_in_quote = true;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "qty=70"), 422);
    ck_assert(kit_says("quote coin"));
}
END_TEST

/* Rules can have changed since: what stays is not held against them. */
START_TEST(what_stays_is_not_checked_again)
{
    kit.reply.order.request.price = kit_decimal("90.00001");
    kit.reply.order.request.take_profit = kit_decimal("120.00001");
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "qty=2"), 200);
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "stop_loss=70"), 200);
    kit.reply.order.request.qty = kit_decimal("1.00001");
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "price=91"), 200);
}
END_TEST

START_TEST(the_least_value_counts_for_the_changed_order)
{
    struct instrument instrument = quoted(CATEGORY_LINEAR, "BTCUSDT", "USDT");
    struct instruments *all;

    instrument.min_notional = kit_decimal("50");
    all = instruments_create(&instrument, 1, 1700000000000);
    ck_assert_ptr_nonnull(all);
    instruments_publish(kit.api.instruments, all);
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "qty=0.5"), 422);
    ck_assert(kit_says("notional_too_small"));
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "price=40"), 422);
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "qty=0.6"), 200);
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "stop_loss=1"), 200);
}
END_TEST

static void on_amend(loop_reply_fn *on_reply, void *userdata)
{
    static struct loop_reply reply;
    static const struct loop_reply needs = { .outcome = OUTCOME_NEEDS_FACTS };

    reply = kit.reply;
    reply.outcome = OUTCOME_OK;
    on_reply(kit.facts.last_word ? &reply : &needs, userdata);
}

static void kill_then_need(loop_reply_fn *on_reply, void *userdata)
{
    kit_kills++;
    on_amend(on_reply, userdata);
}

/* Also when it is armed again by the time that the book is there. */
START_TEST(a_kill_while_an_amend_is_valued_ends_it)
{
    kit.needs = GUARD_NEEDS_PRICE;
    kit.reply.order.request.side = SIDE_SELL;
    kit.on_amend = kill_then_need;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "qty=3"), 422);
    ck_assert(kit_says("guard_killed") && kit_says("not_sent"));
    ck_assert_uint_eq(kit.amends, 1);
    kit.on_amend = on_amend;
    kit.no_facts = true;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "qty=3"), 503);
    ck_assert_int_eq(kit.facts_open, 0);
    ck_assert_int_eq(kit.dones, 1);
}
END_TEST

START_TEST(a_change_brings_its_value_along)
{
    kit.needs = GUARD_NEEDS_PRICE;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "price=95"), 200);
    ck_assert_int_eq((int)kit.change.value_price.mantissa, 95);
    ck_assert_int_eq(kit.facts.source, GUARD_PRICE_LIMIT);
    ck_assert_str_eq(kit.amend_client, "");
    /* A sell is worth the best bid: read, when memory has none. */
    kit.reply.order.request.side = SIDE_SELL;
    kit.on_amend = on_amend;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "qty=3"), 200);
    ck_assert_int_eq((int)kit.change.value_price.mantissa, 100);
    ck_assert_uint_eq(kit.amends, 3);
    ck_assert_uint_eq(kit.reads, 1);
}
END_TEST

START_TEST(a_change_says_who_asks_for_it)
{
    kit_set_header("X-Client", "bot");
    kit.head_goes = true;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "price=95"), 200);
    ck_assert_str_eq(kit.amend_client, "bot");
}
END_TEST

START_TEST(who_asks_for_a_change_must_have_a_name)
{
    char name[TAG_MAX + 1];

    memset(name, 'x', TAG_MAX);
    name[TAG_MAX] = '\0';
    kit_set_header("X-Client", name);
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "price=95"), 400);
    ck_assert(kit_says("invalid_value") && kit_says("X-Client"));
    kit_set_header("X-Client", "no name");
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "price=95"), 400);
    ck_assert_uint_eq(kit.amends, 0);
}
END_TEST

static const struct {
    struct loop_reply reply;
    int status;
    const char *code; /* NULL: the order */
    const char *says;
} outcomes[] = {
    { { .outcome = OUTCOME_OK, .has_order = true }, 200, NULL, "" },
    { { .outcome = OUTCOME_UNKNOWN, .has_order = true }, 202, NULL, "" },
    { { .outcome = OUTCOME_CONFLICT, .has_order = true },
      409,
      "amend_in_flight",
      "\"outcome\":\"not_sent\"" },
    { { .outcome = OUTCOME_ENDED, .has_order = true }, 409, "order_ended", "not_sent" },
    { { .outcome = OUTCOME_REJECTED,
        .has_order = true,
        .error = { .code = ERR_UPSTREAM, .upstream = 10001, .text = "no" } },
      422,
      "exchange_rejected",
      "10001" },
    { { .outcome = OUTCOME_AUTH,
        .error = { .code = ERR_UPSTREAM, .upstream = 10003, .text = "key" } },
      502,
      "exchange_auth",
      "" },
    { { .outcome = OUTCOME_NOT_SENT, .has_order = true }, 503, "not_sent", "not_sent" },
    { { .outcome = OUTCOME_THROTTLED, .retry_after_ms = 700 }, 429, "rate_limited", "700" },
    { { .outcome = OUTCOME_NOT_READY }, 503, "not_ready", "" },
    { { .outcome = OUTCOME_BUSY }, 503, "busy", "" },
    { { .outcome = OUTCOME_KILLED }, 422, "guard_killed", "" },
    { { .outcome = OUTCOME_OK }, 500, "internal", "unknown" }, /* it breaks its word */
};
static const struct loop_reply *answered;

static void on_answered(loop_reply_fn *on_reply, void *userdata)
{
    static struct loop_reply reply;

    reply = *answered;
    if (reply.has_order)
        reply.order = kit.reply.order;
    on_reply(&reply, userdata);
}

START_TEST(an_outcome_becomes_a_status)
{
    answered = &outcomes[_i].reply;
    kit.on_amend = on_answered;
    ck_assert_msg(kit_run("PATCH", "/orders/o-1?wait=final&timeout=2s", "price=95") ==
                      outcomes[_i].status,
                  "%s", kit.call.reply.data);
    ck_assert_int_eq(kit.wait, WAIT_FINAL);
    ck_assert_int_gt(kit.until_ms, clock_wall_ms());
    ck_assert(kit_says(outcomes[_i].code ? outcomes[_i].code : "\"client_id\":\"o-1\""));
    ck_assert_msg(kit_says(outcomes[_i].says), "%s", kit.call.reply.data);
    ck_assert_int_eq(kit_header("Location") != NULL, outcomes[_i].status == 202);
}
END_TEST

START_TEST(an_amend_in_flight_is_shown)
{
    kit.reply.order.amend = AMEND_SENT;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "price=95"), 200);
    ck_assert(kit_says("\"in_flight\":{\"amend\":\"sent\",\"cancel\":null}"));
    kit.reply.order.amend = AMEND_UNKNOWN;
    ck_assert_int_eq(kit_get("/orders/o-1"), 200);
    ck_assert(kit_says("\"in_flight\":{\"amend\":\"unknown\",\"cancel\":null}"));
}
END_TEST

START_TEST(what_the_engine_forgot_has_ended)
{
    static const struct loop_reply forgotten = { .outcome = OUTCOME_NOT_FOUND };
    char long_id[200] = "/orders/";

    kit.watched = &forgotten;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "price=95"), 404);
    ck_assert(kit_says("order_not_found"));
    kit.orders[0] = kit_order("o-1", ORDER_CLOSED);
    kit.orders_count = 1;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "price=95"), 409);
    ck_assert(kit_says("order_ended"));
    kit.orders[0].state = ORDER_LIVE;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "price=95"), 503);
    ck_assert(kit_says("not_ready"));
    kit.reader_err = ERR_INTERNAL;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "price=95"), 503);
    ck_assert(kit_says("journal_unavailable"));
    kit.submit_err = ERR_BUSY;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "price=95"), 503);
    ck_assert(kit_says("busy"));
    memset(long_id + 8, 'x', 130);
    ck_assert_int_eq(kit_run("PATCH", long_id, "price=95"), 404);
    /* In memory, and final: the engine is not asked. */
    kit.watched = NULL;
    kit.reply.order.state = ORDER_CLOSED;
    kit.reply.order.status = STATUS_FILLED;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "price=95"), 409);
    ck_assert(kit_says("order_ended") && kit_says("the order is filled"));
    ck_assert_uint_eq(kit.amends, 0);
}
END_TEST

START_TEST(without_an_engine_there_is_no_amend)
{
    kit.loop_err = ERR_BUSY;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "price=95"), 503);
    ck_assert(kit_says("busy") && kit_says("not_sent"));
    kit.loop_err = ERR_NONE;
    kit.api.has_keys = false;
    ck_assert_int_eq(kit_run("PATCH", "/orders/o-1", "price=95"), 401);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_amend");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, open_amend, kit_close);
    tcase_add_loop_test(tcase, only_what_is_given_changes, 0, (int)ARRAY_LEN(changes));
    tcase_add_loop_test(tcase, what_can_not_be_is_refused_before_the_engine, 0,
                        (int)ARRAY_LEN(refused));
    tcase_add_test(tcase, an_order_is_changed_by_what_it_is);
    tcase_add_test(tcase, what_stays_is_not_checked_again);
    tcase_add_test(tcase, the_least_value_counts_for_the_changed_order);
    tcase_add_test(tcase, a_change_brings_its_value_along);
    tcase_add_test(tcase, a_change_says_who_asks_for_it);
    tcase_add_test(tcase, who_asks_for_a_change_must_have_a_name);
    tcase_add_test(tcase, a_kill_while_an_amend_is_valued_ends_it);
    tcase_add_loop_test(tcase, an_outcome_becomes_a_status, 0, (int)ARRAY_LEN(outcomes));
    tcase_add_test(tcase, an_amend_in_flight_is_shown);
    tcase_add_test(tcase, what_the_engine_forgot_has_ended);
    tcase_add_test(tcase, without_an_engine_there_is_no_amend);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
