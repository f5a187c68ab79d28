/* What each message is, and telling what it changed. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bybit/stream_parts.h"

/* --- telling what changed --- */

static void set_stale(const struct upstream *upstream, const struct link_topic *topic)
{
    struct market *market = upstream->stream->config.market;
    enum category category = upstream_category(upstream);

    switch (topic->kind) {
    case STREAM_TICKER:
        if (!topic->own)
            market_stale_ticker(market, category, topic->symbol);
        break;
    case STREAM_BOOK:
        market_stale_book(market, category, topic->symbol, topic->depth);
        break;
    case STREAM_CANDLES:
        market_stale_candle(market, category, topic->symbol, (enum candle_interval)topic->depth);
        break;
    case STREAM_PRICE_LIMIT:
        market_stale_limit(market, category, topic->symbol);
        break;
    case STREAM_ADL:
        market_stale_pool(market, POOL_ADL, topic->symbol);
        break;
    case STREAM_INSURANCE:
        market_stale_pool(market, POOL_INSURANCE, topic->symbol);
        break;
    case STREAM_GREEKS:
        market_stale_pool(market, POOL_GREEKS, topic->symbol);
        break;
    case STREAM_TRADES:
    case STREAM_LIQUIDATIONS:
        break;
    }
}

void stale_leaving(struct upstream *upstream)
{
    for (size_t i = 0; i < upstream->link.topics_count; i++) {
        if (upstream->link.topics[i].state == TOPIC_LEAVING)
            set_stale(upstream, &upstream->link.topics[i]);
    }
}

static void tell_state(struct upstream *upstream, enum link_state state)
{
    if (state == LINK_DOWN || state == LINK_STALE) {
        for (size_t i = 0; i < upstream->link.topics_count; i++)
            set_stale(upstream, &upstream->link.topics[i]);
    }
    status_tell(upstream, state);
}

static int64_t whole_until_ms(const struct upstream *upstream)
{
    int64_t data_ms = upstream->status.last_data_ms;

    return data_ms > upstream->up_since_ms ? data_ms : upstream->up_since_ms;
}

static void tell_private(struct upstream *upstream)
{
    const struct stream_config *config = &upstream->stream->config;
    bool up = link_is_up(&upstream->link);

    if (up == upstream->up_told)
        return;
    upstream->up_told = up;
    if (!up) {
        config->callbacks->on_private_down(whole_until_ms(upstream), config->userdata);
        return;
    }
    upstream->up_since_ms = clock_wall_ms();
    config->callbacks->on_private_up(config->userdata);
}

void settle(struct upstream *upstream)
{
    struct link *link = &upstream->link;
    enum link_state state;

    if (link->phase == PHASE_IDLE || link->phase == PHASE_DOWN) {
        if (upstream->wsi) {
            struct lws *wsi = upstream->wsi;

            upstream->wsi = NULL; /* what still comes from it counts no more */
            lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
        }
        buffer_deinit(&upstream->in);
        upstream->paused = false;
        link_pause(link, false, clock_mono_ms());
        tell_lost(upstream);
    }
    state = link_state(link);
    if (link->is_private)
        tell_private(upstream);
    if (state != upstream->shown)
        tell_state(upstream, state);
}

/* --- messages --- */

void drop_link(struct upstream *upstream, const char *why)
{
    upstream->due_ms = 0;
    link_gone(&upstream->link, why, clock_mono_ms());
    settle(upstream);
}

void count_unreadable(struct upstream *upstream, const char *why)
{
    char safe[LOG_SAFE_MAX];
    int count = ++upstream->status.unreadable;

    upstream->due_ms = 0; /* it is shown */
    if ((count & (count - 1)) == 0)
        log_warn("stream: link=%s unreadable=%d: %s", stream_link_word(upstream->link.which), count,
                 log_safe(why, safe));
}

void take_message(struct upstream *upstream, const char *text, size_t bytes)
{
    struct error error = { .text = "" };
    struct frame frame;
    int64_t now_ms = clock_mono_ms();
    int64_t recv_ms = clock_wall_ms();
    char safe[LOG_SAFE_MAX];

    if (message_frame(&frame, text, bytes, &error)) {
        count_unreadable(upstream, error.text);
        drop_link(upstream, "unreadable frame");
        return;
    }
    if (frame.kind == FRAME_DATA) {
        struct link_topic *topic = link_find(&upstream->link, frame.topic);

        status_data(upstream, topic, recv_ms);
        if (topic)
            topic->data_ms = now_ms;
        link_data(&upstream->link, now_ms);
        if (upstream->link.is_private)
            take_private(upstream, topic, &frame, recv_ms);
        else
            take_public(upstream, topic, &frame, recv_ms);
    } else {
        upstream->due_ms = 0;
        if ((frame.kind == FRAME_AUTH || frame.kind == FRAME_SUBSCRIBE) && !frame.ok)
            log_warn("stream: link=%s refused: %s", stream_link_word(upstream->link.which),
                     log_safe(frame.text, safe));
        link_answer(&upstream->link, &frame, now_ms);
        if (frame.kind == FRAME_SUBSCRIBE)
            tell_joined(upstream);
    }
    settle(upstream);
}
