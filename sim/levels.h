/* sim/levels.h - a side of a book as a stream shows it, and how one picture becomes the next.
 *
 * Threads: pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/trade.h"

#define LEVELS_MAX 1000 /* a side */

struct feed_level {
    int64_t ticks;
    int64_t lots; /* in a delta 0: it is gone */
};

struct feed_side {
    struct feed_level levels[LEVELS_MAX]; /* best first */
    size_t count;
};

struct level_changes {
    struct feed_level levels[2 * LEVELS_MAX + 1]; /* all of both, and one that is wrong */
    size_t count;
};

/* What turns `old` into `new`, best first. */
void levels_delta(enum side side, const struct feed_side *old, const struct feed_side *new,
                  struct level_changes *out);
