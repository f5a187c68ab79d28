/* bybit/routes.h - the V5 REST calls that the bridge makes itself, as a const table (PROTOCOL
 * section 2, endpoints.json). */
#pragma once

#include <stdbool.h>

#include "base/trade.h"

enum bybit_route {
    ROUTE_TIME,
    ROUTE_INSTRUMENTS,
    ROUTE_TICKERS,
    ROUTE_ORDERBOOK,
    ROUTE_ORDER_CREATE,
    ROUTE_ORDER_CANCEL,
    ROUTE_ORDER_REALTIME,
    ROUTE_ORDER_HISTORY,
    ROUTE_EXECUTIONS,
    ROUTE_POSITIONS,
    ROUTE_WALLET,
    ROUTE_KEY_INFO,
    ROUTE_RECENT_TRADES,
    ROUTE_CANDLES,
    ROUTE_FUNDING_HISTORY,
    ROUTE_OPEN_INTEREST,
    ROUTE_ACCOUNT_INFO,
    ROUTE_FEE_RATE,
    ROUTE_FUND_BALANCE,
    ROUTE_CANCEL_ALL,
    ROUTE_SET_LEVERAGE,
    ROUTE_ORDER_AMEND,
    ROUTE_ORDER_CREATE_BATCH,
    ROUTE_ORDER_CANCEL_BATCH,
    ROUTE_TRADING_STOP,
    ROUTE_TRANSACTION_LOG,
    ROUTE_COUNT,
};

struct bybit_route_info {
    const char *method; /* "GET" or "POST" */
    const char *path;
    bool is_signed;
    bool is_write;                  /* changes something: never sent twice */
    int per_second[CATEGORY_COUNT]; /* documented default limit a second; 0: only the IP limit
                                       counts */
    bool per_category; /* each category has a window of its own; else one window for all */
};

const struct bybit_route_info *bybit_route_info(enum bybit_route route);
