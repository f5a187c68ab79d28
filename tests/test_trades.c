/* Public trades, funding rates and open interest: their decoders, and the objects that users see.
 */
#include <string.h>

#include <check.h>

#include "api/events.h"
#include "bybit/funding.h"
#include "bybit/message.h"
#include "bybit/trades.h"
#include "tests/fixture.h"

static struct json open_text(const char *text)
{
    struct json json;

    ck_assert_msg(!json_open(&json, text, strlen(text), NULL), "%s", text);
    return json;
}

static void assert_decimal(const struct decimal *value, const char *shown)
{
    char text[DECIMAL_TEXT_MAX];

    ck_assert_str_eq(decimal_format(value, text), shown);
}

#define ROW                                                                                        \
    "{\"execId\":\"2100000000007764263\",\"symbol\":\"BTCUSDT\",\"price\":\"16618.490\","          \
    "\"size\":\"0.00012\",\"side\":\"Buy\",\"time\":\"1672052955758\",\"isBlockTrade\":true,"      \
    "\"isRPITrade\":true,\"seq\":\"123456\"}"

START_TEST(a_row_is_a_trade)
{
    struct json row = open_text(ROW);
    struct public_trade trade;

    ck_assert(!trade_from_row(&trade, &row, CATEGORY_SPOT, NULL));
    ck_assert_int_eq(trade.category, CATEGORY_SPOT);
    ck_assert_str_eq(trade.id, "2100000000007764263");
    ck_assert_str_eq(trade.symbol, "BTCUSDT");
    ck_assert_int_eq(trade.side, SIDE_BUY);
    assert_decimal(&trade.price, "16618.490");
    assert_decimal(&trade.qty, "0.00012");
    ck_assert(trade.block);
    ck_assert_int_eq(trade.ts_ms, 1672052955758);
    ck_assert_int_eq(trade.seq, 123456);
}
END_TEST

static void read_frame(struct public_trade *out, const char *name, enum category category)
{
    size_t bytes;
    char *text = fixture(name, &bytes);
    struct frame frame;
    struct json_walk walk;
    struct json item;

    ck_assert(!message_frame(&frame, text, bytes, NULL));
    walk = json_walk(&frame.data);
    ck_assert(json_next(&walk, NULL, &item));
    ck_assert(!trade_from_frame(out, &item, category, NULL));
    free(text);
}

START_TEST(a_frames_item_is_a_trade)
{
    struct public_trade trade;

    read_frame(&trade, "ws_trades", CATEGORY_LINEAR);
    ck_assert_str_eq(trade.id, "20f43950-d8dd-5b31-9112-a178eb6023af");
    ck_assert_str_eq(trade.symbol, "BTCUSDT");
    assert_decimal(&trade.price, "16578.50");
    assert_decimal(&trade.qty, "0.001");
    ck_assert_int_eq(trade.ts_ms, 1672304486865);
    ck_assert_int_eq(trade.seq, 1783284617);
    ck_assert(!trade.block);
    read_frame(&trade, "ws_publicTrade_option", CATEGORY_OPTION);
    ck_assert_int_eq(trade.category, CATEGORY_OPTION);
    ck_assert_str_eq(trade.symbol, "BTC-6JAN23-17500-C");
}
END_TEST

START_TEST(a_spread_trades_frame_and_numbers_pass)
{
    struct json item = open_text("{\"i\":7,\"s\":\"X\",\"S\":\"SELL\",\"p\":1.50,\"v\":2,"
                                 "\"T\":\"5\"}");
    struct public_trade trade;

    ck_assert(!trade_from_frame(&trade, &item, CATEGORY_LINEAR, NULL));
    ck_assert_str_eq(trade.id, "7");
    ck_assert_int_eq(trade.side, SIDE_SELL);
    assert_decimal(&trade.price, "1.50");
    ck_assert_int_eq(trade.seq, 0);
}
END_TEST

static const struct {
    const char *item;
    const char *why;
} bad[] = {
    { "{}", "id" },
    { "[]", "id" },
    { "{\"i\":\"0123456789012345678901234567890123456789012345678901234567890123\"}", "id" },
    { "{\"i\":\"1\"}", "symbol" },
    { "{\"i\":\"1\",\"s\":\"0123456789012345678901234567890123456789\"}", "symbol" },
    { "{\"i\":\"1\",\"s\":\"X\"}", "side" },
    { "{\"i\":\"1\",\"s\":\"X\",\"S\":\"Hold\"}", "side" },
    { "{\"i\":\"1\",\"s\":\"X\",\"S\":\"Buy\",\"p\":\"\"}", "price" },
    { "{\"i\":\"1\",\"s\":\"X\",\"S\":\"Buy\",\"p\":\"0\"}", "price" },
    { "{\"i\":\"1\",\"s\":\"X\",\"S\":\"Buy\",\"p\":\"1\",\"v\":\"-1\"}", "size" },
    { "{\"i\":\"1\",\"s\":\"X\",\"S\":\"Buy\",\"p\":\"1\",\"v\":\"1\"}", "time" },
    { "{\"i\":\"1\",\"s\":\"X\",\"S\":\"Buy\",\"p\":\"1\",\"v\":\"1\",\"T\":\"-1\"}", "time" },
    { "{\"i\":\"1\",\"s\":\"X\",\"S\":\"Buy\",\"p\":\"1\",\"v\":\"1\",\"T\":\"253402300800000\"}",
      "time" },
};

START_TEST(a_trade_that_is_none_is_refused)
{
    struct public_trade trade = { .ts_ms = 7 };
    struct json item = open_text(bad[_i].item);
    struct error error;

    ck_assert_int_eq(trade_from_frame(&trade, &item, CATEGORY_LINEAR, &error), ERR_INVALID);
    ck_assert_msg(strstr(error.text, bad[_i].why), "%s", error.text);
    ck_assert_int_eq(trade_from_row(&trade, &item, CATEGORY_LINEAR, NULL), ERR_INVALID);
    ck_assert_int_eq(trade.ts_ms, 7);
}
END_TEST

/* --- funding, open interest --- */

START_TEST(funding_rates_are_read)
{
    struct json row = open_text("{\"symbol\":\"ETHPERP\",\"fundingRate\":\"-0.00010\","
                                "\"fundingRateTimestamp\":\"1672041600000\"}");
    struct funding_rate funding = { .at_ms = 1 };

    ck_assert(!funding_from_row(&funding, &row, CATEGORY_LINEAR, NULL));
    ck_assert_str_eq(funding.symbol, "ETHPERP");
    assert_decimal(&funding.rate, "-0.00010");
    ck_assert_int_eq(funding.at_ms, 1672041600000);
    row = open_text("{\"fundingRate\":\"1\",\"fundingRateTimestamp\":\"1\"}");
    ck_assert_int_eq(funding_from_row(&funding, &row, CATEGORY_LINEAR, NULL), ERR_INVALID);
    row = open_text("{\"symbol\":\"X\",\"fundingRateTimestamp\":\"1\"}");
    ck_assert_int_eq(funding_from_row(&funding, &row, CATEGORY_LINEAR, NULL), ERR_INVALID);
    row = open_text("{\"symbol\":\"X\",\"fundingRate\":\"1\","
                    "\"fundingRateTimestamp\":\"253402300800000\"}");
    ck_assert_int_eq(funding_from_row(&funding, &row, CATEGORY_LINEAR, NULL), ERR_INVALID);
    row = open_text("{\"symbol\":\"X\",\"fundingRate\":\"1\"}");
    ck_assert_int_eq(funding_from_row(&funding, &row, CATEGORY_LINEAR, NULL), ERR_INVALID);
    ck_assert_int_eq(funding.at_ms, 1672041600000);
}
END_TEST

START_TEST(open_interest_is_read)
{
    struct json row = open_text("{\"openInterest\":\"63910691.00000000\","
                                "\"singleOpenInterest\":\"31955346\",\"timestamp\":\"5\"}");
    struct open_interest interest = { .interval = OI_4H };

    ck_assert(!open_interest_from_row(&interest, &row, NULL));
    assert_decimal(&interest.value, "63910691.00000000");
    ck_assert_int_eq(interest.at_ms, 5);
    ck_assert_int_eq(interest.interval, OI_4H);
    row = open_text("{\"openInterest\":\"\",\"timestamp\":\"5\"}");
    ck_assert_int_eq(open_interest_from_row(&interest, &row, NULL), ERR_INVALID);
    row = open_text("{\"openInterest\":\"1\",\"timestamp\":\"253402300800000\"}");
    ck_assert_int_eq(open_interest_from_row(&interest, &row, NULL), ERR_INVALID);
    row = open_text("{\"openInterest\":\"1\",\"timestamp\":\"\"}");
    ck_assert_int_eq(open_interest_from_row(&interest, &row, NULL), ERR_INVALID);
}
END_TEST

START_TEST(open_interest_has_its_own_intervals)
{
    enum oi_interval interval;

    for (int i = 0; i < OI_INTERVAL_COUNT; i++) {
        ck_assert(!oi_interval_parse(oi_interval_word((enum oi_interval)i), &interval));
        ck_assert_int_eq(interval, i);
        ck_assert(!oi_interval_parse(oi_interval_code((enum oi_interval)i), &interval));
        ck_assert_int_eq(interval, i);
    }
    ck_assert_str_eq(oi_interval_code(OI_5M), "5min");
    ck_assert_int_eq(oi_interval_parse("1m", &interval), ERR_INVALID);
    ck_assert_int_eq(oi_interval_parse("", &interval), ERR_INVALID);
}
END_TEST

/* --- objects --- */

static struct decimal decimal_of(const char *text)
{
    struct decimal value;

    ck_assert(!decimal_parse(&value, text));
    return value;
}

static void assert_written(struct buffer *out, const char *shown)
{
    ck_assert(!buffer_check(out));
    ck_assert_str_eq(out->data, shown);
    buffer_deinit(out);
}

START_TEST(a_trade_is_shown)
{
    struct buffer out = buffer_of(4096);
    struct json row = open_text(ROW);
    struct public_trade trade;

    ck_assert(!trade_from_row(&trade, &row, CATEGORY_SPOT, NULL));
    api_add_trade(&out, &trade);
    assert_written(&out, "{\"id\":\"2100000000007764263\",\"category\":\"spot\",\"symbol\":"
                         "\"BTCUSDT\",\"side\":\"buy\",\"price\":\"16618.490\",\"qty\":\"0.00012\","
                         "\"block\":true,\"at\":\"2022-12-26T11:09:15.758Z\"}");
    api_event_trade(&out, &trade, 1672052955800);
    assert_written(&out, "{\"id\":\"2100000000007764263\",\"category\":\"spot\",\"symbol\":"
                         "\"BTCUSDT\",\"side\":\"buy\",\"price\":\"16618.490\",\"qty\":\"0.00012\","
                         "\"block\":true,\"ts\":1672052955758,\"recv_at\":1672052955800}");
}
END_TEST

START_TEST(a_candle_is_shown)
{
    struct buffer out = buffer_of(4096);
    struct candle candle = { .category = CATEGORY_INVERSE,
                             .symbol = "BTCUSD",
                             .interval = CANDLE_1MONTH,
                             .start_ms = 1672531200000,
                             .open = decimal_of("1.50"),
                             .high = decimal_of("2"),
                             .low = decimal_of("1"),
                             .close = decimal_of("1.7"),
                             .volume = decimal_of("0"),
                             .turnover = DECIMAL_NONE,
                             .closed = true };

    api_add_candle(&out, &candle);
    assert_written(&out, "{\"category\":\"inverse\",\"symbol\":\"BTCUSD\",\"interval\":\"1M\","
                         "\"at\":\"2023-01-01T00:00:00.000Z\",\"open\":\"1.50\",\"high\":\"2\","
                         "\"low\":\"1\",\"close\":\"1.7\",\"volume\":\"0\",\"turnover\":null,"
                         "\"closed\":true}");
    candle.closed = false;
    candle.ts_ms = 1672531200123;
    api_event_candle(&out, &candle, 1672531200200);
    assert_written(&out, "{\"category\":\"inverse\",\"symbol\":\"BTCUSD\",\"interval\":\"1M\","
                         "\"at\":\"2023-01-01T00:00:00.000Z\",\"open\":\"1.50\",\"high\":\"2\","
                         "\"low\":\"1\",\"close\":\"1.7\",\"volume\":\"0\",\"turnover\":null,"
                         "\"closed\":false,\"ts\":1672531200123,\"recv_at\":1672531200200}");
}
END_TEST

START_TEST(funding_and_open_interest_are_shown)
{
    struct buffer out = buffer_of(4096);
    struct funding_rate funding = { .category = CATEGORY_LINEAR,
                                    .symbol = "BTCUSDT",
                                    .rate = decimal_of("-0.0001"),
                                    .at_ms = 1672531200000 };
    struct open_interest interest = { .category = CATEGORY_INVERSE,
                                      .symbol = "BTCUSD",
                                      .interval = OI_30M,
                                      .value = decimal_of("5.0"),
                                      .at_ms = 1672531200000 };

    api_add_funding(&out, &funding);
    assert_written(&out, "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"rate\":\"-0.0001\","
                         "\"at\":\"2023-01-01T00:00:00.000Z\"}");
    api_add_open_interest(&out, &interest);
    assert_written(&out, "{\"category\":\"inverse\",\"symbol\":\"BTCUSD\",\"interval\":\"30m\","
                         "\"open_interest\":\"5.0\",\"at\":\"2023-01-01T00:00:00.000Z\"}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trades");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_test(tcase, a_row_is_a_trade);
    tcase_add_test(tcase, a_frames_item_is_a_trade);
    tcase_add_test(tcase, a_spread_trades_frame_and_numbers_pass);
    tcase_add_loop_test(tcase, a_trade_that_is_none_is_refused, 0, (int)ARRAY_LEN(bad));
    tcase_add_test(tcase, funding_rates_are_read);
    tcase_add_test(tcase, open_interest_is_read);
    tcase_add_test(tcase, open_interest_has_its_own_intervals);
    tcase_add_test(tcase, a_trade_is_shown);
    tcase_add_test(tcase, a_candle_is_shown);
    tcase_add_test(tcase, funding_and_open_interest_are_shown);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
