/* api/account_read.h - what /positions and /balance share: from memory while the private stream
 * keeps it, else loaded over REST first.
 *
 * Threads: a read is one thread's at a time: the http thread's, then the reads thread's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "api/call.h"
#include "api/reply.h"
#include "base/error.h"
#include "bybit/account.h"
#include "bybit/reads.h"

#define ACCOUNT_READ_TIMEOUT_MS 10000

/* A read that may go on after its handler has returned. */
struct account_read {
    const struct api *api;
    struct api_call *call;
    enum account_part part;
    int64_t max_age_ms; /* -1: any */
    /* Answers the call from what the account has now, with its age. */
    void (*answer)(const struct account_read *read, int64_t as_of_ms, const char *source);
    /* the handler's own */
    bool one_category;
    enum category category;
    char symbol[SYMBOL_MAX]; /* "": all */
    int64_t position_idx;    /* -1: not given */
    int64_t begin_ms;        /* monotonic: when it was asked over REST */
    char coin[COIN_MAX];     /* "": all */
};

/* Keys and max_age. False: answered already. */
bool account_read_begin(struct account_read *read, const struct api *api, struct api_call *call);
/* The private stream keeps the part, and it is young enough: answered. False: to be read. */
bool account_read_kept(const struct account_read *read);
/* Answers the call, now, or after a load of the whole part. */
void account_read_serve(const struct account_read *read);
/* True when it is too old for the call, which has then been answered. */
bool account_is_too_old(const struct account_read *read, int64_t as_of_ms, const char *source);
/* Reads `route` over REST with a copy of `read` as userdata; `on_done` must free it. A failure to
 * begin is answered. */
void account_read_rest(const struct account_read *read, enum bybit_route route,
                       enum category category, const char *query, int cache_ms,
                       void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                       void *userdata));
/* The exchange's refusal (`upstream` set, its own text), or why there is no answer. */
void account_fail_upstream(struct api_call *call, const struct error *error);
