#include "api/form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/endpoints.h"
#include "api/errors.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define CSV_TYPE "text/csv; charset=utf-8; header=present"

/* --- CSV --- */

static bool is_formula(const char *text, size_t bytes)
{
    struct decimal number;

    return bytes && strchr("=+-@\t\r", text[0]) && decimal_parse_n(&number, text, bytes);
}

static void add_cell(struct buffer *out, const char *text, size_t bytes)
{
    bool formula = is_formula(text, bytes);
    bool quoted = formula;

    for (size_t i = 0; i < bytes && !quoted; i++)
        quoted = strchr(",\"\r\n", text[i]) != NULL;
    if (!quoted) {
        buffer_add(out, text, bytes);
        return;
    }
    buffer_add_text(out, formula ? "\"'" : "\"");
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '"')
            buffer_add(out, "\"", 1);
        buffer_add(out, &text[i], 1);
    }
    buffer_add(out, "\"", 1);
}

/* A text is never longer than its JSON. */
static void add_text(struct buffer *out, const struct json *value)
{
    char few[256];
    char *text = value->bytes <= sizeof(few) ? few : malloc(value->bytes);

    if (!text || json_text(value, text, value->bytes))
        out->failed = text ? ERR_INTERNAL : ERR_NO_MEMORY;
    else
        add_cell(out, text, strlen(text));
    if (text != few)
        free(text);
}

static void add_value(struct buffer *out, const struct json *value)
{
    if (value->type == JSON_STRING)
        add_text(out, value);
    else if (value->type != JSON_NONE && value->type != JSON_NULL)
        add_cell(out, value->at, value->bytes);
}

static void add_csv_row(struct form_list *list, const struct json *row)
{
    struct buffer *out = &list->call->reply;
    struct json_walk walk = json_walk(row);
    struct json key;
    struct json value;

    for (size_t i = 0; i < list->columns_count; i++) {
        if (i)
            buffer_add(out, ",", 1);
        /* The members come in the columns' order; one that does not is looked for. */
        if (!json_next(&walk, &key, &value) || !json_equals(&key, list->columns[i]))
            (void)json_member(row, list->columns[i], &value);
        add_value(out, &value);
    }
    buffer_add_text(out, "\r\n");
}

static void add_csv_header(struct form_list *list)
{
    for (size_t i = 0; i < list->columns_count; i++)
        buffer_addf(&list->call->reply, "%s%s", i ? "," : "", list->columns[i]);
    buffer_add_text(&list->call->reply, "\r\n");
}

/* --- the list --- */

void form_open(struct form_list *list, struct api_call *call, const char *const *columns,
               size_t columns_count)
{
    struct buffer *out = api_reply_begin(call);

    *list = (struct form_list){ .call = call,
                                .columns = columns,
                                .columns_count = columns_count,
                                .row = buffer_of(API_REPLY_MAX) };
    switch (call->form) {
    case FORM_JSON:
        json_add_open(out, '{');
        json_add_key(out, "items");
        json_add_open(out, '[');
        break;
    case FORM_CSV:
        add_csv_header(list);
        break;
    case FORM_NDJSON:
        break;
    }
}

struct buffer *form_row(struct form_list *list)
{
    if (list->call->form == FORM_JSON)
        return &list->call->reply;
    buffer_clear(&list->row);
    return &list->row;
}

void form_row_end(struct form_list *list)
{
    struct buffer *out = &list->call->reply;
    struct json row;

    if (list->call->form == FORM_JSON)
        return;
    if (buffer_check(&list->row)) {
        out->failed = list->row.failed;
        return;
    }
    if (list->call->form == FORM_NDJSON) {
        buffer_add(out, list->row.data, list->row.bytes);
        buffer_add(out, "\n", 1);
        return;
    }
    if (json_open_trusted(&row, list->row.data, list->row.bytes, NULL))
        out->failed = ERR_INTERNAL;
    else
        add_csv_row(list, &row);
}

static void add_link(struct api_call *call, const char *next)
{
    char link[sizeof(call->headers[0].value)];
    struct text text = text_in(link, sizeof(link));

    text_addf(&text, "<%s>; rel=\"next\"", next);
    if (text_fits(&text))
        api_reply_header(call, "Link", link);
}

struct buffer *form_members(struct form_list *list)
{
    struct buffer *out = &list->call->reply;

    if (list->call->form != FORM_JSON)
        return NULL;
    if (!list->items_ended)
        json_add_close(out, ']');
    list->items_ended = true;
    return out;
}

void form_close(struct form_list *list, const char *next, int64_t as_of_ms, const char *source)
{
    static const char *const types[] = { API_JSON, CSV_TYPE, FORM_NDJSON_TYPE };
    struct api_call *call = list->call;
    struct buffer *out = &call->reply;

    if (call->form == FORM_JSON) {
        (void)form_members(list);
        json_add_key(out, "next");
        json_add_text(out, next);
        api_add_age(out, as_of_ms, source);
        json_add_close(out, '}');
    }
    if (next)
        add_link(call, next);
    if (source)
        api_reply_age(call, as_of_ms, source);
    buffer_deinit(&list->row);
    api_reply(call, 200, types[call->form]);
}

bool form_must_be_whole(const struct api_call *call)
{
    return call->form != FORM_JSON && !api_query(call, "limit");
}

void form_refuse_more(struct form_list *list, int rows)
{
    form_abandon(list);
    api_fail(list->call, NULL, "too_many_rows", "there are more than %d rows", rows);
}

void form_abandon(struct form_list *list)
{
    buffer_deinit(&list->row);
}

/* The value to go on with. */
static const char *settled(const struct api_pair *pair, const struct form_span *span,
                           char at[CLOCK_TEXT_MAX])
{
    bool is_from = strcmp(pair->name, "from") == 0;
    bool is_moving = pair->value[0] < '0' || pair->value[0] > '9';

    if (!span || !is_moving || (!is_from && strcmp(pair->name, "to") != 0))
        return pair->value;
    return clock_format(is_from ? span->from_ms : span->to_ms, at);
}

void form_next(const struct api_call *call, const char *after, const struct form_span *span,
               char *out, size_t out_bytes)
{
    struct text text = text_in(out, out_bytes);
    char at[CLOCK_TEXT_MAX];

    text_addf(&text, "%s?after=", call->path);
    text_add_query_value(&text, after);
    for (size_t i = 0; i < call->query_count; i++) {
        if (strcmp(call->query[i].name, "after") == 0)
            continue;
        text_addf(&text, "&%s=", call->query[i].name);
        text_add_query_value(&text, settled(&call->query[i], span, at));
    }
    if (!text_fits(&text))
        out[0] = '\0';
}
