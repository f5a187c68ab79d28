#include "server/bell.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct bell {
    _Atomic(struct bell_item *) newest;
    atomic_int references;
    int fd;
};

static struct bell_item closed_mark;

struct bell *bell_create(void)
{
    struct bell *bell = calloc(1, sizeof(*bell));

    if (!bell)
        return NULL;
    atomic_init(&bell->references, 1);
    bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (bell->fd < 0) {
        free(bell);
        return NULL;
    }
    return bell;
}

void bell_ref(struct bell *bell)
{
    atomic_fetch_add_explicit(&bell->references, 1, memory_order_relaxed);
}

void bell_unref(struct bell *bell)
{
    if (!bell || atomic_fetch_sub_explicit(&bell->references, 1, memory_order_acq_rel) != 1)
        return;
    (void)close(bell->fd);
    free(bell);
}

int bell_fd(const struct bell *bell)
{
    return bell->fd;
}

void bell_ring(struct bell *bell)
{
    uint64_t one = 1;

    (void)!write(bell->fd, &one, sizeof(one));
}

void bell_push(struct bell *bell, struct bell_item *item)
{
    struct bell_item *newest = atomic_load(&bell->newest);

    do {
        if (newest == &closed_mark) {
            item->drop(item);
            return;
        }
        item->next = newest;
    } while (!atomic_compare_exchange_weak(&bell->newest, &newest, item));
    if (!newest)
        bell_ring(bell);
}

static void run_list(struct bell_item *newest)
{
    struct bell_item *oldest = NULL;

    while (newest) {
        struct bell_item *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct bell_item *next = oldest->next;

        oldest->run(oldest);
        oldest = next;
    }
}

void bell_run(struct bell *bell)
{
    uint64_t rung;

    (void)!read(bell->fd, &rung, sizeof(rung));
    run_list(atomic_exchange(&bell->newest, NULL));
}

void bell_close(struct bell *bell)
{
    run_list(atomic_exchange(&bell->newest, &closed_mark));
}
