/* sim/tape.h - what was traded: the newest public trades, minute candles without gaps, 24 h
 * figures.
 *
 * Threads: pure, owned by one.
 */
#pragma once

#include "sim/instruments.h"

#define TAPE_TRADES  1024  /* kept; a power of two */
#define TAPE_CANDLES 16384 /* minutes kept, eleven days; a power of two */
#define TAPE_DAY     1440

struct public_trade {
    uint64_t number; /* 1, 2, ... of the symbol */
    char id[ORDER_ID_MAX];
    int64_t ticks;
    int64_t lots;
    enum side side; /* of the taker */
    int direction;  /* index into tick directions, see messages.c */
    int64_t at_ms;
    uint64_t seq;
};

struct candle {
    int64_t start_ms;
    int64_t open, high, low, close; /* ticks */
    int64_t lots;
    decimal_int units; /* turnover, see sim/instruments.h */
    int64_t at_ms;     /* of its last trade; without one its start */
};

struct tape {
    const struct instrument *instrument;
    struct public_trade trades[TAPE_TRADES];
    uint64_t trades_count;  /* number of the newest */
    struct candle *candles; /* TAPE_CANDLES of them, a ring */
    uint64_t candles_count; /* ever; the newest is candles_count - 1 */
    int64_t last_ticks;
    int last_direction;
    int64_t prev_24h_ticks;
    int64_t prev_1h_ticks;
    int64_t high_ticks;
    int64_t low_ticks;
    int64_t volume_lots;
    decimal_int turnover_units;
};

/* Adds a later candle to an earlier one; `into` with start_ms below zero is empty. */
void candle_merge(struct candle *into, const struct candle *later);

/* Starts with the given minutes (oldest first, one after the other, at least one), as if they had
 * been traded. ERR_NO_MEMORY. */
MUST_CHECK enum err tape_init(struct tape *tape, const struct instrument *instrument,
                              const struct candle *past, size_t count);
void tape_deinit(struct tape *tape);
/* Gives each minute up to now a candle: one without trades opens and closes at the last price. */
void tape_advance(struct tape *tape, int64_t now_ms);
/* Fills in number and direction, keeps it and returns the kept one. */
const struct public_trade *tape_add(struct tape *tape, const struct public_trade *trade);
/* The trade `back` places before the newest (0: the newest), or NULL. */
const struct public_trade *tape_trade(const struct tape *tape, uint64_t back);
/* The minute that starts then, or NULL. */
const struct candle *tape_minute(const struct tape *tape, int64_t start_ms);
/* Start of the newest and of the oldest minute kept. */
int64_t tape_newest_ms(const struct tape *tape);
int64_t tape_oldest_ms(const struct tape *tape);
