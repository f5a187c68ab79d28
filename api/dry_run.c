/* api/dry_run.c - POST /orders?dry_run=1: everything but sending. What can be read is answered with
 * 200, also where it would be refused: `problem` is then what the order would be answered with. */
#include "api/dry_run.h"

#include <stdlib.h>

#include "api/estimate.h"
#include "api/limits.h"
#include "api/members.h"
#include "api/order_job.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "bybit/requests.h"

#define PROBLEM_MAX ((size_t)16 * 1024)

/* --- rules --- */

static void add_check(struct buffer *out, const char *check, bool ok, const struct decimal *value,
                      const struct decimal *limit)
{
    const struct decimal none = DECIMAL_NONE;

    json_add_open(out, '{');
    member_text(out, "check", check);
    member_bool(out, "ok", ok);
    member_decimal(out, "value", value ? value : &none);
    member_decimal(out, "limit", limit ? limit : &none);
    json_add_close(out, '}');
}

enum bound { BOUND_STEP, BOUND_MIN, BOUND_MAX };

/* True: kept, or not stated. */
static bool add_bound(struct buffer *out, const char *name, enum bound bound,
                      const struct decimal *value, const struct decimal *limit)
{
    static const char *const words[] = { "step", "min", "max" };
    char check[48];
    struct text text = text_in(check, sizeof(check));
    bool ok;

    if (decimal_sign(limit) <= 0)
        return true;
    ok = bound == BOUND_STEP  ? decimal_is_multiple(value, limit)
         : bound == BOUND_MIN ? decimal_cmp(value, limit) >= 0
                              : decimal_cmp(value, limit) <= 0;
    text_addf(&text, "%s_%s", name, words[bound]);
    add_check(out, check, ok, value, limit);
    return ok;
}

static bool add_price(struct buffer *out, const char *name, const struct decimal *value,
                      const struct instrument *instrument)
{
    bool ok;

    if (decimal_is_none(value))
        return true;
    ok = add_bound(out, name, BOUND_STEP, value, &instrument->tick_size);
    ok &= add_bound(out, name, BOUND_MIN, value, &instrument->min_price);
    ok &= add_bound(out, name, BOUND_MAX, value, &instrument->max_price);
    return ok && decimal_sign(value) > 0;
}

static bool add_value(struct buffer *out, const struct order_request *request,
                      const struct instrument *instrument)
{
    struct decimal value = request->qty;

    if (request->reduce_only || request->close_on_trigger ||
        request->category == CATEGORY_INVERSE ||
        (request->type == ORDER_TYPE_MARKET && !request->qty_in_quote) ||
        (request->type == ORDER_TYPE_LIMIT && decimal_mul(&value, &request->qty, &request->price)))
        return true;
    return add_bound(out, "notional", BOUND_MIN, &value, &instrument->min_notional);
}

bool dry_run_add_rules(struct buffer *out, const struct order_request *request,
                       const struct instrument *instrument)
{
    const char *name = request->qty_in_quote ? "quote_qty" : "qty";
    bool ok = add_price(out, "price", &request->price, instrument);

    ok &= add_price(out, "trigger_price", &request->trigger_price, instrument);
    ok &= add_price(out, "take_profit", &request->take_profit, instrument);
    ok &= add_price(out, "stop_loss", &request->stop_loss, instrument);
    ok &= add_price(out, "take_profit_limit_price", &request->take_profit_limit, instrument);
    ok &= add_price(out, "stop_loss_limit_price", &request->stop_loss_limit, instrument);
    if (decimal_is_none(&request->qty)) /* it could not be sized */
        return false;
    if (order_closes_all(request)) /* what it will be is the exchange's to say */
        return ok;
    ok &= add_bound(out, name, BOUND_STEP, &request->qty,
                    request->qty_in_quote ? &instrument->quote_step : &instrument->qty_step);
    if (request->category != CATEGORY_SPOT)
        ok &= add_bound(out, name, BOUND_MIN, &request->qty, &instrument->min_qty);
    ok &= add_bound(out, name, BOUND_MAX, &request->qty, order_max_qty(request, instrument));
    ok &= add_value(out, request, instrument);
    return ok && decimal_sign(&request->qty) > 0;
}

/* --- the answer --- */

/* While the estimate is looked up. */
struct dry_run {
    struct create_job *job;
    bool would_send;
    char check[48];       /* what the engine looked at last */
    struct decimal value; /* and how it compares */
    struct decimal limit;
    struct buffer problem; /* JSON; empty: none */
};

static void add_request(struct buffer *out, const struct order_request *request)
{
    json_add_key(out, "request");
    if (decimal_is_none(&request->qty))
        json_add_null(out);
    else
        request_create(out, request);
}

static void add_checks(struct buffer *out, const struct dry_run *dry)
{
    const struct create_job *job = dry->job;

    json_add_key(out, "checks");
    json_add_open(out, '[');
    (void)dry_run_add_rules(out, &job->request, &job->prepare.instrument);
    if (dry->check[0])
        add_check(out, dry->check, dry->would_send, &dry->value, &dry->limit);
    json_add_close(out, ']');
}

static void add_estimate(struct buffer *out, const struct create_job *job)
{
    struct estimate estimate;

    json_add_key(out, "estimate");
    if (decimal_is_none(&job->request.qty)) {
        json_add_null(out);
        return;
    }
    estimate_make(&estimate, &job->request, &job->prepare.instrument, &job->prepare.market);
    json_add_open(out, '{');
    member_decimal(out, "price", &estimate.price);
    member_decimal(out, "value", &estimate.value);
    member_text(out, "value_coin", estimate.value_coin);
    member_decimal(out, "fee", &estimate.fee);
    member_text(out, "fee_coin", estimate.fee_coin);
    member_decimal(out, "fee_rate", &estimate.fee_rate);
    member_text(out, "source", estimate.source);
    json_add_close(out, '}');
}

static void finish(void *userdata)
{
    struct dry_run *dry = userdata;
    struct create_job *job = dry->job;
    struct api_call *call = job->call;
    struct buffer *out = api_reply_begin(call);

    json_add_open(out, '{');
    member_bool(out, "would_send", dry->would_send);
    json_add_key(out, "problem");
    if (dry->problem.bytes)
        json_add_raw(out, dry->problem.data, dry->problem.bytes);
    else
        json_add_null(out);
    add_request(out, &job->request);
    add_checks(out, dry);
    add_estimate(out, job);
    json_add_close(out, '}');
    buffer_deinit(&dry->problem);
    free(dry);
    create_job_deinit(job);
    free(job);
    limits_reply(call);
    api_reply(call, 200, API_JSON);
}

/* Then finds out what it would cost: this may take a read of the book and one of the rates. */
static void find_cost(struct dry_run *dry)
{
    struct create_job *job = dry->job;

    if (decimal_is_none(&job->request.qty))
        finish(dry);
    else
        order_market_find(&job->prepare.market, estimate_needs(&job->request),
                          clock_mono_ms() + ORDER_FACTS_MAX_MS, finish, dry);
}

static struct dry_run *dry_create(struct create_job *job)
{
    struct dry_run *dry = calloc(1, sizeof(*dry));

    if (dry) {
        dry->job = job;
        dry->value = dry->limit = DECIMAL_NONE;
        dry->problem = buffer_of(PROBLEM_MAX);
        return dry;
    }
    api_fail(job->call, NULL, "busy", "out of memory");
    create_job_deinit(job);
    free(job);
    return NULL;
}

/* --- how a job ends here --- */

static void dry_refuse(struct create_job *job, const struct api_refusal *refusal,
                       const char *outcome)
{
    const struct api_problem_more more = { .outcome = outcome,
                                           .retry_after_ms = refusal->retry_after_ms,
                                           .client_id = job->request.client_id };
    struct dry_run *dry = dry_create(job);

    if (!dry)
        return;
    api_problem_body(&dry->problem, refusal->code, refusal->detail, job->call->request_id, &more);
    find_cost(dry);
}

static void note_verdict(struct dry_run *dry, const struct loop_reply *reply)
{
    struct order_verdict verdict;
    char detail[480];

    order_judge(&verdict, ORDER_CALL_CREATE, reply, dry->job->request.client_id);
    if (!verdict.code) { /* there is an order with this key */
        text_cut(dry->check, sizeof(dry->check), "new_key");
        return;
    }
    text_cut(dry->check, sizeof(dry->check), verdict.code);
    if (verdict.more.guard) {
        dry->value = verdict.more.guard->value;
        dry->limit = verdict.more.guard->allowed;
    }
    api_problem_body(&dry->problem, verdict.code, order_detail(&verdict, detail),
                     dry->job->call->request_id, &verdict.more);
}

static void dry_answer(struct create_job *job, const struct loop_reply *reply)
{
    struct dry_run *dry = dry_create(job);

    if (!dry)
        return;
    dry->would_send = reply->outcome == OUTCOME_WOULD;
    if (dry->would_send) {
        text_cut(dry->check, sizeof(dry->check), "guard");
        dry->value = guard_value(&job->request);
    } else {
        note_verdict(dry, reply);
    }
    find_cost(dry);
}

static void dry_unsure(struct create_job *job, const struct order_verdict *verdict,
                       const char *detail)
{
    struct dry_run *dry = dry_create(job);

    if (!dry)
        return;
    text_cut(dry->check, sizeof(dry->check), verdict->code);
    api_problem_body(&dry->problem, verdict->code, detail, job->call->request_id, &verdict->more);
    find_cost(dry);
}

const struct create_ends dry_run_ends = {
    .on_ready = create_job_submit, .answer = dry_answer, .refuse = dry_refuse, .unsure = dry_unsure
};
