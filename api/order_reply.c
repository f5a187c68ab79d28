#include "api/order_reply.h"

#include <string.h>

#include "api/api.h"
#include "api/events.h"
#include "api/limits.h"
#include "api/order_native.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/text.h"

_Static_assert(GUARD_LIMIT_COUNT < METRICS_GUARD_MAX, "the kill counts behind the limits");

#define IN_PROGRESS_AGAIN_MS 500
#define NOT_READY_AGAIN_MS   1000

static const char *order_client_id(const struct order *order)
{
    return order->request.client_id[0] ? order->request.client_id : order->request.link;
}

/* Gate rule 9: what a path may hold. */
static bool fits_path(const char *id)
{
    return id[0] && !strstr(id, "..") && strcmp(id, ".") != 0 &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-") ==
               strlen(id);
}

void order_location(const struct order *order, char out[200])
{
    const char *id = order_client_id(order);
    struct text text = text_in(out, 200);

    text_addf(&text, "/orders/%s", fits_path(id) ? id : order->request.link);
}

/* --- the verdict --- */

static void show(struct order_verdict *out, int status, bool located)
{
    out->status = status;
    out->located = located;
}

static void problem(struct order_verdict *out, const char *code, const char *outcome,
                    int64_t retry_after_ms)
{
    out->code = code;
    out->status = api_problem_find(code)->status;
    out->more.outcome = outcome;
    out->more.retry_after_ms = retry_after_ms;
}

/* The exchange's own words: of a create they are the order's, of others the reply's. */
static void upstream(struct order_verdict *out, enum order_call kind,
                     const struct loop_reply *reply)
{
    bool by_order = kind == ORDER_CALL_CREATE && reply->has_order && reply->order.ret_code;

    if (by_order || reply->error.upstream) {
        out->more.ret_code = by_order ? reply->order.ret_code : reply->error.upstream;
        out->more.ret_msg = by_order ? reply->order.ret_msg : reply->error.text;
    }
}

static int64_t again_ms(const struct loop_reply *reply, int64_t least_ms)
{
    return reply->retry_after_ms > 0 ? reply->retry_after_ms : least_ms;
}

/* By limit. */
static const char *const guard_codes[GUARD_LIMIT_COUNT] = {
    [GUARD_MAX_ORDER_NOTIONAL] = "guard_max_order_notional",
    [GUARD_MAX_OPEN_NOTIONAL] = "guard_max_open_notional",
    [GUARD_MAX_ORDERS_PER_MINUTE] = "guard_max_orders_per_minute",
    [GUARD_SYMBOLS] = "guard_symbols",
    [GUARD_CATEGORIES] = "guard_categories",
    [GUARD_MAX_LEVERAGE] = "guard_max_leverage",
    [GUARD_REDUCE_ONLY_MODE] = "guard_reduce_only_mode",
};

static void judge_guard(struct order_verdict *out, const struct guard_verdict *verdict)
{
    if (!verdict || (size_t)verdict->limit >= GUARD_LIMIT_COUNT) {
        problem(out, "internal", "not_sent", 0);
        return;
    }
    problem(out, guard_codes[verdict->limit], "not_sent", verdict->retry_after_ms);
    out->more.guard = verdict;
    out->detail = verdict->text;
}

static void judge_create_shown(struct order_verdict *out, const struct loop_reply *reply)
{
    bool unknown = reply->order.state == ORDER_UNKNOWN || reply->outcome == OUTCOME_UNKNOWN;

    out->replayed = reply->outcome == OUTCOME_REPLAYED;
    if (unknown)
        show(out, 202, true);
    else
        show(out, out->replayed ? 200 : 201, true);
}

/* Outcomes that come with an order to show. */
static bool judge_shown(struct order_verdict *out, enum order_call kind,
                        const struct loop_reply *reply)
{
    bool shows = reply->outcome == OUTCOME_ACCEPTED || reply->outcome == OUTCOME_REPLAYED ||
                 reply->outcome == OUTCOME_OK || reply->outcome == OUTCOME_UNKNOWN;

    if (!reply->has_order || (!shows && kind != ORDER_CALL_READ))
        return false;
    switch (kind) {
    case ORDER_CALL_CREATE:
        judge_create_shown(out, reply);
        break;
    case ORDER_CALL_AMEND:
    case ORDER_CALL_CANCEL:
        show(out, reply->outcome == OUTCOME_UNKNOWN ? 202 : 200, reply->outcome == OUTCOME_UNKNOWN);
        break;
    case ORDER_CALL_READ:
        show(out, 200, false);
        break;
    }
    return true;
}

void order_judge(struct order_verdict *out, enum order_call kind, const struct loop_reply *reply,
                 const char *client_id)
{
    const char *not_sent = kind == ORDER_CALL_READ ? NULL : "not_sent";

    *out = (struct order_verdict){ .detail = reply->error.text };
    out->more.client_id = reply->has_order ? order_client_id(&reply->order) : client_id;
    if (judge_shown(out, kind, reply))
        return;
    switch (reply->outcome) {
    case OUTCOME_REJECTED:
        problem(out, "exchange_rejected", "rejected", 0);
        upstream(out, kind, reply);
        break;
    case OUTCOME_AUTH:
        problem(out, "exchange_auth", "rejected", 0);
        upstream(out, kind, reply);
        break;
    case OUTCOME_NOT_SENT:
        problem(out, "not_sent", not_sent, reply->retry_after_ms);
        upstream(out, kind, reply);
        break;
    case OUTCOME_THROTTLED:
        problem(out, "rate_limited", not_sent, again_ms(reply, NOT_READY_AGAIN_MS));
        break;
    case OUTCOME_NOT_READY:
        problem(out, "not_ready", not_sent, again_ms(reply, NOT_READY_AGAIN_MS));
        break;
    case OUTCOME_BUSY:
        problem(out, "busy", not_sent, again_ms(reply, NOT_READY_AGAIN_MS));
        break;
    case OUTCOME_KEY_REUSED:
        problem(out, "idempotency_key_reused", not_sent, 0);
        break;
    case OUTCOME_IN_PROGRESS:
        problem(out, "key_in_progress", NULL, again_ms(reply, IN_PROGRESS_AGAIN_MS));
        break;
    case OUTCOME_NOT_FOUND:
        problem(out, "order_not_found", NULL, 0);
        break;
    case OUTCOME_GUARD:
        judge_guard(out, reply->verdict);
        break;
    case OUTCOME_KILLED:
        problem(out, "guard_killed", not_sent, 0);
        break;
    case OUTCOME_NEEDS_FACTS: /* an order is valued before, or refused: nothing was written */
        problem(out, "internal", not_sent, 0);
        break;
    case OUTCOME_CONFLICT:
        problem(out, "amend_in_flight", not_sent, again_ms(reply, IN_PROGRESS_AGAIN_MS));
        break;
    case OUTCOME_ENDED:
        problem(out, "order_ended", not_sent, 0);
        break;
    case OUTCOME_GUARD_DONE:
    case OUTCOME_CEILING:
    case OUTCOME_WOULD:
    case OUTCOME_ACCEPTED:
    case OUTCOME_REPLAYED:
    case OUTCOME_OK:
    case OUTCOME_UNKNOWN:
        /* Without an order the engine has broken its word: nothing may be claimed. */
        problem(out, "internal", kind == ORDER_CALL_READ ? NULL : "unknown", 0);
        break;
    }
}

/* --- the answer --- */

const char *order_detail(const struct order_verdict *verdict, char out[480])
{
    struct text text = text_in(out, 480);

    if (verdict->more.ret_msg)
        text_addf(&text, "the exchange answered %d: %s", verdict->more.ret_code,
                  verdict->more.ret_msg);
    else
        text_add(&text,
                 verdict->detail[0] ? verdict->detail : api_problem_find(verdict->code)->title);
    return out;
}

void order_count_refusal(const struct api_call *call, const struct loop_reply *reply)
{
    struct metrics *metrics = call->api ? call->api->metrics : NULL;

    if (metrics && reply->outcome == OUTCOME_KILLED)
        metrics_count(&metrics->guard.refused[GUARD_LIMIT_COUNT]);
    else if (metrics && reply->outcome == OUTCOME_GUARD && reply->verdict &&
             (size_t)reply->verdict->limit < GUARD_LIMIT_COUNT)
        metrics_count(&metrics->guard.refused[reply->verdict->limit]);
}

/* Of a create whoever has made it knows the window. */
static void add_limits(struct api_call *call, enum order_call kind, const struct loop_reply *reply)
{
    if ((kind == ORDER_CALL_CANCEL || kind == ORDER_CALL_AMEND) && reply->has_order)
        limits_reply_write(call, kind == ORDER_CALL_AMEND ? ROUTE_ORDER_AMEND : ROUTE_ORDER_CANCEL,
                           reply->order.request.category);
    else if (kind != ORDER_CALL_READ)
        limits_reply(call);
}

void order_answer(struct api_call *call, enum order_call kind, const struct loop_reply *reply,
                  const char *client_id)
{
    struct order_verdict verdict;

    order_judge(&verdict, kind, reply, client_id);
    if (!verdict.code && order_native_wanted(call))
        order_native_answer(call, kind, reply);
    else
        order_answer_with(call, kind, reply, client_id, NULL);
}

void order_answer_with(struct api_call *call, enum order_call kind, const struct loop_reply *reply,
                       const char *client_id, const struct stored_native *native)
{
    struct order_verdict verdict;
    char location[200];
    char detail[480];

    order_judge(&verdict, kind, reply, client_id);
    call->timing = (struct api_timing){
        .queue_us = reply->timing.queue_us,
        .journal_us = reply->timing.journal_us,
        .turn_us = reply->timing.turn_us,
        .sign_us = reply->timing.sign_us,
        .upstream_us = reply->timing.upstream_us,
        .complete = reply->timing.complete && !native, /* that waited for the journal, too */
    };
    add_limits(call, kind, reply);
    order_count_refusal(call, reply);
    if (verdict.code) {
        api_fail(call, &verdict.more, verdict.code, "%s", order_detail(&verdict, detail));
        return;
    }
    if (verdict.located) {
        order_location(&reply->order, location);
        api_reply_header(call, "Location", location);
    }
    if (verdict.replayed)
        api_reply_header(call, "Idempotent-Replayed", "true");
    if (kind == ORDER_CALL_READ) /* the engine's memory is the journal's newest state */
        api_reply_age(call, clock_wall_ms(), "journal");
    if (native)
        api_add_order_native(api_reply_begin(call), &reply->order, reply->cancel_in_flight, native);
    else
        api_add_order(api_reply_begin(call), &reply->order, reply->cancel_in_flight);
    api_reply_keep(call, verdict.status, API_JSON);
}
