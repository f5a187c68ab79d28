/* Books. What was last published is kept for each depth, so that a delta is the difference to it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/feeds_parts.h"

#define REPEAT_MS 3000

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
    feeds_open_frame(feeds, feed, instrument, type);
    buffer_addf(&feeds->frame, "{\"s\":\"%s\",\"b\":[", instrument_at(instrument)->symbol);
}

static void close_book(struct feeds *feeds, const struct book_feed *book)
{
    buffer_addf(&feeds->frame, "],\"u\":%" PRIu64 ",\"seq\":%" PRIu64 "},\"cts\":%" PRId64 "}",
                book->u, book->seq, book->changed_ms);
}

static void add_levels(struct feeds *feeds, const struct instrument *instrument,
                       const struct feed_level *levels, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_level(feeds, instrument, &levels[i], i == 0);
}

void feed_book_snapshot(struct feeds *feeds, enum feed feed, int index,
                        struct socket_session *session)
{
    const struct book_feed *book = &feeds->books[feed][index];
    const struct instrument *instrument = instrument_at(index);

    open_book(feeds, feed, index, "snapshot");
    add_levels(feeds, instrument, book->bids.levels, book->bids.count);
    buffer_add_text(&feeds->frame, "],\"a\":[");
    add_levels(feeds, instrument, book->asks.levels, book->asks.count);
    close_book(feeds, book);
    feeds_send_frame(feeds, feed, index, session);
}

static void copy_side(struct feed_side *out, const struct book_side *side, int depth)
{
    out->count = side->count < (size_t)depth ? side->count : (size_t)depth;
    for (size_t i = 0; i < out->count; i++)
        out->levels[i] = (struct feed_level){ side->levels[i].ticks, side->levels[i].lots };
}

void feed_book_advance(struct feeds *feeds, enum feed feed, int index)
{
    struct book_feed *book = &feeds->books[feed][index];

    book->u++;
    book->version = feeds->exchange->books[index].version;
    book->seq = feeds->exchange->seq;
    book->changed_ms = feeds->exchange->now_ms;
    book->sent_ms = feeds->exchange->now_ms;
}

static void refresh(struct feeds *feeds, enum feed feed, int index)
{
    struct book_feed *book = &feeds->books[feed][index];
    const struct book *from = &feeds->exchange->books[index];

    copy_side(&book->bids, &from->bids, feed_depth(feed));
    copy_side(&book->asks, &from->asks, feed_depth(feed));
    feed_book_advance(feeds, feed, index);
}

void feed_book_replace(struct feeds *feeds, struct book_feed *book, enum side side,
                       const struct feed_side *new)
{
    struct feed_side *old = side == SIDE_BUY ? &book->bids : &book->asks;

    levels_delta(side, old, new, &feeds->changes[side == SIDE_SELL]);
    memcpy(old, new, sizeof(*old));
}

/* Takes over the present state. Returns how many levels the delta has. */
static size_t make_delta(struct feeds *feeds, enum feed feed, int index)
{
    struct book_feed *book = &feeds->books[feed][index];
    const struct book *from = &feeds->exchange->books[index];
    struct level_changes *bids = &feeds->changes[0];

    copy_side(&feeds->scratch, &from->bids, feed_depth(feed));
    feed_book_replace(feeds, book, SIDE_BUY, &feeds->scratch);
    if (book->fault == BOOK_FAULT_ALTER && book->bids.count > 0) {
        struct feed_level wrong = book->bids.levels[book->bids.count / 2];

        wrong.lots++;
        bids->levels[bids->count++] = wrong;
    }
    copy_side(&feeds->scratch, &from->asks, feed_depth(feed));
    feed_book_replace(feeds, book, SIDE_SELL, &feeds->scratch);
    return bids->count + feeds->changes[1].count;
}

static void send_twice(struct feeds *feeds, enum feed feed, int index)
{
    if (!buffer_check(&feeds->frame))
        feeds_broadcast(feeds, feed, index, feeds->frame.data, feeds->frame.bytes);
    feeds_send_frame(feeds, feed, index, NULL);
}

/* The first delta is held back, the second one sent before it. */
static void send_in_turn(struct feeds *feeds, enum feed feed, int index)
{
    struct book_feed *book = &feeds->books[feed][index];

    if (!book->held && !buffer_check(&feeds->frame)) {
        book->held = strdup(feeds->frame.data);
        buffer_clear(&feeds->frame);
        if (book->held)
            return;
    }
    feeds_send_frame(feeds, feed, index, NULL);
    if (book->held)
        feeds_broadcast(feeds, feed, index, book->held, strlen(book->held));
    free(book->held);
    book->held = NULL;
    book->fault = BOOK_FAULT_NONE;
}

void feed_book_send(struct feeds *feeds, enum feed feed, int index)
{
    struct book_feed *book = &feeds->books[feed][index];
    const struct instrument *instrument = instrument_at(index);
    enum book_fault fault = book->fault;

    open_book(feeds, feed, index, "delta");
    add_levels(feeds, instrument, feeds->changes[0].levels, feeds->changes[0].count);
    buffer_add_text(&feeds->frame, "],\"a\":[");
    add_levels(feeds, instrument, feeds->changes[1].levels, feeds->changes[1].count);
    close_book(feeds, book);
    if (fault == BOOK_FAULT_REORDER) {
        send_in_turn(feeds, feed, index);
        return;
    }
    book->fault = BOOK_FAULT_NONE;
    if (fault == BOOK_FAULT_GAP)
        buffer_clear(&feeds->frame);
    else if (fault == BOOK_FAULT_DUPLICATE)
        send_twice(feeds, feed, index);
    else
        feeds_send_frame(feeds, feed, index, NULL);
}

static void publish_delta(struct feeds *feeds, enum feed feed, int index)
{
    struct book_feed *book = &feeds->books[feed][index];

    if (make_delta(feeds, feed, index) == 0 && book->fault != BOOK_FAULT_GAP) {
        book->version = feeds->exchange->books[index].version;
        return;
    }
    feed_book_advance(feeds, feed, index);
    feed_book_send(feeds, feed, index);
}

void feed_book_forget_fault(struct book_feed *book)
{
    free(book->held);
    book->held = NULL;
    book->fault = BOOK_FAULT_NONE;
}

/* For a book that nobody heard up to now. */
static void begin(struct feeds *feeds, enum feed feed, int index)
{
    struct book_feed *book = &feeds->books[feed][index];

    feed_book_forget_fault(book);
    if (book->u < FEED_U_START)
        book->u = FEED_U_START;
    refresh(feeds, feed, index);
}

static void restart(struct feeds *feeds, enum feed feed, int index)
{
    struct book_feed *book = &feeds->books[feed][index];

    feed_book_forget_fault(book);
    book->u = 0;
    refresh(feeds, feed, index);
    feed_book_snapshot(feeds, feed, index, NULL);
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
        feed_book_snapshot(feeds, FEED_BOOK_1, index, NULL);
    } else if (feeds->exchange->now_ms - book->sent_ms >= REPEAT_MS) {
        book->sent_ms = feeds->exchange->now_ms;
        feed_book_snapshot(feeds, FEED_BOOK_1, index, NULL);
    }
}

void feed_book_publish(struct feeds *feeds, enum feed feed, int index)
{
    const struct book_feed *book = &feeds->books[feed][index];

    if (feed_is_flooded(feeds, feed, index))
        return;
    if (book->fault == BOOK_FAULT_RESTART)
        restart(feeds, feed, index);
    else if (feed == FEED_BOOK_1)
        publish_top(feeds, index);
    else if (book->version != feeds->exchange->books[index].version ||
             book->fault == BOOK_FAULT_GAP || book->fault == BOOK_FAULT_ALTER)
        publish_delta(feeds, feed, index);
}

void feed_book_join(struct feeds *feeds, enum feed feed, int index, struct socket_session *session,
                    bool heard)
{
    if (feed_is_flooded(feeds, feed, index))
        feed_flood_joined(feeds);
    else if (!heard)
        begin(feeds, feed, index);
    feed_book_snapshot(feeds, feed, index, session);
}

void feed_books_free(struct feeds *feeds)
{
    for (int feed = 0; feed < FEED_BOOKS; feed++) {
        for (int i = 0; i < INSTRUMENT_COUNT; i++)
            free(feeds->books[feed][i].held);
    }
}

int feeds_break_book(struct feeds *feeds, int instrument, enum book_fault fault)
{
    int count = 0;

    for (int feed = 0; feed < FEED_BOOKS; feed++) {
        if (!feeds_heard(feeds, (enum feed)feed, instrument) ||
            (feed == FEED_BOOK_1 && fault != BOOK_FAULT_RESTART) ||
            feed_is_flooded(feeds, (enum feed)feed, instrument))
            continue;
        feed_book_forget_fault(&feeds->books[feed][instrument]);
        feeds->books[feed][instrument].fault = fault;
        count++;
    }
    return count;
}

/* A flooded one, else the deepest. */
static enum feed shown_feed(const struct feeds *feeds, int instrument)
{
    for (int feed = 0; feed < FEED_BOOKS; feed++) {
        if (feed_is_flooded(feeds, (enum feed)feed, instrument))
            return (enum feed)feed;
    }
    return instrument_at(instrument)->category == CATEGORY_OPTION ? FEED_BOOK_100 : FEED_BOOK_1000;
}

void feeds_picture(struct feeds *feeds, int instrument, struct feed_picture *out)
{
    enum feed feed = shown_feed(feeds, instrument);
    const struct book_feed *book = &feeds->books[feed][instrument];

    if (!feed_is_flooded(feeds, feed, instrument) && !feeds_heard(feeds, feed, instrument) &&
        (book->u == 0 || book->version != feeds->exchange->books[instrument].version))
        begin(feeds, feed, instrument);
    *out = (struct feed_picture){ .bids = book->bids.levels,
                                  .asks = book->asks.levels,
                                  .bids_count = book->bids.count,
                                  .asks_count = book->asks.count,
                                  .u = book->u,
                                  .seq = book->seq,
                                  .at_ms = book->changed_ms };
}
