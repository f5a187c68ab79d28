/* server/gate.h - who may ask, before a body byte is read (the gate rules G4 to G14, G18, G21).
 *
 * Pure: a parsed request head, the configuration and the tokens in, a verdict out. The head's
 * target is decoded in place; all pointers of a verdict point into the head, the configuration, the
 * endpoint tables or static text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/call.h"
#include "api/endpoints.h"
#include "api/native_paths.h"
#include "server/auth.h"

#define GATE_HEADERS_MAX    64
#define GATE_HEAD_MAX       ((size_t)16 * 1024)
#define GATE_TARGET_MAX     ((size_t)8 * 1024)
#define GATE_BATCH_BODY_MAX ((size_t)256 * 1024) /* of /v5 paths that end in -batch */

struct gate_config {
    const char *env;                /* "sim", ... */
    const char *const *allow_hosts; /* further Host names, without port */
    size_t allow_hosts_count;
    const char *const *allow_origins; /* may read */
    size_t allow_origins_count;
    const char *const *trade_origins; /* may do all */
    size_t trade_origins_count;
    bool dashboard_trading; /* our own origin may do all */
    bool read_only;
    const struct auth *auth;        /* NULL: callers need no token */
    const char *const *allow_paths; /* of the exchange, off otherwise */
    size_t allow_paths_count;
};

/* `value` is NUL-terminated right behind value_bytes. */
struct gate_header {
    const char *name;
    size_t name_bytes;
    const char *value;
    size_t value_bytes;
    size_t blank_bytes; /* between the colon and the value */
};

struct gate_head {
    const char *method;
    const char *version; /* "HTTP/1.1" */
    char *target;        /* as sent; NUL-terminated; changed */
    size_t target_bytes;
    const struct gate_header *headers; /* in order, with repeated names */
    size_t headers_count;              /* above GATE_HEADERS_MAX: the array holds only so many */
    size_t head_bytes;                 /* request line and headers as sent; 0: not known */
    int64_t now_ms;                    /* monotonic: sessions end */
};

struct gate_verdict {
    int status;       /* 0: let it in; else the refusal: */
    const char *code; /* of api/errors.h */
    char detail[240];
    char allow[64];   /* with 405 */
    bool envelope;    /* the refusal goes out as the exchange would say it: status 200, a retCode */
    bool wrong_token; /* the refusal is for a token that is none of ours */

    const struct api_endpoint *endpoint;
    const struct native_path *native; /* one of the exchange's own paths; NULL: one of ours */
    const char *path;                 /* decoded */
    char param[API_PARAM_MAX];
    struct api_pair query[API_QUERY_MAX];
    size_t query_count;
    const char
        *raw_query; /* of a native path: checked, as sent; NULL: none. Its pairs are not split */
    enum api_form form; /* of a list */
    bool is_head;
    bool browser;            /* Origin or Sec-Fetch-Site is there */
    bool own_page;           /* it comes from one of our own pages */
    enum api_access ceiling; /* what the origin may do */
    enum api_access role;    /* the least of ceiling, token and --read-only */
    const char *session;     /* the session cookie's value, unchecked; NULL: none */
    size_t session_bytes;
    bool preflight;          /* OPTIONS of a configured origin: answer 204; there is no endpoint */
    const char *cors_origin; /* the configured origin that asks; NULL: no CORS header */
    size_t body_bytes;       /* announced */
    size_t body_max;
    bool body_is_form;
    const char *idempotency_key; /* headers; NULL: absent */
    const char *client;
    const char *host; /* checked: a known name, perhaps with a port */
    const char *accept;
    const char *last_event_id;
};

void gate_check(const struct gate_config *config, struct gate_head *head, struct gate_verdict *out);

/* --- its parts, for gate_*.c and tests --- */

/* Fills the refusal; returns false, so that checks can return it. */
bool gate_refuse(struct gate_verdict *out, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Splits the target at `?`, decodes the path in place (G9). `*query` is NULL without one. */
bool gate_path(struct gate_head *head, struct gate_verdict *out, char **query);
/* Decodes the pairs in place (G10); names must be the endpoint's. */
bool gate_query(char *query, struct gate_verdict *out);
/* Checks the same grammar, and leaves the text as it is: names are the exchange's business. */
bool gate_raw_query(char *query, struct gate_verdict *out);
/* The Host's name without port, by exact grammar: `*name_bytes` of it; false when it is not one. */
bool gate_host_name(const char *host, size_t host_bytes, size_t *name_bytes);
