#include "sim/seen.h"

#include <string.h>

#include "base/text.h"

static bool is_kept(const struct rest_request *request)
{
    return strcmp(request->method, "POST") == 0 &&
           (strncmp(request->path, "/v5/order/", 10) == 0 ||
            strncmp(request->path, "/v5/position/", 13) == 0);
}

static void take_text(char *to, size_t bytes, const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

    text_cut(to, bytes, text ? text : "");
}

/* The outer object has the category, the inner one (of a batch) all else. */
static void keep(struct seen *seen, const struct rest_request *request, int64_t now_ms,
                 const cJSON *outer, const cJSON *inner, int item)
{
    struct seen_request *kept = &seen->list[seen->count % SEEN_MAX];

    memset(kept, 0, sizeof(*kept));
    kept->number = ++seen->count;
    kept->at_ms = now_ms;
    kept->item = item;
    text_cut(kept->path, sizeof(kept->path), request->path);
    take_text(kept->category, sizeof(kept->category), outer, "category");
    take_text(kept->symbol, sizeof(kept->symbol), inner, "symbol");
    take_text(kept->order_id, sizeof(kept->order_id), inner, "orderId");
    take_text(kept->link, sizeof(kept->link), inner, "orderLinkId");
}

uint64_t seen_add(struct seen *seen, const struct rest_request *request, int64_t now_ms)
{
    uint64_t first = seen->count + 1;
    cJSON *body;
    const cJSON *list;
    const cJSON *item;
    int count = 0;

    if (!is_kept(request))
        return 0;
    body = cJSON_ParseWithLength(request->body, request->body_bytes);
    list = cJSON_GetObjectItemCaseSensitive(body, "request");
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > BATCH_MAX || !list->child)
        keep(seen, request, now_ms, body, body, 0);
    else
        cJSON_ArrayForEach(item, list) keep(seen, request, now_ms, body, item, ++count);
    cJSON_Delete(body);
    return first;
}

static void decide(struct seen_request *request, const struct rest_answer *answer, int code,
                   const char *order_id)
{
    request->decided = answer->decided;
    request->code = code;
    if (!request->order_id[0])
        text_cut(request->order_id, sizeof(request->order_id), order_id);
}

void seen_decide(struct seen *seen, uint64_t number, const struct rest_answer *answer)
{
    for (; number != 0 && number <= seen->count; number++) {
        struct seen_request *request = &seen->list[(number - 1) % SEEN_MAX];

        if (request->item > 0 && request->item <= answer->items_count)
            decide(request, answer, answer->items[request->item - 1].code,
                   answer->items[request->item - 1].order_id);
        else
            decide(request, answer, answer->code, answer->order_id);
    }
}

static void show_one(cJSON *out, const struct seen_request *request)
{
    build_int(out, "number", (int64_t)request->number);
    build_text(out, "path", request->path);
    build_text(out, "category", request->category);
    build_text(out, "symbol", request->symbol);
    build_text(out, "orderId", request->order_id);
    build_text(out, "orderLinkId", request->link);
    build_int(out, "at_ms", request->at_ms);
    if (request->item > 0)
        build_int(out, "item", request->item);
    build_bool(out, "accepted", request->decided && request->code == 0);
    if (request->decided)
        build_int(out, "code", request->code);
}

void seen_show(const struct seen *seen, const char *path, uint64_t after, cJSON *out)
{
    uint64_t number = seen->count > SEEN_MAX ? seen->count - SEEN_MAX : 0;
    cJSON *list = build_list(out, "list");

    for (number = number > after ? number : after; number < seen->count; number++) {
        const struct seen_request *request = &seen->list[number % SEEN_MAX];

        if (!path || strcmp(path, request->path) == 0)
            show_one(build_item(list), request);
    }
    build_int(out, "last", (int64_t)seen->count);
}
