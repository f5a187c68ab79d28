/* The listen sockets: one for the address, and, for 127.0.0.1, one for ::1 with the same port (G1);
 * one for the unix socket (G2). */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/conn.h"

#define BACKLOG         1024
#define FREE_PORT_TRIES 20

struct address {
    struct sockaddr_storage storage;
    socklen_t bytes;
};

static bool parse_address(const char *host, int port, struct address *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&out->storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&out->storage;

    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        out->bytes = sizeof(*v4);
        return true;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        out->bytes = sizeof(*v6);
        return true;
    }
    return false;
}

static bool is_loopback(const struct address *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&address->storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&address->storage;

    if (address->storage.ss_family == AF_INET)
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* A listening socket, or -1 with errno. */
static int open_socket(const struct address *address)
{
    int one = 1;
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
        (address->storage.ss_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) == 0) &&
        bind(fd, (const struct sockaddr *)&address->storage, address->bytes) == 0 &&
        listen(fd, BACKLOG) == 0)
        return fd;
    one = errno;
    (void)close(fd);
    errno = one;
    return -1;
}

static int port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } bound;
    socklen_t bytes = sizeof(bound);

    memset(&bound, 0, sizeof(bound));
    if (getsockname(fd, &bound.any, &bytes) != 0)
        return -1;
    return ntohs(bound.any.sa_family == AF_INET ? bound.ipv4.sin_port : bound.ipv6.sin6_port);
}

static enum err fail(struct error *error, const char *host, int port)
{
    if (errno == EADDRINUSE)
        return error_set(error, ERR_UNAVAILABLE,
                         "http: port %d on %s is taken, by another bridge perhaps; stop it or "
                         "choose another port with --listen",
                         port, host);
    return error_set(error, ERR_UNAVAILABLE, "http: cannot listen on %s port %d: %s", host, port,
                     strerror(errno));
}

static bool no_ipv6(void)
{
    return errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL || errno == EPROTONOSUPPORT;
}

/* One try: both sockets, or ERR_UNAVAILABLE with none open. */
static enum err open_both(struct http *http, const char *host, const struct address *address,
                          struct error *error)
{
    struct listener *first = &http->listeners[0];
    struct listener *second = &http->listeners[1];
    struct address v6;

    first->fd = open_socket(address);
    if (first->fd < 0)
        return fail(error, host, http->config.port);
    http->port = port_of(first->fd);
    http->listeners_count = 1;
    if (!http->config.also_ipv6_loopback || strcmp(host, "127.0.0.1") != 0 ||
        !parse_address("::1", http->port, &v6))
        return ERR_NONE;
    second->fd = open_socket(&v6);
    if (second->fd >= 0) {
        http->listeners_count = 2;
        return ERR_NONE;
    }
    if (no_ipv6())
        return ERR_NONE;
    (void)fail(error, "::1", http->port);
    (void)close(first->fd);
    first->fd = -1;
    http->listeners_count = 0;
    return ERR_UNAVAILABLE;
}

static const char *host_of(const struct http *http)
{
    return http->config.host ? http->config.host : "127.0.0.1";
}

static bool has_token(const struct http_config *config)
{
    return config->read_token || config->trade_token || config->admin_token;
}

bool listen_is_loopback(const struct http *http)
{
    struct address address;

    return parse_address(host_of(http), 0, &address) && is_loopback(&address);
}

static enum err open_unix(struct http *http, struct error *error)
{
    struct listener *listener = &http->listeners[http->listeners_count];
    enum err err;

    if (!http->config.unix_socket || !http->config.unix_socket[0])
        return ERR_NONE;
    err = unix_socket_open(&http->unix_socket, http->config.unix_socket, BACKLOG, &listener->fd,
                           error);
    if (err)
        return err;
    listener->is_unix = true;
    http->listeners_count++;
    return ERR_NONE;
}

enum err listen_open(struct http *http, struct error *error)
{
    const char *host = host_of(http);
    struct address address;
    enum err err = ERR_UNAVAILABLE;
    int tries = http->config.port == 0 ? FREE_PORT_TRIES : 1;

    if (http->config.port < 0 || http->config.port > 65535)
        return error_set(error, ERR_INVALID, "http: %d is not a port", http->config.port);
    if (!parse_address(host, http->config.port, &address))
        return error_set(error, ERR_INVALID, "http: '%.60s' is not a numeric IPv4 or IPv6 address",
                         host);
    if (!is_loopback(&address) && !has_token(&http->config))
        return error_set(error, ERR_INVALID,
                         "http: %.60s can be reached from other machines; that needs a token: give "
                         "--token-file, or listen on 127.0.0.1",
                         host);
    for (; err && tries > 0; tries--)
        err = open_both(http, host, &address, error);
    return err ? err : open_unix(http, error);
}
