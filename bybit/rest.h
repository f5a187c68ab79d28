/* bybit/rest.h - signed REST calls on kept-alive connections (libcurl multi), with the
 * POST-sent-twice trap closed.
 *
 * A `rest` belongs to one thread, which waits on rest_fd (an epoll descriptor) and calls rest_run;
 * callbacks come from inside rest_run or rest_submit's thread only. Time stamp and signature are
 * made in PREREQFUNCTION, as the head is built; a second attempt of a write is aborted there
 * (RELIABILITY section 6). Reads (routes that are no write) are tried twice more within their
 * deadline: connect failure, 5xx, 10002, 10006. The process ignores SIGPIPE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/metrics.h"
#include "bybit/budget.h"
#include "bybit/clock_sync.h"
#include "bybit/routes.h"
#include "bybit/sign.h"

struct rest;

struct rest_config {
    const char *url;             /* origin, e.g. "https://api.bybit.com"; borrowed for life */
    const char *ca_file;         /* NULL: the system's */
    const struct signer *signer; /* NULL: no keys, only public routes */
    struct budget *budget;
    struct clock_sync *clock;
    int recv_window_ms;  /* 5000 */
    int connections_max; /* kept and used at once; each lane has its part of them */
    int connect_timeout_ms;
    int write_grace_ms;      /* 10000: how long after its deadline a write may still be answered */
    struct metrics *metrics; /* NULL: nothing is counted */
};

enum rest_sent {
    REST_NOT_SENT, /* provably: no byte of the request's body (GET: of its head) left */
    REST_MAYBE_SENT,
};

struct rest_answer {
    bool answered;       /* a complete HTTP answer came */
    enum rest_sent sent; /* matters when there is none */
    long http_status;
    const char *body; /* borrowed for the callback; NUL-terminated; "" when none */
    size_t body_bytes;
    int64_t signed_ms;  /* timestamp that was signed, 0: none */
    int64_t started_us; /* monotonic: handed to the transport */
    int64_t left_us;    /* the head of the last try began to leave; 0: it did not */
    int64_t finished_us;
    int64_t sign_us; /* time it took to sign the last try */
    int64_t turn_us; /* before that: waits for the budget and for connections, earlier tries */
    bool throttled;  /* the budget, the breaker or busy connections did not let it go before its
                      * deadline (sent is REST_NOT_SENT) */
    int64_t
        retry_after_ms; /* with throttled, and with an answer that says "too many"; 0: not known */
    struct error error; /* why there is no answer */
};

struct rest_request {
    enum bybit_route route;
    enum category category; /* for the budget */
    const char *query;      /* raw query without '?', or NULL; copied */
    const char *body;       /* raw JSON for POST, NULL means "{}"; copied */
    int64_t deadline_ms;    /* monotonic; not begun after it, and ended at deadline + 10 s at the
                             * latest for writes,    at the deadline for reads */
    enum budget_lane lane;  /* higher ones go before all that waits in those below */
    bool yields; /* goes behind all that waits in its lane and does not, with fewer connections */
    int units;   /* of the budget; 0 means 1 */
    /* The first body byte may leave now (writes only, at most once). May be NULL. */
    void (*on_sent)(int64_t signed_ms, void *userdata);
    /* Exactly once for each accepted request, from rest_run. */
    void (*on_done)(const struct rest_answer *answer, void *userdata);
    void *userdata;
    /* Asked now and then while it waits, and right before on_sent (writes only). False: nothing is
     * sent, REST_NOT_SENT. NULL: always. */
    bool (*may_send)(void *userdata);
};

MUST_CHECK enum err rest_create(struct rest **out, const struct rest_config *config,
                                struct error *error);
/* Ends all transfers (their on_done is called, unanswered), then frees. NULL is fine. */
void rest_destroy(struct rest *rest);

/* ERR_BUSY: too many of its route wait in its lane (256; of creates 1,024; of those that yield as
 * many more). ERR_INVALID: the query
 * has a byte that may not stand in a request line, or is too long, or query or body do not fit the
 * method.
 * ERR_UNAVAILABLE: a signed route without keys, or closing. On any error on_done is not called.
 * Begins nothing by itself: rest_timeout_ms is 0 then, and rest_run begins it. */
MUST_CHECK enum err rest_submit(struct rest *rest, const struct rest_request *request);
/* Opens up to `count` connections by ROUTE_TIME calls, which also feed clock_sync; at most as many
 * as BUDGET_OWN may use. */
void rest_warm(struct rest *rest, int count);

int rest_fd(const struct rest *rest);
/* ms until rest_run must be called without the descriptor being ready; -1: never. */
int rest_timeout_ms(struct rest *rest);
/* Does what is due: sockets, timers, waiting requests; calls callbacks. */
void rest_run(struct rest *rest);
/* Transfers under way and waiting. */
size_t rest_pending(const struct rest *rest);

/* From inside on_done: the answer belongs to another request. Its connection is not used again, so
 * that the next request does not get the answer to this one. */
void rest_distrust(struct rest *rest);

/* The envelope's retCode; false: the answer is none, or its body is no envelope. */
bool rest_ret_code(const struct rest_answer *answer, int *out);
