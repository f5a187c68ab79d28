#include "server/feed_wait.h"

#include <stddef.h>
#include <stdlib.h>

struct waiter {
    uint64_t after;
    int64_t until_ms;
    const atomic_bool *gone;
    void (*on_ready)(void *waiter);
    void *userdata;
};

struct feed_waits {
    struct waiter list[FEED_WAITS_MAX];
    size_t count;
    uint64_t seen_seq; /* who is left waits for this one or more */
    int64_t due_ms;    /* not before the first one's time is over */
    bool ended;
};

struct feed_waits *feed_waits_create(void)
{
    struct feed_waits *waits = calloc(1, sizeof(*waits));

    if (waits)
        waits->due_ms = INT64_MAX;
    return waits;
}

void feed_waits_destroy(struct feed_waits *waits)
{
    free(waits);
}

enum err feed_waits_add(struct feed_waits *waits, uint64_t after, int64_t until_ms,
                        const atomic_bool *gone, void (*on_ready)(void *waiter), void *waiter)
{
    if (waits->ended || waits->count == FEED_WAITS_MAX)
        return ERR_BUSY;
    waits->list[waits->count++] = (struct waiter){ after, until_ms, gone, on_ready, waiter };
    if (after < waits->seen_seq)
        waits->due_ms = 0; /* what it waits for has been there already */
    else if (until_ms < waits->due_ms)
        waits->due_ms = until_ms;
    return ERR_NONE;
}

bool feed_waits_any(const struct feed_waits *waits)
{
    return waits->count > 0;
}

void feed_waits_look(struct feed_waits *waits)
{
    waits->due_ms = 0;
}

/* Takes it out before it is called: it may add another one. */
static void call(struct feed_waits *waits, size_t index)
{
    struct waiter waiter = waits->list[index];

    waits->list[index] = waits->list[--waits->count];
    waiter.on_ready(waiter.userdata);
}

int64_t feed_waits_run(struct feed_waits *waits, uint64_t last_seq, int64_t now_ms)
{
    int64_t due_ms = INT64_MAX;
    size_t i = 0;

    if (last_seq == waits->seen_seq && now_ms < waits->due_ms)
        return waits->due_ms;
    waits->seen_seq = last_seq;
    while (i < waits->count) {
        const struct waiter *waiter = &waits->list[i];

        if (waiter->after < last_seq || waiter->until_ms <= now_ms || atomic_load(waiter->gone)) {
            call(waits, i);
            continue;
        }
        if (waiter->until_ms < due_ms)
            due_ms = waiter->until_ms;
        i++;
    }
    waits->due_ms = due_ms;
    return due_ms;
}

void feed_waits_end(struct feed_waits *waits)
{
    waits->ended = true;
    while (waits->count)
        call(waits, waits->count - 1);
}
