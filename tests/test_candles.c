#include <string.h>

#include <check.h>

#include "base/clock.h"
#include "bybit/candles.h"
#include "bybit/message.h"
#include "tests/fixture.h"

static const struct {
    const char *text;
    int interval; /* -1: none */
} words[] = {
    { "1m", CANDLE_1M },
    { "1", CANDLE_1M },
    { "3m", CANDLE_3M },
    { "3", CANDLE_3M },
    { "5m", CANDLE_5M },
    { "15", CANDLE_15M },
    { "30m", CANDLE_30M },
    { "1h", CANDLE_1H },
    { "60", CANDLE_1H },
    { "1H", CANDLE_1H },
    { "120", CANDLE_2H },
    { "4h", CANDLE_4H },
    { "240", CANDLE_4H },
    { "6h", CANDLE_6H },
    { "720", CANDLE_12H },
    { "12h", CANDLE_12H },
    { "D", CANDLE_1D },
    { "1d", CANDLE_1D },
    { "d", CANDLE_1D },
    { "1D", CANDLE_1D },
    { "W", CANDLE_1W },
    { "1w", CANDLE_1W },
    { "1M", CANDLE_1MONTH },
    { "M", CANDLE_1MONTH },
    { "m", -1 },
    { "", -1 },
    { "2m", -1 },
    { "60m", -1 },
    { "1 m", -1 },
    { "3M", -1 },
    { "01", -1 },
    { "hour", -1 },
};

START_TEST(both_spellings_of_an_interval_are_read)
{
    enum candle_interval interval = CANDLE_6H;

    ck_assert_int_eq(candle_interval_parse(words[_i].text, &interval),
                     words[_i].interval < 0 ? ERR_INVALID : ERR_NONE);
    if (words[_i].interval >= 0)
        ck_assert_int_eq(interval, words[_i].interval);
}
END_TEST

START_TEST(each_interval_has_its_words_and_length)
{
    for (int i = 0; i < CANDLE_INTERVAL_COUNT; i++) {
        enum candle_interval again;

        ck_assert(!candle_interval_parse(candle_interval_word((enum candle_interval)i), &again));
        ck_assert_int_eq(again, i);
        ck_assert(!candle_interval_parse(candle_interval_code((enum candle_interval)i), &again));
        ck_assert_int_eq(again, i);
    }
    ck_assert_int_eq(candle_interval_ms(CANDLE_1M), 60000);
    ck_assert_int_eq(candle_interval_ms(CANDLE_12H), 43200000);
    ck_assert_int_eq(candle_interval_ms(CANDLE_1W), 604800000);
    ck_assert_int_eq(candle_interval_ms(CANDLE_1MONTH), 0);
}
END_TEST

static const struct {
    enum candle_interval interval;
    int64_t start_ms;
    const char *next;
} steps[] = {
    { CANDLE_1M, 1670608800000, "2022-12-09T18:01:00.000Z" },
    { CANDLE_1D, 1709164800000, "2024-03-01T00:00:00.000Z" }, /* 29 February */
    { CANDLE_1W, 1670803200000, "2022-12-19T00:00:00.000Z" },
    { CANDLE_1MONTH, 0, "1970-02-01T00:00:00.000Z" },
    { CANDLE_1MONTH, 1672531200000, "2023-02-01T00:00:00.000Z" },
    { CANDLE_1MONTH, 1675209600000, "2023-03-01T00:00:00.000Z" },
    { CANDLE_1MONTH, 1706745600000, "2024-03-01T00:00:00.000Z" }, /* a leap year's February */
    { CANDLE_1MONTH, 1709164800000, "2024-03-01T00:00:00.000Z" }, /* from its 29th */
    { CANDLE_1MONTH, 1709251200000, "2024-04-01T00:00:00.000Z" },
    { CANDLE_1MONTH, 1701388800000, "2024-01-01T00:00:00.000Z" }, /* over the year's end */
    { CANDLE_1MONTH, 4107542400000, "2100-04-01T00:00:00.000Z" }, /* 2100 is no leap year */
    { CANDLE_1MONTH, 4105123200000, "2100-03-01T00:00:00.000Z" },
    { CANDLE_1MONTH, 951782400000, "2000-03-01T00:00:00.000Z" }, /* 29 February 2000 */
};

START_TEST(the_next_candle_begins_where_this_one_ends)
{
    char shown[CLOCK_TEXT_MAX];

    ck_assert_str_eq(clock_format(candle_next_start(steps[_i].interval, steps[_i].start_ms), shown),
                     steps[_i].next);
}
END_TEST

static enum err read_row(struct candle *out, const char *text, struct error *error)
{
    struct json row;

    ck_assert_msg(!json_open(&row, text, strlen(text), NULL), "%s", text);
    return candle_from_row(out, &row, error);
}

static void assert_decimal(const struct decimal *value, const char *shown)
{
    char text[DECIMAL_TEXT_MAX];

    ck_assert_str_eq(decimal_format(value, text), shown);
}

START_TEST(a_row_keeps_its_digits_and_the_callers_members)
{
    struct candle candle = { .category = CATEGORY_INVERSE,
                             .symbol = "BTCUSD",
                             .interval = CANDLE_1H,
                             .closed = true,
                             .ts_ms = 7 };

    ck_assert(!read_row(&candle,
                        "[\"1670608800000\",\"17071\",\"17073.50\",\"17027\",\"17055.5\","
                        "\"268611\",\"15.74462667\"]",
                        NULL));
    ck_assert_int_eq(candle.category, CATEGORY_INVERSE);
    ck_assert_str_eq(candle.symbol, "BTCUSD");
    ck_assert_int_eq(candle.interval, CANDLE_1H);
    ck_assert_int_eq(candle.start_ms, 1670608800000);
    assert_decimal(&candle.open, "17071");
    assert_decimal(&candle.high, "17073.50");
    assert_decimal(&candle.low, "17027");
    assert_decimal(&candle.close, "17055.5");
    assert_decimal(&candle.volume, "268611");
    assert_decimal(&candle.turnover, "15.74462667");
    ck_assert(!candle.closed);
    ck_assert_int_eq(candle.ts_ms, 0);
    /* Numbers in place of strings, an empty turnover and a column more are all fine. */
    ck_assert(!read_row(&candle, "[60000,1,2,0.5,1,0,\"\",\"new\"]", NULL));
    assert_decimal(&candle.low, "0.5");
    assert_decimal(&candle.turnover, "");
}
END_TEST

static const struct {
    const char *row;
    const char *why;
} bad_rows[] = {
    { "[]", "start" },
    { "{}", "array" },
    { "\"x\"", "array" },
    { "[\"1\",\"1\",\"1\",\"1\",\"1\"]", "volume" },
    { "[\"\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\"]", "start" },
    { "[\"-1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\"]", "start" },
    { "[\"999999999999999999\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\"]", "start" },
    { "[\"1\",\"\",\"1\",\"1\",\"1\",\"1\",\"1\"]", "open" },
    { "[\"1\",\"1\",\"1e5\",\"1\",\"1\",\"1\",\"1\"]", "high" },
    { "[\"1\",\"1\",\"1\",\"-1\",\"1\",\"1\",\"1\"]", "low" },
    { "[\"1\",\"1\",\"1\",\"1\",null,\"1\",\"1\"]", "close" },
    { "[\"1\",\"1\",\"1\",\"1\",\"1\",[],\"1\"]", "volume" },
    { "[\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"x\"]", "turnover" },
};

START_TEST(a_row_that_is_none_is_refused)
{
    struct candle candle = { .start_ms = 5, .symbol = "X" };
    struct error error;

    ck_assert_int_eq(read_row(&candle, bad_rows[_i].row, &error), ERR_INVALID);
    ck_assert_msg(strstr(error.text, bad_rows[_i].why), "%s", error.text);
    ck_assert_int_eq(candle.start_ms, 5);
    ck_assert_str_eq(candle.symbol, "X");
}
END_TEST

static enum err read_frame(struct candle *out, const char *name)
{
    size_t bytes;
    char *text = fixture(name, &bytes);
    struct frame frame;
    struct json_walk walk;
    struct json item;
    enum err err;

    ck_assert(!message_frame(&frame, text, bytes, NULL));
    walk = json_walk(&frame.data);
    ck_assert(json_next(&walk, NULL, &item));
    err = candle_from_frame(out, &item, NULL);
    free(text);
    return err;
}

START_TEST(a_frame_says_whether_the_candle_is_closed)
{
    struct candle candle = { .category = CATEGORY_LINEAR, .interval = CANDLE_5M };

    ck_assert(!read_frame(&candle, "ws_kline"));
    ck_assert(!candle.closed);
    ck_assert_int_eq(candle.start_ms, 1672324800000);
    ck_assert_int_eq(candle.ts_ms, 1672324988882);
    assert_decimal(&candle.open, "16649.5");
    assert_decimal(&candle.high, "16677");
    assert_decimal(&candle.low, "16608");
    assert_decimal(&candle.close, "16677");
    assert_decimal(&candle.volume, "2.081");
    assert_decimal(&candle.turnover, "34666.4005");
    ck_assert_int_eq(candle.interval, CANDLE_5M);
    ck_assert(!read_frame(&candle, "ws_kline_closed"));
    ck_assert(candle.closed);
}
END_TEST

static const struct {
    const char *item;
    const char *why;
} bad_items[] = {
    { "[]", "confirm" },
    { "{\"start\":1,\"open\":\"1\",\"high\":\"1\",\"low\":\"1\",\"close\":\"1\"}", "confirm" },
    { "{\"start\":1,\"open\":\"1\",\"high\":\"1\",\"low\":\"1\",\"confirm\":true}", "close" },
    { "{\"open\":\"1\",\"high\":\"1\",\"low\":\"1\",\"close\":\"1\",\"confirm\":true}", "start" },
    { "{\"start\":1,\"confirm\":\"yes\"}", "confirm" },
    { "{\"start\":1,\"confirm\":true,\"timestamp\":\"x\"}", "timestamp" },
};

START_TEST(a_frame_that_is_none_is_refused)
{
    struct candle candle = { .start_ms = 5 };
    struct error error;
    struct json item;

    ck_assert(!json_open(&item, bad_items[_i].item, strlen(bad_items[_i].item), NULL));
    ck_assert_int_eq(candle_from_frame(&candle, &item, &error), ERR_INVALID);
    ck_assert_msg(strstr(error.text, bad_items[_i].why), "%s", error.text);
    ck_assert_int_eq(candle.start_ms, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("candles");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_loop_test(tcase, both_spellings_of_an_interval_are_read, 0, (int)ARRAY_LEN(words));
    tcase_add_test(tcase, each_interval_has_its_words_and_length);
    tcase_add_loop_test(tcase, the_next_candle_begins_where_this_one_ends, 0,
                        (int)ARRAY_LEN(steps));
    tcase_add_test(tcase, a_row_keeps_its_digits_and_the_callers_members);
    tcase_add_loop_test(tcase, a_row_that_is_none_is_refused, 0, (int)ARRAY_LEN(bad_rows));
    tcase_add_test(tcase, a_frame_says_whether_the_candle_is_closed);
    tcase_add_loop_test(tcase, a_frame_that_is_none_is_refused, 0, (int)ARRAY_LEN(bad_items));
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
