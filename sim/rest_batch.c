/* Batches: one category, many orders, an outcome for each. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sim/rest.h"

static const struct refusal fine = { 0, "OK" };
static const struct refusal no_units = { 10006, "Too many visits. Exceeded the API Rate Limit." };

int call_batch_most(enum category category)
{
    return category == CATEGORY_SPOT ? BATCH_SPOT_MAX : BATCH_MAX;
}

/* A call of its own on the item, which says the category now. */
static struct refusal run_item(const struct rest_call *call, cJSON *item, rest_handler *handle,
                               cJSON *result)
{
    struct rest_call one = { .exchange = call->exchange,
                             .login = call->login,
                             .rights = call->rights,
                             .feeds = call->feeds,
                             .body = item,
                             .result = result,
                             .in_batch = true };

    if (!cJSON_IsObject(item))
        return (struct refusal){ 10001, "params error: an object was expected" };
    cJSON_DeleteItemFromObjectCaseSensitive(item, "category");
    if (handle != sim_rest_create) /* only creates have the word */
        cJSON_DeleteItemFromObjectCaseSensitive(item, "orderFilter");
    build_text(item, "category", call_text(call, "category"));
    return handle(&one);
}

static const char *member_text(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

    return text ? text : "";
}

/* A refused item keeps the link that it came with, and has no orderId. */
static void show_item(cJSON *out, const struct rest_call *call, const cJSON *item,
                      const cJSON *result, bool creates, struct refusal refusal)
{
    build_text(out, "category", call_text(call, "category"));
    build_text(out, "symbol", member_text(item, "symbol"));
    build_text(out, "orderId", member_text(result, "orderId"));
    build_text(out, "orderLinkId", member_text(refusal.code ? item : result, "orderLinkId"));
    if (!creates)
        return;
    if (refusal.code)
        build_text(out, "createAt", "");
    else
        build_int_text(out, "createAt", call->exchange->now_ms);
}

static void do_item(struct rest_call *call, cJSON *item, rest_handler *handle, cJSON *list,
                    cJSON *codes)
{
    cJSON *result = cJSON_CreateObject();
    struct refusal refusal = no_units;
    struct rest_item *told = &call->items[call->items_count++];
    cJSON *code = build_item(codes);

    if (call->items_count <= call->granted)
        refusal = run_item(call, item, handle, result);
    show_item(build_item(list), call, item, result, handle == sim_rest_create, refusal);
    build_int(code, "code", refusal.code);
    build_text(code, "msg", refusal.text);
    told->code = refusal.code;
    text_cut(told->order_id, sizeof(told->order_id), member_text(result, "orderId"));
    cJSON_Delete(result);
}

static struct refusal run_batch(struct rest_call *call, rest_handler *handle)
{
    cJSON *request = cJSON_GetObjectItemCaseSensitive(call->body, "request");
    int count = cJSON_GetArraySize(request);
    enum category category;
    struct refusal refusal = call_category(call, &category);
    cJSON *list;
    cJSON *codes;
    cJSON *item;

    if (refusal.code)
        return refusal;
    if (!cJSON_IsArray(request) || count == 0)
        return (struct refusal){ 10001, "params error: request is required" };
    if (count > call_batch_most(category))
        return (struct refusal){ 10001, "params error: too many orders in one request" };
    list = build_list(call->result, "list");
    call->ext = cJSON_CreateObject();
    codes = build_list(call->ext, "list");
    cJSON_ArrayForEach(item, request) do_item(call, item, handle, list, codes);
    return fine;
}

struct refusal rest_create_batch(struct rest_call *call)
{
    return run_batch(call, sim_rest_create);
}

struct refusal rest_amend_batch(struct rest_call *call)
{
    return run_batch(call, rest_amend);
}

struct refusal rest_cancel_batch(struct rest_call *call)
{
    return run_batch(call, rest_cancel);
}
