/* db/timeline.h - the events of one order, found among all events.
 *
 * Events have no index by order: the ones that can be an order's are read, from the time it was
 * made to its last change, in pieces.
 *
 * Threads: on a history worker.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/trade.h"
#include "db/history.h"

/* Between which event numbers those of the order lie: above `*after`, up to `*last`; `*last` 0: it
 * has none. */
MUST_CHECK enum err timeline_range(struct history_reader *reader, const struct order *order,
                                   uint64_t *after, uint64_t *last);
/* Gives the events that name the order, oldest first, of at most `max` numbers above `*after`,
 * which it moves. They may be of another one all the same (its id in a text): the caller looks.
 * Ends early, with `*after` at the event, when `on_row` returns false. */
MUST_CHECK enum err
timeline_events(struct history_reader *reader, const struct order *order, uint64_t *after,
                uint64_t last, int max,
                bool (*on_row)(const struct stored_event *event, void *userdata), void *userdata);
/* One event by its number. ERR_NOT_FOUND. */
MUST_CHECK enum err timeline_event(struct history_reader *reader, uint64_t seq,
                                   bool (*on_row)(const struct stored_event *event, void *userdata),
                                   void *userdata);

/* The statements behind these, for the tests of their plans; ends with NULL. */
extern const char *const timeline_sqls[];
