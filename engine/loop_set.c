/* engine/loop_set.c - what is set at the exchange and is no order: leverage, a position's take
 * profit, stop loss and trailing stop. Not journaled: whoever does not hear how it ended reads it
 * back. In the loop's thread, so that the kill and the rules in force are those of the engine. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "bybit/codes.h"
#include "bybit/message.h"
#include "bybit/requests.h"
#include "engine/leverage.h"
#include "engine/loop_parts.h"

/* One request under way at the transport. */
struct setting {
    struct loop *loop;
    unsigned kills; /* that were asked for before it */
    loop_reply_fn *on_reply;
    void *userdata;
    int64_t queue_us;
};

/* --- the answer --- */

static void reply(const struct setting *setting, struct loop_reply *out)
{
    out->timing.queue_us = setting->queue_us;
    out->timing.complete = true;
    setting->on_reply(out, setting->userdata);
}

static void reply_why(const struct setting *setting, enum outcome outcome, enum err err,
                      const char *why)
{
    struct loop_reply out = { .outcome = outcome };

    error_set(&out.error, err, "%s", why);
    reply(setting, &out);
}

/* Or was, since it was asked for. */
static bool is_killed(const struct setting *setting)
{
    return loop_is_killed(setting->loop) || atomic_load(&setting->loop->kills) != setting->kills;
}

static bool may_send(void *userdata)
{
    return !is_killed(userdata);
}

static enum outcome outcome_of(enum answer_kind kind, int64_t retry_after_ms)
{
    switch (kind) {
    case REPLY_OK:
        return OUTCOME_OK;
    case REPLY_REJECT:
        return OUTCOME_REJECTED;
    case REPLY_AUTH:
        return OUTCOME_AUTH;
    case REPLY_REFUSED:
        return retry_after_ms > 0 ? OUTCOME_THROTTLED : OUTCOME_NOT_SENT;
    case REPLY_NOT_SENT:
        return OUTCOME_NOT_SENT;
    case REPLY_THROTTLED:
        return OUTCOME_THROTTLED;
    case REPLY_NO_SUCH_ORDER:
    case REPLY_DUPLICATE:
    case REPLY_AMBIGUOUS:
    case REPLY_LOST:
        return OUTCOME_UNKNOWN;
    }
    return OUTCOME_UNKNOWN;
}

static enum err err_of(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_OK:
        return ERR_NONE;
    case OUTCOME_REJECTED:
    case OUTCOME_AUTH:
        return ERR_UPSTREAM;
    case OUTCOME_UNKNOWN:
        return ERR_IN_DOUBT;
    case OUTCOME_THROTTLED:
        return ERR_BUSY;
    case OUTCOME_KILLED:
        return ERR_INVALID;
    default:
        return ERR_UNAVAILABLE;
    }
}

/* "It is so already" is a success, and the code and its words tell it. */
static enum answer_kind read_answer(const struct rest_answer *answer, struct error *error)
{
    struct envelope envelope;
    bool has_envelope =
        message_envelope(&envelope, answer->body, answer->body_bytes, NULL) == ERR_NONE;
    int code = has_envelope ? envelope.ret_code : 0;

    error->upstream = code;
    if (has_envelope)
        text_cut(error->text, sizeof(error->text), envelope.ret_msg);
    else
        error_set(error, ERR_NONE, "HTTP %ld without a readable body", answer->http_status);
    if (has_envelope && answer->http_status == 200 && answer_is_unchanged(code, envelope.ret_msg))
        return REPLY_OK;
    return loop_kind_of(answer_classify(answer->http_status, has_envelope, code, answer->body));
}

static void on_done(const struct rest_answer *answer, void *userdata)
{
    struct setting *setting = userdata;
    struct loop_reply out = { .retry_after_ms = answer->retry_after_ms };
    enum answer_kind kind;

    if (answer->answered) {
        kind = read_answer(answer, &out.error);
    } else {
        kind = loop_kind_without(answer);
        text_cut(out.error.text, sizeof(out.error.text), answer->error.text);
    }
    out.outcome = outcome_of(kind, answer->retry_after_ms);
    if (kind == REPLY_NOT_SENT && !may_send(setting)) {
        out.outcome = OUTCOME_KILLED;
        error_set(&out.error, ERR_INVALID, "killed before it was sent");
    }
    out.error.code = err_of(out.outcome);
    out.timing.turn_us = answer->turn_us;
    out.timing.sign_us = answer->sign_us;
    if (answer->answered && answer->left_us)
        out.timing.upstream_us = answer->finished_us - answer->left_us;
    reply(setting, &out);
    free(setting);
}

/* --- the request --- */

static void write_body(struct buffer *body, const struct loop_setting *what)
{
    const struct request_trading_stop stop = { .category = what->category,
                                               .symbol = what->symbol,
                                               .position_idx = what->position_idx,
                                               .take_profit = what->take_profit,
                                               .stop_loss = what->stop_loss,
                                               .trailing_stop = what->trailing_stop };

    if (what->kind == LOOP_SET_LEVERAGE)
        request_set_leverage(body, what->category, what->symbol, &what->leverage);
    else
        request_trading_stop(body, &stop);
}

static enum bybit_route route_of(const struct loop_setting *what)
{
    return what->kind == LOOP_SET_LEVERAGE ? ROUTE_SET_LEVERAGE : ROUTE_TRADING_STOP;
}

static enum err submit(struct setting *setting, const struct loop_setting *what)
{
    struct loop *loop = setting->loop;
    struct buffer body = buffer_of((size_t)4 * 1024);
    struct rest_request request = {
        .route = route_of(what),
        .category = what->category,
        .lane = BUDGET_CREATE,
        .deadline_ms = clock_mono_ms() + loop->config.engine.times.order_deadline_ms,
        .may_send = may_send,
        .on_done = on_done,
        .userdata = setting,
    };
    enum err err;

    write_body(&body, what);
    err = buffer_check(&body);
    if (!err) {
        request.body = body.data;
        err = loop_submit(loop, &request);
    }
    buffer_deinit(&body);
    return err;
}

/* --- may it? --- */

static bool is_refused_by_guard(const struct setting *setting, const struct loop_setting *what)
{
    const struct decimal none = DECIMAL_NONE;
    struct guard_verdict verdict;
    struct loop_reply out = { .outcome = OUTCOME_GUARD, .verdict = &verdict };

    if (engine_judge_setting(setting->loop->engine, what->client, what->category, what->symbol,
                             what->kind == LOOP_SET_LEVERAGE ? &what->leverage : &none,
                             &verdict) == GUARD_ALLOWED)
        return false;
    error_set(&out.error, ERR_INVALID, "%s", verdict.text);
    reply(setting, &out);
    return true;
}

static bool is_too_late(const struct setting *setting, const struct loop_setting *what)
{
    const struct loop *loop = setting->loop;
    const struct budget_claim claim = { .route = route_of(what),
                                        .category = what->category,
                                        .lane = BUDGET_CREATE };
    int64_t turn_ms = budget_turn(loop->config.rest.budget, &claim, 0, clock_mono_ms());
    struct loop_reply out = { .outcome = OUTCOME_THROTTLED };

    if (turn_ms <= loop->config.engine.times.order_deadline_ms)
        return false;
    out.retry_after_ms = turn_ms;
    error_set(&out.error, ERR_BUSY, "its turn in the rate limit would come after its deadline");
    reply(setting, &out);
    return true;
}

static bool is_refused(const struct setting *setting, const struct loop_setting *what)
{
    if (setting->loop->stopping) {
        reply_why(setting, OUTCOME_NOT_READY, ERR_UNAVAILABLE, "the bridge is stopping");
        return true;
    }
    if (is_killed(setting)) {
        reply_why(setting, OUTCOME_KILLED, ERR_INVALID, "killed: nothing is set until armed");
        return true;
    }
    return is_refused_by_guard(setting, what) || is_too_late(setting, what);
}

void loop_set_take(struct loop *loop, const struct item *item)
{
    struct setting made = { .loop = loop,
                            .kills = item->kills,
                            .on_reply = item->on_reply,
                            .userdata = item->userdata,
                            .queue_us = clock_mono_us() - item->pushed_us };
    struct setting *setting;

    if (is_refused(&made, &item->u.setting))
        return;
    setting = malloc(sizeof(*setting));
    if (setting) {
        *setting = made;
        if (submit(setting, &item->u.setting) == ERR_NONE)
            return;
    }
    free(setting);
    reply_why(&made, OUTCOME_NOT_SENT, ERR_UNAVAILABLE, "too many requests wait for the exchange");
}
