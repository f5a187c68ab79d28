#include "base/queue.h"

#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EXTRA_MAX 1024

struct queue {
    pthread_mutex_t lock;
    void **ring;
    size_t places; /* bound + EXTRA_MAX */
    size_t bound;
    size_t first;
    size_t count;
    bool closed;
    int bell;
};

struct queue *queue_create(size_t bound)
{
    struct queue *queue = calloc(1, sizeof(*queue));

    if (!queue)
        return NULL;
    queue->bound = bound;
    queue->places = bound + EXTRA_MAX;
    queue->ring = calloc(queue->places, sizeof(*queue->ring));
    queue->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!queue->ring || queue->bell < 0) {
        if (queue->bell >= 0)
            close(queue->bell);
        free(queue->ring);
        free(queue);
        return NULL;
    }
    pthread_mutex_init(&queue->lock, NULL);
    return queue;
}

void queue_destroy(struct queue *queue)
{
    if (!queue)
        return;
    close(queue->bell);
    pthread_mutex_destroy(&queue->lock);
    free(queue->ring);
    free(queue);
}

enum err queue_push_extra(struct queue *queue, void *item, size_t extra)
{
    const uint64_t one = 1;
    size_t limit = queue->bound + (extra < EXTRA_MAX ? extra : EXTRA_MAX);
    enum err err = ERR_NONE;

    pthread_mutex_lock(&queue->lock);
    if (queue->closed || queue->count >= limit) {
        err = ERR_BUSY;
    } else {
        queue->ring[(queue->first + queue->count) % queue->places] = item;
        /* Inside the lock, so that bell and count always agree. */
        if (queue->count++ == 0)
            (void)!write(queue->bell, &one, sizeof(one));
    }
    pthread_mutex_unlock(&queue->lock);
    return err;
}

enum err queue_push(struct queue *queue, void *item)
{
    return queue_push_extra(queue, item, 0);
}

void *queue_pop(struct queue *queue)
{
    uint64_t rings;
    void *item = NULL;

    pthread_mutex_lock(&queue->lock);
    if (queue->count > 0) {
        item = queue->ring[queue->first];
        queue->first = (queue->first + 1) % queue->places;
        if (--queue->count == 0)
            (void)!read(queue->bell, &rings, sizeof(rings));
    }
    pthread_mutex_unlock(&queue->lock);
    return item;
}

bool queue_wait(struct queue *queue, int timeout_ms)
{
    struct pollfd poller = { .fd = queue->bell, .events = POLLIN };

    return poll(&poller, 1, timeout_ms) > 0;
}

void queue_close(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_mutex_unlock(&queue->lock);
}

size_t queue_length(struct queue *queue)
{
    size_t count;

    pthread_mutex_lock(&queue->lock);
    count = queue->count;
    pthread_mutex_unlock(&queue->lock);
    return count;
}

int queue_fd(const struct queue *queue)
{
    return queue->bell;
}
