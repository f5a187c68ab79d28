#include "sim/tape.h"

#include <stddef.h>
#include <string.h>

#define MINUTE_MS 60000

void tape_init(struct tape *tape, const struct candle *past, size_t count)
{
    memset(tape, 0, sizeof(*tape));
    tape->low_ticks = past[0].low;
    for (size_t i = 0; i < count; i++) {
        const struct candle *candle = &past[i];

        tape->candles[tape->candles_count++ % TAPE_CANDLES] = *candle;
        tape->volume_lots += candle->lots;
        tape->turnover += candle->turnover;
        tape->high_ticks = candle->high > tape->high_ticks ? candle->high : tape->high_ticks;
        tape->low_ticks = candle->low < tape->low_ticks ? candle->low : tape->low_ticks;
    }
    tape->last_ticks = past[count - 1].close;
    tape->prev_24h_ticks = past[0].open;
    tape->prev_1h_ticks = past[count > 60 ? count - 60 : 0].open;
}

/* PlusTick, ZeroPlusTick, MinusTick, ZeroMinusTick: 0, 1, 2, 3. */
static int direction_of(const struct tape *tape, int64_t ticks)
{
    if (ticks > tape->last_ticks)
        return 0;
    if (ticks < tape->last_ticks)
        return 2;
    return tape->last_direction | 1;
}

static struct candle *candle_for(struct tape *tape, int64_t at_ms, int64_t ticks)
{
    int64_t start_ms = at_ms - at_ms % MINUTE_MS;
    struct candle *candle = &tape->candles[(tape->candles_count + TAPE_CANDLES - 1) % TAPE_CANDLES];

    if (tape->candles_count && candle->start_ms >= start_ms)
        return candle;
    candle = &tape->candles[tape->candles_count++ % TAPE_CANDLES];
    *candle = (struct candle){ .start_ms = start_ms, .open = ticks, .high = ticks, .low = ticks };
    return candle;
}

static void add_to_candle(struct candle *candle, const struct public_trade *trade)
{
    candle->high = trade->ticks > candle->high ? trade->ticks : candle->high;
    candle->low = trade->ticks < candle->low ? trade->ticks : candle->low;
    candle->close = trade->ticks;
    candle->lots += trade->lots;
    candle->turnover += (decimal_int)trade->ticks * trade->lots;
}

const struct public_trade *tape_add(struct tape *tape, const struct public_trade *trade)
{
    struct public_trade *kept = &tape->trades[++tape->trades_count % TAPE_TRADES];

    *kept = *trade;
    kept->number = tape->trades_count;
    kept->direction = direction_of(tape, trade->ticks);
    tape->last_direction = kept->direction;
    tape->last_ticks = trade->ticks;
    tape->high_ticks = trade->ticks > tape->high_ticks ? trade->ticks : tape->high_ticks;
    tape->low_ticks = trade->ticks < tape->low_ticks ? trade->ticks : tape->low_ticks;
    tape->volume_lots += trade->lots;
    tape->turnover += (decimal_int)trade->ticks * trade->lots;
    add_to_candle(candle_for(tape, trade->at_ms, trade->ticks), trade);
    return kept;
}

const struct public_trade *tape_trade(const struct tape *tape, uint64_t back)
{
    if (back >= TAPE_TRADES || back >= tape->trades_count)
        return NULL;
    return &tape->trades[(tape->trades_count - back) % TAPE_TRADES];
}

const struct candle *tape_candle(const struct tape *tape, uint64_t back)
{
    if (back >= TAPE_CANDLES || back >= tape->candles_count)
        return NULL;
    return &tape->candles[(tape->candles_count - 1 - back) % TAPE_CANDLES];
}
