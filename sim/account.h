/* sim/account.h - the one unified account: coins, locks, positions, margin.
 *
 * Amounts are exact decimals. A position keeps the cost of what is open; closing a part takes its
 * share of the cost (cut to ten decimals), closing the rest takes what is left, so
 * nothing is lost in rounding. A contract's margin, fees and results are in its settle coin: USDT
 * for linear and options, the base coin for inverse. Options count like contracts without leverage.
 * Free is wallet - locked - position margin - order margin; unrealised results do not count.
 *
 * Each instrument has three places for a position: that of one-way mode, and in hedge mode the long
 * and the short side.
 *
 * Threads: pure, owned by one.
 */
#pragma once

#include "sim/instruments.h"

#define ACCOUNT_USER      1000001
#define ACCOUNT_USER_TEXT "1000001"

enum account_coin { COIN_USDT, COIN_BTC, COIN_ETH, COIN_SOL, COIN_COUNT };

struct wallet {
    const char *coin;
    struct decimal balance;
    struct decimal locked;       /* by open spot orders */
    struct decimal order_margin; /* held for open orders of contracts */
    struct decimal realised;
};

#define POSITION_PLACES 3 /* by positionIdx: 0 one-way, 1 hedge long, 2 hedge short */

struct position {
    const struct instrument *instrument;
    int idx;             /* positionIdx */
    bool owed;           /* a message on it is owed at the end of the step */
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
    struct position positions[INSTRUMENT_COUNT][POSITION_PLACES]; /* spot's are not used */
    bool hedged[INSTRUMENT_COUNT];
};

struct contract_result {
    int64_t closed_lots;
    struct decimal pnl; /* before fees */
};

void account_init(struct account *account, int64_t now_ms);
/* NULL: no such coin. */
struct wallet *account_wallet(struct account *account, const char *coin);

/* Of the coin that a contract is settled in. */
struct wallet *account_settle(struct account *account, const struct instrument *instrument);

struct decimal position_margin(const struct position *position);
/* What keeps a position open. */
struct decimal position_maintenance(const struct position *position);
/* Initial margin of so much value at the position's leverage. */
struct decimal position_margin_for(const struct position *position, struct decimal value);
/* What can be locked or used as margin. */
struct decimal account_free(const struct account *account, const struct wallet *wallet);
/* Where the settle coin's balance would be used up; none: nowhere, or out of range. */
struct decimal account_liquidation(const struct account *account, const struct position *position);
struct decimal position_average(const struct position *position);
/* At the price `ticks`. */
struct decimal position_unrealised(const struct position *position, int64_t ticks);
/* Lots of it that an order of this side would close. */
int64_t position_closable(const struct position *position, enum side side);

/* Moves base against quote; the fee is taken from what is received. */
void account_spot_fill(struct account *account, const struct instrument *instrument, enum side side,
                       struct decimal qty, struct decimal value, struct decimal fee);
struct contract_result account_contract_fill(struct account *account, struct position *position,
                                             enum side side, int64_t ticks, int64_t lots,
                                             struct decimal fee, int64_t now_ms);
/* Funding: taken from the settle coin (below zero: given) and from the position's result. */
void account_funding(struct account *account, struct position *position, struct decimal fee,
                     int64_t now_ms);
