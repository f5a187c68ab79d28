/* api/sizing.h - an order's size by its value: `notional`. Pure.
 *
 *     inverse                          the value itself: its sizes are USD
 *     a limit order                    at its limit
 *     a conditional market order       at its trigger price
 *     a market buy                     at the worst ask that its value reaches
 *     a market sell                    at the best bid
 *
 * rounded down to the step: it is never worth more than asked, at that price.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "api/reply.h"
#include "base/trade.h"
#include "bybit/book.h"
#include "bybit/instruments.h"

/* Without a book the price is not known. */
bool sizing_needs_book(const struct order_request *request);
/* Sets request->qty. no_price_now: the book does not reach so far; notional_too_small: with the
 * least that would do. */
MUST_CHECK enum err sizing_by_value(struct order_request *request, const struct decimal *notional,
                                    const struct instrument *instrument,
                                    const struct book_level *bids, size_t bids_count,
                                    const struct book_level *asks, size_t asks_count,
                                    struct api_refusal *refusal);
