/* Public market data: time, instruments, tickers, books, trades. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/check.h"
#include "sim/feeds.h"
#include "sim/messages.h"
#include "sim/rest.h"

#define DEFAULT_BASE "BTC" /* of options, where a list shows one coin and none is named */

static const struct refusal fine = { 0, "OK" };

struct refusal rest_time(struct rest_call *call)
{
    char nano[32];
    int64_t now_ms = call->exchange->now_ms;

    (void)snprintf(nano, sizeof(nano), "%" PRId64 "000000", now_ms);
    build_int_text(call->result, "timeSecond", now_ms / 1000);
    build_text(call->result, "timeNano", nano);
    return fine;
}

static const char *filled_text(const struct rest_call *call, const char *name)
{
    const char *text = call_text(call, name);

    return text && *text ? text : NULL;
}

static const struct refusal bad_page = { 10001, "params error: limit or cursor is invalid" };

/* --- lists of instruments --- */

struct list_query {
    enum category category;
    const struct instrument *named; /* NULL: all of the category */
    const char *base;               /* NULL: any */
    const char *date;               /* of options, "25DEC26"; NULL: any */
};

static struct refusal read_list(const struct rest_call *call, struct list_query *out)
{
    struct refusal refusal = call_category(call, &out->category);
    const char *symbol = filled_text(call, "symbol");

    out->named = NULL;
    out->base = filled_text(call, "baseCoin");
    out->date = filled_text(call, "expDate");
    if (!refusal.code && symbol)
        refusal = check_symbol(call_text(call, "category"), symbol, &out->named);
    return refusal;
}

/* The second part of an option's symbol, as in BTC-25DEC26-90000-C-USDT. */
static bool has_date(const struct instrument *option, const char *date)
{
    const char *at = strchr(option->symbol, '-') + 1;
    size_t bytes = strlen(date);

    return strncmp(at, date, bytes) == 0 && at[bytes] == '-';
}

static bool is_listed(const struct list_query *query, const struct instrument *instrument)
{
    if (instrument->category != query->category)
        return false;
    if (query->named)
        return query->named == instrument;
    if (query->category == CATEGORY_OPTION && query->date && !has_date(instrument, query->date))
        return false;
    return !query->base || strcmp(query->base, instrument->base) == 0;
}

/* All that is listed is trading. Spot has no pages. */
struct refusal rest_instruments(struct rest_call *call)
{
    const char *status = filled_text(call, "status");
    struct list_query query;
    struct refusal refusal = read_list(call, &query);
    bool paged = query.category != CATEGORY_SPOT;
    uint64_t first = UINT64_MAX;
    int64_t limit = INSTRUMENT_COUNT;
    uint64_t next = 0;
    int64_t added = 0;
    cJSON *list;

    if (refusal.code)
        return refusal;
    if (query.category == CATEGORY_OPTION && !query.base)
        query.base = DEFAULT_BASE;
    if (paged && (!call_int(call, "limit", 1, 1000, 500, &limit) ||
                  !call_cursor(call, "instrument", &first)))
        return bad_page;
    build_text(call->result, "category", category_word(query.category));
    list = build_list(call->result, "list");
    for (uint64_t i = first == UINT64_MAX ? 0 : first; i < INSTRUMENT_COUNT; i++) {
        if (!is_listed(&query, instrument_at((int)i)) || (status && strcmp(status, "Trading") != 0))
            continue;
        if (added++ == limit) {
            next = i;
            break;
        }
        message_instrument(build_item(list), instrument_at((int)i));
    }
    if (paged)
        result_cursor(call, "instrument", next);
    return fine;
}

struct refusal rest_tickers(struct rest_call *call)
{
    struct list_query query;
    struct refusal refusal = read_list(call, &query);
    cJSON *list;

    if (!refusal.code && query.category == CATEGORY_OPTION && !query.named && !query.base)
        return (struct refusal){ 10001, "params error: symbol or baseCoin is required" };
    if (refusal.code)
        return refusal;
    build_text(call->result, "category", category_word(query.category));
    list = build_list(call->result, "list");
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        if (is_listed(&query, instrument_at(i)))
            message_ticker_rest(build_item(list), call->exchange, instrument_at(i));
    }
    return fine;
}

/* --- books --- */

static const struct {
    int64_t most, usual;
} depths[CATEGORY_COUNT] = {
    [CATEGORY_SPOT] = { 1000, 1 },
    [CATEGORY_LINEAR] = { 1000, 25 },
    [CATEGORY_INVERSE] = { 1000, 25 },
    [CATEGORY_OPTION] = { 25, 1 },
};

static void add_side(cJSON *out, const char *name, const struct instrument *instrument,
                     const struct feed_level *levels, size_t count, int64_t limit)
{
    cJSON *list = build_list(out, name);

    for (size_t i = 0; i < count && (int64_t)i < limit; i++)
        message_level(list, instrument, levels[i].ticks, levels[i].lots);
}

struct refusal rest_orderbook(struct rest_call *call)
{
    const struct instrument *instrument = NULL;
    struct refusal refusal =
        check_symbol(call_text(call, "category"), call_text(call, "symbol"), &instrument);
    struct feed_picture picture;
    int64_t limit;

    if (refusal.code)
        return refusal;
    if (!call_int(call, "limit", 1, depths[instrument->category].most,
                  depths[instrument->category].usual, &limit))
        return (struct refusal){ 10001, "params error: limit is invalid" };
    feeds_picture(call->feeds, instrument->index, &picture);
    build_text(call->result, "s", instrument->symbol);
    add_side(call->result, "b", instrument, picture.bids, picture.bids_count, limit);
    add_side(call->result, "a", instrument, picture.asks, picture.asks_count, limit);
    build_int(call->result, "ts", call->exchange->now_ms);
    build_int(call->result, "u", (int64_t)picture.u);
    build_int(call->result, "seq", (int64_t)picture.seq);
    build_int(call->result, "cts", picture.at_ms);
    return fine;
}

/* --- trades --- */

static const struct public_trade *next_trade(const struct rest_call *call, bool wanted[],
                                             uint64_t back[], int *from)
{
    const struct public_trade *newest = NULL;

    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        const struct public_trade *trade =
            wanted[i] ? tape_trade(&call->exchange->tapes[i], back[i]) : NULL;

        if (!trade)
            wanted[i] = false;
        else if (!newest || trade->seq > newest->seq) {
            newest = trade;
            *from = i;
        }
    }
    if (newest)
        back[*from]++;
    return newest;
}

/* Which options are meant: one, or all of a coin, or its calls or puts. */
static struct refusal choose_options(const struct rest_call *call, bool wanted[])
{
    const char *base = filled_text(call, "baseCoin");
    const char *type = filled_text(call, "optionType");

    if (type && strcmp(type, "Call") != 0 && strcmp(type, "Put") != 0)
        return (struct refusal){ 10001, "params error: optionType is Call or Put" };
    for (int i = INSTRUMENT_FIRST_OPTION; i < INSTRUMENT_COUNT; i++) {
        const struct instrument *option = instrument_at(i);

        wanted[i] = strcmp(base ? base : DEFAULT_BASE, option->base) == 0 &&
                    (!type || (strcmp(type, "Call") == 0) == option->is_call);
    }
    return fine;
}

static struct refusal choose_tapes(const struct rest_call *call, enum category category,
                                   bool wanted[])
{
    const struct instrument *instrument = NULL;
    struct refusal refusal;

    if (category == CATEGORY_OPTION && !filled_text(call, "symbol"))
        return choose_options(call, wanted);
    refusal = check_symbol(call_text(call, "category"), call_text(call, "symbol"), &instrument);
    if (!refusal.code)
        wanted[instrument->index] = true;
    return refusal;
}

struct refusal rest_recent_trades(struct rest_call *call)
{
    enum category category = CATEGORY_LINEAR;
    struct refusal refusal = call_category(call, &category);
    uint64_t back[INSTRUMENT_COUNT] = { 0 };
    bool wanted[INSTRUMENT_COUNT] = { false };
    bool spot = category == CATEGORY_SPOT;
    const struct public_trade *trade;
    int64_t limit;
    int from = 0;
    cJSON *list;

    if (!refusal.code)
        refusal = choose_tapes(call, category, wanted);
    if (refusal.code)
        return refusal;
    if (!call_int(call, "limit", 1, spot ? 60 : 1000, spot ? 60 : 500, &limit))
        return (struct refusal){ 10001, "params error: limit is invalid" };
    build_text(call->result, "category", category_word(category));
    list = build_list(call->result, "list");
    for (; limit > 0 && (trade = next_trade(call, wanted, back, &from)); limit--)
        message_trade_rest(build_item(list), call->exchange, instrument_at(from), trade);
    return fine;
}
