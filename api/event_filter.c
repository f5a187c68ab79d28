#include "api/event_filter.h"

#include <string.h>

#include "api/events.h"
#include "api/order_body.h"
#include "base/json.h"
#include "base/text.h"

enum err event_filter_read(const struct api *api, const struct api_call *call,
                           struct event_filter *out, struct api_refusal *refusal)
{
    const char *tag = api_query(call, "tag");
    const char *symbol = api_query(call, "symbol");
    struct error error;

    *out = (struct event_filter){ .tag = "" };
    if (tag && (!order_name_is_valid(tag) || text_copy(out->tag, sizeof(out->tag), tag)))
        return api_refuse(refusal, "invalid_tag",
                          "tag is one tag, of 1 to 64 of A-Z a-z 0-9 . _ : -");
    if (symbol &&
        api_parse_symbol(symbol, NULL, api->default_category, &out->category, out->symbol, &error))
        return api_refuse(refusal, "invalid_symbol", "%s", error.text);
    return ERR_NONE;
}

bool event_filter_is_set(const struct event_filter *filter)
{
    return filter->tag[0] || filter->symbol[0];
}

void event_filter_to_list(const struct event_filter *filter, struct list_filter *out)
{
    if (filter->tag[0])
        out->tag = filter->tag;
    if (!filter->symbol[0])
        return;
    out->symbol = filter->symbol;
    out->has_category = true;
    out->category = filter->category;
}

static void take_slice(const struct json *value, const char **at, uint8_t *bytes)
{
    if (value->type != JSON_STRING || value->bytes < 2 || value->bytes - 2 > UINT8_MAX)
        return;
    *at = value->at + 1;
    *bytes = (uint8_t)(value->bytes - 2);
}

void event_subject_of(struct event_subject *out, const char *event, const char *json,
                      size_t json_bytes)
{
    struct json object;
    struct json_walk walk;
    struct json key;
    struct json value;

    *out = (struct event_subject){ .is_filtered =
                                       strcmp(event, "order") == 0 || strcmp(event, "fill") == 0 };
    if (!out->is_filtered || json_open_trusted(&object, json, json_bytes, NULL))
        return;
    walk = json_walk(&object);
    while (json_next(&walk, &key, &value)) {
        if (json_equals(&key, "category"))
            take_slice(&value, &out->category, &out->category_bytes);
        else if (json_equals(&key, "symbol"))
            take_slice(&value, &out->symbol, &out->symbol_bytes);
        else if (json_equals(&key, "tag"))
            take_slice(&value, &out->tag, &out->tag_bytes);
    }
}

static bool is_text(const char *at, size_t bytes, const char *text)
{
    return at && strlen(text) == bytes && memcmp(at, text, bytes) == 0;
}

bool event_filter_takes(const struct event_filter *filter, const struct event_subject *subject)
{
    if (!subject->is_filtered)
        return true;
    if (filter->tag[0] && !is_text(subject->tag, subject->tag_bytes, filter->tag))
        return false;
    return !filter->symbol[0] ||
           (is_text(subject->symbol, subject->symbol_bytes, filter->symbol) &&
            is_text(subject->category, subject->category_bytes, category_word(filter->category)));
}

bool event_filter_takes_event(const struct event_filter *filter, const char *event,
                              const char *json, size_t json_bytes)
{
    struct event_subject subject;

    if (!event_filter_is_set(filter))
        return true;
    event_subject_of(&subject, event, json, json_bytes);
    return event_filter_takes(filter, &subject);
}
