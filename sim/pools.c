#include "sim/pools.h"

#include <string.h>

#include "sim/money.h"
#include "sim/random.h"

#define BALANCE_SCALE  8
#define DRAWDOWN_SCALE 6
#define STIR_MOST      100000000 /* a coin, or a dollar */
#define LIMIT_PERCENT  5

static const struct {
    enum category category;
    const char *coin;
    const char *symbols;
    int64_t balance; /* at the start, whole coins */
} table[POOL_COUNT] = {
    { CATEGORY_LINEAR, "USDT", "BTCUSDT,ETHUSDT", 92203504 },
    { CATEGORY_LINEAR, "USDT", "SOLUSDT", 100000 },
    { CATEGORY_INVERSE, "BTC", "BTCUSD", 250 },
};

void pools_init(struct pools *pools, int64_t now_ms)
{
    for (int pool = 0; pool < POOL_COUNT; pool++) {
        pools->balances[pool] = decimal_from_int(table[pool].balance);
        pools->updated_ms[pool] = now_ms;
    }
    for (int i = 0; i < INSTRUMENT_COUNT; i++)
        pools->drawdowns[i] =
            decimal_trim((struct decimal){ (decimal_int)-1000 * i, DRAWDOWN_SCALE });
}

static bool is_listed(const char *symbols, const char *symbol)
{
    const char *at = strstr(symbols, symbol);
    size_t bytes = strlen(symbol);

    return at && (at == symbols || at[-1] == ',') && (at[bytes] == ',' || !at[bytes]);
}

int pool_of(const struct instrument *instrument)
{
    for (int pool = 0; pool < POOL_COUNT; pool++) {
        if (table[pool].category == instrument->category &&
            is_listed(table[pool].symbols, instrument->symbol))
            return pool;
    }
    return -1;
}

enum category pool_category(int pool)
{
    return table[pool].category;
}

const char *pool_coin(int pool)
{
    return table[pool].coin;
}

const char *pool_symbols(int pool)
{
    return table[pool].symbols;
}

bool pool_is_shared(int pool)
{
    return strchr(table[pool].symbols, ',') != NULL;
}

void pools_stir(struct pools *pools, uint64_t *random, int64_t now_ms)
{
    int pool = (int)random_between(random, 0, POOL_COUNT - 1);
    struct decimal change = { random_between(random, 1, STIR_MOST), BALANCE_SCALE };

    if (pool_is_shared(pool))
        return;
    pools->balances[pool] = money_add(pools->balances[pool], change);
    pools->updated_ms[pool] = now_ms;
}

struct price_limit price_limit_at(int64_t mid_ticks)
{
    int64_t away = mid_ticks * LIMIT_PERCENT / 100;

    return (struct price_limit){ mid_ticks + away, mid_ticks - away };
}
