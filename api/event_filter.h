/* api/event_filter.h - which orders and fills a reader of the feed wants: those of a tag, of a
 * symbol, of both. Other events are not filtered.
 *
 * One judgement for what is live, what is read from the journal and what is listed.
 *
 * Threads: pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "api/call.h"
#include "api/reply.h"
#include "base/error.h"
#include "base/trade.h"
#include "db/history.h"

struct event_filter {
    char tag[TAG_MAX];       /* "": any */
    char symbol[SYMBOL_MAX]; /* "": any */
    enum category category;  /* of the symbol */
};

/* What an event is about: slices of its JSON, without quotes. */
struct event_subject {
    const char *tag;
    const char *symbol;
    const char *category;
    uint8_t tag_bytes; /* 0: it has none */
    uint8_t symbol_bytes;
    uint8_t category_bytes;
    bool is_filtered; /* an order or a fill */
};

/* `tag` and `symbol` of the query, one value each. */
MUST_CHECK enum err event_filter_read(const struct api *api, const struct api_call *call,
                                      struct event_filter *out, struct api_refusal *refusal);
bool event_filter_is_set(const struct event_filter *filter);
/* The same for lists of orders; it borrows from `filter`. */
void event_filter_to_list(const struct event_filter *filter, struct list_filter *out);

/* `json` (the event's data) is borrowed as long as `out` is used. */
void event_subject_of(struct event_subject *out, const char *event, const char *json,
                      size_t json_bytes);
bool event_filter_takes(const struct event_filter *filter, const struct event_subject *subject);
/* Both in one, for an event that is looked at once. An unset filter takes all, and reads nothing.
 */
bool event_filter_takes_event(const struct event_filter *filter, const char *event,
                              const char *json, size_t json_bytes);
