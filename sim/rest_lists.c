/* Lists of orders and executions. */
#include <string.h>

#include "sim/fill.h"
#include "sim/messages.h"
#include "sim/rest_scope.h"

#define DAY_MS      INT64_C(86400000)
#define WEEK_MS     (7 * DAY_MS)
#define CLOSED_KEPT 500 /* that openOnly=1 shows */

static const struct refusal fine = { 0, "OK" };
static const struct refusal bad_page = { 10001, "params error: limit or cursor is invalid" };

static bool is_empty(const char *text)
{
    return !text || !*text;
}

struct order_query {
    struct order_scope scope;
    bool open;
    bool recent;        /* closed lately */
    bool history;       /* closed */
    const char *status; /* "": any */
    int64_t first_ms;
    int64_t last_ms;
    uint64_t before; /* order number: only older ones */
    int64_t limit;
};

/* What the exchange keeps: without a fill a day, else for ever. Not yet: it lags behind. */
static bool in_history(const struct exchange *exchange, const struct sim_order *order)
{
    int64_t closed_ms = exchange->now_ms - order->updated_ms;

    if (order_is_open(order) || closed_ms < exchange->history_lag_ms)
        return false;
    return order->filled_lots > 0 || closed_ms <= DAY_MS;
}

/* Whether a list of this kind has the order at all. */
static bool is_listed(const struct order_query *query, const struct exchange *exchange,
                      const struct sim_order *order)
{
    if (exchange->now_ms - order->created_ms < exchange->lookup_lag_ms)
        return false;
    if (query->history)
        return in_history(exchange, order);
    if (order_is_open(order))
        return query->open;
    return query->recent && history_is_recent(exchange->history, order, CLOSED_KEPT);
}

static bool order_wanted(const struct order_query *query, const struct exchange *exchange,
                         const struct sim_order *order)
{
    if (order->number >= query->before || !order_scope_has(&query->scope, order->instrument) ||
        !(order_kind_of(order) & query->scope.kinds) || !is_listed(query, exchange, order))
        return false;
    if (!is_empty(query->status) && strcmp(query->status, status_theirs(order->status)) != 0)
        return false;
    return order->created_ms >= query->first_ms && order->created_ms <= query->last_ms;
}

static void list_orders(struct rest_call *call, const struct order_query *query)
{
    cJSON *list = build_list(call->result, "list");
    const struct sim_order *order = history_newest(call->exchange->history);
    uint64_t last = 0;
    int64_t added = 0;

    for (; order && added < query->limit; order = order->older) {
        if (!order_wanted(query, call->exchange, order))
            continue;
        sim_message_order(build_item(list), order, false);
        last = order->number;
        added++;
    }
    result_cursor(call, "page_args", added == query->limit ? last : 0);
    build_text(call->result, "category", category_word(query->scope.category));
}

static bool has_id(const struct rest_call *call)
{
    return !is_empty(call_text(call, "orderId")) || !is_empty(call_text(call, "orderLinkId"));
}

static struct sim_order *find_by_id(const struct rest_call *call, enum category category)
{
    const char *order_id = call_text(call, "orderId");

    if (!is_empty(order_id))
        return history_order(call->exchange->history, category, order_id);
    return history_order_by_link(call->exchange->history, category, call_text(call, "orderLinkId"));
}

static void list_one(struct rest_call *call, const struct order_query *query)
{
    cJSON *list = build_list(call->result, "list");
    const struct sim_order *order = find_by_id(call, query->scope.category);

    if (order && is_listed(query, call->exchange, order))
        sim_message_order(build_item(list), order, false);
    build_text(call->result, "nextPageCursor", "");
    build_text(call->result, "category", category_word(query->scope.category));
}

struct refusal rest_open_orders(struct rest_call *call)
{
    struct order_query query = { .last_ms = INT64_MAX, .open = true, .recent = true };
    struct refusal refusal = call_scope(call, SCOPE_FOR_LINEAR, &query.scope);
    int64_t open_only;

    if (refusal.code)
        return refusal;
    if (!call_int(call, "openOnly", 0, 2, 0, &open_only))
        return (struct refusal){ 10001, "params error: openOnly is invalid" };
    if (!call_int(call, "limit", 1, 50, 20, &query.limit) ||
        !call_cursor(call, "page_args", &query.before))
        return bad_page;
    if (has_id(call)) {
        list_one(call, &query);
        return fine;
    }
    refusal = call_order_filter(call, FILTER_LIST, query.scope.category, &query.scope.kinds);
    if (refusal.code)
        return refusal;
    query.open = open_only == 0;
    query.recent = open_only != 0;
    list_orders(call, &query);
    return fine;
}

struct refusal rest_order_history(struct rest_call *call)
{
    struct order_query query = { .history = true };
    struct refusal refusal = call_scope(call, SCOPE_FREE, &query.scope);

    if (!refusal.code)
        refusal = call_window(call, WEEK_MS, &query.first_ms, &query.last_ms);
    if (refusal.code)
        return refusal;
    if (!call_int(call, "limit", 1, 50, 20, &query.limit) ||
        !call_cursor(call, "page_args", &query.before))
        return bad_page;
    if (has_id(call)) {
        list_one(call, &query);
        return fine;
    }
    refusal = call_order_filter(call, FILTER_LIST, query.scope.category, &query.scope.kinds);
    if (refusal.code)
        return refusal;
    query.status = call_text(call, "orderStatus");
    list_orders(call, &query);
    return fine;
}

/* --- executions --- */

struct execution_query {
    struct order_scope scope;
    const char *order_id;
    const char *link;
    const char *type; /* execType; "" or NULL: any */
    int64_t first_ms;
    int64_t last_ms;
    uint64_t before;
    int64_t limit;
};

static bool execution_wanted(const struct execution_query *query,
                             const struct sim_execution *execution)
{
    if (execution->number >= query->before ||
        (!is_empty(query->type) &&
         strcmp(query->type, execution_type_theirs(execution->what)) != 0))
        return false;
    if (!is_empty(query->order_id))
        return execution->instrument->category == query->scope.category &&
               strcmp(execution->order_id, query->order_id) == 0;
    if (!is_empty(query->link))
        return execution->instrument->category == query->scope.category &&
               strcmp(execution->link, query->link) == 0;
    return order_scope_has(&query->scope, execution->instrument) &&
           execution->at_ms <= query->last_ms;
}

/* Where the walk starts, and whether it follows one order. */
static uint64_t first_number(const struct rest_call *call, const struct execution_query *query,
                             bool *chained)
{
    const struct history *history = call->exchange->history;
    const struct sim_order *order;
    uint64_t number = history_last_execution(history);

    *chained = false;
    if (!has_id(call)) {
        number = history_execution_before(history, query->last_ms);
        return number < query->before ? number : query->before - (query->before > 0);
    }
    order = find_by_id(call, query->scope.category);
    if (!order)
        return number;
    *chained = true;
    return order->last_execution;
}

static void list_executions(struct rest_call *call, const struct execution_query *query)
{
    cJSON *list = build_list(call->result, "list");
    bool chained;
    uint64_t number = first_number(call, query, &chained);
    const struct sim_execution *execution;
    bool by_id = has_id(call);
    uint64_t last = 0;
    int64_t added = 0;

    while (added < query->limit &&
           (execution = history_execution(call->exchange->history, number))) {
        if (!by_id && execution->at_ms < query->first_ms)
            break;
        if (execution_wanted(query, execution) &&
            call->exchange->now_ms - execution->at_ms >= call->exchange->lookup_lag_ms) {
            message_execution(build_item(list), execution, false);
            last = number;
            added++;
        }
        number = chained ? execution->previous : number - 1;
    }
    result_cursor(call, "exec", added == query->limit ? last : 0);
    build_text(call->result, "category", category_word(query->scope.category));
}

struct refusal rest_executions(struct rest_call *call)
{
    struct execution_query query = { .order_id = call_text(call, "orderId"),
                                     .link = call_text(call, "orderLinkId"),
                                     .type = call_text(call, "execType") };
    struct refusal refusal = call_scope(call, SCOPE_FREE, &query.scope);

    if (!refusal.code)
        refusal = call_window(call, WEEK_MS, &query.first_ms, &query.last_ms);
    if (refusal.code)
        return refusal;
    /* Unlike lists of orders, which have them of all coins. */
    if (query.scope.category == CATEGORY_OPTION && is_empty(query.scope.base))
        query.scope.base = "BTC";
    if (!call_int(call, "limit", 1, 100, 50, &query.limit) ||
        !call_cursor(call, "exec", &query.before))
        return bad_page;
    list_executions(call, &query);
    return fine;
}
