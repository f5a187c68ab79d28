/* server/sse_topics.h - what a reader of /stream asks for: the grammar of `topics` and of event
 * ids. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "base/error.h"
#include "server/hub.h"

enum sse_kind { SSE_TICKER, SSE_BOOK };

struct sse_topic {
    enum sse_kind kind;
    enum category category;
    char symbol[SYMBOL_MAX];
    int depth;                /* books */
    char name[HUB_TOPIC_MAX]; /* "book:linear:BTCUSDT:50" */
};

struct sse_wish {
    unsigned events; /* of enum hub_events */
    bool status;
    size_t topics_count;
    struct sse_topic topics[HUB_TOPICS_MAX];
};

struct sse_refusal {
    const char *code; /* of api/errors.h */
    char detail[320];
};

/* False: `refusal` is filled. Symbols are not looked up here. */
bool sse_parse_topics(struct sse_wish *out, const char *text, enum category default_category,
                      struct sse_refusal *refusal);

enum sse_place { SSE_LIVE, SSE_EARLIEST, SSE_AFTER, SSE_UNREADABLE };
/* NULL and "" are SSE_LIVE; "earliest"; "<epoch>-<seq>" gives SSE_AFTER and both numbers. */
enum sse_place sse_parse_id(const char *text, uint64_t *epoch, uint64_t *seq);
