/* Whether a reader can be given what it asks for. */
#include <stdio.h>
#include <string.h>

#include "api/events.h"
#include "server/sse_parts.h"

#define READERS_PER_CLIENT 64
#define CONFLATE_MIN_MS    10
#define CONFLATE_MAX_MS    60000

static const struct sse_topic *find_unknown(const struct instruments *newest,
                                            const struct sse_wish *wish)
{
    for (size_t i = 0; i < wish->topics_count; i++) {
        const struct sse_topic *topic = &wish->topics[i];

        if (sse_has_symbol(topic->kind) &&
            !instruments_find(newest, topic->category, topic->symbol))
            return topic;
    }
    return NULL;
}

static bool is_symbol_known(const struct sse *sse, const struct sse_wish *wish,
                            struct sse_refusal *refusal)
{
    const struct instruments *newest;
    const struct sse_topic *missing = NULL;
    bool has_symbols = false;

    for (size_t i = 0; i < wish->topics_count; i++)
        has_symbols = has_symbols || sse_has_symbol(wish->topics[i].kind);
    if (!sse->api->instruments || !has_symbols)
        return true;
    newest = instruments_newest(sse->api->instruments);
    if (newest)
        missing = find_unknown(newest, wish);
    if (missing) {
        refusal->code = "unknown_symbol";
        (void)snprintf(refusal->detail, sizeof(refusal->detail), "there is no %s:%s",
                       category_word(missing->category), missing->symbol);
    } else if (!newest) {
        refusal->code = "not_ready";
        (void)snprintf(refusal->detail, sizeof(refusal->detail),
                       "the list of symbols has not come yet");
    }
    instruments_unref(newest);
    return newest && !missing;
}

static bool check_keys(const struct sse *sse, const struct sse_wish *wish,
                       struct sse_refusal *refusal)
{
    bool is_private = wish->events != 0;

    for (size_t i = 0; i < wish->topics_count; i++)
        is_private = is_private || !sse_is_market(wish->topics[i].kind);
    if (!is_private || sse->api->has_keys)
        return true;
    refusal->code = "no_api_key";
    (void)snprintf(refusal->detail, sizeof(refusal->detail),
                   "topics orders, fills, guard, positions, balance and greeks need an API key");
    return false;
}

/* Fast enough for eyes, and too slow to be a mistake for never. */
static bool parse_conflate(const char *text, int64_t *out, struct sse_refusal *refusal)
{
    struct error error = { .code = ERR_NONE };

    *out = 0;
    if (!text)
        return true;
    if (!api_parse_duration(text, out, &error) &&
        (*out == 0 || (*out >= CONFLATE_MIN_MS && *out <= CONFLATE_MAX_MS)))
        return true;
    refusal->code = "invalid_value";
    (void)snprintf(refusal->detail, sizeof(refusal->detail),
                   "conflate is a time from %d ms to %d s, as in conflate=250ms: the least time "
                   "between two events of a book or of a topic that is a state; 0 for all of them",
                   CONFLATE_MIN_MS, CONFLATE_MAX_MS / 1000);
    return false;
}

/* A filter that filters nothing would be a mistake about what comes. */
static bool parse_filter(const struct sse *sse, const struct api_call *call, struct sse_wish *wish,
                         struct sse_refusal *refusal)
{
    struct api_refusal why;

    if (event_filter_read(sse->api, call, &wish->filter, &why)) {
        refusal->code = why.code;
        (void)snprintf(refusal->detail, sizeof(refusal->detail), "%s", why.detail);
        return false;
    }
    if (!event_filter_is_set(&wish->filter) || (wish->events & (HUB_ORDERS | HUB_FILLS)))
        return true;
    refusal->code = "invalid_value";
    (void)snprintf(refusal->detail, sizeof(refusal->detail),
                   "tag and symbol choose among orders and fills: topics has neither");
    return false;
}

static bool check_limits(const struct sse *sse, const char *client, struct sse_refusal *refusal)
{
    size_t same = 0;

    refusal->code = "too_many_streams";
    (void)snprintf(refusal->detail, sizeof(refusal->detail), "%zu streams are open already",
                   sse->count);
    if (sse->count >= sse->http->config.max_streams)
        return false;
    for (const struct sse_reader *at = sse->readers; client && at; at = at->next)
        same += strcmp(at->client, client) == 0;
    (void)snprintf(refusal->detail, sizeof(refusal->detail),
                   "this client has %d streams open already: one carries many topics",
                   READERS_PER_CLIENT);
    return same < READERS_PER_CLIENT;
}

bool sse_check_wish(const struct sse *sse, const struct api_call *call, struct sse_wish *wish,
                    struct sse_refusal *refusal)
{
    return parse_conflate(api_query(call, "conflate"), &wish->conflate_ms, refusal) &&
           sse_parse_topics(wish, api_query(call, "topics"), sse->api->default_category, refusal) &&
           parse_filter(sse, call, wish, refusal) && check_keys(sse, wish, refusal) &&
           is_symbol_known(sse, wish, refusal) && check_limits(sse, call->client, refusal);
}
