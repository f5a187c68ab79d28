/* sim/exits.h - take profit, stop loss and trailing stop: the orders that they make, and how those
 * hang on a position.
 *
 * Of the whole position there is one of each; they follow its size. Partial ones have their own
 * size, and two that were set together cancel each other. All go when the position goes. Those
 * attached to an order are made as it fills, or, on spot, when it has filled; they carry its
 * link as parentOrderLinkId (not on spot).
 *
 * Threads: pure, on an exchange owned by one.
 */
#pragma once

#include "sim/fill.h"

#define EXITS_PARTIAL_MAX 20 /* of a position */

/* What a trading-stop names; a price or distance of 0 takes it away. */
struct exits_change {
    bool partial; /* tpslMode: adds a pair of `lots` */
    bool has_take_profit;
    bool has_stop_loss;
    bool has_trailing;
    struct exit_leg take_profit;
    struct exit_leg stop_loss;
    int64_t distance;
    int64_t active_ticks; /* 0: at once */
    int64_t lots;         /* partial */
};

/* The order that waits for the position, or NULL: none. */
struct sim_order *exits_find(const struct exchange *exchange, const struct position *position,
                             enum stop_kind kind);
/* 34040: nothing changes. 110061: too many. */
MUST_CHECK struct refusal exits_set(struct exchange *exchange, struct position *position,
                                    const struct exits_change *change);
/* After a fill of the order: what hangs on its position follows, what is attached to it is made. */
void exits_after_fill(struct exchange *exchange, struct sim_order *order);
bool exits_any(const struct exits *exits);
