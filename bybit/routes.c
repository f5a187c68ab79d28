#include "bybit/routes.h"

#include <assert.h>
#include <stddef.h>

/* Per second: spot, linear, inverse, option (PROTOCOL section 7, defaults). */
static const struct bybit_route_info routes[ROUTE_COUNT] = {
    [ROUTE_TIME] = { "GET", "/v5/market/time", false, false, { 0, 0, 0, 0 }, false },
    [ROUTE_INSTRUMENTS] = { "GET",
                            "/v5/market/instruments-info",
                            false,
                            false,
                            { 0, 0, 0, 0 },
                            false },
    [ROUTE_TICKERS] = { "GET", "/v5/market/tickers", false, false, { 0, 0, 0, 0 }, false },
    [ROUTE_ORDERBOOK] = { "GET", "/v5/market/orderbook", false, false, { 0, 0, 0, 0 }, false },
    [ROUTE_ORDER_CREATE] = { "POST", "/v5/order/create", true, true, { 20, 10, 10, 10 }, true },
    [ROUTE_ORDER_CANCEL] = { "POST", "/v5/order/cancel", true, true, { 20, 10, 10, 10 }, true },
    [ROUTE_ORDER_REALTIME] = { "GET", "/v5/order/realtime", true, false, { 50, 50, 50, 50 }, true },
    [ROUTE_ORDER_HISTORY] = { "GET", "/v5/order/history", true, false, { 50, 50, 50, 50 }, true },
    [ROUTE_EXECUTIONS] = { "GET", "/v5/execution/list", true, false, { 50, 50, 50, 50 }, true },
    [ROUTE_POSITIONS] = { "GET", "/v5/position/list", true, false, { 50, 50, 50, 50 }, true },
    [ROUTE_WALLET] = { "GET",
                       "/v5/account/wallet-balance",
                       true,
                       false,
                       { 50, 50, 50, 50 },
                       false },
    [ROUTE_KEY_INFO] = { "GET", "/v5/user/query-api", true, false, { 10, 10, 10, 10 }, false },
    [ROUTE_RECENT_TRADES] = { "GET",
                              "/v5/market/recent-trade",
                              false,
                              false,
                              { 0, 0, 0, 0 },
                              false },
    [ROUTE_CANDLES] = { "GET", "/v5/market/kline", false, false, { 0, 0, 0, 0 }, false },
    [ROUTE_FUNDING_HISTORY] = { "GET",
                                "/v5/market/funding/history",
                                false,
                                false,
                                { 0, 0, 0, 0 },
                                false },
    [ROUTE_OPEN_INTEREST] = { "GET",
                              "/v5/market/open-interest",
                              false,
                              false,
                              { 0, 0, 0, 0 },
                              false },
    [ROUTE_ACCOUNT_INFO] = { "GET", "/v5/account/info", true, false, { 50, 50, 50, 50 }, false },
    [ROUTE_FEE_RATE] = { "GET", "/v5/account/fee-rate", true, false, { 5, 5, 5, 5 }, false },
    [ROUTE_FUND_BALANCE] = { "GET",
                             "/v5/asset/transfer/query-account-coins-balance",
                             true,
                             false,
                             { 5, 5, 5, 5 },
                             false },
    [ROUTE_CANCEL_ALL] = { "POST", "/v5/order/cancel-all", true, true, { 20, 10, 10, 1 }, true },
    [ROUTE_SET_LEVERAGE] = { "POST",
                             "/v5/position/set-leverage",
                             true,
                             true,
                             { 0, 10, 10, 0 },
                             true },
};

const struct bybit_route_info *bybit_route_info(enum bybit_route route)
{
    assert((unsigned)route < ROUTE_COUNT);
    return &routes[route];
}
