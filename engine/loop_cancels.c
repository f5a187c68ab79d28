/* engine/loop_cancels.c - cancels that are wanted together leave in as few requests as can be.
 *
 * The exchange counts single cancels and batches of them in windows of their own: each group goes
 * by the one that serves it sooner, and where both do, as a batch. A batch has no word for the kind
 * of an order, without which spot does not find what waits for its trigger: those go alone. So
 * does all of a category for a while, when the exchange has refused a batch as such: what it takes
 * differs by environment (PROTOCOL section 10, and what the demo has).
 *
 * Unlike a create, a cancel may be sent again, so what a batch did not get done a single one may.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "bybit/requests.h"
#include "engine/loop_parts.h"

#define BODY_MAX       ((size_t)16 * 1024)
#define NO_BATCH_MS    60000
#define HTTP_NOT_FOUND 404

/* --- which way --- */

static bool takes_batches(const struct loop *loop, enum category category)
{
    return loop_takes_batches(loop, category) &&
           clock_mono_ms() >= loop->no_batch_until_ms[category];
}

static bool fits_in_a_batch(const struct engine_action *action)
{
    return action->kind == ACTION_SEND_CANCEL &&
           !(action->u.send.is_waiting && action->u.send.request.category == CATEGORY_SPOT);
}

static bool are_sooner_alone(const struct loop *loop, enum category category, size_t count)
{
    const struct budget_claim alone = { .route = ROUTE_ORDER_CANCEL,
                                        .category = category,
                                        .lane = BUDGET_CANCEL };
    const struct budget_claim together = { .route = ROUTE_ORDER_CANCEL_BATCH,
                                           .category = category,
                                           .lane = BUDGET_CANCEL,
                                           .units = budget_batch_units(category, (int)count) };
    struct budget *budget = loop->config.rest.budget;
    int64_t now_ms = clock_mono_ms();

    return budget_turn(budget, &alone, (int)count - 1, now_ms) <
           budget_turn(budget, &together, 0, now_ms);
}

/* --- the request --- */

static enum err submit(struct flight *flight)
{
    struct loop *loop = flight->loop;
    struct request_cancel cancels[REQUEST_BATCH_MAX];
    struct buffer body = buffer_of(BODY_MAX);
    int64_t deadline_ms = flight->cancels[0].u.send.deadline_ms;
    struct rest_request request = {
        .route = ROUTE_ORDER_CANCEL_BATCH,
        .category = flight->category,
        .lane = BUDGET_CANCEL,
        .yields = flight->yields,
        .units = budget_batch_units(flight->category, (int)flight->count),
        .on_done = loop_flight_done,
        .userdata = flight,
    };
    enum err err;

    for (size_t i = 0; i < flight->count; i++) {
        const struct engine_action *cancel = &flight->cancels[i];

        cancels[i] = (struct request_cancel){ &cancel->u.send.request, cancel->u.send.order_id };
        if (cancel->u.send.deadline_ms < deadline_ms)
            deadline_ms = cancel->u.send.deadline_ms;
    }
    request_cancel_batch(&body, cancels, flight->count);
    request.deadline_ms = clock_mono_ms() + (deadline_ms - loop_now_ms(loop));
    err = buffer_check(&body);
    if (!err) {
        request.body = body.data;
        for (size_t i = 0; i < flight->count; i++)
            loop_trace_send(loop, flight->items[i].link, true);
        CRASH_POINT(CANCELS_SEND);
        err = loop_submit(loop, &request);
        CRASH_POINT(CANCELS_SUBMITTED);
    }
    buffer_deinit(&body);
    return err;
}

static bool send_together(struct loop *loop, struct engine_action *const *actions, size_t count,
                          bool yields)
{
    struct flight *flight = loop_flight_of(loop, actions, count);

    if (flight)
        flight->yields = yields;
    if (flight && submit(flight) == ERR_NONE)
        return true;
    loop_flight_free(flight);
    return false;
}

void loop_send_cancels(struct loop *loop, struct engine_action *list, size_t count, size_t at,
                       bool yields)
{
    struct engine_action *group[REQUEST_BATCH_MAX] = { &list[at] };
    enum category category = list[at].u.send.request.category;
    size_t most = 1;
    size_t found = 1;

    if (at + 1 < count && fits_in_a_batch(&list[at]) && takes_batches(loop, category))
        most = loop_batch_most(loop, ROUTE_ORDER_CANCEL_BATCH, category);
    for (size_t i = at + 1; i < count && found < most; i++) {
        if (fits_in_a_batch(&list[i]) && list[i].u.send.request.category == category)
            group[found++] = &list[i];
    }
    if (found == 1 || are_sooner_alone(loop, category, found) ||
        !send_together(loop, group, found, yields)) {
        for (size_t i = 0; i < found; i++)
            loop_send_cancel(loop, group[i], yields);
    }
    for (size_t i = 0; i < found; i++)
        group[i]->kind = ACTION_ROW; /* done */
}

/* --- cancels that come together --- */

void loop_cancels_hold(struct loop *loop)
{
    loop->cancels_held = true;
}

bool loop_cancel_kept(struct loop *loop, const struct engine_action *action)
{
    struct engine_actions *held = &loop->cancels;

    if (!loop->cancels_held)
        return false;
    if (!held->list) {
        held->list = calloc(LOOP_CANCELS_MAX, sizeof(*held->list));
        held->capacity = held->list ? LOOP_CANCELS_MAX : 0;
    }
    if (!held->list || held->count == held->capacity)
        return false;
    held->list[held->count++] = *action;
    return true;
}

void loop_cancels_release(struct loop *loop)
{
    /* What is sent can feed the engine again: see loop_act.c. */
    struct engine_actions held = loop->cancels;

    loop->cancels_held = false;
    loop->cancels = (struct engine_actions){ 0 };
    for (size_t i = 0; i < held.count; i++) {
        if (held.list[i].kind == ACTION_SEND_CANCEL)
            loop_send_cancels(loop, held.list, held.count, i, true);
    }
    free(held.list);
}

/* --- a batch that was not taken --- */

static void send_alone(const struct flight *flight)
{
    for (size_t i = 0; i < flight->count; i++)
        loop_send_cancel(flight->loop, &flight->cancels[i], flight->yields);
}

bool loop_cancels_whole(const struct flight *flight, const struct rest_answer *answer,
                        enum answer_class class)
{
    bool refused =
        class == ANSWER_REJECT || class == ANSWER_AUTH || answer->http_status == HTTP_NOT_FOUND;
    int ret_code;

    if (!flight->cancels || class == ANSWER_OK || class == ANSWER_REFUSED)
        return false;
    /* A code that is not known may mean it, too: those are looked up, and cancelled again alone. */
    if (!refused && (answer->http_status >= 500 || !rest_ret_code(answer, &ret_code)))
        return false;
    log_warn("loop: a batch of cancels of %s was not taken, they go one by one for a while",
             category_word(flight->category));
    flight->loop->no_batch_until_ms[flight->category] = clock_mono_ms() + NO_BATCH_MS;
    if (refused)
        send_alone(flight);
    return refused;
}

bool loop_cancels_throttled(const struct flight *flight, const struct rest_answer *answer)
{
    /* The window of batches has no room in time: the other one may. */
    if (!flight->cancels || !answer->throttled ||
        loop_now_ms(flight->loop) >= flight->cancels[0].u.send.deadline_ms)
        return false;
    send_alone(flight);
    return true;
}
