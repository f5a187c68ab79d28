#include "sim/instruments.h"

#include <inttypes.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define FEES_LINEAR .taker_fee = { 55, 5 }, .maker_fee = { 2, 4 }
#define FEES_SPOT   .taker_fee = { 1, 3 }, .maker_fee = { 1, 3 }

#define LEVELS        200
#define OPTION_LEVELS 120

#define HOUR_MS       INT64_C(3600000)
#define DAY_MS        INT64_C(86400000)
#define DAY_SECONDS   INT64_C(86400)
#define WEEK_DAYS     7
#define FRIDAY        5
#define DELIVERY_HOUR 8
#define AHEAD_DAYS    60

/* Inverse values: kept to 12 decimals, shown with 8. */
#define INVERSE_SCALE      12
#define INVERSE_CUT        10000
#define INVERSE_CUT_DIGITS 4

static const struct instrument instruments[INSTRUMENT_FIRST_OPTION] = {
    { .index = 0,
      .symbol_id = 5,
      .category = CATEGORY_LINEAR,
      .symbol = "BTCUSDT",
      .base = "BTC",
      .quote = "USDT",
      .settle = "USDT",
      .tick = { 10, 2 },
      .step = { 1, 3 },
      .min_qty = { 1, 3 },
      .max_limit_qty = { 1190000, 3 },
      .max_post_only_qty = { 1190000, 3 },
      .max_market_qty = { 500000, 3 },
      .min_notional = { 5, 0 },
      .max_price = { 199999980, 2 },
      .max_leverage = { 10000, 2 },
      .near = { 93000, 0 },
      FEES_LINEAR,
      .levels = LEVELS,
      .grid_ticks = 5,
      .typical_lots = 400 },
    { .index = 1,
      .symbol_id = 6,
      .category = CATEGORY_LINEAR,
      .symbol = "ETHUSDT",
      .base = "ETH",
      .quote = "USDT",
      .settle = "USDT",
      .tick = { 1, 2 },
      .step = { 1, 2 },
      .min_qty = { 1, 2 },
      .max_limit_qty = { 724000, 2 },
      .max_post_only_qty = { 724000, 2 },
      .max_market_qty = { 145000, 2 },
      .min_notional = { 5, 0 },
      .max_price = { 19999998, 2 },
      .max_leverage = { 10000, 2 },
      .near = { 3200, 0 },
      FEES_LINEAR,
      .levels = LEVELS,
      .grid_ticks = 2,
      .typical_lots = 900 },
    { .index = 2,
      .symbol_id = 7,
      .category = CATEGORY_LINEAR,
      .symbol = "SOLUSDT",
      .base = "SOL",
      .quote = "USDT",
      .settle = "USDT",
      .tick = { 10, 3 },
      .step = { 1, 1 },
      .min_qty = { 1, 1 },
      .max_limit_qty = { 797700, 1 },
      .max_post_only_qty = { 797700, 1 },
      .max_market_qty = { 150000, 1 },
      .min_notional = { 5, 0 },
      .max_price = { 1999980, 3 },
      .max_leverage = { 10000, 2 },
      .near = { 180, 0 },
      FEES_LINEAR,
      .levels = LEVELS,
      .grid_ticks = 1,
      .typical_lots = 1200 },
    { .index = 3,
      .symbol_id = 9,
      .category = CATEGORY_SPOT,
      .symbol = "BTCUSDT",
      .base = "BTC",
      .quote = "USDT",
      .settle = "",
      .tick = { 1, 1 },
      .step = { 1, 6 },
      .min_qty = { 11, 6 },
      .max_limit_qty = { 83, 0 },
      .max_post_only_qty = { 830, 0 },
      .max_market_qty = { 415, 1 },
      .min_notional = { 5, 0 },
      .max_price = { 19999998, 1 },
      .max_leverage = { 0, -1 },
      .near = { 92980, 0 },
      FEES_SPOT,
      .levels = LEVELS,
      .grid_ticks = 5,
      .typical_lots = 120000 },
    { .index = 4,
      .symbol_id = 10,
      .category = CATEGORY_SPOT,
      .symbol = "ETHUSDT",
      .base = "ETH",
      .quote = "USDT",
      .settle = "",
      .tick = { 1, 2 },
      .step = { 1, 5 },
      .min_qty = { 21, 5 },
      .max_limit_qty = { 2230, 0 },
      .max_post_only_qty = { 22300, 0 },
      .max_market_qty = { 1100, 0 },
      .min_notional = { 5, 0 },
      .max_price = { 19999998, 2 },
      .max_leverage = { 0, -1 },
      .near = { 3199, 0 },
      FEES_SPOT,
      .levels = LEVELS,
      .grid_ticks = 2,
      .typical_lots = 300000 },
    { .index = 5,
      .symbol_id = 11,
      .category = CATEGORY_SPOT,
      .symbol = "SOLUSDT",
      .base = "SOL",
      .quote = "USDT",
      .settle = "",
      .tick = { 1, 2 },
      .step = { 1, 3 },
      .min_qty = { 4, 3 },
      .max_limit_qty = { 24000, 0 },
      .max_post_only_qty = { 240000, 0 },
      .max_market_qty = { 12000, 0 },
      .min_notional = { 5, 0 },
      .max_price = { 1999980, 3 },
      .max_leverage = { 0, -1 },
      .near = { 1799, 1 },
      FEES_SPOT,
      .levels = LEVELS,
      .grid_ticks = 1,
      .typical_lots = 40000 },
    { .index = 6,
      .symbol_id = 1,
      .category = CATEGORY_INVERSE,
      .symbol = "BTCUSD",
      .base = "BTC",
      .quote = "USD",
      .settle = "BTC",
      .tick = { 10, 2 },
      .step = { 1, 0 },
      .min_qty = { 1, 0 },
      .max_limit_qty = { 25000000, 0 },
      .max_post_only_qty = { 25000000, 0 },
      .max_market_qty = { 10000000, 0 },
      .min_notional = { 0, -1 },
      .max_price = { 199999980, 2 },
      .max_leverage = { 10000, 2 },
      .near = { 93010, 0 },
      FEES_LINEAR,
      .levels = LEVELS,
      .grid_ticks = 5,
      .typical_lots = 40000 },
};

/* --- options --- */

#define STRIKES 3 /* of a coin; a call and a put for each */

static const struct option_coin {
    const char *base;
    int underlying;
    int64_t strikes[STRIKES];
    struct decimal tick;
    struct decimal step;
    struct decimal max_qty;
    struct decimal max_price;
    struct decimal near;
    int64_t typical_lots;
} option_coins[] = {
    { .base = "BTC",
      .underlying = 0,
      .strikes = { 90000, 95000, 100000 },
      .tick = { 5, 0 },
      .step = { 1, 2 },
      .max_qty = { 500, 0 },
      .max_price = { 1110000, 0 },
      .near = { 5000, 0 },
      .typical_lots = 300 },
    { .base = "ETH",
      .underlying = 1,
      .strikes = { 3000, 3200, 3400 },
      .tick = { 1, 1 },
      .step = { 1, 1 },
      .max_qty = { 5000, 0 },
      .max_price = { 111000, 0 },
      .near = { 200, 0 },
      .typical_lots = 300 },
};

#define OPTIONS ((size_t)2 * STRIKES * ARRAY_LEN(option_coins))

_Static_assert(INSTRUMENT_COUNT == INSTRUMENT_FIRST_OPTION + OPTIONS, "all have their place");

static struct instrument options[OPTIONS];
static char option_symbols[OPTIONS][SYMBOL_MAX];
static char option_displays[OPTIONS][SYMBOL_MAX];

/* The last Friday of a month, from a time on, at eight in the morning. */
static int64_t delivery_after(int64_t at_ms)
{
    int64_t days = at_ms / DAY_MS + 1;
    time_t then;
    struct tm now;
    struct tm week_later;

    for (;; days++) {
        then = (time_t)(days * DAY_SECONDS);
        (void)gmtime_r(&then, &now);
        then += WEEK_DAYS * DAY_SECONDS;
        (void)gmtime_r(&then, &week_later);
        if (now.tm_wday == FRIDAY && now.tm_mon != week_later.tm_mon)
            return days * DAY_MS + DELIVERY_HOUR * HOUR_MS;
    }
}

static void name_option(size_t at, const char *base, int64_t delivery_ms, int64_t strike,
                        bool is_call)
{
    static const char months[][4] = { "JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                      "JUL", "AUG", "SEP", "OCT", "NOV", "DEC" };
    time_t seconds = (time_t)(delivery_ms / 1000);
    struct tm day;
    char date[16];

    (void)gmtime_r(&seconds, &day);
    (void)snprintf(date, sizeof(date), "%d%s%02d", day.tm_mday, months[day.tm_mon],
                   day.tm_year % 100);
    (void)snprintf(option_symbols[at], SYMBOL_MAX, "%s-%s-%" PRId64 "-%c-USDT", base, date, strike,
                   is_call ? 'C' : 'P');
    (void)snprintf(option_displays[at], SYMBOL_MAX, "%sUSDT-%s-%" PRId64 "-%c", base, date, strike,
                   is_call ? 'C' : 'P');
}

static void make_option(size_t at, int64_t delivery_ms)
{
    const struct option_coin *coin = &option_coins[at / ((size_t)2 * STRIKES)];
    int64_t strike = coin->strikes[at / 2 % STRIKES];
    bool is_call = at % 2 == 0;

    name_option(at, coin->base, delivery_ms, strike, is_call);
    options[at] = (struct instrument){
        .index = INSTRUMENT_FIRST_OPTION + (int)at,
        .symbol_id = 2000 + (int)at,
        .category = CATEGORY_OPTION,
        .symbol = option_symbols[at],
        .base = coin->base,
        .quote = "USDT",
        .settle = "USDT",
        .tick = coin->tick,
        .step = coin->step,
        .min_qty = coin->step,
        .max_limit_qty = coin->max_qty,
        .max_post_only_qty = coin->max_qty,
        .max_market_qty = coin->max_qty,
        .min_notional = { 0, -1 },
        .max_price = coin->max_price,
        .max_leverage = { 0, -1 },
        .near = coin->near,
        .taker_fee = { 3, 4 },
        .maker_fee = { 2, 4 },
        .levels = OPTION_LEVELS,
        .grid_ticks = 1,
        .typical_lots = coin->typical_lots,
        .underlying = coin->underlying,
        .is_call = is_call,
        .strike = strike,
        .delivery_ms = delivery_ms,
        .display = option_displays[at],
    };
}

static void make_options(void)
{
    int64_t delivery_ms = delivery_after(clock_wall_ms() + AHEAD_DAYS * DAY_MS);

    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        make_option(i, delivery_ms);
}

int instrument_first_option(const char *base)
{
    for (size_t i = 0; i < ARRAY_LEN(option_coins); i++) {
        if (strcmp(option_coins[i].base, base) == 0)
            return INSTRUMENT_FIRST_OPTION + (int)i * 2 * STRIKES;
    }
    return -1;
}

const struct instrument *instrument_at(int index)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (index < INSTRUMENT_FIRST_OPTION)
        return &instruments[index];
    (void)pthread_once(&once, make_options);
    return &options[index - INSTRUMENT_FIRST_OPTION];
}

const struct instrument *instrument_find(enum category category, const char *symbol)
{
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        const struct instrument *instrument = instrument_at(i);

        if (instrument->category == category && strcmp(instrument->symbol, symbol) == 0)
            return instrument;
    }
    return NULL;
}

bool instrument_is_contract(const struct instrument *instrument)
{
    return instrument->category == CATEGORY_LINEAR || instrument->category == CATEGORY_INVERSE;
}

bool instrument_has_position(const struct instrument *instrument)
{
    return instrument->category != CATEGORY_SPOT;
}

struct decimal instrument_price(const struct instrument *instrument, int64_t ticks)
{
    return (struct decimal){ instrument->tick.mantissa * ticks, instrument->tick.scale };
}

struct decimal instrument_qty(const struct instrument *instrument, int64_t lots)
{
    return (struct decimal){ instrument->step.mantissa * lots, instrument->step.scale };
}

decimal_int instrument_units(const struct instrument *instrument, int64_t ticks, int64_t lots)
{
    decimal_int qty = instrument->step.mantissa * lots;

    if (instrument->category != CATEGORY_INVERSE)
        return (decimal_int)ticks * lots;
    if (ticks <= 0)
        return 0; /* a market order that waits for its trigger has no price */
    for (int32_t i = 0; i < INVERSE_SCALE + instrument->tick.scale - instrument->step.scale; i++)
        qty *= 10;
    return qty / (instrument->tick.mantissa * ticks);
}

struct decimal instrument_value(const struct instrument *instrument, decimal_int units)
{
    struct decimal value = {
        instrument->tick.mantissa * instrument->step.mantissa * units,
        instrument->tick.scale + instrument->step.scale,
    };

    if (instrument->category == CATEGORY_INVERSE)
        value = (struct decimal){ units / INVERSE_CUT, INVERSE_SCALE - INVERSE_CUT_DIGITS };
    return decimal_trim(value);
}

struct decimal instrument_worth(const struct instrument *instrument, int64_t ticks, int64_t lots)
{
    return instrument_value(instrument, instrument_units(instrument, ticks, lots));
}

struct decimal instrument_average(const struct instrument *instrument, struct decimal cost,
                                  int64_t lots)
{
    struct decimal qty = instrument_qty(instrument, lots);
    struct decimal average = DECIMAL_ZERO;

    if (lots == 0 || decimal_sign(&cost) == 0)
        return average;
    if (instrument->category == CATEGORY_INVERSE ? decimal_div(&average, &qty, &cost, 8)
                                                 : decimal_div(&average, &cost, &qty, 10))
        return DECIMAL_ZERO;
    return decimal_trim(average);
}

static enum err count_steps(struct decimal value, struct decimal step, int64_t *count)
{
    struct decimal steps;
    enum err err;

    if (decimal_is_none(&value) || !decimal_is_multiple(&value, &step))
        return ERR_INVALID;
    err = decimal_div(&steps, &value, &step, 0);
    if (err)
        return err;
    if (steps.mantissa > INT64_MAX / 1000000 || steps.mantissa < -(INT64_MAX / 1000000))
        return ERR_INVALID;
    *count = (int64_t)steps.mantissa;
    return ERR_NONE;
}

enum err instrument_ticks(const struct instrument *instrument, struct decimal price, int64_t *ticks)
{
    return count_steps(price, instrument->tick, ticks);
}

enum err instrument_lots(const struct instrument *instrument, struct decimal qty, int64_t *lots)
{
    return count_steps(qty, instrument->step, lots);
}
