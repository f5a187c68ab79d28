/* /status and /metrics, of parts that are well, ill or not there; windows of the rate budget. */
#include <time.h>

#include "base/json.h"
#include "base/metrics.h"
#include "test_api_run.h"

static struct metrics *metrics;

static void setup(void)
{
    kit_open();
    metrics = metrics_create();
    ck_assert_ptr_nonnull(metrics);
    kit.api.metrics = metrics;
    kit.api.libraries = "libcurl=\"7.88.1\"";
    kit.journal.path = "/a/b.db";
}

static void teardown(void)
{
    kit_close();
    metrics_destroy(metrics);
}

static void add_server(struct buffer *out, void *userdata)
{
    static const char streams[] = "{\"readers\":3,\"max\":2000,\"closed_slow\":4,\"dropped\":5,"
                                  "\"bytes\":9000,\"bytes_max\":6000}";
    static const char http[] = "{\"connections\":6,\"in_flight\":7,\"closed_slow\":8}";

    (void)userdata;
    json_add_key(out, "streams");
    json_add_raw(out, streams, strlen(streams));
    json_add_key(out, "http");
    json_add_raw(out, http, strlen(http));
}

static bool has_line(const char *line)
{
    char text[512];

    (void)snprintf(text, sizeof(text), "\n%s\n", line);
    return kit_says(text);
}

static void expect_lines(const char *const *lines, size_t count)
{
    ck_assert_int_eq(kit_get("/metrics"), 200);
    ck_assert_str_eq(kit.call.content_type, METRICS_CONTENT_TYPE);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(has_line(lines[i]), "%s", lines[i]);
}

/* --- /metrics --- */

#define TRIES_SUM "bybit_bridge_upstream_request_duration_seconds_sum"

START_TEST(metrics_say_what_the_parts_say)
{
    static const char *const lines[] = {
        "bybit_bridge_build_info{version=\"0.1.0\",env=\"sim\",libcurl=\"7.88.1\"} 1",
        "bybit_bridge_ready 1",
        "bybit_bridge_orders{state=\"open\"} 11",
        "bybit_bridge_orders{state=\"unknown\"} 2",
        "bybit_bridge_engine_anomalies_total 9",
        "bybit_bridge_journal_waiting_rows 12",
        "bybit_bridge_journal_lag_seconds 1.500000",
        "bybit_bridge_journal_file_bytes 4096",
        "bybit_bridge_journal_down 0",
        "bybit_bridge_stream_readers 3",
        "bybit_bridge_stream_readers_closed_slow_total 4",
        "bybit_bridge_stream_readers_dropped_total 5",
        "bybit_bridge_stream_readers_bytes 9000",
        "bybit_bridge_stream_reader_bytes_max 6000",
        "bybit_bridge_http_connections 6",
        "bybit_bridge_http_in_flight 7",
        "bybit_bridge_http_closed_slow_total 8",
        "bybit_bridge_link_state{link=\"private\",state=\"connected\"} 1",
        "bybit_bridge_link_state{link=\"private\",state=\"down\"} 0",
        "bybit_bridge_link_reconnects_total{link=\"private\"} 13",
        "bybit_bridge_link_lossy_books{link=\"public.spot\"} 1",
        "bybit_bridge_upstream_ip_limit 550",
        "bybit_bridge_upstream_banned_seconds 0.000000",
        "bybit_bridge_clock_synced 1",
        "process_start_time_seconds 1700000000.000000",
    };

    kit.api.add_server_status = add_server;
    kit.engine.open = 11;
    kit.engine.unknown = 2;
    kit.engine.anomalies = 9;
    kit.journal.waiting_rows = 12;
    kit.journal.lag_ms = 1500;
    kit.journal.file_bytes = 4096;
    kit.link.reconnects = 13;
    kit.link.lossy_books = 1;
    expect_lines(lines, ARRAY_LEN(lines));
}
END_TEST

START_TEST(metrics_say_what_was_counted)
{
    static const char *const lines[] = {
        "bybit_bridge_http_requests_total{method=\"other\",path=\"other\",status=\"4xx\"} 2",
        "bybit_bridge_http_requests_total{method=\"GET\",path=\"/\",status=\"2xx\"} 1",
        "bybit_bridge_http_refused_total{code=\"bad_request\"} 3",
        "bybit_bridge_upstream_requests_total{route=\"/v5/order/create\",outcome=\"lost\"} 1",
        TRIES_SUM "{route=\"/v5/order/create\",outcome=\"lost\"} 5.000000",
        "bybit_bridge_upstream_throttled_total{route=\"/v5/market/time\"} 1",
        "bybit_bridge_upstream_retries_total{route=\"/v5/market/tickers\"} 1",
        "bybit_bridge_journal_commit_duration_seconds_count{synced=\"true\"} 1",
        "bybit_bridge_journal_commit_duration_seconds_count{synced=\"false\"} 0",
        "bybit_bridge_link_delay_seconds_bucket{link=\"public.linear\",le=\"0.005\"} 1",
        "bybit_bridge_upstream_lane_waiting{lane=\"create\"} 3",
        "bybit_bridge_upstream_lane_throttled_total{lane=\"read\"} 1",
    };
    const struct budget_claim creates = { .route = ROUTE_ORDER_CREATE, .lane = BUDGET_CREATE };

    metrics_count_n(&metrics->http.requests[METRICS_ENDPOINTS_MAX - 1][4], 2);
    metrics_count(&metrics->http.requests[0][2]);
    metrics_count_n(&metrics->http.refused[0], 3);
    metrics_observe(&metrics->upstream.tries[ROUTE_ORDER_CREATE][METRICS_LOST], 5000000);
    metrics_count(&metrics->upstream.throttled[ROUTE_TIME]);
    metrics_count(&metrics->upstream.retries[ROUTE_TICKERS]);
    metrics_observe(&metrics->journal.commits[1], 100);
    metrics_observe(&metrics->stream.delays[LINK_PUBLIC_LINEAR], 3000);
    budget_waits(kit.api.budget, &creates, 3);
    budget_count_throttled(kit.api.budget, BUDGET_READ);
    expect_lines(lines, ARRAY_LEN(lines));
}
END_TEST

START_TEST(all_that_is_counted_has_a_place)
{
    ck_assert_uint_lt(api_endpoints_count(), METRICS_ENDPOINTS_MAX);
    ck_assert_uint_le(api_problems_count(), METRICS_CODES_MAX);
}
END_TEST

START_TEST(metrics_of_an_ill_bridge_say_so)
{
    static const char *const lines[] = {
        "bybit_bridge_ready 0",
        "bybit_bridge_ready_check{check=\"journal\"} 0",
        "bybit_bridge_ready_check{check=\"clock\"} 0",
        "bybit_bridge_ready_check{check=\"limits\"} 0",
        "bybit_bridge_journal_down 1",
        "bybit_bridge_engine_ready 0",
        "bybit_bridge_clock_synced 0",
        "bybit_bridge_link_state{link=\"rest\",state=\"down\"} 1",
        "bybit_bridge_link_state{link=\"private\",state=\"stale\"} 1",
    };

    kit.journal.down = true;
    kit.engine.ready = false;
    kit.link.state = LINK_STALE;
    clock_sync_reset(kit.api.clock);
    budget_ban(kit.api.budget, clock_mono_ms(), 60000);
    expect_lines(lines, ARRAY_LEN(lines));
    ck_assert(!kit_says("bybit_bridge_clock_offset_seconds"));
    ck_assert(!kit_says("upstream_banned_seconds 0.0"));
}
END_TEST

START_TEST(metrics_without_keys_leave_out_what_is_not_there)
{
    kit.api.has_keys = false;
    kit.api.journal = NULL;
    kit.api.loop = NULL;
    kit.api.metrics = NULL;
    ck_assert_int_eq(kit_get("/metrics"), 200);
    ck_assert(!kit_says("bybit_bridge_journal") && !kit_says("bybit_bridge_engine"));
    ck_assert(!kit_says("link=\"private\""));
    ck_assert(kit_says("\nbybit_bridge_link_state{link=\"public.spot\",state=\"connected\"} 1\n"));
}
END_TEST

/* --- /status --- */

static cJSON *get_status(void)
{
    ck_assert_int_eq(kit_get("/status"), 200);
    return kit_json();
}

static const cJSON *at(const cJSON *json, const char *part, const char *member)
{
    const cJSON *found =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(json, part), member);

    ck_assert_msg(found, "%s.%s", part, member);
    return found;
}

START_TEST(status_tells_the_journal_and_the_ban)
{
    cJSON *json;

    kit.journal.down = true;
    kit.journal.lag_ms = 2500;
    kit.journal.epoch = 77;
    budget_ban(kit.api.budget, clock_mono_ms(), 60000);
    json = get_status();
    ck_assert_str_eq(at(json, "journal", "path")->valuestring, "/a/b.db");
    ck_assert_str_eq(at(json, "journal", "state")->valuestring, "down");
    ck_assert_int_eq(at(json, "journal", "lag_ms")->valueint, 2500);
    ck_assert_int_eq(at(json, "journal", "epoch")->valueint, 77);
    ck_assert(cJSON_IsNull(at(json, "journal", "last_commit_at")));
    ck_assert_int_gt(at(json, "budget", "banned_for_ms")->valueint, 50000);
    ck_assert(cJSON_IsString(at(json, "budget", "banned_until")));
    ck_assert_int_eq(at(json, "budget", "ip_limit")->valueint, 550);
    ck_assert_int_eq(cJSON_GetArraySize(at(json, "budget", "lanes")), BUDGET_LANES);
    ck_assert_str_eq(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(at(json, "budget", "lanes"), 0), "lane")
            ->valuestring,
        "cancel");
    ck_assert_int_ge(at(json, "clock", "sample_age_ms")->valueint, 0);
    cJSON_Delete(json);
}
END_TEST

START_TEST(status_is_null_where_nothing_is_known)
{
    cJSON *json;

    kit.api.has_keys = false;
    kit.api.journal = NULL;
    kit.api.loop = NULL;
    clock_sync_reset(kit.api.clock);
    json = get_status();
    ck_assert(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "journal")));
    ck_assert(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "engine")));
    ck_assert(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "key")));
    ck_assert(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "site")));
    ck_assert(cJSON_IsNull(at(json, "clock", "offset_ms")));
    ck_assert(cJSON_IsNull(at(json, "clock", "sample_age_ms")));
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "links")), 5);
    cJSON_Delete(json);
}
END_TEST

START_TEST(status_tells_delays_by_link)
{
    const cJSON *links;
    const cJSON *link;
    cJSON *json;

    for (int i = 0; i < 99; i++)
        metrics_observe(&metrics->stream.delays[LINK_PUBLIC_LINEAR], 2000);
    metrics_observe(&metrics->stream.delays[LINK_PUBLIC_LINEAR], 60000000);
    atomic_store(&metrics->upstream.answered_ms, clock_wall_ms() - 5000);
    json = get_status();
    links = cJSON_GetObjectItemCaseSensitive(json, "links");
    link = cJSON_GetArrayItem(links, 0);
    ck_assert_int_ge(cJSON_GetObjectItemCaseSensitive(link, "age_ms")->valueint, 5000);
    link = cJSON_GetArrayItem(links, 1 + LINK_PUBLIC_LINEAR);
    ck_assert_int_eq(cJSON_GetObjectItemCaseSensitive(link, "delay_p50_us")->valueint, 2500);
    ck_assert_int_eq(cJSON_GetObjectItemCaseSensitive(link, "delay_p99_us")->valueint, 2500);
    ck_assert(cJSON_IsNull(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(links, 1), "delay_p50_us")));
    cJSON_Delete(json);
}
END_TEST

/* --- windows of the budget --- */

static void take(struct budget *budget, enum bybit_route route)
{
    struct budget_claim claim = { .route = route, .category = CATEGORY_LINEAR };

    ck_assert_int_eq(budget_take(budget, &claim, 1000), 0);
}

START_TEST(windows_are_listed_once_they_were_used)
{
    struct budget_window windows[BUDGET_WINDOWS_MAX];
    const struct budget_said said = { .limit = -1, .left = -1, .hold_ms = 500 };
    struct budget_claim held = { .route = ROUTE_TICKERS };
    struct budget *budget = budget_create(100);

    ck_assert_uint_eq(budget_windows(budget, 1000, windows), 0);
    ck_assert_int_eq(budget_ip_limit(budget), 100);
    for (int i = 0; i < 3; i++)
        take(budget, ROUTE_ORDER_CREATE);
    take(budget, ROUTE_WALLET);
    take(budget, ROUTE_TICKERS);
    ck_assert_uint_eq(budget_windows(budget, 1000, windows), 2);
    ck_assert_int_eq(windows[0].route, ROUTE_ORDER_CREATE);
    ck_assert(windows[0].per_category && windows[0].category == CATEGORY_LINEAR);
    ck_assert_int_eq(windows[0].limit, 10);
    ck_assert_int_eq(windows[0].left, 7);
    ck_assert_int_eq(windows[1].route, ROUTE_WALLET);
    ck_assert(!windows[1].per_category);
    budget_answered(budget, &held, &said, 1000);
    ck_assert_uint_eq(budget_windows(budget, 1100, windows), 3);
    ck_assert_int_eq(windows[0].route, ROUTE_TICKERS);
    ck_assert_int_eq(windows[0].held_for_ms, 400);
    ck_assert_uint_eq(budget_windows(budget, 1000 + 2000, windows), 2);
    ck_assert_int_eq(windows[0].left, 10);
    budget_destroy(budget);
}
END_TEST

START_TEST(all_windows_fit)
{
    struct budget_window windows[BUDGET_WINDOWS_MAX];
    const struct budget_said said = { .limit = 100, .left = 50 };
    struct budget *budget = budget_create(100000);
    size_t count = 0;

    for (int route = 0; route < ROUTE_COUNT; route++) {
        bool per_category = bybit_route_info((enum bybit_route)route)->per_category;

        count += per_category ? CATEGORY_COUNT : 1;
        for (int category = 0; category < CATEGORY_COUNT; category++)
            budget_answered(budget,
                            &(struct budget_claim){ .route = (enum bybit_route)route,
                                                    .category = (enum category)category },
                            &said, 1);
    }
    ck_assert_uint_eq(budget_windows(budget, 1, windows), count);
    ck_assert_uint_le(count, BUDGET_WINDOWS_MAX);
    budget_destroy(budget);
}
END_TEST

/* --- times --- */

START_TEST(a_scrape_with_all_series_is_quick)
{
    struct timespec began;
    struct timespec ended;
    size_t lines = 0;

    for (size_t i = 0; i < METRICS_ROUTES_MAX; i++) {
        for (int j = 0; j < METRICS_OUTCOMES; j++)
            metrics_observe(&metrics->upstream.tries[i][j], 1);
    }
    ck_assert_int_eq(kit_get("/metrics"), 200);
    clock_gettime(CLOCK_MONOTONIC, &began);
    ck_assert_int_eq(kit_get("/metrics"), 200);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    for (const char *line = kit.call.reply.data; (line = strchr(line, '\n')); line++)
        lines++;
    printf("%zu lines in %ld us\n", lines,
           (ended.tv_sec - began.tv_sec) * 1000000 + (ended.tv_nsec - began.tv_nsec) / 1000);
    ck_assert_uint_gt(lines, 1500);
    ck_assert_int_lt(ended.tv_sec - began.tv_sec, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("status");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failures;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, metrics_say_what_the_parts_say);
    tcase_add_test(tcase, metrics_say_what_was_counted);
    tcase_add_test(tcase, all_that_is_counted_has_a_place);
    tcase_add_test(tcase, metrics_of_an_ill_bridge_say_so);
    tcase_add_test(tcase, metrics_without_keys_leave_out_what_is_not_there);
    tcase_add_test(tcase, status_tells_the_journal_and_the_ban);
    tcase_add_test(tcase, status_is_null_where_nothing_is_known);
    tcase_add_test(tcase, status_tells_delays_by_link);
    tcase_add_test(tcase, windows_are_listed_once_they_were_used);
    tcase_add_test(tcase, all_windows_fit);
    tcase_add_test(tcase, a_scrape_with_all_series_is_quick);
    suite_add_tcase(suite, tcase);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
