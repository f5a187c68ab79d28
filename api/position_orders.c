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

#define PIECE_BODY ((size_t)64 * 1024)

struct piece {
    struct create_job job; /* first: a job is its piece */
    int status;
    bool is_order;
    char *body;
    size_t body_bytes;
};

void change_free(struct change *change)
{
    for (size_t i = 0; change->pieces && i < change->count; i++) {
        create_job_deinit(&change->pieces[i].job);
        free(change->pieces[i].body);
    }
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

static void let_go(struct change *change)
{
    struct api_call *call = change->position.call;
    struct buffer *out;

    if (atomic_fetch_sub(&change->shares, 1) != 1)
        return;
    out = api_reply_begin(call);
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

static const struct create_ends piece_ends = { .on_ready = create_job_submit,
                                               .answer = piece_answer,
                                               .refuse = piece_refuse,
                                               .unsure = piece_unsure };

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
    job->batch = change;
}

/* Nothing of the change may be touched after the last one has begun. */
void change_send_all(struct change *change)
{
    size_t count = change->count;

    atomic_store(&change->shares, count);
    for (size_t i = 0; i < count; i++) {
        struct piece *pieces = change->pieces;

        create_job_submit(&pieces[i].job);
    }
}

bool change_make_pieces(struct change *change, size_t count)
{
    change->pieces = calloc(count, sizeof(*change->pieces));
    change->count = change->pieces ? count : 0;
    return change->pieces;
}

void change_send_sizes(struct change *change, struct order_request *request,
                       const struct decimal *sizes, size_t count)
{
    struct api_refusal refusal;

    if (!change_make_pieces(change, count)) {
        (void)api_refuse(&refusal, "busy", "out of memory");
        refusal.retry_after_ms = 1000;
        change_fail_as(change, &refusal, "not_sent");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        request->qty = sizes[i];
        if (count > 1 && change->wish.base.client_key) {
            change_key_of(change, i, request->client_id);
            order_key_to_link(request->client_id, request->link);
        }
        change_piece_begin(change, i, request);
    }
    change_send_all(change);
}
