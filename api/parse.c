/* api/parse.c - symbols, times and durations as users write them. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "api/events.h"
#include "base/text.h"

#define MS_OF_DAY INT64_C(86400000)

static const char *printable(const char *text, char out[64])
{
    struct text copy = text_in(out, 64);

    for (; *text && text_fits(&copy); text++)
        text_addf(&copy, "%c", (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
    return out;
}

enum err api_parse_symbol(const char *text, const char *category, enum category default_category,
                          enum category *out_category, char symbol[SYMBOL_MAX], struct error *error)
{
    const char *colon = strchr(text, ':');
    enum category found = default_category;
    enum category beside;
    char prefix[16];
    char upper[SYMBOL_MAX];
    char shown[64];
    size_t bytes = 0;

    if (colon && (text_copy_n(prefix, sizeof(prefix), text, (size_t)(colon - text)) ||
                  !category_parse(prefix, &found)))
        return error_set(error, ERR_INVALID,
                         "\"%s\": before the colon stands spot, linear, inverse or option",
                         printable(text, shown));
    if (category && category[0]) {
        if (!category_parse(category, &beside))
            return error_set(error, ERR_INVALID,
                             "category \"%s\" is none of spot, linear, inverse, option",
                             printable(category, shown));
        if (colon && beside != found)
            return error_set(error, ERR_INVALID, "symbol says category %s, and category says %s",
                             category_word(found), category_word(beside));
        found = beside;
    }
    for (const char *at = colon ? colon + 1 : text; *at && bytes < SYMBOL_MAX - 1; at++)
        upper[bytes++] = (char)toupper((unsigned char)*at);
    upper[bytes] = '\0';
    if (strlen(colon ? colon + 1 : text) >= SYMBOL_MAX || !symbol_is_valid(upper))
        return error_set(error, ERR_INVALID, "\"%s\" is not a symbol: letters, digits, - and .",
                         printable(text, shown));
    memcpy(symbol, upper, bytes + 1);
    *out_category = found;
    return ERR_NONE;
}

/* --- durations --- */

static const struct {
    const char *unit;
    int64_t ms;
} units[] = {
    { "ms", 1 },      { "s", 1000 },      { "m", 60000 },
    { "h", 3600000 }, { "d", MS_OF_DAY }, { "w", 7 * MS_OF_DAY },
};

/* Digits, at most 15 of them; returns what is behind, NULL when there are none or too many. */
static const char *read_digits(const char *text, int64_t *out)
{
    int64_t value = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        if (at - text >= 15)
            return NULL;
        value = value * 10 + (*at - '0');
    }
    *out = value;
    return at > text ? at : NULL;
}

/* "90s" -> 90000; false when it is no such thing. */
static bool read_duration(const char *text, int64_t *out)
{
    int64_t value;
    const char *unit = read_digits(text, &value);

    if (!unit)
        return false;
    *out = 0;
    if (!*unit && value == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(units[i].unit, unit) == 0)
            return !__builtin_mul_overflow(value, units[i].ms, out);
    }
    return false;
}

enum err api_parse_duration(const char *text, int64_t *out_ms, struct error *error)
{
    char shown[64];

    if (read_duration(text, out_ms))
        return ERR_NONE;
    if (text[0] && text[strspn(text, "0123456789")] == '\0')
        return error_set(error, ERR_INVALID, "\"%s\" has no unit: as in 20s or 250ms",
                         printable(text, shown));
    return error_set(error, ERR_INVALID, "\"%s\" is not a duration such as 250ms, 20s, 2m or 1h",
                     printable(text, shown));
}

/* --- times --- */

/* Exactly `count` digits. */
static bool fixed_digits(const char **at, int count, int *out)
{
    *out = 0;
    for (int i = 0; i < count; i++) {
        if ((*at)[i] < '0' || (*at)[i] > '9')
            return false;
        *out = *out * 10 + ((*at)[i] - '0');
    }
    *at += count;
    return true;
}

static bool fixed_char(const char **at, const char *allowed)
{
    if (!**at || !strchr(allowed, **at))
        return false;
    (*at)++;
    return true;
}

static bool read_date(const char **at, struct tm *out)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap;

    if (!fixed_digits(at, 4, &out->tm_year) || !fixed_char(at, "-") ||
        !fixed_digits(at, 2, &out->tm_mon) || !fixed_char(at, "-") ||
        !fixed_digits(at, 2, &out->tm_mday))
        return false;
    leap = out->tm_year % 4 == 0 && (out->tm_year % 100 != 0 || out->tm_year % 400 == 0);
    if (out->tm_year < 1970 || out->tm_mon < 1 || out->tm_mon > 12 || out->tm_mday < 1 ||
        out->tm_mday > days[out->tm_mon - 1] + (leap && out->tm_mon == 2))
        return false;
    out->tm_year -= 1900;
    out->tm_mon -= 1;
    return true;
}

/* ":05" with an optional fraction, of which ms count; a time without seconds is fine. */
static bool read_seconds(const char **at, struct tm *out, int *ms)
{
    int scale = 100;
    int digits = 0;

    *ms = 0;
    if (**at != ':')
        return true;
    (*at)++;
    if (!fixed_digits(at, 2, &out->tm_sec) || out->tm_sec > 59)
        return false;
    if (**at != '.')
        return true;
    (*at)++;
    if (**at < '0' || **at > '9')
        return false;
    for (; **at >= '0' && **at <= '9'; (*at)++, scale /= 10, digits++)
        *ms += (**at - '0') * scale;
    return digits <= 9;
}

static bool read_offset(const char **at, int *minutes)
{
    int hours;
    int sign = **at == '-' ? -1 : 1;

    *minutes = 0;
    if (fixed_char(at, "Zz"))
        return true;
    if (!fixed_char(at, "+-") || !fixed_digits(at, 2, &hours) || !fixed_char(at, ":") ||
        !fixed_digits(at, 2, minutes) || hours > 23 || *minutes > 59)
        return false;
    *minutes = sign * (hours * 60 + *minutes);
    return true;
}

/* RFC 3339; a date alone is its first moment in UTC. */
static bool read_rfc3339(const char *text, int64_t *out)
{
    struct tm tm = { 0 };
    const char *at = text;
    int ms = 0;
    int offset = 0;

    if (!read_date(&at, &tm))
        return false;
    if (*at && (!fixed_char(&at, "Tt ") || !fixed_digits(&at, 2, &tm.tm_hour) || tm.tm_hour > 23 ||
                !fixed_char(&at, ":") || !fixed_digits(&at, 2, &tm.tm_min) || tm.tm_min > 59 ||
                !read_seconds(&at, &tm, &ms) || !read_offset(&at, &offset)))
        return false;
    if (*at)
        return false;
    *out = ((int64_t)timegm(&tm) - (int64_t)offset * 60) * 1000 + ms;
    return *out >= 0;
}

/* 11 digits of seconds would be the year 5138, 11 digits of ms 1973: more digits are ms. */
static bool read_unix(const char *text, int64_t *out)
{
    const char *end = read_digits(text, out);

    if (!end || *end)
        return false;
    if (end - text <= 11)
        *out *= 1000;
    return true;
}

enum err api_parse_time(const char *text, int64_t now_ms, int64_t *out, struct error *error)
{
    int64_t ago;
    char shown[64];

    if (strcasecmp(text, "today") == 0) {
        *out = now_ms - now_ms % MS_OF_DAY;
        return ERR_NONE;
    }
    if (text[0] == '-' && read_duration(text + 1, &ago) && ago <= now_ms) {
        *out = now_ms - ago;
        return ERR_NONE;
    }
    if (read_unix(text, out) || read_rfc3339(text, out))
        return ERR_NONE;
    return error_set(error, ERR_INVALID,
                     "\"%s\" is not a time such as 2026-01-02T03:04:05Z, 1767323045, -1h or today",
                     printable(text, shown));
}
