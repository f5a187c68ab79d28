/* Orders beyond plain ones: conditional, with take profit and stop loss, hedge mode, slippage, self
 * matches, options. What is accepted is what the exchange takes: held against a second opinion that
 * is written from its documentation, over every combination of fields. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <cjson/cJSON.h>

#include "api/order_body.h"
#include "base/text.h"
#include "bybit/requests.h"

static struct order_request request;
static struct decimal notional;
static struct api_refusal refusal;

static enum err read_body(const char *body)
{
    const struct order_input input = {
        .body = body,
        .body_bytes = strlen(body),
        .body_is_form = true,
        .default_category = CATEGORY_LINEAR,
    };

    memset(&refusal, 0, sizeof(refusal));
    return order_body_read(&request, &notional, &input, &refusal);
}

/* The body that would be sent; the caller frees it. */
static char *native(void)
{
    struct buffer out = buffer_of(4096);
    size_t bytes;

    request_create(&out, &request);
    return buffer_take(&out, &bytes);
}

#define L      "symbol=BTCUSDT&side=buy&qty=1&"
#define LIMIT  L "price=100&"
#define SPOT   "symbol=spot:BTCUSDT&side=buy&qty=1&"
#define CLOSE  "symbol=BTCUSDT&side=sell&qty=0&"
#define OPTION "symbol=option:BTC-27MAR26-70000-C-USDT&side=buy&qty=1&"

static const struct {
    const char *body;
    const char *says; /* of the native body, without its ends */
} sent[] = {
    { L "trigger_price=90", "\"triggerPrice\":\"90\"" },
    { L "triggerPrice=90&triggerDirection=2&triggerBy=MarkPrice",
      "\"triggerPrice\":\"90\",\"triggerDirection\":2,\"triggerBy\":\"MarkPrice\"" },
    { LIMIT "trigger_price=90&trigger_direction=1&trigger_by=index",
      "\"triggerDirection\":1,\"triggerBy\":\"IndexPrice\"" },
    { SPOT "trigger_price=90", "\"orderFilter\":\"tpslOrder\"" },
    { SPOT "trigger_price=90&spot_trigger=stop", "\"orderFilter\":\"StopOrder\"" },
    { SPOT "trigger_price=90&orderFilter=tpslOrder", "\"orderFilter\":\"tpslOrder\"" },
    { L "take_profit=120&stop_loss=80", "\"tpslMode\":\"Full\"" },
    { L "takeProfit=120&tpTriggerBy=MarkPrice&stopLoss=80&slTriggerBy=last",
      "\"tpTriggerBy\":\"MarkPrice\"" },
    { L "takeProfit=120&tpslMode=Full", "\"takeProfit\":\"120\"" },
    { L "takeProfit=120&tpslMode=Partial&tpOrderType=Limit&tpLimitPrice=121",
      "\"tpLimitPrice\":\"121\"" },
    { L "take_profit=120&take_profit_limit_price=121&stop_loss=80", "\"tpslMode\":\"Partial\"" },
    { L "position_idx=1", "\"positionIdx\":1" },
    { L "positionIdx=2&reduceOnly=true", "\"positionIdx\":2" },
    { L "slippage_ticks=5", "\"slippageToleranceType\":\"TickSize\",\"slippageTolerance\":\"5\"" },
    { L "slippage_percent=0.25",
      "\"slippageToleranceType\":\"Percent\",\"slippageTolerance\":\"0.25\"" },
    { L "slippageToleranceType=Percent&slippageTolerance=10", "\"slippageTolerance\":\"10\"" },
    { L "smp=cancel_both", "\"smpType\":\"CancelBoth\"" },
    { L "smpType=None", "\"smpType\":\"None\"" },
    { LIMIT "tif=rpi", "\"timeInForce\":\"RPI\"" },
    { L "trigger_price=90&reduce_only=1&close_on_trigger=1", "\"closeOnTrigger\":true" },
    { OPTION "price=5", "\"category\":\"option\"" },
    { OPTION "price=5&take_profit=9", "\"takeProfit\":\"9\"" },
    { SPOT "price=100&isLeverage=0", "\"price\":\"100\"" },
    { SPOT "price=100&isLeverage=1", "\"isLeverage\":1" },
    { SPOT "is_leverage=1&market_unit=quoteCoin", "\"timeInForce\":\"IOC\",\"isLeverage\":1" },
    { CLOSE "reduce_only=1&close_on_trigger=1", "\"qty\":\"0\"" },
    { CLOSE "reduceOnly=true&closeOnTrigger=true&trigger_price=90", "\"qty\":\"0\"" },
};

START_TEST(what_is_meant_is_sent)
{
    char *body;

    ck_assert_msg(!read_body(sent[_i].body), "%s: %s", sent[_i].body, refusal.detail);
    body = native();
    ck_assert_msg(body && strstr(body, sent[_i].says), "%s: %s", sent[_i].body, body);
    free(body);
}
END_TEST

static const struct {
    const char *body;
    const char *code;
    const char *says;
} refused[] = {
    { L "trigger_direction=1", "field_not_allowed", "trigger_direction is for conditional" },
    { L "trigger_by=last", "field_not_allowed", "trigger_by is for conditional" },
    { SPOT "spot_trigger=tpsl", "field_not_allowed", "spot_trigger is for conditional" },
    { L "trigger_price=9&trigger_direction=3", "invalid_value", "neither 1" },
    { L "trigger_price=9&trigger_direction=0", "invalid_value", "neither 1" },
    { L "trigger_price=9&trigger_by=bid", "invalid_value", "last, mark, index" },
    { L "trigger_price=9&spot_trigger=stop", "field_not_allowed", "spot only" },
    { SPOT "trigger_price=9&trigger_by=mark", "field_not_allowed", "linear and inverse" },
    { SPOT "trigger_price=9&trigger_direction=1", "field_not_allowed", "linear and inverse" },
    { SPOT "trigger_price=9&order_filter=Order", "field_not_allowed", "tpsl or stop" },
    { SPOT "trigger_price=9&order_filter=OcoOrder", "invalid_value", "tpsl, stop" },
    { OPTION "trigger_price=9", "field_not_allowed", "not for options" },
    { OPTION "close_on_trigger=1", "field_not_allowed", "close_on_trigger" },
    { OPTION "position_idx=1", "field_not_allowed", "hedge mode" },
    { OPTION "price=5&tif=rpi", "field_not_allowed", "rpi" },
    { OPTION "price=5&take_profit=9&tpLimitPrice=9", "field_not_allowed", "not for options" },
    { OPTION "price=5&take_profit=9&tp_trigger_by=mark", "field_not_allowed", "linear" },
    { SPOT "position_idx=2", "field_not_allowed", "spot does not have" },
    { L "take_profit=9&reduce_only=true", "field_not_allowed", "take_profit does not go with" },
    { L "stop_loss=9&reduce_only=true", "field_not_allowed", "stop_loss does not go with" },
    { SPOT "take_profit=9", "field_not_allowed", "limit orders only on spot" },
    { SPOT "price=5&take_profit=9&tp_trigger_by=last", "field_not_allowed", "linear" },
    { L "tp_trigger_by=mark", "field_not_allowed", "take_profit is missing" },
    { L "take_profit=9&sl_trigger_by=mark", "field_not_allowed", "stop_loss is missing" },
    { L "slLimitPrice=9", "field_not_allowed", "stop_loss is missing" },
    { L "take_profit=9&tp_order_type=limit", "field_not_allowed", "limit_price is missing" },
    { L "take_profit=9&tp_order_type=market&tpLimitPrice=9", "field_not_allowed", "is given" },
    { L "take_profit=9&tpslMode=Partial", "field_not_allowed", "partial is taken with" },
    { L "take_profit=9&tpslMode=Full&tpLimitPrice=9", "field_not_allowed", "market orders only" },
    { L "tpslMode=Full", "field_not_allowed", "tpsl_mode is for" },
    { SPOT "price=5&take_profit=9&tpslMode=Full", "field_not_allowed", "tpsl_mode is for" },
    { L "take_profit=9&tpslMode=half", "invalid_value", "full, partial" },
    { LIMIT "slippage_ticks=5", "field_not_allowed", "for market orders" },
    { L "trigger_price=9&slippage_ticks=5", "field_not_allowed", "slippage does not go" },
    { L "take_profit=9&slippage_percent=1", "field_not_allowed", "slippage does not go" },
    { L "slippage_ticks=5&slippage_percent=1", "field_not_allowed", "one of" },
    { L "slippage_ticks=5&slippageTolerance=1", "field_not_allowed", "one of" },
    { L "slippageTolerance=1", "missing_field", "slippage_type is missing" },
    { L "slippageToleranceType=TickSize", "missing_field", "slippage is missing" },
    { L "slippage_ticks=0", "invalid_value", "1 to 10000" },
    { L "slippage_ticks=1.5", "invalid_value", "1 to 10000" },
    { L "slippage_ticks=10001", "invalid_value", "1 to 10000" },
    { L "slippage_percent=0.001", "invalid_value", "0.01 to 10" },
    { L "slippage_percent=0.005", "invalid_value", "0.01 to 10" },
    { L "slippage_percent=10.01", "invalid_value", "0.01 to 10" },
    { L "smp=all", "invalid_value", "cancel_maker" },
    { L "tif=rpi", "field_not_allowed", "always ioc" },
};

START_TEST(what_does_not_go_together_is_refused)
{
    ck_assert_msg(read_body(refused[_i].body) == ERR_INVALID, "%s", refused[_i].body);
    ck_assert_msg(strcmp(refusal.code, refused[_i].code) == 0, "%s: %s (%s)", refused[_i].body,
                  refusal.code, refusal.detail);
    ck_assert_msg(strstr(refusal.detail, refused[_i].says), "%s: %s", refused[_i].body,
                  refusal.detail);
}
END_TEST

/* --- the hash --- */

#define ORDER "symbol=BTCUSDT&side=buy&qty=1&price=5"

static const struct {
    const char *a;
    const char *b;
    bool same;
} bodies[] = {
    { ORDER, ORDER "&position_idx=1", false },
    { ORDER, ORDER "&trigger_price=1", false },
    { ORDER "&trigger_price=1", ORDER "&triggerPrice=1.0", true },
    { ORDER "&trigger_price=1", ORDER "&trigger_price=1&trigger_direction=1", false },
    { ORDER "&trigger_price=1", ORDER "&trigger_price=1&trigger_by=mark", false },
    { ORDER, ORDER "&take_profit=9", false },
    { ORDER "&take_profit=9", ORDER "&stop_loss=9", false },
    { ORDER "&take_profit=9", ORDER "&take_profit=9&tp_trigger_by=mark", false },
    { ORDER "&take_profit=9", ORDER "&take_profit=9&tpLimitPrice=9", false },
    { ORDER "&take_profit=9", ORDER "&takeProfit=9.00&tpslMode=full", true },
    { ORDER, ORDER "&smp=none", false },
    { ORDER "&smp=none", ORDER "&smpType=CancelTaker", false },
    { ORDER, ORDER "&tif=rpi", false },
    { "symbol=A&side=buy&qty=1", "symbol=A&side=buy&notional=1", false },
    { "symbol=A&side=buy&notional=1", "symbol=A&side=buy&notional=1.0", true },
    { "symbol=A&side=buy&qty=1&slippage_ticks=1", "symbol=A&side=buy&qty=1&slippage_percent=1",
      false },
    { "symbol=A&side=buy&qty=1&slippage_ticks=1",
      "symbol=A&side=buy&qty=1&slippageToleranceType=TickSize&slippageTolerance=1", true },
    { "symbol=spot:A&side=buy&qty=1&trigger_price=1",
      "symbol=spot:A&side=buy&qty=1&trigger_price=1&spot_trigger=tpsl", true },
    { "symbol=spot:A&side=buy&qty=1&trigger_price=1",
      "symbol=spot:A&side=buy&qty=1&trigger_price=1&spot_trigger=stop", false },
};

START_TEST(same_body_is_told_from_another)
{
    unsigned char first[32];

    ck_assert(!read_body(bodies[_i].a));
    memcpy(first, request.body_hash, sizeof(first));
    ck_assert(!read_body(bodies[_i].b));
    ck_assert_msg((memcmp(first, request.body_hash, sizeof(first)) == 0) == bodies[_i].same,
                  "%s %s", bodies[_i].a, bodies[_i].b);
}
END_TEST

/* Everything that can be said, at its longest, must fit: two orders would look alike else. */
START_TEST(the_longest_order_has_a_hash_of_its_own)
{
#define DIGITS "123456789012345678901234567890123456"
    static const char body[] =
        "symbol=option:1234567890123456789012345678901&side=sell&qty=" DIGITS "&price=" DIGITS
        "&take_profit=" DIGITS "&stop_loss=" DIGITS
        "&tag=1234567890123456789012345678901234567890123456789012345678901234&smp=cancel_both";
    static const char contract[] =
        "symbol=123456789012345678901234567890123456789&side=sell&notional=" DIGITS "&price=" DIGITS
        "&trigger_price=" DIGITS "&trigger_by=index&trigger_direction=1"
        "&take_profit=" DIGITS "&stop_loss=" DIGITS "&tp_trigger_by=index&sl_trigger_by=index"
        "&tpLimitPrice=" DIGITS "&slLimitPrice=" DIGITS
        "&tag=1234567890123456789012345678901234567890123456789012345678901234&smp=cancel_both"
        "&position_idx=1&close_on_trigger=1";

    ck_assert_msg(!read_body(body), "%s", refusal.detail);
    ck_assert_msg(!read_body(contract), "%s", refusal.detail);
}
END_TEST

/* --- prices --- */

static struct decimal dec(const char *text)
{
    struct decimal value = DECIMAL_NONE;

    if (*text)
        ck_assert(!decimal_parse(&value, text));
    return value;
}

static struct instrument rules(void)
{
    return (struct instrument){
        .category = CATEGORY_LINEAR,
        .symbol = "BTCUSDT",
        .quote = "USDT",
        .tick_size = dec("0.10"),
        .qty_step = dec("0.001"),
        .quote_step = DECIMAL_NONE,
        .min_qty = dec("0.001"),
        .max_limit_qty = dec("1000"),
        .max_market_qty = dec("100"),
        .max_post_only_qty = DECIMAL_NONE,
        .min_notional = dec("5"),
        .min_price = dec("0.10"),
        .max_price = dec("1000"),
    };
}

static const struct {
    const char *fields;
    const char *code; /* NULL: fine */
    const char *detail;
} prices[] = {
    { "trigger_price=90.1&trigger_direction=2", NULL, "" },
    { "trigger_price=90.15&trigger_direction=2", "price_tick",
      "trigger_price 90.15 is not a multiple of tick size 0.10; nearest 90.20" },
    { "trigger_price=0&trigger_direction=2", "price_out_of_range",
      "trigger_price must be above 0; nearest 0.10" },
    { "take_profit=1000.1", "price_out_of_range",
      "take_profit 1000.1 is above the maximum 1000; nearest 1000" },
    { "take_profit=99.99", "price_tick",
      "take_profit 99.99 is not a multiple of tick size 0.10; nearest 100.00" },
    { "stop_loss=0.05", "price_out_of_range",
      "stop_loss 0.05 is below the minimum 0.10; nearest 0.10" },
    { "stop_loss=80", NULL, "" },
    { "take_profit=120&tpLimitPrice=120.01", "price_tick",
      "take_profit_limit_price 120.01 is not a multiple of tick size 0.10; nearest 120.00" },
    { "stop_loss=80&slLimitPrice=79.99", "price_tick",
      "stop_loss_limit_price 79.99 is not a multiple of tick size 0.10; nearest 80.00" },
    { "take_profit=120&tpLimitPrice=120&stop_loss=80&slLimitPrice=79", NULL, "" },
};

START_TEST(each_price_is_held_against_the_rules)
{
    struct instrument instrument = rules();
    char body[200];
    enum err err;

    (void)snprintf(body, sizeof(body), L "%s", prices[_i].fields);
    ck_assert_msg(!read_body(body), "%s: %s", body, refusal.detail);
    err = order_check(&request, &instrument, &refusal);
    ck_assert_msg(!err == !prices[_i].code, "%s: %s", body, refusal.detail);
    if (!err)
        return;
    ck_assert_str_eq(refusal.code, prices[_i].code);
    ck_assert_str_eq(refusal.detail, prices[_i].detail);
}
END_TEST

/* --- all combinations --- */

/* Each group is one choice: none of it, or one of its texts. */
#define CHOICES_MAX 6
static const char *const groups[][CHOICES_MAX] = {
    { "symbol=BTCUSDT", "symbol=inverse:BTCUSD", "symbol=spot:BTCUSDT",
      "symbol=option:BTC-27MAR26-70000-C-USDT" },
    { "", "price=100", "price=100&tif=rpi" },
    { "qty=1", "quote_qty=10", "notional=100" },
    { "", "reduce_only=1", "reduce_only=1&close_on_trigger=1" },
    { "", "position_idx=1", "position_idx=2" },
    { "", "trigger_price=90", "trigger_price=90&trigger_direction=2&trigger_by=mark",
      "trigger_price=90&spot_trigger=stop" },
    { "", "take_profit=120", "take_profit=120&tp_trigger_by=index",
      "take_profit=120&tpLimitPrice=121", "take_profit=120&tpLimitPrice=121&tpslMode=partial" },
    { "", "stop_loss=80", "stop_loss=80&slLimitPrice=79", "stop_loss=80&tpslMode=full" },
    { "", "slippage_ticks=5", "slippage_percent=0.5" },
    { "", "smp=cancel_taker" },
};

static bool has(const cJSON *body, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(body, name) != NULL;
}

static bool is(const cJSON *body, const char *name, const char *value)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(body, name);

    return cJSON_IsString(member) && strcmp(member->valuestring, value) == 0;
}

/* PROTOCOL section 9, said once more about the exchange's own members. NULL: allowed. */
static const char *broken_trigger(const cJSON *body, bool contract, bool spot)
{
    bool conditional = has(body, "triggerPrice");

    if (conditional && !contract && !spot)
        return "options have no triggers";
    if ((has(body, "triggerDirection") || has(body, "triggerBy")) && !(conditional && contract))
        return "direction and source are for conditional contracts";
    if (has(body, "orderFilter") != (conditional && spot))
        return "orderFilter makes spot orders conditional, and nothing else";
    return NULL;
}

static const char *broken_tpsl(const cJSON *body, bool contract, bool spot)
{
    bool any = has(body, "takeProfit") || has(body, "stopLoss");
    bool limited = has(body, "tpLimitPrice") || has(body, "slLimitPrice");

    if (any && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "reduceOnly")))
        return "not together with reduceOnly";
    if (any && spot && !is(body, "orderType", "Limit"))
        return "spot: only on limit orders";
    if ((has(body, "tpTriggerBy") || has(body, "slTriggerBy")) && !contract)
        return "sources are for contracts";
    if ((has(body, "tpLimitPrice") && !has(body, "takeProfit")) ||
        (has(body, "slLimitPrice") && !has(body, "stopLoss")))
        return "a limit without its trigger";
    if (has(body, "tpLimitPrice") != is(body, "tpOrderType", "Limit") ||
        has(body, "slLimitPrice") != is(body, "slOrderType", "Limit"))
        return "a limit price has the type Limit";
    if (contract && limited && !is(body, "tpslMode", "Partial"))
        return "limits need the mode Partial";
    if (contract && any && !limited && is(body, "tpslMode", "Partial"))
        return "the whole position was meant";
    if (has(body, "tpslMode") && !contract)
        return "the mode is for contracts";
    if (limited && !contract && !spot)
        return "option: market only";
    return NULL;
}

static const char *broken_rest(const cJSON *body, bool contract, bool spot)
{
    bool market = is(body, "orderType", "Market");

    if (market && (has(body, "price") || !is(body, "timeInForce", "IOC")))
        return "market is IOC and has no price";
    if (!market && !has(body, "price"))
        return "limit needs a price";
    if ((spot && market) != has(body, "marketUnit"))
        return "the unit is always said, of spot market orders";
    if (has(body, "reduceOnly") && spot)
        return "spot has no positions";
    if (has(body, "closeOnTrigger") && !contract)
        return "closeOnTrigger is for contracts";
    if (has(body, "positionIdx") && !contract)
        return "hedge mode is for contracts";
    if (has(body, "slippageTolerance") != has(body, "slippageToleranceType"))
        return "slippage is a pair";
    if (has(body, "slippageTolerance") &&
        (!market || has(body, "triggerPrice") || has(body, "takeProfit") || has(body, "stopLoss")))
        return "slippage is for plain market orders";
    return NULL;
}

static const char *broken(const cJSON *body)
{
    bool spot = is(body, "category", "spot");
    bool contract = is(body, "category", "linear") || is(body, "category", "inverse");
    const char *why = broken_trigger(body, contract, spot);

    if (!why)
        why = broken_tpsl(body, contract, spot);
    return why ? why : broken_rest(body, contract, spot);
}

/* What the body says is in the native one: nothing is dropped silently. */
static const char *dropped(const char *form, const cJSON *body)
{
    static const char *const members[][2] = {
        { "&trigger_price=", "triggerPrice" },
        { "&trigger_by=", "triggerBy" },
        { "take_profit=", "takeProfit" },
        { "&stop_loss=", "stopLoss" },
        { "&tp_trigger_by=", "tpTriggerBy" },
        { "&tpLimitPrice=", "tpLimitPrice" },
        { "&slLimitPrice=", "slLimitPrice" },
        { "&slippage_", "slippageTolerance" },
        { "&smp=", "smpType" },
        { "&position_idx=", "positionIdx" },
        { "&reduce_only=", "reduceOnly" },
        { "&close_on_trigger=", "closeOnTrigger" },
        { "&spot_trigger=", "orderFilter" },
        { "&trigger_direction=", "triggerDirection" },
    };

    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (!!strstr(form, members[i][0]) && !has(body, members[i][1]))
            return members[i][1];
    }
    return NULL;
}

static void judge(const char *form)
{
    char *text = native();
    cJSON *body = cJSON_Parse(text);

    ck_assert_msg(body, "%s", form);
    ck_assert_msg(!broken(body), "%s -> %s: %s", form, text, broken(body));
    ck_assert_msg(!dropped(form, body), "%s -> %s: %s", form, text, dropped(form, body));
    cJSON_Delete(body);
    free(text);
}

static void write_form(const size_t *choice, char *out, size_t out_bytes)
{
    struct text text = text_in(out, out_bytes);

    text_add(&text, "side=sell");
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (groups[i][choice[i]][0])
            text_addf(&text, "&%s", groups[i][choice[i]]);
    }
}

static bool next_choice(size_t *choice)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (++choice[i] < CHOICES_MAX && groups[i][choice[i]])
            return true;
        choice[i] = 0;
    }
    return false;
}

START_TEST(every_combination_is_refused_or_is_what_the_exchange_takes)
{
    size_t choice[ARRAY_LEN(groups)] = { 0 };
    size_t accepted = 0;
    size_t all = 0;
    char form[400];

    do {
        write_form(choice, form, sizeof(form));
        all++;
        if (read_body(form)) {
            ck_assert_msg(refusal.code && refusal.detail[0], "%s", form);
            continue;
        }
        accepted++;
        judge(form);
    } while (next_choice(choice));
    ck_assert_uint_gt(all, 50000);
    ck_assert_uint_gt(accepted, 1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("orders_more");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_loop_test(tcase, what_is_meant_is_sent, 0, (int)ARRAY_LEN(sent));
    tcase_add_loop_test(tcase, what_does_not_go_together_is_refused, 0, (int)ARRAY_LEN(refused));
    tcase_add_loop_test(tcase, same_body_is_told_from_another, 0, (int)ARRAY_LEN(bodies));
    tcase_add_test(tcase, the_longest_order_has_a_hash_of_its_own);
    tcase_add_loop_test(tcase, each_price_is_held_against_the_rules, 0, (int)ARRAY_LEN(prices));
    tcase_add_test(tcase, every_combination_is_refused_or_is_what_the_exchange_takes);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
