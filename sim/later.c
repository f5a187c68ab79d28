#include "sim/later.h"

#include <stdlib.h>
#include <string.h>

enum later_kind { LATER_CANCEL, LATER_AMEND };

struct later_item {
    enum later_kind kind;
    int64_t due_ms;
    enum category category;
    char order_id[ORDER_ID_MAX];
    struct sim_amend amend;
};

struct later {
    struct later_item items[LATER_MAX];
    size_t count;
};

struct later *later_create(void)
{
    return calloc(1, sizeof(struct later));
}

void later_destroy(struct later *later)
{
    free(later);
}

/* False: it has no way to go, or there is no room on it. */
static bool put_off(struct exchange *exchange, const struct sim_order *order, enum later_kind kind,
                    int64_t delay_ms, const struct sim_amend *amend)
{
    struct later *later = exchange->later;
    struct later_item *item;

    if (delay_ms == 0 || later->count == LATER_MAX)
        return false;
    item = &later->items[later->count++];
    memset(item, 0, sizeof(*item));
    item->kind = kind;
    item->due_ms = exchange->now_ms + delay_ms;
    item->category = order->instrument->category;
    memcpy(item->order_id, order->order_id, sizeof(item->order_id));
    if (amend)
        item->amend = *amend;
    return true;
}

void later_cancel(struct exchange *exchange, struct sim_order *order)
{
    if (!put_off(exchange, order, LATER_CANCEL, exchange->cancel_delay_ms, NULL))
        match_cancel(exchange, order);
}

struct refusal later_amend(struct exchange *exchange, struct sim_order *order,
                           const struct sim_amend *amend)
{
    if (exchange->amend_delay_ms == 0)
        return match_amend(exchange, order, amend);
    if (amend->lots <= order->filled_lots ||
        !put_off(exchange, order, LATER_AMEND, exchange->amend_delay_ms, amend))
        return match_amend(exchange, order, amend);
    return (struct refusal){ 0, "OK" };
}

static void tell_too_late(struct exchange *exchange, const struct later_item *item,
                          const struct sim_order *order)
{
    struct sim_order told = *order;

    told.reject_reason = "EC_OrigClOrdIDDoesNotExist";
    if (item->kind == LATER_CANCEL)
        told.cancel_type = "CancelByUser";
    order_tell(exchange, &told);
}

static void act(struct exchange *exchange, const struct later_item *item)
{
    struct sim_order *order = history_order(exchange->history, item->category, item->order_id);

    if (!order)
        return;
    if (!order_is_open(order))
        tell_too_late(exchange, item, order);
    else if (item->kind == LATER_CANCEL)
        match_cancel(exchange, order);
    else if (match_amend(exchange, order, &item->amend).code)
        order_tell(exchange, order);
}

void later_run(struct exchange *exchange)
{
    struct later *later = exchange->later;
    size_t kept = 0;

    for (size_t i = 0; i < later->count; i++) {
        if (later->items[i].due_ms <= exchange->now_ms)
            act(exchange, &later->items[i]);
        else
            later->items[kept++] = later->items[i];
    }
    later->count = kept;
}
