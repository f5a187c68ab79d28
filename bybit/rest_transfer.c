/* bybit/rest_transfer.c - a call in its slot: curl's options, and the callbacks that stamp and sign
 * it as its head is built, give its body once, and take the answer. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/text.h"
#include "bybit/rest_parts.h"

#define WRITE_ANSWER_MAX ((size_t)256 << 10)
#define URL_MAX          (QUERY_MAX + 512)

/* --- curl's callbacks --- */

/* Writes time stamp and signature into the header texts, in place. */
static bool slot_sign(struct slot *slot)
{
    struct rest *rest = slot->rest;
    struct call *call = slot->call;
    char digits[24];
    char signature[SIGNATURE_MAX];
    int64_t now_ms = clock_sync_signing_ms(rest->config.clock);

    if (snprintf(digits, sizeof(digits), "%" PRId64, now_ms) != TIMESTAMP_DIGITS) {
        slot->stopped = "the clock is not usable";
        return false;
    }
    if (sign_rest(rest->signing, now_ms, rest->config.recv_window_ms, call->text,
                  call->content_bytes, signature) ||
        strlen(signature) != rest->sign_bytes) {
        slot->stopped = "signing failed";
        return false;
    }
    memcpy(slot->timestamp + strlen("X-BAPI-TIMESTAMP: "), digits, TIMESTAMP_DIGITS);
    memcpy(slot->sign + strlen("X-BAPI-SIGN: "), signature, rest->sign_bytes);
    call->signed_ms = now_ms;
    return true;
}

/* It leaves only now: a connection had to be opened, or curl's first attempt met a dead one and may
 * have been counted. False: the budget has no place for it any more. */
static bool slot_turn(struct slot *slot)
{
    struct budget *budget = slot->rest->config.budget;
    struct call *call = slot->call;
    int64_t wait_ms;

    if (slot->attempts > 1)
        call->claim.held = false; /* the first one's entry ages out */
    wait_ms = budget_leave(budget, &call->claim, clock_mono_ms());
    if (wait_ms == 0)
        return true;
    slot->no_turn = true;
    slot->stopped = "the rate limit has no turn for it any more";
    call->retry_after_ms = wait_ms;
    return false;
}

/* Runs on each attempt, after connect and before the head is built. */
static int on_prereq(void *userdata, char *remote_ip, char *local_ip, int remote_port,
                     int local_port)
{
    struct slot *slot = userdata;
    struct call *call = slot->call;

    (void)remote_ip;
    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    slot->attempts++;
    if (call->info->is_write && slot->attempts > 1) {
        slot->stopped = "the connection broke and is not tried a second time";
        return CURL_PREREQFUNC_ABORT;
    }
    if (clock_mono_ms() > call->request.deadline_ms) {
        slot->stopped = "the deadline passed before it was sent";
        return CURL_PREREQFUNC_ABORT;
    }
    if (!slot_turn(slot))
        return CURL_PREREQFUNC_ABORT;
    if (call->info->is_signed) {
        int64_t began_us = clock_mono_us();

        if (!slot_sign(slot))
            return CURL_PREREQFUNC_ABORT;
        call->sign_us = clock_mono_us() - began_us;
    }
    slot->begun = true;
    call->head_left = true;
    slot->sent_us = clock_mono_us();
    call->left_us = slot->sent_us;
    CRASH_POINT_IF(call->info->is_write, WRITE_SIGNED);
    CRASH_POINT_IF(call->request.route == ROUTE_ORDER_AMEND, AMEND_SIGNED);
    CRASH_POINT_IF(call->request.route == ROUTE_ORDER_CREATE_BATCH, BATCH_SIGNED);
    CRASH_POINT_IF(call->request.route == ROUTE_ORDER_CANCEL_BATCH, CANCELS_SIGNED);
    return CURL_PREREQFUNC_OK;
}

/* The last look before the body may leave. */
static bool body_may_leave(struct slot *slot)
{
    struct rest_request *request = &slot->call->request;

    if (clock_mono_ms() > request->deadline_ms)
        slot->stopped = "the deadline passed before it was sent";
    else if (request->may_send && !request->may_send(request->userdata))
        slot->stopped = "it was taken back before it was sent";
    else
        return true;
    return false;
}

static size_t on_read(char *to, size_t size, size_t count, void *userdata)
{
    struct slot *slot = userdata;
    struct call *call = slot->call;
    size_t bytes = size * count;

    if (!call->body_left) {
        if (!body_may_leave(slot))
            return CURL_READFUNC_ABORT;
        call->body_left = true;
        CRASH_POINT(BODY_LEAVES);
        CRASH_POINT_IF(call->request.route == ROUTE_ORDER_AMEND, AMEND_LEAVES);
        CRASH_POINT_IF(call->request.route == ROUTE_ORDER_CREATE_BATCH, BATCH_LEAVES);
        CRASH_POINT_IF(call->request.route == ROUTE_ORDER_CANCEL_BATCH, CANCELS_LEAVES);
        if (call->request.on_sent)
            call->request.on_sent(call->signed_ms, call->request.userdata);
    }
    if (bytes > call->content_bytes - slot->content_at)
        bytes = call->content_bytes - slot->content_at;
    memcpy(to, call->text + slot->content_at, bytes);
    slot->content_at += bytes;
    return bytes;
}

static int on_seek(void *userdata, curl_off_t offset, int origin)
{
    (void)userdata;
    (void)offset;
    (void)origin;
    return CURL_SEEKFUNC_FAIL;
}

static size_t on_write(char *from, size_t size, size_t count, void *userdata)
{
    struct slot *slot = userdata;

    buffer_add(&slot->body, from, size * count);
    if (buffer_check(&slot->body) == ERR_NONE)
        return size * count;
    slot->stopped =
        slot->body.failed == ERR_NO_MEMORY ? "out of memory" : "the answer is too large";
    return 0;
}

/* The digits behind "name:" in a header line. */
static bool header_number(const char *line, size_t bytes, const char *name, int64_t *out)
{
    size_t name_bytes = strlen(name);
    int64_t value = 0;
    size_t digits = 0;

    if (bytes <= name_bytes || strncasecmp(line, name, name_bytes) != 0 || line[name_bytes] != ':')
        return false;
    for (size_t i = name_bytes + 1; i < bytes; i++) {
        if (line[i] >= '0' && line[i] <= '9' && digits < 15) {
            value = value * 10 + (line[i] - '0');
            digits++;
        } else if (digits == 0 && line[i] == ' ') {
            continue;
        } else if (line[i] == '\r' || line[i] == '\n' || line[i] == ' ') {
            break;
        } else {
            return false;
        }
    }
    if (digits > 0)
        *out = value;
    return digits > 0;
}

static void headers_forget(struct slot *slot)
{
    slot->limit = -1;
    slot->left = -1;
    slot->reset_ms = 0;
    slot->retry_after_s = 0;
}

static size_t on_header(char *line, size_t size, size_t count, void *userdata)
{
    struct slot *slot = userdata;
    size_t bytes = size * count;
    int64_t value;

    if (!slot->first_byte_us)
        slot->first_byte_us = clock_mono_us();
    if (bytes >= 5 && memcmp(line, "HTTP/", 5) == 0)
        headers_forget(slot);
    else if (header_number(line, bytes, "X-Bapi-Limit", &value))
        slot->limit = value < INT32_MAX ? (int)value : -1;
    else if (header_number(line, bytes, "X-Bapi-Limit-Status", &value))
        slot->left = value < INT32_MAX ? (int)value : -1;
    else if (header_number(line, bytes, "X-Bapi-Limit-Reset-Timestamp", &value))
        slot->reset_ms = value;
    else if (header_number(line, bytes, "Retry-After", &value))
        slot->retry_after_s = value;
    return bytes;
}

/* --- slots --- */

static void slot_headers(struct slot *slot)
{
    static char type[] = "Content-Type: application/json";
    static char expect[] = "Expect:";
    static char sign_type[] = "X-BAPI-SIGN-TYPE: 2";
    struct rest *rest = slot->rest;
    char *texts[HEADER_COUNT] = {
        [HEADER_TYPE] = type,
        [HEADER_EXPECT] = expect,
        [HEADER_KEY] = rest->key_header,
        [HEADER_TIMESTAMP] = slot->timestamp,
        [HEADER_WINDOW] = rest->window_header,
        [HEADER_SIGN] = slot->sign,
        [HEADER_SIGN_TYPE] = sign_type,
    };

    (void)snprintf(slot->timestamp, sizeof(slot->timestamp), "X-BAPI-TIMESTAMP: %0*d",
                   TIMESTAMP_DIGITS, 0);
    (void)snprintf(slot->sign, sizeof(slot->sign), "X-BAPI-SIGN: %0*d", (int)rest->sign_bytes, 0);
    for (int i = 0; i < HEADER_COUNT; i++)
        slot->headers[i] = (struct curl_slist){ texts[i], NULL };
}

/* Links the header texts: public calls have the first two only. */
static struct curl_slist *slot_header_list(struct slot *slot, bool is_signed)
{
    int last = is_signed ? HEADER_COUNT - 1 : HEADER_EXPECT;

    for (int i = 0; i < last; i++)
        slot->headers[i].next = &slot->headers[i + 1];
    slot->headers[last].next = NULL;
    return slot->headers;
}

/* Trust: chain and name verified, from `ca_file` alone when there is one. */
static CURLcode slot_options_tls(struct slot *slot)
{
    struct rest *rest = slot->rest;
    const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
    CURLcode bad = CURLE_OK;

    bad |= curl_easy_setopt(slot->easy, CURLOPT_PROTOCOLS_STR, rest->tls ? "https" : "http");
    bad |= curl_easy_setopt(slot->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (rest->ca_file)
        bad |= curl_easy_setopt(slot->easy, CURLOPT_CAINFO, rest->ca_file);
    /* Without a folder curl keeps the loaded certificates for the next connection. */
    if (rest->ca_file || (version->age >= CURLVERSION_SEVENTH && version->cainfo))
        bad |= curl_easy_setopt(slot->easy, CURLOPT_CAPATH, NULL);
    return bad;
}

/* What could send a request elsewhere, or more than once, is off. */
static CURLcode slot_options_safety(struct slot *slot)
{
    CURLcode bad = CURLE_OK;

    bad |= curl_easy_setopt(slot->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_PROXY, "");
    bad |= curl_easy_setopt(slot->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_PATH_AS_IS, 1L);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_HTTP09_ALLOWED, 0L);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_NOPROGRESS, 1L);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_TCP_NODELAY, 1L);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_USERAGENT, "bybit-bridge");
    return bad;
}

static CURLcode slot_options_callbacks(struct slot *slot)
{
    CURLcode bad = CURLE_OK;

    bad |= curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_ERRORBUFFER, slot->errors);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_PREREQFUNCTION, on_prereq);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_PREREQDATA, slot);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_READFUNCTION, on_read);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_READDATA, slot);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_SEEKFUNCTION, on_seek);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_SEEKDATA, slot);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_WRITEFUNCTION, on_write);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_WRITEDATA, slot);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_HEADERFUNCTION, on_header);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_HEADERDATA, slot);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_OPENSOCKETFUNCTION, rest_socket_open);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_OPENSOCKETDATA, slot->rest);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_CLOSESOCKETFUNCTION, rest_socket_close);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_CLOSESOCKETDATA, slot->rest);
    return bad;
}

/* Makes the slot's easy handle on first use. */
static bool slot_open(struct slot *slot)
{
    if (slot->easy)
        return true;
    slot->easy = curl_easy_init();
    if (!slot->easy)
        return false;
    slot_headers(slot);
    if (slot_options_safety(slot) | slot_options_tls(slot) | slot_options_callbacks(slot)) {
        curl_easy_cleanup(slot->easy);
        slot->easy = NULL;
        return false;
    }
    return true;
}

/* The options of one try. */
static CURLcode slot_options_call(struct slot *slot, int64_t now_ms)
{
    struct rest *rest = slot->rest;
    struct call *call = slot->call;
    int64_t left_ms = call->request.deadline_ms - now_ms + 1;
    int64_t connect_ms = rest->config.connect_timeout_ms;
    int64_t total_ms = left_ms + (call->info->is_write ? rest->config.write_grace_ms : 0);
    char url[URL_MAX];
    struct text text = text_in(url, sizeof(url));
    CURLcode bad = CURLE_OK;

    text_add(&text, rest->url);
    text_add(&text, call->info->path);
    if (!call->info->is_write && call->content_bytes > 0) {
        text_add(&text, "?");
        text_add_n(&text, call->text, call->content_bytes);
    }
    if (!text_fits(&text))
        return CURLE_URL_MALFORMAT;
    if (connect_ms > left_ms)
        connect_ms = left_ms;
    bad |= curl_easy_setopt(slot->easy, CURLOPT_URL, url);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER,
                            slot_header_list(slot, call->info->is_signed));
    bad |= curl_easy_setopt(slot->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_TIMEOUT_MS, (long)total_ms);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)slot->body.max);
    if (strcmp(call->info->method, "POST") == 0) {
        bad |= curl_easy_setopt(slot->easy, CURLOPT_POST, 1L);
        bad |= curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, NULL);
        bad |= curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                (curl_off_t)call->content_bytes);
    } else {
        bad |= curl_easy_setopt(slot->easy, CURLOPT_HTTPGET, 1L);
    }
    return bad;
}

void rest_slot_release(struct slot *slot)
{
    slot->list->under_way--;
    slot->call = NULL;
    slot->rest->under_way--;
    if (slot->body.capacity > KEPT_BUFFER_MAX)
        buffer_deinit(&slot->body);
    else
        buffer_clear(&slot->body);
}

void rest_call_start(struct rest *rest, struct call *call, int64_t now_ms)
{
    struct slot *slot = rest->slots;

    while (slot->call)
        slot++;
    assert(slot < rest->slots + rest->slots_count);
    if (!slot_open(slot)) {
        budget_give_back(rest->config.budget, &call->claim);
        rest_call_end_unsent(rest, call, ERR_NO_MEMORY, "no handle for the transfer");
        return;
    }
    slot->call = call;
    slot->list = rest_list_of(rest, call);
    slot->attempts = 0;
    slot->begun = false;
    slot->no_turn = false;
    slot->stopped = NULL;
    slot->errors[0] = '\0';
    slot->content_at = 0;
    slot->left_noted = false;
    slot->started_us = clock_mono_us();
    slot->sent_us = 0;
    slot->first_byte_us = 0;
    slot->body.max = call->info->is_write ? WRITE_ANSWER_MAX : READ_ANSWER_MAX;
    headers_forget(slot);
    rest->under_way++;
    slot->list->under_way++;
    call->tries++;
    call->left_us = 0;
    call->sign_us = 0;
    if (!call->started_us)
        call->started_us = slot->started_us;
    if (slot_options_call(slot, now_ms) ||
        curl_multi_add_handle(rest->multi, slot->easy) != CURLM_OK) {
        budget_give_back(rest->config.budget, &call->claim);
        rest_slot_release(slot);
        rest_call_end_unsent(rest, call, ERR_INTERNAL, "the transfer could not be set up");
    }
}
