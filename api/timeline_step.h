/* api/timeline_step.h - a journaled event as a step of its order. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/trade.h"
#include "db/history.h"

struct timeline_step {
    int64_t at_ms;       /* this host's clock; 0: not stored */
    int64_t exchange_ms; /* the exchange's; 0: not stored */
    const char *step;
    const char *state; /* borrowed; NULL: no state of the order is told */
    uint64_t seq;      /* 0: no event */
    char detail[400];  /* "": nothing to say */
};

/* The order as its last event showed it: the state, and the values that an amend or a fill changes.
 */
#define TIMELINE_VALUES 7
struct timeline_state {
    bool known;
    char state[24];
    char values[TIMELINE_VALUES][DECIMAL_TEXT_MAX];
};

/* How it began: step "intent", or "external" for an order that was not made here. */
void timeline_begin(const struct order *order, struct timeline_step *out);
/* The amend in flight; `change` as db/change.h writes it. */
void timeline_amend(const struct order *order, const char *change, struct timeline_step *out);
/* False: the event is not of this order. Moves `state`; `out->state` borrows from it. */
bool timeline_step(struct timeline_state *state, const struct order *order,
                   const struct stored_event *event, struct timeline_step *out);
