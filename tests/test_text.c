#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "base/text.h"

START_TEST(texts_are_appended_up_to_the_array)
{
    char out[8];
    struct text text = text_in(out, sizeof(out));

    ck_assert_str_eq(out, "");
    text_add(&text, "abc");
    text_addf(&text, "%d", 1234);
    ck_assert_str_eq(out, "abc1234");
    ck_assert(text_fits(&text));
    text_add(&text, "");
    ck_assert(text_fits(&text));
    text_add(&text, "x");
    ck_assert(!text_fits(&text));
    ck_assert_str_eq(out, "abc1234");
}
END_TEST

START_TEST(after_a_cut_nothing_is_appended)
{
    char out[8];
    struct text text = text_in(out, sizeof(out));

    text_add_n(&text, "0123456789", 10);
    ck_assert_str_eq(out, "0123456");
    ck_assert(!text_fits(&text));
    text_add(&text, "");
    text_addf(&text, "%s", "y");
    text_add_query_value(&text, "&");
    ck_assert_str_eq(out, "0123456");
    text = text_in(out, sizeof(out));
    text_addf(&text, "%s", "0123456789");
    ck_assert_str_eq(out, "0123456");
    ck_assert(!text_fits(&text));
    text = text_in(out, 1);
    text_add(&text, "a");
    ck_assert_str_eq(out, "");
    ck_assert(!text_fits(&text));
}
END_TEST

START_TEST(numbers_are_added_as_their_digits)
{
    static const uint64_t numbers[] = { 0, 9, 10, 1796008453, UINT64_MAX };
    char out[200];
    char expected[200] = "";
    struct text text = text_in(out, sizeof(out));

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        text_add_u64(&text, numbers[i]);
        text_add(&text, " ");
        (void)snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected),
                       "%" PRIu64 " ", numbers[i]);
    }
    ck_assert_str_eq(out, expected);
    ck_assert(text_fits(&text));
    text = text_in(out, 4);
    text_add_u64(&text, 12345);
    ck_assert_str_eq(out, "123");
    ck_assert(!text_fits(&text));
}
END_TEST

START_TEST(query_values_are_escaped_once)
{
    char out[64];
    struct text text = text_in(out, sizeof(out));

    text_add_query_value(&text, "aZ09-._~ /+%&=\xc3\xa9");
    ck_assert_str_eq(out, "aZ09-._~%20%2F%2B%25%26%3D%C3%A9");
}
END_TEST

START_TEST(copies_fit_or_are_refused)
{
    char out[4] = "xyz";

    ck_assert_int_eq(text_copy(out, sizeof(out), "abc"), ERR_NONE);
    ck_assert_str_eq(out, "abc");
    ck_assert_int_eq(text_copy(out, sizeof(out), "abcd"), ERR_INVALID);
    ck_assert_str_eq(out, "");
    ck_assert_int_eq(text_copy_n(out, sizeof(out), "abcd", 2), ERR_NONE);
    ck_assert_str_eq(out, "ab");
    ck_assert_int_eq(text_copy(out, sizeof(out), ""), ERR_NONE);
    ck_assert_str_eq(out, "");
}
END_TEST

static const char *const names[] = { "symbol", "side", "price", "qty", "take_profit" };

static const struct {
    const char *word, *name;
} nearest[] = { { "symbl", "symbol" },
                { "simbol", "symbol" },
                { "symbol", "symbol" },
                { "sid", "side" },
                { "prise", "price" },
                { "quantity", NULL },
                { "zzz", NULL },
                { "qt", "qty" },
                { "", NULL },
                { "takeprofit", "take_profit" },
                { "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", NULL } };

START_TEST(the_nearest_name_is_found)
{
    const char *found = text_nearest(nearest[_i].word, names, ARRAY_LEN(names));

    if (nearest[_i].name)
        ck_assert_str_eq(found ? found : "(none)", nearest[_i].name);
    else
        ck_assert_msg(!found, "%s: %s", nearest[_i].word, found);
}
END_TEST

START_TEST(without_names_nothing_is_near)
{
    ck_assert_ptr_null(text_nearest("a", NULL, 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_test(tcase, texts_are_appended_up_to_the_array);
    tcase_add_test(tcase, after_a_cut_nothing_is_appended);
    tcase_add_test(tcase, numbers_are_added_as_their_digits);
    tcase_add_test(tcase, query_values_are_escaped_once);
    tcase_add_test(tcase, copies_fit_or_are_refused);
    tcase_add_loop_test(tcase, the_nearest_name_is_found, 0, ARRAY_LEN(nearest));
    tcase_add_test(tcase, without_names_nothing_is_near);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
