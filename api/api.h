/* api/api.h - what the handlers work with: the parts behind the api. Filled once by server/app.c,
 * then constant.
 *
 * Threads: read by any.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/trade.h"
#include "bybit/account.h"
#include "bybit/budget.h"
#include "bybit/clock_sync.h"
#include "bybit/instruments.h"
#include "bybit/key_info.h"
#include "bybit/market.h"
#include "bybit/reads.h"
#include "bybit/stream.h"
#include "db/history.h"
#include "db/journal.h"
#include "engine/loop.h"

struct event_filter; /* api/event_filter.h */

struct api {
    const char *version;   /* "0.1.0" */
    const char *libraries; /* "libcurl=\"7.88.1\",...": labels of a metric */
    const char *env;       /* "sim", "testnet", "demo", "mainnet" */
    const char *site;      /* "global", ...; NULL: the simulated exchange */
    bool has_keys;         /* else private calls are 401 no_api_key */
    enum category default_category;
    int64_t started_ms; /* wall clock */
    struct loop *loop;  /* NULL without keys */
    struct journal *journal;
    struct history *history;
    struct market *market;
    struct stream *stream;
    struct reads *reads;
    struct account *account; /* NULL without keys */
    struct key_check *key; /* what the API key may do; NULL without keys, and where the exchange is
                              embedded */
    struct instruments_slot *instruments;
    struct clock_sync *clock;
    struct budget *budget;
    struct metrics *metrics; /* NULL: nothing is counted */
    int order_deadline_ms;   /* 5000: a write's turn in the budget */
    /* Number of the newest event shown, and a wait for a newer one: `on_ready` is called once, on
     * the http thread, when there is an event above `after`, at `until_ms` (monotonic), at a stop,
     * or when the call's client is `gone`. On the http thread only. ERR_BUSY: too many wait. NULL
     * without keys. */
    uint64_t (*feed_last)(void *userdata);
    enum err (*feed_wait)(uint64_t after, int64_t until_ms, const atomic_bool *gone,
                          void (*on_ready)(void *waiter), void *waiter, void *userdata);
    /* Whether there is an event above `after` that the filter takes; true also when memory does not
     * tell. On the http thread only. */
    bool (*feed_has)(uint64_t after, const struct event_filter *filter, void *userdata);
    /* Writes the server's own part of /status: members `"streams":{readers, max, closed_slow,
     * dropped, bytes, bytes_max}`, `"http":{connections, in_flight, closed_slow}` (which are
     * metrics, too) and what else it likes. May be NULL. */
    void (*add_server_status)(struct buffer *out, void *userdata);
    void *userdata;
};
