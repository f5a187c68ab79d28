/* Frames of the public links, and what of them was lost (PROTOCOL section 15). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bybit/market_watch.h"
#include "bybit/stream_parts.h"

#define CANDLE_AHEAD_MS 60000 /* a candle does not begin after its own time */

/* --- gaps --- */

static void tell_gap_of(const struct stream_config *config, const struct link_topic *topic,
                        enum category category, const char *symbol, int64_t from_ms, int64_t to_ms)
{
    const struct stream_gap gap = { .kind = topic->kind,
                                    .category = category,
                                    .symbol = symbol,
                                    .depth = topic->depth,
                                    .from_ms = from_ms,
                                    .to_ms = to_ms };

    if (config->callbacks->on_gap)
        config->callbacks->on_gap(&gap, config->userdata);
}

static bool shares_topic(const struct want *want, const struct link_topic *topic)
{
    char name[LINK_TOPIC_BYTES];

    return want->kind == topic->kind && want->category == CATEGORY_OPTION &&
           want_topic(want, name, sizeof(name)) && strcmp(name, topic->name) == 0;
}

static void tell_gap(struct upstream *upstream, const struct link_topic *topic, int64_t from_ms,
                     int64_t to_ms)
{
    const struct stream *stream = upstream->stream;
    enum category category = upstream_category(upstream);

    if (topic->kind != STREAM_TRADES || category != CATEGORY_OPTION) {
        tell_gap_of(&stream->config, topic, category, topic->symbol, from_ms, to_ms);
        return;
    }
    for (size_t i = 0; i < stream->listed.count; i++) {
        const struct want *want = &stream->listed.items[i];

        if (shares_topic(want, topic))
            tell_gap_of(&stream->config, topic, category, want->symbol, from_ms, to_ms);
    }
}

/* Until when the topic was whole: until the link's last frame, or until it was subscribed. */
static int64_t whole_until_ms(const struct upstream *upstream, const struct link_topic *topic)
{
    int64_t data_ms = upstream->status.last_data_ms;

    return data_ms > topic->live_since_ms ? data_ms : topic->live_since_ms;
}

void tell_lost(struct upstream *upstream)
{
    for (size_t i = 0; i < upstream->link.topics_count; i++) {
        struct link_topic *topic = &upstream->link.topics[i];
        bool was_whole = topic->kind == STREAM_BOOK ? !topic->needs_picture : topic->live;

        if (topic->own || !was_whole)
            continue;
        topic->needs_picture = true;
        topic->live = false;
        topic->lost_since_ms = whole_until_ms(upstream, topic);
        tell_gap(upstream, topic, topic->lost_since_ms, 0);
    }
}

void tell_joined(struct upstream *upstream)
{
    int64_t now_ms = clock_wall_ms();

    for (size_t i = 0; i < upstream->link.topics_count; i++) {
        struct link_topic *topic = &upstream->link.topics[i];

        if (topic->own || topic->kind == STREAM_BOOK || topic->live == (topic->state == TOPIC_ON))
            continue;
        topic->live = !topic->live;
        topic->live_since_ms = now_ms;
        if (topic->live && topic->lost_since_ms && !stream_kind_is_state(topic->kind))
            tell_gap(upstream, topic, topic->lost_since_ms, now_ms);
        topic->lost_since_ms = 0;
    }
}

/* --- tickers and books --- */

static void take_ticker(struct upstream *upstream, struct link_topic *topic,
                        const struct frame *frame, int64_t recv_ms)
{
    const struct stream_config *config = &upstream->stream->config;
    struct ticker ticker;

    if (market_merge_ticker(config->market, upstream_category(upstream), topic->symbol,
                            &frame->data, frame->is_snapshot, frame->ts_ms, recv_ms, &ticker)) {
        count_unreadable(upstream, topic->name);
        return;
    }
    link_has_picture(topic);
    config->callbacks->on_ticker(&ticker, recv_ms, config->userdata);
}

/* A spot ticker's bid and ask are those of the depth-1 book. After a break its own frame comes
 * first: until then the last price is from before. */
static void take_best(struct upstream *upstream, const struct link_topic *topic, int64_t recv_ms)
{
    const struct stream_config *config = &upstream->stream->config;
    const struct link_topic *own;
    struct market_ticker ticker;
    char name[LINK_TOPIC_BYTES];

    (void)snprintf(name, sizeof(name), "tickers.%s", topic->symbol);
    own = find_on_link(upstream->stream, LINK_PUBLIC_SPOT, name); /* maybe on another socket */
    if (own && !own->needs_picture &&
        market_ticker(config->market, CATEGORY_SPOT, topic->symbol, &ticker))
        config->callbacks->on_ticker(&ticker.ticker, recv_ms, config->userdata);
}

/* Its frames cannot be applied any more: subscribe again. `whole_ms`: until then it was whole. */
static void lose_book(struct upstream *upstream, struct link_topic *topic, enum book_result result,
                      int64_t whole_ms)
{
    const struct stream_config *config = &upstream->stream->config;
    bool passed = topic->jumps_pass;
    bool had_picture = !topic->needs_picture;

    upstream->due_ms = 0;
    if (!topic->rejoin)
        link_rejoin(topic, result == BOOK_JUMPED, clock_mono_ms());
    if (topic->jumps_pass && !passed) {
        log_warn("stream: topic=%s: u jumps all the time, applying over jumps from now on",
                 topic->name);
        market_let_jumps_pass(config->market, upstream_category(upstream), topic->symbol,
                              topic->depth);
    }
    topic->needs_picture = true;
    if (had_picture)
        tell_gap(upstream, topic, whole_ms, 0);
}

static void lose_distrusted(struct stream *stream, const struct market_distrusted *book)
{
    struct upstream *first = upstream_first(stream, (enum stream_link)book->category);
    struct want named = { .kind = STREAM_BOOK, .depth = book->depth };
    char name[LINK_TOPIC_BYTES];

    memcpy(named.symbol, book->symbol, sizeof(named.symbol));
    if (!want_topic(&named, name, sizeof(name)))
        return;
    for (size_t i = 0; i < STREAM_SOCKETS_MAX; i++) {
        struct link_topic *topic = link_find(&first[i].link, name);

        if (topic)
            lose_book(&first[i], topic, BOOK_BROKEN, book->whole_ms);
    }
}

void take_distrusted(struct stream *stream)
{
    struct market_distrusted books[8]; /* of the others: in the next turn */
    size_t count = market_take_distrusted(stream->config.market, books, ARRAY_LEN(books));

    for (size_t i = 0; i < count; i++)
        lose_distrusted(stream, &books[i]);
}

static bool is_restart(const struct json *data)
{
    int64_t u;

    return json_member_int(data, "u", &u) == ERR_NONE && u == 1;
}

static void take_book(struct upstream *upstream, struct link_topic *topic,
                      const struct frame *frame, int64_t recv_ms)
{
    const struct stream_config *config = &upstream->stream->config;
    enum category category = upstream_category(upstream);
    bool is_snapshot = frame->is_snapshot || is_restart(&frame->data);
    bool needed = topic->needs_picture;
    enum book_result result =
        market_apply_book(config->market, category, topic->symbol, topic->depth, &frame->data,
                          is_snapshot, frame->ts_ms, frame->cts_ms, recv_ms);

    switch (result) {
    case BOOK_APPLIED:
    case BOOK_REPEATED:
        if (is_snapshot)
            link_has_picture(topic);
        /* Whoever was told of a gap waits for a snapshot, even for one that repeats what was known.
         */
        if (topic->needs_picture || (result == BOOK_REPEATED && !needed))
            break;
        config->callbacks->on_book(category, topic->symbol, topic->depth, is_snapshot, &frame->data,
                                   frame->ts_ms, frame->cts_ms, recv_ms, config->userdata);
        if (topic->depth == 1 && category == CATEGORY_SPOT)
            take_best(upstream, topic, recv_ms);
        break;
    case BOOK_WAITING:
        if (topic->picture_due_ms == 0 && topic->state == TOPIC_ON && !topic->rejoin) {
            topic->picture_due_ms = clock_mono_ms() + upstream->stream->times.stale_after_ms;
            upstream->due_ms = 0;
        }
        break;
    case BOOK_JUMPED:
    case BOOK_BROKEN:
        lose_book(upstream, topic, result, recv_ms);
        break;
    }
}

/* A book of depth 1 comes again each 3 s, changed or not: where other topics are heard and it is
 * not, the exchange has forgotten it. */
static bool is_forgotten(const struct link *link, const struct link_topic *topic, int64_t now_ms)
{
    return topic->kind == STREAM_BOOK && topic->depth == 1 && !topic->own &&
           topic->state == TOPIC_ON && !topic->needs_picture && !topic->rejoin &&
           now_ms - topic->data_ms >= link->times.stale_after_ms;
}

void watch_repeats(struct upstream *upstream, int64_t now_ms)
{
    const struct link *link = &upstream->link;
    struct market *market = upstream->stream->config.market;

    if (link->phase != PHASE_OPEN || !link->settled || link->stale)
        return;
    for (size_t i = 0; i < link->topics_count; i++) {
        struct link_topic *topic = &link->topics[i];
        int64_t quiet_ms = now_ms - topic->data_ms;

        if (!is_forgotten(link, topic, now_ms))
            continue;
        log_warn("stream: topic=%s: silent for %" PRId64 " ms, subscribing again", topic->name,
                 quiet_ms);
        market_stale_book(market, upstream_category(upstream), topic->symbol, topic->depth);
        lose_book(upstream, topic, BOOK_BROKEN, clock_wall_ms() - quiet_ms);
    }
}

/* --- trades, candles, liquidations --- */

/* Options share a topic, so what comes is of all symbols of a base coin. */
static bool is_trade_wanted(const struct upstream *upstream, const struct link_topic *topic,
                            const char *symbol)
{
    if (upstream_category(upstream) != CATEGORY_OPTION)
        return strcmp(symbol, topic->symbol) == 0;
    return wants_have(upstream->stream->wants, STREAM_TRADES, CATEGORY_OPTION, symbol, 0);
}

static bool take_trade(const struct upstream *upstream, const struct link_topic *topic,
                       const struct json *item, int64_t recv_ms)
{
    const struct stream_config *config = &upstream->stream->config;
    struct public_trade trade;

    if (trade_from_frame(&trade, item, upstream_category(upstream), NULL))
        return false;
    if (config->callbacks->on_trade && is_trade_wanted(upstream, topic, trade.symbol))
        config->callbacks->on_trade(&trade, recv_ms, config->userdata);
    return true;
}

static bool take_candle(const struct upstream *upstream, const struct link_topic *topic,
                        const struct json *item, int64_t recv_ms)
{
    const struct stream_config *config = &upstream->stream->config;
    struct candle candle;

    if (candle_from_frame(&candle, item, NULL))
        return false;
    /* One such in the market would stay there, as the newest, for ever. */
    if (candle.ts_ms > 0 && candle.start_ms > candle.ts_ms + CANDLE_AHEAD_MS)
        return false;
    candle.category = upstream_category(upstream);
    candle.interval = (enum candle_interval)topic->depth;
    memcpy(candle.symbol, topic->symbol, sizeof(candle.symbol));
    if (market_put_candle(config->market, &candle, recv_ms))
        return false;
    if (config->callbacks->on_candle)
        config->callbacks->on_candle(&candle, recv_ms, config->userdata);
    return true;
}

static bool read_liquidation(struct liquidation *out, const struct json *item)
{
    char side[8];

    return !json_member_text(item, "s", out->symbol, sizeof(out->symbol)) &&
           !json_member_text(item, "S", side, sizeof(side)) && side_parse(side, &out->side) &&
           out->side != SIDE_NONE && !json_member_decimal(item, "p", &out->price) &&
           decimal_sign(&out->price) > 0 && !json_member_decimal(item, "v", &out->qty) &&
           decimal_sign(&out->qty) > 0 && !json_member_int(item, "T", &out->ts_ms);
}

static bool take_liquidation(const struct upstream *upstream, const struct link_topic *topic,
                             const struct json *item, int64_t recv_ms)
{
    const struct stream_config *config = &upstream->stream->config;
    struct liquidation liquidation = { .category = upstream_category(upstream) };

    if (!read_liquidation(&liquidation, item) || strcmp(liquidation.symbol, topic->symbol) != 0)
        return false;
    if (config->callbacks->on_liquidation)
        config->callbacks->on_liquidation(&liquidation, recv_ms, config->userdata);
    return true;
}

/* One item that cannot be read costs only itself, and is counted. */
static void take_items(struct upstream *upstream, const struct link_topic *topic,
                       const struct frame *frame, int64_t recv_ms,
                       bool (*take)(const struct upstream *upstream, const struct link_topic *topic,
                                    const struct json *item, int64_t recv_ms))
{
    struct json_walk walk = json_walk(&frame->data);
    struct json item;

    while (json_next(&walk, NULL, &item)) {
        if (!take(upstream, topic, &item, recv_ms))
            count_unreadable(upstream, topic->name);
    }
}

void take_public(struct upstream *upstream, struct link_topic *topic, const struct frame *frame,
                 int64_t recv_ms)
{
    /* What comes while it is being left has a hole behind it. */
    if (!topic || (topic->state != TOPIC_ON && topic->state != TOPIC_JOINING))
        return;
    switch (topic->kind) {
    case STREAM_TICKER:
        take_ticker(upstream, topic, frame, recv_ms);
        break;
    case STREAM_BOOK:
        take_book(upstream, topic, frame, recv_ms);
        break;
    case STREAM_TRADES:
        take_items(upstream, topic, frame, recv_ms, take_trade);
        break;
    case STREAM_CANDLES:
        take_items(upstream, topic, frame, recv_ms, take_candle);
        break;
    case STREAM_LIQUIDATIONS:
        take_items(upstream, topic, frame, recv_ms, take_liquidation);
        break;
    case STREAM_PRICE_LIMIT:
        take_price_limit(upstream, topic, frame, recv_ms);
        break;
    case STREAM_ADL:
    case STREAM_INSURANCE:
    case STREAM_GREEKS:
        take_pool(upstream, topic, frame, recv_ms);
        break;
    }
}
