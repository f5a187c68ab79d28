/* tests/test_guard_kit.h - random rules, orders and counts, from a seed. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "engine/guard.h"

struct dice {
    uint64_t state;
};

/* splitmix64 */
static inline uint64_t dice_roll(struct dice *dice, uint64_t sides)
{
    uint64_t z = (dice->state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % sides;
}

static inline struct decimal dice_amount(struct dice *dice)
{
    return (struct decimal){ (decimal_int)(1 + dice_roll(dice, 2000)),
                             (int32_t)dice_roll(dice, 4) };
}

static inline struct guard_symbol dice_symbol(struct dice *dice)
{
    static const char *const names[] = { "BTCUSDT", "ETHUSDT", "SOLUSDT", "BTC-27DEC26-9-C" };
    struct guard_symbol symbol = { .category = (enum category)dice_roll(dice, CATEGORY_COUNT) };

    memcpy(symbol.symbol, names[dice_roll(dice, 4)], 8);
    return symbol;
}

/* The value of the limit, on. */
static inline void dice_limit(struct dice *dice, struct guard_limits *limits,
                              enum guard_limit limit)
{
    limits->set |= GUARD_BIT(limit);
    switch (limit) {
    case GUARD_MAX_ORDER_NOTIONAL:
        limits->max_order_notional = dice_amount(dice);
        return;
    case GUARD_MAX_OPEN_NOTIONAL:
        limits->max_open_notional = dice_amount(dice);
        return;
    case GUARD_MAX_ORDERS_PER_MINUTE:
        limits->max_orders_per_minute = (int)dice_roll(dice, 8);
        return;
    case GUARD_MAX_LEVERAGE:
        limits->max_leverage = dice_amount(dice);
        return;
    case GUARD_SYMBOLS:
        limits->symbols_count = 0;
        for (uint64_t i = dice_roll(dice, 14); i > 0; i--) {
            struct guard_symbol symbol = dice_symbol(dice);

            if (guard_add_symbol(limits, &symbol))
                return;
        }
        return;
    case GUARD_CATEGORIES:
        limits->categories = (unsigned)dice_roll(dice, 1U << CATEGORY_COUNT);
        return;
    case GUARD_REDUCE_ONLY_MODE:
    case GUARD_LIMIT_COUNT:
        return;
    }
}

static inline void dice_limits(struct dice *dice, struct guard_limits *limits)
{
    *limits = (struct guard_limits){ 0 };
    for (unsigned i = 0; i < GUARD_LIMIT_COUNT; i++) {
        if (dice_roll(dice, 3) == 0)
            dice_limit(dice, limits, (enum guard_limit)i);
    }
}

static inline void dice_name(struct dice *dice, char name[TAG_MAX])
{
    (void)snprintf(name, TAG_MAX, "bot%d", (int)dice_roll(dice, 24));
}

static inline void dice_rules(struct dice *dice, struct guard_rules *rules)
{
    *rules = (struct guard_rules){ 0 };
    dice_limits(dice, &rules->all);
    for (uint64_t i = dice_roll(dice, GUARD_NAMED_MAX + 1); i > 0; i--) {
        char name[TAG_MAX];
        struct guard_limits *slot;

        dice_name(dice, name);
        slot = guard_client_slot(rules, name, GUARD_NAMED_MAX);
        do
            dice_limits(dice, slot);
        while (!slot->set); /* none at all is no client */
    }
}
