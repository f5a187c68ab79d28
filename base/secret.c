#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/log.h"

#define PAGE_BYTES     ((size_t)64 * 1024)
#define FILE_BYTES_MAX 16384

struct secret_page {
    char *data;
    size_t used;
};

struct secret_page *secret_page_create(void)
{
    struct secret_page *page = calloc(1, sizeof(*page));
    void *data;

    if (!page)
        return NULL;
    data = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) {
        free(page);
        return NULL;
    }
    if (mlock(data, PAGE_BYTES) != 0)
        log_warn("secret: mlock failed, keys could be swapped out: %s", strerror(errno));
    (void)madvise(data, PAGE_BYTES, MADV_DONTDUMP);
    page->data = data;
    return page;
}

void secret_page_destroy(struct secret_page *page)
{
    if (!page)
        return;
    OPENSSL_cleanse(page->data, PAGE_BYTES);
    munmap(page->data, PAGE_BYTES);
    free(page);
}

enum err secret_add(struct secret_page *page, const char *text, size_t bytes, const char **out)
{
    if (bytes >= PAGE_BYTES - page->used)
        return ERR_BUSY;
    memcpy(page->data + page->used, text, bytes);
    page->data[page->used + bytes] = '\0';
    *out = page->data + page->used;
    page->used += bytes + 1;
    return ERR_NONE;
}

/* Opens a file that only its owner can read; the descriptor is checked, not the path. */
static int open_private(const char *path, struct error *error)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        if (errno == ELOOP)
            error_set(error, ERR_INVALID, "secret file %s is a symbolic link: give the real path",
                      path);
        else
            error_set(error, ERR_INVALID, "secret file %s: %s", path, strerror(errno));
        return -1;
    }
    if (fstat(fd, &info) != 0)
        error_set(error, ERR_IO, "secret file %s: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        error_set(error, ERR_INVALID, "secret file %s is not a regular file", path);
    else if (info.st_uid != geteuid() && info.st_uid != 0)
        error_set(error, ERR_INVALID,
                  "secret file %s belongs to another user: chown it to yourself", path);
    else if (info.st_mode & (S_IRWXG | S_IRWXO))
        error_set(error, ERR_INVALID,
                  "secret file %s can be read by others (mode %04o): chmod 600 %s", path,
                  (unsigned)(info.st_mode & 07777), path);
    else if (info.st_size > FILE_BYTES_MAX)
        error_set(error, ERR_INVALID, "secret file %s is larger than %d bytes", path,
                  FILE_BYTES_MAX);
    else
        return fd;
    close(fd);
    return -1;
}

enum err secret_add_file(struct secret_page *page, const char *path, int keep_newline,
                         const char **out, struct error *error)
{
    char content[FILE_BYTES_MAX + 1];
    size_t bytes = 0;
    ssize_t got = 0;
    enum err err;
    int fd = open_private(path, error);

    if (fd < 0)
        return ERR_INVALID;
    while (bytes < FILE_BYTES_MAX && (got = read(fd, content + bytes, FILE_BYTES_MAX - bytes)) > 0)
        bytes += (size_t)got;
    close(fd);
    while (!keep_newline && bytes > 0 && (content[bytes - 1] == '\n' || content[bytes - 1] == '\r'))
        bytes--;
    if (got < 0)
        err = error_set(error, ERR_INVALID, "secret file %s cannot be read", path);
    else if (bytes == 0)
        err = error_set(error, ERR_INVALID, "secret file %s is empty", path);
    else if (memchr(content, '\0', bytes))
        err = error_set(error, ERR_INVALID, "secret file %s has a NUL byte", path);
    else if (secret_add(page, content, bytes, out))
        err = error_set(error, ERR_BUSY, "secrets are too large");
    else
        err = ERR_NONE;
    OPENSSL_cleanse(content, sizeof(content));
    return err;
}

enum err secret_add_env(struct secret_page *page, const char *name, const char **out,
                        struct error *error)
{
    char *value = getenv(name);

    *out = NULL;
    if (!value)
        return ERR_NONE;
    if (value[0] && secret_add(page, value, strlen(value), out))
        return error_set(error, ERR_BUSY, "%s is too long", name);
    OPENSSL_cleanse(value, strlen(value));
    unsetenv(name);
    return ERR_NONE;
}
