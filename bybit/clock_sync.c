/* bybit/clock_sync.c - the last samples, and the one of them that bounds the offset best. */
#include "bybit/clock_sync.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

#define SAMPLES_MAX    8
#define ROUND_TRIP_MAX INT64_C(60000000) /* us; slower answers say nothing */
#define DRIFT_PPM      100
#define RESOLUTION_US  1000 /* the exchange tells whole milliseconds */
#define EARLIER_MS     50

struct sample {
    int64_t offset_us;
    int64_t half_us; /* half of the round trip */
    int64_t at_us;
};

struct clock_sync {
    pthread_mutex_t lock;
    struct sample samples[SAMPLES_MAX];
    size_t count;
    size_t next;
};

struct clock_sync *clock_sync_create(void)
{
    struct clock_sync *clock = calloc(1, sizeof(*clock));

    if (clock)
        pthread_mutex_init(&clock->lock, NULL);
    return clock;
}

void clock_sync_destroy(struct clock_sync *clock)
{
    if (!clock)
        return;
    pthread_mutex_destroy(&clock->lock);
    free(clock);
}

static int64_t uncertainty_us(const struct sample *sample, int64_t now_us)
{
    int64_t age_us = now_us > sample->at_us ? now_us - sample->at_us : 0;

    return sample->half_us + RESOLUTION_US + age_us / (1000000 / DRIFT_PPM);
}

/* Whether both cannot be true: then one of the clocks was set, and the newer sample counts. */
static bool contradicts(const struct sample *a, const struct sample *b, int64_t now_us)
{
    int64_t apart_us = a->offset_us - b->offset_us;

    if (apart_us < 0)
        apart_us = -apart_us;
    return apart_us > uncertainty_us(a, now_us) + uncertainty_us(b, now_us);
}

void clock_sync_sample(struct clock_sync *clock, int64_t sent_us, int64_t received_us,
                       int64_t server_ms)
{
    struct sample sample = { .at_us = received_us };

    if (received_us < sent_us || received_us - sent_us > ROUND_TRIP_MAX || server_ms <= 0 ||
        server_ms > INT64_C(1) << 50)
        return;
    sample.half_us = (received_us - sent_us + 1) / 2;
    sample.offset_us = server_ms * 1000 - (sent_us + sample.half_us);
    pthread_mutex_lock(&clock->lock);
    for (size_t i = 0; i < clock->count; i++) {
        if (contradicts(&sample, &clock->samples[i], received_us)) {
            clock->count = 0;
            clock->next = 0;
        }
    }
    clock->samples[clock->next] = sample;
    clock->next = (clock->next + 1) % SAMPLES_MAX;
    if (clock->count < SAMPLES_MAX)
        clock->count++;
    pthread_mutex_unlock(&clock->lock);
}

void clock_sync_reset(struct clock_sync *clock)
{
    pthread_mutex_lock(&clock->lock);
    clock->count = 0;
    clock->next = 0;
    pthread_mutex_unlock(&clock->lock);
}

/* Copies the sample with the least uncertainty now. */
static bool best_sample(struct clock_sync *clock, int64_t now_us, struct sample *out)
{
    bool found;

    pthread_mutex_lock(&clock->lock);
    found = clock->count > 0;
    for (size_t i = 0; i < clock->count; i++) {
        if (i == 0 || uncertainty_us(&clock->samples[i], now_us) < uncertainty_us(out, now_us))
            *out = clock->samples[i];
    }
    pthread_mutex_unlock(&clock->lock);
    return found;
}

bool clock_sync_ready(struct clock_sync *clock)
{
    struct sample best;

    return best_sample(clock, clock_mono_us(), &best);
}

int64_t clock_sync_server_ms(struct clock_sync *clock)
{
    struct sample best;
    int64_t now_us = clock_mono_us();

    return best_sample(clock, now_us, &best) ? (now_us + best.offset_us) / 1000 : clock_wall_ms();
}

int64_t clock_sync_signing_ms(struct clock_sync *clock)
{
    return clock_sync_server_ms(clock) - EARLIER_MS;
}

int64_t clock_sync_uncertainty_ms(struct clock_sync *clock)
{
    struct sample best;
    int64_t now_us = clock_mono_us();

    return best_sample(clock, now_us, &best) ? (uncertainty_us(&best, now_us) + 999) / 1000
                                             : INT64_MAX;
}

int64_t clock_sync_age_ms(struct clock_sync *clock)
{
    int64_t newest_us = INT64_MIN;
    int64_t now_us = clock_mono_us();

    pthread_mutex_lock(&clock->lock);
    for (size_t i = 0; i < clock->count; i++) {
        if (clock->samples[i].at_us > newest_us)
            newest_us = clock->samples[i].at_us;
    }
    pthread_mutex_unlock(&clock->lock);
    if (newest_us == INT64_MIN)
        return INT64_MAX;
    return newest_us < now_us ? (now_us - newest_us) / 1000 : 0;
}

int64_t clock_sync_offset_ms(struct clock_sync *clock)
{
    return clock_sync_server_ms(clock) - clock_wall_ms();
}
