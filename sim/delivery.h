/* sim/delivery.h - delivers an option: its orders end, its position is settled at its inner value.
 *
 * Threads: pure, on an exchange owned by one.
 */
#pragma once

#include "sim/exchange.h"

/* Now, as if its day had come; the option stays listed. How many positions there were. */
int delivery_settle(struct exchange *exchange, const struct instrument *option);
