/* Who gets a place when all are taken: cancels, and before all the kill switch. A flood of anything
 * else keeps neither out.
 *
 * Connections: the last ones of each listener are reserved. What a connection will ask is not known
 * when it comes, so it is let in and its head is read; then a cancel or a kill goes on, and
 * everything else is refused and closed, which frees the place. One that says nothing, or not all,
 * gives its place to the next one when the reserved ones run out, the oldest first.
 *
 * Handlers at work: reads are counted apart, so that who may only read stops no order by waiting
 * for much; those that wait long leave the half to other reads, and to the engine for orders.
 * Creates leave room for cancels, and these for kills. Whose client has left holds no place: the
 * reaper ends its wait. */
#include <string.h>
#include <sys/socket.h>

#include "server/conn.h"

#define SPARES_MAX    64 /* of each listener, at most an eighth of its connections */
#define EXTRA_CANCELS 128
#define EXTRA_KILLS   32 /* above those */

/* --- what is asked --- */

static bool is_kill(const struct gate_verdict *verdict)
{
    return verdict->endpoint && strcmp(verdict->endpoint->path, "/guard/kill") == 0;
}

static bool is_cancel(const struct gate_verdict *verdict)
{
    return verdict->endpoint && strcmp(verdict->endpoint->method, "DELETE") == 0;
}

/* Whether it is a read that takes its time on purpose. */
static bool is_long_wait(const struct gate_verdict *verdict)
{
    for (size_t i = 0; i < verdict->query_count; i++) {
        if (strcmp(verdict->query[i].name, "wait") == 0)
            return verdict->endpoint->access == ACCESS_READ;
    }
    return false;
}

/* --- connections --- */

static size_t spares_of(const struct listener *listener)
{
    size_t share = listener->http->config.max_connections / 8;

    return share < SPARES_MAX ? share : SPARES_MAX;
}

static bool is_full(const struct listener *listener)
{
    return listener->connections > listener->http->config.max_connections - spares_of(listener);
}

/* It holds a place and has not said yet what for. */
static bool is_silent(const struct conn *conn)
{
    return conn->state == CONN_IDLE || conn->state == CONN_HEAD || conn->state == CONN_BODY;
}

static void end_oldest_silent(struct listener *listener)
{
    struct conn *oldest = NULL;

    for (struct conn *conn = listener->http->conns; conn; conn = conn->next) {
        if (conn->listener == listener && conn->spare && is_silent(conn))
            oldest = conn; /* the list has the newest first */
    }
    if (oldest)
        (void)shutdown(oldest->fd, SHUT_RDWR);
}

void places_start(struct conn *conn)
{
    struct listener *listener = conn->listener;

    listener->connections++;
    if (!is_full(listener))
        return;
    conn->spare = true;
    /* The last place is never kept: without one, who comes would not even be heard. */
    if (listener->connections >= listener->http->config.max_connections)
        end_oldest_silent(listener);
}

/* A quarter of the reserved places is for kills alone. */
static bool take_for_cancel(struct conn *conn)
{
    size_t spares = spares_of(conn->listener);

    if (conn->listener->cancelling >= spares - spares / 4)
        return false;
    conn->cancels = true;
    conn->listener->cancelling++;
    return true;
}

static void end_cancel(struct conn *conn)
{
    if (conn->cancels)
        conn->listener->cancelling--;
    conn->cancels = false;
}

void places_end(struct conn *conn)
{
    end_cancel(conn);
    conn->listener->connections--;
    conn->listener->pending = true; /* with all places taken, MHD has stopped to listen */
}

bool places_connection(struct conn *conn)
{
    const struct gate_verdict *verdict = &conn->request->verdict;

    end_cancel(conn); /* the last request's */
    if (!is_full(conn->listener))
        conn->spare = false;
    return !conn->spare || is_kill(verdict) || (is_cancel(verdict) && take_for_cancel(conn));
}

/* --- handlers at work --- */

static bool has_place(const struct http *http, const struct gate_verdict *verdict)
{
    size_t max = http->config.max_in_flight;

    if (is_long_wait(verdict))
        max -= max / 2;
    if (verdict->endpoint->access == ACCESS_READ)
        return http->waiting_reads < max;
    if (is_cancel(verdict) || is_kill(verdict))
        max += EXTRA_CANCELS;
    if (is_kill(verdict))
        max += EXTRA_KILLS;
    return http->waiting - http->waiting_reads < max;
}

bool places_handler(struct http *http, const struct gate_verdict *verdict)
{
    return has_place(http, verdict) || (reaper_make_room(http) && has_place(http, verdict));
}
