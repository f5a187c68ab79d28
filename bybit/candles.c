#include "bybit/candles.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "bybit/message.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    (1440 * MINUTE_MS)
#define START_MAX INT64_C(253402300799999) /* the end of year 9999: later is no time */

static const struct {
    const char *word;
    const char *code;
    int64_t ms;
} intervals[CANDLE_INTERVAL_COUNT] = {
    [CANDLE_1M] = { "1m", "1", MINUTE_MS },
    [CANDLE_3M] = { "3m", "3", 3 * MINUTE_MS },
    [CANDLE_5M] = { "5m", "5", 5 * MINUTE_MS },
    [CANDLE_15M] = { "15m", "15", 15 * MINUTE_MS },
    [CANDLE_30M] = { "30m", "30", 30 * MINUTE_MS },
    [CANDLE_1H] = { "1h", "60", 60 * MINUTE_MS },
    [CANDLE_2H] = { "2h", "120", 120 * MINUTE_MS },
    [CANDLE_4H] = { "4h", "240", 240 * MINUTE_MS },
    [CANDLE_6H] = { "6h", "360", 360 * MINUTE_MS },
    [CANDLE_12H] = { "12h", "720", 720 * MINUTE_MS },
    [CANDLE_1D] = { "1d", "D", DAY_MS },
    [CANDLE_1W] = { "1w", "W", 7 * DAY_MS },
    [CANDLE_1MONTH] = { "1M", "M", 0 },
};

const char *candle_interval_word(enum candle_interval interval)
{
    return intervals[interval].word;
}

const char *candle_interval_code(enum candle_interval interval)
{
    return intervals[interval].code;
}

int64_t candle_interval_ms(enum candle_interval interval)
{
    return intervals[interval].ms;
}

enum err candle_interval_parse(const char *text, enum candle_interval *out)
{
    for (int i = 0; i < CANDLE_INTERVAL_COUNT; i++) {
        if (strcmp(text, intervals[i].word) == 0 || strcmp(text, intervals[i].code) == 0) {
            *out = (enum candle_interval)i;
            return ERR_NONE;
        }
    }
    /* "1H", "1D" and "d" can only mean one thing; with m, the case tells minute from month. */
    if (strpbrk(text, "mM"))
        return ERR_INVALID;
    for (int i = 0; i < CANDLE_INTERVAL_COUNT; i++) {
        if (strcasecmp(text, intervals[i].word) == 0 || strcasecmp(text, intervals[i].code) == 0) {
            *out = (enum candle_interval)i;
            return ERR_NONE;
        }
    }
    return ERR_INVALID;
}

/* --- months: days from civil dates and back, proleptic Gregorian, for days since 1970 >= 0 --- */

static int64_t days_of_month_start(int64_t month_index)
{
    static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
    int64_t year = 1970 + month_index / 12;
    int64_t past = year - 1; /* whole years before this one have had their leap day */
    int64_t leap_days = past / 4 - past / 100 + past / 400 - 477;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return (year - 1970) * 365 + leap_days + before[month_index % 12] +
           (leap && month_index % 12 >= 2);
}

/* The months since January 1970 that have begun by `ms`. */
static int64_t month_of(int64_t ms)
{
    int64_t days = ms / DAY_MS;
    int64_t month = days / 31; /* never too late */

    while (days_of_month_start(month + 1) <= days)
        month++;
    return month;
}

int64_t candle_next_start(enum candle_interval interval, int64_t start_ms)
{
    if (interval != CANDLE_1MONTH)
        return start_ms + candle_interval_ms(interval);
    return days_of_month_start(month_of(start_ms) + 1) * DAY_MS;
}

/* --- readers --- */

enum column { C_START, C_OPEN, C_HIGH, C_LOW, C_CLOSE, C_VOLUME, C_TURNOVER, C_COLUMNS };
enum frame_member { F_CONFIRM = C_COLUMNS, F_TIMESTAMP, F_COUNT };

static const struct member_name names[F_COUNT] = {
    [C_START] = MEMBER_NAME("start"),         [C_OPEN] = MEMBER_NAME("open"),
    [C_HIGH] = MEMBER_NAME("high"),           [C_LOW] = MEMBER_NAME("low"),
    [C_CLOSE] = MEMBER_NAME("close"),         [C_VOLUME] = MEMBER_NAME("volume"),
    [C_TURNOVER] = MEMBER_NAME("turnover"),   [F_CONFIRM] = MEMBER_NAME("confirm"),
    [F_TIMESTAMP] = MEMBER_NAME("timestamp"),
};

/* Into `out` go only the members that the exchange says: the others are the caller's. */
static enum err read_columns(struct candle *out, const struct json *found, struct error *error)
{
    struct decimal values[C_COLUMNS];
    int64_t start_ms;

    if (json_int(&found[C_START], &start_ms) || start_ms < 0 || start_ms > START_MAX)
        return error_set(error, ERR_INVALID, "candle: start is no time");
    for (int i = C_OPEN; i < C_COLUMNS; i++) {
        if (json_decimal(&found[i], &values[i]) || decimal_sign(&values[i]) < 0)
            return error_set(error, ERR_INVALID, "candle: %s is no decimal", names[i].name);
        if (i <= C_CLOSE && decimal_is_none(&values[i]))
            return error_set(error, ERR_INVALID, "candle: %s is missing", names[i].name);
    }
    out->start_ms = start_ms;
    out->open = values[C_OPEN];
    out->high = values[C_HIGH];
    out->low = values[C_LOW];
    out->close = values[C_CLOSE];
    out->volume = values[C_VOLUME];
    out->turnover = values[C_TURNOVER];
    return ERR_NONE;
}

enum err candle_from_row(struct candle *out, const struct json *row, struct error *error)
{
    struct json found[C_COLUMNS] = { { NULL, 0, JSON_NONE } };
    struct json_walk walk;

    if (row->type != JSON_ARRAY)
        return error_set(error, ERR_INVALID, "candle: the row is no array");
    walk = json_walk(row);
    for (int i = 0; i < C_COLUMNS; i++) {
        if (!json_next(&walk, NULL, &found[i]))
            return error_set(error, ERR_INVALID, "candle: %s is missing", names[i].name);
    }
    if (read_columns(out, found, error))
        return ERR_INVALID;
    out->closed = false;
    out->ts_ms = 0;
    return ERR_NONE;
}

enum err candle_from_frame(struct candle *out, const struct json *item, struct error *error)
{
    struct json found[F_COUNT];
    int64_t ts_ms = 0;

    message_members(item, names, F_COUNT, found);
    if (json_int(&found[F_TIMESTAMP], &ts_ms) == ERR_INVALID || ts_ms < 0)
        return error_set(error, ERR_INVALID, "candle: timestamp is no time");
    if (found[F_CONFIRM].type != JSON_TRUE && found[F_CONFIRM].type != JSON_FALSE)
        return error_set(error, ERR_INVALID, "candle: confirm is not true or false");
    if (read_columns(out, found, error))
        return ERR_INVALID;
    out->closed = found[F_CONFIRM].type == JSON_TRUE;
    out->ts_ms = ts_ms;
    return ERR_NONE;
}
