/* sim/rest_scope.h - which orders a request means: what the handlers of lists and of cancel-all
 * share.
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

/* A value of orderFilter, and whether it means normal orders too (there are no others). */
struct order_kind {
    const char *name;
    bool normal;
};

/* Whether orderFilter means normal orders; absent it does. 10001: it is none of `kinds`. */
MUST_CHECK struct refusal call_order_kind(const struct rest_call *call,
                                          const struct order_kind *kinds, size_t kinds_count,
                                          bool *normal);
