#include "sim/candles.h"

#include <string.h>

#include "sim/market.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    INT64_C(86400000)
#define WEEK_DAYS 7
#define MONDAY    3 /* days from a Monday to the epoch's Thursday */

static const struct {
    const char *name;
    int64_t minutes; /* 0: a month */
} intervals[CANDLE_INTERVALS] = {
    { "1", 1 },    { "3", 3 },     { "5", 5 },     { "15", 15 },   { "30", 30 },
    { "60", 60 },  { "120", 120 }, { "240", 240 }, { "360", 360 }, { "720", 720 },
    { "D", 1440 }, { "W", 10080 }, { "M", 0 },
};

int candle_interval(const char *name)
{
    for (int i = 0; i < CANDLE_INTERVALS; i++) {
        if (strcmp(intervals[i].name, name) == 0)
            return i;
    }
    return -1;
}

const char *candle_interval_name(int interval)
{
    return intervals[interval].name;
}

/* Day of the month, counted from 0, of a day since the epoch (civil calendar, days >= 0), and how
 * long that month is. */
static int64_t day_of_month(int64_t days, int64_t *length)
{
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    for (int64_t year = 1970;; year++) {
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

        if (days >= 365 + leap) {
            days -= 365 + leap;
            continue;
        }
        for (int month = 0; month < 12; month++) {
            *length = lengths[month] + (leap && month == 1);
            if (days < *length)
                return days;
            days -= *length;
        }
    }
}

int64_t candle_start(int interval, int64_t at_ms)
{
    int64_t span_ms = intervals[interval].minutes * MINUTE_MS;
    int64_t days = at_ms / DAY_MS;
    int64_t length;

    if (intervals[interval].minutes == 0)
        return (days - day_of_month(days, &length)) * DAY_MS;
    if (span_ms == WEEK_DAYS * DAY_MS)
        return (days - (days + MONDAY) % WEEK_DAYS) * DAY_MS;
    return at_ms - at_ms % span_ms;
}

int64_t candle_next(int interval, int64_t start_ms)
{
    int64_t length;

    if (intervals[interval].minutes > 0)
        return start_ms + intervals[interval].minutes * MINUTE_MS;
    (void)day_of_month(start_ms / DAY_MS, &length);
    return start_ms + length * DAY_MS;
}

bool candle_between(const struct exchange *exchange, int instrument, int64_t from_ms, int64_t to_ms,
                    struct candle *out)
{
    const struct tape *tape = &exchange->tapes[instrument];
    const struct past *past = market_past(exchange);
    int64_t oldest_ms = tape_oldest_ms(tape);
    int64_t past_end_ms = oldest_ms < past->end_ms ? oldest_ms : past->end_ms;
    int64_t at_ms = from_ms > past_begin_ms(past) ? from_ms : past_begin_ms(past);

    out->start_ms = -1;
    if (at_ms < past_end_ms) {
        past_merge(past, instrument_at(instrument), at_ms,
                   to_ms < past_end_ms ? to_ms : past_end_ms, out);
        at_ms = past_end_ms;
    }
    for (at_ms = at_ms > oldest_ms ? at_ms : oldest_ms; at_ms < to_ms; at_ms += MINUTE_MS) {
        const struct candle *minute = tape_minute(tape, at_ms);

        if (!minute)
            break;
        candle_merge(out, minute);
    }
    return out->start_ms >= 0;
}
