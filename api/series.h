/* api/series.h - market data that the exchange keeps by time (candles, funding rates, open
 * interest), as lists: newest first, as far back as asked, over as many of its pages as that takes.
 *
 * Bounds: `from` is included, `to` is not. `after` is the time of the last row already seen; a page
 * that is not the last has it in `next`. JSON pages have at most 1,000 rows; a CSV or NDJSON list
 * may be as long as SERIES_PAGES_MAX pages of the exchange, so that an export is one call.
 *
 * Threads: begun on the http thread, gone on with on the reads thread; no thread waits.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "api/market.h"
#include "base/buffer.h"
#include "base/json.h"
#include "bybit/candles.h"
#include "bybit/funding.h"

#define SERIES_PAGES_MAX     20
#define SERIES_LIMIT_MAX     1000
#define SERIES_LIMIT_DEFAULT 200

struct series_row {
    int64_t at_ms;
    union {
        struct candle candle;
        struct funding_rate funding;
        struct open_interest interest;
    };
};

struct series;

struct series_kind {
    enum bybit_route route;
    const char *const *columns;
    size_t columns_count;
    const char *end_name; /* the exchange's parameter for the newest time wanted, included */
    int page_max;         /* rows that the exchange gives at once */
    enum err (*read_row)(struct series_row *out, const struct json *row,
                         const struct series *series, struct error *error);
    void (*write_row)(struct buffer *out, const struct series_row *row);
};

struct series {
    struct market_read read; /* filled by market_read_begin */
    const struct series_kind *kind;
    int interval;        /* enum candle_interval or oi_interval */
    char query[128];     /* what each of the exchange's pages is asked with */
    int64_t answered_ms; /* the exchange's clock in the answer being read */
};

/* Reads from, to, limit and after, and answers the call: at once, or when the last page is in. */
void series_serve(const struct series *series);
