/* bybit/book.h - one order book from snapshots and deltas (PROTOCOL section 15). Pure; preallocated
 * for its depth. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/trade.h"

struct book_level {
    struct decimal price;
    struct decimal qty;
};

enum book_state { BOOK_SYNCING, BOOK_SYNCED, BOOK_STALE };
const char *book_state_word(enum book_state state);

struct book;

/* `depth`: Bybit's own (1, 50, 200, 1000). NULL: out of memory. */
struct book *book_create(int depth);
void book_destroy(struct book *book);
/* Makes `to` the same as `from`; both are of one depth. */
void book_copy(struct book *to, const struct book *from);

enum book_result {
    BOOK_APPLIED,
    BOOK_REPEATED, /* u equal or lower: dropped */
    BOOK_JUMPED,   /* a frame was lost: the book is syncing now, subscribe again */
    BOOK_BROKEN,   /* unreadable or crossed after applying: likewise, and emptied */
    BOOK_WAITING,  /* a delta while syncing: dropped */
};
/* Applies the `data` of a frame. u = 1 is a restart of the service: replaces all. */
enum book_result book_apply(struct book *book, const struct json *data, bool is_snapshot);
/* For a topic whose u is seen to jump all the time on a healthy link: apply over jumps while synced
 * (crossing still shows). */
void book_let_jumps_pass(struct book *book);
void book_set_state(struct book *book, enum book_state state);
enum book_state book_state(const struct book *book);
int64_t book_u(const struct book *book);
int64_t book_seq(const struct book *book);
/* Copies at most `levels_max` best levels; returns how many. */
size_t book_bids(const struct book *book, struct book_level *levels, size_t levels_max);
size_t book_asks(const struct book *book, struct book_level *levels, size_t levels_max);
