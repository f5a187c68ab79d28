/* server/bell.h - what other threads hand to the http thread: a list without lock, and an eventfd
 * that rings once for a burst.
 *
 * Threads: bell_push and bell_ring from any; bell_run and bell_close on the http thread. The bell
 * outlives the http thread until the last reference is gone, so that late answers find it.
 */
#pragma once

#include <stdbool.h>

struct bell;

struct bell_item {
    struct bell_item *next;
    void (*run)(struct bell_item *item);  /* on the http thread */
    void (*drop)(struct bell_item *item); /* on the pushing thread: the bell is closed */
};

/* One reference. NULL: out of memory or descriptors. */
struct bell *bell_create(void);
void bell_ref(struct bell *bell);
void bell_unref(struct bell *bell); /* NULL is fine */
int bell_fd(const struct bell *bell);

void bell_push(struct bell *bell, struct bell_item *item);
void bell_ring(struct bell *bell);
/* Silences the bell and runs what was pushed, in order. */
void bell_run(struct bell *bell);
/* Runs what was pushed; from now on pushes drop. */
void bell_close(struct bell *bell);
