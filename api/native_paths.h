/* api/native_paths.h - the exchange's own paths: which are documented, and which of them pass (gate
 * rule G21).
 *
 * They have no rows in api/endpoints.c: the exchange's documentation describes them, not ours.
 *
 * Threads: any; the table is constant.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "api/call.h"
#include "api/endpoints.h"

#define NATIVE_PREFIX "/v5/"

enum native_class {
    NATIVE_READ,
    NATIVE_ORDER,    /* through the journal */
    NATIVE_POSITION, /* settings and stops of a position */
    NATIVE_ACCOUNT,  /* settings of the account, and the pre-check */
    NATIVE_OFF,      /* passes only when --allow-path names it */
};

struct native_path {
    const char *path;
    const char *method; /* "GET" or "POST" */
    enum native_class class;
};

/* NULL: no such path (404), or, with *path_known, no such method on it (405; `allow` then lists its
 * methods). HEAD finds nothing: the exchange has none. */
const struct native_path *native_find(const char *method, const char *path, bool *path_known,
                                      char allow[64]);
/* The path that `path` was meant to be, or NULL. */
const char *native_nearest(const char *path);
/* The endpoint that serves it. */
const struct api_endpoint *native_endpoint(const struct native_path *native);

size_t native_paths_count(void);
const struct native_path *native_path_at(size_t index);
