/* bybit/budget.h - how much of the exchange's rate limits is left (PROTOCOL section 7), and whose
 * turn it is.
 *
 * Rolling windows as the exchange counts them: of a second for each route and category, of 5 s for
 * this IP. A request counts there from its arrival, which is some time between sent and answered:
 * so it is entered a little ahead (4 round trips, 50 ms to 1 s), and moved to the time of its
 * answer once that has come. An entry without an answer ages out: nothing leaks.
 *
 * Lanes keep the more important calls going: a share of each window is kept free for them, and what
 * waits goes before what is below it. After HTTP 403 "too frequent" nothing goes at all.
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

/* In order: a lane goes before those below it. */
enum budget_lane {
    BUDGET_CANCEL, /* cancels, cancel-all, reduce-only creates, the kill's scans */
    BUDGET_CREATE, /* creates, amends, set-leverage */
    BUDGET_READ,   /* what users read */
    BUDGET_OWN,    /* look-ups, recovery, caches, the clock */
    BUDGET_LANES
};
const char *budget_lane_word(enum budget_lane lane); /* "cancel", ... */

/* One request's claim on its windows. */
struct budget_claim {
    enum bybit_route route;
    enum category category;
    enum budget_lane lane;
    int units; /* of the route's window; 0 means 1. The IP's window counts requests. */
    /* The budget's, from a take to its answer; zero before. */
    bool held;
    int64_t left_ms;
    int64_t place_ms;
};

/* `ip_limit`: requests in 5 s; 0: 550. */
struct budget *budget_create(int ip_limit);
void budget_destroy(struct budget *budget);

/* --- a request's way --- */

#define BUDGET_NEVER_MS                                                                            \
    60000 /* a wait that time does not end: more units than the lane's limit                       \
           */

/* Returns 0 when it may go now (`claim` is held then), else ms to wait before asking again: for so
 * long, and a little longer, lanes below it get no more than their shares. */
int64_t budget_take(struct budget *budget, struct budget_claim *claim, int64_t now_ms);
/* A claim that is held leaves only now: its connection had to be opened first. Returns 0, or, when
 * that took so long that its entry has aged out and there is no place for another, ms to wait. */
int64_t budget_leave(struct budget *budget, struct budget_claim *claim, int64_t now_ms);
/* It provably did not leave. Does nothing to a claim that is not held. */
void budget_give_back(struct budget *budget, struct budget_claim *claim);

/* What an answer said. */
struct budget_said {
    int limit;       /* X-Bapi-Limit; -1: absent */
    int left;        /* X-Bapi-Limit-Status; -1: absent, or too old to count */
    int64_t hold_ms; /* 10006: nothing of this route and category goes for so long; 0: none */
};
/* The answer to a claim came (also to one that is not held: then only `said` counts). `said` may be
 * NULL. */
void budget_answered(struct budget *budget, struct budget_claim *claim,
                     const struct budget_said *said, int64_t now_ms);
#define BUDGET_BAN_MAX_MS 3600000 /* no ban is longer */
/* HTTP 403 too frequent: nothing goes for `pause_ms`. */
void budget_ban(struct budget *budget, int64_t now_ms, int64_t pause_ms);

/* Before a second thread uses it: `on_ban` is called, on the thread of the budget_ban, when a ban
 * begins or becomes longer, with the monotonic ms of its end. */
void budget_on_ban(struct budget *budget, void (*on_ban)(int64_t until_ms, void *userdata),
                   void *userdata);

/* So many requests left this address just before this process began: they count as sent now. The
 * share of cancels is left free. */
void budget_past(struct budget *budget, int requests, int64_t now_ms);

/* --- who waits --- */

/* `more` (or fewer, below 0) requests like this wait for their turn. */
void budget_waits(struct budget *budget, const struct budget_claim *claim, int more);
/* ms until the turn of one more like this, behind all that waits in its lane and those above, and
 * `ahead` more like it. 0: now. An estimate, to refuse at once; the take stays strict. */
int64_t budget_turn(struct budget *budget, const struct budget_claim *claim, int ahead,
                    int64_t now_ms);
/* An order is unknown or recovery runs: BUDGET_OWN gets a larger share. */
void budget_need_own(struct budget *budget, bool needed);
/* One of this lane was refused, since its turn would not have come in time. For metrics. */
void budget_count_throttled(struct budget *budget, enum budget_lane lane);
/* Units of a batch: the exchange counts its orders, of options the request. */
int budget_batch_units(enum category category, int orders);

/* --- for people --- */

/* 0, or the monotonic ms until which all REST is stopped. */
int64_t budget_banned_until(struct budget *budget);
/* Requests left in the IP window now. */
int budget_ip_left(struct budget *budget, int64_t now_ms);
int budget_ip_limit(const struct budget *budget);

/* A window. `left` is all that is free, `left_of` what a lane may use of it. */
struct budget_window {
    enum bybit_route route;
    enum category category; /* counts only when `per_category` */
    bool per_category;
    int limit;
    int left;
    int left_of[BUDGET_LANES];
    int64_t reset_ms;    /* until all of it is free again, if nothing more is sent */
    int64_t held_for_ms; /* the exchange said "too many": nothing goes for so long; 0: it may */
};
/* The IP's window; its route and category say nothing. */
void budget_read_ip(struct budget *budget, int64_t now_ms, struct budget_window *out);
/* A route's. False: only the IP's limit counts for it. */
bool budget_read(struct budget *budget, enum bybit_route route, enum category category,
                 int64_t now_ms, struct budget_window *out);

#define BUDGET_WINDOWS_MAX (ROUTE_COUNT * CATEGORY_COUNT)
/* The windows that were used since the start, by route and category. Returns how many. */
size_t budget_windows(struct budget *budget, int64_t now_ms,
                      struct budget_window out[BUDGET_WINDOWS_MAX]);

struct budget_lane_status {
    int waiting;        /* requests, now */
    uint64_t throttled; /* since the start */
};
void budget_lanes(struct budget *budget, struct budget_lane_status out[BUDGET_LANES]);
