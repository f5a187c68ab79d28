/* api/order_job.h - one order on its way from a body to the engine's answer: alone, as one of a
 * batch, or only looked at (dry run). The steps that all share are in order_create.c; how it goes
 * on and ends is the caller's.
 *
 * Threads: a job is one thread's at a time: the http thread's, the reads', the engine's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "api/call.h"
#include "api/lookup.h"
#include "api/order_body.h"
#include "api/order_prepare.h"
#include "api/order_reply.h"
#include "api/reply.h"
#include "api/valuation.h"
#include "engine/loop.h"

#define ORDER_FACTS_MAX_MS 2000 /* for reading them: the order's own time-outs come on top */

struct create_job;
/* `reply`, `refusal` and `more` are borrowed for the call; the job is over then. */
struct create_ends {
    /* Size and trigger are known, the rules are kept. */
    void (*on_ready)(struct create_job *job);
    void (*answer)(struct create_job *job, const struct loop_reply *reply);
    /* Before the engine was asked. `outcome`: "not_sent", or "unknown" with a key that may have
     * been used before. */
    void (*refuse)(struct create_job *job, const struct api_refusal *refusal, const char *outcome);
    /* job->refusal, and the journal can't be read: `verdict` says so already. */
    void (*unsure)(struct create_job *job, const struct order_verdict *verdict, const char *detail);
};

struct create_job {
    const struct api *api;
    struct api_call *call;
    const struct create_ends *ends;
    struct order_request request;
    struct order_prepare prepare;
    struct lookup_wait wait;
    struct valuation value;
    int64_t begin_ms; /* monotonic */
    unsigned kills;   /* asked for before it came */
    bool dry_run;
    void (*on_facts)(struct create_job *job);
    void *batch; /* the batch's own */
    /* While the journal is asked. */
    struct loop_reply refusal;
    struct guard_verdict verdict;
};

/* Reads the body into the request. */
MUST_CHECK enum err create_job_read(struct create_job *job, const struct order_input *input,
                                    struct api_refusal *refusal);
/* True: it is an option whose coin nobody has asked for lately: the call has been taken over, as
 * options_wait says. */
bool create_job_wait_for_symbols(struct create_job *job);
/* Finds the symbol's rules. Of an order with a key a refusal is kept until create_job_prepare: the
 * key may have come before, when there were such rules. */
MUST_CHECK enum err create_job_rules(struct create_job *job, struct api_refusal *refusal);
/* Then: on_ready or refuse, now or later. */
void create_job_prepare(struct create_job *job);
/* From on_ready: asks the engine, and reads the facts that it lacks. */
void create_job_submit(struct create_job *job);
/* What a batch gives the engine as on_reply, with the job as userdata. */
void create_job_on_reply(const struct loop_reply *reply, void *userdata);
/* Reads over REST what is lacking; too many wait already: the job ends. */
void create_job_find_facts(struct create_job *job, void (*on_found)(struct create_job *job));
/* Whether a kill was asked for since it came. Then it ends, even if it is armed again by now: the
 * kill was meant for what was on its way, too. */
bool create_job_is_killed(const struct create_job *job);
void create_job_end_killed(struct create_job *job);
/* Until when (monotonic) facts may be read. */
int64_t create_job_until_ms(const struct create_job *job);
/* Frees what is in it, not the job itself. */
void create_job_deinit(struct create_job *job);

/* How many kills had been asked for when the call came: what comes of it must not go out after
 * another one, however often its handler runs. */
unsigned order_kills_before(const struct api *api, struct api_call *call);

/* order_batch.c: an array of orders. */
bool order_batch_is(const struct api_call *call);
void order_batch_handle(const struct api *api, struct api_call *call);

/* dry_run.c: everything but sending. */
extern const struct create_ends dry_run_ends;
