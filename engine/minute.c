/* engine/minute.c - creates of the last minute, in slots of 100 ms: a create counts until its whole
 * slot is a minute old, so never too short, and at most 100 ms too long. */
#include <string.h>

#include "engine/internal.h"

static void forget_old(struct minute *minute, int64_t now_ms)
{
    int64_t slot = now_ms / MINUTE_SLOT_MS;

    if (slot - minute->slot >= MINUTE_SLOTS) {
        memset(minute->counts, 0, sizeof(minute->counts));
        minute->total = 0;
        minute->slot = slot;
    }
    while (minute->slot < slot) {
        int *oldest = &minute->counts[++minute->slot % MINUTE_SLOTS];

        minute->total -= *oldest;
        *oldest = 0;
    }
}

/* The slot of `at_ms`, NULL when it is over. What was made later than now was made now. */
static int *slot_of(struct minute *minute, int64_t now_ms, int64_t at_ms)
{
    int64_t slot = (at_ms < now_ms ? at_ms : now_ms) / MINUTE_SLOT_MS;

    forget_old(minute, now_ms);
    if (slot < 0 || slot <= minute->slot - MINUTE_SLOTS)
        return NULL;
    return &minute->counts[slot % MINUTE_SLOTS];
}

void minute_add(struct minute *minute, int64_t now_ms, int64_t at_ms)
{
    int *count = slot_of(minute, now_ms, at_ms);

    if (!count || minute->total == INT32_MAX)
        return;
    (*count)++;
    minute->total++;
}

void minute_take_back(struct minute *minute, int64_t now_ms, int64_t at_ms)
{
    int *count = slot_of(minute, now_ms, at_ms);

    if (!count || *count == 0)
        return;
    (*count)--;
    minute->total--;
}

int minute_count(struct minute *minute, int64_t now_ms)
{
    forget_old(minute, now_ms);
    return minute->total;
}

int64_t minute_next_ms(struct minute *minute, int64_t now_ms, int max)
{
    int left = minute_count(minute, now_ms);

    if (max <= 0 || left < max)
        return 0;
    for (int64_t slot = minute->slot - MINUTE_SLOTS + 1; slot <= minute->slot; slot++) {
        left -= minute->counts[slot % MINUTE_SLOTS];
        if (left < max)
            return (slot + MINUTE_SLOTS) * MINUTE_SLOT_MS - now_ms;
    }
    return 0;
}
