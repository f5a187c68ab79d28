/* Which socket has which topic. A topic stays where it is; a new one goes to the first socket in
 * use that has a place for it, else to the first one that is idle, which is opened by that. A
 * socket whose last topic has left is closed (stream_link.c). What stream_wants.c lets in has a
 * place, as soon as what nobody wants any more has been unsubscribed. */
#include <string.h>

#include "bybit/stream_parts.h"

#define NO_PLACE_RETRY_MS 200

struct upstream *upstream_first(struct stream *stream, enum stream_link link)
{
    return &stream->upstreams[(size_t)link * STREAM_SOCKETS_MAX];
}

static enum stream_link link_of(const struct want *want)
{
    return want_is_private(want->kind) ? LINK_PRIVATE : (enum stream_link)want->category;
}

static size_t sockets_of(enum stream_link link)
{
    return link == LINK_PRIVATE ? 1 : STREAM_SOCKETS_MAX;
}

static struct link_topic *add_topic(struct upstream *upstream, const struct want *want,
                                    const char *name)
{
    struct link_topic *topic = link_want(&upstream->link, name);

    if (!topic)
        return NULL;
    topic->kind = want->kind;
    topic->depth = want->depth;
    memcpy(topic->symbol, want->symbol, sizeof(topic->symbol));
    status_show(upstream, topic);
    upstream->due_ms = 0;
    return topic;
}

struct link_topic *find_on_link(struct stream *stream, enum stream_link link, const char *name)
{
    struct upstream *first = upstream_first(stream, link);

    for (size_t i = 0; i < sockets_of(link); i++) {
        struct link_topic *topic = link_find(&first[i].link, name);

        if (topic)
            return topic;
    }
    return NULL;
}

static struct link_topic *place_topic(struct upstream *first, size_t count, const struct want *want,
                                      const char *name)
{
    for (int in_use = 1; in_use >= 0; in_use--) {
        for (size_t i = 0; i < count; i++) {
            struct link_topic *topic = NULL;

            if ((first[i].link.topics_count > 0) == in_use)
                topic = add_topic(&first[i], want, name);
            if (topic)
                return topic;
        }
    }
    return NULL;
}

/* False: again later, when what is not wanted any more has been unsubscribed. */
static bool want_on_link(struct stream *stream, const struct want *want)
{
    enum stream_link link = link_of(want);
    struct upstream *first = upstream_first(stream, link);
    char name[LINK_TOPIC_BYTES];
    struct link_topic *topic;

    if (!want_topic(want, name, sizeof(name)) || (link == LINK_PRIVATE && !stream->config.signer))
        return true;
    topic = find_on_link(stream, link, name);
    if (!topic)
        topic = place_topic(first, sockets_of(link), want, name);
    if (topic)
        topic->wanted = true;
    return topic != NULL;
}

static void want_nothing(struct upstream *upstream)
{
    for (size_t i = 0; i < upstream->link.topics_count; i++)
        upstream->link.topics[i].wanted = upstream->link.topics[i].own;
    upstream->due_ms = 0;
}

void take_wants(struct stream *stream, int64_t now_ms)
{
    if (!atomic_exchange(&stream->wants_changed, false) && now_ms < stream->wants_next_ms)
        return;
    if (!wants_list(stream->wants, &stream->listed, now_ms, &stream->wants_next_ms)) {
        stream->wants_next_ms = now_ms + NO_PLACE_RETRY_MS;
        return;
    }
    for (size_t i = 0; i < UPSTREAMS; i++)
        want_nothing(&stream->upstreams[i]);
    for (size_t i = 0; i < stream->listed.count; i++) {
        if (!want_on_link(stream, &stream->listed.items[i]) &&
            stream->wants_next_ms > now_ms + NO_PLACE_RETRY_MS)
            stream->wants_next_ms = now_ms + NO_PLACE_RETRY_MS;
    }
}

static void forget_topic(struct market *market, enum category category,
                         const struct link_topic *topic)
{
    switch (topic->kind) {
    case STREAM_TICKER:
        market_forget_ticker(market, category, topic->symbol);
        break;
    case STREAM_BOOK:
        market_forget_book(market, category, topic->symbol, topic->depth);
        break;
    case STREAM_CANDLES:
        market_forget_candle(market, category, topic->symbol, (enum candle_interval)topic->depth);
        break;
    case STREAM_PRICE_LIMIT:
        market_forget_limit(market, category, topic->symbol);
        break;
    case STREAM_ADL:
        market_forget_pool(market, POOL_ADL, topic->symbol);
        break;
    case STREAM_INSURANCE:
        market_forget_pool(market, POOL_INSURANCE, topic->symbol);
        break;
    case STREAM_GREEKS:
        market_forget_pool(market, POOL_GREEKS, topic->symbol);
        break;
    case STREAM_TRADES:
    case STREAM_LIQUIDATIONS:
        break;
    }
}

void forget_topics(struct upstream *upstream)
{
    struct market *market = upstream->stream->config.market;
    struct link_topic topic;

    while (link_reap(&upstream->link, &topic)) {
        status_hide(upstream->stream, &topic);
        forget_topic(market, upstream_category(upstream), &topic);
    }
}
