/* tests/test_budget_turn.c - when a turn comes, and that nothing that was taken is lost. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/test_budget_kit.h"

START_TEST(the_turn_is_now_while_there_is_room)
{
    struct budget_claim claim = claim_of(BUDGET_CREATE, ROUTE_ORDER_CREATE);
    struct budget_claim spot = claim;

    spot.category = CATEGORY_SPOT;
    ck_assert_int_eq(budget_turn(budget, &claim, 0, START_MS), 0);
    ck_assert_int_eq(budget_turn(budget, &claim, 8, START_MS), 0);
    ck_assert_int_ge(budget_turn(budget, &claim, 9, START_MS), 1001);
    budget_waits(budget, &claim, 1000); /* they wait for their own window, and not for the IP's */
    ck_assert_int_gt(budget_turn(budget, &claim, 0, START_MS), 100000);
    ck_assert_int_eq(budget_turn(budget, &spot, 0, START_MS), 0);
}
END_TEST

START_TEST(the_turn_is_behind_a_ban_or_a_hold)
{
    struct budget_claim claim = claim_of(BUDGET_CREATE, ROUTE_ORDER_CREATE);

    answered(ROUTE_ORDER_CREATE, -1, -1, 700, START_MS);
    ck_assert_int_eq(budget_turn(budget, &claim, 0, START_MS), 700);
    budget_ban(budget, START_MS, 600000);
    ck_assert_int_eq(budget_turn(budget, &claim, 0, START_MS + 1), 599999);
}
END_TEST

START_TEST(lower_lanes_do_not_delay_the_turn)
{
    struct budget_claim claim = claim_of(BUDGET_CREATE, ROUTE_ORDER_CREATE);
    struct budget_claim reads = claim_of(BUDGET_READ, ROUTE_TICKERS);
    struct budget_claim cancels = claim_of(BUDGET_CANCEL, ROUTE_ORDER_CREATE);

    budget_waits(budget, &reads, 256);
    ck_assert_int_eq(budget_turn(budget, &claim, 0, START_MS), 0);
    budget_waits(budget, &cancels, 9);
    ck_assert_int_gt(budget_turn(budget, &claim, 0, START_MS), 0);
}
END_TEST

/* Answers that take long, of large reads, say little of how long a create's takes. */
START_TEST(slow_reads_do_not_put_the_turn_off)
{
    struct budget_claim claim = claim_of(BUDGET_CREATE, ROUTE_ORDER_CREATE);
    int64_t now_ms = START_MS;

    for (int i = 0; i < 20; i++, now_ms += 15000)
        ck_assert_int_eq(ask(BUDGET_READ, ROUTE_INSTRUMENTS, now_ms, 14000, NULL), 0);
    /* Nine go now, nine a second or two later. */
    ck_assert_int_le(budget_turn(budget, &claim, 9, now_ms), 2100);
}
END_TEST

/* --- in the end --- */

/* Whatever comes in whatever order, in the end all is free again. */
START_TEST(nothing_leaks)
{
    static struct budget_claim claims[200];
    struct budget_window window;
    unsigned seed = (unsigned)_i + 1;
    int64_t now_ms = START_MS;

    memset(claims, 0, sizeof(claims));
    for (int i = 0; i < 20000; i++) {
        struct budget_claim *claim = &claims[rand_r(&seed) % (int)ARRAY_LEN(claims)];
        const struct budget_said said = { .limit = rand_r(&seed) % 30 - 1,
                                          .left = rand_r(&seed) % 30 - 1,
                                          .hold_ms = rand_r(&seed) % 10 ? 0 : 20 };

        now_ms += rand_r(&seed) % 20 ? rand_r(&seed) % 40 - 4 : rand_r(&seed) % 9000;
        if (!claim->held) {
            *claim = claim_of((enum budget_lane)(rand_r(&seed) % BUDGET_LANES),
                              (enum bybit_route)(rand_r(&seed) % ROUTE_COUNT));
            claim->category = (enum category)(rand_r(&seed) % CATEGORY_COUNT);
            claim->units = rand_r(&seed) % 12;
            (void)budget_take(budget, claim, now_ms);
            continue;
        }
        switch (rand_r(&seed) % 5) {
        case 0:
            (void)budget_leave(budget, claim, now_ms);
            break;
        case 1:
            budget_give_back(budget, claim);
            break;
        case 2:
            claim->held = false; /* lost */
            break;
        default:
            budget_answered(budget, claim, rand_r(&seed) % 4 ? &said : NULL, now_ms);
        }
        budget_read_ip(budget, now_ms, &window);
        ck_assert_int_ge(window.left, 0);
        ck_assert_int_le(window.left, 550);
    }
    now_ms += 10000;
    budget_read_ip(budget, now_ms, &window);
    ck_assert_int_eq(window.left, 550);
    ck_assert_int_eq(window.reset_ms, 0);
    for (int route = 0; route < ROUTE_COUNT; route++) {
        if (!budget_read(budget, (enum bybit_route)route, CATEGORY_LINEAR, now_ms, &window))
            continue;
        ck_assert_int_eq(window.left, window.limit);
        ck_assert_int_eq(window.reset_ms, 0);
        ck_assert_int_eq(window.left_of[BUDGET_CANCEL], window.limit);
    }
}
END_TEST

static void add(TCase *tcase)
{
    tcase_add_test(tcase, the_turn_is_now_while_there_is_room);
    tcase_add_test(tcase, the_turn_is_behind_a_ban_or_a_hold);
    tcase_add_test(tcase, lower_lanes_do_not_delay_the_turn);
    tcase_add_test(tcase, slow_reads_do_not_put_the_turn_off);
    tcase_add_loop_test(tcase, nothing_leaks, 0, 20);
}

int main(void)
{
    return budget_run_tests("budget_turn", add);
}
