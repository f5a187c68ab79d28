/* sim/funding.h - settles the funding of a contract: who is long pays a positive rate to who is
 * short.
 *
 * Threads: pure, on an exchange owned by one.
 */
#pragma once

#include "sim/exchange.h"

/* Now, at the mark price and the rate of the next settlement. How many positions there were. */
int funding_settle(struct exchange *exchange, const struct instrument *instrument);
