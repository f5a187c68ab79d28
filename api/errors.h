/* api/errors.h - RFC 9457 problem bodies: a const table of codes with their title, HTTP status and
 * hint. */
#pragma once

#include <stdint.h>

#include "api/call.h"
#include "base/buffer.h"
#include "base/error.h"
#include "engine/guard.h"

/* One row: "unknown_field", 400, "Unknown field", hint or NULL. */
struct api_problem {
    const char *code;
    int status;
    const char *title;
    const char *hint;
};

/* NULL: no such code. */
const struct api_problem *api_problem_find(const char *code);
size_t api_problems_count(void);
const struct api_problem *api_problem_at(size_t index);

/* What a problem says beside its row. Zeroed members are left out. */
struct api_problem_more {
    const char *outcome; /* "not_sent", "rejected", "accepted", "unknown"; NULL: none */
    int ret_code;        /* upstream */
    const char *ret_msg;
    int64_t retry_after_ms;            /* also sets Retry-After (whole seconds, up) */
    const char *client_id;             /* every answer to an order names its link */
    const struct guard_verdict *guard; /* a refusal's numbers */
};

/* Makes `call`'s reply the problem `code` with `detail`, and ends it (api_done). `more` may be
 * NULL. A 429 says what is left of the rate budget, if nothing has said so yet. */
void api_fail(struct api_call *call, const struct api_problem_more *more, const char *code,
              const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The body alone, for refusals of the gate, which have no call. `method_path` is not needed. */
void api_problem_body(struct buffer *out, const char *code, const char *detail,
                      const char *request_id, const struct api_problem_more *more);
