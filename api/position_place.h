/* api/position_place.h - which of a symbol's positions is meant, and the orders that bring it where
 * it is wanted. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/reply.h"
#include "base/trade.h"
#include "bybit/account.h"
#include "bybit/instruments.h"

#define POSITION_PARTS_MAX 100 /* orders of one change */

/* The place that `idx` (-1: not given) means, of those that are known; one that is not known is
 * flat. position_idx_needed, position_idx_wrong. */
MUST_CHECK enum err position_pick(enum category category, const char *symbol, int64_t idx,
                                  const struct position *known, size_t count, struct position *out,
                                  struct api_refusal *refusal);
/* Long above 0, short below; 0: flat. */
struct decimal position_signed(const struct position *position);

/* `target` is a size as position_signed has it. Sets side, qty, position_idx and reduce_only of a
 * market order that leads there; `*same`: it is there. position_idx_wrong: the place has the other
 * side. qty_step. */
MUST_CHECK enum err position_to_target(struct order_request *out, const struct position *position,
                                       const struct decimal *target,
                                       const struct instrument *instrument, bool *same,
                                       struct api_refusal *refusal);

/* How much of a position is to be closed: qty, percent, or neither (none): all. */
struct position_share {
    struct decimal qty;
    struct decimal percent;
};
/* Sets side, position_idx and reduce_only of market orders that close as much, and the whole size
 * as their qty: never more than is open. `position` is not flat. qty_step, qty_too_small. */
MUST_CHECK enum err position_to_close(struct order_request *out, const struct position *position,
                                      const struct position_share *share,
                                      const struct instrument *instrument,
                                      struct api_refusal *refusal);
/* The size of each part but the last, when `whole` is cut into as few sizes as the exchange takes
 * of a market order; NONE: it takes more than `max`. The whole, where one is enough. */
struct decimal position_part(const struct decimal *whole, const struct instrument *instrument,
                             size_t max);
/* Cuts `whole` into parts of this size and a last one; how many, or 0: more than `max`. */
size_t position_cut(const struct decimal *whole, const struct decimal *part, struct decimal *out,
                    size_t max);
