#include <pthread.h>
#include <stdatomic.h>

#include "tests/test_book_check_kit.h"

/* --- the same seq --- */

START_TEST(levels_that_the_snapshot_lacks_are_a_mismatch)
{
    feed_snapshot(10, 1000);
    wait_asked(1);
    ck_assert_str_eq(kit.asks[0].query, "category=linear&symbol=BTCUSDT&limit=50");
    feed(11, 1001, "[\"100\",\"2.50\"]", "");
    feed(12, 1002, "[\"99\",\"0\"]", "");
    answer(1001, "[\"100.0\",\"2.5\"],[\"99\",\"1\"],[\"98\",\"1.000\"]", ASKS);
    ck_counts(0, 1, 0); /* 97 and below, and there was room for them */
}
END_TEST

START_TEST(decimals_are_compared_as_decimals)
{
    feed_snapshot(10, 1000);
    wait_asked(1);
    feed(11, 1001, "[\"100\",\"2.50\"]", "");
    feed(12, 1002, "[\"99\",\"0\"]", "");
    answer(1001,
           "[\"100.0\",\"2.5\"],[\"99\",\"1\"],[\"98\",\"1.000\"],[\"97\",\"1\"],[\"96\",\"1\"],"
           "[\"95\",\"1\"],[\"94\",\"1\"],[\"93\",\"1\"],[\"92.00\",\"1\"],[\"91\",\"1\"]",
           ASKS);
    ck_counts(1, 0, 0);
    ck_assert_int_eq(state_of(), BOOK_SYNCED);
    ck_assert_uint_eq(distrusted(), 0);
}
END_TEST

START_TEST(an_altered_delta_is_a_mismatch_at_once)
{
    int64_t before_ms = clock_wall_ms();

    feed_snapshot(10, 1000);
    wait_asked(1);
    feed(11, 1001, "[\"96\",\"1.001\"]", ""); /* the exchange sent 1.002 */
    feed(12, 1002, "[\"100\",\"3\"]", "");
    answer(1001,
           "[\"100\",\"1\"],[\"99\",\"1\"],[\"98\",\"1\"],[\"97\",\"1\"],[\"96\",\"1.002\"],"
           "[\"95\",\"1\"],[\"94\",\"1\"],[\"93\",\"1\"],[\"92\",\"1\"],[\"91\",\"1\"]",
           ASKS);
    ck_counts(0, 1, 0);
    ck_assert_int_eq(state_of(), BOOK_SYNCING);
    ck_assert_int_eq(feed_to("BTCUSDT", 50, false, 13, 1003, "[\"100\",\"4\"]", ""), BOOK_WAITING);
    ck_assert_uint_eq(distrusted(), 1);
    ck_assert_str_eq(kit.distrusted[0].symbol, "BTCUSDT");
    ck_assert_int_eq(kit.distrusted[0].depth, 50);
    ck_assert_int_ge(kit.distrusted[0].whole_ms, before_ms);
    ck_assert_uint_eq(distrusted(), 0);
    feed_snapshot(14, 1004);
    ck_assert_int_eq(state_of(), BOOK_SYNCED);
}
END_TEST

/* It is another book than the one that was found wrong: to leave it would break it. */
START_TEST(a_snapshot_that_comes_by_itself_ends_the_distrust)
{
    feed_snapshot(10, 1000);
    wait_asked(1);
    feed(11, 1001, "[\"96\",\"1.001\"]", "");
    feed(12, 1002, "[\"100\",\"3\"]", "");
    answer(1001, BIDS, ASKS);
    ck_counts(0, 1, 0);
    feed_snapshot(1, 1003);
    ck_assert_int_eq(state_of(), BOOK_SYNCED);
    ck_assert_uint_eq(distrusted(), 0);
}
END_TEST

/* Each is wrong in one place: a level too many, one too few, on either side, also the last one. */
static const struct {
    const char *bids;
    const char *asks;
} altered[] = {
    { "[\"90\",\"1\"]", "" },  { "[\"99.5\",\"1\"]", "" }, { "[\"100\",\"0\"]", "" },
    { "[\"91\",\"0\"]", "" },  { "", "[\"101\",\"0\"]" },  { "", "[\"110\",\"0.9999999\"]" },
    { "", "[\"111\",\"5\"]" },
};

START_TEST(whatever_is_altered_is_found)
{
    feed_snapshot(10, 1000);
    wait_asked(1);
    feed(11, 1001, altered[_i].bids, altered[_i].asks);
    feed(12, 1002, "[\"98\",\"2\"]", "");
    answer(1001, BIDS, ASKS);
    ck_counts(0, 1, 0);
}
END_TEST

/* --- races --- */

START_TEST(an_older_snapshot_is_asked_for_again)
{
    feed_snapshot(10, 1000);
    wait_asked(1);
    feed(11, 1001, "[\"100\",\"2\"]", "");
    answer(999, "[\"50\",\"1\"]", "[\"51\",\"1\"]"); /* from before it was watched */
    ck_counts(0, 0, 0);
    wait_asked(2);
    answer(1000, BIDS, ASKS);
    ck_counts(1, 0, 0);
}
END_TEST

START_TEST(a_newer_snapshot_waits_for_the_stream)
{
    stop_kit();
    make_check(2, 300); /* the stream has so long */
    feed_snapshot(10, 1000);
    wait_asked(1);
    answer(1005, BIDS, ASKS);
    ck_counts(0, 0, 0);
    feed(11, 1003, "[\"100\",\"2\"]", "");
    tick();
    ck_counts(0, 0, 0);
    feed(12, 1005, "[\"100\",\"1\"]", "");
    feed(13, 1006, "[\"100\",\"9\"]", "");
    tick();
    ck_counts(1, 0, 0);
}
END_TEST

START_TEST(what_changes_around_a_snapshot_in_between_is_no_mismatch)
{
    feed_snapshot(10, 1000);
    wait_asked(1);
    feed(11, 1010, "[\"100\",\"5\"]", "[\"101\",\"0\"]");
    answer(1005,
           "[\"100\",\"3\"],[\"99\",\"1\"],[\"98\",\"1\"],[\"97\",\"1\"],[\"96\",\"1\"],"
           "[\"95\",\"1\"],[\"94\",\"1\"],[\"93\",\"1\"],[\"92\",\"1\"],[\"91\",\"1\"]",
           ASKS);
    ck_counts(1, 0, 0);
}
END_TEST

/* 98 changed and changed back between two frames: only this snapshot has seen it. */
START_TEST(a_flicker_between_two_frames_is_no_mismatch)
{
    feed_snapshot(10, 1000);
    wait_asked(1);
    feed(11, 1010, "[\"100\",\"5\"]", "");
    answer(1005,
           "[\"100\",\"1\"],[\"99\",\"1\"],[\"98\",\"8\"],[\"97\",\"1\"],[\"96\",\"1\"],"
           "[\"95\",\"1\"],[\"94\",\"1\"],[\"93\",\"1\"],[\"92\",\"1\"],[\"91\",\"1\"]",
           ASKS);
    ck_counts(0, 0, 0);
    wait_asked(2);
    feed(12, 1020, "[\"100\",\"1\"]", "");
    feed(13, 1030, "[\"100\",\"6\"]", "");
    answer(1020, BIDS, ASKS);
    ck_counts(1, 0, 0);
}
END_TEST

/* Different ones each time are flickers, however many. */
START_TEST(flickers_at_other_prices_confirm_nothing)
{
    static const char *const bids[] = { "[\"98\",\"8\"]", "[\"98\",\"9\"]", "[\"97\",\"8\"]" };
    char text[256];

    feed_snapshot(10, 1000);
    for (int i = 0; i < 8; i++) {
        wait_asked(i + 1);
        feed(11 + i, 1010 + 10 * i, i % 2 ? "[\"100\",\"1\"]" : "[\"100\",\"5\"]", "");
        (void)snprintf(
            text, sizeof(text),
            "[\"100\",\"1\"],[\"99\",\"1\"],[\"98\",\"1\"],[\"97\",\"1\"],[\"96\",\"1\"],"
            "[\"95\",\"1\"],[\"94\",\"1\"],[\"93\",\"1\"],[\"92\",\"1\"],[\"91\",\"1\"],%s",
            bids[i % 3]);
        answer(1005 + 10 * i, text, ASKS);
    }
    ck_counts(0, 0, 1); /* given up */
    ck_assert_int_eq(state_of(), BOOK_SYNCED);
}
END_TEST

START_TEST(a_difference_in_three_snapshots_in_between_is_a_mismatch)
{
    feed_snapshot(10, 1000);
    feed(11, 1001, "[\"96\",\"1.001\"]", ""); /* wrong */
    for (int i = 0; i < 3; i++) {
        ck_counts(0, 0, 0);
        wait_asked(i + 1);
        feed(12 + i, 1010 + 10 * i, i % 2 ? "[\"100\",\"1\"]" : "[\"100\",\"5\"]", "");
        answer(1005 + 10 * i, BIDS, ASKS);
    }
    ck_counts(0, 1, 0);
    ck_assert_uint_eq(distrusted(), 1);
}
END_TEST

/* An answer out of the exchange's cache is no second witness. */
START_TEST(one_snapshot_shown_three_times_confirms_nothing)
{
    feed_snapshot(10, 1000);
    feed(11, 1001, "[\"96\",\"1.001\"]", "");
    for (int i = 0; i < 8; i++) {
        wait_asked(i + 1);
        if (i == 0)
            feed(12, 1010, "[\"100\",\"5\"]", "");
        answer(1005, BIDS, ASKS);
        ck_assert_int_eq(counted(METRICS_CHECK_MISMATCH), 0);
    }
    ck_counts(0, 0, 1);
}
END_TEST

START_TEST(a_book_at_rest_is_found_wrong_too)
{
    feed_snapshot(10, 1000);
    feed(11, 1001, "[\"96\",\"1.001\"]", "");
    for (int i = 0; i < 3; i++) {
        wait_asked(i + 1);
        answer(1005, BIDS, ASKS);
        ck_counts(0, 0, 0);
        settle();
    }
    ck_counts(0, 1, 0);
}
END_TEST

/* Which of several frames of one seq the snapshot is of cannot be known. */
START_TEST(several_frames_of_one_seq_are_not_held_against_it)
{
    feed_snapshot(10, 1000);
    wait_asked(1);
    feed(11, 1001, "[\"100\",\"2\"]", "");
    feed(12, 1001, "[\"100\",\"3\"]", "");
    feed(13, 1002, "[\"99\",\"4\"]", "");
    answer(1001,
           "[\"100\",\"2\"],[\"99\",\"1\"],[\"98\",\"1\"],[\"97\",\"1\"],[\"96\",\"1\"],"
           "[\"95\",\"1\"],[\"94\",\"1\"],[\"93\",\"1\"],[\"92\",\"1\"],[\"91\",\"1\"]",
           ASKS);
    ck_counts(1, 0, 0);
}
END_TEST

/* --- what ends or restarts it --- */

START_TEST(a_restart_of_the_service_begins_anew)
{
    feed_snapshot(10, 1000);
    wait_asked(1);
    ck_assert_int_eq(feed_to("BTCUSDT", 50, false, 1, 2000, "[\"60\",\"1\"]", "[\"61\",\"1\"]"),
                     BOOK_APPLIED);
    feed(2, 2001, "[\"59\",\"1\"]", "");
    answer(1000, "[\"70\",\"1\"]", "[\"71\",\"1\"]"); /* of the book that is gone */
    ck_counts(0, 0, 0);
    wait_asked(2);
    answer(2000, "[\"60\",\"1\"]", "[\"61\",\"1\"]");
    ck_counts(1, 0, 0);
}
END_TEST

START_TEST(a_snapshot_while_it_is_asked_is_no_mismatch)
{
    feed_snapshot(10, 1000);
    feed(11, 1001, "[\"96\",\"1.001\"]", "");
    wait_asked(1);
    feed(12, 1002, "[\"100\",\"3\"]", "");
    feed_snapshot(20, 1001); /* also where seq has not moved */
    feed(21, 1003, "[\"100\",\"2\"]", "");
    answer(1001, "[\"70\",\"1\"]", "[\"71\",\"1\"]");
    ck_counts(0, 0, 0);
    ck_assert_int_eq(state_of(), BOOK_SYNCED);
}
END_TEST

static const char *const ends[] = { "forgotten", "jumped", "link down" };

START_TEST(a_book_that_is_gone_ends_it_silently)
{
    feed_snapshot(10, 1000);
    wait_asked(1);
    if (strcmp(ends[_i], "forgotten") == 0)
        market_forget_book(kit.market, CATEGORY_LINEAR, "BTCUSDT", 50);
    else if (strcmp(ends[_i], "jumped") == 0)
        ck_assert_int_eq(feed_to("BTCUSDT", 50, false, 15, 1001, "", ""), BOOK_JUMPED);
    else
        market_stale_book(kit.market, CATEGORY_LINEAR, "BTCUSDT", 50);
    answer(1000, "[\"70\",\"1\"]", "[\"71\",\"1\"]");
    settle();
    ck_counts(0, 0, 0);
    ck_assert_uint_eq(distrusted(), 0);
    ck_assert_int_eq(kit.asked, 1);
    feed_snapshot(30, 3000); /* and it is checked again when it is back */
    wait_asked(2);
    answer(3000, BIDS, ASKS);
    settle();
    ck_counts(1, 0, 0);
}
END_TEST

/* --- pace --- */

START_TEST(a_ban_lets_nothing_go)
{
    budget_ban(kit.budget, clock_mono_ms(), 200);
    feed_snapshot(10, 1000);
    for (int i = 0; i < 20; i++)
        settle();
    ck_assert_int_ge(kit.asked, 1); /* it is over by now */
    stop_kit();
    start_kit();
    budget_ban(kit.budget, clock_mono_ms(), 60000);
    feed_snapshot(10, 1000);
    for (int i = 0; i < 5; i++)
        settle();
    ck_assert_int_eq(kit.asked, 0);
}
END_TEST

START_TEST(nothing_is_asked_while_others_wait)
{
    const struct budget_claim claim = { .route = ROUTE_ORDER_REALTIME,
                                        .category = CATEGORY_LINEAR,
                                        .lane = BUDGET_OWN };

    budget_waits(kit.budget, &claim, 1);
    feed_snapshot(10, 1000);
    for (int i = 0; i < 3; i++)
        settle();
    ck_assert_int_eq(kit.asked, 0);
    budget_waits(kit.budget, &claim, -1);
    wait_asked(1);
}
END_TEST

START_TEST(few_are_under_way_at_once_and_all_get_their_turn)
{
    char symbol[24];

    for (int i = 0; i < 10; i++) {
        (void)snprintf(symbol, sizeof(symbol), "S%dUSDT", i);
        ck_assert_int_eq(feed_to(symbol, 50, true, 10, 1000, BIDS, ASKS), BOOK_APPLIED);
    }
    for (int i = 0; i < 10; i++)
        settle();
    ck_assert_int_eq(kit.asked, BOOK_CHECKS_MAX);
    for (int i = 0; i < 10; i++) {
        ck_assert_uint_gt(kit.asks_count, 0);
        answer(1000, BIDS, ASKS);
        settle();
        settle();
        settle();
    }
    ck_counts(10, 0, 0);
}
END_TEST

START_TEST(books_of_one_level_are_not_asked_for)
{
    ck_assert_int_eq(feed_to("BTCUSDT", 1, true, 10, 1000, "[\"100\",\"1\"]", "[\"101\",\"1\"]"),
                     BOOK_APPLIED);
    for (int i = 0; i < 4; i++)
        settle();
    ck_assert_int_eq(kit.asked, 0);
}
END_TEST

/* Where the exchange itself shows two different books, rebuilding again and again would only harm.
 */
START_TEST(a_book_that_differs_again_and_again_is_checked_less_often)
{
    int64_t took_ms[4];

    stop_kit();
    make_check(100, AGAIN_MS);
    for (int i = 0; i < 4; i++) {
        int64_t from_ms = clock_mono_ms();

        feed_snapshot(10, 1000);
        wait_asked(i + 1);
        took_ms[i] = clock_mono_ms() - from_ms;
        feed(11, 1001, "[\"96\",\"2\"]", "");
        feed(12, 1002, "[\"98\",\"2\"]", "");
        answer(1001, BIDS, ASKS);
        ck_assert_int_eq(counted(METRICS_CHECK_MISMATCH), i + 1);
    }
    ck_assert_int_ge(took_ms[1], 100);
    ck_assert_int_ge(took_ms[2], 200);
    ck_assert_int_ge(took_ms[3], 400);
}
END_TEST

/* --- answers that are none --- */

START_TEST(unreadable_answers_are_tried_again_and_then_given_up)
{
    static const char *const bodies[] = {
        "",
        "{}",
        "{\"retCode\":10001,\"retMsg\":\"no\",\"result\":{}}",
        "{\"retCode\":0,\"retMsg\":\"\",\"result\":{\"b\":[],\"a\":[],\"u\":0,\"seq\":1000}}",
        "{\"retCode\":0,\"retMsg\":\"\",\"result\":{\"b\":[[\"x\",\"1\"]],\"a\":[],\"u\":5}}",
        "{\"retCode\":0,\"retMsg\":\"\",\"result\":[]}",
        "{\"retCode\":0,\"result\":{\"b\":[[\"9\",\"1\"]],\"a\":[],\"u\":5,\"seq\":\"-1\"}}",
        "{\"retCode\":0,\"retMsg\":\"\",\"result\":null}",
    };

    feed_snapshot(10, 1000);
    for (int i = 0; i < 8; i++) {
        wait_asked(i + 1);
        ck_counts(0, 0, 0);
        answer_text(bodies[i]);
    }
    ck_counts(0, 0, 1);
    ck_assert_int_eq(state_of(), BOOK_SYNCED);
}
END_TEST

START_TEST(no_turn_in_the_budget_ends_it)
{
    const struct rest_answer throttled = { .throttled = true, .body = "" };

    feed_snapshot(10, 1000);
    wait_asked(1);
    answer_raw(&throttled);
    ck_counts(0, 0, 1);
}
END_TEST

START_TEST(a_full_reads_thread_is_tried_again)
{
    feed_snapshot(10, 1000);
    kit.err = ERR_BUSY;
    for (int i = 0; i < 4; i++)
        settle();
    ck_assert_int_eq(kit.asked, 0);
    kit.err = ERR_NONE;
    wait_asked(1);
}
END_TEST

/* --- long histories --- */

START_TEST(a_snapshot_is_found_among_many_frames)
{
    char bids[64];
    char right[512];

    feed_snapshot(10, 1000);
    wait_asked(1);
    for (int i = 1; i <= 3000; i++) { /* several segments */
        (void)snprintf(bids, sizeof(bids), "[\"%d\",\"%d\"]", 91 + i % 10, i);
        feed(10 + i, 1000 + i, bids, "");
    }
    (void)snprintf(right, sizeof(right),
                   "[\"100\",\"2499\"],[\"99\",\"2498\"],[\"98\",\"2497\"],[\"97\",\"2496\"],"
                   "[\"96\",\"2495\"],[\"95\",\"2494\"],[\"94\",\"2493\"],[\"93\",\"2492\"],"
                   "[\"92\",\"2491\"],[\"91\",\"2490\"]");
    answer(3499, right, ASKS);
    ck_counts(1, 0, 0);
}
END_TEST

START_TEST(what_a_flood_has_pushed_out_is_no_mismatch)
{
    char bids[64];

    feed_snapshot(10, 1000);
    wait_asked(1);
    for (int i = 1; i <= 20000; i++) {
        (void)snprintf(bids, sizeof(bids), "[\"%d\",\"%d\"]", 91 + i % 10, i);
        feed(10 + i, 1000 + i, bids, "");
    }
    answer(1001, "[\"70\",\"1\"]", "[\"71\",\"1\"]");
    ck_counts(0, 0, 0);
    wait_asked(2);
}
END_TEST

/* --- threads --- */

#define PRICES 10

/* Frame i sets one price to quantity i + 1. Its seq is even: odd ones are in between two. */
static int64_t qty_at(int price, int64_t frame)
{
    int64_t last = frame - ((frame - price) % PRICES + PRICES) % PRICES;

    return last < 1 ? 1 : last + 1;
}

static struct {
    atomic_int frame;
    atomic_bool stop;
    atomic_bool altered; /* from now on, all quantities of price 0 */
} feeder;

static void *feed_run(void *userdata)
{
    char bids[64];

    (void)userdata;
    for (int i = 1; !atomic_load(&feeder.stop); i++) {
        int price = i % PRICES;

        (void)snprintf(bids, sizeof(bids), "[\"%d\",\"%d%s\"]", 100 - price, i + 1,
                       price == 0 && atomic_load(&feeder.altered) ? ".5" : "");
        if (feed_to("BTCUSDT", 50, false, 10 + i, 1000 + 2 * i, bids, "") == BOOK_WAITING)
            break;
        atomic_store(&feeder.frame, i);
        usleep(50);
    }
    return NULL;
}

/* As the exchange would: its book of a moment that the stream may have reached or not. */
static void answer_moment(int64_t frame, int64_t seq)
{
    char bids[512] = "";
    size_t at = 0;

    for (int price = 0; price < PRICES; price++)
        at += (size_t)snprintf(bids + at, sizeof(bids) - at, "%s[\"%d\",\"%" PRId64 "\"]",
                               price ? "," : "", 100 - price, qty_at(price, frame));
    answer((int)seq, bids, ASKS);
}

static void serve_checks(int until)
{
    int64_t end_ms = clock_mono_ms() + 20000;
    unsigned turn = 0;
    int64_t last = -1;

    while (counted(METRICS_CHECK_AGREED) < until && counted(METRICS_CHECK_MISMATCH) == 0 &&
           clock_mono_ms() < end_ms) {
        int64_t now = atomic_load(&feeder.frame);
        int64_t frame = now + (int)(turn++ % 7) - 3;

        /* What is ahead of a stream that stands still is a difference, and is to be found. */
        if (now == last && frame > now)
            frame = now;
        tick();
        if (kit.asks_count > 0) {
            answer_moment(frame < 0 ? 0 : frame, 1000 + 2 * (frame < 0 ? 0 : frame) + turn % 2);
            last = now;
        }
        usleep(100);
    }
}

START_TEST(races_are_no_mismatches_and_an_alteration_is_found)
{
    pthread_t thread;

    stop_kit();
    make_check(1, 1);
    feed_snapshot(10, 1000);
    memset(&feeder, 0, sizeof(feeder));
    pthread_create(&thread, NULL, feed_run, NULL);
    serve_checks(200);
    ck_assert_int_ge(counted(METRICS_CHECK_AGREED), 200);
    ck_assert_int_eq(counted(METRICS_CHECK_MISMATCH), 0);
    atomic_store(&feeder.altered, true);
    serve_checks(1000000);
    ck_assert_int_eq(counted(METRICS_CHECK_MISMATCH), 1);
    atomic_store(&feeder.stop, true);
    pthread_join(thread, NULL);
    ck_assert_int_eq(state_of(), BOOK_SYNCING);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bybit/book_check");
    TCase *tcase = tcase_create("book_check");
    SRunner *runner;
    int failures;

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, start_kit, stop_kit);
    tcase_add_test(tcase, levels_that_the_snapshot_lacks_are_a_mismatch);
    tcase_add_test(tcase, decimals_are_compared_as_decimals);
    tcase_add_test(tcase, an_altered_delta_is_a_mismatch_at_once);
    tcase_add_test(tcase, a_snapshot_that_comes_by_itself_ends_the_distrust);
    tcase_add_loop_test(tcase, whatever_is_altered_is_found, 0, ARRAY_LEN(altered));
    tcase_add_test(tcase, an_older_snapshot_is_asked_for_again);
    tcase_add_test(tcase, a_newer_snapshot_waits_for_the_stream);
    tcase_add_test(tcase, what_changes_around_a_snapshot_in_between_is_no_mismatch);
    tcase_add_test(tcase, a_flicker_between_two_frames_is_no_mismatch);
    tcase_add_test(tcase, flickers_at_other_prices_confirm_nothing);
    tcase_add_test(tcase, a_difference_in_three_snapshots_in_between_is_a_mismatch);
    tcase_add_test(tcase, one_snapshot_shown_three_times_confirms_nothing);
    tcase_add_test(tcase, a_book_at_rest_is_found_wrong_too);
    tcase_add_test(tcase, several_frames_of_one_seq_are_not_held_against_it);
    tcase_add_test(tcase, a_restart_of_the_service_begins_anew);
    tcase_add_test(tcase, a_snapshot_while_it_is_asked_is_no_mismatch);
    tcase_add_loop_test(tcase, a_book_that_is_gone_ends_it_silently, 0, ARRAY_LEN(ends));
    tcase_add_test(tcase, a_ban_lets_nothing_go);
    tcase_add_test(tcase, nothing_is_asked_while_others_wait);
    tcase_add_test(tcase, few_are_under_way_at_once_and_all_get_their_turn);
    tcase_add_test(tcase, books_of_one_level_are_not_asked_for);
    tcase_add_test(tcase, a_book_that_differs_again_and_again_is_checked_less_often);
    tcase_add_test(tcase, unreadable_answers_are_tried_again_and_then_given_up);
    tcase_add_test(tcase, no_turn_in_the_budget_ends_it);
    tcase_add_test(tcase, a_full_reads_thread_is_tried_again);
    tcase_add_test(tcase, a_snapshot_is_found_among_many_frames);
    tcase_add_test(tcase, what_a_flood_has_pushed_out_is_no_mismatch);
    tcase_add_test(tcase, races_are_no_mismatches_and_an_alteration_is_found);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
