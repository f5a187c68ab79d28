/* The gate's order: head, Host, method, length, path, origin, endpoint, query, role, body type, our
 * own headers. Where a request breaks several rules, the first one answers. */
#include "server/gate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "server/gate_parts.h"

#define CLIENT_NAME_MAX     64
#define IDEMPOTENCY_KEY_MAX 128
#define OPEN_BODY_MAX       4096 /* where no token is needed: a stranger costs little memory */

static const struct {
    const char *name;
    size_t bytes;
} known_headers[HEADER_COUNT] = {
    [HEADER_HOST] = { "Host", 4 },
    [HEADER_ORIGIN] = { "Origin", 6 },
    [HEADER_SEC_FETCH_SITE] = { "Sec-Fetch-Site", 14 },
    [HEADER_CONTENT_LENGTH] = { "Content-Length", 14 },
    [HEADER_CONTENT_TYPE] = { "Content-Type", 12 },
    [HEADER_TRANSFER_ENCODING] = { "Transfer-Encoding", 17 },
    [HEADER_IDEMPOTENCY_KEY] = { "Idempotency-Key", 15 },
    [HEADER_CLIENT] = { "X-Client", 8 },
    [HEADER_EXPECT_ENV] = { "Bridge-Expect-Env", 17 },
    [HEADER_LAST_EVENT_ID] = { "Last-Event-ID", 13 },
    [HEADER_REQUEST_METHOD] = { "Access-Control-Request-Method", 29 },
    [HEADER_ACCEPT] = { "Accept", 6 },
    [HEADER_AUTHORIZATION] = { "Authorization", 13 },
    [HEADER_API_KEY] = { "X-Api-Key", 9 },
    [HEADER_COOKIE] = { "Cookie", 6 },
};

bool gate_refuse(struct gate_verdict *out, int status, const char *code, const char *format, ...)
{
    va_list args;

    out->status = status;
    out->code = code;
    va_start(args, format);
    (void)vsnprintf(out->detail, sizeof(out->detail), format, args);
    va_end(args);
    return false;
}

/* --- the head as a whole (G4) --- */

static bool is_token(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return bytes > 0;
}

static bool is_field_value(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool note_known(const struct gate_header *header, struct found *found,
                       struct gate_verdict *out)
{
    for (size_t i = 0; i < HEADER_COUNT; i++) {
        if (known_headers[i].bytes != header->name_bytes ||
            strncasecmp(known_headers[i].name, header->name, header->name_bytes) != 0)
            continue;
        if (found->at[i] && i != HEADER_ACCEPT)
            return gate_refuse(out, 400, "bad_request", "header %s is there twice",
                               known_headers[i].name);
        if (!found->at[i])
            found->at[i] = header;
        return true;
    }
    return true;
}

/* Folded lines, lines that end in a bare LF and NUL bytes have been swallowed by the parser; they
 * show in the difference between what was sent and what was found. A header has at most one blank
 * before its value in what sane clients send, and some leave it out. */
static bool check_swallowed(const struct gate_head *head, struct gate_verdict *out)
{
    size_t found = strlen(head->method) + head->target_bytes + strlen(head->version) + 4 + 2;
    bool sane = true;

    if (head->head_bytes == 0)
        return true;
    for (size_t i = 0; i < head->headers_count; i++) {
        const struct gate_header *header = &head->headers[i];

        found += header->name_bytes + header->blank_bytes + header->value_bytes + 3;
        sane = sane && header->blank_bytes <= 1;
    }
    if (!sane || head->head_bytes != found)
        return gate_refuse(out, 400, "bad_request",
                           "folded header lines, lines without CRLF, NUL bytes and superfluous "
                           "blanks are not taken");
    return true;
}

static bool check_head(const struct gate_head *head, struct found *found, struct gate_verdict *out)
{
    if (head->headers_count > GATE_HEADERS_MAX)
        return gate_refuse(out, 431, "headers_too_large", "more than %d headers", GATE_HEADERS_MAX);
    if (head->head_bytes > GATE_HEAD_MAX + head->target_bytes)
        return gate_refuse(out, 431, "headers_too_large", "the headers are larger than 16 KiB");
    for (size_t i = 0; i < head->headers_count; i++) {
        const struct gate_header *header = &head->headers[i];

        if (!is_token(header->name, header->name_bytes))
            return gate_refuse(out, 400, "bad_request", "a header's name is not a token");
        if (!is_field_value(header->value, header->value_bytes))
            return gate_refuse(out, 400, "bad_request", "a header has a control character");
        if (!note_known(header, found, out))
            return false;
    }
    return check_swallowed(head, out);
}

/* --- words --- */

bool gate_all_digits(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
    }
    return bytes > 0;
}

bool gate_same(const char *word, const char *text, size_t bytes)
{
    return strlen(word) == bytes && strncasecmp(word, text, bytes) == 0;
}

void gate_trim(const struct gate_header *header, const char **text, size_t *bytes)
{
    *text = header->value;
    *bytes = header->value_bytes;
    while (*bytes && ((*text)[*bytes - 1] == ' ' || (*text)[*bytes - 1] == '\t'))
        --*bytes;
}

/* --- method and length (G6 to G8) --- */

static bool check_method(const struct gate_config *config, const struct gate_head *head,
                         const struct found *found, struct gate_verdict *out)
{
    static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" };

    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (strcmp(head->method, methods[i]) == 0) {
            out->is_head = i == 1;
            return true;
        }
    }
    if (strcmp(head->method, "OPTIONS") == 0 && found->at[HEADER_REQUEST_METHOD]) {
        struct gate_verdict asked = { .ceiling = ACCESS_ADMIN };

        out->preflight = gate_check_origin(config, found, &asked) && asked.cors_origin;
        out->cors_origin = out->preflight ? asked.cors_origin : NULL;
        if (out->preflight)
            return true;
    }
    (void)snprintf(out->allow, sizeof(out->allow), "GET, HEAD, POST, PUT, PATCH, DELETE");
    return gate_refuse(out, 405, "method_not_allowed", "the method is not one that is served here");
}

static bool check_length(const struct gate_head *head, const struct found *found,
                         struct gate_verdict *out)
{
    const struct gate_header *length = found->at[HEADER_CONTENT_LENGTH];

    if (found->at[HEADER_TRANSFER_ENCODING])
        return gate_refuse(out, length ? 400 : 411, length ? "bad_request" : "length_required",
                           "Transfer-Encoding is not taken: send Content-Length%s",
                           length ? " alone" : "");
    if (!length)
        return true;
    if (!gate_all_digits(length->value, length->value_bytes))
        return gate_refuse(out, 400, "bad_request", "Content-Length must be digits only");
    for (size_t i = 0; i < length->value_bytes; i++) {
        out->body_bytes = out->body_bytes * 10 + (size_t)(length->value[i] - '0');
        if (out->body_bytes > GATE_BATCH_BODY_MAX)
            return gate_refuse(out, 413, "body_too_large", "the body is larger than 256 KiB");
    }
    if (out->body_bytes && (strcmp(head->method, "GET") == 0 || out->is_head || out->preflight ||
                            strcmp(head->method, "DELETE") == 0))
        return gate_refuse(out, 400, "bad_request", "%s takes no body", head->method);
    return true;
}

static bool ends_with(const char *text, const char *end)
{
    size_t bytes = strlen(text);

    return bytes >= strlen(end) && strcmp(text + bytes - strlen(end), end) == 0;
}

static bool check_body_size(struct gate_verdict *out)
{
    bool batch = strncmp(out->path, "/v5/", 4) == 0 && ends_with(out->path, "-batch");

    out->body_max = batch ? GATE_BATCH_BODY_MAX : API_BODY_MAX;
    if (out->body_bytes <= out->body_max)
        return true;
    return gate_refuse(out, 413, "body_too_large", "the body is larger than %zu KiB",
                       out->body_max / 1024);
}

/* --- body type, our own headers (G14) --- */

/* Whether `value` is the media type, alone or with the one parameter charset=utf-8. */
static bool is_media_type(const char *value, const char *type)
{
    size_t bytes = strlen(type);

    if (strncasecmp(value, type, bytes) != 0)
        return false;
    value += bytes;
    value += strspn(value, " \t");
    if (*value == '\0')
        return true;
    if (*value++ != ';')
        return false;
    value += strspn(value, " \t");
    if (*value == '\0')
        return true;
    return strcasecmp(value, "charset=utf-8") == 0 || strcasecmp(value, "charset=\"utf-8\"") == 0;
}

static bool check_body_type(const struct found *found, struct gate_verdict *out)
{
    const struct gate_header *type = found->at[HEADER_CONTENT_TYPE];

    if (out->body_bytes == 0)
        return true;
    if (!(out->endpoint->flags & TAKES_BODY))
        return gate_refuse(out, 400, "bad_request", "%.60s takes no body", out->path);
    if (out->endpoint->flags & NO_TOKEN && out->body_bytes > OPEN_BODY_MAX)
        return gate_refuse(out, 413, "body_too_large", "the body is larger than %d KiB",
                           OPEN_BODY_MAX / 1024);
    if (type && is_media_type(type->value, "application/json"))
        return true;
    out->body_is_form = type && is_media_type(type->value, "application/x-www-form-urlencoded");
    if (out->body_is_form && !out->browser)
        return true;
    return gate_refuse(out, 415, "unsupported_media_type",
                       "the body must be labelled Content-Type: application/json%s",
                       out->browser ? "" : " or application/x-www-form-urlencoded");
}

static bool is_client_name(const struct gate_header *header)
{
    for (size_t i = 0; i < header->value_bytes; i++) {
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-",
                    header->value[i]))
            return false;
    }
    return header->value_bytes >= 1 && header->value_bytes <= CLIENT_NAME_MAX;
}

static bool is_key(const struct gate_header *header)
{
    for (size_t i = 0; i < header->value_bytes; i++) {
        if (header->value[i] <= 0x20 || header->value[i] >= 0x7f)
            return false;
    }
    return header->value_bytes >= 1 && header->value_bytes <= IDEMPOTENCY_KEY_MAX;
}

static const char *value_of(const struct found *found, enum known_header which)
{
    return found->at[which] ? found->at[which]->value : NULL;
}

static bool check_our_headers(const struct gate_config *config, const struct found *found,
                              struct gate_verdict *out)
{
    const struct gate_header *env = found->at[HEADER_EXPECT_ENV];

    if (found->at[HEADER_CLIENT] && !is_client_name(found->at[HEADER_CLIENT]))
        return gate_refuse(out, 400, "bad_request",
                           "X-Client must be 1 to 64 of A-Za-z0-9._- and nothing else");
    if (found->at[HEADER_IDEMPOTENCY_KEY] && !is_key(found->at[HEADER_IDEMPOTENCY_KEY]))
        return gate_refuse(out, 400, "bad_request",
                           "Idempotency-Key must be 1 to 128 visible ASCII characters");
    if (env && (env->value_bytes != strlen(config->env) ||
                memcmp(env->value, config->env, env->value_bytes) != 0))
        return gate_refuse(out, 409, "wrong_env",
                           "this bridge is on %s, not on what the request "
                           "expects (Bridge-Expect-Env)",
                           config->env);
    out->idempotency_key = value_of(found, HEADER_IDEMPOTENCY_KEY);
    out->client = value_of(found, HEADER_CLIENT);
    out->host = value_of(found, HEADER_HOST);
    out->accept = value_of(found, HEADER_ACCEPT);
    out->last_event_id = value_of(found, HEADER_LAST_EVENT_ID);
    return true;
}

static bool check_query(char *query, struct gate_verdict *out)
{
    return out->native ? gate_raw_query(query, out) : gate_query(query, out);
}

static bool check_rest(const struct gate_config *config, struct gate_head *head,
                       const struct found *found, struct gate_verdict *out)
{
    char *query;
    bool known;

    if (!gate_path(head, out, &query) || !check_body_size(out) ||
        !gate_check_origin(config, found, out) || !gate_check_fetch_site(head, found, out))
        return false;
    gate_look_up(head, found, out, &known);
    return gate_check_token(config, head, found, out) && gate_check_found(config, known, out) &&
           check_query(query, out) && gate_check_role(config, out) && check_body_type(found, out) &&
           check_our_headers(config, found, out);
}

void gate_check(const struct gate_config *config, struct gate_head *head, struct gate_verdict *out)
{
    struct found found = { { NULL } };

    out->status = 0;
    out->code = NULL;
    out->detail[0] = '\0';
    out->allow[0] = '\0';
    out->envelope = out->wrong_token = false;
    out->endpoint = NULL;
    out->native = NULL;
    out->path = NULL;
    out->param[0] = '\0';
    out->query_count = 0;
    out->raw_query = NULL;
    out->form = FORM_JSON;
    out->is_head = out->own_page = out->browser = out->preflight = out->body_is_form = false;
    out->ceiling = out->role = ACCESS_ADMIN;
    out->session = NULL;
    out->session_bytes = 0;
    out->cors_origin = NULL;
    out->body_bytes = 0;
    out->body_max = API_BODY_MAX;
    out->idempotency_key = out->client = out->host = out->accept = out->last_event_id = NULL;
    if (check_head(head, &found, out) && gate_check_host(config, &found, out) &&
        check_method(config, head, &found, out) && check_length(head, &found, out) &&
        !out->preflight)
        (void)check_rest(config, head, &found, out);
}
