#include "sim/account.h"

#include <string.h>

#include "sim/money.h"

#define COST_SCALE 10 /* of a share of the cost */

static const struct decimal maintenance_rate = { 5, 3 };

static const struct {
    const char *coin;
    int64_t start;
} coins[COIN_COUNT] = {
    [COIN_USDT] = { "USDT", 100000 },
    [COIN_BTC] = { "BTC", 1 },
    [COIN_ETH] = { "ETH", 10 },
    [COIN_SOL] = { "SOL", 100 },
};

void account_init(struct account *account, int64_t now_ms)
{
    memset(account, 0, sizeof(*account));
    for (size_t i = 0; i < ARRAY_LEN(coins); i++) {
        account->wallets[i].coin = coins[i].coin;
        account->wallets[i].balance = decimal_from_int(coins[i].start);
    }
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        for (int idx = 0; idx < POSITION_PLACES; idx++)
            account->positions[i][idx] = (struct position){
                .instrument = instrument_at(i),
                .idx = idx,
                .leverage = decimal_from_int(instrument_is_contract(instrument_at(i)) ? 10 : 1),
                .created_ms = now_ms,
                .updated_ms = now_ms,
            };
    }
}

struct wallet *account_wallet(struct account *account, const char *coin)
{
    for (size_t i = 0; i < ARRAY_LEN(coins); i++) {
        if (strcmp(account->wallets[i].coin, coin) == 0)
            return &account->wallets[i];
    }
    return NULL;
}

struct decimal position_margin_for(const struct position *position, struct decimal value)
{
    return money_div(value, position->leverage, 8);
}

struct wallet *account_settle(struct account *account, const struct instrument *instrument)
{
    return account_wallet(account, instrument->settle);
}

struct decimal position_margin(const struct position *position)
{
    return position_margin_for(position, position->cost);
}

struct decimal position_maintenance(const struct position *position)
{
    return money_cut(money_mul(position->cost, maintenance_rate), 8);
}

struct decimal account_free(const struct account *account, const struct wallet *wallet)
{
    struct decimal free = money_sub(wallet->balance, wallet->locked);

    free = money_sub(free, wallet->order_margin);
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        if (strcmp(instrument_at(i)->settle, wallet->coin) != 0)
            continue;
        for (int idx = 0; idx < POSITION_PLACES; idx++)
            free = money_sub(free, position_margin(&account->positions[i][idx]));
    }
    return free;
}

static int64_t absolute(int64_t lots)
{
    return lots < 0 ? -lots : lots;
}

int64_t position_closable(const struct position *position, enum side side)
{
    int64_t lots = position->lots;

    return side == SIDE_BUY ? (lots < 0 ? -lots : 0) : (lots > 0 ? lots : 0);
}

struct decimal position_average(const struct position *position)
{
    return instrument_average(position->instrument, position->cost, absolute(position->lots));
}

/* Of inverse contracts the coins fall as the price rises: the signs change places. */
static bool gains_with_worth(const struct instrument *instrument, bool is_long)
{
    return is_long == (instrument->category != CATEGORY_INVERSE);
}

static struct decimal result_of(const struct instrument *instrument, bool is_long,
                                struct decimal cost, struct decimal worth)
{
    return gains_with_worth(instrument, is_long) ? money_sub(worth, cost) : money_sub(cost, worth);
}

struct decimal position_unrealised(const struct position *position, int64_t ticks)
{
    struct decimal worth = instrument_worth(position->instrument, ticks, absolute(position->lots));

    return result_of(position->instrument, position->lots >= 0, position->cost, worth);
}

/* The price at which the lots are worth so much, on the tick below. */
static struct decimal price_of_worth(const struct instrument *instrument, struct decimal worth,
                                     int64_t lots)
{
    struct decimal price;

    if (decimal_sign(&worth) <= 0)
        return DECIMAL_NONE;
    price = instrument_average(instrument, worth, lots);
    if (money_less(instrument->max_price, price) ||
        decimal_floor_to(&price, &price, &instrument->tick) || decimal_sign(&price) <= 0)
        return DECIMAL_NONE;
    return price;
}

struct decimal account_liquidation(const struct account *account, const struct position *position)
{
    const struct instrument *instrument = position->instrument;
    struct decimal spare = DECIMAL_ZERO;
    struct decimal worth;

    if (position->lots == 0)
        return DECIMAL_NONE;
    for (size_t i = 0; i < ARRAY_LEN(coins); i++) {
        if (strcmp(account->wallets[i].coin, instrument->settle) == 0)
            spare = account->wallets[i].balance;
    }
    spare = money_sub(spare, position_maintenance(position));
    worth = gains_with_worth(instrument, position->lots > 0) ? money_sub(position->cost, spare)
                                                             : money_add(position->cost, spare);
    return price_of_worth(instrument, worth, absolute(position->lots));
}

void account_spot_fill(struct account *account, const struct instrument *instrument, enum side side,
                       struct decimal qty, struct decimal value, struct decimal fee)
{
    struct wallet *base = account_wallet(account, instrument->base);
    struct wallet *quote = account_wallet(account, instrument->quote);

    if (side == SIDE_BUY) {
        quote->balance = money_sub(quote->balance, value);
        base->balance = money_add(base->balance, money_sub(qty, fee));
    } else {
        base->balance = money_sub(base->balance, qty);
        quote->balance = money_add(quote->balance, money_sub(value, fee));
    }
}

/* The cost of the lots that are closed; updates what stays. */
static struct decimal take_cost(struct position *position, int64_t closed)
{
    struct decimal share = position->cost;

    if (closed < absolute(position->lots))
        share = money_div(money_mul(position->cost, decimal_from_int(closed)),
                          decimal_from_int(absolute(position->lots)), COST_SCALE);
    position->cost = money_sub(position->cost, share);
    position->lots += position->lots > 0 ? -closed : closed;
    return share;
}

static struct decimal close_part(struct position *position, int64_t ticks, int64_t closed)
{
    const struct instrument *instrument = position->instrument;
    bool is_long = position->lots > 0;
    struct decimal share = take_cost(position, closed);

    return result_of(instrument, is_long, share, instrument_worth(instrument, ticks, closed));
}

static void open_part(struct position *position, enum side side, int64_t ticks, int64_t lots,
                      int64_t now_ms)
{
    const struct instrument *instrument = position->instrument;

    if (position->lots == 0) {
        position->open_ms = now_ms;
        position->realised = DECIMAL_ZERO;
    }
    position->cost = money_add(position->cost, instrument_worth(instrument, ticks, lots));
    position->lots += side == SIDE_BUY ? lots : -lots;
}

static void realise(struct wallet *wallet, struct position *position, struct decimal amount)
{
    wallet->balance = money_add(wallet->balance, amount);
    wallet->realised = money_add(wallet->realised, amount);
    position->realised = money_add(position->realised, amount);
    position->realised_all = money_add(position->realised_all, amount);
}

struct contract_result account_contract_fill(struct account *account, struct position *position,
                                             enum side side, int64_t ticks, int64_t lots,
                                             struct decimal fee, int64_t now_ms)
{
    struct contract_result result = { 0, DECIMAL_ZERO };
    bool opposite = side == SIDE_BUY ? position->lots < 0 : position->lots > 0;

    if (opposite) {
        int64_t held = absolute(position->lots);

        result.closed_lots = held < lots ? held : lots;
        result.pnl = close_part(position, ticks, result.closed_lots);
        if (position->lots == 0)
            position->open_ms = 0;
    }
    if (lots > result.closed_lots)
        open_part(position, side, ticks, lots - result.closed_lots, now_ms);
    realise(account_settle(account, position->instrument), position, money_sub(result.pnl, fee));
    position->updated_ms = now_ms;
    return result;
}

void account_funding(struct account *account, struct position *position, struct decimal fee,
                     int64_t now_ms)
{
    realise(account_settle(account, position->instrument), position, money_negative(fee));
    position->updated_ms = now_ms;
}
