/* bybit/reads.h - the thread for market reads over REST: a second curl multi, so that a large
 * answer stalls neither orders nor streams. Keeps the instruments fresh, and shares one upstream
 * read among all who ask for the same at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "bybit/instruments.h"
#include "bybit/rest.h"

struct reads;

struct reads_config {
    struct rest_config rest;
    struct instruments_slot *instruments;
    int instruments_every_ms; /* 3,600,000; after a failure sooner, with back-off */
    /* On the reads thread, about each `tick_ms`: for what must be read from time to time. May be
     * NULL. */
    void (*on_tick)(void *userdata);
    void *userdata;
    int tick_ms; /* 1000 */
};

/* Starts the thread; it loads spot and linear (then inverse) instruments at once. */
MUST_CHECK enum err reads_start(struct reads **out, const struct reads_config *config,
                                struct error *error);
/* Ends the thread and all reads: their on_done is called, unanswered, and what asks from now on
 * gets ERR_BUSY. For a stop while what the callbacks use is still there; NULL is fine. */
void reads_halt(struct reads *reads);
/* The same, where it was not done yet, then frees. NULL is fine. */
void reads_stop(struct reads *reads);

/* GETs `route` with `query`. `on_done` is called exactly once, from the reads thread or from inside
 * reads_halt; the answer's body is borrowed for the call. An equal query that is under way, or was
 * answered within `cache_ms`, is shared (of a signed route only when `cache_ms` > 0: an answer
 * asked for earlier may lack what the asker has just done); `as_of_ms` is the wall clock of the
 * answer. ERR_BUSY: 256 wait, or it is stopping. ERR_INVALID: a write, or a query above 8 KiB. */
MUST_CHECK enum err reads_get(struct reads *reads, enum bybit_route route, enum category category,
                              const char *query, int timeout_ms, int cache_ms,
                              void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                              void *userdata),
                              void *userdata);
/* The same in the lane of our own loads and look-ups (BUDGET_OWN; above it is BUDGET_READ), of
 * which 64 may wait. */
MUST_CHECK enum err
reads_get_own(struct reads *reads, enum bybit_route route, enum category category,
              const char *query, int timeout_ms, int cache_ms,
              void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms, void *userdata),
              void *userdata);

/* Of the 256 that may wait, half at most are for orders whose value must be found out: those of
 * people go on in a flood of orders. False: not now. Each begun one must end, before reads_stop has
 * returned. */
#define READS_FACTS_MAX 128
bool reads_facts_begin(struct reads *reads);
void reads_facts_end(struct reads *reads);

/* A chain of many reads, whose answers are kept until the last is in: at most READS_CHAINS_MAX at
 * once, so that they can't fill the memory. False: not now. Each begun one must end, before
 * reads_stop has returned. */
#define READS_CHAINS_MAX 16
bool reads_chain_begin(struct reads *reads);
void reads_chain_end(struct reads *reads);
