/* The smaller states: price limits, ADL alerts, insurance pools, greeks; read, merged, kept, told.
 */
#include "tests/test_stream_kit.h"

static struct {
    int limits;
    struct price_limit limit;
    int pools;
    enum pool_kind kind;
    char name[POOL_NAME_MAX];
    size_t count;
    struct pool_row first;
} got;

static void on_price_limit(const struct price_limit *limit, int64_t recv_ms, void *userdata)
{
    (void)recv_ms;
    (void)userdata;
    LOCKED(got.limits++; got.limit = *limit);
}

static void on_pool(const struct pool *pool, void *userdata)
{
    (void)userdata;
    LOCKED(got.pools++; got.kind = pool->kind; got.count = pool->count;
           (void)strcpy(got.name, pool->name); if (pool->count) got.first = pool->rows[0]);
}

static struct stream_callbacks with_pools;

static void reset_pools(void)
{
    reset();
    memset(&got, 0, sizeof(got));
    with_pools = callbacks;
    with_pools.on_price_limit = on_price_limit;
    with_pools.on_pool = on_pool;
    told = &with_pools;
}

static const char *shown(const struct decimal *value)
{
    static char text[DECIMAL_TEXT_MAX];

    return decimal_is_none(value) ? "none" : decimal_format(value, text);
}

static size_t merge(struct pool *pool, const char *text, bool is_snapshot)
{
    struct json data;
    size_t lost = 0;

    ck_assert_int_eq(json_open_trusted(&data, text, strlen(text), NULL), ERR_NONE);
    (void)pool_merge(pool, &data, is_snapshot, &lost);
    return lost;
}

/* --- the lists alone --- */

START_TEST(a_delta_changes_rows_and_a_snapshot_replaces_all)
{
    struct pool pool;
    struct pool copy;

    pool_init(&pool, POOL_INSURANCE, "USDT");
    ck_assert_uint_eq(
        merge(&pool,
              "[{\"coin\":\"USDT\",\"symbols\":\"B\",\"balance\":\"2\"},"
              "{\"coin\":\"USDT\",\"symbols\":\"A\",\"balance\":1,\"updateTime\":\"9\"}]",
              true),
        0);
    ck_assert_uint_eq(pool.count, 2);
    ck_assert_str_eq(pool.rows[0].key, "A");
    ck_assert_int_eq(pool.rows[0].updated_ms, 9);
    ck_assert_str_eq(pool.rows[1].key, "B");
    ck_assert_int_eq(pool.rows[1].updated_ms, 0);
    ck_assert_uint_eq(
        merge(&pool, "[{\"coin\":\"USDT\",\"symbols\":\"B\",\"balance\":\"5\"}]", false), 0);
    ck_assert_uint_eq(pool.count, 2);
    ck_assert_str_eq(shown(&pool.rows[1].values[INSURANCE_BALANCE]), "5");
    ck_assert_int_eq(pool_copy(&copy, &pool), ERR_NONE);
    ck_assert_uint_eq(
        merge(&pool, "[{\"coin\":\"USDT\",\"symbols\":\"C\",\"balance\":\"7\"}]", true), 0);
    ck_assert_uint_eq(pool.count, 1);
    ck_assert_uint_eq(copy.count, 2);
    ck_assert_str_eq(copy.rows[1].key, "B");
    ck_assert_uint_eq(merge(&pool, "[]", true), 0);
    ck_assert_uint_eq(pool.count, 0);
    pool_deinit(&pool);
    pool_deinit(&copy);
}
END_TEST

/* The pages say object, the examples show an array. */
START_TEST(a_row_may_come_alone)
{
    struct pool pool;

    pool_init(&pool, POOL_INSURANCE, "USDT");
    ck_assert_uint_eq(
        merge(&pool, "{\"coin\":\"USDT\",\"symbols\":\"B\",\"balance\":\"2\"}", false), 0);
    ck_assert_uint_eq(pool.count, 1);
    ck_assert_str_eq(pool.rows[0].key, "B");
    pool_deinit(&pool);
}
END_TEST

static size_t into_market(struct market *to, const char *text, bool is_snapshot, int64_t ts_ms)
{
    struct json data;

    ck_assert_int_eq(json_open_trusted(&data, text, strlen(text), NULL), ERR_NONE);
    return market_merge_pool(to, POOL_GREEKS, "", &data, is_snapshot, ts_ms, ts_ms);
}

/* What was known before a break is not shown as what is: it may have gone meanwhile. */
START_TEST(rows_from_before_a_break_do_not_come_back)
{
    struct market *market_of = market_create();
    struct pool pool;

    ck_assert_uint_eq(
        into_market(market_of, "[{\"baseCoin\":\"ETH\",\"totalDelta\":\"5\"}]", false, 1), 0);
    ck_assert_uint_eq(
        into_market(market_of, "[{\"baseCoin\":\"SOL\",\"totalDelta\":\"6\"}]", false, 2), 0);
    ck_assert(market_pool(market_of, POOL_GREEKS, "", &pool));
    ck_assert_uint_eq(pool.count, 2);
    pool_deinit(&pool);
    market_stale_pool(market_of, POOL_GREEKS, "");
    ck_assert(!market_pool(market_of, POOL_GREEKS, "", &pool));
    ck_assert_uint_eq(
        into_market(market_of, "[{\"baseCoin\":\"BTC\",\"totalDelta\":\"7\"}]", false, 3), 0);
    ck_assert(market_pool(market_of, POOL_GREEKS, "", &pool));
    ck_assert_uint_eq(pool.count, 1);
    ck_assert_str_eq(pool.rows[0].key, "BTC");
    pool_deinit(&pool);
    market_destroy(market_of);
}
END_TEST

/* A frame that says nothing does not make the list newer, nor a stale one good. */
START_TEST(a_frame_that_cannot_be_read_makes_no_list_fresh)
{
    struct market *market_of = market_create();
    struct pool pool;

    ck_assert_uint_gt(into_market(market_of, "[7]", false, 1), 0);
    ck_assert(!market_pool(market_of, POOL_GREEKS, "", &pool));
    ck_assert_uint_eq(
        into_market(market_of, "[{\"baseCoin\":\"ETH\",\"totalDelta\":\"5\"}]", false, 2), 0);
    ck_assert_uint_gt(into_market(market_of, "[{\"baseCoin\":\"ETH\"}]", false, 3), 0);
    ck_assert(market_pool(market_of, POOL_GREEKS, "", &pool));
    ck_assert_int_eq(pool.ts_ms, 2);
    pool_deinit(&pool);
    market_stale_pool(market_of, POOL_GREEKS, "");
    ck_assert_uint_gt(into_market(market_of, "{}", true, 4), 0);
    ck_assert(!market_pool(market_of, POOL_GREEKS, "", &pool));
    market_destroy(market_of);
}
END_TEST

static const char *const unreadable[] = {
    "{}",
    "[1]",
    "[{}]",
    "[{\"s\":\"A\",\"c\":\"USDT\"}]",
    "[{\"s\":\"\",\"c\":\"USDT\",\"b\":1}]",
    "[{\"s\":\"A\",\"c\":\"USDT\",\"b\":\"x\"}]",
    "[{\"s\":7,\"c\":{},\"b\":1}]",
    "[{\"s\":"
    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAA\",\"c\":\"USDT\",\"b\":1}]",
};

START_TEST(a_row_that_cannot_be_read_costs_itself)
{
    struct pool pool;

    pool_init(&pool, POOL_ADL, "USDT");
    ck_assert_uint_eq(merge(&pool, unreadable[_i], false), 1);
    ck_assert_uint_eq(pool.count, 0);
    ck_assert_uint_eq(
        merge(&pool, "[{\"s\":\"A\",\"c\":\"USDT\",\"b\":-1.5,\"pr\":1e-7},{}]", false), 1);
    ck_assert_uint_eq(pool.count, 1);
    ck_assert_str_eq(shown(&pool.rows[0].values[ADL_BALANCE]), "-1.5");
    ck_assert_str_eq(shown(&pool.rows[0].values[ADL_DRAWDOWN]), "none");
    pool_deinit(&pool);
}
END_TEST

START_TEST(the_rows_are_bounded)
{
    struct pool pool;
    char text[80];

    pool_init(&pool, POOL_GREEKS, "");
    for (int i = 0; i < POOL_ROWS_MAX; i++) {
        (void)snprintf(text, sizeof(text), "[{\"baseCoin\":\"C%d\",\"totalDelta\":\"1\"}]", i);
        ck_assert_uint_eq(merge(&pool, text, false), 0);
    }
    ck_assert_uint_eq(merge(&pool, "[{\"baseCoin\":\"MORE\",\"totalDelta\":\"1\"}]", false), 1);
    ck_assert_uint_eq(merge(&pool, "[{\"baseCoin\":\"C7\",\"totalDelta\":\"2\"}]", false), 0);
    ck_assert_uint_eq(pool.count, POOL_ROWS_MAX);
    pool_deinit(&pool);
}
END_TEST

START_TEST(price_limits_are_read)
{
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        { "{\"symbol\":\"A\",\"buyLmt\":\"2\",\"sellLmt\":\"1\"}", true },
        { "[{\"symbol\":\"A\",\"buyLmt\":\"2\",\"sellLmt\":\"\"}]", true },
        { "{\"symbol\":\"A\"}", true },
        { "[]", false },
        { "{\"buyLmt\":\"2\"}", false },
        { "{\"symbol\":\"A\",\"buyLmt\":\"x\"}", false },
        { "7", false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct price_limit limit;
        struct json data;

        ck_assert_int_eq(json_open_trusted(&data, cases[i].text, strlen(cases[i].text), NULL),
                         ERR_NONE);
        ck_assert_msg((price_limit_read(&limit, &data, NULL) == ERR_NONE) == cases[i].ok, "%s",
                      cases[i].text);
    }
}
END_TEST

/* --- by the stream --- */

START_TEST(a_price_limit_is_kept_and_told)
{
    struct price_limit limit;
    int64_t recv_ms;

    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_PRICE_LIMIT, CATEGORY_LINEAR, "BTCUSDT", 0),
                     ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_PRICE_LIMIT, CATEGORY_OPTION, "BTC-1-C", 0),
                     ERR_INVALID);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    ck_assert_int_eq(ws_server_count(&server, "linear", "\"priceLimit.BTCUSDT\""), 1);
    send_fixture("linear", "ws_price_limit");
    WAIT(got.limits == 1);
    HOLDS(strcmp(shown(&got.limit.buy_max), "114450.00") == 0 && got.limit.ts_ms == 1750059683782);
    ck_assert(market_limit(market, CATEGORY_LINEAR, "BTCUSDT", &limit, &recv_ms));
    ck_assert_str_eq(shown(&limit.sell_min), "103550.00");
    ck_assert_int_eq(limit.category, CATEGORY_LINEAR);
    ws_server_cut(&server, "linear");
    WAIT(seen.lost == 1 && seen.states[LINK_PUBLIC_LINEAR][LINK_DOWN] == 1);
    HOLDS(seen.gap.kind == STREAM_PRICE_LIMIT && strcmp(seen.gap_symbol, "BTCUSDT") == 0);
    ck_assert(!market_limit(market, CATEGORY_LINEAR, "BTCUSDT", &limit, &recv_ms));
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    send_fixture("linear", "ws_price_limit");
    WAIT(got.limits == 2);
    HOLDS(seen.joined == 0); /* a state: its next value ends the gap */
    stream_drop(stream, STREAM_PRICE_LIMIT, CATEGORY_LINEAR, "BTCUSDT", 0);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_IDLE);
    ck_assert(!market_limit(market, CATEGORY_LINEAR, "BTCUSDT", &limit, &recv_ms));
    end();
}
END_TEST

START_TEST(pools_are_merged_and_told_whole)
{
    struct link_status status;
    struct pool pool;

    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_ADL, CATEGORY_LINEAR, "USDT", 0), ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_INSURANCE, CATEGORY_LINEAR, "USDT", 0), ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_ADL, CATEGORY_INVERSE, "inverse", 0), ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_ADL, CATEGORY_LINEAR, "inverse", 0), ERR_INVALID);
    ck_assert_int_eq(stream_want(stream, STREAM_INSURANCE, CATEGORY_SPOT, "USDT", 0), ERR_INVALID);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED &&
         state_of(LINK_PUBLIC_INVERSE) == LINK_CONNECTED);
    ck_assert_int_eq(ws_server_count(&server, "inverse", "\"adlAlert.inverse\""), 1);
    send_fixture("linear", "ws_adl");
    WAIT(got.pools == 1);
    HOLDS(got.kind == POOL_ADL && got.count == 3 && strcmp(got.first.key, "BERAUSDT") == 0 &&
          strcmp(shown(&got.first.values[ADL_DRAWDOWN]), "0.24576") == 0);
    send_fixture("linear", "ws_insurance_delta");
    WAIT(got.pools == 2);
    HOLDS(got.kind == POOL_INSURANCE && got.count == 4 && got.first.updated_ms == 1747722930000);
    ck_assert(ws_server_send(&server, "linear",
                             "{\"topic\":\"insurance.USDT\",\"type\":\"delta\",\"ts\":5,\"data\":[{"
                             "\"coin\":\"USDT\",\"symbols\":\"AAA\",\"balance\":\"1\"},{}]}"));
    WAIT(got.pools == 3);
    HOLDS(got.count == 5);
    WAIT((stream_link_status(stream, LINK_PUBLIC_LINEAR, &status), status.unreadable == 1));
    ck_assert(market_pool(market, POOL_INSURANCE, "USDT", &pool));
    ck_assert_uint_eq(pool.count, 5);
    ck_assert_int_eq(pool.ts_ms, 5);
    pool_deinit(&pool);
    ck_assert(!market_pool(market, POOL_ADL, "inverse", &pool));
    ws_server_cut(&server, "linear");
    WAIT(seen.lost == 2);
    ck_assert(!market_pool(market, POOL_INSURANCE, "USDT", &pool));
    end();
}
END_TEST

/* On the private socket only while somebody wants them, beside the account's own topics. */
START_TEST(greeks_are_subscribed_on_the_private_socket_when_wanted)
{
    struct pool pool;

    begin_plain(true);
    WAIT(seen.ups == 1);
    ck_assert_int_eq(ws_server_count(&server, "private", "greeks"), 0);
    ck_assert_int_eq(stream_want(stream, STREAM_GREEKS, CATEGORY_OPTION, "", 0), ERR_NONE);
    WAIT(ws_server_count(&server, "private", "\"subscribe\",\"args\":[\"greeks\"]") == 1);
    send_fixture("private", "ws_greeks");
    WAIT(got.pools == 1);
    HOLDS(got.kind == POOL_GREEKS && got.count == 1 && strcmp(got.first.coin, "ETH") == 0 &&
          strcmp(shown(&got.first.values[GREEKS_GAMMA]), "-0.00000001") == 0);
    ck_assert(market_pool(market, POOL_GREEKS, "", &pool));
    pool_deinit(&pool);
    ws_server_cut(&server, "private");
    WAIT(seen.lost == 1 && seen.downs == 1);
    WAIT(seen.ups == 2);
    HOLDS(seen.gap.kind == STREAM_GREEKS);
    WAIT(ws_server_count(&server, "private", "greeks") == 2);
    stream_drop(stream, STREAM_GREEKS, CATEGORY_OPTION, "", 0);
    WAIT(ws_server_count(&server, "private", "\"unsubscribe\",\"args\":[\"greeks\"]") == 1);
    ck_assert_int_eq(ws_server_count(&server, "private", "unsubscribe\",\"args\":[\"order"), 0);
    WAIT(!market_pool(market, POOL_GREEKS, "", &pool));
    HOLDS(seen.downs == 1);
    end();
}
END_TEST

/* Without a key there is no private socket. */
START_TEST(greeks_without_a_key_come_never)
{
    struct stream_topic list[2];

    begin_plain(false);
    ck_assert_int_eq(stream_want(stream, STREAM_GREEKS, CATEGORY_OPTION, "", 0), ERR_NONE);
    ck_assert_int_eq(stream_want(stream, STREAM_ADL, CATEGORY_LINEAR, "USDC", 0), ERR_NONE);
    WAIT(state_of(LINK_PUBLIC_LINEAR) == LINK_CONNECTED);
    ck_assert_int_eq(state_of(LINK_PRIVATE), LINK_IDLE);
    ck_assert_uint_eq(stream_topics(stream, list, 2), 1);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream pools");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    log_set_level(getenv("STREAM_LOG") ? LOG_DEBUG : LOG_ERROR);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, reset_pools, clean_up);
    tcase_add_test(tcase, a_delta_changes_rows_and_a_snapshot_replaces_all);
    tcase_add_loop_test(tcase, a_row_that_cannot_be_read_costs_itself, 0,
                        (int)ARRAY_LEN(unreadable));
    tcase_add_test(tcase, the_rows_are_bounded);
    tcase_add_test(tcase, a_row_may_come_alone);
    tcase_add_test(tcase, rows_from_before_a_break_do_not_come_back);
    tcase_add_test(tcase, a_frame_that_cannot_be_read_makes_no_list_fresh);
    tcase_add_test(tcase, price_limits_are_read);
    tcase_add_test(tcase, a_price_limit_is_kept_and_told);
    tcase_add_test(tcase, pools_are_merged_and_told_whole);
    tcase_add_test(tcase, greeks_are_subscribed_on_the_private_socket_when_wanted);
    tcase_add_test(tcase, greeks_without_a_key_come_never);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
