/* server/peer.h - whose process is at the other end of a local connection (gate rules G2 and G3).
 *
 * A unix socket's kernel end knows it (SO_PEERCRED). For loopback TCP the kernel is asked who owns
 * the socket with the mirrored addresses and ports (NETLINK_SOCK_DIAG, one exact look-up).
 *
 * Threads: one at a time; the netlink socket belongs to who made it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct peer {
    int fd; /* netlink; -1: closed */
    uint32_t count;
};

/* Makes the netlink socket. */
MUST_CHECK enum err peer_open(struct peer *peer, struct error *error);
/* Looks up a connection of our own, so that a machine on which that does not work shows at the
 * start. ERR_UNAVAILABLE: it does not. */
MUST_CHECK enum err peer_try(struct peer *peer, struct error *error);
void peer_close(struct peer *peer);

/* The user of the other end of the connected TCP socket `fd`. ERR_NOT_FOUND: nobody holds that end
 * (any more); ERR_IO: the look-up failed. */
MUST_CHECK enum err peer_uid_tcp(struct peer *peer, int fd, uint32_t *uid);
/* The user that connected to the unix socket. ERR_IO. */
MUST_CHECK enum err peer_uid_unix(int fd, uint32_t *uid);
