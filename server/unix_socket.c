#include "server/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

#define LOCK_TRIES    40
#define LOCK_EVERY_US 50000

struct place {
    const char *path;
    char folder[UNIX_SOCKET_PATH_MAX];
    struct sockaddr_un address;
};

/* --- the folder --- */

static enum err split(const char *path, struct place *place, struct unix_socket *file,
                      struct error *error)
{
    const char *slash = strrchr(path, '/');

    place->path = path;
    place->address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (path[0] != '/' || !slash[1] || strstr(path, "//") || strstr(path, "/./") ||
        text_copy(place->address.sun_path, sizeof(place->address.sun_path), path) ||
        text_copy(file->name, sizeof(file->name), slash + 1) ||
        text_copy_n(place->folder, sizeof(place->folder), path,
                    slash == path ? 1 : (size_t)(slash - path)))
        return error_set(error, ERR_INVALID,
                         "--unix-socket %.120s: give an absolute path of at most 100 characters, a "
                         "file in a folder of its own",
                         path);
    return ERR_NONE;
}

static enum err check_folder(int fd, const struct place *place, struct error *error)
{
    struct stat info;

    if (fstat(fd, &info) != 0)
        return error_set(error, ERR_INVALID, "--unix-socket: folder %s: %s", place->folder,
                         strerror(errno));
    if (info.st_uid != geteuid())
        return error_set(error, ERR_INVALID,
                         "--unix-socket: folder %s belongs to user %u, not to the bridge's user "
                         "%u: name a folder that does not exist yet, it is made",
                         place->folder, (unsigned)info.st_uid, (unsigned)geteuid());
    if (info.st_mode & 077)
        return error_set(error, ERR_INVALID,
                         "--unix-socket: others may enter folder %s (mode %04o): chmod 700 it, or "
                         "name a folder that does not exist yet, it is made",
                         place->folder, (unsigned)(info.st_mode & 07777));
    return ERR_NONE;
}

/* The folder above: whoever may put another folder in the place of ours gets our clients' calls. */
static enum err check_above(int fd, const struct place *place, struct error *error)
{
    struct stat info;
    bool others;

    if (fstatat(fd, "..", &info, 0) != 0)
        return error_set(error, ERR_INVALID, "--unix-socket: the folder above %s: %s",
                         place->folder, strerror(errno));
    others = (info.st_mode & 02) && !(info.st_mode & S_ISVTX);
    if (!others && (info.st_uid == geteuid() || info.st_uid == 0))
        return ERR_NONE;
    return error_set(error, ERR_INVALID,
                     "--unix-socket: other users can replace folder %s, for the folder above it is "
                     "theirs to change (user %u, mode %04o): name one elsewhere",
                     place->folder, (unsigned)info.st_uid, (unsigned)(info.st_mode & 07777));
}

static enum err open_folder(struct unix_socket *file, const struct place *place,
                            struct error *error)
{
    if (mkdir(place->folder, 0700) != 0 && errno != EEXIST)
        return error_set(error, ERR_INVALID, "--unix-socket: cannot make folder %s: %s",
                         place->folder, strerror(errno));
    file->folder_fd = open(place->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (file->folder_fd < 0)
        return error_set(error, ERR_INVALID,
                         "--unix-socket: %s is not a folder that can be used: %s (a symbolic link "
                         "is not followed)",
                         place->folder, strerror(errno));
    if (check_folder(file->folder_fd, place, error))
        return error->code;
    return check_above(file->folder_fd, place, error);
}

/* Two bridges that start at once do not remove each other's file. */
static enum err lock(const struct unix_socket *file, const struct place *place, struct error *error)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(file->folder_fd, LOCK_EX | LOCK_NB) == 0)
            return ERR_NONE;
        (void)usleep(LOCK_EVERY_US);
    }
    return error_set(error, ERR_UNAVAILABLE,
                     "--unix-socket: folder %s is locked by another process", place->folder);
}

/* --- what stands there already --- */

/* Whether somebody listens; a full queue tells too. */
static bool is_live(const struct place *place)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool live =
        fd < 0 ||
        connect(fd, (const struct sockaddr *)&place->address, sizeof(place->address)) == 0 ||
        errno != ECONNREFUSED;

    if (fd >= 0)
        (void)close(fd);
    return live;
}

static enum err make_room(const struct unix_socket *file, const struct place *place,
                          struct error *error)
{
    struct stat info;

    if (fstatat(file->folder_fd, file->name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return ERR_NONE;
        return error_set(error, ERR_INVALID, "--unix-socket %s: %s", place->path, strerror(errno));
    }
    if (!S_ISSOCK(info.st_mode) || info.st_uid != geteuid())
        return error_set(error, ERR_INVALID,
                         "--unix-socket %s: something is there that is not a socket of ours; move "
                         "it away, or choose another path",
                         place->path);
    if (is_live(place))
        return error_set(error, ERR_UNAVAILABLE,
                         "--unix-socket %s: another process listens there, another bridge perhaps; "
                         "stop it or choose another path",
                         place->path);
    log_info("http: replacing a socket that nobody listens on path=%s", place->path);
    if (unlinkat(file->folder_fd, file->name, 0) != 0)
        return error_set(error, ERR_INVALID, "--unix-socket %s: cannot remove the old socket: %s",
                         place->path, strerror(errno));
    return ERR_NONE;
}

/* --- the socket --- */

/* Notes which file it is, by the folder that was checked: the path may lead elsewhere by now. */
static bool note_file(struct unix_socket *file)
{
    struct stat info;

    if (fstatat(file->folder_fd, file->name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISSOCK(info.st_mode) || info.st_uid != geteuid())
        return false;
    file->device = info.st_dev;
    file->inode = info.st_ino;
    return (info.st_mode & 0777) == 0600 || fchmodat(file->folder_fd, file->name, 0600, 0) == 0;
}

/* A socket's own mode, less the umask, becomes its file's: there is no moment with a wider one. */
static enum err bind_and_listen(struct unix_socket *file, const struct place *place, int backlog,
                                int *fd, struct error *error)
{
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd >= 0 && fchmod(*fd, 0600) == 0 &&
        bind(*fd, (const struct sockaddr *)&place->address, sizeof(place->address)) == 0 &&
        note_file(file) && listen(*fd, backlog) == 0)
        return ERR_NONE;
    (void)error_set(error, ERR_UNAVAILABLE, "http: cannot listen on %s: %s", place->path,
                    strerror(errno));
    if (*fd >= 0) {
        unix_socket_remove(file);
        (void)close(*fd);
    }
    *fd = -1;
    return ERR_UNAVAILABLE;
}

enum err unix_socket_open(struct unix_socket *file, const char *path, int backlog, int *fd,
                          struct error *error)
{
    struct place place;
    enum err err;

    *file = (struct unix_socket){ .folder_fd = -1 };
    *fd = -1;
    err = split(path, &place, file, error);
    if (!err)
        err = open_folder(file, &place, error);
    if (!err)
        err = lock(file, &place, error);
    if (!err)
        err = make_room(file, &place, error);
    if (!err)
        err = bind_and_listen(file, &place, backlog, fd, error);
    if (!err) {
        (void)flock(file->folder_fd, LOCK_UN);
        return ERR_NONE;
    }
    if (file->folder_fd >= 0)
        (void)close(file->folder_fd);
    file->folder_fd = -1;
    return err;
}

void unix_socket_remove(struct unix_socket *file)
{
    struct stat info;

    if (file->folder_fd < 0)
        return;
    if (file->inode && flock(file->folder_fd, LOCK_EX | LOCK_NB) == 0 &&
        fstatat(file->folder_fd, file->name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        info.st_dev == file->device && info.st_ino == file->inode)
        (void)unlinkat(file->folder_fd, file->name, 0);
    (void)close(file->folder_fd);
    file->folder_fd = -1;
}
