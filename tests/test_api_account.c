/* /positions, /balance, /account and /fees, driven without sockets: which answer comes from memory
 * and which over REST, and what hostile answers of the exchange do. */
#include "base/json.h"
#include "test_api_run.h"

#define ENVELOPE(result)                                                                           \
    "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":" result ",\"time\":1700000000123}"
#define EMPTY ENVELOPE("{\"list\":[],\"nextPageCursor\":\"\"}")
#define ITEM(symbol, side, size, idx)                                                              \
    "{\"symbol\":\"" symbol "\",\"side\":\"" side "\",\"size\":\"" size                            \
    "\",\"avgPrice\":\"100.5\",\"positionIdx\":" idx ",\"leverage\":\"10\",\"markPrice\":\"101\"," \
    "\"updatedTime\":\"1700000000000\",\"seq\":7}"

/* The exchange's answers, by what is asked. */
static struct {
    const char *symbol, *usdt, *inverse, *option, *wallet, *fund, *info, *fees;
    struct key_check *key;
} says;

static void set_body(long http_status, const char *body)
{
    kit.answer = (struct rest_answer){
        .answered = true, .http_status = http_status, .body = body, .body_bytes = strlen(body)
    };
}

static const char *positions_for(const char *query)
{
    if (strstr(query, "&symbol="))
        return says.symbol;
    if (strstr(query, "settleCoin=USDT"))
        return says.usdt;
    if (strstr(query, "category=inverse"))
        return says.inverse;
    return strstr(query, "category=option") ? says.option : EMPTY;
}

static const char *body_for(enum bybit_route route, const char *query)
{
    if (route == ROUTE_POSITIONS)
        return positions_for(query);
    if (route == ROUTE_WALLET)
        return says.wallet;
    if (route == ROUTE_FUND_BALANCE)
        return says.fund;
    if (route == ROUTE_ACCOUNT_INFO)
        return says.info;
    return says.fees;
}

static bool no_turn;

static void on_read(enum bybit_route route, const char *query)
{
    const char *body = body_for(route, query);

    if (no_turn)
        kit.answer = (struct rest_answer){ .throttled = true, .retry_after_ms = 2500, .body = "" };
    else if (body)
        set_body(200, body);
    else
        kit.answer = (struct rest_answer){ .body = "" };
}

static void publish_coins(void)
{
    struct instrument list[] = { kit_instrument(CATEGORY_LINEAR, "BTCUSDT"),
                                 kit_instrument(CATEGORY_INVERSE, "BTCUSD"),
                                 kit_instrument(CATEGORY_SPOT, "BTCUSDT") };
    struct instruments *all;

    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        memcpy(list[i].base, "BTC", 4);
        memcpy(list[i].quote, "USDT", 5);
    }
    all = instruments_create(list, ARRAY_LEN(list), 1700000000000);
    ck_assert_ptr_nonnull(all);
    instruments_publish(kit.api.instruments, all);
}

static void open_account(void)
{
    const struct account_config config = { .settle_ms = 1 };

    kit_open();
    publish_coins();
    kit.on_read = on_read;
    kit.api.reads = (struct reads *)&says;
    kit.api.account = account_create(&config);
    ck_assert_ptr_nonnull(kit.api.account);
    account_attach(kit.api.account, kit.api.reads, kit.api.market);
    says.usdt = ENVELOPE("{\"list\":[" ITEM("BTCUSDT", "Buy", "0.5", "0") "]}");
    says.symbol = ENVELOPE("{\"list\":[" ITEM("BTCUSDT", "Buy", "0.75", "0") "]}");
    says.inverse = says.option = EMPTY;
    says.wallet = ENVELOPE("{\"list\":[{\"totalEquity\":\"1000\",\"totalAvailableBalance\":\"900\","
                           "\"totalInitialMargin\":\"100\",\"coin\":[{\"coin\":\"USDT\","
                           "\"walletBalance\":\"1000\",\"locked\":\"1\",\"totalPositionIM\":"
                           "\"99\"}]}]}");
    says.fund = ENVELOPE("{\"balance\":[{\"coin\":\"USDT\",\"walletBalance\":\"25\","
                         "\"transferBalance\":\"20\"}]}");
    says.info = ENVELOPE("{\"marginMode\":\"ISOLATED_MARGIN\",\"unifiedMarginStatus\":6,"
                         "\"spotHedgingStatus\":\"ON\",\"updatedTime\":\"1697078946000\"}");
    says.fees = ENVELOPE("{\"list\":[{\"symbol\":\"ETHUSDT\",\"makerFeeRate\":\"1\","
                         "\"takerFeeRate\":\"1\"},{\"symbol\":\"BTCUSDT\",\"makerFeeRate\":"
                         "\"-0.0001\",\"takerFeeRate\":\"0.00055\"}]}");
}

static void close_account(void)
{
    account_destroy(kit.api.account);
    key_check_destroy(says.key);
    says.key = NULL;
    kit_close();
}

static void come_up(void)
{
    account_on_private(kit.api.account, true);
    kit.reads = 0;
}

/* --- positions --- */

START_TEST(while_the_stream_keeps_them_positions_come_from_memory)
{
    come_up();
    ck_assert_int_eq(kit_get("/positions"), 200);
    ck_assert_uint_eq(kit.reads, 0);
    ck_assert(kit_says("\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":\"0.5\",\"entry_price\":"
                       "\"100.5\""));
    ck_assert(kit_says("\"source\":\"stream\"") && kit_says("\"next\":null"));
    ck_assert_str_eq(kit_header("Bridge-Source"), "stream");
    ck_assert_int_eq(kit_get("/positions/btcusdt"), 200);
    ck_assert_uint_eq(kit.reads, 0);
    ck_assert(kit_says("\"leverage\":\"10\"") && kit_says("\"position_idx\":0") &&
              kit_says("\"source\":\"stream\""));
    ck_assert_int_eq(kit_get("/positions/BTCUSDT?position_idx=0"), 200);
}
END_TEST

START_TEST(a_list_has_its_forms_and_its_category)
{
    come_up();
    ck_assert_int_eq(kit_get("/positions.csv"), 200);
    ck_assert(kit_says("category,symbol,side,qty,") && kit_says("linear,BTCUSDT,buy,0.5,100.5,"));
    ck_assert_int_eq(kit_get("/positions.ndjson?category=inverse"), 200);
    ck_assert(!kit.call.reply.data || !kit_says("BTCUSDT"));
    ck_assert_int_eq(kit_get("/positions?category=linear"), 200);
    ck_assert(kit_says("BTCUSDT"));
}
END_TEST

START_TEST(while_the_link_is_down_positions_are_read_over_rest)
{
    ck_assert_int_eq(kit_get("/positions"), 200);
    ck_assert_uint_eq(kit.reads, 4);
    ck_assert(kit_says("\"source\":\"rest\"") && kit_says("BTCUSDT"));
    come_up();
    account_on_private(kit.api.account, false);
    ck_assert_int_eq(kit_get("/positions/BTCUSDT"), 200);
    ck_assert(kit_says("\"source\":\"rest\"") && kit_says("\"qty\":\"0.75\""));
    ck_assert_uint_eq(kit.reads, 1);
    ck_assert_str_eq(kit.query, "category=linear&symbol=BTCUSDT");
    /* It is merged. */
    account_on_private(kit.api.account, true);
    says.usdt = EMPTY;
    kit.reads = 0;
    ck_assert_int_eq(kit_get("/positions/BTCUSDT?max_age=1h"), 200);
    ck_assert_uint_eq(kit.reads, 0);
}
END_TEST

START_TEST(what_is_older_than_max_age_is_read_anew)
{
    kit.answer_age_ms = 5000;
    come_up();
    ck_assert_int_eq(kit_get("/positions?max_age=1m"), 200);
    ck_assert_uint_eq(kit.reads, 0);
    /* The load that this makes is as old itself: it is refused, not shown. */
    ck_assert_int_eq(kit_get("/positions?max_age=1s"), 503);
    ck_assert_uint_eq(kit.reads, 4);
    ck_assert(kit_says("too_old"));
    kit.answer_age_ms = 0;
    ck_assert_int_eq(kit_get("/positions?max_age=1s"), 200);
    ck_assert(kit_says("\"source\":\"rest\""));
    ck_assert_int_eq(kit_get("/balance?max_age=1s"), 200);
    ck_assert_int_eq(kit_get("/positions?max_age=soon"), 400);
}
END_TEST

START_TEST(a_known_symbol_without_position_is_flat)
{
    says.symbol = EMPTY;
    ck_assert_int_eq(kit_get("/positions/inverse:BTCUSD"), 200);
    ck_assert(kit_says("\"side\":null,\"qty\":\"0\"") && kit_says("\"category\":\"inverse\""));
    ck_assert_int_eq(kit_get("/positions/NOPEUSDT"), 404);
    ck_assert(kit_says("unknown_symbol"));
    ck_assert_int_eq(kit_get("/positions/a%b"), 400);
    ck_assert(kit_says("invalid_symbol"));
}
END_TEST

START_TEST(spot_has_no_positions)
{
    ck_assert_int_eq(kit_get("/positions/spot:BTCUSDT"), 422);
    ck_assert(kit_says("no_spot_position"));
    ck_assert_int_eq(kit_get("/positions?category=spot"), 422);
    ck_assert_int_eq(kit_get("/positions/BTCUSDT?category=spot"), 422);
    ck_assert_int_eq(kit_get("/positions?category=shoes"), 400);
    ck_assert_uint_eq(kit.reads, 0);
}
END_TEST

START_TEST(in_hedge_mode_the_side_is_to_be_said)
{
    says.usdt = ENVELOPE("{\"list\":[" ITEM("BTCUSDT", "Buy", "0.5", "1") "," ITEM(
        "BTCUSDT", "Sell", "0.25", "2") "," ITEM("ETHUSDT", "Sell", "3", "2") "]}");
    come_up();
    ck_assert_int_eq(kit_get("/positions/BTCUSDT"), 422);
    ck_assert(kit_says("position_idx_needed") && kit_says("position_idx=1"));
    ck_assert_int_eq(kit_get("/positions/BTCUSDT?position_idx=0"), 422);
    ck_assert_int_eq(kit_get("/positions/BTCUSDT?position_idx=1"), 200);
    ck_assert(kit_says("\"side\":\"buy\",\"qty\":\"0.5\""));
    ck_assert_int_eq(kit_get("/positions/BTCUSDT?position_idx=2"), 200);
    ck_assert(kit_says("\"side\":\"sell\",\"qty\":\"0.25\""));
    /* With one side open it is the same question, so that a script does not break later. */
    ck_assert_int_eq(kit_get("/positions/ETHUSDT"), 422);
    ck_assert_int_eq(kit_get("/positions/ETHUSDT?position_idx=1"), 200);
    ck_assert(kit_says("\"side\":null") && kit_says("\"position_idx\":1"));
    ck_assert_int_eq(kit_get("/positions/BTCUSDT?position_idx=3"), 400);
}
END_TEST

START_TEST(one_way_mode_has_one_position)
{
    come_up();
    ck_assert_int_eq(kit_get("/positions/BTCUSDT?position_idx=1"), 422);
    ck_assert(kit_says("position_idx_wrong"));
}
END_TEST

START_TEST(what_the_exchange_refuses_is_not_shown_as_empty)
{
    says.inverse = "{\"retCode\":10005,\"retMsg\":\"Permission denied\",\"result\":{}}";
    come_up();
    ck_assert_int_eq(kit_get("/positions?category=inverse"), 502);
    ck_assert(kit_says("Permission denied") && kit_says("10005"));
    ck_assert_int_eq(kit_get("/positions/inverse:BTCUSD"), 502);
    ck_assert_int_eq(kit_get("/positions"), 200);
    says.option = says.inverse;
    account_on_private(kit.api.account, false);
    ck_assert_int_eq(kit_get("/positions"), 200);
    ck_assert_int_eq(kit_get("/positions?category=option"), 502);
}
END_TEST

START_TEST(a_list_that_would_lack_some_is_not_shown)
{
    struct buffer body = buffer_of((size_t)4 << 20);

    buffer_add_text(&body, "{\"retCode\":0,\"result\":{\"list\":[");
    for (int i = 0; i < 10000; i++)
        buffer_addf(&body, "%s{\"symbol\":\"S%dUSDT\",\"side\":\"Buy\",\"size\":\"1\"}",
                    i ? "," : "", i);
    buffer_add_text(&body, "]}}");
    says.usdt = body.data;
    ck_assert_int_eq(kit_get("/positions"), 422);
    ck_assert(kit_says("too_many_positions"));
    ck_assert_int_eq(kit_get("/positions/BTCUSDT"), 422);
    buffer_deinit(&body);
}
END_TEST

static const char *const hostile[] = {
    NULL, /* no answer */
    "",
    "<html>",
    "{}",
    "{\"retCode\":\"x\"}",
    "{\"retCode\":10016,\"retMsg\":\"later\",\"result\":{}}",
    ENVELOPE("null"),
    ENVELOPE("[]"),
    ENVELOPE("{\"list\":{}}"),
    ENVELOPE("{\"list\":[7]}"),
    ENVELOPE("{\"list\":[{\"coin\":[{\"coin\":7}]}]}"),
    ENVELOPE("{\"list\":[],\"balance\":[{}],\"nextPageCursor\":[]}"),
};

START_TEST(what_is_no_answer_is_a_502_each_time)
{
    says.symbol = says.usdt = says.wallet = says.fund = says.fees = hostile[_i];
    says.info = _i < 6 ? hostile[_i] : says.info;
    ck_assert_int_eq(kit_get("/balance"), 502);
    ck_assert_int_eq(kit_get("/balance/USDT"), 502);
    ck_assert_int_eq(kit_get("/balance?account=fund"), 502);
    ck_assert_int_eq(kit_get("/fees/BTCUSDT"), 502);
    if (_i != 10) /* an empty list */
        ck_assert_int_eq(kit_get("/positions/BTCUSDT"), _i == 11 ? 200 : 502);
    /* A position that is not readable is left out, an account member that is not is null. */
    if (_i != 9 && _i != 10)
        ck_assert_int_eq(kit_get("/positions"), 502);
    if (_i < 6)
        ck_assert_int_eq(kit_get("/account"), 502);
    ck_assert_int_eq(kit.dones, 1);
}
END_TEST

/* Not busy: the limit of the exchange is the reason, and says when. */
START_TEST(a_read_without_a_turn_is_rate_limited)
{
    static const char *const paths[] = { "/positions",   "/positions/BTCUSDT",    "/balance",
                                         "/balance/BTC", "/balance?account=fund", "/account",
                                         "/fees/BTCUSDT" };

    no_turn = true;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        ck_assert_msg(kit_get(paths[i]) == 429 && kit_says("\"rate_limited\""), "%s: %s", paths[i],
                      kit.call.reply.data);
        ck_assert_str_eq(kit_header("Retry-After"), "3");
        ck_assert_ptr_nonnull(kit_header("RateLimit-Policy"));
    }
    no_turn = false;
}
END_TEST

START_TEST(a_full_inbox_is_busy)
{
    static const char *const paths[] = { "/positions",   "/positions/BTCUSDT",    "/balance",
                                         "/balance/BTC", "/balance?account=fund", "/account",
                                         "/fees/BTCUSDT" };

    kit.reads_err = ERR_BUSY;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        ck_assert_msg(kit_get(paths[i]) == 503 && kit_says("\"busy\""), "%s", paths[i]);
        ck_assert_ptr_nonnull(kit_header("Retry-After"));
    }
}
END_TEST

START_TEST(without_keys_there_is_no_account)
{
    static const char *const paths[] = { "/positions",   "/positions/BTCUSDT", "/balance",
                                         "/balance/BTC", "/account",           "/fees/BTCUSDT" };

    kit.api.has_keys = false;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        ck_assert_int_eq(kit_get(paths[i]), 401);
        ck_assert(kit_says("no_api_key"));
    }
}
END_TEST

/* --- balances --- */

START_TEST(the_balance_comes_from_memory)
{
    come_up();
    ck_assert_int_eq(kit_get("/balance"), 200);
    ck_assert_uint_eq(kit.reads, 0);
    ck_assert(kit_says("{\"equity\":\"1000\",\"available\":\"900\",\"margin_used\":\"100\","
                       "\"coins\":[{\"coin\":\"USDT\",\"wallet\":\"1000\",\"available\":\"900\","
                       "\"locked\":\"1\",\"equity\":null,\"unrealised_pnl\":null,"
                       "\"usd_value\":null}],\"as_of\":"));
    ck_assert_int_eq(kit_get("/balance?account=unified"), 200);
    ck_assert_int_eq(kit_get("/balance/usdt"), 200);
    ck_assert(kit_says("{\"coin\":\"USDT\",\"wallet\":\"1000\"") &&
              kit_says("\"source\":\"stream\""));
    ck_assert_uint_eq(kit.reads, 0);
}
END_TEST

START_TEST(a_coin_that_is_not_held_is_zero_and_one_that_does_not_exist_is_unknown)
{
    come_up();
    ck_assert_int_eq(kit_get("/balance/btc"), 200);
    ck_assert(kit_says("{\"coin\":\"BTC\",\"wallet\":\"0\",\"available\":\"0\",\"locked\":\"0\""));
    ck_assert_int_eq(kit_get("/balance/DOGGO"), 404);
    ck_assert(kit_says("unknown_coin"));
    ck_assert_int_eq(kit_get("/balance/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), 404);
    ck_assert_int_eq(kit_get("/balance/USDT?account=shoebox"), 400);
}
END_TEST

START_TEST(the_funding_wallet_is_read_and_kept_for_a_moment)
{
    come_up();
    ck_assert_int_eq(kit_get("/balance?account=fund"), 200);
    ck_assert_int_eq(kit.route, ROUTE_FUND_BALANCE);
    ck_assert_str_eq(kit.query, "accountType=FUND");
    ck_assert_int_eq(kit.cache_ms, 2000);
    ck_assert(kit_says("\"equity\":null") && kit_says("\"wallet\":\"25\",\"available\":\"20\""));
    ck_assert_int_eq(kit_get("/balance/USDT?account=fund&max_age=100ms"), 200);
    ck_assert_int_eq(kit.cache_ms, 100);
    ck_assert(kit_says("\"coin\":\"USDT\"") && kit_says("\"source\":\"rest\""));
    ck_assert_int_eq(kit_get("/balance/BTC?account=fund"), 200);
    ck_assert(kit_says("\"wallet\":\"0\"") && kit_says("\"locked\":null"));
    kit.answer_age_ms = 1000;
    ck_assert_int_eq(kit_get("/balance?account=fund&max_age=100ms"), 503);
}
END_TEST

/* --- account and fees --- */

START_TEST(the_account_is_in_words)
{
    ck_assert_int_eq(kit_get("/account"), 200);
    ck_assert(kit_says("{\"account_type\":\"unified_2_pro\",\"margin_mode\":\"isolated\","
                       "\"spot_hedging\":true,\"updated_at\":\"2023-10-12T02:49:06.000Z\","
                       "\"user_id\":null,\"key\":null,\"as_of\":"));
    says.info = ENVELOPE("{\"marginMode\":\"NEW_Mode\",\"unifiedMarginStatus\":{}}");
    ck_assert_int_eq(kit_get("/account"), 200);
    ck_assert(kit_says("{\"account_type\":null,\"margin_mode\":\"new_mode\",\"spot_hedging\":null,"
                       "\"updated_at\":null"));
}
END_TEST

START_TEST(the_account_says_what_the_key_may_do)
{
    const struct key_check_config config = { .allow_withdraw = true };

    says.key = key_check_create(&config);
    kit.api.key = says.key;
    says.fees = ENVELOPE("{\"readOnly\":1,\"permissions\":{\"Spot\":[\"SpotTrade\"],\"Wallet\":["
                         "\"Withdraw\"]},\"ips\":[\"1.2.3.4\"],\"userID\":77,"
                         "\"expiredAt\":\"2100-01-01T00:00:00Z\"}");
    key_check_begin(says.key, kit.api.reads);
    ck_assert_int_eq(kit_get("/account"), 200);
    ck_assert(kit_says("\"user_id\":\"77\",\"key\":{\"read_only\":true,\"can_withdraw\":true,"
                       "\"ip_bound\":true,\"permissions\":[\"Spot.SpotTrade\",\"Wallet.Withdraw\"],"
                       "\"expires_at\":\"2100-01-01T00:00:00.000Z\",\"as_of\":\""));
}
END_TEST

START_TEST(fees_are_the_symbols_own)
{
    ck_assert_int_eq(kit_get("/fees/btcusdt"), 200);
    ck_assert_str_eq(kit.query, "category=linear&symbol=BTCUSDT");
    ck_assert_int_ge(kit.cache_ms, 60000);
    ck_assert(kit_says("{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"maker\":\"-0.0001\","
                       "\"taker\":\"0.00055\",\"as_of\":"));
    ck_assert_int_eq(kit_get("/fees/NOPE"), 404);
    says.fees = ENVELOPE("{\"list\":[{\"symbol\":\"BTCUSDT\",\"makerFeeRate\":\"\","
                         "\"takerFeeRate\":\"1\"}]}");
    ck_assert_int_eq(kit_get("/fees/BTCUSDT"), 502);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_account");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, open_account, close_account);
    tcase_add_test(tcase, while_the_stream_keeps_them_positions_come_from_memory);
    tcase_add_test(tcase, a_list_has_its_forms_and_its_category);
    tcase_add_test(tcase, while_the_link_is_down_positions_are_read_over_rest);
    tcase_add_test(tcase, what_is_older_than_max_age_is_read_anew);
    tcase_add_test(tcase, a_known_symbol_without_position_is_flat);
    tcase_add_test(tcase, spot_has_no_positions);
    tcase_add_test(tcase, in_hedge_mode_the_side_is_to_be_said);
    tcase_add_test(tcase, one_way_mode_has_one_position);
    tcase_add_test(tcase, what_the_exchange_refuses_is_not_shown_as_empty);
    tcase_add_test(tcase, a_list_that_would_lack_some_is_not_shown);
    tcase_add_loop_test(tcase, what_is_no_answer_is_a_502_each_time, 0, (int)ARRAY_LEN(hostile));
    tcase_add_test(tcase, a_read_without_a_turn_is_rate_limited);
    tcase_add_test(tcase, a_full_inbox_is_busy);
    tcase_add_test(tcase, without_keys_there_is_no_account);
    tcase_add_test(tcase, the_balance_comes_from_memory);
    tcase_add_test(tcase, a_coin_that_is_not_held_is_zero_and_one_that_does_not_exist_is_unknown);
    tcase_add_test(tcase, the_funding_wallet_is_read_and_kept_for_a_moment);
    tcase_add_test(tcase, the_account_is_in_words);
    tcase_add_test(tcase, the_account_says_what_the_key_may_do);
    tcase_add_test(tcase, fees_are_the_symbols_own);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
