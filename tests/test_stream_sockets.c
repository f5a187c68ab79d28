/* More topics than a connection takes: several sockets of a category, opened and closed as topics
 * come and go; and what is shown of them. */
#include "tests/test_stream_kit.h"

#define FIRST  480 /* on a socket */
#define MANY   1000
#define LINEAR LINK_PUBLIC_LINEAR

static struct link_status status_of(enum stream_link link)
{
    struct link_status status;

    stream_link_status(stream, link, &status);
    return status;
}

static void name_of(char symbol[24], int number)
{
    (void)snprintf(symbol, 24, "S%dUSDT", number);
}

static void want(int from, int count)
{
    for (int i = from; i < from + count; i++) {
        char symbol[24];

        name_of(symbol, i);
        ck_assert_int_eq(stream_want(stream, STREAM_TICKER, CATEGORY_LINEAR, symbol, 0), ERR_NONE);
    }
}

static void drop(int from, int count)
{
    for (int i = from; i < from + count; i++) {
        char symbol[24];

        name_of(symbol, i);
        stream_drop(stream, STREAM_TICKER, CATEGORY_LINEAR, symbol, 0);
    }
}

/* The connection on which the topic was subscribed first. */
static int connection_of(int number)
{
    char topic[32];

    (void)snprintf(topic, sizeof(topic), "\"tickers.S%dUSDT\"", number);
    return ws_server_connection_of(&server, topic);
}

static int subscriptions_of(int number)
{
    char topic[32];

    (void)snprintf(topic, sizeof(topic), "\"tickers.S%dUSDT\"", number);
    return ws_server_count(&server, "linear", topic);
}

static void send_ticker(int number)
{
    char text[160];

    (void)snprintf(text, sizeof(text),
                   "{\"topic\":\"tickers.S%dUSDT\",\"type\":\"snapshot\",\"ts\":1,\"data\":{"
                   "\"symbol\":\"S%dUSDT\",\"lastPrice\":\"5\"}}",
                   number, number);
    ck_assert(ws_server_send(&server, "linear", text));
}

static bool is_stale(int number)
{
    struct market_ticker ticker;
    char symbol[24];

    name_of(symbol, number);
    ck_assert(market_ticker(market, CATEGORY_LINEAR, symbol, &ticker));
    return ticker.stale;
}

/* Whether they are all acknowledged, on so many sockets. */
static bool is_on(int topics, int sockets)
{
    static struct stream_topic list[2 * MANY];
    size_t count = stream_topics(stream, list, ARRAY_LEN(list));
    int on = 0;

    for (size_t i = 0; i < count; i++)
        on += list[i].state == STREAM_TOPIC_ON;
    return on == topics && (int)count == topics && status_of(LINEAR).sockets == sockets &&
           status_of(LINEAR).topics == topics && state_of(LINEAR) == LINK_CONNECTED;
}

START_TEST(topics_are_spread_over_sockets_and_keep_them)
{
    int first;

    times.connect_timeout_ms = 5000;
    times.login_timeout_ms = 5000;
    begin_plain(false);
    want(0, FIRST);
    WAIT_MS(is_on(FIRST, 1), 10000);
    want(FIRST, MANY - FIRST);
    WAIT_MS(is_on(MANY, 3), 10000);
    ck_assert_int_eq(atomic_load(&server.connections), 3);
    for (int i = 0; i < 3; i++) {
        int topics = ws_server_words(&server, i, "\"subscribe\"", "\"tickers.");
        int requests = ws_server_words(&server, i, "\"subscribe\"", "\"op\"");

        ck_assert_int_eq(topics, i < 2 ? 480 : 40);
        ck_assert_int_ge(requests, topics / 10); /* ten at most in each */
        ck_assert_int_lt(requests, topics / 2);  /* what is wanted meanwhile goes together */
    }
    /* All that was dropped makes room on its own socket, and nothing else moves. */
    first = connection_of(0);
    drop(0, 100);
    WAIT(is_on(MANY - 100, 3));
    want(MANY, 60);
    WAIT(is_on(MANY - 40, 3));
    ck_assert_int_eq(connection_of(MANY), first);
    ck_assert_int_eq(connection_of(MANY + 59), first);
    ck_assert_int_eq(subscriptions_of(100), 1);
    ck_assert_int_eq(subscriptions_of(MANY - 1), 1);
    ck_assert_int_eq(subscriptions_of(0), 2); /* and unsubscribed */
    end();
}
END_TEST

START_TEST(a_socket_without_topics_is_closed_and_the_others_stay)
{
    times.connect_timeout_ms = 5000;
    times.login_timeout_ms = 5000;
    begin_plain(false);
    want(0, FIRST + 5);
    WAIT_MS(is_on(FIRST + 5, 2), 10000);
    drop(FIRST, 5);
    WAIT(is_on(FIRST, 1) && !ws_server_is_open(&server, connection_of(FIRST)));
    ck_assert(ws_server_is_open(&server, connection_of(0)));
    want(FIRST, 1);
    WAIT(is_on(FIRST + 1, 2));
    ck_assert_int_eq(atomic_load(&server.connections), 3);
    drop(0, FIRST); /* the first socket's this time */
    WAIT(is_on(1, 1) && !ws_server_is_open(&server, connection_of(0)));
    send_ticker(FIRST);
    WAIT(seen.tickers == 1);
    HOLDS(seen.states[LINEAR][LINK_DOWN] == 0);
    end();
}
END_TEST

/* The link shows the worst of its sockets, and only what was lost is told. */
START_TEST(one_socket_that_breaks_takes_its_own_topics_only)
{
    times.connect_timeout_ms = 5000;
    times.login_timeout_ms = 5000;
    times.backoff_min_ms = 200;
    begin_plain(false);
    want(0, FIRST + 7);
    WAIT_MS(is_on(FIRST + 7, 2), 10000);
    send_ticker(0);
    send_ticker(FIRST);
    WAIT(seen.tickers == 2);
    ws_server_cut_one(&server, connection_of(FIRST));
    WAIT(seen.states[LINEAR][LINK_DOWN] == 1);
    ck_assert_int_eq(state_of(LINEAR), LINK_DOWN);
    WAIT(seen.lost == 7);
    ck_assert(!is_stale(0));
    ck_assert(is_stale(FIRST));
    WAIT(is_on(FIRST + 7, 2));
    HOLDS(seen.lost == 7 && seen.states[LINEAR][LINK_DOWN] == 1);
    ck_assert_int_eq(status_of(LINEAR).reconnects, 1);
    ck_assert_int_eq(subscriptions_of(0), 1);
    ck_assert_int_eq(subscriptions_of(FIRST), 2);
    end();
}
END_TEST

/* A spot ticker's bid and ask come by its book of depth 1, wherever that is subscribed. */
START_TEST(a_spot_ticker_and_its_book_may_be_on_two_sockets)
{
    times.connect_timeout_ms = 5000;
    times.login_timeout_ms = 5000;
    begin_plain(false);
    for (int i = 0; i < FIRST - 1; i++) {
        char symbol[24];

        name_of(symbol, i);
        ck_assert_int_eq(stream_want(stream, STREAM_TRADES, CATEGORY_SPOT, symbol, 0), ERR_NONE);
    }
    WAIT_MS(status_of(LINK_PUBLIC_SPOT).topics == FIRST - 1, 10000);
    ck_assert_int_eq(stream_want(stream, STREAM_TICKER, CATEGORY_SPOT, "BTCUSDT", 0), ERR_NONE);
    WAIT_MS(status_of(LINK_PUBLIC_SPOT).sockets == 2 &&
                state_of(LINK_PUBLIC_SPOT) == LINK_CONNECTED &&
                ws_server_count(&server, "spot", "\"tickers.BTCUSDT\"") == 1 &&
                ws_server_count(&server, "spot", "\"orderbook.1.BTCUSDT\"") == 1,
            10000);
    ck_assert_int_ne(ws_server_connection_of(&server, "\"tickers.BTCUSDT\""),
                     ws_server_connection_of(&server, "\"orderbook.1.BTCUSDT\""));
    send_fixture("spot", "ws_ticker_spot");
    WAIT(seen.tickers == 1);
    send_fixture("spot", "ws_book_1_repeat");
    WAIT(seen.tickers == 2);
    HOLDS((int)seen.ticker.bid.mantissa == 1649350);
    end();
}
END_TEST

START_TEST(each_topic_shows_its_state_and_its_age)
{
    struct stream_topic list[4];
    int64_t before_ms = clock_wall_ms();

    (void)strcpy(server.bad_topic, "NOSUCH");
    begin_plain(false);
    ck_assert_uint_eq(stream_topics(stream, list, 4), 0);
    want(0, 1);
    ck_assert_int_eq(stream_want(stream, STREAM_BOOK, CATEGORY_LINEAR, "NOSUCH", 50), ERR_NONE);
    WAIT(state_of(LINEAR) == LINK_CONNECTED);
    send_ticker(0);
    WAIT(seen.tickers == 1);
    WAIT(stream_topics(stream, list, 4) == 2 && list[0].state != STREAM_TOPIC_WAITING &&
         list[1].state != STREAM_TOPIC_WAITING);
    for (int i = 0; i < 2; i++) {
        bool is_book = list[i].kind == STREAM_BOOK;

        ck_assert_int_eq(list[i].link, LINEAR);
        ck_assert_int_eq(list[i].socket, 1);
        ck_assert_int_eq(list[i].category, CATEGORY_LINEAR);
        ck_assert_str_eq(list[i].symbol, is_book ? "NOSUCH" : "S0USDT");
        ck_assert_int_eq(list[i].depth, is_book ? 50 : 0);
        ck_assert_int_eq(list[i].state, is_book ? STREAM_TOPIC_REFUSED : STREAM_TOPIC_ON);
        ck_assert(is_book ? list[i].last_data_ms == 0
                          : list[i].last_data_ms >= before_ms &&
                                list[i].last_data_ms <= clock_wall_ms());
    }
    ck_assert_uint_eq(stream_topics(stream, list, 1), 2);
    drop(0, 1);
    WAIT(stream_topics(stream, list, 4) == 1);
    ck_assert_str_eq(stream_topic_state_word(STREAM_TOPIC_REFUSED), "refused");
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream sockets");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    log_set_level(getenv("STREAM_LOG") ? LOG_DEBUG : LOG_ERROR);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, reset, clean_up);
    tcase_add_test(tcase, topics_are_spread_over_sockets_and_keep_them);
    tcase_add_test(tcase, a_socket_without_topics_is_closed_and_the_others_stay);
    tcase_add_test(tcase, one_socket_that_breaks_takes_its_own_topics_only);
    tcase_add_test(tcase, a_spot_ticker_and_its_book_may_be_on_two_sockets);
    tcase_add_test(tcase, each_topic_shows_its_state_and_its_age);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
