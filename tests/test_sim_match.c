#include "tests/test_sim_exchange_kit.h"

/* Linear BTCUSDT stands at 93000. */
static void setup(void)
{
    begin("BTCUSDT", "93000");
}

#define LINEAR .category = "linear", .symbol = "BTCUSDT"
#define SPOT   .category = "spot", .symbol = "BTCUSDT"

static const struct {
    const char *name;
    struct create_fields fields;
    int code;
} refused[] = {
    { "category missing",
      { .symbol = "BTCUSDT", .side = "Buy", .order_type = "Market", .qty = "1" },
      10001 },
    { "symbol missing",
      { .category = "linear", .side = "Buy", .order_type = "Market", .qty = "1" },
      10001 },
    { "unknown symbol", { .category = "linear", .symbol = "XUSDT", .side = "Buy" }, 10001 },
    { "unknown spot symbol", { .category = "spot", .symbol = "XUSDT", .side = "Buy" }, 170121 },
    { "side", { LINEAR, .side = "buy", .order_type = "Market", .qty = "1" }, 10001 },
    { "spot side", { SPOT, .side = "buy", .order_type = "Market", .qty = "1" }, 170117 },
    { "spot type", { SPOT, .side = "Buy", .order_type = "Stop", .qty = "1" }, 170116 },
    { "spot time in force",
      { SPOT, .side = "Buy", .order_type = "Limit", .time_in_force = "X", .qty = "1" },
      170115 },
    { "price missing", { LINEAR, .side = "Buy", .order_type = "Limit", .qty = "0.001" }, 10001 },
    { "price off the tick",
      { LINEAR, .side = "Buy", .order_type = "Limit", .qty = "0.001", .price = "93000.05" },
      10001 },
    { "spot price off the tick",
      { SPOT, .side = "Buy", .order_type = "Limit", .qty = "0.001", .price = "93000.05" },
      170134 },
    { "price out of bounds",
      { LINEAR, .side = "Buy", .order_type = "Limit", .qty = "0.001", .price = "2000000" },
      110003 },
    { "size off the step",
      { LINEAR, .side = "Buy", .order_type = "Market", .qty = "0.0015" },
      10001 },
    { "size under the step",
      { LINEAR, .side = "Buy", .order_type = "Market", .qty = "0.0001" },
      110017 },
    { "size over the most",
      { LINEAR, .side = "Buy", .order_type = "Market", .qty = "501" },
      10001 },
    { "spot size off the step",
      { SPOT, .side = "Sell", .order_type = "Market", .qty = "0.0000015" },
      170137 },
    { "spot size under the step",
      { SPOT, .side = "Sell", .order_type = "Market", .qty = "0.0000001" },
      170136 },
    { "spot size over the most",
      { SPOT, .side = "Sell", .order_type = "Market", .qty = "42" },
      170124 },
    { "value too small",
      { LINEAR, .side = "Buy", .order_type = "Limit", .qty = "0.001", .price = "4000" },
      110094 },
    { "spot value too small",
      { SPOT, .side = "Buy", .order_type = "Limit", .qty = "0.00001", .price = "90000" },
      170140 },
    { "spot quote amount too small",
      { SPOT, .side = "Buy", .order_type = "Market", .qty = "4.9" },
      170140 },
    { "too little margin",
      { LINEAR, .side = "Buy", .order_type = "Limit", .qty = "11", .price = "93000" },
      110007 },
    { "too little quote",
      { SPOT, .side = "Buy", .order_type = "Limit", .qty = "1.2", .price = "93000" },
      170131 },
    { "too little base",
      { SPOT, .side = "Sell", .order_type = "Limit", .qty = "1.1", .price = "93000" },
      170131 },
    { "nothing to reduce",
      { LINEAR, .side = "Sell", .order_type = "Market", .qty = "0.01", .reduce_only = true },
      110017 },
    { "link too long",
      { LINEAR, .side = "Buy", .order_type = "Market", .qty = "0.01",
        .order_link_id = "1234567890123456789012345678901234567" },
      10001 },
    { "link with a blank",
      { LINEAR, .side = "Buy", .order_type = "Market", .qty = "0.01", .order_link_id = "a b" },
      10001 },
    { "conditional",
      { LINEAR, .side = "Buy", .order_type = "Market", .qty = "0.01", .trigger_price = "90000" },
      10001 },
    { "hedge side",
      { LINEAR, .side = "Buy", .order_type = "Market", .qty = "0.01", .position_idx = 1 },
      10001 },
};

START_TEST(a_bad_order_is_refused_with_the_products_code)
{
    struct sim_order *order = NULL;
    struct refusal refusal = place(&refused[_i].fields, &order);

    ck_assert_msg(refusal.code == refused[_i].code, "%s: %d %s", refused[_i].name, refusal.code,
                  refusal.text);
    ck_assert_ptr_null(order);
    ck_assert_int_eq(heard.orders, 0);
}
END_TEST

/* What becomes of an order that was accepted. Best bid 92999.5, best ask 93000.5. */
static const struct {
    const char *name;
    struct create_fields fields;
    enum exchange_status status;
    const char *reason;
} accepted[] = {
    { "rests",
      { LINEAR, .side = "Buy", .order_type = "Limit", .qty = "0.01", .price = "90000" },
      STATUS_NEW,
      "EC_NoError" },
    { "crosses",
      { LINEAR, .side = "Buy", .order_type = "Limit", .qty = "0.001", .price = "94000" },
      STATUS_FILLED,
      "EC_NoError" },
    { "market",
      { LINEAR, .side = "Sell", .order_type = "Market", .qty = "0.01" },
      STATUS_FILLED,
      "EC_NoError" },
    { "post only rests",
      { LINEAR, .side = "Sell", .order_type = "Limit", .qty = "0.01", .price = "95000",
        .time_in_force = "PostOnly" },
      STATUS_NEW,
      "EC_NoError" },
    { "post only would take",
      { LINEAR, .side = "Sell", .order_type = "Limit", .qty = "0.01", .price = "90000",
        .time_in_force = "PostOnly" },
      STATUS_CANCELLED,
      "EC_PostOnlyWillTakeLiquidity" },
    { "IOC finds nothing",
      { LINEAR, .side = "Buy", .order_type = "Limit", .qty = "0.01", .price = "90000",
        .time_in_force = "IOC" },
      STATUS_CANCELLED,
      "EC_NoImmediateQtyToFill" },
    { "IOC finds a part",
      { LINEAR, .side = "Buy", .order_type = "Limit", .qty = "5", .price = "93000.5",
        .time_in_force = "IOC" },
      STATUS_CANCELLED,
      "EC_NoError" },
    { "spot IOC finds a part",
      { SPOT, .side = "Buy", .order_type = "Limit", .qty = "0.9", .price = "93000.5",
        .time_in_force = "IOC" },
      STATUS_PARTIALLY_FILLED_CANCELED,
      "EC_NoError" },
    { "FOK cannot fill",
      { LINEAR, .side = "Buy", .order_type = "Limit", .qty = "5", .price = "93000.5",
        .time_in_force = "FOK" },
      STATUS_CANCELLED,
      "EC_CancelForNoFullFill" },
    { "FOK fills",
      { LINEAR, .side = "Buy", .order_type = "Limit", .qty = "5", .price = "93100",
        .time_in_force = "FOK" },
      STATUS_FILLED,
      "EC_NoError" },
    { "spot sell at market",
      { SPOT, .side = "Sell", .order_type = "Market", .qty = "0.01" },
      STATUS_FILLED,
      "EC_NoError" },
    { "spot buy in base",
      { SPOT, .side = "Buy", .order_type = "Market", .qty = "0.01", .market_unit = "baseCoin" },
      STATUS_FILLED,
      "EC_NoError" },
    { "spot buy in quote leaves dust",
      { SPOT, .side = "Buy", .order_type = "Market", .qty = "100" },
      STATUS_PARTIALLY_FILLED_CANCELED,
      "EC_CancelByOrderValueZero" },
};

START_TEST(an_accepted_order_ends_as_its_terms_say)
{
    struct sim_order *order = placed(&accepted[_i].fields);

    ck_assert_msg(order->status == accepted[_i].status, "%s: %s", accepted[_i].name,
                  status_theirs(order->status));
    ck_assert_msg(strcmp(order->reject_reason, accepted[_i].reason) == 0, "%s: %s",
                  accepted[_i].name, order->reject_reason);
    ck_assert_int_eq(heard.status, accepted[_i].status);
    ck_assert_int_ge(heard.orders, 1);
    ck_assert_int_eq(heard.positions, instrument_is_contract(order->instrument));
    if (!order_is_open(order))
        ck_assert_int_eq(decimal_sign(&order->held), 0);
}
END_TEST

START_TEST(a_link_is_never_taken_twice)
{
    static const struct create_fields linear = {
        LINEAR,        .side = "Buy",    .order_type = "Limit",
        .qty = "0.01", .price = "90000", .order_link_id = "once"
    };
    static const struct create_fields spot = {
        SPOT,          .side = "Buy",    .order_type = "Limit",
        .qty = "0.01", .price = "90000", .order_link_id = "once"
    };
    struct sim_order *order = placed(&linear);

    ck_assert_int_eq(place(&linear, &order).code, 110072);
    match_cancel(&exchange, history_order_by_link(exchange.history, CATEGORY_LINEAR, "once"));
    ck_assert_int_eq(place(&linear, &order).code, 110072);
    order = placed(&spot);
    ck_assert_int_eq(place(&spot, &order).code, 170141);
}
END_TEST

START_TEST(a_resting_order_fills_as_maker_when_the_market_trades_through)
{
    static const struct create_fields fields = { LINEAR, .side = "Sell", .order_type = "Limit",
                                                 .qty = "0.5", .price = "94000" };
    struct sim_order *order = placed(&fields);

    jump("BTCUSDT", "93900");
    ck_assert_int_eq(order->status, STATUS_NEW);
    jump("BTCUSDT", "94500");
    ck_assert_int_eq(order->status, STATUS_FILLED);
    ck_assert(heard.maker);
    ck_assert_int_eq(heard.executions, 1);
    ck_assert_int_eq(exchange.account.positions[0][0].lots, -500);
    ck_assert_int_eq(history_execution(exchange.history, 1)->ticks, 940000);
    ck_assert_int_eq(decimal_sign(&account_wallet(&exchange.account, "USDT")->order_margin), 0);
}
END_TEST

START_TEST(a_cancel_gives_back_what_was_held)
{
    static const struct create_fields fields = { SPOT, .side = "Buy", .order_type = "Limit",
                                                 .qty = "0.5", .price = "90000" };
    struct sim_order *order = placed(&fields);
    const struct wallet *usdt = account_wallet(&exchange.account, "USDT");

    ck_assert_int_eq((int64_t)money_div(usdt->locked, decimal_from_int(1), 0).mantissa, 45000);
    match_cancel(&exchange, order);
    ck_assert_int_eq(order->status, STATUS_CANCELLED);
    ck_assert_str_eq(order->cancel_type, "CancelByUser");
    ck_assert_int_eq(decimal_sign(&usdt->locked), 0);
}
END_TEST

START_TEST(reduce_only_orders_are_cut_to_the_position)
{
    static const struct create_fields open = { LINEAR, .side = "Buy", .order_type = "Market",
                                               .qty = "0.1" };
    static const struct create_fields rest = {
        LINEAR,       .side = "Sell",   .order_type = "Limit",
        .qty = "0.3", .price = "95000", .reduce_only = true
    };
    static const struct create_fields part = { LINEAR, .side = "Sell", .order_type = "Market",
                                               .qty = "0.04" };
    static const struct create_fields all = {
        LINEAR,     .side = "Sell",      .order_type = "Market",
        .qty = "0", .reduce_only = true, .close_on_trigger = true
    };
    struct sim_order *resting;

    (void)placed(&open);
    resting = placed(&rest);
    ck_assert_int_eq(resting->lots, 100);
    (void)placed(&part);
    ck_assert_int_eq(resting->lots, 60);
    (void)placed(&all);
    ck_assert_int_eq(exchange.account.positions[0][0].lots, 0);
    ck_assert_int_eq(resting->status, STATUS_CANCELLED);
    ck_assert_str_eq(resting->cancel_type, "CancelByReduceOnly");
}
END_TEST

static struct refusal amend(struct sim_order *order, const struct amend_fields *fields)
{
    struct sim_amend asked;
    struct refusal refusal = check_amend(&exchange, order, fields, &asked);

    return refusal.code ? refusal : match_amend(&exchange, order, &asked);
}

START_TEST(an_amend_changes_price_and_size)
{
    static const struct create_fields fields = { LINEAR, .side = "Buy", .order_type = "Limit",
                                                 .qty = "0.1", .price = "90000" };
    static const struct amend_fields smaller = { .qty = "0.05" };
    static const struct amend_fields higher = { .price = "93500" };
    static const struct amend_fields nothing = { .qty = NULL };
    struct sim_order *order = placed(&fields);

    ck_assert_int_eq(amend(order, &smaller).code, 0);
    ck_assert_int_eq(order->entry->lots, 50);
    ck_assert_int_eq(amend(order, &smaller).code, 10001);
    ck_assert_int_eq(amend(order, &nothing).code, 10001);
    ck_assert_int_eq(amend(order, &higher).code, 0);
    ck_assert_int_eq(order->status, STATUS_FILLED);
}
END_TEST

START_TEST(an_amend_may_not_go_under_what_is_filled)
{
    static const struct create_fields fields = { LINEAR, .side = "Buy", .order_type = "Limit",
                                                 .qty = "5", .price = "93000.5" };
    struct sim_order *order = placed(&fields);
    struct sim_amend asked = { 0 };

    ck_assert_int_eq(order->status, STATUS_PARTIALLY_FILLED);
    asked.lots = order->filled_lots;
    asked.ticks = order->ticks;
    asked.trigger = order->trigger;
    ck_assert_int_eq(match_amend(&exchange, order, &asked).code, 110064);
}
END_TEST

START_TEST(money_is_neither_made_nor_lost)
{
    static const struct create_fields buy = { SPOT, .side = "Buy", .order_type = "Market",
                                              .qty = "777.77" };
    struct wallet *usdt = account_wallet(&exchange.account, "USDT");
    struct wallet *btc = account_wallet(&exchange.account, "BTC");
    struct decimal paid = DECIMAL_ZERO;
    struct decimal got = DECIMAL_ZERO;

    for (int i = 0; i < 20; i++) {
        struct sim_order *order = placed(&buy);

        paid = money_add(paid, order->value);
        got = money_add(
            got, money_sub(instrument_qty(order->instrument, order->filled_lots), order->fee));
    }
    paid = money_add(paid, usdt->balance);
    got = money_sub(btc->balance, got);
    ck_assert_int_eq(decimal_cmp(&paid, &(struct decimal){ 100000, 0 }), 0);
    ck_assert_int_eq(decimal_cmp(&got, &(struct decimal){ 1, 0 }), 0);
}
END_TEST

static bool is_healthy(const struct book *book)
{
    return book->bids.count >= 50 && book->asks.count >= 50 &&
           book_best_ticks(book, SIDE_BUY) < book_best_ticks(book, SIDE_SELL);
}

/* How far the price got from where it was, in half a minute. */
static int64_t reach(int index)
{
    int64_t start = exchange.mids[index];
    int64_t most = 0;

    for (int step = 0; step < 30000 / MARKET_STEP_MS; step++) {
        int64_t away;

        market_step(&exchange);
        away = exchange.mids[index] > start ? exchange.mids[index] - start
                                            : start - exchange.mids[index];
        most = away > most ? away : most;
        if (!is_healthy(&exchange.books[index]))
            return -1;
    }
    return most;
}

START_TEST(the_market_moves_within_half_a_minute)
{
    market_pause(&exchange, false);
    for (int window = 0; window < 8; window++) {
        int64_t start = exchange.mids[_i];

        ck_assert_int_ge(reach(_i) * 2000, start);
    }
    ck_assert_int_gt(heard.trades, 1000);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_market)
{
    int64_t mid;

    market_pause(&exchange, false);
    for (int i = 0; i < 100; i++)
        market_step(&exchange);
    mid = exchange.mids[1];
    teardown();
    setup();
    market_pause(&exchange, false);
    for (int i = 0; i < 100; i++)
        market_step(&exchange);
    ck_assert_int_eq(exchange.mids[1], mid);
}
END_TEST

START_TEST(a_paused_market_stands_and_still_matches)
{
    static const struct create_fields fields = { LINEAR, .side = "Buy", .order_type = "Market",
                                                 .qty = "0.01" };
    uint64_t version = exchange.books[0].version;

    market_step(&exchange);
    ck_assert_uint_eq(exchange.books[0].version, version);
    ck_assert_int_eq(placed(&fields)->status, STATUS_FILLED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim/match");
    TCase *tcase = tcase_create("match");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_bad_order_is_refused_with_the_products_code, 0,
                        ARRAY_LEN(refused));
    tcase_add_loop_test(tcase, an_accepted_order_ends_as_its_terms_say, 0, ARRAY_LEN(accepted));
    tcase_add_test(tcase, a_link_is_never_taken_twice);
    tcase_add_test(tcase, a_resting_order_fills_as_maker_when_the_market_trades_through);
    tcase_add_test(tcase, a_cancel_gives_back_what_was_held);
    tcase_add_test(tcase, reduce_only_orders_are_cut_to_the_position);
    tcase_add_test(tcase, an_amend_changes_price_and_size);
    tcase_add_test(tcase, an_amend_may_not_go_under_what_is_filled);
    tcase_add_test(tcase, money_is_neither_made_nor_lost);
    tcase_add_loop_test(tcase, the_market_moves_within_half_a_minute, 0, INSTRUMENT_COUNT);
    tcase_add_test(tcase, the_same_seed_gives_the_same_market);
    tcase_add_test(tcase, a_paused_market_stands_and_still_matches);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
