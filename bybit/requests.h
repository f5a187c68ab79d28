/* bybit/requests.h - our structs -> the exchange's bodies and queries (PROTOCOL sections 8 to 11).
 * Pure.
 *
 * Each function appends; whether it fitted is asked of the buffer or text at the end.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"
#include "base/trade.h"

/* Body of /v5/order/create. Decimals go out with exactly the digits they came in with. */
void request_create(struct buffer *out, const struct order_request *request);
/* Body of /v5/order/create-batch: at least one, all of one category, at most as many as that one
 * takes. */
#define REQUEST_BATCH_MAX 20
size_t request_batch_max(enum category category);
void request_create_batch(struct buffer *out, const struct order_request *const *requests,
                          size_t count);
/* Body of /v5/order/amend: what `change` has of the order that `request` made, by `order_id` where
 * known, else by link. */
void request_amend(struct buffer *out, const struct order_request *request, const char *order_id,
                   const struct order_change *change);
/* Body of /v5/position/set-leverage: both sides alike. */
void request_set_leverage(struct buffer *out, enum category category, const char *symbol,
                          const struct decimal *leverage);

/* Body of /v5/position/trading-stop, for the whole position. NONE: stays; 0: removed. */
struct request_trading_stop {
    enum category category;
    const char *symbol;
    int position_idx;
    struct decimal take_profit;
    struct decimal stop_loss;
    struct decimal trailing_stop;
};
void request_trading_stop(struct buffer *out, const struct request_trading_stop *what);

/* Body of /v5/order/cancel: by `order_id` where known, else by link. `is_waiting`: for its trigger;
 * on spot such an order is found by its kind only. */
void request_cancel(struct buffer *out, const struct order_request *request, const char *order_id,
                    bool is_waiting);
/* Body of /v5/order/cancel-batch: as request_create_batch. A batch cannot say the kind of an order:
 * what waits for its trigger on spot is not found by it. */
struct request_cancel {
    const struct order_request *request;
    const char *order_id;
};
void request_cancel_batch(struct buffer *out, const struct request_cancel *cancels, size_t count);

/* Body of /v5/order/cancel-all; texts that are "" or NULL are left out. */
struct request_cancel_all {
    enum category category;
    const char *settle_coin;
    const char *symbol;
    const char *order_filter; /* spot: "Order", "StopOrder", ... */
};
void request_cancel_all(struct buffer *out, const struct request_cancel_all *what);

/* What to list. Members that are "" or 0 are left out. */
struct request_list {
    enum category category;
    const char *settle_coin;
    const char *base_coin; /* executions of options are of BTC without it (section 11) */
    const char *symbol;
    const char *order_filter;
    const char *link;
    const char *order_id;
    int64_t start_ms;
    int64_t end_ms;
    int limit;
    const char *cursor; /* as it came */
};
void request_list_query(struct text *out, const struct request_list *list);
/* "&cursor=" and a page's cursor in the form in which it goes back; nothing for NULL and "". */
void request_add_cursor(struct text *out, const char *cursor);
