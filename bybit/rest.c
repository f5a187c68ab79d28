/* bybit/rest.c - libcurl's multi interface behind an epoll descriptor of its own.
 *
 * A call is one request from rest_submit to on_done. It waits in one of two lanes (urgent, others),
 * then runs in a slot (an easy handle with its header texts and its body buffer), then ends, or
 * goes back to its lane when it is a read that may be tried again.
 *
 * What proves that a write was not sent: the read callback, the only source of its body, was never
 * called. It is called at most once a call to begin a body, because a second attempt of a write is
 * aborted in PREREQFUNCTION.
 */
#include "bybit/rest.h"

#include <assert.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>
#include <openssl/crypto.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "bybit/codes.h"
#include "bybit/hosts.h"

#define URGENT_MAX          256
#define OTHERS_MAX          1024
#define CONNECTIONS_MAX     256
#define CONNECTIONS_DEFAULT 16
#define CONNECT_DEFAULT_MS  5000
#define WINDOW_DEFAULT_MS   5000
#define QUERY_MAX           8192
#define POST_MAX            ((size_t)1 << 20)
#define READ_ANSWER_MAX     ((size_t)8 << 20)
#define WRITE_ANSWER_MAX    ((size_t)256 << 10)
#define KEPT_BUFFER_MAX     ((size_t)64 << 10)
#define URL_MAX             (QUERY_MAX + 512)
#define WRITE_GRACE_MS      10000
#define TRIES_MAX           3
#define RETRY_MS            100
#define BAN_MS              600000
#define HOLD_PAD_MS         50
#define HOLD_DEFAULT_MS     1000
#define HOLD_MAX_MS         5000
#define LEFT_VALID_US       500000 /* a slower answer's X-Bapi-Limit-Status is history */
#define TIME_CALL_MS        5000
#define EVENTS_MAX          64
#define SOCKETS_MAX         ((size_t)2 * CONNECTIONS_MAX)
#define ROUNDS_MAX          8
#define NEVER               INT64_MAX
#define TIMESTAMP_DIGITS    13
#define RET_TIMESTAMP       10002
#define RET_TOO_MANY        10006

enum header {
    HEADER_TYPE,
    HEADER_EXPECT,
    HEADER_KEY,
    HEADER_TIMESTAMP,
    HEADER_WINDOW,
    HEADER_SIGN,
    HEADER_SIGN_TYPE,
    HEADER_COUNT
};

/* Why a call waits. */
enum wait { WAIT_TURN, WAIT_BUDGET, WAIT_CONNECTION, WAIT_RETRY };

struct call {
    struct call *next;
    struct rest_request request; /* query and body point to text */
    const struct bybit_route_info *info;
    size_t content_bytes; /* of text: the query or the body */
    bool internal;        /* a ROUTE_TIME call of this module */
    bool wants_clock;     /* goes on once the clock is in step again */
    bool clock_tried;
    int tries;
    enum wait wait;
    int64_t not_before_ms;
    int64_t retry_after_ms;
    int64_t started_us;
    int64_t signed_ms;
    bool head_left; /* the head may have left, in any try */
    bool body_left; /* the read callback was called */
    char text[];
};

struct lane {
    struct call *first;
    struct call *last;
    size_t count;
};

struct slot {
    struct rest *rest;
    struct call *call; /* NULL: free */
    CURL *easy;
    struct curl_slist headers[HEADER_COUNT];
    char timestamp[sizeof("X-BAPI-TIMESTAMP: ") + TIMESTAMP_DIGITS];
    char sign[sizeof("X-BAPI-SIGN: ") + SIGNATURE_MAX];
    char errors[CURL_ERROR_SIZE];
    const char *stopped; /* why one of our callbacks ended the transfer */
    struct buffer body;
    int attempts; /* curl's, of this try */
    bool begun;   /* PREREQ let this try go */
    size_t content_at;
    int64_t sent_us;
    int64_t first_byte_us;
    int limit; /* X-Bapi-*; -1: absent */
    int left;
    int64_t reset_ms;
};

/* One of curl's sockets. */
struct peer {
    int fd;
    bool in_use; /* a transfer waits for it */
};

struct rest {
    struct rest_config config;
    char *url;
    char *ca_file;
    bool tls;
    bool closing;
    struct signer_context *signing;
    size_t sign_bytes;
    char key_header[sizeof("X-BAPI-API-KEY: ") + 160];
    char window_header[48];
    CURLM *multi;
    int epoll_fd;
    int64_t curl_due_us; /* NEVER: no timer */
    int64_t wake_ms;     /* when a waiting call can be looked at again */
    bool pump_due;
    struct lane urgent;
    struct lane others;
    struct slot *slots;
    size_t slots_count;
    size_t under_way;
    struct peer peers[SOCKETS_MAX];
    size_t peers_count;
    bool distrusted; /* by the on_done that runs */
    int time_calls;
    int64_t time_answer_us; /* last answer that fed the clock */
};

/* --- lanes --- */

static void lane_add(struct lane *lane, struct call *call)
{
    call->next = NULL;
    if (lane->last)
        lane->last->next = call;
    else
        lane->first = call;
    lane->last = call;
    lane->count++;
}

/* Takes `call` out, which follows `before` (NULL: it is the first). */
static void lane_take(struct lane *lane, struct call *before, struct call *call)
{
    if (before)
        before->next = call->next;
    else
        lane->first = call->next;
    if (lane->last == call)
        lane->last = before;
    lane->count--;
    call->next = NULL;
}

static struct lane *lane_of(struct rest *rest, const struct call *call)
{
    return call->request.urgent ? &rest->urgent : &rest->others;
}

/* --- ends --- */

static void call_end(struct rest *rest, struct call *call, struct rest_answer *answer)
{
    answer->signed_ms = call->signed_ms;
    answer->started_us = call->started_us;
    if (!answer->finished_us)
        answer->finished_us = clock_mono_us();
    if (!answer->body)
        answer->body = "";
    answer->sent = (call->info->is_write ? call->body_left : call->head_left) ? REST_MAYBE_SENT
                                                                              : REST_NOT_SENT;
    if (call->internal)
        rest->time_calls--;
    if (call->request.on_done)
        call->request.on_done(answer, call->request.userdata);
    free(call);
}

static void call_end_unsent(struct rest *rest, struct call *call, enum err err, const char *why)
{
    struct rest_answer answer = { 0 };

    error_set(&answer.error, err, "%s: %s", call->info->path, why);
    call_end(rest, call, &answer);
}

/* Its turn did not come before the deadline. */
static void call_end_late(struct rest *rest, struct call *call)
{
    struct rest_answer answer = { 0 };
    const char *why = "the deadline passed before it was sent";

    switch (call->wait) {
    case WAIT_BUDGET:
        answer.throttled = true;
        why = "the rate limit left no turn before the deadline";
        break;
    case WAIT_CONNECTION:
        answer.throttled = true;
        why = "all connections were busy until the deadline";
        break;
    case WAIT_RETRY:
        why = "the deadline passed before it could be tried again";
        break;
    case WAIT_TURN:
        break;
    }
    if (call->wait == WAIT_BUDGET)
        answer.retry_after_ms = call->retry_after_ms;
    error_set(&answer.error, answer.throttled ? ERR_BUSY : ERR_UNAVAILABLE, "%s: %s",
              call->info->path, why);
    call_end(rest, call, &answer);
}

/* --- sockets --- */

static curl_socket_t on_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct rest *rest = userdata;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

    (void)purpose;
    if (fd >= 0 && rest->peers_count < SOCKETS_MAX)
        rest->peers[rest->peers_count++] = (struct peer){ .fd = fd, .in_use = true };
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static struct peer *peer_find(struct rest *rest, int fd)
{
    for (size_t i = 0; i < rest->peers_count; i++) {
        if (rest->peers[i].fd == fd)
            return &rest->peers[i];
    }
    return NULL;
}

static int on_close(void *userdata, curl_socket_t fd)
{
    struct rest *rest = userdata;
    struct peer *peer = peer_find(rest, fd);

    if (peer)
        *peer = rest->peers[--rest->peers_count];
    return close(fd);
}

/* curl takes an idle connection for dead only when it reads its end at once: so what was sent
 * unasked is thrown away, and then there is the end. */
static void spoil(int fd)
{
    char rest_of_it[4096];

    for (int i = 0; i < 256; i++) {
        if (recv(fd, rest_of_it, sizeof(rest_of_it), MSG_DONTWAIT) <= 0)
            break;
    }
    (void)shutdown(fd, SHUT_RDWR);
}

/* What comes on an idle connection is no answer to what we ask next: a late or second answer to an
 * earlier request, an HTTP 408, the end of TLS. Such a connection is not used again. */
static void spoil_talkers(struct rest *rest)
{
    struct pollfd idle[SOCKETS_MAX];
    nfds_t count = 0;

    for (size_t i = 0; i < rest->peers_count; i++) {
        if (!rest->peers[i].in_use)
            idle[count++] = (struct pollfd){ .fd = rest->peers[i].fd, .events = POLLIN };
    }
    if (count == 0 || poll(idle, count, 0) <= 0)
        return;
    for (nfds_t i = 0; i < count; i++) {
        if (idle[i].revents)
            spoil(idle[i].fd);
    }
}

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
    if (call->info->is_signed && !slot_sign(slot))
        return CURL_PREREQFUNC_ABORT;
    slot->begun = true;
    call->head_left = true;
    slot->sent_us = clock_mono_us();
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
    return bytes;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *known)
{
    struct rest *rest = userdata;
    struct epoll_event event = { .data.fd = fd };
    struct peer *peer = peer_find(rest, fd);

    (void)easy;
    if (peer)
        peer->in_use = what != CURL_POLL_REMOVE;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(rest->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    if (what != CURL_POLL_OUT)
        event.events |= EPOLLIN;
    if (what != CURL_POLL_IN)
        event.events |= EPOLLOUT;
    if (epoll_ctl(rest->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0 &&
        epoll_ctl(rest->epoll_fd, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) != 0)
        return -1;
    curl_multi_assign(rest->multi, fd, rest);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *userdata)
{
    struct rest *rest = userdata;

    (void)multi;
    rest->curl_due_us = timeout_ms < 0 ? NEVER : clock_mono_us() + (int64_t)timeout_ms * 1000;
    return 0;
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
    bad |= curl_easy_setopt(slot->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_OPENSOCKETDATA, slot->rest);
    bad |= curl_easy_setopt(slot->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
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

static void slot_release(struct slot *slot)
{
    slot->call = NULL;
    slot->rest->under_way--;
    if (slot->body.capacity > KEPT_BUFFER_MAX)
        buffer_deinit(&slot->body);
    else
        buffer_clear(&slot->body);
}

/* A far deadline must not overflow curl's long. */
static int64_t clamp_deadline(int64_t deadline_ms, int64_t now_ms)
{
    const int64_t day_ms = INT64_C(86400000);

    return deadline_ms > now_ms + day_ms ? now_ms + day_ms : deadline_ms;
}

static void call_start(struct rest *rest, struct call *call, int64_t now_ms)
{
    struct slot *slot = rest->slots;

    while (slot->call)
        slot++;
    assert(slot < rest->slots + rest->slots_count);
    if (!slot_open(slot)) {
        call_end_unsent(rest, call, ERR_NO_MEMORY, "no handle for the transfer");
        return;
    }
    slot->call = call;
    slot->attempts = 0;
    slot->begun = false;
    slot->stopped = NULL;
    slot->errors[0] = '\0';
    slot->content_at = 0;
    slot->sent_us = 0;
    slot->first_byte_us = 0;
    slot->body.max = call->info->is_write ? WRITE_ANSWER_MAX : READ_ANSWER_MAX;
    headers_forget(slot);
    rest->under_way++;
    call->tries++;
    if (!call->started_us)
        call->started_us = clock_mono_us();
    if (slot_options_call(slot, now_ms) ||
        curl_multi_add_handle(rest->multi, slot->easy) != CURLM_OK) {
        slot_release(slot);
        call_end_unsent(rest, call, ERR_INTERNAL, "the transfer could not be set up");
    }
}

/* --- waiting --- */

/* The clock does not fit the exchange's: ask for the time, unless that was just done. */
static void clock_resync(struct rest *rest, int64_t signed_at_us)
{
    if (rest->time_calls > 0 || rest->time_answer_us > signed_at_us)
        return;
    clock_sync_reset(rest->config.clock);
    rest_warm(rest, 1);
}

/* How long each route and category has to wait, as far as it was asked in this pass. */
struct waits {
    int64_t ms[ROUTE_COUNT][CATEGORY_COUNT];
};

/* 0: the call may start now (and its share of the budget is taken). Else ms until it can be asked
 * again. */
static int64_t call_wait(struct rest *rest, struct call *call, struct waits *waits, size_t slots,
                         int64_t now_ms)
{
    int64_t *known = &waits->ms[call->request.route][call->request.category];

    if (call->wants_clock && clock_sync_ready(rest->config.clock))
        call->wants_clock = false;
    if (call->wants_clock || call->not_before_ms > now_ms) {
        call->wait = WAIT_RETRY;
        return call->wants_clock ? NEVER : call->not_before_ms - now_ms;
    }
    if (rest->under_way >= slots) {
        call->wait = WAIT_CONNECTION;
        return NEVER;
    }
    if (*known == 0)
        *known =
            budget_take(rest->config.budget, call->request.route, call->request.category, now_ms);
    if (*known == 0)
        return 0;
    call->wait = WAIT_BUDGET;
    call->retry_after_ms = *known;
    return *known;
}

/* Starts what may start; ends what has no hope left. `slots`: how many of all may be in use. */
static void lane_pump(struct rest *rest, struct lane *lane, struct waits *waits, size_t slots)
{
    int64_t now_ms = clock_mono_ms();
    struct call *before = NULL;
    struct call *next;

    for (struct call *call = lane->first; call; call = next) {
        int64_t left_ms = call->request.deadline_ms - now_ms;
        int64_t wait_ms;

        if (left_ms < 0) {
            lane_take(lane, before, call);
            call_end_late(rest, call);
            /* The callback may have appended. */
            next = before ? before->next : lane->first;
            continue;
        }
        wait_ms = call_wait(rest, call, waits, slots, now_ms);
        if (wait_ms == 0 || (call->wait == WAIT_BUDGET && wait_ms > left_ms) ||
            (call->wants_clock && rest->time_calls == 0)) {
            lane_take(lane, before, call);
            if (wait_ms == 0)
                call_start(rest, call, now_ms);
            else if (call->wants_clock)
                call_end_unsent(rest, call, ERR_UNAVAILABLE, "the exchange's time is not known");
            else
                call_end_late(rest, call);
            next = before ? before->next : lane->first;
            continue;
        }
        if (wait_ms > left_ms)
            wait_ms = left_ms + 1;
        if (now_ms + wait_ms < rest->wake_ms)
            rest->wake_ms = now_ms + wait_ms;
        before = call;
        next = call->next;
    }
}

static void pump(struct rest *rest)
{
    struct waits waits = { 0 };

    rest->pump_due = false;
    rest->wake_ms = NEVER;
    spoil_talkers(rest);
    lane_pump(rest, &rest->urgent, &waits, rest->slots_count);
    lane_pump(rest, &rest->others, &waits, rest->slots_count - rest->slots_count / 4);
}

/* --- answers --- */

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

static int64_t hold_ms(struct rest *rest, const struct slot *slot)
{
    int64_t hold = HOLD_DEFAULT_MS;

    if (slot->reset_ms > 0 && clock_sync_ready(rest->config.clock))
        hold = slot->reset_ms - clock_sync_server_ms(rest->config.clock) + HOLD_PAD_MS;
    if (hold < HOLD_PAD_MS)
        hold = HOLD_PAD_MS;
    return hold < HOLD_MAX_MS ? hold : HOLD_MAX_MS;
}

/* What an answer says beyond its own request: limits, the ban, the time. Returns its retCode, 0
 * when there is none. */
static int learn(struct rest *rest, const struct slot *slot, struct rest_answer *answer)
{
    const struct call *call = slot->call;
    int64_t now_ms = answer->finished_us / 1000;
    bool fresh = answer->finished_us - slot->sent_us < LEFT_VALID_US;
    int ret_code = 0;

    /* Refusals are short; a long answer is not read twice. */
    if (answer->body_bytes <= KEPT_BUFFER_MAX && !rest_ret_code(answer, &ret_code))
        ret_code = 0;
    if (call->request.route == ROUTE_TIME)
        take_time(rest, slot, answer);
    if (answer_is_ban(answer->http_status, answer->body)) {
        log_error("rest: the exchange has banned this IP, all calls pause for %d s", BAN_MS / 1000);
        budget_ban(rest->config.budget, now_ms, BAN_MS);
        answer->retry_after_ms = BAN_MS;
    } else if (answer->http_status == 429) {
        answer->retry_after_ms = HOLD_DEFAULT_MS;
    } else if (ret_code == RET_TOO_MANY) {
        answer->retry_after_ms = hold_ms(rest, slot);
    }
    /* Over the limit, the hold until its reset says all. */
    if (ret_code == RET_TOO_MANY)
        budget_correct(rest->config.budget, call->request.route, call->request.category,
                       slot->limit, -1, answer->retry_after_ms, now_ms);
    else if (slot->limit >= 0)
        budget_correct(rest->config.budget, call->request.route, call->request.category,
                       slot->limit, fresh ? slot->left : -1, 0, now_ms);
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
    if (!answer->answered) {
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
}

static void slot_finish(struct rest *rest, struct slot *slot, CURLcode code)
{
    struct call *call = slot->call;
    struct rest_answer answer = { .finished_us = clock_mono_us() };
    curl_socket_t fd = CURL_SOCKET_BAD;
    int ret_code = 0;

    curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &answer.http_status);
    curl_easy_getinfo(slot->easy, CURLINFO_ACTIVESOCKET, &fd);
    curl_multi_remove_handle(rest->multi, slot->easy);
    answer.answered = code == CURLE_OK && answer.http_status > 0;
    rest->pump_due = true;
    if (answer.answered) {
        answer.body = slot->body.data;
        answer.body_bytes = slot->body.bytes;
        if (!answer.body)
            answer.body = "";
        ret_code = learn(rest, slot, &answer);
    } else {
        answer.http_status = 0;
        describe_failure(slot, code, &answer);
    }
    if (may_retry(slot, call, code, &answer, ret_code)) {
        call->wait = WAIT_RETRY;
        lane_add(lane_of(rest, call), call);
    } else {
        rest->distrusted = false;
        call_end(rest, call, &answer);
        if (rest->distrusted && fd != CURL_SOCKET_BAD && peer_find(rest, fd))
            spoil(fd);
    }
    slot_release(slot);
}

void rest_distrust(struct rest *rest)
{
    rest->distrusted = true;
}

/* --- the loop's side --- */

static void reap(struct rest *rest)
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

static void run_sockets(struct rest *rest)
{
    struct epoll_event events[EVENTS_MAX];
    int running;
    int count = epoll_wait(rest->epoll_fd, events, EVENTS_MAX, 0);

    for (int i = 0; i < count; i++) {
        unsigned happened = events[i].events;
        int what = 0;

        if (happened & EPOLLIN)
            what |= CURL_CSELECT_IN;
        if (happened & EPOLLOUT)
            what |= CURL_CSELECT_OUT;
        if (happened & (EPOLLERR | EPOLLHUP))
            what |= CURL_CSELECT_ERR;
        curl_multi_socket_action(rest->multi, events[i].data.fd, what, &running);
    }
}

static void run_timer(struct rest *rest)
{
    int running;

    if (rest->curl_due_us > clock_mono_us())
        return;
    rest->curl_due_us = NEVER; /* before the call, which may set it anew */
    curl_multi_socket_action(rest->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

void rest_run(struct rest *rest)
{
    run_sockets(rest);
    run_timer(rest);
    reap(rest);
    for (int i = 0; i < ROUNDS_MAX; i++) {
        if (!rest->pump_due && rest->wake_ms > clock_mono_ms())
            break;
        pump(rest);
        run_timer(rest); /* what was just begun on a kept connection leaves now */
        reap(rest);
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
    return rest->under_way + rest->urgent.count + rest->others.count;
}

/* --- requests --- */

/* What may stand in a request line behind '?': curl sends it as it is. */
static bool query_is_valid(const char *query)
{
    for (const char *at = query; *at; at++) {
        if (*at <= 0x20 || *at >= 0x7f || *at == '#')
            return false;
    }
    return strlen(query) <= QUERY_MAX;
}

static enum err submit(struct rest *rest, const struct rest_request *request, bool internal)
{
    const struct bybit_route_info *info = bybit_route_info(request->route);
    struct lane *lane = request->urgent ? &rest->urgent : &rest->others;
    bool is_post = strcmp(info->method, "POST") == 0;
    const char *content = is_post ? request->body : request->query;
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
    if (lane->count >= (request->urgent ? URGENT_MAX : OTHERS_MAX))
        return ERR_BUSY;
    call = calloc(1, sizeof(*call) + bytes + 1);
    if (!call)
        return ERR_NO_MEMORY;
    call->request = *request;
    call->request.query = NULL;
    call->request.body = NULL;
    call->request.deadline_ms = clamp_deadline(request->deadline_ms, clock_mono_ms());
    call->info = info;
    call->internal = internal;
    call->content_bytes = bytes;
    memcpy(call->text, content, bytes + 1);
    lane_add(lane, call);
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

static enum err open_multi(struct rest *rest, struct error *error)
{
    CURLMcode bad = CURLM_OK;

    rest->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    rest->multi = curl_multi_init();
    if (rest->epoll_fd < 0 || !rest->multi)
        return error_set(error, ERR_NO_MEMORY, "rest: out of memory or descriptors");
    bad |= curl_multi_setopt(rest->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    bad |= curl_multi_setopt(rest->multi, CURLMOPT_SOCKETDATA, rest);
    bad |= curl_multi_setopt(rest->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    bad |= curl_multi_setopt(rest->multi, CURLMOPT_TIMERDATA, rest);
    bad |= curl_multi_setopt(rest->multi, CURLMOPT_MAXCONNECTS, (long)rest->slots_count);
    bad |= curl_multi_setopt(rest->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    if (bad)
        return error_set(error, ERR_INTERNAL, "rest: curl refuses an option");
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
        err = open_multi(rest, error);
    if (err)
        goto fail;
    *out = rest;
    return ERR_NONE;

fail:
    rest_destroy(rest);
    return err;
}

static void end_all(struct rest *rest)
{
    struct lane *lanes[] = { &rest->urgent, &rest->others };

    for (size_t i = 0; i < rest->slots_count && rest->slots; i++) {
        struct slot *slot = &rest->slots[i];
        struct call *call = slot->call;

        if (!call)
            continue;
        curl_multi_remove_handle(rest->multi, slot->easy);
        slot_release(slot);
        call_end_unsent(rest, call,
                        call->info->is_write && call->body_left ? ERR_IN_DOUBT : ERR_UNAVAILABLE,
                        "stopped");
    }
    for (size_t i = 0; i < ARRAY_LEN(lanes); i++) {
        while (lanes[i]->first) {
            struct call *call = lanes[i]->first;

            lane_take(lanes[i], NULL, call);
            call_end_unsent(rest, call, ERR_UNAVAILABLE, "stopped before it was sent");
        }
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
