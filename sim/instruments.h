/* sim/instruments.h - what can be traded here, with filters near the exchange's (PROTOCOL section
 * 13).
 *
 * Inside the simulation prices are whole ticks and sizes whole lots (qty steps), both int64_t, so
 * that the book is exact and quick; the functions below turn them into decimals and back.
 *
 * Threads: pure. Errors: ERR_INVALID when a value is no multiple of the step or does not fit.
 */
#pragma once

#include <stdint.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/trade.h"

#define INSTRUMENT_COUNT 6

struct instrument {
    int index;     /* place in the table */
    int symbol_id; /* the exchange's number */
    enum category category;
    const char *symbol;
    const char *base;
    const char *quote;
    const char *settle; /* "" for spot */
    struct decimal tick;
    struct decimal step; /* spot: basePrecision */
    struct decimal min_qty;
    struct decimal max_limit_qty;
    struct decimal max_market_qty;
    struct decimal min_notional; /* spot: minOrderAmt */
    struct decimal max_price;
    struct decimal max_leverage; /* none for spot */
    struct decimal near;         /* where the market starts */
    struct decimal taker_fee;
    struct decimal maker_fee;
    int64_t grid_ticks;   /* distance of the simulated makers' levels */
    int64_t typical_lots; /* of one level */
};

const struct instrument *instrument_at(int index);
/* NULL: unknown. */
const struct instrument *instrument_find(enum category category, const char *symbol);

struct decimal instrument_price(const struct instrument *instrument, int64_t ticks);
struct decimal instrument_qty(const struct instrument *instrument, int64_t lots);
/* ticks * lots, exact, trimmed. */
struct decimal instrument_value(const struct instrument *instrument, decimal_int ticks_lots);
MUST_CHECK enum err instrument_ticks(const struct instrument *instrument, struct decimal price,
                                     int64_t *ticks);
MUST_CHECK enum err instrument_lots(const struct instrument *instrument, struct decimal qty,
                                    int64_t *lots);
