/* engine/guard.c - the verdict on one create. What needs no facts is looked at first, so that a
 * hopeless order asks for no price. */
#include "engine/guard.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"

#define SYMBOLS_SHOWN 4

static const char *const limit_words[GUARD_LIMIT_COUNT] = {
    [GUARD_MAX_ORDER_NOTIONAL] = "max_order_notional",
    [GUARD_MAX_OPEN_NOTIONAL] = "max_open_notional",
    [GUARD_MAX_ORDERS_PER_MINUTE] = "max_orders_per_minute",
    [GUARD_SYMBOLS] = "symbols",
    [GUARD_CATEGORIES] = "categories",
    [GUARD_MAX_LEVERAGE] = "max_leverage",
    [GUARD_REDUCE_ONLY_MODE] = "reduce_only_mode",
};

const char *guard_limit_word(enum guard_limit limit)
{
    assert((unsigned)limit < GUARD_LIMIT_COUNT);
    return limit_words[limit];
}

const char *guard_price_source_word(enum guard_price_source source)
{
    switch (source) {
    case GUARD_PRICE_NONE:
        return "none";
    case GUARD_PRICE_LIMIT:
        return "limit_price";
    case GUARD_PRICE_LOCAL_BOOK:
        return "local_book";
    case GUARD_PRICE_REST_BOOK:
        return "rest_book";
    case GUARD_PRICE_FACE:
        return "face";
    }
    return "none";
}

struct decimal guard_value(const struct order_request *request)
{
    struct decimal value;

    if (decimal_sign(&request->value_price) <= 0 || decimal_sign(&request->qty) < 0 ||
        decimal_mul(&value, &request->qty, &request->value_price))
        return DECIMAL_NONE;
    return value;
}

/* In hedge mode each place has a side that opens. */
static bool opens_its_place(const struct order_request *request)
{
    return (request->position_idx == 1 && request->side == SIDE_BUY) ||
           (request->position_idx == 2 && request->side == SIDE_SELL);
}

/* Spot knows no reduce_only: whatever the flag says, a spot order can open. */
bool guard_is_exit(const struct order_request *request)
{
    return request->reduce_only && request->category != CATEGORY_SPOT && !opens_its_place(request);
}

/* What one check is about, so that its steps need not take it all. */
struct check {
    const struct guard_limits *limits;
    const struct order_request *request;
    const struct guard_facts *facts;
    const struct guard_counts *counts;
    struct guard_verdict *verdict;
};

static bool is_set(const struct check *check, enum guard_limit limit)
{
    return check->limits->set & GUARD_BIT(limit);
}

/* --- texts --- */

static void add_money(struct text *out, const struct decimal *value)
{
    char shown[DECIMAL_TEXT_MAX];
    struct decimal trimmed = decimal_trim(*value);

    text_add(out, decimal_format(&trimmed, shown));
}

static void add_limit(struct text *out, const struct check *check)
{
    const struct guard_verdict *verdict = check->verdict;

    text_add(out, guard_limit_word(verdict->limit));
    if (!decimal_is_none(&verdict->allowed)) {
        text_add(out, " ");
        add_money(out, &verdict->allowed);
    }
    if (verdict->limit == GUARD_MAX_ORDER_NOTIONAL || verdict->limit == GUARD_MAX_OPEN_NOTIONAL)
        text_add(out, " USD");
    if (verdict->client[0])
        text_addf(out, " of client \"%s\"", verdict->client);
}

static void add_price_source(struct text *out, const struct check *check)
{
    switch (check->facts->source) {
    case GUARD_PRICE_NONE:
        return;
    case GUARD_PRICE_LIMIT:
        text_add(out, ", the limit price");
        return;
    case GUARD_PRICE_LOCAL_BOOK:
        text_addf(out, ", the local book, %" PRId64 " ms old", check->facts->price_age_ms);
        return;
    case GUARD_PRICE_REST_BOOK:
        text_addf(out, ", the book, read %" PRId64 " ms ago", check->facts->price_age_ms);
        return;
    case GUARD_PRICE_FACE:
        text_add(out, " USD each");
        return;
    }
}

/* "(0.5 at 93000, the limit price)" */
static void add_how_valued(struct text *out, const struct check *check)
{
    add_money(out, &check->request->qty);
    text_add(out, " at ");
    add_money(out, &check->request->value_price);
    add_price_source(out, check);
}

/* --- refusals --- */

static struct text refuse(struct check *check, enum guard_limit limit)
{
    check->verdict->limit = limit;
    return text_in(check->verdict->text, sizeof(check->verdict->text));
}

static void name_price(struct check *check)
{
    check->verdict->price = check->request->value_price;
    check->verdict->source = check->facts->source;
    check->verdict->price_age_ms = check->facts->price_age_ms;
}

static enum guard_answer compare(struct check *check, enum guard_limit limit, struct decimal value,
                                 struct decimal allowed)
{
    check->verdict->limit = limit;
    check->verdict->value = value;
    check->verdict->allowed = allowed;
    return decimal_cmp(&value, &allowed) > 0 ? GUARD_REFUSED : GUARD_ALLOWED;
}

/* Something is not known: it is asked for, and refused once there is nobody left to ask. */
static enum guard_answer missing(struct check *check, enum guard_limit limit,
                                 struct decimal allowed, const char *what)
{
    struct text out = refuse(check, limit);

    check->verdict->allowed = allowed;
    text_addf(&out, "%s, so ", what);
    add_limit(&out, check);
    text_addf(&out, " refuses it: %s",
              check->facts->why[0] ? check->facts->why : "nothing tells its price");
    if (!check->facts->last_word)
        return GUARD_NEEDS_FACTS;
    check->verdict->retry_after_ms = check->facts->retry_after_ms;
    return check->facts->retry_after_ms > 0 ? GUARD_NO_TURN : GUARD_REFUSED;
}

/* --- limits that need no facts --- */

static bool symbol_is_listed(const struct guard_limits *limits, const struct order_request *request)
{
    for (size_t i = 0; i < limits->symbols_count; i++) {
        if (limits->symbols[i].category == request->category &&
            strcmp(limits->symbols[i].symbol, request->symbol) == 0)
            return true;
    }
    return false;
}

static enum guard_answer check_symbols(struct check *check)
{
    const struct guard_limits *limits = check->limits;
    struct text out;

    if (!is_set(check, GUARD_SYMBOLS) || symbol_is_listed(limits, check->request))
        return GUARD_ALLOWED;
    out = refuse(check, GUARD_SYMBOLS);
    text_addf(&out, "%s:%s is not among ", category_word(check->request->category),
              check->request->symbol);
    add_limit(&out, check);
    text_add(&out, limits->symbols_count ? ": " : ", which is empty");
    for (size_t i = 0; i < limits->symbols_count && i < SYMBOLS_SHOWN; i++)
        text_addf(&out, "%s%s:%s", i ? ", " : "", category_word(limits->symbols[i].category),
                  limits->symbols[i].symbol);
    if (limits->symbols_count > SYMBOLS_SHOWN)
        text_addf(&out, " and %zu more", limits->symbols_count - SYMBOLS_SHOWN);
    return GUARD_REFUSED;
}

static enum guard_answer check_categories(struct check *check)
{
    unsigned allowed = check->limits->categories;
    const char *before = ": ";
    struct text out;

    if (!is_set(check, GUARD_CATEGORIES) || (allowed & (1U << check->request->category)))
        return GUARD_ALLOWED;
    out = refuse(check, GUARD_CATEGORIES);
    text_addf(&out, "category %s is not among ", category_word(check->request->category));
    add_limit(&out, check);
    if (!allowed)
        text_add(&out, ", which is empty");
    for (unsigned i = 0; i < CATEGORY_COUNT; i++) {
        if (!(allowed & (1U << i)))
            continue;
        text_addf(&out, "%s%s", before, category_word((enum category)i));
        before = ", ";
    }
    return GUARD_REFUSED;
}

static enum guard_answer check_mode(struct check *check)
{
    struct text out;

    if (!is_set(check, GUARD_REDUCE_ONLY_MODE) || guard_is_exit(check->request))
        return GUARD_ALLOWED;
    out = refuse(check, GUARD_REDUCE_ONLY_MODE);
    add_limit(&out, check);
    text_add(&out, " is on: only orders with reduce_only are sent");
    if (check->request->category == CATEGORY_SPOT)
        text_add(&out, ", and spot has no such orders");
    else if (check->request->reduce_only)
        text_add(&out, ", and in hedge mode this side opens");
    return GUARD_REFUSED;
}

static enum guard_answer check_minute(struct check *check, int64_t next_minute_ms)
{
    struct text out;

    if (!is_set(check, GUARD_MAX_ORDERS_PER_MINUTE) ||
        !compare(check, GUARD_MAX_ORDERS_PER_MINUTE,
                 decimal_from_int((int64_t)check->counts->orders_last_minute + 1),
                 decimal_from_int(check->limits->max_orders_per_minute)))
        return GUARD_ALLOWED;
    out = refuse(check, GUARD_MAX_ORDERS_PER_MINUTE);
    check->verdict->retry_after_ms = next_minute_ms > 0 ? next_minute_ms : 0;
    text_addf(&out, "this is order %d in 60 s, above ", check->counts->orders_last_minute + 1);
    add_limit(&out, check);
    if (next_minute_ms > 0)
        text_addf(&out, "; the next fits in %" PRId64 " ms", next_minute_ms);
    return GUARD_REFUSED;
}

static enum guard_answer check_without_facts(struct check *check, int64_t next_minute_ms)
{
    enum guard_answer answer = check_symbols(check);

    if (!answer)
        answer = check_categories(check);
    if (!answer)
        answer = check_mode(check);
    return answer ? answer : check_minute(check, next_minute_ms);
}

/* --- limits on size --- */

static bool can_be_valued(const struct check *check)
{
    const struct order_request *request = check->request;

    return decimal_sign(&request->value_price) > 0 && !decimal_is_none(&request->qty) &&
           decimal_sign(&request->qty) >= 0;
}

/* Price times qty has more digits than a decimal holds: above every limit there is. */
static enum guard_answer refuse_overflow(struct check *check, enum guard_limit limit,
                                         struct decimal allowed)
{
    struct text out = refuse(check, limit);

    check->verdict->allowed = allowed;
    name_price(check);
    text_add(&out, "the value is too large to be counted (");
    add_how_valued(&out, check);
    text_add(&out, "), so it is above ");
    add_limit(&out, check);
    return GUARD_REFUSED;
}

static enum guard_answer check_order_value(struct check *check)
{
    struct decimal value = guard_value(check->request);
    struct decimal allowed = check->limits->max_order_notional;
    struct text out;

    if (!is_set(check, GUARD_MAX_ORDER_NOTIONAL) || !can_be_valued(check))
        return GUARD_ALLOWED; /* look_for_price has the word */
    if (decimal_is_none(&value))
        return refuse_overflow(check, GUARD_MAX_ORDER_NOTIONAL, allowed);
    if (!compare(check, GUARD_MAX_ORDER_NOTIONAL, value, allowed))
        return GUARD_ALLOWED;
    out = refuse(check, GUARD_MAX_ORDER_NOTIONAL);
    name_price(check);
    text_add(&out, "order value ");
    add_money(&out, &value);
    text_add(&out, " USD (");
    add_how_valued(&out, check);
    text_add(&out, ") is above ");
    add_limit(&out, check);
    return GUARD_REFUSED;
}

static enum guard_answer look_for_positions(struct check *check)
{
    struct text out;

    if (!is_set(check, GUARD_MAX_OPEN_NOTIONAL) || check->counts->open_known)
        return GUARD_ALLOWED;
    out = refuse(check, GUARD_MAX_OPEN_NOTIONAL);
    check->verdict->allowed = check->limits->max_open_notional;
    add_limit(&out, check);
    text_add(&out, " is set, and what is open is not known yet");
    return GUARD_NOT_READY;
}

static enum guard_answer look_for_price(struct check *check)
{
    if (can_be_valued(check))
        return GUARD_ALLOWED;
    if (is_set(check, GUARD_MAX_ORDER_NOTIONAL))
        return missing(check, GUARD_MAX_ORDER_NOTIONAL, check->limits->max_order_notional,
                       "the order cannot be valued");
    if (is_set(check, GUARD_MAX_OPEN_NOTIONAL))
        return missing(check, GUARD_MAX_OPEN_NOTIONAL, check->limits->max_open_notional,
                       "the order cannot be valued");
    return GUARD_ALLOWED;
}

static enum guard_answer check_open_value(struct check *check)
{
    struct decimal value = guard_value(check->request);
    struct decimal allowed = check->limits->max_open_notional;
    struct decimal sum;
    struct text out;

    if (!is_set(check, GUARD_MAX_OPEN_NOTIONAL))
        return GUARD_ALLOWED;
    if (decimal_add(&sum, &check->counts->open_notional, &value))
        return refuse_overflow(check, GUARD_MAX_OPEN_NOTIONAL, allowed);
    if (!compare(check, GUARD_MAX_OPEN_NOTIONAL, sum, allowed))
        return GUARD_ALLOWED;
    out = refuse(check, GUARD_MAX_OPEN_NOTIONAL);
    name_price(check);
    text_add(&out, "open value ");
    add_money(&out, &sum);
    text_add(&out, " USD (");
    add_money(&out, &check->counts->open_notional);
    text_add(&out, " open, and ");
    add_how_valued(&out, check);
    text_add(&out, ") is above ");
    add_limit(&out, check);
    return GUARD_REFUSED;
}

static bool has_leverage(enum category category)
{
    return category == CATEGORY_LINEAR || category == CATEGORY_INVERSE;
}

static enum guard_answer check_leverage(struct check *check)
{
    struct decimal leverage = check->facts->leverage;
    struct decimal allowed = check->limits->max_leverage;
    struct text out;

    if (!is_set(check, GUARD_MAX_LEVERAGE) || !has_leverage(check->request->category))
        return GUARD_ALLOWED;
    if (decimal_sign(&leverage) <= 0) /* NONE too */
        return missing(check, GUARD_MAX_LEVERAGE, allowed, "its leverage is not known");
    if (!compare(check, GUARD_MAX_LEVERAGE, leverage, allowed))
        return GUARD_ALLOWED;
    out = refuse(check, GUARD_MAX_LEVERAGE);
    text_addf(&out, "the leverage of %s:%s is ", category_word(check->request->category),
              check->request->symbol);
    add_money(&out, &leverage);
    text_add(&out, ", above ");
    add_limit(&out, check);
    return GUARD_REFUSED;
}

static enum guard_answer check_size(struct check *check)
{
    enum guard_answer answer = check_order_value(check);

    if (!answer)
        answer = look_for_positions(check);
    if (!answer)
        answer = look_for_price(check);
    if (!answer)
        answer = check_open_value(check);
    return answer ? answer : check_leverage(check);
}

enum guard_answer guard_check(const struct guard_limits *limits, const char *client,
                              const struct order_request *request, const struct guard_facts *facts,
                              const struct guard_counts *counts, int64_t next_minute_ms,
                              struct guard_verdict *verdict)
{
    struct check check = { limits, request, facts, counts, verdict };
    enum guard_answer answer;

    *verdict = (struct guard_verdict){
        .value = DECIMAL_NONE,
        .allowed = DECIMAL_NONE,
        .price = DECIMAL_NONE,
    };
    text_cut(verdict->client, sizeof(verdict->client), client);
    answer = check_without_facts(&check, next_minute_ms);
    if (!answer && !guard_is_exit(request))
        answer = check_size(&check);
    return answer;
}
