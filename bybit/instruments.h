/* bybit/instruments.h - trading rules of symbols (PROTOCOL section 13), as immutable snapshots.
 *
 * Threads: any; a snapshot is reference counted and never changes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/trade.h"

struct instrument {
    enum category category;
    char symbol[SYMBOL_MAX];
    char base[COIN_MAX];
    char quote[COIN_MAX];
    char settle[COIN_MAX]; /* "" for spot */
    char status[24];       /* "Trading", "PreLaunch", ... */
    struct decimal tick_size;
    struct decimal qty_step;   /* spot: basePrecision */
    struct decimal quote_step; /* spot: quotePrecision; else none */
    struct decimal min_qty;    /* spot: not checked (retired), shown */
    struct decimal max_limit_qty;
    struct decimal max_market_qty;
    struct decimal max_post_only_qty; /* none: same as max_limit_qty */
    struct decimal min_notional;      /* spot: minOrderAmt */
    struct decimal min_price;
    struct decimal max_price;
    struct decimal min_leverage;
    struct decimal max_leverage;
    struct decimal leverage_step;
    int64_t funding_interval_min; /* 0: none */
};

struct instruments; /* a snapshot */

/* Reads one item of instruments-info's list. */
MUST_CHECK enum err instrument_read(struct instrument *out, const struct json *item,
                                    enum category category, struct error *error);

/* Builds a snapshot (one reference) from an array, which is copied and sorted; a symbol that is
 * there twice (the exchange's pages moved while they were read) is kept once. NULL: out of memory.
 */
struct instruments *instruments_create(const struct instrument *list, size_t count,
                                       int64_t as_of_ms);

/* Options are loaded coin by coin, when they are first asked for (there are thousands of them). */
#define OPTION_COINS_MAX 16
struct option_coin {
    char base[COIN_MAX];
    int64_t as_of_ms;      /* wall clock */
    int64_t good_until_ms; /* monotonic: then they are loaded anew */
    int64_t tried_ms;      /* monotonic: when that was tried last */
};
/* A snapshot of all that `old` has, but of coin->base's options only those of the list. When there
 * are OPTION_COINS_MAX coins already, the one that was loaded longest ago goes. NULL: out of
 * memory. */
struct instruments *instruments_with_options(const struct instruments *old,
                                             const struct option_coin *coin,
                                             const struct instrument *list, size_t count);
/* For a snapshot that was made with all that old has of other categories: which those are, and the
 * options' coins. */
void instruments_inherit(struct instruments *to, const struct instruments *old);
/* NULL: they are not loaded. */
const struct option_coin *instruments_option_coin(const struct instruments *instruments,
                                                  const char *base);

const struct instruments *instruments_ref(const struct instruments *instruments);
/* Drops a reference; frees with the last. NULL is fine. */
void instruments_unref(const struct instruments *instruments);

size_t instruments_count(const struct instruments *instruments);
const struct instrument *instruments_at(const struct instruments *instruments, size_t index);
/* NULL: no such symbol. */
const struct instrument *instruments_find(const struct instruments *instruments,
                                          enum category category, const char *symbol);
int64_t instruments_as_of_ms(const struct instruments *instruments);
/* False: its symbols have not come yet, so that an unknown one may still be there. */
bool instruments_has_category(const struct instruments *instruments, enum category category);
/* The category was loaded, even if nothing is in it. Before the snapshot is published. */
void instruments_mark_loaded(struct instruments *instruments, enum category category);

/* The place where the newest snapshot is published. */
struct instruments_slot;
struct instruments_slot *instruments_slot_create(void);
void instruments_slot_destroy(struct instruments_slot *slot);
/* Takes over the caller's reference. */
void instruments_publish(struct instruments_slot *slot, struct instruments *instruments);
/* A new reference to the newest snapshot, or NULL before the first. */
const struct instruments *instruments_newest(struct instruments_slot *slot);
