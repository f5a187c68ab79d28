/* api/position_change.c - PUT and DELETE /positions/{symbol}: market orders that bring a position
 * to a size.
 *
 * read -> the journal, where it matters: was the key used before? then that order is answered; is
 * the size about to change, or has it changed and the position does not show it? then that is
 * waited for, a few times -> the position, live -> orders -> engine -> answered.
 *
 *     PUT     orders over the difference, as many as the largest market order needs: at most one
 *             such change of a symbol at a time, and never from a size that is not sure: it would
 *             be bought twice
 *     DELETE  reduce-only orders, likewise: the exchange lets them take no more than is open; a
 *             part in percent one at a time, for it is of a size that the one before changes
 *
 * A key that comes again, and of whose orders some were not sent (position_past.c): those are sent
 * now; of a PUT only from a sure size, and while they lead no further than to the target. */
#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "api/handlers.h"
#include "api/position_change_parts.h"
#include "api/position_place.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define AGAIN_MS   1000
#define ROUNDS_MAX 4 /* of waiting for a sure size */
#define ROUND_MS   2000

/* --- refused before anything was sent --- */

static void fail(struct change *change, const struct api_refusal *refusal)
{
    change_fail_as(change, refusal, "not_sent");
}

/* What is left of the orders of its key is not sent: the others are told as they are. */
static void fail_rest(struct change *change, const struct api_refusal *refusal)
{
    if (!change->resumes) {
        fail(change, refusal);
        return;
    }
    change_refuse_left(change, refusal);
    change_send_all(change);
}

static void fail_later(struct change *change, const char *code, const char *why)
{
    struct api_refusal refusal;

    (void)api_refuse(&refusal, code, "%s", why);
    refusal.retry_after_ms = AGAIN_MS;
    fail_rest(change, &refusal);
}

/* The key may stand for an order: what can't be looked up is not denied. */
static void fail_unread(struct change *change)
{
    struct api_refusal refusal;

    (void)api_refuse(&refusal, "journal_unavailable",
                     "the journal can't be read now: %s; nothing was sent by this call",
                     change->wish.base.client_key ? "whether this key was used before is not known"
                                                  : "whether orders are under way is not known");
    refusal.retry_after_ms = AGAIN_MS;
    change_fail_as(change, &refusal, change->wish.base.client_key ? "unknown" : "not_sent");
}

/* --- from the position to orders --- */

static void answer_same(struct change *change, const struct position *position, int64_t as_of_ms)
{
    struct api_call *call = change->position.call;
    struct buffer *out = api_reply_begin(call);
    bool is_flat = position->side == SIDE_NONE;

    json_add_open(out, '{');
    json_add_key(out, "unchanged");
    json_add_bool(out, true);
    json_add_key(out, "detail");
    json_add_text(out, is_flat ? "no position is open: nothing was sent"
                               : "the position has this size: nothing was sent");
    json_add_key(out, "position");
    api_add_position_age(out, position, as_of_ms, "stream");
    json_add_close(out, '}');
    change_free(change);
    api_reply_age(call, as_of_ms, "stream");
    api_reply_keep(call, 200, API_JSON);
}

static enum err find_part_size(struct change *change, const struct order_request *request,
                               struct decimal *part, struct api_refusal *refusal)
{
    *part = position_part(&request->qty, &change->position.instrument, POSITION_PARTS_MAX);
    if (!decimal_is_none(part))
        return ERR_NONE;
    return api_refuse(
        refusal, "qty_too_large", "it takes more than %d market orders: %s", POSITION_PARTS_MAX,
        change->wish.is_close ? "close it in parts, by qty" : "go there in several steps");
}

static void look(struct change *change);

/* Orders of one key are made once: who comes meanwhile is told so, and whoever came before is seen
 * in the journal now. (What is open may be less since, by the very orders of this key: it would be
 * closed once more.) True: go on. */
static bool claim_key(struct change *change)
{
    struct api_refusal refusal;

    if (!change->wish.base.client_key || change->checked)
        return true;
    if (!position_call_claim_key(&change->position, change->wish.base.link)) {
        (void)api_refuse(&refusal, "position_change_in_flight",
                         "another request with this key is under way");
        refusal.retry_after_ms = AGAIN_MS;
        fail(change, &refusal);
        return false;
    }
    change->checked = true;
    look(change);
    return false;
}

static void close_position(struct change *change, const struct position *position, int64_t as_of_ms)
{
    struct order_request request = change->wish.base;
    struct api_refusal refusal;
    struct decimal part;

    if (position->side == SIDE_NONE)
        answer_same(change, position, as_of_ms);
    else if (position_to_close(&request, position, &change->wish.share,
                               &change->position.instrument, &refusal) ||
             find_part_size(change, &request, &part, &refusal))
        fail(change, &refusal);
    else if (claim_key(change))
        change_send_parts(change, &request, &part);
}

static void refuse_outdated(struct api_refusal *refusal)
{
    (void)api_refuse(refusal, "idempotency_key_reused",
                     "the order of this key was not sent, and the position has changed since: the "
                     "difference is another one now, and needs a new key");
}

/* An order of this key that was not sent keeps its size when it is tried again. */
static bool is_outdated(const struct change *change, const struct order_request *request,
                        const struct decimal *part, struct api_refusal *refusal)
{
    if (!change->again || (request->side == change->again_side &&
                           decimal_cmp(&request->qty, &change->again_qty) == 0 &&
                           decimal_cmp(&request->qty, part) <= 0))
        return false;
    refuse_outdated(refusal);
    return true;
}

/* The first part and the last are the largest and the smallest. */
static enum err check_sizes(const struct change *change, const struct order_request *request,
                            const struct decimal *part, struct api_refusal *refusal)
{
    struct decimal sizes[POSITION_PARTS_MAX];
    size_t count = position_cut(&request->qty, part, sizes, POSITION_PARTS_MAX);
    struct order_request one = *request;

    one.qty = sizes[0];
    if (order_check(&one, &change->position.instrument, refusal))
        return ERR_INVALID;
    one.qty = sizes[count ? count - 1 : 0];
    return order_check(&one, &change->position.instrument, refusal);
}

static void move_position(struct change *change, const struct position *position, int64_t as_of_ms)
{
    struct order_request request = change->wish.base;
    struct api_refusal refusal;
    struct decimal part;
    bool same = false;
    enum err err = position_to_target(&request, position, &change->wish.target,
                                      &change->position.instrument, &same, &refusal);

    if (!err && same)
        answer_same(change, position, as_of_ms);
    else if (err || find_part_size(change, &request, &part, &refusal) ||
             is_outdated(change, &request, &part, &refusal) ||
             check_sizes(change, &request, &part, &refusal))
        fail(change, &refusal);
    else
        change_send_parts(change, &request, &part);
}

/* --- some orders of this key are there, others are not --- */

/* They lead towards the target, and no further: of those that are there less may have been filled.
 */
static bool leads_there(const struct change *change, const struct order_request *request)
{
    struct decimal left = change_left(change);

    return change->pieces[0].job.request.side == request->side && !decimal_is_none(&left) &&
           decimal_cmp(&left, &request->qty) <= 0;
}

static void resume_move(struct change *change, const struct position *position)
{
    struct order_request request = change->wish.base;
    struct api_refusal refusal;
    bool same = false;

    if (position_to_target(&request, position, &change->wish.target, &change->position.instrument,
                           &same, &refusal)) {
        fail_rest(change, &refusal);
    } else if (same || !leads_there(change, &request)) {
        refuse_outdated(&refusal);
        fail_rest(change, &refusal);
    } else {
        change_send_all(change);
    }
}

/* --- is the size sure? --- */

static void on_loaded(const char *why, void *userdata)
{
    struct change *change = userdata;
    struct api_refusal refusal;

    if (!why) {
        look(change);
        return;
    }
    (void)api_refuse(&refusal, "not_ready", "the position can't be read: %s", why);
    refusal.retry_after_ms = AGAIN_MS;
    fail_rest(change, &refusal);
}

static void on_ended(const struct loop_reply *reply, void *userdata)
{
    (void)reply;
    look(userdata);
}

static void fail_unsure(struct change *change)
{
    struct api_refusal refusal;

    if (change->unread) {
        fail_unread(change);
        return;
    }
    if (change->trail.open)
        (void)api_refuse(&refusal, "not_ready",
                         "the order %s is under way: what the position will be is not known",
                         change->trail.open_id);
    else
        (void)api_refuse(&refusal, "not_ready", "the position does not show the newest fills yet");
    refusal.retry_after_ms = AGAIN_MS;
    fail_rest(change, &refusal);
}

/* For the order to end, or for a position that knows of the newest fill. */
static void wait_for_size(struct change *change)
{
    change->rounds++;
    if (!change->trail.open)
        position_call_load(&change->position, on_loaded, change);
    else if (loop_watch(change->position.api->loop, change->trail.open_id, WAIT_FINAL,
                        clock_wall_ms() + ROUND_MS, on_ended, change))
        fail_later(change, "busy", "too many requests wait for the engine");
}

/* What is asked for depends on the size that it is taken from. */
static bool is_by_size(const struct change *change)
{
    const struct decimal hundred = decimal_from_int(100);

    return !change->wish.is_close || (!decimal_is_none(&change->wish.share.percent) &&
                                      decimal_cmp(&change->wish.share.percent, &hundred) < 0);
}

/* What closes takes no more than is open, whatever that is by then: an exit does not wait long. */
static bool is_exit(const struct change *change, const struct position *position)
{
    return position->side != SIDE_NONE && !is_by_size(change);
}

static void decide(struct change *change)
{
    const struct position_trail *trail = &change->trail;
    struct api_refusal refusal;
    struct position position;
    int64_t as_of_ms;
    int64_t seq;
    bool unsure;
    bool waits;

    if (position_call_now(&change->position, &position, &seq, &as_of_ms, &refusal)) {
        fail_rest(change, &refusal);
        return;
    }
    unsure = trail->open || trail->unsettled || (trail->fill_seq > 0 && seq < trail->fill_seq);
    waits = unsure && change->rounds < (is_exit(change, &position) ? 1 : ROUNDS_MAX);
    if (seq < 0 && change->rounds == 0) /* one-way or hedge mode? */
        waits = true;
    if (waits)
        wait_for_size(change);
    else if ((unsure || change->unread) && !is_exit(change, &position))
        fail_unsure(change);
    else if (change->wish.is_close)
        close_position(change, &position, as_of_ms);
    else if (change->resumes)
        resume_move(change, &position);
    else
        move_position(change, &position, as_of_ms);
}

/* --- what the journal knows --- */

/* Without a key an exit needs no journal. */
static void go_on_unread(struct change *change)
{
    if (change->wish.base.client_key || !change->wish.is_close) {
        fail_unread(change);
        return;
    }
    change->unread = true;
    change->trail = (struct position_trail){ .open = false };
    decide(change);
}

static void fail_foreign(struct change *change)
{
    struct api_refusal refusal;

    (void)api_refuse(&refusal, "idempotency_key_reused",
                     "this key, or it with the number of an order, was used for another request");
    fail(change, &refusal);
}

/* Before the first round; after each where orders of the key were under way; and once nobody else
 * can use it. */
static bool wants_past(const struct change *change)
{
    return change->wish.base.client_key && (!change->rounds || change->resumes || change->checked);
}

static void on_journal(struct history_reader *reader, enum err err, void *userdata)
{
    struct change *change = userdata;
    enum past past = PAST_NONE;

    if (!err && wants_past(change))
        err = change_find_past(change, reader, &past);
    change->resumes = past == PAST_PARTLY;
    if (!err && (past == PAST_NONE || past == PAST_PARTLY))
        err = position_trail_read(&change->trail, reader, change->position.category,
                                  change->position.symbol,
                                  clock_sync_server_ms(change->position.api->clock));
    if (err)
        go_on_unread(change);
    else if (past == PAST_FOREIGN)
        fail_foreign(change);
    else if (past == PAST_KNOWN || (past == PAST_PARTLY && change->wish.is_close))
        change_send_all(change);
    else
        decide(change);
}

static void look(struct change *change)
{
    const struct api *api = change->position.api;

    if (history_submit(api->history, loop_position(api->loop), on_journal, change))
        go_on_unread(change);
}

/* --- the call --- */

static enum err read_call(struct change *change, const struct api *api, struct api_call *call,
                          bool *later, struct api_refusal *refusal)
{
    change->position.call = call;
    if (position_body_read(&change->wish, &change->position, api, call, later, refusal))
        return ERR_INVALID;
    return lookup_wait(call, clock_wall_ms(), &change->wait, refusal);
}

static void handle(const struct api *api, struct api_call *call, bool is_close)
{
    const struct api_problem_more more = { .outcome = "not_sent", .retry_after_ms = AGAIN_MS };
    struct change *change = calloc(1, sizeof(*change));
    struct api_refusal refusal = { .code = NULL };
    bool later = false;

    if (!change) {
        api_fail(call, &more, "busy", "out of memory");
        return;
    }
    change->wish.is_close = is_close;
    change->kills = order_kills_before(api, call);
    if (read_call(change, api, call, &later, &refusal)) {
        if (later)
            change_free(change);
        else
            fail(change, &refusal);
        return;
    }
    if (is_by_size(change) && !position_call_claim(&change->position)) {
        fail_later(change, "position_change_in_flight",
                   "another change of this position is under way");
        return;
    }
    look(change);
}

void handle_position_put(const struct api *api, struct api_call *call)
{
    handle(api, call, false);
}

void handle_position_close(const struct api *api, struct api_call *call)
{
    handle(api, call, true);
}
