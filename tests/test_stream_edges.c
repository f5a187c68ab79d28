/* Topics at the edges of their lives: left and wanted again, after a break, without room; and what
 * the exchange should not send. */
#include "bybit/market_watch.h"
#include "tests/test_stream_kit.h"

#define TRADE                                                                                      \
    "{\"topic\":\"publicTrade.BTCUSDT\",\"ts\":1,\"data\":[{\"T\":1,\"s\":\"BTCUSDT\",\"S\":"      \
    "\"Buy\",\"v\":\"1\",\"p\":\"5\",\"i\":\"a\"}]}"

static int wanted_topics(enum stream_link link)
{
    struct link_status status;

    stream_link_status(stream, link, &status);
    return status.topics;
}

/* No request can be sent while one is in flight, so its subscription outlives its last reader and
 * serves the next one: what came in between is in it. */
START_TEST(a_ticker_that_is_wanted_again_has_what_came_meanwhile)
{
    struct market_ticker ticker;

    times.login_timeout_ms = 60000;
    times.linger_ms = 20;
    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_TICKER, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    send_fixture("linear", "ws_ticker_linear");
    WAIT(seen.tickers == 1);
    atomic_store(&server.no_answer, true);
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_LINEAR, "ETHUSDT", 0), ERR_NONE);
    WAIT(ws_server_count(&server, "linear", "publicTrade.ETHUSDT") == 1);
    stream_drop(stream, STREAM_TICKER, CATEGORY_LINEAR, "BTCUSDT", 0);
    WAIT(wanted_topics(LINK_PUBLIC_LINEAR) == 1);
    ck_assert(ws_server_send(&server, "linear",
                             "{\"topic\":\"tickers.BTCUSDT\",\"type\":\"delta\",\"data\":{"
                             "\"symbol\":\"BTCUSDT\",\"lastPrice\":\"77\"}}"));
    WAIT(market_ticker(market, CATEGORY_LINEAR, "BTCUSDT", &ticker) &&
         (int)ticker.ticker.last.mantissa == 77);
    ck_assert_int_eq(stream_want(stream, STREAM_TICKER, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    ck_assert_int_eq(ws_server_count(&server, "linear", "\"unsubscribe\""), 0);
    end();
}
END_TEST

/* The exchange has been told to stop: between what it still sends and the next subscription there
 * is a hole that nobody would be told of. */
START_TEST(what_comes_while_a_topic_is_left_is_not_told)
{
    static const char alone[] = "subscribe\",\"args\":[\"publicTrade.BTCUSDT\"]";
    int before; /* 1: the two topics did not leave together */

    times.login_timeout_ms = 60000;
    times.linger_ms = 20;
    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_LINEAR, "ETHUSDT", 0), ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED &&
         ws_server_count(&server, "linear", "\"publicTrade.BTCUSDT\"") == 1);
    before = ws_server_count(&server, "linear", alone);
    atomic_store(&server.no_answer, true);
    stream_drop(stream, STREAM_TRADES, CATEGORY_LINEAR, "BTCUSDT", 0);
    WAIT(ws_server_count(&server, "linear", "\"unsubscribe\"") == 1);
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    WAIT(wanted_topics(LINK_PUBLIC_LINEAR) == 2);
    ck_assert(ws_server_send(&server, "linear", TRADE));
    ck_assert(ws_server_send(&server, "linear",
                             "{\"topic\":\"publicTrade.ETHUSDT\",\"ts\":1,\"data\":[{\"T\":1,"
                             "\"s\":\"ETHUSDT\",\"S\":\"Buy\",\"v\":\"1\",\"p\":\"5\",\"i\":"
                             "\"b\"}]}"));
    WAIT(seen.trades > 0);
    HOLDS(seen.trades == 1 && strcmp(seen.trade.id, "b") == 0);
    /* The answer to the unsubscription; then it is joined anew. */
    atomic_store(&server.no_answer, false);
    ck_assert(ws_server_send(&server, "linear",
                             "{\"success\":true,\"ret_msg\":\"\",\"req_id\":\"\",\"op\":"
                             "\"unsubscribe\"}"));
    WAIT(ws_server_count(&server, "linear", alone) == before + 2); /* with the unsubscription */
    ck_assert(ws_server_send(&server, "linear", TRADE));
    WAIT(seen.trades == 2);
    end();
}
END_TEST

/* Its last price would be from before the break. */
START_TEST(a_spot_ticker_is_not_told_anew_by_its_book_alone)
{
    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_TICKER, CATEGORY_SPOT, "BTCUSDT", 0), ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_SPOT) == LINK_CONNECTED);
    send_fixture("spot", "ws_ticker_spot");
    send_fixture("spot", "ws_book_1_repeat");
    WAIT(seen.tickers == 2);
    ws_server_cut(&server, "spot");
    WAIT(seen.states[LINK_PUBLIC_SPOT][LINK_DOWN] == 1);
    WAIT(state_of(LINK_PUBLIC_SPOT) == LINK_CONNECTED);
    send_fixture("spot", "ws_book_1_repeat");
    WAIT(seen.books == 2);
    HOLDS(seen.tickers == 2);
    send_fixture("spot", "ws_ticker_spot");
    WAIT(seen.tickers == 3);
    HOLDS((int)seen.ticker.bid.mantissa == 1649350);
    end();
}
END_TEST

#define BOOK(type, u)                                                                              \
    "{\"topic\":\"orderbook.50.BTCUSDT\",\"type\":\"" type                                         \
    "\",\"ts\":1,\"data\":{\"s\":\"BTCUSDT\",\"b\":[[\"5\",\"1\"]],\"a\":[],\"u\":" u "}}"

/* What comes between a jump and the new subscription: deltas are not told, and a snapshot makes the
 * book whole, so nothing needs to be subscribed again. */
START_TEST(a_snapshot_that_comes_by_itself_saves_a_new_subscription)
{
    times.linger_ms = 60000;
    times.login_timeout_ms = 60000;
    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_BOOK, CATEGORY_LINEAR, "BTCUSDT", 50), ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    ck_assert(ws_server_send(&server, "linear", BOOK("snapshot", "7")));
    WAIT(seen.books == 1);
    /* A request is in flight, so the book cannot be left. */
    atomic_store(&server.no_answer, true);
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_LINEAR, "ETHUSDT", 0), ERR_NONE);
    WAIT(ws_server_count(&server, "linear", "publicTrade.ETHUSDT") == 1);
    ck_assert(ws_server_send(&server, "linear", BOOK("delta", "9")));
    WAIT(seen.gaps == 1);
    ck_assert(ws_server_send(&server, "linear", BOOK("delta", "10")));
    ck_assert(ws_server_send(&server, "linear", BOOK("delta", "8")));
    ck_assert(ws_server_send(&server, "linear", BOOK("snapshot", "12")));
    ck_assert(ws_server_send(&server, "linear", BOOK("delta", "13")));
    WAIT(seen.books == 3);
    HOLDS(seen.snapshots == 2);
    atomic_store(&server.no_answer, false);
    ck_assert(ws_server_send(&server, "linear",
                             "{\"success\":true,\"ret_msg\":\"\",\"req_id\":\"\",\"op\":"
                             "\"subscribe\"}"));
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_LINEAR, "SOLUSDT", 0), ERR_NONE);
    WAIT(ws_server_count(&server, "linear", "publicTrade.SOLUSDT") == 1);
    ck_assert_int_eq(ws_server_count(&server, "linear", "\"unsubscribe\""), 0);
    end();
}
END_TEST

/* Depth 1 comes again each 3 s. Where it does not while other topics are heard, the exchange does
 * not send it any more: the link is not mute, so nothing else would find that. */
START_TEST(a_book_of_depth_1_that_is_not_repeated_is_joined_again)
{
    static const char alone[] = "\"subscribe\",\"args\":[\"orderbook.1.BTCUSDT\"]";
    struct market_book book;
    struct book_level level;
    struct book_level other;
    int before; /* 1: the two topics did not leave together */

    times.stale_after_ms = 300;
    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_BOOK, CATEGORY_SPOT, "BTCUSDT", 1), ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_SPOT, "ETHUSDT", 0), ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_SPOT) == LINK_CONNECTED &&
         ws_server_count(&server, "spot", "\"publicTrade.ETHUSDT\"") == 1);
    before = ws_server_count(&server, "spot", alone);
    send_fixture("spot", "ws_book_1_repeat");
    WAIT(seen.books == 1);
    for (int i = 0; i < 60 && !ws_server_count(&server, "spot", "\"unsubscribe\""); i++) {
        ck_assert(ws_server_send(&server, "spot",
                                 "{\"topic\":\"publicTrade.ETHUSDT\",\"ts\":1,\"data\":[{\"T\":1,"
                                 "\"s\":\"ETHUSDT\",\"S\":\"Buy\",\"v\":\"1\",\"p\":\"5\",\"i\":"
                                 "\"b\"}]}"));
        usleep(50000);
    }
    WAIT(ws_server_count(&server, "spot", alone) == before + 1);
    HOLDS(seen.gaps == 1 && seen.states[LINK_PUBLIC_SPOT][LINK_STALE] == 0);
    ck_assert(market_book(market, CATEGORY_SPOT, "BTCUSDT", 1, &book, &level, &other));
    ck_assert_int_eq(book.state, BOOK_STALE);
    send_fixture("spot", "ws_book_1_repeat");
    WAIT(seen.books == 2);
    ck_assert(market_book(market, CATEGORY_SPOT, "BTCUSDT", 1, &book, &level, &other));
    ck_assert_int_eq(book.state, BOOK_SYNCED);
    end();
}
END_TEST

START_TEST(a_candle_from_the_future_is_not_kept)
{
    struct link_status status;
    struct candle candle;
    int64_t recv_ms;

    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_CANDLES, CATEGORY_LINEAR, "BTCUSDT", CANDLE_5M),
                     ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    ck_assert(ws_server_send(
        &server, "linear",
        "{\"topic\":\"kline.5.BTCUSDT\",\"ts\":1672324988882,\"data\":[{\"start\":"
        "9999999999000,\"open\":\"1\",\"close\":\"1\",\"high\":\"1\",\"low\":\"1\",\"volume\":"
        "\"1\",\"turnover\":\"1\",\"confirm\":false,\"timestamp\":1672324988882}]}"));
    send_fixture("linear", "ws_kline");
    WAIT(seen.candles == 1);
    ck_assert(market_candle(market, CATEGORY_LINEAR, "BTCUSDT", CANDLE_5M, &candle, &recv_ms));
    ck_assert_int_eq(candle.start_ms, 1672324800000);
    WAIT((stream_link_status(stream, LINK_PUBLIC_LINEAR, &status), status.unreadable == 1));
    end();
}
END_TEST

/* --- a book that a check has found wrong --- */

#define SNAPSHOT(u)                                                                                \
    "{\"topic\":\"orderbook.50.BTCUSDT\",\"type\":\"snapshot\",\"ts\":1,\"cts\":1,\"data\":{"      \
    "\"s\":\"BTCUSDT\",\"b\":[[\"5\",\"1\"]],\"a\":[[\"6\",\"1\"]],\"u\":" #u ",\"seq\":1}}"
#define DELTA(u)                                                                                   \
    "{\"topic\":\"orderbook.50.BTCUSDT\",\"type\":\"delta\",\"ts\":1,\"cts\":1,\"data\":{\"s\":"   \
    "\"BTCUSDT\",\"b\":[[\"4\",\"1\"]],\"a\":[],\"u\":" #u ",\"seq\":1}}"

static void distrust_book(void)
{
    struct market_watched watched = { .depth = 0 };

    for (int i = 0; i < 100 && watched.depth == 0; i++) {
        (void)market_watch_next(market, clock_mono_ms(), 1, &watched);
        usleep(1000);
    }
    ck_assert_int_eq(watched.depth, 50);
    ck_assert(market_watch_end(market, &watched, CHECK_FAILED, clock_mono_ms(),
                               clock_mono_ms() + 60000, clock_wall_ms()));
}

START_TEST(a_distrusted_book_is_told_and_subscribed_anew)
{
    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_BOOK, CATEGORY_LINEAR, "BTCUSDT", 50), ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_TICKER, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    ck_assert(ws_server_send(&server, "linear", SNAPSHOT(10)));
    WAIT(seen.books == 1);
    distrust_book();
    ck_assert(ws_server_send(&server, "linear", DELTA(11)));
    WAIT(seen.gaps == 1);
    WAIT(ws_server_count(&server, "linear", "\"unsubscribe\"") == 1);
    WAIT(ws_server_count(&server, "linear", "\"orderbook.50.BTCUSDT\"") == 3);
    HOLDS(seen.books == 1);
    ck_assert(ws_server_send(&server, "linear", SNAPSHOT(20)));
    WAIT(seen.snapshots == 2);
    HOLDS(seen.gaps == 1 && seen.lost == 0 && seen.states[LINK_PUBLIC_LINEAR][LINK_DOWN] == 0);
    end();
}
END_TEST

/* What the exchange is told to stop sending is not up to date from then on, even for whoever wants
 * it again before the next subscription, which may be refused. */
START_TEST(what_is_being_left_is_stale)
{
    struct market_ticker ticker;
    struct market_book book;
    struct book_level levels[2][1];

    times.login_timeout_ms = 60000;
    times.linger_ms = 20;
    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_BOOK, CATEGORY_LINEAR, "BTCUSDT", 50), ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_TICKER, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_LINEAR, "ETHUSDT", 0), ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    ck_assert(ws_server_send(&server, "linear", SNAPSHOT(10)));
    send_fixture("linear", "ws_ticker_linear");
    WAIT(seen.books == 1 && seen.tickers == 1);
    ck_assert(market_book(market, CATEGORY_LINEAR, "BTCUSDT", 1, &book, levels[0], levels[1]));
    ck_assert_int_eq(book.state, BOOK_SYNCED);
    atomic_store(&server.no_answer, true);
    stream_drop(stream, STREAM_BOOK, CATEGORY_LINEAR, "BTCUSDT", 50);
    stream_drop(stream, STREAM_TICKER, CATEGORY_LINEAR, "BTCUSDT", 0);
    WAIT(ws_server_count(&server, "linear", "\"unsubscribe\"") == 1);
    ck_assert_int_eq(stream_want(stream, STREAM_BOOK, CATEGORY_LINEAR, "BTCUSDT", 50), ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_TICKER, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    WAIT(wanted_topics(LINK_PUBLIC_LINEAR) == 3);
    ck_assert(market_book(market, CATEGORY_LINEAR, "BTCUSDT", 1, &book, levels[0], levels[1]));
    ck_assert(market_ticker(market, CATEGORY_LINEAR, "BTCUSDT", &ticker));
    /* On a busy machine the first one may have left alone. */
    ck_assert_int_eq(book.state == BOOK_STALE,
                     ws_server_words(&server, 0, "\"unsubscribe\"", "orderbook.50.BTCUSDT") == 1);
    ck_assert_int_eq(ticker.stale,
                     ws_server_words(&server, 0, "\"unsubscribe\"", "tickers.BTCUSDT") == 1);
    ck_assert(ticker.stale || book.state == BOOK_STALE);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream edges");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    log_set_level(getenv("STREAM_LOG") ? LOG_DEBUG : LOG_ERROR);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, reset, clean_up);
    tcase_add_test(tcase, a_ticker_that_is_wanted_again_has_what_came_meanwhile);
    tcase_add_test(tcase, what_comes_while_a_topic_is_left_is_not_told);
    tcase_add_test(tcase, a_spot_ticker_is_not_told_anew_by_its_book_alone);
    tcase_add_test(tcase, a_snapshot_that_comes_by_itself_saves_a_new_subscription);
    tcase_add_test(tcase, a_book_of_depth_1_that_is_not_repeated_is_joined_again);
    tcase_add_test(tcase, a_candle_from_the_future_is_not_kept);
    tcase_add_test(tcase, a_distrusted_book_is_told_and_subscribed_anew);
    tcase_add_test(tcase, what_is_being_left_is_stale);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
