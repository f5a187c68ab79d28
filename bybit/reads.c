/* bybit/reads.c - a thread with two sources: its rest's descriptor and an inbox of asks.
 *
 * A flight is one upstream read and all who wait for it; when it has landed and somebody allowed
 * caching, its answer stays for a while. The instruments are kept fresh in between (reads_load.c).
 */
#include "bybit/reads.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/queue.h"
#include "base/text.h"
#include "bybit/reads_load.h"

#define WAITING_MAX       256
#define QUERY_BYTES_MAX   8192
#define CACHE_ENTRIES_MAX 64
#define CACHE_BYTES_MAX   ((size_t)16 << 20)
#define CACHE_KEPT_MS     60000
#define TICK_DEFAULT_MS   1000
#define NEVER             INT64_MAX
#define GRACE_MS          50 /* the flight's own end says more than ours */
#define SMALL_BODY        ((size_t)64 << 10)

struct ask {
    struct ask *next;
    enum bybit_route route;
    enum category category;
    int64_t deadline_ms;
    int cache_ms;
    void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms, void *userdata);
    void *userdata;
    char query[];
};

struct flight {
    struct flight *next;
    struct reads *reads;
    struct ask *asks; /* who waits; the first one asked first */
    enum bybit_route route;
    enum category category;
    bool landed; /* its answer is kept for asks that allow a cache */
    bool keep;
    int64_t deadline_ms;
    int64_t landed_ms; /* monotonic */
    int64_t as_of_ms;  /* wall clock */
    struct rest_answer answer;
    char *body;
    char query[];
};

struct reads {
    struct reads_config config;
    struct rest *rest;
    struct queue *inbox;
    int epoll_fd;
    pthread_t thread;
    atomic_bool stopping;
    bool halted;
    atomic_int waiting;
    atomic_int chains;
    struct ask *bell;       /* wakes the thread to see `stopping` */
    struct flight *flights; /* newest first; under way and landed ones */
    struct loads loads;
    int64_t tick_due_ms;
};

/* --- asks --- */

static void ask_end(struct reads *reads, struct ask *ask, const struct rest_answer *answer,
                    int64_t as_of_ms)
{
    /* Before the callback, so that it may ask again at the bound. */
    atomic_fetch_sub(&reads->waiting, 1);
    ask->on_done(answer, as_of_ms, ask->userdata);
    free(ask);
}

static void ask_fail(struct reads *reads, struct ask *ask, enum err err, const char *why)
{
    struct rest_answer answer = { .body = "", .sent = REST_NOT_SENT };

    error_set(&answer.error, err, "%s: %s", bybit_route_info(ask->route)->path, why);
    ask_end(reads, ask, &answer, 0);
}

/* --- flights --- */

static void flight_free(struct flight *flight)
{
    free(flight->body);
    free(flight);
}

static void flight_unlink(struct reads *reads, struct flight *flight)
{
    struct flight **at = &reads->flights;

    while (*at != flight)
        at = &(*at)->next;
    *at = flight->next;
}

static bool flight_matches(const struct flight *flight, const struct ask *ask)
{
    return flight->route == ask->route && flight->category == ask->category &&
           strcmp(flight->query, ask->query) == 0;
}

/* Drops what is too old or too much; the list is newest first. */
static void cache_trim(struct reads *reads)
{
    int64_t now_ms = clock_mono_ms();
    size_t entries = 0;
    size_t bytes = 0;
    struct flight **at = &reads->flights;

    while (*at) {
        struct flight *flight = *at;

        if (!flight->landed) {
            at = &flight->next;
            continue;
        }
        entries++;
        bytes += flight->answer.body_bytes;
        if (now_ms - flight->landed_ms <= CACHE_KEPT_MS && entries <= CACHE_ENTRIES_MAX &&
            bytes <= CACHE_BYTES_MAX) {
            at = &flight->next;
            continue;
        }
        bytes -= flight->answer.body_bytes;
        *at = flight->next;
        flight_free(flight);
    }
}

/* A good answer: a failure is not shown to those who come later. */
static bool answer_is_good(const struct rest_answer *answer)
{
    int ret_code = 0;

    if (!answer->answered || answer->http_status != 200)
        return false;
    return answer->body_bytes > SMALL_BODY || (rest_ret_code(answer, &ret_code) && ret_code == 0);
}

/* Keeps a copy of the answer; false when it is not to be kept. */
static bool flight_keep(struct flight *flight, const struct rest_answer *answer)
{
    if (!flight->keep || answer->body_bytes > CACHE_BYTES_MAX || !answer_is_good(answer))
        return false;
    flight->body = malloc(answer->body_bytes + 1);
    if (!flight->body)
        return false;
    memcpy(flight->body, answer->body, answer->body_bytes + 1);
    flight->answer = *answer;
    flight->answer.body = flight->body;
    flight->landed = true;
    return true;
}

static void take_ask(struct reads *reads, struct ask *ask);

static void flight_done(const struct rest_answer *answer, void *userdata)
{
    struct flight *flight = userdata;
    struct reads *reads = flight->reads;
    struct ask *asks = flight->asks;
    int64_t now_ms = clock_mono_ms();
    bool stopping = atomic_load(&reads->stopping);
    bool timed_out = !answer->answered && now_ms >= flight->deadline_ms;
    int64_t as_of_ms = answer->answered ? clock_wall_ms() : 0;

    flight->asks = NULL;
    flight->landed_ms = now_ms;
    flight->as_of_ms = as_of_ms;
    if (!flight_keep(flight, answer)) {
        flight_unlink(reads, flight);
        flight_free(flight);
    }
    while (asks) {
        struct ask *ask = asks;

        asks = ask->next;
        ask->next = NULL;
        /* The first asker's deadline ended the flight; this one's has not come. */
        if (timed_out && !stopping && ask->deadline_ms > now_ms + GRACE_MS)
            take_ask(reads, ask);
        else
            ask_end(reads, ask, answer, as_of_ms);
    }
    cache_trim(reads);
}

static void flight_start(struct reads *reads, struct ask *ask)
{
    size_t query_bytes = strlen(ask->query) + 1;
    struct flight *flight = calloc(1, sizeof(*flight) + query_bytes);
    struct rest_request request = { .route = ask->route,
                                    .category = ask->category,
                                    .query = ask->query,
                                    .deadline_ms = ask->deadline_ms,
                                    .on_done = flight_done,
                                    .userdata = flight };
    enum err err;

    if (!flight) {
        ask_fail(reads, ask, ERR_NO_MEMORY, "out of memory");
        return;
    }
    flight->reads = reads;
    flight->route = ask->route;
    flight->category = ask->category;
    flight->deadline_ms = ask->deadline_ms;
    flight->keep = ask->cache_ms > 0;
    memcpy(flight->query, ask->query, query_bytes);
    err = rest_submit(reads->rest, &request);
    if (err) {
        flight_free(flight);
        ask_fail(reads, ask, err,
                 err == ERR_BUSY ? "too many reads wait" : "the read is not possible");
        return;
    }
    flight->asks = ask;
    flight->next = reads->flights;
    reads->flights = flight;
}

static void join(struct flight *flight, struct ask *ask)
{
    struct ask **at = &flight->asks;

    while (*at)
        at = &(*at)->next;
    *at = ask;
    flight->keep = flight->keep || ask->cache_ms > 0;
}

/* An answer about the account that was asked for earlier may lack what the asker has just done:
 * such a flight is shared only with those who accept an older answer. */
static bool may_share(const struct ask *ask)
{
    return ask->cache_ms > 0 || !bybit_route_info(ask->route)->is_signed;
}

static void take_ask(struct reads *reads, struct ask *ask)
{
    int64_t now_ms = clock_mono_ms();

    for (struct flight *flight = reads->flights; flight; flight = flight->next) {
        if (!flight_matches(flight, ask))
            continue;
        if (flight->landed && now_ms - flight->landed_ms < ask->cache_ms) {
            ask_end(reads, ask, &flight->answer, flight->as_of_ms);
            return;
        }
        if (!flight->landed && may_share(ask)) {
            join(flight, ask);
            return;
        }
    }
    flight_start(reads, ask);
}

/* Ends the asks whose time is over while their flight goes on for others. Returns when the next
 * one's is. */
static int64_t expire_asks(struct reads *reads)
{
    int64_t now_ms = clock_mono_ms();
    int64_t next_ms = NEVER;
    struct ask *expired = NULL;

    for (struct flight *flight = reads->flights; flight; flight = flight->next) {
        struct ask **at = &flight->asks;

        while (*at) {
            struct ask *ask = *at;

            if (ask->deadline_ms + GRACE_MS < now_ms) {
                *at = ask->next;
                ask->next = expired;
                expired = ask;
                continue;
            }
            if (ask->deadline_ms + GRACE_MS < next_ms)
                next_ms = ask->deadline_ms + GRACE_MS;
            at = &ask->next;
        }
    }
    while (expired) {
        struct ask *ask = expired;

        expired = ask->next;
        ask_fail(reads, ask, ERR_UNAVAILABLE, "no answer before the deadline");
    }
    return next_ms;
}

/* --- the thread --- */

static void take_inbox(struct reads *reads)
{
    struct ask *ask;

    while ((ask = queue_pop(reads->inbox))) {
        if (ask != reads->bell)
            take_ask(reads, ask);
    }
}

static int wait_ms(struct reads *reads, int64_t next_ms)
{
    int timeout_ms = rest_timeout_ms(reads->rest);
    int64_t left_ms;

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
        return INT64_MAX;
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

    while (!atomic_load(&reads->stopping)) {
        int64_t tick_ms = run_tick(reads);
        int64_t loads_ms;
        int64_t asks_ms;

        take_inbox(reads);
        rest_run(reads->rest);
        /* After the callbacks, which set the times of both. What they submit makes rest_timeout_ms
         * 0. */
        asks_ms = expire_asks(reads);
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
            ask_fail(reads, ask, ERR_UNAVAILABLE, "stopped");
    }
}

static void reads_free(struct reads *reads)
{
    end_all(reads);
    free(reads->bell);
    while (reads->flights) {
        struct flight *flight = reads->flights;

        reads->flights = flight->next;
        flight_free(flight);
    }
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
    atomic_init(&reads->waiting, 0);
    atomic_init(&reads->chains, 0);
    reads->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    reads->inbox = queue_create(WAITING_MAX);
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
    /* The inbox holds WAITING_MAX asks at most, so that the extra place is free. */
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

enum err reads_get(struct reads *reads, enum bybit_route route, enum category category,
                   const char *query, int timeout_ms, int cache_ms,
                   void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                   void *userdata),
                   void *userdata)
{
    size_t query_bytes = (query ? strlen(query) : 0) + 1;
    struct ask *ask;
    enum err err;

    if (bybit_route_info(route)->is_write || query_bytes > QUERY_BYTES_MAX)
        return ERR_INVALID;
    if (atomic_load(&reads->stopping))
        return ERR_BUSY;
    if (atomic_fetch_add(&reads->waiting, 1) >= WAITING_MAX) {
        atomic_fetch_sub(&reads->waiting, 1);
        return ERR_BUSY;
    }
    ask = calloc(1, sizeof(*ask) + query_bytes);
    if (!ask) {
        atomic_fetch_sub(&reads->waiting, 1);
        return ERR_NO_MEMORY;
    }
    ask->route = route;
    ask->category = category;
    ask->deadline_ms = clock_mono_ms() + timeout_ms;
    ask->cache_ms = cache_ms;
    ask->on_done = on_done;
    ask->userdata = userdata;
    memcpy(ask->query, query ? query : "", query_bytes);
    err = queue_push(reads->inbox, ask);
    if (err) {
        atomic_fetch_sub(&reads->waiting, 1);
        free(ask);
    }
    return err;
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
