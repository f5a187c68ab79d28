/* sim/candles.h - candles of any interval, merged from minutes: those of the tape, and before them
 * those of the past.
 *
 * Days and everything shorter are counted from the epoch, weeks start on Monday, months on their
 * first day, all in UTC.
 *
 * Threads: pure.
 */
#pragma once

#include "sim/exchange.h"

#define CANDLE_INTERVALS 13

/* By its name, e.g. "60" or "D"; -1: there is none. */
int candle_interval(const char *name);
const char *candle_interval_name(int interval);
/* Start of the candle that holds a time, and of the one after a start. */
int64_t candle_start(int interval, int64_t at_ms);
int64_t candle_next(int interval, int64_t start_ms);
/* Merges the minutes from `from_ms` to `to_ms` (not included) that there are. False: none. */
bool candle_between(const struct exchange *exchange, int instrument, int64_t from_ms, int64_t to_ms,
                    struct candle *out);
