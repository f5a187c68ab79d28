/* The grammars of symbols, times and durations. */
#include <string.h>

#include <check.h>

#include "api/events.h"

static const struct {
    const char *text;
    const char *category; /* beside it */
    const char *symbol;   /* NULL: refused */
    enum category found;
} symbols[] = {
    { "BTCUSDT", NULL, "BTCUSDT", CATEGORY_LINEAR },
    { "btcusdt", "", "BTCUSDT", CATEGORY_LINEAR },
    { "spot:BTCUSDT", NULL, "BTCUSDT", CATEGORY_SPOT },
    { "SPOT:btcusdt", "spot", "BTCUSDT", CATEGORY_SPOT },
    { "BTCUSD", "Inverse", "BTCUSD", CATEGORY_INVERSE },
    { "option:BTC-27MAR26-70000-C-USDT", NULL, "BTC-27MAR26-70000-C-USDT", CATEGORY_OPTION },
    { "1000PEPEUSDT", NULL, "1000PEPEUSDT", CATEGORY_LINEAR },
    { "spot:BTCUSDT", "linear", NULL, 0 },
    { "moon:BTCUSDT", NULL, NULL, 0 },
    { ":BTCUSDT", NULL, NULL, 0 },
    { "spot:", NULL, NULL, 0 },
    { "spot:spot:BTCUSDT", NULL, NULL, 0 },
    { "", NULL, NULL, 0 },
    { "BTC USDT", NULL, NULL, 0 },
    { "BTC/USDT", NULL, NULL, 0 },
    { "BTC\xc3\x84", NULL, NULL, 0 },
    { "BTC\x01", NULL, NULL, 0 },
    { "BTCUSDT", "moon", NULL, 0 },
    { "123456789012345678901234567890123456789", NULL, "123456789012345678901234567890123456789",
      CATEGORY_LINEAR },
    { "1234567890123456789012345678901234567890", NULL, NULL, 0 },
    { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:X",
      NULL, NULL, 0 },
};

START_TEST(a_symbol_says_its_category_or_takes_the_default)
{
    enum category found = CATEGORY_SPOT;
    char symbol[SYMBOL_MAX] = "";
    struct error error = { .code = ERR_NONE };
    enum err err = api_parse_symbol(symbols[_i].text, symbols[_i].category, CATEGORY_LINEAR, &found,
                                    symbol, &error);

    if (!symbols[_i].symbol) {
        ck_assert_int_eq(err, ERR_INVALID);
        ck_assert(error.text[0] != '\0');
        ck_assert_str_eq(symbol, "");
        return;
    }
    ck_assert_msg(!err, "%s", error.text);
    ck_assert_str_eq(symbol, symbols[_i].symbol);
    ck_assert_int_eq(found, symbols[_i].found);
}
END_TEST

#define NOW 1767323045678 /* 2026-01-02T03:04:05.678Z */

static const struct {
    const char *text;
    int64_t ms; /* -1: refused */
} times[] = {
    { "2026-01-02T03:04:05.678Z", NOW },
    { "2026-01-02t03:04:05.678z", NOW },
    { "2026-01-02T03:04:05Z", 1767323045000 },
    { "2026-01-02T03:04Z", 1767323040000 },
    { "2026-01-02", 1767312000000 },
    { "2026-01-02T05:04:05+02:00", 1767323045000 },
    { "2026-01-01T21:34:05-05:30", 1767323045000 },
    { "2026-01-02T03:04:05.6789123Z", 1767323045678 },
    { "2026-01-02T03:04:05.6Z", 1767323045600 },
    { "2024-02-29", 1709164800000 },
    { "1970-01-01", 0 },
    { "1767323045", 1767323045000 },
    { "1767323045678", NOW },
    { "0", 0 },
    { "-1h", NOW - 3600000 },
    { "-2d", NOW - 172800000 },
    { "-30m", NOW - 1800000 },
    { "-10s", NOW - 10000 },
    { "today", 1767312000000 },
    { "Today", 1767312000000 },
    { "", -1 },
    { "now-ish", -1 },
    { "-1", -1 },
    { "-1y", -1 },
    { "-", -1 },
    { "1h", -1 },
    { "1e9", -1 },
    { "1.5", -1 },
    { "-99999999d", -1 },
    { "2026-13-01", -1 },
    { "2026-00-01", -1 },
    { "2026-02-29", -1 },
    { "2026-01-32", -1 },
    { "1969-01-01", -1 },
    { "2026-01-02T", -1 },
    { "2026-01-02T03:04:05", -1 }, /* whose time? */
    { "2026-01-02T24:00:00Z", -1 },
    { "2026-01-02T03:60:00Z", -1 },
    { "2026-01-02T03:04:60Z", -1 },
    { "2026-01-02T03:04:05.Z", -1 },
    { "2026-01-02T03:04:05.1234567890Z", -1 },
    { "2026-01-02T03:04:05+24:00", -1 },
    { "2026-01-02T03:04:05Z ", -1 },
    { "1970-01-01T00:00:00+01:00", -1 },
    { "9999999999999999999999", -1 },
};

START_TEST(a_time_is_read)
{
    int64_t ms = -1;
    struct error error = { .code = ERR_NONE };
    enum err err = api_parse_time(times[_i].text, NOW, &ms, &error);

    ck_assert_msg(!err == (times[_i].ms >= 0), "%s", times[_i].text);
    if (!err)
        ck_assert_int_eq(ms, times[_i].ms);
    else
        ck_assert(error.text[0] != '\0');
}
END_TEST

static const struct {
    const char *text;
    int64_t ms; /* -1: refused */
} durations[] = {
    { "250ms", 250 },
    { "20s", 20000 },
    { "2m", 120000 },
    { "1h", 3600000 },
    { "1d", 86400000 },
    { "300", -1 },
    { "00", 0 },
    { "0", 0 },
    { "0s", 0 },
    { "", -1 },
    { "s", -1 },
    { "-1s", -1 },
    { "1.5s", -1 },
    { "20 s", -1 },
    { "20S", -1 },
    { "1e3", -1 },
    { "99999999999999999999", -1 },
    { "999999999999999w", -1 },
};

START_TEST(a_duration_is_read)
{
    int64_t ms = -1;
    struct error error = { .code = ERR_NONE };
    enum err err = api_parse_duration(durations[_i].text, &ms, &error);

    ck_assert_msg(!err == (durations[_i].ms >= 0), "%s", durations[_i].text);
    if (!err)
        ck_assert_int_eq(ms, durations[_i].ms);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_parse");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_loop_test(tcase, a_symbol_says_its_category_or_takes_the_default, 0,
                        (int)ARRAY_LEN(symbols));
    tcase_add_loop_test(tcase, a_time_is_read, 0, (int)ARRAY_LEN(times));
    tcase_add_loop_test(tcase, a_duration_is_read, 0, (int)ARRAY_LEN(durations));
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
