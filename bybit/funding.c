#include "bybit/funding.h"

#include <strings.h>

#include "base/text.h"
#include "bybit/message.h"

#define TIME_MAX INT64_C(253402300799999) /* the end of year 9999: later is no time */

static const struct {
    const char *word;
    const char *code;
} intervals[OI_INTERVAL_COUNT] = {
    [OI_5M] = { "5m", "5min" }, [OI_15M] = { "15m", "15min" }, [OI_30M] = { "30m", "30min" },
    [OI_1H] = { "1h", "1h" },   [OI_4H] = { "4h", "4h" },      [OI_1D] = { "1d", "1d" },
};

const char *oi_interval_word(enum oi_interval interval)
{
    return intervals[interval].word;
}

const char *oi_interval_code(enum oi_interval interval)
{
    return intervals[interval].code;
}

enum err oi_interval_parse(const char *text, enum oi_interval *out)
{
    for (int i = 0; i < OI_INTERVAL_COUNT; i++) {
        if (strcasecmp(text, intervals[i].word) == 0 || strcasecmp(text, intervals[i].code) == 0) {
            *out = (enum oi_interval)i;
            return ERR_NONE;
        }
    }
    return ERR_INVALID;
}

enum err funding_from_row(struct funding_rate *out, const struct json *row, enum category category,
                          struct error *error)
{
    struct funding_rate read = { .category = category };

    if (json_member_text(row, "symbol", read.symbol, sizeof(read.symbol)) || !read.symbol[0])
        return error_set(error, ERR_INVALID, "funding: the symbol is missing, no text or too long");
    if (json_member_decimal(row, "fundingRate", &read.rate) || decimal_is_none(&read.rate))
        return error_set(error, ERR_INVALID, "funding: fundingRate is no decimal");
    if (json_member_int(row, "fundingRateTimestamp", &read.at_ms) || read.at_ms < 0 ||
        read.at_ms > TIME_MAX)
        return error_set(error, ERR_INVALID, "funding: fundingRateTimestamp is no time");
    *out = read;
    return ERR_NONE;
}

enum err open_interest_from_row(struct open_interest *out, const struct json *row,
                                struct error *error)
{
    struct decimal value;
    int64_t at_ms;

    if (json_member_decimal(row, "openInterest", &value) || decimal_is_none(&value) ||
        decimal_sign(&value) < 0)
        return error_set(error, ERR_INVALID, "open interest: openInterest is no decimal");
    if (json_member_int(row, "timestamp", &at_ms) || at_ms < 0 || at_ms > TIME_MAX)
        return error_set(error, ERR_INVALID, "open interest: timestamp is no time");
    out->value = value;
    out->at_ms = at_ms;
    return ERR_NONE;
}
