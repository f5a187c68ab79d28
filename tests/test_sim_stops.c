/* Conditional orders: what is refused, what fires them, what becomes of them. */
#include "base/text.h"
#include "test_sim_trade.h"

#define CREATE "/v5/order/create"
#define AMEND  "/v5/order/amend"
#define CANCEL "/v5/order/cancel"

/* Everything stands at 93000 (the index a little lower). */
static const struct {
    const char *category;
    const char *body;
    int code;
} refused[] = {
    { "linear", "'triggerPrice':'95000'", 10001 },
    { "linear", "'triggerPrice':'95000','triggerDirection':3", 10001 },
    { "linear", "'triggerPrice':'95000','triggerDirection':2", 110093 },
    { "linear", "'triggerPrice':'91000','triggerDirection':1", 110092 },
    { "linear", "'triggerPrice':'93000','triggerDirection':1", 110092 },
    { "linear", "'triggerPrice':'93000','triggerDirection':2", 110093 },
    { "linear", "'triggerPrice':'92999','triggerDirection':2,'triggerBy':'IndexPrice'", 110093 },
    { "linear", "'triggerPrice':'95000.01','triggerDirection':1", 10001 },
    { "linear", "'triggerPrice':95000,'triggerDirection':1", 10001 },
    { "linear", "'triggerPrice':'95000','triggerDirection':1,'triggerBy':'MidPrice'", 10001 },
    { "spot", "'triggerPrice':'95000'", 170130 },
    { "spot", "'orderFilter':'tpslOrder'", 170202 },
    { "spot", "'orderFilter':'OcoOrder','triggerPrice':'95000'", 170201 },
};

START_TEST(a_trigger_that_cannot_be_is_refused)
{
    int code = post(CREATE,
                    "{'category':'%s','symbol':'BTCUSDT','side':'Buy','orderType':'Limit',"
                    "'qty':'0.01','price':'90000',%s}",
                    refused[_i].category, refused[_i].body);

    ck_assert_msg(code == refused[_i].code, "%s: %d %s", refused[_i].body, code, text_at("retMsg"));
}
END_TEST

static const struct {
    const char *body;
    const char *before; /* the price where it still waits */
    const char *after;
} fired[] = {
    { "'side':'Buy','triggerPrice':'94000','triggerDirection':1", "93999", "94000" },
    { "'side':'Buy','triggerPrice':'92000','triggerDirection':2", "92001", "91999" },
    { "'side':'Sell','triggerPrice':'94000','triggerDirection':1,'triggerBy':'MarkPrice'", "93900",
      "94100" },
    /* the index is 0.005 % under the mark: 93997 and 94002 */
    { "'side':'Sell','triggerPrice':'94000','triggerDirection':1,'triggerBy':'IndexPrice'", "94002",
      "94007" },
};

START_TEST(it_fires_when_its_price_is_reached)
{
    int stream = listen_to("order");

    accept_order("'orderType':'Market','qty':'0.01','orderLinkId':'c',%s", fired[_i].body);
    await_order(stream, "orderLinkId", "c", "Untriggered");
    ck_assert_str_eq(text_at("found.stopOrderType"), "Stop");
    ck_assert_str_eq(text_at("found.createType"), "CreateByStopOrder");
    jump("BTCUSDT", fired[_i].before);
    ck_assert_str_eq(status_of("c"), "Untriggered");
    jump("BTCUSDT", fired[_i].after);
    await_order(stream, "orderLinkId", "c", "Triggered");
    await_order(stream, "orderLinkId", "c", "Filled");
    ck_assert_str_eq(text_at("found.cumExecQty"), "0.010");
    ck_assert_int_eq(rows("/v5/execution/list", "category=linear&orderLinkId=c"), 1);
    ck_assert_str_eq(text_at("result.list.0.stopOrderType"), "Stop");
    (void)close(stream);
}
END_TEST

START_TEST(a_limit_order_rests_when_it_has_fired)
{
    int stream = listen_to("order");

    accept_order("'side':'Buy','orderType':'Limit','price':'90000','qty':'0.01',"
                 "'triggerPrice':'92000','triggerDirection':2,'orderLinkId':'c'");
    ck_assert_str_eq(status_of("c"), "Untriggered");
    ck_assert_str_eq(text_at("result.list.0.triggerPrice"), "92000.00");
    ck_assert_str_eq(text_at("result.list.0.triggerBy"), "LastPrice");
    ck_assert_int_eq(int_at("result.list.0.triggerDirection"), 2);
    jump("BTCUSDT", "91500");
    await_order(stream, "orderLinkId", "c", "Triggered");
    await_order(stream, "orderLinkId", "c", "New");
    ck_assert_int_eq(post("/v5/order/cancel-all", "{'category':'linear','symbol':'BTCUSDT',"
                                                  "'orderFilter':'StopOrder'}"),
                     0);
    ck_assert_str_eq(status_of("c"), "New"); /* it is a normal one now */
    (void)close(stream);
}
END_TEST

START_TEST(an_own_trade_can_fire_a_stop)
{
    accept_order("'side':'Sell','orderType':'Market','qty':'0.01','triggerPrice':'93002',"
                 "'triggerDirection':1,'orderLinkId':'c'");
    accept_order("'side':'Buy','orderType':'Market','qty':'5'"); /* takes several levels */
    ck_assert_str_eq(status_of("c"), "Filled");
}
END_TEST

START_TEST(no_margin_is_held_and_lacking_it_then_cancels)
{
    accept_order("'side':'Buy','orderType':'Market','qty':'12','triggerPrice':'94000',"
                 "'triggerDirection':1,'orderLinkId':'c'");
    ck_assert_int_eq(rows("/v5/account/wallet-balance", "accountType=UNIFIED"), 1);
    ck_assert_str_eq(text_at("result.list.0.totalInitialMargin"), "0");
    jump("BTCUSDT", "94001");
    ck_assert_str_eq(status_of("c"), "Cancelled");
    ck_assert_str_eq(text_at("result.list.0.rejectReason"), "EC_Others");
}
END_TEST

START_TEST(cancelled_while_it_waits_it_is_deactivated)
{
    int stream = listen_to("order");

    accept_order("'side':'Buy','orderType':'Market','qty':'0.01','triggerPrice':'94000',"
                 "'triggerDirection':1,'orderLinkId':'c'");
    ck_assert_int_eq(post(CANCEL, "{'category':'linear','symbol':'BTCUSDT','orderLinkId':'c'}"), 0);
    await_order(stream, "orderLinkId", "c", "Deactivated");
    ck_assert_str_eq(text_at("found.cancelType"), "CancelByUser");
    (void)close(stream);
}
END_TEST

START_TEST(a_contract_has_ten_and_they_do_not_count_as_active)
{
    for (int i = 0; i < 10; i++)
        accept_order("'side':'Buy','orderType':'Market','qty':'0.01','triggerPrice':'94000',"
                     "'triggerDirection':1");
    ck_assert_int_eq(post(CREATE, "{'category':'linear','symbol':'BTCUSDT','side':'Buy',"
                                  "'orderType':'Market','qty':'0.01','triggerPrice':'94000',"
                                  "'triggerDirection':1}"),
                     110009);
    accept_order("'side':'Buy','orderType':'Limit','qty':'0.01','price':'90000'");
    ck_assert_int_eq(rows("/v5/order/realtime", "category=linear&symbol=BTCUSDT"), 11);
    ck_assert_int_eq(
        rows("/v5/order/realtime", "category=linear&symbol=BTCUSDT&orderFilter=StopOrder"), 10);
    ck_assert_int_eq(rows("/v5/order/realtime", "category=linear&symbol=BTCUSDT&orderFilter=Order"),
                     1);
}
END_TEST

static const struct {
    const char *filter;
    int left;
} sweeps[] = {
    { "", 0 },
    { ",'orderFilter':'Order'", 1 },
    { ",'orderFilter':'StopOrder'", 1 },
    { ",'orderFilter':'StopOrder','stopOrderType':'Stop'", 1 },
};

START_TEST(cancel_all_takes_the_kinds_that_it_names)
{
    accept_order("'side':'Buy','orderType':'Limit','qty':'0.01','price':'90000'");
    accept_order("'side':'Buy','orderType':'Market','qty':'0.01','triggerPrice':'94000',"
                 "'triggerDirection':1");
    ck_assert_int_eq(post("/v5/order/cancel-all", "{'category':'linear','symbol':'BTCUSDT'%s}",
                          sweeps[_i].filter),
                     0);
    ck_assert_int_eq(rows("/v5/order/realtime", "category=linear&symbol=BTCUSDT"), sweeps[_i].left);
}
END_TEST

START_TEST(its_trigger_price_and_size_can_be_amended)
{
    accept_order("'side':'Buy','orderType':'Market','qty':'0.01','triggerPrice':'95000',"
                 "'triggerDirection':1,'orderLinkId':'c'");
    ck_assert_int_eq(post(AMEND, "{'category':'linear','symbol':'BTCUSDT','orderLinkId':'c',"
                                 "'triggerPrice':'92000'}"),
                     110092);
    ck_assert_int_eq(post(AMEND, "{'category':'linear','symbol':'BTCUSDT','orderLinkId':'c',"
                                 "'triggerPrice':'94000','qty':'0.02'}"),
                     0);
    jump("BTCUSDT", "94000");
    ck_assert_str_eq(order_member("linear", "c", "cumExecQty"), "0.020");
}
END_TEST

START_TEST(close_on_trigger_closes_and_makes_room_for_it)
{
    accept_order("'side':'Buy','orderType':'Market','qty':'0.5'");
    accept_order("'side':'Sell','orderType':'Market','qty':'0.8','triggerPrice':'92000',"
                 "'triggerDirection':2,'closeOnTrigger':true,'orderLinkId':'c'");
    jump("BTCUSDT", "91999");
    ck_assert_str_eq(status_of("c"), "Filled");
    ck_assert_str_eq(text_at("result.list.0.cumExecQty"), "0.500");
    ck_assert_int_eq(rows("/v5/position/list", "category=linear&symbol=BTCUSDT"), 1);
    ck_assert_str_eq(text_at("result.list.0.size"), "0.000");
    accept_order("'side':'Sell','orderType':'Market','qty':'0.8','triggerPrice':'91000',"
                 "'triggerDirection':2,'closeOnTrigger':true,'orderLinkId':'d'");
    jump("BTCUSDT", "90999");
    ck_assert_str_eq(status_of("d"), "Cancelled");
    ck_assert_str_eq(text_at("result.list.0.cancelType"), "CancelByReduceOnly");
}
END_TEST

/* --- spot --- */

#define SPOT_ORDER                                                                                 \
    "{'category':'spot','symbol':'BTCUSDT','side':'Sell','orderType':'Limit','qty':'0.2',"         \
    "'price':'89000','triggerPrice':'90000','orderFilter':'%s','orderLinkId':'s'}"

static const struct {
    const char *filter;
    const char *locked;
    const char *type;
} spots[] = { { "tpslOrder", "0.2", "tpslOrder" }, { "StopOrder", "0", "Stop" } };

START_TEST(spot_holds_at_once_or_when_it_fires)
{
    char wrong[160];

    ck_assert_int_eq(post(CREATE, SPOT_ORDER, spots[_i].filter), 0);
    ck_assert_str_eq(order_member("spot", "s", "stopOrderType"), spots[_i].type);
    ck_assert_int_eq(rows("/v5/account/wallet-balance", "accountType=UNIFIED&coin=BTC"), 1);
    ck_assert_str_eq(text_at("result.list.0.coin.0.locked"), spots[_i].locked);
    /* Only with its filter it is found. */
    ck_assert_int_eq(post(CANCEL, "{'category':'spot','symbol':'BTCUSDT','orderLinkId':'s'}"),
                     170213);
    ck_assert_int_eq(post("/v5/order/cancel-all", "{'category':'spot'}"), 0);
    ck_assert_str_eq(order_member("spot", "s", "orderStatus"), "Untriggered");
    (void)snprintf(wrong, sizeof(wrong), "category=spot&orderFilter=%s", spots[_i].filter);
    ck_assert_int_eq(rows("/v5/order/realtime", wrong), 1);
    jump("BTCUSDT", "89990");
    ck_assert_str_eq(order_member("spot", "s", "orderStatus"), "Filled");
    ck_assert_int_eq(rows("/v5/account/wallet-balance", "accountType=UNIFIED&coin=BTC"), 1);
    ck_assert_str_eq(text_at("result.list.0.coin.0.locked"), "0");
}
END_TEST

START_TEST(spot_cancels_with_the_filter)
{
    ck_assert_int_eq(post(CREATE, SPOT_ORDER, "tpslOrder"), 0);
    ck_assert_int_eq(post(CANCEL, "{'category':'spot','symbol':'BTCUSDT','orderLinkId':'s',"
                                  "'orderFilter':'tpslOrder'}"),
                     0);
    ck_assert_str_eq(order_member("spot", "s", "orderStatus"), "Deactivated");
}
END_TEST

START_TEST(a_spot_symbol_has_thirty_of_each_kind)
{
    for (int i = 0; i < 30; i++)
        ck_assert_int_eq(post(CREATE, "{'category':'spot','symbol':'BTCUSDT','side':'Sell',"
                                      "'orderType':'Market','qty':'0.001','triggerPrice':'90000',"
                                      "'orderFilter':'StopOrder'}"),
                         0);
    ck_assert_int_eq(post(CREATE, "{'category':'spot','symbol':'BTCUSDT','side':'Sell',"
                                  "'orderType':'Market','qty':'0.001','triggerPrice':'90000',"
                                  "'orderFilter':'StopOrder'}"),
                     170810);
    ck_assert_int_eq(post(CREATE, SPOT_ORDER, "tpslOrder"), 0);
}
END_TEST

int main(void)
{
    const struct trade_test tests[] = {
        { a_trigger_that_cannot_be_is_refused, ARRAY_LEN(refused) },
        { it_fires_when_its_price_is_reached, ARRAY_LEN(fired) },
        { a_limit_order_rests_when_it_has_fired, 0 },
        { an_own_trade_can_fire_a_stop, 0 },
        { no_margin_is_held_and_lacking_it_then_cancels, 0 },
        { cancelled_while_it_waits_it_is_deactivated, 0 },
        { a_contract_has_ten_and_they_do_not_count_as_active, 0 },
        { cancel_all_takes_the_kinds_that_it_names, ARRAY_LEN(sweeps) },
        { its_trigger_price_and_size_can_be_amended, 0 },
        { close_on_trigger_closes_and_makes_room_for_it, 0 },
        { spot_holds_at_once_or_when_it_fires, ARRAY_LEN(spots) },
        { spot_cancels_with_the_filter, 0 },
        { a_spot_symbol_has_thirty_of_each_kind, 0 },
    };

    return run_trade_tests("sim/stops", tests, ARRAY_LEN(tests));
}
