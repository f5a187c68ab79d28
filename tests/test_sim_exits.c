/* Take profit, stop loss and trailing stop: attached to orders, set for positions, and how they go
 * with them. */
#include "base/text.h"
#include "test_sim_trade.h"

#define CREATE "/v5/order/create"
#define AMEND  "/v5/order/amend"
#define STOP   "/v5/position/trading-stop"

static int set_stop(const char *members)
{
    return post(STOP, "{'category':'linear','symbol':'BTCUSDT','positionIdx':0,%s}", members);
}

static void buy_market(const char *qty)
{
    accept_order("'side':'Buy','orderType':'Market','qty':'%s'", qty);
}

/* Waiting orders of linear BTCUSDT; the list is kept. */
static int waiting(void)
{
    return rows("/v5/order/realtime", "category=linear&symbol=BTCUSDT&orderFilter=StopOrder");
}

/* A member of the first order in the kept list with that stopOrderType, NULL: there is none. */
static const char *of_type(const char *type, const char *name)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, at("result.list"))
    {
        const char *is = cJSON_GetStringValue(cJSON_GetObjectItem(item, "stopOrderType"));

        if (is && strcmp(is, type) == 0)
            return cJSON_GetStringValue(cJSON_GetObjectItem(item, name));
    }
    return NULL;
}

static const char *position_member(const char *name)
{
    char path[64];

    ck_assert_int_eq(rows("/v5/position/list", "category=linear&symbol=BTCUSDT"), 1);
    (void)snprintf(path, sizeof(path), "result.list.0.%s", name);
    return text_at(path);
}

/* --- attached --- */

static const struct {
    const char *body;
    int code;
} refused[] = {
    { "'takeProfit':'89000'", 10001 },
    { "'stopLoss':'91000'", 10001 },
    { "'takeProfit':'95000','tpslMode':'Half'", 10001 },
    { "'takeProfit':'95000','tpOrderType':'Limit','tpLimitPrice':'94000'", 10001 },
    { "'takeProfit':'95000','tpLimitPrice':'94000','tpslMode':'Partial'", 10001 },
    { "'takeProfit':'95000','tpTriggerBy':'MidPrice'", 10001 },
    { "'takeProfit':'95000','reduceOnly':true", 110057 },
    { "'takeProfit':'95000.01'", 10001 },
    { "'takeProfit':95000", 10001 },
};

START_TEST(exits_that_cannot_be_are_refused)
{
    int code = post(CREATE,
                    "{'category':'linear','symbol':'BTCUSDT','side':'Buy','orderType':'Limit',"
                    "'qty':'0.01','price':'90000',%s}",
                    refused[_i].body);

    ck_assert_msg(code == refused[_i].code, "%s: %d %s", refused[_i].body, code, text_at("retMsg"));
}
END_TEST

START_TEST(those_of_the_whole_position_are_made_by_the_first_fill)
{
    accept_order("'side':'Buy','orderType':'Limit','qty':'0.5','price':'93000.3',"
                 "'takeProfit':'95000','stopLoss':'91000','slTriggerBy':'MarkPrice',"
                 "'orderLinkId':'parent'");
    ck_assert_str_eq(order_member("linear", "parent", "takeProfit"), "95000.00");
    ck_assert_str_eq(text_at("result.list.0.tpslMode"), "Full");
    ck_assert_str_eq(text_at("result.list.0.slTriggerBy"), "MarkPrice");
    ck_assert_int_eq(waiting(), 0);
    accept_order("'side':'Sell','orderType':'Limit','timeInForce':'IOC','qty':'0.2',"
                 "'price':'93000.3'"); /* both sides: flat again */
    ck_assert_int_eq(waiting(), 0);
    jump("BTCUSDT", "92900"); /* the rest fills */
    ck_assert_int_eq(waiting(), 2);
    ck_assert_str_eq(of_type("TakeProfit", "qty"), "0.300");
    ck_assert_str_eq(of_type("TakeProfit", "triggerPrice"), "95000.00");
    ck_assert_str_eq(of_type("TakeProfit", "parentOrderLinkId"), "parent");
    ck_assert_str_eq(of_type("TakeProfit", "createType"), "CreateByTakeProfit");
    ck_assert_str_eq(of_type("TakeProfit", "side"), "Sell");
    ck_assert_str_eq(of_type("StopLoss", "triggerBy"), "MarkPrice");
    ck_assert_str_eq(position_member("takeProfit"), "95000.00");
    ck_assert_str_eq(text_at("result.list.0.stopLoss"), "91000.00");
}
END_TEST

START_TEST(a_stop_loss_closes_and_the_other_goes_with_the_position)
{
    int stream = listen_to("order");

    accept_order("'side':'Buy','orderType':'Market','qty':'0.1','takeProfit':'95000',"
                 "'stopLoss':'91000'");
    buy_market("0.2"); /* they follow */
    ck_assert_int_eq(waiting(), 2);
    ck_assert_str_eq(of_type("StopLoss", "qty"), "0.300");
    jump("BTCUSDT", "90990");
    await_order(stream, "stopOrderType", "StopLoss", "Triggered");
    await_order(stream, "stopOrderType", "TakeProfit", "Deactivated");
    ck_assert_str_eq(text_at("found.cancelType"), "CancelByTpSlTsClear");
    await_order(stream, "stopOrderType", "StopLoss", "Filled");
    ck_assert_str_eq(text_at("found.cumExecQty"), "0.300");
    ck_assert_int_eq(waiting(), 0);
    ck_assert_str_eq(position_member("size"), "0.000");
    ck_assert_str_eq(text_at("result.list.0.takeProfit"), "");
    (void)close(stream);
}
END_TEST

START_TEST(partial_ones_have_the_size_of_their_order_and_cancel_each_other)
{
    int stream = listen_to("order");

    buy_market("0.2");
    accept_order("'side':'Buy','orderType':'Market','qty':'0.1','takeProfit':'95000',"
                 "'stopLoss':'91000','tpslMode':'Partial','tpOrderType':'Limit',"
                 "'tpLimitPrice':'94900','orderLinkId':'parent'");
    ck_assert_int_eq(waiting(), 2);
    ck_assert_str_eq(of_type("PartialTakeProfit", "qty"), "0.100");
    ck_assert_str_eq(of_type("PartialTakeProfit", "orderType"), "Limit");
    ck_assert_str_eq(of_type("PartialTakeProfit", "price"), "94900.00");
    ck_assert_str_eq(of_type("PartialStopLoss", "orderType"), "Market");
    ck_assert_str_eq(of_type("PartialStopLoss", "parentOrderLinkId"), "parent");
    ck_assert_str_eq(position_member("takeProfit"), "");
    jump("BTCUSDT", "95010");
    await_order(stream, "stopOrderType", "PartialTakeProfit", "Triggered");
    await_order(stream, "stopOrderType", "PartialStopLoss", "Deactivated");
    ck_assert_str_eq(text_at("found.cancelType"), "CancelByOCOSlCanceledByTpTriggered");
    await_order(stream, "stopOrderType", "PartialTakeProfit", "Filled");
    ck_assert_str_eq(position_member("size"), "0.200");
    (void)close(stream);
}
END_TEST

START_TEST(partial_ones_grow_with_the_fills)
{
    accept_order("'side':'Buy','orderType':'Limit','qty':'5','price':'93000.5',"
                 "'stopLoss':'91000','tpslMode':'Partial','orderLinkId':'parent'");
    ck_assert_str_eq(status_of("parent"), "PartiallyFilled");
    ck_assert_int_eq(waiting(), 1);
    jump("BTCUSDT", "92900");
    ck_assert_int_eq(waiting(), 1);
    ck_assert_str_eq(of_type("PartialStopLoss", "qty"), "5.000");
}
END_TEST

START_TEST(an_amend_changes_sets_and_removes_them)
{
    accept_order("'side':'Buy','orderType':'Limit','qty':'0.5','price':'90000',"
                 "'takeProfit':'95000','orderLinkId':'parent'");
    ck_assert_int_eq(post(AMEND, "{'category':'linear','symbol':'BTCUSDT','orderLinkId':'parent',"
                                 "'takeProfit':'95000'}"),
                     34040);
    ck_assert_int_eq(post(AMEND, "{'category':'linear','symbol':'BTCUSDT','orderLinkId':'parent',"
                                 "'stopLoss':'90001'}"),
                     10001);
    ck_assert_int_eq(post(AMEND, "{'category':'linear','symbol':'BTCUSDT','orderLinkId':'parent',"
                                 "'takeProfit':'0','stopLoss':'89000','slTriggerBy':'IndexPrice'}"),
                     0);
    ck_assert_str_eq(order_member("linear", "parent", "takeProfit"), "");
    ck_assert_str_eq(text_at("result.list.0.stopLoss"), "89000.00");
    ck_assert_str_eq(text_at("result.list.0.slTriggerBy"), "IndexPrice");
    ck_assert_str_eq(text_at("result.list.0.orderStatus"), "New");
}
END_TEST

/* --- of a position --- */

static const struct {
    const char *body;
    int code;
} unset[] = {
    { "'tpslMode':'Full','takeProfit':'92000'", 10001 },
    { "'tpslMode':'Full','stopLoss':'94000'", 10001 },
    { "'takeProfit':'95000'", 10001 },
    { "'tpslMode':'Full'", 34040 },
    { "'tpslMode':'Full','takeProfit':'0'", 34040 },
    { "'tpslMode':'Partial','takeProfit':'95000','stopLoss':'91000','tpSize':'0.1'", 10001 },
    { "'tpslMode':'Partial','takeProfit':'95000','stopLoss':'91000','tpSize':'0.1',"
      "'slSize':'0.05'",
      10001 },
    { "'tpslMode':'Partial','takeProfit':'95000','tpSize':'0.2'", 10001 },
    { "'tpslMode':'Partial','takeProfit':'95000'", 10001 },
    { "'tpslMode':'Full','positionIdx':1,'takeProfit':'95000'", 10001 },
};

START_TEST(a_trading_stop_that_cannot_be_is_refused)
{
    int code;

    ck_assert_int_eq(set_stop("'tpslMode':'Full','takeProfit':'95000'"), 10001); /* no position */
    buy_market("0.1");
    code = post(STOP, "{'category':'linear','symbol':'BTCUSDT'%s,%s}",
                strstr(unset[_i].body, "positionIdx") ? "" : ",'positionIdx':0", unset[_i].body);
    ck_assert_msg(code == unset[_i].code, "%s: %d %s", unset[_i].body, code, text_at("retMsg"));
    ck_assert_int_eq(waiting(), 0);
}
END_TEST

START_TEST(a_trading_stop_sets_changes_and_removes)
{
    buy_market("0.1");
    ck_assert_int_eq(set_stop("'tpslMode':'Full','takeProfit':'95000','stopLoss':'91000'"), 0);
    ck_assert_str_eq(position_member("takeProfit"), "95000.00");
    ck_assert_int_eq(set_stop("'tpslMode':'Full','takeProfit':'95000'"), 34040);
    ck_assert_int_eq(set_stop("'tpslMode':'Full','takeProfit':'96000'"), 0);
    ck_assert_int_eq(waiting(), 2);
    ck_assert_str_eq(of_type("TakeProfit", "triggerPrice"), "96000.00");
    ck_assert_str_eq(of_type("StopLoss", "triggerPrice"), "91000.00");
    ck_assert_str_eq(of_type("StopLoss", "parentOrderLinkId"), "");
    ck_assert_int_eq(set_stop("'tpslMode':'Full','stopLoss':'0'"), 0);
    ck_assert_int_eq(waiting(), 1);
    ck_assert_str_eq(position_member("stopLoss"), "");
    ck_assert_int_eq(post("/v5/order/cancel-all", "{'category':'linear','symbol':'BTCUSDT',"
                                                  "'orderFilter':'StopOrder',"
                                                  "'stopOrderType':'Stop'}"),
                     0);
    ck_assert_int_eq(waiting(), 1);
}
END_TEST

START_TEST(partial_ones_are_added_up_to_twenty)
{
    buy_market("0.5");
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(set_stop("'tpslMode':'Partial','takeProfit':'95000','stopLoss':'91000',"
                                  "'tpSize':'0.05','slSize':'0.05'"),
                         0);
    ck_assert_int_eq(set_stop("'tpslMode':'Partial','takeProfit':'95000','tpSize':'0.05'"), 110061);
    ck_assert_int_eq(waiting(), 20);
    jump("BTCUSDT", "90999");
    ck_assert_int_eq(waiting(), 0);
    ck_assert_str_eq(position_member("size"), "0.000");
}
END_TEST

START_TEST(a_trailing_stop_follows_from_its_start_price)
{
    buy_market("0.1");
    ck_assert_int_eq(set_stop("'tpslMode':'Full','trailingStop':'500','activePrice':'94000'"), 0);
    ck_assert_str_eq(position_member("trailingStop"), "500.00");
    ck_assert_int_eq(waiting(), 1);
    ck_assert_str_eq(of_type("TrailingStop", "triggerPrice"), "94000.00");
    jump("BTCUSDT", "92000"); /* not started yet */
    jump("BTCUSDT", "94500");
    jump("BTCUSDT", "94100");
    ck_assert_int_eq(waiting(), 1);
    jump("BTCUSDT", "95000");
    jump("BTCUSDT", "94501");
    ck_assert_int_eq(waiting(), 1);
    jump("BTCUSDT", "94500");
    ck_assert_int_eq(waiting(), 0);
    ck_assert_str_eq(position_member("size"), "0.000");
}
END_TEST

START_TEST(a_short_position_is_mirrored)
{
    accept_order("'side':'Sell','orderType':'Market','qty':'0.1','takeProfit':'91000',"
                 "'stopLoss':'95000'");
    ck_assert_int_eq(set_stop("'tpslMode':'Full','trailingStop':'300'"), 0);
    ck_assert_int_eq(waiting(), 3);
    ck_assert_str_eq(of_type("TrailingStop", "side"), "Buy");
    jump("BTCUSDT", "92000");
    jump("BTCUSDT", "92299");
    ck_assert_int_eq(waiting(), 3);
    jump("BTCUSDT", "92301");
    ck_assert_int_eq(waiting(), 0);
    ck_assert_str_eq(position_member("side"), "");
}
END_TEST

START_TEST(they_go_when_the_position_turns)
{
    accept_order("'side':'Buy','orderType':'Market','qty':'0.1','takeProfit':'95000'");
    accept_order("'side':'Sell','orderType':'Market','qty':'0.3'");
    ck_assert_str_eq(position_member("side"), "Sell");
    ck_assert_int_eq(waiting(), 0);
}
END_TEST

/* --- spot --- */

START_TEST(spot_ones_wait_when_the_order_has_filled)
{
    int stream = listen_to("order");

    ck_assert_int_eq(post(CREATE, "{'category':'spot','symbol':'BTCUSDT','side':'Buy',"
                                  "'orderType':'Market','qty':'100','takeProfit':'95000'}"),
                     170130);
    ck_assert_int_eq(post(CREATE, "{'category':'spot','symbol':'BTCUSDT','side':'Buy',"
                                  "'orderType':'Limit','qty':'0.1','price':'93100',"
                                  "'takeProfit':'95000','stopLoss':'91000','slOrderType':'Limit',"
                                  "'slLimitPrice':'90000'}"),
                     0);
    ck_assert_int_eq(rows("/v5/order/realtime", "category=spot&orderFilter=tpslOrder"), 2);
    ck_assert_str_eq(text_at("result.list.0.qty"), "0.099900"); /* less the fee */
    ck_assert_str_eq(text_at("result.list.0.side"), "Sell");
    ck_assert_int_eq(rows("/v5/account/wallet-balance", "accountType=UNIFIED&coin=BTC"), 1);
    ck_assert_str_eq(text_at("result.list.0.coin.0.locked"), "0.0999"); /* once */
    jump("BTCUSDT", "90950");
    await_order(stream, "stopOrderType", "tpslOrder", "Deactivated");
    ck_assert_str_eq(text_at("found.cancelType"), "CancelByOCOTpCanceledBySlTriggered");
    await_order(stream, "stopOrderType", "tpslOrder", "Filled");
    ck_assert_str_eq(text_at("found.orderType"), "Limit");
    (void)close(stream);
}
END_TEST

int main(void)
{
    const struct trade_test tests[] = {
        { exits_that_cannot_be_are_refused, ARRAY_LEN(refused) },
        { those_of_the_whole_position_are_made_by_the_first_fill, 0 },
        { a_stop_loss_closes_and_the_other_goes_with_the_position, 0 },
        { partial_ones_have_the_size_of_their_order_and_cancel_each_other, 0 },
        { partial_ones_grow_with_the_fills, 0 },
        { an_amend_changes_sets_and_removes_them, 0 },
        { a_trading_stop_that_cannot_be_is_refused, ARRAY_LEN(unset) },
        { a_trading_stop_sets_changes_and_removes, 0 },
        { partial_ones_are_added_up_to_twenty, 0 },
        { a_trailing_stop_follows_from_its_start_price, 0 },
        { a_short_position_is_mirrored, 0 },
        { they_go_when_the_position_turns, 0 },
        { spot_ones_wait_when_the_order_has_filled, 0 },
    };

    return run_trade_tests("sim/exits", tests, ARRAY_LEN(tests));
}
