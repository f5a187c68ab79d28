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

struct seen_request *seen_add(struct seen *seen, const struct rest_request *request, int64_t now_ms)
{
    struct seen_request *kept = &seen->list[seen->count % SEEN_MAX];
    cJSON *body;

    if (!is_kept(request))
        return NULL;
    memset(kept, 0, sizeof(*kept));
    kept->number = ++seen->count;
    kept->at_ms = now_ms;
    text_cut(kept->path, sizeof(kept->path), request->path);
    body = cJSON_ParseWithLength(request->body, request->body_bytes);
    take_text(kept->category, sizeof(kept->category), body, "category");
    take_text(kept->symbol, sizeof(kept->symbol), body, "symbol");
    take_text(kept->order_id, sizeof(kept->order_id), body, "orderId");
    take_text(kept->link, sizeof(kept->link), body, "orderLinkId");
    cJSON_Delete(body);
    return kept;
}

void seen_decide(struct seen_request *request, const struct rest_answer *answer)
{
    if (!request)
        return;
    request->decided = answer->decided;
    request->code = answer->code;
    if (!request->order_id[0])
        text_cut(request->order_id, sizeof(request->order_id), answer->order_id);
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
