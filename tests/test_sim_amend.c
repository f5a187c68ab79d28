/* Amending orders, also while they are being filled; amends and cancels that come too late. */
#include "base/text.h"
#include "test_sim_trade.h"

#define AMEND "/v5/order/amend"

static void rest_one(const char *link, const char *qty, const char *price)
{
    accept_order("'side':'Buy','orderType':'Limit','qty':'%s','price':'%s','orderLinkId':'%s'", qty,
                 price, link);
}

static const struct {
    const char *body;
    int code;
} refused[] = {
    { "'orderLinkId':'none','qty':'0.02'", 110001 },
    { "'qty':'0.02'", 10001 },
    { "'orderLinkId':'one'", 10001 },
    { "'orderLinkId':'one','qty':'0.01'", 10001 }, /* nothing changes */
    { "'orderLinkId':'one','qty':0.02", 10001 },
    { "'orderLinkId':'one','qty':'0.0005'", 110017 },
    { "'orderLinkId':'one','price':'0.05'", 10001 },
    { "'orderLinkId':'one','price':'100000000'", 110003 },
    { "'orderLinkId':'one','qty':'100'", 110007 },
    { "'orderLinkId':'one','triggerPrice':'80000'", 10001 },
    { "'orderId':'no-such','orderLinkId':'one','qty':'0.02'", 110001 }, /* orderId wins */
};

START_TEST(an_amend_that_cannot_be_is_refused)
{
    int code;

    rest_one("one", "0.01", "90000");
    code = post(AMEND, "{'category':'linear','symbol':'BTCUSDT',%s}", refused[_i].body);
    ck_assert_msg(code == refused[_i].code, "%s: %d %s", refused[_i].body, code, text_at("retMsg"));
    ck_assert_str_eq(order_member("linear", "one", "qty"), "0.010");
}
END_TEST

START_TEST(an_amend_is_answered_with_ids_and_told_on_the_stream)
{
    char id[64];
    int stream;

    rest_one("one", "0.01", "90000");
    (void)snprintf(id, sizeof(id), "%s", text_at("result.orderId"));
    stream = listen_to("order");
    ck_assert_int_eq(post(AMEND,
                          "{'category':'linear','symbol':'BTCUSDT','orderId':'%s','qty':'0.02',"
                          "'price':'90001'}",
                          id),
                     0);
    ck_assert_str_eq(text_at("result.orderId"), id);
    ck_assert_str_eq(text_at("result.orderLinkId"), "one");
    await_order(stream, "orderLinkId", "one", "New");
    ck_assert_str_eq(text_at("found.qty"), "0.020");
    ck_assert_str_eq(text_at("found.price"), "90001.00");
    ck_assert_str_eq(text_at("found.leavesQty"), "0.020");
    (void)close(stream);
}
END_TEST

/* Two orders at one price: who is first fills first when somebody sells a little. */
static const struct {
    const char *change;
    const char *first;
} places[] = {
    { "'qty':'0.4'", "early" },
    { "'qty':'0.6'", "late" },
    { "'price':'93000.4'", "late" },
};

START_TEST(only_a_smaller_size_keeps_the_place_in_the_queue)
{
    rest_one("early", "0.5", "93000.3");
    rest_one("late", "0.5", "93000.3");
    ck_assert_int_eq(post(AMEND,
                          "{'category':'linear','symbol':'BTCUSDT','orderLinkId':'early',%s}",
                          places[_i].change),
                     0);
    if (strstr(places[_i].change, "price"))
        ck_assert_int_eq(post(AMEND, "{'category':'linear','symbol':'BTCUSDT',"
                                     "'orderLinkId':'early','price':'93000.3'}"),
                         0);
    accept_order("'side':'Sell','orderType':'Limit','timeInForce':'IOC','qty':'0.1',"
                 "'price':'93000.3'");
    ck_assert_str_eq(status_of(places[_i].first), "PartiallyFilled");
    ck_assert_str_eq(order_member("linear", places[_i].first, "cumExecQty"), "0.100");
}
END_TEST

START_TEST(qty_is_the_new_total_of_an_order_that_is_partly_filled)
{
    rest_one("one", "0.5", "93000.3");
    accept_order("'side':'Sell','orderType':'Limit','timeInForce':'IOC','qty':'0.2',"
                 "'price':'93000.3'");
    ck_assert_int_eq(post(AMEND, "{'category':'linear','symbol':'BTCUSDT','orderLinkId':'one',"
                                 "'qty':'0.2'}"),
                     110064);
    ck_assert_int_eq(post(AMEND, "{'category':'linear','symbol':'BTCUSDT','orderLinkId':'one',"
                                 "'qty':'0.201'}"),
                     0);
    ck_assert_str_eq(status_of("one"), "PartiallyFilled");
    ck_assert_str_eq(text_at("result.list.0.leavesQty"), "0.001");
    accept_order("'side':'Sell','orderType':'Limit','timeInForce':'IOC','qty':'0.001',"
                 "'price':'93000.3'");
    ck_assert_str_eq(status_of("one"), "Filled");
    ck_assert_int_eq(post(AMEND, "{'category':'linear','symbol':'BTCUSDT','orderLinkId':'one',"
                                 "'qty':'1'}"),
                     110001);
}
END_TEST

START_TEST(spot_has_its_own_codes)
{
    ck_assert_int_eq(post("/v5/order/create",
                          "{'category':'spot','symbol':'BTCUSDT','side':'Buy','orderType':'Limit',"
                          "'qty':'0.5','price':'93000.3','orderLinkId':'s'}"),
                     0);
    ck_assert_int_eq(post("/v5/order/create",
                          "{'category':'spot','symbol':'BTCUSDT','side':'Sell','orderType':'Limit',"
                          "'qty':'0.2','price':'93000.3','timeInForce':'IOC'}"),
                     0);
    ck_assert_int_eq(post(AMEND, "{'category':'spot','symbol':'BTCUSDT','orderLinkId':'s',"
                                 "'qty':'0.1'}"),
                     170313);
    ck_assert_int_eq(post(AMEND, "{'category':'spot','symbol':'BTCUSDT','orderLinkId':'x',"
                                 "'qty':'0.1'}"),
                     170213);
}
END_TEST

START_TEST(an_amend_can_be_overtaken_by_fills)
{
    int stream = listen_to("order");

    control("/sim/limits", "{\"amend_delay_ms\":150}");
    rest_one("one", "0.5", "93000.3");
    ck_assert_int_eq(post(AMEND, "{'category':'linear','symbol':'BTCUSDT','orderLinkId':'one',"
                                 "'qty':'0.3'}"),
                     0);
    accept_order("'side':'Sell','orderType':'Limit','timeInForce':'IOC','qty':'0.4',"
                 "'price':'93000.3'");
    await_order(stream, "orderLinkId", "one", "PartiallyFilled"); /* the fill */
    await_order(stream, "orderLinkId", "one", "PartiallyFilled"); /* the amend, too late */
    ck_assert_str_eq(text_at("found.qty"), "0.500");
    ck_assert_int_eq(post(AMEND, "{'category':'linear','symbol':'BTCUSDT','orderLinkId':'one',"
                                 "'qty':'0.6'}"),
                     0);
    accept_order("'side':'Sell','orderType':'Limit','timeInForce':'IOC','qty':'0.1',"
                 "'price':'93000.3'");
    await_order(stream, "orderLinkId", "one", "Filled");
    ck_assert_str_eq(text_at("found.rejectReason"), "EC_NoError");
    await_order(stream, "orderLinkId", "one", "Filled");
    ck_assert_str_eq(text_at("found.rejectReason"), "EC_OrigClOrdIDDoesNotExist");
    ck_assert_str_eq(text_at("found.cumExecQty"), "0.500");
    (void)close(stream);
}
END_TEST

START_TEST(a_cancel_can_lose_against_a_fill)
{
    int stream = listen_to("order");

    control("/sim/limits", "{\"cancel_delay_ms\":150}");
    rest_one("one", "0.5", "93000.3");
    ck_assert_int_eq(
        post("/v5/order/cancel", "{'category':'linear','symbol':'BTCUSDT','orderLinkId':'one'}"),
        0);
    accept_order("'side':'Sell','orderType':'Limit','timeInForce':'IOC','qty':'0.5',"
                 "'price':'93000.3'");
    await_order(stream, "orderLinkId", "one", "Filled");
    ck_assert_str_eq(text_at("found.cancelType"), "UNKNOWN");
    await_order(stream, "orderLinkId", "one", "Filled");
    ck_assert_str_eq(text_at("found.cancelType"), "CancelByUser");
    ck_assert_str_eq(text_at("found.rejectReason"), "EC_OrigClOrdIDDoesNotExist");
    (void)close(stream);
}
END_TEST

START_TEST(a_post_only_order_amended_into_the_book_is_cancelled)
{
    accept_order("'side':'Buy','orderType':'Limit','qty':'0.01','price':'90000',"
                 "'timeInForce':'PostOnly','orderLinkId':'one'");
    ck_assert_int_eq(post(AMEND, "{'category':'linear','symbol':'BTCUSDT','orderLinkId':'one',"
                                 "'price':'94000'}"),
                     0);
    ck_assert_str_eq(status_of("one"), "Cancelled");
    ck_assert_str_eq(text_at("result.list.0.rejectReason"), "EC_PostOnlyWillTakeLiquidity");
}
END_TEST

int main(void)
{
    const struct trade_test tests[] = {
        { an_amend_that_cannot_be_is_refused, ARRAY_LEN(refused) },
        { an_amend_is_answered_with_ids_and_told_on_the_stream, 0 },
        { only_a_smaller_size_keeps_the_place_in_the_queue, ARRAY_LEN(places) },
        { qty_is_the_new_total_of_an_order_that_is_partly_filled, 0 },
        { spot_has_its_own_codes, 0 },
        { an_amend_can_be_overtaken_by_fills, 0 },
        { a_cancel_can_lose_against_a_fill, 0 },
        { a_post_only_order_amended_into_the_book_is_cancelled, 0 },
    };

    return run_trade_tests("sim/amend", tests, ARRAY_LEN(tests));
}
