/* sim/account.h - the one unified account: coins, locks, one-way positions, margin.
 *
 * Amounts are exact decimals. A position keeps the cost of what is open; closing a part takes its
 * share of the cost (cut to ten decimals an average), closing the rest takes what is left, so
 * nothing is lost in rounding. Free USDT is wallet - locked - position margin - order margin;
 * unrealised results do not count.
 *
 * Threads: pure, owned by one.
 */
#pragma once

#include "sim/instruments.h"

enum account_coin { COIN_USDT, COIN_BTC, COIN_ETH, COIN_SOL, COIN_COUNT };

struct wallet {
    const char *coin;
    struct decimal balance;
    struct decimal locked; /* by open spot orders */
    struct decimal realised;
};

struct position {
    int64_t lots;        /* below zero: short */
    struct decimal cost; /* of the open lots, >= 0 */
    struct decimal leverage;
    struct decimal realised;     /* of the position now open */
    struct decimal realised_all; /* of all time */
    int64_t created_ms;
    int64_t updated_ms;
    int64_t open_ms; /* 0: flat */
    uint64_t seq;
};

struct account {
    struct wallet wallets[COIN_COUNT];
    struct position positions[INSTRUMENT_COUNT]; /* linear ones are used */
    struct decimal order_margin;                 /* USDT held for open linear orders */
};

struct linear_result {
    int64_t closed_lots;
    struct decimal pnl; /* before fees */
};

void account_init(struct account *account, int64_t now_ms);
/* NULL: no such coin. */
struct wallet *account_wallet(struct account *account, const char *coin);

struct decimal account_position_margin(const struct account *account, int index);
/* What can be locked or used as margin. */
struct decimal account_free(const struct account *account, const struct wallet *wallet);
struct decimal position_average(const struct instrument *instrument,
                                const struct position *position);
/* At the price `ticks`. */
struct decimal position_unrealised(const struct instrument *instrument,
                                   const struct position *position, int64_t ticks);
/* Initial margin of so much value at the symbol's leverage. */
struct decimal account_margin_for(const struct account *account,
                                  const struct instrument *instrument, struct decimal value);

/* Moves base against quote; the fee is taken from what is received. */
void account_spot_fill(struct account *account, const struct instrument *instrument, enum side side,
                       struct decimal qty, struct decimal value, struct decimal fee);
struct linear_result account_linear_fill(struct account *account,
                                         const struct instrument *instrument, enum side side,
                                         int64_t ticks, int64_t lots, struct decimal fee,
                                         int64_t now_ms);
