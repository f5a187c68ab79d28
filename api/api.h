/* api/api.h - what the handlers work with: the parts behind the api. Filled once by server/app.c,
 * then constant.
 *
 * Threads: read by any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/trade.h"
#include "bybit/budget.h"
#include "bybit/clock_sync.h"
#include "bybit/instruments.h"
#include "bybit/market.h"
#include "bybit/reads.h"
#include "bybit/stream.h"
#include "db/history.h"
#include "db/journal.h"
#include "engine/loop.h"

struct api {
    const char *version; /* "0.1.0" */
    const char *env;     /* "sim", "testnet", "demo", "mainnet" */
    bool has_keys;       /* else private calls are 401 no_api_key */
    enum category default_category;
    uint64_t epoch;     /* of event ids */
    int64_t started_ms; /* wall clock */
    struct loop *loop;  /* NULL without keys */
    struct journal *journal;
    struct history *history;
    struct market *market;
    struct stream *stream;
    struct reads *reads;
    struct instruments_slot *instruments;
    struct clock_sync *clock;
    struct budget *budget;
    int order_deadline_ms; /* 5000: a write's turn in the budget */
    /* Writes the server's own part of /status: `"streams":{...}` members (readers, limits). May be
     * NULL. */
    void (*add_server_status)(struct buffer *out, void *userdata);
    void *userdata;
};
