#include "sim/rest_scope.h"

#include <string.h>

static const struct refusal fine = { 0, "OK" };

static bool is_empty(const char *text)
{
    return !text || !*text;
}

static bool is_needed(enum scope_need need, enum category category)
{
    if (need == SCOPE_FREE)
        return false;
    return category == CATEGORY_LINEAR ||
           (need == SCOPE_FOR_CONTRACTS && category == CATEGORY_INVERSE);
}

struct refusal call_scope(const struct rest_call *call, enum scope_need need,
                          struct order_scope *out)
{
    struct refusal refusal = call_category(call, &out->category);

    out->symbol = call_text(call, "symbol");
    out->base = call_text(call, "baseCoin");
    out->settle = call_text(call, "settleCoin");
    if (refusal.code)
        return refusal;
    if (is_needed(need, out->category) && is_empty(out->symbol) && is_empty(out->base) &&
        is_empty(out->settle))
        return (struct refusal){ 10001,
                                 "params error: symbol, baseCoin or settleCoin is required" };
    return fine;
}

struct refusal call_order_kind(const struct rest_call *call, const struct order_kind *kinds,
                               size_t kinds_count, bool *normal)
{
    const char *text = call_text(call, "orderFilter");

    *normal = true;
    if (call_is_not_text(call, "orderFilter"))
        return (struct refusal){ 10001, "params error: a text was expected" };
    if (is_empty(text))
        return fine;
    for (size_t i = 0; i < kinds_count; i++) {
        if (strcmp(kinds[i].name, text) == 0) {
            *normal = kinds[i].normal;
            return fine;
        }
    }
    return (struct refusal){ 10001, "params error: orderFilter is invalid" };
}
