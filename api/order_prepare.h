/* api/order_prepare.h - from what was asked for to what is sent: the size of an order by value, the
 * direction of its trigger; then its check against the symbol's rules.
 *
 *     trigger above the price now   rises to it (1)
 *     trigger below                 falls to it (2)
 *
 * by the last price, or the one that trigger_by names.
 *
 * Threads: as a struct order_market's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/order_market.h"
#include "api/reply.h"
#include "bybit/instruments.h"

struct order_prepare {
    struct order_market market;
    struct decimal notional; /* none: it has a qty */
    struct instrument instrument;
    bool refused; /* and `refusal` says why */
    struct api_refusal refusal;
    /* The rest is its own. */
    struct order_request *request;
    int64_t until_ms;
    void (*on_done)(void *userdata);
    void *userdata;
};

/* `request` is kept. notional and instrument are set, and stay. Reads what memory does not have,
 * until `until_ms` (monotonic). `on_done` is called exactly once, as order_market_find's. */
void order_prepare(struct order_prepare *prepare, const struct api *api,
                   struct order_request *request, int64_t until_ms, void (*on_done)(void *userdata),
                   void *userdata);
/* NULL is fine. */
void order_prepare_deinit(struct order_prepare *prepare);

/* 1, 2, or 0: the price is not known, or is the trigger itself. Pure. */
int order_trigger_direction(const struct decimal *trigger, const struct decimal *price);
