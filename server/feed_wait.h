/* server/feed_wait.h - who waits for the next journaled event (GET /events?wait=).
 *
 * Threads: the http thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct feed_waits;

/* Half of the requests that may wait for their answers at once: those who listen can't take the
 * places of orders. */
#define FEED_WAITS_MAX 512

struct feed_waits *feed_waits_create(void); /* NULL: out of memory */
/* Nobody waits any more (feed_waits_end). NULL is fine. */
void feed_waits_destroy(struct feed_waits *waits);

/* `on_ready` is called once: by feed_waits_run or feed_waits_end. `gone` (which lives until then):
 * whether it waits in vain. ERR_BUSY: FEED_WAITS_MAX wait, or it has ended. */
MUST_CHECK enum err feed_waits_add(struct feed_waits *waits, uint64_t after, int64_t until_ms,
                                   const atomic_bool *gone, void (*on_ready)(void *waiter),
                                   void *waiter);
bool feed_waits_any(const struct feed_waits *waits);
/* One of them may be gone: the next feed_waits_run calls it. */
void feed_waits_look(struct feed_waits *waits);
/* Calls who waits for less than `last_seq`, whose time is over or who is gone; returns when it is
 * due again (monotonic ms; INT64_MAX: never). Costs nothing before that, unless `last_seq` is a new
 * one. */
int64_t feed_waits_run(struct feed_waits *waits, uint64_t last_seq, int64_t now_ms);
/* Calls all; from now on nobody may wait. */
void feed_waits_end(struct feed_waits *waits);
