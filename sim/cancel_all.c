#include "sim/cancel_all.h"

#include <string.h>

#include "sim/random.h"

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
        for (; order && count < CANCEL_PICKS_MAX; order = order->open_next)
            picks[count++] = order;
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
        if (exchange->cancel_all_delay_ms == 0)
            match_cancel(exchange, picks[i]);
        else if (picks[i]->cancel_at_ms == 0)
            picks[i]->cancel_at_ms = exchange->now_ms + exchange->cancel_all_delay_ms;
    }
    exchange->cancels_owed = exchange->cancels_owed || exchange->cancel_all_delay_ms > 0;
}

void cancel_all_due(struct exchange *exchange)
{
    if (!exchange->cancels_owed)
        return;
    exchange->cancels_owed = false;
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        struct sim_order *order = history_open(exchange->history, i);

        while (order) {
            struct sim_order *next = order->open_next;

            if (order->cancel_at_ms != 0 && order->cancel_at_ms <= exchange->now_ms)
                match_cancel(exchange, order);
            else if (order->cancel_at_ms != 0)
                exchange->cancels_owed = true;
            order = next;
        }
    }
}
