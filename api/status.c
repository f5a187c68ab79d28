/* api/status.c - is it alive, is it ready, and how are its parts. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "api/handlers.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define BOUND_MAX_MS INT64_C(86400000)

/* --- readiness --- */

struct check {
    const char *name;
    bool ok;
    char why[160];
};

enum {
    CHECK_JOURNAL,
    CHECK_CLOCK,
    CHECK_SYMBOLS,
    CHECK_PRIVATE,
    CHECK_ENGINE,
    CHECK_LIMITS,
    CHECK_COUNT
};

static struct check check_of(const char *name, bool ok, const char *why)
{
    struct check check = { .name = name, .ok = ok };
    struct text text = text_in(check.why, sizeof(check.why));

    if (!ok)
        text_add(&text, why);
    return check;
}

static struct check check_journal(const struct api *api)
{
    struct journal_status status;

    if (!api->journal)
        return check_of("journal", !api->has_keys, "it is not open");
    journal_get_status(api->journal, &status);
    return check_of("journal", !status.down, "it can't be written: no orders are sent");
}

static struct check check_symbols(const struct api *api)
{
    const struct instruments *all = instruments_newest(api->instruments);
    struct check check = check_of("symbols", all, "the list of symbols is not loaded yet");

    instruments_unref(all);
    return check;
}

static struct check check_private(const struct api *api)
{
    struct link_status status;
    char why[80];
    struct text text = text_in(why, sizeof(why));

    if (!api->has_keys)
        return check_of("private", true, "");
    stream_link_status(api->stream, LINK_PRIVATE, &status);
    text_addf(&text, "the private stream is %s", link_state_word(status.state));
    return check_of("private", status.state == LINK_CONNECTED, why);
}

static struct check check_engine(const struct api *api)
{
    struct engine_status status;

    if (!api->has_keys)
        return check_of("engine", true, "");
    if (!api->loop)
        return check_of("engine", false, "it does not run");
    loop_get_status(api->loop, &status);
    if (status.recovering)
        return check_of("engine", false, status.why[0] ? status.why : "it is recovering");
    return check_of("engine", status.ready, status.why);
}

/* After HTTP 403 "too frequent" all REST stops, so no order can leave. */
static struct check check_limits(const struct api *api)
{
    int64_t left_ms = budget_banned_until(api->budget) - clock_mono_ms();
    char why[96];
    struct text text = text_in(why, sizeof(why));

    text_addf(&text, "the exchange bans this IP: nothing is sent for %" PRId64 " s",
              (left_ms + 999) / 1000);
    return check_of("limits", left_ms <= 0, why);
}

static bool check_all(const struct api *api, struct check checks[CHECK_COUNT])
{
    bool ready = true;

    checks[CHECK_JOURNAL] = check_journal(api);
    /* Without keys nothing is signed, and no clock is asked for. */
    checks[CHECK_CLOCK] = check_of("clock", !api->has_keys || clock_sync_ready(api->clock),
                                   "the exchange's clock is not known yet");
    checks[CHECK_SYMBOLS] = check_symbols(api);
    checks[CHECK_PRIVATE] = check_private(api);
    checks[CHECK_ENGINE] = check_engine(api);
    checks[CHECK_LIMITS] = check_limits(api);
    for (size_t i = 0; i < CHECK_COUNT; i++)
        ready = ready && checks[i].ok;
    return ready;
}

/* "clock: the exchange's clock is not known yet; ..." */
static const char *reasons(const struct check checks[CHECK_COUNT], char *out, size_t out_bytes)
{
    struct text text = text_in(out, out_bytes);

    for (size_t i = 0; i < CHECK_COUNT; i++) {
        if (!checks[i].ok)
            text_addf(&text, "%s%s: %s", text.bytes ? "; " : "", checks[i].name, checks[i].why);
    }
    return out;
}

static void add_text(struct buffer *out, const char *key, const char *text)
{
    json_add_key(out, key);
    json_add_text(out, text && text[0] ? text : NULL);
}

static void add_int(struct buffer *out, const char *key, int64_t value)
{
    json_add_key(out, key);
    json_add_int(out, value);
}

static void add_bool(struct buffer *out, const char *key, bool value)
{
    json_add_key(out, key);
    json_add_bool(out, value);
}

static void add_time(struct buffer *out, const char *key, int64_t ms)
{
    char text[CLOCK_TEXT_MAX];

    add_text(out, key, ms > 0 ? clock_format(ms, text) : NULL);
}

static void add_reasons(struct buffer *out, const struct check checks[CHECK_COUNT])
{
    json_add_key(out, "reasons");
    json_add_open(out, '[');
    for (size_t i = 0; i < CHECK_COUNT; i++) {
        char reason[200];
        struct text text = text_in(reason, sizeof(reason));

        if (checks[i].ok)
            continue;
        text_addf(&text, "%s: %s", checks[i].name, checks[i].why);
        json_add_text(out, reason);
    }
    json_add_close(out, ']');
}

void handle_livez(const struct api *api, struct api_call *call)
{
    (void)api;
    buffer_add_text(api_reply_begin(call), "ok\n");
    api_reply(call, 200, API_TEXT);
}

void handle_readyz(const struct api *api, struct api_call *call)
{
    const struct api_problem_more more = { .retry_after_ms = 1000 };
    struct check checks[CHECK_COUNT];
    char why[480];

    if (!check_all(api, checks)) {
        api_fail(call, &more, "not_ready", "%s", reasons(checks, why, sizeof(why)));
        return;
    }
    buffer_add_text(api_reply_begin(call), "ready\n");
    api_reply(call, 200, API_TEXT);
}

void handle_health(const struct api *api, struct api_call *call)
{
    struct check checks[CHECK_COUNT];
    bool ready = check_all(api, checks);
    struct buffer *out = api_reply_begin(call);

    json_add_open(out, '{');
    add_bool(out, "ready", ready);
    add_reasons(out, checks);
    json_add_key(out, "checks");
    json_add_open(out, '{');
    for (size_t i = 0; i < CHECK_COUNT; i++)
        add_bool(out, checks[i].name, checks[i].ok);
    json_add_close(out, '}');
    json_add_close(out, '}');
    api_reply(call, ready ? 200 : 503, API_JSON);
}

/* --- status --- */

static void add_link(struct buffer *out, const char *link, const char *state,
                     const struct link_status *status, int64_t now_ms)
{
    json_add_open(out, '{');
    add_text(out, "link", link);
    add_text(out, "state", state);
    add_time(out, "since", status->since_ms);
    json_add_key(out, "age_ms"); /* of the newest data */
    if (status->last_data_ms > 0)
        json_add_int(out, now_ms - status->last_data_ms);
    else
        json_add_null(out);
    add_int(out, "reconnects", status->reconnects);
    add_int(out, "topics", status->topics);
    json_add_close(out, '}');
}

/* REST has no connection to watch: it is up when the clock is known, down while the exchange bans
 * us. */
static const char *rest_state(const struct api *api)
{
    if (budget_banned_until(api->budget) > clock_mono_ms())
        return "down";
    if (clock_sync_ready(api->clock) || check_symbols(api).ok)
        return "connected";
    return "connecting";
}

static void add_links(struct buffer *out, const struct api *api, int64_t now_ms)
{
    const struct link_status none = { 0 };

    json_add_key(out, "links");
    json_add_open(out, '[');
    add_link(out, "rest", rest_state(api), &none, now_ms);
    for (int link = 0; link < STREAM_LINK_COUNT; link++) {
        struct link_status status;

        if (link == LINK_PRIVATE && !api->has_keys)
            continue;
        stream_link_status(api->stream, (enum stream_link)link, &status);
        add_link(out, stream_link_word((enum stream_link)link), link_state_word(status.state),
                 &status, now_ms);
    }
    json_add_close(out, ']');
}

static void add_clock(struct buffer *out, const struct api *api)
{
    bool synced = clock_sync_ready(api->clock);
    int64_t bound_ms = clock_sync_uncertainty_ms(api->clock);

    json_add_key(out, "clock");
    json_add_open(out, '{');
    add_bool(out, "synced", synced);
    json_add_key(out, "offset_ms"); /* theirs minus ours */
    if (synced)
        json_add_int(out, clock_sync_offset_ms(api->clock));
    else
        json_add_null(out);
    json_add_key(out, "bound_ms"); /* the offset is right within this much */
    if (synced && bound_ms < BOUND_MAX_MS)
        json_add_int(out, bound_ms);
    else
        json_add_null(out);
    json_add_close(out, '}');
}

static void add_budget(struct buffer *out, const struct api *api)
{
    int64_t now_ms = clock_mono_ms();
    int64_t until_ms = budget_banned_until(api->budget);

    json_add_key(out, "budget");
    json_add_open(out, '{');
    add_int(out, "ip_left", budget_ip_left(api->budget, now_ms));
    add_int(out, "banned_for_ms", until_ms > now_ms ? until_ms - now_ms : 0);
    json_add_close(out, '}');
}

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
    add_text(out, "state", status.down ? "down" : "open");
    add_int(out, "committed", (int64_t)status.committed);
    add_int(out, "waiting_rows", (int64_t)status.waiting_rows);
    add_int(out, "last_commit_us", status.last_commit_us);
    add_int(out, "file_bytes", status.file_bytes);
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
    add_bool(out, "ready", status.ready);
    add_text(out, "why", status.why);
    add_bool(out, "recovering", status.recovering);
    add_time(out, "watermark_at", status.watermark_ms);
    add_int(out, "last_seq", (int64_t)status.last_seq);
    add_int(out, "position", (int64_t)status.last_position);
    add_int(out, "orders_in_memory", (int64_t)status.orders_in_memory);
    add_int(out, "open", (int64_t)status.open);
    add_int(out, "unknown", (int64_t)status.unknown);
    add_int(out, "waiters", (int64_t)status.waiters);
    add_int(out, "anomalies", (int64_t)status.anomalies);
    json_add_close(out, '}');
}

static void add_symbols(struct buffer *out, const struct api *api)
{
    const struct instruments *all = instruments_newest(api->instruments);

    json_add_key(out, "symbols");
    json_add_open(out, '{');
    add_int(out, "count", all ? (int64_t)instruments_count(all) : 0);
    add_time(out, "as_of", all ? instruments_as_of_ms(all) : 0);
    json_add_close(out, '}');
    instruments_unref(all);
}

void handle_status(const struct api *api, struct api_call *call)
{
    struct check checks[CHECK_COUNT];
    bool ready = check_all(api, checks);
    int64_t now_ms = clock_wall_ms();
    struct buffer *out = api_reply_begin(call);

    json_add_open(out, '{');
    add_text(out, "version", api->version);
    add_text(out, "env", api->env);
    add_bool(out, "keys", api->has_keys);
    add_text(out, "default_category", category_word(api->default_category));
    add_time(out, "started_at", api->started_ms);
    add_time(out, "as_of", now_ms);
    add_bool(out, "ready", ready);
    add_reasons(out, checks);
    add_links(out, api, now_ms);
    add_clock(out, api);
    add_budget(out, api);
    add_journal(out, api);
    add_engine(out, api);
    add_symbols(out, api);
    if (api->add_server_status)
        api->add_server_status(out, api->userdata);
    json_add_close(out, '}');
    api_reply(call, 200, API_JSON);
}
