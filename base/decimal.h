/* base/decimal.h - exact decimal numbers for prices, sizes and money.
 *
 * A value is mantissa / 10^scale with a 128-bit mantissa; the scale as written is kept, so that
 * "26000.10" is printed as "26000.10" again. Overflow is an error, nothing is ever rounded
 * silently. A value with scale < 0 is "none": absent, shown as null.
 *
 * Threads: pure values. Errors: ERR_INVALID (not a decimal, too many digits, overflow).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

__extension__ typedef __int128 decimal_int;

#define DECIMAL_DIGITS_MAX 36 /* all digits of a mantissa */
#define DECIMAL_SCALE_MAX  30
#define DECIMAL_TEXT_MAX   48 /* sign, digits, leading zero, point, NUL */

struct decimal {
    decimal_int mantissa;
    int32_t scale;
};

#define DECIMAL_NONE ((struct decimal){ 0, -1 })
#define DECIMAL_ZERO ((struct decimal){ 0, 0 })

/* Grammar: -?(0|[1-9][0-9]*)(\.[0-9]+)? and nothing else: no exponent, no blank, no plus sign. */
MUST_CHECK enum err decimal_parse(struct decimal *out, const char *text);
MUST_CHECK enum err decimal_parse_n(struct decimal *out, const char *text, size_t bytes);

/* The same value as others may write it: with an exponent ("1E-7"), and with more zeros than a
 * mantissa holds. Exact: what does not fit without them is ERR_INVALID. */
MUST_CHECK enum err decimal_read_n(struct decimal *out, const char *text, size_t bytes);

/* A whole number as a decimal. */
struct decimal decimal_from_int(int64_t value);

/* Writes the value with exactly its scale into `out` ("" for none) and returns `out`. */
const char *decimal_format(const struct decimal *value, char out[DECIMAL_TEXT_MAX]);

/* The same value with as few decimals as show it. */
struct decimal decimal_trim(struct decimal value);

bool decimal_is_none(const struct decimal *value);
/* -1, 0, 1; 0 for none. */
int decimal_sign(const struct decimal *value);
/* <0, 0, >0, exact for all values; none sorts before everything. */
int decimal_cmp(const struct decimal *a, const struct decimal *b);

/* out = a op b. The scale is the larger one (add, sub), the sum of both, trimmed (mul). None is
 * ERR_INVALID. */
MUST_CHECK enum err decimal_add(struct decimal *out, const struct decimal *a,
                                const struct decimal *b);
MUST_CHECK enum err decimal_sub(struct decimal *out, const struct decimal *a,
                                const struct decimal *b);
MUST_CHECK enum err decimal_mul(struct decimal *out, const struct decimal *a,
                                const struct decimal *b);
/* out = a / b cut (toward zero) to `scale` decimals. ERR_INVALID too when b is zero. */
MUST_CHECK enum err decimal_div(struct decimal *out, const struct decimal *a,
                                const struct decimal *b, int32_t scale);

/* Steps: `step` > 0, of any size (0.1, 0.5, 100). Results carry the step's decimals. */
bool decimal_is_multiple(const struct decimal *value, const struct decimal *step);
/* Largest multiple of step that is <= value, for value >= 0. */
MUST_CHECK enum err decimal_floor_to(struct decimal *out, const struct decimal *value,
                                     const struct decimal *step);
/* The multiple of step nearest to value (half goes up), for value >= 0. */
MUST_CHECK enum err decimal_nearest_to(struct decimal *out, const struct decimal *value,
                                       const struct decimal *step);
