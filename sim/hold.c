#include "sim/hold.h"

#include "sim/fill.h"
#include "sim/money.h"
#include "sim/stops.h"

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static struct wallet *held_wallet(struct exchange *exchange, const struct sim_order *order)
{
    const struct instrument *instrument = order->instrument;

    if (instrument_has_position(instrument))
        return account_settle(&exchange->account, instrument);
    return account_wallet(&exchange->account,
                          order->side == SIDE_BUY ? instrument->quote : instrument->base);
}

/* Of spot; at market it will be about the trigger's price. */
static struct decimal waiting_hold(const struct sim_order *order)
{
    const struct instrument *instrument = order->instrument;
    int64_t ticks = order->type == ORDER_TYPE_MARKET ? order->trigger.ticks : order->ticks;

    if (order->kind != STOP_SPOT_TPSL || order->pair_holds)
        return DECIMAL_ZERO;
    if (order->side == SIDE_SELL)
        return instrument_qty(instrument, order->lots);
    return order->in_quote ? order->budget : instrument_worth(instrument, ticks, order->lots);
}

static struct decimal margin_of(struct exchange *exchange, const struct sim_order *order,
                                struct decimal value)
{
    return position_margin_for(exchange_position(exchange, order), value);
}

/* What an order that waits or can rest must hold. */
static struct decimal wanted_hold(struct exchange *exchange, const struct sim_order *order)
{
    const struct instrument *instrument = order->instrument;
    int64_t leaves = order->lots - order->filled_lots;

    if (stop_is_waiting(order))
        return waiting_hold(order);
    if (!order_is_open(order) || order->type == ORDER_TYPE_MARKET)
        return DECIMAL_ZERO;
    if (instrument_has_position(instrument))
        return margin_of(
            exchange, order,
            instrument_worth(instrument, order->ticks, smaller(leaves, order->opening_lots)));
    if (order->side == SIDE_SELL)
        return instrument_qty(instrument, leaves);
    return instrument_worth(instrument, order->ticks, leaves);
}

void hold_update(struct exchange *exchange, struct sim_order *order)
{
    struct decimal wanted = wanted_hold(exchange, order);
    struct decimal more = money_sub(wanted, order->held);
    struct wallet *wallet = held_wallet(exchange, order);

    if (decimal_sign(&more) == 0)
        return;
    order->held = wanted;
    if (instrument_has_position(order->instrument)) {
        wallet->order_margin = money_add(wallet->order_margin, more);
        return;
    }
    wallet->locked = money_add(wallet->locked, more);
    exchange->wallet_owed = true;
}

/* It has its trigger yet to come, or is about to be taken in with one. */
static bool waits(const struct sim_order *order)
{
    return stop_is_waiting(order) || (order->kind != STOP_NONE && order->number == 0);
}

/* What must be free for the order as it stands: for limit orders the hold, with the opening fee for
 * contracts. */
static struct decimal cost_of(struct exchange *exchange, const struct sim_order *order)
{
    const struct instrument *instrument = order->instrument;
    const struct book *book = &exchange->books[instrument->index];
    int64_t leaves = order->lots - order->filled_lots;
    int64_t ticks = order->ticks;
    struct decimal value;

    if (waits(order))
        return waiting_hold(order);
    if (instrument->category == CATEGORY_SPOT) {
        if (order->in_quote)
            return order->budget;
        if (order->side == SIDE_SELL || order->type == ORDER_TYPE_LIMIT) {
            return order->side == SIDE_SELL ? instrument_qty(instrument, leaves)
                                            : instrument_worth(instrument, order->ticks, leaves);
        }
        return instrument_value(instrument, book_cost(book, order->side, order->ticks, leaves));
    }
    if (order->type == ORDER_TYPE_MARKET)
        ticks = exchange->mids[instrument->index];
    value = instrument_worth(instrument, ticks, smaller(leaves, order->opening_lots));
    return money_add(margin_of(exchange, order, value), money_mul(value, instrument->taker_fee));
}

bool hold_has_funds(struct exchange *exchange, const struct sim_order *order)
{
    const struct wallet *wallet = held_wallet(exchange, order);
    struct decimal free = money_add(account_free(&exchange->account, wallet), order->held);

    return !money_less(free, cost_of(exchange, order));
}

static void change_leverage(struct exchange *exchange, const struct instrument *instrument,
                            struct decimal leverage)
{
    struct sim_order *order = history_open(exchange->history, instrument->index);

    for (int idx = 0; idx < POSITION_PLACES; idx++)
        exchange->account.positions[instrument->index][idx].leverage = leverage;
    for (; order; order = order->open_next)
        hold_update(exchange, order);
}

struct refusal hold_leverage(struct exchange *exchange, const struct instrument *instrument,
                             struct decimal leverage)
{
    struct position *places = exchange->account.positions[instrument->index];
    struct decimal before = places[0].leverage;
    struct decimal free;

    change_leverage(exchange, instrument, leverage);
    free = account_free(&exchange->account, account_settle(&exchange->account, instrument));
    if (money_less(leverage, before) && decimal_sign(&free) < 0) {
        change_leverage(exchange, instrument, before);
        return (struct refusal){ 110012, "Insufficient available balance." };
    }
    for (int idx = 0; idx < POSITION_PLACES; idx++) {
        if ((idx != 0) != exchange->account.hedged[instrument->index])
            continue;
        places[idx].updated_ms = exchange->now_ms;
        places[idx].owed = true;
    }
    return (struct refusal){ 0, "OK" };
}
