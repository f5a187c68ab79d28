/* bybit/message_account.c - positions and balances in the exchange's JSON. */
#include <string.h>
#include <strings.h>

#include "bybit/account.h"
#include "bybit/message.h"

/* A number that is nice to have: none when absent or unreadable. */
static struct decimal number(const struct json *value)
{
    struct decimal out;

    return json_number(value, &out) ? DECIMAL_NONE : out;
}

/* A price: 0 means that there is none. */
static struct decimal price(const struct json *value)
{
    struct decimal out = number(value);

    return decimal_sign(&out) > 0 ? out : DECIMAL_NONE;
}

static int64_t whole(const struct json *value)
{
    int64_t out;

    return json_int(value, &out) || out < 0 ? 0 : out;
}

/* --- positions --- */

enum position_member {
    P_CATEGORY,
    P_SYMBOL,
    P_INDEX,
    P_SIDE,
    P_SIZE,
    P_ENTRY,
    P_AVERAGE,
    P_MARK,
    P_LIQUIDATION,
    P_VALUE,
    P_LEVERAGE,
    P_MARGIN,
    P_UNREALISED,
    P_REALISED,
    P_TAKE_PROFIT,
    P_STOP_LOSS,
    P_TRAILING_STOP,
    P_UPDATED,
    P_SEQ,
    P_COUNT
};

static const struct member_name position_names[P_COUNT] = {
    [P_CATEGORY] = MEMBER_NAME("category"),
    [P_SYMBOL] = MEMBER_NAME("symbol"),
    [P_INDEX] = MEMBER_NAME("positionIdx"),
    [P_SIDE] = MEMBER_NAME("side"),
    [P_SIZE] = MEMBER_NAME("size"),
    [P_ENTRY] = MEMBER_NAME("entryPrice"), /* the stream's name */
    [P_AVERAGE] = MEMBER_NAME("avgPrice"), /* REST's name */
    [P_MARK] = MEMBER_NAME("markPrice"),
    [P_LIQUIDATION] = MEMBER_NAME("liqPrice"),
    [P_VALUE] = MEMBER_NAME("positionValue"),
    [P_LEVERAGE] = MEMBER_NAME("leverage"),
    [P_MARGIN] = MEMBER_NAME("positionIM"),
    [P_UNREALISED] = MEMBER_NAME("unrealisedPnl"),
    [P_REALISED] = MEMBER_NAME("curRealisedPnl"),
    [P_TAKE_PROFIT] = MEMBER_NAME("takeProfit"),
    [P_STOP_LOSS] = MEMBER_NAME("stopLoss"),
    [P_TRAILING_STOP] = MEMBER_NAME("trailingStop"),
    [P_UPDATED] = MEMBER_NAME("updatedTime"),
    [P_SEQ] = MEMBER_NAME("seq"),
};

/* Which position it is. */
static enum err read_place(struct position *out, const struct json *found, struct error *error)
{
    char word[16];
    int64_t index = 0;

    if (json_text(&found[P_CATEGORY], word, sizeof(word)) ||
        (word[0] && !category_parse(word, &out->category)))
        return error_set(error, ERR_INVALID, "position: category is not known");
    if (out->category == CATEGORY_SPOT)
        return error_set(error, ERR_INVALID, "position: spot has none");
    if (json_text(&found[P_SYMBOL], out->symbol, sizeof(out->symbol)) ||
        !symbol_is_valid(out->symbol))
        return error_set(error, ERR_INVALID, "position: symbol is missing or no symbol");
    if (json_int(&found[P_INDEX], &index) == ERR_INVALID || index < 0 || index > 2)
        return error_set(error, ERR_INVALID, "position: positionIdx is not 0, 1 or 2");
    out->position_idx = (int)index;
    return ERR_NONE;
}

/* Flat is side "" (REST: also "None") with size 0; either one without the other is no position. */
static enum err read_size(struct position *out, const struct json *found, struct error *error)
{
    char word[16];

    if (json_number(&found[P_SIZE], &out->qty) || decimal_is_none(&out->qty) ||
        decimal_sign(&out->qty) < 0)
        return error_set(error, ERR_INVALID, "position: size is missing or no size");
    out->qty = decimal_trim(out->qty);
    if (json_text(&found[P_SIDE], word, sizeof(word)))
        return error_set(error, ERR_INVALID, "position: side is no text");
    out->side = SIDE_NONE;
    if (decimal_sign(&out->qty) > 0 && !side_parse(word, &out->side))
        return error_set(error, ERR_INVALID, "position: side is neither Buy nor Sell");
    return ERR_NONE;
}

static void read_amounts(struct position *out, const struct json *found)
{
    enum position_member entry = found[P_ENTRY].type != JSON_NONE ? P_ENTRY : P_AVERAGE;

    out->leverage = price(&found[P_LEVERAGE]);
    out->take_profit = price(&found[P_TAKE_PROFIT]);
    out->stop_loss = price(&found[P_STOP_LOSS]);
    out->trailing_stop = price(&found[P_TRAILING_STOP]);
    out->mark_price = price(&found[P_MARK]);
    out->entry_price = price(&found[entry]);
    out->liq_price = price(&found[P_LIQUIDATION]);
    out->value = number(&found[P_VALUE]);
    out->margin = number(&found[P_MARGIN]);
    out->unrealised_pnl = number(&found[P_UNREALISED]);
    out->realised_pnl = number(&found[P_REALISED]);
    out->updated_ms = whole(&found[P_UPDATED]);
    out->seq = whole(&found[P_SEQ]);
}

enum err position_read(struct position *out, const struct json *item, enum category category,
                       struct error *error)
{
    struct json found[P_COUNT];
    struct position position = { .category = category };
    enum err err;

    if (item->type != JSON_OBJECT)
        return error_set(error, ERR_INVALID, "position: not an object");
    message_members(item, position_names, P_COUNT, found);
    err = read_place(&position, found, error);
    if (!err)
        err = read_size(&position, found, error);
    if (err)
        return err;
    read_amounts(&position, found);
    *out = position;
    return ERR_NONE;
}

/* --- balances --- */

enum coin_member {
    C_COIN,
    C_WALLET,
    C_LOCKED,
    C_ORDERS,
    C_POSITIONS,
    C_BONUS,
    C_EQUITY,
    C_UNREALISED,
    C_USD,
    C_MOVABLE,
    C_COUNT
};

static const struct member_name coin_names[C_COUNT] = {
    [C_COIN] = MEMBER_NAME("coin"),
    [C_WALLET] = MEMBER_NAME("walletBalance"),
    [C_LOCKED] = MEMBER_NAME("locked"),
    [C_ORDERS] = MEMBER_NAME("totalOrderIM"),
    [C_POSITIONS] = MEMBER_NAME("totalPositionIM"),
    [C_BONUS] = MEMBER_NAME("bonus"),
    [C_EQUITY] = MEMBER_NAME("equity"),
    [C_UNREALISED] = MEMBER_NAME("unrealisedPnl"),
    [C_USD] = MEMBER_NAME("usdValue"),
    [C_MOVABLE] = MEMBER_NAME("transferBalance"), /* the funding wallet's */
};

/* PROTOCOL section 12: what is neither locked nor margin nor a bonus. None when a number is too
 * large. */
static struct decimal available(const struct json *found, const struct decimal *wallet)
{
    static const enum coin_member used[] = { C_LOCKED, C_ORDERS, C_POSITIONS, C_BONUS };
    struct decimal left = *wallet;

    if (decimal_is_none(wallet))
        return DECIMAL_NONE;
    for (size_t i = 0; i < ARRAY_LEN(used); i++) {
        struct decimal part = number(&found[used[i]]);

        if (!decimal_is_none(&part) && decimal_sub(&left, &left, &part))
            return DECIMAL_NONE;
    }
    if (decimal_sign(&left) < 0)
        return DECIMAL_ZERO;
    return decimal_trim(left);
}

static bool coin_is_valid(const char *coin)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-_.$";

    return coin[0] && strspn(coin, letters) == strlen(coin);
}

static enum err read_coin(struct coin_balance *out, const struct json *item, struct error *error)
{
    struct json found[C_COUNT];
    struct coin_balance coin = { .coin = "" };

    message_members(item, coin_names, C_COUNT, found);
    if (json_text(&found[C_COIN], coin.coin, sizeof(coin.coin)) || !coin_is_valid(coin.coin))
        return error_set(error, ERR_INVALID, "balance: coin is missing or no coin");
    if (found[C_WALLET].type == JSON_NONE || json_number(&found[C_WALLET], &coin.wallet))
        return error_set(error, ERR_INVALID, "balance: walletBalance is missing or no decimal");
    coin.locked = number(&found[C_LOCKED]);
    coin.equity = number(&found[C_EQUITY]);
    coin.unrealised_pnl = number(&found[C_UNREALISED]);
    coin.usd_value = number(&found[C_USD]);
    coin.available = found[C_MOVABLE].type != JSON_NONE ? number(&found[C_MOVABLE])
                                                        : available(found, &coin.wallet);
    *out = coin;
    return ERR_NONE;
}

/* Where the coin is, or belongs. */
static size_t coin_place(const struct balance *balance, const char *coin, bool *found)
{
    size_t low = 0;
    size_t high = balance->coins_count;

    *found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcasecmp(balance->coins[middle].coin, coin);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void balance_put(struct balance *balance, const struct coin_balance *coin)
{
    bool found;
    size_t at = coin_place(balance, coin->coin, &found);

    if (!found) {
        if (balance->coins_count == ACCOUNT_COINS_MAX)
            return;
        memmove(&balance->coins[at + 1], &balance->coins[at],
                (balance->coins_count - at) * sizeof(balance->coins[0]));
        balance->coins_count++;
    }
    balance->coins[at] = *coin;
}

const struct coin_balance *balance_find(const struct balance *balance, const char *coin)
{
    bool found;
    size_t at = coin_place(balance, coin, &found);

    return found ? &balance->coins[at] : NULL;
}

/* All coins are readable, else none is taken. */
static enum err put_coins(struct balance *balance, const struct json *list, bool replace,
                          struct error *error)
{
    struct json_walk walk = json_walk(list);
    struct coin_balance coin;
    struct json item;

    while (json_next(&walk, NULL, &item)) {
        enum err err = read_coin(&coin, &item, error);

        if (err)
            return err;
    }
    if (replace)
        balance->coins_count = 0;
    walk = json_walk(list);
    while (json_next(&walk, NULL, &item)) {
        if (read_coin(&coin, &item, NULL) == ERR_NONE)
            balance_put(balance, &coin);
    }
    return ERR_NONE;
}

enum err balance_merge(struct balance *balance, const struct json *item, bool replace,
                       struct error *error)
{
    struct json equity;
    struct json free_margin;
    struct json used;
    struct json list;
    enum err err;

    if (!json_member(item, "coin", &list) || list.type != JSON_ARRAY)
        return error_set(error, ERR_INVALID, "balance: the account has no list of coins");
    err = put_coins(balance, &list, replace, error);
    if (err)
        return err;
    (void)json_member(item, "totalEquity", &equity);
    (void)json_member(item, "totalAvailableBalance", &free_margin);
    (void)json_member(item, "totalInitialMargin", &used);
    balance->equity = number(&equity);
    balance->available = number(&free_margin);
    balance->margin_used = number(&used);
    return ERR_NONE;
}

enum err balance_read_fund(struct balance *out, const struct json *result, struct error *error)
{
    struct json list;

    if (!json_member(result, "balance", &list) || list.type != JSON_ARRAY)
        return error_set(error, ERR_INVALID, "balance: the answer has no list of coins");
    out->equity = DECIMAL_NONE;
    out->available = DECIMAL_NONE;
    out->margin_used = DECIMAL_NONE;
    out->coins_count = 0;
    return put_coins(out, &list, true, error);
}
