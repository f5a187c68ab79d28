#include "sim/funding.h"

#include "sim/fill.h"
#include "sim/market.h"
#include "sim/money.h"

#define INVERSE_SCALE 8

static struct decimal fee_of(const struct instrument *instrument, bool is_long,
                             struct decimal value, struct decimal rate)
{
    struct decimal fee = money_mul(value, rate);

    if (instrument->category == CATEGORY_INVERSE)
        fee = money_cut(fee, INVERSE_SCALE);
    return is_long ? fee : money_negative(fee);
}

/* It has the position's side and size, and no order. */
static struct sim_execution execution_of(struct exchange *exchange, const struct position *position)
{
    const struct instrument *instrument = position->instrument;
    int64_t lots = position->lots;
    int64_t mark = exchange->mids[instrument->index];
    struct sim_execution execution = {
        .instrument = instrument,
        .side = lots > 0 ? SIDE_BUY : SIDE_SELL,
        .what = EXECUTION_FUNDING,
        .ticks = mark,
        .mark_ticks = mark,
        .lots = lots > 0 ? lots : -lots,
        .order_qty = DECIMAL_ZERO,
        .fee_coin = instrument->settle,
        .market_unit = "",
        .pnl = DECIMAL_ZERO,
        .at_ms = exchange->now_ms,
        .seq = ++exchange->seq,
    };

    execution.value = instrument_worth(instrument, mark, execution.lots);
    execution.fee_rate =
        market_funding_rate(exchange, instrument->index, market_next_funding_ms(exchange->now_ms));
    execution.fee = fee_of(instrument, lots > 0, execution.value, execution.fee_rate);
    exchange_make_id(exchange, instrument->category, execution.exec_id);
    return execution;
}

static void settle(struct exchange *exchange, struct position *position)
{
    struct sim_execution execution = execution_of(exchange, position);
    const struct sim_execution *kept;

    account_funding(&exchange->account, position, execution.fee, exchange->now_ms);
    execution.balance = account_settle(&exchange->account, position->instrument)->balance;
    execution.size_lots = position->lots;
    kept = history_add_execution(exchange->history, NULL, &execution);
    if (exchange->callbacks)
        exchange->callbacks->on_execution(kept, exchange->userdata);
    position->owed = true;
    exchange->wallet_owed = true;
}

int funding_settle(struct exchange *exchange, const struct instrument *instrument)
{
    int count = 0;

    for (int idx = 0; idx < POSITION_PLACES; idx++) {
        struct position *position = &exchange->account.positions[instrument->index][idx];

        if (position->lots == 0)
            continue;
        settle(exchange, position);
        count++;
    }
    match_tell_account(exchange);
    return count;
}
