/* Amounts are in cents. With d the distance between price and strike and a the greatest time value,
 * the time value is 2a^2 / (2a + d). */
#include "sim/options.h"

#include "sim/money.h"

#define TIME_PERCENT 8
#define MILLION      1000000
#define VOLATILITY   50 /* in percent, as OPTION_IV */
#define DAY_MS       INT64_C(86400000)

const struct decimal option_delivery_fee = { 15, 5 };

struct worth {
    decimal_int price;
    decimal_int strike;
    decimal_int most;     /* a */
    decimal_int distance; /* d */
    decimal_int time;
};

static struct worth worth_of(const struct exchange *exchange, const struct instrument *option)
{
    const struct instrument *underlying = instrument_at(option->underlying);
    struct worth worth;

    worth.price = underlying->tick.mantissa *
                  exchange->mids[option->underlying]; /* ticks have two decimals */
    worth.strike = (decimal_int)option->strike * 100;
    worth.most = worth.strike * TIME_PERCENT / 100;
    worth.distance =
        worth.price > worth.strike ? worth.price - worth.strike : worth.strike - worth.price;
    worth.time = 2 * worth.most * worth.most / (2 * worth.most + worth.distance);
    return worth;
}

static decimal_int inner_of(const struct worth *worth, bool is_call)
{
    decimal_int inner = is_call ? worth->price - worth->strike : worth->strike - worth->price;

    return inner > 0 ? inner : 0;
}

static decimal_int mark_of(const struct worth *worth, bool is_call)
{
    return worth->time + inner_of(worth, is_call);
}

/* In millionths. */
static decimal_int delta_of(const struct worth *worth, bool is_call)
{
    decimal_int wide = 2 * worth->most + worth->distance;
    decimal_int slope = 2 * worth->most * worth->most * MILLION / (wide * wide);
    decimal_int delta = worth->price > worth->strike ? MILLION - slope : slope;

    return is_call ? delta : delta - MILLION;
}

struct option_figures option_figures(const struct exchange *exchange,
                                     const struct instrument *option)
{
    struct worth worth = worth_of(exchange, option);
    decimal_int wide = 2 * worth.most + worth.distance;
    int64_t days = (option->delivery_ms - exchange->now_ms) / DAY_MS;
    struct option_figures figures = {
        .underlying = { worth.price, 2 },
        .mark = { mark_of(&worth, option->is_call), 2 },
        .delta = { delta_of(&worth, option->is_call), 6 },
        .gamma = { 4 * worth.most * worth.most * 100 * 100 * MILLION / (wide * wide * wide), 8 },
        .vega = { worth.time / VOLATILITY, 2 },
        .theta = { -worth.time / (days > 0 ? days : 1) / 2, 2 },
    };

    return figures;
}

static int64_t to_ticks(const struct instrument *option, decimal_int cents)
{
    decimal_int tick = option->tick.mantissa * 100;

    for (int32_t i = 0; i < option->tick.scale; i++)
        tick /= 10;
    return (int64_t)(cents / tick);
}

int64_t option_mid(const struct exchange *exchange, const struct instrument *option)
{
    struct worth worth = worth_of(exchange, option);

    return to_ticks(option, mark_of(&worth, option->is_call));
}

int64_t option_settlement(const struct exchange *exchange, const struct instrument *option)
{
    struct worth worth = worth_of(exchange, option);

    return to_ticks(option, inner_of(&worth, option->is_call));
}
