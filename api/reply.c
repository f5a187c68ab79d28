#include "api/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "bybit/rest.h"

const char *api_query(const struct api_call *call, const char *name)
{
    for (size_t i = 0; i < call->query_count; i++) {
        if (strcmp(call->query[i].name, name) == 0)
            return call->query[i].value;
    }
    return NULL;
}

void api_done(struct api_call *call)
{
    call->done(call);
}

static bool is_header_value(const char *value)
{
    for (; *value; value++) {
        if ((unsigned char)*value < 0x20 || *value == 0x7f)
            return false;
    }
    return true;
}

void api_reply_header(struct api_call *call, const char *name, const char *value)
{
    struct api_header *header = &call->headers[call->headers_count];

    if (call->headers_count == API_HEADERS_MAX || !is_header_value(value) ||
        text_copy(header->name, sizeof(header->name), name) ||
        text_copy(header->value, sizeof(header->value), value)) {
        log_warn("api: header %s left out, request=%s", name, call->request_id);
        return;
    }
    call->headers_count++;
}

struct buffer *api_reply_begin(struct api_call *call)
{
    if (call->reply.max == 0)
        call->reply = buffer_of(API_REPLY_MAX);
    buffer_clear(&call->reply);
    return &call->reply;
}

void api_reply_keep(struct api_call *call, int status, const char *content_type)
{
    if (buffer_check(&call->reply)) {
        log_error("api: reply lost, request=%s: %s", call->request_id,
                  error_name(buffer_check(&call->reply)));
        buffer_deinit(&call->reply);
    }
    call->status = status;
    call->content_type = content_type;
    api_done(call);
}

void api_reply(struct api_call *call, int status, const char *content_type)
{
    if (buffer_check(&call->reply))
        api_fail(call, NULL, "internal", "the answer does not fit in memory");
    else
        api_reply_keep(call, status, content_type);
}

/* How much of the wait before it left came after this call did. */
static int64_t turn_since(const struct api_call *call, const struct rest_answer *answer)
{
    int64_t end_us = answer->left_us ? answer->left_us - answer->sign_us : answer->finished_us;
    int64_t since_us = end_us > call->received_us ? end_us - call->received_us : 0;

    return answer->turn_us < since_us ? answer->turn_us : since_us;
}

void api_waited_for(struct api_call *call, const struct rest_answer *answer)
{
    /* An answer that is shared was perhaps asked for before this call came. */
    int64_t from_us = answer->left_us > call->received_us ? answer->left_us : call->received_us;

    call->timing.complete = true;
    if (answer->finished_us <= call->received_us)
        return;
    call->timing.turn_us += turn_since(call, answer);
    call->timing.sign_us += answer->sign_us;
    if (answer->left_us && answer->finished_us > from_us)
        call->timing.upstream_us += answer->finished_us - from_us;
}

void api_reply_age(struct api_call *call, int64_t as_of_ms, const char *source)
{
    char text[CLOCK_TEXT_MAX];

    api_reply_header(call, "Bridge-As-Of", clock_format(as_of_ms, text));
    api_reply_header(call, "Bridge-Source", source);
}

void api_add_age(struct buffer *out, int64_t as_of_ms, const char *source)
{
    char text[CLOCK_TEXT_MAX];

    if (!source)
        return;
    json_add_key(out, "as_of");
    json_add_text(out, clock_format(as_of_ms, text));
    json_add_key(out, "source");
    json_add_text(out, source);
}

void api_keep_headers(struct api_call *call)
{
    const char **headers[] = { &call->idempotency_key, &call->client };
    size_t used = 0;

    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        size_t bytes = *headers[i] ? strlen(*headers[i]) + 1 : 0;

        if (!bytes || bytes > sizeof(call->kept) - used)
            continue;
        memmove(call->kept + used, *headers[i], bytes);
        *headers[i] = call->kept + used;
        used += bytes;
    }
}

enum err api_refuse(struct api_refusal *refusal, const char *code, const char *format, ...)
{
    va_list args;

    refusal->code = code;
    refusal->retry_after_ms = 0;
    va_start(args, format);
    (void)vsnprintf(refusal->detail, sizeof(refusal->detail), format, args);
    va_end(args);
    return ERR_INVALID;
}

void api_fail_refusal(struct api_call *call, const struct api_refusal *refusal, const char *outcome,
                      const char *client_id)
{
    struct api_problem_more more = { .outcome = outcome,
                                     .retry_after_ms = refusal->retry_after_ms,
                                     .client_id = client_id };

    api_fail(call, &more, refusal->code, "%s", refusal->detail);
}
