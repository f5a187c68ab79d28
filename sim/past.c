#include "sim/past.h"

#include "sim/random.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    INT64_C(86400000)
#define BILLION   1000000000
#define WICK_PPB  300000 /* at most, beyond open and close */

static const struct {
    int64_t minutes, ppb;
} waves[] = {
    { 2, 300000 },      { 11, 700000 },      { 60, 1500000 },      { 420, 4000000 },
    { 2880, 10000000 }, { 20160, 25000000 }, { 100800, 60000000 },
};

int64_t past_begin_ms(const struct past *past)
{
    return past->end_ms - PAST_DAYS * DAY_MS;
}

uint64_t past_hash(const struct past *past, uint64_t a, int64_t b)
{
    uint64_t state = past->seed ^ (a * 0xd6e8feb86659fd93U);

    state = random_next(&state) ^ (uint64_t)b;
    return random_next(&state);
}

static int64_t within(uint64_t hash, int64_t bound)
{
    return (int64_t)(hash % (uint64_t)(2 * bound + 1)) - bound;
}

/* The coin decides, so that its products move together. */
static uint64_t coin_of(const struct instrument *instrument)
{
    return (uint64_t)(unsigned char)instrument->base[0];
}

/* Where the way stands: the hashed ends of the steps are kept, as a walk from minute to minute
 * stays within most of them. */
struct walk {
    const struct past *past;
    uint64_t coin;
    struct {
        bool known;
        int64_t start, from, to;
    } waves[ARRAY_LEN(waves)];
};

static void take_step(struct walk *walk, size_t which, int64_t minute)
{
    int64_t length = waves[which].minutes;
    int64_t step = minute / length - (minute % length < 0);
    uint64_t name = walk->coin * 16 + which;

    walk->waves[which].known = true;
    walk->waves[which].start = step * length;
    walk->waves[which].from = within(past_hash(walk->past, name, step), waves[which].ppb);
    walk->waves[which].to = within(past_hash(walk->past, name, step + 1), waves[which].ppb);
}

static int64_t wave_at(struct walk *walk, size_t which, int64_t minute)
{
    int64_t length = waves[which].minutes;
    int64_t into = minute - walk->waves[which].start;

    if (!walk->waves[which].known || into < 0 || into >= length) {
        take_step(walk, which, minute);
        into = minute - walk->waves[which].start;
    }
    return walk->waves[which].from +
           (walk->waves[which].to - walk->waves[which].from) * into / length;
}

static int64_t way(struct walk *walk, int64_t minute)
{
    int64_t ppb = 0;

    for (size_t i = 0; i < ARRAY_LEN(waves); i++)
        ppb += wave_at(walk, i, minute);
    return ppb;
}

/* `minute` counts from the end, below zero. */
static struct candle make_minute(const struct past *past, const struct instrument *instrument,
                                 int64_t minute, int64_t open, int64_t close)
{
    uint64_t hash = past_hash(past, 0x1000 + (uint64_t)instrument->index, minute);
    int64_t low = open < close ? open : close;
    int64_t high = open < close ? close : open;
    struct candle candle = { .open = open, .close = close };

    candle.start_ms = past->end_ms + minute * MINUTE_MS;
    candle.at_ms = candle.start_ms + MINUTE_MS - 1;
    candle.high = high + high * (int64_t)(hash % WICK_PPB) / BILLION;
    candle.low = low - low * (int64_t)((hash >> 20) % WICK_PPB) / BILLION;
    candle.lots = instrument->typical_lots * (int64_t)(20 + (hash >> 40) % 61);
    candle.units = instrument_units(instrument, (candle.high + candle.low) / 2, candle.lots);
    return candle;
}

void past_merge(const struct past *past, const struct instrument *instrument, int64_t from_ms,
                int64_t to_ms, struct candle *into)
{
    struct walk walk = { .past = past, .coin = coin_of(instrument) };
    int64_t end_ticks = past->end_ticks[instrument->index];
    int64_t end_way = way(&walk, 0);
    int64_t minute = (from_ms - past->end_ms) / MINUTE_MS;
    int64_t open = end_ticks + end_ticks * (way(&walk, minute) - end_way) / BILLION;

    for (; past->end_ms + minute * MINUTE_MS < to_ms; minute++) {
        int64_t ppb = way(&walk, minute + 1) - end_way;
        int64_t close = end_ticks + end_ticks * ppb / BILLION;
        struct candle candle = make_minute(past, instrument, minute, open, close);

        candle_merge(into, &candle);
        open = close;
    }
}
