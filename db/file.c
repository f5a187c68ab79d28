#include "db/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

static enum err failed(struct error *error, const char *path, const char *advice)
{
    return error_set(error, ERR_IO, "journal: %s: %s: %s", path, strerrordesc_np(errno), advice);
}

/* mkdir -p of all that is before the last slash. */
static enum err make_folders(const char *path, struct error *error)
{
    char folder[PATH_MAX];

    if (text_copy(folder, sizeof(folder), path))
        return error_set(error, ERR_INVALID, "journal: the path is too long");
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST)
            return failed(error, folder, "make the folder, writable for this user");
        *slash = '/';
    }
    return ERR_NONE;
}

static enum err resolve_new(char **real_path, const char *path, struct error *error)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char folder[PATH_MAX];
    char real_folder[PATH_MAX];

    (void)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1,
                   slash ? path : ".");
    if (!realpath(folder, real_folder))
        return failed(error, folder, "the folder must be readable for this user");
    if (asprintf(real_path, "%s/%s", real_folder, name) < 0)
        return error_set(error, ERR_NO_MEMORY, "journal: out of memory");
    return ERR_NONE;
}

enum err file_resolve(char **real_path, const char *path, struct error *error)
{
    size_t bytes = strlen(path);
    enum err err;

    if (bytes == 0 || path[bytes - 1] == '/')
        return error_set(error, ERR_INVALID, "journal: the path names no file");
    err = make_folders(path, error);
    if (err)
        return err;
    *real_path = realpath(path, NULL);
    if (*real_path)
        return ERR_NONE;
    if (errno != ENOENT)
        return failed(error, path, "the path must be readable for this user");
    return resolve_new(real_path, path, error);
}

/* The text of file_note_run; zeros where it is another. */
static void read_note(int lock, long *pid, int64_t *run)
{
    char text[64];
    ssize_t bytes = pread(lock, text, sizeof(text) - 1, 0);
    const char *run_word;

    text[bytes > 0 ? bytes : 0] = '\0';
    run_word = strstr(text, " run ");
    *pid = 0;
    *run = 0;
    if (strncmp(text, "pid ", 4) != 0 || !run_word)
        return;
    *pid = strtol(text + 4, NULL, 10);
    *run = strtoll(run_word + 5, NULL, 10);
}

static enum err take_lock(int lock, const char *path, int64_t *last_run, struct error *error)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    long pid;

    /* Of the open file description: unlike a classic POSIX lock it also holds against this process
     * itself. */
    bool taken = fcntl(lock, F_OFD_SETLK, &whole) == 0;
    int cause = errno;

    read_note(lock, &pid, last_run);
    if (taken)
        return ERR_NONE;
    errno = cause;
    if (cause != EAGAIN && cause != EACCES)
        return failed(error, path, "this file system cannot lock: use a local one");
    if (pid > 0)
        return error_set(
            error, ERR_UNAVAILABLE,
            "journal: %s is in use by the bridge with pid %ld: stop that one, or name another "
            "with --journal",
            path, pid);
    return error_set(error, ERR_UNAVAILABLE, "journal: %s is in use by another bridge", path);
}

enum err file_lock(int *lock, const char *path, int64_t *last_run, struct error *error)
{
    char name[PATH_MAX];
    int fd;
    enum err err;

    if ((size_t)snprintf(name, sizeof(name), "%s.lock", path) >= sizeof(name))
        return error_set(error, ERR_INVALID, "journal: the path is too long");
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return failed(error, name, "the folder must be writable for this user");
    err = take_lock(fd, path, last_run, error);
    if (err) {
        close(fd);
        return err;
    }
    *lock = fd;
    return ERR_NONE;
}

void file_note_run(int lock, int64_t run)
{
    char text[64];
    int bytes = snprintf(text, sizeof(text), "pid %ld run %" PRId64 "\n", (long)getpid(), run);

    if (ftruncate(lock, 0) != 0 || pwrite(lock, text, (size_t)bytes, 0) != bytes)
        log_warn("journal: the lock file cannot be written: %s", strerrordesc_np(errno));
}

long file_holder(const char *path)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    char name[PATH_MAX];
    int64_t run;
    long pid = 0;
    int fd;

    if ((size_t)snprintf(name, sizeof(name), "%s.lock", path) >= sizeof(name))
        return 0;
    fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    if (fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK)
        read_note(fd, &pid, &run);
    close(fd);
    return pid > 1 ? pid : 0;
}

/* A new name is durable only when its folder is synced. */
static enum err sync_folder(const char *path, struct error *error)
{
    char folder[PATH_MAX];
    int fd;
    bool synced;

    (void)snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path) + 1, path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(error, folder, "the folder must be readable for this user");
    synced = fsync(fd) == 0;
    if (!synced)
        (void)failed(error, folder, "the folder cannot be synced");
    close(fd);
    return synced ? ERR_NONE : ERR_IO;
}

static enum err check_existing(const char *path, struct error *error)
{
    struct stat info;

    if (lstat(path, &info) != 0)
        return failed(error, path, "the file must be readable for this user");
    if (!S_ISREG(info.st_mode))
        return error_set(error, ERR_INVALID,
                         "journal: %s is no regular file: name another with --journal", path);
    /* By another name it has another lock and another WAL: two bridges would ruin it. */
    if (info.st_nlink > 1)
        return error_set(
            error, ERR_INVALID,
            "journal: %s has another name, too (a hard link): remove that one, or make "
            "a copy",
            path);
    if (info.st_uid != geteuid())
        return error_set(
            error, ERR_IO,
            "journal: %s belongs to uid %u, not to us (uid %u): chown it, or name another with "
            "--journal",
            path, (unsigned)info.st_uid, (unsigned)geteuid());
    if ((info.st_mode & 077) != 0) {
        log_warn("journal: %s was open to others: closing it (0600)", path);
        if (chmod(path, 0600) != 0)
            return failed(error, path, "chmod 600 it");
    }
    return ERR_NONE;
}

enum err file_create(const char *path, struct error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd >= 0) {
        close(fd);
        return sync_folder(path, error);
    }
    if (errno == EEXIST)
        return check_existing(path, error);
    return failed(error, path, "the folder must be writable for this user");
}

enum err file_empty(const char *path, struct error *error)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    char name[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        if (unlink(name) != 0 && errno != ENOENT)
            return failed(error, name, "it cannot be removed for a fresh start");
    }
    return file_create(path, error);
}
