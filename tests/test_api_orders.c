/* POST /orders beyond one plain order: triggers and sizes that need a price, options, batches, dry
 * runs. */
#include "test_api_value_kit.h"

#define STOP "symbol=BTCUSDT&side=sell&qty=1&trigger_price="

/* --- prices of now --- */

static struct {
    const char *last;
    const char *mark;
    const char *fees;
} now;

/* Tickers and fee rates, else as the guard's tests. */
static void answer_more(enum bybit_route route, const char *query)
{
    static char body[400];
    struct text text = text_in(body, sizeof(body));

    answer_read(route, query);
    if (route == ROUTE_TICKERS)
        text_addf(&text,
                  "{\"retCode\":0,\"time\":1,\"result\":{\"list\":[{\"symbol\":\"BTCUSDT\","
                  "\"lastPrice\":\"%s\",\"markPrice\":\"%s\"}]}}",
                  now.last, now.mark);
    else if (route == ROUTE_FEE_RATE)
        text_addf(&text, "{\"retCode\":0,\"result\":{\"list\":[%s]}}", now.fees);
    else
        return;
    kit.answer.body = rest.body ? rest.body : body;
    kit.answer.body_bytes = strlen(kit.answer.body);
}

static void open_orders(void)
{
    open_value();
    set_rest();
    kit.on_read = answer_more;
    kit.needs = 0;
    kit.on_create = NULL;
    now.last = "100";
    now.mark = "60";
    now.fees = "{\"symbol\":\"BTCUSDT\",\"makerFeeRate\":\"0.0001\",\"takerFeeRate\":\"0.001\"}";
}

static void put_ticker(const char *last, const char *mark)
{
    char text[200];
    struct json data;
    struct ticker ticker;

    (void)snprintf(text, sizeof(text),
                   "{\"symbol\":\"BTCUSDT\",\"lastPrice\":\"%s\",\"markPrice\":\"%s\"}", last,
                   mark);
    ck_assert(!json_open_trusted(&data, text, strlen(text), NULL));
    ck_assert(!market_merge_ticker(kit.api.market, CATEGORY_LINEAR, "BTCUSDT", &data, true, 1,
                                   clock_wall_ms(), &ticker));
}

START_TEST(a_trigger_gets_its_direction_from_the_price)
{
    static const struct {
        const char *body;
        int direction;
    } cases[] = { { STOP "90", 2 },
                  { STOP "110", 1 },
                  { STOP "90&trigger_by=last", 2 },
                  { STOP "90&trigger_by=mark", 1 },
                  { STOP "90&trigger_direction=1", 1 } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ck_assert_int_eq(kit_run("POST", "/orders", cases[i].body), 201);
        ck_assert_int_eq(kit.dones, 1);
        ck_assert_int_eq(kit.created.trigger_direction, cases[i].direction);
    }
    ck_assert_uint_eq(kit.reads, 4); /* one each, none for the last */
    ck_assert(kit.touched == STREAM_TICKER);
    put_ticker("80", "120");
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "90"), 201);
    ck_assert_int_eq(kit.created.trigger_direction, 1);
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "90&triggerBy=MarkPrice"), 201);
    ck_assert_int_eq(kit.created.trigger_direction, 2);
    ck_assert_uint_eq(kit.reads, 4);
    market_stale_ticker(kit.api.market, CATEGORY_LINEAR, "BTCUSDT");
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "90"), 201);
    ck_assert_int_eq(kit.created.trigger_direction, 2);
    ck_assert_uint_eq(kit.reads, 5);
}
END_TEST

START_TEST(a_direction_that_is_not_known_is_refused)
{
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "100"), 422);
    ck_assert(kit_says("\"trigger_direction_unknown\""));
    ck_assert(kit_says("the last price is 100 now, as the trigger_price"));
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "90&trigger_by=index"), 422);
    ck_assert(kit_says("the index price is not known now"));
    rest.http_status = 0;
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "90"), 422);
    ck_assert(kit_says("no answer in time: give trigger_direction"));
    ck_assert(kit_says("\"after_ms\":1000"));
    kit.reads_err = ERR_BUSY;
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "90"), 422);
    ck_assert(kit_says("too many reads"));
    rest.http_status = 200;
    kit.reads_err = ERR_NONE;
    rest.body =
        "{\"retCode\":0,\"result\":{\"list\":[{\"symbol\":\"ETHUSDT\",\"lastPrice\":\"1\"}]}}";
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "90"), 422);
    ck_assert(kit_says("can't be used"));
    ck_assert_uint_eq(kit.creates, 0);
}
END_TEST

/* Spot and the user's own word need no price. */
START_TEST(what_needs_no_price_reads_none)
{
    ck_assert_int_eq(
        kit_run("POST", "/orders", "symbol=spot:BTCUSDT&side=sell&qty=1&trigger_price=90"), 201);
    ck_assert_int_eq(kit.created.spot_trigger, SPOT_TRIGGER_TPSL);
    ck_assert_int_eq(kit.created.trigger_direction, 0);
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&notional=50&price=5"),
                     201);
    ck_assert_uint_eq(kit.reads + kit.touches, 0);
}
END_TEST

/* The order of this key was placed when the price told the direction. */
START_TEST(a_known_key_is_answered_though_the_price_tells_nothing_now)
{
    kit_set_header("Idempotency-Key", "k-1");
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "90"), 201);
    kit.reply.order.request = kit.created;
    rest.http_status = 0;
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "90"), 200);
    ck_assert_str_eq(kit_header("Idempotent-Replayed"), "true");
    ck_assert_str_eq(kit.id, "k-1");
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "91"), 422);
    ck_assert(kit_says("idempotency_key_reused"));
    ck_assert_uint_eq(kit.creates, 1);
}
END_TEST

START_TEST(a_key_that_only_the_journal_knows_is_answered_too)
{
    static const struct loop_reply forgotten = { .outcome = OUTCOME_NOT_FOUND };

    kit_set_header("Idempotency-Key", "k-1");
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "90"), 201);
    kit.orders[0] = kit_order("k-1", ORDER_CLOSED);
    kit.orders[0].request = kit.created;
    kit.orders_count = 1;
    kit.watched = &forgotten;
    rest.http_status = 0;
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "90"), 200);
    kit.orders[0].state = ORDER_NOT_SENT; /* would be tried again */
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "90"), 422);
    ck_assert(kit_says("trigger_direction_unknown") && kit_says("\"outcome\":\"not_sent\""));
    kit.orders_count = 0;
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "90"), 422);
    kit.reader_err = ERR_INTERNAL;
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "90"), 422);
    ck_assert(kit_says("\"outcome\":\"unknown\"") && kit_says("whether this key was used"));
    ck_assert_uint_eq(kit.creates, 1);
}
END_TEST

/* The least size of BTCUSDT is another now; "": it is not traded any more. */
static void change_rules(const char *min_qty)
{
    struct instrument only = kit_instrument(CATEGORY_LINEAR, min_qty[0] ? "BTCUSDT" : "ETHUSDT");
    struct instruments *all;

    if (min_qty[0])
        only.min_qty = kit_decimal(min_qty);
    all = instruments_create(&only, 1, 1700000000000);
    ck_assert_ptr_nonnull(all);
    instruments_publish(kit.api.instruments, all);
}

/* It was placed when the rules were others. */
START_TEST(a_known_key_is_answered_whatever_the_rules_are_now)
{
    static const struct loop_reply forgotten = { .outcome = OUTCOME_NOT_FOUND };
    static const char order[] = "symbol=BTCUSDT&side=buy&qty=1&price=90";

    kit_set_header("Idempotency-Key", "k-1");
    ck_assert_int_eq(kit_run("POST", "/orders", order), 201);
    kit.reply.order.request = kit.created;
    change_rules("5");
    ck_assert_int_eq(kit_run("POST", "/orders", order), 200);
    ck_assert_str_eq(kit_header("Idempotent-Replayed"), "true");
    change_rules("");
    ck_assert_int_eq(kit_run("POST", "/orders", order), 200);
    kit.orders[0] = kit_order("k-1", ORDER_CLOSED);
    kit.orders[0].request = kit.created;
    kit.orders_count = 1;
    kit.watched = &forgotten;
    ck_assert_int_eq(kit_run("POST", "/orders", order), 200);
    ck_assert_int_eq(kit_run("POST", "/orders?dry_run=1", order), 404);
    kit_set_header("Accept", "application/json"); /* and no key */
    ck_assert_int_eq(kit_run("POST", "/orders",
                             "[{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":\"1\","
                             "\"price\":\"90\",\"client_id\":\"k-1\"}]"),
                     207);
    ck_assert(kit_says("\"status\":200"));
    kit.orders_count = 0;
    kit_set_header("Idempotency-Key", "k-1");
    ck_assert_int_eq(kit_run("POST", "/orders", order), 404);
    ck_assert(kit_says("unknown_symbol") && kit_says("\"outcome\":\"not_sent\""));
    change_rules("5");
    ck_assert_int_eq(kit_run("POST", "/orders", order), 422);
    ck_assert(kit_says("qty_too_small") && kit_says("\"outcome\":\"not_sent\""));
    kit.reader_err = ERR_INTERNAL;
    ck_assert_int_eq(kit_run("POST", "/orders", order), 422);
    ck_assert(kit_says("\"outcome\":\"unknown\""));
    ck_assert_uint_eq(kit.creates, 1);
}
END_TEST

/* A bridge that has just started does not have all orders in memory. */
START_TEST(a_known_key_is_answered_before_orders_are_taken)
{
    static const char order[] = "symbol=BTCUSDT&side=buy&qty=1&price=90&client_id=k-1";

    kit.reply =
        (struct loop_reply){ .outcome = OUTCOME_NOT_READY, .error = { .text = "starting" } };
    ck_assert_int_eq(kit_run("POST", "/orders", order), 503);
    ck_assert(kit_says("not_ready") && kit_says("\"outcome\":\"not_sent\""));
    kit.orders[0] = kit_order("k-1", ORDER_CLOSED);
    kit.orders[0].request = kit.created;
    kit.orders_count = 1;
    ck_assert_int_eq(kit_run("POST", "/orders", order), 200);
    ck_assert_str_eq(kit_header("Idempotent-Replayed"), "true");
    kit.reader_err = ERR_INTERNAL;
    ck_assert_int_eq(kit_run("POST", "/orders", order), 503);
    ck_assert(kit_says("\"outcome\":\"unknown\""));
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1&price=90"), 503);
    ck_assert(kit_says("\"outcome\":\"not_sent\""));
}
END_TEST

/* --- by value --- */

static const char *created_qty(void)
{
    static char digits[DECIMAL_TEXT_MAX];

    return decimal_format(&kit.created.qty, digits);
}

START_TEST(a_value_is_sized_by_the_book)
{
    put_books();
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&notional=101"), 201);
    ck_assert_str_eq(created_qty(), "1.000");
    ck_assert_uint_eq(kit.reads, 0);
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=sell&notional=1000"), 201);
    ck_assert_str_eq(created_qty(), "10.000");
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&notional=1000&price=50"),
                     201);
    ck_assert_str_eq(created_qty(), "20.000");
    /* The book in memory ends: the exchange's is deeper. */
    rest.asks = "[[\"101\",\"1\"],[\"125\",\"1000\"]]";
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&notional=10000"), 201);
    ck_assert_str_eq(created_qty(), "80.000");
    ck_assert_uint_eq(kit.reads, 1);
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&notional=1000000"), 503);
    ck_assert(kit_says("no_price_now") && kit_says("not_sent"));
    ck_assert_uint_eq(kit.creates, 4);
}
END_TEST

START_TEST(a_value_without_a_book_is_refused)
{
    rest.http_status = 500;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&notional=101"), 503);
    ck_assert(kit_says("no_price_now") && kit_says("HTTP 500"));
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&notional=0.0001&price=1"),
                     422);
    ck_assert(kit_says("notional_too_small") && kit_says("the least notional is"));
    rest.http_status = 0;
    rest.throttled = true;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&notional=101"), 429);
    ck_assert(kit_says("rate_limited") && kit_says("no turn in the rate budget"));
    ck_assert_str_eq(kit_header("Retry-After"), "1");
    ck_assert_ptr_nonnull(kit_header("RateLimit"));
    ck_assert_int_eq(kit_run("POST", "/orders", STOP "90"), 429);
    ck_assert(kit_says("rate_limited") && kit_says("no turn in the rate budget"));
    ck_assert_uint_eq(kit.creates, 0);
}
END_TEST

/* --- the guard's value of conditional orders, and of options --- */

static void put_options(void)
{
    const struct instrument list[] = { quoted(CATEGORY_LINEAR, "BTCUSDT", "USDT"),
                                       quoted(CATEGORY_OPTION, "BTC-1-C", "USDT") };
    const struct option_coin coin = { .base = "BTC",
                                      .as_of_ms = clock_wall_ms(),
                                      .good_until_ms = clock_mono_ms() + 3600000 };
    struct instruments *contracts = instruments_create(list, 1, 1700000000000);
    struct instruments *all = instruments_with_options(contracts, &coin, &list[1], 1);

    ck_assert(contracts && all);
    instruments_unref(contracts);
    instruments_publish(kit.api.instruments, all);
}

START_TEST(a_conditional_order_is_valued_at_its_trigger_or_the_book)
{
    static const struct {
        const char *body;
        int price;
    } cases[] = { { STOP "90&trigger_direction=2", 100 },
                  { STOP "150&trigger_direction=1", 150 },
                  { "symbol=BTCUSDT&side=buy&qty=1&trigger_price=150", 150 },
                  { "symbol=BTCUSDT&side=buy&qty=1&trigger_price=50", 101 },
                  { "symbol=BTCUSDT&side=buy&qty=1&price=55&trigger_price=50", 55 } };

    limit_order("1000000000");
    put_books();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ck_assert_int_eq(kit_run("POST", "/orders", cases[i].body), 201);
        ck_assert_int_eq((int)kit.created.value_price.mantissa, cases[i].price);
    }
}
END_TEST

START_TEST(options_are_placed_and_valued_by_their_premium)
{
    put_options();
    limit_order("1000000000");
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=option:BTC-1-C&side=buy&qty=1&price=500"),
                     201);
    ck_assert_int_eq((int)kit.created.value_price.mantissa, 500);
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=option:BTC-1-C&side=sell&qty=1"), 201);
    ck_assert_int_eq((int)kit.created.value_price.mantissa, 100);
    ck_assert_str_eq(kit.query, "category=option&symbol=BTC-1-C&limit=1");
    ck_assert_int_eq(kit.touched_depth, 25);
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=option:BTC-1-C&side=buy&qty=1"), 201);
    ck_assert_str_eq(kit.query, "category=option&symbol=BTC-1-C&limit=25");
}
END_TEST

/* The handler runs again once the coin's options are there: its headers may be gone by then. */
START_TEST(the_key_outlives_the_loading_of_options)
{
    char key[] = "my-key";
    char client[] = "bot";

    kit.call.idempotency_key = key;
    kit.call.client = client;
    api_keep_headers(&kit.call);
    memset(key, 'x', sizeof(key));
    memset(client, 'x', sizeof(client));
    ck_assert_str_eq(kit.call.idempotency_key, "my-key");
    ck_assert_str_eq(kit.call.client, "bot");
    api_keep_headers(&kit.call);
    ck_assert_str_eq(kit.call.idempotency_key, "my-key");
    ck_assert_str_eq(kit.call.client, "bot");
    kit.call.idempotency_key = NULL;
    api_keep_headers(&kit.call);
    ck_assert_ptr_null(kit.call.idempotency_key);
    ck_assert_str_eq(kit.call.client, "bot");
}
END_TEST

/* --- batches --- */

#define ONE "{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":\"1\",\"price\":\"90\"}"
#define KEYED                                                                                      \
    "{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":\"1\",\"price\":\"90\",\"client_id\":\"a\"}"

/* Item n's status, and the code of its problem ("" : an order is there). */
static void item_is(int n, int status, const char *code)
{
    cJSON *json = kit_json();
    const cJSON *item = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "items"), n);
    const cJSON *problem = cJSON_GetObjectItem(item, "problem");
    const cJSON *order = cJSON_GetObjectItem(item, "order");

    ck_assert_msg(item, "%s", kit.call.reply.data);
    ck_assert_msg(cJSON_GetObjectItem(item, "status")->valueint == status, "%d: %s", n,
                  kit.call.reply.data);
    ck_assert_int_eq(cJSON_IsNull(problem), !code[0]);
    ck_assert_int_eq(cJSON_IsNull(order), !!code[0]);
    if (code[0])
        ck_assert_str_eq(cJSON_GetObjectItem(problem, "code")->valuestring, code);
    cJSON_Delete(json);
}

static int items_count(void)
{
    cJSON *json = kit_json();
    int count = cJSON_GetArraySize(cJSON_GetObjectItem(json, "items"));

    cJSON_Delete(json);
    return count;
}

START_TEST(each_order_of_a_batch_is_answered_for_itself)
{
    ck_assert_int_eq(
        kit_run("POST", "/orders?wait=filled&timeout=3s",
                " [" ONE ",{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":\"0.00001\"},7,[" ONE
                "],{\"symbol\":\"NOPE\",\"side\":\"buy\",\"qty\":\"1\"},"
                "{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":\"1\",\"qty\":\"2\"}," ONE "]"),
        207);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_int_eq(items_count(), 7);
    item_is(0, 201, "");
    item_is(1, 422, "qty_too_small");
    item_is(2, 400, "not_an_object");
    item_is(3, 400, "not_an_object");
    item_is(4, 404, "unknown_symbol");
    item_is(5, 400, "duplicate_field");
    item_is(6, 201, "");
    ck_assert_uint_eq(kit.batches, 1);
    ck_assert_uint_eq(kit.batch_count, 2);
    ck_assert_uint_eq(kit.creates, 2);
    ck_assert_int_eq(kit.wait, WAIT_FILLED);
    ck_assert_int_gt(kit.until_ms, clock_wall_ms());
}
END_TEST

START_TEST(a_batch_has_1_to_100_orders)
{
    static char body[101 * sizeof(ONE) + 8];
    size_t used;

    for (size_t count = 99; count <= 101; count++) {
        struct text text = text_in(body, sizeof(body));

        for (size_t i = 0; i < count; i++)
            text_addf(&text, "%s" ONE, i ? "," : "[");
        text_add(&text, "]");
        used = kit.creates;
        ck_assert_int_eq(kit_run("POST", "/orders", body), count > 100 ? 422 : 207);
        ck_assert_uint_eq(kit.creates - used, count > 100 ? 0 : count);
        ck_assert_int_eq(count > 100 ? 0 : items_count(), count > 100 ? 0 : (int)count);
    }
    ck_assert(kit_says("\"batch_size\"") && kit_says("not 101"));
    ck_assert_int_eq(kit_run("POST", "/orders", "[]"), 422);
    ck_assert(kit_says("\"batch_size\""));
    ck_assert_int_eq(kit_run("POST", "/orders", "[" ONE), 400);
    ck_assert(kit_says("malformed_json"));
    ck_assert_int_eq(kit_run("POST", "/orders?dry_run=1", "[" ONE "]"), 422);
    ck_assert(kit_says("field_not_allowed"));
    ck_assert_int_eq(kit_run("POST", "/orders?wait=soon", "[" ONE "]"), 400);
    ck_assert_uint_eq(kit.creates, 199);
}
END_TEST

START_TEST(a_batch_of_nothing_good_asks_nobody)
{
    ck_assert_int_eq(kit_run("POST", "/orders", "[{},{\"foo\":1}]"), 207);
    item_is(0, 422, "missing_field");
    item_is(1, 400, "unknown_field");
    ck_assert_uint_eq(kit.batches, 0);
}
END_TEST

START_TEST(the_keys_of_a_batch_are_numbered)
{
    char key[140];

    kit_set_header("Idempotency-Key", "grid");
    ck_assert_int_eq(kit_run("POST", "/orders", "[" ONE "," ONE "]"), 207);
    ck_assert(kit_says("\"client_id\":\"grid-0\"") && kit_says("\"client_id\":\"grid-1\""));
    ck_assert_str_eq(kit.created.link, "grid-0"); /* the kit takes the last one first */
    ck_assert(kit.created.client_key);
    /* An order's own key must be that one. */
    ck_assert_int_eq(kit_run("POST", "/orders", "[" KEYED "]"), 207);
    item_is(0, 400, "client_id_conflict");
    /* 128 characters are a key, "-0" makes 130 of it. */
    memset(key, 'k', sizeof(key));
    key[128] = '\0';
    kit_set_header("Idempotency-Key", key);
    ck_assert_int_eq(kit_run("POST", "/orders", "[" ONE "]"), 207);
    item_is(0, 400, "invalid_client_id");
    key[126] = '\0';
    kit_set_header("Idempotency-Key", key);
    ck_assert_int_eq(kit_run("POST", "/orders", "[" ONE "]"), 207);
    item_is(0, 201, "");
}
END_TEST

START_TEST(a_key_counts_once_in_a_batch)
{
    ck_assert_int_eq(
        kit_run("POST", "/orders", "[{\"client_id\":\"a\"}," KEYED "," ONE "," KEYED "," ONE "]"),
        207);
    item_is(0, 422, "missing_field"); /* refused: it does not count */
    item_is(1, 201, "");
    item_is(2, 201, "");
    item_is(3, 422, "batch_key_repeated");
    item_is(4, 201, "");
    ck_assert_uint_eq(kit.creates, 3);
}
END_TEST

START_TEST(an_engine_that_takes_no_batch_is_said)
{
    kit.loop_err = ERR_BUSY;
    ck_assert_int_eq(kit_run("POST", "/orders", "[" ONE ",{}," ONE "]"), 207);
    item_is(0, 503, "busy");
    item_is(1, 422, "missing_field");
    item_is(2, 503, "busy");
    ck_assert_int_eq(kit.dones, 1);
}
END_TEST

START_TEST(a_batch_is_valued_before_it_goes)
{
    limit_order("1000");
    put_books();
    ck_assert_int_eq(
        kit_run("POST", "/orders",
                "[{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":\"1\"},"
                "{\"symbol\":\"spot:BTCEUR\",\"side\":\"buy\",\"qty\":\"2\"},"
                "{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":\"50\",\"price\":\"90\"},"
                "{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"notional\":\"101\"}]"),
        207);
    item_is(0, 201, "");
    item_is(1, 422, "guard_max_order_notional"); /* no EURUSDT: not valued */
    item_is(2, 422, "guard_max_order_notional");
    item_is(3, 201, "");
    ck_assert_uint_eq(kit.batches, 1);
    ck_assert_int_eq(asked, 4); /* once each: nothing was missing */
}
END_TEST

/* A limit that is set while a batch is on its way. */
START_TEST(a_batch_that_lacks_facts_finds_them)
{
    limit_order("1000");
    kit.needs = 0;
    ck_assert_int_eq(kit_run("POST", "/orders",
                             "[{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":\"1\"}," ONE "]"),
                     207);
    item_is(0, 422, "guard_max_order_notional");
    kit.needs = GUARD_NEEDS_PRICE;
    ck_assert_int_eq(kit_run("POST", "/orders",
                             "[{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":\"1\"}," ONE "]"),
                     207);
    item_is(0, 201, "");
    item_is(1, 201, "");
}
END_TEST

static void kill_then_answer(enum bybit_route route, const char *query)
{
    kit_kills++;
    answer_read(route, query);
}

/* Also when it is armed again by the time that the book is there. */
START_TEST(a_kill_while_a_batch_is_valued_ends_it)
{
    limit_order("1000");
    kit.on_read = kill_then_answer;
    ck_assert_int_eq(kit_run("POST", "/orders",
                             "[" ONE
                             ",{},{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":\"1\"}]"),
                     207);
    item_is(0, 422, "guard_killed");
    item_is(1, 422, "missing_field");
    item_is(2, 422, "guard_killed");
    ck_assert_uint_eq(kit.batches, 0);
    ck_assert_int_eq(kit.dones, 1);
}
END_TEST

START_TEST(an_order_of_a_batch_waits_for_facts_only_where_there_is_room)
{
    limit_order("1000");
    kit.no_facts = true;
    ck_assert_int_eq(kit_run("POST", "/orders",
                             "[{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"qty\":\"1\"}," ONE "]"),
                     207);
    item_is(0, 503, "busy");
    item_is(1, 201, "");
    ck_assert_uint_eq(kit.reads, 0);
    ck_assert_int_eq(kit.facts_open, 0);
}
END_TEST

/* While its size is looked up. */
START_TEST(a_kill_while_an_order_is_prepared_ends_it)
{
    kit.on_read = kill_then_answer;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&notional=101"), 422);
    ck_assert(kit_says("guard_killed") && kit_says("not_sent"));
    ck_assert_uint_eq(kit.creates, 0);
    ck_assert_int_eq(kit.dones, 1);
}
END_TEST

/* --- dry runs --- */

#define DRY "/orders?dry_run=1"

static void would(bool expected, const char *code)
{
    cJSON *json = kit_json();
    const cJSON *problem = cJSON_GetObjectItem(json, "problem");

    ck_assert_msg(cJSON_IsTrue(cJSON_GetObjectItem(json, "would_send")) == expected, "%s",
                  kit.call.reply.data);
    if (code)
        ck_assert_str_eq(cJSON_GetObjectItem(problem, "code")->valuestring, code);
    else
        ck_assert(cJSON_IsNull(problem));
    cJSON_Delete(json);
    ck_assert_uint_eq(kit.creates, 0);
}

START_TEST(a_dry_run_shows_what_would_be_sent)
{
    kit.reply = (struct loop_reply){ .outcome = OUTCOME_WOULD };
    put_books();
    ck_assert_int_eq(kit_run("POST", DRY, "symbol=BTCUSDT&side=buy&qty=2&smp=none"), 200);
    would(true, NULL);
    ck_assert_uint_eq(kit.checks, 1);
    ck_assert(
        kit_says("\"request\":{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"side\":\"Buy\","
                 "\"orderType\":\"Market\",\"qty\":\"2\""));
    ck_assert(kit_says("\"smpType\":\"None\""));
    ck_assert(kit_says("{\"check\":\"qty_step\",\"ok\":true,\"value\":\"2\",\"limit\":\"0.001\"}"));
    ck_assert(kit_says("{\"check\":\"guard\",\"ok\":true"));
    ck_assert(
        kit_says("\"estimate\":{\"price\":\"101.5\",\"value\":\"203\",\"value_coin\":\"USDT\","
                 "\"fee\":\"0.203\",\"fee_coin\":\"USDT\",\"fee_rate\":\"0.001\","
                 "\"source\":\"local_book\"}"));
    ck_assert_uint_eq(kit.reads, 1); /* the rates */
    ck_assert_int_eq(kit.cache_ms, 300000);
    ck_assert_int_eq(kit_run("POST", "/orders?dry_run=TRUE", STOP "90"), 200);
    ck_assert(kit_says("\"triggerDirection\":2") && kit_says("\"source\":\"trigger_price\""));
    ck_assert_int_eq(kit_run("POST", DRY, "symbol=BTCUSDT&side=buy&notional=101"), 200);
    ck_assert(kit_says("\"qty\":\"1.000\""));
}
END_TEST

START_TEST(a_dry_run_shows_what_it_would_be_refused_for)
{
    static struct guard_verdict refused = { .limit = GUARD_MAX_ORDER_NOTIONAL, .text = "too much" };

    refused.value = kit_decimal("7");
    refused.allowed = kit_decimal("5");
    refused.price = DECIMAL_NONE;
    put_books();
    ck_assert_int_eq(kit_run("POST", DRY, "symbol=BTCUSDT&side=buy&qty=0.00001"), 200);
    would(false, "qty_too_small");
    ck_assert(kit_says("{\"check\":\"qty_min\",\"ok\":false,\"value\":\"0.00001\""));
    ck_assert_uint_eq(kit.checks, 0);
    ck_assert_int_eq(kit_run("POST", DRY, STOP "100"), 200);
    would(false, "trigger_direction_unknown");
    rest.http_status = 0;
    ck_assert_int_eq(kit_run("POST", DRY, "symbol=BTCUSDT&side=buy&notional=10000000"), 200);
    would(false, "no_price_now");
    ck_assert(kit_says("\"request\":null") && kit_says("\"estimate\":null"));
    rest.http_status = 200;
    kit.reply = (struct loop_reply){ .outcome = OUTCOME_GUARD, .verdict = &refused };
    ck_assert_int_eq(kit_run("POST", DRY, "symbol=BTCUSDT&side=buy&qty=1"), 200);
    would(false, "guard_max_order_notional");
    ck_assert(kit_says("{\"check\":\"guard_max_order_notional\",\"ok\":false,\"value\":\"7\","
                       "\"limit\":\"5\"}"));
    kit.reply = (struct loop_reply){ .outcome = OUTCOME_KILLED };
    ck_assert_int_eq(kit_run("POST", DRY, "symbol=BTCUSDT&side=buy&qty=1"), 200);
    would(false, "guard_killed");
    kit.reply = (struct loop_reply){ .outcome = OUTCOME_REPLAYED,
                                     .has_order = true,
                                     .order = kit_order("k", ORDER_LIVE) };
    ck_assert_int_eq(kit_run("POST", DRY, "symbol=BTCUSDT&side=buy&qty=1"), 200);
    would(false, NULL);
    ck_assert(kit_says("{\"check\":\"new_key\",\"ok\":false"));
    kit.loop_err = ERR_BUSY;
    ck_assert_int_eq(kit_run("POST", DRY, "symbol=BTCUSDT&side=buy&qty=1"), 200);
    would(false, "busy");
}
END_TEST

/* The engine forgets orders that have ended, and their keys. */
START_TEST(a_dry_run_knows_the_keys_of_long_ago)
{
    static const char order[] = "symbol=BTCUSDT&side=buy&qty=1&price=90&client_id=k-1";

    kit.reply = (struct loop_reply){ .outcome = OUTCOME_WOULD };
    ck_assert_int_eq(kit_run("POST", DRY, order), 200);
    would(true, NULL);
    kit.orders[0] = kit_order("k-1", ORDER_CLOSED);
    kit.orders[0].request = kit.created;
    kit.orders_count = 1;
    ck_assert_int_eq(kit_run("POST", DRY, order), 200);
    would(false, NULL);
    ck_assert(kit_says("{\"check\":\"new_key\",\"ok\":false"));
    kit.orders[0].request.body_hash[0] ^= 1;
    ck_assert_int_eq(kit_run("POST", DRY, order), 200);
    would(false, "idempotency_key_reused");
    kit.orders[0].request.body_hash[0] ^= 1;
    kit.orders[0].state = ORDER_NOT_SENT;
    ck_assert_int_eq(kit_run("POST", DRY, order), 200);
    would(true, NULL);
    kit.reader_err = ERR_INTERNAL;
    ck_assert_int_eq(kit_run("POST", DRY, order), 200);
    would(false, "journal_unavailable");
}
END_TEST

START_TEST(a_dry_run_reads_what_it_lacks_or_says_null)
{
    limit_order("1000");
    kit.reply = (struct loop_reply){ .outcome = OUTCOME_WOULD };
    ck_assert_int_eq(kit_run("POST", DRY, "symbol=BTCUSDT&side=buy&qty=1"), 200);
    would(true, NULL);
    ck_assert_int_eq(asked, 2); /* the book was read between */
    ck_assert(kit_says("{\"check\":\"guard\",\"ok\":true,\"value\":\"101\""));
    ck_assert(kit_says("\"source\":\"rest_book\""));
    now.fees = "";
    rest.bids = rest.asks = "[]";
    kit.needs = 0;
    kit.on_create = NULL;
    ck_assert_int_eq(kit_run("POST", DRY, "symbol=BTCUSDT&side=buy&qty=1"), 200);
    ck_assert(kit_says("\"estimate\":{\"price\":null,\"value\":null,\"value_coin\":\"USDT\","
                       "\"fee\":null,\"fee_coin\":\"USDT\",\"fee_rate\":null,\"source\":null}"));
    /* What can't be read is refused as ever. */
    ck_assert_int_eq(kit_run("POST", DRY, "symbol=BTCUSDT&side=buy"), 422);
    ck_assert_int_eq(kit_run("POST", "/orders?dry_run=2", "symbol=BTCUSDT&side=buy&qty=1"), 400);
    kit.reply = (struct loop_reply){ .outcome = OUTCOME_ACCEPTED,
                                     .has_order = true,
                                     .order = kit_order("k", ORDER_ACKED) };
    ck_assert_int_eq(kit_run("POST", "/orders?dry_run=0", "symbol=BTCUSDT&side=buy&qty=1"), 201);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_orders");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, open_orders, kit_close);
    tcase_add_test(tcase, a_trigger_gets_its_direction_from_the_price);
    tcase_add_test(tcase, a_direction_that_is_not_known_is_refused);
    tcase_add_test(tcase, what_needs_no_price_reads_none);
    tcase_add_test(tcase, a_known_key_is_answered_though_the_price_tells_nothing_now);
    tcase_add_test(tcase, a_key_that_only_the_journal_knows_is_answered_too);
    tcase_add_test(tcase, a_known_key_is_answered_whatever_the_rules_are_now);
    tcase_add_test(tcase, a_known_key_is_answered_before_orders_are_taken);
    tcase_add_test(tcase, a_value_is_sized_by_the_book);
    tcase_add_test(tcase, a_value_without_a_book_is_refused);
    tcase_add_test(tcase, a_conditional_order_is_valued_at_its_trigger_or_the_book);
    tcase_add_test(tcase, options_are_placed_and_valued_by_their_premium);
    tcase_add_test(tcase, the_key_outlives_the_loading_of_options);
    tcase_add_test(tcase, each_order_of_a_batch_is_answered_for_itself);
    tcase_add_test(tcase, a_batch_has_1_to_100_orders);
    tcase_add_test(tcase, a_batch_of_nothing_good_asks_nobody);
    tcase_add_test(tcase, the_keys_of_a_batch_are_numbered);
    tcase_add_test(tcase, a_key_counts_once_in_a_batch);
    tcase_add_test(tcase, an_engine_that_takes_no_batch_is_said);
    tcase_add_test(tcase, a_batch_is_valued_before_it_goes);
    tcase_add_test(tcase, a_batch_that_lacks_facts_finds_them);
    tcase_add_test(tcase, a_kill_while_a_batch_is_valued_ends_it);
    tcase_add_test(tcase, an_order_of_a_batch_waits_for_facts_only_where_there_is_room);
    tcase_add_test(tcase, a_kill_while_an_order_is_prepared_ends_it);
    tcase_add_test(tcase, a_dry_run_shows_what_would_be_sent);
    tcase_add_test(tcase, a_dry_run_shows_what_it_would_be_refused_for);
    tcase_add_test(tcase, a_dry_run_knows_the_keys_of_long_ago);
    tcase_add_test(tcase, a_dry_run_reads_what_it_lacks_or_says_null);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
