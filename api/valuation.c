/* api/valuation.c - three parts, each wanted or not: the symbol's book, the book of its quote coin,
 * the leverage. Over REST one after the other. */
#include "api/valuation.h"

#include <stdlib.h>
#include <string.h>

#include "api/lookup.h"
#include "api/market.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

#define BOOK_AGE_MAX_MS 1000
#define MEMORY_LEVELS   200  /* of a market buy */
#define REST_LEVELS     1000 /* likewise */
#define STREAM_DEPTH    50
/* An answer that others asked for is shared: what the stream has said since is newer. */
#define SHARED_AGE_MS (15000 + MARKET_CACHE_MS)
#define OPTION_DEPTH  25 /* of streams and answers */

/* --- prices: pure --- */

/* The highest, whatever their order: they come from outside. */
static bool worst_ask(const struct decimal *qty, const struct book_level *asks, size_t count,
                      struct decimal *out, char why[120])
{
    struct decimal reached = DECIMAL_ZERO;

    *out = DECIMAL_ZERO;
    for (size_t i = 0; i < count; i++) {
        if (decimal_sign(&asks[i].price) <= 0 || decimal_sign(&asks[i].qty) < 0 ||
            decimal_add(&reached, &reached, &asks[i].qty))
            break;
        if (decimal_cmp(&asks[i].price, out) > 0)
            *out = asks[i].price;
        if (decimal_cmp(&reached, qty) >= 0)
            return true;
    }
    text_cut(why, 120,
             count ? "the order is larger than what the book offers" : "nobody offers any now");
    return false;
}

/* Without a bid the best ask stands for it: the next bid may come before the order does, and be as
 * high as that. */
static const struct book_level *highest_taker(const struct book_level *bids, size_t bids_count,
                                              const struct book_level *asks, size_t asks_count)
{
    if (bids_count > 0 && decimal_sign(&bids[0].price) > 0)
        return &bids[0];
    return asks_count > 0 && decimal_sign(&asks[0].price) > 0 ? &asks[0] : NULL;
}

static bool best_bid(const struct order_request *request, const struct book_level *bids,
                     size_t bids_count, const struct book_level *asks, size_t asks_count,
                     struct decimal *out, char why[120])
{
    bool limited = request->type == ORDER_TYPE_LIMIT;
    const struct book_level *taker =
        highest_taker(bids, bids_count, limited ? asks : NULL, limited ? asks_count : 0);

    if (!taker && !limited) {
        text_cut(why, 120, "nobody bids for any now");
        return false;
    }
    *out = limited && (!taker || decimal_cmp(&request->price, &taker->price) >= 0) ? request->price
                                                                                   : taker->price;
    return true;
}

/* Of such a book no side can be trusted to be the market. */
static bool is_crossed(const struct book_level *bids, size_t bids_count,
                       const struct book_level *asks, size_t asks_count)
{
    return bids_count > 0 && asks_count > 0 && decimal_cmp(&bids[0].price, &asks[0].price) >= 0;
}

bool valuation_price(const struct order_request *request, const struct book_level *bids,
                     size_t bids_count, const struct book_level *asks, size_t asks_count,
                     struct decimal *out, char why[120])
{
    bool known;

    if (request->side == SIDE_BUY && request->type == ORDER_TYPE_LIMIT) {
        *out = request->price;
        return true;
    }
    known = request->side == SIDE_BUY
                ? worst_ask(&request->qty, asks, asks_count, out, why)
                : best_bid(request, bids, bids_count, asks, asks_count, out, why);
    /* A conditional order meets the market at its trigger, which may be far above today's. */
    if (known && decimal_cmp(&request->trigger_price, out) > 0)
        *out = request->trigger_price;
    return known;
}

/* --- what is wanted --- */

static void set_why(struct valuation *value, const char *why)
{
    if (!value->facts.why[0])
        text_cut(value->facts.why, sizeof(value->facts.why), why);
}

static bool is_usd(const char *coin)
{
    return strcmp(coin, "USDT") == 0 || strcmp(coin, "USDC") == 0 || strcmp(coin, "USD") == 0;
}

static void want_book(struct valuation *value, enum value_part part, enum category category,
                      const char *symbol)
{
    value->parts[part].wanted = true;
    value->parts[part].category = category;
    text_cut(value->parts[part].symbol, sizeof(value->parts[part].symbol), symbol);
    if (stream_touch(value->api->stream, STREAM_BOOK, category, symbol,
                     category == CATEGORY_OPTION ? OPTION_DEPTH : STREAM_DEPTH))
        log_debug("api: %s:%s can't be streamed", category_word(category), symbol);
}

static void want_quote(struct valuation *value)
{
    char symbol[SYMBOL_MAX];
    struct text text = text_in(symbol, sizeof(symbol));
    struct instrument instrument;
    struct api_refusal refusal;

    if (value->request->category == CATEGORY_INVERSE || is_usd(value->quote))
        return;
    text_addf(&text, "%sUSDT", value->quote);
    if (lookup_in_category(value->api, CATEGORY_SPOT, symbol, &instrument, &refusal)) {
        value->is_priced = false;
        set_why(value, "there is no price of its quote coin in USDT");
        return;
    }
    want_book(value, VALUE_QUOTE, CATEGORY_SPOT, symbol);
}

static void want_price(struct valuation *value)
{
    const struct order_request *request = value->request;

    value->is_priced = true;
    value->own_price = DECIMAL_NONE;
    if (request->category == CATEGORY_INVERSE || request->qty_in_quote) {
        value->own_price = decimal_from_int(1);
        value->own_source = GUARD_PRICE_FACE;
    } else if (request->type == ORDER_TYPE_LIMIT && request->side == SIDE_BUY) {
        value->own_price = request->price;
        value->own_source = GUARD_PRICE_LIMIT;
    } else {
        want_book(value, VALUE_BOOK, request->category, request->symbol);
    }
    want_quote(value);
}

/* What has been found before stays. */
static void want(struct valuation *value, unsigned needs)
{
    bool exits = guard_is_exit(value->request);

    if (needs & GUARD_NEEDS_PRICE && !exits && !value->is_priced)
        want_price(value);
    if (needs & GUARD_NEEDS_LEVERAGE && !exits &&
        (value->request->category == CATEGORY_LINEAR ||
         value->request->category == CATEGORY_INVERSE))
        value->parts[VALUE_LEVERAGE].wanted = true;
}

/* --- a book --- */

static bool take_book(struct valuation *value, enum value_part part, const struct book_level *bids,
                      size_t bids_count, const struct book_level *asks, size_t asks_count,
                      enum guard_price_source source, int64_t age_ms, char why[120])
{
    const struct decimal none = DECIMAL_ZERO;
    struct decimal price;

    if (is_crossed(bids, bids_count, asks, asks_count)) {
        text_cut(why, 120, "its bids and asks cross");
        return false;
    }
    if (part == VALUE_BOOK
            ? !valuation_price(value->request, bids, bids_count, asks, asks_count, &price, why)
            : !worst_ask(&none, asks, asks_count, &price, why))
        return false;
    value->parts[part].known = true;
    value->parts[part].value = price;
    value->parts[part].as_of_ms = clock_mono_ms() - (age_ms > 0 ? age_ms : 0);
    /* A sell above all bids is worth its limit: of the book it was only seen that it is above. */
    value->parts[part].source = part == VALUE_BOOK && value->request->type == ORDER_TYPE_LIMIT &&
                                        decimal_cmp(&price, &value->request->price) == 0
                                    ? GUARD_PRICE_LIMIT
                                    : source;
    return true;
}

static size_t levels_wanted(const struct valuation *value, enum value_part part, size_t of_a_walk)
{
    if (value->parts[part].category == CATEGORY_OPTION && of_a_walk > OPTION_DEPTH)
        of_a_walk = OPTION_DEPTH;
    return part == VALUE_BOOK && value->request->side == SIDE_BUY ? of_a_walk : 1;
}

static void look_in_memory(struct valuation *value, enum value_part part)
{
    size_t count = levels_wanted(value, part, MEMORY_LEVELS);
    struct book_level *levels = malloc(2 * count * sizeof(*levels));
    struct market_book book;
    char why[120];
    int64_t age_ms;

    if (levels && market_book(value->api->market, value->parts[part].category,
                              value->parts[part].symbol, count, &book, levels, levels + count)) {
        age_ms = clock_mono_ms() - book.recv_mono_ms;
        /* Half a book, as after a jump of the market, is asked for again. */
        if (book.state == BOOK_SYNCED && age_ms <= BOOK_AGE_MAX_MS && book.bids_count > 0 &&
            book.asks_count > 0)
            (void)take_book(value, part, levels, book.bids_count, levels + count, book.asks_count,
                            GUARD_PRICE_LOCAL_BOOK, age_ms, why);
    }
    free(levels);
}

/* --- the leverage --- */

/* Of the order's own place; where that is not known, the highest. */
static bool take_leverage(struct valuation *value)
{
    const struct order_request *request = value->request;
    struct position places[ACCOUNT_PLACES_MAX];
    struct decimal found = DECIMAL_NONE;
    size_t count =
        account_position(value->api->account, request->category, request->symbol, places);

    for (size_t i = 0; i < count; i++) {
        if (decimal_sign(&places[i].leverage) <= 0)
            continue;
        if (places[i].position_idx == request->position_idx) {
            found = places[i].leverage;
            break;
        }
        if (decimal_cmp(&places[i].leverage, &found) > 0)
            found = places[i].leverage;
    }
    value->facts.leverage = found;
    value->parts[VALUE_LEVERAGE].known = !decimal_is_none(&found);
    return value->parts[VALUE_LEVERAGE].known;
}

static void look_at_account(struct valuation *value)
{
    struct account_state state;

    if (!value->api->account)
        return;
    account_get_state(value->api->account, ACCOUNT_POSITIONS, &state);
    if (state.live)
        (void)take_leverage(value);
}

/* --- the sum --- */

static enum guard_price_source weaker(enum guard_price_source a, enum guard_price_source b)
{
    if (a == GUARD_PRICE_REST_BOOK || b == GUARD_PRICE_REST_BOOK)
        return GUARD_PRICE_REST_BOOK;
    if (a == GUARD_PRICE_LOCAL_BOOK || b == GUARD_PRICE_LOCAL_BOOK)
        return GUARD_PRICE_LOCAL_BOOK;
    return a;
}

static void add_up(struct valuation *value)
{
    struct decimal price = value->own_price;
    enum guard_price_source source = value->own_source;
    int64_t as_of_ms = clock_mono_ms();
    int64_t now_ms = as_of_ms;

    value->request->value_price = DECIMAL_NONE;
    if (!value->is_priced)
        return;
    for (int part = VALUE_BOOK; part <= VALUE_QUOTE; part++) {
        if (value->parts[part].wanted && !value->parts[part].known)
            return;
        if (value->parts[part].wanted && value->parts[part].as_of_ms < as_of_ms)
            as_of_ms = value->parts[part].as_of_ms;
    }
    if (value->parts[VALUE_BOOK].wanted) {
        price = value->parts[VALUE_BOOK].value;
        source = value->parts[VALUE_BOOK].source;
    }
    if (value->parts[VALUE_QUOTE].wanted) {
        if (decimal_mul(&price, &price, &value->parts[VALUE_QUOTE].value)) {
            set_why(value, "its price has too many digits");
            return;
        }
        source = weaker(source, value->parts[VALUE_QUOTE].source);
    }
    value->request->value_price = price;
    value->facts.source = source;
    value->facts.price_age_ms =
        source == GUARD_PRICE_LOCAL_BOOK || source == GUARD_PRICE_REST_BOOK ? now_ms - as_of_ms : 0;
}

static void look(struct valuation *value, unsigned needs)
{
    want(value, needs);
    for (int part = VALUE_BOOK; part <= VALUE_QUOTE; part++) {
        if (value->parts[part].wanted && !value->parts[part].known)
            look_in_memory(value, (enum value_part)part);
    }
    if (value->parts[VALUE_LEVERAGE].wanted && !value->parts[VALUE_LEVERAGE].known)
        look_at_account(value);
    add_up(value);
}

void valuation_begin(struct valuation *value, const struct api *api, struct order_request *request,
                     const char *quote, unsigned needs)
{
    *value = (struct valuation){ .api = api, .request = request, .own_price = DECIMAL_NONE };
    value->facts.leverage = DECIMAL_NONE;
    text_cut(value->quote, sizeof(value->quote), quote);
    request->value_price = DECIMAL_NONE;
    look(value, needs);
}

static bool is_old(const struct valuation *value, enum value_part part)
{
    return value->parts[part].known &&
           clock_mono_ms() - value->parts[part].as_of_ms > BOOK_AGE_MAX_MS;
}

void valuation_renew(struct valuation *value)
{
    for (int part = VALUE_BOOK; part <= VALUE_QUOTE; part++) {
        if (is_old(value, (enum value_part)part))
            look_in_memory(value, (enum value_part)part);
    }
    add_up(value);
}

bool valuation_lacks(const struct valuation *value)
{
    for (int part = 0; part < VALUE_PARTS; part++) {
        if (value->parts[part].wanted && !value->parts[part].known)
            return true;
    }
    return false;
}

/* --- over REST --- */

static void read_next(struct valuation *value);

static void fail_part(struct valuation *value, const char *why)
{
    char text[120];
    struct text out = text_in(text, sizeof(text));

    if (value->reading == VALUE_LEVERAGE)
        text_addf(&out, "the position's leverage: %s", why);
    else
        text_addf(&out, "the book of %s: %s", value->parts[value->reading].symbol, why);
    set_why(value, text);
}

static bool open_answer(struct valuation *value, const struct rest_answer *answer,
                        struct envelope *out)
{
    char why[MARKET_WHY_MAX];

    if (answer->throttled && !value->facts.why[0])
        value->facts.retry_after_ms = answer->retry_after_ms > 0 ? answer->retry_after_ms : 1000;
    if (market_told(answer, out, why))
        return true;
    fail_part(value, why);
    return false;
}

static void take_book_answer(struct valuation *value, const struct envelope *envelope,
                             int64_t as_of_ms)
{
    enum value_part part = value->reading;
    size_t max = levels_wanted(value, part, REST_LEVELS);
    struct book_level *levels = calloc(2 * max, sizeof(*levels));
    size_t bids;
    size_t asks;
    struct json symbol;
    char why[120] = "the exchange's answer has no book";

    if (!levels || !json_member(&envelope->result, "s", &symbol) ||
        !json_equals(&symbol, value->parts[part].symbol) ||
        !market_read_levels(&envelope->result, "b", levels, max, &bids) ||
        !market_read_levels(&envelope->result, "a", levels + max, max, &asks) ||
        !take_book(value, part, levels, bids, levels + max, asks, GUARD_PRICE_REST_BOOK,
                   clock_wall_ms() - as_of_ms, why))
        fail_part(value, why);
    free(levels);
}

static void take_position_answer(struct valuation *value, const struct envelope *envelope)
{
    struct error error;
    struct json list;

    (void)json_member(&envelope->result, "list", &list);
    if (account_merge_positions(value->api->account, &list, value->request->category,
                                value->request->symbol, value->begin_ms - SHARED_AGE_MS, &error))
        fail_part(value, error.text);
    else if (!take_leverage(value))
        fail_part(value, "the exchange does not tell it");
}

static void on_answer(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct valuation *value = userdata;
    struct envelope envelope;

    if (open_answer(value, answer, &envelope)) {
        if (value->reading == VALUE_LEVERAGE)
            take_position_answer(value, &envelope);
        else
            take_book_answer(value, &envelope, as_of_ms);
    }
    read_next(value);
}

/* True: the answer comes, and `value` may be gone. */
static bool read_part(struct valuation *value, enum value_part part)
{
    const struct order_request *request = value->request;
    bool leverage = part == VALUE_LEVERAGE;
    enum category category = leverage ? request->category : value->parts[part].category;
    char query[112];
    struct text text = text_in(query, sizeof(query));

    value->reading = part;
    value->begin_ms = clock_mono_ms();
    if (value->begin_ms >= value->until_ms) {
        fail_part(value, "there was no time left to read it");
        return false;
    }
    if (leverage && !value->api->account) {
        fail_part(value, "there is no account");
        return false;
    }
    text_addf(&text, "category=%s&symbol=%s", category_word(category),
              leverage ? request->symbol : value->parts[part].symbol);
    if (!leverage)
        text_addf(&text, "&limit=%zu", levels_wanted(value, part, REST_LEVELS));
    value->has_read = true;
    if (!reads_get(value->api->reads, leverage ? ROUTE_POSITIONS : ROUTE_ORDERBOOK, category, query,
                   (int)(value->until_ms - value->begin_ms), MARKET_CACHE_MS, on_answer, value))
        return true;
    fail_part(value, "too many reads wait for the exchange");
    return false;
}

/* What another read has made too old is looked for again. */
static void renew_book(struct valuation *value, enum value_part part)
{
    if (!is_old(value, part) || value->parts[part].tried)
        return;
    value->parts[part].known = false;
    look_in_memory(value, part);
}

/* The leverage comes first: it does not grow old meanwhile. */
static void read_next(struct valuation *value)
{
    static const enum value_part order[VALUE_PARTS] = { VALUE_LEVERAGE, VALUE_BOOK, VALUE_QUOTE };

    for (int i = 0; i < VALUE_PARTS; i++) {
        enum value_part part = order[i];

        if (part != VALUE_LEVERAGE)
            renew_book(value, part);
        if (!value->parts[part].wanted || value->parts[part].known || value->parts[part].tried)
            continue;
        value->parts[part].tried = true;
        if (read_part(value, part))
            return;
    }
    add_up(value);
    value->facts.last_word = true;
    value->on_done(value->userdata);
}

void valuation_read(struct valuation *value, unsigned needs, int64_t until_ms,
                    void (*on_done)(void *userdata), void *userdata)
{
    value->until_ms = until_ms;
    value->on_done = on_done;
    value->userdata = userdata;
    look(value, needs);
    read_next(value);
}
