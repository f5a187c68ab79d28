/* server/auth.h - tokens and the sessions of logged-in browsers (gate rule G13).
 *
 * Tokens and session ids are compared as SHA-256 digests, all of them each time: neither length nor
 * position tells by time.
 *
 * Threads: the http thread's alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/endpoints.h"
#include "base/error.h"

#define AUTH_COOKIE       "bridge_session"
#define AUTH_SESSION_MS   ((int64_t)12 * 3600 * 1000)
#define AUTH_SESSION_TEXT 65 /* 64 hex digits */
#define AUTH_SESSIONS_MAX 64 /* of each role; at one more its oldest ends */
#define AUTH_FAILURES_MAX 10 /* in AUTH_FAILURES_MS, then further ones are slow */
#define AUTH_FAILURES_MS  10000
#define AUTH_SLOW_MS      1000

struct auth;

/* NULL: there is no such token. Read once. */
struct auth_tokens {
    const char *read;
    const char *trade;
    const char *admin;
};

/* NULL: out of memory. With no token at all `*out` is fine too: auth_is_needed says no. */
struct auth *auth_create(const struct auth_tokens *tokens);
/* Wipes and frees. NULL is fine. */
void auth_destroy(struct auth *auth);
/* Whether callers must show a token. NULL: no. */
bool auth_is_needed(const struct auth *auth);

/* Whether it is one of the tokens; `*role` is what the token may do. */
bool auth_check_token(const struct auth *auth, const char *token, size_t bytes,
                      enum api_access *role);
/* The same for the id of a session that has not ended. */
bool auth_check_session(const struct auth *auth, const char *id, size_t bytes, int64_t now_ms,
                        enum api_access *role);
/* Starts a session; ERR_INTERNAL: no random numbers. */
MUST_CHECK enum err auth_login(struct auth *auth, enum api_access role, int64_t now_ms,
                               char id[AUTH_SESSION_TEXT]);
/* Ends it; nothing happens when there is none. */
void auth_logout(struct auth *auth, const char *id, size_t bytes);

/* Notes a wrong token; whether its answer is to be held back for AUTH_SLOW_MS. */
bool auth_note_failure(struct auth *auth, int64_t now_ms);

/* "read", "trade", "admin" */
const char *auth_role_word(enum api_access role);
