/* db/pnl_book.h - one symbol's averages: what an execution does to them (db/pnl.h). Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "db/pnl.h"

/* Units of 10^-PNL_SCALE. */
typedef decimal_int pnl_int;

struct pnl_book {
    pnl_int qty;  /* signed */
    pnl_int cost; /* value of what is open, at its entry; >= 0 */
};

/* By position_idx; without hedge mode, and spot, the first. */
#define PNL_BOOKS 3
struct pnl_place {
    enum category category;
    char symbol[SYMBOL_MAX];
    char coin[COIN_MAX];
    char base[COIN_MAX];
    struct pnl_book books[PNL_BOOKS];
};

struct pnl_effect {
    pnl_int realised;
    pnl_int volume;
    pnl_int unmatched_qty;
    pnl_int left; /* size of the book after it */
};

/* False: its numbers do not fit, or are not there; nothing has changed. */
MUST_CHECK bool pnl_place_trade(struct pnl_place *place, const struct pnl_fill *fill,
                                struct pnl_effect *effect);

/* Nobody opens a position by it. */
bool pnl_only_closes(enum fill_kind kind);

/* Cut toward zero to PNL_SCALE decimals; false: none, or too large. */
MUST_CHECK bool pnl_int_of(pnl_int *out, const struct decimal *value);
struct decimal pnl_int_shown(pnl_int value);
