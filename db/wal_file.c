#include "db/wal_file.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

/* A frame's head (https://www.sqlite.org/fileformat2.html#walformat): page number, pages of the
 * database after the commit (0: this frame commits nothing), salt, checksum. */
#define HEAD_BYTES     24
#define HEAD_COMMIT_AT 4
/* SQLite's VFS for Unix takes the size of a write modulo 128 KiB, and calls the rest a full disk.
 */
#define GATHERED_MAX ((size_t)128 * 1024 - 1)

struct wal_file {
    sqlite3_file base;
    bool commits; /* the frame whose head came last commits: its page is still to come */
    unsigned char *gathered;
    size_t gathered_bytes;
    sqlite3_int64 gathered_at; /* where they belong in the file */
    _Alignas(8) char real[];   /* the file of the VFS below, aligned as SQLite aligns */
};

static sqlite3_vfs *below;
static sqlite3_vfs vfs;

static struct wal_file *wal_of(sqlite3_file *file)
{
    return (struct wal_file *)(void *)file;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return (sqlite3_file *)(void *)wal_of(file)->real;
}

/* What could not be written is forgotten: the transaction fails, and its frames count for nothing.
 */
static int write_gathered(sqlite3_file *file)
{
    struct wal_file *wal = wal_of(file);
    size_t bytes = wal->gathered_bytes;

    wal->commits = false;
    wal->gathered_bytes = 0;
    if (bytes == 0)
        return SQLITE_OK;
    return real_of(file)->pMethods->xWrite(real_of(file), wal->gathered, (int)bytes,
                                           wal->gathered_at);
}

/* --- the methods of an open WAL --- */

static int wal_close(sqlite3_file *file)
{
    free(wal_of(file)->gathered); /* only frames of no commit could be left */
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int wal_read(sqlite3_file *file, void *data, int bytes, sqlite3_int64 at)
{
    int code = write_gathered(file);

    return code ? code : real_of(file)->pMethods->xRead(real_of(file), data, bytes, at);
}

static void gather(struct wal_file *wal, const void *data, size_t bytes, sqlite3_int64 at)
{
    if (wal->gathered_bytes == 0)
        wal->gathered_at = at;
    memcpy(wal->gathered + wal->gathered_bytes, data, bytes);
    wal->gathered_bytes += bytes;
}

static bool is_commit(const unsigned char *head)
{
    static const unsigned char none[4];

    return memcmp(head + HEAD_COMMIT_AT, none, sizeof(none)) != 0;
}

/* A head begins or continues what is gathered, a page continues it; all else is written at once. */
static int wal_write(sqlite3_file *file, const void *data, int bytes, sqlite3_int64 at)
{
    struct wal_file *wal = wal_of(file);
    bool is_head = bytes == HEAD_BYTES;
    bool follows = wal->gathered_bytes > 0 &&
                   at == wal->gathered_at + (sqlite3_int64)wal->gathered_bytes &&
                   wal->gathered_bytes + (size_t)bytes <= GATHERED_MAX;
    bool commits = wal->commits;
    int code = follows ? SQLITE_OK : write_gathered(file);

    if (code)
        return code;
    if (!wal->gathered || !(is_head || follows))
        return real_of(file)->pMethods->xWrite(real_of(file), data, bytes, at);
    gather(wal, data, (size_t)bytes, at);
    wal->commits = is_head && is_commit(data);
    return commits ? write_gathered(file) : SQLITE_OK;
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 bytes)
{
    int code = write_gathered(file);

    return code ? code : real_of(file)->pMethods->xTruncate(real_of(file), bytes);
}

static int wal_sync(sqlite3_file *file, int flags)
{
    int code = write_gathered(file);

    return code ? code : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *bytes)
{
    int code = write_gathered(file);

    return code ? code : real_of(file)->pMethods->xFileSize(real_of(file), bytes);
}

static int wal_lock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int wal_unlock(sqlite3_file *file, int lock)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int wal_reserved(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int wal_control(sqlite3_file *file, int operation, void *data)
{
    int code = write_gathered(file);

    return code ? code : real_of(file)->pMethods->xFileControl(real_of(file), operation, data);
}

static int wal_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int wal_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static const sqlite3_io_methods methods = {
    .iVersion = 1, /* shared memory and mapping are the database file's */
    .xClose = wal_close,
    .xRead = wal_read,
    .xWrite = wal_write,
    .xTruncate = wal_truncate,
    .xSync = wal_sync,
    .xFileSize = wal_size,
    .xLock = wal_lock,
    .xUnlock = wal_unlock,
    .xCheckReservedLock = wal_reserved,
    .xFileControl = wal_control,
    .xSectorSize = wal_sector,
    .xDeviceCharacteristics = wal_traits,
};

/* --- the VFS --- */

/* Any other file is opened below, as if this were not here. */
static int open_file(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct wal_file *wal = wal_of(file);
    int code;

    (void)self;
    if (!(flags & SQLITE_OPEN_WAL))
        return below->xOpen(below, name, file, flags, out);
    memset(wal, 0, sizeof(*wal));
    code = below->xOpen(below, name, real_of(file), flags, out);
    if (!real_of(file)->pMethods)
        return code;
    wal->base.pMethods = &methods; /* closed by SQLite, also where the opening failed */
    if (code == SQLITE_OK)
        wal->gathered = malloc(GATHERED_MAX); /* without: each write goes straight through */
    return code;
}

static void make_vfs(void)
{
    below = sqlite3_vfs_find(NULL);
    if (!below)
        return;
    vfs = *below; /* its other functions work on names, clocks and libraries only */
    vfs.zName = "bybit-bridge";
    vfs.szOsFile = (int)sizeof(struct wal_file) + below->szOsFile;
    vfs.xOpen = open_file;
    if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
        below = NULL;
}

const char *wal_file_vfs(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_vfs);
    return below ? vfs.zName : NULL;
}
