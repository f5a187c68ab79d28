#include "sim/delivery.h"

#include "sim/fill.h"
#include "sim/money.h"
#include "sim/options.h"
#include "sim/stops.h"

static void end_orders(struct exchange *exchange, const struct instrument *option)
{
    struct sim_order *order = history_open(exchange->history, option->index);

    while (order) {
        struct sim_order *next = order->open_next;
        bool waits = stop_is_waiting(order);

        order_close(exchange, order, waits ? STATUS_DEACTIVATED : STATUS_CANCELLED,
                    "CancelByDelivery", "EC_NoError");
        order_tell(exchange, order);
        order = next;
    }
}

/* It closes the position, and has no order. */
static struct sim_execution execution_of(struct exchange *exchange, const struct position *position)
{
    const struct instrument *option = position->instrument;
    int64_t lots = position->lots;
    struct sim_execution execution = {
        .instrument = option,
        .side = lots > 0 ? SIDE_SELL : SIDE_BUY,
        .what = EXECUTION_DELIVERY,
        .ticks = option_settlement(exchange, option),
        .mark_ticks = exchange->mids[option->index],
        .lots = lots > 0 ? lots : -lots,
        .order_qty = DECIMAL_ZERO,
        .fee_coin = option->settle,
        .fee_rate = option_delivery_fee,
        .market_unit = "",
        .at_ms = exchange->now_ms,
        .seq = ++exchange->seq,
    };

    execution.value = instrument_worth(option, execution.ticks, execution.lots);
    execution.fee = money_mul(execution.value, option_delivery_fee);
    exchange_make_id(exchange, option->category, execution.exec_id);
    return execution;
}

static void settle(struct exchange *exchange, struct position *position)
{
    struct sim_execution execution = execution_of(exchange, position);
    const struct sim_execution *kept;
    struct contract_result result =
        account_contract_fill(&exchange->account, position, execution.side, execution.ticks,
                              execution.lots, execution.fee, exchange->now_ms);

    execution.closed_lots = result.closed_lots;
    execution.pnl = result.pnl;
    execution.balance = account_settle(&exchange->account, position->instrument)->balance;
    kept = history_add_execution(exchange->history, NULL, &execution);
    if (exchange->callbacks)
        exchange->callbacks->on_execution(kept, exchange->userdata);
    position->seq = exchange->seq;
    position->owed = true;
    exchange->wallet_owed = true;
}

int delivery_settle(struct exchange *exchange, const struct instrument *option)
{
    int count = 0;

    end_orders(exchange, option);
    for (int idx = 0; idx < POSITION_PLACES; idx++) {
        struct position *position = &exchange->account.positions[option->index][idx];

        if (position->lots == 0)
            continue;
        settle(exchange, position);
        count++;
    }
    match_tell_account(exchange);
    return count;
}
