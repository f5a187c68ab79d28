/* Cancel-all: what a request may ask for; sim/cancel_all.c does it. */
#include "sim/check.h"
#include "sim/rest_scope.h"

static const struct refusal fine = { 0, "OK" };

static const struct order_kind spot_kinds[] = {
    { "Order", true },
    { "tpslOrder", false },
    { "StopOrder", false },
    { "OcoOrder", false },
    { "BidirectionalTpslOrder", false },
};
static const struct order_kind contract_kinds[] = {
    { "Order", true },
    { "OpenOrder", true },
    { "StopOrder", false },
};
static const struct order_kind option_kinds[] = { { "Order", true }, { "StopOrder", false } };

static struct refusal read_kind(const struct rest_call *call, enum category category, bool *normal)
{
    switch (category) {
    case CATEGORY_SPOT:
        return call_order_kind(call, spot_kinds, ARRAY_LEN(spot_kinds), normal);
    case CATEGORY_LINEAR:
    case CATEGORY_INVERSE:
        return call_order_kind(call, contract_kinds, ARRAY_LEN(contract_kinds), normal);
    case CATEGORY_OPTION:
        return call_order_kind(call, option_kinds, ARRAY_LEN(option_kinds), normal);
    }
    return fine;
}

static struct refusal read_request(const struct rest_call *call, struct order_scope *scope,
                                   bool *normal)
{
    static const char *const texts[] = { "category", "symbol", "baseCoin", "settleCoin" };
    const struct instrument *instrument;
    struct refusal refusal;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (call_is_not_text(call, texts[i]))
            return (struct refusal){ 10001, "params error: a text was expected" };
    }
    refusal = call_scope(call, SCOPE_FOR_CONTRACTS, scope);
    if (!refusal.code && scope->symbol && *scope->symbol)
        refusal = check_symbol(call_text(call, "category"), scope->symbol, &instrument);
    return refusal.code ? refusal : read_kind(call, scope->category, normal);
}

struct refusal rest_cancel_all(struct rest_call *call)
{
    struct sim_order *picks[CANCEL_PICKS_MAX];
    struct order_scope scope;
    bool normal = false;
    struct refusal refusal = read_request(call, &scope, &normal);
    size_t count;
    cJSON *list;

    if (refusal.code)
        return refusal;
    count = normal ? cancel_all_pick(call->exchange, &scope, picks) : 0;
    list = build_list(call->result, "list");
    for (size_t i = 0; i < count; i++) {
        cJSON *item = build_item(list);

        build_text(item, "orderId", picks[i]->order_id);
        build_text(item, "orderLinkId", picks[i]->link);
    }
    cancel_all_start(call->exchange, picks, count);
    build_text(call->result, "success", "1");
    return fine;
}
