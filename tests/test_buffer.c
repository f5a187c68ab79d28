#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/buffer.h"

START_TEST(a_buffer_grows_to_its_maximum_and_no_further)
{
    struct buffer buffer = buffer_of(1000);

    ck_assert_ptr_null(buffer.data);
    for (int i = 0; i < 1000; i++)
        buffer_add(&buffer, "x", 1);
    ck_assert_int_eq(buffer_check(&buffer), ERR_NONE);
    ck_assert_uint_eq(buffer.bytes, 1000);
    ck_assert_uint_eq(strlen(buffer.data), 1000);
    buffer_add(&buffer, "y", 1);
    ck_assert_int_eq(buffer_check(&buffer), ERR_BUSY);
    buffer_add(&buffer, "", 0); /* the failure sticks */
    ck_assert_int_eq(buffer_check(&buffer), ERR_BUSY);
    ck_assert_uint_eq(buffer.bytes, 1000);
    buffer_clear(&buffer);
    ck_assert_int_eq(buffer_check(&buffer), ERR_NONE);
    ck_assert_str_eq(buffer.data, "");
    buffer_add_text(&buffer, "again");
    ck_assert_str_eq(buffer.data, "again");
    buffer_deinit(&buffer);
    ck_assert_ptr_null(buffer.data);
    ck_assert_uint_eq(buffer.max, 1000);
    buffer_deinit(&buffer);
}
END_TEST

START_TEST(more_than_can_be_is_refused_without_overflow)
{
    struct buffer buffer = buffer_of(10);

    buffer_add(&buffer, "abc", 3);
    buffer_add(&buffer, "abc", SIZE_MAX - 1);
    ck_assert_int_eq(buffer_check(&buffer), ERR_BUSY);
    ck_assert_uint_eq(buffer.bytes, 3);
    buffer_deinit(&buffer);
}
END_TEST

START_TEST(long_formats_are_written_whole)
{
    struct buffer buffer = buffer_of(100000);
    char word[5000];

    memset(word, 'w', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    buffer_addf(&buffer, "%s|%d", word, 7);
    buffer_addf(&buffer, "%s", "");
    buffer_addf(&buffer, "%255s|", "x");
    buffer_addf(&buffer, "%256s|", "x");
    ck_assert_int_eq(buffer_check(&buffer), ERR_NONE);
    ck_assert_uint_eq(buffer.bytes, 4999 + 2 + 256 + 257);
    ck_assert_uint_eq(strlen(buffer.data), buffer.bytes);
    ck_assert_int_eq(memcmp(buffer.data + 4999, "|7", 2), 0);
    buffer_deinit(&buffer);
    buffer = buffer_of(300);
    buffer_addf(&buffer, "%s", word);
    ck_assert_int_eq(buffer_check(&buffer), ERR_BUSY);
    buffer_deinit(&buffer);
}
END_TEST

START_TEST(bytes_are_handed_over)
{
    struct buffer buffer = buffer_of(10);
    size_t bytes = 99;
    char *data;

    ck_assert_ptr_null(buffer_take(&buffer, &bytes)); /* empty */
    buffer_add(&buffer, "a\0b", 3);
    data = buffer_take(&buffer, &bytes);
    ck_assert_uint_eq(bytes, 3);
    ck_assert_mem_eq(data, "a\0b", 4);
    free(data);
    ck_assert_uint_eq(buffer.bytes, 0);
    buffer_add_text(&buffer, "more than ten");
    ck_assert_ptr_null(buffer_take(&buffer, &bytes));
    buffer_add_text(&buffer, "usable");
    ck_assert_str_eq(buffer.data, "usable");
    buffer_clear(&buffer);
    ck_assert_ptr_null(buffer_take(&buffer, &bytes)); /* empty, though it has memory */
    buffer_deinit(&buffer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buffer");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_test(tcase, a_buffer_grows_to_its_maximum_and_no_further);
    tcase_add_test(tcase, more_than_can_be_is_refused_without_overflow);
    tcase_add_test(tcase, long_formats_are_written_whole);
    tcase_add_test(tcase, bytes_are_handed_over);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
