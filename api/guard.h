/* api/guard.h - the guard as users see it. Pure: values in, JSON out. */
#pragma once

#include <stdint.h>

#include "base/buffer.h"
#include "engine/engine.h"

/* killed, clear, since, reason, by, durable, limits, ceiling, clients, counts, kill: an object. */
void api_add_guard(struct buffer *out, const struct guard_report *report);
/* "cancelling", "clear", "waiting", "failed" */
const char *sweep_state_word(enum sweep_state state);
/* Member clients of an open object: {name: limits}. */
void api_add_guard_clients(struct buffer *out, const struct guard_rules *rules);
