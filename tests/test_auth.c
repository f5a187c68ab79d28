/* Tokens, sessions, and what many failures do (gate rule G13). */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "server/auth.h"

#define READ  "read-token-0123456789"
#define TRADE "trade-token-0123456789"
#define ADMIN "admin-token-0123456789"

static struct auth *auth;

static void make(const char *read, const char *trade, const char *admin)
{
    const struct auth_tokens tokens = { .read = read, .trade = trade, .admin = admin };

    auth_destroy(auth);
    auth = auth_create(&tokens);
    ck_assert_ptr_nonnull(auth);
}

static void setup(void)
{
    make(READ, TRADE, ADMIN);
}

static void teardown(void)
{
    auth_destroy(auth);
    auth = NULL;
}

/* The role of `token`, or -1. */
static int role_of(const char *token)
{
    enum api_access role = ACCESS_READ;

    return auth_check_token(auth, token, strlen(token), &role) ? (int)role : -1;
}

START_TEST(g13_each_token_has_its_role_and_nothing_else_has_one)
{
    static const char *const wrong[] = { "",          "read-token",
                                         READ "0",    "Read-token-0123456789",
                                         TRADE ADMIN, "read-token-012345678" };

    ck_assert_int_eq(role_of(READ), ACCESS_READ);
    ck_assert_int_eq(role_of(TRADE), ACCESS_TRADE);
    ck_assert_int_eq(role_of(ADMIN), ACCESS_ADMIN);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        ck_assert_int_eq(role_of(wrong[i]), -1);
}
END_TEST

START_TEST(g13_a_token_that_is_not_configured_is_not_the_empty_one)
{
    static const char zeros[32] = { 0 };
    enum api_access role;

    make(NULL, TRADE, NULL);
    ck_assert(auth_is_needed(auth));
    ck_assert_int_eq(role_of(""), -1);
    ck_assert_int_eq(role_of(READ), -1);
    ck_assert(!auth_check_token(auth, zeros, sizeof(zeros), &role));
    ck_assert_int_eq(role_of(TRADE), ACCESS_TRADE);
}
END_TEST

START_TEST(g13_no_token_is_needed_where_there_is_none)
{
    make(NULL, NULL, NULL);
    ck_assert(!auth_is_needed(auth));
    ck_assert(!auth_is_needed(NULL));
    make(READ, NULL, NULL);
    ck_assert(auth_is_needed(auth));
}
END_TEST

static int session_role(const char *id, int64_t now_ms)
{
    enum api_access role = ACCESS_READ;

    return auth_check_session(auth, id, strlen(id), now_ms, &role) ? (int)role : -1;
}

START_TEST(g13_a_session_has_its_tokens_role_until_it_ends)
{
    char id[AUTH_SESSION_TEXT];
    char other[AUTH_SESSION_TEXT];

    ck_assert_int_eq(session_role("", 0), -1);
    ck_assert_int_eq(auth_login(auth, ACCESS_TRADE, 1000, id), ERR_NONE);
    ck_assert_int_eq(auth_login(auth, ACCESS_READ, 1000, other), ERR_NONE);
    ck_assert_uint_eq(strlen(id), 64);
    ck_assert_str_ne(id, other);
    ck_assert_int_eq(session_role(id, 1000), ACCESS_TRADE);
    ck_assert_int_eq(session_role(other, 1000), ACCESS_READ);
    ck_assert_int_eq(session_role(TRADE, 1000), -1);
    ck_assert_int_eq(role_of(id), -1);
    ck_assert_int_eq(session_role(id, 1000 + AUTH_SESSION_MS - 1), ACCESS_TRADE);
    ck_assert_int_eq(session_role(id, 1000 + AUTH_SESSION_MS), -1);
    auth_logout(auth, id, strlen(id));
    ck_assert_int_eq(session_role(id, 1000), -1);
    ck_assert_int_eq(session_role(other, 1000), ACCESS_READ);
    auth_logout(auth, id, strlen(id));
    auth_logout(auth, "", 0);
}
END_TEST

START_TEST(g13_one_session_too_many_ends_the_oldest)
{
    static char ids[AUTH_SESSIONS_MAX + 1][AUTH_SESSION_TEXT];

    for (int i = 0; i <= AUTH_SESSIONS_MAX; i++)
        ck_assert_int_eq(auth_login(auth, ACCESS_READ, i, ids[i]), ERR_NONE);
    ck_assert_int_eq(session_role(ids[0], 100), -1);
    for (int i = 1; i <= AUTH_SESSIONS_MAX; i++)
        ck_assert_int_eq(session_role(ids[i], 100), ACCESS_READ);
}
END_TEST

START_TEST(g13_who_may_only_read_logs_nobody_else_out)
{
    char trade[AUTH_SESSION_TEXT];
    char admin[AUTH_SESSION_TEXT];
    char id[AUTH_SESSION_TEXT];

    ck_assert_int_eq(auth_login(auth, ACCESS_TRADE, 1, trade), ERR_NONE);
    ck_assert_int_eq(auth_login(auth, ACCESS_ADMIN, 2, admin), ERR_NONE);
    for (int i = 0; i < 3 * AUTH_SESSIONS_MAX; i++)
        ck_assert_int_eq(auth_login(auth, ACCESS_READ, 10 + i, id), ERR_NONE);
    ck_assert_int_eq(session_role(trade, 1000), ACCESS_TRADE);
    ck_assert_int_eq(session_role(admin, 1000), ACCESS_ADMIN);
}
END_TEST

START_TEST(g13_the_eleventh_failure_in_ten_seconds_is_slow)
{
    for (int i = 0; i < AUTH_FAILURES_MAX; i++)
        ck_assert(!auth_note_failure(auth, 1000 + i));
    ck_assert(auth_note_failure(auth, 1100));
    ck_assert(auth_note_failure(auth, 1100 + AUTH_FAILURES_MS - 200));
    ck_assert(!auth_note_failure(auth, 1100 + 2 * AUTH_FAILURES_MS));
    ck_assert_int_eq(role_of(TRADE), ACCESS_TRADE);
}
END_TEST

START_TEST(roles_have_words)
{
    ck_assert_str_eq(auth_role_word(ACCESS_READ), "read");
    ck_assert_str_eq(auth_role_word(ACCESS_TRADE), "trade");
    ck_assert_str_eq(auth_role_word(ACCESS_ADMIN), "admin");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("auth");
    TCase *tcase = tcase_create("auth");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, g13_each_token_has_its_role_and_nothing_else_has_one);
    tcase_add_test(tcase, g13_a_token_that_is_not_configured_is_not_the_empty_one);
    tcase_add_test(tcase, g13_no_token_is_needed_where_there_is_none);
    tcase_add_test(tcase, g13_a_session_has_its_tokens_role_until_it_ends);
    tcase_add_test(tcase, g13_one_session_too_many_ends_the_oldest);
    tcase_add_test(tcase, g13_who_may_only_read_logs_nobody_else_out);
    tcase_add_test(tcase, g13_the_eleventh_failure_in_ten_seconds_is_slow);
    tcase_add_test(tcase, roles_have_words);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
