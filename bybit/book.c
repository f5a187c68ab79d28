/* bybit/book.c - two sorted arrays, worst level first: most changes are near the best price, so few
 * levels move.
 *
 * States: SYNCING (no usable picture; deltas are dropped) -> SYNCED by a snapshot or u = 1; STALE
 * (the link is mute or down, the picture may be old) -> SYNCED by the next frame that follows on; a
 * jump or an unreadable frame -> SYNCING.
 */
#include "bybit/book.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bybit/message.h"

/* A side is levels[first .. first + count - 1]. One frame can at most double a side before deletes
 * come. */
struct side_levels {
    struct book_level *levels;
    size_t capacity;
    size_t first;
    size_t count;
    int direction; /* 1: the best price is the highest (bids), -1: the lowest */
};

struct book {
    size_t depth;
    enum book_state state;
    bool jumps_pass;
    int64_t u;
    int64_t seq;
    struct side_levels bids;
    struct side_levels asks;
};

const char *book_state_word(enum book_state state)
{
    switch (state) {
    case BOOK_SYNCING:
        return "syncing";
    case BOOK_SYNCED:
        return "synced";
    case BOOK_STALE:
        return "stale";
    }
    return "syncing";
}

static bool side_init(struct side_levels *side, size_t depth, int direction)
{
    side->capacity = 2 * depth + 16;
    side->levels = malloc(side->capacity * sizeof(*side->levels));
    side->direction = direction;
    return side->levels != NULL;
}

struct book *book_create(int depth)
{
    struct book *book = calloc(1, sizeof(*book));

    if (!book)
        return NULL;
    book->depth = depth < 1 ? 1 : (size_t)depth;
    if (!side_init(&book->bids, book->depth, 1) || !side_init(&book->asks, book->depth, -1)) {
        book_destroy(book);
        return NULL;
    }
    return book;
}

void book_destroy(struct book *book)
{
    if (!book)
        return;
    free(book->bids.levels);
    free(book->asks.levels);
    free(book);
}

static void side_copy(struct side_levels *to, const struct side_levels *from)
{
    memcpy(to->levels, from->levels + from->first, from->count * sizeof(*to->levels));
    to->first = 0;
    to->count = from->count;
}

void book_copy(struct book *to, const struct book *from)
{
    assert(to->depth == from->depth);
    to->state = from->state;
    to->jumps_pass = from->jumps_pass;
    to->u = from->u;
    to->seq = from->seq;
    side_copy(&to->bids, &from->bids);
    side_copy(&to->asks, &from->asks);
}

/* --- a side --- */

static decimal_int power(int32_t exponent)
{
    static const int64_t powers[] = {
        1,        10,        100,        1000,        10000,        100000,       1000000,
        10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000
    };

    return powers[exponent];
}

static bool is_small(const struct decimal *value)
{
    return value->mantissa < INT64_MAX && value->mantissa > -INT64_MAX;
}

/* decimal_cmp, without its divisions for prices of usual size whose decimals differ ("65557.7" and
 * "65485.47"). */
static int price_cmp(const struct decimal *a, const struct decimal *b)
{
    decimal_int x = a->mantissa;
    decimal_int y = b->mantissa;
    int32_t apart = a->scale - b->scale;

    if (apart != 0) {
        if (apart > 12 || apart < -12 || !is_small(a) || !is_small(b))
            return decimal_cmp(a, b);
        if (apart > 0)
            y *= power(apart);
        else
            x *= power(-apart);
    }
    return x < y ? -1 : x > y;
}

/* The place of `price`, or where it belongs. */
static size_t find(const struct side_levels *side, const struct decimal *price, bool *found)
{
    size_t low = 0;
    size_t high = side->count;

    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = side->direction * price_cmp(&side->levels[side->first + middle].price, price);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void side_remove(struct side_levels *side, size_t at)
{
    struct book_level *level = side->levels + side->first + at;

    side->count--;
    memmove(level, level + 1, (side->count - at) * sizeof(*level));
}

static void side_insert(struct side_levels *side, size_t at, const struct book_level *level)
{
    struct book_level *levels;

    if (side->first + side->count == side->capacity) {
        if (side->count ==
            side->capacity) { /* more new levels than a book of this depth can have */
            if (at == 0)
                return;
            side->first++;
            side->count--;
            at--;
        }
        memmove(side->levels, side->levels + side->first, side->count * sizeof(*level));
        side->first = 0;
    }
    levels = side->levels + side->first;
    memmove(levels + at + 1, levels + at, (side->count - at) * sizeof(*level));
    levels[at] = *level;
    side->count++;
}

static void side_set(struct side_levels *side, const struct book_level *level)
{
    bool found;
    size_t at = find(side, &level->price, &found);

    if (decimal_sign(&level->qty) == 0) {
        if (found)
            side_remove(side, at);
    } else if (found) {
        side->levels[side->first + at] = *level;
    } else {
        side_insert(side, at, level);
    }
}

/* Levels beyond the subscribed depth are not maintained by the exchange. */
static void side_trim(struct side_levels *side, size_t depth)
{
    if (side->count > depth) {
        side->first += side->count - depth;
        side->count = depth;
    }
}

static void side_clear(struct side_levels *side)
{
    side->first = 0;
    side->count = 0;
}

static const struct book_level *side_best(const struct side_levels *side)
{
    return side->count ? &side->levels[side->first + side->count - 1] : NULL;
}

/* --- frames --- */

/* The text has been checked as JSON: a level is [price, size], as strings. A scanner of its
 * own, because this is where a book's time goes. Moves `at` behind the token. */
static const char *blanks(const char *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
        at++;
    return at;
}

static bool scan_decimal(const char **at, struct decimal *out)
{
    const char *first = blanks(*at);
    const char *end;

    if (*first == '"') {
        end = ++first;
        while ((*end >= '0' && *end <= '9') || *end == '.')
            end++;
        if (*end != '"' || decimal_parse_n(out, first, (size_t)(end - first)))
            return false;
        *at = blanks(end + 1);
        return true;
    }
    end = first;
    while ((*end >= '0' && *end <= '9') || *end == '.')
        end++;
    if (decimal_parse_n(out, first, (size_t)(end - first)))
        return false;
    *at = blanks(end);
    return **at == ',' || **at == ']';
}

/* At '['; moves `at` behind the matching ']'. */
static bool scan_level(const char **at, struct book_level *level)
{
    (*at)++;
    if (!scan_decimal(at, &level->price) || **at != ',' || decimal_sign(&level->price) <= 0)
        return false;
    (*at)++;
    if (!scan_decimal(at, &level->qty) || **at != ']')
        return false;
    (*at)++;
    return true;
}

static bool apply_side(struct side_levels *side, const struct json *list)
{
    const char *at;
    const char *end;
    struct book_level level;

    if (list->type == JSON_NONE || list->type == JSON_NULL)
        return true;
    if (list->type != JSON_ARRAY)
        return false;
    end = list->at + list->bytes - 1;
    for (at = blanks(list->at + 1); at < end; at = blanks(at)) {
        if (*at == ',')
            at = blanks(at + 1);
        if (*at != '[' || !scan_level(&at, &level))
            return false;
        side_set(side, &level);
    }
    return true;
}

static enum book_result broken(struct book *book)
{
    side_clear(&book->bids);
    side_clear(&book->asks);
    book->state = BOOK_SYNCING;
    return BOOK_BROKEN;
}

static bool is_crossed(const struct book *book)
{
    const struct book_level *bid = side_best(&book->bids);
    const struct book_level *ask = side_best(&book->asks);

    return bid && ask && price_cmp(&bid->price, &ask->price) >= 0;
}

enum book_member { B_BIDS, B_ASKS, B_U, B_SEQ, B_COUNT };

static const struct member_name names[B_COUNT] = { [B_BIDS] = MEMBER_NAME("b"),
                                                   [B_ASKS] = MEMBER_NAME("a"),
                                                   [B_U] = MEMBER_NAME("u"),
                                                   [B_SEQ] = MEMBER_NAME("seq") };

/* PROTOCOL section 15, rules 3 to 5: what is to be done with a frame, BOOK_APPLIED meaning apply
 * it. */
static enum book_result judge(struct book *book, int64_t u, bool replaces)
{
    if (replaces)
        return book->depth == 1 && book->state != BOOK_SYNCING && u == book->u && u != 1
                   ? BOOK_REPEATED
                   : BOOK_APPLIED;
    if (book->state == BOOK_SYNCING)
        return BOOK_WAITING;
    if (u <= book->u)
        return BOOK_REPEATED;
    if (u == book->u + 1 || (book->jumps_pass && book->state == BOOK_SYNCED))
        return BOOK_APPLIED;
    book->state = BOOK_SYNCING;
    return BOOK_JUMPED;
}

enum book_result book_apply(struct book *book, const struct json *data, bool is_snapshot)
{
    struct json found[B_COUNT];
    enum book_result result;
    int64_t u;
    int64_t seq = 0;

    if (data->type != JSON_OBJECT)
        return broken(book);
    message_members(data, names, B_COUNT, found);
    if (json_int(&found[B_U], &u) || u < 1 || json_int(&found[B_SEQ], &seq) == ERR_INVALID)
        return broken(book);
    is_snapshot = is_snapshot || u == 1;
    result = judge(book, u, is_snapshot);
    if (result == BOOK_REPEATED && is_snapshot && book->state == BOOK_STALE)
        book->state = BOOK_SYNCED;
    if (result != BOOK_APPLIED)
        return result;
    if (is_snapshot) {
        side_clear(&book->bids);
        side_clear(&book->asks);
    }
    if (!apply_side(&book->bids, &found[B_BIDS]) || !apply_side(&book->asks, &found[B_ASKS]))
        return broken(book);
    side_trim(&book->bids, book->depth);
    side_trim(&book->asks, book->depth);
    if (is_crossed(book))
        return broken(book);
    book->u = u;
    book->seq = seq;
    book->state = BOOK_SYNCED;
    return BOOK_APPLIED;
}

void book_let_jumps_pass(struct book *book)
{
    book->jumps_pass = true;
}

void book_set_state(struct book *book, enum book_state state)
{
    book->state = state;
}

enum book_state book_state(const struct book *book)
{
    return book->state;
}

int64_t book_u(const struct book *book)
{
    return book->u;
}

int64_t book_seq(const struct book *book)
{
    return book->seq;
}

/* Best first. */
static size_t copy_side(const struct side_levels *side, struct book_level *levels,
                        size_t levels_max)
{
    size_t count = side->count < levels_max ? side->count : levels_max;

    for (size_t i = 0; i < count; i++)
        levels[i] = side->levels[side->first + side->count - 1 - i];
    return count;
}

size_t book_bids(const struct book *book, struct book_level *levels, size_t levels_max)
{
    return copy_side(&book->bids, levels, levels_max);
}

size_t book_asks(const struct book *book, struct book_level *levels, size_t levels_max)
{
    return copy_side(&book->asks, levels, levels_max);
}
