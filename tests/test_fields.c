#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "api/fields.h"
#include "base/text.h"

static bool parse_color(const char *word, int64_t *out)
{
    *out = strcmp(word, "red") == 0;
    return *out || strcmp(word, "blue") == 0;
}

enum { SIZE, FLAG, COUNT, COLOR, NAME, FIELDS };
static const struct field table[FIELDS] = {
    [SIZE] = { "size", { "theSize", "sz" }, FIELD_DECIMAL, NULL, NULL },
    [FLAG] = { "reduce_only", { "reduceOnly" }, FIELD_BOOL, NULL, NULL },
    [COUNT] = { "count", { NULL }, FIELD_INT, NULL, NULL },
    [COLOR] = { "color", { NULL }, FIELD_WORD, parse_color, "red, blue" },
    [NAME] = { "name", { NULL }, FIELD_TEXT, NULL, NULL },
};

static struct field_value values[FIELDS];
static struct api_refusal refusal;

static enum err read_bytes(const char *body, size_t bytes, bool form)
{
    memset(&refusal, 0, sizeof(refusal));
    return fields_read(table, FIELDS, body, bytes, form, values, &refusal);
}

static enum err read_body(const char *body, bool form)
{
    return read_bytes(body, strlen(body), form);
}

static const char *const sizes[] = { "0.00000001", "26000.10", "9007199254740993", "0", "1.000" };

START_TEST(a_number_keeps_its_written_digits_in_every_form)
{
    static const char *const before[] = { "{\"size\":", "{\"sz\": \"", "size=" };
    static const char *const behind[] = { "}", "\"}", "" };
    char body[100];
    char shown[DECIMAL_TEXT_MAX];

    for (int form = 0; form < 3; form++) {
        struct text text = text_in(body, sizeof(body));

        text_addf(&text, "%s%s%s", before[form], sizes[_i], behind[form]);
        ck_assert_msg(!read_body(body, true), "%s: %s", body, refusal.detail);
        ck_assert(values[SIZE].given);
        ck_assert_str_eq(decimal_format(&values[SIZE].decimal, shown), sizes[_i]);
    }
}
END_TEST

static const char *const bad_sizes[] = {
    "1e2",
    "0x10",
    "1.",
    " 1",
    "-1",
    "NaN",
    "+1",
    "01",
    ".5",
    "1 ",
    "1,5",
    "-0",
    "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
    "inf",
};

START_TEST(a_bad_number_is_refused_by_name)
{
    char body[200];

    (void)snprintf(body, sizeof(body), "{\"size\":\"%s\"}", bad_sizes[_i]);
    ck_assert_int_eq(read_body(body, false), ERR_INVALID);
    ck_assert_str_eq(refusal.code, "invalid_number");
    ck_assert_ptr_nonnull(strstr(refusal.detail, "size"));
    (void)snprintf(body, sizeof(body), "size=%s", bad_sizes[_i][0] == '+' ? "%2B1" : bad_sizes[_i]);
    ck_assert_int_eq(read_body(body, true), ERR_INVALID);
    ck_assert_str_eq(refusal.code, "invalid_number");
}
END_TEST

START_TEST(an_exponent_of_a_json_number_is_refused)
{
    ck_assert_int_eq(read_body("{\"size\":1e2}", false), ERR_INVALID);
    ck_assert_str_eq(refusal.code, "invalid_number");
    ck_assert_int_eq(read_body("{\"size\":-1}", false), ERR_INVALID);
    ck_assert_str_eq(refusal.code, "invalid_number");
}
END_TEST

static const struct {
    const char *body;
    bool form;
    const char *code;
    const char *says; /* part of the detail */
} refused[] = {
    { "", true, "missing_body", "no body" },
    { "[{\"size\":1}]", false, "not_an_object", "JSON array" },
    { " [1]", true, "not_an_object", "JSON array" },
    { "\"x\"", false, "not_an_object", "" },
    { "{\"size\":1", false, "malformed_json", "JSON" },
    { "{\"size\":1} {}", false, "malformed_json", "behind" },
    { "{\"size\":1,}", true, "malformed_json", "" },
    { "\xef\xbb\xbf{}", false, "malformed_json", "byte order mark" },
    { "{\"name\":\"\\u0000\"}", false, "malformed_json", "escape" },
    { "{\"name\":\"\xff\"}", false, "malformed_json", "UTF-8" },
    { "{\"name\":\"\\ud800\"}", false, "malformed_json", "escape" },
    { "size=1", false, "malformed_json", "" },
    { "{\"size\":1,\"size\":2}", false, "duplicate_field", "duplicate" },
    { "{\"size\":1,\"s\\u0069ze\":2}", false, "duplicate_field", "duplicate" },
    { "{\"size\":1,\"theSize\":2}", false, "duplicate_field",
      "size is given twice, once as theSize" },
    { "{\"size\":null,\"sz\":2}", false, "duplicate_field", "size" },
    { "size=1&size=1", true, "duplicate_field", "size" },
    { "size=1&sz=1", true, "duplicate_field", "size" },
    { "{\"reduce_onyl\":true}", false, "unknown_field",
      "\"reduce_onyl\"; did you mean \"reduce_only\"?" },
    { "reduceonly=1", true, "unknown_field", "did you mean" },
    { "{\"zzzzzz\":1}", false, "unknown_field", "\"zzzzzz\"" },
    { "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}", false,
      "unknown_field", "longer" },
    { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1", true,
      "unknown_field", "longer" },
    { "{\"reduce_only\":\"true\"}", false, "invalid_value", "without quotes" },
    { "{\"reduce_only\":1}", false, "invalid_value", "true or false" },
    { "reduce_only=maybe", true, "invalid_value", "neither true nor false" },
    { "reduce_only=", true, "invalid_value", "empty" },
    { "reduce_only", true, "malformed_form", "no value" },
    { "{\"size\":true}", false, "invalid_number", "size must be a number" },
    { "{\"size\":[1]}", false, "invalid_number", "size" },
    { "{\"size\":\"\"}", false, "invalid_value", "empty" },
    { "{\"count\":1.5}", false, "invalid_value", "whole number" },
    { "{\"count\":-1}", false, "invalid_value", "whole number" },
    { "{\"count\":9999999999}", false, "invalid_value", "whole number" },
    { "count=01", true, "invalid_value", "whole number" },
    { "{\"color\":\"green\"}", false, "invalid_value", "none of red, blue" },
    { "{\"color\":7}", false, "invalid_value", "a string" },
    { "{\"name\":7}", false, "invalid_value", "a string" },
    { "{\"name\":{}}", false, "invalid_value", "a string" },
    { "name=%zz", true, "malformed_form", "escape" },
    { "name=%4", true, "malformed_form", "escape" },
    { "name=a%00b", true, "malformed_form", "printable" },
    { "name=a%0ab", true, "malformed_form", "printable" },
    { "na%01me=x", true, "malformed_form", "name" },
    { "name=\xc3\xa9", true, "malformed_form", "printable" },
};

START_TEST(a_body_that_is_wrong_is_refused_with_its_reason)
{
    ck_assert_int_eq(read_body(refused[_i].body, refused[_i].form), ERR_INVALID);
    ck_assert_msg(strcmp(refusal.code, refused[_i].code) == 0, "%s: %s (%s)", refused[_i].body,
                  refusal.code, refusal.detail);
    ck_assert_msg(strstr(refusal.detail, refused[_i].says), "%s: %s", refused[_i].body,
                  refusal.detail);
}
END_TEST

START_TEST(depth_is_bounded)
{
    static const char deep[] = "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[";

    ck_assert_int_eq(read_body(deep, true), ERR_INVALID);
    ck_assert_str_eq(refusal.code, "malformed_json");
}
END_TEST

START_TEST(too_long_values_are_refused)
{
    char body[400] = "name=";

    memset(body + 5, 'x', 300);
    ck_assert_int_eq(read_body(body, true), ERR_INVALID);
    ck_assert_str_eq(refusal.code, "invalid_value");
    memcpy(body, "{\"name\":\"", 9);
    memcpy(body + 300, "\"}", 3);
    ck_assert_int_eq(read_body(body, false), ERR_INVALID);
    ck_assert_str_eq(refusal.code, "invalid_value");
}
END_TEST

static const struct {
    const char *text;
    bool value;
} bools[] = { { "true", true }, { "TRUE", true },   { "1", true },  { "yes", true },
              { "no", false },  { "false", false }, { "0", false }, { "No", false } };

START_TEST(forms_know_several_words_for_true_and_false)
{
    char body[40];

    (void)snprintf(body, sizeof(body), "reduceOnly=%s", bools[_i].text);
    ck_assert(!read_body(body, true));
    ck_assert(values[FLAG].given);
    ck_assert_int_eq(values[FLAG].number, bools[_i].value);
}
END_TEST

START_TEST(a_form_is_decoded)
{
    ck_assert(!read_body("&name=a%20b+c%2B&&count=12&col%6fr=red&", true));
    ck_assert_str_eq(values[NAME].text, "a b c+");
    ck_assert_int_eq(values[COUNT].number, 12);
    ck_assert_int_eq(values[COLOR].number, 1);
    ck_assert(!values[SIZE].given);
    ck_assert(decimal_is_none(&values[SIZE].decimal));
}
END_TEST

START_TEST(json_with_a_form_label_is_json)
{
    ck_assert(!read_body(" \n{\"count\": 3, \"reduce_only\": true, \"name\": null}", true));
    ck_assert_int_eq(values[COUNT].number, 3);
    ck_assert_int_eq(values[FLAG].number, 1);
    ck_assert(!values[NAME].given);
    ck_assert_int_eq(read_bytes("{\"count\":3}\0x", 13, true), ERR_INVALID);
}
END_TEST

START_TEST(random_bodies_never_break_the_reader)
{
    static const char letters[] = "{}[]\",:=&%+0123456789.eE-\\utfnalsizcorxyz \x01\xff";
    unsigned seed = 7;
    char *body;

    for (int run = 0; run < 20000; run++) {
        size_t bytes = (size_t)rand_r(&seed) % 40;

        body = malloc(bytes ? bytes : 1);
        ck_assert_ptr_nonnull(body);
        for (size_t i = 0; i < bytes; i++)
            body[i] = letters[(size_t)rand_r(&seed) % (sizeof(letters) - 1)];
        if (read_bytes(body, bytes, run % 2 == 0))
            ck_assert_ptr_nonnull(api_problem_find(refusal.code));
        free(body);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fields");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_loop_test(tcase, a_number_keeps_its_written_digits_in_every_form, 0,
                        (int)ARRAY_LEN(sizes));
    tcase_add_loop_test(tcase, a_bad_number_is_refused_by_name, 0, (int)ARRAY_LEN(bad_sizes));
    tcase_add_test(tcase, an_exponent_of_a_json_number_is_refused);
    tcase_add_loop_test(tcase, a_body_that_is_wrong_is_refused_with_its_reason, 0,
                        (int)ARRAY_LEN(refused));
    tcase_add_test(tcase, depth_is_bounded);
    tcase_add_test(tcase, too_long_values_are_refused);
    tcase_add_loop_test(tcase, forms_know_several_words_for_true_and_false, 0,
                        (int)ARRAY_LEN(bools));
    tcase_add_test(tcase, a_form_is_decoded);
    tcase_add_test(tcase, json_with_a_form_label_is_json);
    tcase_add_test(tcase, random_bodies_never_break_the_reader);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
