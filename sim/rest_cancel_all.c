/* Cancel-all: what a request may ask for; sim/cancel_all.c does it. */
#include "sim/check.h"
#include "sim/rest_scope.h"

static const struct refusal fine = { 0, "OK" };

static struct refusal read_request(const struct rest_call *call, struct order_scope *scope)
{
    static const char *const texts[] = { "category", "symbol", "baseCoin", "settleCoin",
                                         "stopOrderType" };
    const struct instrument *instrument;
    struct refusal refusal;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (call_is_not_text(call, texts[i]))
            return (struct refusal){ 10001, "params error: a text was expected" };
    }
    refusal = call_scope(call, SCOPE_FOR_CONTRACTS, scope);
    if (!refusal.code && scope->symbol && *scope->symbol)
        refusal = check_symbol(call_text(call, "category"), scope->symbol, &instrument);
    if (refusal.code)
        return refusal;
    return call_order_filter(call, FILTER_CANCEL_ALL, scope->category, &scope->kinds);
}

struct refusal rest_cancel_all(struct rest_call *call)
{
    struct sim_order *picks[CANCEL_PICKS_MAX];
    struct order_scope scope;
    struct refusal refusal = read_request(call, &scope);
    size_t count;
    cJSON *list;

    if (refusal.code)
        return refusal;
    count = cancel_all_pick(call->exchange, &scope, picks);
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
