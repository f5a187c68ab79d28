/* bybit/funding.h - what perpetuals pay and how much of them is open: the exchange's lists -> our
 * structs, and the words of the open interest's intervals. Pure.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/trade.h"

/* One settlement. */
struct funding_rate {
    enum category category;
    char symbol[SYMBOL_MAX];
    struct decimal rate; /* 0.0001 is 0.01 %: longs pay shorts when it is positive */
    int64_t at_ms;
};

/* An item of funding/history's list. */
MUST_CHECK enum err funding_from_row(struct funding_rate *out, const struct json *row,
                                     enum category category, struct error *error);

enum oi_interval { OI_5M, OI_15M, OI_30M, OI_1H, OI_4H, OI_1D, OI_INTERVAL_COUNT };

/* Ours: 5m 15m 30m 1h 4h 1d. */
const char *oi_interval_word(enum oi_interval interval);
/* Theirs: 5min 15min 30min 1h 4h 1d. */
const char *oi_interval_code(enum oi_interval interval);
/* Reads either spelling, any case. ERR_INVALID. */
MUST_CHECK enum err oi_interval_parse(const char *text, enum oi_interval *out);

/* What was open at `at_ms`, longs and shorts counted as the exchange does: both sides. */
struct open_interest {
    enum category category;
    char symbol[SYMBOL_MAX];
    enum oi_interval interval;
    struct decimal value; /* base coin; inverse: USD */
    int64_t at_ms;
};

/* An item of open-interest's list; category, symbol and interval are the caller's. */
MUST_CHECK enum err open_interest_from_row(struct open_interest *out, const struct json *row,
                                           struct error *error);
