/* bybit/candles.h - candles: intervals and their words, the exchange's lists and stream frames ->
 * our struct (PROTOCOL section 15 "Klines"). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/trade.h"

enum candle_interval {
    CANDLE_1M,
    CANDLE_3M,
    CANDLE_5M,
    CANDLE_15M,
    CANDLE_30M,
    CANDLE_1H,
    CANDLE_2H,
    CANDLE_4H,
    CANDLE_6H,
    CANDLE_12H,
    CANDLE_1D,
    CANDLE_1W,
    CANDLE_1MONTH,
    CANDLE_INTERVAL_COUNT
};

/* Ours: 1m 3m 5m 15m 30m 1h 2h 4h 6h 12h 1d 1w 1M. */
const char *candle_interval_word(enum candle_interval interval);
/* Theirs: 1 3 5 15 30 60 120 240 360 720 D W M. */
const char *candle_interval_code(enum candle_interval interval);
/* Reads either spelling ("60" is one hour, "D" a day; "1M" is a month, "1m" a minute). ERR_INVALID.
 */
MUST_CHECK enum err candle_interval_parse(const char *text, enum candle_interval *out);
/* Length in ms; of a month 0, they differ. */
int64_t candle_interval_ms(enum candle_interval interval);
/* Start of the next candle after the one that starts at `start_ms` (months are calendar months in
 * UTC). */
int64_t candle_next_start(enum candle_interval interval, int64_t start_ms);

struct candle {
    enum category category;
    char symbol[SYMBOL_MAX];
    enum candle_interval interval;
    int64_t start_ms;
    struct decimal open;
    struct decimal high;
    struct decimal low;
    struct decimal close;
    struct decimal volume;
    struct decimal turnover;
    bool closed;   /* confirm: nothing more comes */
    int64_t ts_ms; /* stream: of the last trade in it; REST: 0 */
};

/* A row of kline's list: ["start","open","high","low","close","volume","turnover"]. `closed` is set
 * by the caller, who knows the time. */
MUST_CHECK enum err candle_from_row(struct candle *out, const struct json *row,
                                    struct error *error);
/* An item of the kline topic's data; symbol, category and interval are the caller's. */
MUST_CHECK enum err candle_from_frame(struct candle *out, const struct json *item,
                                      struct error *error);
