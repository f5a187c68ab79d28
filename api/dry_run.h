/* api/dry_run.h - the rules that an order was held against, one by one: for POST /orders?dry_run=1.
 * Pure. */
#pragma once

#include "base/buffer.h"
#include "base/trade.h"
#include "bybit/instruments.h"

/* Objects {check, ok, value, limit} in an open array: what order_check looks at. False: one is not
 * kept. */
bool dry_run_add_rules(struct buffer *out, const struct order_request *request,
                       const struct instrument *instrument);
