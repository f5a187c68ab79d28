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
#include "sim/past.h"

#define MARKET_STEP_MS    50
#define MARKET_FUNDING_MS INT64_C(28800000)

/* Fills books, tapes and mids; kept in exchange->market. ERR_NO_MEMORY. */
MUST_CHECK enum err market_init(struct exchange *exchange, uint64_t seed);
void market_deinit(struct exchange *exchange);

/* One step of MARKET_STEP_MS. */
void market_step(struct exchange *exchange);
void market_pause(struct exchange *exchange, bool paused);
/* Moves the mid of all categories of the symbol's base coin there and trades through what rests
 * between. ERR_NOT_FOUND, ERR_INVALID. */
MUST_CHECK enum err market_jump(struct exchange *exchange, const char *symbol,
                                struct decimal price);

/* The index price that belongs to a mid. */
int64_t market_index_of(int64_t ticks);
/* The minutes before the start. */
const struct past *market_past(const struct exchange *exchange);
/* Both sides counted, so it is even. */
int64_t market_open_interest_lots(const struct exchange *exchange, int instrument);
int64_t market_open_interest_then(const struct exchange *exchange, int instrument, int64_t at_ms);
/* When funding is settled next. */
int64_t market_next_funding_ms(int64_t now_ms);
/* Of the settlement at that time. */
struct decimal market_funding_rate(const struct exchange *exchange, int instrument, int64_t at_ms);
