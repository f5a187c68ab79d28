/* api/metrics.c - GET /metrics: what base/metrics counted, and what the parts say of themselves, in
 * the Prometheus text format.
 *
 * A family is a head (# HELP, # TYPE) and its samples. Series of a table (endpoints, routes, codes)
 * are shown once they are not 0: most of them never are. */
#include "base/metrics.h"

#include <stdio.h>
#include <string.h>

#include "api/endpoints.h"
#include "api/errors.h"
#include "api/handlers.h"
#include "api/metrics_streams.h"
#include "api/reply.h"
#include "api/status.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/process.h"
#include "base/text.h"

#define PREFIX     METRICS_PREFIX
#define LABELS_MAX 480

/* --- one family, one sample --- */

static void one(struct buffer *out, const char *name, enum metrics_type type, const char *help,
                int64_t value)
{
    metrics_write_head(out, name, type, help);
    metrics_write_int(out, name, "", value);
}

static void one_micro(struct buffer *out, const char *name, enum metrics_type type,
                      const char *help, int64_t micro)
{
    metrics_write_head(out, name, type, help);
    metrics_write_micro(out, name, "", micro);
}

/* --- the bridge --- */

static void add_build(struct buffer *out, const struct api *api)
{
    char labels[LABELS_MAX];
    struct text text = text_in(labels, sizeof(labels));

    text_addf(&text, "version=\"%s\",env=\"%s\"", api->version, api->env);
    if (api->libraries)
        text_addf(&text, ",%s", api->libraries);
    metrics_write_head(out, PREFIX "build_info", METRICS_GAUGE,
                       "Always 1; version, environment and libraries are its labels.");
    metrics_write_int(out, PREFIX "build_info", labels, 1);
}

static void add_ready(struct buffer *out, const struct api *api)
{
    struct status_check checks[STATUS_CHECKS];
    char labels[64];

    one(out, PREFIX "ready", METRICS_GAUGE, "Whether GET /readyz answers 200.",
        status_check_all(api, checks));
    metrics_write_head(out, PREFIX "ready_check", METRICS_GAUGE,
                       "What being ready is made of: 1 is fulfilled.");
    for (size_t i = 0; i < STATUS_CHECKS; i++) {
        (void)snprintf(labels, sizeof(labels), "check=\"%s\"", checks[i].name);
        metrics_write_int(out, PREFIX "ready_check", labels, checks[i].ok);
    }
}

/* --- http --- */

static void add_requests(struct buffer *out, const struct metrics *metrics)
{
    static const char name[] = PREFIX "http_requests_total";
    char labels[160];

    metrics_write_head(
        out, name, METRICS_COUNTER,
        "Answers, by endpoint and class of status; a path that is none is \"other\".");
    for (size_t i = 0; i < METRICS_ENDPOINTS_MAX; i++) {
        const struct api_endpoint *endpoint = i < api_endpoints_count() ? api_endpoint_at(i) : NULL;

        for (int class = 0; class < METRICS_STATUS_CLASSES; class ++) {
            uint64_t count = metrics_value(&metrics->http.requests[i][class]);

            if (!count)
                continue;
            (void)snprintf(labels, sizeof(labels), "method=\"%s\",path=\"%s\",status=\"%dxx\"",
                           endpoint ? endpoint->method : "other",
                           endpoint ? endpoint->path : "other", class);
            metrics_write_int(out, name, labels, (int64_t)count);
        }
    }
}

static void add_refused(struct buffer *out, const struct metrics *metrics)
{
    static const char name[] = PREFIX "http_refused_total";
    char labels[96];

    metrics_write_head(out, name, METRICS_COUNTER,
                       "Requests refused before their endpoint saw them, by the problem's code.");
    for (size_t i = 0; i < api_problems_count() && i < METRICS_CODES_MAX; i++) {
        uint64_t count = metrics_value(&metrics->http.refused[i]);

        if (!count)
            continue;
        (void)snprintf(labels, sizeof(labels), "code=\"%s\"", api_problem_at(i)->code);
        metrics_write_int(out, name, labels, (int64_t)count);
    }
}

/* What the server tells for /status: members of `part` as gauges and counters. */
static const struct {
    const char *part;
    const char *member;
    const char *name;
    enum metrics_type type;
    const char *help;
} server_numbers[] = {
    { "http", "connections", PREFIX "http_connections", METRICS_GAUGE, "Local connections." },
    { "http", "in_flight", PREFIX "http_in_flight", METRICS_GAUGE,
      "Requests that wait for their answer." },
    { "http", "closed_slow", PREFIX "http_closed_slow_total", METRICS_COUNTER,
      "Connections closed because nothing moved on them." },
    { "streams", "readers", PREFIX "stream_readers", METRICS_GAUGE, "Readers of GET /stream." },
    { "streams", "max", PREFIX "stream_readers_max", METRICS_GAUGE,
      "How many readers there may be." },
    { "streams", "closed_slow", PREFIX "stream_readers_closed_slow_total", METRICS_COUNTER,
      "Readers closed because they took nothing." },
    { "streams", "dropped", PREFIX "stream_readers_dropped_total", METRICS_COUNTER,
      "States that were overwritten before a reader took them." },
    { "streams", "bytes", PREFIX "stream_readers_bytes", METRICS_GAUGE,
      "Memory of all readers: their cursors, and what is being sent to them." },
    { "streams", "bytes_max", PREFIX "stream_reader_bytes_max", METRICS_GAUGE,
      "The most memory that one reader has held." },
};

static void add_server(struct buffer *out, const struct api *api)
{
    struct buffer text = buffer_of((size_t)64 * 1024);
    struct json root;
    struct json part;
    int64_t value;

    json_add_open(&text, '{');
    if (api->add_server_status)
        api->add_server_status(&text, api->userdata);
    json_add_close(&text, '}');
    if (buffer_check(&text) == ERR_NONE &&
        json_open_trusted(&root, text.data, text.bytes, NULL) == ERR_NONE) {
        for (size_t i = 0; i < ARRAY_LEN(server_numbers); i++) {
            if (json_member(&root, server_numbers[i].part, &part) &&
                json_member_int(&part, server_numbers[i].member, &value) == ERR_NONE)
                one(out, server_numbers[i].name, server_numbers[i].type, server_numbers[i].help,
                    value);
        }
    }
    buffer_deinit(&text);
}

static void add_http(struct buffer *out, const struct api *api)
{
    static const char own[] = PREFIX "http_own_duration_seconds";

    add_requests(out, api->metrics);
    metrics_write_head(out, own, METRICS_HISTOGRAM,
                       "The bridge's own part of an answer's time, without its waits for the "
                       "exchange, the rate budget and the journal.");
    metrics_write_histogram(out, own, "", &api->metrics->http.own);
    add_refused(out, api->metrics);
}

/* --- upstream --- */

static void route_labels(char *out, size_t out_bytes, size_t route, int outcome)
{
    struct text text = text_in(out, out_bytes);

    text_addf(&text, "route=\"%s\"", bybit_route_info((enum bybit_route)route)->path);
    if (outcome >= 0)
        text_addf(&text, ",outcome=\"%s\"", metrics_outcome_word((enum metrics_outcome)outcome));
}

static void add_tries(struct buffer *out, const struct metrics *metrics, bool durations)
{
    static const char duration[] = PREFIX "upstream_request_duration_seconds";
    static const char total[] = PREFIX "upstream_requests_total";
    char labels[160];

    if (durations)
        metrics_write_head(out, duration, METRICS_HISTOGRAM,
                           "From the first byte of a request to its whole answer.");
    else
        metrics_write_head(out, total, METRICS_COUNTER,
                           "Requests to the exchange, each try, by how they ended.");
    for (size_t route = 0; route < ROUTE_COUNT; route++) {
        for (int outcome = 0; outcome < METRICS_OUTCOMES; outcome++) {
            const struct metrics_histogram *tries = &metrics->upstream.tries[route][outcome];
            uint64_t count = metrics_observations(tries);

            if (!count)
                continue;
            route_labels(labels, sizeof(labels), route, outcome);
            if (durations)
                metrics_write_histogram(out, duration, labels, tries);
            else
                metrics_write_int(out, total, labels, (int64_t)count);
        }
    }
}

static void add_by_route(struct buffer *out, const char *name, const char *help,
                         const struct metrics_counter counts[METRICS_ROUTES_MAX])
{
    char labels[160];

    metrics_write_head(out, name, METRICS_COUNTER, help);
    for (size_t route = 0; route < ROUTE_COUNT; route++) {
        if (!metrics_value(&counts[route]))
            continue;
        route_labels(labels, sizeof(labels), route, -1);
        metrics_write_int(out, name, labels, (int64_t)metrics_value(&counts[route]));
    }
}

static void add_windows(struct buffer *out, const struct api *api, int64_t now_ms)
{
    static const char *const names[] = { PREFIX "upstream_window_limit",
                                         PREFIX "upstream_window_left" };
    struct budget_window windows[BUDGET_WINDOWS_MAX];
    size_t count = budget_windows(api->budget, now_ms, windows);
    char labels[160];

    for (int left = 0; left <= 1; left++) {
        metrics_write_head(out, names[left], METRICS_GAUGE,
                           left ? "Requests left in the window of a route, now."
                                : "Requests in a second that a route allows.");
        for (size_t i = 0; i < count; i++) {
            (void)snprintf(labels, sizeof(labels), "route=\"%s\",category=\"%s\"",
                           bybit_route_info(windows[i].route)->path,
                           windows[i].per_category ? category_word(windows[i].category) : "all");
            metrics_write_int(out, names[left], labels, left ? windows[i].left : windows[i].limit);
        }
    }
}

static void add_lanes(struct buffer *out, const struct api *api)
{
    static const char waiting[] = PREFIX "upstream_lane_waiting";
    static const char throttled[] = PREFIX "upstream_lane_throttled_total";
    struct budget_lane_status lanes[BUDGET_LANES];
    char labels[32];

    budget_lanes(api->budget, lanes);
    metrics_write_head(out, waiting, METRICS_GAUGE, "Requests that wait for their turn, now.");
    for (int lane = 0; lane < BUDGET_LANES; lane++) {
        (void)snprintf(labels, sizeof(labels), "lane=\"%s\"",
                       budget_lane_word((enum budget_lane)lane));
        metrics_write_int(out, waiting, labels, lanes[lane].waiting);
    }
    metrics_write_head(out, throttled, METRICS_COUNTER,
                       "Requests of a lane that got no turn before their deadline.");
    for (int lane = 0; lane < BUDGET_LANES; lane++) {
        (void)snprintf(labels, sizeof(labels), "lane=\"%s\"",
                       budget_lane_word((enum budget_lane)lane));
        metrics_write_int(out, throttled, labels, (int64_t)lanes[lane].throttled);
    }
}

static void add_upstream(struct buffer *out, const struct api *api)
{
    int64_t now_ms = clock_mono_ms();
    int64_t banned_ms = budget_banned_until(api->budget) - now_ms;

    if (api->metrics) {
        add_tries(out, api->metrics, true);
        add_tries(out, api->metrics, false);
        add_by_route(out, PREFIX "upstream_throttled_total",
                     "Requests that got no turn before their deadline: the rate budget, or all "
                     "connections busy.",
                     api->metrics->upstream.throttled);
        add_by_route(out, PREFIX "upstream_retries_total", "Reads that were tried once more.",
                     api->metrics->upstream.retries);
    }
    one(out, PREFIX "upstream_ip_limit", METRICS_GAUGE,
        "Requests in 5 s that this address may use.", budget_ip_limit(api->budget));
    one(out, PREFIX "upstream_ip_left", METRICS_GAUGE, "Requests left of them, now.",
        budget_ip_left(api->budget, now_ms));
    one_micro(out, PREFIX "upstream_banned_seconds", METRICS_GAUGE,
              "How long the exchange's ban of this address still lasts.",
              banned_ms > 0 ? banned_ms * 1000 : 0);
    add_windows(out, api, now_ms);
    add_lanes(out, api);
}

/* --- journal --- */

static void add_commits(struct buffer *out, const struct metrics *metrics)
{
    static const char name[] = PREFIX "journal_commit_duration_seconds";

    metrics_write_head(out, name, METRICS_HISTOGRAM,
                       "Commits of the journal; synced: returned once the disk had it.");
    metrics_write_histogram(out, name, "synced=\"false\"", &metrics->journal.commits[0]);
    metrics_write_histogram(out, name, "synced=\"true\"", &metrics->journal.commits[1]);
    one(out, PREFIX "journal_rows_total", METRICS_COUNTER, "Rows committed.",
        (int64_t)metrics_value(&metrics->journal.rows));
    one(out, PREFIX "journal_commit_failures_total", METRICS_COUNTER,
        "Commits that failed; their rows are tried again.",
        (int64_t)metrics_value(&metrics->journal.failures));
}

/* All words are shown, so that an alarm can be set before the first difference. */
static void add_pnl_checks(struct buffer *out, const struct metrics *metrics)
{
    static const char checks[] = PREFIX "pnl_checks_total";
    static const char differences[] = PREFIX "pnl_differences_total";
    char labels[64];

    metrics_write_head(out, checks, METRICS_COUNTER,
                       "Answers of /pnl that were checked against the exchange's transaction log, "
                       "by how that ended.");
    for (int i = 0; i < METRICS_PNL_CHECKS; i++) {
        (void)snprintf(labels, sizeof(labels), "result=\"%s\"",
                       metrics_pnl_check_word((enum metrics_pnl_check)i));
        metrics_write_int(out, checks, labels,
                          (int64_t)metrics_value(&metrics->journal.pnl_checks[i]));
    }
    metrics_write_head(out, differences, METRICS_COUNTER,
                       "Executions that the journal lacks, that the log lacks, or that differ, in "
                       "each check that found them.");
    for (int i = 0; i < METRICS_DIFFERENCES; i++) {
        (void)snprintf(labels, sizeof(labels), "kind=\"%s\"",
                       metrics_difference_word((enum metrics_difference)i));
        metrics_write_int(out, differences, labels,
                          (int64_t)metrics_value(&metrics->journal.differences[i]));
    }
}

static void add_journal(struct buffer *out, const struct api *api)
{
    struct journal_status status;

    if (!api->journal)
        return;
    if (api->metrics) {
        add_commits(out, api->metrics);
        add_pnl_checks(out, api->metrics);
    }
    journal_get_status(api->journal, &status);
    one(out, PREFIX "journal_waiting_rows", METRICS_GAUGE, "Rows that are not committed yet.",
        (int64_t)status.waiting_rows);
    one_micro(out, PREFIX "journal_lag_seconds", METRICS_GAUGE,
              "Age of the oldest row that is not committed.", status.lag_ms * 1000);
    one(out, PREFIX "journal_file_bytes", METRICS_GAUGE, "The file, with its write-ahead log.",
        status.file_bytes);
    one(out, PREFIX "journal_down", METRICS_GAUGE, "1: it can't be written.", status.down);
}

static void add_engine(struct buffer *out, const struct api *api)
{
    struct engine_status status;

    if (!api->loop)
        return;
    loop_get_status(api->loop, &status);
    one(out, PREFIX "engine_ready", METRICS_GAUGE, "1: creates are taken.", status.ready);
    metrics_write_head(out, PREFIX "orders", METRICS_GAUGE, "Orders by state.");
    metrics_write_int(out, PREFIX "orders", "state=\"open\"", (int64_t)status.open);
    metrics_write_int(out, PREFIX "orders", "state=\"unknown\"", (int64_t)status.unknown);
    one(out, PREFIX "engine_orders_in_memory", METRICS_GAUGE, "Orders that the engine holds.",
        (int64_t)status.orders_in_memory);
    one(out, PREFIX "engine_waiters", METRICS_GAUGE, "Calls that wait for an order.",
        (int64_t)status.waiters);
    one(out, PREFIX "engine_anomalies_total", METRICS_COUNTER,
        "Evidence that contradicted what was known.", (int64_t)status.anomalies);
}

/* All limits are shown, so that an alarm can be set before the first refusal. */
static void add_guard(struct buffer *out, const struct api *api)
{
    static const char refused[] = PREFIX "guard_refused_total";
    struct engine_status status;
    char labels[64];

    if (!api->loop)
        return;
    loop_get_status(api->loop, &status);
    one(out, PREFIX "guard_killed", METRICS_GAUGE, "1: killed, no orders are taken.",
        status.killed || loop_is_killed(api->loop));
    one(out, PREFIX "guard_limits", METRICS_GAUGE, "Limits in force.", status.limits_on);
    if (!api->metrics)
        return;
    metrics_write_head(out, refused, METRICS_COUNTER, "Creates that the guard refused, by limit.");
    for (int i = 0; i <= GUARD_LIMIT_COUNT; i++) {
        (void)snprintf(labels, sizeof(labels), "limit=\"%s\"",
                       i < GUARD_LIMIT_COUNT ? guard_limit_word((enum guard_limit)i) : "killed");
        metrics_write_int(out, refused, labels,
                          (int64_t)metrics_value(&api->metrics->guard.refused[i]));
    }
}

static void add_clock(struct buffer *out, const struct api *api)
{
    int64_t bound_ms = clock_sync_uncertainty_ms(api->clock);
    bool synced = bound_ms < INT64_MAX; /* asked once: other threads reset it */

    one(out, PREFIX "clock_synced", METRICS_GAUGE, "1: the exchange's clock is known.", synced);
    if (!synced)
        return;
    one_micro(out, PREFIX "clock_offset_seconds", METRICS_GAUGE, "The exchange's clock minus ours.",
              clock_sync_offset_ms(api->clock) * 1000);
    one_micro(out, PREFIX "clock_bound_seconds", METRICS_GAUGE,
              "The offset is right within so much.", bound_ms * 1000);
}

/* --- the process, by the names that all programs use --- */

static void one_known(struct buffer *out, const char *name, const char *help, int64_t value)
{
    if (value >= 0)
        one(out, name, METRICS_GAUGE, help, value);
}

static void add_process(struct buffer *out, const struct api *api)
{
    struct process_usage usage;

    process_read_usage(&usage);
    one_micro(out, "process_start_time_seconds", METRICS_GAUGE, "Start, in Unix time.",
              api->started_ms * 1000);
    if (usage.cpu_us >= 0)
        one_micro(out, "process_cpu_seconds_total", METRICS_COUNTER, "User and system time.",
                  usage.cpu_us);
    one_known(out, "process_resident_memory_bytes", "Resident memory.", usage.rss_bytes);
    one_known(out, "process_virtual_memory_bytes", "Virtual memory.", usage.virtual_bytes);
    one_known(out, "process_open_fds", "Open file descriptors.", usage.open_fds);
    one_known(out, "process_max_fds", "How many there may be.", usage.max_fds);
    one_known(out, "process_threads", "Threads.", usage.threads);
}

void handle_metrics(const struct api *api, struct api_call *call)
{
    struct buffer *out = api_reply_begin(call);

    add_build(out, api);
    add_ready(out, api);
    if (api->metrics)
        add_http(out, api);
    add_server(out, api);
    add_upstream(out, api);
    add_journal(out, api);
    metrics_add_streams(out, api);
    add_engine(out, api);
    add_guard(out, api);
    add_clock(out, api);
    add_process(out, api);
    api_reply(call, 200, METRICS_CONTENT_TYPE);
}
