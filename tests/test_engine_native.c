/* Which row of an order carries the exchange's own object of it. */
#include "base/native.h"
#include "tests/test_engine_kit.h"

/* An object that says only its text. */
static struct native *object(const char *text)
{
    char json[64];

    (void)snprintf(json, sizeof(json), "{\"t\":\"%s\"}", text);
    return native_make(json, strlen(json));
}

static void drop_rows(struct bench *bench)
{
    for (size_t i = 0; i < bench->actions.count; i++) {
        if (bench->actions.list[i].kind == ACTION_ROW)
            native_drop(bench->actions.list[i].u.row.native);
    }
    bench->actions.count = 0;
}

static void tell(struct bench *bench, struct order_report *report, const char *text)
{
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = report };

    drop_rows(bench);
    report->native = text ? object(text) : NULL;
    feed(bench, &event);
    native_drop(report->native);
}

/* The text of the object of the first row; "" where the row has none, NULL: there is no row. */
static const char *row_object(const struct bench *bench)
{
    static char text[64];
    const struct engine_action *row = first(bench, ACTION_ROW);

    if (!row)
        return NULL;
    text[0] = '\0';
    if (native_bytes(row->u.row.native))
        ck_assert_int_eq(sscanf(native_json(row->u.row.native), "{\"t\":\"%60[^\"]", text), 1);
    return text;
}

#define row_has(bench, wanted)                                                                     \
    do {                                                                                           \
        const char *has_ = row_object(bench);                                                      \
        ck_assert_ptr_nonnull(has_);                                                               \
        ck_assert_str_eq(has_, wanted);                                                            \
    } while (0)

static struct bench *with_order(void)
{
    struct bench *bench = bench_open(100, true);

    answer(bench, sent(bench, "a"), REPLY_OK, 0, "id-a");
    row_has(bench, ""); /* an answer has no object of the order */
    return bench;
}

static void close_bench(struct bench *bench)
{
    drop_rows(bench);
    bench_close(bench);
}

START_TEST(what_changes_the_order_brings_its_object)
{
    struct bench *bench = with_order();
    struct order_report open = report_of("a", "id-a", STATUS_NEW, 0, T0 + 400);
    struct order_report part = report_of("a", "id-a", STATUS_PARTIALLY_FILLED, 4, T0 + 500);
    struct order_report done = report_of("a", "id-a", STATUS_FILLED, 10, T0 + 600);

    tell(bench, &open, "new");
    row_has(bench, "new");
    tell(bench, &part, "part");
    row_has(bench, "part");
    tell(bench, &done, "done");
    row_has(bench, "done");
    close_bench(bench);
}
END_TEST

START_TEST(what_is_stale_or_repeated_brings_none)
{
    struct bench *bench = with_order();
    struct order_report part = report_of("a", "id-a", STATUS_PARTIALLY_FILLED, 4, T0 + 500);
    struct order_report late = report_of("a", "id-a", STATUS_NEW, 0, T0 + 400);

    tell(bench, &part, "part");
    row_has(bench, "part");
    tell(bench, &part, "again");
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    tell(bench, &late, "late");
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    part.updated_ms -= 50;
    tell(bench, &part, "older");
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    close_bench(bench);
}
END_TEST

/* Of what is kept of the order nothing has changed: no event, and it looks unchanged. */
START_TEST(a_later_message_that_tells_nothing_else_replaces_the_object)
{
    struct bench *bench = with_order();
    struct order_report open = report_of("a", "id-a", STATUS_NEW, 0, T0 + 400);
    uint64_t seq;
    int64_t updated_ms;

    tell(bench, &open, "first");
    seq = status_of(bench).last_seq;
    updated_ms = engine_find(bench->engine, "a")->updated_ms;
    bench->now_ms += 1000;
    open.updated_ms += 100;
    tell(bench, &open, "later");
    row_has(bench, "later");
    ck_assert_uint_eq(must(bench, ACTION_ROW, 0)->u.row.seq, 0);
    ck_assert_int_eq(count(bench, ACTION_ROW), 1);
    ck_assert_uint_eq(status_of(bench).last_seq, seq);
    ck_assert_int_eq(engine_find(bench->engine, "a")->updated_ms, updated_ms);
    ck_assert_uint_eq(engine_find(bench->engine, "a")->seq, seq);
    open.updated_ms += 100;
    tell(bench, &open, NULL); /* from a source that has none */
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    close_bench(bench);
}
END_TEST

/* A row of the history that fills in what the last message lacked may be the older of the two. */
START_TEST(an_older_message_that_only_fills_in_keeps_the_newer_object)
{
    struct bench *bench = with_order();
    struct order_report done = report_of("a", "id-a", STATUS_FILLED, 10, T0 + 600);

    tell(bench, &done, "newer");
    row_has(bench, "newer");
    done.updated_ms -= 100;
    done.avg_price = decimal_from_int(100);
    tell(bench, &done, "older");
    row_has(bench, "");
    ck_assert_ptr_null(must(bench, ACTION_ROW, 0)->u.row.native);
    done.updated_ms += 100;
    done.filled_value = decimal_from_int(1000);
    tell(bench, &done, "as new");
    row_has(bench, "as new");
    close_bench(bench);
}
END_TEST

/* A cancel that came too late: the order stays filled, and so does its object. */
START_TEST(another_end_at_the_same_size_does_not_replace_the_object)
{
    struct bench *bench = with_order();
    struct order_report done = report_of("a", "id-a", STATUS_FILLED, 10, T0 + 600);
    struct order_report late = report_of("a", "id-a", STATUS_CANCELLED, 10, T0 + 700);

    tell(bench, &done, "filled");
    row_has(bench, "filled");
    tell(bench, &late, "cancelled");
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    ck_assert_int_eq(engine_find(bench->engine, "a")->status, STATUS_FILLED);
    close_bench(bench);
}
END_TEST

/* Rows of the history come again with each scan: nothing of an order that has ended changes. */
START_TEST(an_end_told_again_does_not_replace_the_object)
{
    struct bench *bench = with_order();
    struct order_report done = report_of("a", "id-a", STATUS_FILLED, 10, T0 + 600);

    tell(bench, &done, "first");
    row_has(bench, "first");
    for (int i = 0; i < 2; i++) {
        done.updated_ms = T0 + 800 - 100 * i;
        tell(bench, &done, "again");
        ck_assert_ptr_null(first(bench, ACTION_ROW));
    }
    close_bench(bench);
}
END_TEST

/* An object that was not kept (too large) is told all the same: the one before is not of this
 * state. */
START_TEST(an_object_that_is_not_kept_is_told)
{
    struct bench *bench = with_order();
    struct order_report open = report_of("a", "id-a", STATUS_NEW, 0, T0 + 400);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &open };

    drop_rows(bench);
    open.native = native_make("[]", 2);
    feed(bench, &event);
    ck_assert_ptr_nonnull(must(bench, ACTION_ROW, 0)->u.row.native);
    ck_assert_uint_eq(native_bytes(must(bench, ACTION_ROW, 0)->u.row.native), 0);
    close_bench(bench);
}
END_TEST

/* Hostile numbers are not believed. */
START_TEST(what_can_not_be_brings_none)
{
    struct bench *bench = with_order();
    struct order_report absurd = report_of("a", "id-a", STATUS_PARTIALLY_FILLED, 11, T0 + 400);

    tell(bench, &absurd, "absurd");
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    close_bench(bench);
}
END_TEST

/* Held while the journal is asked. */
START_TEST(an_external_order_has_its_newest_object)
{
    struct bench *bench = bench_open(100, true);
    struct order_report open = report_of("x", "id-x", STATUS_NEW, 0, T0 + 400);
    struct order_report part = report_of("x", "id-x", STATUS_PARTIALLY_FILLED, 4, T0 + 500);
    uint64_t find_id;

    tell(bench, &open, "new");
    find_id = must(bench, ACTION_FIND, 0)->u.find.find_id;
    tell(bench, &part, "part");
    found(bench, find_id, NULL, false);
    ck_assert_int_eq(count(bench, ACTION_ROW), 2);
    row_has(bench, "new");
    ck_assert_str_eq(native_json(must(bench, ACTION_ROW, 1)->u.row.native) + 6, "part\"}");
    close_bench(bench);
}
END_TEST

START_TEST(what_still_waits_at_the_end_is_let_go)
{
    struct bench *bench = bench_open(100, true);
    struct order_report open = report_of("x", "id-x", STATUS_NEW, 0, T0 + 400);

    tell(bench, &open, "new");
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    close_bench(bench); /* the sanitizer's leak check looks */
}
END_TEST

/* Pages are evidence, too. */
START_TEST(a_scan_brings_the_object)
{
    struct bench *bench = with_order();
    struct order_report open = report_of("a", "id-a", STATUS_NEW, 0, T0 + 400);

    drop_rows(bench);
    bench->now_ms = T0 + 10000;
    ask(bench, EVENT_WATCH, "a", WAIT_ACCEPTED, 0);
    happens(bench, EVENT_PRIVATE_DOWN);
    happens(bench, EVENT_PRIVATE_UP);
    open.native = object("page");
    page(bench, must(bench, ACTION_READ, 0)->u.read.read_id, true, &open, 1, NULL, 0, "");
    native_drop(open.native);
    row_has(bench, "page");
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.order.source, SOURCE_SCAN);
    close_bench(bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_native");
    TCase *tcase = tcase_create("native");
    SRunner *runner;
    int failures;

    tcase_add_test(tcase, what_changes_the_order_brings_its_object);
    tcase_add_test(tcase, what_is_stale_or_repeated_brings_none);
    tcase_add_test(tcase, a_later_message_that_tells_nothing_else_replaces_the_object);
    tcase_add_test(tcase, an_older_message_that_only_fills_in_keeps_the_newer_object);
    tcase_add_test(tcase, another_end_at_the_same_size_does_not_replace_the_object);
    tcase_add_test(tcase, an_end_told_again_does_not_replace_the_object);
    tcase_add_test(tcase, an_object_that_is_not_kept_is_told);
    tcase_add_test(tcase, what_can_not_be_brings_none);
    tcase_add_test(tcase, an_external_order_has_its_newest_object);
    tcase_add_test(tcase, what_still_waits_at_the_end_is_let_go);
    tcase_add_test(tcase, a_scan_brings_the_object);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
