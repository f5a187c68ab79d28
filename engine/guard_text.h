/* engine/guard_text.h - one limit's value as text: behind an option, in a JSON string.
 *
 * Pure. Threads: any. Errors: ERR_INVALID; the text says what is wrong and what would be right, the
 * limit's name is for the caller to say.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/text.h"
#include "engine/guard.h"

/* ERR_INVALID: no such limit; the text names the nearest. */
MUST_CHECK enum err guard_parse_limit(const char *word, enum guard_limit *out, struct error *error);

/* Sets the limit, for lists from items with commas between them (none: an empty list, nothing is
 * allowed); reduce_only_mode: true or false. `default_category`: of symbols without one. */
MUST_CHECK enum err guard_parse_value(struct guard_limits *limits, enum guard_limit limit,
                                      const char *text, enum category default_category,
                                      struct error *error);
/* Adds one item to the list `symbols` or `categories`. */
MUST_CHECK enum err guard_parse_item(struct guard_limits *limits, enum guard_limit limit,
                                     const char *text, enum category default_category,
                                     struct error *error);
/* A limit that is on, as guard_parse_value reads it. */
void guard_show_value(struct text *out, const struct guard_limits *limits, enum guard_limit limit);
