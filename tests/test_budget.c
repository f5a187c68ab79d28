/* tests/test_budget.c - rate limits on a made-up clock: windows, lanes, corrections. That no model
 * of the exchange ever sees too much is in test_budget_model.c. */
#include "tests/test_budget_kit.h"

/* --- windows --- */

START_TEST(a_place_is_free_a_window_after_its_answer)
{
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(ask(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + 10 * i, 3, NULL), 0);
    ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + 93),
                     START_MS + 3 + 1001 - (START_MS + 93));
    ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + 1003), 1);
    ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + 1004), 0);
    ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + 1004), 10);
}
END_TEST

START_TEST(without_an_answer_it_ages_out)
{
    ck_assert_int_eq(take_all(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS), 10);
    ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS), FIRST_PAD + 1001);
    ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + FIRST_PAD + 1000), 1);
    ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + FIRST_PAD + 1001), 0);
}
END_TEST

START_TEST(a_late_answer_counts_from_when_it_came)
{
    struct budget_claim claims[10];

    for (int i = 0; i < 10; i++) {
        claims[i] = claim_of(BUDGET_CANCEL, ROUTE_ORDER_CANCEL);
        ck_assert_int_eq(budget_take(budget, &claims[i], START_MS), 0);
    }
    for (int i = 0; i < 10; i++) /* all have aged out */
        budget_answered(budget, &claims[i], NULL, START_MS + 3000);
    ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + 3000), 1001);
    ck_assert_int_eq(budget_ip_left(budget, START_MS + 3000), 540);
}
END_TEST

START_TEST(what_did_not_leave_is_given_back)
{
    struct budget_claim claims[10];

    for (int i = 0; i < 10; i++) {
        claims[i] = claim_of(BUDGET_CANCEL, ROUTE_ORDER_CANCEL);
        ck_assert_int_eq(budget_take(budget, &claims[i], START_MS), 0);
    }
    budget_give_back(budget, &claims[3]);
    budget_give_back(budget, &claims[3]); /* holds nothing more */
    ck_assert_int_eq(budget_ip_left(budget, START_MS), 541);
    ck_assert_int_eq(take_all(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS), 1);
    ck_assert_int_eq(budget_take(budget, &claims[3], START_MS + 5000), 0);
    budget_give_back(budget, &claims[4]); /* long aged out */
    ck_assert_int_eq(take_all(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + 5000), 9);
}
END_TEST

START_TEST(who_leaves_late_counts_from_then)
{
    struct budget_claim claim = claim_of(BUDGET_CANCEL, ROUTE_ORDER_CANCEL);

    ck_assert_int_eq(budget_take(budget, &claim, START_MS), 0);
    ck_assert_int_eq(budget_leave(budget, &claim, START_MS), 0);
    ck_assert_int_eq(budget_leave(budget, &claim, START_MS + 900), 0); /* a slow connect */
    ck_assert_int_eq(take_all(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + 1500), 9);
    ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + 1500),
                     900 + FIRST_PAD + 1001 - 1500);
}
END_TEST

START_TEST(who_leaves_when_its_place_is_gone_needs_a_new_one)
{
    struct budget_claim claims[2];

    for (int i = 0; i < 2; i++) {
        claims[i] = claim_of(BUDGET_CANCEL, ROUTE_ORDER_CANCEL);
        ck_assert_int_eq(budget_take(budget, &claims[i], START_MS), 0);
    }
    ck_assert_int_eq(take_all(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + 2000), 10);
    ck_assert_int_gt(budget_leave(budget, &claims[0], START_MS + 2001), 0);
    ck_assert(!claims[0].held);
    ck_assert_int_eq(budget_leave(budget, &claims[1], START_MS + 4000), 0);
    ck_assert(claims[1].held);
    ck_assert_int_eq(take_all(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + 4000), 9);
}
END_TEST

START_TEST(routes_and_categories_have_windows_of_their_own)
{
    struct budget_claim spot = { .route = ROUTE_ORDER_CREATE,
                                 .category = CATEGORY_SPOT,
                                 .lane = BUDGET_CREATE };
    struct budget_claim info = { .route = ROUTE_KEY_INFO,
                                 .category = CATEGORY_SPOT,
                                 .lane = BUDGET_READ };

    take_all(BUDGET_CREATE, ROUTE_ORDER_CREATE, START_MS);
    take_all(BUDGET_READ, ROUTE_KEY_INFO, START_MS);
    ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS), 0);
    ck_assert_int_eq(budget_take(budget, &spot, START_MS), 0);
    /* query-api is not counted by category. */
    ck_assert_int_gt(budget_take(budget, &info, START_MS), 0);
}
END_TEST

START_TEST(limits_of_zero_one_and_many)
{
    struct budget_claim all = { .route = ROUTE_CANCEL_ALL,
                                .category = CATEGORY_OPTION,
                                .lane = BUDGET_CREATE };
    struct budget_claim more = all;

    /* No limit but the IP's. */
    ck_assert_int_eq(take_all(BUDGET_READ, ROUTE_TICKERS, START_MS), 550 - 110 - 110 - 28);
    /* One: no shares, and any lane may have it. */
    ck_assert_int_eq(budget_take(budget, &all, START_MS), 0);
    ck_assert_int_eq(budget_take(budget, &more, START_MS), FIRST_PAD + 1001);
    answered(ROUTE_ORDER_CREATE, 1, -1, 0, START_MS);
    ck_assert_int_eq(take_all(BUDGET_CREATE, ROUTE_ORDER_CREATE, START_MS), 1);
    /* A market maker's. */
    reopen(100000);
    answered(ROUTE_ORDER_CREATE, 1200, -1, 0, START_MS);
    ck_assert_int_eq(take_all(BUDGET_CREATE, ROUTE_ORDER_CREATE, START_MS), 1080);
    ck_assert_int_eq(take_all(BUDGET_CANCEL, ROUTE_ORDER_CREATE, START_MS), 120);
    /* An IP limit of one. */
    reopen(1);
    ck_assert_int_eq(take_all(BUDGET_OWN, ROUTE_TIME, START_MS), 1);
    ck_assert_int_gt(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS), 0);
    for (int limit = 2; limit < 40; limit++) { /* shares leave something to all */
        for (int lane = 0; lane < BUDGET_LANES; lane++) {
            reopen(limit);
            ck_assert_int_ge(take_all((enum budget_lane)lane, ROUTE_TIME, START_MS), 1);
        }
    }
}
END_TEST

START_TEST(a_clock_that_goes_back_counts_on)
{
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS - i), 0);
    ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS - 900), FIRST_PAD + 1001);
    /* Far ahead, all is forgotten. */
    ck_assert_int_eq(take_all(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + (INT64_C(1) << 40)),
                     10);
    budget_destroy(NULL);
    /* Right after the start of all time, and standing still. */
    reopen(0);
    ck_assert_int_eq(take_all(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, 5), 10);
    ck_assert_int_eq(take_all(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, 5 + 1001 + FIRST_PAD), 10);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, 5 + 1001 + FIRST_PAD),
                         FIRST_PAD + 1001);
}
END_TEST

START_TEST(a_batch_counts_its_orders)
{
    struct budget_claim batch = claim_of(BUDGET_CREATE, ROUTE_ORDER_CREATE);

    ck_assert_int_eq(budget_batch_units(CATEGORY_LINEAR, 7), 7);
    ck_assert_int_eq(budget_batch_units(CATEGORY_SPOT, 7), 7);
    ck_assert_int_eq(budget_batch_units(CATEGORY_INVERSE, 7), 7);
    ck_assert_int_eq(budget_batch_units(CATEGORY_OPTION, 7), 1);
    batch.units = 7;
    ck_assert_int_eq(budget_take(budget, &batch, START_MS), 0);
    ck_assert_int_eq(budget_ip_left(budget, START_MS), 549);
    ck_assert_int_eq(left_of(ROUTE_ORDER_CREATE, BUDGET_CREATE, START_MS), 2);
    budget_give_back(budget, &batch);
    ck_assert_int_eq(left_of(ROUTE_ORDER_CREATE, BUDGET_CREATE, START_MS), 9);
    batch.units = 10; /* more than the lane has room for, ever */
    ck_assert_int_eq(budget_take(budget, &batch, START_MS), BUDGET_NEVER_MS);
    ck_assert_int_eq(budget_turn(budget, &batch, 0, START_MS), BUDGET_NEVER_MS);
    ck_assert_int_eq(take(BUDGET_CREATE, ROUTE_ORDER_CREATE, START_MS), 0);
}
END_TEST

/* --- lanes --- */

START_TEST(a_share_of_creates_is_for_those_that_reduce)
{
    ck_assert_int_eq(take_all(BUDGET_CREATE, ROUTE_ORDER_CREATE, START_MS), 9);
    ck_assert_int_eq(take_all(BUDGET_CANCEL, ROUTE_ORDER_CREATE, START_MS), 1);
    /* Unused, it is used up first by its own lane: then all of the window is theirs. */
    ck_assert_int_eq(take_all(BUDGET_CANCEL, ROUTE_ORDER_CREATE, START_MS + 5000), 10);
}
END_TEST

START_TEST(own_reads_get_half_of_a_route_while_they_are_needed)
{
    ck_assert_int_eq(take_all(BUDGET_READ, ROUTE_ORDER_REALTIME, START_MS), 45);
    ck_assert_int_eq(take_all(BUDGET_OWN, ROUTE_ORDER_REALTIME, START_MS), 5);
    budget_need_own(budget, true);
    ck_assert_int_eq(take_all(BUDGET_READ, ROUTE_ORDER_REALTIME, START_MS + 5000), 25);
    ck_assert_int_eq(take_all(BUDGET_OWN, ROUTE_ORDER_REALTIME, START_MS + 5000), 25);
    budget_need_own(budget, false);
    ck_assert_int_eq(left_of(ROUTE_ORDER_REALTIME, BUDGET_READ, START_MS + 10000), 45);
}
END_TEST

/* Who gets how much of the IP's window (1,000 in 5 s), in which one lane asks as often as it can
 * and another wants one each ms. */
static int under_flood(enum budget_lane flooding, enum budget_lane lane)
{
    int got = 0;

    reopen(1000);
    for (int64_t now_ms = START_MS; now_ms < START_MS + 30000; now_ms++) {
        take_all(flooding, ROUTE_TIME, now_ms);
        got += take(lane, ROUTE_TIME, now_ms) == 0;
    }
    return got;
}

START_TEST(no_lane_starves_under_a_flood_of_another)
{
    static const int shares[BUDGET_LANES] = { 200, 200, 200, 50 };

    for (int lane = 0; lane < BUDGET_LANES; lane++) {
        for (int flooding = 0; flooding < BUDGET_LANES; flooding++) {
            int got;

            /* What cancels need they get, and creates come before all reads of users. */
            if (lane == flooding || flooding == BUDGET_CANCEL ||
                (lane == BUDGET_READ && flooding == BUDGET_CREATE))
                continue;
            got = under_flood((enum budget_lane)flooding, (enum budget_lane)lane);
            ck_assert_msg(got >= 5 * shares[lane], "%s under %s: %d",
                          budget_lane_word((enum budget_lane)lane),
                          budget_lane_word((enum budget_lane)flooding), got);
        }
    }
}
END_TEST

START_TEST(what_waits_goes_before_what_is_below_it)
{
    int64_t free_ms = START_MS + FIRST_PAD + 5001;

    reopen(10); /* shares: cancels 2, creates 2, reads 2, our own 1 */
    ck_assert_int_eq(take_all(BUDGET_CANCEL, ROUTE_TIME, START_MS), 10);
    ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_TIME, free_ms - 1), 1);
    /* The window is empty now, but for those that come between the waiting one's looks. */
    ck_assert_int_eq(take(BUDGET_READ, ROUTE_TIME, free_ms), 5);
    ck_assert_int_eq(take(BUDGET_CREATE, ROUTE_TIME, free_ms), 5);
    ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_TIME, free_ms), 0);
    ck_assert_int_eq(take_all(BUDGET_READ, ROUTE_TIME, free_ms), 5);
    /* Where reads wait our own has its share, which is kept from them. */
    ck_assert_int_eq(take_all(BUDGET_OWN, ROUTE_TIME, free_ms), 1);
    /* One that waits and never asks again keeps nobody out for long. */
    ck_assert_int_gt(take_all(BUDGET_CANCEL, ROUTE_TIME, free_ms), 0);
    ck_assert_int_eq(take(BUDGET_READ, ROUTE_TIME, free_ms + FIRST_PAD + 5001 + 5), 0);
}
END_TEST

/* --- what the exchange says --- */

START_TEST(the_limit_follows_the_answers)
{
    answered(ROUTE_ORDER_CREATE, 200, -1, 0, START_MS);
    ck_assert_int_eq(take_all(BUDGET_CREATE, ROUTE_ORDER_CREATE, START_MS), 180);
    /* A route without a known limit gets one; none at all changes nothing. */
    answered(ROUTE_TICKERS, 3, -1, 0, START_MS);
    ck_assert_int_eq(take_all(BUDGET_READ, ROUTE_TICKERS, START_MS), 2);
    ck_assert_int_eq(take_all(BUDGET_OWN, ROUTE_TICKERS, START_MS), 1);
    answered(ROUTE_ORDER_CANCEL, -1, -1, 0, START_MS);
    answered(ROUTE_ORDER_CANCEL, 0, 5, 0, START_MS);
    ck_assert_int_eq(take_all(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS), 10);
    answered(ROUTE_ORDER_CANCEL, INT32_MAX, 0, 0, START_MS); /* nonsense is bounded */
    ck_assert_int_gt(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS), 0);
}
END_TEST

START_TEST(what_others_use_is_counted)
{
    const struct budget_said said = { .limit = 10, .left = 3 };

    ck_assert_int_eq(ask(BUDGET_CREATE, ROUTE_ORDER_CREATE, START_MS, 5, &said), 0);
    /* 6 of the 7 are another program's: they do not use up the share of those that reduce. */
    ck_assert_int_eq(take_all(BUDGET_CREATE, ROUTE_ORDER_CREATE, START_MS + 6), 2);
    ck_assert_int_eq(take_all(BUDGET_CANCEL, ROUTE_ORDER_CREATE, START_MS + 6), 1);
    /* More room than we know of is history: others may have come since. */
    answered(ROUTE_ORDER_CREATE, 10, 9, 0, START_MS + 7);
    ck_assert_int_gt(take(BUDGET_CANCEL, ROUTE_ORDER_CREATE, START_MS + 8), 0);
    ck_assert_int_eq(take_all(BUDGET_CREATE, ROUTE_ORDER_CREATE, START_MS + 5000), 9);
}
END_TEST

START_TEST(our_own_are_not_taken_for_others)
{
    struct budget_claim last = claim_of(BUDGET_CANCEL, ROUTE_ORDER_CANCEL);
    const struct budget_said said = { .limit = 10, .left = 0 };

    for (int i = 0; i < 9; i++)
        ck_assert_int_eq(ask(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + i, 0, NULL), 0);
    ck_assert_int_eq(budget_take(budget, &last, START_MS + 900), 0);
    /* It arrived while all ten counted; the nine have aged out since. */
    budget_answered(budget, &last, &said, START_MS + 1200);
    ck_assert_int_eq(left_of(ROUTE_ORDER_CANCEL, BUDGET_CANCEL, START_MS + 1200), 9);
}
END_TEST

START_TEST(a_hold_stops_its_route_only)
{
    answered(ROUTE_ORDER_CREATE, -1, -1, 700, START_MS);
    answered(ROUTE_ORDER_CREATE, -1, -1, 300, START_MS);
    ck_assert_int_eq(take(BUDGET_CREATE, ROUTE_ORDER_CREATE, START_MS + 1), 699);
    ck_assert_int_eq(left_of(ROUTE_ORDER_CREATE, BUDGET_CANCEL, START_MS + 1), 0);
    ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + 1), 0);
    ck_assert_int_eq(take(BUDGET_CREATE, ROUTE_ORDER_CREATE, START_MS + 700), 0);
}
END_TEST

START_TEST(what_left_before_counts_and_leaves_room_for_cancels)
{
    budget_past(budget, 0, START_MS);
    ck_assert_int_eq(budget_ip_left(budget, START_MS), 550);
    budget_past(budget, 100, START_MS);
    ck_assert_int_eq(budget_ip_left(budget, START_MS), 450);
    ck_assert_int_eq(budget_ip_left(budget, START_MS + 5000), 450);
    ck_assert_int_eq(budget_ip_left(budget, START_MS + 5001), 550);
    budget_past(budget, 1000000, START_MS + 6000);
    ck_assert_int_eq(budget_ip_left(budget, START_MS + 6000), 110);
    budget_past(budget, 1, START_MS + 6000);
    ck_assert_int_eq(budget_ip_left(budget, START_MS + 6000), 110);
    ck_assert_int_gt(take(BUDGET_OWN, ROUTE_TIME, START_MS + 6000), 0);
    ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + 6000), 0);
}
END_TEST

static int64_t told_until_ms;
static int told;

static void on_ban(int64_t until_ms, void *userdata)
{
    ck_assert_ptr_eq(userdata, &told);
    told_until_ms = until_ms;
    told++;
}

START_TEST(a_ban_that_becomes_longer_is_told)
{
    told = 0;
    budget_on_ban(budget, on_ban, &told);
    budget_ban(budget, START_MS, 1000);
    ck_assert_int_eq(told_until_ms, START_MS + 1000);
    budget_ban(budget, START_MS, 1000);
    budget_ban(budget, START_MS + 1, 500);
    ck_assert_int_eq(told, 1);
    budget_ban(budget, START_MS + 500, 1000);
    ck_assert_int_eq(told, 2);
    ck_assert_int_eq(told_until_ms, START_MS + 1500);
}
END_TEST

START_TEST(the_ban_stops_everything)
{
    struct budget_claim connecting = claim_of(BUDGET_CANCEL, ROUTE_ORDER_CANCEL);
    struct budget_window window;

    ck_assert_int_eq(budget_banned_until(budget), 0);
    ck_assert_int_eq(budget_take(budget, &connecting, START_MS), 0);
    budget_ban(budget, START_MS, 600000);
    budget_ban(budget, START_MS, 5); /* does not shorten it */
    ck_assert_int_eq(budget_banned_until(budget), START_MS + 600000);
    ck_assert_int_eq(budget_leave(budget, &connecting, START_MS), 600000);
    ck_assert_int_eq(budget_ip_left(budget, START_MS), 550);
    budget_read_ip(budget, START_MS + 599000, &window);
    ck_assert_int_eq(window.held_for_ms, 1000);
    ck_assert_int_eq(window.left_of[BUDGET_CANCEL], 0);
    ck_assert_int_eq(window.limit, 550);
    for (int route = 0; route < ROUTE_COUNT; route++)
        ck_assert_int_eq(take(BUDGET_CANCEL, (enum bybit_route)route, START_MS + 599999), 1);
    ck_assert_int_eq(take(BUDGET_CANCEL, ROUTE_ORDER_CANCEL, START_MS + 600000), 0);
}
END_TEST

/* --- for people --- */

START_TEST(a_window_tells_when_it_is_free_again)
{
    struct budget_window window;

    ck_assert(!budget_read(budget, ROUTE_TICKERS, CATEGORY_SPOT, START_MS, &window));
    ck_assert(budget_read(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, START_MS, &window));
    ck_assert_int_eq(window.left, 10);
    ck_assert_int_eq(window.reset_ms, 0);
    ck_assert_int_eq(ask(BUDGET_CREATE, ROUTE_ORDER_CREATE, START_MS, 0, NULL), 0);
    ck_assert_int_eq(ask(BUDGET_CREATE, ROUTE_ORDER_CREATE, START_MS + 400, 0, NULL), 0);
    ck_assert(budget_read(budget, ROUTE_ORDER_CREATE, CATEGORY_LINEAR, START_MS + 500, &window));
    ck_assert_int_eq(window.limit, 10);
    ck_assert_int_eq(window.left, 8);
    ck_assert_int_eq(window.left_of[BUDGET_CREATE], 7);
    ck_assert_int_eq(window.left_of[BUDGET_CANCEL], 8);
    ck_assert_int_eq(window.reset_ms, 901);
    budget_read_ip(budget, START_MS + 500, &window);
    ck_assert_int_eq(window.left, 548);
    ck_assert_int_eq(window.reset_ms, 4901);
}
END_TEST

START_TEST(lanes_are_counted)
{
    struct budget_claim claim = claim_of(BUDGET_CREATE, ROUTE_ORDER_CREATE);
    struct budget_lane_status lanes[BUDGET_LANES];

    budget_waits(budget, &claim, 5);
    budget_waits(budget, &claim, -2);
    budget_count_throttled(budget, BUDGET_READ);
    budget_lanes(budget, lanes);
    ck_assert_int_eq(lanes[BUDGET_CREATE].waiting, 3);
    ck_assert_int_eq(lanes[BUDGET_CANCEL].waiting, 0);
    ck_assert_uint_eq(lanes[BUDGET_READ].throttled, 1);
    ck_assert_str_eq(budget_lane_word(BUDGET_CANCEL), "cancel");
    ck_assert_str_eq(budget_lane_word(BUDGET_LANES), "");
}
END_TEST

static void add(TCase *tcase)
{
    tcase_add_test(tcase, a_place_is_free_a_window_after_its_answer);
    tcase_add_test(tcase, without_an_answer_it_ages_out);
    tcase_add_test(tcase, a_late_answer_counts_from_when_it_came);
    tcase_add_test(tcase, what_did_not_leave_is_given_back);
    tcase_add_test(tcase, who_leaves_late_counts_from_then);
    tcase_add_test(tcase, who_leaves_when_its_place_is_gone_needs_a_new_one);
    tcase_add_test(tcase, routes_and_categories_have_windows_of_their_own);
    tcase_add_test(tcase, limits_of_zero_one_and_many);
    tcase_add_test(tcase, a_clock_that_goes_back_counts_on);
    tcase_add_test(tcase, a_batch_counts_its_orders);
    tcase_add_test(tcase, a_share_of_creates_is_for_those_that_reduce);
    tcase_add_test(tcase, own_reads_get_half_of_a_route_while_they_are_needed);
    tcase_add_test(tcase, no_lane_starves_under_a_flood_of_another);
    tcase_add_test(tcase, what_waits_goes_before_what_is_below_it);
    tcase_add_test(tcase, the_limit_follows_the_answers);
    tcase_add_test(tcase, what_others_use_is_counted);
    tcase_add_test(tcase, our_own_are_not_taken_for_others);
    tcase_add_test(tcase, a_hold_stops_its_route_only);
    tcase_add_test(tcase, what_left_before_counts_and_leaves_room_for_cancels);
    tcase_add_test(tcase, a_ban_that_becomes_longer_is_told);
    tcase_add_test(tcase, the_ban_stops_everything);
    tcase_add_test(tcase, a_window_tells_when_it_is_free_again);
    tcase_add_test(tcase, lanes_are_counted);
}

int main(void)
{
    return budget_run_tests("budget", add);
}
