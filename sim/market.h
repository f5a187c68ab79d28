/* sim/market.h - everyone else: a price that moves, makers that quote it, takers that print trades.
 *
 * Each coin follows a triangle wave of +-0.2 % with a period of two minutes plus bounded noise of
 * +-0.02 %, so that within any half minute the price is at least 0.05 % away from where it was, up
 * and down in turn. The wave runs on the market's own time: while paused it stands, and books stay
 * as they are.
 *
 * Threads: pure, on an exchange owned by one.
 */
#pragma once

#include "sim/exchange.h"

#define MARKET_STEP_MS         50
#define MARKET_LEVELS          200 /* that makers keep on each side */
#define MARKET_HISTORY_MINUTES 1440

/* Fills books, tapes and mids; kept in exchange->market. ERR_NO_MEMORY. */
MUST_CHECK enum err market_init(struct exchange *exchange, uint64_t seed);
void market_deinit(struct exchange *exchange);

/* One step of MARKET_STEP_MS. */
void market_step(struct exchange *exchange);
void market_pause(struct exchange *exchange, bool paused);
/* Moves the mid of both categories there and trades through what rests between. ERR_NOT_FOUND,
 * ERR_INVALID. */
MUST_CHECK enum err market_jump(struct exchange *exchange, const char *symbol,
                                struct decimal price);

/* The 24 h figures that no one trades: ticks and lots. */
int64_t market_index_ticks(const struct exchange *exchange, int instrument);
int64_t market_open_interest_lots(const struct exchange *exchange, int instrument);
