#include "engine/order.h"

#include <string.h>

#define AVERAGE_SCALE 12

/* How far an order has come at one and the same cumExecQty. A conditional order goes untriggered,
 * triggered, new. */
static int rank(enum exchange_status status)
{
    switch (status) {
    case STATUS_NONE:
        return 0;
    case STATUS_UNTRIGGERED:
        return 1;
    case STATUS_TRIGGERED:
        return 2;
    case STATUS_NEW:
    case STATUS_OTHER:
        return 3;
    case STATUS_PARTIALLY_FILLED:
        return 4;
    case STATUS_FILLED:
    case STATUS_CANCELLED:
    case STATUS_PARTIALLY_FILLED_CANCELED:
    case STATUS_REJECTED:
    case STATUS_DEACTIVATED:
        return 5;
    }
    return 0;
}

static enum order_state state_of(enum exchange_status status)
{
    if (status == STATUS_REJECTED)
        return ORDER_REJECTED;
    return status_is_closed(status) ? ORDER_CLOSED : ORDER_LIVE;
}

static struct decimal or_zero(const struct decimal *value)
{
    return decimal_is_none(value) ? DECIMAL_ZERO : *value;
}

/* A spot market order may count its size in quote coin, and its executed size in base coin. */
static bool size_may_be_in_quote(const struct order_report *report)
{
    return report->category == CATEGORY_SPOT && report->type == ORDER_TYPE_MARKET;
}

bool order_report_is_sane(const struct order_report *report)
{
    if (decimal_sign(&report->filled_qty) < 0 || decimal_sign(&report->filled_value) < 0)
        return false;
    if (report->status == STATUS_FILLED && decimal_sign(&report->filled_qty) == 0)
        return false;
    if (decimal_sign(&report->qty) > 0 && !size_may_be_in_quote(report))
        return decimal_cmp(&report->filled_qty, &report->qty) <= 0;
    return true;
}

static bool set_decimal(struct decimal *to, const struct decimal *from)
{
    bool changed;

    if (decimal_is_none(from))
        return false;
    changed = decimal_is_none(to) || decimal_cmp(to, from) != 0;
    if (changed)
        *to = *from;
    return changed;
}

/* Bounded arrays of one size: copied whole. */
static bool set_text(char *to, const char *from, size_t bytes)
{
    if (!from[0] || strncmp(to, from, bytes) == 0)
        return false;
    memcpy(to, from, bytes);
    to[bytes - 1] = '\0';
    return true;
}

static bool set_fees(struct order *order, const struct order_report *report)
{
    bool changed = order->fees_count != report->fees_count;

    if (report->fees_count <= 0 || report->fees_count > FEES_MAX)
        return false;
    for (int i = 0; i < report->fees_count && !changed; i++)
        changed = strcmp(order->fees[i].coin, report->fees[i].coin) != 0 ||
                  decimal_cmp(&order->fees[i].amount, &report->fees[i].amount) != 0;
    memcpy(order->fees, report->fees, sizeof(order->fees));
    order->fees_count = report->fees_count;
    return changed;
}

static bool set_reasons(struct order *order, const struct order_report *report)
{
    bool changed = false;

    if (strcmp(report->reject_reason, "EC_NoError") != 0)
        changed |= set_text(order->reject_reason, report->reject_reason, REASON_MAX);
    if (report->status != STATUS_FILLED)
        changed |= set_text(order->cancel_reason, report->cancel_reason, REASON_MAX);
    return changed;
}

static bool set_positive(struct decimal *to, const struct decimal *from)
{
    return decimal_sign(from) > 0 && set_decimal(to, from);
}

/* 0 says that there is none any more; the terms of an order that has ended stay as they were. */
static bool set_stop(struct decimal *to, const struct decimal *from, bool ended)
{
    if (decimal_is_none(from) || decimal_sign(from) > 0)
        return set_positive(to, from);
    if (ended || decimal_sign(to) <= 0)
        return false;
    *to = DECIMAL_NONE;
    return true;
}

/* Both count the same coin for sure. */
static bool sizes_compare(const struct order_request *request, const struct order_report *report)
{
    if (size_may_be_in_quote(report))
        return report->unit_told && report->qty_in_quote == request->qty_in_quote;
    return !request->qty_in_quote;
}

/* What an amend has changed, ours or another's. A market order's price is the exchange's own. */
static bool set_terms(struct order_request *request, const struct order_report *report)
{
    bool ended = status_is_closed(report->status);
    bool changed = false;

    if (sizes_compare(request, report))
        changed |= set_positive(&request->qty, &report->qty);
    if (request->type == ORDER_TYPE_LIMIT)
        changed |= set_positive(&request->price, &report->price);
    if (decimal_sign(&request->trigger_price) > 0)
        changed |= set_positive(&request->trigger_price, &report->trigger_price);
    changed |= set_stop(&request->take_profit, &report->take_profit, ended);
    changed |= set_stop(&request->stop_loss, &report->stop_loss, ended);
    return changed;
}

/* Which of spot's two kinds of waiting orders it is. */
static enum spot_trigger spot_trigger_of(const struct order_report *report)
{
    if (report->category != CATEGORY_SPOT || decimal_sign(&report->trigger_price) <= 0)
        return SPOT_TRIGGER_NONE;
    return strcmp(report->stop_type, "Stop") == 0 ? SPOT_TRIGGER_STOP : SPOT_TRIGGER_TPSL;
}

/* Made of fills, of which no order was found: all that it is comes with its first message. */
static void set_terms_at_first(struct order_request *request, const struct order_report *report)
{
    request->type = report->type;
    request->tif = report->tif;
    request->trigger_by = report->trigger_by;
    request->reduce_only = report->reduce_only;
    request->close_on_trigger = report->close_on_trigger;
    request->is_leverage = report->is_leverage;
    request->position_idx = report->position_idx;
}

/* What others changed of an order that was not made here. */
static bool set_request(struct order *order, const struct order_report *report)
{
    bool changed = set_decimal(&order->request.qty, &report->qty);

    if (order->request.type == ORDER_TYPE_UNKNOWN && report->type != ORDER_TYPE_UNKNOWN) {
        set_terms_at_first(&order->request, report);
        changed = true;
    }
    if (report->qty_in_quote && !order->request.qty_in_quote) {
        order->request.qty_in_quote = true;
        changed = true;
    }
    if (!order->request.spot_trigger && spot_trigger_of(report)) {
        order->request.spot_trigger = spot_trigger_of(report);
        changed = true;
    }
    changed |= set_decimal(&order->request.price, &report->price);
    changed |= set_decimal(&order->request.trigger_price, &report->trigger_price);
    return changed;
}

/* Values are in the quote coin, those of inverse contracts in the base coin. */
static struct decimal average(const struct order_report *report)
{
    bool inverse = report->category == CATEGORY_INVERSE;
    const struct decimal *value = &report->filled_value;
    const struct decimal *qty = &report->filled_qty;
    struct decimal price;

    if (decimal_sign(value) <= 0 || decimal_sign(qty) <= 0 ||
        decimal_div(&price, inverse ? qty : value, inverse ? value : qty, AVERAGE_SCALE))
        return DECIMAL_NONE;
    return decimal_trim(price);
}

/* When more is filled, what is not told of it is not what was told of less. */
static bool set_filled(struct order *order, const struct order_report *report)
{
    struct decimal price = report->avg_price;
    bool changed = set_decimal(&order->filled_qty, &report->filled_qty);

    if (changed) {
        order->fees_count = 0; /* set_fees has them, if they are told */
        order->filled_value = report->filled_value;
        order->avg_price = decimal_is_none(&price) ? average(report) : price;
        return true;
    }
    changed |= set_decimal(&order->filled_value, &report->filled_value);
    changed |= set_decimal(&order->avg_price, &price);
    return changed;
}

static bool take(struct order *order, const struct order_report *report)
{
    enum order_state state = state_of(report->status);
    bool changed = order->state != state || order->status != report->status;

    order->state = state;
    order->status = report->status;
    changed |= set_filled(order, report);
    changed |= set_fees(order, report);
    changed |= set_reasons(order, report);
    changed |= set_text(order->order_id, report->order_id, ORDER_ID_MAX);
    if (order->external)
        changed |= set_request(order, report);
    changed |= set_terms(&order->request, report);
    if (report->updated_ms > order->exchange_ms)
        order->exchange_ms = report->updated_ms;
    return changed;
}

/* A second closing message at the same cumExecQty (a cancel that came too late, a row of the
 * history): the first one's status stays, only what it lacked is filled in. */
static bool complete(struct order *order, const struct order_report *report)
{
    bool changed = false;

    if (report->status != order->status)
        return false;
    if (decimal_sign(&order->avg_price) == 0 && decimal_sign(&report->avg_price) != 0)
        changed |= set_decimal(&order->avg_price, &report->avg_price);
    if (decimal_sign(&order->filled_value) == 0 && decimal_sign(&report->filled_value) != 0)
        changed |= set_decimal(&order->filled_value, &report->filled_value);
    if (order->fees_count == 0)
        changed |= set_fees(order, report);
    if (!order->reject_reason[0] && !order->cancel_reason[0])
        changed |= set_reasons(order, report);
    return changed;
}

static bool is_same_order(const struct order *order, const struct order_report *report)
{
    const struct order_request *request = &order->request;

    if (order->order_id[0] && report->order_id[0] && strcmp(order->order_id, report->order_id) != 0)
        return false;
    if (request->link[0] && report->link[0] && strcmp(request->link, report->link) != 0)
        return false;
    return request->category == report->category && strcmp(request->symbol, report->symbol) == 0 &&
           (report->side == SIDE_NONE || request->side == SIDE_NONE ||
            request->side == report->side);
}

/* Why strictly more (a larger cumExecQty, or a higher rank at the same) is taken whatever its time
 * says: both only grow at the exchange, so the message that has more is the later one. */
enum merge_result order_merge(struct order *order, const struct order_report *report)
{
    struct decimal known = or_zero(&order->filled_qty);
    struct decimal told = or_zero(&report->filled_qty);
    bool later = report->updated_ms > order->exchange_ms;
    int more = decimal_cmp(&told, &known);
    int step = rank(report->status) - rank(order->status);

    if (!is_same_order(order, report) || !order_report_is_sane(report))
        return MERGE_CONFLICT;
    if (more < 0)
        return later || status_is_closed(report->status) ? MERGE_CONFLICT : MERGE_STALE;
    if (more == 0 && order->status != STATUS_NONE) {
        if (step < 0)
            return later ? MERGE_CONFLICT : MERGE_STALE;
        if (step == 0 && order_state_is_final(order->state) && status_is_closed(order->status))
            return complete(order, report) ? MERGE_TAKEN : MERGE_SAME;
        if (step == 0 && report->updated_ms < order->exchange_ms)
            return MERGE_STALE;
    }
    return take(order, report) ? MERGE_TAKEN : MERGE_SAME;
}

void order_from_report(struct order *order, const struct order_report *report, int64_t now_ms)
{
    struct order_request *request = &order->request;

    memset(order, 0, sizeof(*order));
    order_request_clear(request);
    order_change_clear(&order->change);
    memcpy(request->link, report->link, sizeof(request->link));
    memcpy(request->client_id, report->link, sizeof(report->link));
    memcpy(request->symbol, report->symbol, sizeof(request->symbol));
    request->category = report->category;
    request->side = report->side;
    request->type = report->type;
    request->tif = report->tif;
    request->qty = report->qty;
    request->qty_in_quote = report->qty_in_quote;
    request->price = report->price;
    request->trigger_price = report->trigger_price;
    request->trigger_by = report->trigger_by;
    request->spot_trigger = spot_trigger_of(report);
    (void)set_positive(&request->take_profit, &report->take_profit);
    (void)set_positive(&request->stop_loss, &report->stop_loss);
    request->reduce_only = report->reduce_only;
    request->close_on_trigger = report->close_on_trigger;
    request->is_leverage = report->is_leverage;
    request->position_idx = report->position_idx;
    order->external = true;
    order->attempt = 1;
    order->filled_qty = DECIMAL_ZERO;
    order->filled_value = DECIMAL_NONE;
    order->avg_price = DECIMAL_NONE;
    order->created_ms = report->created_ms > 0 ? report->created_ms : now_ms;
    if (order_report_is_sane(report)) {
        take(order, report);
        return;
    }
    order->state = ORDER_LIVE; /* its numbers are nonsense: a look-up may tell better */
    memcpy(order->order_id, report->order_id, sizeof(order->order_id));
}

/* --- amends --- */

/* An amend in flight may have been made, or not. */
static bool fits(const struct order *order, const struct decimal *is, const struct decimal *wanted,
                 const struct decimal *told)
{
    if (decimal_cmp(is, told) == 0)
        return true;
    return order->amend != AMEND_NONE && !decimal_is_none(wanted) && decimal_cmp(wanted, told) == 0;
}

bool order_matches(const struct order *order, const struct order_report *report)
{
    const struct order_request *request = &order->request;
    /* By the prices of another moment. */
    bool sized_anew = order->attempt > 1 && request->type == ORDER_TYPE_MARKET;

    if (request->category != report->category || strcmp(request->symbol, report->symbol) != 0 ||
        request->side != report->side)
        return false;
    if (order->external)
        return true;
    if (!request->qty_in_quote && !sized_anew && decimal_sign(&request->qty) > 0 &&
        !fits(order, &request->qty, &order->change.qty, &report->qty))
        return false;
    return request->type != ORDER_TYPE_LIMIT ||
           fits(order, &request->price, &order->change.price, &report->price);
}

/* 0 removes. */
static void change_stop(struct decimal *to, const struct decimal *wanted)
{
    if (!decimal_is_none(wanted))
        *to = decimal_sign(wanted) > 0 ? *wanted : DECIMAL_NONE;
}

void order_amended(const struct order_request *request, const struct order_change *change,
                   struct order_request *out)
{
    *out = *request;
    (void)set_decimal(&out->qty, &change->qty);
    if (set_decimal(&out->price, &change->price))
        out->value_price = DECIMAL_NONE;
    if (set_decimal(&out->trigger_price, &change->trigger_price))
        out->value_price = DECIMAL_NONE;
    change_stop(&out->take_profit, &change->take_profit);
    change_stop(&out->stop_loss, &change->stop_loss);
    if (decimal_sign(&change->value_price) > 0)
        out->value_price = change->value_price;
}

static bool is_so(const struct decimal *wanted, const struct decimal *is)
{
    return decimal_is_none(wanted) || decimal_cmp(wanted, is) == 0;
}

static bool stop_is_so(const struct decimal *wanted, const struct decimal *is)
{
    if (decimal_sign(wanted) == 0 && !decimal_is_none(wanted))
        return decimal_sign(is) <= 0;
    return is_so(wanted, is);
}

bool order_change_is_made(const struct order_request *request, const struct order_change *change)
{
    return is_so(&change->qty, &request->qty) && is_so(&change->price, &request->price) &&
           is_so(&change->trigger_price, &request->trigger_price) &&
           stop_is_so(&change->take_profit, &request->take_profit) &&
           stop_is_so(&change->stop_loss, &request->stop_loss);
}

bool order_change_is_shown(const struct order_change *change, const struct order_report *report)
{
    return is_so(&change->qty, &report->qty) && is_so(&change->price, &report->price) &&
           is_so(&change->trigger_price, &report->trigger_price) &&
           stop_is_so(&change->take_profit, &report->take_profit) &&
           stop_is_so(&change->stop_loss, &report->stop_loss);
}
