/* api/guard.c - the guard's limits and the kill switch: asked of the engine, answered with the
 * guard as it is then.
 *
 * The kill acts whatever its body or the values of its query look like: who stops trading in a
 * hurry is not told to write better JSON. All else is as strict as elsewhere. */
#include "api/guard.h"

#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "api/fields.h"
#include "api/handlers.h"
#include "api/limits.h"
#include "api/lookup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

#define KILL_WAIT_MS     10000
#define KILL_WAIT_MAX_MS 12000
#define AGAIN_MS         1000
#define PATCH_BYTES_MAX  ((size_t)8 * 1024)

/* What is not durable says so: by default in these words. */
static const char *const not_stored[] = {
    "the change is in effect, and not stored: it will not survive a restart",
    "the arm could not be stored",
};
enum change { CHANGE_LIMITS, CHANGE_ARM };

/* --- answers: from the engine's thread --- */

static void answer_report(struct api_call *call, const struct guard_report *report)
{
    if (!report) { /* the engine has broken its word */
        api_fail(call, NULL, "internal", "the engine answered nothing");
        return;
    }
    api_add_guard(api_reply_begin(call), report);
    api_reply(call, 200, API_JSON);
}

static void answer(struct api_call *call, const struct loop_reply *reply, const char *not_ready,
                   const char *not_ready_detail)
{
    const struct api_problem_more more = { .retry_after_ms = reply->retry_after_ms > 0
                                                                 ? reply->retry_after_ms
                                                                 : AGAIN_MS };

    if (reply->outcome == OUTCOME_GUARD_DONE)
        answer_report(call, reply->report);
    else if (reply->outcome == OUTCOME_CEILING)
        api_fail(call, NULL, "guard_ceiling", "%s", reply->error.text);
    else if (reply->outcome == OUTCOME_NOT_READY)
        api_fail(call, &more, not_ready, "%s",
                 reply->error.text[0] ? reply->error.text : not_ready_detail);
    else if (reply->outcome == OUTCOME_BUSY)
        api_fail(call, &more, "busy", "%s",
                 reply->error.text[0] ? reply->error.text
                                      : "too many requests wait for the engine");
    else
        api_fail(call, NULL, "internal", "the engine answered what it should not");
}

static void on_read(const struct loop_reply *reply, void *userdata)
{
    answer(userdata, reply, "not_ready", "the engine is not ready");
}

static void on_changed(const struct loop_reply *reply, void *userdata)
{
    answer(userdata, reply, "not_durable", not_stored[CHANGE_LIMITS]);
}

static void on_armed(const struct loop_reply *reply, void *userdata)
{
    answer(userdata, reply, "not_durable", not_stored[CHANGE_ARM]);
}

static void on_killed(const struct loop_reply *reply, void *userdata)
{
    limits_reply(userdata);
    answer(userdata, reply, "not_ready", "the engine is not ready");
}

static void fail_busy(struct api_call *call, const char *detail)
{
    const struct api_problem_more more = { .retry_after_ms = AGAIN_MS };

    api_fail(call, &more, "busy", "%s", detail);
}

static bool has_keys(const struct api *api, struct api_call *call)
{
    struct api_refusal refusal;

    if (!lookup_keys(api, &refusal))
        return true;
    api_fail_refusal(call, &refusal, NULL, NULL);
    return false;
}

/* --- who and why --- */

/* "http", or "http:NAME": the size of guard_state's `by`. */
static void name_caller(const struct api_call *call, char out[TAG_MAX + 16])
{
    struct text text = text_in(out, TAG_MAX + 16);

    text_add(&text, "http");
    if (call->client)
        text_addf(&text, ":%s", call->client);
}

/* "" where neither body nor query has one. */
static enum err read_reason(const struct api_call *call, char out[FIELD_TEXT_MAX],
                            struct api_refusal *refusal)
{
    static const struct field fields[] = { { "reason", { NULL }, FIELD_TEXT, NULL, NULL } };
    const char *query = api_query(call, "reason"); /* of a kill only */
    struct field_value value;

    text_cut(out, FIELD_TEXT_MAX, query ? query : "");
    if (!call->body_bytes)
        return ERR_NONE;
    if (fields_read(fields, 1, call->body, call->body_bytes, call->body_is_form, &value, refusal))
        return ERR_INVALID;
    if (value.given)
        memcpy(out, value.text, FIELD_TEXT_MAX);
    return ERR_NONE;
}

/* --- read, kill, arm --- */

void handle_guard(const struct api *api, struct api_call *call)
{
    if (has_keys(api, call) && loop_guard_read(api->loop, on_read, call))
        fail_busy(call, "too many requests wait for the engine");
}

static int64_t kill_wait_ms(const struct api_call *call)
{
    struct api_refusal refusal;
    int64_t wait_ms;

    if (lookup_duration(call, "timeout", KILL_WAIT_MS, &wait_ms, &refusal))
        return KILL_WAIT_MS;
    return wait_ms < KILL_WAIT_MAX_MS ? wait_ms : KILL_WAIT_MAX_MS;
}

void handle_guard_kill(const struct api *api, struct api_call *call)
{
    char reason[FIELD_TEXT_MAX];
    char by[TAG_MAX + 16];
    struct api_refusal refusal;
    bool repeated;
    enum err err;

    if (!has_keys(api, call))
        return;
    if (read_reason(call, reason, &refusal))
        text_cut(reason, sizeof(reason), "(the request's body could not be read)");
    name_caller(call, by);
    repeated = loop_is_killed(api->loop);
    err = loop_kill(api->loop, reason, by, clock_wall_ms() + kill_wait_ms(call), on_killed, call);
    if (!repeated) /* which would only fill the log */
        log_warn("kill: asked for by=%s reason=%s", by, reason);
    if (!err)
        return; /* `call` may be gone */
    fail_busy(call, loop_is_killed(api->loop)
                        ? "no more orders are sent, but the engine could not be told to cancel "
                          "what is open: repeat the kill"
                        : "the kill did not get through to the engine: repeat it");
}

void handle_guard_arm(const struct api *api, struct api_call *call)
{
    char reason[FIELD_TEXT_MAX];
    char by[TAG_MAX + 16];
    struct api_refusal refusal;

    if (!has_keys(api, call))
        return;
    if (read_reason(call, reason, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    name_caller(call, by);
    log_warn("guard: arm asked for by=%s reason=%s", by, reason);
    if (loop_arm(api->loop, reason, by, on_armed, call))
        fail_busy(call, "too many requests wait for the engine");
}

/* --- PATCH --- */

enum patch_field {
    P_ORDER,
    P_OPEN,
    P_MINUTE,
    P_SYMBOLS,
    P_CATEGORIES,
    P_LEVERAGE,
    P_REDUCE,
    P_COUNT
};

/* What a form can say; `clients` needs JSON. */
static const struct field patch_fields[P_COUNT] = {
    [P_ORDER] = { "max_order_notional", { NULL }, FIELD_TEXT, NULL, NULL },
    [P_OPEN] = { "max_open_notional", { NULL }, FIELD_TEXT, NULL, NULL },
    [P_MINUTE] = { "max_orders_per_minute", { NULL }, FIELD_TEXT, NULL, NULL },
    [P_SYMBOLS] = { "symbols", { NULL }, FIELD_TEXT, NULL, NULL },
    [P_CATEGORIES] = { "categories", { NULL }, FIELD_TEXT, NULL, NULL },
    [P_LEVERAGE] = { "max_leverage", { NULL }, FIELD_TEXT, NULL, NULL },
    [P_REDUCE] = { "reduce_only_mode", { NULL }, FIELD_TEXT, NULL, NULL },
};

static bool is_bare(const char *text, size_t field)
{
    bool number = strspn(text, "0123456789") == strlen(text) && (text[0] != '0' || !text[1]);

    if (strcmp(text, "null") == 0)
        return true;
    return field == P_REDUCE ? strcmp(text, "true") == 0 || strcmp(text, "false") == 0
                             : field == P_MINUTE && number;
}

static void add_words(struct buffer *out, const char *words)
{
    json_add_open(out, '[');
    while (*words) {
        size_t bytes = strcspn(words, ",");

        json_add_text_n(out, words, bytes);
        words += bytes + (words[bytes] == ',');
    }
    json_add_close(out, ']');
}

/* The same as JSON: lists by comma, and null, true, false and whole numbers without quotes. */
static void form_to_json(struct buffer *out, const struct field_value values[P_COUNT])
{
    json_add_open(out, '{');
    for (size_t i = 0; i < P_COUNT; i++) {
        if (!values[i].given)
            continue;
        json_add_key(out, patch_fields[i].name);
        if (is_bare(values[i].text, i))
            json_add_raw(out, values[i].text, strlen(values[i].text));
        else if (i == P_SYMBOLS || i == P_CATEGORIES)
            add_words(out, values[i].text);
        else
            json_add_text(out, values[i].text);
    }
    json_add_close(out, '}');
}

static bool is_json(const struct api_call *call)
{
    size_t blanks = strspn(call->body, " \t\r\n");

    return !call->body_is_form || call->body[blanks] == '{' || call->body[blanks] == '[';
}

static enum err read_json(const char *body, size_t bytes, enum category category,
                          struct guard_patch *patch, struct api_refusal *refusal)
{
    struct error error;
    struct json root;

    if (json_open(&root, body, bytes, &error))
        return api_refuse(refusal,
                          strstr(error.text, "duplicate") ? "duplicate_field" : "malformed_json",
                          "%s", error.text);
    if (root.type != JSON_OBJECT)
        return api_refuse(refusal, "not_an_object", "the body is not a JSON object");
    if (guard_read_patch(patch, &root, category, &error))
        return api_refuse(
            refusal, strstr(error.text, "there is no limit") ? "unknown_field" : "invalid_value",
            "%s", error.text);
    return ERR_NONE;
}

static enum err read_form(const struct api_call *call, enum category category,
                          struct guard_patch *patch, struct api_refusal *refusal)
{
    struct field_value values[P_COUNT];
    struct buffer json = buffer_of(PATCH_BYTES_MAX);
    enum err err =
        fields_read(patch_fields, P_COUNT, call->body, call->body_bytes, true, values, refusal);

    if (err)
        return err;
    form_to_json(&json, values);
    if (buffer_check(&json))
        err = api_refuse(refusal, "busy", "out of memory");
    else
        err = read_json(json.data, json.bytes, category, patch, refusal);
    buffer_deinit(&json);
    return err;
}

static enum err read_patch(const struct api *api, const struct api_call *call,
                           struct guard_patch *patch, struct api_refusal *refusal)
{
    if (!call->body_bytes)
        return api_refuse(refusal, "missing_body",
                          "name the limits to change: {\"max_order_notional\": \"1000\"}");
    if (is_json(call))
        return read_json(call->body, call->body_bytes, api->default_category, patch, refusal);
    return read_form(call, api->default_category, patch, refusal);
}

void handle_guard_patch(const struct api *api, struct api_call *call)
{
    struct guard_patch *patch;
    struct api_refusal refusal;

    if (!has_keys(api, call))
        return;
    patch = calloc(1, sizeof(*patch)); /* too large for a thread's stack */
    if (!patch)
        fail_busy(call, "out of memory");
    else if (read_patch(api, call, patch, &refusal))
        api_fail_refusal(call, &refusal, NULL, NULL);
    else if (loop_guard_patch(api->loop, patch, on_changed, call))
        fail_busy(call, "too many requests wait for the engine");
    else
        log_info("guard: new limits asked for");
    free(patch);
}
