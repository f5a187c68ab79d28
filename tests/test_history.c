/* Reads behind the api: look-ups, lists with filters and cursors, events, and jobs that wait for
 * their position. */
#include <pthread.h>
#include <unistd.h>

#include "db/history.h"
#include "db/reader.h"
#include "db/statement.h"
#include "tests/test_journal_kit.h"

#define ORDERS 60 /* in the fixture; order n is created at minute n */
#define MINUTE 60000

static struct bridge bridge;
static struct history_reader *reader;

static int64_t minute(int n)
{
    return INT64_C(1700000000000) + (int64_t)n * MINUTE;
}

/* Order n: ETHUSDT when n is odd, tag "t" when a multiple of 5, spot when a multiple of 3; open
 * from 50 on, 55 unknown. Each closed one has two fills. */
static void make_order(struct order *order, int n)
{
    char link[16];

    (void)snprintf(link, sizeof(link), "l-%d", n);
    kit_order(order, link);
    (void)snprintf(order->request.symbol, sizeof(order->request.symbol),
                   n % 2 ? "ETHUSDT" : "BTCUSDT");
    (void)snprintf(order->request.tag, sizeof(order->request.tag), n % 5 ? "" : "t");
    (void)snprintf(order->order_id, sizeof(order->order_id), "id-%d", n);
    order->request.category = n % 3 ? CATEGORY_LINEAR : CATEGORY_SPOT;
    order->state = n == 55 ? ORDER_UNKNOWN : n >= 50 ? ORDER_LIVE : ORDER_CLOSED;
    order->status = n >= 50 ? STATUS_NEW : STATUS_FILLED;
    order->created_ms = minute(n);
    order->request.value_price = n == 7 ? kit_decimal("26000.50") : DECIMAL_NONE;
    if (n == 7)
        (void)snprintf(order->request.client_id, sizeof(order->request.client_id), "a key of mine");
}

static void submit_fills(const struct order *order, int n)
{
    for (int i = 0; i < 2; i++) {
        struct fill fill;
        char exec[16];

        (void)snprintf(exec, sizeof(exec), "e-%d", i);
        kit_fill(&fill, order->order_id, exec);
        fill.category = order->request.category;
        memcpy(fill.symbol, order->request.symbol, sizeof(fill.symbol));
        memcpy(fill.tag, order->request.tag, sizeof(fill.tag));
        fill.at_ms = minute(n) + 1000; /* both at the same time */
        fill.maker = i == 1;
        fill.kind = FILL_TRADE;
        kit_submit(&bridge, kit_fill_row(&bridge, &fill));
    }
}

static void setup(void)
{
    kit_folder(&bridge);
    kit_start(&bridge);
    /* The newest half first: lists go by time, not by the order of rows. */
    for (int i = 0; i < ORDERS; i++) {
        int n = (i + ORDERS / 2) % ORDERS;
        struct order order;

        make_order(&order, n);
        kit_submit(&bridge, kit_order_row(&bridge, &order));
        if (n < 50)
            submit_fills(&order, n);
    }
    kit_settle(&bridge);
    reader = reader_create(bridge.path);
    ck_assert_ptr_nonnull(reader);
}

static void teardown(void)
{
    reader_destroy(reader);
    journal_close(bridge.journal);
    bridge.journal = NULL;
    kit_remove_folder(&bridge);
}

/* --- look-ups --- */

START_TEST(an_order_is_found_by_each_of_its_names)
{
    static const char *const names[] = { "id-7", "l-7", "a key of mine" };
    char price[DECIMAL_TEXT_MAX];
    struct order order;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        memset(&order, 0, sizeof(order));
        ck_assert_int_eq(reader_order(reader, names[i], &order), ERR_NONE);
        ck_assert_str_eq(order.order_id, "id-7");
        ck_assert_int_eq(order.created_ms, minute(7));
        ck_assert_str_eq(decimal_format(&order.request.value_price, price), "26000.50");
    }
    ck_assert_int_eq(reader_order(reader, "id-8", &order), ERR_NONE);
    ck_assert(decimal_is_none(&order.request.value_price));
    ck_assert_int_eq(reader_order(reader, "nobody", &order), ERR_NOT_FOUND);
    ck_assert_int_eq(reader_order(reader, "", &order), ERR_NOT_FOUND);
}
END_TEST

START_TEST(an_order_is_found_by_id_within_its_category_else_by_link)
{
    struct order order;

    ck_assert_int_eq(reader_find_order(reader, CATEGORY_SPOT, "id-6", "", &order), ERR_NONE);
    ck_assert_int_eq(reader_find_order(reader, CATEGORY_LINEAR, "id-6", "", &order), ERR_NOT_FOUND);
    ck_assert_int_eq(reader_find_order(reader, CATEGORY_LINEAR, "id-6", "l-8", &order), ERR_NONE);
    ck_assert_str_eq(order.request.link, "l-8");
    ck_assert_int_eq(reader_find_order(reader, CATEGORY_LINEAR, "", "", &order), ERR_NOT_FOUND);
}
END_TEST

START_TEST(fill_keys_belong_to_one_order)
{
    struct journal_fill_key *keys;
    size_t count;
    bool known;

    ck_assert_int_eq(reader_fill_keys(reader, CATEGORY_SPOT, "id-6", &keys, &count), ERR_NONE);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(keys[0].exec_id, "e-0");
    ck_assert_str_eq(keys[1].exec_id, "e-1");
    free(keys);
    ck_assert_int_eq(reader_fill_keys(reader, CATEGORY_LINEAR, "id-6", &keys, &count), ERR_NONE);
    ck_assert_uint_eq(count, 0);
    ck_assert_ptr_null(keys);
    ck_assert_int_eq(reader_fill_known(reader, CATEGORY_SPOT, "id-6", "e-1", &known), ERR_NONE);
    ck_assert(known);
    ck_assert_int_eq(reader_fill_known(reader, CATEGORY_SPOT, "id-6", "e-2", &known), ERR_NONE);
    ck_assert(!known);
}
END_TEST

/* --- lists --- */

struct seen {
    int count;
    int max; /* stop after so many; 0: do not */
    int64_t times[200];
    int64_t last_id;
};

static bool on_order(const struct order *order, int64_t row_id, void *userdata)
{
    struct seen *seen = userdata;

    seen->times[seen->count++] = order->created_ms;
    seen->last_id = row_id;
    return seen->count != seen->max;
}

static bool on_fill(const struct fill *fill, int64_t row_id, void *userdata)
{
    struct seen *seen = userdata;

    seen->times[seen->count++] = fill->at_ms;
    seen->last_id = row_id;
    return seen->count != seen->max;
}

static void check_newest_first(const struct seen *seen)
{
    for (int i = 1; i < seen->count; i++)
        ck_assert_int_le(seen->times[i], seen->times[i - 1]);
}

/* Reads all pages, and checks that the limit makes no difference. */
static int count_orders(struct list_filter filter)
{
    struct seen all = { 0 };
    struct seen paged = { 0 };

    filter.limit = 1000;
    ck_assert_int_eq(reader_orders(reader, &filter, on_order, &all), ERR_NONE);
    check_newest_first(&all);
    filter.limit = 7;
    for (int before = -1; before != paged.count;) {
        before = paged.count;
        ck_assert_int_eq(reader_orders(reader, &filter, on_order, &paged), ERR_NONE);
        ck_assert_int_le(paged.count - before, 7);
        filter.after = paged.last_id;
    }
    ck_assert_int_eq(paged.count, all.count);
    ck_assert_mem_eq(paged.times, all.times, sizeof(all.times));
    return all.count;
}

static int count_fills(struct list_filter filter)
{
    struct seen all = { 0 };
    struct seen paged = { 0 };

    filter.limit = 1000;
    ck_assert_int_eq(reader_fills(reader, &filter, on_fill, &all), ERR_NONE);
    check_newest_first(&all);
    filter.limit = 7; /* odd: a page ends between two fills of one time */
    for (int before = -1; before != paged.count;) {
        before = paged.count;
        ck_assert_int_eq(reader_fills(reader, &filter, on_fill, &paged), ERR_NONE);
        filter.after = paged.last_id;
    }
    ck_assert_int_eq(paged.count, all.count);
    return all.count;
}

START_TEST(orders_are_filtered_and_paged_newest_first)
{
    const struct {
        struct list_filter filter;
        int expected;
    } cases[] = {
        { { .state = FILTER_ALL }, 60 },
        { { .state = FILTER_OPEN }, 10 },
        { { .state = FILTER_UNKNOWN }, 1 },
        { { .state = FILTER_FINAL }, 50 },
        { { .state = FILTER_ALL, .symbol = "ETHUSDT" }, 30 },
        { { .state = FILTER_OPEN, .symbol = "ETHUSDT" }, 5 },
        { { .state = FILTER_ALL, .symbol = "XRPUSDT" }, 0 },
        { { .state = FILTER_ALL, .tag = "t" }, 12 },
        { { .state = FILTER_ALL, .tag = "t", .symbol = "BTCUSDT" }, 6 },
        { { .state = FILTER_ALL, .has_category = true, .category = CATEGORY_SPOT }, 20 },
        { { .state = FILTER_ALL, .order_id = "id-3" }, 1 },
        { { .state = FILTER_ALL, .from_ms = minute(10), .to_ms = minute(20) }, 10 },
        { { .state = FILTER_FINAL, .from_ms = minute(45) }, 5 },
        { { .state = FILTER_ALL, .to_ms = minute(1), .symbol = "BTCUSDT" }, 1 },
        { { .state = FILTER_ALL,
            .symbol = "BTCUSDT",
            .tag = "t",
            .has_category = true,
            .category = CATEGORY_SPOT,
            .from_ms = minute(1),
            .to_ms = minute(59) },
          1 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ck_assert_msg(count_orders(cases[i].filter) == cases[i].expected, "case %zu", i);
}
END_TEST

START_TEST(fills_are_filtered_and_paged_newest_first)
{
    const struct {
        struct list_filter filter;
        int expected;
    } cases[] = {
        { { .limit = 0 }, 100 },
        { { .symbol = "ETHUSDT" }, 50 },
        { { .tag = "t" }, 20 },
        { { .has_category = true, .category = CATEGORY_SPOT }, 34 },
        { { .order_id = "id-6" }, 2 },
        { { .order_id = "l-6" }, 2 },
        { { .order_id = "a key of mine" }, 2 },
        { { .order_id = "l-55" }, 0 },
        { { .order_id = "nobody" }, 0 },
        { { .from_ms = minute(10), .to_ms = minute(20) }, 20 },
        { { .order_id = "id-6", .symbol = "ETHUSDT" }, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ck_assert_msg(count_fills(cases[i].filter) == cases[i].expected, "case %zu", i);
}
END_TEST

START_TEST(a_fill_comes_back_as_it_was)
{
    struct fill fill;
    struct list_filter filter = { .limit = 1, .order_id = "exotic" };

    kit_fill(&fill, "exotic", "e-x");
    (void)snprintf(fill.link, sizeof(fill.link), "l");
    (void)snprintf(fill.client, sizeof(fill.client), "c");
    (void)snprintf(fill.client_id, sizeof(fill.client_id), "ci");
    fill.side = SIDE_SELL;
    fill.kind = FILL_LIQUIDATION;
    fill.exchange_seq = INT64_C(9007199254740993);
    kit_submit(&bridge, kit_fill_row(&bridge, &fill));
    kit_settle(&bridge);
    fill.seq = bridge.seq;

    struct fill stored;
    struct seen seen = { 0 };
    bool known = false;

    memset(&stored, 0, sizeof(stored));
    ck_assert_int_eq(reader_fills(reader, &filter, on_fill, &seen), ERR_NONE);
    ck_assert_int_eq(seen.count, 1);
    ck_assert_int_eq(reader_fill_known(reader, CATEGORY_LINEAR, "exotic", "e-x", &known), ERR_NONE);
    ck_assert(known);
    ck_assert_int_eq(kit_query(&bridge,
                               "SELECT count(*) FROM fills WHERE link='l' AND client='c' AND "
                               "client_id='ci' AND side='sell' AND kind='liquidation' AND "
                               "exchange_seq=9007199254740993 AND fee='-0.0260' AND "
                               "closed_qty IS NULL AND value='260.001'"),
                     1);
}
END_TEST

START_TEST(a_list_stops_where_it_is_told)
{
    struct seen seen = { .max = 3 };
    struct list_filter filter = { .state = FILTER_ALL, .limit = 100 };

    ck_assert_int_eq(reader_orders(reader, &filter, on_order, &seen), ERR_NONE);
    ck_assert_int_eq(seen.count, 3);
    filter.limit = 0; /* at least one */
    seen = (struct seen){ 0 };
    ck_assert_int_eq(reader_orders(reader, &filter, on_order, &seen), ERR_NONE);
    ck_assert_int_eq(seen.count, 1);
    filter.after = 999999;
    ck_assert_int_eq(reader_orders(reader, &filter, on_order, &seen), ERR_INVALID);
    ck_assert_int_eq(reader_fills(reader, &filter, on_fill, &seen), ERR_INVALID);
}
END_TEST

/* --- events --- */

struct seen_events {
    uint64_t count;
    uint64_t max;
    uint64_t last;
};

static bool on_event(const struct stored_event *event, void *userdata)
{
    struct seen_events *seen = userdata;
    char json[40];

    ck_assert_uint_eq(event->seq, seen->last + 1);
    (void)snprintf(json, sizeof(json), "{\"n\":%" PRIu64 "}", event->seq);
    ck_assert_uint_eq(event->json_bytes, strlen(json));
    ck_assert_mem_eq(event->json, json, strlen(json));
    ck_assert(strcmp(event->event, "order") == 0 || strcmp(event->event, "fill") == 0);
    ck_assert_int_gt(event->at_ms, 0);
    seen->last = event->seq;
    seen->count++;
    return seen->count != seen->max;
}

START_TEST(events_are_read_on_from_a_number)
{
    struct seen_events seen = { 0 };
    uint64_t first = 99;

    ck_assert_int_eq(reader_events(reader, 0, 1000, on_event, &seen), ERR_NONE);
    ck_assert_uint_eq(seen.count, bridge.seq);
    seen = (struct seen_events){ .last = 100 };
    ck_assert_int_eq(reader_events(reader, 100, 10, on_event, &seen), ERR_NONE);
    ck_assert_uint_eq(seen.last, 110);
    seen = (struct seen_events){ .last = 100, .max = 2 };
    ck_assert_int_eq(reader_events(reader, 100, 10, on_event, &seen), ERR_NONE);
    ck_assert_uint_eq(seen.last, 102);
    seen = (struct seen_events){ 0 };
    ck_assert_int_eq(reader_events(reader, bridge.seq, 10, on_event, &seen), ERR_NONE);
    ck_assert_uint_eq(seen.count, 0);
    ck_assert_int_eq(reader_events(reader, UINT64_MAX, 10, on_event, &seen), ERR_INVALID);
    ck_assert_int_eq(reader_first_seq(reader, &first), ERR_NONE);
    ck_assert_uint_eq(first, 1);
}
END_TEST

/* --- since when --- */

static void submit_watermark(int64_t ms, int64_t watched_from_ms)
{
    struct journal_row *row = kit_row(&bridge, JOURNAL_WATERMARK);

    row->u.watermark = (struct journal_watermark){ ms, watched_from_ms,
                                                   watched_from_ms ? watched_from_ms + 7 : 0 };
    kit_submit(&bridge, row);
    kit_settle(&bridge);
}

START_TEST(the_journal_knows_since_when_it_watches)
{
    int64_t from_ms = -1;
    int64_t options_ms = -1;

    ck_assert_int_eq(reader_watched_from(reader, &from_ms, &options_ms), ERR_NONE);
    ck_assert_int_eq(options_ms, 0);
    ck_assert_int_eq(from_ms, 0); /* not recovered yet */
    submit_watermark(minute(99), minute(5));
    submit_watermark(minute(100), 0);
    submit_watermark(minute(101), minute(90)); /* the first one counts */
    ck_assert_int_eq(reader_watched_from(reader, &from_ms, &options_ms), ERR_NONE);
    ck_assert_int_eq(from_ms, minute(5));
    ck_assert_int_eq(options_ms, minute(5) + 7);
}
END_TEST

/* A file that says no more than its watermark. */
START_TEST(without_that_it_has_watched_since_its_first_event)
{
    int64_t first_ms = 0;
    int64_t from_ms = -1;
    int64_t options_ms = -1;
    sqlite3 *db;
    struct error error = { 0 };

    submit_watermark(minute(99), 0);
    ck_assert_int_eq(sqlite3_open(bridge.path, &db), SQLITE_OK);
    ck_assert(!db_integer(db, "SELECT at_ms FROM events WHERE seq=1", &first_ms, &error));
    ck_assert_int_gt(first_ms, 0);
    ck_assert_int_eq(reader_watched_from(reader, &from_ms, &options_ms), ERR_NONE);
    ck_assert_int_eq(from_ms, first_ms);
    ck_assert_int_eq(options_ms, first_ms);
    ck_assert(!db_exec(db, "DELETE FROM events", &error));
    sqlite3_close(db);
    ck_assert_int_eq(reader_watched_from(reader, &from_ms, &options_ms), ERR_NONE);
    ck_assert_int_eq(from_ms, minute(99));
}
END_TEST

/* --- failures --- */

START_TEST(a_reader_without_a_file_fails_and_comes_back)
{
    struct order order;
    char away[112];
    struct history_reader *late = reader_create(bridge.path);
    struct seen_events seen = { 0 };
    uint64_t first;

    kit_stop(&bridge);
    (void)snprintf(away, sizeof(away), "%s.away", bridge.path);
    ck_assert_int_eq(rename(bridge.path, away), 0);
    ck_assert_int_eq(reader_order(late, "l-1", &order), ERR_IO);
    ck_assert_int_eq(reader_events(late, 0, 1, on_event, &seen), ERR_IO);
    ck_assert_int_eq(reader_first_seq(late, &first), ERR_IO);
    ck_assert_int_eq(rename(away, bridge.path), 0);
    ck_assert_int_eq(reader_order(late, "l-1", &order), ERR_NONE);
    reader_destroy(late);
}
END_TEST

START_TEST(a_damaged_row_is_an_error)
{
    struct list_filter filter = { .state = FILTER_ALL, .limit = 10 };
    struct seen seen = { 0 };
    struct order order;

    kit_stop(&bridge);
    kit_change(&bridge, "UPDATE orders SET price='x'; UPDATE fills SET kind='x'");
    ck_assert_int_eq(reader_orders(reader, &filter, on_order, &seen), ERR_IO);
    ck_assert_int_eq(reader_fills(reader, &filter, on_fill, &seen), ERR_IO);
    ck_assert_int_eq(reader_order(reader, "l-1", &order), ERR_IO);
    ck_assert_int_eq(seen.count, 0);
}
END_TEST

/* --- jobs --- */

struct jobs {
    atomic_int done;
    atomic_int unavailable;
    atomic_int found;
    atomic_int gate; /* jobs wait while it is 1 */
};

static void run_job(struct history_reader *job_reader, enum err err, void *userdata)
{
    struct jobs *jobs = userdata;
    struct order order;

    while (atomic_load(&jobs->gate) == 1)
        kit_sleep_ms(1);
    if (err) {
        if (err == ERR_UNAVAILABLE && !job_reader)
            atomic_fetch_add(&jobs->unavailable, 1);
    } else if (reader_order(job_reader, "newest", &order) == ERR_NONE) {
        atomic_fetch_add(&jobs->found, 1);
    }
    atomic_fetch_add(&jobs->done, 1);
}

static struct history *start_history(int workers)
{
    struct history *history = NULL;
    struct error error = { 0 };

    ck_assert_msg(history_start(&history, bridge.journal, workers, &error) == ERR_NONE, "%s",
                  error.text);
    return history;
}

START_TEST(a_client_reads_its_own_writes)
{
    struct jobs jobs = { 0 };
    struct history *history = start_history(2);

    for (int i = 0; i < 200; i++) {
        struct order order;

        kit_order(&order, "newest");
        kit_submit(&bridge, kit_order_row(&bridge, &order));
        ck_assert_int_eq(history_submit(history, bridge.position, run_job, &jobs), ERR_NONE);
        if (i % 20 == 19)
            kit_settle(&bridge);
    }
    ck_assert_int_eq(history_submit(history, 0, run_job, &jobs), ERR_NONE);
    kit_await(atomic_load(&jobs.done) == 201);
    ck_assert_int_eq(atomic_load(&jobs.found), 201);
    history_stop(history);
}
END_TEST

START_TEST(jobs_whose_commit_does_not_come_end_together_in_time)
{
    struct jobs jobs = { 0 };
    struct history *history = start_history(1);
    int64_t began = clock_mono_ms();

    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(history_submit(history, bridge.position + 100, run_job, &jobs), ERR_NONE);
    kit_await(atomic_load(&jobs.done) == 20);
    ck_assert_int_eq(atomic_load(&jobs.unavailable), 20);
    ck_assert_int_ge(clock_mono_ms() - began, 1900);
    ck_assert_int_le(clock_mono_ms() - began, 3500);
    history_stop(history);
}
END_TEST

START_TEST(a_full_queue_is_an_answer_and_a_stop_answers_what_waits)
{
    struct jobs jobs = { .gate = 1 };
    struct history *history = start_history(2);
    int taken = 0;
    enum err err;

    do {
        err = history_submit(history, 0, run_job, &jobs);
        taken += !err;
    } while (!err && taken < 2000);
    ck_assert_int_eq(err, ERR_BUSY);
    ck_assert_int_ge(taken, 1024);
    ck_assert_int_le(taken, 1026);
    /* What runs has been let in, what waits has not. */
    pthread_t stopper;
    ck_assert_int_eq(
        pthread_create(&stopper, NULL, (void *(*)(void *))(void (*)(void))history_stop, history),
        0);
    kit_sleep_ms(50);
    atomic_store(&jobs.gate, 0);
    pthread_join(stopper, NULL);
    ck_assert_int_eq(atomic_load(&jobs.done), taken);
    ck_assert_int_ge(atomic_load(&jobs.unavailable), 1000);
    history_stop(NULL);
}
END_TEST

struct place {
    struct jobs *jobs;
    int done_before;
    atomic_bool done;
};

static void note_place(struct history_reader *job_reader, enum err err, void *userdata)
{
    struct place *place = userdata;

    (void)job_reader;
    (void)err;
    place->done_before = atomic_load(&place->jobs->done);
    atomic_store(&place->done, true);
}

START_TEST(a_job_that_goes_first_has_a_place_in_a_full_queue_and_runs_before_it)
{
    static struct place places[100];
    struct jobs jobs = { .gate = 1 };
    struct history *history = start_history(2);
    size_t taken = 0;

    while (history_submit(history, 0, run_job, &jobs) == ERR_NONE)
        ;
    kit_sleep_ms(50); /* each worker has one */
    while (history_submit(history, 0, run_job, &jobs) == ERR_NONE)
        ;
    for (; taken < ARRAY_LEN(places); taken++) {
        places[taken].jobs = &jobs;
        if (history_submit_first(history, 0, note_place, &places[taken]))
            break;
    }
    ck_assert_uint_eq(taken, 64);
    atomic_store(&jobs.gate, 0);
    for (size_t i = 0; i < taken; i++)
        kit_await(atomic_load(&places[i].done));
    ck_assert_int_le(places[taken - 1].done_before, 4);
    ck_assert_int_le(places[0].done_before, 200); /* of 1026 */
    history_stop(history);
    ck_assert_int_eq(atomic_load(&jobs.done), 1026);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("history");
    TCase *tcase = tcase_create("history");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, an_order_is_found_by_each_of_its_names);
    tcase_add_test(tcase, an_order_is_found_by_id_within_its_category_else_by_link);
    tcase_add_test(tcase, fill_keys_belong_to_one_order);
    tcase_add_test(tcase, orders_are_filtered_and_paged_newest_first);
    tcase_add_test(tcase, fills_are_filtered_and_paged_newest_first);
    tcase_add_test(tcase, a_fill_comes_back_as_it_was);
    tcase_add_test(tcase, a_list_stops_where_it_is_told);
    tcase_add_test(tcase, events_are_read_on_from_a_number);
    tcase_add_test(tcase, the_journal_knows_since_when_it_watches);
    tcase_add_test(tcase, without_that_it_has_watched_since_its_first_event);
    tcase_add_test(tcase, a_reader_without_a_file_fails_and_comes_back);
    tcase_add_test(tcase, a_damaged_row_is_an_error);
    tcase_add_test(tcase, a_client_reads_its_own_writes);
    tcase_add_test(tcase, jobs_whose_commit_does_not_come_end_together_in_time);
    tcase_add_test(tcase, a_full_queue_is_an_answer_and_a_stop_answers_what_waits);
    tcase_add_test(tcase, a_job_that_goes_first_has_a_place_in_a_full_queue_and_runs_before_it);
    suite_add_tcase(suite, tcase);
    return kit_main(suite);
}
