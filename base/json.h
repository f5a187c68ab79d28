/* base/json.h - reads JSON in place, and writes it.
 *
 * A value is a slice of the text it came from: nothing is allocated, numbers keep their digits.
 * json_open checks the whole text once, strictly: UTF-8 without BOM, no NUL (nor \u0000), no lone
 * surrogate, no duplicate member name (after unescaping), bounded depth, nothing behind the value.
 * All other readers may then trust the slice.
 *
 * Threads: pure. Errors: ERR_INVALID with the reason and the byte offset.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/decimal.h"
#include "base/error.h"

#define JSON_DEPTH_MAX   32
#define JSON_MEMBERS_MAX 256 /* of one object, in texts from clients */

enum json_type {
    JSON_NONE, /* absent */
    JSON_NULL,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

struct json {
    const char *at; /* first byte; a string's opening quote */
    size_t bytes;   /* with quotes, brackets */
    enum json_type type;
};

/* A text from a client: everything above is checked. */
MUST_CHECK enum err json_open(struct json *out, const char *text, size_t bytes,
                              struct error *error);
/* A text from the exchange: grammar, UTF-8 and depth are checked; duplicates and many members pass
 * (the first one is found), which makes it faster. */
MUST_CHECK enum err json_open_trusted(struct json *out, const char *text, size_t bytes,
                                      struct error *error);

/* The member called `name` (compared byte for byte, unescaped names only); false and type JSON_NONE
 * when the object has none, or is none. */
bool json_member(const struct json *object, const char *name, struct json *out);

/* Walks members or items in order:
 *     struct json_walk walk = json_walk(&array);
 *     while (json_next(&walk, NULL, &item)) ... */
struct json_walk {
    const char *at;
    const char *end;
    bool members;
};
struct json_walk json_walk(const struct json *container);
/* False at the end. `key` (a string) is set for members; it may be NULL. */
bool json_next(struct json_walk *walk, struct json *key, struct json *value);

/* Strings unescaped, numbers as written, null and absent as "". ERR_INVALID when it does not fit,
 * or is true, false, an array or an object; `out` is then "". */
MUST_CHECK enum err json_text(const struct json *value, char *out, size_t out_bytes);
/* The same for an object's member in one call. */
MUST_CHECK enum err json_member_text(const struct json *object, const char *name, char *out,
                                     size_t out_bytes);
/* A decimal from a number's digits or from a string. Absent, null and "" give DECIMAL_NONE and
 * ERR_NONE. */
MUST_CHECK enum err json_decimal(const struct json *value, struct decimal *out);
/* The same as decimal_read_n takes it: of texts from the exchange. */
MUST_CHECK enum err json_number(const struct json *value, struct decimal *out);
MUST_CHECK enum err json_member_decimal(const struct json *object, const char *name,
                                        struct decimal *out);
/* A whole number, as a number or as a string. ERR_NOT_FOUND when absent, null or "". */
MUST_CHECK enum err json_int(const struct json *value, int64_t *out);
MUST_CHECK enum err json_member_int(const struct json *object, const char *name, int64_t *out);
/* Whether a string equals `text`. */
bool json_equals(const struct json *string, const char *text);

/* --- writing: each call puts a comma before itself where one is needed. --- */

void json_add_key(struct buffer *buffer, const char *key);
void json_add_open(struct buffer *buffer, char bracket);  /* '{' or '[' */
void json_add_close(struct buffer *buffer, char bracket); /* '}' or ']' */
/* NULL is null; invalid UTF-8 is replaced by U+FFFD. */
void json_add_text(struct buffer *buffer, const char *text);
void json_add_text_n(struct buffer *buffer, const char *text, size_t bytes);
void json_add_int(struct buffer *buffer, int64_t value);
void json_add_bool(struct buffer *buffer, bool value);
void json_add_null(struct buffer *buffer);
/* As a string, with its scale; none is null. */
void json_add_decimal(struct buffer *buffer, const struct decimal *value);
/* Text that is JSON already. */
void json_add_raw(struct buffer *buffer, const char *json, size_t bytes);
