/* api/lists.c - lists from the journal: newest first, a page at a time, on a history worker. */
#include "api/lists.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/endpoints.h"
#include "api/events.h"
#include "api/handlers.h"
#include "api/lookup.h"
#include "api/order_body.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000

struct list_job {
    const struct api *api;
    struct api_call *call;
    bool fills;
    struct list_filter filter;
    char symbol[SYMBOL_MAX];
    /* While the page is read. */
    int count;
    int64_t last_row;
    bool more;
};

enum err list_read_symbol(const struct api *api, const struct api_call *call,
                          struct list_filter *filter, char symbol[SYMBOL_MAX],
                          struct api_refusal *refusal)
{
    const char *text = api_query(call, "symbol");
    struct error error;

    if (!text)
        return ERR_NONE;
    if (api_parse_symbol(text, api_query(call, "category"), api->default_category,
                         &filter->category, symbol, &error))
        return api_refuse(refusal, "invalid_symbol", "%s", error.text);
    filter->has_category = true;
    filter->symbol = symbol;
    return ERR_NONE;
}

enum err list_read_tag(const struct api_call *call, struct list_filter *filter,
                       struct api_refusal *refusal)
{
    filter->tag = api_query(call, "tag");
    if (filter->tag && !order_name_is_valid(filter->tag))
        return api_refuse(refusal, "invalid_tag", "tag is not 1 to 64 of A-Z a-z 0-9 . _ : -");
    return ERR_NONE;
}

static enum err read_filter(struct list_job *job, struct api_refusal *refusal)
{
    static const char *const states[] = { "open", "unknown", "final", "all" };
    static const enum order_filter_state filters[] = { FILTER_OPEN, FILTER_UNKNOWN, FILTER_FINAL,
                                                       FILTER_ALL };
    const struct api_call *call = job->call;
    struct list_filter *filter = &job->filter;
    int64_t now_ms = clock_wall_ms();
    int64_t limit;
    size_t state;
    enum err err;

    if ((err = lookup_keys(job->api, refusal)) ||
        (err = lookup_word(call, "state", states, ARRAY_LEN(states), 3, &state, refusal)) ||
        (err = list_read_symbol(job->api, call, filter, job->symbol, refusal)) ||
        (err = lookup_time(call, "from", now_ms, &filter->from_ms, refusal)) ||
        (err = lookup_time(call, "to", now_ms, &filter->to_ms, refusal)) ||
        (err = lookup_int(call, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit, refusal)) ||
        (err = lookup_int(call, "after", 1, INT64_MAX, 0, &filter->after, refusal)))
        return err;
    filter->state = filters[state];
    filter->limit = (int)limit;
    filter->order_id = api_query(call, "order_id");
    if (filter->order_id && strlen(filter->order_id) >= CLIENT_ID_MAX)
        return api_refuse(refusal, "invalid_client_id", "order_id is longer than any id");
    return list_read_tag(call, filter, refusal);
}

/* --- the page --- */

/* False: the page is full, and there is one row more. */
static bool take_row(struct list_job *job, int64_t row_id)
{
    if (job->count == job->filter.limit) {
        job->more = true;
        return false;
    }
    job->count++;
    job->last_row = row_id;
    return true;
}

static bool on_order_row(const struct order *order, int64_t row_id, void *userdata)
{
    struct list_job *job = userdata;

    if (!take_row(job, row_id))
        return false;
    api_add_order(&job->call->reply, order, NULL);
    return true;
}

static bool on_fill_row(const struct fill *fill, int64_t row_id, void *userdata)
{
    struct list_job *job = userdata;

    if (!take_row(job, row_id))
        return false;
    api_add_fill(&job->call->reply, fill);
    return true;
}

static enum err read_rows(struct list_job *job, struct history_reader *reader,
                          const struct list_filter *filter)
{
    if (job->fills)
        return reader_fills(reader, filter, on_fill_row, job);
    return reader_orders(reader, filter, on_order_row, job);
}

/* A full page is followed by a look at the next row: `next` is null on the last page, not on an
 * empty one behind it. */
static enum err read_page(struct list_job *job, struct history_reader *reader)
{
    struct list_filter behind = job->filter;
    enum err err = read_rows(job, reader, &job->filter);

    if (err || job->count < job->filter.limit || job->more)
        return err;
    behind.after = job->last_row;
    behind.limit = 1;
    return read_rows(job, reader, &behind);
}

/* The same list, further on. */
static void write_next(const struct list_job *job, char *out, size_t out_bytes)
{
    const struct api_call *call = job->call;
    struct text text = text_in(out, out_bytes);

    text_addf(&text, "%s?after=%" PRId64, call->endpoint->path, job->last_row);
    for (size_t i = 0; i < call->query_count; i++) {
        if (strcmp(call->query[i].name, "after") == 0)
            continue;
        text_addf(&text, "&%s=", call->query[i].name);
        text_add_query_value(&text, call->query[i].value);
    }
}

static void finish_page(struct list_job *job)
{
    struct buffer *out = &job->call->reply;
    int64_t now_ms = clock_wall_ms();
    char next[1536];
    char link[sizeof(next) + 16];

    json_add_close(out, ']');
    json_add_key(out, "next");
    if (job->more) {
        write_next(job, next, sizeof(next));
        json_add_text(out, next);
        (void)snprintf(link, sizeof(link), "<%s>; rel=\"next\"", next);
        api_reply_header(job->call, "Link", link);
    } else {
        json_add_null(out);
    }
    api_add_age(out, now_ms, "journal");
    json_add_close(out, '}');
    api_reply_age(job->call, now_ms, "journal");
    api_reply(job->call, 200, API_JSON);
}

static void on_journal(struct history_reader *reader, enum err err, void *userdata)
{
    struct list_job *job = userdata;
    const struct api_problem_more more = { .retry_after_ms = 1000 };
    struct buffer *out = api_reply_begin(job->call);

    json_add_open(out, '{');
    json_add_key(out, "items");
    json_add_open(out, '[');
    if (!err)
        err = read_page(job, reader);
    if (err == ERR_INVALID)
        api_fail(job->call, NULL, "invalid_value", "after: there is no such place in the list");
    else if (err)
        api_fail(job->call, &more, "journal_unavailable", "the journal can't be read now");
    else
        finish_page(job);
    free(job);
}

static void serve_list(const struct api *api, struct api_call *call, bool fills)
{
    const struct api_problem_more more = { .retry_after_ms = 1000 };
    struct list_job *job = calloc(1, sizeof(*job));
    struct api_refusal refusal;

    if (job) {
        *job = (struct list_job){ .api = api, .call = call, .fills = fills };
        if (read_filter(job, &refusal)) {
            api_fail_refusal(call, &refusal, NULL, NULL);
            free(job);
            return;
        }
        if (!history_submit(api->history, loop_position(api->loop), on_journal, job))
            return;
    }
    api_fail(call, &more, "busy", "too many reads wait for the journal");
    free(job);
}

void handle_orders(const struct api *api, struct api_call *call)
{
    serve_list(api, call, false);
}

void handle_fills(const struct api *api, struct api_call *call)
{
    serve_list(api, call, true);
}
