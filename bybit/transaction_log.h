/* bybit/transaction_log.h - rows of /v5/account/transaction-log (PROTOCOL section 11). Pure.
 *
 * Types that the bridge does not know are LEDGER_OTHER, and so are executions of a category that it
 * does not know; of those nothing but the time must be readable.
 */
#pragma once

#include "base/json.h"
#include "base/ledger.h"

#define TRANSACTION_LOG_PAGE_MAX 50
/* What the exchange keeps: two years. */
#define TRANSACTION_LOG_KEPT_MS (INT64_C(730) * 86400000)
/* The longest span of one question. */
#define TRANSACTION_LOG_SPAN_MS (INT64_C(7) * 86400000)

/* ERR_INVALID: a member that matters is missing or unreadable. */
MUST_CHECK enum err transaction_log_entry(struct ledger_entry *out, const struct json *row,
                                          struct error *error);
