/* api/orders.c - one order: read, cancel. The engine answers; what it has forgotten is read from
 * the journal. */
#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "api/handlers.h"
#include "api/lookup.h"
#include "api/order_reply.h"
#include "base/clock.h"

/* What goes on after the handler has returned. */
struct order_job {
    const struct api *api;
    struct api_call *call;
    enum order_call kind;
};

static struct order_job *job_create(const struct api *api, struct api_call *call,
                                    enum order_call kind)
{
    struct order_job *job = calloc(1, sizeof(*job));

    if (job)
        *job = (struct order_job){ .api = api, .call = call, .kind = kind };
    return job;
}

/* The inbox is full, or there is no memory: nothing was handed over. */
static void fail_busy(struct order_job *job, struct api_call *call, enum order_call kind)
{
    const struct api_problem_more more = { .outcome = kind == ORDER_CALL_READ ? NULL : "not_sent",
                                           .retry_after_ms = 1000 };

    api_fail(call, &more, "busy", "too many requests wait for the engine");
    free(job);
}

/* An order that is not in memory is final, or was never here. */
static void on_journal(struct history_reader *reader, enum err err, void *userdata)
{
    struct order_job *job = userdata;
    const struct api_problem_more more = { .retry_after_ms = 1000 };
    struct loop_reply reply = { .outcome = OUTCOME_OK, .has_order = true };

    if (!err)
        err = reader_order(reader, job->call->param, &reply.order);
    if (err == ERR_NOT_FOUND)
        api_fail(job->call, NULL, "order_not_found", "there is no order with the id \"%s\"",
                 job->call->param);
    else if (err)
        api_fail(job->call, &more, "journal_unavailable", "the journal can't be read now");
    else if (job->kind == ORDER_CALL_CANCEL && !order_state_is_final(reply.order.state))
        api_fail(job->call, &more, "not_ready",
                 "the order is in the journal and not yet with the engine: nothing was cancelled");
    else
        order_answer(job->call, job->kind, &reply, "");
    free(job);
}

static void look_in_journal(struct order_job *job)
{
    const struct api_problem_more more = { .retry_after_ms = 1000 };

    if (!history_submit(job->api->history, loop_position(job->api->loop), on_journal, job))
        return;
    api_fail(job->call, &more, "busy", "too many reads wait for the journal");
    free(job);
}

static void on_engine(const struct loop_reply *reply, void *userdata)
{
    struct order_job *job = userdata;

    if (reply->outcome == OUTCOME_NOT_FOUND) {
        look_in_journal(job);
        return;
    }
    order_answer(job->call, job->kind, reply, "");
    free(job);
}

static void serve_known(const struct api *api, struct api_call *call, enum order_call kind)
{
    int64_t now_ms = clock_wall_ms();
    struct lookup_wait wait;
    struct api_refusal refusal;
    bool native; /* order_answer asks for it again */
    struct loop_hearer hearer;
    struct order_job *job;
    enum err err;

    if (lookup_keys(api, &refusal) || lookup_wait(call, now_ms, &wait, &refusal) ||
        lookup_flag(call, "native", &native, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    if (strlen(call->param) >= CLIENT_ID_MAX) {
        api_fail(call, NULL, "order_not_found", "the id is longer than any order's");
        return;
    }
    job = job_create(api, call, kind);
    hearer = (struct loop_hearer){ on_engine, job, &call->gone };
    if (!job)
        err = ERR_NO_MEMORY;
    else if (kind == ORDER_CALL_CANCEL)
        err = loop_cancel_heard(api->loop, call->param, wait.wait, wait.given ? wait.until_ms : 0,
                                &hearer);
    else /* without a wait: the order as it is, so the wait is over now */
        err = loop_watch_heard(api->loop, call->param, wait.wait,
                               wait.given ? wait.until_ms : now_ms, &hearer);
    if (err)
        fail_busy(job, call, kind);
}

void handle_order(const struct api *api, struct api_call *call)
{
    serve_known(api, call, ORDER_CALL_READ);
}

void handle_order_cancel(const struct api *api, struct api_call *call)
{
    serve_known(api, call, ORDER_CALL_CANCEL);
}
