/* db/change.h - the change of an amend as one text: "qty=0.02 price=26000.10", "" for none. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/decimal.h"
#include "base/trade.h"

#define CHANGE_TEXT_MAX ((size_t)6 * (16 + DECIMAL_TEXT_MAX))

/* Returns `out`. */
const char *change_write(const struct order_change *change, char out[CHANGE_TEXT_MAX]);
/* False: not such a text. */
bool change_read(struct order_change *out, const char *text);
