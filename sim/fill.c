#include "sim/fill.h"

#include <string.h>

#include "sim/exits.h"
#include "sim/hold.h"
#include "sim/money.h"

#define INVERSE_FEE_SCALE 8

bool order_is_open(const struct sim_order *order)
{
    return !status_is_closed(order->status);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* --- telling --- */

void order_tell(struct exchange *exchange, const struct sim_order *order)
{
    if (exchange->callbacks)
        exchange->callbacks->on_order(order, exchange->userdata);
}

void order_owe_position(struct exchange *exchange, const struct sim_order *order)
{
    struct position *position = exchange_position(exchange, order);

    if (position)
        position->owed = true;
}

static void tell_positions(struct exchange *exchange, struct position places[POSITION_PLACES])
{
    for (int idx = 0; idx < POSITION_PLACES; idx++) {
        if (places[idx].owed && exchange->callbacks)
            exchange->callbacks->on_position(&places[idx], exchange->userdata);
        places[idx].owed = false;
    }
}

void match_tell_account(struct exchange *exchange)
{
    for (int i = 0; i < INSTRUMENT_COUNT; i++)
        tell_positions(exchange, exchange->account.positions[i]);
    if (exchange->wallet_owed && exchange->callbacks)
        exchange->callbacks->on_wallet(exchange->userdata);
    exchange->wallet_owed = false;
}

/* --- the end of an order --- */

void order_close(struct exchange *exchange, struct sim_order *order, enum exchange_status status,
                 const char *cancel_type, const char *reason)
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
static void trim(struct exchange *exchange, struct sim_order *order, int64_t most)
{
    int64_t leaves = order->lots - order->filled_lots;

    if (leaves <= most)
        return;
    if (most == 0) {
        order_close(exchange, order, STATUS_CANCELLED, "CancelByReduceOnly", "EC_NoError");
    } else {
        book_reduce(&exchange->books[order->instrument->index], order->entry, leaves - most);
        order->lots = order->filled_lots + most;
        order->qty = instrument_qty(order->instrument, order->lots);
        order->updated_ms = exchange->now_ms;
    }
    order_tell(exchange, order);
}

static void trim_reduce_only(struct exchange *exchange, const struct position *position)
{
    struct sim_order *order = history_open(exchange->history, position->instrument->index);

    while (order) {
        struct sim_order *next = order->open_next;

        if (order->reduce_only && order->entry && order->position_idx == position->idx)
            trim(exchange, order, position_closable(position, order->side));
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
    execution->kind = order->kind;
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

/* What a fill does to coins and positions. */
static void book_fill(struct exchange *exchange, const struct sim_order *order,
                      struct sim_execution *execution)
{
    const struct instrument *instrument = order->instrument;
    struct position *position = exchange_position(exchange, order);
    struct contract_result result;

    exchange->wallet_owed = true;
    if (!position) {
        account_spot_fill(&exchange->account, instrument, order->side,
                          instrument_qty(instrument, execution->lots), execution->value,
                          execution->fee);
        execution->balance = account_wallet(&exchange->account, instrument->quote)->balance;
        execution->base_balance = account_wallet(&exchange->account, instrument->base)->balance;
        return;
    }
    result = account_contract_fill(&exchange->account, position, order->side, execution->ticks,
                                   execution->lots, execution->fee, exchange->now_ms);
    execution->closed_lots = result.closed_lots;
    execution->pnl = result.pnl;
    execution->balance = account_settle(&exchange->account, instrument)->balance;
    execution->size_lots = position->lots;
    position->seq = exchange->seq;
    position->owed = true;
}

static void fill_order(struct exchange *exchange, struct sim_order *order, int64_t ticks,
                       int64_t lots, bool maker)
{
    const struct instrument *instrument = order->instrument;
    struct sim_execution execution = { .ticks = ticks, .lots = lots, .maker = maker };

    execution.value = instrument_worth(instrument, ticks, lots);
    execution.fee = fee_of(order, instrument_qty(instrument, lots), execution.value, maker);
    execution.fee_rate = maker ? instrument->maker_fee : instrument->taker_fee;
    execution.pnl = DECIMAL_ZERO;
    book_fill(exchange, order, &execution);
    order->filled_lots += lots;
    order->value = money_add(order->value, execution.value);
    order->fee = money_add(order->fee, execution.fee);
    if (order->in_quote)
        order->budget = money_sub(order->budget, execution.value);
    order->status = STATUS_PARTIALLY_FILLED;
    order->updated_ms = exchange->now_ms;
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
        order_close(exchange, order, STATUS_FILLED, "UNKNOWN", "EC_NoError");
    else
        hold_update(exchange, order);
    order_tell(exchange, order);
}

static void widen(struct price_span *span, int64_t ticks)
{
    if (span->low == 0 || ticks < span->low)
        span->low = ticks;
    if (ticks > span->high)
        span->high = ticks;
}

void fill_print(struct exchange *exchange, const struct instrument *instrument, enum side side,
                int64_t ticks, int64_t lots)
{
    struct public_trade trade = {
        .ticks = ticks, .lots = lots, .side = side, .at_ms = exchange->now_ms, .seq = exchange->seq
    };
    const struct public_trade *kept;

    exchange_make_id(exchange, instrument->category, trade.id);
    kept = tape_add(&exchange->tapes[instrument->index], &trade);
    widen(&exchange->spans[instrument->index], ticks);
    if (exchange->callbacks)
        exchange->callbacks->on_trade(instrument, kept, exchange->userdata);
}

/* Orders that hang on the position follow it. */
static void follow(struct exchange *exchange, struct sim_order *order)
{
    const struct position *position = order ? exchange_position(exchange, order) : NULL;

    if (position)
        trim_reduce_only(exchange, position);
    if (order)
        exits_after_fill(exchange, order);
}

/* One step against the best entry; `taker` NULL: somebody else. */
static void trade(struct exchange *exchange, const struct instrument *instrument,
                  struct sim_order *taker, enum side side, struct book_entry *entry, int64_t lots)
{
    int64_t ticks = entry->ticks;
    struct sim_order *maker = entry->owner;

    book_reduce(&exchange->books[instrument->index], entry, lots);
    fill_print(exchange, instrument, side, ticks, lots);
    if (taker)
        fill_order(exchange, taker, ticks, lots, false);
    if (maker)
        fill_maker(exchange, maker, ticks, lots);
    follow(exchange, taker);
    follow(exchange, maker);
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

/* The rule of the order that comes in decides. False: it must end. */
static bool meet_own(struct exchange *exchange, struct sim_order *taker, struct sim_order *maker)
{
    if (taker->smp != SMP_RULE_CANCEL_TAKER) {
        memcpy(maker->smp_order_id, taker->order_id, sizeof(maker->smp_order_id));
        order_close(exchange, maker, STATUS_CANCELLED, "CancelBySmp", "EC_NoError");
        order_tell(exchange, maker);
    }
    if (taker->smp == SMP_RULE_CANCEL_MAKER)
        return true;
    memcpy(taker->smp_order_id, maker->order_id, sizeof(taker->smp_order_id));
    return false;
}

bool fill_is_dust(const struct exchange *exchange, const struct sim_order *order)
{
    const struct book *book = &exchange->books[order->instrument->index];
    const struct book_entry *entry = book_best(book, side_opposite(order->side));

    return entry && book_crosses(order->side, order->ticks, entry->ticks) &&
           wanted_lots(order, entry) == 0;
}

bool fill_take(struct exchange *exchange, struct sim_order *order)
{
    const struct instrument *instrument = order->instrument;
    const struct book *book = &exchange->books[instrument->index];
    struct book_entry *entry;

    while ((entry = book_best(book, side_opposite(order->side))) &&
           book_crosses(order->side, order->ticks, entry->ticks)) {
        int64_t lots = wanted_lots(order, entry);

        if (lots == 0)
            break;
        if (!entry->owner || order->smp == SMP_RULE_NONE)
            trade(exchange, instrument, order, order->side, entry, lots);
        else if (!meet_own(exchange, order, entry->owner))
            return false;
    }
    return true;
}

int64_t fill_for_others(struct exchange *exchange, const struct instrument *instrument,
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
