/* Positions: lists, leverage, mode, and what closes them by itself. */
#include <string.h>

#include "base/text.h"
#include "sim/check.h"
#include "sim/exits.h"
#include "sim/hold.h"
#include "sim/messages.h"
#include "sim/money.h"
#include "sim/rest.h"
#include "sim/stops.h"

#define LEVERAGE_SCALE 2 /* of the step that instruments-info shows */
#define MODE_ONE_WAY   0
#define MODE_HEDGE     3

static const struct refusal fine = { 0, "OK" };

/* --- positions --- */

struct position_query {
    enum category category;
    const char *symbol; /* NULL: any that is open */
    const char *settle; /* NULL: any */
    uint64_t first;     /* instrument to start from */
    int64_t limit;
};

static const char *filled_text(const struct rest_call *call, const char *name)
{
    const char *text = call_text(call, name);

    return text && *text ? text : NULL;
}

static struct refusal read_positions(const struct rest_call *call, struct position_query *out)
{
    const struct instrument *instrument;
    struct refusal refusal = call_category(call, &out->category);

    if (refusal.code)
        return refusal;
    out->symbol = filled_text(call, "symbol");
    out->settle = filled_text(call, "settleCoin");
    if (out->category == CATEGORY_SPOT)
        return (struct refusal){ 10001, "params error: category is invalid" };
    if (out->category == CATEGORY_LINEAR && !out->symbol && !out->settle)
        return (struct refusal){ 10001, "params error: symbol or settleCoin is required" };
    if (!call_int(call, "limit", 1, 200, 20, &out->limit) ||
        !call_cursor(call, "position", &out->first))
        return (struct refusal){ 10001, "params error: limit or cursor is invalid" };
    if (out->first == UINT64_MAX)
        out->first = 0;
    return out->symbol ? check_symbol(call_text(call, "category"), out->symbol, &instrument) : fine;
}

static bool position_wanted(const struct position_query *query, const struct instrument *instrument)
{
    if (instrument->category != query->category)
        return false;
    if (query->symbol)
        return strcmp(query->symbol, instrument->symbol) == 0;
    return !query->settle || strcmp(query->settle, instrument->settle) == 0;
}

/* With a symbol also what is flat, both sides in hedge mode. */
static int add_positions(cJSON *list, const struct position_query *query,
                         const struct exchange *exchange, const struct instrument *instrument)
{
    bool hedged = exchange->account.hedged[instrument->index];
    int added = 0;

    for (int idx = hedged ? 1 : 0; idx < (hedged ? POSITION_PLACES : 1); idx++) {
        const struct position *position = &exchange->account.positions[instrument->index][idx];

        if (position->lots == 0 && !query->symbol)
            continue;
        message_position(build_item(list), exchange, position, false);
        added++;
    }
    return added;
}

struct refusal rest_positions(struct rest_call *call)
{
    struct position_query query;
    struct refusal refusal = read_positions(call, &query);
    uint64_t next = 0;
    int64_t added = 0;
    cJSON *list;

    if (refusal.code)
        return refusal;
    list = build_list(call->result, "list");
    for (uint64_t i = query.first; i < INSTRUMENT_COUNT; i++) {
        const struct instrument *instrument = instrument_at((int)i);

        if (!position_wanted(&query, instrument))
            continue;
        added += add_positions(list, &query, call->exchange, instrument);
        if (added >= query.limit) {
            next = i + 1;
            break;
        }
    }
    result_cursor(call, "position", next);
    build_text(call->result, "category", category_word(query.category));
    return fine;
}

/* --- leverage --- */

/* In cross margin both sides are alike, in hedge mode too. */
static bool read_leverage(const struct rest_call *call, struct decimal *out)
{
    const char *buy = call_text(call, "buyLeverage");
    const char *sell = call_text(call, "sellLeverage");
    struct decimal other;

    return buy && sell && !decimal_parse(out, buy) && !decimal_parse(&other, sell) &&
           decimal_cmp(out, &other) == 0 && decimal_trim(*out).scale <= LEVERAGE_SCALE;
}

struct refusal rest_set_leverage(struct rest_call *call)
{
    const struct decimal one = { 1, 0 };
    const struct instrument *instrument = NULL;
    struct refusal refusal =
        check_symbol(call_text(call, "category"), call_text(call, "symbol"), &instrument);
    const struct position *position;
    struct decimal leverage;

    if (refusal.code)
        return refusal;
    if (!instrument_is_contract(instrument) || !read_leverage(call, &leverage))
        return (struct refusal){ 10001, "params error: leverage is invalid" };
    if (money_less(leverage, one) || money_less(instrument->max_leverage, leverage))
        return (struct refusal){ 110013, "cannot set leverage gt maxLeverage by risk limit" };
    position = &call->exchange->account.positions[instrument->index][0];
    if (decimal_cmp(&leverage, &position->leverage) == 0)
        return (struct refusal){ 110043, "leverage not modified" };
    refusal = hold_leverage(call->exchange, instrument, decimal_trim(leverage));
    if (!refusal.code)
        match_tell_account(call->exchange);
    return refusal;
}

/* --- one-way and hedge mode --- */

static struct refusal check_idle(const struct exchange *exchange,
                                 const struct instrument *instrument)
{
    for (int idx = 0; idx < POSITION_PLACES; idx++) {
        if (exchange->account.positions[instrument->index][idx].lots != 0)
            return (struct refusal){ 110024, "You have an existing position, so the position mode "
                                             "cannot be switched" };
    }
    if (history_open_count(exchange->history, instrument->index) > 0)
        return (struct refusal){ 110028, "You have existing open orders, so the position mode "
                                         "cannot be switched" };
    return fine;
}

/* A coin means its symbols that are idle. */
static bool is_meant(const struct exchange *exchange, const struct instrument *instrument,
                     const struct instrument *named, const char *coin)
{
    if (named)
        return instrument == named;
    return instrument->category == CATEGORY_LINEAR && strcmp(instrument->settle, coin) == 0 &&
           check_idle(exchange, instrument).code == 0;
}

static struct refusal read_mode(const struct rest_call *call, const struct instrument **named,
                                bool *hedge)
{
    const char *symbol = filled_text(call, "symbol");
    int64_t mode;
    enum category category;
    struct refusal refusal = call_category(call, &category);

    if (!refusal.code && category == CATEGORY_INVERSE)
        return (struct refusal){ 110029, "Hedge mode is not supported for this symbol" };
    if (!refusal.code && category != CATEGORY_LINEAR)
        return (struct refusal){ 10001, "params error: category is invalid" };
    if (!refusal.code && symbol)
        refusal = check_symbol(call_text(call, "category"), symbol, named);
    if (!refusal.code && !symbol && !filled_text(call, "coin"))
        return (struct refusal){ 10001, "params error: symbol or coin is required" };
    if (refusal.code)
        return refusal;
    if (!call_int(call, "mode", MODE_ONE_WAY, MODE_HEDGE, -1, &mode) ||
        (mode != MODE_ONE_WAY && mode != MODE_HEDGE))
        return (struct refusal){ 10001, "params error: mode is invalid" };
    *hedge = mode == MODE_HEDGE;
    return fine;
}

struct refusal rest_switch_mode(struct rest_call *call)
{
    struct exchange *exchange = call->exchange;
    const struct instrument *named = NULL;
    bool hedge = false;
    struct refusal refusal = read_mode(call, &named, &hedge);

    if (refusal.code)
        return refusal;
    if (named && exchange->account.hedged[named->index] == hedge)
        return (struct refusal){ 110025, "Position mode is not modified" };
    if (named)
        refusal = check_idle(exchange, named);
    for (int i = 0; !refusal.code && i < INSTRUMENT_COUNT; i++) {
        if (is_meant(exchange, instrument_at(i), named, filled_text(call, "coin")))
            exchange->account.hedged[i] = hedge;
    }
    return refusal;
}

/* --- take profit, stop loss, trailing stop --- */

static const char *const stop_texts[] = {
    "takeProfit",  "stopLoss",    "trailingStop", "tpTriggerBy",  "slTriggerBy",
    "activePrice", "tpSize",      "slSize",       "tpLimitPrice", "slLimitPrice",
    "tpOrderType", "slOrderType", "tpslMode",
};

static struct refusal find_position(struct rest_call *call, struct position **out)
{
    const struct instrument *instrument = NULL;
    struct refusal refusal =
        check_symbol(call_text(call, "category"), call_text(call, "symbol"), &instrument);
    int64_t idx;

    if (refusal.code)
        return refusal;
    for (size_t i = 0; i < ARRAY_LEN(stop_texts); i++) {
        if (call_is_not_text(call, stop_texts[i]))
            return (struct refusal){ 10001, "params error: a text was expected" };
    }
    if (!instrument_has_position(instrument))
        return (struct refusal){ 10001, "params error: category is invalid" };
    if (!call_int(call, "positionIdx", 0, POSITION_PLACES - 1, -1, &idx) || idx < 0)
        return (struct refusal){ 10001, "params error: positionIdx is required" };
    if (call->exchange->account.hedged[instrument->index] != (idx != 0))
        return (struct refusal){ 10001, "position idx not match position mode" };
    *out = &call->exchange->account.positions[instrument->index][idx];
    if ((*out)->lots == 0)
        return (struct refusal){ 10001, "can not set tp/sl/ts for zero position" };
    return fine;
}

/* Both sizes are needed, and are the same; one leg needs its own. */
static struct refusal read_sizes(const struct rest_call *call, const struct position *position,
                                 struct exits_change *out)
{
    const char *profit = filled_text(call, "tpSize");
    const char *loss = filled_text(call, "slSize");
    const char *size = out->has_take_profit ? profit : loss;
    struct refusal refusal;

    if (out->has_take_profit && out->has_stop_loss &&
        (!profit || !loss || strcmp(profit, loss) != 0))
        return (struct refusal){ 10001, "tpSize and slSize must be the same" };
    refusal = check_lots(position->instrument, size, NULL, &out->lots);
    if (!refusal.code && out->lots > (position->lots < 0 ? -position->lots : position->lots))
        return (struct refusal){ 10001, "the TP/SL size is larger than the position" };
    return refusal;
}

static struct refusal read_trailing(const struct rest_call *call,
                                    const struct instrument *instrument, struct exits_change *out)
{
    const char *distance = filled_text(call, "trailingStop");
    const char *active = filled_text(call, "activePrice");
    struct refusal refusal = fine;

    out->has_trailing = distance != NULL;
    if (check_is_zero(distance))
        return fine;
    if (instrument->category == CATEGORY_OPTION)
        return (struct refusal){ 10001, "options have no trailing stop" };
    refusal = check_price(instrument, distance, &out->distance);
    if (!refusal.code && !check_is_zero(active))
        refusal = check_price(instrument, active, &out->active_ticks);
    return refusal;
}

static struct refusal read_stops(const struct rest_call *call, const struct position *position,
                                 struct exits_change *out)
{
    const struct leg_fields profit = { call_text(call, "takeProfit"),
                                       call_text(call, "tpTriggerBy"),
                                       call_text(call, "tpOrderType"),
                                       call_text(call, "tpLimitPrice") };
    const struct leg_fields loss = { call_text(call, "stopLoss"), call_text(call, "slTriggerBy"),
                                     call_text(call, "slOrderType"),
                                     call_text(call, "slLimitPrice") };
    struct refusal refusal = check_tpsl_mode(filled_text(call, "tpslMode"), &out->partial);

    if (!refusal.code && !filled_text(call, "tpslMode"))
        return (struct refusal){ 10001, "params error: tpslMode is required" };
    if (!refusal.code && out->partial && position->instrument->category == CATEGORY_OPTION)
        return (struct refusal){ 10001, "options have TP/SL in full mode only" };
    /* Partial only adds: a price of zero says nothing there. */
    out->has_take_profit = out->partial ? !check_is_zero(profit.price) : profit.price != NULL;
    out->has_stop_loss = out->partial ? !check_is_zero(loss.price) : loss.price != NULL;
    if (!refusal.code)
        refusal = check_leg(position->instrument, &profit, out->partial, &out->take_profit);
    if (!refusal.code)
        refusal = check_leg(position->instrument, &loss, out->partial, &out->stop_loss);
    if (!refusal.code && out->partial && (out->has_take_profit || out->has_stop_loss))
        refusal = read_sizes(call, position, out);
    return refusal.code ? refusal : read_trailing(call, position->instrument, out);
}

struct refusal rest_trading_stop(struct rest_call *call)
{
    struct exits_change change = { .partial = false };
    struct position *position = NULL;
    struct refusal refusal = find_position(call, &position);
    struct exits exits;

    if (!refusal.code)
        refusal = read_stops(call, position, &change);
    if (refusal.code)
        return refusal;
    exits = (struct exits){ .take_profit = change.take_profit, .stop_loss = change.stop_loss };
    refusal =
        check_exit_sides(position->lots > 0 ? SIDE_BUY : SIDE_SELL,
                         stop_price(call->exchange, position->instrument, PRICE_LAST), &exits);
    return refusal.code ? refusal : exits_set(call->exchange, position, &change);
}
