/* What lists still show of the past, what they do not show yet, and the transaction log. */
#include "base/text.h"
#include "test_sim_trade.h"

#define REALTIME "/v5/order/realtime"
#define HISTORY  "/v5/order/history"
#define LOG      "/v5/account/transaction-log"
#define DAY_MS   INT64_C(86400000)

static int spot(const char *members)
{
    return post("/v5/order/create", "{'category':'spot','symbol':'BTCUSDT',%s}", members);
}

static void cancel_all(void)
{
    ck_assert_int_eq(post("/v5/order/cancel-all", "{'category':'linear','symbol':'BTCUSDT'}"), 0);
}

static void age_days(int64_t days)
{
    char body[64];

    (void)snprintf(body, sizeof(body), "{\"ms\":%" PRId64 "}", days * DAY_MS + 1000);
    control("/sim/age", body);
}

START_TEST(what_never_filled_is_forgotten_after_a_day)
{
    accept_order("'side':'Buy','orderType':'Limit','qty':'0.01','price':'90000',"
                 "'orderLinkId':'none'");
    accept_order("'side':'Buy','orderType':'Market','qty':'0.01','triggerPrice':'95000',"
                 "'triggerDirection':1,'orderLinkId':'stop'");
    accept_order("'side':'Buy','orderType':'Limit','qty':'5','price':'93000.5',"
                 "'timeInForce':'IOC','orderLinkId':'part'");
    accept_order("'side':'Buy','orderType':'Market','qty':'0.01','orderLinkId':'all'");
    cancel_all();
    ck_assert_int_eq(rows(HISTORY, "category=linear&symbol=BTCUSDT"), 4);
    ck_assert_int_eq(rows(HISTORY, "category=linear&orderFilter=StopOrder"), 1);
    ck_assert_int_eq(rows(HISTORY, "category=linear&orderStatus=Deactivated"), 1);
    age_days(1);
    ck_assert_int_eq(rows(HISTORY, "category=linear&symbol=BTCUSDT"), 2);
    ck_assert_int_eq(rows(HISTORY, "category=linear&orderLinkId=none"), 0);
    ck_assert_int_eq(rows(HISTORY, "category=linear&orderLinkId=part"), 1);
    age_days(10); /* outside of the window of seven days, but asked for */
    ck_assert_int_eq(rows(HISTORY, "category=linear&symbol=BTCUSDT"), 0);
    ck_assert_int_eq(rows(HISTORY, "category=linear&orderLinkId=all"), 1);
    ck_assert_int_eq(rows("/v5/execution/list", "category=linear&symbol=BTCUSDT"), 0);
    ck_assert_int_ge(rows("/v5/execution/list", "category=linear&orderLinkId=all"), 1);
}
END_TEST

START_TEST(the_open_list_knows_the_last_five_hundred_and_loses_them_at_a_restart)
{
    accept_order("'side':'Buy','orderType':'Market','qty':'0.001','orderLinkId':'first'");
    for (int i = 0; i < 499; i++)
        accept_order("'side':'Buy','orderType':'Limit','qty':'0.001','price':'90000',"
                     "'timeInForce':'IOC'");
    ck_assert_str_eq(status_of("first"), "Filled");
    accept_order("'side':'Buy','orderType':'Market','qty':'0.001','orderLinkId':'last'");
    ck_assert_int_eq(rows(REALTIME, "category=linear&symbol=BTCUSDT&orderLinkId=first"), 0);
    ck_assert_int_eq(rows(HISTORY, "category=linear&orderLinkId=first"), 1);
    ck_assert_int_eq(rows(REALTIME, "category=linear&symbol=BTCUSDT&orderLinkId=last"), 1);
    control("/sim/forget", "{}");
    ck_assert_int_eq(rows(REALTIME, "category=linear&symbol=BTCUSDT&orderLinkId=last"), 0);
    ck_assert_int_eq(rows(REALTIME, "category=linear&symbol=BTCUSDT&openOnly=1"), 0);
    ck_assert_int_eq(rows(HISTORY, "category=linear&orderLinkId=last"), 1);
}
END_TEST

START_TEST(lists_can_lag_behind)
{
    control("/sim/limits", "{\"lookup_lag_ms\":300,\"history_lag_ms\":600}");
    accept_order("'side':'Buy','orderType':'Market','qty':'0.001','orderLinkId':'one'");
    ck_assert_int_eq(rows(REALTIME, "category=linear&symbol=BTCUSDT&orderLinkId=one"), 0);
    ck_assert_int_eq(rows("/v5/execution/list", "category=linear&orderLinkId=one"), 0);
    (void)usleep(320000);
    ck_assert_int_eq(rows(REALTIME, "category=linear&symbol=BTCUSDT&orderLinkId=one"), 1);
    ck_assert_int_eq(rows("/v5/execution/list", "category=linear&orderLinkId=one"), 1);
    ck_assert_int_eq(rows(HISTORY, "category=linear&orderLinkId=one"), 0);
    (void)usleep(320000);
    ck_assert_int_eq(rows(HISTORY, "category=linear&orderLinkId=one"), 1);
}
END_TEST

START_TEST(pages_go_on_where_the_last_one_ended)
{
    char query[256] = "category=linear&symbol=BTCUSDT&limit=2";
    int seen = 0;

    for (int i = 0; i < 5; i++)
        accept_order("'side':'Buy','orderType':'Market','qty':'0.001'");
    for (int page = 0; page < 3; page++) {
        seen += rows(HISTORY, query);
        (void)snprintf(query, sizeof(query), "category=linear&symbol=BTCUSDT&limit=2&cursor=%s",
                       text_at("result.nextPageCursor"));
    }
    ck_assert_int_eq(seen, 5);
    ck_assert_str_eq(text_at("result.nextPageCursor"), "");
}
END_TEST

/* --- transaction log --- */

START_TEST(the_log_says_what_a_contract_did_to_its_coin)
{
    accept_order("'side':'Buy','orderType':'Limit','qty':'0.1','price':'93000.5',"
                 "'orderLinkId':'open'");
    jump("BTCUSDT", "94000");
    accept_order("'side':'Sell','orderType':'Limit','qty':'0.1','price':'93999.5'");
    ck_assert_int_eq(rows(LOG, "accountType=UNIFIED&category=linear&currency=USDT"), 2);
    ck_assert_str_eq(text_at("result.list.1.orderLinkId"), "open");
    ck_assert_str_eq(text_at("result.list.1.type"), "TRADE");
    ck_assert_str_eq(text_at("result.list.1.cashFlow"), "0");
    ck_assert_str_eq(text_at("result.list.1.fee"), "5.1150275");
    ck_assert_str_eq(text_at("result.list.1.change"), "-5.1150275");
    ck_assert_str_eq(text_at("result.list.1.cashBalance"), "99994.8849725");
    ck_assert_str_eq(text_at("result.list.1.size"), "0.100");
    ck_assert_str_eq(text_at("result.list.1.funding"), "");
    ck_assert_str_eq(text_at("result.list.0.cashFlow"), "99.9");
    ck_assert_str_eq(text_at("result.list.0.size"), "0.000");
    ck_assert_str_eq(text_at("result.list.0.change"), "94.7300275");
    ck_assert_str_eq(text_at("result.list.0.cashBalance"), "100089.615");
}
END_TEST

START_TEST(funding_has_the_other_sign_there)
{
    char fee[64];

    accept_order("'side':'Buy','orderType':'Market','qty':'0.1'");
    control("/sim/funding", "{\"symbol\":\"BTCUSDT\"}");
    ck_assert_int_eq(rows("/v5/execution/list", "category=linear&execType=Funding"), 1);
    (void)snprintf(fee, sizeof(fee), "%s", text_at("result.list.0.execFee"));
    ck_assert_int_eq(rows(LOG, "type=SETTLEMENT"), 1);
    if (fee[0] == '-')
        ck_assert_str_eq(text_at("result.list.0.funding"), fee + 1);
    else
        ck_assert_str_eq(text_at("result.list.0.funding") + 1, fee);
    ck_assert_str_eq(text_at("result.list.0.change"), text_at("result.list.0.funding"));
    ck_assert_str_eq(text_at("result.list.0.fee"), "0");
    ck_assert_str_eq(text_at("result.list.0.orderId"), "");
}
END_TEST

START_TEST(a_spot_trade_has_a_row_for_each_coin)
{
    ck_assert_int_eq(
        spot("'side':'Buy','orderType':'Limit','qty':'0.1','price':'93000.5','orderLinkId':'s'"),
        0);
    ck_assert_int_eq(rows(LOG, "category=spot"), 2);
    ck_assert_int_eq(rows(LOG, "category=spot&currency=BTC"), 1);
    ck_assert_str_eq(text_at("result.list.0.cashFlow"), "0.100000");
    ck_assert_str_eq(text_at("result.list.0.fee"), "0.0001");
    ck_assert_str_eq(text_at("result.list.0.cashBalance"), "1.0999");
    ck_assert_int_eq(rows(LOG, "category=spot&currency=USDT"), 1);
    ck_assert_str_eq(text_at("result.list.0.cashFlow"), "-9300.05");
    ck_assert_str_eq(text_at("result.list.0.fee"), "0");
    ck_assert_str_eq(text_at("result.list.0.change"), "-9300.05");
    ck_assert_str_eq(text_at("result.list.0.cashBalance"), "90699.95");
}
END_TEST

START_TEST(its_window_is_a_day_and_its_pages_are_small)
{
    char query[256];
    int64_t now_ms = clock_wall_ms();

    for (int i = 0; i < 3; i++)
        accept_order("'side':'Buy','orderType':'Limit','qty':'0.001','price':'93000.5'");
    ck_assert_int_eq(rows(LOG, "limit=2"), 2);
    (void)snprintf(query, sizeof(query), "limit=2&cursor=%s", text_at("result.nextPageCursor"));
    ck_assert_int_eq(rows(LOG, query), 1);
    ck_assert_str_eq(text_at("result.nextPageCursor"), "");
    keep(ask_json("GET", LOG, "limit=51", ""));
    ck_assert_int_eq(int_at("retCode"), 10001);
    keep(ask_json("GET", LOG, "accountType=FUND", ""));
    ck_assert_int_eq(int_at("retCode"), 10001);
    age_days(1);
    ck_assert_int_eq(rows(LOG, ""), 0);
    (void)snprintf(query, sizeof(query), "startTime=%" PRId64, now_ms - 2 * DAY_MS);
    ck_assert_int_eq(rows(LOG, query), 3);
    (void)snprintf(query, sizeof(query), "endTime=%" PRId64, now_ms - DAY_MS / 2);
    ck_assert_int_eq(rows(LOG, query), 3);
    (void)snprintf(query, sizeof(query), "startTime=%" PRId64 "&endTime=%" PRId64,
                   now_ms - 8 * DAY_MS, now_ms);
    keep(ask_json("GET", LOG, query, ""));
    ck_assert_int_eq(int_at("retCode"), 10001);
}
END_TEST

int main(void)
{
    const struct trade_test tests[] = {
        { what_never_filled_is_forgotten_after_a_day, 0 },
        { the_open_list_knows_the_last_five_hundred_and_loses_them_at_a_restart, 0 },
        { lists_can_lag_behind, 0 },
        { pages_go_on_where_the_last_one_ended, 0 },
        { the_log_says_what_a_contract_did_to_its_coin, 0 },
        { funding_has_the_other_sign_there, 0 },
        { a_spot_trade_has_a_row_for_each_coin, 0 },
        { its_window_is_a_day_and_its_pages_are_small, 0 },
    };

    return run_trade_tests("sim/lists", tests, ARRAY_LEN(tests));
}
