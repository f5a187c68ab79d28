#include "db/pnl_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "db/pnl_check_parts.h"

static const char *text_of(const char *text)
{
    return text ? text : "";
}

static void find_legs(struct pnl_check *check, const struct pnl_fill *fill, pnl_int fee,
                      struct pnl_legs *out)
{
    bool is_funding = fill->kind == FILL_FUNDING;
    struct pnl_check_row *row;

    out->count = 0;
    pnl_check_by_id(check, fill->category, fill->symbol, text_of(fill->exec_id),
                    text_of(fill->order_id), is_funding, out);
    if (out->count > 0 || !is_funding)
        return;
    row = pnl_check_by_time(check, fill, -fee);
    if (row)
        out->at[out->count++] = row;
}

/* The side's price and size are told. */
static bool is_trade(enum fill_kind kind)
{
    return kind == FILL_TRADE || kind == FILL_LIQUIDATION || kind == FILL_ADL;
}

/* Beside the rows of a trade another one (a refund, ...) says nothing of the trade. */
static bool is_beside(const struct pnl_legs *legs, const struct pnl_check_row *row)
{
    return row->kind == LEDGER_OTHER && legs->count > 1;
}

/* Of spot the rows of the base coin tell it. */
static bool tells_qty(const struct pnl_legs *legs, const char *base, pnl_int *qty)
{
    bool told = false;

    *qty = 0;
    for (size_t i = 0; i < legs->count; i++) {
        const struct pnl_check_row *row = legs->at[i];

        if (!row->has_qty || is_beside(legs, row) ||
            (row->category == CATEGORY_SPOT && strcmp(row->coin, base) != 0))
            continue;
        told = true;
        *qty += pnl_check_size_of(row->qty);
    }
    return told;
}

static bool is_qty(const struct pnl_fill *fill, const char *base, pnl_int told, pnl_int qty,
                   pnl_int fee)
{
    return pnl_check_is_near(told, qty) ||
           (fill->category == CATEGORY_SPOT && strcmp(fill->fee_coin, base) == 0 &&
            pnl_check_is_near(told, qty - fee));
}

static unsigned compare_trade(const struct pnl_legs *legs, const struct pnl_fill *fill,
                              const char *base, pnl_int fee)
{
    unsigned fields = 0;
    pnl_int told;
    pnl_int value;

    if (!is_trade(fill->kind))
        return 0;
    if (tells_qty(legs, base, &told) && pnl_int_of(&value, &fill->qty) &&
        !is_qty(fill, base, told, value, fee))
        fields |= PNL_FIELD_QTY;
    if (!pnl_int_of(&value, &fill->price))
        return fields;
    for (size_t i = 0; i < legs->count; i++) {
        const struct pnl_check_row *row = legs->at[i];

        if (row->has_price && !is_beside(legs, row) && !pnl_check_is_near(row->price, value))
            fields |= PNL_FIELD_PRICE;
    }
    return fields;
}

/* Adds up the rows; returns what is not equal. */
static unsigned compare(const struct pnl_legs *legs, const struct pnl_fill *fill, const char *base,
                        pnl_int fee, struct pnl_finding *out)
{
    bool is_funding = fill->kind == FILL_FUNDING;
    unsigned fields = compare_trade(legs, fill, base, fee);

    for (size_t i = 0; i < legs->count; i++) {
        const struct pnl_check_row *row = legs->at[i];

        out->flow += row->flow;
        out->has_flow = out->has_flow || row->has_flow;
        if (!is_beside(legs, row)) {
            out->size = row->size;
            out->has_size = row->has_size;
        }
        if (pnl_check_is_coin(row, fill)) {
            out->fee += row->fee;
            out->funding += row->funding;
        } else if (!pnl_check_is_near(row->fee, 0) || !pnl_check_is_near(row->funding, 0)) {
            fields |= PNL_FIELD_COIN;
        }
    }
    if (!pnl_check_is_near(out->fee, is_funding ? 0 : fee))
        fields |= PNL_FIELD_FEE;
    if (!pnl_check_is_near(out->funding, is_funding ? -fee : 0))
        fields |= PNL_FIELD_FUNDING;
    return fields;
}

static struct decimal shown(bool has, pnl_int value)
{
    return has ? pnl_int_shown(value) : DECIMAL_NONE;
}

static void show_journal(struct pnl_side *side, const struct pnl_fill *fill, pnl_int fee)
{
    bool is_funding = fill->kind == FILL_FUNDING;

    side->qty = fill->qty;
    side->price = fill->price;
    side->fee = is_funding ? DECIMAL_NONE : fill->fee;
    side->funding = shown(is_funding, -fee);
    text_cut(side->coin, sizeof(side->coin), fill->fee_coin);
}

/* What the rows in the coin of one of them have paid, or got as funding. */
static pnl_int paid_in(const struct pnl_legs *legs, const struct pnl_check_row *which)
{
    pnl_int sum = 0;

    for (size_t i = 0; i < legs->count; i++) {
        if (strcmp(legs->at[i]->coin, which->coin) == 0)
            sum += which->kind == LEDGER_FUNDING ? legs->at[i]->funding : legs->at[i]->fee;
    }
    return sum;
}

/* The coin is that of a row which pays the fee. */
static void show_log(struct pnl_side *side, const struct pnl_legs *legs, const char *base)
{
    const struct pnl_check_row *paying = legs->at[0];
    pnl_int qty;

    side->price = DECIMAL_NONE;
    for (size_t i = 0; i < legs->count; i++) {
        if (paying->fee == 0)
            paying = legs->at[i];
        if (legs->at[i]->has_price && !is_beside(legs, legs->at[i]))
            side->price = pnl_int_shown(legs->at[i]->price);
    }
    side->qty = tells_qty(legs, base, &qty) ? pnl_int_shown(qty) : DECIMAL_NONE;
    side->fee = shown(paying->kind != LEDGER_FUNDING, paid_in(legs, paying));
    side->funding = shown(paying->kind == LEDGER_FUNDING, paid_in(legs, paying));
    memcpy(side->coin, paying->coin, sizeof(side->coin));
}

static void add_difference(struct pnl_check *check, const struct pnl_difference *difference)
{
    if (check->differences_count < PNL_CHECK_SHOWN_MAX)
        check->differences[check->differences_count++] = *difference;
}

static void tell_fill(struct pnl_check *check, const struct pnl_fill *fill, const char *base,
                      pnl_int fee, const struct pnl_legs *legs, unsigned fields)
{
    struct pnl_difference difference = { .kind = legs->count ? PNL_DIFFERENT : PNL_EXTRA,
                                         .fields = fields,
                                         .category = fill->category,
                                         .at_ms = fill->at_ms };

    text_cut(difference.exec_id, sizeof(difference.exec_id), text_of(fill->exec_id));
    text_cut(difference.order_id, sizeof(difference.order_id), text_of(fill->order_id));
    text_cut(difference.symbol, sizeof(difference.symbol), fill->symbol);
    show_journal(&difference.journal, fill, fee);
    if (legs->count)
        show_log(&difference.log, legs, base);
    add_difference(check, &difference);
}

void pnl_check_fill(struct pnl_check *check, const struct pnl_fill *fill, const char *base,
                    bool counts, struct pnl_finding *out)
{
    struct pnl_legs legs = { .count = 0 };
    unsigned fields = 0;
    pnl_int fee = 0;

    *out = (struct pnl_finding){ .verdict = PNL_NOT_COMPARED };
    if (check->span.to_ms <= check->span.from_ms ||
        fill->at_ms < check->span.from_ms - PNL_CHECK_EDGE_MS)
        return;
    if (!pnl_int_of(&fee, &fill->fee))
        fee = 0;
    find_legs(check, fill, fee, &legs);
    for (size_t i = 0; i < legs.count; i++) {
        legs.at[i]->used = true;
        check->counts.other -=
            legs.at[i]->kind == LEDGER_OTHER && pnl_check_in_span(check, legs.at[i]->at_ms);
    }
    if (!pnl_check_in_span(check, fill->at_ms))
        return;
    out->found = legs.count > 0;
    if (out->found)
        fields = compare(&legs, fill, base, fee, out);
    if (out->found && !fields)
        out->verdict = PNL_SAME;
    else
        out->verdict = fill->at_ms >= check->span.settled_ms ? PNL_NOT_YET : PNL_NOT_SAME;
    if (!counts)
        return;
    check->counts.matched += out->verdict == PNL_SAME;
    check->counts.pending += out->verdict == PNL_NOT_YET;
    if (out->verdict != PNL_NOT_SAME)
        return;
    check->counts.different += out->found;
    check->counts.extra += !out->found;
    tell_fill(check, fill, base, fee, &legs, fields);
}

/* --- what the journal has not --- */

static void show_lack(struct pnl_check *check, const struct pnl_legs *legs, struct pnl_lack *out)
{
    const struct pnl_check_row *first = legs->at[0];

    memset(out, 0, sizeof(*out));
    out->verdict = first->at_ms >= check->span.settled_ms ? PNL_NOT_YET : PNL_NOT_SAME;
    out->kind = first->kind;
    out->difference = (struct pnl_difference){ .kind = PNL_MISSING,
                                               .category = first->category,
                                               .at_ms = first->at_ms };
    memcpy(out->difference.exec_id, first->exec_id, sizeof(first->exec_id));
    memcpy(out->difference.order_id, first->order_id, sizeof(first->order_id));
    memcpy(out->difference.symbol, first->symbol, sizeof(first->symbol));
    show_log(&out->difference.log, legs, "");
    out->legs_count = legs->count;
    for (size_t i = 0; i < legs->count; i++) {
        out->legs[i].coin = legs->at[i]->coin;
        out->legs[i].qty = pnl_check_size_of(legs->at[i]->qty);
        out->legs[i].has_qty = legs->at[i]->has_qty;
        out->legs[i].fee = legs->at[i]->fee;
        out->legs[i].funding = legs->at[i]->funding;
        out->legs[i].flow = legs->at[i]->flow;
        out->legs[i].has_flow = legs->at[i]->has_flow;
    }
}

bool pnl_check_lack(struct pnl_check *check, struct pnl_lack *out)
{
    struct pnl_legs legs = { .count = 0 };

    while (check->lack_at < check->rows_count) {
        struct pnl_check_row *row = &check->rows[check->lack_at++];

        if (row->used || row->kind == LEDGER_OTHER || !pnl_check_in_span(check, row->at_ms) ||
            (row->category == CATEGORY_OPTION && row->at_ms < check->span.options_from_ms))
            continue;
        if (row->exec_id[0])
            pnl_check_by_id(check, row->category, row->symbol, row->exec_id, row->order_id, false,
                            &legs);
        else
            legs.at[legs.count++] = row;
        for (size_t i = 0; i < legs.count; i++)
            legs.at[i]->used = true;
        show_lack(check, &legs, out);
        return true;
    }
    return false;
}

static struct decimal qty_in(const struct pnl_lack *lack, const char *coin)
{
    bool told = false;
    pnl_int qty = 0;

    for (size_t i = 0; i < lack->legs_count; i++) {
        if (!lack->legs[i].has_qty || strcmp(lack->legs[i].coin, coin) != 0)
            continue;
        told = true;
        qty += lack->legs[i].qty;
    }
    return shown(told, qty);
}

void pnl_check_count(struct pnl_check *check, const struct pnl_lack *lack, const char *base)
{
    struct pnl_difference difference = lack->difference;

    if (lack->verdict == PNL_NOT_YET) {
        check->counts.pending++;
        return;
    }
    check->counts.missing++;
    if (difference.category == CATEGORY_SPOT)
        difference.log.qty = qty_in(lack, base);
    add_difference(check, &difference);
}

static int compare_differences(const void *left, const void *right)
{
    const struct pnl_difference *a = left;
    const struct pnl_difference *b = right;
    int order = (a->at_ms > b->at_ms) - (a->at_ms < b->at_ms);

    if (!order)
        order = strcmp(a->exec_id, b->exec_id);
    return order ? order : strcmp(a->order_id, b->order_id);
}

const struct pnl_difference *pnl_check_differences(struct pnl_check *check, size_t *count)
{
    qsort(check->differences, check->differences_count, sizeof(check->differences[0]),
          compare_differences);
    *count = check->differences_count;
    return check->differences;
}
