/* sim/limits.h - how often one may ask: the account's windows and the address's (PROTOCOL section
 * 7).
 *
 * All windows are rolling: a request is counted from its arrival until its length of time has
 * passed, in microseconds of real time, so no two neighbouring windows ever hold more together
 * than one alone. What the documentation leaves open, and what was chosen:
 *
 * - The account's windows (one second; a route and category each, or a route) count signed requests
 *   that pass authentication and are well formed enough to have a category. A refused one is
 *   not executed and takes no place.
 * - A batch takes a place for each of its orders (option: one in all). When there are fewer, the
 *   first ones pass and the others get 10006 each; when there is none, the request gets it.
 * - The address's window (five seconds) counts every REST request that arrives, whatever becomes of
 *   it, but no WebSocket handshake. Whoever asks: the exchange sees one address.
 * - The ban begins with the request that was one too many. What comes meanwhile does not prolong
 *   it, and the window starts empty afterwards.
 *
 * A ban that was ordered (limits_ban) holds even when the limits are off.
 *
 * Threads: pure, owned by one. `now_us` is monotonic.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/trade.h"

#define LIMIT_MOST       1200 /* that any window can allow */
#define LIMIT_ROUTES_MAX 48
#define LIMIT_WHOLE      CATEGORY_COUNT /* key of routes that count all categories together */
#define LIMIT_KEYS       (CATEGORY_COUNT + 1)

#define LIMIT_ACCOUNT_US INT64_C(1000000)
#define LIMIT_IP_US      INT64_C(5000000)
#define LIMIT_IP         600
#define LIMIT_IP_BAN_MS  (INT64_C(10) * 60 * 1000)
#define LIMIT_BAN_MAX_MS (INT64_C(24) * 60 * 60 * 1000)
#define LIMIT_UNLIMITED  1000000 /* what is announced when the limits are off */

struct limit_window {
    int64_t at_us[LIMIT_MOST]; /* arrivals, a ring */
    int first;
    int count;
};

struct limit_settings {
    bool off;
    bool batch_is_one; /* a batch takes one unit, not one for each of its orders */
    int ip_limit;
    int64_t ip_ban_ms;
    int account[LIMIT_ROUTES_MAX][LIMIT_KEYS]; /* a second; 0: not limited */
};

struct limits {
    struct limit_settings settings;
    int64_t banned_until_us;
    struct limit_window ip;
    struct limit_window account[LIMIT_ROUTES_MAX][LIMIT_KEYS];
};

/* What an answer says of its window. */
struct limit_state {
    int limit; /* 0: none, nothing is said */
    int left;
    int64_t wait_us; /* refused: until there is a place again */
    bool refused;
    int granted; /* units of those wanted */
};

/* The documented limits of the address, none of the account. Everything else must be zero. */
void limits_init(struct limits *limits);
/* Counts a request of the address. False: too many, or banned. */
bool limits_admit(struct limits *limits, int64_t now_us);
/* From now on for so long; 0 lifts it. */
void limits_ban(struct limits *limits, int64_t now_us, int64_t ban_ms);
/* What is left of a ban, 0: none. */
int64_t limits_ban_left_ms(const struct limits *limits, int64_t now_us);
/* Requests of the address that the window holds. */
int limits_ip_used(struct limits *limits, int64_t now_us);
/* Counts so many units of the account, as many as there are places for; refused: there is none. */
struct limit_state limits_take(struct limits *limits, int route, int key, int wanted,
                               int64_t now_us);
