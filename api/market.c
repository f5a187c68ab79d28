/* api/market.c - tickers and single prices: from memory while the symbol is streamed, else over
 * REST, which begins the streaming. */
#include "api/market.h"

#include <stdlib.h>

#include "api/events.h"
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
        api_fail(read->call, &more, "no_price_now", "%s:%s has no %s price now",
                 category_word(read->category), read->symbol, price_words[read->kind]);
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
        if (json_next(&walk, NULL, &item) && read_ticker(&ticker, &item, read, envelope.time_ms))
            answer_ticker(read, &ticker, as_of_ms, clock_wall_ms() - as_of_ms, "rest");
        else
            api_fail(read->call, NULL, "upstream_failed", "the exchange's answer has no ticker");
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

    if (!market_read_begin(&read, api, call))
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
    if (!market_read_begin(&read, api, call))
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

static void on_tickers_answer(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct market_read *read = userdata;
    struct envelope envelope;
    struct json list;
    struct json item;
    struct json_walk walk;
    struct buffer *out;

    if (!market_open_answer(read->call, answer, &envelope) ||
        market_is_too_old(read, as_of_ms, clock_wall_ms() - as_of_ms, "rest")) {
        free(read);
        return;
    }
    out = api_reply_begin(read->call);
    json_add_open(out, '{');
    json_add_key(out, "items");
    json_add_open(out, '[');
    (void)json_member(&envelope.result, "list", &list);
    walk = json_walk(&list);
    while (json_next(&walk, NULL, &item)) {
        struct ticker ticker;

        if (read_ticker(&ticker, &item, read, envelope.time_ms))
            api_add_ticker(out, &ticker, as_of_ms, NULL);
    }
    json_add_close(out, ']');
    json_add_key(out, "next");
    json_add_null(out);
    api_add_age(out, as_of_ms, "rest");
    json_add_close(out, '}');
    api_reply(read->call, 200, API_JSON);
    free(read);
}

void handle_tickers(const struct api *api, struct api_call *call)
{
    struct market_read read = { .api = api, .call = call, .category = api->default_category };
    struct api_refusal refusal;
    char query[32];
    struct text text = text_in(query, sizeof(query));
    bool given;

    if (lookup_category(call, &given, &read.category, &refusal) ||
        lookup_max_age(call, &read.max_age_ms, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    if (read.category == CATEGORY_OPTION) {
        api_fail(call, NULL, "not_yet", "options are not served yet");
        return;
    }
    text_addf(&text, "category=%s", category_word(read.category));
    market_read_rest(&read, ROUTE_TICKERS, query, on_tickers_answer);
}
