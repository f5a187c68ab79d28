/* engine/guard_json.h - the guard's rules as JSON: in PATCH /guard, in GET /guard, in the journal.
 *
 * One form everywhere: {"max_order_notional": "1000" | null, "max_open_notional",
 * "max_orders_per_minute": 60, "symbols": ["BTCUSDT", "spot:BTCUSDT"], "categories": ["linear"],
 * "max_leverage": "5", "reduce_only_mode": true, "clients": {"name": {...} | null}}.
 *
 * Pure. Threads: any.
 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/guard.h"

/* One object, each limit there, null when off (reduce_only_mode: false); `clients` only with
 * `with_clients`. Symbols carry their category. */
void guard_add_rules(struct buffer *out, const struct guard_rules *rules, bool with_clients);
/* The members of one scope's limits, likewise. */
void guard_add_limits(struct buffer *out, const struct guard_limits *limits);

/* `default_category`: of symbols without one. ERR_INVALID: `error` names the member (with the
 * nearest known one for a mistyped name) and what is wrong. Not a duplicate check: base/json has
 * done that. */
MUST_CHECK enum err guard_read_patch(struct guard_patch *out, const struct json *object,
                                     enum category default_category, struct error *error);

/* What the journal keeps of the guard. */
struct guard_state {
    struct guard_rules rules; /* as set by PATCH, the ceiling not in it */
    bool killed;
    bool clear;       /* killed, and nothing was open any more */
    int64_t since_ms; /* of the kill, or of the arm; 0: never */
    char reason[160];
    char by[TAG_MAX + 16]; /* "http", "http:NAME" (X-Client), "SIGUSR1" */
};

void guard_add_state(struct buffer *out, const struct guard_state *state);
/* ERR_INVALID: not ours; `out` is then not to be used. */
MUST_CHECK enum err guard_read_state(struct guard_state *out, const char *text, size_t bytes,
                                     struct error *error);
