/* bybit/trades.h - public trades: the exchange's list and stream frames -> our struct (PROTOCOL
 * section 15 "Trades"). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/trade.h"

#define PUBLIC_TRADE_ID_MAX 64

struct public_trade {
    enum category category;
    char symbol[SYMBOL_MAX];
    char id[PUBLIC_TRADE_ID_MAX];
    enum side side; /* the taker's */
    struct decimal price;
    struct decimal qty;
    bool block;
    int64_t ts_ms;
    int64_t seq; /* 0: absent */
};

/* An item of recent-trade's list. */
MUST_CHECK enum err trade_from_row(struct public_trade *out, const struct json *row,
                                   enum category category, struct error *error);
/* An item of the publicTrade topic's data. */
MUST_CHECK enum err trade_from_frame(struct public_trade *out, const struct json *item,
                                     enum category category, struct error *error);
