/* GET /stream over real sockets: trades, candles, liquidations, positions, balance; conflation. */
#include "bybit/account_parts.h"
#include "server/hub_publish.h"
#include "tests/test_sse_kit.h"

static struct hub_writer writer;

static void start_topics(const struct http_times *times)
{
    start_with(times, 100000, false, 100);
    hub_writer_init(&writer, hub);
}

static void stop_topics(void)
{
    stop();
    hub_writer_deinit(&writer);
    account_destroy(api.account);
}

static struct decimal number(int64_t value)
{
    return (struct decimal){ .mantissa = value, .scale = 0 };
}

static int count(const char *text)
{
    int found = 0;

    for (const char *at = client.text; (at = strstr(at, text)); at++)
        found++;
    return found;
}

/* Nothing more comes. */
static void expect_caught_up(void)
{
    size_t used;

    kit_sleep_ms(50);
    (void)take_all();
    used = client.used;
    kit_sleep_ms(50);
    (void)take_all();
    ck_assert_uint_eq(client.used, used);
}

/* --- trades --- */

#define TRADES "trades:linear:BTCUSDT"

static void publish_trade(int id)
{
    struct public_trade trade = { .category = CATEGORY_LINEAR,
                                  .symbol = "BTCUSDT",
                                  .side = SIDE_SELL,
                                  .price = number(5),
                                  .qty = number(2),
                                  .ts_ms = 1000 + id };

    (void)snprintf(trade.id, sizeof(trade.id), "t%d", id);
    hub_publish_trade(&writer, &trade, 7);
}

START_TEST(trades_come_one_an_event_in_order)
{
    start_topics(&calm);
    publish_trade(0); /* nobody is there */
    stream_open("/stream?topics=trades:BTCUSDT", "");
    stream_until("\"trades:linear:BTCUSDT\"]");
    await_wanted(TRADES);
    for (int i = 1; i <= 300; i++)
        publish_trade(i);
    stream_until("\"t300\"");
    ck_assert_int_eq(count("event: trade\n"), 300);
    ck_assert_int_eq(count("id: "), 0); /* only journaled events have one */
    ck_assert_ptr_nonnull(strstr(
        client.text, "event: trade\ndata: {\"id\":\"t1\",\"category\":\"linear\",\"symbol\":"
                     "\"BTCUSDT\",\"side\":\"sell\",\"price\":\"5\",\"qty\":\"2\",\"block\":false,"
                     "\"ts\":1001,\"recv_at\":7}\n\n"));
    for (int i = 1, at = 0; i < 300; i++) {
        char id[16];
        const char *found;

        (void)snprintf(id, sizeof(id), "\"t%d\"", i);
        found = strstr(client.text + at, id);
        ck_assert_ptr_nonnull(found);
        at = (int)(found - client.text);
    }
    stream_close();
    stop_topics();
}
END_TEST

static int64_t member_after(const char *from, const char *name)
{
    const char *at = from ? strstr(from, name) : NULL;

    ck_assert_ptr_nonnull(at);
    return strtoll(at + strlen(name), NULL, 10);
}

START_TEST(a_reader_of_trades_that_fell_behind_learns_how_many_it_lost_and_goes_on)
{
    int64_t dropped = 0;
    int events;

    start_topics(&calm);
    stream_open_on(client_connect_small(port), "/stream?topics=trades:BTCUSDT", "");
    stream_until("\"trades:linear:BTCUSDT\"]");
    await_wanted(TRADES);
    for (int i = 1; i <= 20000; i++)
        publish_trade(i);
    stream_until("\"t20000\"");
    for (const char *at = client.text; (at = strstr(at, "event: gap")); at++) {
        ck_assert_ptr_nonnull(strstr(at, "\"topic\":\"trades:linear:BTCUSDT\""));
        ck_assert_ptr_nonnull(strstr(at, "\"repaired\":false"));
        dropped += member_after(at, "\"dropped\":");
    }
    events = count("event: trade\n");
    ck_assert_int_gt(dropped, 0);
    ck_assert_int_eq(events + (int)dropped, 20000); /* each is sent or counted */
    ck_assert_int_eq(status_member("\"dropped\""), dropped);
    publish_trade(20001);
    stream_until("\"t20001\"");
    expect_caught_up();
    stream_close();
    stop_topics();
}
END_TEST

START_TEST(a_gap_of_the_link_reaches_the_readers_of_trades)
{
    const struct stream_gap begun = {
        .kind = STREAM_TRADES, .category = CATEGORY_LINEAR, .symbol = "BTCUSDT", .from_ms = 10
    };
    const struct stream_gap ended = { .kind = STREAM_TRADES,
                                      .category = CATEGORY_LINEAR,
                                      .symbol = "BTCUSDT",
                                      .from_ms = 10,
                                      .to_ms = 20 };

    start_topics(&calm);
    stream_open("/stream?topics=trades:BTCUSDT", "Accept: application/x-ndjson\r\n");
    await_wanted(TRADES);
    publish_trade(1);
    hub_publish_stream_gap(&writer, &begun);
    hub_publish_stream_gap(&writer, &ended);
    publish_trade(2);
    stream_until("\"t2\"");
    ck_assert_ptr_nonnull(strstr(client.text, "{\"event\":\"gap\",\"id\":null,\"data\":{\"topic\":"
                                              "\"trades:linear:BTCUSDT\",\"from\":10,\"to\":null,"
                                              "\"repaired\":false,\"recv_at\":"));
    ck_assert_ptr_nonnull(strstr(client.text, "\"from\":10,\"to\":20,\"repaired\":false"));
    stream_close();
    stop_topics();
}
END_TEST

START_TEST(liquidations_come)
{
    const struct liquidation liquidation = { .category = CATEGORY_LINEAR,
                                             .symbol = "ROSEUSDT",
                                             .side = SIDE_SELL,
                                             .price = number(3),
                                             .qty = number(20000),
                                             .ts_ms = 9 };

    start_topics(&calm);
    stream_open("/stream?topics=liquidations:ROSEUSDT", "");
    await_wanted("liquidations:linear:ROSEUSDT");
    hub_publish_liquidation(&writer, &liquidation, 10);
    stream_until(
        "event: liquidation\ndata: {\"category\":\"linear\",\"symbol\":\"ROSEUSDT\","
        "\"side\":\"sell\",\"price\":\"3\",\"qty\":\"20000\",\"ts\":9,\"recv_at\":10}\n\n");
    stream_close();
    stop_topics();
}
END_TEST

/* --- the smaller states --- */

static void publish_pool(enum pool_kind kind, const char *name, const char *text, int64_t ts_ms)
{
    struct pool pool;
    struct json data;

    ck_assert_int_eq(json_open_trusted(&data, text, strlen(text), NULL), ERR_NONE);
    ck_assert_uint_eq(market_merge_pool(api.market, kind, name, &data, false, ts_ms, 7), 0);
    ck_assert(market_pool(api.market, kind, name, &pool));
    hub_publish_pool(&writer, &pool);
    pool_deinit(&pool);
}

START_TEST(price_limits_begin_with_the_one_in_memory_and_the_latest_wins)
{
    struct price_limit limit = { .category = CATEGORY_SPOT,
                                 .symbol = "BTCUSDT",
                                 .buy_max = number(9),
                                 .sell_min = number(8),
                                 .ts_ms = 5 };

    start_topics(&calm);
    api.market = market_create();
    ck_assert_int_eq(market_put_limit(api.market, &limit, 6), ERR_NONE);
    stream_open("/stream?topics=price_limit:spot:BTCUSDT", "");
    stream_until(
        "event: price_limit\ndata: {\"category\":\"spot\",\"symbol\":\"BTCUSDT\",\"buy_max\":"
        "\"9\",\"sell_min\":\"8\",\"ts\":5,\"recv_at\":6}\n\n");
    limit.ts_ms = 4;
    hub_publish_price_limit(&writer, &limit, 7); /* the snapshot is newer */
    limit.ts_ms = 10;
    limit.sell_min = DECIMAL_NONE;
    hub_publish_price_limit(&writer, &limit, 11);
    stream_until("\"sell_min\":null,\"ts\":10,\"recv_at\":11}\n\n");
    ck_assert_int_eq(count("\"ts\":4,"), 0);
    stream_close();
    stop_topics();
}
END_TEST

START_TEST(pools_are_told_whole)
{
    const struct stream_gap gap = {
        .kind = STREAM_ADL, .category = CATEGORY_LINEAR, .symbol = "USDT", .from_ms = 3
    };

    start_topics(&calm);
    api.market = market_create();
    publish_pool(POOL_INSURANCE, "USDT",
                 "[{\"coin\":\"USDT\",\"symbols\":\"A\",\"balance\":\"1\"}]", 5);
    stream_open("/stream?topics=insurance:USDT,adl:USDT,greeks", "");
    stream_until(
        "event: insurance\ndata: {\"pool\":\"USDT\",\"items\":[{\"symbols\":\"A\",\"coin\":"
        "\"USDT\",\"balance\":\"1\",\"updated_at\":null}],\"ts\":5,\"recv_at\":7}\n\n");
    publish_pool(POOL_INSURANCE, "USDT",
                 "[{\"coin\":\"USDT\",\"symbols\":\"B\",\"balance\":\"2\"}]", 6);
    stream_until("\"symbols\":\"A\",\"coin\":\"USDT\",\"balance\":\"1\",\"updated_at\":null},{"
                 "\"symbols\":\"B\",");
    publish_pool(POOL_ADL, "USDT", "[{\"c\":\"USDT\",\"s\":\"A\",\"b\":-1,\"i_pr\":-0.3}]", 6);
    stream_until(
        "event: adl\ndata: {\"pool\":\"USDT\",\"items\":[{\"symbol\":\"A\",\"coin\":\"USDT\","
        "\"balance\":\"-1\",\"drawdown_8h\":null,\"start_ratio\":\"-0.3\",\"stop_ratio\":null,"
        "\"trigger_balance\":null}],\"ts\":6,");
    publish_pool(POOL_GREEKS, "", "[{\"baseCoin\":\"ETH\",\"totalDelta\":\"0.1\"}]", 6);
    stream_until(
        "event: greeks\ndata: {\"items\":[{\"coin\":\"ETH\",\"delta\":\"0.1\",\"gamma\":null,");
    hub_publish_stream_gap(&writer, &gap);
    stream_until(
        "event: gap\ndata: {\"topic\":\"adl:USDT\",\"from\":3,\"to\":null,\"repaired\":false,");
    stream_close();
    stop_topics();
}
END_TEST

/* --- candles --- */

#define CANDLES "candles:linear:BTCUSDT:5m"

static struct candle candle_of(int64_t start_ms, int64_t ts_ms, int close, bool closed)
{
    return (struct candle){ .category = CATEGORY_LINEAR,
                            .symbol = "BTCUSDT",
                            .interval = CANDLE_5M,
                            .start_ms = start_ms,
                            .open = number(1),
                            .high = number(9),
                            .low = number(1),
                            .close = number(close),
                            .volume = number(4),
                            .turnover = number(8),
                            .closed = closed,
                            .ts_ms = ts_ms };
}

static void publish_candle(int64_t start_ms, int64_t ts_ms, int close, bool closed)
{
    struct candle candle = candle_of(start_ms, ts_ms, close, closed);

    ck_assert_int_eq(market_put_candle(api.market, &candle, 7), ERR_NONE);
    hub_publish_candle(&writer, &candle, 7);
}

START_TEST(candles_begin_with_the_one_in_memory_and_each_is_sent)
{
    struct candle late = candle_of(0, 1100, 3, false);

    start_topics(&calm);
    api.market = market_create();
    publish_candle(0, 1200, 4, false);
    stream_open("/stream?topics=candles:BTCUSDT:5m", "");
    stream_until("event: candle\ndata: {\"category\":\"linear\",\"symbol\":\"BTCUSDT\","
                 "\"interval\":\"5m\",\"at\":\"1970-01-01T00:00:00.000Z\",");
    stream_until("\"close\":\"4\"");
    hub_publish_candle(&writer, &late, 7); /* the snapshot is newer */
    publish_candle(0, 1200, 5, true);      /* the closing one may have the same time */
    for (int i = 1; i <= 100; i++)
        publish_candle(300000, 300000 + i, i, i == 100);
    stream_until("\"ts\":300100");
    ck_assert_int_eq(count("event: candle\n"), 102);
    ck_assert_int_eq(count("\"closed\":true"), 2); /* no closing candle is overwritten */
    ck_assert_int_eq(count("\"ts\":1100"), 0);
    stream_close();
    stop_topics();
}
END_TEST

START_TEST(a_candle_that_is_not_in_memory_comes_with_its_first_frame)
{
    start_topics(&calm);
    api.market = market_create();
    stream_open("/stream?topics=candles:BTCUSDT:5m", "");
    await_wanted(CANDLES);
    stream_until("hello");
    publish_candle(0, 1200, 4, false);
    stream_until("\"close\":\"4\"");
    stream_close();
    stop_topics();
}
END_TEST

START_TEST(a_reader_of_candles_that_fell_behind_gets_a_gap_and_the_newest)
{
    start_topics(&calm);
    api.market = market_create();
    stream_open_on(client_connect_small(port), "/stream?topics=candles:BTCUSDT:5m", "");
    await_wanted(CANDLES);
    for (int i = 1; i <= 20000; i++)
        publish_candle(0, i, i, false);
    stream_until("\"close\":\"20000\"");
    stream_until("event: gap\ndata: {\"topic\":\"candles:linear:BTCUSDT:5m\",\"from\":null,"
                 "\"to\":null,\"repaired\":false,");
    expect_caught_up();
    stream_close();
    stop_topics();
}
END_TEST

/* --- positions and balance --- */

static struct position position_of(const char *symbol, int qty, int64_t updated_ms)
{
    struct position position = { .category = CATEGORY_LINEAR,
                                 .side = qty ? SIDE_BUY : SIDE_NONE,
                                 .qty = number(qty),
                                 .entry_price = number(100),
                                 .mark_price = DECIMAL_NONE,
                                 .liq_price = DECIMAL_NONE,
                                 .value = DECIMAL_NONE,
                                 .leverage = DECIMAL_NONE,
                                 .margin = DECIMAL_NONE,
                                 .unrealised_pnl = DECIMAL_NONE,
                                 .realised_pnl = DECIMAL_NONE,
                                 .take_profit = DECIMAL_NONE,
                                 .stop_loss = DECIMAL_NONE,
                                 .trailing_stop = DECIMAL_NONE,
                                 .updated_ms = updated_ms,
                                 .seq = updated_ms };

    (void)strcpy(position.symbol, symbol);
    return position;
}

static void on_position(const struct position *position, void *userdata)
{
    (void)userdata;
    hub_publish_position(&writer, position, 7);
}

static void on_balance(const struct balance *balance, int64_t as_of_ms, void *userdata)
{
    (void)userdata;
    hub_publish_balance(&writer, balance, as_of_ms, 7);
}

static void make_account(void)
{
    static const struct account_callbacks told = { .on_position = on_position,
                                                   .on_balance = on_balance };
    const struct account_config config = { .callbacks = &told };

    api.account = account_create(&config);
    ck_assert_ptr_nonnull(api.account);
    api.account->loads[ACCOUNT_POSITIONS].loaded = true;
    api.account->loads[ACCOUNT_BALANCE].loaded = true;
}

static void change_position(const char *symbol, int qty, int64_t updated_ms)
{
    struct position position = position_of(symbol, qty, updated_ms);

    account_on_position(api.account, &position);
}

static void change_balance(const char *coin, int wallet)
{
    char text[160];
    struct json item;

    (void)snprintf(text, sizeof(text),
                   "{\"totalEquity\":\"%d\",\"coin\":[{\"coin\":\"%s\",\"walletBalance\":\"%d\"}]}",
                   wallet, coin, wallet);
    ck_assert_int_eq(json_open(&item, text, strlen(text), NULL), ERR_NONE);
    account_on_wallet(api.account, &item);
}

START_TEST(positions_begin_with_the_open_ones_and_go_on)
{
    start_topics(&calm);
    make_account();
    change_position("BTCUSDT", 3, 1000);
    change_position("ETHUSDT", 4, 1000);
    change_position("XRPUSDT", 5, 1000);
    change_position("XRPUSDT", 0, 1001); /* flat */
    stream_open("/stream?topics=positions", "");
    stream_until("\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":\"3\"");
    stream_until("\"symbol\":\"ETHUSDT\",\"side\":\"buy\",\"qty\":\"4\"");
    ck_assert_int_eq(count("XRPUSDT"), 0);
    ck_assert_ptr_nonnull(strstr(client.text, "\"topics\":[\"positions\"]"));
    change_position("ETHUSDT", 6, 1002);
    change_position("BTCUSDT", 0, 1003);
    stream_until("\"qty\":\"6\"");
    stream_until("\"symbol\":\"BTCUSDT\",\"side\":null,\"qty\":\"0\"");
    ck_assert_int_eq(count("event: position\n"), 4);
    ck_assert_int_eq(count("id: "), 0);
    hub_publish_account_gap(&writer, 55);
    change_position("BTCUSDT", 8, 1004);
    stream_until("event: gap\ndata: {\"topic\":\"positions\",\"from\":55,\"to\":null,");
    stream_until("\"qty\":\"8\"");
    stream_close();
    stop_topics();
}
END_TEST

static void *change_positions(void *userdata)
{
    for (int i = 1; i <= 3000; i++) {
        change_position("BTCUSDT", i, 1000 + i);
        if (i % 64 == 0)
            kit_sleep_ms(1);
    }
    return userdata;
}

/* While they change: no reader sees one go back, and each ends at the last. One that was overtaken,
 * as on a busy machine, is told so. */
START_TEST(the_snapshot_of_positions_joins_what_is_live)
{
    pthread_t thread;
    const char *from = client.text;
    int64_t last = 0;

    start_topics(&calm);
    make_account();
    change_position("BTCUSDT", 1, 1000);
    ck_assert_int_eq(pthread_create(&thread, NULL, change_positions, NULL), 0);
    kit_sleep_ms(_i * 3);
    stream_open("/stream?topics=positions", "");
    stream_until("\"qty\":\"3000\"");
    (void)pthread_join(thread, NULL);
    for (const char *at = client.text; (at = strstr(at, "\"qty\":\"")); at++) {
        int64_t qty = member_after(at, "\"qty\":\"");

        const char *gap = strstr(from, "event: gap\ndata: {\"topic\":\"positions\"");

        ck_assert_int_ge(qty, last);
        ck_assert(last == 0 || qty <= last + 1 || (gap && gap < at)); /* nothing is missed */
        last = qty;
        from = at;
    }
    stream_close();
    stop_topics();
}
END_TEST

/* No reader sees the position go back. */
static void expect_forward(void)
{
    int64_t last = 0;

    for (const char *at = client.text; (at = strstr(at, "\"symbol\":\"BTCUSDT\"")); at++) {
        int64_t qty = member_after(at, "\"qty\":\"");

        ck_assert_int_ge(qty, last);
        last = qty;
    }
}

START_TEST(a_reader_of_positions_that_was_overtaken_gets_a_gap_and_the_snapshot)
{
    const char *gap;

    start_topics(&calm);
    make_account();
    change_position("ETHUSDT", 7, 1000);
    stream_open_on(client_connect_small(port), "/stream?topics=positions", "");
    stream_until("ETHUSDT");
    for (int i = 1; i <= 20000; i++)
        change_position("BTCUSDT", i, 1000 + i);
    stream_until("\"qty\":\"20000\"");
    gap = strstr(client.text, "event: gap\ndata: {\"topic\":\"positions\",");
    ck_assert_ptr_nonnull(gap);
    ck_assert_ptr_nonnull(strstr(gap, "\"repaired\":true"));
    ck_assert_ptr_nonnull(strstr(gap, "ETHUSDT"));
    expect_forward();
    expect_caught_up();
    stream_close();
    stop_topics();
}
END_TEST

START_TEST(the_balance_begins_with_the_one_in_memory_and_the_latest_wins)
{
    start_topics(&calm);
    make_account();
    change_balance("USDT", 1);
    stream_open("/stream?topics=balance", "");
    stream_until("event: balance\ndata: {\"equity\":\"1\",");
    stream_until("\"recv_at\":");
    change_balance("BTC", 2);
    stream_until("\"coin\":\"BTC\",\"wallet\":\"2\"");
    ck_assert_int_eq(count("event: balance\n"), 2);
    for (int i = 3; i <= 5000; i++)
        change_balance("BTC", i);
    stream_until("\"wallet\":\"5000\"");
    stream_close();
    stop_topics();
}
END_TEST

START_TEST(without_an_account_yet_nothing_is_made_up)
{
    start_topics(&fast);
    stream_open("/stream?topics=positions,balance", "");
    stream_until(":\n\n"); /* a heartbeat */
    ck_assert_int_eq(count("event: "), 1);
    stream_close();
    make_account();
    api.account->loads[ACCOUNT_BALANCE].loaded = false;
    stream_open("/stream?topics=balance", "");
    stream_until(":\n\n");
    ck_assert_int_eq(count("event: "), 1);
    stream_close();
    stop_topics();
}
END_TEST

START_TEST(a_reset_has_the_account_where_it_is_wanted)
{
    start_topics(&calm);
    make_account();
    change_position("BTCUSDT", 3, 1000);
    change_balance("USDT", 11);
    stream_open("/stream?topics=orders,positions,balance&after=9-9", "");
    stream_until("event: reset\n");
    stream_until("\"orders\":null,\"positions\":[{");
    stream_until("\"balance\":{\"equity\":\"11\"");
    stream_close();
    stream_open("/stream?topics=orders,balance&after=9-9", "");
    stream_until("\"positions\":null,\"balance\":{\"equity\":\"11\"");
    stream_close();
    stream_open("/stream?topics=orders&after=9-9", "");
    stream_until("\"positions\":null,\"balance\":null");
    stream_close();
    stop_topics();
}
END_TEST

/* --- conflation --- */

static void publish_ticker(int value)
{
    char json[48];

    (void)snprintf(json, sizeof(json), "{\"v\":%d,\"w\":1}", value);
    hub_publish_state(hub, "ticker:linear:BTCUSDT", "ticker", json, strlen(json));
}

START_TEST(conflated_tickers_come_at_most_once_an_interval_and_end_at_the_latest)
{
    int64_t began_ms;
    int events;

    start_topics(&calm);
    stream_open("/stream?topics=ticker:BTCUSDT&conflate=100ms", "");
    await_wanted("ticker:linear:BTCUSDT");
    stream_until("hello");
    began_ms = clock_mono_ms();
    for (int i = 0; i < 100; i++) {
        publish_ticker(i);
        kit_sleep_ms(4);
    }
    stream_until("\"v\":99,"); /* the last one is not held for ever */
    events = count("event: ticker\n");
    ck_assert_int_le(events, (int)((clock_mono_ms() - began_ms) / 100) + 1);
    ck_assert_int_ge(events, 3);
    ck_assert_int_eq(count("\"dropped\""), 0); /* that is what was asked for */
    stream_close();
    stop_topics();
}
END_TEST

START_TEST(each_topic_is_held_for_itself)
{
    static const char a[] = "ticker:linear:AUSDT";
    static const char b[] = "ticker:linear:BUSDT";
    int64_t began_ms;

    start_topics(&calm);
    stream_open("/stream?topics=ticker:AUSDT,ticker:BUSDT&conflate=300ms", "");
    await_wanted(b);
    stream_until("hello");
    began_ms = clock_mono_ms();
    hub_publish_state(hub, a, "ticker", "{\"a\":1}", 7);
    stream_until("{\"a\":1}");
    kit_sleep_ms(100);
    hub_publish_state(hub, b, "ticker", "{\"b\":1}", 7);
    stream_until("{\"b\":1}"); /* though the other is held */
    hub_publish_state(hub, b, "ticker", "{\"b\":2}", 7);
    stream_until("{\"b\":2}");
    ck_assert_int_ge(clock_mono_ms() - began_ms, 395);
    ck_assert_int_lt(clock_mono_ms() - began_ms, 2500);
    stream_close();
    stop_topics();
}
END_TEST

static void apply_book(int u)
{
    char text[160];
    struct json data;

    (void)snprintf(text, sizeof(text),
                   "{\"s\":\"BTCUSDT\",\"b\":[[\"100\",\"%d\"]],\"a\":[[\"101\",\"1\"]],\"u\":%d,"
                   "\"seq\":%d}",
                   u, u, u);
    ck_assert_int_eq(json_open(&data, text, strlen(text), NULL), ERR_NONE);
    ck_assert_int_eq(
        market_apply_book(api.market, CATEGORY_LINEAR, "BTCUSDT", 50, &data, u == 2, 1, 1, 1),
        BOOK_APPLIED);
    hub_publish_book(&writer, CATEGORY_LINEAR, "BTCUSDT", 50, u == 2, &data, 1, 1);
}

START_TEST(conflated_books_come_whole)
{
    const struct stream_gap gap = {
        .kind = STREAM_BOOK, .category = CATEGORY_LINEAR, .symbol = "BTCUSDT", .depth = 50
    };
    int64_t began_ms;
    int events;

    start_topics(&calm);
    api.market = market_create();
    stream_open("/stream?topics=book:BTCUSDT&conflate=100ms", "");
    await_wanted("book:linear:BTCUSDT:50");
    stream_until("hello");
    began_ms = clock_mono_ms();
    for (int u = 2; u <= 100; u++) {
        apply_book(u);
        kit_sleep_ms(4);
    }
    stream_until("\"u\":100,");
    events = count("event: book\n");
    ck_assert_int_le(events, (int)((clock_mono_ms() - began_ms) / 100) + 1);
    ck_assert_int_ge(events, 3);
    ck_assert_int_eq(count("\"type\":\"snapshot\""), events);
    ck_assert_int_eq(count("\"type\":\"delta\""), 0);
    ck_assert_int_eq(count("event: gap"), 0);
    market_stale_book(api.market, CATEGORY_LINEAR, "BTCUSDT", 50);
    hub_publish_stream_gap(&writer, &gap);
    stream_until("event: gap\n");
    apply_book(2);
    stream_until("\"u\":2,");
    stream_close();
    stop_topics();
}
END_TEST

/* Its frames overtake it in each interval, which is what it wants. */
START_TEST(a_conflated_book_that_was_overtaken_has_no_gap)
{
    start_topics(&calm);
    api.market = market_create();
    stream_open("/stream?topics=book:BTCUSDT&conflate=200ms", "");
    await_wanted("book:linear:BTCUSDT:50");
    stream_until("hello");
    for (int u = 2; u <= 6000; u++)
        apply_book(u);
    stream_until("\"u\":6000,");
    ck_assert_int_eq(count("event: gap"), 0);
    stream_close();
    stop_topics();
}
END_TEST

START_TEST(sequences_are_not_conflated)
{
    start_topics(&calm);
    make_account();
    stream_open("/stream?topics=trades:BTCUSDT,positions&conflate=60s", "");
    await_wanted(TRADES);
    stream_until("hello");
    for (int i = 1; i <= 50; i++) {
        publish_trade(i);
        change_position("BTCUSDT", i, 1000 + i);
    }
    stream_until("\"t50\"");
    stream_until("\"qty\":\"50\"");
    ck_assert_int_eq(count("event: trade\n"), 50);
    ck_assert_int_eq(count("event: position\n"), 50);
    stream_close();
    stop_topics();
}
END_TEST

/* --- attacks --- */

START_TEST(topics_named_twice_are_one)
{
    start_topics(&calm);
    make_account();
    change_position("BTCUSDT", 3, 1000);
    stream_open("/stream?topics=positions,trades:BTCUSDT,trades:linear:btcusdt,positions,"
                "trades:BTCUSDT",
                "");
    await_wanted(TRADES);
    stream_until("\"topics\":[\"positions\",\"trades:linear:BTCUSDT\"]");
    publish_trade(1);
    stream_until("\"t1\"");
    ck_assert_int_eq(count("event: trade\n"), 1);
    ck_assert_int_eq(count("event: position\n"), 1);
    stream_close();
    stop_topics();
}
END_TEST

START_TEST(a_reader_has_a_hundred_topics)
{
    static char path[8192];
    char reply[8192];

    start_topics(&calm);
    (void)strcpy(path, "/stream?topics=positions,balance");
    for (int i = 0; i < 98; i++)
        (void)snprintf(path + strlen(path), sizeof(path) - strlen(path), ",%s:S%dUSDT",
                       i % 2 ? "trades" : "candles", i);
    client.fd = client_connect(port);
    client.used = 0;
    client.raw[0] = client.text[0] = '\0';
    client_send(client.fd, "GET ");
    client_send(client.fd, path);
    client_send(client.fd, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream_until("\"trades:linear:S97USDT\"]");
    stream_close();
    (void)strcat(path, ",ticker:BTCUSDT");
    client.fd = client_connect(port);
    client_send(client.fd, "GET ");
    client_send(client.fd, path);
    client_send(client.fd, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ck_assert_int_eq(client_reply(client.fd, reply, sizeof(reply)), 400);
    ck_assert_ptr_nonnull(strstr(reply, "more than 100 topics"));
    stream_close();
    stop_topics();
}
END_TEST

static void *publish_all(void *userdata)
{
    const atomic_bool *over = userdata;
    struct hub_writer own;
    struct public_trade trade = { .category = CATEGORY_LINEAR,
                                  .symbol = "BTCUSDT",
                                  .id = "x",
                                  .side = SIDE_SELL,
                                  .price = number(5),
                                  .qty = number(2) };

    hub_writer_init(&own, hub);
    for (int i = 1; !atomic_load(over); i++) {
        struct candle candle = candle_of(0, i, i, false);

        hub_publish_trade(&own, &trade, 1);
        if (!market_put_candle(api.market, &candle, 1))
            hub_publish_candle(&own, &candle, 1);
        change_position("BTCUSDT", i, 1000 + i);
        change_balance("USDT", i);
        if (i % 16 == 0)
            kit_sleep_ms(1);
    }
    hub_writer_deinit(&own);
    return NULL;
}

/* Fifty at a time come, some leave at once, some in their snapshot, some later. */
START_TEST(readers_that_come_and_go_leave_nothing_behind)
{
    static const char request[] =
        "GET /stream?topics=trades:BTCUSDT,candles:BTCUSDT:5m,positions,balance,"
        "book:BTCUSDT,ticker:BTCUSDT&conflate=20ms HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static char text[64 * 1024];
    atomic_bool over = false;
    pthread_t thread;
    int fds[50];

    start_topics(&calm);
    api.market = market_create();
    make_account();
    for (int i = 0; i < 300; i++) {
        char symbol[32];

        (void)snprintf(symbol, sizeof(symbol), "S%dUSDT", i);
        change_position(symbol, 1, 1000);
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, publish_all, &over), 0);
    for (int round = 0; round < 10; round++) {
        for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
            fds[i] = client_connect(port);
            client_send(fds[i], request);
            if (i % 3 == 0)
                (void)close(fds[i]);
        }
        for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
            if (i % 3 == 0)
                continue;
            text[0] = '\0';
            if (i % 3 == 1)
                ck_assert(client_read(fds[i], text, sizeof(text), "event: position", 5000));
            (void)close(fds[i]);
        }
    }
    stream_open("/stream?topics=trades:BTCUSDT", "");
    stream_until("event: trade\n");
    stream_close();
    for (int i = 0; i < 1000 && status_member("\"readers\"") > 0; i++)
        kit_sleep_ms(10);
    ck_assert_int_eq(status_member("\"readers\""), 0);
    atomic_store(&over, true);
    (void)pthread_join(thread, NULL);
    ck_assert(!hub_wanted(hub, TRADES));
    ck_assert(!hub_wanted(hub, HUB_POSITIONS));
    ck_assert(!hub_wanted(hub, HUB_BALANCE));
    stop_topics();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sse topics");
    TCase *tcase = tcase_create("topics");
    SRunner *runner;
    int failures;

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, trades_come_one_an_event_in_order);
    tcase_add_test(tcase, a_reader_of_trades_that_fell_behind_learns_how_many_it_lost_and_goes_on);
    tcase_add_test(tcase, a_gap_of_the_link_reaches_the_readers_of_trades);
    tcase_add_test(tcase, liquidations_come);
    tcase_add_test(tcase, price_limits_begin_with_the_one_in_memory_and_the_latest_wins);
    tcase_add_test(tcase, pools_are_told_whole);
    tcase_add_test(tcase, candles_begin_with_the_one_in_memory_and_each_is_sent);
    tcase_add_test(tcase, a_candle_that_is_not_in_memory_comes_with_its_first_frame);
    tcase_add_test(tcase, a_reader_of_candles_that_fell_behind_gets_a_gap_and_the_newest);
    tcase_add_test(tcase, positions_begin_with_the_open_ones_and_go_on);
    tcase_add_loop_test(tcase, the_snapshot_of_positions_joins_what_is_live, 0, 8);
    tcase_add_test(tcase, a_reader_of_positions_that_was_overtaken_gets_a_gap_and_the_snapshot);
    tcase_add_test(tcase, the_balance_begins_with_the_one_in_memory_and_the_latest_wins);
    tcase_add_test(tcase, without_an_account_yet_nothing_is_made_up);
    tcase_add_test(tcase, a_reset_has_the_account_where_it_is_wanted);
    tcase_add_test(tcase, conflated_tickers_come_at_most_once_an_interval_and_end_at_the_latest);
    tcase_add_test(tcase, each_topic_is_held_for_itself);
    tcase_add_test(tcase, conflated_books_come_whole);
    tcase_add_test(tcase, a_conflated_book_that_was_overtaken_has_no_gap);
    tcase_add_test(tcase, sequences_are_not_conflated);
    tcase_add_test(tcase, topics_named_twice_are_one);
    tcase_add_test(tcase, a_reader_has_a_hundred_topics);
    tcase_add_test(tcase, readers_that_come_and_go_leave_nothing_behind);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
