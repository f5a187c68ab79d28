/* bybit/budget.h - how much of the exchange's rate limits is left (PROTOCOL section 7).
 *
 * Rolling windows as the exchange counts them: per route and category in a second, and the IP limit
 * in 5 s. A breaker stops all REST after HTTP 403 "too frequent".
 *
 * Threads: any; a short lock inside. Times are monotonic ms.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "bybit/routes.h"

struct budget;

/* `ip_limit`: requests in 5 s (default 550). */
struct budget *budget_create(int ip_limit);
void budget_destroy(struct budget *budget);

/* Takes one request's worth. Returns 0 when it may go now, else ms to wait before asking again
 * (nothing is taken then). Writes may use the whole IP window, reads all but a tenth of it. */
int64_t budget_take(struct budget *budget, enum bybit_route route, enum category category,
                    int64_t now_ms);
/* What the answer's headers said: X-Bapi-Limit, -Status; -1 where absent. `hold_ms`: for how long
 * to hold (10006). */
void budget_correct(struct budget *budget, enum bybit_route route, enum category category,
                    int limit, int left, int64_t hold_ms, int64_t now_ms);
/* HTTP 403 too frequent: nothing goes for `pause_ms` (10 minutes). */
void budget_ban(struct budget *budget, int64_t now_ms, int64_t pause_ms);
/* 0, or the monotonic ms until which all REST is stopped. */
int64_t budget_banned_until(struct budget *budget);
/* Requests left in the IP window now. */
int budget_ip_left(struct budget *budget, int64_t now_ms);
int budget_ip_limit(const struct budget *budget);

/* A window of a route, for people. */
struct budget_window {
    enum bybit_route route;
    enum category category; /* counts only when `per_category` */
    bool per_category;
    int limit;
    int left;
    int64_t held_for_ms; /* the exchange said "too many": nothing goes for so long; 0: it may */
};
#define BUDGET_WINDOWS_MAX (ROUTE_COUNT * CATEGORY_COUNT)
/* The windows that were used since the start, by route and category. Returns how many. */
size_t budget_windows(struct budget *budget, int64_t now_ms,
                      struct budget_window out[BUDGET_WINDOWS_MAX]);
