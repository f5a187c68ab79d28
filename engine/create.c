/* engine/create.c - a create from its request to what its answer proves.
 *
 *   INTENT --committed--> SENT --answer--> ACKED | REJECTED | NOT_SENT | UNKNOWN
 *
 * An intent whose row is not yet committed may turn out to be about a link that the journal already
 * has. So nothing is written about it before the commit, whatever happens: it is only `doomed`, and
 * becomes NOT_SENT when the commit comes.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "engine/internal.h"

static const char WHY_DEADLINE[] = "its deadline passed before it could be sent";
static const char WHY_CANCELLED[] = "cancelled before it was sent";
static const char WHY_STOPPING[] = "the bridge is stopping";

static void set_why(struct record *record, const char *why)
{
    struct text text;

    if (why == record->why)
        return;
    text = text_in(record->why, sizeof(record->why));
    text_add(&text, why ? why : "");
}

/* Copies what fits: texts of others are for people only. */
static void set_answer(struct order *order, int ret_code, const char *ret_msg)
{
    struct text text = text_in(order->ret_msg, sizeof(order->ret_msg));

    order->ret_code = ret_code;
    text_add(&text, ret_msg ? ret_msg : "");
}

/* --- requests --- */

static int64_t create_wait_until(const struct engine *engine, const struct record *record,
                                 const struct engine_event *event)
{
    int64_t own = record->order.deadline_ms + engine->times->answer_timeout_ms;

    if (event->u.create.wait == WAIT_ACCEPTED || event->u.create.wait_until_ms == 0)
        return own;
    return event->u.create.wait_until_ms;
}

/* How many wait for the same turn in the rate budget. */
static size_t *intents_like(struct engine *engine, const struct record *record)
{
    const struct order_request *request = &record->order.request;

    return &engine->intents_of[request->category][record->batch != 0][guard_is_exit(request)];
}

/* Hands the intent's row over; the send waits for its commit. */
static void intent_submit(struct engine *engine, struct record *record, enum row_kind kind)
{
    row_order(engine, record, kind, kind == ROW_RETRY, false);
    record->intent_position = engine->last_position;
    record->intent_new = kind == ROW_INTENT;
    record->intent_next = NULL;
    if (engine->intents_last)
        engine->intents_last->intent_next = record;
    else
        engine->intents_first = record;
    engine->intents_last = record;
    engine->intents_count++;
    ++*intents_like(engine, record);
}

/* A NOT_SENT link is tried again: nothing of the last attempt may count for this one. */
static void create_retry(struct engine *engine, struct record *record)
{
    struct order *order = &record->order;

    lookup_stop(record);
    order->state = ORDER_INTENT;
    order->attempt++;
    order->cancel_wanted = false;
    order->settled = false;
    order->deadline_ms = engine->now_ms + engine->times->order_deadline_ms;
    order->signed_ms = 0;
    set_answer(order, 0, "");
    record->doomed = false;
    record->duplicate = false;
    record->soft = false;
    record->watched = false;
    record->restored = false;
    record->failed = OUTCOME_ACCEPTED;
    record->retry_after_ms = 0;
    record_set_create_send(engine, record, 0);
    record_set_cancel_send(engine, record, 0);
    record->cancel_unknown = false;
    record->cancel_due_ms = NEVER_MS;
    set_why(record, "");
    intent_submit(engine, record, ROW_RETRY);
}

/* The same body asks anew at each attempt for what the market decides: the size of a value, which
 * way a trigger goes, and what the guard took it to be worth. */
static void take_market(struct order *order, const struct order_request *request)
{
    order->request.qty = request->qty;
    order->request.trigger_direction = request->trigger_direction;
    order->request.value_price = request->value_price;
}

static bool same_body(const struct order *order, const struct order_request *request)
{
    return memcmp(order->request.body_hash, request->body_hash, sizeof(request->body_hash)) == 0;
}

static void reply_create(struct engine *engine, const struct engine_event *event,
                         enum outcome outcome, const struct record *record, const char *why)
{
    reply_add(engine, event->u.create.waiter, outcome, record, 0, why, 0);
}

/* A dry run ends where a create would be written. */
static bool create_is_dry(struct engine *engine, const struct engine_event *event)
{
    if (event->u.create.dry_run)
        reply_create(engine, event, OUTCOME_WOULD, NULL, NULL);
    return event->u.create.dry_run;
}

/* A repeated create that is answered with the order as it is, or joins the wait for it. */
static void create_replay(struct engine *engine, struct record *record,
                          const struct engine_event *event)
{
    struct waiter *waiter = NULL;

    if (!event->u.create.dry_run && event->u.create.wait != WAIT_ACCEPTED &&
        !order_state_is_final(record->order.state) &&
        event->u.create.wait_until_ms > engine->now_ms)
        waiter = waiter_add(engine, record, WAITER_CREATE, event, event->u.create.wait_until_ms);
    if (!waiter) {
        reply_create(engine, event, OUTCOME_REPLAYED, record, NULL);
        return;
    }
    waiter->replay = true;
    record_done(engine, record);
}

static void create_again(struct engine *engine, struct record *record,
                         const struct engine_event *event)
{
    if (!same_body(&record->order, event->u.create.request)) {
        reply_create(engine, event, OUTCOME_KEY_REUSED, record,
                     "this key was used for another order");
        return;
    }
    if (record->intent_position || record->order.state == ORDER_SENT) {
        reply_create(engine, event, OUTCOME_IN_PROGRESS, record,
                     "the first request with this key has no outcome yet");
        return;
    }
    if (record->order.state != ORDER_NOT_SENT) {
        create_replay(engine, record, event);
        return;
    }
    if (create_refused(engine, event, record) || create_is_dry(engine, event))
        return;
    take_market(&record->order, event->u.create.request);
    record->batch = event->u.create.batch;
    create_retry(engine, record);
    guard_note_create(engine, record);
    (void)waiter_add(engine, record, WAITER_CREATE, event,
                     create_wait_until(engine, record, event));
    record_done(engine, record);
}

/* Links made here: the prefix (of this run) and a counter, so they grow. */
static void make_link(struct engine *engine, struct order_request *request)
{
    (void)snprintf(request->link, sizeof(request->link), "%s%08llu", engine->link_prefix,
                   (unsigned long long)++engine->last_link);
    if (!request->client_id[0])
        memcpy(request->client_id, request->link, sizeof(request->link));
}

static void order_init(struct engine *engine, struct order *order,
                       const struct order_request *request)
{
    memset(order, 0, sizeof(*order));
    order->request = *request;
    order_change_clear(&order->change);
    order->state = ORDER_INTENT;
    order->attempt = 1;
    order->filled_qty = DECIMAL_ZERO;
    order->filled_value = DECIMAL_NONE;
    order->avg_price = DECIMAL_NONE;
    order->created_ms = engine->now_ms;
    order->deadline_ms = engine->now_ms + engine->times->order_deadline_ms;
    if (!request->link[0])
        make_link(engine, &order->request);
}

void create_begin(struct engine *engine, const struct engine_event *event)
{
    struct record *record = record_by_link(engine, event->u.create.request->link);
    struct order order;

    if (record) {
        create_again(engine, record, event);
        return;
    }
    if (create_refused(engine, event, NULL))
        return;
    if (engine->records_count >= engine->config.orders_max && !store_has_room(engine)) {
        reply_create(engine, event, OUTCOME_BUSY, NULL, "too many orders");
        return;
    }
    if (create_is_dry(engine, event))
        return;
    if (engine->records_count >= engine->config.orders_max)
        (void)store_make_room(engine);
    order_init(engine, &order, event->u.create.request);
    record = record_new(engine, &order);
    record->batch = event->u.create.batch;
    record->made_server_ms = server_now_ms(engine);
    intent_submit(engine, record, ROW_INTENT);
    guard_note_create(engine, record);
    (void)waiter_add(engine, record, WAITER_CREATE, event,
                     create_wait_until(engine, record, event));
    record_done(engine, record);
}

/* --- the commit --- */

static void not_sent(struct engine *engine, struct record *record, enum outcome outcome,
                     int64_t retry_after_ms, const char *why)
{
    record->failed = outcome;
    record->retry_after_ms = retry_after_ms;
    set_why(record, why);
    record_change(engine, record, ORDER_NOT_SENT, false);
}

static const char *why_not_send(const struct engine *engine, const struct record *record)
{
    if (record->order.cancel_wanted)
        return WHY_CANCELLED;
    if (record->doomed || engine->now_ms > record->order.deadline_ms)
        return record->why[0] ? record->why : WHY_DEADLINE;
    if (engine->stopping)
        return WHY_STOPPING;
    if (kill_is_on(engine))
        return "killed";
    return engine->auth_why[0] ? engine->auth_why : NULL;
}

static void send_create(struct engine *engine, struct record *record)
{
    struct engine_action *action = action_add(engine, ACTION_SEND_CREATE);

    action->u.send.send_id = next_id(engine);
    action->u.send.deadline_ms = record->order.deadline_ms;
    action->u.send.request = record->order.request;
    action->u.send.batch = record->batch;
    record_set_create_send(engine, record, action->u.send.send_id);
    record->order.state = ORDER_SENT;
    record->sent_ms = engine->now_ms;
    record->sent_session = engine->private_up ? engine->private_session : 0;
    record->answer_due_ms = record->order.deadline_ms + engine->times->answer_timeout_ms;
}

/* The link was in the journal before: `stored` is the truth, and the request is judged by it. */
static void adopt_stored(struct engine *engine, struct record *record, const struct order *stored,
                         const struct fill_key *fills, size_t fills_count)
{
    struct order_request request = record->order.request;
    bool cancelled = record->order.cancel_wanted;
    bool doomed = record->doomed;
    bool waits = waiters_any(record, WAITER_CREATE);
    bool same_client = strcmp(stored->request.client, request.client) == 0;

    guard_take_back_create(engine, record); /* it was none, of this client */
    record->order = *stored;
    record->doomed = false;
    record->swept = false; /* what it was before is no work of a kill */
    if (!doomed)
        set_why(record, "");
    record->final_ms = engine->now_ms;
    record_reindex(engine, record);
    for (size_t i = 0; i < fills_count; i++) {
        if (!fill_find(engine, record, fills[i].exec_id))
            (void)fill_add(engine, record, fills[i].exec_id, 0);
    }
    if (record->order.state == ORDER_INTENT || record->order.state == ORDER_SENT) {
        record->restored = true;
        record->sent_ms = engine->now_ms;
        record_change(engine, record, ORDER_UNKNOWN, false);
    }
    amend_restore(engine, record);
    lookup_review(engine, record);
    if (!same_body(stored, &request)) {
        waiters_end_creates(engine, record, OUTCOME_KEY_REUSED,
                            "this key was used for another order");
    } else if (record->order.state == ORDER_NOT_SENT && waits && !cancelled && !doomed &&
               !engine->stopping && !engine->auth_why[0] && same_client) {
        take_market(&record->order, &request);
        create_retry(engine, record);
        guard_note_create(engine, record);
        return;
    } else if (record->order.state != ORDER_NOT_SENT) {
        for (struct waiter *waiter = record->waiters; waiter; waiter = waiter->next)
            waiter->replay = true; /* looked at for creates only */
    }
    if (record->order.state == ORDER_NOT_SENT && !same_client && !doomed)
        set_why(record, "another client's order by this key was not sent: try it again");
    if (cancelled && !order_state_is_final(record->order.state)) {
        record->order.cancel_wanted = true;
        row_order(engine, record, ROW_ORDER, true, false);
        cancel_pursue(engine, record);
    }
}

/* Notes which of the intents at hand were known. */
static void note_known(struct engine *engine, const struct engine_event *event)
{
    for (size_t i = 0; i < event->u.committed.known_count; i++) {
        struct record *record = record_by_link(engine, event->u.committed.known[i].request.link);

        if (record && record->intent_new && record->intent_position <= event->u.committed.position)
            record->known = i + 1;
    }
}

static void create_known(struct engine *engine, struct record *record,
                         const struct engine_event *event)
{
    size_t i = record->known - 1;
    size_t count =
        event->u.committed.known_fills_count ? event->u.committed.known_fills_count[i] : 0;

    record->known = 0;
    adopt_stored(engine, record, &event->u.committed.known[i],
                 count > 0 ? event->u.committed.known_fills[i] : NULL, count);
}

static void create_ready(struct engine *engine, struct record *record)
{
    const char *why = why_not_send(engine, record);

    if (record->order.state != ORDER_INTENT)
        return; /* evidence of an earlier attempt came first */
    if (why)
        not_sent(engine, record, OUTCOME_NOT_SENT, 0, why);
    else
        send_create(engine, record);
}

void create_committed(struct engine *engine, const struct engine_event *event)
{
    uint64_t position = event->u.committed.position;

    note_known(engine, event);
    while (engine->intents_first && engine->intents_first->intent_position <= position) {
        struct record *record = engine->intents_first;

        engine->intents_first = record->intent_next;
        if (!engine->intents_first)
            engine->intents_last = NULL;
        engine->intents_count--;
        --*intents_like(engine, record);
        record->intent_new = false;
        record->intent_position = 0;
        if (record->known)
            create_known(engine, record, event);
        else
            create_ready(engine, record);
        record_done(engine, record);
    }
}

/* --- answers --- */

static void lost(struct engine *engine, struct record *record)
{
    if (record->order.state != ORDER_SENT)
        return; /* evidence has told more already */
    record_change(engine, record, ORDER_UNKNOWN, false);
    lookup_schedule(engine, record);
}

static void accepted(struct engine *engine, struct record *record, const char *order_id)
{
    struct order *order = &record->order;
    bool fits = order_id && order_id[0] && strlen(order_id) < sizeof(order->order_id);
    bool final = order_state_is_final(order->state);

    if (order->order_id[0] && fits && strcmp(order->order_id, order_id) != 0) {
        engine->anomalies++;
        lookup_now(engine, record);
        return;
    }
    if (!order->order_id[0] && fits &&
        record_by_order_id(engine, order->request.category, order_id)) {
        engine
            ->anomalies++; /* the answer is about another order: it proves nothing about this one */
        lost(engine, record);
        lookup_now(engine, record);
        return;
    }
    if (!order->order_id[0] && fits) {
        memcpy(order->order_id, order_id, strlen(order_id) + 1);
        record_index_order_id(engine, record);
    }
    if (order->state == ORDER_SENT || order->state == ORDER_UNKNOWN ||
        order->state == ORDER_NEVER_ACCEPTED || order->state == ORDER_NOT_SENT) {
        record->soft = false;
        record_change(engine, record, ORDER_ACKED, final);
        lookup_schedule(engine, record);
    }
}

static void rejected(struct engine *engine, struct record *record, enum outcome outcome,
                     const struct engine_event *event)
{
    struct text text = text_in(record->order.reject_reason, sizeof(record->order.reject_reason));

    if (record->order.state != ORDER_SENT && record->order.state != ORDER_UNKNOWN) {
        engine->anomalies++; /* it is there, and its answer says that it is not */
        return;
    }
    text_add(&text, event->u.answer.ret_msg ? event->u.answer.ret_msg : "");
    record->failed = outcome;
    record_change(engine, record, ORDER_REJECTED, false);
    lookup_stop(record);
}

/* Overload codes that one empty look-up must confirm (RELIABILITY section 2); an HTTP 429 comes
 * without a code. */
static bool refusal_is_soft(int ret_code)
{
    return ret_code == 0 || ret_code == 429 || ret_code == 10429 || ret_code == 170005 ||
           ret_code == 170222;
}

static void refused(struct engine *engine, struct record *record, const struct engine_event *event)
{
    enum outcome outcome =
        event->u.answer.retry_after_ms > 0 ? OUTCOME_THROTTLED : OUTCOME_NOT_SENT;

    if (record->order.state != ORDER_SENT && record->order.state != ORDER_UNKNOWN) {
        engine->anomalies++;
        return;
    }
    if (refusal_is_soft(event->u.answer.ret_code)) {
        record->soft = true;
        record->failed = outcome;
        record->retry_after_ms = event->u.answer.retry_after_ms;
        set_why(record, "the exchange refused it for now");
        if (record->order.state == ORDER_SENT)
            record_change(engine, record, ORDER_UNKNOWN, false);
        lookup_schedule(engine, record);
        lookup_now(engine, record);
        return;
    }
    not_sent(engine, record, outcome, event->u.answer.retry_after_ms,
             "the exchange refused it for now");
    record->watched = true;
    lookup_schedule(engine, record);
}

void create_soft_confirmed(struct engine *engine, struct record *record)
{
    record->soft = false;
    record->watched = true;
    record_change(engine, record, ORDER_NOT_SENT, false);
}

static void duplicate(struct engine *engine, struct record *record)
{
    if (record->order.state != ORDER_SENT && record->order.state != ORDER_UNKNOWN)
        return; /* seen meanwhile: it is ours */
    record->duplicate = true;
    lost(engine, record);
    lookup_now(engine, record);
}

void create_foreign(struct engine *engine, struct record *record)
{
    struct text text = text_in(record->order.reject_reason, sizeof(record->order.reject_reason));

    text_add(&text, "the link belongs to another order at the exchange");
    record->failed = OUTCOME_REJECTED;
    record->duplicate = false;
    record_change(engine, record, ORDER_REJECTED, false);
    lookup_stop(record);
    record_done(engine, record);
}

/* Provably did not leave; but not if the exchange shows it. */
static void did_not_leave(struct engine *engine, struct record *record, enum outcome outcome,
                          const struct engine_event *event)
{
    if (record->order.state == ORDER_SENT || record->order.state == ORDER_UNKNOWN) {
        lookup_stop(record);
        not_sent(engine, record, outcome, event->u.answer.retry_after_ms, event->u.answer.ret_msg);
    } else {
        engine->anomalies++;
    }
}

void create_answer(struct engine *engine, struct record *record, const struct engine_event *event)
{
    record_set_create_send(engine, record, 0);
    if (event->u.answer.signed_ms > 0)
        record->order.signed_ms = event->u.answer.signed_ms;
    set_answer(&record->order, event->u.answer.ret_code, event->u.answer.ret_msg);
    switch (event->u.answer.kind) {
    case REPLY_OK:
        accepted(engine, record, event->u.answer.order_id);
        break;
    case REPLY_REJECT:
        rejected(engine, record, OUTCOME_REJECTED, event);
        break;
    case REPLY_AUTH:
        engine_note_auth(engine, event->u.answer.ret_code, event->u.answer.ret_msg);
        rejected(engine, record, OUTCOME_AUTH, event);
        break;
    case REPLY_REFUSED:
        refused(engine, record, event);
        break;
    case REPLY_DUPLICATE:
        duplicate(engine, record);
        break;
    case REPLY_NO_SUCH_ORDER:
    case REPLY_AMBIGUOUS:
    case REPLY_LOST:
        lost(engine, record);
        break;
    case REPLY_NOT_SENT:
        did_not_leave(engine, record, OUTCOME_NOT_SENT, event);
        break;
    case REPLY_THROTTLED:
        did_not_leave(engine, record, OUTCOME_THROTTLED, event);
        break;
    }
    find_wake(engine, record);
    record_done(engine, record);
}

/* --- time --- */

int64_t create_due_ms(const struct record *record)
{
    if (record->order.state == ORDER_SENT)
        return record->answer_due_ms;
    if (record->intent_position && (!record->doomed || waiters_any(record, WAITER_CREATE)))
        return record->order.deadline_ms + 1;
    return NEVER_MS;
}

void create_timer(struct engine *engine, struct record *record)
{
    if (engine->now_ms < create_due_ms(record))
        return;
    if (record->order.state == ORDER_SENT) {
        lost(engine, record);
        return;
    }
    if (!record->doomed)
        create_doom(record, "the journal did not commit it in time");
    waiters_end_creates(engine, record, OUTCOME_NOT_SENT, record->why);
}

void create_start(struct engine *engine)
{
    for (struct record *record = engine->records; record; record = record->next) {
        record->restored = true;
        record->sent_ms = engine->now_ms;
        if (record->order.state == ORDER_INTENT || record->order.state == ORDER_SENT)
            record_change(engine, record, ORDER_UNKNOWN, false);
        if (record->order.state == ORDER_UNKNOWN || record->order.state == ORDER_ACKED)
            lookup_schedule(engine, record);
        amend_restore(engine, record);
        record_done(engine, record);
    }
}

void create_doom(struct record *record, const char *why)
{
    record->doomed = true;
    set_why(record, why);
}

/* What the transport has stays UNKNOWN to its waiters; what it has not will not be sent. */
void create_stop(struct engine *engine)
{
    for (struct record *record = engine->records; record; record = record->next) {
        if (record->intent_position)
            create_doom(record, WHY_STOPPING);
        amend_drop(engine, record, WHY_STOPPING);
        waiters_end_all(engine, record);
        record_done(engine, record);
    }
}
