/* Two lines as decimals: what is parsed is printed with the same digits, and arithmetic is exact or
 * refused. */
#include "base/decimal.h"
#include "tests/fuzz/fuzz.h"

static void check_pair(const struct decimal *a, const struct decimal *b)
{
    struct decimal sum;
    struct decimal back;
    struct decimal floor;

    if (decimal_add(&sum, a, b) == ERR_NONE && decimal_sub(&back, &sum, b) == ERR_NONE)
        assert(decimal_cmp(&back, a) == 0);
    (void)!decimal_mul(&sum, a, b);
    (void)!decimal_div(&sum, a, b, 8);
    assert(decimal_cmp(a, b) == -decimal_cmp(b, a));
    if (decimal_sign(a) >= 0 && decimal_sign(b) > 0 && decimal_floor_to(&floor, a, b) == ERR_NONE)
        assert(decimal_cmp(&floor, a) <= 0 && decimal_is_multiple(&floor, b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *first = fuzz_text(data, bytes);
    char *second = fuzz_line(first);
    char shown[DECIMAL_TEXT_MAX];
    struct decimal a;
    struct decimal b;

    if (decimal_parse(&a, first) == ERR_NONE) {
        /* "-0" is 0. */
        assert(strcmp(decimal_format(&a, shown), first) == 0 || decimal_sign(&a) == 0);
        if (decimal_parse(&b, second) == ERR_NONE)
            check_pair(&a, &b);
    }
    free(first);
    return 0;
}
