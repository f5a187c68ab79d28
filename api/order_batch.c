/* api/order_batch.c - POST /orders with an array: each order is read, checked and answered for
 * itself; what passes goes to the engine together, which sends it in as few requests as the
 * exchange takes.
 *
 *     read all -> prepare and value each (some over REST) -> engine -> 207, when the last is in
 *
 * Whoever works on an order holds a share of the batch: the last one to let go takes the next step.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "api/limits.h"
#include "api/order_job.h"
#include "api/order_native.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define ITEM_BODY_MAX ((size_t)64 * 1024)
/* Less than OPTION_COINS_MAX: else the coins of one batch would push each other out for ever. */
#define COINS_MAX 8

struct batch_item {
    struct create_job job;
    bool ready; /* for the engine */
    int status; /* 0: not answered yet */
    bool is_order;
    char *body;
    size_t body_bytes;
};

struct batch {
    const struct api *api;
    struct api_call *call;
    struct lookup_wait wait;
    struct batch_item *items;
    size_t count;
    char coins[COINS_MAX][COIN_MAX]; /* whose options are in it */
    size_t coins_count;
    atomic_size_t shares;
    void (*on_all)(struct batch *batch); /* the step after */
};

static void batch_free(struct batch *batch)
{
    for (size_t i = 0; batch->items && i < batch->count; i++) {
        create_job_deinit(&batch->items[i].job);
        free(batch->items[i].body);
    }
    free(batch->items);
    free(batch);
}

static void let_go(struct batch *batch)
{
    if (atomic_fetch_sub(&batch->shares, 1) == 1)
        batch->on_all(batch);
}

/* --- the answer --- */

static void add_part(struct buffer *out, const char *key, const struct batch_item *item, bool here)
{
    json_add_key(out, key);
    if (here && item->body)
        json_add_raw(out, item->body, item->body_bytes);
    else
        json_add_null(out);
}

static void finish(struct batch *batch)
{
    struct api_call *call = batch->call;
    struct buffer *out = api_reply_begin(call);

    json_add_open(out, '{');
    json_add_key(out, "items");
    json_add_open(out, '[');
    for (size_t i = 0; i < batch->count; i++) {
        json_add_open(out, '{');
        json_add_key(out, "status");
        json_add_int(out, batch->items[i].status);
        add_part(out, "order", &batch->items[i], batch->items[i].is_order);
        add_part(out, "problem", &batch->items[i], !batch->items[i].is_order);
        json_add_close(out, '}');
    }
    json_add_close(out, ']');
    json_add_close(out, '}');
    batch_free(batch);
    limits_reply(call);
    api_reply_keep(call, 207, API_JSON);
}

/* The job is its item's first member. */
static struct batch_item *item_of(struct create_job *job)
{
    return (struct batch_item *)job;
}

static void note_problem(struct batch_item *item, const char *code, const char *detail,
                         const struct api_problem_more *more)
{
    const struct batch *batch = item->job.batch;
    struct buffer body = buffer_of(ITEM_BODY_MAX);

    item->status = api_problem_find(code)->status;
    api_problem_body(&body, code, detail, batch->call->request_id, more);
    item->body = buffer_take(&body, &item->body_bytes);
}

static void note_refusal(struct batch_item *item, const struct api_refusal *refusal,
                         const char *outcome)
{
    const struct api_problem_more more = { .outcome = outcome,
                                           .retry_after_ms = refusal->retry_after_ms,
                                           .client_id = item->job.request.client_id };

    note_problem(item, refusal->code, refusal->detail, &more);
}

/* --- how a job ends here --- */

/* The last of an item that shows its order. `native` NULL: without that member. */
static void note_order(struct batch_item *item, const struct loop_reply *reply,
                       const struct stored_native *native)
{
    struct buffer body = buffer_of(ITEM_BODY_MAX);
    struct order_verdict verdict;

    order_judge(&verdict, ORDER_CALL_CREATE, reply, "");
    item->status = verdict.status;
    if (native)
        api_add_order_native(&body, &reply->order, reply->cancel_in_flight, native);
    else
        api_add_order(&body, &reply->order, reply->cancel_in_flight);
    item->is_order = true;
    item->body = buffer_take(&body, &item->body_bytes);
    let_go(item->job.batch);
}

static void on_native(const struct loop_reply *reply, const struct stored_native *native,
                      enum err err, void *userdata)
{
    (void)err;
    note_order(userdata, reply, native);
}

static void item_answer(struct create_job *job, const struct loop_reply *reply)
{
    struct batch_item *item = item_of(job);
    struct order_verdict verdict;
    char detail[480];

    order_judge(&verdict, ORDER_CALL_CREATE, reply, job->request.client_id);
    order_count_refusal(job->call, reply);
    if (verdict.code) {
        note_problem(item, verdict.code, order_detail(&verdict, detail), &verdict.more);
        let_go(job->batch);
        return;
    }
    if (order_native_wanted(job->call))
        order_native_read(job->api, reply, on_native, item);
    else
        note_order(item, reply, NULL);
}

static void item_refuse(struct create_job *job, const struct api_refusal *refusal,
                        const char *outcome)
{
    note_refusal(item_of(job), refusal, outcome);
    let_go(job->batch);
}

static void item_unsure(struct create_job *job, const struct order_verdict *verdict,
                        const char *detail)
{
    note_problem(item_of(job), verdict->code, detail, &verdict->more);
    let_go(job->batch);
}

static void on_valued(struct create_job *job)
{
    item_of(job)->ready = true;
    let_go(job->batch);
}

/* All facts before the engine is asked, so that the orders leave together. A limit that is set
 * meanwhile makes the engine ask for more. */
static void item_ready(struct create_job *job)
{
    unsigned needs = loop_guard_needs(job->api->loop);

    valuation_begin(&job->value, job->api, &job->request, job->prepare.instrument.quote, needs);
    if (valuation_lacks(&job->value))
        create_job_find_facts(job, on_valued);
    else
        on_valued(job);
}

static const struct create_ends item_ends = {
    .on_ready = item_ready, .answer = item_answer, .refuse = item_refuse, .unsure = item_unsure
};

/* --- to the engine --- */

static void send_all(struct batch *batch)
{
    static const struct loop_reply busy = {
        .outcome = OUTCOME_BUSY, .error = { .text = "too many requests wait for the engine" }
    };
    struct loop_batch_item items[LOOP_BATCH_MAX];
    size_t count = 0;

    atomic_store(&batch->shares, batch->count + 1);
    batch->on_all = finish;
    for (size_t i = 0; i < batch->count; i++) {
        struct create_job *job = &batch->items[i].job;

        if (!batch->items[i].ready) {
            let_go(batch);
        } else if (create_job_is_killed(job)) {
            create_job_end_killed(job);
        } else {
            valuation_renew(&job->value); /* the others may have taken their time */
            items[count++] = (struct loop_batch_item){ &job->request, &job->value.facts,
                                                       create_job_on_reply, job, &job->call->gone };
        }
    }
    if (count && loop_create_batch(batch->api->loop, items, count, batch->wait.wait,
                                   batch->wait.given ? batch->wait.until_ms : 0)) {
        for (size_t i = 0; i < count; i++)
            item_answer(items[i].userdata, &busy);
    }
    let_go(batch);
}

static void prepare_all(struct batch *batch)
{
    atomic_store(&batch->shares, batch->count + 1);
    batch->on_all = send_all;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i].status)
            let_go(batch);
        else
            create_job_prepare(&batch->items[i].job);
    }
    let_go(batch);
}

/* --- reading --- */

/* The key of order n; NULL: the header does not give one. One that is too long is refused as that.
 */
static const char *key_of(const struct api_call *call, size_t n, char out[CLIENT_ID_MAX + 8])
{
    struct text text = text_in(out, CLIENT_ID_MAX + 8);

    if (!call->idempotency_key)
        return NULL;
    /* Cut where it is longer than any key: it is too long then, too. */
    text_addf(&text, "%.*s-%zu", CLIENT_ID_MAX, call->idempotency_key, n);
    return out;
}

/* Whether the option's coin is one of the batch's few. */
static enum err take_coin(struct batch *batch, const struct order_request *request,
                          struct api_refusal *refusal)
{
    char coin[COIN_MAX];

    if (request->category != CATEGORY_OPTION ||
        text_copy_n(coin, sizeof(coin), request->symbol, strcspn(request->symbol, "-")))
        return ERR_NONE; /* no option's symbol is like that */
    for (size_t i = 0; i < batch->coins_count; i++) {
        if (strcmp(batch->coins[i], coin) == 0)
            return ERR_NONE;
    }
    if (batch->coins_count == COINS_MAX)
        return api_refuse(refusal, "batch_size", "a batch has options of %d coins at most",
                          COINS_MAX);
    return text_copy(batch->coins[batch->coins_count++], COIN_MAX, coin);
}

/* True: the call has been taken over. */
static bool read_item(struct batch *batch, size_t n, const struct json *json)
{
    const struct api_call *call = batch->call;
    struct batch_item *item = &batch->items[n];
    char key[CLIENT_ID_MAX + 8];
    const struct order_input input = {
        .body = json->at,
        .body_bytes = json->bytes,
        .idempotency_key = key_of(call, n, key),
        .client = call->client,
        .default_category = batch->api->default_category,
    };
    struct api_refusal refusal;
    enum err err = create_job_read(&item->job, &input, &refusal);

    if (!err)
        err = take_coin(batch, &item->job.request, &refusal);
    if (!err && create_job_wait_for_symbols(&item->job))
        return true;
    if (!err)
        err = create_job_rules(&item->job, &refusal);
    if (err)
        note_refusal(item, &refusal, "not_sent");
    return false;
}

/* The engine would take the second one for a repeat of the first, which has no outcome yet. */
static void refuse_repeated(struct batch *batch, size_t n)
{
    struct batch_item *item = &batch->items[n];
    struct api_refusal refusal;

    if (item->status || !item->job.request.client_key)
        return;
    for (size_t i = 0; i < n; i++) {
        const struct create_job *other = &batch->items[i].job;

        if (batch->items[i].status || strcmp(other->request.link, item->job.request.link) != 0)
            continue;
        (void)api_refuse(&refusal, "batch_key_repeated", "order %zu of this batch has the key too",
                         i);
        note_refusal(item, &refusal, "not_sent");
        return;
    }
}

/* False: taken over by the loading of options, and the batch is gone. */
static bool read_items(struct batch *batch, const struct json *array)
{
    struct json_walk walk = json_walk(array);
    int64_t begin_ms = clock_mono_ms();
    unsigned kills = order_kills_before(batch->api, batch->call);
    struct json json;

    for (size_t n = 0; n < batch->count && json_next(&walk, NULL, &json); n++) {
        struct create_job *job = &batch->items[n].job;

        job->api = batch->api;
        job->call = batch->call;
        job->ends = &item_ends;
        job->batch = batch;
        job->wait = batch->wait;
        job->begin_ms = begin_ms;
        job->kills = kills;
        if (read_item(batch, n, &json)) {
            batch_free(batch);
            return false;
        }
        refuse_repeated(batch, n);
    }
    return true;
}

static size_t count_items(const struct json *array)
{
    struct json_walk walk = json_walk(array);
    struct json json;
    size_t count = 0;

    while (json_next(&walk, NULL, &json))
        count++;
    return count;
}

static enum err read_batch(const struct api *api, const struct api_call *call,
                           struct lookup_wait *wait, struct json *array, size_t *count,
                           struct api_refusal *refusal)
{
    struct error error;
    bool dry_run;
    bool native; /* asked for again when an order is shown */

    if (lookup_keys(api, refusal) || lookup_wait(call, clock_wall_ms(), wait, refusal) ||
        lookup_flag(call, "dry_run", &dry_run, refusal) ||
        lookup_flag(call, "native", &native, refusal))
        return ERR_INVALID;
    if (dry_run)
        return api_refuse(refusal, "field_not_allowed",
                          "dry_run looks at one order, not at a batch");
    /* What is wrong within an order is that order's: each is read strictly by itself. */
    if (json_open_trusted(array, call->body, call->body_bytes, &error))
        return api_refuse(refusal, "malformed_json", "%s", error.text);
    *count = count_items(array);
    if (*count == 0 || *count > LOOP_BATCH_MAX)
        return api_refuse(refusal, "batch_size", "a batch has 1 to %d orders, not %zu",
                          LOOP_BATCH_MAX, *count);
    return ERR_NONE;
}

static struct batch *batch_create(const struct api *api, struct api_call *call, size_t count,
                                  const struct lookup_wait *wait)
{
    struct batch *batch = calloc(1, sizeof(*batch));

    if (!batch)
        return NULL;
    *batch = (struct batch){ .api = api, .call = call, .wait = *wait, .count = count };
    batch->items = calloc(count ? count : 1, sizeof(*batch->items));
    if (batch->items)
        return batch;
    free(batch);
    return NULL;
}

bool order_batch_is(const struct api_call *call)
{
    size_t at = 0;

    while (at < call->body_bytes && strchr(" \t\r\n", call->body[at]) && call->body[at])
        at++;
    return at < call->body_bytes && call->body[at] == '[';
}

void order_batch_handle(const struct api *api, struct api_call *call)
{
    const struct api_problem_more busy = { .outcome = "not_sent", .retry_after_ms = 1000 };
    struct lookup_wait wait;
    struct api_refusal refusal;
    struct batch *batch;
    struct json array;
    size_t count = 0;

    if (read_batch(api, call, &wait, &array, &count, &refusal)) {
        api_fail_refusal(call, &refusal, "not_sent", call->idempotency_key);
        return;
    }
    batch = batch_create(api, call, count, &wait);
    if (!batch)
        api_fail(call, &busy, "busy", "too many requests wait for the engine");
    else if (read_items(batch, &array))
        prepare_all(batch);
}
