/* G13: after many wrong tokens each further one is answered a second late. Right ones never are:
 * only refusals come here. All of them wait, however many: a quick end would tell as much as a
 * quick answer, and what waits holds no more than its connection. */
#include "base/clock.h"
#include "server/conn.h"

void delay_start(struct conn *conn)
{
    struct http *http = conn->listener->http;

    http->delayed++;
    conn_set_state(conn, CONN_DELAYED);
    conn->delayed_until_ms = http->now_ms + AUTH_SLOW_MS;
    conn->request->phase = PHASE_DELAYED;
    conn_suspend(conn);
}

void delay_forget(struct conn *conn)
{
    if (conn->state != CONN_DELAYED)
        return;
    conn->listener->http->delayed--;
    conn_set_state(conn, CONN_HEAD);
}

int64_t delay_tick(struct http *http)
{
    int64_t next_ms = INT64_MAX;

    if (http->delayed == 0)
        return next_ms;
    for (struct conn *conn = http->conns; conn; conn = conn->next) {
        if (conn->state != CONN_DELAYED)
            continue;
        if (conn->delayed_until_ms <= http->now_ms)
            conn_resume(conn);
        else if (conn->delayed_until_ms < next_ms)
            next_ms = conn->delayed_until_ms;
    }
    return next_ms;
}

void delay_end_all(struct http *http)
{
    for (struct conn *conn = http->conns; conn; conn = conn->next) {
        if (conn->state == CONN_DELAYED)
            conn_resume(conn);
    }
}
