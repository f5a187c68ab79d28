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
#define ROOM_EVERY_MS 100

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

enum there {
    IS_THERE,
    HAS_CLOSED, /* at least its half: it may still read */
    HAS_LEFT
};

/* A connection that is closed looks like one half closed, whose other end still reads: over TCP
 * only the kernel of the same machine tells whether anybody holds it. */
static enum there is_there(const struct conn *conn)
{
    struct http *http = conn->listener->http;
    struct pollfd at = { .fd = conn->fd, .events = POLLRDHUP };
    uint32_t uid;

    if (poll(&at, 1, 0) <= 0)
        return IS_THERE;
    if (at.revents & (POLLHUP | POLLERR))
        return HAS_LEFT;
    if (conn->listener->is_unix)
        return IS_THERE; /* half closed: else it were POLLHUP */
    if (!http->checks_tcp_peers)
        return HAS_CLOSED;
    return peer_uid_tcp(&http->peer, conn->fd, &uid) == ERR_NOT_FOUND ? HAS_LEFT : IS_THERE;
}

/* Where it can't be told, one that has closed its half keeps its wait for as long as there are
 * places. Then it is answered early, with what is so by then. */
static bool note_left(struct conn *conn)
{
    struct http *http = conn->listener->http;
    struct request *request = conn->state == CONN_WORKING && conn->suspended ? conn->request : NULL;
    enum there there = request ? is_there(conn) : IS_THERE;

    if (there == IS_THERE || (there == HAS_CLOSED && !http->crowded))
        return false;
    if (!atomic_exchange(&request->call.gone, true))
        http->some_left = true;
    return there == HAS_LEFT;
}

/* Who waits for something on their behalf is told once for all of them. */
static void tell_left(struct http *http)
{
    struct loop *loop = http->config.api->loop;

    if (!http->some_left)
        return;
    http->some_left = false;
    feed_waits_look(http->feed_waits);
    if (loop)
        loop_look_for_gone(loop);
}

static bool is_crowded(const struct http *http)
{
    struct loop *loop = http->config.api->loop;
    size_t max = http->config.max_in_flight;
    struct engine_status status = { .crowded = false };

    if (loop)
        loop_get_status(loop, &status);
    return status.crowded || http->waiting - http->waiting_reads >= max - max / 8 ||
           http->waiting_reads >= max / 2 - max / 8; /* the half: see places.c */
}

bool reaper_make_room(struct http *http)
{
    size_t before = http->waiting;

    if (http->now_ms < http->room_due_ms)
        return false;
    http->room_due_ms = http->now_ms + ROOM_EVERY_MS;
    http->crowded = true;
    for (struct conn *conn = http->conns; conn; conn = conn->next) {
        /* Its place is free at once, whatever its handler still does, and whoever noticed first. */
        if (note_left(conn) && http->orphans < http->config.max_in_flight)
            request_orphan(conn);
    }
    tell_left(http);
    return http->waiting < before;
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
        (void)note_left(conn);
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
    http->crowded = is_crowded(http);
    for (struct conn *conn = http->conns; conn; conn = conn->next) {
        if (is_overdue(conn, &http->config.times, http->now_ms))
            reap(http, conn);
    }
    tell_left(http);
    http->reap_due_ms = http->now_ms + period_ms(&http->config.times);
}
