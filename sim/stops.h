/* sim/stops.h - orders that wait for a price: conditional ones, take profit, stop loss, trailing
 * stops.
 *
 * Untriggered, then Triggered, then like any order. Cancelled while they wait they are Deactivated.
 * Only spot's tpslOrder holds something while it waits. The last price is judged by every trade
 * since the last look, mark and index by where they stand. What the documentation leaves open: a
 * conditional order that cannot be paid when it fires is Cancelled with EC_Others.
 *
 * Threads: pure, on an exchange owned by one.
 */
#pragma once

#include "sim/fill.h"

bool stop_is_waiting(const struct sim_order *order);
/* Takes a copy in, which waits from now on, and tells of it. NULL: out of memory. */
struct sim_order *stop_add(struct exchange *exchange, const struct sim_order *order);
/* Ends one that waits. */
void stop_drop(struct exchange *exchange, struct sim_order *order, const char *cancel_type);
/* Ends the other one of two that cancel each other. */
void stop_drop_pair(struct exchange *exchange, const struct sim_order *order,
                    const char *cancel_type);
/* In ticks. */
int64_t stop_price(const struct exchange *exchange, const struct instrument *instrument,
                   enum price_kind by);
/* 1 or 2: how the price would have to move; 0: it is there. */
int stop_direction(const struct exchange *exchange, const struct instrument *instrument,
                   enum price_kind by, int64_t ticks);
/* Fires all that is reached, and what that reaches. */
void stops_run(struct exchange *exchange);
