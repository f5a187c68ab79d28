/* Positions, wallet, settings of the account. */
#include <string.h>

#include "sim/check.h"
#include "sim/messages.h"
#include "sim/money.h"
#include "sim/rest.h"

#define USER_ID 1000001

static const struct refusal fine = { 0, "OK" };

struct refusal rest_positions(struct rest_call *call)
{
    const char *symbol = call_text(call, "symbol");
    const char *settle = call_text(call, "settleCoin");
    bool named = symbol && *symbol;
    enum category category = CATEGORY_LINEAR;
    struct refusal refusal = call_category(call, &category);
    cJSON *list;

    if (refusal.code)
        return refusal;
    if (category == CATEGORY_SPOT)
        return (struct refusal){ 10001, "params error: category is invalid" };
    if (category == CATEGORY_LINEAR && !named && (!settle || !*settle))
        return (struct refusal){ 10001, "params error: symbol or settleCoin is required" };
    list = build_list(call->result, "list");
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        const struct instrument *instrument = instrument_at(i);
        bool open = call->exchange->account.positions[i].lots != 0;

        if (instrument->category != category)
            continue;
        if (named ? strcmp(symbol, instrument->symbol) == 0
                  : open && strcmp(settle, instrument->settle) == 0)
            message_position(build_item(list), call->exchange, instrument, false);
    }
    build_text(call->result, "nextPageCursor", "");
    build_text(call->result, "category", category_word(category));
    return fine;
}

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

struct refusal rest_fee_rate(struct rest_call *call)
{
    const char *symbol = call_text(call, "symbol");
    enum category category = CATEGORY_LINEAR;
    struct refusal refusal = call_category(call, &category);
    cJSON *list;

    if (refusal.code)
        return refusal;
    build_text(call->result, "category", category_word(category));
    list = build_list(call->result, "list");
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        const struct instrument *instrument = instrument_at(i);
        cJSON *row;

        if (instrument->category != category ||
            (symbol && *symbol && strcmp(symbol, instrument->symbol) != 0))
            continue;
        row = build_item(list);
        build_text(row, "symbol", instrument->symbol);
        build_text(row, "baseCoin", "");
        build_decimal(row, "takerFeeRate", instrument->taker_fee);
        build_decimal(row, "makerFeeRate", instrument->maker_fee);
    }
    return fine;
}

static const struct {
    const char *group;
    const char *names[3];
} permissions[] = {
    { "ContractTrade", { "Order", "Position" } },
    { "Spot", { "SpotTrade" } },
    { "Wallet", { NULL } },
    { "Options", { NULL } },
    { "Derivatives", { "DerivativesTrade" } },
    { "CopyTrading", { NULL } },
    { "BlockTrade", { NULL } },
    { "Exchange", { NULL } },
    { "NFT", { NULL } },
    { "Affiliate", { NULL } },
    { "Earn", { NULL } },
};

static const struct build_constant key_constants[] = {
    { "id", "1" },
    { "note", "simulation" },
    { "secret", "" },
    { "expiredAt", "1970-01-01T00:00:00Z" },
    { "createdAt", "2025-10-13T03:20:45Z" },
    { "vipLevel", "No VIP" },
    { "mktMakerLevel", "0" },
    { "rsaPublicKey", "" },
    { "parentUid", "0" },
    { "kycLevel", "LEVEL_1" },
    { "kycRegion", "MYS" },
    { "userIDInt64", "1000001" },
    { "inviterIDInt64", "0" },
    { "affiliateIDInt64", "0" },
};

struct refusal rest_query_api(struct rest_call *call)
{
    cJSON *groups = build_object(call->result, "permissions");

    for (size_t i = 0; i < ARRAY_LEN(permissions); i++) {
        cJSON *names = build_list(groups, permissions[i].group);

        for (size_t j = 0; j < ARRAY_LEN(permissions[i].names) && permissions[i].names[j]; j++)
            (void)cJSON_AddItemToArray(names, cJSON_CreateString(permissions[i].names[j]));
    }
    build_text(call->result, "apiKey", call->login->key);
    build_constants(call->result, key_constants, ARRAY_LEN(key_constants));
    (void)cJSON_AddItemToArray(build_list(call->result, "ips"), cJSON_CreateString("*"));
    build_int(call->result, "readOnly", 0);
    build_int(call->result, "type", 1);
    build_int(call->result, "deadlineDay", 89);
    build_int(call->result, "unified", 0);
    build_int(call->result, "uta", 1);
    build_int(call->result, "userID", USER_ID);
    build_int(call->result, "inviterID", 0);
    build_int(call->result, "affiliateID", 0);
    build_bool(call->result, "isMaster", true);
    return fine;
}

struct refusal rest_set_leverage(struct rest_call *call)
{
    const char *buy = call_text(call, "buyLeverage");
    const char *sell = call_text(call, "sellLeverage");
    const struct decimal one = { 1, 0 };
    const struct instrument *instrument = NULL;
    struct refusal refusal =
        check_symbol(call_text(call, "category"), call_text(call, "symbol"), &instrument);
    struct position *position;
    struct decimal leverage;

    if (refusal.code)
        return refusal;
    if (instrument->category != CATEGORY_LINEAR || !buy || !sell || strcmp(buy, sell) != 0 ||
        decimal_parse(&leverage, buy) || decimal_trim(leverage).scale > 2)
        return (struct refusal){ 10001, "params error: leverage is invalid" };
    if (money_less(leverage, one) || money_less(instrument->max_leverage, leverage))
        return (struct refusal){ 110013, "cannot set leverage gt maxLeverage by risk limit" };
    position = &call->exchange->account.positions[instrument->index];
    if (decimal_cmp(&leverage, &position->leverage) == 0)
        return (struct refusal){ 110043, "leverage not modified" };
    position->leverage = leverage;
    return fine;
}
