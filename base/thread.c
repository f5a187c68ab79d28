#include "base/thread.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define QUICK_SLICE_NS  100000 /* the least that the kernel takes */
#define BACKGROUND_NICE 5

/* The kernel's struct, which Debian 12's C library does not declare. */
struct sched_attributes {
    uint32_t size;
    uint32_t policy; /* 0: SCHED_OTHER */
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime; /* of SCHED_OTHER: the slice; a short one may preempt a longer one at its
                         wake-up */
    uint64_t deadline;
    uint64_t period;
};

static void set(int nice, uint64_t slice_ns)
{
    struct sched_attributes attributes = { .size = sizeof(attributes),
                                           .nice = nice,
                                           .runtime = slice_ns };

    (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void thread_begin(const char *name, enum thread_kind kind)
{
    int nice = getpriority(PRIO_PROCESS, 0); /* of the thread, which is what Linux looks at */

    pthread_setname_np(pthread_self(), name);
    if (kind == THREAD_QUICK)
        set(nice, QUICK_SLICE_NS);
    if (kind == THREAD_BACKGROUND)
        set(nice + BACKGROUND_NICE < 19 ? nice + BACKGROUND_NICE : 19, 0);
}
