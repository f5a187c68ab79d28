/* tests/test_budget_model.c - a model of the exchange that counts arrivals in rolling windows,
 * behind ways of random length: it never sees more than its limits, nearly all of them can be used,
 * and budget_turn tells the turn in advance. Also what a request costs here. */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "base/clock.h"
#include "base/error.h"
#include "bybit/budget.h"

#define START_MS   INT64_C(100000)
#define IP_LIMIT   200
#define WAYS_MAX   4096
#define ARRIVALS   400000
#define PAD_MIN_MS 50 /* a way is not longer than the budget allows for */

static struct budget *budget;

static int64_t random_below(unsigned *seed, int below)
{
    return rand_r(seed) % below;
}

/* --- the exchange --- */

/* One window there. A request that arrives is let in when fewer than `limit` were in the 1,000
 * (5,000) ms that end with it; all that arrive are kept, also those of others. */
struct model_window {
    int64_t *arrivals; /* in order */
    size_t count;
    size_t oldest;
    int span_ms;
    int limit;
    int too_many;
    int most;
};

static void model_open(struct model_window *window, int span_ms, int limit)
{
    *window = (struct model_window){ .span_ms = span_ms, .limit = limit };
    window->arrivals = malloc(ARRIVALS * sizeof(*window->arrivals));
}

/* Returns how many are left. */
static int model_arrive(struct model_window *window, int64_t at_ms)
{
    int used;

    assert(window->count < ARRIVALS);
    window->arrivals[window->count++] = at_ms;
    while (at_ms - window->arrivals[window->oldest] > window->span_ms)
        window->oldest++;
    used = (int)(window->count - window->oldest);
    if (used > window->most)
        window->most = used;
    window->too_many += used > window->limit;
    return window->limit > used ? window->limit - used : 0;
}

/* --- ways there and back --- */

struct way {
    struct budget_claim claim;
    int64_t arrives_ms;
    int64_t answers_ms; /* 0: never */
    bool arrived;
    int left; /* X-Bapi-Limit-Status */
};

static const struct {
    enum bybit_route route;
    int limit;
} routes[] = {
    { ROUTE_ORDER_CREATE, 10 }, { ROUTE_ORDER_CANCEL, 10 }, { ROUTE_ORDER_REALTIME, 50 },
    { ROUTE_SET_LEVERAGE, 10 }, { ROUTE_FEE_RATE, 5 },      { ROUTE_TICKERS, 0 },
    { ROUTE_CANCEL_ALL, 10 },
};

static struct {
    struct model_window ip;
    struct model_window windows[ARRAY_LEN(routes)];
    struct way ways[WAYS_MAX];
    size_t count;
    unsigned seed;
    int trip_max_ms;
    bool headers;
} model;

static void model_start(unsigned seed, int trip_max_ms)
{
    memset(&model, 0, sizeof(model));
    model.seed = seed;
    model.trip_max_ms = trip_max_ms;
    model_open(&model.ip, 5000, IP_LIMIT);
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        model_open(&model.windows[i], 1000, routes[i].limit ? routes[i].limit : INT32_MAX);
    budget = budget_create(IP_LIMIT);
}

static void model_stop(void)
{
    free(model.ip.arrivals);
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        free(model.windows[i].arrivals);
    budget_destroy(budget);
}

static size_t window_of(enum bybit_route route)
{
    size_t i = 0;

    while (routes[i].route != route)
        i++;
    return i;
}

/* Some leave later than they were taken, some never leave, some get no answer. */
static void depart(const struct budget_claim *claim, int64_t now_ms)
{
    struct way *way = &model.ways[model.count++];
    int64_t trip_ms = random_below(&model.seed, model.trip_max_ms + 1);
    int64_t there_ms = random_below(&model.seed, (int)trip_ms + 1);

    assert(model.count < WAYS_MAX);
    if (there_ms > PAD_MIN_MS)
        there_ms = PAD_MIN_MS;
    *way = (struct way){ .claim = *claim,
                         .arrives_ms = now_ms + there_ms,
                         .answers_ms = now_ms + trip_ms };
    if (random_below(&model.seed, 10) == 0)
        way->answers_ms = 0;
}

/* With the time of a thread that looked at the clock a little ago. */
static void try_one(int64_t now_ms)
{
    size_t i = (size_t)random_below(&model.seed, ARRAY_LEN(routes));
    struct budget_claim claim = { .route = routes[i].route,
                                  .category = CATEGORY_LINEAR,
                                  .lane =
                                      (enum budget_lane)random_below(&model.seed, BUDGET_LANES) };

    if (budget_take(budget, &claim, now_ms - random_below(&model.seed, 2)) != 0)
        return;
    if (random_below(&model.seed, 20) == 0)
        budget_give_back(budget, &claim);
    else
        depart(&claim, now_ms);
}

static void arrive(struct way *way)
{
    way->left = model_arrive(&model.windows[window_of(way->claim.route)], way->arrives_ms);
    (void)model_arrive(&model.ip, way->arrives_ms);
    way->arrived = true;
}

static void answer(struct way *way, int64_t now_ms)
{
    size_t i = window_of(way->claim.route);
    const struct budget_said said = { .limit = routes[i].limit ? routes[i].limit : -1,
                                      .left = routes[i].limit ? way->left : -1 };

    budget_answered(budget, &way->claim, model.headers ? &said : NULL, now_ms);
}

/* All that is due in this ms. */
static void model_run(int64_t now_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < model.count; i++) {
        if (!model.ways[i].arrived && model.ways[i].arrives_ms <= now_ms)
            arrive(&model.ways[i]);
    }
    for (size_t i = 0; i < model.count; i++) {
        struct way *way = &model.ways[i];
        bool over = way->arrived && way->answers_ms <= now_ms;

        if (over && way->answers_ms)
            answer(way, now_ms);
        if (!over)
            model.ways[kept++] = *way;
    }
    model.count = kept;
}

static const int trips_ms[] = { 0, 1, 20, 50, 400, 3000 };

START_TEST(the_exchange_never_sees_too_many)
{
    model_start((unsigned)_i + 1, trips_ms[_i % (int)ARRAY_LEN(trips_ms)]);
    model.headers = _i >= (int)ARRAY_LEN(trips_ms);
    for (int64_t now_ms = START_MS; now_ms < START_MS + 36000; now_ms++) {
        /* Floods, bursts, and quiet. */
        int64_t tries = random_below(&model.seed, (now_ms / 4000) % 3 == 0 ? 10 : 2);

        if ((now_ms / 4000) % 3 == 1 && random_below(&model.seed, 10))
            tries = 0;
        if (random_below(&model.seed, 1000) == 0)
            budget_need_own(budget, random_below(&model.seed, 2));
        while (tries-- > 0)
            try_one(now_ms);
        model_run(now_ms);
    }
    ck_assert_int_eq(model.ip.too_many, 0);
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        ck_assert_int_eq(model.windows[i].too_many, 0);
    ck_assert_int_eq(model.ip.most, IP_LIMIT); /* and it was a flood */
    model_stop();
}
END_TEST

/* How many creates a second come through when there are always more. */
static double creates_per_second(int trip_ms, bool headers)
{
    size_t creates = window_of(ROUTE_ORDER_CREATE);
    double rate;

    model_start(7, trip_ms);
    model.headers = headers;
    for (int64_t now_ms = START_MS; now_ms < START_MS + 30000; now_ms++) {
        struct budget_claim claim = { .route = ROUTE_ORDER_CREATE,
                                      .category = CATEGORY_LINEAR,
                                      .lane = BUDGET_CREATE };

        while (budget_take(budget, &claim, now_ms) == 0) {
            depart(&claim, now_ms);
            claim.held = false;
        }
        model_run(now_ms);
    }
    rate = (double)model.windows[creates].count / 30;
    model_stop();
    return rate;
}

START_TEST(nearly_all_of_a_window_can_be_used)
{
    static const int trips[] = { 1, 10, 50, 200 };

    for (size_t i = 0; i < ARRAY_LEN(trips); i++) {
        double with = creates_per_second(trips[i], true);
        double without = creates_per_second(trips[i], false);

        printf("creates a second of 9, trip up to %d ms: %.2f, %.2f without headers\n", trips[i],
               with, without);
        ck_assert(without >= 9 * 1000.0 / (1001 + 50 + 4.0 * trips[i]) - 0.1);
        ck_assert(with >= without * 0.97); /* our own are not taken for others' */
    }
}
END_TEST

/* Creates of ours, as many as it lets go, beside 4 a second of another program. Returns the part of
 * all that was too much. */
static double beside_another(bool headers)
{
    const struct model_window *creates = &model.windows[window_of(ROUTE_ORDER_CREATE)];
    const size_t others = 60 * 4;
    double part;

    model_start(3, 10);
    model.headers = headers;
    for (int64_t now_ms = START_MS; now_ms < START_MS + 60000; now_ms++) {
        struct budget_claim claim = { .route = ROUTE_ORDER_CREATE,
                                      .category = CATEGORY_LINEAR,
                                      .lane = BUDGET_CREATE };

        model_run(now_ms);
        if (now_ms % 250 == 0)
            (void)model_arrive(&model.windows[window_of(ROUTE_ORDER_CREATE)], now_ms);
        if (now_ms % 30 == 0 && budget_take(budget, &claim, now_ms) == 0)
            depart(&claim, now_ms);
    }
    part = (double)creates->too_many / (double)creates->count;
    printf("beside another program's 4 creates a second: %.1f of ours, %.1f %% too many%s\n",
           (double)(creates->count - others) / 60, part * 100, headers ? "" : " without headers");
    ck_assert_uint_ge(creates->count - others, 60 * 4);
    model_stop();
    return part;
}

START_TEST(another_program_on_the_account_is_noticed)
{
    /* It cannot be known before an answer says so. */
    ck_assert(beside_another(true) < beside_another(false) / 3);
}
END_TEST

/* --- threads --- */

static atomic_int_least64_t shared_ms;

struct taker {
    pthread_t thread;
    enum budget_lane lane;
    unsigned seed;
    int64_t arrivals[ARRIVALS / 8];
    size_t count;
};

/* Its claims arrive up to PAD_MIN_MS after they were taken, by the clock that all share. */
static void *take_many(void *userdata)
{
    struct taker *taker = userdata;

    while (atomic_load(&shared_ms) < START_MS + 20000) {
        struct budget_claim claim = { .route = ROUTE_ORDER_CREATE,
                                      .category = CATEGORY_SPOT,
                                      .lane = taker->lane };
        int64_t taken_ms = atomic_load(&shared_ms);
        int64_t at_ms;
        int64_t late_ms;

        if (budget_take(budget, &claim, taken_ms) != 0)
            continue;
        at_ms = atomic_load(&shared_ms);
        late_ms = at_ms - taken_ms;
        if (random_below(&taker->seed, 2))
            budget_answered(budget, &claim, NULL, atomic_load(&shared_ms));
        else if (late_ms < PAD_MIN_MS)
            at_ms += random_below(&taker->seed, (int)(PAD_MIN_MS - late_ms));
        if (late_ms >= PAD_MIN_MS)
            continue; /* this thread stood still: as if it never arrived */
        if (taker->count < ARRAY_LEN(taker->arrivals))
            taker->arrivals[taker->count++] = at_ms;
    }
    return NULL;
}

static void *tick(void *userdata)
{
    (void)userdata;
    while (atomic_load(&shared_ms) < START_MS + 20000) {
        struct timespec pause = { .tv_nsec = 10000 };

        nanosleep(&pause, NULL);
        atomic_fetch_add(&shared_ms, 1);
    }
    return NULL;
}

static int by_time(const void *a, const void *b)
{
    const int64_t *left = a;
    const int64_t *right = b;

    return (*left > *right) - (*left < *right);
}

START_TEST(threads_share_it)
{
    static struct taker takers[4];
    static int64_t all[ARRIVALS];
    struct model_window window;
    pthread_t clock_thread;
    size_t count = 0;

    budget = budget_create(100000);
    atomic_store(&shared_ms, START_MS);
    pthread_create(&clock_thread, NULL, tick, NULL);
    for (size_t i = 0; i < ARRAY_LEN(takers); i++) {
        memset(&takers[i], 0, sizeof(takers[i]));
        takers[i].lane = (enum budget_lane)i;
        takers[i].seed = (unsigned)i + 1;
        pthread_create(&takers[i].thread, NULL, take_many, &takers[i]);
    }
    pthread_join(clock_thread, NULL);
    for (size_t i = 0; i < ARRAY_LEN(takers); i++) {
        pthread_join(takers[i].thread, NULL);
        memcpy(all + count, takers[i].arrivals, takers[i].count * sizeof(*all));
        count += takers[i].count;
    }
    qsort(all, count, sizeof(*all), by_time);
    model_open(&window, 1000, 20);
    for (size_t i = 0; i < count; i++)
        (void)model_arrive(&window, all[i]);
    ck_assert_int_eq(window.too_many, 0);
    ck_assert_uint_ge(count, 150);
    free(window.arrivals);
    budget_destroy(budget);
}
END_TEST

/* --- the turn --- */

/* Creates that wait, first come first served, as a transport serves them. */
struct queued {
    int64_t expected_ms;
};

static struct {
    struct queued all[4096];
    size_t first;
    size_t last;
    int64_t worst_early_ms; /* came so much before, after it was foretold */
    int64_t worst_late_ms;
} line;

static void line_add(const struct budget_claim *claim, int64_t now_ms)
{
    line.all[line.last++ % ARRAY_LEN(line.all)].expected_ms =
        now_ms + budget_turn(budget, claim, 0, now_ms);
    budget_waits(budget, claim, 1);
}

static void line_serve(struct budget_claim *claim, int64_t now_ms)
{
    while (line.first < line.last && budget_take(budget, claim, now_ms) == 0) {
        int64_t late_ms = now_ms - line.all[line.first++ % ARRAY_LEN(line.all)].expected_ms;

        if (late_ms > line.worst_late_ms)
            line.worst_late_ms = late_ms;
        if (-late_ms > line.worst_early_ms)
            line.worst_early_ms = -late_ms;
        budget_waits(budget, claim, -1);
        depart(claim, now_ms);
        claim->held = false;
    }
}

START_TEST(the_turn_is_foretold)
{
    static const int trips[] = { 1, 20, 100 };
    struct budget_claim claim = { .route = ROUTE_ORDER_CREATE,
                                  .category = CATEGORY_LINEAR,
                                  .lane = BUDGET_CREATE };

    model_start(5, trips[_i]);
    memset(&line, 0, sizeof(line));
    for (int64_t now_ms = START_MS; now_ms < START_MS + 120000; now_ms++) {
        bool busy = (now_ms / 10000) % 2 == 0; /* 20 a second, then none, 9 of which go */

        if (busy && random_below(&model.seed, 50) == 0)
            line_add(&claim, now_ms);
        line_serve(&claim, now_ms);
        model_run(now_ms);
    }
    printf("turns foretold with a trip of up to %d ms: at most %lld ms too soon, %lld too late\n",
           trips[_i], (long long)line.worst_late_ms, (long long)line.worst_early_ms);
    /* Up to 11 windows in advance, each a trip longer or shorter; some are never answered. */
    ck_assert_int_le(line.worst_late_ms, 12 * (100 + 4 * trips[_i]));
    ck_assert_int_le(line.worst_early_ms, 100 + 12 * trips[_i]);
    ck_assert_uint_ge(line.first, 1000);
    model_stop();
}
END_TEST

/* --- the cost --- */

#define COST_TIMES 200000

static double ns_each(int64_t began_us)
{
    return (double)(clock_mono_us() - began_us) * 1000 / COST_TIMES;
}

START_TEST(a_request_costs_little)
{
    const struct budget_said said = { .limit = 1200, .left = 1200 };
    struct budget_claim create = { .route = ROUTE_ORDER_CREATE, .lane = BUDGET_CREATE };
    struct budget_claim full = { .route = ROUTE_ORDER_CANCEL, .lane = BUDGET_CANCEL };
    int64_t began_us;
    double went_ns;
    double denied_ns;
    double turn_ns;
    bool well = true; /* an assertion is slower than what is timed */

    budget = budget_create(100000);
    budget_answered(budget, &create, &said, START_MS);
    began_us = clock_mono_us();
    for (int i = 0; i < COST_TIMES; i++) {
        int64_t now_ms = START_MS + i;

        well = well && budget_take(budget, &create, now_ms) == 0;
        (void)budget_leave(budget, &create, now_ms);
        budget_answered(budget, &create, &said, now_ms + 5);
    }
    went_ns = ns_each(began_us);
    while (budget_take(budget, &full, START_MS + COST_TIMES) == 0)
        full.held = false;
    began_us = clock_mono_us();
    for (int i = 0; i < COST_TIMES; i++)
        well = well && budget_take(budget, &full, START_MS + COST_TIMES) > 0;
    denied_ns = ns_each(began_us);
    budget_waits(budget, &create, 100);
    began_us = clock_mono_us();
    for (int i = 0; i < COST_TIMES; i++)
        (void)budget_turn(budget, &create, 1, START_MS + COST_TIMES);
    turn_ns = ns_each(began_us);
    printf(
        "ns: %.0f for take, leave and answered; %.0f for a take that is denied; %.0f for a turn\n",
        went_ns, denied_ns, turn_ns);
    /* Far more than it is, for slow machines and sanitizers. */
    ck_assert(well && went_ns < 200000);
    budget_destroy(budget);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("budget_model");
    TCase *tcase = tcase_create("budget_model");
    SRunner *runner;
    int failures;

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, the_exchange_never_sees_too_many, 0, 2 * (int)ARRAY_LEN(trips_ms));
    tcase_add_test(tcase, nearly_all_of_a_window_can_be_used);
    tcase_add_test(tcase, another_program_on_the_account_is_noticed);
    tcase_add_test(tcase, threads_share_it);
    tcase_add_loop_test(tcase, the_turn_is_foretold, 0, 3);
    tcase_add_test(tcase, a_request_costs_little);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
