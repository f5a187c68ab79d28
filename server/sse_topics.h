/* server/sse_topics.h - what a reader of /stream asks for: the grammar of `topics` and of event
 * ids. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "api/event_filter.h"
#include "base/error.h"
#include "bybit/stream.h"
#include "server/hub.h"

/* The first ones are upstream topics: enum stream_kind's numbers. */
enum sse_kind {
    SSE_TICKER = STREAM_TICKER,
    SSE_BOOK = STREAM_BOOK,
    SSE_TRADES = STREAM_TRADES,
    SSE_CANDLES = STREAM_CANDLES,
    SSE_LIQUIDATIONS = STREAM_LIQUIDATIONS,
    SSE_PRICE_LIMIT = STREAM_PRICE_LIMIT,
    SSE_ADL = STREAM_ADL,
    SSE_INSURANCE = STREAM_INSURANCE,
    SSE_GREEKS = STREAM_GREEKS,
    SSE_POSITIONS,
    SSE_BALANCE
};

struct sse_topic {
    enum sse_kind kind;
    enum category category;   /* of the market's */
    char symbol[SYMBOL_MAX];  /* likewise; of pools USDT, USDC, inverse */
    int depth;                /* books; candles: enum candle_interval */
    char name[HUB_TOPIC_MAX]; /* "book:linear:BTCUSDT:50" */
};

/* Of the market, not of the account. */
bool sse_is_market(enum sse_kind kind);
/* Counted in bybit/stream. */
bool sse_is_upstream(enum sse_kind kind);
/* Its `symbol` is one that the exchange lists. */
bool sse_has_symbol(enum sse_kind kind);
/* Whether only the latest value counts: tickers, price limits, pools, greeks, balance. All else is
 * a sequence. */
bool sse_is_state(enum sse_kind kind);

struct sse_wish {
    unsigned events; /* of enum hub_events */
    bool status;
    /* Not of the topics: set by sse_check.c. */
    int64_t conflate_ms;
    struct event_filter filter;
    size_t topics_count;
    struct sse_topic topics[HUB_TOPICS_MAX];
};

struct sse_refusal {
    const char *code; /* of api/errors.h */
    char detail[480];
};

/* False: `refusal` is filled. Symbols are not looked up here. */
bool sse_parse_topics(struct sse_wish *out, const char *text, enum category default_category,
                      struct sse_refusal *refusal);

enum sse_place { SSE_LIVE, SSE_EARLIEST, SSE_AFTER, SSE_UNREADABLE };
/* NULL and "" are SSE_LIVE; "earliest"; "<epoch>-<seq>" gives SSE_AFTER and both numbers. */
enum sse_place sse_parse_id(const char *text, uint64_t *epoch, uint64_t *seq);
