/* tests/test_guard.c - verdicts on orders, and what a ceiling makes of rules. */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "engine/guard.h"
#include "tests/test_guard_kit.h"

static struct decimal number(const char *text)
{
    struct decimal value;

    ck_assert_int_eq(decimal_parse(&value, text), ERR_NONE);
    return value;
}

/* One order with all that is known of it, and the verdict on it. */
struct scene {
    struct guard_limits limits;
    struct order_request request;
    struct guard_facts facts;
    struct guard_counts counts;
    struct guard_verdict verdict;
};

/* 0.5 BTC at 93000, nothing open, no limit. */
static struct scene scene(void)
{
    struct scene scene;

    memset(&scene, 0, sizeof(scene));
    scene.request.category = CATEGORY_LINEAR;
    memcpy(scene.request.symbol, "BTCUSDT", 8);
    scene.request.side = SIDE_BUY;
    scene.request.type = ORDER_TYPE_LIMIT;
    scene.request.qty = number("0.5");
    scene.request.price = number("93000");
    scene.request.value_price = number("93000");
    scene.facts.source = GUARD_PRICE_LIMIT;
    scene.facts.leverage = DECIMAL_NONE;
    scene.counts.open_notional = DECIMAL_ZERO;
    scene.counts.open_known = true;
    return scene;
}

static enum guard_answer ask_for(struct scene *scene, const char *client)
{
    return guard_check(&scene->limits, client, &scene->request, &scene->facts, &scene->counts, 1500,
                       &scene->verdict);
}

static enum guard_answer ask(struct scene *scene)
{
    return ask_for(scene, "");
}

static void limit_order_to(struct scene *scene, const char *usd)
{
    scene->limits.set |= GUARD_BIT(GUARD_MAX_ORDER_NOTIONAL);
    scene->limits.max_order_notional = number(usd);
}

static void limit_open_to(struct scene *scene, const char *usd)
{
    scene->limits.set |= GUARD_BIT(GUARD_MAX_OPEN_NOTIONAL);
    scene->limits.max_open_notional = number(usd);
}

static void limit_leverage_to(struct scene *scene, const char *leverage)
{
    scene->limits.set |= GUARD_BIT(GUARD_MAX_LEVERAGE);
    scene->limits.max_leverage = number(leverage);
}

static void limit_minute_to(struct scene *scene, int orders)
{
    scene->limits.set |= GUARD_BIT(GUARD_MAX_ORDERS_PER_MINUTE);
    scene->limits.max_orders_per_minute = orders;
}

static void allow_symbol(struct guard_limits *limits, enum category category, const char *name)
{
    struct guard_symbol symbol = { .category = category };

    limits->set |= GUARD_BIT(GUARD_SYMBOLS);
    memcpy(symbol.symbol, name, strlen(name) + 1);
    ck_assert_int_eq(guard_add_symbol(limits, &symbol), ERR_NONE);
}

static void expect(const struct scene *scene, enum guard_limit limit, const char *text)
{
    ck_assert_str_eq(scene->verdict.text, text);
    ck_assert_int_eq(scene->verdict.limit, limit);
}

START_TEST(without_limits_all_is_allowed_and_nothing_needed)
{
    struct scene s = scene();

    s.request.value_price = DECIMAL_NONE;
    s.counts.open_known = false;
    ck_assert_int_eq(ask(&s), GUARD_ALLOWED);
}
END_TEST

START_TEST(an_order_worth_more_than_the_limit_is_refused_with_its_numbers)
{
    struct scene s = scene();

    limit_order_to(&s, "10000");
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    expect(&s, GUARD_MAX_ORDER_NOTIONAL,
           "order value 46500 USD (0.5 at 93000, the limit price) is above max_order_notional "
           "10000 USD");
    ck_assert_int_eq(decimal_cmp(&s.verdict.value, &(struct decimal){ 46500, 0 }), 0);
    ck_assert_int_eq(decimal_cmp(&s.verdict.allowed, &(struct decimal){ 10000, 0 }), 0);
    ck_assert_int_eq(decimal_cmp(&s.verdict.price, &(struct decimal){ 93000, 0 }), 0);
    ck_assert_int_eq(s.verdict.source, GUARD_PRICE_LIMIT);
    ck_assert_str_eq(s.verdict.client, "");
}
END_TEST

START_TEST(the_limit_itself_is_allowed_and_a_hair_more_is_not)
{
    struct scene s = scene();

    limit_order_to(&s, "46500");
    ck_assert_int_eq(ask(&s), GUARD_ALLOWED);
    s.request.qty = number("0.50000000000000000001");
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
}
END_TEST

START_TEST(a_clients_own_limit_says_whose_it_is)
{
    struct scene s = scene();

    limit_order_to(&s, "10000");
    s.facts.source = GUARD_PRICE_LOCAL_BOOK;
    s.facts.price_age_ms = 120;
    ck_assert_int_eq(ask_for(&s, "bot1"), GUARD_REFUSED);
    expect(&s, GUARD_MAX_ORDER_NOTIONAL,
           "order value 46500 USD (0.5 at 93000, the local book, 120 ms old) is above "
           "max_order_notional 10000 USD of client \"bot1\"");
    ck_assert_str_eq(s.verdict.client, "bot1");
    ck_assert_int_eq(s.verdict.price_age_ms, 120);
}
END_TEST

START_TEST(what_is_open_counts_with_the_order)
{
    struct scene s = scene();

    limit_open_to(&s, "50000");
    s.counts.open_notional = number("3500");
    ck_assert_int_eq(ask(&s), GUARD_ALLOWED);
    s.counts.open_notional = number("3500.01");
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    expect(&s, GUARD_MAX_OPEN_NOTIONAL,
           "open value 50000.01 USD (3500.01 open, and 0.5 at 93000, the limit price) is above "
           "max_open_notional 50000 USD");
}
END_TEST

START_TEST(open_value_that_is_not_known_is_not_taken_for_nothing)
{
    struct scene s = scene();

    limit_open_to(&s, "1000000");
    s.counts.open_known = false;
    ck_assert_int_eq(ask(&s), GUARD_NOT_READY);
    expect(&s, GUARD_MAX_OPEN_NOTIONAL,
           "max_open_notional 1000000 USD is set, and what is open is not known yet");
    s.request.value_price = DECIMAL_NONE; /* asking for a price would not help */
    ck_assert_int_eq(ask(&s), GUARD_NOT_READY);
}
END_TEST

START_TEST(a_missing_price_is_asked_for_then_refused)
{
    struct scene s = scene();

    limit_order_to(&s, "1000000");
    s.request.value_price = DECIMAL_NONE;
    ck_assert_int_eq(ask(&s), GUARD_NEEDS_FACTS);
    s.facts.last_word = true;
    (void)strcpy(s.facts.why, "the book has no asks");
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    expect(&s, GUARD_MAX_ORDER_NOTIONAL,
           "the order cannot be valued, so max_order_notional 1000000 USD refuses it: the book has "
           "no asks");
    ck_assert(decimal_is_none(&s.verdict.value) && decimal_is_none(&s.verdict.price));
    s.limits.set = 0;
    limit_open_to(&s, "1000000");
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    ck_assert_int_eq(s.verdict.limit, GUARD_MAX_OPEN_NOTIONAL);
    s.facts.retry_after_ms = 2500; /* for want of a turn: no matter of the order */
    ck_assert_int_eq(ask(&s), GUARD_NO_TURN);
    ck_assert_int_eq(s.verdict.retry_after_ms, 2500);
    s.facts.last_word = false;
    ck_assert_int_eq(ask(&s), GUARD_NEEDS_FACTS);
}
END_TEST

/* Prices and sizes that would make a value vanish. */
static const struct {
    const char *qty, *price;
} strange[] = { { "0.5", "0" }, { "0.5", "-93000" }, { "-0.5", "93000" }, { "-0.5", "-93000" } };

START_TEST(a_strange_price_or_size_is_no_price)
{
    struct scene s = scene();

    limit_order_to(&s, "1000000");
    limit_open_to(&s, "1000000");
    s.facts.last_word = true;
    s.request.qty = number(strange[_i].qty);
    s.request.value_price = number(strange[_i].price);
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    s.request = scene().request;
    s.request.qty = DECIMAL_NONE;
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    ck_assert_ptr_nonnull(strstr(s.verdict.text, "cannot be valued"));
}
END_TEST

START_TEST(a_value_too_large_to_be_counted_is_refused)
{
    struct scene s = scene();

    s.request.qty = number("999999999999999999999999999999999999");
    limit_order_to(&s, "999999999999999999999999999999999999");
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    ck_assert_int_eq(s.verdict.limit, GUARD_MAX_ORDER_NOTIONAL);
    s.limits.set = 0;
    limit_open_to(&s, "999999999999999999999999999999999999");
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    ck_assert_int_eq(s.verdict.limit, GUARD_MAX_OPEN_NOTIONAL);
    s.request.qty = number("1");
    s.counts.open_notional = number("999999999999999999999999999999999999");
    ck_assert_int_eq(ask(&s), GUARD_REFUSED); /* the sum, too */
    s.counts.open_notional = DECIMAL_NONE;
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
}
END_TEST

START_TEST(the_minute_counts_this_order_too)
{
    struct scene s = scene();

    limit_minute_to(&s, 3);
    s.counts.orders_last_minute = 2;
    ck_assert_int_eq(ask(&s), GUARD_ALLOWED);
    s.counts.orders_last_minute = 3;
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    expect(&s, GUARD_MAX_ORDERS_PER_MINUTE,
           "this is order 4 in 60 s, above max_orders_per_minute 3; the next fits in 1500 ms");
    ck_assert_int_eq(s.verdict.retry_after_ms, 1500);
    s.counts.orders_last_minute = 0;
    limit_minute_to(&s, 0);
    ck_assert_int_eq(ask(&s), GUARD_REFUSED); /* none at all */
}
END_TEST

START_TEST(symbols_are_told_apart_by_category)
{
    struct scene s = scene();

    allow_symbol(&s.limits, CATEGORY_SPOT, "BTCUSDT");
    allow_symbol(&s.limits, CATEGORY_LINEAR, "ETHUSDT");
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    expect(&s, GUARD_SYMBOLS, "linear:BTCUSDT is not among symbols: spot:BTCUSDT, linear:ETHUSDT");
    s.request.category = CATEGORY_SPOT;
    ck_assert_int_eq(ask(&s), GUARD_ALLOWED);
    s.limits.symbols_count = 0;
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    expect(&s, GUARD_SYMBOLS, "spot:BTCUSDT is not among symbols, which is empty");
}
END_TEST

START_TEST(only_listed_categories_pass)
{
    struct scene s = scene();

    s.limits.set = GUARD_BIT(GUARD_CATEGORIES);
    s.limits.categories = 1U << CATEGORY_SPOT | 1U << CATEGORY_INVERSE;
    ck_assert_int_eq(ask_for(&s, "bot1"), GUARD_REFUSED);
    expect(&s, GUARD_CATEGORIES,
           "category linear is not among categories of client \"bot1\": spot, inverse");
    s.limits.categories |= 1U << CATEGORY_LINEAR;
    ck_assert_int_eq(ask(&s), GUARD_ALLOWED);
    s.limits.categories = 0;
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
}
END_TEST

START_TEST(leverage_is_that_of_the_position)
{
    struct scene s = scene();

    limit_leverage_to(&s, "5");
    ck_assert_int_eq(ask(&s), GUARD_NEEDS_FACTS);
    s.facts.leverage = DECIMAL_ZERO; /* no leverage is that */
    ck_assert_int_eq(ask(&s), GUARD_NEEDS_FACTS);
    s.facts.last_word = true;
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    s.facts.leverage = number("5");
    ck_assert_int_eq(ask(&s), GUARD_ALLOWED);
    s.facts.leverage = number("10.00");
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    expect(&s, GUARD_MAX_LEVERAGE, "the leverage of linear:BTCUSDT is 10, above max_leverage 5");
    ck_assert(decimal_is_none(&s.verdict.price));
    s.facts.leverage = DECIMAL_NONE;
    s.request.category = CATEGORY_INVERSE;
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    s.request.category = CATEGORY_SPOT; /* has none */
    ck_assert_int_eq(ask(&s), GUARD_ALLOWED);
    s.request.category = CATEGORY_OPTION; /* nor this */
    ck_assert_int_eq(ask(&s), GUARD_ALLOWED);
}
END_TEST

START_TEST(exits_pass_the_limits_on_size_and_no_other)
{
    struct scene s = scene();

    limit_order_to(&s, "1");
    limit_open_to(&s, "1");
    limit_leverage_to(&s, "1");
    s.limits.set |= GUARD_BIT(GUARD_REDUCE_ONLY_MODE);
    s.counts.open_known = false;
    s.request.value_price = DECIMAL_NONE;
    s.request.reduce_only = true;
    ck_assert_int_eq(ask(&s), GUARD_ALLOWED);
    limit_minute_to(&s, 0);
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    ck_assert_int_eq(s.verdict.limit, GUARD_MAX_ORDERS_PER_MINUTE);
    s.limits.set |= GUARD_BIT(GUARD_CATEGORIES);
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    ck_assert_int_eq(s.verdict.limit, GUARD_CATEGORIES);
    s.limits.set |= GUARD_BIT(GUARD_SYMBOLS);
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    ck_assert_int_eq(s.verdict.limit, GUARD_SYMBOLS);
}
END_TEST

START_TEST(spot_has_no_exits_whatever_the_flag_says)
{
    struct scene s = scene();

    s.request.reduce_only = true;
    ck_assert(guard_is_exit(&s.request));
    s.request.category = CATEGORY_SPOT;
    ck_assert(!guard_is_exit(&s.request));
    limit_order_to(&s, "10000");
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    s.limits.set = GUARD_BIT(GUARD_REDUCE_ONLY_MODE);
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    expect(&s, GUARD_REDUCE_ONLY_MODE,
           "reduce_only_mode is on: only orders with reduce_only are sent, and spot has no such "
           "orders");
}
END_TEST

static const struct {
    int position_idx;
    enum side side;
    bool is_exit;
} hedged[] = {
    { 0, SIDE_BUY, true },  { 0, SIDE_SELL, true },  { 1, SIDE_BUY, false },
    { 1, SIDE_SELL, true }, { 2, SIDE_SELL, false }, { 2, SIDE_BUY, true },
};

/* A buy for the long side of hedge mode makes it larger: nobody can mean it to reduce. */
START_TEST(in_hedge_mode_only_the_side_that_closes_is_an_exit)
{
    struct scene s = scene();

    s.request.reduce_only = true;
    s.request.position_idx = hedged[_i].position_idx;
    s.request.side = hedged[_i].side;
    ck_assert_int_eq(guard_is_exit(&s.request), hedged[_i].is_exit);
    s.limits.set = GUARD_BIT(GUARD_REDUCE_ONLY_MODE);
    if (hedged[_i].is_exit) {
        ck_assert_int_eq(ask(&s), GUARD_ALLOWED);
        return;
    }
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    expect(&s, GUARD_REDUCE_ONLY_MODE,
           "reduce_only_mode is on: only orders with reduce_only are sent, and in hedge mode this "
           "side opens");
}
END_TEST

START_TEST(a_hopeless_order_asks_for_no_price)
{
    struct scene s = scene();

    s.request.value_price = DECIMAL_NONE;
    limit_order_to(&s, "10000");
    limit_minute_to(&s, 0);
    ck_assert_int_eq(ask(&s), GUARD_REFUSED);
    ck_assert_int_eq(s.verdict.limit, GUARD_MAX_ORDERS_PER_MINUTE);
}
END_TEST

START_TEST(the_longest_text_is_cut_and_ends)
{
    struct scene s = scene();
    char client[TAG_MAX];

    memset(client, 'c', sizeof(client) - 1);
    client[sizeof(client) - 1] = '\0';
    s.request.qty = number("0.123456789012345678901234567890");
    s.request.value_price = number("12345678901234567.8901");
    s.facts.price_age_ms = INT64_MAX;
    s.facts.source = GUARD_PRICE_REST_BOOK;
    s.counts.open_notional = number("12345678901234567890123456.789");
    limit_order_to(&s, "1.000000000000000000000000000001");
    ck_assert_int_eq(ask_for(&s, client), GUARD_REFUSED);
    s.limits.set = 0;
    limit_open_to(&s, "1.000000000000000000000000000001");
    ck_assert_int_eq(ask_for(&s, client), GUARD_REFUSED);
    ck_assert_uint_lt(strlen(s.verdict.text), sizeof(s.verdict.text));
}
END_TEST

START_TEST(values_are_qty_times_price)
{
    struct scene s = scene();
    struct decimal value = guard_value(&s.request);

    ck_assert_int_eq(decimal_cmp(&value, &(struct decimal){ 46500, 0 }), 0);
    s.request.value_price = DECIMAL_NONE;
    value = guard_value(&s.request);
    ck_assert(decimal_is_none(&value));
    for (size_t i = 0; i < ARRAY_LEN(strange); i++) {
        s.request.qty = number(strange[i].qty);
        s.request.value_price = number(strange[i].price);
        value = guard_value(&s.request);
        ck_assert(decimal_is_none(&value));
    }
}
END_TEST

START_TEST(every_limit_and_source_has_a_word)
{
    ck_assert_str_eq(guard_limit_word(GUARD_MAX_ORDER_NOTIONAL), "max_order_notional");
    ck_assert_str_eq(guard_limit_word(GUARD_REDUCE_ONLY_MODE), "reduce_only_mode");
    for (unsigned i = 0; i < GUARD_LIMIT_COUNT; i++)
        ck_assert_ptr_nonnull(guard_limit_word((enum guard_limit)i));
    ck_assert_str_eq(guard_price_source_word(GUARD_PRICE_LIMIT), "limit_price");
    ck_assert_str_eq(guard_price_source_word(GUARD_PRICE_LOCAL_BOOK), "local_book");
    ck_assert_str_eq(guard_price_source_word(GUARD_PRICE_REST_BOOK), "rest_book");
    ck_assert_str_eq(guard_price_source_word(GUARD_PRICE_FACE), "face");
}
END_TEST

/* --- rules --- */

static struct guard_limits *slot_of(struct guard_rules *rules, const char *name)
{
    struct guard_limits *slot = guard_client_slot(rules, name, GUARD_NAMED_MAX);

    ck_assert_ptr_nonnull(slot);
    return slot;
}

START_TEST(facts_are_needed_for_what_any_scope_limits)
{
    static struct guard_rules rules;

    rules = (struct guard_rules){ 0 };
    ck_assert_uint_eq(guard_needs(&rules), 0);
    rules.all.set = GUARD_BIT(GUARD_SYMBOLS) | GUARD_BIT(GUARD_MAX_ORDERS_PER_MINUTE);
    ck_assert_uint_eq(guard_needs(&rules), 0);
    slot_of(&rules, "bot1")->set = GUARD_BIT(GUARD_MAX_LEVERAGE);
    ck_assert_uint_eq(guard_needs(&rules), GUARD_NEEDS_LEVERAGE);
    slot_of(&rules, "bot0")->set = GUARD_BIT(GUARD_MAX_OPEN_NOTIONAL);
    ck_assert_uint_eq(guard_needs(&rules), GUARD_NEEDS_LEVERAGE | GUARD_NEEDS_PRICE);
}
END_TEST

START_TEST(clients_are_found_by_their_whole_name)
{
    static struct guard_rules rules;

    rules = (struct guard_rules){ 0 };
    ck_assert_ptr_null(guard_of_client(&rules, "bot1"));
    slot_of(&rules, "bot1")->set = 1;
    slot_of(&rules, "bot")->set = 2;
    ck_assert_uint_eq(guard_of_client(&rules, "bot1")->set, 1);
    ck_assert_uint_eq(guard_of_client(&rules, "bot")->set, 2);
    ck_assert_ptr_null(guard_of_client(&rules, "bot2"));
    ck_assert_ptr_null(guard_of_client(&rules, ""));
    ck_assert_str_eq(rules.clients[0].name, "bot");
    ck_assert(guard_client_is_valid("a.b_c-D9") && !guard_client_is_valid("") &&
              !guard_client_is_valid("a:b") && !guard_client_is_valid("a b"));
}
END_TEST

START_TEST(a_client_without_limits_left_is_forgotten)
{
    static struct guard_rules rules;
    static struct guard_patch patch;
    struct error error;

    rules = (struct guard_rules){ 0 };
    patch = (struct guard_patch){ .clients_count = 2 };
    memcpy(patch.clients[0].name, "bot1", 5);
    patch.clients[0].change.named = GUARD_BIT(GUARD_MAX_LEVERAGE);
    patch.clients[0].change.limits.set = GUARD_BIT(GUARD_MAX_LEVERAGE);
    patch.clients[0].change.limits.max_leverage = number("3");
    memcpy(patch.clients[1].name, "bot2", 5); /* {}: nothing */
    ck_assert_int_eq(guard_apply(&rules, &patch, NULL, &error), ERR_NONE);
    ck_assert_uint_eq(rules.clients_count, 1);
    patch.clients[0].change.limits.set = 0;
    ck_assert_int_eq(guard_apply(&rules, &patch, NULL, &error), ERR_NONE);
    ck_assert_uint_eq(rules.clients_count, 0);
    slot_of(&rules, "bot1")->set = GUARD_BIT(GUARD_REDUCE_ONLY_MODE);
    patch.clients[0].remove = true;
    ck_assert_int_eq(guard_apply(&rules, &patch, NULL, &error), ERR_NONE);
    ck_assert_uint_eq(rules.clients_count, 0);
}
END_TEST

START_TEST(a_patch_can_swap_all_clients_but_not_add_one_too_many)
{
    static struct guard_rules rules;
    static struct guard_patch patch;
    struct error error;
    char name[TAG_MAX];

    rules = (struct guard_rules){ 0 };
    patch = (struct guard_patch){ 0 };
    for (int i = 0; i < GUARD_NAMED_MAX; i++) {
        (void)snprintf(name, sizeof(name), "old%d", i);
        slot_of(&rules, name)->set = GUARD_BIT(GUARD_REDUCE_ONLY_MODE);
    }
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(patch.clients[i].name, TAG_MAX, i ? "old3" : "new");
        patch.clients[i].change.named = GUARD_BIT(GUARD_REDUCE_ONLY_MODE);
        patch.clients[i].change.limits.set = GUARD_BIT(GUARD_REDUCE_ONLY_MODE);
    }
    patch.clients_count = 2;
    ck_assert_int_eq(guard_apply(&rules, &patch, NULL, &error), ERR_BUSY);
    ck_assert_ptr_null(guard_of_client(&rules, "new"));
    patch.clients[1].remove = true;
    ck_assert_int_eq(guard_apply(&rules, &patch, NULL, &error), ERR_NONE);
    ck_assert_ptr_nonnull(guard_of_client(&rules, "new"));
    ck_assert_ptr_null(guard_of_client(&rules, "old3"));
    ck_assert_uint_eq(rules.clients_count, GUARD_NAMED_MAX);
}
END_TEST

/* A patch above the ceiling: what it says, for all and for a client. */
static void expect_above(const struct guard_change *change, const struct guard_limits *ceiling,
                         const char *text)
{
    static struct guard_rules rules;
    static struct guard_rules top;
    static struct guard_patch patch;
    struct error error;
    char shown[sizeof(error.text)];

    rules = (struct guard_rules){ 0 };
    top = (struct guard_rules){ .all = *ceiling };
    patch = (struct guard_patch){ .all = *change };
    ck_assert_int_eq(guard_apply(&rules, &patch, &top, &error), ERR_INVALID);
    ck_assert_str_eq(error.text, text);
    ck_assert_uint_eq(rules.all.set, 0);
    top = (struct guard_rules){ 0 };
    *slot_of(&top, "bot1") = *ceiling;
    patch = (struct guard_patch){ .clients_count = 1 };
    memcpy(patch.clients[0].name, "bot1", 5);
    patch.clients[0].change = *change;
    ck_assert_int_eq(guard_apply(&rules, &patch, &top, &error), ERR_INVALID);
    (void)snprintf(shown, sizeof(shown), "clients.bot1.%.200s", text);
    ck_assert_str_eq(error.text, shown);
    ck_assert_uint_eq(rules.clients_count, 0);
}

START_TEST(a_patch_above_the_ceiling_is_refused_with_both_values)
{
    struct guard_change change = { .named = GUARD_BIT(GUARD_MAX_ORDER_NOTIONAL) };
    struct guard_limits ceiling = { .set = GUARD_BIT(GUARD_MAX_ORDER_NOTIONAL) };

    change.limits.set = change.named;
    change.limits.max_order_notional = number("10000.01");
    ceiling.max_order_notional = number("10000");
    expect_above(&change, &ceiling,
                 "max_order_notional 10000.01 is above the configuration's 10000");
    change = (struct guard_change){ .named = GUARD_BIT(GUARD_SYMBOLS) };
    ceiling = (struct guard_limits){ 0 };
    allow_symbol(&ceiling, CATEGORY_LINEAR, "BTCUSDT");
    allow_symbol(&change.limits, CATEGORY_LINEAR, "BTCUSDT");
    allow_symbol(&change.limits, CATEGORY_SPOT, "BTCUSDT");
    expect_above(&change, &ceiling, "symbols: spot:BTCUSDT is not among the configuration's");
    change = (struct guard_change){ .named = GUARD_BIT(GUARD_CATEGORIES) };
    change.limits.set = change.named;
    change.limits.categories = 1U << CATEGORY_OPTION;
    ceiling = (struct guard_limits){ .set = change.named, .categories = 1U << CATEGORY_SPOT };
    expect_above(&change, &ceiling, "categories: option is not among the configuration's");
    change = (struct guard_change){ .named = GUARD_BIT(GUARD_REDUCE_ONLY_MODE), .mode_off = true };
    ceiling = (struct guard_limits){ .set = change.named };
    expect_above(&change, &ceiling, "reduce_only_mode is on by the configuration");
}
END_TEST

START_TEST(null_goes_back_to_the_ceiling)
{
    static struct guard_rules rules;
    static struct guard_rules ceiling;
    static struct guard_rules effective;
    static struct guard_patch patch;
    struct error error;

    ceiling = (struct guard_rules){ .all.set = GUARD_BIT(GUARD_MAX_OPEN_NOTIONAL) };
    ceiling.all.max_open_notional = number("1000");
    rules = ceiling;
    rules.all.max_open_notional = number("10");
    patch = (struct guard_patch){ .all.named = GUARD_BIT(GUARD_MAX_OPEN_NOTIONAL) };
    ck_assert_int_eq(guard_apply(&rules, &patch, &ceiling, &error), ERR_NONE);
    guard_meet(&effective, &rules, &ceiling);
    ck_assert_uint_eq(effective.all.set, GUARD_BIT(GUARD_MAX_OPEN_NOTIONAL));
    ck_assert_int_eq(decimal_cmp(&effective.all.max_open_notional, &ceiling.all.max_open_notional),
                     0);
}
END_TEST

/* --- properties, on random rules and orders --- */

static void dice_patch(struct dice *dice, struct guard_patch *patch)
{
    *patch = (struct guard_patch){ 0 };
    patch->all.named = (unsigned)dice_roll(dice, 1U << GUARD_LIMIT_COUNT);
    dice_limits(dice, &patch->all.limits);
    patch->all.limits.set &= patch->all.named;
    patch->clients_count = dice_roll(dice, 4);
    for (size_t i = 0; i < patch->clients_count; i++) {
        struct guard_change *change = &patch->clients[i].change;

        (void)snprintf(patch->clients[i].name, TAG_MAX, "bot%d", (int)(8 * i + dice_roll(dice, 8)));
        patch->clients[i].remove = dice_roll(dice, 3) == 0;
        change->named = (unsigned)dice_roll(dice, 1U << GUARD_LIMIT_COUNT);
        dice_limits(dice, &change->limits);
        change->limits.set &= change->named;
    }
}

static void dice_scene(struct dice *dice, struct scene *out)
{
    struct guard_symbol symbol = dice_symbol(dice);

    *out = scene();
    out->request.category = symbol.category;
    memcpy(out->request.symbol, symbol.symbol, sizeof(symbol.symbol));
    out->request.qty = (struct decimal){ (decimal_int)dice_roll(dice, 40), 1 };
    out->request.value_price = dice_amount(dice);
    out->request.reduce_only = dice_roll(dice, 4) == 0;
    out->facts.leverage = dice_amount(dice);
    out->counts.open_notional = (struct decimal){ (decimal_int)dice_roll(dice, 100), 0 };
    out->counts.orders_last_minute = (int)dice_roll(dice, 8);
}

/* Whether an order of `client` passes all that the rules say of it. */
static bool passes(const struct guard_rules *rules, const char *client, struct scene *order)
{
    const struct guard_limits *own = guard_of_client(rules, client);
    enum guard_answer answer;

    order->limits = rules->all;
    answer = ask(order);
    if (answer == GUARD_ALLOWED && own) {
        order->limits = *own;
        answer = ask_for(order, client);
    }
    ck_assert(answer == GUARD_ALLOWED || order->verdict.text[0]);
    return answer == GUARD_ALLOWED;
}

#define ROUNDS 1500
#define ORDERS 20

START_TEST(an_order_passes_the_meet_only_when_it_passes_both)
{
    static struct guard_rules a;
    static struct guard_rules b;
    static struct guard_rules both;
    static struct guard_rules in_place;
    static struct scene order;
    struct dice dice = { 1 };
    unsigned passed = 0;

    for (int i = 0; i < ROUNDS; i++) {
        dice_rules(&dice, &a);
        dice_rules(&dice, &b);
        guard_meet(&both, &a, &b);
        in_place = b;
        guard_meet(&in_place, &a, &in_place);
        ck_assert_uint_eq(in_place.clients_count, both.clients_count);
        for (int j = 0; j < ORDERS; j++) {
            char client[TAG_MAX];
            bool expected;

            dice_name(&dice, client);
            dice_scene(&dice, &order);
            expected = passes(&a, client, &order) && passes(&b, client, &order);
            ck_assert_int_eq(passes(&both, client, &order), expected);
            ck_assert_int_eq(passes(&in_place, client, &order), expected);
            passed += expected;
        }
    }
    ck_assert_uint_gt(passed, ROUNDS * ORDERS / 20); /* the test tests something */
}
END_TEST

/* Whether what the patch itself has set is all below the ceiling: each order that its named limits
 * let pass, the ceiling's same limits let pass. */
static bool named_is_below(const struct guard_change *change, const struct guard_limits *now,
                           const struct guard_limits *ceiling, struct scene *order)
{
    unsigned both = change->named & now->set & ceiling->set;

    order->limits = *now;
    order->limits.set &= both;
    if (ask(order) != GUARD_ALLOWED)
        return true;
    order->limits = *ceiling;
    order->limits.set &= both;
    return ask(order) == GUARD_ALLOWED;
}

START_TEST(what_a_patch_sets_is_never_looser_than_the_ceiling)
{
    static struct guard_rules ceiling;
    static struct guard_rules rules;
    static struct guard_rules before;
    static struct guard_patch patch;
    static struct scene order;
    struct dice dice = { 2 };
    unsigned accepted = 0;
    unsigned refused = 0;

    for (int i = 0; i < ROUNDS; i++) {
        struct error error;
        enum err err;

        dice_rules(&dice, &ceiling);
        dice_rules(&dice, &rules);
        dice_patch(&dice, &patch);
        memcpy(&before, &rules, sizeof(rules)); /* with all between the members */
        err = guard_apply(&rules, &patch, &ceiling, &error);
        refused += err == ERR_INVALID;
        if (err) {
            ck_assert(memcmp(&before, &rules, sizeof(rules)) == 0 && error.text[0]);
            continue;
        }
        accepted++;
        ck_assert_uint_le(rules.clients_count, GUARD_NAMED_MAX);
        for (int j = 0; j < ORDERS; j++) {
            dice_scene(&dice, &order);
            ck_assert(named_is_below(&patch.all, &rules.all, &ceiling.all, &order));
            for (size_t k = 0; k < patch.clients_count; k++) {
                const struct guard_limits *now = guard_of_client(&rules, patch.clients[k].name);
                const struct guard_limits *top = guard_of_client(&ceiling, patch.clients[k].name);

                if (now && top && !patch.clients[k].remove)
                    ck_assert(named_is_below(&patch.clients[k].change, now, top, &order));
            }
        }
    }
    ck_assert_uint_gt(accepted, ROUNDS / 10);
    ck_assert_uint_gt(refused, ROUNDS / 10);
}
END_TEST

START_TEST(what_is_lifted_leaves_the_ceiling_alone)
{
    static struct guard_rules ceiling;
    static struct guard_rules rules;
    static struct guard_rules effective;
    static struct guard_patch patch;
    static struct scene order;
    struct dice dice = { 3 };

    for (int i = 0; i < ROUNDS; i++) {
        struct error error;

        dice_rules(&dice, &ceiling);
        dice_rules(&dice, &rules);
        patch = (struct guard_patch){ .all.named = (1U << GUARD_LIMIT_COUNT) - 1 };
        patch.clients_count = rules.clients_count;
        for (size_t k = 0; k < rules.clients_count; k++) {
            memcpy(patch.clients[k].name, rules.clients[k].name, TAG_MAX);
            patch.clients[k].remove = true;
        }
        ck_assert_int_eq(guard_apply(&rules, &patch, &ceiling, &error), ERR_NONE);
        guard_meet(&effective, &rules, &ceiling);
        for (int j = 0; j < ORDERS; j++) {
            char client[TAG_MAX];

            dice_name(&dice, client);
            dice_scene(&dice, &order);
            ck_assert_int_eq(passes(&effective, client, &order), passes(&ceiling, client, &order));
        }
    }
}
END_TEST

static void add_check_tests(TCase *tcase)
{
    tcase_add_test(tcase, without_limits_all_is_allowed_and_nothing_needed);
    tcase_add_test(tcase, an_order_worth_more_than_the_limit_is_refused_with_its_numbers);
    tcase_add_test(tcase, the_limit_itself_is_allowed_and_a_hair_more_is_not);
    tcase_add_test(tcase, a_clients_own_limit_says_whose_it_is);
    tcase_add_test(tcase, what_is_open_counts_with_the_order);
    tcase_add_test(tcase, open_value_that_is_not_known_is_not_taken_for_nothing);
    tcase_add_test(tcase, a_missing_price_is_asked_for_then_refused);
    tcase_add_loop_test(tcase, a_strange_price_or_size_is_no_price, 0, ARRAY_LEN(strange));
    tcase_add_test(tcase, a_value_too_large_to_be_counted_is_refused);
    tcase_add_test(tcase, the_minute_counts_this_order_too);
    tcase_add_test(tcase, symbols_are_told_apart_by_category);
    tcase_add_test(tcase, only_listed_categories_pass);
    tcase_add_test(tcase, leverage_is_that_of_the_position);
    tcase_add_test(tcase, exits_pass_the_limits_on_size_and_no_other);
    tcase_add_test(tcase, spot_has_no_exits_whatever_the_flag_says);
    tcase_add_loop_test(tcase, in_hedge_mode_only_the_side_that_closes_is_an_exit, 0,
                        ARRAY_LEN(hedged));
    tcase_add_test(tcase, a_hopeless_order_asks_for_no_price);
    tcase_add_test(tcase, the_longest_text_is_cut_and_ends);
    tcase_add_test(tcase, values_are_qty_times_price);
    tcase_add_test(tcase, every_limit_and_source_has_a_word);
}

static void add_rules_tests(TCase *tcase)
{
    tcase_add_test(tcase, facts_are_needed_for_what_any_scope_limits);
    tcase_add_test(tcase, clients_are_found_by_their_whole_name);
    tcase_add_test(tcase, a_client_without_limits_left_is_forgotten);
    tcase_add_test(tcase, a_patch_can_swap_all_clients_but_not_add_one_too_many);
    tcase_add_test(tcase, a_patch_above_the_ceiling_is_refused_with_both_values);
    tcase_add_test(tcase, null_goes_back_to_the_ceiling);
    tcase_add_test(tcase, an_order_passes_the_meet_only_when_it_passes_both);
    tcase_add_test(tcase, what_a_patch_sets_is_never_looser_than_the_ceiling);
    tcase_add_test(tcase, what_is_lifted_leaves_the_ceiling_alone);
}

int main(void)
{
    Suite *suite = suite_create("guard");
    TCase *check = tcase_create("check");
    TCase *rules = tcase_create("rules");
    SRunner *runner;
    int failures;

    add_check_tests(check);
    add_rules_tests(rules);
    suite_add_tcase(suite, check);
    suite_add_tcase(suite, rules);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
