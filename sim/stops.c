#include "sim/stops.h"

#include <string.h>

#include "sim/hold.h"
#include "sim/market.h"
#include "sim/match.h"

bool stop_is_waiting(const struct sim_order *order)
{
    return order->status == STATUS_UNTRIGGERED;
}

struct sim_order *stop_add(struct exchange *exchange, const struct sim_order *order)
{
    struct sim_order waiting = *order;
    struct sim_order *kept;

    waiting.status = STATUS_UNTRIGGERED;
    if (waiting.type == ORDER_TYPE_MARKET)
        waiting.ticks = 0;
    exchange_make_id(exchange, waiting.instrument->category, waiting.order_id);
    kept = history_add_order(exchange->history, &waiting);
    if (!kept)
        return NULL;
    hold_update(exchange, kept);
    order_tell(exchange, kept);
    order_owe_position(exchange, kept);
    return kept;
}

void stop_drop(struct exchange *exchange, struct sim_order *order, const char *cancel_type)
{
    order_close(exchange, order, STATUS_DEACTIVATED, cancel_type, "EC_NoError");
    order_tell(exchange, order);
    order_owe_position(exchange, order);
}

void stop_drop_pair(struct exchange *exchange, const struct sim_order *order,
                    const char *cancel_type)
{
    struct sim_order *other = history_open(exchange->history, order->instrument->index);

    while (other && (order->pair == 0 || other->number != order->pair))
        other = other->open_next;
    if (other && stop_is_waiting(other))
        stop_drop(exchange, other, cancel_type);
}

int64_t stop_price(const struct exchange *exchange, const struct instrument *instrument,
                   enum price_kind by)
{
    switch (by) {
    case PRICE_LAST:
        return exchange->tapes[instrument->index].last_ticks;
    case PRICE_MARK:
        return exchange->mids[instrument->index];
    case PRICE_INDEX:
        return market_index_of(exchange->mids[instrument->index]);
    }
    return 0;
}

int stop_direction(const struct exchange *exchange, const struct instrument *instrument,
                   enum price_kind by, int64_t ticks)
{
    int64_t now = stop_price(exchange, instrument, by);

    if (ticks == now)
        return 0;
    return ticks > now ? 1 : 2;
}

/* --- what is reached --- */

/* Where the price has been since the last look. */
static struct price_span span_of(const struct exchange *exchange,
                                 const struct instrument *instrument, enum price_kind by)
{
    int64_t now = stop_price(exchange, instrument, by);

    if (by == PRICE_LAST && exchange->spans[instrument->index].low != 0)
        return exchange->spans[instrument->index];
    return (struct price_span){ now, now };
}

/* A trailing stop follows the best price from the start price on. */
static bool trails_into(const struct exchange *exchange, struct sim_order *order)
{
    struct trigger *trigger = &order->trigger;
    struct price_span span = span_of(exchange, order->instrument, trigger->by);
    int64_t now = stop_price(exchange, order->instrument, trigger->by);
    bool is_long = order->side == SIDE_SELL;
    int64_t best = is_long ? span.high : span.low;

    if (trigger->best == 0 && trigger->ticks != 0 &&
        (is_long ? best < trigger->ticks : best > trigger->ticks))
        return false;
    if (trigger->best == 0 || (is_long ? best > trigger->best : best < trigger->best))
        trigger->best = best;
    return is_long ? now <= trigger->best - trigger->distance
                   : now >= trigger->best + trigger->distance;
}

static bool is_reached(const struct exchange *exchange, struct sim_order *order)
{
    struct price_span span;

    if (order->kind == STOP_TRAILING)
        return trails_into(exchange, order);
    span = span_of(exchange, order->instrument, order->trigger.by);
    return order->trigger.direction == 1 ? span.high >= order->trigger.ticks
                                         : span.low <= order->trigger.ticks;
}

/* The oldest one that is reached. */
static struct sim_order *first_reached(const struct exchange *exchange, int index)
{
    struct sim_order *order = history_open(exchange->history, index);
    struct sim_order *found = NULL;

    for (; order; order = order->open_next) {
        if (stop_is_waiting(order) && is_reached(exchange, order))
            found = order;
    }
    return found;
}

/* --- firing --- */

static const char *cancelled_by(const struct sim_order *fired)
{
    bool loses = fired->trigger.direction == (fired->side == SIDE_SELL ? 2 : 1);

    return loses ? "CancelByOCOTpCanceledBySlTriggered" : "CancelByOCOSlCanceledByTpTriggered";
}

/* Whatever else rests on the contract makes room for an order that closes. */
static void free_margin(struct exchange *exchange, const struct sim_order *order)
{
    struct sim_order *other = history_open(exchange->history, order->instrument->index);

    while (other && !hold_has_funds(exchange, order)) {
        struct sim_order *next = other->open_next;

        if (other != order && other->entry) {
            order_close(exchange, other, STATUS_CANCELLED, "CancelByUser", "EC_NoError");
            order_tell(exchange, other);
        }
        other = next;
    }
}

/* What fires with closeOnTrigger closes, no more. False: it ended. */
static bool prepare(struct exchange *exchange, struct sim_order *order)
{
    if (order->close_on_trigger)
        order->reduce_only = true;
    if (match_fit(exchange, order).code) {
        order_close(exchange, order, STATUS_CANCELLED, "CancelByReduceOnly", "EC_NoError");
        return false;
    }
    if (order->close_on_trigger) {
        free_margin(exchange, order);
        return true;
    }
    if (hold_has_funds(exchange, order))
        return true;
    order_close(exchange, order, STATUS_CANCELLED, "UNKNOWN", "EC_Others");
    return false;
}

static void fire(struct exchange *exchange, struct sim_order *order)
{
    order->status = STATUS_TRIGGERED;
    order->updated_ms = exchange->now_ms;
    order_tell(exchange, order);
    stop_drop_pair(exchange, order, cancelled_by(order));
    order->pair_holds = false;
    if (order->type == ORDER_TYPE_MARKET)
        order->ticks = match_protective_ticks(exchange, order->instrument, order->side);
    if (prepare(exchange, order)) {
        order->status = STATUS_NEW;
        match_execute(exchange, order);
        return;
    }
    order_tell(exchange, order);
    order_owe_position(exchange, order);
    match_tell_account(exchange);
}

void stops_run(struct exchange *exchange)
{
    bool fired = true;

    while (fired) {
        fired = false;
        for (int i = 0; i < INSTRUMENT_COUNT; i++) {
            struct sim_order *order = first_reached(exchange, i);

            if (!order)
                continue;
            fire(exchange, order);
            fired = true;
        }
    }
    memset(exchange->spans, 0, sizeof(exchange->spans));
    match_tell_account(exchange);
}
