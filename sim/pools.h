/* sim/pools.h - insurance pools, what ADL is judged by, and the prices that orders may have.
 *
 * BTCUSDT and ETHUSDT share a pool, SOLUSDT and BTCUSD have one each. Drawdowns belong to the
 * symbols.
 *
 * Threads: pure.
 */
#pragma once

#include "sim/instruments.h"

#define POOL_COUNT 3

struct pools {
    struct decimal balances[POOL_COUNT];
    int64_t updated_ms[POOL_COUNT];
    struct decimal drawdowns[INSTRUMENT_COUNT];
};

struct price_limit {
    int64_t buy_ticks;  /* the highest price of a buy */
    int64_t sell_ticks; /* the lowest of a sell */
};

void pools_init(struct pools *pools, int64_t now_ms);
/* -1: the instrument has none. */
int pool_of(const struct instrument *instrument);
enum category pool_category(int pool);
const char *pool_coin(int pool);
/* "BTCUSDT,ETHUSDT" */
const char *pool_symbols(int pool);
bool pool_is_shared(int pool);
/* A balance that is not shared changes by a little. */
void pools_stir(struct pools *pools, uint64_t *random, int64_t now_ms);

/* What they are at that mid, five percent away; no order is refused for them. */
struct price_limit price_limit_at(int64_t mid_ticks);
