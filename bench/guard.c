/* bench/guard.c - what guard and rate budget cost one order, inside the process: the engine with
 * all limits on (for all and for a named client) beside one without any, and the budget's part of
 * one order. In alternation, medians; no network and no disk.
 *
 *   bench_guard [ROUNDS] [ORDERS]      exit status 1: they cost more than they may
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bybit/budget.h"
#include "engine/engine.h"

#define START_MS   1700000000000
#define ROUNDS_MAX 1000
#define GOAL_NS    10000

struct run {
    struct engine *engine;
    struct engine_actions actions;
    struct guard_rules ceiling;
    uint64_t position;
    int64_t now_ms;
};

/* Of this thread's own time: what else the machine does is not counted. */
static int64_t now_ns(void)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

static _Noreturn void fail(const char *why)
{
    (void)fprintf(stderr, "bench_guard: %s\n", why);
    exit(2);
}

static void feed(struct run *run, struct engine_event *event)
{
    event->now_ms = run->now_ms;
    run->actions.count = 0;
    if (engine_step(run->engine, event, &run->actions))
        fail("out of memory");
    for (size_t i = 0; i < run->actions.count; i++) {
        if (run->actions.list[i].kind == ACTION_ROW)
            run->position = run->actions.list[i].u.row.position;
    }
}

static void set_limits(struct guard_limits *limits)
{
    limits->set = (1U << GUARD_LIMIT_COUNT) - 1 - GUARD_BIT(GUARD_REDUCE_ONLY_MODE);
    limits->max_order_notional = decimal_from_int(1000000);
    limits->max_open_notional = decimal_from_int(1000000000000);
    limits->max_orders_per_minute = GUARD_ORDERS_MINUTE_MAX;
    limits->max_leverage = decimal_from_int(10);
    limits->categories = 1U << CATEGORY_LINEAR;
    limits->symbols_count = GUARD_SYMBOLS_MAX;
    for (size_t i = 0; i < GUARD_SYMBOLS_MAX; i++) {
        limits->symbols[i].category = CATEGORY_LINEAR;
        (void)snprintf(limits->symbols[i].symbol, SYMBOL_MAX, "A%02zuUSDT", i);
    }
    memcpy(limits->symbols[GUARD_SYMBOLS_MAX - 1].symbol, "BTCUSDT", 8);
}

/* Answers all reads of the start with empty pages. */
static void read_nothing(struct run *run)
{
    uint64_t ids[64];
    size_t count = 0;

    for (size_t at = 0;; at++) {
        struct engine_event page = { .kind = EVENT_PAGE };

        for (size_t i = 0; i < run->actions.count; i++) {
            if (run->actions.list[i].kind == ACTION_READ && count < 64)
                ids[count++] = run->actions.list[i].u.read.read_id;
        }
        if (at == count)
            return;
        page.u.page.read_id = ids[at];
        page.u.page.ok = true;
        page.u.page.next_cursor = "";
        feed(run, &page);
    }
}

static void start(struct run *run, bool limited)
{
    struct engine_config config = { .times = engine_times_default,
                                    .has_keys = true,
                                    .watermark_ms = START_MS - 60000,
                                    .link_prefix = "b-1-",
                                    .orders_max = 200000,
                                    .guard_ceiling = limited ? &run->ceiling : NULL };
    struct engine_event event = { .kind = EVENT_START };

    run->now_ms = START_MS;
    set_limits(&run->ceiling.all);
    run->ceiling.clients_count = 1;
    memcpy(run->ceiling.clients[0].name, "bot", 4);
    set_limits(&run->ceiling.clients[0].limits);
    if (engine_create(&run->engine, &config))
        fail("out of memory");
    feed(run, &event);
    event.kind = EVENT_CLOCK;
    event.u.clock.server_ms = START_MS;
    feed(run, &event);
    event.kind = EVENT_PRIVATE_UP;
    feed(run, &event);
    read_nothing(run);
    event.kind = EVENT_POSITIONS_KNOWN;
    event.u.positions.known = true;
    feed(run, &event);
}

static void create(struct run *run, const struct guard_facts *facts)
{
    struct order_request request = { .category = CATEGORY_LINEAR,
                                     .symbol = "BTCUSDT",
                                     .side = SIDE_BUY,
                                     .type = ORDER_TYPE_LIMIT,
                                     .client = "bot" };
    struct engine_event event = { .kind = EVENT_CREATE };
    uint64_t send_id = 0;

    request.qty = (struct decimal){ 15, 3 };
    request.price = (struct decimal){ 642505, 1 };
    request.value_price = request.price;
    event.u.create.request = &request;
    event.u.create.facts = facts;
    event.u.create.waiter = 1;
    feed(run, &event);
    event.kind = EVENT_COMMITTED;
    memset(&event.u, 0, sizeof(event.u));
    event.u.committed.position = run->position;
    feed(run, &event);
    for (size_t i = 0; i < run->actions.count; i++) {
        if (run->actions.list[i].kind == ACTION_SEND_CREATE)
            send_id = run->actions.list[i].u.send.send_id;
    }
    if (!send_id)
        fail("an order was not sent");
    event.kind = EVENT_ANSWER;
    memset(&event.u, 0, sizeof(event.u));
    event.u.answer.send_id = send_id;
    event.u.answer.order_id = "";
    feed(run, &event);
}

/* ns an order: its create, its commit and its answer. */
static int64_t run_engine(struct run *run, int orders)
{
    static const struct guard_facts facts = { .source = GUARD_PRICE_LIMIT, .leverage = { 5, 0 } };
    int64_t began_ns = now_ns();

    for (int i = 0; i < orders; i++)
        create(run, &facts);
    run->now_ms += 1000;
    return (now_ns() - began_ns) / orders;
}

/* What is asked of the budget for one order, with a window that has room. */
static int64_t run_budget(struct budget *budget, int64_t *now_ms, int orders)
{
    struct budget_said said = { .limit = -1, .left = -1 };
    int64_t began_ns = now_ns();

    for (int i = 0; i < orders; i++) {
        struct budget_claim claim = { .route = ROUTE_ORDER_CREATE,
                                      .category = CATEGORY_LINEAR,
                                      .lane = BUDGET_CREATE };
        bool taken;

        (void)budget_turn(budget, &claim, 0, *now_ms);
        budget_waits(budget, &claim, 1);
        taken = budget_take(budget, &claim, *now_ms) == 0;
        budget_waits(budget, &claim, -1);
        taken = taken && budget_leave(budget, &claim, *now_ms) == 0;
        budget_answered(budget, &claim, &said, *now_ms + 1);
        if (!taken)
            fail("an order was not sent");
        *now_ms += 250; /* less than the limits of a second */
    }
    return (now_ns() - began_ns) / orders;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int64_t median(int64_t *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), by_size);
    return values[count / 2];
}

static struct run *run_new(bool limited)
{
    struct run *run = calloc(1, sizeof(*run));

    if (!run)
        fail("out of memory");
    start(run, limited);
    return run;
}

static void run_end(struct run *run)
{
    engine_destroy(run->engine);
    free(run->actions.list);
    free(run);
}

static int number_of(const char *text, int most)
{
    long number = strtol(text, NULL, 10);

    return number < 1 || number > most ? 1 : (int)number;
}

int main(int argc, char **argv)
{
    static int64_t bare_ns[ROUNDS_MAX];
    static int64_t guarded_ns[ROUNDS_MAX];
    static int64_t budget_ns[ROUNDS_MAX];
    int rounds = argc > 1 ? number_of(argv[1], ROUNDS_MAX) : 15;
    int orders = argc > 2 ? number_of(argv[2], 10000) : 1000;
    struct budget *budget = budget_create(550);
    struct run *bare = run_new(false);
    struct run *guarded = run_new(true);
    int64_t now_ms = START_MS;
    int64_t more_ns;
    int64_t both_ns;

    if (!budget)
        fail("out of memory");
    for (int i = 0; i < rounds; i++) {
        bare_ns[i] = run_engine(bare, orders);
        guarded_ns[i] = run_engine(guarded, orders);
        budget_ns[i] = run_budget(budget, &now_ms, orders);
    }
    more_ns = median(guarded_ns, rounds) - median(bare_ns, rounds);
    both_ns = more_ns + median(budget_ns, rounds);
    printf("  engine, no limit    %7" PRId64 " ns an order\n", median(bare_ns, rounds));
    printf("  engine, all limits  %7" PRId64 " ns  difference %" PRId64 " ns, ratio %.3f\n",
           median(guarded_ns, rounds), more_ns,
           (double)median(guarded_ns, rounds) / (double)median(bare_ns, rounds));
    printf("  rate budget         %7" PRId64 " ns\n", median(budget_ns, rounds));
    printf("  together            %7" PRId64 " ns an order (goal < %d): %s\n", both_ns, GOAL_NS,
           both_ns < GOAL_NS ? "met" : "missed");
    run_end(bare);
    run_end(guarded);
    budget_destroy(budget);
    return both_ns < GOAL_NS ? 0 : 1;
}
