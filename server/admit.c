/* G2 and G3: a connection is let in by the user of its other end, found out once, when it comes.
 *
 * One of another user gets to hear why: its first request is answered 403. Only some of them may
 * wait for that, so that they do not use up the connections that we can have. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/conn.h"

#define STRANGERS_MAX 64
#define LOG_EVERY_MS  10000
#define OVERFLOW_UID  65534 /* stands for all users that our namespace does not have */

/* --- start --- */

enum err admit_open(struct http *http, struct error *error)
{
    const struct http_config *config = &http->config;
    struct error why = { .text = "" };

    http->peer.fd = -1;
    http->checks_tcp_peers = !config->allow_any_uid && listen_is_loopback(http);
    if (!http->checks_tcp_peers)
        return ERR_NONE;
    if (!peer_open(&http->peer, &why) && !peer_try(&http->peer, &why))
        return ERR_NONE;
    return error_set(error, ERR_UNAVAILABLE,
                     "http: whose process a local connection comes from can't be found out here "
                     "(%.100s): give --allow-uid any to let every local user call",
                     why.text);
}

void admit_close(struct http *http)
{
    peer_close(&http->peer);
}

/* --- a connection --- */

static bool is_allowed(const struct http_config *config, uint32_t uid, bool is_unix)
{
    if (config->allow_any_uid || uid == geteuid() || (uid == 0 && !is_unix))
        return true;
    for (size_t i = 0; i < config->allow_uids_count; i++) {
        if (config->allow_uids[i] == uid)
            return true;
    }
    return false;
}

static enum conn_peer find_peer(struct conn *conn)
{
    struct http *http = conn->listener->http;
    bool is_unix = conn->listener->is_unix;
    enum err err;

    if (!is_unix && !http->checks_tcp_peers)
        return PEER_ALLOWED;
    err = is_unix ? peer_uid_unix(conn->fd, &conn->peer_uid)
                  : peer_uid_tcp(&http->peer, conn->fd, &conn->peer_uid);
    if (err)
        return err == ERR_NOT_FOUND ? PEER_NOBODY : PEER_UNKNOWN;
    return is_allowed(&http->config, conn->peer_uid, is_unix) ? PEER_ALLOWED : PEER_OTHER;
}

static void note(struct conn *conn)
{
    struct http *http = conn->listener->http;

    if (http->stranger_logged_ms && http->now_ms - http->stranger_logged_ms < LOG_EVERY_MS)
        return;
    http->stranger_logged_ms = http->now_ms;
    if (conn->peer == PEER_OTHER)
        log_warn("http: refused a process of another user uid=%" PRIu32 " (see --allow-uid)",
                 conn->peer_uid);
    else if (conn->peer == PEER_NOBODY)
        log_info("http: refused a connection whose other end nobody holds any more");
    else
        log_error("http: refused a connection: whose it is can't be found out (see --allow-uid "
                  "any)");
}

void admit_start(struct conn *conn)
{
    struct http *http = conn->listener->http;

    conn->peer = find_peer(conn);
    if (conn->peer == PEER_ALLOWED)
        return;
    note(conn);
    if (++http->strangers > STRANGERS_MAX || conn->listener->is_unix)
        (void)shutdown(conn->fd, SHUT_RDWR);
}

void admit_end(struct conn *conn)
{
    if (conn->peer != PEER_ALLOWED)
        conn->listener->http->strangers--;
}

enum MHD_Result admit_refuse(struct conn *conn)
{
    char detail[240];

    conn->request->phase = PHASE_ANSWERED;
    if (conn->listener->is_unix)
        return MHD_NO;
    if (conn->peer == PEER_OTHER)
        (void)snprintf(detail, sizeof(detail),
                       "this connection comes from a process of user %" PRIu32 "; --allow-uid "
                       "%" PRIu32 " would let it call%s",
                       conn->peer_uid, conn->peer_uid,
                       conn->peer_uid == OVERFLOW_UID
                           ? " (that number also stands for a user of another namespace, as in a "
                             "container: --allow-uid any lets every local user call)"
                           : "");
    else
        (void)snprintf(detail, sizeof(detail),
                       conn->peer == PEER_NOBODY
                           ? "nobody holds the other end of this connection: it was closed, or is "
                             "in another network namespace, as in a container (--allow-uid any "
                             "lets every local user call)"
                           : "whose process this connection comes from can't be found out "
                             "(--allow-uid any lets every local user call)");
    return reply_problem(conn, 403, "forbidden_user", detail);
}
