#include "bybit/market_watch.h"

#include <stdlib.h>
#include <string.h>

#include "bybit/market_parts.h"

#define FAILURES_MAX 5 /* that make the next check later */

struct book_watch {
    uint64_t id;
    unsigned pictures;
    struct book_history history;
};

/* --- what the book goes through --- */

void market_unwatch(struct kept_book *kept)
{
    if (!kept->watch)
        return;
    book_history_clear(&kept->watch->history);
    free(kept->watch);
    kept->watch = NULL;
}

void market_note_book(struct kept_book *kept, const struct json *data, bool is_snapshot,
                      enum book_result result, int64_t recv_ms)
{
    struct book_watch *watch = kept->watch;
    bool ok = true;

    is_snapshot = is_snapshot || book_u(kept->book) == 1;
    if (result == BOOK_APPLIED && is_snapshot) {
        kept->whole_ms = recv_ms;
        kept->distrusted = false; /* it is another book now */
    }
    if (!watch || result == BOOK_REPEATED)
        return;
    if (result != BOOK_APPLIED) {
        market_unwatch(kept);
    } else if (is_snapshot || book_seq(kept->book) < watch->history.last->last_seq) {
        book_history_clear(&watch->history);
        ok = book_history_begin(&watch->history, kept->book);
        watch->pictures++;
    } else {
        ok = book_history_add(&watch->history, kept->book, data);
    }
    if (!ok)
        market_unwatch(kept);
}

/* --- which book, and how it ends --- */

static bool is_due(struct kept_book *kept, int64_t now_ms, int every_ms)
{
    if (kept->depth == 1 || kept->watch || book_state(kept->book) != BOOK_SYNCED)
        return false;
    if (kept->check_due_ms == 0)
        kept->check_due_ms = now_ms + every_ms / 2;
    return kept->check_due_ms <= now_ms;
}

static struct kept_book *find_due(struct market *market, int64_t now_ms, int every_ms,
                                  const struct place **place)
{
    struct kept_book *first = NULL;

    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct place *at = market->buckets[i]; at; at = at->next) {
            for (struct kept_book *kept = at->books; kept; kept = kept->next) {
                if (!is_due(kept, now_ms, every_ms) ||
                    (first && first->check_due_ms <= kept->check_due_ms))
                    continue;
                first = kept;
                *place = at;
            }
        }
    }
    return first;
}

static struct book_watch *watch_create(struct market *market, const struct kept_book *kept)
{
    struct book_watch *watch = calloc(1, sizeof(*watch));

    if (!watch)
        return NULL;
    watch->id = ++market->watches;
    watch->history.depth = kept->depth;
    if (book_history_begin(&watch->history, kept->book))
        return watch;
    free(watch);
    return NULL;
}

bool market_watch_next(struct market *market, int64_t now_ms, int every_ms,
                       struct market_watched *out)
{
    const struct place *place = NULL;
    struct kept_book *kept;
    bool begun;

    pthread_mutex_lock(&market->lock);
    kept = find_due(market, now_ms, every_ms, &place);
    if (kept)
        kept->watch = watch_create(market, kept);
    begun = kept && kept->watch;
    if (begun) {
        *out = (struct market_watched){ .category = place->category,
                                        .depth = kept->depth,
                                        .id = kept->watch->id };
        memcpy(out->symbol, place->symbol, sizeof(out->symbol));
    }
    pthread_mutex_unlock(&market->lock);
    return begun;
}

/* Under the lock. NULL: its watch has ended. */
static struct kept_book *find_watched(struct market *market, const struct market_watched *watched)
{
    const struct place *place = *market_find(market, watched->category, watched->symbol);
    struct kept_book *kept = place ? place->books : NULL;

    while (kept && kept->depth != watched->depth)
        kept = kept->next;
    return kept && kept->watch && kept->watch->id == watched->id ? kept : NULL;
}

static enum market_watch take(struct kept_book *kept, struct market_watched *watched,
                              struct book_history *history)
{
    struct book_watch *watch = kept->watch;
    bool anew = watch->pictures != watched->pictures;

    watched->pictures = watch->pictures;
    if (anew)
        book_history_clear(history);
    book_history_move(history, &watch->history);
    if (!book_history_begin(&watch->history, kept->book)) {
        market_unwatch(kept);
        return WATCH_ENDED;
    }
    return anew ? WATCH_BEGAN_ANEW : WATCH_GOES_ON;
}

enum market_watch market_watch_take(struct market *market, struct market_watched *watched,
                                    struct book_history *history)
{
    enum market_watch result = WATCH_ENDED;
    struct kept_book *kept;

    pthread_mutex_lock(&market->lock);
    kept = find_watched(market, watched);
    /* Stale: what the book is by now has not come. */
    if (kept && book_state(kept->book) != BOOK_SYNCED)
        market_unwatch(kept);
    else if (kept)
        result = take(kept, watched, history);
    pthread_mutex_unlock(&market->lock);
    return result;
}

/* Under the lock. */
static void note_check(struct market *market, struct kept_book *kept, enum market_check check,
                       int64_t now_ms, int64_t due_ms, int64_t at_ms)
{
    switch (check) {
    case CHECK_AGREED:
        kept->failures = 0;
        kept->whole_ms = at_ms;
        break;
    case CHECK_UNKNOWN:
        break;
    case CHECK_FAILED:
        if (kept->failures < FAILURES_MAX)
            kept->failures++;
        due_ms = now_ms + ((due_ms - now_ms) << (kept->failures - 1));
        book_set_state(kept->book, BOOK_SYNCING);
        kept->distrusted = true;
        atomic_store(&market->distrusts, true);
        break;
    }
    kept->check_due_ms = due_ms;
}

bool market_watch_end(struct market *market, const struct market_watched *watched,
                      enum market_check check, int64_t now_ms, int64_t due_ms, int64_t at_ms)
{
    struct kept_book *kept;
    bool done = false;

    pthread_mutex_lock(&market->lock);
    kept = find_watched(market, watched);
    if (kept && (check != CHECK_FAILED || (kept->watch->pictures == watched->pictures &&
                                           book_state(kept->book) == BOOK_SYNCED))) {
        note_check(market, kept, check, now_ms, due_ms, at_ms);
        done = true;
    }
    if (kept)
        market_unwatch(kept);
    pthread_mutex_unlock(&market->lock);
    return done;
}

/* --- stream thread --- */

static size_t take_distrusted(struct market *market, struct market_distrusted *out, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct place *place = market->buckets[i]; place; place = place->next) {
            for (struct kept_book *kept = place->books; kept; kept = kept->next) {
                if (!kept->distrusted)
                    continue;
                if (count == max) {
                    atomic_store(&market->distrusts, true);
                    return count;
                }
                kept->distrusted = false;
                out[count] = (struct market_distrusted){ .category = place->category,
                                                         .depth = kept->depth,
                                                         .whole_ms = kept->whole_ms };
                memcpy(out[count++].symbol, place->symbol, sizeof(place->symbol));
            }
        }
    }
    return count;
}

size_t market_take_distrusted(struct market *market, struct market_distrusted *out, size_t max)
{
    size_t count;

    if (!atomic_load(&market->distrusts))
        return 0;
    pthread_mutex_lock(&market->lock);
    atomic_store(&market->distrusts, false);
    count = take_distrusted(market, out, max);
    pthread_mutex_unlock(&market->lock);
    return count;
}
