#include "api/members.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/json.h"

void member_text(struct buffer *out, const char *key, const char *text)
{
    json_add_key(out, key);
    json_add_text(out, text && text[0] ? text : NULL);
}

void member_decimal(struct buffer *out, const char *key, const struct decimal *value)
{
    json_add_key(out, key);
    json_add_decimal(out, value);
}

void member_price(struct buffer *out, const char *key, const struct decimal *value)
{
    json_add_key(out, key);
    if (decimal_sign(value) == 0)
        json_add_null(out);
    else
        json_add_decimal(out, value);
}

void member_int(struct buffer *out, const char *key, int64_t value)
{
    json_add_key(out, key);
    json_add_int(out, value);
}

void member_int_or_null(struct buffer *out, const char *key, int64_t value)
{
    member_int_if(out, key, value != 0, value);
}

void member_int_if(struct buffer *out, const char *key, bool known, int64_t value)
{
    json_add_key(out, key);
    if (known)
        json_add_int(out, value);
    else
        json_add_null(out);
}

void member_bool(struct buffer *out, const char *key, bool value)
{
    json_add_key(out, key);
    json_add_bool(out, value);
}

void member_time(struct buffer *out, const char *key, int64_t ms)
{
    char text[CLOCK_TEXT_MAX];

    member_text(out, key, ms > 0 ? clock_format(ms, text) : NULL);
}
