/* server/ask.c - a target (whom to ask), an exchange of bytes under one deadline, and a strict
 * reader of the one shape that the bridge's answers to us have. */
#include "server/ask.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define REQUEST_MAX 4096

/* --- whom to ask --- */

static void unix_target(const char *path, struct ask_target *target)
{
    struct sockaddr_un *local = &target->address.local;

    local->sun_family = AF_UNIX;
    text_cut(local->sun_path, sizeof(local->sun_path), path);
    target->address_bytes = sizeof(*local);
    (void)snprintf(target->name, sizeof(target->name), "unix:%s", local->sun_path);
}

/* The address to connect to for one to listen on: a wildcard is reached by loopback. */
static bool tcp_target(const char *host, int port, struct ask_target *target)
{
    struct sockaddr_in *v4 = &target->address.ipv4;
    struct sockaddr_in6 *v6 = &target->address.ipv6;

    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        if (v4->sin_addr.s_addr == htonl(INADDR_ANY))
            v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        target->address_bytes = sizeof(*v4);
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        if (IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
            v6->sin6_addr = in6addr_loopback;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        target->address_bytes = sizeof(*v6);
    } else {
        return false;
    }
    (void)snprintf(target->name, sizeof(target->name), strchr(host, ':') ? "[%s]:%d" : "%s:%d",
                   host, port);
    return true;
}

bool ask_find_target(const struct config *config, bool want_tcp, struct ask_target *target)
{
    memset(target, 0, sizeof(*target));
    if (config->unix_socket[0] && !want_tcp) {
        unix_target(config->unix_socket, target);
        return true;
    }
    return config->listen_port != 0 && tcp_target(config->listen_host, config->listen_port, target);
}

/* --- bytes, under one deadline --- */

/* 0, or the errno to tell: ETIMEDOUT when the deadline comes first. */
static int wait_for(int fd, short events, int64_t deadline_ms)
{
    struct pollfd wanted = { .fd = fd, .events = events };

    for (;;) {
        int64_t left_ms = deadline_ms - clock_mono_ms();
        int count;

        if (left_ms <= 0)
            return ETIMEDOUT;
        count = poll(&wanted, 1, (int)left_ms);
        if (count > 0)
            return 0;
        if (count < 0 && errno != EINTR)
            return errno;
    }
}

static int connect_to(int fd, const struct ask_target *target, int64_t deadline_ms)
{
    int failure = 0;
    socklen_t bytes = sizeof(failure);

    if (connect(fd, &target->address.any, target->address_bytes) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno; /* EAGAIN: the queue of a Unix socket is full */
    failure = wait_for(fd, POLLOUT, deadline_ms);
    if (!failure && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &bytes) != 0)
        failure = errno;
    return failure;
}

static int send_all(int fd, const char *data, size_t bytes, int64_t deadline_ms)
{
    while (bytes > 0) {
        ssize_t sent = send(fd, data, bytes, MSG_NOSIGNAL);

        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            int failure = wait_for(fd, POLLOUT, deadline_ms);

            if (failure)
                return failure;
            continue;
        }
        if (sent < 0)
            return errno;
        data += sent;
        bytes -= (size_t)sent;
    }
    return 0;
}

/* Reads to the end ("Connection: close" was asked for). 0, or an errno; EMSGSIZE: it goes on. */
static int receive_all(int fd, char *data, size_t data_bytes, size_t *used, int64_t deadline_ms)
{
    *used = 0;
    for (;;) {
        int failure = wait_for(fd, POLLIN, deadline_ms);
        ssize_t got;

        if (failure)
            return failure;
        if (*used == data_bytes)
            return EMSGSIZE;
        got = recv(fd, data + *used, data_bytes - *used, 0);
        if (got == 0)
            return 0;
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return errno;
        if (got > 0)
            *used += (size_t)got;
    }
}

static bool write_request(char *out, size_t out_bytes, const struct ask *ask)
{
    struct text request = text_in(out, out_bytes);

    /* localhost is a name that every bridge answers to, whatever address it listens on. */
    text_addf(&request,
              "%s %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: %s\r\nConnection: close\r\n",
              ask->method, ask->path, ask->agent);
    if (ask->token)
        text_addf(&request, "Authorization: Bearer %s\r\n", ask->token);
    if (ask->body)
        text_addf(&request, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                  strlen(ask->body));
    text_add(&request, "\r\n");
    if (ask->body)
        text_add(&request, ask->body);
    return text_fits(&request);
}

/* One question, one answer. 0, or an errno. */
static int exchange(const struct ask_target *target, const struct ask *ask, char *data,
                    size_t data_bytes, size_t *used)
{
    const int64_t deadline_ms = clock_mono_ms() + ask->timeout_ms;
    char request[REQUEST_MAX];
    int failure;
    int fd = socket(target->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return errno;
    failure = write_request(request, sizeof(request), ask) ? 0 : EINVAL;
    if (!failure)
        failure = connect_to(fd, target, deadline_ms);
    if (!failure)
        failure = send_all(fd, request, strlen(request), deadline_ms);
    OPENSSL_cleanse(request, sizeof(request));
    if (!failure)
        failure = receive_all(fd, data, data_bytes, used, deadline_ms);
    (void)close(fd);
    return failure;
}

/* --- the answer --- */

/* "HTTP/1.1 503 Service Unavailable": the status, or -1. */
static int parse_status(const char *data)
{
    int status = 0;

    if (strncmp(data, "HTTP/1.1 ", 9) != 0)
        return -1;
    for (size_t i = 9; i < 12; i++) {
        if (data[i] < '0' || data[i] > '9')
            return -1;
        status = status * 10 + (data[i] - '0');
    }
    return data[12] == ' ' || data[12] == '\r' ? status : -1;
}

/* The bridge gives its answers a length, always. False without one, with two, or with one that is
 * not that of the body. */
static bool length_matches(const char *head, size_t body_bytes)
{
    static const char name[] = "\r\nContent-Length: ";
    const char *at = strcasestr(head, name);
    char expected[32];
    size_t expected_bytes;

    if (!at || strcasestr(head, "\r\nTransfer-Encoding"))
        return false;
    at += sizeof(name) - 1;
    (void)snprintf(expected, sizeof(expected), "%zu\r\n", body_bytes);
    expected_bytes = strlen(expected);
    return strncmp(at, expected, expected_bytes) == 0 && !strcasestr(at, name);
}

/* `data` is NUL-terminated behind `bytes`. */
static bool parse_answer(char *data, size_t bytes, struct ask_answer *answer)
{
    char *head_end;

    if (memchr(data, '\0', bytes))
        return false;
    answer->status = parse_status(data);
    head_end = strstr(data, "\r\n\r\n");
    if (answer->status < 0 || !head_end)
        return false;
    answer->body = head_end + 4;
    answer->body_bytes = bytes - (size_t)(answer->body - data);
    head_end[2] = '\0'; /* so that a body can't pose as a header */
    return length_matches(data, answer->body_bytes);
}

int ask(const struct ask_target *target, const struct ask *question, char *data, size_t data_bytes,
        struct ask_answer *answer)
{
    size_t used = 0;
    int failure = exchange(target, question, data, data_bytes - 1, &used);

    if (failure)
        return failure;
    data[used] = '\0';
    return parse_answer(data, used, answer) ? 0 : EPROTO;
}

void ask_make_printable(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
            *text = '?';
    }
}

bool ask_problem(const struct ask_answer *answer, char *code, size_t code_bytes, char *detail,
                 size_t detail_bytes)
{
    struct json problem;
    struct json member;
    struct error ignored;

    if (json_open(&problem, answer->body, answer->body_bytes, &ignored) ||
        !json_member(&problem, "code", &member) || member.type != JSON_STRING ||
        json_text(&member, code, code_bytes) ||
        json_member_text(&problem, "detail", detail, detail_bytes) || !detail[0])
        return false;
    ask_make_printable(code);
    ask_make_printable(detail);
    return true;
}
