/* What users see of an order, a fill, a ticker, a book: cJSON is the oracle for the JSON. */
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <cjson/cJSON.h>

#include "api/events.h"

static struct buffer out;

static void begin(void)
{
    out = buffer_of((size_t)1024 * 1024);
}

static void end(void)
{
    buffer_deinit(&out);
}

static cJSON *parsed(void)
{
    cJSON *json;

    ck_assert(!buffer_check(&out));
    json = cJSON_ParseWithLengthOpts(out.data, out.bytes + 1, NULL, 1);
    ck_assert_msg(json, "%s", out.data);
    return json;
}

static void is_text(const cJSON *json, const char *name, const char *text)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

    ck_assert_msg(item, "%s is missing in %s", name, out.data);
    if (text)
        ck_assert_pstr_eq(cJSON_GetStringValue(item), text);
    else
        ck_assert_msg(cJSON_IsNull(item), "%s is not null in %s", name, out.data);
}

static void is_number(const cJSON *json, const char *name, double number)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

    ck_assert_msg(cJSON_IsNumber(item), "%s in %s", name, out.data);
    ck_assert(item->valuedouble >= number && item->valuedouble <= number);
}

static struct decimal dec(const char *text)
{
    struct decimal value;

    ck_assert(!decimal_parse(&value, text));
    return value;
}

static struct order empty_order(void)
{
    struct order order = { .state = ORDER_INTENT };
    struct order_request *request = &order.request;

    request->qty = request->price = request->trigger_price = DECIMAL_NONE;
    request->take_profit = request->stop_loss = DECIMAL_NONE;
    order.filled_qty = order.filled_value = order.avg_price = DECIMAL_NONE;
    return order;
}

static struct order full_order(void)
{
    struct order order = empty_order();
    struct order_request *request = &order.request;

    memcpy(request->link, "h-abc", 6);
    memcpy(request->client_id, "my \"key\"", 9);
    memcpy(request->symbol, "BTCUSDT", 8);
    memcpy(request->tag, "grid", 5);
    memcpy(request->client, "bot", 4);
    memcpy(order.order_id, "uuid-1", 7);
    memcpy(order.reject_reason, "EC_NoError", 11);
    memcpy(order.cancel_reason, "CancelByUser", 13);
    request->category = CATEGORY_LINEAR;
    request->side = SIDE_SELL;
    request->type = ORDER_TYPE_LIMIT;
    request->tif = TIF_POST_ONLY;
    request->qty = dec("0.010");
    request->price = dec("26000.10");
    request->reduce_only = true;
    order.state = ORDER_CLOSED;
    order.status = STATUS_FILLED;
    order.filled_qty = dec("0.01");
    order.avg_price = dec("26000.1");
    memcpy(order.fees[0].coin, "USDT", 5);
    order.fees[0].amount = dec("-0.00000001");
    order.fees_count = 1;
    order.created_ms = 1700000000000;
    order.updated_ms = 1700000000123;
    order.exchange_ms = 1700000000100;
    order.seq = 9007199254740993;
    return order;
}

START_TEST(an_order_is_shown_whole)
{
    struct order order = full_order();
    cJSON *json;

    api_add_order(&out, &order, "unknown");
    json = parsed();
    is_text(json, "id", "uuid-1");
    is_text(json, "client_id", "my \"key\"");
    is_text(json, "link", "h-abc");
    is_text(json, "category", "linear");
    is_text(json, "side", "sell");
    is_text(json, "tif", "post_only");
    is_text(json, "qty", "0.010");
    is_text(json, "quote_qty", NULL);
    is_text(json, "price", "26000.10");
    is_text(json, "state", "filled");
    is_text(json, "reject_reason", NULL);
    is_text(json, "cancel_reason", "CancelByUser");
    is_text(json, "created_at", "2023-11-14T22:13:20.000Z");
    is_text(json, "updated_at", "2023-11-14T22:13:20.123Z");
    is_number(json, "position_idx", 0);
    ck_assert(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "reduce_only")));
    ck_assert_ptr_nonnull(
        strstr(out.data, "\"fees\":[{\"coin\":\"USDT\",\"amount\":\"-0.00000001\"}]"));
    ck_assert_ptr_nonnull(strstr(out.data, "\"seq\":9007199254740993"));
    ck_assert_ptr_nonnull(
        strstr(out.data, "\"in_flight\":{\"amend\":null,\"cancel\":\"unknown\"}"));
    cJSON_Delete(json);
}
END_TEST

static const char *const order_members[] = {
    "id",
    "client_id",
    "link",
    "category",
    "symbol",
    "side",
    "type",
    "tif",
    "qty",
    "quote_qty",
    "price",
    "trigger_price",
    "trigger_direction",
    "trigger_by",
    "spot_trigger",
    "take_profit",
    "stop_loss",
    "tp_trigger_by",
    "sl_trigger_by",
    "take_profit_limit_price",
    "stop_loss_limit_price",
    "reduce_only",
    "close_on_trigger",
    "position_idx",
    "slippage_ticks",
    "slippage_percent",
    "smp",
    "is_leverage",
    "state",
    "filled_qty",
    "avg_price",
    "fees",
    "reject_reason",
    "cancel_reason",
    "tag",
    "client",
    "created_at",
    "updated_at",
    "seq",
};

START_TEST(members_are_always_there_and_null_when_empty)
{
    static const char *const set[] = { "category",     "reduce_only", "close_on_trigger",
                                       "position_idx", "is_leverage", "state",
                                       "fees" };
    struct order order = empty_order();
    cJSON *json;

    api_add_order(&out, &order, NULL);
    json = parsed();
    ck_assert_int_eq(cJSON_GetArraySize(json), (int)ARRAY_LEN(order_members));
    for (size_t i = 0; i < ARRAY_LEN(order_members); i++) {
        bool is_set = false;

        for (size_t j = 0; j < ARRAY_LEN(set); j++)
            is_set = is_set || strcmp(set[j], order_members[i]) == 0;
        if (!is_set)
            is_text(json, order_members[i], NULL);
    }
    is_text(json, "state", "pending");
    cJSON_Delete(json);
}
END_TEST

START_TEST(what_an_order_says_beyond_its_price_is_shown)
{
    struct order order = empty_order();
    cJSON *json;

    order.request.trigger_price = dec("90.0");
    order.request.trigger_direction = 2;
    order.request.trigger_by = TRIGGER_BY_MARK;
    order.request.take_profit = dec("120");
    order.request.stop_loss_by = TRIGGER_BY_INDEX;
    order.request.slippage_kind = SLIPPAGE_PERCENT;
    order.request.slippage = dec("0.5");
    order.request.smp = SMP_CANCEL_BOTH;
    order.request.close_on_trigger = true;
    order.amend = AMEND_UNKNOWN;
    api_add_order(&out, &order, "sent");
    json = parsed();
    is_text(json, "trigger_price", "90.0");
    is_number(json, "trigger_direction", 2);
    is_text(json, "trigger_by", "mark");
    is_text(json, "take_profit", "120");
    is_text(json, "stop_loss", NULL);
    is_text(json, "sl_trigger_by", "index");
    is_text(json, "slippage_percent", "0.5");
    is_text(json, "slippage_ticks", NULL);
    is_text(json, "smp", "cancel_both");
    ck_assert_ptr_nonnull(
        strstr(out.data, "\"in_flight\":{\"amend\":\"unknown\",\"cancel\":\"sent\"}"));
    ck_assert_ptr_nonnull(strstr(out.data, "\"close_on_trigger\":true"));
    cJSON_Delete(json);
}
END_TEST

START_TEST(an_order_event_has_both_times)
{
    struct order order = full_order();
    cJSON *json;

    order.request.qty_in_quote = true;
    order.request.client_id[0] = '\0';
    order.avg_price = dec("0");
    api_event_order(&out, &order);
    json = parsed();
    is_number(json, "ts", 1700000000100.0);
    is_number(json, "recv_at", 1700000000123.0);
    is_text(json, "quote_qty", "0.010");
    is_text(json, "qty", NULL);
    is_text(json, "client_id", "h-abc");
    is_text(json, "avg_price", NULL);
    ck_assert_ptr_null(cJSON_GetObjectItemCaseSensitive(json, "in_flight"));
    ck_assert_int_eq(cJSON_GetArraySize(json), (int)ARRAY_LEN(order_members) + 3);
    cJSON_Delete(json);
}
END_TEST

static const struct {
    enum fill_kind kind;
    bool maker;
    const char *word;
    const char *liquidity;
} kinds[] = {
    { FILL_TRADE, true, "trade", "maker" },         { FILL_TRADE, false, "trade", "taker" },
    { FILL_FUNDING, false, "funding", NULL },       { FILL_ADL, false, "adl", NULL },
    { FILL_SETTLE, false, "settle", NULL },         { FILL_OTHER, false, "other", NULL },
    { FILL_LIQUIDATION, true, "liquidation", NULL }
};

START_TEST(a_fill_is_shown_whole)
{
    struct fill fill = { .kind = kinds[_i].kind,
                         .maker = kinds[_i].maker,
                         .category = CATEGORY_SPOT,
                         .side = SIDE_BUY,
                         .at_ms = 1700000000000,
                         .seq = 5 };
    cJSON *json;

    memcpy(fill.exec_id, "e-1", 4);
    memcpy(fill.link, "b-1", 4);
    fill.qty = dec("1");
    fill.price = dec("2.50");
    fill.value = fill.closed_qty = DECIMAL_NONE;
    fill.fee = dec("-0.1");
    api_add_fill(&out, &fill);
    json = parsed();
    is_text(json, "id", "e-1");
    is_text(json, "order_id", NULL);
    is_text(json, "client_id", "b-1");
    is_text(json, "kind", kinds[_i].word);
    is_text(json, "liquidity", kinds[_i].liquidity);
    is_text(json, "price", "2.50");
    is_text(json, "value", NULL);
    is_text(json, "fee", "-0.1");
    is_text(json, "at", "2023-11-14T22:13:20.000Z");
    is_number(json, "seq", 5);
    ck_assert_int_eq(cJSON_GetArraySize(json), 18);
    cJSON_Delete(json);
    buffer_clear(&out);
    api_event_fill(&out, &fill);
    json = parsed();
    ck_assert_int_eq(cJSON_GetArraySize(json), 21);
    ck_assert_str_eq(cJSON_GetObjectItem(json, "source")->valuestring, "bridge");
    is_number(json, "ts", 1700000000000.0);
    cJSON_Delete(json);
}
END_TEST

static struct ticker some_ticker(void)
{
    struct ticker ticker = { .category = CATEGORY_SPOT, .symbol = "BTCUSDT", .ts_ms = 7 };

    ticker.last = dec("1.10");
    ticker.mark = ticker.index = ticker.bid = ticker.bid_qty = ticker.ask = DECIMAL_NONE;
    ticker.ask_qty = ticker.open_24h = ticker.high_24h = ticker.low_24h = DECIMAL_NONE;
    ticker.volume_24h = ticker.turnover_24h = ticker.change_24h = DECIMAL_NONE;
    ticker.funding_rate = ticker.open_interest = ticker.underlying = DECIMAL_NONE;
    ticker.bid_iv = ticker.ask_iv = ticker.mark_iv = DECIMAL_NONE;
    ticker.delta = ticker.gamma = ticker.vega = ticker.theta = DECIMAL_NONE;
    return ticker;
}

START_TEST(a_ticker_says_how_old_it_is)
{
    struct ticker ticker = some_ticker();
    cJSON *json;

    api_add_ticker(&out, &ticker, 1700000000000, "stream");
    json = parsed();
    is_text(json, "last", "1.10");
    is_text(json, "mark", NULL);
    is_text(json, "next_funding_at", NULL);
    is_text(json, "delta", NULL);
    is_text(json, "as_of", "2023-11-14T22:13:20.000Z");
    is_text(json, "source", "stream");
    ck_assert_int_eq(cJSON_GetArraySize(json), 28);
    cJSON_Delete(json);
    buffer_clear(&out);
    api_event_ticker(&out, &ticker, 1700000000001);
    json = parsed();
    is_number(json, "ts", 7);
    is_number(json, "recv_at", 1700000000001.0);
    ck_assert_int_eq(cJSON_GetArraySize(json), 28);
    cJSON_Delete(json);
}
END_TEST

START_TEST(a_book_and_its_frames_have_one_shape)
{
    static const char data_text[] = "{\"s\":\"X\",\"b\":[[\"9\",\"0\"]],\"u\":3,\"seq\":\"4\"}";
    const struct book_level bids[] = { { dec("9.0"), dec("1") }, { dec("8.5"), dec("2") } };
    const struct book_level asks[] = { { dec("9.5"), dec("3") } };
    const struct market_book book = { .state = BOOK_STALE,
                                      .depth = 50,
                                      .u = 3,
                                      .seq = 4,
                                      .ts_ms = 1700000000000,
                                      .recv_ms = 1700000000001,
                                      .bids_count = 2,
                                      .asks_count = 1 };
    struct json data;
    cJSON *json;

    api_add_book(&out, CATEGORY_LINEAR, "X", &book, bids, asks, "stream");
    json = parsed();
    is_text(json, "state", "stale");
    is_number(json, "seq", 4);
    is_text(json, "exchange_at", "2023-11-14T22:13:20.000Z");
    is_text(json, "as_of", "2023-11-14T22:13:20.001Z");
    ck_assert_ptr_nonnull(
        strstr(out.data, "\"bids\":[[\"9.0\",\"1\"],[\"8.5\",\"2\"]],\"asks\":[[\"9.5\",\"3\"]]"));
    cJSON_Delete(json);

    buffer_clear(&out);
    api_event_book_snapshot(&out, CATEGORY_LINEAR, "X", &book, bids, asks);
    json = parsed();
    is_text(json, "type", "snapshot");
    is_number(json, "ts", 1700000000000.0);
    ck_assert_int_eq(cJSON_GetArraySize(json), 10);
    cJSON_Delete(json);

    buffer_clear(&out);
    ck_assert(!json_open(&data, data_text, sizeof(data_text) - 1, NULL));
    api_event_book_frame(&out, CATEGORY_LINEAR, "X", 50, false, &data, 5, 6);
    json = parsed();
    is_text(json, "type", "delta");
    is_number(json, "u", 3);
    is_number(json, "seq", 4);
    ck_assert_ptr_nonnull(strstr(out.data, "\"bids\":[[\"9\",\"0\"]],\"asks\":[]"));
    ck_assert_int_eq(cJSON_GetArraySize(json), 10);
    cJSON_Delete(json);
}
END_TEST

START_TEST(a_symbol_and_a_link_are_shown)
{
    struct instrument instrument = { .category = CATEGORY_SPOT, .symbol = "BTCUSDT" };
    struct decimal *decimals[] = {
        &instrument.tick_size,         &instrument.qty_step,      &instrument.quote_step,
        &instrument.min_qty,           &instrument.max_limit_qty, &instrument.max_market_qty,
        &instrument.max_post_only_qty, &instrument.min_notional,  &instrument.min_price,
        &instrument.max_price,         &instrument.min_leverage,  &instrument.max_leverage,
        &instrument.leverage_step,
    };
    cJSON *json;

    for (size_t i = 0; i < ARRAY_LEN(decimals); i++)
        *decimals[i] = DECIMAL_NONE;
    instrument.tick_size = dec("0.10");
    api_add_symbol(&out, &instrument);
    json = parsed();
    is_text(json, "tick_size", "0.10");
    is_text(json, "settle", NULL);
    is_text(json, "funding_interval_min", NULL);
    ck_assert_int_eq(cJSON_GetArraySize(json), 20);
    cJSON_Delete(json);

    buffer_clear(&out);
    api_event_status(&out, LINK_PUBLIC_LINEAR, LINK_CONNECTED, 1700000000000);
    json = parsed();
    is_text(json, "link", "public.linear");
    is_text(json, "state", "connected");
    is_number(json, "since", 1700000000000.0);
    cJSON_Delete(json);
}
END_TEST

START_TEST(a_change_of_the_guard_is_shown_whole)
{
    struct guard_state *state = calloc(1, sizeof(*state));
    cJSON *json;

    ck_assert_ptr_nonnull(state);
    state->killed = true;
    state->since_ms = 1700000000000;
    memcpy(state->reason, "too\nhot", 8);
    memcpy(state->by, "SIGUSR1", 8);
    state->rules.all.set = GUARD_BIT(GUARD_MAX_LEVERAGE);
    state->rules.all.max_leverage = dec("5");
    state->rules.clients_count = 1;
    memcpy(state->rules.clients[0].name, "bot", 4);
    api_event_guard(&out, state, "killed");
    json = parsed();
    is_text(json, "change", "killed");
    ck_assert(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "killed")));
    ck_assert(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(json, "clear")));
    is_number(json, "since", 1700000000000.0);
    is_text(json, "reason", "too\nhot");
    is_text(json, "by", "SIGUSR1");
    is_text(cJSON_GetObjectItemCaseSensitive(json, "limits"), "max_leverage", "5");
    is_text(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(json, "clients"), "bot"),
        "max_leverage", NULL);
    ck_assert(cJSON_HasObjectItem(json, "ts") && cJSON_HasObjectItem(json, "recv_at"));
    cJSON_Delete(json);

    buffer_clear(&out);
    memset(state, 0, sizeof(*state));
    api_event_guard(&out, state, "limits");
    json = parsed();
    is_text(json, "since", NULL);
    is_text(json, "reason", NULL);
    is_text(json, "by", NULL);
    cJSON_Delete(json);
    free(state);
}
END_TEST

START_TEST(text_from_outside_stays_text)
{
    struct order order = empty_order();
    cJSON *json;

    memcpy(order.cancel_reason, "a\"b\\c\n\x01\xff</script>", 18);
    api_add_order(&out, &order, NULL);
    json = parsed();
    is_text(json, "cancel_reason", "a\"b\\c\n\x01\xef\xbf\xbd</script>");
    cJSON_Delete(json);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("events");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, an_order_is_shown_whole);
    tcase_add_test(tcase, members_are_always_there_and_null_when_empty);
    tcase_add_test(tcase, what_an_order_says_beyond_its_price_is_shown);
    tcase_add_test(tcase, an_order_event_has_both_times);
    tcase_add_loop_test(tcase, a_fill_is_shown_whole, 0, (int)ARRAY_LEN(kinds));
    tcase_add_test(tcase, a_ticker_says_how_old_it_is);
    tcase_add_test(tcase, a_book_and_its_frames_have_one_shape);
    tcase_add_test(tcase, a_symbol_and_a_link_are_shown);
    tcase_add_test(tcase, a_change_of_the_guard_is_shown_whole);
    tcase_add_test(tcase, text_from_outside_stays_text);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
