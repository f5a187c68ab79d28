/* tests/test_api_value_kit.h - orders in front of the guard's own check: books in memory and over
 * REST, and what the guard made of the last order.
 */
#pragma once

#include "api/valuation.h"
#include "test_api_run.h"

static struct guard_limits limits;
static struct guard_counts counts;
static struct guard_verdict verdict;
static int asked; /* how often the engine was asked */

/* The engine, as far as it has to do with the guard. */
static inline bool check(const struct order_request *request, const struct guard_facts *facts,
                         struct loop_reply *reply)
{
    enum guard_answer answer;

    asked++;
    answer = guard_check(&limits, "", request, facts, &counts, 0, &verdict);
    reply->verdict = &verdict;
    reply->outcome = answer == GUARD_REFUSED       ? OUTCOME_GUARD
                     : answer == GUARD_NEEDS_FACTS ? OUTCOME_NEEDS_FACTS
                     : answer == GUARD_NO_TURN     ? OUTCOME_THROTTLED
                                                   : OUTCOME_NOT_READY;
    return answer != GUARD_ALLOWED;
}

static inline void limit_order(const char *usd)
{
    limits.set = GUARD_BIT(GUARD_MAX_ORDER_NOTIONAL);
    limits.max_order_notional = kit_decimal(usd);
    kit.needs = GUARD_NEEDS_PRICE;
    kit.on_create = check;
}

static inline struct instrument quoted(enum category category, const char *symbol,
                                       const char *quote)
{
    struct instrument instrument = kit_instrument(category, symbol);

    text_cut(instrument.quote, sizeof(instrument.quote), quote);
    instrument.min_notional = DECIMAL_NONE;
    instrument.qty_step = instrument.min_qty = kit_decimal("0.001");
    instrument.tick_size = instrument.min_price = kit_decimal("0.001");
    instrument.max_limit_qty = instrument.max_market_qty = kit_decimal("1000000");
    return instrument;
}

static inline void open_value(void)
{
    struct instruments *all;

    kit_open();
    {
        const struct instrument list[] = {
            quoted(CATEGORY_LINEAR, "BTCUSDT", "USDT"), quoted(CATEGORY_LINEAR, "BTCPERP", "USDC"),
            quoted(CATEGORY_SPOT, "BTCUSDT", "USDT"),   quoted(CATEGORY_SPOT, "ETHBTC", "BTC"),
            quoted(CATEGORY_SPOT, "BTCEUR", "EUR"),     quoted(CATEGORY_INVERSE, "BTCUSD", "USD")
        };

        all = instruments_create(list, ARRAY_LEN(list), 1700000000000);
    }
    ck_assert_ptr_nonnull(all);
    instruments_publish(kit.api.instruments, all);
    limits = (struct guard_limits){ 0 };
    counts = (struct guard_counts){ .open_notional = DECIMAL_ZERO, .open_known = true };
    asked = 0;
    limit_order("1000000000");
}

static inline void put_book(enum category category, const char *symbol, const char *bids,
                            const char *asks)
{
    static int64_t u = 10;
    char text[400];
    struct text json = text_in(text, sizeof(text));
    struct json data;

    text_addf(&json, "{\"s\":\"%s\",\"b\":%s,\"a\":%s,\"u\":%lld,\"seq\":1}", symbol, bids, asks,
              (long long)u++);
    ck_assert(!json_open_trusted(&data, text, strlen(text), NULL));
    ck_assert_int_eq(
        market_apply_book(kit.api.market, category, symbol, 50, &data, true, 1, 1, clock_wall_ms()),
        BOOK_APPLIED);
}

#define BIDS "[[\"100\",\"5\"],[\"99\",\"5\"]]"
#define ASKS "[[\"101\",\"1\"],[\"102\",\"2\"],[\"110\",\"4\"]]"

static inline void put_books(void)
{
    put_book(CATEGORY_LINEAR, "BTCUSDT", BIDS, ASKS);
    put_book(CATEGORY_LINEAR, "BTCPERP", BIDS, ASKS);
    put_book(CATEGORY_SPOT, "BTCUSDT", "[[\"199\",\"1\"]]", "[[\"200\",\"1\"]]");
    put_book(CATEGORY_SPOT, "ETHBTC", "[[\"0.5\",\"5\"]]", "[[\"0.6\",\"5\"],[\"0.7\",\"5\"]]");
}

/* --- over REST --- */

static struct {
    const char *bids;
    const char *asks;
    const char *leverage;
    long http_status;
    const char *body; /* in place of a book; NULL: none */
    const char *symbol;
    bool throttled;
} rest;

static inline void answer_read(enum bybit_route route, const char *query)
{
    static char body[800];
    char symbol[SYMBOL_MAX];
    struct text text = text_in(body, sizeof(body));
    const char *at = strstr(query, "symbol=");

    ck_assert_ptr_nonnull(at);
    ck_assert(!text_copy_n(symbol, sizeof(symbol), at + 7, strcspn(at + 7, "&")));
    text_add(&text, "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":");
    if (route == ROUTE_POSITIONS)
        text_addf(&text,
                  "{\"list\":[{\"symbol\":\"%s\",\"side\":\"\",\"size\":\"0\",\"leverage\":\"%s\","
                  "\"positionIdx\":0,\"updatedTime\":\"1\"}]}}",
                  symbol, rest.leverage);
    else
        text_addf(&text, "{\"s\":\"%s\",\"b\":%s,\"a\":%s,\"ts\":1,\"u\":1}}",
                  rest.symbol ? rest.symbol : symbol, rest.bids, rest.asks);
    kit.answer = (struct rest_answer){ .answered = rest.http_status != 0,
                                       .throttled = rest.throttled,
                                       .http_status = rest.http_status,
                                       .body = rest.body ? rest.body : body };
    kit.answer.body_bytes = strlen(kit.answer.body);
}

static inline void set_rest(void)
{
    memset(&rest, 0, sizeof(rest));
    rest.bids = BIDS;
    rest.asks = ASKS;
    rest.leverage = "10";
    rest.http_status = 200;
    kit.on_read = answer_read;
    kit.answer_age_ms = 40;
}
