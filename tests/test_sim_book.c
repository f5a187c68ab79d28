#include <check.h>

#include "sim/book.h"

static struct book book;

static void setup(void)
{
    book_init(&book);
}

static void teardown(void)
{
    book_deinit(&book);
}

static bool is_sorted(void)
{
    for (size_t i = 1; i < book.bids.count; i++) {
        if (book.bids.levels[i - 1].ticks <= book.bids.levels[i].ticks ||
            book.asks.levels[i - 1].ticks >= book.asks.levels[i].ticks)
            return false;
    }
    return true;
}

START_TEST(the_best_price_comes_first_on_both_sides)
{
    static const int64_t prices[] = { 100, 103, 98, 101, 99 };

    for (size_t i = 0; i < ARRAY_LEN(prices); i++) {
        ck_assert_ptr_nonnull(book_add(&book, SIDE_BUY, prices[i], 1, NULL));
        ck_assert_ptr_nonnull(book_add(&book, SIDE_SELL, prices[i] + 100, 1, NULL));
    }
    ck_assert_int_eq(book_best_ticks(&book, SIDE_BUY), 103);
    ck_assert_int_eq(book_best_ticks(&book, SIDE_SELL), 198);
    ck_assert_uint_eq(book.bids.count, 5);
    ck_assert(is_sorted());
}
END_TEST

START_TEST(at_one_price_the_oldest_order_trades_first)
{
    int first;
    int second;
    struct book_entry *entry = book_add(&book, SIDE_SELL, 100, 5, &first);

    ck_assert_ptr_nonnull(book_add(&book, SIDE_SELL, 100, 7, &second));
    ck_assert_ptr_eq(book_best(&book, SIDE_SELL)->owner, &first);
    book_reduce(&book, entry, 2);
    ck_assert_ptr_eq(book_best(&book, SIDE_SELL)->owner, &first);
    book_reduce(&book, entry, 3);
    ck_assert_ptr_eq(book_best(&book, SIDE_SELL)->owner, &second);
    ck_assert_int_eq(book.asks.levels[0].lots, 7);
}
END_TEST

START_TEST(a_level_goes_with_its_last_order)
{
    struct book_entry *a = book_add(&book, SIDE_BUY, 100, 5, NULL);
    struct book_entry *b = book_add(&book, SIDE_BUY, 100, 6, NULL);

    ck_assert_ptr_nonnull(book_add(&book, SIDE_BUY, 99, 1, NULL));
    book_remove(&book, a);
    ck_assert_int_eq(book.bids.levels[0].lots, 6);
    book_remove(&book, b);
    ck_assert_uint_eq(book.bids.count, 1);
    ck_assert_int_eq(book_best_ticks(&book, SIDE_BUY), 99);
}
END_TEST

static const struct {
    enum side side;
    int64_t limit, wanted, available, cost;
} takes[] = {
    { SIDE_BUY, 100, 100, 0, 0 },   { SIDE_BUY, 101, 100, 3, 303 }, { SIDE_BUY, 101, 2, 2, 202 },
    { SIDE_BUY, 102, 100, 7, 711 }, { SIDE_SELL, 99, 100, 5, 495 }, { SIDE_SELL, 98, 6, 6, 593 },
    { SIDE_SELL, 100, 100, 0, 0 },
};

START_TEST(a_taker_gets_what_its_limit_reaches)
{
    ck_assert_ptr_nonnull(book_add(&book, SIDE_SELL, 101, 3, NULL));
    ck_assert_ptr_nonnull(book_add(&book, SIDE_SELL, 102, 4, NULL));
    ck_assert_ptr_nonnull(book_add(&book, SIDE_BUY, 99, 5, NULL));
    ck_assert_ptr_nonnull(book_add(&book, SIDE_BUY, 98, 6, NULL));
    ck_assert_int_eq(book_available(&book, takes[_i].side, takes[_i].limit, takes[_i].wanted),
                     takes[_i].available);
    ck_assert_int_eq((int64_t)book_cost(&book, takes[_i].side, takes[_i].limit, takes[_i].wanted),
                     takes[_i].cost);
}
END_TEST

START_TEST(the_makers_order_is_found_among_the_users)
{
    int user;
    struct book_entry *maker;

    ck_assert_ptr_nonnull(book_add(&book, SIDE_BUY, 100, 1, &user));
    ck_assert_ptr_null(book_maker_at(&book, SIDE_BUY, 100));
    maker = book_add(&book, SIDE_BUY, 100, 1, NULL);
    ck_assert_ptr_eq(book_maker_at(&book, SIDE_BUY, 100), maker);
    ck_assert_ptr_null(book_maker_at(&book, SIDE_BUY, 101));
}
END_TEST

START_TEST(a_side_holds_only_so_many_levels)
{
    for (int64_t i = 1; i <= BOOK_LEVELS_MAX; i++)
        ck_assert_ptr_nonnull(book_add(&book, SIDE_SELL, i, 1, NULL));
    ck_assert_ptr_null(book_add(&book, SIDE_SELL, BOOK_LEVELS_MAX + 1, 1, NULL));
    ck_assert_ptr_nonnull(book_add(&book, SIDE_SELL, 1, 1, NULL));
}
END_TEST

START_TEST(every_change_raises_the_version)
{
    struct book_entry *entry = book_add(&book, SIDE_BUY, 100, 5, NULL);
    uint64_t version = book.version;

    book_reduce(&book, entry, 1);
    ck_assert_uint_gt(book.version, version);
    version = book.version;
    book_remove(&book, entry);
    ck_assert_uint_gt(book.version, version);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim/book");
    TCase *tcase = tcase_create("book");
    SRunner *runner;
    int failures;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_best_price_comes_first_on_both_sides);
    tcase_add_test(tcase, at_one_price_the_oldest_order_trades_first);
    tcase_add_test(tcase, a_level_goes_with_its_last_order);
    tcase_add_loop_test(tcase, a_taker_gets_what_its_limit_reaches, 0, ARRAY_LEN(takes));
    tcase_add_test(tcase, the_makers_order_is_found_among_the_users);
    tcase_add_test(tcase, a_side_holds_only_so_many_levels);
    tcase_add_test(tcase, every_change_raises_the_version);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures ? 1 : 0;
}
