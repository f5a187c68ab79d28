/* sim/options.h - what an option is worth: its inner value and a time value that is largest where
 * price and strike meet, 8 % of the strike, and falls off on both sides. Not Black and Scholes, but
 * exact, smooth, and calls and puts agree with each other.
 *
 * Threads: pure.
 */
#pragma once

#include "sim/exchange.h"

struct option_figures {
    struct decimal underlying;
    struct decimal mark;
    struct decimal delta;
    struct decimal gamma;
    struct decimal vega;
    struct decimal theta;
};

struct option_figures option_figures(const struct exchange *exchange,
                                     const struct instrument *option);
/* The mid of its book. */
int64_t option_mid(const struct exchange *exchange, const struct instrument *option);
/* What it is settled at if it is delivered now: its inner value, in ticks. */
int64_t option_settlement(const struct exchange *exchange, const struct instrument *option);
/* deliveryFeeRate, here on what it is settled at. */
extern const struct decimal option_delivery_fee;
/* Implied volatilities, the same for all: of the mark, a bid, an ask. */
#define OPTION_IV     "0.5"
#define OPTION_BID_IV "0.49"
#define OPTION_ASK_IV "0.51"
