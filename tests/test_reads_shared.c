/* tests/test_reads_shared.c - what is asked for at once or again is read once, and lanes of reads.
 */
#include "tests/test_reads_kit.h"

START_TEST(equal_reads_share_one_flight)
{
    static struct result results[6];

    start_reads(0);
    delay_ms = 100;
    for (int i = 0; i < 5; i++)
        ask(&results[i], ROUTE_TICKERS, "category=linear", 2000, 0);
    ask(&results[5], ROUTE_TICKERS, "category=spot", 2000, 0);
    for (int i = 0; i < 6; i++) {
        wait_until(&results[i].done, 1);
        ck_assert(results[i].answered);
        ck_assert_int_gt(results[i].as_of_ms, 0);
    }
    for (int i = 1; i < 5; i++)
        ck_assert_str_eq(results[i].body, results[0].body);
    ck_assert_int_eq(tickers_asked, 2);
    reads_stop(reads);
}
END_TEST

/* --- ten scripts --- */

struct script {
    pthread_t thread;
    struct result results[3];
};

static pthread_barrier_t start_line;

static void *run_script(void *userdata)
{
    struct script *script = userdata;

    pthread_barrier_wait(&start_line);
    ask(&script->results[0], ROUTE_TIME, NULL, 5000, 0);
    ask(&script->results[1], ROUTE_TICKERS, "category=linear", 5000, 300);
    ask(&script->results[2], ROUTE_INSTRUMENTS, "category=option&baseCoin=BTC", 5000, 300);
    for (size_t i = 0; i < ARRAY_LEN(script->results); i++)
        wait_until(&script->results[i].done, 1);
    return NULL;
}

START_TEST(ten_scripts_that_start_at_once_cost_one_read_of_each)
{
    static struct script scripts[10];
    const int64_t left = 550 - 5 - 3; /* five pages of instruments, and one of each */

    start_reads(0);
    instruments_unref(wait_instruments(5));
    delay_ms = 200;
    pthread_barrier_init(&start_line, NULL, ARRAY_LEN(scripts));
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        pthread_create(&scripts[i].thread, NULL, run_script, &scripts[i]);
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        pthread_join(scripts[i].thread, NULL);
        for (size_t j = 0; j < ARRAY_LEN(scripts[i].results); j++)
            ck_assert(scripts[i].results[j].answered);
    }
    pthread_barrier_destroy(&start_line);
    ck_assert_int_eq(time_asked, 1);
    ck_assert_int_eq(tickers_asked, 1);
    ck_assert_int_eq(options_asked, 1);
    ck_assert_int_eq(budget_ip_left(budget, clock_mono_ms()), left);
    reads_stop(reads);
}
END_TEST

/* --- lanes --- */

static struct result *flood(int count)
{
    static struct result results[256];
    char query[64];

    for (int i = 0; i < count; i++) {
        (void)snprintf(query, sizeof(query), "category=linear&symbol=S%d", i);
        ask(&results[i], ROUTE_TICKERS, query, 10000, 0);
    }
    return results;
}

static void ask_own(struct result *result)
{
    memset(result, 0, sizeof(*result));
    ck_assert_int_eq(
        reads_get_own(reads, ROUTE_TIME, CATEGORY_LINEAR, NULL, 3000, 0, on_done, result),
        ERR_NONE);
}

START_TEST(our_own_reads_have_places_of_their_own)
{
    static struct result own;
    struct result last = { 0 };
    struct result *results;

    start_reads(0);
    instruments_unref(wait_instruments(5));
    delay_ms = 20;
    results = flood(256);
    ck_assert_int_eq(reads_get(reads, ROUTE_TICKERS, CATEGORY_SPOT, NULL, 1, 0, on_done, &last),
                     ERR_BUSY);
    ask_own(&own);
    wait_until(&own.done, 1);
    ck_assert(own.answered);
    ck_assert_int_eq(results[255].done, 0);
    reads_stop(reads);
}
END_TEST

START_TEST(a_flood_of_reads_leaves_a_share_to_our_own)
{
    static struct result own;
    struct result *results;
    int waiting = 0;

    budget_destroy(budget);
    budget = budget_create(100);
    budget_need_own(budget, true); /* the loads have used the small share */
    start_reads(0);
    instruments_unref(wait_instruments(5));
    results = flood(200); /* reads may have 40 of the 100 in 5 s */
    wait_until(&tickers_asked, 35);
    usleep(100000);
    for (int i = 0; i < 200; i++)
        waiting += results[i].done == 0;
    ck_assert_int_ge(waiting, 160);
    ck_assert_int_eq(own.done, 0);
    ask_own(&own);
    wait_until(&own.done, 1);
    ck_assert(own.answered);
    reads_stop(reads);
}
END_TEST

/* A user's read of the same that waits behind the flood does not hold ours up. */
START_TEST(our_own_do_not_wait_in_the_users_lane)
{
    static struct result own;
    static struct result users;

    budget_destroy(budget);
    budget = budget_create(100);
    budget_need_own(budget, true);
    start_reads(0);
    instruments_unref(wait_instruments(5));
    (void)flood(200);
    wait_until(&tickers_asked, 35);
    usleep(100000);
    ask(&users, ROUTE_TIME, NULL, 10000, 0);
    ask_own(&own);
    wait_until(&own.done, 1);
    ck_assert(own.answered);
    ck_assert_int_eq(users.done, 0);
    reads_stop(reads);
}
END_TEST

/* The flight ends for want of a turn before its own asker's deadline; others can wait longer. */
START_TEST(who_can_wait_longer_is_not_refused_with_the_first)
{
    static struct result results[2];
    struct budget_claim claim = { .route = ROUTE_WALLET, .lane = BUDGET_CANCEL };
    const struct budget_said said = { .limit = -1, .left = -1, .hold_ms = 1500 };

    start_reads(0);
    instruments_unref(wait_instruments(5));
    budget_answered(budget, &claim, &said, clock_mono_ms());
    ask(&results[0], ROUTE_WALLET, "accountType=UNIFIED", 500, 1000);
    ask(&results[1], ROUTE_WALLET, "accountType=UNIFIED", 4000, 1000);
    wait_until(&results[0].done, 1);
    wait_until(&results[1].done, 1);
    ck_assert(!results[0].answered);
    ck_assert_int_eq(results[0].code, ERR_BUSY);
    ck_assert(results[1].answered);
    ck_assert_int_eq(wallets_asked, 1);
    reads_stop(reads);
}
END_TEST

struct again {
    struct result result;
    atomic_bool enough;
};

static void on_done_again(const struct rest_answer *answered, int64_t as_of_ms, void *userdata)
{
    struct again *again = userdata;

    on_done(answered, as_of_ms, &again->result);
    if (!again->enough)
        (void)!reads_get(reads, ROUTE_TICKERS, CATEGORY_LINEAR, "category=linear", 2000, 60000,
                         on_done_again, again);
}

START_TEST(a_flood_on_the_cache_holds_nobody_up)
{
    static struct again again;
    static struct result other;

    start_reads(0);
    memset(&again, 0, sizeof(again));
    on_done_again(&(struct rest_answer){ .body = "" }, 0, &again);
    wait_until(&again.result.done, 1000);
    ask(&other, ROUTE_TICKERS, "category=spot", 2000, 0);
    for (int i = 0; i < 2000 && !other.done; i++)
        usleep(1000);
    again.enough = true;
    wait_until(&other.done, 1);
    ck_assert(other.answered);
    ck_assert_int_eq(tickers_asked, 2);
    reads_stop(reads);
}
END_TEST

START_TEST(account_reads_share_nothing_unless_older_is_fine)
{
    static struct result results[4];

    start_reads(0);
    delay_ms = 100;
    for (int i = 0; i < 4; i++)
        ask(&results[i], ROUTE_WALLET, "accountType=UNIFIED", 2000, i < 2 ? 0 : 1000);
    for (int i = 0; i < 4; i++)
        wait_until(&results[i].done, 1);
    ck_assert_int_eq(wallets_asked, 2);
    reads_stop(reads);
}
END_TEST

START_TEST(an_answer_is_cached_as_long_as_the_asker_allows)
{
    static struct result results[4];

    start_reads(0);
    ask(&results[0], ROUTE_TICKERS, "category=linear", 2000, 1000);
    wait_until(&results[0].done, 1);
    ask(&results[1], ROUTE_TICKERS, "category=linear", 2000, 1000);
    wait_until(&results[1].done, 1);
    ck_assert_str_eq(results[1].body, results[0].body);
    ck_assert(results[1].as_of_ms == results[0].as_of_ms);
    ck_assert_int_eq(tickers_asked, 1);
    ask(&results[2], ROUTE_TICKERS, "category=linear", 2000, 0);
    wait_until(&results[2].done, 1);
    ck_assert_int_eq(tickers_asked, 2);
    usleep(30000);
    ask(&results[3], ROUTE_TICKERS, "category=linear", 2000, 20);
    wait_until(&results[3].done, 1);
    ck_assert_int_eq(tickers_asked, 3);
    reads_stop(reads);
}
END_TEST

START_TEST(a_refusal_is_not_cached)
{
    static struct result results[2];

    start_reads(0);
    refuse = true;
    for (int i = 0; i < 2; i++) {
        ask(&results[i], ROUTE_TICKERS, "category=linear", 2000, 5000);
        wait_until(&results[i].done, 1);
        ck_assert(results[i].answered);
    }
    ck_assert_int_eq(tickers_asked, 2);
    reads_stop(reads);
}
END_TEST

static void add(TCase *tcase)
{
    tcase_add_test(tcase, equal_reads_share_one_flight);
    tcase_add_test(tcase, ten_scripts_that_start_at_once_cost_one_read_of_each);
    tcase_add_test(tcase, our_own_reads_have_places_of_their_own);
    tcase_add_test(tcase, a_flood_of_reads_leaves_a_share_to_our_own);
    tcase_add_test(tcase, our_own_do_not_wait_in_the_users_lane);
    tcase_add_test(tcase, who_can_wait_longer_is_not_refused_with_the_first);
    tcase_add_test(tcase, a_flood_on_the_cache_holds_nobody_up);
    tcase_add_test(tcase, account_reads_share_nothing_unless_older_is_fine);
    tcase_add_test(tcase, an_answer_is_cached_as_long_as_the_asker_allows);
    tcase_add_test(tcase, a_refusal_is_not_cached);
}

int main(void)
{
    return reads_run_tests("reads_shared", add);
}
