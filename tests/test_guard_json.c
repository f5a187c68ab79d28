/* tests/test_guard_json.c - rules as JSON and back: what is refused, and that nothing is lost. */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "engine/guard_json.h"
#include "engine/guard_text.h"
#include "tests/test_guard_kit.h"

static enum err read_patch(struct guard_patch *out, const char *text, struct error *error)
{
    struct json object;

    ck_assert_int_eq(json_open(&object, text, strlen(text), error), ERR_NONE);
    return guard_read_patch(out, &object, CATEGORY_LINEAR, error);
}

static void expect_read(struct guard_patch *out, const char *text)
{
    struct error error = { .text = "" };

    if (read_patch(out, text, &error))
        ck_abort_msg("%s: %s", text, error.text);
}

static const struct {
    const char *text, *why;
} wrong[] = {
    { "[]", "give a JSON object of limits" },
    { "5", "give a JSON object of limits" },
    { "{\"max_order_notinal\":\"5\"}",
      "there is no limit \"max_order_notinal\"; nearest: max_order_notional" },
    { "{\"colour\":\"5\"}", "there is no limit \"colour\"" },
    { "{\"max_order_notional\":\"10k\"}",
      "max_order_notional: \"10k\" is not an amount of USD above 0, as in 10000 or 2500.50" },
    { "{\"max_order_notional\":\"\"}",
      "max_order_notional: \"\" is not an amount of USD above 0, as in 10000 or 2500.50" },
    { "{\"max_order_notional\":-1}",
      "max_order_notional: \"-1\" is not an amount of USD above 0, as in 10000 or 2500.50" },
    { "{\"max_open_notional\":0}",
      "max_open_notional: \"0\" is not an amount of USD above 0, as in 10000 or 2500.50" },
    { "{\"max_open_notional\":\"0.000\"}",
      "max_open_notional: \"0.000\" is not an amount of USD above 0, as in 10000 or 2500.50" },
    { "{\"max_open_notional\":\"NaN\"}",
      "max_open_notional: \"NaN\" is not an amount of USD above 0, as in 10000 or 2500.50" },
    { "{\"max_open_notional\":1e3}",
      "max_open_notional: \"1e3\" is not an amount of USD above 0, as in 10000 or 2500.50" },
    { "{\"max_open_notional\":\" 5\"}",
      "max_open_notional: \" 5\" is not an amount of USD above 0, as in 10000 or 2500.50" },
    { "{\"max_open_notional\":\"5\\n\"}",
      "max_open_notional: \"5?\" is not an amount of USD above 0, as in 10000 or 2500.50" },
    { "{\"max_open_notional\":true}",
      "max_open_notional: give a number, as in 60 or \"60\", or null" },
    { "{\"max_open_notional\":[5]}",
      "max_open_notional: give a number, as in 60 or \"60\", or null" },
    { "{\"max_open_notional\":"
      "\"11111111111111111111111111111111111111111111111111111111111111111111111111111111\"}",
      "max_open_notional: give a number of fewer digits" },
    { "{\"max_orders_per_minute\":1.5}",
      "max_orders_per_minute: \"1.5\" is not a whole number from 0 to 1000000" },
    { "{\"max_orders_per_minute\":-1}",
      "max_orders_per_minute: \"-1\" is not a whole number from 0 to 1000000" },
    { "{\"max_orders_per_minute\":\"-0\"}",
      "max_orders_per_minute: \"-0\" is not a whole number from 0 to 1000000" },
    { "{\"max_orders_per_minute\":1000001}",
      "max_orders_per_minute: \"1000001\" is not a whole number from 0 to 1000000" },
    { "{\"max_orders_per_minute\":99999999999999999999}",
      "max_orders_per_minute: \"99999999999999999999\" is not a whole number from 0 to 1000000" },
    { "{\"max_leverage\":\"5x\"}",
      "max_leverage: \"5x\" is not a number above 0, as in 5 or 12.5" },
    { "{\"symbols\":\"BTCUSDT\"}", "symbols: give a list of texts, or null" },
    { "{\"symbols\":[1]}", "symbols: give a list of texts, or null" },
    { "{\"symbols\":[\"BTC USDT\"]}",
      "symbols: \"BTC USDT\" is not a symbol: letters, digits, - and ." },
    { "{\"symbols\":[\"\"]}", "symbols: \"\" is not a symbol: letters, digits, - and ." },
    { "{\"symbols\":[\"swap:BTCUSDT\"]}",
      "symbols: \"swap:BTCUSDT\": before the colon stands spot, linear, inverse or option" },
    { "{\"symbols\":[\":BTCUSDT\"]}",
      "symbols: \":BTCUSDT\": before the colon stands spot, linear, inverse or option" },
    { "{\"symbols\":[\"A234567890123456789012345678901234567890\"]}",
      "symbols: \"A234567890123456789012345678901234567890\" is not a symbol: letters, digits, - "
      "and ." },
    { "{\"symbols\":[\"A23456789012345678901234567890123456789012345678901234567890\"]}",
      "symbols: give shorter names" },
    { "{\"categories\":\"linear\"}", "categories: give a list of texts, or null" },
    { "{\"categories\":[\"futures\"]}",
      "categories: \"futures\" is none of spot, linear, inverse, option" },
    { "{\"reduce_only_mode\":\"true\"}", "reduce_only_mode: give true, false or null" },
    { "{\"reduce_only_mode\":1}", "reduce_only_mode: give true, false or null" },
    { "{\"clients\":null}", "clients: give an object of names, each with its limits or null" },
    { "{\"clients\":[]}", "clients: give an object of names, each with its limits or null" },
    { "{\"clients\":{\"bot1\":5}}", "clients.bot1: give an object of limits, or null" },
    { "{\"clients\":{\"\":{}}}",
      "clients: a name is what X-Client may be, 1 to 64 of A-Za-z0-9._-" },
    { "{\"clients\":{\"a b\":null}}",
      "clients: a name is what X-Client may be, 1 to 64 of A-Za-z0-9._-" },
    { "{\"clients\":{\"a:b\":null}}",
      "clients: a name is what X-Client may be, 1 to 64 of A-Za-z0-9._-" },
    { "{\"clients\":{\"bot1\":{\"max_leverage\":0}}}",
      "clients.bot1.max_leverage: \"0\" is not a number above 0, as in 5 or 12.5" },
    { "{\"clients\":{\"bot1\":{\"clients\":{}}}}", "clients.bot1: there is no limit \"clients\"" },
    { "{\"clients\":{\"bot1\":{\"symbol\":[]}}}",
      "clients.bot1: there is no limit \"symbol\"; nearest: symbols" },
};

START_TEST(a_wrong_patch_says_what_is_wrong_and_where)
{
    static struct guard_patch patch;
    struct error error = { .text = "" };

    ck_assert_int_eq(read_patch(&patch, wrong[_i].text, &error), ERR_INVALID);
    ck_assert_str_eq(error.text, wrong[_i].why);
}
END_TEST

START_TEST(numbers_keep_their_written_digits)
{
    static struct guard_patch patch;
    char shown[DECIMAL_TEXT_MAX];

    expect_read(&patch, "{\"max_order_notional\":10000.10,\"max_open_notional\":\"0.1\","
                        "\"max_orders_per_minute\":\"60\",\"max_leverage\":5}");
    ck_assert_str_eq(decimal_format(&patch.all.limits.max_order_notional, shown), "10000.10");
    ck_assert_str_eq(decimal_format(&patch.all.limits.max_open_notional, shown), "0.1");
    ck_assert_str_eq(decimal_format(&patch.all.limits.max_leverage, shown), "5");
    ck_assert_int_eq(patch.all.limits.max_orders_per_minute, 60);
    ck_assert_uint_eq(patch.all.named, patch.all.limits.set);
    ck_assert_uint_eq(patch.all.named,
                      GUARD_BIT(GUARD_MAX_ORDER_NOTIONAL) | GUARD_BIT(GUARD_MAX_OPEN_NOTIONAL) |
                          GUARD_BIT(GUARD_MAX_ORDERS_PER_MINUTE) | GUARD_BIT(GUARD_MAX_LEVERAGE));
}
END_TEST

START_TEST(null_lifts_and_what_is_not_there_stays)
{
    static struct guard_patch patch;

    expect_read(&patch, "{}");
    ck_assert_uint_eq(patch.all.named, 0);
    expect_read(&patch, "{\"symbols\":null,\"reduce_only_mode\":null,"
                        "\"clients\":{\"bot1\":null,\"bot2\":{\"max_leverage\":null}}}");
    ck_assert_uint_eq(patch.all.named,
                      GUARD_BIT(GUARD_SYMBOLS) | GUARD_BIT(GUARD_REDUCE_ONLY_MODE));
    ck_assert_uint_eq(patch.all.limits.set, 0);
    ck_assert(!patch.all.mode_off);
    ck_assert_uint_eq(patch.clients_count, 2);
    ck_assert_str_eq(patch.clients[0].name, "bot1");
    ck_assert(patch.clients[0].remove && !patch.clients[1].remove);
    ck_assert_uint_eq(patch.clients[1].change.named, GUARD_BIT(GUARD_MAX_LEVERAGE));
    expect_read(&patch, "{\"reduce_only_mode\":false}");
    ck_assert(patch.all.mode_off && patch.all.limits.set == 0);
    expect_read(&patch, "{\"reduce_only_mode\":true}");
    ck_assert(!patch.all.mode_off && patch.all.limits.set);
}
END_TEST

START_TEST(symbols_are_sorted_and_each_is_there_once)
{
    static struct guard_patch patch;
    const struct guard_limits *limits = &patch.all.limits;

    expect_read(&patch, "{\"symbols\":[\"ethusdt\",\"BTCUSDT\",\"Spot:btcusdt\","
                        "\"linear:BTCUSDT\"],\"categories\":[\"linear\",\"SPOT\",\"spot\"]}");
    ck_assert_uint_eq(limits->symbols_count, 3);
    ck_assert_int_eq(limits->symbols[0].category, CATEGORY_SPOT);
    ck_assert_str_eq(limits->symbols[0].symbol, "BTCUSDT");
    ck_assert_int_eq(limits->symbols[1].category, CATEGORY_LINEAR);
    ck_assert_str_eq(limits->symbols[1].symbol, "BTCUSDT");
    ck_assert_str_eq(limits->symbols[2].symbol, "ETHUSDT");
    ck_assert_uint_eq(limits->categories, 1U << CATEGORY_LINEAR | 1U << CATEGORY_SPOT);
    expect_read(&patch, "{\"symbols\":[],\"categories\":[]}");
    ck_assert_uint_eq(limits->set, GUARD_BIT(GUARD_SYMBOLS) | GUARD_BIT(GUARD_CATEGORIES));
    ck_assert_uint_eq(limits->symbols_count, 0);
}
END_TEST

/* {"symbols":["S0",...]} or {"clients":{"c0":{},...}} with `count` of them. */
static enum err read_many(const char *what, int count, struct error *error)
{
    static struct guard_patch patch;
    struct buffer text = buffer_of(65536);
    bool symbols = strcmp(what, "symbols") == 0;
    enum err err;

    buffer_addf(&text, "{\"%s\":%c", what, symbols ? '[' : '{');
    for (int i = 0; i < count; i++)
        buffer_addf(&text, symbols ? "%s\"S%d\"" : "%s\"c%d\":{}", i ? "," : "", i);
    buffer_addf(&text, "%c}", symbols ? ']' : '}');
    err = read_patch(&patch, text.data, error);
    buffer_deinit(&text);
    return err;
}

START_TEST(lists_and_clients_have_an_end)
{
    struct error error;

    ck_assert_int_eq(read_many("symbols", GUARD_SYMBOLS_MAX, &error), ERR_NONE);
    ck_assert_int_eq(read_many("symbols", GUARD_SYMBOLS_MAX + 1, &error), ERR_INVALID);
    ck_assert_str_eq(error.text, "symbols: more than 64 symbols");
    ck_assert_int_eq(read_many("clients", GUARD_NAMED_MAX, &error), ERR_NONE);
    ck_assert_int_eq(read_many("clients", GUARD_NAMED_MAX + 1, &error), ERR_INVALID);
    ck_assert_str_eq(error.text, "clients: more than 16 names");
}
END_TEST

START_TEST(rules_are_shown_whole)
{
    static struct guard_rules rules;
    struct buffer out = buffer_of(65536);
    struct error error;

    rules = (struct guard_rules){ 0 };
    guard_add_rules(&out, &rules, false);
    ck_assert_str_eq(out.data,
                     "{\"max_order_notional\":null,\"max_open_notional\":null,"
                     "\"max_orders_per_minute\":null,\"symbols\":null,\"categories\":null,"
                     "\"max_leverage\":null,\"reduce_only_mode\":false}");
    buffer_clear(&out);
    ck_assert_int_eq(guard_parse_value(&rules.all, GUARD_MAX_ORDER_NOTIONAL, "10000.50",
                                       CATEGORY_LINEAR, &error),
                     ERR_NONE);
    ck_assert_int_eq(guard_parse_value(guard_client_slot(&rules, "bot1", 1), GUARD_SYMBOLS,
                                       "ETHUSDT,spot:BTCUSDT", CATEGORY_LINEAR, &error),
                     ERR_NONE);
    guard_add_rules(&out, &rules, true);
    ck_assert_str_eq(out.data,
                     "{\"max_order_notional\":\"10000.50\",\"max_open_notional\":null,"
                     "\"max_orders_per_minute\":null,\"symbols\":null,\"categories\":null,"
                     "\"max_leverage\":null,\"reduce_only_mode\":false,\"clients\":{\"bot1\":{"
                     "\"max_order_notional\":null,\"max_open_notional\":null,"
                     "\"max_orders_per_minute\":null,\"symbols\":[\"spot:BTCUSDT\","
                     "\"linear:ETHUSDT\"],\"categories\":null,\"max_leverage\":null,"
                     "\"reduce_only_mode\":false}}}");
    buffer_deinit(&out);
}
END_TEST

/* --- the stored state --- */

static void dice_state(struct dice *dice, struct guard_state *state)
{
    static const char *const words[] = { "", "loss", "\xe2\x82\xac \"\\ \x01\n", "http:bot1" };

    *state = (struct guard_state){ 0 };
    dice_rules(dice, &state->rules);
    state->killed = dice_roll(dice, 2);
    state->clear = dice_roll(dice, 2);
    state->since_ms = (int64_t)dice_roll(dice, UINT64_C(1) << 62);
    (void)strcpy(state->reason, words[dice_roll(dice, 4)]);
    (void)strcpy(state->by, words[dice_roll(dice, 4)]);
}

static void expect_same_amount(const struct decimal *a, const struct decimal *b)
{
    ck_assert_int_eq(a->scale, b->scale);
    ck_assert(a->mantissa == b->mantissa);
}

static void expect_same_limits(const struct guard_limits *a, const struct guard_limits *b)
{
    ck_assert_uint_eq(a->set, b->set);
    if (a->set & GUARD_BIT(GUARD_MAX_ORDER_NOTIONAL))
        expect_same_amount(&a->max_order_notional, &b->max_order_notional);
    if (a->set & GUARD_BIT(GUARD_MAX_OPEN_NOTIONAL))
        expect_same_amount(&a->max_open_notional, &b->max_open_notional);
    if (a->set & GUARD_BIT(GUARD_MAX_LEVERAGE))
        expect_same_amount(&a->max_leverage, &b->max_leverage);
    if (a->set & GUARD_BIT(GUARD_MAX_ORDERS_PER_MINUTE))
        ck_assert_int_eq(a->max_orders_per_minute, b->max_orders_per_minute);
    if (a->set & GUARD_BIT(GUARD_CATEGORIES))
        ck_assert_uint_eq(a->categories, b->categories);
    if (!(a->set & GUARD_BIT(GUARD_SYMBOLS)))
        return;
    ck_assert_uint_eq(a->symbols_count, b->symbols_count);
    for (size_t i = 0; i < a->symbols_count; i++) {
        ck_assert_int_eq(a->symbols[i].category, b->symbols[i].category);
        ck_assert_str_eq(a->symbols[i].symbol, b->symbols[i].symbol);
    }
}

static void expect_same(const struct guard_state *a, const struct guard_state *b)
{
    ck_assert_int_eq(a->killed, b->killed);
    ck_assert_int_eq(a->clear, b->clear);
    ck_assert_int_eq(a->since_ms, b->since_ms);
    ck_assert_str_eq(a->reason, b->reason);
    ck_assert_str_eq(a->by, b->by);
    expect_same_limits(&a->rules.all, &b->rules.all);
    ck_assert_uint_eq(a->rules.clients_count, b->rules.clients_count);
    for (size_t i = 0; i < a->rules.clients_count; i++) {
        ck_assert_str_eq(a->rules.clients[i].name, b->rules.clients[i].name);
        expect_same_limits(&a->rules.clients[i].limits, &b->rules.clients[i].limits);
    }
}

START_TEST(a_stored_state_comes_back_whole)
{
    static struct guard_state state;
    static struct guard_state back;
    struct dice dice = { 4 };

    for (int i = 0; i < 2000; i++) {
        struct buffer text = buffer_of(1 << 20);
        struct error error = { .text = "" };

        dice_state(&dice, &state);
        guard_add_state(&text, &state);
        ck_assert_int_eq(buffer_check(&text), ERR_NONE);
        if (guard_read_state(&back, text.data, text.bytes, &error))
            ck_abort_msg("%s: %s", error.text, text.data);
        expect_same(&state, &back);
        buffer_deinit(&text);
    }
}
END_TEST

START_TEST(a_reason_cut_within_a_character_comes_back_without_its_rest)
{
    static struct guard_state state;
    static struct guard_state back;
    struct buffer text = buffer_of(1 << 20);
    struct error error;

    state = (struct guard_state){ 0 };
    memset(state.reason, 'x', sizeof(state.reason) - 1);
    state.reason[sizeof(state.reason) - 2] = '\xe2'; /* the first byte of three */
    guard_add_state(&text, &state);
    ck_assert_int_eq(guard_read_state(&back, text.data, text.bytes, &error), ERR_NONE);
    ck_assert_uint_eq(strlen(back.reason), sizeof(state.reason) - 2);
    ck_assert_ptr_null(strchr(back.reason, '\xe2'));
    buffer_deinit(&text);
}
END_TEST

static const char *const not_ours[] = {
    "",
    "{",
    "null",
    "[]",
    "{}",
    "{\"killed\":true}",
    "{\"killed\":1,\"clear\":false,\"since\":0,\"reason\":\"\",\"by\":\"\",\"limits\":{}}",
    "{\"killed\":true,\"clear\":false,\"since\":\"x\",\"reason\":\"\",\"by\":\"\",\"limits\":{}}",
    "{\"killed\":true,\"clear\":false,\"since\":0,\"reason\":[],\"by\":\"\",\"limits\":{}}",
    "{\"killed\":true,\"clear\":false,\"since\":0,\"reason\":\"\",\"by\":\"\"}",
    "{\"killed\":true,\"clear\":false,\"since\":0,\"reason\":\"\",\"by\":\"\",\"limits\":null}",
    "{\"killed\":true,\"clear\":false,\"since\":0,\"reason\":\"\",\"by\":\"\","
    "\"limits\":{\"max_tea\":1}}",
    "{\"killed\":true,\"killed\":false,\"clear\":false,\"since\":0,\"reason\":\"\",\"by\":\"\","
    "\"limits\":{}}",
};

START_TEST(what_is_not_ours_is_an_error)
{
    static struct guard_state state;
    struct error error = { .text = "" };

    ck_assert_int_eq(guard_read_state(&state, not_ours[_i], strlen(not_ours[_i]), &error),
                     ERR_INVALID);
    ck_assert(error.text[0] != '\0');
}
END_TEST

/* Each prefix, and thousands of texts with one byte changed: an error or a state, no crash. */
START_TEST(a_damaged_state_is_an_error_or_another_state)
{
    static struct guard_state state;
    struct dice dice = { 5 };
    struct buffer text = buffer_of(1 << 20);
    struct error error;
    char *copy;
    unsigned errors = 0;

    dice_state(&dice, &state);
    guard_add_state(&text, &state);
    ck_assert_int_eq(buffer_check(&text), ERR_NONE);
    for (size_t bytes = 0; bytes < text.bytes; bytes++) {
        copy = malloc(bytes + 1); /* a sanitizer sees a byte too far */
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, text.data, bytes);
        ck_assert_int_eq(guard_read_state(&state, copy, bytes, &error), ERR_INVALID);
        free(copy);
    }
    for (int i = 0; i < 3000; i++) {
        size_t at = (size_t)dice_roll(&dice, text.bytes);
        char was = text.data[at];

        text.data[at] = (char)dice_roll(&dice, 256);
        errors += guard_read_state(&state, text.data, text.bytes, &error) != ERR_NONE;
        text.data[at] = was;
    }
    ck_assert_uint_gt(errors, 1000);
    buffer_deinit(&text);
}
END_TEST

/* --- values as text, behind options --- */

START_TEST(values_behind_options_are_the_same_values)
{
    struct guard_limits limits = { 0 };
    struct error error;

    ck_assert_int_eq(guard_parse_value(&limits, GUARD_SYMBOLS, "btcusdt, spot:ETHUSDT",
                                       CATEGORY_INVERSE, &error),
                     ERR_NONE);
    ck_assert_uint_eq(limits.symbols_count, 2);
    ck_assert_int_eq(limits.symbols[1].category, CATEGORY_INVERSE);
    ck_assert_int_eq(guard_parse_value(&limits, GUARD_SYMBOLS, "", CATEGORY_INVERSE, &error),
                     ERR_NONE);
    ck_assert_uint_eq(limits.symbols_count, 0);
    ck_assert_uint_eq(limits.set, GUARD_BIT(GUARD_SYMBOLS));
    ck_assert_int_eq(guard_parse_value(&limits, GUARD_SYMBOLS, "A,,B", CATEGORY_SPOT, &error),
                     ERR_INVALID);
    ck_assert_int_eq(guard_parse_value(&limits, GUARD_SYMBOLS, "A,", CATEGORY_SPOT, &error),
                     ERR_INVALID);
    ck_assert_int_eq(
        guard_parse_value(&limits, GUARD_CATEGORIES, "spot,linear", CATEGORY_SPOT, &error),
        ERR_NONE);
    ck_assert_uint_eq(limits.categories, 1U << CATEGORY_SPOT | 1U << CATEGORY_LINEAR);
    ck_assert_int_eq(
        guard_parse_value(&limits, GUARD_REDUCE_ONLY_MODE, "true", CATEGORY_SPOT, &error),
        ERR_NONE);
    ck_assert(limits.set & GUARD_BIT(GUARD_REDUCE_ONLY_MODE));
    ck_assert_int_eq(
        guard_parse_value(&limits, GUARD_REDUCE_ONLY_MODE, "false", CATEGORY_SPOT, &error),
        ERR_NONE);
    ck_assert(!(limits.set & GUARD_BIT(GUARD_REDUCE_ONLY_MODE)));
    ck_assert_int_eq(
        guard_parse_value(&limits, GUARD_REDUCE_ONLY_MODE, "maybe", CATEGORY_SPOT, &error),
        ERR_INVALID);
    ck_assert_str_eq(error.text, "\"maybe\" is neither true nor false");
}
END_TEST

START_TEST(what_is_shown_of_a_value_is_read_as_the_same)
{
    static char shown[GUARD_SYMBOLS_MAX * 64];
    struct dice dice = { 6 };

    for (int i = 0; i < 2000; i++) {
        struct guard_limits limits;
        struct guard_limits back = { 0 };
        struct error error = { .text = "" };

        dice_limits(&dice, &limits);
        for (unsigned j = 0; j < GUARD_LIMIT_COUNT; j++) {
            struct text text = text_in(shown, sizeof(shown));

            if (!(limits.set & GUARD_BIT(j)))
                continue;
            guard_show_value(&text, &limits, (enum guard_limit)j);
            ck_assert(text_fits(&text));
            if (guard_parse_value(&back, (enum guard_limit)j, shown, CATEGORY_OPTION, &error))
                ck_abort_msg("%s: %s", shown, error.text);
        }
        expect_same_limits(&limits, &back);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("guard_json");
    TCase *tcase = tcase_create("json");
    SRunner *runner;
    int failures;

    tcase_add_loop_test(tcase, a_wrong_patch_says_what_is_wrong_and_where, 0, ARRAY_LEN(wrong));
    tcase_add_test(tcase, numbers_keep_their_written_digits);
    tcase_add_test(tcase, null_lifts_and_what_is_not_there_stays);
    tcase_add_test(tcase, symbols_are_sorted_and_each_is_there_once);
    tcase_add_test(tcase, lists_and_clients_have_an_end);
    tcase_add_test(tcase, rules_are_shown_whole);
    tcase_add_test(tcase, a_stored_state_comes_back_whole);
    tcase_add_test(tcase, a_reason_cut_within_a_character_comes_back_without_its_rest);
    tcase_add_loop_test(tcase, what_is_not_ours_is_an_error, 0, ARRAY_LEN(not_ours));
    tcase_add_test(tcase, a_damaged_state_is_an_error_or_another_state);
    tcase_add_test(tcase, values_behind_options_are_the_same_values);
    tcase_add_test(tcase, what_is_shown_of_a_value_is_read_as_the_same);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
