/* Amends, checks without sending and settings, from the loop to the simulated exchange and back. */
#include "tests/test_loop_kit.h"

static struct told told[40];

static void start(void)
{
    rig_start(true);
    loop_up_and_ready();
}

static void start_with_limits(void)
{
    rig_start(false);
    loop_up_and_ready();
}

static void start_fast(void)
{
    rig_start(true);
    rig.times = engine_times_scaled(&engine_times_default, 10);
    loop_up_and_ready();
}

static void stop(void)
{
    release_loop();
    rig_stop();
    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        told_clear(&told[i]);
}

/* One member of the only open order at the exchange. */
static const char *open_order(const char *name)
{
    static char value[64];
    cJSON *json =
        ask_json("GET", "/v5/order/realtime", "category=linear&symbol=BTCUSDT&limit=50", "");
    const cJSON *list = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "result"), "list");

    ck_assert_int_eq(cJSON_GetArraySize(list), 1);
    (void)snprintf(value, sizeof(value), "%s",
                   cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), name)->valuestring);
    cJSON_Delete(json);
    return value;
}

/* --- amends --- */

static void ask_amend(struct told *answer_of, const char *id, const char *qty, const char *price)
{
    const struct guard_facts facts = { .source = GUARD_PRICE_LIMIT, .leverage = DECIMAL_NONE };
    struct order_change change;

    order_change_clear(&change);
    if (qty)
        change.qty = amount(qty);
    if (price)
        change.price = change.value_price = amount(price);
    told_clear(answer_of);
    ck_assert_int_eq(
        loop_amend(rig.loop, id, &change, &facts, NULL, WAIT_ACCEPTED, 0, on_told, answer_of),
        ERR_NONE);
}

static void amend(struct told *answer_of, const char *id, const char *qty, const char *price)
{
    ask_amend(answer_of, id, qty, price);
    await(atomic_load(&answer_of->done), 8000);
}

START_TEST(an_amend_reaches_the_order)
{
    create_open(&told[0]);
    amend(&told[1], told[0].order.order_id, "0.020", "51000");
    ck_assert_msg(told[1].outcome == OUTCOME_OK, "outcome %d: %s", (int)told[1].outcome,
                  told[1].error.text);
    ck_assert_str_eq(open_order("qty"), "0.020");
    ck_assert_str_eq(open_order("price"), "51000.00");
    ck_assert_str_eq(open_order("orderId"), told[0].order.order_id);
}
END_TEST

START_TEST(an_amend_that_the_exchange_refuses_says_why)
{
    create_open(&told[0]);
    amend(&told[1], told[0].order.request.link, "0.0100001", NULL); /* no whole lot */
    ck_assert_int_eq(told[1].outcome, OUTCOME_REJECTED);
    ck_assert_int_ne(told[1].error.upstream, 0);
    ck_assert_str_eq(open_order("qty"), "0.010");
    /* And the next one may go. */
    amend(&told[2], told[0].order.request.link, "0.011", NULL);
    ck_assert_int_eq(told[2].outcome, OUTCOME_OK);
    ck_assert_str_eq(open_order("qty"), "0.011");
}
END_TEST

START_TEST(an_amend_of_nothing_is_not_found)
{
    amend(&told[0], "nobody", "1", NULL);
    ck_assert_int_eq(told[0].outcome, OUTCOME_NOT_FOUND);
    ck_assert_int_eq(loop_amend(rig.loop,
                                "0123456789012345678901234567890123456789012345678901234567890123"
                                "0123456789012345678901234567890123456789012345678901234567890123x",
                                &told[0].order.change, NULL, NULL, WAIT_ACCEPTED, 0, on_told,
                                &told[1]),
                     ERR_INVALID);
}
END_TEST

START_TEST(an_amend_of_an_order_that_is_gone_there_says_so)
{
    char body[256];

    create_open(&told[0]);
    (void)snprintf(body, sizeof(body),
                   "{\"category\":\"linear\",\"symbol\":\"BTCUSDT\",\"orderId\":\"%s\"}",
                   told[0].order.order_id);
    ck_assert_int_eq(ret_code("POST", "/v5/order/cancel", "", body), 0); /* by somebody else */
    amend(&told[1], told[0].order.order_id, "0.020", NULL);
    ck_assert_int_ne(told[1].outcome, OUTCOME_OK);
    ck_assert_int_ne(told[1].outcome, OUTCOME_UNKNOWN);
}
END_TEST

START_TEST(an_amend_waits_for_its_commit_and_not_the_cancel)
{
    create_open(&told[0]);
    atomic_store(&sync_ms, 1500);
    ask_amend(&told[1], told[0].order.order_id, "0.020", NULL);
    sleep_ms(200);
    ck_assert_str_eq(open_order("qty"), "0.010"); /* not before it is durable */
    ask_cancel(&told[2], told[0].order.order_id);
    await(atomic_load(&told[2].done), 1000);
    ck_assert_int_eq(told[2].outcome, OUTCOME_OK);
    ck_assert_int_eq(open_orders(), 0);
    await(atomic_load(&told[1].done), 8000);
    ck_assert_int_ne(told[1].outcome, OUTCOME_OK);
}
END_TEST

START_TEST(a_kill_stops_an_amend_that_waits_for_its_commit)
{
    create_open(&told[0]);
    atomic_store(&sync_ms, 1000);
    ask_amend(&told[1], told[0].order.order_id, "0.020", NULL);
    sleep_ms(100);
    ask_kill(&told[2], 10000);
    await(atomic_load(&told[2].done), 12000);
    await(atomic_load(&told[1].done), 8000);
    ck_assert_int_ne(told[1].outcome, OUTCOME_OK);
    ck_assert_int_ne(told[1].outcome, OUTCOME_UNKNOWN);
    ck_assert_int_eq(open_orders(), 0);
    amend(&told[3], told[0].order.order_id, "0.030", NULL);
    ck_assert_int_ne(told[3].outcome, OUTCOME_OK);
}
END_TEST

/* How many amends the exchange has seen. */
static int amends_there(void)
{
    cJSON *json = ask_json("GET", "/sim/stats", "", "");
    const cJSON *requests = cJSON_GetObjectItem(json, "requests");
    int count = cJSON_GetObjectItem(requests, "/v5/order/amend")->valueint;

    cJSON_Delete(json);
    return count;
}

static const struct order *order_now(const char *id)
{
    static struct told now;

    told_clear(&now);
    ck_assert_int_eq(loop_watch(rig.loop, id, WAIT_ACCEPTED, 0, on_told, &now), ERR_NONE);
    await(atomic_load(&now.done), 5000);
    ck_assert_int_eq(now.outcome, OUTCOME_OK);
    return &now.order;
}

/* Made at the exchange, and its answer lost. */
static void amend_and_lose(void)
{
    create_open(&told[0]);
    control("/sim/fault", "{\"path\":\"/v5/order/amend\",\"mode\":\"drop_after\"}");
    amend(&told[1], told[0].order.order_id, "0.020", NULL);
    ck_assert_int_eq(told[1].outcome, OUTCOME_UNKNOWN);
    ck_assert_int_eq(order_now(told[0].order.order_id)->amend, AMEND_UNKNOWN);
}

static void expect_settled(void)
{
    struct decimal qty = amount("0.020");

    await(order_now(told[0].order.order_id)->amend == AMEND_NONE, 10000);
    ck_assert_int_eq(decimal_cmp(&order_now(told[0].order.order_id)->request.qty, &qty), 0);
    ck_assert_str_eq(open_order("qty"), "0.020");
    ck_assert_int_eq(amends_there(), 1); /* never twice */
}

START_TEST(a_lost_amend_is_settled_by_the_orders_own_values)
{
    amend_and_lose();
    expect_settled();
}
END_TEST

START_TEST(a_lost_amend_is_settled_after_a_restart)
{
    amend_and_lose();
    loop_down();
    loop_up_and_ready();
    expect_settled();
}
END_TEST

/* --- the budget --- */

START_TEST(a_kill_reaches_amends_that_wait_for_their_turn)
{
    for (int i = 0; i < 18; i++)
        create_open(&told[i]);
    for (int i = 0; i < 18; i++)
        ask_amend(&told[20 + i], told[i].order.order_id, "0.011", NULL);
    await(amends_there() > 0, 5000);
    ask_kill(&told[19], 10000);
    for (int i = 20; i < 38; i++)
        await(atomic_load(&told[i].done), 8000);
    sleep_ms(2500); /* the window is free again */
    ck_assert_int_le(amends_there(), 10);
    await(atomic_load(&told[19].done), 12000);
}
END_TEST

START_TEST(amends_keep_to_their_limit_of_ten_a_second)
{
    const int count = 15;
    int64_t last_ms = 0;
    int64_t begin_ms;

    for (int i = 0; i < count; i++)
        create_open(&told[i]);
    begin_ms = clock_mono_ms();
    for (int i = 0; i < count; i++)
        ask_amend(&told[20 + i], told[i].order.order_id, "0.011", NULL);
    for (int i = 0; i < count; i++) {
        await(atomic_load(&told[20 + i].done), 8000);
        ck_assert_int_eq(told[20 + i].outcome, OUTCOME_OK); /* not one 10006 */
        last_ms = told[20 + i].at_ms > last_ms ? told[20 + i].at_ms : last_ms;
    }
    ck_assert_int_ge(last_ms - begin_ms, 900);
    ck_assert_int_le(last_ms - begin_ms, 3000);
}
END_TEST

/* --- checks --- */

static void check(struct told *answer_of)
{
    const struct guard_facts facts = { .source = GUARD_PRICE_LIMIT, .leverage = DECIMAL_NONE };
    struct order_request request = a_buy();

    told_clear(answer_of);
    ck_assert_int_eq(loop_check(rig.loop, &request, &facts, on_told, answer_of), ERR_NONE);
    await(atomic_load(&answer_of->done), 8000);
}

START_TEST(a_check_sends_and_counts_nothing)
{
    patch("{\"max_orders_per_minute\":1,\"max_order_notional\":\"600\"}");
    for (int i = 0; i < 3; i++) {
        check(&told[i]);
        ck_assert_msg(told[i].outcome == OUTCOME_WOULD, "outcome %d: %s", (int)told[i].outcome,
                      told[i].error.text);
    }
    ck_assert_int_eq(open_orders(), 0);
    read_guard(&told[3]);
    ck_assert_int_eq(told[3].report->all.orders_last_minute, 0);
    patch("{\"max_order_notional\":\"499\"}");
    check(&told[3]);
    ck_assert_int_eq(told[3].outcome, OUTCOME_GUARD);
    ck_assert_int_eq(told[3].verdict.limit, GUARD_MAX_ORDER_NOTIONAL);
    patch("{\"max_order_notional\":null}");
    create_open(&told[4]);
    check(&told[5]);
    ck_assert_int_eq(told[5].outcome, OUTCOME_GUARD);
    ck_assert_int_eq(told[5].verdict.limit, GUARD_MAX_ORDERS_PER_MINUTE);
}
END_TEST

/* --- settings --- */

static struct loop_setting leverage_of(const char *leverage)
{
    struct loop_setting setting = { .kind = LOOP_SET_LEVERAGE,
                                    .category = CATEGORY_LINEAR,
                                    .symbol = "BTCUSDT",
                                    .leverage = amount(leverage) };

    (void)snprintf(setting.client, sizeof(setting.client), "%s", client);
    return setting;
}

static void set_leverage(struct told *answer_of, const char *leverage)
{
    const struct loop_setting setting = leverage_of(leverage);

    told_clear(answer_of);
    ck_assert_int_eq(loop_set(rig.loop, &setting, on_told, answer_of), ERR_NONE);
    await(atomic_load(&answer_of->done), 8000);
}

static const char *leverage_there(void)
{
    static char value[32];
    cJSON *json = ask_json("GET", "/v5/position/list", "category=linear&symbol=BTCUSDT", "");
    const cJSON *list = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "result"), "list");

    (void)snprintf(value, sizeof(value), "%s",
                   cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "leverage")->valuestring);
    cJSON_Delete(json);
    return value;
}

START_TEST(a_leverage_is_set_and_set_again)
{
    set_leverage(&told[0], "7");
    ck_assert_msg(told[0].outcome == OUTCOME_OK, "outcome %d: %s", (int)told[0].outcome,
                  told[0].error.text);
    ck_assert_int_eq(told[0].error.upstream, 0);
    ck_assert_str_eq(leverage_there(), "7");
    set_leverage(&told[1], "7"); /* unchanged is fine */
    ck_assert_int_eq(told[1].outcome, OUTCOME_OK);
    ck_assert_int_eq(told[1].error.upstream, 110043);
    set_leverage(&told[2], "100000");
    ck_assert_int_eq(told[2].outcome, OUTCOME_REJECTED);
    ck_assert_int_eq(told[2].error.upstream, 110013);
    ck_assert_int_eq(told[2].error.code, ERR_UPSTREAM);
    ck_assert_str_eq(leverage_there(), "7");
}
END_TEST

START_TEST(a_leverage_keeps_to_the_rules_in_force)
{
    patch("{\"max_leverage\":\"10\",\"clients\":{\"bot\":{\"max_leverage\":\"3\"}}}");
    set_leverage(&told[0], "10.5");
    ck_assert_int_eq(told[0].outcome, OUTCOME_GUARD);
    ck_assert(told[0].has_verdict);
    ck_assert_int_eq(told[0].verdict.limit, GUARD_MAX_LEVERAGE);
    ck_assert_str_eq(told[0].verdict.text, "leverage 10.5 is above max_leverage 10");
    set_leverage(&told[1], "9");
    ck_assert_int_eq(told[1].outcome, OUTCOME_OK);
    client = "bot";
    set_leverage(&told[2], "9");
    set_leverage(&told[3], "3.0");
    client = "";
    ck_assert_int_eq(told[2].outcome, OUTCOME_GUARD);
    ck_assert_str_eq(told[2].verdict.client, "bot");
    ck_assert_ptr_nonnull(strstr(told[2].verdict.text, "of client \"bot\""));
    ck_assert_int_eq(told[3].outcome, OUTCOME_OK);
    ck_assert_str_eq(leverage_there(), "3");
}
END_TEST

static void set_stops(struct told *answer_of, enum category category, const char *symbol)
{
    struct loop_setting setting = { .kind = LOOP_SET_TRADING_STOP,
                                    .category = category,
                                    .take_profit = DECIMAL_NONE,
                                    .stop_loss = DECIMAL_ZERO,
                                    .trailing_stop = DECIMAL_NONE };

    (void)snprintf(setting.symbol, sizeof(setting.symbol), "%s", symbol);
    (void)snprintf(setting.client, sizeof(setting.client), "%s", client);
    told_clear(answer_of);
    ck_assert_int_eq(loop_set(rig.loop, &setting, on_told, answer_of), ERR_NONE);
    await(atomic_load(&answer_of->done), 8000);
}

START_TEST(who_is_kept_off_a_symbol_sets_nothing_there)
{
    patch("{\"clients\":{\"bot\":{\"symbols\":[\"linear:ETHUSDT\"]},"
          "\"cat\":{\"categories\":[\"inverse\"]}}}");
    client = "bot";
    set_leverage(&told[0], "9");
    set_stops(&told[1], CATEGORY_LINEAR, "BTCUSDT");
    set_stops(&told[2], CATEGORY_LINEAR, "ETHUSDT");
    client = "cat";
    set_leverage(&told[3], "9");
    client = "";
    set_leverage(&told[4], "9");
    for (int i = 0; i <= 1; i++) {
        ck_assert_int_eq(told[i].outcome, OUTCOME_GUARD);
        ck_assert_int_eq(told[i].verdict.limit, GUARD_SYMBOLS);
        ck_assert_str_eq(told[i].verdict.client, "bot");
    }
    ck_assert_int_ne(told[2].outcome, OUTCOME_GUARD); /* there is no position, and so no stop */
    ck_assert_int_eq(told[3].outcome, OUTCOME_GUARD);
    ck_assert_int_eq(told[3].verdict.limit, GUARD_CATEGORIES);
    ck_assert_int_eq(told[4].outcome, OUTCOME_OK);
}
END_TEST

START_TEST(nothing_is_set_while_killed)
{
    set_leverage(&told[0], "5");
    ask_kill(&told[1], 10000);
    set_leverage(&told[2], "6"); /* even before the kill is carried out */
    ck_assert_int_eq(told[2].outcome, OUTCOME_KILLED);
    await(atomic_load(&told[1].done), 12000);
    set_leverage(&told[3], "6");
    ck_assert_int_eq(told[3].outcome, OUTCOME_KILLED);
    ck_assert_str_eq(leverage_there(), "5");
    arm();
    set_leverage(&told[4], "6");
    ck_assert_int_eq(told[4].outcome, OUTCOME_OK);
}
END_TEST

START_TEST(settings_are_answered_at_the_stop)
{
    const struct loop_setting setting = leverage_of("8");

    block_loop();
    for (int i = 0; i < 30; i++)
        ck_assert_int_eq(loop_set(rig.loop, &setting, on_told, &told[i]), ERR_NONE);
    release_loop();
    loop_down();
    for (int i = 0; i < 30; i++)
        ck_assert(atomic_load(&told[i].done));
}
END_TEST

/* --- who has left --- */

#define WAITS 1024 /* as many as the engine has places */

static struct told waits[WAITS];
static atomic_bool left[WAITS];

static void wait_for_end(size_t n, const char *id)
{
    const struct loop_hearer hearer = { on_told, &waits[n], &left[n] };

    told_clear(&waits[n]);
    atomic_store(&left[n], false);
    ck_assert_int_eq(loop_watch_heard(rig.loop, id, WAIT_FINAL, clock_wall_ms() + 600000, &hearer),
                     ERR_NONE);
}

static size_t waiting(void)
{
    struct engine_status status;

    loop_get_status(rig.loop, &status);
    return status.waiters;
}

/* Each place taken, and who had it has left: the next one gets it, and nobody else is disturbed. */
START_TEST(who_has_left_gives_back_its_place)
{
    struct told order = { 0 };
    struct told refused = { 0 };
    const char *id;

    create_open(&order);
    id = order.order.order_id;
    for (size_t n = 0; n < WAITS; n++) {
        wait_for_end(n, id);
        if (n % 500 == 499) /* the inbox has a bound, too */
            await(waiting() == n + 1, 10000);
    }
    await(waiting() == WAITS, 10000);
    create(&refused);
    ck_assert_int_eq(refused.outcome, OUTCOME_BUSY);
    for (size_t n = 1; n < WAITS; n++)
        atomic_store(&left[n], true);
    loop_look_for_gone(rig.loop);
    create_open(&refused); /* asked for after that */
    for (size_t n = 1; n < WAITS; n++) {
        await(atomic_load(&waits[n].done), 10000);
        ck_assert_int_eq(waits[n].outcome, OUTCOME_OK);
        ck_assert(!order_state_is_final(waits[n].order.state));
    }
    ck_assert(!atomic_load(&waits[0].done));
    await(waiting() == 1, 10000);
    /* One that has left before its command is looked at holds no place either. */
    atomic_store(&left[0], true);
    block_loop();
    wait_for_end(1, id);
    atomic_store(&left[1], true);
    release_loop();
    await(atomic_load(&waits[1].done), 10000);
    await(atomic_load(&waits[0].done), 10000);
    told_clear(&order);
    told_clear(&refused);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop_trade");
    TCase *tcase = tcase_create("loop_trade");
    TCase *limited = tcase_create("with limits");
    TCase *fast = tcase_create("with short times");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, an_amend_reaches_the_order);
    tcase_add_test(tcase, an_amend_that_the_exchange_refuses_says_why);
    tcase_add_test(tcase, an_amend_of_nothing_is_not_found);
    tcase_add_test(tcase, an_amend_of_an_order_that_is_gone_there_says_so);
    tcase_add_test(tcase, an_amend_waits_for_its_commit_and_not_the_cancel);
    tcase_add_test(tcase, a_kill_stops_an_amend_that_waits_for_its_commit);
    tcase_add_test(tcase, a_check_sends_and_counts_nothing);
    tcase_add_test(tcase, a_leverage_is_set_and_set_again);
    tcase_add_test(tcase, a_leverage_keeps_to_the_rules_in_force);
    tcase_add_test(tcase, who_is_kept_off_a_symbol_sets_nothing_there);
    tcase_add_test(tcase, nothing_is_set_while_killed);
    tcase_add_test(tcase, who_has_left_gives_back_its_place);
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(limited, start_with_limits, stop);
    tcase_add_test(limited, amends_keep_to_their_limit_of_ten_a_second);
    tcase_add_test(limited, a_kill_reaches_amends_that_wait_for_their_turn);
    tcase_add_test(limited, settings_are_answered_at_the_stop);
    suite_add_tcase(suite, limited);
    tcase_add_checked_fixture(fast, start_fast, stop);
    tcase_add_test(fast, a_lost_amend_is_settled_by_the_orders_own_values);
    tcase_add_test(fast, a_lost_amend_is_settled_after_a_restart);
    suite_add_tcase(suite, fast);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
