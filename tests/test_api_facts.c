/* What the guard must know and memory lacks: read over REST, or the order is refused. */
#include <unistd.h>

#include "test_api_value_kit.h"

START_TEST(what_memory_lacks_is_read_once)
{
    set_rest();
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=7"), 201);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_int_eq(asked, 2);
    ck_assert_uint_eq(kit.reads, 1);
    ck_assert_str_eq(kit.query, "category=linear&symbol=BTCUSDT&limit=1000");
    ck_assert_int_le(kit.cache_ms, 1000);
    ck_assert(kit.facts.last_word && kit.facts.source == GUARD_PRICE_REST_BOOK);
    ck_assert_int_ge(kit.facts.price_age_ms, 40);
    ck_assert_int_eq((int)kit.created.value_price.mantissa, 110);
    ck_assert(kit.touches > 0);
}
END_TEST

START_TEST(the_quote_coins_book_is_read_too)
{
    set_rest();
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=spot:ETHBTC&side=sell&qty=1"), 201);
    ck_assert_uint_eq(kit.reads, 2); /* 100 x 101 */
    ck_assert_str_eq(kit.query, "category=spot&symbol=BTCUSDT&limit=1");
    ck_assert_int_eq((int)kit.created.value_price.mantissa, 10100);
}
END_TEST

START_TEST(a_book_that_is_old_or_stale_does_not_count)
{
    set_rest();
    put_books();
    market_stale_book(kit.api.market, CATEGORY_LINEAR, "BTCUSDT", 50);
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1"), 201);
    ck_assert_int_eq(kit.facts.source, GUARD_PRICE_REST_BOOK);
    put_books();
    usleep(1050000);
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1"), 201);
    ck_assert_int_eq(kit.facts.source, GUARD_PRICE_REST_BOOK);
    ck_assert_uint_eq(kit.reads, 2);
}
END_TEST

/* The local book ends before the order does: the exchange's is deeper. */
START_TEST(an_order_that_is_larger_than_the_local_book_is_read_for)
{
    set_rest();
    rest.asks = "[[\"101\",\"1\"],[\"120\",\"100\"]]";
    put_books();
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=8"), 201);
    ck_assert_int_eq((int)kit.created.value_price.mantissa, 120);
}
END_TEST

/* As after a jump of the market, or right after a snapshot of half a book. */
START_TEST(half_a_book_in_memory_does_not_count)
{
    set_rest();
    put_book(CATEGORY_LINEAR, "BTCUSDT", "[]", ASKS);
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=sell&qty=1&price=2"), 201);
    ck_assert_int_eq((int)kit.created.value_price.mantissa, 100);
    put_book(CATEGORY_LINEAR, "BTCUSDT", "[]", "[[\"3\",\"9\"]]");
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1"), 201);
    ck_assert_int_eq((int)kit.created.value_price.mantissa, 101);
    ck_assert_uint_eq(kit.reads, 2);
}
END_TEST

START_TEST(asks_in_disorder_count_at_the_highest)
{
    set_rest();
    rest.asks = "[[\"110\",\"1\"],[\"102\",\"9\"]]";
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=2"), 201);
    ck_assert_int_eq((int)kit.created.value_price.mantissa, 110);
}
END_TEST

static const struct {
    const char *body;
    long status; /* 0: no answer */
    const char *bids;
    const char *asks;
    const char *symbol;
    const char *says;
} failures[] = {
    { NULL, 0, BIDS, ASKS, NULL, "no answer in time" },
    { NULL, 500, BIDS, ASKS, NULL, "HTTP 500" },
    { "{", 200, BIDS, ASKS, NULL, "can't be read" },
    { "{\"retCode\":10001,\"retMsg\":\"params error\"}", 200, BIDS, ASKS, NULL,
      "10001: params error" },
    { "{\"retCode\":0,\"result\":{}}", 200, BIDS, ASKS, NULL, "has no book" },
    { "{\"retCode\":0,\"result\":{\"b\":[],\"a\":[[]]}}", 200, BIDS, ASKS, NULL, "has no book" },
    { NULL, 200, BIDS, "[[\"x\",\"1\"]]", NULL, "has no book" },
    { NULL, 200, BIDS, "[]", NULL, "nobody offers" },
    { NULL, 200, BIDS, ASKS, NULL, "larger than what the book offers" },
    { NULL, 200, "[]", "[[\"0\",\"99\"]]", NULL, "larger than" },
    { NULL, 200, "[]", "[[\"-1\",\"99\"]]", NULL, "larger than" },
    { NULL, 200, BIDS, ASKS, "ETHUSDT", "has no book" },
    { "{\"retCode\":0,\"result\":{\"b\":[],\"a\":[[\"5\",\"99\"]]}}", 200, BIDS, ASKS, NULL,
      "has no book" }, /* of which symbol? */
    { NULL, 200, BIDS, "[[\"5\",\"99\"]]", NULL, "bids and asks cross" },
};

START_TEST(what_can_not_be_valued_is_refused_and_says_why)
{
    set_rest();
    rest.body = failures[_i].body;
    rest.http_status = failures[_i].status;
    rest.bids = failures[_i].bids;
    rest.asks = failures[_i].asks;
    rest.symbol = failures[_i].symbol;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=8"), 422);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_uint_eq(kit.creates, 0);
    ck_assert(kit.facts.last_word);
    ck_assert_msg(strstr(kit.facts.why, failures[_i].says), "%s", kit.facts.why);
    ck_assert_msg(kit_says("guard_max_order_notional") && kit_says(failures[_i].says), "%s",
                  kit.call.reply.data);
}
END_TEST

START_TEST(without_a_turn_for_the_book_it_is_rate_limited)
{
    set_rest();
    rest.throttled = true;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=8"), 429);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_uint_eq(kit.creates, 0);
    ck_assert(kit_says("rate_limited"));
    ck_assert_int_gt(kit.facts.retry_after_ms, 0);
}
END_TEST

START_TEST(no_bid_and_no_quote_coin_are_told)
{
    set_rest();
    rest.bids = "[]";
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=sell&qty=1"), 422);
    ck_assert(kit_says("nobody bids"));
    /* The next bid may come before the order does, and be as high as what is asked for. */
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=sell&qty=1&price=70"), 201);
    ck_assert_int_eq(kit.facts.source, GUARD_PRICE_REST_BOOK);
    ck_assert_int_eq((int)kit.created.value_price.mantissa, 101);
    rest.asks = "[]"; /* nothing but its limit is known */
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=sell&qty=1&price=70"), 201);
    ck_assert_int_eq(kit.facts.source, GUARD_PRICE_LIMIT);
    rest.asks = ASKS;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=spot:BTCEUR&side=buy&qty=1&price=7"), 422);
    ck_assert(kit_says("quote coin"));
}
END_TEST

START_TEST(reads_that_are_not_taken_end_in_a_refusal)
{
    set_rest();
    kit.reads_err = ERR_BUSY;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1"), 422);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert(kit_says("too many reads"));
    kit.reads_err = ERR_NONE;
    kit.api.order_deadline_ms = 0;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1"), 422);
    ck_assert_uint_eq(kit.reads, 0);
    ck_assert(kit_says("no time left"));
}
END_TEST

/* The order is fine, it only comes at a bad time. */
START_TEST(too_many_orders_in_want_of_facts_are_told_to_come_again)
{
    set_rest();
    kit.no_facts = true;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1"), 503);
    ck_assert(kit_says("\"code\":\"busy\"") && kit_says("\"outcome\":\"not_sent\""));
    ck_assert_str_eq(kit_header("Retry-After"), "1");
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_uint_eq(kit.reads + kit.creates, 0);
    kit.no_facts = false;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1"), 201);
    ck_assert_int_eq(kit.facts_open, 0);
}
END_TEST

static void fill_the_inbox(enum bybit_route route, const char *query)
{
    answer_read(route, query);
    kit.loop_err = ERR_BUSY;
}

START_TEST(an_inbox_that_is_full_after_the_read_is_busy_once)
{
    set_rest();
    kit.on_read = fill_the_inbox;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1&client_id=c"), 503);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert(kit_says("\"code\":\"busy\"") && kit_says("\"client_id\":\"c\""));
    ck_assert(kit_says("\"outcome\":\"not_sent\""));
}
END_TEST

/* --- leverage --- */

static void limit_leverage(struct account **account)
{
    static const struct account_callbacks callbacks = { 0 };
    const struct account_config config = {
        .callbacks = &callbacks, .audit_every_ms = 60000, .settle_ms = 5000, .wait_ms = 100
    };

    *account = account_create(&config);
    ck_assert_ptr_nonnull(*account);
    account_attach(*account, (struct reads *)&kit, kit.api.market);
    kit.api.account = *account;
    limits.set = GUARD_BIT(GUARD_MAX_LEVERAGE);
    limits.max_leverage = kit_decimal("20");
    kit.needs = GUARD_NEEDS_LEVERAGE;
    set_rest();
}

START_TEST(the_leverage_is_read_where_it_is_not_known)
{
    struct account *account;

    limit_leverage(&account);
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1"), 201);
    ck_assert_uint_eq(kit.reads, 1);
    ck_assert_str_eq(kit.query, "category=linear&symbol=BTCUSDT");
    ck_assert_int_gt(kit.cache_ms, 0); /* shared by all orders of a burst */
    ck_assert_int_le(kit.cache_ms, 1000);
    ck_assert_int_eq((int)kit.facts.leverage.mantissa, 10);
    rest.leverage = "25";
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCPERP&side=buy&qty=1"), 422);
    ck_assert(kit_says("guard_max_leverage"));
    rest.leverage = "";
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=inverse:BTCUSD&side=buy&qty=1"), 422);
    ck_assert_msg(strstr(kit.facts.why, "does not tell"), "%s", kit.facts.why);
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCPERP&side=buy&qty=1&reduce_only=true"),
                     201);
    kit.reads = 0;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=spot:BTCUSDT&side=buy&qty=1"), 201);
    ck_assert_uint_eq(kit.reads, 0);
    kit.api.account = NULL;
    account_destroy(account);
}
END_TEST

/* What the private stream keeps needs no read. */
static void answer_load(enum bybit_route route, const char *query)
{
    static const char body[] = "{\"retCode\":0,\"retMsg\":\"OK\",\"result\":{\"list\":[]}}";

    (void)route;
    (void)query;
    kit.answer = (struct rest_answer){
        .answered = true, .http_status = 200, .body = body, .body_bytes = sizeof(body) - 1
    };
}

static void put_position(struct account *account, int idx, const char *leverage)
{
    struct position position = { .category = CATEGORY_LINEAR,
                                 .symbol = "BTCUSDT",
                                 .position_idx = idx,
                                 .side = SIDE_BUY,
                                 .updated_ms = clock_wall_ms() };

    position.qty = position.entry_price = kit_decimal("1");
    position.leverage = kit_decimal(leverage);
    position.mark_price = position.liq_price = position.value = position.margin = DECIMAL_NONE;
    position.unrealised_pnl = position.realised_pnl = DECIMAL_NONE;
    position.take_profit = position.stop_loss = position.trailing_stop = DECIMAL_NONE;
    account_on_position(account, &position);
}

START_TEST(the_leverage_of_a_position_that_is_kept_is_known)
{
    static const char order[] = "symbol=BTCUSDT&side=buy&qty=1";
    struct account *account;

    limit_leverage(&account);
    kit.on_read = answer_load;
    account_on_private(account, true);
    account_tick(account);
    kit.reads = 0;
    put_position(account, 1, "7");
    put_position(account, 2, "9");
    ck_assert_int_eq(kit_run("POST", "/orders", order), 201);
    ck_assert_int_eq((int)kit.facts.leverage.mantissa, 9); /* its own place is not known */
    put_position(account, 0, "5");
    ck_assert_int_eq(kit_run("POST", "/orders", order), 201);
    ck_assert_int_eq((int)kit.facts.leverage.mantissa, 5);
    ck_assert_uint_eq(kit.reads, 0);

    set_rest();
    account_on_private(account, false);
    ck_assert_int_eq(kit_run("POST", "/orders", order), 201);
    ck_assert_uint_eq(kit.reads, 1);
    kit.api.account = NULL;
    account_destroy(account);
}
END_TEST

static void answer_late(enum bybit_route route, const char *query)
{
    answer_read(route, query);
    if (route == ROUTE_POSITIONS)
        usleep(1050000);
}

/* The book in memory was young enough until the leverage took its time. */
START_TEST(a_price_does_not_grow_old_over_another_read)
{
    struct account *account;

    limit_leverage(&account);
    limits.set |= GUARD_BIT(GUARD_MAX_ORDER_NOTIONAL);
    limits.max_order_notional = kit_decimal("1000000");
    kit.needs |= GUARD_NEEDS_PRICE;
    kit.on_read = answer_late;
    rest.bids = "[[\"200\",\"5\"]]";
    rest.asks = "[[\"201\",\"5\"]]";
    put_books();
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1"), 201);
    ck_assert_int_eq((int)kit.facts.leverage.mantissa, 10);
    ck_assert_int_eq((int)kit.created.value_price.mantissa, 201);
    ck_assert_int_le(kit.facts.price_age_ms, 1000);
    ck_assert_int_eq(kit.facts.source, GUARD_PRICE_REST_BOOK);
    kit.reads = 0; /* what was read over REST is not left to grow old either */
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCPERP&side=sell&qty=1"), 201);
    ck_assert_int_le(kit.facts.price_age_ms, 1000);
    ck_assert_uint_eq(kit.reads, 2);
    kit.api.account = NULL;
    account_destroy(account);
}
END_TEST

START_TEST(a_read_for_the_guard_is_no_time_of_the_engine)
{
    set_rest();
    kit.reply.timing.complete = true;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1&price=50"), 201);
    ck_assert(kit.call.timing.complete);
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1"), 201);
    ck_assert(!kit.call.timing.complete);
}
END_TEST

START_TEST(without_an_account_there_is_no_leverage)
{
    struct account *account;

    limit_leverage(&account);
    kit.api.account = NULL;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1"), 422);
    ck_assert_int_eq(kit.dones, 1);
    account_destroy(account);
}
END_TEST

/* --- a limit that is set while the order is on its way --- */

static bool raise_then_check(const struct order_request *request, const struct guard_facts *facts,
                             struct loop_reply *reply)
{
    kit.needs = GUARD_NEEDS_PRICE;
    return check(request, facts, reply);
}

START_TEST(a_limit_that_comes_in_between_is_answered_from_memory)
{
    kit.needs = 0;
    kit.on_create = raise_then_check;
    put_books();
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1"), 201);
    ck_assert_int_eq(asked, 2);
    ck_assert_uint_eq(kit.reads, 0);
    ck_assert_int_eq(kit.facts.source, GUARD_PRICE_LOCAL_BOOK);
}
END_TEST

static bool never_enough(const struct order_request *request, const struct guard_facts *facts,
                         struct loop_reply *reply)
{
    (void)request;
    (void)facts;
    asked++;
    reply->outcome = OUTCOME_NEEDS_FACTS;
    return true;
}

static bool kill_then_ask(const struct order_request *request, const struct guard_facts *facts,
                          struct loop_reply *reply)
{
    kit_kills++;
    return never_enough(request, facts, reply);
}

/* Also when it is armed again by the time that the book is there. */
START_TEST(a_kill_while_an_order_is_valued_ends_it)
{
    set_rest();
    kit.on_create = kill_then_ask;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1"), 422);
    ck_assert(kit_says("guard_killed") && kit_says("not_sent"));
    ck_assert_int_eq(asked, 1);
    ck_assert_int_eq(kit.dones, 1);
}
END_TEST

START_TEST(an_engine_that_never_has_enough_is_asked_twice)
{
    kit.on_create = never_enough;
    ck_assert_int_eq(kit_run("POST", "/orders", "symbol=BTCUSDT&side=buy&qty=1"), 500);
    ck_assert_int_eq(kit.dones, 1);
    ck_assert_int_eq(asked, 2);
    ck_assert(kit_says("\"outcome\":\"not_sent\""));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api_facts");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, open_value, kit_close);
    tcase_add_test(tcase, what_memory_lacks_is_read_once);
    tcase_add_test(tcase, the_quote_coins_book_is_read_too);
    tcase_add_test(tcase, a_book_that_is_old_or_stale_does_not_count);
    tcase_add_test(tcase, an_order_that_is_larger_than_the_local_book_is_read_for);
    tcase_add_test(tcase, half_a_book_in_memory_does_not_count);
    tcase_add_test(tcase, asks_in_disorder_count_at_the_highest);
    tcase_add_test(tcase, a_price_does_not_grow_old_over_another_read);
    tcase_add_loop_test(tcase, what_can_not_be_valued_is_refused_and_says_why, 0,
                        (int)ARRAY_LEN(failures));
    tcase_add_test(tcase, without_a_turn_for_the_book_it_is_rate_limited);
    tcase_add_test(tcase, no_bid_and_no_quote_coin_are_told);
    tcase_add_test(tcase, reads_that_are_not_taken_end_in_a_refusal);
    tcase_add_test(tcase, too_many_orders_in_want_of_facts_are_told_to_come_again);
    tcase_add_test(tcase, an_inbox_that_is_full_after_the_read_is_busy_once);
    tcase_add_test(tcase, the_leverage_is_read_where_it_is_not_known);
    tcase_add_test(tcase, the_leverage_of_a_position_that_is_kept_is_known);
    tcase_add_test(tcase, a_read_for_the_guard_is_no_time_of_the_engine);
    tcase_add_test(tcase, without_an_account_there_is_no_leverage);
    tcase_add_test(tcase, a_limit_that_comes_in_between_is_answered_from_memory);
    tcase_add_test(tcase, a_kill_while_an_order_is_valued_ends_it);
    tcase_add_test(tcase, an_engine_that_never_has_enough_is_asked_twice);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
