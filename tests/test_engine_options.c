/* tests/test_engine_options.c - recovery where options cannot be read: what keeps nobody from
 * trading the rest must not be forgotten either. */
#include "engine/recovery.h"
#include "tests/test_engine_kit.h"

static int64_t options_since_ms; /* of the reads of options that were answered last */
static bool read_history;

enum said { SAID_EMPTY, SAID_FAILED, SAID_PAGE };

/* Answers all reads that are asked, and those asked then: those of options with `said`, SAID_PAGE:
 * with a first page, and the next one is refused. Returns how many were of options. */
static int answer_reads(struct bench *bench, enum said said)
{
    struct engine_action reads[64];
    int asked = 0;
    int options = 0;

    options_since_ms = INT64_MAX;
    for (int next = 0; first(bench, ACTION_READ) || next < asked; next++) {
        struct engine_event event = { .kind = EVENT_PAGE, .u.page.next_cursor = "" };

        for (int n = 0; nth(bench, ACTION_READ, n); n++)
            reads[asked++] = *must(bench, ACTION_READ, n);
        event.u.page.read_id = reads[next].u.read.read_id;
        event.u.page.ok = true;
        if (reads[next].u.read.category == CATEGORY_OPTION) {
            options++;
            read_history |= reads[next].u.read.kind == READ_HISTORY;
            if (reads[next].u.read.start_ms > 0 && reads[next].u.read.start_ms < options_since_ms)
                options_since_ms = reads[next].u.read.start_ms;
            event.u.page.ok =
                said == SAID_EMPTY || (said == SAID_PAGE && !reads[next].u.read.cursor[0]);
            event.u.page.rejected = event.u.page.absent = !event.u.page.ok && said != SAID_FAILED;
            event.u.page.next_cursor = event.u.page.ok && said == SAID_PAGE ? "next" : "";
        }
        feed(bench, &event);
    }
    return options;
}

static struct bench *begin(int64_t watermark_ms)
{
    struct bench *bench = bench_open_at(100, false, watermark_ms);

    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    return bench;
}

/* Ticks each second; true: it was ready by then. */
static bool ready_by(struct bench *bench, int64_t at_ms, enum said said)
{
    while (!status_of(bench).ready && bench->now_ms < at_ms) {
        tick_at(bench, bench->now_ms + 1000);
        (void)answer_reads(bench, said);
    }
    return status_of(bench).ready;
}

START_TEST(a_cursor_that_is_refused_says_nothing_about_options)
{
    struct bench *bench = begin(T0 - 60000);

    (void)answer_reads(bench, SAID_PAGE);
    ck_assert(!status_of(bench).ready);
    tick_at(bench, T0 + 1000);
    ck_assert_int_ge(answer_reads(bench, SAID_EMPTY), 3); /* all of it is read again */
    ck_assert(status_of(bench).ready);
    bench_close(bench);
}
END_TEST

START_TEST(options_that_fail_for_a_moment_are_waited_for)
{
    struct bench *bench = begin(T0 - 60000);

    ck_assert_int_eq(answer_reads(bench, SAID_FAILED), 3);
    ck_assert(!ready_by(bench, T0 + 10000, SAID_FAILED));
    ck_assert(ready_by(bench, T0 + 20000, SAID_EMPTY));
    bench_close(bench);
}
END_TEST

START_TEST(options_that_fail_on_and_on_are_owed_and_keep_nobody)
{
    struct bench *bench = begin(T0 - 60000);
    int64_t owed_ms;

    ck_assert_int_eq(answer_reads(bench, SAID_FAILED), 3);
    owed_ms = options_since_ms;
    ck_assert(ready_by(bench, T0 + 40000, SAID_FAILED));
    ck_assert_int_gt(bench->now_ms, T0 + 29000);
    for (int i = 0; i < 1000; i++) { /* rescans, and audits, which read no history of others */
        tick_at(bench, bench->now_ms + 1000);
        if (answer_reads(bench, SAID_FAILED) > 0)
            ck_assert_int_le(options_since_ms, owed_ms);
    }
    ck_assert(status_of(bench).ready);
    ck_assert_int_eq(status_of(bench).watermark_ms, T0 - 60000); /* so a restart owes them, too */
    read_history = false;
    while (!read_history) {
        tick_at(bench, bench->now_ms + 1000);
        (void)answer_reads(bench, SAID_EMPTY);
    }
    ck_assert_int_le(options_since_ms, owed_ms);
    for (int i = 0; i < 700; i++) {
        tick_at(bench, bench->now_ms + 1000);
        if (answer_reads(bench, SAID_EMPTY) > 0)
            ck_assert_int_gt(options_since_ms, owed_ms); /* as all others */
    }
    ck_assert_int_gt(status_of(bench).watermark_ms, T0);
    bench_close(bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine options");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_test(tcase, a_cursor_that_is_refused_says_nothing_about_options);
    tcase_add_test(tcase, options_that_fail_for_a_moment_are_waited_for);
    tcase_add_test(tcase, options_that_fail_on_and_on_are_owed_and_keep_nobody);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
