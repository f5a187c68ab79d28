/* POST /login {"token": "..."} gives a browser a session cookie; POST /logout ends it (gate rule
 * G13). The cookie stands for the token's role, and counts from our own pages only. */
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "api/reply.h"
#include "base/clock.h"
#include "base/json.h"
#include "server/conn.h"

#define TOKEN_TEXT_MAX 1024

/* Browsers send a cookie to every port of a host: what keeps other programs on this machine from
 * using it is who may connect (G3), not the cookie. */
static void set_cookie(struct api_call *call, const char *id, int64_t seconds)
{
    char value[sizeof(((struct api_header *)0)->value)];

    (void)snprintf(value, sizeof(value),
                   AUTH_COOKIE "=%s; HttpOnly; SameSite=Strict; Path=/; Max-Age=%lld", id,
                   (long long)seconds);
    api_reply_header(call, "Set-Cookie", value);
    OPENSSL_cleanse(value, sizeof(value));
}

/* The token is in no text that goes out. */
static bool read_token(struct api_call *call, char *token, size_t token_bytes)
{
    struct error error = { .text = "" };
    struct json body;
    struct json name;
    struct json value;
    struct json_walk walk;
    size_t count = 0;

    if (!call->body) {
        api_fail(call, NULL, "missing_body", "send {\"token\": \"...\"} as application/json");
        return false;
    }
    if (json_open(&body, call->body, call->body_bytes, &error) || body.type != JSON_OBJECT) {
        api_fail(call, NULL, "malformed_json", "send {\"token\": \"...\"} as application/json");
        return false;
    }
    walk = json_walk(&body);
    while (json_next(&walk, &name, &value))
        count++;
    if (count != 1 || !json_member(&body, "token", &value)) {
        api_fail(call, NULL, "unknown_field", "the body has one member, token");
        return false;
    }
    if (value.type != JSON_STRING || json_text(&value, token, token_bytes)) {
        api_fail(call, NULL, "invalid_value", "token is a string of at most %zu bytes",
                 token_bytes - 1);
        return false;
    }
    return true;
}

static void welcome(struct http *http, struct api_call *call, enum api_access role)
{
    char id[AUTH_SESSION_TEXT];
    char text[CLOCK_TEXT_MAX];
    struct buffer *out;

    if (auth_login(http->auth, role, http->now_ms, id)) {
        api_fail(call, NULL, "internal", "there are no random numbers");
        return;
    }
    set_cookie(call, id, AUTH_SESSION_MS / 1000);
    OPENSSL_cleanse(id, sizeof(id));
    out = api_reply_begin(call);
    json_add_open(out, '{');
    json_add_key(out, "role");
    json_add_text(out, auth_role_word(role));
    json_add_key(out, "expires_at");
    json_add_text(out, clock_format(clock_wall_ms() + AUTH_SESSION_MS, text));
    json_add_close(out, '}');
    api_reply(call, 200, API_JSON);
}

/* Whether the call is answered; else the token is a wrong one. */
static bool log_in(struct http *http, struct api_call *call)
{
    char token[TOKEN_TEXT_MAX];
    enum api_access role = ACCESS_READ;
    bool known = true;

    if (!auth_is_needed(http->auth)) {
        api_fail(call, NULL, "bad_request",
                 "no token is configured here: there is nothing to log in to (--token-file)");
    } else if (read_token(call, token, sizeof(token))) {
        known = auth_check_token(http->auth, token, strlen(token), &role);
        if (known)
            welcome(http, call, role);
        OPENSSL_cleanse(token, sizeof(token));
    }
    return known;
}

static void log_out(struct conn *conn)
{
    struct http *http = conn->listener->http;
    const struct gate_verdict *verdict = &conn->request->verdict;
    struct api_call *call = &conn->request->call;

    if (verdict->session && auth_is_needed(http->auth))
        auth_logout(http->auth, verdict->session, verdict->session_bytes);
    set_cookie(call, "", 0);
    (void)api_reply_begin(call);
    api_reply(call, 204, NULL);
}

enum MHD_Result login_serve(struct conn *conn)
{
    struct request *request = conn->request;
    bool answered = true;

    conn_set_state(conn, CONN_WORKING);
    if (strcmp(request->call.path, "/logout") == 0)
        log_out(conn);
    else
        answered = log_in(conn->listener->http, &request->call);
    if (request->body)
        OPENSSL_cleanse(request->body, request->body_used);
    if (answered)
        return reply_call(conn);
    request->verdict.wrong_token = true;
    (void)gate_refuse(&request->verdict, 401, "token_required",
                      "this is not one of the bridge's tokens");
    return request_refuse(conn);
}
