#include <inttypes.h>
#include <stdlib.h>

#include "api/lookup.h"
#include "api/market.h"
#include "api/options.h"
#include "base/log.h"
#include "base/text.h"

bool market_read_begin(struct market_read *read, const struct api *api, struct api_call *call,
                       unsigned categories, const char *what)
{
    struct instrument instrument;
    struct api_refusal refusal;

    *read = (struct market_read){ .api = api, .call = call };
    if (lookup_max_age(call, &read->max_age_ms, &refusal) ||
        lookup_symbol(api, call->param, api_query(call, "category"), &read->category, read->symbol,
                      &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return false;
    }
    if (!(categories & CATEGORY_BIT(read->category))) {
        api_fail(call, NULL, "no_such_data", "the exchange has no %s of %s symbols", what,
                 category_word(read->category));
        return false;
    }
    if (read->category == CATEGORY_OPTION && options_wait(api, call, read->symbol))
        return false;
    if (lookup_in_category(api, read->category, read->symbol, &instrument, &refusal) ||
        text_copy(read->base, sizeof(read->base), instrument.base)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return false;
    }
    return true;
}

bool market_refuse_age(const struct market_read *read, int64_t as_of_ms, int64_t age_ms,
                       const char *source)
{
    if (read->max_age_ms < 0 || age_ms <= read->max_age_ms)
        return false;
    api_reply_age(read->call, as_of_ms, source);
    api_fail(read->call, NULL, "too_old",
             "the newest from %s is %" PRId64 " ms old, max_age is %" PRId64 " ms", source, age_ms,
             read->max_age_ms);
    return true;
}

bool market_is_too_old(const struct market_read *read, int64_t as_of_ms, int64_t age_ms,
                       const char *source)
{
    if (market_refuse_age(read, as_of_ms, age_ms, source))
        return true;
    api_reply_age(read->call, as_of_ms, source);
    return false;
}

void market_touch(const struct market_read *read, enum stream_kind kind, int depth)
{
    if (stream_touch(read->api->stream, kind, read->category, read->symbol, depth))
        log_debug("api: %s:%s can't be streamed", category_word(read->category), read->symbol);
}

int market_cache_ms(const struct market_read *read)
{
    if (read->max_age_ms >= 0 && read->max_age_ms < MARKET_CACHE_MS)
        return (int)read->max_age_ms;
    return MARKET_CACHE_MS;
}

void market_read_rest(const struct market_read *read, enum bybit_route route, const char *query,
                      void (*on_done)(const struct rest_answer *answer, int64_t as_of_ms,
                                      void *userdata))
{
    const struct api_problem_more more = { .retry_after_ms = 1000 };
    struct market_read *kept = malloc(sizeof(*kept));

    if (kept) {
        *kept = *read;
        if (!reads_get(read->api->reads, route, read->category, query, MARKET_READ_TIMEOUT_MS,
                       market_cache_ms(read), on_done, kept))
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

    api_waited_for(call, answer);
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

bool market_told(const struct rest_answer *answer, struct envelope *out, char why[MARKET_WHY_MAX])
{
    struct text text = text_in(why, MARKET_WHY_MAX);
    struct error error;

    if (!answer->answered)
        text_add(&text, answer->throttled       ? "no turn in the rate budget"
                        : answer->error.text[0] ? answer->error.text
                                                : "no answer in time");
    else if (answer->http_status != 200)
        text_addf(&text, "the exchange answered HTTP %ld", answer->http_status);
    else if (message_envelope(out, answer->body, answer->body_bytes, &error))
        text_add(&text, "the exchange's answer can't be read");
    else if (out->ret_code)
        text_addf(&text, "the exchange answered %d: %s", out->ret_code, out->ret_msg);
    else
        return true;
    return false;
}

bool market_answer_list(struct api_call *call, const struct envelope *envelope, struct json *out)
{
    if (json_member(&envelope->result, "list", out) &&
        (out->type == JSON_ARRAY || out->type == JSON_NULL))
        return true;
    market_fail_unusable(call, "it has no list");
    return false;
}

bool market_answer_symbol(const struct market_read *read, const struct json *object,
                          const char *name)
{
    struct json symbol;

    if (!json_member(object, name, &symbol) || symbol.type != JSON_STRING ||
        json_equals(&symbol, "") || json_equals(&symbol, read->symbol))
        return true;
    market_fail_unusable(read->call, "it is another symbol's");
    return false;
}

bool market_read_levels(const struct json *data, const char *key, struct book_level *levels,
                        size_t levels_max, size_t *count)
{
    struct json list;
    struct json pair;
    struct json value;
    struct json_walk walk;

    *count = 0;
    if (!json_member(data, key, &list) || list.type != JSON_ARRAY)
        return false;
    walk = json_walk(&list);
    while (*count < levels_max && json_next(&walk, NULL, &pair)) {
        struct json_walk inner = json_walk(&pair);
        struct book_level *level = &levels[*count];

        if (!json_next(&inner, NULL, &value) || json_decimal(&value, &level->price) ||
            !json_next(&inner, NULL, &value) || json_decimal(&value, &level->qty))
            return false;
        (*count)++;
    }
    return true;
}

void market_fail_unusable(struct api_call *call, const char *why)
{
    api_fail(call, NULL, "upstream_failed", "the exchange's answer is not usable: %s", why);
}
