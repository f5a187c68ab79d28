#include "server/feed_wait.h"

#include <stddef.h>
#include <stdlib.h>

struct waiter {
    uint64_t after;
    int64_t until_ms;
    void (*on_ready)(void *waiter);
    void *userdata;
};

struct feed_waits {
    struct waiter list[FEED_WAITS_MAX];
    size_t count;
    bool ended;
};

struct feed_waits *feed_waits_create(void)
{
    return calloc(1, sizeof(struct feed_waits));
}

void feed_waits_destroy(struct feed_waits *waits)
{
    free(waits);
}

enum err feed_waits_add(struct feed_waits *waits, uint64_t after, int64_t until_ms,
                        void (*on_ready)(void *waiter), void *waiter)
{
    if (waits->ended || waits->count == FEED_WAITS_MAX)
        return ERR_BUSY;
    waits->list[waits->count++] = (struct waiter){ after, until_ms, on_ready, waiter };
    return ERR_NONE;
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

    while (i < waits->count) {
        const struct waiter *waiter = &waits->list[i];

        if (waiter->after < last_seq || waiter->until_ms <= now_ms) {
            call(waits, i);
            continue;
        }
        if (waiter->until_ms < due_ms)
            due_ms = waiter->until_ms;
        i++;
    }
    return due_ms;
}

void feed_waits_end(struct feed_waits *waits)
{
    waits->ended = true;
    while (waits->count)
        call(waits, waits->count - 1);
}
