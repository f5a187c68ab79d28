/* api/events.c - objects and events as users see them. Members are always there, null when empty.
 */
#include "api/events.h"

#include <string.h>

#include "api/guard.h"
#include "api/members.h"
#include "api/reply.h"
#include "base/clock.h"
#include "engine/engine.h"

/* --- orders and fills --- */

static void add_fees(struct buffer *out, const struct order *order)
{
    json_add_key(out, "fees");
    json_add_open(out, '[');
    for (int i = 0; i < order->fees_count && i < FEES_MAX; i++) {
        json_add_open(out, '{');
        member_text(out, "coin", order->fees[i].coin);
        member_decimal(out, "amount", &order->fees[i].amount);
        json_add_close(out, '}');
    }
    json_add_close(out, ']');
}

static void add_more(struct buffer *out, const struct order_request *request)
{
    member_price(out, "trigger_price", &request->trigger_price);
    member_int_or_null(out, "trigger_direction", request->trigger_direction);
    member_text(out, "trigger_by", trigger_by_word(request->trigger_by));
    member_text(out, "spot_trigger", spot_trigger_word(request->spot_trigger));
    member_price(out, "take_profit", &request->take_profit);
    member_price(out, "stop_loss", &request->stop_loss);
    member_text(out, "tp_trigger_by", trigger_by_word(request->take_profit_by));
    member_text(out, "sl_trigger_by", trigger_by_word(request->stop_loss_by));
    member_price(out, "take_profit_limit_price", &request->take_profit_limit);
    member_price(out, "stop_loss_limit_price", &request->stop_loss_limit);
}

static void add_request(struct buffer *out, const struct order_request *request)
{
    const struct decimal none = DECIMAL_NONE;

    member_text(out, "client_id", request->client_id[0] ? request->client_id : request->link);
    member_text(out, "link", request->link);
    member_text(out, "category", category_word(request->category));
    member_text(out, "symbol", request->symbol);
    member_text(out, "side", side_word(request->side));
    member_text(out, "type", order_type_word(request->type));
    member_text(out, "tif", tif_word(request->tif));
    member_decimal(out, "qty", request->qty_in_quote ? &none : &request->qty);
    member_decimal(out, "quote_qty", request->qty_in_quote ? &request->qty : &none);
    member_price(out, "price", &request->price);
    add_more(out, request);
    member_bool(out, "reduce_only", request->reduce_only);
    member_bool(out, "close_on_trigger", request->close_on_trigger);
    member_int(out, "position_idx", request->position_idx);
    member_decimal(out, "slippage_ticks",
                   request->slippage_kind == SLIPPAGE_TICKS ? &request->slippage : &none);
    member_decimal(out, "slippage_percent",
                   request->slippage_kind == SLIPPAGE_PERCENT ? &request->slippage : &none);
    member_text(out, "smp", smp_word(request->smp));
    member_bool(out, "is_leverage", request->is_leverage);
}

static const char *reject_reason(const struct order *order)
{
    if (strcmp(order->reject_reason, "EC_NoError") == 0)
        return NULL;
    return order->reject_reason;
}

static void add_order_members(struct buffer *out, const struct order *order)
{
    member_text(out, "id", order->order_id);
    add_request(out, &order->request);
    member_text(out, "state", order_state_word(order));
    member_decimal(out, "filled_qty", &order->filled_qty);
    member_price(out, "avg_price", &order->avg_price);
    add_fees(out, order);
    member_text(out, "reject_reason", reject_reason(order));
    member_text(out, "cancel_reason", order->cancel_reason);
    member_text(out, "tag", order->request.tag);
    member_text(out, "client", order->request.client);
    member_time(out, "created_at", order->created_ms);
    member_time(out, "updated_at", order->updated_ms);
    member_int_or_null(out, "seq", (int64_t)order->seq);
}

static void add_in_flight(struct buffer *out, const char *cancel, const char *amend)
{
    if (!cancel && !amend)
        return;
    json_add_key(out, "in_flight");
    json_add_open(out, '{');
    member_text(out, "amend", amend);
    member_text(out, "cancel", cancel);
    json_add_close(out, '}');
}

static bool is_fit(const struct stored_native *native)
{
    struct json object;

    return native->bytes && native->bytes <= NATIVE_BYTES_MAX &&
           !memchr(native->json, '\n', native->bytes) &&
           json_open(&object, native->json, native->bytes, NULL) == ERR_NONE &&
           object.type == JSON_OBJECT;
}

void api_add_order_native(struct buffer *out, const struct order *order,
                          const char *cancel_in_flight, const struct stored_native *native)
{
    json_add_open(out, '{');
    add_order_members(out, order);
    json_add_key(out, "native");
    if (is_fit(native))
        json_add_raw(out, native->json, native->bytes);
    else
        json_add_null(out);
    add_in_flight(out, cancel_in_flight, order_amend_in_flight(order));
    json_add_close(out, '}');
}

void api_add_order(struct buffer *out, const struct order *order, const char *cancel_in_flight)
{
    json_add_open(out, '{');
    add_order_members(out, order);
    add_in_flight(out, cancel_in_flight, order_amend_in_flight(order));
    json_add_close(out, '}');
}

void api_event_order(struct buffer *out, const struct order *order)
{
    json_add_open(out, '{');
    add_order_members(out, order);
    member_text(out, "source", evidence_source_word(order->source));
    member_int_or_null(out, "ts", order->exchange_ms);
    member_int_or_null(out, "recv_at", order->updated_ms);
    json_add_close(out, '}');
}

/* Only trades have a maker and a taker. */
static const char *liquidity(const struct fill *fill)
{
    if (fill->kind != FILL_TRADE)
        return NULL;
    return fill->maker ? "maker" : "taker";
}

static void add_fill_members(struct buffer *out, const struct fill *fill)
{
    member_text(out, "id", fill->exec_id);
    member_text(out, "order_id", fill->order_id);
    member_text(out, "client_id", fill->client_id[0] ? fill->client_id : fill->link);
    member_text(out, "category", category_word(fill->category));
    member_text(out, "symbol", fill->symbol);
    member_text(out, "side", side_word(fill->side));
    member_decimal(out, "qty", &fill->qty);
    member_decimal(out, "price", &fill->price);
    member_decimal(out, "value", &fill->value);
    member_decimal(out, "fee", &fill->fee);
    member_text(out, "fee_coin", fill->fee_coin);
    member_text(out, "liquidity", liquidity(fill));
    member_text(out, "kind", fill_kind_word(fill->kind));
    member_decimal(out, "closed_qty", &fill->closed_qty);
    member_text(out, "tag", fill->tag);
    member_text(out, "client", fill->client);
    member_time(out, "at", fill->at_ms);
    member_int_or_null(out, "seq", (int64_t)fill->seq);
}

void api_add_fill(struct buffer *out, const struct fill *fill)
{
    json_add_open(out, '{');
    add_fill_members(out, fill);
    json_add_close(out, '}');
}

void api_event_fill(struct buffer *out, const struct fill *fill)
{
    json_add_open(out, '{');
    add_fill_members(out, fill);
    member_text(out, "source", evidence_source_word(fill->source));
    member_int_or_null(out, "ts", fill->at_ms);
    /* A fill carries no time of its coming: it is formatted as it comes. */
    member_int(out, "recv_at", clock_wall_ms());
    json_add_close(out, '}');
}

/* --- market --- */

void api_add_symbol(struct buffer *out, const struct instrument *instrument)
{
    json_add_open(out, '{');
    member_text(out, "category", category_word(instrument->category));
    member_text(out, "symbol", instrument->symbol);
    member_text(out, "base", instrument->base);
    member_text(out, "quote", instrument->quote);
    member_text(out, "settle", instrument->settle);
    member_text(out, "status", instrument->status);
    member_decimal(out, "tick_size", &instrument->tick_size);
    member_decimal(out, "qty_step", &instrument->qty_step);
    member_decimal(out, "quote_step", &instrument->quote_step);
    member_decimal(out, "min_qty", &instrument->min_qty);
    member_decimal(out, "max_limit_qty", &instrument->max_limit_qty);
    member_decimal(out, "max_market_qty", &instrument->max_market_qty);
    member_decimal(out, "max_post_only_qty", &instrument->max_post_only_qty);
    member_decimal(out, "min_notional", &instrument->min_notional);
    member_decimal(out, "min_price", &instrument->min_price);
    member_decimal(out, "max_price", &instrument->max_price);
    member_decimal(out, "min_leverage", &instrument->min_leverage);
    member_decimal(out, "max_leverage", &instrument->max_leverage);
    member_decimal(out, "leverage_step", &instrument->leverage_step);
    member_int_or_null(out, "funding_interval_min", instrument->funding_interval_min);
    json_add_close(out, '}');
}

static void add_ticker_members(struct buffer *out, const struct ticker *ticker)
{
    member_text(out, "category", category_word(ticker->category));
    member_text(out, "symbol", ticker->symbol);
    member_decimal(out, "last", &ticker->last);
    member_decimal(out, "mark", &ticker->mark);
    member_decimal(out, "index", &ticker->index);
    member_decimal(out, "bid", &ticker->bid);
    member_decimal(out, "bid_qty", &ticker->bid_qty);
    member_decimal(out, "ask", &ticker->ask);
    member_decimal(out, "ask_qty", &ticker->ask_qty);
    member_decimal(out, "open_24h", &ticker->open_24h);
    member_decimal(out, "high_24h", &ticker->high_24h);
    member_decimal(out, "low_24h", &ticker->low_24h);
    member_decimal(out, "volume_24h", &ticker->volume_24h);
    member_decimal(out, "turnover_24h", &ticker->turnover_24h);
    member_decimal(out, "change_24h", &ticker->change_24h);
    member_decimal(out, "funding_rate", &ticker->funding_rate);
    member_time(out, "next_funding_at", ticker->next_funding_ms);
    member_decimal(out, "open_interest", &ticker->open_interest);
    member_decimal(out, "underlying", &ticker->underlying);
    member_decimal(out, "bid_iv", &ticker->bid_iv);
    member_decimal(out, "ask_iv", &ticker->ask_iv);
    member_decimal(out, "mark_iv", &ticker->mark_iv);
    member_decimal(out, "delta", &ticker->delta);
    member_decimal(out, "gamma", &ticker->gamma);
    member_decimal(out, "vega", &ticker->vega);
    member_decimal(out, "theta", &ticker->theta);
}

void api_add_ticker(struct buffer *out, const struct ticker *ticker, int64_t as_of_ms,
                    const char *source)
{
    json_add_open(out, '{');
    add_ticker_members(out, ticker);
    api_add_age(out, as_of_ms, source);
    json_add_close(out, '}');
}

void api_event_ticker(struct buffer *out, const struct ticker *ticker, int64_t recv_ms)
{
    json_add_open(out, '{');
    add_ticker_members(out, ticker);
    member_int_or_null(out, "ts", ticker->ts_ms);
    member_int(out, "recv_at", recv_ms);
    json_add_close(out, '}');
}

static void add_levels(struct buffer *out, const char *key, const struct book_level *levels,
                       size_t count)
{
    json_add_key(out, key);
    json_add_open(out, '[');
    for (size_t i = 0; i < count; i++) {
        json_add_open(out, '[');
        json_add_decimal(out, &levels[i].price);
        json_add_decimal(out, &levels[i].qty);
        json_add_close(out, ']');
    }
    json_add_close(out, ']');
}

static void add_book_place(struct buffer *out, enum category category, const char *symbol,
                           int depth)
{
    member_text(out, "category", category_word(category));
    member_text(out, "symbol", symbol);
    member_int(out, "depth", depth);
}

void api_add_book(struct buffer *out, enum category category, const char *symbol,
                  const struct market_book *book, const struct book_level *bids,
                  const struct book_level *asks, const char *source)
{
    json_add_open(out, '{');
    add_book_place(out, category, symbol, book->depth);
    member_text(out, "state", book_state_word(book->state));
    add_levels(out, "bids", bids, book->bids_count);
    add_levels(out, "asks", asks, book->asks_count);
    member_int_or_null(out, "u", book->u);
    member_int_or_null(out, "seq", book->seq);
    member_time(out, "exchange_at", book->ts_ms);
    api_add_age(out, book->recv_ms, source);
    json_add_close(out, '}');
}

void api_event_book_snapshot(struct buffer *out, enum category category, const char *symbol,
                             const struct market_book *book, const struct book_level *bids,
                             const struct book_level *asks)
{
    json_add_open(out, '{');
    add_book_place(out, category, symbol, book->depth);
    member_text(out, "type", "snapshot");
    add_levels(out, "bids", bids, book->bids_count);
    add_levels(out, "asks", asks, book->asks_count);
    member_int_or_null(out, "u", book->u);
    member_int_or_null(out, "seq", book->seq);
    member_int_or_null(out, "ts", book->ts_ms);
    member_int(out, "recv_at", book->recv_ms);
    json_add_close(out, '}');
}

/* The frame's own levels are pairs of strings already. */
static void add_raw_levels(struct buffer *out, const char *key, const struct json *data,
                           const char *theirs)
{
    struct json levels;

    json_add_key(out, key);
    if (json_member(data, theirs, &levels) && levels.type == JSON_ARRAY)
        json_add_raw(out, levels.at, levels.bytes);
    else
        json_add_raw(out, "[]", 2);
}

static void add_raw_int(struct buffer *out, const char *key, const struct json *data)
{
    int64_t value;

    member_int_or_null(out, key, json_member_int(data, key, &value) ? 0 : value);
}

void api_event_book_frame(struct buffer *out, enum category category, const char *symbol, int depth,
                          bool is_snapshot, const struct json *data, int64_t ts_ms, int64_t recv_ms)
{
    json_add_open(out, '{');
    add_book_place(out, category, symbol, depth);
    member_text(out, "type", is_snapshot ? "snapshot" : "delta");
    add_raw_levels(out, "bids", data, "b");
    add_raw_levels(out, "asks", data, "a");
    add_raw_int(out, "u", data);
    add_raw_int(out, "seq", data);
    member_int_or_null(out, "ts", ts_ms);
    member_int(out, "recv_at", recv_ms);
    json_add_close(out, '}');
}

void api_event_guard(struct buffer *out, const struct guard_state *state, const char *change)
{
    int64_t now_ms = clock_wall_ms();

    json_add_open(out, '{');
    member_text(out, "change", change);
    member_bool(out, "killed", state->killed);
    member_bool(out, "clear", state->clear);
    member_int_or_null(out, "since", state->since_ms);
    member_text(out, "reason", state->reason);
    member_text(out, "by", state->by);
    json_add_key(out, "limits");
    guard_add_rules(out, &state->rules, false);
    api_add_guard_clients(out, &state->rules);
    member_int(out, "ts", now_ms); /* it is formatted as it happens */
    member_int(out, "recv_at", now_ms);
    json_add_close(out, '}');
}

void api_event_status(struct buffer *out, enum stream_link link, enum link_state state,
                      int64_t since_ms)
{
    json_add_open(out, '{');
    member_text(out, "link", stream_link_word(link));
    member_text(out, "state", link_state_word(state));
    member_int_or_null(out, "since", since_ms);
    json_add_close(out, '}');
}
