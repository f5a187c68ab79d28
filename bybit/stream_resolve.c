#include "bybit/stream_resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define STACK_BYTES ((size_t)512 * 1024)

/* Owned by two: the stream and the helper; the last one frees. */
struct resolve {
    pthread_mutex_t lock;
    int owners;
    bool done;
    void (*wake)(void *userdata); /* NULL: dropped */
    void *userdata;
    size_t count;
    char addresses[RESOLVE_ADDRESSES_MAX][RESOLVE_ADDRESS_BYTES];
    char host[256];
};

/* With the lock held; gives it back. */
static void release(struct resolve *resolve)
{
    bool last = --resolve->owners == 0;

    pthread_mutex_unlock(&resolve->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&resolve->lock);
    free(resolve);
}

static void *look_up(void *userdata)
{
    struct resolve *resolve = userdata;
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
    struct addrinfo *list = NULL;
    int failed = getaddrinfo(resolve->host, NULL, &hints, &list);

    pthread_mutex_lock(&resolve->lock);
    for (const struct addrinfo *at = failed ? NULL : list;
         at && resolve->count < RESOLVE_ADDRESSES_MAX; at = at->ai_next) {
        if (getnameinfo(at->ai_addr, at->ai_addrlen, resolve->addresses[resolve->count],
                        RESOLVE_ADDRESS_BYTES, NULL, 0, NI_NUMERICHOST) == 0)
            resolve->count++;
    }
    resolve->done = true;
    if (resolve->wake)
        resolve->wake(resolve->userdata);
    release(resolve);
    if (list)
        freeaddrinfo(list);
    return NULL;
}

struct resolve *resolve_start(const char *host, void (*wake)(void *userdata), void *userdata)
{
    struct resolve *resolve = calloc(1, sizeof(*resolve));
    sigset_t all;
    sigset_t old;
    pthread_attr_t attributes;
    pthread_t thread;
    int failed;

    if (!resolve)
        return NULL;
    if (text_copy(resolve->host, sizeof(resolve->host), host)) {
        free(resolve);
        return NULL;
    }
    resolve->owners = 2;
    resolve->wake = wake;
    resolve->userdata = userdata;
    pthread_mutex_init(&resolve->lock, NULL);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    failed = pthread_create(&thread, &attributes, look_up, resolve);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    if (!failed)
        return resolve;
    pthread_mutex_destroy(&resolve->lock);
    free(resolve);
    return NULL;
}

bool resolve_done(struct resolve *resolve,
                  char addresses[RESOLVE_ADDRESSES_MAX][RESOLVE_ADDRESS_BYTES], size_t *count)
{
    bool done;

    pthread_mutex_lock(&resolve->lock);
    done = resolve->done;
    if (done) {
        *count = resolve->count;
        memcpy(addresses, resolve->addresses, sizeof(resolve->addresses));
    }
    pthread_mutex_unlock(&resolve->lock);
    return done;
}

void resolve_drop(struct resolve *resolve)
{
    if (!resolve)
        return;
    pthread_mutex_lock(&resolve->lock);
    resolve->wake = NULL;
    release(resolve);
}
