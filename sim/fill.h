/* sim/fill.h - trades: what is taken from the book, what that does to the account, how an order
 * ends.
 *
 * Threads: pure, on an exchange owned by one.
 */
#pragma once

#include "sim/exchange.h"

bool order_is_open(const struct sim_order *order);
/* Tells of the order as it stands. */
void order_tell(struct exchange *exchange, const struct sim_order *order);
/* Takes it from the book and gives back what it held; it is not told yet. */
void order_close(struct exchange *exchange, struct sim_order *order, enum exchange_status status,
                 const char *cancel_type, const char *reason);
/* Its position is told of at the end of the step. */
void order_owe_position(struct exchange *exchange, const struct sim_order *order);

/* The order takes what its limit reaches. False: it met an order of its own account and must end.
 */
bool fill_take(struct exchange *exchange, struct sim_order *order);
/* Of an order in quote coin: somebody offers within its limit, and what is left pays for none. */
bool fill_is_dust(const struct exchange *exchange, const struct sim_order *order);
/* Somebody else takes up to `lots` from the book. Returns the lots taken. */
int64_t fill_for_others(struct exchange *exchange, const struct instrument *instrument,
                        enum side side, int64_t limit_ticks, int64_t lots);
/* A public trade between others, which the book does not feel. */
void fill_print(struct exchange *exchange, const struct instrument *instrument, enum side side,
                int64_t ticks, int64_t lots);
/* Tells of the positions and the wallet that have changed, once. */
void match_tell_account(struct exchange *exchange);
