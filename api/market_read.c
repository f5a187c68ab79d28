#include <inttypes.h>
#include <stdlib.h>

#include "api/lookup.h"
#include "api/market.h"
#include "base/log.h"
#include "base/text.h"

bool market_read_begin(struct market_read *read, const struct api *api, struct api_call *call)
{
    struct instrument instrument;
    struct api_refusal refusal;

    *read = (struct market_read){ .api = api, .call = call };
    if (lookup_max_age(call, &read->max_age_ms, &refusal) ||
        lookup_instrument(api, call->param, api_query(call, "category"), &instrument, &refusal) ||
        text_copy(read->symbol, sizeof(read->symbol), instrument.symbol)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return false;
    }
    read->category = instrument.category;
    return true;
}

bool market_is_too_old(const struct market_read *read, int64_t as_of_ms, int64_t age_ms,
                       const char *source)
{
    api_reply_age(read->call, as_of_ms, source);
    if (read->max_age_ms < 0 || age_ms <= read->max_age_ms)
        return false;
    api_fail(read->call, NULL, "too_old",
             "the newest from %s is %" PRId64 " ms old, max_age is %" PRId64 " ms", source, age_ms,
             read->max_age_ms);
    return true;
}

void market_touch(const struct market_read *read, enum stream_kind kind, int depth)
{
    if (stream_touch(read->api->stream, kind, read->category, read->symbol, depth))
        log_debug("api: %s:%s can't be streamed", category_word(read->category), read->symbol);
}

void market_read_rest(const struct market_read *read, enum bybit_route route, const char *query,
                      void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                      void *userdata))
{
    const struct api_problem_more more = { .retry_after_ms = 1000 };
    struct market_read *kept = malloc(sizeof(*kept));
    int cache_ms = MARKET_CACHE_MS;

    if (read->max_age_ms >= 0 && read->max_age_ms < cache_ms)
        cache_ms = (int)read->max_age_ms;
    if (kept) {
        *kept = *read;
        if (!reads_get(read->api->reads, route, read->category, query, MARKET_READ_TIMEOUT_MS,
                       cache_ms, on_done, kept))
            return;
    }
    free(kept);
    api_fail(read->call, &more, "busy", "too many reads wait for the exchange");
}

static void fail_unanswered(struct api_call *call, const struct rest_answer *answer)
{
    const struct api_problem_more more = { .retry_after_ms = answer->retry_after_ms > 0
                                                                 ? answer->retry_after_ms
                                                                 : 1000 };

    if (answer->throttled)
        api_fail(call, &more, "rate_limited", "the read got no turn in the rate budget");
    else
        api_fail(call, &more, "upstream_failed", "%s",
                 answer->error.text[0] ? answer->error.text : "no answer in time");
}

bool market_open_answer(struct api_call *call, const struct rest_answer *answer,
                        struct envelope *out)
{
    struct error error;

    if (!answer->answered) {
        fail_unanswered(call, answer);
        return false;
    }
    if (answer->http_status != 200 ||
        message_envelope(out, answer->body, answer->body_bytes, &error)) {
        api_fail(call, NULL, "upstream_failed", "the exchange answered HTTP %ld%s",
                 answer->http_status, answer->http_status == 200 ? " with an unreadable body" : "");
        return false;
    }
    if (out->ret_code != 0) {
        const struct api_problem_more more = { .ret_code = out->ret_code, .ret_msg = out->ret_msg };

        api_fail(call, &more, "upstream_failed", "the exchange answered %d: %s", out->ret_code,
                 out->ret_msg);
        return false;
    }
    return true;
}
