/* A disk that hangs: preloaded, it makes each sync wait while the file that SLOW_DISK_SWITCH names
 * is there; the file says how many ms. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef int sync_fn(int fd);

static void wait_as_told(void)
{
    const char *path = getenv("SLOW_DISK_SWITCH");
    FILE *file = path ? fopen(path, "re") : NULL;
    char text[16] = "";
    struct timespec wait;
    long ms;

    if (!file)
        return;
    if (!fgets(text, sizeof(text), file))
        text[0] = '\0';
    (void)fclose(file);
    ms = strtol(text, NULL, 10);
    if (ms <= 0)
        return;
    wait = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
    (void)nanosleep(&wait, NULL);
}

/* The next one of this name. */
static int sync_really(const char *name, int fd)
{
    void *found = dlsym(RTLD_NEXT, name);
    sync_fn *really;

    *(void **)&really = found;
    return really ? really(fd) : -1;
}

int fsync(int fd)
{
    wait_as_told();
    return sync_really("fsync", fd);
}

int fdatasync(int fildes)
{
    wait_as_told();
    return sync_really("fdatasync", fildes);
}
