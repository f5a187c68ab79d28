/* What orders are worth at worst, by the books in memory; and that what is worth too much is never
 * handed to the engine. */
#include <time.h>

#include "test_api_value_kit.h"

#define RANDOM_ORDERS 4000

/* --- where the price comes from --- */

static const struct {
    const char *body;
    const char *price; /* "": not known */
    enum guard_price_source source;
    size_t touches; /* books that it looks at */
} prices[] = {
    { "symbol=BTCUSDT&side=buy&qty=1&price=90", "90", GUARD_PRICE_LIMIT, 0 },
    { "symbol=BTCUSDT&side=buy&qty=1&price=500", "500", GUARD_PRICE_LIMIT, 0 },
    { "symbol=BTCUSDT&side=buy&qty=1", "101", GUARD_PRICE_LOCAL_BOOK, 1 },
    { "symbol=BTCUSDT&side=buy&qty=1.001", "102", GUARD_PRICE_LOCAL_BOOK, 1 },
    { "symbol=BTCUSDT&side=buy&qty=3", "102", GUARD_PRICE_LOCAL_BOOK, 1 },
    { "symbol=BTCUSDT&side=buy&qty=7", "110", GUARD_PRICE_LOCAL_BOOK, 1 },
    { "symbol=BTCPERP&side=buy&qty=7", "110", GUARD_PRICE_LOCAL_BOOK, 1 },
    { "symbol=BTCUSDT&side=sell&qty=50", "100", GUARD_PRICE_LOCAL_BOOK, 1 },
    { "symbol=BTCUSDT&side=sell&qty=1&price=90", "100", GUARD_PRICE_LOCAL_BOOK, 1 },
    { "symbol=BTCUSDT&side=sell&qty=1&price=100", "100", GUARD_PRICE_LIMIT, 1 },
    { "symbol=BTCUSDT&side=sell&qty=1&price=150", "150", GUARD_PRICE_LIMIT, 1 },
    { "symbol=inverse:BTCUSD&side=sell&qty=10&price=90", "1", GUARD_PRICE_FACE, 0 },
    { "symbol=inverse:BTCUSD&side=buy&qty=10", "1", GUARD_PRICE_FACE, 0 },
    { "symbol=spot:BTCUSDT&side=buy&quote_qty=50", "1", GUARD_PRICE_FACE, 0 },
    { "symbol=spot:ETHBTC&side=buy&quote_qty=50", "200", GUARD_PRICE_LOCAL_BOOK, 1 },
    { "symbol=spot:ETHBTC&side=buy&qty=7", "140", GUARD_PRICE_LOCAL_BOOK, 2 },
    { "symbol=spot:ETHBTC&side=buy&qty=7&price=0.3", "60", GUARD_PRICE_LOCAL_BOOK, 1 },
    { "symbol=spot:ETHBTC&side=sell&qty=7", "100", GUARD_PRICE_LOCAL_BOOK, 2 },
    { "symbol=BTCUSDT&side=buy&qty=1&reduce_only=true", "", GUARD_PRICE_NONE, 0 },
};

START_TEST(an_order_is_valued_at_its_worst)
{
    char price[DECIMAL_TEXT_MAX];

    put_books();
    ck_assert_msg(kit_run("POST", "/orders", prices[_i].body) == 201, "%s", kit.call.reply.data);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_int_eq(asked, 1);
    ck_assert_str_eq(decimal_format(&kit.created.value_price, price), prices[_i].price);
    ck_assert_int_eq(kit.facts.source, prices[_i].source);
    ck_assert_int_ge(kit.facts.price_age_ms, 0);
    ck_assert_int_le(kit.facts.price_age_ms, 1000);
    ck_assert_uint_eq(kit.touches, prices[_i].touches);
    ck_assert(!kit.touches || (kit.touched == STREAM_BOOK && kit.touched_depth == 50));
    ck_assert_uint_eq(kit.reads, 0);
}
END_TEST

/* Of another order's book, meanwhile the market of this one runs away. */
static void answer_late(enum bybit_route route, const char *query)
{
    const struct timespec time = { .tv_sec = 1, .tv_nsec = 100000000 };

    (void)nanosleep(&time, NULL);
    put_book(CATEGORY_LINEAR, "BTCUSDT", BIDS, "[[\"150\",\"9\"]]");
    answer_read(route, query);
}

START_TEST(who_waits_for_the_rest_of_a_batch_is_valued_anew)
{
    char price[DECIMAL_TEXT_MAX];

    put_book(CATEGORY_LINEAR, "BTCUSDT", BIDS, ASKS);
    set_rest();
    kit.on_read = answer_late;
    ck_assert_int_eq(kit_run("POST", "/orders",
                             "[{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":\"1\"},"
                             "{\"symbol\":\"BTCPERP\",\"side\":\"buy\",\"qty\":\"1\"}]"),
                     207);
    ck_assert_uint_eq(kit.batch_count, 2);
    ck_assert_str_eq(kit.created.symbol, "BTCUSDT"); /* the kit takes the first one last */
    ck_assert_str_eq(decimal_format(&kit.created.value_price, price), "150");
    ck_assert_int_le(kit.facts.price_age_ms, 1000);
}
END_TEST

/* They cannot be placed yet. */
START_TEST(a_conditional_order_is_worth_its_trigger_at_least)
{
    const struct book_level bid = { .price = decimal_from_int(100), .qty = decimal_from_int(9) };
    const struct book_level ask = { .price = decimal_from_int(101), .qty = decimal_from_int(9) };
    struct order_request request = { .type = ORDER_TYPE_MARKET, .qty = decimal_from_int(1) };
    struct decimal price;
    char why[120];

    request.price = decimal_from_int(90);
    for (int i = 0; i < 3; i++) {
        request.side = i ? SIDE_SELL : SIDE_BUY;
        request.type = i == 2 ? ORDER_TYPE_LIMIT : ORDER_TYPE_MARKET;
        request.trigger_price = decimal_from_int(300);
        ck_assert(valuation_price(&request, &bid, 1, &ask, 1, &price, why));
        ck_assert_int_eq((int)price.mantissa, 300);
        request.trigger_price = decimal_from_int(50);
        ck_assert(valuation_price(&request, &bid, 1, &ask, 1, &price, why));
        ck_assert_int_eq((int)price.mantissa, i ? 100 : 101);
    }
}
END_TEST

START_TEST(no_limit_asks_for_nothing)
{
    kit.needs = 0;
    kit.on_create = NULL;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1"), 201);
    ck_assert(decimal_is_none(&kit.created.value_price));
    ck_assert_uint_eq(kit.touches + kit.reads, 0);
}
END_TEST

/* --- the property: what is above the cap is never handed to the engine as allowed --- */

static uint64_t random_state;

static unsigned random_below(unsigned n)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(random_state >> 33) % n;
}

/* The worst price of a size in thousandths, in whole numbers, by the books of put_books. */
static unsigned worst(unsigned category, bool buy, unsigned qty, unsigned price)
{
    if (category == CATEGORY_INVERSE)
        return 1;
    if (buy && price)
        return price;
    if (!buy)
        return price > 100 ? price : 100;
    return qty <= 1000 ? 101 : qty <= 3000 ? 102 : 110;
}

START_TEST(what_is_refused_is_never_sent_and_what_is_sent_fits)
{
    size_t allowed = 0;

    random_state = (uint64_t)_i + 1;
    put_books();
    for (int i = 0; i < RANDOM_ORDERS; i++) {
        unsigned category = random_below(2) ? CATEGORY_LINEAR : CATEGORY_INVERSE;
        bool buy = random_below(2);
        bool exits = random_below(4) == 0;
        unsigned qty = 1 + random_below(7000); /* thousandths */
        unsigned price = random_below(2) ? 50 + random_below(150) : 0;
        unsigned cap = 1 + random_below(1000);
        size_t before = kit.creates;
        char body[200];
        char usd[16];
        bool fits;
        int status;

        if (i % 200 == 0)
            put_books(); /* at most 1 s old */
        ck_assert_int_gt(snprintf(usd, sizeof(usd), "%u", cap), 0);
        limit_order(usd);
        ck_assert_int_gt(snprintf(body, sizeof(body), "symbol=%s&side=%s&qty=%u.%03u%s",
                                  category == CATEGORY_LINEAR ? "BTCUSDT" : "inverse:BTCUSD",
                                  buy ? "buy" : "sell", qty / 1000, qty % 1000,
                                  exits ? "&reduce_only=true" : ""),
                         0);
        if (price)
            ck_assert_int_gt(snprintf(body + strlen(body), 20, "&price=%u", price), 0);
        status = kit_run("POST", "/orders", body);
        fits = exits || (uint64_t)qty * worst(category, buy, qty, price) <= (uint64_t)cap * 1000;
        ck_assert_msg(status == (fits ? 201 : 422), "%s under %s: %s", body, usd,
                      kit.call.reply.data);
        ck_assert_uint_eq(kit.creates, before + (fits ? 1 : 0));
        ck_assert_int_eq(kit.dones, 1);
        allowed += fits;
    }
    ck_assert_uint_gt(allowed, RANDOM_ORDERS / 10);
    ck_assert_uint_lt(allowed, RANDOM_ORDERS * 9 / 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_valuation");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, open_value, kit_close);
    tcase_add_loop_test(tcase, an_order_is_valued_at_its_worst, 0, (int)ARRAY_LEN(prices));
    tcase_add_test(tcase, a_conditional_order_is_worth_its_trigger_at_least);
    tcase_add_test(tcase, no_limit_asks_for_nothing);
    tcase_add_test(tcase, who_waits_for_the_rest_of_a_batch_is_valued_anew);
    tcase_add_loop_test(tcase, what_is_refused_is_never_sent_and_what_is_sent_fits, 0, 2);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
