#include "sim/feeds.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "sim/messages.h"

#define FRAME_MAX      ((size_t)1024 * 1024)
#define DEPTH_MAX      1000
#define REPEAT_MS      3000
#define TRADES_A_FRAME 1024

struct feed_level {
    int64_t ticks;
    int64_t lots;
};

struct feed_side {
    struct feed_level levels[DEPTH_MAX];
    size_t count;
};

struct book_feed {
    struct feed_side bids;
    struct feed_side asks;
    uint64_t u;
    uint64_t version; /* of the book when last published */
    uint64_t seq;
    int64_t sent_ms;
};

struct feeds {
    struct sockets *sockets;
    struct exchange *exchange;
    struct book_feed books[FEED_COUNT][INSTRUMENT_COUNT]; /* of the book feeds */
    cJSON *tickers[INSTRUMENT_COUNT];                     /* last published */
    cJSON *trades[INSTRUMENT_COUNT];                      /* of this turn */
    uint64_t ticks;
    struct feed_side scratch;
    struct buffer frame;
};

static const struct {
    int linear_ms, spot_ms;
} periods[FEED_COUNT] = {
    [FEED_TICKER] = { 100, 50 },    [FEED_BOOK_1] = { 10, 10 },      [FEED_BOOK_50] = { 20, 20 },
    [FEED_BOOK_200] = { 100, 100 }, [FEED_BOOK_1000] = { 200, 200 }, [FEED_TRADES] = { 10, 10 },
};

static enum socket_kind kind_of(int instrument)
{
    return instrument_at(instrument)->category == CATEGORY_SPOT ? SOCKET_SPOT : SOCKET_LINEAR;
}

struct feeds *feeds_create(struct sockets *sockets, struct exchange *exchange)
{
    struct feeds *feeds = calloc(1, sizeof(*feeds));

    if (!feeds)
        return NULL;
    feeds->sockets = sockets;
    feeds->exchange = exchange;
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
    }
    buffer_deinit(&feeds->frame);
    free(feeds);
}

static bool is_heard(const struct feeds *feeds, enum feed feed, int instrument)
{
    return sockets_listening(feeds->sockets, kind_of(instrument), topic_public(feed, instrument));
}

/* To one session, or to all that listen. */
static void send_frame(struct feeds *feeds, enum feed feed, int instrument,
                       struct socket_session *session)
{
    if (!buffer_check(&feeds->frame)) {
        if (session)
            socket_send(session, feeds->frame.data, feeds->frame.bytes);
        else
            sockets_broadcast(feeds->sockets, kind_of(instrument), topic_public(feed, instrument),
                              feeds->frame.data, feeds->frame.bytes);
    }
    buffer_clear(&feeds->frame);
}

static void open_frame(struct feeds *feeds, enum feed feed, int instrument, const char *type)
{
    char topic[TOPIC_NAME_MAX];

    topic_public_name(feed, instrument, topic);
    buffer_clear(&feeds->frame);
    buffer_addf(&feeds->frame,
                "{\"topic\":\"%s\",\"type\":\"%s\",\"ts\":%" PRId64 ",\"data\":", topic, type,
                feeds->exchange->now_ms);
}

/* --- books --- */

static void add_level(struct feeds *feeds, const struct instrument *instrument,
                      const struct feed_level *level, bool first)
{
    const struct decimal price = instrument_price(instrument, level->ticks);
    const struct decimal size =
        level->lots ? instrument_qty(instrument, level->lots) : DECIMAL_ZERO;
    char price_text[DECIMAL_TEXT_MAX];
    char size_text[DECIMAL_TEXT_MAX];

    buffer_addf(&feeds->frame, "%s[\"%s\",\"%s\"]", first ? "" : ",",
                decimal_format(&price, price_text), decimal_format(&size, size_text));
}

static void open_book(struct feeds *feeds, enum feed feed, int instrument, const char *type)
{
    open_frame(feeds, feed, instrument, type);
    buffer_addf(&feeds->frame, "{\"s\":\"%s\",\"b\":[", instrument_at(instrument)->symbol);
}

static void close_book(struct feeds *feeds, const struct book_feed *book)
{
    buffer_addf(&feeds->frame, "],\"u\":%" PRIu64 ",\"seq\":%" PRIu64 "},\"cts\":%" PRId64 "}",
                book->u, book->seq, book->sent_ms);
}

static void send_snapshot(struct feeds *feeds, enum feed feed, int index,
                          struct socket_session *session)
{
    const struct book_feed *book = &feeds->books[feed][index];
    const struct instrument *instrument = instrument_at(index);

    open_book(feeds, feed, index, "snapshot");
    for (size_t i = 0; i < book->bids.count; i++)
        add_level(feeds, instrument, &book->bids.levels[i], i == 0);
    buffer_add_text(&feeds->frame, "],\"a\":[");
    for (size_t i = 0; i < book->asks.count; i++)
        add_level(feeds, instrument, &book->asks.levels[i], i == 0);
    close_book(feeds, book);
    send_frame(feeds, feed, index, session);
}

static void copy_side(struct feed_side *out, const struct book_side *side, int depth)
{
    out->count = side->count < (size_t)depth ? side->count : (size_t)depth;
    for (size_t i = 0; i < out->count; i++)
        out->levels[i] = (struct feed_level){ side->levels[i].ticks, side->levels[i].lots };
}

static void mark_published(struct feeds *feeds, enum feed feed, int index)
{
    struct book_feed *book = &feeds->books[feed][index];

    book->u++;
    book->version = feeds->exchange->books[index].version;
    book->seq = feeds->exchange->seq;
    book->sent_ms = feeds->exchange->now_ms;
}

static void refresh(struct feeds *feeds, enum feed feed, int index)
{
    struct book_feed *book = &feeds->books[feed][index];
    const struct book *from = &feeds->exchange->books[index];

    copy_side(&book->bids, &from->bids, feed_depth(feed));
    copy_side(&book->asks, &from->asks, feed_depth(feed));
    mark_published(feeds, feed, index);
}

/* Writes the differences between the last published side and the present one, both best first. */
static size_t add_delta(struct feeds *feeds, const struct instrument *instrument, enum side side,
                        const struct feed_side *old, const struct feed_side *new)
{
    size_t i = 0;
    size_t j = 0;
    size_t added = 0;

    while (i < old->count || j < new->count) {
        bool has_old = i < old->count;
        bool has_new = j < new->count;
        bool same = has_old && has_new && old->levels[i].ticks == new->levels[j].ticks;
        struct feed_level level;

        if (same && old->levels[i].lots == new->levels[j].lots) {
            i++;
            j++;
            continue;
        }
        if (has_old && !same &&
            (!has_new || book_crosses(side, old->levels[i].ticks, new->levels[j].ticks))) {
            level = (struct feed_level){ old->levels[i++].ticks, 0 };
        } else {
            level = new->levels[j++];
            i += same;
        }
        add_level(feeds, instrument, &level, added == 0);
        added++;
    }
    return added;
}

static void publish_delta(struct feeds *feeds, enum feed feed, int index)
{
    struct book_feed *book = &feeds->books[feed][index];
    const struct book *from = &feeds->exchange->books[index];
    const struct instrument *instrument = instrument_at(index);
    size_t changes;

    open_book(feeds, feed, index, "delta");
    copy_side(&feeds->scratch, &from->bids, feed_depth(feed));
    changes = add_delta(feeds, instrument, SIDE_BUY, &book->bids, &feeds->scratch);
    memcpy(&book->bids, &feeds->scratch, sizeof(book->bids));
    buffer_add_text(&feeds->frame, "],\"a\":[");
    copy_side(&feeds->scratch, &from->asks, feed_depth(feed));
    changes += add_delta(feeds, instrument, SIDE_SELL, &book->asks, &feeds->scratch);
    memcpy(&book->asks, &feeds->scratch, sizeof(book->asks));
    if (changes == 0) {
        book->version = from->version;
        return;
    }
    mark_published(feeds, feed, index);
    close_book(feeds, book);
    send_frame(feeds, feed, index, NULL);
}

static bool same_top(const struct feed_side *old, const struct book_side *new)
{
    if (old->count == 0 || new->count == 0)
        return old->count == 0 && new->count == 0;
    return old->levels[0].ticks == new->levels[0].ticks &&
           old->levels[0].lots == new->levels[0].lots;
}

/* Depth 1: snapshots only; unchanged for 3 s, the same once more. */
static void publish_top(struct feeds *feeds, int index)
{
    struct book_feed *book = &feeds->books[FEED_BOOK_1][index];
    const struct book *from = &feeds->exchange->books[index];

    if (!same_top(&book->bids, &from->bids) || !same_top(&book->asks, &from->asks)) {
        refresh(feeds, FEED_BOOK_1, index);
        send_snapshot(feeds, FEED_BOOK_1, index, NULL);
    } else if (feeds->exchange->now_ms - book->sent_ms >= REPEAT_MS) {
        book->sent_ms = feeds->exchange->now_ms;
        send_snapshot(feeds, FEED_BOOK_1, index, NULL);
    }
}

uint64_t feeds_book_u(int instrument, void *userdata)
{
    const struct feeds *feeds = userdata;
    uint64_t u = feeds->books[FEED_BOOK_1000][instrument].u;

    return u ? u : 1;
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
    open_frame(feeds, FEED_TICKER, index, type);
    buffer_add_text(&feeds->frame, text);
    buffer_addf(&feeds->frame, ",\"cs\":%" PRIu64 "}", feeds->exchange->seq);
    send_frame(feeds, FEED_TICKER, index, session);
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

    if (delta && kind_of(index) == SOCKET_SPOT)
        send_ticker(feeds, index, "snapshot", ticker, NULL);
    else if (delta)
        send_ticker(feeds, index, "delta", delta, NULL);
    cJSON_Delete(delta);
    keep_ticker(feeds, index, ticker);
}

/* --- trades --- */

void feeds_trade(struct feeds *feeds, const struct instrument *instrument,
                 const struct public_trade *trade)
{
    int index = instrument->index;

    if (!is_heard(feeds, FEED_TRADES, index))
        return;
    if (!feeds->trades[index])
        feeds->trades[index] = cJSON_CreateArray();
    message_trade_stream(build_item(feeds->trades[index]), instrument, trade);
    if (cJSON_GetArraySize(feeds->trades[index]) >= TRADES_A_FRAME)
        feeds_flush(feeds);
}

void feeds_flush(struct feeds *feeds)
{
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        char *text = feeds->trades[i] ? cJSON_PrintUnformatted(feeds->trades[i]) : NULL;

        cJSON_Delete(feeds->trades[i]);
        feeds->trades[i] = NULL;
        if (!text)
            continue;
        open_frame(feeds, FEED_TRADES, i, "snapshot");
        buffer_add_text(&feeds->frame, text);
        buffer_add_text(&feeds->frame, "}");
        send_frame(feeds, FEED_TRADES, i, NULL);
        free(text);
    }
}

/* --- all --- */

void feeds_subscribed(struct socket_session *session, int topic, void *userdata)
{
    struct feeds *feeds = userdata;
    enum feed feed = topic_feed(topic);
    int index = topic_instrument(topic);
    bool heard;

    if (session->kind == SOCKET_PRIVATE || feed == FEED_TRADES)
        return;
    heard = is_heard(feeds, feed, index);
    if (feed == FEED_TICKER) {
        if (!heard || !feeds->tickers[index])
            keep_ticker(feeds, index, make_ticker(feeds, index));
        send_ticker(feeds, index, "snapshot", feeds->tickers[index], session);
        return;
    }
    if (!heard)
        refresh(feeds, feed, index);
    send_snapshot(feeds, feed, index, session);
}

static void publish(struct feeds *feeds, enum feed feed, int index)
{
    const struct book_feed *book = &feeds->books[feed][index];

    if (feed == FEED_TRADES || !is_heard(feeds, feed, index))
        return;
    if (feed == FEED_TICKER)
        publish_ticker(feeds, index);
    else if (feed == FEED_BOOK_1)
        publish_top(feeds, index);
    else if (book->version != feeds->exchange->books[index].version)
        publish_delta(feeds, feed, index);
}

void feeds_tick(struct feeds *feeds)
{
    feeds->ticks++;
    for (int feed = 0; feed < FEED_COUNT; feed++) {
        for (int i = 0; i < INSTRUMENT_COUNT; i++) {
            int period_ms =
                kind_of(i) == SOCKET_SPOT ? periods[feed].spot_ms : periods[feed].linear_ms;

            if (feeds->ticks % (uint64_t)(period_ms / FEED_TICK_MS) == 0)
                publish(feeds, (enum feed)feed, i);
        }
    }
}
