/* A refusal ends its connection at once, often while the client still writes the body. By TCP such
 * a client gets to read the answer all the same. By a unix socket its next write would fail, and
 * many clients then never look for an answer. So the connection is kept for a moment behind the
 * library's back: its end is told to the client, and what it writes is dropped. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/conn.h"

#define LINGER_MS   1000
#define EVERY_MS    20
#define PIECE_BYTES 16384
#define PIECES_MAX  64 /* in one look */

void linger_start(struct conn *conn)
{
    struct http *http = conn->listener->http;
    int fd;

    if (!conn->listener->is_unix || http->lingering_count == LINGER_MAX)
        return;
    fd = fcntl(conn->fd, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0)
        http->lingering[http->lingering_count++] =
            (struct lingering){ .fd = fd, .until_ms = http->now_ms + LINGER_MS };
}

/* Whether the other end has closed, or failed. */
static bool drop_what_came(int fd)
{
    char scrap[PIECE_BYTES];

    for (int i = 0; i < PIECES_MAX; i++) {
        ssize_t got = recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT);

        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return true;
        if (got < 0)
            break;
    }
    return false;
}

int64_t linger_tick(struct http *http)
{
    for (size_t i = http->lingering_count; i-- > 0;) {
        const struct lingering *linger = &http->lingering[i];

        if (!drop_what_came(linger->fd) && http->now_ms < linger->until_ms)
            continue;
        (void)close(linger->fd);
        http->lingering[i] = http->lingering[--http->lingering_count];
    }
    return http->lingering_count ? http->now_ms + EVERY_MS : INT64_MAX;
}

void linger_end_all(struct http *http)
{
    while (http->lingering_count)
        (void)close(http->lingering[--http->lingering_count].fd);
}
