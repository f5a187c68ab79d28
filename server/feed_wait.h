/* server/feed_wait.h - who waits for the next journaled event (GET /events?wait=).
 *
 * Threads: the http thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct feed_waits;

#define FEED_WAITS_MAX 1024

struct feed_waits *feed_waits_create(void); /* NULL: out of memory */
/* Nobody waits any more (feed_waits_end). NULL is fine. */
void feed_waits_destroy(struct feed_waits *waits);

/* `on_ready` is called once: by feed_waits_run or feed_waits_end. ERR_BUSY: FEED_WAITS_MAX wait,
 * or it has ended. */
MUST_CHECK enum err feed_waits_add(struct feed_waits *waits, uint64_t after, int64_t until_ms,
                                   void (*on_ready)(void *waiter), void *waiter);
/* Calls who waits for less than `last_seq`, or whose time is over; returns when it is due again
 * (monotonic ms; INT64_MAX: never). */
int64_t feed_waits_run(struct feed_waits *waits, uint64_t last_seq, int64_t now_ms);
/* Calls all; from now on nobody may wait. */
void feed_waits_end(struct feed_waits *waits);
