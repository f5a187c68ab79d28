#include "api/position_trail.h"

#include "base/text.h"

/* What is older by the exchange's clock has reached the position: its REST side lags by seconds. */
#define LATELY_MS 30000
#define OPEN_MAX  1000
#define ENDED_MAX 50
#define FILLS_MAX 50

struct look {
    struct position_trail *trail;
    int64_t server_ms;
};

/* A limit order that rests changes the size when it is filled, and nobody knows when. */
static bool is_on_its_way(const struct order *order)
{
    return order->state != ORDER_LIVE ||
           (order->request.type == ORDER_TYPE_MARKET && order->status != STATUS_UNTRIGGERED);
}

static bool on_open(const struct order *order, int64_t row_id, void *userdata)
{
    struct look *look = userdata;
    const char *id = order->request.link[0] ? order->request.link : order->order_id;

    (void)row_id;
    if (!is_on_its_way(order))
        return true;
    look->trail->open = true;
    text_cut(look->trail->open_id, sizeof(look->trail->open_id), id);
    return false;
}

static bool on_ended(const struct order *order, int64_t row_id, void *userdata)
{
    struct look *look = userdata;

    (void)row_id;
    look->trail->unsettled = !order->settled && decimal_sign(&order->filled_qty) > 0 &&
                             look->server_ms - order->exchange_ms < LATELY_MS;
    return !look->trail->unsettled;
}

/* Fees, and what is paid for holding, change no size. */
static bool on_fill(const struct fill *fill, int64_t row_id, void *userdata)
{
    struct look *look = userdata;

    (void)row_id;
    if (fill->kind == FILL_FUNDING)
        return true;
    if (look->server_ms - fill->at_ms < LATELY_MS)
        look->trail->fill_seq = fill->exchange_seq;
    return false;
}

enum err position_trail_read(struct position_trail *out, struct history_reader *reader,
                             enum category category, const char *symbol, int64_t server_ms)
{
    struct list_filter filter = {
        .has_category = true, .category = category, .symbol = symbol, .limit = OPEN_MAX
    };
    struct look look = { .trail = out, .server_ms = server_ms };
    enum err err;

    *out = (struct position_trail){ .open = false };
    filter.state = FILTER_OPEN;
    err = reader_orders(reader, &filter, on_open, &look);
    if (err || out->open)
        return err;
    filter.state = FILTER_FINAL;
    filter.limit = ENDED_MAX;
    err = reader_orders(reader, &filter, on_ended, &look);
    if (err || out->unsettled)
        return err;
    filter.limit = FILLS_MAX;
    return reader_fills(reader, &filter, on_fill, &look);
}
