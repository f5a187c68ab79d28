#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "bybit/market.h"
#include "bybit/message.h"

static struct json data_of(const char *text)
{
    struct json data;

    ck_assert_int_eq(json_open_trusted(&data, text, strlen(text), NULL), ERR_NONE);
    return data;
}

static enum err merge(struct market *market, enum category category, const char *symbol,
                      const char *text, bool is_snapshot)
{
    struct json data = data_of(text);
    struct ticker ticker;

    return market_merge_ticker(market, category, symbol, &data, is_snapshot, 10, 20, &ticker);
}

static enum book_result apply(struct market *market, enum category category, const char *symbol,
                              int depth, const char *text, bool is_snapshot)
{
    struct json data = data_of(text);

    return market_apply_book(market, category, symbol, depth, &data, is_snapshot, 11, 12, 21);
}

START_TEST(a_ticker_is_kept_until_forgotten)
{
    struct market *market = market_create();
    struct market_ticker kept;

    ck_assert(!market_ticker(market, CATEGORY_LINEAR, "BTCUSDT", &kept));
    ck_assert_int_eq(merge(market, CATEGORY_LINEAR, "BTCUSDT",
                           "{\"symbol\":\"BTCUSDT\",\"lastPrice\":\"1\",\"markPrice\":\"2\"}",
                           true),
                     ERR_NONE);
    ck_assert_int_eq(merge(market, CATEGORY_LINEAR, "BTCUSDT",
                           "{\"symbol\":\"BTCUSDT\",\"lastPrice\":\"3\"}", false),
                     ERR_NONE);
    ck_assert(market_ticker(market, CATEGORY_LINEAR, "BTCUSDT", &kept));
    ck_assert_int_eq((int)kept.ticker.last.mantissa, 3);
    ck_assert_int_eq((int)kept.ticker.mark.mantissa, 2);
    ck_assert_int_eq(kept.recv_ms, 20);
    ck_assert(!kept.stale);
    ck_assert(!market_ticker(market, CATEGORY_SPOT, "BTCUSDT", &kept));
    market_forget_ticker(market, CATEGORY_LINEAR, "BTCUSDT");
    ck_assert(!market_ticker(market, CATEGORY_LINEAR, "BTCUSDT", &kept));
    market_forget_ticker(market, CATEGORY_LINEAR, "BTCUSDT");
    market_destroy(market);
    market_destroy(NULL);
}
END_TEST

START_TEST(an_unreadable_ticker_is_refused_and_leaves_no_place)
{
    struct market *market = market_create();
    struct market_ticker kept;

    for (int i = 0; i < 2000; i++) {
        char symbol[16];

        (void)snprintf(symbol, sizeof(symbol), "S%d", i);
        ck_assert_int_eq(merge(market, CATEGORY_LINEAR, symbol, "{\"lastPrice\":\"x\"}", true),
                         ERR_INVALID);
        ck_assert_int_eq(merge(market, CATEGORY_LINEAR, symbol, "{\"symbol\":\"OTHER\"}", true),
                         ERR_INVALID);
        ck_assert(!market_ticker(market, CATEGORY_LINEAR, symbol, &kept));
    }
    market_destroy(market);
}
END_TEST

START_TEST(the_number_of_symbols_is_bounded)
{
    struct market *market = market_create();
    char symbol[64];
    char text[64];

    for (int i = 0; i < MARKET_SYMBOLS_MAX; i++) {
        (void)snprintf(symbol, sizeof(symbol), "S%d", i);
        (void)snprintf(text, sizeof(text), "{\"symbol\":\"S%d\"}", i);
        ck_assert_int_eq(merge(market, CATEGORY_LINEAR, symbol, text, true), ERR_NONE);
    }
    ck_assert_int_eq(merge(market, CATEGORY_LINEAR, "MORE", "{\"symbol\":\"MORE\"}", true),
                     ERR_BUSY);
    ck_assert_int_eq(apply(market, CATEGORY_LINEAR, "MORE", 50, "{\"u\":5}", true), BOOK_BROKEN);
    market_forget_ticker(market, CATEGORY_LINEAR, "S7");
    ck_assert_int_eq(merge(market, CATEGORY_LINEAR, "MORE", "{\"symbol\":\"MORE\"}", true),
                     ERR_NONE);
    memset(symbol, 'A', 50);
    symbol[50] = '\0';
    market_forget_ticker(market, CATEGORY_LINEAR, "S8");
    ck_assert_int_eq(merge(market, CATEGORY_LINEAR, symbol, "{\"symbol\":\"A\"}", true),
                     ERR_INVALID);
    market_destroy(market);
}
END_TEST

static enum err put(struct market *market, const char *symbol, enum candle_interval interval,
                    int64_t start_ms, int64_t ts_ms, bool closed)
{
    struct candle candle = { .category = CATEGORY_SPOT,
                             .interval = interval,
                             .start_ms = start_ms,
                             .ts_ms = ts_ms,
                             .closed = closed };

    (void)strcpy(candle.symbol, symbol);
    return market_put_candle(market, &candle, ts_ms + 1);
}

static int64_t kept_ts(struct market *market, enum candle_interval interval)
{
    struct candle candle;
    int64_t recv_ms;

    return market_candle(market, CATEGORY_SPOT, "BTCUSDT", interval, &candle, &recv_ms)
               ? candle.ts_ms
               : -1;
}

START_TEST(the_newest_candle_of_each_interval_is_kept)
{
    struct market *market = market_create();
    struct candle candle;
    int64_t recv_ms;

    ck_assert_int_eq(kept_ts(market, CANDLE_1M), -1);
    ck_assert_int_eq(put(market, "BTCUSDT", CANDLE_1M, 60000, 60010, false), ERR_NONE);
    ck_assert_int_eq(put(market, "BTCUSDT", CANDLE_5M, 0, 60020, false), ERR_NONE);
    ck_assert_int_eq(put(market, "BTCUSDT", CANDLE_1M, 60000, 60005, false), ERR_NONE); /* late */
    ck_assert_int_eq(kept_ts(market, CANDLE_1M), 60010);
    ck_assert_int_eq(kept_ts(market, CANDLE_5M), 60020);
    ck_assert_int_eq(put(market, "BTCUSDT", CANDLE_1M, 60000, 60010, true), ERR_NONE);
    ck_assert(market_candle(market, CATEGORY_SPOT, "BTCUSDT", CANDLE_1M, &candle, &recv_ms));
    ck_assert(candle.closed); /* its time may be the same */
    ck_assert_int_eq(recv_ms, 60011);
    ck_assert_int_eq(put(market, "BTCUSDT", CANDLE_1M, 60000, 60099, false), ERR_NONE);
    ck_assert_int_eq(kept_ts(market, CANDLE_1M), 60010); /* closed stays closed */
    ck_assert_int_eq(put(market, "BTCUSDT", CANDLE_1M, 120000, 120001, false), ERR_NONE);
    ck_assert_int_eq(put(market, "BTCUSDT", CANDLE_1M, 60000, 130000, true), ERR_NONE);
    ck_assert_int_eq(kept_ts(market, CANDLE_1M), 120001);
    ck_assert(!market_candle(market, CATEGORY_LINEAR, "BTCUSDT", CANDLE_1M, &candle, &recv_ms));
    market_stale_candle(market, CATEGORY_LINEAR, "BTCUSDT", CANDLE_1M);
    ck_assert_int_eq(kept_ts(market, CANDLE_1M), 120001);
    market_stale_candle(market, CATEGORY_SPOT, "BTCUSDT", CANDLE_1M);
    market_stale_candle(market, CATEGORY_SPOT, "BTCUSDT", CANDLE_5M);
    ck_assert_int_eq(kept_ts(market, CANDLE_1M), -1);
    ck_assert_int_eq(put(market, "BTCUSDT", CANDLE_1M, 120000, 120002, false), ERR_NONE);
    ck_assert_int_eq(kept_ts(market, CANDLE_1M), 120002);
    ck_assert_int_eq(kept_ts(market, CANDLE_5M), -1);
    market_forget_candle(market, CATEGORY_SPOT, "BTCUSDT", CANDLE_1M);
    market_forget_candle(market, CATEGORY_SPOT, "BTCUSDT", CANDLE_1M);
    market_forget_candle(market, CATEGORY_SPOT, "OTHER", CANDLE_1M);
    ck_assert_int_eq(kept_ts(market, CANDLE_1M), -1);
    market_destroy(market);
}
END_TEST

START_TEST(candles_count_as_symbols_and_make_room_again)
{
    struct market *market = market_create();
    char symbol[24];

    for (int i = 0; i < MARKET_SYMBOLS_MAX; i++) {
        (void)snprintf(symbol, sizeof(symbol), "S%d", i);
        ck_assert_int_eq(put(market, symbol, CANDLE_1H, 0, 1, false), ERR_NONE);
        ck_assert_int_eq(put(market, symbol, CANDLE_1D, 0, 1, false), ERR_NONE);
    }
    ck_assert_int_eq(put(market, "MORE", CANDLE_1H, 0, 1, false), ERR_BUSY);
    market_forget_candle(market, CATEGORY_SPOT, "S7", CANDLE_1H);
    ck_assert_int_eq(put(market, "MORE", CANDLE_1H, 0, 1, false), ERR_BUSY);
    market_forget_candle(market, CATEGORY_SPOT, "S7", CANDLE_1D);
    ck_assert_int_eq(put(market, "MORE", CANDLE_1H, 0, 1, false), ERR_NONE);
    market_destroy(market);
}
END_TEST

#define BOOK "{\"b\":[[\"5\",\"1\"],[\"4\",\"2\"]],\"a\":[[\"6\",\"3\"]],\"u\":7,\"seq\":9}"

START_TEST(a_book_is_read_from_the_shallowest_that_suffices)
{
    struct market *market = market_create();
    struct market_book book;
    struct book_level bids[1000];
    struct book_level asks[1000];

    ck_assert(!market_book(market, CATEGORY_LINEAR, "A", 5, &book, bids, asks));
    ck_assert_int_eq(apply(market, CATEGORY_LINEAR, "A", 200, BOOK, true), BOOK_APPLIED);
    ck_assert_int_eq(apply(market, CATEGORY_LINEAR, "A", 50, BOOK, true), BOOK_APPLIED);
    ck_assert_int_eq(
        apply(market, CATEGORY_LINEAR, "A", 1, "{\"b\":[[\"5\",\"1\"]],\"u\":3}", true),
        BOOK_APPLIED);
    ck_assert(market_book(market, CATEGORY_LINEAR, "A", 1, &book, bids, asks));
    ck_assert_int_eq(book.depth, 1);
    ck_assert(market_book(market, CATEGORY_LINEAR, "A", 2, &book, bids, asks));
    ck_assert_int_eq(book.depth, 50);
    ck_assert_int_eq(book.state, BOOK_SYNCED);
    ck_assert_int_eq(book.u, 7);
    ck_assert_int_eq(book.seq, 9);
    ck_assert_int_eq(book.ts_ms, 11);
    ck_assert_int_eq(book.cts_ms, 12);
    ck_assert_int_eq(book.recv_ms, 21);
    ck_assert_uint_eq(book.bids_count, 2);
    ck_assert_uint_eq(book.asks_count, 1);
    ck_assert(market_book(market, CATEGORY_LINEAR, "A", 1000, &book, bids, asks));
    ck_assert_int_eq(book.depth, 200);
    /* A jump in the 50: the 200 serves. */
    ck_assert_int_eq(apply(market, CATEGORY_LINEAR, "A", 50, "{\"u\":9}", false), BOOK_JUMPED);
    ck_assert(market_book(market, CATEGORY_LINEAR, "A", 2, &book, bids, asks));
    ck_assert_int_eq(book.depth, 200);
    market_forget_book(market, CATEGORY_LINEAR, "A", 200);
    market_forget_book(market, CATEGORY_LINEAR, "A", 1);
    ck_assert(market_book(market, CATEGORY_LINEAR, "A", 2, &book, bids, asks));
    ck_assert_int_eq(book.depth, 50);
    ck_assert_int_eq(book.state, BOOK_SYNCING);
    market_forget_book(market, CATEGORY_LINEAR, "A", 50);
    market_forget_book(market, CATEGORY_LINEAR, "A", 50);
    ck_assert(!market_book(market, CATEGORY_LINEAR, "A", 2, &book, bids, asks));
    market_destroy(market);
}
END_TEST

START_TEST(what_is_streamed_goes_stale_until_its_next_frame)
{
    struct market *market = market_create();
    struct market_ticker kept;
    struct market_book book;
    struct book_level level;
    struct book_level other;

    ck_assert_int_eq(
        merge(market, CATEGORY_LINEAR, "A", "{\"symbol\":\"A\",\"lastPrice\":\"1\"}", true),
        ERR_NONE);
    ck_assert_int_eq(merge(market, CATEGORY_SPOT, "A", "{\"symbol\":\"A\"}", true), ERR_NONE);
    ck_assert_int_eq(apply(market, CATEGORY_LINEAR, "A", 50, BOOK, true), BOOK_APPLIED);
    market_stale_ticker(market, CATEGORY_LINEAR, "A");
    market_stale_ticker(market, CATEGORY_LINEAR, "B");
    ck_assert(market_book(market, CATEGORY_LINEAR, "A", 1, &book, &level, &other));
    ck_assert_int_eq(book.state, BOOK_SYNCED);
    market_stale_book(market, CATEGORY_LINEAR, "A", 200);
    market_stale_book(market, CATEGORY_LINEAR, "A", 50);
    ck_assert(market_ticker(market, CATEGORY_LINEAR, "A", &kept) && kept.stale);
    ck_assert(market_ticker(market, CATEGORY_SPOT, "A", &kept) && !kept.stale);
    ck_assert(market_book(market, CATEGORY_LINEAR, "A", 1, &book, &level, &other));
    ck_assert_int_eq(book.state, BOOK_STALE);
    ck_assert_int_eq(merge(market, CATEGORY_LINEAR, "A", "{\"symbol\":\"A\"}", false), ERR_NONE);
    ck_assert(market_ticker(market, CATEGORY_LINEAR, "A", &kept) && !kept.stale);
    ck_assert_int_eq((int)kept.ticker.last.mantissa, 1);
    ck_assert_int_eq(apply(market, CATEGORY_LINEAR, "A", 50, "{\"u\":8}", false), BOOK_APPLIED);
    ck_assert(market_book(market, CATEGORY_LINEAR, "A", 1, &book, &level, &other));
    ck_assert_int_eq(book.state, BOOK_SYNCED);
    market_destroy(market);
}
END_TEST

START_TEST(a_spot_ticker_takes_bid_and_ask_from_the_book)
{
    struct market *market = market_create();
    struct market_ticker kept;

    /* In both orders of arrival. */
    ck_assert_int_eq(apply(market, CATEGORY_SPOT, "A", 1,
                           "{\"b\":[[\"5\",\"1\"]],\"a\":[[\"6\",\"3\"]],\"u\":7}", true),
                     BOOK_APPLIED);
    ck_assert(!market_ticker(market, CATEGORY_SPOT, "A", &kept));
    ck_assert_int_eq(
        merge(market, CATEGORY_SPOT, "A", "{\"symbol\":\"A\",\"lastPrice\":\"1\"}", true),
        ERR_NONE);
    ck_assert(market_ticker(market, CATEGORY_SPOT, "A", &kept));
    ck_assert_int_eq((int)kept.ticker.bid.mantissa, 5);
    ck_assert_int_eq((int)kept.ticker.ask_qty.mantissa, 3);
    ck_assert_int_eq(
        apply(market, CATEGORY_SPOT, "A", 1, "{\"b\":[],\"a\":[[\"8\",\"3\"]],\"u\":9}", true),
        BOOK_APPLIED);
    ck_assert(market_ticker(market, CATEGORY_SPOT, "A", &kept));
    ck_assert(decimal_is_none(&kept.ticker.bid));
    ck_assert_int_eq((int)kept.ticker.ask.mantissa, 8);
    ck_assert_int_eq((int)kept.ticker.last.mantissa, 1);
    /* A linear ticker has its own. */
    ck_assert_int_eq(
        merge(market, CATEGORY_LINEAR, "A", "{\"symbol\":\"A\",\"bid1Price\":\"2\"}", true),
        ERR_NONE);
    ck_assert_int_eq(
        apply(market, CATEGORY_LINEAR, "A", 1, "{\"b\":[[\"5\",\"1\"]],\"u\":7}", true),
        BOOK_APPLIED);
    ck_assert(market_ticker(market, CATEGORY_LINEAR, "A", &kept));
    ck_assert_int_eq((int)kept.ticker.bid.mantissa, 2);
    market_destroy(market);
}
END_TEST

static void *read_all(void *market)
{
    struct market_ticker kept;
    struct market_book book;
    struct book_level bids[5];
    struct book_level asks[5];

    for (int i = 0; i < 20000; i++) {
        (void)market_ticker(market, CATEGORY_SPOT, "A", &kept);
        if (market_book(market, CATEGORY_SPOT, "A", 5, &book, bids, asks))
            ck_assert_uint_le(book.bids_count, 5);
    }
    return NULL;
}

START_TEST(readers_and_the_writer_share_it)
{
    struct market *market = market_create();
    pthread_t threads[2];

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_all, market), 0);
    for (int i = 0; i < 3000; i++) {
        ck_assert_int_eq(
            merge(market, CATEGORY_SPOT, "A", "{\"symbol\":\"A\",\"lastPrice\":\"1\"}", true),
            ERR_NONE);
        ck_assert_int_ne(apply(market, CATEGORY_SPOT, "A", 50, BOOK, true), BOOK_BROKEN);
        if (i % 100 == 0) {
            market_forget_ticker(market, CATEGORY_SPOT, "A");
            market_forget_book(market, CATEGORY_SPOT, "A", 50);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    market_destroy(market);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("market");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_test(tcase, a_ticker_is_kept_until_forgotten);
    tcase_add_test(tcase, an_unreadable_ticker_is_refused_and_leaves_no_place);
    tcase_add_test(tcase, the_number_of_symbols_is_bounded);
    tcase_add_test(tcase, a_book_is_read_from_the_shallowest_that_suffices);
    tcase_add_test(tcase, what_is_streamed_goes_stale_until_its_next_frame);
    tcase_add_test(tcase, a_spot_ticker_takes_bid_and_ask_from_the_book);
    tcase_add_test(tcase, the_newest_candle_of_each_interval_is_kept);
    tcase_add_test(tcase, candles_count_as_symbols_and_make_room_again);
    tcase_add_test(tcase, readers_and_the_writer_share_it);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
