/* openapi.yaml against the tables, both ways: paths, methods, query names, problem codes. */
#include <glob.h>

#include <cjson/cJSON.h>

#include "api/endpoints.h"
#include "api/errors.h"
#include "test_openapi_kit.h"

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

/* The name that the shared parameter has in a query; false: it is none of a query. */
static bool query_name_of(const char *parameter, char name[80])
{
    static const char begin[] = "      name: ";
    char line[80];
    struct text text = text_in(line, sizeof(line));
    size_t at = section("  parameters:", section("components:", 0, lines_count), lines_count);
    size_t end;

    text_addf(&text, "    %s:", parameter);
    at = section(line, at, end_of(at));
    end = end_of(at);
    if (find_line("      in: query", at, end) == end)
        return false;
    while (at < end && strncmp(lines[at], begin, sizeof(begin) - 1) != 0)
        at++;
    ck_assert_msg(at < end, "%s has no name", parameter);
    return text_copy(name, 80, lines[at] + sizeof(begin) - 1) == ERR_NONE;
}

/* The operation's query names, blank-separated. */
static void query_names(size_t at, char *out, size_t out_bytes)
{
    static const char reference[] = "        - $ref: \"#/components/parameters/";
    struct text text = text_in(out, out_bytes);
    size_t end = end_of(at);

    for (; at < end; at++) {
        char parameter[80];
        char name[80];
        size_t bytes;

        if (strncmp(lines[at], reference, sizeof(reference) - 1) != 0)
            continue;
        bytes = strcspn(lines[at] + sizeof(reference) - 1, "\"");
        ck_assert(
            !text_copy_n(parameter, sizeof(parameter), lines[at] + sizeof(reference) - 1, bytes));
        if (query_name_of(parameter, name))
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

/* One name can mean several things: limit, limit_events. */
START_TEST(a_shared_parameter_begins_with_its_name)
{
    size_t parameters =
        section("  parameters:", section("components:", 0, lines_count), lines_count);
    char parameter[80];
    char name[80];

    for (size_t at = parameters + 1; at < end_of(parameters); at++) {
        if (!is_key(lines[at], 4, parameter) || !query_name_of(parameter, name))
            continue;
        ck_assert_msg(strncmp(parameter, name, strlen(name)) == 0, "%s", parameter);
    }
}
END_TEST

static bool has_line(size_t at, const char *line)
{
    return find_line(line, at, end_of(at)) < end_of(at);
}

static bool says(size_t at, const char *words)
{
    for (size_t end = end_of(at); at < end; at++) {
        if (strstr(lines[at], words))
            return true;
    }
    return false;
}

/* Lists have three forms; what a token is not needed for; which role is needed. POST /logout takes
 * a body and needs none. */
START_TEST(what_the_table_says_of_an_endpoint_is_told)
{
    for (size_t i = 0; i < api_endpoints_count(); i++) {
        const struct api_endpoint *endpoint = api_endpoint_at(i);
        size_t at = operation(endpoint->path, endpoint->method);
        bool list = has_line(at, "            text/csv:");

        ck_assert_msg(list == !!(endpoint->flags & IS_LIST), "%s", endpoint->path);
        ck_assert(!list || has_line(at, "            application/x-ndjson:"));
        ck_assert_msg(has_line(at, "            text/event-stream:") ==
                          !!(endpoint->flags & IS_STREAM),
                      "%s", endpoint->path);
        ck_assert_msg(has_line(at, "      security: []") == !!(endpoint->flags & NO_TOKEN), "%s",
                      endpoint->path);
        ck_assert_msg(!has_line(at, "      requestBody:") || endpoint->flags & TAKES_BODY, "%s",
                      endpoint->path);
        ck_assert_msg(says(at, "Role trade.") == (endpoint->access == ACCESS_TRADE), "%s %s",
                      endpoint->method, endpoint->path);
        ck_assert_msg(says(at, "Role admin.") == (endpoint->access == ACCESS_ADMIN), "%s %s",
                      endpoint->method, endpoint->path);
    }
}
END_TEST

/* The JSON is the YAML: the same paths, in the same order. */
START_TEST(the_json_is_the_same_document)
{
    cJSON *json = cJSON_ParseWithLength((const char *)api_openapi_json, api_openapi_json_bytes);
    const cJSON *paths = cJSON_GetObjectItemCaseSensitive(json, "paths");
    const cJSON *path = cJSON_GetArrayItem(paths, 0);
    size_t at = section("paths:", 0, lines_count);
    size_t end = end_of(at);
    char name[80];

    ck_assert_ptr_nonnull(json);
    for (at++; at < end; at++) {
        if (!is_key(lines[at], 2, name))
            continue;
        ck_assert(path && strcmp(path->string, name) == 0);
        path = path->next;
    }
    ck_assert_ptr_null(path);
    cJSON_Delete(json);
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
    for (size_t i = 0; i < api_problems_count(); i++) {
        const char *code = api_problem_at(i)->code;
        bool used =
            is_used_in(SOURCE_ROOT "/api/*.c", code) || is_used_in(SOURCE_ROOT "/server/*.c", code);

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
    tcase_add_test(tcase, a_shared_parameter_begins_with_its_name);
    tcase_add_test(tcase, what_the_table_says_of_an_endpoint_is_told);
    tcase_add_test(tcase, the_json_is_the_same_document);
    tcase_add_test(tcase, problem_codes_are_the_same);
    tcase_add_test(tcase, every_code_has_a_user);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
