/* Lists in their three forms. */
#include "api/form.h"
#include "api/reply.h"
#include "base/json.h"
#include "test_api_kit.h"

static const char *const columns[] = { "a", "b", "c" };
static struct api_call call;

static void on_done(struct api_call *done)
{
    done->owner = done;
}

static void open_form(enum api_form form)
{
    buffer_deinit(&call.reply);
    call = (struct api_call){ .path = "/x", .form = form, .done = on_done };
}

static void close_all(void)
{
    buffer_deinit(&call.reply);
    kit_close();
}

static void add_row(struct form_list *list, const char *json)
{
    buffer_add_text(form_row(list), "");
    json_add_raw(form_row(list), json, strlen(json));
    form_row_end(list);
}

static void write_list(enum api_form form, const char *const *rows, size_t count)
{
    struct form_list list;

    open_form(form);
    form_open(&list, &call, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < count; i++)
        add_row(&list, rows[i]);
    form_close(&list, "/x?after=2", 1700000000000, "rest");
    ck_assert_ptr_eq(call.owner, &call);
    ck_assert_int_eq(call.status, 200);
}

static const char *const two_rows[] = { "{\"a\":\"1\",\"b\":2,\"c\":true}",
                                        "{\"a\":null,\"b\":[1,2],\"c\":\"x\"}" };

/* Only JSON has members of the list itself. */
START_TEST(a_list_may_have_members_of_its_own)
{
    struct form_list list;
    struct buffer *out;

    open_form(FORM_JSON);
    form_open(&list, &call, columns, ARRAY_LEN(columns));
    add_row(&list, two_rows[0]);
    out = form_members(&list);
    ck_assert_ptr_nonnull(out);
    json_add_key(out, "sum");
    json_add_int(out, 7);
    ck_assert_ptr_eq(form_members(&list), out);
    form_close(&list, NULL, 1700000000000, "rest");
    ck_assert_ptr_nonnull(strstr(call.reply.data, "true}],\"sum\":7,\"next\":null,"));
    open_form(FORM_CSV);
    form_open(&list, &call, columns, ARRAY_LEN(columns));
    ck_assert_ptr_null(form_members(&list));
    form_close(&list, NULL, 1700000000000, "rest");
    ck_assert_str_eq(call.reply.data, "a,b,c\r\n");
}
END_TEST

START_TEST(json_has_items_next_and_age)
{
    write_list(FORM_JSON, two_rows, 2);
    ck_assert_str_eq(call.content_type, "application/json");
    ck_assert_str_eq(call.reply.data,
                     "{\"items\":[{\"a\":\"1\",\"b\":2,\"c\":true},{\"a\":null,\"b\":[1,2],\"c\":"
                     "\"x\"}],\"next\":\"/x?after=2\",\"as_of\":\"2023-11-14T22:13:20.000Z\","
                     "\"source\":\"rest\"}");
    ck_assert_uint_eq(call.headers_count, 3);
    write_list(FORM_JSON, NULL, 0);
    ck_assert_ptr_nonnull(strstr(call.reply.data, "{\"items\":[],"));
}
END_TEST

START_TEST(ndjson_is_a_row_a_line)
{
    write_list(FORM_NDJSON, two_rows, 2);
    ck_assert_str_eq(call.content_type, "application/x-ndjson");
    ck_assert_str_eq(call.reply.data, "{\"a\":\"1\",\"b\":2,\"c\":true}\n"
                                      "{\"a\":null,\"b\":[1,2],\"c\":\"x\"}\n");
}
END_TEST

static const struct {
    const char *row;
    const char *line;
} csv[] = {
    { "{\"a\":\"1\",\"b\":2,\"c\":true}", "1,2,true\r\n" },
    { "{\"a\":null,\"b\":\"\",\"c\":false}", ",,false\r\n" },
    { "{\"a\":\"x,y\",\"b\":\"say \\\"hi\\\"\",\"c\":\"two\\nlines\"}",
      "\"x,y\",\"say \"\"hi\"\"\",\"two\nlines\"\r\n" },
    { "{\"a\":[1,\"2\"],\"b\":{\"k\":\"v\"},\"c\":[]}",
      "\"[1,\"\"2\"\"]\",\"{\"\"k\"\":\"\"v\"\"}\",[]\r\n" },
    /* A spreadsheet must not run what somebody else wrote; numbers are none of that. */
    { "{\"a\":\"=1+2\",\"b\":\"@x\",\"c\":\"+x\"}", "\"'=1+2\",\"'@x\",\"'+x\"\r\n" },
    { "{\"a\":\"-0.5\",\"b\":\"-x\",\"c\":-3}", "-0.5,\"'-x\",-3\r\n" },
    { "{\"a\":\"\\tx\",\"b\":\"\\rx\",\"c\":\"x=1\"}", "\"'\tx\",\"'\rx\",x=1\r\n" },
    { "{\"c\":3,\"a\":1,\"b\":2}", "1,2,3\r\n" },
    { "{\"a\":1,\"c\":3}", "1,,3\r\n" },
    { "{\"a\":1,\"b\":2,\"c\":3,\"d\":4}", "1,2,3\r\n" },
    { "{\"a\":\"\\u00e9\\u20ac\",\"b\":1,\"c\":1}", "\xc3\xa9\xe2\x82\xac,1,1\r\n" },
};

START_TEST(csv_quotes_what_needs_it)
{
    char whole[256];

    write_list(FORM_CSV, &csv[_i].row, 1);
    ck_assert_str_eq(call.content_type, "text/csv; charset=utf-8; header=present");
    (void)snprintf(whole, sizeof(whole), "a,b,c\r\n%s", csv[_i].line);
    ck_assert_str_eq(call.reply.data, whole);
}
END_TEST

START_TEST(a_long_text_is_not_lost)
{
    char row[6000];
    char text[4001];
    const char *rows[] = { row };

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    (void)snprintf(row, sizeof(row), "{\"a\":\"%s\",\"b\":1,\"c\":\"a\\\"b\"}", text);
    write_list(FORM_CSV, rows, 1);
    ck_assert_str_eq(call.reply.data + 7 + 4000, ",1,\"a\"\"b\"\r\n");
}
END_TEST

START_TEST(an_abandoned_list_leaves_no_trace)
{
    struct form_list list;

    for (int form = FORM_JSON; form <= FORM_NDJSON; form++) {
        open_form((enum api_form)form);
        form_open(&list, &call, columns, ARRAY_LEN(columns));
        add_row(&list, two_rows[0]);
        form_abandon(&list);
        api_fail(&call, NULL, "upstream_failed", "no");
        ck_assert_int_eq(call.status, 502);
        ck_assert_ptr_nonnull(strstr(call.reply.data, "\"detail\":\"no\""));
        ck_assert_int_eq(call.reply.data[0], '{');
        ck_assert_ptr_null(strstr(call.reply.data, "\"b\":2"));
    }
}
END_TEST

START_TEST(next_is_the_same_request_with_another_after)
{
    char next[128];

    open_form(FORM_CSV);
    call.path = "/candles/spot:BTCUSDT.csv";
    call.query[0] = (struct api_pair){ "after", "5" };
    call.query[1] = (struct api_pair){ "from", "2026-01-01T00:00:00+02:00" };
    call.query[2] = (struct api_pair){ "limit", "10" };
    call.query_count = 3;
    form_next(&call, "17", NULL, next, sizeof(next));
    ck_assert_str_eq(next, "/candles/spot:BTCUSDT.csv?after=17&from=2026-01-01T00%3A00%3A00%2B02%3A"
                           "00&limit=10");
    form_next(&call, "17", NULL, next, 20);
    ck_assert_str_eq(next, "");
}
END_TEST

START_TEST(the_pages_of_a_span_do_not_move_with_the_clock)
{
    const struct form_span span = { 1700000000123, 1700006400000 };
    char next[160];

    open_form(FORM_JSON);
    call.path = "/fills";
    call.query[0] = (struct api_pair){ "from", "-30d" };
    call.query[1] = (struct api_pair){ "to", "today" };
    call.query[2] = (struct api_pair){ "tag", "-30d" };
    call.query_count = 3;
    form_next(&call, "17", &span, next, sizeof(next));
    ck_assert_str_eq(next, "/fills?after=17&from=2023-11-14T22%3A13%3A20.123Z"
                           "&to=2023-11-15T00%3A00%3A00.000Z&tag=-30d");
    /* What does not move stays as it was written. */
    call.query[0].value = "1700000000";
    call.query[1].value = "2026-01-01";
    form_next(&call, "17", &span, next, sizeof(next));
    ck_assert_str_eq(next, "/fills?after=17&from=1700000000&to=2026-01-01&tag=-30d");
}
END_TEST

START_TEST(the_last_page_has_no_next)
{
    struct form_list list;

    open_form(FORM_JSON);
    form_open(&list, &call, columns, ARRAY_LEN(columns));
    form_close(&list, NULL, 1700000000000, "journal");
    ck_assert_str_eq(call.reply.data, "{\"items\":[],\"next\":null,\"as_of\":"
                                      "\"2023-11-14T22:13:20.000Z\",\"source\":\"journal\"}");
    ck_assert_uint_eq(call.headers_count, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("form");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, kit_open, close_all);
    tcase_add_test(tcase, json_has_items_next_and_age);
    tcase_add_test(tcase, a_list_may_have_members_of_its_own);
    tcase_add_test(tcase, ndjson_is_a_row_a_line);
    tcase_add_loop_test(tcase, csv_quotes_what_needs_it, 0, (int)ARRAY_LEN(csv));
    tcase_add_test(tcase, a_long_text_is_not_lost);
    tcase_add_test(tcase, an_abandoned_list_leaves_no_trace);
    tcase_add_test(tcase, next_is_the_same_request_with_another_after);
    tcase_add_test(tcase, the_pages_of_a_span_do_not_move_with_the_clock);
    tcase_add_test(tcase, the_last_page_has_no_next);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
