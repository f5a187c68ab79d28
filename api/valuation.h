/* api/valuation.h - what the guard must know of an order and the engine can't find out: what a unit
 * of it is worth in USD at worst, and the leverage of its position.
 *
 *     inverse, or a size in quote coin   1
 *     a limit buy                        its limit
 *     a market buy                       the worst ask that its size reaches
 *     a sell                             the best bid (a limit sell, where nobody bids: the best
 *                                        ask), or its limit where that is higher
 *     a conditional order but for that   its trigger price, where that is higher
 *
 * (of an option that is its premium)
 *
 * times the best ask of spot:{QUOTE}USDT, where the quote coin is none of USDT, USDC and USD.
 *
 * First from memory: a book counts that is synced, has both sides and is at most 1 s old, a
 * position while the private stream keeps it. Then, if the engine can't do without, over REST.
 * Asking for a book also streams it until a minute later, as GET /book does.
 *
 * Threads: a valuation is one thread's at a time: the http thread's, the engine's, the reads'.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "base/trade.h"
#include "bybit/book.h"
#include "engine/guard.h"

/* The price of the order in its quote coin, at worst, by the book of its symbol; of a limit buy its
 * own limit. False: the book does not tell, and `why` says so. Pure. */
bool valuation_price(const struct order_request *request, const struct book_level *bids,
                     size_t bids_count, const struct book_level *asks, size_t asks_count,
                     struct decimal *out, char why[120]);

enum value_part { VALUE_BOOK, VALUE_QUOTE, VALUE_LEVERAGE, VALUE_PARTS };

struct valuation {
    struct guard_facts facts; /* for loop_create, with request->value_price */
    bool has_read;            /* over REST */
    /* The rest is its own. */
    const struct api *api;
    struct order_request *request;
    char quote[COIN_MAX];
    struct decimal own_price; /* without any book; NONE: one is needed */
    enum guard_price_source own_source;
    bool is_priced; /* a price is wanted */
    struct {
        bool wanted;
        bool known;
        bool tried; /* over REST */
        enum category category;
        char symbol[SYMBOL_MAX];
        struct decimal value;
        enum guard_price_source source;
        int64_t as_of_ms; /* monotonic */
    } parts[VALUE_PARTS];
    int64_t until_ms;
    int64_t begin_ms;
    enum value_part reading;
    void (*on_done)(void *userdata);
    void *userdata;
};

/* What memory has, of what `needs` (bits of guard_needs) says. `request` is kept, and its
 * value_price set. `quote`: the symbol's quote coin. */
void valuation_begin(struct valuation *value, const struct api *api, struct order_request *request,
                     const char *quote, unsigned needs);
/* Looks again for a book that has grown too old meanwhile; where memory has none, it stays. Then
 * the value_price is of now. */
void valuation_renew(struct valuation *value);
/* Whether anything of it was not in memory. */
bool valuation_lacks(const struct valuation *value);
/* Reads what is missing over REST, until `until_ms` (monotonic) at the latest, and sets
 * facts.last_word. `on_done` is called exactly once: from the reads' thread, from inside
 * reads_halt, or before this returns. */
void valuation_read(struct valuation *value, unsigned needs, int64_t until_ms,
                    void (*on_done)(void *userdata), void *userdata);
