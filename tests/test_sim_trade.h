/* tests/test_sim_trade.h - for tests that trade at the started exchange: requests written with
 * single quotes, answers read by path. Included once by each program that uses it.
 */
#pragma once

#include <stdarg.h>

#include "test_sim_client.h"

static cJSON *last_json; /* the newest answer or frame */

static UNUSED void keep(cJSON *json)
{
    cJSON_Delete(last_json);
    last_json = json;
}

/* JSON with ' for ". */
static UNUSED const char *json_of(char *out, size_t bytes, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
static UNUSED const char *json_of(char *out, size_t bytes, const char *format, va_list arguments)
{
    int used = vsnprintf(out, bytes, format, arguments);

    ck_assert(used >= 0 && (size_t)used < bytes);
    for (char *at = out; *at; at++) {
        if (*at == '\'')
            *at = '"';
    }
    return out;
}

/* The retCode of a POST; the answer is kept. */
static UNUSED int post(const char *path, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static UNUSED int post(const char *path, const char *format, ...)
{
    static char body[8192];
    va_list arguments;

    va_start(arguments, format);
    (void)json_of(body, sizeof(body), format, arguments);
    va_end(arguments);
    keep(ask_json("POST", path, "", body));
    return cJSON_GetObjectItem(last_json, "retCode")->valueint;
}

/* A member of what is kept, by a path of names and numbers with points between. NULL: not there. */
static UNUSED const cJSON *at(const char *path)
{
    const cJSON *item = last_json;
    char part[64];

    while (item && *path) {
        size_t bytes = strcspn(path, ".");

        (void)snprintf(part, sizeof(part), "%.*s", (int)bytes, path);
        item = cJSON_IsArray(item) ? cJSON_GetArrayItem(item, (int)strtol(part, NULL, 10))
                                   : cJSON_GetObjectItemCaseSensitive(item, part);
        path += bytes + (path[bytes] == '.');
    }
    return item;
}

/* "": it is not a text. */
static UNUSED const char *text_at(const char *path)
{
    const char *text = cJSON_GetStringValue(at(path));

    return text ? text : "";
}

static UNUSED int int_at(const char *path)
{
    const cJSON *item = at(path);

    return cJSON_IsNumber(item) ? item->valueint : -1;
}

/* Rows of a list that is asked for and kept. */
static UNUSED int rows(const char *path, const char *query)
{
    keep(ask_json("GET", path, query, ""));
    ck_assert_msg(int_at("retCode") == 0, "%s?%s: %s", path, query, text_at("retMsg"));
    return cJSON_GetArraySize(at("result.list"));
}

/* Keeps a list and gives a member of the order with the link. */
static UNUSED const char *order_member(const char *category, const char *link, const char *name)
{
    char text[160];

    (void)snprintf(text, sizeof(text), "category=%s&orderLinkId=%s%s", category, link,
                   strcmp(category, "linear") == 0 ? "&settleCoin=USDT" : "");
    ck_assert_msg(rows("/v5/order/realtime", text) == 1, "%s", text);
    (void)snprintf(text, sizeof(text), "result.list.0.%s", name);
    return text_at(text);
}

static UNUSED const char *status_of(const char *link)
{
    return order_member("linear", link, "orderStatus");
}

static UNUSED void jump(const char *symbol, const char *price)
{
    char body[128];

    (void)snprintf(body, sizeof(body), "{\"symbol\":\"%s\",\"price\":\"%s\"}", symbol, price);
    control("/sim/price", body);
}

static UNUSED void accept_order(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A create of linear BTCUSDT that must be accepted; the braces are put around. */
static UNUSED void accept_order(const char *format, ...)
{
    static char inner[1024];
    va_list arguments;
    int code;

    va_start(arguments, format);
    (void)json_of(inner, sizeof(inner), format, arguments);
    va_end(arguments);
    code = post("/v5/order/create", "{'category':'linear','symbol':'BTCUSDT',%s}", inner);
    ck_assert_msg(code == 0, "%s: %d %s", inner, code, text_at("retMsg"));
}

/* --- the private stream --- */

static UNUSED int listen_to(const char *topic)
{
    int descriptor = dial_private();
    char frame[128];

    (void)snprintf(frame, sizeof(frame), "{\"op\":\"subscribe\",\"args\":[\"%s\"]}", topic);
    send_frame(descriptor, frame);
    ck_assert(read_frame(descriptor));
    return descriptor;
}

static cJSON *waiting_rows; /* of a frame that were not looked at yet */

/* The next order that the stream tells of; the caller frees it. NULL: it is silent. */
static UNUSED cJSON *next_order(int descriptor)
{
    while (cJSON_GetArraySize(waiting_rows) == 0) {
        cJSON *frame;

        if (!read_frame(descriptor))
            return NULL;
        frame = cJSON_Parse(answer);
        cJSON_Delete(waiting_rows);
        waiting_rows = cJSON_DetachItemFromObject(frame, "data");
        cJSON_Delete(frame);
    }
    return cJSON_DetachItemFromArray(waiting_rows, 0);
}

static UNUSED bool has_text(const cJSON *item, const char *name, const char *value)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(item, name));

    return text && strcmp(text, value) == 0;
}

/* Reads orders until one has the text and the status; it is left in what is kept, as the only
 * member `found`. Fails when the stream falls silent. */
static UNUSED void await_order(int descriptor, const char *name, const char *value,
                               const char *status)
{
    cJSON *item;

    while ((item = next_order(descriptor))) {
        if (has_text(item, name, value) && has_text(item, "orderStatus", status)) {
            keep(cJSON_CreateObject());
            (void)cJSON_AddItemToObject(last_json, "found", item);
            return;
        }
        cJSON_Delete(item);
    }
    ck_abort_msg("no %s of %s %s", status, name, value);
}

static UNUSED void teardown_trade(void)
{
    keep(NULL);
    cJSON_Delete(waiting_rows);
    waiting_rows = NULL;
    teardown();
}

/* --- running --- */

struct trade_test {
    const TTest *test;
    int cases; /* of a loop, 0: none */
};

static UNUSED int run_trade_tests_with(const char *name, void (*before)(void),
                                       const struct trade_test *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, before, teardown_trade);
    tcase_set_timeout(tcase, 60);
    for (size_t i = 0; i < count; i++)
        tcase_add_loop_test(tcase, tests[i].test, 0, tests[i].cases ? tests[i].cases : 1);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}

static UNUSED int run_trade_tests(const char *name, const struct trade_test *tests, size_t count)
{
    return run_trade_tests_with(name, setup, tests, count);
}
