#include "sim/cancel_all.h"

#include <string.h>

#include "sim/random.h"
#include "sim/stops.h"

enum order_kind order_kind_of(const struct sim_order *order)
{
    /* Of those that are closed it is what they once waited for. */
    if (order_is_open(order) && !stop_is_waiting(order))
        return ORDER_KIND_NORMAL;
    if (stop_kind_closes(order->kind))
        return ORDER_KIND_CLOSING;
    if (order->kind == STOP_SPOT_TPSL)
        return ORDER_KIND_SPOT_TPSL;
    return order->kind == STOP_NONE ? ORDER_KIND_NORMAL : ORDER_KIND_CONDITIONAL;
}

static bool is_given(const char *text)
{
    return text && *text;
}

bool order_scope_has(const struct order_scope *scope, const struct instrument *instrument)
{
    if (instrument->category != scope->category)
        return false;
    if (is_given(scope->symbol))
        return strcmp(scope->symbol, instrument->symbol) == 0;
    if (is_given(scope->base))
        return strcmp(scope->base, instrument->base) == 0;
    return !is_given(scope->settle) || scope->category == CATEGORY_SPOT ||
           strcmp(scope->settle, instrument->settle) == 0;
}

/* Moves `wanted` of them to the front, each as likely as any other. */
static void draw(uint64_t *random, struct sim_order **picks, size_t count, size_t wanted)
{
    for (size_t i = 0; i < wanted; i++) {
        size_t from = (size_t)random_between(random, (int64_t)i, (int64_t)count - 1);
        struct sim_order *drawn = picks[from];

        picks[from] = picks[i];
        picks[i] = drawn;
    }
}

size_t cancel_all_pick(struct exchange *exchange, const struct order_scope *scope,
                       struct sim_order *picks[CANCEL_PICKS_MAX])
{
    size_t most = (size_t)exchange->cancel_all_most;
    size_t count = 0;

    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        struct sim_order *order = history_open(exchange->history, i);

        if (!order_scope_has(scope, instrument_at(i)))
            continue;
        for (; order && count < CANCEL_PICKS_MAX; order = order->open_next) {
            if (order_kind_of(order) & scope->kinds)
                picks[count++] = order;
        }
    }
    if (scope->category != CATEGORY_LINEAR && scope->category != CATEGORY_INVERSE)
        return count;
    if (count <= most)
        return count;
    draw(&exchange->cancel_random, picks, count, most);
    return most;
}

void cancel_all_start(struct exchange *exchange, struct sim_order *const *picks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (exchange->cancel_all_delay_ms == 0 && order_is_open(picks[i]))
            match_cancel(exchange, picks[i]);
        else if (picks[i]->cancel_at_ms == 0)
            picks[i]->cancel_at_ms = exchange->now_ms + exchange->cancel_all_delay_ms;
    }
    exchange->cancels_owed = exchange->cancels_owed || exchange->cancel_all_delay_ms > 0;
}

/* One of those whose time has come. */
static struct sim_order *first_due(struct exchange *exchange, int index)
{
    struct sim_order *order = history_open(exchange->history, index);

    for (; order; order = order->open_next) {
        if (order->cancel_at_ms != 0 && order->cancel_at_ms <= exchange->now_ms)
            return order;
        if (order->cancel_at_ms != 0)
            exchange->cancels_owed = true;
    }
    return NULL;
}

void cancel_all_due(struct exchange *exchange)
{
    struct sim_order *order;

    if (!exchange->cancels_owed)
        return;
    exchange->cancels_owed = false;
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        while ((order = first_due(exchange, i)))
            match_cancel(exchange, order);
    }
}
