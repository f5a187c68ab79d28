/* Insurance pools, ADL and price limits in the exchange's JSON. */
#include "sim/messages.h"

#define ADL_START     "-0.3"
#define ADL_STOP      "-0.25"
#define ADL_THRESHOLD "10000"

void message_pool(cJSON *out, const struct pools *pools, int pool, bool stream)
{
    build_text(out, "coin", pool_coin(pool));
    build_text(out, "symbols", pool_symbols(pool));
    build_decimal(out, "balance", pools->balances[pool]);
    if (stream)
        build_int_text(out, "updateTime", pools->updated_ms[pool]);
    else
        build_decimal(out, "value", pools->balances[pool]);
}

void message_adl_rest(cJSON *out, const struct pools *pools, const struct instrument *instrument)
{
    int pool = pool_of(instrument);

    build_text(out, "coin", pool_coin(pool));
    build_text(out, "symbol", instrument->symbol);
    build_decimal(out, "balance", pools->balances[pool]);
    build_text(out, "maxBalance", "");
    build_text(out, "insurancePnlRatio", ADL_START);
    build_decimal(out, "pnlRatio", pools->drawdowns[instrument->index]);
    build_text(out, "adlTriggerThreshold", ADL_THRESHOLD);
    build_text(out, "adlStopRatio", ADL_STOP);
}

/* The stream has numbers where the documentation's table says strings. */
static void add_number(cJSON *out, const char *name, struct decimal value)
{
    char text[DECIMAL_TEXT_MAX];

    (void)cJSON_AddItemToObject(out, name, cJSON_CreateRaw(decimal_format(&value, text)));
}

void message_adl_stream(cJSON *out, const struct pools *pools, const struct instrument *instrument)
{
    int pool = pool_of(instrument);

    build_text(out, "c", pool_coin(pool));
    build_text(out, "s", instrument->symbol);
    add_number(out, "b", pools->balances[pool]);
    build_text(out, "mb", "");
    (void)cJSON_AddItemToObject(out, "i_pr", cJSON_CreateRaw(ADL_START));
    add_number(out, "pr", pools->drawdowns[instrument->index]);
    (void)cJSON_AddItemToObject(out, "adl_tt", cJSON_CreateRaw(ADL_THRESHOLD));
    (void)cJSON_AddItemToObject(out, "adl_sr", cJSON_CreateRaw(ADL_STOP));
}

void message_price_limit(cJSON *out, const struct exchange *exchange,
                         const struct instrument *instrument)
{
    struct price_limit limit = price_limit_at(exchange->mids[instrument->index]);

    build_text(out, "symbol", instrument->symbol);
    build_price(out, "buyLmt", instrument, limit.buy_ticks);
    build_price(out, "sellLmt", instrument, limit.sell_ticks);
}
