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

/* The members, and their order, which is that of a CSV's columns. Events have `dropped` only when
 * something was left out. */
static void same_members(const char *schema, struct buffer *json)
{
    cJSON *object = cJSON_Parse(json->data);
    const cJSON *member;
    size_t end;
    size_t at = properties_of(schema, &end);
    char name[80];

    ck_assert_ptr_nonnull(object);
    member = object->child;
    for (at++; at < end; at++) {
        if (!is_key(lines[at], 8, name) || strcmp(name, "dropped") == 0)
            continue;
        ck_assert_msg(member, "%s.%s is not answered", schema, name);
        ck_assert_msg(strcmp(member->string, name) == 0, "%s.%s is documented, %s answered", schema,
                      name, member->string);
        member = member->next;
    }
    ck_assert_msg(!member, "%s.%s is not documented", schema, member ? member->string : "");
    cJSON_Delete(object);
    buffer_deinit(json);
}

START_TEST(members_of_orders)
{
    struct buffer out = buffer_of(API_BODY_MAX);
    const struct order order = { 0 };
    const struct fill fill = { 0 };
    const struct api_problem_more more = {
        .outcome = "not_sent", .ret_code = 1, .ret_msg = "", .client_id = "x"
    };

    api_add_order(&out, &order, "sent");
    same_members("Order", &out);
    api_event_order(&out, &order);
    same_members("EventOrder", &out);
    api_add_fill(&out, &fill);
    same_members("Fill", &out);
    api_event_fill(&out, &fill);
    same_members("EventFill", &out);
    api_problem_body(&out, "not_sent", "", "r", &more);
    same_members("Problem", &out);
}
END_TEST

START_TEST(members_of_books_and_tickers)
{
    struct buffer out = buffer_of(API_BODY_MAX);
    const struct instrument instrument = { 0 };
    const struct ticker ticker = { 0 };
    const struct market_book book = { 0 };

    api_add_symbol(&out, &instrument);
    same_members("Symbol", &out);
    api_add_ticker(&out, &ticker, 1, "rest");
    same_members("Ticker", &out);
    api_add_ticker(&out, &ticker, 1, NULL);
    same_members("TickerRow", &out);
    api_event_ticker(&out, &ticker, 1);
    same_members("EventTicker", &out);
    api_add_book(&out, CATEGORY_SPOT, "X", &book, NULL, NULL, "rest");
    same_members("Book", &out);
    api_event_book_snapshot(&out, CATEGORY_SPOT, "X", &book, NULL, NULL);
    same_members("EventBook", &out);
    api_event_status(&out, LINK_PRIVATE, LINK_CONNECTED, 1);
    same_members("EventStatus", &out);
}
END_TEST

START_TEST(members_of_series)
{
    struct buffer out = buffer_of(API_BODY_MAX);
    const struct public_trade trade = { 0 };
    const struct candle candle = { 0 };
    const struct funding_rate funding = { 0 };
    const struct open_interest interest = { 0 };

    api_add_trade(&out, &trade);
    same_members("Trade", &out);
    api_event_trade(&out, &trade, 1);
    same_members("EventTrade", &out);
    api_add_candle(&out, &candle);
    same_members("Candle", &out);
    api_event_candle(&out, &candle, 1);
    same_members("EventCandle", &out);
    api_add_funding(&out, &funding);
    same_members("FundingRate", &out);
    api_add_open_interest(&out, &interest);
    same_members("OpenInterest", &out);
}
END_TEST

START_TEST(members_of_accounts)
{
    struct buffer out = buffer_of(API_BODY_MAX);
    const struct position position = { 0 };
    const struct coin_balance coin = { 0 };
    const struct balance balance = { 0 };

    api_add_position(&out, &position);
    same_members("PositionRow", &out);
    api_add_position_age(&out, &position, 1, "rest");
    same_members("Position", &out);
    api_event_position(&out, &position, 1);
    same_members("EventPosition", &out);
    api_add_coin(&out, &coin, 0, NULL);
    same_members("Coin", &out);
    api_add_coin(&out, &coin, 1, "rest");
    same_members("CoinBalance", &out);
    api_add_balance(&out, &balance, 0, NULL);
    same_members("BalanceState", &out);
    api_add_balance(&out, &balance, 1, "rest");
    same_members("Balance", &out);
    api_event_balance(&out, &balance, 1, 1);
    same_members("EventBalance", &out);
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
    static const char *const unused[] = { "invalid_topic" }; /* a wrong topic is invalid_value */

    for (size_t i = 0; i < api_problems_count(); i++) {
        const char *code = api_problem_at(i)->code;
        bool used =
            is_used_in(SOURCE_ROOT "/api/*.c", code) || is_used_in(SOURCE_ROOT "/server/*.c", code);

        for (size_t j = 0; j < ARRAY_LEN(unused) && !used; j++)
            used = strcmp(unused[j], code) == 0;
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
    tcase_add_test(tcase, the_json_is_the_same_document);
    tcase_add_test(tcase, order_fields_are_the_same);
    tcase_add_test(tcase, aliases_are_documented);
    tcase_add_test(tcase, problem_codes_are_the_same);
    tcase_add_test(tcase, members_of_orders);
    tcase_add_test(tcase, members_of_books_and_tickers);
    tcase_add_test(tcase, members_of_series);
    tcase_add_test(tcase, members_of_accounts);
    tcase_add_test(tcase, every_code_has_a_user);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
