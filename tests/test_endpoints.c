#include <string.h>

#include <check.h>

#include "api/endpoints.h"

static const struct {
    const char *method;
    const char *path;
    const char *found; /* the row's path; NULL: none */
    const char *param;
    bool known;
    const char *allow;
} cases[] = {
    { "GET", "/", "/", "", true, "" },
    { "GET", "/orders", "/orders", "", true, "" },
    { "POST", "/orders", "/orders", "", true, "" },
    { "DELETE", "/orders", "/orders", "", true, "" },
    { "GET", "/orders/my-1", "/orders/{id}", "my-1", true, "" },
    { "HEAD", "/orders/my-1", "/orders/{id}", "my-1", true, "" },
    { "GET", "/ticker/spot:BTCUSDT", "/ticker/{symbol}", "spot:BTCUSDT", true, "" },
    { "GET", "/stream", "/stream", "", true, "" },
    { "PATCH", "/guard", "/guard", "", true, "" },
    { "HEAD", "/guard", "/guard", "", true, "" },
    { "POST", "/guard/kill", "/guard/kill", "", true, "" },
    { "GET", "/guard/kill", NULL, "", true, "POST" },
    { "POST", "/guard", NULL, "", true, "GET, HEAD, PATCH" },
    { "POST", "/guard/arm", "/guard/arm", "", true, "" },
    { "DELETE", "/guard/arm", NULL, "", true, "POST" },
    { "PATCH", "/orders", NULL, "", true, "POST, GET, HEAD, DELETE" },
    { "POST", "/orders/my-1", NULL, "", true, "GET, HEAD, PATCH, DELETE" },
    { "POST", "/ticker/X", NULL, "", true, "GET, HEAD" },
    { "PUT", "/positions/BTCUSDT", "/positions/{symbol}", "BTCUSDT", true, "" },
    { "POST", "/positions/BTCUSDT", NULL, "", true, "GET, HEAD, PUT, PATCH, DELETE" },
    { "get", "/orders", NULL, "", true, "POST, GET, HEAD, DELETE" },
    { "GET", "/orders/", NULL, "", false, "" },
    { "GET", "/orders/a/b", NULL, "", false, "" },
    { "GET", "/orders/a/timeline", "/orders/{id}/timeline", "a", true, "" },
    { "GET", "/orders/timeline/timeline", "/orders/{id}/timeline", "timeline", true, "" },
    { "GET", "/orders/a/timeline.csv", "/orders/{id}/timeline", "a", true, "" },
    { "GET", "/orders/a.csv/timeline", "/orders/{id}/timeline", "a.csv", true, "" },
    { "POST", "/orders/a/timeline", NULL, "", true, "GET, HEAD" },
    { "GET", "/orders//timeline", NULL, "", false, "" },
    { "GET", "/orders/a/b/timeline", NULL, "", false, "" },
    { "GET", "/orders/a/timeline/", NULL, "", false, "" },
    { "GET", "/orders/a/timelines", NULL, "", false, "" },
    { "GET", "/ticker", NULL, "", false, "" },
    { "GET", "/Orders", NULL, "", false, "" },
    { "GET", "/orders.csv", "/orders", "", true, "" },
    { "GET", "/orders.json", "/orders", "", true, "" },
    { "GET", "/orders.ndjson", "/orders", "", true, "" },
    { "GET", "/orders.xml", NULL, "", false, "" },
    { "GET", "/orders.", NULL, "", false, "" },
    { "GET", "/candles/spot:BTCUSDT.csv", "/candles/{symbol}", "spot:BTCUSDT", true, "" },
    { "GET", "/candles/.csv", "/candles/{symbol}", ".csv", true, "" },
    { "GET", "/ticker/BTCUSDT.csv", "/ticker/{symbol}", "BTCUSDT.csv", true, "" },
    { "POST", "/fills.csv", NULL, "", true, "GET, HEAD" },
    { "GET", "/livez.json", NULL, "", false, "" },
    { "GET", "/openapi.json", "/openapi.json", "", true, "" },
    { "GET", "", NULL, "", false, "" },
    { "GET", "/v5/order/create", NULL, "", false, "" },
};

START_TEST(a_path_finds_its_row)
{
    char param[API_PARAM_MAX] = "?";
    char allow[64] = "?";
    bool known = false;
    const char *suffix = NULL;
    const struct api_endpoint *found =
        api_find(cases[_i].method, cases[_i].path, param, &known, allow, &suffix);

    ck_assert_int_eq(found != NULL, cases[_i].found != NULL);
    ck_assert_int_eq(known, cases[_i].known);
    if (found)
        ck_assert_str_eq(found->path, cases[_i].found);
    else
        ck_assert_str_eq(allow, cases[_i].allow);
    ck_assert_str_eq(param, cases[_i].param);
}
END_TEST

START_TEST(a_param_that_is_too_long_is_no_path)
{
    char path[API_PARAM_MAX + 20] = "/orders/";
    char param[API_PARAM_MAX];
    char allow[64];
    bool known;
    const char *suffix;

    memset(path + 8, 'a', API_PARAM_MAX);
    ck_assert_ptr_null(api_find("GET", path, param, &known, allow, &suffix));
    path[8 + API_PARAM_MAX - 1] = '\0';
    ck_assert_ptr_nonnull(api_find("GET", path, param, &known, allow, &suffix));
    ck_assert_uint_eq(strlen(param), API_PARAM_MAX - 1);
}
END_TEST

static const struct api_endpoint *row(const char *method, const char *path)
{
    char param[API_PARAM_MAX];
    char allow[64];
    bool known;
    const char *suffix;

    return api_find(method, path, param, &known, allow, &suffix);
}

START_TEST(an_unknown_query_name_gets_the_nearest_one)
{
    const char *nearest = "?";

    ck_assert(api_query_known(row("GET", "/ticker/X"), "max_age", &nearest));
    ck_assert(!api_query_known(row("GET", "/ticker/X"), "maxage", &nearest));
    ck_assert_str_eq(nearest, "max_age");
    ck_assert(!api_query_known(row("GET", "/ticker/X"), "depth", &nearest));
    ck_assert_ptr_null(nearest);
    ck_assert(!api_query_known(row("GET", "/livez"), "x", &nearest));
    ck_assert_ptr_null(nearest);
    ck_assert(!api_query_known(row("GET", "/orders"), "", &nearest));
}
END_TEST

/* Each name of each row can be named as nearest: no name is missing in the list of static texts. */
START_TEST(every_query_name_can_be_suggested)
{
    for (size_t i = 0; i < api_endpoints_count(); i++) {
        const struct api_endpoint *endpoint = api_endpoint_at(i);
        const char *at = endpoint->query;

        while (*at) {
            size_t bytes = strcspn(at, " ");
            char name[40];
            const char *nearest;

            memcpy(name, at, bytes);
            memcpy(name + bytes, "", 1);
            ck_assert(api_query_known(endpoint, name, &nearest));
            if (bytes > 2) { /* of shorter words nothing may differ */
                memcpy(name + bytes, "x", 2);
                ck_assert(!api_query_known(endpoint, name, &nearest));
                ck_assert_ptr_nonnull(nearest);
            }
            at += bytes + strspn(at + bytes, " ");
        }
    }
}
END_TEST

/* Who may trade may stop trading; limits and the end of a kill are the administrator's. */
START_TEST(the_guard_has_its_roles)
{
    ck_assert_int_eq(row("GET", "/guard")->access, ACCESS_READ);
    ck_assert_int_eq(row("POST", "/guard/kill")->access, ACCESS_TRADE);
    ck_assert_int_eq(row("PATCH", "/guard")->access, ACCESS_ADMIN);
    ck_assert_int_eq(row("POST", "/guard/arm")->access, ACCESS_ADMIN);
}
END_TEST

START_TEST(rows_are_whole)
{
    size_t streams = 0;

    for (size_t i = 0; i < api_endpoints_count(); i++) {
        const struct api_endpoint *endpoint = api_endpoint_at(i);
        bool reads = strcmp(endpoint->method, "GET") == 0;

        bool stream = endpoint->flags & IS_STREAM;
        bool login = endpoint->flags & IS_LOGIN;

        ck_assert_int_eq(endpoint->handle == NULL, stream || login);
        ck_assert_int_eq(endpoint->access == ACCESS_READ, reads || login);
        ck_assert_int_eq((endpoint->flags & TAKES_BODY) != 0,
                         strcmp(endpoint->method, "POST") == 0 ||
                             strcmp(endpoint->method, "PUT") == 0 ||
                             strcmp(endpoint->method, "PATCH") == 0);
        ck_assert(!(endpoint->flags & IS_LIST) || reads);
        streams += stream;
    }
    ck_assert_uint_eq(streams, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("endpoints");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_loop_test(tcase, a_path_finds_its_row, 0, (int)ARRAY_LEN(cases));
    tcase_add_test(tcase, a_param_that_is_too_long_is_no_path);
    tcase_add_test(tcase, an_unknown_query_name_gets_the_nearest_one);
    tcase_add_test(tcase, every_query_name_can_be_suggested);
    tcase_add_test(tcase, the_guard_has_its_roles);
    tcase_add_test(tcase, rows_are_whole);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
