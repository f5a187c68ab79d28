#include <inttypes.h>
#include <string.h>

#include <check.h>

#include "bybit/message.h"
#include "tests/fixture.h"

static void assert_decimal(const struct decimal *value, const char *shown)
{
    char text[DECIMAL_TEXT_MAX];

    ck_assert_str_eq(decimal_format(value, text), shown);
}

static const struct json *first_item(const struct json *list, struct json *item)
{
    struct json_walk walk = json_walk(list);

    ck_assert(json_next(&walk, NULL, item));
    return item;
}

/* --- frames --- */

static const struct {
    const char *fixture;
    enum frame_kind kind;
    bool ok;
    const char *req_id, *text, *topic;
    bool is_snapshot;
    int64_t ts_ms, cts_ms;
} frames[] = {
    { "ws_auth_ok", FRAME_AUTH, true, "", "", "", false, 0, 0 },
    { "ws_auth_ok_trade", FRAME_AUTH, true, "", "OK", "", false, 0, 0 },
    { "ws_auth_refused_private", FRAME_AUTH, false, "", "Params Error", "", false, 0, 0 },
    { "ws_pong_linear", FRAME_PONG, true, "", "pong", "", false, 0, 0 },
    { "ws_pong_spot", FRAME_PONG, true, "", "pong", "", false, 0, 0 },
    { "ws_pong_private", FRAME_PONG, true, "test", "", "", false, 0, 0 },
    { "ws_pong_option", FRAME_PONG, true, "", "", "", false, 0, 0 },
    { "ws_pong_trade", FRAME_PONG, true, "", "OK", "", false, 0, 0 },
    { "ws_subscribe_ok_private", FRAME_SUBSCRIBE, true, "", "", "", false, 0, 0 },
    { "ws_subscribe_ok_linear", FRAME_SUBSCRIBE, true, "", "", "", false, 0, 0 },
    { "ws_subscribe_ok_spot", FRAME_SUBSCRIBE, true, "10001", "subscribe", "", false, 0, 0 },
    { "ws_subscribe_ok_option", FRAME_SUBSCRIBE, true, "", "", "", false, 0, 0 },
    { "ws_subscribe_refused_linear", FRAME_SUBSCRIBE, false, "s-7",
      "error:handler not found,topic:orderbook.500.BTCUSDT", "", false, 0, 0 },
    { "ws_subscribe_refused_spot", FRAME_SUBSCRIBE, false, "10001", "args size >10", "", false, 0,
      0 },
    { "ws_subscribe_refused_option", FRAME_SUBSCRIBE, false, "", "", "", false, 0, 0 },
    { "ws_order_option_filled", FRAME_DATA, false, "", "", "order", false, 1672364262474, 0 },
    { "ws_execution_fast", FRAME_DATA, false, "", "", "execution.fast", false, 1716800399338, 0 },
    { "ws_position_flat", FRAME_DATA, false, "", "", "position", false, 1697682317044, 0 },
    { "ws_wallet", FRAME_DATA, false, "", "", "wallet", false, 1700034722104, 0 },
    { "ws_book_snapshot", FRAME_DATA, false, "", "", "orderbook.50.BTCUSDT", true, 1672304484978,
      1672304484976 },
    { "ws_book_delta", FRAME_DATA, false, "", "", "orderbook.50.BTCUSDT", false, 1687940967466,
      1687940967464 },
    { "ws_ticker_linear", FRAME_DATA, false, "", "", "tickers.BTCUSDT", true, 1760325052630, 0 },
    { "ws_ticker_spot", FRAME_DATA, false, "", "", "tickers.BTCUSDT", true, 1673853746003, 0 },
    { "ws_trades", FRAME_DATA, false, "", "", "publicTrade.BTCUSDT", true, 1672304486868, 0 },
    { "ws_kline", FRAME_DATA, false, "", "", "kline.5.BTCUSDT", true, 1672324988882, 0 },
};

START_TEST(frames_are_told_apart)
{
    size_t bytes;
    char *text = fixture(frames[_i].fixture, &bytes);
    struct error error = { .text = "" };
    struct frame frame;

    ck_assert_msg(message_frame(&frame, text, bytes, &error) == ERR_NONE, "%s", error.text);
    ck_assert_int_eq(frame.kind, frames[_i].kind);
    if (frame.kind != FRAME_DATA)
        ck_assert_int_eq(frame.ok, frames[_i].ok);
    ck_assert_str_eq(frame.req_id, frames[_i].req_id);
    ck_assert_str_eq(frame.text, frames[_i].text);
    ck_assert_str_eq(frame.topic, frames[_i].topic);
    ck_assert_int_eq(frame.is_snapshot, frames[_i].is_snapshot);
    ck_assert_int_eq(frame.ts_ms, frames[_i].ts_ms);
    ck_assert_int_eq(frame.cts_ms, frames[_i].cts_ms);
    free(text);
}
END_TEST

/* Text, and what the error must name. */
static const struct {
    const char *text, *why;
} bad_frames[] = {
    { "", "JSON" },
    { "[]", "not an object" },
    { "17", "not an object" },
    { "{\"topic\":\"order\"", "JSON" },
    { "{\"topic\":17,\"data\":17}", "data" },
    { "{\"topic\":\"\",\"data\":[]}", "topic" },
    { "{\"topic\":[],\"data\":[]}", "topic" },
    { "{\"topic\":\"order\"}", "data" },
    { "{\"topic\":\"order\",\"data\":null}", "data" },
    { "{\"topic\":\"order\",\"data\":[],\"ts\":\"soon\"}", "ts" },
    { "{\"topic\":\"order\",\"data\":[],\"ts\":-5}", "ts" },
    { "{\"topic\":\"order\",\"data\":[],\"cts\":1.5}", "cts" },
    { "{\"topic\":\"order\",\"data\":[],\"cs\":\"x\"}", "cs" },
    { "{\"topic\":\"order\",\"data\":[],\"creationTime\":1e3}", "creationTime" },
    { "{\"topic\":\"0123456789012345678901234567890123456789012345678901234567890123456789\","
      "\"data\":[]}",
      "topic" },
    { "{\"op\":\"auth\",\"success\":\"maybe\"}", "success" },
    { "{\"op\":\"auth\",\"success\":{}}", "success" },
};

START_TEST(an_unreadable_frame_is_refused_by_name)
{
    struct error error = { .text = "" };
    struct frame frame = { .kind = FRAME_PONG };
    const char *text = bad_frames[_i].text;

    ck_assert_int_eq(message_frame(&frame, text, strlen(text), &error), ERR_INVALID);
    ck_assert_msg(strstr(error.text, bad_frames[_i].why), "%s: %s", text, error.text);
    ck_assert_int_eq(frame.kind, FRAME_PONG); /* untouched */
}
END_TEST

START_TEST(a_frame_may_quote_its_numbers_and_cut_its_remarks)
{
    char text[1024];
    struct frame frame;
    struct error error;

    (void)strcpy(text, "{\"topic\":\"tickers.A\",\"ts\":\"123\",\"cs\":\"9\",\"data\":[{}]}");
    ck_assert_int_eq(message_frame(&frame, text, strlen(text), &error), ERR_NONE);
    ck_assert_int_eq(frame.ts_ms, 123);
    ck_assert_int_eq(frame.cs, 9);
    (void)snprintf(text, sizeof(text),
                   "{\"op\":\"subscribe\",\"success\":false,\"ret_msg\":\"%0200d\"}", 0);
    ck_assert_int_eq(message_frame(&frame, text, strlen(text), &error), ERR_NONE);
    ck_assert_uint_eq(strlen(frame.text), MESSAGE_MAX - 1);
    (void)strcpy(text, "{\"op\":\"welcome\"}");
    ck_assert_int_eq(message_frame(&frame, text, strlen(text), &error), ERR_NONE);
    ck_assert_int_eq(frame.kind, FRAME_OTHER);
}
END_TEST

/* --- orders --- */

static void read_ws_order(const char *name, struct order_report *report)
{
    size_t bytes;
    char *text = fixture(name, &bytes);
    struct error error = { .text = "" };
    struct frame frame;
    struct json item;

    ck_assert_int_eq(message_frame(&frame, text, bytes, &error), ERR_NONE);
    ck_assert_msg(message_order(report, first_item(&frame.data, &item), CATEGORY_SPOT, &error) ==
                      ERR_NONE,
                  "%s: %s", name, error.text);
    free(text);
}

START_TEST(an_order_is_read_whole)
{
    struct order_report report;

    read_ws_order("ws_order_2_partly", &report);
    ck_assert_str_eq(report.order_id, "9aac161b-8ed6-450d-9cab-c5cc67c21784");
    ck_assert_str_eq(report.link, "bridge-0001");
    ck_assert_int_eq(report.category, CATEGORY_LINEAR);
    ck_assert_str_eq(report.symbol, "BTCUSDT");
    ck_assert_int_eq(report.side, SIDE_BUY);
    ck_assert_int_eq(report.type, ORDER_TYPE_LIMIT);
    ck_assert_int_eq(report.tif, TIF_GTC);
    ck_assert_int_eq(report.status, STATUS_PARTIALLY_FILLED);
    assert_decimal(&report.qty, "0.003");
    assert_decimal(&report.price, "30000");
    assert_decimal(&report.trigger_price, "");
    assert_decimal(&report.filled_qty, "0.001");
    assert_decimal(&report.filled_value, "30");
    assert_decimal(&report.avg_price, "30000");
    ck_assert_int_eq(report.fees_count, 1);
    ck_assert_str_eq(report.fees[0].coin, "USDT");
    assert_decimal(&report.fees[0].amount, "0.0165");
    ck_assert_str_eq(report.reject_reason, "");
    ck_assert_str_eq(report.cancel_reason, "");
    ck_assert_int_eq(report.created_ms, 1700000000100);
    ck_assert_int_eq(report.updated_ms, 1700000001200);
    ck_assert(!report.reduce_only && !report.close_on_trigger && report.position_idx == 0);
}
END_TEST

START_TEST(the_other_recorded_orders_are_read)
{
    struct order_report report;

    read_ws_order("ws_order_1_new", &report);
    ck_assert_int_eq(report.status, STATUS_NEW);
    assert_decimal(&report.avg_price, "");
    assert_decimal(&report.filled_qty, "0");
    ck_assert_int_eq(report.fees_count, 0);
    read_ws_order("ws_order_3_filled", &report);
    ck_assert_int_eq(report.status, STATUS_FILLED);
    read_ws_order("ws_order_4_filled_again_late_cancel", &report);
    ck_assert_str_eq(report.cancel_reason, "CancelByUser");
    ck_assert_str_eq(report.reject_reason, "EC_OrigClOrdIDDoesNotExist");
    read_ws_order("ws_order_cancelled_with_fill", &report);
    ck_assert_int_eq(report.status, STATUS_CANCELLED);
    assert_decimal(&report.filled_qty, "0.001");
    read_ws_order("ws_order_postonly_cancelled", &report);
    ck_assert_int_eq(report.tif, TIF_POST_ONLY);
    ck_assert_str_eq(report.reject_reason, "EC_PostOnlyWillTakeLiquidity");
    read_ws_order("ws_order_option_filled", &report);
    ck_assert_int_eq(report.category, CATEGORY_OPTION);
    ck_assert_int_eq(report.type, ORDER_TYPE_MARKET);
    ck_assert_str_eq(report.fees[0].coin, "MNT");
    assert_decimal(&report.fees[0].amount, "0.00242968");
}
END_TEST

static void read_rest_order(const char *name, struct order_report *report)
{
    size_t bytes;
    char *text = fixture(name, &bytes);
    struct error error = { .text = "" };
    struct envelope envelope;
    struct json list;
    struct json item;

    ck_assert_int_eq(message_envelope(&envelope, text, bytes, &error), ERR_NONE);
    ck_assert(json_member(&envelope.result, "list", &list));
    ck_assert_msg(message_order(report, first_item(&list, &item), CATEGORY_LINEAR, &error) ==
                      ERR_NONE,
                  "%s", error.text);
    free(text);
}

START_TEST(orders_of_rest_lists_are_read)
{
    struct order_report report;

    read_rest_order("rest_orders_open", &report);
    ck_assert_int_eq(report.category, CATEGORY_LINEAR);
    ck_assert_int_eq(report.position_idx, 1);
    assert_decimal(&report.qty, "0.10");
    assert_decimal(&report.avg_price, "");
    assert_decimal(&report.trigger_price, "");
    read_rest_order("rest_orders_history", &report);
    ck_assert_int_eq(report.status, STATUS_CANCELLED);
    ck_assert_str_eq(report.cancel_reason, "");
}
END_TEST

#define ORDER                                                                                      \
    "\"orderId\":\"1\",\"symbol\":\"A\",\"side\":\"Buy\",\"orderStatus\":\"New\",\"qty\":\"1\","   \
    "\"cumExecQty\":\"0\""

/* Members that come before those of ORDER (the first one counts), and what the error names; NULL:
 * it is read. */
static const struct {
    const char *members, *why;
} orders[] = {
    { "", NULL },
    { "\"isLeverage\":\"\",\"leavesQty\":\"x\"", NULL }, /* not read at all */
    { "\"orderId\":\"\"", "orderId" },
    { "\"orderId\":null", "orderId" },
    { "\"orderId\":[1]", "orderId" },
    { "\"orderId\":\"0123456789012345678901234567890123456789012345678901234567890\"", "orderId" },
    { "\"orderId\":1321003749386327552", NULL },
    { "\"orderLinkId\":\"0123456789012345678901234567890123456\"", NULL }, /* a spread's */
    { "\"orderLinkId\":[]", "orderLinkId" },
    { "\"orderLinkId\":\"012345678901234567890123456789012345\"", NULL },
    { "\"category\":\"spread\"", "category" },
    { "\"category\":true", "category" },
    { "\"symbol\":\"\"", "symbol" },
    { "\"side\":\"Hold\"", "side" },
    { "\"side\":\"\"", "side" },
    { "\"orderStatus\":\"\"", "orderStatus" },
    { "\"orderStatus\":\"Frozen\"", NULL }, /* new words come: treated as open */
    { "\"qty\":\"1e2\"", NULL },            /* as machines write numbers */
    { "\"qty\":\"1e\"", "qty" },
    { "\"qty\":\"-1\"", "qty" },
    { "\"qty\":true", "qty" },
    { "\"qty\":0.003", NULL },
    { "\"cumExecQty\":\"NaN\"", "cumExecQty" },
    { "\"cumExecQty\":\"\"", NULL },
    { "\"cumExecQty\":\"-0.1\"", "cumExecQty" },
    /* Both follow from the fills: no order is lost for want of them. */
    { "\"cumExecValue\":\"many\"", NULL },
    { "\"avgPrice\":\"3.3333333333333333333333333333333333333333\"", NULL },
    { "\"price\":{}", "price" },
    { "\"cumFeeDetail\":[]", "cumFeeDetail" },
    { "\"cumFeeDetail\":{\"USDT\":\"1e-8\"}", NULL },
    { "\"cumFeeDetail\":{\"USDT\":\"1e-99\"}", "cumFeeDetail" },
    { "\"cumFeeDetail\":{\"A_COIN_WITH_A_LONG_NAME\":\"1\"}", "cumFeeDetail" },
    { "\"cumFeeDetail\":\"\"", NULL },
    { "\"cumFeeDetail\":null", NULL },
    { "\"cumFeeDetail\":{\"A\":\"1\",\"B\":\"2\",\"C\":\"3\",\"D\":\"4\",\"E\":\"5\"}", NULL },
    { "\"reduceOnly\":\"yes\"", "reduceOnly" },
    { "\"reduceOnly\":\"true\"", NULL },
    { "\"closeOnTrigger\":1", NULL },
    { "\"closeOnTrigger\":2", "closeOnTrigger" },
    { "\"positionIdx\":\"2\"", NULL },
    { "\"positionIdx\":3", "positionIdx" },
    { "\"positionIdx\":4294967297", "positionIdx" },
    { "\"updatedTime\":\"yesterday\"", "updatedTime" },
    { "\"updatedTime\":\"-1\"", "updatedTime" },
    { "\"createdTime\":99999999999999999999", "createdTime" },
};

static enum err read_order_text(const char *members, struct order_report *report,
                                struct error *error)
{
    char text[1024];
    struct json item;

    (void)snprintf(text, sizeof(text), "{%s%s%s}", members, members[0] ? "," : "", ORDER);
    ck_assert_int_eq(json_open_trusted(&item, text, strlen(text), NULL), ERR_NONE);
    return message_order(report, &item, CATEGORY_LINEAR, error);
}

START_TEST(an_order_is_read_or_refused_by_name)
{
    struct error error = { .text = "" };
    struct order_report report;
    enum err err = read_order_text(orders[_i].members, &report, &error);

    ck_assert_msg((err == ERR_NONE) == (orders[_i].why == NULL), "%s: %s", orders[_i].members,
                  error.text);
    if (err) {
        ck_assert_int_eq(err, ERR_INVALID);
        ck_assert_msg(strstr(error.text, orders[_i].why), "%s: %s", orders[_i].members, error.text);
    }
}
END_TEST

/* Those of spreads may be longer than ours can be: nobody here can mean it. */
START_TEST(a_link_that_is_too_long_is_none_of_ours)
{
    struct order_report report;

    ck_assert_int_eq(
        read_order_text("\"orderLinkId\":\"0123456789012345678901234567890123456789abcde\"",
                        &report, NULL),
        ERR_NONE);
    ck_assert_str_eq(report.link, "");
}
END_TEST

START_TEST(an_order_lacks_none_of_its_needed_members)
{
    static const char *const needed[] = { "orderId",     "symbol", "side",
                                          "orderStatus", "qty",    "cumExecQty" };

    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        char text[512];
        char quoted[32];
        struct error error = { .text = "" };
        struct order_report report;
        struct json item;

        (void)snprintf(text, sizeof(text), "{%s}", ORDER);
        (void)snprintf(quoted, sizeof(quoted), "\"%s\"", needed[i]);
        strstr(text, quoted)[1] = '_';
        ck_assert_int_eq(json_open_trusted(&item, text, strlen(text), NULL), ERR_NONE);
        ck_assert_int_eq(message_order(&report, &item, CATEGORY_SPOT, &error), ERR_INVALID);
        ck_assert_msg(strstr(error.text, needed[i]), "%s", error.text);
    }
}
END_TEST

START_TEST(fees_come_from_the_detail_or_from_the_old_pair)
{
    struct order_report report;

    ck_assert(!read_order_text("\"cumFeeDetail\":{\"BTC\":\"0.1\",\"MNT\":\"-0.2\",\"X\":\"0\"},"
                               "\"cumExecFee\":\"9\",\"feeCurrency\":\"USDT\"",
                               &report, NULL));
    ck_assert_int_eq(report.fees_count, 2);
    assert_decimal(&report.fees[1].amount, "-0.2");
    ck_assert(!read_order_text("\"cumExecFee\":\"9\",\"feeCurrency\":\"USDT\"", &report, NULL));
    ck_assert_int_eq(report.fees_count, 0); /* retired for linear */
    ck_assert(!read_order_text(
        "\"category\":\"inverse\",\"cumExecFee\":\"0.5\",\"feeCurrency\":\"BTC\"", &report, NULL));
    ck_assert_int_eq(report.fees_count, 1);
    ck_assert_str_eq(report.fees[0].coin, "BTC");
}
END_TEST

/* --- fills --- */

START_TEST(fills_of_a_frame_are_read)
{
    size_t bytes;
    char *text = fixture("ws_execution_two_fills_one_frame", &bytes);
    struct frame frame;
    struct json_walk walk;
    struct json item;
    struct fill fill;
    int count = 0;

    ck_assert_int_eq(message_frame(&frame, text, bytes, NULL), ERR_NONE);
    walk = json_walk(&frame.data);
    while (json_next(&walk, NULL, &item)) {
        ck_assert_int_eq(message_fill(&fill, &item, CATEGORY_SPOT, NULL), ERR_NONE);
        count++;
    }
    ck_assert_int_eq(count, 2);
    ck_assert_str_eq(fill.exec_id, "0ab1bdf7-4219-438b-b30a-32ec863018f8");
    ck_assert_str_eq(fill.order_id, "9aac161b-8ed6-450d-9cab-c5cc67c21784");
    ck_assert_str_eq(fill.link, "bridge-0001");
    ck_assert_int_eq(fill.category, CATEGORY_LINEAR);
    ck_assert_int_eq(fill.side, SIDE_BUY);
    assert_decimal(&fill.qty, "0.001");
    assert_decimal(&fill.price, "30000");
    assert_decimal(&fill.value, "30.0");
    assert_decimal(&fill.fee, "0.0165");
    ck_assert_str_eq(fill.fee_coin, "USDT");
    ck_assert(!fill.maker);
    ck_assert_int_eq(fill.kind, FILL_TRADE);
    ck_assert_int_eq(fill.at_ms, 1700000002300);
    ck_assert_int_eq(fill.exchange_seq, 140612148849382);
    free(text);
}
END_TEST

START_TEST(the_other_recorded_fills_are_read)
{
    static const struct {
        const char *name, *fee;
        bool maker;
    } cases[] = { { "ws_execution_linear_extra_fees", "26.3725275", false },
                  { "ws_execution_fast", "", false },
                  { "ws_execution_fast_same_fill", "", true } };
    struct fill fill;
    struct json item;
    struct json list;
    struct envelope envelope;
    size_t bytes;
    char *text;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct frame frame;

        text = fixture(cases[i].name, &bytes);
        ck_assert_int_eq(message_frame(&frame, text, bytes, NULL), ERR_NONE);
        ck_assert_int_eq(message_fill(&fill, first_item(&frame.data, &item), CATEGORY_SPOT, NULL),
                         ERR_NONE);
        assert_decimal(&fill.fee, cases[i].fee);
        ck_assert_int_eq(fill.maker, cases[i].maker);
        ck_assert_int_eq(fill.kind, FILL_TRADE);
        free(text);
    }
    text = fixture("rest_executions", &bytes);
    ck_assert_int_eq(message_envelope(&envelope, text, bytes, NULL), ERR_NONE);
    ck_assert(json_member(&envelope.result, "list", &list));
    ck_assert_int_eq(message_fill(&fill, first_item(&list, &item), CATEGORY_LINEAR, NULL),
                     ERR_NONE);
    assert_decimal(&fill.closed_qty, "");
    free(text);
}
END_TEST

#define FILL                                                                                       \
    "\"execId\":\"e\",\"orderId\":\"1\",\"symbol\":\"A\",\"side\":\"Buy\",\"execQty\":\"1\","      \
    "\"execPrice\":\"2\",\"execTime\":\"3\""

static const struct {
    const char *members, *why;
} fills[] = {
    { "", NULL },
    { "\"execId\":\"\"", "execId" },
    { "\"orderId\":\"\"", "orderId" },
    { "\"orderId\":\"\",\"execType\":\"Funding\",\"side\":\"\"", NULL },
    { "\"orderId\":\"\",\"execType\":\"Delivery\"", NULL },
    { "\"orderId\":\"\",\"execType\":\"Settle\"", NULL },
    { "\"execPrice\":\"0\",\"execType\":\"Delivery\"", NULL },
    { "\"execPrice\":\"\",\"execType\":\"Delivery\"", "execPrice" },
    { "\"orderId\":\"\",\"execType\":\"\"", "orderId" }, /* a trade */
    { "\"execType\":\"CorporateAction\",\"orderId\":\"\",\"execPrice\":\"\"", NULL },
    { "\"execType\":\"CorporateAction\",\"execQty\":\"-1\"", NULL },
    { "\"execType\":\"Delivery\",\"orderId\":\"\"", NULL }, /* of a position, not of an order */
    { "\"execType\":\"Delivery\",\"execQty\":\"\"", "execQty" },
    { "\"execType\":\"BustTrade\",\"orderId\":\"\"", NULL }, /* nor are these of one */
    { "\"execType\":\"AdlTrade\",\"orderId\":\"\"", NULL },
    { "\"execType\":\"Trade\",\"orderId\":\"\"", "orderId" },
    { "\"execType\":\"FutureSpread\",\"orderId\":\"\"", NULL }, /* a leg has none */
    { "\"execType\":\"BlockTrade\",\"orderId\":\"\"", NULL },
    { "\"orderLinkId\":\"0123456789012345678901234567890123456789abcde\"", NULL },
    { "\"symbol\":null", "symbol" },
    { "\"side\":\"\"", "side" },
    { "\"side\":\"x\",\"execType\":\"Funding\"", "side" },
    { "\"execQty\":\"\"", "execQty" },
    { "\"execQty\":\"-1\"", "execQty" },
    { "\"execPrice\":\"\"", "execPrice" },
    { "\"execPrice\":\"1.\"", "execPrice" },
    { "\"execFee\":\"x\"", "execFee" },
    { "\"execFee\":\"-0.01\"", NULL },
    { "\"execFee\":\"-1E-7\"", NULL },
    { "\"execQty\":\"1.0000000000000000000000000000000000000000\"", NULL },
    { "\"execQty\":\"1.0000000000000000000000000000000000000001\"", "execQty" },
    { "\"execValue\":\"1.0000000000000000000000000000000000000001\"", NULL },
    { "\"execTime\":\"\"", "execTime" },
    { "\"execTime\":0", "execTime" },
    { "\"isMaker\":\"perhaps\"", "isMaker" },
    { "\"seq\":\"-1\"", NULL },
    { "\"seq\":1.5", "seq" },
    { "\"closedSize\":\"x\"", "closedSize" },
    { "\"category\":\"spread\"", "category" },
};

START_TEST(a_fill_is_read_or_refused_by_name)
{
    char text[1024];
    struct error error = { .text = "" };
    struct fill fill;
    struct json item;
    enum err err;

    (void)snprintf(text, sizeof(text), "{%s%s%s}", fills[_i].members,
                   fills[_i].members[0] ? "," : "", FILL);
    ck_assert_int_eq(json_open_trusted(&item, text, strlen(text), NULL), ERR_NONE);
    err = message_fill(&fill, &item, CATEGORY_LINEAR, &error);
    ck_assert_msg((err == ERR_NONE) == (fills[_i].why == NULL), "%s: %s", text, error.text);
    if (err)
        ck_assert_msg(strstr(error.text, fills[_i].why), "%s: %s", text, error.text);
}
END_TEST

/* What pays for a position, and what is no trade, may lack what a trade has: else one such row
 * would keep a whole list from being read, for ever. */
START_TEST(what_is_no_trade_needs_no_size)
{
    static const char *const kinds[] = { "Funding", "CorporateAction" };
    char text[400];
    struct fill fill;
    struct json item;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        (void)snprintf(
            text, sizeof(text),
            "{\"execId\":\"e\",\"symbol\":\"A\",\"execType\":\"%s\",\"execFee\":\"1E-7\","
            "\"execTime\":\"3\"}",
            kinds[i]);
        ck_assert_int_eq(json_open_trusted(&item, text, strlen(text), NULL), ERR_NONE);
        ck_assert_int_eq(message_fill(&fill, &item, CATEGORY_LINEAR, NULL), ERR_NONE);
        ck_assert(decimal_is_none(&fill.qty));
        assert_decimal(&fill.fee, "0.0000001");
    }
}
END_TEST

/* --- envelopes --- */

START_TEST(envelopes_are_read)
{
    static const struct {
        const char *name;
        int code;
        const char *message;
    } cases[] = {
        { "rest_order_create", 0, "OK" },
        { "rest_error_duplicate_link_id", 110072, "OrderLinkedID is duplicate" },
        { "rest_error_rate_limit", 10006, "Too many visits!" },
        { "rest_empty_list", 0, "OK" },
        { "rest_batch_partial", 0, "OK" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t bytes;
        char *text = fixture(cases[i].name, &bytes);
        struct envelope envelope;

        ck_assert_int_eq(message_envelope(&envelope, text, bytes, NULL), ERR_NONE);
        ck_assert_int_eq(envelope.ret_code, cases[i].code);
        ck_assert_str_eq(envelope.ret_msg, cases[i].message);
        ck_assert_int_gt(envelope.time_ms, 0);
        ck_assert_int_eq(envelope.result.type, JSON_OBJECT);
        free(text);
    }
}
END_TEST

START_TEST(what_is_no_envelope_is_refused)
{
    static const char *const texts[] = { "",
                                         "null",
                                         "[]",
                                         "<html>",
                                         "{}",
                                         "{\"retCode\":\"x\"}",
                                         "{\"retCode\":null}",
                                         "{\"retCode\":99999999999}",
                                         "{\"retCode\":0.5}",
                                         "{\"retCode\":0}{}",
                                         "{\"retCode\":0,\"time\":\"noon\"}" };
    struct envelope envelope;
    struct error error;
    const char *text = "{\"ret_code\":\"0\",\"ret_msg\":\"fine\",\"result\":null}";

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        ck_assert_int_eq(message_envelope(&envelope, texts[i], strlen(texts[i]), &error),
                         ERR_INVALID);
    ck_assert_int_eq(message_envelope(&envelope, text, strlen(text), &error), ERR_NONE);
    ck_assert_str_eq(envelope.ret_msg, "fine");
    ck_assert_int_eq(envelope.time_ms, 0);
}
END_TEST

START_TEST(an_ack_gives_both_ids)
{
    size_t bytes;
    char *text = fixture("rest_order_create", &bytes);
    struct envelope envelope;
    char id[ORDER_ID_MAX];
    char link[ORDER_LINK_MAX];

    ck_assert_int_eq(message_envelope(&envelope, text, bytes, NULL), ERR_NONE);
    message_order_ack(&envelope.result, id, link);
    ck_assert_str_eq(id, "1321003749386327552");
    ck_assert_str_eq(link, "spot-test-postonly");
    envelope.result.type = JSON_NONE;
    message_order_ack(&envelope.result, id, link);
    ck_assert_str_eq(id, "");
    ck_assert_str_eq(link, "");
    free(text);
}
END_TEST

/* Cut, flipped and shuffled bytes of real payloads: any answer but a crash. */
START_TEST(mangled_frames_do_no_harm)
{
    static const char *const names[] = { "ws_order_option_filled",
                                         "ws_execution_two_fills_one_frame", "ws_book_delta",
                                         "ws_subscribe_ok_option" };
    uint32_t random = 12345;

    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        size_t bytes;
        char *text = fixture(names[n], &bytes);

        for (int round = 0; round < 5000; round++) {
            char *copy = malloc(bytes);
            size_t used = bytes;
            struct frame frame;
            struct json item;
            struct order_report order;
            struct fill fill;

            memcpy(copy, text, bytes);
            for (int i = 0; i < 1 + round % 4; i++) {
                random = random * 1664525U + 1013904223U;
                copy[(random >> 8) % bytes] = "\"{}[],:0\\x\xff\n"[(random >> 4) % 12];
            }
            if (round % 5 == 0)
                used = (random >> 10) % bytes;
            if (!message_frame(&frame, copy, used, NULL) && frame.kind == FRAME_DATA) {
                struct json_walk walk = json_walk(&frame.data);

                while (json_next(&walk, NULL, &item)) {
                    if (!message_order(&order, &item, CATEGORY_SPOT, NULL))
                        ck_assert(order.order_id[0] && order.symbol[0]);
                    if (!message_fill(&fill, &item, CATEGORY_SPOT, NULL))
                        ck_assert(fill.exec_id[0]);
                }
            }
            free(copy);
        }
        free(text);
    }
}
END_TEST

/* --- stops --- */

static struct order_report order_of(const char *side, const char *more)
{
    char text[1024];
    struct order_report report;
    struct error error = { .text = "" };
    struct json item;

    (void)snprintf(text, sizeof(text),
                   "{\"orderId\":\"1\",\"symbol\":\"BTCUSDT\",\"side\":\"%s\",\"orderStatus\":"
                   "\"Untriggered\",\"qty\":\"1\",\"cumExecQty\":\"0\"%s}",
                   side, more);
    ck_assert_int_eq(json_open(&item, text, strlen(text), &error), ERR_NONE);
    ck_assert_msg(message_order(&report, &item, CATEGORY_LINEAR, &error) == ERR_NONE, "%s",
                  error.text);
    return report;
}

static struct order_report order_with(const char *more)
{
    return order_of("Sell", more);
}

START_TEST(an_order_tells_its_stops_and_its_parent)
{
    struct order_report report =
        order_with(",\"takeProfit\":\"31000.50\",\"stopLoss\":\"29000\",\"triggerBy\":"
                   "\"MarkPrice\",\"parentOrderLinkId\":\"bridge-0001\",\"stopOrderType\":"
                   "\"TakeProfit\"");

    assert_decimal(&report.take_profit, "31000.50");
    assert_decimal(&report.stop_loss, "29000");
    ck_assert_int_eq(report.trigger_by, TRIGGER_BY_MARK);
    ck_assert_str_eq(report.parent_link, "bridge-0001");
    ck_assert_str_eq(report.stop_type, "TakeProfit");
    report = order_with(",\"takeProfit\":\"0.00\",\"stopLoss\":\"\",\"triggerBy\":\"UNKNOWN\","
                        "\"stopOrderType\":\"UNKNOWN\"");
    assert_decimal(&report.take_profit, "0");
    assert_decimal(&report.stop_loss, "0");
    ck_assert_int_eq(report.trigger_by, TRIGGER_BY_NONE);
    ck_assert_str_eq(report.parent_link, "");
    ck_assert_str_eq(report.stop_type, "");
}
END_TEST

/* Where it does not say, a buy counts quote coin and a sell base coin (section 9). */
START_TEST(a_spot_market_order_tells_what_its_size_counts)
{
    static const struct {
        const char *category, *type, *side, *unit;
        bool in_quote, told;
    } cases[] = { { "spot", "Market", "Sell", "quoteCoin", true, true },
                  { "spot", "Market", "Sell", "baseCoin", false, true },
                  { "spot", "Market", "Sell", "", false, false },
                  { "spot", "Market", "Buy", "quoteCoin", true, true },
                  { "spot", "Market", "Buy", "baseCoin", false, true },
                  { "spot", "Market", "Buy", "", true, false },
                  { "spot", "Limit", "Buy", "", false, false },
                  { "spot", "Limit", "Sell", "quoteCoin", false, false },
                  { "linear", "Market", "Buy", "", false, false },
                  { "linear", "Market", "Sell", "quoteCoin", false, false } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char more[120];

        (void)snprintf(more, sizeof(more),
                       ",\"category\":\"%s\",\"orderType\":\"%s\",\"marketUnit\":\"%s\"",
                       cases[i].category, cases[i].type, cases[i].unit);
        ck_assert_msg(order_of(cases[i].side, more).qty_in_quote == cases[i].in_quote, "%s %s",
                      cases[i].side, more);
        ck_assert_msg(order_of(cases[i].side, more).unit_told == cases[i].told, "%s %s",
                      cases[i].side, more);
    }
    ck_assert(order_of("Buy", ",\"category\":\"spot\",\"orderType\":\"Market\"").qty_in_quote);
    ck_assert(!order_with("").qty_in_quote);
}
END_TEST

/* An order's fate does not hang on them. */
START_TEST(stops_that_are_not_understood_count_as_not_told)
{
    struct order_report report = order_with(
        ",\"takeProfit\":\"soon\",\"stopLoss\":[],\"triggerBy\":{},\"parentOrderLinkId\":"
        "\"0123456789012345678901234567890123456789\",\"stopOrderType\":"
        "\"AVeryLongWordThatNobodyKnowsOf\"");

    ck_assert(decimal_is_none(&report.take_profit));
    ck_assert(decimal_is_none(&report.stop_loss));
    ck_assert_int_eq(report.trigger_by, TRIGGER_BY_NONE);
    ck_assert_str_eq(report.parent_link, "");
    ck_assert_uint_eq(strlen(report.stop_type), sizeof(report.stop_type) - 1);
    report = order_with(",\"takeProfit\":\"-5\",\"stopLoss\":null");
    ck_assert(decimal_is_none(&report.take_profit));
    ck_assert(decimal_is_none(&report.stop_loss));
    report = order_with("");
    ck_assert(decimal_is_none(&report.take_profit));
    ck_assert(decimal_is_none(&report.stop_loss));
}
END_TEST

/* --- batches --- */

static bool read_batch(struct batch_ack acks[3], const char *body)
{
    struct envelope envelope;

    ck_assert_int_eq(message_envelope(&envelope, body, strlen(body), NULL), ERR_NONE);
    return message_batch_acks(&envelope, acks, 3);
}

START_TEST(a_batch_is_answered_by_place)
{
    struct batch_ack acks[3];

    ck_assert(read_batch(
        acks,
        "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":{\"list\":[{\"orderId\":\"a\","
        "\"orderLinkId\":\"l1\"},{\"orderId\":\"\",\"orderLinkId\":\"l2\"},{\"orderId\":"
        "\"c\",\"orderLinkId\":\"l3\"}]},\"retExtInfo\":{\"list\":[{\"code\":0,\"msg\":\"OK\"}"
        ",{\"code\":170131,\"msg\":\"Insufficient balance.\"},{\"code\":\"0\"}]}}"));
    ck_assert_str_eq(acks[0].order_id, "a");
    ck_assert_int_eq(acks[0].code, 0);
    ck_assert(acks[1].has_result && acks[1].has_code);
    ck_assert_int_eq(acks[1].code, 170131);
    ck_assert_str_eq(acks[1].msg, "Insufficient balance.");
    ck_assert_str_eq(acks[1].order_id, "");
    ck_assert_str_eq(acks[1].link, "l2");
    ck_assert_str_eq(acks[2].order_id, "c");
    ck_assert(acks[2].has_code);
}
END_TEST

START_TEST(a_batch_that_lacks_something_says_so)
{
    struct batch_ack acks[3];

    ck_assert(!read_batch(acks, "{\"retCode\":0,\"result\":{\"list\":[{\"orderId\":\"a\"},17]},"
                                "\"retExtInfo\":{\"list\":[{\"code\":0},{\"msg\":\"x\"},{\"code\":"
                                "4000000000000}]}}"));
    ck_assert(acks[0].has_result && acks[0].has_code);
    ck_assert(!acks[1].has_result && !acks[1].has_code);
    ck_assert(!acks[2].has_result && !acks[2].has_code);
    ck_assert(!read_batch(acks, "{\"retCode\":0,\"result\":{},\"retExtInfo\":{}}"));
    ck_assert(!read_batch(acks, "{\"retCode\":0,\"result\":[],\"retExtInfo\":{\"list\":{}}}"));
    ck_assert(!read_batch(acks, "{\"retCode\":10001}"));
    ck_assert(!acks[0].has_result && !acks[0].has_code);
    /* More than was asked for. */
    ck_assert(!read_batch(acks,
                          "{\"retCode\":0,\"result\":{\"list\":[{},{},{},{}]},\"retExtInfo\":"
                          "{\"list\":[{\"code\":0},{\"code\":0},{\"code\":0},{\"code\":0}]}}"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_loop_test(tcase, frames_are_told_apart, 0, ARRAY_LEN(frames));
    tcase_add_loop_test(tcase, an_unreadable_frame_is_refused_by_name, 0, ARRAY_LEN(bad_frames));
    tcase_add_test(tcase, a_frame_may_quote_its_numbers_and_cut_its_remarks);
    tcase_add_test(tcase, an_order_is_read_whole);
    tcase_add_test(tcase, the_other_recorded_orders_are_read);
    tcase_add_test(tcase, orders_of_rest_lists_are_read);
    tcase_add_loop_test(tcase, an_order_is_read_or_refused_by_name, 0, ARRAY_LEN(orders));
    tcase_add_test(tcase, a_link_that_is_too_long_is_none_of_ours);
    tcase_add_test(tcase, an_order_lacks_none_of_its_needed_members);
    tcase_add_test(tcase, fees_come_from_the_detail_or_from_the_old_pair);
    tcase_add_test(tcase, fills_of_a_frame_are_read);
    tcase_add_test(tcase, the_other_recorded_fills_are_read);
    tcase_add_test(tcase, what_is_no_trade_needs_no_size);
    tcase_add_loop_test(tcase, a_fill_is_read_or_refused_by_name, 0, ARRAY_LEN(fills));
    tcase_add_test(tcase, envelopes_are_read);
    tcase_add_test(tcase, what_is_no_envelope_is_refused);
    tcase_add_test(tcase, an_ack_gives_both_ids);
    tcase_add_test(tcase, an_order_tells_its_stops_and_its_parent);
    tcase_add_test(tcase, a_spot_market_order_tells_what_its_size_counts);
    tcase_add_test(tcase, stops_that_are_not_understood_count_as_not_told);
    tcase_add_test(tcase, a_batch_is_answered_by_place);
    tcase_add_test(tcase, a_batch_that_lacks_something_says_so);
    tcase_add_test(tcase, mangled_frames_do_no_harm);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
