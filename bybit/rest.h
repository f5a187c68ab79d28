/* bybit/rest.h - signed REST calls on kept-alive connections (libcurl multi), with the POST-sent-twice trap closed.
 *
 * A `rest` belongs to one thread, which waits on rest_fd (an epoll descriptor) and calls rest_run; callbacks come from
 * inside rest_run or rest_submit's thread only. Time stamp and signature are made in PREREQFUNCTION, as the head is
 * built; a second attempt of a write is aborted there (RELIABILITY section 6). Reads (routes that are no write) are tried twice
 * more within their deadline: connect failure, 5xx, 10002, 10006.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "bybit/budget.h"
#include "bybit/clock_sync.h"
#include "bybit/routes.h"
#include "bybit/sign.h"

struct rest;

struct rest_config {
    const char *url;     /* origin, e.g. "https://api.bybit.com"; borrowed for life */
    const char *ca_file; /* NULL: the system's */
    const struct signer *signer; /* NULL: no keys, only public routes */
    struct budget *budget;
    struct clock_sync *clock;
    int recv_window_ms;  /* 5000 */
    int connections_max; /* kept and used at once */
    int connect_timeout_ms;
};

enum rest_sent {
    REST_NOT_SENT,   /* provably: no byte of the request's body (GET: of its head) left */
    REST_MAYBE_SENT,
};

struct rest_answer {
    bool answered;       /* a complete HTTP answer came */
    enum rest_sent sent; /* matters when there is none */
    long http_status;
    const char *body;    /* borrowed for the callback; NUL-terminated; "" when none */
    size_t body_bytes;
    int64_t signed_ms;   /* timestamp that was signed, 0: none */
    int64_t started_us;  /* monotonic: handed to the transport */
    int64_t finished_us;
    bool throttled;      /* the budget or the breaker did not let it go before its deadline (sent is REST_NOT_SENT) */
    int64_t retry_after_ms; /* with throttled */
    struct error error;  /* why there is no answer */
};

struct rest_request {
    enum bybit_route route;
    enum category category; /* for the budget */
    const char *query; /* raw query without '?', or NULL; copied */
    const char *body;  /* raw JSON for POST, NULL means "{}"; copied */
    int64_t deadline_ms;    /* monotonic; not begun after it, and ended at deadline + 10 s at the latest for writes,
                             * at the deadline for reads */
    bool urgent;            /* cancels: before everything that waits */
    /* The first body byte may leave now (writes only, at most once). May be NULL. */
    void (*on_sent)(int64_t signed_ms, void *userdata);
    /* Exactly once for each accepted request, from rest_run. */
    void (*on_done)(const struct rest_answer *answer, void *userdata);
    void *userdata;
};

MUST_CHECK enum err rest_create(struct rest **out, const struct rest_config *config,
                                struct error *error);
/* Ends all transfers (their on_done is called, unanswered), then frees. NULL is fine. */
void rest_destroy(struct rest *rest);

/* ERR_BUSY: too many wait (256 urgent, 1,024 others); on_done is then not called. */
MUST_CHECK enum err rest_submit(struct rest *rest, const struct rest_request *request);
/* Opens up to `count` connections by ROUTE_TIME calls, which also feed clock_sync. */
void rest_warm(struct rest *rest, int count);

int rest_fd(const struct rest *rest);
/* ms until rest_run must be called without the descriptor being ready; -1: never. */
int rest_timeout_ms(struct rest *rest);
/* Does what is due: sockets, timers, waiting requests; calls callbacks. */
void rest_run(struct rest *rest);
/* Transfers under way and waiting. */
size_t rest_pending(const struct rest *rest);
