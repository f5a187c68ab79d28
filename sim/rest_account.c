/* Positions, balances, settings of the account. */
#include <string.h>

#include "sim/check.h"
#include "sim/hold.h"
#include "sim/messages.h"
#include "sim/money.h"
#include "sim/rest.h"

#define COINS_MAX      10
#define LEVERAGE_SCALE 2 /* of the step that instruments-info shows */

static const struct refusal fine = { 0, "OK" };

/* --- positions --- */

struct position_query {
    enum category category;
    const char *symbol; /* NULL: any that is open */
    const char *settle; /* NULL: any */
    uint64_t first;     /* instrument to start from */
    int64_t limit;
};

static const char *filled_text(const struct rest_call *call, const char *name)
{
    const char *text = call_text(call, name);

    return text && *text ? text : NULL;
}

static struct refusal read_positions(const struct rest_call *call, struct position_query *out)
{
    const struct instrument *instrument;
    struct refusal refusal = call_category(call, &out->category);

    if (refusal.code)
        return refusal;
    out->symbol = filled_text(call, "symbol");
    out->settle = filled_text(call, "settleCoin");
    if (out->category == CATEGORY_SPOT)
        return (struct refusal){ 10001, "params error: category is invalid" };
    if (out->category == CATEGORY_LINEAR && !out->symbol && !out->settle)
        return (struct refusal){ 10001, "params error: symbol or settleCoin is required" };
    if (!call_int(call, "limit", 1, 200, 20, &out->limit) ||
        !call_cursor(call, "position", &out->first))
        return (struct refusal){ 10001, "params error: limit or cursor is invalid" };
    if (out->first == UINT64_MAX)
        out->first = 0;
    return out->symbol ? check_symbol(call_text(call, "category"), out->symbol, &instrument) : fine;
}

static bool position_wanted(const struct position_query *query, const struct instrument *instrument)
{
    if (instrument->category != query->category)
        return false;
    if (query->symbol)
        return strcmp(query->symbol, instrument->symbol) == 0;
    return !query->settle || strcmp(query->settle, instrument->settle) == 0;
}

/* With a symbol also what is flat, both sides in hedge mode. */
static int add_positions(cJSON *list, const struct position_query *query,
                         const struct exchange *exchange, const struct instrument *instrument)
{
    bool hedged = exchange->account.hedged[instrument->index];
    int added = 0;

    for (int idx = hedged ? 1 : 0; idx < (hedged ? POSITION_PLACES : 1); idx++) {
        const struct position *position = &exchange->account.positions[instrument->index][idx];

        if (position->lots == 0 && !query->symbol)
            continue;
        message_position(build_item(list), exchange, position, false);
        added++;
    }
    return added;
}

struct refusal rest_positions(struct rest_call *call)
{
    struct position_query query;
    struct refusal refusal = read_positions(call, &query);
    uint64_t next = 0;
    int64_t added = 0;
    cJSON *list;

    if (refusal.code)
        return refusal;
    list = build_list(call->result, "list");
    for (uint64_t i = query.first; i < INSTRUMENT_COUNT; i++) {
        const struct instrument *instrument = instrument_at((int)i);

        if (!position_wanted(&query, instrument))
            continue;
        added += add_positions(list, &query, call->exchange, instrument);
        if (added >= query.limit) {
            next = i + 1;
            break;
        }
    }
    result_cursor(call, "position", next);
    build_text(call->result, "category", category_word(query.category));
    return fine;
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
            (option && base && strcmp(base, instrument->base) != 0))
            continue;
        add_fee_rate(list, instrument, option);
        if (option)
            break; /* one row a base coin, and there is one */
    }
    return fine;
}

/* One-way mode: both sides alike. */
static bool read_leverage(const struct rest_call *call, struct decimal *out)
{
    const char *buy = call_text(call, "buyLeverage");
    const char *sell = call_text(call, "sellLeverage");
    struct decimal other;

    return buy && sell && !decimal_parse(out, buy) && !decimal_parse(&other, sell) &&
           decimal_cmp(out, &other) == 0 && decimal_trim(*out).scale <= LEVERAGE_SCALE;
}

struct refusal rest_set_leverage(struct rest_call *call)
{
    const struct decimal one = { 1, 0 };
    const struct instrument *instrument = NULL;
    struct refusal refusal =
        check_symbol(call_text(call, "category"), call_text(call, "symbol"), &instrument);
    const struct position *position;
    struct decimal leverage;

    if (refusal.code)
        return refusal;
    if (!instrument_is_contract(instrument) || !read_leverage(call, &leverage))
        return (struct refusal){ 10001, "params error: leverage is invalid" };
    if (money_less(leverage, one) || money_less(instrument->max_leverage, leverage))
        return (struct refusal){ 110013, "cannot set leverage gt maxLeverage by risk limit" };
    position = &call->exchange->account.positions[instrument->index][0];
    if (decimal_cmp(&leverage, &position->leverage) == 0)
        return (struct refusal){ 110043, "leverage not modified" };
    refusal = hold_leverage(call->exchange, instrument, decimal_trim(leverage));
    if (!refusal.code)
        match_tell_account(call->exchange);
    return refusal;
}
