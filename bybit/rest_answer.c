/* bybit/rest_answer.c - what an answer says beyond its own request (limits, the ban, the time), and
 * whether a read is tried once more. */
#include <inttypes.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "bybit/codes.h"
#include "bybit/rest_parts.h"

#define TRIES_MAX       3
#define RETRY_MS        100
#define BAN_DEFAULT_MS  600000
#define BAN_MIN_MS      1000
#define HOLD_PAD_MS     50
#define HOLD_DEFAULT_MS 1000
#define HOLD_MAX_MS     5000
#define LEFT_VALID_US   500000    /* a slower answer's X-Bapi-Limit-Status is history */
#define RET_NONE        INT32_MIN /* an answer without one */
#define RET_TIMESTAMP   10002
#define RET_TOO_MANY    10006

/* The clock does not fit the exchange's: ask for the time, unless that was just done. */
static void clock_resync(struct rest *rest, int64_t signed_at_us)
{
    if (rest->time_calls > 0 || rest->time_answer_us > signed_at_us)
        return;
    clock_sync_reset(rest->config.clock);
    rest_warm(rest, 1);
}

bool rest_ret_code(const struct rest_answer *answer, int *out)
{
    struct json root;
    int64_t value;

    if (!answer->answered ||
        json_open_trusted(&root, answer->body, answer->body_bytes, NULL) != ERR_NONE ||
        json_member_int(&root, "retCode", &value) != ERR_NONE || value < INT32_MIN ||
        value > INT32_MAX)
        return false;
    *out = (int)value;
    return true;
}

/* The envelope's `time`, or result.timeNano. */
static bool read_server_ms(const struct rest_answer *answer, int64_t *out)
{
    struct json root;
    struct json result;
    int64_t nano;

    if (json_open_trusted(&root, answer->body, answer->body_bytes, NULL) != ERR_NONE)
        return false;
    if (json_member_int(&root, "time", out) == ERR_NONE)
        return true;
    if (!json_member(&root, "result", &result) ||
        json_member_int(&result, "timeNano", &nano) != ERR_NONE)
        return false;
    *out = nano / 1000000;
    return true;
}

static void take_time(struct rest *rest, const struct slot *slot, const struct rest_answer *answer)
{
    int64_t server_ms;

    if (answer->http_status != 200 || !read_server_ms(answer, &server_ms))
        return;
    clock_sync_sample(rest->config.clock, slot->sent_us, slot->first_byte_us, server_ms);
    rest->time_answer_us = slot->first_byte_us;
}

/* Until the time that X-Bapi-Limit-Reset-Timestamp names; 0: it names none. */
static int64_t until_reset_ms(const struct rest *rest, const struct slot *slot)
{
    if (slot->reset_ms <= 0 || !clock_sync_ready(rest->config.clock))
        return 0;
    return slot->reset_ms - clock_sync_server_ms(rest->config.clock);
}

/* How long a route is held that had too many: at least `least_ms`. */
static int64_t hold_ms(const struct rest *rest, const struct slot *slot, int64_t least_ms)
{
    int64_t hold = until_reset_ms(rest, slot);

    if (hold == 0)
        hold = slot->retry_after_s * 1000; /* of at most 15 digits */
    hold = (hold ? hold : HOLD_DEFAULT_MS - HOLD_PAD_MS) + HOLD_PAD_MS;
    if (hold < least_ms)
        hold = least_ms;
    return hold < HOLD_MAX_MS ? hold : HOLD_MAX_MS;
}

/* The longer of the times that are stated, where they can be meant; 0: none can. */
static int64_t ban_stated_ms(const struct rest *rest, const struct slot *slot)
{
    const int64_t stated[] = { until_reset_ms(rest, slot), slot->retry_after_s * 1000 };
    int64_t ban = 0;

    for (size_t i = 0; i < ARRAY_LEN(stated); i++) {
        if (stated[i] >= BAN_MIN_MS && stated[i] <= BUDGET_BAN_MAX_MS && stated[i] > ban)
            ban = stated[i];
    }
    return ban;
}

/* Whether the last ban was over when the request left, and that not long ago: then what it stated
 * was not meant, and asking again and again would make the ban last. */
static bool ban_goes_on(const struct rest *rest, const struct slot *slot)
{
    int64_t last_ms = budget_banned_until(rest->config.budget);
    int64_t since_ms = slot->sent_us / 1000 - last_ms;

    return last_ms != 0 && since_ms >= 0 && since_ms < BAN_DEFAULT_MS;
}

static int64_t ban_ms(const struct rest *rest, const struct slot *slot)
{
    int64_t ban = ban_stated_ms(rest, slot);

    if (ban == 0 || (ban < BAN_DEFAULT_MS && ban_goes_on(rest, slot)))
        return BAN_DEFAULT_MS;
    return ban + HOLD_PAD_MS;
}

static void take_ban(struct rest *rest, const struct slot *slot, struct rest_answer *answer)
{
    int64_t ban = ban_ms(rest, slot);

    log_error("rest: the exchange has banned this IP, all calls pause for %" PRId64 " s",
              (ban + 999) / 1000);
    budget_ban(rest->config.budget, answer->finished_us / 1000, ban);
    answer->retry_after_ms = ban;
}

/* The answer ends the call's claim, and tells of limits. */
static void take_limits(struct rest *rest, const struct slot *slot,
                        const struct rest_answer *answer, int ret_code)
{
    bool fresh = answer->finished_us - slot->sent_us < LEFT_VALID_US;
    struct budget_said said = { .limit = slot->limit, .left = fresh ? slot->left : -1 };

    /* Over the limit, the hold until its reset says all. */
    if (ret_code == RET_TOO_MANY || answer->http_status == 429) {
        said.left = -1;
        said.hold_ms = answer->retry_after_ms;
    }
    budget_answered(rest->config.budget, &slot->call->claim, &said, answer->finished_us / 1000);
}

/* What an answer says beyond its own request: limits, the ban, the time. Returns its retCode, or
 * RET_NONE; 0 for a long one. */
static int learn(struct rest *rest, const struct slot *slot, struct rest_answer *answer)
{
    const struct call *call = slot->call;
    int ret_code = 0;

    /* Refusals are short; a long answer is not read twice. */
    if (answer->body_bytes <= KEPT_BUFFER_MAX && !rest_ret_code(answer, &ret_code))
        ret_code = RET_NONE;
    if (call->request.route == ROUTE_TIME)
        take_time(rest, slot, answer);
    if (answer_is_ban(answer->http_status, answer->body))
        take_ban(rest, slot, answer);
    else if (answer->http_status == 429)
        answer->retry_after_ms = hold_ms(rest, slot, HOLD_DEFAULT_MS);
    else if (ret_code == RET_TOO_MANY)
        answer->retry_after_ms = hold_ms(rest, slot, HOLD_PAD_MS);
    take_limits(rest, slot, answer, ret_code);
    if (ret_code == RET_TIMESTAMP && call->info->is_signed)
        clock_resync(rest, slot->sent_us);
    return ret_code;
}

/* Whether a read is tried once more, and from when. */
static bool may_retry(const struct slot *slot, struct call *call, CURLcode code,
                      const struct rest_answer *answer, int ret_code)
{
    int64_t delay_ms = 0;

    if (call->info->is_write || call->tries >= TRIES_MAX)
        return false;
    if (slot->no_turn) {
        delay_ms = 0; /* the budget says when */
    } else if (!answer->answered) {
        /* Not reached at all. A certificate does not get better. */
        if (slot->begun || slot->stopped || code == CURLE_PEER_FAILED_VERIFICATION ||
            code == CURLE_SSL_CACERT_BADFILE)
            return false;
        delay_ms = (int64_t)RETRY_MS * call->tries;
    } else if (answer->http_status >= 500) {
        delay_ms = (int64_t)RETRY_MS * call->tries;
    } else if (ret_code == RET_TIMESTAMP && call->info->is_signed && !call->clock_tried) {
        call->clock_tried = true;
        call->wants_clock = true;
    } else if (ret_code != RET_TOO_MANY) {
        return false;
    }
    call->not_before_ms = answer->finished_us / 1000 + delay_ms;
    return call->not_before_ms <= call->request.deadline_ms;
}

static void describe_failure(const struct slot *slot, CURLcode code, struct rest_answer *answer)
{
    const struct call *call = slot->call;
    bool in_doubt = call->info->is_write && call->body_left;
    const char *why = slot->stopped;

    if (!why)
        why = slot->errors[0] ? slot->errors : curl_easy_strerror(code);
    error_set(&answer->error, in_doubt ? ERR_IN_DOUBT : ERR_UNAVAILABLE, "%s: %s", call->info->path,
              why);
    if (!slot->no_turn)
        return;
    answer->error.code = ERR_BUSY;
    answer->throttled = true;
    answer->retry_after_ms = call->retry_after_ms;
}

void rest_count_throttled(struct rest *rest, const struct call *call)
{
    struct metrics *metrics = rest->config.metrics;

    if (metrics)
        metrics_count(&metrics->upstream.throttled[call->request.route]);
    budget_count_throttled(rest->config.budget, call->request.lane);
}

static enum metrics_outcome outcome_of(const struct slot *slot, const struct rest_answer *answer,
                                       int ret_code)
{
    const struct call *call = slot->call;

    if (!answer->answered)
        return (call->info->is_write ? call->body_left : slot->begun) ? METRICS_LOST
                                                                      : METRICS_NOT_SENT;
    if (answer->http_status == 429 || ret_code == RET_TOO_MANY ||
        answer_is_ban(answer->http_status, answer->body))
        return METRICS_LIMITED;
    if (answer->http_status < 200 || answer->http_status > 299 || ret_code == RET_NONE)
        return METRICS_ERROR;
    return ret_code == 0 ? METRICS_OK : METRICS_REFUSED;
}

/* One try: from its head to its answer, or, when no head left, from its start. */
static void count_try(struct rest *rest, const struct slot *slot, const struct rest_answer *answer,
                      int ret_code, bool again)
{
    _Static_assert(ROUTE_COUNT <= METRICS_ROUTES_MAX, "a place for each route");
    struct metrics *metrics = rest->config.metrics;
    enum bybit_route route = slot->call->request.route;
    int64_t began_us = slot->begun ? slot->sent_us : slot->started_us;

    if (!metrics)
        return;
    metrics_observe(&metrics->upstream.tries[route][outcome_of(slot, answer, ret_code)],
                    answer->finished_us - began_us);
    if (again)
        metrics_count(&metrics->upstream.retries[route]);
    if (answer->answered)
        atomic_store_explicit(&metrics->upstream.answered_ms, clock_wall_ms(),
                              memory_order_relaxed);
}

static void slot_finish(struct rest *rest, struct slot *slot, CURLcode code)
{
    struct call *call = slot->call;
    struct rest_answer answer = { .finished_us = clock_mono_us() };
    curl_socket_t fd = CURL_SOCKET_BAD;
    long connects = 0;
    int ret_code = 0;
    bool again;

    curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &answer.http_status);
    curl_easy_getinfo(slot->easy, CURLINFO_NUM_CONNECTS, &connects);
    curl_easy_getinfo(slot->easy, CURLINFO_ACTIVESOCKET, &fd);
    curl_multi_remove_handle(rest->multi, slot->easy);
    answer.answered = code == CURLE_OK && answer.http_status > 0;
    call->connected = connects > 0;
    rest->pump_due = true;
    if (answer.answered) {
        answer.body = slot->body.data;
        answer.body_bytes = slot->body.bytes;
        if (!answer.body)
            answer.body = "";
        ret_code = learn(rest, slot, &answer);
    } else {
        answer.http_status = 0;
        if (!slot->begun)
            budget_give_back(rest->config.budget, &call->claim);
        describe_failure(slot, code, &answer);
    }
    again = may_retry(slot, call, code, &answer, ret_code);
    count_try(rest, slot, &answer, ret_code, again);
    if (again) {
        call->wait = WAIT_RETRY;
        rest_lane_add(rest, call);
    } else {
        if (answer.throttled)
            rest_count_throttled(rest, call);
        rest->distrusted = false;
        rest_call_end(rest, call, &answer);
        if (rest->distrusted && fd != CURL_SOCKET_BAD && rest_peer_find(rest, fd))
            rest_spoil(fd);
    }
    rest_slot_release(slot);
}

void rest_distrust(struct rest *rest)
{
    rest->distrusted = true;
}

void rest_reap(struct rest *rest)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(rest->multi, &left))) {
        CURLcode code = message->data.result;
        char *slot = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
        slot_finish(rest, (struct slot *)(void *)slot, code);
    }
}
