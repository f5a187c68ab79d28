/* An order is taken in (funds held), executed (takes what its limit reaches), then rests or ends.
 * All that changed is told at once, except wallet and positions, which are told once at the end of
 * the step. Orders with a trigger wait first (sim/stops.c). */
#include "sim/match.h"

#include <string.h>

#include "sim/hold.h"
#include "sim/money.h"
#include "sim/stops.h"

#define PROTECTION_PERCENT        5
#define PROTECTION_PERCENT_OPTION 50

static const struct {
    int linear, spot;
    const char *linear_text, *spot_text;
} refusals[] = {
#define REFUSE_DUPLICATE 0
    { 110072, 170141, "OrderLinkedID is duplicate", "Duplicate clientOrderId." },
#define REFUSE_FUNDS 1
    { 110007, 170131, "ab not enough for new order", "Insufficient balance." },
#define REFUSE_TOO_MANY 2
    { 110020, 170810, "Not allowed to have more than 500 active orders",
      "The maximum number of open orders has been exceeded." },
#define REFUSE_UNDER_FILLED 3
    { 110064, 170313, "Order qty can not be less than or equal to the filled quantity",
      "Quantity should not be less than the filled quantity." },
#define REFUSE_SERVER 4
    { 10016, 170001, "Server error", "Internal error." },
#define REFUSE_STOPS 5
    { 110009, 170810, "Number of conditional orders exceeds the upper limit",
      "The maximum number of open orders has been exceeded." },
};

static struct refusal refuse(const struct instrument *instrument, size_t which)
{
    bool spot = instrument->category == CATEGORY_SPOT;
    const struct refusal refusal = {
        spot ? refusals[which].spot : refusals[which].linear,
        spot ? refusals[which].spot_text : refusals[which].linear_text,
    };

    return refusal;
}

static const struct refusal accepted = { 0, "OK" };

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* --- execution --- */

static bool is_done(const struct sim_order *order)
{
    return order->in_quote ? decimal_sign(&order->budget) == 0 : order->filled_lots == order->lots;
}

/* Why it may not even start to match, or NULL. */
static const char *stopped_by(const struct exchange *exchange, const struct sim_order *order)
{
    const struct book *book = &exchange->books[order->instrument->index];
    int64_t leaves = order->lots - order->filled_lots;

    if (order->tif == TIF_POST_ONLY && book_available(book, order->side, order->ticks, 1) > 0)
        return "EC_PostOnlyWillTakeLiquidity";
    if (order->tif == TIF_FOK && book_available(book, order->side, order->ticks, leaves) < leaves)
        return "EC_CancelForNoFullFill";
    return NULL;
}

static void rest(struct exchange *exchange, struct sim_order *order)
{
    order->entry = book_add(&exchange->books[order->instrument->index], order->side, order->ticks,
                            order->lots - order->filled_lots, order);
    if (!order->entry)
        order_close(exchange, order, STATUS_CANCELLED, "UNKNOWN", "EC_Others");
    else
        hold_update(exchange, order);
}

static void end_unfilled(struct exchange *exchange, struct sim_order *order)
{
    const char *reason = "EC_NoError";

    if (order->filled_lots == 0)
        reason = "EC_NoImmediateQtyToFill";
    else if (order->in_quote && fill_is_dust(exchange, order))
        reason = "EC_CancelByOrderValueZero";
    order_close(exchange, order, STATUS_CANCELLED, "UNKNOWN", reason);
}

static void take_and_rest(struct exchange *exchange, struct sim_order *order)
{
    if (!fill_take(exchange, order))
        order_close(exchange, order, STATUS_CANCELLED, "CancelBySmp", "EC_BySelfMatch");
    else if (is_done(order))
        order_close(exchange, order, STATUS_FILLED, "UNKNOWN", "EC_NoError");
    else if (order->tif == TIF_GTC || order->tif == TIF_POST_ONLY)
        rest(exchange, order);
    else
        end_unfilled(exchange, order);
}

void match_execute(struct exchange *exchange, struct sim_order *order)
{
    const char *stopped = stopped_by(exchange, order);

    exchange->seq++;
    if (stopped)
        order_close(exchange, order, STATUS_CANCELLED, "UNKNOWN", stopped);
    else
        take_and_rest(exchange, order);
    order_tell(exchange, order);
    order_owe_position(exchange, order);
    match_tell_account(exchange);
}

int64_t match_protective_ticks(const struct exchange *exchange, const struct instrument *instrument,
                               enum side side)
{
    int64_t mid = exchange->mids[instrument->index];
    int64_t away =
        mid *
        (instrument->category == CATEGORY_OPTION ? PROTECTION_PERCENT_OPTION : PROTECTION_PERCENT) /
        100;

    return side == SIDE_BUY ? mid + away : larger(mid - away, 1);
}

/* --- create --- */

/* Open orders of an instrument: those that wait with such a trigger, or (STOP_NONE) all others. */
static int count_of(const struct exchange *exchange, int index, enum stop_kind kind)
{
    const struct sim_order *order = history_open(exchange->history, index);
    int count = 0;

    for (; order; order = order->open_next)
        count += kind == STOP_NONE ? !stop_is_waiting(order)
                                   : stop_is_waiting(order) && order->kind == kind;
    return count;
}

static int open_count(const struct exchange *exchange, const struct instrument *instrument)
{
    int count = 0;

    if (instrument_is_contract(instrument))
        return count_of(exchange, instrument->index, STOP_NONE);
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        if (instrument_at(i)->category == instrument->category)
            count += history_open_count(exchange->history, i);
    }
    return count;
}

static struct refusal check_room(const struct exchange *exchange, const struct sim_order *order)
{
    const struct instrument *instrument = order->instrument;
    bool waits = order->kind != STOP_NONE;
    bool spot = instrument->category == CATEGORY_SPOT;

    if (waits && count_of(exchange, instrument->index, order->kind) >=
                     (spot ? MATCH_SPOT_MAX : MATCH_STOP_MAX))
        return refuse(instrument, REFUSE_STOPS);
    if (instrument->category == CATEGORY_OPTION)
        return open_count(exchange, instrument) < MATCH_OPTION_MAX
                   ? accepted
                   : (struct refusal){ 110020, "Not allowed to have more than 50 active orders" };
    if ((!waits || spot) && open_count(exchange, instrument) >= MATCH_OPEN_MAX)
        return refuse(instrument, REFUSE_TOO_MANY);
    return accepted;
}

static const char *fee_coin_of(const struct instrument *instrument, enum side side)
{
    if (instrument_has_position(instrument))
        return instrument->settle;
    return side == SIDE_BUY ? instrument->base : instrument->quote;
}

static struct sim_order order_from(const struct exchange *exchange,
                                   const struct sim_request *request)
{
    const struct instrument *instrument = request->instrument;
    struct sim_order order = {
        .instrument = instrument,
        .side = request->side,
        .type = request->type,
        .tif = request->tif,
        .ticks = request->ticks,
        .lots = request->lots,
        .qty = request->qty,
        .in_quote = request->in_quote,
        .budget = request->in_quote ? request->qty : DECIMAL_ZERO,
        .market_unit = request->market_unit,
        .reduce_only = request->reduce_only,
        .close_on_trigger = request->close_on_trigger,
        .is_leverage = request->is_leverage,
        .position_idx = request->position_idx,
        .kind = request->kind,
        .trigger = request->trigger,
        .exits = request->exits,
        .smp = request->smp,
        .slippage_type = request->slippage_type,
        .slippage = request->slippage,
        .fee_coin = fee_coin_of(instrument, request->side),
        .status = STATUS_NEW,
        .cancel_type = "UNKNOWN",
        .reject_reason = "EC_NoError",
        .created_ms = exchange->now_ms,
        .updated_ms = exchange->now_ms,
        .last_ticks_on_create = exchange->tapes[instrument->index].last_ticks,
    };

    memcpy(order.link, request->link, sizeof(order.link));
    if (order.type == ORDER_TYPE_MARKET) {
        order.tif = TIF_IOC;
        order.ticks = request->worst_ticks
                          ? request->worst_ticks
                          : match_protective_ticks(exchange, instrument, order.side);
    }
    return order;
}

struct refusal match_fit(struct exchange *exchange, struct sim_order *order)
{
    const struct position *position = exchange_position(exchange, order);
    int64_t most = position ? position_closable(position, order->side) : 0;

    order->opening_lots = larger(0, order->lots - most);
    if (!order->reduce_only || !position)
        return accepted;
    if (position->lots == 0)
        return (struct refusal){ 110017,
                                 "current position is zero, cannot fix reduce-only order qty" };
    if (most == 0)
        return (struct refusal){ 110017, "Reduce-only rule not satisfied" };
    if (order->lots == 0 || order->lots > most) {
        order->lots = most;
        order->qty = instrument_qty(order->instrument, most);
    }
    order->opening_lots = 0;
    return accepted;
}

static int64_t most_lots(const struct sim_order *order)
{
    const struct instrument *instrument = order->instrument;
    int64_t lots = INT64_MAX;

    if (instrument_lots(instrument,
                        order->type == ORDER_TYPE_MARKET ? instrument->max_market_qty
                                                         : instrument->max_limit_qty,
                        &lots))
        return INT64_MAX;
    return lots;
}

static struct refusal place_one(struct exchange *exchange, struct sim_order *order,
                                struct sim_order **out)
{
    const struct instrument *instrument = order->instrument;
    struct sim_order *kept;

    if (!hold_has_funds(exchange, order))
        return refuse(instrument, REFUSE_FUNDS);
    exchange_make_id(exchange, instrument->category, order->order_id);
    kept = history_add_order(exchange->history, order);
    if (!kept)
        return refuse(instrument, REFUSE_SERVER);
    match_execute(exchange, kept);
    *out = kept;
    return accepted;
}

/* A reduce-only order above the greatest size becomes several: the first has the link, the others
 * have none. One that closes all is cut to that size. */
static struct refusal place_now(struct exchange *exchange, struct sim_order *order,
                                struct sim_order **out)
{
    bool closes_all = order->reduce_only && order->lots == 0;
    struct refusal refusal = match_fit(exchange, order);
    int64_t most = most_lots(order);
    int64_t left = closes_all ? smaller(order->lots, most) : order->lots;
    struct sim_order *piece;

    if (refusal.code)
        return refusal;
    if (!order->reduce_only)
        return place_one(exchange, order, out);
    *out = NULL;
    for (; left > 0 && !refusal.code; left -= order->lots) {
        order->lots = smaller(left, most);
        order->qty = instrument_qty(order->instrument, order->lots);
        refusal = place_one(exchange, order, *out ? &piece : out);
        order->link[0] = '\0';
    }
    return *out ? accepted : refusal;
}

struct refusal match_place(struct exchange *exchange, const struct sim_request *request,
                           struct sim_order **out)
{
    const struct instrument *instrument = request->instrument;
    struct sim_order order = order_from(exchange, request);
    struct refusal refusal;

    if (request->link[0] &&
        history_link_used(exchange->history, instrument->category, request->link))
        return refuse(instrument, REFUSE_DUPLICATE);
    refusal = check_room(exchange, &order);
    if (refusal.code)
        return refusal;
    if (order.kind == STOP_NONE)
        refusal = place_now(exchange, &order, out);
    else if (!hold_has_funds(exchange, &order))
        refusal = refuse(instrument, REFUSE_FUNDS);
    else if (!(*out = stop_add(exchange, &order)))
        refusal = refuse(instrument, REFUSE_SERVER);
    match_tell_account(exchange);
    stops_run(exchange);
    return refusal;
}

/* --- amend --- */

static bool same_leg(const struct exit_leg *a, const struct exit_leg *b)
{
    return a->ticks == b->ticks && a->by == b->by && a->limit_ticks == b->limit_ticks;
}

static bool same_trigger(const struct trigger *a, const struct trigger *b)
{
    return a->ticks == b->ticks && a->by == b->by;
}

static bool same_exits(const struct exits *a, const struct exits *b)
{
    return same_leg(&a->take_profit, &b->take_profit) && same_leg(&a->stop_loss, &b->stop_loss) &&
           a->partial == b->partial;
}

static struct refusal check_changes(const struct sim_order *order, const struct sim_amend *amend)
{
    bool same = amend->ticks == order->ticks && amend->lots == order->lots &&
                same_trigger(&amend->trigger, &order->trigger);

    if (same && amend->changes_exits && same_exits(&amend->exits, &order->exits))
        return (struct refusal){ 34040, "not modified" };
    if (same && !amend->changes_exits)
        return (struct refusal){ 10001, "order not modified" };
    if (amend->lots <= order->filled_lots && !order->in_quote)
        return refuse(order->instrument, REFUSE_UNDER_FILLED);
    if (amend->changes_exits && order->filled_lots > 0)
        return (struct refusal){ 110059, "TP/SL of a partially filled order can not be modified" };
    return accepted;
}

/* The order as it would be; refused when that cannot be. */
static struct refusal change(struct exchange *exchange, const struct sim_order *order,
                             const struct sim_amend *amend, struct sim_order *changed)
{
    const struct position *position = exchange_position(exchange, order);

    *changed = *order;
    changed->ticks = amend->ticks;
    changed->lots = amend->lots;
    changed->trigger = amend->trigger;
    changed->exits = amend->exits;
    if (!order->in_quote)
        changed->qty = instrument_qty(order->instrument, amend->lots);
    if (!order->reduce_only)
        changed->opening_lots = larger(0, amend->lots - (order->lots - order->opening_lots));
    else if (!stop_is_waiting(order) && position &&
             amend->lots - order->filled_lots > position_closable(position, order->side))
        return (struct refusal){ 110017, "Reduce-only rule not satisfied" };
    return hold_has_funds(exchange, changed) ? accepted : refuse(order->instrument, REFUSE_FUNDS);
}

/* A smaller size keeps its place in the queue, and so does what has nothing to do with the book. */
static void move_in_book(struct exchange *exchange, struct sim_order *order, bool keeps_place,
                         int64_t lots_before)
{
    struct book *book = &exchange->books[order->instrument->index];

    if (keeps_place && lots_before > order->lots)
        book_reduce(book, order->entry, lots_before - order->lots);
    if (keeps_place || stop_is_waiting(order)) {
        hold_update(exchange, order);
        order_tell(exchange, order);
        order_owe_position(exchange, order);
        match_tell_account(exchange);
        return;
    }
    book_remove(book, order->entry);
    order->entry = NULL;
    match_execute(exchange, order);
}

struct refusal match_amend(struct exchange *exchange, struct sim_order *order,
                           const struct sim_amend *amend)
{
    struct refusal refusal = check_changes(order, amend);
    bool keeps_place = amend->ticks == order->ticks && amend->lots <= order->lots;
    int64_t lots_before = order->lots;
    struct sim_order changed;

    if (!refusal.code)
        refusal = change(exchange, order, amend, &changed);
    if (refusal.code)
        return refusal;
    order->ticks = changed.ticks;
    order->lots = changed.lots;
    order->qty = changed.qty;
    order->opening_lots = changed.opening_lots;
    order->trigger = changed.trigger;
    order->exits = changed.exits;
    order->updated_ms = exchange->now_ms;
    move_in_book(exchange, order, keeps_place && !stop_is_waiting(order), lots_before);
    stops_run(exchange);
    return accepted;
}

/* --- cancel --- */

void match_cancel(struct exchange *exchange, struct sim_order *order)
{
    exchange->seq++;
    if (order->instrument->category == CATEGORY_SPOT)
        stop_drop_pair(exchange, order, "CancelByUser");
    order_close(exchange, order, stop_is_waiting(order) ? STATUS_DEACTIVATED : STATUS_CANCELLED,
                "CancelByUser", "EC_NoError");
    order_tell(exchange, order);
    order_owe_position(exchange, order);
    match_tell_account(exchange);
}
