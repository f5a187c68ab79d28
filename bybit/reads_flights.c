/* bybit/reads_flights.c - a flight is one upstream read and all who wait for it; when it has landed
 * and somebody allowed caching, its answer stays for a while. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bybit/reads_parts.h"

#define CACHE_ENTRIES_MAX 64
#define CACHE_BYTES_MAX   ((size_t)16 << 20)
#define CACHE_KEPT_MS     60000
#define GRACE_MS          50 /* the flight's own end says more than ours */
#define SMALL_BODY        ((size_t)64 << 10)

struct flight {
    struct flight *next;
    struct reads *reads;
    struct ask *asks; /* who waits; the first one asked first */
    enum bybit_route route;
    enum category category;
    enum budget_lane lane;
    bool landed; /* its answer is kept for asks that allow a cache */
    bool keep;
    int64_t deadline_ms;
    int64_t landed_ms; /* monotonic */
    int64_t as_of_ms;  /* wall clock */
    struct rest_answer answer;
    char *body;
    char query[];
};

/* --- asks --- */

static void ask_end(struct reads *reads, struct ask *ask, const struct rest_answer *answer,
                    int64_t as_of_ms)
{
    /* Before the callback, so that it may ask again at the bound. */
    atomic_fetch_sub(&reads->waiting[ask->lane], 1);
    ask->on_done(answer, as_of_ms, ask->userdata);
    free(ask);
}

void reads_fail_ask(struct reads *reads, struct ask *ask, enum err err, const char *why)
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

static void flight_done(const struct rest_answer *answer, void *userdata)
{
    struct flight *flight = userdata;
    struct reads *reads = flight->reads;
    struct ask *asks = flight->asks;
    int64_t now_ms = clock_mono_ms();
    bool stopping = atomic_load(&reads->stopping);
    int64_t deadline_ms = flight->deadline_ms;
    bool was_late = answer->throttled || (!answer->answered && now_ms >= deadline_ms);
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
        /* The first asker's deadline ended the flight; this one's leaves more time. */
        if (was_late && !stopping && ask->deadline_ms > deadline_ms + GRACE_MS)
            reads_take_ask(reads, ask);
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
                                    .lane = ask->lane,
                                    .query = ask->query,
                                    .deadline_ms = ask->deadline_ms,
                                    .on_done = flight_done,
                                    .userdata = flight };
    enum err err;

    if (!flight) {
        reads_fail_ask(reads, ask, ERR_NO_MEMORY, "out of memory");
        return;
    }
    flight->reads = reads;
    flight->route = ask->route;
    flight->category = ask->category;
    flight->lane = ask->lane;
    flight->deadline_ms = ask->deadline_ms;
    flight->keep = ask->cache_ms > 0;
    memcpy(flight->query, ask->query, query_bytes);
    err = rest_submit(reads->rest, &request);
    if (err) {
        flight_free(flight);
        reads_fail_ask(reads, ask, err,
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
 * such a flight is shared only with those who accept an older answer. And nobody waits in another
 * lane than its own. */
static bool may_share(const struct flight *flight, const struct ask *ask)
{
    return flight->lane == ask->lane &&
           (ask->cache_ms > 0 || !bybit_route_info(ask->route)->is_signed);
}

void reads_take_ask(struct reads *reads, struct ask *ask)
{
    int64_t now_ms = clock_mono_ms();

    for (struct flight *flight = reads->flights; flight; flight = flight->next) {
        if (!flight_matches(flight, ask))
            continue;
        if (flight->landed && now_ms - flight->landed_ms < ask->cache_ms) {
            ask_end(reads, ask, &flight->answer, flight->as_of_ms);
            return;
        }
        if (!flight->landed && may_share(flight, ask)) {
            join(flight, ask);
            return;
        }
    }
    flight_start(reads, ask);
}

int64_t reads_expire_asks(struct reads *reads)
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
        reads_fail_ask(reads, ask, ERR_UNAVAILABLE, "no answer before the deadline");
    }
    return next_ms;
}

void reads_forget_flights(struct reads *reads)
{
    while (reads->flights) {
        struct flight *flight = reads->flights;

        reads->flights = flight->next;
        flight_free(flight);
    }
}
