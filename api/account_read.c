#include "api/account_read.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api/lookup.h"
#include "base/clock.h"

#define RETRY_MS 1000

bool account_read_begin(struct account_read *read, const struct api *api, struct api_call *call)
{
    struct api_refusal refusal;

    *read = (struct account_read){ .api = api, .call = call, .position_idx = -1 };
    if (lookup_keys(api, &refusal) || lookup_max_age(call, &read->max_age_ms, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return false;
    }
    return true;
}

bool account_is_too_old(const struct account_read *read, int64_t as_of_ms, const char *source)
{
    int64_t age_ms = clock_wall_ms() - as_of_ms;

    if (read->max_age_ms < 0 || age_ms <= read->max_age_ms)
        return false;
    api_reply_age(read->call, as_of_ms, source);
    api_fail(read->call, NULL, "too_old",
             "the newest from %s is %" PRId64 " ms old, max_age is %" PRId64 " ms", source, age_ms,
             read->max_age_ms);
    return true;
}

void account_fail_upstream(struct api_call *call, const struct error *error)
{
    struct api_problem_more more = { .ret_code = error->upstream,
                                     .ret_msg = error->text,
                                     .retry_after_ms = error->upstream ? 0 : RETRY_MS };

    if (error->retry_after_ms > 0)
        more.retry_after_ms = error->retry_after_ms;
    if (error->code == ERR_THROTTLED)
        api_fail(call, &more, "rate_limited", "%s", error->text);
    else if (error->code == ERR_BUSY)
        api_fail(call, &more, "busy", "%s", error->text);
    else if (error->upstream)
        api_fail(call, &more, "upstream_failed", "the exchange answered %d: %s", error->upstream,
                 error->text);
    else
        api_fail(call, &more, "upstream_failed", "%s", error->text);
}

static void on_loaded(const struct error *error, void *userdata)
{
    struct account_read *read = userdata;
    struct account_state state;

    account_get_state(read->api->account, read->part, &state);
    if (error)
        account_fail_upstream(read->call, error);
    else if (!account_is_too_old(read, state.as_of_ms, "rest"))
        read->answer(read, state.as_of_ms, "rest");
    free(read);
}

static void fail_busy(struct api_call *call)
{
    const struct api_problem_more more = { .retry_after_ms = RETRY_MS };

    api_fail(call, &more, "busy", "too many reads wait for the exchange");
}

bool account_read_kept(const struct account_read *read)
{
    struct account_state state;

    account_get_state(read->api->account, read->part, &state);
    if (!state.live ||
        (read->max_age_ms >= 0 && clock_wall_ms() - state.as_of_ms > read->max_age_ms))
        return false;
    read->answer(read, state.as_of_ms, "stream");
    return true;
}

void account_read_serve(const struct account_read *read)
{
    struct account_read *kept;

    if (account_read_kept(read))
        return;
    kept = malloc(sizeof(*kept));
    if (kept) {
        *kept = *read;
        if (!account_load(read->api->account, read->part, on_loaded, kept))
            return;
    }
    free(kept);
    fail_busy(read->call);
}

void account_read_rest(const struct account_read *read, enum bybit_route route,
                       enum category category, const char *query, int cache_ms,
                       void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                       void *userdata))
{
    struct account_read *kept = malloc(sizeof(*kept));

    if (read->max_age_ms >= 0 && read->max_age_ms < cache_ms)
        cache_ms = (int)read->max_age_ms;
    if (kept) {
        *kept = *read;
        kept->begin_ms = clock_mono_ms();
        if (!reads_get(read->api->reads, route, category, query, ACCOUNT_READ_TIMEOUT_MS, cache_ms,
                       on_done, kept))
            return;
    }
    free(kept);
    fail_busy(read->call);
}
