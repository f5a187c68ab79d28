/* api/account.c - settings of the account, what the key may do, and fees: over REST. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "api/account_read.h"
#include "api/events.h"
#include "api/handlers.h"
#include "api/lookup.h"
#include "api/market.h"
#include "api/members.h"
#include "api/options.h"
#include "base/clock.h"
#include "base/text.h"
#include "bybit/key_info.h"

#define INFO_CACHE_MS 5000
#define FEES_CACHE_MS                                                                              \
    300000 /* rates change with the monthly volume; five reads a second at most                    \
            */

/* --- the account --- */

struct word_pair {
    const char *theirs;
    const char *ours;
};

static const struct word_pair margin_modes[] = { { "ISOLATED_MARGIN", "isolated" },
                                                 { "REGULAR_MARGIN", "cross" },
                                                 { "PORTFOLIO_MARGIN", "portfolio" } };

/* unifiedMarginStatus */
static const struct word_pair account_types[] = { { "1", "classic" },
                                                  { "3", "unified_1" },
                                                  { "4", "unified_1_pro" },
                                                  { "5", "unified_2" },
                                                  { "6", "unified_2_pro" } };

/* Our word for theirs; one that is not known as it is, in lower case. */
static void add_word(struct buffer *out, const char *key, const struct json *result,
                     const char *member, const struct word_pair *pairs, size_t count)
{
    char word[40];

    if (json_member_text(result, member, word, sizeof(word)))
        word[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, pairs[i].theirs) == 0) {
            member_text(out, key, pairs[i].ours);
            return;
        }
    }
    for (char *letter = word; *letter; letter++)
        *letter = (char)tolower((unsigned char)*letter);
    member_text(out, key, word);
}

static void add_spot_hedging(struct buffer *out, const struct json *result)
{
    struct json status;

    json_add_key(out, "spot_hedging");
    if (json_member(result, "spotHedgingStatus", &status) &&
        (json_equals(&status, "ON") || json_equals(&status, "OFF")))
        json_add_bool(out, json_equals(&status, "ON"));
    else
        json_add_null(out);
}

/* null while it is not known. */
static void add_key(struct buffer *out, const struct key_info *info)
{
    json_add_key(out, "key");
    if (!info) {
        json_add_null(out);
        return;
    }
    json_add_open(out, '{');
    json_add_key(out, "read_only");
    json_add_bool(out, info->read_only);
    json_add_key(out, "can_withdraw");
    json_add_bool(out, info->can_withdraw);
    json_add_key(out, "ip_bound");
    json_add_bool(out, info->ip_bound);
    api_add_permissions(out, info->rights);
    member_time(out, "expires_at", info->expires_ms);
    member_time(out, "as_of", info->as_of_ms);
    json_add_close(out, '}');
}

static void answer_account(const struct account_read *read, const struct json *result,
                           int64_t as_of_ms)
{
    struct buffer *out = api_reply_begin(read->call);
    struct key_info info;
    bool known = read->api->key && key_check_get(read->api->key, &info);
    int64_t updated_ms;

    if (json_member_int(result, "updatedTime", &updated_ms))
        updated_ms = 0;
    json_add_open(out, '{');
    add_word(out, "account_type", result, "unifiedMarginStatus", account_types,
             ARRAY_LEN(account_types));
    add_word(out, "margin_mode", result, "marginMode", margin_modes, ARRAY_LEN(margin_modes));
    add_spot_hedging(out, result);
    member_time(out, "updated_at", updated_ms);
    member_text(out, "user_id", known ? info.user_id : NULL);
    add_key(out, known ? &info : NULL);
    api_add_age(out, as_of_ms, "rest");
    json_add_close(out, '}');
    api_reply_age(read->call, as_of_ms, "rest");
    api_reply(read->call, 200, API_JSON);
}

static void on_account_answer(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct account_read *read = userdata;
    struct envelope envelope;

    if (market_open_answer(read->call, answer, &envelope))
        answer_account(read, &envelope.result, as_of_ms);
    free(read);
}

void handle_account(const struct api *api, struct api_call *call)
{
    struct account_read read;

    if (account_read_begin(&read, api, call))
        account_read_rest(&read, ROUTE_ACCOUNT_INFO, CATEGORY_LINEAR, "", INFO_CACHE_MS,
                          on_account_answer);
}

/* --- fees --- */

struct fee_rate {
    struct decimal maker;
    struct decimal taker;
};

/* The row of the symbol; of options, which have one rate a base coin, the first. */
static bool find_rate(const struct json *result, const struct account_read *read,
                      struct fee_rate *out)
{
    struct json list;
    struct json item;
    struct json symbol;
    struct json_walk walk;

    (void)json_member(result, "list", &list);
    walk = json_walk(&list);
    while (json_next(&walk, NULL, &item)) {
        (void)json_member(&item, "symbol", &symbol);
        if (read->category != CATEGORY_OPTION && !json_equals(&symbol, read->symbol))
            continue;
        return json_member_decimal(&item, "makerFeeRate", &out->maker) == ERR_NONE &&
               json_member_decimal(&item, "takerFeeRate", &out->taker) == ERR_NONE &&
               !decimal_is_none(&out->maker) && !decimal_is_none(&out->taker);
    }
    return false;
}

static void on_fees_answer(const struct rest_answer *answer, int64_t as_of_ms, void *userdata)
{
    struct account_read *read = userdata;
    struct envelope envelope;
    struct fee_rate rate;
    struct buffer *out;

    if (!market_open_answer(read->call, answer, &envelope)) {
        free(read);
        return;
    }
    if (!find_rate(&envelope.result, read, &rate)) {
        api_fail(read->call, NULL, "upstream_failed", "the exchange's answer has no rate of %s",
                 read->symbol);
        free(read);
        return;
    }
    out = api_reply_begin(read->call);
    json_add_open(out, '{');
    member_text(out, "category", category_word(read->category));
    member_text(out, "symbol", read->symbol);
    json_add_key(out, "maker");
    json_add_decimal(out, &rate.maker);
    json_add_key(out, "taker");
    json_add_decimal(out, &rate.taker);
    api_add_age(out, as_of_ms, "rest");
    json_add_close(out, '}');
    api_reply_age(read->call, as_of_ms, "rest");
    api_reply(read->call, 200, API_JSON);
    free(read);
}

/* The query for the symbol's rate. Options have one rate a base coin. */
static void fees_query(const struct instrument *instrument, struct text *out)
{
    if (instrument->category == CATEGORY_OPTION)
        text_addf(out, "category=option&baseCoin=%s", instrument->base);
    else
        text_addf(out, "category=%s&symbol=%s", category_word(instrument->category),
                  instrument->symbol);
}

void handle_fees(const struct api *api, struct api_call *call)
{
    struct account_read read;
    struct instrument instrument;
    struct api_refusal refusal;
    char query[96];
    struct text text = text_in(query, sizeof(query));

    if (!account_read_begin(&read, api, call))
        return;
    if (lookup_symbol(api, call->param, api_query(call, "category"), &read.category, read.symbol,
                      &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    if (read.category == CATEGORY_OPTION && options_wait(api, call, read.symbol))
        return;
    if (lookup_in_category(api, read.category, read.symbol, &instrument, &refusal)) {
        api_fail_refusal(call, &refusal, NULL, NULL);
        return;
    }
    fees_query(&instrument, &text);
    account_read_rest(&read, ROUTE_FEE_RATE, instrument.category, query, FEES_CACHE_MS,
                      on_fees_answer);
}
