/* tests/test_engine_guard.c - the guard inside the engine: what is refused, and what is counted. */
#include "tests/test_engine_guard_kit.h"

static struct bench *guarded_by(const char *rules)
{
    struct bench *bench = bench_open(100, true);

    positions_known(bench, false);
    bench->now_ms += 10;
    positions_known(bench, true);
    patch(bench, rules);
    commit(bench);
    (void)replied(bench, OUTCOME_GUARD_DONE);
    return bench;
}

static const struct {
    const char *rules;
    enum guard_limit limit;
} limits[] = {
    { "{\"max_order_notional\":\"999\"}", GUARD_MAX_ORDER_NOTIONAL },
    { "{\"max_open_notional\":\"999\"}", GUARD_MAX_OPEN_NOTIONAL },
    { "{\"max_orders_per_minute\":0}", GUARD_MAX_ORDERS_PER_MINUTE },
    { "{\"symbols\":[\"ETHUSDT\"]}", GUARD_SYMBOLS },
    { "{\"categories\":[\"spot\"]}", GUARD_CATEGORIES },
    { "{\"max_leverage\":\"4\"}", GUARD_MAX_LEVERAGE },
    { "{\"reduce_only_mode\":true}", GUARD_REDUCE_ONLY_MODE },
};

START_TEST(each_limit_refuses_before_anything_is_written)
{
    struct bench *bench = guarded_by(limits[_i].rules);
    struct guard_facts facts = { .source = GUARD_PRICE_LIMIT, .leverage = decimal_from_int(5) };
    struct order_request request = valued("a");
    const struct engine_action *reply;

    create_facts(bench, &request, &facts, 0);
    reply = replied(bench, OUTCOME_GUARD);
    ck_assert_int_eq(reply->u.reply.verdict->limit, limits[_i].limit);
    ck_assert_str_eq(reply->u.reply.verdict->client, "");
    ck_assert_int_gt((int)strlen(reply->u.reply.error.text), 0);
    ck_assert(!reply->u.reply.has_order);
    ck_assert_int_eq(count(bench, ACTION_ROW), 0);
    ck_assert_ptr_null(engine_find(bench->engine, "a"));
    ck_assert_str_eq(open_shown(bench), "0");
    bench_close(bench);
}
END_TEST

START_TEST(each_limit_of_a_named_client_is_only_its_own)
{
    char rules[200];
    struct bench *bench;
    struct guard_facts facts = { .source = GUARD_PRICE_LIMIT, .leverage = decimal_from_int(5) };
    struct order_request request = valued("a");

    (void)snprintf(rules, sizeof(rules), "{\"clients\":{\"bot\":%s}}", limits[_i].rules);
    bench = guarded_by(rules);
    memcpy(request.client, "bot", 4);
    create_facts(bench, &request, &facts, 0);
    ck_assert_int_eq(replied(bench, OUTCOME_GUARD)->u.reply.verdict->limit, limits[_i].limit);
    ck_assert_str_eq(must(bench, ACTION_REPLY, 0)->u.reply.verdict->client, "bot");
    memcpy(request.client, "one", 4);
    create_facts(bench, &request, &facts, 0);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_INTENT);
    bench_close(bench);
}
END_TEST

START_TEST(exits_pass_limits_on_size)
{
    struct bench *bench = guarded_by("{\"max_order_notional\":\"1\",\"max_open_notional\":\"1\","
                                     "\"max_leverage\":\"1\",\"reduce_only_mode\":true}");
    struct order_request request = valued("a");

    request.reduce_only = true;
    create_facts(bench, &request, NULL, 0);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_INTENT);
    ck_assert_str_eq(open_shown(bench), "0");
    request = valued("b");
    request.category = CATEGORY_SPOT;
    request.reduce_only = true;
    create_facts(bench, &request, NULL, 0);
    (void)replied(bench, OUTCOME_GUARD);
    bench_close(bench);
}
END_TEST

START_TEST(exits_are_held_by_the_other_limits)
{
    struct bench *bench = guarded_by("{\"symbols\":[\"ETHUSDT\"],\"max_orders_per_minute\":0}");
    struct order_request request = valued("a");

    request.reduce_only = true;
    create_facts(bench, &request, NULL, 0);
    (void)replied(bench, OUTCOME_GUARD);
    patch(bench, "{\"symbols\":null}");
    create_facts(bench, &request, NULL, 0);
    ck_assert_int_eq(replied(bench, OUTCOME_GUARD)->u.reply.verdict->limit,
                     GUARD_MAX_ORDERS_PER_MINUTE);
    bench_close(bench);
}
END_TEST

START_TEST(a_missing_fact_is_asked_for_and_then_refused)
{
    struct bench *bench = guarded_by("{\"max_order_notional\":\"5000\",\"max_leverage\":\"3\"}");
    struct guard_facts facts = { .leverage = DECIMAL_NONE };
    struct order_request request = request_of("a");

    request.value_price = DECIMAL_NONE;
    create_facts(bench, &request, &facts, 0);
    (void)replied(bench, OUTCOME_NEEDS_FACTS);
    ck_assert_int_eq(count(bench, ACTION_ROW), 0);
    create_facts(bench, &request, NULL, 0);
    (void)replied(bench, OUTCOME_NEEDS_FACTS);
    facts.last_word = true;
    create_facts(bench, &request, &facts, 0);
    ck_assert_int_eq(replied(bench, OUTCOME_GUARD)->u.reply.verdict->limit,
                     GUARD_MAX_ORDER_NOTIONAL);
    facts.retry_after_ms = 2500;
    create_facts(bench, &request, &facts, 0);
    ck_assert_int_eq(replied(bench, OUTCOME_THROTTLED)->u.reply.retry_after_ms, 2500);
    ck_assert_int_eq(count(bench, ACTION_ROW), 0);
    facts.retry_after_ms = 0;
    request.value_price = decimal_from_int(100);
    create_facts(bench, &request, &facts, 0);
    ck_assert_int_eq(replied(bench, OUTCOME_GUARD)->u.reply.verdict->limit, GUARD_MAX_LEVERAGE);
    facts.leverage = decimal_from_int(3);
    create_facts(bench, &request, &facts, 0);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_INTENT);
    ck_assert_uint_eq(engine_guard_needs(bench->engine), GUARD_NEEDS_PRICE | GUARD_NEEDS_LEVERAGE);
    bench_close(bench);
}
END_TEST

START_TEST(without_positions_the_open_value_is_not_known)
{
    struct bench *bench = guarded_by("{\"max_open_notional\":\"5000\"}");
    struct order_request request = valued("b");

    positions_known(bench, false);
    create_valued(bench, "a");
    (void)replied(bench, OUTCOME_NOT_READY);
    ck_assert(!guard_report_of(bench)->all.open_known);
    request.reduce_only = true;
    create_facts(bench, &request, NULL, 0);
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    positions_known(bench, true);
    create_valued(bench, "a");
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    bench_close(bench);
}
END_TEST

START_TEST(two_creates_in_one_commit_do_not_pass_a_cap_together)
{
    struct bench *bench = guarded_by("{\"max_open_notional\":\"1500\"}");

    create_valued(bench, "a");
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    create_valued(bench, "b");
    (void)replied(bench, OUTCOME_GUARD);
    ck_assert_str_eq(open_shown(bench), "1000");
    commit(bench);
    ck_assert_int_eq(count(bench, ACTION_SEND_CREATE), 1);
    answer(bench, must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id, REPLY_REJECT, 110007, "");
    create_valued(bench, "b");
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    bench_close(bench);
}
END_TEST

START_TEST(a_fill_moves_from_its_order_to_its_position)
{
    struct bench *bench = guarded_by("{\"max_open_notional\":\"5000\"}");

    acked(bench, "a", "id-a");
    order_seen(bench, "a", "id-a", STATUS_PARTIALLY_FILLED, 4);
    ck_assert_str_eq(open_shown(bench), "1000");
    fill_seen_seq(bench, "e1", "id-a", 4, 50);
    ck_assert_str_eq(open_shown(bench), "1000");
    position_is(bench, "BTCUSDT", 0, 390, 49, 0);
    ck_assert_str_eq(open_shown(bench), "1390"); /* a report from before it */
    position_is(bench, "BTCUSDT", 0, 410, 50, 0);
    ck_assert_str_eq(open_shown(bench), "1010");
    position_is(bench, "BTCUSDT", 0, 390, 49, 0);
    ck_assert_str_eq(open_shown(bench), "1010");
    order_seen(bench, "a", "id-a", STATUS_FILLED, 10);
    ck_assert_str_eq(open_shown(bench), "1010");
    position_is(bench, "BTCUSDT", 0, 1000, 60, 0);
    ck_assert_str_eq(open_shown(bench), "1600");
    fill_seen_seq(bench, "e2", "id-a", 6, 60);
    ck_assert_str_eq(open_shown(bench), "1000");
    position_is(bench, "BTCUSDT", 0, 0, 70, 0);
    ck_assert_str_eq(open_shown(bench), "0");
    bench_close(bench);
}
END_TEST

START_TEST(reports_without_a_sequence_are_compared_by_time)
{
    struct bench *bench = guarded_by("{\"max_open_notional\":\"5000\"}");
    int64_t at_ms;

    acked(bench, "a", "id-a");
    fill_seen_seq(bench, "e1", "id-a", 10, 0);
    at_ms = bench->now_ms + bench->skew_ms;
    order_seen(bench, "a", "id-a", STATUS_FILLED, 10);
    position_is(bench, "BTCUSDT", 0, 900, 0, at_ms - 1);
    ck_assert_str_eq(open_shown(bench), "1900");
    position_is(bench, "BTCUSDT", 1, 900, 0, at_ms);
    ck_assert_str_eq(open_shown(bench), "2800"); /* another position */
    position_is(bench, "BTCUSDT", 0, 900, 0, at_ms);
    ck_assert_str_eq(open_shown(bench), "1800");
    position_is(bench, "BTCUSDT", 0, 800, 0, at_ms - 1);
    ck_assert_str_eq(open_shown(bench), "1800");
    bench_close(bench);
}
END_TEST

START_TEST(many_fills_without_a_report_are_all_counted)
{
    struct bench *bench = guarded_by("{\"max_open_notional\":\"5000\"}");
    char exec_id[16];

    acked(bench, "a", "id-a");
    for (int i = 1; i <= 10; i++) {
        (void)snprintf(exec_id, sizeof(exec_id), "e%d", i);
        fill_seen_seq(bench, exec_id, "id-a", 1, i);
        ck_assert_str_eq(open_shown(bench), "1000");
    }
    position_is(bench, "BTCUSDT", 0, 900, 9, 0);
    /* The last three are one by now, and count until the last of them is covered. */
    ck_assert_str_eq(open_shown(bench), "1200");
    position_is(bench, "BTCUSDT", 0, 1000, 10, 0);
    ck_assert_str_eq(open_shown(bench), "1000");
    bench_close(bench);
}
END_TEST

START_TEST(fills_from_before_a_read_of_all_positions_are_in_it)
{
    struct bench *bench = guarded_by("{\"max_open_notional\":\"5000\"}");

    acked(bench, "a", "id-a");
    fill_seen_seq(bench, "e1", "id-a", 10, 7);
    order_seen(bench, "a", "id-a", STATUS_FILLED, 10);
    ck_assert_str_eq(open_shown(bench), "1000");
    bench->now_ms += 500;
    positions_known(bench, false);
    positions_known(bench, true);
    ck_assert_str_eq(open_shown(bench), "1000"); /* too fresh to be in it for sure */
    bench->now_ms += 4000;
    positions_known(bench, true);
    ck_assert_str_eq(open_shown(bench), "1000");
    bench->now_ms += 1500;
    positions_known(bench, false);
    positions_known(bench, true);
    ck_assert_str_eq(open_shown(bench), "0");
    bench_close(bench);
}
END_TEST

/* Opened and closed while nobody listened: no report is of such a position, and what tells of its
 * fills is later than the stream's coming up. */
START_TEST(a_position_that_was_open_in_a_gap_only_is_gone_with_the_next_read)
{
    struct bench *bench = guarded_by("{\"max_open_notional\":\"5000\"}");

    acked(bench, "a", "id-a");
    positions_known(bench, false);
    bench->now_ms += 100;
    positions_known(bench, true);
    fill_seen_seq(bench, "e1", "id-a", 10, 7);
    order_seen(bench, "a", "id-a", STATUS_FILLED, 10);
    ck_assert_str_eq(open_shown(bench), "1000");
    bench->now_ms += 5500;
    positions_known(bench, true);
    ck_assert_str_eq(open_shown(bench), "0");
    bench_close(bench);
}
END_TEST

START_TEST(more_positions_than_places_are_never_counted_too_low)
{
    struct bench *bench = guarded_by("{\"max_open_notional\":\"5000\"}");
    char symbol[SYMBOL_MAX];

    for (int i = 0; i < 1024; i++) {
        (void)snprintf(symbol, sizeof(symbol), "S%dUSDT", i);
        position_is(bench, symbol, 0, 1, 1, 0);
    }
    position_is(bench, "MOREUSDT", 0, 100, 1, 0);
    ck_assert_str_eq(open_shown(bench), "1124");
    position_is(bench, "MOREUSDT", 0, 0, 2, 0);
    ck_assert_str_eq(open_shown(bench), "1124"); /* it only grows */
    position_is(bench, "S7USDT", 0, 0, 2, 0);    /* flat: it gives way */
    position_is(bench, "LASTUSDT", 0, 5, 1, 0);
    ck_assert_str_eq(open_shown(bench), "1128");
    position_is(bench, "LASTUSDT", 0, 0, 2, 0);
    ck_assert_str_eq(open_shown(bench), "1123");
    bench_close(bench);
}
END_TEST

START_TEST(spot_counts_while_open_and_not_after)
{
    struct bench *bench = guarded_by("{\"max_open_notional\":\"5000\"}");
    struct order_request request = valued("a");
    struct order_report report = report_of("a", "id-a", STATUS_PARTIALLY_FILLED, 4, T0 + 400);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };

    request.category = CATEGORY_SPOT;
    report.category = CATEGORY_SPOT;
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    commit(bench);
    ck_assert_str_eq(open_shown(bench), "1000");
    feed(bench, &event);
    ck_assert_str_eq(open_shown(bench), "600");
    report.status = STATUS_FILLED;
    report.filled_qty = decimal_from_int(10);
    feed(bench, &event);
    ck_assert_str_eq(open_shown(bench), "0");
    request = valued("b");
    request.category = CATEGORY_SPOT;
    request.qty_in_quote = true;
    request.qty = decimal_from_int(300);
    request.value_price = decimal_from_int(1);
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    ck_assert_str_eq(open_shown(bench), "300");
    bench_close(bench);
}
END_TEST

static void external(struct bench *bench, const char *order_id, enum category category,
                     const char *symbol, int filled)
{
    struct order_report report =
        report_of("", order_id, filled ? STATUS_PARTIALLY_FILLED : STATUS_NEW, filled,
                  bench->now_ms + bench->skew_ms);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };

    report.category = category;
    (void)snprintf(report.symbol, sizeof(report.symbol), "%s", symbol);
    feed(bench, &event);
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, NULL, false);
}

START_TEST(orders_made_elsewhere_count_at_their_own_price)
{
    struct bench *bench = guarded_by("{\"max_open_notional\":\"5000\"}");

    external(bench, "x-1", CATEGORY_LINEAR, "BTCUSDT", 0);
    ck_assert_str_eq(open_shown(bench), "1000");
    external(bench, "x-2", CATEGORY_INVERSE, "BTCUSD", 0);
    ck_assert_str_eq(open_shown(bench), "1010");
    external(bench, "x-3", CATEGORY_SPOT, "ETHBTC", 0);
    ck_assert_str_eq(open_shown(bench), "1010"); /* not quoted in dollars */
    external(bench, "x-4", CATEGORY_SPOT, "ETHUSDC", 0);
    ck_assert_str_eq(open_shown(bench), "2010");
    external(bench, "x-5", CATEGORY_LINEAR, "ETHUSDT", 4);
    ck_assert_str_eq(open_shown(bench), "2610"); /* its fills are in the position */
    bench_close(bench);
}
END_TEST

static void sell_seen(struct bench *bench, enum exchange_status status, int filled, int price,
                      int trigger)
{
    struct order_report report =
        report_of("s", "id-s", status, filled, bench->now_ms + bench->skew_ms);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };

    report.side = SIDE_SELL;
    report.price = decimal_from_int(price);
    if (trigger)
        report.trigger_price = decimal_from_int(trigger);
    feed(bench, &event);
    bench->now_ms++;
}

/* A sell of 10 at 100, which a book valued at `value`. */
static struct bench *selling(int trigger, int value)
{
    struct bench *bench = guarded_by("{\"max_open_notional\":\"5000\"}");
    struct order_request request = valued("s");

    request.side = SIDE_SELL;
    request.value_price = decimal_from_int(value);
    if (trigger)
        request.trigger_price = decimal_from_int(trigger);
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    commit(bench);
    answer(bench, must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id, REPLY_OK, 0, "id-s");
    return bench;
}

START_TEST(a_sell_counts_at_its_limit_once_it_rests)
{
    struct bench *bench = selling(0, 120);

    ck_assert_str_eq(open_shown(bench), "1200");
    sell_seen(bench, STATUS_PARTIALLY_FILLED, 4, 100, 0);
    ck_assert_str_eq(open_shown(bench), "1200"); /* the 4 can have brought 120 each */
    fill_seen_seq(bench, "e1", "id-s", 4, 7);
    position_is(bench, "BTCUSDT", 0, 400, 7, 0);
    ck_assert_str_eq(open_shown(bench), "1000");
    sell_seen(bench, STATUS_PARTIALLY_FILLED, 4, 90, 0); /* another program has lowered it */
    ck_assert_str_eq(open_shown(bench), "940");
    bench_close(bench);
}
END_TEST

START_TEST(a_sell_that_waits_counts_at_its_own_prices_when_no_book_told_more)
{
    struct bench *bench = selling(90, 100);

    sell_seen(bench, STATUS_UNTRIGGERED, 0, 95, 90);
    ck_assert_str_eq(open_shown(bench), "950");
    sell_seen(bench, STATUS_UNTRIGGERED, 0, 80, 85);
    ck_assert_str_eq(open_shown(bench), "850");
    bench_close(bench);
    bench = selling(90, 120);
    sell_seen(bench, STATUS_UNTRIGGERED, 0, 95, 90);
    ck_assert_str_eq(open_shown(bench), "1200");
    sell_seen(bench, STATUS_NEW, 0, 95, 90);
    ck_assert_str_eq(open_shown(bench), "950");
    bench_close(bench);
}
END_TEST

/* It is filled at its trigger, if that is higher. */
START_TEST(a_sell_made_elsewhere_counts_at_the_trigger_that_it_waits_for)
{
    struct bench *bench = guarded_by("{\"max_open_notional\":\"5000\"}");
    struct order_report report = report_of("", "x-1", STATUS_UNTRIGGERED, 0, T0 + 300);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };

    report.side = SIDE_SELL;
    report.trigger_price = decimal_from_int(110);
    feed(bench, &event);
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, NULL, false);
    ck_assert_str_eq(open_shown(bench), "1100");
    bench_close(bench);
}
END_TEST

START_TEST(a_spot_market_order_that_is_enlarged_elsewhere_counts_as_it_is)
{
    struct bench *bench = guarded_by("{\"max_open_notional\":\"5000\"}");
    struct order_request request = valued("a");
    struct order_report report = report_of("a", "id-a", STATUS_UNTRIGGERED, 0, T0 + 300);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };

    request.category = report.category = CATEGORY_SPOT;
    request.type = report.type = ORDER_TYPE_MARKET;
    request.trigger_price = report.trigger_price = decimal_from_int(100);
    report.price = request.price = DECIMAL_NONE;
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    commit(bench);
    answer(bench, must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id, REPLY_OK, 0, "id-a");
    report.unit_told = true;
    feed(bench, &event);
    ck_assert_str_eq(open_shown(bench), "1000");
    report.qty = decimal_from_int(30);
    report.updated_ms++;
    feed(bench, &event);
    ck_assert_str_eq(open_shown(bench), "3000");
    bench_close(bench);
}
END_TEST

START_TEST(absurd_numbers_do_not_break_the_sums)
{
    struct bench *bench = guarded_by("{\"max_open_notional\":\"5000\"}");
    struct order_report report = report_of("", "x-1", STATUS_NEW, 0, T0 + 300);
    struct engine_event event = { .kind = EVENT_ORDER, .u.order = &report };

    ck_assert_int_eq(decimal_parse(&report.qty, "999999999999999999999999999999"), ERR_NONE);
    ck_assert_int_eq(decimal_parse(&report.price, "999999999999999999999999999999"), ERR_NONE);
    feed(bench, &event);
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, NULL, false);
    create_valued(bench, "a");
    (void)replied(bench, OUTCOME_GUARD);
    report.status = STATUS_CANCELLED;
    report.updated_ms++;
    feed(bench, &event);
    ck_assert_str_eq(open_shown(bench), "0");
    ck_assert_int_eq(decimal_parse(&report.price, "0.000000000000000000000000000001"), ERR_NONE);
    memcpy(report.order_id, "x-2", 4);
    report.qty = decimal_from_int(1);
    report.status = STATUS_NEW;
    feed(bench, &event);
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, NULL, false);
    ck_assert_str_eq(open_shown(bench), "0.00000001"); /* rounded up */
    bench_close(bench);
}
END_TEST

START_TEST(a_named_client_has_its_own_counts)
{
    struct bench *bench =
        guarded_by("{\"clients\":{\"bot\":{\"max_open_notional\":\"1000\","
                   "\"max_orders_per_minute\":2},\"also\":{\"max_orders_per_minute\":9}}}");
    struct order_request request = valued("a");
    const struct guard_report *report;

    create_valued(bench, "other");
    memcpy(request.client, "bot", 4);
    positions_known(bench, false); /* its own orders are known without positions */
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    report = guard_report_of(bench);
    ck_assert_uint_eq(report->state.rules.clients_count, 2);
    ck_assert_int_eq(report->clients[1].orders_last_minute, 1);
    ck_assert_int_eq(report->all.orders_last_minute, 2);
    ck_assert_int_eq(decimal_cmp(&report->clients[1].open_notional, &(struct decimal){ 1000, 0 }),
                     0);
    memcpy(request.link, "b", 2);
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    ck_assert_str_eq(replied(bench, OUTCOME_GUARD)->u.reply.verdict->client, "bot");
    bench_close(bench);
}
END_TEST

START_TEST(the_minute_rolls)
{
    struct bench *bench = guarded_by("{\"max_orders_per_minute\":2}");
    const struct engine_action *reply;

    bench->now_ms = T0 + 1000;
    create_valued(bench, "a");
    bench->now_ms += 30000;
    create_valued(bench, "b");
    create_valued(bench, "c");
    reply = replied(bench, OUTCOME_GUARD);
    ck_assert_int_eq(reply->u.reply.retry_after_ms, 30100);
    ck_assert_int_eq(reply->u.reply.verdict->retry_after_ms, 30100);
    bench->now_ms = T0 + 1000 + 60099;
    create_valued(bench, "c");
    (void)replied(bench, OUTCOME_GUARD);
    bench->now_ms++;
    create_valued(bench, "c");
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    bench->now_ms += 300000;
    ck_assert_int_eq(guard_report_of(bench)->all.orders_last_minute, 0);
    bench_close(bench);
}
END_TEST

START_TEST(a_client_that_gets_limits_has_its_last_minute_counted)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = valued("a");

    memcpy(request.client, "bot", 4);
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    patch(bench, "{\"clients\":{\"bot\":{\"max_orders_per_minute\":1}}}");
    memcpy(request.link, "b", 2);
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    (void)replied(bench, OUTCOME_GUARD);
    /* A change for another leaves it as it is. */
    patch(bench, "{\"clients\":{\"aaa\":{\"max_orders_per_minute\":1}}}");
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    (void)replied(bench, OUTCOME_GUARD);
    ck_assert_int_eq(guard_report_of(bench)->clients[0].orders_last_minute, 0);
    bench_close(bench);
}
END_TEST

START_TEST(the_minute_and_the_rules_survive_a_restart)
{
    struct bench *bench = bench_open(100, false);
    static struct guard_state state;
    struct guard_create creates[] = {
        { T0 - 61000, "bot" }, { T0 - 50000, "bot" }, { T0 - 10, "" }, { T0 + 99999, "bot" }
    };
    struct engine_event event = { .kind = EVENT_GUARD_RESTORE };
    const struct guard_report *report;

    memset(&state, 0, sizeof(state));
    state.rules.clients_count = 1;
    memcpy(state.rules.clients[0].name, "bot", 4);
    state.rules.clients[0].limits.set = GUARD_BIT(GUARD_MAX_ORDERS_PER_MINUTE);
    state.rules.clients[0].limits.max_orders_per_minute = 2;
    event.u.guard_restore.state = &state;
    event.u.guard_restore.creates = creates;
    event.u.guard_restore.creates_count = ARRAY_LEN(creates);
    feed(bench, &event);
    report = guard_report_of(bench);
    ck_assert_int_eq(report->all.orders_last_minute, 3);
    ck_assert_int_eq(report->clients[0].orders_last_minute, 2);
    ck_assert(report->durable);
    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    (void)answer_reads_empty(bench);
    create_valued(bench, "a");
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    bench_close(bench);
}
END_TEST

/* Of its last minute, orders that have ended are not in memory after a start. */
START_TEST(first_limits_of_a_client_count_what_it_made_before_the_start)
{
    struct bench *bench = bench_open(100, false);
    const struct guard_create creates[] = {
        { T0 - 61000, "bot" }, { T0 - 30000, "bot" }, { T0 - 20000, "" }, { T0 - 10000, "bot" }
    };
    struct engine_event event = { .kind = EVENT_GUARD_RESTORE };
    struct engine_event restore = { .kind = EVENT_RESTORE };
    struct order order;

    event.u.guard_restore.creates = creates;
    event.u.guard_restore.creates_count = ARRAY_LEN(creates);
    feed(bench, &event);
    memset(&order, 0, sizeof(order));
    order.request = valued("open");
    memcpy(order.request.client, "bot", 4);
    memcpy(order.order_id, "id-open", 8);
    order.state = ORDER_LIVE;
    order.created_ms = T0 - 10000;
    order.deadline_ms = T0 - 5000;
    restore.u.restore.order = &order; /* one of them is open still */
    feed(bench, &restore);
    happens(bench, EVENT_START);
    patch(bench, "{\"clients\":{\"bot\":{\"max_orders_per_minute\":5}}}");
    ck_assert_int_eq(guard_report_of(bench)->clients[0].orders_last_minute, 2);
    ck_assert_int_eq(guard_report_of(bench)->all.orders_last_minute, 3);
    bench_close(bench);
}
END_TEST

START_TEST(a_restored_order_counts_with_what_was_left_of_it)
{
    struct bench *bench = bench_open(100, false);
    struct engine_event event = { .kind = EVENT_RESTORE };
    struct fill_key keys[] = { { "e1" } };
    struct order order;

    memset(&order, 0, sizeof(order));
    order.request = valued("a");
    order.state = ORDER_LIVE;
    order.status = STATUS_PARTIALLY_FILLED;
    memcpy(order.order_id, "id-a", 5);
    order.filled_qty = decimal_from_int(4);
    order.exchange_ms = T0 - 1000;
    order.attempt = 1;
    event.u.restore.order = &order;
    event.u.restore.fills = keys;
    event.u.restore.fills_count = 1;
    feed(bench, &event);
    ck_assert_str_eq(open_shown(bench), "600");
    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    fill_seen_seq(bench, "e1", "id-a", 4, 10); /* known, and its size is learnt */
    ck_assert_str_eq(open_shown(bench), "600");
    fill_seen_seq(bench, "e2", "id-a", 3, 11);
    ck_assert_str_eq(open_shown(bench), "600"); /* 3 left, 3 wait for their position */
    position_is(bench, "BTCUSDT", 0, 700, 11, 0);
    ck_assert_str_eq(open_shown(bench), "1000");
    bench_close(bench);
}
END_TEST

START_TEST(a_replay_passes_whatever_is_set)
{
    struct bench *bench = guarded_by("{}");

    acked(bench, "a", "id-a");
    patch(bench, "{\"max_orders_per_minute\":0}");
    create_valued(bench, "a");
    (void)replied(bench, OUTCOME_REPLAYED);
    create_valued(bench, "b");
    (void)replied(bench, OUTCOME_GUARD);
    kill_all(bench, 0);
    create_valued(bench, "a");
    (void)replied(bench, OUTCOME_REPLAYED);
    create_valued(bench, "b");
    (void)replied(bench, OUTCOME_KILLED);
    ck_assert_int_eq(count(bench, ACTION_ROW), 0);
    bench_close(bench);
}
END_TEST

/* Made while nothing was limited, and so not valued: its trigger is no price of its size. */
START_TEST(a_size_in_quote_coin_counts_as_it_is)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = request_of("a");

    request.category = CATEGORY_SPOT;
    request.type = ORDER_TYPE_MARKET;
    request.price = DECIMAL_NONE;
    request.trigger_price = decimal_from_int(99000);
    request.qty = decimal_from_int(100);
    request.qty_in_quote = true;
    request.value_price = DECIMAL_NONE;
    create_request(bench, &request, WAIT_ACCEPTED, 0);
    ck_assert_str_eq(open_shown(bench), "100");
    bench_close(bench);
}
END_TEST

START_TEST(a_second_attempt_passes_the_same_checks)
{
    struct bench *bench =
        guarded_by("{\"max_orders_per_minute\":5,\"max_open_notional\":\"2000\"}");
    struct order_request request = valued("a");

    create_valued(bench, "a");
    commit(bench);
    answer(bench, must(bench, ACTION_SEND_CREATE, 0)->u.send.send_id, REPLY_NOT_SENT, 0, "");
    ck_assert_int_eq(state_of(bench, "a"), ORDER_NOT_SENT);
    ck_assert_str_eq(open_shown(bench), "0");
    patch(bench, "{\"symbols\":[]}");
    create_valued(bench, "a");
    (void)replied(bench, OUTCOME_GUARD);
    ck_assert(must(bench, ACTION_REPLY, 0)->u.reply.has_order);
    ck_assert_int_eq(engine_find(bench->engine, "a")->attempt, 1);
    patch(bench, "{\"symbols\":null}");
    request.value_price = decimal_from_int(150);
    create_facts(bench, &request, NULL, 5001);
    (void)replied(bench, OUTCOME_THROTTLED);
    create_facts(bench, &request, NULL, 0);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_RETRY);
    ck_assert_str_eq(open_shown(bench), "1500"); /* at the price of now */
    ck_assert_int_eq(guard_report_of(bench)->all.orders_last_minute, 2);
    bench_close(bench);
}
END_TEST

START_TEST(a_turn_behind_the_deadline_is_refused_at_once)
{
    struct bench *bench = bench_open(100, true);
    struct order_request request = valued("a");

    create_facts(bench, &request, NULL, 7000);
    ck_assert_int_eq(replied(bench, OUTCOME_THROTTLED)->u.reply.retry_after_ms, 2000);
    ck_assert_int_eq(count(bench, ACTION_ROW), 0);
    create_facts(bench, &request, NULL, 5001);
    ck_assert_int_eq(replied(bench, OUTCOME_THROTTLED)->u.reply.retry_after_ms, 100);
    create_facts(bench, &request, NULL, 5000);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    ck_assert_uint_eq(engine_intents(bench->engine, CATEGORY_LINEAR, false, false), 1);
    ck_assert_uint_eq(engine_intents(bench->engine, CATEGORY_SPOT, false, false), 0);
    commit(bench);
    ck_assert_uint_eq(engine_intents(bench->engine, CATEGORY_LINEAR, false, false), 0);
    bench_close(bench);
}
END_TEST

START_TEST(a_link_that_the_journal_knows_is_no_create_of_this_minute)
{
    struct bench *bench =
        guarded_by("{\"max_orders_per_minute\":5,\"max_open_notional\":\"9000\"}");
    struct order known;

    memset(&known, 0, sizeof(known));
    known.request = valued("a");
    known.state = ORDER_CLOSED;
    known.status = STATUS_CANCELLED;
    memcpy(known.order_id, "id-a", 5);
    known.attempt = 1;
    create_valued(bench, "a");
    ck_assert_int_eq(guard_report_of(bench)->all.orders_last_minute, 1);
    commit_known(bench, &known);
    (void)replied(bench, OUTCOME_REPLAYED);
    ck_assert_int_eq(guard_report_of(bench)->all.orders_last_minute, 0);
    ck_assert_str_eq(open_shown(bench), "0");
    known.request = valued("b");
    known.state = ORDER_NOT_SENT;
    known.status = STATUS_NONE;
    known.order_id[0] = '\0';
    create_valued(bench, "b");
    commit_known(bench, &known);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_RETRY);
    ck_assert_int_eq(guard_report_of(bench)->all.orders_last_minute, 1);
    ck_assert_str_eq(open_shown(bench), "1000");
    bench_close(bench);
}
END_TEST

START_TEST(a_change_is_answered_when_it_is_durable)
{
    struct bench *bench = bench_open(100, true);
    const struct guard_report *report;

    patch(bench, "{\"max_orders_per_minute\":7}");
    ck_assert_str_eq(guard_row(bench, 0), "limits");
    ck_assert_uint_gt(must(bench, ACTION_ROW, 0)->u.row.seq, 0);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.guard->rules.all.max_orders_per_minute, 7);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    ck_assert(!guard_report_of(bench)->durable);
    commit(bench);
    report = replied(bench, OUTCOME_GUARD_DONE)->u.reply.report;
    ck_assert(report->durable);
    ck_assert_int_eq(report->state.rules.all.max_orders_per_minute, 7);
    patch(bench, "{\"max_orders_per_minute\":0}");
    ck_assert_int_eq(engine_next_tick_ms(bench->engine), bench->now_ms + 5000);
    create_valued(bench, "a");
    (void)replied(bench, OUTCOME_GUARD); /* in effect at once */
    tick_at(bench, bench->now_ms + 4999);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    tick_at(bench, bench->now_ms + 1);
    (void)replied(bench, OUTCOME_NOT_READY);
    commit(bench);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 0);
    bench_close(bench);
}
END_TEST

START_TEST(more_changes_than_can_wait_are_refused)
{
    struct bench *bench = bench_open(100, true);

    for (int i = 0; i < 64; i++)
        patch(bench, "{\"max_orders_per_minute\":7}");
    patch(bench, "{\"max_orders_per_minute\":8}");
    (void)replied(bench, OUTCOME_BUSY);
    ck_assert_int_eq(guard_report_of(bench)->state.rules.all.max_orders_per_minute, 7);
    kill_all(bench, 1000);
    (void)replied(bench, OUTCOME_GUARD_DONE); /* it acts all the same */
    ck_assert(engine_is_killed(bench->engine));
    arm(bench);
    (void)replied(bench, OUTCOME_BUSY);
    happens(bench, EVENT_STOP);
    ck_assert_int_eq(count(bench, ACTION_REPLY), 64);
    bench_close(bench);
}
END_TEST

START_TEST(a_patch_stays_under_the_ceiling)
{
    struct guard_rules *ceiling = calloc(1, sizeof(*ceiling));
    struct engine_config config = {
        .times = engine_times_default, .has_keys = true, .link_prefix = "t-1-", .orders_max = 10
    };
    struct bench *bench = calloc(1, sizeof(*bench));

    if (!ceiling || !bench)
        abort();
    ceiling->all.set = GUARD_BIT(GUARD_MAX_ORDERS_PER_MINUTE);
    ceiling->all.max_orders_per_minute = 10;
    config.guard_ceiling = ceiling;
    bench->now_ms = T0;
    ck_assert_int_eq(engine_create(&bench->engine, &config), ERR_NONE);
    free(ceiling); /* copied */
    patch(bench, "{\"max_orders_per_minute\":11}");
    ck_assert_int_gt((int)strlen(replied(bench, OUTCOME_CEILING)->u.reply.error.text), 0);
    ck_assert_int_eq(count(bench, ACTION_ROW), 0);
    patch(bench, "{\"max_orders_per_minute\":9}");
    ck_assert_int_eq(guard_report_of(bench)->state.rules.all.max_orders_per_minute, 9);
    patch(bench, "{\"max_orders_per_minute\":null}");
    ck_assert_int_eq(guard_report_of(bench)->state.rules.all.max_orders_per_minute, 10);
    ck_assert(guard_report_of(bench)->has_ceiling);
    bench_close(bench);
}
END_TEST

START_TEST(guard_times_are_scaled_with_the_others)
{
    struct engine_times fast = engine_times_scaled(&engine_times_default, 10);

    ck_assert_int_eq(fast.sweep_after_ms[0], 25);
    ck_assert_int_eq(fast.sweep_after_ms[4], 500);
    ck_assert_int_eq(fast.sweep_failed_ms, 3000);
    ck_assert_int_eq(fast.kill_durable_ms, 200);
    ck_assert_int_eq(fast.guard_commit_ms, 500);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine guard");
    TCase *tcase = tcase_create("engine guard");
    SRunner *runner;
    int failures;

    tcase_add_loop_test(tcase, each_limit_refuses_before_anything_is_written, 0, ARRAY_LEN(limits));
    tcase_add_loop_test(tcase, each_limit_of_a_named_client_is_only_its_own, 0, ARRAY_LEN(limits));
    tcase_add_test(tcase, exits_pass_limits_on_size);
    tcase_add_test(tcase, exits_are_held_by_the_other_limits);
    tcase_add_test(tcase, a_missing_fact_is_asked_for_and_then_refused);
    tcase_add_test(tcase, without_positions_the_open_value_is_not_known);
    tcase_add_test(tcase, two_creates_in_one_commit_do_not_pass_a_cap_together);
    tcase_add_test(tcase, a_fill_moves_from_its_order_to_its_position);
    tcase_add_test(tcase, reports_without_a_sequence_are_compared_by_time);
    tcase_add_test(tcase, many_fills_without_a_report_are_all_counted);
    tcase_add_test(tcase, fills_from_before_a_read_of_all_positions_are_in_it);
    tcase_add_test(tcase, a_position_that_was_open_in_a_gap_only_is_gone_with_the_next_read);
    tcase_add_test(tcase, more_positions_than_places_are_never_counted_too_low);
    tcase_add_test(tcase, spot_counts_while_open_and_not_after);
    tcase_add_test(tcase, orders_made_elsewhere_count_at_their_own_price);
    tcase_add_test(tcase, a_sell_counts_at_its_limit_once_it_rests);
    tcase_add_test(tcase, a_sell_that_waits_counts_at_its_own_prices_when_no_book_told_more);
    tcase_add_test(tcase, a_sell_made_elsewhere_counts_at_the_trigger_that_it_waits_for);
    tcase_add_test(tcase, a_spot_market_order_that_is_enlarged_elsewhere_counts_as_it_is);
    tcase_add_test(tcase, absurd_numbers_do_not_break_the_sums);
    tcase_add_test(tcase, a_named_client_has_its_own_counts);
    tcase_add_test(tcase, the_minute_rolls);
    tcase_add_test(tcase, a_client_that_gets_limits_has_its_last_minute_counted);
    tcase_add_test(tcase, the_minute_and_the_rules_survive_a_restart);
    tcase_add_test(tcase, first_limits_of_a_client_count_what_it_made_before_the_start);
    tcase_add_test(tcase, a_restored_order_counts_with_what_was_left_of_it);
    tcase_add_test(tcase, a_replay_passes_whatever_is_set);
    tcase_add_test(tcase, a_size_in_quote_coin_counts_as_it_is);
    tcase_add_test(tcase, a_second_attempt_passes_the_same_checks);
    tcase_add_test(tcase, a_turn_behind_the_deadline_is_refused_at_once);
    tcase_add_test(tcase, a_link_that_the_journal_knows_is_no_create_of_this_minute);
    tcase_add_test(tcase, a_change_is_answered_when_it_is_durable);
    tcase_add_test(tcase, more_changes_than_can_wait_are_refused);
    tcase_add_test(tcase, a_patch_stays_under_the_ceiling);
    tcase_add_test(tcase, guard_times_are_scaled_with_the_others);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
