#include "sim/tape.h"

#include <stdlib.h>
#include <string.h>

#define MINUTE_MS INT64_C(60000)

void candle_merge(struct candle *into, const struct candle *later)
{
    if (into->start_ms < 0) {
        *into = *later;
        return;
    }
    into->high = later->high > into->high ? later->high : into->high;
    into->low = later->low < into->low ? later->low : into->low;
    into->close = later->close;
    into->lots += later->lots;
    into->units += later->units;
    into->at_ms = later->at_ms;
}

static struct candle *newest(struct tape *tape)
{
    return &tape->candles[(tape->candles_count - 1) % TAPE_CANDLES];
}

static uint64_t kept(const struct tape *tape)
{
    return tape->candles_count < TAPE_CANDLES ? tape->candles_count : TAPE_CANDLES;
}

static const struct candle *candle_back(const struct tape *tape, uint64_t back)
{
    uint64_t count = kept(tape);

    return &tape->candles[(tape->candles_count - 1 - (back < count ? back : count - 1)) %
                          TAPE_CANDLES];
}

int64_t tape_newest_ms(const struct tape *tape)
{
    return candle_back(tape, 0)->start_ms;
}

int64_t tape_oldest_ms(const struct tape *tape)
{
    return candle_back(tape, UINT64_MAX)->start_ms;
}

/* The figures of the last 24 hours, anew for each minute. */
static void count_day(struct tape *tape)
{
    struct candle day = { .start_ms = -1 };
    uint64_t count = kept(tape) < TAPE_DAY ? kept(tape) : TAPE_DAY;

    for (uint64_t back = count; back-- > 0;)
        candle_merge(&day, candle_back(tape, back));
    tape->high_ticks = day.high;
    tape->low_ticks = day.low;
    tape->volume_lots = day.lots;
    tape->turnover_units = day.units;
    tape->prev_24h_ticks = day.open;
    tape->prev_1h_ticks = candle_back(tape, 59)->open;
}

enum err tape_init(struct tape *tape, const struct instrument *instrument,
                   const struct candle *past, size_t count)
{
    memset(tape, 0, sizeof(*tape));
    tape->instrument = instrument;
    tape->candles = calloc(TAPE_CANDLES, sizeof(*tape->candles));
    if (!tape->candles)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        tape->candles[tape->candles_count++ % TAPE_CANDLES] = past[i];
    tape->last_ticks = past[count - 1].close;
    count_day(tape);
    return ERR_NONE;
}

void tape_deinit(struct tape *tape)
{
    free(tape->candles);
    tape->candles = NULL;
}

void tape_advance(struct tape *tape, int64_t now_ms)
{
    int64_t last_ms = now_ms - now_ms % MINUTE_MS;
    int64_t next_ms = tape_newest_ms(tape) + MINUTE_MS;
    int64_t ticks = tape->last_ticks;

    if (next_ms > last_ms)
        return;
    if (last_ms - next_ms > (int64_t)TAPE_CANDLES * MINUTE_MS)
        next_ms = last_ms - (int64_t)TAPE_CANDLES * MINUTE_MS;
    for (; next_ms <= last_ms; next_ms += MINUTE_MS)
        tape->candles[tape->candles_count++ % TAPE_CANDLES] = (struct candle){
            .start_ms = next_ms,
            .open = ticks,
            .high = ticks,
            .low = ticks,
            .close = ticks,
            .at_ms = next_ms,
        };
    count_day(tape);
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

static void add_to_candle(struct candle *candle, const struct public_trade *trade,
                          decimal_int units)
{
    candle->high = trade->ticks > candle->high ? trade->ticks : candle->high;
    candle->low = trade->ticks < candle->low ? trade->ticks : candle->low;
    candle->close = trade->ticks;
    candle->lots += trade->lots;
    candle->units += units;
    candle->at_ms = trade->at_ms > candle->at_ms ? trade->at_ms : candle->at_ms;
}

const struct public_trade *tape_add(struct tape *tape, const struct public_trade *trade)
{
    struct public_trade *added = &tape->trades[++tape->trades_count % TAPE_TRADES];
    decimal_int units = instrument_units(tape->instrument, trade->ticks, trade->lots);

    tape_advance(tape, trade->at_ms);
    *added = *trade;
    added->number = tape->trades_count;
    added->direction = direction_of(tape, trade->ticks);
    tape->last_direction = added->direction;
    tape->last_ticks = trade->ticks;
    tape->high_ticks = trade->ticks > tape->high_ticks ? trade->ticks : tape->high_ticks;
    tape->low_ticks = trade->ticks < tape->low_ticks ? trade->ticks : tape->low_ticks;
    tape->volume_lots += trade->lots;
    tape->turnover_units += units;
    add_to_candle(newest(tape), trade, units);
    return added;
}

const struct public_trade *tape_trade(const struct tape *tape, uint64_t back)
{
    if (back >= TAPE_TRADES || back >= tape->trades_count)
        return NULL;
    return &tape->trades[(tape->trades_count - back) % TAPE_TRADES];
}

const struct candle *tape_minute(const struct tape *tape, int64_t start_ms)
{
    int64_t back_ms = tape_newest_ms(tape) - start_ms;

    if (back_ms < 0 || start_ms < tape_oldest_ms(tape) || back_ms % MINUTE_MS != 0)
        return NULL;
    return candle_back(tape, (uint64_t)(back_ms / MINUTE_MS));
}
