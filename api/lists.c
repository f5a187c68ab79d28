/* api/lists.c - lists from the journal: newest first, on a history worker. JSON a page at a time;
 * CSV and NDJSON as one export, read in short pieces so that no snapshot of the file is held long.
 */
#include "api/lists.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/endpoints.h"
#include "api/events.h"
#include "api/form.h"
#include "api/handlers.h"
#include "api/lookup.h"
#include "api/order_body.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000
#define EXPORT_MAX    100000 /* rows of a CSV or NDJSON */
#define EXPORT_BYTES  (API_REPLY_MAX - (size_t)1024 * 1024)
#define PIECE_ROWS    1000
#define BUSY_RETRY_MS 1000

static const char *const order_columns[] = {
    "id",
    "client_id",
    "link",
    "category",
    "symbol",
    "side",
    "type",
    "tif",
    "qty",
    "quote_qty",
    "price",
    "trigger_price",
    "trigger_direction",
    "trigger_by",
    "spot_trigger",
    "take_profit",
    "stop_loss",
    "tp_trigger_by",
    "sl_trigger_by",
    "take_profit_limit_price",
    "stop_loss_limit_price",
    "reduce_only",
    "close_on_trigger",
    "position_idx",
    "slippage_ticks",
    "slippage_percent",
    "smp",
    "is_leverage",
    "state",
    "filled_qty",
    "avg_price",
    "fees",
    "reject_reason",
    "cancel_reason",
    "tag",
    "client",
    "created_at",
    "updated_at",
    "seq",
    "native", /* the last one: only when asked for */
};
static const char *const fill_columns[] = {
    "id",  "order_id", "client_id", "category", "symbol",     "side", "qty",    "price", "value",
    "fee", "fee_coin", "liquidity", "kind",     "closed_qty", "tag",  "client", "at",    "seq",
};

struct list_job {
    const struct api *api;
    struct api_call *call;
    bool fills;
    struct list_filter filter;
    struct stored_native native; /* of the row that is being shown */
    char symbol[SYMBOL_MAX];
    struct form_list list;
    int wanted;
    int count;
    int64_t last_row; /* the newest row that was written, 0: none */
    bool more;        /* there is a row behind it */
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
    bool is_export = call->form != FORM_JSON;
    int64_t now_ms = clock_wall_ms();
    bool native;
    int64_t limit;
    size_t state;
    enum err err;

    if ((err = lookup_keys(job->api, refusal)) ||
        (err = lookup_word(call, "state", states, ARRAY_LEN(states), 3, &state, refusal)) ||
        (err = list_read_symbol(job->api, call, filter, job->symbol, refusal)) ||
        (err = lookup_time(call, "from", now_ms, &filter->from_ms, refusal)) ||
        (err = lookup_time(call, "to", now_ms, &filter->to_ms, refusal)) ||
        (err = lookup_int(call, "limit", 1, is_export ? EXPORT_MAX : LIMIT_MAX,
                          is_export ? EXPORT_MAX : LIMIT_DEFAULT, &limit, refusal)) ||
        (err = lookup_int(call, "after", 1, INT64_MAX, 0, &filter->after, refusal)) ||
        (err = lookup_flag(call, "native", &native, refusal)))
        return err;
    if (native)
        filter->native = &job->native;
    filter->state = filters[state];
    job->wanted = (int)limit;
    filter->order_id = api_query(call, "order_id");
    if (filter->order_id && strlen(filter->order_id) >= CLIENT_ID_MAX)
        return api_refuse(refusal, "invalid_client_id", "order_id is longer than any id");
    return list_read_tag(call, filter, refusal);
}

/* --- the rows --- */

static bool is_large(const struct list_job *job)
{
    return job->call->reply.bytes > EXPORT_BYTES;
}

/* False: the reply has become large. */
static bool took_row(struct list_job *job, int64_t row_id)
{
    form_row_end(&job->list);
    job->count++;
    job->last_row = row_id;
    return !is_large(job);
}

static bool on_order_row(const struct order *order, int64_t row_id, void *userdata)
{
    struct list_job *job = userdata;

    if (job->filter.native)
        api_add_order_native(form_row(&job->list), order, NULL, &job->native);
    else
        api_add_order(form_row(&job->list), order, NULL);
    return took_row(job, row_id);
}

static bool on_fill_row(const struct fill *fill, int64_t row_id, void *userdata)
{
    struct list_job *job = userdata;

    api_add_fill(form_row(&job->list), fill);
    return took_row(job, row_id);
}

static bool on_order_behind(const struct order *order, int64_t row_id, void *userdata)
{
    struct list_job *job = userdata;

    (void)order;
    (void)row_id;
    job->more = true;
    return false;
}

static bool on_fill_behind(const struct fill *fill, int64_t row_id, void *userdata)
{
    struct list_job *job = userdata;

    (void)fill;
    (void)row_id;
    job->more = true;
    return false;
}

/* Writes up to PIECE_ROWS rows more; `*ended`: there were no more. */
static enum err read_piece(struct list_job *job, struct history_reader *reader, bool *ended)
{
    struct list_filter filter = job->filter;
    int before = job->count;
    enum err err;

    filter.limit = job->wanted - job->count < PIECE_ROWS ? job->wanted - job->count : PIECE_ROWS;
    if (job->last_row)
        filter.after = job->last_row;
    err = job->fills ? reader_fills(reader, &filter, on_fill_row, job)
                     : reader_orders(reader, &filter, on_order_row, job);
    *ended = job->count - before < filter.limit && !is_large(job);
    return err;
}

/* A full list is followed by a look at the next row: `next` is null on the last page, not on an
 * empty one behind it. */
static enum err look_behind(struct list_job *job, struct history_reader *reader)
{
    struct list_filter behind = job->filter;

    behind.native = NULL;
    behind.after = job->last_row;
    behind.limit = 1;
    return job->fills ? reader_fills(reader, &behind, on_fill_behind, job)
                      : reader_orders(reader, &behind, on_order_behind, job);
}

/* --- the call --- */

static void finish(struct list_job *job)
{
    char after[24];
    char next[1536];
    const struct form_span span = { job->filter.from_ms, job->filter.to_ms };

    if (job->more && form_must_be_whole(job->call)) {
        form_refuse_more(&job->list, job->count);
        free(job);
        return;
    }
    (void)snprintf(after, sizeof(after), "%" PRId64, job->last_row);
    if (job->more)
        form_next(job->call, after, &span, next, sizeof(next));
    form_close(&job->list, job->more ? next : NULL, clock_wall_ms(), "journal");
    free(job);
}

static void fail(struct list_job *job, enum err err)
{
    const struct api_problem_more more = { .retry_after_ms = BUSY_RETRY_MS };

    form_abandon(&job->list);
    if (err == ERR_INVALID)
        api_fail(job->call, NULL, "invalid_value", "after: there is no such place in the list");
    else if (err == ERR_BUSY)
        api_fail(job->call, &more, "busy", "too many reads wait for the journal");
    else
        api_fail(job->call, &more, "journal_unavailable", "the journal can't be read now");
    free(job);
}

static void on_journal(struct history_reader *reader, enum err err, void *userdata)
{
    struct list_job *job = userdata;
    bool ended = false;
    bool full;

    if (!err)
        err = atomic_load(&job->call->gone) ? ERR_BUSY : read_piece(job, reader, &ended);
    full = job->count >= job->wanted || is_large(job);
    if (!err && !ended && full)
        err = look_behind(job, reader);
    if (!err && !ended && !full) {
        err = history_submit(job->api->history, 0, on_journal, job);
        if (!err)
            return;
    }
    if (err)
        fail(job, err);
    else
        finish(job);
}

static void serve_list(const struct api *api, struct api_call *call, bool fills)
{
    struct list_job *job = calloc(1, sizeof(*job));
    struct api_refusal refusal;
    enum err err;

    if (!job) {
        api_fail(call, NULL, "busy", "out of memory");
        return;
    }
    *job = (struct list_job){ .api = api, .call = call, .fills = fills };
    if (read_filter(job, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        free(job);
        return;
    }
    if (fills)
        form_open(&job->list, call, fill_columns, ARRAY_LEN(fill_columns));
    else
        form_open(&job->list, call, order_columns,
                  ARRAY_LEN(order_columns) - (job->filter.native ? 0 : 1));
    err = history_submit(api->history, loop_position(api->loop), on_journal, job);
    if (err)
        fail(job, err);
}

void handle_orders(const struct api *api, struct api_call *call)
{
    serve_list(api, call, false);
}

void handle_fills(const struct api *api, struct api_call *call)
{
    serve_list(api, call, true);
}
