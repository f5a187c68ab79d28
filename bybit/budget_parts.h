/* bybit/budget_parts.h - what budget.c and budget_read.c share; only for them.
 *
 * Threads: under the budget's lock.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "bybit/budget.h"
#include "bybit/budget_window.h"

struct bucket {
    struct window window; /* opened when it is used first */
    int64_t held_until_ms;
    int waiting[BUDGET_LANES]; /* requests */
    int units[BUDGET_LANES];   /* of them */
};

struct budget {
    pthread_mutex_t lock;
    int64_t now_ms; /* the latest that was seen */
    struct window ip;
    int64_t banned_until_ms;
    void (*on_ban)(int64_t until_ms, void *userdata);
    void *userdata;
    int64_t trip_ms_x8; /* smoothed round trip, in eighths */
    bool own_needed;
    uint64_t throttled[BUDGET_LANES];
    struct bucket buckets[ROUTE_COUNT][CATEGORY_COUNT];
};

/* Threads may come with a slightly older time, which is then not theirs. */
void budget_move(struct budget *budget, int64_t now_ms);
struct bucket *budget_bucket(struct budget *budget, enum bybit_route route, enum category category);
