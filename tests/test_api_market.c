/* Market data, status and the pages for newcomers, driven without sockets. */
#include <time.h>

#include "base/json.h"
#include "test_api_run.h"

static void stream_ticker(enum category category, const char *symbol, const char *data,
                          int64_t age_ms)
{
    struct ticker ticker;
    struct json json;

    ck_assert(!json_open(&json, data, strlen(data), NULL));
    ck_assert(!market_merge_ticker(kit.api.market, category, symbol, &json, true, 1700000000000,
                                   clock_wall_ms() - age_ms, &ticker));
}

#define TICKER                                                                                     \
    "{\"symbol\":\"BTCUSDT\",\"lastPrice\":\"60000.10\",\"markPrice\":\"60001\",\"indexPrice\":"   \
    "\"60002\",\"bid1Price\":\"60000.1\",\"ask1Price\":\"60000.2\",\"bid1Size\":\"1\","            \
    "\"ask1Size\":\"2\"}"
#define ENVELOPE(result)                                                                           \
    "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":" result ",\"time\":1700000000123}"

static void set_answer(const char *body)
{
    kit.answer = (struct rest_answer){
        .answered = true, .http_status = 200, .body = body, .body_bytes = strlen(body)
    };
}

START_TEST(a_streamed_ticker_never_reads_rest)
{
    stream_ticker(CATEGORY_LINEAR, "BTCUSDT", TICKER, 0);
    ck_assert_int_eq(kit_get("/ticker/btcusdt"), 200);
    ck_assert_uint_eq(kit.reads, 0);
    ck_assert_uint_eq(kit.touches, 1);
    ck_assert_int_eq(kit.touched, STREAM_TICKER);
    ck_assert(kit_says("\"last\":\"60000.10\"") && kit_says("\"source\":\"stream\""));
    ck_assert_str_eq(kit_header("Bridge-Source"), "stream");
    ck_assert_ptr_nonnull(kit_header("Bridge-As-Of"));
    kit.touch_err = ERR_BUSY;
    ck_assert_int_eq(kit_get("/ticker/BTCUSDT"), 200);
}
END_TEST

START_TEST(a_ticker_that_is_not_streamed_is_read_and_then_streamed)
{
    set_answer(ENVELOPE("{\"category\":\"linear\",\"list\":[" TICKER "]}"));
    ck_assert_int_eq(kit_get("/ticker/BTCUSDT"), 200);
    ck_assert_uint_eq(kit.reads, 1);
    ck_assert_int_eq(kit.route, ROUTE_TICKERS);
    ck_assert_str_eq(kit.query, "category=linear&symbol=BTCUSDT");
    ck_assert_int_eq(kit.cache_ms, 300);
    ck_assert_uint_eq(kit.touches, 1);
    ck_assert(kit_says("\"source\":\"rest\"") && kit_says("\"mark\":\"60001\""));
    ck_assert_int_eq(kit_get("/ticker/BTCUSDT?max_age=50ms"), 200);
    ck_assert_int_eq(kit.cache_ms, 50);
}
END_TEST

START_TEST(another_symbols_price_is_never_shown)
{
    set_answer(ENVELOPE("{\"list\":[" TICKER "]}"));
    ck_assert_int_eq(kit_get("/ticker/ETHUSDT"), 502);
    ck_assert(kit_says("another symbol"));
    ck_assert_int_eq(kit_get("/price/ETHUSDT"), 502);
    set_answer(ENVELOPE("{\"s\":\"BTCUSDT\",\"b\":[[\"1\",\"2\"]],\"a\":[],\"u\":1,\"ts\":5}"));
    ck_assert_int_eq(kit_get("/book/ETHUSDT"), 502);
    ck_assert_int_eq(kit_get("/book/BTCUSDT"), 200);
    set_answer(ENVELOPE("{\"symbol\":\"BTCUSDT\",\"list\":[]}"));
    ck_assert_int_eq(kit_get("/candles/ETHUSDT"), 502);
    ck_assert_int_eq(kit_get("/open_interest/ETHUSDT"), 502);
    ck_assert_int_eq(kit_get("/candles/BTCUSDT"), 200);
}
END_TEST

START_TEST(too_old_is_said_with_the_age)
{
    struct timespec pause = { 0, 30 * 1000000 };

    stream_ticker(CATEGORY_LINEAR, "BTCUSDT", TICKER, 0);
    (void)nanosleep(&pause, NULL);
    ck_assert_int_eq(kit_get("/ticker/BTCUSDT?max_age=5ms"), 503);
    ck_assert(kit_says("too_old") && kit_says("max_age is 5 ms"));
    ck_assert_uint_eq(kit.reads, 0);
    ck_assert_int_eq(kit_get("/price/BTCUSDT?max_age=5ms"), 503);
    ck_assert_int_eq(kit_get("/ticker/BTCUSDT?max_age=1h"), 200);
    set_answer(ENVELOPE("{\"list\":[" TICKER "]}"));
    kit.answer_age_ms = 200;
    ck_assert_int_eq(kit_get("/ticker/spot:BTCUSDT?max_age=100ms"), 503);
    ck_assert(kit_says("from rest"));
}
END_TEST

static const struct {
    const char *target;
    const char *text;
} prices[] = {
    { "/price/BTCUSDT", "60000.10\n" },        { "/price/BTCUSDT?of=last", "60000.10\n" },
    { "/price/BTCUSDT?of=mark", "60001\n" },   { "/price/linear:BTCUSDT?of=INDEX", "60002\n" },
    { "/price/BTCUSDT?of=bid", "60000.1\n" },  { "/price/BTCUSDT?of=ask", "60000.2\n" },
    { "/price/BTCUSDT?of=mid", "60000.15\n" }, { "/price/BTCUSDT?category=linear", "60000.10\n" },
};

START_TEST(a_price_is_one_number)
{
    stream_ticker(CATEGORY_LINEAR, "BTCUSDT", TICKER, 0);
    ck_assert_int_eq(kit_get(prices[_i].target), 200);
    ck_assert_str_eq(kit.call.reply.data, prices[_i].text);
    ck_assert_str_eq(kit.call.content_type, "text/plain; charset=utf-8");
}
END_TEST

START_TEST(a_price_that_is_not_there_is_no_number)
{
    ck_assert_int_eq(kit_get("/price/spot:BTCUSDT?of=mark"), 422);
    ck_assert(kit_says("no_such_price"));
    ck_assert_int_eq(kit_get("/price/BTCUSDT?of=best"), 400);
    stream_ticker(CATEGORY_LINEAR, "BTCUSDT", "{\"symbol\":\"BTCUSDT\",\"lastPrice\":\"1\"}", 0);
    ck_assert_int_eq(kit_get("/price/BTCUSDT?of=bid"), 503);
    ck_assert(kit_says("no_price_now"));
    ck_assert_int_eq(kit_get("/price/BTCUSDT?of=mid"), 503);
}
END_TEST

START_TEST(an_unknown_symbol_gets_the_nearest_one)
{
    ck_assert_int_eq(kit_get("/ticker/BTCUSD"), 404);
    ck_assert(kit_says("did you mean BTCUSDT?"));
    ck_assert_int_eq(kit_get("/book/BTCEUR"), 404);
    ck_assert(kit_says("there is spot:BTCEUR"));
    ck_assert_int_eq(kit_get("/price/XXXXXXXX"), 404);
    ck_assert_int_eq(kit_get("/symbols/spot:XXXXXXXX"), 404);
    ck_assert_int_eq(kit_get("/ticker/BTCUSDT?category=moon"), 400);
    ck_assert(kit_says("invalid_symbol"));
    ck_assert_int_eq(kit_get("/tickers?category=option"), 422);
    ck_assert(kit_says("add base=BTC"));
    ck_assert_int_eq(kit_get("/tickers?base=B-C"), 400);
    ck_assert_int_eq(kit_get("/tickers?category=moon"), 400);
    ck_assert_int_eq(kit_get("/ticker/BTCUSDT?max_age=old"), 400);
    ck_assert(kit_says("invalid_duration"));
}
END_TEST

START_TEST(before_the_symbols_are_loaded_nothing_is_ready)
{
    instruments_slot_destroy(kit.api.instruments);
    kit.api.instruments = instruments_slot_create();
    ck_assert_int_eq(kit_get("/ticker/BTCUSDT"), 503);
    ck_assert(kit_says("not_ready"));
    ck_assert_str_eq(kit_header("Retry-After"), "1");
    ck_assert_int_eq(kit_get("/symbols"), 503);
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1"), 503);
    ck_assert_int_eq(kit_get("/readyz"), 503);
    ck_assert(kit_says("symbols: the list of symbols is not loaded yet"));
}
END_TEST

START_TEST(a_failed_read_is_a_502)
{
    static const char denied[] = "{\"retCode\":10001,\"retMsg\":\"bad\",\"result\":{}}";

    kit.answer = (struct rest_answer){ .error = { .text = "connect: refused" }, .body = "" };
    ck_assert_int_eq(kit_get("/ticker/BTCUSDT"), 502);
    ck_assert(kit_says("connect: refused"));
    set_answer(denied);
    ck_assert_int_eq(kit_get("/tickers"), 502);
    ck_assert(kit_says("\"upstream\":{\"ret_code\":10001,\"ret_msg\":\"bad\"}"));
    set_answer("<html>");
    ck_assert_int_eq(kit_get("/book/BTCUSDT"), 502);
    kit.answer.http_status = 500;
    ck_assert_int_eq(kit_get("/book/BTCUSDT"), 502);
    set_answer(ENVELOPE("{\"list\":[]}"));
    ck_assert_int_eq(kit_get("/ticker/BTCUSDT"), 502);
    set_answer(ENVELOPE("{}"));
    ck_assert_int_eq(kit_get("/book/BTCUSDT"), 502);
    set_answer(ENVELOPE("{\"b\":[[\"x\",\"1\"]],\"a\":[]}"));
    ck_assert_int_eq(kit_get("/book/BTCUSDT"), 502);
    kit.answer = (struct rest_answer){ .throttled = true, .retry_after_ms = 2500, .body = "" };
    ck_assert_int_eq(kit_get("/ticker/BTCUSDT"), 429);
    ck_assert_str_eq(kit_header("Retry-After"), "3");
    kit.reads_err = ERR_BUSY;
    ck_assert_int_eq(kit_get("/ticker/BTCUSDT"), 503);
    ck_assert(kit_says("\"busy\""));
}
END_TEST

START_TEST(all_tickers_are_a_list)
{
    cJSON *json;

    set_answer(ENVELOPE("{\"list\":[" TICKER ",{\"symbol\":\"ETHUSDT\",\"lastPrice\":\"3\"}]}"));
    ck_assert_int_eq(kit_get("/tickers?category=spot&max_age=1m"), 200);
    ck_assert_str_eq(kit.query, "category=spot");
    json = kit_json();
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "items")), 2);
    ck_assert(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "next")));
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "source")),
                     "rest");
    cJSON_Delete(json);
    ck_assert_int_eq(kit_get("/tickers?category=spot&base=btc"), 200);
    ck_assert(kit_says("\"BTCUSDT\"") && !kit_says("ETHUSDT"));
    ck_assert_int_eq(kit_get("/tickers?base=eth"), 200);
    ck_assert(kit_says("\"items\":[]"));
    ck_assert_int_eq(kit_get("/tickers.csv?category=spot"), 200);
    ck_assert(kit_says("category,symbol,last,mark,") && kit_says("spot,BTCUSDT,60000.10,60001,"));
    ck_assert_int_eq(kit_get("/tickers?category=option&base=btc"), 200);
    ck_assert_str_eq(kit.query, "category=option&baseCoin=BTC");
    kit.answer_age_ms = 400;
    ck_assert_int_eq(kit_get("/tickers?max_age=1ms"), 503);
    ck_assert_str_eq(kit_header("Bridge-Source"), "rest");
    set_answer(ENVELOPE("{\"list\":[" TICKER ",{}]}"));
    ck_assert_int_eq(kit_get("/tickers"), 502);
    set_answer(ENVELOPE("{\"list\":null}"));
    ck_assert_int_eq(kit_get("/tickers"), 200);
    ck_assert(kit_says("\"items\":[]"));
    set_answer(ENVELOPE("{}"));
    ck_assert_int_eq(kit_get("/tickers"), 502);
}
END_TEST

/* --- books --- */

#define LEVELS                                                                                     \
    "{\"s\":\"BTCUSDT\",\"b\":[[\"9\",\"1\"],[\"8\",\"2\"]],\"a\":[[\"10\",\"3\"]],\"u\":5,"       \
    "\"seq\":7"

static void stream_book(int depth)
{
    static const char data[] = LEVELS "}";
    struct json json;

    ck_assert(!json_open(&json, data, sizeof(data) - 1, NULL));
    ck_assert_int_eq(market_apply_book(kit.api.market, CATEGORY_LINEAR, "BTCUSDT", depth, &json,
                                       true, 1, 1, clock_wall_ms()),
                     BOOK_APPLIED);
}

START_TEST(a_streamed_book_is_served_from_memory)
{
    stream_book(50);
    ck_assert_int_eq(kit_get("/book/BTCUSDT"), 200);
    ck_assert_uint_eq(kit.reads, 0);
    ck_assert_int_eq(kit.touched, STREAM_BOOK);
    ck_assert_int_eq(kit.touched_depth, 50);
    ck_assert(kit_says("\"bids\":[[\"9\",\"1\"],[\"8\",\"2\"]],\"asks\":[[\"10\",\"3\"]]"));
    ck_assert(kit_says("\"state\":\"synced\"") && kit_says("\"seq\":7"));
    ck_assert_int_eq(kit_get("/book/BTCUSDT?depth=1"), 200);
    ck_assert(kit_says("\"bids\":[[\"9\",\"1\"]]"));
    market_stale_book(kit.api.market, CATEGORY_LINEAR, "BTCUSDT", 50);
    ck_assert_int_eq(kit_get("/book/BTCUSDT"), 200);
    ck_assert(kit_says("\"state\":\"stale\""));
    ck_assert_uint_eq(kit.reads, 0);
}
END_TEST

START_TEST(what_is_streamed_is_listed_by_link_and_socket)
{
    kit.topics[0] = (struct stream_topic){ .link = LINK_PUBLIC_OPTION,
                                           .socket = 1,
                                           .kind = STREAM_TRADES,
                                           .category = CATEGORY_OPTION,
                                           .symbol = "BTC",
                                           .state = STREAM_TOPIC_REFUSED };
    kit.topics[1] = (struct stream_topic){ .link = LINK_PUBLIC_LINEAR,
                                           .socket = 2,
                                           .kind = STREAM_CANDLES,
                                           .category = CATEGORY_LINEAR,
                                           .symbol = "A",
                                           .depth = CANDLE_5M,
                                           .state = STREAM_TOPIC_ON,
                                           .last_data_ms = clock_wall_ms() - 5000 };
    kit.topics[2] = kit.topics[1];
    kit.topics[2].socket = 1;
    kit.topics[2].kind = STREAM_BOOK;
    kit.topics[2].depth = 200;
    kit.topics_count = 3;
    ck_assert_int_eq(kit_get("/topics.csv"), 200);
    ck_assert(kit_says("topic,link,socket,state,age_ms,as_of\r\nbook:linear:A:200,public.linear,1,"
                       "subscribed,500"));
    ck_assert(kit_says("\r\ncandles:linear:A:5m,public.linear,2,subscribed,500"));
    ck_assert(kit_says("\r\ntrades:option:BTC,public.option,1,refused,,\r\n"));
    kit.topics_count = 0;
    ck_assert_int_eq(kit_get("/topics"), 200);
    ck_assert(kit_says("{\"items\":[],\"next\":null}"));
}
END_TEST

START_TEST(a_book_that_is_not_deep_enough_is_read)
{
    stream_book(1);
    set_answer(ENVELOPE(LEVELS ",\"ts\":1700000000001}"));
    ck_assert_int_eq(kit_get("/book/BTCUSDT?depth=60"), 200);
    ck_assert_uint_eq(kit.reads, 1);
    ck_assert_str_eq(kit.query, "category=linear&symbol=BTCUSDT&limit=60");
    ck_assert_int_eq(kit.touched_depth, 200);
    ck_assert(kit_says("\"source\":\"rest\"") && kit_says("\"u\":5"));
    ck_assert(kit_says("\"exchange_at\":\"2023-11-14T22:13:20.001Z\""));
    ck_assert_int_eq(kit_get("/book/BTCUSDT?depth=1000"), 200);
    ck_assert_int_eq(kit.touched_depth, 1000);
    ck_assert_int_eq(kit_get("/book/BTCUSDT?depth=0"), 400);
    ck_assert_int_eq(kit_get("/book/BTCUSDT?depth=1001"), 400);
    kit.answer_age_ms = 400;
    ck_assert_int_eq(kit_get("/book/BTCUSDT?depth=60&max_age=1ms"), 503);
}
END_TEST

/* --- symbols, status, pages --- */

static const struct {
    const char *target;
    int items;
} symbol_lists[] = {
    { "/symbols", 4 },
    { "/symbols?category=spot", 2 },
    { "/symbols?base=btc&quote=usdt", 4 },
    { "/symbols?status=Closed", 0 },
};

START_TEST(symbols_are_filtered)
{
    cJSON *json;

    ck_assert_int_eq(kit_get(symbol_lists[_i].target), 200);
    json = kit_json();
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "items")),
                     symbol_lists[_i].items);
    cJSON_Delete(json);
    ck_assert_str_eq(kit_header("Bridge-As-Of"), "2023-11-14T22:13:20.000Z");
    ck_assert_int_eq(kit_get("/symbols/BTCUSDT?category=spot"), 200);
    ck_assert(kit_says("\"category\":\"spot\"") && kit_says("\"tick_size\":\"0.1\""));
    ck_assert_int_eq(kit_get("/symbols?category=moon"), 400);
}
END_TEST

START_TEST(ready_says_what_is_missing)
{
    ck_assert_int_eq(kit_get("/livez"), 200);
    ck_assert_int_eq(kit_get("/readyz"), 200);
    ck_assert_str_eq(kit.call.reply.data, "ready\n");
    ck_assert_int_eq(kit_get("/health"), 200);
    kit.journal.down = true;
    kit.link.state = LINK_DOWN;
    kit.engine.ready = false;
    memcpy(kit.engine.why, "creates are stopped", 20);
    clock_sync_reset(kit.api.clock);
    ck_assert_int_eq(kit_get("/readyz"), 503);
    ck_assert(kit_says("journal: ") && kit_says("clock: ") && kit_says("private stream is down"));
    ck_assert(kit_says("engine: creates are stopped"));
    ck_assert_int_eq(kit_get("/health"), 503);
    ck_assert(kit_says("\"ready\":false") && kit_says("\"private\":false"));
    kit.engine.recovering = true;
    ck_assert_int_eq(kit_get("/readyz"), 503);
    kit.api.journal = NULL;
    ck_assert_int_eq(kit_get("/readyz"), 503);
}
END_TEST

START_TEST(without_keys_the_public_part_is_enough)
{
    kit.api.has_keys = false;
    kit.api.loop = NULL;
    kit.api.journal = NULL;
    clock_sync_reset(kit.api.clock);
    ck_assert_int_eq(kit_get("/readyz"), 200);
    ck_assert_int_eq(kit_get("/status"), 200);
    ck_assert(kit_says("\"engine\":null") && kit_says("\"journal\":null"));
    ck_assert(!kit_says("\"private\""));
}
END_TEST

static void add_streams(struct buffer *out, void *userdata)
{
    (void)userdata;
    json_add_key(out, "streams");
    json_add_open(out, '{');
    json_add_close(out, '}');
}

START_TEST(status_is_whole)
{
    static const char *const members[] = {
        "version",    "env",      "site",        "keys",   "key",     "default_category",
        "started_at", "uptime_s", "as_of",       "ready",  "reasons", "links",
        "clock",      "budget",   "journal",     "engine", "guard",   "symbols",
        "process",    "streams",  "book_checks",
    };
    cJSON *json;

    kit.api.add_server_status = add_streams;
    kit.link.last_data_ms = clock_wall_ms() - 10;
    budget_ban(kit.api.budget, clock_mono_ms(), 60000);
    ck_assert_int_eq(kit_get("/status"), 200);
    json = kit_json();
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        ck_assert_msg(cJSON_HasObjectItem(json, members[i]), "%s", members[i]);
    ck_assert_int_eq(cJSON_GetArraySize(json), (int)ARRAY_LEN(members));
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "links")), 6);
    cJSON_Delete(json);
    ck_assert(kit_says("{\"link\":\"rest\",\"state\":\"down\""));
}
END_TEST

START_TEST(a_newcomer_gets_text_and_a_browser_a_page)
{
    ck_assert_int_eq(kit_get("/"), 200);
    ck_assert_str_eq(kit.call.content_type, "text/plain; charset=utf-8");
    ck_assert(kit_says("-d symbol=BTCUSDT"));
    kit_set_header("Accept", "text/html,application/xhtml+xml;q=0.9");
    ck_assert_int_eq(kit_get("/"), 200);
    ck_assert_str_eq(kit.call.content_type, "text/html; charset=utf-8");
    ck_assert_ptr_nonnull(strstr(kit_header("Content-Security-Policy"), "default-src 'none'"));
    ck_assert(kit_says("<!doctype html>") && !kit_says("style="));
    ck_assert_int_eq(kit_get("/version"), 200);
    ck_assert(kit_says("\"version\":\"0.1.0\""));
    ck_assert_int_eq(kit_get("/openapi.yaml"), 200);
    ck_assert(kit_says("openapi: \"3.1.0\""));
}
END_TEST

START_TEST(every_code_is_readable)
{
    cJSON *json;

    ck_assert_int_eq(kit_get("/errors"), 200);
    json = kit_json();
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "items")),
                     (int)api_problems_count());
    cJSON_Delete(json);
    for (size_t i = 0; i < api_problems_count(); i++) {
        char target[64];

        (void)snprintf(target, sizeof(target), "/errors/%s", api_problem_at(i)->code);
        ck_assert_int_eq(kit_get(target), 200);
        ck_assert(kit_says(api_problem_at(i)->title));
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(api_problem_at(i)->code, api_problem_at(j)->code);
    }
    ck_assert_int_eq(kit_get("/errors/nonsense"), 404);
    ck_assert(kit_says("unknown_code"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_market");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, kit_open, kit_close);
    tcase_add_test(tcase, a_streamed_ticker_never_reads_rest);
    tcase_add_test(tcase, a_ticker_that_is_not_streamed_is_read_and_then_streamed);
    tcase_add_test(tcase, another_symbols_price_is_never_shown);
    tcase_add_test(tcase, too_old_is_said_with_the_age);
    tcase_add_loop_test(tcase, a_price_is_one_number, 0, (int)ARRAY_LEN(prices));
    tcase_add_test(tcase, a_price_that_is_not_there_is_no_number);
    tcase_add_test(tcase, an_unknown_symbol_gets_the_nearest_one);
    tcase_add_test(tcase, before_the_symbols_are_loaded_nothing_is_ready);
    tcase_add_test(tcase, a_failed_read_is_a_502);
    tcase_add_test(tcase, all_tickers_are_a_list);
    tcase_add_test(tcase, a_streamed_book_is_served_from_memory);
    tcase_add_test(tcase, what_is_streamed_is_listed_by_link_and_socket);
    tcase_add_test(tcase, a_book_that_is_not_deep_enough_is_read);
    tcase_add_loop_test(tcase, symbols_are_filtered, 0, (int)ARRAY_LEN(symbol_lists));
    tcase_add_test(tcase, ready_says_what_is_missing);
    tcase_add_test(tcase, without_keys_the_public_part_is_enough);
    tcase_add_test(tcase, status_is_whole);
    tcase_add_test(tcase, a_newcomer_gets_text_and_a_browser_a_page);
    tcase_add_test(tcase, every_code_is_readable);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
