/* api/timeline.c - GET /orders/{id}/timeline: what the journal holds of one order, step by step.
 *
 * The order's row gives the intent, when it was signed, and what is in flight; each journaled event
 * gives a step, whose name comes from what changed since the one before. `at` is this host's clock,
 * when the step was journaled; `exchange_at` the exchange's. What is not stored is not shown: an
 * intent and its signing have one clock each, an amend or cancel on its way is no event, and only
 * its effect stays.
 *
 * Events are read in pieces; a page ends when it is full or has taken long, and `next` goes on: it
 * says which event was the last, and which of the order's own rows have been given. */
#include "db/timeline.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/form.h"
#include "api/handlers.h"
#include "api/lookup.h"
#include "api/members.h"
#include "api/reply.h"
#include "api/timeline_step.h"
#include "base/clock.h"
#include "base/text.h"
#include "db/change.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000
#define EXPORT_MAX    100000
#define PIECE_EVENTS  20000
#define PAGE_MS       5000
#define BUSY_RETRY_MS 1000

static const char *const columns[] = { "at", "exchange_at", "step", "state", "seq", "detail" };

/* Rows that are no events: each is given once, on whichever page. */
enum own_row { OWN_SENT = 1, OWN_AMEND = 2, OWN_CANCEL = 4, OWN_ROWS = 8 };

struct timeline_job {
    const struct api *api;
    struct api_call *call;
    struct order order;
    bool found;          /* the order was read */
    bool first_page;     /* begins with the intent */
    uint64_t after;      /* events up to here are done */
    uint64_t before_seq; /* the order's last event on an earlier page; 0: none */
    uint64_t last;
    struct timeline_state state; /* after the last event shown */
    int attempts_ended;          /* "not_sent" events seen, on earlier pages too */
    unsigned given;              /* enum own_row, likewise */
    struct form_list list;
    int limit;
    int count;
    int64_t until_ms;
};

/* --- the query --- */

static bool read_number(const char **text, uint64_t *out)
{
    size_t digits = strspn(*text, "0123456789");

    if (digits == 0 || digits > 18)
        return false;
    *out = strtoull(*text, NULL, 10);
    *text += digits;
    return true;
}

/* "<after>-<before>-<attempts ended and own rows>" */
static bool read_cursor(struct timeline_job *job, const char *text)
{
    uint64_t own;

    if (!read_number(&text, &job->after) || *text++ != '-' ||
        !read_number(&text, &job->before_seq) || *text++ != '-' || !read_number(&text, &own) ||
        *text || own > INT_MAX)
        return false;
    job->given = (unsigned)(own % OWN_ROWS);
    job->attempts_ended = (int)(own / OWN_ROWS);
    return true;
}

static enum err read_query(struct timeline_job *job, struct api_refusal *refusal)
{
    const char *cursor = api_query(job->call, "after");
    bool is_export = job->call->form != FORM_JSON;
    int64_t limit;
    enum err err;

    if ((err = lookup_keys(job->api, refusal)) ||
        (err = lookup_int(job->call, "limit", 1, is_export ? EXPORT_MAX : LIMIT_MAX,
                          is_export ? EXPORT_MAX : LIMIT_DEFAULT, &limit, refusal)))
        return err;
    job->limit = (int)limit;
    job->first_page = !cursor;
    if (cursor && !read_cursor(job, cursor))
        return api_refuse(refusal, "invalid_value", "after: as in `next`, not \"%.60s\"", cursor);
    return ERR_NONE;
}

/* --- items --- */

static void add_item(struct timeline_job *job, const struct timeline_step *step)
{
    struct buffer *out = form_row(&job->list);

    json_add_open(out, '{');
    member_time(out, "at", step->at_ms);
    member_time(out, "exchange_at", step->exchange_ms);
    member_text(out, "step", step->step);
    member_text(out, "state", step->state);
    member_int_or_null(out, "seq", (int64_t)step->seq);
    member_text(out, "detail", step->detail);
    json_add_close(out, '}');
    form_row_end(&job->list);
    job->count++;
}

static bool is_full(const struct timeline_job *job)
{
    return job->count >= job->limit;
}

/* The rows of the order itself that are still to come. */
static unsigned lacking(const struct timeline_job *job)
{
    const struct order *order = &job->order;
    unsigned all = 0;

    if (order->signed_ms > 0)
        all |= OWN_SENT;
    if (order->amend != AMEND_NONE)
        all |= OWN_AMEND;
    if (order->cancel_wanted && !order_state_is_final(order->state))
        all |= OWN_CANCEL;
    return all & ~job->given;
}

static void add_own(struct timeline_job *job, enum own_row row, const struct timeline_step *step)
{
    job->given |= row;
    add_item(job, step);
}

/* When it was signed is known of the last attempt alone. */
static void add_sent(struct timeline_job *job)
{
    struct timeline_step step = { .step = "sent", .exchange_ms = job->order.signed_ms };

    if (is_full(job) || !(lacking(job) & OWN_SENT))
        return;
    if (job->order.attempt > 1)
        (void)snprintf(step.detail, sizeof(step.detail), "attempt %d", job->order.attempt);
    add_own(job, OWN_SENT, &step);
}

/* Behind the end of the attempt before it. */
static void add_sent_in_turn(struct timeline_job *job)
{
    if (job->attempts_ended >= job->order.attempt - 1)
        add_sent(job);
}

static void add_begin(struct timeline_job *job)
{
    struct timeline_step step;

    timeline_begin(&job->order, &step);
    add_item(job, &step);
}

/* What is on its way now. */
static void add_in_flight(struct timeline_job *job)
{
    struct timeline_step step = { .step = "cancel_wanted" };
    char change[CHANGE_TEXT_MAX];

    if (!is_full(job) && lacking(job) & OWN_AMEND) {
        timeline_amend(&job->order, change_write(&job->order.change, change), &step);
        add_own(job, OWN_AMEND, &step);
    }
    if (!is_full(job) && lacking(job) & OWN_CANCEL) {
        step = (struct timeline_step){ .step = "cancel_wanted",
                                       .state = order_state_word(&job->order) };
        add_own(job, OWN_CANCEL, &step);
    }
}

static bool on_event(const struct stored_event *event, void *userdata)
{
    struct timeline_job *job = userdata;
    struct timeline_step step;

    if (!timeline_step(&job->state, &job->order, event, &step))
        return true;
    add_item(job, &step);
    job->before_seq = strcmp(event->event, "order") == 0 ? event->seq : job->before_seq;
    if (strcmp(step.step, "not_sent") == 0) {
        job->attempts_ended++;
        add_sent_in_turn(job);
    }
    return !is_full(job);
}

/* The order as it was at the end of the page before. */
static bool on_before(const struct stored_event *event, void *userdata)
{
    struct timeline_job *job = userdata;
    struct timeline_step step;

    (void)timeline_step(&job->state, &job->order, event, &step);
    return false;
}

/* --- the call --- */

static void fail(struct timeline_job *job, enum err err)
{
    const struct api_problem_more more = { .retry_after_ms = BUSY_RETRY_MS };

    form_abandon(&job->list);
    if (err == ERR_NOT_FOUND)
        api_fail(job->call, NULL, "order_not_found", "there is no order \"%.130s\"",
                 job->call->param);
    else if (err == ERR_BUSY)
        api_fail(job->call, &more, "busy", "too many reads wait for the journal");
    else
        api_fail(job->call, &more, "journal_unavailable", "the journal can't be read now");
    free(job);
}

static void finish(struct timeline_job *job)
{
    char cursor[72];
    char next[512];
    bool more;

    if (job->after >= job->last) {
        add_sent(job); /* the end of the attempt before it is not kept any more */
        add_in_flight(job);
    }
    more = job->after < job->last || lacking(job);
    if (more && form_must_be_whole(job->call)) {
        form_refuse_more(&job->list, job->count);
        free(job);
        return;
    }
    (void)snprintf(cursor, sizeof(cursor), "%" PRIu64 "-%" PRIu64 "-%" PRIu64, job->after,
                   job->before_seq, (uint64_t)job->attempts_ended * OWN_ROWS + job->given);
    if (more)
        form_next(job->call, cursor, NULL, next, sizeof(next));
    form_close(&job->list, more ? next : NULL, clock_wall_ms(), "journal");
    free(job);
}

/* The order, and where its events are. */
static enum err find_order(struct timeline_job *job, struct history_reader *reader)
{
    uint64_t after = 0;
    enum err err = reader_order(reader, job->call->param, &job->order);

    if (!err)
        err = timeline_range(reader, &job->order, &after, &job->last);
    if (!err && job->before_seq > 0) {
        err = timeline_event(reader, job->before_seq, on_before, job);
        if (err == ERR_NOT_FOUND)
            err = ERR_NONE; /* not kept any more */
    }
    if (err)
        return err;
    job->found = true;
    if (job->first_page) {
        job->after = after;
        add_begin(job);
    } else if (job->after < after) {
        job->after = after;
    }
    add_sent_in_turn(job);
    return ERR_NONE;
}

static void on_journal(struct history_reader *reader, enum err err, void *userdata)
{
    struct timeline_job *job = userdata;

    if (!err && atomic_load(&job->call->gone))
        err = ERR_BUSY;
    if (!err && !job->found)
        err = find_order(job, reader);
    if (!err && job->after < job->last && !is_full(job))
        err = timeline_events(reader, &job->order, &job->after, job->last, PIECE_EVENTS, on_event,
                              job);
    if (!err && job->after < job->last && !is_full(job) && clock_mono_ms() < job->until_ms) {
        err = history_submit(job->api->history, 0, on_journal, job);
        if (!err)
            return;
    }
    if (err)
        fail(job, err);
    else
        finish(job);
}

void handle_order_timeline(const struct api *api, struct api_call *call)
{
    struct timeline_job *job = calloc(1, sizeof(*job));
    struct api_refusal refusal;
    enum err err;

    if (!job) {
        api_fail(call, NULL, "busy", "out of memory");
        return;
    }
    job->api = api;
    job->call = call;
    job->until_ms = clock_mono_ms() + PAGE_MS;
    if (read_query(job, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        free(job);
        return;
    }
    form_open(&job->list, call, columns, ARRAY_LEN(columns));
    err = history_submit(api->history, loop_position(api->loop), on_journal, job);
    if (err)
        fail(job, err);
}
