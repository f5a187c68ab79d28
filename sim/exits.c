#include "sim/exits.h"

#include <string.h>

#include "sim/hold.h"
#include "sim/money.h"
#include "sim/stops.h"

static const struct refusal fine = { 0, "OK" };
static const struct refusal no_memory = { 10016, "Server error" };

bool exits_any(const struct exits *exits)
{
    return exits->take_profit.ticks != 0 || exits->stop_loss.ticks != 0;
}

static bool hangs_on(const struct sim_order *order, const struct position *position)
{
    return stop_is_waiting(order) && stop_kind_closes(order->kind) &&
           order->position_idx == position->idx;
}

struct sim_order *exits_find(const struct exchange *exchange, const struct position *position,
                             enum stop_kind kind)
{
    struct sim_order *order = history_open(exchange->history, position->instrument->index);

    while (order && !(hangs_on(order, position) && order->kind == kind))
        order = order->open_next;
    return order;
}

/* --- one order --- */

static struct sim_order order_of(const struct exchange *exchange,
                                 const struct instrument *instrument, enum side side,
                                 enum stop_kind kind, const struct exit_leg *leg, int64_t lots)
{
    bool profits = kind == STOP_TAKE_PROFIT || kind == STOP_PARTIAL_TAKE_PROFIT;
    bool rises = (side == SIDE_SELL) == profits;
    bool closes = stop_kind_closes(kind);
    struct sim_order order = {
        .instrument = instrument,
        .side = side,
        .type = leg->limit_ticks ? ORDER_TYPE_LIMIT : ORDER_TYPE_MARKET,
        .tif = leg->limit_ticks ? TIF_GTC : TIF_IOC,
        .ticks = leg->limit_ticks,
        .lots = lots,
        .qty = instrument_qty(instrument, lots),
        .market_unit = closes || leg->limit_ticks ? "" : "baseCoin",
        .reduce_only = closes,
        .close_on_trigger = closes,
        .kind = kind,
        .trigger = { .ticks = leg->ticks, .direction = rises ? 1 : 2, .by = leg->by },
        .fee_coin =
            closes ? instrument->settle : (side == SIDE_BUY ? instrument->base : instrument->quote),
        .cancel_type = "UNKNOWN",
        .reject_reason = "EC_NoError",
        .created_ms = exchange->now_ms,
        .updated_ms = exchange->now_ms,
        .last_ticks_on_create = exchange->tapes[instrument->index].last_ticks,
    };

    return order;
}

static void name_parent(struct sim_order *order, const struct sim_order *parent)
{
    if (!parent)
        return;
    order->parent = parent->number;
    if (parent->instrument->category != CATEGORY_SPOT)
        memcpy(order->parent_link, parent->link, sizeof(order->parent_link));
}

static struct sim_order *add_closing(struct exchange *exchange, const struct position *position,
                                     enum stop_kind kind, const struct exit_leg *leg, int64_t lots,
                                     const struct sim_order *parent)
{
    struct sim_order order = order_of(exchange, position->instrument,
                                      position->lots > 0 ? SIDE_SELL : SIDE_BUY, kind, leg, lots);

    order.position_idx = position->idx;
    name_parent(&order, parent);
    return stop_add(exchange, &order);
}

static int64_t size_of(const struct position *position)
{
    return position->lots < 0 ? -position->lots : position->lots;
}

/* --- of the whole position --- */

static bool same_leg(const struct sim_order *order, const struct exit_leg *leg)
{
    return order->trigger.ticks == leg->ticks && order->trigger.by == leg->by;
}

/* `*changed` is set when something did. */
static struct refusal set_whole(struct exchange *exchange, const struct position *position,
                                enum stop_kind kind, const struct exit_leg *leg,
                                const struct sim_order *parent, bool *changed)
{
    struct sim_order *order = exits_find(exchange, position, kind);

    if (order ? same_leg(order, leg) : leg->ticks == 0)
        return fine;
    *changed = true;
    if (leg->ticks == 0) {
        stop_drop(exchange, order, "CancelByUser");
        return fine;
    }
    if (!order)
        return add_closing(exchange, position, kind, leg, size_of(position), parent) ? fine
                                                                                     : no_memory;
    order->trigger.ticks = leg->ticks;
    order->trigger.by = leg->by;
    name_parent(order, parent);
    order->updated_ms = exchange->now_ms;
    order_tell(exchange, order);
    return fine;
}

static struct refusal set_trailing(struct exchange *exchange, const struct position *position,
                                   const struct exits_change *change, bool *changed)
{
    struct sim_order *order = exits_find(exchange, position, STOP_TRAILING);
    const struct exit_leg leg = { .ticks = change->active_ticks };

    if (order ? order->trigger.distance == change->distance &&
                    order->trigger.ticks == change->active_ticks
              : change->distance == 0)
        return fine;
    *changed = true;
    if (change->distance == 0) {
        stop_drop(exchange, order, "CancelByUser");
        return fine;
    }
    if (!order)
        order = add_closing(exchange, position, STOP_TRAILING, &leg, size_of(position), NULL);
    if (!order)
        return no_memory;
    order->trigger.distance = change->distance;
    order->trigger.ticks = change->active_ticks;
    order->trigger.best = 0;
    return fine;
}

/* --- partial --- */

static int count_partial(const struct exchange *exchange, const struct position *position)
{
    const struct sim_order *order = history_open(exchange->history, position->instrument->index);
    int count = 0;

    for (; order; order = order->open_next)
        count += hangs_on(order, position) &&
                 (order->kind == STOP_PARTIAL_TAKE_PROFIT || order->kind == STOP_PARTIAL_LOSS);
    return count;
}

static void bind(struct sim_order *one, struct sim_order *other)
{
    if (!one || !other)
        return;
    one->pair = other->number;
    other->pair = one->number;
}

static struct refusal add_partial(struct exchange *exchange, const struct position *position,
                                  const struct exit_leg *profit, const struct exit_leg *loss,
                                  int64_t lots, const struct sim_order *parent)
{
    int wanted = (profit->ticks != 0) + (loss->ticks != 0);
    struct sim_order *one = NULL;
    struct sim_order *other = NULL;

    if (count_partial(exchange, position) + wanted > EXITS_PARTIAL_MAX)
        return (struct refusal){ 110061, "The number of TP/SL orders has reached the limit" };
    if (profit->ticks)
        one = add_closing(exchange, position, STOP_PARTIAL_TAKE_PROFIT, profit, lots, parent);
    if (loss->ticks)
        other = add_closing(exchange, position, STOP_PARTIAL_LOSS, loss, lots, parent);
    bind(one, other);
    return (profit->ticks && !one) || (loss->ticks && !other) ? no_memory : fine;
}

struct refusal exits_set(struct exchange *exchange, struct position *position,
                         const struct exits_change *change)
{
    struct refusal refusal = fine;
    bool changed = false;

    if (change->partial && (change->has_take_profit || change->has_stop_loss)) {
        refusal = add_partial(exchange, position, &change->take_profit, &change->stop_loss,
                              change->lots, NULL);
        changed = true;
    } else {
        if (change->has_take_profit)
            refusal = set_whole(exchange, position, STOP_TAKE_PROFIT, &change->take_profit, NULL,
                                &changed);
        if (!refusal.code && change->has_stop_loss)
            refusal = set_whole(exchange, position, STOP_LOSS, &change->stop_loss, NULL, &changed);
    }
    if (!refusal.code && change->has_trailing)
        refusal = set_trailing(exchange, position, change, &changed);
    if (!refusal.code && !changed)
        return (struct refusal){ 34040, "not modified" };
    position->owed = true;
    match_tell_account(exchange);
    stops_run(exchange);
    return refusal;
}

/* --- after a fill --- */

/* Those of the whole position have its size; all go with it. */
static void follow_position(struct exchange *exchange, const struct position *position)
{
    struct sim_order *order = history_open(exchange->history, position->instrument->index);

    while (order) {
        struct sim_order *next = order->open_next;
        int64_t most = position_closable(position, order->side);
        bool whole = order->kind != STOP_PARTIAL_TAKE_PROFIT && order->kind != STOP_PARTIAL_LOSS;

        if (hangs_on(order, position) && most == 0) {
            stop_drop(exchange, order, "CancelByTpSlTsClear");
        } else if (hangs_on(order, position) && whole && order->lots != most) {
            order->lots = most;
            order->qty = instrument_qty(order->instrument, most);
            order->updated_ms = exchange->now_ms;
            order_tell(exchange, order);
        }
        order = next;
    }
}

/* The partial ones of an order grow with its fills. */
static bool grow_children(struct exchange *exchange, const struct sim_order *parent, int64_t lots)
{
    struct sim_order *order = history_open(exchange->history, parent->instrument->index);
    bool found = false;

    for (; order; order = order->open_next) {
        if (!stop_is_waiting(order) || order->parent != parent->number)
            continue;
        order->lots += lots;
        order->qty = instrument_qty(order->instrument, order->lots);
        order->updated_ms = exchange->now_ms;
        order_tell(exchange, order);
        found = true;
    }
    return found;
}

static void attach(struct exchange *exchange, const struct position *position,
                   struct sim_order *order)
{
    const struct exits *exits = &order->exits;
    int64_t lots = order->filled_lots - order->exits_lots;
    bool changed = false;
    bool first = order->exits_lots == 0;

    order->exits_lots = order->filled_lots;
    if (exits->partial) {
        if (first || !grow_children(exchange, order, lots))
            (void)!add_partial(exchange, position, &exits->take_profit, &exits->stop_loss, lots,
                               order)
                .code;
        return;
    }
    if (first && exits->take_profit.ticks)
        (void)!set_whole(exchange, position, STOP_TAKE_PROFIT, &exits->take_profit, order, &changed)
            .code;
    if (first && exits->stop_loss.ticks)
        (void)!set_whole(exchange, position, STOP_LOSS, &exits->stop_loss, order, &changed).code;
}

/* --- spot --- */

/* What a buy has brought is less by its fee. */
static int64_t received_lots(const struct sim_order *order)
{
    const struct instrument *instrument = order->instrument;
    struct decimal qty = instrument_qty(instrument, order->filled_lots);
    int64_t lots = 0;

    if (order->side == SIDE_SELL)
        return order->filled_lots;
    qty = money_sub(qty, order->fee);
    if (decimal_floor_to(&qty, &qty, &instrument->step) || instrument_lots(instrument, qty, &lots))
        return 0;
    return lots;
}

static struct sim_order *add_spot(struct exchange *exchange, const struct sim_order *parent,
                                  const struct exit_leg *leg, bool profits, bool pair_holds)
{
    enum side side = side_opposite(parent->side);
    struct sim_order order =
        order_of(exchange, parent->instrument, side, STOP_SPOT_TPSL, leg, received_lots(parent));

    order.trigger.direction = (side == SIDE_SELL) == profits ? 1 : 2;
    order.pair_holds = pair_holds;
    name_parent(&order, parent);
    return order.lots > 0 && leg->ticks ? stop_add(exchange, &order) : NULL;
}

static void attach_spot(struct exchange *exchange, struct sim_order *order)
{
    const struct exits *exits = &order->exits;
    struct sim_order *one;
    struct sim_order *other;

    order->exits_lots = order->filled_lots;
    one = add_spot(exchange, order, &exits->take_profit, true, false);
    other = add_spot(exchange, order, &exits->stop_loss, false, one != NULL);
    bind(one, other);
}

void exits_after_fill(struct exchange *exchange, struct sim_order *order)
{
    const struct position *position = exchange_position(exchange, order);
    bool wants = exits_any(&order->exits) && order->filled_lots > order->exits_lots;

    if (!position) {
        if (wants && order->filled_lots == order->lots)
            attach_spot(exchange, order);
        return;
    }
    follow_position(exchange, position);
    if (wants && position_closable(position, side_opposite(order->side)) > 0)
        attach(exchange, position, order);
}
