/* openapi.yaml against the tables, both ways: paths, methods, query names, order fields, problem
 * codes, and the members of what we answer. The document keeps to two blanks an indentation, so
 * lines are enough to read it. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <cjson/cJSON.h>

#include "api/endpoints.h"
#include "api/errors.h"
#include "api/events.h"
#include "api/openapi.h"
#include "api/order_body.h"
#include "base/text.h"

#define LINES_MAX 8000

static char *document;
static char *lines[LINES_MAX];
static size_t lines_count;

static void load(void)
{
    FILE *file = fopen(SOURCE_ROOT "/openapi.yaml", "rb");
    size_t bytes;
    char *rest;

    ck_assert_ptr_nonnull(file);
    document = calloc(1, 1024 * 1024);
    ck_assert_ptr_nonnull(document);
    bytes = fread(document, 1, 1024 * 1024 - 1, file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_uint_eq(bytes, api_openapi_bytes);
    ck_assert_mem_eq(document, api_openapi, bytes);
    rest = document;
    lines_count = 0;
    while (rest && *rest) {
        ck_assert_uint_lt(lines_count, LINES_MAX);
        lines[lines_count++] = strsep(&rest, "\n");
    }
}

static void unload(void)
{
    free(document);
}

static size_t indent(const char *line)
{
    return strspn(line, " ");
}

/* The line number of `text` (with its indentation) at or behind `from` and before `to`; `to` when
 * there is none. */
static size_t find_line(const char *text, size_t from, size_t to)
{
    while (from < to && strcmp(lines[from], text) != 0)
        from++;
    return from;
}

/* The first line behind `at` that is not inside of it. */
static size_t end_of(size_t at)
{
    size_t outer = indent(lines[at]);

    for (at++; at < lines_count; at++) {
        if (lines[at][0] && indent(lines[at]) <= outer)
            break;
    }
    return at;
}

/* Whether the line is "<blanks>name:" of that indentation. */
static bool is_key(const char *line, size_t blanks, char name[80])
{
    size_t bytes = strlen(line);

    if (indent(line) != blanks || bytes <= blanks + 1 || line[bytes - 1] != ':')
        return false;
    return text_copy_n(name, 80, line + blanks, bytes - blanks - 1) == ERR_NONE;
}

static size_t section(const char *line, size_t from, size_t to)
{
    size_t at = find_line(line, from, to);

    ck_assert_msg(at < to, "no line \"%s\"", line);
    return at;
}

/* The line of the schema's properties, ended by *end. */
static size_t properties_of(const char *schema, size_t *end)
{
    char line[80];
    size_t at = section("  schemas:", section("components:", 0, lines_count), lines_count);
    struct text text = text_in(line, sizeof(line));

    text_addf(&text, "    %s:", schema);
    at = section(line, at, lines_count);
    at = section("      properties:", at, end_of(at));
    *end = end_of(at);
    return at;
}

/* --- paths --- */

/* The operation's line; lines_count when there is none. */
static size_t operation(const char *path, const char *method)
{
    char line[100];
    char lower[16] = "";
    struct text text = text_in(line, sizeof(line));
    size_t paths = section("paths:", 0, lines_count);
    size_t at;

    for (size_t i = 0; method[i] && i < sizeof(lower) - 1; i++)
        lower[i] = (char)(method[i] | 0x20);
    text_addf(&text, "  %s:", path);
    at = find_line(line, paths, end_of(paths));
    if (at == end_of(paths))
        return lines_count;
    text = text_in(line, sizeof(line));
    text_addf(&text, "    %s:", lower);
    paths = find_line(line, at, end_of(at));
    return paths == end_of(at) ? lines_count : paths;
}

START_TEST(every_row_is_in_the_document)
{
    for (size_t i = 0; i < api_endpoints_count(); i++) {
        const struct api_endpoint *endpoint = api_endpoint_at(i);

        ck_assert_msg(operation(endpoint->path, endpoint->method) < lines_count, "%s %s",
                      endpoint->method, endpoint->path);
    }
}
END_TEST

START_TEST(every_operation_is_in_the_table)
{
    size_t paths = section("paths:", 0, lines_count);
    char path[80] = "";
    char method[80];
    size_t operations = 0;

    for (size_t at = paths + 1; at < end_of(paths); at++) {
        if (is_key(lines[at], 2, path) || !is_key(lines[at], 4, method))
            continue;
        operations++;
        ck_assert_msg(operation(path, method) == at, "%s %s", method, path);
    }
    ck_assert_uint_eq(operations, api_endpoints_count());
}
END_TEST

/* "query" when the shared parameter is one. */
static bool is_query_parameter(const char *name)
{
    char line[80];
    struct text text = text_in(line, sizeof(line));
    size_t at = section("  parameters:", section("components:", 0, lines_count), lines_count);

    text_addf(&text, "    %s:", name);
    at = section(line, at, end_of(at));
    return find_line("      in: query", at, end_of(at)) < end_of(at);
}

/* The operation's query names, blank-separated. */
static void query_names(size_t at, char *out, size_t out_bytes)
{
    static const char reference[] = "        - $ref: \"#/components/parameters/";
    struct text text = text_in(out, out_bytes);
    size_t end = end_of(at);

    for (; at < end; at++) {
        char name[80];
        size_t bytes;

        if (strncmp(lines[at], reference, sizeof(reference) - 1) != 0)
            continue;
        bytes = strcspn(lines[at] + sizeof(reference) - 1, "\"");
        ck_assert(!text_copy_n(name, sizeof(name), lines[at] + sizeof(reference) - 1, bytes));
        if (is_query_parameter(name))
            text_addf(&text, "%s%s", text.bytes ? " " : "", name);
    }
}

START_TEST(query_names_are_the_same)
{
    for (size_t i = 0; i < api_endpoints_count(); i++) {
        const struct api_endpoint *endpoint = api_endpoint_at(i);
        char names[300];

        query_names(operation(endpoint->path, endpoint->method), names, sizeof(names));
        ck_assert_msg(strcmp(names, endpoint->query) == 0, "%s %s: \"%s\", not \"%s\"",
                      endpoint->method, endpoint->path, names, endpoint->query);
    }
}
END_TEST

START_TEST(a_shared_parameter_has_its_own_name)
{
    size_t parameters =
        section("  parameters:", section("components:", 0, lines_count), lines_count);
    char name[80];
    char line[100];

    for (size_t at = parameters + 1; at < end_of(parameters); at++) {
        struct text text = text_in(line, sizeof(line));

        if (!is_key(lines[at], 4, name) || !is_query_parameter(name))
            continue;
        text_addf(&text, "      name: %s", name);
        ck_assert_msg(find_line(line, at, end_of(at)) < end_of(at), "%s", name);
    }
}
END_TEST

/* --- order fields --- */

START_TEST(order_fields_are_the_same)
{
    size_t count;
    const struct field *fields = order_body_fields(&count);
    size_t end;
    size_t at = properties_of("NewOrder", &end);
    size_t documented = 0;
    char name[80];

    for (at++; at < end; at++) {
        size_t i = 0;

        if (!is_key(lines[at], 8, name))
            continue;
        documented++;
        while (i < count && strcmp(fields[i].name, name) != 0)
            i++;
        ck_assert_msg(i < count, "%s is documented and not known", name);
    }
    ck_assert_uint_eq(documented, count);
}
END_TEST

/* Bybit's spelling stands in the description of its field. */
START_TEST(aliases_are_documented)
{
    size_t count;
    const struct field *fields = order_body_fields(&count);
    size_t end;
    size_t start = properties_of("NewOrder", &end);

    for (size_t i = 0; i < count; i++) {
        char line[80];
        struct text text = text_in(line, sizeof(line));
        bool found = !fields[i].aliases[0] || strcmp(fields[i].name, "quote_qty") == 0;
        size_t at;

        text_addf(&text, "        %s:", fields[i].name);
        at = section(line, start, end);
        for (size_t inner = at; inner < end_of(at) && !found; inner++)
            found = strstr(lines[inner], fields[i].aliases[0]) != NULL;
        ck_assert_msg(found, "%s", fields[i].name);
    }
}
END_TEST

/* --- problem codes --- */

START_TEST(problem_codes_are_the_same)
{
    size_t end;
    size_t at = properties_of("Problem", &end);
    size_t documented = 0;

    at = section("          enum:", section("        code:", at, end), end);
    end = end_of(at);
    for (at++; at < end; at++) {
        ck_assert_mem_eq(lines[at], "            - ", 14);
        ck_assert_msg(api_problem_find(lines[at] + 14), "%s", lines[at] + 14);
        documented++;
    }
    ck_assert_uint_eq(documented, api_problems_count());
}
END_TEST

/* --- members of answers --- */

static void same_members(const char *schema, struct buffer *json)
{
    cJSON *object = cJSON_Parse(json->data);
    size_t end;
    size_t at = properties_of(schema, &end);
    int documented = 0;
    char name[80];

    ck_assert_ptr_nonnull(object);
    for (at++; at < end; at++) {
        if (!is_key(lines[at], 8, name))
            continue;
        documented++;
        ck_assert_msg(cJSON_HasObjectItem(object, name), "%s.%s is not answered", schema, name);
    }
    ck_assert_msg(documented == cJSON_GetArraySize(object), "%s: %d, not %d", schema, documented,
                  cJSON_GetArraySize(object));
    cJSON_Delete(object);
    buffer_deinit(json);
}

START_TEST(members_are_the_same)
{
    struct buffer out = buffer_of(API_BODY_MAX);
    const struct order order = { 0 };
    const struct fill fill = { 0 };
    const struct instrument instrument = { 0 };
    const struct ticker ticker = { 0 };
    const struct market_book book = { 0 };
    const struct api_problem_more more = {
        .outcome = "not_sent", .ret_code = 1, .ret_msg = "", .client_id = "x"
    };

    api_add_order(&out, &order, "sent");
    same_members("Order", &out);
    api_add_fill(&out, &fill);
    same_members("Fill", &out);
    api_add_symbol(&out, &instrument);
    same_members("Symbol", &out);
    api_add_ticker(&out, &ticker, 1, "rest");
    same_members("Ticker", &out);
    api_add_book(&out, CATEGORY_SPOT, "X", &book, NULL, NULL, "rest");
    same_members("Book", &out);
    api_problem_body(&out, "not_sent", "", "r", &more);
    same_members("Problem", &out);
}
END_TEST

/* --- users of codes --- */

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1024 * 1024);

    ck_assert(file && text);
    ck_assert_uint_gt(fread(text, 1, 1024 * 1024 - 1, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    return text;
}

/* Whether a source file of the folder, but for the table itself, has the code as a literal. */
static bool is_used_in(const char *pattern, const char *code)
{
    char literal[64];
    struct text text = text_in(literal, sizeof(literal));
    glob_t found;
    bool used = false;

    text_addf(&text, "\"%s\"", code);
    if (glob(pattern, 0, NULL, &found))
        return false;
    for (size_t i = 0; i < found.gl_pathc && !used; i++) {
        char *source = strstr(found.gl_pathv[i], "/errors.c") ? NULL : read_file(found.gl_pathv[i]);

        used = source && strstr(source, literal);
        free(source);
    }
    globfree(&found);
    return used;
}

START_TEST(every_code_has_a_user)
{
    /* The gate's codes for what is not built yet. */
    static const char *const planned[] = { "token_required", "wrong_role",       "read_only",
                                           "forbidden_user", "too_many_streams", "invalid_topic" };

    for (size_t i = 0; i < api_problems_count(); i++) {
        const char *code = api_problem_at(i)->code;
        bool used =
            is_used_in(SOURCE_ROOT "/api/*.c", code) || is_used_in(SOURCE_ROOT "/server/*.c", code);

        for (size_t j = 0; j < ARRAY_LEN(planned) && !used; j++)
            used = strcmp(planned[j], code) == 0;
        ck_assert_msg(used, "%s", code);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("openapi");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, load, unload);
    tcase_add_test(tcase, every_row_is_in_the_document);
    tcase_add_test(tcase, every_operation_is_in_the_table);
    tcase_add_test(tcase, query_names_are_the_same);
    tcase_add_test(tcase, a_shared_parameter_has_its_own_name);
    tcase_add_test(tcase, order_fields_are_the_same);
    tcase_add_test(tcase, aliases_are_documented);
    tcase_add_test(tcase, problem_codes_are_the_same);
    tcase_add_test(tcase, members_are_the_same);
    tcase_add_test(tcase, every_code_has_a_user);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
