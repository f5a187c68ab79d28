/* sim/rest_scope.h - which orders a request means: what the handlers of lists, of cancel and of
 * cancel-all share.
 *
 * Threads: pure.
 */
#pragma once

#include "sim/cancel_all.h"
#include "sim/rest.h"

/* Where one of symbol, baseCoin and settleCoin must be given. */
enum scope_need { SCOPE_FREE, SCOPE_FOR_LINEAR, SCOPE_FOR_CONTRACTS };

/* Reads category, symbol, baseCoin and settleCoin. Code 10001. */
MUST_CHECK struct refusal call_scope(const struct rest_call *call, enum scope_need need,
                                     struct order_scope *out);

/* What orderFilter may be, and what it means when it is absent, depends on who asks. */
enum filter_use { FILTER_LIST, FILTER_CANCEL, FILTER_CANCEL_ALL };

/* The kinds of orders that orderFilter means, as bits of enum order_kind. 10001, spot's cancels
 * 170201: there is no such filter. */
MUST_CHECK struct refusal call_order_filter(const struct rest_call *call, enum filter_use use,
                                            enum category category, unsigned *kinds);
