/* sim/money.h - base/decimal by value, for sums that cannot overflow.
 *
 * All inputs are bounded by the filters of sim/instruments.h (36 digits are never reached), so a
 * failure here is our own mistake and asserts.
 */
#pragma once

#include "base/decimal.h"

struct decimal money_add(struct decimal a, struct decimal b);
struct decimal money_sub(struct decimal a, struct decimal b);
struct decimal money_mul(struct decimal a, struct decimal b);
/* Cut toward zero to `scale` decimals, then trimmed. */
struct decimal money_div(struct decimal a, struct decimal b, int32_t scale);
struct decimal money_negative(struct decimal a);
/* At most `scale` decimals, cut toward zero. */
struct decimal money_cut(struct decimal a, int32_t scale);
struct decimal money_max(struct decimal a, struct decimal b);
bool money_less(struct decimal a, struct decimal b);
