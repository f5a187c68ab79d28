/* api/cancel_many.c - DELETE /orders: lists the open orders that match from the journal, then
 * cancels them through the engine, group by group, and answers when all are answered.
 *
 * listing (a history worker) -> cancelling (of each category, which has limits of its own, about as
 * many are under way as can leave in a second: more would only stand before the cancels of others,
 * or past their deadline; when there is room for a group again, the next one goes) -> with `wait`,
 * each until its end, which holds up no other's cancel -> done. The listing waits for the journal
 * to have what was handed over before; when that fails, what is committed is cancelled all the
 * same, and the answer says that it may not be all.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "api/handlers.h"
#include "api/limits.h"
#include "api/lists.h"
#include "api/lookup.h"
#include "api/order_reply.h"
#include "base/clock.h"
#include "base/json.h"

#define CANCELS_MAX   1000
#define GROUP_MAX     LOOP_CANCELS_MAX
#define IN_FLIGHT_MAX ((size_t)5 * GROUP_MAX) /* of a category */
#define PAGE          500

struct many;

struct item {
    struct many *many;
    char id[CLIENT_ID_MAX]; /* order id, else link */
    enum category category;
    int status;
    char *body; /* order or problem; NULL: no memory for it */
    size_t body_bytes;
    bool is_order;
};

struct many {
    const struct api *api;
    struct api_call *call;
    struct list_filter filter;
    char symbol[SYMBOL_MAX];
    enum side side; /* SIDE_NONE: both */
    struct lookup_wait wait;
    bool complete;
    bool full; /* CANCELS_MAX, and there are more */
    bool second_try;
    struct item *items;
    size_t count;
    int64_t last_row;
    int rows; /* of the page that is read */

    pthread_mutex_t lock;        /* below: the listing worker and the engine's thread */
    size_t next[CATEGORY_COUNT]; /* where to look for its next one */
    size_t under_way[CATEGORY_COUNT];
    size_t shares;
};

static void many_destroy(struct many *many)
{
    for (size_t i = 0; many->items && i < many->count; i++)
        free(many->items[i].body);
    free(many->items);
    (void)pthread_mutex_destroy(&many->lock);
    free(many);
}

/* --- done --- */

static void add_item(struct buffer *out, const struct item *item)
{
    json_add_open(out, '{');
    json_add_key(out, "status");
    json_add_int(out, item->status);
    json_add_key(out, "order");
    if (item->is_order && item->body)
        json_add_raw(out, item->body, item->body_bytes);
    else
        json_add_null(out);
    json_add_key(out, "problem");
    if (!item->is_order && item->body)
        json_add_raw(out, item->body, item->body_bytes);
    else
        json_add_null(out);
    json_add_close(out, '}');
}

static void finish(struct many *many)
{
    struct api_call *call = many->call;
    struct buffer *out = api_reply_begin(call);

    json_add_open(out, '{');
    json_add_key(out, "items");
    json_add_open(out, '[');
    for (size_t i = 0; i < many->count; i++)
        add_item(out, &many->items[i]);
    json_add_close(out, ']');
    json_add_key(out, "complete");
    json_add_bool(out, many->complete);
    json_add_close(out, '}');
    many_destroy(many);
    limits_reply(call);
    api_reply_keep(call, 207, API_JSON);
}

/* --- cancelling --- */

static void note_reply(struct item *item, const struct loop_reply *reply)
{
    struct buffer body = buffer_of((size_t)64 * 1024);
    struct order_verdict verdict;

    order_judge(&verdict, ORDER_CALL_CANCEL, reply, item->id);
    item->status = verdict.status;
    item->is_order = !verdict.code;
    if (verdict.code)
        api_problem_body(&body, verdict.code,
                         verdict.detail[0] ? verdict.detail : api_problem_find(verdict.code)->title,
                         item->many->call->request_id, &verdict.more);
    else
        api_add_order(&body, &reply->order, reply->cancel_in_flight);
    item->body = buffer_take(&body, &item->body_bytes);
}

/* What the order was when its wait was over. */
static void note_end(struct item *item, const struct loop_reply *reply)
{
    struct buffer body = buffer_of((size_t)64 * 1024);

    if (!reply->has_order)
        return;
    api_add_order(&body, &reply->order, reply->cancel_in_flight);
    free(item->body);
    item->body = buffer_take(&body, &item->body_bytes);
    if (order_state_is_final(reply->order.state))
        item->status = 200;
}

/* Who starts cancels holds a share of `many`, and so does each cancel under way; the last one to
 * let go answers. */
static void let_go(struct many *many)
{
    bool last;

    (void)pthread_mutex_lock(&many->lock);
    last = --many->shares == 0;
    (void)pthread_mutex_unlock(&many->lock);
    if (last)
        finish(many);
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t limit_of(const struct many *many, enum bybit_route route, enum category category)
{
    struct budget_window window;

    if (!budget_read(many->api->budget, route, category, clock_mono_ms(), &window))
        return 0;
    return (size_t)window.limit;
}

/* What both windows, of single cancels and of batches if there are any, let go in a second. */
static size_t most_under_way(const struct many *many, enum category category)
{
    size_t most = limit_of(many, ROUTE_ORDER_CANCEL, category);
    size_t batches = 0;

    if (loop_takes_batches(many->api->loop, category))
        batches = limit_of(many, ROUTE_ORDER_CANCEL_BATCH, category);
    most += budget_batch_units(category, GROUP_MAX) == 1 ? batches * GROUP_MAX : batches;
    return most < GROUP_MAX ? GROUP_MAX : lesser(most, IN_FLIGHT_MAX);
}

/* The next of a category, if there is room for some that are worth a request. Returns how many. */
static size_t take_group(struct many *many, enum category category, struct item *group[GROUP_MAX])
{
    size_t *next = &many->next[category];
    size_t most = most_under_way(many, category);
    size_t count = 0;
    size_t room = 0;

    (void)pthread_mutex_lock(&many->lock);
    if (many->under_way[category] < most) /* the exchange may have lowered it */
        room = lesser(most - many->under_way[category], GROUP_MAX);
    if (room >= lesser(most / 2, GROUP_MAX)) {
        for (; *next < many->count && count < room; (*next)++) {
            if (many->items[*next].category == category)
                group[count++] = &many->items[*next];
        }
    }
    many->under_way[category] += count;
    many->shares += count;
    (void)pthread_mutex_unlock(&many->lock);
    return count;
}

static void note_done(const struct item *item)
{
    struct many *many = item->many;

    (void)pthread_mutex_lock(&many->lock);
    many->under_way[item->category]--;
    (void)pthread_mutex_unlock(&many->lock);
}

static void note_busy(struct item *item)
{
    const struct loop_reply busy = { .outcome = OUTCOME_BUSY,
                                     .error = { .text = "too many requests wait for the engine" } };

    note_reply(item, &busy);
}

static void on_cancelled(const struct loop_reply *reply, void *userdata);

static enum err hand_over(struct many *many, struct item *const *group, size_t count)
{
    struct loop_cancels_item items[GROUP_MAX];

    for (size_t i = 0; i < count; i++)
        items[i] = (struct loop_cancels_item){ group[i]->id, on_cancelled, group[i] };
    return loop_cancel_together(many->api->loop, items, count, WAIT_ACCEPTED, 0);
}

/* Starts the next group of a category. One that the inbox does not take is answered at once, and
 * the one after it is tried. The caller holds a share. */
static void cancel_next(struct many *many, enum category category)
{
    struct item *group[GROUP_MAX];
    size_t count;

    while ((count = take_group(many, category, group))) {
        if (!hand_over(many, group, count))
            continue;
        for (size_t i = 0; i < count; i++) {
            note_busy(group[i]);
            note_done(group[i]);
            let_go(many);
        }
    }
}

static void on_ended(const struct loop_reply *reply, void *userdata)
{
    struct item *item = userdata;

    note_end(item, reply);
    let_go(item->many);
}

/* False: nobody wants to wait for it, or there is no place to. */
static bool await_end(struct item *item)
{
    const struct many *many = item->many;
    const struct loop_hearer hearer = { on_ended, item, &many->call->gone };

    return many->wait.wait != WAIT_ACCEPTED && item->is_order &&
           !loop_watch_heard(many->api->loop, item->id, many->wait.wait, many->wait.until_ms,
                             &hearer);
}

static void on_cancelled(const struct loop_reply *reply, void *userdata)
{
    struct item *item = userdata;

    note_reply(item, reply);
    note_done(item);
    cancel_next(item->many, item->category);
    if (!await_end(item))
        let_go(item->many);
}

static void cancel_all(struct many *many)
{
    many->shares = 1;
    for (int category = 0; category < CATEGORY_COUNT; category++)
        cancel_next(many, (enum category)category);
    let_go(many);
}

/* --- listing --- */

static bool on_row(const struct order *order, int64_t row_id, void *userdata)
{
    struct many *many = userdata;
    struct item *item = &many->items[many->count];
    const char *id = order->order_id[0] ? order->order_id : order->request.link;

    many->rows++;
    many->last_row = row_id;
    if (many->side != SIDE_NONE && order->request.side != many->side)
        return true;
    if (many->count == CANCELS_MAX) {
        many->full = true;
        return false;
    }
    *item = (struct item){ .many = many, .category = order->request.category };
    memcpy(item->id, id, strlen(id) + 1);
    many->count++;
    return true;
}

static enum err list_pages(struct many *many, struct history_reader *reader)
{
    enum err err;

    do {
        many->rows = 0;
        many->filter.after = many->last_row;
        err = reader_orders(reader, &many->filter, on_row, many);
    } while (!err && many->rows == PAGE && !many->full);
    return err;
}

static void on_journal(struct history_reader *reader, enum err err, void *userdata);

static void list(struct many *many, uint64_t position)
{
    const struct api_problem_more more = { .outcome = "not_sent", .retry_after_ms = 1000 };
    struct api_call *call = many->call;

    if (!history_submit_first(many->api->history, position, on_journal, many))
        return;
    many_destroy(many);
    api_fail(call, &more, "busy", "too many reads wait for the journal");
}

static void on_journal(struct history_reader *reader, enum err err, void *userdata)
{
    struct many *many = userdata;
    const struct api_problem_more more = { .outcome = "not_sent", .retry_after_ms = 1000 };
    struct api_call *call = many->call;

    if (!err)
        err = list_pages(many, reader);
    if (err == ERR_UNAVAILABLE && !many->second_try) {
        many->second_try = true;
        many->complete = false;
        list(many, 0);
    } else if (err && many->count == 0) {
        many_destroy(many);
        api_fail(call, &more, "journal_unavailable", "the open orders can't be listed now");
    } else {
        many->complete = many->complete && !many->full && !err;
        cancel_all(many);
    }
}

/* --- the call --- */

static enum err read_filter(struct many *many, struct api_refusal *refusal)
{
    static const char *const sides[] = { "", "buy", "sell" };
    static const char *const trues[] = { "", "true", "1", "yes" };
    const struct api_call *call = many->call;
    size_t side;
    size_t all;
    enum err err;

    if ((err = lookup_keys(many->api, refusal)) ||
        (err =
             lookup_category(call, &many->filter.has_category, &many->filter.category, refusal)) ||
        (err = list_read_symbol(many->api, call, &many->filter, many->symbol, refusal)) ||
        (err = list_read_tag(call, &many->filter, refusal)) ||
        (err = lookup_word(call, "side", sides + 1, 2, 2, &side, refusal)) ||
        (err = lookup_word(call, "all", trues + 1, 3, 3, &all, refusal)) ||
        (err = lookup_wait(call, clock_wall_ms(), &many->wait, refusal)))
        return err;
    many->side = side == 2 ? SIDE_NONE : side == 0 ? SIDE_BUY : SIDE_SELL;
    if (all == 3 && side == 2 && !many->filter.has_category && !many->filter.tag)
        return api_refuse(refusal, "filter_required",
                          "this would cancel every open order: say so with all=true");
    many->filter.state = FILTER_OPEN;
    many->filter.limit = PAGE;
    return ERR_NONE;
}

void handle_orders_cancel(const struct api *api, struct api_call *call)
{
    const struct api_problem_more more = { .outcome = "not_sent", .retry_after_ms = 1000 };
    struct many *many = calloc(1, sizeof(*many));
    struct api_refusal refusal;

    if (many) {
        many->api = api;
        many->call = call;
        many->complete = true;
        (void)pthread_mutex_init(&many->lock, NULL);
        many->items = calloc(CANCELS_MAX + 1, sizeof(*many->items));
    }
    if (!many || !many->items) {
        if (many)
            many_destroy(many);
        api_fail(call, &more, "busy", "out of memory");
        return;
    }
    if (read_filter(many, &refusal)) {
        many_destroy(many);
        api_fail_refusal(call, &refusal, "not_sent", NULL);
        return;
    }
    list(many, loop_position(api->loop));
}
