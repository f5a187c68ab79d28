/* bybit/pools.h - the exchange's smaller states: price limits, and lists that are known row by row
 * (ADL alerts and insurance pools by coin, the account's greeks). Stream frames -> our structs
 * (PROTOCOL section 15 "Others", section 16). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/trade.h"

/* What limit orders of a symbol may ask for now. */
struct price_limit {
    enum category category;
    char symbol[SYMBOL_MAX];
    struct decimal buy_max;
    struct decimal sell_min;
    int64_t ts_ms;
};

/* The data of a priceLimit frame. */
MUST_CHECK enum err price_limit_read(struct price_limit *out, const struct json *data,
                                     struct error *error);

enum pool_kind { POOL_ADL, POOL_INSURANCE, POOL_GREEKS };

#define POOL_ROWS_MAX 2048
#define POOL_NAME_MAX 16
#define POOL_KEY_MAX  96
#define POOL_VALUES   5

/* Which value is what. Those that the exchange leaves out, or writes as no plain decimal, are none.
 */
enum adl_value {
    ADL_BALANCE,         /* of the pool */
    ADL_DRAWDOWN,        /* of the pool's balance, over 8 hours */
    ADL_START_RATIO,     /* the ratio that starts ADL */
    ADL_STOP_RATIO,      /* ends it */
    ADL_TRIGGER_BALANCE, /* above which the drawdown counts */
};
enum insurance_value { INSURANCE_BALANCE };
enum greeks_value { GREEKS_DELTA, GREEKS_GAMMA, GREEKS_VEGA, GREEKS_THETA };

struct pool_row {
    char
        key[POOL_KEY_MAX]; /* ADL: the symbol; insurance: its symbol or symbols; greeks: the coin */
    char coin[COIN_MAX];
    struct decimal values[POOL_VALUES];
    int64_t updated_ms; /* insurance; 0: not said */
};

struct pool {
    enum pool_kind kind;
    char name[POOL_NAME_MAX]; /* USDT, USDC, inverse; greeks: "" */
    int64_t ts_ms;
    int64_t recv_ms;
    bool stale;
    size_t count;
    size_t capacity;
    struct pool_row *rows; /* by key */
};

void pool_init(struct pool *pool, enum pool_kind kind, const char *name);
void pool_deinit(struct pool *pool);
/* Takes the rows of a frame in: a snapshot replaces all, else they are merged by key. A row that
 * can't be read costs only itself: `*lost` counts those, and those above POOL_ROWS_MAX. False:
 * there is nothing in the frame that can be read, and all is as it was. */
bool pool_merge(struct pool *pool, const struct json *data, bool is_snapshot, size_t *lost);
/* A copy for another thread. ERR_NO_MEMORY. Free it by pool_deinit. */
MUST_CHECK enum err pool_copy(struct pool *out, const struct pool *pool);
