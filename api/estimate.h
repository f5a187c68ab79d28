/* api/estimate.h - what an order would cost, by the book and the fee rates of now. Pure. */
#pragma once

#include "api/order_market.h"
#include "base/decimal.h"
#include "base/trade.h"
#include "bybit/instruments.h"

/* Decimals are none where they can't be told. */
struct estimate {
    struct decimal price;    /* average */
    struct decimal value;    /* in value_coin */
    struct decimal fee;      /* in fee_coin; of options it is capped by the premium: not told */
    struct decimal fee_rate; /* the taker's, but of orders that only ever rest */
    const char *value_coin;  /* of the instrument; inverse: "USD" */
    const char *fee_coin;
    const char *source; /* of the price: "limit_price", "trigger_price", "local_book", "rest_book";
                           NULL: none */
};
/* The bits of order_market parts that it can use. */
unsigned estimate_needs(const struct order_request *request);
void estimate_make(struct estimate *out, const struct order_request *request,
                   const struct instrument *instrument, const struct order_market *market);
