/* bybit/rest.c - libcurl's multi interface behind an epoll descriptor of its own.
 *
 * A call is one request from rest_submit to on_done. It waits in its lane, then runs in a slot (an
 * easy handle with its header texts and its body buffer), then ends, or goes back to its lane when
 * it is a read that may be tried again.
 *
 * What proves that a write was not sent: the read callback, the only source of its body, was never
 * called. It is called at most once a call to begin a body, because a second attempt of a write is
 * aborted in PREREQFUNCTION.
 */
#include "bybit/rest.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/text.h"
#include "bybit/hosts.h"
#include "bybit/rest_parts.h"

#define CONNECTIONS_DEFAULT 16
#define CONNECT_DEFAULT_MS  5000
#define WINDOW_DEFAULT_MS   5000
#define POST_MAX            ((size_t)1 << 20)
#define WRITE_GRACE_MS      10000
#define TIME_CALL_MS        5000
#define ROUNDS_MAX          8

/* --- the loop's side --- */

/* curl has written what it has read: a body that was read to its end is with the kernel. */
static void note_left(struct rest *rest)
{
    for (size_t i = 0; CRASH_BUILD && i < rest->slots_count; i++) {
        struct slot *slot = &rest->slots[i];

        if (!slot->call || !slot->call->body_left || slot->left_noted ||
            slot->content_at < slot->call->content_bytes)
            continue;
        slot->left_noted = true;
        CRASH_POINT(BODY_LEFT);
        CRASH_POINT_IF(slot->call->request.route == ROUTE_ORDER_AMEND, AMEND_LEFT);
        CRASH_POINT_IF(slot->call->request.route == ROUTE_ORDER_CREATE_BATCH, BATCH_LEFT);
        CRASH_POINT_IF(slot->call->request.route == ROUTE_ORDER_CANCEL_BATCH, CANCELS_LEFT);
    }
}

void rest_run(struct rest *rest)
{
    rest_run_sockets(rest);
    rest_run_timer(rest);
    note_left(rest);
    rest_reap(rest);
    for (int i = 0; i < ROUNDS_MAX; i++) {
        if (!rest->pump_due && rest->wake_ms > clock_mono_ms())
            break;
        rest_pump(rest);
        rest_run_timer(rest); /* what was just begun on a kept connection leaves now */
        note_left(rest);
        rest_reap(rest);
    }
}

int rest_fd(const struct rest *rest)
{
    return rest->epoll_fd;
}

int rest_timeout_ms(struct rest *rest)
{
    int64_t now_us = clock_mono_us();
    int64_t due_us = rest->curl_due_us;

    if (rest->pump_due)
        return 0;
    if (rest->wake_ms != NEVER && rest->wake_ms * 1000 < due_us)
        due_us = rest->wake_ms * 1000;
    if (due_us == NEVER)
        return -1;
    if (due_us <= now_us)
        return 0;
    due_us = (due_us - now_us + 999) / 1000;
    return due_us < INT32_MAX ? (int)due_us : INT32_MAX;
}

size_t rest_pending(const struct rest *rest)
{
    size_t pending = rest->under_way;

    for (int lane = 0; lane < BUDGET_LANES; lane++)
        pending += rest_lane_count(&rest->lanes[lane]);
    return pending;
}

/* --- requests --- */

/* Of each route, so that a flood of one (cancels) keeps no place from another (the cancel-all), and
 * of those that yield apart. */
static const size_t lane_bounds[BUDGET_LANES] = {
    [BUDGET_CANCEL] = 256,
    [BUDGET_CREATE] = 1024,
    [BUDGET_READ] = 256,
    [BUDGET_OWN] = 256,
};

/* What may stand in a request line behind '?': curl sends it as it is. */
static bool query_is_valid(const char *query)
{
    for (const char *at = query; *at; at++) {
        if (*at <= 0x20 || *at >= 0x7f || *at == '#')
            return false;
    }
    return strlen(query) <= QUERY_MAX;
}

/* A far deadline must not overflow curl's long. */
static int64_t clamp_deadline(int64_t deadline_ms, int64_t now_ms)
{
    const int64_t day_ms = INT64_C(86400000);

    return deadline_ms > now_ms + day_ms ? now_ms + day_ms : deadline_ms;
}

static enum err submit(struct rest *rest, const struct rest_request *request, bool internal)
{
    const struct bybit_route_info *info = bybit_route_info(request->route);
    bool is_post = strcmp(info->method, "POST") == 0;
    const char *content = is_post ? request->body : request->query;
    const struct call_list *list;
    size_t bytes;
    struct call *call;

    if (rest->closing || (info->is_signed && !rest->signing))
        return ERR_UNAVAILABLE;
    if (is_post ? request->query != NULL : request->body != NULL)
        return ERR_INVALID;
    if (!content)
        content = is_post ? "{}" : "";
    bytes = strlen(content);
    if (is_post ? bytes == 0 || bytes > POST_MAX : !query_is_valid(content))
        return ERR_INVALID;
    list = &rest->lanes[request->lane].calls[request->yields];
    if (list->count_of[request->route] >= lane_bounds[request->lane])
        return ERR_BUSY;
    call = calloc(1, sizeof(*call) + bytes + 1);
    if (!call)
        return ERR_NO_MEMORY;
    call->request = *request;
    call->request.query = NULL;
    call->request.body = NULL;
    call->request.deadline_ms = clamp_deadline(request->deadline_ms, clock_mono_ms());
    call->claim = (struct budget_claim){ .route = request->route,
                                         .category = request->category,
                                         .lane = request->lane,
                                         .units = request->units };
    call->info = info;
    call->submitted_us = clock_mono_us();
    call->internal = internal;
    call->content_bytes = bytes;
    memcpy(call->text, content, bytes + 1);
    rest_lane_add(rest, call);
    rest->pump_due = true;
    return ERR_NONE;
}

enum err rest_submit(struct rest *rest, const struct rest_request *request)
{
    return submit(rest, request, false);
}

void rest_warm(struct rest *rest, int count)
{
    struct rest_request request = { .route = ROUTE_TIME,
                                    .category = CATEGORY_SPOT,
                                    .lane = BUDGET_OWN,
                                    .deadline_ms = clock_mono_ms() + TIME_CALL_MS };

    for (int i = 0; i < count && submit(rest, &request, true) == ERR_NONE; i++)
        rest->time_calls++;
}

/* --- birth and death --- */

static void curl_start(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static enum err open_signing(struct rest *rest, struct error *error)
{
    char signature[SIGNATURE_MAX];

    if (!rest->config.signer)
        return ERR_NONE;
    rest->signing = signer_context_create(rest->config.signer);
    if (!rest->signing || sign_rest(rest->signing, 0, 0, "", 0, signature))
        return error_set(error, ERR_INTERNAL, "rest: the signing key cannot be used");
    rest->sign_bytes = strlen(signature); /* the same for each signature of a key */
    (void)snprintf(rest->key_header, sizeof(rest->key_header), "X-BAPI-API-KEY: %s",
                   signer_key(rest->config.signer));
    (void)snprintf(rest->window_header, sizeof(rest->window_header), "X-BAPI-RECV-WINDOW: %d",
                   rest->config.recv_window_ms);
    return ERR_NONE;
}

static void set_defaults(struct rest_config *config)
{
    if (config->recv_window_ms <= 0)
        config->recv_window_ms = WINDOW_DEFAULT_MS;
    if (config->connections_max <= 0)
        config->connections_max = CONNECTIONS_DEFAULT;
    if (config->connections_max > CONNECTIONS_MAX)
        config->connections_max = CONNECTIONS_MAX;
    if (config->write_grace_ms <= 0)
        config->write_grace_ms = WRITE_GRACE_MS;
    if (config->connect_timeout_ms <= 0)
        config->connect_timeout_ms = CONNECT_DEFAULT_MS;
}

/* So that no lane keeps the others from connections: all of them are only for cancels. */
static void share_slots(struct rest *rest)
{
    size_t all = rest->slots_count;
    const size_t most[BUDGET_LANES] = {
        [BUDGET_CANCEL] = all,
        [BUDGET_CREATE] = all / 2,
        [BUDGET_READ] = all - all / 4,
        [BUDGET_OWN] = all / 4,
    };

    for (int lane = 0; lane < BUDGET_LANES; lane++)
        rest->lanes[lane].slots_most = most[lane] > 0 ? most[lane] : 1;
}

enum err rest_create(struct rest **out, const struct rest_config *config, struct error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct origin origin;
    struct rest *rest;
    enum err err = origin_parse(&origin, config->url, "http", "https", error);

    if (err)
        return err;
    pthread_once(&once, curl_start);
    rest = calloc(1, sizeof(*rest));
    if (!rest)
        return error_set(error, ERR_NO_MEMORY, "rest: out of memory");
    rest->config = *config;
    set_defaults(&rest->config);
    rest->epoll_fd = -1;
    rest->tls = origin.tls;
    rest->curl_due_us = NEVER;
    rest->wake_ms = NEVER;
    rest->slots_count = (size_t)rest->config.connections_max;
    share_slots(rest);
    rest->slots = calloc(rest->slots_count, sizeof(*rest->slots));
    rest->url = strdup(config->url);
    rest->ca_file = config->ca_file ? strdup(config->ca_file) : NULL;
    if (!rest->slots || !rest->url || (config->ca_file && !rest->ca_file)) {
        err = error_set(error, ERR_NO_MEMORY, "rest: out of memory");
        goto fail;
    }
    for (size_t i = 0; i < rest->slots_count; i++) {
        rest->slots[i].rest = rest;
        rest->slots[i].body = buffer_of(READ_ANSWER_MAX);
    }
    err = open_signing(rest, error);
    if (!err)
        err = rest_open_multi(rest, error);
    if (err)
        goto fail;
    *out = rest;
    return ERR_NONE;

fail:
    rest_destroy(rest);
    return err;
}

static void end_waiting(struct rest *rest, const struct call_list *list)
{
    while (list->first) {
        struct call *call = list->first;

        rest_lane_take(rest, NULL, call);
        rest_call_end_unsent(rest, call, ERR_UNAVAILABLE, "stopped before it was sent");
    }
}

static void end_all(struct rest *rest)
{
    for (size_t i = 0; i < rest->slots_count && rest->slots; i++) {
        struct slot *slot = &rest->slots[i];
        struct call *call = slot->call;

        if (!call)
            continue;
        curl_multi_remove_handle(rest->multi, slot->easy);
        if (!slot->begun)
            budget_give_back(rest->config.budget, &call->claim);
        rest_slot_release(slot);
        rest_call_end_unsent(
            rest, call, call->info->is_write && call->body_left ? ERR_IN_DOUBT : ERR_UNAVAILABLE,
            "stopped");
    }
    for (int lane = 0; lane < BUDGET_LANES; lane++) {
        end_waiting(rest, &rest->lanes[lane].calls[false]);
        end_waiting(rest, &rest->lanes[lane].calls[true]);
    }
}

void rest_destroy(struct rest *rest)
{
    if (!rest)
        return;
    rest->closing = true;
    end_all(rest);
    for (size_t i = 0; i < rest->slots_count && rest->slots; i++) {
        if (rest->slots[i].easy)
            curl_easy_cleanup(rest->slots[i].easy);
        buffer_deinit(&rest->slots[i].body);
    }
    if (rest->multi)
        curl_multi_cleanup(rest->multi);
    if (rest->epoll_fd >= 0)
        close(rest->epoll_fd);
    signer_context_destroy(rest->signing);
    OPENSSL_cleanse(rest->key_header, sizeof(rest->key_header));
    free(rest->slots);
    free(rest->ca_file);
    free(rest->url);
    free(rest);
}
