/* base/queue.h - a bounded queue of pointers between threads, with a bell.
 *
 * Any thread pushes; one thread pops. The bell is an eventfd for the popping thread's epoll; it
 * rings once for a burst (when the queue was empty).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct queue;

/* `bound` items at most. NULL: out of memory or descriptors. */
struct queue *queue_create(size_t bound);
/* Items still inside are the caller's to free: pop them first. NULL is fine. */
void queue_destroy(struct queue *queue);

/* ERR_BUSY when full. Never blocks on anything but a short lock. */
MUST_CHECK enum err queue_push(struct queue *queue, void *item);
/* As push, but may use `extra` places above the bound (for cancels, stop messages). */
MUST_CHECK enum err queue_push_extra(struct queue *queue, void *item, size_t extra);
/* NULL when empty. Silences the bell when it takes the last item. */
void *queue_pop(struct queue *queue);
/* Waits until there is something to pop, at most `timeout_ms` (< 0: for ever). */
bool queue_wait(struct queue *queue, int timeout_ms);
/* Every push from now on is ERR_BUSY; what is inside can still be popped. */
void queue_close(struct queue *queue);
size_t queue_length(struct queue *queue);
/* Readable while there is something to pop. */
int queue_fd(const struct queue *queue);
