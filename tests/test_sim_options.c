/* Trading options: what an order needs, positions, batches, cancels. */
#include "base/text.h"
#include "test_sim_frames.h"
#include "test_sim_trade.h"

#define CREATE "/v5/order/create"

static char symbol[64]; /* a call, at about 7000 */

static char ether[64]; /* one on ETH, which is worth about 200 now */

/* The first option of each coin, and everything paused. */
static void setup_option(void)
{
    setup();
    keep(ask_json("GET", "/v5/market/instruments-info", "category=option", ""));
    (void)snprintf(symbol, sizeof(symbol), "%s", text_at("result.list.0.symbol"));
    keep(ask_json("GET", "/v5/market/instruments-info", "category=option&baseCoin=ETH", ""));
    (void)snprintf(ether, sizeof(ether), "%s", text_at("result.list.0.symbol"));
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

/* --- of which coin a list is (PROTOCOL section 11) --- */

static int order_ether(const char *members)
{
    return post(CREATE, "{'category':'option','symbol':'%s',%s}", ether, members);
}

/* Rows of the list of executions with one more parameter; "": none. */
static int executions(const char *name, const char *value)
{
    char query[256];

    (void)snprintf(query, sizeof(query), "category=option%s%s%s", name[0] ? "&" : "", name, value);
    return rows("/v5/execution/list", query);
}

START_TEST(executions_are_of_btc_unless_a_coin_is_named)
{
    char order_id[64];

    ck_assert_int_eq(order("'side':'Buy','orderType':'Market','qty':'0.01','orderLinkId':'b'"), 0);
    ck_assert_int_eq(order_ether("'side':'Buy','orderType':'Market','qty':'1',"
                                 "'orderLinkId':'e'"),
                     0);
    (void)snprintf(order_id, sizeof(order_id), "%s", text_at("result.orderId"));
    ck_assert_int_eq(executions("", ""), 1);
    ck_assert_str_eq(text_at("result.list.0.symbol"), symbol);
    ck_assert_int_eq(executions("settleCoin=", "USDT"), 1);
    ck_assert_int_eq(executions("baseCoin=", "BTC"), 1);
    ck_assert_int_eq(executions("baseCoin=", "ETH"), 1);
    ck_assert_str_eq(text_at("result.list.0.symbol"), ether);
    ck_assert_int_eq(executions("baseCoin=", "SOL"), 0);
    /* These go before the coin. */
    ck_assert_int_eq(executions("symbol=", ether), 1);
    ck_assert_int_eq(executions("orderLinkId=", "e"), 1);
    ck_assert_int_eq(executions("orderId=", order_id), 1);
    ck_assert_int_eq(executions("baseCoin=BTC&orderId=", order_id), 1);
}
END_TEST

START_TEST(orders_and_positions_are_of_all_coins)
{
    ck_assert_int_eq(order("'side':'Buy','orderType':'Limit','qty':'0.1','price':'100',"
                           "'orderLinkId':'b'"),
                     0);
    ck_assert_int_eq(order_ether("'side':'Buy','orderType':'Limit','qty':'1','price':'1',"
                                 "'orderLinkId':'e'"),
                     0);
    ck_assert_int_eq(rows("/v5/order/realtime", "category=option"), 2);
    ck_assert_int_eq(rows("/v5/order/realtime", "category=option&baseCoin=ETH"), 1);
    ck_assert_int_eq(order_ether("'side':'Buy','orderType':'Market','qty':'1',"
                                 "'orderLinkId':'f'"),
                     0);
    ck_assert_int_eq(rows("/v5/order/history", "category=option"), 1);
    ck_assert_str_eq(text_at("result.list.0.symbol"), ether);
    ck_assert_int_eq(positions(), 1);
}
END_TEST

static void deliver(const char *what, int executed)
{
    char body[128];

    (void)snprintf(body, sizeof(body), "{\"symbol\":\"%s\"}", what);
    keep(ask_json("POST", "/sim/deliver", "", body));
    ck_assert_int_eq(int_at("executions"), executed);
}

START_TEST(a_delivery_settles_the_position_and_ends_its_orders)
{
    jump("ETHUSDT", "3250");
    ck_assert_int_eq(order_ether("'side':'Sell','orderType':'Market','qty':'2',"
                                 "'orderLinkId':'s'"),
                     0);
    ck_assert_int_eq(order_ether("'side':'Buy','orderType':'Limit','qty':'1','price':'1',"
                                 "'orderLinkId':'e'"),
                     0);
    deliver(ether, 1);
    ck_assert_int_eq(positions(), 0);
    ck_assert_str_eq(order_member("option", "e", "orderStatus"), "Cancelled");
    ck_assert_str_eq(text_at("result.list.0.cancelType"), "CancelByDelivery");
    ck_assert_int_eq(executions("baseCoin=ETH&execType=", "Delivery"), 1);
    ck_assert_str_eq(text_at("result.list.0.side"), "Buy");
    ck_assert_str_eq(text_at("result.list.0.execPrice"), "250.0"); /* the strike is 3000 */
    ck_assert_str_eq(text_at("result.list.0.execQty"), "2.0");
    ck_assert_str_eq(text_at("result.list.0.closedSize"), "2.0");
    ck_assert_str_eq(text_at("result.list.0.execFee"), "0.075");
    ck_assert_str_eq(text_at("result.list.0.orderId"), "");
    ck_assert_int_eq(rows("/v5/account/transaction-log", "category=option&type=DELIVERY"), 1);
    ck_assert_str_eq(text_at("result.list.0.fee"), "0.075");
    ck_assert_str_eq(text_at("result.list.0.side"), "Buy");
    deliver(ether, 0);
    ck_assert_int_eq(ask("POST", "/sim/deliver", "", "{\"symbol\":\"ETHUSDT\"}"), 400);
}
END_TEST

START_TEST(an_option_out_of_the_money_is_settled_at_nothing)
{
    jump("ETHUSDT", "2900");
    ck_assert_int_eq(order_ether("'side':'Buy','orderType':'Market','qty':'1',"
                                 "'orderLinkId':'b'"),
                     0);
    deliver(ether, 1);
    ck_assert_int_eq(executions("baseCoin=ETH&execType=", "Delivery"), 1);
    ck_assert_str_eq(text_at("result.list.0.execPrice"), "0.0");
    ck_assert_str_eq(text_at("result.list.0.execFee"), "0");
}
END_TEST

START_TEST(trades_and_greeks_are_told_by_coin)
{
    int descriptor = dial_socket("/v5/public/option");

    send_frame(descriptor, "{\"op\":\"subscribe\",\"args\":[\"publicTrade.ETH\"]}");
    ck_assert(read_frame(descriptor));
    ck_assert_int_eq(order("'side':'Buy','orderType':'Market','qty':'0.01','orderLinkId':'b'"), 0);
    ck_assert_int_eq(order_ether("'side':'Buy','orderType':'Market','qty':'1',"
                                 "'orderLinkId':'e'"),
                     0);
    ck_assert(wait_for(descriptor, "\"topic\":\"publicTrade.ETH\""));
    ck_assert_ptr_nonnull(strstr(answer, ether));
    ck_assert_ptr_null(strstr(answer, symbol));
    ck_assert_int_eq(rows("/v5/asset/coin-greeks", ""), 2);
    ck_assert_int_eq(rows("/v5/asset/coin-greeks", "baseCoin=ETH"), 1);
    ck_assert_str_eq(text_at("result.list.0.baseCoin"), "ETH");
    (void)close(descriptor);
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
        { executions_are_of_btc_unless_a_coin_is_named, 0 },
        { orders_and_positions_are_of_all_coins, 0 },
        { a_delivery_settles_the_position_and_ends_its_orders, 0 },
        { an_option_out_of_the_money_is_settled_at_nothing, 0 },
        { trades_and_greeks_are_told_by_coin, 0 },
    };

    return run_trade_tests_with("sim/options", setup_option, tests, ARRAY_LEN(tests));
}
