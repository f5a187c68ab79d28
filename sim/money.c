#include "sim/money.h"

#include <assert.h>

struct decimal money_add(struct decimal a, struct decimal b)
{
    struct decimal sum = DECIMAL_ZERO;
    enum err err = decimal_add(&sum, &a, &b);

    assert(!err);
    return decimal_trim(sum);
}

struct decimal money_sub(struct decimal a, struct decimal b)
{
    return money_add(a, money_negative(b));
}

struct decimal money_mul(struct decimal a, struct decimal b)
{
    struct decimal product = DECIMAL_ZERO;
    enum err err = decimal_mul(&product, &a, &b);

    assert(!err);
    return product;
}

struct decimal money_div(struct decimal a, struct decimal b, int32_t scale)
{
    struct decimal quotient = DECIMAL_ZERO;
    enum err err = decimal_div(&quotient, &a, &b, scale);

    assert(!err);
    return decimal_trim(quotient);
}

struct decimal money_negative(struct decimal a)
{
    a.mantissa = -a.mantissa;
    return a;
}

struct decimal money_cut(struct decimal a, int32_t scale)
{
    return money_div(a, decimal_from_int(1), scale);
}

struct decimal money_max(struct decimal a, struct decimal b)
{
    return decimal_cmp(&a, &b) >= 0 ? a : b;
}

bool money_less(struct decimal a, struct decimal b)
{
    return decimal_cmp(&a, &b) < 0;
}
