#include "api/endpoints.h"

#include <string.h>

#include "api/handlers.h"
#include "base/text.h"

static const struct api_endpoint endpoints[] = {
    { "GET", "/", ACCESS_READ, "", false, false, handle_root },
    { "GET", "/openapi.yaml", ACCESS_READ, "", false, false, handle_openapi },
    { "GET", "/livez", ACCESS_READ, "", false, false, handle_livez },
    { "GET", "/readyz", ACCESS_READ, "", false, false, handle_readyz },
    { "GET", "/health", ACCESS_READ, "", false, false, handle_health },
    { "GET", "/version", ACCESS_READ, "", false, false, handle_version },
    { "GET", "/status", ACCESS_READ, "", false, false, handle_status },
    { "GET", "/symbols", ACCESS_READ, "category base quote status", false, false, handle_symbols },
    { "GET", "/symbols/{symbol}", ACCESS_READ, "category", false, false, handle_symbol },
    { "GET", "/ticker/{symbol}", ACCESS_READ, "category max_age", false, false, handle_ticker },
    { "GET", "/tickers", ACCESS_READ, "category max_age", false, false, handle_tickers },
    { "GET", "/price/{symbol}", ACCESS_READ, "category of max_age", false, false, handle_price },
    { "GET", "/book/{symbol}", ACCESS_READ, "category depth max_age", false, false, handle_book },
    { "POST", "/orders", ACCESS_TRADE, "wait timeout", true, false, handle_order_create },
    { "GET", "/orders", ACCESS_READ, "state symbol tag from to limit after", false, false,
      handle_orders },
    { "DELETE", "/orders", ACCESS_TRADE, "symbol tag side category all", false, false,
      handle_orders_cancel },
    { "GET", "/orders/{id}", ACCESS_READ, "wait timeout", false, false, handle_order },
    { "DELETE", "/orders/{id}", ACCESS_TRADE, "wait timeout", false, false, handle_order_cancel },
    { "GET", "/fills", ACCESS_READ, "symbol tag order_id from to limit after", false, false,
      handle_fills },
    { "GET", "/stream", ACCESS_READ, "topics conflate after", false, true, NULL },
    { "GET", "/errors", ACCESS_READ, "", false, false, handle_errors },
    { "GET", "/errors/{code}", ACCESS_READ, "", false, false, handle_error },
};

/* A pattern has one {name} at most, as its last segment; it matches one segment that is not empty.
 */
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
