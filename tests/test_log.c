#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>

#include "base/error.h"
#include "base/json.h"
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

START_TEST(a_level_can_be_asked_for)
{
    log_set_level(LOG_WARN);
    ck_assert(!log_shows(LOG_INFO) && log_shows(LOG_WARN) && log_shows(LOG_ERROR));
    log_set_level(LOG_INFO);
}
END_TEST

static const char *said;

static void say_said(void)
{
    log_warn("%s", said);
}

static const struct {
    const char *message;
    const char *text; /* behind "warn " */
    const char *json; /* behind "\"level\":\"warn\"," */
} messages[] = {
    { "stream: rejoin try=2 wait_ms=500", "stream: rejoin try=2 wait_ms=500",
      "\"module\":\"stream\",\"msg\":\"rejoin try=2 "
      "wait_ms=500\",\"try\":\"2\",\"wait_ms\":\"500\"}" },
    { "no module, no pair", "no module, no pair",
      "\"module\":null,\"msg\":\"no module, no pair\"}" },
    { "Not a Module: x", "Not a Module: x", "\"module\":null,\"msg\":\"Not a Module: x\"}" },
    { "", "", "\"module\":null,\"msg\":\"\"}" },
    { "a: ", "a: ", "\"module\":\"a\",\"msg\":\"\"}" },
    /* Only pairs become members; names of the line itself and repeated ones do not. */
    { "a: K=1 =2 k= 1k=3 k==4 k=5: k=6 kö=7", "a: K=1 =2 k= 1k=3 k==4 k=5: k=6 kö=7",
      "\"module\":\"a\",\"msg\":\"K=1 =2 k= 1k=3 k==4 k=5: k=6 kö=7\",\"k\":\"=4\"}" },
    { "a: level=error ts=1 msg=x module=b n=1", "a: level=error ts=1 msg=x module=b n=1",
      "\"module\":\"a\",\"msg\":\"level=error ts=1 msg=x module=b n=1\",\"n\":\"1\"}" },
    { "a: p=\"q\\\"", "a: p=\"q\\\"",
      "\"module\":\"a\",\"msg\":\"p=\\\"q\\\\\\\"\",\"p\":\"\\\"q\\\\\\\"\"}" },
    /* Control bytes, and what is no UTF-8: lone, overlong, surrogate, above U+10FFFF, cut. */
    { "a: \x1b[31m\t\x7f\n\xc2\x85", "a: ?[31m?? ??", "\"module\":\"a\",\"msg\":\"?[31m?? ??\"}" },
    { "a: \x80 \xc0\xaf \xe0\x80\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xff \xe2\x82",
      "a: ? ?? ??? ??? ???? ? ??", "\"module\":\"a\",\"msg\":\"? ?? ??? ??? ???? ? ??\"}" },
    { "a: \xe2\x82\xac \xf0\x9f\x98\x80", "a: \xe2\x82\xac \xf0\x9f\x98\x80",
      "\"module\":\"a\",\"msg\":\"\xe2\x82\xac \xf0\x9f\x98\x80\"}" },
};

START_TEST(a_line_is_text_or_an_object)
{
    char *end;

    said = messages[_i].message;
    capture(say_said);
    end = strrchr(lines, '\n');
    ck_assert(end && end == lines + strlen(lines) - 1);
    *end = '\0';
    ck_assert_str_eq(strstr(lines, " warn ") + strlen(" warn "), messages[_i].text);
    log_set_json(true);
    capture(say_said);
    log_set_json(false);
    end = strrchr(lines, '\n');
    ck_assert(end && end == lines + strlen(lines) - 1);
    *end = '\0';
    ck_assert_int_eq(memcmp(lines, "{\"ts\":\"20", 9), 0);
    ck_assert_str_eq(strstr(lines, "\"level\":\"warn\",") + strlen("\"level\":\"warn\","),
                     messages[_i].json);
}
END_TEST

static uint32_t random_state = 1;

static unsigned char random_byte(void)
{
    random_state = random_state * 1664525U + 1013904223U;
    return (unsigned char)(random_state >> 24);
}

/* Whatever is said: one line, bounded, an object that a strict reader takes. */
START_TEST(hostile_and_long_messages_stay_whole_objects)
{
    static char hostile[6000];
    static const char fill[] = "\"\\ =a1\x01\xff\xe2\x82\xac";

    log_set_json(true);
    for (int round = 0; round < 400; round++) {
        size_t bytes = (size_t)random_byte() * 20 + 1;
        struct json root;
        struct json member;
        size_t line_bytes;

        for (size_t i = 0; i < bytes; i++) {
            unsigned char byte =
                round % 2 ? random_byte() : (unsigned char)fill[random_byte() % strlen(fill)];

            hostile[i] = (char)(byte ? byte : '"');
        }
        if (round % 10 == 0)
            memset(hostile, round % 20 ? '"' : '\\', bytes);
        hostile[bytes] = '\0';
        said = hostile;
        capture(say_said);
        line_bytes = strlen(lines);
        ck_assert_uint_le(line_bytes, LOG_LINE_MAX);
        ck_assert_ptr_eq(strchr(lines, '\n'), lines + line_bytes - 1);
        ck_assert_int_eq(json_open(&root, lines, line_bytes - 1, NULL), ERR_NONE);
        ck_assert(json_member(&root, "msg", &member) && member.type == JSON_STRING);
    }
    log_set_json(false);
}
END_TEST

/* Many pairs: those that fit, whole. */
START_TEST(pairs_that_do_not_fit_are_left_out)
{
    static char many[4000];
    struct json root;
    struct json member;
    size_t used = 0;

    for (int i = 0; i < 200; i++)
        used += (size_t)snprintf(many + used, sizeof(many) - used, "k%d=\"%s ", i, "\\\\\\\\");
    said = many;
    log_set_json(true);
    capture(say_said);
    log_set_json(false);
    ck_assert_uint_le(strlen(lines), LOG_LINE_MAX);
    ck_assert_int_eq(json_open(&root, lines, strlen(lines) - 1, NULL), ERR_NONE);
    ck_assert(json_member(&root, "k0", &member) && !json_member(&root, "k199", &member));
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
    static const char *const names[] = { "none",      "invalid",     "not_found", "busy",
                                         "throttled", "unavailable", "upstream",  "in_doubt",
                                         "io",        "no_memory",   "internal" };
    struct error error = { .upstream = 7, .retry_after_ms = 9 };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        ck_assert_str_eq(error_name((enum err)i), names[i]);
    ck_assert_int_eq(error_set(&error, ERR_BUSY, "%d of %s", 3, "four"), ERR_BUSY);
    ck_assert_int_eq(error.code, ERR_BUSY);
    ck_assert_int_eq(error.upstream, 0);
    ck_assert_int_eq(error.retry_after_ms, 0);
    ck_assert_str_eq(error.text, "3 of four");
    ck_assert_int_eq(error_set(NULL, ERR_IO, "x"), ERR_IO);
    memset(longest, 'x', sizeof(longest) - 1);
    ck_assert_int_eq(error_set(&error, ERR_IO, "%s", longest), ERR_IO);
    ck_assert_uint_eq(strlen(error.text), sizeof(error.text) - 1);
}
END_TEST

/* A pipe that takes no more, as of a program that started us and never looks. */
static void fill(const int ends[2])
{
    static const char page[LOG_LINE_MAX];
    int flags = fcntl(ends[1], F_GETFL);

    ck_assert_int_eq(fcntl(ends[1], F_SETFL, flags | O_NONBLOCK), 0);
    while (write(ends[1], page, sizeof(page)) > 0)
        continue;
    ck_assert_int_eq(fcntl(ends[1], F_SETFL, flags), 0);
}

/* Of a socket a service manager may hold the other end. */
static void fill_socket(const int ends[2])
{
    static const char page[LOG_LINE_MAX];

    while (send(ends[1], page, sizeof(page), MSG_DONTWAIT) > 0)
        continue;
}

static void empty(int fd)
{
    static char page[LOG_LINE_MAX];

    while (recv(fd, page, sizeof(page), MSG_DONTWAIT) > 0)
        continue;
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    while (read(fd, page, sizeof(page)) > 0)
        continue;
}

static const int widths[] = { 40, 333, 900 };

static int open_terminal(int *program)
{
    int shown = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    const char *name;

    ck_assert_int_ge(shown, 0);
    ck_assert_int_eq(grantpt(shown), 0);
    ck_assert_int_eq(unlockpt(shown), 0);
    name = ptsname(shown);
    ck_assert_ptr_nonnull(name);
    *program = open(name, O_RDWR | O_NOCTTY);
    ck_assert_int_ge(*program, 0);
    return shown;
}

/* Of one whose window hangs the kernel keeps some kilobytes, and then a part of a line. Once it
 * goes on, what was begun is ended, and no line is in another. */
START_TEST(nobody_waits_for_a_terminal_that_hangs)
{
    static char all[1024 * 1024];
    int kept = dup(STDERR_FILENO);
    size_t bytes = 0;
    int program;
    int shown = open_terminal(&program);
    char *line;
    char *rest;

    ck_assert_int_ge(dup2(program, STDERR_FILENO), 0);
    (void)alarm(20); /* instead of for ever */
    for (int i = 0; i < 3000; i++)
        log_info("n%0*d", widths[_i], i);
    do {
        ssize_t more;

        log_info("z");
        (void)usleep(1000); /* what is read comes by way of the kernel's own threads */
        while ((more = read(shown, all + bytes, sizeof(all) - 1 - bytes)) > 0)
            bytes += (size_t)more;
        all[bytes] = '\0';
    } while (!strstr(all, " info z\r\n"));
    (void)alarm(0);
    ck_assert_int_ge(dup2(kept, STDERR_FILENO), 0);
    close(kept);
    close(program);
    close(shown);
    ck_assert_ptr_nonnull(strstr(all, " warn log: lost="));
    for (line = strtok_r(all, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        const char *text = strstr(line, " info ");

        if (!text)
            ck_assert_ptr_nonnull(strstr(line, " warn log: lost="));
        else if (text[6] != 'z')
            ck_assert_uint_eq(strlen(text), strlen(" info n") + (size_t)widths[_i]);
        else
            ck_assert_str_eq(text, " info z");
    }
}
END_TEST

START_TEST(nobody_waits_for_a_reader_that_does_not_read)
{
    int kept = dup(STDERR_FILENO);
    ssize_t bytes;
    int ends[2];

    ck_assert_int_eq(_i ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends), 0);
    if (_i)
        fill_socket(ends);
    else
        fill(ends);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    (void)alarm(20); /* instead of for ever */
    log_info("a");
    log_info("b");
    empty(ends[0]);
    log_info("c");
    log_info("d");
    (void)alarm(0);
    ck_assert_int_ge(dup2(kept, STDERR_FILENO), 0);
    close(kept);
    close(ends[1]);
    bytes = read(ends[0], lines, sizeof(lines) - 1);
    lines[bytes > 0 ? bytes : 0] = '\0';
    close(ends[0]);
    ck_assert_uint_eq(count_lines(), 3);
    ck_assert_ptr_nonnull(strstr(lines, " warn log: lost=2 lines: nobody read them\n"));
    ck_assert(strstr(lines, "lost=2") < strstr(lines, " info c\n"));
    ck_assert_ptr_nonnull(strstr(lines, " info d\n"));
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
    tcase_add_test(tcase, a_level_can_be_asked_for);
    tcase_add_loop_test(tcase, a_line_is_text_or_an_object, 0, ARRAY_LEN(messages));
    tcase_add_test(tcase, hostile_and_long_messages_stay_whole_objects);
    tcase_add_test(tcase, pairs_that_do_not_fit_are_left_out);
    tcase_add_test(tcase, texts_from_outside_are_made_safe);
    tcase_add_test(tcase, errors_have_names_and_texts);
    tcase_add_loop_test(tcase, nobody_waits_for_a_reader_that_does_not_read, 0, 2);
    tcase_add_loop_test(tcase, nobody_waits_for_a_terminal_that_hangs, 0, ARRAY_LEN(widths));
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
