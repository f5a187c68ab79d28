/* api/market.c - tickers and single prices: from memory while the symbol is streamed, else over
 * REST, which begins the streaming. */
#include "api/market.h"

#include <stdlib.h>
#include <strings.h>

#include "api/events.h"
#include "api/form.h"
#include "api/handlers.h"
#include "api/lookup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define KIND_TICKER (-1) /* else the index of a price word */

enum price_of { OF_LAST, OF_MARK, OF_INDEX, OF_BID, OF_ASK, OF_MID };
static const char *const price_words[] = { "last", "mark", "index", "bid", "ask", "mid" };

static struct decimal middle(const struct ticker *ticker)
{
    const struct decimal two = { 2, 0 };
    struct decimal sum;
    struct decimal half;

    if (decimal_sign(&ticker->bid) <= 0 || decimal_sign(&ticker->ask) <= 0 ||
        decimal_add(&sum, &ticker->bid, &ticker->ask) ||
        decimal_div(&half, &sum, &two, sum.scale + 1))
        return DECIMAL_NONE;
    return decimal_trim(half);
}

static struct decimal price_of(const struct ticker *ticker, enum price_of of)
{
    switch (of) {
    case OF_LAST:
        return ticker->last;
    case OF_MARK:
        return ticker->mark;
    case OF_INDEX:
        return ticker->index;
    case OF_BID:
        return ticker->bid;
    case OF_ASK:
        return ticker->ask;
    case OF_MID:
        return middle(ticker);
    }
    return DECIMAL_NONE;
}

static void answer_price(const struct market_read *read, const struct ticker *ticker)
{
    struct decimal price = price_of(ticker, (enum price_of)read->kind);
    char digits[DECIMAL_TEXT_MAX];
    const struct api_problem_more more = { .retry_after_ms = 1000 };

    if (decimal_is_none(&price) || decimal_sign(&price) == 0) {
        api_fail(read->call, &more, "no_price_now", "%s:%s has no %s price now%s",
                 category_word(read->category), read->symbol, price_words[read->kind],
                 read->category == CATEGORY_OPTION && read->kind == OF_LAST
                     ? ": it has not traded; ask for mark"
                     : "");
        return;
    }
    buffer_addf(api_reply_begin(read->call), "%s\n", decimal_format(&price, digits));
    api_reply(read->call, 200, API_TEXT);
}

static void answer_ticker(const struct market_read *read, const struct ticker *ticker,
                          int64_t as_of_ms, int64_t age_ms, const char *source)
{
    if (market_is_too_old(read, as_of_ms, age_ms, source))
        return;
    if (read->kind != KIND_TICKER) {
        answer_price(read, ticker);
        return;
    }
    api_add_ticker(api_reply_begin(read->call), ticker, as_of_ms, source);
    api_reply(read->call, 200, API_JSON);
}

static bool read_ticker(struct ticker *out, const struct json *item, const struct market_read *read,
                        int64_t ts_ms)
{
    struct ticker ticker = { .category = read->category };

    if (json_member_text(item, "symbol", ticker.symbol, sizeof(ticker.symbol)))
        return false;
    *out = ticker;
    if (ticker_merge(out, item, true, ts_ms, NULL))
        return false;
    out->category = read->category;
    return text_copy(out->symbol, sizeof(out->symbol), ticker.symbol) == ERR_NONE;
}

static void on_ticker_answer(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct market_read *read = userdata;
    struct envelope envelope;
    struct ticker ticker;
    struct json list;
    struct json item;
    struct json_walk walk;

    if (market_open_answer(read->call, answer, &envelope)) {
        (void)json_member(&envelope.result, "list", &list);
        walk = json_walk(&list);
        if (!json_next(&walk, NULL, &item) || !read_ticker(&ticker, &item, read, envelope.time_ms))
            api_fail(read->call, NULL, "upstream_failed", "the exchange's answer has no ticker");
        else if (market_answer_symbol(read, &item, "symbol"))
            answer_ticker(read, &ticker, as_of_ms, clock_wall_ms() - as_of_ms, "rest");
    }
    free(read);
}

static void serve_ticker(const struct market_read *read)
{
    struct market_ticker kept;
    char query[96];
    struct text text = text_in(query, sizeof(query));

    market_touch(read, STREAM_TICKER, 0);
    if (market_ticker(read->api->market, read->category, read->symbol, &kept)) {
        answer_ticker(read, &kept.ticker, kept.recv_ms, clock_mono_ms() - kept.recv_mono_ms,
                      "stream");
        return;
    }
    text_addf(&text, "category=%s&symbol=%s", category_word(read->category), read->symbol);
    market_read_rest(read, ROUTE_TICKERS, query, on_ticker_answer);
}

void handle_ticker(const struct api *api, struct api_call *call)
{
    struct market_read read;

    if (!market_read_begin(&read, api, call, ANY_CATEGORY, "tickers"))
        return;
    read.kind = KIND_TICKER;
    serve_ticker(&read);
}

void handle_price(const struct api *api, struct api_call *call)
{
    struct market_read read;
    struct api_refusal refusal;
    size_t of;

    if (lookup_word(call, "of", price_words, ARRAY_LEN(price_words), OF_LAST, &of, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    if (!market_read_begin(&read, api, call, ANY_CATEGORY, "prices"))
        return;
    if (read.category == CATEGORY_SPOT && (of == OF_MARK || of == OF_INDEX)) {
        api_fail(call, NULL, "no_such_price", "spot has no %s price: ask for last, bid, ask or mid",
                 price_words[of]);
        return;
    }
    read.kind = (int)of;
    serve_ticker(&read);
}

/* --- all tickers of a category --- */

static const char *const columns[] = {
    "category",   "symbol",       "last",       "mark",         "index",           "bid",
    "bid_qty",    "ask",          "ask_qty",    "open_24h",     "high_24h",        "low_24h",
    "volume_24h", "turnover_24h", "change_24h", "funding_rate", "next_funding_at", "open_interest",
    "underlying", "bid_iv",       "ask_iv",     "mark_iv",      "delta",           "gamma",
    "vega",       "theta"
};

/* Tickers do not say their coin. Options have been asked for by coin already. */
static bool is_wanted(const struct instruments *all, const struct market_read *read,
                      const struct ticker *ticker)
{
    const struct instrument *instrument;

    if (!read->base[0] || read->category == CATEGORY_OPTION)
        return true;
    instrument = all ? instruments_find(all, read->category, ticker->symbol) : NULL;
    return instrument && strcasecmp(instrument->base, read->base) == 0;
}

static void answer_tickers(const struct market_read *read, const struct json *items, int64_t ts_ms,
                           int64_t as_of_ms)
{
    const struct instruments *all = instruments_newest(read->api->instruments);
    struct json_walk walk = json_walk(items);
    struct form_list list;
    struct ticker ticker;
    struct json item;
    bool readable = true;

    form_open(&list, read->call, columns, ARRAY_LEN(columns));
    while (readable && json_next(&walk, NULL, &item)) {
        readable = read_ticker(&ticker, &item, read, ts_ms);
        if (!readable || !is_wanted(all, read, &ticker))
            continue;
        api_add_ticker(form_row(&list), &ticker, as_of_ms, NULL);
        form_row_end(&list);
    }
    instruments_unref(all);
    if (readable) {
        form_close(&list, NULL, as_of_ms, "rest");
        return;
    }
    form_abandon(&list);
    market_fail_unusable(read->call, "one of its tickers is unreadable");
}

static void on_tickers_answer(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct market_read *read = userdata;
    struct envelope envelope;
    struct json list;

    if (market_open_answer(read->call, answer, &envelope) &&
        market_answer_list(read->call, &envelope, &list) &&
        !market_refuse_age(read, as_of_ms, clock_wall_ms() - as_of_ms, "rest"))
        answer_tickers(read, &list, envelope.time_ms, as_of_ms);
    free(read);
}

void handle_tickers(const struct api *api, struct api_call *call)
{
    struct market_read read = { .api = api, .call = call, .category = api->default_category };
    struct api_refusal refusal;
    char query[64];
    struct text text = text_in(query, sizeof(query));
    bool given;

    if (lookup_category(call, &given, &read.category, &refusal) ||
        lookup_max_age(call, &read.max_age_ms, &refusal) ||
        lookup_base(call, read.base, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    text_addf(&text, "category=%s", category_word(read.category));
    if (read.category == CATEGORY_OPTION && !read.base[0]) {
        api_fail(call, NULL, "missing_field",
                 "the exchange gives option tickers coin by coin: add base=BTC");
        return;
    }
    if (read.category == CATEGORY_OPTION)
        text_addf(&text, "&baseCoin=%s", read.base);
    market_read_rest(&read, ROUTE_TICKERS, query, on_tickers_answer);
}
