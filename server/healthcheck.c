/* server/healthcheck.c - a target (whom to ask), an exchange of bytes under one deadline, and a
 * strict reader of the one shape of answer that the bridge's /readyz has. */
#include "server/healthcheck.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

#define ANSWER_MAX      16384 /* the head has at most some 1 KB, a problem object too */
#define REQUEST_MAX     1024
#define TARGET_NAME_MAX 160
#define DETAIL_MAX      512

struct target {
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
        struct sockaddr_un local;
    } address;
    socklen_t address_bytes;
    char name[TARGET_NAME_MAX]; /* for people */
};

struct answer {
    int status;
    const char *body;
    size_t body_bytes;
};

/* --- whom to ask --- */

static void unix_target(const char *path, struct target *target)
{
    struct sockaddr_un *local = &target->address.local;

    local->sun_family = AF_UNIX;
    text_cut(local->sun_path, sizeof(local->sun_path), path);
    target->address_bytes = sizeof(*local);
    (void)snprintf(target->name, sizeof(target->name), "unix:%s", local->sun_path);
}

/* The address to connect to for one to listen on: a wildcard is reached by loopback. */
static bool tcp_target(const char *host, int port, struct target *target)
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

static int connect_to(int fd, const struct target *target, int64_t deadline_ms)
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

static bool write_request(char *out, size_t out_bytes, const char *token)
{
    struct text request = text_in(out, out_bytes);

    /* localhost is a name that every bridge answers to, whatever address it listens on. */
    text_add(&request, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n"
                       "User-Agent: bybit-bridge-healthcheck\r\nConnection: close\r\n");
    if (token)
        text_addf(&request, "Authorization: Bearer %s\r\n", token);
    text_add(&request, "\r\n");
    return text_fits(&request);
}

/* One question, one answer. 0, or an errno. */
static int exchange(const struct target *target, const char *token, char *data, size_t data_bytes,
                    size_t *used)
{
    const int64_t deadline_ms = clock_mono_ms() + HEALTHCHECK_TIMEOUT_MS;
    char request[REQUEST_MAX];
    int failure;
    int fd = socket(target->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return errno;
    failure = write_request(request, sizeof(request), token) ? 0 : EINVAL;
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

/* The bridge gives /readyz a length, always. False without one, with two, or with one that is not
 * that of the body. */
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
static bool parse_answer(char *data, size_t bytes, struct answer *answer)
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

static void make_printable(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
            *text = '?';
    }
}

/* The detail of a problem object of ours; false when it is none. */
static bool parse_problem(const struct answer *answer, char *detail, size_t detail_bytes)
{
    struct json problem;
    struct json code;
    struct error ignored;

    if (json_open(&problem, answer->body, answer->body_bytes, &ignored) ||
        !json_member(&problem, "code", &code) || code.type != JSON_STRING ||
        json_member_text(&problem, "detail", detail, detail_bytes) || !detail[0])
        return false;
    make_printable(detail);
    return true;
}

static enum healthcheck unreachable(char line[HEALTHCHECK_LINE_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum healthcheck unreachable(char line[HEALTHCHECK_LINE_MAX], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, HEALTHCHECK_LINE_MAX, format, args);
    va_end(args);
    return HEALTHCHECK_UNREACHABLE;
}

static enum healthcheck judge(const struct answer *answer, const char *name,
                              char line[HEALTHCHECK_LINE_MAX])
{
    char detail[DETAIL_MAX];

    if (answer->status == 200 && strcmp(answer->body, "ready\n") == 0) {
        (void)snprintf(line, HEALTHCHECK_LINE_MAX, "ready");
        return HEALTHCHECK_READY;
    }
    if (answer->status >= 400 && parse_problem(answer, detail, sizeof(detail))) {
        (void)snprintf(line, HEALTHCHECK_LINE_MAX, "not ready: %s", detail);
        return HEALTHCHECK_NOT_READY;
    }
    return unreachable(
        line,
        "%s answers GET /readyz with status %d, but not as a bridge does: is another "
        "program listening there?",
        name, answer->status);
}

static enum healthcheck tell_failure(int failure, const struct target *target,
                                     char line[HEALTHCHECK_LINE_MAX])
{
    if (failure == ETIMEDOUT)
        return unreachable(line, "%s gives no whole answer to GET /readyz in %d ms", target->name,
                           HEALTHCHECK_TIMEOUT_MS);
    if (failure == EMSGSIZE)
        return unreachable(line,
                           "%s sends more than a bridge does: is another program listening there?",
                           target->name);
    return unreachable(line, "cannot ask %s for GET /readyz: %s", target->name, strerror(failure));
}

static bool is_header_value(const char *token)
{
    for (; *token; token++) {
        if ((unsigned char)*token <= 0x20 || *token == 0x7f)
            return false;
    }
    return true;
}

/* The least that may read. */
static const char *token_of(const struct config *config)
{
    if (config->read_token)
        return config->read_token;
    return config->token ? config->token : config->admin_token;
}

static bool choose_target(const struct config *config, bool want_tcp, struct target *target)
{
    if (config->unix_socket[0] && !want_tcp) {
        unix_target(config->unix_socket, target);
        return true;
    }
    return config->listen_port != 0 && tcp_target(config->listen_host, config->listen_port, target);
}

enum healthcheck healthcheck_ask(const struct config *config, bool want_tcp,
                                 char line[HEALTHCHECK_LINE_MAX])
{
    const char *token = token_of(config);
    struct target target = { .address_bytes = 0 };
    char data[ANSWER_MAX + 1] = "";
    struct answer answer;
    size_t used = 0;
    int failure;

    if (!choose_target(config, want_tcp, &target))
        return unreachable(line,
                           "cannot ask %s port %d: give the address and port that the bridge "
                           "listens on, for example --listen 127.0.0.1:8787",
                           config->listen_host, config->listen_port);
    if (token && !is_header_value(token))
        return unreachable(line,
                           "cannot ask %s: the token in the token file has a blank or control "
                           "character",
                           target.name);
    failure = exchange(&target, token, data, ANSWER_MAX, &used);
    if (failure)
        return tell_failure(failure, &target, line);
    data[used] = '\0';
    if (parse_answer(data, used, &answer))
        return judge(&answer, target.name, line);
    return unreachable(line,
                       "%s does not answer GET /readyz as a bridge does: is another program "
                       "listening there?",
                       target.name);
}
