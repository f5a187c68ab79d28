/* Take profit and stop loss, as attached to an order or set for a position. */
#include <string.h>

#include "sim/check.h"
#include "sim/exits.h"
#include "sim/stops.h"

static const struct refusal accepted = { 0, "OK" };

struct refusal check_tpsl_mode(const char *text, bool *partial)
{
    *partial = text && strcmp(text, "Partial") == 0;
    if (!check_is_empty(text) && !*partial && strcmp(text, "Full") != 0)
        return (struct refusal){ 10001, "TpslMode invalid" };
    return accepted;
}

static struct refusal check_leg_limit(const struct instrument *instrument,
                                      const struct leg_fields *fields, bool partial,
                                      struct exit_leg *out)
{
    const char *type = check_is_empty(fields->order_type) ? "Market" : fields->order_type;
    bool limit = strcmp(type, "Limit") == 0;

    if (!limit && strcmp(type, "Market") != 0)
        return (struct refusal){ 10001, "TP/SL order type invalid" };
    if (!limit && check_is_zero(fields->limit_price))
        return accepted;
    if (!limit && out->limit_ticks == 0)
        return (struct refusal){ 10001, "the limit price of TP/SL needs the order type Limit" };
    if (!partial && instrument->category != CATEGORY_SPOT)
        return (struct refusal){ 10001, "a limit TP/SL needs tpslMode Partial" };
    return check_price(instrument, fields->limit_price, &out->limit_ticks);
}

struct refusal check_leg(const struct instrument *instrument, const struct leg_fields *fields,
                         bool partial, struct exit_leg *out)
{
    struct refusal refusal = accepted;

    if (!check_is_empty(fields->price) && check_is_zero(fields->price)) {
        *out = (struct exit_leg){ 0 };
        return accepted;
    }
    if (!check_is_empty(fields->trigger_by) && !price_kind_parse(fields->trigger_by, &out->by))
        return (struct refusal){ 10001, "TP/SL trigger source invalid" };
    if (!check_is_empty(fields->price))
        refusal = check_price(instrument, fields->price, &out->ticks);
    if (refusal.code || out->ticks == 0)
        return refusal;
    return check_leg_limit(instrument, fields, partial, out);
}

struct refusal check_exit_sides(enum side side, int64_t base_ticks, const struct exits *exits)
{
    int64_t profit = exits->take_profit.ticks;
    int64_t loss = exits->stop_loss.ticks;

    if (profit && (side == SIDE_BUY ? profit <= base_ticks : profit >= base_ticks))
        return (struct refusal){ 10001, side == SIDE_BUY
                                            ? "TakeProfit set for Buy position should be higher "
                                              "than base_price"
                                            : "TakeProfit set for Sell position should be lower "
                                              "than base_price" };
    if (loss && (side == SIDE_BUY ? loss >= base_ticks : loss <= base_ticks))
        return (struct refusal){ 10001, side == SIDE_BUY
                                            ? "StopLoss set for Buy position should be lower than "
                                              "base_price"
                                            : "StopLoss set for Sell position should be higher "
                                              "than base_price" };
    return accepted;
}

static int64_t base_of(const struct exchange *exchange, const struct sim_request *request)
{
    if (request->ticks)
        return request->ticks;
    if (request->kind != STOP_NONE)
        return request->trigger.ticks;
    return stop_price(exchange, request->instrument, PRICE_LAST);
}

/* Which orders can have them at all. */
static struct refusal check_may_have(const struct create_fields *fields,
                                     const struct sim_request *request)
{
    bool partial = fields->tpsl_mode && strcmp(fields->tpsl_mode, "Partial") == 0;

    if (request->reduce_only)
        return (struct refusal){ 110057, "TP/SL can not be set for a reduce-only order" };
    if (request->instrument->category == CATEGORY_SPOT &&
        (request->type != ORDER_TYPE_LIMIT || request->kind != STOP_NONE))
        return (struct refusal){ 170130, "TP/SL is for limit orders." };
    if (request->instrument->category == CATEGORY_OPTION && partial)
        return (struct refusal){ 10001, "options have TP/SL in full mode only" };
    return accepted;
}

struct refusal check_exits(const struct exchange *exchange, const struct create_fields *fields,
                           struct sim_request *out)
{
    struct exits *exits = &out->exits;
    struct refusal refusal;

    if (check_is_zero(fields->take_profit.price) && check_is_zero(fields->stop_loss.price))
        return accepted;
    refusal = check_may_have(fields, out);
    if (!refusal.code)
        refusal = check_tpsl_mode(fields->tpsl_mode, &exits->partial);
    if (!refusal.code)
        refusal =
            check_leg(out->instrument, &fields->take_profit, exits->partial, &exits->take_profit);
    if (!refusal.code)
        refusal = check_leg(out->instrument, &fields->stop_loss, exits->partial, &exits->stop_loss);
    return refusal.code ? refusal : check_exit_sides(out->side, base_of(exchange, out), exits);
}
