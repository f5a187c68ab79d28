/* tests/test_http_parts.h - for test_http*.c and test_sse.c: a small endpoint table in place of the
 * real one, and a raw client.
 *
 * The table defines all of api/endpoints.h, so that the real one is not linked: here calls are
 * counted, held back and answered from another thread at will.
 */
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>

#include "api/endpoints.h"
#include "base/clock.h"
#include "server/http.h"

/* --- endpoints --- */

#define BIG_BYTES (12 * 1024 * 1024)

static atomic_int orders_calls;
static char orders_body[API_BODY_MAX + 1];
static _Atomic(struct api_call *) held[256];
static atomic_int held_count;

static void answer(struct api_call *call, int status, const char *text)
{
    buffer_clear(&call->reply);
    buffer_add_text(&call->reply, text);
    call->status = status;
    call->content_type = "text/plain; charset=utf-8";
    call->done(call);
}

static void handle_live(const struct api *api, struct api_call *call)
{
    (void)api;
    memcpy(call->headers[0].name, "X-Twin", sizeof("X-Twin"));
    memcpy(call->headers[0].value, call->request_id, sizeof(call->request_id));
    call->headers_count = 1;
    answer(call, 200, "ok\n");
}

static void handle_orders_stub(const struct api *api, struct api_call *call)
{
    (void)api;
    memcpy(orders_body, call->body ? call->body : "", call->body_bytes + 1);
    atomic_fetch_add(&orders_calls, 1);
    answer(call, 201, "{}");
}

static void *answer_late(void *userdata)
{
    answer(userdata, 200, "late\n");
    return NULL;
}

static void handle_late(const struct api *api, struct api_call *call)
{
    pthread_t thread;

    (void)api;
    ck_assert_int_eq(pthread_create(&thread, NULL, answer_late, call), 0);
    ck_assert_int_eq(pthread_detach(thread), 0);
}

static void handle_held(const struct api *api, struct api_call *call)
{
    (void)api;
    atomic_store(&held[atomic_fetch_add(&held_count, 1)], call);
}

/* Held when its client gives it time. */
static void handle_kill_stub(const struct api *api, struct api_call *call)
{
    if (call->query_count)
        handle_held(api, call);
    else
        answer(call, 200, "killed\n");
}

static void handle_big(const struct api *api, struct api_call *call)
{
    (void)api;
    buffer_clear(&call->reply);
    for (int i = 0; i < BIG_BYTES / 16; i++)
        buffer_add(&call->reply, "0123456789abcdef", 16);
    call->status = 200;
    call->content_type = "text/plain";
    call->done(call);
}

static void handle_broken(const struct api *api, struct api_call *call)
{
    (void)api;
    buffer_clear(&call->reply);
    call->status = 0;
    call->done(call);
}

static const struct api_endpoint test_endpoints[] = {
    { .method = "GET",
      .path = "/livez",
      .access = ACCESS_READ,
      .query = "",
      .handle = handle_live },
    { .method = "GET", .path = "/late", .access = ACCESS_READ, .query = "", .handle = handle_late },
    { .method = "GET",
      .path = "/held",
      .access = ACCESS_READ,
      .query = "wait",
      .handle = handle_held },
    { .method = "GET", .path = "/big", .access = ACCESS_READ, .query = "", .handle = handle_big },
    { .method = "GET",
      .path = "/broken",
      .access = ACCESS_READ,
      .query = "",
      .handle = handle_broken },
    { .method = "POST",
      .path = "/orders",
      .access = ACCESS_TRADE,
      .query = "wait",
      .flags = TAKES_BODY,
      .handle = handle_orders_stub },
    { .method = "POST",
      .path = "/held",
      .access = ACCESS_TRADE,
      .query = "",
      .flags = TAKES_BODY,
      .handle = handle_held },
    { .method = "DELETE",
      .path = "/held",
      .access = ACCESS_TRADE,
      .query = "",
      .handle = handle_held },
    { .method = "POST",
      .path = "/guard/kill",
      .access = ACCESS_TRADE,
      .query = "timeout",
      .flags = TAKES_BODY,
      .handle = handle_kill_stub },
    { .method = "DELETE",
      .path = "/orders",
      .access = ACCESS_TRADE,
      .query = "symbol all",
      .handle = handle_orders_stub },
    { .method = "GET",
      .path = "/stream",
      .access = ACCESS_READ,
      .query = "topics conflate after tag symbol",
      .flags = IS_STREAM },
};

const struct api_endpoint *api_find(const char *method, const char *path, char param[API_PARAM_MAX],
                                    bool *path_known, char allow[64], const char **suffix)
{
    *suffix = NULL;
    *path_known = false;
    param[0] = allow[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(test_endpoints); i++) {
        if (strcmp(test_endpoints[i].path, path) != 0)
            continue;
        *path_known = true;
        strcat(allow, allow[0] ? ", " : "");
        strcat(allow, test_endpoints[i].method);
        if (strcmp(method, test_endpoints[i].method) == 0 ||
            (strcmp(method, "HEAD") == 0 && strcmp(test_endpoints[i].method, "GET") == 0))
            return &test_endpoints[i];
    }
    return NULL;
}

size_t api_endpoints_count(void)
{
    return ARRAY_LEN(test_endpoints);
}

const struct api_endpoint *api_endpoint_at(size_t index)
{
    return &test_endpoints[index];
}

bool api_query_known(const struct api_endpoint *endpoint, const char *name, const char **nearest)
{
    *nearest = NULL;
    return name[0] && strstr(endpoint->query, name);
}

/* --- a raw client --- */

/* `receive_bytes` 0: the kernel's choice. */
static inline int client_connect_with(int port, int receive_bytes)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    if (receive_bytes)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static inline int client_connect(int port)
{
    return client_connect_with(port, 0);
}

/* One that takes little before it must read. */
static inline int client_connect_small(int port)
{
    return client_connect_with(port, 4096);
}

static inline void client_send(int fd, const char *text)
{
    size_t bytes = strlen(text);

    while (bytes) {
        ssize_t sent = send(fd, text, bytes, MSG_NOSIGNAL);

        if (sent <= 0)
            return; /* closed by the other end: the reading tells */
        text += sent;
        bytes -= (size_t)sent;
    }
}

/* Reads into `text` (NUL-terminated) until `until` is in it, the end, or the time is over. True:
 * found. */
static inline bool client_read(int fd, char *text, size_t max, const char *until, int timeout_ms)
{
    size_t used = strlen(text);
    int64_t end_ms = clock_mono_ms() + timeout_ms;

    for (;;) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        int64_t left_ms = end_ms - clock_mono_ms();
        ssize_t got;

        if (until && strstr(text, until))
            return true;
        if (used + 1 >= max || poll(&wait, 1, left_ms > 0 ? (int)left_ms : 0) <= 0)
            return false;
        got = recv(fd, text + used, max - 1 - used, 0);
        if (got <= 0)
            return false;
        used += (size_t)got;
        text[used] = '\0';
    }
}

/* Whether the other end closes within the time; what comes before is dropped. */
static inline bool client_sees_close(int fd, int timeout_ms)
{
    int64_t end_ms = clock_mono_ms() + timeout_ms;
    char scrap[4096];

    for (;;) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        int64_t left_ms = end_ms - clock_mono_ms();

        if (left_ms <= 0 || poll(&wait, 1, (int)left_ms) <= 0)
            return false;
        if (recv(fd, scrap, sizeof(scrap), 0) <= 0)
            return true;
    }
}

/* Reads one reply with Content-Length; returns its status, 0 at the end. The text (head and body)
 * stays in `text`. */
static inline int client_reply(int fd, char *text, size_t max)
{
    const char *length;
    size_t head;
    size_t body;
    size_t used = 0;

    text[0] = '\0';
    while (!strstr(text, "\r\n\r\n")) { /* a byte at a time: the next reply stays in the socket */
        if (used + 1 >= max || recv(fd, text + used, 1, 0) != 1)
            return 0;
        text[++used] = '\0';
    }
    head = used;
    length = strstr(text, "Content-Length: ");
    body = length ? strtoul(length + 16, NULL, 10) : 0;
    while (used < head + body && used + 1 < max) {
        ssize_t got = recv(fd, text + used, head + body - used, 0);

        if (got <= 0)
            return 0;
        used += (size_t)got;
        text[used] = '\0';
    }
    return atoi(text + 9);
}
