/* Options: their symbols are loaded coin by coin, when first needed; reads of one option. */
#include "base/json.h"
#include "test_api_run.h"

#define OPTION(symbol, base)                                                                       \
    "{\"symbol\":\"" symbol "\",\"status\":\"Trading\",\"baseCoin\":\"" base                       \
    "\",\"quoteCoin\":\"USDT\",\"settleCoin\":\"USDT\",\"optionsType\":\"Call\",\"priceFilter\":{" \
    "\"minPrice\":\"5\",\"maxPrice\":\"1110000\",\"tickSize\":\"5\"},\"lotSizeFilter\":{"          \
    "\"maxOrderQty\":\"500\",\"minOrderQty\":\"0.01\",\"qtyStep\":\"0.01\"}}"
#define ANSWER(list, cursor)                                                                       \
    "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":{\"category\":\"option\",\"list\":[" list         \
    "],\"nextPageCursor\":\"" cursor "\"},\"time\":1700000000123}"
#define CALL "BTC-27MAR26-70000-C-USDT"
#define TICKER                                                                                     \
    "{\"symbol\":\"" CALL "\",\"bid1Price\":\"0\",\"bid1Size\":\"0\",\"bid1Iv\":\"0\","            \
    "\"ask1Price\":\"435\",\"ask1Size\":\"0.66\",\"ask1Iv\":\"5\",\"lastPrice\":\"0\","            \
    "\"markPrice\":\"430.5\",\"indexPrice\":\"16600.55\",\"markIv\":\"0.7567\","                   \
    "\"underlyingPrice\":\"16590.42\",\"delta\":\"0.5\",\"gamma\":\"0.1\",\"vega\":\"0.2\","       \
    "\"theta\":\"-0.3\"}"

static int loads;             /* reads of symbols */
static const char *btc_first; /* answers */
static const char *btc_second;
static const char *ticker;
static bool no_answer;

static const char *instruments_answer(const char *query)
{
    loads++;
    if (strstr(query, "baseCoin=BTC&limit=1000&cursor=two"))
        return btc_second;
    if (strstr(query, "baseCoin=BTC&limit=1000"))
        return btc_first;
    if (strstr(query, "baseCoin=ETH&"))
        return ANSWER(OPTION("ETH-27MAR26-7000-P", "ETH"), "");
    return ANSWER("", "");
}

static void on_read(enum bybit_route route, const char *query)
{
    const char *body = ANSWER("", "");

    if (route == ROUTE_INSTRUMENTS)
        body = instruments_answer(query);
    else if (route == ROUTE_TICKERS)
        body = ticker;
    else if (route == ROUTE_ORDERBOOK)
        body = "{\"retCode\":0,\"result\":{\"b\":[[\"1\",\"2\"]],\"a\":[],\"u\":1,\"ts\":5}}";
    else if (route == ROUTE_RECENT_TRADES)
        body = ANSWER("{\"execId\":\"1\",\"symbol\":\"" CALL "\",\"price\":\"5\",\"size\":\"1\","
                      "\"side\":\"Buy\",\"time\":\"5\"},{\"execId\":\"2\",\"symbol\":\"BTC-X\","
                      "\"price\":\"5\",\"size\":\"1\",\"side\":\"Buy\",\"time\":\"6\"}",
                      "");
    kit.answer = (struct rest_answer){
        .answered = !no_answer, .http_status = 200, .body = body, .body_bytes = strlen(body)
    };
}

static void open_all(void)
{
    kit_open();
    kit.on_read = on_read;
    loads = 0;
    no_answer = false;
    btc_first = ANSWER(OPTION(CALL, "BTC"), "two");
    btc_second = ANSWER(OPTION("BTC-27MAR26-70000-P-USDT", "BTC"), "");
    ticker = ANSWER(TICKER, "");
}

START_TEST(the_first_use_of_an_option_loads_its_coin)
{
    ck_assert_int_eq(kit_get("/ticker/option:" CALL), 200);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_int_eq(loads, 2);
    ck_assert(kit_says("\"mark\":\"430.5\"") && kit_says("\"last\":\"0\""));
    ck_assert(kit_says("\"bid\":null") && kit_says("\"bid_iv\":null"));
    ck_assert(kit_says("\"underlying\":\"16590.42\"") && kit_says("\"ask_iv\":\"5\""));
    ck_assert(kit_says("\"mark_iv\":\"0.7567\",\"delta\":\"0.5\",\"gamma\":\"0.1\","
                       "\"vega\":\"0.2\",\"theta\":\"-0.3\""));
    ck_assert_int_eq(kit_get("/symbols/option:btc-27mar26-70000-p-usdt"), 200);
    ck_assert_int_eq(loads, 2);
    ck_assert(kit_says("\"tick_size\":\"5\""));
    /* The other categories are still there. */
    ck_assert_int_eq(kit_get("/symbols/BTCUSDT"), 200);
    ck_assert_int_eq(kit_get("/symbols/spot:BTCEUR"), 200);
}
END_TEST

START_TEST(an_option_that_is_none_is_said_so)
{
    ck_assert_int_eq(kit_get("/ticker/option:BTC-27MAR26-70000-X-USDT"), 404);
    ck_assert(kit_says("did you mean BTC-27MAR26-70000-"));
    ck_assert_int_eq(kit_get("/ticker/option:FOO-27MAR26-70000-C"), 404);
    ck_assert_int_eq(kit_get("/ticker/option:FOO-27MAR26-80000-C"), 404);
    ck_assert_int_eq(loads, 3); /* FOO has none: not asked again at once */
    ck_assert_int_eq(kit_get("/ticker/option:BTCUSDT"), 404);
    ck_assert(kit_says("there is spot:BTCUSDT"));
    ck_assert_int_eq(kit_get("/ticker/option:ABCDEFGHIJKLMNOPQRSTUVW-1-C"), 404);
}
END_TEST

START_TEST(a_coin_that_can_not_be_loaded_is_a_502)
{
    no_answer = true;
    ck_assert_int_eq(kit_get("/book/option:" CALL), 502);
    ck_assert(kit_says("option symbols of BTC can't be loaded"));
    ck_assert_int_eq(kit.dones, 1);
    no_answer = false;
    btc_second = ANSWER("", "two");
    ck_assert_int_eq(kit_get("/book/option:" CALL), 502);
    ck_assert(kit_says("the pages do not end"));
    btc_second = "{\"retCode\":10016,\"result\":{}}";
    ck_assert_int_eq(kit_get("/symbols?category=option"), 502);
    btc_second = "<html>";
    ck_assert_int_eq(kit_get("/symbols/option:" CALL), 502);
    btc_second = ANSWER("", "");
    ck_assert_int_eq(kit_get("/symbols/option:" CALL), 200);
    kit.reads_err = ERR_BUSY;
    ck_assert_int_eq(kit_get("/symbols/option:ETH-1-C"), 502);
}
END_TEST

static void let_it_grow_old(const char *base)
{
    const struct instruments *all = instruments_newest(kit.api.instruments);
    struct option_coin coin = *instruments_option_coin(all, base);
    struct instrument option = { .category = CATEGORY_OPTION };

    ck_assert(!text_copy(option.symbol, sizeof(option.symbol), CALL));
    ck_assert(!text_copy(option.base, sizeof(option.base), base));
    coin.good_until_ms = clock_mono_ms() - 1;
    coin.as_of_ms = 1700000000001;
    instruments_publish(kit.api.instruments, instruments_with_options(all, &coin, &option, 1));
    instruments_unref(all);
}

START_TEST(old_symbols_are_loaded_anew_and_kept_when_that_fails)
{
    ck_assert_int_eq(kit_get("/symbols/option:" CALL), 200);
    let_it_grow_old("BTC");
    ck_assert_int_eq(kit_get("/symbols/option:BTC-27MAR26-70000-P-USDT"), 200);
    ck_assert_int_eq(loads, 4);
    let_it_grow_old("BTC");
    no_answer = true;
    ck_assert_int_eq(kit_get("/symbols/option:" CALL), 200);
    ck_assert_str_eq(kit_header("Bridge-As-Of"), "2023-11-14T22:13:20.001Z");
    ck_assert_int_eq(loads, 5);
    ck_assert_int_eq(kit_get("/symbols/option:" CALL), 200);
    ck_assert_int_eq(loads, 5); /* not again at once */
    /* A list that is suddenly empty is no news. */
    let_it_grow_old("BTC");
    no_answer = false;
    btc_first = ANSWER("", "");
    ck_assert_int_eq(kit_get("/symbols/option:" CALL), 200);
}
END_TEST

/* As if the coin had been loaded long ago, but not too long. */
static void let_time_pass(const char *base)
{
    const struct instruments *all = instruments_newest(kit.api.instruments);
    struct option_coin coin = *instruments_option_coin(all, base);
    struct instrument options[8];
    size_t count = 0;

    for (size_t i = 0; i < instruments_count(all); i++) {
        if (instruments_at(all, i)->category == CATEGORY_OPTION)
            options[count++] = *instruments_at(all, i);
    }
    coin.tried_ms -= 61000;
    instruments_publish(kit.api.instruments, instruments_with_options(all, &coin, options, count));
    instruments_unref(all);
}

START_TEST(an_expiry_that_was_added_since_is_found)
{
    ck_assert_int_eq(kit_get("/symbols/option:" CALL), 200);
    ck_assert_int_eq(loads, 2);
    btc_second = ANSWER(OPTION("BTC-28MAR26-1-C-USDT", "BTC"), "");
    ck_assert_int_eq(kit_get("/ticker/option:BTC-28MAR26-1-C-USDT"), 404);
    ck_assert_int_eq(loads, 2); /* they have just been loaded */
    let_time_pass("BTC");
    ck_assert_int_eq(kit_get("/symbols/option:" CALL), 200);
    ck_assert_int_eq(kit_get("/symbols?category=option&base=BTC"), 200);
    ck_assert_int_eq(loads, 2); /* nothing is missed */
    ck_assert_int_eq(kit_get("/symbols/option:BTC-28MAR26-1-C-USDT"), 200);
    ck_assert_int_eq(loads, 4);
    let_time_pass("BTC");
    ck_assert_int_eq(kit_get("/symbols/option:BTC-29MAR26-1-C-USDT"), 404);
    ck_assert_int_eq(kit_get("/symbols/option:BTC-29MAR26-1-C-USDT"), 404);
    ck_assert_int_eq(loads, 6);
    let_time_pass("BTC");
    no_answer = true;
    ck_assert_int_eq(kit_get("/symbols/option:BTC-29MAR26-1-C-USDT"), 404);
    ck_assert_int_eq(kit_get("/symbols/option:BTC-29MAR26-1-C-USDT"), 404);
    ck_assert_int_eq(loads, 7);
    ck_assert_int_eq(kit_get("/symbols/option:" CALL), 200);
}
END_TEST

/* The caller's thread is not the one that may. */
START_TEST(a_read_that_is_not_taken_publishes_nothing)
{
    const struct instruments *before;
    const struct instruments *after;

    ck_assert_int_eq(kit_get("/symbols/option:" CALL), 200);
    let_it_grow_old("BTC");
    before = instruments_newest(kit.api.instruments);
    kit.reads_err = ERR_BUSY;
    ck_assert_int_eq(kit_get("/symbols/option:" CALL), 200);
    ck_assert_int_eq(kit.dones, 1);
    after = instruments_newest(kit.api.instruments);
    ck_assert_ptr_eq(before, after);
    instruments_unref(before);
    instruments_unref(after);
}
END_TEST

static int items_count(void)
{
    cJSON *json = kit_json();
    int count = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "items"));

    cJSON_Delete(json);
    return count;
}

START_TEST(options_are_listed_when_asked_for)
{
    ck_assert_int_eq(kit_get("/symbols"), 200);
    ck_assert_int_eq(items_count(), 4);
    ck_assert_int_eq(kit_get("/symbols?category=option&base=eth"), 200);
    ck_assert_int_eq(items_count(), 1);
    ck_assert_int_eq(loads, 1);
    ck_assert_int_eq(kit_get("/symbols?category=option"), 200);
    ck_assert_int_eq(items_count(), 3);
    ck_assert_int_eq(loads, 4); /* BTC's two pages, SOL's empty one */
    ck_assert_int_eq(kit_get("/symbols"), 200);
    ck_assert_int_eq(items_count(), 4);
    ck_assert_int_eq(kit_get("/symbols?category=option&base=XYZ"), 200);
    ck_assert_int_eq(items_count(), 0);
    ck_assert_int_eq(kit_get("/symbols.csv?category=option&base=ETH"), 200);
    ck_assert(kit_says("option,ETH-27MAR26-7000-P,ETH,USDT,USDT,Trading,5,0.01,,0.01,500,,"));
}
END_TEST

START_TEST(a_hundred_coins_do_not_fill_the_memory)
{
    char target[64];

    for (int i = 0; i < 100; i++) {
        (void)snprintf(target, sizeof(target), "/symbols/option:C%d-1-C", i);
        ck_assert_int_eq(kit_get(target), 404);
    }
    ck_assert_int_eq(loads, 100);
    ck_assert_int_eq(kit_get("/symbols/BTCUSDT"), 200);
}
END_TEST

static const struct {
    const char *target;
    int status;
    const char *says;
} prices[] = {
    { "/price/option:" CALL "?of=mark", 200, "430.5\n" },
    { "/price/option:" CALL "?of=ask", 200, "435\n" },
    { "/price/option:" CALL "?of=index", 200, "16600.55\n" },
    { "/price/option:" CALL, 503, "it has not traded; ask for mark" },
    { "/price/option:" CALL "?of=bid", 503, "no bid price now" },
    { "/price/option:" CALL "?of=mid", 503, "no mid price now" },
};

START_TEST(an_option_has_the_prices_that_it_has)
{
    ck_assert_int_eq(kit_get(prices[_i].target), prices[_i].status);
    ck_assert_msg(kit_says(prices[_i].says), "%s", kit.call.reply.data);
}
END_TEST

START_TEST(books_of_options_are_25_or_100_deep)
{
    ck_assert_int_eq(kit_get("/book/option:" CALL), 200);
    ck_assert_int_eq(kit.touched_depth, 25);
    ck_assert_ptr_nonnull(strstr(kit.query, "&limit=25"));
    ck_assert(kit_says("\"depth\":25") && kit_says("\"bids\":[[\"1\",\"2\"]],\"asks\":[]"));
    ck_assert_int_eq(kit_get("/book/option:" CALL "?depth=26"), 200);
    ck_assert_int_eq(kit.touched_depth, 100);
    ck_assert_ptr_nonnull(strstr(kit.query, "&limit=25"));
    ck_assert_int_eq(kit_get("/book/option:" CALL "?depth=3"), 200);
    ck_assert_int_eq(kit.touched_depth, 25);
    ck_assert_ptr_nonnull(strstr(kit.query, "&limit=3"));
    ck_assert_int_eq(kit_get("/book/option:" CALL "?depth=101"), 400);
    ck_assert(kit_says("1 to 100"));
}
END_TEST

START_TEST(trades_of_an_option_are_its_own)
{
    ck_assert_int_eq(kit_get("/trades/option:" CALL "?limit=5"), 200);
    ck_assert_str_eq(kit.query, "category=option&symbol=" CALL "&baseCoin=BTC&limit=1000");
    ck_assert_int_eq(items_count(), 1);
    ck_assert(kit_says("\"id\":\"1\""));
}
END_TEST

START_TEST(before_the_symbols_are_loaded_options_are_not_either)
{
    instruments_slot_destroy(kit.api.instruments);
    kit.api.instruments = instruments_slot_create();
    ck_assert_int_eq(kit_get("/ticker/option:" CALL), 503);
    ck_assert(kit_says("not_ready"));
    ck_assert_int_eq(kit_get("/symbols?category=option"), 503);
    ck_assert_int_eq(loads, 0);
}
END_TEST

/* The first order of a coin waits for its symbols, with its key; the rules are the option's own. */
START_TEST(an_order_loads_the_coin_first)
{
    static const struct loop_reply new_key = { .outcome = OUTCOME_NOT_FOUND };

    kit.watched = &new_key;
    kit_set_header("Idempotency-Key", "opt-1");
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=option:" CALL "&side=buy&qty=1&price=5"),
                     201);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_int_eq(loads, 2);
    ck_assert_uint_eq(kit.creates, 1);
    ck_assert_int_eq(kit.created.category, CATEGORY_OPTION);
    ck_assert_str_eq(kit.created.link, "opt-1");
    ck_assert_int_eq(
        kit_run("POST", "/orders", "symbol=option:BTC-27MAR26-70000-X-USDT&side=buy&qty=1"), 404);
    ck_assert(kit_says("unknown_symbol"));
}
END_TEST

START_TEST(a_batch_loads_the_coins_first)
{
    ck_assert_int_eq(
        kit_run("POST", "/orders",
                "[{\"symbol\":\"option:" CALL "\",\"side\":\"buy\",\"qty\":\"1\",\"price\":\"5\"},"
                "{\"symbol\":\"option:FOO-27MAR26-1-C\",\"side\":\"buy\",\"qty\":\"1\"},"
                "{\"symbol\":\"option:" CALL
                "\",\"side\":\"buy\",\"qty\":\"1\",\"price\":\"10\"}]"),
        207);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_uint_eq(kit.creates, 2);
    ck_assert(kit_says("unknown_symbol"));
}
END_TEST

/* The symbols of 16 coins are kept: a batch that needs more would load them in turn for ever. */
START_TEST(a_batch_has_options_of_few_coins)
{
    static char body[4000];
    struct text text = text_in(body, sizeof(body));

    for (int coin = 0; coin < 20; coin++)
        text_addf(&text, "%s{\"symbol\":\"option:C%d-27MAR26-1-C\",\"side\":\"buy\",\"qty\":\"1\"}",
                  coin ? "," : "[", coin);
    text_add(&text, "]");
    ck_assert_int_eq(kit_run("POST", "/orders", body), 207);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_int_eq(loads, 8);
    ck_assert(kit_says("\"batch_size\"") && kit_says("options of 8 coins"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, open_all, kit_close);
    tcase_add_test(tcase, the_first_use_of_an_option_loads_its_coin);
    tcase_add_test(tcase, an_option_that_is_none_is_said_so);
    tcase_add_test(tcase, a_coin_that_can_not_be_loaded_is_a_502);
    tcase_add_test(tcase, old_symbols_are_loaded_anew_and_kept_when_that_fails);
    tcase_add_test(tcase, an_expiry_that_was_added_since_is_found);
    tcase_add_test(tcase, a_read_that_is_not_taken_publishes_nothing);
    tcase_add_test(tcase, options_are_listed_when_asked_for);
    tcase_add_test(tcase, a_hundred_coins_do_not_fill_the_memory);
    tcase_add_loop_test(tcase, an_option_has_the_prices_that_it_has, 0, (int)ARRAY_LEN(prices));
    tcase_add_test(tcase, books_of_options_are_25_or_100_deep);
    tcase_add_test(tcase, trades_of_an_option_are_its_own);
    tcase_add_test(tcase, before_the_symbols_are_loaded_options_are_not_either);
    tcase_add_test(tcase, an_order_loads_the_coin_first);
    tcase_add_test(tcase, a_batch_loads_the_coins_first);
    tcase_add_test(tcase, a_batch_has_options_of_few_coins);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
