/* GET /stream over real sockets: where what is in memory and what comes meet, on bad days: a link
 * that was mute, a book that is broken, texts too large, times that cannot be. */
#include "server/hub_publish.h"
#include "tests/test_sse_kit.h"

#define BOOK   "book:linear:BTCUSDT:50"
#define TICKER "ticker:linear:BTCUSDT"

static struct hub_writer writer;

static void begin(void)
{
    start_with(&calm, 100000, false, 100);
    hub_writer_init(&writer, hub);
    api.market = market_create();
}

static void end(void)
{
    stop();
    hub_writer_deinit(&writer);
}

static void watch(const char *path, const char *topic)
{
    stream_open(path, "");
    await_wanted(topic);
    stream_until("hello");
}

static int count(const char *text)
{
    int found = 0;

    for (const char *at = client.text; (at = strstr(at, text)); at++)
        found++;
    return found;
}

/* --- books --- */

/* `levels` more than one: bids far from the best that go again, so that the text is large. */
static void send_book(int u, bool is_snapshot, int levels)
{
    struct buffer text = buffer_of((size_t)4 * 1024 * 1024);
    struct json data;

    buffer_addf(&text, "{\"s\":\"BTCUSDT\",\"b\":[[\"100\",\"%d\"]", u);
    for (int i = 1; i < levels; i++)
        buffer_addf(&text, ",[\"0.%06d\",\"0\"]", i);
    buffer_addf(&text, "],\"a\":[[\"101\",\"1\"]],\"u\":%d,\"seq\":%d}", u, u);
    ck_assert_int_eq(json_open(&data, text.data, text.bytes, NULL), ERR_NONE);
    ck_assert_int_eq(
        market_apply_book(api.market, CATEGORY_LINEAR, "BTCUSDT", 50, &data, is_snapshot, 1, 1, 1),
        BOOK_APPLIED);
    hub_publish_book(&writer, CATEGORY_LINEAR, "BTCUSDT", 50, is_snapshot, &data, 1, 1);
    buffer_deinit(&text);
}

static void lose_book(void)
{
    const struct stream_gap gap = { .kind = STREAM_BOOK,
                                    .category = CATEGORY_LINEAR,
                                    .symbol = "BTCUSDT",
                                    .depth = 50,
                                    .from_ms = 7 };

    market_stale_book(api.market, CATEGORY_LINEAR, "BTCUSDT", 50);
    hub_publish_stream_gap(&writer, &gap);
}

/* Nothing was lost, so the exchange sends no snapshot either. */
START_TEST(a_reader_that_came_while_the_link_was_mute_gets_the_book_when_it_goes_on)
{
    begin();
    send_book(2, true, 1);
    market_stale_book(api.market, CATEGORY_LINEAR, "BTCUSDT", 50);
    watch("/stream?topics=book:BTCUSDT", BOOK);
    ck_assert_int_eq(count("event: book\n"), 0);
    send_book(3, false, 1);
    stream_until("\"type\":\"snapshot\",\"bids\":[[\"100\",\"3\"]]");
    send_book(4, false, 1);
    stream_until("\"type\":\"delta\",\"bids\":[[\"100\",\"4\"]]");
    ck_assert_int_eq(count("event: book\n"), 2);
    ck_assert_int_eq(count("event: gap\n"), 0);
    stream_close();
    end();
}
END_TEST

START_TEST(a_frame_too_large_to_be_told_is_a_gap_and_a_snapshot)
{
    begin();
    watch("/stream?topics=book:BTCUSDT", BOOK);
    send_book(2, true, 1);
    stream_until("\"u\":2,");
    send_book(3, false, 100000);
    send_book(4, false, 1);
    stream_until("\"u\":4,");
    ck_assert_int_eq(count("event: gap\n"), 1);
    ck_assert_int_eq(count("\"repaired\":true"), 1);
    ck_assert_int_eq(count("\"type\":\"snapshot\""), 2);
    ck_assert_int_eq(count("\"type\":\"delta\""), 0);
    stream_close();
    end();
}
END_TEST

/* Its newest frame is a gap, and there is no picture to send instead of the frames before it. */
START_TEST(a_conflated_reader_learns_that_its_book_is_lost)
{
    begin();
    watch("/stream?topics=book:BTCUSDT&conflate=100ms", BOOK);
    send_book(2, true, 1);
    stream_until("\"u\":2,");
    send_book(3, false, 1);
    lose_book(); /* both while it is held */
    stream_until("event: gap\n");
    ck_assert_int_eq(count("\"u\":3,"), 0);
    send_book(9, true, 1);
    stream_until("\"u\":9,");
    stream_close();
    end();
}
END_TEST

START_TEST(a_gap_is_repaired_only_when_a_snapshot_follows)
{
    begin();
    watch("/stream?topics=book:BTCUSDT", BOOK);
    send_book(2, true, 1);
    stream_until("\"u\":2,");
    lose_book();
    stream_until("\"from\":7,");
    hub_publish_hole(hub, BOOK);
    hub_publish_frame(hub, BOOK, "book", "{}", 2, false);
    stream_until("\"from\":null,");
    ck_assert_int_eq(count("\"repaired\":true"), 0);
    ck_assert_int_eq(count("\"repaired\":false"), 2);
    send_book(9, true, 1);
    stream_until("\"u\":9,");
    stream_close();
    end();
}
END_TEST

/* --- times --- */

static void send_ticker(int last, int64_t ts_ms)
{
    char text[96];
    struct ticker ticker;
    struct json data;

    (void)snprintf(text, sizeof(text), "{\"symbol\":\"BTCUSDT\",\"lastPrice\":\"%d\"}", last);
    ck_assert_int_eq(json_open(&data, text, strlen(text), NULL), ERR_NONE);
    ck_assert_int_eq(
        market_merge_ticker(api.market, CATEGORY_LINEAR, "BTCUSDT", &data, true, ts_ms, 1, &ticker),
        ERR_NONE);
    hub_publish_ticker(&writer, &ticker, 1);
}

/* A time far ahead is in the snapshot: what comes later is told all the same. */
START_TEST(a_time_that_cannot_be_silences_no_topic)
{
    begin();
    send_ticker(1, INT64_C(9000000000000));
    watch("/stream?topics=ticker:BTCUSDT", TICKER);
    stream_until("\"last\":\"1\"");
    for (int i = 2; i < 10; i++) /* the first ones might be in it, for all that can be told */
        send_ticker(i, 1000 + i);
    stream_until("\"last\":\"9\"");
    stream_close();
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sse joins");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_reader_that_came_while_the_link_was_mute_gets_the_book_when_it_goes_on);
    tcase_add_test(tcase, a_frame_too_large_to_be_told_is_a_gap_and_a_snapshot);
    tcase_add_test(tcase, a_conflated_reader_learns_that_its_book_is_lost);
    tcase_add_test(tcase, a_gap_is_repaired_only_when_a_snapshot_follows);
    tcase_add_test(tcase, a_time_that_cannot_be_silences_no_topic);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
