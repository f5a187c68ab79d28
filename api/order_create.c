/* api/order_create.c - POST /orders.
 *
 * read (body, rules of the symbol, what the guard must know, as far as memory has it) -> engine
 * -> answered. On the way: the engine lacks a fact -> it is read over REST -> engine again, for the
 * last time. And: refused (rules, prices, guard, kill, rate budget, not ready) or only looked at,
 * with a key that the engine does not remember -> the journal may -> answered with the order of
 * that key, or as it was. */
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "api/limits.h"
#include "api/options.h"
#include "api/order_job.h"
#include "base/clock.h"
#include "base/text.h"

#define BUSY_AGAIN_MS 1000

/* The inbox is full, or there is no memory: nothing was handed over. */
static void fail_busy(struct api_call *call, const char *client_id)
{
    const struct api_problem_more more = { .outcome = "not_sent",
                                           .retry_after_ms = BUSY_AGAIN_MS,
                                           .client_id = client_id };

    api_fail(call, &more, "busy", "too many requests wait for the engine");
}

/* --- refused, and the journal may know better --- */

void create_job_deinit(struct create_job *job)
{
    order_prepare_deinit(&job->prepare);
}

static void job_free(struct create_job *job)
{
    create_job_deinit(job);
    free(job);
}

static void answer_one(struct create_job *job, const struct loop_reply *reply)
{
    struct loop_reply copy = *reply;

    limits_reply_write(job->call, ROUTE_ORDER_CREATE, job->request.category);
    if (job->value.has_read)
        copy.timing.complete = false; /* the read took its time, too */
    order_answer(job->call, ORDER_CALL_CREATE, &copy, job->request.client_id);
    job_free(job);
}

static void refuse_one(struct create_job *job, const struct api_refusal *refusal,
                       const char *outcome)
{
    api_fail_refusal(job->call, refusal, outcome, job->request.client_id);
    job_free(job);
}

static void fail_unsure(struct create_job *job, const struct order_verdict *verdict,
                        const char *detail)
{
    limits_reply_write(job->call, ROUTE_ORDER_CREATE, job->request.category);
    api_fail(job->call, &verdict->more, verdict->code, "%s", detail);
    job_free(job);
}

/* The same key may stand for an order that was sent long ago: what can't be looked up is not
 * denied. */
static void answer_unsure(struct create_job *job)
{
    struct order_verdict verdict;
    struct api_refusal refusal;

    if (!job->prepare.refused && job->refusal.outcome == OUTCOME_WOULD) {
        (void)api_refuse(&refusal, "journal_unavailable",
                         "the journal can't be read now to see whether this key was used before");
        refusal.retry_after_ms = BUSY_AGAIN_MS;
        job->ends->refuse(job, &refusal, "not_sent");
        return;
    }
    if (job->prepare.refused) {
        refusal = job->prepare.refusal;
        text_cut(job->prepare.refusal.detail, sizeof(job->prepare.refusal.detail) - 100,
                 refusal.detail);
        (void)api_refuse(&refusal, refusal.code,
                         "%s; and the journal can't be read now to see whether this key was used "
                         "before",
                         job->prepare.refusal.detail);
        job->ends->refuse(job, &refusal, "unknown");
        return;
    }
    order_judge(&verdict, ORDER_CALL_CREATE, &job->refusal, job->request.client_id);
    verdict.more.outcome = "unknown";
    (void)api_refuse(&refusal, verdict.code,
                     "%.300s; and the journal can't be read now to see whether this key was used "
                     "before",
                     verdict.detail[0] ? verdict.detail : api_problem_find(verdict.code)->title);
    job->ends->unsure(job, &verdict, refusal.detail);
}

/* The key was never here, or is to be tried again as a new order: refused as that. */
static void refuse_after_all(struct create_job *job)
{
    if (job->prepare.refused)
        job->ends->refuse(job, &job->prepare.refusal, "not_sent");
    else
        job->ends->answer(job, &job->refusal);
}

/* `reply` has an order with this key. False: one that is to be tried again. */
static bool answer_past(struct create_job *job, struct loop_reply *reply)
{
    if (memcmp(reply->order.request.body_hash, job->request.body_hash,
               sizeof(job->request.body_hash)) != 0) {
        reply->outcome = OUTCOME_KEY_REUSED;
        (void)error_set(&reply->error, ERR_INVALID, "this key was used for another order");
    } else if (reply->order.state == ORDER_NOT_SENT) {
        return false;
    }
    job->ends->answer(job, reply);
    return true;
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
    if (err || !answer_past(job, &reply))
        refuse_after_all(job);
}

/* Judged as a new order is: the engine does not remember its key. */
static bool may_be_past(const struct create_job *job, const struct loop_reply *reply)
{
    return job->request.client_key && !reply->has_order &&
           (reply->outcome == OUTCOME_GUARD || reply->outcome == OUTCOME_KILLED ||
            reply->outcome == OUTCOME_THROTTLED || reply->outcome == OUTCOME_NOT_READY ||
            reply->outcome == OUTCOME_WOULD);
}

/* What is committed is enough: the engine remembers what is not. */
static void ask_journal(struct create_job *job)
{
    if (history_submit(job->api->history, 0, on_past, job))
        answer_unsure(job);
}

static void look_in_journal(struct create_job *job, const struct loop_reply *reply)
{
    job->refusal = *reply;
    if (reply->verdict) {
        job->verdict = *reply->verdict;
        job->refusal.verdict = &job->verdict;
    }
    ask_journal(job);
}

static void on_known(const struct loop_reply *reply, void *userdata)
{
    struct create_job *job = userdata;
    struct loop_reply copy = *reply;

    copy.outcome = OUTCOME_REPLAYED;
    if (!reply->has_order)
        ask_journal(job);
    else if (!answer_past(job, &copy))
        refuse_after_all(job);
}

/* Refused by the prices or the rules of now, which were others when its key came first. */
static void look_for_key(struct create_job *job)
{
    if (loop_watch(job->api->loop, job->request.link, WAIT_ACCEPTED, clock_wall_ms(), on_known,
                   job))
        answer_unsure(job);
}

/* --- to the engine and back --- */

static void submit(struct create_job *job);

static void refuse_new(struct create_job *job, const struct loop_reply *reply)
{
    if (job->request.client_key)
        look_in_journal(job, reply);
    else
        job->ends->answer(job, reply);
}

unsigned order_kills_before(const struct api *api, struct api_call *call)
{
    if (!call->kills_noted && api->loop) /* without keys nothing comes of it */
        call->kills = loop_kills(api->loop);
    call->kills_noted = true;
    return call->kills;
}

bool create_job_is_killed(const struct create_job *job)
{
    return loop_kills(job->api->loop) != job->kills;
}

void create_job_end_killed(struct create_job *job)
{
    struct loop_reply reply = { .outcome = OUTCOME_KILLED };

    (void)error_set(&reply.error, ERR_INVALID, "killed while it was being prepared");
    refuse_new(job, &reply);
}

/* Nothing is wrong with the order. */
static void end_crowded(struct create_job *job)
{
    struct loop_reply reply = { .outcome = OUTCOME_BUSY, .retry_after_ms = BUSY_AGAIN_MS };

    (void)error_set(&reply.error, ERR_BUSY,
                    "too many orders wait for the book or the leverage that the guard asks for");
    refuse_new(job, &reply);
}

static void on_facts(void *userdata)
{
    struct create_job *job = userdata;

    reads_facts_end(job->api->reads);
    job->on_facts(job);
}

int64_t create_job_until_ms(const struct create_job *job)
{
    int most_ms = job->api->order_deadline_ms < ORDER_FACTS_MAX_MS ? job->api->order_deadline_ms
                                                                   : ORDER_FACTS_MAX_MS;

    return job->begin_ms + most_ms;
}

void create_job_find_facts(struct create_job *job, void (*on_found)(struct create_job *job))
{
    if (!reads_facts_begin(job->api->reads)) {
        end_crowded(job);
        return;
    }
    job->on_facts = on_found;
    /* The limit that was asked for may just have been lifted. */
    valuation_read(&job->value, loop_guard_needs(job->api->loop), create_job_until_ms(job),
                   on_facts, job);
}

void create_job_on_reply(const struct loop_reply *reply, void *userdata)
{
    struct create_job *job = userdata;

    if (reply->outcome == OUTCOME_NEEDS_FACTS && !job->value.facts.last_word)
        create_job_find_facts(job, submit);
    else if (may_be_past(job, reply))
        look_in_journal(job, reply);
    else
        job->ends->answer(job, reply);
}

static void submit(struct create_job *job)
{
    static const struct loop_reply busy = {
        .outcome = OUTCOME_BUSY, .error = { .text = "too many requests wait for the engine" }
    };
    const struct loop_hearer hearer = { create_job_on_reply, job, &job->call->gone };
    struct loop *loop = job->api->loop;
    enum err err;

    if (create_job_is_killed(job)) {
        create_job_end_killed(job);
        return;
    }
    if (job->dry_run)
        err = loop_check(loop, &job->request, &job->value.facts, create_job_on_reply, job);
    else /* without a wait the order's own time-outs bound the answer: 202 by then */
        err = loop_create_heard(loop, &job->request, &job->value.facts, job->wait.wait,
                                job->wait.given ? job->wait.until_ms : 0, &hearer);
    if (err)
        job->ends->answer(job, &busy);
}

void create_job_submit(struct create_job *job)
{
    valuation_begin(&job->value, job->api, &job->request, job->prepare.instrument.quote,
                    loop_guard_needs(job->api->loop));
    submit(job);
}

/* --- from the body to there --- */

enum err create_job_read(struct create_job *job, const struct order_input *input,
                         struct api_refusal *refusal)
{
    return order_body_read(&job->request, &job->prepare.notional, input, refusal);
}

bool create_job_wait_for_symbols(struct create_job *job)
{
    if (job->request.category != CATEGORY_OPTION)
        return false;
    api_keep_headers(job->call);
    return options_wait(job->api, job->call, job->request.symbol);
}

enum err create_job_rules(struct create_job *job, struct api_refusal *refusal)
{
    enum err err = lookup_in_category(job->api, job->request.category, job->request.symbol,
                                      &job->prepare.instrument, refusal);

    if (!err || !job->request.client_key || job->dry_run)
        return err;
    job->prepare.refusal = *refusal;
    job->prepare.refused = true;
    return ERR_NONE;
}

static void on_prepared(void *userdata)
{
    struct create_job *job = userdata;

    if (!job->prepare.refused)
        job->ends->on_ready(job);
    else if (job->request.client_key)
        look_for_key(job);
    else
        job->ends->refuse(job, &job->prepare.refusal, "not_sent");
}

void create_job_prepare(struct create_job *job)
{
    if (job->prepare.refused)
        on_prepared(job);
    else
        order_prepare(&job->prepare, job->api, &job->request, create_job_until_ms(job), on_prepared,
                      job);
}

/* --- one order --- */

static const struct create_ends one_ends = {
    .on_ready = create_job_submit, .answer = answer_one, .refuse = refuse_one, .unsure = fail_unsure
};

static enum err read_one(struct create_job *job, struct api_refusal *refusal, bool *later)
{
    const struct api *api = job->api;
    struct api_call *call = job->call;
    const struct order_input input = {
        .body = call->body,
        .body_bytes = call->body_bytes,
        .body_is_form = call->body_is_form,
        .idempotency_key = call->idempotency_key,
        .client = call->client,
        .default_category = api->default_category,
    };
    bool native; /* order_answer asks for it again */
    enum err err;

    if ((err = lookup_keys(api, refusal)) ||
        (err = lookup_wait(call, clock_wall_ms(), &job->wait, refusal)) ||
        (err = lookup_flag(call, "dry_run", &job->dry_run, refusal)) ||
        (err = lookup_flag(call, "native", &native, refusal)))
        return err;
    if ((err = create_job_read(job, &input, refusal)))
        return err;
    *later = create_job_wait_for_symbols(job);
    return *later ? ERR_BUSY : create_job_rules(job, refusal);
}

void handle_order_create(const struct api *api, struct api_call *call)
{
    struct create_job *job;
    struct api_refusal refusal;
    bool later = false;

    if (order_batch_is(call)) {
        order_batch_handle(api, call);
        return;
    }
    job = calloc(1, sizeof(*job));
    if (!job) {
        fail_busy(call, call->idempotency_key);
        return;
    }
    job->api = api;
    job->call = call;
    job->begin_ms = clock_mono_ms();
    job->kills = order_kills_before(api, call);
    if (read_one(job, &refusal, &later)) {
        if (!later)
            api_fail_refusal(call, &refusal, "not_sent",
                             job->request.client_id[0] ? job->request.client_id
                                                       : call->idempotency_key);
        free(job);
        return;
    }
    job->ends = job->dry_run ? &dry_run_ends : &one_ends;
    create_job_prepare(job);
}
