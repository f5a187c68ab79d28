#include "bybit/requests.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/json.h"

static void add_text(struct buffer *out, const char *name, const char *value)
{
    if (!value[0])
        return;
    json_add_key(out, name);
    json_add_text(out, value);
}

static void add_decimal(struct buffer *out, const char *name, const struct decimal *value)
{
    if (decimal_is_none(value))
        return;
    json_add_key(out, name);
    json_add_decimal(out, value);
}

static void add_flag(struct buffer *out, const char *name, bool value)
{
    if (!value)
        return;
    json_add_key(out, name);
    json_add_bool(out, true);
}

static void add_int(struct buffer *out, const char *name, int value)
{
    if (!value)
        return;
    json_add_key(out, name);
    json_add_int(out, value);
}

/* A price or a bound that only counts when it is there: above 0. */
static void add_positive(struct buffer *out, const char *name, const struct decimal *value)
{
    if (decimal_sign(value) > 0)
        add_decimal(out, name, value);
}

static bool is_derivative(enum category category)
{
    return category == CATEGORY_LINEAR || category == CATEGORY_INVERSE;
}

static const char *spot_filter(const struct order_request *request)
{
    return spot_trigger_theirs(request->spot_trigger ? request->spot_trigger : SPOT_TRIGGER_TPSL);
}

static void add_trigger(struct buffer *out, const struct order_request *request)
{
    if (decimal_sign(&request->trigger_price) <= 0)
        return;
    /* Without the word, spot would take it for an order that is to be open at once. */
    if (request->category == CATEGORY_SPOT)
        add_text(out, "orderFilter", spot_filter(request));
    add_decimal(out, "triggerPrice", &request->trigger_price);
    add_int(out, "triggerDirection", request->trigger_direction);
    add_text(out, "triggerBy", trigger_by_theirs(request->trigger_by));
}

/* A limit order when it fires is only there in mode Partial (section 9). */
static const char *tpsl_mode(const struct order_request *request)
{
    bool limited = decimal_sign(&request->take_profit_limit) > 0 ||
                   decimal_sign(&request->stop_loss_limit) > 0;

    return limited ? "Partial" : "Full";
}

static void add_attached(struct buffer *out, const struct order_request *request)
{
    bool takes = decimal_sign(&request->take_profit) > 0;
    bool stops = decimal_sign(&request->stop_loss) > 0;

    if (!takes && !stops)
        return;
    if (is_derivative(request->category))
        add_text(out, "tpslMode", tpsl_mode(request));
    if (takes) {
        add_decimal(out, "takeProfit", &request->take_profit);
        add_text(out, "tpTriggerBy", trigger_by_theirs(request->take_profit_by));
        if (decimal_sign(&request->take_profit_limit) > 0)
            add_text(out, "tpOrderType", "Limit");
        add_positive(out, "tpLimitPrice", &request->take_profit_limit);
    }
    if (stops) {
        add_decimal(out, "stopLoss", &request->stop_loss);
        add_text(out, "slTriggerBy", trigger_by_theirs(request->stop_loss_by));
        if (decimal_sign(&request->stop_loss_limit) > 0)
            add_text(out, "slOrderType", "Limit");
        add_positive(out, "slLimitPrice", &request->stop_loss_limit);
    }
}

static void add_slippage(struct buffer *out, const struct order_request *request)
{
    if (request->slippage_kind == SLIPPAGE_NONE)
        return;
    add_text(out, "slippageToleranceType", slippage_theirs(request->slippage_kind));
    add_decimal(out, "slippageTolerance", &request->slippage);
}

/* All of an order but its category, which a batch says once. */
static void add_order(struct buffer *out, const struct order_request *request)
{
    bool spot_market = request->category == CATEGORY_SPOT && request->type == ORDER_TYPE_MARKET;

    add_text(out, "symbol", request->symbol);
    add_text(out, "side", side_theirs(request->side));
    add_text(out, "orderType", order_type_theirs(request->type));
    add_decimal(out, "qty", &request->qty);
    /* Always said for spot market orders: the default unit differs by side (PROTOCOL section 9). */
    if (spot_market)
        add_text(out, "marketUnit", request->qty_in_quote ? "quoteCoin" : "baseCoin");
    add_decimal(out, "price", &request->price);
    add_text(out, "timeInForce", tif_theirs(request->tif));
    add_trigger(out, request);
    add_attached(out, request);
    add_slippage(out, request);
    add_text(out, "smpType", smp_theirs(request->smp));
    add_int(out, "isLeverage", request->is_leverage);
    add_flag(out, "reduceOnly", request->reduce_only);
    add_flag(out, "closeOnTrigger", request->close_on_trigger);
    add_int(out, "positionIdx", request->position_idx);
    add_text(out, "orderLinkId", request->link);
}

void request_create(struct buffer *out, const struct order_request *request)
{
    json_add_open(out, '{');
    add_text(out, "category", category_word(request->category));
    add_order(out, request);
    json_add_close(out, '}');
}

static void open_batch(struct buffer *out, enum category category)
{
    json_add_open(out, '{');
    add_text(out, "category", category_word(category));
    json_add_key(out, "request");
    json_add_open(out, '[');
}

static void close_batch(struct buffer *out)
{
    json_add_close(out, ']');
    json_add_close(out, '}');
}

size_t request_batch_max(enum category category)
{
    return category == CATEGORY_SPOT ? 10 : REQUEST_BATCH_MAX;
}

void request_create_batch(struct buffer *out, const struct order_request *const *requests,
                          size_t count)
{
    open_batch(out, requests[0]->category);
    for (size_t i = 0; i < count; i++) {
        json_add_open(out, '{');
        add_order(out, requests[i]);
        json_add_close(out, '}');
    }
    close_batch(out);
}

/* The order that is meant: by `order_id` where known, else by link. */
static void add_which(struct buffer *out, const struct order_request *request, const char *order_id)
{
    add_text(out, "symbol", request->symbol);
    if (order_id[0])
        add_text(out, "orderId", order_id);
    else
        add_text(out, "orderLinkId", request->link);
}

/* 0 takes it away, and is written as the documentation has it, whatever its digits. */
static void add_stop(struct buffer *out, const char *name, const struct decimal *value)
{
    if (!decimal_is_none(value) && decimal_sign(value) == 0)
        add_text(out, name, "0");
    else
        add_decimal(out, name, value);
}

/* The source must be said where the order had none such before (endpoints.json). */
static void add_source(struct buffer *out, const char *name, const struct decimal *wanted,
                       const struct decimal *before, enum trigger_by by)
{
    if (decimal_sign(wanted) <= 0)
        return;
    if (by == TRIGGER_BY_NONE && decimal_sign(before) <= 0)
        by = TRIGGER_BY_LAST; /* what a create without the word gets */
    add_text(out, name, trigger_by_theirs(by));
}

static void add_changed_stops(struct buffer *out, const struct order_request *request,
                              const struct order_change *change)
{
    bool derivative = is_derivative(request->category);

    if (derivative &&
        (decimal_sign(&change->take_profit) > 0 || decimal_sign(&change->stop_loss) > 0))
        add_text(out, "tpslMode", tpsl_mode(request));
    add_stop(out, "takeProfit", &change->take_profit);
    add_stop(out, "stopLoss", &change->stop_loss);
    if (!derivative)
        return;
    add_source(out, "tpTriggerBy", &change->take_profit, &request->take_profit,
               request->take_profit_by);
    add_source(out, "slTriggerBy", &change->stop_loss, &request->stop_loss, request->stop_loss_by);
}

void request_amend(struct buffer *out, const struct order_request *request, const char *order_id,
                   const struct order_change *change)
{
    json_add_open(out, '{');
    add_text(out, "category", category_word(request->category));
    add_which(out, request, order_id);
    add_decimal(out, "qty", &change->qty);
    add_decimal(out, "price", &change->price);
    add_decimal(out, "triggerPrice", &change->trigger_price);
    add_changed_stops(out, request, change);
    json_add_close(out, '}');
}

void request_set_leverage(struct buffer *out, enum category category, const char *symbol,
                          const struct decimal *leverage)
{
    json_add_open(out, '{');
    add_text(out, "category", category_word(category));
    add_text(out, "symbol", symbol);
    add_decimal(out, "buyLeverage", leverage);
    add_decimal(out, "sellLeverage", leverage);
    json_add_close(out, '}');
}

void request_trading_stop(struct buffer *out, const struct request_trading_stop *what)
{
    json_add_open(out, '{');
    add_text(out, "category", category_word(what->category));
    add_text(out, "symbol", what->symbol);
    add_text(out, "tpslMode", "Full");
    json_add_key(out, "positionIdx");
    json_add_int(out, what->position_idx);
    add_stop(out, "takeProfit", &what->take_profit);
    add_stop(out, "stopLoss", &what->stop_loss);
    add_stop(out, "trailingStop", &what->trailing_stop);
    json_add_close(out, '}');
}

void request_cancel(struct buffer *out, const struct order_request *request, const char *order_id,
                    bool is_waiting)
{
    json_add_open(out, '{');
    add_text(out, "category", category_word(request->category));
    add_which(out, request, order_id);
    if (is_waiting && request->category == CATEGORY_SPOT)
        add_text(out, "orderFilter", spot_filter(request));
    json_add_close(out, '}');
}

void request_cancel_batch(struct buffer *out, const struct request_cancel *cancels, size_t count)
{
    open_batch(out, cancels[0].request->category);
    for (size_t i = 0; i < count; i++) {
        json_add_open(out, '{');
        add_which(out, cancels[i].request, cancels[i].order_id);
        json_add_close(out, '}');
    }
    close_batch(out);
}

static void add_optional(struct buffer *out, const char *name, const char *value)
{
    if (value)
        add_text(out, name, value);
}

void request_cancel_all(struct buffer *out, const struct request_cancel_all *what)
{
    json_add_open(out, '{');
    add_text(out, "category", category_word(what->category));
    add_optional(out, "symbol", what->symbol);
    add_optional(out, "settleCoin", what->settle_coin);
    add_optional(out, "orderFilter", what->order_filter);
    json_add_close(out, '}');
}

static void add_pair(struct text *out, const char *name, const char *value)
{
    if (!value || !value[0])
        return;
    text_addf(out, "%s%s=", out->bytes ? "&" : "", name);
    text_add_query_value(out, value);
}

static void add_number(struct text *out, const char *name, int64_t value)
{
    if (value)
        text_addf(out, "%s%s=%" PRId64, out->bytes ? "&" : "", name, value);
}

/* Many cursors are handed out percent-encoded and go back verbatim; others are encoded once
 * (PROTOCOL section 3). */
static bool is_encoded(const char *cursor)
{
    bool found = false;

    for (; *cursor; cursor++) {
        if (strchr("+&=# ", *cursor) || (unsigned char)*cursor <= ' ' ||
            (unsigned char)*cursor > '~')
            return false;
        if (*cursor == '%') {
            if (!isxdigit((unsigned char)cursor[1]) || !isxdigit((unsigned char)cursor[2]))
                return false;
            found = true;
        }
    }
    return found;
}

void request_add_cursor(struct text *out, const char *cursor)
{
    if (cursor && is_encoded(cursor))
        text_addf(out, "&cursor=%s", cursor);
    else
        add_pair(out, "cursor", cursor);
}

void request_list_query(struct text *out, const struct request_list *list)
{
    add_pair(out, "category", category_word(list->category));
    add_pair(out, "symbol", list->symbol);
    add_pair(out, "settleCoin", list->settle_coin);
    add_pair(out, "baseCoin", list->base_coin);
    add_pair(out, "orderFilter", list->order_filter);
    add_pair(out, "orderId", list->order_id);
    add_pair(out, "orderLinkId", list->link);
    add_number(out, "startTime", list->start_ms);
    add_number(out, "endTime", list->end_ms);
    add_number(out, "limit", list->limit);
    request_add_cursor(out, list->cursor);
}
