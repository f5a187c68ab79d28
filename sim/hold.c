#include "sim/hold.h"

#include "sim/match.h"
#include "sim/money.h"

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static struct wallet *held_wallet(struct exchange *exchange, const struct sim_order *order)
{
    const struct instrument *instrument = order->instrument;

    if (instrument_is_contract(instrument))
        return account_settle(&exchange->account, instrument);
    return account_wallet(&exchange->account,
                          order->side == SIDE_BUY ? instrument->quote : instrument->base);
}

/* What an order that can rest must hold. */
static struct decimal wanted_hold(const struct exchange *exchange, const struct sim_order *order)
{
    const struct instrument *instrument = order->instrument;
    int64_t leaves = order->lots - order->filled_lots;

    if (!order_is_open(order) || order->type == ORDER_TYPE_MARKET)
        return DECIMAL_ZERO;
    if (instrument_is_contract(instrument))
        return account_margin_for(
            &exchange->account, instrument,
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
    if (instrument_is_contract(order->instrument)) {
        wallet->order_margin = money_add(wallet->order_margin, more);
        return;
    }
    wallet->locked = money_add(wallet->locked, more);
    exchange->wallet_owed = true;
}

/* What must be free for the order as it stands: for limit orders the hold, with the opening fee for
 * contracts. */
static struct decimal cost_of(const struct exchange *exchange, const struct sim_order *order)
{
    const struct instrument *instrument = order->instrument;
    const struct book *book = &exchange->books[instrument->index];
    int64_t leaves = order->lots - order->filled_lots;
    int64_t ticks = order->ticks;
    struct decimal value;

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
    return money_add(account_margin_for(&exchange->account, instrument, value),
                     money_mul(value, instrument->taker_fee));
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

    exchange->account.positions[instrument->index].leverage = leverage;
    for (; order; order = order->open_next)
        hold_update(exchange, order);
}

struct refusal hold_leverage(struct exchange *exchange, const struct instrument *instrument,
                             struct decimal leverage)
{
    struct position *position = &exchange->account.positions[instrument->index];
    struct decimal before = position->leverage;
    struct decimal free;

    change_leverage(exchange, instrument, leverage);
    free = account_free(&exchange->account, account_settle(&exchange->account, instrument));
    if (money_less(leverage, before) && decimal_sign(&free) < 0) {
        change_leverage(exchange, instrument, before);
        return (struct refusal){ 110012, "Insufficient available balance." };
    }
    position->updated_ms = exchange->now_ms;
    exchange->position_owed[instrument->index] = true;
    return (struct refusal){ 0, "OK" };
}
