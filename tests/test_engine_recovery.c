/* tests/test_engine_recovery.c - recovery, look-ups, the horizon rule, finds: one event at a time.
 */
#include "engine/recovery.h"
#include "tests/test_engine_kit.h"

/* --- start and gaps --- */

START_TEST(creates_wait_for_the_first_recovery)
{
    struct bench *bench = bench_open(100, false);

    create(bench, "a");
    (void)replied(bench, OUTCOME_NOT_READY);
    happens(bench, EVENT_START);
    happens(bench, EVENT_PRIVATE_UP);
    ck_assert_ptr_null(first(bench, ACTION_READ));
    happens(bench, EVENT_CLOCK);
    ck_assert_int_eq(count(bench, ACTION_READ), 4);
    ck_assert(status_of(bench).recovering);
    create(bench, "a");
    (void)replied(bench, OUTCOME_NOT_READY);
    bench_close(bench);
}
END_TEST

START_TEST(recovery_reads_all_lists_and_sets_the_watermark)
{
    struct bench *bench = bench_open(100, false);
    const struct engine_action *read;

    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    read = must(bench, ACTION_READ, 0);
    ck_assert_int_eq(read->u.read.kind, READ_EXECUTIONS);
    ck_assert_int_eq(read->u.read.start_ms, T0 - 60000 - 120000);
    ck_assert_int_eq(read->u.read.end_ms, T0 + 300 + 2000);
    ck_assert_int_eq(read->u.read.limit, 100);
    ck_assert_int_eq(answer_reads_empty(bench), 13);
    ck_assert(status_of(bench).ready);
    ck_assert_str_eq(status_of(bench).why, "");
    ck_assert_int_eq(status_of(bench).watermark_ms,
                     T0 - 60000); /* E - 5 min is older: it never falls */
    bench_close(bench);
}
END_TEST

static const struct engine_action *watermark_row(struct bench *bench)
{
    for (int n = 0; nth(bench, ACTION_ROW, n); n++) {
        if (must(bench, ACTION_ROW, n)->u.row.kind == ROW_WATERMARK)
            return must(bench, ACTION_ROW, n);
    }
    ck_abort_msg("no watermark");
    return NULL;
}

/* Once: since when the journal lacks nothing. */
START_TEST(the_first_watermark_says_how_far_back_the_first_recovery_read)
{
    struct bench *bench = bench_open_at(100, false, 0);
    int64_t from_ms;

    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    from_ms = must(bench, ACTION_READ, 0)->u.read.start_ms;
    ck_assert_int_eq(from_ms, T0 + 300 - 86400000);
    (void)answer_reads_empty(bench);
    ck_assert_int_eq(watermark_row(bench)->u.row.watched_from_ms, from_ms);
    ck_assert_int_eq(watermark_row(bench)->u.row.options_from_ms, from_ms);
    tick_at(bench, T0 + 60000);
    ck_assert_int_gt(watermark_row(bench)->u.row.watermark_ms, T0 - 300000);
    ck_assert_int_eq(watermark_row(bench)->u.row.watched_from_ms, 0);
    ck_assert_int_eq(watermark_row(bench)->u.row.options_from_ms, 0);
    bench_close(bench);
}
END_TEST

START_TEST(long_spans_are_read_in_windows_of_seven_days)
{
    static struct scan_job jobs[SCAN_JOBS_MAX];
    struct scan_coin coins[OPTION_COINS_SCANNED_MAX];
    int64_t day_ms = 86400000;
    struct scan_span span = { .from_ms = T0 - 20 * day_ms,
                              .until_ms = T0,
                              .history_from_ms = T0 - day_ms,
                              .with_open = true,
                              .with_history = true,
                              .with_options = true,
                              .coins = coins,
                              .coins_count = 3,
                              .options_from_ms = T0 - 20 * day_ms,
                              .with_options_history = true };
    size_t jobs_count;
    int executions = 0;

    for (size_t i = 0; i < ARRAY_LEN(coins); i++)
        coins[i] = (struct scan_coin){ .owed_ms = INT64_MAX };
    jobs_count = recovery_plan(jobs, &span);
    for (size_t i = 0; i < jobs_count; i++) {
        ck_assert_int_le(jobs[i].end_ms - jobs[i].start_ms, 7 * day_ms);
        executions += jobs[i].kind == READ_EXECUTIONS;
    }
    ck_assert_int_eq(executions, 18);
    ck_assert_uint_eq(jobs_count, 29);
    coins[1].owed_ms = T0 - 30 * day_ms; /* that one alone from then on */
    ck_assert_uint_eq(recovery_plan(jobs, &span), 31);
    coins[1].refused = true;
    ck_assert_uint_eq(recovery_plan(jobs, &span), 26);
    coins[1].refused = false;
    span.coins_count = ARRAY_LEN(coins);
    span.from_ms = span.options_from_ms = 0;
    jobs_count = recovery_plan(jobs, &span);
    ck_assert_uint_lt(jobs_count, SCAN_JOBS_MAX);
    ck_assert_uint_eq(jobs_count, 2408);
    span.with_options = false;
    ck_assert_uint_eq(recovery_plan(jobs, &span), 367);
}
END_TEST

/* Answers all reads of a plan: those of options are refused, `all`: of the others too. */
static int refuse_reads(struct bench *bench, bool all)
{
    struct engine_event event = { .kind = EVENT_PAGE };
    struct engine_action reads[64];
    int asked = 0;
    int refused = 0;

    for (int next = 0; first(bench, ACTION_READ) || next < asked; next++) {
        for (int n = 0; nth(bench, ACTION_READ, n); n++)
            reads[asked++] = *must(bench, ACTION_READ, n);
        event.u.page.read_id = reads[next].u.read.read_id;
        event.u.page.rejected = all || reads[next].u.read.category == CATEGORY_OPTION;
        event.u.page.absent = event.u.page.rejected;
        event.u.page.ok = !event.u.page.rejected;
        event.u.page.next_cursor = "";
        refused += event.u.page.rejected;
        feed(bench, &event);
    }
    return refused;
}

START_TEST(an_account_without_options_is_ready_without_them)
{
    struct bench *bench = bench_open(100, false);

    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    ck_assert_int_eq(refuse_reads(bench, false), 3);
    ck_assert(status_of(bench).ready);
    tick_at(bench, T0 + 5000); /* not asked again */
    ck_assert_int_eq(answer_reads_empty(bench), 10);
    happens(bench, EVENT_PRIVATE_DOWN);
    happens(bench, EVENT_PRIVATE_UP); /* but after a gap */
    ck_assert_int_eq(answer_reads_empty(bench), 13);
    bench_close(bench);
}
END_TEST

START_TEST(a_key_that_may_read_nothing_says_nothing_about_options)
{
    struct bench *bench = bench_open(100, false);

    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    ck_assert_int_eq(refuse_reads(bench, true), 13);
    ck_assert(!status_of(bench).ready);
    tick_at(bench, T0 + 1000);
    ck_assert_int_eq(answer_reads_empty(bench), 13);
    ck_assert(status_of(bench).ready);
    bench_close(bench);
}
END_TEST

START_TEST(a_cursor_that_comes_again_is_noticed)
{
    struct cursor_guard guard;
    const char *circle[] = { "a", "b", "c" };
    int passed = 0;
    char cursor[16];

    memset(&guard, 0, sizeof(guard));
    while (cursor_guard_pass(&guard, circle[passed % 3]))
        passed++;
    ck_assert_int_lt(passed, 12);
    memset(&guard, 0, sizeof(guard));
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(cursor, sizeof(cursor), "%d", i);
        ck_assert(cursor_guard_pass(&guard, cursor));
    }
}
END_TEST

START_TEST(a_void_window_is_read_again_from_its_first_page)
{
    struct bench *bench = bench_open(100, false);
    uint64_t read_id;

    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    read_id = must(bench, ACTION_READ, 0)->u.read.read_id;
    page(bench, read_id, true, NULL, 0, NULL, 0, "next");
    ck_assert_str_eq(must(bench, ACTION_READ, 0)->u.read.cursor, "next");
    ck_assert_int_eq(must(bench, ACTION_READ, 0)->u.read.start_ms, T0 - 180000);
    read_id = must(bench, ACTION_READ, 0)->u.read.read_id;
    page(bench, read_id, true, NULL, 0, NULL, 0, "next"); /* again: void */
    ck_assert_int_eq(count(bench, ACTION_READ), 1);       /* the next job */
    ck_assert_int_ne(must(bench, ACTION_READ, 0)->u.read.kind, READ_EXECUTIONS);
    ck_assert_int_eq(engine_next_tick_ms(bench->engine), T0 + 1000);
    read_id = must(bench, ACTION_READ, 0)->u.read.read_id;
    tick_at(bench, T0 + 1000);
    page(bench, read_id, false, NULL, 0, NULL, 0, "");
    ck_assert_int_eq(must(bench, ACTION_READ, 0)->u.read.kind, READ_EXECUTIONS);
    ck_assert_str_eq(must(bench, ACTION_READ, 0)->u.read.cursor, "");
    ck_assert(!status_of(bench).ready);
    bench_close(bench);
}
END_TEST

/* The next read of spot executions, when it is asked for; all else is answered as empty. */
static struct engine_action next_spot_read(struct bench *bench)
{
    static struct engine_action asked[64];
    size_t count = 0;

    for (int ticks = 0; ticks < 100;) {
        for (int n = 0; nth(bench, ACTION_READ, n); n++) {
            ck_assert_uint_lt(count, ARRAY_LEN(asked));
            asked[count++] = *must(bench, ACTION_READ, n);
        }
        bench->actions.count = 0;
        for (size_t i = 0; i < count; i++) {
            if (asked[i].u.read.kind == READ_EXECUTIONS &&
                asked[i].u.read.category == CATEGORY_SPOT)
                return asked[i]; /* of those behind it none is looked for again */
        }
        if (count > 0) {
            empty_page(bench, asked[--count].u.read.read_id);
        } else {
            tick_at(bench, bench->now_ms + 100);
            ticks++;
        }
    }
    ck_abort_msg("no such read");
}

static void answer_spot_read(struct bench *bench, const struct engine_action *read, bool ok,
                             const char *cursor)
{
    page(bench, read->u.read.read_id, ok, NULL, 0, NULL, 0, cursor);
}

/* Else a long one would never be read to its end where each read can fail. */
START_TEST(a_window_that_fails_behind_its_first_page_is_read_in_halves)
{
    struct bench *bench = bench_open(100, false);
    int64_t start_ms = T0 - 180000;
    int64_t end_ms = T0 + 300 + 2000;
    int64_t middle_ms = start_ms + (end_ms - start_ms) / 2;
    struct engine_action read;

    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    read = next_spot_read(bench);
    ck_assert_int_eq(read.u.read.end_ms, end_ms);
    answer_spot_read(bench, &read, true, "next");
    read = next_spot_read(bench);
    ck_assert_str_eq(read.u.read.cursor, "next");
    answer_spot_read(bench, &read, false, "");
    read = next_spot_read(bench);
    ck_assert_int_eq(read.u.read.start_ms, middle_ms);
    ck_assert_int_eq(read.u.read.end_ms, end_ms);
    ck_assert_str_eq(read.u.read.cursor, "");
    answer_spot_read(bench, &read, true, "");
    for (int times = 0; times < 2; times++) { /* its first page fails: it is read again as it is */
        read = next_spot_read(bench);
        ck_assert_int_eq(read.u.read.start_ms, start_ms);
        ck_assert_int_eq(read.u.read.end_ms, middle_ms);
        answer_spot_read(bench, &read, times > 0, "");
    }
    ck_assert(!status_of(bench).ready);
    for (int i = 0; i < 100 && !status_of(bench).ready; i++)
        tick_at(bench, bench->now_ms + answer_reads_empty(bench) + 1000);
    ck_assert(status_of(bench).ready);
    bench_close(bench);
}
END_TEST

START_TEST(a_fill_missed_while_dead_is_found_by_the_scan)
{
    struct bench *bench = bench_open(100, false);
    struct fill fill = fill_of("e1", "id-a", 10);
    struct order order;
    struct engine_event event = { .kind = EVENT_RESTORE, .u.restore.order = &order };

    memset(&order, 0, sizeof(order));
    order.request = request_of("a");
    memcpy(order.order_id, "id-a", 5);
    order.state = ORDER_LIVE;
    order.status = STATUS_NEW;
    order.filled_qty = DECIMAL_ZERO;
    order.created_ms = T0 - 50000;
    feed(bench, &event);
    happens(bench, EVENT_START);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    page(bench, must(bench, ACTION_READ, 0)->u.read.read_id, true, NULL, 0, &fill, 1, "");
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_FILL);
    ck_assert_str_eq(must(bench, ACTION_ROW, 0)->u.row.fill.tag, "grid");
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.fill.source, SOURCE_SCAN);
    bench_close(bench);
}
END_TEST

START_TEST(the_scan_reaches_back_to_the_oldest_order_in_doubt)
{
    static const enum order_state open[] = { ORDER_UNKNOWN, ORDER_ACKED };
    struct bench *bench = bench_open(100, false);
    struct order order;
    struct engine_event event = { .kind = EVENT_RESTORE, .u.restore.order = &order };

    memset(&order, 0, sizeof(order));
    order.request = request_of("a");
    order.state = open[_i];
    order.filled_qty = DECIMAL_ZERO;
    order.created_ms = T0 - 3600000; /* the watermark is a minute old */
    order.deadline_ms = order.created_ms + 5000;
    feed(bench, &event);
    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    ck_assert_int_eq(must(bench, ACTION_READ, 0)->u.read.kind, READ_EXECUTIONS);
    ck_assert_int_eq(must(bench, ACTION_READ, 0)->u.read.start_ms, order.created_ms + 300 - 10000);
    bench_close(bench);
}
END_TEST

START_TEST(a_restart_never_sends_an_intent_again)
{
    struct bench *bench = bench_open(100, false);
    struct order order;
    struct engine_event event = { .kind = EVENT_RESTORE, .u.restore.order = &order };

    memset(&order, 0, sizeof(order));
    order.request = request_of("a");
    order.state = ORDER_INTENT;
    order.attempt = 1;
    order.filled_qty = DECIMAL_ZERO;
    order.created_ms = T0 - 1000;
    order.deadline_ms = T0 + 4000;
    feed(bench, &event);
    happens(bench, EVENT_START);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.order.state, ORDER_UNKNOWN);
    ck_assert_ptr_null(first(bench, ACTION_SEND_CREATE));
    commit(bench);
    ck_assert_ptr_null(first(bench, ACTION_SEND_CREATE));
    bench_close(bench);
}
END_TEST

START_TEST(creates_go_on_through_a_short_gap)
{
    struct bench *bench = bench_open(100, true);

    bench->now_ms = T0 + 1000;
    happens(bench, EVENT_PRIVATE_DOWN);
    create(bench, "a");
    ck_assert_ptr_null(first(bench, ACTION_REPLY));
    tick_at(bench, T0 + 31000);
    ck_assert(status_of(bench).ready);
    tick_at(bench, T0 + 31001);
    ck_assert(!status_of(bench).ready);
    happens(bench, EVENT_PRIVATE_UP);
    ck_assert_int_eq(must(bench, ACTION_READ, 0)->u.read.start_ms, T0 + 300 - 120000);
    (void)answer_reads_empty(bench);
    ck_assert(status_of(bench).ready);
    bench_close(bench);
}
END_TEST

START_TEST(a_gap_during_recovery_begins_it_anew)
{
    struct bench *bench = bench_open(100, false);
    uint64_t read_id;

    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    read_id = must(bench, ACTION_READ, 0)->u.read.read_id;
    happens(bench, EVENT_PRIVATE_DOWN);
    empty_page(bench, read_id);
    ck_assert_ptr_null(first(bench, ACTION_READ));
    happens(bench, EVENT_PRIVATE_UP);
    ck_assert_int_eq(count(bench, ACTION_READ), 4);
    ck_assert_int_eq(answer_reads_empty(bench), 13);
    ck_assert(status_of(bench).ready);
    bench_close(bench);
}
END_TEST

START_TEST(scans_come_again_and_then_an_audit)
{
    struct bench *bench = bench_open(100, true);

    tick_at(bench, T0 + 4999);
    ck_assert_ptr_null(first(bench, ACTION_READ));
    tick_at(bench, T0 + 5000);
    ck_assert_int_eq(must(bench, ACTION_READ, 0)->u.read.start_ms, T0 + 5300 - 300000);
    (void)answer_reads_empty(bench);
    tick_at(bench, T0 + 15000);
    ck_assert_ptr_nonnull(first(bench, ACTION_READ));
    (void)answer_reads_empty(bench);
    tick_at(bench, T0 + 60000);
    (void)answer_reads_empty(bench);
    tick_at(bench, T0 + 300000);
    ck_assert_int_eq(must(bench, ACTION_READ, 0)->u.read.start_ms, T0 + 300300 - 300000);
    ck_assert_int_eq(answer_reads_empty(bench), 13);
    tick_at(bench, engine_next_tick_ms(bench->engine));
    ck_assert_int_eq(answer_reads_empty(bench), 9); /* the audit */
    ck_assert_int_eq(status_of(bench).watermark_ms, T0 + 300300 - 300000);
    bench_close(bench);
}
END_TEST

START_TEST(the_watermark_stays_while_evidence_waits)
{
    struct bench *bench = bench_open(100, true);
    uint64_t find_id;

    order_seen(bench, "", "id-x", STATUS_NEW, 0);
    find_id = must(bench, ACTION_FIND, 0)->u.find.find_id;
    tick_at(bench, T0 + 400000);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    found(bench, find_id, NULL, false);
    tick_at(bench, T0 + 401000);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_WATERMARK);
    bench_close(bench);
}
END_TEST

START_TEST(news_starts_the_series_again)
{
    struct bench *bench = bench_open(100, true);
    struct fill fill = fill_of("e1", "", 1);

    fill.kind = FILL_FUNDING;
    tick_at(bench, T0 + 5000);
    (void)answer_reads_empty(bench);
    tick_at(bench, T0 + 15000);
    page(bench, must(bench, ACTION_READ, 0)->u.read.read_id, true, NULL, 0, &fill, 1, "");
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, NULL, false);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_FILL);
    bench->now_ms = T0 + 15001;
    for (uint64_t id = 1; id < 60; id++)
        empty_page(bench, id); /* whatever is in flight */
    tick_at(bench, T0 + 20000);
    ck_assert_ptr_null(first(bench, ACTION_READ));
    tick_at(bench, T0 + 20001);
    ck_assert_ptr_nonnull(first(bench, ACTION_READ));
    bench_close(bench);
}
END_TEST

START_TEST(an_open_order_that_a_complete_scan_lacks_is_looked_up)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");
    struct order_report report;
    bool asked = false;

    answer(bench, send_id, REPLY_OK, 0, "id-a");
    order_seen(bench, "a", "id-a", STATUS_NEW, 0);
    bench->now_ms = T0 + 1000;
    happens(bench, EVENT_PRIVATE_DOWN);
    bench->now_ms = T0 + 2000;
    happens(bench, EVENT_PRIVATE_UP);
    (void)answer_reads_empty(bench);
    tick_at(bench, T0 + 2000);
    for (int n = 0; nth(bench, ACTION_READ, n); n++)
        asked |= must(bench, ACTION_READ, n)->u.read.kind == READ_ORDER;
    ck_assert(asked);
    ck_assert_str_eq(must(bench, ACTION_READ, 0)->u.read.order_id, "id-a");
    report = report_of("a", "id-a", STATUS_CANCELLED, 0, T0 + 1500);
    page(bench, must(bench, ACTION_READ, 0)->u.read.read_id, true, &report, 1, NULL, 0, "");
    ck_assert_int_eq(state_of(bench, "a"), ORDER_CLOSED);
    bench_close(bench);
}
END_TEST

START_TEST(without_keys_nothing_is_read)
{
    struct engine_config config = { .times = engine_times_default, .link_prefix = "t" };
    struct bench *bench = bench_open(10, false);

    engine_destroy(bench->engine);
    ck_assert_int_eq(engine_create(&bench->engine, &config), ERR_NONE);
    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    ck_assert_ptr_null(first(bench, ACTION_READ));
    ck_assert(!status_of(bench).ready);
    ck_assert_int_eq(engine_next_tick_ms(bench->engine), INT64_MAX);
    bench_close(bench);
}
END_TEST

/* --- the horizon --- */

/* Ticks through `ms`, answering all look-ups with `ok` empty pages. Returns how many were complete.
 */
static int look_up_for(struct bench *bench, int64_t until_ms, bool ok)
{
    int looked = 0;

    while (engine_next_tick_ms(bench->engine) <= until_ms) {
        uint64_t ids[64];
        enum read_kind kinds[64];
        int asked = 0;
        int answered = 0;

        tick_at(bench, engine_next_tick_ms(bench->engine) > bench->now_ms
                           ? engine_next_tick_ms(bench->engine)
                           : bench->now_ms);
        for (;;) {
            for (int n = 0; nth(bench, ACTION_READ, n); n++) {
                kinds[asked] = must(bench, ACTION_READ, n)->u.read.kind;
                ids[asked++] = must(bench, ACTION_READ, n)->u.read.read_id;
            }
            if (answered == asked)
                break;
            looked += kinds[answered] == READ_ORDER_EXECUTIONS;
            page(bench, ids[answered], ok || kinds[answered] < READ_ORDER, NULL, 0, NULL, 0, "");
            answered++;
        }
    }
    bench->now_ms = until_ms;
    return looked;
}

START_TEST(what_never_arrived_is_proved_by_the_horizon)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_LOST, 0, "");
    /* signed at T0 - 50: + 5000 + 1000 + 30000 + 20, but our own clock must agree: T0 + 36000 */
    ck_assert_int_eq(look_up_for(bench, T0 + 35999, true), 4); /* 2, 5, 10, 20 s */
    ck_assert_int_eq(state_of(bench, "a"), ORDER_UNKNOWN);
    ck_assert_int_eq(look_up_for(bench, T0 + 36001, true), 1);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_NEVER_ACCEPTED);
    ck_assert(engine_find(bench->engine, "a")->settled);
    bench_close(bench);
}
END_TEST

START_TEST(failed_look_ups_prove_nothing)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_LOST, 0, "");
    (void)look_up_for(bench, T0 + 300000, false);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_UNKNOWN);
    (void)look_up_for(bench, T0 + 340000, true);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_NEVER_ACCEPTED);
    bench_close(bench);
}
END_TEST

START_TEST(one_complete_look_up_is_not_enough_however_late)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_LOST, 0, "");
    (void)look_up_for(bench, T0 + 100000, false);
    while (look_up_for(bench, bench->now_ms + 1000, true) == 0)
        ;
    ck_assert_int_eq(state_of(bench, "a"), ORDER_UNKNOWN);
    (void)look_up_for(bench, bench->now_ms + 18000, true);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_UNKNOWN);
    (void)look_up_for(bench, bench->now_ms + 4000, true);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_NEVER_ACCEPTED);
    bench_close(bench);
}
END_TEST

START_TEST(with_a_gap_six_look_ups_over_120_s_are_needed)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_LOST, 0, "");
    happens(bench, EVENT_PRIVATE_DOWN);
    happens(bench, EVENT_PRIVATE_UP);
    (void)answer_reads_empty(bench);
    (void)look_up_for(bench, T0 + 119000, true);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_UNKNOWN);
    (void)look_up_for(bench, T0 + 121000, true);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_NEVER_ACCEPTED);
    bench_close(bench);
}
END_TEST

START_TEST(without_the_clock_of_the_exchange_there_is_no_horizon)
{
    struct bench *bench = bench_open(100, false);
    struct order order;
    struct engine_event event = { .kind = EVENT_RESTORE, .u.restore.order = &order };

    memset(&order, 0, sizeof(order));
    order.request = request_of("a");
    order.state = ORDER_INTENT;
    order.filled_qty = DECIMAL_ZERO;
    order.created_ms = T0 - 1000;
    order.deadline_ms = T0 + 4000;
    feed(bench, &event);
    happens(bench, EVENT_START);
    (void)look_up_for(bench, T0 + 200000, true);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_UNKNOWN);
    bench_close(bench);
}
END_TEST

START_TEST(a_jump_of_the_exchanges_clock_does_not_bring_the_horizon_nearer)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_LOST, 0, "");
    bench->skew_ms = 3600000;
    happens(bench, EVENT_CLOCK);
    (void)look_up_for(bench, T0 + 35000, true);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_UNKNOWN);
    bench_close(bench);
}
END_TEST

START_TEST(evidence_ends_the_doubt)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_LOST, 0, "");
    (void)look_up_for(bench, T0 + 15000, true);
    order_seen(bench, "a", "id-a", STATUS_NEW, 0);
    (void)look_up_for(bench, T0 + 200000, true);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_LIVE);
    bench_close(bench);
}
END_TEST

START_TEST(a_refused_link_is_watched_until_the_horizon)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_REFUSED, 10006, "");
    ck_assert_int_eq(look_up_for(bench, T0 + 60000, true), 5);
    ck_assert_int_eq(look_up_for(bench, T0 + 590000, true), 0);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_NOT_SENT);
    bench_close(bench);
}
END_TEST

START_TEST(an_acked_order_that_nobody_sees_for_a_day_is_gone)
{
    struct bench *bench = bench_open(100, true);
    uint64_t send_id = sent(bench, "a");

    answer(bench, send_id, REPLY_OK, 0, "id-a");
    (void)look_up_for(bench, T0 + 86399000, true);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_ACKED);
    (void)look_up_for(bench, T0 + 86400000 + 310000, true);
    ck_assert_ptr_null(engine_find(bench->engine, "nobody"));
    ck_assert_int_eq(state_of(bench, "a"), ORDER_GONE);
    bench_close(bench);
}
END_TEST

/* --- finds --- */

START_TEST(an_order_of_others_is_kept_as_external)
{
    struct bench *bench = bench_open(100, true);

    order_seen(bench, "", "id-x", STATUS_NEW, 0);
    ck_assert_str_eq(must(bench, ACTION_FIND, 0)->u.find.order_id, "id-x");
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    {
        uint64_t find_id = must(bench, ACTION_FIND, 0)->u.find.find_id;

        order_seen(bench, "", "id-x", STATUS_PARTIALLY_FILLED, 3);
        fill_seen(bench, "e1", "id-x", 3);
        fill_seen(bench, "e1", "id-x", 3);
        ck_assert_ptr_null(first(bench, ACTION_FIND)); /* one question for all */
        found(bench, find_id, NULL, false);
    }
    ck_assert_int_eq(count(bench, ACTION_ROW), 3);
    ck_assert(engine_find(bench->engine, "id-x")->external);
    ck_assert_int_eq(decimal_sign(&engine_find(bench->engine, "id-x")->filled_qty), 1);
    bench_close(bench);
}
END_TEST

START_TEST(a_link_of_an_earlier_run_is_adopted_only_when_the_journal_knows_no_other_order)
{
    struct bench *bench = bench_open(100, false);
    struct order order;
    struct order other;
    struct engine_event event = { .kind = EVENT_RESTORE, .u.restore.order = &order };

    memset(&order, 0, sizeof(order));
    order.request = request_of("a");
    order.state = ORDER_INTENT;
    order.filled_qty = DECIMAL_ZERO;
    order.created_ms = T0 - 1000;
    order.deadline_ms = T0 + 4000;
    feed(bench, &event);
    happens(bench, EVENT_START);
    other = order;
    other.external = true;
    other.state = ORDER_LIVE;
    other.status = STATUS_NEW;
    memcpy(other.order_id, "id-x", 5);
    other.request.link[0] = '\0';
    order_seen(bench, "a", "id-x", STATUS_NEW, 0);
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, &other, false);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_UNKNOWN);
    order_seen(bench, "a", "id-a", STATUS_NEW, 0);
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, NULL, false);
    ck_assert_int_eq(state_of(bench, "a"), ORDER_LIVE);
    bench_close(bench);
}
END_TEST

/* Another program's order of this link, older than ours: without the exchange's clock that does not
 * show yet. */
START_TEST(another_order_of_a_link_of_an_earlier_run_waits_for_the_clock)
{
    struct bench *bench = bench_open(100, false);
    struct order order;
    struct engine_event event = { .kind = EVENT_RESTORE, .u.restore.order = &order };
    struct order_report report = report_of("a", "id-x", STATUS_NEW, 0, T0 - 50000);

    memset(&order, 0, sizeof(order));
    order.request = request_of("a");
    order.state = ORDER_UNKNOWN;
    order.filled_qty = DECIMAL_ZERO;
    order.created_ms = T0 - 1000;
    order.deadline_ms = T0 + 4000;
    feed(bench, &event);
    happens(bench, EVENT_START);
    happens(bench, EVENT_PRIVATE_UP);
    report.qty = decimal_from_int(77);
    feed(bench, &(struct engine_event){ .kind = EVENT_ORDER, .u.order = &report });
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, &order, false);
    ck_assert_str_eq(engine_find(bench->engine, "a")->order_id, "");
    happens(bench, EVENT_CLOCK);
    tick_at(bench, bench->now_ms + 2000);
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, &order, false);
    ck_assert_str_eq(engine_find(bench->engine, "a")->order_id, "");
    ck_assert(engine_find(bench->engine, "id-x")->external);
    bench_close(bench);
}
END_TEST

START_TEST(a_link_that_comes_while_the_journal_is_asked_is_asked_too)
{
    struct bench *bench = bench_open(100, true);
    uint64_t find_id;

    fill_seen(bench, "e1", "id-x", 3);
    find_id = must(bench, ACTION_FIND, 0)->u.find.find_id;
    order_seen(bench, "b", "id-x", STATUS_FILLED, 3);
    found(bench, find_id, NULL, false);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    ck_assert_str_eq(must(bench, ACTION_FIND, 0)->u.find.link, "b");
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, NULL, false);
    ck_assert(engine_find(bench->engine, "b")->external);
    bench_close(bench);
}
END_TEST

START_TEST(a_question_that_failed_is_asked_again)
{
    struct bench *bench = bench_open(100, true);
    struct engine_event event = { .kind = EVENT_FOUND };

    order_seen(bench, "", "id-x", STATUS_NEW, 0);
    event.u.found.find_id = must(bench, ACTION_FIND, 0)->u.find.find_id;
    event.u.found.failed = true;
    feed(bench, &event);
    ck_assert_ptr_null(first(bench, ACTION_FIND));
    tick_at(bench, T0 + 1000);
    ck_assert_ptr_nonnull(first(bench, ACTION_FIND));
    bench_close(bench);
}
END_TEST

START_TEST(late_evidence_about_a_final_order_is_judged_by_the_stored_one)
{
    struct bench *bench = bench_open(100, true);
    struct order order;
    struct fill_key key = { "e1" };
    struct engine_event event = { .kind = EVENT_FOUND };

    memset(&order, 0, sizeof(order));
    order.request = request_of("a");
    memcpy(order.order_id, "id-a", 5);
    order.state = ORDER_CLOSED;
    order.status = STATUS_FILLED;
    order.filled_qty = decimal_from_int(10);
    order.settled = true;
    fill_seen(bench, "e1", "id-a", 10);
    event.u.found.find_id = must(bench, ACTION_FIND, 0)->u.find.find_id;
    event.u.found.order = &order;
    event.u.found.fills = &key;
    event.u.found.fills_count = 1;
    feed(bench, &event);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    ck_assert_uint_eq(status_of(bench).anomalies, 0);
    bench_close(bench);
}
END_TEST

START_TEST(a_lone_fill_waits_for_a_look_up_of_its_order)
{
    struct bench *bench = bench_open(100, true);
    struct order_report report = report_of("", "id-x", STATUS_FILLED, 3, T0);

    fill_seen(bench, "e1", "id-x", 3);
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, NULL, false);
    ck_assert_int_eq(must(bench, ACTION_READ, 0)->u.read.kind, READ_ORDER);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    empty_page(bench, must(bench, ACTION_READ, 0)->u.read.read_id);
    ck_assert_int_eq(must(bench, ACTION_READ, 0)->u.read.kind, READ_ORDER_HISTORY);
    page(bench, must(bench, ACTION_READ, 0)->u.read.read_id, true, &report, 1, NULL, 0, "");
    ck_assert_int_eq(count(bench, ACTION_ROW), 3); /* the order, its fill, settled */
    ck_assert(engine_find(bench->engine, "id-x")->settled);
    bench_close(bench);
}
END_TEST

/* The reads that the last step asked for. */
static size_t take_reads(struct bench *bench, uint64_t *ids, size_t count_now)
{
    for (int i = 0; i < count(bench, ACTION_READ); i++) {
        ck_assert_int_ne(must(bench, ACTION_READ, i)->u.read.kind, READ_ORDER);
        ids[count_now++] = must(bench, ACTION_READ, i)->u.read.read_id;
    }
    return count_now;
}

START_TEST(a_lone_fill_of_a_scan_waits_for_what_else_the_scan_brings)
{
    struct bench *bench = bench_open(100, false);
    struct fill fill = fill_of("e1", "id-x", 3);
    uint64_t reads[64];
    size_t known;
    size_t next = 0;

    happens(bench, EVENT_START);
    happens(bench, EVENT_CLOCK);
    happens(bench, EVENT_PRIVATE_UP);
    known = take_reads(bench, reads, 0);
    memset(fill.link, 0, sizeof(fill.link));
    page(bench, reads[next++], true, NULL, 0, &fill, 1, "");
    for (int i = 0; i < count(bench, ACTION_READ); i++)
        reads[known++] = must(bench, ACTION_READ, i)->u.read.read_id;
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, NULL, false);
    ck_assert_int_eq(count(bench, ACTION_READ), 0);
    while (next + 1 < known) { /* nothing is asked singly until the last list is there */
        empty_page(bench, reads[next++]);
        known = take_reads(bench, reads, known);
    }
    empty_page(bench, reads[next]);
    ck_assert_int_eq(must(bench, ACTION_READ, 0)->u.read.kind, READ_ORDER);
    bench_close(bench);
}
END_TEST

START_TEST(a_fill_whose_order_is_nowhere_is_journaled_all_the_same)
{
    struct bench *bench = bench_open(100, true);

    fill_seen(bench, "e1", "id-x", 3);
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, NULL, false);
    for (int i = 0; i < 5; i++) {
        if (!first(bench, ACTION_READ))
            tick_at(bench, bench->now_ms + 1000);
        empty_page(bench, must(bench, ACTION_READ, 0)->u.read.read_id);
        empty_page(bench, must(bench, ACTION_READ, 0)->u.read.read_id);
    }
    ck_assert_int_eq(count(bench, ACTION_ROW), 2);
    ck_assert_int_eq(must(bench, ACTION_ROW, 0)->u.row.kind, ROW_ORDER);
    ck_assert_int_eq(must(bench, ACTION_ROW, 1)->u.row.kind, ROW_FILL);
    fill_seen(bench, "e1", "id-x", 3);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    bench_close(bench);
}
END_TEST

START_TEST(funding_is_journaled_once)
{
    struct bench *bench = bench_open(100, true);
    struct fill fill = fill_of("f1", "", 1);
    struct engine_event event = { .kind = EVENT_FILL, .u.fill = &fill };
    uint64_t find_id;

    fill.kind = FILL_FUNDING;
    feed(bench, &event);
    find_id = must(bench, ACTION_FIND, 0)->u.find.find_id;
    ck_assert_str_eq(must(bench, ACTION_FIND, 0)->u.find.exec_id, "f1");
    feed(bench, &event);
    ck_assert_ptr_null(first(bench, ACTION_FIND));
    found(bench, find_id, NULL, false);
    ck_assert_int_eq(count(bench, ACTION_ROW), 1);
    feed(bench, &event);
    found(bench, must(bench, ACTION_FIND, 0)->u.find.find_id, NULL, true);
    ck_assert_ptr_null(first(bench, ACTION_ROW));
    bench_close(bench);
}
END_TEST

START_TEST(what_waits_is_bounded_and_what_is_dropped_is_owed)
{
    struct bench *bench = bench_open(100, true);
    char id[32];

    for (int i = 0; i < 4096; i++) {
        (void)snprintf(id, sizeof(id), "id-%d", i);
        order_seen(bench, "", id, STATUS_NEW, 0);
    }
    ck_assert(!status_of(bench).recovering);
    order_seen(bench, "", "one-more", STATUS_NEW, 0);
    ck_assert(status_of(bench).recovering);
    bench_close(bench);
}
END_TEST

static const TTest *const *all(size_t *tests_count)
{
    static const TTest *tests[64];
    size_t at = 0;

    tests[at++] = creates_wait_for_the_first_recovery;
    tests[at++] = recovery_reads_all_lists_and_sets_the_watermark;
    tests[at++] = the_first_watermark_says_how_far_back_the_first_recovery_read;
    tests[at++] = long_spans_are_read_in_windows_of_seven_days;
    tests[at++] = an_account_without_options_is_ready_without_them;
    tests[at++] = a_key_that_may_read_nothing_says_nothing_about_options;
    tests[at++] = a_cursor_that_comes_again_is_noticed;
    tests[at++] = a_void_window_is_read_again_from_its_first_page;
    tests[at++] = a_window_that_fails_behind_its_first_page_is_read_in_halves;
    tests[at++] = a_fill_missed_while_dead_is_found_by_the_scan;
    tests[at++] = a_restart_never_sends_an_intent_again;
    tests[at++] = creates_go_on_through_a_short_gap;
    tests[at++] = a_gap_during_recovery_begins_it_anew;
    tests[at++] = scans_come_again_and_then_an_audit;
    tests[at++] = news_starts_the_series_again;
    tests[at++] = an_open_order_that_a_complete_scan_lacks_is_looked_up;
    tests[at++] = without_keys_nothing_is_read;
    tests[at++] = what_never_arrived_is_proved_by_the_horizon;
    tests[at++] = failed_look_ups_prove_nothing;
    tests[at++] = one_complete_look_up_is_not_enough_however_late;
    tests[at++] = the_watermark_stays_while_evidence_waits;
    tests[at++] = with_a_gap_six_look_ups_over_120_s_are_needed;
    tests[at++] = without_the_clock_of_the_exchange_there_is_no_horizon;
    tests[at++] = a_jump_of_the_exchanges_clock_does_not_bring_the_horizon_nearer;
    tests[at++] = evidence_ends_the_doubt;
    tests[at++] = a_refused_link_is_watched_until_the_horizon;
    tests[at++] = an_acked_order_that_nobody_sees_for_a_day_is_gone;
    tests[at++] = an_order_of_others_is_kept_as_external;
    tests[at++] = a_link_of_an_earlier_run_is_adopted_only_when_the_journal_knows_no_other_order;
    tests[at++] = another_order_of_a_link_of_an_earlier_run_waits_for_the_clock;
    tests[at++] = a_link_that_comes_while_the_journal_is_asked_is_asked_too;
    tests[at++] = a_question_that_failed_is_asked_again;
    tests[at++] = late_evidence_about_a_final_order_is_judged_by_the_stored_one;
    tests[at++] = a_lone_fill_waits_for_a_look_up_of_its_order;
    tests[at++] = a_lone_fill_of_a_scan_waits_for_what_else_the_scan_brings;
    tests[at++] = a_fill_whose_order_is_nowhere_is_journaled_all_the_same;
    tests[at++] = funding_is_journaled_once;
    tests[at++] = what_waits_is_bounded_and_what_is_dropped_is_owed;
    *tests_count = at;
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("engine recovery");
    TCase *tcase = tcase_create("recovery");
    SRunner *runner;
    size_t tests_count;
    const TTest *const *tests = all(&tests_count);
    int failures;

    for (size_t i = 0; i < tests_count; i++)
        tcase_add_test(tcase, tests[i]);
    tcase_add_loop_test(tcase, the_scan_reaches_back_to_the_oldest_order_in_doubt, 0, 2);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
