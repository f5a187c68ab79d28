#include "api/endpoints.h"

#include <string.h>

#include "api/handlers.h"
#include "base/text.h"

/* clang-format off */
static const struct api_endpoint endpoints[] = {
    { "GET",    "/",                      handle_root,          ACCESS_READ,  NO_TOKEN,   "" },
    { "GET",    "/openapi.yaml",          handle_openapi,       ACCESS_READ,  NO_TOKEN,   "" },
    { "GET",    "/openapi.json",          handle_openapi_json,  ACCESS_READ,  NO_TOKEN,   "" },
    { "GET",    "/docs",                  handle_docs,          ACCESS_READ,  NO_TOKEN,   "" },
    { "GET",    "/assets/{file}",         handle_asset,         ACCESS_READ,  NO_TOKEN,   "" },
    { "GET",    "/livez",                 handle_livez,         ACCESS_READ,  NO_TOKEN,   "" },
    { "GET",    "/readyz",                handle_readyz,        ACCESS_READ,  0,          "" },
    { "GET",    "/health",                handle_health,        ACCESS_READ,  0,          "" },
    { "GET",    "/metrics",               handle_metrics,       ACCESS_READ,  0,          "" },
    { "GET",    "/version",               handle_version,       ACCESS_READ,  0,          "" },
    { "GET",    "/status",                handle_status,        ACCESS_READ,  0,          "" },
    { "GET",    "/symbols",               handle_symbols,       ACCESS_READ,  IS_LIST,    "category base quote status" },
    { "GET",    "/symbols/{symbol}",      handle_symbol,        ACCESS_READ,  0,          "category" },
    { "GET",    "/ticker/{symbol}",       handle_ticker,        ACCESS_READ,  0,          "category max_age" },
    { "GET",    "/tickers",               handle_tickers,       ACCESS_READ,  IS_LIST,    "category base max_age" },
    { "GET",    "/price/{symbol}",        handle_price,         ACCESS_READ,  0,          "category of max_age" },
    { "GET",    "/book/{symbol}",         handle_book,          ACCESS_READ,  0,          "category depth max_age" },
    { "GET",    "/trades/{symbol}",       handle_trades,        ACCESS_READ,  IS_LIST,    "category limit max_age" },
    { "GET",    "/candles/{symbol}",      handle_candles,       ACCESS_READ,  IS_LIST,    "category interval from to limit after max_age" },
    { "GET",    "/funding/{symbol}",      handle_funding,       ACCESS_READ,  IS_LIST,    "category from to limit after max_age" },
    { "GET",    "/open_interest/{symbol}", handle_open_interest, ACCESS_READ, IS_LIST,    "category interval from to limit after max_age" },
    { "POST",   "/orders",                handle_order_create,  ACCESS_TRADE, TAKES_BODY, "wait timeout dry_run native" },
    { "GET",    "/orders",                handle_orders,        ACCESS_READ,  IS_LIST,    "state symbol tag from to limit after native" },
    { "DELETE", "/orders",                handle_orders_cancel, ACCESS_TRADE, 0,          "symbol tag side category all wait timeout" },
    { "GET",    "/orders/{id}",           handle_order,         ACCESS_READ,  0,          "wait timeout native" },
    { "PATCH",  "/orders/{id}",           handle_order_amend,   ACCESS_TRADE, TAKES_BODY, "wait timeout native" },
    { "DELETE", "/orders/{id}",           handle_order_cancel,  ACCESS_TRADE, 0,          "wait timeout native" },
    { "GET",    "/orders/{id}/timeline",  handle_order_timeline, ACCESS_READ, IS_LIST,    "limit after" },
    { "GET",    "/fills",                 handle_fills,         ACCESS_READ,  IS_LIST,    "symbol tag order_id from to limit after" },
    { "GET",    "/pnl",                   handle_pnl,           ACCESS_READ,  IS_LIST,    "group symbol category tag from to check" },
    { "GET",    "/events",                handle_events,        ACCESS_READ,  IS_LIST,    "after limit wait tag symbol" },
    { "GET",    "/positions",             handle_positions,     ACCESS_READ,  IS_LIST,    "category max_age" },
    { "GET",    "/positions/{symbol}",    handle_position,      ACCESS_READ,  0,          "category position_idx max_age" },
    { "PUT",    "/positions/{symbol}",    handle_position_put,  ACCESS_TRADE, TAKES_BODY, "category position_idx wait timeout" },
    { "PATCH",  "/positions/{symbol}",    handle_position_patch, ACCESS_TRADE, TAKES_BODY, "category position_idx" },
    { "DELETE", "/positions/{symbol}",    handle_position_close, ACCESS_TRADE, 0,         "category position_idx qty percent wait timeout" },
    { "GET",    "/balance",               handle_balance,       ACCESS_READ,  0,          "account max_age" },
    { "GET",    "/balance/{coin}",        handle_balance_coin,  ACCESS_READ,  0,          "account max_age" },
    { "GET",    "/account",               handle_account,       ACCESS_READ,  0,          "" },
    { "GET",    "/fees/{symbol}",         handle_fees,          ACCESS_READ,  0,          "category" },
    { "GET",    "/guard",                 handle_guard,         ACCESS_READ,  0,          "" },
    { "PATCH",  "/guard",                 handle_guard_patch,   ACCESS_ADMIN, TAKES_BODY, "" },
    { "POST",   "/guard/kill",            handle_guard_kill,    ACCESS_TRADE, TAKES_BODY, "timeout reason" },
    { "POST",   "/guard/arm",             handle_guard_arm,     ACCESS_ADMIN, TAKES_BODY, "" },
    { "GET",    "/stream",                NULL,                 ACCESS_READ,  IS_STREAM,  "topics conflate after tag symbol" },
    { "GET",    "/topics",                handle_topics,        ACCESS_READ,  IS_LIST,    "" },
    { "POST",   "/login",                 NULL,                 ACCESS_READ,  TAKES_BODY | NO_TOKEN | IS_LOGIN, "" },
    { "POST",   "/logout",                NULL,                 ACCESS_READ,  TAKES_BODY | NO_TOKEN | IS_LOGIN, "" },
    { "GET",    "/errors",                handle_errors,        ACCESS_READ,  IS_LIST,    "" },
    { "GET",    "/errors/{code}",         handle_error,         ACCESS_READ,  0,          "" },
};
/* clang-format on */

/* A {name} in the pattern matches one segment that is not empty. */
static bool path_matches(const char *pattern, const char *path, char param[API_PARAM_MAX])
{
    const char *brace = strchr(pattern, '{');
    size_t fixed;
    size_t bytes;

    param[0] = '\0';
    if (!brace)
        return strcmp(pattern, path) == 0;
    fixed = (size_t)(brace - pattern);
    if (strncmp(pattern, path, fixed) != 0)
        return false;
    bytes = strcspn(path + fixed, "/");
    if (bytes == 0 || strcmp(path + fixed + bytes, strchr(brace, '}') + 1) != 0)
        return false;
    return text_copy_n(param, API_PARAM_MAX, path + fixed, bytes) == ERR_NONE;
}

static void allow_method(struct text *allow, const char *method)
{
    if (allow->bytes)
        text_add(allow, ", ");
    text_add(allow, method);
    if (strcmp(method, "GET") == 0)
        text_add(allow, ", HEAD");
}

/* Where ".csv", ".json" or ".ndjson" begins; NULL: nowhere. */
static const char *form_suffix(const char *path)
{
    static const char *const suffixes[] = { ".csv", ".json", ".ndjson" };
    size_t bytes = strlen(path);

    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        size_t own = strlen(suffixes[i]);

        if (bytes > own && strcmp(path + bytes - own, suffixes[i]) == 0)
            return path + bytes - own;
    }
    return NULL;
}

static const struct api_endpoint *find(const char *method, const char *path, bool lists,
                                       char param[API_PARAM_MAX], bool *path_known, char allow[64])
{
    struct text methods = text_in(allow, 64);
    const char *served = strcmp(method, "HEAD") == 0 ? "GET" : method;

    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        if ((lists && !(endpoints[i].flags & IS_LIST)) ||
            !path_matches(endpoints[i].path, path, param))
            continue;
        *path_known = true;
        if (strcmp(endpoints[i].method, served) == 0)
            return &endpoints[i];
        allow_method(&methods, endpoints[i].method);
    }
    param[0] = '\0';
    return NULL;
}

const struct api_endpoint *api_find(const char *method, const char *path, char param[API_PARAM_MAX],
                                    bool *path_known, char allow[64], const char **suffix)
{
    const char *cut = form_suffix(path);
    const struct api_endpoint *found = NULL;
    char bare[512];

    *path_known = false;
    *suffix = NULL;
    /* A list's form first: "/candles/BTCUSDT.csv" is not a symbol with a point in it. */
    if (cut && text_copy_n(bare, sizeof(bare), path, (size_t)(cut - path)) == ERR_NONE)
        found = find(method, bare, true, param, path_known, allow);
    if (found || *path_known)
        *suffix = cut;
    else
        found = find(method, path, false, param, path_known, allow);
    return found;
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
    "account",  "after",   "all",          "base",     "category", "check",   "conflate", "depth",
    "dry_run",  "from",    "group",        "interval", "limit",    "max_age", "native",   "of",
    "order_id", "percent", "position_idx", "qty",      "quote",    "reason",  "side",     "state",
    "status",   "symbol",  "tag",          "timeout",  "to",       "topics",  "wait",
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
