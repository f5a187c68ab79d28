#include "base/trade.h"

#include <string.h>
#include <strings.h>

static const char *const categories[] = { "spot", "linear", "inverse", "option" };
static const char *const side_words[] = { "", "buy", "sell" };
static const char *const sides_theirs[] = { "", "Buy", "Sell" };
static const char *const type_words[] = { "", "limit", "market" };
static const char *const types_theirs[] = { "", "Limit", "Market" };
static const char *const tif_words[] = { "", "gtc", "ioc", "fok", "post_only", "rpi" };
static const char *const tifs_theirs[] = { "", "GTC", "IOC", "FOK", "PostOnly", "RPI" };
static const char *const trigger_words[] = { "", "last", "mark", "index" };
static const char *const triggers_theirs[] = { "", "LastPrice", "MarkPrice", "IndexPrice" };
static const char *const smp_words[] = { "", "none", "cancel_maker", "cancel_taker",
                                         "cancel_both" };
static const char *const smps_theirs[] = { "", "None", "CancelMaker", "CancelTaker", "CancelBoth" };
static const char *const slippage_words[] = { "", "ticks", "percent" };
static const char *const slippages_theirs[] = { "", "TickSize", "Percent" };
static const char *const spot_trigger_words[] = { "", "tpsl", "stop" };
static const char *const spot_triggers_theirs[] = { "", "tpslOrder", "StopOrder" };
static const char *const statuses[] = {
    "",       "New",       "PartiallyFilled",         "Untriggered", "Triggered",
    "Filled", "Cancelled", "PartiallyFilledCanceled", "Rejected",    "Deactivated",
    "Other"
};
static const char *const state_names[] = { "intent",         "sent",   "acked",    "unknown",
                                           "live",           "closed", "rejected", "not_sent",
                                           "never_accepted", "gone" };
static const char *const fill_kinds[] = { "trade", "funding", "liquidation",
                                          "adl",   "settle",  "other" };

const char *category_word(enum category category)
{
    return categories[category];
}

const char *evidence_source_word(enum evidence_source source)
{
    static const char *const words[] = { "bridge", "answer", "stream", "scan" };

    return words[source];
}

const char *side_word(enum side side)
{
    return side_words[side];
}

const char *side_theirs(enum side side)
{
    return sides_theirs[side];
}

const char *order_type_word(enum order_type type)
{
    return type_words[type];
}

const char *order_type_theirs(enum order_type type)
{
    return types_theirs[type];
}

const char *tif_word(enum tif tif)
{
    return tif_words[tif];
}

const char *tif_theirs(enum tif tif)
{
    return tifs_theirs[tif];
}

const char *status_theirs(enum exchange_status status)
{
    return statuses[status];
}

const char *trigger_by_word(enum trigger_by by)
{
    return trigger_words[by];
}

const char *trigger_by_theirs(enum trigger_by by)
{
    return triggers_theirs[by];
}

const char *smp_word(enum smp smp)
{
    return smp_words[smp];
}

const char *smp_theirs(enum smp smp)
{
    return smps_theirs[smp];
}

const char *slippage_word(enum slippage kind)
{
    return slippage_words[kind];
}

const char *slippage_theirs(enum slippage kind)
{
    return slippages_theirs[kind];
}

const char *spot_trigger_word(enum spot_trigger kind)
{
    return spot_trigger_words[kind];
}

const char *spot_trigger_theirs(enum spot_trigger kind)
{
    return spot_triggers_theirs[kind];
}

const char *fill_kind_word(enum fill_kind kind)
{
    return fill_kinds[kind];
}

const char *order_state_name(enum order_state state)
{
    return state_names[state];
}

static const char *live_word(const struct order *order)
{
    if (order->status == STATUS_UNTRIGGERED)
        return "untriggered";
    return decimal_sign(&order->filled_qty) > 0 ? "partial" : "open";
}

/* A size in quote coin is seldom a multiple of the step at its price: the exchange then ends the
 * order as partly filled, because what is left is worth nothing. Nothing of it is missing. */
static bool is_spent(const struct order *order)
{
    return order->request.qty_in_quote && decimal_sign(&order->filled_qty) > 0 &&
           strcmp(order->reject_reason, "EC_CancelByOrderValueZero") == 0;
}

/* Of an end that no message told of (engine/untold.c) the fills say what it is; where no message
 * ever came, they are all that is known. */
static bool is_filled(const struct order *order)
{
    if (order->status == STATUS_FILLED || is_spent(order))
        return true;
    if (order->status == STATUS_NONE)
        return decimal_sign(&order->filled_qty) > 0;
    return !status_is_closed(order->status) && !order->request.qty_in_quote &&
           decimal_cmp(&order->filled_qty, &order->request.qty) == 0;
}

const char *order_state_word(const struct order *order)
{
    switch (order->state) {
    case ORDER_INTENT:
    case ORDER_SENT:
        return "pending";
    case ORDER_ACKED:
        return "accepted";
    case ORDER_UNKNOWN:
        return "unknown";
    case ORDER_LIVE:
        return live_word(order);
    case ORDER_CLOSED:
        return is_filled(order) ? "filled" : "cancelled";
    case ORDER_REJECTED:
        return "rejected";
    case ORDER_NOT_SENT:
        return "not_sent";
    case ORDER_NEVER_ACCEPTED:
        return "never_accepted";
    case ORDER_GONE:
        return "cancelled";
    }
    return "unknown";
}

bool order_state_is_final(enum order_state state)
{
    return state >= ORDER_CLOSED;
}

bool status_is_closed(enum exchange_status status)
{
    return status >= STATUS_FILLED && status <= STATUS_DEACTIVATED;
}

/* The index of `word` in a table, case ignored, or -1; the empty word is never found. */
static int find(const char *const *table, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i][0] && strcasecmp(table[i], word) == 0)
            return (int)i;
    }
    return -1;
}

bool category_parse(const char *word, enum category *out)
{
    int at = find(categories, ARRAY_LEN(categories), word);

    if (at < 0)
        return false;
    *out = (enum category)at;
    return true;
}

bool side_parse(const char *word, enum side *out)
{
    int at = find(side_words, ARRAY_LEN(side_words), word);

    if (at < 0)
        return false;
    *out = (enum side)at;
    return true;
}

bool order_type_parse(const char *word, enum order_type *out)
{
    int at = find(type_words, ARRAY_LEN(type_words), word);

    if (at < 0)
        return false;
    *out = (enum order_type)at;
    return true;
}

bool tif_parse(const char *word, enum tif *out)
{
    int at = find(tif_words, ARRAY_LEN(tif_words), word);

    if (at < 0)
        at = find(tifs_theirs, ARRAY_LEN(tifs_theirs), word);
    if (at < 0)
        return false;
    *out = (enum tif)at;
    return true;
}

bool trigger_by_parse(const char *word, enum trigger_by *out)
{
    int at = find(trigger_words, ARRAY_LEN(trigger_words), word);

    if (at < 0)
        at = find(triggers_theirs, ARRAY_LEN(triggers_theirs), word);
    if (at < 0)
        return false;
    *out = (enum trigger_by)at;
    return true;
}

bool smp_parse(const char *word, enum smp *out)
{
    int at = find(smp_words, ARRAY_LEN(smp_words), word);

    if (at < 0)
        at = find(smps_theirs, ARRAY_LEN(smps_theirs), word);
    if (at < 0)
        return false;
    *out = (enum smp)at;
    return true;
}

bool slippage_parse(const char *word, enum slippage *out)
{
    int at = find(slippage_words, ARRAY_LEN(slippage_words), word);

    if (at < 0)
        at = find(slippages_theirs, ARRAY_LEN(slippages_theirs), word);
    if (at < 0)
        return false;
    *out = (enum slippage)at;
    return true;
}

bool spot_trigger_parse(const char *word, enum spot_trigger *out)
{
    int at = find(spot_trigger_words, ARRAY_LEN(spot_trigger_words), word);

    if (at < 0)
        at = find(spot_triggers_theirs, ARRAY_LEN(spot_triggers_theirs), word);
    if (at < 0)
        return false;
    *out = (enum spot_trigger)at;
    return true;
}

enum exchange_status status_parse(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses) - 1; i++) {
        if (strcmp(statuses[i], word) == 0)
            return (enum exchange_status)i;
    }
    return STATUS_OTHER;
}

bool order_state_parse(const char *name, enum order_state *out)
{
    int at = find(state_names, ARRAY_LEN(state_names), name);

    if (at < 0)
        return false;
    *out = (enum order_state)at;
    return true;
}

bool fill_kind_parse(const char *word, enum fill_kind *out)
{
    int at = find(fill_kinds, ARRAY_LEN(fill_kinds), word);

    if (at < 0)
        return false;
    *out = (enum fill_kind)at;
    return true;
}

/* execType, PROTOCOL section 16. */
enum fill_kind fill_kind_parse_theirs(const char *exec_type)
{
    static const struct {
        const char *theirs;
        enum fill_kind kind;
    } kinds[] = { { "Trade", FILL_TRADE },           { "BlockTrade", FILL_TRADE },
                  { "FutureSpread", FILL_TRADE },    { "Funding", FILL_FUNDING },
                  { "BustTrade", FILL_LIQUIDATION }, { "AdlTrade", FILL_ADL },
                  { "Settle", FILL_SETTLE },         { "Delivery", FILL_SETTLE } };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].theirs, exec_type) == 0)
            return kinds[i].kind;
    }
    return FILL_OTHER;
}

void order_request_clear(struct order_request *out)
{
    memset(out, 0, sizeof(*out));
    out->price = out->trigger_price = out->take_profit = out->stop_loss = DECIMAL_NONE;
    out->take_profit_limit = out->stop_loss_limit = out->slippage = DECIMAL_NONE;
    out->value_price = out->whole_qty = out->part_qty = DECIMAL_NONE;
}

void order_change_clear(struct order_change *out)
{
    out->qty = out->price = out->trigger_price = DECIMAL_NONE;
    out->take_profit = out->stop_loss = out->value_price = DECIMAL_NONE;
}

bool link_is_valid(const char *link)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t bytes = strlen(link);

    return bytes > 0 && bytes < ORDER_LINK_MAX && strspn(link, allowed) == bytes;
}

bool symbol_is_valid(const char *symbol)
{
    size_t bytes = strlen(symbol);

    return bytes > 0 && bytes < SYMBOL_MAX &&
           strspn(symbol, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == bytes;
}
