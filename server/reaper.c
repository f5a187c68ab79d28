/* G17: MHD's own time-out counts silence only, so that a byte each few seconds holds a connection
 * for ever. The reaper looks at all connections a few times a second and shuts the sockets of those
 * that exceed their times; MHD then notices and cleans up. What cannot be seen from MHD's callbacks
 * (a head of which no line is complete; whether a slow client takes bytes) the kernel's counters of
 * the socket tell. A unix socket has none: there an edge-triggered epoll of our own tells that
 * bytes have come, or that there is room again, since the last look. */
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/log.h"
#include "server/conn.h"
#include "server/feed_wait.h"
#include "server/sse.h"

#define PERIOD_MIN_MS 10
#define PERIOD_MAX_MS 500
#define EVENTS_MAX    64

static bool socket_bytes(const struct conn *conn, uint64_t *received, uint64_t *acknowledged)
{
    struct tcp_info info;
    socklen_t bytes = sizeof(info);

    memset(&info, 0, sizeof(info));
    if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0)
        return false;
    *received = info.tcpi_bytes_received;
    *acknowledged = info.tcpi_bytes_acked;
    return true;
}

/* Whether the counter moved since the last look; the first look only notes it. */
static bool has_moved(struct conn *conn, uint64_t bytes)
{
    bool moved = conn->marked && bytes != conn->mark_bytes;

    conn->marked = true;
    conn->mark_bytes = bytes;
    return moved;
}

/* --- unix sockets --- */

void reaper_watch(struct conn *conn)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data = { .ptr = conn } };

    if (!conn->listener->is_unix)
        return;
    (void)epoll_ctl(conn->listener->http->activity_fd, EPOLL_CTL_ADD, conn->fd, &event);
    conn->marked = false; /* the first event is about the watching itself */
}

void reaper_unwatch(struct conn *conn)
{
    if (conn->listener->is_unix)
        (void)epoll_ctl(conn->listener->http->activity_fd, EPOLL_CTL_DEL, conn->fd, NULL);
}

static void read_activity(struct http *http)
{
    struct epoll_event events[EVENTS_MAX];
    int count;

    do {
        count = epoll_wait(http->activity_fd, events, EVENTS_MAX, 0);
        for (int i = 0; i < count; i++) {
            struct conn *conn = events[i].data.ptr;

            conn->stirred = true;
            conn->has_room = conn->has_room || (events[i].events & EPOLLOUT);
        }
    } while (count == EVENTS_MAX);
}

/* What the other end has not read yet; 0 where that can't be asked. */
static uint64_t unread_bytes(const struct conn *conn)
{
    int bytes = 0;

    return ioctl(conn->fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (uint64_t)bytes : 0;
}

/* Whether something was received since the last look; the first look only notes it. What was
 * received is read already, so that an event does not say what it was about: but where nothing was
 * left to read for the other end, it can't have been about that. */
static bool has_received(struct conn *conn)
{
    uint64_t received = 0;
    uint64_t acknowledged = 0;
    bool moved = conn->stirred && conn->marked && conn->mark_bytes == 0;

    if (!conn->listener->is_unix)
        return socket_bytes(conn, &received, &acknowledged) && has_moved(conn, received);
    conn->stirred = false;
    conn->marked = true;
    conn->mark_bytes = unread_bytes(conn);
    return moved;
}

/* Whether the other end takes what we write, or has nothing left to take. */
static bool is_taking(struct conn *conn)
{
    uint64_t received = 0;
    uint64_t acknowledged = 0;
    uint64_t unread;
    bool had_room = conn->has_room;

    if (!conn->listener->is_unix)
        return !socket_bytes(conn, &received, &acknowledged) || has_moved(conn, acknowledged);
    conn->has_room = conn->stirred = false;
    unread = unread_bytes(conn);
    return has_moved(conn, unread) || unread == 0 || had_room;
}

/* --- who has left while its handler works --- */

/* A connection that is closed looks like one half closed, whose other end still reads: over TCP
 * only the kernel of the same machine tells whether anybody holds it. */
static bool has_left(const struct conn *conn)
{
    struct http *http = conn->listener->http;
    struct pollfd at = { .fd = conn->fd, .events = POLLRDHUP };
    uint32_t uid;

    if (poll(&at, 1, 0) <= 0)
        return false;
    if (at.revents & (POLLHUP | POLLERR))
        return true;
    return !conn->listener->is_unix && http->checks_tcp_peers &&
           peer_uid_tcp(&http->peer, conn->fd, &uid) == ERR_NOT_FOUND;
}

static void note_left(struct conn *conn)
{
    struct request *request = conn->suspended ? conn->request : NULL;

    if (!request || atomic_load(&request->call.gone) || !has_left(conn))
        return;
    atomic_store(&request->call.gone, true);
    feed_waits_look(conn->listener->http->feed_waits);
}

/* --- who is too slow --- */

static bool is_overdue(struct conn *conn, const struct http_times *times, int64_t now_ms)
{
    int64_t age_ms = now_ms - conn->since_ms;

    switch (conn->state) {
    case CONN_IDLE:
        if (has_received(conn)) {
            conn_set_state(conn, CONN_HEAD);
            return false;
        }
        return age_ms > (conn->peer == PEER_ALLOWED ? times->idle_ms : times->header_ms);
    case CONN_HEAD:
        return age_ms > times->header_ms;
    case CONN_BODY:
        return age_ms > times->body_ms;
    case CONN_WORKING:
        note_left(conn);
        return false;
    case CONN_DELAYED:
        return false;
    case CONN_REPLYING:
    case CONN_STREAM:
        if (conn->suspended || is_taking(conn)) {
            conn->since_ms = now_ms;
            return false;
        }
        return age_ms > times->stalled_ms;
    }
    return false;
}

static void reap(struct http *http, struct conn *conn)
{
    log_debug("http: closing a connection that was too slow state=%d", (int)conn->state);
    if (conn->state == CONN_STREAM)
        sse_count_slow(http->sse);
    atomic_fetch_add_explicit(&http->reaped, 1, memory_order_relaxed);
    conn->since_ms = http->now_ms;
    (void)shutdown(conn->fd, SHUT_RDWR);
}

static int64_t period_ms(const struct http_times *times)
{
    int64_t least = times->header_ms;

    if (times->body_ms < least)
        least = times->body_ms;
    if (times->idle_ms < least)
        least = times->idle_ms;
    if (times->stalled_ms < least)
        least = times->stalled_ms;
    least /= 8;
    return least < PERIOD_MIN_MS ? PERIOD_MIN_MS : least > PERIOD_MAX_MS ? PERIOD_MAX_MS : least;
}

void reaper_run(struct http *http)
{
    if (http->now_ms < http->reap_due_ms)
        return;
    read_activity(http);
    for (struct conn *conn = http->conns; conn; conn = conn->next) {
        if (is_overdue(conn, &http->config.times, http->now_ms))
            reap(http, conn);
    }
    http->reap_due_ms = http->now_ms + period_ms(&http->config.times);
}
