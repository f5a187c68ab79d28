/* api/trades.c - GET /trades/{symbol}: the newest public trades, newest first as all lists of
 * market data. The exchange keeps few of them: of spot it gives 60 at most, of the others 1,000,
 * and there is no way to older ones; the list is then shorter than `limit`. */
#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "api/form.h"
#include "api/handlers.h"
#include "api/lookup.h"
#include "api/market.h"
#include "base/clock.h"
#include "base/text.h"

#define LIMIT_DEFAULT 200
#define LIMIT_MAX     1000
#define SPOT_MAX      60

static const char *const columns[] = { "id",    "category", "symbol", "side",
                                       "price", "qty",      "block",  "at" };

/* The exchange's order is not documented. Trades of one ms: the later one by its sequence, else as
 * they came. */
struct placed_trade {
    struct public_trade trade;
    size_t place;
};

static int newest_first(const void *left, const void *right)
{
    const struct placed_trade *a = left;
    const struct placed_trade *b = right;

    if (a->trade.ts_ms != b->trade.ts_ms)
        return a->trade.ts_ms > b->trade.ts_ms ? -1 : 1;
    if (a->trade.seq != b->trade.seq)
        return a->trade.seq > b->trade.seq ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

/* False: unreadable, or another symbol's (of options the exchange may give the whole coin's). */
static bool read_trades(const struct json *list, const struct market_read *read,
                        struct placed_trade *out, size_t *count, struct error *error)
{
    struct json_walk walk = json_walk(list);
    struct json item;

    *count = 0;
    while (*count < LIMIT_MAX && json_next(&walk, NULL, &item)) {
        struct placed_trade *placed = &out[*count];

        if (trade_from_row(&placed->trade, &item, read->category, error))
            return false;
        placed->place = *count;
        if (strcmp(placed->trade.symbol, read->symbol) == 0)
            (*count)++;
        else if (read->category != CATEGORY_OPTION)
            return !error_set(error, ERR_INVALID, "trade: it is another symbol's");
    }
    return true;
}

static void answer_trades(const struct market_read *read, struct placed_trade *trades, size_t count,
                          int64_t as_of_ms)
{
    struct form_list list;

    qsort(trades, count, sizeof(*trades), newest_first);
    form_open(&list, read->call, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < count && i < (size_t)read->limit; i++) {
        api_add_trade(form_row(&list), &trades[i].trade);
        form_row_end(&list);
    }
    form_close(&list, NULL, as_of_ms, "rest");
}

static void on_answer(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct market_read *read = userdata;
    struct placed_trade *trades = NULL;
    struct envelope envelope;
    struct error error = { .code = ERR_NONE };
    struct json list;
    size_t count;

    if (market_open_answer(read->call, answer, &envelope) &&
        market_answer_list(read->call, &envelope, &list) &&
        !market_refuse_age(read, as_of_ms, clock_wall_ms() - as_of_ms, "rest")) {
        trades = calloc(LIMIT_MAX, sizeof(*trades));
        if (!trades)
            api_fail(read->call, NULL, "busy", "out of memory");
        else if (!read_trades(&list, read, trades, &count, &error))
            market_fail_unusable(read->call, error.text);
        else
            answer_trades(read, trades, count, as_of_ms);
    }
    free(trades);
    free(read);
}

static int upstream_limit(const struct market_read *read)
{
    if (read->category == CATEGORY_OPTION)
        return LIMIT_MAX; /* other symbols' may be among them */
    return read->category == CATEGORY_SPOT && read->limit > SPOT_MAX ? SPOT_MAX : read->limit;
}

void handle_trades(const struct api *api, struct api_call *call)
{
    struct market_read read;
    struct api_refusal refusal;
    char query[160];
    struct text text = text_in(query, sizeof(query));
    int64_t limit;

    if (lookup_int(call, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    if (!market_read_begin(&read, api, call, ANY_CATEGORY, "trades"))
        return;
    read.limit = (int)limit;
    text_addf(&text, "category=%s&symbol=%s", category_word(read.category), read.symbol);
    if (read.category == CATEGORY_OPTION) {
        text_add(&text, "&baseCoin=");
        text_add_query_value(&text, read.base);
    }
    text_addf(&text, "&limit=%d", upstream_limit(&read));
    market_read_rest(&read, ROUTE_RECENT_TRADES, query, on_answer);
}
