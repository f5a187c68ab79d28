/* api/position_settings.c - PATCH /positions/{symbol}: leverage, take profit, stop loss, trailing
 * stop.
 *
 * read -> which position (read over REST where nothing is known of it) -> leverage set -> stops set
 * -> read back over REST -> answered. Each is sent once. A refusal ends it, and says what was set
 * before; an answer that is lost does not: what is read back tells, or the answer is 202. */
#include "api/position_settings.h"

#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "api/handlers.h"
#include "api/limits.h"
#include "api/order_body.h"
#include "api/order_job.h"
#include "api/order_reply.h"
#include "api/position_call.h"
#include "api/position_place.h"
#include "base/clock.h"
#include "base/text.h"
#include "engine/loop.h"

#define AGAIN_MS 1000

enum settings_field { S_LEVERAGE, S_TAKE_PROFIT, S_STOP_LOSS, S_TRAILING, S_IDX, S_COUNT };

static const struct field fields[S_COUNT] = {
    [S_LEVERAGE] = { "leverage", { NULL }, FIELD_DECIMAL, NULL, NULL },
    [S_TAKE_PROFIT] = { "take_profit", { "takeProfit" }, FIELD_DECIMAL, NULL, NULL },
    [S_STOP_LOSS] = { "stop_loss", { "stopLoss" }, FIELD_DECIMAL, NULL, NULL },
    [S_TRAILING] = { "trailing_stop", { "trailingStop" }, FIELD_DECIMAL, NULL, NULL },
    [S_IDX] = { "position_idx", { "positionIdx" }, FIELD_INT, NULL, NULL },
};

const struct field *position_settings_fields(size_t *count)
{
    *count = S_COUNT;
    return fields;
}

struct settings {
    struct position_call position;
    struct decimal leverage; /* NONE: stays */
    struct decimal take_profit;
    struct decimal stop_loss;
    struct decimal trailing_stop;
    char client[TAG_MAX];
    int idx;
    bool has_looked;
    unsigned kills; /* asked for before it came */
    bool leverage_asked, stops_asked;
    bool leverage_set;
    bool unknown; /* one of them */
};

/* --- the body --- */

/* null and 0: removed. */
static struct decimal removable(const struct field_value *value)
{
    if (value->nulled || (value->given && decimal_sign(&value->decimal) == 0))
        return DECIMAL_ZERO;
    return value->decimal;
}

static bool has_stops(const struct settings *settings)
{
    return !decimal_is_none(&settings->take_profit) || !decimal_is_none(&settings->stop_loss) ||
           !decimal_is_none(&settings->trailing_stop);
}

static enum err read_fields(struct settings *settings, const struct field_value *values,
                            struct api_refusal *refusal)
{
    if (values[S_LEVERAGE].nulled)
        return api_refuse(refusal, "invalid_value", "leverage can't be removed");
    settings->leverage = values[S_LEVERAGE].decimal;
    settings->take_profit = removable(&values[S_TAKE_PROFIT]);
    settings->stop_loss = removable(&values[S_STOP_LOSS]);
    settings->trailing_stop = removable(&values[S_TRAILING]);
    if (decimal_is_none(&settings->leverage) && !has_stops(settings))
        return api_refuse(refusal, "missing_field",
                          "nothing is to be changed: give leverage, take_profit, stop_loss or "
                          "trailing_stop");
    return ERR_NONE;
}

static enum err check_leverage(const struct settings *settings, struct api_refusal *refusal)
{
    const struct instrument *instrument = &settings->position.instrument;
    const struct decimal *leverage = &settings->leverage;
    char shown[DECIMAL_TEXT_MAX];
    char least[DECIMAL_TEXT_MAX];
    char most[DECIMAL_TEXT_MAX];
    char step[DECIMAL_TEXT_MAX];

    if (decimal_is_none(leverage))
        return ERR_NONE;
    if (decimal_sign(leverage) > 0 &&
        (decimal_sign(&instrument->min_leverage) <= 0 ||
         decimal_cmp(leverage, &instrument->min_leverage) >= 0) &&
        (decimal_sign(&instrument->max_leverage) <= 0 ||
         decimal_cmp(leverage, &instrument->max_leverage) <= 0) &&
        (decimal_sign(&instrument->leverage_step) <= 0 ||
         decimal_is_multiple(leverage, &instrument->leverage_step)))
        return ERR_NONE;
    return api_refuse(
        refusal, "leverage_out_of_range", "leverage %s: the symbol takes %s to %s in steps of %s",
        decimal_format(leverage, shown), decimal_format(&instrument->min_leverage, least),
        decimal_format(&instrument->max_leverage, most),
        decimal_format(&instrument->leverage_step, step));
}

/* The trailing stop is a distance: any that is a multiple of the tick. */
static enum err check_stops(const struct settings *settings, struct api_refusal *refusal)
{
    const struct instrument *instrument = &settings->position.instrument;
    struct order_request prices;
    char shown[DECIMAL_TEXT_MAX];
    char tick[DECIMAL_TEXT_MAX];
    unsigned bits = 0;

    order_request_clear(&prices);
    prices.take_profit = settings->take_profit;
    prices.stop_loss = settings->stop_loss;
    if (decimal_sign(&settings->take_profit) > 0)
        bits |= ORDER_CHANGES_TAKE_PROFIT;
    if (decimal_sign(&settings->stop_loss) > 0)
        bits |= ORDER_CHANGES_STOP_LOSS;
    if (order_check_changed(&prices, bits, instrument, refusal))
        return ERR_INVALID;
    if (decimal_sign(&settings->trailing_stop) <= 0 || decimal_sign(&instrument->tick_size) <= 0 ||
        decimal_is_multiple(&settings->trailing_stop, &instrument->tick_size))
        return ERR_NONE;
    return api_refuse(refusal, "price_tick", "trailing_stop %s is not a multiple of tick size %s",
                      decimal_format(&settings->trailing_stop, shown),
                      decimal_format(&instrument->tick_size, tick));
}

static enum err read_call(struct settings *settings, const struct api *api, struct api_call *call,
                          bool *later, struct api_refusal *refusal)
{
    struct field_value values[S_COUNT];

    *later = false;
    settings->position.call = call;
    if (fields_read(fields, S_COUNT, call->body, call->body_bytes, call->body_is_form, values,
                    refusal) ||
        position_call_read(&settings->position, api, call, &values[S_IDX], later, refusal) ||
        position_call_client(call, settings->client, refusal) ||
        read_fields(settings, values, refusal))
        return ERR_INVALID;
    if (settings->position.category == CATEGORY_OPTION)
        return api_refuse(refusal, "field_not_allowed",
                          "options have neither leverage nor stops of their own to set");
    if (check_leverage(settings, refusal))
        return ERR_INVALID;
    return check_stops(settings, refusal);
}

/* --- the answer --- */

static void fail(struct settings *settings, const struct api_refusal *refusal)
{
    api_fail_refusal(settings->position.call, refusal, "not_sent", NULL);
    free(settings);
}

static bool shows(const struct decimal *found, const struct decimal *wanted)
{
    if (decimal_is_none(wanted))
        return true;
    return decimal_sign(wanted) == 0 ? decimal_sign(found) == 0 : decimal_cmp(found, wanted) == 0;
}

static bool shows_all(const struct settings *settings, const struct position *found)
{
    return shows(&found->leverage, &settings->leverage) &&
           shows(&found->take_profit, &settings->take_profit) &&
           shows(&found->stop_loss, &settings->stop_loss) &&
           shows(&found->trailing_stop, &settings->trailing_stop);
}

static struct position pick(const struct settings *settings, const struct position *known,
                            size_t count)
{
    const struct position_call *call = &settings->position;
    struct api_refusal refusal;
    struct position found;

    /* The mode was changed meanwhile: the place that was meant is flat. */
    if (position_pick(call->category, call->symbol, settings->idx, known, count, &found,
                      &refusal) &&
        position_pick(call->category, call->symbol, settings->idx, NULL, 0, &found, &refusal))
        abort(); /* of no places none is refused */
    return found;
}

/* What was read, or the stream where that is ahead of it. */
static struct position read_back(const struct settings *settings, bool is_loaded)
{
    const struct position_call *call = &settings->position;
    struct position known[ACCOUNT_PLACES_MAX];
    size_t count = account_position(call->api->account, call->category, call->symbol, known);
    struct position found = pick(settings, known, count);

    if (is_loaded && !shows_all(settings, &found))
        found = pick(settings, call->loaded, call->loaded_count);
    return found;
}

/* Read back (`why` NULL), or not: then nothing is claimed. */
static void on_read_back(const char *why, void *userdata)
{
    struct settings *settings = userdata;
    struct position_call *call = &settings->position;
    struct position found = read_back(settings, !why);
    const char *source = why ? "cache" : "rest";
    struct account_state state;
    int status = why || (settings->unknown && !shows_all(settings, &found)) ? 202 : 200;

    account_get_state(call->api->account, ACCOUNT_POSITIONS, &state);
    if (!why)
        state.as_of_ms = clock_wall_ms();
    limits_reply_write(call->call, settings->stops_asked ? ROUTE_TRADING_STOP : ROUTE_SET_LEVERAGE,
                       call->category);
    api_reply_age(call->call, state.as_of_ms, source);
    api_add_position_age(api_reply_begin(call->call), &found, state.as_of_ms, source);
    api_reply_keep(call->call, status, API_JSON);
    free(settings);
}

static void fail_setting(struct settings *settings, const struct loop_reply *reply)
{
    struct api_call *call = settings->position.call;
    struct loop_reply bare = *reply;
    struct order_verdict verdict;
    char detail[480];

    bare.has_order = false; /* there is none, and so the verdict is a problem */
    order_judge(&verdict, ORDER_CALL_AMEND, &bare, "");
    order_count_refusal(call, reply);
    limits_reply_write(call, settings->stops_asked ? ROUTE_TRADING_STOP : ROUTE_SET_LEVERAGE,
                       settings->position.category);
    if (settings->unknown)
        verdict.more.outcome = "unknown";
    api_fail(call, &verdict.more, verdict.code, "%.360s%s", order_detail(&verdict, detail),
             settings->leverage_set ? "; the leverage was set before that"
             : settings->unknown    ? "; whether the leverage was set is not known"
                                    : "");
    free(settings);
}

/* --- one after the other --- */

static void next(struct settings *settings);

static void on_set(const struct loop_reply *reply, void *userdata)
{
    struct settings *settings = userdata;

    if (reply->outcome == OUTCOME_UNKNOWN) {
        settings->unknown = true;
    } else if (reply->outcome != OUTCOME_OK) {
        fail_setting(settings, reply);
        return;
    } else if (!settings->stops_asked) {
        settings->leverage_set = true;
    }
    next(settings);
}

static void set(struct settings *settings, enum loop_setting_kind kind)
{
    static const struct loop_reply busy = {
        .outcome = OUTCOME_BUSY, .error = { .text = "too many requests wait for the engine" }
    };
    static const struct loop_reply killed = {
        .outcome = OUTCOME_KILLED, .error = { .text = "killed while it was being prepared" }
    };
    const struct position_call *call = &settings->position;
    struct loop_setting setting = { .kind = kind,
                                    .category = call->category,
                                    .position_idx = settings->idx,
                                    .leverage = settings->leverage,
                                    .take_profit = settings->take_profit,
                                    .stop_loss = settings->stop_loss,
                                    .trailing_stop = settings->trailing_stop };

    if (loop_kills(call->api->loop) != settings->kills) {
        fail_setting(settings, &killed);
        return;
    }
    memcpy(setting.symbol, call->symbol, sizeof(setting.symbol));
    memcpy(setting.client, settings->client, sizeof(setting.client));
    if (loop_set(call->api->loop, &setting, on_set, settings))
        fail_setting(settings, &busy);
}

static void next(struct settings *settings)
{
    if (!decimal_is_none(&settings->leverage) && !settings->leverage_asked) {
        settings->leverage_asked = true;
        set(settings, LOOP_SET_LEVERAGE);
    } else if (has_stops(settings) && !settings->stops_asked) {
        settings->stops_asked = true;
        set(settings, LOOP_SET_TRADING_STOP);
    } else {
        position_call_load(&settings->position, on_read_back, settings);
    }
}

/* --- which position --- */

static void begin(struct settings *settings);

static void on_looked(const char *why, void *userdata)
{
    struct settings *settings = userdata;
    struct api_refusal refusal;

    if (!why) {
        begin(settings);
        return;
    }
    (void)api_refuse(&refusal, "not_ready", "the position can't be read: %s", why);
    refusal.retry_after_ms = AGAIN_MS;
    fail(settings, &refusal);
}

static void begin(struct settings *settings)
{
    struct api_refusal refusal;
    struct position found;
    int64_t as_of_ms;
    int64_t seq;

    if (position_call_now(&settings->position, &found, &seq, &as_of_ms, &refusal)) {
        fail(settings, &refusal);
    } else if (seq < 0 && !settings->has_looked) {
        settings->has_looked = true;
        position_call_load(&settings->position, on_looked, settings);
    } else {
        settings->idx = found.position_idx;
        next(settings);
    }
}

void handle_position_patch(const struct api *api, struct api_call *call)
{
    const struct api_problem_more more = { .outcome = "not_sent", .retry_after_ms = AGAIN_MS };
    struct settings *settings = calloc(1, sizeof(*settings));
    struct api_refusal refusal;
    bool later;

    if (!settings) {
        api_fail(call, &more, "busy", "out of memory");
        return;
    }
    settings->kills = order_kills_before(api, call);
    if (!read_call(settings, api, call, &later, &refusal))
        begin(settings);
    else if (later)
        free(settings);
    else
        fail(settings, &refusal);
}
