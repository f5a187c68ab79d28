/* bybit/rest_queue.c - calls that wait: two lanes, urgent ones first. Why one waits (its turn, the
 * budget, a connection, a second try) decides what it is told when its deadline passes. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bybit/rest_parts.h"

/* --- lanes --- */

void rest_lane_add(struct lane *lane, struct call *call)
{
    call->next = NULL;
    if (lane->last)
        lane->last->next = call;
    else
        lane->first = call;
    lane->last = call;
    lane->count++;
}

/* Takes `call` out, which follows `before` (NULL: it is the first). */
void rest_lane_take(struct lane *lane, struct call *before, struct call *call)
{
    if (before)
        before->next = call->next;
    else
        lane->first = call->next;
    if (lane->last == call)
        lane->last = before;
    lane->count--;
    call->next = NULL;
}

struct lane *rest_lane_of(struct rest *rest, const struct call *call)
{
    return call->request.urgent ? &rest->urgent : &rest->others;
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

/* How long each route and category has to wait, as far as it was asked in this pass. */
struct waits {
    int64_t ms[ROUTE_COUNT][CATEGORY_COUNT];
};

/* 0: the call may start now (and its share of the budget is taken). Else ms until it can be asked
 * again. */
static int64_t call_wait(struct rest *rest, struct call *call, struct waits *waits, size_t slots,
                         int64_t now_ms)
{
    int64_t *known = &waits->ms[call->request.route][call->request.category];

    if (call->wants_clock && clock_sync_ready(rest->config.clock))
        call->wants_clock = false;
    if (call->wants_clock || call->not_before_ms > now_ms) {
        call->wait = WAIT_RETRY;
        return call->wants_clock ? NEVER : call->not_before_ms - now_ms;
    }
    if (rest->under_way >= slots) {
        call->wait = WAIT_CONNECTION;
        return NEVER;
    }
    if (*known == 0)
        *known =
            budget_take(rest->config.budget, call->request.route, call->request.category, now_ms);
    if (*known == 0)
        return 0;
    call->wait = WAIT_BUDGET;
    call->retry_after_ms = *known;
    return *known;
}

/* Starts what may start; ends what has no hope left. `slots`: how many of all may be in use. */
static void lane_pump(struct rest *rest, struct lane *lane, struct waits *waits, size_t slots)
{
    int64_t now_ms = clock_mono_ms();
    struct call *before = NULL;
    struct call *next;

    for (struct call *call = lane->first; call; call = next) {
        int64_t left_ms = call->request.deadline_ms - now_ms;
        int64_t wait_ms;

        if (left_ms < 0) {
            rest_lane_take(lane, before, call);
            call_end_late(rest, call);
            /* The callback may have appended. */
            next = before ? before->next : lane->first;
            continue;
        }
        wait_ms = call_wait(rest, call, waits, slots, now_ms);
        if (wait_ms == 0 || (call->wait == WAIT_BUDGET && wait_ms > left_ms) ||
            (call->wants_clock && rest->time_calls == 0)) {
            rest_lane_take(lane, before, call);
            if (wait_ms == 0)
                rest_call_start(rest, call, now_ms);
            else if (call->wants_clock)
                rest_call_end_unsent(rest, call, ERR_UNAVAILABLE,
                                     "the exchange's time is not known");
            else
                call_end_late(rest, call);
            next = before ? before->next : lane->first;
            continue;
        }
        if (wait_ms > left_ms)
            wait_ms = left_ms + 1;
        if (now_ms + wait_ms < rest->wake_ms)
            rest->wake_ms = now_ms + wait_ms;
        before = call;
        next = call->next;
    }
}

void rest_pump(struct rest *rest)
{
    struct waits waits = { 0 };

    rest->pump_due = false;
    rest->wake_ms = NEVER;
    rest_spoil_talkers(rest);
    lane_pump(rest, &rest->urgent, &waits, rest->slots_count);
    lane_pump(rest, &rest->others, &waits, rest->slots_count - rest->slots_count / 4);
}
