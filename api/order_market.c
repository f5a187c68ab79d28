/* api/order_market.c - each part is looked for in memory first; what is missing is read, one part
 * after the other. */
#include "api/order_market.h"

#include <stdlib.h>

#include "api/market.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

#define AGE_MAX_MS        1000 /* of a book or ticker in memory */
#define MEMORY_LEVELS     200
#define REST_LEVELS       1000
#define OPTION_LEVELS     25
#define STREAM_DEPTH      50
#define STREAM_DEPTH_OPTS 25
#define AGAIN_MS          1000
#define FEES_CACHE_MS     300000 /* as GET /fees */

void order_market_init(struct order_market *market, const struct api *api, enum category category,
                       const char *symbol, const char *base)
{
    *market = (struct order_market){ .api = api, .category = category };
    market->last = market->mark = market->index = DECIMAL_NONE;
    market->maker_rate = market->taker_rate = DECIMAL_NONE;
    text_cut(market->symbol, sizeof(market->symbol), symbol);
    text_cut(market->base, sizeof(market->base), base);
}

void order_market_deinit(struct order_market *market)
{
    if (!market)
        return;
    free(market->bids);
    free(market->asks);
    market->bids = market->asks = NULL;
}

static void set_why(struct order_market *market, const char *why)
{
    static const char *const names[] = { "the book", "the ticker", "the fee rate" };
    struct text text = text_in(market->why, sizeof(market->why));

    if (!market->why[0])
        text_addf(&text, "%s of %s: %s", names[market->reading], market->symbol, why);
}

/* --- from memory --- */

static bool make_levels(struct order_market *market, size_t count)
{
    if (market->levels_max < count) {
        free(market->bids);
        free(market->asks);
        market->bids = calloc(count, sizeof(*market->bids));
        market->asks = calloc(count, sizeof(*market->asks));
        market->levels_max = market->bids && market->asks ? count : 0;
    }
    return market->levels_max >= count;
}

static void look_at_book(struct order_market *market)
{
    struct market_book book;

    if (stream_touch(market->api->stream, STREAM_BOOK, market->category, market->symbol,
                     market->category == CATEGORY_OPTION ? STREAM_DEPTH_OPTS : STREAM_DEPTH))
        log_debug("api: %s:%s can't be streamed", category_word(market->category), market->symbol);
    if (!make_levels(market, MEMORY_LEVELS) ||
        !market_book(market->api->market, market->category, market->symbol, MEMORY_LEVELS, &book,
                     market->bids, market->asks) ||
        book.state != BOOK_SYNCED || clock_mono_ms() - book.recv_mono_ms > AGE_MAX_MS)
        return;
    market->bids_count = book.bids_count;
    market->asks_count = book.asks_count;
    market->known[ORDER_BOOK] = true;
}

static void take_ticker(struct order_market *market, const struct ticker *ticker)
{
    market->last = ticker->last;
    market->mark = ticker->mark;
    market->index = ticker->index;
    market->known[ORDER_TICKER] = true;
}

/* A quiet symbol's ticker does not change: it counts while its link is up. */
static void look_at_ticker(struct order_market *market)
{
    struct market_ticker kept;

    if (stream_touch(market->api->stream, STREAM_TICKER, market->category, market->symbol, 0))
        log_debug("api: %s:%s can't be streamed", category_word(market->category), market->symbol);
    if (market_ticker(market->api->market, market->category, market->symbol, &kept) && !kept.stale)
        take_ticker(market, &kept.ticker);
}

static void look(struct order_market *market)
{
    if (market->no_memory)
        return;
    if (market->wanted & ORDER_MARKET_BIT(ORDER_BOOK) && !market->known[ORDER_BOOK])
        look_at_book(market);
    if (market->wanted & ORDER_MARKET_BIT(ORDER_TICKER) && !market->known[ORDER_TICKER])
        look_at_ticker(market);
}

/* --- over REST --- */

static bool open_answer(struct order_market *market, const struct rest_answer *answer,
                        struct envelope *out)
{
    char why[MARKET_WHY_MAX];

    if (answer->throttled && !market->why[0])
        market->retry_after_ms = answer->retry_after_ms > 0 ? answer->retry_after_ms : AGAIN_MS;
    if (market_told(answer, out, why))
        return true;
    set_why(market, why);
    return false;
}

static size_t levels_asked(const struct order_market *market)
{
    return market->category == CATEGORY_OPTION ? OPTION_LEVELS : REST_LEVELS;
}

static bool take_book_answer(struct order_market *market, const struct json *result)
{
    struct json symbol;

    if (!make_levels(market, levels_asked(market)) ||
        (json_member(result, "s", &symbol) && !json_equals(&symbol, market->symbol)))
        return false;
    market->known[ORDER_BOOK] =
        market_read_levels(result, "b", market->bids, market->levels_max, &market->bids_count) &&
        market_read_levels(result, "a", market->asks, market->levels_max, &market->asks_count);
    return market->known[ORDER_BOOK];
}

/* The list's one row, of our symbol; options have one fee rate a base coin. */
static bool find_row(const struct order_market *market, const struct json *result, struct json *out)
{
    struct json list;
    struct json symbol;
    struct json_walk walk;

    (void)json_member(result, "list", &list);
    walk = json_walk(&list);
    while (json_next(&walk, NULL, out)) {
        (void)json_member(out, "symbol", &symbol);
        if (json_equals(&symbol, market->symbol) ||
            (market->reading == ORDER_FEES && market->category == CATEGORY_OPTION))
            return true;
    }
    return false;
}

static bool take_ticker_answer(struct order_market *market, const struct json *row, int64_t ts_ms)
{
    struct ticker ticker = { .category = market->category };

    if (ticker_merge(&ticker, row, true, ts_ms, NULL))
        return false;
    take_ticker(market, &ticker);
    return true;
}

static bool take_fees_answer(struct order_market *market, const struct json *row)
{
    if (json_member_decimal(row, "makerFeeRate", &market->maker_rate) ||
        json_member_decimal(row, "takerFeeRate", &market->taker_rate) ||
        decimal_is_none(&market->maker_rate) || decimal_is_none(&market->taker_rate))
        return false;
    market->known[ORDER_FEES] = true;
    return true;
}

static bool take_answer(struct order_market *market, const struct envelope *envelope)
{
    struct json row;

    if (market->reading == ORDER_BOOK)
        return take_book_answer(market, &envelope->result);
    if (!find_row(market, &envelope->result, &row))
        return false;
    return market->reading == ORDER_TICKER ? take_ticker_answer(market, &row, envelope->time_ms)
                                           : take_fees_answer(market, &row);
}

static void read_next(struct order_market *market);

static void on_answer(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct order_market *market = userdata;
    struct envelope envelope;

    (void)as_of_ms;
    if (open_answer(market, answer, &envelope)) {
        market->is_rest[market->reading] = true;
        if (!take_answer(market, &envelope))
            set_why(market, "the exchange's answer can't be used");
    }
    read_next(market);
}

static void write_query(const struct order_market *market, struct text *out)
{
    if (market->reading == ORDER_FEES && market->category == CATEGORY_OPTION)
        text_addf(out, "category=option&baseCoin=%s", market->base);
    else
        text_addf(out, "category=%s&symbol=%s", category_word(market->category), market->symbol);
    if (market->reading == ORDER_BOOK)
        text_addf(out, "&limit=%zu", levels_asked(market));
}

/* True: the answer comes, and `market` may be gone. */
static bool read_part(struct order_market *market)
{
    static const enum bybit_route routes[] = { ROUTE_ORDERBOOK, ROUTE_TICKERS, ROUTE_FEE_RATE };
    int64_t left_ms = market->until_ms - clock_mono_ms();
    char query[112];
    struct text text = text_in(query, sizeof(query));

    if (left_ms <= 0) {
        set_why(market, "there was no time left to read it");
        return false;
    }
    write_query(market, &text);
    if (!reads_get(market->api->reads, routes[market->reading], market->category, query,
                   (int)left_ms, market->reading == ORDER_FEES ? FEES_CACHE_MS : MARKET_CACHE_MS,
                   on_answer, market))
        return true;
    set_why(market, "too many reads wait for the exchange");
    return false;
}

static void read_next(struct order_market *market)
{
    for (unsigned part = 0; part < ORDER_MARKET_PARTS; part++) {
        if (!(market->wanted & ORDER_MARKET_BIT(part)) || market->known[part] ||
            market->tried & ORDER_MARKET_BIT(part))
            continue;
        market->tried |= ORDER_MARKET_BIT(part);
        market->reading = (enum order_market_part)part;
        if (read_part(market))
            return;
    }
    market->on_done(market->userdata);
}

void order_market_find(struct order_market *market, unsigned parts, int64_t until_ms,
                       void (*on_done)(void *userdata), void *userdata)
{
    market->wanted |= parts;
    market->until_ms = until_ms;
    market->on_done = on_done;
    market->userdata = userdata;
    look(market);
    read_next(market);
}

void order_market_find_deeper(struct order_market *market, int64_t until_ms,
                              void (*on_done)(void *userdata), void *userdata)
{
    market->no_memory = true;
    market->known[ORDER_BOOK] = false;
    order_market_find(market, ORDER_MARKET_BIT(ORDER_BOOK), until_ms, on_done, userdata);
}
