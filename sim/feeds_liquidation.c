/* Liquidations: made up now and then while somebody listens, or ordered through the door. */
#include "sim/build.h"
#include "sim/feeds_parts.h"
#include "sim/random.h"

#define ONE_IN     10  /* pushes, that is about every five seconds */
#define AWAY_PARTS 200 /* half a percent from the mid */
#define LIST_MAX   1000

void feeds_liquidate(struct feeds *feeds, const struct instrument *instrument, enum side side,
                     int64_t ticks, int64_t lots)
{
    cJSON **list = &feeds->liquidations[instrument->index];
    cJSON *item;

    if (!feeds_heard(feeds, FEED_LIQUIDATIONS, instrument->index))
        return;
    if (!*list)
        *list = cJSON_CreateArray();
    if (cJSON_GetArraySize(*list) >= LIST_MAX)
        return;
    item = build_item(*list);
    build_int(item, "T", feeds->exchange->now_ms);
    build_text(item, "s", instrument->symbol);
    build_text(item, "S", side_theirs(side));
    build_qty(item, "v", instrument, lots);
    build_price(item, "p", instrument, ticks);
}

static void make_up(struct feeds *feeds, int index)
{
    const struct instrument *instrument = instrument_at(index);
    int64_t mid = feeds->exchange->mids[index];
    enum side side = random_next(&feeds->random) & 1 ? SIDE_BUY : SIDE_SELL;
    int64_t lots = instrument->typical_lots * random_between(&feeds->random, 1, 100) / 100;

    feeds_liquidate(feeds, instrument, side,
                    side == SIDE_BUY ? mid - mid / AWAY_PARTS : mid + mid / AWAY_PARTS,
                    lots > 0 ? lots : 1);
}

void feed_liquidations_publish(struct feeds *feeds, int index)
{
    if (random_between(&feeds->random, 1, ONE_IN) == 1)
        make_up(feeds, index);
    feeds_send_list(feeds, FEED_LIQUIDATIONS, index, &feeds->liquidations[index]);
}
