/* api/status_report.c - GET /status: every part and how it is. Members are always there, null when
 * there is nothing to say; durations and ages are in the unit of their name. */
#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "api/handlers.h"
#include "api/members.h"
#include "api/reply.h"
#include "api/status.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/metrics.h"
#include "base/process.h"

#define BOUND_MAX_MS INT64_C(86400000)

/* What the exchange says that the key may do; null: it is not known. */
static void add_key(struct buffer *out, const struct api *api)
{
    struct key_info key;

    json_add_key(out, "key");
    if (!api->key || !key_check_get(api->key, &key)) {
        json_add_null(out);
        return;
    }
    json_add_open(out, '{');
    member_bool(out, "read_only", key.read_only);
    member_bool(out, "can_withdraw", key.can_withdraw);
    member_bool(out, "ip_bound", key.ip_bound);
    api_add_permissions(out, key.rights);
    member_time(out, "expires_at", key.expires_ms);
    member_time(out, "as_of", key.as_of_ms);
    json_add_close(out, '}');
}

/* --- links --- */

/* Upper bounds of the buckets: what half, and all but a hundredth, stayed below. */
static void add_delay(struct buffer *out, const struct metrics_histogram *delays)
{
    int64_t half_us = delays ? metrics_percentile_us(delays, 50) : -1;
    int64_t most_us = delays ? metrics_percentile_us(delays, 99) : -1;

    member_int_if(out, "delay_p50_us", half_us >= 0, half_us);
    member_int_if(out, "delay_p99_us", most_us >= 0, most_us);
}

static void add_link(struct buffer *out, const char *link, const char *state,
                     const struct link_status *status, const struct metrics_histogram *delays)
{
    int64_t age_ms = clock_wall_ms() - status->last_data_ms;

    json_add_open(out, '{');
    member_text(out, "link", link);
    member_text(out, "state", state);
    member_time(out, "since", status->since_ms);
    member_int_if(out, "age_ms", status->last_data_ms > 0, age_ms > 0 ? age_ms : 0);
    member_int(out, "sockets", status->sockets);
    member_int(out, "reconnects", status->reconnects);
    member_int(out, "topics", status->topics);
    member_int(out, "lossy_books", status->lossy_books);
    member_int(out, "unreadable", status->unreadable);
    add_delay(out, delays);
    json_add_close(out, '}');
}

static void add_rest_link(struct buffer *out, const struct api *api)
{
    struct link_status status = { 0 };

    if (api->metrics)
        status.last_data_ms =
            atomic_load_explicit(&api->metrics->upstream.answered_ms, memory_order_relaxed);
    add_link(out, "rest", status_rest_state(api), &status, NULL);
}

static void add_links(struct buffer *out, const struct api *api)
{
    json_add_key(out, "links");
    json_add_open(out, '[');
    add_rest_link(out, api);
    for (int link = 0; link < STREAM_LINK_COUNT; link++) {
        struct link_status status;

        if (link == LINK_PRIVATE && !api->has_keys)
            continue;
        stream_link_status(api->stream, (enum stream_link)link, &status);
        add_link(out, stream_link_word((enum stream_link)link), link_state_word(status.state),
                 &status, api->metrics ? &api->metrics->stream.delays[link] : NULL);
    }
    json_add_close(out, ']');
}

static void add_book_checks(struct buffer *out, const struct api *api)
{
    json_add_key(out, "book_checks");
    json_add_open(out, '{');
    for (int i = 0; i < METRICS_CHECKS; i++)
        member_int(out, metrics_check_word((enum metrics_check)i),
                   api->metrics ? (int64_t)metrics_value(&api->metrics->stream.book_checks[i]) : 0);
    json_add_close(out, '}');
}

/* --- clock and budget --- */

static void add_clock(struct buffer *out, const struct api *api)
{
    bool synced = clock_sync_ready(api->clock);
    int64_t bound_ms = clock_sync_uncertainty_ms(api->clock);
    int64_t age_ms = clock_sync_age_ms(api->clock);

    json_add_key(out, "clock");
    json_add_open(out, '{');
    member_bool(out, "synced", synced);
    member_int_if(out, "offset_ms", synced,
                  clock_sync_offset_ms(api->clock)); /* theirs minus ours */
    member_int_if(out, "bound_ms", synced && bound_ms < BOUND_MAX_MS, bound_ms);
    member_int_if(out, "sample_age_ms", age_ms < INT64_MAX, age_ms);
    json_add_close(out, '}');
}

static void add_window(struct buffer *out, const struct budget_window *window)
{
    json_add_open(out, '{');
    member_text(out, "route", bybit_route_info(window->route)->path);
    member_text(out, "category", window->per_category ? category_word(window->category) : NULL);
    member_int(out, "limit", window->limit);
    member_int(out, "left", window->left);
    member_int(out, "held_for_ms", window->held_for_ms);
    json_add_close(out, '}');
}

static void add_lanes(struct buffer *out, struct budget *budget)
{
    struct budget_lane_status lanes[BUDGET_LANES];

    budget_lanes(budget, lanes);
    json_add_key(out, "lanes");
    json_add_open(out, '[');
    for (int lane = 0; lane < BUDGET_LANES; lane++) {
        json_add_open(out, '{');
        member_text(out, "lane", budget_lane_word((enum budget_lane)lane));
        member_int(out, "waiting", lanes[lane].waiting);
        member_int(out, "throttled", (int64_t)lanes[lane].throttled);
        json_add_close(out, '}');
    }
    json_add_close(out, ']');
}

static void add_budget(struct buffer *out, const struct api *api)
{
    struct budget_window windows[BUDGET_WINDOWS_MAX];
    int64_t now_ms = clock_mono_ms();
    int64_t banned_ms = budget_banned_until(api->budget) - now_ms;
    size_t count = budget_windows(api->budget, now_ms, windows);

    json_add_key(out, "budget");
    json_add_open(out, '{');
    member_int(out, "ip_limit", budget_ip_limit(api->budget));
    member_int(out, "ip_left", budget_ip_left(api->budget, now_ms));
    member_int(out, "banned_for_ms", banned_ms > 0 ? banned_ms : 0);
    member_time(out, "banned_until", banned_ms > 0 ? clock_wall_ms() + banned_ms : 0);
    json_add_key(out, "windows");
    json_add_open(out, '[');
    for (size_t i = 0; i < count; i++)
        add_window(out, &windows[i]);
    json_add_close(out, ']');
    add_lanes(out, api->budget);
    json_add_close(out, '}');
}

/* --- journal, engine, the rest --- */

static void add_journal(struct buffer *out, const struct api *api)
{
    struct journal_status status;

    json_add_key(out, "journal");
    if (!api->journal) {
        json_add_null(out);
        return;
    }
    journal_get_status(api->journal, &status);
    json_add_open(out, '{');
    member_text(out, "path", status.path);
    member_text(out, "state", status.down ? "down" : "open");
    member_int(out, "committed", (int64_t)status.committed);
    member_int(out, "waiting_rows", (int64_t)status.waiting_rows);
    member_int(out, "lag_ms", status.lag_ms);
    member_int(out, "last_commit_us", status.last_commit_us);
    member_time(out, "last_commit_at", status.last_commit_ms);
    member_int(out, "file_bytes", status.file_bytes);
    member_int(out, "epoch", (int64_t)status.epoch);
    json_add_close(out, '}');
}

static void add_engine(struct buffer *out, const struct api *api)
{
    struct engine_status status;

    json_add_key(out, "engine");
    if (!api->loop) {
        json_add_null(out);
        return;
    }
    loop_get_status(api->loop, &status);
    json_add_open(out, '{');
    member_bool(out, "ready", status.ready);
    member_text(out, "why", status.why);
    member_bool(out, "recovering", status.recovering);
    member_time(out, "watermark_at", status.watermark_ms);
    member_time(out, "options_owed_from", status.options_owed_ms);
    member_int(out, "last_seq", (int64_t)status.last_seq);
    member_int(out, "position", (int64_t)status.last_position);
    member_int(out, "orders_in_memory", (int64_t)status.orders_in_memory);
    member_int(out, "open", (int64_t)status.open);
    member_int(out, "unknown", (int64_t)status.unknown);
    member_int(out, "waiters", (int64_t)status.waiters);
    member_int(out, "anomalies", (int64_t)status.anomalies);
    json_add_close(out, '}');
}

/* GET /guard has all of it. */
static void add_guard(struct buffer *out, const struct api *api)
{
    struct engine_status status;

    json_add_key(out, "guard");
    if (!api->loop) {
        json_add_null(out);
        return;
    }
    loop_get_status(api->loop, &status);
    json_add_open(out, '{');
    member_bool(out, "killed", status.killed || loop_is_killed(api->loop));
    member_bool(out, "clear", status.kill_clear);
    member_time(out, "since", status.guard_since_ms);
    member_int(out, "limits_on", status.limits_on);
    json_add_close(out, '}');
}

static void add_symbols(struct buffer *out, const struct api *api)
{
    const struct instruments *all = instruments_newest(api->instruments);

    json_add_key(out, "symbols");
    json_add_open(out, '{');
    member_int(out, "count", all ? (int64_t)instruments_count(all) : 0);
    member_time(out, "as_of", all ? instruments_as_of_ms(all) : 0);
    json_add_close(out, '}');
    instruments_unref(all);
}

static void add_process(struct buffer *out)
{
    struct process_usage usage;

    process_read_usage(&usage);
    json_add_key(out, "process");
    json_add_open(out, '{');
    member_int_if(out, "rss_bytes", usage.rss_bytes >= 0, usage.rss_bytes);
    member_int_if(out, "open_files", usage.open_fds >= 0, usage.open_fds);
    member_int_if(out, "max_files", usage.max_fds >= 0, usage.max_fds);
    member_int_if(out, "cpu_ms", usage.cpu_us >= 0, usage.cpu_us / 1000);
    member_int_if(out, "threads", usage.threads >= 0, usage.threads);
    json_add_close(out, '}');
}

void handle_status(const struct api *api, struct api_call *call)
{
    struct status_check checks[STATUS_CHECKS];
    bool ready = status_check_all(api, checks);
    int64_t now_ms = clock_wall_ms();
    int64_t uptime_ms = now_ms - api->started_ms;
    struct buffer *out = api_reply_begin(call);

    json_add_open(out, '{');
    member_text(out, "version", api->version);
    member_text(out, "env", api->env);
    member_text(out, "site", api->site);
    member_bool(out, "keys", api->has_keys);
    add_key(out, api);
    member_text(out, "default_category", category_word(api->default_category));
    member_time(out, "started_at", api->started_ms);
    member_int(out, "uptime_s", uptime_ms > 0 ? uptime_ms / 1000 : 0);
    member_time(out, "as_of", now_ms);
    member_bool(out, "ready", ready);
    status_add_reasons(out, checks);
    add_links(out, api);
    add_book_checks(out, api);
    add_clock(out, api);
    add_budget(out, api);
    add_journal(out, api);
    add_engine(out, api);
    add_guard(out, api);
    add_symbols(out, api);
    add_process(out);
    if (api->add_server_status)
        api->add_server_status(out, api->userdata);
    json_add_close(out, '}');
    api_reply(call, 200, API_JSON);
}
