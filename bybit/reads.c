/* bybit/reads.c - a thread with two sources: its rest's descriptor and an inbox of asks. The
 * instruments are kept fresh in between. */
#include "bybit/reads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/queue.h"
#include "base/thread.h"
#include "bybit/reads_parts.h"

#define WAITING_MAX     256 /* of users; our own have places of their own */
#define OWN_WAITING_MAX 64
#define QUERY_BYTES_MAX 8192
#define TICK_DEFAULT_MS 1000

/* --- the thread --- */

/* At most what fits at once: who is answered from the cache can ask again meanwhile, for ever. */
static void take_inbox(struct reads *reads)
{
    struct ask *ask;

    for (int i = 0; i < WAITING_MAX && (ask = queue_pop(reads->inbox)); i++) {
        if (ask != reads->bell)
            reads_take_ask(reads, ask);
    }
}

static int wait_ms(struct reads *reads, int64_t next_ms)
{
    int timeout_ms = rest_timeout_ms(reads->rest);
    int64_t left_ms;

    if (atomic_load(&reads->stopping))
        return 0; /* its bell may have been taken out of the inbox just now */
    if (next_ms == NEVER)
        return timeout_ms;
    left_ms = next_ms - clock_mono_ms() + 1;
    if (left_ms < 0)
        left_ms = 0;
    if (timeout_ms >= 0 && timeout_ms < left_ms)
        return timeout_ms;
    return left_ms < INT32_MAX ? (int)left_ms : INT32_MAX;
}

/* Returns when the next tick is due. */
static int64_t run_tick(struct reads *reads)
{
    int64_t now_ms = clock_mono_ms();

    if (!reads->config.on_tick)
        return NEVER;
    if (now_ms >= reads->tick_due_ms) {
        reads->tick_due_ms = now_ms + reads->config.tick_ms;
        reads->config.on_tick(reads->config.userdata);
    }
    return reads->tick_due_ms;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void *run(void *userdata)
{
    struct reads *reads = userdata;
    struct epoll_event events[2];

    thread_begin("reads", THREAD_BACKGROUND);
    while (!atomic_load(&reads->stopping)) {
        int64_t tick_ms = run_tick(reads);
        int64_t loads_ms;
        int64_t asks_ms;

        take_inbox(reads);
        rest_run(reads->rest);
        /* After the callbacks, which set the times of both. What they submit makes rest_timeout_ms
         * 0. */
        asks_ms = reads_expire_asks(reads);
        loads_ms = loads_run(&reads->loads);
        (void)epoll_wait(reads->epoll_fd, events, ARRAY_LEN(events),
                         wait_ms(reads, least(tick_ms, least(loads_ms, asks_ms))));
    }
    return NULL;
}

static bool watch(struct reads *reads, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

    return epoll_ctl(reads->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* Ends what is under way: flight_done and page_done are called, and find `stopping`. */
static void end_all(struct reads *reads)
{
    struct ask *ask;

    rest_destroy(reads->rest);
    reads->rest = NULL;
    while (reads->inbox && (ask = queue_pop(reads->inbox))) {
        if (ask != reads->bell)
            reads_fail_ask(reads, ask, ERR_UNAVAILABLE, "stopped");
    }
}

static void reads_free(struct reads *reads)
{
    end_all(reads);
    free(reads->bell);
    reads_forget_flights(reads);
    loads_deinit(&reads->loads);
    queue_destroy(reads->inbox);
    if (reads->epoll_fd >= 0)
        close(reads->epoll_fd);
    free(reads);
}

enum err reads_start(struct reads **out, const struct reads_config *config, struct error *error)
{
    struct reads *reads = calloc(1, sizeof(*reads));
    enum err err;

    if (!reads)
        return error_set(error, ERR_NO_MEMORY, "reads: out of memory");
    reads->config = *config;
    if (reads->config.tick_ms <= 0)
        reads->config.tick_ms = TICK_DEFAULT_MS;
    atomic_init(&reads->stopping, false);
    for (int lane = 0; lane < BUDGET_LANES; lane++)
        atomic_init(&reads->waiting[lane], 0);
    atomic_init(&reads->chains, 0);
    atomic_init(&reads->facts, 0);
    reads->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    reads->inbox = queue_create(WAITING_MAX + OWN_WAITING_MAX);
    reads->bell = calloc(1, sizeof(*reads->bell));
    err = rest_create(&reads->rest, &config->rest, error);
    if (err)
        goto fail;
    loads_init(&reads->loads, reads->rest, config->instruments, config->instruments_every_ms,
               &reads->stopping);
    if (reads->epoll_fd < 0 || !reads->inbox || !reads->bell ||
        !watch(reads, queue_fd(reads->inbox)) || !watch(reads, rest_fd(reads->rest))) {
        err = error_set(error, ERR_NO_MEMORY, "reads: out of memory or descriptors");
        goto fail;
    }
    if (pthread_create(&reads->thread, NULL, run, reads) != 0) {
        err = error_set(error, ERR_NO_MEMORY, "reads: no thread");
        goto fail;
    }
    *out = reads;
    return ERR_NONE;

fail:
    reads_free(reads);
    return err;
}

void reads_halt(struct reads *reads)
{
    if (!reads || reads->halted)
        return;
    atomic_store(&reads->stopping, true);
    /* The inbox holds as many asks as may wait, so that the extra place is free. */
    (void)!queue_push_extra(reads->inbox, reads->bell, 1);
    pthread_join(reads->thread, NULL);
    end_all(reads);
    reads->halted = true;
}

void reads_stop(struct reads *reads)
{
    if (!reads)
        return;
    reads_halt(reads);
    reads_free(reads);
}

/* A copy of `asked` with its query, to the thread. */
static enum err submit(struct reads *reads, const struct ask *asked, const char *query)
{
    size_t query_bytes = (query ? strlen(query) : 0) + 1;
    atomic_int *waiting = &reads->waiting[asked->lane];
    struct ask *ask;
    enum err err;

    if (bybit_route_info(asked->route)->is_write || query_bytes > QUERY_BYTES_MAX)
        return ERR_INVALID;
    if (atomic_load(&reads->stopping))
        return ERR_BUSY;
    if (atomic_fetch_add(waiting, 1) >=
        (asked->lane == BUDGET_OWN ? OWN_WAITING_MAX : WAITING_MAX)) {
        atomic_fetch_sub(waiting, 1);
        return ERR_BUSY;
    }
    ask = calloc(1, sizeof(*ask) + query_bytes);
    if (!ask) {
        atomic_fetch_sub(waiting, 1);
        return ERR_NO_MEMORY;
    }
    *ask = *asked;
    memcpy(ask->query, query ? query : "", query_bytes);
    err = queue_push(reads->inbox, ask);
    if (err) {
        atomic_fetch_sub(waiting, 1);
        free(ask);
    }
    return err;
}

enum err reads_get(struct reads *reads, enum bybit_route route, enum category category,
                   const char *query, int timeout_ms, int cache_ms,
                   void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                   void *userdata),
                   void *userdata)
{
    const struct ask ask = { .route = route,
                             .category = category,
                             .lane = BUDGET_READ,
                             .deadline_ms = clock_mono_ms() + timeout_ms,
                             .cache_ms = cache_ms,
                             .on_done = on_done,
                             .userdata = userdata };

    return submit(reads, &ask, query);
}

enum err reads_get_own(struct reads *reads, enum bybit_route route, enum category category,
                       const char *query, int timeout_ms, int cache_ms,
                       void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                       void *userdata),
                       void *userdata)
{
    const struct ask ask = { .route = route,
                             .category = category,
                             .lane = BUDGET_OWN,
                             .deadline_ms = clock_mono_ms() + timeout_ms,
                             .cache_ms = cache_ms,
                             .on_done = on_done,
                             .userdata = userdata };

    return submit(reads, &ask, query);
}

bool reads_facts_begin(struct reads *reads)
{
    if (atomic_fetch_add(&reads->facts, 1) < READS_FACTS_MAX)
        return true;
    reads_facts_end(reads);
    return false;
}

void reads_facts_end(struct reads *reads)
{
    atomic_fetch_sub(&reads->facts, 1);
}

bool reads_chain_begin(struct reads *reads)
{
    if (atomic_fetch_add(&reads->chains, 1) < READS_CHAINS_MAX)
        return true;
    reads_chain_end(reads);
    return false;
}

void reads_chain_end(struct reads *reads)
{
    atomic_fetch_sub(&reads->chains, 1);
}
