/* api/order_market.h - the market as one order meets it: its symbol's book and ticker, and the
 * account's fee rate.
 *
 * From memory while it is young, else by one read over REST each. Asking for a book or ticker also
 * streams it until a minute later.
 *
 * Threads: a struct is one thread's at a time: its maker's, then the reads'.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "base/trade.h"
#include "bybit/book.h"
#include "bybit/message.h"

enum order_market_part { ORDER_BOOK, ORDER_TICKER, ORDER_FEES, ORDER_MARKET_PARTS };
#define ORDER_MARKET_BIT(part) (1U << (part))

struct order_market {
    /* What was found. */
    bool known[ORDER_MARKET_PARTS];
    bool is_rest[ORDER_MARKET_PARTS]; /* else from memory */
    struct book_level *bids;          /* the book's, best first */
    struct book_level *asks;
    size_t bids_count;
    size_t asks_count;
    struct decimal last; /* the ticker's; none where it has none */
    struct decimal mark;
    struct decimal index;
    struct decimal maker_rate; /* the fees' */
    struct decimal taker_rate;
    char why[120];          /* of the first part that is not known; "" */
    int64_t retry_after_ms; /* that got no turn in the rate budget: when it may come; else 0 */
    /* The rest is its own. */
    const struct api *api;
    enum category category;
    char symbol[SYMBOL_MAX];
    char base[COIN_MAX];
    size_t levels_max; /* that bids and asks have place for */
    unsigned wanted;
    unsigned tried;
    bool no_memory; /* the next look is at the exchange */
    enum order_market_part reading;
    int64_t until_ms;
    void (*on_done)(void *userdata);
    void *userdata;
};

/* Knows nothing yet. `base`: the symbol's base coin. */
void order_market_init(struct order_market *market, const struct api *api, enum category category,
                       const char *symbol, const char *base);
/* NULL is fine. */
void order_market_deinit(struct order_market *market);
/* Finds the parts (bits) that are not known yet, until `until_ms` (monotonic) at the latest.
 * `on_done` is called exactly once: from the reads' thread, from inside reads_halt, or before this
 * returns. */
void order_market_find(struct order_market *market, unsigned parts, int64_t until_ms,
                       void (*on_done)(void *userdata), void *userdata);
/* The book in memory does not reach far enough: reads the exchange's, likewise. */
void order_market_find_deeper(struct order_market *market, int64_t until_ms,
                              void (*on_done)(void *userdata), void *userdata);
