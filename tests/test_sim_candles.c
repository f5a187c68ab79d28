#include <check.h>

#include "sim/candles.h"
#include "sim/market.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define START_MS  INT64_C(1700000000000) /* Tuesday 14 November 2023, 22:13:20 */
#define TRADED    INSTRUMENT_FIRST_OPTION

static struct exchange exchange;

static void start(uint64_t seed)
{
    ck_assert_int_eq(exchange_init(&exchange, START_MS, 1), ERR_NONE);
    ck_assert_int_eq(market_init(&exchange, seed), ERR_NONE);
}

static void setup(void)
{
    start(7);
}

static void teardown(void)
{
    market_deinit(&exchange);
    exchange_deinit(&exchange);
}

static struct candle candle_of(int instrument, int64_t from_ms, int64_t to_ms)
{
    struct candle candle;

    ck_assert(candle_between(&exchange, instrument, from_ms, to_ms, &candle));
    return candle;
}

static bool same(const struct candle *a, const struct candle *b)
{
    return a->start_ms == b->start_ms && a->open == b->open && a->high == b->high &&
           a->low == b->low && a->close == b->close && a->lots == b->lots && a->units == b->units &&
           a->at_ms == b->at_ms;
}

static int64_t minute_now(void)
{
    return exchange.now_ms - exchange.now_ms % MINUTE_MS;
}

static void run_minutes(int minutes)
{
    for (int i = 0; i < minutes * (int)(MINUTE_MS / MARKET_STEP_MS); i++) {
        exchange.now_ms += MARKET_STEP_MS;
        market_step(&exchange);
    }
}

static const struct {
    const char *interval;
    int64_t at_ms, start_ms, next_ms;
} starts[] = {
    { "1", START_MS, 1699999980000, 1700000040000 },
    { "3", START_MS, 1699999920000, 1700000100000 },
    { "60", START_MS, 1699999200000, 1700002800000 },
    { "720", START_MS, 1699963200000, 1700006400000 },
    { "D", START_MS, 1699920000000, 1700006400000 },
    { "W", START_MS, 1699833600000, 1700438400000 }, /* Monday 13 November */
    { "W", 1699833600000, 1699833600000, 1700438400000 },
    { "W", 1699833599999, 1699228800000, 1699833600000 },
    { "M", START_MS, 1698796800000, 1701388800000 },      /* November 2023 */
    { "M", 1709164800000, 1706745600000, 1709251200000 }, /* 29 February 2024 */
    { "M", 1709251200000, 1709251200000, 1711929600000 }, /* 1 March 2024 */
    { "M", 4107542399999, 4105123200000, 4107542400000 }, /* February 2100 has 28 days */
};

START_TEST(a_time_belongs_to_its_candle)
{
    int interval = candle_interval(starts[_i].interval);

    ck_assert_int_eq(candle_start(interval, starts[_i].at_ms), starts[_i].start_ms);
    ck_assert_int_eq(candle_next(interval, starts[_i].start_ms), starts[_i].next_ms);
}
END_TEST

START_TEST(there_are_thirteen_intervals)
{
    for (int i = 0; i < CANDLE_INTERVALS; i++)
        ck_assert_int_eq(candle_interval(candle_interval_name(i)), i);
    ck_assert_int_eq(candle_interval("2"), -1);
    ck_assert_int_eq(candle_interval(""), -1);
    ck_assert_int_eq(candle_interval("d"), -1);
}
END_TEST

static void check_minutes(int instrument)
{
    int64_t close = candle_of(instrument, minute_now(), minute_now() + MINUTE_MS).open;

    for (int back = 1; back <= 3600; back++) {
        int64_t start_ms = minute_now() - back * MINUTE_MS;
        struct candle minute = candle_of(instrument, start_ms, start_ms + MINUTE_MS);

        ck_assert_int_eq(minute.start_ms, start_ms);
        ck_assert_int_eq(minute.close, close);
        ck_assert(minute.low <= minute.open && minute.low <= minute.close && minute.low > 0);
        ck_assert(minute.high >= minute.open && minute.high >= minute.close);
        ck_assert(minute.lots >= 0 && (minute.units > 0) == (minute.lots > 0));
        close = minute.open;
    }
}

START_TEST(minutes_are_joined_and_sound)
{
    run_minutes(3);
    for (int i = 0; i < TRADED; i++)
        check_minutes(i);
}
END_TEST

/* Across the end of the past, too: the hours reach from two days ago up to now. */
static void check_hours(int instrument)
{
    for (int64_t start_ms = candle_start(candle_interval("60"), START_MS) - 48 * HOUR_MS;
         start_ms < exchange.now_ms; start_ms += HOUR_MS) {
        struct candle hour = candle_of(instrument, start_ms, start_ms + HOUR_MS);
        struct candle sum = { .start_ms = -1 };

        for (int64_t at = start_ms; at < start_ms + HOUR_MS && at <= minute_now();
             at += MINUTE_MS) {
            struct candle minute = candle_of(instrument, at, at + MINUTE_MS);

            candle_merge(&sum, &minute);
        }
        ck_assert(same(&hour, &sum));
    }
}

START_TEST(an_hour_is_the_sum_of_its_minutes)
{
    run_minutes(2);
    for (int i = 0; i < TRADED; i++)
        check_hours(i);
}
END_TEST

START_TEST(the_same_question_has_the_same_answer)
{
    int64_t from_ms = START_MS - START_MS % DAY_MS - 200 * DAY_MS;
    struct candle first = candle_of(_i, from_ms, from_ms + DAY_MS);
    struct candle again;
    struct candle other;

    exchange.now_ms += 5 * MINUTE_MS;
    market_step(&exchange);
    again = candle_of(_i, from_ms, from_ms + DAY_MS);
    ck_assert(same(&first, &again));
    teardown();
    start(7);
    again = candle_of(_i, from_ms, from_ms + DAY_MS);
    ck_assert(same(&first, &again));
    teardown();
    start(8);
    other = candle_of(_i, from_ms, from_ms + DAY_MS);
    ck_assert(!same(&first, &other));
}
END_TEST

START_TEST(nothing_was_traded_before_the_beginning)
{
    int64_t begin_ms = past_begin_ms(market_past(&exchange));
    struct candle candle;

    ck_assert(candle_between(&exchange, 0, begin_ms, begin_ms + MINUTE_MS, &candle));
    ck_assert(!candle_between(&exchange, 0, begin_ms - DAY_MS, begin_ms, &candle));
    ck_assert(!candle_between(&exchange, 0, 0, MINUTE_MS, &candle));
    ck_assert(!candle_between(&exchange, 0, exchange.now_ms + DAY_MS, INT64_MAX, &candle));
}
END_TEST

START_TEST(minutes_without_trades_stand_still)
{
    const struct tape *tape = &exchange.tapes[0];
    struct candle candle;

    market_pause(&exchange, true);
    exchange.now_ms += 3 * HOUR_MS;
    market_step(&exchange);
    candle = candle_of(0, minute_now() - HOUR_MS, minute_now());
    ck_assert_int_eq(candle.open, tape->last_ticks);
    ck_assert_int_eq(candle.high, candle.low);
    ck_assert_int_eq(candle.lots, 0);
    ck_assert_int_eq(tape->prev_1h_ticks, tape->last_ticks);
}
END_TEST

START_TEST(a_day_later_the_old_volume_is_gone)
{
    const struct tape *tape = &exchange.tapes[0];

    ck_assert_int_gt(tape->volume_lots, 0);
    market_pause(&exchange, true);
    exchange.now_ms += DAY_MS + MINUTE_MS;
    market_step(&exchange);
    ck_assert_int_eq(tape->volume_lots, 0);
    ck_assert(tape->turnover_units == 0);
    ck_assert_int_eq(tape->prev_24h_ticks, tape->last_ticks);
    ck_assert_int_eq(tape->high_ticks, tape->low_ticks);
}
END_TEST

/* A clock that leaps ahead by years and back again. */
START_TEST(a_leaping_clock_is_survived)
{
    int64_t then_ms = exchange.now_ms;
    struct candle candle;

    exchange.now_ms += 3000 * DAY_MS;
    market_step(&exchange);
    ck_assert(candle_between(&exchange, 0, minute_now(), minute_now() + MINUTE_MS, &candle));
    ck_assert_int_eq(tape_newest_ms(&exchange.tapes[0]) - tape_oldest_ms(&exchange.tapes[0]),
                     (TAPE_CANDLES - 1) * MINUTE_MS);
    exchange.now_ms = then_ms;
    for (int i = 0; i < 100; i++)
        market_step(&exchange);
    ck_assert_int_ge(tape_newest_ms(&exchange.tapes[0]), then_ms);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim/candles");
    TCase *tcase = tcase_create("candles");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_time_belongs_to_its_candle, 0, ARRAY_LEN(starts));
    tcase_add_test(tcase, there_are_thirteen_intervals);
    tcase_add_test(tcase, minutes_are_joined_and_sound);
    tcase_add_test(tcase, an_hour_is_the_sum_of_its_minutes);
    tcase_add_loop_test(tcase, the_same_question_has_the_same_answer, 0, TRADED);
    tcase_add_test(tcase, nothing_was_traded_before_the_beginning);
    tcase_add_test(tcase, minutes_without_trades_stand_still);
    tcase_add_test(tcase, a_day_later_the_old_volume_is_gone);
    tcase_add_test(tcase, a_leaping_clock_is_survived);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
