/* sim/flood.h - a book that changes at random and does not end: what /sim/flood publishes.
 *
 * It is a row of prices, one tick apart, bids below its middle and asks above. Each step inserts,
 * changes and deletes some levels; now and then the middle moves by a tick. There are more levels
 * than `depth`, so that some leave what is shown without being deleted, and come back. One seed
 * gives one sequence of books.
 *
 * Threads: pure.
 */
#pragma once

#include <stdbool.h>

#include "sim/levels.h"

struct flood_book;

/* `mid_ticks` more than 3 * depth, `depth` from 8 to LEVELS_MAX. NULL: out of memory. */
struct flood_book *flood_book_create(int depth, int64_t mid_ticks, int64_t typical_lots,
                                     uint64_t seed);
void flood_book_destroy(struct flood_book *book);

void flood_book_step(struct flood_book *book);
/* The best `depth` levels. */
void flood_book_side(const struct flood_book *book, enum side side, struct feed_side *out);
/* A bid that is always shown and, until it is released, neither changed nor deleted; one is put
 * there when there is none. */
struct feed_level flood_book_hold(struct flood_book *book);
void flood_book_release(struct flood_book *book);
/* Takes out of a delta, of which the book is the new state, what only left the shown part. */
void flood_book_leave(const struct flood_book *book, enum side side, struct level_changes *changes);
