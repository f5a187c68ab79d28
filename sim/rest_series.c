/* What contracts publish at fixed times: funding rates, open interest. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/check.h"
#include "sim/market.h"
#include "sim/rest.h"

#define ABSENT (-1)

static const struct refusal fine = { 0, "OK" };

static struct refusal read_contract(const struct rest_call *call, const struct instrument **out)
{
    struct refusal refusal =
        check_symbol(call_text(call, "category"), call_text(call, "symbol"), out);

    if (!refusal.code && !instrument_is_contract(*out))
        return (struct refusal){ 10001, "params error: category is linear or inverse" };
    return refusal;
}

static bool read_times(const struct rest_call *call, int64_t *first_ms, int64_t *last_ms)
{
    return call_int(call, "startTime", 0, INT64_MAX, ABSENT, first_ms) &&
           call_int(call, "endTime", 0, INT64_MAX, ABSENT, last_ms);
}

struct refusal rest_funding_history(struct rest_call *call)
{
    const struct exchange *exchange = call->exchange;
    const struct instrument *instrument = NULL;
    struct refusal refusal = read_contract(call, &instrument);
    int64_t begin_ms = past_begin_ms(market_past(exchange));
    int64_t first_ms;
    int64_t last_ms;
    int64_t limit;
    cJSON *list;

    if (refusal.code)
        return refusal;
    if (!read_times(call, &first_ms, &last_ms) || !call_int(call, "limit", 1, 200, 200, &limit))
        return (struct refusal){ 10001, "params error: startTime, endTime or limit is invalid" };
    if (first_ms != ABSENT && last_ms == ABSENT)
        return (struct refusal){ 10001, "params error: startTime needs endTime" };
    if (last_ms != ABSENT && first_ms > last_ms)
        return (struct refusal){ 10001, "params error: startTime is after endTime" };
    if (last_ms == ABSENT || last_ms > exchange->now_ms)
        last_ms = exchange->now_ms;
    first_ms = first_ms > begin_ms ? first_ms : begin_ms;
    build_text(call->result, "category", category_word(instrument->category));
    list = build_list(call->result, "list");
    for (int64_t at_ms = last_ms - last_ms % MARKET_FUNDING_MS; at_ms >= first_ms && limit-- > 0;
         at_ms -= MARKET_FUNDING_MS) {
        cJSON *row = build_item(list);

        build_text(row, "symbol", instrument->symbol);
        build_decimal(row, "fundingRate", market_funding_rate(exchange, instrument->index, at_ms));
        build_int_text(row, "fundingRateTimestamp", at_ms);
    }
    return fine;
}

/* --- open interest --- */

static const struct {
    const char *name;
    int64_t minutes;
} spans[] = { { "5min", 5 }, { "15min", 15 }, { "30min", 30 },
              { "1h", 60 },  { "4h", 240 },   { "1d", 1440 } };

static int64_t span_ms(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(spans); i++) {
        if (strcmp(spans[i].name, name) == 0)
            return spans[i].minutes * 60000;
    }
    return 0;
}

struct interest_query {
    const struct instrument *instrument;
    int64_t span_ms;
    int64_t first_ms;
    int64_t last_ms;
    int64_t limit;
};

static struct refusal read_interest(const struct rest_call *call, struct interest_query *out)
{
    struct refusal refusal = read_contract(call, &out->instrument);
    int64_t begin_ms = past_begin_ms(market_past(call->exchange));
    uint64_t before_s;

    if (refusal.code)
        return refusal;
    out->span_ms = span_ms(call_text(call, "intervalTime"));
    if (out->span_ms == 0)
        return (struct refusal){ 10001, "params error: intervalTime is invalid" };
    if (!read_times(call, &out->first_ms, &out->last_ms) ||
        !call_int(call, "limit", 1, 200, 50, &out->limit))
        return (struct refusal){ 10001, "params error: startTime, endTime or limit is invalid" };
    if (!call_cursor(call, "lasttime", &before_s))
        return (struct refusal){ 10001, "params error: cursor is invalid" };
    if (out->last_ms == ABSENT || out->last_ms > call->exchange->now_ms)
        out->last_ms = call->exchange->now_ms;
    if (before_s <= (uint64_t)out->last_ms / 1000)
        out->last_ms = (int64_t)before_s * 1000 - 1;
    out->first_ms = out->first_ms > begin_ms ? out->first_ms : begin_ms;
    return fine;
}

static void add_interest_cursor(struct rest_call *call, int64_t last_ms)
{
    char cursor[80] = "";

    if (last_ms)
        (void)snprintf(cursor, sizeof(cursor), "lastid%%3D%" PRId64 "%%26lasttime%%3D%" PRId64,
                       last_ms / 60000, last_ms / 1000);
    build_text(call->result, "nextPageCursor", cursor);
}

struct refusal rest_open_interest(struct rest_call *call)
{
    struct interest_query query = { 0 };
    struct refusal refusal = read_interest(call, &query);
    int64_t next_ms = 0;
    int64_t added = 0;
    cJSON *list;

    if (refusal.code)
        return refusal;
    build_text(call->result, "symbol", query.instrument->symbol);
    build_text(call->result, "category", category_word(query.instrument->category));
    list = build_list(call->result, "list");
    for (int64_t at_ms = query.last_ms - query.last_ms % query.span_ms;
         query.last_ms >= 0 && at_ms >= query.first_ms; at_ms -= query.span_ms) {
        int64_t lots = market_open_interest_then(call->exchange, query.instrument->index, at_ms);
        cJSON *row;

        if (added++ == query.limit)
            break;
        row = build_item(list);
        build_qty(row, "openInterest", query.instrument, lots);
        build_qty(row, "singleOpenInterest", query.instrument, lots / 2);
        build_int_text(row, "timestamp", at_ms);
        next_ms = at_ms;
    }
    add_interest_cursor(call, added > query.limit ? next_ms : 0);
    return fine;
}
