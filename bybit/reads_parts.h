/* bybit/reads_parts.h - what the files of bybit/reads share. Nothing outside of them includes it.
 *
 *   reads.c          the thread, its inbox, birth and death
 *   reads_flights.c  who waits for which upstream read; answers that are kept
 *   reads_load.c     the instruments
 *
 * Threads: the reads thread's, but for what is atomic and the inbox.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/queue.h"
#include "bybit/reads.h"
#include "bybit/reads_load.h"

#define NEVER INT64_MAX

struct ask {
    struct ask *next;
    enum bybit_route route;
    enum category category;
    enum budget_lane lane;
    int64_t deadline_ms;
    int cache_ms;
    void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms, void *userdata);
    void *userdata;
    char query[];
};

struct flight;

struct reads {
    struct reads_config config;
    struct rest *rest;
    struct queue *inbox;
    int epoll_fd;
    pthread_t thread;
    atomic_bool stopping;
    bool halted;
    atomic_int waiting[BUDGET_LANES];
    atomic_int chains;
    atomic_int facts;
    struct ask *bell;       /* wakes the thread to see `stopping` */
    struct flight *flights; /* newest first; under way and landed ones */
    struct loads loads;
    int64_t tick_due_ms;
};

/* Answers the ask from what is kept, joins it to a flight, or begins one. */
void reads_take_ask(struct reads *reads, struct ask *ask);
/* Ends it without an answer. */
void reads_fail_ask(struct reads *reads, struct ask *ask, enum err err, const char *why);
/* Ends the asks whose time is over while their flight goes on for others. Returns when the next
 * one's is. */
int64_t reads_expire_asks(struct reads *reads);
/* Frees all flights; nobody waits for one any more. */
void reads_forget_flights(struct reads *reads);
