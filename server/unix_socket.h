/* server/unix_socket.h - the file of a listening unix socket (gate rule G2): in a folder that is
 * ours alone, mode 0600, in place of one that nobody listens on any more.
 *
 * Threads: opened and closed by whoever starts and stops the server.
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"

#define UNIX_SOCKET_PATH_MAX 108 /* sun_path's size */

struct unix_socket {
    int folder_fd; /* -1: there is no file */
    char name[UNIX_SOCKET_PATH_MAX];
    dev_t device; /* of the file */
    ino_t inode;
};

/* Makes the folder (its last part) with 0700 where it is missing. `*fd` listens and does not block.
 * ERR_INVALID: the folder or what stands at the path is not safe; ERR_UNAVAILABLE: another process
 * listens there; both texts say what to do. */
MUST_CHECK enum err unix_socket_open(struct unix_socket *file, const char *path, int backlog,
                                     int *fd, struct error *error);
/* Removes the file if it is still ours. To be called while the listening descriptor is open: until
 * then no other file has its inode number. */
void unix_socket_remove(struct unix_socket *file);
