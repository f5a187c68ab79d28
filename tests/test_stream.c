#include "tests/test_stream_kit.h"

/* --- private --- */

START_TEST(it_logs_in_and_subscribes)
{
    char text[1024];
    char word[800];
    char signature[SIGNATURE_MAX];
    struct signer_context *context;
    struct json json;
    struct json args;
    struct json item;
    struct json_walk walk;
    int64_t expires_ms = 0;

    begin_plain(true);
    WAIT(seen.ups == 1);
    ws_server_text(&server, "/v5/private", 0, text, sizeof(text));
    ck_assert_int_eq(json_open(&json, text, strlen(text), NULL), ERR_NONE);
    ck_assert(!json_member_text(&json, "op", word, sizeof(word)));
    ck_assert_str_eq(word, "auth");
    ck_assert(json_member(&json, "args", &args));
    walk = json_walk(&args);
    ck_assert(json_next(&walk, NULL, &item) && json_equals(&item, KEY));
    ck_assert(json_next(&walk, NULL, &item) && item.type == JSON_NUMBER &&
              !json_int(&item, &expires_ms));
    ck_assert_int_lt(llabs(expires_ms - clock_wall_ms() - 10000), 2000);
    ck_assert(json_next(&walk, NULL, &item) && !json_text(&item, word, sizeof(word)));
    context = signer_context_create(signer);
    ck_assert_int_eq(sign_socket(context, expires_ms, signature), ERR_NONE);
    signer_context_destroy(context);
    ck_assert_str_eq(word, signature);
    ws_server_text(&server, "/v5/private", 1, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(
        text, "\"op\":\"subscribe\",\"args\":[\"order\",\"execution\",\"position\",\"wallet\"]"));
    ck_assert_int_eq(state_of(LINK_PRIVATE), LINK_CONNECTED);
    ck_assert_int_eq(state_of(LINK_PUBLIC_LINEAR), LINK_IDLE);
    send_fixture("private", "ws_order_2_partly");
    send_fixture("private", "ws_execution_two_fills_one_frame");
    send_fixture("private", "ws_position_flat");
    send_fixture("private", "ws_wallet");
    WAIT(seen.orders == 1 && seen.fills == 2 && seen.positions == 1 && seen.wallets == 1);
    HOLDS(strcmp(seen.position.symbol, "BTCUSDT") == 0 && seen.position.position_idx == 2);
    HOLDS(seen.position.side == SIDE_NONE && seen.position.seq == 8327597863);
    HOLDS(strcmp(seen.order.link, "bridge-0001") == 0);
    HOLDS(strcmp(seen.fill.exec_id, "0ab1bdf7-4219-438b-b30a-32ec863018f8") == 0);
    end();
}
END_TEST

START_TEST(data_before_the_ack_is_taken_but_is_not_up)
{
    times.login_timeout_ms = 3000;
    ws_server_start(&server, NULL, NULL);
    atomic_store(&server.no_answer, true);
    begin(true, "ws://127.0.0.1", NULL);
    WAIT(ws_server_count(&server, "private", "\"subscribe\"") == 1);
    send_fixture("private", "ws_order_1_new");
    WAIT(seen.orders == 1);
    HOLDS(seen.ups_at_first_order == 0);
    ck_assert(ws_server_send(&server, "private",
                             "{\"success\":true,\"ret_msg\":\"\",\"op\":\"subscribe\"}"));
    WAIT(seen.ups == 1);
    end();
}
END_TEST

START_TEST(it_comes_back_after_a_cut)
{
    begin_plain(true);
    for (int i = 1; i <= 3; i++) {
        WAIT(seen.ups == i);
        HOLDS(seen.downs == i - 1);
        ws_server_cut(&server, "private");
        WAIT(seen.downs == i);
    }
    WAIT(seen.ups == 4);
    ck_assert_int_ge(ws_server_count(&server, "private", "\"auth\""), 4);
    ck_assert_int_ge(ws_server_count(&server, "private", "\"subscribe\""), 4);
    end();
}
END_TEST

START_TEST(a_refused_login_is_tried_ever_slower)
{
    int64_t began_ms = clock_mono_ms();

    times.backoff_min_ms = 40;
    times.backoff_max_ms = 10000;
    times.login_retry_ms = 100000;
    ws_server_start(&server, NULL, NULL);
    atomic_store(&server.refuse_auth, true);
    begin(true, "ws://127.0.0.1", NULL);
    WAIT(ws_server_count(&server, "private", "\"auth\"") == 5);
    usleep(300000);
    ck_assert_int_eq(ws_server_count(&server, "private", "\"auth\""),
                     5); /* then only after login_retry_ms */
    HOLDS(seen.ups == 0);
    HOLDS(seen.downs == 0);
    /* From the beginning: each accept can be late, but never early. */
    for (int i = 1, wait_ms = 40, least_ms = 40; i <= 4; i++, wait_ms *= 2, least_ms += wait_ms)
        ck_assert_int_ge(ws_server_accepted_ms(&server, i) - began_ms, least_ms - 2 * i);
    end();
}
END_TEST

START_TEST(no_answer_to_subscribe_rebuilds_the_link)
{
    times.login_timeout_ms = 100;
    ws_server_start(&server, NULL, NULL);
    atomic_store(&server.no_answer, true);
    begin(true, "ws://127.0.0.1", NULL);
    WAIT(ws_server_count(&server, "private", "\"auth\"") >= 2);
    HOLDS(seen.ups == 0);
    atomic_store(&server.no_answer, false);
    WAIT(seen.ups == 1);
    end();
}
END_TEST

START_TEST(a_private_socket_without_position_is_up_without_order_is_not)
{
    (void)strcpy(server.bad_topic, "position");
    begin_plain(true);
    WAIT(seen.ups == 1);
    ck_assert_int_ge(ws_server_count(&server, "private", "\"args\":[\"order\"]"),
                     1); /* one by one after the refusal */
    end();
    reset();
    (void)strcpy(server.bad_topic, "execution");
    begin_plain(true);
    WAIT(ws_server_count(&server, "private", "\"args\":[\"execution\"]") >= 2);
    HOLDS(seen.ups == 0);
    end();
}
END_TEST

START_TEST(pings_are_sent_and_a_missing_pong_ends_the_link)
{
    times.ping_every_ms = 40;
    times.pong_timeout_ms = 1000;
    begin_plain(true);
    WAIT(ws_server_count(&server, "private", "\"op\":\"ping\"") >= 5);
    HOLDS(seen.downs == 0);
    atomic_store(&server.no_pong, true);
    WAIT(seen.downs == 1);
    atomic_store(&server.no_pong, false);
    WAIT(seen.ups == 2);
    end();
}
END_TEST

START_TEST(a_server_that_never_upgrades_is_given_up)
{
    int64_t began_ms = clock_mono_ms();

    times.connect_timeout_ms = 150;
    ws_server_start(&server, NULL, NULL);
    atomic_store(&server.mute_upgrade, true);
    begin(true, "ws://127.0.0.1", NULL);
    WAIT(atomic_load(&server.connections) >= 3);
    HOLDS(seen.ups == 0);
    ck_assert_int_ge(ws_server_accepted_ms(&server, 1) - began_ms, 150);
    HOLDS(seen.states[LINK_PRIVATE][LINK_DOWN] >= 2);
    atomic_store(&server.mute_upgrade, false);
    WAIT(seen.ups == 1);
    end();
}
END_TEST

START_TEST(nobody_listens)
{
    ws_server_start(&server, NULL, NULL);
    begin(true, "ws://127.0.0.1", NULL);
    ws_server_stop(&server);
    WAIT(seen.states[LINK_PRIVATE][LINK_DOWN] >= 3);
    ws_server_start(&server, NULL, NULL); /* only for end() */
    end();
}
END_TEST

START_TEST(fragments_are_put_together)
{
    size_t bytes;
    char *text = fixture("ws_order_2_partly", &bytes);

    begin_plain(true);
    WAIT(seen.ups == 1);
    ck_assert(ws_server_send_pieces(&server, "private", text, bytes, 100));
    ck_assert(ws_server_send_pieces(&server, "private", text, bytes, bytes));
    WAIT(seen.orders == 2);
    HOLDS(seen.downs == 0);
    free(text);
    end();
}
END_TEST

/* A frame of `bytes`: an order, then blanks. */
static char *big_frame(size_t bytes)
{
    size_t order_bytes;
    char *order = fixture("ws_order_2_partly", &order_bytes);
    char *text = malloc(bytes + 1);

    ck_assert_ptr_nonnull(text);
    memset(text, ' ', bytes);
    memcpy(text, order, order_bytes);
    text[bytes] = '\0';
    free(order);
    return text;
}

START_TEST(three_mebibytes_pass_and_five_do_not)
{
    char *text = big_frame((size_t)3 << 20);

    begin_plain(true);
    WAIT(seen.ups == 1);
    ck_assert(ws_server_send(&server, "private", text));
    WAIT(seen.orders == 1);
    free(text);
    text = big_frame((size_t)5 << 20);
    (void)ws_server_send(&server, "private", text);
    WAIT(seen.downs == 1);
    HOLDS(seen.orders == 1);
    WAIT(seen.ups == 2);
    free(text);
    end();
}
END_TEST

START_TEST(garbage_ends_the_link_and_it_comes_back)
{
    static const char *const garbage[] = {
        "",
        "{",
        "[]",
        "\xff\xfe",
        "{\"topic\":\"order\",\"data\":[{}]}",
        "{\"topic\":\"order\",\"data\":[{\"category\":\"linear\",\"orderId\":1}]}",
        "{\"topic\":\"execution\",\"data\":[{\"category\":\"spot\"}]}",
        "{\"topic\":\"order\",\"data\":7}"
    };
    struct link_status status;

    begin_plain(true);
    for (int i = 0; i < (int)ARRAY_LEN(garbage); i++) {
        WAIT(seen.ups == i + 1);
        ck_assert(ws_server_send(&server, "private", garbage[i]));
        WAIT(seen.downs == i + 1);
    }
    WAIT(seen.ups == (int)ARRAY_LEN(garbage) + 1);
    stream_link_status(stream, LINK_PRIVATE, &status);
    ck_assert_int_eq(status.unreadable, (int)ARRAY_LEN(garbage));
    ck_assert_int_eq(status.reconnects, (int)ARRAY_LEN(garbage));
    /* What is not traded here is no garbage. */
    ck_assert(ws_server_send(&server, "private",
                             "{\"topic\":\"order\",\"data\":[{\"category\":\"spread\"}]}"));
    ck_assert(ws_server_send(&server, "private", "{\"op\":\"news\"}"));
    send_fixture("private", "ws_order_1_new");
    WAIT(seen.orders == 1);
    HOLDS(seen.downs == (int)ARRAY_LEN(garbage));
    end();
}
END_TEST

START_TEST(a_paused_socket_is_read_later)
{
    begin_plain(true);
    WAIT(seen.ups == 1);
    stream_pause_private(stream, true);
    usleep(50000);
    send_fixture("private", "ws_order_1_new");
    usleep(100000);
    HOLDS(seen.orders == 0);
    stream_pause_private(stream, false);
    WAIT(seen.orders == 1);
    HOLDS(seen.downs == 0);
    end();
}
END_TEST

/* --- public --- */

#define SNAPSHOT(u)                                                                                \
    "{\"topic\":\"orderbook.50.BTCUSDT\",\"type\":\"snapshot\",\"ts\":1,\"cts\":1,\"data\":{"      \
    "\"s\":\"BTCUSDT\","                                                                           \
    "\"b\":[[\"5\",\"1\"]],\"a\":[[\"6\",\"1\"]],\"u\":" #u ",\"seq\":1}}"
#define DELTA(u)                                                                                   \
    "{\"topic\":\"orderbook.50.BTCUSDT\",\"type\":\"delta\",\"ts\":1,\"cts\":1,\"data\":{\"s\":"   \
    "\"BTCUSDT\","                                                                                 \
    "\"b\":[[\"4\",\"1\"]],\"a\":[],\"u\":" #u ",\"seq\":1}}"

static bool book_is(enum book_state state)
{
    struct market_book book;
    struct book_level bid;
    struct book_level ask;

    return market_book(market, CATEGORY_LINEAR, "BTCUSDT", 1, &book, &bid, &ask) &&
           book.state == state;
}

static void want_book(void)
{
    ck_assert_int_eq(stream_want(stream, STREAM_BOOK, CATEGORY_LINEAR, "BTCUSDT", 50), ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
}

START_TEST(a_jump_subscribes_again)
{
    begin_plain(false);
    ck_assert_int_eq(state_of(LINK_PUBLIC_LINEAR), LINK_IDLE);
    want_book();
    ck_assert(ws_server_send(&server, "linear", SNAPSHOT(10)));
    ck_assert(ws_server_send(&server, "linear", DELTA(11)));
    ck_assert(ws_server_send(&server, "linear", DELTA(11)));
    WAIT(seen.books == 2 && seen.snapshots == 1);
    ck_assert(book_is(BOOK_SYNCED));
    ck_assert(ws_server_send(&server, "linear", DELTA(13)));
    WAIT(seen.gaps == 1);
    WAIT(ws_server_count(&server, "linear", "\"unsubscribe\"") == 1);
    WAIT(ws_server_count(&server, "linear", "\"subscribe\"") == 2);
    ck_assert(book_is(BOOK_SYNCING));
    ck_assert(ws_server_send(&server, "linear", DELTA(14)));
    ck_assert(ws_server_send(&server, "linear", SNAPSHOT(15)));
    WAIT(seen.books == 3 && seen.snapshots == 2);
    ck_assert(book_is(BOOK_SYNCED));
    HOLDS(seen.states[LINK_PUBLIC_LINEAR][LINK_DOWN] == 0);
    ck_assert_int_eq(atomic_load(&server.connections), 1);
    end();
}
END_TEST

START_TEST(a_cut_loses_the_book_until_the_next_snapshot)
{
    begin_plain(false);
    want_book();
    ck_assert(ws_server_send(&server, "linear", SNAPSHOT(10)));
    WAIT(seen.books == 1);
    ws_server_cut(&server, "linear");
    WAIT(seen.gaps == 1);
    WAIT(ws_server_count(&server, "linear", "\"subscribe\"") == 2);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    ck_assert(book_is(BOOK_STALE));
    ck_assert(ws_server_send(&server, "linear", SNAPSHOT(10)));
    WAIT(seen.books == 2);
    ck_assert(book_is(BOOK_SYNCED));
    end();
}
END_TEST

START_TEST(a_mute_link_is_stale_and_then_rebuilt)
{
    times.stale_after_ms = 1000; /* so long it may take to speak again, on a busy machine */
    begin_plain(false);
    want_book();
    ck_assert(ws_server_send(&server, "linear", SNAPSHOT(10)));
    WAIT(seen.states[LINK_PUBLIC_LINEAR][LINK_STALE] == 1);
    ck_assert(book_is(BOOK_STALE));
    ck_assert(ws_server_send(&server, "linear", DELTA(11))); /* it speaks again */
    WAIT(book_is(BOOK_SYNCED) && seen.gaps == 0);
    WAIT(seen.states[LINK_PUBLIC_LINEAR][LINK_DOWN] == 1);
    WAIT(seen.gaps == 1);
    WAIT(ws_server_count(&server, "linear", "\"subscribe\"") == 2);
    end();
}
END_TEST

START_TEST(a_spot_ticker_gets_bid_and_ask)
{
    struct market_ticker ticker;

    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_TICKER, CATEGORY_SPOT, "BTCUSDT", 0), ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_SPOT) == LINK_CONNECTED);
    ck_assert_int_eq(
        ws_server_count(&server, "spot", "\"tickers.BTCUSDT\",\"orderbook.1.BTCUSDT\""), 1);
    send_fixture("spot", "ws_ticker_spot");
    WAIT(seen.tickers == 1);
    HOLDS(decimal_is_none(&seen.ticker.bid));
    send_fixture("spot", "ws_book_1_repeat");
    WAIT(seen.tickers == 2);
    HOLDS((int)seen.ticker.bid.mantissa == 1649350);
    HOLDS((int)seen.ticker.ask.mantissa == 1661100);
    send_fixture("spot", "ws_book_1_repeat");
    send_fixture("spot", "ws_ticker_spot");
    WAIT(seen.tickers == 3);
    HOLDS((int)seen.ticker.bid.mantissa == 1649350);
    HOLDS(seen.books == 1);
    /* The last reader leaves: unsubscribed after a while, forgotten, unconnected. */
    stream_drop(stream, STREAM_TICKER, CATEGORY_SPOT, "BTCUSDT", 0);
    ck_assert(market_ticker(market, CATEGORY_SPOT, "BTCUSDT", &ticker));
    WAIT(ws_server_count(
             &server, "spot",
             "\"unsubscribe\",\"args\":[\"tickers.BTCUSDT\",\"orderbook.1.BTCUSDT\"]") == 1);
    WAIT(state_of(LINK_PUBLIC_SPOT) == LINK_IDLE);
    ck_assert(!market_ticker(market, CATEGORY_SPOT, "BTCUSDT", &ticker));
    end();
}
END_TEST

START_TEST(a_linear_ticker_is_merged)
{
    begin_plain(false);
    ck_assert_int_eq(stream_touch(stream, STREAM_TICKER, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_TICKER, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_TICKER, CATEGORY_LINEAR, "BTCUSDT", 0), ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    stream_drop(stream, STREAM_TICKER, CATEGORY_LINEAR, "BTCUSDT", 0);
    send_fixture("linear", "ws_ticker_linear");
    send_fixture("linear", "ws_ticker_delta");
    ck_assert(ws_server_send(&server, "linear",
                             "{\"topic\":\"tickers.BTCUSDT\",\"data\":{\"lastPrice\":\"x\"}}"));
    ck_assert(ws_server_send(&server, "linear",
                             "{\"topic\":\"tickers.OTHER\",\"data\":{\"symbol\":\"OTHER\"}}"));
    WAIT(seen.tickers == 2);
    HOLDS((int)seen.ticker.bid.mantissa == 6666650);
    usleep(300000); /* the other reader is still there */
    ck_assert_int_eq(state_of(LINK_PUBLIC_LINEAR), LINK_CONNECTED);
    ck_assert_int_eq(ws_server_count(&server, "linear", "\"unsubscribe\""), 0);
    end();
}
END_TEST

START_TEST(a_touch_lingers_and_ends)
{
    times.linger_ms = 1000;
    times.linger_ms = 1000;
    begin_plain(false);
    for (int i = 0; i < 15; i++) { /* longer than it lingers */
        ck_assert_int_eq(stream_touch(stream, STREAM_BOOK, CATEGORY_INVERSE, "BTCUSD", 200),
                         ERR_NONE);
        usleep(100000);
    }
    ck_assert_int_eq(state_of(LINK_PUBLIC_INVERSE), LINK_CONNECTED);
    WAIT(state_of(LINK_PUBLIC_INVERSE) == LINK_IDLE);
    ck_assert_int_eq(ws_server_count(&server, "inverse", "orderbook.200.BTCUSD"), 2);
    end();
}
END_TEST

START_TEST(a_bad_topic_is_found_and_the_others_go_on)
{
    struct link_status status;

    (void)strcpy(server.bad_topic, "NOSUCH");
    begin_plain(false);
    for (int i = 0; i < 25; i++) {
        char symbol[16];

        (void)snprintf(symbol, sizeof(symbol), "S%dUSDT", i);
        ck_assert_int_eq(
            stream_want(stream, STREAM_TICKER, CATEGORY_LINEAR, i == 12 ? "NOSUCH" : symbol, 0),
            ERR_NONE);
    }
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    ck_assert_int_eq(ws_server_count(&server, "linear", "[\"tickers.NOSUCH\"]"), 1);
    for (int i = 0; i < 40; i++) {
        char text[1024];
        int args = 0;

        ws_server_text(&server, "linear", i, text, sizeof(text));
        for (const char *at = text; (at = strstr(at, "tickers.")); at++)
            args++;
        ck_assert_int_le(args, 10);
    }
    stream_link_status(stream, LINK_PUBLIC_LINEAR, &status);
    ck_assert_int_eq(status.topics, 25);
    ck_assert(ws_server_send(&server, "linear",
                             "{\"topic\":\"tickers.S24USDT\",\"type\":\"snapshot\",\"ts\":1,"
                             "\"data\":{\"symbol\":\"S24USDT\"}}"));
    WAIT(seen.tickers == 1);
    end();
}
END_TEST

START_TEST(option_acks_name_their_topics)
{
    (void)strcpy(server.bad_topic, "BTC-1-C");
    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_BOOK, CATEGORY_OPTION, "BTC-6JAN23-18000-C", 25),
                     ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_TICKER, CATEGORY_OPTION, "BTC-1-C", 0), ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_OPTION) == LINK_CONNECTED);
    end();
}
END_TEST

START_TEST(what_cannot_be_wanted_is_refused)
{
    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_BOOK, CATEGORY_LINEAR, "BTCUSDT", 500),
                     ERR_INVALID);
    ck_assert_int_eq(stream_want(stream, STREAM_BOOK, CATEGORY_OPTION, "BTC-1-C", 50), ERR_INVALID);
    ck_assert_int_eq(stream_want(stream, STREAM_TICKER, CATEGORY_LINEAR, "btcusdt", 0),
                     ERR_INVALID);
    ck_assert_int_eq(stream_want(stream, STREAM_TICKER, CATEGORY_LINEAR, "", 0), ERR_INVALID);
    ck_assert_int_eq(stream_touch(stream, STREAM_TICKER, CATEGORY_LINEAR, "A\"B", 0), ERR_INVALID);
    ck_assert_int_eq(stream_want(stream, STREAM_CANDLES, CATEGORY_OPTION, "BTC-1-C", CANDLE_1M),
                     ERR_INVALID);
    ck_assert_int_eq(stream_want(stream, STREAM_CANDLES, CATEGORY_SPOT, "BTCUSDT", -1),
                     ERR_INVALID);
    ck_assert_int_eq(
        stream_want(stream, STREAM_CANDLES, CATEGORY_SPOT, "BTCUSDT", CANDLE_INTERVAL_COUNT),
        ERR_INVALID);
    ck_assert_int_eq(stream_want(stream, STREAM_LIQUIDATIONS, CATEGORY_SPOT, "BTCUSDT", 0),
                     ERR_INVALID);
    ck_assert_int_eq(stream_want(stream, STREAM_LIQUIDATIONS, CATEGORY_OPTION, "BTC-1-C", 0),
                     ERR_INVALID);
    end();
}
END_TEST

/* --- TLS --- */

static void temporary(char path[32])
{
    int fd;

    (void)strcpy(path, "/tmp/bybit-stream-XXXXXX");
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

START_TEST(tls_is_verified)
{
    char right[32];
    char other[32];
    struct ws_server unused = { .port = 0 };

    times.connect_timeout_ms = 2000;
    temporary(right);
    temporary(other);
    ws_server_start(&server, right, "localhost");
    begin(true, "wss://localhost", right);
    WAIT(seen.ups == 1);
    send_fixture("private", "ws_order_1_new");
    WAIT(seen.orders == 1);
    end();
    /* Another authority. */
    reset();
    ws_server_start(&unused, other, "localhost");
    ws_server_stop(&unused);
    ws_server_start(&server, right, "localhost");
    begin(true, "wss://localhost", other);
    WAIT(seen.states[LINK_PRIVATE][LINK_DOWN] >= 4);
    ck_assert_int_eq(atomic_load(&server.upgrades), 0);
    end();
    /* Another name. */
    reset();
    ws_server_start(&server, right, "stream.example");
    begin(true, "wss://localhost", right);
    WAIT(seen.states[LINK_PRIVATE][LINK_DOWN] >= 4);
    ck_assert_int_eq(atomic_load(&server.upgrades), 0);
    end();
    /* The system's authorities do not know it. */
    reset();
    ws_server_start(&server, right, "localhost");
    begin(true, "wss://localhost", NULL);
    WAIT(seen.states[LINK_PRIVATE][LINK_DOWN] >= 4);
    ck_assert_int_eq(atomic_load(&server.upgrades), 0);
    end();
    unlink(right);
    unlink(other);
}
END_TEST

START_TEST(a_tls_server_that_never_upgrades_is_given_up)
{
    char path[32];

    times.connect_timeout_ms = 300;
    temporary(path);
    ws_server_start(&server, path, "localhost");
    atomic_store(&server.mute_upgrade, true);
    begin(true, "wss://localhost", path);
    WAIT(atomic_load(&server.connections) >= 3);
    atomic_store(&server.mute_upgrade, false);
    WAIT(seen.ups == 1);
    end();
    unlink(path);
}
END_TEST

START_TEST(what_cannot_start_says_why)
{
    struct stream_config config = { .public_url = "http://127.0.0.1:1",
                                    .private_url = "ws://127.0.0.1:1",
                                    .times = &quick,
                                    .callbacks = told };
    struct error error = { .text = "" };
    struct stream *none;

    ck_assert_int_eq(stream_start(&none, &config, &error), ERR_INVALID);
    ck_assert_str_ne(error.text, "");
    config.public_url = "ws://127.0.0.1:1";
    config.ca_file = "/nonexistent/ca.pem";
    ck_assert_int_ne(stream_start(&none, &config, &error), ERR_NONE);
    stream_stop(NULL);
}
END_TEST

START_TEST(links_and_states_have_words)
{
    ck_assert_str_eq(stream_link_word(LINK_PUBLIC_SPOT), "public.spot");
    ck_assert_str_eq(stream_link_word(LINK_PRIVATE), "private");
    ck_assert_str_eq(link_state_word(LINK_IDLE), "idle");
    ck_assert_str_eq(link_state_word(LINK_DOWN), "down");
    ck_assert_int_eq(stream_times_default.ping_every_ms, 20000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    log_set_level(getenv("STREAM_LOG") ? LOG_DEBUG : LOG_ERROR);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, reset, clean_up);
    tcase_add_test(tcase, it_logs_in_and_subscribes);
    tcase_add_test(tcase, data_before_the_ack_is_taken_but_is_not_up);
    tcase_add_test(tcase, it_comes_back_after_a_cut);
    tcase_add_test(tcase, a_refused_login_is_tried_ever_slower);
    tcase_add_test(tcase, no_answer_to_subscribe_rebuilds_the_link);
    tcase_add_test(tcase, a_private_socket_without_position_is_up_without_order_is_not);
    tcase_add_test(tcase, pings_are_sent_and_a_missing_pong_ends_the_link);
    tcase_add_test(tcase, a_server_that_never_upgrades_is_given_up);
    tcase_add_test(tcase, nobody_listens);
    tcase_add_test(tcase, fragments_are_put_together);
    tcase_add_test(tcase, three_mebibytes_pass_and_five_do_not);
    tcase_add_test(tcase, garbage_ends_the_link_and_it_comes_back);
    tcase_add_test(tcase, a_paused_socket_is_read_later);
    tcase_add_test(tcase, a_jump_subscribes_again);
    tcase_add_test(tcase, a_cut_loses_the_book_until_the_next_snapshot);
    tcase_add_test(tcase, a_mute_link_is_stale_and_then_rebuilt);
    tcase_add_test(tcase, a_spot_ticker_gets_bid_and_ask);
    tcase_add_test(tcase, a_linear_ticker_is_merged);
    tcase_add_test(tcase, a_touch_lingers_and_ends);
    tcase_add_test(tcase, a_bad_topic_is_found_and_the_others_go_on);
    tcase_add_test(tcase, option_acks_name_their_topics);
    tcase_add_test(tcase, what_cannot_be_wanted_is_refused);
    tcase_add_test(tcase, tls_is_verified);
    tcase_add_test(tcase, a_tls_server_that_never_upgrades_is_given_up);
    tcase_add_test(tcase, what_cannot_start_says_why);
    tcase_add_test(tcase, links_and_states_have_words);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
