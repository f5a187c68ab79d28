#include "api/order_native.h"

#include <stdlib.h>

#include "api/lookup.h"

#define OBJECT_MAX ((size_t)64 * 1024)

struct native_job {
    struct loop_reply reply; /* what it borrows is of refusals: an order is shown without */
    order_native_fn *on_read;
    void *userdata;
};

bool order_native_wanted(const struct api_call *call)
{
    struct api_refusal refusal;
    bool wanted = false;

    return call->api && lookup_flag(call, "native", &wanted, &refusal) == ERR_NONE && wanted;
}

/* Whether `stored`, which the journal has with its object, may be shown for the reply's order. What
 * was answered as unknown is not shown as known: its status says otherwise. */
static bool take_stored(struct loop_reply *reply, const struct order *stored)
{
    if (stored->seq == reply->order.seq)
        return true;
    if (reply->outcome == OUTCOME_UNKNOWN)
        return false;
    reply->order = *stored;
    if (order_state_is_final(stored->state))
        reply->cancel_in_flight = NULL;
    return true;
}

static void on_journal(struct history_reader *reader, enum err err, void *userdata)
{
    struct native_job *job = userdata;
    const struct order *order = &job->reply.order;
    struct buffer text = buffer_of(OBJECT_MAX);
    struct stored_native native = { .json = "" };
    struct order stored;

    if (!err)
        err = reader_order_native(reader, order, &stored, &text);
    if (!err && stored.seq < order->seq)
        err = ERR_UNAVAILABLE; /* a full journal has not been handed all rows */
    if (!err && take_stored(&job->reply, &stored) && !buffer_check(&text)) /* else far too large */
        native = (struct stored_native){ text.data, text.bytes };
    job->on_read(&job->reply, &native, err, job->userdata);
    buffer_deinit(&text);
    free(job);
}

void order_native_read(const struct api *api, const struct loop_reply *reply,
                       order_native_fn *on_read, void *userdata)
{
    const struct stored_native none = { .json = "" };
    struct native_job *job = calloc(1, sizeof(*job));

    if (job) {
        *job = (struct native_job){ *reply, on_read, userdata };
        if (!history_submit(api->history, loop_position(api->loop), on_journal, job))
            return;
        free(job);
    }
    on_read(reply, &none, ERR_BUSY, userdata);
}

/* --- one order --- */

static void answer_read(const struct loop_reply *reply, const struct stored_native *native,
                        enum err err, void *userdata)
{
    const struct api_problem_more more = { .retry_after_ms = 1000 };
    struct api_call *call = userdata;

    if (err == ERR_BUSY)
        api_fail(call, &more, "busy", "too many reads wait for the journal");
    else if (err)
        api_fail(call, &more, "journal_unavailable", "the journal can't be read now");
    else
        order_answer_with(call, ORDER_CALL_READ, reply, "", native);
}

static void answer_create(const struct loop_reply *reply, const struct stored_native *native,
                          enum err err, void *userdata)
{
    (void)err;
    order_answer_with(userdata, ORDER_CALL_CREATE, reply, "", native);
}

static void answer_amend(const struct loop_reply *reply, const struct stored_native *native,
                         enum err err, void *userdata)
{
    (void)err;
    order_answer_with(userdata, ORDER_CALL_AMEND, reply, "", native);
}

static void answer_cancel(const struct loop_reply *reply, const struct stored_native *native,
                          enum err err, void *userdata)
{
    (void)err;
    order_answer_with(userdata, ORDER_CALL_CANCEL, reply, "", native);
}

void order_native_answer(struct api_call *call, enum order_call kind,
                         const struct loop_reply *reply)
{
    static order_native_fn *const answers[] = {
        [ORDER_CALL_CREATE] = answer_create,
        [ORDER_CALL_AMEND] = answer_amend,
        [ORDER_CALL_CANCEL] = answer_cancel,
        [ORDER_CALL_READ] = answer_read,
    };

    order_native_read(call->api, reply, answers[kind], call);
}
