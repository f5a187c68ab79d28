/* Candles: of trades, of the mark price, of the index price. */
#include <string.h>

#include "sim/candles.h"
#include "sim/check.h"
#include "sim/market.h"
#include "sim/rest.h"

#define ABSENT (-1)

static const struct refusal fine = { 0, "OK" };

struct candle_query {
    const struct instrument *instrument;
    int interval;
    int64_t first_ms; /* bounds of the starts, both included */
    int64_t last_ms;
    int64_t limit;
};

/* From `start` alone the candles go on from there, so the last is found by walking. */
static int64_t last_of(const struct candle_query *query, int64_t now_ms)
{
    int64_t start_ms = candle_start(query->interval, query->first_ms);

    if (start_ms < query->first_ms)
        start_ms = candle_next(query->interval, start_ms);
    for (int64_t i = 1; i < query->limit && start_ms <= now_ms; i++)
        start_ms = candle_next(query->interval, start_ms);
    return start_ms;
}

static struct refusal read_query(const struct rest_call *call, struct candle_query *out)
{
    const char *category = call_text(call, "category");
    const char *interval = call_text(call, "interval");
    int64_t now_ms = call->exchange->now_ms;
    struct refusal refusal =
        check_symbol(category ? category : "linear", call_text(call, "symbol"), &out->instrument);

    if (refusal.code)
        return refusal;
    out->interval = interval ? candle_interval(interval) : -1;
    if (out->instrument->category == CATEGORY_OPTION)
        return (struct refusal){ 10001, "params error: there are no candles of options" };
    if (out->interval < 0)
        return (struct refusal){ 10001, "params error: interval is invalid" };
    if (!call_int(call, "limit", 1, 1000, 200, &out->limit) ||
        !call_int(call, "start", 0, INT64_MAX, ABSENT, &out->first_ms) ||
        !call_int(call, "end", 0, INT64_MAX, ABSENT, &out->last_ms))
        return (struct refusal){ 10001, "params error: start, end or limit is invalid" };
    if (out->first_ms > now_ms)
        out->limit = 0;
    else if (out->last_ms == ABSENT)
        out->last_ms = out->first_ms == ABSENT ? now_ms : last_of(out, now_ms);
    if (out->last_ms > now_ms)
        out->last_ms = now_ms;
    return fine;
}

static void add_cell(cJSON *row, struct decimal value)
{
    char text[DECIMAL_TEXT_MAX];

    (void)cJSON_AddItemToArray(row, cJSON_CreateString(decimal_format(&value, text)));
}

typedef void row_adder(cJSON *row, const struct instrument *instrument,
                       const struct candle *candle);

static void add_prices(cJSON *row, const struct instrument *instrument, const struct candle *candle)
{
    add_cell(row, instrument_price(instrument, candle->open));
    add_cell(row, instrument_price(instrument, candle->high));
    add_cell(row, instrument_price(instrument, candle->low));
    add_cell(row, instrument_price(instrument, candle->close));
}

static void add_traded(cJSON *row, const struct instrument *instrument, const struct candle *candle)
{
    add_prices(row, instrument, candle);
    add_cell(row, instrument_qty(instrument, candle->lots));
    add_cell(row, instrument_value(instrument, candle->units));
}

static void add_index(cJSON *row, const struct instrument *instrument, const struct candle *candle)
{
    const struct candle index = {
        .open = market_index_of(candle->open),
        .high = market_index_of(candle->high),
        .low = market_index_of(candle->low),
        .close = market_index_of(candle->close),
    };

    add_prices(row, instrument, &index);
}

/* Newest first. */
static void add_candles(cJSON *list, const struct exchange *exchange,
                        const struct candle_query *query, row_adder *add)
{
    int64_t start_ms = candle_start(query->interval, query->last_ms > 0 ? query->last_ms : 0);
    int64_t begin_ms = past_begin_ms(market_past(exchange));

    for (int64_t added = 0; added < query->limit && start_ms >= query->first_ms; added++) {
        struct candle candle;
        cJSON *row;

        if (!candle_between(exchange, query->instrument->index, start_ms,
                            candle_next(query->interval, start_ms), &candle))
            break;
        row = cJSON_CreateArray();
        add_cell(row, decimal_from_int(start_ms));
        add(row, query->instrument, &candle);
        (void)cJSON_AddItemToArray(list, row);
        if (start_ms <= begin_ms)
            break;
        start_ms = candle_start(query->interval, start_ms - 1);
    }
}

static struct refusal answer(struct rest_call *call, row_adder *add)
{
    struct candle_query query = { 0 };
    struct refusal refusal = read_query(call, &query);

    if (refusal.code)
        return refusal;
    tape_advance(&call->exchange->tapes[query.instrument->index], call->exchange->now_ms);
    build_text(call->result, "symbol", query.instrument->symbol);
    build_text(call->result, "category", category_word(query.instrument->category));
    add_candles(build_list(call->result, "list"), call->exchange, &query, add);
    return fine;
}

struct refusal rest_klines(struct rest_call *call)
{
    return answer(call, add_traded);
}

static struct refusal answer_prices(struct rest_call *call, row_adder *add)
{
    const char *category = call_text(call, "category");

    if (category && strcmp(category, "spot") == 0)
        return (struct refusal){ 10001, "params error: category is invalid" };
    return answer(call, add);
}

struct refusal rest_mark_klines(struct rest_call *call)
{
    return answer_prices(call, add_prices);
}

struct refusal rest_index_klines(struct rest_call *call)
{
    return answer_prices(call, add_index);
}
