/* sim/tape.h - what was traded: the newest public trades, minute candles, 24 h figures.
 *
 * Threads: pure, owned by one.
 */
#pragma once

#include "sim/instruments.h"

#define TAPE_TRADES  1024 /* kept; a power of two */
#define TAPE_CANDLES 2048 /* minutes kept; a power of two */

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
    decimal_int turnover; /* ticks * lots */
};

struct tape {
    struct public_trade trades[TAPE_TRADES];
    uint64_t trades_count; /* number of the newest */
    struct candle candles[TAPE_CANDLES];
    uint64_t candles_count; /* ever; the newest is candles_count - 1 */
    int64_t last_ticks;
    int last_direction;
    int64_t prev_24h_ticks;
    int64_t prev_1h_ticks;
    int64_t high_ticks;
    int64_t low_ticks;
    int64_t volume_lots;
    decimal_int turnover;
};

/* Starts with the given minutes (oldest first), as if they had been traded. */
void tape_init(struct tape *tape, const struct candle *past, size_t count);
/* Fills in number and direction, keeps it and returns the kept one. */
const struct public_trade *tape_add(struct tape *tape, const struct public_trade *trade);
/* The trade `back` places before the newest (0: the newest), or NULL. */
const struct public_trade *tape_trade(const struct tape *tape, uint64_t back);
const struct candle *tape_candle(const struct tape *tape, uint64_t back);
