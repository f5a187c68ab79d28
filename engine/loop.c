/* engine/loop.c - the thread around the engine.
 *
 * Three inboxes, taken in this order each turn: what the journal and its readers say (commits
 * release what waits), evidence from the private stream, commands from the api. One item is one
 * event; its actions are carried out before the next: rows first (handed to the journal as one
 * chain), then sends and reads, then replies.
 */
#include "engine/loop.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/queue.h"
#include "base/text.h"
#include "bybit/codes.h"
#include "bybit/message.h"
#include "bybit/requests.h"

#define COMMANDS_MAX      1024
#define CANCELS_MORE      64
#define EVIDENCE_MAX      32768
#define INTERNAL_MAX      65536
#define PAGE_ITEMS_MAX    100
#define EVENT_JSON_MAX    ((size_t)64 * 1024)
#define CLOCK_FIRST_MS    200 /* the first samples come this fast */
#define CLOCK_FIRST_COUNT 5
#define CLOCK_TIMEOUT_MS  5000
#define READ_TIMEOUT_MS   10000
#define WARM_CONNECTIONS  2
#define STATUS_EVERY_MS   1000 /* the engine hears of the clock at least this often */

enum item_kind {
    ITEM_CREATE,
    ITEM_CANCEL,
    ITEM_WATCH,
    ITEM_ORDER,
    ITEM_FILL,
    ITEM_PRIVATE_UP,
    ITEM_PRIVATE_DOWN,
    ITEM_COMMITTED,
    ITEM_JOURNAL_DOWN,
    ITEM_JOURNAL_UP,
    ITEM_FOUND,
    ITEM_STOP,
};

struct item {
    enum item_kind kind;
    enum engine_wait wait;
    int64_t wait_until_ms;
    loop_reply_fn *on_reply;
    void *userdata;
    union {
        struct order_request request;
        char id[CLIENT_ID_MAX];
        struct order_report report;
        struct fill fill;
        struct {
            uint64_t position;
            struct journal_known *known; /* owned, with their fills */
            size_t known_count;
        } committed;
        struct {
            uint64_t find_id;
            bool failed;
            bool has_order;
            bool fill_known;
            struct order order;
            struct journal_fill_key *fills; /* owned */
            size_t fills_count;
        } found;
    } u;
};

struct waiter {
    uint64_t id; /* 0: free */
    loop_reply_fn *on_reply;
    void *userdata;
};

struct loop {
    struct loop_config config;
    struct engine *engine;
    struct engine_actions actions;
    struct rest *rest;
    struct queue *commands;
    struct queue *evidence;
    struct queue *internal;
    pthread_t thread;
    bool thread_started;
    int epoll;
    int grace_ms;

    struct waiter *waiters; /* a hash by id, linear probing */
    size_t waiters_places;
    size_t waiters_count;
    uint64_t next_waiter;

    struct journal_row *rows_first; /* could not be handed over yet */
    struct journal_row *rows_last;
    bool journal_down; /* as the journal says */
    bool journal_full; /* as its bound says */
    bool private_up;   /* as the private stream says */
    atomic_bool evidence_lost;
    atomic_ullong position;
    uint64_t committed; /* as the journal said */

    int64_t wall_base_ms;  /* wall clock - monotonic, at the start: the run's clock never steps */
    int64_t next_clock_ms; /* monotonic */
    int64_t next_status_ms;
    int clock_samples;
    bool clock_pending;
    bool stopping;
    int64_t stop_at_ms;

    pthread_mutex_t status_lock;
    struct engine_status status;
};

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

static int64_t loop_now_ms(const struct loop *loop)
{
    return loop->wall_base_ms + clock_mono_ms();
}

/* --- waiters --- */

static struct waiter *waiter_place(struct loop *loop, uint64_t id)
{
    size_t at = (size_t)(id % loop->waiters_places);

    while (loop->waiters[at].id != 0 && loop->waiters[at].id != id)
        at = (at + 1) % loop->waiters_places;
    return &loop->waiters[at];
}

static bool waiters_grow(struct loop *loop)
{
    struct waiter *old = loop->waiters;
    size_t old_places = loop->waiters_places;
    size_t places = old_places ? old_places * 2 : 256;
    struct waiter *fresh = calloc(places, sizeof(*fresh));

    if (!fresh)
        return false;
    loop->waiters = fresh;
    loop->waiters_places = places;
    for (size_t i = 0; i < old_places; i++) {
        if (old[i].id)
            *waiter_place(loop, old[i].id) = old[i];
    }
    free(old);
    return true;
}

/* Returns the new waiter's number, 0 when out of memory. */
static uint64_t waiter_add(struct loop *loop, loop_reply_fn *on_reply, void *userdata)
{
    uint64_t id = ++loop->next_waiter;

    if (loop->waiters_count * 2 >= loop->waiters_places && !waiters_grow(loop))
        return 0;
    *waiter_place(loop, id) = (struct waiter){ id, on_reply, userdata };
    loop->waiters_count++;
    return id;
}

static struct waiter waiter_take(struct loop *loop, uint64_t id)
{
    struct waiter *place = waiter_place(loop, id);
    struct waiter taken = *place;
    size_t at;

    if (!taken.id)
        return taken;
    place->id = 0;
    loop->waiters_count--;
    /* Closes the hole, so that probing still finds what stood behind it. */
    at = (size_t)(place - loop->waiters);
    for (;;) {
        struct waiter moved;

        at = (at + 1) % loop->waiters_places;
        if (!loop->waiters[at].id)
            return taken;
        moved = loop->waiters[at];
        loop->waiters[at].id = 0;
        *waiter_place(loop, moved.id) = moved;
    }
}

/* --- engine events --- */

static void carry_out(struct loop *loop);

static void feed(struct loop *loop, struct engine_event *event)
{
    event->now_ms = loop_now_ms(loop);
    loop->actions.count = 0;
    /* Nothing was taken: the same event is offered again by whoever holds it, or its waiter times
     * out. */
    if (engine_step(loop->engine, event, &loop->actions) != ERR_NONE) {
        log_error("loop: out of memory, event kind=%d dropped", (int)event->kind);
        if (event->kind == EVENT_ORDER || event->kind == EVENT_FILL ||
            event->kind == EVENT_PRIVATE_UP || event->kind == EVENT_PRIVATE_DOWN)
            atomic_store(&loop->evidence_lost, true);
        return;
    }
    carry_out(loop);
}

static void feed_simple(struct loop *loop, enum event_kind kind)
{
    struct engine_event event = { .kind = kind };

    feed(loop, &event);
}

static void feed_clock(struct loop *loop)
{
    struct engine_event event = { .kind = EVENT_CLOCK };

    if (!clock_sync_ready(loop->config.rest.clock))
        return;
    event.u.clock.server_ms = clock_sync_server_ms(loop->config.rest.clock);
    event.u.clock.uncertainty_ms = clock_sync_uncertainty_ms(loop->config.rest.clock);
    feed(loop, &event);
}

/* --- rows --- */

static struct journal_row *row_from_action(const struct loop *loop,
                                           const struct engine_action *action)
{
    static const enum journal_row_kind kinds[] = {
        [ROW_INTENT] = JOURNAL_INTENT,       [ROW_RETRY] = JOURNAL_RETRY,
        [ROW_ORDER] = JOURNAL_ORDER,         [ROW_FILL] = JOURNAL_FILL,
        [ROW_WATERMARK] = JOURNAL_WATERMARK,
    };
    struct buffer json = buffer_of(EVENT_JSON_MAX);
    struct journal_row *row = journal_row_create();

    if (!row)
        return NULL;
    row->kind = kinds[action->u.row.kind];
    row->position = action->u.row.position;
    row->seq = action->u.row.seq;
    row->at_ms = loop_now_ms(loop);
    if (row->kind == JOURNAL_FILL)
        row->u.fill = action->u.row.fill;
    else if (row->kind == JOURNAL_WATERMARK)
        row->u.watermark_ms = action->u.row.watermark_ms;
    else
        row->u.order = action->u.row.order;
    if (!row->seq)
        return row;
    if (row->kind == JOURNAL_FILL) {
        row->event = "fill";
        loop->config.format_fill(&json, &row->u.fill);
    } else {
        row->event = "order";
        loop->config.format_order(&json, &row->u.order);
    }
    row->json = buffer_take(&json, &row->json_bytes);
    if (!row->json) {
        journal_row_destroy(row);
        return NULL;
    }
    return row;
}

static void rows_append(struct loop *loop, struct journal_row *row)
{
    if (loop->rows_last)
        loop->rows_last->next = row;
    else
        loop->rows_first = row;
    loop->rows_last = row;
}

/* Hands over what waits. What cannot be handed over stays, in order, and stops creates until it
 * can. */
static void rows_submit(struct loop *loop)
{
    uint64_t position;

    if (!loop->rows_first)
        return;
    position = loop->rows_last->position;
    if (journal_submit(loop->config.journal, loop->rows_first) != ERR_NONE) {
        if (!loop->journal_full)
            log_warn("loop: the journal is full, creates stop until it has caught up");
        loop->journal_full = true;
        return;
    }
    loop->rows_first = NULL;
    loop->rows_last = NULL;
    atomic_store(&loop->position, position);
}

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
    feed(send->loop, &event);
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
    feed(loop, &event);
}

/* What the journal and its readers say last, behind the transport's end, can still ask for more. */
static enum err submit(struct loop *loop, const struct rest_request *request)
{
    return loop->rest ? rest_submit(loop->rest, request) : ERR_UNAVAILABLE;
}

static void send_write(struct loop *loop, const struct engine_action *action, bool is_cancel)
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
    feed(loop, &event);
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

static void send_read(struct loop *loop, const struct engine_action *action)
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
        feed(loop, &event);
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

    if (item) {
        item->kind = ITEM_FOUND;
        item->u.found.find_id = find->id;
        item->u.found.failed = err != ERR_NONE || find_in(reader, find, item) != ERR_NONE;
        if (queue_push(find->loop->internal, item) != ERR_NONE) {
            free(item->u.found.fills);
            free(item);
        }
    }
    free(find);
}

static void send_find(struct loop *loop, const struct engine_action *action)
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
        feed(loop, &event);
    }
}

/* --- actions --- */

static void reply(struct loop *loop, const struct engine_action *action)
{
    struct waiter waiter = waiter_take(loop, action->u.reply.waiter);
    struct loop_reply out = {
        .outcome = action->u.reply.outcome,
        .has_order = action->u.reply.has_order,
        .order = action->u.reply.order,
        .cancel_in_flight = action->u.reply.cancel_in_flight,
        .retry_after_ms = action->u.reply.retry_after_ms,
        .error = action->u.reply.error,
    };

    if (waiter.id)
        waiter.on_reply(&out, waiter.userdata);
}

static void act(struct loop *loop, const struct engine_action *action)
{
    switch (action->kind) {
    case ACTION_ROW:
        break; /* done before */
    case ACTION_SEND_CREATE:
        send_write(loop, action, false);
        break;
    case ACTION_SEND_CANCEL:
        send_write(loop, action, true);
        break;
    case ACTION_READ:
        send_read(loop, action);
        break;
    case ACTION_FIND:
        send_find(loop, action);
        break;
    case ACTION_REPLY:
        reply(loop, action);
        break;
    }
}

/* Carrying out an action can feed the engine again (a request that cannot even be queued): so the
 * list is taken over first. Rows must all get to the journal: without memory for one, the process
 * ends, and the start finds the truth at the exchange again. */
static void carry_out(struct loop *loop)
{
    struct engine_actions taken = loop->actions;

    if (taken.count == 0)
        return;
    loop->actions = (struct engine_actions){ 0 };
    for (size_t i = 0; i < taken.count; i++) {
        struct journal_row *row;

        if (taken.list[i].kind != ACTION_ROW)
            continue;
        row = row_from_action(loop, &taken.list[i]);
        if (!row) {
            log_error("loop: out of memory for a journal row, stopping");
            abort();
        }
        rows_append(loop, row);
    }
    rows_submit(loop);
    for (size_t i = 0; i < taken.count; i++)
        act(loop, &taken.list[i]);
    if (loop->actions.list) {
        free(taken.list);
    } else {
        loop->actions = taken;
        loop->actions.count = 0;
    }
}

/* --- items --- */

static void item_destroy(struct item *item)
{
    if (item->kind == ITEM_COMMITTED) {
        for (size_t i = 0; i < item->u.committed.known_count; i++)
            free(item->u.committed.known[i].fills);
        free(item->u.committed.known);
    }
    if (item->kind == ITEM_FOUND)
        free(item->u.found.fills);
    free(item);
}

/* The two key types have one shape: db/ may not know engine/, nor the other way round. */
static const struct fill_key *keys_of(const struct journal_fill_key *keys)
{
    _Static_assert(sizeof(struct fill_key) == sizeof(struct journal_fill_key), "one shape");
    return (const struct fill_key *)keys;
}

static void feed_committed(struct loop *loop, const struct item *item)
{
    struct engine_event event = { .kind = EVENT_COMMITTED };
    size_t count = item->u.committed.known_count;
    struct order *orders = NULL;
    const struct fill_key **fills = NULL;
    size_t *fills_count = NULL;

    loop->committed = item->u.committed.position;
    event.u.committed.position = item->u.committed.position;
    if (count) {
        orders = calloc(count, sizeof(*orders));
        fills = calloc(count, sizeof(const struct fill_key *));
        fills_count = calloc(count, sizeof(*fills_count));
        if (!orders || !fills || !fills_count) {
            log_error("loop: out of memory for known links, stopping");
            abort();
        }
        for (size_t i = 0; i < count; i++) {
            orders[i] = item->u.committed.known[i].stored;
            fills[i] = keys_of(item->u.committed.known[i].fills);
            fills_count[i] = item->u.committed.known[i].fills_count;
        }
        event.u.committed.known = orders;
        event.u.committed.known_fills = fills;
        event.u.committed.known_fills_count = fills_count;
        event.u.committed.known_count = count;
    }
    feed(loop, &event);
    free(orders);
    free((void *)fills);
    free(fills_count);
}

static void feed_found(struct loop *loop, const struct item *item)
{
    struct engine_event event = { .kind = EVENT_FOUND };

    event.u.found.find_id = item->u.found.find_id;
    event.u.found.failed = item->u.found.failed;
    event.u.found.order = item->u.found.has_order ? &item->u.found.order : NULL;
    event.u.found.fills = keys_of(item->u.found.fills);
    event.u.found.fills_count = item->u.found.fills_count;
    event.u.found.fill_known = item->u.found.fill_known;
    feed(loop, &event);
}

static void reply_busy(const struct item *item, const char *why)
{
    struct loop_reply out = { .outcome = OUTCOME_NOT_READY };

    error_set(&out.error, ERR_UNAVAILABLE, "%s", why);
    item->on_reply(&out, item->userdata);
}

static void feed_command(struct loop *loop, const struct item *item)
{
    struct engine_event event = { .kind = EVENT_CREATE };
    uint64_t waiter = waiter_add(loop, item->on_reply, item->userdata);

    if (!waiter) {
        reply_busy(item, "out of memory");
        return;
    }
    if (item->kind == ITEM_CREATE) {
        event.u.create.request = &item->u.request;
        event.u.create.waiter = waiter;
        event.u.create.wait = item->wait;
        event.u.create.wait_until_ms = item->wait_until_ms;
    } else {
        event.kind = item->kind == ITEM_CANCEL ? EVENT_CANCEL : EVENT_WATCH;
        event.u.cancel.id = item->u.id;
        event.u.cancel.waiter = waiter;
        event.u.cancel.wait = item->wait;
        event.u.cancel.wait_until_ms = item->wait_until_ms;
    }
    feed(loop, &event);
}

static void tell_journal_state(struct loop *loop, bool was_down)
{
    bool down = loop->journal_down || loop->journal_full;

    if (down != was_down)
        feed_simple(loop, down ? EVENT_JOURNAL_DOWN : EVENT_JOURNAL_UP);
}

static void take_item(struct loop *loop, struct item *item)
{
    struct engine_event event = { .kind = EVENT_ORDER };
    bool was_down = loop->journal_down || loop->journal_full;

    switch (item->kind) {
    case ITEM_CREATE:
    case ITEM_CANCEL:
    case ITEM_WATCH:
        feed_command(loop, item);
        break;
    case ITEM_ORDER:
        event.u.order = &item->u.report;
        feed(loop, &event);
        break;
    case ITEM_FILL:
        event.kind = EVENT_FILL;
        event.u.fill = &item->u.fill;
        feed(loop, &event);
        break;
    case ITEM_PRIVATE_UP:
    case ITEM_PRIVATE_DOWN:
        loop->private_up = item->kind == ITEM_PRIVATE_UP;
        feed_simple(loop, loop->private_up ? EVENT_PRIVATE_UP : EVENT_PRIVATE_DOWN);
        break;
    case ITEM_COMMITTED:
        feed_committed(loop, item);
        break;
    case ITEM_JOURNAL_DOWN:
    case ITEM_JOURNAL_UP:
        loop->journal_down = item->kind == ITEM_JOURNAL_DOWN;
        tell_journal_state(loop, was_down);
        break;
    case ITEM_FOUND:
        feed_found(loop, item);
        break;
    case ITEM_STOP:
        loop->stopping = true;
        loop->stop_at_ms = clock_mono_ms() + loop->grace_ms;
        feed_simple(loop, EVENT_STOP);
        break;
    }
    item_destroy(item);
}

/* --- the thread --- */

static void on_clock_done(const struct rest_answer *answer, void *userdata)
{
    struct loop *loop = userdata;

    loop->clock_pending = false;
    if (!answer->answered) {
        char safe[LOG_SAFE_MAX];

        if (!loop->stopping)
            log_warn("loop: the exchange's clock cannot be read: %s",
                     log_safe(answer->error.text, safe));
        return;
    }
    if (loop->clock_samples < CLOCK_FIRST_COUNT)
        loop->clock_samples++;
    feed_clock(loop);
}

static void sample_clock(struct loop *loop, int64_t now_ms)
{
    struct rest_request request = {
        .route = ROUTE_TIME,
        .deadline_ms = now_ms + CLOCK_TIMEOUT_MS,
        .on_done = on_clock_done,
        .userdata = loop,
    };

    loop->next_clock_ms =
        now_ms +
        (loop->clock_samples < CLOCK_FIRST_COUNT ? CLOCK_FIRST_MS : loop->config.clock_every_ms);
    if (loop->clock_pending || loop->stopping)
        return;
    if (rest_submit(loop->rest, &request) == ERR_NONE)
        loop->clock_pending = true;
    if (loop->clock_samples == CLOCK_FIRST_COUNT)
        rest_warm(loop->rest, WARM_CONNECTIONS); /* so that idle connections are not closed on us */
}

static void publish_status(struct loop *loop)
{
    struct engine_status status;

    engine_get_status(loop->engine, &status);
    pthread_mutex_lock(&loop->status_lock);
    loop->status = status;
    pthread_mutex_unlock(&loop->status_lock);
}

static void take_time(struct loop *loop)
{
    int64_t now_ms = clock_mono_ms();
    bool was_down = loop->journal_down || loop->journal_full;

    if (now_ms >= loop->next_clock_ms)
        sample_clock(loop, now_ms);
    if (now_ms >= loop->next_status_ms) {
        loop->next_status_ms = now_ms + STATUS_EVERY_MS;
        feed_clock(loop);
    }
    if (loop->journal_full) {
        loop->journal_full = false;
        rows_submit(loop);
    }
    tell_journal_state(loop, was_down);
    if (atomic_exchange(&loop->evidence_lost, false)) {
        log_error("loop: evidence from the private stream was lost, recovering over REST");
        feed_simple(loop, EVENT_PRIVATE_DOWN);
        if (loop->private_up) /* else its return will be told */
            feed_simple(loop, EVENT_PRIVATE_UP);
    }
    if (engine_next_tick_ms(loop->engine) <= loop_now_ms(loop))
        feed_simple(loop, EVENT_TICK);
}

static int sleep_ms(struct loop *loop)
{
    int64_t now_ms = clock_mono_ms();
    int64_t tick_ms = engine_next_tick_ms(loop->engine);
    int64_t wait_ms = loop->next_clock_ms - now_ms;
    int rest_ms = rest_timeout_ms(loop->rest);

    if (loop->next_status_ms - now_ms < wait_ms)
        wait_ms = loop->next_status_ms - now_ms;
    if (tick_ms != INT64_MAX && tick_ms - loop_now_ms(loop) < wait_ms)
        wait_ms = tick_ms - loop_now_ms(loop);
    if (rest_ms >= 0 && rest_ms < wait_ms)
        wait_ms = rest_ms;
    if (loop->journal_full && wait_ms > 20)
        wait_ms = 20;
    if (loop->stopping && loop->stop_at_ms - now_ms < wait_ms)
        wait_ms = loop->stop_at_ms - now_ms;
    return wait_ms < 0 ? 0 : (int)wait_ms;
}

/* At most `most` items of one inbox, so that none starves the others. */
static void drain(struct loop *loop, struct queue *queue, int most)
{
    struct item *item;

    while (most-- > 0 && (item = queue_pop(queue)))
        take_item(loop, item);
}

/* A stop waits for what is under way, and for the commits: an intent that was not sent is noted as
 * such only behind its own. */
static bool is_finished(const struct loop *loop)
{
    if (!loop->stopping)
        return false;
    return clock_mono_ms() >= loop->stop_at_ms ||
           (rest_pending(loop->rest) == 0 && !loop->rows_first &&
            loop->committed >= atomic_load(&loop->position));
}

static void *run(void *userdata)
{
    struct loop *loop = userdata;
    struct epoll_event ready[8];

    while (!is_finished(loop)) {
        (void)epoll_wait(loop->epoll, ready, ARRAY_LEN(ready), sleep_ms(loop));
        drain(loop, loop->internal, 1024);
        rest_run(loop->rest);
        drain(loop, loop->evidence, 256);
        drain(loop, loop->commands, 256);
        rest_run(loop->rest);
        take_time(loop);
        publish_status(loop);
    }
    rest_destroy(loop->rest); /* what is under way ends as lost: looked up at the next start */
    loop->rest = NULL;
    drain(loop, loop->internal, INT32_MAX);
    rows_submit(loop);
    publish_status(loop);
    return NULL;
}

/* --- what the journal's thread calls --- */

static void on_committed(uint64_t position, const struct journal_known *known, size_t known_count,
                         void *userdata)
{
    struct loop *loop = userdata;
    struct item *item = calloc(1, sizeof(*item));

    if (item && known_count)
        item->u.committed.known = calloc(known_count, sizeof(*known));
    if (!item || (known_count && !item->u.committed.known)) {
        log_error("loop: out of memory for a commit, stopping");
        abort();
    }
    item->kind = ITEM_COMMITTED;
    item->u.committed.position = position;
    item->u.committed.known_count = known_count;
    for (size_t i = 0; i < known_count; i++) {
        struct journal_known *copy = &item->u.committed.known[i];

        *copy = known[i];
        copy->fills = NULL;
        if (!known[i].fills_count)
            continue;
        copy->fills = calloc(known[i].fills_count, sizeof(*copy->fills));
        if (!copy->fills) {
            log_error("loop: out of memory for a commit, stopping");
            abort();
        }
        memcpy(copy->fills, known[i].fills, known[i].fills_count * sizeof(*copy->fills));
    }
    while (queue_push(loop->internal, item) != ERR_NONE)
        usleep(1000); /* 65,536 commits that nobody took: the loop's thread is stuck, not us */
}

static void on_journal_event(uint64_t seq, const char *event, const char *json, size_t json_bytes,
                             int64_t at_ms, void *userdata)
{
    struct loop *loop = userdata;

    loop->config.on_event(seq, event, json, json_bytes, at_ms, loop->config.userdata);
}

static void on_journal_down(bool down, const struct error *error, void *userdata)
{
    struct loop *loop = userdata;
    struct item *item = calloc(1, sizeof(*item));

    if (down)
        log_error("journal: cannot be written, no creates until it can: %s", error->text);
    else
        log_warn("journal: can be written again");
    if (!item)
        abort();
    item->kind = down ? ITEM_JOURNAL_DOWN : ITEM_JOURNAL_UP;
    while (queue_push(loop->internal, item) != ERR_NONE)
        usleep(1000);
}

static const struct journal_callbacks journal_callbacks = {
    .on_committed = on_committed,
    .on_event = on_journal_event,
    .on_down = on_journal_down,
};

/* --- start and stop --- */

static void on_restored(const struct order *order, const struct journal_fill_key *fills,
                        size_t fills_count, void *userdata)
{
    struct engine_event event = { .kind = EVENT_RESTORE };

    event.u.restore.order = order;
    event.u.restore.fills = keys_of(fills);
    event.u.restore.fills_count = fills_count;
    feed(userdata, &event);
}

static enum err watch(const struct loop *loop, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };

    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? ERR_NONE : ERR_IO;
}

static enum err make_parts(struct loop *loop, struct error *error)
{
    enum err err;

    loop->commands = queue_create(COMMANDS_MAX);
    loop->evidence = queue_create(EVIDENCE_MAX);
    loop->internal = queue_create(INTERNAL_MAX);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!loop->commands || !loop->evidence || !loop->internal || loop->epoll < 0)
        return error_set(error, ERR_NO_MEMORY, "engine: out of memory or descriptors");
    err = engine_create(&loop->engine, &loop->config.engine);
    if (err)
        return error_set(error, err, "engine: out of memory");
    err = rest_create(&loop->rest, &loop->config.rest, error);
    if (err)
        return err;
    if (watch(loop, queue_fd(loop->commands)) || watch(loop, queue_fd(loop->evidence)) ||
        watch(loop, queue_fd(loop->internal)) || watch(loop, rest_fd(loop->rest)))
        return error_set(error, ERR_IO, "engine: epoll failed");
    return ERR_NONE;
}

static void empty(struct queue *queue)
{
    struct item *item;

    while (queue && (item = queue_pop(queue))) {
        if (item->kind <= ITEM_WATCH)
            reply_busy(item, "the bridge is stopping");
        item_destroy(item);
    }
}

static void destroy(struct loop *loop)
{
    struct queue *const queues[] = { loop->commands, loop->evidence, loop->internal };

    rest_destroy(loop->rest);
    for (size_t i = 0; i < ARRAY_LEN(queues); i++) {
        empty(queues[i]);
        queue_destroy(queues[i]);
    }
    while (loop->rows_first) {
        struct journal_row *row = loop->rows_first;

        loop->rows_first = row->next;
        journal_row_destroy(row);
    }
    engine_destroy(loop->engine);
    free(loop->actions.list);
    free(loop->waiters);
    if (loop->epoll >= 0)
        close(loop->epoll);
    pthread_mutex_destroy(&loop->status_lock);
    free(loop);
}

enum err loop_start(struct loop **out, const struct loop_config *config, struct error *error)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    enum err err;

    if (!loop)
        return error_set(error, ERR_NO_MEMORY, "engine: out of memory");
    loop->config = *config;
    loop->epoll = -1;
    loop->wall_base_ms = clock_wall_ms() - clock_mono_ms();
    pthread_mutex_init(&loop->status_lock, NULL);
    err = make_parts(loop, error);
    if (err)
        goto fail;
    err = journal_restore(config->journal, on_restored, loop, error);
    if (err)
        goto fail;
    feed_simple(loop, EVENT_START);
    publish_status(loop);
    err = journal_start_thread(config->journal, &journal_callbacks, loop, error);
    if (err)
        goto fail;
    rest_warm(loop->rest, WARM_CONNECTIONS);
    if (pthread_create(&loop->thread, NULL, run, loop) != 0) {
        err = error_set(error, ERR_NO_MEMORY, "engine: no thread");
        goto fail;
    }
    loop->thread_started = true;
    *out = loop;
    return ERR_NONE;

fail:
    destroy(loop);
    return err;
}

void loop_stop(struct loop *loop, int grace_ms)
{
    struct item *item;

    if (!loop || !loop->thread_started)
        return;
    item = calloc(1, sizeof(*item));
    if (!item)
        abort();
    item->kind = ITEM_STOP;
    loop->grace_ms = grace_ms;
    while (queue_push(loop->internal, item) != ERR_NONE)
        usleep(1000);
    pthread_join(loop->thread, NULL);
    loop->thread_started = false;
    queue_close(loop->commands);
    empty(loop->commands);
}

void loop_destroy(struct loop *loop)
{
    if (loop)
        destroy(loop);
}

/* --- calls from other threads --- */

static enum err push_command(struct loop *loop, struct item *item, size_t extra)
{
    enum err err = queue_push_extra(loop->commands, item, extra);

    if (err)
        free(item);
    return err;
}

static struct item *command(enum item_kind kind, enum engine_wait wait, int64_t wait_until_ms,
                            loop_reply_fn *on_reply, void *userdata)
{
    struct item *item = calloc(1, sizeof(*item));

    if (!item)
        return NULL;
    item->kind = kind;
    item->wait = wait;
    item->wait_until_ms = wait_until_ms;
    item->on_reply = on_reply;
    item->userdata = userdata;
    return item;
}

enum err loop_create(struct loop *loop, const struct order_request *request, enum engine_wait wait,
                     int64_t wait_until_ms, loop_reply_fn *on_reply, void *userdata)
{
    struct item *item = command(ITEM_CREATE, wait, wait_until_ms, on_reply, userdata);

    if (!item)
        return ERR_BUSY;
    item->u.request = *request;
    return push_command(loop, item, 0);
}

enum err loop_cancel(struct loop *loop, const char *id, enum engine_wait wait,
                     int64_t wait_until_ms, loop_reply_fn *on_reply, void *userdata)
{
    struct item *item = command(ITEM_CANCEL, wait, wait_until_ms, on_reply, userdata);

    if (!item)
        return ERR_BUSY;
    if (text_copy(item->u.id, sizeof(item->u.id), id)) {
        free(item);
        return ERR_INVALID;
    }
    return push_command(loop, item, CANCELS_MORE);
}

enum err loop_watch(struct loop *loop, const char *id, enum engine_wait wait, int64_t wait_until_ms,
                    loop_reply_fn *on_reply, void *userdata)
{
    struct item *item = command(ITEM_WATCH, wait, wait_until_ms, on_reply, userdata);

    if (!item)
        return ERR_BUSY;
    if (text_copy(item->u.id, sizeof(item->u.id), id)) {
        free(item);
        return ERR_INVALID;
    }
    return push_command(loop, item, 0);
}

static enum err push_evidence(struct loop *loop, struct item *item)
{
    if (item && queue_push(loop->evidence, item) == ERR_NONE)
        return ERR_NONE;
    free(item);
    atomic_store(&loop->evidence_lost, true);
    return ERR_BUSY;
}

enum err loop_on_order(struct loop *loop, const struct order_report *report)
{
    struct item *item = command(ITEM_ORDER, WAIT_ACCEPTED, 0, NULL, NULL);

    if (item)
        item->u.report = *report;
    return push_evidence(loop, item);
}

enum err loop_on_fill(struct loop *loop, const struct fill *fill)
{
    struct item *item = command(ITEM_FILL, WAIT_ACCEPTED, 0, NULL, NULL);

    if (item)
        item->u.fill = *fill;
    return push_evidence(loop, item);
}

void loop_on_private(struct loop *loop, bool up)
{
    struct item *item =
        command(up ? ITEM_PRIVATE_UP : ITEM_PRIVATE_DOWN, WAIT_ACCEPTED, 0, NULL, NULL);

    if (!item)
        abort();
    /* Above the bound: the state of the link must never get lost. */
    while (queue_push_extra(loop->evidence, item, 256) != ERR_NONE)
        usleep(1000);
}

uint64_t loop_position(struct loop *loop)
{
    return atomic_load(&loop->position);
}

void loop_get_status(struct loop *loop, struct engine_status *out)
{
    pthread_mutex_lock(&loop->status_lock);
    *out = loop->status;
    pthread_mutex_unlock(&loop->status_lock);
}
