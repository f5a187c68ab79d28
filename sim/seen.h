/* sim/seen.h - the newest requests that would change something, as they arrived: for tests that
 * must show that nothing came.
 *
 * POST of /v5/order/ and /v5/position/, known to the exchange or not, also those that a fault or a
 * ban kept from being acted on. Each order of a batch stands for itself.
 *
 * Threads: owned by one.
 */
#pragma once

#include <cjson/cJSON.h>

#include "sim/rest.h"

#define SEEN_MAX      4096
#define SEEN_PATH_MAX 64

struct seen_request {
    uint64_t number; /* 1, 2, ... */
    char path[SEEN_PATH_MAX];
    char category[16];
    char symbol[SYMBOL_MAX];
    char order_id[ORDER_ID_MAX]; /* as asked for; of a create what it was given */
    char link[ORDER_LINK_MAX];
    int64_t at_ms;
    int item;     /* place in a batch, from 1; 0: it was none */
    bool decided; /* the exchange looked at it: */
    int code;     /* its retCode */
};

struct seen {
    struct seen_request list[SEEN_MAX]; /* a ring */
    uint64_t count;                     /* ever */
};

/* Keeps a request that arrives, of a batch each order. Its number, 0: not of those kept. */
uint64_t seen_add(struct seen *seen, const struct rest_request *request, int64_t now_ms);
/* What became of it; `number` 0 is fine. */
void seen_decide(struct seen *seen, uint64_t number, const struct rest_answer *answer);
/* Adds `list`, oldest first, of those with a higher number, and `last`, the newest number of all.
 * `path` NULL: any. */
void seen_show(const struct seen *seen, const char *path, uint64_t after, cJSON *out);
