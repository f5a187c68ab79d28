#include "bybit/book_judge.h"

#include <stdlib.h>
#include <string.h>

/* A side of one state, best level first. */
struct list {
    struct book_level *levels;
    size_t count;
    size_t at;
    bool full; /* what is worse than its last level is not known */
};

/* The states around the snapshot: one, or the first and the last of several. */
struct window {
    struct book *first;
    struct book *last;
    int states;
    bool exact;   /* of the snapshot's seq */
    bool oldest;  /* begins with the oldest state that is known */
    bool is_last; /* there is no later state */
};

enum place { FIRST, LAST, SHOWN, PLACES };

/* --- comparing --- */

static bool list_make(struct list *list, const struct book *book, int depth, bool is_bid)
{
    size_t room = (size_t)depth;

    list->levels = malloc(room * sizeof(*list->levels));
    if (!list->levels)
        return false;
    list->count = (is_bid ? book_bids : book_asks)(book, list->levels, room);
    list->full = list->count == room;
    list->at = 0;
    return true;
}

/* Below 0: `a` is the better price. */
static int worse(const struct decimal *a, const struct decimal *b, bool is_bid)
{
    return is_bid ? decimal_cmp(b, a) : decimal_cmp(a, b);
}

/* The best price that is not looked at yet; false: one list has no more that is known. */
static bool next_price(const struct list lists[PLACES], bool is_bid, struct decimal *out)
{
    bool found = false;

    for (int i = 0; i < PLACES; i++) {
        const struct list *list = &lists[i];

        if (list->at == list->count) {
            if (list->full)
                return false;
            continue;
        }
        if (!found || worse(&list->levels[list->at].price, out, is_bid) < 0)
            *out = list->levels[list->at].price;
        found = true;
    }
    return found;
}

static struct decimal take_qty(struct list *list, const struct decimal *price)
{
    if (list->at == list->count || decimal_cmp(&list->levels[list->at].price, price) != 0)
        return DECIMAL_ZERO;
    return list->levels[list->at++].qty;
}

static void compare_lists(struct list lists[PLACES], bool is_bid, struct book_finding *out,
                          size_t *changed)
{
    struct decimal price;

    while (next_price(lists, is_bid, &price)) {
        struct decimal qty[PLACES];

        for (int i = 0; i < PLACES; i++)
            qty[i] = take_qty(&lists[i], &price);
        if (decimal_cmp(&qty[FIRST], &qty[LAST]) != 0) {
            (*changed)++;
            continue;
        }
        out->compared++;
        if (decimal_cmp(&qty[FIRST], &qty[SHOWN]) == 0)
            continue;
        if (out->doubts_count < BOOK_DOUBTS_MAX)
            out->doubts[out->doubts_count++] =
                (struct book_doubt){ is_bid, price, qty[FIRST], qty[SHOWN] };
    }
}

static bool compare_side(const struct window *window, int depth, const struct book *shown,
                         int shown_depth, bool is_bid, struct book_finding *out, size_t *changed)
{
    struct list lists[PLACES] = { { 0 } };
    bool made = list_make(&lists[FIRST], window->first, depth, is_bid) &&
                list_make(&lists[LAST], window->last, depth, is_bid) &&
                list_make(&lists[SHOWN], shown, shown_depth, is_bid);

    if (made)
        compare_lists(lists, is_bid, out, changed);
    for (int i = 0; i < PLACES; i++)
        free(lists[i].levels);
    return made;
}

/* Several frames of one seq, or the oldest state known, which others of its seq may have preceded:
 * the snapshot may be of one in between. */
static bool is_proof(const struct window *window)
{
    return window->exact && window->states == 1 && !window->oldest;
}

static bool compare(const struct window *window, int depth, const struct book *shown,
                    int shown_depth, struct book_finding *out)
{
    size_t changed = 0;

    if (!compare_side(window, depth, shown, shown_depth, true, out, &changed) ||
        !compare_side(window, depth, shown, shown_depth, false, out, &changed))
        return false;
    if (out->doubts_count > 0)
        out->verdict = is_proof(window) ? BOOK_DIFFERS : BOOK_SUSPECT;
    else
        out->verdict = changed > out->compared ? BOOK_UNSURE : BOOK_AGREES;
    return true;
}

/* --- finding the states --- */

static void window_set(struct window *window, const struct book *state, bool oldest)
{
    book_copy(window->first, state);
    book_copy(window->last, state);
    window->states = 1;
    window->oldest = oldest;
}

static void window_add(struct window *window, const struct book *state)
{
    /* A segment begins with the state that another one ended with. */
    if (book_u(state) == book_u(window->last) && book_seq(state) == book_seq(window->last))
        return;
    book_copy(window->last, state);
    window->states++;
}

/* False: the snapshot is older than all states. */
static bool find_window(struct book_replay *replay, int64_t seq, struct window *window)
{
    bool oldest = true;
    int64_t next_seq;

    window->states = 0;
    window->exact = false;
    if (book_seq(replay->book) > seq)
        return false;
    do {
        int64_t at_seq = book_seq(replay->book);

        if (at_seq > seq) {
            if (!window->exact)
                window_add(window, replay->book);
            return true;
        }
        if (at_seq == seq && window->exact)
            window_add(window, replay->book);
        else if (at_seq == seq || !book_replay_peek(replay, &next_seq) || next_seq > seq)
            window_set(window, replay->book, oldest);
        window->exact = at_seq == seq;
        oldest = false;
    } while (book_replay_next(replay));
    window->is_last = true;
    return true;
}

static bool judge(struct book_replay *replay, const struct book_history *history,
                  struct window *window, const struct book *shown, int shown_depth, bool settled,
                  struct book_finding *out)
{
    if (!find_window(replay, out->seq, window)) {
        out->verdict = BOOK_OLDER;
        return true;
    }
    if (replay->broken)
        return false;
    out->last = window->is_last;
    if (window->is_last && !settled) {
        out->verdict = BOOK_OPEN;
        return true;
    }
    return compare(window, history->depth, shown, shown_depth, out);
}

bool book_judge(const struct book_history *history, const struct book *shown, int shown_depth,
                bool settled, struct book_finding *out)
{
    struct window window = { .first = book_create(history->depth),
                             .last = book_create(history->depth) };
    struct book_replay replay;
    bool ok = book_replay_begin(&replay, history) && window.first && window.last;

    *out = (struct book_finding){ .seq = book_seq(shown) };
    if (ok)
        ok = judge(&replay, history, &window, shown, shown_depth, settled, out);
    book_replay_end(&replay);
    book_destroy(window.first);
    book_destroy(window.last);
    return ok;
}

static bool has_doubt(const struct book_finding *finding, const struct book_doubt *doubt)
{
    for (size_t i = 0; i < finding->doubts_count; i++) {
        const struct book_doubt *other = &finding->doubts[i];

        if (other->is_bid == doubt->is_bid && decimal_cmp(&other->price, &doubt->price) == 0 &&
            decimal_cmp(&other->ours, &doubt->ours) == 0 &&
            decimal_cmp(&other->theirs, &doubt->theirs) == 0)
            return true;
    }
    return false;
}

void book_doubts_common(struct book_finding *kept, const struct book_finding *newer)
{
    size_t count = 0;

    for (size_t i = 0; i < kept->doubts_count; i++) {
        if (has_doubt(newer, &kept->doubts[i]))
            kept->doubts[count++] = kept->doubts[i];
    }
    kept->doubts_count = count;
}
