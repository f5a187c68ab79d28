#include "sim/exchange.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/later.h"
#include "sim/random.h"

enum err exchange_init(struct exchange *exchange, int64_t now_ms, uint64_t id_seed)
{
    memset(exchange, 0, sizeof(*exchange));
    for (int i = 0; i < INSTRUMENT_COUNT; i++)
        book_init(&exchange->books[i]);
    exchange->history = history_create();
    exchange->later = later_create();
    if (!exchange->history || !exchange->later) {
        exchange_deinit(exchange);
        return ERR_NO_MEMORY;
    }
    exchange->now_ms = now_ms;
    exchange->ids = id_seed;
    exchange->spot_ids = (uint64_t)now_ms * 1000000;
    exchange->seq = (uint64_t)now_ms * 10;
    exchange->cancel_all_most = CANCEL_ALL_MOST;
    account_init(&exchange->account, now_ms);
    pools_init(&exchange->pools, now_ms);
    return ERR_NONE;
}

void exchange_deinit(struct exchange *exchange)
{
    for (int i = 0; i < INSTRUMENT_COUNT; i++)
        book_deinit(&exchange->books[i]);
    history_destroy(exchange->history);
    later_destroy(exchange->later);
    exchange->history = NULL;
    exchange->later = NULL;
}

struct position *exchange_position(struct exchange *exchange, const struct sim_order *order)
{
    if (!instrument_has_position(order->instrument))
        return NULL;
    return &exchange->account.positions[order->instrument->index][order->position_idx];
}

void exchange_make_id(struct exchange *exchange, enum category category, char out[ORDER_ID_MAX])
{
    uint64_t high;
    uint64_t low;

    if (category == CATEGORY_SPOT) {
        (void)snprintf(out, ORDER_ID_MAX, "%" PRIu64, ++exchange->spot_ids);
        return;
    }
    high = random_next(&exchange->ids);
    low = random_next(&exchange->ids);
    (void)snprintf(out, ORDER_ID_MAX, "%08x-%04x-4%03x-%04x-%04x%08x", (unsigned)(high >> 32),
                   (unsigned)(high >> 16) & 0xffffU, (unsigned)high & 0xfffU,
                   ((unsigned)(low >> 48) & 0x3fffU) | 0x8000U, (unsigned)(low >> 32) & 0xffffU,
                   (unsigned)low);
}
