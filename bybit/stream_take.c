/* What each message is, and telling what it changed. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bybit/stream_parts.h"

/* --- telling what changed --- */

static void tell_state(struct upstream *upstream, enum link_state state)
{
    const struct stream_config *config = &upstream->stream->config;

    upstream->shown = state;
    upstream->status.state = state;
    upstream->status.since_ms = clock_wall_ms();
    if (state == LINK_DOWN || state == LINK_STALE)
        log_warn("stream: link=%s state=%s why=\"%s\" failures=%d",
                 stream_link_word(upstream->link.which), link_state_word(state),
                 state == LINK_STALE ? "mute" : upstream->link.why, upstream->link.failures);
    else
        log_info("stream: link=%s state=%s", stream_link_word(upstream->link.which),
                 link_state_word(state));
    if (!upstream->link.is_private &&
        (state == LINK_DOWN || state == LINK_STALE || state == LINK_IDLE))
        market_set_stale(config->market, upstream_category(upstream));
    config->callbacks->on_link(upstream->link.which, state, upstream->status.since_ms,
                               config->userdata);
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
        if (!link->is_private)
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
    link_gone(&upstream->link, why, clock_mono_ms());
    settle(upstream);
}

void count_unreadable(struct upstream *upstream, const char *why)
{
    char safe[LOG_SAFE_MAX];
    int count = ++upstream->status.unreadable;

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
        upstream->status.last_data_ms = recv_ms;
        link_data(&upstream->link, now_ms);
        if (upstream->link.is_private)
            take_private(upstream, &frame);
        else
            take_public(upstream, &frame, recv_ms);
    } else {
        if ((frame.kind == FRAME_AUTH || frame.kind == FRAME_SUBSCRIBE) && !frame.ok)
            log_warn("stream: link=%s refused: %s", stream_link_word(upstream->link.which),
                     log_safe(frame.text, safe));
        link_answer(&upstream->link, &frame, now_ms);
        if (frame.kind == FRAME_SUBSCRIBE && !upstream->link.is_private)
            tell_joined(upstream);
    }
    settle(upstream);
}
