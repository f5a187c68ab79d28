/* Who may read, change, kill and arm the guard (G12, G13, --read-only). */
#include "tests/test_gate_kit.h"

#define READ_TOKEN  "read-token-0123456789"
#define TRADE_TOKEN "trade-token-0123456789"
#define ADMIN_TOKEN "admin-token-0123456789"
#define READ        H "Authorization: Bearer " READ_TOKEN "\n"
#define TRADE       H "Authorization: Bearer " TRADE_TOKEN "\n"
#define ADMIN       H "Authorization: Bearer " ADMIN_TOKEN "\n"
#define DESK        "Origin: https://desk.example\n"
#define READER_PAGE "Origin: http://localhost:3000\n"

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

static const struct ask roles_rows[] = {
    { "GET", "/guard", H, 401, "token_required" },
    { "GET", "/guard", READ, 0, NULL },
    { "POST", "/guard/kill", H, 401, "token_required" },
    { "POST", "/guard/kill", READ, 403, "wrong_role" },
    { "POST", "/guard/kill", TRADE, 0, NULL },
    { "POST", "/guard/kill?timeout=5s", TRADE JSON, 0, NULL },
    { "POST", "/guard/kill", ADMIN, 0, NULL },
    { "POST", "/guard/arm", READ, 403, "wrong_role" },
    { "POST", "/guard/arm", TRADE, 403, "wrong_role" },
    { "POST", "/guard/arm", ADMIN, 0, NULL },
    { "PATCH", "/guard", READ JSON, 403, "wrong_role" },
    { "PATCH", "/guard", TRADE JSON, 403, "wrong_role" },
    { "PATCH", "/guard", ADMIN JSON, 0, NULL },
    /* Never a change by a read. */
    { "GET", "/guard/kill", ADMIN, 405, "method_not_allowed" },
    { "HEAD", "/guard/kill", ADMIN, 405, "method_not_allowed" },
    { "GET", "/guard/arm", ADMIN, 405, "method_not_allowed" },
};
TABLE_TEST(roles)

/* G7: what `curl -X POST` sends. */
static const struct ask bare_rows[] = {
    { "POST", "/guard/kill", H, 0, NULL },
    { "POST", "/guard/kill", H "User-Agent: curl/7.88.1\nAccept: */*\n", 0, NULL },
    { "POST", "/guard/kill", H "Content-Length: 0\n", 0, NULL },
    { "POST", "/guard/kill", H FORM, 0, NULL },
    { "POST", "/guard/kill", H "Transfer-Encoding: chunked\n", 411, "length_required" },
    { "POST", "/guard/arm", H, 0, NULL },
};
TABLE_TEST(bare)

/* A page may kill where it may trade. */
static const struct ask pages_rows[] = {
    { "GET", "/guard", H OWN, 0, NULL },
    { "GET", "/guard", H READER_PAGE, 0, NULL },
    { "GET", "/guard", H EVIL, 403, "forbidden_origin" },
    { "POST", "/guard/kill", H OWN, 403, "forbidden_origin" },
    { "POST", "/guard/kill", H OWN SITE "same-origin\n", 403, "forbidden_origin" },
    { "POST", "/guard/kill", H SITE "same-origin\n", 403, "forbidden_origin" },
    { "POST", "/guard/kill", H SITE "none\n", 403, "forbidden_origin" },
    { "POST", "/guard/kill", H SITE "cross-site\n", 403, "forbidden_origin" },
    { "POST", "/guard/kill", H EVIL, 403, "forbidden_origin" },
    { "POST", "/guard/kill", H "Origin: null\n", 403, "forbidden_origin" },
    { "POST", "/guard/kill", H READER_PAGE, 403, "forbidden_origin" },
    { "POST", "/guard/kill", H DESK, 0, NULL },
    { "POST", "/guard/kill", H FORM DESK, 415, "unsupported_media_type" },
    { "POST", "/guard/arm", H OWN, 403, "forbidden_origin" },
    { "PATCH", "/guard", H JSON READER_PAGE, 403, "forbidden_origin" },
    { "PATCH", "/guard", H JSON DESK, 0, NULL },
};
TABLE_TEST(pages)

START_TEST(our_own_page_may_kill_with_dashboard_trading)
{
    static const struct ask asks[] = {
        { "POST", "/guard/kill", H OWN SITE "same-origin\n", 0, NULL },
        { "POST", "/guard/kill", H JSON OWN, 0, NULL },
        { "POST", "/guard/kill", H READER_PAGE, 403, "forbidden_origin" },
        { "POST", "/guard/kill", H EVIL, 403, "forbidden_origin" },
    };

    config.dashboard_trading = true;
    for (size_t i = 0; i < ARRAY_LEN(asks); i++)
        expect(&asks[i]);
    config.dashboard_trading = false;
}
END_TEST

START_TEST(read_only_refuses_kill_arm_and_limits)
{
    static const struct ask asks[] = {
        { "GET", "/guard", H, 0, NULL },
        { "POST", "/guard/kill", H, 403, "read_only" },
        { "POST", "/guard/arm", H, 403, "read_only" },
        { "PATCH", "/guard", H JSON, 403, "read_only" },
    };

    config.read_only = true;
    for (size_t i = 0; i < ARRAY_LEN(asks); i++)
        expect(&asks[i]);
    config.read_only = false;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate_guard");
    TCase *plain = tcase_create("plain");
    TCase *tokens = tcase_create("tokens");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tokens, with_tokens, without_tokens);
    tcase_add_loop_test(tokens, roles, 0, ARRAY_LEN(roles_rows));
    tcase_add_loop_test(plain, bare, 0, ARRAY_LEN(bare_rows));
    tcase_add_loop_test(plain, pages, 0, ARRAY_LEN(pages_rows));
    tcase_add_test(plain, our_own_page_may_kill_with_dashboard_trading);
    tcase_add_test(plain, read_only_refuses_kill_arm_and_limits);
    suite_add_tcase(suite, plain);
    suite_add_tcase(suite, tokens);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
