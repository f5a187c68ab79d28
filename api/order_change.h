/* api/order_change.h - the body of PATCH /orders/{id} -> struct order_change, and its check against
 * the order and its symbol's rules. Pure. */
#pragma once

#include "api/fields.h"
#include "api/reply.h"
#include "base/trade.h"
#include "bybit/instruments.h"

/* Fields alone: at least one; null or 0 removes take_profit and stop_loss. */
MUST_CHECK enum err order_change_read(struct order_change *out, const char *body, size_t body_bytes,
                                      bool body_is_form, struct api_refusal *refusal);
/* Whether this order can be changed so. `changed`: the order's request as it is to be. */
MUST_CHECK enum err order_change_check(const struct order_change *change, const struct order *order,
                                       const struct instrument *instrument,
                                       struct order_request *changed, struct api_refusal *refusal);

/* The field table, for the test that holds it against openapi.yaml. */
const struct field *order_change_fields(size_t *count);
