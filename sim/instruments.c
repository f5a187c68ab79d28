#include "sim/instruments.h"

#include <stddef.h>
#include <string.h>

#define FEES_LINEAR .taker_fee = { 55, 5 }, .maker_fee = { 2, 4 }
#define FEES_SPOT   .taker_fee = { 1, 3 }, .maker_fee = { 1, 3 }

static const struct instrument instruments[INSTRUMENT_COUNT] = {
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
      .max_market_qty = { 500000, 3 },
      .min_notional = { 5, 0 },
      .max_price = { 199999980, 2 },
      .max_leverage = { 10000, 2 },
      .near = { 93000, 0 },
      FEES_LINEAR,
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
      .max_market_qty = { 145000, 2 },
      .min_notional = { 5, 0 },
      .max_price = { 19999998, 2 },
      .max_leverage = { 10000, 2 },
      .near = { 3200, 0 },
      FEES_LINEAR,
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
      .max_market_qty = { 150000, 1 },
      .min_notional = { 5, 0 },
      .max_price = { 1999980, 3 },
      .max_leverage = { 10000, 2 },
      .near = { 180, 0 },
      FEES_LINEAR,
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
      .max_market_qty = { 415, 1 },
      .min_notional = { 5, 0 },
      .max_price = { 19999998, 1 },
      .max_leverage = { 0, -1 },
      .near = { 92980, 0 },
      FEES_SPOT,
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
      .max_market_qty = { 1100, 0 },
      .min_notional = { 5, 0 },
      .max_price = { 19999998, 2 },
      .max_leverage = { 0, -1 },
      .near = { 3199, 0 },
      FEES_SPOT,
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
      .max_market_qty = { 12000, 0 },
      .min_notional = { 5, 0 },
      .max_price = { 1999980, 3 },
      .max_leverage = { 0, -1 },
      .near = { 1799, 1 },
      FEES_SPOT,
      .grid_ticks = 1,
      .typical_lots = 40000 },
};

const struct instrument *instrument_at(int index)
{
    return &instruments[index];
}

const struct instrument *instrument_find(enum category category, const char *symbol)
{
    for (size_t i = 0; i < ARRAY_LEN(instruments); i++) {
        if (instruments[i].category == category && strcmp(instruments[i].symbol, symbol) == 0)
            return &instruments[i];
    }
    return NULL;
}

struct decimal instrument_price(const struct instrument *instrument, int64_t ticks)
{
    return (struct decimal){ instrument->tick.mantissa * ticks, instrument->tick.scale };
}

struct decimal instrument_qty(const struct instrument *instrument, int64_t lots)
{
    return (struct decimal){ instrument->step.mantissa * lots, instrument->step.scale };
}

struct decimal instrument_value(const struct instrument *instrument, decimal_int ticks_lots)
{
    const struct decimal value = {
        instrument->tick.mantissa * instrument->step.mantissa * ticks_lots,
        instrument->tick.scale + instrument->step.scale,
    };

    return decimal_trim(value);
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
