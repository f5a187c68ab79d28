/* bybit/rest_queue.c - calls that wait in their lanes, higher ones first. Why one waits (its turn,
 * the budget, a connection, a second try) decides what it is told when its deadline passes. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bybit/rest_parts.h"

/* --- lanes --- */

struct lane *rest_lane_of(struct rest *rest, const struct call *call)
{
    return &rest->lanes[call->request.lane];
}

size_t rest_lane_count(const struct lane *lane)
{
    return lane->calls[false].count + lane->calls[true].count;
}

struct call_list *rest_list_of(struct rest *rest, const struct call *call)
{
    return &rest_lane_of(rest, call)->calls[call->request.yields];
}

void rest_lane_add(struct rest *rest, struct call *call)
{
    struct call_list *list = rest_list_of(rest, call);

    call->next = NULL;
    if (list->last)
        list->last->next = call;
    else
        list->first = call;
    list->last = call;
    list->count++;
    list->count_of[call->request.route]++;
    budget_waits(rest->config.budget, &call->claim, 1);
}

void rest_lane_take(struct rest *rest, struct call *before, struct call *call)
{
    struct call_list *list = rest_list_of(rest, call);

    if (before)
        before->next = call->next;
    else
        list->first = call->next;
    if (list->last == call)
        list->last = before;
    list->count--;
    list->count_of[call->request.route]--;
    call->next = NULL;
    budget_waits(rest->config.budget, &call->claim, -1);
}

/* --- ends --- */

/* 0 where nothing was waited for: then it is our own way to the socket. */
static int64_t turn_us(const struct call *call, int64_t finished_us)
{
    int64_t until_us = call->left_us ? call->left_us : finished_us;

    if (call->wait == WAIT_TURN && !call->connected)
        return 0;
    return until_us - call->submitted_us - call->sign_us;
}

void rest_call_end(struct rest *rest, struct call *call, struct rest_answer *answer)
{
    answer->signed_ms = call->signed_ms;
    answer->started_us = call->started_us;
    answer->left_us = call->left_us;
    answer->sign_us = call->sign_us;
    if (!answer->finished_us)
        answer->finished_us = clock_mono_us();
    answer->turn_us = turn_us(call, answer->finished_us);
    if (!answer->body)
        answer->body = "";
    answer->sent = (call->info->is_write ? call->body_left : call->head_left) ? REST_MAYBE_SENT
                                                                              : REST_NOT_SENT;
    if (call->internal)
        rest->time_calls--;
    if (call->request.on_done)
        call->request.on_done(answer, call->request.userdata);
    free(call);
}

void rest_call_end_unsent(struct rest *rest, struct call *call, enum err err, const char *why)
{
    struct rest_answer answer = { 0 };

    error_set(&answer.error, err, "%s: %s", call->info->path, why);
    rest_call_end(rest, call, &answer);
}

/* Its turn did not come before the deadline. */
static void call_end_late(struct rest *rest, struct call *call)
{
    struct rest_answer answer = { 0 };
    const char *why = "the deadline passed before it was sent";

    switch (call->wait) {
    case WAIT_BUDGET:
        answer.throttled = true;
        why = "the rate limit left no turn before the deadline";
        break;
    case WAIT_CONNECTION:
        answer.throttled = true;
        why = "all connections were busy until the deadline";
        break;
    case WAIT_RETRY:
        why = "the deadline passed before it could be tried again";
        break;
    case WAIT_TURN:
        break;
    }
    if (call->wait == WAIT_BUDGET)
        answer.retry_after_ms = call->retry_after_ms;
    if (answer.throttled)
        rest_count_throttled(rest, call);
    error_set(&answer.error, answer.throttled ? ERR_BUSY : ERR_UNAVAILABLE, "%s: %s",
              call->info->path, why);
    rest_call_end(rest, call, &answer);
}

/* --- waiting --- */

/* How long each route and category has to wait, as far as it was asked for in this pass of a lane:
 * what follows one that has no turn has none either, and is not asked for. */
struct waits {
    int64_t ms[ROUTE_COUNT][CATEGORY_COUNT];
};

/* Those that yield leave a quarter to the others: a slow answer holds a connection for seconds. */
static bool has_connection(struct rest *rest, const struct call *call)
{
    const struct lane *lane = rest_lane_of(rest, call);
    const struct call_list *list = rest_list_of(rest, call);
    size_t under_way = lane->calls[false].under_way + lane->calls[true].under_way;

    if (call->request.yields && list->under_way >= lane->slots_most - lane->slots_most / 4)
        return false;
    return rest->under_way < rest->slots_count && under_way < lane->slots_most;
}

/* 0: the call may start now (and its share of the budget is taken). Else ms until it can be asked
 * again. */
static int64_t call_wait(struct rest *rest, struct call *call, struct waits *waits, int64_t now_ms)
{
    int64_t *known = &waits->ms[call->request.route][call->request.category];
    int64_t wait_ms;

    if (call->wants_clock && clock_sync_ready(rest->config.clock))
        call->wants_clock = false;
    if (call->wants_clock || call->not_before_ms > now_ms) {
        call->wait = WAIT_RETRY;
        return call->wants_clock ? NEVER : call->not_before_ms - now_ms;
    }
    if (!has_connection(rest, call)) {
        call->wait = WAIT_CONNECTION;
        return NEVER;
    }
    wait_ms = *known ? *known : budget_take(rest->config.budget, &call->claim, now_ms);
    if (wait_ms == 0)
        return 0;
    if (wait_ms != BUDGET_NEVER_MS) /* too many units are its own affair */
        *known = wait_ms;
    call->wait = WAIT_BUDGET;
    call->retry_after_ms = wait_ms;
    return wait_ms;
}

/* Asked of those that have waited. */
static bool is_taken_back(const struct call *call)
{
    const struct rest_request *request = &call->request;

    return call->wait != WAIT_TURN && request->may_send && !request->may_send(request->userdata);
}

/* Why it has no hope left, where that is not its deadline. */
static const char *hopeless(const struct rest *rest, const struct call *call)
{
    if (is_taken_back(call))
        return "it was taken back before it was sent";
    if (call->wants_clock && rest->time_calls == 0 && !clock_sync_ready(rest->config.clock))
        return "the exchange's time is not known";
    return NULL;
}

/* Starts the call, which follows `before`, or ends it where it has no hope left. False: it waits
 * on. */
static bool call_pump(struct rest *rest, struct call *before, struct call *call,
                      struct waits *waits, int64_t now_ms)
{
    int64_t left_ms = call->request.deadline_ms - now_ms;
    const char *why = left_ms < 0 ? NULL : hopeless(rest, call);
    int64_t wait_ms = left_ms < 0 || why ? NEVER : call_wait(rest, call, waits, now_ms);

    if (wait_ms == 0) {
        rest_lane_take(rest, before, call);
        rest_call_start(rest, call, now_ms);
    } else if (why) {
        rest_lane_take(rest, before, call);
        rest_call_end_unsent(rest, call, ERR_UNAVAILABLE, why);
    } else if (left_ms < 0 || (call->wait == WAIT_BUDGET && wait_ms > left_ms)) {
        rest_lane_take(rest, before, call);
        call_end_late(rest, call);
    } else {
        if (wait_ms > left_ms)
            wait_ms = left_ms + 1;
        if (now_ms + wait_ms < rest->wake_ms)
            rest->wake_ms = now_ms + wait_ms;
        return false;
    }
    return true;
}

/* What a callback asks for meanwhile comes in the next pass: else one that asks again whenever it
 * is refused would hold up all the rest. */
static void list_pump(struct rest *rest, struct call_list *list, struct waits *waits,
                      int64_t now_ms)
{
    struct call *before = NULL;
    struct call *call = list->first;

    for (size_t left = list->count; left > 0; left--) {
        if (!call_pump(rest, before, call, waits, now_ms))
            before = call;
        call = before ? before->next : list->first;
    }
}

static void lane_pump(struct rest *rest, struct lane *lane)
{
    struct waits waits = { 0 };
    int64_t now_ms = clock_mono_ms();

    list_pump(rest, &lane->calls[false], &waits, now_ms);
    list_pump(rest, &lane->calls[true], &waits, now_ms);
}

void rest_pump(struct rest *rest)
{
    rest->pump_due = false;
    rest->wake_ms = NEVER;
    rest_spoil_talkers(rest);
    for (int lane = 0; lane < BUDGET_LANES; lane++)
        lane_pump(rest, &rest->lanes[lane]);
}
