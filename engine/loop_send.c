/* engine/loop_send.c - what the engine asks of the exchange (bybit/rest), and its answers as
 * events: creates and cancels, one by one or all, reads of lists and orders. */
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

#define PAGE_ITEMS_MAX    100
#define READ_TIMEOUT_MS   10000
#define HTTP_NOT_FOUND    404
#define RET_NO_PERMISSION 10005
#define NAMED_MAX         1024 /* orders in the answer to a cancel-all; futures: 500 */

/* One request under way at the transport. */
struct send {
    struct loop *loop;
    uint64_t id; /* send_id or read_id */
    bool is_cancel;
    bool is_amend;
    unsigned kills; /* of a create or amend: kills that were asked for before it was handed over */
    enum read_kind read;
    enum category category;
    char link[ORDER_LINK_MAX]; /* what an answer about one order must name, when it names one */
    char order_id[ORDER_ID_MAX];
    char base_coin[COIN_MAX]; /* of a list of executions of options */
};

/* --- requests --- */

enum answer_kind loop_kind_of(enum answer_class class)
{
    switch (class) {
    case ANSWER_OK:
        return REPLY_OK;
    case ANSWER_REJECT:
        return REPLY_REJECT;
    case ANSWER_REFUSED:
        return REPLY_REFUSED;
    case ANSWER_AUTH:
        return REPLY_AUTH;
    case ANSWER_DUPLICATE:
        return REPLY_DUPLICATE;
    case ANSWER_AMBIGUOUS:
        return REPLY_AMBIGUOUS;
    }
    return REPLY_AMBIGUOUS;
}

bool loop_is_no_such_order(int ret_code)
{
    return ret_code == 110001 || ret_code == 170213 || ret_code == 170143 || ret_code == 110008 ||
           ret_code == 110010 || ret_code == 170139 || ret_code == 170142;
}

static bool is_create(const struct send *send)
{
    return !send->is_cancel && !send->is_amend;
}

/* Whether it names another order than was asked for: an answer that came twice, or late. */
static bool is_of_another(const struct send *send, const char *order_id, const char *link)
{
    if (send->order_id[0])
        return order_id[0] && strcmp(order_id, send->order_id) != 0;
    return send->link[0] && link[0] && strcmp(link, send->link) != 0;
}

static void distrust(const struct send *send, struct engine_event *event)
{
    log_warn("loop: the answer to %s is about another order, its connection is closed",
             send->link[0] ? send->link : send->order_id);
    rest_distrust(send->loop->rest);
    event->u.answer.kind = REPLY_AMBIGUOUS;
}

static void read_answer(const struct rest_answer *answer, const struct send *send,
                        struct engine_event *event, char ret_msg[MESSAGE_MAX],
                        char order_id[ORDER_ID_MAX])
{
    struct envelope envelope;
    char link[ORDER_LINK_MAX] = "";
    bool has_envelope =
        message_envelope(&envelope, answer->body, answer->body_bytes, NULL) == ERR_NONE;

    if (has_envelope) {
        event->u.answer.ret_code = envelope.ret_code;
        text_cut(ret_msg, MESSAGE_MAX, envelope.ret_msg);
        message_order_ack(&envelope.result, order_id, link);
    } else {
        struct text text = text_in(ret_msg, MESSAGE_MAX);

        text_addf(&text, "HTTP %ld without a readable body", answer->http_status);
        /* The ban is no overload, of which the engine would want more proof than it can get now. */
        if (answer_is_ban(answer->http_status, answer->body))
            event->u.answer.ret_code = (int)answer->http_status;
    }
    event->u.answer.kind = loop_kind_of(
        answer_classify(answer->http_status, has_envelope, event->u.answer.ret_code, answer->body));
    /* To a create these answer nothing that was asked. */
    if (has_envelope && loop_is_no_such_order(envelope.ret_code))
        event->u.answer.kind =
            send->is_cancel || send->is_amend ? REPLY_NO_SUCH_ORDER : REPLY_AMBIGUOUS;
    /* Nor is a link that is known an answer to an amend. */
    if (send->is_amend && event->u.answer.kind == REPLY_DUPLICATE)
        event->u.answer.kind = REPLY_AMBIGUOUS;
    /* Accepted, but without both ids it cannot be told which order: look it up. */
    if (is_create(send) && event->u.answer.kind == REPLY_OK && (!order_id[0] || !link[0])) {
        event->u.answer.kind = REPLY_AMBIGUOUS;
        order_id[0] = '\0';
    }
    if (has_envelope && is_of_another(send, order_id, link)) {
        distrust(send, event);
        order_id[0] = '\0';
    }
}

/* A create or amend waits for its turn at the transport: a kill reaches it there. */
static bool may_send(void *userdata)
{
    const struct send *send = userdata;

    return !loop_is_killed(send->loop) && atomic_load(&send->loop->kills) == send->kills;
}

/* A cancel-all is of a kill: once armed, it would cancel what has been made since. */
static bool is_still_killed(void *userdata)
{
    const struct send *send = userdata;

    return loop_is_killed(send->loop);
}

enum answer_kind loop_kind_without(const struct rest_answer *answer)
{
    if (answer->throttled)
        return REPLY_THROTTLED;
    return answer->sent == REST_NOT_SENT ? REPLY_NOT_SENT : REPLY_LOST;
}

static void on_sent_done(const struct rest_answer *answer, void *userdata)
{
    struct send *send = userdata;
    struct engine_event event = { .kind = EVENT_ANSWER };
    char ret_msg[MESSAGE_MAX] = "";
    char order_id[ORDER_ID_MAX] = "";

    event.u.answer.send_id = send->id;
    event.u.answer.ret_msg = ret_msg;
    event.u.answer.order_id = order_id;
    event.u.answer.signed_ms = answer->signed_ms;
    event.u.answer.retry_after_ms = answer->retry_after_ms;
    if (answer->answered) {
        read_answer(answer, send, &event, ret_msg, order_id);
    } else {
        text_cut(ret_msg, sizeof(ret_msg), answer->error.text);
        event.u.answer.kind = loop_kind_without(answer);
        if (event.u.answer.kind == REPLY_NOT_SENT && !send->is_cancel && !may_send(send))
            event.u.answer.ret_msg = "killed before it was sent";
    }
    CRASH_POINT_IF(answer->answered && is_create(send), CREATE_ANSWERED);
    CRASH_POINT_IF(answer->answered && send->is_amend, AMEND_ANSWERED);
    CRASH_POINT_IF(answer->answered && send->is_cancel, CANCEL_ANSWERED);
    send->loop->ends = loop_trace_answer(send->loop, send->link, send->is_cancel, answer);
    loop_feed(send->loop, &event);
    CRASH_POINT_IF(answer->answered && is_create(send), CREATE_SETTLED);
    CRASH_POINT_IF(answer->answered && send->is_amend, AMEND_SETTLED);
    CRASH_POINT_IF(answer->answered && send->is_cancel, CANCEL_SETTLED);
    send->loop->ends = NULL;
    free(send);
}

/* A request that never reached the transport. */
void loop_answer_not_sent(struct loop *loop, uint64_t send_id, const char *why)
{
    struct engine_event event = { .kind = EVENT_ANSWER };

    event.u.answer.send_id = send_id;
    event.u.answer.kind = REPLY_NOT_SENT;
    event.u.answer.ret_msg = why;
    event.u.answer.order_id = "";
    loop_feed(loop, &event);
}

enum err loop_submit(struct loop *loop, const struct rest_request *request)
{
    return loop->rest ? rest_submit(loop->rest, request) : ERR_UNAVAILABLE;
}

enum budget_lane loop_create_lane(const struct order_request *request)
{
    return guard_is_exit(request) ? BUDGET_CANCEL : BUDGET_CREATE;
}

/* NULL: out of memory. */
static struct send *write_of(struct loop *loop, const struct engine_action *action, bool is_cancel)
{
    struct send *send = calloc(1, sizeof(*send));

    if (!send)
        return NULL;
    send->loop = loop;
    send->id = action->u.send.send_id;
    send->is_cancel = is_cancel;
    send->is_amend = action->kind == ACTION_SEND_AMEND;
    send->kills = atomic_load(&loop->kills);
    memcpy(send->link, action->u.send.request.link, sizeof(send->link));
    if (is_cancel || send->is_amend)
        memcpy(send->order_id, action->u.send.order_id, sizeof(send->order_id));
    return send;
}

static enum bybit_route write_route(const struct engine_action *action)
{
    if (action->kind == ACTION_SEND_AMEND)
        return ROUTE_ORDER_AMEND;
    return action->kind == ACTION_SEND_CANCEL ? ROUTE_ORDER_CANCEL : ROUTE_ORDER_CREATE;
}

static enum budget_lane write_lane(const struct engine_action *action)
{
    if (action->kind == ACTION_SEND_AMEND)
        return BUDGET_CREATE;
    return action->kind == ACTION_SEND_CANCEL ? BUDGET_CANCEL
                                              : loop_create_lane(&action->u.send.request);
}

static enum err submit_write(struct loop *loop, const struct engine_action *action,
                             struct send *send, bool yields)
{
    const struct order_request *order = &action->u.send.request;
    struct buffer body = buffer_of((size_t)16 * 1024);
    struct rest_request request = {
        .route = write_route(action),
        .category = order->category,
        .deadline_ms = clock_mono_ms() + (action->u.send.deadline_ms - loop_now_ms(loop)),
        .lane = write_lane(action),
        .yields = yields,
        .may_send = send->is_cancel ? NULL : may_send,
        .on_done = on_sent_done,
        .userdata = send,
    };
    enum err err;

    if (send->is_cancel)
        request_cancel(&body, order, action->u.send.order_id, action->u.send.is_waiting);
    else if (send->is_amend)
        request_amend(&body, order, action->u.send.order_id, &action->u.send.change);
    else
        request_create(&body, order);
    err = buffer_check(&body);
    if (!err) {
        request.body = body.data;
        loop_trace_send(loop, send->link, send->is_cancel);
        CRASH_POINT_IF(is_create(send), CREATE_SEND);
        CRASH_POINT_IF(send->is_amend, AMEND_SEND);
        CRASH_POINT_IF(send->is_cancel, CANCEL_SEND);
        err = loop_submit(loop, &request);
        CRASH_POINT_IF(is_create(send), CREATE_SUBMITTED);
        CRASH_POINT_IF(send->is_amend, AMEND_SUBMITTED);
        CRASH_POINT_IF(send->is_cancel, CANCEL_SUBMITTED);
    }
    buffer_deinit(&body);
    return err;
}

static void send_write(struct loop *loop, const struct engine_action *action, bool is_cancel,
                       bool yields)
{
    struct send *send = write_of(loop, action, is_cancel);
    const char *why = "too many requests wait for the exchange";

    /* A kill can have been asked for without the engine having heard of it yet: what then went to a
     * lane might still wait there when the guard is armed again. */
    if (send && !is_cancel && !may_send(send))
        why = "killed before it was sent";
    else if (send && submit_write(loop, action, send, yields) == ERR_NONE)
        return;
    free(send);
    loop_answer_not_sent(loop, action->u.send.send_id, why);
}

void loop_send_write(struct loop *loop, const struct engine_action *action)
{
    send_write(loop, action, false, false);
}

void loop_send_cancel(struct loop *loop, const struct engine_action *action, bool yields)
{
    send_write(loop, action, true, yields);
}

/* --- cancel-all --- */

/* What it says it cancels; an order without an id is none. NULL: nothing, or no memory for it. */
static struct swept_order *read_named(const struct json *result, size_t *count)
{
    struct swept_order *orders = NULL;
    char success[8];
    struct json_walk walk;
    struct json list;
    struct json item;

    *count = 0;
    if (json_member_text(result, "success", success, sizeof(success)))
        success[0] = '\0'; /* not every product says it */
    if (strcmp(success, "0") == 0 || !json_member(result, "list", &list) || list.type != JSON_ARRAY)
        return NULL;
    orders = calloc(NAMED_MAX, sizeof(*orders));
    walk = json_walk(&list);
    while (orders && *count < NAMED_MAX && json_next(&walk, NULL, &item)) {
        message_order_ack(&item, orders[*count].order_id, orders[*count].link);
        *count += orders[*count].order_id[0] != '\0';
    }
    return orders;
}

static struct swept_order *read_swept(const struct rest_answer *answer, struct engine_event *event,
                                      char ret_msg[MESSAGE_MAX])
{
    struct swept_order *orders = NULL;
    struct envelope envelope;
    bool has_envelope =
        message_envelope(&envelope, answer->body, answer->body_bytes, NULL) == ERR_NONE;

    if (has_envelope) {
        event->u.swept.ret_code = envelope.ret_code;
        text_cut(ret_msg, MESSAGE_MAX, envelope.ret_msg);
    } else {
        struct text text = text_in(ret_msg, MESSAGE_MAX);

        text_addf(&text, "HTTP %ld without a readable body", answer->http_status);
        if (answer_is_ban(answer->http_status, answer->body))
            event->u.swept.ret_code = (int)answer->http_status;
    }
    event->u.swept.kind = loop_kind_of(
        answer_classify(answer->http_status, has_envelope, event->u.swept.ret_code, answer->body));
    if (answer->http_status == HTTP_NOT_FOUND)
        event->u.swept.kind = REPLY_REJECT;
    if (event->u.swept.kind == REPLY_OK)
        orders = read_named(&envelope.result, &event->u.swept.orders_count);
    event->u.swept.orders = orders;
    return orders;
}

/* During a ban that is why, whatever the transport or the answer says. */
static void tell_ban(struct loop *loop, struct engine_event *event, char ret_msg[MESSAGE_MAX])
{
    int64_t until_ms = budget_banned_until(loop->config.rest.budget);
    int64_t left_ms = until_ms - clock_mono_ms();
    struct text text;
    char at[CLOCK_TEXT_MAX];

    if (until_ms == 0 || left_ms <= 0 || event->u.swept.kind == REPLY_OK)
        return;
    event->u.swept.retry_after_ms = left_ms;
    text = text_in(ret_msg, MESSAGE_MAX);
    text_addf(&text, "the exchange has banned this address: no requests until %s",
              clock_format(clock_wall_ms() + left_ms, at));
}

static void on_swept(const struct rest_answer *answer, void *userdata)
{
    struct send *send = userdata;
    struct engine_event event = { .kind = EVENT_SWEPT };
    struct swept_order *orders = NULL;
    char ret_msg[MESSAGE_MAX] = "";

    event.u.swept.send_id = send->id;
    event.u.swept.ret_msg = ret_msg;
    event.u.swept.retry_after_ms = answer->retry_after_ms;
    if (answer->answered) {
        orders = read_swept(answer, &event, ret_msg);
    } else {
        text_cut(ret_msg, sizeof(ret_msg), answer->error.text);
        event.u.swept.kind = loop_kind_without(answer);
    }
    tell_ban(send->loop, &event, ret_msg);
    CRASH_POINT_IF(answer->answered, CANCEL_ALL_ANSWERED);
    loop_feed(send->loop, &event);
    CRASH_POINT_IF(answer->answered, CANCEL_ALL_SETTLED);
    free(orders);
    free(send);
}

static void answer_not_swept(struct loop *loop, uint64_t send_id)
{
    struct engine_event event = { .kind = EVENT_SWEPT };

    event.u.swept.send_id = send_id;
    event.u.swept.kind = REPLY_NOT_SENT;
    event.u.swept.ret_msg = "too many requests wait for the exchange";
    loop_feed(loop, &event);
}

void loop_send_cancel_all(struct loop *loop, const struct engine_action *action)
{
    const struct request_cancel_all what = { .category = action->u.cancel_all.category,
                                             .settle_coin = action->u.cancel_all.settle_coin,
                                             .symbol = action->u.cancel_all.symbol,
                                             .order_filter = action->u.cancel_all.order_filter };
    struct rest_request request = { .route = ROUTE_CANCEL_ALL,
                                    .category = what.category,
                                    .lane = BUDGET_CANCEL,
                                    .may_send = is_still_killed,
                                    .on_done = on_swept };
    struct buffer body = buffer_of((size_t)4 * 1024);
    struct send *send = calloc(1, sizeof(*send));
    uint64_t send_id = action->u.cancel_all.send_id;
    enum err err = ERR_NO_MEMORY;

    request_cancel_all(&body, &what);
    if (send && buffer_check(&body) == ERR_NONE) {
        *send = (struct send){ .loop = loop, .id = send_id };
        request.body = body.data;
        request.deadline_ms =
            clock_mono_ms() + (action->u.cancel_all.deadline_ms - loop_now_ms(loop));
        request.userdata = send;
        CRASH_POINT(CANCEL_ALL_SEND);
        err = loop_submit(loop, &request);
    }
    buffer_deinit(&body);
    if (err == ERR_NONE)
        return;
    free(send);
    answer_not_swept(loop, send_id);
}

/* --- reads --- */

static bool is_fill_list(enum read_kind kind)
{
    return kind == READ_EXECUTIONS || kind == READ_ORDER_EXECUTIONS;
}

struct page {
    struct order_report *reports;
    struct fill *fills;
    size_t count;
    char cursor[512];
};

static enum err read_items(const struct send *send, const struct json *list, struct page *page,
                           struct error *error)
{
    struct json_walk walk = json_walk(list);
    struct json item;

    while (json_next(&walk, NULL, &item)) {
        enum err err;

        if (page->count == PAGE_ITEMS_MAX)
            return error_set(error, ERR_INVALID, "more than %d items on a page", PAGE_ITEMS_MAX);
        if (is_fill_list(send->read))
            err = message_fill(&page->fills[page->count], &item, send->category, error);
        else
            err = message_order(&page->reports[page->count], &item, send->category, error);
        if (err)
            return err;
        if (is_fill_list(send->read) ? is_of_another(send, page->fills[page->count].order_id,
                                                     page->fills[page->count].link)
                                     : is_of_another(send, page->reports[page->count].order_id,
                                                     page->reports[page->count].link)) {
            rest_distrust(send->loop->rest);
            return error_set(error, ERR_INVALID, "the answer is about another order");
        }
        if (page->reports)
            page->reports[page->count].native = native_make(item.at, item.bytes);
        page->count++;
    }
    return ERR_NONE;
}

/* Lists say what they are of; a second answer to the read before, when it comes late, is of
 * something else. */
static bool is_of_category(const struct send *send, const struct json *result)
{
    char word[16] = "";

    if (json_member_text(result, "category", word, sizeof(word)) != ERR_NONE)
        return false;
    return !word[0] || strcmp(word, category_word(send->category)) == 0;
}

static enum err read_page(const struct send *send, const struct rest_answer *answer,
                          struct page *page, struct error *error)
{
    struct envelope envelope;
    struct json list;
    enum err err;

    if (!answer->answered)
        return error_set(error, ERR_UNAVAILABLE, "%s", answer->error.text);
    err = message_envelope(&envelope, answer->body, answer->body_bytes, error);
    if (err)
        return err;
    if (answer->http_status != 200 || envelope.ret_code != 0)
        return error_set(error, ERR_UPSTREAM, "HTTP %ld retCode %d %s", answer->http_status,
                         envelope.ret_code, envelope.ret_msg);
    if (!is_of_category(send, &envelope.result)) {
        rest_distrust(send->loop->rest);
        return error_set(error, ERR_INVALID, "the answer is about another category");
    }
    if (!json_member(&envelope.result, "list", &list) || list.type != JSON_ARRAY)
        return error_set(error, ERR_INVALID, "answer without a list");
    if (json_member_text(&envelope.result, "nextPageCursor", page->cursor, sizeof(page->cursor)))
        return error_set(error, ERR_INVALID, "cursor longer than %zu bytes", sizeof(page->cursor));
    return read_items(send, &list, page, error);
}

/* The exchange's last word on a read, not one that it says for now. 404 is one without an envelope:
 * the account is of another kind. */
static void judge_failed(const struct rest_answer *answer, struct engine_event *event)
{
    struct envelope envelope;
    enum answer_kind kind;

    if (!answer->answered)
        return;
    event->u.page.rejected = event->u.page.absent = answer->http_status == HTTP_NOT_FOUND;
    if (message_envelope(&envelope, answer->body, answer->body_bytes, NULL) != ERR_NONE)
        return;
    kind =
        loop_kind_of(answer_classify(answer->http_status, true, envelope.ret_code, answer->body));
    event->u.page.rejected |= kind == REPLY_REJECT || kind == REPLY_AUTH;
    event->u.page.absent |= kind == REPLY_REJECT || envelope.ret_code == RET_NO_PERMISSION;
}

static void on_read_done(const struct rest_answer *answer, void *userdata)
{
    struct send *send = userdata;
    struct loop *loop = send->loop;
    struct engine_event event = { .kind = EVENT_PAGE };
    struct page page = { .cursor = "" };
    struct error error = { .text = "out of memory" };

    if (is_fill_list(send->read))
        page.fills = calloc(PAGE_ITEMS_MAX, sizeof(*page.fills));
    else
        page.reports = calloc(PAGE_ITEMS_MAX, sizeof(*page.reports));
    event.u.page.read_id = send->id;
    if (page.fills || page.reports)
        event.u.page.ok = read_page(send, answer, &page, &error) == ERR_NONE;
    if (!event.u.page.ok)
        judge_failed(answer, &event);
    if (event.u.page.ok) {
        event.u.page.reports = page.reports;
        event.u.page.reports_count = page.reports ? page.count : 0;
        event.u.page.fills = page.fills;
        event.u.page.fills_count = page.fills ? page.count : 0;
    } else if (!loop->stopping) {
        char safe[LOG_SAFE_MAX];

        log_warn("loop: read failed kind=%d category=%s%s%s: %s", (int)send->read,
                 category_word(send->category), send->base_coin[0] ? " coin=" : "", send->base_coin,
                 log_safe(error.text, safe));
    }
    event.u.page.next_cursor = page.cursor;
    CRASH_POINT_IF(event.u.page.ok, PAGE_READ);
    loop_feed(loop, &event);
    CRASH_POINT_IF(event.u.page.ok, PAGE_TAKEN);
    for (size_t i = 0; page.reports && i < page.count; i++)
        native_drop(page.reports[i].native);
    free(page.fills);
    free(page.reports);
    free(send);
}

static enum bybit_route read_route(enum read_kind kind)
{
    switch (kind) {
    case READ_OPEN_ORDERS:
    case READ_ORDER:
        return ROUTE_ORDER_REALTIME;
    case READ_HISTORY:
    case READ_ORDER_HISTORY:
        return ROUTE_ORDER_HISTORY;
    case READ_EXECUTIONS:
    case READ_ORDER_EXECUTIONS:
        return ROUTE_EXECUTIONS;
    }
    return ROUTE_ORDER_REALTIME;
}

void loop_send_read(struct loop *loop, const struct engine_action *action)
{
    char query[1024];
    struct text text = text_in(query, sizeof(query));
    struct request_list list = {
        .category = action->u.read.category,
        .settle_coin = action->u.read.settle_coin,
        .base_coin = action->u.read.base_coin,
        .order_filter = action->u.read.order_filter,
        .symbol = action->u.read.symbol,
        .order_id = action->u.read.order_id,
        .link = action->u.read.link,
        .start_ms = action->u.read.start_ms,
        .end_ms = action->u.read.end_ms,
        .limit = action->u.read.limit,
        .cursor = action->u.read.cursor,
    };
    struct rest_request request = {
        .route = read_route(action->u.read.kind),
        .category = action->u.read.category,
        .lane = action->u.read.urgent ? BUDGET_CANCEL : BUDGET_OWN,
        .query = query,
        .deadline_ms = clock_mono_ms() + READ_TIMEOUT_MS,
        .on_done = on_read_done,
    };
    struct send *send = calloc(1, sizeof(*send));
    enum err err = ERR_NO_MEMORY;

    request_list_query(&text, &list);
    if (send && text_fits(&text)) {
        *send = (struct send){ .loop = loop,
                               .id = action->u.read.read_id,
                               .read = action->u.read.kind,
                               .category = list.category };
        memcpy(send->link, action->u.read.link, sizeof(send->link));
        memcpy(send->order_id, action->u.read.order_id, sizeof(send->order_id));
        memcpy(send->base_coin, action->u.read.base_coin, sizeof(send->base_coin));
        request.userdata = send;
        err = loop_submit(loop, &request);
    }
    if (err != ERR_NONE) {
        struct engine_event event = { .kind = EVENT_PAGE };

        free(send);
        event.u.page.read_id = action->u.read.read_id;
        event.u.page.next_cursor = "";
        loop_feed(loop, &event);
    }
}
