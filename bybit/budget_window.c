/* bybit/budget_window.c - a ring of slots, one a ms:
 *
 *     now - span - PAST ... now - span   aged out, remembered
 *     now - span + 1 ... now             in the window
 *     now + 1 ... now + AHEAD            counted already
 */
#include "bybit/budget_window.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct window_slot {
    uint32_t units[WINDOW_LANES];
    uint32_t sum;
};

#define LANE(lane) (1U << (unsigned)(lane))

/* Which lanes' shares a lane has to leave free. */
static const unsigned kept_from[BUDGET_LANES] = {
    [BUDGET_CANCEL] = 0,
    [BUDGET_CREATE] = LANE(BUDGET_CANCEL) | LANE(BUDGET_OWN),
    [BUDGET_READ] = LANE(BUDGET_CANCEL) | LANE(BUDGET_CREATE) | LANE(BUDGET_OWN),
    [BUDGET_OWN] = LANE(BUDGET_CANCEL) | LANE(BUDGET_CREATE),
};
/* And which once it has used up its own. */
static const unsigned kept_beyond[BUDGET_LANES] = { [BUDGET_OWN] = LANE(BUDGET_READ) };

static struct window_slot *slot_at(const struct window *window, int64_t at_ms)
{
    return &window->slots[(uint64_t)at_ms & (window->slots_count - 1)];
}

enum err window_open(struct window *window, int64_t span_ms, int64_t now_ms)
{
    size_t needed = (size_t)(span_ms + WINDOW_AHEAD_MS + WINDOW_PAST_MS);

    window->slots_count = 1;
    while (window->slots_count <= needed)
        window->slots_count *= 2;
    window->slots = calloc(window->slots_count, sizeof(*window->slots));
    window->span_ms = span_ms;
    window->now_ms = now_ms;
    return window->slots ? ERR_NONE : ERR_NO_MEMORY;
}

void window_close(struct window *window)
{
    free(window->slots);
    window->slots = NULL;
}

void window_set_limit(struct window *window, int64_t limit, const struct window_shares *shares)
{
    window->limit = limit;
    for (int needed = 0; needed <= 1; needed++) {
        int64_t rest = limit > 1 ? limit - 1 : 0;

        for (int lane = 0; lane < BUDGET_LANES; lane++) {
            int64_t share = (limit * shares->percent[needed][lane] + 99) / 100;

            window->shares[needed][lane] = share < rest ? share : rest;
            rest -= window->shares[needed][lane];
        }
    }
}

static void slots_clear(struct window *window, int64_t from_ms, int64_t count)
{
    size_t first = (uint64_t)from_ms & (window->slots_count - 1);
    size_t until_end = window->slots_count - first;
    size_t head = (size_t)count < until_end ? (size_t)count : until_end;

    memset(&window->slots[first], 0, head * sizeof(*window->slots));
    memset(window->slots, 0, ((size_t)count - head) * sizeof(*window->slots));
}

static void age_out(struct window *window, const struct window_slot *slot)
{
    for (int lane = 0; lane < WINDOW_LANES; lane++)
        window->used[lane] -= slot->units[lane];
    window->total -= slot->sum;
}

void window_move(struct window *window, int64_t now_ms)
{
    int64_t moved_ms = now_ms - window->now_ms;
    int64_t oldest_ms = window->now_ms - window->span_ms + 1;

    if (moved_ms <= 0)
        return;
    if (moved_ms >= window->span_ms + WINDOW_AHEAD_MS) {
        memset(window->slots, 0, window->slots_count * sizeof(*window->slots));
        memset(window->used, 0, sizeof(window->used));
        window->total = 0;
        window->now_ms = now_ms;
        return;
    }
    for (int64_t at_ms = oldest_ms; at_ms < oldest_ms + moved_ms && window->total > 0; at_ms++) {
        if (slot_at(window, at_ms)->sum)
            age_out(window, slot_at(window, at_ms));
    }
    slots_clear(window, window->now_ms + WINDOW_AHEAD_MS + 1, moved_ms);
    window->now_ms = now_ms;
}

void window_add(struct window *window, int64_t place_ms, int lane, int64_t units)
{
    struct window_slot *slot;

    assert(place_ms > window->now_ms - window->span_ms &&
           place_ms <= window->now_ms + WINDOW_AHEAD_MS);
    slot = slot_at(window, place_ms);
    slot->units[lane] += (uint32_t)units;
    slot->sum += (uint32_t)units;
    window->used[lane] += units;
    window->total += units;
}

bool window_has(const struct window *window, int64_t place_ms)
{
    return place_ms > window->now_ms - window->span_ms;
}

bool window_remove(struct window *window, int64_t place_ms, int lane, int64_t units)
{
    struct window_slot *slot = slot_at(window, place_ms);
    bool counts = window_has(window, place_ms);

    /* Farther back its slot may be another's already. */
    if (place_ms <= window->now_ms - window->span_ms - WINDOW_PAST_MS)
        return false;
    /* After a jump of the clock the slots are empty. */
    if (slot->units[lane] < units)
        return false;
    slot->units[lane] -= (uint32_t)units;
    slot->sum -= (uint32_t)units;
    if (counts) {
        window->used[lane] -= units;
        window->total -= units;
    }
    return counts;
}

/* --- how much fits --- */

/* What a lane may not use: all that is used, and what others' shares still lack. */
static int64_t taken(const struct window *window, enum budget_lane lane, bool own_needed,
                     const int64_t used[WINDOW_LANES], int64_t total)
{
    const int64_t *shares = window->shares[own_needed];
    unsigned kept = kept_from[lane];

    if (used[lane] >= shares[lane])
        kept |= kept_beyond[lane];
    for (int other = 0; other < BUDGET_LANES; other++) {
        if ((kept & LANE(other)) && used[other] < shares[other])
            total += shares[other] - used[other];
    }
    return total;
}

int64_t window_left(const struct window *window, enum budget_lane lane, bool own_needed)
{
    return window->limit - taken(window, lane, own_needed, window->used, window->total);
}

int64_t window_room(const struct window *window, enum budget_lane lane, bool own_needed)
{
    static const int64_t nothing[WINDOW_LANES] = { 0 };

    return window->limit - taken(window, lane, own_needed, nothing, 0);
}

int64_t window_wait(const struct window *window, enum budget_lane lane, int64_t units,
                    bool own_needed, int64_t ahead_ms)
{
    int64_t used[WINDOW_LANES];
    int64_t total = window->total;
    int64_t oldest_ms = window->now_ms - window->span_ms + 1;

    if (window_left(window, lane, own_needed) >= units)
        return 0;
    if (window_room(window, lane, own_needed) < units)
        return BUDGET_NEVER_MS;
    memcpy(used, window->used, sizeof(used));
    for (int64_t at_ms = oldest_ms; total > 0; at_ms++) {
        const struct window_slot *slot = slot_at(window, at_ms);

        assert(at_ms <= window->now_ms + WINDOW_AHEAD_MS);
        if (slot->sum == 0)
            continue;
        for (int other = 0; other < WINDOW_LANES; other++)
            used[other] -= slot->units[other];
        total -= slot->sum;
        if (window->limit - taken(window, lane, own_needed, used, total) < units)
            continue;
        if (at_ms > window->now_ms + ahead_ms)
            at_ms = window->now_ms + ahead_ms;
        return at_ms - oldest_ms + 1;
    }
    return window->span_ms; /* not reached: all of the room is free then */
}

int64_t window_blocked(const struct window *window, enum budget_lane lane, int64_t units,
                       bool own_needed)
{
    bool has_share = window->used[lane] + units <= window->shares[own_needed][lane];
    int64_t until_ms = window->now_ms;

    for (int above = 0; above < (int)lane; above++) {
        if (has_share && (kept_from[above] & LANE(lane)))
            continue;
        if (window->blocked_until_ms[above] > until_ms)
            until_ms = window->blocked_until_ms[above];
    }
    return until_ms - window->now_ms;
}

int64_t window_since(const struct window *window, int64_t since_ms)
{
    int64_t newest_aged_ms = window->now_ms - window->span_ms;
    int64_t units = window->total;

    if (since_ms < newest_aged_ms - WINDOW_PAST_MS)
        since_ms = newest_aged_ms - WINDOW_PAST_MS;
    for (int64_t at_ms = since_ms + 1; at_ms <= newest_aged_ms; at_ms++)
        units += slot_at(window, at_ms)->sum;
    return units;
}

int64_t window_reset_ms(const struct window *window)
{
    int64_t at_ms = window->now_ms + WINDOW_AHEAD_MS;

    if (window->total == 0)
        return 0;
    while (slot_at(window, at_ms)->sum == 0)
        at_ms--;
    return at_ms + window->span_ms - window->now_ms;
}
