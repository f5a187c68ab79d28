/* Balances, settings of the account. */
#include <string.h>

#include "sim/check.h"
#include "sim/messages.h"
#include "sim/rest.h"

#define COINS_MAX 10

static const struct refusal fine = { 0, "OK" };

static const char *filled_text(const struct rest_call *call, const char *name)
{
    const char *text = call_text(call, name);

    return text && *text ? text : NULL;
}

/* --- balances --- */

struct refusal rest_wallet(struct rest_call *call)
{
    const char *type = call_text(call, "accountType");
    cJSON *list;

    if (!type || strcmp(type, "UNIFIED") != 0)
        return (struct refusal){ 10001, "accountType only support UNIFIED." };
    list = build_list(call->result, "list");
    message_wallet(build_item(list), call->exchange, call_text(call, "coin"));
    return fine;
}

/* What the other wallets hold. */
static const struct {
    const char *coin;
    const char *balance;
} fund[] = { { "USDT", "25000" }, { "BTC", "0.5" }, { "USDC", "0" } };

static void add_balance(cJSON *list, const char *coin, const char *balance, bool bonus)
{
    cJSON *out = build_item(list);

    build_text(out, "coin", coin);
    build_text(out, "transferBalance", balance);
    build_text(out, "walletBalance", balance);
    build_text(out, "bonus", bonus ? "0" : "");
}

static void add_unified(cJSON *list, const struct rest_call *call, const char *coins, bool bonus)
{
    const struct account *account = &call->exchange->account;

    for (int i = 0; i < COIN_COUNT; i++) {
        char text[DECIMAL_TEXT_MAX];

        if (message_coin_listed(coins, account->wallets[i].coin))
            add_balance(list, account->wallets[i].coin,
                        decimal_format(&account->wallets[i].balance, text), bonus);
    }
}

static size_t count_coins(const char *coins)
{
    size_t count = 1;

    for (; *coins; coins++)
        count += *coins == ',';
    return count;
}

struct refusal rest_coins(struct rest_call *call)
{
    const char *type = call_text(call, "accountType");
    const char *coins = filled_text(call, "coin");
    bool unified = type && strcmp(type, "UNIFIED") == 0;
    int64_t bonus;
    cJSON *list;

    if (!unified && (!type || strcmp(type, "FUND") != 0))
        return (struct refusal){ 131002, "Parameter error: accountType is UNIFIED or FUND" };
    if (unified && !coins)
        return (struct refusal){ 131002, "Parameter error: coin is required for UNIFIED" };
    if (coins && count_coins(coins) > COINS_MAX)
        return (struct refusal){ 131002, "Parameter error: at most 10 coins" };
    if (!call_int(call, "withBonus", 0, 1, 0, &bonus))
        return (struct refusal){ 131002, "Parameter error: withBonus is 0 or 1" };
    build_text(call->result, "memberId", ACCOUNT_USER_TEXT);
    build_text(call->result, "accountType", type);
    list = build_list(call->result, "balance");
    if (unified)
        add_unified(list, call, coins, bonus == 1);
    for (size_t i = 0; !unified && i < ARRAY_LEN(fund); i++) {
        if (!coins || message_coin_listed(coins, fund[i].coin))
            add_balance(list, fund[i].coin, fund[i].balance, bonus == 1);
    }
    return fine;
}

/* --- settings --- */

struct refusal rest_account_info(struct rest_call *call)
{
    build_text(call->result, "marginMode", "REGULAR_MARGIN");
    build_text(call->result, "updatedTime", "1697078946000");
    build_int(call->result, "unifiedMarginStatus", 5);
    build_text(call->result, "dcpStatus", "OFF");
    build_int(call->result, "timeWindow", 10);
    build_int(call->result, "smpGroup", 0);
    build_bool(call->result, "isMasterTrader", false);
    build_text(call->result, "spotHedgingStatus", "OFF");
    return fine;
}

static void add_fee_rate(cJSON *list, const struct instrument *instrument, bool option)
{
    cJSON *row = build_item(list);

    build_text(row, "symbol", option ? "" : instrument->symbol);
    build_text(row, "baseCoin", option ? instrument->base : "");
    build_decimal(row, "takerFeeRate", instrument->taker_fee);
    build_decimal(row, "makerFeeRate", instrument->maker_fee);
}

struct refusal rest_fee_rate(struct rest_call *call)
{
    const char *symbol = filled_text(call, "symbol");
    const char *base = filled_text(call, "baseCoin");
    const struct instrument *named = NULL;
    enum category category = CATEGORY_LINEAR;
    struct refusal refusal = call_category(call, &category);
    bool option = category == CATEGORY_OPTION;
    cJSON *list;

    if (!refusal.code && symbol && !option)
        refusal = check_symbol(call_text(call, "category"), symbol, &named);
    if (refusal.code)
        return refusal;
    build_text(call->result, "category", category_word(category));
    list = build_list(call->result, "list");
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        const struct instrument *instrument = instrument_at(i);

        if (instrument->category != category || (named && named != instrument) ||
            (option && base && strcmp(base, instrument->base) != 0) ||
            (option && i != instrument_first_option(instrument->base))) /* one row a base coin */
            continue;
        add_fee_rate(list, instrument, option);
    }
    return fine;
}
