/* engine/order.h - an order: merge of evidence into it. Pure: values in, values out (RELIABILITY
 * section 2 and 3 "Merge"). */
#pragma once

#include <stdbool.h>

#include "base/trade.h"

enum merge_result {
    MERGE_TAKEN,    /* something changed */
    MERGE_SAME,     /* nothing new */
    MERGE_STALE,    /* older than what is known */
    MERGE_CONFLICT, /* cannot be both: look it up (and journal an anomaly) */
};

/* Takes an order message if cumExecQty is larger, or equal with updatedTime not smaller and rank
 * not lower (created < new, untriggered < triggered < partly filled < closed). Closed never reopens
 * at equal cumExecQty. Sets state, status, filled_*, avg_price, fees, reasons, exchange_ms, and of
 * the request what an amend can change; of external orders also its type. Does not touch seq,
 * updated_ms. */
enum merge_result order_merge(struct order *order, const struct order_report *report);

/* Whether the numbers can be: nothing negative, not more executed than asked for, nothing filled
 * without size. */
bool order_report_is_sane(const struct order_report *report);

/* A new external order from a report (state by its status). */
void order_from_report(struct order *order, const struct order_report *report, int64_t now_ms);

/* Whether a report can be of this order: symbol, category, side, and, when ours, qty and price
 * agree as decimals (a market order's price is the exchange's own, and an earlier attempt of it may
 * have had another size), as they are or as an amend in flight is to make them. For DUPLICATE
 * answers. */
bool order_matches(const struct order *order, const struct order_report *report);

/* The request as the change would make it. value_price: the change's; without one that of the
 * request, or NONE when the price is another. */
void order_amended(const struct order_request *request, const struct order_change *change,
                   struct order_request *out);

/* Whether the request already is as the change would make it. */
bool order_change_is_made(const struct order_request *request, const struct order_change *change);

/* Whether a report shows all of the change. */
bool order_change_is_shown(const struct order_change *change, const struct order_report *report);
