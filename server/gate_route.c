/* G9, G12, G21: which endpoint a request is for, and whether the caller's role covers it. */
#include <stdio.h>
#include <string.h>

#include "api/native_paths.h"
#include "base/error.h"
#include "server/gate_parts.h"

/* --- the endpoint --- */

static enum api_form form_of_suffix(const char *suffix)
{
    if (strcmp(suffix, ".csv") == 0)
        return FORM_CSV;
    return strcmp(suffix, ".ndjson") == 0 ? FORM_NDJSON : FORM_JSON;
}

/* The first media type that is one of ours. */
static enum api_form form_of_accept(const struct found *found)
{
    static const struct {
        const char *type;
        enum api_form form;
    } types[] = { { "text/csv", FORM_CSV },
                  { "application/x-ndjson", FORM_NDJSON },
                  { "application/json", FORM_JSON },
                  { "*/*", FORM_JSON } };
    const char *accept = found->at[HEADER_ACCEPT] ? found->at[HEADER_ACCEPT]->value : "";

    while (*accept) {
        size_t bytes;

        accept += strspn(accept, " \t,");
        bytes = strcspn(accept, " \t,;");
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
            if (gate_same(types[i].type, accept, bytes))
                return types[i].form;
        }
        accept += strcspn(accept, ",");
    }
    return FORM_JSON;
}

void gate_look_up(const struct gate_head *head, const struct found *found, struct gate_verdict *out,
                  bool *known)
{
    const char *suffix = NULL;

    *known = false;
    if (strncmp(out->path, NATIVE_PREFIX, strlen(NATIVE_PREFIX)) == 0) {
        out->native = native_find(head->method, out->path, known, out->allow);
        out->endpoint = out->native ? native_endpoint(out->native) : NULL;
        return;
    }
    out->endpoint = api_find(head->method, out->path, out->param, known, out->allow, &suffix);
    if (out->endpoint && out->endpoint->flags & IS_LIST)
        out->form = suffix ? form_of_suffix(suffix) : form_of_accept(found);
}

static bool is_listed(const struct gate_config *config, const char *path)
{
    for (size_t i = 0; i < config->allow_paths_count; i++) {
        if (strcmp(config->allow_paths[i], path) == 0)
            return true;
    }
    return false;
}

/* On the exchange's paths in the exchange's envelope. */
static bool refuse_call(struct gate_verdict *out, const char *code, const char *detail)
{
    out->envelope = out->native != NULL;
    return gate_refuse(out, 403, code, "%s", detail);
}

bool gate_check_found(const struct gate_config *config, bool known, struct gate_verdict *out)
{
    char detail[200];

    if (!out->endpoint && known)
        return gate_refuse(out, 405, "method_not_allowed", "%.120s takes %s", out->path,
                           out->allow);
    if (!out->endpoint)
        return gate_refuse(out, 404, "not_found", "there is nothing at %.120s; %s", out->path,
                           strncmp(out->path, NATIVE_PREFIX, strlen(NATIVE_PREFIX)) == 0
                               ? "only the exchange's documented paths are known"
                               : "GET / lists what there is");
    if (!out->native || out->native->class != NATIVE_OFF || is_listed(config, out->path))
        return true;
    (void)snprintf(detail, sizeof(detail),
                   "this path is switched off; start the bridge with --allow-path %.100s if it is "
                   "to pass",
                   out->path);
    return refuse_call(out, "path_off", detail);
}

/* --- the role --- */

static enum api_access least(enum api_access a, enum api_access b)
{
    return a < b ? a : b;
}

bool gate_check_role(const struct gate_config *config, struct gate_verdict *out)
{
    enum api_access needed = out->endpoint->access;
    char detail[160];

    if (needed > out->ceiling ||
        (out->endpoint->flags & IS_LOGIN && out->browser && !out->own_page))
        return gate_refuse(out, 403, "forbidden_origin",
                           "a browser's page may only read here, unless its origin is listed for "
                           "trading");
    if (needed > out->role) {
        (void)snprintf(detail, sizeof(detail), "the token has the role %s; this call needs %s",
                       auth_role_word(out->role), auth_role_word(needed));
        return refuse_call(out, "wrong_role", detail);
    }
    if (config->read_only && needed > ACCESS_READ)
        return refuse_call(out, "read_only",
                           "the bridge was started with --read-only: nothing that changes "
                           "something is let in");
    out->role =
        least(out->role, least(out->ceiling, config->read_only ? ACCESS_READ : ACCESS_ADMIN));
    return true;
}
