/* api/status.c - is it alive, and is it ready. */
#include "api/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "api/members.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

/* --- readiness --- */

static struct status_check check_of(const char *name, bool ok, const char *why)
{
    struct status_check check = { .name = name, .ok = ok };
    struct text text = text_in(check.why, sizeof(check.why));

    if (!ok)
        text_add(&text, why);
    return check;
}

static struct status_check check_journal(const struct api *api)
{
    struct journal_status status;

    if (!api->journal)
        return check_of("journal", !api->has_keys, "it is not open");
    journal_get_status(api->journal, &status);
    return check_of("journal", !status.down, "it can't be written: no orders are sent");
}

static struct status_check check_symbols(const struct api *api)
{
    const struct instruments *all = instruments_newest(api->instruments);
    struct status_check check = check_of("symbols", all, "the list of symbols is not loaded yet");

    instruments_unref(all);
    return check;
}

static struct status_check check_private(const struct api *api)
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

static struct status_check check_engine(const struct api *api)
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
static struct status_check check_limits(const struct api *api)
{
    int64_t left_ms = budget_banned_until(api->budget) - clock_mono_ms();
    char why[96];
    struct text text = text_in(why, sizeof(why));

    text_addf(&text, "the exchange bans this IP: nothing is sent for %" PRId64 " s",
              (left_ms + 999) / 1000);
    return check_of("limits", left_ms <= 0, why);
}

bool status_check_all(const struct api *api, struct status_check checks[STATUS_CHECKS])
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
    for (size_t i = 0; i < STATUS_CHECKS; i++)
        ready = ready && checks[i].ok;
    return ready;
}

/* "clock: the exchange's clock is not known yet; ..." */
static const char *reasons(const struct status_check checks[STATUS_CHECKS], char *out,
                           size_t out_bytes)
{
    struct text text = text_in(out, out_bytes);

    for (size_t i = 0; i < STATUS_CHECKS; i++) {
        if (!checks[i].ok)
            text_addf(&text, "%s%s: %s", text.bytes ? "; " : "", checks[i].name, checks[i].why);
    }
    return out;
}

void status_add_reasons(struct buffer *out, const struct status_check checks[STATUS_CHECKS])
{
    json_add_key(out, "reasons");
    json_add_open(out, '[');
    for (size_t i = 0; i < STATUS_CHECKS; i++) {
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
    struct status_check checks[STATUS_CHECKS];
    char why[480];

    if (!status_check_all(api, checks)) {
        api_fail(call, &more, "not_ready", "%s", reasons(checks, why, sizeof(why)));
        return;
    }
    buffer_add_text(api_reply_begin(call), "ready\n");
    api_reply(call, 200, API_TEXT);
}

void handle_health(const struct api *api, struct api_call *call)
{
    struct status_check checks[STATUS_CHECKS];
    bool ready = status_check_all(api, checks);
    struct buffer *out = api_reply_begin(call);

    json_add_open(out, '{');
    member_bool(out, "ready", ready);
    status_add_reasons(out, checks);
    json_add_key(out, "checks");
    json_add_open(out, '{');
    for (size_t i = 0; i < STATUS_CHECKS; i++)
        member_bool(out, checks[i].name, checks[i].ok);
    json_add_close(out, '}');
    json_add_close(out, '}');
    api_reply(call, ready ? 200 : 503, API_JSON);
}

/* REST has no connection to watch: it is up when the clock is known, down while the exchange bans
 * us. */
const char *status_rest_state(const struct api *api)
{
    if (budget_banned_until(api->budget) > clock_mono_ms())
        return "down";
    if (clock_sync_ready(api->clock) || check_symbols(api).ok)
        return "connected";
    return "connecting";
}
