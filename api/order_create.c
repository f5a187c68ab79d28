/* api/order_create.c - POST /orders.
 *
 * read (body, rules of the symbol, what the guard must know, as far as memory has it) -> engine
 * -> answered. On the way: the engine lacks a fact -> it is read over REST -> engine again, for the
 * last time. And: refused (guard, kill, rate budget), with a key that the engine does not remember
 * -> the journal may -> answered with the order of that key, or refused. */
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "api/limits.h"
#include "api/lookup.h"
#include "api/order_body.h"
#include "api/order_reply.h"
#include "api/valuation.h"
#include "base/clock.h"

#define FACTS_MAX_MS  2000 /* for reading them: the order's own time-outs come on top */
#define BUSY_AGAIN_MS 1000

struct create_job {
    const struct api *api;
    struct api_call *call;
    struct order_request request;
    struct lookup_wait wait;
    struct valuation value;
    int64_t begin_ms; /* monotonic */
    unsigned kills;   /* asked for before it came */
    /* While the journal is asked. */
    struct loop_reply refusal;
    struct guard_verdict verdict;
};

/* The inbox is full, or there is no memory: nothing was handed over. */
static void fail_busy(struct api_call *call, const char *client_id)
{
    const struct api_problem_more more = { .outcome = "not_sent",
                                           .retry_after_ms = BUSY_AGAIN_MS,
                                           .client_id = client_id };

    api_fail(call, &more, "busy", "too many requests wait for the engine");
}

/* --- refused, and the journal may know better --- */

static void answer(struct create_job *job, struct loop_reply *reply)
{
    limits_reply_write(job->call, ROUTE_ORDER_CREATE, job->request.category);
    if (job->value.has_read)
        reply->timing.complete = false; /* the read took its time, too */
    order_answer(job->call, ORDER_CALL_CREATE, reply, job->request.client_id);
    free(job);
}

/* The same key may stand for an order that was sent long ago: what can't be looked up is not
 * denied. */
static void answer_unsure(struct create_job *job)
{
    struct order_verdict verdict;

    limits_reply_write(job->call, ROUTE_ORDER_CREATE, job->request.category);
    order_judge(&verdict, ORDER_CALL_CREATE, &job->refusal, job->request.client_id);
    verdict.more.outcome = "unknown";
    api_fail(job->call, &verdict.more, verdict.code,
             "%s; and the journal can't be read now to see whether this key was used before",
             verdict.detail[0] ? verdict.detail : api_problem_find(verdict.code)->title);
    free(job);
}

static void on_past(struct history_reader *reader, enum err err, void *userdata)
{
    struct create_job *job = userdata;
    struct loop_reply reply = { .outcome = OUTCOME_REPLAYED, .has_order = true };

    if (!err)
        err = reader_find_order(reader, job->request.category, "", job->request.link, &reply.order);
    if (err && err != ERR_NOT_FOUND) {
        answer_unsure(job);
        return;
    }
    if (!err && memcmp(reply.order.request.body_hash, job->request.body_hash,
                       sizeof(job->request.body_hash)) != 0) {
        reply.outcome = OUTCOME_KEY_REUSED;
        (void)error_set(&reply.error, ERR_INVALID, "this key was used for another order");
        answer(job, &reply);
    } else if (!err && reply.order.state != ORDER_NOT_SENT) {
        answer(job, &reply);
    } else {
        answer(job, &job->refusal); /* never here, or to be tried again: as a new one */
    }
}

/* Refused as a new order is: the engine does not remember its key. */
static bool may_be_past(const struct create_job *job, const struct loop_reply *reply)
{
    return job->request.client_key && !reply->has_order &&
           (reply->outcome == OUTCOME_GUARD || reply->outcome == OUTCOME_KILLED ||
            reply->outcome == OUTCOME_THROTTLED);
}

/* What is committed is enough: the engine remembers what is not. */
static void look_in_journal(struct create_job *job, const struct loop_reply *reply)
{
    job->refusal = *reply;
    if (reply->verdict) {
        job->verdict = *reply->verdict;
        job->refusal.verdict = &job->verdict;
    }
    if (history_submit(job->api->history, 0, on_past, job))
        answer_unsure(job);
}

/* --- to the engine and back --- */

static void submit(struct create_job *job);

/* Even if it is armed again by now: the kill was meant for what was on its way, too. */
static void answer_killed(struct create_job *job)
{
    struct loop_reply reply = { .outcome = OUTCOME_KILLED };

    (void)error_set(&reply.error, ERR_INVALID, "killed while it was being valued");
    if (job->request.client_key)
        look_in_journal(job, &reply);
    else
        answer(job, &reply);
}

static void on_facts(void *userdata)
{
    struct create_job *job = userdata;

    reads_facts_end(job->api->reads);
    if (loop_kills(job->api->loop) == job->kills)
        submit(job);
    else
        answer_killed(job);
}

/* Nothing is wrong with the order. */
static void answer_crowded(struct create_job *job)
{
    struct loop_reply reply = { .outcome = OUTCOME_BUSY, .retry_after_ms = BUSY_AGAIN_MS };

    (void)error_set(&reply.error, ERR_BUSY,
                    "too many orders wait for the book or the leverage that the guard asks for");
    if (job->request.client_key)
        look_in_journal(job, &reply);
    else
        answer(job, &reply);
}

static void find_facts(struct create_job *job)
{
    int most_ms =
        job->api->order_deadline_ms < FACTS_MAX_MS ? job->api->order_deadline_ms : FACTS_MAX_MS;
    unsigned needs = loop_guard_needs(job->api->loop);

    if (!reads_facts_begin(job->api->reads)) {
        answer_crowded(job);
        return;
    }
    /* The limit that the engine asked for may just have been lifted. */
    valuation_read(&job->value, needs, job->begin_ms + most_ms, on_facts, job);
}

static void on_created(const struct loop_reply *reply, void *userdata)
{
    struct create_job *job = userdata;
    struct loop_reply copy;

    if (reply->outcome == OUTCOME_NEEDS_FACTS && !job->value.facts.last_word) {
        find_facts(job);
    } else if (may_be_past(job, reply)) {
        look_in_journal(job, reply);
    } else {
        copy = *reply;
        answer(job, &copy);
    }
}

static void submit(struct create_job *job)
{
    /* Without a wait the order's own time-outs bound the answer: 202 by then. */
    if (!loop_create(job->api->loop, &job->request, &job->value.facts, job->wait.wait,
                     job->wait.given ? job->wait.until_ms : 0, on_created, job))
        return;
    fail_busy(job->call, job->request.client_id);
    free(job);
}

static enum err read_order(struct create_job *job, struct instrument *instrument,
                           struct api_refusal *refusal)
{
    const struct api *api = job->api;
    const struct api_call *call = job->call;
    struct order_request *request = &job->request;
    const struct order_input input = {
        .body = call->body,
        .body_bytes = call->body_bytes,
        .body_is_form = call->body_is_form,
        .idempotency_key = call->idempotency_key,
        .client = call->client,
        .default_category = api->default_category,
    };
    enum err err;

    if ((err = lookup_keys(api, refusal)) ||
        (err = lookup_wait(call, clock_wall_ms(), &job->wait, refusal)) ||
        (err = order_body_read(request, &input, refusal)) ||
        (err = lookup_in_category(api, request->category, request->symbol, instrument, refusal)) ||
        (err = order_check(request, instrument, refusal)))
        return err;
    return ERR_NONE;
}

void handle_order_create(const struct api *api, struct api_call *call)
{
    struct create_job *job = calloc(1, sizeof(*job));
    struct instrument instrument;
    struct api_refusal refusal;

    if (!job) {
        fail_busy(call, call->idempotency_key);
        return;
    }
    job->api = api;
    job->call = call;
    job->begin_ms = clock_mono_ms();
    if (read_order(job, &instrument, &refusal)) {
        api_fail_refusal(call, &refusal, "not_sent",
                         job->request.client_id[0] ? job->request.client_id
                                                   : call->idempotency_key);
        free(job);
        return;
    }
    job->kills = loop_kills(api->loop);
    valuation_begin(&job->value, api, &job->request, instrument.quote, loop_guard_needs(api->loop));
    submit(job);
}
