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

/* What is none of an exchange's kinds here (OCO) finds nothing. */
static const struct {
    const char *name;
    unsigned kinds;
    bool spot, contract, option; /* cancels know it */
} filters[] = {
    { "Order", ORDER_KIND_NORMAL, true, true, true },
    { "OpenOrder", ORDER_KIND_NORMAL, false, true, false },
    { "StopOrder", ORDER_KIND_CONDITIONAL | ORDER_KIND_CLOSING, true, true, true },
    { "tpslOrder", ORDER_KIND_SPOT_TPSL, true, false, false },
    { "OcoOrder", 0, true, false, false },
    { "BidirectionalTpslOrder", 0, true, false, false },
};

static bool is_known(size_t filter, enum filter_use use, enum category category)
{
    if (use == FILTER_LIST)
        return strcmp(filters[filter].name, "OpenOrder") != 0;
    if (category == CATEGORY_SPOT)
        return filters[filter].spot;
    return category == CATEGORY_OPTION ? filters[filter].option : filters[filter].contract;
}

/* stopOrderType spares what closes a position. */
static unsigned spare(const struct rest_call *call, unsigned kinds)
{
    const char *type = call_text(call, "stopOrderType");

    return type && strcmp(type, "Stop") == 0 ? kinds & ~(unsigned)ORDER_KIND_CLOSING : kinds;
}

struct refusal call_order_filter(const struct rest_call *call, enum filter_use use,
                                 enum category category, unsigned *kinds)
{
    const char *text = call_text(call, "orderFilter");

    *kinds = ORDER_KIND_ALL;
    if (call_is_not_text(call, "orderFilter"))
        return (struct refusal){ 10001, "params error: a text was expected" };
    if (is_empty(text) && use != FILTER_LIST && category == CATEGORY_SPOT)
        *kinds = ORDER_KIND_NORMAL;
    if (is_empty(text))
        return fine;
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        if (strcmp(filters[i].name, text) == 0 && is_known(i, use, category)) {
            *kinds = spare(call, filters[i].kinds);
            return fine;
        }
    }
    if (use == FILTER_CANCEL)
        return (struct refusal){ 170201, "Your order filter is invalid." };
    return (struct refusal){ 10001, "params error: orderFilter is invalid" };
}
