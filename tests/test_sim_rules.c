/* Splitting, closing all, slippage, self-match prevention, the greatest sizes. */
#include "base/text.h"
#include "test_sim_trade.h"

#define CREATE "/v5/order/create"

static int create(const char *members)
{
    return post(CREATE, "{'category':'linear','symbol':'BTCUSDT',%s}", members);
}

/* SOLUSDT: at most 15000 at market; 100 USDT of margin are worth 1000. */
static void hold_sol(const char *qty)
{
    jump("SOLUSDT", "10");
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(post(CREATE,
                              "{'category':'linear','symbol':'SOLUSDT','side':'Buy',"
                              "'orderType':'Limit','qty':'%s','price':'9.5'}",
                              qty),
                         0);
    jump("SOLUSDT", "9"); /* both fill */
}

static int sol(const char *members)
{
    return post(CREATE, "{'category':'linear','symbol':'SOLUSDT','side':'Sell',%s}", members);
}

START_TEST(a_reduce_only_order_above_the_greatest_size_becomes_several)
{
    hold_sol("18000");
    ck_assert_int_eq(sol("'orderType':'Market','qty':'16000'"), 10001);
    ck_assert_int_eq(sol("'orderType':'Market','qty':'36000','reduceOnly':true,"
                         "'orderLinkId':'big'"),
                     0);
    ck_assert_str_eq(text_at("result.orderLinkId"), "big");
    ck_assert_int_eq(
        rows("/v5/order/realtime", "category=linear&symbol=SOLUSDT&openOnly=1&limit=3"), 3);
    ck_assert_str_eq(text_at("result.list.2.orderLinkId"), "big");
    ck_assert_str_eq(text_at("result.list.2.qty"), "15000.0");
    ck_assert_str_eq(text_at("result.list.1.orderLinkId"), "");
    ck_assert_str_eq(text_at("result.list.1.qty"), "15000.0");
    ck_assert_str_eq(text_at("result.list.0.qty"), "6000.0");
}
END_TEST

START_TEST(closing_all_is_one_order_of_at_most_the_greatest_size)
{
    hold_sol("9000");
    ck_assert_int_eq(sol("'orderType':'Market','qty':'0','reduceOnly':true"), 110017);
    ck_assert_int_eq(sol("'orderType':'Market','qty':'0','closeOnTrigger':true"), 110017);
    ck_assert_int_eq(sol("'orderType':'Limit','price':'12','qty':'0','reduceOnly':true,"
                         "'closeOnTrigger':true,'orderLinkId':'all'"),
                     0);
    ck_assert_str_eq(order_member("linear", "all", "qty"), "18000.0");
    ck_assert_int_eq(sol("'orderType':'Market','qty':'0','reduceOnly':true,"
                         "'closeOnTrigger':true,'orderLinkId':'now'"),
                     0);
    ck_assert_str_eq(order_member("linear", "now", "qty"), "15000.0");
    ck_assert_str_eq(order_member("linear", "all", "orderStatus"), "New");
    ck_assert_str_ne(text_at("result.list.0.qty"), "18000.0"); /* cut to the position */
}
END_TEST

/* --- slippage --- */

static const struct {
    const char *members;
    int code;
} slips[] = {
    { "'slippageToleranceType':'TickSize','slippageTolerance':'0'", 110108 },
    { "'slippageToleranceType':'TickSize','slippageTolerance':'10001'", 110108 },
    { "'slippageToleranceType':'TickSize','slippageTolerance':'1.5'", 110108 },
    { "'slippageToleranceType':'Percent','slippageTolerance':'0.009'", 110109 },
    { "'slippageToleranceType':'Percent','slippageTolerance':'10.01'", 110109 },
    { "'slippageToleranceType':'Percent','slippageTolerance':'0'", 110109 },
    { "'slippageToleranceType':'Points','slippageTolerance':'1'", 10001 },
    { "'slippageToleranceType':'Percent'", 10001 },
    { "'slippageTolerance':'1'", 10001 },
    { "'slippageToleranceType':'Percent','slippageTolerance':'1','triggerPrice':'95000',"
      "'triggerDirection':1",
      10001 },
    { "'slippageToleranceType':'Percent','slippageTolerance':'10'", 0 },
    { "'slippageToleranceType':'Percent','slippageTolerance':'0.01'", 0 },
    { "'slippageToleranceType':'TickSize','slippageTolerance':'10000'", 0 },
};

START_TEST(a_slippage_tolerance_has_bounds)
{
    int code = post(CREATE,
                    "{'category':'linear','symbol':'BTCUSDT','side':'Buy','orderType':'Market',"
                    "'qty':'0.001',%s}",
                    slips[_i].members);

    ck_assert_msg(code == slips[_i].code, "%s: %d %s", slips[_i].members, code, text_at("retMsg"));
}
END_TEST

START_TEST(slippage_ends_where_it_was_told_to)
{
    /* Best ask 93000.5, the next one half a dollar on: five ticks. */
    ck_assert_int_eq(create("'side':'Buy','orderType':'Market','qty':'5','orderLinkId':'s',"
                            "'slippageToleranceType':'TickSize','slippageTolerance':'5'"),
                     0);
    ck_assert_str_eq(status_of("s"), "Cancelled");
    ck_assert_str_eq(text_at("result.list.0.price"), "93001.00");
    ck_assert_str_eq(text_at("result.list.0.slippageToleranceType"), "TickSize");
    ck_assert_str_eq(text_at("result.list.0.slippageTolerance"), "5");
    ck_assert_int_eq(rows("/v5/execution/list", "category=linear&orderLinkId=s"), 2);
    ck_assert_int_eq(create("'side':'Sell','orderType':'Market','qty':'0.001','orderLinkId':'t',"
                            "'slippageToleranceType':'Percent','slippageTolerance':'1'"),
                     0);
    ck_assert_str_eq(order_member("linear", "t", "price"), "92069.60");
}
END_TEST

/* --- self-match prevention --- */

static const struct {
    const char *rule;
    const char *maker; /* what becomes of them */
    const char *taker;
} matches[] = {
    { "None", "Filled", "Filled" },
    { "CancelMaker", "Cancelled", "New" },
    { "CancelTaker", "New", "Cancelled" },
    { "CancelBoth", "Cancelled", "Cancelled" },
};

START_TEST(the_order_that_comes_in_says_what_happens_when_it_meets_its_own)
{
    char members[256];

    accept_order("'side':'Buy','orderType':'Limit','qty':'0.1','price':'93000.3',"
                 "'orderLinkId':'maker','smpType':'CancelBoth'");
    (void)snprintf(members, sizeof(members),
                   "'side':'Sell','orderType':'Limit','qty':'0.1','price':'93000.2',"
                   "'orderLinkId':'taker','smpType':'%s'",
                   matches[_i].rule);
    ck_assert_int_eq(create(members), 0);
    ck_assert_str_eq(status_of("maker"), matches[_i].maker);
    if (strcmp(matches[_i].maker, "Cancelled") == 0) {
        ck_assert_str_eq(text_at("result.list.0.cancelType"), "CancelBySmp");
        ck_assert_str_ne(text_at("result.list.0.smpOrderId"), "");
    }
    ck_assert_str_eq(status_of("taker"), matches[_i].taker);
    ck_assert_str_eq(text_at("result.list.0.smpType"), matches[_i].rule);
    if (strcmp(matches[_i].taker, "Cancelled") == 0)
        ck_assert_str_eq(text_at("result.list.0.rejectReason"), "EC_BySelfMatch");
}
END_TEST

START_TEST(an_unknown_rule_is_refused)
{
    ck_assert_int_eq(create("'side':'Buy','orderType':'Market','qty':'0.001','smpType':'Maybe'"),
                     10001);
}
END_TEST

/* --- sizes --- */

static const struct {
    const char *body;
    int code;
} sizes[] = {
    /* spot: 83 for limit orders, ten times as much when they only make */
    { "{'category':'spot','symbol':'BTCUSDT','side':'Sell','orderType':'Limit','qty':'84',"
      "'price':'95000'}",
      170124 },
    { "{'category':'spot','symbol':'BTCUSDT','side':'Sell','orderType':'Limit','qty':'84',"
      "'price':'95000','timeInForce':'PostOnly'}",
      170131 },
    { "{'category':'spot','symbol':'BTCUSDT','side':'Sell','orderType':'Limit','qty':'831',"
      "'price':'95000','timeInForce':'PostOnly'}",
      170124 },
    { "{'category':'linear','symbol':'BTCUSDT','side':'Sell','orderType':'Limit','qty':'1191',"
      "'price':'95000','timeInForce':'PostOnly'}",
      10001 },
    { "{'category':'linear','symbol':'BTCUSDT','side':'Sell','orderType':'Limit','qty':'0.01',"
      "'price':'95000','timeInForce':'RPI'}",
      110119 },
    { "{'category':'spot','symbol':'BTCUSDT','side':'Sell','orderType':'Limit','qty':'0.01',"
      "'price':'95000','timeInForce':'RPI'}",
      170355 },
};

START_TEST(making_only_has_its_own_greatest_size)
{
    int code = post(CREATE, "%s", sizes[_i].body);

    ck_assert_msg(code == sizes[_i].code, "%s: %d %s", sizes[_i].body, code, text_at("retMsg"));
}
END_TEST

int main(void)
{
    const struct trade_test tests[] = {
        { a_reduce_only_order_above_the_greatest_size_becomes_several, 0 },
        { closing_all_is_one_order_of_at_most_the_greatest_size, 0 },
        { a_slippage_tolerance_has_bounds, ARRAY_LEN(slips) },
        { slippage_ends_where_it_was_told_to, 0 },
        { the_order_that_comes_in_says_what_happens_when_it_meets_its_own, ARRAY_LEN(matches) },
        { an_unknown_rule_is_refused, 0 },
        { making_only_has_its_own_greatest_size, ARRAY_LEN(sizes) },
    };

    return run_trade_tests("sim/rules", tests, ARRAY_LEN(tests));
}
