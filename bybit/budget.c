/* bybit/budget.c - windows of routes and of the IP, and what is asked of both together.
 *
 * Why no window of the exchange holds more than its limit: take any window there, and of the
 * requests in it the one that was taken last. When it was taken, each of the others either still
 * counted here, or had aged out: then it had arrived (at its place, at the latest) more than a span
 * before, and is not in that window. That leaves those whose way takes longer than the pad.
 */
#include "bybit/budget.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bybit/budget_parts.h"

#define IP_DEFAULT    550
#define IP_SECONDS    5
#define ROUTE_SPAN_MS 1001
#define IP_SPAN_MS    5001
#define PAD_TRIPS     4
#define PAD_MIN_MS    50
#define TRIP_FIRST_MS 50 /* taken for a round trip before there was one */
#define BLOCK_MORE_MS 5  /* who waits gets a chance to ask again before those below it */
#define TURN_MORE_MS  5  /* timers, and ways that are longer than most */
#define LIMIT_MAX     1000000

/* [1]: while BUDGET_OWN needs more. A share of reads is kept from our own only. */
static const struct window_shares ip_shares = { {
    { [BUDGET_CANCEL] = 20, [BUDGET_CREATE] = 20, [BUDGET_READ] = 20, [BUDGET_OWN] = 5 },
    { [BUDGET_CANCEL] = 20, [BUDGET_CREATE] = 20, [BUDGET_READ] = 20, [BUDGET_OWN] = 20 },
} };
static const struct window_shares read_shares = { {
    { [BUDGET_READ] = 10, [BUDGET_OWN] = 10 },
    { [BUDGET_READ] = 10, [BUDGET_OWN] = 50 },
} };
/* Reduce-only creates go in the lane of cancels. */
static const struct window_shares create_shares = { {
    { [BUDGET_CANCEL] = 10 },
    { [BUDGET_CANCEL] = 10 },
} };
static const struct window_shares no_shares = { { { 0 }, { 0 } } };

int budget_batch_units(enum category category, int orders)
{
    return category == CATEGORY_OPTION ? 1 : orders;
}

/* --- birth and death --- */

static const struct window_shares *shares_of(enum bybit_route route)
{
    if (!bybit_route_info(route)->is_write)
        return &read_shares;
    return route == ROUTE_ORDER_CREATE ? &create_shares : &no_shares;
}

struct budget *budget_create(int ip_limit)
{
    struct budget *budget = calloc(1, sizeof(*budget));

    if (!budget)
        return NULL;
    pthread_mutex_init(&budget->lock, NULL);
    budget->trip_ms_x8 = INT64_C(8) * TRIP_FIRST_MS;
    budget->now_ms = INT64_MIN / 2;
    window_set_limit(&budget->ip, ip_limit > 0 ? ip_limit : IP_DEFAULT, &ip_shares);
    for (int route = 0; route < ROUTE_COUNT; route++) {
        const struct bybit_route_info *info = bybit_route_info((enum bybit_route)route);

        for (int category = 0; category < CATEGORY_COUNT; category++)
            window_set_limit(&budget->buckets[route][category].window, info->per_second[category],
                             shares_of((enum bybit_route)route));
    }
    if (window_open(&budget->ip, IP_SPAN_MS, budget->now_ms) != ERR_NONE) {
        budget_destroy(budget);
        return NULL;
    }
    return budget;
}

void budget_destroy(struct budget *budget)
{
    if (!budget)
        return;
    for (int route = 0; route < ROUTE_COUNT; route++) {
        for (int category = 0; category < CATEGORY_COUNT; category++)
            window_close(&budget->buckets[route][category].window);
    }
    window_close(&budget->ip);
    pthread_mutex_destroy(&budget->lock);
    free(budget);
}

/* --- what all need; the lock is held --- */

static int64_t max_ms(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void budget_move(struct budget *budget, int64_t now_ms)
{
    budget->now_ms = max_ms(budget->now_ms, now_ms);
    window_move(&budget->ip, budget->now_ms);
}

struct bucket *budget_bucket(struct budget *budget, enum bybit_route route, enum category category)
{
    assert((unsigned)category < CATEGORY_COUNT);
    return &budget->buckets[route][bybit_route_info(route)->per_category ? category : 0];
}

static struct bucket *bucket_of(struct budget *budget, const struct budget_claim *claim)
{
    return budget_bucket(budget, claim->route, claim->category);
}

/* NULL: no limit known. A window that cannot be opened is not a reason to send more: `*failed`. */
static struct window *bucket_window(struct budget *budget, struct bucket *bucket, bool *failed)
{
    struct window *window = &bucket->window;

    *failed = false;
    if (window->limit == 0)
        return NULL;
    if (!window->slots && window_open(window, ROUTE_SPAN_MS, budget->now_ms) != ERR_NONE) {
        *failed = true;
        return NULL;
    }
    window_move(window, budget->now_ms);
    return window;
}

static int units_of(const struct budget_claim *claim)
{
    return claim->units > 0 ? claim->units : 1;
}

static int64_t trip_ms(const struct budget *budget)
{
    return budget->trip_ms_x8 / 8;
}

/* Where a request that leaves now is entered: it will have arrived by then. */
static int64_t place_ahead(const struct budget *budget)
{
    int64_t pad_ms = max_ms(PAD_TRIPS * trip_ms(budget), PAD_MIN_MS);

    return budget->now_ms + min_ms(pad_ms, WINDOW_AHEAD_MS);
}

static void enter(struct budget *budget, struct window *window, struct budget_claim *claim,
                  int64_t place_ms)
{
    window_add(&budget->ip, place_ms, (int)claim->lane, 1);
    if (window)
        window_add(window, place_ms, (int)claim->lane, units_of(claim));
    claim->place_ms = place_ms;
}

static void withdraw(struct budget *budget, struct window *window, const struct budget_claim *claim)
{
    (void)window_remove(&budget->ip, claim->place_ms, (int)claim->lane, 1);
    if (window)
        (void)window_remove(window, claim->place_ms, (int)claim->lane, units_of(claim));
}

static int64_t stopped_ms(const struct budget *budget, const struct bucket *bucket)
{
    return max_ms(max_ms(budget->banned_until_ms, bucket->held_until_ms) - budget->now_ms, 0);
}

/* --- a request's way --- */

/* What waits for a place keeps those below it waiting, too. */
static int64_t ask(struct budget *budget, struct window *window, enum budget_lane lane, int units)
{
    int64_t wait_ms = window_wait(window, lane, units, budget->own_needed, WINDOW_AHEAD_MS);

    if (wait_ms > 0 && wait_ms != BUDGET_NEVER_MS)
        window->blocked_until_ms[lane] = budget->now_ms + wait_ms + BLOCK_MORE_MS;
    return max_ms(wait_ms, window_blocked(window, lane, units, budget->own_needed));
}

static int64_t take(struct budget *budget, struct budget_claim *claim)
{
    struct bucket *bucket = bucket_of(budget, claim);
    bool failed;
    struct window *window = bucket_window(budget, bucket, &failed);
    int64_t wait_ms = max_ms(stopped_ms(budget, bucket), failed ? ROUTE_SPAN_MS : 0);

    if (wait_ms > 0)
        return wait_ms;
    wait_ms = ask(budget, &budget->ip, claim->lane, 1);
    if (window)
        wait_ms = max_ms(wait_ms, ask(budget, window, claim->lane, units_of(claim)));
    if (wait_ms > 0)
        return wait_ms;
    budget->ip.blocked_until_ms[claim->lane] = 0;
    if (window)
        window->blocked_until_ms[claim->lane] = 0;
    enter(budget, window, claim, place_ahead(budget));
    claim->held = true;
    claim->left_ms = budget->now_ms;
    return 0;
}

int64_t budget_take(struct budget *budget, struct budget_claim *claim, int64_t now_ms)
{
    int64_t wait_ms;

    assert(!claim->held);
    pthread_mutex_lock(&budget->lock);
    budget_move(budget, now_ms);
    wait_ms = take(budget, claim);
    pthread_mutex_unlock(&budget->lock);
    return wait_ms;
}

static int64_t leave(struct budget *budget, struct budget_claim *claim)
{
    struct bucket *bucket = bucket_of(budget, claim);
    bool failed;
    struct window *window = bucket_window(budget, bucket, &failed);
    const struct window *shortest = window ? window : &budget->ip;
    bool stopped = stopped_ms(budget, bucket) > 0;

    if (claim->held && !stopped && claim->left_ms == budget->now_ms)
        return 0;
    if (claim->held)
        withdraw(budget, window, claim);
    if (!claim->held || stopped || !window_has(shortest, claim->place_ms)) {
        claim->held = false;
        return take(budget, claim);
    }
    enter(budget, window, claim, place_ahead(budget));
    claim->left_ms = budget->now_ms;
    return 0;
}

int64_t budget_leave(struct budget *budget, struct budget_claim *claim, int64_t now_ms)
{
    int64_t wait_ms;

    pthread_mutex_lock(&budget->lock);
    budget_move(budget, now_ms);
    wait_ms = leave(budget, claim);
    pthread_mutex_unlock(&budget->lock);
    return wait_ms;
}

void budget_give_back(struct budget *budget, struct budget_claim *claim)
{
    bool failed;

    if (!claim->held)
        return;
    pthread_mutex_lock(&budget->lock);
    withdraw(budget, bucket_window(budget, bucket_of(budget, claim), &failed), claim);
    claim->held = false;
    pthread_mutex_unlock(&budget->lock);
}

/* It arrived by now: its entry ends a span from now, sooner or later than was thought. An answer
 * that took longer than an entry lies ahead (a large read) says no more of the way. */
static void settle(struct budget *budget, struct window *window, struct budget_claim *claim)
{
    int64_t took_ms = min_ms(budget->now_ms - claim->left_ms, WINDOW_AHEAD_MS);

    budget->trip_ms_x8 += took_ms - trip_ms(budget);
    withdraw(budget, window, claim);
    enter(budget, window, claim, budget->now_ms);
    claim->held = false;
}

/* Another program with the same account uses the same window: what the exchange counted when the
 * request arrived, and we had not sent by then. */
static void count_others(struct window *window, const struct budget_said *said, int64_t sent_ms)
{
    int64_t more = window->limit - said->left - window_since(window, sent_ms - window->span_ms);

    if (said->left >= 0 && more > 0)
        window_add(window, window->now_ms, WINDOW_OTHERS, more);
}

void budget_answered(struct budget *budget, struct budget_claim *claim,
                     const struct budget_said *said, int64_t now_ms)
{
    struct bucket *bucket = bucket_of(budget, claim);
    struct window *window;
    int64_t sent_ms = now_ms;
    bool failed;

    pthread_mutex_lock(&budget->lock);
    budget_move(budget, now_ms);
    window = bucket_window(budget, bucket, &failed);
    if (claim->held) {
        sent_ms = claim->left_ms;
        settle(budget, window, claim);
    }
    if (said && said->limit > 0) {
        window_set_limit(&bucket->window, min_ms(said->limit, LIMIT_MAX), shares_of(claim->route));
        window = bucket_window(budget, bucket, &failed);
        if (window)
            count_others(window, said, sent_ms);
    }
    if (said && said->hold_ms > 0)
        bucket->held_until_ms = max_ms(bucket->held_until_ms, budget->now_ms + said->hold_ms);
    pthread_mutex_unlock(&budget->lock);
}

void budget_ban(struct budget *budget, int64_t now_ms, int64_t pause_ms)
{
    int64_t until_ms = now_ms + pause_ms;
    bool longer;

    pthread_mutex_lock(&budget->lock);
    longer = until_ms > budget->banned_until_ms;
    if (longer)
        budget->banned_until_ms = until_ms;
    pthread_mutex_unlock(&budget->lock);
    if (longer && budget->on_ban)
        budget->on_ban(until_ms, budget->userdata);
}

void budget_on_ban(struct budget *budget, void (*on_ban)(int64_t until_ms, void *userdata),
                   void *userdata)
{
    budget->on_ban = on_ban;
    budget->userdata = userdata;
}

void budget_past(struct budget *budget, int requests, int64_t now_ms)
{
    int64_t free;

    pthread_mutex_lock(&budget->lock);
    budget_move(budget, now_ms);
    free = budget->ip.limit - budget->ip.shares[0][BUDGET_CANCEL] - budget->ip.total;
    if (requests > 0 && free > 0)
        window_add(&budget->ip, budget->now_ms, WINDOW_OTHERS, min_ms(requests, free));
    pthread_mutex_unlock(&budget->lock);
}

/* --- who waits --- */

void budget_waits(struct budget *budget, const struct budget_claim *claim, int more)
{
    struct bucket *bucket = bucket_of(budget, claim);

    pthread_mutex_lock(&budget->lock);
    bucket->waiting[claim->lane] += more;
    bucket->units[claim->lane] += more * units_of(claim);
    assert(bucket->waiting[claim->lane] >= 0);
    pthread_mutex_unlock(&budget->lock);
}

static int64_t sum_until(const int counts[BUDGET_LANES], enum budget_lane lane)
{
    int64_t sum = 0;

    for (int above = 0; above <= (int)lane; above++)
        sum += counts[above];
    return sum;
}

/* Of those that wait in the lane and above, how many can come to the IP's window while one waits
 * there: what waits for a route's window does not use it all at once. */
static int64_t waiting_for_ip(const struct budget *budget, enum budget_lane lane)
{
    int64_t sum = 0;

    for (int route = 0; route < ROUTE_COUNT; route++) {
        for (int category = 0; category < CATEGORY_COUNT; category++) {
            const struct bucket *bucket = &budget->buckets[route][category];
            int64_t waiting = sum_until(bucket->waiting, lane);

            if (bucket->window.limit > 0)
                waiting = min_ms(waiting, bucket->window.limit * IP_SECONDS);
            sum += waiting;
        }
    }
    return sum;
}

/* When the last of `units` has its turn, of which the last `each` go together: a window that is
 * full frees as many as it then lets in, which leave it one span after their answers. Rather too
 * late than too early: who is not refused is journaled. */
static int64_t turn_of(const struct budget *budget, const struct window *window,
                       enum budget_lane lane, int64_t units, int each)
{
    int64_t room = window_room(window, lane, budget->own_needed);
    int64_t trip = trip_ms(budget);
    int64_t rounds;

    if (room < each)
        return BUDGET_NEVER_MS;
    rounds = (units - 1) / room;
    units -= rounds * room;
    return window_wait(window, lane, units, budget->own_needed, 2 * trip + TURN_MORE_MS) +
           rounds * (window->span_ms + trip + TURN_MORE_MS);
}

int64_t budget_turn(struct budget *budget, const struct budget_claim *claim, int ahead,
                    int64_t now_ms)
{
    struct bucket *bucket = bucket_of(budget, claim);
    struct window *window;
    int64_t turn_ms;
    bool failed;

    pthread_mutex_lock(&budget->lock);
    budget_move(budget, now_ms);
    window = bucket_window(budget, bucket, &failed);
    turn_ms = max_ms(stopped_ms(budget, bucket), failed ? ROUTE_SPAN_MS : 0);
    turn_ms = max_ms(turn_ms, turn_of(budget, &budget->ip, claim->lane,
                                      waiting_for_ip(budget, claim->lane) + ahead + 1, 1));
    if (window)
        turn_ms = max_ms(turn_ms, turn_of(budget, window, claim->lane,
                                          sum_until(bucket->units, claim->lane) +
                                              ((int64_t)ahead + 1) * units_of(claim),
                                          units_of(claim)));
    pthread_mutex_unlock(&budget->lock);
    return turn_ms;
}

void budget_need_own(struct budget *budget, bool needed)
{
    pthread_mutex_lock(&budget->lock);
    budget->own_needed = needed;
    pthread_mutex_unlock(&budget->lock);
}

void budget_count_throttled(struct budget *budget, enum budget_lane lane)
{
    pthread_mutex_lock(&budget->lock);
    budget->throttled[lane]++;
    pthread_mutex_unlock(&budget->lock);
}
