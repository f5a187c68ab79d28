#include "api/timeline_step.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

/* Values of an order's event. What an amend changes comes first. */
static const char *const names[TIMELINE_VALUES] = {
    "qty", "price", "trigger_price", "take_profit", "stop_loss", "filled_qty", "avg_price",
};
#define AMENDED  5 /* of them */
#define FILLED   5
#define AVG      6
#define TEXT_MAX 160

static const char *shown(const char *value)
{
    return value[0] ? value : "none";
}

static void separate(struct text *detail)
{
    if (detail->bytes)
        text_add(detail, ", ");
}

/* --- orders --- */

static void read_state(const struct json *json, struct timeline_state *out)
{
    out->known = json_member_text(json, "state", out->state, sizeof(out->state)) == ERR_NONE;
    for (size_t i = 0; i < TIMELINE_VALUES; i++) {
        if (json_member_text(json, names[i], out->values[i], sizeof(out->values[i])))
            out->values[i][0] = '\0';
    }
}

/* Absent, null and 0 are alike: there is none. */
static bool is_same(const char *a, const char *b)
{
    struct decimal left = DECIMAL_ZERO;
    struct decimal right = DECIMAL_ZERO;

    if ((a[0] && decimal_parse(&left, a)) || (b[0] && decimal_parse(&right, b)))
        return strcmp(a, b) == 0;
    return decimal_cmp(&left, &right) == 0;
}

static bool is_amended(const struct timeline_state *before, const struct timeline_state *now)
{
    for (size_t i = 0; i < AMENDED; i++) {
        if (!is_same(before->values[i], now->values[i]))
            return true;
    }
    return false;
}

static bool has_filled_more(const struct timeline_state *before, const struct timeline_state *now)
{
    return !is_same(before->values[FILLED], now->values[FILLED]);
}

/* A link that was not sent may be tried again: its end is none. */
static bool has_ended(const struct timeline_state *state)
{
    static const char *const ends[] = { "filled", "cancelled", "rejected", "never_accepted" };

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (strcmp(ends[i], state->state) == 0)
            return true;
    }
    return false;
}

static const char *step_name(const struct timeline_state *before, const struct timeline_state *now)
{
    bool moved = !before->known || strcmp(before->state, now->state) != 0;

    if (before->known && has_ended(before) && (moved || has_filled_more(before, now)))
        return "anomaly";
    if (moved)
        return strcmp(now->state, "accepted") == 0 ? "acknowledged" : now->state;
    if (is_amended(before, now))
        return "amended";
    return has_filled_more(before, now) ? now->state : "updated";
}

/* A reason, when there is one. */
static void add_reason(struct text *detail, const struct json *json, const char *name)
{
    char reason[TEXT_MAX];

    if (json_member_text(json, name, reason, sizeof(reason)) || !reason[0])
        return;
    separate(detail);
    text_addf(detail, "%s: %s", name, reason);
}

static void describe_order(const struct timeline_state *before, const struct timeline_state *now,
                           const struct json *json, struct timeline_step *out)
{
    struct text detail = text_in(out->detail, sizeof(out->detail));

    if (strcmp(out->step, "anomaly") == 0)
        text_addf(&detail, "%s after it had ended as %s", now->state, before->state);
    for (size_t i = 0; before->known && i < AMENDED; i++) {
        if (is_same(before->values[i], now->values[i]))
            continue;
        separate(&detail);
        text_addf(&detail, "%s %s -> %s", names[i], shown(before->values[i]),
                  shown(now->values[i]));
    }
    if (before->known ? has_filled_more(before, now) : !is_same("", now->values[FILLED])) {
        separate(&detail);
        text_addf(&detail, "filled_qty %s at %s", shown(now->values[FILLED]),
                  shown(now->values[AVG]));
    }
    add_reason(&detail, json, "reject_reason");
    add_reason(&detail, json, "cancel_reason");
}

static void order_step(struct timeline_state *state, const struct json *json,
                       struct timeline_step *out)
{
    struct timeline_state before = *state;

    read_state(json, state);
    out->step = step_name(&before, state);
    out->state = state->state;
    describe_order(&before, state, json, out);
}

/* --- fills --- */

static const char *fill_step(const struct json *json)
{
    char word[24];
    enum fill_kind kind;

    if (json_member_text(json, "kind", word, sizeof(word)) || !fill_kind_parse(word, &kind) ||
        kind == FILL_TRADE || kind == FILL_OTHER)
        return "fill";
    return fill_kind_word(kind);
}

static void describe_fill(const struct json *json, struct timeline_step *out)
{
    static const struct {
        const char *before, *name;
    } parts[] = { { "", "side" },          { " ", "qty" },      { " at ", "price" },
                  { ", fee ", "fee" },     { " ", "fee_coin" }, { ", ", "liquidity" },
                  { ", execution ", "id" } };
    struct text detail = text_in(out->detail, sizeof(out->detail));
    char value[TEXT_MAX];

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (!json_member_text(json, parts[i].name, value, sizeof(value)) && value[0])
            text_addf(&detail, "%s%s", parts[i].before, value);
    }
}

/* --- */

static bool names_order(const struct json *json, bool is_fill, const struct order *order)
{
    char category[16];
    char id[ORDER_ID_MAX];
    char link[ORDER_LINK_MAX];

    if (json_member_text(json, "category", category, sizeof(category)) ||
        strcmp(category, category_word(order->request.category)) != 0)
        return false;
    if (json_member_text(json, is_fill ? "order_id" : "id", id, sizeof(id)))
        return false;
    if (order->order_id[0] && id[0])
        return strcmp(id, order->order_id) == 0;
    return !is_fill && order->request.link[0] &&
           !json_member_text(json, "link", link, sizeof(link)) &&
           strcmp(link, order->request.link) == 0;
}

bool timeline_step(struct timeline_state *state, const struct order *order,
                   const struct stored_event *event, struct timeline_step *out)
{
    bool is_fill = strcmp(event->event, "fill") == 0;
    struct json json;

    if (json_open_trusted(&json, event->json, event->json_bytes, NULL) ||
        !names_order(&json, is_fill, order))
        return false;
    memset(out, 0, sizeof(*out));
    out->at_ms = event->at_ms;
    out->seq = event->seq;
    if (json_member_int(&json, "ts", &out->exchange_ms))
        out->exchange_ms = 0;
    if (is_fill) {
        out->step = fill_step(&json);
        describe_fill(&json, out);
    } else {
        order_step(state, &json, out);
    }
    return true;
}

void timeline_begin(const struct order *order, struct timeline_step *out)
{
    struct text detail = text_in(out->detail, sizeof(out->detail));
    char qty[DECIMAL_TEXT_MAX];

    memset(out, 0, sizeof(*out));
    if (order->external) {
        out->step = "external";
        out->exchange_ms = order->created_ms;
        text_add(&detail, "not made here");
        return;
    }
    out->step = "intent";
    out->state = "pending";
    out->at_ms = order->created_ms;
    /* Its price may have been amended since: events show the values. */
    text_addf(&detail, "%s %s %s", side_word(order->request.side),
              order_type_word(order->request.type), order->request.symbol);
    if (order->request.qty_in_quote)
        text_addf(&detail, " for %s", decimal_format(&order->request.qty, qty));
}

void timeline_amend(const struct order *order, const char *change, struct timeline_step *out)
{
    static const char *const words[] = { [AMEND_NONE] = "none",
                                         [AMEND_INTENT] = "not sent yet",
                                         [AMEND_SENT] = "sent",
                                         [AMEND_UNKNOWN] = "unknown" };
    struct text detail = text_in(out->detail, sizeof(out->detail));

    *out = (struct timeline_step){ .step = "amend",
                                   .at_ms = order->amend_ms,
                                   .state = order_state_word(order) };
    text_addf(&detail, "%s: %s", words[order->amend], change);
}
