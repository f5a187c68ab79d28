/* engine/loop_batch.c - creates that came together leave together (PROTOCOL section 10), and each
 * is answered for itself: by what its own place in the answer says, and only when that place names
 * it, or can be no other's. What is lost, or not told, is looked up one by one. The answers to
 * cancels that left together (loop_cancels.c) are read here, too. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/text.h"
#include "bybit/codes.h"
#include "bybit/message.h"
#include "bybit/requests.h"
#include "engine/loop_parts.h"

#define BODY_MAX     ((size_t)64 * 1024)
#define RET_TOO_MANY 10006
#define TOO_MANY_MS  1000 /* the window, where an item's code tells of it */

/* What became of one order of it. */
struct result {
    enum answer_kind kind;
    int code;
    const char *msg;
    const char *order_id;
};

/* --- the answer --- */

static bool is_cancels(const struct flight *flight)
{
    return flight->cancels != NULL;
}

static void feed_result(const struct flight *flight, size_t at, const struct rest_answer *answer,
                        const struct result *result)
{
    struct loop *loop = flight->loop;
    struct engine_event event = { .kind = EVENT_ANSWER };

    event.u.answer.send_id = flight->items[at].send_id;
    event.u.answer.kind = result->kind;
    event.u.answer.ret_code = result->code;
    event.u.answer.ret_msg = result->msg;
    event.u.answer.order_id = result->order_id;
    event.u.answer.signed_ms = answer->signed_ms;
    event.u.answer.retry_after_ms = answer->retry_after_ms;
    if (result->code == RET_TOO_MANY && !event.u.answer.retry_after_ms)
        event.u.answer.retry_after_ms = TOO_MANY_MS;
    loop->ends = loop_trace_answer(loop, flight->items[at].link, is_cancels(flight), answer);
    loop_feed(loop, &event);
    loop->ends = NULL;
    CRASH_POINT_IF(!is_cancels(flight), BATCH_ITEM);
    CRASH_POINT_IF(is_cancels(flight), CANCELS_ITEM);
}

static void feed_all(const struct flight *flight, const struct rest_answer *answer,
                     const struct result *result)
{
    for (size_t i = 0; i < flight->count; i++)
        feed_result(flight, i, answer, result);
}

/* Words that can only be about one order say nothing about all of them, and nothing to a create. */
static enum answer_kind kind_of(const struct flight *flight, enum answer_class class, int code)
{
    if (loop_is_no_such_order(code))
        return is_cancels(flight) ? REPLY_NO_SUCH_ORDER : REPLY_AMBIGUOUS;
    return loop_kind_of(class);
}

/* The name that the place at `at` has for its order, of the kind that was asked by. */
static const char *name_of(const struct flight *flight, size_t at, const struct batch_ack *ack)
{
    return flight->items[at].order_id[0] ? ack->order_id : ack->link;
}

static bool names_another(const struct flight *flight, const struct batch_ack acks[])
{
    for (size_t i = 0; i < flight->count; i++) {
        const char *name = name_of(flight, i, &acks[i]);
        const char *asked =
            flight->items[i].order_id[0] ? flight->items[i].order_id : flight->items[i].link;

        if (name[0] && strcmp(name, asked) != 0)
            return true;
    }
    return false;
}

/* An id and a refusal contradict each other, as do none and a create's success. That an order is
 * not open can well be said of one that is named. */
static bool contradicts(const struct flight *flight, enum answer_kind kind,
                        const struct batch_ack *ack)
{
    if (is_cancels(flight) && (kind == REPLY_OK || kind == REPLY_NO_SUCH_ORDER))
        return false;
    return (kind == REPLY_OK) != (ack->order_id[0] != '\0');
}

/* `whole`: both lists are as long as the request, so a place without a name is this one's. */
static struct result item_result(const struct flight *flight, size_t at,
                                 const struct batch_ack *ack, bool whole)
{
    struct result result = { REPLY_AMBIGUOUS, ack->code, ack->msg, "" };
    bool named = name_of(flight, at, ack)[0] != '\0';
    enum answer_kind kind;

    if (!ack->has_result || !ack->has_code || (!named && (!whole || ack->code == 0)))
        return result;
    kind = kind_of(flight, answer_classify(200, true, ack->code, NULL), ack->code);
    if (contradicts(flight, kind, ack))
        return result;
    result.kind = kind;
    result.order_id = ack->order_id;
    return result;
}

/* The transport looks at the whole answer only. */
static void hold(const struct flight *flight, int64_t now_ms)
{
    struct budget_claim claim = { .route = is_cancels(flight) ? ROUTE_ORDER_CANCEL_BATCH
                                                              : ROUTE_ORDER_CREATE_BATCH,
                                  .category = flight->category,
                                  .lane = is_cancels(flight) ? BUDGET_CANCEL : BUDGET_CREATE };
    const struct budget_said said = { .limit = -1, .left = -1, .hold_ms = TOO_MANY_MS };

    budget_answered(flight->loop->config.rest.budget, &claim, &said, now_ms);
}

static void feed_items(const struct flight *flight, const struct rest_answer *answer,
                       const struct batch_ack acks[], bool whole)
{
    bool too_many = false;

    for (size_t i = 0; i < flight->count; i++)
        too_many = too_many || (acks[i].has_code && acks[i].code == RET_TOO_MANY);
    if (too_many)
        hold(flight, answer->finished_us / 1000);
    for (size_t i = 0; i < flight->count; i++) {
        const struct result result = item_result(flight, i, &acks[i], whole);

        feed_result(flight, i, answer, &result);
    }
}

static bool any_order(const struct flight *flight, const struct batch_ack acks[])
{
    for (size_t i = 0; i < flight->count; i++) {
        if (acks[i].order_id[0])
            return true;
    }
    return false;
}

static void take_envelope(const struct flight *flight, const struct rest_answer *answer,
                          const struct envelope *envelope)
{
    struct batch_ack acks[REQUEST_BATCH_MAX];
    bool whole = message_batch_acks(envelope, acks, flight->count);
    enum answer_class class =
        answer_classify(answer->http_status, true, envelope->ret_code, answer->body);
    struct result all = { kind_of(flight, class, envelope->ret_code), envelope->ret_code,
                          envelope->ret_msg, "" };

    if (names_another(flight, acks)) {
        log_warn("loop: the answer to a batch is about other orders, its connection is closed");
        rest_distrust(flight->loop->rest);
        all.kind = REPLY_AMBIGUOUS;
    } else if (class == ANSWER_OK) {
        feed_items(flight, answer, acks, whole);
        return;
    } else if (loop_cancels_whole(flight, answer, class)) {
        return;
    } else if (class == ANSWER_DUPLICATE || any_order(flight, acks)) {
        all.kind = REPLY_AMBIGUOUS; /* no order was taken, it says, and names one */
    }
    feed_all(flight, answer, &all);
}

static void take_answer(const struct flight *flight, const struct rest_answer *answer)
{
    struct envelope envelope;
    char why[MESSAGE_MAX] = "";
    struct text text = text_in(why, sizeof(why));
    struct result all = { REPLY_AMBIGUOUS, 0, why, "" };
    enum answer_class class;

    if (message_envelope(&envelope, answer->body, answer->body_bytes, NULL) == ERR_NONE) {
        take_envelope(flight, answer, &envelope);
        return;
    }
    text_addf(&text, "HTTP %ld without a readable body", answer->http_status);
    if (answer_is_ban(answer->http_status, answer->body))
        all.code = (int)answer->http_status;
    class = answer_classify(answer->http_status, false, 0, answer->body);
    if (loop_cancels_whole(flight, answer, class))
        return;
    all.kind = loop_kind_of(class);
    feed_all(flight, answer, &all);
}

static bool may_send(void *userdata)
{
    const struct flight *flight = userdata;

    return !loop_is_killed(flight->loop) && atomic_load(&flight->loop->kills) == flight->kills;
}

void loop_flight_done(const struct rest_answer *answer, void *userdata)
{
    struct flight *flight = userdata;
    char why[MESSAGE_MAX];
    struct result all = { REPLY_LOST, 0, why, "" };

    CRASH_POINT_IF(answer->answered && !is_cancels(flight), BATCH_ANSWERED);
    CRASH_POINT_IF(answer->answered && is_cancels(flight), CANCELS_ANSWERED);
    if (answer->answered) {
        take_answer(flight, answer);
    } else if (!loop_cancels_throttled(flight, answer)) {
        text_cut(why, sizeof(why), answer->error.text);
        all.kind = loop_kind_without(answer);
        if (all.kind == REPLY_NOT_SENT && !is_cancels(flight) && !may_send(flight))
            all.msg = "killed before it was sent";
        feed_all(flight, answer, &all);
    }
    CRASH_POINT_IF(answer->answered && !is_cancels(flight), BATCH_SETTLED);
    CRASH_POINT_IF(answer->answered && is_cancels(flight), CANCELS_SETTLED);
    loop_flight_free(flight);
}

/* --- the request --- */

static bool leaves_with(const struct engine_action *first, const struct engine_action *action)
{
    return action->kind == ACTION_SEND_CREATE && action->u.send.batch == first->u.send.batch &&
           action->u.send.request.category == first->u.send.request.category &&
           loop_create_lane(&action->u.send.request) == loop_create_lane(&first->u.send.request);
}

bool loop_takes_batches(const struct loop *loop, enum category category)
{
    return !(loop->config.without_batches & 1U << category);
}

size_t loop_batch_most(const struct loop *loop, enum bybit_route route, enum category category)
{
    size_t most = request_batch_max(category);
    struct budget_window window;

    if (category != CATEGORY_OPTION &&
        budget_read(loop->config.rest.budget, route, category, clock_mono_ms(), &window) &&
        window.limit > 0 && (size_t)window.limit < most)
        most = (size_t)window.limit;
    return most;
}

/* A cancel is kept as it is: see loop_cancels.c. */
static bool keep_cancels(struct flight *flight, struct engine_action *const *actions)
{
    flight->cancels = calloc(flight->count, sizeof(*flight->cancels));
    for (size_t i = 0; flight->cancels && i < flight->count; i++) {
        flight->cancels[i] = *actions[i];
        memcpy(flight->items[i].order_id, actions[i]->u.send.order_id,
               sizeof(flight->items[i].order_id));
    }
    return flight->cancels != NULL;
}

void loop_flight_free(struct flight *flight)
{
    if (flight)
        free(flight->cancels);
    free(flight);
}

struct flight *loop_flight_of(struct loop *loop, struct engine_action *const *actions, size_t count)
{
    struct flight *flight = calloc(1, sizeof(*flight));

    if (!flight)
        return NULL;
    flight->loop = loop;
    flight->kills = atomic_load(&loop->kills);
    flight->category = actions[0]->u.send.request.category;
    flight->count = count;
    for (size_t i = 0; i < count; i++) {
        flight->items[i].send_id = actions[i]->u.send.send_id;
        memcpy(flight->items[i].link, actions[i]->u.send.request.link,
               sizeof(flight->items[i].link));
    }
    if (actions[0]->kind != ACTION_SEND_CANCEL || keep_cancels(flight, actions))
        return flight;
    free(flight);
    return NULL;
}

static enum err submit(struct flight *flight, struct engine_action *const *actions)
{
    struct loop *loop = flight->loop;
    const struct order_request *requests[REQUEST_BATCH_MAX];
    struct buffer body = buffer_of(BODY_MAX);
    int64_t deadline_ms = actions[0]->u.send.deadline_ms;
    struct rest_request request = {
        .route = ROUTE_ORDER_CREATE_BATCH,
        .category = flight->category,
        .lane = loop_create_lane(&actions[0]->u.send.request),
        .units = budget_batch_units(flight->category, (int)flight->count),
        .may_send = may_send,
        .on_done = loop_flight_done,
        .userdata = flight,
    };
    enum err err;

    for (size_t i = 0; i < flight->count; i++) {
        requests[i] = &actions[i]->u.send.request;
        if (actions[i]->u.send.deadline_ms < deadline_ms)
            deadline_ms = actions[i]->u.send.deadline_ms;
    }
    request_create_batch(&body, requests, flight->count);
    request.deadline_ms = clock_mono_ms() + (deadline_ms - loop_now_ms(loop));
    err = buffer_check(&body);
    if (!err) {
        request.body = body.data;
        for (size_t i = 0; i < flight->count; i++)
            loop_trace_send(loop, flight->items[i].link, false);
        CRASH_POINT(BATCH_SEND);
        err = loop_submit(loop, &request);
        CRASH_POINT(BATCH_SUBMITTED);
    }
    buffer_deinit(&body);
    return err;
}

static void send_together(struct loop *loop, struct engine_action *const *actions, size_t count)
{
    struct flight *flight = loop_flight_of(loop, actions, count);
    const char *why = "too many requests wait for the exchange";

    if (flight && !may_send(flight))
        why = "killed before it was sent";
    else if (flight && submit(flight, actions) == ERR_NONE)
        return;
    loop_flight_free(flight);
    for (size_t i = 0; i < count; i++)
        loop_answer_not_sent(loop, actions[i]->u.send.send_id, why);
}

void loop_send_batch(struct loop *loop, struct engine_action *list, size_t count, size_t at)
{
    struct engine_action *together[REQUEST_BATCH_MAX];
    size_t most = loop_batch_most(loop, ROUTE_ORDER_CREATE_BATCH, list[at].u.send.request.category);
    size_t found = 0;

    for (size_t i = at; i < count && found < most; i++) {
        if (leaves_with(&list[at], &list[i]))
            together[found++] = &list[i];
    }
    if (found < 2) {
        loop_send_write(loop, &list[at]);
        return;
    }
    send_together(loop, together, found);
    for (size_t i = 0; i < found; i++)
        together[i]->kind = ACTION_ROW; /* done */
}
