/* Hedge mode: the switch, two positions of a symbol, and which order means which. */
#include "base/text.h"
#include "test_sim_trade.h"

#define SWITCH "/v5/position/switch-mode"
#define CREATE "/v5/order/create"
#define LIST   "/v5/position/list"

static void hedge(void)
{
    ck_assert_int_eq(post(SWITCH, "{'category':'linear','symbol':'BTCUSDT','mode':3}"), 0);
}

static int order(const char *side, int idx, const char *qty, const char *more)
{
    return post(CREATE,
                "{'category':'linear','symbol':'BTCUSDT','side':'%s','positionIdx':%d,"
                "'orderType':'Market','qty':'%s'%s}",
                side, idx, qty, more);
}

static const struct {
    const char *body;
    int code;
} refused[] = {
    { "{'category':'linear','symbol':'BTCUSDT','mode':0}", 110025 },
    { "{'category':'linear','symbol':'BTCUSDT','mode':1}", 10001 },
    { "{'category':'linear','symbol':'BTCUSDT'}", 10001 },
    { "{'category':'linear','mode':3}", 10001 },
    { "{'category':'linear','symbol':'NOSUCH','mode':3}", 10001 },
    { "{'category':'inverse','symbol':'BTCUSD','mode':3}", 110029 },
    { "{'category':'spot','symbol':'BTCUSDT','mode':3}", 10001 },
};

START_TEST(a_switch_that_cannot_be_is_refused)
{
    int code = post(SWITCH, "%s", refused[_i].body);

    ck_assert_msg(code == refused[_i].code, "%s: %d %s", refused[_i].body, code, text_at("retMsg"));
}
END_TEST

START_TEST(the_mode_switches_only_without_position_and_orders)
{
    accept_order("'side':'Buy','orderType':'Limit','qty':'0.01','price':'90000'");
    ck_assert_int_eq(post(SWITCH, "{'category':'linear','symbol':'BTCUSDT','mode':3}"), 110028);
    accept_order("'side':'Buy','orderType':'Market','qty':'0.01'");
    ck_assert_int_eq(post(SWITCH, "{'category':'linear','symbol':'BTCUSDT','mode':3}"), 110024);
    /* A coin means what is idle. */
    ck_assert_int_eq(post(SWITCH, "{'category':'linear','coin':'USDT','mode':3}"), 0);
    ck_assert_int_eq(rows(LIST, "category=linear&symbol=BTCUSDT"), 1);
    ck_assert_int_eq(rows(LIST, "category=linear&symbol=ETHUSDT"), 2);
    ck_assert_int_eq(post(SWITCH, "{'category':'linear','symbol':'ETHUSDT','mode':3}"), 110025);
}
END_TEST

START_TEST(an_order_must_name_its_side)
{
    ck_assert_int_eq(order("Buy", 1, "0.01", ""), 10001);
    ck_assert_str_eq(text_at("retMsg"), "position idx not match position mode");
    hedge();
    ck_assert_int_eq(order("Buy", 0, "0.01", ""), 10001);
    ck_assert_str_eq(text_at("retMsg"), "position idx not match position mode");
    ck_assert_int_eq(post(CREATE, "{'category':'linear','symbol':'BTCUSDT','side':'Buy',"
                                  "'orderType':'Market','qty':'0.01'}"),
                     10001);
    ck_assert_int_eq(order("Buy", 3, "0.01", ""), 10001);
    ck_assert_int_eq(order("Buy", 1, "0.01", ",'reduceOnly':true"), 110017);
    ck_assert_int_eq(order("Sell", 1, "0.01", ""), 110017);
}
END_TEST

START_TEST(two_positions_stand_apart)
{
    hedge();
    ck_assert_int_eq(order("Buy", 1, "0.3", ""), 0);
    ck_assert_int_eq(order("Sell", 2, "0.1", ",'orderLinkId':'short'"), 0);
    ck_assert_int_eq(rows(LIST, "category=linear&symbol=BTCUSDT"), 2);
    ck_assert_int_eq(int_at("result.list.0.positionIdx"), 1);
    ck_assert_str_eq(text_at("result.list.0.side"), "Buy");
    ck_assert_str_eq(text_at("result.list.0.size"), "0.300");
    ck_assert_int_eq(int_at("result.list.1.positionIdx"), 2);
    ck_assert_str_eq(text_at("result.list.1.side"), "Sell");
    ck_assert_str_eq(text_at("result.list.1.size"), "0.100");
    (void)order_member("linear", "short", "side");
    ck_assert_int_eq(int_at("result.list.0.positionIdx"), 2);
    /* Closing one is a trade of the other side, and never more than there is. */
    ck_assert_int_eq(order("Sell", 1, "0.5", ",'reduceOnly':true,'orderLinkId':'close'"), 0);
    ck_assert_str_eq(order_member("linear", "close", "cumExecQty"), "0.300");
    ck_assert_int_eq(rows(LIST, "category=linear&settleCoin=USDT"), 1);
    ck_assert_int_eq(int_at("result.list.0.positionIdx"), 2);
}
END_TEST

START_TEST(each_side_has_its_own_stops)
{
    hedge();
    ck_assert_int_eq(order("Buy", 1, "0.3", ",'takeProfit':'95000'"), 0);
    ck_assert_int_eq(order("Sell", 2, "0.1", ""), 0);
    ck_assert_int_eq(post("/v5/position/trading-stop",
                          "{'category':'linear','symbol':'BTCUSDT','positionIdx':0,"
                          "'tpslMode':'Full','stopLoss':'94000'}"),
                     10001);
    ck_assert_int_eq(post("/v5/position/trading-stop",
                          "{'category':'linear','symbol':'BTCUSDT','positionIdx':2,"
                          "'tpslMode':'Full','stopLoss':'94000'}"),
                     0);
    ck_assert_int_eq(rows(LIST, "category=linear&symbol=BTCUSDT"), 2);
    ck_assert_str_eq(text_at("result.list.0.takeProfit"), "95000.00");
    ck_assert_str_eq(text_at("result.list.0.stopLoss"), "");
    ck_assert_str_eq(text_at("result.list.1.stopLoss"), "94000.00");
    jump("BTCUSDT", "94001");
    ck_assert_int_eq(rows(LIST, "category=linear&settleCoin=USDT"), 1);
    ck_assert_int_eq(int_at("result.list.0.positionIdx"), 1);
}
END_TEST

START_TEST(leverage_is_alike_and_told_of_both_sides)
{
    int stream;

    hedge();
    stream = listen_to("position");
    ck_assert_int_eq(post("/v5/position/set-leverage",
                          "{'category':'linear','symbol':'BTCUSDT','buyLeverage':'5',"
                          "'sellLeverage':'6'}"),
                     10001);
    ck_assert_int_eq(post("/v5/position/set-leverage",
                          "{'category':'linear','symbol':'BTCUSDT','buyLeverage':'5',"
                          "'sellLeverage':'5'}"),
                     0);
    ck_assert(read_frame(stream));
    keep(cJSON_Parse(answer));
    ck_assert_int_eq(int_at("data.0.positionIdx"), 1);
    ck_assert_str_eq(text_at("data.0.leverage"), "5");
    ck_assert_int_eq(int_at("data.1.positionIdx"), 2);
    (void)close(stream);
}
END_TEST

START_TEST(funding_is_settled_for_both)
{
    hedge();
    ck_assert_int_eq(order("Buy", 1, "0.3", ""), 0);
    ck_assert_int_eq(order("Sell", 2, "0.1", ""), 0);
    control("/sim/funding", "{\"symbol\":\"BTCUSDT\"}");
    ck_assert_int_eq(rows("/v5/execution/list", "category=linear&execType=Funding"), 2);
}
END_TEST

int main(void)
{
    const struct trade_test tests[] = {
        { a_switch_that_cannot_be_is_refused, ARRAY_LEN(refused) },
        { the_mode_switches_only_without_position_and_orders, 0 },
        { an_order_must_name_its_side, 0 },
        { two_positions_stand_apart, 0 },
        { each_side_has_its_own_stops, 0 },
        { leverage_is_alike_and_told_of_both_sides, 0 },
        { funding_is_settled_for_both, 0 },
    };

    return run_trade_tests("sim/hedge", tests, ARRAY_LEN(tests));
}
