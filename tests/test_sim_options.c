/* Trading options: what an order needs, positions, batches, cancels. */
#include "base/text.h"
#include "test_sim_trade.h"

#define CREATE "/v5/order/create"

static char symbol[64]; /* a call, at about 7000 */

/* The first option, and everything paused. */
static void setup_option(void)
{
    setup();
    keep(ask_json("GET", "/v5/market/instruments-info", "category=option", ""));
    (void)snprintf(symbol, sizeof(symbol), "%s", text_at("result.list.0.symbol"));
}

static int order(const char *members)
{
    return post(CREATE, "{'category':'option','symbol':'%s',%s}", symbol, members);
}

static int positions(void)
{
    return rows("/v5/position/list", "category=option");
}

static const struct {
    const char *members;
    int code;
} refused[] = {
    { "'side':'Buy','orderType':'Market','qty':'0.1'", 10001 }, /* no link */
    { "'side':'Buy','orderType':'Market','qty':'0.001','orderLinkId':'o'", 110017 },
    { "'side':'Buy','orderType':'Market','qty':'501','orderLinkId':'o'", 10001 },
    { "'side':'Buy','orderType':'Limit','qty':'0.1','price':'5001','orderLinkId':'o'", 10001 },
    { "'side':'Buy','orderType':'Limit','qty':'0.1','orderLinkId':'o'", 10001 },
    { "'side':'Buy','orderType':'Limit','qty':'400','price':'5000','orderLinkId':'o'", 110007 },
    { "'side':'Sell','orderType':'Market','qty':'0.1','orderLinkId':'o','reduceOnly':true",
      110017 },
    { "'side':'Buy','orderType':'Market','qty':'0.1','orderLinkId':'o','positionIdx':1", 10001 },
    { "'side':'Buy','orderType':'Limit','qty':'0.1','price':'5000','orderLinkId':'o',"
      "'triggerPrice':'5000','triggerDirection':1",
      10001 },
    { "'side':'Buy','orderType':'Limit','qty':'0.1','orderIv':'0.5','orderLinkId':'o'", 10001 },
    { "'side':'Buy','orderType':'Market','qty':'0.1','orderLinkId':'o','takeProfit':'20000',"
      "'tpslMode':'Partial'",
      10001 },
};

START_TEST(an_option_order_that_cannot_be_is_refused)
{
    int code = order(refused[_i].members);

    ck_assert_msg(code == refused[_i].code, "%s: %d %s", refused[_i].members, code,
                  text_at("retMsg"));
}
END_TEST

START_TEST(a_position_in_options_opens_and_closes)
{
    int stream = listen_to("order");

    ck_assert_int_eq(order("'side':'Buy','orderType':'Market','qty':'0.3','orderLinkId':'buy'"), 0);
    await_order(stream, "orderLinkId", "buy", "Filled");
    ck_assert_str_eq(text_at("found.category"), "option");
    ck_assert_int_eq(positions(), 1);
    ck_assert_str_eq(text_at("result.list.0.symbol"), symbol);
    ck_assert_str_eq(text_at("result.list.0.side"), "Buy");
    ck_assert_str_eq(text_at("result.list.0.size"), "0.30");
    ck_assert_int_eq(rows("/v5/execution/list", "category=option&orderLinkId=buy"), 1);
    ck_assert_str_eq(text_at("result.list.0.feeCurrency"), "USDT");
    ck_assert_int_eq(order("'side':'Sell','orderType':'Market','qty':'0.5','reduceOnly':true,"
                           "'orderLinkId':'sell'"),
                     0);
    ck_assert_str_eq(order_member("option", "sell", "cumExecQty"), "0.30");
    ck_assert_int_eq(positions(), 0);
    ck_assert_int_eq(rows("/v5/account/transaction-log", "category=option"), 2);
    (void)close(stream);
}
END_TEST

START_TEST(a_short_position_needs_margin_too)
{
    ck_assert_int_eq(order("'side':'Sell','orderType':'Market','qty':'0.3','orderLinkId':'s'"), 0);
    ck_assert_int_eq(positions(), 1);
    ck_assert_str_eq(text_at("result.list.0.side"), "Sell");
    ck_assert_int_eq(rows("/v5/account/wallet-balance", "accountType=UNIFIED"), 1);
    ck_assert_str_ne(text_at("result.list.0.totalInitialMargin"), "0");
}
END_TEST

START_TEST(limit_orders_rest_and_are_amended_and_cancelled)
{
    ck_assert_int_eq(order("'side':'Buy','orderType':'Limit','qty':'0.1','price':'100',"
                           "'orderLinkId':'a'"),
                     0);
    ck_assert_int_eq(post("/v5/order/amend",
                          "{'category':'option','symbol':'%s','orderLinkId':'a','price':'200'}",
                          symbol),
                     0);
    ck_assert_str_eq(order_member("option", "a", "price"), "200");
    ck_assert_int_eq(
        post("/v5/order/cancel", "{'category':'option','symbol':'%s','orderLinkId':'a'}", symbol),
        0);
    ck_assert_str_eq(order_member("option", "a", "orderStatus"), "Cancelled");
    ck_assert_int_eq(order("'side':'Buy','orderType':'Limit','qty':'0.1','price':'100',"
                           "'orderLinkId':'b'"),
                     0);
    ck_assert_int_eq(post("/v5/order/cancel-all", "{'category':'option'}"), 0);
    ck_assert_str_eq(order_member("option", "b", "orderStatus"), "Cancelled");
}
END_TEST

START_TEST(take_profit_works_on_the_option_price)
{
    ck_assert_int_eq(order("'side':'Buy','orderType':'Market','qty':'0.3','orderLinkId':'buy',"
                           "'takeProfit':'20000'"),
                     0);
    ck_assert_int_eq(rows("/v5/order/realtime", "category=option"), 1);
    ck_assert_str_eq(text_at("result.list.0.parentOrderLinkId"), "buy");
    ck_assert_str_eq(text_at("result.list.0.stopOrderType"), "TakeProfit");
}
END_TEST

START_TEST(a_coin_has_fifty_orders)
{
    for (int i = 0; i < 50; i++) {
        char members[128];

        (void)snprintf(members, sizeof(members),
                       "'side':'Buy','orderType':'Limit','qty':'0.01','price':'100',"
                       "'orderLinkId':'o-%d'",
                       i);
        ck_assert_int_eq(order(members), 0);
    }
    ck_assert_int_eq(order("'side':'Buy','orderType':'Limit','qty':'0.01','price':'100',"
                           "'orderLinkId':'more'"),
                     110020);
}
END_TEST

START_TEST(a_batch_costs_one_unit)
{
    control("/sim/limits", "{\"on\":true}");
    ck_assert_int_eq(post("/v5/order/create-batch",
                          "{'category':'option','request':["
                          "{'symbol':'%s','side':'Buy','orderType':'Limit','qty':'0.1',"
                          "'price':'100','orderLinkId':'x'},"
                          "{'symbol':'%s','side':'Buy','orderType':'Limit','qty':'0.1',"
                          "'price':'100'},"
                          "{'symbol':'%s','side':'Buy','orderType':'Limit','qty':'0.1',"
                          "'price':'100','orderLinkId':'y'}]}",
                          symbol, symbol, symbol),
                     0);
    ck_assert_int_eq(header_number("X-Bapi-Limit-Status"), 9);
    ck_assert_int_eq(int_at("retExtInfo.list.0.code"), 0);
    ck_assert_int_eq(int_at("retExtInfo.list.1.code"), 10001);
    ck_assert_int_eq(int_at("retExtInfo.list.2.code"), 0);
}
END_TEST

int main(void)
{
    const struct trade_test tests[] = {
        { an_option_order_that_cannot_be_is_refused, ARRAY_LEN(refused) },
        { a_position_in_options_opens_and_closes, 0 },
        { a_short_position_needs_margin_too, 0 },
        { limit_orders_rest_and_are_amended_and_cancelled, 0 },
        { take_profit_works_on_the_option_price, 0 },
        { a_coin_has_fifty_orders, 0 },
        { a_batch_costs_one_unit, 0 },
    };

    return run_trade_tests_with("sim/options", setup_option, tests, ARRAY_LEN(tests));
}
