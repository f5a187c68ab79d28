/* api/guard_object.c - the answer of all guard endpoints. */
#include "api/guard.h"
#include "api/members.h"
#include "base/error.h"
#include "base/json.h"

const char *sweep_state_word(enum sweep_state state)
{
    switch (state) {
    case SWEEP_CANCELLING:
        return "cancelling";
    case SWEEP_CLEAR:
        return "clear";
    case SWEEP_WAITING:
        return "waiting";
    case SWEEP_FAILED:
        return "failed";
    }
    return "failed";
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

void api_add_guard_clients(struct buffer *out, const struct guard_rules *rules)
{
    json_add_key(out, "clients");
    json_add_open(out, '{');
    for (size_t i = 0; i < least(rules->clients_count, GUARD_CLIENTS_MAX); i++) {
        json_add_key(out, rules->clients[i].name);
        json_add_open(out, '{');
        guard_add_limits(out, &rules->clients[i].limits);
        json_add_close(out, '}');
    }
    json_add_close(out, '}');
}

/* The limits of all callers, and those of named ones. */
static void add_rules(struct buffer *out, const struct guard_rules *rules)
{
    json_add_key(out, "limits");
    guard_add_rules(out, rules, false);
    api_add_guard_clients(out, rules);
}

static void add_ceiling(struct buffer *out, const struct guard_report *report)
{
    json_add_key(out, "ceiling");
    if (report->has_ceiling)
        guard_add_rules(out, &report->ceiling, true);
    else
        json_add_null(out);
}

/* --- counts --- */

static void add_counts_of(struct buffer *out, const struct guard_counts *counts)
{
    const struct decimal none = DECIMAL_NONE;

    member_decimal(out, "open_notional", counts->open_known ? &counts->open_notional : &none);
    member_int(out, "orders_last_minute", counts->orders_last_minute);
}

static void add_counts(struct buffer *out, const struct guard_report *report)
{
    const struct guard_rules *rules = &report->state.rules;

    json_add_key(out, "counts");
    json_add_open(out, '{');
    add_counts_of(out, &report->all);
    json_add_key(out, "clients");
    json_add_open(out, '{');
    for (size_t i = 0; i < least(rules->clients_count, GUARD_CLIENTS_MAX); i++) {
        json_add_key(out, rules->clients[i].name);
        json_add_open(out, '{');
        add_counts_of(out, &report->clients[i]);
        json_add_close(out, '}');
    }
    json_add_close(out, '}');
    json_add_close(out, '}');
}

/* --- the kill --- */

static void add_cancelled(struct buffer *out, const struct guard_report *report)
{
    json_add_key(out, "cancelled");
    json_add_open(out, '[');
    for (size_t i = 0; i < least(report->listed_count, KILL_LISTED_MAX); i++) {
        json_add_open(out, '{');
        member_text(out, "id", report->listed[i].order_id);
        member_text(out, "client_id", report->listed[i].client_id);
        member_text(out, "category", category_word(report->listed[i].category));
        member_text(out, "symbol", report->listed[i].symbol);
        json_add_close(out, '}');
    }
    json_add_close(out, ']');
}

static void add_scopes(struct buffer *out, const struct guard_report *report)
{
    json_add_key(out, "scopes");
    json_add_open(out, '[');
    for (size_t i = 0; i < least(report->scopes_count, SWEEP_SCOPES_MAX); i++) {
        json_add_open(out, '{');
        member_text(out, "category", category_word(report->scopes[i].category));
        member_text(out, "settle_coin", report->scopes[i].settle_coin);
        member_text(out, "order_filter", report->scopes[i].order_filter);
        member_text(out, "state", sweep_state_word(report->scopes[i].state));
        member_int(out, "rounds", report->scopes[i].rounds);
        member_text(out, "error", report->scopes[i].error);
        json_add_close(out, '}');
    }
    json_add_close(out, ']');
}

static bool was_killed(const struct guard_report *report)
{
    return report->state.killed || report->scopes_count || report->cancelled_count ||
           report->filled_count || report->not_sent_count;
}

/* Null when there was none in this run. */
static void add_kill(struct buffer *out, const struct guard_report *report)
{
    json_add_key(out, "kill");
    if (!was_killed(report)) {
        json_add_null(out);
        return;
    }
    json_add_open(out, '{');
    member_int(out, "cancelled_count", (int64_t)report->cancelled_count);
    add_cancelled(out, report);
    member_int(out, "filled_count", (int64_t)report->filled_count);
    member_int(out, "not_sent_count", (int64_t)report->not_sent_count);
    member_int(out, "open_count", (int64_t)report->open_count);
    member_int(out, "unknown_count", (int64_t)report->unknown_count);
    add_scopes(out, report);
    json_add_close(out, '}');
}

void api_add_guard(struct buffer *out, const struct guard_report *report)
{
    const struct guard_state *state = &report->state;

    json_add_open(out, '{');
    member_bool(out, "killed", state->killed);
    member_bool(out, "clear", state->clear);
    member_time(out, "since", state->since_ms);
    member_text(out, "reason", state->reason);
    member_text(out, "by", state->by);
    member_bool(out, "durable", report->durable);
    add_rules(out, &state->rules);
    add_ceiling(out, report);
    add_counts(out, report);
    add_kill(out, report);
    json_add_close(out, '}');
}
