/* The exchange's own objects of orders: what is kept of them. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/error.h"
#include "base/native.h"

static bool is_kept(const char *text, size_t bytes)
{
    struct native *native = native_make(text, bytes);
    bool kept = native_bytes(native) > 0;

    ck_assert_ptr_nonnull(native);
    native_drop(native);
    return kept;
}

START_TEST(an_object_is_kept_byte_for_byte)
{
    static const char text[] =
        "{\"qty\":\"0.010\",\"n\":1.50e3,\"s\":\"\\u00e9 \xc3\xa9\",\"o\":{ \"a\":[1 ,2]}}";
    struct native *native = native_make(text, strlen(text));

    ck_assert_uint_eq(native_bytes(native), strlen(text));
    ck_assert_mem_eq(native_json(native), text, strlen(text));
    ck_assert_ptr_eq(native_hold(native), native);
    native_drop(native);
    ck_assert_mem_eq(native_json(native), text, strlen(text)); /* held still */
    native_drop(native);
}
END_TEST

/* A line of NDJSON is one object. */
START_TEST(line_ends_between_members_become_blanks)
{
    static const char text[] = "\r\n{\n\"a\":\t\"x\\n\",\r\n\"b\":1}\n";
    struct native *native = native_make(text, strlen(text));

    ck_assert_uint_eq(native_bytes(native), strlen("{ \"a\":\t\"x\\n\",  \"b\":1}"));
    ck_assert_mem_eq(native_json(native), "{ \"a\":\t\"x\\n\",  \"b\":1}", native_bytes(native));
    native_drop(native);
}
END_TEST

static const char *const unfit[] = {
    "",
    "null",
    "[{\"a\":1}]",
    "\"text\"",
    "{\"a\":1",
    "{\"a\":1} {\"b\":2}",
    "{\"a\":1},\"admin\":true,\"x\":{}",
    "{\"a\":1,\"a\":2}",         /* which one is read depends on the reader */
    "{\"ab\":1,\"\\u0061b\":2}", /* likewise, in disguise */
    "{\"o\":{\"a\":1,\"a\":2}}", /* likewise, further in */
    "{\"a\":\"\x01\"}",          /* a control character */
    "{\"a\":\"line\nend\"}",
    "{\"a\":\"\\u0000\"}",
    "{\"a\":\"\\ud800\"}",  /* half of a pair */
    "{\"a\":\"\xff\"}",     /* not UTF-8 */
    "{\"a\":\"\xc0\xaf\"}", /* overlong */
    "\xef\xbb\xbf{\"a\":1}",
    "{\"a\":01}",
    "{\"a\":NaN}",
    "{a:1}",
};

START_TEST(what_could_not_be_shown_is_not_kept)
{
    ck_assert_msg(!is_kept(unfit[_i], strlen(unfit[_i])), "%s", unfit[_i]);
}
END_TEST

START_TEST(a_byte_of_zero_is_not_kept)
{
    ck_assert(!is_kept("{\"a\":1}\0", 8));
    ck_assert(!is_kept("{\"a\":\"\0\"}", 9));
}
END_TEST

START_TEST(depth_members_and_size_are_bounded)
{
    char *text = malloc(NATIVE_BYTES_MAX + 2);
    size_t at = 0;

    ck_assert_ptr_nonnull(text);
    memset(text, 'x', NATIVE_BYTES_MAX + 1);
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + NATIVE_BYTES_MAX - 2, "\"}", 2);
    ck_assert(is_kept(text, NATIVE_BYTES_MAX));
    text[NATIVE_BYTES_MAX - 2] = 'x';
    memcpy(text + NATIVE_BYTES_MAX - 1, "\"}", 2);
    ck_assert(!is_kept(text, NATIVE_BYTES_MAX + 1));
    for (int i = 0; i < 40; i++)
        at += (size_t)sprintf(text + at, "{\"a\":");
    at += (size_t)sprintf(text + at, "1");
    memset(text + at, '}', 40);
    ck_assert(!is_kept(text, at + 40));
    at = (size_t)sprintf(text, "{\"m0\":1");
    for (int i = 1; i < 400; i++)
        at += (size_t)sprintf(text + at, ",\"m%d\":1", i);
    text[at++] = '}';
    ck_assert(!is_kept(text, at));
    free(text);
}
END_TEST

START_TEST(none_is_fine)
{
    ck_assert_ptr_null(native_hold(NULL));
    native_drop(NULL);
    ck_assert_uint_eq(native_bytes(NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("native");
    TCase *tcase = tcase_create("native");
    SRunner *runner;
    int failures;

    tcase_add_test(tcase, an_object_is_kept_byte_for_byte);
    tcase_add_test(tcase, line_ends_between_members_become_blanks);
    tcase_add_loop_test(tcase, what_could_not_be_shown_is_not_kept, 0, ARRAY_LEN(unfit));
    tcase_add_test(tcase, a_byte_of_zero_is_not_kept);
    tcase_add_test(tcase, depth_members_and_size_are_bounded);
    tcase_add_test(tcase, none_is_fine);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
