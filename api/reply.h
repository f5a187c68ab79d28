/* api/reply.h - how handlers answer, and refusals as values.
 *
 * Threads: any; a call is one thread's at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/call.h"
#include "api/errors.h"
#include "base/error.h"

#define API_JSON "application/json"
#define API_TEXT "text/plain; charset=utf-8"

struct rest_answer;

/* Why a request is refused: a code of the problem table and its detail. */
struct api_refusal {
    const char *code; /* static text */
    int64_t retry_after_ms;
    char detail[480];
};
/* Fills `refusal` and returns ERR_INVALID, so that callers can return it at once. */
enum err api_refuse(struct api_refusal *refusal, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Answers with the refusal. `outcome` ("not_sent") and `client_id` may be NULL. */
void api_fail_refusal(struct api_call *call, const struct api_refusal *refusal, const char *outcome,
                      const char *client_id);

/* An empty reply body to write into. */
struct buffer *api_reply_begin(struct api_call *call);
/* The body is written: ends the call. A body that did not fit in memory becomes a 500, except on
 * `keep_status`: an order's answer then has its status and headers, and no body. */
void api_reply(struct api_call *call, int status, const char *content_type);
void api_reply_keep(struct api_call *call, int status, const char *content_type);
/* The reply waited for this answer of the exchange; it may be one of several, one after another. */
void api_waited_for(struct api_call *call, const struct rest_answer *answer);
/* Headers Bridge-As-Of and Bridge-Source. */
void api_reply_age(struct api_call *call, int64_t as_of_ms, const char *source);
/* Members as_of and source of an open object; `source` NULL: none. */
void api_add_age(struct buffer *out, int64_t as_of_ms, const char *source);
