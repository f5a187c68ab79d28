/* api/account_objects.c - positions and balances as users see them. Members are always there, null
 * when empty. */
#include <string.h>

#include "api/events.h"
#include "api/members.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/text.h"
#include "bybit/key_info.h"

static void add_position_members(struct buffer *out, const struct position *position)
{
    char updated[CLOCK_TEXT_MAX] = "";

    member_text(out, "category", category_word(position->category));
    member_text(out, "symbol", position->symbol);
    member_text(out, "side", side_word(position->side));
    member_decimal(out, "qty", &position->qty);
    member_decimal(out, "entry_price", &position->entry_price);
    member_decimal(out, "mark_price", &position->mark_price);
    member_decimal(out, "liq_price", &position->liq_price);
    member_decimal(out, "value", &position->value);
    member_decimal(out, "leverage", &position->leverage);
    member_decimal(out, "margin", &position->margin);
    member_decimal(out, "unrealised_pnl", &position->unrealised_pnl);
    member_decimal(out, "realised_pnl", &position->realised_pnl);
    member_decimal(out, "take_profit", &position->take_profit);
    member_decimal(out, "stop_loss", &position->stop_loss);
    member_decimal(out, "trailing_stop", &position->trailing_stop);
    member_int(out, "position_idx", position->position_idx);
    if (position->updated_ms > 0)
        (void)clock_format(position->updated_ms, updated);
    member_text(out, "updated_at", updated);
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
    member_int_or_null(out, "ts", position->updated_ms);
    member_int(out, "recv_at", recv_ms);
    json_add_close(out, '}');
}

void api_add_coin(struct buffer *out, const struct coin_balance *coin, int64_t as_of_ms,
                  const char *source)
{
    json_add_open(out, '{');
    member_text(out, "coin", coin->coin);
    member_decimal(out, "wallet", &coin->wallet);
    member_decimal(out, "available", &coin->available);
    member_decimal(out, "locked", &coin->locked);
    member_decimal(out, "equity", &coin->equity);
    member_decimal(out, "unrealised_pnl", &coin->unrealised_pnl);
    member_decimal(out, "usd_value", &coin->usd_value);
    if (source)
        api_add_age(out, as_of_ms, source);
    json_add_close(out, '}');
}

static void add_balance_members(struct buffer *out, const struct balance *balance)
{
    member_decimal(out, "equity", &balance->equity);
    member_decimal(out, "available", &balance->available);
    member_decimal(out, "margin_used", &balance->margin_used);
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
    member_int_or_null(out, "ts", ts_ms);
    member_int(out, "recv_at", recv_ms);
    json_add_close(out, '}');
}

void api_add_permissions(struct buffer *out, const char *rights)
{
    char words[KEY_RIGHTS_MAX];
    char *rest = words;
    const char *word;

    text_cut(words, sizeof(words), rights);
    json_add_key(out, "permissions");
    json_add_open(out, '[');
    while ((word = strsep(&rest, " "))) {
        if (*word)
            json_add_text(out, word);
    }
    json_add_close(out, ']');
}
