/* The gate's rules about roles: tokens and sessions, --read-only, and the exchange's own paths. */
#include <stdio.h>

#include "api/native_paths.h"
#include "tests/test_gate_kit.h"

#define READ_TOKEN  "read-token-0123456789"
#define TRADE_TOKEN "trade-token-0123456789"
#define ADMIN_TOKEN "admin-token-0123456789"
#define READ        H "Authorization: Bearer " READ_TOKEN "\n"
#define TRADE       H "Authorization: Bearer " TRADE_TOKEN "\n"
#define ADMIN       H "Authorization: Bearer " ADMIN_TOKEN "\n"

#define LONG_JSON "Content-Type: application/json\nContent-Length: "

static struct auth *auth;

static void with_tokens(void)
{
    const struct auth_tokens tokens = { READ_TOKEN, TRADE_TOKEN, ADMIN_TOKEN };

    auth = auth_create(&tokens);
    ck_assert_ptr_nonnull(auth);
    config.auth = auth;
}

static void without_tokens(void)
{
    config.auth = NULL;
    auth_destroy(auth);
    auth = NULL;
}

static const struct ask g13_tokens_rows[] = {
    { "GET", "/orders", H, 401, "token_required" },
    { "GET", "/orders", READ, 0, NULL },
    { "GET", "/orders", TRADE, 0, NULL },
    { "GET", "/orders", ADMIN, 0, NULL },
    { "GET", "/orders", H "authorization: bEARER  " READ_TOKEN "\t \n", 0, NULL },
    { "GET", "/orders", H "X-Api-Key: " READ_TOKEN "\n", 0, NULL },
    { "GET", "/orders", READ "X-Api-Key: " READ_TOKEN "\n", 0, NULL },
    { "GET", "/orders", READ "X-Api-Key: " TRADE_TOKEN "\n", 400, "bad_request" },
    { "GET", "/orders", READ "X-Api-Key: \n", 400, "bad_request" },
    { "GET", "/orders", READ "Authorization: Bearer " READ_TOKEN "\n", 400, "bad_request" },
    { "GET", "/orders", H "X-Api-Key: \n", 401, "token_required" },
    { "GET", "/orders", H "X-Api-Key: wrong-token-0123456789\n", 401, "token_required" },
    { "GET", "/orders", H "X-Api-Key: " READ_TOKEN "x\n", 401, "token_required" },
    { "GET", "/orders", H "X-Api-Key: read-token-012345678\n", 401, "token_required" },
    { "GET", "/orders", H "Authorization: Bearer\n", 401, "token_required" },
    { "GET", "/orders", H "Authorization: Bearer \n", 401, "token_required" },
    { "GET", "/orders", H "Authorization: Bearer" READ_TOKEN "\n", 401, "token_required" },
    { "GET", "/orders", H "Authorization: Basic " READ_TOKEN "\n", 401, "token_required" },
    { "GET", "/orders", H "Authorization: " READ_TOKEN "\n", 401, "token_required" },
    { "GET", "/orders?token=" READ_TOKEN, H, 401, "token_required" },
    { "GET", "/stream?topics=orders", H, 401, "token_required" },
    { "GET", "/readyz", H, 401, "token_required" },
    { "GET", "/nothing", H, 401, "token_required" },
    { "GET", "/nothing", READ, 404, "not_found" },
    { "PUT", "/orders", H, 401, "token_required" },
    { "GET", "/v5/market/time", H, 401, "token_required" },
    { "POST", "/v5/asset/withdraw/create", H JSON, 401, "token_required" },
    { "POST", "/orders", H JSON, 401, "token_required" },
    { "POST", "/orders", READ JSON, 403, "wrong_role" },
    { "POST", "/orders", TRADE JSON, 0, NULL },
    { "POST", "/orders", ADMIN JSON, 0, NULL },
    { "DELETE", "/orders?all=true", READ, 403, "wrong_role" },
    { "DELETE", "/orders?all=true", TRADE, 0, NULL },
    /* What needs none. */
    { "GET", "/livez", H, 0, NULL },
    { "GET", "/livez", H "X-Api-Key: wrong\n", 0, NULL },
    { "GET", "/", H, 0, NULL },
    { "GET", "/assets/app.js", H, 0, NULL },
    { "POST", "/login", H JSON, 0, NULL },
    { "POST", "/logout", H, 0, NULL },
    { "POST", "/login", H LONG_JSON "4096\n", 0, NULL },
    { "POST", "/login", H LONG_JSON "4097\n", 413, "body_too_large" },
    { "POST", "/logout", H LONG_JSON "65536\n", 413, "body_too_large" },
    { "GET", "/login", H, 401, "token_required" },
    /* The gate's other rules hold for who has a token too. */
    { "GET", "/orders", "Host: evil.example\nX-Api-Key: " ADMIN_TOKEN "\n", 421, "misdirected" },
    { "GET", "/orders", ADMIN EVIL, 403, "forbidden_origin" },
    { "POST", "/orders", ADMIN JSON OWN, 403, "forbidden_origin" },
};
TABLE_TEST(g13_tokens)

START_TEST(g13_only_a_wrong_token_is_a_failure)
{
    struct gate_verdict verdict;
    struct ask ask = { "GET", "/orders", H, 401, NULL };

    judge(&ask, &verdict);
    ck_assert(!verdict.wrong_token);
    ask.headers = H "X-Api-Key: wrong-token-0123456789\n";
    judge(&ask, &verdict);
    ck_assert(verdict.wrong_token);
    ck_assert_ptr_null(strstr(verdict.detail, "wrong-token"));
    ask.headers = READ;
    judge(&ask, &verdict);
    ck_assert(!verdict.wrong_token);
}
END_TEST

static const struct {
    const char *headers;
    int status;
} cookies[] = {
    { OWN, 0 },
    { OWN SITE "same-origin\n", 0 },
    { SITE "same-origin\n", 0 },
    { "", 0 },
    { SITE "none\n", 0 },
    { "Origin: http://localhost:3000\n", 401 },
    { "Origin: http://localhost:3000\n" SITE "same-site\n", 401 },
    { "Origin: http://localhost:3000\n" SITE "same-origin\n", 401 },
    { EVIL, 403 },
    { EVIL SITE "same-origin\n", 403 },
};

START_TEST(g13_a_cookie_without_a_browser_mark_only_reads)
{
    char id[AUTH_SESSION_TEXT];
    char headers[512];
    struct ask ask = { "GET", "/orders", headers, 0, NULL };
    struct gate_verdict verdict;

    ck_assert_int_eq(auth_login(auth, ACCESS_ADMIN, 1000, id), ERR_NONE);
    (void)snprintf(headers, sizeof(headers), "%sCookie: bridge_session=%s\n", H, id);
    judge(&ask, &verdict);
    ck_assert_int_eq(verdict.status, 0);
    ck_assert_int_eq(verdict.ceiling, ACCESS_READ);
    ask.method = "DELETE";
    ask.target = "/orders?all=true";
    ask.status = 401;
    expect(&ask);
}
END_TEST

START_TEST(g13_a_cookie_counts_from_our_own_pages_and_for_unmarked_reads)
{
    static const struct {
        const char *before, *behind;
    } others[] = { { "", "" }, { "a=b; ", "" }, { "a;", "; c=d" } };
    char id[AUTH_SESSION_TEXT];
    char headers[512];
    struct ask ask = { "GET", "/orders", headers, cookies[_i].status, NULL };

    ck_assert_int_eq(auth_login(auth, ACCESS_READ, 1000, id), ERR_NONE);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        (void)snprintf(headers, sizeof(headers), "%sCookie: %sbridge_session=%s%s\n%s", H,
                       others[i].before, id, others[i].behind, cookies[_i].headers);
        expect(&ask);
    }
    (void)snprintf(headers, sizeof(headers), "%sCookie: xbridge_session=%s\n%s", H, id, OWN);
    ask.status = 401;
    expect(&ask);
    (void)snprintf(headers, sizeof(headers), "%sCookie: bridge_session=%.63s\n%s", H, id, OWN);
    expect(&ask);
}
END_TEST

/* The least of what the origin, the token and --read-only allow. */
START_TEST(g12_g13_the_role_is_the_least_of_all)
{
    static const struct {
        enum api_access session;
        bool dashboard, read_only;
        const char *method;
        int status;
        const char *code;
        enum api_access role;
    } cases[] = {
        { ACCESS_READ, false, false, "GET", 0, NULL, ACCESS_READ },
        { ACCESS_ADMIN, false, false, "GET", 0, NULL, ACCESS_READ },
        { ACCESS_ADMIN, true, false, "GET", 0, NULL, ACCESS_ADMIN },
        { ACCESS_TRADE, true, false, "GET", 0, NULL, ACCESS_TRADE },
        { ACCESS_TRADE, true, true, "GET", 0, NULL, ACCESS_READ },
        { ACCESS_TRADE, true, false, "DELETE", 0, NULL, ACCESS_TRADE },
        { ACCESS_TRADE, false, false, "DELETE", 403, "forbidden_origin", 0 },
        { ACCESS_READ, true, false, "DELETE", 403, "wrong_role", 0 },
        { ACCESS_TRADE, true, true, "DELETE", 403, "read_only", 0 },
    };
    char id[AUTH_SESSION_TEXT];
    char headers[512];
    struct gate_verdict verdict;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ask ask = { cases[i].method, "/orders?symbol=BTCUSDT", headers, cases[i].status,
                           cases[i].code };

        ck_assert_int_eq(auth_login(auth, cases[i].session, 1000, id), ERR_NONE);
        (void)snprintf(headers, sizeof(headers), "%sCookie: bridge_session=%s\n%s", H, id, OWN);
        config.dashboard_trading = cases[i].dashboard;
        config.read_only = cases[i].read_only;
        expect(&ask);
        judge(&ask, &verdict);
        if (!verdict.status)
            ck_assert_int_eq(verdict.role, cases[i].role);
    }
    config.dashboard_trading = config.read_only = false;
}
END_TEST

START_TEST(g13_of_pages_only_our_own_may_log_in)
{
    static const struct ask asks[] = {
        { "POST", "/login", H JSON OWN, 0, NULL },
        { "POST", "/login", H JSON SITE "same-origin\n", 0, NULL },
        { "POST", "/login", H JSON "Origin: http://localhost:3000\n", 403, "forbidden_origin" },
        { "POST", "/logout", H "Origin: http://localhost:3000\n", 403, "forbidden_origin" },
        { "POST", "/login", H JSON EVIL, 403, "forbidden_origin" },
        { "POST", "/login", H JSON SITE "none\n", 403, "forbidden_origin" },
        { "POST", "/login?token=x", H JSON, 400, "unknown_query" },
        { "POST", "/login", H FORM OWN, 415, "unsupported_media_type" },
    };

    for (size_t i = 0; i < ARRAY_LEN(asks); i++)
        expect(&asks[i]);
}
END_TEST

START_TEST(without_tokens_a_caller_has_every_role_and_headers_say_nothing)
{
    static const struct ask asks[] = {
        { "POST", "/orders", H JSON, 0, NULL },
        { "POST", "/orders", H JSON "Authorization: Basic x\n", 0, NULL },
        { "POST", "/orders", H JSON "X-Api-Key: anything\nCookie: bridge_session=x\n", 0, NULL },
        { "GET", "/orders", H "Cookie: \n", 0, NULL },
    };
    struct gate_verdict verdict;

    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        expect(&asks[i]);
        judge(&asks[i], &verdict);
        ck_assert_int_eq(verdict.role, ACCESS_ADMIN);
    }
}
END_TEST

START_TEST(read_only_refuses_what_changes_something)
{
    static const struct ask asks[] = {
        { "GET", "/orders", H, 0, NULL },
        { "POST", "/orders", H JSON, 403, "read_only" },
        { "DELETE", "/orders/a", H, 403, "read_only" },
        { "DELETE", "/orders?all=true", H, 403, "read_only" },
        { "POST", "/login", H JSON, 0, NULL },
        { "POST", "/logout", H, 0, NULL },
        { "GET", "/v5/order/realtime", H, 0, NULL },
        { "POST", "/v5/order/create", H JSON, 403, "read_only" },
        { "POST", "/v5/position/set-leverage", H JSON, 403, "read_only" },
        { "POST", "/v5/p2p/item/info", H JSON, 0, NULL },
    };
    struct gate_verdict verdict;

    config.read_only = true;
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        expect(&asks[i]);
        judge(&asks[i], &verdict);
        ck_assert_int_eq(verdict.envelope,
                         verdict.status && strncmp(asks[i].target, "/v5/", 4) == 0);
    }
    config.read_only = false;
}
END_TEST

/* --- the exchange's paths (G21) --- */

static const struct {
    struct ask ask;
    bool envelope;
} natives[] = {
    { { "GET", "/v5/market/time", H, 0, NULL }, false },
    { { "GET", "/v5/order/realtime?category=linear&x=1&x=2&y", H, 0, NULL }, false },
    { { "GET", "/v5/order/realtime?cursor=a%3A1%2Cb", H, 0, NULL }, false },
    { { "GET", "/v5/order/realtime?cursor=%zz", H, 400, "malformed_query" }, false },
    { { "GET", "/v5/order/realtime?cursor=%00", H, 400, "malformed_query" }, false },
    { { "GET", "/v5/order/realtime?cursor=\r\n", H, 400, "malformed_query" }, false },
    { { "POST", "/v5/order/create", H JSON, 0, NULL }, false },
    { { "POST", "/v5/order/create", H JSON OWN, 403, "forbidden_origin" }, false },
    { { "POST", "/v5/order/create", H "Content-Type: text/plain\nContent-Length: 2\n", 415,
        "unsupported_media_type" },
      false },
    { { "POST", "/v5/order/pre-check", H JSON, 0, NULL }, false },
    { { "POST", "/v5/position/set-leverage", H JSON, 0, NULL }, false },
    { { "POST", "/v5/account/set-margin-mode", H JSON, 0, NULL }, false },
    { { "GET", "/v5/order/create", H, 405, "method_not_allowed" }, false },
    { { "DELETE", "/v5/order/create", H, 405, "method_not_allowed" }, false },
    { { "HEAD", "/v5/market/time", H, 405, "method_not_allowed" }, false },
    { { "GET", "/v5/", H, 404, "not_found" }, false },
    { { "GET", "/v5/market/time/", H, 404, "not_found" }, false },
    { { "GET", "/v5/Market/time", H, 404, "not_found" }, false },
    { { "GET", "/v5", H, 404, "not_found" }, false },
    { { "GET", "/v6/market/time", H, 404, "not_found" }, false },
    { { "POST", "/v5/order/create-everything", H JSON, 404, "not_found" }, false },
    { { "GET", "/v5/%6darket/time", H, 0, NULL }, false },
    { { "POST", "/v5/asset/withdraw/create", H JSON, 403, "path_off" }, true },
    { { "POST", "/v5/asset/%77ithdraw/create", H JSON, 403, "path_off" }, true },
    { { "POST", "/v5/asset/transfer/inter-transfer", H JSON, 403, "path_off" }, true },
    { { "POST", "/v5/user/create-sub-api", H JSON, 403, "path_off" }, true },
    { { "POST", "/v5/user/update-api", H JSON, 403, "path_off" }, true },
    { { "POST", "/v5/position/move-positions", H JSON, 403, "path_off" }, true },
    { { "POST", "/v5/earn/place-order", H JSON, 403, "path_off" }, true },
    { { "POST", "/v5/asset/withdraw/cancel", H JSON, 0, NULL }, false }, /* listed, see below */
};

START_TEST(g21_documented_paths_pass_and_what_moves_money_is_off)
{
    static const char *const listed[] = { "/v5/asset/withdraw/cancel" };
    struct gate_verdict verdict;

    config.allow_paths = listed;
    config.allow_paths_count = 1;
    expect(&natives[_i].ask);
    judge(&natives[_i].ask, &verdict);
    ck_assert_int_eq(verdict.envelope, natives[_i].envelope);
    if (natives[_i].envelope) {
        ck_assert_ptr_nonnull(strstr(verdict.detail, "--allow-path /v5/"));
        ck_assert_ptr_nonnull(strstr(verdict.detail, verdict.path));
    }
    config.allow_paths_count = 0;
}
END_TEST

START_TEST(g21_the_query_of_a_native_path_stays_as_it_was)
{
    struct ask ask = { "GET", "/v5/order/realtime?b=%2C&a=1&a=2", H, 0, NULL };
    struct gate_verdict verdict;

    judge(&ask, &verdict);
    ck_assert_str_eq(verdict.raw_query, "b=%2C&a=1&a=2");
    ck_assert_uint_eq(verdict.query_count, 0);
    ask.target = "/v5/order/realtime";
    judge(&ask, &verdict);
    ck_assert_ptr_null(verdict.raw_query);
}
END_TEST

START_TEST(g21_what_is_switched_on_needs_the_admin_role)
{
    static const char *const listed[] = { "/v5/asset/withdraw/create" };
    static const struct ask asks[] = {
        { "POST", "/v5/asset/withdraw/create", TRADE JSON, 403, "wrong_role" },
        { "POST", "/v5/asset/withdraw/create", ADMIN JSON, 0, NULL },
        { "POST", "/v5/order/create", TRADE JSON, 0, NULL },
        { "POST", "/v5/order/create", READ JSON, 403, "wrong_role" },
        { "POST", "/v5/p2p/item/info", READ JSON, 0, NULL },
    };
    struct gate_verdict verdict;

    config.allow_paths = listed;
    config.allow_paths_count = 1;
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        expect(&asks[i]);
        judge(&asks[i], &verdict);
        ck_assert_int_eq(verdict.envelope, verdict.status != 0);
    }
    config.allow_paths_count = 0;
}
END_TEST

START_TEST(g21_the_table_is_sorted_and_each_row_is_found)
{
    char allow[64];
    bool known;

    ck_assert_uint_gt(native_paths_count(), 400);
    for (size_t i = 0; i < native_paths_count(); i++) {
        const struct native_path *row = native_path_at(i);
        const struct api_endpoint *endpoint = native_endpoint(row);

        if (i > 0) {
            int order = strcmp(native_path_at(i - 1)->path, row->path);

            ck_assert(order < 0 ||
                      (order == 0 && strcmp(native_path_at(i - 1)->method, row->method) < 0));
        }
        ck_assert_ptr_eq(native_find(row->method, row->path, &known, allow), row);
        ck_assert(strcmp(row->method, "GET") != 0 || row->class == NATIVE_READ);
        ck_assert_str_eq(endpoint->method, row->method);
        ck_assert_int_eq(endpoint->access == ACCESS_READ, row->class == NATIVE_READ);
        ck_assert(endpoint->handle != NULL);
    }
    ck_assert_ptr_null(native_find("PUT", "/v5/order/create", &known, allow));
    ck_assert(known);
    ck_assert_str_eq(allow, "POST");
    ck_assert_str_eq(native_nearest("/v5/asset/withdraw/creat"), "/v5/asset/withdraw/create");
    ck_assert_ptr_null(native_nearest("x"));
}
END_TEST

/* Whatever takes money out, gives keys away or binds it elsewhere is off: by its words, so that a
 * new path of the exchange can't slip in. */
START_TEST(g21_no_write_outside_orders_positions_and_settings_passes)
{
    static const char *const words[] = { "withdraw", "transfer", "create-sub", "delete",  "borrow",
                                         "repay",    "redeem",   "purchase",   "convert", "apply",
                                         "user/",    "move-",    "earn/",      "loan" };

    for (size_t i = 0; i < native_paths_count(); i++) {
        const struct native_path *row = native_path_at(i);
        bool passes =
            row->class != NATIVE_OFF && row->class != NATIVE_READ && !strstr(row->path, "/set-");

        for (size_t j = 0; passes && j < ARRAY_LEN(words); j++)
            ck_assert_msg(!strstr(row->path, words[j]), "%s passes", row->path);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate_access");
    TCase *plain = tcase_create("plain");
    TCase *tokens = tcase_create("tokens");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tokens, with_tokens, without_tokens);
    tcase_add_loop_test(tokens, g13_tokens, 0, ARRAY_LEN(g13_tokens_rows));
    tcase_add_test(tokens, g13_only_a_wrong_token_is_a_failure);
    tcase_add_test(tokens, g13_a_cookie_without_a_browser_mark_only_reads);
    tcase_add_loop_test(tokens, g13_a_cookie_counts_from_our_own_pages_and_for_unmarked_reads, 0,
                        ARRAY_LEN(cookies));
    tcase_add_test(tokens, g12_g13_the_role_is_the_least_of_all);
    tcase_add_test(tokens, g13_of_pages_only_our_own_may_log_in);
    tcase_add_test(tokens, g21_what_is_switched_on_needs_the_admin_role);
    tcase_add_test(plain, without_tokens_a_caller_has_every_role_and_headers_say_nothing);
    tcase_add_test(plain, read_only_refuses_what_changes_something);
    tcase_add_loop_test(plain, g21_documented_paths_pass_and_what_moves_money_is_off, 0,
                        ARRAY_LEN(natives));
    tcase_add_test(plain, g21_the_query_of_a_native_path_stays_as_it_was);
    tcase_add_test(plain, g21_the_table_is_sorted_and_each_row_is_found);
    tcase_add_test(plain, g21_no_write_outside_orders_positions_and_settings_passes);
    suite_add_tcase(suite, plain);
    suite_add_tcase(suite, tokens);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
