/* tests/test_order.c - the merge of order messages, as a table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "engine/order.h"

static struct order known(enum order_state state, enum exchange_status status, int filled,
                          int64_t at_ms)
{
    struct order order;

    memset(&order, 0, sizeof(order));
    memcpy(order.request.symbol, "BTCUSDT", 8);
    memcpy(order.request.link, "a", 2);
    order.request.category = CATEGORY_LINEAR;
    order.request.side = SIDE_BUY;
    order.request.type = ORDER_TYPE_LIMIT;
    order.request.qty = decimal_from_int(10);
    order.request.price = decimal_from_int(100);
    order.state = state;
    order.status = status;
    order.filled_qty = decimal_from_int(filled);
    order.filled_value = DECIMAL_NONE;
    order.avg_price = DECIMAL_NONE;
    order.exchange_ms = at_ms;
    memcpy(order.order_id, "id", 3);
    return order;
}

static struct order_report told(enum exchange_status status, int filled, int64_t at_ms)
{
    struct order_report report;

    memset(&report, 0, sizeof(report));
    memcpy(report.symbol, "BTCUSDT", 8);
    memcpy(report.order_id, "id", 3);
    memcpy(report.link, "a", 2);
    report.category = CATEGORY_LINEAR;
    report.side = SIDE_BUY;
    report.type = ORDER_TYPE_LIMIT;
    report.status = status;
    report.qty = decimal_from_int(10);
    report.price = decimal_from_int(100);
    report.trigger_price = DECIMAL_NONE;
    report.filled_qty = decimal_from_int(filled);
    report.filled_value = DECIMAL_NONE;
    report.avg_price = DECIMAL_NONE;
    report.created_ms = 1;
    report.updated_ms = at_ms;
    return report;
}

#define ACK  ORDER_ACKED, STATUS_NONE
#define NEW_ ORDER_LIVE, STATUS_NEW
#define PART ORDER_LIVE, STATUS_PARTIALLY_FILLED
#define FULL ORDER_CLOSED, STATUS_FILLED
#define CANC ORDER_CLOSED, STATUS_CANCELLED

static const struct {
    const char *what;
    enum order_state state;
    enum exchange_status status;
    int filled;
    int64_t at_ms;
    enum exchange_status told_status;
    int told_filled;
    int64_t told_ms;
    enum merge_result result;
    enum order_state end;
    enum exchange_status end_status;
    int end_filled;
} merges[] = {
    { "first sight", ACK, 0, 0, STATUS_NEW, 0, 5, MERGE_TAKEN, NEW_, 0 },
    { "the same again", NEW_, 0, 5, STATUS_NEW, 0, 5, MERGE_SAME, NEW_, 0 },
    { "an older one", NEW_, 0, 5, STATUS_NEW, 0, 4, MERGE_STALE, NEW_, 0 },
    { "a part fill", NEW_, 0, 5, STATUS_PARTIALLY_FILLED, 3, 6, MERGE_TAKEN, PART, 3 },
    { "more filled at one and the same time", PART, 3, 6, STATUS_PARTIALLY_FILLED, 4, 6,
      MERGE_TAKEN, PART, 4 },
    { "more filled with an older time", PART, 3, 6, STATUS_PARTIALLY_FILLED, 4, 5, MERGE_TAKEN,
      PART, 4 },
    { "less filled, older", PART, 4, 6, STATUS_PARTIALLY_FILLED, 3, 6, MERGE_STALE, PART, 4 },
    { "less filled, newer", PART, 4, 6, STATUS_PARTIALLY_FILLED, 3, 7, MERGE_CONFLICT, PART, 4 },
    { "less filled and ended", PART, 4, 6, STATUS_CANCELLED, 3, 5, MERGE_CONFLICT, PART, 4 },
    { "new after a part fill, late", PART, 4, 6, STATUS_NEW, 0, 5, MERGE_STALE, PART, 4 },
    { "filled", PART, 4, 6, STATUS_FILLED, 10, 7, MERGE_TAKEN, FULL, 10 },
    { "a cancel that came too late, by status", FULL, 10, 7, STATUS_CANCELLED, 10, 8, MERGE_SAME,
      FULL, 10 },
    { "filled again", FULL, 10, 7, STATUS_FILLED, 10, 8, MERGE_SAME, FULL, 10 },
    { "partially filled, then cancelled", PART, 4, 6, STATUS_CANCELLED, 4, 7, MERGE_TAKEN, CANC,
      4 },
    { "the part fill after the cancel", CANC, 4, 7, STATUS_PARTIALLY_FILLED, 4, 6, MERGE_STALE,
      CANC, 4 },
    { "spot's word for it", PART, 4, 6, STATUS_PARTIALLY_FILLED_CANCELED, 4, 7, MERGE_TAKEN,
      ORDER_CLOSED, STATUS_PARTIALLY_FILLED_CANCELED, 4 },
    { "ended with an older time", NEW_, 0, 5, STATUS_CANCELLED, 0, 4, MERGE_TAKEN, CANC, 0 },
    { "closed never reopens", CANC, 0, 5, STATUS_NEW, 0, 4, MERGE_STALE, CANC, 0 },
    { "closed never reopens, not even later", CANC, 0, 5, STATUS_NEW, 0, 9, MERGE_CONFLICT, CANC,
      0 },
    { "closed, but with more", CANC, 0, 5, STATUS_CANCELLED, 2, 6, MERGE_TAKEN, CANC, 2 },
    { "rejected later", ACK, 0, 0, STATUS_REJECTED, 0, 5, MERGE_TAKEN, ORDER_REJECTED,
      STATUS_REJECTED, 0 },
    { "deactivated", ORDER_LIVE, STATUS_UNTRIGGERED, 0, 5, STATUS_DEACTIVATED, 0, 6, MERGE_TAKEN,
      ORDER_CLOSED, STATUS_DEACTIVATED, 0 },
    { "triggered", ORDER_LIVE, STATUS_UNTRIGGERED, 0, 5, STATUS_TRIGGERED, 0, 5, MERGE_TAKEN,
      ORDER_LIVE, STATUS_TRIGGERED, 0 },
    { "new after triggered", ORDER_LIVE, STATUS_TRIGGERED, 0, 5, STATUS_NEW, 0, 5, MERGE_TAKEN,
      NEW_, 0 },
    { "untriggered after new, late", NEW_, 0, 5, STATUS_UNTRIGGERED, 0, 5, MERGE_STALE, NEW_, 0 },
    { "an undocumented word is open", ACK, 0, 0, STATUS_OTHER, 0, 5, MERGE_TAKEN, ORDER_LIVE,
      STATUS_OTHER, 0 },
    { "not sent, yet there", ORDER_NOT_SENT, STATUS_NONE, 0, 0, STATUS_NEW, 0, 5, MERGE_TAKEN, NEW_,
      0 },
    { "never accepted, yet filled", ORDER_NEVER_ACCEPTED, STATUS_NONE, 0, 0, STATUS_FILLED, 10, 5,
      MERGE_TAKEN, FULL, 10 },
    { "gone, yet open", ORDER_GONE, STATUS_NEW, 0, 5, STATUS_NEW, 0, 5, MERGE_TAKEN, NEW_, 0 },
    { "more filled than asked for", NEW_, 0, 5, STATUS_PARTIALLY_FILLED, 11, 6, MERGE_CONFLICT,
      NEW_, 0 },
    { "a negative size", NEW_, 0, 5, STATUS_PARTIALLY_FILLED, -1, 6, MERGE_CONFLICT, NEW_, 0 },
    { "filled with nothing", NEW_, 0, 5, STATUS_FILLED, 0, 6, MERGE_CONFLICT, NEW_, 0 },
};

START_TEST(a_message_is_taken_only_if_it_tells_more)
{
    struct order order =
        known(merges[_i].state, merges[_i].status, merges[_i].filled, merges[_i].at_ms);
    struct order_report report =
        told(merges[_i].told_status, merges[_i].told_filled, merges[_i].told_ms);
    struct decimal filled = decimal_from_int(merges[_i].end_filled);

    ck_assert_msg(order_merge(&order, &report) == merges[_i].result, "%s", merges[_i].what);
    ck_assert_msg(order.state == merges[_i].end, "%s", merges[_i].what);
    ck_assert_msg(order.status == merges[_i].end_status, "%s", merges[_i].what);
    ck_assert_int_eq(decimal_cmp(&order.filled_qty, &filled), 0);
}
END_TEST

START_TEST(a_message_about_another_order_is_a_conflict)
{
    struct order order = known(NEW_, 0, 5);
    struct order_report report = told(STATUS_FILLED, 10, 6);

    report.side = SIDE_SELL;
    ck_assert_int_eq(order_merge(&order, &report), MERGE_CONFLICT);
    report = told(STATUS_FILLED, 10, 6);
    memcpy(report.order_id, "xx", 3);
    ck_assert_int_eq(order_merge(&order, &report), MERGE_CONFLICT);
    report = told(STATUS_FILLED, 10, 6);
    memcpy(report.symbol, "ETHUSDT", 8);
    ck_assert_int_eq(order_merge(&order, &report), MERGE_CONFLICT);
    ck_assert_int_eq(order.state, ORDER_LIVE);
}
END_TEST

START_TEST(decimals_are_compared_as_decimals)
{
    struct order order = known(PART, 3, 5);
    struct order_report report = told(STATUS_PARTIALLY_FILLED, 3, 6);

    report.filled_qty = (struct decimal){ 3000, 3 };
    ck_assert_int_eq(order_merge(&order, &report), MERGE_SAME);
}
END_TEST

START_TEST(a_post_only_order_that_would_cross_is_cancelled_with_its_reason)
{
    struct order order = known(ACK, 0, 0);
    struct order_report report = told(STATUS_CANCELLED, 0, 5);

    memcpy(report.reject_reason, "EC_PostOnlyWillTakeLiquidity", 29);
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    ck_assert_str_eq(order.reject_reason, "EC_PostOnlyWillTakeLiquidity");
    ck_assert_str_eq(order_state_word(&order), "cancelled");
}
END_TEST

START_TEST(a_late_cancel_leaves_no_reason_on_a_filled_order)
{
    struct order order = known(FULL, 10, 7);
    struct order_report report = told(STATUS_FILLED, 10, 8);

    memcpy(report.reject_reason, "EC_NoError", 11);
    memcpy(report.cancel_reason, "CancelByUser", 13);
    (void)order_merge(&order, &report);
    ck_assert_str_eq(order.cancel_reason, "");
    ck_assert_str_eq(order.reject_reason, "");
}
END_TEST

START_TEST(a_spot_market_order_may_execute_more_than_its_quote_size)
{
    struct order order = known(ACK, 0, 0);
    struct order_report report = told(STATUS_FILLED, 11, 5);

    order.request.category = report.category = CATEGORY_SPOT;
    order.request.type = report.type = ORDER_TYPE_MARKET;
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
}
END_TEST

static bool is_text(const struct decimal *value, const char *text)
{
    char shown[DECIMAL_TEXT_MAX];

    return strcmp(decimal_format(value, shown), text) == 0;
}

/* An average is one of all that is filled: that of less is none. */
START_TEST(an_average_that_is_not_told_follows_from_the_value_or_is_none)
{
    struct order order = known(PART, 3, 6);
    struct order_report report = told(STATUS_PARTIALLY_FILLED, 4, 7);

    order.avg_price = order.filled_value = decimal_from_int(300);
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    ck_assert(decimal_is_none(&order.avg_price) && decimal_is_none(&order.filled_value));
    report = told(STATUS_PARTIALLY_FILLED, 8, 8);
    report.filled_value = decimal_from_int(500);
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    ck_assert(is_text(&order.avg_price, "62.5") && is_text(&order.filled_value, "500"));
    ck_assert_int_eq(order_merge(&order, &report), MERGE_SAME);
    order.request.category = report.category = CATEGORY_INVERSE;
    report.filled_qty = decimal_from_int(10);
    report.filled_value = (struct decimal){ 25, 4 };
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    ck_assert(is_text(&order.avg_price, "4000"));
    report.updated_ms = 9; /* told at last */
    report.avg_price = decimal_from_int(4001);
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    ck_assert(is_text(&order.avg_price, "4001"));
}
END_TEST

/* So are fees: else the end's own, when they come, were not taken for what was lacking. */
START_TEST(fees_of_less_are_none_of_more)
{
    struct order order = known(PART, 3, 6);
    struct order_report report = told(STATUS_PARTIALLY_FILLED, 3, 7);

    report.fees_count = 1;
    report.fees[0] = (struct fee){ "USDT", decimal_from_int(3) };
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    report = told(STATUS_PARTIALLY_FILLED, 3, 8); /* no more, and not told */
    ck_assert_int_eq(order_merge(&order, &report), MERGE_SAME);
    ck_assert_int_eq(order.fees_count, 1);
    report = told(STATUS_FILLED, 10, 9);
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    ck_assert_int_eq(order.fees_count, 0);
    report.fees_count = 1;
    report.fees[0] = (struct fee){ "USDT", decimal_from_int(10) };
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    ck_assert(order.fees_count == 1 && is_text(&order.fees[0].amount, "10"));
}
END_TEST

/* Fills that no order was found for made it; now there is its message. */
START_TEST(an_order_made_of_fills_becomes_what_its_first_message_says)
{
    struct order order;
    struct order_report report = told(STATUS_FILLED, 10, 6);
    struct order_report fill = { .category = CATEGORY_LINEAR, .side = SIDE_BUY };

    memcpy(fill.symbol, "BTCUSDT", 8);
    memcpy(fill.order_id, "id", 3);
    fill.qty = fill.price = fill.trigger_price = DECIMAL_NONE;
    fill.filled_qty = fill.filled_value = fill.avg_price = DECIMAL_NONE;
    order_from_report(&order, &fill, 77);
    report.position_idx = 2;
    report.reduce_only = report.close_on_trigger = true;
    report.trigger_by = TRIGGER_BY_MARK;
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    ck_assert_int_eq(order.request.type, ORDER_TYPE_LIMIT);
    ck_assert_int_eq(order.request.position_idx, 2);
    ck_assert(order.request.reduce_only && order.request.close_on_trigger);
    ck_assert_int_eq(order.request.trigger_by, TRIGGER_BY_MARK);
}
END_TEST

START_TEST(an_external_order_is_what_the_report_says)
{
    struct order order;
    struct order_report report = told(STATUS_PARTIALLY_FILLED, 3, 6);

    order_from_report(&order, &report, 77);
    ck_assert(order.external);
    ck_assert_int_eq(order.state, ORDER_LIVE);
    ck_assert_str_eq(order.order_id, "id");
    ck_assert_int_eq(order.created_ms, 1);
    report = told(STATUS_PARTIALLY_FILLED, 3, 7);
    report.price = decimal_from_int(101);
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    ck_assert_int_eq(decimal_cmp(&order.request.price, &report.price), 0);
    report = told(STATUS_NEW, -3, 7);
    order_from_report(&order, &report, 77);
    ck_assert_int_eq(decimal_sign(&order.filled_qty), 0);
}
END_TEST

START_TEST(an_external_order_on_spot_is_one_of_two_kinds_while_it_waits)
{
    static const struct {
        enum category category;
        const char *type;
        int trigger;
        enum spot_trigger kind;
    } cases[] = { { CATEGORY_SPOT, "Stop", 50, SPOT_TRIGGER_STOP },
                  { CATEGORY_SPOT, "tpslOrder", 50, SPOT_TRIGGER_TPSL },
                  { CATEGORY_SPOT, "", 50, SPOT_TRIGGER_TPSL },
                  { CATEGORY_SPOT, "", 0, SPOT_TRIGGER_NONE },
                  { CATEGORY_LINEAR, "Stop", 50, SPOT_TRIGGER_NONE } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct order_report report = told(STATUS_UNTRIGGERED, 0, 6);
        struct order order;

        report.category = cases[i].category;
        report.trigger_price = decimal_from_int(cases[i].trigger);
        (void)snprintf(report.stop_type, sizeof(report.stop_type), "%s", cases[i].type);
        order_from_report(&order, &report, 77);
        ck_assert_int_eq(order.request.spot_trigger, cases[i].kind);
        order.request.spot_trigger = SPOT_TRIGGER_NONE; /* as it was stored once */
        ck_assert_int_eq(order_merge(&order, &report), cases[i].kind ? MERGE_TAKEN : MERGE_SAME);
        ck_assert_int_eq(order.request.spot_trigger, cases[i].kind);
    }
}
END_TEST

static bool is_int(const struct decimal *value, int number)
{
    struct decimal wanted = decimal_from_int(number);

    return decimal_cmp(value, &wanted) == 0;
}

START_TEST(a_spot_market_orders_size_is_taken_when_its_unit_is_told)
{
    struct order order = known(ACK, 0, 0);
    struct order_report report = told(STATUS_UNTRIGGERED, 0, 5);

    order.request.category = report.category = CATEGORY_SPOT;
    order.request.type = report.type = ORDER_TYPE_MARKET;
    report.qty = decimal_from_int(30);
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    ck_assert(is_int(&order.request.qty, 10)); /* it may be 30 of the other coin */
    report.unit_told = true;
    report.qty_in_quote = true;
    ck_assert_int_eq(order_merge(&order, &report), MERGE_SAME);
    report.qty_in_quote = false;
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    ck_assert(is_int(&order.request.qty, 30));
    order.request.qty_in_quote = report.qty_in_quote = true;
    report.qty = decimal_from_int(3000);
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    ck_assert(is_int(&order.request.qty, 3000));
}
END_TEST

START_TEST(an_external_order_may_count_quote_coin)
{
    struct order order;
    struct order_report report = told(STATUS_UNTRIGGERED, 0, 6);

    order_from_report(&order, &report, 77); /* as it was stored once */
    ck_assert(!order.request.qty_in_quote);
    report.qty_in_quote = true;
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    ck_assert(order.request.qty_in_quote);
    ck_assert_int_eq(order_merge(&order, &report), MERGE_SAME);
    order_from_report(&order, &report, 77);
    ck_assert(order.request.qty_in_quote);
}
END_TEST

START_TEST(an_order_matches_by_market_side_size_and_price)
{
    struct order order = known(ORDER_UNKNOWN, STATUS_NONE, 0, 0);
    struct order_report report = told(STATUS_NEW, 0, 5);

    ck_assert(order_matches(&order, &report));
    report.qty = decimal_from_int(9);
    ck_assert(!order_matches(&order, &report));
    report = told(STATUS_NEW, 0, 5);
    report.price = decimal_from_int(99);
    ck_assert(!order_matches(&order, &report));
    order.request.type = ORDER_TYPE_MARKET;
    ck_assert(order_matches(&order, &report));
    report.side = SIDE_SELL;
    ck_assert(!order_matches(&order, &report));
}
END_TEST

START_TEST(newer_evidence_changes_the_terms_of_our_orders)
{
    struct order order = known(NEW_, 0, 5);
    struct order_report report = told(STATUS_NEW, 0, 6);

    order.request.trigger_price = decimal_from_int(50);
    report.qty = decimal_from_int(12);
    report.price = decimal_from_int(101);
    report.trigger_price = decimal_from_int(51);
    report.take_profit = decimal_from_int(120);
    report.stop_loss = decimal_from_int(80);
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    ck_assert(is_int(&order.request.qty, 12));
    ck_assert(is_int(&order.request.price, 101));
    ck_assert(is_int(&order.request.trigger_price, 51));
    ck_assert(is_int(&order.request.take_profit, 120));
    ck_assert(is_int(&order.request.stop_loss, 80));
    ck_assert_int_eq(order_merge(&order, &report), MERGE_SAME);
    report = told(STATUS_NEW, 0, 5);
    ck_assert_int_eq(order_merge(&order, &report), MERGE_STALE);
    ck_assert(is_int(&order.request.qty, 12));
}
END_TEST

START_TEST(what_a_message_does_not_tell_stays)
{
    struct order order = known(NEW_, 0, 5);
    struct order_report report = told(STATUS_NEW, 0, 6);

    order.request.type = ORDER_TYPE_MARKET; /* its price is the exchange's own */
    order.request.qty_in_quote = true;
    order.request.trigger_price = DECIMAL_NONE;
    order.request.take_profit = decimal_from_int(120);
    report.qty = DECIMAL_NONE;
    report.price = decimal_from_int(101);
    report.take_profit = DECIMAL_NONE;
    report.trigger_price = decimal_from_int(51);
    ck_assert_int_eq(order_merge(&order, &report), MERGE_SAME);
    ck_assert(is_int(&order.request.price, 100));
    report.qty = decimal_from_int(3);
    ck_assert_int_eq(order_merge(&order, &report), MERGE_SAME);
    ck_assert(is_int(&order.request.qty, 10));
    ck_assert(is_int(&order.request.take_profit, 120));
    ck_assert(decimal_is_none(&order.request.trigger_price));
}
END_TEST

/* Somebody has removed them at the exchange. */
START_TEST(stops_that_are_told_to_be_none_are_none)
{
    struct order order = known(NEW_, 0, 5);
    struct order_report report = told(STATUS_NEW, 0, 6);
    struct order_change change;

    order.request.take_profit = decimal_from_int(120);
    order.request.stop_loss = decimal_from_int(80);
    order_change_clear(&change);
    change.stop_loss = decimal_from_int(80);
    ck_assert(order_change_is_made(&order.request, &change));
    report.take_profit = DECIMAL_NONE;
    report.stop_loss = DECIMAL_ZERO;
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    ck_assert(is_int(&order.request.take_profit, 120));
    ck_assert(decimal_is_none(&order.request.stop_loss));
    ck_assert(!order_change_is_made(&order.request, &change));
    ck_assert_int_eq(order_merge(&order, &report), MERGE_SAME);
    report = told(STATUS_CANCELLED, 0, 7); /* what it was until its end stays */
    report.take_profit = DECIMAL_ZERO;
    ck_assert_int_eq(order_merge(&order, &report), MERGE_TAKEN);
    ck_assert(is_int(&order.request.take_profit, 120));
    order_from_report(&order, &report, 9);
    ck_assert(decimal_is_none(&order.request.take_profit));
}
END_TEST

START_TEST(an_order_in_doubt_matches_as_it_was_and_as_its_amend_makes_it)
{
    struct order order = known(ORDER_UNKNOWN, STATUS_NONE, 0, 0);
    struct order_report report = told(STATUS_NEW, 0, 5);

    order_change_clear(&order.change);
    order.change.qty = decimal_from_int(9);
    report.qty = decimal_from_int(9);
    ck_assert(!order_matches(&order, &report));
    order.amend = AMEND_UNKNOWN;
    ck_assert(order_matches(&order, &report));
    report.qty = decimal_from_int(10);
    ck_assert(order_matches(&order, &report));
    report.price = decimal_from_int(99);
    ck_assert(!order_matches(&order, &report));
    order.change.price = decimal_from_int(99);
    ck_assert(order_matches(&order, &report));
}
END_TEST

START_TEST(a_change_names_what_it_changes)
{
    struct order order = known(NEW_, 0, 5);
    struct order_report report = told(STATUS_NEW, 0, 6);
    struct order_change change;
    struct order_request after;

    order.request.take_profit = decimal_from_int(120);
    order.request.value_price = decimal_from_int(100);
    order_change_clear(&change);
    ck_assert(order_change_is_made(&order.request, &change));
    change.qty = decimal_from_int(5);
    change.take_profit = DECIMAL_ZERO;
    order_amended(&order.request, &change, &after);
    ck_assert(is_int(&after.qty, 5));
    ck_assert(is_int(&after.price, 100));
    ck_assert(decimal_is_none(&after.take_profit));
    ck_assert(is_int(&after.value_price, 100));
    ck_assert(!order_change_is_made(&order.request, &change));
    ck_assert(order_change_is_made(&after, &change));
    ck_assert(!order_change_is_shown(&change, &report));
    report.qty = decimal_from_int(5);
    ck_assert(order_change_is_shown(&change, &report));
    report.take_profit = decimal_from_int(120);
    ck_assert(!order_change_is_shown(&change, &report));
    change.price = decimal_from_int(90);
    order_amended(&order.request, &change, &after);
    ck_assert(decimal_is_none(&after.value_price));
    change.value_price = decimal_from_int(95);
    order_amended(&order.request, &change, &after);
    ck_assert(is_int(&after.value_price, 95));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("order");
    TCase *tcase = tcase_create("merge");
    SRunner *runner;
    int failures;

    tcase_add_loop_test(tcase, a_message_is_taken_only_if_it_tells_more, 0, ARRAY_LEN(merges));
    tcase_add_test(tcase, a_message_about_another_order_is_a_conflict);
    tcase_add_test(tcase, decimals_are_compared_as_decimals);
    tcase_add_test(tcase, a_post_only_order_that_would_cross_is_cancelled_with_its_reason);
    tcase_add_test(tcase, a_late_cancel_leaves_no_reason_on_a_filled_order);
    tcase_add_test(tcase, a_spot_market_order_may_execute_more_than_its_quote_size);
    tcase_add_test(tcase, an_average_that_is_not_told_follows_from_the_value_or_is_none);
    tcase_add_test(tcase, fees_of_less_are_none_of_more);
    tcase_add_test(tcase, an_order_made_of_fills_becomes_what_its_first_message_says);
    tcase_add_test(tcase, a_spot_market_orders_size_is_taken_when_its_unit_is_told);
    tcase_add_test(tcase, an_external_order_is_what_the_report_says);
    tcase_add_test(tcase, an_external_order_on_spot_is_one_of_two_kinds_while_it_waits);
    tcase_add_test(tcase, an_external_order_may_count_quote_coin);
    tcase_add_test(tcase, an_order_matches_by_market_side_size_and_price);
    tcase_add_test(tcase, newer_evidence_changes_the_terms_of_our_orders);
    tcase_add_test(tcase, what_a_message_does_not_tell_stays);
    tcase_add_test(tcase, stops_that_are_told_to_be_none_are_none);
    tcase_add_test(tcase, an_order_in_doubt_matches_as_it_was_and_as_its_amend_makes_it);
    tcase_add_test(tcase, a_change_names_what_it_changes);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
