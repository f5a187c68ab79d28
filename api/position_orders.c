/* api/position_orders.c - the orders of PUT and DELETE /positions/{symbol}: one is answered as an
 * order is, several as a list.
 *
 * Whoever works on an order holds a share of the change: the last one to let go answers. */
#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "api/limits.h"
#include "api/position_change_parts.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define PIECE_BODY   ((size_t)64 * 1024)
#define SHOW_WAIT_MS 5000

void change_piece_deinit(struct piece *piece)
{
    create_job_deinit(&piece->job);
    free(piece->known);
    free(piece->body);
}

void change_free(struct change *change)
{
    for (size_t i = 0; i < change->count; i++)
        change_piece_deinit(&change->pieces[i]);
    free(change->pieces);
    position_call_release(&change->position);
    free(change);
}

void change_fail_as(struct change *change, const struct api_refusal *refusal, const char *outcome)
{
    struct api_call *call = change->position.call;
    const char *key = change->wish.base.client_id[0] ? change->wish.base.client_id : NULL;

    position_call_release(&change->position);
    api_fail_refusal(call, refusal, outcome, key);
    change_free(change);
}

/* --- how an order ends: alone --- */

static struct change *change_of(const struct create_job *job)
{
    return job->batch;
}

static void one_answer(struct create_job *job, const struct loop_reply *reply)
{
    struct change *change = change_of(job);
    struct loop_reply copy = *reply;

    copy.timing.complete = false; /* the journal and the position took their time, too */
    position_call_release(&change->position);
    limits_reply_write(job->call, ROUTE_ORDER_CREATE, job->request.category);
    order_answer(job->call, ORDER_CALL_CREATE, &copy, job->request.client_id);
    change_free(change);
}

static void one_refuse(struct create_job *job, const struct api_refusal *refusal,
                       const char *outcome)
{
    change_fail_as(change_of(job), refusal, outcome);
}

static void one_unsure(struct create_job *job, const struct order_verdict *verdict,
                       const char *detail)
{
    struct change *change = change_of(job);

    position_call_release(&change->position);
    limits_reply_write(job->call, ROUTE_ORDER_CREATE, job->request.category);
    api_fail(job->call, &verdict->more, verdict->code, "%s", detail);
    change_free(change);
}

static const struct create_ends one_ends = {
    .on_ready = create_job_submit, .answer = one_answer, .refuse = one_refuse, .unsure = one_unsure
};

/* --- how one of several ends --- */

static void add_part(struct buffer *out, const char *key, const struct piece *piece, bool here)
{
    json_add_key(out, key);
    if (here && piece->body)
        json_add_raw(out, piece->body, piece->body_bytes);
    else
        json_add_null(out);
}

static void finish(struct change *change)
{
    struct api_call *call = change->position.call;
    struct buffer *out = api_reply_begin(call);

    json_add_open(out, '{');
    json_add_key(out, "items");
    json_add_open(out, '[');
    for (size_t i = 0; i < change->count; i++) {
        json_add_open(out, '{');
        json_add_key(out, "status");
        json_add_int(out, change->pieces[i].status);
        add_part(out, "order", &change->pieces[i], change->pieces[i].is_order);
        add_part(out, "problem", &change->pieces[i], !change->pieces[i].is_order);
        json_add_close(out, '}');
    }
    json_add_close(out, ']');
    json_add_close(out, '}');
    change_free(change);
    limits_reply(call);
    api_reply_keep(call, 207, API_JSON);
}

static void let_go(struct change *change)
{
    if (atomic_fetch_sub(&change->shares, 1) == 1)
        change->on_all(change);
}

static void note_problem(struct create_job *job, const char *code, const char *detail,
                         const struct api_problem_more *more)
{
    struct piece *piece = (struct piece *)job;
    struct buffer body = buffer_of(PIECE_BODY);

    piece->status = api_problem_find(code)->status;
    api_problem_body(&body, code, detail, job->call->request_id, more);
    piece->body = buffer_take(&body, &piece->body_bytes);
}

static void piece_answer(struct create_job *job, const struct loop_reply *reply)
{
    struct piece *piece = (struct piece *)job;
    struct buffer body = buffer_of(PIECE_BODY);
    struct order_verdict verdict;
    char detail[480];

    order_judge(&verdict, ORDER_CALL_CREATE, reply, job->request.client_id);
    order_count_refusal(job->call, reply);
    if (verdict.code) {
        note_problem(job, verdict.code, order_detail(&verdict, detail), &verdict.more);
    } else {
        piece->status = verdict.status;
        piece->is_order = true;
        api_add_order(&body, &reply->order, reply->cancel_in_flight);
        piece->body = buffer_take(&body, &piece->body_bytes);
    }
    let_go(change_of(job));
}

static void piece_refuse(struct create_job *job, const struct api_refusal *refusal,
                         const char *outcome)
{
    const struct api_problem_more more = { .outcome = outcome,
                                           .retry_after_ms = refusal->retry_after_ms,
                                           .client_id = job->request.client_id };

    note_problem(job, refusal->code, refusal->detail, &more);
    let_go(change_of(job));
}

static void piece_unsure(struct create_job *job, const struct order_verdict *verdict,
                         const char *detail)
{
    note_problem(job, verdict->code, detail, &verdict->more);
    let_go(change_of(job));
}

static void on_valued(struct create_job *job)
{
    ((struct piece *)job)->ready = true;
    let_go(change_of(job));
}

/* As of a batch: all facts before the engine is asked, so that the orders leave together. */
static void value_piece(struct create_job *job)
{
    valuation_begin(&job->value, job->api, &job->request, job->prepare.instrument.quote,
                    loop_guard_needs(job->api->loop));
    if (valuation_lacks(&job->value))
        create_job_find_facts(job, on_valued);
    else
        on_valued(job);
}

static const struct create_ends piece_ends = {
    .on_ready = value_piece, .answer = piece_answer, .refuse = piece_refuse, .unsure = piece_unsure
};

/* --- one that is there already --- */

/* Shown, and never sent: an order of this key that was not sent is another matter. */
static void on_shown(const struct loop_reply *reply, void *userdata)
{
    struct piece *piece = userdata;
    struct loop_reply shown = *reply;

    shown.outcome = OUTCOME_REPLAYED;
    if (!reply->has_order) {
        shown = (struct loop_reply){ .outcome = OUTCOME_REPLAYED, .has_order = true };
        shown.order = *piece->known;
    }
    piece_answer(&piece->job, &shown);
}

static void show_piece(struct change *change, struct piece *piece)
{
    static const struct loop_reply nothing = { .outcome = OUTCOME_NOT_FOUND };
    const struct loop_hearer hearer = { on_shown, piece, &change->position.call->gone };
    int64_t until_ms = change->wait.given ? change->wait.until_ms : clock_wall_ms() + SHOW_WAIT_MS;

    if (loop_watch_heard(change->position.api->loop, piece->known->request.link, change->wait.wait,
                         until_ms, &hearer))
        on_shown(&nothing, piece);
}

/* --- to the engine --- */

void change_key_of(const struct change *change, size_t n, char out[CLIENT_ID_MAX])
{
    struct text text = text_in(out, CLIENT_ID_MAX);

    out[0] = '\0';
    if (change->wish.base.client_key)
        text_addf(&text, "%s-%zu", change->wish.base.client_id, n);
}

void change_piece_begin(struct change *change, size_t n, const struct order_request *request)
{
    struct create_job *job = &change->pieces[n].job;

    job->api = change->position.api;
    job->call = change->position.call;
    job->ends = change->count == 1 ? &one_ends : &piece_ends;
    job->request = *request;
    memcpy(job->request.body_hash, change->wish.base.body_hash, sizeof(job->request.body_hash));
    job->prepare.instrument = change->position.instrument;
    job->wait = change->wait;
    job->begin_ms = clock_mono_ms();
    job->kills = change->kills;
    job->batch = change;
}

static void send_together(struct change *change)
{
    static const struct loop_reply busy = {
        .outcome = OUTCOME_BUSY, .error = { .text = "too many requests wait for the engine" }
    };
    struct loop_batch_item items[LOOP_BATCH_MAX];
    struct piece *pieces = change->pieces;
    size_t all = change->count;
    size_t count = 0;

    atomic_store(&change->shares, all + 1);
    change->on_all = finish;
    for (size_t i = 0; i < all; i++) {
        struct create_job *job = &pieces[i].job;

        if (pieces[i].known)
            show_piece(change, &pieces[i]);
        else if (!pieces[i].ready)
            let_go(change);
        else if (create_job_is_killed(job))
            create_job_end_killed(job);
        else
            items[count++] = (struct loop_batch_item){ &job->request, &job->value.facts,
                                                       create_job_on_reply, job, &job->call->gone };
    }
    if (count && loop_create_batch(change->position.api->loop, items, count, change->wait.wait,
                                   change->wait.given ? change->wait.until_ms : 0)) {
        for (size_t i = 0; i < count; i++)
            piece_answer(items[i].userdata, &busy);
    }
    let_go(change);
}

void change_send_all(struct change *change)
{
    struct piece *pieces = change->pieces;

    if (pieces[0].job.ends == &one_ends) {
        create_job_submit(&pieces[0].job);
        return;
    }
    atomic_store(&change->shares, change->count + 1);
    change->on_all = send_together;
    for (size_t i = 0; i < change->count; i++) {
        if (pieces[i].known || pieces[i].status)
            let_go(change);
        else
            value_piece(&pieces[i].job);
    }
    let_go(change);
}

void change_piece_refuse(struct change *change, size_t n, const struct api_refusal *refusal)
{
    const struct api_problem_more more = { .outcome = "not_sent",
                                           .retry_after_ms = refusal->retry_after_ms,
                                           .client_id = change->pieces[n].job.request.client_id };

    note_problem(&change->pieces[n].job, refusal->code, refusal->detail, &more);
}

bool change_make_pieces(struct change *change, size_t count)
{
    change->pieces = calloc(count, sizeof(*change->pieces));
    change->count = change->pieces ? count : 0;
    return change->pieces;
}

void change_send_parts(struct change *change, struct order_request *request,
                       const struct decimal *part)
{
    struct decimal sizes[POSITION_PARTS_MAX];
    const struct decimal whole = request->qty;
    size_t count = position_cut(&whole, part, sizes, POSITION_PARTS_MAX);
    struct api_refusal refusal;

    if (count == 0 || !change_make_pieces(change, count)) {
        (void)api_refuse(&refusal, "busy", "out of memory");
        refusal.retry_after_ms = 1000;
        change_fail_as(change, &refusal, "not_sent");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        request->qty = sizes[i];
        if (count > 1) {
            request->whole_qty = whole;
            request->part_qty = *part;
        }
        if (count > 1 && change->wish.base.client_key) {
            change_key_of(change, i, request->client_id);
            order_key_to_link(request->client_id, request->link);
        }
        change_piece_begin(change, i, request);
    }
    change_send_all(change);
}
