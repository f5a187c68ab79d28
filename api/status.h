/* api/status.h - readiness, as /readyz, /health, /status and /metrics tell it.
 *
 * Threads: any.
 */
#pragma once

#include <stdbool.h>

#include "api/api.h"
#include "base/buffer.h"

struct status_check {
    const char *name;
    bool ok;
    char why[160]; /* when not: for a person */
};

enum {
    CHECK_JOURNAL,
    CHECK_CLOCK,
    CHECK_SYMBOLS,
    CHECK_PRIVATE,
    CHECK_ENGINE,
    CHECK_LIMITS,
    STATUS_CHECKS
};

/* Whether all of them are fulfilled. */
bool status_check_all(const struct api *api, struct status_check checks[STATUS_CHECKS]);
/* Member `"reasons":["clock: ...", ...]`. */
void status_add_reasons(struct buffer *out, const struct status_check checks[STATUS_CHECKS]);
/* The state of the link "rest", in the words of the streams' links. */
const char *status_rest_state(const struct api *api);
