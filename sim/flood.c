#include "sim/flood.h"

#include <stdlib.h>

#include "sim/random.h"

#define PLACES_MAX     (5 * LEVELS_MAX)
#define LEVELS_A_STEP  4
#define DELETED_OF_TEN 4 /* of levels that are hit; so seven places in ten are taken */
#define MOVES_ONE_IN   8
#define STEPS_MAX      3
#define NO_PLACE       (-1)

struct flood_book {
    int depth;
    int places;
    int middle; /* the first ask's place; it stays within depth / 4 of the row's */
    int held;   /* a place, or NO_PLACE */
    int64_t first_ticks;
    int64_t typical_lots;
    uint64_t random;
    int64_t lots[PLACES_MAX]; /* 0: no level */
};

static int between(struct flood_book *book, int low, int high)
{
    return (int)random_between(&book->random, low, high);
}

static int64_t any_lots(struct flood_book *book)
{
    return random_between(&book->random, 1, 2 * book->typical_lots);
}

static void hit(struct flood_book *book, int place)
{
    int64_t *lots = &book->lots[place];
    int64_t was = *lots;

    if (place == book->held)
        return;
    if (was > 0 && between(book, 1, 10) <= DELETED_OF_TEN)
        *lots = 0;
    else
        *lots = any_lots(book);
    if (*lots == was)
        (*lots)++;
}

/* What the middle passes goes, and the side that has won the place puts its best level there. */
static void move(struct flood_book *book)
{
    int steps = between(book, 1, STEPS_MAX);
    bool up = between(book, 0, 1);
    int to = up ? book->middle + steps : book->middle - steps;
    int away = to - book->places / 2;

    if (away > book->depth / 4 || away < -book->depth / 4)
        return;
    for (int place = up ? book->middle : to; place < (up ? to : book->middle); place++)
        book->lots[place] = 0;
    book->middle = to;
    book->lots[up ? to - 1 : to] = any_lots(book);
}

void flood_book_step(struct flood_book *book)
{
    int count = between(book, 1, LEVELS_A_STEP);

    if (between(book, 1, MOVES_ONE_IN) == 1)
        move(book);
    for (int i = 0; i < count; i++) {
        int away = between(book, 0, 2 * book->depth - 1);

        hit(book, between(book, 0, 1) ? book->middle + away : book->middle - 1 - away);
    }
}

struct flood_book *flood_book_create(int depth, int64_t mid_ticks, int64_t typical_lots,
                                     uint64_t seed)
{
    struct flood_book *book = calloc(1, sizeof(*book));

    if (!book)
        return NULL;
    book->depth = depth;
    book->places = 5 * depth;
    book->middle = book->places / 2;
    book->held = NO_PLACE;
    book->first_ticks = mid_ticks - book->middle;
    book->typical_lots = typical_lots;
    book->random = seed;
    for (int away = 0; away < 2 * depth; away++) {
        if (between(book, 1, 10) > DELETED_OF_TEN)
            book->lots[book->middle + away] = any_lots(book);
        if (between(book, 1, 10) > DELETED_OF_TEN)
            book->lots[book->middle - 1 - away] = any_lots(book);
    }
    return book;
}

void flood_book_destroy(struct flood_book *book)
{
    free(book);
}

void flood_book_side(const struct flood_book *book, enum side side, struct feed_side *out)
{
    int step = side == SIDE_BUY ? -1 : 1;
    int place = side == SIDE_BUY ? book->middle - 1 : book->middle;

    out->count = 0;
    for (; place >= 0 && place < book->places && out->count < (size_t)book->depth; place += step) {
        if (book->lots[place] > 0)
            out->levels[out->count++] =
                (struct feed_level){ book->first_ticks + place, book->lots[place] };
    }
}

/* Less than depth places from the middle, wherever that is, and always below it. */
struct feed_level flood_book_hold(struct flood_book *book)
{
    book->held = book->places / 2 - book->depth / 2;
    if (book->lots[book->held] == 0)
        book->lots[book->held] = any_lots(book);
    return (struct feed_level){ book->first_ticks + book->held, book->lots[book->held] };
}

void flood_book_release(struct flood_book *book)
{
    book->held = NO_PLACE;
}

static bool has(const struct flood_book *book, enum side side, int64_t place)
{
    if (place < 0 || place >= book->places || book->lots[place] == 0)
        return false;
    return side == SIDE_BUY ? place < book->middle : place >= book->middle;
}

void flood_book_leave(const struct flood_book *book, enum side side, struct level_changes *changes)
{
    size_t kept = 0;

    for (size_t i = 0; i < changes->count; i++) {
        const struct feed_level *level = &changes->levels[i];

        if (level->lots > 0 || !has(book, side, level->ticks - book->first_ticks))
            changes->levels[kept++] = *level;
    }
    changes->count = kept;
}
