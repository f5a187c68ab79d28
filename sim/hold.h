/* sim/hold.h - what open orders hold of the account: coins locked (spot), margin (contracts).
 *
 * Threads: pure, on an exchange owned by one.
 */
#pragma once

#include "sim/exchange.h"

/* Holds what the order needs as it stands, no more. */
void hold_update(struct exchange *exchange, struct sim_order *order);
/* Whether what the order needs is free, counting what it holds already. */
bool hold_has_funds(struct exchange *exchange, const struct sim_order *order);
/* Sets the leverage of a contract's position and orders; a position message is owed then. 110012:
 * what they need is not free. */
MUST_CHECK struct refusal hold_leverage(struct exchange *exchange,
                                        const struct instrument *instrument,
                                        struct decimal leverage);
