/* base/thread.h - what a thread of ours is called, and how soon it must run. */
#pragma once

enum thread_kind {
    THREAD_QUICK, /* answers somebody: wakes before others that want the processor (Linux 6.12 and
                     later; before, as the others) */
    THREAD_PLAIN,
    THREAD_BACKGROUND, /* long work that may wait: gives way to the others */
};

/* Of the calling thread; `name` at most 15 bytes, as `top -H` shows it. Needs no right; where the
 * system refuses, all stays as it is. */
void thread_begin(const char *name, enum thread_kind kind);
