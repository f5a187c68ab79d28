/* tests/test_budget_kit.h - a budget on a made-up clock, and what is asked of it. */
#pragma once

#include <check.h>

#include "base/error.h"
#include "bybit/budget.h"

#define START_MS  INT64_C(100000)
#define FIRST_PAD 200 /* before the first answer */

static struct budget *budget;

static inline void open_budget(void)
{
    budget = budget_create(0);
    ck_assert_ptr_nonnull(budget);
}

static inline void close_budget(void)
{
    budget_destroy(budget);
}

static inline void reopen(int ip_limit)
{
    budget_destroy(budget);
    budget = budget_create(ip_limit);
}

static inline struct budget_claim claim_of(enum budget_lane lane, enum bybit_route route)
{
    return (struct budget_claim){ .route = route, .category = CATEGORY_LINEAR, .lane = lane };
}

/* A take that is never answered. */
static inline int64_t take(enum budget_lane lane, enum bybit_route route, int64_t now_ms)
{
    struct budget_claim claim = claim_of(lane, route);
    int64_t wait_ms = budget_take(budget, &claim, now_ms);

    ck_assert_int_eq(claim.held, wait_ms == 0);
    return wait_ms;
}

static inline int take_all(enum budget_lane lane, enum bybit_route route, int64_t now_ms)
{
    int count = 0;

    while (count < 10000 && take(lane, route, now_ms) == 0)
        count++;
    return count;
}

/* A take that is answered `after_ms` later. */
static inline int64_t ask(enum budget_lane lane, enum bybit_route route, int64_t now_ms,
                          int after_ms, const struct budget_said *said)
{
    struct budget_claim claim = claim_of(lane, route);
    int64_t wait_ms = budget_take(budget, &claim, now_ms);

    if (wait_ms == 0)
        budget_answered(budget, &claim, said, now_ms + after_ms);
    return wait_ms;
}

static inline void answered(enum bybit_route route, int limit, int left, int64_t hold_ms,
                            int64_t now_ms)
{
    struct budget_claim claim = claim_of(BUDGET_CREATE, route);
    const struct budget_said said = { .limit = limit, .left = left, .hold_ms = hold_ms };

    budget_answered(budget, &claim, &said, now_ms);
}

static inline int left_of(enum bybit_route route, enum budget_lane lane, int64_t now_ms)
{
    struct budget_window window;

    ck_assert(budget_read(budget, route, CATEGORY_LINEAR, now_ms, &window));
    return window.left_of[lane];
}

static inline int budget_run_tests(const char *name, void (*add)(TCase *tcase))
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, open_budget, close_budget);
    add(tcase);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
