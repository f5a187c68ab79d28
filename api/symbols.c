#include <stdlib.h>
#include <strings.h>

#include "api/events.h"
#include "api/handlers.h"
#include "api/lookup.h"
#include "base/json.h"

static bool is_wanted(const struct instrument *instrument, const struct api_call *call,
                      bool one_category, enum category category)
{
    const char *base = api_query(call, "base");
    const char *quote = api_query(call, "quote");
    const char *status = api_query(call, "status");

    return (!one_category || instrument->category == category) &&
           (!base || strcasecmp(base, instrument->base) == 0) &&
           (!quote || strcasecmp(quote, instrument->quote) == 0) &&
           (!status || strcasecmp(status, instrument->status) == 0);
}

void handle_symbols(const struct api *api, struct api_call *call)
{
    const struct instruments *all;
    struct api_refusal refusal;
    enum category category = CATEGORY_SPOT;
    bool one_category;
    struct buffer *out;

    if (lookup_category(call, &one_category, &category, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    all = instruments_newest(api->instruments);
    if (!all) {
        const struct api_problem_more more = { .retry_after_ms = 1000 };

        api_fail(call, &more, "not_ready", "the list of symbols is not loaded yet");
        return;
    }
    out = api_reply_begin(call);
    json_add_open(out, '{');
    json_add_key(out, "items");
    json_add_open(out, '[');
    for (size_t i = 0; i < instruments_count(all); i++) {
        if (is_wanted(instruments_at(all, i), call, one_category, category))
            api_add_symbol(out, instruments_at(all, i));
    }
    json_add_close(out, ']');
    json_add_key(out, "next");
    json_add_null(out);
    api_add_age(out, instruments_as_of_ms(all), "cache");
    json_add_close(out, '}');
    api_reply_age(call, instruments_as_of_ms(all), "cache");
    instruments_unref(all);
    api_reply(call, 200, API_JSON);
}

/* The snapshot's time is read again: it can only be newer. */
static int64_t loaded_at_ms(const struct api *api)
{
    const struct instruments *all = instruments_newest(api->instruments);
    int64_t as_of_ms = all ? instruments_as_of_ms(all) : 0;

    instruments_unref(all);
    return as_of_ms;
}

void handle_symbol(const struct api *api, struct api_call *call)
{
    struct instrument instrument;
    struct api_refusal refusal;

    if (lookup_instrument(api, call->param, api_query(call, "category"), &instrument, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    api_add_symbol(api_reply_begin(call), &instrument);
    api_reply_age(call, loaded_at_ms(api), "cache");
    api_reply(call, 200, API_JSON);
}
