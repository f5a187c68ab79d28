#include "server/peer.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMEOUT_US  200000 /* the kernel answers within the call; never wait for ever */
#define REPLIES_MAX 4      /* late ones of earlier look-ups may come first */

struct ends {
    int family;
    struct inet_diag_sockid id; /* as the other end sees it: its own is the source */
};

/* --- the connection, seen from the other end --- */

union address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

/* A mapped IPv4 address is looked up as the IPv4 one that it is. */
static bool read_end(const union address *address, int *family, __be16 *port, __be32 ip[4])
{
    const struct sockaddr_in6 *ipv6 = &address->ipv6;

    memset(ip, 0, sizeof(__be32) * 4);
    if (address->any.sa_family == AF_INET) {
        *family = AF_INET;
        *port = address->ipv4.sin_port;
        ip[0] = address->ipv4.sin_addr.s_addr;
        return true;
    }
    if (address->any.sa_family != AF_INET6)
        return false;
    *port = ipv6->sin6_port;
    if (IN6_IS_ADDR_V4MAPPED(&ipv6->sin6_addr)) {
        *family = AF_INET;
        memcpy(ip, &ipv6->sin6_addr.s6_addr[12], sizeof(ip[0]));
    } else {
        *family = AF_INET6;
        memcpy(ip, &ipv6->sin6_addr, sizeof(ipv6->sin6_addr));
    }
    return true;
}

static bool read_ends(int fd, struct ends *ends)
{
    union address ours;
    union address theirs;
    socklen_t ours_bytes = sizeof(ours);
    socklen_t theirs_bytes = sizeof(theirs);
    int our_family;

    memset(ends, 0, sizeof(*ends));
    memset(&ours, 0, sizeof(ours));
    memset(&theirs, 0, sizeof(theirs));
    if (getsockname(fd, &ours.any, &ours_bytes) != 0 ||
        getpeername(fd, &theirs.any, &theirs_bytes) != 0)
        return false;
    return read_end(&theirs, &ends->family, &ends->id.idiag_sport, ends->id.idiag_src) &&
           read_end(&ours, &our_family, &ends->id.idiag_dport, ends->id.idiag_dst) &&
           our_family == ends->family;
}

static bool is_still_connected(int fd)
{
    struct tcp_info info;
    socklen_t bytes = sizeof(info);

    memset(&info, 0, sizeof(info));
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) == 0 &&
           (info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT);
}

/* --- the question and its answer --- */

struct question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 ask;
};

static bool send_question(struct peer *peer, const struct ends *ends)
{
    struct question question = {
        .head = { .nlmsg_len = sizeof(question),
                  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                  .nlmsg_flags = NLM_F_REQUEST,
                  .nlmsg_seq = ++peer->count },
        .ask = { .sdiag_family = (unsigned char)ends->family,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_states = (unsigned)-1,
                 .id = ends->id },
    };

    question.ask.id.idiag_cookie[0] = question.ask.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    return send(peer->fd, &question, sizeof(question), 0) == (ssize_t)sizeof(question);
}

/* An IPv4 address of a socket for both families is shown as a mapped one. */
static bool is_same_ip(const struct inet_diag_msg *found, const __be32 *found_ip, const __be32 *ip,
                       int family)
{
    if (family == AF_INET && found->idiag_family == AF_INET6)
        return found_ip[0] == 0 && found_ip[1] == 0 && found_ip[2] == htonl(0xffff) &&
               found_ip[3] == ip[0];
    return found->idiag_family == family && memcmp(found_ip, ip, family == AF_INET ? 4 : 16) == 0;
}

/* Whether it is the other end of a connection that is open and has an owner: not a listener on that
 * port, not a socket that is only about to connect, not one that its process has closed. */
static bool is_owned_end(const struct inet_diag_msg *found, const struct ends *ends)
{
    bool open = found->idiag_state == TCP_ESTABLISHED || found->idiag_state == TCP_FIN_WAIT1 ||
                found->idiag_state == TCP_FIN_WAIT2 || found->idiag_state == TCP_CLOSE_WAIT;

    return open && found->idiag_inode != 0 && found->id.idiag_sport == ends->id.idiag_sport &&
           found->id.idiag_dport == ends->id.idiag_dport &&
           is_same_ip(found, found->id.idiag_src, ends->id.idiag_src, ends->family) &&
           is_same_ip(found, found->id.idiag_dst, ends->id.idiag_dst, ends->family);
}

union reply {
    struct nlmsghdr head; /* for its alignment */
    char bytes[4096];
};

static enum err read_reply(const union reply *reply, size_t bytes, const struct ends *ends,
                           uint32_t *uid)
{
    struct nlmsgerr failure;
    struct inet_diag_msg found;
    const char *body = reply->bytes + NLMSG_HDRLEN;

    if (reply->head.nlmsg_type == NLMSG_ERROR && bytes >= NLMSG_HDRLEN + sizeof(failure)) {
        memcpy(&failure, body, sizeof(failure));
        return failure.error == -ENOENT ? ERR_NOT_FOUND : ERR_IO;
    }
    if (reply->head.nlmsg_type != SOCK_DIAG_BY_FAMILY || bytes < NLMSG_HDRLEN + sizeof(found))
        return ERR_IO;
    memcpy(&found, body, sizeof(found));
    if (!is_owned_end(&found, ends))
        return ERR_NOT_FOUND;
    *uid = found.idiag_uid;
    return ERR_NONE;
}

static enum err look_up(struct peer *peer, const struct ends *ends, uint32_t *uid)
{
    if (!send_question(peer, ends))
        return ERR_IO;
    for (int i = 0; i < REPLIES_MAX; i++) {
        union reply reply;
        ssize_t got = recv(peer->fd, &reply, sizeof(reply), 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < (ssize_t)NLMSG_HDRLEN)
            return ERR_IO;
        if (reply.head.nlmsg_seq == peer->count)
            return read_reply(&reply, (size_t)got, ends, uid);
    }
    return ERR_IO;
}

/* --- for others --- */

enum err peer_open(struct peer *peer, struct error *error)
{
    const struct timeval timeout = { .tv_usec = TIMEOUT_US };
    const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

    *peer = (struct peer){ .fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG) };
    if (peer->fd >= 0 &&
        setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0 &&
        connect(peer->fd, (const struct sockaddr *)&kernel, sizeof(kernel)) == 0)
        return ERR_NONE;
    (void)error_set(error, ERR_UNAVAILABLE, "the kernel's socket diagnosis: %s", strerror(errno));
    peer_close(peer);
    return ERR_UNAVAILABLE;
}

void peer_close(struct peer *peer)
{
    if (peer->fd >= 0)
        (void)close(peer->fd);
    peer->fd = -1;
}

/* Our end is looked at after theirs: while it lives, no other connection has these four numbers. */
enum err peer_uid_tcp(struct peer *peer, int fd, uint32_t *uid)
{
    struct ends ends;
    enum err err;

    if (!read_ends(fd, &ends))
        return ERR_NOT_FOUND;
    err = look_up(peer, &ends, uid);
    return err ? err : is_still_connected(fd) ? ERR_NONE : ERR_NOT_FOUND;
}

enum err peer_uid_unix(int fd, uint32_t *uid)
{
    struct ucred credentials;
    socklen_t bytes = sizeof(credentials);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0 ||
        bytes != sizeof(credentials))
        return ERR_IO;
    *uid = credentials.uid;
    return ERR_NONE;
}

/* A connection to ourselves: `*ours` is its accepted end. */
static bool connect_self(int family, int *listening, int *theirs, int *ours)
{
    union address address = { .ipv6 = { .sin6_family = AF_INET6,
                                        .sin6_addr = IN6ADDR_LOOPBACK_INIT } };
    socklen_t bytes = sizeof(address);

    if (family == AF_INET)
        address = (union address){ .ipv4 = { .sin_family = AF_INET,
                                             .sin_addr = { htonl(INADDR_LOOPBACK) } } };
    *listening = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *theirs = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*listening < 0 || *theirs < 0 || bind(*listening, &address.any, bytes) != 0 ||
        listen(*listening, 1) != 0 || getsockname(*listening, &address.any, &bytes) != 0 ||
        connect(*theirs, &address.any, bytes) != 0)
        return false;
    *ours = accept4(*listening, NULL, NULL, SOCK_CLOEXEC);
    return *ours >= 0;
}

static enum err look_up_self(struct peer *peer, int family, uint32_t *uid)
{
    int fds[3] = { -1, -1, -1 };
    enum err err =
        connect_self(family, &fds[0], &fds[1], &fds[2]) ? peer_uid_tcp(peer, fds[2], uid) : ERR_IO;

    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
    }
    return err;
}

enum err peer_try(struct peer *peer, struct error *error)
{
    uint32_t uid = 0;
    enum err err = look_up_self(peer, AF_INET, &uid);

    if (err == ERR_IO)
        err = look_up_self(peer, AF_INET6, &uid); /* a machine without IPv4 */
    if (!err && uid == geteuid())
        return ERR_NONE;
    return error_set(error, ERR_UNAVAILABLE, "look-up of our own: %s",
                     err ? error_name(err) : "another user is named");
}
