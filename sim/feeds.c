/* The frames, the clock of the feeds, tickers and trades. */
#include "sim/feeds.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/feeds_parts.h"
#include "sim/messages.h"

#define FRAME_MAX      ((size_t)1024 * 1024)
#define TRADES_A_FRAME 1024
#define SECOND_MS      1000

struct feeds *feeds_create(struct sockets *sockets, struct exchange *exchange)
{
    struct feeds *feeds = calloc(1, sizeof(*feeds));

    if (!feeds)
        return NULL;
    feeds->sockets = sockets;
    feeds->exchange = exchange;
    feeds->random = (uint64_t)exchange->now_ms;
    feeds->frame = buffer_of(FRAME_MAX);
    return feeds;
}

void feeds_destroy(struct feeds *feeds)
{
    if (!feeds)
        return;
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        cJSON_Delete(feeds->tickers[i]);
        cJSON_Delete(feeds->trades[i]);
        cJSON_Delete(feeds->liquidations[i]);
    }
    feeds_flood_stop(feeds);
    feed_books_free(feeds);
    buffer_deinit(&feeds->frame);
    free(feeds);
}

/* --- frames --- */

static enum socket_kind kind_of(int instrument)
{
    return (enum socket_kind)instrument_at(instrument)->category;
}

bool feeds_heard(const struct feeds *feeds, enum feed feed, int instrument)
{
    return sockets_listening(feeds->sockets, kind_of(instrument), topic_public(feed, instrument));
}

void feeds_broadcast(struct feeds *feeds, enum feed feed, int instrument, const char *text,
                     size_t bytes)
{
    sockets_broadcast(feeds->sockets, kind_of(instrument), topic_public(feed, instrument), text,
                      bytes);
}

void feeds_send_frame(struct feeds *feeds, enum feed feed, int instrument,
                      struct socket_session *session)
{
    if (!buffer_check(&feeds->frame)) {
        if (session)
            socket_send_topic(session, topic_public(feed, instrument), feeds->frame.data,
                              feeds->frame.bytes);
        else
            feeds_broadcast(feeds, feed, instrument, feeds->frame.data, feeds->frame.bytes);
    }
    buffer_clear(&feeds->frame);
}

/* Options' tickers and trades carry an id. */
void feeds_open_frame(struct feeds *feeds, enum feed feed, int instrument, const char *type)
{
    char topic[TOPIC_NAME_MAX];

    topic_public_name(feed, instrument, topic);
    buffer_clear(&feeds->frame);
    buffer_add_text(&feeds->frame, "{");
    if (kind_of(instrument) == SOCKET_OPTION && feed >= FEED_BOOKS)
        buffer_addf(&feeds->frame, "\"id\":\"%s-%" PRIu64 "-%" PRId64 "\",", topic,
                    feeds->exchange->seq, feeds->exchange->now_ms);
    buffer_addf(&feeds->frame, "\"topic\":\"%s\",%s%s%s\"ts\":%" PRId64 ",\"data\":", topic,
                type ? "\"type\":\"" : "", type ? type : "", type ? "\"," : "",
                feeds->exchange->now_ms);
}

void feeds_send_list(struct feeds *feeds, enum feed feed, int instrument, cJSON **list)
{
    char *text = *list ? cJSON_PrintUnformatted(*list) : NULL;

    cJSON_Delete(*list);
    *list = NULL;
    if (!text)
        return;
    feeds_open_frame(feeds, feed, instrument, "snapshot");
    buffer_add_text(&feeds->frame, text);
    buffer_add_text(&feeds->frame, "}");
    feeds_send_frame(feeds, feed, instrument, NULL);
    free(text);
}

/* --- tickers --- */

static cJSON *make_ticker(struct feeds *feeds, int index)
{
    cJSON *ticker = cJSON_CreateObject();

    message_ticker_stream(ticker, feeds->exchange, instrument_at(index));
    return ticker;
}

static void send_ticker(struct feeds *feeds, int index, const char *type, const cJSON *data,
                        struct socket_session *session)
{
    char *text = cJSON_PrintUnformatted(data);

    if (!text)
        return;
    feeds_open_frame(feeds, FEED_TICKER, index, type);
    buffer_add_text(&feeds->frame, text);
    if (instrument_at(index)->category != CATEGORY_OPTION)
        buffer_addf(&feeds->frame, ",\"cs\":%" PRIu64, feeds->exchange->seq);
    buffer_add_text(&feeds->frame, "}");
    feeds_send_frame(feeds, FEED_TICKER, index, session);
    free(text);
}

static void keep_ticker(struct feeds *feeds, int index, cJSON *ticker)
{
    cJSON_Delete(feeds->tickers[index]);
    feeds->tickers[index] = ticker;
}

/* The members that differ, and the symbol; NULL: none does. */
static cJSON *ticker_delta(const cJSON *old, const cJSON *new)
{
    cJSON *delta = cJSON_CreateObject();
    const cJSON *member;
    int changed = 0;

    cJSON_ArrayForEach(member, new)
    {
        const cJSON *was = cJSON_GetObjectItemCaseSensitive(old, member->string);
        bool differs = !was || strcmp(was->valuestring, member->valuestring) != 0;

        changed += differs;
        if (differs || strcmp(member->string, "symbol") == 0)
            build_text(delta, member->string, member->valuestring);
    }
    if (changed > 0)
        return delta;
    cJSON_Delete(delta);
    return NULL;
}

static void publish_ticker(struct feeds *feeds, int index)
{
    cJSON *ticker = make_ticker(feeds, index);
    cJSON *delta = ticker_delta(feeds->tickers[index], ticker);

    if (delta && instrument_is_contract(instrument_at(index)))
        send_ticker(feeds, index, "delta", delta, NULL);
    else if (delta)
        send_ticker(feeds, index, "snapshot", ticker, NULL);
    cJSON_Delete(delta);
    keep_ticker(feeds, index, ticker);
}

/* --- trades --- */

/* Where the trades of an instrument are told: those of a coin's options together. */
static int told_at(const struct instrument *instrument)
{
    return instrument->category == CATEGORY_OPTION ? instrument_first_option(instrument->base)
                                                   : instrument->index;
}

void feeds_trade(struct feeds *feeds, const struct instrument *instrument,
                 const struct public_trade *trade)
{
    int index = told_at(instrument);

    if (!feeds_heard(feeds, FEED_TRADES, index))
        return;
    if (!feeds->trades[index])
        feeds->trades[index] = cJSON_CreateArray();
    message_trade_stream(build_item(feeds->trades[index]), feeds->exchange, instrument, trade);
    if (cJSON_GetArraySize(feeds->trades[index]) >= TRADES_A_FRAME)
        feeds_flush(feeds);
}

void feeds_flush(struct feeds *feeds)
{
    for (int i = 0; i < INSTRUMENT_COUNT; i++)
        feeds_send_list(feeds, FEED_TRADES, i, &feeds->trades[i]);
}

/* --- all --- */

void feeds_subscribed(struct socket_session *session, int topic, void *userdata)
{
    struct feeds *feeds = userdata;
    enum feed feed = topic_feed(topic);
    int index = topic_instrument(topic);
    bool heard;

    if (session->kind == SOCKET_PRIVATE)
        return;
    heard = feeds_heard(feeds, feed, index);
    if (feed < FEED_BOOKS) {
        feed_book_join(feeds, feed, index, session, heard);
    } else if (feed == FEED_TICKER) {
        if (!heard || !feeds->tickers[index])
            keep_ticker(feeds, index, make_ticker(feeds, index));
        send_ticker(feeds, index, "snapshot", feeds->tickers[index], session);
    } else if (feed == FEED_PRICE_LIMIT) {
        feed_price_limit_publish(feeds, index, session);
    } else if (feed == FEED_INSURANCE) {
        feed_insurance_join(feeds, index, session, heard);
    } else if (feed >= FEED_CANDLES && !heard) {
        feed_candle_start(feeds, feed, index);
    }
}

static const int periods_ms[FEED_COUNT] = {
    [FEED_BOOK_1] = 10,        [FEED_BOOK_25] = 20,      [FEED_BOOK_50] = 20,
    [FEED_BOOK_100] = 100,     [FEED_BOOK_200] = 100,    [FEED_BOOK_1000] = 200,
    [FEED_TICKER] = 100,       [FEED_TRADES] = 0, /* at the end of the turn */
    [FEED_LIQUIDATIONS] = 500, [FEED_PRICE_LIMIT] = 300, [FEED_ADL] = 1000,
    [FEED_INSURANCE] = 1000,
};

#define SPOT_TICKER_MS 50
#define CANDLE_MS      50 /* looks whether one is over */

static int period_ms(enum feed feed, enum socket_kind kind)
{
    if (feed >= FEED_CANDLES)
        return CANDLE_MS;
    return feed == FEED_TICKER && kind == SOCKET_SPOT ? SPOT_TICKER_MS : periods_ms[feed];
}

static bool is_due(const struct feeds *feeds, int every_ms)
{
    return every_ms > 0 && feeds->ticks % (uint64_t)(every_ms / FEED_TICK_MS) == 0;
}

static void publish(struct feeds *feeds, enum feed feed, int index)
{
    if (!feeds_heard(feeds, feed, index))
        return;
    if (feed < FEED_BOOKS)
        feed_book_publish(feeds, feed, index);
    else if (feed == FEED_TICKER)
        publish_ticker(feeds, index);
    else if (feed == FEED_LIQUIDATIONS)
        feed_liquidations_publish(feeds, index);
    else if (feed == FEED_PRICE_LIMIT)
        feed_price_limit_publish(feeds, index, NULL);
    else if (feed == FEED_ADL)
        feed_adl_publish(feeds, index);
    else if (feed == FEED_INSURANCE)
        feed_insurance_publish(feeds, index);
    else
        feed_candle_publish(feeds, feed, index, is_due(feeds, SECOND_MS));
}

void feeds_tick(struct feeds *feeds)
{
    feeds->ticks++;
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        enum socket_kind kind = kind_of(i);

        if (feeds->sockets->topics_count[kind] == 0)
            continue;
        for (int feed = 0; feed < FEED_COUNT; feed++) {
            if (is_due(feeds, period_ms((enum feed)feed, kind)))
                publish(feeds, (enum feed)feed, i);
        }
    }
}
