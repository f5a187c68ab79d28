#include "base/decimal.h"

#include <string.h>

/* Dividing 128 bits costs some 30 times as much as 64, and nearly all prices and sizes fit in 64.
 */
#define SMALL_DIGITS_MAX 18

/* Of a number with zeros or an exponent. */
#define WRITTEN_MAX 128

static const decimal_int TEN = 10;

static decimal_int power_of_ten(int32_t exponent)
{
    decimal_int power = 1;

    while (exponent-- > 0)
        power *= TEN;
    return power;
}

/* Multiplies the mantissa by 10^digits; false on overflow. */
static bool scale_up(decimal_int *mantissa, int32_t digits)
{
    while (digits-- > 0) {
        if (__builtin_mul_overflow(*mantissa, TEN, mantissa))
            return false;
    }
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits and at most one point, few enough for 64 bits, as nearly all are. False: anything else. */
static bool parse_small(struct decimal *out, const char *at, const char *end, bool negative)
{
    const char *first = at;
    const char *point = NULL;
    int64_t mantissa = 0;

    if (end - at > SMALL_DIGITS_MAX || at == end || !is_digit(*at) || !is_digit(end[-1]) ||
        (*at == '0' && end - at > 1 && at[1] != '.'))
        return false;
    for (; at < end; at++) {
        if (is_digit(*at))
            mantissa = mantissa * 10 + (*at - '0');
        else if (*at == '.' && !point && at > first)
            point = at + 1;
        else
            return false;
    }
    out->mantissa = negative ? -mantissa : mantissa;
    out->scale = point ? (int32_t)(end - point) : 0;
    return true;
}

enum err decimal_parse_n(struct decimal *out, const char *text, size_t bytes)
{
    const char *at = text;
    const char *end = text + bytes;
    bool negative = false;
    decimal_int mantissa = 0;
    int digits = 0;
    int32_t scale = 0;

    if (at < end && *at == '-') {
        negative = true;
        at++;
    }
    if (parse_small(out, at, end, negative))
        return ERR_NONE;
    if (at == end || !is_digit(*at))
        return ERR_INVALID;
    if (*at == '0' && at + 1 < end && is_digit(at[1]))
        return ERR_INVALID;
    for (; at < end && is_digit(*at); at++, digits++) {
        if (digits >= DECIMAL_DIGITS_MAX)
            return ERR_INVALID;
        mantissa = mantissa * TEN + (*at - '0');
    }
    if (at < end && *at == '.') {
        at++;
        if (at == end)
            return ERR_INVALID;
        for (; at < end && is_digit(*at); at++, digits++, scale++) {
            if (digits >= DECIMAL_DIGITS_MAX || scale >= DECIMAL_SCALE_MAX)
                return ERR_INVALID;
            mantissa = mantissa * TEN + (*at - '0');
        }
    }
    if (at != end)
        return ERR_INVALID;
    out->mantissa = negative ? -mantissa : mantissa;
    out->scale = scale;
    return ERR_NONE;
}

enum err decimal_parse(struct decimal *out, const char *text)
{
    return decimal_parse_n(out, text, strlen(text));
}

/* A number as it is written: digits without leading zeros, and how many of them are decimals. */
struct written {
    char digits[DECIMAL_DIGITS_MAX];
    int count;
    int zeros; /* behind them, not kept until another digit follows */
    int32_t decimals;
};

static bool add_digit(struct written *written, char digit)
{
    if (digit == '0') {
        written->zeros += written->count > 0;
        return true;
    }
    if (written->zeros + 1 > DECIMAL_DIGITS_MAX - written->count)
        return false;
    for (; written->zeros > 0; written->zeros--)
        written->digits[written->count++] = '0';
    written->digits[written->count++] = digit;
    return true;
}

/* Up to three digits. */
static bool read_exponent(const char *at, const char *end, int32_t *out)
{
    bool negative = at < end && *at == '-';

    *out = 0;
    at += at < end && (*at == '-' || *at == '+');
    if (at == end || end - at > 3)
        return false;
    for (; at < end; at++) {
        if (!is_digit(*at))
            return false;
        *out = *out * 10 + (*at - '0');
    }
    *out = negative ? -*out : *out;
    return true;
}

/* The digits, and what is behind them; NULL: no number, or too many. */
static const char *read_written(const char *at, const char *end, struct written *out)
{
    bool point = false;

    if (at == end || !is_digit(*at) || end - at > WRITTEN_MAX)
        return NULL;
    for (; at < end && (is_digit(*at) || (*at == '.' && !point)); at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        if (!add_digit(out, *at))
            return NULL;
        out->decimals += point;
    }
    return is_digit(at[-1]) ? at : NULL;
}

enum err decimal_read_n(struct decimal *out, const char *text, size_t bytes)
{
    struct written written = { .count = 0 };
    bool negative = bytes > 0 && text[0] == '-';
    const char *end = text + bytes;
    const char *at;
    decimal_int mantissa = 0;
    int32_t exponent = 0;
    int32_t scale;

    if (decimal_parse_n(out, text, bytes) == ERR_NONE)
        return ERR_NONE;
    at = read_written(text + negative, end, &written);
    if (!at || (at < end && ((*at != 'e' && *at != 'E') || !read_exponent(at + 1, end, &exponent))))
        return ERR_INVALID;
    for (int i = 0; i < written.count; i++)
        mantissa = mantissa * TEN + (written.digits[i] - '0');
    /* The zeros that were left out are no decimals. */
    scale = mantissa ? written.decimals - written.zeros - exponent : 0;
    if (scale > DECIMAL_SCALE_MAX || (scale < 0 && written.count - scale > DECIMAL_DIGITS_MAX) ||
        (scale < 0 && !scale_up(&mantissa, -scale)))
        return ERR_INVALID;
    out->mantissa = negative ? -mantissa : mantissa;
    out->scale = scale < 0 ? 0 : scale;
    return ERR_NONE;
}

struct decimal decimal_from_int(int64_t value)
{
    return (struct decimal){ value, 0 };
}

const char *decimal_format(const struct decimal *value, char out[DECIMAL_TEXT_MAX])
{
    char digits[DECIMAL_TEXT_MAX];
    decimal_int rest = value->mantissa < 0 ? -value->mantissa : value->mantissa;
    uint64_t small;
    int32_t count = 0;
    char *at = out;

    if (value->scale < 0) {
        out[0] = '\0';
        return out;
    }
    /* At least scale + 1 digits, so that 5 with scale 3 becomes 0.005. */
    for (; rest > INT64_MAX; rest /= TEN)
        digits[count++] = (char)('0' + (int)(rest % TEN));
    for (small = (uint64_t)rest; small > 0 || count <= value->scale; small /= 10)
        digits[count++] = (char)('0' + (int)(small % 10));
    if (value->mantissa < 0)
        *at++ = '-';
    while (count > 0) {
        if (count == value->scale)
            *at++ = '.';
        *at++ = digits[--count];
    }
    *at = '\0';
    return out;
}

struct decimal decimal_trim(struct decimal value)
{
    while (value.scale > 0 && value.mantissa % TEN == 0) {
        value.mantissa /= TEN;
        value.scale--;
    }
    return value;
}

bool decimal_is_none(const struct decimal *value)
{
    return value->scale < 0;
}

int decimal_sign(const struct decimal *value)
{
    if (value->scale < 0 || value->mantissa == 0)
        return 0;
    return value->mantissa < 0 ? -1 : 1;
}

static int compare(decimal_int a, decimal_int b)
{
    return a < b ? -1 : a > b;
}

/* Whole parts first, then fractions brought to the largest scale: no step can overflow. */
int decimal_cmp(const struct decimal *a, const struct decimal *b)
{
    decimal_int power_a;
    decimal_int power_b;
    int order;

    if (a->scale < 0 || b->scale < 0)
        return (a->scale >= 0) - (b->scale >= 0);
    if (a->scale == b->scale)
        return compare(a->mantissa, b->mantissa);
    power_a = power_of_ten(a->scale);
    power_b = power_of_ten(b->scale);
    order = compare(a->mantissa / power_a, b->mantissa / power_b);
    if (order)
        return order;
    return compare(a->mantissa % power_a * power_of_ten(DECIMAL_SCALE_MAX - a->scale),
                   b->mantissa % power_b * power_of_ten(DECIMAL_SCALE_MAX - b->scale));
}

/* Brings both to one scale. */
static bool align(struct decimal *a, struct decimal *b)
{
    if (a->scale < 0 || b->scale < 0)
        return false;
    if (a->scale < b->scale) {
        if (!scale_up(&a->mantissa, b->scale - a->scale))
            return false;
        a->scale = b->scale;
    } else if (b->scale < a->scale) {
        if (!scale_up(&b->mantissa, a->scale - b->scale))
            return false;
        b->scale = a->scale;
    }
    return true;
}

/* A result must be one that decimal_format can show and decimal_parse can read. */
static enum err checked(struct decimal *out, decimal_int mantissa, int32_t scale)
{
    const decimal_int limit = power_of_ten(DECIMAL_DIGITS_MAX);

    if (scale > DECIMAL_SCALE_MAX || mantissa >= limit || mantissa <= -limit)
        return ERR_INVALID;
    out->mantissa = mantissa;
    out->scale = scale;
    return ERR_NONE;
}

enum err decimal_add(struct decimal *out, const struct decimal *a, const struct decimal *b)
{
    struct decimal x = *a;
    struct decimal y = *b;
    decimal_int sum;

    if (!align(&x, &y) || __builtin_add_overflow(x.mantissa, y.mantissa, &sum))
        return ERR_INVALID;
    return checked(out, sum, x.scale);
}

enum err decimal_sub(struct decimal *out, const struct decimal *a, const struct decimal *b)
{
    struct decimal negative = *b;

    negative.mantissa = -negative.mantissa;
    return decimal_add(out, a, &negative);
}

enum err decimal_mul(struct decimal *out, const struct decimal *a, const struct decimal *b)
{
    struct decimal x = decimal_trim(*a);
    struct decimal y = decimal_trim(*b);
    struct decimal product;

    if (x.scale < 0 || y.scale < 0 ||
        __builtin_mul_overflow(x.mantissa, y.mantissa, &product.mantissa))
        return ERR_INVALID;
    product.scale = x.scale + y.scale;
    product = decimal_trim(product);
    return checked(out, product.mantissa, product.scale);
}

enum err decimal_div(struct decimal *out, const struct decimal *a, const struct decimal *b,
                     int32_t scale)
{
    struct decimal x = decimal_trim(*a);
    struct decimal y = decimal_trim(*b);

    if (x.scale < 0 || y.scale < 0 || y.mantissa == 0 || scale < 0 || scale > DECIMAL_SCALE_MAX)
        return ERR_INVALID;
    if (!align(&x, &y) || !scale_up(&x.mantissa, scale))
        return ERR_INVALID;
    return checked(out, x.mantissa / y.mantissa, scale);
}

bool decimal_is_multiple(const struct decimal *value, const struct decimal *step)
{
    struct decimal x = *value;
    struct decimal y = *step;

    if (!align(&x, &y) || y.mantissa <= 0)
        return false;
    return x.mantissa % y.mantissa == 0;
}

static enum err round_to(struct decimal *out, const struct decimal *value,
                         const struct decimal *step, bool nearest)
{
    struct decimal x = *value;
    struct decimal y = *step;
    decimal_int count;
    decimal_int mantissa;

    if (!align(&x, &y) || y.mantissa <= 0 || x.mantissa < 0)
        return ERR_INVALID;
    count = x.mantissa / y.mantissa;
    if (nearest && x.mantissa % y.mantissa >= y.mantissa - x.mantissa % y.mantissa)
        count++;
    if (__builtin_mul_overflow(count, step->mantissa, &mantissa))
        return ERR_INVALID;
    return checked(out, mantissa, step->scale);
}

enum err decimal_floor_to(struct decimal *out, const struct decimal *value,
                          const struct decimal *step)
{
    return round_to(out, value, step, false);
}

enum err decimal_nearest_to(struct decimal *out, const struct decimal *value,
                            const struct decimal *step)
{
    return round_to(out, value, step, true);
}
