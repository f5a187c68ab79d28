/* bybit/clock_sync.h - our clock against theirs (PROTOCOL section 5, RELIABILITY section 2 "Time").
 *
 * offset = server clock - CLOCK_BOOTTIME, from the sample with the least round trip of the recent
 * ones; the uncertainty is half of that round trip, and grows with the sample's age (100 ppm).
 *
 * Threads: any; a short lock inside.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct clock_sync;

struct clock_sync *clock_sync_create(void);
void clock_sync_destroy(struct clock_sync *clock);

/* One answer of /v5/market/time (`server_ms`): sent and received at these monotonic microseconds.
 */
void clock_sync_sample(struct clock_sync *clock, int64_t sent_us, int64_t received_us,
                       int64_t server_ms);
/* Forgets all samples (after 10002, after a suspend). */
void clock_sync_reset(struct clock_sync *clock);

bool clock_sync_ready(struct clock_sync *clock);
/* The server's clock now, in ms; falls back to the wall clock before the first sample. */
int64_t clock_sync_server_ms(struct clock_sync *clock);
/* What to sign with: 50 ms in the past (late is tolerated, early is not). */
int64_t clock_sync_signing_ms(struct clock_sync *clock);
/* Half the width of what the offset can be, in ms; INT64_MAX before the first sample. */
int64_t clock_sync_uncertainty_ms(struct clock_sync *clock);
/* Age of the newest sample in ms; INT64_MAX: there is none. */
int64_t clock_sync_age_ms(struct clock_sync *clock);
/* Server clock minus wall clock, for people. */
int64_t clock_sync_offset_ms(struct clock_sync *clock);
