#include "sim/rest.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/text.h"

/* The documented defaults, requests a second: spot, linear, inverse, option, and of routes that
 * count them together. 0: the route has no such category. */
typedef int rates[LIMIT_KEYS];

static const rates unlimited = { 0 };
static const rates entries = { 20, 10, 10, 10, 0 };
static const rates amends = { 10, 10, 10, 10, 0 };
static const rates mass_cancels = { 20, 10, 10, 1, 0 };
static const rates lists = { 50, 50, 50, 50, 0 };
static const rates positions = { 0, 50, 50, 50, 0 };
static const rates leverages = { 0, 10, 10, 0, 0 };
static const rates modes = { 0, 10, 0, 0, 0 };
static const rates stops = { 0, 10, 10, 10, 0 };
static const rates whole_5 = { 0, 0, 0, 0, 5 };
static const rates whole_10 = { 0, 0, 0, 0, 10 };
static const rates whole_25 = { 0, 0, 0, 0, 25 };
static const rates whole_50 = { 0, 0, 0, 0, 50 };

struct route {
    const char *method;
    const char *path;
    bool private;
    const int *rates;
    rest_handler *handle;
};

static const struct route routes[] = {
    { "GET", "/v5/market/time", false, unlimited, rest_time },
    { "GET", "/v5/market/instruments-info", false, unlimited, rest_instruments },
    { "GET", "/v5/market/tickers", false, unlimited, rest_tickers },
    { "GET", "/v5/market/orderbook", false, unlimited, rest_orderbook },
    { "GET", "/v5/market/recent-trade", false, unlimited, rest_recent_trades },
    { "GET", "/v5/market/kline", false, unlimited, rest_klines },
    { "GET", "/v5/market/mark-price-kline", false, unlimited, rest_mark_klines },
    { "GET", "/v5/market/index-price-kline", false, unlimited, rest_index_klines },
    { "GET", "/v5/market/funding/history", false, unlimited, rest_funding_history },
    { "GET", "/v5/market/open-interest", false, unlimited, rest_open_interest },
    { "GET", "/v5/market/price-limit", false, unlimited, rest_price_limit },
    { "GET", "/v5/market/insurance", false, unlimited, rest_insurance },
    { "GET", "/v5/market/adlAlert", false, unlimited, rest_adl_alert },
    { "POST", "/v5/order/create", true, entries, sim_rest_create },
    { "POST", "/v5/order/amend", true, amends, rest_amend },
    { "POST", "/v5/order/cancel", true, entries, rest_cancel },
    { "POST", "/v5/order/cancel-all", true, mass_cancels, rest_cancel_all },
    { "POST", "/v5/order/create-batch", true, entries, rest_create_batch },
    { "POST", "/v5/order/amend-batch", true, entries, rest_amend_batch },
    { "POST", "/v5/order/cancel-batch", true, entries, rest_cancel_batch },
    { "GET", "/v5/order/realtime", true, lists, rest_open_orders },
    { "GET", "/v5/order/history", true, lists, rest_order_history },
    { "GET", "/v5/execution/list", true, lists, rest_executions },
    { "GET", "/v5/position/list", true, positions, rest_positions },
    { "POST", "/v5/position/set-leverage", true, leverages, rest_set_leverage },
    { "POST", "/v5/position/switch-mode", true, modes, rest_switch_mode },
    { "POST", "/v5/position/trading-stop", true, stops, rest_trading_stop },
    { "GET", "/v5/account/wallet-balance", true, whole_50, rest_wallet },
    { "GET", "/v5/asset/transfer/query-account-coins-balance", true, whole_5, rest_coins },
    { "GET", "/v5/asset/coin-greeks", true, whole_50, rest_coin_greeks },
    { "GET", "/v5/account/info", true, whole_50, rest_account_info },
    { "GET", "/v5/account/transaction-log", true, whole_25, rest_transaction_log },
    { "GET", "/v5/account/fee-rate", true, whole_5, rest_fee_rate },
    { "GET", "/v5/user/query-api", true, whole_10, rest_query_api },
};

_Static_assert(ARRAY_LEN(routes) <= REST_ROUTES_MAX, "statistics have a place for each route");

/* --- parameters --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static char *decode(const char *text, size_t bytes)
{
    char *out = malloc(bytes + 1);
    size_t used = 0;

    for (size_t i = 0; out && i < bytes; i++) {
        if (text[i] == '%' && i + 2 < bytes && hex_digit(text[i + 1]) >= 0 &&
            hex_digit(text[i + 2]) >= 0) {
            out[used++] = (char)(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
            i += 2;
        } else {
            out[used++] = text[i];
        }
    }
    if (out)
        out[used] = '\0';
    return out;
}

void call_read_query(struct rest_call *call, const char *query)
{
    while (*query && call->params_count < REST_PARAMS_MAX) {
        size_t bytes = strcspn(query, "&");
        size_t name_bytes = strcspn(query, "=&");
        struct rest_param *param = &call->params[call->params_count];

        if (name_bytes < bytes) {
            param->name = decode(query, name_bytes);
            param->value = decode(query + name_bytes + 1, bytes - name_bytes - 1);
            if (param->name && param->value) {
                call->params_count++;
            } else {
                free(param->name);
                free(param->value);
            }
        }
        query += bytes + (query[bytes] == '&');
    }
}

static const cJSON *member(const struct rest_call *call, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(call->body, name);
}

const char *call_text(const struct rest_call *call, const char *name)
{
    for (size_t i = 0; i < call->params_count; i++) {
        if (strcmp(call->params[i].name, name) == 0)
            return call->params[i].value;
    }
    return cJSON_GetStringValue(member(call, name));
}

bool call_is_not_text(const struct rest_call *call, const char *name)
{
    const cJSON *item = member(call, name);

    return item && !cJSON_IsString(item) && !cJSON_IsNull(item);
}

bool call_bool(const struct rest_call *call, const char *name)
{
    return cJSON_IsTrue(member(call, name));
}

bool call_int(const struct rest_call *call, const char *name, int64_t low, int64_t high,
              int64_t otherwise, int64_t *out)
{
    const cJSON *item = member(call, name);
    const char *text = call_text(call, name);

    *out = otherwise;
    if (cJSON_IsNumber(item)) {
        *out = (int64_t)item->valuedouble;
    } else if (text && *text) {
        size_t digits = strspn(text, "0123456789");

        if (digits == 0 || digits > 15 || text[digits])
            return false;
        *out = strtoll(text, NULL, 10);
    } else {
        return true;
    }
    return *out >= low && *out <= high;
}

struct refusal call_category(const struct rest_call *call, enum category *out)
{
    static const char *const names[CATEGORY_COUNT] = { "spot", "linear", "inverse", "option" };
    const char *text = call_text(call, "category");

    for (int i = 0; text && i < CATEGORY_COUNT; i++) {
        if (strcmp(names[i], text) == 0) {
            *out = (enum category)i;
            return (struct refusal){ 0, "OK" };
        }
    }
    return (struct refusal){ 10001, "params error: category is invalid" };
}

/* --- a request --- */

int rest_route_find(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (strcmp(routes[i].path, path) == 0)
            return (int)i;
    }
    return -1;
}

const char *rest_route_path(int route)
{
    return route >= 0 && (size_t)route < ARRAY_LEN(routes) ? routes[route].path : NULL;
}

int rest_route_limit(int route, int key)
{
    return routes[route].rates[key];
}

void rest_init_limits(struct rest *rest, bool off)
{
    limits_init(&rest->limits);
    rest->limits.settings.off = off;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        for (int key = 0; key < LIMIT_KEYS; key++)
            rest->limits.settings.account[i][key] = rest_route_limit((int)i, key);
    }
}

static const struct route *find_route(const struct rest_request *request)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (strcmp(routes[i].path, request->path) == 0 &&
            strcmp(routes[i].method, request->method) == 0)
            return &routes[i];
    }
    return NULL;
}

static void answer_text(struct rest_answer *answer, int status, const char *text)
{
    answer->status = status;
    answer->body = strdup(text);
    answer->body_bytes = answer->body ? strlen(text) : 0;
}

static void answer_envelope(struct rest_answer *answer, const struct rest_call *call,
                            struct refusal refusal)
{
    cJSON *envelope = cJSON_CreateObject();

    build_int(envelope, "retCode", refusal.code);
    build_text(envelope, "retMsg", refusal.text);
    if (refusal.code == 0)
        (void)cJSON_AddItemReferenceToObject(envelope, "result", call->result);
    else
        (void)build_object(envelope, "result");
    if (call->ext)
        (void)cJSON_AddItemReferenceToObject(envelope, "retExtInfo", call->ext);
    else
        (void)build_object(envelope, "retExtInfo");
    build_int(envelope, "time", call->exchange->now_ms);
    answer->status = 200;
    answer->body = cJSON_PrintUnformatted(envelope);
    answer->body_bytes = answer->body ? strlen(answer->body) : 0;
    cJSON_Delete(envelope);
}

static size_t counter_of(const struct route *route)
{
    return route ? (size_t)(route - routes) : REST_ROUTES_MAX;
}

static void count_code(struct rest *rest, const struct route *route, int code, bool creates)
{
    if (code == 10006)
        rest->stats.limited[counter_of(route)]++;
    if (code == 10004)
        rest->stats.signature_failures++;
    if (code == 110072 || code == 170141)
        rest->stats.duplicates_refused++;
    if (creates && code == 0)
        rest->stats.creates_accepted++;
}

/* The orders of a batch one by one. */
static void count(struct rest *rest, const struct route *route, const struct rest_call *call,
                  struct refusal refusal)
{
    count_code(rest, route, refusal.code, route->handle == sim_rest_create);
    for (int i = 0; i < call->items_count; i++)
        count_code(rest, route, call->items[i].code, route->handle == rest_create_batch);
}

static struct refusal read_body(struct rest_call *call, const struct rest_request *request)
{
    call->body = cJSON_ParseWithLength(request->body, request->body_bytes);
    if (!cJSON_IsObject(call->body))
        return (struct refusal){ 10001, "params error: the body is not a JSON object" };
    return (struct refusal){ 0, "OK" };
}

static struct refusal authenticate(const struct rest *rest, const struct rest_request *request,
                                   bool post)
{
    return auth_check(&rest->login, &request->headers, post ? request->body : request->query,
                      post ? request->body_bytes : strlen(request->query), rest->exchange->now_ms);
}

/* A batch that is too large is refused for that, and takes one. */
static int units_of(const struct rest *rest, const struct rest_call *call, enum category category)
{
    int count = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(call->body, "request"));
    bool one = category == CATEGORY_OPTION || rest->limits.settings.batch_is_one;

    return one || count < 1 || count > call_batch_most(category) ? 1 : count;
}

/* A request without a category of the route has no window to be counted in; it is refused for
 * that. */
static struct refusal take_turn(struct rest *rest, const struct route *route,
                                const struct rest_request *request, struct rest_call *call,
                                struct limit_state *state)
{
    enum category category = CATEGORY_SPOT;
    int key = LIMIT_WHOLE;
    int units;

    if (route->rates[LIMIT_WHOLE] == 0) {
        if (call_category(call, &category).code)
            return (struct refusal){ 0, "OK" };
        key = (int)category;
    }
    units = units_of(rest, call, category);
    *state = limits_take(&rest->limits, (int)(route - routes), key, units, request->arrived_us);
    call->granted = units == 1 && !state->refused ? BATCH_MAX : state->granted;
    if (state->refused)
        return (struct refusal){ 10006, "Too many visits. Exceeded the API Rate Limit." };
    return (struct refusal){ 0, "OK" };
}

static struct refusal run(struct rest *rest, const struct route *route,
                          const struct rest_request *request, struct rest_call *call,
                          struct limit_state *state)
{
    bool post = strcmp(request->method, "POST") == 0;
    struct refusal refusal = { 0, "OK" };

    if (route->private)
        refusal = authenticate(rest, request, post);
    if (!refusal.code && post)
        refusal = read_body(call, request);
    else if (!refusal.code)
        call_read_query(call, request->query);
    if (!refusal.code && route->private)
        refusal = take_turn(rest, route, request, call, state);
    if (!refusal.code && post && rest->rights.read_only)
        refusal = (struct refusal){ 10005, "Permission denied: this key is read-only" };
    return refusal.code ? refusal : route->handle(call);
}

void call_deinit(struct rest_call *call)
{
    for (size_t i = 0; i < call->params_count; i++) {
        free(call->params[i].name);
        free(call->params[i].value);
    }
    cJSON_Delete(call->body);
    cJSON_Delete(call->result);
    cJSON_Delete(call->ext);
}

bool rest_admit(struct rest *rest, const struct rest_request *request, struct rest_answer *answer)
{
    size_t counter = counter_of(find_route(request));

    rest->stats.requests[counter]++;
    if (limits_admit(&rest->limits, request->arrived_us))
        return true;
    rest->stats.forbidden[counter]++;
    memset(answer, 0, sizeof(*answer));
    answer_text(answer, 403, "403 Forbidden: access too frequent");
    return false;
}

static void tell(struct rest_answer *answer, const struct rest_call *call, struct refusal refusal)
{
    const char *order_id =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(call->result, "orderId"));

    answer->decided = true;
    answer->code = refusal.code;
    text_cut(answer->order_id, sizeof(answer->order_id), order_id ? order_id : "");
    memcpy(answer->items, call->items, sizeof(answer->items));
    answer->items_count = call->items_count;
    answer->limit_reset_ms = call->exchange->now_ms + (answer->limit.wait_us + 999) / 1000;
}

void rest_handle(struct rest *rest, const struct rest_request *request, struct rest_answer *answer)
{
    const struct route *route = find_route(request);
    struct rest_call call = { .exchange = rest->exchange,
                              .login = &rest->login,
                              .rights = &rest->rights,
                              .feeds = rest->feeds };
    struct refusal refusal;

    memset(answer, 0, sizeof(*answer));
    if (!route) {
        answer_text(answer, 404, "404 page not found");
        return;
    }
    if (strcmp(request->method, "GET") == 0 && request->body_bytes > 0) {
        answer_text(answer, 403, "403 Forbidden");
        return;
    }
    call.result = cJSON_CreateObject();
    refusal = run(rest, route, request, &call, &answer->limit);
    count(rest, route, &call, refusal);
    answer_envelope(answer, &call, refusal);
    tell(answer, &call, refusal);
    call_deinit(&call);
}

void rest_show_counts(const uint64_t counts[REST_ROUTES_MAX + 1], cJSON *out)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        build_int(out, routes[i].path, (int64_t)counts[i]);
    build_int(out, "other", (int64_t)counts[REST_ROUTES_MAX]);
}
