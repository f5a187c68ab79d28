#include "sim/funding.h"

#include "sim/market.h"
#include "sim/match.h"
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
static struct sim_execution execution_of(struct exchange *exchange,
                                         const struct instrument *instrument)
{
    int64_t lots = exchange->account.positions[instrument->index].lots;
    int64_t mark = exchange->mids[instrument->index];
    struct sim_execution execution = {
        .instrument = instrument,
        .side = lots > 0 ? SIDE_BUY : SIDE_SELL,
        .funding = true,
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

bool funding_settle(struct exchange *exchange, const struct instrument *instrument)
{
    struct sim_execution execution;
    const struct sim_execution *kept;

    if (exchange->account.positions[instrument->index].lots == 0)
        return false;
    execution = execution_of(exchange, instrument);
    account_funding(&exchange->account, instrument, execution.fee, exchange->now_ms);
    kept = history_add_execution(exchange->history, NULL, &execution);
    if (exchange->callbacks)
        exchange->callbacks->on_execution(kept, exchange->userdata);
    exchange->position_owed[instrument->index] = true;
    exchange->wallet_owed = true;
    match_tell_account(exchange);
    return true;
}
