/* sim/instruments.h - what can be traded here, with filters near the exchange's (PROTOCOL section
 * 13).
 *
 * Inside the simulation prices are whole ticks and sizes whole lots (qty steps), both int64_t, so
 * that the book is exact and quick; the functions below turn them into decimals and back. Values
 * are counted in units: ticks * lots where value is price * size (exact), 10^-12 coins for inverse
 * contracts, whose value is size / price.
 *
 * The options' symbols carry their day of delivery: the last Friday of a month, at least 60 days
 * after their first use in this process.
 *
 * Threads: pure. Errors: ERR_INVALID when a value is no multiple of the step or does not fit.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/trade.h"

#define INSTRUMENT_COUNT        19
#define INSTRUMENT_FIRST_OPTION 7

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
    struct decimal max_post_only_qty; /* spot: more than other limit orders */
    struct decimal min_notional;      /* spot: minOrderAmt; none: no such filter */
    struct decimal max_price;
    struct decimal max_leverage; /* none for spot */
    struct decimal near;         /* where the market starts */
    struct decimal taker_fee;
    struct decimal maker_fee;
    int64_t grid_ticks;   /* distance of the simulated makers' levels */
    int levels;           /* that they keep on each side */
    int64_t typical_lots; /* of one level */
    /* options only */
    int underlying; /* place in the table; its ticks have two decimals */
    bool is_call;
    int64_t strike;
    int64_t delivery_ms;
    const char *display;
};

const struct instrument *instrument_at(int index);
/* NULL: unknown. */
const struct instrument *instrument_find(enum category category, const char *symbol);

/* Place of the first option on a coin, where what they have in common is kept. -1: there is none.
 */
int instrument_first_option(const char *base);

/* Linear and inverse: has leverage and funding. */
bool instrument_is_contract(const struct instrument *instrument);
/* All but spot. */
bool instrument_has_position(const struct instrument *instrument);

struct decimal instrument_price(const struct instrument *instrument, int64_t ticks);
struct decimal instrument_qty(const struct instrument *instrument, int64_t lots);
/* Units that so many lots are worth at a price; `ticks` > 0 for inverse. */
decimal_int instrument_units(const struct instrument *instrument, int64_t ticks, int64_t lots);
/* Units as an amount of quote coin (inverse: of base coin, cut to eight decimals), trimmed. */
struct decimal instrument_value(const struct instrument *instrument, decimal_int units);
/* Both in one: what so many lots are worth at a price. */
struct decimal instrument_worth(const struct instrument *instrument, int64_t ticks, int64_t lots);
/* Average price of lots that cost so much; zero when there are none. */
struct decimal instrument_average(const struct instrument *instrument, struct decimal cost,
                                  int64_t lots);
MUST_CHECK enum err instrument_ticks(const struct instrument *instrument, struct decimal price,
                                     int64_t *ticks);
MUST_CHECK enum err instrument_lots(const struct instrument *instrument, struct decimal qty,
                                    int64_t *lots);
