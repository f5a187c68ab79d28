/* base/text.h - strings in a bounded array.
 *
 * Writers append and never overrun; whether all of it fitted is asked once, at the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct text {
    char *data; /* always NUL-terminated */
    size_t bytes;
    size_t max; /* size of the array */
    bool cut;   /* something did not fit */
};

/* Starts an empty text in `out`, an array of `out_bytes` (at least 1). */
struct text text_in(char *out, size_t out_bytes);
void text_add(struct text *text, const char *more);
void text_add_n(struct text *text, const char *more, size_t bytes);
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_u64(struct text *text, uint64_t number); /* many times faster than a format */
/* Percent-encodes all but RFC 3986 unreserved characters: one value of a query string. */
void text_add_query_value(struct text *text, const char *value);
bool text_fits(const struct text *text);

/* Copies `from` into the array `to`; ERR_INVALID (and "" in `to`) when it does not fit. */
MUST_CHECK enum err text_copy(char *to, size_t to_bytes, const char *from);
MUST_CHECK enum err text_copy_n(char *to, size_t to_bytes, const char *from, size_t from_bytes);

/* Copies as much of `from` as fits. */
void text_cut(char *to, size_t to_bytes, const char *from);

/* The nearest of `names` to `word` by edit distance, or NULL when nothing is near (at most a third
 * of its letters differ, at least 1). For "did you mean". */
const char *text_nearest(const char *word, const char *const *names, size_t names_count);
