/* sim/past.h - the minutes before the exchange started, made from the seed whenever they are asked
 * for.
 *
 * A coin's way back from its first price is a sum of seven waves of hashed steps, from two minutes
 * to ten weeks long. Every minute opens where the one before closed, the last one closes at the
 * first live price, and the same minute always looks the same.
 *
 * Threads: pure.
 */
#pragma once

#include "sim/tape.h"

#define PAST_DAYS 400

struct past {
    uint64_t seed;
    int64_t end_ms;                      /* the first live minute */
    int64_t end_ticks[INSTRUMENT_COUNT]; /* the price then */
};

/* The first minute there is. */
int64_t past_begin_ms(const struct past *past);
/* Merges the minutes from `from_ms` (included) to `to_ms` (not), oldest first, into a candle; both
 * are whole minutes within the past. */
void past_merge(const struct past *past, const struct instrument *instrument, int64_t from_ms,
                int64_t to_ms, struct candle *into);
/* A number that belongs to this seed and these two: the same whenever it is asked for. */
uint64_t past_hash(const struct past *past, uint64_t a, int64_t b);
