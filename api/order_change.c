/* api/order_change.c - PATCH /orders/{id}.
 *
 * read the body -> the order, from the engine (or the journal, which then says that it has ended)
 * -> checked against order and rules, valued -> engine -> answered. On the way, as with a new
 * order: the engine lacks a fact -> it is read over REST -> engine again, for the last time. */
#include "api/order_change.h"

#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "api/lookup.h"
#include "api/options.h"
#include "api/order_body.h"
#include "api/order_job.h"
#include "api/order_reply.h"
#include "api/position_call.h"
#include "api/valuation.h"
#include "base/clock.h"

#define AGAIN_MS 1000

/* --- the body --- */

enum change_field { C_QTY, C_PRICE, C_TRIGGER_PRICE, C_TAKE_PROFIT, C_STOP_LOSS, C_COUNT };

static const struct field fields[C_COUNT] = {
    [C_QTY] = { "qty", { NULL }, FIELD_DECIMAL, NULL, NULL },
    [C_PRICE] = { "price", { NULL }, FIELD_DECIMAL, NULL, NULL },
    [C_TRIGGER_PRICE] = { "trigger_price", { "triggerPrice" }, FIELD_DECIMAL, NULL, NULL },
    [C_TAKE_PROFIT] = { "take_profit", { "takeProfit" }, FIELD_DECIMAL, NULL, NULL },
    [C_STOP_LOSS] = { "stop_loss", { "stopLoss" }, FIELD_DECIMAL, NULL, NULL },
};

const struct field *order_change_fields(size_t *count)
{
    *count = C_COUNT;
    return fields;
}

/* null and 0: removed. */
static struct decimal removable(const struct field_value *value)
{
    if (value->nulled || (value->given && decimal_sign(&value->decimal) == 0))
        return DECIMAL_ZERO;
    return value->decimal;
}

enum err order_change_read(struct order_change *out, const char *body, size_t body_bytes,
                           bool body_is_form, struct api_refusal *refusal)
{
    struct field_value values[C_COUNT];
    bool any = false;

    order_change_clear(out);
    if (fields_read(fields, C_COUNT, body, body_bytes, body_is_form, values, refusal))
        return ERR_INVALID;
    for (size_t i = 0; i < C_COUNT; i++) {
        if (values[i].nulled && i != C_TAKE_PROFIT && i != C_STOP_LOSS)
            return api_refuse(refusal, "invalid_value", "%s can't be removed", fields[i].name);
        any = any || values[i].given || values[i].nulled;
    }
    if (!any)
        return api_refuse(
            refusal, "missing_field",
            "nothing is to be changed: give qty, price, trigger_price, take_profit or "
            "stop_loss");
    out->qty = values[C_QTY].decimal;
    out->price = values[C_PRICE].decimal;
    out->trigger_price = values[C_TRIGGER_PRICE].decimal;
    out->take_profit = removable(&values[C_TAKE_PROFIT]);
    out->stop_loss = removable(&values[C_STOP_LOSS]);
    return ERR_NONE;
}

/* --- against the order --- */

static enum err check_kind(const struct order_change *change, const struct order *order,
                           struct api_refusal *refusal)
{
    const struct order_request *request = &order->request;
    bool tpsl = decimal_sign(&change->take_profit) > 0 || decimal_sign(&change->stop_loss) > 0;

    if (!decimal_is_none(&change->price) && request->type != ORDER_TYPE_LIMIT)
        return api_refuse(refusal, "field_not_allowed", "a market order has no price to change");
    if (!decimal_is_none(&change->trigger_price) && decimal_sign(&request->trigger_price) <= 0)
        return api_refuse(refusal, "field_not_allowed",
                          "this order has no trigger_price: it is not conditional");
    if (!decimal_is_none(&change->qty) && request->qty_in_quote)
        return api_refuse(refusal, "field_not_allowed",
                          "the size of this order counts quote coin: it can't be changed");
    if (tpsl && request->reduce_only)
        return api_refuse(refusal, "field_not_allowed",
                          "take_profit and stop_loss do not go with reduce_only");
    if (tpsl && request->category == CATEGORY_SPOT && request->type != ORDER_TYPE_LIMIT)
        return api_refuse(refusal, "field_not_allowed",
                          "take_profit and stop_loss are for limit orders only on spot");
    return ERR_NONE;
}

/* The size is the new total: less than what is filled there is not. */
static enum err check_filled(const struct order_change *change, const struct order *order,
                             struct api_refusal *refusal)
{
    char qty[DECIMAL_TEXT_MAX];
    char filled[DECIMAL_TEXT_MAX];

    if (decimal_is_none(&change->qty) || decimal_sign(&order->filled_qty) <= 0 ||
        decimal_cmp(&change->qty, &order->filled_qty) > 0)
        return ERR_NONE;
    return api_refuse(
        refusal, "qty_too_small",
        "qty %s is the new total, and %s are filled: DELETE the order to stop it there",
        decimal_format(&change->qty, qty), decimal_format(&order->filled_qty, filled));
}

/* Takes over what changes; of 0 (removed) nothing is left. */
static unsigned put(struct decimal *into, const struct decimal *value, unsigned bit)
{
    if (decimal_is_none(value))
        return 0;
    if (bit & (ORDER_CHANGES_TAKE_PROFIT | ORDER_CHANGES_STOP_LOSS) && decimal_sign(value) == 0) {
        *into = DECIMAL_NONE;
        return 0;
    }
    *into = *value;
    return bit;
}

enum err order_change_check(const struct order_change *change, const struct order *order,
                            const struct instrument *instrument, struct order_request *changed,
                            struct api_refusal *refusal)
{
    unsigned bits;

    if (check_kind(change, order, refusal))
        return ERR_INVALID;
    *changed = order->request;
    bits = put(&changed->qty, &change->qty, ORDER_CHANGES_QTY);
    bits |= put(&changed->price, &change->price, ORDER_CHANGES_PRICE);
    bits |= put(&changed->trigger_price, &change->trigger_price, ORDER_CHANGES_TRIGGER);
    bits |= put(&changed->take_profit, &change->take_profit, ORDER_CHANGES_TAKE_PROFIT);
    bits |= put(&changed->stop_loss, &change->stop_loss, ORDER_CHANGES_STOP_LOSS);
    if (order_check_changed(changed, bits, instrument, refusal))
        return ERR_INVALID;
    return check_filled(change, order, refusal);
}

/* --- the call --- */

struct amend_job {
    const struct api *api;
    struct api_call *call;
    char client[TAG_MAX]; /* X-Client: the head is not there any more when it is needed */
    struct order_change change;
    struct order_request changed; /* what is valued */
    struct lookup_wait wait;
    struct valuation value;
    int64_t begin_ms; /* monotonic */
    unsigned kills;   /* asked for before it came */
};

static void answer(struct amend_job *job, const struct loop_reply *reply)
{
    struct loop_reply copy = *reply;

    if (job->value.has_read)
        copy.timing.complete = false;
    order_answer(job->call, ORDER_CALL_AMEND, &copy, "");
    free(job);
}

static void refuse(struct amend_job *job, const struct api_refusal *refusal)
{
    api_fail_refusal(job->call, refusal, "not_sent", NULL);
    free(job);
}

static void fail_busy(struct amend_job *job)
{
    const struct api_problem_more more = { .outcome = "not_sent", .retry_after_ms = AGAIN_MS };

    api_fail(job->call, &more, "busy", "too many requests wait for the engine");
    free(job);
}

/* Not in the engine's memory: it has ended, or was never here. */
static void on_journal(struct history_reader *reader, enum err err, void *userdata)
{
    struct amend_job *job = userdata;
    const struct api_problem_more again = { .outcome = "not_sent", .retry_after_ms = AGAIN_MS };
    const struct api_problem_more never = { .outcome = "not_sent" };
    struct order order;

    if (!err)
        err = reader_order(reader, job->call->param, &order);
    if (err == ERR_NOT_FOUND)
        api_fail(job->call, &never, "order_not_found", "there is no order with the id \"%s\"",
                 job->call->param);
    else if (err)
        api_fail(job->call, &again, "journal_unavailable", "the journal can't be read now");
    else if (order_state_is_final(order.state))
        api_fail(job->call, &never, "order_ended", "the order is %s: it can't be changed any more",
                 order_state_word(&order));
    else
        api_fail(job->call, &again, "not_ready",
                 "the order is in the journal and not yet with the engine: nothing was changed");
    free(job);
}

static void look_in_journal(struct amend_job *job)
{
    if (history_submit(job->api->history, loop_position(job->api->loop), on_journal, job))
        fail_busy(job);
}

static void submit(struct amend_job *job);

/* Even if it is armed again by now: the kill was meant for what was on its way, too. */
static void answer_killed(struct amend_job *job)
{
    struct loop_reply reply = { .outcome = OUTCOME_KILLED };

    (void)error_set(&reply.error, ERR_INVALID, "killed while it was being valued");
    answer(job, &reply);
}

static void on_facts(void *userdata)
{
    struct amend_job *job = userdata;

    reads_facts_end(job->api->reads);
    submit(job);
}

static void find_facts(struct amend_job *job)
{
    int most_ms = job->api->order_deadline_ms < ORDER_FACTS_MAX_MS ? job->api->order_deadline_ms
                                                                   : ORDER_FACTS_MAX_MS;

    if (reads_facts_begin(job->api->reads))
        valuation_read(&job->value, loop_guard_needs(job->api->loop), job->begin_ms + most_ms,
                       on_facts, job);
    else
        fail_busy(job);
}

static void on_amended(const struct loop_reply *reply, void *userdata)
{
    struct amend_job *job = userdata;

    if (reply->outcome == OUTCOME_NEEDS_FACTS && !job->value.facts.last_word)
        find_facts(job);
    else if (reply->outcome == OUTCOME_NOT_FOUND)
        look_in_journal(job);
    else
        answer(job, reply);
}

static void submit(struct amend_job *job)
{
    const struct loop_hearer hearer = { on_amended, job, &job->call->gone };

    if (loop_kills(job->api->loop) != job->kills) {
        answer_killed(job);
        return;
    }
    job->change.value_price = job->changed.value_price;
    if (loop_amend_heard(job->api->loop, job->call->param, &job->change, &job->value.facts,
                         job->client, job->wait.wait, job->wait.given ? job->wait.until_ms : 0,
                         &hearer))
        fail_busy(job);
}

static void on_order(const struct loop_reply *reply, void *userdata)
{
    struct amend_job *job = userdata;
    struct instrument instrument;
    struct api_refusal refusal;

    if (reply->outcome == OUTCOME_NOT_FOUND) {
        look_in_journal(job);
        return;
    }
    if (!reply->has_order) { /* not ready, stopping */
        answer(job, reply);
        return;
    }
    if (order_state_is_final(reply->order.state)) {
        (void)api_refuse(&refusal, "order_ended", "the order is %s: it can't be changed any more",
                         order_state_word(&reply->order));
        refuse(job, &refusal);
        return;
    }
    if (reply->order.request.category == CATEGORY_OPTION &&
        options_wait(job->api, job->call, reply->order.request.symbol)) {
        free(job); /* it all begins again once they are loaded */
        return;
    }
    if (lookup_in_category(job->api, reply->order.request.category, reply->order.request.symbol,
                           &instrument, &refusal) ||
        order_change_check(&job->change, &reply->order, &instrument, &job->changed, &refusal)) {
        refuse(job, &refusal);
        return;
    }
    valuation_begin(&job->value, job->api, &job->changed, instrument.quote,
                    loop_guard_needs(job->api->loop));
    submit(job);
}

static enum err read_call(struct amend_job *job, struct api_refusal *refusal)
{
    const struct api_call *call = job->call;
    bool native; /* order_answer asks for it again */

    if (lookup_keys(job->api, refusal) || lookup_wait(call, clock_wall_ms(), &job->wait, refusal) ||
        lookup_flag(call, "native", &native, refusal) ||
        position_call_client(call, job->client, refusal) ||
        order_change_read(&job->change, call->body, call->body_bytes, call->body_is_form, refusal))
        return ERR_INVALID;
    if (strlen(call->param) >= CLIENT_ID_MAX)
        return api_refuse(refusal, "order_not_found", "the id is longer than any order's");
    return ERR_NONE;
}

void handle_order_amend(const struct api *api, struct api_call *call)
{
    const struct api_problem_more more = { .outcome = "not_sent", .retry_after_ms = AGAIN_MS };
    struct amend_job *job = calloc(1, sizeof(*job));
    struct api_refusal refusal;

    if (!job) {
        api_fail(call, &more, "busy", "too many requests wait for the engine");
        return;
    }
    job->api = api;
    job->call = call;
    job->begin_ms = clock_mono_ms();
    job->kills = order_kills_before(api, call);
    if (read_call(job, &refusal)) {
        refuse(job, &refusal);
        return;
    }
    api_keep_headers(call);
    if (loop_watch(api->loop, call->param, WAIT_ACCEPTED, clock_wall_ms(), on_order, job))
        fail_busy(job);
}
