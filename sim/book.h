/* sim/book.h - one symbol's order book with price-time priority.
 *
 * An entry is one resting order: a simulated maker's (owner NULL) or the user's. Prices are ticks,
 * sizes lots (sim/instruments.h). Every change raises `version`.
 *
 * Threads: pure, owned by one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/trade.h"

#define BOOK_LEVELS_MAX 4096 /* a side */

struct book_entry {
    struct book_entry *prev; /* earlier in the queue of its level */
    struct book_entry *next;
    int64_t ticks;
    int64_t lots;
    enum side side;
    void *owner; /* borrowed; NULL: a simulated maker */
};

struct book_level {
    int64_t ticks;
    int64_t lots; /* sum of its entries */
    struct book_entry *first;
    struct book_entry *last;
};

struct book_side {
    struct book_level *levels; /* best first */
    size_t count;
    size_t capacity;
};

struct book {
    struct book_side bids;
    struct book_side asks;
    uint64_t version;
};

/* An empty book; allocates nothing. */
void book_init(struct book *book);
/* Frees all entries; the owners stay. */
void book_deinit(struct book *book);

const struct book_side *book_side(const struct book *book, enum side side);
enum side side_opposite(enum side side);

/* Puts an order at the end of its level's queue. NULL: out of memory or BOOK_LEVELS_MAX. The book
 * owns the entry. */
struct book_entry *book_add(struct book *book, enum side side, int64_t ticks, int64_t lots,
                            void *owner);
/* Takes `lots` off, keeping the place; an entry that reaches zero is removed and freed. */
void book_reduce(struct book *book, struct book_entry *entry, int64_t lots);
void book_remove(struct book *book, struct book_entry *entry);

/* The entry that trades first, NULL when the side is empty. */
struct book_entry *book_best(const struct book *book, enum side side);
/* Best price in ticks, 0 when empty. */
int64_t book_best_ticks(const struct book *book, enum side side);
/* Whether a taker of `side` with limit `ticks` reaches the price `at`. */
bool book_crosses(enum side side, int64_t ticks, int64_t at);
/* Lots that a taker of `side` could take up to its limit, counted up to `wanted`. */
int64_t book_available(const struct book *book, enum side side, int64_t limit_ticks,
                       int64_t wanted);
/* Sum of ticks * lots for taking up to `wanted` lots. */
decimal_int book_cost(const struct book *book, enum side side, int64_t limit_ticks, int64_t wanted);
/* The simulated maker's entry at a price, or NULL. */
struct book_entry *book_maker_at(const struct book *book, enum side side, int64_t ticks);
