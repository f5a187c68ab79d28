/* tests/test_api_run.h - runs one request against the kit and looks at its reply. */
#pragma once

#include "test_api_kit.h"

static void kit_done(struct api_call *call)
{
    static const char key[] = "\"code\":\"";
    char *at;

    kit.dones++;
    if (strcmp(call->content_type, "application/problem+json") != 0 || !call->reply.data)
        return;
    at = strstr(call->reply.data, key);
    ck_assert_ptr_nonnull(at);
    at += sizeof(key) - 1;
    for (size_t i = 0; i < api_problems_count(); i++) {
        const struct api_problem *problem = api_problem_at(i);
        size_t bytes = strlen(problem->code);

        if (strncmp(problem->code, at, bytes) != 0 || at[bytes] != '"')
            continue;
        kit.code_seen[i] = true;
        ck_assert_int_eq(call->status, problem->status);
        return;
    }
    ck_abort_msg("unknown code: %s", at);
}

/* "GET", "/path?a=b&c=d" (decoded), body or NULL. Returns the status; the call stays in kit.call.
 */
static int kit_run(const char *method, const char *target, const char *body)
{
    struct api_call *call = &kit.call;
    char allow[64];
    char *query;
    char *pair;
    bool known;
    const char *suffix;

    buffer_deinit(&call->reply);
    memset(call, 0, sizeof(*call));
    ck_assert(!text_copy(kit.target, sizeof(kit.target), target));
    query = strchr(kit.target, '?');
    if (query)
        *query++ = '\0';
    call->api = &kit.api;
    call->method = method;
    call->path = kit.target;
    call->endpoint = api_find(method, kit.target, call->param, &known, allow, &suffix);
    call->form = !suffix                          ? FORM_JSON
                 : strcmp(suffix, ".csv") == 0    ? FORM_CSV
                 : strcmp(suffix, ".ndjson") == 0 ? FORM_NDJSON
                                                  : FORM_JSON;
    ck_assert_msg(call->endpoint, "%s %s", method, target);
    while (query && (pair = strsep(&query, "&"))) {
        struct api_pair *into = &call->query[call->query_count++];
        const char *nearest;

        into->name = strsep(&pair, "=");
        into->value = pair;
        ck_assert_msg(api_query_known(call->endpoint, into->name, &nearest), "%s", into->name);
    }
    call->body = body;
    call->body_bytes = body ? strlen(body) : 0;
    call->body_is_form = !kit.labelled_json;
    if (strcmp(kit.request_headers.name, "Idempotency-Key") == 0)
        call->idempotency_key = kit.request_headers.value;
    if (strcmp(kit.request_headers.name, "X-Client") == 0)
        call->client = kit.request_headers.value;
    if (strcmp(kit.request_headers.name, "Accept") == 0)
        call->accept = kit.request_headers.value;
    call->done = kit_done;
    kit.dones = 0;
    call->endpoint->handle(&kit.api, call);
    return call->status;
}

static inline int kit_get(const char *target)
{
    return kit_run("GET", target, NULL);
}

static inline void kit_set_header(const char *name, const char *value)
{
    ck_assert(!text_copy(kit.request_headers.name, sizeof(kit.request_headers.name), name));
    ck_assert(!text_copy(kit.request_headers.value, sizeof(kit.request_headers.value), value));
}

static inline const char *kit_header(const char *name)
{
    for (size_t i = 0; i < kit.call.headers_count; i++) {
        if (strcmp(kit.call.headers[i].name, name) == 0)
            return kit.call.headers[i].value;
    }
    return NULL;
}

static inline bool kit_says(const char *part)
{
    return kit.call.reply.data && strstr(kit.call.reply.data, part);
}

/* The reply as JSON; the caller deletes it. */
static inline cJSON *kit_json(void)
{
    cJSON *json = cJSON_ParseWithLengthOpts(kit.call.reply.data, kit.call.reply.bytes + 1, NULL, 1);

    ck_assert_msg(json, "%s", kit.call.reply.data);
    return json;
}
