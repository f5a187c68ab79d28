/* bybit/budget.c - windows that count requests by the millisecond.
 *
 * A window covers a little more than the exchange's, because requests do not arrive with the
 * spacing they left with. One more request fits when fewer than `limit` lie in the window that ends
 * now; since that holds at each take, no window anywhere holds more than `limit`.
 */
#include "bybit/budget.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PAD_MS      50
#define ROUTE_SPAN  (1000 + PAD_MS)
#define IP_SPAN     (5000 + PAD_MS)
#define IP_DEFAULT  550
#define LIMIT_MAX   1000000
#define NEVER_MS    60000 /* a limit of 0 */
#define READS_SHARE 10    /* reads leave a tenth of the IP window to writes */

struct window {
    unsigned *counts; /* of each ms, at ms modulo span */
    int64_t span_ms;
    int64_t newest_ms; /* all slots are clean behind it */
    int64_t total;
};

struct bucket {
    struct window window; /* counts are allocated with the first limit */
    int limit;            /* 0: none known */
    int64_t held_until_ms;
};

struct budget {
    pthread_mutex_t lock;
    struct window ip;
    int ip_limit;
    int64_t banned_until_ms;
    struct bucket buckets[ROUTE_COUNT][CATEGORY_COUNT];
};

static bool window_init(struct window *window, int64_t span_ms)
{
    window->counts = calloc((size_t)span_ms, sizeof(*window->counts));
    window->span_ms = span_ms;
    return window->counts != NULL;
}

static unsigned *window_slot(struct window *window, int64_t at_ms)
{
    assert(window->span_ms > 0);
    return &window->counts[at_ms % window->span_ms];
}

/* Moves the window's end to `now_ms`; threads may come with a slightly older time, which changes
 * nothing. */
static void window_move(struct window *window, int64_t now_ms)
{
    if (now_ms - window->newest_ms >= window->span_ms) {
        memset(window->counts, 0, (size_t)window->span_ms * sizeof(*window->counts));
        window->total = 0;
        window->newest_ms = now_ms;
    }
    while (window->newest_ms < now_ms) {
        unsigned *slot = window_slot(window, ++window->newest_ms);

        window->total -= *slot;
        *slot = 0;
    }
}

static void window_add(struct window *window, int64_t count)
{
    *window_slot(window, window->newest_ms) += (unsigned)count;
    window->total += count;
}

/* ms until fewer than `limit` lie in the window. */
static int64_t window_wait(struct window *window, int64_t limit)
{
    int64_t total = window->total;
    int64_t oldest_ms = window->newest_ms - window->span_ms + 1;

    if (total < limit)
        return 0;
    if (limit <= 0)
        return NEVER_MS;
    for (int64_t at_ms = oldest_ms; at_ms <= window->newest_ms; at_ms++) {
        total -= *window_slot(window, at_ms < 0 ? at_ms + window->span_ms : at_ms);
        if (total < limit)
            return at_ms - oldest_ms + 1;
    }
    return window->span_ms;
}

struct budget *budget_create(int ip_limit)
{
    struct budget *budget = calloc(1, sizeof(*budget));

    if (!budget)
        return NULL;
    pthread_mutex_init(&budget->lock, NULL);
    budget->ip_limit = ip_limit > 0 ? ip_limit : IP_DEFAULT;
    for (int route = 0; route < ROUTE_COUNT; route++) {
        const struct bybit_route_info *info = bybit_route_info((enum bybit_route)route);

        for (int category = 0; category < CATEGORY_COUNT; category++)
            budget->buckets[route][category].limit = info->per_second[category];
    }
    if (!window_init(&budget->ip, IP_SPAN)) {
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
            free(budget->buckets[route][category].window.counts);
    }
    free(budget->ip.counts);
    pthread_mutex_destroy(&budget->lock);
    free(budget);
}

static struct bucket *find_bucket(struct budget *budget, enum bybit_route route,
                                  enum category category)
{
    return &budget->buckets[route][bybit_route_info(route)->per_category ? category : 0];
}

/* NULL: no limit known. A window that cannot be allocated is not a reason to send more: it then
 * holds the route. */
static struct window *bucket_window(struct bucket *bucket, int64_t now_ms, bool *failed)
{
    *failed = false;
    if (bucket->limit == 0)
        return NULL;
    if (!bucket->window.counts && !window_init(&bucket->window, ROUTE_SPAN)) {
        *failed = true;
        return NULL;
    }
    window_move(&bucket->window, now_ms);
    return &bucket->window;
}

static int64_t max_ms(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t budget_take(struct budget *budget, enum bybit_route route, enum category category,
                    int64_t now_ms)
{
    bool is_write = bybit_route_info(route)->is_write;
    struct bucket *bucket = find_bucket(budget, route, category);
    struct window *window;
    int64_t ip_limit = budget->ip_limit;
    int64_t wait_ms;
    bool failed;

    pthread_mutex_lock(&budget->lock);
    if (!is_write)
        ip_limit -= ip_limit / READS_SHARE;
    window_move(&budget->ip, now_ms);
    window = bucket_window(bucket, now_ms, &failed);
    wait_ms = max_ms(budget->banned_until_ms - now_ms, bucket->held_until_ms - now_ms);
    wait_ms = max_ms(wait_ms, window_wait(&budget->ip, ip_limit));
    if (window)
        wait_ms = max_ms(wait_ms, window_wait(window, bucket->limit));
    if (failed)
        wait_ms = max_ms(wait_ms, ROUTE_SPAN);
    if (wait_ms <= 0) {
        wait_ms = 0;
        window_add(&budget->ip, 1);
        if (window)
            window_add(window, 1);
    }
    pthread_mutex_unlock(&budget->lock);
    return wait_ms;
}

void budget_correct(struct budget *budget, enum bybit_route route, enum category category,
                    int limit, int left, int64_t hold_ms, int64_t now_ms)
{
    struct bucket *bucket = find_bucket(budget, route, category);
    struct window *window;
    bool failed;

    pthread_mutex_lock(&budget->lock);
    if (limit > 0)
        bucket->limit = limit < LIMIT_MAX ? limit : LIMIT_MAX;
    window = bucket_window(bucket, now_ms, &failed);
    /* Another program with the same account uses the same window. */
    if (window && left >= 0 && limit > left && limit - left > window->total)
        window_add(window, (limit < LIMIT_MAX ? limit : LIMIT_MAX) - left - window->total);
    if (hold_ms > 0)
        bucket->held_until_ms = max_ms(bucket->held_until_ms, now_ms + hold_ms);
    pthread_mutex_unlock(&budget->lock);
}

void budget_ban(struct budget *budget, int64_t now_ms, int64_t pause_ms)
{
    pthread_mutex_lock(&budget->lock);
    budget->banned_until_ms = max_ms(budget->banned_until_ms, now_ms + pause_ms);
    pthread_mutex_unlock(&budget->lock);
}

int64_t budget_banned_until(struct budget *budget)
{
    int64_t until_ms;

    pthread_mutex_lock(&budget->lock);
    until_ms = budget->banned_until_ms;
    pthread_mutex_unlock(&budget->lock);
    return until_ms;
}

int budget_ip_left(struct budget *budget, int64_t now_ms)
{
    int64_t left;

    pthread_mutex_lock(&budget->lock);
    window_move(&budget->ip, now_ms);
    left = budget->ip_limit - budget->ip.total;
    pthread_mutex_unlock(&budget->lock);
    return left > 0 ? (int)left : 0;
}

int budget_ip_limit(const struct budget *budget)
{
    return budget->ip_limit;
}

/* False: it was not used. The lock is held. */
static bool read_window(struct bucket *bucket, int64_t now_ms, struct budget_window *out)
{
    int64_t left;

    if (!bucket->window.counts && bucket->held_until_ms <= now_ms)
        return false;
    if (bucket->window.counts)
        window_move(&bucket->window, now_ms);
    left = bucket->limit - bucket->window.total;
    out->limit = bucket->limit;
    out->left = left > 0 ? (int)left : 0;
    out->held_for_ms = max_ms(bucket->held_until_ms - now_ms, 0);
    return true;
}

size_t budget_windows(struct budget *budget, int64_t now_ms,
                      struct budget_window out[BUDGET_WINDOWS_MAX])
{
    size_t count = 0;

    pthread_mutex_lock(&budget->lock);
    for (int route = 0; route < ROUTE_COUNT; route++) {
        bool per_category = bybit_route_info((enum bybit_route)route)->per_category;

        for (int category = 0; category < (per_category ? CATEGORY_COUNT : 1); category++) {
            struct budget_window *window = &out[count];

            if (!read_window(&budget->buckets[route][category], now_ms, window))
                continue;
            window->route = (enum bybit_route)route;
            window->category = (enum category)category;
            window->per_category = per_category;
            count++;
        }
    }
    pthread_mutex_unlock(&budget->lock);
    return count;
}
