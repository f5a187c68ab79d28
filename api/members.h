/* api/members.h - members of the objects that users see: always there, null when empty.
 *
 * Each appends `"key": value` to an open object. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/decimal.h"

/* NULL and "" are null. */
void member_text(struct buffer *out, const char *key, const char *text);
void member_decimal(struct buffer *out, const char *key, const struct decimal *value);
/* The exchange writes "0" for no price. */
void member_price(struct buffer *out, const char *key, const struct decimal *value);
void member_int(struct buffer *out, const char *key, int64_t value);
void member_int_or_null(struct buffer *out, const char *key, int64_t value); /* 0: null */
void member_int_if(struct buffer *out, const char *key, bool known, int64_t value);
void member_bool(struct buffer *out, const char *key, bool value);
/* Unix ms as RFC 3339; 0: null. */
void member_time(struct buffer *out, const char *key, int64_t ms);
