/* api/turns.h - long works that come at any time: few of them run at once, some wait in order, the
 * others are turned away.
 *
 * Threads: any.
 */
#pragma once

#include <pthread.h>
#include <stddef.h>

/* Part of the work; the caller's until turns_end has given it back. */
struct turn {
    struct turn *next;
};

struct turns {
    pthread_mutex_t lock;
    size_t running_max;
    size_t waiting_max;
    /* The rest is its own. */
    size_t running;
    size_t waiting;
    struct turn *first;
    struct turn *last;
};

#define TURNS_OF(running_most, waiting_most)                                                       \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .running_max = (running_most),                          \
        .waiting_max = (waiting_most)                                                              \
    }

enum turn_answer { TURN_NOW, TURN_LATER, TURN_NONE };

/* NOW: it runs, and turns_end is owed. LATER: some turns_end gives it back, and it runs then. */
enum turn_answer turns_ask(struct turns *turns, struct turn *turn);
/* One that ran has ended. The next one that runs, or NULL. */
struct turn *turns_end(struct turns *turns);
