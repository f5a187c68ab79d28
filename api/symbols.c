/* api/symbols.c - the trading rules of symbols. Options are listed only when they are asked for
 * (category=option), coin by coin: without `base`, of the coins below. */
#include <string.h>
#include <strings.h>

#include "api/events.h"
#include "api/form.h"
#include "api/handlers.h"
#include "api/lookup.h"
#include "api/options.h"
#include "base/text.h"

static const char *const columns[] = { "category",
                                       "symbol",
                                       "base",
                                       "quote",
                                       "settle",
                                       "status",
                                       "tick_size",
                                       "qty_step",
                                       "quote_step",
                                       "min_qty",
                                       "max_limit_qty",
                                       "max_market_qty",
                                       "max_post_only_qty",
                                       "min_notional",
                                       "min_price",
                                       "max_price",
                                       "min_leverage",
                                       "max_leverage",
                                       "leverage_step",
                                       "funding_interval_min" };

static const char *const option_coins[] = { "BTC", "ETH", "SOL" };

struct symbol_filter {
    const char *base;
    const char *quote;
    const char *status;
    bool one_category;
    enum category category;
};

static bool is_wanted(const struct instrument *instrument, const struct symbol_filter *filter)
{
    if (filter->one_category ? instrument->category != filter->category
                             : instrument->category == CATEGORY_OPTION)
        return false;
    return (!filter->base || strcasecmp(filter->base, instrument->base) == 0) &&
           (!filter->quote || strcasecmp(filter->quote, instrument->quote) == 0) &&
           (!filter->status || strcasecmp(filter->status, instrument->status) == 0);
}

/* Of several coins the oldest. */
static int64_t options_as_of(const struct instruments *all, const char *base)
{
    int64_t oldest_ms = INT64_MAX;

    for (size_t i = 0; i < ARRAY_LEN(option_coins); i++) {
        const struct option_coin *coin =
            instruments_option_coin(all, base ? base : option_coins[i]);

        if (coin && coin->as_of_ms < oldest_ms)
            oldest_ms = coin->as_of_ms;
    }
    return oldest_ms == INT64_MAX ? instruments_as_of_ms(all) : oldest_ms;
}

static void answer_symbols(struct api_call *call, const struct instruments *all,
                           const struct symbol_filter *filter)
{
    bool options = filter->one_category && filter->category == CATEGORY_OPTION;
    struct form_list list;

    form_open(&list, call, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < instruments_count(all); i++) {
        if (!is_wanted(instruments_at(all, i), filter))
            continue;
        api_add_symbol(form_row(&list), instruments_at(all, i));
        form_row_end(&list);
    }
    form_close(&list, NULL, options ? options_as_of(all, filter->base) : instruments_as_of_ms(all),
               "cache");
}

/* True: the call waits for a coin, or is answered. */
static bool wait_for_options(const struct api *api, struct api_call *call,
                             const struct symbol_filter *filter)
{
    if (!filter->one_category || filter->category != CATEGORY_OPTION)
        return false;
    if (filter->base)
        return options_wait(api, call, filter->base);
    for (size_t i = 0; i < ARRAY_LEN(option_coins); i++) {
        if (options_wait(api, call, option_coins[i]))
            return true;
    }
    return false;
}

void handle_symbols(const struct api *api, struct api_call *call)
{
    struct symbol_filter filter = { .quote = api_query(call, "quote"),
                                    .status = api_query(call, "status") };
    const struct instruments *all;
    struct api_refusal refusal;
    char base[COIN_MAX];

    if (lookup_category(call, &filter.one_category, &filter.category, &refusal) ||
        lookup_base(call, base, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    filter.base = base[0] ? base : NULL;
    if (wait_for_options(api, call, &filter))
        return;
    all = instruments_newest(api->instruments);
    if (!all) {
        const struct api_problem_more more = { .retry_after_ms = 1000 };

        api_fail(call, &more, "not_ready", "the list of symbols is not loaded yet");
        return;
    }
    answer_symbols(call, all, &filter);
    instruments_unref(all);
}

/* The snapshot's time is read again: it can only be newer. */
static int64_t loaded_at_ms(const struct api *api, const struct instrument *instrument)
{
    const struct instruments *all = instruments_newest(api->instruments);
    int64_t as_of_ms = 0;

    if (all && instrument->category == CATEGORY_OPTION)
        as_of_ms = options_as_of(all, instrument->base);
    else if (all)
        as_of_ms = instruments_as_of_ms(all);
    instruments_unref(all);
    return as_of_ms;
}

void handle_symbol(const struct api *api, struct api_call *call)
{
    struct instrument instrument;
    struct api_refusal refusal;
    enum category category;
    char symbol[SYMBOL_MAX];

    if (lookup_symbol(api, call->param, api_query(call, "category"), &category, symbol, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    if (category == CATEGORY_OPTION && options_wait(api, call, symbol))
        return;
    if (lookup_in_category(api, category, symbol, &instrument, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    api_add_symbol(api_reply_begin(call), &instrument);
    api_reply_age(call, loaded_at_ms(api, &instrument), "cache");
    api_reply(call, 200, API_JSON);
}
