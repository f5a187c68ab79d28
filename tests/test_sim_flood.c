/* Levels, the random book, and what a flood publishes and keeps: without a socket. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "sim/feeds.h"
#include "sim/feeds_flood.h"
#include "sim/flood.h"
#include "sim/market.h"

#define DEPTH 50
#define MID   100000

static struct feed_side side_of(const int64_t (*levels)[2], size_t count)
{
    struct feed_side side = { .count = count };

    for (size_t i = 0; i < count; i++)
        side.levels[i] = (struct feed_level){ levels[i][0], levels[i][1] };
    return side;
}

static bool is_same(const struct feed_side *a, const struct feed_side *b)
{
    return a->count == b->count &&
           memcmp(a->levels, b->levels, a->count * sizeof(a->levels[0])) == 0;
}

static size_t place_of(const struct feed_side *side, enum side which, int64_t ticks)
{
    size_t i = 0;

    while (i < side->count &&
           (which == SIDE_BUY ? side->levels[i].ticks > ticks : side->levels[i].ticks < ticks))
        i++;
    return i;
}

static void put(struct feed_side *side, enum side which, struct feed_level level)
{
    size_t i = place_of(side, which, level.ticks);
    bool there = i < side->count && side->levels[i].ticks == level.ticks;
    size_t behind = side->count - i;

    if (level.lots > 0 && !there) {
        ck_assert_uint_lt(side->count, LEVELS_MAX);
        memmove(&side->levels[i + 1], &side->levels[i], behind * sizeof(level));
        side->count++;
    } else if (level.lots == 0 && there) {
        memmove(&side->levels[i], &side->levels[i + 1], (behind - 1) * sizeof(level));
        side->count--;
    }
    if (level.lots > 0)
        side->levels[i] = level;
}

/* As a client does it: apply, then cut to the depth. */
static void apply(struct feed_side *side, enum side which, const struct level_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++)
        put(side, which, changes->levels[i]);
    if (side->count > DEPTH)
        side->count = DEPTH;
}

START_TEST(a_delta_tells_inserts_changes_and_deletes)
{
    static const int64_t was[][2] = { { 100, 5 }, { 99, 1 }, { 97, 7 }, { 95, 2 } };
    static const int64_t is[][2] = { { 101, 1 }, { 99, 1 }, { 97, 8 }, { 96, 3 } };
    static const int64_t told[][2] = { { 101, 1 }, { 100, 0 }, { 97, 8 }, { 96, 3 }, { 95, 0 } };
    static struct level_changes changes;
    static struct feed_side old, new;

    old = side_of(was, ARRAY_LEN(was));
    new = side_of(is, ARRAY_LEN(is));
    levels_delta(SIDE_BUY, &old, &new, &changes);
    ck_assert_uint_eq(changes.count, ARRAY_LEN(told));
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        ck_assert_int_eq(changes.levels[i].ticks, told[i][0]);
        ck_assert_int_eq(changes.levels[i].lots, told[i][1]);
    }
    levels_delta(SIDE_BUY, &new, &new, &changes);
    ck_assert_uint_eq(changes.count, 0);
}
END_TEST

START_TEST(a_delta_of_asks_is_best_first)
{
    static const int64_t was[][2] = { { 10, 5 }, { 12, 1 } };
    static const int64_t is[][2] = { { 9, 1 }, { 11, 4 } };
    static const int64_t told[] = { 9, 10, 11, 12 };
    static struct level_changes changes;
    static struct feed_side old, new;

    old = side_of(was, ARRAY_LEN(was));
    new = side_of(is, ARRAY_LEN(is));
    levels_delta(SIDE_SELL, &old, &new, &changes);
    ck_assert_uint_eq(changes.count, ARRAY_LEN(told));
    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        ck_assert_int_eq(changes.levels[i].ticks, told[i]);
}
END_TEST

static struct feed_side shown[2], followed[2];
static struct level_changes changes[2];

static void show(const struct flood_book *book)
{
    flood_book_side(book, SIDE_BUY, &shown[0]);
    flood_book_side(book, SIDE_SELL, &shown[1]);
}

/* Follows the book by its deltas; `leave`: without what only left the shown part. */
static void follow(const struct flood_book *book, bool leave)
{
    struct feed_side before[2] = { shown[0], shown[1] };

    show(book);
    for (int i = 0; i < 2; i++) {
        enum side side = i ? SIDE_SELL : SIDE_BUY;

        levels_delta(side, &before[i], &shown[i], &changes[i]);
        if (leave)
            flood_book_leave(book, side, &changes[i]);
        apply(&followed[i], side, &changes[i]);
        ck_assert(is_same(&followed[i], &shown[i]));
    }
}

START_TEST(whoever_follows_the_deltas_has_the_book)
{
    struct flood_book *book = flood_book_create(DEPTH, MID, 1000, 1);
    size_t told = 0;
    size_t crossed = 0;
    int64_t best = 0;

    show(book);
    followed[0] = shown[0];
    followed[1] = shown[1];
    for (int i = 0; i < 20000; i++) {
        flood_book_step(book);
        follow(book, _i == 1 || (_i == 2 && i % 2));
        told += changes[0].count + changes[1].count;
        ck_assert_int_lt(shown[0].levels[0].ticks, shown[1].levels[0].ticks);
        ck_assert_uint_gt(shown[0].count, DEPTH / 2);
        ck_assert_uint_gt(shown[1].count, DEPTH / 2);
        crossed += best && shown[0].levels[0].ticks >= best;
        best = shown[1].levels[0].ticks;
    }
    ck_assert_uint_gt(told, 20000);
    ck_assert_uint_gt(crossed,
                      100); /* bids where asks have been: each needs both sides of its delta */
    flood_book_destroy(book);
}
END_TEST

START_TEST(some_levels_leave_and_come_back)
{
    struct flood_book *book = flood_book_create(DEPTH, MID, 1000, 2);
    size_t all = 0;
    size_t told = 0;

    show(book);
    for (int i = 0; i < 10000; i++) {
        struct feed_side before = shown[0];

        flood_book_step(book);
        show(book);
        levels_delta(SIDE_BUY, &before, &shown[0], &changes[0]);
        all += changes[0].count;
        flood_book_leave(book, SIDE_BUY, &changes[0]);
        told += changes[0].count;
    }
    ck_assert_uint_gt(told, all / 2);
    ck_assert_uint_lt(told, all - all / 50);
    flood_book_destroy(book);
}
END_TEST

START_TEST(one_seed_gives_one_sequence)
{
    struct flood_book *books[3];

    for (int i = 0; i < 3; i++) {
        books[i] = flood_book_create(DEPTH, MID, 1000, i == 2 ? 8 : 7);
        for (int step = 0; step < 1000; step++)
            flood_book_step(books[i]);
    }
    flood_book_side(books[0], SIDE_SELL, &shown[0]);
    flood_book_side(books[1], SIDE_SELL, &shown[1]);
    ck_assert(is_same(&shown[0], &shown[1]));
    flood_book_side(books[2], SIDE_SELL, &shown[1]);
    ck_assert(!is_same(&shown[0], &shown[1]));
    for (int i = 0; i < 3; i++)
        flood_book_destroy(books[i]);
}
END_TEST

START_TEST(a_held_bid_stays_as_it_is)
{
    struct flood_book *book = flood_book_create(DEPTH, MID, 1000, (uint64_t)_i);
    struct feed_level held;
    size_t place;
    bool changed = false;

    for (int i = 0; i < _i; i++)
        flood_book_step(book);
    held = flood_book_hold(book);
    for (int i = 0; i < 50000; i++) {
        flood_book_step(book);
        flood_book_side(book, SIDE_BUY, &shown[0]);
        place = place_of(&shown[0], SIDE_BUY, held.ticks);
        ck_assert_uint_lt(place, shown[0].count);
        ck_assert_int_eq(shown[0].levels[place].ticks, held.ticks);
        ck_assert_int_eq(shown[0].levels[place].lots, held.lots);
    }
    flood_book_release(book);
    for (int i = 0; i < 50000 && !changed; i++) {
        flood_book_step(book);
        flood_book_side(book, SIDE_BUY, &shown[0]);
        place = place_of(&shown[0], SIDE_BUY, held.ticks);
        changed = place == shown[0].count || shown[0].levels[place].lots != held.lots;
    }
    ck_assert(changed);
    flood_book_destroy(book);
}
END_TEST

/* --- floods --- */

static struct exchange exchange;
static struct sockets sockets;
static struct feeds *feeds;
static int64_t now_us;

static int index_of(void)
{
    return instrument_find(CATEGORY_LINEAR, "BTCUSDT")->index;
}

static void set_heard(bool heard)
{
    sockets.listeners[SOCKET_LINEAR][topic_public(FEED_BOOK_50, index_of())] = heard;
    sockets.topics_count[SOCKET_LINEAR] = heard;
}

static void setup(void)
{
    ck_assert_int_eq(exchange_init(&exchange, INT64_C(1767225600000), 1), ERR_NONE);
    ck_assert_int_eq(market_init(&exchange, 5), ERR_NONE);
    memset(&sockets, 0, sizeof(sockets));
    sockets.exchange = &exchange;
    feeds = feeds_create(&sockets, &exchange);
    now_us = 1000000;
    set_heard(true);
}

static void teardown(void)
{
    feeds_destroy(feeds);
    market_deinit(&exchange);
    exchange_deinit(&exchange);
}

static struct flood_plan plan_of(int64_t deltas)
{
    return (struct flood_plan){ .feed = FEED_BOOK_50,
                                .instrument = index_of(),
                                .deltas = deltas,
                                .jumps_most = deltas,
                                .keep_every = 10,
                                .seed = 3 };
}

/* A millisecond for each call. */
static void run(int calls)
{
    for (int i = 0; i < calls; i++) {
        (void)feeds_flood_run(feeds, now_us);
        now_us += 1000;
        exchange.now_ms++;
    }
}

START_TEST(books_are_kept_and_the_picture_is_the_last_one)
{
    struct flood_plan plan = plan_of(1000);
    const struct feed_flood *flood;
    struct feed_picture picture;
    struct decimal price;
    struct decimal size;
    char price_text[DECIMAL_TEXT_MAX];
    char size_text[DECIMAL_TEXT_MAX];
    char best[2 * DECIMAL_TEXT_MAX];
    uint64_t u = 0;

    ck_assert_int_eq(feeds_flood_start(feeds, &plan), ERR_NONE);
    run(100);
    flood = feeds_flood(feeds);
    ck_assert_int_eq(flood->published, 1000);
    ck_assert_int_eq(feeds_flood_run(feeds, now_us), -1);
    ck_assert_uint_eq(flood->points_end - flood->points_first, 100);
    for (uint64_t i = flood->points_first; i < flood->points_end; i++) {
        const struct flood_point *point = &flood->points[i % FLOOD_POINTS_MAX];

        ck_assert_uint_eq(point->u % 10, 0);
        ck_assert(u == 0 || point->u == u + 10);
        u = point->u;
    }
    feeds_picture(feeds, index_of(), &picture);
    ck_assert_uint_eq(picture.u, u);
    ck_assert_uint_eq(picture.seq, exchange.seq);
    ck_assert_uint_eq(picture.bids_count, DEPTH);
    price = instrument_price(instrument_at(index_of()), picture.bids[0].ticks);
    size = instrument_qty(instrument_at(index_of()), picture.bids[0].lots);
    (void)snprintf(best, sizeof(best), "%s:%s,", decimal_format(&price, price_text),
                   decimal_format(&size, size_text));
    ck_assert_int_eq(
        strncmp(flood->points[(flood->points_end - 1) % FLOOD_POINTS_MAX].book, best, strlen(best)),
        0);
}
END_TEST

START_TEST(it_waits_while_nobody_hears_it)
{
    struct flood_plan plan = plan_of(100);

    set_heard(false);
    ck_assert_int_eq(feeds_flood_start(feeds, &plan), ERR_NONE);
    run(10);
    ck_assert_int_eq(feeds_flood(feeds)->published, 0);
    set_heard(true);
    run(10);
    ck_assert_int_eq(feeds_flood(feeds)->published, 100);
}
END_TEST

START_TEST(it_keeps_its_pace)
{
    struct flood_plan plan = plan_of(1000);

    plan.every_us = 500;
    ck_assert_int_eq(feeds_flood_start(feeds, &plan), ERR_NONE);
    set_heard(false);
    run(1);
    set_heard(true);
    ck_assert_int_eq(feeds_flood_run(feeds, now_us), 1);
    run(100);
    ck_assert_int_ge(feeds_flood(feeds)->published, 198);
    ck_assert_int_le(feeds_flood(feeds)->published, 204);
    now_us += 10000000; /* what is very late is not caught up with */
    run(1);
    for (int i = 0; i < 20; i++)
        (void)feeds_flood_run(feeds, now_us);
    ck_assert_int_le(feeds_flood(feeds)->published, 420);
}
END_TEST

START_TEST(faults_come_as_often_as_planned)
{
    struct flood_plan plan = plan_of(100000);
    const struct feed_flood *flood;

    plan.parts[FLOOD_GAP] = 10000;
    plan.parts[FLOOD_DUPLICATE] = 20000;
    plan.parts[FLOOD_RESTART] = 1000;
    plan.parts[FLOOD_LEAVE] = 500000;
    ck_assert_int_eq(feeds_flood_start(feeds, &plan), ERR_NONE);
    run(2000);
    flood = feeds_flood(feeds);
    ck_assert_int_eq(flood->published, 100000);
    ck_assert_int_ge(flood->counts[FLOOD_GAP], 900);
    ck_assert_int_le(flood->counts[FLOOD_GAP], 1100);
    ck_assert_int_ge(flood->counts[FLOOD_DUPLICATE], 1850);
    ck_assert_int_le(flood->counts[FLOOD_DUPLICATE], 2150);
    ck_assert_int_ge(flood->counts[FLOOD_RESTART], 60);
    ck_assert_int_le(flood->counts[FLOOD_RESTART], 140);
    ck_assert_int_eq(flood->counts[FLOOD_REORDER], 0);
    ck_assert_int_ge(flood->counts[FLOOD_LEAVE], 49000);
    ck_assert_int_le(flood->counts[FLOOD_LEAVE], 51000);
    ck_assert_uint_le(flood->points_end - flood->points_first, FLOOD_POINTS_MAX);
    ck_assert_uint_gt(flood->points_first, 0);
    ck_assert_uint_le(flood->points_bytes, FLOOD_POINTS_BYTES_MAX);
}
END_TEST

START_TEST(there_are_no_more_jumps_than_allowed)
{
    struct flood_plan plan = plan_of(10000);
    const struct feed_flood *flood;

    plan.parts[FLOOD_GAP] = 10000;
    plan.parts[FLOOD_REORDER] = 10000;
    plan.jumps_most = 7;
    ck_assert_int_eq(feeds_flood_start(feeds, &plan), ERR_NONE);
    run(300);
    flood = feeds_flood(feeds);
    ck_assert_int_eq(flood->published, 10000);
    ck_assert_int_eq(flood->counts[FLOOD_GAP] + flood->counts[FLOOD_REORDER], 7);
}
END_TEST

START_TEST(one_delta_is_altered_after_a_quiet_second)
{
    struct flood_plan plan = plan_of(100000);
    const struct feed_flood *flood;
    int64_t gaps;
    int64_t start_ms = exchange.now_ms;

    plan.every_us = 100;
    plan.alter_at = 1000;
    plan.parts[FLOOD_GAP] = 50000;
    ck_assert_int_eq(feeds_flood_start(feeds, &plan), ERR_NONE);
    run(900);
    flood = feeds_flood(feeds);
    gaps = flood->counts[FLOOD_GAP];
    ck_assert_int_ge(gaps, 10);
    ck_assert_int_eq(flood->altered_ms, 0);
    run(1000);
    ck_assert_int_ge(flood->altered_ms - start_ms, 1000);
    ck_assert_uint_gt(flood->altered_seq, 0);
    ck_assert_int_eq(flood->joined_ms, 0);
    ck_assert_int_eq(flood->counts[FLOOD_GAP], gaps);
}
END_TEST

static const struct {
    enum feed feed;
    enum category category;
    const char *symbol;
} no_books[] = {
    { FEED_BOOK_1, CATEGORY_LINEAR, "BTCUSDT" },
    { FEED_BOOK_25, CATEGORY_LINEAR, "BTCUSDT" },
    { FEED_TICKER, CATEGORY_LINEAR, "BTCUSDT" },
};

START_TEST(only_books_with_deltas_are_flooded)
{
    struct flood_plan plan = plan_of(10);

    plan.feed = no_books[_i].feed;
    plan.instrument = instrument_find(no_books[_i].category, no_books[_i].symbol)->index;
    ck_assert_int_eq(feeds_flood_start(feeds, &plan), ERR_INVALID);
    ck_assert_ptr_null(feeds_flood(feeds));
}
END_TEST

START_TEST(the_markets_book_follows_a_flood)
{
    struct flood_plan plan = plan_of(10);
    struct feed_picture picture;
    uint64_t u;

    ck_assert_int_eq(feeds_flood_start(feeds, &plan), ERR_NONE);
    run(10);
    feeds_picture(feeds, index_of(), &picture);
    u = picture.u;
    feeds_flood_stop(feeds);
    ck_assert_ptr_null(feeds_flood(feeds));
    feeds_tick(feeds);
    feeds_tick(feeds);
    ck_assert_int_eq(feeds_flood_start(feeds, &plan), ERR_NONE);
    feeds_picture(feeds, index_of(), &picture);
    ck_assert_uint_eq(picture.u, u + 1);
    ck_assert_int_eq(picture.bids[0].ticks, book_best_ticks(&exchange.books[index_of()], SIDE_BUY));
}
END_TEST

static void add_books(Suite *suite)
{
    TCase *tcase = tcase_create("books");

    tcase_add_test(tcase, a_delta_tells_inserts_changes_and_deletes);
    tcase_add_test(tcase, a_delta_of_asks_is_best_first);
    tcase_add_loop_test(tcase, whoever_follows_the_deltas_has_the_book, 0, 3);
    tcase_add_test(tcase, some_levels_leave_and_come_back);
    tcase_add_test(tcase, one_seed_gives_one_sequence);
    tcase_add_loop_test(tcase, a_held_bid_stays_as_it_is, 0, 5);
    suite_add_tcase(suite, tcase);
}

static void add_floods(Suite *suite)
{
    TCase *tcase = tcase_create("floods");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, books_are_kept_and_the_picture_is_the_last_one);
    tcase_add_test(tcase, it_waits_while_nobody_hears_it);
    tcase_add_test(tcase, it_keeps_its_pace);
    tcase_add_test(tcase, faults_come_as_often_as_planned);
    tcase_add_test(tcase, there_are_no_more_jumps_than_allowed);
    tcase_add_test(tcase, one_delta_is_altered_after_a_quiet_second);
    tcase_add_loop_test(tcase, only_books_with_deltas_are_flooded, 0, ARRAY_LEN(no_books));
    tcase_add_test(tcase, the_markets_book_follows_a_flood);
    suite_add_tcase(suite, tcase);
}

int main(void)
{
    Suite *suite = suite_create("sim/flood");
    SRunner *runner;
    int failures;

    add_books(suite);
    add_floods(suite);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
