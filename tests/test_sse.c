/* GET /stream over real sockets: grammar, resume, reset, snapshots, bounds, bye. */
#include "server/sse_format.h"
#include "server/sse_topics.h"
#include "tests/test_sse_kit.h"

/* --- grammar --- */

static const struct {
    const char *topics;
    const char *name; /* of the first market topic; NULL: none */
    const char *code; /* of the refusal; NULL: fine */
    unsigned events;
    const char *detail;
} grammar[] = {
    { "orders", NULL, NULL, HUB_ORDERS | HUB_GUARD, NULL },
    { "fills", NULL, NULL, HUB_FILLS | HUB_GUARD, NULL },
    { "fills,orders", NULL, NULL, HUB_ORDERS | HUB_FILLS | HUB_GUARD, NULL },
    { "guard", NULL, NULL, HUB_GUARD, NULL },
    { "orders,guard", NULL, NULL, HUB_ORDERS | HUB_GUARD, NULL },
    { "status", NULL, NULL, 0, NULL },
    { "ticker:BTCUSDT", "ticker:linear:BTCUSDT", NULL, 0, NULL },
    { "ticker:spot:btcusdt", "ticker:spot:BTCUSDT", NULL, 0, NULL },
    { "book:BTCUSDT", "book:linear:BTCUSDT:50", NULL, 0, NULL },
    { "book:BTCUSDT:1", "book:linear:BTCUSDT:1", NULL, 0, NULL },
    { "book:spot:BTCUSDT:1000", "book:spot:BTCUSDT:1000", NULL, 0, NULL },
    { "book:option:BTC-27MAR26-70000-C-USDT", "book:option:BTC-27MAR26-70000-C-USDT:25", NULL, 0,
      NULL },
    { "book:1000PEPEUSDT", "book:linear:1000PEPEUSDT:50", NULL, 0, NULL },
    { ",orders,,", NULL, NULL, HUB_ORDERS | HUB_GUARD, NULL },
    { NULL, NULL, "invalid_topic", 0, "ticker:SYMBOL" },
    { "", NULL, "invalid_topic", 0, "ticker:SYMBOL" },
    { ",", NULL, "invalid_topic", 0, "ticker:SYMBOL" },
    { "order", NULL, "invalid_topic", 0, "did you mean 'orders'" },
    { "Orders", NULL, "invalid_topic", 0, "did you mean 'orders'" },
    { "tickers:BTCUSDT", NULL, "invalid_topic", 0, "did you mean 'ticker'" },
    { "xyzzy", NULL, "invalid_topic", 0, "unknown topic 'xyzzy'" },
    { "orders:BTCUSDT", NULL, "invalid_topic", 0, "nothing behind a colon" },
    { "guard:BTCUSDT", NULL, "invalid_topic", 0, "nothing behind a colon" },
    { "guards", NULL, "invalid_topic", 0, "did you mean 'guard'" },
    { "trades:BTCUSDT", "trades:linear:BTCUSDT", NULL, 0, NULL },
    { "trades:option:BTC-27MAR26-70000-C-USDT", "trades:option:BTC-27MAR26-70000-C-USDT", NULL, 0,
      NULL },
    { "trades", NULL, "invalid_symbol", 0, NULL },
    { "candles:BTCUSDT", "candles:linear:BTCUSDT:1m", NULL, 0, NULL },
    { "candles:spot:btcusdt", "candles:spot:BTCUSDT:1m", NULL, 0, NULL },
    { "candles:SPOT:BTCUSDT", "candles:spot:BTCUSDT:1m", NULL, 0, NULL },
    { "candles:BTCUSDT:5m", "candles:linear:BTCUSDT:5m", NULL, 0, NULL },
    { "candles:BTCUSDT:60,candles:BTCUSDT:1h", "candles:linear:BTCUSDT:1h", NULL, 0, NULL },
    { "candles:BTCUSDT:1M", "candles:linear:BTCUSDT:1M", NULL, 0, NULL },
    { "candles:inverse:BTCUSD:D", "candles:inverse:BTCUSD:1d", NULL, 0, NULL },
    { "candles:BTCUSDT:7m", NULL, "invalid_topic", 0, "1m, 3m" },
    { "candles:BTCUSDT:", NULL, "invalid_topic", 0, "1m, 3m" },
    { "candles:spot:BTCUSDT:1m:1m", NULL, "invalid_symbol", 0, NULL },
    { "candles:option:BTC-27MAR26-70000-C-USDT", NULL, "invalid_topic", 0, "candles of options" },
    { "candles:", NULL, "invalid_symbol", 0, NULL },
    { "liquidations:BTCUSDT", "liquidations:linear:BTCUSDT", NULL, 0, NULL },
    { "liquidations:inverse:BTCUSD", "liquidations:inverse:BTCUSD", NULL, 0, NULL },
    { "liquidations:spot:BTCUSDT", NULL, "invalid_topic", 0, "spot has none" },
    { "price_limit:BTCUSDT", "price_limit:linear:BTCUSDT", NULL, 0, NULL },
    { "price_limit:spot:btcusdt", "price_limit:spot:BTCUSDT", NULL, 0, NULL },
    { "price_limit:option:BTC-27MAR26-70000-C-USDT", NULL, "invalid_topic", 0, "no price limits" },
    { "price_limit", NULL, "invalid_symbol", 0, NULL },
    { "price_limits:BTCUSDT", NULL, "invalid_topic", 0, "did you mean 'price_limit'" },
    { "adl:USDT", "adl:USDT", NULL, 0, NULL },
    { "adl:Inverse,adl:inverse", "adl:inverse", NULL, 0, NULL },
    { "adl", NULL, "invalid_topic", 0, "USDT, USDC, inverse" },
    { "adl:BTC", NULL, "invalid_topic", 0, "USDT, USDC, inverse" },
    { "insurance:usdc", "insurance:USDC", NULL, 0, NULL },
    { "insurance:linear:USDT", NULL, "invalid_topic", 0, "USDT, USDC, inverse" },
    { "greeks", "greeks", NULL, 0, NULL },
    { "greeks:BTC", NULL, "invalid_topic", 0, "nothing behind a colon" },
    { "positions", "positions", NULL, 0, NULL },
    { "balance,balance", "balance", NULL, 0, NULL },
    { "positions:BTCUSDT", NULL, "invalid_topic", 0, "nothing behind a colon" },
    { "position", NULL, "invalid_topic", 0, "did you mean 'positions'" },
    { "candle:BTCUSDT", NULL, "invalid_topic", 0, "did you mean 'candles'" },
    { "balances", NULL, "invalid_topic", 0, "did you mean 'balance'" },
    { "ticker", NULL, "invalid_symbol", 0, NULL },
    { "ticker:", NULL, "invalid_symbol", 0, NULL },
    { "ticker:future:BTCUSDT", NULL, "invalid_symbol", 0, NULL },
    { "ticker:BTC/USDT", NULL, "invalid_symbol", 0, NULL },
    { "book:BTCUSDT:51", NULL, "invalid_topic", 0, "1, 50, 200, 1000" },
    { "book:BTCUSDT:050", NULL, "invalid_topic", 0, NULL },
    { "book:BTCUSDT:99999999999", NULL, "invalid_topic", 0, NULL },
    { "book:option:BTC-27MAR26-70000-C-USDT:50", NULL, "invalid_topic", 0, "25, 100" },
};

START_TEST(topics_have_a_grammar)
{
    static struct sse_wish wish;
    struct sse_refusal refused = { .code = NULL };
    bool fine = sse_parse_topics(&wish, grammar[_i].topics, CATEGORY_LINEAR, &refused);

    ck_assert_msg(fine == !grammar[_i].code, "%s: %s", grammar[_i].topics, refused.detail);
    if (!fine) {
        ck_assert_str_eq(refused.code, grammar[_i].code);
        if (grammar[_i].detail)
            ck_assert_msg(strstr(refused.detail, grammar[_i].detail), "%s", refused.detail);
        return;
    }
    ck_assert_uint_eq(wish.events, grammar[_i].events);
    ck_assert_uint_eq(wish.topics_count, grammar[_i].name ? 1 : 0);
    if (grammar[_i].name)
        ck_assert_str_eq(wish.topics[0].name, grammar[_i].name);
    ck_assert(wish.status == (!grammar[_i].name && wish.events != HUB_GUARD));
}
END_TEST

START_TEST(too_many_or_too_long_topics_are_refused)
{
    static struct sse_wish wish;
    struct sse_refusal refused;
    char text[8 * 1024] = "";

    for (int i = 0; i <= HUB_TOPICS_MAX; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "ticker:S%d,ticker:S%d,",
                       i, i);
    ck_assert(!sse_parse_topics(&wish, text, CATEGORY_LINEAR, &refused));
    ck_assert_ptr_nonnull(strstr(refused.detail, "more than"));
    memset(text, 'a', 200);
    text[200] = '\0';
    ck_assert(!sse_parse_topics(&wish, text, CATEGORY_LINEAR, &refused));
}
END_TEST

START_TEST(event_ids_have_a_grammar)
{
    static const struct {
        const char *text;
        enum sse_place place;
        uint64_t epoch;
        uint64_t seq;
    } ids[] = {
        { NULL, SSE_LIVE, 0, 0 },
        { "", SSE_LIVE, 0, 0 },
        { "earliest", SSE_EARLIEST, 0, 0 },
        { "3-15", SSE_AFTER, 3, 15 },
        { "0-0", SSE_AFTER, 0, 0 },
        { "3", SSE_UNREADABLE, 0, 0 },
        { "3-", SSE_UNREADABLE, 0, 0 },
        { "-3", SSE_UNREADABLE, 0, 0 },
        { "3-x", SSE_UNREADABLE, 0, 0 },
        { "3-1 ", SSE_UNREADABLE, 0, 0 },
        { " 3-1", SSE_UNREADABLE, 0, 0 },
        { "3-1-1", SSE_UNREADABLE, 0, 0 },
        { "3--1", SSE_UNREADABLE, 0, 0 },
        { "3-+1", SSE_UNREADABLE, 0, 0 },
        { "3-1234567890123456789", SSE_UNREADABLE, 0, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        uint64_t epoch = 0;
        uint64_t seq = 0;

        ck_assert_int_eq(sse_parse_id(ids[i].text, &epoch, &seq), ids[i].place);
        if (ids[i].place != SSE_AFTER)
            continue;
        ck_assert_uint_eq(epoch, ids[i].epoch);
        ck_assert_uint_eq(seq, ids[i].seq);
    }
}
END_TEST

static void expect_piece(bool ndjson, uint64_t seq, uint64_t dropped, const char *json,
                         const char *text)
{
    struct sse_format format = { .ndjson = ndjson, .epoch = EPOCH };
    struct buffer out = buffer_of(1024);
    struct sse_piece piece;
    char written[256] = "";

    sse_piece_make(&piece, &format, "order", seq, dropped, json, strlen(json));
    sse_piece_add(&piece, &out);
    sse_piece_write(&piece, written);
    ck_assert_str_eq(out.data, text);
    ck_assert_str_eq(written, text);
    ck_assert_uint_eq(piece.bytes, strlen(text));
    buffer_deinit(&out);
}

/* From the heads that are kept, and before. */
START_TEST(heads_of_events_are_kept)
{
    static struct sse_heads heads;
    struct sse_format formats[] = { { false, EPOCH }, { true, EPOCH }, { false, EPOCH + 1 } };

    for (int i = 0; i < 12; i++) {
        const struct sse_format *format = &formats[i / 2 % 3];
        uint64_t seq = 7 + (uint64_t)(i / 6) * SSE_HEADS_MAX; /* one place for both */
        struct sse_piece made;
        struct sse_piece kept;
        char a[300] = "";
        char b[300] = "";

        sse_piece_make(&made, format, "fill", seq, 0, "{\"a\":1}", 7);
        sse_piece_make_event(&kept, &heads, format, "fill", seq, "{\"a\":1}", 7);
        sse_piece_write(&made, a);
        sse_piece_write(&kept, b);
        ck_assert_str_eq(a, b);
        ck_assert_uint_eq(kept.bytes, strlen(b));
    }
}
END_TEST

START_TEST(events_are_framed)
{
    expect_piece(false, 7, 0, "{\"a\":1}", "id: 3-7\nevent: order\ndata: {\"a\":1}\n\n");
    expect_piece(false, SSE_NO_ID, 0, "{}", "event: order\ndata: {}\n\n");
    expect_piece(false, SSE_NO_ID, 2, "{\"a\":1}",
                 "event: order\ndata: {\"dropped\":2,\"a\":1}\n\n");
    expect_piece(true, 7, 0, "{\"a\":1}",
                 "{\"event\":\"order\",\"id\":\"3-7\",\"data\":{\"a\":1}}\n");
    expect_piece(true, SSE_NO_ID, 1, "{\"a\":1}",
                 "{\"event\":\"order\",\"id\":null,\"data\":{\"dropped\":1,\"a\":1}}\n");
}
END_TEST

/* --- refusals --- */

START_TEST(wishes_that_cannot_be_met_are_problems)
{
    static const char *const conflates[] = { "", "x", "9ms", "61s", "-1", "1e3", "250%20ms" };
    static char reply[16 * 1024];
    struct instrument instrument = { .category = CATEGORY_LINEAR, .symbol = "BTCUSDT" };

    start_with(&calm, 10000, false, 4);
    ck_assert_int_eq(refusal("/stream", reply, sizeof(reply)), 400);
    ck_assert_ptr_nonnull(strstr(reply, "ticker:SYMBOL"));
    ck_assert_int_eq(refusal("/stream?topics=ordrs", reply, sizeof(reply)), 400);
    ck_assert_ptr_nonnull(strstr(reply, "did you mean 'orders'"));
    for (size_t i = 0; i < ARRAY_LEN(conflates); i++) {
        char path[96];

        (void)snprintf(path, sizeof(path), "/stream?topics=ticker:BTCUSDT&conflate=%s",
                       conflates[i]);
        ck_assert_int_eq(refusal(path, reply, sizeof(reply)), 400);
        ck_assert_ptr_nonnull(strstr(reply, "conflate=250ms"));
    }
    api.instruments = instruments_slot_create();
    ck_assert_int_eq(refusal("/stream?topics=ticker:BTCUSDT", reply, sizeof(reply)), 503);
    ck_assert_ptr_nonnull(strstr(reply, "\"code\":\"not_ready\""));
    stream_open("/stream?topics=ticker:BTCUSDT", "Accept: text/event-stream\r\n");
    ck_assert_int_eq(client_reply(client.fd, reply, sizeof(reply)), 200);
    ck_assert_ptr_nonnull(
        strstr(reply, "retry: 1000\n\nevent: bye\ndata: {\"reason\":\"not_ready\""));
    stream_close();
    instruments_publish(api.instruments, instruments_create(&instrument, 1, 1));
    ck_assert_int_eq(refusal("/stream?topics=ticker:NOPE", reply, sizeof(reply)), 404);
    ck_assert_ptr_nonnull(strstr(reply, "\"code\":\"unknown_symbol\""));
    api.has_keys = false;
    ck_assert_int_eq(refusal("/stream?topics=ticker:BTCUSDT,fills", reply, sizeof(reply)), 401);
    ck_assert_ptr_nonnull(strstr(reply, "\"code\":\"no_api_key\""));
    ck_assert_int_eq(refusal("/stream?topics=positions", reply, sizeof(reply)), 401);
    ck_assert_int_eq(refusal("/stream?topics=guard", reply, sizeof(reply)), 401);
    ck_assert_int_eq(refusal("/stream?topics=ticker:BTCUSDT,balance", reply, sizeof(reply)), 401);
    ck_assert_ptr_nonnull(strstr(reply, "positions, balance and greeks need an API key"));
    stream_open("/stream?topics=ticker:BTCUSDT,status", "");
    stream_until("event: hello");
    stream_close();
    stop();
}
END_TEST

START_TEST(head_opens_no_reader)
{
    char text[1024] = "";
    int fd;

    start_with(&calm, 10000, false, 4);
    fd = client_connect(port);
    client_send(fd, "HEAD /stream?topics=status HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ck_assert(client_read(fd, text, sizeof(text), "\r\n\r\n", 2000));
    ck_assert_ptr_nonnull(strstr(text, "Content-Type: text/event-stream\r\n"));
    (void)close(fd);
    stop();
}
END_TEST

/* --- live and resumed --- */

START_TEST(hello_comes_first_and_names_everything)
{
    start(100000);
    journal_events(5);
    stream_open("/stream?topics=fills,ticker:spot:ETHUSDT,book:BTCUSDT", "");
    stream_until("\n\n");
    stream_until("event: hello\n");
    stream_until("]");
    ck_assert_ptr_nonnull(strstr(client.raw, "Content-Type: text/event-stream\r\n"));
    ck_assert_ptr_nonnull(strstr(client.raw, "Cache-Control: no-store\r\n"));
    ck_assert_ptr_eq(strstr(client.text, "retry: 1000\n\nid: 3-5\nevent: hello\ndata: {"),
                     client.text);
    ck_assert_ptr_nonnull(strstr(client.text,
                                 "\"env\":\"sim\",\"epoch\":3,\"seq\":5,\"topics\":["
                                 "\"fills\",\"guard\",\"status\",\"ticker:spot:ETHUSDT\","
                                 "\"book:linear:BTCUSDT:50\"]"));
    stream_close();
    stop();
}
END_TEST

START_TEST(events_come_live_and_resume_exactly)
{
    start(1000000);
    stream_open("/stream?topics=orders,fills", "");
    stream_until("event: hello");
    ck_assert_ptr_nonnull(strstr(client.text, "id: 3-0\nevent: hello"));
    journal_events(50);
    until_seq(50);
    expect_events(1, 50);
    stream_close();
    stream_open("/stream?topics=orders,fills&after=3-20", "");
    until_seq(50);
    journal_events(10);
    until_seq(60);
    expect_events(21, 60);
    stream_close();
    /* A browser's reconnect keeps the URL and adds the header: the header counts. */
    stream_open("/stream?topics=orders,fills&after=3-20", "Last-Event-ID: 3-57\r\n");
    until_seq(60);
    expect_events(58, 60);
    ck_assert_ptr_null(strstr(client.text, "event: reset"));
    stream_close();
    stream_open("/stream?topics=orders,fills&after=3-60", "");
    stream_until("event: hello");
    journal_events(1);
    until_seq(61);
    expect_events(61, 61);
    stream_close();
    stop();
}
END_TEST

static void *journal_more(void *userdata)
{
    (void)userdata;
    for (int i = 0; i < 30; i++) {
        journal_events(50);
        kit_sleep_ms(2);
    }
    return NULL;
}

START_TEST(replay_from_the_journal_joins_live_at_one_position)
{
    static const char *const paths[] = { "/stream?topics=orders,fills&after=earliest",
                                         "/stream?topics=orders,fills&after=3-700" };
    pthread_t thread;

    start(3000); /* some ten events: the rest is in the journal only */
    journal_events(1500);
    ck_assert_int_eq(pthread_create(&thread, NULL, journal_more, NULL), 0);
    stream_open(paths[_i], "");
    until_seq(3000);
    (void)pthread_join(thread, NULL);
    expect_events(_i ? 701 : 1, 3000);
    stream_close();
    stop();
}
END_TEST

START_TEST(a_reader_that_falls_behind_is_served_from_the_journal)
{
    int fd;

    start_with(&calm, 3000, true, 400);
    fd = client_connect_small(port);
    stream_open_on(fd, "/stream?topics=orders,fills", "");
    stream_until("event: hello");
    for (int i = 0; i < 200; i++)
        journal_events(100);
    until_seq(20000);
    expect_events(1, 20000);
    stream_close();
    stop();
}
END_TEST

START_TEST(without_a_journal_the_ring_is_all_there_is)
{
    start_with(&calm, 100000, false, 4);
    for (uint64_t seq = 1; seq <= 20; seq++) {
        char json[32];

        (void)snprintf(json, sizeof(json), "{\"n\":%u}", (unsigned)seq);
        hub_publish_event(hub, seq, seq % 3 ? "order" : "fill", json, strlen(json));
    }
    stream_open("/stream?topics=orders,fills&after=earliest", "");
    until_seq(20);
    expect_events(1, 20);
    stream_close();
    stop();
}
END_TEST

static const struct {
    const char *id;
    const char *reason;
} unusable[] = {
    { "3-99999", "unknown" }, { "2-1", "unknown" },          { "4-1", "unknown" },
    { "x", "unknown" },       { "3-1%20or%201", "unknown" }, { "-1", "unknown" },
};

START_TEST(an_unusable_id_gives_a_reset_with_the_open_orders)
{
    char path[128];
    int orders = 0;

    start(100000);
    journal_events(12);
    (void)snprintf(path, sizeof(path), "/stream?topics=orders,fills&after=%s", unusable[_i].id);
    stream_open(path, "");
    stream_until("event: reset");
    stream_until("\"recv_at\":");
    ck_assert_ptr_nonnull(
        strstr(client.text, "id: 3-12\nevent: reset\ndata: {\"reason\":\"the id"));
    ck_assert_ptr_nonnull(strstr(client.text, "\"orders\":[{"));
    for (const char *at = client.text; (at = strstr(at, "\"client_id\":\"n")); at++)
        orders++;
    ck_assert_int_eq(orders, 8);
    journal_events(3);
    until_seq(15);
    expect_events(13, 15);
    stream_close();
    stop();
}
END_TEST

START_TEST(a_pruned_id_gives_a_reset)
{
    start_with(&calm, 300, false, 4); /* no journal: what left the ring is pruned */
    for (uint64_t seq = 1; seq <= 50; seq++)
        hub_publish_event(hub, seq, "order", "{}", 2);
    stream_open("/stream?topics=orders&after=3-2", "");
    stream_until("event: reset");
    stream_until("\"orders\":null");
    hub_publish_event(hub, 51, "order", "{\"n\":51}", 8);
    stream_until("id: 3-51\n");
    stream_close();
    stop();
}
END_TEST

START_TEST(a_filtered_reader_gets_its_kind_and_heartbeats_move_its_id)
{
    start_with(&fast, 100000, true, 4);
    stream_open("/stream?topics=fills", "");
    stream_until("event: hello");
    journal_events(7); /* 3 and 6 are fills */
    stream_until("{\"n\":6}");
    stream_until(":\nid: 3-7\n\n");
    ck_assert_ptr_null(strstr(client.text, "event: order"));
    ck_assert_ptr_nonnull(strstr(client.text, "id: 3-3\nevent: fill"));
    journal_events(2);
    stream_until("{\"n\":9}");
    stream_close();
    stop();
}
END_TEST

START_TEST(ndjson_has_a_line_an_event)
{
    start_with(&fast, 100000, true, 4);
    stream_open("/stream?topics=orders,fills", "Accept: application/x-ndjson\r\n");
    stream_until("\n");
    journal_events(3);
    until_seq(3);
    stream_until("\"event\":\"heartbeat\"");
    ck_assert_ptr_nonnull(strstr(client.raw, "Content-Type: application/x-ndjson\r\n"));
    ck_assert_ptr_eq(strstr(client.text, "{\"event\":\"hello\",\"id\":\"3-0\",\"data\":{"),
                     client.text);
    ck_assert_ptr_nonnull(
        strstr(client.text, "}\n{\"event\":\"order\",\"id\":\"3-1\",\"data\":{\"n\":1}}\n"));
    ck_assert_ptr_null(strstr(client.text, "retry"));
    stream_close();
    stop();
}
END_TEST

START_TEST(http_1_0_clients_are_served_without_chunks)
{
    static char text[256 * 1024];
    int fd;

    start(3000);
    journal_events(500);
    fd = client_connect(port);
    client_send(fd, "GET /stream?topics=orders,fills&after=earliest HTTP/1.0\r\n"
                    "Host: localhost\r\n\r\n");
    ck_assert(client_read(fd, text, sizeof(text), "{\"n\":500}\n\n", 5000));
    strcpy(client.text, text);
    expect_events(1, 500);
    (void)close(fd);
    stop();
}
END_TEST

/* --- market data --- */

static void apply_book(int u, bool is_snapshot)
{
    char text[256];
    struct json data;

    (void)snprintf(text, sizeof(text),
                   "{\"s\":\"BTCUSDT\",\"b\":[[\"100\",\"%d\"]],\"a\":[[\"101\",\"1\"]],\"u\":%d,"
                   "\"seq\":%d}",
                   u, u, u);
    ck_assert_int_eq(json_open(&data, text, strlen(text), NULL), ERR_NONE);
    ck_assert_int_eq(
        market_apply_book(api.market, CATEGORY_LINEAR, "BTCUSDT", 50, &data, is_snapshot, 1, 1, 1),
        BOOK_APPLIED);
}

static void publish_book(int u, bool is_snapshot)
{
    char text[128];

    (void)snprintf(text, sizeof(text), "{\"type\":\"%s\",\"u\":%d}",
                   is_snapshot ? "snapshot" : "delta", u);
    hub_publish_frame(hub, "book:linear:BTCUSDT:50", "book", text, strlen(text), is_snapshot);
}

START_TEST(a_book_begins_with_the_one_in_memory_and_goes_on_from_it)
{
    start_with(&calm, 100000, false, 4);
    api.market = market_create();
    apply_book(9, true);
    apply_book(10, false);
    stream_open("/stream?topics=book:BTCUSDT", "");
    stream_until("\"u\":10");
    publish_book(9, false); /* late in the hub: the snapshot has them */
    publish_book(10, false);
    publish_book(11, false);
    stream_until("\"u\":11");
    ck_assert_ptr_nonnull(strstr(client.text, "event: book\ndata: {"));
    ck_assert_ptr_nonnull(strstr(client.text, "\"type\":\"snapshot\""));
    ck_assert_ptr_null(strstr(client.text, "{\"type\":\"delta\",\"u\":9}"));
    ck_assert_ptr_null(strstr(client.text, "{\"type\":\"delta\",\"u\":10}"));
    market_stale_book(api.market, CATEGORY_LINEAR, "BTCUSDT",
                      50); /* as in truth: memory is no base either */
    hub_publish_gap(hub, "book:linear:BTCUSDT:50", "{\"gap\":1}", 9);
    publish_book(13, false);
    publish_book(1, true);
    publish_book(2, false);
    stream_until("\"u\":2}");
    ck_assert_ptr_nonnull(strstr(client.text, "event: gap\ndata: {\"gap\":1}"));
    ck_assert_ptr_null(strstr(client.text, "\"u\":13"));
    stream_close();
    stop();
}
END_TEST

START_TEST(a_book_that_is_not_in_memory_waits_for_its_snapshot)
{
    start_with(&calm, 100000, false, 4);
    stream_open("/stream?topics=book:BTCUSDT", "");
    await_wanted("book:linear:BTCUSDT:50");
    publish_book(5, false);
    publish_book(6, true);
    publish_book(7, false);
    stream_until("\"u\":7");
    ck_assert_ptr_null(strstr(client.text, "\"u\":5"));
    ck_assert_ptr_nonnull(strstr(client.text, "\"u\":6"));
    stream_close();
    await_wanted("status:x");
    stop();
}
END_TEST

START_TEST(tickers_begin_with_the_one_in_memory)
{
    static const char text[] = "{\"symbol\":\"BTCUSDT\",\"lastPrice\":\"7\"}";
    static const char *const later[] = { "{\"ts\":4,\"v\":1}", "{\"ts\":6,\"v\":2}",
                                         "{\"ts\":5,\"v\":3}" };
    struct ticker merged;
    struct json data;

    start_with(&calm, 100000, false, 4);
    api.market = market_create();
    ck_assert_int_eq(json_open(&data, text, strlen(text), NULL), ERR_NONE);
    ck_assert_int_eq(
        market_merge_ticker(api.market, CATEGORY_LINEAR, "BTCUSDT", &data, true, 5, 5, &merged),
        ERR_NONE);
    stream_open("/stream?topics=ticker:BTCUSDT", "");
    stream_until("event: ticker\ndata: {");
    stream_until("\"7\"");
    for (size_t i = 0; i < ARRAY_LEN(later); i++) {
        hub_publish_state(hub, "ticker:linear:BTCUSDT", "ticker", later[i], strlen(later[i]));
        kit_sleep_ms(20);
    }
    stream_until("\"v\":3");
    ck_assert_ptr_null(strstr(client.text, "\"v\":1")); /* older than what was shown */
    ck_assert_ptr_nonnull(strstr(client.text, "\"v\":2"));
    stream_close();
    stop();
}
END_TEST

START_TEST(status_is_told_at_once_and_when_it_changes)
{
    start_with(&calm, 100000, false, 4);
    hub_publish_state(hub, "status:rest", "status", "{\"link\":\"rest\"}", 15);
    kit_sleep_ms(20);
    stream_open("/stream?topics=orders", "");
    stream_until("event: status\ndata: {\"link\":\"rest\"}\n\n");
    hub_publish_state(hub, "status:private", "status", "{\"link\":\"private\"}", 18);
    stream_until("event: status\ndata: {\"link\":\"private\"}\n\n");
    stream_close();
    stop();
}
END_TEST

START_TEST(a_frame_larger_than_the_send_buffer_goes_in_parts)
{
    static char json[200 * 1024];

    start_with(&calm, 100000, false, 4);
    stream_open("/stream?topics=book:BTCUSDT", "");
    await_wanted("book:linear:BTCUSDT:50");
    memset(json, ' ', sizeof(json));
    json[0] = '{';
    json[sizeof(json) - 1] = '}';
    hub_publish_frame(hub, "book:linear:BTCUSDT:50", "book", json, sizeof(json), true);
    publish_book(2, false);
    stream_until("\"u\":2}");
    ck_assert_uint_gt(strlen(client.text), sizeof(json));
    ck_assert_ptr_nonnull(strstr(client.text, " }\n\nevent: book\ndata: {\"type\":\"delta\""));
    stream_close();
    stop();
}
END_TEST

/* --- bounds --- */

#define READERS 300

START_TEST(three_hundred_readers_get_all_and_one_more_is_refused)
{
    static int fds[READERS];
    static char text[64 * 1024];
    char reply[2048];

    start_with(&calm, 1000000, true, READERS);
    for (int i = 0; i < READERS; i++) {
        fds[i] = client_connect(port);
        client_send(fds[i], "GET /stream?topics=orders,fills HTTP/1.1\r\nHost: localhost\r\n\r\n");
        text[0] = '\0';
        ck_assert(client_read(fds[i], text, sizeof(text), "event: hello", 2000));
    }
    ck_assert_int_eq(refusal("/stream?topics=status", reply, sizeof(reply)), 503);
    ck_assert_ptr_nonnull(strstr(reply, "too_many_streams"));
    ck_assert_ptr_nonnull(strstr(reply, "Retry-After: "));
    journal_events(100);
    for (int i = 0; i < READERS; i++) {
        text[0] = '\0';
        ck_assert(client_read(fds[i], text, sizeof(text), "{\"n\":100}", 5000));
        (void)close(fds[i]);
    }
    journal_events(2); /* the readers that left are noticed by writes */
    stop();
}
END_TEST

START_TEST(one_client_name_has_64_streams)
{
    int fds[65];
    char text[2048];

    start_with(&calm, 100000, false, 400);
    for (int i = 0; i < 65; i++) {
        fds[i] = client_connect(port);
        client_send(fds[i], "GET /stream?topics=status HTTP/1.1\r\nHost: localhost\r\n"
                            "X-Client: bot\r\n\r\n");
        text[0] = '\0';
        ck_assert(client_read(fds[i], text, sizeof(text), i < 64 ? "hello" : "too_many", 2000));
    }
    for (int i = 0; i < 65; i++)
        (void)close(fds[i]);
    stop();
}
END_TEST

START_TEST(g17_a_reader_that_takes_no_byte_is_closed_and_counted)
{
    int64_t end_ms = clock_mono_ms() + 15000;
    int fd;

    start_with(&fast, (size_t)8 * 1024 * 1024, false, 4);
    fd = client_connect_small(port);
    stream_open_on(fd, "/stream?topics=book:BTCUSDT", "");
    await_wanted("book:linear:BTCUSDT:50");
    while (status_member("\"closed_slow\"") == 0 && clock_mono_ms() < end_ms) {
        static char json[50 * 1024];

        memset(json, ' ', sizeof(json));
        hub_publish_frame(hub, "book:linear:BTCUSDT:50", "book", json, sizeof(json), true);
        kit_sleep_ms(1);
    }
    ck_assert_int_eq(status_member("\"closed_slow\""), 1);
    for (int i = 0; i < 500 && status_member("\"readers\"") > 0; i++)
        kit_sleep_ms(10);
    ck_assert_int_eq(status_member("\"readers\""), 0);
    ck_assert(!hub_wanted(hub, "book:linear:BTCUSDT:50"));
    stream_close();
    stop();
}
END_TEST

START_TEST(what_was_overwritten_is_counted_for_the_slow_reader_alone)
{
    start_with(&calm, 100000, false, 4);
    stream_open("/stream?topics=ticker:BTCUSDT", "");
    await_wanted("ticker:linear:BTCUSDT");
    hub_publish_state(hub, "ticker:linear:BTCUSDT", "ticker", "{\"v\":0}", 7);
    stream_until("\"v\":0");
    for (int i = 0; i < 10000; i++) {
        char json[32];

        (void)snprintf(json, sizeof(json), "{\"v\":%d}", i);
        hub_publish_state(hub, "ticker:linear:BTCUSDT", "ticker", json, strlen(json));
    }
    stream_until("\"v\":9999}");
    ck_assert_ptr_nonnull(strstr(client.text, "{\"dropped\":"));
    ck_assert_int_gt(status_member("\"dropped\""), 0);
    stream_close();
    stop();
}
END_TEST

/* --- the end --- */

START_TEST(bye_comes_before_the_end)
{
    start(100000);
    stream_open(_i ? "/stream?topics=orders,fills" : "/stream?topics=status", "");
    stream_until("event: hello");
    journal_events(5);
    if (_i)
        until_seq(5);
    http_quiesce(http);
    stream_until("event: bye\ndata: {\"reason\":\"stopping\"");
    ck_assert_int_eq(status_member("\"readers\""), 0);
    stream_close();
    stop();
}
END_TEST

START_TEST(a_stop_without_quiesce_says_bye_too)
{
    start(100000);
    stream_open("/stream?topics=orders,fills", "");
    stream_until("event: hello");
    http_stop(http, 1000);
    http = NULL;
    stream_until("event: bye");
    stream_close();
    stop();
}
END_TEST

START_TEST(quiesce_does_not_wait_for_a_reader_that_is_stuck)
{
    static char json[60 * 1024];
    int64_t began_ms;

    start_with(&calm, 100000, false, 4);
    stream_open_on(client_connect_small(port), "/stream?topics=book:BTCUSDT", "");
    await_wanted("book:linear:BTCUSDT:50");
    memset(json, ' ', sizeof(json));
    for (int i = 0; i < 400; i++) {
        hub_publish_frame(hub, "book:linear:BTCUSDT:50", "book", json, sizeof(json), true);
        kit_sleep_ms(1);
    }
    began_ms = clock_mono_ms();
    http_quiesce(http);
    ck_assert_int_le(clock_mono_ms() - began_ms, 1500);
    stream_close();
    stop();
}
END_TEST

static TCase *pure_case(void)
{
    TCase *tcase = tcase_create("pure");

    tcase_add_loop_test(tcase, topics_have_a_grammar, 0, ARRAY_LEN(grammar));
    tcase_add_test(tcase, too_many_or_too_long_topics_are_refused);
    tcase_add_test(tcase, event_ids_have_a_grammar);
    tcase_add_test(tcase, heads_of_events_are_kept);
    tcase_add_test(tcase, events_are_framed);
    return tcase;
}

static TCase *stream_case(void)
{
    TCase *tcase = tcase_create("stream");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, wishes_that_cannot_be_met_are_problems);
    tcase_add_test(tcase, head_opens_no_reader);
    tcase_add_test(tcase, hello_comes_first_and_names_everything);
    tcase_add_test(tcase, events_come_live_and_resume_exactly);
    tcase_add_loop_test(tcase, replay_from_the_journal_joins_live_at_one_position, 0, 2);
    tcase_add_test(tcase, a_reader_that_falls_behind_is_served_from_the_journal);
    tcase_add_test(tcase, without_a_journal_the_ring_is_all_there_is);
    tcase_add_loop_test(tcase, an_unusable_id_gives_a_reset_with_the_open_orders, 0,
                        ARRAY_LEN(unusable));
    tcase_add_test(tcase, a_pruned_id_gives_a_reset);
    tcase_add_test(tcase, a_filtered_reader_gets_its_kind_and_heartbeats_move_its_id);
    tcase_add_test(tcase, ndjson_has_a_line_an_event);
    tcase_add_test(tcase, http_1_0_clients_are_served_without_chunks);
    tcase_add_test(tcase, a_book_begins_with_the_one_in_memory_and_goes_on_from_it);
    tcase_add_test(tcase, a_book_that_is_not_in_memory_waits_for_its_snapshot);
    tcase_add_test(tcase, tickers_begin_with_the_one_in_memory);
    tcase_add_test(tcase, status_is_told_at_once_and_when_it_changes);
    tcase_add_test(tcase, a_frame_larger_than_the_send_buffer_goes_in_parts);
    return tcase;
}

static TCase *bounds_case(void)
{
    TCase *tcase = tcase_create("bounds");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, three_hundred_readers_get_all_and_one_more_is_refused);
    tcase_add_test(tcase, one_client_name_has_64_streams);
    tcase_add_test(tcase, g17_a_reader_that_takes_no_byte_is_closed_and_counted);
    tcase_add_test(tcase, what_was_overwritten_is_counted_for_the_slow_reader_alone);
    tcase_add_loop_test(tcase, bye_comes_before_the_end, 0, 2);
    tcase_add_test(tcase, a_stop_without_quiesce_says_bye_too);
    tcase_add_test(tcase, quiesce_does_not_wait_for_a_reader_that_is_stuck);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("sse");
    SRunner *runner;
    int failures;

    suite_add_tcase(suite, pure_case());
    suite_add_tcase(suite, stream_case());
    suite_add_tcase(suite, bounds_case());
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
