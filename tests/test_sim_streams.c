/* The streams of the started exchange: topics of all categories, faults of books, muting. */
#include "sim/instruments.h"
#include "test_sim_frames.h"

static const char *option(void)
{
    return instrument_at(INSTRUMENT_FIRST_OPTION)->symbol;
}

static const struct {
    const char *path, *topic, *members;
} topics[] = {
    { "/v5/public/linear", "kline.1.BTCUSDT", "\"interval\":\"1\"" },
    { "/v5/public/linear", "kline.M.ETHUSDT", "\"confirm\":false" },
    { "/v5/public/spot", "kline.D.SOLUSDT", "\"turnover\"" },
    { "/v5/public/inverse", "kline.60.BTCUSD", "\"volume\"" },
    { "/v5/public/inverse", "tickers.BTCUSD", "\"fundingRate\"" },
    { "/v5/public/inverse", "orderbook.1.BTCUSD", "\"cts\"" },
    { "/v5/public/inverse", "orderbook.200.BTCUSD", "\"u\":" },
    { "/v5/public/inverse", "publicTrade.BTCUSD", "\"L\":" },
    { "/v5/public/spot", "orderbook.1000.ETHUSDT", "\"type\":\"snapshot\"" },
    { "/v5/public/spot", "priceLimit.BTCUSDT", "\"buyLmt\"" },
    { "/v5/public/inverse", "priceLimit.BTCUSD", "\"sellLmt\"" },
    { "/v5/public/linear", "adlAlert.USDT", "\"adl_tt\":10000" },
    { "/v5/public/inverse", "adlAlert.inverse", "\"c\":\"BTC\",\"s\":\"BTCUSD\"" },
    { "/v5/public/linear", "insurance.USDT", "\"symbols\":\"SOLUSDT\"" },
    { "/v5/public/inverse", "insurance.inverse", "\"coin\":\"BTC\"" },
};

START_TEST(a_topic_is_heard)
{
    int descriptor = dial_socket(topics[_i].path);
    char topic[64];

    control("/sim/pause", "{\"paused\":false}");
    subscribe(descriptor, topics[_i].topic);
    (void)snprintf(topic, sizeof(topic), "\"topic\":\"%s\"", topics[_i].topic);
    ck_assert_msg(wait_for(descriptor, topic), "%s", topic);
    ck_assert_msg(strstr(answer, topics[_i].members) != NULL, "%s", answer);
    (void)close(descriptor);
}
END_TEST

static const struct {
    const char *path, *topic;
} unknown[] = {
    { "/v5/public/linear", "kline.2.BTCUSDT" },
    { "/v5/public/linear", "kline..BTCUSDT" },
    { "/v5/public/linear", "kline.1." },
    { "/v5/public/linear", "kline.1.BTCUSD" },
    { "/v5/public/inverse", "kline.1.BTCUSDT" },
    { "/v5/public/spot", "allLiquidation.BTCUSDT" },
    { "/v5/public/linear", "orderbook.25.BTCUSDT" },
    { "/v5/public/linear", "publicTrade.BTC" },
    { "/v5/public/linear", "" },
    { "/v5/public/spot", "adlAlert.USDT" },
    { "/v5/public/linear", "adlAlert.BTC" },
    { "/v5/public/linear", "insurance.inverse" },
    { "/v5/public/inverse", "insurance.USDT" },
    { "/v5/public/linear", "priceLimit." },
    { "/v5/public/inverse", "." },
};

START_TEST(an_unknown_topic_is_refused)
{
    int descriptor = dial_socket(unknown[_i].path);

    subscribe(descriptor, unknown[_i].topic);
    ck_assert(read_frame(descriptor));
    ck_assert_ptr_nonnull(strstr(answer, "\"success\":false"));
    (void)close(descriptor);
}
END_TEST

START_TEST(option_sockets_answer_in_their_own_way)
{
    int descriptor = dial_socket("/v5/public/option");
    char frame[512];

    send_frame(descriptor, "{\"op\":\"ping\"}");
    ck_assert(read_frame(descriptor));
    ck_assert_int_eq(strncmp(answer, "{\"args\":[\"", 10), 0);
    ck_assert_ptr_nonnull(strstr(answer, "],\"op\":\"pong\"}"));
    (void)snprintf(frame, sizeof(frame),
                   "{\"op\":\"subscribe\",\"args\":[\"tickers.%s\",\"orderbook.50.%s\",7]}",
                   option(), option());
    send_frame(descriptor, frame);
    ck_assert(read_frame(descriptor));
    ck_assert_ptr_nonnull(strstr(answer, "\"success\":false"));
    ck_assert_ptr_nonnull(strstr(answer, "\"failTopics\":[\"orderbook.50."));
    ck_assert_ptr_nonnull(strstr(answer, "\"successTopics\":[\"tickers."));
    ck_assert_ptr_nonnull(strstr(answer, "\"type\":\"COMMAND_RESP\""));
    ck_assert(read_frame(descriptor));
    ck_assert_ptr_nonnull(strstr(answer, "\"markPriceIv\""));
    ck_assert_ptr_nonnull(strstr(answer, "\"id\":\"tickers."));
    send_frame(descriptor, "{\"op\":\"subscribe\",\"args\":{}}");
    ck_assert(read_frame(descriptor));
    ck_assert_ptr_nonnull(strstr(answer, "\"success\":false"));
    (void)close(descriptor);
}
END_TEST

START_TEST(options_have_books_and_trades)
{
    int descriptor = dial_socket("/v5/public/option");
    char topic[96];

    control("/sim/pause", "{\"paused\":false}");
    for (int depth = 25; depth <= 100; depth += 75) {
        (void)snprintf(topic, sizeof(topic), "orderbook.%d.%s", depth, option());
        subscribe(descriptor, topic);
        ck_assert(wait_for(descriptor, "\"type\":\"snapshot\""));
        ck_assert_ptr_nonnull(strstr(answer, topic));
    }
    ck_assert(wait_for(descriptor, "\"type\":\"delta\""));
    (void)close(descriptor);
}
END_TEST

/* --- broken books --- */

/* The first step of `u` that is not one, and the one after it. */
static const struct {
    const char *mode;
    int64_t first, second; /* 0: any */
} broken[] = {
    { "gap", 2, 1 },
    { "duplicate", 0, 1 },
    { "reorder", 2, -1 },
};

START_TEST(a_book_can_be_broken)
{
    int descriptor = dial_socket("/v5/public/linear");
    int64_t last;
    int64_t step = 1;
    char body[96];

    control("/sim/pause", "{\"paused\":false}");
    subscribe(descriptor, "orderbook.50.BTCUSDT");
    last = next_u(descriptor);
    ck_assert_int_gt(last, 1);
    (void)snprintf(body, sizeof(body), "{\"symbol\":\"BTCUSDT\",\"mode\":\"%s\"}", broken[_i].mode);
    control("/sim/book", body);
    for (int i = 0; i < 200 && step == 1; i++) {
        int64_t u = next_u(descriptor);

        step = u - last;
        last = u;
    }
    ck_assert_int_eq(step, broken[_i].first);
    ck_assert_int_eq(next_u(descriptor) - last, broken[_i].second);
    (void)close(descriptor);
}
END_TEST

START_TEST(a_restarted_book_begins_at_one)
{
    int descriptor = dial_socket("/v5/public/linear");

    control("/sim/pause", "{\"paused\":false}");
    subscribe(descriptor, "orderbook.50.BTCUSDT");
    ck_assert_int_gt(next_u(descriptor), 1);
    control("/sim/book", "{\"symbol\":\"BTCUSDT\",\"mode\":\"restart\",\"category\":\"linear\"}");
    ck_assert(wait_for(descriptor, "\"type\":\"snapshot\""));
    ck_assert_int_eq(number_of("\"u\":"), 1);
    ck_assert_int_eq(next_u(descriptor), 2);
    ck_assert_int_eq(ask("POST", "/sim/book", "",
                         "{\"symbol\":\"BTCUSDT\",\"mode\":\"restart\",\"category\":\"spot\"}"),
                     400);
    (void)close(descriptor);
}
END_TEST

/* The market stands, so the wrong level is all that is sent, and REST shows another size. */
START_TEST(an_altered_size_is_not_in_the_exchanges_book)
{
    int descriptor = dial_socket("/v5/public/linear");
    char level[64];
    char *end;
    int64_t u;

    subscribe(descriptor, "orderbook.1000.BTCUSDT");
    u = next_u(descriptor);
    control("/sim/book", "{\"symbol\":\"BTCUSDT\",\"mode\":\"alter\"}");
    ck_assert_int_eq(next_u(descriptor), u + 1);
    ck_assert_ptr_nonnull(strstr(answer, "\"b\":[[\""));
    (void)snprintf(level, sizeof(level), "%s", strstr(answer, "\"b\":[[\"") + strlen("\"b\":["));
    end = strchr(level, ']');
    ck_assert_ptr_nonnull(end);
    end[1] = '\0';
    ck_assert_int_eq(
        ret_code("GET", "/v5/market/orderbook", "category=linear&symbol=BTCUSDT&limit=1000", ""),
        0);
    ck_assert_ptr_null(strstr(answer, level));
    *strchr(level, ',') = '\0';
    ck_assert_ptr_nonnull(strstr(answer, level));
    ck_assert_int_eq(number_of("\"u\":"), u + 1);
    (void)close(descriptor);
}
END_TEST

START_TEST(the_best_prices_are_repeated)
{
    int descriptor = dial_socket("/v5/public/spot");
    int64_t u;
    int64_t at_ms;

    subscribe(descriptor, "orderbook.1.BTCUSDT");
    u = next_u(descriptor);
    at_ms = number_of("\"ts\":");
    ck_assert_int_eq(next_u(descriptor), u);
    ck_assert_int_ge(number_of("\"ts\":") - at_ms, 2900);
    (void)close(descriptor);
}
END_TEST

/* --- silence --- */

START_TEST(a_muted_socket_answers_pings_and_nothing_else)
{
    int first = dial_socket("/v5/public/linear");
    int other = dial_socket("/v5/public/spot");
    int later;

    control("/sim/pause", "{\"paused\":false}");
    subscribe(first, "tickers.BTCUSDT");
    ck_assert(wait_for(first, "\"topic\""));
    control("/sim/stream",
            "{\"mode\":\"mute\",\"kind\":\"public\",\"category\":\"linear\",\"sticky\":true}");
    later = dial_socket("/v5/public/linear");
    subscribe(later, "tickers.BTCUSDT");
    ck_assert(read_frame(later));
    ck_assert_ptr_nonnull(strstr(answer, "\"success\":true"));
    subscribe(other, "tickers.BTCUSDT");
    ck_assert(wait_for(other, "\"topic\""));
    send_frame(later, "{\"op\":\"ping\"}");
    ck_assert(read_frame(later));
    ck_assert_ptr_nonnull(strstr(answer, "\"ret_msg\":\"pong\""));
    control("/sim/stream", "{\"mode\":\"unmute\",\"kind\":\"public\"}");
    ck_assert(wait_for(later, "\"topic\""));
    (void)close(first);
    (void)close(other);
    (void)close(later);
    later = dial_socket("/v5/public/linear");
    subscribe(later, "tickers.BTCUSDT");
    ck_assert(wait_for(later, "\"topic\""));
    (void)close(later);
}
END_TEST

START_TEST(a_cut_reaches_its_category_only)
{
    int linear = dial_socket("/v5/public/linear");
    int inverse = dial_socket("/v5/public/inverse");

    control("/sim/stream", "{\"mode\":\"cut\",\"kind\":\"public\",\"category\":\"linear\"}");
    ck_assert(!read_frame(linear));
    send_frame(inverse, "{\"op\":\"ping\"}");
    ck_assert(read_frame(inverse));
    (void)close(linear);
    (void)close(inverse);
}
END_TEST

START_TEST(an_ordered_liquidation_is_published)
{
    int descriptor = dial_socket("/v5/public/inverse");

    subscribe(descriptor, "allLiquidation.BTCUSD");
    ck_assert(read_frame(descriptor));
    control("/sim/liquidate", "{\"category\":\"inverse\",\"symbol\":\"BTCUSD\",\"side\":\"Sell\","
                              "\"qty\":\"1234\",\"price\":\"95000.5\"}");
    ck_assert(wait_for(descriptor, "\"v\":\"1234\",\"p\":\"95000.50\""));
    ck_assert_ptr_nonnull(strstr(answer, "\"S\":\"Sell\""));
    (void)close(descriptor);
}
END_TEST

START_TEST(inverse_fills_and_funding_are_told)
{
    int descriptor = dial_private();

    send_frame(descriptor, "{\"op\":\"subscribe\",\"args\":[\"order.inverse\","
                           "\"execution.inverse\",\"execution.fast.inverse\",\"position.inverse\","
                           "\"wallet\"]}");
    ck_assert(read_frame(descriptor));
    ck_assert_int_eq(ret_code("POST", "/v5/order/create", "",
                              "{\"category\":\"inverse\",\"symbol\":\"BTCUSD\",\"side\":\"Buy\","
                              "\"orderType\":\"Market\",\"qty\":\"100\"}"),
                     0);
    ck_assert(wait_for(descriptor, "\"topic\":\"execution.fast.inverse\""));
    ck_assert(wait_for(descriptor, "\"topic\":\"execution.inverse\""));
    ck_assert_ptr_nonnull(strstr(answer, "\"feeCurrency\":\"BTC\""));
    ck_assert(wait_for(descriptor, "\"topic\":\"position.inverse\""));
    ck_assert_ptr_nonnull(strstr(answer, "\"entryPrice\":"));
    ck_assert(wait_for(descriptor, "\"topic\":\"wallet\""));
    control("/sim/funding", "{\"symbol\":\"BTCUSD\"}");
    ck_assert(wait_for(descriptor, "\"execType\":\"Funding\""));
    ck_assert_ptr_nonnull(strstr(answer, "\"topic\":\"execution.inverse\""));
    ck_assert_ptr_nonnull(strstr(answer, "\"orderId\":\"\""));
    ck_assert(wait_for(descriptor, "\"topic\":\"wallet\""));
    ck_assert_int_eq(list_length("/v5/execution/list", "category=inverse&execType=Funding"), 1);
    ck_assert_int_eq(list_length("/v5/execution/list", "category=inverse&execType=Trade"), 1);
    ck_assert_int_eq(list_length("/v5/execution/list", "category=inverse&execType=AdlTrade"), 0);
    (void)close(descriptor);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim/streams");
    TCase *tcase = tcase_create("streams");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_topic_is_heard, 0, ARRAY_LEN(topics));
    tcase_add_loop_test(tcase, an_unknown_topic_is_refused, 0, ARRAY_LEN(unknown));
    tcase_add_test(tcase, option_sockets_answer_in_their_own_way);
    tcase_add_test(tcase, options_have_books_and_trades);
    tcase_add_loop_test(tcase, a_book_can_be_broken, 0, ARRAY_LEN(broken));
    tcase_add_test(tcase, a_restarted_book_begins_at_one);
    tcase_add_test(tcase, an_altered_size_is_not_in_the_exchanges_book);
    tcase_add_test(tcase, the_best_prices_are_repeated);
    tcase_add_test(tcase, a_muted_socket_answers_pings_and_nothing_else);
    tcase_add_test(tcase, a_cut_reaches_its_category_only);
    tcase_add_test(tcase, an_ordered_liquidation_is_published);
    tcase_add_test(tcase, inverse_fills_and_funding_are_told);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
