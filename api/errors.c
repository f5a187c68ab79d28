#include "api/errors.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/limits.h"
#include "api/members.h"
#include "api/reply.h"
#include "base/json.h"

/* The codes, by status. `code` is part of the contract: scripts compare it. */
static const struct api_problem problems[] = {
    /* The gate's (server/). */
    { "bad_request", 400, "Bad request", NULL },
    { "malformed_query", 400, "Malformed query",
      "Each name once, and percent-encoded values without control characters." },
    { "unknown_query", 400, "Unknown query parameter",
      "The names that each path knows are in /openapi.yaml." },
    { "invalid_topic", 400, "Not a topic",
      "As in orders, fills, status, ticker:BTCUSDT or book:BTCUSDT:50." },
    { "token_required", 401, "Token required",
      "Send it as 'Authorization: Bearer TOKEN' or as 'X-Api-Key: TOKEN'." },
    { "wrong_role", 403, "Not allowed for this token",
      "The token's role does not cover this call." },
    { "read_only", 403, "The bridge is read-only", "It was started with --read-only." },
    { "path_off", 403, "This path of the exchange is switched off",
      "It does not trade. --allow-path PATH lets it pass." },
    { "forbidden_origin", 403, "Refused: it comes from a web page",
      "Only the bridge's own pages and origins listed with --allow-origin may call it." },
    { "forbidden_user", 403, "Refused: another user's process",
      "Only the user that runs the bridge may call it; see --allow-uid." },
    { "not_found", 404, "Not found", "GET / lists the paths." },
    { "method_not_allowed", 405, "Method not allowed", "The Allow header lists the methods." },
    { "wrong_env", 409, "Wrong environment",
      "Bridge-Expect-Env names another environment than the bridge's." },
    { "length_required", 411, "Length required",
      "Send a Content-Length; chunked bodies are not taken." },
    { "body_too_large", 413, "Body too large", NULL },
    { "uri_too_long", 414, "Request target too long", NULL },
    { "unsupported_media_type", 415, "Unsupported media type",
      "Send JSON as application/json, or form fields as curl -d does." },
    { "misdirected", 421, "Wrong Host",
      "Use localhost, 127.0.0.1 or [::1], or a name given with --allow-host." },
    { "headers_too_large", 431, "Headers too large", NULL },
    { "too_many_streams", 503, "Too many streams", "See --max-streams." },
    { "stopping", 503, "The bridge is stopping", NULL },

    /* Values that can't be read. */
    { "missing_body", 400, "No body",
      "curl -d symbol=BTCUSDT -d side=buy -d qty=0.01 is a body; so is a JSON object." },
    { "malformed_json", 400, "Malformed JSON", NULL },
    { "malformed_form", 400, "Malformed form", NULL },
    { "not_an_object", 400, "Not an object", "The body is one JSON object: {...}." },
    { "unknown_field", 400, "Unknown field",
      "An unknown field is refused because a mistyped one can cost money." },
    { "duplicate_field", 400, "Field given twice",
      "A field has one name: Bybit's spelling and ours are the same field." },
    { "invalid_number", 400, "Not a decimal number",
      "Digits with an optional point, as in 0.001: no sign, no exponent, no blank." },
    { "invalid_value", 400, "Invalid value", NULL },
    { "invalid_symbol", 400, "Not a symbol",
      "BTCUSDT (the default category) or spot:BTCUSDT, inverse:BTCUSD." },
    { "invalid_time", 400, "Not a time",
      "RFC 3339, Unix seconds or milliseconds, -1h, -2d or today." },
    { "invalid_duration", 400, "Not a duration", "As in 250ms, 20s, 2m or 1h." },
    { "invalid_client_id", 400, "Not a client id",
      "1 to 128 printable ASCII characters; the Idempotency-Key header is the same thing." },
    { "client_id_conflict", 400, "Two different client ids",
      "Idempotency-Key and client_id are one key: give one of them, or both alike." },
    { "invalid_tag", 400, "Not a tag", "1 to 64 of A-Z a-z 0-9 . _ : -" },
    { "filter_required", 400, "No filter",
      "Give symbol, tag, side or category, or all=true to cancel every open order." },

    { "no_api_key", 401, "No API key",
      "Set BYBIT_API_KEY and BYBIT_API_SECRET (or ..._FILE) and restart; public data needs none." },
    { "unknown_symbol", 404, "Unknown symbol", "GET /symbols lists them." },
    { "order_not_found", 404, "No such order",
      "The id is Bybit's order id, or the client id given to POST /orders." },
    { "unknown_coin", 404, "Unknown coin", "GET /balance lists the coins of the account." },
    { "unknown_code", 404, "No such code", "GET /errors lists them." },
    { "event_id_unknown", 410, "No such event any more",
      "Begin again with after=earliest, or read GET /orders and go on with the newest events." },
    { "key_in_progress", 409, "The first request with this key is still running",
      "Repeat the same request after Retry-After: it joins the first one's outcome." },
    { "amend_in_flight", 409, "Another amend of this order is under way",
      "One at a time: try again after Retry-After, with what the order is then." },
    { "position_change_in_flight", 409, "Another change of this position is under way",
      "One PUT or part in percent of a position, and one change with a key, at a time: again after "
      "Retry-After." },
    { "order_ended", 409, "The order has ended",
      "It can't be changed any more: GET /orders/{id}." },

    /* Read, and refused. */
    { "missing_field", 422, "Field missing", NULL },
    { "field_not_allowed", 422, "Field not allowed here", NULL },
    { "not_yet", 422, "Not built yet", "Planned; nothing was sent." },
    { "batch_size", 422, "Not 1 to 100 orders",
      "Send them in several requests: nothing was sent." },
    { "batch_key_repeated", 422, "Key given twice in one batch",
      "Each order needs a key of its own: this one was not sent, the first one with it was." },
    { "trigger_direction_unknown", 422, "Direction of the trigger not known",
      "Give trigger_direction: 1 fires when the price rises to trigger_price, 2 when it falls." },
    { "price_tick", 422, "Price off the tick", NULL },
    { "price_out_of_range", 422, "Price out of range", NULL },
    { "qty_step", 422, "Size off the step", NULL },
    { "qty_too_small", 422, "Size too small", NULL },
    { "qty_too_large", 422, "Size too large", NULL },
    { "notional_too_small", 422, "Value too small", NULL },
    { "no_such_price", 422, "No such price", "Spot has neither mark nor index price." },
    { "no_such_data", 422, "No such data for this kind of symbol",
      "Candles: spot, linear, inverse. Funding and open interest: linear, inverse." },
    { "idempotency_key_reused", 422, "Key used for another order",
      "This key belongs to an order with other fields. A new order needs a new key." },
    { "no_spot_position", 422, "Spot has no positions", "GET /balance lists the coins." },
    { "position_idx_needed", 422, "Which of the two positions?",
      "position_idx=1 is the long one, position_idx=2 the short one." },
    { "position_idx_wrong", 422, "No such position here",
      "One-way mode has one position a symbol; only hedge mode has two." },
    { "leverage_out_of_range", 422, "Not a leverage that the symbol takes",
      "GET /symbols/{symbol} shows the least, the most and the step." },
    { "too_many_rows", 422, "More rows than one file holds",
      "Narrow from and to, or give limit and follow the Link header from page to page." },
    { "too_many_fills", 422, "More executions than one answer counts",
      "Give symbol, category or an earlier to. What came before from is read too, for the "
      "average." },
    { "too_many_entries", 422, "More of the transaction log than one check reads",
      "Give a later from, an earlier to, or category." },
    { "too_many_positions", 422, "More positions than the bridge keeps",
      "Nothing is shown, because a list that lacks some would mislead." },
    { "exchange_rejected", 422, "Refused by the exchange", "upstream says why." },

    /* The guard's. */
    { "guard_max_order_notional", 422, "Above the guard's limit for one order",
      "GET /guard shows the limits; PATCH /guard sets them." },
    { "guard_max_open_notional", 422, "Above the guard's limit for all that is open",
      "Open orders and positions count together. GET /guard shows how much is open." },
    { "guard_max_orders_per_minute", 422, "More orders a minute than the guard allows",
      "Nothing was sent. Retry-After says when the next one fits." },
    { "guard_symbols", 422, "Not a symbol that the guard allows",
      "GET /guard lists them; PATCH /guard sets them." },
    { "guard_categories", 422, "Not a category that the guard allows",
      "GET /guard lists them; PATCH /guard sets them." },
    { "guard_max_leverage", 422, "More leverage than the guard allows",
      "The position's leverage counts, as it is set at the exchange." },
    { "guard_reduce_only_mode", 422, "Only orders that reduce a position are allowed",
      "Send it with reduce_only=true, or switch the mode off with PATCH /guard." },
    { "guard_killed", 422, "Killed: no orders are taken",
      "POST /guard/arm lets orders through again. Cancels always work." },
    { "guard_ceiling", 422, "Above what the configuration allows",
      "A PATCH may only tighten what the configuration has set. Nothing was changed." },

    /* Not now. */
    { "rate_limited", 429, "No turn in the rate budget",
      "Nothing was sent. Try again after Retry-After." },
    { "internal", 500, "Internal error", "Please report it, with the request_id." },
    { "exchange_auth", 502, "The exchange refused the API key",
      "Check the key, its rights, its IP list and the environment it belongs to." },
    { "upstream_failed", 502, "The exchange did not answer this read", NULL },
    { "not_sent", 503, "Not sent", "Provably not accepted by the exchange: repeating it is safe." },
    { "not_ready", 503, "Not ready", "GET /readyz says what is missing." },
    { "busy", 503, "Busy", "Nothing was done. Try again after Retry-After." },
    { "journal_unavailable", 503, "The journal can't be read now", NULL },
    { "not_durable", 503, "Not stored in time",
      "detail says what is in effect. Repeat it once the journal can be written." },
    { "too_old", 503, "Older than max_age", NULL },
    { "no_price_now", 503, "No such price now", "That side of the book is empty." },
};

const struct api_problem *api_problem_find(const char *code)
{
    for (size_t i = 0; i < ARRAY_LEN(problems); i++) {
        if (strcmp(problems[i].code, code) == 0)
            return &problems[i];
    }
    return NULL;
}

size_t api_problems_count(void)
{
    return ARRAY_LEN(problems);
}

const struct api_problem *api_problem_at(size_t index)
{
    return &problems[index];
}

/* `safe`: sending the same again can't do it twice. Left out where the same again would be refused
 * again, whenever it comes. */
static void add_retry(struct buffer *out, int status, const struct api_problem_more *more)
{
    bool safe = !more->outcome ||
                (strcmp(more->outcome, "unknown") != 0 && strcmp(more->outcome, "accepted") != 0);

    if (more->retry_after_ms <= 0 && ((status < 429 && status != 409) || !more->outcome))
        return;
    json_add_key(out, "retry");
    json_add_open(out, '{');
    json_add_key(out, "safe");
    json_add_bool(out, safe);
    json_add_key(out, "after_ms");
    if (more->retry_after_ms > 0)
        json_add_int(out, more->retry_after_ms);
    else
        json_add_null(out);
    json_add_close(out, '}');
}

static void add_guard(struct buffer *out, const struct guard_verdict *verdict)
{
    bool book =
        verdict->source == GUARD_PRICE_LOCAL_BOOK || verdict->source == GUARD_PRICE_REST_BOOK;

    json_add_key(out, "guard");
    json_add_open(out, '{');
    member_text(out, "limit", guard_limit_word(verdict->limit));
    member_text(out, "client", verdict->client);
    member_decimal(out, "value", &verdict->value);
    member_decimal(out, "allowed", &verdict->allowed);
    member_decimal(out, "price", &verdict->price);
    member_text(out, "price_source",
                verdict->source == GUARD_PRICE_NONE ? NULL
                                                    : guard_price_source_word(verdict->source));
    member_int_if(out, "price_age_ms", book, verdict->price_age_ms);
    json_add_close(out, '}');
}

static void add_more(struct buffer *out, int status, const struct api_problem_more *more)
{
    if (more->outcome) {
        json_add_key(out, "outcome");
        json_add_text(out, more->outcome);
    }
    add_retry(out, status, more);
    if (more->ret_code) {
        json_add_key(out, "upstream");
        json_add_open(out, '{');
        json_add_key(out, "ret_code");
        json_add_int(out, more->ret_code);
        json_add_key(out, "ret_msg");
        json_add_text(out, more->ret_msg);
        json_add_close(out, '}');
    }
    if (more->guard)
        add_guard(out, more->guard);
    if (more->client_id && more->client_id[0]) {
        json_add_key(out, "client_id");
        json_add_text(out, more->client_id);
    }
}

static const struct api_problem *find_or_internal(const char *code)
{
    const struct api_problem *problem = api_problem_find(code);

    if (!problem)
        problem = api_problem_find("internal");
    assert(problem); /* a row of the table */
    return problem;
}

void api_problem_body(struct buffer *out, const char *code, const char *detail,
                      const char *request_id, const struct api_problem_more *more)
{
    const struct api_problem *problem = find_or_internal(code);
    char type[64];

    (void)snprintf(type, sizeof(type), "/errors/%s", problem->code);
    json_add_open(out, '{');
    json_add_key(out, "type");
    json_add_text(out, type);
    json_add_key(out, "title");
    json_add_text(out, problem->title);
    json_add_key(out, "status");
    json_add_int(out, problem->status);
    json_add_key(out, "detail");
    json_add_text(out, detail);
    json_add_key(out, "code");
    json_add_text(out, problem->code);
    if (more)
        add_more(out, problem->status, more);
    if (request_id && request_id[0]) {
        json_add_key(out, "request_id");
        json_add_text(out, request_id);
    }
    if (problem->hint) {
        json_add_key(out, "hint");
        json_add_text(out, problem->hint);
    }
    json_add_close(out, '}');
}

void api_fail(struct api_call *call, const struct api_problem_more *more, const char *code,
              const char *format, ...)
{
    char detail[480];
    char seconds[24];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    if (more && more->retry_after_ms > 0) {
        (void)snprintf(seconds, sizeof(seconds), "%" PRId64, (more->retry_after_ms + 999) / 1000);
        api_reply_header(call, "Retry-After", seconds);
    }
    if (find_or_internal(code)->status == 429)
        limits_reply(call);
    api_problem_body(api_reply_begin(call), code, detail, call->request_id, more);
    api_reply_keep(call, find_or_internal(code)->status, "application/problem+json");
}
