/* Public market data. Categories that are not traded here answer empty lists. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/check.h"
#include "sim/messages.h"
#include "sim/rest.h"

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

/* Whether the optional filter `symbol` lets it pass. */
static bool wanted(const struct rest_call *call, const struct instrument *instrument,
                   enum category category)
{
    const char *symbol = call_text(call, "symbol");
    const char *base = call_text(call, "baseCoin");

    if (instrument->category != category)
        return false;
    if (symbol && *symbol)
        return strcmp(symbol, instrument->symbol) == 0;
    return !base || !*base || strcmp(base, instrument->base) == 0;
}

static struct refusal unknown_symbol(const struct rest_call *call, enum category category)
{
    const char *symbol = call_text(call, "symbol");
    const struct instrument *instrument;

    if (!symbol || !*symbol || category == CATEGORY_INVERSE || category == CATEGORY_OPTION)
        return fine;
    return check_symbol(call_text(call, "category"), symbol, &instrument);
}

struct refusal rest_instruments(struct rest_call *call)
{
    enum category category = CATEGORY_LINEAR;
    struct refusal refusal = call_category(call, &category);
    cJSON *list;

    if (!refusal.code)
        refusal = unknown_symbol(call, category);
    if (refusal.code)
        return refusal;
    build_text(call->result, "category", category_word(category));
    list = build_list(call->result, "list");
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        if (wanted(call, instrument_at(i), category))
            message_instrument(build_item(list), instrument_at(i));
    }
    if (category != CATEGORY_SPOT)
        build_text(call->result, "nextPageCursor", "");
    return fine;
}

struct refusal rest_tickers(struct rest_call *call)
{
    enum category category = CATEGORY_LINEAR;
    struct refusal refusal = call_category(call, &category);
    cJSON *list;

    if (!refusal.code)
        refusal = unknown_symbol(call, category);
    if (refusal.code)
        return refusal;
    build_text(call->result, "category", category_word(category));
    list = build_list(call->result, "list");
    for (int i = 0; i < INSTRUMENT_COUNT; i++) {
        if (wanted(call, instrument_at(i), category))
            message_ticker_rest(build_item(list), call->exchange, instrument_at(i));
    }
    return fine;
}

static struct refusal named_symbol(const struct rest_call *call, const struct instrument **out)
{
    const char *category = call_text(call, "category");

    return check_symbol(category ? category : "linear", call_text(call, "symbol"), out);
}

static void add_side(cJSON *out, const char *name, const struct instrument *instrument,
                     const struct book_side *side, int64_t limit)
{
    cJSON *list = build_list(out, name);

    for (size_t i = 0; i < side->count && (int64_t)i < limit; i++)
        message_level(list, instrument, side->levels[i].ticks, side->levels[i].lots);
}

struct refusal rest_orderbook(struct rest_call *call)
{
    const struct exchange *exchange = call->exchange;
    const struct instrument *instrument = NULL;
    struct refusal refusal = named_symbol(call, &instrument);
    const struct book *book;
    int64_t limit;

    if (refusal.code)
        return refusal;
    if (!call_int(call, "limit", 1, 1000, instrument->category == CATEGORY_SPOT ? 1 : 25, &limit))
        return (struct refusal){ 10001, "params error: limit is invalid" };
    book = &exchange->books[instrument->index];
    build_text(call->result, "s", instrument->symbol);
    add_side(call->result, "b", instrument, &book->bids, limit);
    add_side(call->result, "a", instrument, &book->asks, limit);
    build_int(call->result, "ts", exchange->now_ms);
    build_int(call->result, "u",
              call->book_u ? (int64_t)call->book_u(instrument->index, call->userdata) : 1);
    build_int(call->result, "seq", (int64_t)exchange->seq);
    build_int(call->result, "cts", exchange->now_ms);
    return fine;
}

struct refusal rest_recent_trades(struct rest_call *call)
{
    const struct instrument *instrument = NULL;
    struct refusal refusal = named_symbol(call, &instrument);
    int64_t most;
    int64_t limit;
    cJSON *list;

    if (refusal.code)
        return refusal;
    most = instrument->category == CATEGORY_SPOT ? 60 : 1000;
    if (!call_int(call, "limit", 1, most, most == 60 ? 60 : 500, &limit))
        return (struct refusal){ 10001, "params error: limit is invalid" };
    build_text(call->result, "category", category_word(instrument->category));
    list = build_list(call->result, "list");
    for (int64_t back = 0; back < limit; back++) {
        const struct public_trade *trade =
            tape_trade(&call->exchange->tapes[instrument->index], (uint64_t)back);

        if (!trade)
            break;
        message_trade_rest(build_item(list), instrument, trade);
    }
    return fine;
}

/* --- candles --- */

static const struct {
    const char *name;
    int64_t minutes;
} intervals[] = {
    { "1", 1 },    { "3", 3 },     { "5", 5 },     { "15", 15 },   { "30", 30 },
    { "60", 60 },  { "120", 120 }, { "240", 240 }, { "360", 360 }, { "720", 720 },
    { "D", 1440 }, { "W", 10080 }, { "M", 43200 },
};

static int64_t interval_ms(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(intervals); i++) {
        if (strcmp(intervals[i].name, name) == 0)
            return intervals[i].minutes * 60000;
    }
    return 0;
}

static void add_candle(cJSON *list, const struct instrument *instrument,
                       const struct candle *candle)
{
    const struct decimal columns[] = {
        decimal_from_int(candle->start_ms),
        instrument_price(instrument, candle->open),
        instrument_price(instrument, candle->high),
        instrument_price(instrument, candle->low),
        instrument_price(instrument, candle->close),
        instrument_qty(instrument, candle->lots),
        instrument_value(instrument, candle->turnover),
    };
    cJSON *row = cJSON_CreateArray();
    char text[DECIMAL_TEXT_MAX];

    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        (void)cJSON_AddItemToArray(row, cJSON_CreateString(decimal_format(&columns[i], text)));
    (void)cJSON_AddItemToArray(list, row);
}

/* Merges the older minute into a candle that is walked from new to old. */
static void merge(struct candle *candle, const struct candle *minute, int64_t start_ms)
{
    if (candle->start_ms != start_ms) {
        *candle = *minute;
        candle->start_ms = start_ms;
        return;
    }
    candle->open = minute->open;
    candle->high = minute->high > candle->high ? minute->high : candle->high;
    candle->low = minute->low < candle->low ? minute->low : candle->low;
    candle->lots += minute->lots;
    candle->turnover += minute->turnover;
}

static void add_candles(cJSON *list, const struct tape *tape, const struct instrument *instrument,
                        int64_t span_ms, int64_t first_ms, int64_t last_ms, int64_t limit)
{
    struct candle candle = { .start_ms = -1 };
    const struct candle *minute;
    int64_t added = 0;

    for (uint64_t back = 0; added < limit && (minute = tape_candle(tape, back)); back++) {
        int64_t start_ms = minute->start_ms - minute->start_ms % span_ms;

        if (start_ms > last_ms)
            continue;
        if (start_ms < first_ms)
            break;
        if (candle.start_ms >= 0 && candle.start_ms != start_ms) {
            add_candle(list, instrument, &candle);
            added++;
        }
        merge(&candle, minute, start_ms);
    }
    if (candle.start_ms >= 0 && added < limit)
        add_candle(list, instrument, &candle);
}

struct refusal rest_klines(struct rest_call *call)
{
    const struct instrument *instrument = NULL;
    struct refusal refusal = named_symbol(call, &instrument);
    int64_t span_ms = interval_ms(call_text(call, "interval"));
    int64_t first_ms;
    int64_t last_ms;
    int64_t limit;

    if (refusal.code)
        return refusal;
    if (span_ms == 0)
        return (struct refusal){ 10001, "params error: interval is invalid" };
    if (!call_int(call, "limit", 1, 1000, 200, &limit) ||
        !call_int(call, "start", 0, INT64_MAX, 0, &first_ms) ||
        !call_int(call, "end", 0, INT64_MAX, INT64_MAX, &last_ms))
        return (struct refusal){ 10001, "params error: start, end or limit is invalid" };
    build_text(call->result, "symbol", instrument->symbol);
    build_text(call->result, "category", category_word(instrument->category));
    add_candles(build_list(call->result, "list"), &call->exchange->tapes[instrument->index],
                instrument, span_ms, first_ms, last_ms, limit);
    return fine;
}
