/* api/endpoints.h - the table of endpoints, and the look-up. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "api/api.h"
#include "api/call.h"

enum api_access { ACCESS_READ, ACCESS_TRADE, ACCESS_ADMIN };

enum api_endpoint_flags {
    TAKES_BODY = 1,
    IS_STREAM = 2, /* GET /stream: server/sse.c serves it; handle is NULL */
    IS_LIST = 4,   /* .csv, .json and .ndjson behind the path, or Accept, choose the form */
    NO_TOKEN = 8,  /* served without a token too: it tells and does nothing that is not public */
    IS_LOGIN = 16, /* server/login.c serves it; handle is NULL; of pages our own alone may call */
};

struct api_endpoint {
    const char *method; /* "GET" (serves HEAD too), "POST", ... */
    const char *path;   /* "/orders/{id}": one {name} at most */
    /* Must end in api_done(call), now or later. */
    void (*handle)(const struct api *api, struct api_call *call);
    enum api_access access;
    unsigned flags;    /* of enum api_endpoint_flags */
    const char *query; /* known query names, blank-separated; "" for none */
};

/* NULL: no such path (404), or, with *path_known, no such method on it (405; `allow` then lists its
 * methods, e.g. "GET, HEAD, POST"). `param` gets what stood for {name}. `*suffix`: where a list's
 * ".csv", ".json" or ".ndjson" begins in `path`, or NULL. */
const struct api_endpoint *api_find(const char *method, const char *path, char param[API_PARAM_MAX],
                                    bool *path_known, char allow[64], const char **suffix);
size_t api_endpoints_count(void);
const struct api_endpoint *api_endpoint_at(size_t index);
/* Whether `name` is one of the endpoint's query names. `nearest`: the nearest one, or NULL. */
bool api_query_known(const struct api_endpoint *endpoint, const char *name, const char **nearest);
