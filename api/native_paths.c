#include "api/native_paths.h"

#include <stdlib.h>
#include <string.h>

#include "api/reply.h"
#include "base/text.h"

static const struct native_path paths[] = {
#include "api/native_paths_table.inc"
};

static void handle_native(const struct api *api, struct api_call *call)
{
    (void)api;
    api_fail(call, NULL, "not_yet", "%.120s is not passed on yet; nothing was sent", call->path);
}

#define SERVED(access_) NATIVE_ROW("POST", access_, TAKES_BODY)
#define NATIVE_ROW(method_, access_, flags_)                                                       \
    {                                                                                              \
        .method = (method_), .path = "/v5/*", .handle = handle_native, .access = (access_),        \
        .flags = (flags_), .query = ""                                                             \
    }

static const struct api_endpoint get_endpoint = NATIVE_ROW("GET", ACCESS_READ, 0);

/* What is switched on by name moves money or makes keys: a token for trading is not enough. */
static const struct api_endpoint post_endpoints[] = {
    [NATIVE_READ] = SERVED(ACCESS_READ),      [NATIVE_ORDER] = SERVED(ACCESS_TRADE),
    [NATIVE_POSITION] = SERVED(ACCESS_TRADE), [NATIVE_ACCOUNT] = SERVED(ACCESS_TRADE),
    [NATIVE_OFF] = SERVED(ACCESS_ADMIN),
};

const struct api_endpoint *native_endpoint(const struct native_path *native)
{
    return native->method[0] == 'G' ? &get_endpoint : &post_endpoints[native->class];
}

static int compare_path(const void *key, const void *row)
{
    return strcmp(key, ((const struct native_path *)row)->path);
}

const struct native_path *native_find(const char *method, const char *path, bool *path_known,
                                      char allow[64])
{
    const struct native_path *at =
        bsearch(path, paths, ARRAY_LEN(paths), sizeof(paths[0]), compare_path);
    struct text methods = text_in(allow, 64);

    *path_known = at != NULL;
    if (!at)
        return NULL;
    while (at > paths && strcmp(at[-1].path, path) == 0)
        at--;
    for (; at < paths + ARRAY_LEN(paths) && strcmp(at->path, path) == 0; at++) {
        if (strcmp(at->method, method) == 0)
            return at;
        text_addf(&methods, "%s%s", methods.bytes ? ", " : "", at->method);
    }
    return NULL;
}

const char *native_nearest(const char *path)
{
    const char *names[ARRAY_LEN(paths)];

    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        names[i] = paths[i].path;
    return text_nearest(path, names, ARRAY_LEN(paths));
}

size_t native_paths_count(void)
{
    return ARRAY_LEN(paths);
}

const struct native_path *native_path_at(size_t index)
{
    return &paths[index];
}
