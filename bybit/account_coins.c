/* bybit/account_coins.c - the balance: messages and loads are merged coin by coin. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "bybit/account_parts.h"

static bool coin_equals(const struct coin_balance *a, const struct coin_balance *b)
{
    return strcmp(a->coin, b->coin) == 0 && decimal_cmp(&a->wallet, &b->wallet) == 0 &&
           decimal_cmp(&a->available, &b->available) == 0 &&
           decimal_cmp(&a->locked, &b->locked) == 0 && decimal_cmp(&a->equity, &b->equity) == 0 &&
           decimal_cmp(&a->unrealised_pnl, &b->unrealised_pnl) == 0 &&
           decimal_cmp(&a->usd_value, &b->usd_value) == 0;
}

static bool balance_equals(const struct balance *a, const struct balance *b)
{
    bool equal = a->coins_count == b->coins_count && decimal_cmp(&a->equity, &b->equity) == 0 &&
                 decimal_cmp(&a->available, &b->available) == 0 &&
                 decimal_cmp(&a->margin_used, &b->margin_used) == 0;

    for (size_t i = 0; equal && i < a->coins_count; i++)
        equal = coin_equals(&a->coins[i], &b->coins[i]);
    return equal;
}

static void touch(struct account *account, const char *coin, int64_t now_ms)
{
    size_t at = 0;

    while (at < account->touched_count && strcmp(account->touched[at].coin, coin) != 0)
        at++;
    if (at == ACCOUNT_COINS_MAX)
        return; /* as many as there are coins kept */
    if (at == account->touched_count)
        account->touched_count++;
    text_cut(account->touched[at].coin, sizeof(account->touched[at].coin), coin);
    account->touched[at].message_ms = now_ms;
}

/* Outside of `lock`, inside of `turn`. */
static void tell_balance(struct account *account)
{
    struct load *load = &account->loads[ACCOUNT_BALANCE];
    int64_t as_of_ms;
    bool loaded;

    if (!account->config.callbacks || !account->config.callbacks->on_balance)
        return;
    pthread_mutex_lock(&account->lock);
    account->scratch = account->balance;
    as_of_ms = load->as_of_ms;
    loaded = load->loaded;
    pthread_mutex_unlock(&account->lock);
    if (loaded)
        account->config.callbacks->on_balance(&account->scratch, as_of_ms,
                                              account->config.userdata);
}

void account_tell_balance(struct account *account)
{
    pthread_mutex_lock(&account->turn);
    if (account->balance_changed)
        tell_balance(account);
    pthread_mutex_unlock(&account->turn);
}

void account_on_wallet(struct account *account, const struct json *item)
{
    struct error error;
    enum err err;

    pthread_mutex_lock(&account->turn);
    pthread_mutex_lock(&account->lock);
    account->scratch.coins_count = 0;
    err = balance_merge(&account->scratch, item, true, &error);
    if (!err)
        err = balance_merge(&account->balance, item, false, &error);
    if (!err) {
        for (size_t i = 0; i < account->scratch.coins_count; i++)
            touch(account, account->scratch.coins[i].coin, clock_mono_ms());
        account->totals_ms = clock_mono_ms();
        account->loads[ACCOUNT_BALANCE].as_of_ms = clock_wall_ms();
    }
    pthread_mutex_unlock(&account->lock);
    if (err)
        log_warn("account: a wallet message is not readable: %s", error.text);
    else
        tell_balance(account);
    pthread_mutex_unlock(&account->turn);
}

/* Forgets the coins whose messages the load surely has. */
static void forget_touched(struct account *account, int64_t begin_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < account->touched_count; i++) {
        if (account_is_protected(account, account->touched[i].message_ms, begin_ms))
            account->touched[kept++] = account->touched[i];
    }
    account->touched_count = kept;
}

enum err account_take_balance(struct account *account, const struct json *item, int64_t begin_ms,
                              int64_t as_of_ms, struct error *error)
{
    struct load *load = &account->loads[ACCOUNT_BALANCE];
    struct balance *loaded = &account->scratch;
    enum err err;

    pthread_mutex_lock(&account->turn);
    loaded->coins_count = 0;
    err = balance_merge(loaded, item, true, error);
    pthread_mutex_lock(&account->lock);
    if (!err) {
        forget_touched(account, begin_ms);
        for (size_t i = 0; i < account->touched_count; i++) {
            const struct coin_balance *coin =
                balance_find(&account->balance, account->touched[i].coin);

            if (coin)
                balance_put(loaded, coin);
        }
        if (account_is_protected(account, account->totals_ms, begin_ms)) {
            loaded->equity = account->balance.equity;
            loaded->available = account->balance.available;
            loaded->margin_used = account->balance.margin_used;
        }
        account->balance_changed = !load->loaded || !balance_equals(loaded, &account->balance);
        account->balance = *loaded;
        if (as_of_ms > load->as_of_ms)
            load->as_of_ms = as_of_ms;
    }
    pthread_mutex_unlock(&account->lock);
    pthread_mutex_unlock(&account->turn);
    return err;
}

bool account_balance(struct account *account, struct balance *out)
{
    bool loaded;

    pthread_mutex_lock(&account->lock);
    loaded = account->loads[ACCOUNT_BALANCE].loaded;
    if (loaded)
        *out = account->balance;
    pthread_mutex_unlock(&account->lock);
    return loaded;
}
