#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/decimal.h"

static const struct {
    const char *text, *shown; /* shown NULL: not a decimal */
} cases[] = {
    { "0", "0" },
    { "-0", "0" },
    { "0.00", "0.00" },
    { "-0.00", "0.00" },
    { "0.00100", "0.00100" },
    { "-7", "-7" },
    { "26000.10", "26000.10" },
    { "-0.5", "-0.5" },
    { "9007199254740993", "9007199254740993" },
    { "123456789012345678", "123456789012345678" },
    { "1234567890123456.78", "1234567890123456.78" },
    { "-12345678901234567.8", "-12345678901234567.8" },
    { "9223372036854775807", "9223372036854775807" },
    { "-9223372036854775808", "-9223372036854775808" },
    { "92233720368547758.08", "92233720368547758.08" },
    { "10000000000000000000.0", "10000000000000000000.0" },
    { "0.0000000000000001", "0.0000000000000001" },
    { "0.00000000000000001", "0.00000000000000001" },
    { "999999999999999999999999999999999999", "999999999999999999999999999999999999" },
    { "-999999999999999999999999999999999999", "-999999999999999999999999999999999999" },
    { "0.000000000000000000000000000001", "0.000000000000000000000000000001" },
    { "1234567890123456789012345678901234567", NULL }, /* 37 digits */
    { "0.0000000000000000000000000000001", NULL },     /* 31 decimals */
    { "999999.1234567890123456789012345678901", NULL },
    { "", NULL },
    { "-", NULL },
    { "+1", NULL },
    { "1e5", NULL },
    { "1E5", NULL },
    { "1.", NULL },
    { "0.", NULL },
    { "1..5", NULL },
    { "1.2.3", NULL },
    { "--1", NULL },
    { "-01.5", NULL },
    { "00.5", NULL },
    { ".5", NULL },
    { "-.5", NULL },
    { "01", NULL },
    { "00", NULL },
    { "0x10", NULL },
    { " 1", NULL },
    { "1 ", NULL },
    { "1,5", NULL },
    { "1.2.3", NULL },
    { "--1", NULL },
    { "NaN", NULL },
    { "inf", NULL },
    { "\xd9\xa1", NULL },
};

static struct decimal of(const char *text)
{
    struct decimal value;

    ck_assert_int_eq(decimal_parse(&value, text), ERR_NONE);
    return value;
}

static void assert_shown(const struct decimal *value, const char *shown)
{
    char text[DECIMAL_TEXT_MAX];

    ck_assert_str_eq(decimal_format(value, text), shown);
}

START_TEST(a_decimal_shows_what_it_parsed)
{
    struct decimal value = { 77, 7 };
    enum err err = decimal_parse(&value, cases[_i].text);

    ck_assert_int_eq(err, cases[_i].shown ? ERR_NONE : ERR_INVALID);
    if (!err)
        assert_shown(&value, cases[_i].shown);
    else
        ck_assert(value.mantissa == 77 && value.scale == 7); /* untouched */
}
END_TEST

static const struct {
    const char *text, *shown; /* shown NULL: not a decimal */
} written[] = {
    { "1e5", "100000" },
    { "1E-7", "0.0000001" },
    { "-1.50e+2", "-150" },
    { "1.25e1", "12.5" },
    { "0E-8", "0" },
    { "0e999", "0" },
    { "12.50", "12.50" }, /* as it is written, where it can be */
    { "100e-2", "1" },
    { "1.0000000000000000000000000000000000000000", "1" },
    { "1000000000000000000000000000000000000000e-10", "100000000000000000000000000000" },
    { "1.05e-28", "0.000000000000000000000000000105" },
    { "999999999999999999999999999999999999.00", "999999999999999999999999999999999999" },
    { "1e35", "100000000000000000000000000000000000" },
    { "1e36", NULL },
    { "1e-31", NULL },
    { "1.0000000000000000000000000000000000000001", NULL },
    { "1e1000", NULL },
    { "1e", NULL },
    { "1e-", NULL },
    { "e5", NULL },
    { "1e5x", NULL },
    { "1.e5", NULL },
    { ".5e1", NULL },
    { "1.2.3", NULL },
    { "--1", NULL },
    { "-", NULL },
    { "", NULL },
    { "+1", NULL },
    { "Infinity", NULL },
};

START_TEST(what_machines_write_is_read_exactly)
{
    struct decimal value = { 77, 7 };
    enum err err = decimal_read_n(&value, written[_i].text, strlen(written[_i].text));

    ck_assert_msg(err == (written[_i].shown ? ERR_NONE : ERR_INVALID), "%s", written[_i].text);
    if (!err)
        assert_shown(&value, written[_i].shown);
    else
        ck_assert(value.mantissa == 77 && value.scale == 7); /* untouched */
}
END_TEST

START_TEST(only_the_given_bytes_are_parsed)
{
    struct decimal value;

    ck_assert_int_eq(decimal_parse_n(&value, "12.5junk", 4), ERR_NONE);
    assert_shown(&value, "12.5");
    ck_assert_int_eq(decimal_parse_n(&value, "12.5", 3), ERR_INVALID);
    ck_assert_int_eq(decimal_parse_n(&value, "1\0", 2), ERR_INVALID);
    ck_assert_int_eq(decimal_parse_n(&value, "", 0), ERR_INVALID);
}
END_TEST

START_TEST(none_is_none)
{
    const struct decimal none = DECIMAL_NONE;
    const struct decimal zero = DECIMAL_ZERO;
    struct decimal out = { 5, 0 };

    ck_assert(decimal_is_none(&none));
    ck_assert(!decimal_is_none(&zero));
    ck_assert_int_eq(decimal_sign(&none), 0);
    ck_assert_int_lt(decimal_cmp(&none, &zero), 0);
    ck_assert_int_gt(decimal_cmp(&zero, &none), 0);
    ck_assert_int_eq(decimal_cmp(&none, &none), 0);
    assert_shown(&none, "");
    ck_assert_int_eq(decimal_add(&out, &none, &zero), ERR_INVALID);
    ck_assert_int_eq(decimal_sub(&out, &zero, &none), ERR_INVALID);
    ck_assert_int_eq(decimal_mul(&out, &none, &zero), ERR_INVALID);
    ck_assert_int_eq(decimal_div(&out, &none, &zero, 2), ERR_INVALID);
    ck_assert_int_eq(decimal_floor_to(&out, &none, &zero), ERR_INVALID);
    ck_assert(!decimal_is_multiple(&none, &zero));
    ck_assert(out.mantissa == 5 && out.scale == 0);
}
END_TEST

static const struct {
    const char *a, *b;
    int order;
} orders[] = {
    { "1", "1.000", 0 },
    { "-1", "1", -1 },
    { "-0.5", "0.3", -1 },
    { "-0.5", "-0.50001", 1 },
    { "0", "-0.0", 0 },
    { "26000.10", "26000.1", 0 },
    { "26000.11", "26000.1", 1 },
    { "999999999999999999999999999999999999", "0.000000000000000000000000000001", 1 },
    { "-999999999999999999999999999999999999", "0.000000000000000000000000000001", -1 },
    { "999999.999999999999999999999999999999", "1000000", -1 },
    { "999999999999999999999999999999999999", "999999999999999999999999999999999998", 1 },
};

START_TEST(decimals_are_ordered)
{
    struct decimal a = of(orders[_i].a);
    struct decimal b = of(orders[_i].b);
    int order = decimal_cmp(&a, &b);

    ck_assert_int_eq((order > 0) - (order < 0), orders[_i].order);
    order = decimal_cmp(&b, &a);
    ck_assert_int_eq((order > 0) - (order < 0), -orders[_i].order);
}
END_TEST

static const struct {
    const char *a, *b, *sum, *difference, *product; /* NULL: overflow */
} sums[] = {
    { "1.5", "2.25", "3.75", "-0.75", "3.375" },
    { "1.50", "1.5", "3.00", "0.00", "2.25" },
    { "-1", "0.000", "-1.000", "-1.000", "0" },
    { "0.1", "0.2", "0.3", "-0.1", "0.02" },
    { "999999999999999999999999999999999999", "1", NULL, "999999999999999999999999999999999998",
      "999999999999999999999999999999999999" },
    { "999999999999999999999999999999999999", "10", NULL, "999999999999999999999999999999999989",
      NULL },
    { "-999999999999999999999999999999999999", "1", "-999999999999999999999999999999999998", NULL,
      "-999999999999999999999999999999999999" },
    { "1000000000000000000", "1000000000000000000", "2000000000000000000", "0", NULL },
    { "100000000000000000", "1000000000000000000", "1100000000000000000", "-900000000000000000",
      "100000000000000000000000000000000000" },
    { "0.0000000000000001", "0.000000000000001", "0.0000000000000011", "-0.0000000000000009",
      NULL },
    { "999999999999999999999999999999999999", "0.1", NULL, NULL,
      "99999999999999999999999999999999999.9" },
};

START_TEST(sums_and_products_are_exact_or_refused)
{
    struct decimal a = of(sums[_i].a);
    struct decimal b = of(sums[_i].b);
    struct decimal out;
    enum err err = decimal_add(&out, &a, &b);

    ck_assert_int_eq(err, sums[_i].sum ? ERR_NONE : ERR_INVALID);
    if (!err)
        assert_shown(&out, sums[_i].sum);
    err = decimal_sub(&out, &a, &b);
    ck_assert_int_eq(err, sums[_i].difference ? ERR_NONE : ERR_INVALID);
    if (!err)
        assert_shown(&out, sums[_i].difference);
    err = decimal_mul(&out, &a, &b);
    ck_assert_int_eq(err, sums[_i].product ? ERR_NONE : ERR_INVALID);
    if (!err)
        assert_shown(&out, sums[_i].product);
}
END_TEST

static const struct {
    const char *a, *b;
    int32_t scale;
    const char *quotient;
} quotients[] = {
    { "1", "3", 4, "0.3333" },        { "2", "3", 4, "0.6666" }, { "-2", "3", 2, "-0.66" },
    { "90", "0.003", 2, "30000.00" }, { "1", "0", 2, NULL },     { "1", "0.00", 2, NULL },
    { "1", "3", -1, NULL },           { "1", "3", 31, NULL },    { "7.50", "2.5", 0, "3" },
    { "0", "5", 3, "0.000" },
};

START_TEST(quotients_are_cut)
{
    struct decimal a = of(quotients[_i].a);
    struct decimal b = of(quotients[_i].b);
    struct decimal out;
    enum err err = decimal_div(&out, &a, &b, quotients[_i].scale);

    ck_assert_int_eq(err, quotients[_i].quotient ? ERR_NONE : ERR_INVALID);
    if (!err)
        assert_shown(&out, quotients[_i].quotient);
}
END_TEST

/* floor and nearest NULL: refused. */
static const struct {
    const char *value, *step;
    bool multiple;
    const char *floor, *nearest;
} steps[] = {
    { "0.0015", "0.001", false, "0.001", "0.002" },
    { "0.0014", "0.001", false, "0.001", "0.001" },
    { "0.0005", "0.001", false, "0.000", "0.001" },
    { "26000.17", "0.10", false, "26000.10", "26000.20" },
    { "26000.1", "0.10", true, "26000.10", "26000.10" },
    { "250", "100", false, "200", "300" },
    { "249.99", "100", false, "200", "200" },
    { "200.00", "100", true, "200", "200" },
    { "7.4", "0.5", false, "7.0", "7.5" },
    { "0", "0.1", true, "0.0", "0.0" },
    { "-1", "0.1", true, NULL, NULL },
    { "1", "0", false, NULL, NULL },
    { "1", "-1", false, NULL, NULL },
    { "999999999999999999999999999999999999", "1", true, "999999999999999999999999999999999999",
      "999999999999999999999999999999999999" },
    { "999999999999999999999999999999999999", "0.001", false, NULL, NULL }, /* 39 digits */
};

START_TEST(values_go_to_steps)
{
    struct decimal value = of(steps[_i].value);
    struct decimal step = of(steps[_i].step);
    struct decimal out;
    enum err err;

    ck_assert_int_eq(decimal_is_multiple(&value, &step), steps[_i].multiple);
    err = decimal_floor_to(&out, &value, &step);
    ck_assert_int_eq(err, steps[_i].floor ? ERR_NONE : ERR_INVALID);
    if (!err)
        assert_shown(&out, steps[_i].floor);
    err = decimal_nearest_to(&out, &value, &step);
    ck_assert_int_eq(err, steps[_i].nearest ? ERR_NONE : ERR_INVALID);
    if (!err)
        assert_shown(&out, steps[_i].nearest);
}
END_TEST

START_TEST(trimming_keeps_the_value)
{
    struct decimal value = decimal_trim(of("100.500"));

    assert_shown(&value, "100.5");
    value = decimal_trim(of("100.000"));
    assert_shown(&value, "100");
    value = decimal_trim(of("0.000"));
    assert_shown(&value, "0");
    value = decimal_trim(DECIMAL_NONE);
    ck_assert(decimal_is_none(&value));
    value = decimal_from_int(-42);
    assert_shown(&value, "-42");
    value = decimal_from_int(INT64_MIN);
    assert_shown(&value, "-9223372036854775808");
}
END_TEST

/* --- algebra on random values --- */

/* Without check's bookkeeping on each success: for loops that run often. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("%s", #condition);                                                        \
    } while (0)

static uint64_t seed = 88172645463325252ULL;

static uint64_t roll(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 11) % below;
}

static struct decimal random_decimal(void)
{
    static const uint64_t sizes[] = { 2, 10, 1000, 1000000000, 1000000000000000 };
    struct decimal value = { (decimal_int)roll(sizes[roll(5)]), (int32_t)roll(12) };

    if (roll(2))
        value.mantissa = -value.mantissa;
    return value;
}

START_TEST(algebra_holds_for_random_values)
{
    for (int i = 0; i < 100000; i++) {
        struct decimal a = random_decimal();
        struct decimal b = random_decimal();
        struct decimal c = random_decimal();
        struct decimal x;
        struct decimal y;
        struct decimal z;
        char text[DECIMAL_TEXT_MAX];

        MUST(!decimal_parse(&x, decimal_format(&a, text)));
        MUST(decimal_cmp(&a, &x) == 0);
        MUST(x.scale == a.scale);
        x = decimal_trim(a);
        MUST(decimal_cmp(&a, &x) == 0);
        MUST(!decimal_add(&x, &a, &b) && !decimal_add(&y, &b, &a));
        MUST(decimal_cmp(&x, &y) == 0);
        MUST(!decimal_sub(&x, &x, &b));
        MUST(decimal_cmp(&x, &a) == 0);
        MUST(!decimal_sub(&x, &a, &b));
        MUST(decimal_sign(&x) == (decimal_cmp(&a, &b) < 0 ? -1 : decimal_cmp(&a, &b) > 0));
        MUST(!decimal_mul(&x, &a, &b) && !decimal_mul(&y, &b, &a));
        MUST(decimal_cmp(&x, &y) == 0);
        /* a (b + c) = a b + a c, where it fits. */
        if (!decimal_add(&x, &b, &c) && !decimal_mul(&x, &a, &x) && !decimal_mul(&y, &a, &b) &&
            !decimal_mul(&z, &a, &c) && !decimal_add(&y, &y, &z))
            MUST(decimal_cmp(&x, &y) == 0);
        /* |a - (a / b) b| < |b| / 10^s and the quotient is cut toward zero. */
        if (decimal_sign(&b) != 0 && !decimal_div(&x, &a, &b, 4) && !decimal_mul(&y, &x, &b)) {
            MUST(!decimal_sub(&z, &a, &y));
            MUST(decimal_sign(&z) == 0 || decimal_sign(&z) == decimal_sign(&a));
        }
        /* floor <= value < floor + step; nearest is within half a step. */
        b.mantissa = b.mantissa < 0 ? -b.mantissa : b.mantissa;
        a.mantissa = a.mantissa < 0 ? -a.mantissa : a.mantissa;
        if (decimal_sign(&b) > 0 && !decimal_floor_to(&x, &a, &b)) {
            MUST(x.scale == b.scale);
            MUST(decimal_is_multiple(&x, &b));
            MUST(decimal_cmp(&x, &a) <= 0);
            MUST(!decimal_add(&y, &x, &b));
            MUST(decimal_cmp(&y, &a) > 0);
            MUST(decimal_is_multiple(&a, &b) == (decimal_cmp(&x, &a) == 0));
            MUST(!decimal_nearest_to(&z, &a, &b));
            MUST(decimal_cmp(&z, &x) == 0 || decimal_cmp(&z, &y) == 0);
            MUST(!decimal_sub(&x, &a, &x) && !decimal_sub(&y, &y, &a));
            MUST((decimal_cmp(&z, &a) > 0) == (decimal_cmp(&y, &x) <= 0 && decimal_sign(&x) > 0));
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decimal");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_loop_test(tcase, a_decimal_shows_what_it_parsed, 0, ARRAY_LEN(cases));
    tcase_add_loop_test(tcase, what_machines_write_is_read_exactly, 0, ARRAY_LEN(written));
    tcase_add_test(tcase, only_the_given_bytes_are_parsed);
    tcase_add_test(tcase, none_is_none);
    tcase_add_loop_test(tcase, decimals_are_ordered, 0, ARRAY_LEN(orders));
    tcase_add_loop_test(tcase, sums_and_products_are_exact_or_refused, 0, ARRAY_LEN(sums));
    tcase_add_loop_test(tcase, quotients_are_cut, 0, ARRAY_LEN(quotients));
    tcase_add_loop_test(tcase, values_go_to_steps, 0, ARRAY_LEN(steps));
    tcase_add_test(tcase, trimming_keeps_the_value);
    tcase_add_test(tcase, algebra_holds_for_random_values);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
