/* base/clock.h - time as int64_t.
 *
 * Durations and deadlines use the monotonic clock (CLOCK_BOOTTIME: it goes on through a suspend);
 * the wall clock is only shown and compared with times that other machines made.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

int64_t clock_wall_ms(void);
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
/* What the wall clock is ahead of the monotonic one, rounded down: this plus clock_mono_ms is never
 * later than clock_wall_ms, as long as nobody sets that. */
int64_t clock_wall_base_ms(void);

#define CLOCK_TEXT_MAX 32
/* RFC 3339 UTC with milliseconds, "2026-01-02T03:04:05.678Z"; "" for negative times. Returns `out`.
 */
const char *clock_format(int64_t wall_ms, char out[CLOCK_TEXT_MAX]);
