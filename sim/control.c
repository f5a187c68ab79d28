#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sim/control_parts.h"
#include "sim/delivery.h"
#include "sim/funding.h"
#include "sim/market.h"
#include "sim/messages.h"

#define AGE_MAX_MS (INT64_C(731) * 86400000)

static const struct {
    const char *name;
    enum fault_mode mode;
} modes[] = {
    { "drop_before", FAULT_DROP_BEFORE },
    { "drop_after", FAULT_DROP_AFTER },
    { "delay", FAULT_DELAY },
    { "answer", FAULT_ANSWER },
    { "act_then_answer", FAULT_ACT_THEN_ANSWER },
    { "hang", FAULT_HANG },
};

void control_deinit(struct control *control)
{
    for (size_t i = 0; i < ARRAY_LEN(control->faults); i++)
        free(control->faults[i].body);
    memset(control->faults, 0, sizeof(control->faults));
}

bool control_owns(const char *path)
{
    return strncmp(path, "/sim/", 5) == 0;
}

const char *control_text(const cJSON *body, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, name));

    return text ? text : "";
}

int64_t control_int(const cJSON *body, const char *name, int64_t otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, name);

    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : otherwise;
}

bool control_is_true(const cJSON *body, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, name));
}

/* Each handler answers NULL, or what is wrong. */

static const char *set_price(struct control *control, const cJSON *body, cJSON *out)
{
    struct decimal price;

    (void)out;
    if (decimal_parse(&price, control_text(body, "price")))
        return "price is not a decimal";
    if (market_jump(control->exchange, control_text(body, "symbol"), price))
        return "no such symbol, or a price that it cannot have";
    return NULL;
}

static const char *set_pause(struct control *control, const cJSON *body, cJSON *out)
{
    (void)out;
    market_pause(control->exchange, control_is_true(body, "paused"));
    return NULL;
}

static void clear_fault(struct control_fault *fault)
{
    free(fault->body);
    memset(fault, 0, sizeof(*fault));
}

/* The place of this path, or a free one. */
static struct control_fault *fault_place(struct control *control, const char *path)
{
    struct control_fault *found = NULL;

    for (size_t i = 0; i < ARRAY_LEN(control->faults); i++) {
        struct control_fault *fault = &control->faults[i];

        if (fault->mode != FAULT_NONE && strcmp(fault->path, path) == 0)
            return fault;
        if (fault->mode == FAULT_NONE && !found)
            found = fault;
    }
    return found;
}

static enum fault_mode find_mode(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        if (strcmp(modes[i].name, name) == 0)
            return modes[i].mode;
    }
    return FAULT_NONE;
}

static char *body_of(const cJSON *request)
{
    const cJSON *body = cJSON_GetObjectItemCaseSensitive(request, "body");

    if (cJSON_IsObject(body) || cJSON_IsArray(body))
        return cJSON_PrintUnformatted(body);
    return strdup(cJSON_IsString(body) ? body->valuestring : "");
}

/* A count of 0 (or the mode "none") takes the fault away. */
static const char *set_fault(struct control *control, const cJSON *body, cJSON *out)
{
    const char *path = control_text(body, "path");
    enum fault_mode mode = find_mode(control_text(body, "mode"));
    int64_t count = control_int(body, "count", 1);
    struct control_fault *fault = fault_place(control, path);

    (void)out;
    if (mode == FAULT_NONE && strcmp(control_text(body, "mode"), "none") != 0)
        return "no such mode";
    if (!fault)
        return "too many faults";
    clear_fault(fault);
    if (mode == FAULT_NONE || count <= 0)
        return NULL;
    if (text_copy(fault->path, sizeof(fault->path), path) || !*path)
        return "path is missing or too long";
    fault->mode = mode;
    fault->count = count;
    fault->delay_ms = control_int(body, "ms", 0);
    fault->status = (int)control_int(body, "status", 200);
    fault->body = body_of(body);
    return NULL;
}

static const char *settle_funding(struct control *control, const cJSON *body, cJSON *out)
{
    const char *symbol = control_text(body, "symbol");
    const struct instrument *instrument = instrument_find(CATEGORY_LINEAR, symbol);

    if (!instrument)
        instrument = instrument_find(CATEGORY_INVERSE, symbol);
    if (!instrument)
        return "symbol is not one of a linear or inverse contract";
    build_int(out, "executions", funding_settle(control->exchange, instrument));
    return NULL;
}

static const char *deliver(struct control *control, const cJSON *body, cJSON *out)
{
    const struct instrument *option =
        instrument_find(CATEGORY_OPTION, control_text(body, "symbol"));

    if (!option)
        return "symbol is not one of an option";
    build_int(out, "executions", delivery_settle(control->exchange, option));
    return NULL;
}

static const char *set_key(struct control *control, const cJSON *body, cJSON *out)
{
    const cJSON *ips = cJSON_GetObjectItemCaseSensitive(body, "ips");
    struct key_rights rights = { 0 };
    const cJSON *ip;

    (void)out;
    rights.withdraw = control_is_true(body, "withdraw");
    rights.read_only = control_int(body, "read_only", 0) != 0;
    cJSON_ArrayForEach(ip, ips)
    {
        const char *text = cJSON_GetStringValue(ip);

        if (!text || rights.ips_count == KEY_IPS_MAX ||
            text_copy(rights.ips[rights.ips_count], KEY_IP_MAX, text))
            return "ips is a list of at most 8 addresses";
        rights.ips_count++;
    }
    control->rest->rights = rights;
    return NULL;
}

static const char *age(struct control *control, const cJSON *body, cJSON *out)
{
    int64_t ms = control_int(body, "ms", 0);

    (void)out;
    if (ms <= 0 || ms > AGE_MAX_MS)
        return "ms is a time of at most two years";
    history_age(control->exchange->history, ms);
    return NULL;
}

static const char *forget(struct control *control, const cJSON *body, cJSON *out)
{
    (void)body;
    (void)out;
    history_forget_recent(control->exchange->history);
    return NULL;
}

static const char *show_stats(struct control *control, const cJSON *body, cJSON *out)
{
    const struct rest_stats *stats = &control->rest->stats;

    (void)body;
    rest_show_counts(stats->requests, build_object(out, "requests"));
    rest_show_counts(stats->limited, build_object(out, "limited"));
    rest_show_counts(stats->forbidden, build_object(out, "forbidden"));
    control_show_limits(control, build_object(out, "limits"));
    build_int(out, "creates_accepted", (int64_t)stats->creates_accepted);
    build_int(out, "duplicates_refused", (int64_t)stats->duplicates_refused);
    build_int(out, "signature_failures", (int64_t)stats->signature_failures);
    build_int(out, "sockets", control->sockets->count);
    build_int(out, "sockets_opened", (int64_t)control->sockets->opened);
    build_int(out, "sockets_cut_slow", (int64_t)control->sockets->cut_slow);
    return NULL;
}

static const char *show_orders(struct control *control, const cJSON *body, cJSON *out)
{
    const struct sim_order *order = history_newest(control->exchange->history);
    cJSON *list = build_list(out, "list");

    (void)body;
    for (; order; order = order->older) {
        cJSON *item = build_item(list);

        build_text(item, "category", category_word(order->instrument->category));
        sim_message_order(item, order, false);
    }
    return NULL;
}

static const char *show_executions(struct control *control, const cJSON *body, cJSON *out)
{
    const struct history *history = control->exchange->history;
    uint64_t number = history_last_execution(history);
    cJSON *list = build_list(out, "list");
    const struct sim_execution *execution;

    (void)body;
    for (; (execution = history_execution(history, number)); number--) {
        cJSON *item = build_item(list);

        build_text(item, "category", category_word(execution->instrument->category));
        message_execution(item, execution, false);
    }
    return NULL;
}

static const struct {
    const char *method;
    const char *path;
    const char *(*handle)(struct control *control, const cJSON *body, cJSON *out);
} doors[] = {
    { "POST", "/sim/price", set_price },
    { "POST", "/sim/pause", set_pause },
    { "POST", "/sim/fault", set_fault },
    { "POST", "/sim/stream", control_set_stream },
    { "POST", "/sim/key", set_key },
    { "POST", "/sim/funding", settle_funding },
    { "POST", "/sim/deliver", deliver },
    { "POST", "/sim/book", control_break_book },
    { "POST", "/sim/liquidate", control_liquidate },
    { "POST", "/sim/pool", control_set_pool },
    { "POST", "/sim/greeks", control_push_greeks },
    { "POST", "/sim/flood", control_flood },
    { "GET", "/sim/flood", control_show_flood },
    { "GET", "/sim/books", control_show_books },
    { "POST", "/sim/limits", control_set_limits },
    { "POST", "/sim/ban", control_ban },
    { "POST", "/sim/age", age },
    { "POST", "/sim/forget", forget },
    { "GET", "/sim/stats", show_stats },
    { "GET", "/sim/requests", control_show_requests },
    { "GET", "/sim/orders", show_orders },
    { "GET", "/sim/executions", show_executions },
};

/* The parameters of a GET, as texts. */
static cJSON *query_object(const struct rest_request *request)
{
    struct rest_call call = { .body = NULL };
    cJSON *out = cJSON_CreateObject();

    call_read_query(&call, request->query);
    for (size_t i = 0; i < call.params_count; i++)
        build_text(out, call.params[i].name, call.params[i].value);
    call_deinit(&call);
    return out;
}

void control_handle(struct control *control, const struct rest_request *request,
                    struct rest_answer *answer)
{
    bool get = strcmp(request->method, "GET") == 0;
    cJSON *body =
        get ? query_object(request) : cJSON_ParseWithLength(request->body, request->body_bytes);
    const char *wrong = "no such door";
    cJSON *out = cJSON_CreateObject();

    memset(answer, 0, sizeof(*answer));
    answer->status = 404;
    for (size_t i = 0; i < ARRAY_LEN(doors); i++) {
        if (strcmp(doors[i].path, request->path) != 0 ||
            strcmp(doors[i].method, request->method) != 0)
            continue;
        wrong = doors[i].handle(control, body, out);
        answer->status = wrong ? 400 : 200;
    }
    build_bool(out, "ok", !wrong);
    if (wrong)
        build_text(out, "error", wrong);
    answer->body = cJSON_PrintUnformatted(out);
    answer->body_bytes = answer->body ? strlen(answer->body) : 0;
    cJSON_Delete(out);
    cJSON_Delete(body);
}

const struct control_fault *control_fault(struct control *control, const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(control->faults); i++) {
        struct control_fault *fault = &control->faults[i];

        if (fault->mode != FAULT_NONE && fault->count > 0 && strcmp(fault->path, path) == 0) {
            fault->count--;
            return fault;
        }
    }
    return NULL;
}
