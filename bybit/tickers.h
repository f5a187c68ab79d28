/* bybit/tickers.h - one ticker, merged from snapshots and deltas (PROTOCOL section 15). Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/trade.h"

struct ticker {
    enum category category;
    char symbol[SYMBOL_MAX];
    struct decimal last;
    struct decimal mark;
    struct decimal index;
    struct decimal bid; /* spot streams have none: filled from the depth-1 book */
    struct decimal bid_qty;
    struct decimal ask;
    struct decimal ask_qty;
    struct decimal open_24h; /* prevPrice24h */
    struct decimal high_24h;
    struct decimal low_24h;
    struct decimal volume_24h;
    struct decimal turnover_24h;
    struct decimal change_24h; /* price24hPcnt: 0.01 is one percent */
    struct decimal funding_rate;
    int64_t next_funding_ms; /* 0: none */
    struct decimal open_interest;
    /* Options only. Volatilities: 0.5 is 50 %. */
    struct decimal underlying;
    struct decimal bid_iv;
    struct decimal ask_iv;
    struct decimal mark_iv;
    struct decimal delta;
    struct decimal gamma;
    struct decimal vega;
    struct decimal theta;
    int64_t ts_ms; /* exchange's time of the last frame or answer */
};

/* Takes the members that `data` has (stream frame or REST list item); the others stay. A snapshot
 * empties the ticker first; of a spot ticker bid and ask survive it. The first time the ticker has
 * its category and all else 0. On an error nothing changes. A bid or ask of 0 is none, its
 * volatility too. */
MUST_CHECK enum err ticker_merge(struct ticker *ticker, const struct json *data, bool is_snapshot,
                                 int64_t ts_ms, struct error *error);
