/* Each side is an array of levels sorted best first; each level is a queue of entries, oldest
 * first. */
#include "sim/book.h"

#include <stdlib.h>
#include <string.h>

void book_init(struct book *book)
{
    memset(book, 0, sizeof(*book));
}

static void free_side(struct book_side *side)
{
    for (size_t i = 0; i < side->count; i++) {
        struct book_entry *entry = side->levels[i].first;

        while (entry) {
            struct book_entry *next = entry->next;

            free(entry);
            entry = next;
        }
    }
    free(side->levels);
}

void book_deinit(struct book *book)
{
    free_side(&book->bids);
    free_side(&book->asks);
    book_init(book);
}

static struct book_side *side_of(struct book *book, enum side side)
{
    return side == SIDE_BUY ? &book->bids : &book->asks;
}

const struct book_side *book_side(const struct book *book, enum side side)
{
    return side == SIDE_BUY ? &book->bids : &book->asks;
}

enum side side_opposite(enum side side)
{
    return side == SIDE_BUY ? SIDE_SELL : SIDE_BUY;
}

static bool is_better(enum side side, int64_t a, int64_t b)
{
    return side == SIDE_BUY ? a > b : a < b;
}

/* Index of the level with that price, or of the place where it belongs. */
static size_t find_place(const struct book_side *levels, enum side side, int64_t ticks)
{
    size_t low = 0;
    size_t high = levels->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (is_better(side, levels->levels[middle].ticks, ticks))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool grow(struct book_side *side)
{
    size_t capacity = side->capacity ? side->capacity * 2 : 256;
    struct book_level *levels;

    if (side->count < side->capacity)
        return true;
    if (capacity > BOOK_LEVELS_MAX)
        return false;
    levels = realloc(side->levels, capacity * sizeof(*levels));
    if (!levels)
        return false;
    side->levels = levels;
    side->capacity = capacity;
    return true;
}

static struct book_level *level_for(struct book_side *levels, enum side side, int64_t ticks)
{
    size_t at = find_place(levels, side, ticks);

    if (at < levels->count && levels->levels[at].ticks == ticks)
        return &levels->levels[at];
    if (!grow(levels))
        return NULL;
    memmove(&levels->levels[at + 1], &levels->levels[at],
            (levels->count - at) * sizeof(*levels->levels));
    levels->levels[at] = (struct book_level){ .ticks = ticks };
    levels->count++;
    return &levels->levels[at];
}

struct book_entry *book_add(struct book *book, enum side side, int64_t ticks, int64_t lots,
                            void *owner)
{
    struct book_entry *entry = malloc(sizeof(*entry));
    struct book_level *level = entry ? level_for(side_of(book, side), side, ticks) : NULL;

    if (!level) {
        free(entry);
        return NULL;
    }
    *entry = (struct book_entry){
        .prev = level->last, .ticks = ticks, .lots = lots, .side = side, .owner = owner
    };
    if (level->last)
        level->last->next = entry;
    else
        level->first = entry;
    level->last = entry;
    level->lots += lots;
    book->version++;
    return entry;
}

static void unlink_entry(struct book_side *levels, size_t at, struct book_entry *entry)
{
    struct book_level *level = &levels->levels[at];

    if (entry->prev)
        entry->prev->next = entry->next;
    else
        level->first = entry->next;
    if (entry->next)
        entry->next->prev = entry->prev;
    else
        level->last = entry->prev;
    free(entry);
    if (level->first)
        return;
    levels->count--;
    memmove(level, level + 1, (levels->count - at) * sizeof(*level));
}

void book_reduce(struct book *book, struct book_entry *entry, int64_t lots)
{
    struct book_side *levels = side_of(book, entry->side);
    size_t at = find_place(levels, entry->side, entry->ticks);

    levels->levels[at].lots -= lots;
    entry->lots -= lots;
    book->version++;
    if (entry->lots == 0)
        unlink_entry(levels, at, entry);
}

void book_remove(struct book *book, struct book_entry *entry)
{
    book_reduce(book, entry, entry->lots);
}

struct book_entry *book_best(const struct book *book, enum side side)
{
    const struct book_side *levels = book_side(book, side);

    return levels->count ? levels->levels[0].first : NULL;
}

int64_t book_best_ticks(const struct book *book, enum side side)
{
    const struct book_side *levels = book_side(book, side);

    return levels->count ? levels->levels[0].ticks : 0;
}

bool book_crosses(enum side side, int64_t ticks, int64_t at)
{
    return side == SIDE_BUY ? at <= ticks : at >= ticks;
}

int64_t book_available(const struct book *book, enum side side, int64_t limit_ticks, int64_t wanted)
{
    const struct book_side *levels = book_side(book, side_opposite(side));
    int64_t lots = 0;

    for (size_t i = 0; i < levels->count && lots < wanted; i++) {
        if (!book_crosses(side, limit_ticks, levels->levels[i].ticks))
            break;
        lots += levels->levels[i].lots;
    }
    return lots < wanted ? lots : wanted;
}

decimal_int book_cost(const struct book *book, enum side side, int64_t limit_ticks, int64_t wanted)
{
    const struct book_side *levels = book_side(book, side_opposite(side));
    decimal_int cost = 0;

    for (size_t i = 0; i < levels->count && wanted > 0; i++) {
        const struct book_level *level = &levels->levels[i];
        int64_t lots = level->lots < wanted ? level->lots : wanted;

        if (!book_crosses(side, limit_ticks, level->ticks))
            break;
        cost += (decimal_int)level->ticks * lots;
        wanted -= lots;
    }
    return cost;
}

struct book_entry *book_maker_at(const struct book *book, enum side side, int64_t ticks)
{
    const struct book_side *levels = book_side(book, side);
    size_t at = find_place(levels, side, ticks);
    struct book_entry *entry;

    if (at >= levels->count || levels->levels[at].ticks != ticks)
        return NULL;
    for (entry = levels->levels[at].first; entry && entry->owner;)
        entry = entry->next;
    return entry;
}
