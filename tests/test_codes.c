#include <limits.h>
#include <string.h>

#include <check.h>

#include "bybit/codes.h"

#define BAN_BODY "{\"retCode\":10006,\"retMsg\":\"Access too frequent. Try again later\"}"

static const struct {
    enum answer_class class;
    int codes[24]; /* ends with INT_MIN */
} listed[] = {
    { ANSWER_DUPLICATE, { 110072, 170141, INT_MIN } },
    { ANSWER_REFUSED, { -1, 10002, 10006, 10403, 10429, 20003, 170005, 170222, INT_MIN } },
    { ANSWER_AUTH, { 10003, 10004, 10005, 10010, 33004, -2015, INT_MIN } },
    { ANSWER_AMBIGUOUS,
      { 429,    10000,  10014,  10016,  10019,  20006,  110079, 170001, 170007, 170032,
        170035, 170146, 170147, 170149, 170150, 170234, 170310, 170311, 500000, INT_MIN } },
    { ANSWER_REJECT,
      { 10001, 110001, 110004, 110006, 110007, 110012, 110017, 110094, 170121, 170131, 170136,
        170140, 170213, 110003, 110008, 10027, 170033, INT_MIN } },
    /* Not order calls', or not documented at all. */
    { ANSWER_AMBIGUOUS,
      { 1, 99999, 123456, INT_MAX, INT_MIN + 1, 110025, 110043, 34040, 180001, 400001, 700000, 3,
        110999, 170999, -2, INT_MIN } },
};

START_TEST(a_code_has_its_class)
{
    for (const int *code = listed[_i].codes; *code != INT_MIN; code++) {
        ck_assert_msg(answer_classify(200, 1, *code, "{}") == listed[_i].class, "%d is %s", *code,
                      answer_class_name(answer_classify(200, 1, *code, "{}")));
        ck_assert_int_eq(answer_classify(503, 1, *code, "{}"), ANSWER_AMBIGUOUS);
    }
}
END_TEST

static const struct {
    long status;
    int has_envelope;
    int ret_code;
    const char *body;
    enum answer_class class;
} answers[] = {
    { 200, 1, 0, "{}", ANSWER_OK },
    { 200, 0, 0, "<html>", ANSWER_AMBIGUOUS },
    { 200, 0, 0, "", ANSWER_AMBIGUOUS },
    { 200, 0, 0, NULL, ANSWER_AMBIGUOUS },
    { 200, 0, 10001, "x", ANSWER_AMBIGUOUS }, /* no envelope: the code is not looked at */
    { 0, 0, 0, NULL, ANSWER_AMBIGUOUS },
    { 301, 0, 0, "", ANSWER_AMBIGUOUS },
    { 302, 1, 0, "{}", ANSWER_AMBIGUOUS },
    { 400, 0, 0, "", ANSWER_AMBIGUOUS },
    { 404, 0, 0, "", ANSWER_AMBIGUOUS },
    { 401, 0, 0, "", ANSWER_AUTH },
    { 401, 1, 10003, "{}", ANSWER_AUTH },
    { 401, 1, 77777, "{}", ANSWER_AUTH },
    { 403, 0, 0, "Forbidden", ANSWER_AUTH },
    { 403, 0, 0, NULL, ANSWER_AUTH },
    { 403, 0, 0, "403, access too frequent", ANSWER_REFUSED },
    { 403, 0, 0, "Access Too Frequent", ANSWER_REFUSED },
    { 403, 1, 10006, BAN_BODY, ANSWER_REFUSED },
    { 403, 1, 10010, "{}", ANSWER_AUTH },
    { 429, 0, 0, "", ANSWER_REFUSED },
    { 429, 1, 10429, "{}", ANSWER_REFUSED },
    { 429, 1, 429, "{}", ANSWER_AMBIGUOUS },
    { 403, 1, 0, "{}", ANSWER_AMBIGUOUS },
    { 500, 0, 0, "", ANSWER_AMBIGUOUS },
    { 502, 0, 0, "too frequent", ANSWER_AMBIGUOUS },
    { 503, 1, 0, "{}", ANSWER_AMBIGUOUS },
    { 504, 1, 10006, "{}", ANSWER_AMBIGUOUS },
};

START_TEST(an_answer_has_its_class)
{
    ck_assert_int_eq(answer_classify(answers[_i].status, answers[_i].has_envelope,
                                     answers[_i].ret_code, answers[_i].body),
                     answers[_i].class);
}
END_TEST

START_TEST(only_403_with_the_text_is_the_ban)
{
    ck_assert(answer_is_ban(403, "x too frequent x"));
    ck_assert(!answer_is_ban(403, "forbidden"));
    ck_assert(!answer_is_ban(403, NULL));
    ck_assert(!answer_is_ban(200, "too frequent"));
    ck_assert(!answer_is_ban(429, "too frequent"));
}
END_TEST

/* The search is binary: an unsorted table would hide codes. */
START_TEST(the_table_is_sorted)
{
    static const struct {
        int code;
        enum answer_class class;
    } table[] = {
#include "bybit/codes_table.inc"
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        ck_assert(i == 0 || table[i - 1].code < table[i].code);
        ck_assert_int_eq(answer_classify(200, 1, table[i].code, "{}"), table[i].class);
        ck_assert_int_ne(table[i].class, ANSWER_OK);
    }
}
END_TEST

START_TEST(setters_say_unchanged_by_an_error)
{
    static const int unchanged[] = { 34040, 110025, 110026, 110027, 110043 };

    for (size_t i = 0; i < ARRAY_LEN(unchanged); i++) {
        ck_assert(answer_is_unchanged(unchanged[i], ""));
        /* To an order it would prove nothing. */
        ck_assert_int_eq(answer_classify(200, 1, unchanged[i], "{}"), ANSWER_AMBIGUOUS);
    }
    ck_assert(answer_is_unchanged(10001, "TP/SL Not Modified"));
    ck_assert(!answer_is_unchanged(10001, "can not set tp/sl/ts for zero position"));
    ck_assert(!answer_is_unchanged(0, "not modified"));
    ck_assert(!answer_is_unchanged(110001, "not modified"));
}
END_TEST

START_TEST(each_class_has_a_name)
{
    static const char *const names[] = {
        "ok", "reject", "refused", "auth", "duplicate", "ambiguous"
    };

    for (int i = 0; i <= ANSWER_AMBIGUOUS; i++)
        ck_assert_str_eq(answer_class_name((enum answer_class)i), names[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codes");
    TCase *tcase = tcase_create("codes");
    SRunner *runner;
    int failures;

    tcase_add_loop_test(tcase, a_code_has_its_class, 0, (int)ARRAY_LEN(listed));
    tcase_add_loop_test(tcase, an_answer_has_its_class, 0, (int)ARRAY_LEN(answers));
    tcase_add_test(tcase, only_403_with_the_text_is_the_ban);
    tcase_add_test(tcase, the_table_is_sorted);
    tcase_add_test(tcase, setters_say_unchanged_by_an_error);
    tcase_add_test(tcase, each_class_has_a_name);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
