#include "api/order_prepare.h"

#include <string.h>

#include "api/order_body.h"
#include "api/sizing.h"

#define AGAIN_MS 1000

int order_trigger_direction(const struct decimal *trigger, const struct decimal *price)
{
    if (decimal_sign(price) <= 0)
        return 0;
    return decimal_cmp(trigger, price) > 0 ? 1 : decimal_cmp(trigger, price) < 0 ? 2 : 0;
}

static bool needs_direction(const struct order_request *request)
{
    return !decimal_is_none(&request->trigger_price) && !request->trigger_direction &&
           (request->category == CATEGORY_LINEAR || request->category == CATEGORY_INVERSE);
}

static const struct decimal *trigger_price_now(const struct order_market *market,
                                               enum trigger_by by)
{
    switch (by) {
    case TRIGGER_BY_MARK:
        return &market->mark;
    case TRIGGER_BY_INDEX:
        return &market->index;
    case TRIGGER_BY_NONE:
    case TRIGGER_BY_LAST:
        break;
    }
    return &market->last;
}

/* What is missing may be so for want of a turn: that is no matter of the order. */
static const char *code_without(const struct order_prepare *prepare, const char *code)
{
    return prepare->market.retry_after_ms > 0 ? "rate_limited" : code;
}

static int64_t again_ms(const struct order_prepare *prepare)
{
    return prepare->market.retry_after_ms > 0 ? prepare->market.retry_after_ms : AGAIN_MS;
}

static enum err find_direction(struct order_prepare *prepare)
{
    struct order_request *request = prepare->request;
    const struct decimal *price = trigger_price_now(&prepare->market, request->trigger_by);
    const char *word =
        request->trigger_by == TRIGGER_BY_NONE ? "last" : trigger_by_word(request->trigger_by);
    char digits[DECIMAL_TEXT_MAX];
    enum err err;

    request->trigger_direction = order_trigger_direction(&request->trigger_price, price);
    if (request->trigger_direction)
        return ERR_NONE;
    if (decimal_sign(price) > 0)
        return api_refuse(&prepare->refusal, "trigger_direction_unknown",
                          "the %s price is %s now, as the trigger_price: give trigger_direction",
                          word, decimal_format(price, digits));
    err = api_refuse(&prepare->refusal, code_without(prepare, "trigger_direction_unknown"),
                     "the %s price is not known now%s%s: give trigger_direction", word,
                     prepare->market.why[0] ? ": " : "", prepare->market.why);
    prepare->refusal.retry_after_ms = again_ms(prepare);
    return err;
}

static enum err find_size(struct order_prepare *prepare)
{
    const struct order_market *market = &prepare->market;

    if (sizing_needs_book(prepare->request) && !market->known[ORDER_BOOK]) {
        enum err err =
            api_refuse(&prepare->refusal, code_without(prepare, "no_price_now"), "%s", market->why);

        prepare->refusal.retry_after_ms = again_ms(prepare);
        return err;
    }
    return sizing_by_value(prepare->request, &prepare->notional, &prepare->instrument, market->bids,
                           market->bids_count, market->asks, market->asks_count, &prepare->refusal);
}

static enum err complete(struct order_prepare *prepare)
{
    if (needs_direction(prepare->request) && find_direction(prepare))
        return ERR_INVALID;
    if (!decimal_is_none(&prepare->notional) && find_size(prepare))
        return ERR_INVALID;
    return order_check(prepare->request, &prepare->instrument, &prepare->refusal);
}

/* The book in memory ends before the order does. */
static bool must_look_deeper(const struct order_prepare *prepare)
{
    const struct order_market *market = &prepare->market;

    return prepare->refused && strcmp(prepare->refusal.code, "no_price_now") == 0 &&
           market->known[ORDER_BOOK] && !market->is_rest[ORDER_BOOK];
}

static void on_market(void *userdata)
{
    struct order_prepare *prepare = userdata;

    prepare->refused = complete(prepare) != ERR_NONE;
    if (must_look_deeper(prepare))
        order_market_find_deeper(&prepare->market, prepare->until_ms, on_market, prepare);
    else
        prepare->on_done(prepare->userdata);
}

void order_prepare(struct order_prepare *prepare, const struct api *api,
                   struct order_request *request, int64_t until_ms, void (*on_done)(void *userdata),
                   void *userdata)
{
    unsigned parts = 0;

    prepare->request = request;
    prepare->on_done = on_done;
    prepare->userdata = userdata;
    prepare->until_ms = until_ms;
    prepare->refused = false;
    if (needs_direction(request))
        parts |= ORDER_MARKET_BIT(ORDER_TICKER);
    if (!decimal_is_none(&prepare->notional) && sizing_needs_book(request))
        parts |= ORDER_MARKET_BIT(ORDER_BOOK);
    order_market_init(&prepare->market, api, request->category, request->symbol,
                      prepare->instrument.base);
    if (parts)
        order_market_find(&prepare->market, parts, until_ms, on_market, prepare);
    else
        on_market(prepare);
}

void order_prepare_deinit(struct order_prepare *prepare)
{
    if (prepare)
        order_market_deinit(&prepare->market);
}
