#include "api/endpoints.h"

#include <string.h>

#include "api/handlers.h"
#include "base/text.h"

/* clang-format off */
static const struct api_endpoint endpoints[] = {
    { "GET",    "/",                 handle_root,          ACCESS_READ,  false, false, "" },
    { "GET",    "/openapi.yaml",     handle_openapi,       ACCESS_READ,  false, false, "" },
    { "GET",    "/livez",            handle_livez,         ACCESS_READ,  false, false, "" },
    { "GET",    "/readyz",           handle_readyz,        ACCESS_READ,  false, false, "" },
    { "GET",    "/health",           handle_health,        ACCESS_READ,  false, false, "" },
    { "GET",    "/version",          handle_version,       ACCESS_READ,  false, false, "" },
    { "GET",    "/status",           handle_status,        ACCESS_READ,  false, false, "" },
    { "GET",    "/symbols",          handle_symbols,       ACCESS_READ,  false, false, "category base quote status" },
    { "GET",    "/symbols/{symbol}", handle_symbol,        ACCESS_READ,  false, false, "category" },
    { "GET",    "/ticker/{symbol}",  handle_ticker,        ACCESS_READ,  false, false, "category max_age" },
    { "GET",    "/tickers",          handle_tickers,       ACCESS_READ,  false, false, "category max_age" },
    { "GET",    "/price/{symbol}",   handle_price,         ACCESS_READ,  false, false, "category of max_age" },
    { "GET",    "/book/{symbol}",    handle_book,          ACCESS_READ,  false, false, "category depth max_age" },
    { "POST",   "/orders",           handle_order_create,  ACCESS_TRADE, true,  false, "wait timeout" },
    { "GET",    "/orders",           handle_orders,        ACCESS_READ,  false, false, "state symbol tag from to limit after" },
    { "DELETE", "/orders",           handle_orders_cancel, ACCESS_TRADE, false, false, "symbol tag side category all" },
    { "GET",    "/orders/{id}",      handle_order,         ACCESS_READ,  false, false, "wait timeout" },
    { "DELETE", "/orders/{id}",      handle_order_cancel,  ACCESS_TRADE, false, false, "wait timeout" },
    { "GET",    "/fills",            handle_fills,         ACCESS_READ,  false, false, "symbol tag order_id from to limit after" },
    { "GET",    "/stream",           NULL,                 ACCESS_READ,  false, true,  "topics conflate after" },
    { "GET",    "/errors",           handle_errors,        ACCESS_READ,  false, false, "" },
    { "GET",    "/errors/{code}",    handle_error,         ACCESS_READ,  false, false, "" },
};
/* clang-format on */

/* A {name} in the pattern is its last segment; it matches one segment that is not empty. */
static bool path_matches(const char *pattern, const char *path, char param[API_PARAM_MAX])
{
    const char *brace = strchr(pattern, '{');
    size_t fixed;

    param[0] = '\0';
    if (!brace)
        return strcmp(pattern, path) == 0;
    fixed = (size_t)(brace - pattern);
    if (strncmp(pattern, path, fixed) != 0 || !path[fixed] || strchr(path + fixed, '/'))
        return false;
    return text_copy(param, API_PARAM_MAX, path + fixed) == ERR_NONE;
}

static void allow_method(struct text *allow, const char *method)
{
    if (allow->bytes)
        text_add(allow, ", ");
    text_add(allow, method);
    if (strcmp(method, "GET") == 0)
        text_add(allow, ", HEAD");
}

const struct api_endpoint *api_find(const char *method, const char *path, char param[API_PARAM_MAX],
                                    bool *path_known, char allow[64])
{
    struct text methods = text_in(allow, 64);
    const char *served = strcmp(method, "HEAD") == 0 ? "GET" : method;

    *path_known = false;
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        if (!path_matches(endpoints[i].path, path, param))
            continue;
        *path_known = true;
        if (strcmp(endpoints[i].method, served) == 0)
            return &endpoints[i];
        allow_method(&methods, endpoints[i].method);
    }
    param[0] = '\0';
    return NULL;
}

size_t api_endpoints_count(void)
{
    return ARRAY_LEN(endpoints);
}

const struct api_endpoint *api_endpoint_at(size_t index)
{
    return &endpoints[index];
}

/* Every query name, as text that lives for ever. */
static const char *const query_names[] = {
    "after",  "all",     "base", "category", "conflate", "depth",  "from",
    "limit",  "max_age", "of",   "order_id", "quote",    "side",   "state",
    "status", "symbol",  "tag",  "timeout",  "to",       "topics", "wait",
};

static const char *static_name(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(query_names); i++) {
        if (strcmp(query_names[i], name) == 0)
            return query_names[i];
    }
    return NULL;
}

bool api_query_known(const struct api_endpoint *endpoint, const char *name, const char **nearest)
{
    char words[128];
    const char *names[API_QUERY_MAX];
    size_t count = 0;
    char *rest = words;
    char *word;

    *nearest = NULL;
    if (text_copy(words, sizeof(words), endpoint->query))
        return false;
    while (count < API_QUERY_MAX && (word = strsep(&rest, " "))) {
        if (*word && strcmp(word, name) == 0)
            return true;
        if (*word)
            names[count++] = word;
    }
    *nearest = static_name(text_nearest(name, names, count));
    return false;
}
