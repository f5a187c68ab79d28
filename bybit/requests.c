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

void request_create(struct buffer *out, const struct order_request *request)
{
    bool spot_market = request->category == CATEGORY_SPOT && request->type == ORDER_TYPE_MARKET;

    json_add_open(out, '{');
    add_text(out, "category", category_word(request->category));
    add_text(out, "symbol", request->symbol);
    add_text(out, "side", side_theirs(request->side));
    add_text(out, "orderType", order_type_theirs(request->type));
    add_decimal(out, "qty", &request->qty);
    /* Always said for spot market orders: the default unit differs by side (PROTOCOL section 9). */
    if (spot_market)
        add_text(out, "marketUnit", request->qty_in_quote ? "quoteCoin" : "baseCoin");
    add_decimal(out, "price", &request->price);
    add_text(out, "timeInForce", tif_theirs(request->tif));
    add_decimal(out, "triggerPrice", &request->trigger_price);
    add_int(out, "triggerDirection", request->trigger_direction);
    add_decimal(out, "takeProfit", &request->take_profit);
    add_decimal(out, "stopLoss", &request->stop_loss);
    add_flag(out, "reduceOnly", request->reduce_only);
    add_flag(out, "closeOnTrigger", request->close_on_trigger);
    add_int(out, "positionIdx", request->position_idx);
    add_text(out, "orderLinkId", request->link);
    json_add_close(out, '}');
}

void request_cancel(struct buffer *out, const struct order_request *request, const char *order_id)
{
    json_add_open(out, '{');
    add_text(out, "category", category_word(request->category));
    add_text(out, "symbol", request->symbol);
    if (order_id[0])
        add_text(out, "orderId", order_id);
    else
        add_text(out, "orderLinkId", request->link);
    json_add_close(out, '}');
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
    add_pair(out, "orderFilter", list->order_filter);
    add_pair(out, "orderId", list->order_id);
    add_pair(out, "orderLinkId", list->link);
    add_number(out, "startTime", list->start_ms);
    add_number(out, "endTime", list->end_ms);
    add_number(out, "limit", list->limit);
    request_add_cursor(out, list->cursor);
}
