/* bybit/budget_read.c - what is left, and who waits, for people. */
#include "bybit/budget_parts.h"

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

const char *budget_lane_word(enum budget_lane lane)
{
    static const char *const words[BUDGET_LANES] = {
        [BUDGET_CANCEL] = "cancel",
        [BUDGET_CREATE] = "create",
        [BUDGET_READ] = "read",
        [BUDGET_OWN] = "own",
    };

    return (unsigned)lane < BUDGET_LANES ? words[lane] : "";
}

int64_t budget_banned_until(struct budget *budget)
{
    int64_t until_ms;

    pthread_mutex_lock(&budget->lock);
    until_ms = budget->banned_until_ms;
    pthread_mutex_unlock(&budget->lock);
    return until_ms;
}

int budget_ip_limit(const struct budget *budget)
{
    return (int)budget->ip.limit; /* never changes */
}

int budget_ip_left(struct budget *budget, int64_t now_ms)
{
    struct budget_window window;

    budget_read_ip(budget, now_ms, &window);
    return window.left;
}

static void show(const struct budget *budget, const struct window *window, int64_t held_ms,
                 struct budget_window *out)
{
    int64_t left = window->limit - window->total;

    out->limit = (int)window->limit;
    out->left = (int)most(left, 0);
    out->held_for_ms = held_ms;
    out->reset_ms = window->slots ? most(window_reset_ms(window), held_ms) : held_ms;
    for (int lane = 0; lane < BUDGET_LANES; lane++) {
        left = window_left(window, (enum budget_lane)lane, budget->own_needed);
        out->left_of[lane] = held_ms > 0 ? 0 : (int)most(left, 0);
    }
}

void budget_read_ip(struct budget *budget, int64_t now_ms, struct budget_window *out)
{
    *out = (struct budget_window){ 0 };
    pthread_mutex_lock(&budget->lock);
    budget_move(budget, now_ms);
    show(budget, &budget->ip, most(budget->banned_until_ms - budget->now_ms, 0), out);
    pthread_mutex_unlock(&budget->lock);
}

static void show_bucket(struct budget *budget, struct bucket *bucket, enum bybit_route route,
                        int category, struct budget_window *out)
{
    *out = (struct budget_window){ .route = route,
                                   .category = (enum category)category,
                                   .per_category = bybit_route_info(route)->per_category };
    if (bucket->window.slots)
        window_move(&bucket->window, budget->now_ms);
    show(budget, &bucket->window, most(bucket->held_until_ms - budget->now_ms, 0), out);
}

bool budget_read(struct budget *budget, enum bybit_route route, enum category category,
                 int64_t now_ms, struct budget_window *out)
{
    struct bucket *bucket = budget_bucket(budget, route, category);
    bool known;

    pthread_mutex_lock(&budget->lock);
    budget_move(budget, now_ms);
    known = bucket->window.limit > 0;
    if (known)
        show_bucket(budget, bucket, route, (int)category, out);
    pthread_mutex_unlock(&budget->lock);
    return known;
}

size_t budget_windows(struct budget *budget, int64_t now_ms,
                      struct budget_window out[BUDGET_WINDOWS_MAX])
{
    size_t count = 0;

    pthread_mutex_lock(&budget->lock);
    budget_move(budget, now_ms);
    for (int route = 0; route < ROUTE_COUNT; route++) {
        for (int category = 0; category < CATEGORY_COUNT; category++) {
            struct bucket *bucket = &budget->buckets[route][category];

            if (bucket->window.slots || bucket->held_until_ms > budget->now_ms)
                show_bucket(budget, bucket, (enum bybit_route)route, category, &out[count++]);
        }
    }
    pthread_mutex_unlock(&budget->lock);
    return count;
}

void budget_lanes(struct budget *budget, struct budget_lane_status out[BUDGET_LANES])
{
    pthread_mutex_lock(&budget->lock);
    for (int lane = 0; lane < BUDGET_LANES; lane++) {
        out[lane] = (struct budget_lane_status){ .throttled = budget->throttled[lane] };
        for (int route = 0; route < ROUTE_COUNT; route++) {
            for (int category = 0; category < CATEGORY_COUNT; category++)
                out[lane].waiting += budget->buckets[route][category].waiting[lane];
        }
    }
    pthread_mutex_unlock(&budget->lock);
}
