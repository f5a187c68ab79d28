/* An order is taken in (funds held), executed (takes what its limit reaches), then rests or ends.
 * All that changed is told at once, except wallet and positions, which are told once at the end of
 * the step. */
#include "sim/match.h"

#include <string.h>

#include "sim/hold.h"
#include "sim/money.h"

#define PROTECTION_PERCENT 5
#define INVERSE_FEE_SCALE  8

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

bool order_is_open(const struct sim_order *order)
{
    return !status_is_closed(order->status);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Lots of the position that an order of this side would close. */
static int64_t closable(const struct exchange *exchange, const struct instrument *instrument,
                        enum side side)
{
    int64_t lots = exchange->account.positions[instrument->index].lots;

    return side == SIDE_BUY ? (lots < 0 ? -lots : 0) : (lots > 0 ? lots : 0);
}

/* --- telling --- */

static void tell_order(struct exchange *exchange, const struct sim_order *order)
{
    if (exchange->callbacks)
        exchange->callbacks->on_order(order, exchange->userdata);
}

static void owe_account(struct exchange *exchange, const struct instrument *instrument)
{
    exchange->wallet_owed = true;
    if (instrument_is_contract(instrument))
        exchange->position_owed[instrument->index] = true;
}

void match_tell_account(struct exchange *exchange)
{
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        if (exchange->position_owed[i] && exchange->callbacks)
            exchange->callbacks->on_position(instrument_at(i), exchange->userdata);
        exchange->position_owed[i] = false;
    }
    if (exchange->wallet_owed && exchange->callbacks)
        exchange->callbacks->on_wallet(exchange->userdata);
    exchange->wallet_owed = false;
}

/* --- the end of an order --- */

static void close_order(struct exchange *exchange, struct sim_order *order,
                        enum exchange_status status, const char *cancel_type, const char *reason)
{
    if (order->entry)
        book_remove(&exchange->books[order->instrument->index], order->entry);
    order->entry = NULL;
    if (status == STATUS_CANCELLED && order->filled_lots > 0 &&
        order->instrument->category == CATEGORY_SPOT)
        status = STATUS_PARTIALLY_FILLED_CANCELED;
    order->status = status;
    order->cancel_type = cancel_type;
    order->reject_reason = reason;
    order->updated_ms = exchange->now_ms;
    history_close_order(exchange->history, order);
    hold_update(exchange, order);
}

/* Reduce-only orders never exceed the position: what is too much is cut, what has nothing to close
 * ends. */
static void trim_reduce_only(struct exchange *exchange, const struct instrument *instrument)
{
    struct sim_order *order = history_open(exchange->history, instrument->index);

    while (order) {
        struct sim_order *next = order->open_next;
        int64_t most = closable(exchange, instrument, order->side);
        int64_t leaves = order->lots - order->filled_lots;

        if (order->reduce_only && order->entry && leaves > most) {
            if (most == 0) {
                close_order(exchange, order, STATUS_CANCELLED, "CancelByReduceOnly", "EC_NoError");
            } else {
                book_reduce(&exchange->books[instrument->index], order->entry, leaves - most);
                order->lots = order->filled_lots + most;
                order->qty = instrument_qty(instrument, order->lots);
                order->updated_ms = exchange->now_ms;
            }
            tell_order(exchange, order);
        }
        order = next;
    }
}

/* --- fills --- */

static struct decimal fee_of(const struct sim_order *order, struct decimal qty,
                             struct decimal value, bool maker)
{
    const struct instrument *instrument = order->instrument;
    bool in_base = instrument->category == CATEGORY_SPOT && order->side == SIDE_BUY;

    struct decimal fee =
        money_mul(in_base ? qty : value, maker ? instrument->maker_fee : instrument->taker_fee);

    return instrument->category == CATEGORY_INVERSE ? money_cut(fee, INVERSE_FEE_SCALE) : fee;
}

static void record_execution(struct exchange *exchange, struct sim_order *order,
                             struct sim_execution *execution)
{
    const struct instrument *instrument = order->instrument;
    const struct sim_execution *kept;

    execution->order_number = order->number;
    memcpy(execution->order_id, order->order_id, sizeof(execution->order_id));
    memcpy(execution->link, order->link, sizeof(execution->link));
    exchange_make_id(exchange, instrument->category, execution->exec_id);
    execution->instrument = instrument;
    execution->side = order->side;
    execution->type = order->type;
    execution->order_ticks = order->ticks;
    execution->order_qty = order->qty;
    execution->mark_ticks = exchange->mids[instrument->index];
    execution->leaves_lots = order->in_quote ? 0 : order->lots - order->filled_lots;
    execution->market_unit = order->market_unit;
    execution->fee_coin = order->fee_coin;
    execution->at_ms = exchange->now_ms;
    execution->seq = exchange->seq;
    kept = history_add_execution(exchange->history, order, execution);
    if (exchange->callbacks)
        exchange->callbacks->on_execution(kept, exchange->userdata);
}

static void fill_order(struct exchange *exchange, struct sim_order *order, int64_t ticks,
                       int64_t lots, bool maker)
{
    const struct instrument *instrument = order->instrument;
    struct decimal qty = instrument_qty(instrument, lots);
    struct decimal value = instrument_worth(instrument, ticks, lots);
    struct sim_execution execution = { .ticks = ticks, .lots = lots, .maker = maker };
    struct contract_result result = { 0, DECIMAL_ZERO };

    execution.value = value;
    execution.fee = fee_of(order, qty, value, maker);
    execution.fee_rate = maker ? instrument->maker_fee : instrument->taker_fee;
    if (instrument->category == CATEGORY_SPOT)
        account_spot_fill(&exchange->account, instrument, order->side, qty, value, execution.fee);
    else
        result = account_contract_fill(&exchange->account, instrument, order->side, ticks, lots,
                                       execution.fee, exchange->now_ms);
    execution.closed_lots = result.closed_lots;
    execution.pnl = result.pnl;
    exchange->account.positions[instrument->index].seq = exchange->seq;
    order->filled_lots += lots;
    order->value = money_add(order->value, value);
    order->fee = money_add(order->fee, execution.fee);
    if (order->in_quote)
        order->budget = money_sub(order->budget, value);
    order->status = STATUS_PARTIALLY_FILLED;
    order->updated_ms = exchange->now_ms;
    owe_account(exchange, instrument);
    record_execution(exchange, order, &execution);
}

/* A resting order of the user was hit; its entry was already reduced. */
static void fill_maker(struct exchange *exchange, struct sim_order *order, int64_t ticks,
                       int64_t lots)
{
    bool filled = order->filled_lots + lots == order->lots;

    if (filled)
        order->entry = NULL; /* gone with its last lot */
    fill_order(exchange, order, ticks, lots, true);
    if (filled)
        close_order(exchange, order, STATUS_FILLED, "UNKNOWN", "EC_NoError");
    else
        hold_update(exchange, order);
    tell_order(exchange, order);
}

static void print_trade(struct exchange *exchange, const struct instrument *instrument,
                        enum side side, int64_t ticks, int64_t lots)
{
    struct public_trade trade = {
        .ticks = ticks, .lots = lots, .side = side, .at_ms = exchange->now_ms, .seq = exchange->seq
    };
    const struct public_trade *kept;

    exchange_make_id(exchange, instrument->category, trade.id);
    kept = tape_add(&exchange->tapes[instrument->index], &trade);
    if (exchange->callbacks)
        exchange->callbacks->on_trade(instrument, kept, exchange->userdata);
}

/* One step against the best entry; `taker` NULL: somebody else. */
static void trade(struct exchange *exchange, const struct instrument *instrument,
                  struct sim_order *taker, enum side side, struct book_entry *entry, int64_t lots)
{
    int64_t ticks = entry->ticks;
    struct sim_order *maker = entry->owner;

    book_reduce(&exchange->books[instrument->index], entry, lots);
    print_trade(exchange, instrument, side, ticks, lots);
    if (taker)
        fill_order(exchange, taker, ticks, lots, false);
    if (maker)
        fill_maker(exchange, maker, ticks, lots);
    if (instrument_is_contract(instrument) && (taker || maker))
        trim_reduce_only(exchange, instrument);
}

/* Lots of this entry that the order still wants and can pay. */
static int64_t wanted_lots(const struct sim_order *order, const struct book_entry *entry)
{
    const struct instrument *instrument = order->instrument;
    struct decimal price = instrument_price(instrument, entry->ticks);
    struct decimal qty;

    if (!order->in_quote)
        return smaller(order->lots - order->filled_lots, entry->lots);
    qty = money_div(order->budget, price, instrument->step.scale);
    qty = money_div(qty, instrument->step, 0);
    return qty.mantissa < entry->lots ? (int64_t)qty.mantissa : entry->lots;
}

static void take(struct exchange *exchange, struct sim_order *order)
{
    const struct instrument *instrument = order->instrument;
    const struct book *book = &exchange->books[instrument->index];
    struct book_entry *entry;

    while ((entry = book_best(book, side_opposite(order->side))) &&
           book_crosses(order->side, order->ticks, entry->ticks)) {
        int64_t lots = wanted_lots(order, entry);

        if (lots == 0)
            break;
        trade(exchange, instrument, order, order->side, entry, lots);
    }
}

int64_t match_market_taker(struct exchange *exchange, const struct instrument *instrument,
                           enum side side, int64_t limit_ticks, int64_t lots)
{
    const struct book *book = &exchange->books[instrument->index];
    struct book_entry *entry;
    int64_t taken = 0;

    exchange->seq++;
    while (taken < lots && (entry = book_best(book, side_opposite(side))) &&
           book_crosses(side, limit_ticks, entry->ticks)) {
        int64_t step = smaller(lots - taken, entry->lots);

        trade(exchange, instrument, NULL, side, entry, step);
        taken += step;
    }
    match_tell_account(exchange);
    return taken;
}

/* --- life of an order --- */

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
        close_order(exchange, order, STATUS_CANCELLED, "UNKNOWN", "EC_Others");
    else
        hold_update(exchange, order);
}

static void end_unfilled(struct exchange *exchange, struct sim_order *order)
{
    const char *reason = "EC_NoError";

    if (order->filled_lots == 0)
        reason = "EC_NoImmediateQtyToFill";
    else if (order->in_quote)
        reason = "EC_CancelByOrderValueZero";
    close_order(exchange, order, STATUS_CANCELLED, "UNKNOWN", reason);
}

static void execute(struct exchange *exchange, struct sim_order *order)
{
    const char *stopped = stopped_by(exchange, order);

    exchange->seq++;
    if (stopped) {
        close_order(exchange, order, STATUS_CANCELLED, "UNKNOWN", stopped);
    } else {
        take(exchange, order);
        if (is_done(order))
            close_order(exchange, order, STATUS_FILLED, "UNKNOWN", "EC_NoError");
        else if (order->tif == TIF_GTC || order->tif == TIF_POST_ONLY)
            rest(exchange, order);
        else
            end_unfilled(exchange, order);
    }
    tell_order(exchange, order);
    if (instrument_is_contract(order->instrument))
        exchange->position_owed[order->instrument->index] = true;
    match_tell_account(exchange);
}

static int64_t protective_ticks(const struct exchange *exchange, int index, enum side side)
{
    int64_t mid = exchange->mids[index];

    return side == SIDE_BUY ? mid + mid * PROTECTION_PERCENT / 100
                            : mid - mid * PROTECTION_PERCENT / 100;
}

static int open_count(const struct exchange *exchange, const struct instrument *instrument)
{
    int count = 0;

    if (instrument_is_contract(instrument))
        return history_open_count(exchange->history, instrument->index);
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        if (instrument_at(i)->category == CATEGORY_SPOT)
            count += history_open_count(exchange->history, i);
    }
    return count;
}

static struct sim_order order_from(struct exchange *exchange, const struct sim_request *request)
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
        order.ticks = protective_ticks(exchange, instrument->index, order.side);
    }
    order.fee_coin = instrument->settle;
    if (instrument->category == CATEGORY_SPOT)
        order.fee_coin = order.side == SIDE_BUY ? instrument->base : instrument->quote;
    return order;
}

/* Cuts a reduce-only order to the position; refused when there is nothing to reduce. */
static struct refusal fit_to_position(const struct exchange *exchange, struct sim_order *order)
{
    const struct instrument *instrument = order->instrument;
    int64_t most =
        instrument_is_contract(instrument) ? closable(exchange, instrument, order->side) : 0;

    order->opening_lots = order->lots > most ? order->lots - most : 0;
    if (!order->reduce_only || instrument->category == CATEGORY_SPOT)
        return accepted;
    if (exchange->account.positions[instrument->index].lots == 0)
        return (struct refusal){ 110017,
                                 "current position is zero, cannot fix reduce-only order qty" };
    if (most == 0)
        return (struct refusal){ 110017, "Reduce-only rule not satisfied" };
    if (order->lots == 0 || order->lots > most) {
        order->lots = most;
        order->qty = instrument_qty(instrument, most);
    }
    order->opening_lots = 0;
    return accepted;
}

struct refusal match_place(struct exchange *exchange, const struct sim_request *request,
                           struct sim_order **out)
{
    const struct instrument *instrument = request->instrument;
    struct sim_order order = order_from(exchange, request);
    struct refusal refusal;
    struct sim_order *kept;

    if (request->link[0] &&
        history_link_used(exchange->history, instrument->category, request->link))
        return refuse(instrument, REFUSE_DUPLICATE);
    if (open_count(exchange, instrument) >= MATCH_OPEN_MAX)
        return refuse(instrument, REFUSE_TOO_MANY);
    refusal = fit_to_position(exchange, &order);
    if (refusal.code)
        return refusal;
    if (!hold_has_funds(exchange, &order))
        return refuse(instrument, REFUSE_FUNDS);
    exchange_make_id(exchange, instrument->category, order.order_id);
    kept = history_add_order(exchange->history, &order);
    if (!kept)
        return refuse(instrument, REFUSE_SERVER);
    execute(exchange, kept);
    *out = kept;
    return accepted;
}

struct refusal match_amend(struct exchange *exchange, struct sim_order *order, int64_t ticks,
                           int64_t lots)
{
    const struct instrument *instrument = order->instrument;
    struct sim_order changed = *order;
    bool keeps_place = ticks == order->ticks && lots < order->lots;

    if (ticks == order->ticks && lots == order->lots)
        return (struct refusal){ 10001, "order not modified" };
    if (lots <= order->filled_lots)
        return refuse(instrument, REFUSE_UNDER_FILLED);
    changed.ticks = ticks;
    changed.lots = lots;
    if (!order->reduce_only)
        changed.opening_lots = larger(0, lots - (order->lots - order->opening_lots));
    else if (lots - order->filled_lots > closable(exchange, instrument, order->side))
        return (struct refusal){ 110017, "Reduce-only rule not satisfied" };
    if (!hold_has_funds(exchange, &changed))
        return refuse(instrument, REFUSE_FUNDS);
    order->updated_ms = exchange->now_ms;
    order->qty = instrument_qty(instrument, lots);
    order->opening_lots = changed.opening_lots;
    if (keeps_place) {
        book_reduce(&exchange->books[instrument->index], order->entry, order->lots - lots);
        order->lots = lots;
        hold_update(exchange, order);
        tell_order(exchange, order);
        exchange->position_owed[instrument->index] = instrument_is_contract(instrument);
        match_tell_account(exchange);
        return accepted;
    }
    book_remove(&exchange->books[instrument->index], order->entry);
    order->entry = NULL;
    order->ticks = ticks;
    order->lots = lots;
    execute(exchange, order);
    return accepted;
}

void match_cancel(struct exchange *exchange, struct sim_order *order)
{
    exchange->seq++;
    close_order(exchange, order, STATUS_CANCELLED, "CancelByUser", "EC_NoError");
    tell_order(exchange, order);
    if (instrument_is_contract(order->instrument))
        exchange->position_owed[order->instrument->index] = true;
    match_tell_account(exchange);
}
