/* sim/exchange.h - the state of the simulated exchange, and who hears of its changes.
 *
 * match.c changes it for the user, market.c for everyone else. Neither knows of sockets: what
 * happened goes out through the callbacks, in the order in which it happened, before the call that
 * caused it returns.
 *
 * Threads: owned by one. `now_ms` is set by the owner before each call.
 */
#pragma once

#include "sim/account.h"
#include "sim/history.h"
#include "sim/pools.h"
#include "sim/tape.h"

#define CANCEL_ALL_MOST 500 /* as documented */

struct exchange_callbacks {
    void (*on_order)(const struct sim_order *order, void *userdata);
    void (*on_execution)(const struct sim_execution *execution, void *userdata);
    void (*on_position)(const struct position *position, void *userdata);
    void (*on_wallet)(void *userdata);
    void (*on_trade)(const struct instrument *instrument, const struct public_trade *trade,
                     void *userdata);
};

struct market; /* sim/market.h */
struct later;  /* sim/later.h */

/* Why a request is refused; code 0: it is not. `text` is static. */
struct refusal {
    int code;
    const char *text;
};

/* Lowest and highest trade since triggers were looked at, 0: none. */
struct price_span {
    int64_t low;
    int64_t high;
};

struct exchange {
    int64_t now_ms;
    struct book books[INSTRUMENT_COUNT];
    struct tape tapes[INSTRUMENT_COUNT];
    int64_t mids[INSTRUMENT_COUNT]; /* ticks; the mark price too */
    struct price_span spans[INSTRUMENT_COUNT];
    struct account account;
    struct pools pools;
    struct history *history;
    uint64_t seq;                /* cross sequence: one more for each matching step */
    uint64_t ids;                /* state of the id generator */
    uint64_t spot_ids;           /* newest decimal id */
    bool wallet_owed;            /* a wallet message is owed at the end of the step */
    int cancel_all_most;         /* orders of contracts that one cancel-all cancels */
    int64_t cancel_all_delay_ms; /* 0: before it is answered */
    bool cancels_owed;           /* some order has its cancel_at_ms */
    uint64_t cancel_random;      /* state of the choice */
    int64_t cancel_delay_ms;     /* of single ones and batches; 0: before it is answered */
    int64_t amend_delay_ms;
    int64_t lookup_lag_ms;  /* younger orders are in no list */
    int64_t history_lag_ms; /* orders closed later are not in the history */
    struct later *later;
    struct market *market;
    const struct exchange_callbacks *callbacks; /* borrowed; NULL: no one listens */
    void *userdata;
};

/* `id_seed` makes ids differ between runs. ERR_NO_MEMORY. */
MUST_CHECK enum err exchange_init(struct exchange *exchange, int64_t now_ms, uint64_t id_seed);
void exchange_deinit(struct exchange *exchange);

/* Where the fills of an order go. NULL: spot has no positions. */
struct position *exchange_position(struct exchange *exchange, const struct sim_order *order);

/* A UUID, or decimal digits for spot. */
void exchange_make_id(struct exchange *exchange, enum category category, char out[ORDER_ID_MAX]);
