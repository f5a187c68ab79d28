#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "base/error.h"
#include "base/log.h"

static char lines[8192];

/* Runs `say` with stderr in a pipe; what it wrote is in `lines`. */
static void capture(void (*say)(void))
{
    int kept = dup(STDERR_FILENO);
    int ends[2];
    ssize_t bytes;

    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    say();
    ck_assert_int_ge(dup2(kept, STDERR_FILENO), 0);
    close(kept);
    close(ends[1]);
    bytes = read(ends[0], lines, sizeof(lines) - 1);
    close(ends[0]);
    lines[bytes > 0 ? bytes : 0] = '\0';
}

static void say_all(void)
{
    log_debug("d");
    log_info("i %d", 1);
    log_warn("w");
    log_error("e");
}

static size_t count_lines(void)
{
    size_t count = 0;

    for (const char *at = lines; (at = strchr(at, '\n')); at++)
        count++;
    return count;
}

START_TEST(lines_below_the_level_are_not_shown)
{
    for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
        log_set_level((enum log_level)level);
        capture(say_all);
        ck_assert_uint_eq(count_lines(), (size_t)(4 - level));
    }
    log_set_level(LOG_INFO);
    capture(say_all);
    ck_assert_int_eq(lines[10], 'T');
    ck_assert_str_eq(strchr(strchr(lines, ' '), '\n') ? strstr(lines, "Z ") + 2 : "",
                     strstr(lines, "info i 1\n"));
}
END_TEST

static char longest[5000];

static void say_long(void)
{
    log_info("%s", longest);
    log_info("a\nb\rc");
}

START_TEST(an_event_is_one_line_of_bounded_length)
{
    memset(longest, 'x', sizeof(longest) - 1);
    log_set_level(LOG_INFO);
    capture(say_long);
    ck_assert_uint_eq(count_lines(), 2);
    ck_assert_uint_le((size_t)(strchr(lines, '\n') - lines), 1024);
    ck_assert_ptr_nonnull(strstr(lines, "info a b c\n"));
}
END_TEST

START_TEST(texts_from_outside_are_made_safe)
{
    char safe[LOG_SAFE_MAX];

    ck_assert_str_eq(log_safe("ok 123 ~", safe), "ok 123 ~");
    ck_assert_str_eq(log_safe("a\n\x1b[31m\x7f\xc3\xa9", safe), "a??[31m???");
    ck_assert_str_eq(log_safe("", safe), "");
    memset(longest, 'x', sizeof(longest) - 1);
    ck_assert_uint_eq(strlen(log_safe(longest, safe)), LOG_SAFE_MAX - 1);
}
END_TEST

START_TEST(errors_have_names_and_texts)
{
    static const char *const names[] = { "none",        "invalid",  "not_found", "busy",
                                         "unavailable", "upstream", "in_doubt",  "io",
                                         "no_memory",   "internal" };
    struct error error = { ERR_NONE, 7, "" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        ck_assert_str_eq(error_name((enum err)i), names[i]);
    ck_assert_int_eq(error_set(&error, ERR_BUSY, "%d of %s", 3, "four"), ERR_BUSY);
    ck_assert_int_eq(error.code, ERR_BUSY);
    ck_assert_int_eq(error.upstream, 0);
    ck_assert_str_eq(error.text, "3 of four");
    ck_assert_int_eq(error_set(NULL, ERR_IO, "x"), ERR_IO);
    memset(longest, 'x', sizeof(longest) - 1);
    ck_assert_int_eq(error_set(&error, ERR_IO, "%s", longest), ERR_IO);
    ck_assert_uint_eq(strlen(error.text), sizeof(error.text) - 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_test(tcase, lines_below_the_level_are_not_shown);
    tcase_add_test(tcase, an_event_is_one_line_of_bounded_length);
    tcase_add_test(tcase, texts_from_outside_are_made_safe);
    tcase_add_test(tcase, errors_have_names_and_texts);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
