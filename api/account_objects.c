/* api/account_objects.c - positions and balances as users see them. Members are always there, null
 * when empty. */
#include "api/events.h"
#include "api/reply.h"
#include "base/clock.h"

static void add_text(struct buffer *out, const char *key, const char *text)
{
    json_add_key(out, key);
    json_add_text(out, text[0] ? text : NULL);
}

static void add_decimal(struct buffer *out, const char *key, const struct decimal *value)
{
    json_add_key(out, key);
    json_add_decimal(out, value);
}

static void add_int(struct buffer *out, const char *key, int64_t value)
{
    json_add_key(out, key);
    json_add_int(out, value);
}

static void add_int_or_null(struct buffer *out, const char *key, int64_t value)
{
    json_add_key(out, key);
    if (value)
        json_add_int(out, value);
    else
        json_add_null(out);
}

static void add_position_members(struct buffer *out, const struct position *position)
{
    char updated[CLOCK_TEXT_MAX] = "";

    add_text(out, "category", category_word(position->category));
    add_text(out, "symbol", position->symbol);
    add_text(out, "side", side_word(position->side));
    add_decimal(out, "qty", &position->qty);
    add_decimal(out, "entry_price", &position->entry_price);
    add_decimal(out, "mark_price", &position->mark_price);
    add_decimal(out, "liq_price", &position->liq_price);
    add_decimal(out, "value", &position->value);
    add_decimal(out, "leverage", &position->leverage);
    add_decimal(out, "margin", &position->margin);
    add_decimal(out, "unrealised_pnl", &position->unrealised_pnl);
    add_decimal(out, "realised_pnl", &position->realised_pnl);
    add_decimal(out, "take_profit", &position->take_profit);
    add_decimal(out, "stop_loss", &position->stop_loss);
    add_decimal(out, "trailing_stop", &position->trailing_stop);
    add_int(out, "position_idx", position->position_idx);
    if (position->updated_ms > 0)
        (void)clock_format(position->updated_ms, updated);
    add_text(out, "updated_at", updated);
}

void api_add_position(struct buffer *out, const struct position *position)
{
    json_add_open(out, '{');
    add_position_members(out, position);
    json_add_close(out, '}');
}

void api_add_position_age(struct buffer *out, const struct position *position, int64_t as_of_ms,
                          const char *source)
{
    json_add_open(out, '{');
    add_position_members(out, position);
    api_add_age(out, as_of_ms, source);
    json_add_close(out, '}');
}

void api_event_position(struct buffer *out, const struct position *position, int64_t recv_ms)
{
    json_add_open(out, '{');
    add_position_members(out, position);
    add_int_or_null(out, "ts", position->updated_ms);
    add_int(out, "recv_at", recv_ms);
    json_add_close(out, '}');
}

void api_add_coin(struct buffer *out, const struct coin_balance *coin, int64_t as_of_ms,
                  const char *source)
{
    json_add_open(out, '{');
    add_text(out, "coin", coin->coin);
    add_decimal(out, "wallet", &coin->wallet);
    add_decimal(out, "available", &coin->available);
    add_decimal(out, "locked", &coin->locked);
    add_decimal(out, "equity", &coin->equity);
    add_decimal(out, "unrealised_pnl", &coin->unrealised_pnl);
    add_decimal(out, "usd_value", &coin->usd_value);
    if (source)
        api_add_age(out, as_of_ms, source);
    json_add_close(out, '}');
}

static void add_balance_members(struct buffer *out, const struct balance *balance)
{
    add_decimal(out, "equity", &balance->equity);
    add_decimal(out, "available", &balance->available);
    add_decimal(out, "margin_used", &balance->margin_used);
    json_add_key(out, "coins");
    json_add_open(out, '[');
    for (size_t i = 0; i < balance->coins_count; i++)
        api_add_coin(out, &balance->coins[i], 0, NULL);
    json_add_close(out, ']');
}

void api_add_balance(struct buffer *out, const struct balance *balance, int64_t as_of_ms,
                     const char *source)
{
    json_add_open(out, '{');
    add_balance_members(out, balance);
    if (source)
        api_add_age(out, as_of_ms, source);
    json_add_close(out, '}');
}

void api_event_balance(struct buffer *out, const struct balance *balance, int64_t ts_ms,
                       int64_t recv_ms)
{
    json_add_open(out, '{');
    add_balance_members(out, balance);
    add_int_or_null(out, "ts", ts_ms);
    add_int(out, "recv_at", recv_ms);
    json_add_close(out, '}');
}
