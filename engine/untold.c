/* engine/untold.c - the end of an order that has fills and is in no list of orders. What no list
 * shows is not open: it has ended, with what was executed. Its status stays: a message of the
 * order, should there ever be one, is then taken.
 */
#include "engine/internal.h"

/* Fills made it, and no message of it has ever come: a leg of a spread, a block trade. */
static bool is_of_fills(const struct record *record)
{
    return record->order.external && record->order.status == STATUS_NONE &&
           record->fills_count > 0 && record->fills_unsized == 0;
}

/* Filled in part, and in no list for a day after it was made: the account has forgotten it. Without
 * fills it is GONE. */
static bool is_forgotten(const struct engine *engine, const struct record *record)
{
    const struct order *order = &record->order;

    return (order->state == ORDER_LIVE || order->state == ORDER_ACKED) &&
           record->look.started_ms >= order->created_ms + engine->times->gone_after_ms &&
           (decimal_sign(&order->filled_qty) > 0 ||
            (record->fills_count > 0 && record->fills_unsized == 0));
}

/* Lists may lag behind, so they are read as often as for an order that never arrived. */
static bool is_untold(const struct engine *engine, struct lookup *look)
{
    if (look->untold == 0 || look->started_ms - look->untold_ms >= engine->times->lookup_apart_ms) {
        look->untold++;
        look->untold_ms = look->started_ms;
    }
    return look->untold >= engine->times->lookups_needed;
}

static bool has_more_fills(const struct record *record)
{
    return record->fills_unsized == 0 &&
           decimal_cmp(&record->fills_qty, &record->order.filled_qty) > 0;
}

static bool ends_untold(const struct engine *engine, struct record *record)
{
    enum order_state state = record->order.state;

    if (state == ORDER_CLOSED) /* so it has ended, and a fill came late */
        return !status_is_closed(record->order.status) && has_more_fills(record);
    if (!(state == ORDER_ACKED && is_of_fills(record)) && !is_forgotten(engine, record))
        return false;
    return is_untold(engine, &record->look);
}

void untold_note(struct engine *engine, struct record *record)
{
    bool anomaly = record->order.state == ORDER_CLOSED;

    if (!ends_untold(engine, record))
        return;
    if (has_more_fills(record))
        record->order.filled_qty = record->fills_qty;
    record_change(engine, record, ORDER_CLOSED, anomaly);
}
