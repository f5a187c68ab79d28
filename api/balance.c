/* api/balance.c - coins: of the unified account from memory, of the funding wallet over REST. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "api/account_read.h"
#include "api/events.h"
#include "api/handlers.h"
#include "api/lookup.h"
#include "api/market.h"
#include "base/text.h"

#define FUND_CACHE_MS 2000 /* five a second is all that the exchange allows */

enum wallet { WALLET_UNIFIED, WALLET_FUND };
static const char *const wallet_words[] = { "unified", "fund" };

/* A coin that the exchange knows and the account does not hold. */
static struct coin_balance no_coin(const char *name, bool fund)
{
    const struct decimal zero = DECIMAL_ZERO;
    const struct decimal absent = fund ? DECIMAL_NONE : zero;
    struct coin_balance none = { .wallet = zero,
                                 .available = zero,
                                 .locked = absent,
                                 .equity = absent,
                                 .unrealised_pnl = absent,
                                 .usd_value = absent };

    text_cut(none.coin, sizeof(none.coin), name);
    return none;
}

static void answer_coin(const struct account_read *read, const struct balance *balance,
                        int64_t as_of_ms, const char *source)
{
    const struct coin_balance *held = balance_find(balance, read->coin);
    struct coin_balance none = no_coin(read->coin, read->answer == NULL);

    api_add_coin(api_reply_begin(read->call), held ? held : &none, as_of_ms, source);
    api_reply_age(read->call, as_of_ms, source);
    api_reply(read->call, 200, API_JSON);
}

static void answer_balance(const struct account_read *read, const struct balance *balance,
                           int64_t as_of_ms, const char *source)
{
    if (read->coin[0]) {
        answer_coin(read, balance, as_of_ms, source);
        return;
    }
    api_add_balance(api_reply_begin(read->call), balance, as_of_ms, source);
    api_reply_age(read->call, as_of_ms, source);
    api_reply(read->call, 200, API_JSON);
}

static void answer_unified(const struct account_read *read, int64_t as_of_ms, const char *source)
{
    struct balance *balance = malloc(sizeof(*balance));

    if (balance && account_balance(read->api->account, balance))
        answer_balance(read, balance, as_of_ms, source);
    else
        api_fail(read->call, NULL, "internal", "out of memory");
    free(balance);
}

static void on_fund_answer(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct account_read *read = userdata;
    struct balance *balance = malloc(sizeof(*balance));
    struct envelope envelope;
    struct error error;

    if (!balance)
        api_fail(read->call, NULL, "internal", "out of memory");
    else if (!market_open_answer(read->call, answer, &envelope))
        ; /* answered */
    else if (balance_read_fund(balance, &envelope.result, &error))
        account_fail_upstream(read->call, &error);
    else if (!account_is_too_old(read, as_of_ms, "rest"))
        answer_balance(read, balance, as_of_ms, "rest");
    free(balance);
    free(read);
}

/* False: answered already. */
static bool read_wallet(const struct account_read *read, enum wallet *out)
{
    struct api_refusal refusal;
    size_t word;

    if (lookup_word(read->call, "account", wallet_words, ARRAY_LEN(wallet_words), WALLET_UNIFIED,
                    &word, &refusal)) {
        api_fail_refusal(read->call, &refusal, NULL, NULL);
        return false;
    }
    *out = (enum wallet)word;
    return true;
}

static void serve(struct account_read *read, enum wallet wallet)
{
    if (wallet == WALLET_FUND) {
        account_read_rest(read, ROUTE_FUND_BALANCE, CATEGORY_SPOT, "accountType=FUND",
                          FUND_CACHE_MS, on_fund_answer);
        return;
    }
    read->part = ACCOUNT_BALANCE;
    read->answer = answer_unified;
    account_read_serve(read);
}

void handle_balance(const struct api *api, struct api_call *call)
{
    struct account_read read;
    enum wallet wallet;

    if (account_read_begin(&read, api, call) && read_wallet(&read, &wallet))
        serve(&read, wallet);
}

/* --- one coin --- */

static bool is_coin_of(const struct instrument *instrument, const char *coin)
{
    return strcmp(instrument->base, coin) == 0 || strcmp(instrument->quote, coin) == 0 ||
           strcmp(instrument->settle, coin) == 0;
}

/* A coin is known that some symbol is made of, or that the account has. */
static enum err find_coin(const struct account_read *read, struct api_refusal *refusal)
{
    const struct instruments *all = instruments_newest(read->api->instruments);
    bool found = false;
    enum err err;

    for (size_t i = 0; all && !found && i < instruments_count(all); i++)
        found = is_coin_of(instruments_at(all, i), read->coin);
    if (all) {
        instruments_unref(all);
        return found ? ERR_NONE
                     : api_refuse(refusal, "unknown_coin", "no symbol has a coin %s", read->coin);
    }
    err = api_refuse(refusal, "not_ready", "the list of symbols is not loaded yet");
    refusal->retry_after_ms = 1000;
    return err;
}

static bool is_held(const struct account_read *read)
{
    struct balance *balance = malloc(sizeof(*balance));
    bool held = balance && account_balance(read->api->account, balance) &&
                balance_find(balance, read->coin);

    free(balance);
    return held;
}

static bool read_coin(struct account_read *read)
{
    struct api_refusal refusal;

    if (text_copy(read->coin, sizeof(read->coin), read->call->param)) {
        api_fail(read->call, NULL, "unknown_coin", "a coin's name is not so long");
        return false;
    }
    for (char *letter = read->coin; *letter; letter++)
        *letter = (char)toupper((unsigned char)*letter);
    if (!is_held(read) && find_coin(read, &refusal)) {
        api_fail_refusal(read->call, &refusal, NULL, NULL);
        return false;
    }
    return true;
}

void handle_balance_coin(const struct api *api, struct api_call *call)
{
    struct account_read read;
    enum wallet wallet;

    if (account_read_begin(&read, api, call) && read_wallet(&read, &wallet) && read_coin(&read))
        serve(&read, wallet);
}
