/* Topics besides tickers and books: trades, candles, liquidations; positions and balance. */
#include <sched.h>

#include "tests/test_stream_kit.h"

#define LIQUIDATION                                                                                \
    "{\"topic\":\"allLiquidation.ROSEUSDT\",\"type\":\"snapshot\",\"ts\":2,\"data\":[{\"T\":1,"    \
    "\"s\":\"ROSEUSDT\",\"S\":\"Sell\",\"v\":\"20000\",\"p\":\"0.04499\"}]}"

/* A position or a balance is loaded again and again: no reason to drop the evidence of orders. */
START_TEST(an_unreadable_position_is_counted_and_the_link_stays)
{
    static const char *const items[] = {
        "{\"topic\":\"position\",\"data\":[{}]}", "{\"topic\":\"position\",\"data\":[7]}",
        "{\"topic\":\"position\",\"data\":[{\"category\":\"linear\",\"symbol\":7}]}",
        "{\"topic\":\"position\",\"data\":[{\"category\":\"linear\",\"size\":\"1e\"}]}",
        "{\"topic\":\"wallet\",\"data\":[null]}"
    };
    struct link_status status;

    begin_plain(true);
    WAIT(seen.ups == 1);
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        ck_assert(ws_server_send(&server, "private", items[i]));
    ck_assert(ws_server_send(&server, "private",
                             "{\"topic\":\"position\",\"data\":[{\"category\":\"spread\"}]}"));
    ck_assert(ws_server_send(&server, "private", "{\"topic\":\"greeks\",\"data\":[{}]}"));
    send_fixture("private", "ws_position_flat");
    WAIT(seen.positions == 1);
    HOLDS(seen.downs == 0 && seen.wallets == 0);
    stream_link_status(stream, LINK_PRIVATE, &status);
    ck_assert_int_eq(status.unreadable, (int)ARRAY_LEN(items));
    end();
}
END_TEST

START_TEST(callbacks_that_nobody_has_are_not_called)
{
    told = &least;
    begin_plain(true);
    WAIT(seen.ups == 1);
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_CANDLES, CATEGORY_LINEAR, "BTCUSDT", CANDLE_5M),
                     ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_LIQUIDATIONS, CATEGORY_LINEAR, "ROSEUSDT", 0),
                     ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    send_fixture("private", "ws_position_flat");
    send_fixture("private", "ws_wallet");
    send_fixture("linear", "ws_trades");
    send_fixture("linear", "ws_kline");
    ck_assert(ws_server_send(&server, "linear", LIQUIDATION));
    send_fixture("private", "ws_order_1_new");
    WAIT(seen.orders == 1);
    ws_server_cut(&server, "linear");
    WAIT(seen.states[LINK_PUBLIC_LINEAR][LINK_DOWN] == 1);
    end();
}
END_TEST

START_TEST(a_private_gap_says_until_when_it_was_whole)
{
    int64_t before_ms;

    begin_plain(true);
    WAIT(seen.ups == 1);
    before_ms = clock_wall_ms();
    send_fixture("private", "ws_order_1_new");
    WAIT(seen.orders == 1);
    ws_server_cut(&server, "private");
    WAIT(seen.downs == 1);
    HOLDS(seen.whole_until_ms >= before_ms && seen.whole_until_ms <= clock_wall_ms());
    end();
}
END_TEST

START_TEST(trades_come_one_by_one_oldest_first)
{
    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_LINEAR, "BTCUSDT", 7), ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    ck_assert_int_eq(ws_server_count(&server, "linear", "[\"publicTrade.BTCUSDT\"]"), 1);
    send_fixture("linear", "ws_trades");
    WAIT(seen.trades == 1);
    HOLDS(seen.trade.category == CATEGORY_LINEAR && seen.trade.side == SIDE_BUY);
    HOLDS(strcmp(seen.trade.id, "20f43950-d8dd-5b31-9112-a178eb6023af") == 0);
    HOLDS(seen.trade.ts_ms == 1672304486865);
    /* One that cannot be read, one of another symbol, and the rest. */
    ck_assert(ws_server_send(
        &server, "linear",
        "{\"topic\":\"publicTrade.BTCUSDT\",\"ts\":1,\"data\":["
        "{\"T\":1,\"s\":\"BTCUSDT\",\"S\":\"Sell\",\"v\":\"1\",\"p\":\"x\",\"i\":\"a\"},"
        "{\"T\":2,\"s\":\"ETHUSDT\",\"S\":\"Sell\",\"v\":\"1\",\"p\":\"5\",\"i\":\"b\"},"
        "{\"T\":3,\"s\":\"BTCUSDT\",\"S\":\"Sell\",\"v\":\"1\",\"p\":\"5\",\"i\":\"c\"},"
        "{\"T\":4,\"s\":\"BTCUSDT\",\"S\":\"Sell\",\"v\":\"1\",\"p\":\"5\",\"i\":\"d\"}]}"));
    WAIT(seen.trades == 3);
    HOLDS(strcmp(seen.trade.id, "d") == 0);
    HOLDS(seen.states[LINK_PUBLIC_LINEAR][LINK_DOWN] == 0);
    end();
}
END_TEST

START_TEST(options_of_a_base_coin_share_a_topic_of_trades)
{
    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_OPTION, "BTC-6JAN23-17500-C", 0),
                     ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_OPTION, "BTC-6JAN23-18000-C", 0),
                     ERR_NONE);
    ck_assert_int_eq(
        stream_want(stream, STREAM_TRADES, CATEGORY_OPTION, "ETH-6JAN23-1000-P-USDT", 0), ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_OPTION) == LINK_CONNECTED &&
         ws_server_count(&server, "option", "\"publicTrade.ETH\"") == 1);
    ck_assert_int_eq(ws_server_count(&server, "option", "\"publicTrade.BTC\""), 1);
    send_fixture("option", "ws_publicTrade_option");
    WAIT(seen.trades == 1);
    HOLDS(strcmp(seen.trade.symbol, "BTC-6JAN23-17500-C") == 0);
    stream_drop(stream, STREAM_TRADES, CATEGORY_OPTION, "BTC-6JAN23-17500-C", 0);
    usleep(1000000); /* its want is over: what comes of it is passed over */
    send_fixture("option", "ws_publicTrade_option");
    ck_assert(ws_server_send(&server, "option",
                             "{\"topic\":\"publicTrade.BTC\",\"ts\":1,\"data\":[{\"T\":1,\"s\":"
                             "\"BTC-6JAN23-18000-C\",\"S\":\"Buy\",\"v\":\"1\",\"p\":\"5\","
                             "\"i\":\"a\"}]}"));
    WAIT(seen.trades == 2);
    HOLDS(strcmp(seen.trade.symbol, "BTC-6JAN23-18000-C") == 0);
    ck_assert_int_eq(ws_server_count(&server, "option", "\"unsubscribe\""), 0);
    /* The gap is of each symbol that is wanted. */
    ws_server_cut(&server, "option");
    WAIT(seen.lost == 2);
    WAIT(seen.joined == 2);
    stream_drop(stream, STREAM_TRADES, CATEGORY_OPTION, "BTC-6JAN23-18000-C", 0);
    WAIT(ws_server_count(&server, "option", "\"unsubscribe\",\"args\":[\"publicTrade.BTC\"]") == 1);
    end();
}
END_TEST

START_TEST(candles_are_kept_and_told)
{
    struct candle candle;
    int64_t recv_ms;

    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_CANDLES, CATEGORY_LINEAR, "BTCUSDT", CANDLE_5M),
                     ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_CANDLES, CATEGORY_LINEAR, "BTCUSDT", CANDLE_1M),
                     ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED &&
         ws_server_count(&server, "linear", "\"kline.1.BTCUSDT\"") == 1);
    ck_assert_int_eq(ws_server_count(&server, "linear", "\"kline.5.BTCUSDT\""), 1);
    send_fixture("linear", "ws_kline");
    send_fixture("linear", "ws_kline_closed");
    ck_assert(ws_server_send(&server, "linear",
                             "{\"topic\":\"kline.1.BTCUSDT\",\"ts\":1,\"data\":[{\"start\":1}]}"));
    WAIT(seen.candles == 2);
    HOLDS(seen.candle.closed && seen.candle.interval == CANDLE_1M &&
          seen.candle.category == CATEGORY_LINEAR && strcmp(seen.candle.symbol, "BTCUSDT") == 0);
    ck_assert(market_candle(market, CATEGORY_LINEAR, "BTCUSDT", CANDLE_5M, &candle, &recv_ms));
    ck_assert(!candle.closed && candle.start_ms == 1672324800000);
    ck_assert(market_candle(market, CATEGORY_LINEAR, "BTCUSDT", CANDLE_1M, &candle, &recv_ms));
    ck_assert(candle.closed);
    ws_server_cut(&server, "linear");
    WAIT(seen.lost == 2);
    ck_assert(!market_candle(market, CATEGORY_LINEAR, "BTCUSDT", CANDLE_5M, &candle, &recv_ms));
    WAIT(seen.joined == 2);
    send_fixture("linear", "ws_kline");
    WAIT(market_candle(market, CATEGORY_LINEAR, "BTCUSDT", CANDLE_5M, &candle, &recv_ms));
    stream_drop(stream, STREAM_CANDLES, CATEGORY_LINEAR, "BTCUSDT", CANDLE_5M);
    WAIT(!market_candle(market, CATEGORY_LINEAR, "BTCUSDT", CANDLE_5M, &candle, &recv_ms));
    end();
}
END_TEST

START_TEST(liquidations_come)
{
    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_LIQUIDATIONS, CATEGORY_LINEAR, "ROSEUSDT", 0),
                     ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    ck_assert(ws_server_send(&server, "linear",
                             "{\"topic\":\"allLiquidation.ROSEUSDT\",\"ts\":2,\"data\":[{\"T\":1,"
                             "\"s\":\"ROSEUSDT\",\"S\":\"\",\"v\":\"1\",\"p\":\"1\"}]}"));
    ck_assert(ws_server_send(&server, "linear", LIQUIDATION));
    WAIT(seen.liquidations == 1);
    HOLDS(seen.liquidation.side == SIDE_SELL && seen.liquidation.ts_ms == 1);
    HOLDS((int)seen.liquidation.price.mantissa == 4499 && seen.liquidation.price.scale == 5);
    end();
}
END_TEST

START_TEST(a_cut_of_trades_is_told_with_its_beginning_and_its_end)
{
    int64_t before_ms;

    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_TICKER, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    before_ms = clock_wall_ms();
    send_fixture("linear", "ws_trades");
    WAIT(seen.trades == 1);
    HOLDS(seen.lost == 0 && seen.joined == 0);
    ws_server_cut(&server, "linear");
    WAIT(seen.lost == 2); /* the ticker's too, which its next frame heals */
    HOLDS(seen.gap.from_ms >= before_ms && seen.gap.from_ms <= clock_wall_ms());
    WAIT(seen.joined == 1);
    HOLDS(seen.gap.kind == STREAM_TRADES && strcmp(seen.gap_symbol, "BTCUSDT") == 0);
    HOLDS(seen.gap.to_ms >= seen.gap.from_ms);
    usleep(50000);
    HOLDS(seen.lost == 2 && seen.joined == 1);
    end();
}
END_TEST

START_TEST(a_link_with_trades_only_may_be_silent)
{
    times.stale_after_ms = 50;
    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_CANDLES, CATEGORY_LINEAR, "BTCUSDT", CANDLE_1M),
                     ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    usleep(300000);
    ck_assert_int_eq(state_of(LINK_PUBLIC_LINEAR), LINK_CONNECTED);
    HOLDS(seen.states[LINK_PUBLIC_LINEAR][LINK_STALE] == 0);
    /* With a ticker it may not, from its subscription on. */
    ck_assert_int_eq(stream_want(stream, STREAM_TICKER, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    WAIT(seen.states[LINK_PUBLIC_LINEAR][LINK_STALE] == 1);
    WAIT(seen.lost == 3);
    end();
}
END_TEST

START_TEST(a_dead_link_with_trades_only_is_found_by_its_pings)
{
    times.ping_every_ms = 40;
    times.pong_timeout_ms = 1000;
    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    WAIT(ws_server_count(&server, "linear", "\"op\":\"ping\"") >= 3);
    HOLDS(seen.states[LINK_PUBLIC_LINEAR][LINK_DOWN] == 0);
    atomic_store(&server.no_pong, true);
    WAIT(seen.states[LINK_PUBLIC_LINEAR][LINK_DOWN] == 1 && seen.lost == 1);
    atomic_store(&server.no_pong, false);
    WAIT(seen.joined == 1);
    end();
}
END_TEST

/* Readers that come and go: what is left at the end is what is wanted then. */
static void *storm(void *userdata)
{
    unsigned number = *(const unsigned *)userdata;
    char symbol[24];

    for (unsigned i = 0; i < 200; i++) {
        number = number * 1103515245U + 12345U;
        (void)snprintf(symbol, sizeof(symbol), "S%uUSDT", number >> 16 & 15U);
        for (int kind = STREAM_TICKER; kind <= STREAM_LIQUIDATIONS; kind++) {
            int depth = kind == STREAM_BOOK ? 50 : (int)(number >> 20 & 3U);

            ck_assert_int_eq(
                stream_want(stream, (enum stream_kind)kind, CATEGORY_LINEAR, symbol, depth),
                ERR_NONE);
            if (i % 3 == 0)
                sched_yield();
            stream_drop(stream, (enum stream_kind)kind, CATEGORY_LINEAR, symbol, depth);
        }
    }
    return NULL;
}

START_TEST(a_storm_of_readers_leaves_nothing_behind)
{
    pthread_t threads[8];
    unsigned seeds[ARRAY_LEN(threads)];
    struct link_status status;

    times.linger_ms = 20;
    begin_plain(false);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        seeds[i] = (unsigned)i + 1;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, storm, &seeds[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    WAIT((stream_link_status(stream, LINK_PUBLIC_LINEAR, &status), status.topics == 1));
    send_fixture("linear", "ws_trades");
    WAIT(seen.trades == 1);
    HOLDS(seen.states[LINK_PUBLIC_LINEAR][LINK_DOWN] == 0);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream topics");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    log_set_level(getenv("STREAM_LOG") ? LOG_DEBUG : LOG_ERROR);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, reset, clean_up);
    tcase_add_test(tcase, an_unreadable_position_is_counted_and_the_link_stays);
    tcase_add_test(tcase, callbacks_that_nobody_has_are_not_called);
    tcase_add_test(tcase, a_private_gap_says_until_when_it_was_whole);
    tcase_add_test(tcase, trades_come_one_by_one_oldest_first);
    tcase_add_test(tcase, options_of_a_base_coin_share_a_topic_of_trades);
    tcase_add_test(tcase, candles_are_kept_and_told);
    tcase_add_test(tcase, liquidations_come);
    tcase_add_test(tcase, a_cut_of_trades_is_told_with_its_beginning_and_its_end);
    tcase_add_test(tcase, a_link_with_trades_only_may_be_silent);
    tcase_add_test(tcase, a_dead_link_with_trades_only_is_found_by_its_pings);
    tcase_add_test(tcase, a_storm_of_readers_leaves_nothing_behind);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
