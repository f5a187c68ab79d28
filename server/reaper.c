/* G17: MHD's own time-out counts silence only, so that a byte each few seconds holds a connection
 * for ever. The reaper looks at all connections a few times a second and shuts the sockets of those
 * that exceed their times; MHD then notices and cleans up. What cannot be seen from MHD's callbacks
 * (a head of which no line is complete; whether a slow client takes bytes) the kernel's counters of
 * the socket tell. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "server/conn.h"
#include "server/sse.h"

#define PERIOD_MIN_MS 10
#define PERIOD_MAX_MS 500

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

static bool is_overdue(struct conn *conn, const struct http_times *times, int64_t now_ms)
{
    int64_t age_ms = now_ms - conn->since_ms;
    uint64_t received = 0;
    uint64_t acknowledged = 0;

    switch (conn->state) {
    case CONN_IDLE:
        if (socket_bytes(conn, &received, &acknowledged) && has_moved(conn, received)) {
            conn_set_state(conn, CONN_HEAD);
            return false;
        }
        return age_ms > times->idle_ms;
    case CONN_HEAD:
        return age_ms > times->header_ms;
    case CONN_BODY:
        return age_ms > times->body_ms;
    case CONN_WORKING:
        return false;
    case CONN_REPLYING:
    case CONN_STREAM:
        if (conn->suspended || !socket_bytes(conn, &received, &acknowledged) ||
            has_moved(conn, acknowledged)) {
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
    for (struct conn *conn = http->conns; conn; conn = conn->next) {
        if (is_overdue(conn, &http->config.times, http->now_ms))
            reap(http, conn);
    }
    http->reap_due_ms = http->now_ms + period_ms(&http->config.times);
}
