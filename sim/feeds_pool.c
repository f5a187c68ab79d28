/* Price limits, ADL and insurance pools. */
#include <inttypes.h>
#include <stdlib.h>

#include "sim/feeds_parts.h"
#include "sim/messages.h"
#include "sim/random.h"

#define ONE_IN 5 /* seconds: a pool changes by itself, which is told with the next push */

/* Price limits have no type. */
void feed_price_limit_publish(struct feeds *feeds, int index, struct socket_session *session)
{
    cJSON *data = cJSON_CreateObject();
    char *text;

    message_price_limit(data, feeds->exchange, instrument_at(index));
    text = cJSON_PrintUnformatted(data);
    cJSON_Delete(data);
    if (!text)
        return;
    feeds_open_frame(feeds, FEED_PRICE_LIMIT, index, NULL);
    buffer_add_text(&feeds->frame, text);
    buffer_add_text(&feeds->frame, "}");
    feeds_send_frame(feeds, FEED_PRICE_LIMIT, index, session);
    free(text);
}

/* Whether the topic of this bit is the one of those contracts: that of another coin has none. */
static bool is_told(int index, enum category category)
{
    return instrument_at(index)->category == category && topic_coin_has_contracts(index);
}

void feed_adl_publish(struct feeds *feeds, int index)
{
    cJSON *list = cJSON_CreateArray();

    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        const struct instrument *instrument = instrument_at(i);

        if (pool_of(instrument) >= 0 && is_told(index, instrument->category))
            message_adl_stream(build_item(list), &feeds->exchange->pools, instrument);
    }
    if (cJSON_GetArraySize(list) > 0)
        feeds_send_list(feeds, FEED_ADL, index, &list);
    cJSON_Delete(list);
}

/* All that are not shared, or those that have changed since they were told. */
static cJSON *list_pools(struct feeds *feeds, int index, bool all)
{
    const struct pools *pools = &feeds->exchange->pools;
    cJSON *list = NULL;

    for (int pool = 0; pool < POOL_COUNT; pool++) {
        if (pool_is_shared(pool) || !is_told(index, pool_category(pool)) ||
            (!all && feeds->pools_told_ms[pool] == pools->updated_ms[pool]))
            continue;
        if (!all)
            feeds->pools_told_ms[pool] = pools->updated_ms[pool];
        if (!list)
            list = cJSON_CreateArray();
        message_pool(build_item(list), pools, pool, true);
    }
    return list;
}

static void send_pools(struct feeds *feeds, int index, const char *type, cJSON *list,
                       struct socket_session *session)
{
    char *text = list ? cJSON_PrintUnformatted(list) : NULL;

    cJSON_Delete(list);
    if (!text)
        return;
    feeds_open_frame(feeds, FEED_INSURANCE, index, type);
    buffer_add_text(&feeds->frame, text);
    buffer_add_text(&feeds->frame, "}");
    feeds_send_frame(feeds, FEED_INSURANCE, index, session);
    free(text);
}

void feed_insurance_join(struct feeds *feeds, int index, struct socket_session *session, bool heard)
{
    if (!heard)
        cJSON_Delete(list_pools(feeds, index, false)); /* what changed before is old */
    send_pools(feeds, index, "snapshot", list_pools(feeds, index, true), session);
}

void feed_insurance_publish(struct feeds *feeds, int index)
{
    send_pools(feeds, index, "delta", list_pools(feeds, index, false), NULL);
    if (random_between(&feeds->random, 1, ONE_IN) == 1)
        pools_stir(&feeds->exchange->pools, &feeds->random, feeds->exchange->now_ms);
}
