/* Sizes by value, and what orders would cost. */
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "api/dry_run.h"
#include "api/estimate.h"
#include "api/order_body.h"
#include "api/order_prepare.h"
#include "api/sizing.h"

static struct order_request request;
static struct decimal notional;
static struct api_refusal refusal;

static struct decimal dec(const char *text)
{
    struct decimal value = DECIMAL_NONE;

    if (*text)
        ck_assert_msg(!decimal_parse(&value, text), "%s", text);
    return value;
}

static struct instrument rules(enum category category)
{
    bool inverse = category == CATEGORY_INVERSE;

    return (struct instrument){
        .category = category,
        .symbol = "BTCUSDT",
        .base = "BTC",
        .quote = "USDT",
        .tick_size = dec("0.1"),
        .qty_step = dec(inverse ? "1" : "0.001"),
        .quote_step = dec(category == CATEGORY_SPOT ? "0.01" : ""),
        .min_qty = dec(inverse ? "1" : "0.002"),
        .max_limit_qty = dec("1000"),
        .max_market_qty = dec("100"),
        .max_post_only_qty = DECIMAL_NONE,
        .min_notional = dec("5"),
        .min_price = dec("0.1"),
        .max_price = dec("200000"),
    };
}

static void read_body(const char *body)
{
    const struct order_input input = { .body = body,
                                       .body_bytes = strlen(body),
                                       .body_is_form = true,
                                       .default_category = CATEGORY_LINEAR };

    ck_assert_msg(!order_body_read(&request, &notional, &input, &refusal), "%s: %s", body,
                  refusal.detail);
}

#define LEVELS 3
static struct book_level bids[LEVELS];
static struct book_level asks[LEVELS];

static void set_book(void)
{
    static const char *const levels[][4] = { { "99", "1", "101", "1" },
                                             { "98", "2", "102", "2" },
                                             { "90", "7", "110", "7" } };

    for (size_t i = 0; i < LEVELS; i++) {
        bids[i] = (struct book_level){ dec(levels[i][0]), dec(levels[i][1]) };
        asks[i] = (struct book_level){ dec(levels[i][2]), dec(levels[i][3]) };
    }
}

#define B "symbol=BTCUSDT&side=buy&notional="
#define S "symbol=BTCUSDT&side=sell&notional="
static const struct {
    const char *body;
    const char *qty;  /* NULL: refused */
    const char *says; /* the code, and a part of the detail */
    const char *detail;
} sizes[] = {
    { B "100&price=100", "1.000", NULL, NULL },
    { B "100&price=33", "3.030", NULL, NULL },
    { B "100.999&price=100", "1.009", NULL, NULL },
    { B "101", "1.000", NULL, NULL },
    { B "102", "1.000", NULL, NULL },   /* the second level is reached */
    { B "305", "2.990", NULL, NULL },   /* all at 102 */
    { B "305.1", "2.773", NULL, NULL }, /* the third */
    { B "1075", "9.772", NULL, NULL },
    { B "1075.01", NULL, "no_price_now", "does not hold enough" },
    { S "99", "1.000", NULL, NULL },
    { S "1000", "10.101", NULL, NULL }, /* never worth more than asked */
    { B "100&trigger_price=50&trigger_direction=2", "2.000", NULL, NULL },
    { S "100&trigger_price=200&trigger_direction=1", "0.500", NULL, NULL },
    { "symbol=inverse:BTCUSD&side=buy&notional=100.9", "100", NULL, NULL },
    { "symbol=inverse:BTCUSD&side=buy&notional=0.5", NULL, "notional_too_small",
      "the least notional is 1 USD" },
    { "symbol=spot:BTCUSDT&side=buy&notional=101", "1.000", NULL, NULL },
    { B "4.99&price=100", NULL, "notional_too_small",
      "0.050 at 100; the least notional is 5 USDT" },
    { B "5&price=100", "0.050", NULL, NULL },
    { B "5&price=99", NULL, "notional_too_small", "0.051 at 99; the least notional is 5.049 USDT" },
    { B "100&price=90000", NULL, "notional_too_small",
      "0.002 at 90000; the least notional is 180 USDT" },
    { B "100&price=90000&reduce_only=1", "0.001", NULL, NULL },
    { B "50&price=90000&reduce_only=1", NULL, "notional_too_small", "least" },
    { B "0&price=100", NULL, "notional_too_small", "least" },
    { B "100&price=0", NULL, "price_out_of_range", "above 0" },
    { B "99999999999999999999999999999999999&price=0.1", NULL, "invalid_number", "digits" },
};

START_TEST(a_value_becomes_a_size)
{
    struct instrument instrument;
    char qty[DECIMAL_TEXT_MAX];
    enum err err;

    set_book();
    read_body(sizes[_i].body);
    instrument = rules(request.category);
    err = sizing_by_value(&request, &notional, &instrument, bids, LEVELS, asks, LEVELS, &refusal);
    ck_assert_msg(!err == !!sizes[_i].qty, "%s: %s", sizes[_i].body, refusal.detail);
    if (!err) {
        ck_assert_str_eq(decimal_format(&request.qty, qty), sizes[_i].qty);
        return;
    }
    ck_assert_str_eq(refusal.code, sizes[_i].says);
    ck_assert_msg(strstr(refusal.detail, sizes[_i].detail), "%s: %s", sizes[_i].body,
                  refusal.detail);
}
END_TEST

START_TEST(the_least_that_is_named_is_taken)
{
    static const char *const prices[] = { "0.1", "3", "7.7", "99", "1234.5", "90000", "199999.9" };
    struct instrument instrument = rules(CATEGORY_LINEAR);
    char body[200];
    const char *least;

    for (size_t i = 0; i < ARRAY_LEN(prices); i++) {
        (void)snprintf(body, sizeof(body), B "0.0001&price=%s", prices[i]);
        read_body(body);
        ck_assert_int_eq(
            sizing_by_value(&request, &notional, &instrument, NULL, 0, NULL, 0, &refusal),
            ERR_INVALID);
        least = strstr(refusal.detail, "the least notional is ");
        ck_assert_ptr_nonnull(least);
        (void)snprintf(body, sizeof(body), B "%.*s&price=%s", (int)strcspn(least + 22, " "),
                       least + 22, prices[i]);
        read_body(body);
        ck_assert_msg(
            !sizing_by_value(&request, &notional, &instrument, NULL, 0, NULL, 0, &refusal),
            "%s: %s", body, refusal.detail);
        ck_assert_msg(!order_check(&request, &instrument, &refusal), "%s: %s", body,
                      refusal.detail);
    }
}
END_TEST

START_TEST(a_broken_or_empty_book_sizes_nothing)
{
    struct instrument instrument = rules(CATEGORY_LINEAR);
    struct book_level bad = { dec("0"), dec("1") };

    read_body(B "100");
    ck_assert_int_eq(sizing_by_value(&request, &notional, &instrument, NULL, 0, NULL, 0, &refusal),
                     ERR_INVALID);
    ck_assert_int_eq(sizing_by_value(&request, &notional, &instrument, NULL, 0, &bad, 1, &refusal),
                     ERR_INVALID);
    bad.price = dec("-1");
    ck_assert_int_eq(sizing_by_value(&request, &notional, &instrument, NULL, 0, &bad, 1, &refusal),
                     ERR_INVALID);
    read_body(S "100");
    ck_assert_int_eq(sizing_by_value(&request, &notional, &instrument, &bad, 1, NULL, 0, &refusal),
                     ERR_INVALID);
    ck_assert_str_eq(refusal.code, "no_price_now");
    instrument.qty_step = DECIMAL_NONE;
    ck_assert_int_eq(sizing_by_value(&request, &notional, &instrument, &bad, 1, NULL, 0, &refusal),
                     ERR_INVALID);
    ck_assert_str_eq(refusal.code, "field_not_allowed");
}
END_TEST

START_TEST(a_trigger_above_the_price_is_risen_to)
{
    struct decimal trigger = dec("100.0");
    struct decimal prices[] = { dec("99.9"), dec("100.1"), dec("100"), dec(""), dec("0") };
    static const int directions[] = { 1, 2, 0, 0, 0 };

    for (size_t i = 0; i < ARRAY_LEN(prices); i++)
        ck_assert_int_eq(order_trigger_direction(&trigger, &prices[i]), directions[i]);
}
END_TEST

/* --- estimates --- */

static const struct {
    const char *body;
    const char *price;
    const char *value;
    const char *fee;
    const char *fee_coin;
    const char *source; /* NULL: none */
} estimates[] = {
    { "symbol=BTCUSDT&side=buy&qty=2&price=100", "100", "200", "0.2", "USDT", "limit_price" },
    { "symbol=BTCUSDT&side=buy&qty=2&price=100&tif=post_only", "100", "200", "0.04", "USDT",
      "limit_price" },
    { "symbol=BTCUSDT&side=buy&qty=1", "101", "101", "0.101", "USDT", "local_book" },
    { "symbol=BTCUSDT&side=buy&qty=2", "101.5", "203", "0.203", "USDT", "local_book" },
    { "symbol=BTCUSDT&side=sell&qty=3", "98.333333333333", "294.999999999999", "0.294999999999999",
      "USDT", "local_book" },
    { "symbol=BTCUSDT&side=buy&qty=11", "", "", "", "USDT", NULL },
    { "symbol=BTCUSDT&side=buy&qty=2&trigger_price=70&trigger_direction=2", "70", "140", "0.14",
      "USDT", "trigger_price" },
    { "symbol=spot:BTCUSDT&side=buy&quote_qty=203", "101.5", "203", "0.002", "BTC", "local_book" },
    { "symbol=spot:BTCUSDT&side=buy&qty=1", "101", "101", "0.001", "BTC", "local_book" },
    { "symbol=spot:BTCUSDT&side=sell&qty=1", "99", "99", "0.099", "USDT", "local_book" },
    { "symbol=inverse:BTCUSD&side=buy&qty=200&price=100", "100", "200", "0.002", "BTC",
      "limit_price" },
    { "symbol=option:BTC-1-C&side=buy&qty=1&price=100", "100", "100", "", "USDT", "limit_price" },
};

START_TEST(an_order_is_estimated)
{
    struct order_market market = { .bids_count = LEVELS, .asks_count = LEVELS };
    struct estimate estimate;
    struct instrument instrument;
    char digits[DECIMAL_TEXT_MAX];

    set_book();
    read_body(estimates[_i].body);
    instrument = rules(request.category);
    market.bids = bids;
    market.asks = asks;
    market.known[ORDER_BOOK] = market.known[ORDER_FEES] = true;
    market.maker_rate = dec("0.0002");
    market.taker_rate = dec("0.001");
    estimate_make(&estimate, &request, &instrument, &market);
    ck_assert_str_eq(decimal_format(&estimate.price, digits), estimates[_i].price);
    ck_assert_str_eq(decimal_format(&estimate.value, digits), estimates[_i].value);
    ck_assert_str_eq(decimal_format(&estimate.fee, digits), estimates[_i].fee);
    ck_assert_str_eq(estimate.fee_coin, estimates[_i].fee_coin);
    ck_assert_msg(!estimate.source == !estimates[_i].source, "%s", estimates[_i].body);
    if (estimate.source)
        ck_assert_str_eq(estimate.source, estimates[_i].source);
    market.known[ORDER_BOOK] = market.known[ORDER_FEES] = false;
    estimate_make(&estimate, &request, &instrument, &market);
    ck_assert(decimal_is_none(&estimate.fee) && decimal_is_none(&estimate.fee_rate));
}
END_TEST

/* --- the list of rules --- */

/* All are kept where order_check passes, and one is not where it refuses. */
START_TEST(the_list_of_rules_agrees_with_the_check)
{
    static const char *const sizes_of[] = { "0", "0.001", "0.0025", "0.002", "1", "101", "1001" };
    static const char *const more[] = {
        "",
        "&price=100",
        "&price=100.05",
        "&price=0",
        "&price=1&reduce_only=1",
        "&price=200000.1",
        "&price=1",
        "&trigger_price=7&trigger_direction=1",
        "&trigger_price=7.01&trigger_direction=1",
        "&take_profit=8.05",
        "&stop_loss=0.01",
        "&price=50&take_profit=9&tpLimitPrice=9.01",
        "&price=50&stop_loss=9&slLimitPrice=9",
        "&price=50&tif=post_only",
    };
    static const char *const symbols[] = { "BTCUSDT", "spot:BTCUSDT", "inverse:BTCUSD" };
    struct instrument instrument;
    char body[300];
    size_t kept = 0;

    for (size_t i = 0; i < ARRAY_LEN(sizes_of) * ARRAY_LEN(more) * ARRAY_LEN(symbols); i++) {
        struct buffer out = buffer_of(8192);
        const struct order_input input = { .body = body,
                                           .body_is_form = true,
                                           .body_bytes = (size_t)snprintf(
                                               body, sizeof(body), "side=buy&symbol=%s&qty=%s%s",
                                               symbols[i % 3], sizes_of[i / 3 % 7], more[i / 21]) };

        if (order_body_read(&request, &notional, &input, &refusal))
            continue;
        instrument = rules(request.category);
        instrument.max_post_only_qty = dec("50");
        json_add_open(&out, '[');
        ck_assert_msg(dry_run_add_rules(&out, &request, &instrument) ==
                          (order_check(&request, &instrument, &refusal) == ERR_NONE),
                      "%s: %s: %s", body, refusal.detail, out.data);
        kept += !order_check(&request, &instrument, &refusal);
        buffer_deinit(&out);
    }
    ck_assert_uint_gt(kept, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sizing");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_loop_test(tcase, a_value_becomes_a_size, 0, (int)ARRAY_LEN(sizes));
    tcase_add_test(tcase, the_least_that_is_named_is_taken);
    tcase_add_test(tcase, a_broken_or_empty_book_sizes_nothing);
    tcase_add_test(tcase, a_trigger_above_the_price_is_risen_to);
    tcase_add_loop_test(tcase, an_order_is_estimated, 0, (int)ARRAY_LEN(estimates));
    tcase_add_test(tcase, the_list_of_rules_agrees_with_the_check);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
