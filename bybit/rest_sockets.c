/* bybit/rest_sockets.c - curl's sockets and its timer behind one epoll descriptor, and connections
 * that are not to be used again. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "bybit/rest_parts.h"

#define EVENTS_MAX 64

/* A path that is gone (another network, a NAT that has forgotten us) answers nothing at all, not
 * even that our bytes have come: that is no slow exchange, and not waited for as long. A kill would
 * find all its kept connections like that. */
#define UNACKNOWLEDGED_MS 4000U

curl_socket_t rest_socket_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct rest *rest = userdata;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    const unsigned most_ms = UNACKNOWLEDGED_MS;

    (void)purpose;
    if (fd >= 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &most_ms, sizeof(most_ms));
    if (fd >= 0 && rest->peers_count < SOCKETS_MAX)
        rest->peers[rest->peers_count++] = (struct peer){ .fd = fd, .in_use = true };
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

struct peer *rest_peer_find(struct rest *rest, int fd)
{
    for (size_t i = 0; i < rest->peers_count; i++) {
        if (rest->peers[i].fd == fd)
            return &rest->peers[i];
    }
    return NULL;
}

int rest_socket_close(void *userdata, curl_socket_t fd)
{
    struct rest *rest = userdata;
    struct peer *peer = rest_peer_find(rest, fd);

    if (peer)
        *peer = rest->peers[--rest->peers_count];
    return close(fd);
}

/* curl takes an idle connection for dead only when it reads its end at once: so what was sent
 * unasked is thrown away, and then there is the end. */
void rest_spoil(int fd)
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
void rest_spoil_talkers(struct rest *rest)
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
            rest_spoil(idle[i].fd);
    }
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *known)
{
    struct rest *rest = userdata;
    struct epoll_event event = { .data.fd = fd };
    struct peer *peer = rest_peer_find(rest, fd);

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

void rest_run_sockets(struct rest *rest)
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

void rest_run_timer(struct rest *rest)
{
    int running;

    if (rest->curl_due_us > clock_mono_us())
        return;
    rest->curl_due_us = NEVER; /* before the call, which may set it anew */
    curl_multi_socket_action(rest->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

enum err rest_open_multi(struct rest *rest, struct error *error)
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
