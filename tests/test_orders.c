#include <stdio.h>
#include <string.h>

#include <check.h>

#include "api/order_body.h"

static struct order_request request;
static struct decimal notional;
static struct api_refusal refusal;

static enum err read_with(const char *body, const char *key, const char *client)
{
    const struct order_input input = {
        .body = body,
        .body_bytes = strlen(body),
        .body_is_form = true,
        .idempotency_key = key,
        .client = client,
        .default_category = CATEGORY_LINEAR,
    };

    memset(&refusal, 0, sizeof(refusal));
    return order_body_read(&request, &notional, &input, &refusal);
}

static enum err read_body(const char *body)
{
    return read_with(body, NULL, NULL);
}

/* What was understood, in one line. */
static const char *shown(void)
{
    static char line[400];
    char qty[DECIMAL_TEXT_MAX];
    char price[DECIMAL_TEXT_MAX];

    (void)snprintf(line, sizeof(line), "%s:%s %s %s %s%s @%s %s%s%s",
                   category_word(request.category), request.symbol, side_word(request.side),
                   order_type_word(request.type), decimal_format(&request.qty, qty),
                   request.qty_in_quote ? " quote" : "", decimal_format(&request.price, price),
                   tif_word(request.tif), request.reduce_only ? " reduce" : "",
                   request.close_on_trigger ? " close" : "");
    return line;
}

static const struct {
    const char *body;
    const char *shown;
} understood[] = {
    { "symbol=BTCUSDT&side=buy&qty=0.01", "linear:BTCUSDT buy market 0.01 @ ioc" },
    { "symbol=btcusdt&side=SELL&qty=0.010&price=26000.10",
      "linear:BTCUSDT sell limit 0.010 @26000.10 gtc" },
    { "{\"symbol\":\"BTCUSDT\",\"side\":\"Buy\",\"orderType\":\"Limit\",\"qty\":\"1\",\"price\":"
      "\"2\",\"timeInForce\":\"PostOnly\",\"reduceOnly\":true,\"positionIdx\":0}",
      "linear:BTCUSDT buy limit 1 @2 post_only reduce" },
    { "{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":0.00000001,\"price\":9007199254740993}",
      "linear:BTCUSDT buy limit 0.00000001 @9007199254740993 gtc" },
    { "symbol=spot:BTCUSDT&side=buy&quote_qty=100", "spot:BTCUSDT buy market 100 quote @ ioc" },
    { "category=spot&symbol=BTCUSDT&side=Buy&orderType=Market&qty=100&marketUnit=quoteCoin",
      "spot:BTCUSDT buy market 100 quote @ ioc" },
    { "category=spot&symbol=BTCUSDT&side=Buy&qty=1&marketUnit=baseCoin",
      "spot:BTCUSDT buy market 1 @ ioc" },
    { "category=Inverse&symbol=BTCUSD&side=sell&qty=10&type=market&tif=ioc&close_on_trigger=yes",
      "inverse:BTCUSD sell market 10 @ ioc close" },
    { "symbol=BTCUSDT&side=buy&qty=1&price=5&tif=FOK&reduce_only=false",
      "linear:BTCUSDT buy limit 1 @5 fok" },
};

START_TEST(a_body_is_understood)
{
    ck_assert_msg(!read_body(understood[_i].body), "%s: %s", understood[_i].body, refusal.detail);
    ck_assert_str_eq(shown(), understood[_i].shown);
    ck_assert_str_eq(request.link, "");
    ck_assert(!request.client_key);
}
END_TEST

static const struct {
    const char *body;
    const char *code;
    const char *says;
} refused[] = {
    { "side=buy&qty=1", "missing_field", "symbol" },
    { "symbol=BTCUSDT&qty=1", "missing_field", "side" },
    { "symbol=BTCUSDT&side=buy", "missing_field", "qty" },
    { "symbol=BTCUSDT&side=buy&qty=1&type=limit", "missing_field", "needs a price" },
    { "symbol=BTCUSDT&side=buy&qty=1&type=market&price=5", "field_not_allowed", "takes no price" },
    { "symbol=BTCUSDT&side=buy&qty=1&tif=gtc", "field_not_allowed", "always ioc: tif gtc" },
    { "symbol=BTCUSDT&side=buy&qty=1&tif=post_only", "field_not_allowed", "post_only" },
    { "symbol=BTCUSDT&side=buy&qty=1&quote_qty=1", "field_not_allowed", "not both" },
    { "symbol=BTCUSDT&side=buy&qty=1&notional=1", "field_not_allowed", "qty or notional" },
    { "symbol=spot:BTCUSDT&side=buy&quote_qty=1&notional=1", "field_not_allowed", "or notional" },
    { "symbol=BTCUSDT&side=buy&quote_qty=1", "field_not_allowed", "spot market orders only" },
    { "symbol=BTCUSDT&side=buy&qty=1&marketUnit=baseCoin", "field_not_allowed", "market_unit" },
    { "symbol=spot:BTCUSDT&side=buy&quote_qty=1&price=1", "field_not_allowed", "quote_qty" },
    { "symbol=spot:BTCUSDT&side=buy&quote_qty=1&market_unit=base", "field_not_allowed",
      "not both" },
    { "symbol=spot:BTCUSDT&side=buy&qty=1&reduce_only=true", "field_not_allowed", "reduce_only" },
    { "symbol=spot:BTCUSDT&side=buy&qty=1&close_on_trigger=1", "field_not_allowed", "close_on" },
    { "symbol=spot:BTCUSDT&category=linear&side=buy&qty=1", "invalid_symbol", "category" },
    { "symbol=BTC/USDT&side=buy&qty=1", "invalid_symbol", "BTC/USDT" },
    { "symbol=moon:BTCUSDT&side=buy&qty=1", "invalid_symbol", "before the colon" },
    { "symbol=BTCUSDT&category=moon&side=buy&qty=1", "invalid_value", "category" },
    { "symbol=BTCUSDT&side=up&qty=1", "invalid_value", "buy, sell" },
    { "symbol=BTCUSDT&side=buy&qty=1&type=stop", "invalid_value", "market, limit" },
    { "symbol=BTCUSDT&side=buy&qty=1&price=1&tif=day", "invalid_value", "gtc" },
    { "symbol=BTCUSDT&side=buy&qty=1&position_idx=3", "invalid_value", "position_idx 3" },
    { "symbol=spot:BTCUSDT&side=buy&qty=1&isLeverage=2", "invalid_value", "is_leverage" },
    { "symbol=BTCUSDT&side=buy&qty=1&isLeverage=1", "field_not_allowed", "is_leverage" },
    { "symbol=BTCUSDT&side=buy&qty=1&tag=a%20b", "invalid_tag", "a b" },
    { "symbol=BTCUSDT&side=buy&qty=-1", "invalid_number", "qty" },
    { "symbol=BTCUSDT&side=buy&qty=1&reduce_onyl=1", "unknown_field", "reduce_only" },
    { "symbol=BTCUSDT&side=buy&qty=1&client_id=a&orderLinkId=a", "duplicate_field", "client_id" },
    { "{\"symbol\":\"BTCUSDT\",\"client_id\":\"\xc3\xa9\"}", "invalid_client_id", "printable" },
};

START_TEST(a_body_is_refused_with_its_reason)
{
    ck_assert_int_eq(read_body(refused[_i].body), ERR_INVALID);
    ck_assert_msg(strcmp(refusal.code, refused[_i].code) == 0, "%s: %s (%s)", refused[_i].body,
                  refusal.code, refusal.detail);
    ck_assert_msg(strstr(refusal.detail, refused[_i].says), "%s: %s", refused[_i].body,
                  refusal.detail);
}
END_TEST

/* --- keys --- */

#define ORDER "symbol=BTCUSDT&side=buy&qty=1"

START_TEST(header_and_field_are_one_key)
{
    ck_assert(!read_with(ORDER, "my-1", NULL));
    ck_assert_str_eq(request.client_id, "my-1");
    ck_assert_str_eq(request.link, "my-1");
    ck_assert(request.client_key);
    ck_assert(!read_with(ORDER "&orderLinkId=my-1", "my-1", NULL));
    ck_assert(!read_with(ORDER "&client_id=my-2", NULL, NULL));
    ck_assert_str_eq(request.link, "my-2");
    ck_assert_int_eq(read_with(ORDER "&client_id=my-2", "my-1", NULL), ERR_INVALID);
    ck_assert_str_eq(refusal.code, "client_id_conflict");
    ck_assert_int_eq(read_with(ORDER, "", NULL), ERR_INVALID);
    ck_assert_str_eq(refusal.code, "invalid_client_id");
}
END_TEST

START_TEST(a_key_that_does_not_fit_becomes_a_hash)
{
    char key[140];
    char link[ORDER_LINK_BYTES];

    ck_assert(!read_with(ORDER, "a key with blanks/1", NULL));
    ck_assert_str_eq(request.client_id, "a key with blanks/1");
    ck_assert_str_eq(request.link, "h-asb5ws5car24bawbwhmhnkcahdsda2sbnu");
    ck_assert(link_is_valid(request.link));
    order_key_to_link("123456789012345678901234567890123456", link);
    ck_assert_str_eq(link, "123456789012345678901234567890123456");
    order_key_to_link("1234567890123456789012345678901234567", link);
    ck_assert_uint_eq(strlen(link), 36);
    ck_assert_mem_eq(link, "h-", 2);
    memset(key, 'k', sizeof(key));
    key[128] = '\0';
    ck_assert(!read_with(ORDER, key, NULL));
    ck_assert_str_eq(request.client_id, key);
    key[128] = 'k';
    key[129] = '\0';
    ck_assert_int_eq(read_with(ORDER, key, NULL), ERR_INVALID);
    ck_assert_str_eq(refusal.code, "invalid_client_id");
}
END_TEST

START_TEST(tag_and_client_are_names)
{
    ck_assert(!read_with(ORDER "&tag=grid:a.1", NULL, "bot_1"));
    ck_assert_str_eq(request.tag, "grid:a.1");
    ck_assert_str_eq(request.client, "bot_1");
    ck_assert_int_eq(read_with(ORDER, NULL, "two words"), ERR_INVALID);
    ck_assert_str_eq(refusal.code, "invalid_value");
    ck_assert(!order_name_is_valid(""));
    ck_assert(
        order_name_is_valid("1234567890123456789012345678901234567890123456789012345678901234"));
    ck_assert(
        !order_name_is_valid("12345678901234567890123456789012345678901234567890123456789012345"));
}
END_TEST

/* --- the hash --- */

static const struct {
    const char *a;
    const char *b;
    bool same;
} bodies[] = {
    { ORDER, ORDER "&client_id=other", true },
    { ORDER, "category=linear&symbol=btcusdt&side=Buy&qty=1.000&orderType=Market&tif=ioc", true },
    { ORDER, "{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":1.0,\"reduce_only\":false}", true },
    { ORDER "&price=5", ORDER "&price=5.0&tif=gtc&type=limit&position_idx=0", true },
    { ORDER, ORDER "&reduce_only=1", false },
    { ORDER, ORDER "&close_on_trigger=1", false },
    { ORDER, ORDER "&tag=a", false },
    { ORDER, ORDER "&price=1", false },
    { ORDER "&price=5", ORDER "&price=5&tif=ioc", false },
    { ORDER, "symbol=BTCUSDT&side=sell&qty=1", false },
    { ORDER, "symbol=BTCUSDT&side=buy&qty=10", false },
    { ORDER, "symbol=inverse:BTCUSDT&side=buy&qty=1", false },
    { "symbol=spot:A&side=buy&qty=1", "symbol=spot:A&side=buy&quote_qty=1", false },
};

START_TEST(same_body_is_told_from_another)
{
    unsigned char first[32];

    ck_assert(!read_body(bodies[_i].a));
    memcpy(first, request.body_hash, sizeof(first));
    ck_assert(!read_body(bodies[_i].b));
    ck_assert_int_eq(memcmp(first, request.body_hash, sizeof(first)) == 0, bodies[_i].same);
}
END_TEST

/* The journal keeps hashes: a later version must still make this one. */
START_TEST(the_hash_never_changes)
{
    static const unsigned char expected[4] = { 0xc2, 0x1d, 0x51, 0x5b };

    ck_assert(!read_body("symbol=BTCUSDT&side=buy&qty=0.010&price=26000.10&tif=post_only&tag=a"));
    ck_assert_mem_eq(request.body_hash, expected, sizeof(expected));
}
END_TEST

/* --- filters --- */

static struct decimal dec(const char *text)
{
    struct decimal value = DECIMAL_NONE;

    if (*text)
        ck_assert(!decimal_parse(&value, text));
    return value;
}

static struct instrument instrument_of(enum category category)
{
    bool spot = category == CATEGORY_SPOT;

    return (struct instrument){
        .category = category,
        .symbol = "BTCUSDT",
        .quote = "USDT",
        .tick_size = dec("0.10"),
        .qty_step = dec(category == CATEGORY_INVERSE ? "1" : "0.001"),
        .quote_step = dec(spot ? "0.01" : ""),
        .min_qty = dec(category == CATEGORY_INVERSE ? "1" : "0.002"),
        .max_limit_qty = dec("1000"),
        .max_market_qty = dec("100"),
        .max_post_only_qty = dec("50"),
        .min_notional = dec("5"),
        .min_price = dec(spot ? "" : "0.10"),
        .max_price = dec(spot ? "" : "199999.80"),
    };
}

#define S    "symbol=BTCUSDT&side=buy&"
#define SPOT "symbol=spot:BTCUSDT&side=buy&"
#define INV  "symbol=inverse:BTCUSDT&side=buy&"
static const struct {
    const char *body;
    const char *code; /* NULL: fine */
    const char *detail;
} checks[] = {
    { S "qty=0.012", NULL, "" },
    { S "qty=0.0120", NULL, "" },
    { S "qty=0.0123", "qty_step", "qty 0.0123 is not a multiple of qty step 0.001; nearest 0.012" },
    { S "qty=0.0128", "qty_step", "qty 0.0128 is not a multiple of qty step 0.001; nearest 0.013" },
    { S "qty=0", "qty_too_small", "qty must be above 0; nearest 0.002" },
    { S "qty=0&reduce_only=1&close_on_trigger=1", NULL, "" },
    { S "qty=0&reduce_only=1", "qty_too_small", NULL },
    { S "qty=0&close_on_trigger=1", "qty_too_small", NULL },
    { S "qty=0.001", "qty_too_small", "qty 0.001 is below the minimum 0.002; nearest 0.002" },
    { S "qty=100", NULL, "" },
    { S "qty=100.001", "qty_too_large", "qty 100.001 is above the maximum 100; nearest 100" },
    { S "qty=1000&price=100", NULL, "" },
    { S "qty=1000.001&price=100", "qty_too_large",
      "qty 1000.001 is above the maximum 1000; nearest 1000" },
    { S "qty=51&price=100&tif=post_only", "qty_too_large",
      "qty 51 is above the maximum 50; nearest 50" },
    { S "qty=1001&price=100&reduce_only=1", "qty_too_large",
      "qty 1001 is above the maximum 1000; nearest 1000" },
    { S "qty=99999999999999999999999999999999&price=100", "qty_too_large", NULL },
    { S "qty=1&price=100.05", "price_tick",
      "price 100.05 is not a multiple of tick size 0.10; nearest 100.10" },
    { S "qty=1&price=0", "price_out_of_range", "price must be above 0; nearest 0.10" },
    { S "qty=1&price=0.01", "price_out_of_range",
      "price 0.01 is below the minimum 0.10; nearest 0.10" },
    { S "qty=1&price=200000", "price_out_of_range",
      "price 200000 is above the maximum 199999.80; nearest 199999.80" },
    { S "qty=0.003&price=1000", "notional_too_small",
      "value 3 USDT is below the minimum 5; at this price the least qty is 0.005" },
    { S "qty=0.005&price=1000", NULL, "" },
    { S "qty=0.003&price=1700.10", NULL, "" },
    { S "qty=0.002&price=1700.10", "notional_too_small",
      "value 3.4002 USDT is below the minimum 5; at this price the least qty is 0.003" },
    { S "qty=0.003&price=1000&reduce_only=1", NULL, "" },
    { S "qty=0.002", NULL, "" },
    { SPOT "qty=0.001&price=10000000", NULL, "" },
    { SPOT "qty=0.0005", "qty_step",
      "qty 0.0005 is not a multiple of qty step 0.001; nearest 0.001" },
    { SPOT "quote_qty=4.99", "notional_too_small", "value 4.99 USDT is below the minimum 5" },
    { SPOT "quote_qty=5", NULL, "" },
    { SPOT "quote_qty=500000", NULL, "" },
    { SPOT "quote_qty=5.001", "qty_step",
      "quote_qty 5.001 is not a multiple of quote step 0.01; nearest 5.00" },
    { SPOT "quote_qty=0", "qty_too_small", "quote_qty must be above 0; nearest 0.01" },
    { INV "qty=1&price=60000", NULL, "" },
    { INV "qty=1.5&price=60000", "qty_step", "qty 1.5 is not a multiple of qty step 1; nearest 2" },
};

START_TEST(an_order_is_held_against_the_rules)
{
    struct instrument instrument;
    enum err err;

    ck_assert_msg(!read_body(checks[_i].body), "%s: %s", checks[_i].body, refusal.detail);
    instrument = instrument_of(request.category);
    err = order_check(&request, &instrument, &refusal);
    ck_assert_msg(!err == !checks[_i].code, "%s: %s", checks[_i].body, refusal.detail);
    if (!err)
        return;
    ck_assert_str_eq(refusal.code, checks[_i].code);
    if (checks[_i].detail)
        ck_assert_str_eq(refusal.detail, checks[_i].detail);
}
END_TEST

START_TEST(rules_that_are_not_stated_are_the_exchanges_to_judge)
{
    struct instrument instrument = { .category = CATEGORY_LINEAR };
    struct decimal *all[] = { &instrument.tick_size,         &instrument.qty_step,
                              &instrument.quote_step,        &instrument.min_qty,
                              &instrument.max_limit_qty,     &instrument.max_market_qty,
                              &instrument.max_post_only_qty, &instrument.min_notional,
                              &instrument.min_price,         &instrument.max_price };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        *all[i] = DECIMAL_NONE;
    ck_assert(!read_body(S "qty=0.0000001&price=0.00000001"));
    ck_assert(!order_check(&request, &instrument, &refusal));
    ck_assert(!read_body(S "qty=0&price=1"));
    ck_assert_int_eq(order_check(&request, &instrument, &refusal), ERR_INVALID);
    ck_assert_str_eq(refusal.detail, "qty must be above 0");
    ck_assert(!read_body(S "qty=51&price=100&tif=post_only"));
    instrument.max_limit_qty = dec("50");
    ck_assert_int_eq(order_check(&request, &instrument, &refusal), ERR_INVALID);
    ck_assert_str_eq(refusal.code, "qty_too_large");
}
END_TEST

START_TEST(steps_above_one_work)
{
    struct instrument instrument = instrument_of(CATEGORY_LINEAR);

    instrument.qty_step = dec("100");
    instrument.min_qty = dec("100");
    instrument.max_market_qty = dec("100000");
    ck_assert(!read_body(S "qty=1200"));
    ck_assert(!order_check(&request, &instrument, &refusal));
    ck_assert(!read_body(S "qty=1250"));
    ck_assert_int_eq(order_check(&request, &instrument, &refusal), ERR_INVALID);
    ck_assert_str_eq(refusal.detail, "qty 1250 is not a multiple of qty step 100; nearest 1300");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("orders");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_loop_test(tcase, a_body_is_understood, 0, (int)ARRAY_LEN(understood));
    tcase_add_loop_test(tcase, a_body_is_refused_with_its_reason, 0, (int)ARRAY_LEN(refused));
    tcase_add_test(tcase, header_and_field_are_one_key);
    tcase_add_test(tcase, a_key_that_does_not_fit_becomes_a_hash);
    tcase_add_test(tcase, tag_and_client_are_names);
    tcase_add_loop_test(tcase, same_body_is_told_from_another, 0, (int)ARRAY_LEN(bodies));
    tcase_add_test(tcase, the_hash_never_changes);
    tcase_add_loop_test(tcase, an_order_is_held_against_the_rules, 0, (int)ARRAY_LEN(checks));
    tcase_add_test(tcase, rules_that_are_not_stated_are_the_exchanges_to_judge);
    tcase_add_test(tcase, steps_above_one_work);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
