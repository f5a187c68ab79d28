/* api/positions.c - positions, from the account's memory. */
#include <stdlib.h>

#include "api/account_read.h"
#include "api/events.h"
#include "api/form.h"
#include "api/handlers.h"
#include "api/lookup.h"
#include "api/market.h"
#include "api/options.h"
#include "api/position_place.h"
#include "base/text.h"

static const char *const columns[] = {
    "category",    "symbol",    "side",          "qty",          "entry_price",    "mark_price",
    "liq_price",   "value",     "leverage",      "margin",       "unrealised_pnl", "realised_pnl",
    "take_profit", "stop_loss", "trailing_stop", "position_idx", "updated_at",
};

/* Whether what is kept may not be shown as all there is; then it has been answered. */
static bool is_truncated(const struct account_read *read)
{
    struct account_state state;

    account_get_state(read->api->account, ACCOUNT_POSITIONS, &state);
    if (state.truncated)
        api_fail(read->call, NULL, "too_many_positions",
                 "the account has more than %d open positions", ACCOUNT_POSITIONS_MAX);
    return state.truncated;
}

/* Of the category, or of all that have positions. */
static bool is_refused(const struct account_read *read)
{
    struct error error;
    bool refused = true;

    if (read->one_category) {
        refused = account_refusal(read->api->account, read->category, &error);
    } else {
        for (int i = CATEGORY_LINEAR; i <= CATEGORY_OPTION; i++)
            refused = refused && account_refusal(read->api->account, (enum category)i, &error);
    }
    if (refused)
        account_fail_upstream(read->call, &error);
    return refused;
}

static void answer_list(const struct account_read *read, int64_t as_of_ms, const char *source)
{
    struct position *positions;
    struct form_list list;
    size_t count;

    if (is_truncated(read) || is_refused(read))
        return;
    positions = malloc(ACCOUNT_POSITIONS_MAX * sizeof(*positions));
    if (!positions) {
        api_fail(read->call, NULL, "internal", "out of memory");
        return;
    }
    count = account_positions(read->api->account, positions, ACCOUNT_POSITIONS_MAX);
    form_open(&list, read->call, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < count; i++) {
        if (read->one_category && positions[i].category != read->category)
            continue;
        api_add_position(form_row(&list), &positions[i]);
        form_row_end(&list);
    }
    free(positions);
    form_close(&list, NULL, as_of_ms, source);
}

void handle_positions(const struct api *api, struct api_call *call)
{
    struct account_read read;
    struct api_refusal refusal;

    if (!account_read_begin(&read, api, call))
        return;
    if (lookup_category(call, &read.one_category, &read.category, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    if (read.one_category && read.category == CATEGORY_SPOT) {
        api_fail(call, NULL, "no_spot_position", "spot has balances, not positions");
        return;
    }
    read.part = ACCOUNT_POSITIONS;
    read.answer = answer_list;
    account_read_serve(&read);
}

/* --- one --- */

static void answer_position(const struct account_read *read, const struct position *position,
                            int64_t as_of_ms, const char *source)
{
    struct buffer *out = api_reply_begin(read->call);

    api_add_position_age(out, position, as_of_ms, source);
    api_reply_age(read->call, as_of_ms, source);
    api_reply(read->call, 200, API_JSON);
}

static void answer_known(const struct account_read *read, int64_t as_of_ms, const char *source)
{
    struct position known[ACCOUNT_PLACES_MAX];
    struct position found;
    struct api_refusal refusal;
    size_t count = account_position(read->api->account, read->category, read->symbol, known);

    if (is_truncated(read))
        return;
    if (position_pick(read->category, read->symbol, read->position_idx, known, count, &found,
                      &refusal))
        api_fail_refusal(read->call, &refusal, NULL, NULL);
    else
        answer_position(read, &found, as_of_ms, source);
}

static void answer_one(const struct account_read *read, int64_t as_of_ms, const char *source)
{
    if (!is_refused(read))
        answer_known(read, as_of_ms, source);
}

static void on_position_answer(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct account_read *read = userdata;
    struct envelope envelope;
    struct error error = { .upstream = 0 };
    struct json list;

    if (market_open_answer(read->call, answer, &envelope)) {
        (void)json_member(&envelope.result, "list", &list);
        if (account_merge_positions(read->api->account, &list, read->category, read->symbol,
                                    read->begin_ms, &error))
            account_fail_upstream(read->call, &error);
        else if (!account_is_too_old(read, as_of_ms, "rest"))
            answer_known(read, as_of_ms, "rest");
    }
    free(read);
}

/* One symbol is one read, where all positions are several; and it has what a flat one has. */
static void read_position(const struct account_read *read)
{
    char query[96];
    struct text text = text_in(query, sizeof(query));

    text_addf(&text, "category=%s&symbol=%s", category_word(read->category), read->symbol);
    account_read_rest(read, ROUTE_POSITIONS, read->category, query, 0, on_position_answer);
}

/* An open position's symbol needs no list of symbols. */
static bool is_known(const struct account_read *read)
{
    struct position known[ACCOUNT_PLACES_MAX];

    return account_position(read->api->account, read->category, read->symbol, known) > 0;
}

static enum err read_symbol(struct account_read *read, struct api_refusal *refusal)
{
    if (lookup_symbol(read->api, read->call->param, api_query(read->call, "category"),
                      &read->category, read->symbol, refusal))
        return ERR_INVALID;
    if (read->category == CATEGORY_SPOT)
        return api_refuse(refusal, "no_spot_position",
                          "%s is a spot symbol: spot has balances, not positions", read->symbol);
    return lookup_int(read->call, "position_idx", 0, 2, -1, &read->position_idx, refusal);
}

static enum err check_symbol(const struct account_read *read, struct api_refusal *refusal)
{
    struct instrument instrument;

    if (is_known(read))
        return ERR_NONE;
    return lookup_in_category(read->api, read->category, read->symbol, &instrument, refusal);
}

void handle_position(const struct api *api, struct api_call *call)
{
    struct account_read read;
    struct api_refusal refusal;

    if (!account_read_begin(&read, api, call))
        return;
    if (read_symbol(&read, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    if (read.category == CATEGORY_OPTION && !is_known(&read) &&
        options_wait(api, call, read.symbol))
        return;
    if (check_symbol(&read, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    read.one_category = true;
    read.part = ACCOUNT_POSITIONS;
    read.answer = answer_one;
    if (!account_read_kept(&read))
        read_position(&read);
}
