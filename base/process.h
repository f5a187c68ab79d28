/* base/process.h - what this process uses, as the system counts it. */
#pragma once

#include <stdint.h>

/* -1: not known. */
struct process_usage {
    int64_t rss_bytes;
    int64_t virtual_bytes;
    int64_t open_fds;
    int64_t max_fds;
    int64_t cpu_us; /* user and system */
    int64_t threads;
};
void process_read_usage(struct process_usage *out);
