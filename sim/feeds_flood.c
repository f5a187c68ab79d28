#include "sim/feeds_flood.h"

#include <stdlib.h>
#include <string.h>

#include "sim/feeds_parts.h"
#include "sim/flood.h"
#include "sim/random.h"

#define BATCH        64
#define QUEUE_MAX    ((size_t)256 * 1024) /* of a session; one that is over it is waited for */
#define LATE_MAX_US  100000               /* what is later is not caught up with */
#define QUIET_MS     1000                 /* before the alteration: all books are synced again */
#define STEPS_MAX    1000
#define POINT_BYTES  ((size_t)256 * 1024)
#define POINT_COSTS  64
#define SPREAD_TIMES 3
#define CALM_END     16 /* the last deltas: whoever is synced then stays so */

bool feed_is_flooded(const struct feeds *feeds, enum feed feed, int index)
{
    return feeds->flood && feeds->flood->plan.feed == feed &&
           feeds->flood->plan.instrument == index;
}

void feed_flood_joined(struct feeds *feeds)
{
    struct feed_flood *flood = feeds->flood;

    if (flood->altered_ms == 0 || flood->joined_ms != 0)
        return;
    flood->joined_ms = feeds->exchange->now_ms;
    flood->joined_seq = feeds->exchange->seq;
    flood_book_release(flood->book);
}

const struct feed_flood *feeds_flood(const struct feeds *feeds)
{
    return feeds->flood;
}

/* --- books that are kept --- */

static void drop_point(struct feed_flood *flood)
{
    struct flood_point *point = &flood->points[flood->points_first++ % FLOOD_POINTS_MAX];

    flood->points_bytes -= strlen(point->book) + POINT_COSTS;
    free(point->book);
}

static void write_side(struct buffer *out, const struct instrument *instrument,
                       const struct feed_side *side)
{
    for (size_t i = 0; i < side->count; i++) {
        const struct decimal price = instrument_price(instrument, side->levels[i].ticks);
        const struct decimal size = instrument_qty(instrument, side->levels[i].lots);
        char price_text[DECIMAL_TEXT_MAX];
        char size_text[DECIMAL_TEXT_MAX];

        buffer_addf(out, "%s%s:%s", i ? "," : "", decimal_format(&price, price_text),
                    decimal_format(&size, size_text));
    }
}

static void keep_point(struct feeds *feeds)
{
    struct feed_flood *flood = feeds->flood;
    int index = flood->plan.instrument;
    const struct book_feed *book = &feeds->books[flood->plan.feed][index];
    struct flood_point point = { flood->published, book->u, book->seq, NULL };
    struct buffer text = buffer_of(POINT_BYTES);
    size_t bytes;

    write_side(&text, instrument_at(index), &book->bids);
    buffer_add_text(&text, "|");
    write_side(&text, instrument_at(index), &book->asks);
    point.book = buffer_take(&text, &bytes);
    buffer_deinit(&text);
    if (!point.book)
        return;
    flood->points_bytes += bytes + POINT_COSTS;
    while (
        flood->points_end - flood->points_first == FLOOD_POINTS_MAX ||
        (flood->points_end > flood->points_first && flood->points_bytes > FLOOD_POINTS_BYTES_MAX))
        drop_point(flood);
    flood->points[flood->points_end++ % FLOOD_POINTS_MAX] = point;
}

/* --- deltas --- */

static bool rolled(struct feed_flood *flood, enum flood_fault fault)
{
    return random_between(&flood->random, 1, FLOOD_MILLION) <= flood->plan.parts[fault];
}

/* The new state, and its difference to the one before. */
static void change_book(struct feeds *feeds, struct book_feed *book)
{
    struct feed_flood *flood = feeds->flood;

    for (int i = 0; i < STEPS_MAX; i++) {
        flood_book_step(flood->book);
        flood_book_side(flood->book, SIDE_BUY, &feeds->scratch);
        feed_book_replace(feeds, book, SIDE_BUY, &feeds->scratch);
        flood_book_side(flood->book, SIDE_SELL, &feeds->scratch);
        feed_book_replace(feeds, book, SIDE_SELL, &feeds->scratch);
        if (feeds->changes[0].count + feeds->changes[1].count > 0)
            return;
    }
}

/* One of the shown bids gets a size that is wrong, in this delta only. */
static void alter(struct feeds *feeds, struct book_feed *book)
{
    struct feed_flood *flood = feeds->flood;
    struct level_changes *bids = &feeds->changes[0];
    struct feed_level wrong = flood_book_hold(flood->book);
    size_t at = 0;

    flood_book_side(flood->book, SIDE_BUY, &feeds->scratch);
    feed_book_replace(feeds, book, SIDE_BUY, &feeds->scratch);
    while (at < bids->count && bids->levels[at].ticks != wrong.ticks)
        at++;
    if (at == bids->count)
        bids->count++;
    bids->levels[at] = (struct feed_level){ wrong.ticks, wrong.lots + 1 };
    flood->altered_ms = feeds->exchange->now_ms;
}

static bool is_quiet(const struct feed_flood *flood)
{
    return flood->plan.alter_at > 0 && flood->published >= flood->plan.alter_at &&
           flood->joined_ms == 0;
}

static bool may(const struct feed_flood *flood, enum book_fault fault)
{
    return (fault != BOOK_FAULT_GAP && fault != BOOK_FAULT_REORDER) ||
           flood->counts[FLOOD_GAP] + flood->counts[FLOOD_REORDER] < flood->plan.jumps_most;
}

static enum book_fault choose_fault(struct feeds *feeds)
{
    static const enum book_fault faults[] = { BOOK_FAULT_GAP, BOOK_FAULT_DUPLICATE,
                                              BOOK_FAULT_REORDER, BOOK_FAULT_RESTART };
    struct feed_flood *flood = feeds->flood;

    if (is_quiet(flood) || flood->published + CALM_END > flood->plan.deltas)
        return BOOK_FAULT_NONE;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        if (rolled(flood, (enum flood_fault)i) && may(flood, faults[i])) {
            flood->counts[i]++;
            flood->fault_ms = feeds->exchange->now_ms;
            return faults[i];
        }
    }
    return BOOK_FAULT_NONE;
}

static void leave_some(struct feeds *feeds)
{
    struct feed_flood *flood = feeds->flood;

    if (!rolled(flood, FLOOD_LEAVE))
        return;
    flood->counts[FLOOD_LEAVE]++;
    flood_book_leave(flood->book, SIDE_BUY, &feeds->changes[0]);
    flood_book_leave(flood->book, SIDE_SELL, &feeds->changes[1]);
}

static void restart(struct feeds *feeds, struct book_feed *book)
{
    feed_book_forget_fault(book);
    book->u = 0;
    feed_book_advance(feeds, feeds->flood->plan.feed, feeds->flood->plan.instrument);
    feed_book_snapshot(feeds, feeds->flood->plan.feed, feeds->flood->plan.instrument, NULL);
}

static void publish(struct feeds *feeds)
{
    struct feed_flood *flood = feeds->flood;
    const struct flood_plan *plan = &flood->plan;
    struct book_feed *book = &feeds->books[plan->feed][plan->instrument];
    bool alters;

    flood->published++;
    alters = is_quiet(flood) && flood->altered_ms == 0 && !book->held &&
             feeds->exchange->now_ms - flood->fault_ms >= QUIET_MS;
    change_book(feeds, book);
    if (alters)
        alter(feeds, book);
    else
        leave_some(feeds);
    feeds->exchange->seq++;
    if (!book->held)
        book->fault = choose_fault(feeds);
    if (book->fault == BOOK_FAULT_RESTART) {
        restart(feeds, book);
    } else {
        feed_book_advance(feeds, plan->feed, plan->instrument);
        feed_book_send(feeds, plan->feed, plan->instrument);
    }
    if (alters) {
        flood->altered_u = book->u;
        flood->altered_seq = book->seq;
    }
    if (book->u % (uint64_t)plan->keep_every == 0)
        keep_point(feeds);
}

static bool can_publish(const struct feeds *feeds)
{
    const struct flood_plan *plan = &feeds->flood->plan;

    return sockets_queued(feeds->sockets,
                          (enum socket_kind)instrument_at(plan->instrument)->category,
                          topic_public(plan->feed, plan->instrument)) <= QUEUE_MAX;
}

int feeds_flood_run(struct feeds *feeds, int64_t now_us)
{
    struct feed_flood *flood = feeds->flood;

    if (!flood || flood->published == flood->plan.deltas)
        return -1;
    if (!feeds_heard(feeds, flood->plan.feed, flood->plan.instrument)) {
        flood->due_us = now_us;
        return -1;
    }
    if (flood->due_us < now_us - LATE_MAX_US)
        flood->due_us = now_us - LATE_MAX_US;
    for (int i = 0; i < BATCH; i++) {
        if (flood->published == flood->plan.deltas || !can_publish(feeds))
            return -1;
        if (flood->due_us > now_us)
            return (int)((flood->due_us - now_us) / 1000) + 1;
        flood->due_us += flood->plan.every_us;
        publish(feeds);
    }
    return 0;
}

/* --- start and stop --- */

enum err feeds_flood_start(struct feeds *feeds, const struct flood_plan *plan)
{
    const struct instrument *instrument = instrument_at(plan->instrument);
    struct book_feed *book;
    struct feed_flood *flood;
    char name[TOPIC_NAME_MAX];

    topic_public_name(plan->feed, plan->instrument, name);
    if (feed_depth(plan->feed) < 2 ||
        topic_find((enum socket_kind)instrument->category, name) < 0 ||
        feeds->exchange->mids[plan->instrument] <= (int64_t)SPREAD_TIMES * feed_depth(plan->feed))
        return ERR_INVALID;
    flood = calloc(1, sizeof(*flood));
    if (!flood)
        return ERR_NO_MEMORY;
    flood->plan = *plan;
    flood->random = ~plan->seed;
    flood->book = flood_book_create(feed_depth(plan->feed), feeds->exchange->mids[plan->instrument],
                                    instrument->typical_lots, plan->seed);
    if (!flood->book) {
        free(flood);
        return ERR_NO_MEMORY;
    }
    feeds_flood_stop(feeds);
    book = &feeds->books[plan->feed][plan->instrument];
    feed_book_forget_fault(book);
    if (book->u == 0)
        book->u = FEED_U_START;
    feeds->flood = flood;
    return ERR_NONE;
}

/* No version is 0: the next push finds the market's book changed. */
void feeds_flood_stop(struct feeds *feeds)
{
    struct feed_flood *flood = feeds->flood;
    struct book_feed *book;

    if (!flood)
        return;
    book = &feeds->books[flood->plan.feed][flood->plan.instrument];
    feed_book_forget_fault(book);
    book->version = 0;
    while (flood->points_first < flood->points_end)
        drop_point(flood);
    flood_book_destroy(flood->book);
    free(flood);
    feeds->flood = NULL;
}
