/* Frames of the smaller states: price limits, and lists that are known row by row. */
#include <string.h>

#include "bybit/stream_parts.h"

void take_price_limit(struct upstream *upstream, struct link_topic *topic,
                      const struct frame *frame, int64_t recv_ms)
{
    const struct stream_config *config = &upstream->stream->config;
    struct price_limit limit;

    if (price_limit_read(&limit, &frame->data, NULL) || strcmp(limit.symbol, topic->symbol) != 0) {
        count_unreadable(upstream, topic->name);
        return;
    }
    limit.category = upstream_category(upstream);
    limit.ts_ms = frame->ts_ms;
    if (market_put_limit(config->market, &limit, recv_ms)) {
        count_unreadable(upstream, topic->name);
        return;
    }
    link_has_picture(topic);
    if (config->callbacks->on_price_limit)
        config->callbacks->on_price_limit(&limit, recv_ms, config->userdata);
}

static enum pool_kind kind_of(const struct link_topic *topic)
{
    if (topic->kind == STREAM_ADL)
        return POOL_ADL;
    return topic->kind == STREAM_INSURANCE ? POOL_INSURANCE : POOL_GREEKS;
}

/* What is told is the whole list: readers keep the latest only. */
void take_pool(struct upstream *upstream, struct link_topic *topic, const struct frame *frame,
               int64_t recv_ms)
{
    const struct stream_config *config = &upstream->stream->config;
    enum pool_kind kind = kind_of(topic);
    struct pool pool;

    if (market_merge_pool(config->market, kind, topic->symbol, &frame->data, frame->is_snapshot,
                          frame->ts_ms, recv_ms) > 0)
        count_unreadable(upstream, topic->name);
    if (!config->callbacks->on_pool || !market_pool(config->market, kind, topic->symbol, &pool))
        return;
    config->callbacks->on_pool(&pool, config->userdata);
    pool_deinit(&pool);
}
