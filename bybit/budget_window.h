/* bybit/budget_window.h - one rolling window, by the ms and the lane; only for budget.c.
 *
 * An entry at `place` counts from when it is added until `span` after its place. Places lie up to
 * WINDOW_AHEAD_MS ahead of now. What has aged out is remembered for WINDOW_PAST_MS more, to compare
 * with what an answer says about the time when its request arrived.
 *
 * Threads: under the budget's lock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "bybit/budget.h"

#define WINDOW_AHEAD_MS 1000
#define WINDOW_PAST_MS  500
#define WINDOW_OTHERS   BUDGET_LANES /* a lane for other programs with the same account */
#define WINDOW_LANES    (BUDGET_LANES + 1)

struct window_slot;

struct window {
    struct window_slot *slots; /* NULL: not in use yet */
    size_t slots_count;        /* a power of 2 */
    int64_t span_ms;
    int64_t now_ms;
    int64_t used[WINDOW_LANES];
    int64_t total;
    int64_t limit;
    /* What is kept free for a lane that has not used it; [1]: while BUDGET_OWN needs more. */
    int64_t shares[2][BUDGET_LANES];
    int64_t blocked_until_ms[BUDGET_LANES]; /* one of this lane waits: those below it do, too */
};

struct window_shares {
    int percent[2][BUDGET_LANES];
};

MUST_CHECK enum err window_open(struct window *window, int64_t span_ms, int64_t now_ms);
void window_close(struct window *window);
/* Also of a window that is not open. Shares are rounded up, the higher lane's first, and leave at
 * least one place to all. */
void window_set_limit(struct window *window, int64_t limit, const struct window_shares *shares);
/* A time before the last one changes nothing. */
void window_move(struct window *window, int64_t now_ms);
void window_add(struct window *window, int64_t place_ms, int lane, int64_t units);
/* False: the entry had aged out. */
bool window_remove(struct window *window, int64_t place_ms, int lane, int64_t units);
bool window_has(const struct window *window, int64_t place_ms);

/* How many units the lane may use now; below 0: more than that are used. */
int64_t window_left(const struct window *window, enum budget_lane lane, bool own_needed);
/* How many it may use of an empty window. */
int64_t window_room(const struct window *window, enum budget_lane lane, bool own_needed);
/* ms until `units` fit, if nothing more is added; BUDGET_NEVER_MS: more than its room. Entries that
 * lie ahead are taken to be at most `ahead_ms` ahead. */
int64_t window_wait(const struct window *window, enum budget_lane lane, int64_t units,
                    bool own_needed, int64_t ahead_ms);
/* ms until those above that wait have had their turn; 0: none waits, or its share is kept from
 * them. */
int64_t window_blocked(const struct window *window, enum budget_lane lane, int64_t units,
                       bool own_needed);
/* Units whose place is later than `since_ms`, aged out or not. */
int64_t window_since(const struct window *window, int64_t since_ms);
/* ms until it is empty, if nothing more is added. */
int64_t window_reset_ms(const struct window *window);
