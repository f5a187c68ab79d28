/* bybit/reads_load.h - the symbols of spot, linear and inverse, kept fresh by the reads thread;
 * only for reads.c.
 *
 * Threads: the reads thread's.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bybit/instruments.h"
#include "bybit/rest.h"

#define LOADS_COUNT     3
#define LOAD_CURSOR_MAX 512

struct loads;

struct load {
    struct loads *loads;
    enum category category;
    bool under_way;
    bool loaded;
    bool is_empty; /* what was loaded: a category without symbols is no failure */
    int64_t as_of_ms;
    int64_t next_ms;
    int backoff_ms;
    struct instrument *items;
    size_t count;
    size_t capacity;
    int pages;
    int skipped;
    char cursor[LOAD_CURSOR_MAX];
};

struct loads {
    struct rest *rest;
    struct instruments_slot *slot;
    int every_ms;
    const atomic_bool *stopping; /* then an answer is dropped */
    struct load each[LOADS_COUNT];
};

/* All are due at once. `every_ms` 0: each hour. */
void loads_init(struct loads *loads, struct rest *rest, struct instruments_slot *slot, int every_ms,
                const atomic_bool *stopping);
/* After the rest is destroyed; of a zeroed struct too. */
void loads_deinit(struct loads *loads);
/* Begins the loads that are due. Returns when the next one is (monotonic ms). */
int64_t loads_run(struct loads *loads);
