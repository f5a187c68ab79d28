/* Price limits, insurance pools, ADL, the account's greeks. */
#include <string.h>

#include "sim/check.h"
#include "sim/messages.h"
#include "sim/rest.h"

static const struct refusal fine = { 0, "OK" };

static bool is_wanted(const struct rest_call *call, const char *name, const char *text)
{
    const char *wanted = call_text(call, name);

    return !wanted || !*wanted || strcmp(wanted, text) == 0;
}

/* Linear is meant when no category is given. */
struct refusal rest_price_limit(struct rest_call *call)
{
    const char *category = call_text(call, "category");
    const struct instrument *instrument = NULL;
    struct refusal refusal = check_symbol(category && *category ? category : "linear",
                                          call_text(call, "symbol"), &instrument);

    if (!refusal.code && instrument->category == CATEGORY_OPTION)
        return (struct refusal){ 10001,
                                 "params error: category only support spot, linear, inverse" };
    if (refusal.code)
        return refusal;
    message_price_limit(call->result, call->exchange, instrument);
    build_int_text(call->result, "ts", call->exchange->now_ms);
    return fine;
}

struct refusal rest_insurance(struct rest_call *call)
{
    const struct pools *pools = &call->exchange->pools;
    int64_t newest_ms = 0;
    cJSON *list;

    for (int pool = 0; pool < POOL_COUNT; pool++) {
        if (pools->updated_ms[pool] > newest_ms)
            newest_ms = pools->updated_ms[pool];
    }
    build_int_text(call->result, "updatedTime", newest_ms);
    list = build_list(call->result, "list");
    for (int pool = 0; pool < POOL_COUNT; pool++) {
        if (is_wanted(call, "coin", pool_coin(pool)))
            message_pool(build_item(list), pools, pool, false);
    }
    return fine;
}

struct refusal rest_adl_alert(struct rest_call *call)
{
    cJSON *list;

    build_int_text(call->result, "updatedTime", call->exchange->now_ms);
    list = build_list(call->result, "list");
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        const struct instrument *instrument = instrument_at(i);

        if (pool_of(instrument) >= 0 && is_wanted(call, "symbol", instrument->symbol))
            message_adl_rest(build_item(list), &call->exchange->pools, instrument);
    }
    return fine;
}

struct refusal rest_coin_greeks(struct rest_call *call)
{
    message_greeks(build_list(call->result, "list"), call->exchange, call_text(call, "baseCoin"));
    return fine;
}
