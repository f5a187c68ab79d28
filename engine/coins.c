/* engine/coins.c - the coins whose options are scanned. A list of executions of options is of one
 * coin, so a coin that is not named here is missed in every gap; lists of orders are of all coins.
 *
 * The configuration names some. One that turns up in an order, a fill or a position is added for
 * this run, and all that a scan of this run has left out of it is owed.
 */
#include <string.h>

#include "engine/internal.h"

static struct scan_coin *find_coin(struct recovery *recovery, const char *name, size_t bytes)
{
    for (size_t i = 0; i < recovery->coins_count; i++) {
        if (strlen(recovery->coins[i].name) == bytes &&
            memcmp(recovery->coins[i].name, name, bytes) == 0)
            return &recovery->coins[i];
    }
    return NULL;
}

/* NULL: there are too many. */
static struct scan_coin *add_coin(struct recovery *recovery, const char *name, size_t bytes)
{
    struct scan_coin *coin;

    if (recovery->coins_count == OPTION_COINS_SCANNED_MAX)
        return NULL;
    coin = &recovery->coins[recovery->coins_count++];
    *coin = (struct scan_coin){ .owed_ms = NEVER_MS };
    memcpy(coin->name, name, bytes);
    return coin;
}

/* What an option's symbol begins with, as in ETH-28FEB25-2800-C; 0: it is none. */
static size_t coin_bytes(const char *symbol)
{
    size_t bytes = strspn(symbol, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

    return symbol[bytes] == '-' && bytes < COIN_MAX ? bytes : 0;
}

void coins_init(struct engine *engine)
{
    struct recovery *recovery = &engine->recovery;

    for (size_t i = 0; i < engine->config.option_coins_count; i++) {
        const char *name = engine->config.option_coins[i];
        size_t bytes = strnlen(name, COIN_MAX - 1);

        if (!find_coin(recovery, name, bytes))
            (void)add_coin(recovery, name, bytes);
    }
    engine->config.option_coins = NULL; /* borrowed for the call */
}

/* An account that was believed to have none: nothing of any coin has been read. */
static void owe_all(struct recovery *recovery)
{
    recovery->no_options = false;
    if (recovery->scanned_from_ms < recovery->options_owed_ms)
        recovery->options_owed_ms = recovery->scanned_from_ms;
    recovery->options_failed = recovery->plan != PLAN_NONE;
}

/* It has not been read in this run, or not since it was believed not to be there. */
static void owe(struct engine *engine, struct scan_coin *coin)
{
    struct recovery *recovery = &engine->recovery;

    coin->refused = false;
    coin->planned = false;
    if (recovery->no_options)
        owe_all(recovery);
    if (recovery->scanned_from_ms == NEVER_MS)
        return; /* the first plan is still to come */
    if (recovery->scanned_from_ms < coin->owed_ms)
        coin->owed_ms = recovery->scanned_from_ms;
    if (recovery->plan == PLAN_NONE) {
        recovery->rescan_step = 0;
        recovery->rescan_base_ms = engine->now_ms;
    } else {
        recovery->options_seen = true;
        recovery->news = true;
    }
}

void coins_see(struct engine *engine, enum category category, const char *symbol)
{
    struct recovery *recovery = &engine->recovery;
    size_t bytes = category == CATEGORY_OPTION ? coin_bytes(symbol) : 0;
    struct scan_coin *coin = bytes ? find_coin(recovery, symbol, bytes) : NULL;
    bool is_read = coin && !coin->refused && !recovery->no_options;

    if (!bytes)
        return;
    if (!coin)
        coin = add_coin(recovery, symbol, bytes);
    if (!coin) {
        engine->anomalies++;
        return;
    }
    coin->used = true;
    if (!is_read)
        owe(engine, coin);
}

void coins_plan(struct recovery *recovery, bool with_options)
{
    for (size_t i = 0; i < recovery->coins_count; i++) {
        if (recovery->plan == PLAN_RECOVERY)
            recovery->coins[i].refused = false;
        recovery->coins[i].planned = with_options;
    }
}

void coins_settle(struct recovery *recovery)
{
    recovery->options_owed_ms = NEVER_MS;
    for (size_t i = 0; i < recovery->coins_count; i++) {
        if (recovery->coins[i].planned)
            recovery->coins[i].owed_ms = NEVER_MS;
    }
}

int64_t coins_owed_ms(const struct recovery *recovery)
{
    int64_t owed_ms = recovery->options_owed_ms;

    for (size_t i = 0; i < recovery->coins_count; i++) {
        if (recovery->coins[i].owed_ms < owed_ms)
            owed_ms = recovery->coins[i].owed_ms;
    }
    return owed_ms;
}
