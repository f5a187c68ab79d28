#include "base/process.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Descriptors get the lowest free number, so more than this many are open only when this many are.
 */
#define FDS_LOOKED_AT 16384
#define FDS_AT_ONCE   256

/* /proc/self/fd belongs to root when the process is not dumpable, as ours is: so the descriptors
 * themselves are asked. */
static int64_t count_fds(int64_t max_fds)
{
    struct pollfd fds[FDS_AT_ONCE];
    int64_t last = max_fds < FDS_LOOKED_AT ? max_fds : FDS_LOOKED_AT;
    int64_t open = 0;

    for (int64_t first = 0; first < last; first += FDS_AT_ONCE) {
        nfds_t count = last - first < FDS_AT_ONCE ? (nfds_t)(last - first) : FDS_AT_ONCE;

        for (nfds_t i = 0; i < count; i++)
            fds[i] = (struct pollfd){ .fd = (int)first + (int)i };
        if (poll(fds, count, 0) < 0)
            return -1;
        for (nfds_t i = 0; i < count; i++)
            open += !(fds[i].revents & POLLNVAL);
    }
    return open;
}

/* The number behind "Name:" when the line is of that name. */
static void read_number(const char *line, const char *name, int64_t unit, int64_t *out)
{
    size_t bytes = strlen(name);

    if (strncmp(line, name, bytes) == 0 && line[bytes] == ':')
        *out = strtoll(line + bytes + 1, NULL, 10) * unit;
}

static void read_status(struct process_usage *out)
{
    char line[256];
    FILE *file = fopen("/proc/self/status", "re");

    if (!file)
        return;
    while (fgets(line, sizeof(line), file)) {
        read_number(line, "VmSize", 1024, &out->virtual_bytes);
        read_number(line, "VmRSS", 1024, &out->rss_bytes);
        read_number(line, "Threads", 1, &out->threads);
    }
    (void)fclose(file);
}

static int64_t us_of(const struct timeval *time)
{
    return (int64_t)time->tv_sec * 1000000 + time->tv_usec;
}

void process_read_usage(struct process_usage *out)
{
    struct rusage usage;
    struct rlimit limit;

    *out = (struct process_usage){ -1, -1, -1, -1, -1, -1 };
    read_status(out);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        out->cpu_us = us_of(&usage.ru_utime) + us_of(&usage.ru_stime);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    out->max_fds = limit.rlim_cur < INT32_MAX ? (int64_t)limit.rlim_cur : INT32_MAX;
    out->open_fds = count_fds(out->max_fds);
}
