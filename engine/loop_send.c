/* engine/loop_send.c - what the engine asks of others, and their answers as events: creates and
 * cancels, reads of lists and orders (bybit/rest), finds in the journal (db/history). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "bybit/codes.h"
#include "bybit/message.h"
#include "bybit/requests.h"
#include "engine/loop_parts.h"

#define PAGE_ITEMS_MAX  100
#define READ_TIMEOUT_MS 10000

/* One request under way at the transport. */
struct send {
    struct loop *loop;
    uint64_t id; /* send_id or read_id */
    bool is_cancel;
    enum read_kind read;
    enum category category;
    char link[ORDER_LINK_MAX]; /* what an answer about one order must name, when it names one */
    char order_id[ORDER_ID_MAX];
};

/* --- requests --- */

static enum answer_kind kind_of(enum answer_class class)
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

/* Cancel answers that say "it is not open": they prove nothing about its fate (PROTOCOL section 6).
 */
static bool is_no_such_order(int ret_code)
{
    return ret_code == 110001 || ret_code == 170213 || ret_code == 170143 || ret_code == 110008 ||
           ret_code == 110010 || ret_code == 170139 || ret_code == 170142;
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
    event->u.answer.kind = kind_of(
        answer_classify(answer->http_status, has_envelope, event->u.answer.ret_code, answer->body));
    /* To a create these answer nothing that was asked. */
    if (has_envelope && is_no_such_order(envelope.ret_code))
        event->u.answer.kind = send->is_cancel ? REPLY_NO_SUCH_ORDER : REPLY_AMBIGUOUS;
    /* Accepted, but without an order id it cannot be told which: look it up. */
    if (!send->is_cancel && event->u.answer.kind == REPLY_OK && !order_id[0])
        event->u.answer.kind = REPLY_AMBIGUOUS;
    if (has_envelope && is_of_another(send, order_id, link)) {
        distrust(send, event);
        order_id[0] = '\0';
    }
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
        struct text text = text_in(ret_msg, sizeof(ret_msg));

        text_add(&text, answer->error.text);
        if (answer->throttled)
            event.u.answer.kind = REPLY_THROTTLED;
        else
            event.u.answer.kind = answer->sent == REST_NOT_SENT ? REPLY_NOT_SENT : REPLY_LOST;
    }
    send->loop->ends = loop_trace_answer(send->loop, send->link, send->is_cancel, answer);
    loop_feed(send->loop, &event);
    send->loop->ends = NULL;
    free(send);
}

/* A request that never reached the transport. */
static void answer_not_sent(struct loop *loop, uint64_t send_id, const char *why)
{
    struct engine_event event = { .kind = EVENT_ANSWER };

    event.u.answer.send_id = send_id;
    event.u.answer.kind = REPLY_NOT_SENT;
    event.u.answer.ret_msg = why;
    event.u.answer.order_id = "";
    loop_feed(loop, &event);
}

/* What the journal and its readers say last, behind the transport's end, can still ask for more. */
static enum err submit(struct loop *loop, const struct rest_request *request)
{
    return loop->rest ? rest_submit(loop->rest, request) : ERR_UNAVAILABLE;
}

void loop_send_write(struct loop *loop, const struct engine_action *action, bool is_cancel)
{
    struct buffer body = buffer_of((size_t)16 * 1024);
    struct rest_request request = { .route = is_cancel ? ROUTE_ORDER_CANCEL : ROUTE_ORDER_CREATE };
    struct send *send = calloc(1, sizeof(*send));
    uint64_t send_id = action->u.send.send_id;
    enum err err = ERR_NO_MEMORY;

    if (is_cancel)
        request_cancel(&body, &action->u.send.request, action->u.send.order_id);
    else
        request_create(&body, &action->u.send.request);
    if (send && buffer_check(&body) == ERR_NONE) {
        *send = (struct send){ .loop = loop, .id = send_id, .is_cancel = is_cancel };
        memcpy(send->link, action->u.send.request.link, sizeof(send->link));
        if (is_cancel)
            memcpy(send->order_id, action->u.send.order_id, sizeof(send->order_id));
        request.category = action->u.send.request.category;
        request.body = body.data;
        request.deadline_ms = clock_mono_ms() + (action->u.send.deadline_ms - loop_now_ms(loop));
        request.urgent = is_cancel || action->u.send.request.reduce_only;
        request.on_done = on_sent_done;
        request.userdata = send;
        loop_trace_send(loop, send->link, is_cancel);
        err = submit(loop, &request);
    }
    buffer_deinit(&body);
    if (err == ERR_NONE)
        return;
    free(send);
    answer_not_sent(loop, send_id, "too many requests wait for the exchange");
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
        page->count++;
    }
    return ERR_NONE;
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
    if (!json_member(&envelope.result, "list", &list) || list.type != JSON_ARRAY)
        return error_set(error, ERR_INVALID, "answer without a list");
    if (json_member_text(&envelope.result, "nextPageCursor", page->cursor, sizeof(page->cursor)))
        return error_set(error, ERR_INVALID, "cursor longer than %zu bytes", sizeof(page->cursor));
    return read_items(send, &list, page, error);
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
    if (event.u.page.ok) {
        event.u.page.reports = page.reports;
        event.u.page.reports_count = page.reports ? page.count : 0;
        event.u.page.fills = page.fills;
        event.u.page.fills_count = page.fills ? page.count : 0;
    } else if (!loop->stopping) {
        char safe[LOG_SAFE_MAX];

        log_warn("loop: read failed kind=%d category=%s: %s", (int)send->read,
                 category_word(send->category), log_safe(error.text, safe));
    }
    event.u.page.next_cursor = page.cursor;
    loop_feed(loop, &event);
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
        request.userdata = send;
        err = submit(loop, &request);
    }
    if (err != ERR_NONE) {
        struct engine_event event = { .kind = EVENT_PAGE };

        free(send);
        event.u.page.read_id = action->u.read.read_id;
        event.u.page.next_cursor = "";
        loop_feed(loop, &event);
    }
}

/* --- finds --- */

struct find {
    struct loop *loop;
    uint64_t id;
    enum category category;
    char order_id[ORDER_ID_MAX];
    char link[ORDER_LINK_MAX];
    char exec_id[64];
};

static enum err find_in(struct history_reader *reader, const struct find *find, struct item *item)
{
    enum err err;

    if (find->exec_id[0])
        return reader_fill_known(reader, find->category, find->order_id, find->exec_id,
                                 &item->u.found.fill_known);
    err =
        reader_find_order(reader, find->category, find->order_id, find->link, &item->u.found.order);
    if (err == ERR_NOT_FOUND)
        return ERR_NONE;
    if (err)
        return err;
    item->u.found.has_order = true;
    return reader_fill_keys(reader, find->category, item->u.found.order.order_id,
                            &item->u.found.fills, &item->u.found.fills_count);
}

/* On a history worker. */
static void run_find(struct history_reader *reader, enum err err, void *userdata)
{
    struct find *find = userdata;
    struct item *item = calloc(1, sizeof(*item));

    /* Evidence waits for this answer: it must not get lost. The next start finds it at the exchange
     * again. */
    if (!item) {
        log_error("loop: out of memory for a find, stopping");
        abort();
    }
    item->kind = ITEM_FOUND;
    item->u.found.find_id = find->id;
    item->u.found.failed = err != ERR_NONE || find_in(reader, find, item) != ERR_NONE;
    while (queue_push(find->loop->internal, item) != ERR_NONE)
        usleep(1000);
    free(find);
}

void loop_send_find(struct loop *loop, const struct engine_action *action)
{
    struct find *find = calloc(1, sizeof(*find));

    if (find) {
        find->loop = loop;
        find->id = action->u.find.find_id;
        find->category = action->u.find.category;
        text_cut(find->order_id, sizeof(find->order_id), action->u.find.order_id);
        text_cut(find->link, sizeof(find->link), action->u.find.link);
        text_cut(find->exec_id, sizeof(find->exec_id), action->u.find.exec_id);
        if (history_submit(loop->config.history, atomic_load(&loop->position), run_find, find) ==
            ERR_NONE)
            return;
    }
    free(find);
    {
        struct engine_event event = { .kind = EVENT_FOUND };

        event.u.found.find_id = action->u.find.find_id;
        event.u.found.failed = true;
        loop_feed(loop, &event);
    }
}
