/* Candles: about each second the running one, and once more when it is over. */
#include <inttypes.h>

#include "sim/feeds_parts.h"
#include "sim/messages.h"

#define MINUTE_MS INT64_C(60000)

static struct candle_feed *feed_of(struct feeds *feeds, enum feed feed, int index)
{
    return &feeds->candles[feed - FEED_CANDLES][index];
}

static void start_at(struct candle_feed *candle, int64_t start_ms)
{
    candle->start_ms = start_ms;
    candle->merged_to_ms = start_ms;
    candle->merged.start_ms = -1;
}

void feed_candle_start(struct feeds *feeds, enum feed feed, int index)
{
    start_at(feed_of(feeds, feed, index),
             candle_start((int)feed - FEED_CANDLES, feeds->exchange->now_ms));
}

static void merge_up_to(struct feeds *feeds, struct candle_feed *candle, int index, int64_t to_ms)
{
    struct candle more;

    if (to_ms > candle->merged_to_ms &&
        candle_between(feeds->exchange, index, candle->merged_to_ms, to_ms, &more))
        candle_merge(&candle->merged, &more);
    candle->merged_to_ms = to_ms;
}

static void send_candle(struct feeds *feeds, enum feed feed, int index, const struct candle *candle,
                        bool confirm)
{
    int interval = (int)feed - FEED_CANDLES;
    int64_t start_ms = feed_of(feeds, feed, index)->start_ms;
    cJSON *list = cJSON_CreateArray();
    cJSON *item = build_item(list);

    build_int(item, "start", start_ms);
    build_int(item, "end", candle_next(interval, start_ms) - 1);
    build_text(item, "interval", candle_interval_name(interval));
    message_candle(item, instrument_at(index), candle);
    build_bool(item, "confirm", confirm);
    build_int(item, "timestamp", candle->at_ms);
    feeds_send_list(feeds, feed, index, &list);
}

void feed_candle_publish(struct feeds *feeds, enum feed feed, int index, bool push)
{
    struct candle_feed *candle = feed_of(feeds, feed, index);
    int interval = (int)feed - FEED_CANDLES;
    int64_t now_ms = feeds->exchange->now_ms;
    int64_t next_ms = candle_next(interval, candle->start_ms);
    struct candle running;
    struct candle minute;

    if (now_ms < next_ms && !push)
        return;
    tape_advance(&feeds->exchange->tapes[index], now_ms);
    if (now_ms >= next_ms) {
        merge_up_to(feeds, candle, index, next_ms);
        if (candle->merged.start_ms >= 0)
            send_candle(feeds, feed, index, &candle->merged, true);
        start_at(candle, candle_start(interval, now_ms));
    }
    merge_up_to(feeds, candle, index, now_ms - now_ms % MINUTE_MS);
    running = candle->merged;
    if (candle_between(feeds->exchange, index, candle->merged_to_ms,
                       candle->merged_to_ms + MINUTE_MS, &minute))
        candle_merge(&running, &minute);
    send_candle(feeds, feed, index, &running, false);
}
